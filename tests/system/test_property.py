"""Random requests: each that is valid runs, and what is seen inside equals what was asked for, with the longest prefix of
`paths` as the only oracle for them; the list `mounts` has its own, property_mounts.py, and so have users, property_users.py.
$STYRO_PROPERTY says how many requests there are in each spawn mode (300), $STYRO_SEED where they begin; a failure names the
seed and the request.
"""

import json
import os
import random
import resource
import socket

import pytest

from harness import AS_ROOT, LINUX, PROBE, PYTHON
from mount_model import in_bytes, octal, world_of
from property_ground import JOINED_CLOCK, JOINED_NAME, SHOWN, Box, make_ground
from property_mounts import LOOK as LOOK_AT_MOUNTS
from property_mounts import expect_list, questions
from property_users import expect_users, groups_of, made_as, outside, shown_as
from random_mounts import mode_of
from random_requests import CAPABILITIES, LIMITS, SECUREBITS, random_request
from random_users import random_who

REQUESTS = int(os.environ.get("STYRO_PROPERTY", "300"))
FIRST = int(os.environ.get("STYRO_SEED", "1"))
BATCH = 10
INHERITED = {"V0": "of the caller", "V3": "", "I1": "one\ntwo", "I2": "a=b"}  # and no I3
SETS = {"CapInh": "inheritable", "CapPrm": "permitted", "CapEff": "effective", "CapBnd": "bounding", "CapAmb": "ambient"}


@pytest.fixture
def ground():
    with make_ground() as made:
        yield made


# ---- what is seen --------------------------------------------------------------------------------------------------

LOOK = PROBE + LOOK_AT_MOUNTS + """
import resource
def place(path):
    path = "/w" + (path and "/" + path)
    try:
        word = read(path + "/word")
    except OSError as e:
        word = errno.errorcode[e.errno]
    owner = os.stat(path + "/word") if word.startswith("this") else None
    return [word, attempt(write, path + "/new"), attempt(os.listdir, path), owner and [owner.st_uid, owner.st_gid]]
def shape(path):
    try:
        there, room = os.stat(path), os.statvfs(path)
    except OSError as e:
        return errno.errorcode[e.errno]
    return [there.st_mode & 0o7777, room.f_blocks * room.f_frsize]
def is_open(fd):
    return attempt(os.fstat, fd) == "ok"
s = status()
def map_lines(path):
    return [[int(word) for word in line.split()] for line in read(path).splitlines()]
print(json.dumps({
    "fds": [n for n in sorted(map(int, os.listdir("/proc/self/fd"))) if is_open(n)],
    "places": {p: place(p) for p in PLACES}, "shapes": {p: shape("/w" + (p and "/" + p)) for p in PLACES}, "none": os.path.exists("/none"),
    "uid": os.getresuid(), "gid": os.getresgid(), "groups": sorted(os.getgroups()),
    "setgroups": read("/proc/self/setgroups").strip(), "umask": s["Umask"], "cwd": os.getcwd(), "maps": [map_lines("/proc/self/uid_map"), map_lines("/proc/self/gid_map")],
    "nice": os.nice(0), "caps": {k: int(v, 16) for k, v in s.items() if k.startswith("Cap")}, "nnp": s["NoNewPrivs"],
    "securebits": libc.prctl(27, 0, 0, 0, 0), "seccomp": s["Seccomp"], "env": {k: v for k, v in os.environ.items() if k[0] in "VI"}, "host": os.uname().nodename,
    "domain": read("/proc/sys/kernel/domainname"), "oom": read("/proc/self/oom_score_adj"), "pid": os.getpid(), "sid": os.getsid(0),
    "spaces": {n: os.readlink("/proc/self/ns/" + n) for n in ("ipc", "uts", "cgroup", "time", "net", "pid", "mnt", "user")},
    "limits": [resource.prlimit(0, n) for n in range(16)], "mounts": mounts(), "clocks": read("/proc/self/timens_offsets").split(),
    "links": sorted(line.split(":")[0].strip() for line in read("/proc/self/net/dev").splitlines()[2:]), "list": look_around(json.loads(sys.argv[1]))}))
""".replace("PLACES", repr(SHOWN))


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
    return True, root.get("writable", False) is not False or "upper" in root.get("overlay", {})


def expect_root_place(request, on_the_way, seen):
    """Nothing is made where no rule speaks."""
    there, writable = root_of(request)
    word, wrote, listed = seen[:3]
    assert word == "ENOENT"
    if there:
        assert (wrote, listed) == ("ok" if writable else "EROFS", "ok")
    else:
        assert (wrote, listed) == (("EROFS", "ok") if on_the_way else ("ENOENT", "ENOENT"))


def expect_place(request, place, seen):
    word, wrote, listed = seen[:3]
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


def expect_shape(request, place, shape):
    """Mode and size of a tmpfs, as its rule says."""
    rule = rule_of(request["paths"], place)
    if rule and rule[0] == "/w" + (place and "/" + place) and rule[1]["access"] == "tmpfs":
        assert shape == [octal(rule[1].get("mode", 0o755)), in_bytes(rule[1].get("size", "256M"))], place


def expect_mounts(request, rows):
    """Each rule that shows something is the topmost mount at its place, with the flags of its kind; so is the root."""
    for path, rule in request["paths"].items():
        if path.startswith("/m/"):
            continue
        rule = {"access": "ro", **rule} if isinstance(rule, dict) else {"access": rule}
        at = [row for row in rows if row["at"] == path]
        if path == "/none":
            assert not at
            continue
        assert at, f"{path} is no mount"
        options = set(at[-1]["options"])
        assert {"nosuid", "nodev"} <= options and ("idmapped" in options) == ("idmap" in rule)
        if rule["access"] in ("ro", "rw"):
            assert rule["access"] in options and ("noexec" in options) == rule.get("noexec", False)
    top = [row for row in rows if row["at"] == "/"][-1]
    assert {"nosuid", "nodev", "rw" if root_of(request)[1] else "ro"} <= set(top["options"])


def owner_of(path):
    there = path.stat()
    return [there.st_uid, there.st_gid]


def expect_owner(request, place, seen, ground):
    """Whose a shown file is inside."""
    rule = rule_of(request["paths"], place)
    if seen[3]:
        assert seen[3] == shown_as(request, rule[1].get("idmap"), owner_of(ground.shown / place / "word"), ground.who), place


def kept_in(request, ground):
    """The directory where changes of the root stay; None where they do not."""
    root = request.get("root")
    if not isinstance(root, dict):
        return None
    return ground.base / "upper" if "upper" in root.get("overlay", {}) else ground.tree if root.get("writable") is True else None


def expect_host(request, ground):
    """New files are where `rw` was the longest prefix, in the tree where it is the root and kept, and nowhere else."""
    kept = kept_in(request, ground)
    for place in SHOWN:
        rule = rule_of(request["paths"], place)
        for there, base in ((rule is not None and rule[1].get("access", "ro") == "rw", ground.shown),
                            (rule is None and kept == ground.tree, ground.tree / "w"),
                            (rule is None and kept == ground.base / "upper", ground.base / "upper" / "w")):
            new = base / place / "new"
            assert new.exists() == there, new
            if there:
                assert owner_of(new) == made_as(request, rule and rule[1].get("idmap"), ground.who), new
            new.unlink(missing_ok=True)
    assert sorted(os.listdir(ground.top)) == ["w"] and os.listdir(ground.top / "w") == ["of the layer"]


# ---- the rest ------------------------------------------------------------------------------------------------------


def joined(request):
    """{name of a namespace's link: what the request says of it}."""
    names = {"mount": "mnt", "network": "net"}
    spaces = {**request["namespaces"], "network": request["network"]}
    return {names.get(kind, kind): one["join"] for kind, one in spaces.items() if isinstance(one, dict) and "join" in one}


def expect_spaces(request, seen, ground):
    named = joined(request)
    shared = {name for name in ("ipc", "uts", "cgroup", "time", "pid", "user") if mode_of(request, name) == "host"}
    shared |= {"net"} if request["network"] == "host" else set()
    if LINUX < (6, 2) and "time" not in request["namespaces"]:
        shared.add("time")  # none is made by default there: docs/kernels.md
    links = {name: os.readlink("/proc/self/ns/" + name) for name in seen["spaces"]}
    assert {name for name, link in seen["spaces"].items() if link == links[name]} == shared
    theirs = {name: {one.links[name] for one in ground.others if way in (*one.paths.values(), *one.fds.values())} for name, way in named.items()}
    others = set().union(*(one.links.values() for one in ground.others)) - set(links.values())
    for name, link in seen["spaces"].items():
        # The mounts of those who are joined are where paths are looked up, and nothing else.
        assert ({link} == theirs[name]) if name in theirs and name != "mnt" else link not in others, name
    assert request["network"] == "host" or seen["links"] == ["lo"]
    expect_clocks(request, seen)
    expect_names(request, seen)


def expect_clocks(request, seen):
    clocks = request["namespaces"].get("time", {})
    if clocks == "host":
        return
    clocks = clocks if isinstance(clocks, dict) else {}
    clocks = {"monotonic": JOINED_CLOCK} if "join" in clocks else clocks
    assert seen["clocks"] == ["monotonic", str(clocks.get("monotonic", 0)), "0", "boottime", str(clocks.get("boottime", 0)), "0"]


def expect_names(request, seen):
    uts = request["namespaces"].get("uts", {})
    if uts == "host":
        assert seen["host"] == socket.gethostname()
    elif "join" in uts:
        assert seen["host"] == JOINED_NAME
    else:
        uts = uts if isinstance(uts, dict) else {}
        assert (seen["host"], seen["domain"]) == (uts.get("hostname", "sandbox"), uts.get("domainname", "(none)") + "\n")


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
    pids = mode_of(request, "pid")
    assert (seen["umask"], seen["nice"], seen["cwd"]) == (request["umask"], request["nice"], request["cwd"])
    inherited = {name: INHERITED[name] for name in request["inherit_env"] if name in INHERITED}
    assert seen["env"] == {**inherited, **request["env"]} and int(seen["oom"]) == request["oom_score_adj"]
    assert (seen["pid"] == 1) == (pids == "new" and not request["init"])
    if request["new_session"]:
        assert seen["sid"] == seen["pid"]
    else:
        assert seen["sid"] == (os.getsid(0) if pids == "host" else 0)
    assert seen["fds"] == sorted([0, 1, 2, *request["preserve_fds"]]) and seen["none"] is False


def expect_limits(request, seen):
    own = [list(resource.getrlimit(number)) for number in range(16)]
    for name, value in request["rlimits"].items():
        pair = value if isinstance(value, dict) else {"soft": value, "hard": value}
        own[LIMITS[name][0]] = [-1 if pair[end] == "unlimited" else pair[end] for end in ("soft", "hard")]
    assert seen["limits"] == own


ALWAYS = {"path_view", "read_only_paths", "denied_paths", "masked_paths", "private_tmp", "device_allowlist", "user_ids", "capabilities",
          "seccomp", "closed_fds", "helper_image", "disk_size", "nested_user_namespaces"}


def expect_promises(request, outcome, who):
    """Exactly those that the request asks for. What is joined is shared, and so not promised."""
    def new(name):
        return mode_of(request, name) == "new"

    clocks = request["namespaces"].get("time", {})
    dropped = groups_of(request, who)[1]
    landlock = request["security"].get("landlock", new("ipc"))
    kills = any(entry["type"] == "cgroup" and entry.get("access") == "rw" for entry in request.get("mounts", []))
    promises = {
        "time_offsets": isinstance(clocks, dict) and {"boottime", "monotonic"} & set(clocks),
        "process_view": new("pid"), "process_signals": new("pid") and not kills, "tree_kill": new("pid"), "ipc_isolation": new("ipc"),
        "hostname": new("uts"), "cgroup_view": new("cgroup"), "network_isolation": request["network"] == "none",
        "abstract_sockets": request["network"] == "none", "no_new_privs": request["security"].get("no_new_privs", True),
        "session_keyring": request["security"].get("keyring", "new") == "new", "new_session": request["new_session"],
        "landlock_paths": landlock.get("paths", new("ipc")) if isinstance(landlock, dict) else landlock,
        "caller_death": request["init"] and request.get("die_with_parent", True), "rlimits": bool(request["rlimits"]),
        "output_limit": "output" in request, "timeout_wall": "timeout" in request, "supplementary_groups": dropped}
    expected = ALWAYS | {name for name, kept in promises.items() if kept}
    if not new("pid") and not new("user"):  # by /proc/PID/root of others
        expected -= {"path_view", "read_only_paths", "denied_paths", "masked_paths", "device_allowlist", "private_tmp"}
    assert set(outcome["enforced"]) == expected
    lost = {"tree_kill": not new("pid"), "caller_death": not request["init"], "supplementary_groups": dropped is False}
    assert {entry["protection"] for entry in outcome["not_enforced"]} == {name for name, gone in lost.items() if gone}
    assert outcome["init"] is request["init"]


def only_helper_mode(request, who):
    """What takes a process of its own before the clone: joins, idmaps, newuidmap, groups that are dropped before the map."""
    maps = [request["user"].get(key) for key in ("uid_map", "gid_map")]
    dropped_before = who.root and who.groups and request["user"].get("setgroups") == "deny" and request["user"].get("groups") != "keep"
    idmaps = any(isinstance(rule, dict) and "idmap" in rule for rule in request["paths"].values())
    return bool(joined(request)) or idmaps, dropped_before or not who.root and "subuid" in maps


def expect(request, seen, ground, world):
    for place in SHOWN:
        expect_place(request, place, seen["places"][place])
        expect_shape(request, place, seen["shapes"][place])
        expect_owner(request, place, seen["places"][place], ground)
    expect_mounts(request, seen["mounts"])
    expect_list(request, world, ground, seen)
    expect_host(request, ground)
    expect_spaces(request, seen, ground)
    expect_users(request, seen, ground.who)
    expect_rights(request, seen)
    expect_process(request, seen)
    expect_limits(request, seen)


def run_one(ground, request, mode):
    """One request, and all that is known of it afterwards."""
    world = world_of(request, ground)
    unforced, by_helper = only_helper_mode(request, ground.who)
    box = Box(ground.base.parent / "box", None if unforced else mode, ground.who)
    ground.hand_over(outside(request, "uid", ground.who), outside(request, "gid", ground.who))
    done = box.run([*PYTHON, LOOK, json.dumps(questions(world))], request, pass_fds=ground.all_fds(), env=INHERITED)
    assert done.code == 0 and done.reason == "exited", done
    assert done.outcome["spawn_mode"] == ("helper" if unforced or by_helper else mode)
    expect(request, json.loads(done.text), ground, world)
    expect_promises(request, done.outcome, ground.who)
    ground.clear()


@pytest.mark.parametrize("first", range(FIRST, FIRST + REQUESTS, BATCH))
def test_what_is_seen_is_what_was_asked(mode, ground, first):
    for seed in range(first, min(first + BATCH, FIRST + REQUESTS)):
        rng = random.Random(seed * 2 + (mode == "helper"))
        ground.who = random_who(rng)
        request = random_request(rng, ground)
        try:
            run_one(ground, request, mode)
        except AssertionError as error:
            raise AssertionError(f"seed {seed} in {mode} mode, root {AS_ROOT}, {ground.who}: {json.dumps(request)}") from error
