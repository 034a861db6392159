"""Random requests: each that is valid runs, and what is seen inside equals what was asked for, with the longest prefix of
`paths` as the only oracle for files. $STYRO_PROPERTY says how many requests there are in each spawn mode (300), $STYRO_SEED
where they begin; a failure names the seed and the request.
"""

import json
import os
import random
import resource
import socket
import types

import pytest

from harness import AS_ROOT, PROBE, PYTHON, Caller
from random_requests import CAPABILITIES, LIMITS, PLACES, SECUREBITS, random_request

REQUESTS = int(os.environ.get("STYRO_PROPERTY", "300"))
FIRST = int(os.environ.get("STYRO_SEED", "1"))
BATCH = 10
INHERITED = {"V0": "of the caller", "V3": "", "I1": "one\ntwo", "I2": "a=b"}  # and no I3
SETS = {"CapInh": "inheritable", "CapPrm": "permitted", "CapEff": "effective", "CapBnd": "bounding", "CapAmb": "ambient"}
UNITS = {"K": 10, "M": 20}


@pytest.fixture
def ground(tmp_path):
    """The tree that all rules show, each place with a file that says which it is; a root to start from, with the same places
    and nothing in them; a layer over that; all of it open to any id, so that only the rules decide.
    """
    shown, tree, top = tmp_path / "shown", tmp_path / "tree", tmp_path / "top"
    for place in PLACES:
        (shown / place).mkdir(parents=True)
        (shown / place / "word").write_text(f"this is {place}")
        (tree / "w" / place).mkdir(parents=True)
    for name in ("usr", "dev", "proc", "tmp", "home", "sys"):
        (tree / name).mkdir()
    (top / "w" / "of the layer").mkdir(parents=True)
    for base in (shown, tree, top):
        for root, dirs, files in os.walk(base):
            os.chmod(root, 0o777)
            for name in files:
                os.chmod(os.path.join(root, name), 0o666)
    for name in ("bin", "lib", "lib64"):
        (tree / name).symlink_to("usr/" + name)
    fds = [os.open("/dev/null", os.O_RDONLY) for _ in range(3)]
    yield types.SimpleNamespace(shown=shown, tree=tree, top=top, fds=fds)
    for fd in fds:
        os.close(fd)


def outside(request, key):
    """The host's number of who the payload is."""
    own = getattr(Caller, key)
    asked = request["user"].get(key + "_map")
    if isinstance(asked, list):
        return asked[0][1] + request["user"][key] - asked[0][0]
    return own if asked == "self" or not AS_ROOT else 65534


def hand_over(request, ground):
    """To change what it shows, an overlay first copies it with its owner, who must exist inside."""
    ids = outside(request, "uid"), outside(request, "gid")
    for base in (ground.tree, ground.top):
        for root, dirs, files in os.walk(base):
            for name in (".", *dirs, *files):
                os.chown(os.path.join(root, name), *ids, follow_symlinks=False)


# ---- what is seen --------------------------------------------------------------------------------------------------

LOOK = PROBE + """
import resource
def place(path):
    path = "/w" + (path and "/" + path)
    try:
        word = read(path + "/word")
    except OSError as e:
        word = errno.errorcode[e.errno]
    return [word, attempt(write, path + "/new"), attempt(os.listdir, path)]
def shape(path):
    try:
        there, room = os.stat(path), os.statvfs(path)
    except OSError as e:
        return errno.errorcode[e.errno]
    return [there.st_mode & 0o7777, room.f_blocks * room.f_frsize]
def is_open(fd):
    return attempt(os.fstat, fd) == "ok"
s = status()
print(json.dumps({
    "fds": [n for n in sorted(map(int, os.listdir("/proc/self/fd"))) if is_open(n)],
    "places": {p: place(p) for p in PLACES}, "shapes": {p: shape("/w" + (p and "/" + p)) for p in PLACES}, "none": os.path.exists("/none"),
    "uid": os.getresuid(), "gid": os.getresgid(), "groups": sorted(os.getgroups()),
    "setgroups": read("/proc/self/setgroups").strip(), "umask": s["Umask"], "cwd": os.getcwd(), "maps": [read("/proc/self/uid_map").split(), read("/proc/self/gid_map").split()],
    "nice": os.nice(0), "caps": {k: int(v, 16) for k, v in s.items() if k.startswith("Cap")}, "nnp": s["NoNewPrivs"],
    "securebits": libc.prctl(27, 0, 0, 0, 0), "seccomp": s["Seccomp"], "env": {k: v for k, v in os.environ.items() if k[0] in "VI"}, "host": os.uname().nodename,
    "domain": read("/proc/sys/kernel/domainname"), "oom": read("/proc/self/oom_score_adj"), "pid": os.getpid(), "sid": os.getsid(0),
    "spaces": {n: os.readlink("/proc/self/ns/" + n) for n in ("ipc", "uts", "cgroup", "time", "net", "pid", "mnt", "user")},
    "limits": [resource.prlimit(0, n) for n in range(16)], "mounts": mounts(), "clocks": read("/proc/self/timens_offsets").split(),
    "links": sorted(line.split(":")[0].strip() for line in read("/proc/self/net/dev").splitlines()[2:])}))
""".replace("PLACES", repr(PLACES))


# ---- files ---------------------------------------------------------------------------------------------------------


def rule_of(paths, place):
    """(path, rule) of the longest prefix; None where no rule speaks."""
    inside = "/w" + (place and "/" + place)
    holds = [path for path in paths if inside == path or inside.startswith(path + "/")]
    if not holds:
        return None
    path = max(holds, key=len)
    return path, paths[path] if isinstance(paths[path], dict) else {"access": paths[path]}


def root_of(request):
    """(whether the places are there without a rule, whether they can be written)."""
    root = request.get("root", "system")
    if not isinstance(root, dict):
        return False, False
    return True, root.get("writable", False) is not False


def expect_root_place(request, on_the_way, seen):
    """Nothing is made where no rule speaks."""
    there, writable = root_of(request)
    word, wrote, listed = seen
    assert word == "ENOENT"
    if there:
        assert (wrote, listed) == ("ok" if writable else "EROFS", "ok")
    else:
        assert (wrote, listed) == (("EROFS", "ok") if on_the_way else ("ENOENT", "ENOENT"))


def expect_place(request, place, seen):
    word, wrote, listed = seen
    paths = request["paths"]
    inside = "/w" + (place and "/" + place)
    rule = rule_of(paths, place)
    on_the_way = any(path.startswith(inside + "/") for path in paths)
    if rule is None:
        expect_root_place(request, on_the_way, seen)
        return
    path, access = rule[0], rule[1].get("access", "ro")
    if access in ("ro", "rw"):
        assert word == f"this is {place}" and listed == "ok"
        assert wrote == ("ok" if access == "rw" else "EROFS")
    elif access == "deny":
        assert word in ("EACCES", "ENOENT") and wrote in ("EACCES", "ENOENT", "EROFS")
        # Between a denied place and one that shows inside it there is only the way.
        assert listed == "ok" if on_the_way and path != inside else listed in ("EACCES", "ENOENT")
    else:
        there = path == inside or on_the_way
        assert word == "ENOENT" and wrote == ("ok" if there else "ENOENT") and listed == ("ok" if there else "ENOENT")


def in_bytes(size):
    return size if isinstance(size, int) else int(size[:-1]) << UNITS[size[-1]]


def expect_shape(request, place, shape):
    """Mode and size of a tmpfs, as its rule says."""
    rule = rule_of(request["paths"], place)
    if rule and rule[0] == "/w" + (place and "/" + place) and rule[1]["access"] == "tmpfs":
        mode = rule[1].get("mode", 0o755)
        assert shape == [mode if isinstance(mode, int) else int(mode, 8), in_bytes(rule[1].get("size", "256M"))], place


def expect_mounts(request, rows):
    """Each rule that shows something is the topmost mount at its place, with the flags of its kind; so is the root."""
    for path, rule in request["paths"].items():
        rule = {"access": "ro", **rule} if isinstance(rule, dict) else {"access": rule}
        at = [row for row in rows if row["at"] == path]
        if path == "/none":
            assert not at
            continue
        assert at, f"{path} is no mount"
        options = set(at[-1]["options"])
        assert {"nosuid", "nodev"} <= options and at[-1]["optional"] == []
        if rule["access"] in ("ro", "rw"):
            assert rule["access"] in options and ("noexec" in options) == rule.get("noexec", False)
    top = [row for row in rows if row["at"] == "/"][-1]
    assert {"nosuid", "nodev", "rw" if root_of(request)[1] else "ro"} <= set(top["options"])
    assert all(row["optional"] == [] for row in rows), "all mounts are private"


def expect_host(request, ground):
    """New files are where `rw` was the longest prefix, in the tree where it is the root and kept, and nowhere else."""
    root = request.get("root")
    kept = isinstance(root, dict) and root.get("writable") is True
    for place in PLACES:
        rule = rule_of(request["paths"], place)
        shown, tree = ground.shown / place / "new", ground.tree / "w" / place / "new"
        assert shown.exists() == (rule is not None and rule[1].get("access", "ro") == "rw"), place
        assert tree.exists() == (rule is None and kept), place
        shown.unlink(missing_ok=True)
        tree.unlink(missing_ok=True)
    assert sorted(os.listdir(ground.top)) == ["w"] and os.listdir(ground.top / "w") == ["of the layer"]


# ---- the rest ------------------------------------------------------------------------------------------------------


def mode_of(request, name):
    value = request["namespaces"].get(name, "new")
    return value if isinstance(value, str) else value.get("mode", "new")


def expect_spaces(request, seen):
    shared = {name for name in ("ipc", "uts", "cgroup", "time", "pid", "user") if mode_of(request, name) == "host"}
    shared |= {"net"} if request["network"] == "host" else set()
    links = {name: os.readlink("/proc/self/ns/" + name) for name in seen["spaces"]}
    assert {name for name, link in seen["spaces"].items() if link == links[name]} == shared
    assert request["network"] == "host" or seen["links"] == ["lo"]
    clocks = request["namespaces"].get("time", {})
    if clocks != "host":
        clocks = clocks if isinstance(clocks, dict) else {}
        assert seen["clocks"] == ["monotonic", str(clocks.get("monotonic", 0)), "0", "boottime", str(clocks.get("boottime", 0)), "0"]
    uts = request["namespaces"].get("uts", {})
    if uts == "host":
        assert seen["host"] == socket.gethostname()
    else:
        uts = uts if isinstance(uts, dict) else {}
        assert (seen["host"], seen["domain"]) == (uts.get("hostname", "sandbox"), uts.get("domainname", "(none)") + "\n")


def expect_ids(request, seen):
    user = request["user"]
    host = mode_of(request, "user") == "host"
    for key, map_ in zip(("uid", "gid"), seen["maps"]):
        inside = user.get(key, 65534 if host else 1000)
        ranges = user.get(key + "_map")
        assert seen[key] == [inside] * 3
        expected = [0, 0, 4294967295] if host else ranges[0] if isinstance(ranges, list) else [inside, outside(request, key), 1]
        assert map_ == [str(n) for n in expected]
    may_set = host or Caller.root and user.get("gid_map") != "self"
    assert seen["setgroups"] == user.get("setgroups", "allow" if may_set else "deny")
    assert not may_set or seen["groups"] == sorted(user.get("groups", []))


def expect_rights(request, seen):
    security = request["security"]
    sets = security.get("capabilities", [])
    for row, name in SETS.items():
        names = sets[name] if isinstance(sets, dict) else sets
        assert seen["caps"][row] == sum(1 << CAPABILITIES[one] for one in names), row
    bits = security.get("securebits", ["noroot", "noroot_locked"] if "capabilities" in security else [])
    assert seen["securebits"] == sum(1 << SECUREBITS.index(bit) for bit in bits)
    assert (seen["nnp"], seen["seccomp"]) == ("1" if security.get("no_new_privs", True) else "0", "2")


def expect_process(request, seen):
    own_pids = mode_of(request, "pid") == "new"
    assert (seen["umask"], seen["nice"], seen["cwd"]) == (request["umask"], request["nice"], request["cwd"])
    inherited = {name: INHERITED[name] for name in request["inherit_env"] if name in INHERITED}
    assert seen["env"] == {**inherited, **request["env"]} and int(seen["oom"]) == request["oom_score_adj"]
    assert (seen["pid"] == 1) == (own_pids and not request["init"])
    if request["new_session"]:
        assert seen["sid"] == seen["pid"]
    else:
        assert seen["sid"] == (0 if own_pids else os.getsid(0))
    assert seen["fds"] == sorted([0, 1, 2, *request["preserve_fds"]]) and seen["none"] is False


def expect_limits(request, seen):
    own = [list(resource.getrlimit(number)) for number in range(16)]
    for name, value in request["rlimits"].items():
        pair = value if isinstance(value, dict) else {"soft": value, "hard": value}
        own[LIMITS[name][0]] = [-1 if pair[end] == "unlimited" else pair[end] for end in ("soft", "hard")]
    assert seen["limits"] == own


ALWAYS = {"path_view", "read_only_paths", "denied_paths", "masked_paths", "private_tmp", "device_allowlist", "user_ids", "capabilities",
          "seccomp", "closed_fds", "helper_image", "disk_size", "nested_user_namespaces"}


def expect_promises(request, outcome):
    """Exactly those that the request asks for; supplementary groups depend on which the caller has."""
    def new(name):
        return mode_of(request, name) == "new"

    clocks = request["namespaces"].get("time", {})
    promises = {
        "time_offsets": isinstance(clocks, dict) and {"boottime", "monotonic"} & set(clocks),
        "process_view": new("pid"), "process_signals": new("pid"), "tree_kill": new("pid"), "ipc_isolation": new("ipc"),
        "hostname": new("uts"), "cgroup_view": new("cgroup"), "network_isolation": request["network"] == "none",
        "abstract_sockets": request["network"] == "none", "no_new_privs": request["security"].get("no_new_privs", True),
        "session_keyring": request["security"].get("keyring", "new") == "new", "new_session": request["new_session"],
        "caller_death": request["init"] and request.get("die_with_parent", True), "rlimits": bool(request["rlimits"]),
        "output_limit": "output" in request, "timeout_wall": "timeout" in request}
    expected = ALWAYS | {name for name, kept in promises.items() if kept}
    if not new("pid") and not new("user"):  # by /proc/PID/root of others
        expected -= {"path_view", "read_only_paths", "denied_paths", "masked_paths", "device_allowlist", "private_tmp"}
    assert set(outcome["enforced"]) - {"supplementary_groups"} == expected
    lost = {entry["protection"] for entry in outcome["not_enforced"]} - {"supplementary_groups"}
    assert lost == ({"tree_kill"} if not new("pid") else set()) | ({"caller_death"} if not request["init"] else set())
    assert outcome["init"] is request["init"]


def expect(request, seen, ground):
    for place in PLACES:
        expect_place(request, place, seen["places"][place])
        expect_shape(request, place, seen["shapes"][place])
    expect_mounts(request, seen["mounts"])
    expect_host(request, ground)
    expect_spaces(request, seen)
    expect_ids(request, seen)
    expect_rights(request, seen)
    expect_process(request, seen)
    expect_limits(request, seen)


@pytest.mark.parametrize("first", range(FIRST, FIRST + REQUESTS, BATCH))
def test_what_is_seen_is_what_was_asked(box, ground, first):
    for seed in range(first, min(first + BATCH, FIRST + REQUESTS)):
        rng = random.Random(seed * 2 + (box.mode == "helper"))
        request = random_request(rng, ground)
        try:
            hand_over(request, ground)
            done = box.run([*PYTHON, LOOK], request, pass_fds=ground.fds, env=INHERITED)
            assert done.code == 0 and done.reason == "exited", done
            expect(request, json.loads(done.text), ground)
            expect_promises(request, done.outcome)
        except AssertionError as error:
            raise AssertionError(f"seed {seed} in {box.mode} mode, root {AS_ROOT}, {Caller.uid}: {json.dumps(request)}") from error
