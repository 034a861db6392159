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
        members = 3 if init else 2
        settled(lambda: len(run.pids()) == members)  # in helper mode the helper that made the clone may still be on its way out
        pids = run.pids()
        assert len(pids) == members
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


# ---- maps of the request's own ---------------------------------------------------------------------------------------

RANGES = {"uid_map": [[0, 100000, 1000], [1000, 1500, 1], [1001, 101001, 64535]],
          "gid_map": [[0, 200000, 65536]]}


@pytest.mark.as_root
@pytest.mark.parametrize("uid, gid, outside", [(0, 0, (100000, 200000)), (1000, 1000, (1500, 201000)), (65535, 7, (165535, 200007))])
def test_ranges(box, work, uid, gid, outside):
    """What the kernel shows inside is the map as it was written, and the payload's files are of the id that it says."""
    os.chown(work, *outside)
    request = {"user": {"uid": uid, "gid": gid, **RANGES}, "paths": {"/w": {"from": str(work), "access": "rw"}}}
    seen = box.probe(IDS + """
open("/w/made", "w").close()
result["caps"] = [v for k, v in status().items() if k.startswith("Cap")]
result["made"] = [os.stat("/w/made").st_uid, os.stat("/w/made").st_gid]""", request)
    assert (seen["uid"], seen["gid"], seen["groups"]) == ([uid] * 3, [gid] * 3, [])
    assert seen["maps"] == [[str(n) for line in RANGES[name] for n in line] for name in ("uid_map", "gid_map")]
    assert seen["caps"] == ["0" * 16] * 5 and seen["made"] == [uid, gid]
    made = os.stat(work / "made")
    assert (made.st_uid, made.st_gid) == outside


@pytest.mark.as_root
@pytest.mark.kernel
def test_ranges_give_the_ids_that_capabilities_are_for(box):
    """With CAP_SETUID and CAP_CHOWN in its own sets the payload can be everybody inside, and nobody else."""
    caps = ["CAP_SETUID", "CAP_SETGID", "CAP_CHOWN"]
    request = {"user": {"uid": 0, "gid": 0, **RANGES}, "security": {"capabilities": caps}, "init": True}
    seen = box.probe("""
write("/tmp/x", "x")
os.chown("/tmp/x", 33, 44)
os.setresgid(5, 5, 5), os.setresuid(6, 6, 6)
result = [os.getresuid(), os.getresgid(), os.stat("/tmp/x").st_uid, attempt(os.setuid, 0)]""", request)
    assert seen == [[6] * 3, [5] * 3, 33, "EPERM"]
    assert box.probe("result = [attempt(os.setuid, 70000), attempt(os.chown, '/tmp', 70000, 0)]", request) == ["EINVAL"] * 2


@pytest.mark.as_root
def test_the_id_of_root_outside_by_a_range_only_when_it_says_so(box, work):
    request = {"user": {"uid": 5, "gid": 5, "uid_map": [[0, 0, 10]], "gid_map": [[0, 0, 10]]},
               "paths": {"/w": {"from": str(work), "access": "rw"}}}
    os.chown(work, 5, 5)
    seen = box.sh("id -u; touch /w/made; grep CapEff /proc/self/status", request).split()
    assert seen == ["5", "CapEff:", "0" * 16]
    assert (work / "made").stat().st_uid == 5


@pytest.mark.as_root
def test_one_map_of_ranges_leaves_the_other_as_it_is(box):
    seen = box.probe(IDS, {"user": {"uid_map": RANGES["uid_map"]}})
    assert seen["maps"][0][:3] == ["0", "100000", "1000"] and seen["maps"][1] == ["1000", str(NOBODY), "1"]


def test_a_range_of_the_callers_own_id_needs_no_right(box):
    own = {"uid": 7, "gid": 8, "uid_map": [[7, Caller.uid, 1]], "gid_map": [[8, Caller.gid, 1]]}
    seen = box.probe(IDS, {"user": own})
    assert (seen["uid"], seen["gid"]) == ([7] * 3, [8] * 3) and seen["maps"][0][0] == "7" and seen["maps"][1][0] == "8"


@pytest.mark.as_ordinary
def test_ranges_of_others_are_refused(box):
    for user, field, missing in [(RANGES, "/user/uid_map", "CAP_SETUID and CAP_SETGID"),
                                 ({"uid_map": [[1000, Caller.uid, 2]]}, "/user/uid_map", "CAP_SETUID"),
                                 ({"gid_map": [[1000, 0, 1]]}, "/user/gid_map", "CAP_SETGID")]:
        done = box.run(["true"], {"user": user})
        assert done.code == 125 and done.out == b"" and done.err.count(b"\n") == 1
        assert done.line.startswith(f"styrolite: ids: {field}: ") and f"this caller has no {missing}: " in done.line
        assert f'"uid_map": [[1000, {Caller.uid}, 1]]' in done.line


@pytest.mark.as_root
def test_a_payload_behind_ranges_ends_with_the_rest(box):
    """Its init is of the payload's id outside, and is watched and killed all the same."""
    done = box.run(["/bin/sh", "-c", "sleep 100 & sleep 100"], {"user": RANGES, "timeout": "200ms"})
    assert done.reason == "timed_out"
    with box.start(["/bin/sh", "-c", "echo ready; sleep 100"], {"user": RANGES}) as run:
        assert run.read_line() == "ready"
        for pid in run.pids():
            assert status_of(pid)["Uid"].split() == ["1500"] * 4
