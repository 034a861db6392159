"""`namespaces.user` as `host`: a root caller's sandbox without a user namespace. Its ids are the host's, its mounts stay its own."""

import os
import subprocess

import pytest

from harness import COMMAND, NOBODY

HOST = {"namespaces": {"user": "host"}}
OWN_FILTER = {"seccomp": {"bpf": [[0x06, 0, 0, 0x7FFF0000]]}}


@pytest.mark.as_root
def test_it_is_the_hosts_user_namespace(tree):
    seen = tree.probe("""
result = {n: os.readlink("/proc/self/ns/" + n) for n in ("mnt", "pid", "ipc", "uts", "cgroup", "net", "user")}""", HOST)
    assert [name for name in seen if seen[name] == os.readlink(f"/proc/self/ns/{name}")] == ["user"]


@pytest.mark.as_root
@pytest.mark.parametrize("init", [True, False], ids=["init", "no-init"])
def test_the_payload_is_nobody_and_holds_nothing(tree, init):
    seen = tree.probe("""
s = status()
result = [os.getresuid(), os.getresgid(), os.getgroups(), {k: v for k, v in s.items() if k.startswith("Cap")}, s["NoNewPrivs"],
          s["Seccomp"], system_call(157, 27)]""", {**HOST, "init": init})
    uid, gid, groups, sets, no_new_privs, seccomp, securebits = seen
    assert uid == [NOBODY] * 3 and gid == [NOBODY] * 3 and groups == []
    assert set(sets) == {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"} and set(sets.values()) == {"0" * 16}
    assert (no_new_privs, seccomp, securebits) == ("1", "2", 0)


@pytest.mark.as_root
def test_groups_of_the_caller_are_dropped(box):
    wrap = ["setpriv", "--groups", "4,27"]
    assert box.probe("result = os.getgroups()", HOST, wrap=wrap) == []
    assert box.probe("result = os.getgroups()", {**HOST, "user": {"groups": []}}, wrap=wrap) == []


@pytest.mark.as_root
def test_ids_are_the_hosts(box, work):
    os.chown(work, 1234, 4321)
    request = {**HOST, "user": {"uid": 1234, "gid": 4321}, "paths": {"/w": {"from": str(work), "access": "rw"}}}
    assert box.sh("id -u; id -g; id -un; echo x > /w/new; stat -c %u:%g /w/new /tmp/. $HOME", request).split() == [
        "1234", "4321", "sandbox", "1234:4321", "1234:4321", "1234:4321"]
    made = os.stat(work / "new")
    assert (made.st_uid, made.st_gid) == (1234, 4321)


@pytest.mark.as_root
@pytest.mark.invariant("S22")
def test_nothing_is_made_in_a_directory_that_can_be_written(tree, tmp_path):
    """Its set-up could write everywhere, and has places to make."""
    root = tmp_path / "root"
    for name in ("bin", "dev", "proc"):
        (root / name).mkdir(parents=True)
    (root / "bin" / "sh").write_bytes(open("/bin/busybox", "rb").read())
    (root / "bin" / "sh").chmod(0o755)
    request = {**HOST, "root": {"directory": str(root), "writable": True}}
    error = tree.fails(["/bin/sh"], request)
    assert (error["stage"], error["object"]) == ("access", "/")
    assert sorted(os.listdir(root)) == ["bin", "dev", "proc"]
    os.chown(root, NOBODY, NOBODY)
    assert tree.sh("echo x > /made; id -u", request) == "65534\n"
    assert sorted(os.listdir(root)) == ["bin", "dev", "made", "proc"]


@pytest.mark.as_root
def test_root_only_when_asked(box, host):
    (host / "secret").write_text("secret")
    (host / "secret").chmod(0o600)
    shown = {"paths": {"/h": {"from": str(host)}}}
    assert box.probe("result = attempt(read, '/h/secret')", {**HOST, **shown}) == "EACCES"
    asked = {**HOST, **shown, "user": {"uid": 0, "gid": 0}}
    assert box.probe("result = [read('/h/secret'), status()['CapEff'], attempt(write, '/usr/x'), attempt(os.chown, '/tmp', 5, 5)]",
                     asked) == ["secret", "0" * 16, "EROFS", "EPERM"]


@pytest.mark.as_root
def test_nested_user_namespaces_are_refused(box):
    """The limit of max_user_namespaces is the host's here: it stays as it is, and the filter refuses."""
    before = open("/proc/sys/user/max_user_namespaces").read()
    done = box.run(["unshare", "-U", "true"], HOST)
    assert done.code == 1 and "nested_user_namespaces" in done.outcome["enforced"]
    assert open("/proc/sys/user/max_user_namespaces").read() == before
    accepted = {**HOST, "security": OWN_FILTER, "best_effort": ["nested_user_namespaces"]}
    done = box.run(["true"], accepted)
    assert done.code == 0
    assert [(e["protection"], e["field"]) for e in done.outcome["not_enforced"]] == [("nested_user_namespaces", "/namespaces/user")]


@pytest.mark.as_root
@pytest.mark.kernel
def test_mounts_stay_inside_under_shared_propagation(box, work):
    """Where `/` is shared, as systemd makes it, a mount of the sandbox would show on the host."""
    box.directory.chmod(0o755)
    request = box.write({**HOST, "command": ["/bin/sh", "-c", "grep -c shared: /proc/self/mountinfo; wc -l < /proc/self/mountinfo"],
                         "paths": {"/w": {"from": str(work), "access": "rw"}}})
    script = f"mount --make-rshared /; mount --bind {work} {work}; cat /proc/self/mountinfo; echo ---; {COMMAND} run {request}; echo ---; cat /proc/self/mountinfo"
    words = ["unshare", "-m", "--propagation", "private", "/bin/sh", "-c", script]
    done = subprocess.run(words, env=box.environment({}), capture_output=True, text=True, check=True)
    before, inside, after = done.stdout.split("---\n")
    assert "shared:" in before
    shared, mounts = inside.split()
    assert shared == "0" and int(mounts) > 20
    assert after == before


@pytest.mark.as_root
def test_capabilities_are_as_asked(box):
    sets = {name: ["CAP_NET_BIND_SERVICE"] for name in ("bounding", "effective", "permitted", "inheritable", "ambient")}
    seen = box.probe("""
s = status()
result = [s[k] for k in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")]""", {**HOST, "security": {"capabilities": sets}})
    assert seen == ["0000000000000400"] * 5


@pytest.mark.as_root
def test_an_output_is_the_payloads_own(box):
    """/dev/stdout opens by name only where the pipe belongs to whoever opens it."""
    done = box.run(["/bin/sh", "-c", "echo a > /dev/stdout; echo b > /dev/stderr"], {**HOST, "output": "1M"})
    assert (done.code, done.out, done.err) == (0, b"a\n", b"b\n")


def refused(done):
    assert (done.code, done.out) == (125, b"")
    assert done.line == ("styrolite: ids: /namespaces/user: `namespaces.user` is `host`, and this caller has not all of "
                         "CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID and CAP_SETPCAP: Operation not permitted (call as root, or "
                         "leave it out: with a user namespace of its own the sandbox needs no right)\n")


@pytest.mark.as_ordinary
def test_an_ordinary_caller_has_no_right_to_it(box):
    refused(box.run(["echo", "ran"], HOST))


@pytest.mark.as_root
def test_a_root_without_the_rights(box):
    """As in a container that drops some of them."""
    refused(box.run(["echo", "ran"], HOST, wrap=["setpriv", "--bounding-set", "-setgid"]))
