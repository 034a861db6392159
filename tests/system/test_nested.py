"""Capabilities that would open init: their payload is in a user namespace below the sandbox's, where they count and reach nothing above it."""

import json
import platform
import subprocess

import pytest

from harness import COMMAND, WAIT
from test_capabilities import BIND_LOW, NAMES, STATE, asked, bits

X86_64 = platform.machine() == "x86_64"
CALLS = ["mount", "umount2", "ptrace", "process_vm_readv", "process_vm_writev", "unshare", "setns", "sethostname", "pivot_root", "chroot",
         "pidfd_getfd", "open_tree", "move_mount", "mount_setattr", "fsopen"]


def free(*names, **more):
    """With these capabilities, and a filter that lets their calls through."""
    return {"security": {"capabilities": list(names), "seccomp": {"allow": CALLS}}, **more}


@pytest.mark.parametrize("uid", [0, 1000])
@pytest.mark.parametrize("names", [["SYS_PTRACE"], ["SYS_ADMIN", "CHOWN"], NAMES], ids=["ptrace", "admin", "all"])
@pytest.mark.invariant("S12")
def test_the_sets_are_as_asked(box, uid, names):
    seen = box.probe(STATE, asked(names, user={"uid": uid, "gid": uid}))
    assert seen["sets"] == [bits(*names)] * 5
    assert seen["securebits"] & 3 == 3 and seen["no_new_privs"] == "1" and seen["seccomp"] == "2"


IDS = """
result = [[" ".join(line.split()) for line in read(f"/proc/self/{kind}_map").splitlines()] for kind in ("uid", "gid")] + [os.getuid(), os.getgid(), os.getgroups()]
"""


def test_the_ids_are_the_same(box):
    """Of every range that the sandbox has, as itself."""
    plain, nested = box.probe(IDS), box.probe(IDS, asked(["SYS_PTRACE"]))
    assert nested[2:] == plain[2:]
    for seen, around in zip(nested[:2], plain[:2]):
        assert seen == [f"{inside} {inside} {count}" for inside, _, count in (line.split() for line in around)]


@pytest.mark.as_root
def test_several_ranges(box):
    ranges = [[0, 100000, 10], [20, 100020, 5], [1000, 101000, 1]]
    seen = box.probe(IDS, {**asked(["SYS_PTRACE", "SETUID"]), "user": {"uid_map": ranges, "gid_map": ranges, "groups": [21]}})
    assert seen == [["0 0 10", "20 20 5", "1000 1000 1"]] * 2 + [1000, 1000, [21]]


OPEN = """
import ctypes
class Part(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]
room = ctypes.create_string_buffer(8)
here, there = Part(ctypes.addressof(room), 8), Part(0x400000, 8)
ptrace, readv = %r
child = os.fork()
if child == 0:
    import signal
    signal.pause()
result = {
    "attach": system_call(ptrace, 16, 1, 0, 0), "seize": system_call(ptrace, 0x4206, 1, 0, 0),
    "readv": libc.process_vm_readv(1, ctypes.byref(here), 1, ctypes.byref(there), 1, 0),
    "mem": attempt(open, "/proc/1/mem", "rb"), "root": attempt(os.listdir, "/proc/1/root"), "fd": attempt(os.readlink, "/proc/1/fd/5"), "status": attempt(os.open, "/proc/1/fd/5", os.O_RDWR),
    "space": attempt(os.open, "/proc/1/ns/user", os.O_RDONLY), "mounts": attempt(os.open, "/proc/1/ns/mnt", os.O_RDONLY),
    "own": system_call(ptrace, 16, child, 0, 0),
}
os.kill(child, 9)
""" % ((101, 310) if X86_64 else (117, 270),)


@pytest.mark.kernel
@pytest.mark.invariant("S7")
def test_init_stays_closed(box):
    seen = box.probe(OPEN, free("SYS_PTRACE", "SYS_ADMIN", "DAC_OVERRIDE", "DAC_READ_SEARCH", user={"uid": 0, "gid": 0}))
    own = seen.pop("own")
    assert own == 0, "and its own processes do not"
    assert set(seen.values()) <= {"EPERM", "EACCES", -1}, seen


MOUNTS = """
def mount(source, at, kind, flags):
    return "ok" if libc.mount(source, at, kind, flags, None) == 0 else ctypes.get_errno()
import ctypes
ctypes.CDLL(None, use_errno=True)
libc = ctypes.CDLL(None, use_errno=True)
def umount(at, flags=0):
    return "ok" if libc.umount2(at, flags) == 0 else ctypes.get_errno()
REMOUNT, BIND, REC = 0x20, 0x1000, 0x4000
def undo():
    return [umount(b"/proc/sys"), umount(b"/proc/keys", 2), umount(b"/w/secret"), umount(b"/w/ro", 2), umount(b"/w", 2), umount(b"/proc", 2),
            mount(b"none", b"/w/ro", None, REMOUNT | BIND), mount(b"none", b"/usr", None, REMOUNT | BIND), mount(b"none", b"/", None, REMOUNT | BIND),
            mount(b"none", b"/proc/sys", None, REMOUNT | BIND), mount(b"/proc", b"/tmp", None, BIND), mount(b"/w", b"/tmp", None, BIND)]
first = undo()
libc.unshare(0x20000)
second = undo()
copies = [mount(b"/w/ro", b"/tmp", None, BIND), mount(b"none", b"/tmp", None, REMOUNT | BIND), attempt(write, "/tmp/x", "x"), umount(b"/tmp")]
fresh = [mount(b"none", b"/tmp", b"tmpfs", 0), attempt(write, "/tmp/x", "x"), umount(b"/tmp"), os.path.exists("/tmp/x"),
         mount(b"proc", b"/tmp", b"proc", 0)]
result = [first, second, copies, fresh, attempt(write, "/w/ro/new", "x"), attempt(os.listdir, "/w/secret")]
"""


@pytest.mark.kernel
@pytest.mark.invariant("S2", "S5")
def test_what_is_mounted_stays_and_more_can_be_mounted(box, work):
    for name in ("ro", "secret"):
        (work / name).mkdir()
        (work / name).chmod(0o777)
    request = free("SYS_ADMIN", paths={"/w": {"from": str(work), "access": "rw"}, "/w/ro": "ro", "/w/secret": "deny"})
    first, second, copies, fresh, write, listed = box.probe(MOUNTS, request)
    assert set(first + second) <= {1, 22}, (first, second)  # EPERM: locked flags; EINVAL: locked mounts
    assert copies == ["ok", 1, "EROFS", "ok"]
    assert fresh == ["ok", "ok", "ok", False, 1]
    assert (write, listed) == ("EROFS", "EACCES")
    done = box.run(["true"], request)
    assert {"read_only_paths", "denied_paths", "masked_paths", "device_allowlist", "capabilities", "process_signals"} <= set(done.outcome["enforced"])


@pytest.mark.invariant("S16")
def test_no_user_namespace_below_that(box):
    """Also where the payload could raise the limit of its own."""
    seen = box.probe("""
result = [system_call(%d, 0x10000000), attempt(write, "/proc/sys/user/max_user_namespaces", "9"), system_call(%d, 0x10000000)]
""" % ((272,) * 2 if X86_64 else (97,) * 2), free("SYS_ADMIN", "SYS_RESOURCE"))
    assert seen == ["ENOSPC", "EROFS", "ENOSPC"]


COUNTS = BIND_LOW + """
def name_host():
    socket.sethostname("other")
before = os.uname().nodename
result = [attempt(bind_low), before, attempt(name_host), os.uname().nodename]
"""


def test_they_count_over_what_comes_with_it(box):
    """The network and the host name are the payload's own then, as the sandbox's were."""
    assert box.probe(COUNTS, free("SYS_ADMIN", "NET_BIND_SERVICE")) == ["ok", "sandbox", "ok", "other"]
    assert box.probe(COUNTS, free("SYS_PTRACE")) == ["EACCES", "sandbox", "EPERM", "sandbox"]


def test_without_an_init_none_is_needed(box):
    spaces = 'result = [os.getpid(), os.readlink("/proc/self/ns/user") == os.readlink("/proc/1/ns/user")]'
    assert box.probe(spaces, {**asked(["SYS_PTRACE"]), "init": False}) == [1, True]


@pytest.mark.parametrize("more, space", [({"capabilities": ["SYS_ADMIN", "NET_ADMIN"]}, "sysfs"), ({"capabilities": ["SYS_ADMIN", "IPC_OWNER"]}, "mqueue")], ids=str)
def test_mounts_that_would_show_what_it_left(box, more, space):
    done = box.run(["true"], {"security": more, "mounts": [{"type": space, "at": "/x"}]})
    assert done.code == 125 and b"/mounts/0" in done.err and space.encode() in done.err and b'"init": false' in done.err


def test_nothing_is_left_of_who_made_it(box):
    """Neither its process nor its descriptors."""
    seen = box.probe("""
others = [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) not in (1, os.getpid())]
result = [others, sorted(int(name) for name in os.listdir("/proc/self/fd"))[:-1]]""", asked(["SYS_PTRACE"]))
    assert seen == [[], [0, 1, 2]]


def explained(request, tmp_path):
    path = tmp_path / "request.json"
    path.write_text(json.dumps({"version": 1, "command": ["true"], **request}))
    done = subprocess.run([COMMAND, "explain", "--emit", "json", path], capture_output=True, text=True, timeout=WAIT, check=True)
    return {step["step"]: step for step in json.loads(done.stdout)["steps"]}


def test_it_is_explained(tmp_path):
    steps = explained(asked(["SYS_ADMIN", "NET_RAW"]), tmp_path)
    assert steps["nest"]["object"] == "user mount uts net" and steps["nest"]["field"] == "/security/capabilities"
    assert steps["nest"]["number"] < steps["userns limit"]["number"] < steps["init"]["number"] < steps["enter"]["number"] < steps["capabilities"]["number"]
    assert "nest" not in explained(asked(["NET_RAW"]), tmp_path)
    assert "CAP_SYS_ADMIN" in steps["capabilities"]["details"]


# ---- keep, drop, add ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form, expected", [
    ({"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]}, ["NET_BIND_SERVICE"]), ({"add": ["10", "chown"]}, ["NET_BIND_SERVICE", "CHOWN"]),
    ({"keep": ["CHOWN", "KILL"], "drop": ["KILL"]}, ["CHOWN"]), ({"drop": ["ALL"]}, []), ({"keep": "none", "add": ["KILL"]}, ["KILL"]),
    ({"keep": ["ALL"], "drop": ["SYS_ADMIN", "SYS_PTRACE"]}, [n for n in NAMES if n not in ("SYS_ADMIN", "SYS_PTRACE")]),
    ({"keep": "ALL"}, NAMES), ("ALL", NAMES), (["ALL"], NAMES),
], ids=str)
@pytest.mark.invariant("S12")
def test_forms(box, form, expected):
    assert box.probe(STATE, asked(form))["sets"] == [bits(*expected)] * 5
