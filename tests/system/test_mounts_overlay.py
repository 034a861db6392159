"""`mounts` of the type overlay: several directories of the host at one place, read-only or with an upper one."""

import os

import pytest

from test_mounts import SAFE, mount, mounts, probe


@pytest.fixture
def layers(tmp_path):
    """Two layers with odd names: each has a file of its own, and both have `both`."""
    paths = [tmp_path / "top: one,", tmp_path / "bottom\\"]
    for path, name in zip(paths, ("top", "bottom")):
        path.mkdir()
        (path / name).write_text(name)
        (path / "both").write_text(name)
        (path / "sub").mkdir()
        path.chmod(0o755)
    tmp_path.chmod(0o755)
    return [str(p) for p in paths]


@pytest.mark.kernel
@pytest.mark.invariant("S2")
def test_read_only(tree, layers):
    seen = probe(tree, """
result = [sorted(os.listdir("/o")), read("/o/both"), row("/o")["type"], flags("/o"), attempt(write, "/o/new"), attempt(os.unlink, "/o/both")]""",
                 mounts(mount("overlay", "/o", lower=layers, noexec=True)))
    assert seen[:4] == [["both", "bottom", "sub", "top"], "top", "overlay", sorted(["ro", "noexec", *SAFE])]
    assert set(seen[4:]) == {"EROFS"} and sorted(os.listdir(layers[0])) == ["both", "sub", "top"]


def test_access_times(tree, layers):
    """Which kind of access times a mount has is one value of several: the kernel's own is taken away first."""
    seen = probe(tree, 'result = [flags("/o"), read("/o/both")]', mounts(mount("overlay", "/o", lower=layers, noatime=True)))
    assert seen == [sorted(["ro", "noatime", *SAFE]), "top"]


def test_with_an_upper_directory(tree, tmp_path, layers, given):
    for name in ("upper", "work"):
        (tmp_path / name).mkdir()
        given(tmp_path / name)
    seen = probe(tree, """
write("/o/new", "kept"); append("/o/both") if os.access("/o/both", os.W_OK) else None
result = [flags("/o"), sorted(os.listdir("/o"))]""",
                 mounts(mount("overlay", "/o", lower=layers, upper=tmp_path / "upper", work=tmp_path / "work")))
    assert seen == [sorted(["rw", *SAFE]), ["both", "bottom", "new", "sub", "top"]]
    assert (tmp_path / "upper" / "new").read_text() == "kept" and open(f"{layers[0]}/both").read() == "top"


@pytest.mark.kernel
def test_several(tree, layers):
    """Each takes the layers that stand before it in the plan, and no other's."""
    seen = probe(tree, 'result = [read("/a/both"), read("/b/both"), os.listdir("/t/c/sub")]',
                 mounts(mount("overlay", "/a", lower=layers), mount("overlay", "/b", lower=layers[::-1]), mount("tmpfs", "/t"),
                        mount("overlay", "/t/c", lower=layers)))
    assert seen == ["top", "bottom", []]


def test_rules_about_it(tree, layers):
    """Without `from` a rule is about the merged tree."""
    seen = tree.probe('result = [attempt(read, "/o/both"), attempt(os.listdir, "/o/sub"), read("/o/bottom")]',
                      {**mounts(mount("overlay", "/o", lower=layers)), "paths": {"/o/both": "deny", "/o/bottom": "ro"}})
    assert seen == ["EACCES", "ok", "bottom"]


def test_a_layer_that_is_missing(tree, tmp_path, layers):
    error = tree.fails(["true"], mounts(mount("overlay", "/o", lower=[layers[0], str(tmp_path / "none")])))
    assert (error["stage"], error["object"], error["errno_name"]) == ("source", str(tmp_path / "none"), "ENOENT"), error
    assert error["field"].startswith("/mounts/0")


def test_nothing_is_made_in_the_upper_directory(tree, tmp_path, layers, given):
    for name in ("upper", "work"):
        (tmp_path / name).mkdir()
        given(tmp_path / name)
    over = mount("overlay", "/o", lower=layers, upper=tmp_path / "upper", work=tmp_path / "work")
    error = tree.fails(["true"], mounts(over, mount("tmpfs", "/o/new")))
    assert error["field"] == "/mounts/1" and "nothing is ever made" in error["message"], error
    assert os.listdir(tmp_path / "upper") == []
