"""`namespaces`: each is the sandbox's own unless the request says `host`, and what that hides."""

import ctypes
import os
import socket
import uuid

import pytest

from harness import BUILD, LIBC, LINUX

LINKS = {"mount": "mnt", "pid": "pid", "ipc": "ipc", "uts": "uts", "cgroup": "cgroup", "time": "time", "user": "user",
         "network": "net"}
SEEN = "result = {n: os.readlink('/proc/self/ns/' + n) for n in ('mnt', 'pid', 'ipc', 'uts', 'cgroup', 'time', 'user', 'net')}"

SHARED = [] if LINUX >= (6, 2) else ["time"]  # by default; the outcome lists it


def outside():
    return {name: os.readlink(f"/proc/self/ns/{name}") for name in LINKS.values()}


@pytest.mark.kernel
def test_all_are_new(box):
    seen, host = box.probe(SEEN), outside()
    assert [name for name in seen if seen[name] == host[name]] == SHARED


@pytest.mark.parametrize("name", ["ipc", "uts", "cgroup", "time"])
@pytest.mark.parametrize("form", ["text", "object"])
def test_one_of_the_host(box, name, form):
    seen, host = box.probe(SEEN, {"namespaces": {name: "host" if form == "text" else {"mode": "host"}}}), outside()
    assert {one for one in seen if seen[one] == host[one]} == {LINKS[name], *SHARED}


def test_all_that_can_be_the_hosts(box):
    names = ["ipc", "uts", "cgroup", "time"]
    seen, host = box.probe(SEEN, {"namespaces": {n: "host" for n in names}, "network": "host"}), outside()
    assert sorted(one for one in seen if seen[one] == host[one]) == sorted([*names, "net"])


@pytest.mark.parametrize("name", ["mount", "pid", "ipc", "uts", "cgroup", "time", "user"])
def test_new_can_be_said(box, name):
    assert box.probe(SEEN, {"namespaces": {name: "new"}})[LINKS[name]] != outside()[LINKS[name]]


def test_pid_of_the_host(box):
    """Allowed without init and with the loss of the tree's end accepted; both are then listed."""
    request = {"namespaces": {"pid": "host"}, "init": False, "best_effort": ["tree_kill"]}
    done = box.run(["/bin/sh", "-c", "readlink /proc/self/ns/pid; echo $$"], request)
    assert done.code == 0, done
    link, pid = done.text.split()
    assert link == outside()["pid"] and int(pid) > 2
    assert {e["protection"] for e in done.outcome["not_enforced"]} >= {"tree_kill"}
    assert not {"tree_kill", "process_view", "process_signals"} & set(done.outcome["enforced"])


def test_children_share_the_namespaces(box):
    assert box.probe("""
import subprocess
own = os.readlink("/proc/self/ns/net")
result = own == subprocess.run(["readlink", "/proc/self/ns/net"], capture_output=True, text=True).stdout.strip()""")


# ---- processes -----------------------------------------------------------------------------------------------------------


@pytest.mark.invariant("S7")
def test_only_own_processes_are_seen(box):
    seen = box.probe("result = sorted(int(n) for n in os.listdir('/proc') if n.isdigit())")
    assert seen == [1, 2]
    assert box.probe("result = sorted(int(n) for n in os.listdir('/proc') if n.isdigit())", {"init": False}) == [1]


@pytest.mark.invariant("S7")
def test_host_processes_cannot_be_signalled(box):
    pids = [os.getpid(), os.getppid()]
    assert box.probe(f"result = [attempt(os.kill, p, 0) for p in {pids} if p > 50]") == ["ESRCH"] * len([p for p in pids if p > 50])


def test_signalling_everything_reaches_only_the_own(box):
    """kill(-1): the test would not come back from it otherwise."""
    done = box.run(["/bin/sh", "-c", "kill -KILL -1; echo still here"])
    assert done.reason in ("exited", "signaled")
    assert os.getppid() > 0


def test_the_caller_is_not_visible(box):
    """Neither as a parent nor as leader of a session or group, not even init's."""
    assert box.probe("result = [os.getppid(), os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid(), os.getsid(1)]") == \
        [1, True, True, 1]


# ---- host name ---------------------------------------------------------------------------------------------------------------


def test_hostname(box):
    before = socket.gethostname()
    assert box.sh("uname -n; hostname; cat /proc/sys/kernel/hostname") == "sandbox\n" * 3
    assert box.sh("uname -n", {"namespaces": {"uts": {"hostname": "build.example"}}}) == "build.example\n"
    assert box.sh("uname -n", {"namespaces": {"uts": "host"}}) == before + "\n"
    assert socket.gethostname() == before


def test_longest_hostname(box):
    name = "x" * 64
    assert box.sh("uname -n", {"namespaces": {"uts": {"hostname": name}}}) == name + "\n"


def test_the_hosts_domain_name_does_not_show(box):
    before = open("/proc/sys/kernel/domainname").read()
    assert box.sh("cat /proc/sys/kernel/domainname") == "(none)\n"
    named = {"namespaces": {"uts": {"domainname": "lab.example"}}}
    assert box.sh("cat /proc/sys/kernel/domainname; uname -n", named) == "lab.example\nsandbox\n"
    named["namespaces"]["uts"]["domainname"] = "d" * 64
    assert box.sh("cat /proc/sys/kernel/domainname", named) == "d" * 64 + "\n"
    assert open("/proc/sys/kernel/domainname").read() == before


def test_the_name_cannot_be_changed_inside(box):
    seen = box.probe("result = [attempt(socket.sethostname, 'x'), attempt(write, '/proc/sys/kernel/hostname')]")
    assert seen == ["EPERM", "EROFS"]


# ---- interprocess communication -----------------------------------------------------------------------------------------------


@pytest.fixture
def segment():
    """A System V segment of the host that everybody may read."""
    key = uuid.uuid4().int & 0x7FFFFFFF
    number = LIBC.shmget(key, 4096, 0o1666)
    assert number >= 0
    yield key
    LIBC.shmctl(number, 0, None)


@pytest.mark.parametrize("space, answer", [("new", "ENOENT"), ("host", "ok")])
@pytest.mark.invariant("S21")
def test_system_v(box, segment, space, answer):
    seen = box.probe(f"""
value = libc.shmget({segment}, 0, 0)
result = "ok" if value >= 0 else errno.errorcode[ctypes.get_errno()]""", {"namespaces": {"ipc": space}})
    assert seen == answer


def test_system_v_inside_is_gone_afterwards(box, segment):
    assert box.probe(f"result = libc.shmget({segment + 1}, 4096, 0o1666) >= 0")
    assert LIBC.shmget(segment + 1, 0, 0) == -1


@pytest.mark.invariant("S21")
def test_message_queues(box):
    name = f"/styrolite-{uuid.uuid4()}".encode()
    rt = ctypes.CDLL("librt.so.1", use_errno=True)
    queue = rt.mq_open(name, os.O_CREAT | os.O_RDWR, 0o666, None)
    if queue < 0:
        pytest.skip("no message queues here")
    try:
        code = f"""
rt = ctypes.CDLL("librt.so.1", use_errno=True)
value = rt.mq_open({name!r}, os.O_RDWR)
result = "ok" if value >= 0 else errno.errorcode[ctypes.get_errno()]"""
        assert box.probe(code) == "ENOENT"
        assert box.probe(code, {"namespaces": {"ipc": "host"}}) == ("ok" if os.geteuid() else "EACCES") or os.geteuid() == 0
    finally:
        os.close(queue)
        rt.mq_unlink(name)


@pytest.mark.invariant("S21")
def test_shared_memory_is_private(box):
    name = f"styrolite-{uuid.uuid4()}"
    assert box.probe(f"write('/dev/shm/{name}'); result = os.listdir('/dev/shm')") == [name]
    assert not os.path.exists(f"/dev/shm/{name}")


# ---- control groups and clocks --------------------------------------------------------------------------------------------------


@pytest.mark.invariant("S19")
def test_the_own_control_group_is_the_root_of_the_view(box):
    for line in box.sh("cat /proc/self/cgroup").splitlines():
        assert line.endswith(":/"), line


def test_clocks_have_no_offset(box):
    import time
    """What is read inside lies between what was read before and after."""
    clocks = (time.CLOCK_MONOTONIC, time.CLOCK_BOOTTIME)
    before = [time.clock_gettime_ns(clock) for clock in clocks]
    seen = box.probe(f"import time; result = [time.clock_gettime_ns(clock) for clock in {clocks}]")
    after = [time.clock_gettime_ns(clock) for clock in clocks]
    assert all(a <= b <= c for a, b, c in zip(before, seen, after)), (before, seen, after)


@pytest.mark.kernel
def test_before_linux_6_2_a_default_time_namespace_is_left_out(box):
    box.kernel = "6.1"
    done = box.run(["readlink", "/proc/self/ns/time"])
    assert done.code == 0 and "time_offsets" not in done.outcome["enforced"]


# ---- nested user namespaces -----------------------------------------------------------------------------------------------------


@pytest.mark.invariant("S16")
@pytest.mark.kernel
def test_no_user_namespace_can_be_made(box):
    done = box.run(["unshare", "--user", "true"])
    assert done.code == 1 and b"Operation not permitted" in done.err
    assert "nested_user_namespaces" in done.outcome["enforced"]


@pytest.mark.invariant("S16")
def test_the_limit_is_the_sandboxs_own(box):
    with open("/proc/sys/user/max_user_namespaces") as file:
        before = file.read()
    assert box.sh("cat /proc/sys/user/max_user_namespaces") == "0\n"
    with open("/proc/sys/user/max_user_namespaces") as file:
        assert file.read() == before and int(before) > 0


def test_a_sandbox_inside_a_sandbox_is_refused_by_name(box):
    request = {"paths": {"/b": {"from": str(BUILD)}}}
    done = box.run(["/bin/sh", "-c", "mkdir ~/b; cp /b/styrolite /b/styrolite-helper ~/b; ~/b/styrolite run -- true"], request)
    assert done.code == 125 and done.err.startswith(b"styrolite: ") and done.err.count(b"\n") == 1
    # With a way out, as every refusal has one.
    assert done.err.endswith(b")\n")
