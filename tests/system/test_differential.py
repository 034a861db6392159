"""The same observer under another tool and under Styrolite, for what both can say: unshare(1) beside the request that `convert`
makes of its command line, bwrap(1) beside a request written for it. What is seen must be equal; what differs does so by design
and stands in a table here, with its reason, and is itself asserted.
"""

import json
import os
import shutil
import subprocess

import pytest

from commandline import call
from harness import COMMAND, LINUX, PYTHON, WAIT, Caller

UNSHARE, BWRAP = shutil.which("unshare"), shutil.which("bwrap")
needs_unshare = pytest.mark.skipif(UNSHARE is None, reason="unshare (util-linux) is not installed")
needs_bwrap = pytest.mark.skipif(BWRAP is None, reason="bwrap (bubblewrap) is not installed")

OBSERVER = r"""
import errno, fcntl, json, os, resource, socket, struct, sys
place, kept = sys.argv[1:3]
def read(path):
    try:
        with open(path, errors="surrogateescape") as f:
            return f.read()
    except OSError as e:
        return errno.errorcode[e.errno]
def listing(path):
    try:
        return sorted(os.listdir(path))
    except OSError as e:
        return errno.errorcode[e.errno]
def write(path):
    try:
        with open(path, "w") as f:
            f.write("x")
    except OSError as e:
        return errno.errorcode[e.errno]
    os.unlink(path)
    return "ok"
def write_nameless(path):
    # a file without a name: root's run under another tool stands in the host's own tree
    try:
        os.close(os.open(path, os.O_TMPFILE | os.O_WRONLY))
    except OSError as e:
        return errno.errorcode[e.errno]
    return "ok"
def is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
def lo_is_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = fcntl.ioctl(s, 0x8913, struct.pack("16sH14x", b"lo", 0))
    return bool(struct.unpack("16sH14x", request)[1] & 1)
def mounts():
    found = {}
    for line in read("/proc/self/mountinfo").splitlines():
        left, right = line.split(" - ")
        words = left.split()
        found[words[4]] = [right.split()[0], sorted({"ro", "rw", "nosuid", "nodev", "noexec"} & set(words[5].split(","))), words[6:]]
    return found
status = dict(line.split(":\t", 1) for line in read("/proc/self/status").splitlines() if ":\t" in line)
first = os.getpid() == 1
processes = sum(n.isdigit() for n in listing("/proc"))
print(json.dumps({
    "uid": os.getresuid(), "gid": os.getresgid(), "uid_map": read("/proc/self/uid_map").split(), "gid_map": read("/proc/self/gid_map").split(),
    "setgroups": read("/proc/self/setgroups"), "spaces": {n: os.readlink("/proc/self/ns/" + n) for n in sorted(os.listdir("/proc/self/ns"))},
    "caps": {k: int(v, 16) for k, v in status.items() if k.startswith("Cap")}, "no_new_privs": status["NoNewPrivs"], "seccomp": status["Seccomp"],
    "host": os.uname().nodename, "domain": read("/proc/sys/kernel/domainname"), "limits": [resource.prlimit(0, n) for n in range(16)],
    "descriptor": is_open(int(kept)), "stdio": [is_open(n) for n in range(3)], "cwd": os.getcwd(), "env": dict(os.environ),
    "first": first, "parent": os.getppid() if first else None, "leads": os.getsid(0) == os.getpid(), "nice": os.nice(0), "umask": status["Umask"],
    "oom": read("/proc/self/oom_score_adj"), "offsets": read("/proc/self/timens_offsets"), "cgroup": read("/proc/self/cgroup"),
    "signals": [status[k] for k in ("SigBlk", "SigIgn", "SigCgt")], "interfaces": sorted(l.split(":")[0].strip() for l in read("/proc/self/net/dev").splitlines()[2:]),
    "lo": lo_is_up(), "root": listing("/"), "word": read(place + "/word"), "writes_there": write(place + "/new"), "writes_usr": write_nameless("/usr"),
    "processes": processes if processes < 5 else "the host's", "dev": listing("/dev"), "mounts": mounts(), "execs": status["Threads"]}))
"""

# What the caller is like in both runs.
ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/", "LANG": "C.UTF-8", "SECRET": "of the caller"}
OWN_ENV = {name: ENV[name] for name in ("PATH", "HOME", "LANG")}
ALL = (1 << 41) - 1
NO_CAPS = dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), 0)


@pytest.fixture
def place(tmp_path, given):
    """A directory that is seen by both, and that both may write."""
    path = tmp_path / "place"
    path.mkdir()
    path.chmod(0o777)
    (path / "word").write_text("of the host\n")
    (path / "proc").mkdir()
    return path


def observed(words, place, shown=None):
    """The observer's report, with a descriptor that is open in the caller."""
    kept = os.open("/dev/null", os.O_RDONLY)
    try:
        done = subprocess.run([*map(str, words), *PYTHON, OBSERVER, shown or str(place), str(kept)], capture_output=True, text=True, env=ENV,
                              cwd=place, stdin=subprocess.DEVNULL, pass_fds=[kept], umask=0o22, timeout=WAIT)
    finally:
        os.close(kept)
    assert done.returncode == 0, (words, done.stderr)
    report = json.loads(done.stdout)
    own = {name: os.readlink("/proc/self/ns/" + name) for name in report["spaces"]}
    report["spaces"] = sorted(name for name, link in report["spaces"].items() if link != own[name])
    return report


def compare(theirs, ours, differs):
    """All keys of a report: equal, or as the table says. A row of the table that is not needed is one too many."""
    for key in theirs:
        if key in differs:
            reason, expected = differs[key]
            assert expected(theirs[key], ours[key]), f"{key}: {reason}: {theirs[key]} beside {ours[key]}"
        else:
            assert theirs[key] == ours[key], f"{key}: {theirs[key]} beside {ours[key]}"


# ---- unshare -------------------------------------------------------------------------------------------------------

# key: why it is another, and what it then is
BY_DESIGN = {
    "caps": ("a sandbox has no capability unless `security.capabilities` names some", lambda theirs, ours: ours == NO_CAPS),
    "no_new_privs": ("set unless the request says otherwise", lambda theirs, ours: (theirs, ours) == ("0", "1")),
    "seccomp": ("the default filter", lambda theirs, ours: (theirs, ours) == ("0", "2")),
    "descriptor": ("only the standard streams cross", lambda theirs, ours: (theirs, ours) == (True, False)),
    "leads": ("a session of its own", lambda theirs, ours: ours),
    "env": ("only the variables that are named", lambda theirs, ours: theirs["SECRET"] == ENV["SECRET"] and ours == OWN_ENV),
    "writes_usr": ("the host's files are read-only but for /tmp", lambda theirs, ours: ours == "EROFS"),
    "dev": ("a minimal /dev", lambda theirs, ours: set(ours) <= set(theirs) | {"ptmx", "pts", "fd", "stdin", "stdout", "stderr"}),
    "mounts": ("its own mounts, all of them private", lambda theirs, ours: all(m[2] == [] for m in ours.values()) and ours["/"][0] == theirs["/"][0]
               and "ro" in ours["/"][1] and {"nosuid", "nodev"} <= set(ours["/"][1])),
    "spaces": ("mounts are always its own", lambda theirs, ours: sorted({*theirs, "mnt"}) == ours),
}
NEW_HOST_NAME = {"host": ("the name of a new UTS namespace is `sandbox`", lambda theirs, ours: theirs == os.uname().nodename and ours == "sandbox"),
                 "domain": ("and it has no NIS domain", lambda theirs, ours: ours == "(none)\n")}
LOOPBACK = {"lo": ("the loopback interface of a new network is up", lambda theirs, ours: (theirs, ours) == (False, True))}
WITH_INIT = {"first": ("who ends with its caller has an init", lambda theirs, ours: (theirs, ours) == (True, False)),
             "parent": ("which then is the parent", lambda theirs, ours: (theirs, ours) == (0, None)),
             "processes": ("and one process more", lambda theirs, ours: ours == theirs + 1)}
UNMAPPED = {"uid_map": ("a sandbox always has a map; what is seen of the ids is the same", lambda theirs, ours: theirs == [] and ours[::2] == ["65534", "1"]),
            "gid_map": ("as the uid map", lambda theirs, ours: theirs == [] and ours[::2] == ["65534", "1"]),
            "setgroups": ("who writes a map of its own id gives setgroups up", lambda theirs, ours: True)}


def proc_elsewhere(end):
    """The place that ends so has a proc of the same flags under both."""
    def alike(theirs, ours):
        at = next(at for at in theirs if at.endswith(end) and at != "/proc")
        return theirs[at][:2] == ours[at][:2] == ["proc", ["nodev", "noexec", "nosuid", "rw"]] and all(m[2] == [] for m in ours.values())

    return {"mounts": ("private all of them, and the proc is there", alike),
            "processes": ("/proc is the new namespace's as well", lambda theirs, ours: (theirs, ours) == ("the host's", 1))}


SHARED = {"mounts": ("shared all of them; unshare's proc is private where it hides one that was made so",
                     lambda theirs, ours: all([o.split(":")[0] for o in m[2]] == ["shared"] for m in ours.values())
                     and all(m[2] and m[2][0].startswith("shared:") for at, m in theirs.items() if at != "/proc"))}
KEPT_CAPS = {"caps": ("all capabilities, and the bounding set as wide", lambda theirs, ours: theirs == ours and set(ours.values()) == {ALL})}

# Before Linux 6.2 execve(2) enters no time namespace.
NO_ENTRY = LINUX < (6, 2)
TIME = {"spaces": ("unshare's command stays outside, its children do not", lambda theirs, ours: "time" not in theirs and {"mnt", "time"} <= set(ours))}

# command lines; what differs beyond BY_DESIGN
UNSHARED = [
    ("-r", {}), ("-U", UNMAPPED), ("-c", {}), ("--map-user=5 --map-group=6", {}), ("-r --setuid 0", {}), ("-rm", {}), ("-ri", {}), ("-rC", {}),
    ("-rT", TIME if NO_ENTRY else {}), *([] if NO_ENTRY else [("-rT --boottime=86400 --monotonic 3", {})]), ("-rn", LOOPBACK), ("-ru", NEW_HOST_NAME), ("-rpf --mount-proc", {}), ("-rm --propagation private -w /usr/lib", {}),
    ("-r --wd=/", {}), ("-rpf --mount-proc --kill-child", WITH_INIT), ("-c --keep-caps", KEPT_CAPS),
    ("-rimnpuCT --fork --mount-proc", {**LOOPBACK, **NEW_HOST_NAME}), ("-rpf --mount-proc=/mnt", proc_elsewhere("/mnt")),
    ("-rpf --mount-proc=proc", proc_elsewhere("/place/proc")), ("-rm --propagation shared", SHARED), ("-rpf --mount-proc --propagation shared", SHARED),
    ("-r --propagation slave", {}),
]
UNSHARED_BY_ROOT = [("-m", {}), ("-i", {}), ("-C", {}), ("-n", LOOPBACK), ("-u", NEW_HOST_NAME), ("-pf --mount-proc", {}), ("-S 1500 -G 1500 -w /", {}),
                    ("-imnpuCT --fork --mount-proc", {**LOOPBACK, **NEW_HOST_NAME}), ("-m --propagation shared", SHARED),
                    ("-pf --mount-proc=/mnt", proc_elsewhere("/mnt"))]


def compare_with_unshare(box, place, arguments, differs):
    words = arguments.split()
    theirs = observed([UNSHARE, *words], place)
    done = call("convert", "--", "unshare", *words, *PYTHON, OBSERVER, place, "N", env=ENV, cwd=place)
    assert done.returncode == 0, done.stderr
    request = json.loads(done.stdout)
    del request["command"]
    ours = observed([COMMAND, "run", box.write(request), "--"], place)
    compare(theirs, ours, {**BY_DESIGN, **differs})


@needs_unshare
@pytest.mark.parametrize("arguments, differs", UNSHARED, ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.usefixtures("shown_places")
def test_as_under_unshare(box, place, monkeypatch, arguments, differs):
    monkeypatch.setitem(ENV, "STYRO_SPAWN", box.mode)
    compare_with_unshare(box, place, arguments, differs)


@pytest.mark.skipif(not NO_ENTRY, reason="execve(2) enters the time namespace since Linux 6.2")
def test_offsets_of_a_command_that_does_not_fork(box):
    """Nobody is left who could be in the namespace: the run says so, and what to leave out."""
    request = json.loads(call("convert", "--", "unshare", "-rT", "--boottime=5", "true").stdout)
    done = box.run(None, request)
    assert done.code == 125 and "enters its time namespace by execve(2)" in done.line and 'leave out "init": false' in done.line, done


@needs_unshare
@pytest.mark.as_root
@pytest.mark.parametrize("arguments, differs", UNSHARED_BY_ROOT, ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.usefixtures("shown_places")
def test_as_under_unshare_of_root(box, place, monkeypatch, arguments, differs):
    monkeypatch.setitem(ENV, "STYRO_SPAWN", box.mode)
    compare_with_unshare(box, place, arguments, differs)


@needs_unshare
@pytest.mark.skipif(shutil.which("newuidmap") is None, reason="newuidmap (uidmap) is not installed")
@pytest.mark.as_root
def test_subordinate_ids_as_under_unshare(alice):
    """An ordinary user's, in files of the test's own. unshare makes the hole at the cost of the last id; here all are mapped."""
    words, _ = alice.arguments([], None, (), ())
    as_alice = words[:words.index(str(COMMAND))]
    look = ["/bin/sh", "-c", "id -u; id -g; cat /proc/self/uid_map /proc/self/gid_map"]

    def lines(*argv, **more):
        done = subprocess.run([*as_alice, *argv], capture_output=True, text=True, cwd="/", timeout=WAIT, **more)
        assert done.returncode == 0, done.stderr
        return done.stdout

    arguments = ["-r", "--map-auto", *look]
    theirs = lines(UNSHARE, *arguments).split()
    ours = lines(COMMAND, "run", "-", input=lines(COMMAND, "convert", "--", "unshare", *arguments)).split()
    assert theirs == "0 0 0 1500 1 1 100000 65535 0 1500 1 1 200000 65535".split()
    assert ours == [word.replace("65535", "65536") for word in theirs]


# ---- bwrap ---------------------------------------------------------------------------------------------------------

# A tree of the system alone, as both say it.
BASE = ["--unshare-all", "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64",
        "/lib64", "--proc", "/proc", "--dev", "/dev", "--clearenv", "--setenv", "PATH", "/usr/local/bin:/usr/bin:/bin", "--setenv", "HOME",
        "/home/sandbox", "--setenv", "LANG", "C.UTF-8", "--new-session", "--die-with-parent", "--chdir", "/"]
PLAIN = {"cwd": "/", "user": {"uid_map": "self", "gid_map": "self"}}

BESIDE_BWRAP = {
    "seccomp": ("the default filter; bwrap has none of its own", lambda theirs, ours: (theirs, ours) == ("0", "2")),
    "descriptor": ("bwrap lets all descriptors cross", lambda theirs, ours: (theirs, ours) == (True, False)),
    "domain": ("bwrap keeps the host's NIS domain", lambda theirs, ours: ours == "(none)\n"),
    "root": ("what is there besides the same: /etc, /tmp, /home, other links of the host", lambda theirs, ours: {"usr", "bin", "proc", "dev"} <= set(theirs) & set(ours)),
    "dev": ("bwrap adds console and core", lambda theirs, ours: set(ours) <= set(theirs) | {"core", "console"} and {"null", "zero", "full", "random", "urandom",
            "tty", "ptmx", "pts", "shm", "fd", "stdin", "stdout", "stderr"} <= set(ours)),
    "spaces": ("bwrap makes no time namespace, here one is made unasked where execve(2) enters it",
               lambda theirs, ours: sorted({*theirs, *([] if NO_ENTRY else ["time", "time_for_children"])}) == ours),
    "offsets": ("of another namespace, none of them", lambda theirs, ours: theirs.split()[1::3] == ours.split()[1::3]),
    "env": ("bwrap sets PWD", lambda theirs, ours: {k: v for k, v in theirs.items() if k != "PWD"} == ours),
    "setgroups": ("given up by both where the map is the caller's own", lambda theirs, ours: ours == "deny\n" or Caller.root),
    "mounts": ("compared place by place below", lambda theirs, ours: True),
    "caps": ("bwrap leaves the bounding set as it was, and uid 0 of a root caller all", lambda theirs, ours: ours == NO_CAPS),
    "uid_map": ("of an ordinary caller bwrap nests two user namespaces", lambda theirs, ours: theirs[::2] == ours[::2]),
    "gid_map": ("the same", lambda theirs, ours: theirs[::2] == ours[::2]),
    "leads": ("there init leads the session, here the payload", lambda theirs, ours: ours),
    "processes": ("bwrap's init and the payload, as here", lambda theirs, ours: theirs == ours == 2),
}


def ids(uid, gid):
    return ["--uid", str(uid), "--gid", str(gid)], {"user": {"uid": uid, "gid": gid, "uid_map": "self", "gid_map": "self"}}


# name: (bwrap's words, request, places whose mounts must be alike: type and flags); P is the shown directory
BWRAPPED = {
    "read-only": (["--ro-bind", "P", "/w", *ids(1000, 1000)[0]], {"paths": {"/w": {"from": "P"}}}, ["/w"]),
    "writable": (["--bind", "P", "/w", *ids(1000, 1000)[0]], {"paths": {"/w": {"from": "P", "access": "rw"}}}, ["/w"]),
    "another id": (["--bind", "P", "/w", *ids(5, 6)[0]], {"paths": {"/w": {"from": "P", "access": "rw"}}, **ids(5, 6)[1]}, ["/w"]),
    "root inside": (["--bind", "P", "/w", *ids(0, 0)[0]], {"paths": {"/w": {"from": "P", "access": "rw"}}, **ids(0, 0)[1]}, ["/w"]),
    "read-only in writable": (["--bind", "P", "/w", "--ro-bind", "P/sub", "/w/sub", *ids(1000, 1000)[0]],
                              {"paths": {"/w": {"from": "P", "access": "rw"}, "/w/sub": "ro"}}, ["/w", "/w/sub"]),
    "writable in read-only": (["--ro-bind", "P", "/w", "--bind", "P/sub", "/w/sub", *ids(1000, 1000)[0]],
                              {"paths": {"/w": {"from": "P"}, "/w/sub": {"from": "P/sub", "access": "rw"}}}, ["/w", "/w/sub"]),
    "tmpfs over it": (["--ro-bind", "P", "/w", "--tmpfs", "/w/sub", *ids(1000, 1000)[0]], {"paths": {"/w": {"from": "P"}, "/w/sub": "tmpfs"}}, ["/w", "/w/sub"]),
    "a host name": (["--ro-bind", "P", "/w", "--hostname", "box", *ids(1000, 1000)[0]],
                    {"paths": {"/w": {"from": "P"}}, "namespaces": {"uts": {"hostname": "box"}}}, ["/w"]),
    "the host's network": (["--share-net", "--ro-bind", "P", "/w", *ids(1000, 1000)[0]], {"paths": {"/w": {"from": "P"}}, "network": "host"}, ["/w"]),
    "variables": (["--ro-bind", "P", "/w", "--setenv", "A", "b=c", "--setenv", "E", "", *ids(1000, 1000)[0]],
                  {"paths": {"/w": {"from": "P"}}, "env": {"A": "b=c", "E": ""}}, ["/w"]),
    "a directory to start in": (["--ro-bind", "P", "/w", "--chdir", "/w", *ids(1000, 1000)[0]], {"paths": {"/w": {"from": "P"}}, "cwd": "/w"}, ["/w"]),
    "first process": (["--ro-bind", "P", "/w", "--as-pid-1", *ids(1000, 1000)[0]], {"paths": {"/w": {"from": "P"}}, "init": False}, ["/w"]),
}
WITHOUT_INIT = {"processes": ("the payload alone, as there", lambda theirs, ours: theirs == ours == 1)}


def filled(value, path):
    if isinstance(value, dict):
        return {key: filled(one, path) for key, one in value.items()}
    return path + value[1:] if isinstance(value, str) and (value == "P" or value.startswith("P/")) else value


@needs_bwrap
@pytest.mark.parametrize("name", BWRAPPED)
def test_as_under_bwrap(box, place, monkeypatch, name):
    words, request, places = BWRAPPED[name]
    (place / "sub").mkdir()
    (place / "sub").chmod(0o777)
    monkeypatch.setitem(ENV, "STYRO_SPAWN", box.mode)
    shown = "/w/sub" if "/w/sub" in places else "/w"
    theirs = observed([BWRAP, *BASE, *(filled(word, str(place)) for word in words), "--"], place, shown=shown)
    ours = observed([COMMAND, "run", box.write({**PLAIN, **filled(request, str(place))}), "--"], place, shown=shown)
    host_name = {} if "--hostname" in words else {"host": ("bwrap keeps the host's name", lambda theirs, ours: ours == "sandbox")}
    compare(theirs, ours, {**BESIDE_BWRAP, **host_name, **(WITHOUT_INIT if "--as-pid-1" in words else {})})
    for at in ["/usr", "/proc", *places]:
        kind, flags, optional = ours["mounts"][at]
        assert (kind, optional) == (theirs["mounts"][at][0], []), at
        assert set(theirs["mounts"][at][1]) - set(flags) <= {"rw"} and ("ro" in flags) == ("ro" in theirs["mounts"][at][1]), (at, flags, theirs["mounts"][at])
