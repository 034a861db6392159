"""Set-up that fails or is killed at a named call: the payload never runs, the outcome says so, nothing stays behind.

The calls are made to fail from outside, by strace's injection; without strace these are counted skips.
"""

import json
import re
import shutil
import signal
import subprocess

import pytest

import harness

STRACE = shutil.which("strace")
pytestmark = pytest.mark.skipif(STRACE is None, reason="strace is not installed")


def strace(tmp_path, inject, *args, env=None):
    """Runs the command under strace with one injection."""
    call = inject.split(":")[0]
    return subprocess.run([STRACE, "-f", "-qq", "-o", tmp_path / "trace", "-e", f"trace={call}", "-e", f"inject={inject}",
                           harness.COMMAND, "run", *map(str, args)], capture_output=True, text=True, timeout=harness.WAIT, env=env)


def nth_call(tmp_path, call, needle, *args):
    """The number of the first call whose line holds the needle, counted as strace counts: a process at a time."""
    subprocess.run([STRACE, "-f", "-qq", "-o", tmp_path / "count", "-e", f"trace={call}", harness.COMMAND, "run",
                    *map(str, args)], capture_output=True, timeout=harness.WAIT, check=False)
    seen = {}
    for line in (tmp_path / "count").read_text().splitlines():
        pid, rest = line.split(maxsplit=1)
        if not rest.startswith(call + "("):
            continue
        seen[pid] = seen.get(pid, 0) + 1
        if re.search(needle, rest):
            return seen[pid]
    raise AssertionError(f"no {call} with {needle}")


def test_a_refused_place_is_no_missing_place(tmp_path):
    args = ["--deny", "/usr/share", "--", "ls", "/usr/share"]
    n = nth_call(tmp_path, "openat2", '"usr/share"', *args)
    done = strace(tmp_path, f"openat2:error=EPERM:when={n}", *args)
    assert done.returncode == 125 and done.stdout == "" and "/usr/share" in done.stderr


@pytest.mark.parametrize("call", ["setsid", "seccomp", "capset"])
def test_killed_while_set_up_is_a_failed_setup(tmp_path, call, mode):
    env = {"STYRO_SPAWN": mode, "PATH": "/usr/bin:/bin"}
    done = strace(tmp_path, f"{call}:signal=KILL", "--outcome", tmp_path / "o", "--", "echo", "ran", env=env)
    assert done.returncode == 125 and "ran" not in done.stdout
    text = (tmp_path / "o").read_text()
    assert '"reason": "setup_failed"' in text or '"reason": "lost"' in text


CALLS = ["fsopen", "fsmount", "move_mount", "mount_setattr", "open_tree", "pivot_root", "umount2", "sethostname", "setresuid",
         "setresgid", "capset", "seccomp", "keyctl", "setsid", "personality", "chdir", "fchdir"]


@pytest.mark.invariant("S22")
@pytest.mark.parametrize("error", ["EPERM", "ENOMEM", "ENOSYS"])
@pytest.mark.parametrize("call", CALLS)
def test_a_failing_call_ends_it(tmp_path, call, error, mode):
    env = {"STYRO_SPAWN": mode, "PATH": "/usr/bin:/bin"}
    done = strace(tmp_path, f"{call}:error={error}:when=1", "--", "echo", "ran", env=env)
    if (call, error) == ("keyctl", "ENOSYS"):  # a kernel without keyrings has nothing to hide: no failure
        assert (done.returncode, done.stdout, done.stderr) == (0, "ran\n", ""), done
        return
    assert done.returncode == 125 and "ran" not in done.stdout, (call, error, done)
    assert done.stderr.startswith("styrolite: ")


PROCESS = ["--set", "isolation=process"]
# Of the supervisor, of its fence, of the payload's process, of what holds it.
LEVEL_CALLS = ["landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "openat2", "signalfd4", "capset", "seccomp",
               "setsid", "personality", "chdir", "setresuid", "keyctl"]


@pytest.mark.invariant("S22")
@pytest.mark.parametrize("error", ["EPERM", "ENOMEM"])
@pytest.mark.parametrize("call", LEVEL_CALLS)
def test_a_failing_call_ends_it_at_the_level_process(tmp_path, call, error, mode):
    """The first of each; and the second, which is often another process's."""
    env = {"STYRO_SPAWN": mode, "PATH": "/usr/bin:/bin"}
    for when in (1, 2):
        done = strace(tmp_path, f"{call}:error={error}:when={when}", *PROCESS, "--", "echo", "ran", env=env)
        ran = "INJECTED" not in (tmp_path / "trace").read_text()
        assert when == 2 or not ran or (call == "setresuid" and not harness.AS_ROOT), call
        assert (done.returncode, done.stdout) == ((0, "ran\n") if ran else (125, "")), (call, error, when, done)
        assert ran or done.stderr.startswith("styrolite: ")


@pytest.mark.parametrize("error, runs", [("ENOMEM", False), ("EPERM", True), ("ENOSYS", True)])
def test_clone3_that_is_refused(tmp_path, error, runs):
    """As filters refuse it that cannot read its words: clone(2) does it where no namespace is asked for. Of each process every one."""
    env = {"STYRO_SPAWN": "vfork", "PATH": "/usr/bin:/bin"}
    done = strace(tmp_path, f"clone3:error={error}", *PROCESS, "--", "echo", "ran", env=env)
    assert "INJECTED" in (tmp_path / "trace").read_text()
    assert (done.returncode, done.stdout) == ((0, "ran\n") if runs else (125, "")), done


@pytest.mark.invariant("S22")
@pytest.mark.parametrize("what", ["PR_SET_DUMPABLE", "PR_SET_CHILD_SUBREAPER", "PR_SET_NO_NEW_PRIVS", "PR_SET_PDEATHSIG"])
def test_a_supervisor_that_cannot_be_one(tmp_path, what, mode):
    env = {"STYRO_SPAWN": mode, "PATH": "/usr/bin:/bin"}
    n = nth_call(tmp_path, "prctl", what, *PROCESS, "--", "true")
    done = strace(tmp_path, f"prctl:error=EINVAL:when={n}", *PROCESS, "--", "echo", "ran", env=env)
    assert done.returncode == 125 and done.stdout == "" and done.stderr.startswith("styrolite: "), done


def test_a_lost_pidfd_leaves_no_payload(tmp_path):
    env = {"STYRO_SPAWN": "helper", "PATH": "/usr/bin:/bin"}
    done = strace(tmp_path, "sendmsg:error=ETOOMANYREFS:when=1", "--no-init", "--", "echo", "ran", env=env)
    assert done.returncode == 125 and "ran" not in done.stdout


@pytest.mark.invariant("S23")
def test_a_caller_killed_at_the_maps_leaves_nothing(tmp_path):
    """The child of a root caller waits for its maps in the caller's memory: it must see that nobody will write them."""
    args = ["--", "sleep", "1000"]
    env = {"STYRO_SPAWN": "vfork", "PATH": "/usr/bin:/bin"}
    n = nth_call(tmp_path, "openat", "gid_map", "--", "true")
    done = strace(tmp_path, f"openat:signal=KILL:when={n}", *args, env=env)  # returns when the last traced process is gone
    assert done.returncode != 0


# ---- SIGKILL ---------------------------------------------------------------------------------------------------------
# strace -f comes back when the last traced process is gone: what lived on would keep it until the guard ends the test.

CALLER = ["clone3", "epoll_ctl", "poll"]
HELPER = ["close_range", "fsopen", "setresuid", "pivot_root", "dup3", "madvise"]


@pytest.mark.invariant("S23")
@pytest.mark.parametrize("call", CALLER)
def test_a_caller_killed_at_any_moment_leaves_nothing(tmp_path, call, mode):
    """At the clone, when the helper was started, and while it waits."""
    env = {"STYRO_SPAWN": mode, "PATH": "/usr/bin:/bin"}
    done = strace(tmp_path, f"{call}:signal=KILL:when=1", "--", "sleep", "1000", env=env)
    assert done.returncode == -signal.SIGKILL and "+++ killed by SIGKILL +++" in (tmp_path / "trace").read_text()


@pytest.mark.invariant("S23")
@pytest.mark.parametrize("call", ["close_range", "landlock_restrict_self", "setsid", "dup3", "madvise"])
def test_a_supervisor_killed_at_any_moment_leaves_nothing(tmp_path, call, mode):
    """Its payload has started nobody yet."""
    env = {"STYRO_SPAWN": mode, "PATH": "/usr/bin:/bin"}
    done = strace(tmp_path, f"{call}:signal=KILL:when=1", "--outcome", tmp_path / "o", *PROCESS, "--", "sleep", "1000", env=env)
    assert done.returncode == 125 and "+++ killed by SIGKILL +++" in (tmp_path / "trace").read_text(), done
    assert json.loads((tmp_path / "o").read_text())["reason"] == "lost"


@pytest.mark.invariant("S23")
@pytest.mark.parametrize("call", CALLER)
def test_a_caller_killed_at_any_moment_leaves_nothing_at_the_level_process(tmp_path, call, mode):
    env = {"STYRO_SPAWN": mode, "PATH": "/usr/bin:/bin"}
    done = strace(tmp_path, f"{call}:signal=KILL:when=1", *PROCESS, "--", "sleep", "1000", env=env)
    assert done.returncode == -signal.SIGKILL and "+++ killed by SIGKILL +++" in (tmp_path / "trace").read_text()


@pytest.mark.invariant("S23")
@pytest.mark.parametrize("call", HELPER)
def test_a_helper_killed_at_any_moment_leaves_nothing(tmp_path, call, mode):
    """Before its first step, on the way, once the payload's process was made, and when it is init."""
    env = {"STYRO_SPAWN": mode, "PATH": "/usr/bin:/bin"}
    done = strace(tmp_path, f"{call}:signal=KILL:when=1", "--outcome", tmp_path / "o", "--", "sleep", "1000", env=env)
    assert done.returncode == 125 and "+++ killed by SIGKILL +++" in (tmp_path / "trace").read_text(), done
    assert json.loads((tmp_path / "o").read_text())["reason"] == "lost"
