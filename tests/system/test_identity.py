"""`user`: who the payload is inside and outside, and which groups it keeps."""

import os
import subprocess

import pytest

from harness import AS_ROOT, BUILD, COMMAND, NOBODY, Caller, settled, status_of

IDS = """
import pwd, grp
result = {"uid": os.getresuid(), "gid": os.getresgid(), "status": [status()["Uid"].split(), status()["Gid"].split()],
          "groups": os.getgroups(), "maps": [read("/proc/self/uid_map").split(), read("/proc/self/gid_map").split()]}"""


def test_default_ids(box):
    seen = box.probe(IDS)
    assert seen["uid"] == seen["gid"] == [1000] * 3
    assert seen["status"] == [["1000"] * 4, ["1000"] * 4]
    for column in seen["maps"]:
        assert column == ["1000", "65534" if AS_ROOT and column is seen["maps"][0] else column[1], "1"]


def test_default_names(box):
    assert box.sh("id -un; id -gn; echo $HOME; echo ~") == "sandbox\nsandbox\n/home/sandbox\n/home/sandbox\n"


@pytest.mark.parametrize("uid, gid", [(0, 0), (1, 1), (1000, 1000), (1000, 0), (0, 1000), (65534, 65534),
                                      (Caller.uid, Caller.gid), (4294967294, 4294967294)])
def test_ids_inside(box, uid, gid):
    seen = box.probe(IDS, {"user": {"uid": uid, "gid": gid}})
    assert seen["uid"] == [uid] * 3 and seen["gid"] == [gid] * 3
    assert [c[0] for c in seen["maps"]] == [str(uid), str(gid)] and [c[2] for c in seen["maps"]] == ["1", "1"]


def test_names_of_other_ids(box):
    assert box.sh("id -un; id -gn", {"user": {"uid": 0, "gid": 0}}) == "root\nroot\n"
    assert box.sh("id -un; id -gn", {"user": {"uid": 77, "gid": 78}}) == "sandbox\nsandbox\n"
    assert box.sh("id -un; whoami", {"user": {"uid": 65534, "gid": 65534}}) == "sandbox\nsandbox\n"


@pytest.mark.parametrize("init", [True, False], ids=["init", "no-init"])
@pytest.mark.parametrize("uid", [0, 1000])
@pytest.mark.invariant("S14")
def test_ids_outside(box, init, uid):
    """Of every process of the sandbox, init too: 65534 for a root caller, its own for all others, and no groups of root."""
    with box.start(["/bin/sh", "-c", "sleep 30 & echo ready; wait"], {"init": init, "user": {"uid": uid, "gid": uid}}) as run:
        assert run.read_line() == "ready"
        pids = run.pids()
        assert len(pids) == (3 if init else 2)
        for pid in pids:
            status = status_of(pid)
            assert status["Uid"].split() == [str(Caller.outside_uid)] * 4
            assert status["Gid"].split() == [str(Caller.outside_gid)] * 4
            if AS_ROOT:
                assert status["Groups"].split() == []


@pytest.mark.as_root
def test_the_own_id_of_root_only_when_asked_for(box):
    request = {"user": {"uid": 0, "gid": 0, **Caller.own_ids}}
    with box.start(["/bin/sh", "-c", "echo ready; sleep 30"], request) as run:
        assert run.read_line() == "ready"
        # The payload may be faster with its word than init, which drops its own at the same moment.
        settled(lambda: not any(int(status_of(pid)["CapEff"], 16) for pid in run.pids()))
        for pid in run.pids():
            assert status_of(pid)["Uid"].split() == ["0"] * 4
            assert int(status_of(pid)["CapEff"], 16) == 0


@pytest.mark.parametrize("key, outside", [("uid_map", "uid"), ("gid_map", "gid")])
@pytest.mark.as_root
def test_one_map_of_the_two(box, key, outside):
    seen = box.probe(IDS, {"user": {key: "self"}})
    expected = [NOBODY, NOBODY]
    expected[0 if outside == "uid" else 1] = 0
    assert [int(c[1]) for c in seen["maps"]] == expected


def test_setgroups_is_denied_or_gone(box):
    """An ordinary caller's gid map is only accepted with setgroups denied; a root caller's payload has no right to it."""
    seen = box.probe("result = [read('/proc/self/setgroups').strip(), attempt(os.setgroups, [0])]")
    assert seen[1] == "EPERM"
    if not AS_ROOT:
        assert seen[0] == "deny"


@pytest.mark.as_root
@pytest.mark.invariant("S12")
def test_roots_groups_are_dropped(box):
    done = box.run(["/bin/sh", "-c", "grep ^Groups /proc/self/status"], wrap=["setpriv", "--groups", "4,24,27"])
    assert done.text.split() == ["Groups:"]
    assert "supplementary_groups" in done.outcome["enforced"] and done.outcome["not_enforced"] == []


def reachable(uid):
    """Can another user run the command from where it was built?"""
    test = subprocess.run(["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups", COMMAND, "version"],
                          capture_output=True, cwd="/")
    return test.returncode == 0


@pytest.mark.as_root
@pytest.mark.parametrize("groups, listed", [("1500", False), ("4,24", True)])
@pytest.mark.invariant("S12")
def test_an_ordinary_callers_groups_stay_and_are_listed(mode, groups, listed):
    if not reachable(1500):
        pytest.skip(f"{BUILD} is not reachable for an ordinary user")
    reader, writer = os.pipe()
    wrap = ["setpriv", "--reuid", "1500", "--regid", "1500", "--groups", groups, "--inh-caps=-all"]
    done = subprocess.run([*wrap, COMMAND, "run", "--outcome", f"fd:{writer}", "--", "grep", "^Groups", "/proc/self/status"],
                          capture_output=True, text=True, pass_fds=[writer], env={**os.environ, "STYRO_SPAWN": mode}, cwd="/")
    os.close(writer)
    import json
    with open(reader) as answer:
        outcome = json.load(answer)
    assert done.returncode == 0, done.stderr
    names = [entry["protection"] for entry in outcome["not_enforced"]]
    assert ("supplementary_groups" in names) == listed
    assert ("supplementary_groups" in outcome["enforced"]) == (not listed)
    if listed:
        entry = next(e for e in outcome["not_enforced"] if e["protection"] == "supplementary_groups")
        assert entry["field"] == "/user/groups" and "setgroups" in entry["why"]


@pytest.mark.as_root
def test_groups_that_must_be_gone_are_refused_where_they_stay(mode):
    if not reachable(1500):
        pytest.skip(f"{BUILD} is not reachable for an ordinary user")
    wrap = ["setpriv", "--reuid", "1500", "--regid", "1500", "--groups", "4,24", "--inh-caps=-all"]
    done = subprocess.run([*wrap, COMMAND, "run", "--set", "user.groups=[]", "--", "true"], capture_output=True, text=True,
                          env={**os.environ, "STYRO_SPAWN": mode}, cwd="/")
    assert done.returncode == 125 and "groups" in done.stderr and "newgidmap" in done.stderr


def test_groups_that_are_not_there_may_be_asked_to_be_gone(box):
    done = box.run(["true"], {"user": {"groups": []}})
    assert done.code == 0 and "supplementary_groups" in done.outcome["enforced"]


def test_ids_cannot_be_changed_inside(box):
    seen = box.probe("""
result = [attempt(os.setuid, 0), attempt(os.setresuid, 1, 1, 1), attempt(os.setgid, 0), attempt(os.setgroups, []),
          attempt(write, "/proc/self/uid_map", "0 0 1"), attempt(os.chown, "/tmp", 0, 0)]""")
    assert all(answer in ("EPERM", "EINVAL", "EACCES", "EROFS") for answer in seen), seen


def test_files_of_others_belong_to_nobody(box):
    assert box.probe('result = [os.stat("/usr").st_uid, os.stat("/usr").st_gid, os.stat("/home/sandbox").st_uid]') == \
        [65534, 65534, 1000]


def test_the_callers_own_files_are_its_own(box, work):
    (work / "f").write_text("x")
    if AS_ROOT:
        os.chown(work / "f", NOBODY, NOBODY)
    request = {"user": {"uid": 5, "gid": 6}, "paths": {"/w": {"from": str(work)}}}
    assert box.probe('s = os.stat("/w/f"); result = [s.st_uid, s.st_gid]', request) == [5, 6]


@pytest.mark.as_root
@pytest.mark.invariant("S14")
def test_no_process_of_the_sandbox_is_host_root(box):
    with box.start(["/bin/sh", "-c", "(sleep 30 &) ; setsid sleep 30 & echo ready; wait"]) as run:
        assert run.read_line() == "ready"
        for pid in run.pids():
            assert "0" not in status_of(pid)["Uid"].split()
