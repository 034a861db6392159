"""`namespaces.KIND.join` and `network.join`: what is joined is the named one, everything else the sandbox's own. All that is
joined was made by the test.
"""

import contextlib
import os
import socket
import subprocess

import pytest

import harness
from harness import AS_ROOT

LINKS = {"mount": "mnt", "pid": "pid", "ipc": "ipc", "uts": "uts", "cgroup": "cgroup", "time": "time", "user": "user",
         "network": "net"}
OPTIONS = {"mount": "--mount", "pid": "--pid", "ipc": "--ipc", "uts": "--uts", "cgroup": "--cgroup", "time": "--time",
           "network": "--net"}
SEEN = "result = {n: os.readlink('/proc/self/ns/' + n) for n in ('mnt', 'pid', 'ipc', 'uts', 'cgroup', 'time', 'user', 'net')}"
ROOT_OF_IT = {"uid": 0, "gid": 0}
NO_INIT = {"init": False, "best_effort": ["tree_kill"]}


@pytest.fixture(params=[(None, None), ("helper", None), (None, "6.1")], ids=["any-mode", "helper", "linux-6.1"])
def box(request, tmp_path):
    """Nobody forces the mode: a join asks for the one that can."""
    directory = tmp_path / "box"
    directory.mkdir()
    return harness.Sandbox(directory, *request.param)


@contextlib.contextmanager
def others(*options, script="true", user=False):
    """A process in new namespaces that lives until the test lets go of its pipe. Gives its pid."""
    words = ["unshare", *(["--user", "--map-root-user"] if user else []), *options, "--fork", "--", "/bin/sh", "-c",
             script + "; echo ready; exec cat"]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"ready\n"
        yield harness.descendants(process.pid)[-1]
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(harness.WAIT)


def join(pid, *kinds, **more):
    """The request that joins these of the process; what `more` says for `namespaces` goes with it."""
    spaces = {kind: {"join": f"/proc/{pid}/ns/{LINKS[kind]}"} for kind in kinds}
    request = {"namespaces": {**spaces, **more}}
    if "network" in spaces:
        request["network"] = request["namespaces"].pop("network")
    return request


def own_or_joined(pid, *kinds):
    """Root joins with its own rights; who is no root owns what it made a user namespace for, and joins that as well."""
    return join(pid, *kinds) if AS_ROOT else {**join(pid, *kinds, "user"), "user": ROOT_OF_IT}


def links(pid):
    return {name: os.readlink(f"/proc/{pid}/ns/{name}") for name in LINKS.values()}


def joined(seen, pid):
    theirs = links(pid)
    return {name for name in seen if seen[name] == theirs[name] != os.readlink(f"/proc/self/ns/{name}")}


@pytest.mark.parametrize("kind", ["ipc", "uts", "cgroup", "time", "network"])
def test_one(box, kind):
    with others(OPTIONS[kind], user=not AS_ROOT) as pid:
        seen = box.probe(SEEN, own_or_joined(pid, kind))
        assert joined(seen, pid) == {LINKS[kind]} | ({"user"} if not AS_ROOT else set())
        own, host = set(seen) - joined(seen, pid), links("self")
        left_out = {"time"} - joined(seen, pid) if box.kernel or harness.LINUX < (6, 2) else set()  # unasked, none is made before Linux 6.2
        assert {name for name in own if seen[name] == host[name]} == left_out


@pytest.mark.parametrize("number", [3, 9])
def test_by_descriptor(box, number):
    with others("--net", user=not AS_ROOT) as pid:
        request = own_or_joined(pid, "network")
        request["network"]["join"] = number
        fd = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
        try:
            seen, fds = box.probe(SEEN + "; result = [result, sorted(map(int, os.listdir('/proc/self/fd')))]", request,
                                  close_fds=False, preexec_fn=lambda: os.dup2(fd, number))
        finally:
            os.close(fd)
        assert "net" in joined(seen, pid) and fds == [0, 1, 2, 3]


@pytest.mark.kernel
def test_many_and_the_order_of_ownership(box):
    """All belong to the user namespace; a caller that is no root can join none of them before it."""
    kinds = ["ipc", "uts", "cgroup", "time", "network", "mount"]
    with others(*[OPTIONS[kind] for kind in kinds], user=True) as pid:
        request = {**join(pid, *kinds, "user"), "user": ROOT_OF_IT}
        seen = box.probe(SEEN, request)
        assert joined(seen, pid) == {LINKS[kind] for kind in kinds if kind != "mount"} | {"user"}
        assert seen["mnt"] not in (links(pid)["mnt"], links("self")["mnt"])


def test_who_must_own_what_a_joined_user_writes(box, tmp_path):
    """Ids outside are those of the joined maps: nobody is told to give it to another, or to map it otherwise."""
    (tmp_path / "theirs").mkdir(mode=0o555 if not AS_ROOT else 0o755)
    if AS_ROOT:
        os.chown(tmp_path / "theirs", 65534, 65534)
    with others("--ipc", user=True) as pid:
        request = {**join(pid, "user"), "user": ROOT_OF_IT, "paths": {"/d": {"from": str(tmp_path / "theirs"), "access": "rw"}}}
        done = box.run(["true"], request)
    assert done.error["stage"] == "access" and "its uid_map says which" in done.error["hint"], done
    assert "its uid_map says which" in done.line and "chown" not in done.line, done


def test_joined_is_not_promised(box):
    with others("--ipc", "--uts", "--net", "--cgroup", user=not AS_ROOT) as pid:
        done = box.run(["true"], own_or_joined(pid, "ipc", "uts", "network", "cgroup"))
    assert done.code == 0 and done.outcome["spawn_mode"] == "helper", done
    assert not {"ipc_isolation", "hostname", "network_isolation", "abstract_sockets", "cgroup_view"} & set(done.outcome["enforced"])


# ---- what each shares ----------------------------------------------------------------------------------------------


def test_a_name(box):
    before = socket.gethostname()
    with others("--uts", script="hostname joined", user=not AS_ROOT) as pid:
        assert box.sh("uname -n", own_or_joined(pid, "uts")) == "joined\n"
    assert socket.gethostname() == before


@pytest.mark.kernel
def test_a_network_and_its_loopback(box):
    """It was down; who owns the namespace may bring it up."""
    code = """
import fcntl, struct
with socket.socket() as s:
    flags = struct.unpack("16xH", fcntl.ioctl(s, 0x8913, struct.pack("16sH", b"lo", 0))[:18])[0]
result = [[n for _, n in socket.if_nameindex()], flags & 1]"""
    with others("--net", user=not AS_ROOT) as pid:
        assert box.probe(code, own_or_joined(pid, "network")) == [["lo"], 1]


def test_the_control_group_is_the_root_of_a_view_made_here(box):
    with others("--cgroup", user=not AS_ROOT) as pid:
        for line in box.sh("cat /proc/self/cgroup", own_or_joined(pid, "cgroup")).splitlines():
            assert line.endswith(":/"), line


@pytest.mark.kernel
def test_mounts(box):
    """Paths are those of the joined one; the sandbox's own mounts stay its own."""
    script = "mount -t tmpfs hidden /mnt && echo theirs > /mnt/data && chmod 755 /mnt"
    with others("--mount", script=script, user=not AS_ROOT) as pid:
        request = {**own_or_joined(pid, "mount"), "paths": {"/x": {"from": "/mnt"}}}
        assert box.sh("cat /x/data; touch /x/new 2>/dev/null || echo refused", request) == "theirs\nrefused\n"
        theirs = open(f"/proc/{pid}/mountinfo").read()
        assert box.sh("cat /x/data", request) == "theirs\n"
        assert open(f"/proc/{pid}/mountinfo").read() == theirs
    assert not os.path.exists("/mnt/data")


@pytest.mark.parametrize("fake", ["/dev/zero", "/etc/passwd"])
def test_a_device_that_is_another(box, fake):
    """Who made the joined one chose what stands at /dev/null; nobody's disk may stand there under that name."""
    with others("--mount", script=f"mount --bind {fake} /dev/null", user=not AS_ROOT) as pid:
        done = refused(box, own_or_joined(pid, "mount"), ["`/dev/null` on the host", "it is another device, or none"])
    assert done.error["stage"] == "device" and done.error["object"] == "/dev/null"


@pytest.mark.kernel
def test_processes(box):
    with others("--pid", "--mount-proc", user=not AS_ROOT) as pid:
        if AS_ROOT:
            request = {**join(pid, "pid", user="host"), **NO_INIT}
        else:
            request = {**join(pid, "pid", "user"), "user": ROOT_OF_IT, **NO_INIT}
        done = box.run(["/bin/sh", "-c", "readlink /proc/self/ns/pid; cat /proc/1/comm; kill -0 1 && echo reached"], request)
        assert done.code == (0 if not AS_ROOT else 1) or "reached" not in done.text, done
        assert done.text.splitlines()[:2] == [links(pid)["pid"], "cat"]
        assert "tree_kill" in {e["protection"] for e in done.outcome["not_enforced"]}
        assert not {"tree_kill", "process_view", "process_signals"} & set(done.outcome["enforced"])


def test_users(box):
    with others(user=True) as pid:
        request = {**join(pid, "user"), "user": ROOT_OF_IT}
        code = "result = [read('/proc/self/uid_map').split(), os.getresuid(), status()['CapEff'], attempt(os.unshare, 0x10000000)]"
        if not hasattr(os, "unshare"):
            code = code.replace("attempt(os.unshare, 0x10000000)", "system_call(272, 0x10000000)")
        seen = box.probe(code, request)
    assert seen == [["0", str(os.getuid()), "1"], [0, 0, 0], "0" * 16, "EPERM"]


def test_users_and_the_oom_score(box):
    """Who joins a user namespace cannot be traced by its root, and so owns no file of its own in /proc any more."""
    own = int(open("/proc/self/oom_score_adj").read())
    with others("--ipc", user=True) as pid:
        request = {**join(pid, "ipc", "user"), "user": ROOT_OF_IT}
        for init in (True, False):
            score = (own + 1000) // 2
            out = box.ok(["cat", "/proc/self/oom_score_adj"], {**request, "oom_score_adj": score, "init": init})
            assert int(out) == score
    assert int(open("/proc/self/oom_score_adj").read()) == own


def test_file_systems_that_show_what_is_joined(box):
    """With the user namespace that owns it."""
    listed = [{"type": kind, "at": "/" + kind} for kind in ("mqueue", "cgroup", "sysfs")]
    with others("--ipc", "--cgroup", "--net", user=True) as pid:
        request = {**join(pid, "ipc", "cgroup", "network", "user"), "user": ROOT_OF_IT, "mounts": listed}
        assert box.sh("ls /mqueue; ls /cgroup/cgroup.procs; ls /sysfs/class/net", request) == "/cgroup/cgroup.procs\nlo\n"


def test_clocks_and_the_timeout(box):
    """The deadline and all figures count by the caller's clock, whatever the joined one says."""
    with others("--time", "--monotonic", "360000", user=not AS_ROOT) as pid:
        request = {**own_or_joined(pid, "time"), "timeout": "1s"}
        done = box.run(["sleep", "600"], request)
        assert (done.reason, done.outcome["detail"]) == ("timed_out", "wall") and 1 <= done.outcome["usage"]["wall"] < 60, done
        assert all(0 <= value < 60 for value in done.outcome["usage"]["setup"].values()), done.outcome["usage"]
        shown = box.run(["cat", "/proc/self/timens_offsets"], {**request, "timeout": "60s"})
        assert "360000" in shown.text and shown.code == 0 and shown.outcome["usage"]["wall"] < 60, shown


# ---- what is refused -----------------------------------------------------------------------------------------------


def refused(box, request, words, **more):
    done = box.run(["/bin/echo", "ran"], request, **more)
    assert done.code == 125 and done.out == b"" and done.err.count(b"\n") == 1, done
    for word in words:
        assert word in done.line, done
    return done


def test_another_kind(box):
    with others("--uts", user=not AS_ROOT) as pid:
        request = {"network": {"join": f"/proc/{pid}/ns/uts"}}
        done = refused(box, request, [f"`/proc/{pid}/ns/uts` is a uts namespace, not the network namespace", "/proc/PID/ns/net"])
    assert (done.error["stage"], done.error["field"]) == ("join", "/network/join")


def test_no_namespace(box, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path in ("/etc/passwd", "/usr", tmp_path / "fifo"):
        refused(box, {"namespaces": {"ipc": {"join": str(path)}}}, [f"`{path}` is another kind of file, not the ipc namespace"])


def test_nothing_there(box):
    done = refused(box, {"network": {"join": "/run/netns/not-there"}}, ["cannot open `/run/netns/not-there`", "bound file keeps it"])
    assert (done.error["stage"], done.error["field"], done.error["errno_name"]) == ("source", "/network/join", "ENOENT")


def test_a_closed_descriptor(box):
    refused(box, {"network": {"join": 9}}, ["descriptor 9 stands in place of a host path in `/network/join`", "not open"])


def test_a_descriptor_without_access(box):
    with others("--net", user=not AS_ROOT) as pid:
        fd = os.open(f"/proc/{pid}/ns/net", os.O_PATH)
        try:
            refused(box, {"network": {"join": 9}}, ["cannot open `descriptor 9`", "for reading, not with O_PATH"], close_fds=False,
                    preexec_fn=lambda: os.dup2(fd, 9))
        finally:
            os.close(fd)


@pytest.mark.as_ordinary
def test_without_the_user_namespace_that_owns_it(box):
    with others("--net", user=True) as pid:
        done = refused(box, join(pid, "network"), ["cannot join the namespace", "Operation not permitted", "join that user namespace"])
    assert (done.error["stage"], done.error["errno_name"]) == ("join", "EPERM")


def test_the_own_user_namespace(box):
    refused(box, {**join("self", "user"), "user": ROOT_OF_IT}, ["cannot join the namespace", "must not be the caller's own"])


def test_a_user_that_is_not_mapped(box):
    with others(user=True) as pid:
        done = refused(box, {**join(pid, "user"), "user": {"uid": 1000, "gid": 0}}, ["only ids of the uid map exist inside"])
    assert done.error["stage"] == "identity"


def test_a_forced_mode(tmp_path):
    box = harness.Sandbox(tmp_path, "vfork")
    refused(box, {"network": {"join": "/proc/self/ns/net"}}, ["joined in the spawn mode `helper`", "held to `vfork`", "unset STYRO_SPAWN"])


def test_explain_and_check(tmp_path):
    box = harness.Sandbox(tmp_path)
    request = str(box.write({"network": {"join": "/run/netns/not-there"}}))
    text = subprocess.run([harness.COMMAND, "explain", request], capture_output=True, text=True, timeout=harness.WAIT).stdout
    assert "join the namespace /run/netns/not-there (its network namespace, shared with who is in it)" in text
    done = subprocess.run([harness.COMMAND, "check", "--here", request], capture_output=True, text=True, timeout=harness.WAIT)
    assert done.returncode == 125 and "/run/netns/not-there" in done.stderr, done
