"""Random requests: each that is valid runs, and what is seen inside equals what was asked for, with the longest prefix of
`paths` as the only oracle for files. $STYRO_PROPERTY says how many requests there are in all (300), $STYRO_SEED where they
begin; a failure names the seed and the request.
"""

import json
import os
import random
import socket

import pytest

from harness import AS_ROOT, PROBE, PYTHON, Caller

REQUESTS = int(os.environ.get("STYRO_PROPERTY", "300"))
FIRST = int(os.environ.get("STYRO_SEED", "1"))
BATCH = 10

# Directories of the shown tree, and as they are named inside.
PLACES = ["", "a", "a/b", "a/b/c", "a/d", "e", "e/f"]

LIMITS = {"core": (0, 1 << 20), "fsize": (1 << 20, 1 << 30), "nofile": (64, 256), "stack": (4 << 20, 8 << 20),
          "memlock": (4096, 65536), "msgqueue": (4096, 65536), "sigpending": (10, 100), "locks": (5, 50), "rttime": (1000, 10 ** 6)}
# Those that let nobody read or write what its mode forbids, and that init allows beside it.
CAPABILITIES = ["CAP_CHOWN", "CAP_FOWNER", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_NET_BIND_SERVICE", "CAP_NET_RAW"]
NUMBERS = {"CAP_CHOWN": 0, "CAP_FOWNER": 3, "CAP_KILL": 5, "CAP_SETGID": 6, "CAP_SETUID": 7, "CAP_NET_BIND_SERVICE": 10,
           "CAP_NET_RAW": 13}
SPACES = {"ipc": "ipc", "uts": "uts", "cgroup": "cgroup", "time": "time"}


@pytest.fixture
def shown(tmp_path, given):
    """The tree that all rules show: each place with a file that says which it is; all of it the payload's own outside."""
    base = tmp_path / "shown"
    for place in PLACES:
        (base / place).mkdir(parents=True)
        (base / place / "word").write_text(f"this is {place}")
    for root, dirs, files in os.walk(base):
        for path in (root, *(os.path.join(root, name) for name in files)):
            given(path)
    return base


# ---- what is asked -------------------------------------------------------------------------------------------------


def some(rng, values):
    return rng.sample(values, rng.randint(0, len(values)))


def random_paths(rng, shown):
    rules = {}
    for place in some(rng, PLACES):
        access = rng.choice(["ro", "rw", "deny", "tmpfs"])
        inside = "/w" + ("/" + place if place else "")
        rules[inside] = access if access in ("deny", "tmpfs") else {"access": access, "from": str(shown / place)}
        if access in ("ro", "rw") and rng.random() < 0.3:
            rules[inside]["noexec"] = True
        if access == "tmpfs" and rng.random() < 0.5:
            rules[inside] = {"access": "tmpfs", "mode": "0700", "size": 1 << 20}
    items = list(rules.items())
    rng.shuffle(items)
    return dict(items)


def random_request(rng, shown):
    request = {"paths": random_paths(rng, shown), "umask": f"{rng.choice([0o22, 0o27, 0o77, 0o2]):04o}", "nice": rng.randint(0, 19),
               "init": rng.random() < 0.7, "new_session": rng.random() < 0.7, "cwd": rng.choice(["/", "/tmp", "/usr/lib"]),
               "network": rng.choice(["none", "host"]), "oom_score_adj": rng.randint(500, 1000),
               "user": {"uid": rng.choice([0, 7, 1000, 65534]), "gid": rng.choice([0, 8, 1000])},
               "env": {f"V{n}": "".join(rng.choices("ab =/'\"\n\t$é", k=rng.randint(0, 8))) for n in range(rng.randint(0, 4))}}
    request["namespaces"] = {name: "host" for name in some(rng, list(SPACES))}
    if "uts" not in request["namespaces"] and rng.random() < 0.5:
        request["namespaces"]["uts"] = {"hostname": f"h{rng.randint(0, 99)}", "domainname": f"d{rng.randint(0, 99)}"}
    request["rlimits"] = {}
    for name in some(rng, list(LIMITS)):
        soft, hard = sorted(rng.randint(*LIMITS[name]) for _ in range(2))
        request["rlimits"][name] = {"soft": soft, "hard": hard}
    if rng.random() < 0.4:
        request["security"] = {"capabilities": some(rng, CAPABILITIES)}
    return request


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
s = status()
print(json.dumps({
    "places": {p: place(p) for p in PLACES}, "uid": os.getresuid(), "gid": os.getresgid(), "umask": s["Umask"], "cwd": os.getcwd(),
    "nice": os.nice(0), "caps": {k: int(v, 16) for k, v in s.items() if k.startswith("Cap")}, "nnp": s["NoNewPrivs"],
    "seccomp": s["Seccomp"], "env": {k: v for k, v in os.environ.items() if k.startswith("V")}, "host": os.uname().nodename,
    "domain": read("/proc/sys/kernel/domainname"), "oom": read("/proc/self/oom_score_adj"), "pid": os.getpid(), "sid": os.getsid(0),
    "spaces": {n: os.readlink("/proc/self/ns/" + n) for n in ("ipc", "uts", "cgroup", "time", "net", "pid", "mnt", "user")},
    "limits": {n: resource.prlimit(0, getattr(resource, "RLIMIT_" + n.upper(), 10 if n == "locks" else 15)) for n in LIMITS},
    "mounts": mounts()}))
""".replace("PLACES", repr(PLACES)).replace("in LIMITS", "in " + repr([name for name in LIMITS if name not in ("locks", "rttime")]))


def rule_of(paths, place):
    """(path, access) of the longest prefix; None where no rule speaks."""
    inside = "/w" + (place and "/" + place)
    holds = [path for path in paths if inside == path or inside.startswith(path + "/")]
    if not holds:
        return None
    path = max(holds, key=len)
    return path, paths[path]["access"] if isinstance(paths[path], dict) else paths[path]


def expect_place(paths, place, seen):
    word, wrote, listed = seen
    inside = "/w" + (place and "/" + place)
    rule = rule_of(paths, place)
    on_the_way = any(path.startswith(inside + "/") for path in paths)
    if rule is None:
        assert word == "ENOENT"
        assert wrote == ("EROFS" if on_the_way else "ENOENT"), "nothing is made where no rule speaks"
        return
    path, access = rule
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


def expect_mounts(request, rows):
    """Each rule that shows something is the topmost mount at its place, with the flags of its kind."""
    for path, rule in request["paths"].items():
        rule = rule if isinstance(rule, dict) else {"access": rule}
        at = [row for row in rows if row["at"] == path]
        assert at, f"{path} is no mount"
        options = set(at[-1]["options"])
        assert {"nosuid", "nodev"} <= options and at[-1]["optional"] == []
        if rule["access"] in ("ro", "rw"):
            assert rule["access"] in options and ("noexec" in options) == rule.get("noexec", False)


def expect_host(request, shown):
    """New files are where `rw` was the longest prefix, and nowhere else."""
    for place in PLACES:
        rule = rule_of(request["paths"], place)
        assert (shown / place / "new").exists() == (rule is not None and rule[1] == "rw"), place
        (shown / place / "new").unlink(missing_ok=True)


def expect_spaces(request, seen):
    shared = {name for name, mode in request["namespaces"].items() if mode == "host"}
    shared |= {"net"} if request["network"] == "host" else set()
    links = {name: os.readlink("/proc/self/ns/" + name) for name in seen["spaces"]}
    assert {name for name, link in seen["spaces"].items() if link == links[name]} == shared
    uts = request["namespaces"].get("uts", {})
    if uts == "host":
        assert seen["host"] == socket.gethostname()
    else:
        assert (seen["host"], seen["domain"]) == (uts.get("hostname", "sandbox"), uts.get("domainname", "(none)") + "\n")


def expect(request, seen, shown):
    for place in PLACES:
        expect_place(request["paths"], place, seen["places"][place])
    expect_mounts(request, seen["mounts"])
    expect_host(request, shown)
    expect_spaces(request, seen)
    user = request["user"]
    assert (seen["uid"], seen["gid"]) == ([user["uid"]] * 3, [user["gid"]] * 3)
    assert (seen["umask"], seen["nice"], seen["cwd"]) == (request["umask"], max(request["nice"], os.nice(0)), request["cwd"])
    assert seen["env"] == request["env"] and int(seen["oom"]) == request["oom_score_adj"]
    bits = sum(1 << NUMBERS[name] for name in request.get("security", {}).get("capabilities", []))
    assert seen["caps"] == dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), bits)
    assert (seen["nnp"], seen["seccomp"]) == ("1", "2")
    assert (seen["pid"] == 1) == (not request["init"])
    assert (seen["sid"] == seen["pid"]) == (request["new_session"] or not request["init"]) or seen["sid"] == 0
    for name, pair in request["rlimits"].items():
        if name in seen["limits"]:
            assert seen["limits"][name] == [pair["soft"], pair["hard"]], name


@pytest.mark.parametrize("first", range(FIRST, FIRST + REQUESTS, BATCH))
def test_what_is_seen_is_what_was_asked(box, shown, first):
    for seed in range(first, min(first + BATCH, FIRST + REQUESTS)):
        rng = random.Random(seed * 2 + (box.mode == "helper"))
        request = random_request(rng, shown)
        try:
            seen = json.loads(box.ok([*PYTHON, LOOK], request))
            expect(request, seen, shown)
        except AssertionError as error:
            raise AssertionError(f"seed {seed} in {box.mode} mode, root {AS_ROOT}, {Caller.uid}: {json.dumps(request)}") from error
