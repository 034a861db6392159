"""Each of the sixteen `rlimits` that the kernel still acts upon, at work inside: a payload goes up to its limit and no further,
and one without the limit goes on. Two have no effect since Linux 2.4 (locks, rss); theirs is only what is shown.
"""

import platform
import resource

import pytest

from harness import status_of

ALLOW_ALL = {"seccomp": {"bpf": [[6, 0, 0, 0x7FFF0000]]}}
MAY_RAISE = bool(int(status_of("self")["CapEff"], 16) >> 24 & 1)  # CAP_SYS_RESOURCE
X86_64 = platform.machine() == "x86_64"
SIGQUEUE, SCHED_SETSCHEDULER, MLOCK, MQ_OPEN = (129, 144, 149, 240) if X86_64 else (138, 119, 228, 180)

# limit: value, what the payload tries, the answer with the limit, and without
EFFECTS = {
    "as": (256 << 20, "mmap.mmap(-1, 512 << 20)", "ENOMEM", "ok"),
    "data": (256 << 20, "mmap.mmap(-1, 512 << 20, mmap.MAP_PRIVATE)", "ENOMEM", "ok"),
    "fsize": (4096, "signal.signal(signal.SIGXFSZ, signal.SIG_IGN), big_file()", "EFBIG", "ok"),
    "memlock": (0, "lock(1 << 16)", "ENOMEM EPERM", "ok"),
    "msgqueue": (100, "queue()", "EMFILE", "ok"),
    "nofile": (10, "[os.open('/dev/null', 0) for _ in range(20)]", "EMFILE", "ok"),
    "nproc": (1, "os._exit(0) if os.fork() == 0 else os.wait()", "EAGAIN", "ok"),
    "sigpending": (3, "[queue_signal() for _ in range(5)]", "EAGAIN", "ok"),
}

TRIES = """
import mmap, os, resource, signal
def answer(value):
    if isinstance(value, str):
        raise OSError(getattr(errno, value), value)
def lock(size):
    area = mmap.mmap(-1, size)
    answer(system_call(%d, ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(area))), size))
def queue():
    answer(system_call(%d, ctypes.c_char_p(b"q"), os.O_CREAT | os.O_RDWR, 0o600, None))
def big_file():
    with open("/tmp/x", "wb", 0) as f:
        f.write(bytes(8192))
        f.write(bytes(1))
signal.pthread_sigmask(signal.SIG_BLOCK, {40})
def queue_signal():
    info = (ctypes.c_int * 32)(40, 0, -1)
    answer(system_call(%d, os.getpid(), 40, info))
def attempt_all(call):
    try:
        call()
    except MemoryError:
        return "ENOMEM"
    except OSError as e:
        return errno.errorcode[e.errno]
    return "ok"
""" % (MLOCK, MQ_OPEN, SIGQUEUE)


@pytest.mark.parametrize("name", EFFECTS)
@pytest.mark.parametrize("init", [True, False], ids=["init", "no-init"])
@pytest.mark.invariant("S18")
def test_a_limit_bites(box, name, init):
    """A limit of processes or queues counts what the user has in this user namespace, so nothing else matters."""
    value, code, limited, free = EFFECTS[name]
    probe = TRIES + f"result = attempt_all(lambda: ({code}))"
    assert box.probe(probe, {"rlimits": {name: value}, "init": init, "security": ALLOW_ALL}) in limited.split()
    assert box.probe(probe, {"init": init, "security": ALLOW_ALL}) == free


@pytest.mark.invariant("S18")
def test_stack_bites(box, compiled):
    """Each call takes 64 KiB of stack: 32 MiB of them do not fit into four."""
    program = compiled("""
#include <string.h>
static int deep(int n) { volatile char room[65536]; memset((char *)room, n, sizeof room); return n ? deep(n - 1) + room[n] : 0; }
int main(void) { return deep(512) == 1; }""", "-O0")
    shown = {"paths": {"/p": {"from": str(program)}}}
    done = box.run(["/p"], {"rlimits": {"stack": "4M"}, **shown})
    assert (done.reason, done.outcome["signal"]) == ("signaled", "SIGSEGV")
    assert box.run(["/p"], {"rlimits": {"stack": "64M"}, **shown}).code == 0


@pytest.mark.invariant("S18")
def test_core_bites(box, work):
    """core(5): a limit of 0 lets no file be written; the outcome says whether one was."""
    request = {"rlimits": {"core": 0}, "cwd": "/w", "paths": {"/w": {"from": str(work), "access": "rw"}}}
    done = box.run(["/bin/sh", "-c", "kill -ABRT $$"], request)
    assert (done.outcome["signal"], done.outcome["core_dumped"]) == ("SIGABRT", False) and list(work.iterdir()) == []


def raised(name, value):
    """What stands before the command so that the caller's own hard limit allows the value."""
    hard = resource.getrlimit(getattr(resource, name))[1]
    if hard == resource.RLIM_INFINITY or hard >= value:
        return []
    if not MAY_RAISE:
        pytest.skip(f"{name} of this machine is {hard}, and this caller may not raise it")
    return ["prlimit", f"--{name[7:].lower()}={value}:{value}"]


@pytest.mark.parametrize("value, lowest", [(0, 19), (10, 10), (20, 0)])
def test_nice_bites(box, value, lowest):
    """getrlimit(2): the ceiling of the nice value is 20 less the soft limit."""
    probe = """
os.setpriority(os.PRIO_PROCESS, 0, 19)
result = [n for n in range(19, -1, -1) if attempt(os.setpriority, os.PRIO_PROCESS, 0, n) == "ok" and os.getpriority(0, 0) == n]"""
    seen = box.probe(probe, {"rlimits": {"nice": value}}, wrap=raised("RLIMIT_NICE", value))
    assert min(seen) == lowest


def test_rtprio_and_rttime_bite(box):
    """No real-time class without the limit, none above it, and SIGXCPU for who stays in it without a blocking call."""
    probe = f"""
import signal, sys
def schedule(priority):
    value = system_call({SCHED_SETSCHEDULER}, 0, 1, ctypes.byref(ctypes.c_int(priority)))  # SCHED_FIFO
    return "ok" if value == 0 else value
def stop(*_):
    print(json.dumps("SIGXCPU"))
    sys.stdout.flush()
    os._exit(0)
result = [schedule(n) for n in (1, 5, 6)]"""
    assert box.probe(probe, {"rlimits": {"rtprio": 0}, "security": ALLOW_ALL}) == ["EPERM"] * 3
    wrap = raised("RLIMIT_RTPRIO", 50)
    seen = box.probe(probe, {"rlimits": {"rtprio": 5}, "security": ALLOW_ALL}, wrap=wrap)
    if seen[0] != "ok":
        pytest.skip("this machine's control group gives no time to real-time classes")
    assert seen == ["ok", "ok", "EPERM"]
    spin = probe + """
signal.signal(signal.SIGXCPU, stop)
while True:
    pass"""
    limits = {"rtprio": 5, "rttime": {"soft": 20000, "hard": 10 ** 7}}
    assert box.probe(spin, {"rlimits": limits, "security": ALLOW_ALL, "timeout": "60s"}, wrap=wrap) == "SIGXCPU"


@pytest.mark.parametrize("name, unit", [("locks", 1), ("rss", 1 << 20)])
def test_those_without_effect_are_shown_all_the_same(box, name, unit):
    code = f"""
import fcntl
result = [open("/proc/self/limits").read().count(" {7 * unit} "), len(bytearray(64 << 20))]
held = [open(f"/tmp/{{n}}", "w") for n in range(20)]
for one in held:
    fcntl.lockf(one, fcntl.LOCK_EX)"""
    assert box.probe(code, {"rlimits": {name: 7 * unit}}) == [2, 64 << 20]


# ---- raising -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["core", "cpu", "fsize", "memlock", "nofile", "nproc", "sigpending", "stack"])
def test_a_hard_limit_is_not_raised_without_the_right(box, name):
    """Inside a user namespace of its own nobody has the host's CAP_SYS_RESOURCE, also where the caller is root."""
    unit = 1 << 20 if name in ("stack", "fsize") else 1
    error = box.fails(["echo", "ran"], {"rlimits": {name: {"soft": 1000 * unit, "hard": 5000 * unit}}},
                      wrap=["prlimit", f"--{name}={4000 * unit}:{4000 * unit}"])
    assert (error["stage"], error["field"], error["object"], error["errno_name"]) == ("rlimit", f"/rlimits/{name}", name, "EPERM")
    assert "hard limit cannot be raised" in error["hint"]


@pytest.mark.skipif(not MAY_RAISE, reason="this caller has no CAP_SYS_RESOURCE")
@pytest.mark.parametrize("name", ["core", "memlock", "sigpending"])
def test_a_hard_limit_is_raised_with_it(box, name):
    request = {"rlimits": {name: 5000}, "namespaces": {"user": "host"}}
    seen = box.sh("cat /proc/self/limits", request, wrap=["prlimit", f"--{name}=4000:4000"])
    assert seen.count(" 5000 ") == 2
