"""`init`, `new_session` and `die_with_parent` in every combination: who is process 1, whose session it is, what ends when the
caller is killed, and what of it the outcome promises. And `nice`, `oom_score_adj` where they need a right; `fixed`.
"""

import itertools
import os
import signal
import subprocess

import pytest

import harness
from harness import PYTHON, wait_gone

MAY_RAISE = bool(int(harness.status_of("self")["CapEff"], 16) >> 24 & 1)  # CAP_SYS_RESOURCE
TRIO = ("init", "new_session", "die_with_parent")
COMBINATIONS = [dict(zip(TRIO, values)) for values in itertools.product((True, False), repeat=3)]


def words(combination):
    return "+".join(name for name, value in combination.items() if value) or "none"


def broken(combination):
    return combination["die_with_parent"] and not combination["init"]


SOUND = [c for c in COMBINATIONS if not broken(c)]


@pytest.mark.parametrize("trio", COMBINATIONS, ids=words)
def test_who_is_who(box, trio):
    if broken(trio):
        done = box.run(["echo", "ran"], trio)
        assert done.code == 125 and done.out == b"" and b"`die_with_parent` needs the sandbox's init" in done.err
        return
    seen = box.probe("result = [os.getpid(), os.getppid(), os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid(), os.getsid(0)]", trio)
    assert seen[:2] == ([2, 1] if trio["init"] else [1, 0])
    assert seen[2:4] == [trio["new_session"], True], "a process group of its own at least"
    assert trio["new_session"] or seen[4] == 0, "a session of the caller's namespace has no number inside"


@pytest.mark.parametrize("trio", SOUND, ids=words)
def test_what_is_promised(box, trio):
    outcome = box.run(["true"], trio).outcome
    not_enforced = {e["protection"] for e in outcome["not_enforced"]}
    assert ("new_session" in outcome["enforced"]) == trio["new_session"]
    assert ("caller_death" in outcome["enforced"]) == (trio["init"] and trio["die_with_parent"])
    assert ("caller_death" in not_enforced) == (not trio["init"])
    assert "tree_kill" in outcome["enforced"] and outcome["init"] is trio["init"]


@pytest.mark.parametrize("trio", SOUND, ids=words)
@pytest.mark.invariant("S11")
def test_when_the_caller_is_killed(box, work, trio):
    """What does not die with it goes on until its payload ends, and then all of it ends, background processes too."""
    request = {**trio, "paths": {"/w": {"from": str(work), "access": "rw"}}}
    script = "sleep 600 & echo ready; while [ ! -e /w/go ]; do sleep 0.02; done; echo done > /w/done"
    with box.start(["/bin/sh", "-c", script], request) as run:
        assert run.read_line() == "ready"
        fds = run.pidfds()
        run.process.kill()
        run.process.wait()
        if not (trio["init"] and trio["die_with_parent"]):
            assert not wait_gone([os.dup(fd) for fd in fds], 0.2)
            (work / "go").write_text("")
        assert wait_gone(fds)
    assert (work / "done").exists() == (not (trio["init"] and trio["die_with_parent"]))


@pytest.mark.parametrize("trio", SOUND, ids=words)
def test_an_interrupt_of_the_callers_group(box, trio):
    """A terminal sends SIGINT to its foreground group; the payload is in none of the caller's, and the command passes it on."""
    script = "trap 'echo got it; exit 5' INT; echo ready; while :; do sleep 0.02; done"
    with box.start(["/bin/sh", "-c", script], trio, start_new_session=True) as run:
        assert run.read_line() == "ready"
        os.killpg(run.process.pid, signal.SIGINT)
        assert run.read_line() == "got it" and run.process.wait(harness.WAIT) == 5


# ---- nice and oom_score_adj ----------------------------------------------------------------------------------------

VALUES = [*PYTHON, "import os; print(os.nice(0), open('/proc/self/oom_score_adj').read().strip())"]


@pytest.mark.parametrize("init", [True, False], ids=["init", "no-init"])
@pytest.mark.parametrize("user", [{}, {"namespaces": {"user": "host"}}], ids=["own", "host"])
def test_a_negative_nice_value(box, init, user):
    """setpriority(2) asks for CAP_SYS_NICE in the namespace of the process; RLIMIT_NICE is the other way."""
    if user and not harness.AS_ROOT:
        pytest.skip("the host's user namespace is for root callers")
    done = box.run(VALUES, {"nice": -5, "init": init, **user}, wrap=["prlimit", "--nice=0:0"])
    if user:
        assert done.text.split()[0] == "-5", done
    else:
        error = done.error
        assert done.code == 125 and done.out == b"", done
        assert (error["stage"], error["field"], error["object"], error["errno_name"]) == ("process", "/nice", "-5", "EACCES")
        assert "cannot go below the caller's own" in error["hint"]


@pytest.mark.skipif(not MAY_RAISE, reason="this caller has no CAP_SYS_RESOURCE")
def test_a_negative_nice_value_by_the_limit(box):
    done = box.run(VALUES, {"nice": -5}, wrap=["prlimit", "--nice=25:25"])
    assert done.text.split()[0] == "-5", done


@pytest.mark.as_root
@pytest.mark.parametrize("init", [True, False], ids=["init", "no-init"])
def test_oom_score_adj_lowered_with_the_right(box, init):
    """proc(5): CAP_SYS_RESOURCE of the host, which only a root caller in the host's user namespace has."""
    request = {"oom_score_adj": -200, "init": init, "namespaces": {"user": "host"}}
    if MAY_RAISE:
        assert box.run(VALUES, request).text.split()[1:] == ["-200"]
    error = box.fails(VALUES, request, wrap=["setpriv", "--bounding-set=-sys_resource"])
    assert (error["field"], error["object"], error["errno_name"]) == ("/oom_score_adj", "-200", "EACCES")
    # proc(5): what a process with the right set lowest is the floor, not what it is now.
    assert box.run(VALUES, {**request, "oom_score_adj": 200}, wrap=["choom", "-n", "300", "--"]).text.split()[1:] == ["200"]


# ---- umask, descriptors, fixed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("init", [True, False], ids=["init", "no-init"])
def test_umask_and_descriptors_together(box, tmp_path, init):
    (tmp_path / "kept").write_text("kept\n")
    fd = os.open(tmp_path / "kept", os.O_RDONLY)
    try:
        text = box.ok(["/bin/bash", "-c", f"umask; cat <&{fd}; ls /proc/$$/fd"], {"umask": "0137", "preserve_fds": [fd], "init": init}, pass_fds=[fd])
    finally:
        os.close(fd)
    assert text.split()[:2] == ["0137", "kept"] and {"0", "1", "2", str(fd)} <= set(text.split()[2:])


FIXED = {"fixed": True, "command": ["/bin/sh", "-c", "echo $A; pwd"], "env": {"A": "of the request"}, "cwd": "/tmp"}


@pytest.mark.parametrize("init", [True, False], ids=["init", "no-init"])
def test_fixed_lets_a_run_choose_streams_and_name(box, init):
    done = box.run(None, {**FIXED, "init": init}, ["--name", "a name"], input=b"unread")
    assert done.text == "of the request\n/tmp\n" and done.outcome["name"] == "a name"


@pytest.mark.parametrize("init", [True, False], ids=["init", "no-init"])
def test_fixed_lets_a_run_choose_no_command(box, init):
    done = box.run(["echo", "another"], {**FIXED, "init": init})
    assert done.code == 125 and done.out == b"" and b"fixed" in done.err, done


def test_fixed_without_a_command_has_nothing_to_run(box):
    done = box.run(None, {"fixed": True})
    assert done.code == 125 and b"command" in done.err


def test_the_command_alone_needs_no_session_leader(box):
    """Also from who leads a session itself, as a daemon does."""
    words_, path = box.arguments(VALUES, {"new_session": False, "init": False}, (), ())
    done = subprocess.run(words_, start_new_session=True, capture_output=True, env=box.environment(None), timeout=harness.WAIT)
    assert done.returncode == 0 and done.stdout
