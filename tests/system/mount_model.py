"""A model of the list `mounts` and of rules of `paths` about it, by the words of docs/request.md alone: what stands where after each
entry, who covers whom, and which flags a mount has in the end. random_mounts.py asks it what may come next; property_mounts.py, what must be seen inside.
"""

import dataclasses

DIRECTORY, FILE, LINK, KERNELS, DENIED = "directory", "file", "link", "kernel's", "denied"
DEVICES = ["null", "zero", "full", "random", "urandom", "tty"]
DEV_LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2", "ptmx": "pts/ptmx"}
CHANGES = ("remount", "propagation")
MAKES = ("dir", "file", "symlink")
SAFE = {"nosuid", "nodev"}
KERNELS_OWN = SAFE | {"noexec"}
# Types that bring mounts of the host, or take over what is locked on those (mount_namespaces(7)): access times, for one.
OF_THE_HOST = ("bind", "dev", "sysfs", "proc")

# The directories of the host that entries show: each name is a file with that text, or a directory.
GIVEN = {
    "one": {"word": "one", "prog": "", "sub": {"word": "one/sub", "deep": {"word": "one/sub/deep"}}, "a": {"b": {}}},
    "two": {"word": "two", "a": {"word": "two/a"}, "c": {}},
    "low1": {"word": "low1", "a": {"top": "low1/a"}, "only1": "1"},
    "low2": {"word": "low2", "a": {"top": "low2/a", "bottom": "low2/a", "b": {"word": "low2/a/b"}}},
    "low3": {"word": "low3", "c": {"d": {}}, "a": {"third": "low3/a"}},
    "up1": {}, "work1": {}, "up2": {}, "work2": {},
}
# What a root directory has at /m.
PLACES = {"a": {"b": {}, "c": {}}, "b": {"word": "of the root"}, "word": "of the root"}


@dataclasses.dataclass
class Node:
    """Something in a tree: `host` is where the host has it, below the ground; None where nothing of it reaches the host."""
    kind: str
    names: dict = dataclasses.field(default_factory=dict)
    text: str = ""
    mode: int = None
    host: str = None


@dataclasses.dataclass
class Mount:
    kind: str
    at: str  # where it stands, links resolved
    tree: Node
    below: object  # the mount that its place lies in
    entry: dict = None
    own: bool = False  # places can be made in it
    flags: set = dataclasses.field(default_factory=set)
    propagation: set = dataclasses.field(default_factory=set)


class Impossible(Exception):
    """The entry cannot stand there: the library must refuse it, or the outcome is nobody's promise."""


def in_bytes(size):
    return size if isinstance(size, int) else int(size[:-1]) << {"K": 10, "M": 20}[size[-1]]


def octal(mode):
    return int(mode, 8) if isinstance(mode, str) else mode


def host_tree(spec, host):
    """The nodes of a directory of the host, or of a file."""
    if isinstance(spec, str):
        return Node(FILE, text=spec, mode=0o777 if host and host.endswith("prog") else 0o666, host=host)
    names = {name: host_tree(one, host and f"{host}/{name}") for name, one in spec.items()}
    return Node(DIRECTORY, names, mode=0o777, host=host)


def merged(nodes, host):
    """Of several layers the topmost file, or the directories together; what is changed goes to `host`."""
    if nodes[0].kind == FILE:
        return Node(FILE, text=nodes[0].text, mode=nodes[0].mode)
    layers = []
    for node in nodes:
        if node.kind != DIRECTORY:
            break
        layers.append(node)
    names = {}
    for name in {name for layer in layers for name in layer.names}:
        names[name] = merged([layer.names[name] for layer in layers if name in layer.names], host and f"{host}/{name}")
    return Node(DIRECTORY, names, mode=nodes[0].mode, host=host)


class World:
    """Of a ground (see property_ground.py) no more is used than names. `host_shared`: the host's mount that it lies on is."""

    def __init__(self, request, ground):
        root = request.get("root", "system")
        joins = isinstance(request["namespaces"].get("mount"), dict)  # of somebody who made them private, and locked what they are
        self.given, self.fds, self.host_shared = str(ground.given), ground.given_fds, ground.shared and not joins
        self.may_change_times = request["namespaces"].get("user") == "host" and not joins
        self.mounts, self.done = [], []  # `done`: (entry, its mount or None) in the list's order
        self.rules = []  # their paths
        tree, own, writable = Node(DIRECTORY), True, False
        if isinstance(root, dict):
            upper, keeps = "upper" in root.get("overlay", {}), root.get("writable") is True
            tree.names["m"] = host_tree(PLACES, "upper/m" if upper else "tree/m" if keeps else None)
            own = root.get("writable") == "discard"
            writable = upper or keeps or own
        self.mounts.append(Mount("root", "", tree, None, own=own, flags=SAFE | {"rw" if writable else "ro"}))

    # ---- looking

    def over(self, path):
        """Who comes last covers what came before."""
        return [m for m in self.mounts if path == m.at or path.startswith(m.at + "/")][-1]

    def node(self, path):
        mount = self.over(path)
        node = mount.tree
        for name in path[len(mount.at):].split("/")[1:]:
            if node.kind == KERNELS:
                return node
            node = node.names.get(name) if node.kind == DIRECTORY else None
            if node is None:
                return None
        return node

    def resolve(self, path):
        """Links on the way are followed, the last name is not. Where a link leads must be there: nothing is made through it."""
        done, names, followed = "", [(name, False) for name in path.split("/")[1:]], 0
        while names:
            name, of_link = names.pop(0)
            node = self.node(f"{done}/{name}")
            follow = node is not None and node.kind == LINK and names
            followed += bool(follow)
            if followed > 40 or of_link and node is None:
                raise Impossible("a link that leads nowhere")
            if follow:
                done, names = ("" if node.text.startswith("/") else done), [(one, True) for one in node.text.strip("/").split("/")] + names
            else:
                done += "/" + name
        if done != "/m" and not done.startswith("/m/"):
            raise Impossible("not the model's to say")
        return done

    def view(self):
        """{path: node} of all that shows below /m."""
        found, waiting = {}, ["/m"]
        while waiting:
            path = waiting.pop()
            node = self.node(path)
            if node is not None:
                found[path] = node
                waiting += [f"{path}/{name}" for name in node.names] if node.kind == DIRECTORY else []
        return found

    # ---- adding

    def make(self, path, kind):
        """The node at a place, made with all that is missing on the way."""
        node = self.node(path)
        if node is None:
            parent, name = path.rsplit("/", 1)
            above = self.make(parent, DIRECTORY)
            if above.kind == KERNELS or not self.over(parent).own:
                raise Impossible("nothing is made there")
            node = above.names[name] = Node(kind, mode=0o755 if kind == DIRECTORY else 0o644)
        if node.kind != kind:
            raise Impossible("something else stands there")
        return node

    def host_path(self, source):
        return self.fds[source] if isinstance(source, int) else source

    def shown(self, source):
        """The node of a host path; None where there is nothing."""
        path = self.host_path(source)
        if not path.startswith(self.given + "/"):
            return Node(FILE, text=None, mode=None)  # a device
        spec, rest = GIVEN, path[len(self.given) + 1:]
        for name in rest.split("/"):
            spec = spec.get(name) if isinstance(spec, dict) else None
        return None if spec is None else host_tree(spec, "given/" + rest)

    def tree_of(self, entry):
        """(what is in the mount of an entry, whether places can be made in it, its flags)."""
        kind, flags = entry["type"], set(SAFE)
        if kind == "bind":
            access = entry.get("access", "ro")
            return self.shown(entry["from"]), False, (flags - {"nodev"} if access == "dev" else flags) | {"ro" if access == "ro" else "rw"}
        if kind == "tmpfs":
            return Node(DIRECTORY, mode=octal(entry.get("mode", 0o755))), True, flags | {"rw"}
        if kind == "overlay":
            upper = entry.get("upper")
            host = upper and "given" + upper[len(self.given):]
            nodes = ([Node(DIRECTORY, mode=0o777)] if upper else []) + [self.shown(one) for one in entry["lower"]]
            return merged(nodes, host), False, flags | {"rw" if upper else "ro"}
        if kind == "dev":
            names = {name: Node(KERNELS) for name in (*DEVICES, "pts")}
            names["shm"] = Node(DIRECTORY, mode=0o755)
            names.update({name: Node(LINK, text=text) for name, text in DEV_LINKS.items()})
            return Node(DIRECTORY, names, mode=0o755), True, KERNELS_OWN | {"ro"}
        if kind == "devpts":
            return Node(KERNELS), False, {"nosuid", "noexec", "rw"}
        read_only = kind == "sysfs" or kind == "cgroup" and entry.get("access", "ro") == "ro"
        return Node(KERNELS), False, KERNELS_OWN | {"ro" if read_only else "rw"}

    def add_made(self, entry, at):
        parent = self.make(at.rsplit("/", 1)[0], DIRECTORY)
        mount, name = self.over(at), at.rsplit("/", 1)[1]
        if parent.kind == KERNELS or not mount.own:
            raise Impossible("nothing is made there")
        if entry["type"] == "dir":
            node = self.make(at, DIRECTORY)
            if not self.over(at).own or self.over(at).kind == "dev" and self.over(at).at == at:
                raise Impossible("the mode of what the host has, or of what is closed")
            node.mode = octal(entry.get("mode", 0o755))
            return
        if name in parent.names:
            raise Impossible("nothing is made twice")
        if entry["type"] == "file":
            parent.names[name] = Node(FILE, text=entry.get("data", ""), mode=octal(entry.get("mode", 0o644)))
        else:
            parent.names[name] = Node(LINK, text=entry["target"])

    def blocked(self, at):
        """Is there a file or a link at a place, or on the way to it?"""
        names = at.split("/")[1:]
        nodes = [self.node("/" + "/".join(names[:n + 1])) for n in range(len(names))]
        return any(node is not None and node.kind in (FILE, LINK) for node in nodes)

    def taken(self, entry):
        """Files and links are made where nothing has that name, nothing but a bind goes over a file, and nothing over a proc."""
        if entry["type"] not in MAKES and any((earlier["type"], earlier["at"]) == ("proc", entry["at"]) for earlier, _ in self.done):
            return True
        for earlier, _ in reversed(self.done):
            covers = earlier["type"] not in (*CHANGES, *MAKES)
            if covers and not earlier.get("optional") and entry["at"].startswith(earlier["at"] + "/"):
                return False
            if earlier["at"] == entry["at"] and earlier["type"] not in CHANGES and {"file", "symlink"} & {earlier["type"], entry["type"]}:
                return (earlier["type"], entry["type"]) != ("file", "bind")
        return False

    def closed(self, entry, at):
        """A device directory is open for those entries alone that name it, and not for who comes by a link."""
        dev = self.over(at)
        return dev.kind == "dev" and not entry["at"].startswith(dev.entry["at"] + "/")

    def add_mount(self, entry, at):
        tree, own, flags = self.tree_of(entry)
        if tree is None:
            if not entry.get("optional") or self.blocked(at):
                raise Impossible("there is no such source, or no such place")
            return None
        self.make(at, FILE if tree.kind == FILE else DIRECTORY)
        flags |= {word for word in ("noexec", "noatime") if entry.get(word)}
        mount = Mount(entry["type"], at, tree, self.over(at), entry, own, flags)
        self.mounts.append(mount)
        if mount.kind == "dev":  # its shm is the sandbox's own, and places are made there too
            self.mounts.append(Mount("shm", at + "/shm", Node(DIRECTORY, mode=0o1777), mount, own=True, flags=KERNELS_OWN | {"rw"}))
        return mount

    def named_over(self, path):
        """The mount of the last entry whose place encloses this one by its name alone, whatever links make of both; () for none."""
        covers = [mount for entry, mount in self.done if entry["type"] not in (*CHANGES, *MAKES) and (path + "/").startswith(entry["at"] + "/")]
        return tuple(covers[-1:])

    def subject(self, at):
        """The mount that a change is about, by the place's name as it is written; () where there is none."""
        found = [mount for entry, mount in self.done if entry["at"] == at and entry["type"] not in (*CHANGES, *MAKES)]
        return (self.mounts[0],) if at == "/" else tuple(found[-1:])

    def add(self, entry):
        mount = None
        if entry["type"] not in CHANGES and (self.taken(entry) or self.closed(entry, self.resolve(entry["at"]))):
            raise Impossible("refused by its name")
        if entry["type"] in CHANGES:
            subject = self.subject(entry["at"])
            if not subject:
                raise Impossible("nothing to change")
            mount = subject[0]
        elif entry["type"] in MAKES:
            if any(one is not None and one.kind in ("bind", "overlay") for one in self.named_over(entry["at"])):
                raise Impossible("refused by its name, before anybody looks at what a link makes of it")
            self.add_made(entry, self.resolve(entry["at"]))
        else:
            mount = self.add_mount(entry, self.resolve(entry["at"]))
        self.done.append((entry, mount))

    # ---- rules of `paths`

    def shown_by(self, path, rule):
        """What a rule shows: of the host, or of the bind that it lies in; None where that cannot be said."""
        if rule["access"] == "deny":
            node = self.node(path)
            return node and node.kind in (DIRECTORY, FILE) and Node(DENIED, text=node.kind)
        if rule["access"] == "tmpfs":
            return Node(DIRECTORY, mode=octal(rule.get("mode", 0o755)))
        return self.shown(rule["from"]) if "from" in rule else self.over(path).kind == "bind" and self.node(path)

    def add_rule(self, path, rule):
        """Done after the list, whose changes come still later. Rules lie beside each other here, and on no link."""
        named = self.named_over(path)
        tree = self.shown_by(path, rule)
        over = self.over(path)
        through_link = over.entry is not None and over.entry.get("at", over.at) != over.at
        closed = over.kind == "dev" or tree and tree.kind == FILE and tree.text is None
        if not tree or closed or through_link or self.resolve(path) != path or named == (None,):
            raise Impossible("not the model's to say")
        kind = {"deny": "mask", "tmpfs": "tmpfs"}.get(rule["access"], "bind")
        flags = KERNELS_OWN | {"ro"} if kind == "mask" else SAFE | {"ro" if rule["access"] == "ro" else "rw"}
        self.make(path, tree.text if kind == "mask" else FILE if tree.kind == FILE else DIRECTORY)
        self.mounts.append(Mount(kind, path, tree, self.over(path), {"type": kind, **rule}, flags=flags))
        self.rules.append(path)

    def on_the_way(self, path):
        """Directories above a rule may be mounts of their own, so that nobody moves them away."""
        return any(rule.startswith(path + "/") for rule in self.rules)

    # ---- changes

    def standing_on(self, mount):
        """The mount itself, and all that stand on it, covered or not."""
        below = [one for one in self.mounts if one.below is mount]
        return [mount] + [deeper for one in below for deeper in self.standing_on(one)]

    def remount(self, entry, mount):
        loosens = entry.get("access") == "rw" or entry.get("noexec") is False
        reached = self.standing_on(mount) if entry.get("recursive", True) and not loosens else [mount]
        if entry.get("noatime") and not self.may_change_times and any(one.kind in OF_THE_HOST for one in reached):
            raise Impossible("access times of the host's mounts are the host's")
        if entry.get("access") == "rw" and mount.kind == "overlay" and "upper" not in mount.entry:
            raise Impossible("there is nowhere to write to")
        for one in reached:
            if "access" in entry:
                one.flags = one.flags - {"ro", "rw"} | {entry["access"]}
            for word in ("noexec", "noatime"):
                if word in entry:
                    one.flags = one.flags | {word} if entry[word] else one.flags - {word}

    def propagate(self, entry, mount):
        kind = entry["propagation"]
        if kind == "slave" and "master" not in mount.propagation:
            raise Impossible("nothing to follow, or not any more")
        for one in self.standing_on(mount) if entry.get("recursive", True) else [mount]:
            if kind == "slave" and "unbindable" in one.propagation:
                raise Impossible("mount_namespaces(7) does not say what that makes")
            masters = one.propagation & {"master"}
            one.propagation = {"private": set(), "slave": masters, "shared": masters | {"shared"}, "unbindable": {"unbindable"}}[kind]

    def follow(self):
        """Who is ever told to follow the host does so from the start; where the host's mount is private there is nobody to follow."""
        for entry, mount in self.done:
            if entry.get("propagation") == "slave" and mount is not None:
                mount.propagation = {"master"} if self.host_shared else set()

    def end(self):
        """All changes, in their order, once everything is placed."""
        self.follow()
        for entry, mount in self.done:
            if entry["type"] in CHANGES and mount is not None:
                (self.remount if entry["type"] == "remount" else self.propagate)(entry, mount)
        for mount in self.mounts:
            wanted = mount.entry is not None and mount.kind == "bind" and mount.entry.get("access") == "rw"
            remounts = [entry for entry, one in self.done if one is mount and entry["type"] == "remount"]
            opened = [entry["access"] for entry in remounts if "access" in entry]
            tried = opened[-1] == "rw" if opened else wanted
            if tried and "ro" in mount.flags:
                raise Impossible("asked for as writable, and closed by what it stands on")
            if remounts[1:] and any(rule.startswith(mount.at + "/") for rule in self.rules):
                raise Impossible("closed with what holds the way to a rule, and opened alone")
            if tried and self.over(mount.at) is not mount and self.named_over(mount.entry.get("at", mount.at)) == (mount,):
                raise Impossible("tried by its name, and covered by another one that a link makes the same")
        return self


def world_of(request, ground):
    """What a request's list makes in the end."""
    world = World(request, ground)
    for entry in request.get("mounts", []):
        world.add(entry)
    for path, rule in request["paths"].items():
        if path.startswith("/m/"):
            world.add_rule(path, rule)
    return world.end()
