"""What is seen below /m of a random request, and left on the host afterwards, compared with the model of its list: rows of
mountinfo, what is in directories and files, what can be written, and what shows in file systems of the kernel's own.
"""

import os

from mount_model import DENIED, DIRECTORY, FILE, GIVEN, KERNELS, LINK, in_bytes, octal

TYPES = {"tmpfs": "tmpfs", "dev": "tmpfs", "shm": "tmpfs", "overlay": "overlay", "proc": "proc", "sysfs": "sysfs", "devpts": "devpts",
         "mqueue": "mqueue", "cgroup": "cgroup2", "mask": "tmpfs"}
# Their mounts bring others along: devices, masks, what the host has below /sys.
BRING_MORE = ("dev", "proc", "sysfs")

# Answers the places that are asked for; what is written is written when everything was looked at.
LOOK = """
def rows():
    found = {}
    for line in read("/proc/self/mountinfo").splitlines():
        left, right = (half.split() for half in line.split(" - "))
        found[left[0]] = {"at": left[4], "options": left[5].split(","), "optional": [w.split(":")[0] for w in left[6:]],
                          "type": right[0], "super": right[2].split(",")}
    return found
def number_of_mount(path):
    fd = os.open(path, os.O_PATH | os.O_NOFOLLOW)
    try:
        return read(f"/proc/self/fdinfo/{fd}").split("mnt_id:")[1].split()[0]
    finally:
        os.close(fd)
def terminal(at):
    names = sorted(os.listdir(at))
    mode = os.stat(at + "/ptmx").st_mode & 0o7777
    fd = os.open(at + "/ptmx", os.O_RDWR | os.O_NOCTTY) if os.access(at + "/ptmx", os.R_OK | os.W_OK) else -1
    made = os.stat(at + "/0") if fd >= 0 else None
    if fd >= 0:
        os.close(fd)
    return [names, mode, made and [made.st_mode & 0o7777, made.st_gid]]
def device(path):
    fd = os.open(path, os.O_RDWR)
    os.write(fd, b"x")
    found = os.read(fd, 4).hex()
    os.close(fd)
    return found
LOOKS = {
    "directory": lambda at: [sorted(os.listdir(at)), os.statvfs(at).f_blocks * os.statvfs(at).f_frsize, os.statvfs(at).f_files],
    "file": lambda at: [read(at), os.access(at, os.X_OK)], "link": os.readlink, "mqueue": os.listdir, "devpts": terminal, "device": device,
    "proc": lambda at: [os.readlink(at + "/self"), os.path.exists(at + "/sys"), attempt(write, at + "/sys/kernel/hostname")],
    "sysfs": lambda at: [sorted(os.listdir(at + "/class/net")), attempt(os.mkdir, at + "/new")],
    "denied": lambda at: attempt(os.listdir if os.path.isdir(at) else open, at),
    "cgroup": lambda at: "cgroup.procs" in os.listdir(at), "dev": lambda at: [device(at + "/zero"), device(at + "/null")]}
def look(path, kind):
    s = os.lstat(path)
    return {"mode": s.st_mode & 0o7777, "ids": [s.st_uid, s.st_gid], "mount": number_of_mount(path), "seen": LOOKS[kind](path)}
def look_around(asked):
    found = [look(*one) for one in asked["look"]]
    return {"found": found, "rows": rows(), "wrote": [attempt(write, path) for path in asked["write"]],
            "opened": [attempt(open, path, "r+") for path in asked["open"]]}
"""


def kind_of(world, path, node):
    """What is looked at there; None where the kernel's own is no root of a mount of the list."""
    mount = world.over(path)
    if node.kind == KERNELS:
        return mount.kind if path == mount.at else None
    return "device" if node.kind == FILE and node.text is None else node.kind


def places(world):
    """[(path, node, what is looked at)]; a dev is looked at twice, as a directory and as what it is for."""
    found = [(path, node, kind_of(world, path, node)) for path, node in sorted(world.view().items())]
    found += [(path, node, "dev") for path, node, kind in found if kind == DIRECTORY and world.over(path).kind == "dev" and world.over(path).at == path]
    return [one for one in found if one[2]]


def changes_below(world, path):
    """An overlay, to open a file for writing, first copies it."""
    mount = world.over(path)
    return mount.kind == "overlay" or mount.kind == "root" and mount.own and "rw" in mount.flags


def questions(world):
    """What the probe is asked, as it reads it."""
    found = places(world)
    return {"look": [[path, kind] for path, _, kind in found],
            "write": [f"{path}/new{i}" for i, (path, _, kind) in enumerate(found) if kind == DIRECTORY],
            "open": [path for path, _, kind in found if kind == FILE and not changes_below(world, path)]}


# ---- mounts --------------------------------------------------------------------------------------------------------


def expect_row(world, ground, mount, row):
    options = set(row["options"]) - {"relatime"}
    held = row["at"] != (mount.at or "/")
    assert not held or world.on_the_way(row["at"]) and row["at"].startswith(mount.at + "/"), (mount, row)
    if mount.kind == "root":
        assert mount.flags <= options
    else:
        inherited = ground.flags if mount.kind == "bind" else set()
        assert options - inherited == mount.flags - inherited, (mount, row)
        assert row["type"] == TYPES.get(mount.kind, row["type"])
    assert held or set(row["optional"]) - {"propagate_from"} == mount.propagation, (mount, row)


def expect_rows(world, rows):
    """No mount more than the list has, and no fewer, covered or not; those of the base are nobody's but the sandbox's."""
    by_place = {}
    for row in rows.values():
        by_place.setdefault(row["at"], []).append(row)
    listed = [mount.at for mount in world.mounts[1:]]
    for at in listed:
        assert len(by_place[at]) == listed.count(at) or world.on_the_way(at) and len(by_place[at]) > listed.count(at), at
    more = tuple(mount.at + "/" for mount in world.mounts if mount.kind in BRING_MORE)
    for at in by_place:
        assert at in listed or not (at + "/").startswith("/m/") or at.startswith(more) or world.on_the_way(at), f"who asked for {at}?"
    changed = [entry for entry, _ in world.done if entry["type"] == "propagation" and entry["at"] == "/"]
    for at, found in by_place.items():
        if not changed and not (at + "/").startswith("/m/"):
            assert all(row["optional"] == [] for row in found), at


# ---- places --------------------------------------------------------------------------------------------------------


def expect_directory(world, path, node, seen):
    names, size, inodes = seen
    assert names == sorted(node.names), path
    mount = world.over(path)
    if mount.kind == "tmpfs":
        assert size == in_bytes(mount.entry.get("size", "256M")), path
        assert inodes == mount.entry.get("inodes", inodes), path


def expect_proc(entry, mount, seen, row):
    whole = "subset" not in entry
    assert seen["found"] == [str(seen["pid"]), whole, "EROFS" if whole else "ENOENT"], (entry, seen)
    word = entry.get("hidepid", "off")
    assert {option for option in row["super"] if option.startswith(("hidepid", "subset"))} == (
        {f"hidepid={word}"} - {"hidepid=off"} | ({"subset=pid"} - ({"subset=pid"} if whole else set())))


def expect_devpts(entry, ids, seen):
    names, mode, made = seen
    assert (names, mode) == (["ptmx"], octal(entry.get("ptmxmode", 0o666)))
    assert made == [octal(entry.get("mode", 0o620)), entry.get("gid", ids[1])] if made else "ptmxmode" in entry


def expect_kernels_own(request, mount, found, seen, row):
    kind, entry = mount.kind, mount.entry
    if kind == "proc":
        expect_proc(entry, mount, {"found": found, "pid": seen["pid"]}, row)
    elif kind == "sysfs":
        links = sorted(os.listdir("/sys/class/net")) if request["network"] == "host" else ["lo"]
        assert found[0] == links and found[1] in ("EROFS", "EPERM", "EACCES")
    elif kind == "devpts":
        expect_devpts(entry, (seen["uid"][0], seen["gid"][0]), found)
    else:
        assert found == ([] if kind == "mqueue" else True)


def expect_place(world, path, node, kind, one):
    if kind == DIRECTORY:
        expect_directory(world, path, node, one["seen"])
    elif kind == FILE:
        runs = node.mode & 0o111 != 0 and "noexec" not in world.over(path).flags
        assert one["seen"] == [node.text, runs], path
    elif kind == LINK:
        assert one["seen"] == node.text, path
    elif kind == DENIED:
        assert one["seen"] == "EACCES", path
    elif kind == "dev":
        assert one["seen"] == ["00000000", ""], path
    elif kind == "device":
        assert one["seen"] == ("00000000" if world.over(path).entry["from"] == "/dev/zero" else ""), path
    if kind in (DIRECTORY, FILE):
        assert one["mode"] == node.mode, path


def expect_list(request, world, ground, seen):
    asked, answers = places(world), seen["list"]
    assert len(answers["found"]) == len(asked)
    for (path, node, kind), one in zip(asked, answers["found"]):
        mount, row = world.over(path), answers["rows"][one["mount"]]
        expect_row(world, ground, mount, row)
        expect_place(world, path, node, kind, one)
        if mount.own and node.kind in (DIRECTORY, FILE, LINK):
            assert one["ids"] == [seen["uid"][0], seen["gid"][0]], path
        if node.kind == KERNELS:
            expect_kernels_own(request, mount, one["seen"], seen, row)
    expect_rows(world, answers["rows"])
    expect_writes(world, questions(world), answers, ground)


# ---- what was written ------------------------------------------------------------------------------------------------


def text_of(path):
    with open(path) as file:
        return file.read()


def written(ground):
    """All that the payload made in the host's directories, by its name; it is removed."""
    found = set()
    for root, dirs, files in os.walk(ground.base):
        for name in files:
            if name.startswith("new") and name != "new":
                found.add(os.path.relpath(os.path.join(root, name), ground.base))
                os.unlink(os.path.join(root, name))
    return found


def expect_given(directory, spec):
    """Nothing of the host's is other than it was."""
    assert sorted(os.listdir(directory)) == sorted(spec), directory
    for name, one in spec.items():
        path = os.path.join(directory, name)
        if isinstance(one, str):
            assert text_of(path) == one, path
        elif not name.startswith(("up", "work")):
            expect_given(path, one)


def expect_writes(world, asked, answers, ground):
    expected = set()
    for path, wrote in zip(asked["write"], answers["wrote"]):
        place, name = path.rsplit("/", 1)
        node = world.node(place)
        assert wrote == ("ok" if "rw" in world.over(place).flags else "EROFS"), path
        expected |= {f"{node.host}/{name}"} if wrote == "ok" and node.host else set()
    for path, opened in zip(asked["open"], answers["opened"]):
        assert opened == ("ok" if "rw" in world.over(path).flags else "EROFS"), path
    assert written(ground) == expected
    expect_given(ground.given, GIVEN)
