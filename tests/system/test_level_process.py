"""The level `process`: no namespace and no mount, a supervisor instead of PID 1, Landlock and filters alone. What it holds, what it
does not and says so, how its processes end, and when a list of levels comes to it.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile

import pytest

import harness
from harness import AS_ROOT, Caller, NOBODY, PYTHON, WAIT, wait_gone

PROCESS = {"isolation": ["process"]}
SCOPES = harness.LINUX >= (6, 12)
needs_scopes = pytest.mark.skipif(not SCOPES, reason="Landlock keeps signals inside since Linux 6.12")
CONNECT = """
def connect(family, address):
    with socket.socket(family) as s:
        s.settimeout(5)
        s.connect(address)
"""


def process(**more):
    return {**PROCESS, **more}


@pytest.fixture
def reach():
    """A directory that the payload reaches by the host's own modes: nothing is mounted that would lead around those above it."""
    path = pathlib.Path(tempfile.mkdtemp(dir="/tmp", prefix="styrolite-level-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def names(masks):
    return {entry["protection"] for entry in masks}


# ---- what it holds ---------------------------------------------------------------------------------------------------


def test_who_the_payload_is(box):
    """A root caller's is nobody in particular, as in a container."""
    seen = box.probe("""
s = status()
result = {"uid": os.getresuid(), "gid": os.getresgid(), "groups": os.getgroups(), "sid": os.getsid(0) == os.getpid(), "cwd": os.getcwd(),
          "nnp": s["NoNewPrivs"], "filters": s["Seccomp_filters"], "caps": [s[k] for k in ("CapInh", "CapPrm", "CapEff", "CapAmb")]}""", process())
    uid = NOBODY if AS_ROOT else Caller.uid
    assert seen == {"uid": [uid] * 3, "gid": [NOBODY if AS_ROOT else Caller.gid] * 3, "groups": [] if AS_ROOT else os.getgroups(),
                    "sid": True, "cwd": "/", "nnp": "1", "filters": "2", "caps": ["0" * 16] * 4}
    if AS_ROOT:
        assert box.probe("result = status()['CapBnd']", process()) == "0" * 16


@pytest.mark.invariant("S1", "S2", "S6")
@pytest.mark.kernel
def test_what_is_not_named_is_out_of_reach(box, reach, given):
    (reach / "in").mkdir()
    (reach / "in" / "file").write_text("of the host\n")
    (reach / "out").mkdir(mode=0o777)
    (reach / "out").chmod(0o777)
    (reach / "secret").write_text("secret")
    for one in ("in", "out", "secret"):
        given(reach / one)
    seen = box.probe(f"""
work = {str(reach)!r}
result = {{"in": read(work + "/in/file"), "into in": attempt(write, work + "/in/new"), "out": attempt(write, work + "/out/new"),
          "secret": attempt(read, work + "/secret"), "list": attempt(os.listdir, work), "passwd": attempt(read, "/etc/passwd"),
          "usr": attempt(os.listdir, "/usr/bin"), "into usr": attempt(write, "/usr/new"), "tmp": attempt(write, "/tmp/styrolite-no"),
          "shm": attempt(write, "/dev/shm/styrolite-no"), "null": attempt(write, "/dev/null"), "tty": attempt(read, "/dev/tty"),
          "kmsg": attempt(read, "/dev/kmsg"), "proc": attempt(read, "/proc/self/stat"), "sys": attempt(os.listdir, "/sys"),
          "adjust": attempt(write, "/proc/self/oom_score_adj", "0"), "truncate": attempt(os.truncate, work + "/secret", 0)}}""",
                     process(paths={str(reach / "in"): "ro", str(reach / "out"): "rw"}))
    assert seen == {"in": "of the host\n", "into in": "EACCES", "out": "ok", "secret": "EACCES", "list": "EACCES", "passwd": "EACCES",
                    "usr": "ok", "into usr": "EROFS" if os.statvfs("/usr").f_flag & os.ST_RDONLY else "EACCES", "tmp": "EACCES", "shm": "EACCES", "null": "ok", "tty": "EACCES", "kmsg": "EACCES",
                    "proc": "ok", "sys": "EACCES", "adjust": "EACCES", "truncate": "EACCES"}
    assert (reach / "out" / "new").read_text() == "x" and (reach / "secret").read_text() == "secret"


def test_an_empty_root(box, work):
    """Nothing of the host but what is named: not even a loader."""
    error = box.fails(["/usr/bin/true"], process(root="empty"), code=126)
    assert error["stage"] == "exec" and error["errno_name"] == "EACCES"
    assert box.ok(["/usr/bin/echo", "ran"], process(root="empty", paths={"/usr": "ro", "/etc/ld.so.cache": "ro"})) == "ran\n"


@pytest.mark.invariant("S20")
def test_without_a_network_no_socket_reaches_anybody(box, work):
    with socket.socket(socket.AF_UNIX) as abstract, socket.socket() as tcp, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as packets:
        abstract.bind(f"\0styrolite-{os.getpid()}-{id(work)}")
        packets.bind(f"\0styrolite-{os.getpid()}-{id(work)}-p")
        tcp.bind(("127.0.0.1", 0))
        abstract.listen()
        packets.listen()
        tcp.listen()
        where = {"abstract": abstract.getsockname().decode(), "packets": packets.getsockname().decode(), "tcp": list(tcp.getsockname())}
        code = CONNECT + f"""
where = {where!r}
def pair(kind, name):
    one, other = socket.socketpair(socket.AF_UNIX, kind)
    with one, other:
        one.send(b"x")
        assert other.recv(9) == b"x"
        return attempt(one.connect, where[name])
result = [attempt(connect, socket.AF_INET, tuple(where["tcp"])), attempt(connect, socket.AF_UNIX, where["abstract"]),
          attempt(socket.socket, socket.AF_NETLINK, socket.SOCK_RAW, 0), attempt(socket.socketpair, socket.AF_UNIX, socket.SOCK_DGRAM),
          pair(socket.SOCK_STREAM, "abstract"), pair(socket.SOCK_SEQPACKET, "packets")]"""
        lost = ["EAFNOSUPPORT"] * 3 + ["ENOTSUP"]
        assert box.probe(code, process()) == [*lost, "EISCONN", "EISCONN"]
        assert box.probe(code, process(security={"seccomp": "none"})) == [*lost, "EISCONN", "EISCONN"], "whatever the request's filter"
        host = box.probe(code, process(network="host"))
        assert host[0] == "ok" and host[1] == "EAFNOSUPPORT", "sockets with paths would be the host's, and Landlock does not ask about them"


@pytest.mark.invariant("S21")
def test_ipc_by_number(box):
    code = """
SHMGET, SEMGET, MSGGET = {"x86_64": (29, 64, 68), "aarch64": (194, 190, 186)}[os.uname().machine]
result = [system_call(SHMGET, 0, 4096, 0o600), system_call(SEMGET, 0, 1, 0o600), system_call(MSGGET, 0, 0o600)]
made = {"shm": 24, "sem": 64, "msg": 68}
if isinstance(result[0], int):
    libc.shmctl(result[0], 0, None), libc.semctl(result[1], 0, 0), libc.msgctl(result[2], 0, None)"""
    assert box.probe(code, process()) == ["ENOSYS"] * 3
    assert all(isinstance(one, int) for one in box.probe(code, process(namespaces={"ipc": "host"})))


@contextlib.contextmanager
def same_user():
    """A process of the host with the ids that the payload has."""
    ids = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if AS_ROOT else {}
    one = subprocess.Popen(["sleep", "600"], start_new_session=True, **ids)
    try:
        yield one
    finally:
        one.kill()
        one.wait()


OTHERS = """
import resource
pid = {pid}
result = {{"kill": attempt(os.kill, pid, 0), "terminate": attempt(os.kill, pid, 15), "group": attempt(os.killpg, {group}, 0),
          "limit": attempt(resource.prlimit, pid, resource.RLIMIT_NOFILE, (64, 64)), "own limit": attempt(resource.setrlimit, resource.RLIMIT_NOFILE, (64, 64)),
          "nice": attempt(os.setpriority, os.PRIO_PROCESS, pid, 5), "own nice": attempt(os.setpriority, os.PRIO_PROCESS, 0, 5),
          "class": attempt(os.sched_setscheduler, pid, os.SCHED_IDLE, os.sched_param(0)),
          "environ": attempt(read, f"/proc/{{pid}}/environ"), "memory": attempt(open, f"/proc/{{pid}}/mem", "rb"),
          "cwd": attempt(os.readlink, f"/proc/{{pid}}/cwd"), "parent": attempt(os.kill, os.getppid(), 9)}}
"""


@pytest.mark.invariant("S7")
@needs_scopes
def test_processes_of_the_same_user(box):
    """One that is the payload's own user outside, which nothing but the sandbox keeps it from."""
    with same_user() as other:
        seen = box.probe(OTHERS.format(pid=other.pid, group=other.pid), process(security={"seccomp": "none"}))
        assert other.poll() is None
    assert seen == {"kill": "EPERM", "terminate": "EPERM", "group": "EPERM", "limit": "EPERM", "own limit": "ok", "nice": "EPERM", "own nice": "ok",
                    "class": "EPERM", "environ": "EACCES", "memory": "EACCES", "cwd": "EACCES", "parent": "EPERM"}


WITHOUT = harness.BUILD / "tests" / "drivers" / "without"


def test_no_word_does_without_landlock(box):
    """Not even that its protections may be missing."""
    request = process(best_effort=["landlock", "landlock_paths"])
    error = box.fails(["true"], request, wrap=[WITHOUT, "ENOSYS", "landlock_create_ruleset"])
    assert (error["stage"], error["field"]) == ("landlock", "/security/landlock/paths")


@pytest.mark.parametrize("scopes", [[], ["abstract_unix"], ["signals"]], ids=str)
@needs_scopes
def test_no_word_takes_the_fence_away(box, scopes):
    code = "result = [attempt(os.kill, os.getppid(), 0), attempt(os.kill, os.getppid(), 19)]"
    assert box.probe(code, process(security={"landlock": {"scopes": scopes}, "seccomp": "none"})) == ["EPERM"] * 2


@pytest.mark.kernel
def test_the_supervisor_is_out_of_reach(box):
    """Also where Landlock has no scopes yet."""
    seen = box.probe("""
import fcntl, signal
supervisor = os.getppid()
TGKILL, PIDFD_SEND = {"x86_64": (234, 424), "aarch64": (131, 424)}[os.uname().machine]
result = [attempt(os.kill, supervisor, 0), attempt(os.kill, supervisor, 19), attempt(os.killpg, supervisor, 19), attempt(os.kill, -1, 0),
          system_call(TGKILL, supervisor, supervisor, 19), attempt(os.pidfd_open, supervisor), attempt(fcntl.fcntl, 0, 10, 19),
          attempt(lambda: signal.pidfd_send_signal(os.open(f"/proc/{supervisor}", os.O_DIRECTORY), 19)),
          attempt(open, f"/proc/{supervisor}/mem", "rb"), attempt(os.kill, os.getpid(), 0), attempt(os.kill, 0, 0)]""",
                     process(security={"seccomp": "none"}))
    assert seen == ["EPERM"] * 7 + ["ENOSYS", "EACCES", "ok", "ok"]


@pytest.mark.invariant("S2", "S6")
@pytest.mark.kernel
def test_files_that_are_opened_for_nothing(box, reach):
    """Landlock is asked what for; before Linux 6.2 also a file that is opened to be read is cut without a question."""
    for name in ("own", "shown"):
        (reach / name).write_text("whole")
        (reach / name).chmod(0o666)
    seen = box.probe(f"work = {str(reach)!r}\n" + """
NOTHING = 3
result = [attempt(os.open, work + "/own", NOTHING), attempt(os.open, work + "/own", NOTHING | os.O_TRUNC), attempt(os.open, work + "/shown", os.O_TRUNC),
          attempt(os.open, "/dev/null", NOTHING), attempt(os.open, work + "/shown", os.O_RDONLY)]""",
                     process(paths={str(reach / "shown"): "ro"}, security={"seccomp": "none"}))
    assert seen == ["EACCES"] * 4 + ["ok"]
    assert (reach / "own").read_text() == (reach / "shown").read_text() == "whole"


def test_nothing_denied_is_come_to_by_a_link(box, reach):
    (reach / "secret").mkdir(mode=0o755)
    (reach / "secret" / "word").write_text("word")
    (reach / "link").symlink_to("secret")
    error = box.fails(["true"], process(paths={str(reach / "secret"): "deny", str(reach / "link"): "ro"}))
    assert (error["stage"], error["errno_name"], error["object"]) == ("landlock", "ELOOP", str(reach / "link"))
    error = box.fails(["/bin/true"], process(paths={"/usr": "deny"}), code=126)
    assert error["errno_name"] == "EACCES", "what links of the system base lead to is denied with it"


# Children of the supervisor from the first moment on, as many as can be started: each is one more to be reaped.
STORM = """
import ctypes, os, threading
libc = ctypes.CDLL(None)
CLONE = {"x86_64": 56, "aarch64": 220}[os.uname().machine]
PARENT = 0x8000
print("ready", flush=True)
while True:
    if libc.syscall(CLONE, PARENT | 17, 0, 0, 0, 0) == 0:
        os._exit(0)
"""


def test_a_storm_of_children_keeps_no_deadline_away(box):
    done = box.run([*PYTHON, STORM], process(timeout="500ms"))
    assert done.reason == "timed_out" and done.outcome["usage"]["wall"] < 5, done


@pytest.mark.invariant("S16")
def test_no_user_namespaces(box):
    code = """
NEWUSER = 0x10000000
result = [attempt(lambda: os.unshare(NEWUSER)) if hasattr(os, "unshare") else errno.errorcode[ctypes.get_errno()] if libc.unshare(NEWUSER) else "ok"]"""
    for security in ({}, {"seccomp": "none"}):
        assert box.probe(code, process(security=security)) == ["EPERM"]


def test_what_the_request_says_of_the_process_holds(box, work):
    os.set_inheritable(read := os.open("/etc/hostname", os.O_RDONLY), True)
    try:
        seen = box.probe("""
import resource
result = {"umask": os.umask(0), "nofile": resource.getrlimit(resource.RLIMIT_NOFILE), "nice": os.nice(0), "env": dict(os.environ), "cwd": os.getcwd(),
          "oom": int(read("/proc/self/oom_score_adj")), "fds": sorted(os.listdir("/proc/self/fd"))[:4], "argv": sys.argv[1:]}""",
                         process(umask="0027", rlimits={"nofile": 100}, nice=7, env={"A": "b"}, cwd="/usr", oom_score_adj=900,
                                 preserve_fds=[read]), pass_fds=[read])
    finally:
        os.close(read)
    assert seen["umask"] == 0o27 and seen["nofile"] == [100, 100] and seen["nice"] == os.nice(0) + 7 and seen["cwd"] == "/usr"
    assert seen["env"]["A"] == "b" and seen["oom"] == 900 and str(read) in seen["fds"]


# ---- paths -----------------------------------------------------------------------------------------------------------


def test_what_is_named_must_be_there(box, reach):
    absent = str(reach / "absent")
    error = box.fails(["true"], process(paths={absent: "ro"}))
    assert (error["stage"], error["errno_name"], error["object"]) == ("landlock", "ENOENT", absent)
    assert error["field"] == "/paths/" + absent.replace("/", "~1") and "absent" in error["message"]
    box.ok(["true"], process(paths={absent: {"access": "ro", "optional": True}}))


def test_a_place_that_the_payload_cannot_write(box, reach, given):
    """Landlock would allow it, and the mode does not."""
    place = reach / "mine"
    place.mkdir(mode=0o555)
    given(place)
    place.chmod(0o555)
    error = box.fails(["true"], process(paths={str(place): "rw"}))
    assert (error["stage"], error["field"]) == ("access", "/paths/" + str(place).replace("/", "~1"))


def test_files_and_links(box, reach, given):
    (reach / "file").write_text("one")
    (reach / "other").write_text("two")
    (reach / "link").symlink_to("file")
    given(reach / "file")
    given(reach / "other")
    seen = box.probe(f"work = {str(reach)!r}\n" + """
result = [read(work + "/file"), read(work + "/link"), attempt(write, work + "/file"), attempt(read, work + "/other")]""",
                     process(paths={str(reach / "link"): "ro"}))
    assert seen == ["one", "one", "EACCES", "EACCES"]


# ---- how it ends -----------------------------------------------------------------------------------------------------

# Daemons of two forks in sessions of their own, and one that nobody but a killer can end.
FAMILY = """
import os, signal, sys, time
seen, tell = os.pipe()
for n in range(3):
    first = os.fork()
    if first == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        orphan = os.fork() == 0
        os.write(tell, b"x")
        while orphan or n == 0:
            time.sleep(600)
        os._exit(0)
    if n:
        os.waitpid(first, 0)
for n in range(6):
    os.read(seen, 1)
print("ready", flush=True)
"""


@pytest.mark.parametrize("how", [pytest.param("payload", marks=pytest.mark.kernel), "kill", "caller", "timeout", "output"])
@pytest.mark.invariant("S11")
def test_the_whole_tree_ends(box, how):
    rest = "sys.exit(7)" if how == "payload" else "time.sleep(600)"
    if how == "output":
        rest = "print('x' * 100000, flush=True); time.sleep(600)"
    request = process(**({"timeout": "1s"} if how == "timeout" else {}), **({"output": {"limit": 1000, "on_limit": "kill"}} if how == "output" else {}))
    held = "import sys\nsys.stdin.readline()\n" + rest
    with same_user() as other, box.start([*PYTHON, FAMILY + held], request, stdin=subprocess.PIPE) as run:
        if how != "output":
            assert run.read_line() == "ready"
            fds = run.pidfds()
            assert len(fds) == 6, "the supervisor, the payload, one in a session of its own, and three without a parent"
        else:
            fds = []
        if how == "kill":
            for _ in range(2):
                run.process.terminate()
                try:
                    run.process.wait(1)
                except subprocess.TimeoutExpired:
                    pass
        elif how == "caller":
            run.process.kill()
        if how in ("payload", "output"):
            run.process.stdin.write(b"go\n")
            run.process.stdin.flush()
        assert wait_gone(fds)
        code = run.process.wait(WAIT)
        if how != "caller":
            reason = {"payload": "exited", "timeout": "timed_out", "output": "output_limit"}.get(how)
            outcome = run.outcome
            assert reason is None or outcome["reason"] == reason, outcome
            assert outcome["isolation"] == "process" and outcome["init"] is True
            assert code == {"payload": 7, "timeout": 124, "output": 153}.get(how, code)
        assert other.poll() is None, "what ends the sandbox ends nobody else"
    assert harness.left_running() == []


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_passed_on(box, sig):
    with box.start([*PYTHON, "import signal, sys\nfor s in (15, 2): signal.signal(s, lambda n, f: sys.exit(40 + n))\nprint('ready', flush=True)\n"
                    "while True: signal.pause()"], process()) as run:
        assert run.read_line() == "ready"
        run.process.send_signal(sig)
        assert run.process.wait(WAIT) == 40 + sig


def test_usage_is_that_of_all(box):
    outcome = box.run([*PYTHON, "import os\nif os.fork(): os.wait()\nx = bytearray(64 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1"],
                      process()).outcome
    assert outcome["usage"]["max_rss"] > 64 << 20 and outcome["usage"]["wall"] > 0
    assert all(phase is not None for phase in outcome["usage"]["setup"].values()), outcome["usage"]


# ---- what is said ----------------------------------------------------------------------------------------------------


def test_what_is_promised(box):
    outcome = box.run(["true"], process(rlimits={"core": 0}, timeout="60s")).outcome
    lost = set() if SCOPES else {"process_signals"}
    groups = set() if AS_ROOT or not os.getgroups() or os.getgroups() == [Caller.gid] else {"supplementary_groups"}
    assert names(outcome["approximated"]) == {"path_view", "read_only_paths", "denied_paths", "private_tmp", "tree_kill", "device_allowlist", "capabilities"}
    assert names(outcome["not_enforced"]) == {"masked_paths", "process_view", "hostname", "cgroup_view", "disk_size"} | lost | groups
    assert set(outcome["enforced"]) == {
        "process_signals", "ipc_isolation", "network_isolation", "abstract_sockets", "user_ids", "supplementary_groups",
        "no_new_privs", "seccomp", "nested_user_namespaces", "landlock_paths", "landlock_scopes", "session_keyring", "new_session",
        "closed_fds", "helper_image", "caller_death", "rlimits", "timeout_wall"} - lost - groups - (
            set() if SCOPES else {"landlock_scopes"})
    assert all(one["field"] and one["why"] for one in outcome["approximated"] + outcome["not_enforced"])
    open_one = box.run(["true"], process(network="host", namespaces={"ipc": "host"})).outcome
    assert not {"network_isolation", "ipc_isolation"} & set(open_one["enforced"]) and "abstract_sockets" in open_one["enforced"]
    shared = box.run(["true"], process(paths={"/tmp": "rw"})).outcome
    assert not any("private_tmp" in (one, *shared["enforced"]) for one in names(shared["approximated"]) | names(shared["not_enforced"]))


BAD = [
    ({"root": {"directory": "/srv"}}, "/root/directory", "`root.directory` at the level `process` cannot be had"),
    ({"mounts": [{"type": "tmpfs", "at": "/x"}]}, "/mounts", "`mounts` at the level"),
    ({"user": {"uid": 5}}, "/user/uid", "`user.uid` at the level"),
    ({"user": {"groups": []}}, "/user/groups", "`user.groups` at the level"),
    ({"namespaces": {"pid": "new"}}, "/namespaces/pid", "`namespaces.pid` at the level `process` cannot be had: it makes and joins no namespace"),
    ({"namespaces": {"uts": {"join": "/proc/self/ns/uts"}}}, "/namespaces/uts", "namespace"),
    ({"namespaces": {"uts": {"domainname": "d"}}}, "/namespaces/uts/domainname", "`namespaces.uts.domainname`"),
    ({"namespaces": {"time": {"boottime": "1h"}}}, "/namespaces/time/boottime", "`namespaces.time.boottime`"),
    ({"network": {"join": "/proc/self/ns/net"}}, "/network/join", "`network.join`"),
    ({"init": False}, "/init", "nothing else could end what the payload starts"),
    ({"security": {"landlock": False}}, "/security/landlock/paths", "nothing else keeps the payload from the host's files"),
    ({"security": {"no_new_privs": False}}, "/security/no_new_privs", "no_new_privs` is false"),
    ({"security": {"capabilities": ["NET_RAW"]}}, "/security/capabilities", "they would be the host's own"),
    ({"security": {"securebits": ["noroot"]}}, "/security/securebits", "`security.securebits`"),
    ({"paths": {"/x": "tmpfs"}}, "/paths/~1x", "`/x` is `tmpfs`"),
    ({"paths": {"/x": {"from": "/y"}}}, "/paths/~1x/from", "`/x` shows another path"),
    ({"paths": {"/usr": {"access": "ro", "noexec": True}}}, "/paths/~1usr/noexec", "`/usr` is `noexec`"),
    ({"paths": {"/usr/share": "deny"}}, "/paths/~1usr~1share", "`/usr/share` is `deny` within a place that can be read"),
    ({"paths": {"/proc/sys": "deny"}}, "/paths/~1proc~1sys", "`/proc/sys` is `deny` within"),
    ({"paths": {"/srv": "rw", "/srv/a": "ro"}}, "/paths/~1srv~1a", "`/srv/a` is `ro` within a place that is `rw`"),
    ({"paths": {"/srv": "ro", "/srv/a": "deny"}}, "/paths/~1srv~1a", "`/srv/a` is `deny` within"),
    ({"extends": "agent"}, None, "process"),
]


@pytest.mark.parametrize("levels", [["process"], ["container", "process"]], ids="+".join)
@pytest.mark.parametrize("request_, field, text", BAD, ids=[str(i) for i in range(len(BAD))])
def test_what_cannot_be_expressed_is_refused(vfork_box, tmp_path, levels, request_, field, text):
    done = vfork_box.run(["echo", "ran"], {**request_, "isolation": levels}, cwd=tmp_path)
    assert done.code == 125 and done.out == b"" and text in done.line, done
    assert field is None or field in done.line or field in json.dumps(done.outcome), done


@pytest.mark.parametrize("levels, text", [
    (["process", "process"], "names `process` twice"), (["container", "container"], "names `container` twice"),
    (["process", "container"], "`container` stands after `process`, which no host refuses"), ([], "isolation"),
    (["zone"], "`zone` is not supported yet"), (["container", "process", "zone"], "3 items are too many")])
def test_lists_of_levels(vfork_box, levels, text):
    done = vfork_box.run(["echo", "ran"], {"isolation": levels})
    assert done.code == 125 and done.out == b"" and text in done.line, done


@pytest.mark.parametrize("preset", ["python", "build"])
def test_presets(box, preset):
    outcome = box.run(["python3", "-c", "print(6*7)"], process(extends=preset))
    assert outcome.text == "42\n" and "hostname" in names(outcome.outcome["not_enforced"])


# ---- the list --------------------------------------------------------------------------------------------------------

BOTH = {"isolation": ["container", "process"]}
# A filter as Docker's default one: namespaces are refused to who has no CAP_SYS_ADMIN.
NO_NAMESPACES = """
import ctypes, os, struct, sys
CLONE, UNSHARE, CLONE3, MOUNT = {"x86_64": (56, 272, 435, 165), "aarch64": (220, 97, 435, 40)}[os.uname().machine]
code = [(0x20, 0, 0, 0),
        (0x15, 6, 0, CLONE3),
        (0x15, 4, 0, UNSHARE),
        (0x15, 3, 0, MOUNT),
        (0x15, 0, 4, CLONE),
        (0x20, 0, 0, 16),
        (0x45, 0, 2, 0x7E020000),
        (0x06, 0, 0, 0x50000 | 1),
        (0x06, 0, 0, 0x50000 | 38),
        (0x06, 0, 0, 0x7fff0000)]
libc = ctypes.CDLL(None, use_errno=True)
program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in code))
class Filter(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
filter = Filter(len(code), ctypes.addressof(program))
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(filter)) == 0, ctypes.get_errno()
os.execv(sys.argv[1], sys.argv[1:])
"""
@pytest.fixture
def box_by_rule(tmp_path):
    return harness.Sandbox(tmp_path)


REFUSING = {
    "filter": [*PYTHON, NO_NAMESPACES],
    "limit": ["unshare", "--user", *(["--map-user=1000", "--map-group=1000"] if AS_ROOT else ["--map-current-user"]), "--keep-caps", "sh", "-e", "-c",
              "echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --ambient-caps=-all --inh-caps=-all \"$@\"", "sh"],
}


@pytest.mark.parametrize("host", REFUSING)
def test_a_host_that_refuses_the_first(box_by_rule, tmp_path, host):
    own = shutil.copy(harness.HELPER, tmp_path)  # in a user namespace root's is nobody's
    more = {"wrap": REFUSING[host], "env": {"STYROLITE_HELPER": own}}
    done = box_by_rule.run(["echo", "ran"], BOTH, **more)
    assert done.text == "ran\n" and done.outcome["isolation"] == "process", done
    assert "process_view" in names(done.outcome["not_enforced"])
    alone = box_by_rule.run(["echo", "ran"], {}, **more)
    assert alone.code == 125 and alone.out == b"", "without the list nothing weaker runs"


def test_a_host_that_does_not(box):
    done = box.run(["hostname"], BOTH)
    assert done.text == "sandbox\n" and done.outcome["isolation"] == "container" and "process_view" in done.outcome["enforced"]


def test_want_of_descriptors_is_no_refusal(box_by_rule):
    done = box_by_rule.run(["echo", "ran"], BOTH, wrap=["prlimit", "--nofile=12:12"])
    assert done.code == 125 and done.out == b"" and "RLIMIT_NOFILE" in done.line, done


def test_both_are_explained(vfork_box):
    path = vfork_box.write({**BOTH, "command": ["true"]})
    text = subprocess.run([harness.COMMAND, "explain", path], capture_output=True, text=True, check=True).stdout
    first, second = text.split("at the level `process`, where the host refuses that:")
    assert "pivot" in first and "pivot" not in second and "let Landlock allow /usr" in second
    steps = json.loads(subprocess.run([harness.COMMAND, "explain", "--emit", "json", path], capture_output=True, check=True).stdout)
    assert {one["step"] for one in steps["fallback"]} < {one["step"] for one in steps["steps"]} | {"note"}
    alone = vfork_box.write({"command": ["true"]})
    done = subprocess.run([harness.COMMAND, "explain", "--diff", alone, path], capture_output=True, text=True)
    assert done.returncode == 1 and "where the host refuses that" in done.stdout
