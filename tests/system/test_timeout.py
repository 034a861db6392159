"""`timeout`: the wall deadline, its grace, and that the whole tree is gone after it."""

import pytest

from harness import in_time, wait_gone

WAIT = 60


def said(done):
    """The payload got to its words before its time was up."""
    return done.out != b""


BOTH = pytest.mark.parametrize("init", [True, False], ids=["init", "no-init"])


@BOTH
@pytest.mark.parametrize("wall", ["200ms", 0.2, {"wall": "0.2s"}], ids=str)
def test_the_deadline(box, init, wall):
    done = box.run(["sleep", "60"], {"timeout": wall, "init": init})
    assert (done.code, done.reason, done.outcome["detail"]) == (124, "timed_out", "wall")
    assert done.outcome["code"] is None and done.outcome["signal"] == "SIGKILL"
    assert 0.2 <= done.outcome["usage"]["wall"] <= done.seconds
    assert done.err.startswith(b"styrolite: ") and done.err.count(b"\n") == 1


@BOTH
def test_whoever_is_in_time(box, init):
    """The deadline is far beyond what a run here may take: nobody waits for it."""
    done = box.run(["/bin/sh", "-c", "sleep 0.1; exit 5"], {"timeout": "24h", "init": init})
    assert done.code == 5 and done.reason == "exited"


@BOTH
@pytest.mark.invariant("S11")
@pytest.mark.invariant("S18")
def test_no_process_outlives_it(box, init):
    """Daemons, other sessions, who ignores every signal, and who forks all the time."""
    script = """trap '' TERM HUP INT
    (setsid sh -c 'trap "" TERM HUP INT; sleep 300' &)
    (while :; do (sleep 0.01 &); sleep 0.01; done) &
    echo ready; while :; do sleep 300; done"""

    def seen(deadline):
        with box.start(["/bin/sh", "-c", script], {"timeout": deadline, "init": init}) as run:
            ready = run.read_line() == "ready"
            fds = run.pidfds()
            assert run.process.wait(WAIT) == 124
            count = len(fds)
            assert wait_gone(fds)
            return ready and count

    assert in_time(seen, lambda count: count >= 3) >= 3


@BOTH
def test_grace_ends_early(box, init):
    """Nobody waits for the end of a grace that is not needed."""
    script = "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.02; done"
    done = in_time(lambda wall: box.run(["/bin/sh", "-c", script], {"timeout": {"wall": wall, "grace": "10m"}, "init": init}), said)
    assert done.text == "ready\nbye\n"
    # It ended by itself, but because its time was up.
    assert (done.code, done.reason) == (124, "timed_out")


# Runs a command, whose processes wait in pivot_root(2) for an answer of this one, which never comes.
HELD_UP = r"""
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pivot_root, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
  int status;
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (argc < 2 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program) < 0) {
    return 99;
  }
  pid_t pid = fork();
  if (pid == 0) {
    execv(argv[1], argv + 1); /* the listener's descriptor is close-on-exec */
    _exit(98);
  }
  return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 97;
}
"""


@BOTH
@pytest.mark.invariant("S18")
@pytest.mark.parametrize("grace", [0, "10m"])
def test_the_deadline_holds_while_the_set_up_is_held_up(box, compiled, init, grace):
    """As by a file system that does not answer. Nobody runs yet, so nobody is warned."""
    done = box.run(["true"], {"timeout": {"wall": "300ms", "grace": grace}, "init": init}, wrap=[compiled(HELD_UP)])
    assert (done.code, done.reason, done.outcome["detail"]) == (124, "timed_out", "wall"), done
    assert 0.3 <= done.outcome["usage"]["wall"] <= done.seconds


@BOTH
def test_grace_is_over_in_the_end(box, init):
    script = "trap 'echo no' TERM; echo ready; while :; do sleep 0.05; done"
    done = in_time(lambda t: box.run(["/bin/sh", "-c", script], {"timeout": {"wall": t, "grace": t}, "init": init}),
                   lambda done: done.text.count("\n") == 2)
    assert done.text == "ready\nno\n" and (done.code, done.reason) == (124, "timed_out")
    assert 0.6 <= done.outcome["usage"]["wall"] <= done.seconds


def test_without_grace_nobody_is_warned(box):
    script = "trap 'echo warned' TERM; echo ready; while :; do sleep 0.02; done"
    done = in_time(lambda wall: box.run(["/bin/sh", "-c", script], {"timeout": wall}), said)
    assert done.text == "ready\n" and done.reason == "timed_out"


@BOTH
def test_a_stopped_payload(box, init):
    """A stopped process cannot run away from its deadline."""
    script = "sh -c 'echo ready; kill -STOP $$; echo on'"
    done = in_time(lambda wall: box.run(["/bin/sh", "-c", script], {"timeout": wall, "init": init}), said)
    assert done.reason == "timed_out" and done.text == "ready\n"


@pytest.mark.kernel
def test_a_deadline_holds_while_output_is_captured(box):
    script = "echo before; sleep 600"
    done = in_time(lambda wall: box.run(["/bin/sh", "-c", script], {"timeout": wall, "output": "1M"}), said)
    assert done.reason == "timed_out" and done.out == b"before\n"
    assert done.outcome["stdout"]["text"] == "before\n"


def test_a_payload_that_never_rests(box):
    """Whoever only computes meets the deadline as well, and what it used is told."""
    done = in_time(lambda wall: box.run(["/bin/sh", "-c", "echo ready; while :; do :; done"], {"timeout": wall}), said)
    usage = done.outcome["usage"]
    assert done.reason == "timed_out" and done.text == "ready\n"
    assert 0.3 <= usage["wall"] <= done.seconds and 0 < usage["user"] + usage["system"] <= usage["wall"]


def test_an_exit_code_of_124_is_no_timeout(box):
    done = box.run(["/bin/sh", "-c", "exit 124"], {"timeout": "10s"})
    assert done.code == 124 and done.reason == "exited" and done.outcome["code"] == 124


def test_the_promise(box):
    assert "timeout_wall" in box.run(["true"], {"timeout": "10s"}).outcome["enforced"]
    assert "timeout_wall" not in box.run(["true"]).outcome["enforced"]
