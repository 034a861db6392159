"""Where `mounts` puts things: places made by others, links on the way, what lies on the host, and what the list means for
`paths`. Nothing is ever made on the host.
"""

import contextlib
import os
import pathlib

import harness
import pytest
from test_mounts import mount, mounts
from test_paths import snapshot
from test_step_faults import STRACE, needs_strace


ALL = {
    "dir": mount("dir", "{}"), "file": mount("file", "{}", data="x"), "symlink": mount("symlink", "{}", target="x"),
    "tmpfs": mount("tmpfs", "{}"), "proc": mount("proc", "{}"), "dev": mount("dev", "{}"), "mqueue": mount("mqueue", "{}"),
    "devpts": mount("devpts", "{}"), "sysfs": mount("sysfs", "{}"), "cgroup": mount("cgroup", "{}"),
    "bind": mount("bind", "{}", from_="/opt"), "bind-file": mount("bind", "{}", from_="/etc/ld.so.cache"),
}


def at(kind, place):
    return {**ALL[kind], "at": place}


@pytest.fixture
def root(tmp_path):
    """A hostile root directory: links and files where directories are expected."""
    path = tmp_path / "root"
    for name in ("dev", "proc", "tmp", "home", "usr", "bin", "lib", "lib64", "real"):
        (path / name).mkdir(parents=True)
    for name, target in {"up": "../../../../../../..", "abs": "/etc", "loop": "loop", "out": "/../../..", "self": "proc/self/root",
                         "inside": "real"}.items():
        (path / name).symlink_to(target)
    (path / "file").write_text("file\n")
    os.mkfifo(path / "fifo")
    path.chmod(0o755)
    return path


def in_root(root, *listed, **fields):
    paths = {p: {"from": p} for p in ("/usr", "/bin", "/lib", "/lib64")}
    return mounts(*listed, root={"directory": str(root), **fields}, paths=paths)


# ---- nothing on the host -----------------------------------------------------------------------------------------------


@pytest.mark.invariant("S2")
@pytest.mark.parametrize("kind", ALL)
def test_nothing_is_made_in_what_a_link_shows_of_the_host(tree, work, kind):
    """The list says /l/new, the link leads into a writable bind: only the helper can know, and refuses."""
    before = snapshot(work)
    error = tree.fails(["true"], mounts(mount("bind", "/w", from_=work, access="rw"), mount("symlink", "/l", target="w"), at(kind, "/l/new")))
    assert error["stage"] in ("mount", "proc", "device") and error["field"] == "/mounts/2", error
    assert "on the host" in error["message"], error
    assert snapshot(work) == before


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("writable", [False, True])
def test_nothing_is_made_in_a_root_directory(tree, root, given, kind, writable):
    if writable:
        given(root)
    before = snapshot(root)
    error = tree.fails(["/bin/true"], in_root(root, at(kind, "/new/place"), writable=writable))
    assert error["field"] == "/mounts/0" and "on the host" in error["message"], error
    assert snapshot(root) == before


@pytest.mark.parametrize("kind", ["tmpfs", "bind", "proc", "dir", "file"])
def test_changes_that_are_discarded_have_room_for_all(tree, root, kind):
    before = snapshot(root)
    tree.sh("ls /new/place", in_root(root, at(kind, "/new/place"), writable="discard"))
    assert snapshot(root) == before


def test_an_existing_directory_of_the_host_keeps_its_mode(tree, work):
    """`dir` sets the mode of what it makes, and of nothing else."""
    (work / "there").mkdir(mode=0o711)
    error = tree.fails(["true"], mounts(mount("bind", "/w", from_=work, access="rw"), mount("symlink", "/l", target="/w"),
                                        mount("dir", "/l/there", mode="700")))
    assert (error["field"], error["errno_name"]) == ("/mounts/2", "EROFS") and "on the host" in error["message"]
    assert (work / "there").stat().st_mode & 0o777 == 0o711


def test_a_place_that_the_host_has_is_one(tree, host):
    """What is there already can be mounted over, whoever's it is."""
    seen = tree.probe('result = [os.listdir("/h/sub"), read("/h/data")]',
                      mounts(mount("bind", "/h", from_=host), mount("tmpfs", "/h/sub"), mount("bind", "/h/data", from_="/etc/ld.so.cache")))
    assert seen[0] == [] and seen[1] != "data of the host\n"


# ---- links and types ---------------------------------------------------------------------------------------------------


@pytest.mark.invariant("S3")
@pytest.mark.parametrize("kind", ["tmpfs", "bind", "bind-file", "proc", "dev", "mqueue"])
@pytest.mark.parametrize("link", ["up", "abs", "loop", "out", "self", "inside"])
def test_a_place_that_is_a_link_is_refused(tree, root, kind, link):
    error = tree.fails(["/bin/true"], in_root(root, at(kind, f"/{link}")))
    assert error["field"] == "/mounts/0" and error["object"] == f"/{link}", error
    assert error["errno_name"] == "ELOOP" and "symbolic link" in error["message"], error


@pytest.mark.invariant("S3")
@pytest.mark.parametrize("link", ["up", "abs", "out"])
def test_links_on_the_way_stay_in_the_root(tree, root, link):
    """/up/etc/x is the root's own /etc/x, whatever the host has there."""
    error = tree.fails(["/bin/true"], in_root(root, mount("tmpfs", f"/{link}/ssl")))
    assert (error["field"], error["errno_name"]) == ("/mounts/0", "ENOENT"), error


@pytest.mark.invariant("S3")
def test_no_magic_link_on_the_way(tree, root):
    error = tree.fails(["/bin/true"], in_root(root, mount("tmpfs", "/self/etc")))
    assert error["field"] == "/mounts/0" and error["errno_name"] in ("ELOOP", "ENOENT"), error


def test_a_link_in_the_middle_is_followed_inside(tree, root):
    (root / "real" / "place").mkdir()
    assert tree.sh("grep -c ' /real/place ' /proc/self/mountinfo", in_root(root, mount("tmpfs", "/inside/place"))) == "1\n"


@pytest.mark.invariant("S25")
@pytest.mark.parametrize("kind, place, error", [
    ("tmpfs", "/file", "ENOTDIR"), ("tmpfs", "/fifo", "ENOTDIR"), ("bind-file", "/real", "EISDIR"), ("bind", "/file", "ENOTDIR"),
    ("proc", "/file/below", "ENOTDIR"), ("dev", "/fifo/below", "ENOTDIR"), ("file", "/file/below", "ENOTDIR"),
])
def test_what_is_there_is_of_another_type(tree, root, kind, place, error):
    said = tree.fails(["/bin/true"], in_root(root, at(kind, place)))
    assert said["field"] == "/mounts/0" and said["errno_name"] in (error, "ENOENT"), said


@pytest.mark.parametrize("name", ["no\nsuch", "a:b,c\\d"])
def test_odd_names_in_errors(tree, tmp_path, name):
    error = tree.fails(["true"], mounts(mount("bind", "/x", from_=tmp_path / name)))
    assert error["errno_name"] == "ENOENT" and error["field"] == "/mounts/0/from"


def test_a_deep_place(tree):
    deep = "/d" * 500
    assert tree.sh(f"cat {deep}/f", mounts(mount("file", f"{deep}/f", data="deep"))) == "deep"


# ---- /proc, /dev and their like ------------------------------------------------------------------------------------------


def test_a_file_of_proc_shown_otherwise(tree, host):
    seen = tree.probe('result = [read("/proc/meminfo"), attempt(append, "/proc/meminfo"), attempt(read, "/proc/keys")]',
                      mounts(mount("bind", "/proc/meminfo", from_=host / "data")))
    assert seen[0] == "data of the host\n" and seen[1] in ("EROFS", "EACCES") and seen[2] in ("EACCES", "ENOENT")


@pytest.mark.invariant("S5")
def test_a_link_uncovers_no_mask(tree):
    """The link leads to a masked directory; a mount over it hides still more, and a file cannot be made."""
    for entry in (at("file", "/l/x"), at("dir", "/l/x"), at("symlink", "/l/x")):
        error = tree.fails(["true"], mounts(mount("symlink", "/l", target="/proc/acpi"), entry))
        assert error["field"] == "/mounts/1", error


def stands(pid, place):
    """Is something mounted there in the mount namespace of one of our processes?"""
    for one in (pid, *harness.descendants(pid)):
        with contextlib.suppress(OSError):
            rows = pathlib.Path(f"/proc/{one}/mountinfo").read_text().splitlines()
            if any(row.split()[4].endswith(place) for row in rows):
                return True
    return False


@needs_strace
@pytest.mark.invariant("S3")
@pytest.mark.invariant("S5")
@pytest.mark.parametrize("kind", ["proc", "sysfs", "host's sysfs"])
def test_masks_follow_the_mount_and_not_its_name(box, work, kind):
    """Somebody who may write the directory moves it away right after the mount, and puts another with the same names there."""
    box.kernel = "6.1"  # each mount shows as soon as it is attached
    masked = "keys" if kind == "proc" else next(n for n in ("firmware", "kernel/debug", "fs/bpf", "fs/pstore") if os.path.isdir(f"/sys/{n}"))
    (work / "d" / "kernelfs").mkdir(parents=True)
    request = mounts(mount("bind", "/w", from_=work, access="rw"), mount(kind.split()[-1], "/w/d/kernelfs"), network="host" if kind == "host's sysfs" else "none",
                     user={"uid_map": "self", "gid_map": "self"})
    os.chown(work, os.getuid(), os.getgid())
    os.mkfifo(work / "go")
    fakes = [work / "d" / "kernelfs" / name for name in ("sys", "bus", "fs", "irq", "acpi", "devices/virtual", "kernel", "firmware", masked)]
    script = f"read line < /w/go; ls /w; ls /w/moved/kernelfs/{masked} /w/d/kernelfs/{masked}; cat /w/moved/kernelfs/{masked}"
    delay = ["-e", "inject=move_mount:delay_exit=60000"]
    with box.start(["/bin/sh", "-c", script], request, wrap=[STRACE, "-f", "-qq", "-o", "/dev/null", *delay]) as running:
        harness.settled(lambda: stands(running.process.pid, "/d/kernelfs") or running.process.poll() is not None)
        (work / "d").rename(work / "moved")
        for path in fakes:
            path.mkdir(parents=True, exist_ok=True)
        (fakes[-1] / "fake").write_text("")
        with open(work / "go", "w") as go:
            go.write("go\n")
        out, err = running.process.communicate(timeout=harness.WAIT)
    assert out.decode().startswith("d\ngo\nmoved\n"), (out, err)
    assert b"fake" in out and err.count(b"Permission denied") >= 1, (out, err)


@pytest.mark.invariant("S2")
def test_proc_sys_stays_read_only_by_any_name(tree):
    seen = tree.probe("""
result = [attempt(write, p + "/sys/kernel/core_pattern") for p in ("/proc", "/p", "/q")] + [attempt(os.mkdir, "/s/x")]""",
                      mounts(mount("proc", "/p"), mount("symlink", "/q", target="p"), mount("sysfs", "/s")))
    assert set(seen[:3]) == {"EROFS"} and seen[3] in ("EROFS", "EPERM", "EACCES")


def test_a_device_directory_stays_closed(tree, work):
    seen = tree.probe("""
result = [os.listdir("/dev/sub"), attempt(write, "/dev/new"), attempt(os.unlink, "/dev/null"), attempt(os.chmod, "/dev/null", 0o600),
          read("/dev/f"), attempt(write, "/dev/f")]""",
                      mounts(mount("bind", "/dev/sub", from_=work), mount("file", "/dev/f", data="f", mode="666"), mount("symlink", "/dev/l", target="f")))
    assert seen[0] == [] and seen[1] == "EROFS" and seen[2] in ("EBUSY", "EROFS") and seen[3:] == ["EROFS", "f", "EROFS"]


# ---- what it means for paths ---------------------------------------------------------------------------------------------


def test_a_rule_shows_what_the_bind_below_it_shows(tree, host, work):
    """Without `from` it is the object in that bind, not the same path of the host; at its very place the bind itself."""
    (work / "w").write_text("of work")
    seen = tree.probe("""
def options(at):
    return [m["options"][0] for m in mounts() if m["at"] == at]
result = [read("/b/sub/inner"), options("/b/sub"), attempt(os.listdir, "/c/sub"), read("/c/data"), options("/w")]""",
                      {**mounts(mount("bind", "/b", from_=host), mount("bind", "/c", from_=host), mount("bind", "/w", from_=work)),
                       "paths": {"/b/sub": "ro", "/c/sub": "deny", "/w": "rw"}})
    assert seen == ["inner of the host\n", ["ro"], "EACCES", "data of the host\n", ["ro", "rw"]]


def test_a_rule_holds_over_the_list(tree, host, work):
    seen = tree.probe('result = [attempt(os.listdir, "/d"), read("/r/data"), attempt(write, "/t/x"), os.listdir("/t")]',
                      {**mounts(mount("bind", "/d", from_=work, access="rw"), mount("bind", "/r", from_=work), mount("tmpfs", "/t"),
                                mount("file", "/t/f", data="x")),
                       "paths": {"/d": "deny", "/r": {"from": str(host)}, "/t": "tmpfs"}})
    assert seen == ["EACCES", "data of the host\n", "ok", ["x"]]


@pytest.mark.invariant("S2")
def test_a_deny_below_a_writable_bind_of_the_list(tree, work, given):
    """The directories on the way are held, and what is not there is not denied in silence."""
    (work / "a" / "b").mkdir(parents=True)
    (work / "a" / "b" / "secret").write_text("secret")
    for one in (work / "a", work / "a" / "b", work / "a" / "b" / "secret"):
        given(one)
    request = mounts(mount("bind", "/w", from_=work, access="rw"), paths={"/w/a/b/secret": "deny"})
    seen = tree.probe("""
result = [attempt(read, "/w/a/b/secret"), attempt(os.rename, "/w/a", "/w/moved"), attempt(os.rename, "/w/a/b", "/w/a/c"),
          attempt(write, "/w/a/other")]""", request)
    assert seen == ["EACCES", "EBUSY", "EBUSY", "ok"]
    request["paths"] = {"/w/none": "deny"}
    error = tree.fails(["true"], request)
    assert (error["field"], error["errno_name"]) == ("/paths/~1w~1none", "ENOENT") and "if_missing" in error["hint"]
    request["paths"] = {"/w/none": {"access": "deny", "if_missing": "ignore"}}
    assert [n["protection"] for n in tree.run(["true"], request).outcome["not_enforced"]].count("denied_paths") == 1


@pytest.mark.invariant("S2")
@pytest.mark.parametrize("recursive", [True, False])
def test_the_way_to_a_rule_is_as_closed_as_its_bind(tree, work, given, recursive):
    """Directories on the way that are held open for a rule would be left out by a remount of the bind alone."""
    (work / "a" / "b").mkdir(parents=True)
    for one in (work / "a", work / "a" / "b"):
        given(one)
    (work / "a" / "tool").write_text("#!/bin/sh\n")
    (work / "a" / "tool").chmod(0o755)
    seen = tree.probe("""
result = [attempt(write, at + "/a/new") for at in ("/ro", "/rw", "/opened")] + [os.access(at + "/a/tool", os.X_OK) for at in ("/ro", "/rw", "/opened")]
result += [attempt(os.listdir, at + "/a/b") for at in ("/ro", "/rw", "/opened")]""",
                      mounts(mount("bind", "/ro", from_=work, access="rw"), mount("remount", "/ro", access="ro", recursive=recursive),
                             mount("bind", "/rw", from_=work, access="rw"), mount("remount", "/rw", noexec=True, recursive=recursive),
                             mount("bind", "/opened", from_=work, noexec=True), mount("remount", "/opened", access="rw", noexec=False),
                             paths={f"{at}/a/b": "deny" for at in ("/ro", "/rw", "/opened")}))
    assert seen == ["EROFS", "ok", "ok", True, False, True] + ["EACCES"] * 3


@pytest.mark.invariant("S2")
@pytest.mark.parametrize("kind", ["directory", "overlay"])
def test_the_way_to_a_rule_covers_and_opens_no_entry(tree, own_tree, work, given, tmp_path, kind):
    """A rule at /w/r holds /w in a writable root, where entries of the list stand as well: as they are, with all their changes."""
    for place in ("w/a/ro", "w/a/closed", "w/r"):
        (own_tree / place).mkdir(parents=True)
    for place in ("w", "w/a", "w/a/ro", "w/a/closed", "w/r"):
        given(own_tree / place)
    (work / "word").write_text("of work\n")
    changes = {name: str(tmp_path / name) for name in ("upper", "work2")}
    for path in changes.values():
        os.mkdir(path)
        given(path)
    root = {"directory": str(own_tree), "writable": True} if kind == "directory" else {
        "overlay": {"lower": [str(own_tree)], "upper": changes["upper"], "work": changes["work2"]}}
    script = """cat /w/a/ro/word; touch /w/a/ro/new 2>&1; touch /w/a/closed/new 2>&1; touch /w/a/new && ls /w/a
(mv /w /z) 2>/dev/null || echo held"""
    (own_tree / "bin" / "mv").symlink_to("busybox")
    seen = tree.sh(script, mounts(mount("bind", "/w/a/ro", from_=work), mount("tmpfs", "/w/a/closed"), mount("remount", "/w/a/closed", access="ro"),
                                  root=root, paths={"/w/r": "deny"}))
    assert seen == "of work\ntouch: /w/a/ro/new: Read-only file system\ntouch: /w/a/closed/new: Read-only file system\nclosed\nnew\nro\nheld\n"
    assert os.listdir(work) == ["word"]


def test_the_way_through_an_overlay_is_opened_with_it(tree, work, given, tmp_path):
    """Its flags are those that the overlay has in the end, also where a remount takes some away."""
    for name in ("low/a/b", "low2", "upper", "work2"):
        (tmp_path / name).mkdir(parents=True)
        given(tmp_path / name)
    over = mount("overlay", "/o", lower=[tmp_path / "low", tmp_path / "low2"], upper=tmp_path / "upper", work=tmp_path / "work2", noexec=True,
                 noatime=True)
    over["lower"] = [str(one) for one in over["lower"]]
    seen = tree.probe('result = [sorted({"noexec", "noatime"} & set(m["options"])) for m in mounts() if m["at"] in ("/o", "/o/a")]',
                      mounts(over, mount("remount", "/o", noexec=False, noatime=False), paths={"/o/a/b": "deny"}))
    assert seen == [[], []]


@pytest.mark.invariant("S2")
def test_the_way_through_an_entry_covers_no_later_one(tree, work, given, host):
    for place in (work / "a", work / "a" / "b", work / "a" / "c"):
        place.mkdir()
        given(place)
    seen = tree.probe("""
result = [read("/w/a/b/data"), attempt(write, "/w/a/b/new"), attempt(write, "/w/a/new"), attempt(os.listdir, "/w/a/c"), attempt(os.rename, "/w/a", "/w/z")]""",
                      mounts(mount("bind", "/w", from_=work, access="rw"), mount("bind", "/w/a/b", from_=host), paths={"/w/a/c": "deny"}))
    assert seen == ["data of the host\n", "EROFS", "ok", "EACCES", "EBUSY"]


@pytest.mark.invariant("S2")
def test_a_rule_about_an_overlay_shows_the_overlay(tree, work, given, tmp_path):
    """And not what the list put on it, which its `rw` was not about."""
    for name in ("top", "bottom", "upper", "work2"):
        (tmp_path / name / "sub").mkdir(parents=True) if name in ("top", "bottom") else (tmp_path / name).mkdir()
        given(tmp_path / name)
    (tmp_path / "top" / "sub" / "word").write_text("of the layer")
    over = mount("overlay", "/o", lower=[str(tmp_path / "top"), str(tmp_path / "bottom")], upper=tmp_path / "upper", work=tmp_path / "work2")
    seen = tree.probe('result = [os.listdir("/o/sub"), attempt(write, "/o/new"), attempt(write, "/o/sub/new") in ("ok", "EACCES")]',
                      mounts(over, mount("bind", "/o/sub", from_=work), paths={"/o": "rw"}))
    assert seen == [["word"], "ok", True]
    assert os.listdir(work) == []


def test_a_rule_below_a_tmpfs_of_the_list(tree, host):
    seen = tree.probe('result = [read("/t/new/data"), attempt(os.listdir, "/t/no"), attempt(write, "/t/x")]',
                      {**mounts(mount("tmpfs", "/t"), mount("dir", "/t/new")),
                       "paths": {"/t/new/data": {"from": str(host / "data")}, "/t/no": "deny"}})
    assert seen == ["data of the host\n", "EACCES", "ok"]


def test_a_rule_makes_nothing_in_a_bind_of_the_list(tree, host, work):
    before = snapshot(work)
    error = tree.fails(["true"], {**mounts(mount("bind", "/w", from_=work, access="rw")), "paths": {"/w/new": {"from": str(host)}}})
    assert error["field"] == "/paths/~1w~1new" and "nothing is ever made" in error["message"], error
    # By way of a link, which no rule can see.
    error = tree.fails(["true"], {**mounts(mount("bind", "/w", from_=work, access="rw"), mount("symlink", "/l", target="w")),
                                  "paths": {"/l/new": {"from": str(host)}, "/l/tmp": "tmpfs"}})
    assert "nothing is ever made" in error["message"], error
    assert snapshot(work) == before


def test_the_list_stands_in_for_parts_of_the_base(tree, host):
    """A mount at or above a place of the base replaces it; what it does not show is not there."""
    seen = tree.probe('result = [os.listdir("/etc"), os.path.exists("/etc/passwd")]', mounts(mount("bind", "/etc", from_=host)))
    assert sorted(seen[0]) == sorted(os.listdir(host)) and seen[1] is False


# ---- merging -----------------------------------------------------------------------------------------------------------


def test_a_later_list_replaces_an_earlier_one(vfork_box, tmp_path, host):
    """Of files that are extended and of the request itself: order is the meaning of a list, so halves are not mixed."""
    (tmp_path / "base.json").write_text('{"version": 1, "mounts": [{"type": "tmpfs", "at": "/one"}, {"type": "tmpfs", "at": "/two"}]}')
    base = str(tmp_path / "base.json")
    assert vfork_box.sh("ls -d /one /two", {"extends": base}) == "/one\n/two\n"
    assert vfork_box.sh("ls -d /one /own 2>/dev/null; true", {"extends": base, **mounts(mount("tmpfs", "/own"))}) == "/own\n"
    assert vfork_box.sh("ls -d /one /own 2>/dev/null; true", {"extends": base, "mounts": []}) == ""
    out = vfork_box.sh("ls -d /one /two /x; cat /x/data", {"extends": base}, options=[
        "--set", "mounts=[{\"type\": \"tmpfs\", \"at\": \"/one\"}]", "--set", "mounts.-={\"type\": \"tmpfs\", \"at\": \"/two\"}",
        "--set", "mounts.-={\"type\": \"bind\", \"at\": \"/x\", \"from\": \"/none\"}", "--set", f"mounts.2.from={host}"])
    assert out == "/one\n/two\n/x\ndata of the host\n"


def test_ids_of_what_is_made(tree):
    out = tree.sh("stat -c %u:%g /t/f /d", mounts(mount("tmpfs", "/t"), mount("file", "/t/f"), mount("dir", "/d")))
    assert out == "1000:1000\n" * 2
