"""`user.groups` and `user.setgroups`: which supplementary groups the payload has, and whether it may change them."""

import os

import pytest

from callers import as_user
from harness import AS_ROOT, status_of
from test_step_faults import Traced, needs_strace

RANGES = {"uid_map": [[0, 100000, 65536]], "gid_map": [[0, 200000, 65536]]}
GROUPS = """
result = [sorted(int(g) for g in status()["Groups"].split()), sorted(os.getgroups()), read("/proc/self/setgroups").strip()]"""
KEPT = ["setpriv", "--groups", "4,27"]


def listed(done):
    return [entry["protection"] for entry in done.outcome["not_enforced"]]


def promised(done):
    return "supplementary_groups" in done.outcome["enforced"]


# ---- root ------------------------------------------------------------------------------------------------------------


@pytest.mark.as_root
@pytest.mark.parametrize("groups", [[], [10], [10, 20], [20, 10, 65535], [1000], list(range(256))], ids=lambda g: f"{len(g)}-{g[:3]}")
@pytest.mark.parametrize("init", [True, False], ids=["init", "no-init"])
@pytest.mark.invariant("S12")
def test_exactly_these(box, groups, init):
    """Of a caller that has others."""
    request = {"user": {**RANGES, "groups": groups}, "init": init}
    seen = box.probe(GROUPS, request, wrap=KEPT)
    assert seen == [sorted(groups), sorted(groups), "allow"]


@pytest.mark.as_root
@pytest.mark.invariant("S12")
@pytest.mark.kernel
def test_who_they_are_outside(box):
    with box.start(["/bin/sh", "-c", "echo ready; sleep 30"], {"user": {**RANGES, "groups": [10, 20]}}, wrap=KEPT) as run:
        assert run.read_line() == "ready"
        for pid in run.pids():
            assert status_of(pid)["Groups"].split() == ["200010", "200020"]


@pytest.mark.as_root
def test_what_a_group_opens(box, work):
    """A file that only its group may read."""
    secret = work / "secret"
    secret.write_text("for the group\n")
    os.chown(secret, 0, 200010)
    secret.chmod(0o040)
    os.chown(work, 100000, 200000)
    request = {"user": {**RANGES, "groups": [10]}, "paths": {"/w": {"from": str(work)}}}
    assert box.ok(["cat", "/w/secret"], request) == "for the group\n"
    assert box.run(["cat", "/w/secret"], {**request, "user": RANGES}).code == 1


@pytest.mark.as_root
def test_the_payloads_own_group_under_the_default_map(box):
    """The only one that exists there."""
    assert box.probe(GROUPS, {"user": {"groups": [1000]}}, wrap=KEPT)[:2] == [[1000], [1000]]


@pytest.mark.as_root
def test_groups_of_the_host(box):
    """Without a user namespace of its own they are the host's."""
    request = {"namespaces": {"user": "host"}, "user": {"groups": [4, 12345]}}
    assert box.probe('result = sorted(os.getgroups())', request, wrap=KEPT) == [4, 12345]
    request["user"]["groups"] = "keep"
    assert box.probe('result = sorted(os.getgroups())', request, wrap=KEPT) == [4, 27]


@pytest.mark.as_root
@pytest.mark.parametrize("maps", [{}, RANGES], ids=["default", "ranges"])
def test_keep(box, maps):
    """They are asked for, so their absence is no promise that could be broken."""
    with box.start(["/bin/sh", "-c", "echo ready; sleep 30"], {"user": {**maps, "groups": "keep"}}, wrap=KEPT) as run:
        assert run.read_line() == "ready"
        assert all(status_of(pid)["Groups"].split() == ["4", "27"] for pid in run.pids())
    done = box.run(["true"], {"user": {**maps, "groups": "keep"}}, wrap=KEPT)
    assert not promised(done) and listed(done) == []


@pytest.mark.as_root
def test_a_capability_to_change_them(box):
    """Inside the map, and only where setgroups(2) is allowed."""
    code = 'result = [attempt(os.setgroups, [5, 6]), sorted(os.getgroups()), attempt(os.setgroups, [70000])]'
    request = {"user": dict(RANGES), "security": {"capabilities": ["SETGID"]}}
    assert box.probe(code, request) == ["ok", [5, 6], "EINVAL"]
    request["user"]["setgroups"] = "allow"
    assert box.probe(code, request) == ["ok", [5, 6], "EINVAL"]
    request["user"]["setgroups"] = "deny"
    assert box.probe(code, request) == ["EPERM", [], "EPERM"]


@pytest.mark.as_root
@pytest.mark.parametrize("user", [{}, RANGES, {"groups": []}, {**RANGES, "groups": []}, {"uid_map": "self", "gid_map": "self"}],
                         ids=["default", "ranges", "default, none", "ranges, none", "self"])
@pytest.mark.invariant("S12")
def test_denied_they_are_dropped_before(root_box, user):
    """By the caller's right, in helper mode whatever is asked: inside nobody could any more."""
    request = {"user": {**user, "setgroups": "deny"}}
    assert root_box.probe(GROUPS, request, wrap=KEPT) == [[], [], "deny"]
    done = root_box.run(["true"], request, wrap=KEPT)
    assert promised(done) and listed(done) == [] and done.outcome["spawn_mode"] == "helper"


@pytest.mark.as_root
def test_denied_without_groups_takes_no_other_mode(box):
    done = box.run(["cat", "/proc/self/setgroups"], {"user": {"setgroups": "deny"}}, wrap=["setpriv", "--clear-groups"])
    assert done.text == "deny\n" and promised(done)


@pytest.mark.as_root
def test_keep_where_it_is_denied(box):
    request = {"user": {**RANGES, "groups": "keep", "setgroups": "deny"}}
    assert box.probe("result = [len(os.getgroups()), read('/proc/self/setgroups').strip()]", request, wrap=KEPT) == [2, "deny"]


# ---- an ordinary caller ----------------------------------------------------------------------------------------------


@pytest.mark.as_ordinary
def test_allow_is_refused_under_the_own_id(box):
    done = box.run(["echo", "ran"], {"user": {"setgroups": "allow"}})
    assert (done.code, done.out) == (125, b"")
    assert done.line == ("styrolite: ids: /user/setgroups: `user.setgroups` is `allow`, which the kernel refuses under a gid map "
                         "of the caller's own id: Operation not permitted (map more: \"user\": {\"gid_map\": \"subuid\"}, or leave "
                         "it out)\n")


def test_deny_is_what_the_own_id_has_anyway(box):
    own = {} if not AS_ROOT else {"uid_map": "self", "gid_map": "self"}
    assert box.probe("result = read('/proc/self/setgroups').strip()", {"user": {**own, "setgroups": "deny"}}) == "deny"


def test_the_own_group_in_a_list_is_refused_under_the_own_id(box):
    """Explicit ranges may say just that; the kernel allows no setgroups(2) for it."""
    own = {"uid_map": [[1000, os.getuid(), 1]], "gid_map": [[1000, os.getgid(), 1]], "groups": [1000]}
    done = box.run(["echo", "ran"], {"user": own})
    assert (done.code, done.out) == (125, b"") and "/user/groups: the caller's supplementary groups cannot be set" in done.line
    assert "newgidmap" in done.line


def test_keep_of_any_caller(box):
    done = box.run(["true"], {"user": {"groups": "keep"}})
    assert done.code == 0 and not promised(done) and "supplementary_groups" not in listed(done)


# ---- with subordinate ids --------------------------------------------------------------------------------------------

SUBUID = {"uid_map": "subuid", "gid_map": "subuid"}


@pytest.mark.as_root
@pytest.mark.parametrize("user, groups, setgroups", [
    ({}, [], "allow"), ({"groups": []}, [], "allow"), ({"groups": [10, 20]}, [10, 20], "allow"),
    ({"groups": [1000, 65536], "setgroups": "allow"}, [1000, 65536], "allow"),
    ({"groups": "keep"}, [65534, 65534], "allow"), ({"setgroups": "deny"}, [65534, 65534], "deny"),
], ids=str)
@pytest.mark.invariant("S12")
def test_by_newgidmap(alice, user, groups, setgroups):
    """The caller has the groups 4 and 24, which no map has: they look like those of nobody."""
    request = {"user": {**SUBUID, **user}}
    assert alice.probe(GROUPS, request) == [groups, groups, setgroups]
    done = alice.run(["true"], request)
    stays = 65534 in groups and user.get("groups") != "keep"
    assert ("supplementary_groups" in listed(done)) == stays
    assert promised(done) == (not stays and user.get("groups") != "keep")
    if stays:
        assert "denied" in done.outcome["not_enforced"][0]["why"]


@pytest.mark.as_root
@pytest.mark.parametrize("user, said", [
    ({"groups": [], "setgroups": "deny"}, "/user/groups: the caller's supplementary groups cannot be set or dropped where "
                                          "`user.setgroups` denies it"),
    ({"groups": [65537]}, "/user/groups: there are too few subordinate ids to map 65537 inside"),
    ({"groups": [7], "gid_map": [[1000, 1500, 1], [7, 4, 1]]}, "/user/gid_map: the maps name other ids than the caller's own"),
], ids=str)
def test_refused_where_it_cannot_be(alice, user, said):
    done = alice.run(["echo", "ran"], {"user": {**SUBUID, **user}})
    assert (done.code, done.out) == (125, b"") and said in done.line


@pytest.mark.as_root
def test_none_to_drop_where_it_is_denied(alice):
    alice.who = as_user()
    done = alice.run(["true"], {"user": {**SUBUID, "groups": [], "setgroups": "deny"}})
    assert done.code == 0 and promised(done)


# ---- calls that fail, or lie -----------------------------------------------------------------------------------------


@needs_strace
@pytest.mark.as_root
@pytest.mark.parametrize("request_, inject, error, field", [
    ({"user": {**RANGES, "groups": [10, 20]}}, "setgroups:error=ENOMEM", "ENOMEM", "/user/groups"),
    ({"user": {**RANGES, "groups": [10, 20]}}, "setgroups:retval=0", "EPERM", "/user/uid"),
    ({"user": RANGES}, "setgroups:error=EPERM", "EPERM", "/user/groups"),
    ({"user": RANGES}, "setresgid:error=EAGAIN", "EAGAIN", "/user/gid"),
], ids=["list", "said and not done", "none", "gid"])
@pytest.mark.invariant("S14")
@pytest.mark.invariant("S22")
def test_groups_that_cannot_be_set(box, tmp_path, request_, inject, error, field):
    done = Traced(box, tmp_path, request_).run("-e", f"inject={inject}")
    assert (done.code, done.out) == (125, b""), done
    assert (done.error["stage"], done.error["field"], done.error["errno_name"]) == ("identity", field, error)


@needs_strace
@pytest.mark.as_root
@pytest.mark.invariant("S22")
def test_groups_that_cannot_be_dropped_before(root_box, tmp_path):
    root_box.who = KEPT
    done = Traced(root_box, root_box.directory, {"user": {"setgroups": "deny"}}).run("-e", "inject=setgroups:error=EPERM")
    assert (done.code, done.out) == (125, b""), done
    assert (done.error["stage"], done.error["field"], done.error["errno_name"]) == ("identity", "/user/groups", "EPERM")
