"""What must be so on every kernel: many fields in one run, because a run costs much in the test machine. Other tests look at
each of them closely, one by one.
"""

import os
import resource

import pytest

from harness import AS_ROOT, Caller
from test_mounts import ROW, SAFE, mount
from test_rlimits import LIMITS
from test_securebits import ALLOW_ALL

pytestmark = pytest.mark.kernel

# ---- files -------------------------------------------------------------------------------------------------------------

SEEN = """
s = status()
at = {row["at"]: row for row in mounts()}
def flags(path):
    return sorted(set(at[path]["options"]) & {"ro", "rw", "nosuid", "nodev", "noexec"})
result = {
    "ids": [os.getuid(), os.getgid()], "sets": [int(s[k], 16) for k in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
    "privileges": [s["NoNewPrivs"], s["Seccomp"]], "umask": s["Umask"], "nice": os.nice(0), "oom": read("/proc/self/oom_score_adj"),
    "files": __import__("resource").getrlimit(7), "name": socket.gethostname(), "cwd": os.getcwd(), "word": os.environ["WORD"],
    "release": os.uname().release, "session": os.getsid(0) == os.getpid(), "devices": sorted(os.listdir("/dev")),
    "read": [read("/in/data"), attempt(write, "/in/new"), attempt(os.listdir, "/in/sub"), attempt(os.stat, "/gone")],
    "written": attempt(write, "/w/file", "from inside"), "scratch": [os.statvfs("/t").f_blocks * 4096, oct(os.stat("/t").st_mode)],
    "flags": {path: flags(path) for path in ("/in", "/w", "/t", "/n")}, "tool": attempt(os.execv, "/n/tool", ["tool"]),
}
"""


def test_paths_and_the_usual_fields(box, host, work):
    seen = box.probe(SEEN, {
        "namespaces": {"uts": {"hostname": "together"}}, "env": {"WORD": "one"}, "cwd": "/w", "umask": "027", "nice": 3,
        "oom_score_adj": 500, "rlimits": {"nofile": {"soft": 64, "hard": 128}},
        "security": {"capabilities": {"keep": ["CHOWN"], "drop": ["CHOWN"], "add": ["NET_BIND_SERVICE"]}},
        "paths": {"/in": {"from": str(host)}, "/in/sub": "deny", "/w": {"from": str(work), "access": "rw"},
                  "/t": {"access": "tmpfs", "size": "1M", "mode": "0700"}, "/n": {"from": str(host), "noexec": True},
                  "/gone": {"from": str(host / "gone"), "optional": True}, "/in/none": {"access": "deny", "if_missing": "ignore"}}})
    assert seen == {
        "ids": [1000, 1000], "sets": [1 << 10] * 5, "privileges": ["1", "2"], "umask": "0027", "nice": 3, "oom": "500\n",
        "files": [64, 128], "name": "together", "cwd": "/w", "word": "one", "release": os.uname().release, "session": True,
        "devices": ["fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty", "urandom", "zero"],
        "read": ["data of the host\n", "EROFS", "EACCES", "ENOENT"], "written": "ok", "scratch": [1 << 20, "0o40700"],
        "flags": {"/in": ["nodev", "nosuid", "ro"], "/w": ["nodev", "nosuid", "rw"], "/t": ["nodev", "nosuid", "rw"],
                  "/n": ["nodev", "noexec", "nosuid", "ro"]},
        "tool": "EACCES"}
    written = work / "file"
    assert written.read_text() == "from inside" and written.stat().st_mode & 0o777 == 0o640
    written.unlink()


# ---- the list of mounts --------------------------------------------------------------------------------------------------

MOUNTED = ROW + """
def usage(path):
    v = os.statvfs(path)
    return [v.f_blocks * v.f_frsize, v.f_files]
pids = sorted(int(p) for p in os.listdir("/few") if p.isdigit())
text = next(line for line in read("/proc/self/mountinfo").splitlines() if line.split()[4] == "/few")
write("/b/rw/made"); write("/dev/mqueue/q", ""); write("/o/rw/added")
result = {
    "flags": {at: flags(at) for at in ("/b/ro", "/b/rw", "/b/fd", "/b/dev", "/t", "/few", "/s", "/dev/mqueue", "/cg", "/o/ro", "/o/rw")},
    "types": {at: row(at)["type"] for at in ("/t", "/few", "/s", "/dev/mqueue", "/cg", "/o/ro", "/o/rw", "/pts", "/jail/dev")},
    "kinds": {at: row(at)["optional"] and row(at)["optional"][0].split(":")[0] for at in ("/b/ro", "/b/rw", "/b/fd")},
    "room": usage("/t"), "text": read("/t/made/here"), "link": os.readlink("/l"), "mode": oct(os.stat("/t/made").st_mode),
    "files": [read("/b/fd/data"), read("/o/ro/data"), sorted(os.listdir("/o/rw")), attempt(write, "/b/ro/x"), attempt(write, "/o/ro/x")],
    "few": [len(pids) < 3, os.path.exists("/few/meminfo"), "hidepid=invisible" in text], "gone": os.path.exists("/gone"),
    "devices": os.read(os.open("/b/dev", os.O_RDONLY), 2) == bytes(2) and os.path.exists("/jail/dev/null"),
    "terminals": os.listdir("/pts"), "network": os.listdir("/s/class/net"), "queue": os.listdir("/dev/mqueue"),
}
"""


def test_every_type_of_mount(tree, host, work, tmp_path, given):
    for name in ("upper", "work of it"):
        (tmp_path / name).mkdir()
        given(tmp_path / name)
    fd = os.open(host, os.O_PATH | os.O_DIRECTORY)
    try:
        seen = tree.probe(MOUNTED, {"mounts": [
            mount("bind", "/b/ro", from_=host), mount("bind", "/b/rw", from_=work, access="rw", noexec=True),
            mount("bind", "/b/fd", from_=fd, recursive=False), mount("bind", "/b/dev", from_="/dev/zero", access="dev"),
            mount("bind", "/gone", from_=host / "gone", optional=True), mount("tmpfs", "/t", size="2M", inodes=20, noatime=True),
            mount("dir", "/t/made", mode="0711"), mount("file", "/t/made/here", data="from the request\n"),
            mount("symlink", "/l", target="no/such"), mount("proc", "/few", hidepid="invisible", subset="pid"), mount("sysfs", "/s"),
            mount("devpts", "/pts", gid=1000), mount("mqueue", "/dev/mqueue"), mount("dev", "/jail/dev"), mount("cgroup", "/cg"),
            mount("overlay", "/o/ro", lower=[str(host), str(work)]),
            mount("overlay", "/o/rw", lower=[str(host)], upper=tmp_path / "upper", work=tmp_path / "work of it"),
            mount("remount", "/t", noexec=True), mount("propagation", "/b/ro", propagation="shared"),
            mount("propagation", "/b/fd", propagation="unbindable"), mount("propagation", "/b/rw", propagation="private"),
        ]}, pass_fds=[fd])
    finally:
        os.close(fd)
    own = ["nodev", "noexec", "nosuid"]
    assert seen == {
        "flags": {"/b/ro": [*SAFE, "ro"], "/b/rw": [*own, "rw"], "/b/fd": [*SAFE, "ro"], "/b/dev": ["nosuid", "rw"],
                  "/t": ["noatime", *own, "rw"], "/few": [*own, "rw"], "/s": [*own, "ro"], "/dev/mqueue": [*own, "rw"],
                  "/cg": [*own, "ro"], "/o/ro": [*SAFE, "ro"], "/o/rw": [*SAFE, "rw"]},
        "types": {"/t": "tmpfs", "/few": "proc", "/s": "sysfs", "/dev/mqueue": "mqueue", "/cg": "cgroup2", "/o/ro": "overlay",
                  "/o/rw": "overlay", "/pts": "devpts", "/jail/dev": "tmpfs"},
        "kinds": {"/b/ro": "shared", "/b/rw": [], "/b/fd": "unbindable"},
        "room": [2 << 20, 20], "text": "from the request\n", "link": "no/such", "mode": "0o40711",
        "files": ["data of the host\n", "data of the host\n", ["added", "data", "etc", "sub", "tool"], "EROFS", "EROFS"], "few": [True, False, True],
        "gone": False, "devices": True, "terminals": ["ptmx"], "network": ["lo"], "queue": ["q"]}
    assert os.listdir(work) == ["made"] and os.listdir(tmp_path / "upper") == ["added"]


# ---- who it is -----------------------------------------------------------------------------------------------------------

RIGHTS = """
s = status()
result = [[int(s[k], 16) for k in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")], libc.prctl(27, 0, 0, 0, 0), s["NoNewPrivs"],
          s["Seccomp"], s["Seccomp_filters"], os.getresuid(), os.getresgid(), os.getgroups(), read("/proc/self/setgroups"),
          read("/proc/self/uid_map").split(), read("/proc/self/gid_map").split()]
"""
SETS = {"bounding": ["KILL", "CHOWN", "SETUID"], "inheritable": ["KILL", "CHOWN"], "permitted": ["KILL"], "effective": ["KILL"],
        "ambient": ["KILL"]}


def test_ids_and_rights(box):
    """Of root's, ids of a range that is nobody's; of an ordinary caller's, its own."""
    if AS_ROOT:
        user = {"uid": 5, "gid": 6, "uid_map": [[0, 300000, 100]], "gid_map": [[0, 400000, 100]], "groups": [7, 9], "setgroups": "allow"}
        expected = [[5] * 3, [6] * 3, [7, 9], "allow\n", ["0", "300000", "100"], ["0", "400000", "100"]]
    else:
        user = {"uid": 5, "gid": 6, "uid_map": "self", "gid_map": "self", "setgroups": "deny"}
        expected = [[5] * 3, [6] * 3, [], "deny\n", ["5", str(Caller.uid), "1"], ["6", str(Caller.gid), "1"]]
    security = {"capabilities": SETS, "securebits": ["noroot", "no_setuid_fixup_locked"], "no_new_privs": False, "keyring": "inherit",
                "seccomp": ALLOW_ALL}
    seen = box.probe(RIGHTS, {"user": user, "security": security})
    kill, chown, setuid = 1 << 5, 1 << 0, 1 << 7
    sets = [kill | chown, kill, kill, kill | chown | setuid, kill]
    assert seen[:5] == [sets, 0b1001, "0", "2", "1"] and seen[5:] == expected


def test_labels(box):
    """AppArmor is what Debian's kernel has, and the request's word for no profile: taken where it is active, said where it is not."""
    done = box.run(["cat", "/proc/self/attr/apparmor/current"], {"security": {"apparmor": "unconfined"}, "best_effort": ["lsm_label"]})
    assert done.outcome["reason"] == "exited", done
    held = "lsm_label" in done.outcome["enforced"]
    assert held == (done.text.split() == ["unconfined"]) and held != any(row["protection"] == "lsm_label" for row in done.outcome["not_enforced"])


# ---- the process -----------------------------------------------------------------------------------------------------------

PROCESS = """
import resource
result = {"limits": [list(resource.prlimit(0, n)) for n in range(16)], "session": os.getsid(0) == os.getpid(), "first": os.getpid() == 1,
          "group": os.getpgrp() == os.getpid(), "env": {k: os.environ.get(k) for k in ("A", "HELD", "NONE")}, "kept": [os.fstat(fd).st_rdev != 0 for fd in KEPT],
          "name": [os.uname().nodename, read("/proc/sys/kernel/domainname")], "links": {n: os.readlink("/proc/self/ns/" + n) for n in SPACES}}
"""
SPACES = ["ipc", "uts", "cgroup", "time", "user", "mnt", "net"]


def process_request(kept):
    new = {name: {"mode": "new"} for name in ("mount", "pid", "ipc", "cgroup", "time", "user")}
    return {"extends": [], "isolation": "container", "best_effort": ["caller_death", "rlimits"], "init": False, "new_session": False,
            "die_with_parent": False, "preserve_fds": kept, "env": {"A": "b=c"}, "inherit_env": ["HELD"], "timeout": {"wall": "60s", "grace": "1s"},
            "output": {"limit": "4M", "keep": "tail", "on_limit": "kill"}, "network": {"mode": "none"}, "fixed": False,
            "namespaces": {**new, "uts": {"mode": "new", "hostname": "h", "domainname": "d"}},
            "rlimits": {name: {"soft": value, "hard": value} for name, (_, value) in LIMITS.items() if name != "nproc"}}


def test_the_process_and_its_namespaces(box):
    names = [name for name in dir(resource) if name.startswith("RLIMIT_")]
    numbers = {name[7:].lower(): getattr(resource, name) for name in names} | {"locks": 10}
    kept = [os.open("/dev/null", os.O_RDONLY) for _ in range(2)]
    try:
        seen = box.probe(f"KEPT, SPACES = {kept}, {SPACES}\n" + PROCESS, process_request(kept), pass_fds=kept, env={"HELD": "of the caller"})
    finally:
        for fd in kept:
            os.close(fd)
    for name, (_, value) in LIMITS.items():
        if name != "nproc":
            assert seen["limits"][numbers[name]] == [value, value], name
    assert (seen["session"], seen["first"], seen["group"], seen["kept"]) == (False, True, True, [True, True])
    assert seen["env"] == {"A": "b=c", "HELD": "of the caller", "NONE": None} and seen["name"] == ["h", "d\n"]
    assert [name for name in SPACES if seen["links"][name] == os.readlink("/proc/self/ns/" + name)] == []


def test_the_hosts_namespaces(box):
    shared = ["ipc", "uts", "cgroup", "time"]
    spaces = {name: "host" for name in shared}
    request = {"namespaces": {**spaces, "pid": "host"}, "init": False, "best_effort": ["tree_kill"], "network": "host"}
    seen = box.probe("result = {n: os.readlink('/proc/self/ns/' + n) for n in os.listdir('/proc/self/ns')}", request)
    own = [name for name in seen if seen[name] != os.readlink("/proc/self/ns/" + name)]
    assert sorted(own) == ["mnt", "user"]
