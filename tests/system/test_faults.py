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
@pytest.mark.parametrize("call", HELPER)
def test_a_helper_killed_at_any_moment_leaves_nothing(tmp_path, call, mode):
    """Before its first step, on the way, once the payload's process was made, and when it is init."""
    env = {"STYRO_SPAWN": mode, "PATH": "/usr/bin:/bin"}
    done = strace(tmp_path, f"{call}:signal=KILL:when=1", "--outcome", tmp_path / "o", "--", "sleep", "1000", env=env)
    assert done.returncode == 125 and "+++ killed by SIGKILL +++" in (tmp_path / "trace").read_text(), done
    assert json.loads((tmp_path / "o").read_text())["reason"] == "lost"
