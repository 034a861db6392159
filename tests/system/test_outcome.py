"""The outcome as JSON: every key, every reason that can be reached, and figures that can be believed."""

import re
import time

import pytest

from harness import PYTHON, WAIT

KEYS = ["version", "reason", "code", "signal", "core_dumped", "detail", "error", "message", "name", "isolation", "spawn_mode",
        "init", "enforced", "not_enforced", "approximated", "stdout", "stderr", "usage"]
ERROR = ["code", "errno", "errno_name", "stage", "field", "object", "message", "hint"]
USAGE = ["wall", "user", "system", "max_rss", "memory_peak", "pids_peak", "minor_faults", "major_faults",
         "switches_voluntary", "switches_involuntary", "read_bytes", "write_bytes", "setup"]
SETUP = ["spawn", "helper", "tree", "identity", "exec"]
STREAM = ["bytes", "kept", "truncated", "text", "base64"]
DEFAULT = ["path_view", "read_only_paths", "denied_paths", "masked_paths", "private_tmp", "device_allowlist", "process_view",
           "process_signals", "ipc_isolation", "network_isolation", "abstract_sockets", "hostname", "cgroup_view", "user_ids",
           "capabilities", "no_new_privs", "seccomp", "nested_user_namespaces", "session_keyring", "new_session", "closed_fds",
           "helper_image", "tree_kill", "caller_death", "disk_size"]

SH = ["/bin/sh", "-c"]
REASONS = {
    "exited": ([*SH, "exit 3"], {}, 3),
    "signaled": ([*SH, "kill -ABRT $$"], {}, 134),
    "timed_out": (["sleep", "60"], {"timeout": "200ms"}, 124),
    "output_limit": (["yes"], {"output": {"limit": "1K", "on_limit": "kill"}}, 153),
    "setup_failed": (["true"], {"paths": {"/x": {"from": "/no/such"}}}, 125),
    "exec_failed": (["/no/such"], {}, 127),
}


@pytest.fixture(params=REASONS)
def ended(request, box):
    argv, fields, code = REASONS[request.param]
    done = box.run(argv, {"output": "1M", **fields})
    assert (done.reason, done.code) == (request.param, code)
    return done.outcome


def test_every_key_is_there(ended):
    assert list(ended) == KEYS and ended["version"] == 1
    assert list(ended["usage"]) == USAGE and list(ended["usage"]["setup"]) == SETUP
    assert list(ended["stdout"]) == list(ended["stderr"]) == STREAM
    if ended["error"]:
        assert list(ended["error"]) == ERROR
    for entry in ended["not_enforced"] + ended["approximated"]:
        assert sorted(entry) == ["field", "protection", "why"] and all(entry.values())


def test_keys_that_hang_together(ended):
    reason = ended["reason"]
    assert (ended["code"] is not None) == (reason == "exited")
    assert (ended["signal"] is not None) == (reason in ("signaled", "timed_out", "output_limit"))
    assert (ended["detail"] is not None) == (reason in ("timed_out", "output_limit"))
    assert (ended["error"] is not None) == (reason in ("setup_failed", "exec_failed"))
    assert ended["isolation"] == "container" and ended["init"] is True and ended["name"] is None
    assert re.match(r"^\S.*\S$", ended["message"]) and "\n" not in ended["message"]


def test_figures_have_their_types(ended):
    usage = ended["usage"]
    for key in ("wall", "user", "system"):
        assert usage[key] is None or (isinstance(usage[key], (int, float)) and 0 <= usage[key] < 60)
    for key in ("max_rss", "minor_faults", "major_faults", "switches_voluntary", "switches_involuntary"):
        assert usage[key] is None or (isinstance(usage[key], int) and usage[key] >= 0)
    assert usage["memory_peak"] is None and usage["pids_peak"] is None
    if ended["reason"] == "exited":
        assert all(isinstance(value, float) and value >= 0 for value in usage["setup"].values())
        assert sum(usage["setup"].values()) <= usage["wall"] + 0.001


def test_what_was_enforced(box):
    outcome = box.run(["true"]).outcome
    assert set(DEFAULT) <= set(outcome["enforced"]) and len(set(outcome["enforced"])) == len(outcome["enforced"])
    names = {entry["protection"] for entry in outcome["not_enforced"]}
    assert not names & set(outcome["enforced"]) and outcome["approximated"] == []


def test_limits_that_are_only_listed(box):
    done = box.run(["true"], {"limits": {"memory": "256M", "pids": 64}, "best_effort": ["limits"]})
    assert done.code == 0
    listed = {entry["protection"]: entry for entry in done.outcome["not_enforced"]}
    assert {"limit_memory", "limit_pids"} <= set(listed) and not {"limit_memory", "limit_pids"} & set(done.outcome["enforced"])
    assert all(listed[name]["field"].startswith("/limits") and listed[name]["why"] for name in ("limit_memory", "limit_pids"))


def test_a_name(box):
    assert box.run(["true"], None, ["--name", "job 42"]).outcome["name"] == "job 42"


def test_signals_by_name(box):
    for number, name in ((9, "SIGKILL"), (11, "SIGSEGV"), (15, "SIGTERM"), (6, "SIGABRT"), (31, "SIGSYS")):
        assert box.run([*SH, f"kill -{number} $$; sleep 5"]).outcome["signal"] == name


def test_a_core_is_told(box, work):
    """Only where the kernel writes cores into the working directory; the limit is the caller's."""
    with open("/proc/sys/kernel/core_pattern") as file:
        if file.read().strip() != "core":
            pytest.skip("cores do not go to the working directory here")
    import resource
    resource_hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    if resource_hard not in (-1,) and resource_hard < 1 << 26:
        pytest.skip("cores are not allowed here")
    request = {"cwd": "/w", "paths": {"/w": {"from": str(work), "access": "rw"}}, "rlimits": {"core": "64M"}}
    done = box.run([*SH, "kill -SEGV $$"], request)
    assert done.outcome["core_dumped"] is True and list(work.iterdir())
    request["rlimits"] = {"core": 0}
    assert box.run([*SH, "kill -SEGV $$"], request).outcome["core_dumped"] is False


def test_canceled(box):
    import signal
    with box.start([*SH, "trap 'echo again' TERM; echo ready; while :; do sleep 0.05; done"]) as run:
        assert run.read_line() == "ready"
        run.process.send_signal(signal.SIGTERM)
        assert run.read_line() == "again"
        time.sleep(0.3)  # within 200 ms the same signal counts as one
        run.process.send_signal(signal.SIGTERM)
        assert run.process.wait(WAIT) == 143
        assert run.outcome["reason"] == "canceled"


# ---- figures ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("init", [True, False], ids=["init", "no-init"])
def test_memory(box, init, compiled):
    """A program that touches 50 MiB: within a tenth, its own few pages included."""
    program = compiled("""
#include <stdlib.h>
#include <string.h>
int main(void) { char *p = malloc(50 << 20); memset(p, 1, 50 << 20); return p[12345] != 1; }
""", "-static", "-O0")
    done = box.run(["/p"], {"init": init, "paths": {"/p": {"from": str(program)}}})
    if not init and box.mode == "vfork":
        # The kernel counts the caller's memory in, which that child shared until its exec: no figure rather than a wrong one.
        assert done.outcome["usage"]["max_rss"] is None
    else:
        assert done.code == 0 and abs(done.outcome["usage"]["max_rss"] - (50 << 20)) < 5 << 20


@pytest.mark.parametrize("init", [True, False], ids=["init", "no-init"])
def test_user_time(box, init):
    """Against what the payload itself measured."""
    code = "import time\nn = 0\nwhile n < 6_000_000: n += 1\nprint(time.process_time())"
    done = box.run([*PYTHON, code], {"init": init})
    usage, measured = done.outcome["usage"], float(done.text)
    # One thread: it had no more than went by. The kernel rounds down to microseconds.
    assert measured - 1e-5 <= usage["user"] + usage["system"] <= usage["wall"]
    assert usage["user"] > usage["system"]


def test_system_time(box):
    done = box.run(["dd", "if=/dev/zero", "of=/dev/null", "bs=1", "count=600000"])
    assert done.outcome["usage"]["system"] > 0.02


def test_times_of_grandchildren(box):
    spin = "import time\nwhile time.process_time() < 0.3: pass\nprint(time.process_time())"
    done = box.run([*SH, f"python3 -I -S -c '{spin}' & python3 -I -S -c '{spin}' & wait"])
    measured = sum(map(float, done.text.split()))
    assert measured >= 0.6
    # Each is counted once.
    assert measured - 1e-5 <= done.outcome["usage"]["user"] + done.outcome["usage"]["system"] < 2 * measured


def test_wall_time(box):
    done = box.run(["sleep", "0.3"])
    usage = done.outcome["usage"]
    assert 0.3 <= usage["wall"] <= done.seconds
    assert usage["user"] + usage["system"] <= usage["wall"] - 0.3  # who sleeps uses nothing


def test_faults_and_switches(box):
    usage = box.run([*SH, "sleep 0.01; sleep 0.01"]).outcome["usage"]
    assert usage["minor_faults"] > 50 and usage["switches_voluntary"] >= 2


def test_the_command_prints_what_the_outcome_says(box):
    done = box.run([*SH, "kill -KILL $$"])
    assert "SIGKILL" in done.outcome["message"] and "SIGKILL" in done.line
