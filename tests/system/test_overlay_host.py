"""Overlays where the user namespace is the host's, or a joined one: the kernel makes one over a directory with mounts below it
as well, leaves them out and shows what they cover. So each layer is looked at first.
"""

import os

import pytest

from harness import NOBODY, contents
from test_joins import join, others
from test_mounts import mount, mounts
from test_overlay import keeps_attributes, overlay
from test_root import CHANGED, CHANGES
from test_root import writable as writable_root

HOST = {"namespaces": {"user": "host"}}
pytestmark = pytest.mark.as_root


def mounting(script):
    return ["unshare", "-m", "--propagation", "private", "/bin/sh", "-ec", script + '; exec "$@"', "sh"]


# ---- what works --------------------------------------------------------------------------------------------------------


@pytest.mark.kernel
def test_changes_are_discarded(tree, own_tree):
    before = contents(own_tree)
    for _ in range(2):
        seen = tree.sh(CHANGES, writable_root(own_tree, "discard", **HOST))
        assert seen == CHANGED + "bin\ndata\ndev\netc\ngone\nhome\nmade\nnew\nproc\ntmp\n"
        assert contents(own_tree) == before


@pytest.mark.kernel
def test_changes_go_to_upper_and_stay(tree, own_tree, upper):
    before = contents(own_tree)
    request = {**overlay(own_tree, **upper), **HOST}
    assert tree.sh("echo more >> /data/file; mkdir /made; rm -r /gone; ls /", request).split() == [
        "bin", "data", "dev", "etc", "home", "made", "proc", "tmp"]
    assert tree.sh("cat /data/file; ls /gone 2>/dev/null; :", request) == "of the tree\nmore\n"
    made = os.stat(upper["upper"] + "/made")
    assert contents(own_tree) == before and (made.st_uid, made.st_gid) == (NOBODY, NOBODY)


def test_only_read(tree, rootfs, layer):
    top = layer("top", {"data/top": "of the top\n"})
    seen = tree.sh("cat /data/top /data/file; touch /data/new 2>&1; :", {**overlay(top, rootfs), **HOST})
    assert seen == "of the top\nof the tree\ntouch: /data/new: Read-only file system\n"


@pytest.mark.invariant("S6")
@pytest.mark.invariant("S13")
@pytest.mark.parametrize("writable", [False, "discard"])
def test_it_gives_neither_devices_nor_ids(tree, rootfs, layer, writable):
    """The overlay reads its layers with the helper's rights; what the payload may is its own."""
    top = layer("top", {"secret": "of root\n"})
    os.chown(top / "secret", 0, 0)
    (top / "secret").chmod(0o600)
    os.mknod(top / "null", 0o020666, os.makedev(1, 3))
    (rootfs / "bin" / "busybox").chmod(0o4755)
    seen = tree.sh("cat /secret 2>&1; cat /null 2>&1; id -u", {**overlay(top, rootfs, writable=writable), **HOST})
    assert seen == f"cat: can't open '/secret': Permission denied\ncat: can't open '/null': Permission denied\n{NOBODY}\n"


@pytest.mark.parametrize("made_in", ["new", "host"])
def test_what_was_removed_stays_so_under_the_other(tree, rootfs, layer, upper, made_in):
    if not keeps_attributes(upper["upper"]):
        pytest.skip("a tmpfs without attributes")
    base = layer("base", {"data/one": "1", "data/two": "2"})
    other = {"new": "host", "host": "new"}[made_in]
    tree.sh("rm /data/one", {**overlay(base, rootfs, **upper), "namespaces": {"user": made_in}})
    assert tree.sh("ls /data", {**overlay(upper["upper"], base, rootfs), "namespaces": {"user": other}}) == "file\ntwo\n"


# ---- mounts in a layer ---------------------------------------------------------------------------------------------------


def ways(lower, own_tree, upper):
    """Where a directory becomes a layer: the request, and the field of the error."""
    return {"root lower": ({**overlay(lower, own_tree)}, "/root/overlay/lower"),
            "root upper": ({**overlay(own_tree, upper=lower, work=upper["work"])}, "/root/overlay/upper"),
            "root work": ({**overlay(own_tree, upper=upper["upper"], work=lower)}, "/root/overlay/work"),
            "discard": (writable_root(lower, "discard"), "/root/directory"),
            "mounts lower": (mounts(mount("tmpfs", "/t"), mount("overlay", "/o", lower=[str(own_tree), str(lower)])), "/mounts/1/lower"),
            "mounts upper": (mounts(mount("overlay", "/o", lower=[str(own_tree)], upper=lower, work=upper["work"])), "/mounts/0/upper")}


@pytest.mark.invariant("S1")
@pytest.mark.parametrize("way", ways("", "", {"upper": "", "work": ""}))
def test_a_mount_in_a_layer(tree, own_tree, layer, upper, way):
    top = layer("top", {"a/b/covered": "secret\n"})
    request, field = ways(str(top), own_tree, upper)[way]
    error = tree.fails(["/bin/sh"], {**request, **HOST}, wrap=mounting(f"mount -t tmpfs none {top}/a/b"))
    assert (error["field"], error["object"], error["errno_name"]) == (field, str(top), "EBUSY"), error
    assert error["message"].startswith(f"`{top}` cannot be a layer of an overlay: `{top}/a/b` is mounted in it"), error
    assert "unmount it first, or name a directory without" in error["hint"]


@pytest.mark.parametrize("name", ["spa ce", "new\nline", "back\\slash", "tab\t", "\\040", "ü", "x" * 60])
def test_names_of_layers_and_mounts(tree, own_tree, layer, name):
    top = layer(name, {f"{name}/covered": ""})
    wrap = ["unshare", "-m", "--propagation", "private", "/bin/sh", "-ec", 'mount -t tmpfs none "$0"; exec "$@"', top / name]
    error = tree.fails(["/bin/sh"], {**overlay(top, own_tree), **HOST}, wrap=wrap)
    assert "is mounted in it" in error["message"] and error["field"] == "/root/overlay/lower", error


@pytest.mark.parametrize("script", [
    "mount --bind {0}/etc/file {0}/etc/file",                                  # a file
    "mount --bind {0} {0}; mount -t tmpfs none {0}/etc",                       # on a mount of its own
    "mount -t tmpfs none {0}/etc; mkdir {0}/etc/x; mount -t tmpfs none {0}/etc/x",
    "mount -t tmpfs none {0}/etc; mount -t tmpfs none {0}/etc",                # one over the other
])
def test_all_that_can_be_mounted(tree, own_tree, layer, script):
    top = layer("top", {"etc/file": ""})
    error = tree.fails(["/bin/sh"], {**overlay(top, own_tree), **HOST}, wrap=mounting(script.format(top)))
    assert f"`{top}/etc" in error["message"] and "is mounted in it" in error["message"], error


@pytest.mark.parametrize("script", [
    "mount --bind {0} {0}",                                                     # the layer itself
    "mkdir {0}er; mount -t tmpfs none {0}er",                                   # a name that begins so
    "mkdir {0}er; mount --bind {0} {0}er; mount -t tmpfs none {0}er/etc",       # inside another view of it
    "mount -t tmpfs none {0}/etc; mount --bind {0} {0}",                        # covered, with what was mounted in it
])
def test_mounts_that_are_in_no_layer(tree, own_tree, layer, script):
    top = layer("top", {"etc/file": ""})
    assert tree.sh("ls /etc", {**overlay(top, own_tree), **HOST}, wrap=mounting(script.format(top))) == "file\npasswd\n"


def test_a_layer_by_a_link(tree, own_tree, layer, tmp_path):
    top = layer("top", {"a/b": ""})
    (tmp_path / "link").symlink_to(top)
    error = tree.fails(["/bin/sh"], {**overlay(tmp_path / "link", own_tree), **HOST}, wrap=mounting(f"mount -t tmpfs none {top}/a"))
    assert error["object"] == str(tmp_path / "link") and f"`{top}/a` is mounted in it" in error["message"], error


@pytest.mark.parametrize("kinds", [("user",), ("user", "mount")], ids="-".join)
def test_in_a_joined_user_namespace(tree, own_tree, layer, kinds):
    top = layer("top", {"a/covered": "secret\n", "data/top": ""})
    tree.mode = None
    for script, fits in (("true", True), (f"mount -t tmpfs none {top}/a", False)):
        with others("--mount", script=script, user=True) as pid:
            if kinds == ("user",) and not fits:
                continue  # what is mounted there does not show here
            request = {**overlay(top, own_tree), **join(pid, *kinds), "user": {"uid": 0, "gid": 0}}
            if fits:
                assert tree.sh("ls /data", request) == "file\ntop\n"
            else:
                error = tree.fails(["/bin/sh"], request)
                assert f"`{top}/a` is mounted in it" in error["message"], error
