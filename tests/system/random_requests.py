"""Requests made up at random, each of them valid for its caller: what test_property.py runs. Knows which fields go together;
what is then seen inside is the oracle's business there. Who the payload is: random_users.py; the list `mounts`: random_mounts.py.
"""

import os
import resource

from harness import LINUX
from property_ground import SHOWN
from random_mounts import chance, mode_of, random_mounts, some
from random_users import random_idmap, random_user

# name: the kernel's number, and between what its values lie that leave an interpreter room to live
LIMITS = {
    "cpu": (0, 60, 10 ** 6), "fsize": (1, 1 << 20, 1 << 30), "data": (2, 1 << 30, 1 << 34), "stack": (3, 4 << 20, 8 << 20),
    "core": (4, 0, 1 << 20), "rss": (5, 1 << 20, 1 << 40), "nproc": (6, 50, 500), "nofile": (7, 64, 256), "memlock": (8, 4096, 65536),
    "as": (9, 2 << 30, 1 << 36), "locks": (10, 5, 50), "sigpending": (11, 10, 100), "msgqueue": (12, 4096, 65536), "nice": (13, 0, 40),
    "rtprio": (14, 0, 99), "rttime": (15, 1000, 10 ** 6),
}

# Those that let nobody read or write what its mode forbids.
CAPABILITIES = {"CAP_CHOWN": 0, "CAP_FOWNER": 3, "CAP_FSETID": 4, "CAP_KILL": 5, "CAP_SETGID": 6, "CAP_SETUID": 7, "CAP_SETPCAP": 8,
                "CAP_NET_BIND_SERVICE": 10, "CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13, "CAP_IPC_LOCK": 14, "CAP_SYS_CHROOT": 18,
                "CAP_SYS_PTRACE": 19, "CAP_SYS_ADMIN": 21, "CAP_SYS_NICE": 23, "CAP_MKNOD": 27, "CAP_AUDIT_WRITE": 29}
OPEN_INIT = {"CAP_SYS_PTRACE", "CAP_SYS_ADMIN"}
SECUREBITS = ["noroot", "noroot_locked", "no_setuid_fixup", "no_setuid_fixup_locked", "keep_caps", "keep_caps_locked",
              "no_cap_ambient_raise", "no_cap_ambient_raise_locked"]


# ---- files ---------------------------------------------------------------------------------------------------------


def random_rule(rng, source, idmaps):
    access = rng.choice(["ro", "rw", "deny", "tmpfs"])
    if access == "deny":
        return rng.choice([access, {"access": access}])
    if access == "tmpfs":
        rule = {"access": access}
        if chance(rng, 2):
            rule["mode"] = rng.choice(["0700", "0755", "1777", 0o711])
        if chance(rng, 2):
            rule["size"] = rng.choice([1 << 20, "64K", "8M"])
        return rule if len(rule) > 1 else access
    rule = {"access": access, "from": str(source)}
    if chance(rng, 3):
        rule["noexec"] = rng.choice([True, False])
    if chance(rng, 4):
        rule["optional"] = True
    if idmaps[access] and chance(rng, 2):
        rule["idmap"] = rng.choice(idmaps[access])
    return rule


def random_paths(rng, ground, idmaps):
    items = [("/w" + ("/" + place if place else ""), random_rule(rng, ground.shown / place, idmaps)) for place in some(rng, SHOWN)]
    if chance(rng, 4):
        items.append(("/none", {"access": "ro", "from": str(ground.shown / "none"), "optional": True}))
    rng.shuffle(items)
    return dict(items)


def random_overlay(rng, ground):
    """Writable by a tmpfs, by directories of the host, or not at all."""
    layers = [str(ground.top), str(ground.tree)]
    if chance(rng, 2):
        return {"overlay": {"lower": layers[rng.randint(0, 1):], "upper": str(ground.base / "upper"), "work": str(ground.base / "work")}}, [None]
    return {"overlay": {"lower": layers}}, [None, False, "discard"]


def random_root(rng, ground):
    """(root, the paths that it needs so that a program runs in it)."""
    kind = rng.choice(["system", "system", "empty", "directory", "directory", "overlay", "overlay"])
    if kind == "system":
        return rng.choice([{}, {"root": "system"}]), {}
    usr = {"/usr": {"from": "/usr"}}
    if kind == "empty":
        return {"root": "empty"}, {**usr, "/lib": {"from": "/usr/lib"}, "/lib64": {"from": "/usr/lib64"}}
    if kind == "overlay":
        root, words = random_overlay(rng, ground)
    else:
        root, words = {"directory": str(ground.tree)}, [None, False, True, "discard"]
    writable = rng.choice(words)
    if writable is not None:
        root["writable"] = writable
    if writable == "discard" and chance(rng, 2):
        root["size"] = "16M"
    return {"root": root}, usr


# ---- namespaces, and what it may -----------------------------------------------------------------------------------


def random_spaces(rng, init, who):
    spaces = {name: "host" for name in some(rng, ["ipc", "uts", "cgroup", "time"])}
    for name in some(rng, ["ipc", "cgroup", "time"]):
        spaces.setdefault(name, rng.choice(["new", {"mode": "new"}]))
    if spaces.get("time") != "host" and chance(rng, 3):
        clocks = {name: rng.choice([5, 86400, 10 ** 7]) for name in some(rng, ["boottime", "monotonic"])}
        offsets = init or LINUX >= (6, 2)  # before, nobody enters them who has no init
        spaces["time"] = clocks if clocks and offsets else "new"
    if "uts" not in spaces and chance(rng, 2):
        uts = {"hostname": f"h{rng.randint(0, 99)}", "domainname": f"d{rng.randint(0, 99)}"}
        spaces["uts"] = {key: uts[key] for key in some(rng, list(uts))} or "new"
    if not init and chance(rng, 3):
        spaces["pid"] = "host"
    if who.root and chance(rng, 6):
        spaces["user"] = "host"
    return spaces


def joinable(spaces, init, theirs):
    """Kinds that can be joined of these others, with what the request says already."""
    kinds = ["ipc", "uts", "cgroup", "time", "mount", "network"]
    if theirs.user or spaces.get("user") == "host":
        kinds += ["pid"] * (not init)
    return kinds


def random_joins(rng, spaces, init, ground):
    """Joins some of the namespaces of others; who is no root joins the user namespace that owns them as well. Gives `network`."""
    network = rng.choice(["none", "host"])
    if not chance(rng, 4) or ground.who.texts:
        return network
    theirs = rng.choice(ground.others)
    named = theirs.fds if chance(rng, 3) else theirs.paths
    for kind in some(rng, joinable(spaces, init, theirs)):
        if kind == "network":
            network = {"join": named[kind]}
        else:
            spaces[kind] = {"join": named[kind]}
    if theirs.user and (spaces.get("user") != "host" or chance(rng, 2)):
        joins = any(isinstance(value, dict) and "join" in value for value in (*spaces.values(), network))
        needed = joins and (not ground.who.root or mode_of({"namespaces": spaces}, "pid") == "join")
        if needed or chance(rng, 2):
            spaces["user"] = {"join": named["user"]}
    if isinstance(spaces.get("user"), dict) and not ground.who.root and mode_of({"namespaces": spaces}, "time") == "new":
        spaces["time"] = "new"  # only root writes offsets there
    return network


def random_capabilities(rng, init):
    """A list for all five sets, or sets that execve(2) leaves as they are."""
    names = [name for name in CAPABILITIES if not (init and name in OPEN_INIT)]
    if chance(rng, 2):
        return some(rng, names)
    bounding = some(rng, names)
    inheritable = some(rng, bounding)
    ambient = some(rng, inheritable)
    return {"bounding": bounding, "inheritable": inheritable, "permitted": ambient, "effective": rng.sample(ambient, len(ambient)),
            "ambient": ambient}


def exec_gives_more(security):
    """What uid 0 would get by execve(2) without `noroot` and no_new_privs, which the validator refuses."""
    sets = security.get("capabilities", [])
    return isinstance(sets, dict) and set(sets["bounding"]) - set(sets["permitted"])


def random_security(rng, init, uid):
    security = {}
    if chance(rng, 2):
        security["capabilities"] = random_capabilities(rng, init)
    if chance(rng, 3):
        security["securebits"] = some(rng, [bit for bit in SECUREBITS if bit != "keep_caps"])
    if chance(rng, 3):
        security["keyring"] = rng.choice(["new", "inherit"])
    if chance(rng, 4):
        security["no_new_privs"] = rng.choice([True, False])
    if chance(rng, 3):
        security["landlock"] = rng.choice([True, False, {"paths": rng.choice([True, False])}, {}])
    bits = security.get("securebits")
    if bits is not None and "noroot" not in bits and uid == 0 and not security.get("no_new_privs", True) and exec_gives_more(security):
        bits.append("noroot")
    return security


# ---- the process ---------------------------------------------------------------------------------------------------


def limit_between(rng, name):
    """Two values that this caller may set."""
    number, low, high = LIMITS[name]
    own = resource.getrlimit(number)[1]
    high = high if own == resource.RLIM_INFINITY else min(high, own)
    return sorted(rng.randint(min(low, high), high) for _ in range(2))


def random_rlimits(rng):
    rlimits = {}
    for name in some(rng, list(LIMITS)):
        soft, hard = limit_between(rng, name)
        unlimited = resource.getrlimit(LIMITS[name][0])[1] == resource.RLIM_INFINITY
        rlimits[name] = rng.choice([{"soft": soft, "hard": hard}, hard] + [{"soft": soft, "hard": "unlimited"}, "unlimited"] * unlimited)
    return rlimits


def random_process(rng, init):
    own_oom = int(open("/proc/self/oom_score_adj").read())
    process = {"umask": f"{rng.randint(0, 0o777):04o}", "nice": rng.randint(max(os.nice(0), 0), 19), "init": init,
               "oom_score_adj": rng.randint(own_oom, 1000), "new_session": chance(rng, 2), "rlimits": random_rlimits(rng)}
    if chance(rng, 3):
        process["die_with_parent"] = init and chance(rng, 2)
    if chance(rng, 3):
        process["timeout"] = rng.choice(["300s", 500, {"wall": "10m"}, {"wall": "10m", "grace": "1s"}])
    if chance(rng, 4):
        process["output"] = rng.choice(["8M", {"limit": "16M", "keep": rng.choice(["head", "tail", "both"])},
                                        {"limit": "8M", "on_limit": "kill"}])
    return process


def random_environment(rng):
    env = {f"V{n}": "".join(rng.choices("ab =/'\"\n\t$é", k=rng.randint(0, 8))) for n in range(rng.randint(0, 4))}
    return {"env": env, "inherit_env": some(rng, ["V0", "V3", "I1", "I2", "I3"])}


def random_request(rng, ground):
    """For the ground's caller, of what the ground has."""
    init = not chance(rng, 3)
    spaces = random_spaces(rng, init, ground.who)
    network = random_joins(rng, spaces, init, ground)
    user = random_user(rng, mode_of({"namespaces": spaces}, "user"), ground.who)
    root, needed = random_root(rng, ground)
    request = {**root, "namespaces": spaces, "network": network,
               "user": user, "security": random_security(rng, init, user.get("uid")), "cwd": rng.choice(["/", "/usr", "/usr/lib"]),
               "preserve_fds": some(rng, ground.fds), "best_effort": some(rng, ["rlimits", "session_keyring", "hostname", "cgroup_view"]),
               **random_process(rng, init), **random_environment(rng)}
    request["paths"] = {**random_paths(rng, ground, random_idmap(rng, request, ground.who)), **needed}
    random_mounts(rng, request, ground)
    if mode_of(request, "pid") != "new":
        request["best_effort"].append("tree_kill")
    return request
