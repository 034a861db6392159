"""`idmap`: whose files on disk are whose inside, what is left on disk, and who may ask for it."""

import os
import stat

import pytest

from harness import NOBODY, Sandbox, everything

TO_ROOT = [[0, 1000, 1]]  # root's files on disk are the payload's inside


@pytest.fixture(params=["", "6.1"], ids=["running-kernel", "linux-6.1"])
def mapped(request, tmp_path):
    """Such sandboxes start in helper mode."""
    (tmp_path / "box").mkdir()
    return Sandbox(tmp_path / "box", None, request.param)


@pytest.fixture
def roots(tmp_path):
    """A directory that is root's, with a private file, a directory and a set-user-id program."""
    path = tmp_path / "roots"
    (path / "sub" / "deep").mkdir(parents=True)
    (path / "private").write_text("root's own\n")
    (path / "private").chmod(0o600)
    (path / "suid").write_bytes(open("/usr/bin/id", "rb").read())
    (path / "suid").chmod(0o4755)
    return path


def shown(path, idmap, access="rw", **more):
    return {"paths": {"/d": {"from": str(path), "access": access, "idmap": idmap}, **more.pop("paths", {})}, **more}


OWNERS = "result = {n: os.stat('/d/' + n).st_uid for n in sorted(os.listdir('/d'))}"


@pytest.mark.as_root
def test_who_owns_it_on_disk_counts(mapped, roots):
    """Neither the library nor the command advises to give it to the payload's id outside, which it would not show as."""
    os.chown(roots, 65534, 65534)
    error = mapped.fails(["true"], shown(roots, "user"))
    assert (error["stage"], error["object"], error["errno_name"]) == ("access", "/d", "EACCES"), error
    assert "whose it is on disk" in error["hint"] and "chown" not in error["hint"]
    line = mapped.run(["true"], shown(roots, "user")).line
    assert "whose it is on disk" in line and "chown" not in line


@pytest.mark.as_root
@pytest.mark.parametrize("forced", ["", "helper"])
def test_files_of_root_are_the_payloads(mapped, roots, forced):
    code = OWNERS + """
result["text"] = read("/d/private")
write("/d/made", "made inside"); os.mkdir("/d/sub/made"); append("/d/private", "more")
result["made"] = [os.stat(p).st_uid for p in ("/d/made", "/d/sub/made")] + [os.stat(p).st_gid for p in ("/d/made",)]
result["uid"] = [os.getuid(), status()["Uid"].split()]
result["mount"] = [m for m in mounts() if m["at"] == "/d"][0]"""
    seen = mapped.probe(code, shown(roots, TO_ROOT), env={"STYRO_SPAWN": forced} if forced else None)
    assert [seen[n] for n in ("private", "sub", "suid")] == [1000] * 3 and seen["text"] == "root's own\n"
    assert seen["made"] == [1000] * 3 and seen["uid"] == [1000, ["1000"] * 4]
    assert {"idmapped", "nosuid", "nodev", "rw"} <= set(seen["mount"]["options"]) and seen["mount"]["optional"] == []
    assert (roots / "private").read_text() == "root's own\nmore"
    assert [(roots / n).stat().st_uid for n in ("made", "sub/made", "private")] == [0] * 3
    assert (roots / "made").stat().st_gid == 0


@pytest.mark.as_root
def test_vfork_mode_cannot_make_them(mapped, roots):
    done = mapped.run(["true"], shown(roots, TO_ROOT), env={"STYRO_SPAWN": "vfork"})
    assert done.code == 125 and "idmapped mounts are made in the spawn mode `helper`" in done.line, done
    assert "/paths" in done.line and "unset STYRO_SPAWN" in done.line, done


@pytest.mark.as_root
def test_user_is_the_same_id_inside_as_on_disk(mapped, tmp_path):
    path = tmp_path / "d"
    path.mkdir()
    for name, owner in (("mine", 1000), ("roots", 0), ("others", 1001)):
        (path / name).write_text("")
        os.chown(path / name, owner, owner)
    os.chown(path, 1000, 1000)
    seen = mapped.probe(OWNERS + "\nwrite('/d/made')\nresult['put'] = attempt(append, '/d/others')", shown(path, "user"))
    assert seen == {"mine": 1000, "roots": NOBODY, "others": NOBODY, "put": "EACCES"}
    assert (path / "made").stat().st_uid == 1000, "and not 65534"


@pytest.mark.kernel
@pytest.mark.as_root
def test_ranges_meet_those_of_the_sandbox(mapped, tmp_path):
    """On disk 0 to 9 are 40 to 49 inside, which the sandbox has as two ranges."""
    path = tmp_path / "d"
    path.mkdir()
    for owner in (0, 4, 5, 9, 10):
        (path / str(owner)).write_text("")
        os.chown(path / str(owner), owner, owner)
    ids = [[40, 300000, 5], [45, 400000, 5]]
    user = {"uid": 40, "gid": 40, "uid_map": ids, "gid_map": ids}
    seen = mapped.probe(OWNERS + "\nwrite('/d/made')", shown(path, [[0, 40, 10]], user=user))
    assert seen == {"0": 40, "4": 44, "5": 45, "9": 49, "10": NOBODY}
    assert (path / "made").stat().st_uid == 0


@pytest.mark.kernel
@pytest.mark.as_root
def test_entries_below_and_beside(mapped, roots, host):
    """What is shown of it is idmapped too; what stands in it from elsewhere is not; what is denied is denied."""
    paths = {"/d/sub": "ro", "/d/sub/deep": "rw", "/d/private": "deny", "/e": {"from": str(roots)}, "/d/suid": {"from": str(host / "data")}}
    seen = mapped.probe("""
result = [os.stat(p).st_uid for p in ("/d", "/d/sub", "/d/sub/deep", "/e", "/d/suid")]
result += [attempt(write, p) for p in ("/d/sub/new", "/d/sub/deep/new", "/e/new", "/d/new")] + [attempt(read, "/d/private")]
result += [[m["at"] for m in mounts() if "idmapped" in m["options"]]]""", shown(roots, TO_ROOT, paths=paths))
    assert seen[:5] == [1000, 1000, 1000, NOBODY, NOBODY]
    assert seen[5:10] == ["EROFS", "ok", "EROFS", "ok", "EACCES"]
    assert sorted(seen[10]) == ["/d", "/d/sub", "/d/sub/deep"]


@pytest.mark.kernel
@pytest.mark.as_root
@pytest.mark.parametrize("writable", [False, True])
def test_a_root_directory(mapped, rootfs, writable):
    (rootfs / "data" / "private").write_text("root's own\n")
    (rootfs / "data" / "private").chmod(0o600)
    before = everything(rootfs)
    request = {"root": {"directory": str(rootfs), "writable": writable, "idmap": TO_ROOT}}
    seen = mapped.sh("cat /data/private; stat -c %u / /data; echo x 2>/dev/null >/data/made; :", request)
    assert seen == "root's own\n1000\n1000\n"
    assert (rootfs / "data" / "made").exists() == writable
    if writable:
        assert (rootfs / "data" / "made").stat().st_uid == 0
    else:
        assert everything(rootfs) == before


@pytest.mark.as_root
@pytest.mark.invariant("S13")
def test_set_user_id_gives_nothing_inside_and_stays_on_disk(mapped, roots):
    """What SECURITY.md says of it: inside nosuid, but a payload that owns root's files leaves what it likes."""
    seen = mapped.probe("""
import shutil, subprocess
shutil.copy("/usr/bin/id", "/d/left"); os.chmod("/d/left", 0o4755)
result = [subprocess.run([p, "-u"], capture_output=True, text=True).stdout for p in ("/d/suid", "/d/left")]""",
                        shown(roots, TO_ROOT))
    assert seen == ["1000\n", "1000\n"]
    left = (roots / "left").stat()
    assert left.st_uid == 0 and stat.S_IMODE(left.st_mode) == 0o4755


@pytest.mark.as_root
def test_rw_is_checked_with_the_map(mapped, roots):
    """Without one the payload could not write, and the hint names the way; with one that leads elsewhere neither."""
    error = mapped.fails(["true"], {"paths": {"/d": {"from": str(roots), "access": "rw"}}})
    assert error["stage"] == "access" and "`idmap`" in error["hint"]
    error = mapped.fails(["true"], shown(roots, [[77, 1000, 1]]))
    assert (error["stage"], error["object"]) == ("access", "/d")
    mapped.ok(["true"], shown(roots, TO_ROOT))


@pytest.mark.as_root
def test_a_missing_source(mapped, tmp_path):
    error = mapped.fails(["true"], shown(tmp_path / "none", "user"))
    assert (error["stage"], error["field"], error["errno_name"]) == ("source", "/paths/~1d", "ENOENT")
    request = shown(tmp_path / "none", "user")
    request["paths"]["/d"]["optional"] = True
    assert mapped.sh("ls -d /d 2>&1 || :", request).endswith("No such file or directory\n")


@pytest.mark.as_root
def test_what_takes_no_idmap(mapped, tmp_path):
    """proc and devpts are the kernel's own."""
    error = mapped.fails(["true"], shown("/proc/sys/kernel", "user", "ro"))
    assert error["errno_name"] == "EINVAL" and error["object"] == "/proc/sys/kernel"
    assert "with other ids" in error["message"] and "leave `idmap` out" in error["hint"]


@pytest.mark.as_root
def test_in_a_user_namespace_of_ones_own_it_is_refused(mapped, roots, own_helper):
    """There the caller has all capabilities, and the file system belongs to the first one."""
    wrap = ["unshare", "--user", "--map-root-user", "--mount"]
    request = {**shown(roots, [[0, 1000, 1]]), "user": {"uid_map": "self", "gid_map": "self"}}
    error = mapped.fails(["true"], request, wrap=wrap, env=own_helper)
    assert error["errno_name"] == "EPERM" and error["object"] == str(roots) and "another user namespace" in error["hint"]


@pytest.mark.as_ordinary
def test_ordinary_callers_are_told(mapped, work):
    done = mapped.run(["true"], shown(work, "user"))
    assert done.code == 125 and done.out == b""
    assert "idmapped mounts need CAP_SYS_ADMIN" in done.line and "call as root" in done.line, done


@pytest.mark.as_root
def test_without_the_capability_it_is_refused(mapped, roots):
    wrap = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]
    done = mapped.run(["true"], shown(roots, TO_ROOT), wrap=wrap)
    assert done.code == 125 and "idmapped mounts need CAP_SYS_ADMIN" in done.line and "/paths" in done.line, done


def test_nothing_of_it_is_automatic(tree, work):
    """Without the word no mount is idmapped, for whomever."""
    assert tree.probe("result = [m for m in mounts() if 'idmapped' in m['options']]", {"paths": {"/w": {"from": str(work), "access": "rw"}}}) == []

