"""Lists for `mounts` made up at random, in an order that is valid: entries over earlier ones, inside them, and changes of them.
Where an entry can stand is asked of the model; what its type needs of the rest of the request is known here.
"""

from mount_model import CHANGES, DENIED, KERNELS, LINK, MAKES, Impossible, World, world_of

SOURCES = ["one", "one", "one/sub", "one/a", "two", "two/a", "low1", "none"]
FILES = ["one/word", "one/prog", "two/word"]
LOWERS = ["low1", "low2", "low3"]
NAMES = "abcd"
MODES = ["0700", "0755", "1777", 0o711]


def chance(rng, one_in):
    return rng.randrange(one_in) == 0


def some(rng, values):
    return rng.sample(values, rng.randint(0, len(values)))


def maybe(rng, entry, **keys):
    """Some of the keys, each with one of its values."""
    entry.update({key: rng.choice(values) for key, values in keys.items() if chance(rng, 3)})
    return entry


# ---- one entry of each type, but for its place -------------------------------------------------------------------------


def random_bind(rng, ground, request):
    source = str(ground.given / rng.choice(SOURCES + FILES))
    entry = maybe(rng, {"type": "bind", "from": source}, access=["ro", "rw", "rw"], noexec=[True, False], recursive=[True, False])
    if World(request, ground).may_change_times:
        maybe(rng, entry, noatime=[True, False])
    if source.endswith("none") or chance(rng, 5):
        entry["optional"] = True
    numbers = [fd for fd, path in ground.given_fds.items() if path == source]
    if numbers and isinstance(request["namespaces"].get("mount", "new"), str):
        entry["from"] = rng.choice([source, *numbers])
    return entry


def random_device(rng, ground, request):
    return {"type": "bind", "from": "/dev/" + rng.choice(["zero", "null"]), "access": "dev"}


def random_tmpfs(rng, ground, request):
    return maybe(rng, {"type": "tmpfs"}, size=["256K", 1 << 20, "8M"], inodes=[100, 1000], mode=MODES, noexec=[True, False],
                 noatime=[True, False])


def random_proc(rng, ground, request):
    return maybe(rng, {"type": "proc"}, hidepid=["off", "noaccess", "invisible", "ptraceable"], subset=["pid"])


def random_devpts(rng, ground, request):
    return maybe(rng, {"type": "devpts"}, mode=["0600", "0620", 0o666], ptmxmode=["0666", "0660"], gid=[request["user"].get("gid", 65534)])


def random_overlay(rng, ground, request):
    used = {entry.get("upper") for entry in request["mounts"]}
    free = [n for n in "12" if str(ground.given / f"up{n}") not in used and chance(rng, 2)]
    lower = rng.sample(LOWERS, rng.randint(1 if free else 2, 3))  # one alone would be a bind
    entry = maybe(rng, {"type": "overlay", "lower": [str(ground.given / one) for one in lower]}, noexec=[True, False], noatime=[True, False])
    if free:
        entry.update(upper=str(ground.given / f"up{free[0]}"), work=str(ground.given / f"work{free[0]}"))
    return entry


def random_file(rng, ground, request):
    return maybe(rng, {"type": "file"}, data=["text\n", "\u00e9 two\nlines", "x" * 5000], mode=["0600", 0o644, "0777"])


def random_symlink(rng, ground, request):
    others = [entry["at"] for entry in request["mounts"] if entry["at"] != "/"] * 2 + ["/m", "no/such", "a", "b/c", "/usr"]
    return {"type": "symlink", "target": rng.choice(others)}


def random_dir(rng, ground, request):
    return maybe(rng, {"type": "dir"}, mode=MODES)


def random_cgroup(rng, ground, request):
    return maybe(rng, {"type": "cgroup"}, access=["ro", "rw"])


def plain(kind):
    return lambda rng, ground, request: {"type": kind}


KINDS = {"bind": random_bind, "device": random_device, "tmpfs": random_tmpfs, "proc": random_proc, "sysfs": plain("sysfs"),
         "devpts": random_devpts, "mqueue": plain("mqueue"), "dev": plain("dev"), "cgroup": random_cgroup, "overlay": random_overlay,
         "symlink": random_symlink, "dir": random_dir, "file": random_file}
WEIGHTS = {"bind": 8, "tmpfs": 8, "overlay": 3, "dir": 3, "file": 3, "symlink": 6}


def mode_of(request, name):
    value = request["namespaces"].get(name, "new")
    return value if isinstance(value, str) else "join" if "join" in value else value.get("mode", "new")


def joined_by_new_user(request, name):
    """What a new user namespace does not own."""
    return mode_of(request, name) == "join" and mode_of(request, "user") == "new"


def kinds_for(request):
    """Without those that show a namespace which is not the sandbox's to show."""
    kinds = set(KINDS)
    for kind, space in (("proc", "pid"), ("mqueue", "ipc"), ("cgroup", "cgroup")):
        if mode_of(request, space) == "host" or joined_by_new_user(request, space):
            kinds.discard(kind)
    if isinstance(request["network"], dict) and mode_of(request, "user") == "new":
        kinds.discard("sysfs")
    return sorted(kinds)


# ---- places ------------------------------------------------------------------------------------------------------------


def random_place(rng, world):
    """Over something that is there, or below it; now and then through a link."""
    view = world.view()
    there = [path for path, node in view.items() if node.kind != KERNELS] or ["/m"]
    path = rng.choice(sorted(there))
    for _ in range(rng.choice([0, 1, 1, 1, 2])):
        path += "/" + rng.choice(NAMES)
    return path


def random_change(rng, world):
    """Of a mount that the list made; None where there is none that can be changed."""
    ats = sorted({entry["at"] for entry, _ in world.done if entry["type"] in ("bind", "tmpfs", "overlay")})
    ats = [at for at in ats if world.subject(at)[0] is None or world.subject(at)[0].kind in ("bind", "tmpfs", "overlay")]
    if chance(rng, 2):
        entry = {"type": "propagation", "propagation": rng.choice(["private", "slave", "shared", "unbindable"])}
        ats += ["/"] * (entry["propagation"] != "slave" and chance(rng, 4))
    else:
        entry = {"type": "remount"}
        while len(entry) == 1:
            maybe(rng, entry, access=["ro", "rw"], noexec=[True, False], noatime=[True, False])
    if not ats:
        return None
    entry["at"] = rng.choice(ats)
    subject = [one for one, _ in world.done if one["at"] == entry["at"] and one["type"] not in MAKES + CHANGES][-1:]
    if entry.get("propagation") == "slave" and (subject[0]["type"] != "bind" or not subject[0].get("recursive", True)):
        entry["propagation"] = "shared"
    loosens = entry.get("access") == "rw" or entry.get("noexec") is False
    if chance(rng, 3) and entry.get("propagation") != "slave":
        entry["recursive"] = not loosens and chance(rng, 2)
    return entry


def ends_well(request, ground):
    try:
        world_of(request, ground)
    except Impossible:
        return False
    return True


def add_one(rng, request, ground):
    """Tries one entry; the list is left as it was where that cannot be."""
    world = World(request, ground)
    for entry in request["mounts"]:
        world.add(entry)
    if chance(rng, 4):
        entry = random_change(rng, world)
    else:
        kinds = kinds_for(request)
        entry = KINDS[rng.choices(kinds, [WEIGHTS.get(kind, 1) for kind in kinds])[0]](rng, ground, request)
        entry["at"] = random_place(rng, world)
    if entry is None:
        return
    request["mounts"].append(entry)
    if not ends_well(request, ground):
        request["mounts"].pop()


def random_rule(rng, ground):
    access = rng.choice(["ro", "rw", "deny", "tmpfs"])
    rule = {"access": access}
    if access in ("ro", "rw") and chance(rng, 2):
        rule["from"] = str(ground.given / rng.choice(SOURCES[:-1] + FILES))
    return rule


def add_rule(rng, request, ground):
    """A rule about a place that shows below /m, which holds over the list."""
    world = world_of(request, ground)
    places = sorted(path for path, node in world.view().items() if node.kind not in (KERNELS, LINK, DENIED) and path != "/m")
    others = [path for path in request["paths"] if path.startswith("/m/")]
    if not places:
        return
    path = rng.choice(places) + rng.choice(["", "", "/new"])
    if any((path + "/").startswith(other + "/") or (other + "/").startswith(path + "/") for other in others):
        return
    request["paths"][path] = random_rule(rng, ground)
    if not ends_well(request, ground):
        del request["paths"][path]


def random_mounts(rng, request, ground):
    """Gives the request its list."""
    request["mounts"] = []
    for _ in range(rng.choice([0, 4, 8, 16, 24])):
        add_one(rng, request, ground)
    for _ in range(rng.choice([0, 0, 1, 2])):
        add_rule(rng, request, ground)
    if not request["mounts"] and chance(rng, 2):
        del request["mounts"]
