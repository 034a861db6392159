"""Root callers: never id 0 of the host by accident, and roots of hardened containers, which lack one right or another."""

import os
import subprocess

import pytest

from callers import without
from harness import COMMAND, NOBODY, settled, status_of

pytestmark = pytest.mark.as_root

RANGES = {"uid_map": [[0, 100000, 65536]], "gid_map": [[0, 200000, 65536]]}
SELF = {"uid_map": "self", "gid_map": "self"}
HOST = {"uid": 5, "gid": 5, "uid_map": [[0, 0, 10]], "gid_map": [[0, 200000, 10]]}
MAPS = """
s = status()
result = [[[int(n) for n in read("/proc/self/" + k).split()] for k in ("uid_map", "gid_map")], s["Groups"].split(),
          [v for k, v in s.items() if k.startswith("Cap")]]"""
NOTHING = ["0" * 16] * 5
DEFAULT = [[[1000, NOBODY, 1], [1000, NOBODY, 1]], [], NOTHING]


def run(box, user, *missing):
    return box.run(["/bin/sh", "-c", "id -u; exec cat /proc/self/uid_map"], {"user": user}, wrap=without(*missing))


def refused(box, user, missing, said, hint):
    done = run(box, user, *missing)
    assert (done.code, done.out) == (125, b"") and done.err.count(b"\n") == 1
    assert said in done.line and hint in done.line, done.line


# ---- the default -----------------------------------------------------------------------------------------------------


@pytest.mark.invariant("S14")
def test_the_default_is_one_id_and_that_is_nobodys(box):
    assert box.probe(MAPS) == DEFAULT
    for uid in (0, 65534, 7):
        seen = box.probe(MAPS, {"user": {"uid": uid, "gid": uid}})
        assert seen[0] == [[uid, NOBODY, 1], [uid, NOBODY, 1]]


@pytest.mark.parametrize("init", [True, False], ids=["init", "no-init"])
@pytest.mark.invariant("S14")
def test_ranges_without_the_hosts_0_never_have_it(box, init):
    with box.start(["/bin/sh", "-c", "sleep 30 & echo ready; wait"], {"user": {**RANGES, "uid": 0, "gid": 0}, "init": init}) as run_:
        assert run_.read_line() == "ready"
        members = 3 if init else 2
        settled(lambda: len(run_.pids()) == members)
        for pid in run_.pids():
            assert status_of(pid)["Uid"].split() == ["100000"] * 4 and status_of(pid)["Gid"].split() == ["200000"] * 4


@pytest.mark.invariant("S14")
def test_a_group_of_root_is_not_the_payloads(box, work):
    """What only group 0 may read, with the groups of root."""
    (work / "secret").write_text("x")
    (work / "secret").chmod(0o040)
    os.chown(work / "secret", 0, 0)
    for user in ({}, RANGES):
        done = box.run(["cat", "/w/secret"], {"user": user, "paths": {"/w": {"from": str(work)}}}, wrap=["setpriv", "--groups", "0,4"])
        assert done.code == 1 and done.out == b""


# ---- what a container took away --------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [["sys_admin"], ["setfcap"], ["dac_override"], ["chown"], ["setpcap"], ["net_admin"], ["fowner"],
                                     ["sys_admin", "setfcap", "dac_override", "dac_read_search", "chown", "fowner", "setpcap",
                                      "net_admin", "sys_ptrace", "sys_resource", "mknod", "kill", "sys_chroot", "fsetid"]], ids=str)
def test_the_default_needs_two_rights(box, missing):
    """CAP_SETUID and CAP_SETGID: everything else the new user namespace gives. The bounding set inside is as asked."""
    assert box.probe(MAPS, wrap=without(*missing)) == DEFAULT
    request = {"security": {"capabilities": ["NET_BIND_SERVICE"]}}
    assert box.probe(MAPS, request, wrap=without(*missing, "net_bind_service"))[2] == [f"{1 << 10:016x}"] * 5


@pytest.mark.parametrize("missing", ["sys_admin", "setfcap", "dac_override", "chown"])
def test_ranges_need_the_same(box, missing):
    seen = box.probe(MAPS, {"user": {**RANGES, "groups": [7]}}, wrap=without(missing))
    assert seen == [[[0, 100000, 65536], [0, 200000, 65536]], ["7"], NOTHING]


def test_captured_streams_without_chown(box):
    """The pipes cannot be given away; the payload opens them by name all the same."""
    done = box.run(["/bin/sh", "-c", "echo a > /dev/stdout; echo b > /dev/stderr"], {"output": "1M"}, wrap=without("chown"))
    assert (done.code, done.out, done.err) == (0, b"a\n", b"b\n")


@pytest.mark.parametrize("missing, named", [(["setuid"], "CAP_SETUID"), (["setgid"], "CAP_SETGID"),
                                            (["setuid", "setgid"], "CAP_SETUID and CAP_SETGID")])
def test_the_default_without_one_of_them(box, missing, named):
    refused(box, {}, missing, f"a root caller's payload is mapped to id 65534, and this caller has no {named}: Operation not permitted",
            '"user": {"uid_map": "self", "gid_map": "self"}')
    assert run(box, SELF, *missing).text.split() == ["1000", "1000", "0", "1"]


@pytest.mark.parametrize("missing, named", [(["setuid"], "CAP_SETUID"), (["setgid"], "CAP_SETGID"),
                                            (["setuid", "setgid"], "CAP_SETUID and CAP_SETGID")])
def test_ranges_without_one_of_them(box, missing, named):
    refused(box, RANGES, missing, f"the maps name other ids than the caller's own, and this caller has no {named}: ",
            '(give this container the capability, or map only the caller\'s own ids: "uid_map": [[1000, 0, 1]]')


def test_no_way_at_all_is_called_so(box):
    """Its own id takes CAP_SETFCAP, any other CAP_SETUID."""
    refused(box, {}, ["setuid", "setgid", "setfcap"], "no CAP_SETUID and CAP_SETGID", "there is no other way as uid 0, whose own id takes "
            "CAP_SETFCAP to map: give this container the capability, or call as another user")
    refused(box, SELF, ["setuid", "setfcap"], "the uid map names id 0 of the host, and this caller has no CAP_SETFCAP",
            "give this container the capability, or call as another user")


@pytest.mark.parametrize("user", [SELF, HOST, {"uid_map": [[5, 100000, 1], [1000, 0, 1]]}], ids=["self", "range", "one"])
@pytest.mark.invariant("S14")
def test_the_hosts_0_without_setfcap(box, user):
    """Since Linux 5.12; what the kernel says only by EPERM is named, before anything is started."""
    refused(box, user, ["setfcap"], "the uid map names id 0 of the host, and this caller has no CAP_SETFCAP: Operation not permitted",
            "leave the map out: the payload is then 65534 outside")
    assert run(box, user).code == 0


def test_group_0_takes_no_setfcap(box):
    """The kernel asks for it in the uid map only."""
    seen = box.probe(MAPS, {"user": {"gid_map": "self"}}, wrap=without("setfcap"))
    assert seen[0] == [[1000, NOBODY, 1], [1000, 0, 1]] and seen[1] == []


def test_the_own_group_without_setgid(box):
    """Takes no right, but then the groups of root stay, and are listed; or are not to stay, and it is refused."""
    user = {"uid_map": RANGES["uid_map"], "gid_map": "self"}
    wrap = ["setpriv", "--groups", "4", *without("setgid")]
    done = box.run(["grep", "^Groups", "/proc/self/status"], {"user": user}, wrap=wrap)
    assert done.text.split() == ["Groups:", "65534"]
    assert [entry["protection"] for entry in done.outcome["not_enforced"]] == ["supplementary_groups"]
    done = box.run(["true"], {"user": {"uid_map": RANGES["uid_map"], "gid_map": [[1000, 0, 1]], "groups": []}}, wrap=wrap)
    assert done.code == 125 and "/user/groups: the caller's supplementary groups cannot be set or dropped" in done.line


def test_subordinate_ids_without_one_of_them(root_box):
    """A tool would be no way out: it has no more rights than root has here."""
    root_box.who = without("setuid")
    done = root_box.run(["echo", "ran"], {"user": {"uid_map": "subuid", "gid_map": "subuid"}})
    assert (done.code, done.out) == (125, b"") and "this caller has no CAP_SETUID: Operation not permitted" in done.line


@pytest.mark.parametrize("securebits", ["+no_setuid_fixup,+no_setuid_fixup_locked", "+keep_caps_locked"])
@pytest.mark.invariant("S12")
def test_securebits_of_the_caller(box, securebits):
    """They end at the new user namespace."""
    assert box.probe(MAPS, wrap=["setpriv", "--securebits", securebits]) == DEFAULT
    assert box.probe(MAPS, {"user": {**RANGES, "uid": 0, "gid": 0}}, wrap=["setpriv", "--securebits", securebits])[2] == NOTHING


def test_a_root_that_is_none(box):
    """By its securebits: uid 0 without a single capability."""
    done = box.run(["echo", "ran"], wrap=["setpriv", "--securebits", "+noroot,+noroot_locked"])
    assert (done.code, done.out) == (125, b"") and "this caller has no CAP_SETUID and CAP_SETGID" in done.line
    assert "there is no other way as uid 0" in done.line


# ---- ids after the set-up --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("uid", [0, 1000])
@pytest.mark.parametrize("init", [True, False], ids=["init", "no-init"])
def test_a_kept_capability_reaches_the_mapped_ids_and_no_others(box, work, uid, init):
    os.chown(work, 100000 + uid, 200000 + uid)
    work.chmod(0o777)
    request = {"user": {**RANGES, "uid": uid, "gid": uid}, "security": {"capabilities": ["SETUID", "SETGID"]}, "init": init,
               "paths": {"/w": {"from": str(work), "access": "rw"}}}
    seen = box.probe("""
result = [attempt(os.setuid, 65536), attempt(os.setgid, 65536), attempt(os.setresgid, 44, 44, 44), attempt(os.setresuid, 33, 33, 33)]
write("/w/made")
result += [os.getresuid(), os.getresgid(), attempt(os.setuid, uid)]""".replace("uid)]", f"{uid})]"), request)
    # who was root inside has lost its capabilities by that (capabilities(7)), who was not keeps them
    assert seen == ["EINVAL", "EINVAL", "ok", "ok", [33] * 3, [44] * 3, "ok" if uid else "EPERM"]
    made = (work / "made").stat()
    assert (made.st_uid, made.st_gid) == (100033, 200044)


def test_without_a_capability_no_id_changes(box):
    for uid in (0, 1000):
        seen = box.probe("result = [attempt(os.setuid, 5), attempt(os.setgid, 5), attempt(os.setgroups, [])]",
                         {"user": {**RANGES, "uid": uid, "gid": uid}})
        assert seen == ["EPERM"] * 3


@pytest.mark.parametrize("uid, user", [(1000, {}), (0, {}), (1000, RANGES), (0, RANGES), (1000, {"gid_map": RANGES["gid_map"]})], ids=str)
@pytest.mark.invariant("S12")
def test_ambient_capabilities(box, uid, user):
    """All five sets after exec, for a uid that is not 0 as well, and in use."""
    request = {"user": {**user, "uid": uid, "gid": uid}, "security": {"capabilities": ["NET_BIND_SERVICE"]}}
    seen = box.probe("""
with socket.socket() as s:
    s.bind(("127.0.0.1", 80))
    result = [s.getsockname()[1], [v for k, v in status().items() if k.startswith("Cap")]]""", request)
    assert seen == [80, [f"{1 << 10:016x}"] * 5]


def test_explain_warns_of_the_hosts_root(vfork_box):
    text = subprocess.run([COMMAND, "explain", vfork_box.write({"user": HOST})], capture_output=True, text=True, check=True).stdout
    assert "10 of them from 0 on are 0 and following (beware: 0 is root of the host)" in text
    assert "10 of them from 0 on are 200000 and following\n" in text or "200000 and following)" in text
