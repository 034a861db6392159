"""The invariants of SECURITY.md: each has a test that is marked with its number, and those that no other file holds are here."""

import ast
import os
import pathlib
import re
import threading

import pytest

import harness

HERE = pathlib.Path(__file__).parent
SECURITY = HERE.parent.parent / "SECURITY.md"

# A row of the table: number, words, what this version's level holds.
ROW = re.compile(r"^\| (S\d+) \| [^|]+ \| ([^|]+) \|", re.MULTILINE)


def promised():
    """{number: what holds} of the level that is built."""
    return dict(ROW.findall(SECURITY.read_text()))


def numbers_of(function):
    """The marks @pytest.mark.invariant("S…") of a test, unless it is skipped whatever happens."""
    calls = [d for d in function.decorator_list if isinstance(d, ast.Call)]
    if any(ast.unparse(d.func) == "pytest.mark.skip" for d in calls):
        return []
    return [d.args[0].value for d in calls if ast.unparse(d.func) == "pytest.mark.invariant"]


def marked():
    """(number, file, function) of every mark in this directory."""
    for path in sorted(HERE.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for number in numbers_of(node):
                    yield number, path.name, node


def test_every_promise_has_its_test():
    numbers = promised()
    assert list(numbers) == [f"S{n}" for n in range(1, len(numbers) + 1)] and len(numbers) >= 25
    assert [n for n, holds in numbers.items() if holds.startswith("not ")] == []
    held = {number for number, _, _ in marked()}
    assert sorted(set(numbers) - held) == [], "these have no test"
    assert sorted(held - set(numbers)) == [], "these are not in SECURITY.md"


# Nothing is started there, or only in the one mode that has what can go wrong.
ONE_MODE = {"test_refused", "test_bytes_of_a_request_that_were_changed", "test_a_caller_killed_at_the_maps_leaves_nothing",
            "test_set_user_id_gives_nothing_inside_and_stays_on_disk"}


def test_every_invariant_is_tested_in_both_spawn_modes():
    """Through a fixture that stands for both of them."""
    alone = set()
    for _, _, function in marked():
        if not {argument.arg for argument in function.args.args} & {"box", "tree", "mode", "mode_", "alice", "root_box"}:
            alone.add(function.name)
    assert alone == ONE_MODE


# ---- S3: no link is followed out of a root, also while somebody changes the tree ------------------------------------


class Swapped:
    """A place that is in turn a directory and a link to another, for as long as this goes on."""

    def __init__(self, place, target):
        self.place, self.spare = place, place.with_name("spare")
        self.spare.symlink_to(target)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.swap)

    def exchange(self):
        names = os.fsencode(self.place), os.fsencode(self.spare)
        assert harness.LIBC.renameat2(-100, names[0], -100, names[1], 2) == 0  # AT_FDCWD, RENAME_EXCHANGE

    def swap(self):
        while not self.stop.is_set():
            self.exchange()

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.mkdir(mode=0o755)
    (path / "word").write_text("of the host\n")
    return path


@pytest.fixture
def tree_of_ones_own(tmp_path, compiled):
    """A root directory with one static program, which says what stands in /in/word."""
    path = tmp_path / "tree"
    for name in ("dev", "proc", "in"):
        (path / name).mkdir(parents=True)
    path.chmod(0o755)
    (path / "in" / "word").write_text("of the tree\n")
    program = compiled("""
#include <fcntl.h>
#include <unistd.h>
int main(void)
{
  char bytes[100];
  int fd = open("/in/word", O_RDONLY);
  long n = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
  return n > 0 && write(1, bytes, n) == n ? 0 : 9;
}
""", "-static")
    (path / "say").write_bytes(program.read_bytes())
    (path / "say").chmod(0o755)
    return path


@pytest.mark.invariant("S3")
@pytest.mark.parametrize("by, word", [("source", "of the tree\n"), ("target", "of the rule\n")], ids=["source", "target"])
def test_a_link_that_comes_and_goes(tree, tree_of_ones_own, secret, host, by, word):
    """Whichever of the two the set-up meets: it never shows, and never covers, what lies outside."""
    request = {"root": {"directory": str(tree_of_ones_own)}, "paths": {"/in": "ro"}}
    if by == "target":
        request["paths"] = {"/in": {"from": str(host)}}
        (host / "word").write_text(word)
    with Swapped(tree_of_ones_own / "in", str(secret)):
        for _ in range(40):
            done = tree.run(["/say"], request)
            assert done.reason in ("exited", "setup_failed") and done.code in (0, 9, 125), done
            assert done.code != 125 or done.error["stage"] in ("path", "source"), done
            assert done.text in ("", word), done
    assert (secret / "word").read_text() == "of the host\n" and os.listdir(secret) == ["word"]


# ---- S9: the image of the helper -----------------------------------------------------------------------------------


@pytest.mark.invariant("S9")
@pytest.mark.parametrize("uid", [0, 1000])
def test_the_helpers_image_cannot_be_opened_for_writing(box, uid, own_helper):
    """Not even by root inside, over init's link or the file itself shown to it; afterwards it is what it was."""
    path = pathlib.Path(own_helper["STYROLITE_HELPER"])
    before = path.read_bytes()
    request = {"user": {"uid": uid, "gid": uid}, "paths": {"/h": {"from": str(path.parent)}}}
    seen = box.probe("""
result = [attempt(os.open, name, flags) for name in ("/proc/1/exe", "/h/styrolite-helper", "/proc/1/map_files")
          for flags in (os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC)]""", request, env=own_helper)
    assert len(seen) == 9 and "ok" not in seen, seen
    assert path.read_bytes() == before


# ---- S19: control groups -------------------------------------------------------------------------------------------


@pytest.mark.invariant("S19")
@pytest.mark.parametrize("uid", [0, 1000])
def test_no_control_group_is_within_reach(tree, uid):
    """None is mounted, none can be, and the payload stays where its caller is."""
    seen = tree.probe("""
def mount(kind):
    if libc.mount(b"none", b"/tmp", kind, ctypes.c_ulong(0), None):
        raise OSError(ctypes.get_errno(), "")
result = [[row["type"] for row in mounts()], attempt(mount, b"cgroup2"), attempt(mount, b"cgroup"),
          os.path.exists("/sys/fs/cgroup/cgroup.procs"), read("/proc/self/cgroup")]""", {"user": {"uid": uid, "gid": uid}})
    assert not {"cgroup", "cgroup2"} & set(seen[0]) and seen[1:4] == ["EPERM", "EPERM", False]
    assert all(line.endswith(":/") for line in seen[4].splitlines()), seen
