"""The sandbox's init: it keeps the deadline and watches its caller while the payload still sets itself up, and is not the
payload's to hold back.
"""

import contextlib
import os
import signal
import subprocess
import sys

import pytest

from harness import WAIT, status_of, wait_gone

EXIT_REFUSED = {"seccomp": {"bpf": [[0x20, 0, 0, 0], [0x15, 1, 0, 231], [0x15, 0, 1, 60], [6, 0, 0, 0x50001], [6, 0, 0, 0x7FFF0000]]}}
ALL_REFUSED = {"seccomp": {"bpf": [[6, 0, 0, 0x50001]]}}


# Holds a lease on a file: whoever executes it waits (fcntl(2), "Leases"). Says so when somebody does; ends with its stdin.
HOLDER = """
import fcntl, os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO])
fd = os.open(sys.argv[1], os.O_RDONLY)  # nobody executes what is open for writing
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("held", flush=True)
signal.sigwait([signal.SIGIO])
print("wanted", flush=True)
sys.stdin.read()
"""


class Lease:
    """Its file is executed by nobody until release()."""

    def __init__(self, holder):
        self.holder = holder

    def read(self):
        return self.holder.stdout.readline()

    def release(self):
        self.holder.stdin.close()


@contextlib.contextmanager
def leased(program):
    """In a process of its own: the signal would end a thread of the test runner that does not expect it."""
    words = [sys.executable, "-c", HOLDER, str(program)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        try:
            lease = Lease(holder)
            assert lease.read() == "held\n"
            yield lease
        finally:
            holder.kill()


@pytest.fixture
def program(host):
    return host / "tool"


@pytest.mark.invariant("S11")
def test_the_deadline_holds_while_exec_is_held_up(box, program):
    with leased(program):
        done = box.run([program], {"timeout": "400ms", "paths": {str(program.parent): "ro"}})
    assert (done.code, done.reason, done.outcome["detail"], done.out) == (124, "timed_out", "wall", b""), done


def test_a_grace_is_for_who_runs(box, program):
    """Nobody is there yet who could use it."""
    request = {"timeout": {"wall": "300ms", "grace": "60s"}, "paths": {str(program.parent): "ro"}}
    with leased(program):
        done = box.run([program], request)
    assert (done.reason, done.outcome["detail"]) == ("timed_out", "wall"), done


@pytest.mark.invariant("S11")
@pytest.mark.invariant("S23")
def test_the_caller_is_watched_while_exec_is_held_up(box, program):
    with leased(program) as lease:
        with box.start([program], {"paths": {str(program.parent): "ro"}}) as run:
            assert lease.read() == "wanted\n"
            fds = run.pidfds()
            assert len(fds) >= 2  # init and the payload's process
            run.process.kill()
            assert wait_gone(fds)


@pytest.mark.invariant("S23")
def test_init_killed_while_exec_is_held_up(box, program):
    """The payload's process goes with it, before it ever was the payload."""
    with leased(program) as lease:
        with box.start([program], {"paths": {str(program.parent): "ro"}}) as run:
            assert lease.read() == "wanted\n"
            fds = run.pidfds()
            assert len(fds) >= 2  # init and the payload's process
            first = next(pid for pid in run.pids() if status_of(pid)["NSpid"].split()[-1] == "1")
            os.kill(first, signal.SIGKILL)
            assert run.process.wait(WAIT) == 125
            assert wait_gone(fds)
            assert (run.outcome["reason"], run.read_line()) == ("lost", "")


def test_what_comes_before_exec_is_delivered_after_it(box, program):
    """A signal for the payload waits until there is one: it is no failure of the set-up."""
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    with leased(program) as lease:
        with box.start([program], {"paths": {str(program.parent): "ro"}}) as run:
            assert lease.read() == "wanted\n"
            run.process.terminate()
            lease.release()
            assert run.process.wait(60) == 143
            assert (run.outcome["reason"], run.outcome["signal"]) == ("signaled", "SIGTERM")


@pytest.mark.parametrize("init", [True, False], ids=["init", "no-init"])
def test_a_filter_that_forbids_to_end(box, init):
    """The process that may neither execute nor exit ends all the same, and says why."""
    done = box.run(["true"], {"init": init, "security": ALL_REFUSED, "timeout": "60s"})
    assert (done.code, done.reason) == (126, "exec_failed"), done
    assert done.error["errno_name"] == "EPERM"


def test_a_payload_that_may_not_exit(box):
    """It runs, and ends by its runtime's last resort or by the deadline; nothing is left."""
    done = box.run(["/bin/sh", "-c", "echo ran"], {"security": EXIT_REFUSED, "timeout": "30s"})
    assert done.out == b"ran\n" and done.reason in ("signaled", "timed_out"), done


def test_init_cannot_be_held_back_by_its_id(box):
    """Init has the payload's own id outside, where "all processes of this user" would mean it too."""
    seen = box.probe("""
result = {
    "nice of a user": attempt(os.setpriority, os.PRIO_USER, 0, 19),
    "nice of init": attempt(os.setpriority, os.PRIO_PROCESS, 1, 19),
    "class of a user": system_call(251, 3, 0, 3 << 13),
    "class of init": system_call(251, 1, 1, 3 << 13),
    "own nice": attempt(os.setpriority, os.PRIO_PROCESS, 0, 5),
    "nice then": os.getpriority(os.PRIO_PROCESS, 1),
}""")
    assert seen == {"nice of a user": "EPERM", "nice of init": "EPERM", "class of a user": "EPERM", "class of init": "EPERM",
                    "own nice": "ok", "nice then": os.getpriority(os.PRIO_PROCESS, 0)}


@pytest.mark.skipif(not os.path.exists("/proc/self/autogroup"), reason="needs a kernel that groups by session")
@pytest.mark.invariant("S7")
def test_init_is_no_handle_on_the_callers_session(box):
    """Uid 0 inside may write what /proc/1 has for its owner, and the nice value there is that of all of init's session."""
    script = """[ -w /proc/1/autogroup ] || exit 0  # not by a helper whose image is of the caller's namespace
    until echo 7 2>/dev/null >/proc/1/autogroup; do sleep 0.05; done; cat /proc/1/autogroup"""
    wrap = ["setsid", "--wait", "/bin/sh", "-c", '"$@" && cat /proc/self/autogroup', "sh"]
    done = box.run(["/bin/sh", "-c", script], {"user": {"uid": 0, "gid": 0}}, wrap=wrap)
    *init, caller = done.text.splitlines()
    assert all(line.endswith(" nice 7") for line in init) and caller.endswith(" nice 0"), done
