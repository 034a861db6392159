"""`root.overlay`: several directories as one tree, what is changed where, and what the kernel's refusals are called."""

import errno
import json
import os
import pathlib
import stat
import subprocess

import pytest

from harness import AS_ROOT, COMMAND, LINUX, Caller, contents, in_user_namespace
from test_kernels import without

INDEX = pathlib.Path("/sys/module/overlay/parameters/index")

NAMES = ["plain", "with:colon", "with,comma", "back\\slash", "new\nline", "space and\ttab", "ünïcode", "x" * 255]


def overlay(*lowers, writable=None, size=None, paths=None, **more):
    root = {"overlay": {"lower": [str(one) for one in lowers], **more}}
    if writable is not None:
        root["writable"] = writable
    if size:
        root["size"] = size
    return {"root": root, "paths": paths or {}}


def keeps_attributes(directory):
    """Without user.* attributes, which tmpfs has since Linux 6.6, a directory of a lower layer that was emptied stays: EIO."""
    try:
        os.setxattr(directory, "user.test", b"")
    except OSError as error:
        assert error.errno == errno.EOPNOTSUPP
        return False
    os.removexattr(directory, "user.test")
    return True


# ---- what shows ------------------------------------------------------------------------------------------------------


def test_the_first_lower_directory_is_the_topmost(tree, rootfs, layer):
    top = layer("top", {"data/file": "of the top\n", "data/top": ""})
    middle = layer("middle", {"data/file": "of the middle\n", "data/middle": ""})
    before = contents(rootfs), contents(top), contents(middle)
    request = overlay(top, middle, rootfs)
    script = "cat /data/file; ls /data; touch /new /data/new 2>&1; echo x 2>&1 >/data/file; sed -n '/ \\/ \\/ /p' /proc/self/mountinfo"
    (rootfs / "bin" / "sed").symlink_to("busybox")
    before = contents(rootfs), contents(top), contents(middle)
    seen = tree.sh(script, request)
    assert seen.startswith("of the top\nfile\nmiddle\ntop\n") and seen.count("Read-only file system") >= 2, seen
    row = seen.splitlines()[-1].split()
    assert row[3:5] == ["/", "/"] and {"ro", "nosuid", "nodev"} <= set(row[5].split(",")) and "overlay" in row
    assert (contents(rootfs), contents(top), contents(middle)) == before


@pytest.mark.parametrize("name", NAMES, ids=[n[:9].encode("unicode_escape").decode() for n in NAMES])
@pytest.mark.parametrize("changes", ["none", "upper"])
def test_names_of_layers_need_no_escaping(tree, rootfs, layer, tmp_path, given, name, changes):
    """By descriptor or its number in /proc: a directory's name is never part of an option."""
    top = layer(name, {"data/mine": name})
    more = {}
    if changes == "upper":
        for one in ("upper", "work"):
            (tmp_path / one / name).mkdir(parents=True)
            given(tmp_path / one / name)
            more[one] = str(tmp_path / one / name)
    (rootfs / "bin" / "cp").symlink_to("busybox")
    seen = tree.sh("cat /data/mine; cp /data/mine /data/copy 2>/dev/null; :", overlay(top, rootfs, **more))
    assert seen == name
    if changes == "upper":
        assert (tmp_path / "upper" / name / "data" / "copy").read_text() == name


def test_many_lower_directories(tree, rootfs, layer):
    """499 and the root, the most that the kernel takes: their names alone are longer than a page."""
    made = [layer(f"a-layer-with-a-rather-long-name-{i}", {f"data/{i}": str(i)}) for i in range(499)]
    count = "ls /data | wc -l; cat /data/0 /data/250 /data/498"
    (rootfs / "bin" / "wc").symlink_to("busybox")
    assert tree.sh(count, overlay(*made, rootfs)) == "500\n0250498"


def test_whiteouts_hide_what_lies_below(tree, rootfs, layer, upper):
    """What one sandbox deletes in its upper directory stays deleted where that is a lower one."""
    base = layer("base", {"data/one": "1", "data/two": "2"})
    assert tree.sh("rm /data/one; ls /data", overlay(base, rootfs, **upper)) == "file\ntwo\n"
    assert (base / "data" / "one").exists()
    assert tree.sh("ls /data", overlay(upper["upper"], base, rootfs)) == "file\ntwo\n"


# ---- changes -----------------------------------------------------------------------------------------------------------


@pytest.mark.kernel
def test_changes_go_to_upper_and_stay(tree, own_tree, upper):
    before = contents(own_tree)
    request = overlay(own_tree, **upper)
    left = [] if keeps_attributes(upper["upper"]) else ["gone"]
    assert tree.sh("echo more >> /data/file; mkdir /made; rm -r /gone; ls /", request).split() == [
        "bin", "data", "dev", "etc", *left, "home", "made", "proc", "tmp"]
    assert tree.sh("cat /data/file; ls -d /made; ls /gone 2>/dev/null; :", request) == "of the tree\nmore\n/made\n"
    assert contents(own_tree) == before
    made = os.stat(upper["upper"] + "/made")
    assert (made.st_uid, made.st_gid) == (Caller.outside_uid, Caller.outside_gid)
    assert sorted(os.listdir(upper["upper"])) == ["data", "gone", "made"], "no place was made there"
    assert os.listdir(upper["work"]) == ["work"]


def test_changes_are_discarded(tree, own_tree, layer):
    top = layer("top", {"data/top": ""})
    before = contents(own_tree), contents(top)
    for _ in range(2):
        seen = tree.sh("ls /data; echo x > /data/made; rm /data/top; ls /data", overlay(top, own_tree, writable="discard"))
        assert seen == "file\ntop\nfile\nmade\n"
    assert (contents(own_tree), contents(top)) == before
    (own_tree / "bin" / "dd").symlink_to("busybox")
    script = "dd if=/dev/zero of=/big bs=64k count=64 2>/dev/null; stat -c %s /big"
    assert 512 << 10 < int(tree.sh(script, overlay(own_tree, writable="discard", size="1M"))) <= 1 << 20


def test_nothing_is_made_in_upper(tree, own_tree, upper, host):
    for paths in ({"/in": {"from": str(host)}}, {"/absent": "deny"}, {"/absent": "tmpfs"}, {"/absent": "rw"}):
        error = tree.fails(["sh"], overlay(own_tree, paths=paths, **upper))
        assert error["object"] in paths and "does not exist inside" in error["message"] and error["hint"]
    assert os.listdir(upper["upper"]) == []
    seen = tree.sh("cat /in/deep/data", overlay(own_tree, writable="discard", paths={"/in/deep": {"from": str(host)}}))
    assert seen == "data of the host\n"


@pytest.mark.parametrize("access", ["ro", "rw", "deny", "tmpfs"])
def test_rules_without_from_are_about_the_overlay(tree, own_tree, upper, layer, access):
    """The merged tree's, neither one layer's nor the host's path of that name."""
    top = layer("top", {"etc/top": "of the top\n"})
    request = overlay(top, own_tree, paths={"/etc": access}, **upper)
    seen = tree.sh("ls /etc 2>&1; touch /etc/made 2>/dev/null; touch /data/made; ls /etc 2>/dev/null; :", request)
    names = {"ro": "passwd\ntop\n" * 2, "rw": "passwd\ntop\nmade\npasswd\ntop\n", "tmpfs": "made\n"}
    assert seen == names.get(access, "ls: can't open '/etc': Permission denied\n")
    assert os.path.exists(upper["upper"] + "/data/made")
    assert os.path.exists(upper["upper"] + "/etc/made") == (access == "rw") and not os.path.exists("/etc/made")


def test_rules_inside_each_other_below_an_overlay(tree, own_tree, upper, layer, host):
    top = layer("top", {"a/b/c/d/file": "deep\n", "a/other": ""})
    paths = {"/a": "ro", "/a/b": "rw", "/a/b/c": "deny", "/a/b/c/d": {"from": str(host)}, "/tmp/own": {"from": str(host)}}
    script = """touch /a/new 2>/dev/null || echo /a is closed; touch /a/b/new && ls /a/b/c 2>/dev/null || echo c is hidden
        cat /a/b/c/d/data /tmp/own/data; rm -r /a/b/c 2>/dev/null; mv /a /z 2>/dev/null; ls /"""
    (own_tree / "bin" / "mv").symlink_to("busybox")
    seen = tree.sh(script, overlay(top, own_tree, paths=paths, **upper))
    assert seen.startswith("/a is closed\nc is hidden\n" + "data of the host\n" * 2 + "a\nbin\n"), seen
    assert os.path.exists(upper["upper"] + "/a/b/new") and (top / "a/b/c/d/file").exists()


def test_what_rules_show_cannot_be_moved_away_in_an_upper(tree, own_tree, upper):
    (own_tree / "data" / "sub").mkdir()
    (own_tree / "data" / "sub" / "key").write_text("secret")
    (own_tree / "bin" / "mv").symlink_to("busybox")
    request = overlay(own_tree, paths={"/data/sub/key": "deny"}, **upper)
    script = "cat /data/sub/key; mv /data /elsewhere; mv /data/sub /elsewhere; rm -r /data/sub; mkdir -p /data/sub; ls /data/sub"
    assert tree.sh(f"({script}) 2>/dev/null", request) == "key\n"


def test_rw_below_an_overlay_that_is_only_read(tree, own_tree, layer):
    error = tree.fails(["sh"], overlay(layer("top", {}), own_tree, paths={"/data": "rw"}))
    assert error["object"] == "/data" and error["errno_name"] == "EROFS"


def test_root_of_a_root_caller_keeps_its_own_ids(tree, own_tree, upper, request):
    """With the caller's own ids an upper of the caller's own will do."""
    if not AS_ROOT:
        pytest.skip("of an ordinary caller it is so anyway")
    for path in upper.values():
        os.chown(path, 0, 0)
    tree.sh("echo x > /made", {**overlay(own_tree, **upper), "user": Caller.own_ids})
    assert os.stat(upper["upper"] + "/made").st_uid == 0


# ---- what the kernel refuses -------------------------------------------------------------------------------------------


def refused(tree, request, *words, **more):
    error = tree.fails(["sh"], request, **more)
    text = error["message"] + " " + error["hint"]
    for word in words:
        assert word in text, (word, error)
    return error


@pytest.mark.parametrize("which", ["lower", "upper", "work"])
@pytest.mark.parametrize("what", ["missing", "file", "fifo"])
def test_layers_must_be_directories(tree, own_tree, upper, tmp_path, which, what):
    path = tmp_path / "odd"
    if what == "file":
        path.write_text("")
    elif what == "fifo":
        os.mkfifo(path)
    request = overlay(path, own_tree, **upper) if which == "lower" else overlay(own_tree, **{**upper, which: str(path)})
    error = refused(tree, request, "exists" if what == "missing" else "must be a directory")
    assert (error["stage"], error["field"]) == ("source" if what == "missing" else "root", f"/root/overlay/{which}")
    assert error["object"] == str(path) and error["errno_name"] == ("ENOENT" if what == "missing" else "ENOTDIR")


def test_upper_that_the_payload_cannot_write(tree, own_tree, upper):
    """The kernel would make it read-only, with a word in its log."""
    for path in upper.values():
        if AS_ROOT:
            os.chown(path, 0, 0)
        else:
            os.chmod(path, 0o555)
    error = refused(tree, overlay(own_tree, **upper), "chown 65534:65534")
    if AS_ROOT:
        assert error["stage"] == "root" and error["object"] in upper.values() and "cannot make an overlay" in error["message"]
    else:  # the set-up has CAP_DAC_OVERRIDE over what is the payload's own
        assert (error["stage"], error["field"], error["object"]) == ("access", "/root/overlay/upper", "/")
    assert os.listdir(upper["upper"]) == []


def test_upper_and_work_on_two_mounts(tree, own_tree, upper, below_mounts):
    mounted = below_mounts(f"mount -t tmpfs -o mode=777 work {upper['work']}")
    error = refused(tree, in_user_namespace(overlay(own_tree, **upper)), "one mount of one file system", **mounted)
    assert error["object"] == upper["work"] and error["errno_name"] == "EXDEV"


def test_upper_on_a_read_only_mount(tree, own_tree, upper, below_mounts):
    changes = os.path.dirname(upper["upper"])
    mounted = below_mounts(f"mount --bind {changes} {changes}; mount -o remount,bind,ro {changes}")
    error = refused(tree, in_user_namespace(overlay(own_tree, **upper)), "must be writable", **mounted)
    assert error["object"] == upper["upper"] and error["errno_name"] == "EROFS"


def test_mounts_below_a_layer(tree, own_tree, layer, below_mounts):
    """What they cover must not show."""
    top = layer("top", {"data/secret": "covered\n"})
    mounted = below_mounts(f"mount -t tmpfs sub {top}/data")
    error = refused(tree, in_user_namespace(overlay(top, own_tree)), "without them", **mounted)
    assert error["stage"] == "root" and error["errno_name"] == "EINVAL"


def test_layers_that_overlap_by_a_link(tree, own_tree, layer, tmp_path):
    """By their names that is refused before anything is done; the kernel sees what links make of them."""
    top = layer("top", {"in/file": ""})
    (tmp_path / "link").symlink_to(top / "in")
    error = refused(tree, overlay(top, tmp_path / "link", own_tree), "within another")
    assert error["errno_name"] == "ELOOP" and error["stage"] == "root"


MADE_BY = {"EBUSY": "in use by another overlay: give each its own", "ESTALE": "belong to other lower directories: empty both, or name new ones",
           "E2BIG": "the kernel takes 500 lower directories, before Linux 6.5 in one page of text"}


@pytest.mark.parametrize("answer", MADE_BY)
def test_what_the_kernel_answers_to_the_whole(tree, own_tree, upper, answer):
    """By a filter: the first two take a kernel whose overlays have an index, and E2BIG more than it is ever given."""
    call = "mount" if tree.kernel or LINUX < (6, 5) else "fsconfig_create"
    error = refused(tree, overlay(own_tree, **upper), "cannot make an overlay with `", MADE_BY[answer], wrap=without(answer, call))
    at_fault = str(own_tree) if answer == "E2BIG" else upper["upper"]
    assert (error["stage"], error["field"], error["object"], error["errno_name"]) == ("root", "/root/overlay", at_fault, answer), error


def test_an_upper_directory_that_is_in_use(tree, own_tree, upper):
    """Only where its overlays have an index does the kernel refuse; elsewhere two of them write to one directory, as documented."""
    request = overlay(own_tree, **upper)
    with tree.start(["/bin/sh", "-c", "echo there; read line"], request, stdin=subprocess.PIPE) as first:
        assert first.read_line() == "there"
        if INDEX.read_text().strip() == "Y":
            error = refused(tree, request, MADE_BY["EBUSY"])
            assert (error["errno_name"], error["object"]) == ("EBUSY", upper["upper"]), error
        else:
            assert tree.sh("echo second > /data/second; cat /data/second", request) == "second\n"


def test_as_many_layers_as_there_can_be(tree, rootfs, layer, upper):
    """500 and an upper one: neither the kernel's bound nor a page of text is ever passed."""
    made = [layer(f"{i}", {f"data/{i}": ""}) for i in range(499)]
    (rootfs / "bin" / "wc").symlink_to("busybox")
    assert tree.sh("ls /data | wc -l", overlay(*made, rootfs, **upper)) == "500\n"


@pytest.mark.invariant("S3")
def test_links_in_layers_stay_inside(tree, rootfs, layer):
    top = layer("top", {"x": ""})
    (top / "link").symlink_to("/etc/passwd")
    (top / "up").symlink_to("../../../../../../etc/passwd")
    assert tree.sh("cat /link /up", overlay(top, rootfs)) == "tree:x:1000:1000::/:/bin/sh\n" * 2


@pytest.mark.as_root
@pytest.mark.invariant("S6")
@pytest.mark.invariant("S13")
def test_devices_and_setuid_programs_in_layers_give_nothing(tree, rootfs, layer):
    top = layer("top", {"x": ""})
    os.mknod(top / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    (rootfs / "bin" / "busybox").chmod(0o4755)
    seen = tree.sh("cat /null 2>&1; id -u", overlay(top, rootfs))
    assert seen == "cat: can't open '/null': Permission denied\n1000\n"


def test_explain_names_the_layers(vfork_box, own_tree, upper, layer):
    request = vfork_box.write({**overlay(layer("top", {}), own_tree, **upper), "command": ["sh"]})
    plan = json.loads(subprocess.run([COMMAND, "explain", "--emit", "json", request], capture_output=True, check=True).stdout)
    rows = [(step["object"], step["details"]) for step in plan["steps"] if step["step"] == "layer"]
    assert [row[0].split("/")[-1] for row in rows] == ["top", "rootfs", "upper", "work"]
    assert "changes go there and stay" in rows[2][1]
