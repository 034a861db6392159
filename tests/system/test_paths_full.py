"""`paths` where rules meet: four levels, sources across levels, links on the way, limits, odd objects and names. Each access is
tried by reading and writing, and the host's tree is compared with what it was. One rule at a time: test_paths.py.
"""

import os
import shutil
import socket
import stat

import pytest
from test_paths import DENIED, LOOK, RO, RW, bind, nest, nested, paths, snapshot

from harness import AS_ROOT, bind_at

__all__ = ["nest"]
LEVELS = ("", "a", "a/b", "a/b/c", "a/b/c/d")


def refused(box, request):
    """A request that is wrong in itself has no outcome: what the command says, once it has run nothing."""
    done = box.run(["echo", "ran"], request)
    assert done.code == 125 and done.outcome is None and done.out == b"" and done.err.count(b"\n") == 1, done
    return done.line


def made(tree):
    """The levels below which the payload made its file; takes the files away again."""
    found = [level for level in LEVELS if (tree / level / "new").exists()]
    for level in found:
        (tree / level / "new").unlink()
    return found


# ---- levels ------------------------------------------------------------------------------------------------------------


@pytest.mark.kernel
@pytest.mark.invariant("S1")
@pytest.mark.invariant("S2")
def test_deny_inside_rw_inside_deny_inside_rw(tree, nest):
    before = [row[:4] for row in snapshot(nest)]
    seen = list(tree.probe(LOOK, nested(nest, w="rw", a="deny", b="rw", c="deny")).values())
    assert (seen[0], seen[2], seen[3], seen[4]) == (RW, RW, DENIED, DENIED)
    # The denied way to what shows below it: neither its file, nor its list, nor a new name.
    assert seen[1][0] in ("ENOENT", "EACCES") and seen[1][1] == "EACCES" and seen[1][3] in ("EACCES", "EROFS")
    assert made(nest) == ["", "a/b"]
    assert [row[:4] for row in snapshot(nest)] == before


@pytest.mark.invariant("S1")
@pytest.mark.invariant("S2")
def test_rw_inside_deny_inside_ro_inside_deny_inside_rw(tree, nest):
    before = [row[:4] for row in snapshot(nest)]
    seen = list(tree.probe(LOOK, nested(nest, w="rw", a="deny", b="ro", c="deny", d="rw")).values())
    assert (seen[0], seen[2], seen[4]) == (RW, RO, RW)
    for way in (seen[1], seen[3]):
        assert way[0] in ("ENOENT", "EACCES") and way[1] == "EACCES" and way[3] in ("EACCES", "EROFS")
    assert made(nest) == ["", "a/b/c/d"]
    assert [row[:4] for row in snapshot(nest)] == before


# ---- from --------------------------------------------------------------------------------------------------------------


def test_a_rule_below_from_shows_that_source(tree, nest, host):
    """/w/a/sub is sub of what /w/a shows, not of what /w shows; and a file can stand in for a file."""
    before = snapshot(host)
    request = nested(nest, w="rw")
    request["paths"] |= {"/w/a": bind(host), "/w/a/sub": "ro", "/w/a/sub/inner": bind(host / "data"), "/w/f": bind(host / "data")}
    seen = tree.probe("""
result = [read("/w/a/data"), read("/w/a/sub/inner"), read("/w/f"), os.path.exists("/w/a/b"), attempt(write, "/w/a/sub/new"),
          attempt(append, "/w/f")]""", request)
    shown = "data of the host\n"
    assert seen[:4] == [shown, shown, shown, False] and seen[4] == "EROFS" and seen[5] in ("EROFS", "EACCES")
    assert snapshot(host) == before and (nest / "f").read_text() == "above a\n"


def test_from_across_levels(tree, nest):
    """The same directory of the host twice: where it is denied, and elsewhere, where it was asked for."""
    request = nested(nest, w="rw", a="deny")
    request["paths"]["/again"] = bind(nest / "a")
    seen = tree.probe('result = [attempt(read, "/w/a/f"), read("/again/f"), attempt(write, "/again/new")]', request)
    assert seen == ["EACCES", "above b\n", "EROFS"]


@pytest.mark.invariant("S3")
def test_from_through_a_link_among_the_parents(tree, tmp_path, nest, host):
    (tmp_path / "way").symlink_to(nest)
    before = snapshot(tmp_path / "way" / "a")
    seen = tree.probe('result = [read("/in/f"), attempt(write, "/in/new"), attempt(os.listdir, "/in/b")]',
                      {"paths": {"/in": bind(tmp_path / "way" / "a"), "/in/b": "deny"}})
    assert seen == ["above b\n", "EROFS", "EACCES"] and snapshot(tmp_path / "way" / "a") == before


# ---- links inside ------------------------------------------------------------------------------------------------------


@pytest.mark.invariant("S1")
def test_a_rule_below_a_link_of_the_base(tree, host):
    """/bin is usr/bin: what is denied or replaced by the one name is so by the other."""
    assert tree.probe('result = [attempt(read, "/usr/bin/perl"), attempt(read, "/bin/perl")]', paths(bin__perl="deny")) == ["EACCES"] * 2
    seen = tree.probe('result = [read("/usr/bin/perl"), read("/bin/perl")]', paths(bin__perl=bind(host / "data")))
    assert seen == ["data of the host\n"] * 2
    error = tree.fails(["true"], paths(bin__none=bind(host / "data")))
    assert error["object"] == "/bin/none" and "nothing is ever made on the host" in error["message"]


@pytest.mark.invariant("S1")
@pytest.mark.parametrize("rule", ["deny", "ro", "tmpfs"])
def test_a_rule_below_a_link_in_what_is_writable(tree, nest, rule):
    """Whoever can write there could point the link elsewhere, so a rule that depends on it would hold nothing: refused."""
    (nest / "l").symlink_to("a")
    before = snapshot(nest)
    error = tree.fails(["true"], paths(w=bind(nest, "rw"), w__l__b=rule))
    assert error["object"] == str(nest / "l") and error["errno_name"] == "ELOOP" and "not a link to it" in error["hint"], error
    assert snapshot(nest) == before


# ---- noexec ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["/x", "/x/true"])
def test_noexec_holds_for_the_loader_too(tree, host, place):
    shutil.copy("/usr/bin/true", host / "true")
    (host / "true").chmod(0o755)
    loader = next(p for p in ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1") if os.path.exists(p))
    source = host if place == "/x" else host / "true"
    for words in (["/x/true"], [loader, "/x/true"]):
        assert tree.ok(words, {"paths": {place: bind(source)}}) == ""
    request = {"paths": {place: bind(source, noexec=True)}}
    assert tree.fails(["/x/true"], request, code=126)["errno_name"] == "EACCES"
    by_loader = tree.run([loader, "/x/true"], request)
    assert by_loader.reason == "exited" and by_loader.code != 0 and b"/x/true" in by_loader.err, by_loader


# ---- optional, if_missing ----------------------------------------------------------------------------------------------


def test_an_optional_rule_that_is_absent_where_something_else_shows(tree, tmp_path, host):
    """The enclosing rule's object stays what it is, and was never asked for as writable."""
    request = {"paths": {"/o": bind(host), "/o/sub": bind(tmp_path / "none", "rw", optional=True)}}
    assert tree.sh("cat /o/sub/inner; touch /o/sub/new 2>&1 | grep -o Read-only", request) == "inner of the host\nRead-only\n"


def test_rules_below_an_optional_rule_that_is_absent(tree, tmp_path, host):
    request = {"paths": {"/o": bind(tmp_path / "none", "rw", optional=True), "/o/sub": {"access": "ro", "optional": True}}}
    assert tree.sh("ls -d /o /o/sub 2>/dev/null; true", request) == ""
    assert not (tmp_path / "none").exists()


def test_gaps_at_two_levels_are_said(tree, nest):
    before = snapshot(nest)
    ignore = {"access": "deny", "if_missing": "ignore"}
    request = nested(nest, w="rw", a="ro")
    request["paths"] |= {"/w/no": ignore, "/w/a/no": ignore, "/w/a/f": ignore}
    done = tree.run(["cat", "/w/a/f"], request)
    assert done.code == 1 and b"Permission denied" in done.err
    assert [entry["protection"] for entry in done.outcome["not_enforced"]] == ["denied_paths"]
    assert snapshot(nest) == before


# ---- what is denied and comes later ------------------------------------------------------------------------------------


@pytest.mark.invariant("S1")
@pytest.mark.parametrize("dev", ["/dev", "/d"])
def test_denied_in_shared_memory(tree, dev):
    """It is the payload's own to fill: what is not there yet is denied all the same, and places are made there."""
    request = {"mounts": [{"type": "dev", "at": "/d"}], "paths": {f"{dev}/shm/no": "deny", f"{dev}/shm/a/b": "tmpfs"}}
    seen = tree.probe(f"""
shm = "{dev}/shm/"
result = [attempt(os.listdir, shm + "no"), attempt(write, shm + "no/x"), attempt(os.rmdir, shm + "no"), attempt(os.rename, shm + "no", shm + "x"),
          attempt(write, shm + "yes"), attempt(write, shm + "a/b/x")]""", request)
    assert seen == ["EACCES", "EACCES", "EBUSY", "EBUSY", "ok", "ok"]


COMES = {"terminal": ({}, "/dev/pts/0"), "process": ({}, "/proc/7"), "terminal of another dev": ({"type": "dev", "at": "/d"}, "/d/pts/0"),
         "another terminal": ({"type": "devpts", "at": "/d"}, "/d/0"), "queue": ({"type": "mqueue", "at": "/d"}, "/d/q"),
         "process of another proc": ({"type": "proc", "at": "/d"}, "/d/7"), "group": ({"type": "cgroup", "at": "/d"}, "/d/new")}


@pytest.mark.invariant("S1")
@pytest.mark.parametrize("entry, place", COMES.values(), ids=COMES)
def test_denied_and_not_there_yet(tree, entry, place):
    """Nobody can hide what the kernel makes later: an error, or said."""
    request = {"mounts": [entry] if entry else [], "paths": {place: "deny"}}
    error = tree.fails(["true"], request)
    assert (error["stage"], error["object"], error["field"]) == ("path", place, "/paths/" + place.replace("/", "~1")), error
    assert '"if_missing": "ignore"' in error["hint"]
    done = tree.run(["true"], {**request, "paths": {place: {"access": "deny", "if_missing": "ignore"}}})
    assert done.code == 0 and [row["protection"] for row in done.outcome["not_enforced"]] == ["denied_paths"], done


@pytest.mark.parametrize("entry", [{}, {"type": "proc", "at": "/proc", "subset": "pid"}], ids=str)
def test_denied_where_nothing_comes(tree, entry):
    request = {"mounts": [entry] if entry else [], "paths": {"/proc/none": "deny", "/dev/none": "deny"}}
    assert tree.sh("ls -d /proc/none /dev/none 2>/dev/null; true", request) == ""


# ---- spellings and limits ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key, text", [
    ("/a/../b", "has a `..` in it"), ("/..", "has a `..` in it"), ("/", "is the root, and `paths` holds what stands below it"),
    ("//", "is the root"), ("/.", "is the root"), ("rel", "is not an absolute path"), ("", "is not an absolute path"),
    ("/proc", "is always the sandbox's own"), ("/dev", "is always the sandbox's own"),
])
def test_keys_that_are_refused(vfork_box, key, text):
    line = refused(vfork_box, {"paths": {key: "ro"}})
    assert f": /paths/{key.replace('/', '~1')}" in line and text in line, line


def test_two_spellings_of_one_key(vfork_box):
    line = refused(vfork_box, {"paths": {"/a": "tmpfs", "//a/./": "deny"}})
    assert "is the same place as another key of `paths`: both are `/a`" in line, line


def test_a_thousand_entries_all_show(tree, tmp_path):
    many = tmp_path / "many"
    many.mkdir(mode=0o755)
    for i in range(1000):
        (many / str(i)).write_text(f"number {i}")
    before = snapshot(many)
    seen = tree.probe('result = [read(f"/m/{i}") for i in range(1000)] + [len(os.listdir("/m"))]',
                      {"paths": {f"/m/{i}": bind(many / str(i)) for i in range(1000)}})
    assert seen == [f"number {i}" for i in range(1000)] + [1000]
    assert snapshot(many) == before


def test_the_most_entries(vfork_box, host):
    rules = {f"/m/{i}": "deny" for i in range(4096)}
    seen = vfork_box.probe('result = [len(os.listdir("/m")), {attempt(os.listdir, f"/m/{i}") for i in range(4096)} == {"EACCES"}]',
                           {"paths": rules})
    assert seen == [4096, True]
    line = refused(vfork_box, {"paths": {**rules, "/one-more": "deny"}})
    assert "/paths: 4097 items are too many: at most 4096 can stand here" in line, line
    # The base is of the host as well, and counts among its objects.
    line = refused(vfork_box, {"paths": dict.fromkeys(rules, bind(host))})
    assert "/paths: the request needs " in line and "objects of the host, 4096 is the most (name the directories" in line, line


# ---- what stands there -------------------------------------------------------------------------------------------------


def test_pipes_and_sockets_as_sources(tree, work, given):
    os.mkfifo(work / "pipe")
    given(work / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        bind_at(listening, work / "s")
        listening.listen(1)
        (work / "s").chmod(0o666)
        seen = tree.probe("""
kind = lambda p: stat.S_IFMT(os.stat(p).st_mode)
s = socket.socket(socket.AF_UNIX)
fd = os.open("/pipe", os.O_RDWR)
os.write(fd, b"through")
result = [kind("/pipe"), kind("/s"), attempt(s.connect, "/s"), os.read(fd, 9).decode()]""",
                          paths(pipe=bind(work / "pipe", "rw"), s=bind(work / "s", "rw")))
    assert seen == [stat.S_IFIFO, stat.S_IFSOCK, "ok", "through"]


@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero", "/dev/tty"])
@pytest.mark.parametrize("access", ["ro", "rw"])
def test_devices_are_no_sources(tree, device, access):
    error = tree.fails(["true"], paths(n=bind(device, access)))
    assert (error["object"], error["errno_name"]) == (device, "ENODEV") and "cannot be opened inside" in error["hint"]


@pytest.mark.parametrize("name", ["new\nline", "a:b,c\\d", "  spaces  ", "x" * 255, "$${HOME", "\\040", "tab\t\"'"])
def test_odd_names_as_places_and_sources_that_are_written(tree, work, given, name):
    """`$${` are the characters themselves."""
    real = name.replace("$${", "${")
    for part in (work / real, work / real / "deny", work / real / "keep"):
        part.mkdir()
        given(part)
    before = [row[:4] for row in snapshot(work)]
    seen = tree.probe(f"""
at = "/in/" + {real!r}
result = [attempt(write, at + "/made", "made"), attempt(os.listdir, at + "/deny"), attempt(write, at + "/keep/x")]""",
                      {"paths": {f"/in/{name}": bind(work / name, "rw"), f"/in/{name}/deny": "deny", f"/in/{name}/keep": "ro"}})
    assert seen == ["ok", "EACCES", "EROFS"]
    assert (work / real / "made").read_text() == "made"
    (work / real / "made").unlink()
    assert [row[:4] for row in snapshot(work)] == before


# ---- mounts of the host ------------------------------------------------------------------------------------------------


@pytest.mark.invariant("S2")
def test_a_rule_on_a_mount_point_of_the_host(box, below_mounts, tmp_path):
    """Sub-mounts show with it, and are as read-only as it is; one of them can be denied or lie bare under a tmpfs."""
    top = tmp_path / "top"
    top.mkdir(mode=0o755)
    script = f"""
mount -t tmpfs -o mode=755 none {top}; mkdir -m 777 {top}/one {top}/two
mount -t tmpfs -o mode=777 none {top}/one; echo inner > {top}/one/f; mkdir {top}/one/deep
mount -t tmpfs -o mode=777 none {top}/one/deep; echo deep > {top}/one/deep/f; echo two > {top}/two/f"""
    user = {} if AS_ROOT else {"user": {"uid_map": "self", "gid_map": "self"}}
    look = """
result = [read("/t/one/f"), attempt(read, "/t/one/deep/f"), attempt(os.listdir, "/t/two"), attempt(write, "/t/one/new"),
          attempt(write, "/t/one/deep/new")]"""
    for more, expected in (({}, ["inner\n", "ok", "ok", "EROFS", "EROFS"]),
                           ({"/t/one/deep": "deny", "/t/two": "deny"}, ["inner\n", "EACCES", "EACCES", "EROFS", "EACCES"])):
        assert box.probe(look, {"paths": {"/t": bind(top), **more}, **user}, **below_mounts(script)) == expected
    assert os.listdir(top) == []
