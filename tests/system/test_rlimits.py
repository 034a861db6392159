"""`rlimits`: all sixteen, as the payload's /proc/self/limits shows them, and a few as they bite."""

import pytest

from harness import PYTHON

# name in the request: name in /proc/self/limits, a value below what is usual
LIMITS = {
    "as": ("Max address space", 4 << 30), "core": ("Max core file size", 4096), "cpu": ("Max cpu time", 100),
    "data": ("Max data size", 3 << 30), "fsize": ("Max file size", 1 << 20), "locks": ("Max file locks", 10),
    "memlock": ("Max locked memory", 65536), "msgqueue": ("Max msgqueue size", 8192), "nice": ("Max nice priority", 0),
    "nofile": ("Max open files", 64), "nproc": ("Max processes", 50), "rss": ("Max resident set", 1 << 30),
    "rtprio": ("Max realtime priority", 0), "rttime": ("Max realtime timeout", 100000),
    "sigpending": ("Max pending signals", 20), "stack": ("Max stack size", 4 << 20),
}


def table(text):
    """{name: (soft, hard)} of /proc/PID/limits; names are 26 columns wide."""
    return {line[:26].strip(): tuple(line[26:].split()[:2]) for line in text.splitlines()[1:]}


def seen_inside(box, request=None, **more):
    return table(box.ok(["cat", "/proc/self/limits"], request, **more))


@pytest.fixture
def own():
    with open("/proc/self/limits") as file:
        return table(file.read())


def test_none_is_changed_unasked(box, own):
    assert seen_inside(box) == own


@pytest.mark.parametrize("name", LIMITS)
def test_one_number_for_both(box, own, name):
    title, value = LIMITS[name]
    seen = seen_inside(box, {"rlimits": {name: value}})
    assert seen[title] == (str(value), str(value))
    assert {k: v for k, v in seen.items() if k != title} == {k: v for k, v in own.items() if k != title}


@pytest.mark.parametrize("name", [n for n in LIMITS if LIMITS[n][1]])
def test_soft_and_hard(box, name):
    title, value = LIMITS[name]
    seen = seen_inside(box, {"rlimits": {name: {"soft": value // 2, "hard": value}}})
    assert seen[title] == (str(value // 2), str(value))


def test_all_at_once(box):
    seen = seen_inside(box, {"rlimits": {name: value for name, (_, value) in LIMITS.items() if name != "nproc"}})
    for name, (title, value) in LIMITS.items():
        if name != "nproc":
            assert seen[title] == (str(value), str(value))


@pytest.mark.parametrize("name", LIMITS)
def test_unlimited_where_it_is(box, own, name):
    title, _ = LIMITS[name]
    if own[title][1] != "unlimited":
        error = box.fails(["true"], {"rlimits": {name: "unlimited"}})
        assert (error["stage"], error["field"], error["errno_name"]) == ("rlimit", f"/rlimits/{name}", "EPERM")
        assert "hard limit cannot be raised" in error["hint"]
    else:
        assert seen_inside(box, {"rlimits": {name: "unlimited"}})[title] == ("unlimited", "unlimited")


@pytest.mark.parametrize("text, value", [("1M", 1 << 20), ("64K", 65536), ("1G", 1 << 30)])
def test_sizes(box, text, value):
    assert seen_inside(box, {"rlimits": {"fsize": text}})["Max file size"] == (str(value),) * 2


def test_above_the_callers_own(box):
    error = box.fails(["true"], {"rlimits": {"nofile": 4000}}, wrap=["prlimit", "--nofile=256:2000"])
    assert error["field"] == "/rlimits/nofile" and error["object"] == "nofile"


def test_a_raised_soft_limit(box):
    seen = seen_inside(box, {"rlimits": {"nofile": 2000}}, wrap=["prlimit", "--nofile=256:2000"])
    assert seen["Max open files"] == ("2000", "2000")


def test_best_effort(box):
    done = box.run(["true"], {"rlimits": {"nofile": 4000}, "best_effort": ["rlimits"]}, wrap=["prlimit", "--nofile=256:2000"])
    assert done.code == 0 and [e["protection"] for e in done.outcome["not_enforced"]] == ["rlimits"]
    assert "rlimits" not in done.outcome["enforced"]


@pytest.mark.invariant("S18")
def test_fsize_bites(box):
    done = box.run(["/bin/sh", "-c", "head -c 2M /dev/zero > /tmp/x; ls -s --block-size=1 /tmp/x"], {"rlimits": {"fsize": "1M"}})
    assert done.text.split()[0] == str(1 << 20)


@pytest.mark.invariant("S18")
def test_nofile_bites(box):
    seen = box.probe("""
def open_many():
    held = [open("/dev/null") for _ in range(100)]
result = attempt(open_many)""", {"rlimits": {"nofile": 64}})
    assert seen == "EMFILE"


@pytest.mark.invariant("S18")
def test_cpu_bites(box):
    """The soft limit warns, the hard one ends; both are processor time, so it does not matter how busy the machine is."""
    code = "import signal; signal.signal(signal.SIGXCPU, lambda *_: print('warned', flush=True))\nwhile True: pass"
    done = box.run([*PYTHON, code], {"rlimits": {"cpu": {"soft": 1, "hard": 2}}}, timeout=600)
    assert done.text == "warned\n" and (done.reason, done.outcome["signal"]) == ("signaled", "SIGKILL"), done


@pytest.mark.invariant("S18")
def test_as_bites(box):
    done = box.run(["/usr/bin/python3", "-c", "x = bytearray(1 << 30)"], {"rlimits": {"as": "256M"}})
    assert done.code == 1 and b"MemoryError" in done.err


@pytest.mark.invariant("S18")
@pytest.mark.kernel
def test_nproc_counts_the_sandbox_alone(box):
    """Since Linux 5.14 the count is the user namespace's: other processes of the same id do not matter."""
    done = box.run(["/bin/sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 600 & done; wait"], {"rlimits": {"nproc": 8}})
    assert done.code != 0 and b"ork" in done.err
    assert box.sh("sleep 0 & sleep 0 & wait; echo fine", {"rlimits": {"nproc": 8}}) == "fine\n"


def test_init_is_not_limited(box, compiled):
    """A limit of the payload must not keep init from doing its work: ending the payload, and telling why."""
    program = compiled("#include <unistd.h>\nint main(void) { for (;;) pause(); }", "-static")
    request = {"rlimits": {"nofile": 3, "stack": 65536, "nproc": 0, "fsize": 0}, "timeout": "300ms",
               "paths": {"/p": {"from": str(program)}}}
    done = box.run(["/p"], request)
    assert (done.reason, done.outcome["detail"], done.outcome["signal"]) == ("timed_out", "wall", "SIGKILL")
    assert done.outcome["init"] is True
