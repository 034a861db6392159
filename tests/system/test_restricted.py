"""A host whose AppArmor lets only the helper, by its path, set up user namespaces: the runner changes to helper mode, once, and says so.

The refusal is that of Ubuntu's restriction, as a supervisor of system calls can make it: whatever image is no helper may not open its maps.
"""

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys
import threading

import pytest

import harness

LIBC = ctypes.CDLL(None, use_errno=True)
SECCOMP, OPENAT = {"x86_64": (317, 257), "aarch64": (277, 56)}[os.uname().machine]
RECEIVE, ANSWER = 0xC0502100, 0xC0182101
GO_ON, REFUSED = 1, 13

# Under a filter that asks about openat, it hands the listener over and becomes the command.
UNDER_FILTER = f"""
import ctypes, os, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
code = [(0x20, 0, 0, 0), (0x15, 0, 1, {OPENAT}), (0x06, 0, 0, 0x7fc00000), (0x06, 0, 0, 0x7fff0000)]
program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in code))
class Filter(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
filter = Filter(len(code), ctypes.addressof(program))
channel = socket.socket(fileno=int(sys.argv[1]))
assert libc.prctl(38, 1, 0, 0, 0) == 0
listener = libc.syscall({SECCOMP}, 1, 8, ctypes.byref(filter))
assert listener >= 0, ctypes.get_errno()
socket.send_fds(channel, [b"x"], [listener])
os.close(listener)
os.execv(sys.argv[2], sys.argv[2:])
"""


def is_refused(pid, address, allowed):
    """A map, opened by an image that is not allowed to."""
    try:
        image = os.readlink(f"/proc/{pid}/exe")
        with open(f"/proc/{pid}/mem", "rb") as memory:
            memory.seek(address)
            path = memory.read(64).split(b"\0")[0]
    except OSError:
        return False
    return path.endswith((b"/uid_map", b"/gid_map", b"/setgroups")) and os.path.basename(image) not in allowed


def supervise(listener, allowed):
    """Until nobody is left under the filter."""
    while True:
        question = bytearray(80)
        try:
            fcntl.ioctl(listener, RECEIVE, question)
        except OSError:
            return
        ident, pid = struct.unpack_from("QI", question)
        address = struct.unpack_from("Q", question, 32 + 8)[0]
        refused = is_refused(pid, address, allowed)
        try:
            fcntl.ioctl(listener, ANSWER, struct.pack("QqiI", ident, 0, -REFUSED if refused else 0, 0 if refused else GO_ON))
        except OSError:
            pass  # who asked is gone


class Restricted:
    """Runs the command where only these images may write maps."""

    def __init__(self, box, allowed):
        self.box, self.allowed = box, allowed

    def run(self, argv, request):
        words, path = self.box.arguments(argv, request, (), ())
        near, far = socket.socketpair()
        process = subprocess.Popen([sys.executable, "-c", UNDER_FILTER, str(far.fileno()), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   stdin=subprocess.DEVNULL, pass_fds=[far.fileno()], env=self.box.environment(None))
        far.close()
        _, fds, _, _ = socket.recv_fds(near, 1, 1)
        near.close()
        thread = threading.Thread(target=supervise, args=(fds[0], self.allowed))
        thread.start()
        out, err = process.communicate(timeout=harness.WAIT)
        thread.join(harness.WAIT)
        assert not thread.is_alive()
        os.close(fds[0])
        return process.returncode, out, err, path.read_text()


@pytest.fixture
def sandbox(tmp_path):
    """Of no forced mode: the runner is to find out."""
    return harness.Sandbox(tmp_path)


REQUEST = {"user": {"uid_map": "self", "gid_map": "self"}} if harness.AS_ROOT else {}


def test_the_runner_changes_to_the_helper(sandbox):
    code, out, err, outcome = Restricted(sandbox, {"styrolite-helper"}).run(["id", "-u"], REQUEST)
    assert (code, out) == (0, b"1000\n"), (code, out, err)
    assert '"spawn_mode": "helper"' in outcome and '"spawn_mode": "vfork"' not in outcome


def test_without_the_restriction_it_does_not(sandbox):
    code, _, err, outcome = Restricted(sandbox, {"styrolite-helper", "styrolite"}).run(["true"], REQUEST)
    assert code == 0 and '"spawn_mode": "vfork"' in outcome, (code, err, outcome)


def test_where_the_helper_may_not_either(sandbox):
    code, out, err, _ = Restricted(sandbox, set()).run(["echo", "the payload ran"], REQUEST)
    assert code == 125 and out == b"" and b"profile `styrolite-helper`" in err and err.count(b"\n") == 1, (code, err)
