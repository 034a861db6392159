"""`timeout`: the wall deadline, its grace, and that the whole tree is gone after it."""

import time

import pytest

from harness import wait_gone

BOTH = pytest.mark.parametrize("init", [True, False], ids=["init", "no-init"])


@BOTH
@pytest.mark.parametrize("wall", ["200ms", 0.2, {"wall": "0.2s"}], ids=str)
def test_the_deadline(box, init, wall):
    done = box.run(["sleep", "60"], {"timeout": wall, "init": init})
    assert (done.code, done.reason, done.outcome["detail"]) == (124, "timed_out", "wall")
    assert done.outcome["code"] is None and done.outcome["signal"] == "SIGKILL"
    assert 0.2 <= done.outcome["usage"]["wall"] < 1 and 0.2 <= done.seconds < 2
    assert done.err.startswith(b"styrolite: ") and done.err.count(b"\n") == 1


@BOTH
def test_whoever_is_in_time(box, init):
    done = box.run(["/bin/sh", "-c", "sleep 0.1; exit 5"], {"timeout": "30s", "init": init})
    assert done.code == 5 and done.reason == "exited" and done.seconds < 5


@BOTH
def test_no_process_outlives_it(box, init):
    """Daemons, other sessions, who ignores every signal, and who forks all the time."""
    script = """trap '' TERM HUP INT
    (setsid sh -c 'trap "" TERM HUP INT; sleep 300' &)
    (while :; do (sleep 0.01 &); sleep 0.01; done) &
    echo ready; while :; do sleep 300; done"""
    with box.start(["/bin/sh", "-c", script], {"timeout": "500ms", "init": init}) as run:
        assert run.read_line() == "ready"
        fds = run.pidfds()
        assert run.process.wait(30) == 124
        assert wait_gone(fds)


@BOTH
def test_grace_ends_early(box, init):
    done = box.run(["/bin/sh", "-c", "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.02; done"],
                   {"timeout": {"wall": "300ms", "grace": "20s"}, "init": init})
    assert done.text == "ready\nbye\n" and done.seconds < 5
    # It ended by itself, but because its time was up.
    assert (done.code, done.reason) == (124, "timed_out")


@BOTH
def test_grace_is_over_in_the_end(box, init):
    done = box.run(["/bin/sh", "-c", "trap 'echo no' TERM; while :; do sleep 0.05; done"],
                   {"timeout": {"wall": "200ms", "grace": "300ms"}, "init": init})
    assert done.text == "no\n" and (done.code, done.reason) == (124, "timed_out")
    assert 0.5 <= done.outcome["usage"]["wall"] < 1.5


def test_without_grace_nobody_is_warned(box):
    done = box.run(["/bin/sh", "-c", "trap 'echo warned' TERM; while :; do sleep 0.02; done"], {"timeout": "200ms"})
    assert done.text == "" and done.reason == "timed_out"


@BOTH
def test_a_stopped_payload(box, init):
    """A stopped process cannot run away from its deadline."""
    done = box.run(["/bin/sh", "-c", "sh -c 'kill -STOP $$; sleep 60'"], {"timeout": "200ms", "init": init})
    assert done.reason == "timed_out" and done.seconds < 5


def test_a_deadline_holds_while_output_is_captured(box):
    done = box.run(["/bin/sh", "-c", "echo before; sleep 60"], {"timeout": "200ms", "output": "1M"})
    assert done.reason == "timed_out" and done.out == b"before\n"
    assert done.outcome["stdout"]["text"] == "before\n"


def test_the_clock_runs_from_the_start(box):
    begun = time.monotonic()
    done = box.run(["/bin/sh", "-c", "while :; do :; done"], {"timeout": "1s"})
    assert 1 <= time.monotonic() - begun < 2.5 and done.reason == "timed_out"
    assert done.outcome["usage"]["user"] > 0.1  # of one second, however busy the machine is


def test_an_exit_code_of_124_is_no_timeout(box):
    done = box.run(["/bin/sh", "-c", "exit 124"], {"timeout": "10s"})
    assert done.code == 124 and done.reason == "exited" and done.outcome["code"] == 124


def test_the_promise(box):
    assert "timeout_wall" in box.run(["true"], {"timeout": "10s"}).outcome["enforced"]
    assert "timeout_wall" not in box.run(["true"]).outcome["enforced"]
