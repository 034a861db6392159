"""Words that let a payload undo what another word asks for: what it can then do, and that the outcome no longer promises it."""

import os
import subprocess

import pytest

from harness import AS_ROOT

OWN_FILTER = {"bpf": [[0x06, 0, 0, 0x7FFF0000]]}
MOUNT = 165 if os.uname().machine == "x86_64" else 40
UMOUNT = 166 if os.uname().machine == "x86_64" else 39
MS_REMOUNT_BIND = 32 | 4096 | 2 | 4  # with nosuid and nodev, which a source's own mount may lock

UNDO = f"""
name = ctypes.create_string_buffer(b"/w/ro")
denied = ctypes.create_string_buffer(b"/w/secret")
result = [attempt(write, "/w/ro/new"), attempt(read, "/w/secret"),
          system_call({MOUNT}, 0, ctypes.addressof(name), 0, {MS_REMOUNT_BIND}, 0),
          system_call({UMOUNT}, ctypes.addressof(denied), 0),
          attempt(write, "/w/ro/new"), attempt(read, "/w/secret")]"""


@pytest.fixture
def guarded(work, given):
    """A writable directory with a read-only and a denied part, which are the payload's own."""
    (work / "ro").mkdir()
    (work / "secret").write_text("secret")
    given(work / "ro")
    given(work / "secret")
    return {"paths": {"/w": {"from": str(work), "access": "rw"}, "/w/ro": "ro", "/w/secret": "deny"}, "init": False}


def promises(done):
    assert done.code == 0, done
    return set(done.outcome["enforced"])


def test_who_may_mount_undoes_mounts(box, guarded, work):
    request = {**guarded, "security": {"seccomp": OWN_FILTER, "capabilities": ["SYS_ADMIN"]}}
    assert box.probe(UNDO, request) == ["EROFS", "EACCES", 0, 0, "ok", "ok"]
    assert (work / "ro" / "new").exists()
    lost = {"read_only_paths", "denied_paths", "masked_paths", "device_allowlist", "disk_size"}
    assert not lost & promises(box.run(["true"], request)) and "path_view" in promises(box.run(["true"], request))


@pytest.mark.invariant("S2")
def test_the_default_filter_holds_who_may_mount(box, guarded, work):
    request = {**guarded, "security": {"capabilities": ["SYS_ADMIN"]}}
    assert box.probe(UNDO, request) == ["EROFS", "EACCES", "EPERM", "EPERM", "EROFS", "EACCES"]
    assert not (work / "ro" / "new").exists()
    assert {"read_only_paths", "denied_paths", "masked_paths"} <= promises(box.run(["true"], request))


@pytest.fixture
def neighbour(tmp_path):
    """A process of the host with an id of its own, and a file that this id alone may read."""
    here = tmp_path / "here"
    here.mkdir()
    here.chmod(0o755)
    file = here / "private"
    file.write_text("private")
    file.chmod(0o600)
    wrap = []
    if AS_ROOT:
        os.chown(file, 4242, 4242)
        wrap = ["setpriv", "--reuid", "4242", "--regid", "4242", "--clear-groups"]
    with subprocess.Popen([*wrap, "sh", "-c", "echo; exec sleep 600"], stdout=subprocess.PIPE, cwd=here) as process:
        try:
            assert process.stdout.readline() == b"\n"
            yield f"/{process.pid}/cwd/{file.name}"
        finally:
            process.kill()


@pytest.mark.as_root
@pytest.mark.parametrize("by", ["pid", "proc"])
def test_processes_of_the_same_id_are_a_way_to_the_host(box, neighbour, by):
    request = {"user": {"uid": 4242, "gid": 4242}, "namespaces": {"user": "host"}}
    if by == "pid":
        request = {**request, "init": False, "best_effort": ["tree_kill"], "namespaces": {"user": "host", "pid": "host"}}
        place = "/proc" + neighbour
    else:
        request["paths"] = {"/hostproc": {"from": "/proc"}}
        place = "/hostproc" + neighbour
    closed = f"result = attempt(read, {place!r})"
    assert box.probe(closed, {**request, "security": {"landlock": False}}) == "ok"
    assert box.probe(closed, request) == "EACCES"  # by Landlock, which is no promise where the kernel may be without
    assert not {"path_view", "read_only_paths", "denied_paths", "private_tmp"} & promises(box.run(["true"], request))


@pytest.mark.invariant("S1")
@pytest.mark.invariant("S7")
@pytest.mark.parametrize("by", ["pid", "proc"])
def test_with_an_own_user_namespace_they_are_none(box, neighbour, by):
    """The same id outside is not enough: who is in a user namespace has no rights over those outside of it."""
    request = {"init": False, "best_effort": ["tree_kill"], "namespaces": {"pid": "host"}} if by == "pid" else {
        "paths": {"/hostproc": {"from": "/proc"}}}
    if AS_ROOT:
        request["user"] = {"uid_map": [[1000, 4242, 1]], "gid_map": [[1000, 4242, 1]]}
    place = ("/proc" if by == "pid" else "/hostproc") + neighbour
    assert box.probe(f"result = attempt(read, {place!r})", request) == "EACCES"
    assert "path_view" in promises(box.run(["true"], request))
