"""Where the tests' own directories can lie. Nothing on an overlay, a container's root as a rule, can be the upper directory of
another or be idmapped: there they are in memory.
"""

import ctypes
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import harness

OVERLAYFS_MAGIC, STATFS_SIZE, MNT_DETACH = 0x794C7630, 120, 2


def lies_on_overlay(path):
    found = ctypes.create_string_buffer(STATFS_SIZE)
    assert harness.LIBC.statfs(os.fsencode(path), found) == 0
    return int.from_bytes(found[:8], sys.byteorder) == OVERLAYFS_MAGIC


def cover(directory):
    """A tmpfs at a directory of root's tests, who have a mount namespace of their own."""
    assert harness.LIBC.mount(b"tmpfs", os.fsencode(directory), b"tmpfs", 0, b"mode=0755") == 0


def uncover(directory):
    assert harness.LIBC.umount2(os.fsencode(directory), MNT_DETACH) == 0


def remove(directory):
    """An overlay's own directory below `work` has no bits at all."""
    subprocess.run(["chmod", "-R", "u+rwx", directory], check=False)
    shutil.rmtree(directory)


def new_directory(stack, prefix, beside=None, keep=False):
    """A new directory: root's at its place, an ordinary caller's in /dev/shm where it must. `stack` undoes it; with `keep` only what
    lies in memory.
    """
    directory = pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir=beside))
    if not keep:
        stack.callback(remove, directory)
    if not lies_on_overlay(directory):
        return directory
    if harness.AS_ROOT:
        cover(directory)
        stack.callback(uncover, directory)
        return directory
    directory = pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir="/dev/shm"))
    stack.callback(remove, directory)
    return directory
