"""What the attacks are after: files, processes, sockets and shared memory of the host, made for the time of some runs and
gone afterwards; and the runs themselves. Knows the arguments of the programs in tests/drivers/attack_*.c.
"""

import contextlib
import ctypes
import functools
import os
import shutil
import socket
import struct
import subprocess
import uuid

import harness
from attacks import IPV6, WITHOUT_RIGHTS
from harness import LIBC

PROGRAMS = harness.BUILD / "tests" / "drivers"
IPC_CREAT, IPC_EXCL, IPC_RMID = 0o1000, 0o2000, 0
O_CREAT_RDWR = 0o102
# Attribute security.capability (linux/capability.h): revision 2, effective; CAP_CHOWN and CAP_NET_RAW permitted.
FILE_CAPABILITIES = struct.pack("<5I", 0x02000001, 1 << 0 | 1 << 13, 0, 0, 0)

# In the ground's directory: mounts over two directories there, then becomes what follows.
MOUNTS = f"""
set -e
mount -t tmpfs -o mode=755 none ro/below
echo of the host > ro/below/file
chown -R {harness.NOBODY}:{harness.NOBODY} ro/below
mount -t tmpfs -o mode=755 none gain
cp --preserve=all gains/suid gains/fcap gain
mknod -m 666 gain/device c 1 5
exec "$@"
"""


def program(name):
    return PROGRAMS / f"attack_{name}"


def give(path):
    if harness.AS_ROOT:
        os.chown(path, harness.NOBODY, harness.NOBODY)


def file_handle(path):
    """As TYPE:HEX; of a file system without handles nothing can be got."""
    handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0), 136)
    if LIBC.name_to_handle_at(-100, os.fsencode(path), handle, ctypes.byref(ctypes.c_int()), 0) != 0:
        return "0:"
    size, kind = struct.unpack("Ii", handle.raw[:8])
    return f"{kind}:{handle.raw[8:8 + size].hex()}"


class Ground:
    """One host. `place` is an empty directory that only its owner enters."""

    def __init__(self, place, box, cleanup):
        self.place, self.box, self.cleanup = place, box, cleanup
        self.arguments = {}
        place.chmod(0o755)
        self.make_files()
        self.make_gains()
        self.make_sockets()
        self.make_ipc()
        self.make_victim()

    # ---- what there is -----------------------------------------------------------------------------------------------

    def make_files(self):
        for name in ("secret", "ro", "ro/below", "rw", "probe"):
            (self.place / name).mkdir()
            give(self.place / name)
        for name in ("secret/word", "ro/file", "ro/below/file"):
            (self.place / name).write_text("of the host\n")
            (self.place / name).chmod(0o644)
            give(self.place / name)
        for name in ("files", "processes", "privilege", "network"):
            shutil.copy(program(name), self.place / "probe")
            (self.place / "probe" / program(name).name).chmod(0o755)
            give(self.place / "probe" / program(name).name)
        (self.place / "rw").chmod(0o777)
        secret = self.place / "secret" / "word"
        self.arguments |= {"secret": secret, "handle": file_handle(secret)}

    def make_gains(self):
        """What only root can make: programs that give a right, a file that is root's alone."""
        for name in ("gain", "gains"):
            (self.place / name).mkdir(mode=0o755)
        if not harness.AS_ROOT:
            return
        for name in ("suid", "fcap"):
            shutil.copy(program("privilege"), self.place / "gains" / name)
        (self.place / "gains" / "suid").chmod(0o4755)
        os.setxattr(self.place / "gains" / "fcap", "security.capability", FILE_CAPABILITIES)
        (self.place / "rw" / "private").write_text("of root\n")
        (self.place / "rw" / "private").chmod(0o600)

    def listener(self, family, kind, address):
        one = self.cleanup.enter_context(socket.socket(family, kind))
        bind = functools.partial(harness.bind_at, one) if isinstance(address, os.PathLike) else one.bind
        bind(address)
        if kind == socket.SOCK_STREAM:
            one.listen(64)
        return one.getsockname()

    def make_sockets(self):
        stream, datagram = f"styrolite-{uuid.uuid4()}", f"styrolite-{uuid.uuid4()}"
        path = self.place / "secret" / "socket"
        self.listener(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + stream)
        self.listener(socket.AF_UNIX, socket.SOCK_DGRAM, "\0" + datagram)
        self.listener(socket.AF_UNIX, socket.SOCK_STREAM, path)
        path.chmod(0o666)
        self.arguments |= {"abstract": stream, "datagram": datagram, "path": path,
                           "tcp": self.listener(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))[1],
                           "udp": self.listener(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0))[1],
                           "tcp6": self.listener(socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0))[1] if IPV6 else 0}

    def make_ipc(self):
        key, name = uuid.uuid4().int & 0x7FFFFFFF | 1, f"/styrolite-{uuid.uuid4()}"
        flags = IPC_CREAT | IPC_EXCL | 0o666
        segment, queue, semaphores = LIBC.shmget(key, 4096, flags), LIBC.msgget(key, flags), LIBC.semget(key, 1, flags)
        self.cleanup.callback(LIBC.shmctl, segment, IPC_RMID, None)
        self.cleanup.callback(LIBC.msgctl, queue, IPC_RMID, None)
        self.cleanup.callback(LIBC.semctl, semaphores, 0, IPC_RMID)
        self.cleanup.callback(LIBC.mq_unlink, name.encode())
        self.cleanup.callback(LIBC.shm_unlink, name.encode())
        assert min(segment, queue, semaphores) >= 0
        for fd in (LIBC.mq_open(name.encode(), O_CREAT_RDWR, 0o666, None), LIBC.shm_open(name.encode(), O_CREAT_RDWR, 0o666)):
            assert fd >= 0
            os.fchmod(fd, 0o666)
            os.close(fd)
        self.arguments |= {"key": key, "shmid": segment, "mq": name, "shm": name}

    def make_victim(self):
        """With the ids that the payload has outside."""
        wrap = WITHOUT_RIGHTS if harness.AS_ROOT else ()
        self.victim = self.cleanup.enter_context(
            subprocess.Popen([*wrap, self.place / "probe" / "attack_processes", "victim"], stdout=subprocess.PIPE, start_new_session=True))
        self.cleanup.callback(self.victim.kill)
        assert self.victim.stdout.readline() == b"ready\n"
        self.arguments["pid"] = self.victim.pid

    # ---- runs --------------------------------------------------------------------------------------------------------

    def request(self, variant, number):
        if variant.level:
            return {**variant.request, "paths": {str(self.place / name): "rw" if name == "rw" else "ro" for name in ("rw", "ro", "probe", "gain")}}
        access = "rw" if variant.writable else "ro"
        paths = {"/rw": {"from": str(self.place / "rw"), "access": "rw"}, "/ro": {"from": str(self.place / "ro"), "access": access},
                 "/probe": {"from": str(self.place / "probe"), "access": access}, "/gain": {"from": str(self.place / "gain")}}
        if variant.named:
            paths[str(self.place / "secret")] = "ro"
        more = {"preserve_fds": [number]} if variant.given else {}
        return {**variant.request, **more, "paths": {**paths, **variant.request.get("paths", {})}}

    def words(self, name, attacks, top):
        at = {"bind": "ro/file", "below": "ro/below/file", "rw": "rw", "ro": "ro", "gain": "gain", "private": "rw/private"}
        known = {**self.arguments, **{key: f"{top}/{place}" for key, place in at.items()}}
        return [f"{top}/probe/attack_{name}", *(f"{key}={value}" for key, value in known.items()), *attacks]

    def wrap(self, variant):
        """In a mount namespace of that run's own root's read-only directory has a mount below it, and what only root can make
        lies on a file system that lets it be what it is, whatever is true of the tests' directories.
        """
        words = ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", MOUNTS, "sh"] if harness.AS_ROOT else []
        return [*words, *variant.wrap]

    def run(self, variant, name, attacks=()):
        """{attack: what came of it}. Outside, paths begin in the ground's directory: who has no rights cannot pass those above."""
        with contextlib.ExitStack() as stack:
            fds = [os.open(self.place / "secret", os.O_RDONLY | os.O_DIRECTORY) for _ in range(3)]
            for fd in fds:
                stack.callback(os.close, fd)
            stdin = stack.enter_context(harness.Terminal()).inside if variant.terminal else subprocess.DEVNULL
            more = {"wrap": self.wrap(variant), "pass_fds": fds, "stdin": stdin, "cwd": self.place}
            if variant.outside:
                return self.parse(self.run_outside(self.words(name, attacks, "."), **more))
            return self.parse(self.box.ok(self.words(name, attacks, str(self.place) if variant.level else ""), self.request(variant, fds[0]), **more))

    @staticmethod
    def run_outside(words, wrap, **more):
        return subprocess.run([*wrap, *words], capture_output=True, text=True, check=True, timeout=harness.WAIT, **more).stdout

    @staticmethod
    def parse(text):
        return dict(line.split("\t") for line in text.splitlines())
