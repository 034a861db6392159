"""What random requests are made of: directories of the host, descriptors, namespaces of others, and who calls. One ground serves
several requests, one after the other; each leaves it as it was.
"""

import contextlib
import dataclasses
import os
import subprocess

import callers
import harness
from ground import new_directory
from harness import AS_ROOT, Caller
from mount_model import GIVEN, PLACES

# Directories of the shown tree, and as they are named inside, below /w.
SHOWN = ["", "a", "a/b", "a/b/c", "a/b/c/g", "a/d", "e", "e/f", "e/f/h"]
LINKS = {"mount": "mnt", "pid": "pid", "ipc": "ipc", "uts": "uts", "cgroup": "cgroup", "time": "time", "user": "user", "network": "net"}
JOINED_NAME, JOINED_CLOCK = "joined", 360000
UNSHARE = ["--mount", "--pid", "--ipc", "--uts", "--cgroup", "--net", "--time", "--monotonic", str(JOINED_CLOCK), "--fork"]


@dataclasses.dataclass
class Who:
    """The caller of one request: `texts` are an /etc/subuid and /etc/subgid of its own, which say `subuid` and `subgid`."""
    uid: int = Caller.uid
    gid: int = Caller.gid
    groups: tuple = ()
    subuid: tuple = ()
    subgid: tuple = ()
    texts: tuple = ()

    @property
    def root(self):
        return self.uid == 0


@dataclasses.dataclass
class Others:
    """Somebody in namespaces of its own: how each is named by path and by descriptor, and its links."""
    user: bool
    paths: dict
    fds: dict
    links: dict


def make_files(directory, spec):
    directory.mkdir()
    for name, one in spec.items():
        if isinstance(one, str):
            (directory / name).write_text(one)
        else:
            make_files(directory / name, one)


def open_to_all(base):
    """So that only the request decides."""
    for root, dirs, files in os.walk(base):
        os.chmod(root, 0o777)
        for name in files:
            os.chmod(os.path.join(root, name), 0o777 if name == "prog" else 0o666)


def own_mount(path):
    """(whether the mount that a path of the host lies on is shared, its flags that a bind keeps)."""
    with open("/proc/self/mountinfo") as file:
        rows = [line.split() for line in file]
    at = [row for row in rows if os.path.commonpath([row[4], path]) == row[4]]
    row = max(at, key=lambda row: (len(row[4]), int(row[0])))
    return any(word.startswith("shared:") for word in row[6:]), set(row[5].split(",")) - {"rw", "ro", "relatime"}


def make_tree(base):
    """A root to start from, with all places and nothing at them but what PLACES says, and a layer over it."""
    tree, top = base / "tree", base / "top"
    for place in SHOWN:
        (base / "shown" / place).mkdir(parents=True)
        (base / "shown" / place / "word").write_text(f"this is {place}")
        (tree / "w" / place).mkdir(parents=True)
    for name in ("usr", "dev", "proc", "tmp", "home", "sys"):
        (tree / name).mkdir()
    make_files(tree / "m", PLACES)
    (top / "w" / "of the layer").mkdir(parents=True)
    for name in ("upper", "work"):
        (base / name).mkdir()


class Ground:
    def __init__(self, base, others):
        self.base, self.others, self.who = base, others, Who()
        make_tree(base)
        make_files(base / "given", GIVEN)
        open_to_all(base)
        for name in ("bin", "lib", "lib64"):
            (base / "tree" / name).symlink_to("usr/" + name)
        self.mount_is_shared, self.flags = own_mount(str(base))
        self.fds = [os.open("/dev/null", os.O_RDONLY) for _ in range(3)]
        self.given_fds = {os.open(base / "given" / name, os.O_PATH): str(base / "given" / name) for name in ("one", "two", "one/word")}

    shown = property(lambda self: self.base / "shown")
    tree = property(lambda self: self.base / "tree")
    top = property(lambda self: self.base / "top")
    given = property(lambda self: self.base / "given")

    @property
    def shared(self):
        """Who brings files of its own lives on private mounts."""
        return self.mount_is_shared and not self.who.texts

    def all_fds(self):
        return [*self.fds, *self.given_fds, *(fd for one in self.others for fd in one.fds.values())]

    def close(self):
        self.clear()
        for fd in [*self.fds, *self.given_fds]:
            os.close(fd)

    def changing(self):
        """Directories that changes go to: a writable root, layers, upper and work directories."""
        return [self.tree, self.top, self.base / "upper", self.base / "work", *(self.given / name for name in GIVEN if name[-1] in "123")]

    def hand_over(self, uid, gid):
        """To change what it shows, an overlay first copies it with its owner, who must exist inside."""
        for base in self.changing():
            for root, dirs, files in os.walk(base):
                for name in (".", *dirs, *files):
                    os.chown(os.path.join(root, name), uid, gid, follow_symlinks=False)

    def clear(self):
        """What the kernel and the payload left in upper and work directories."""
        for name in ("upper", "work", "given/up1", "given/work1", "given/up2", "given/work2"):
            empty(self.base / name)


def empty(directory):
    for one in directory.iterdir():
        if one.is_dir() and not one.is_symlink():
            one.chmod(0o700)
            empty(one)
            one.rmdir()
        else:
            one.unlink()


@contextlib.contextmanager
def others_in(user):
    """A process in new namespaces, which ends when the test lets go of its pipe."""
    words = ["unshare", *(["--user", "--map-root-user"] if user else []), *UNSHARE, "--", "/bin/sh", "-c",
             f"hostname {JOINED_NAME} && echo ready && exec cat"]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    fds = {}
    try:
        assert process.stdout.readline() == b"ready\n"
        pid = harness.descendants(process.pid)[-1]
        paths = {kind: f"/proc/{pid}/ns/{link}" for kind, link in LINKS.items()}
        fds.update({kind: os.open(path, os.O_RDONLY) for kind, path in paths.items()})
        yield Others(user, paths, fds, {LINKS[kind]: os.readlink(path) for kind, path in paths.items()})
    finally:
        for fd in fds.values():
            os.close(fd)
        process.stdin.close()
        process.stdout.close()
        process.wait(harness.WAIT)


@contextlib.contextmanager
def make_ground():
    """In a place that every caller reaches. Root joins what belongs to the host, too."""
    with contextlib.ExitStack() as stack:
        directory = new_directory(stack, "styrolite-property-", beside="/tmp" if AS_ROOT else None)
        directory.chmod(0o755)
        others = [stack.enter_context(others_in(user)) for user in ([False, True] if AS_ROOT else [True])]
        (directory / "ground").mkdir()
        (directory / "box").mkdir()
        ground = Ground(directory / "ground", others)
        stack.callback(ground.close)
        yield ground


class Box(callers.Box):
    """The command, called by whoever it is: with its own files of subordinate ids where it has some."""

    def __init__(self, directory, mode, who):
        super().__init__(directory, mode)
        self.caller = who
        if who.texts:
            self.subuid, self.subgid = who.texts
        if AS_ROOT and not who.root:
            self.who = callers.as_user(*who.groups)
        elif AS_ROOT:
            self.who = ["setpriv", "--groups", ",".join(map(str, who.groups))] if who.groups else []

    def environment(self, more):
        env = harness.Sandbox.environment(self, more)
        return {**env, "STYRO_SPAWN": self.spawn} if self.spawn else env

    def arguments(self, argv, request, options, wrap):
        if self.caller.texts:
            return super().arguments(argv, request, options, wrap)
        return harness.Sandbox.arguments(self, argv, request, options, [*self.who, *wrap])
