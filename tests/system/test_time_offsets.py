"""`namespaces.time.boottime` and `.monotonic`: clocks of the payload's own, while everything that the sandbox measures keeps the
caller's.
"""

import os
import subprocess
import time

import pytest

import harness
from harness import AS_ROOT, LINUX

CLOCKS = {"monotonic": time.CLOCK_MONOTONIC, "boottime": time.CLOCK_BOOTTIME}
READ = f"import time; result = [time.clock_gettime(c) for c in ({time.CLOCK_MONOTONIC}, {time.CLOCK_BOOTTIME}, {time.CLOCK_REALTIME})]"
HOUR = 3600


def clocks(**offsets):
    return {"namespaces": {"time": offsets}}


def now():
    return [time.clock_gettime(clock) for clock in (time.CLOCK_MONOTONIC, time.CLOCK_BOOTTIME, time.CLOCK_REALTIME)]


def distances(box, request):
    """What is read inside, against before and after: the smallest and the largest distance of each clock."""
    before = now()
    seen = box.probe(READ, request)
    after = now()
    return [(inside - later, inside - earlier) for earlier, inside, later in zip(before, seen, after)]


@pytest.mark.parametrize("offsets, monotonic, boottime", [
    ({"monotonic": "1000h"}, 1000 * HOUR, 0),
    ({"boottime": "1.5h"}, 0, 1.5 * HOUR),
    ({"boottime": "-5s", "monotonic": 100}, 100, -5),
    ({"boottime": "-1500ms", "monotonic": "-0.25s"}, -0.25, -1.5),
    ({"monotonic": 0}, 0, 0),
], ids=["monotonic", "boottime", "both", "below-0", "0"])
def test_offsets(tree, offsets, monotonic, boottime):
    ranges = distances(tree, clocks(**offsets))
    for (low, high), wanted in zip(ranges, (monotonic, boottime, 0)):
        assert low <= wanted <= high, (ranges, wanted)


@pytest.mark.kernel
def test_a_namespace_of_its_own_that_children_share(tree):
    text = tree.sh("readlink /proc/self/ns/time; sh -c 'readlink /proc/self/ns/time; cat /proc/self/timens_offsets; cat /proc/uptime'",
                   clocks(boottime="1000h"))
    own, child, monotonic, boottime, uptime = text.splitlines()
    assert own == child != os.readlink("/proc/self/ns/time")
    assert monotonic.split() == ["monotonic", "0", "0"] and boottime.split() == ["boottime", str(1000 * HOUR), "0"]
    assert 1000 * HOUR <= float(uptime.split()[0]) <= 1000 * HOUR + time.clock_gettime(time.CLOCK_BOOTTIME)


def test_what_is_promised(box):
    done = box.run(["true"], clocks(monotonic="1h"))
    assert done.code == 0 and "time_offsets" in done.outcome["enforced"], done
    assert "time_offsets" not in box.run(["true"]).outcome["enforced"]


@pytest.mark.parametrize("offset", ["1000h", "-1s"])
def test_the_timeout_and_the_figures_count_without_them(tree, offset):
    request = clocks(monotonic=offset)
    done = tree.run(["sleep", "600"], {**request, "timeout": "1s"})
    assert (done.reason, done.outcome["detail"]) == ("timed_out", "wall"), done
    figures(done, at_least=1)
    done = tree.run(["true"], {**request, "timeout": "60s"})
    assert done.code == 0, done
    figures(done, at_least=0)


def figures(done, at_least):
    usage = done.outcome["usage"]
    assert at_least <= usage["wall"] < 60, usage
    assert all(0 <= value < 60 for value in usage["setup"].values() if value is not None), usage


@pytest.mark.skipif(LINUX < (6, 2), reason="execve(2) enters the time namespace since Linux 6.2")
def test_without_an_init(box):
    ranges = distances(box, {**clocks(monotonic="1000h"), "init": False})
    assert ranges[0][0] <= 1000 * HOUR <= ranges[0][1]
    done = box.run(["sleep", "600"], {**clocks(monotonic="1000h"), "init": False, "timeout": "1s"})
    assert done.reason == "timed_out", done
    figures(done, at_least=1)


@pytest.mark.kernel
def test_without_an_init_before_linux_6_2(box):
    box.kernel = "6.1"
    done = box.run(["echo", "ran"], {**clocks(monotonic="1h"), "init": False})
    assert done.code == 125 and done.out == b"" and "need Linux 6.2" in done.line and "/namespaces/time" in done.line, done


def test_a_clock_below_zero(tree):
    error = tree.fails(["echo", "ran"], clocks(boottime="-876000h"))
    assert (error["stage"], error["field"], error["errno_name"]) == ("join", "/namespaces/time", "ERANGE")
    assert error["hint"] == "an offset may take no clock below 0: the machine has not been up for that long"


@pytest.mark.as_root
def test_in_the_hosts_user_namespace(tree):
    ranges = distances(tree, {"namespaces": {"user": "host", "time": {"monotonic": "10h"}}})
    assert ranges[0][0] <= 10 * HOUR <= ranges[0][1]


def test_in_a_joined_user_namespace(tmp_path):
    """There its /proc files are root's, because whoever is in that namespace must not reach the set-up."""
    box = harness.Sandbox(tmp_path)
    process = subprocess.Popen(["unshare", "--user", "--map-root-user", "/bin/sh", "-c", "echo ready; exec cat"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"ready\n"
        request = {"namespaces": {"user": {"join": f"/proc/{process.pid}/ns/user"}, "time": {"monotonic": "10h"}},
                   "user": {"uid": 0, "gid": 0}}
        if AS_ROOT:
            ranges = distances(box, request)
            assert ranges[0][0] <= 10 * HOUR <= ranges[0][1]
        else:
            error = box.fails(["echo", "ran"], request)
            assert (error["stage"], error["errno_name"]) == ("join", "EACCES") and "leave the offsets out" in error["hint"]
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(harness.WAIT)
