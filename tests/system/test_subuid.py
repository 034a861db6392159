"""`uid_map` and `gid_map` as `subuid`: maps of subordinate ids, by newuidmap and newgidmap for an ordinary user, without them
for root. Each test has an /etc/subuid and /etc/subgid of its own.
"""

import os
import signal
import subprocess

import pytest

import callers
from callers import ALICE, BIND
from harness import WAIT, settled, status_of

pytestmark = pytest.mark.as_root

SUBUID = {"uid_map": "subuid", "gid_map": "subuid"}
KEEP = "CAP_SETUID", "CAP_SETGID", "CAP_CHOWN"
IDS = """
s = status()
result = {"uid": s["Uid"].split(), "gid": s["Gid"].split(), "groups": s["Groups"].split(),
          "caps": [v for k, v in s.items() if k.startswith("Cap")], "setgroups": read("/proc/self/setgroups").strip(),
          "maps": [[[int(n) for n in line.split()] for line in read("/proc/self/" + k).splitlines()] for k in ("uid_map", "gid_map")]}
"""


def user(**more):
    return {"user": {**SUBUID, **more}}


def give(path, uid=ALICE, gid=ALICE):
    os.chown(path, uid, gid)
    return str(path)


@pytest.fixture
def shared(root_box):
    """A directory of the host that everybody reaches."""
    path = root_box.directory / "shared"
    path.mkdir()
    return path


# ---- an ordinary user ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("uid, gid", [(0, 0), (1000, 1000), (1, 65535), (65536, 70000), (4294967294, 5)])
@pytest.mark.invariant("S12")
@pytest.mark.invariant("S14")
def test_the_payload_is_the_caller_and_all_else_subordinate(alice, shared, uid, gid):
    """What the kernel shows inside, and who made a file outside."""
    request = {**user(uid=uid, gid=gid), "paths": {"/w": {"from": give(shared), "access": "rw"}}}
    seen = alice.probe(IDS + 'write("/w/made")', request)
    assert (seen["uid"], seen["gid"], seen["groups"]) == ([str(uid)] * 4, [str(gid)] * 4, [])
    assert seen["caps"] == ["0" * 16] * 5
    for column, inside, first in ((seen["maps"][0], uid, 100000), (seen["maps"][1], gid, 200000)):
        wanted = [line for line in ([0, first, min(inside, 65536)], [inside, ALICE, 1],
                                    [inside + 1, first + inside, 65536 - inside]) if line[2] > 0]
        assert column == wanted
    made = (shared / "made").stat()
    assert (made.st_uid, made.st_gid) == (ALICE, ALICE)


@pytest.mark.parametrize("init", [True, False], ids=["init", "no-init"])
@pytest.mark.invariant("S14")
def test_every_process_is_the_caller_outside(alice, init):
    with alice.start(["/bin/sh", "-c", "sleep 30 & echo ready; wait"], {**user(), "init": init}) as run:
        assert run.read_line() == "ready"
        members = 3 if init else 2
        settled(lambda: len(run.pids()) == members)
        assert len(run.pids()) == members
        for pid in run.pids():
            status = status_of(pid)
            assert status["Uid"].split() == status["Gid"].split() == [str(ALICE)] * 4
            assert status["Groups"].split() == []


@pytest.mark.invariant("S12")
def test_the_promises(alice):
    """Groups are really gone, and so neither listed as staying nor in need of an explicit word."""
    for groups in ({}, {"groups": []}):
        done = alice.run(["grep", "^Groups", "/proc/self/status"], user(**groups))
        assert done.text.split() == ["Groups:"]
        assert {"supplementary_groups", "user_ids"} <= set(done.outcome["enforced"]) and done.outcome["not_enforced"] == []
        assert done.outcome["spawn_mode"] == "helper"


@pytest.mark.kernel
def test_either_map_alone(alice):
    """The other is the caller's own id; and setgroups(2) hangs on the gid map alone."""
    seen = alice.probe(IDS, {"user": {"uid_map": "subuid"}})
    assert seen["maps"] == [[[0, 100000, 1000], [1000, ALICE, 1], [1001, 101000, 64536]], [[1000, ALICE, 1]]]
    assert (seen["setgroups"], seen["groups"]) == ("deny", ["65534", "65534"])
    seen = alice.probe(IDS, {"user": {"gid_map": "subuid"}})
    assert seen["maps"] == [[[1000, ALICE, 1]], [[0, 200000, 1000], [1000, ALICE, 1], [1001, 201000, 64536]]]
    assert (seen["setgroups"], seen["groups"]) == ("allow", [])


def test_a_kept_capability_reaches_the_mapped_ids_and_no_others(alice, shared):
    """Files of the ids that it takes carry the right ids on the host."""
    request = {**user(uid=0, gid=0), "security": {"capabilities": list(KEEP)},
               "paths": {"/w": {"from": give(shared), "access": "rw"}}}
    seen = alice.probe("""
os.chmod("/w", 0o777)
write("/w/own"), write("/w/given"), os.chown("/w/given", 33, 44)
result = [attempt(os.chown, "/w/given", 70000, -1), attempt(os.setuid, 70000), attempt(os.setgid, 70000)]
os.setgroups([7]), os.setresgid(5, 5, 5), os.setresuid(6, 6, 6)
write("/w/others")
result += [os.getresuid(), os.getresgid(), os.getgroups(), attempt(os.setuid, 0)]""", request)
    assert seen == ["EINVAL", "EINVAL", "EINVAL", [6] * 3, [5] * 3, [7], "EPERM"]
    owners = {p.name: (p.stat().st_uid, p.stat().st_gid) for p in shared.iterdir()}
    # 0 inside is the caller, so the ranges begin with 1
    assert owners == {"own": (ALICE, ALICE), "given": (100032, 200043), "others": (100005, 200004)}


def test_without_a_capability_no_id_changes(alice):
    seen = alice.probe("result = [attempt(os.setuid, 0), attempt(os.setgid, 5), attempt(os.setgroups, []), attempt(os.setuid, 70000)]",
                       user())
    assert seen == ["EPERM", "EPERM", "EPERM", "EINVAL"]


def test_ambient_capabilities(alice):
    """All five sets after exec, and in use."""
    request = {**user(), "security": {"capabilities": ["NET_BIND_SERVICE"]}}
    seen = alice.probe(IDS + """
with socket.socket() as s:
    s.bind(("127.0.0.1", 80))
    result["port"] = s.getsockname()[1]""", request)
    assert seen["caps"] == [f"{1 << 10:016x}"] * 5 and seen["port"] == 80 and seen["uid"] == ["1000"] * 4


def test_captured_streams_are_the_payloads_own(alice):
    done = alice.run(["/bin/sh", "-c", "echo a > /dev/stdout; echo b > /dev/stderr"], {**user(), "output": "1M"})
    assert (done.code, done.out, done.err) == (0, b"a\n", b"b\n")


def test_a_path_of_the_callers_is_writable_and_one_of_roots_is_not(alice, shared):
    request = {**user(uid=0, gid=0), "paths": {"/w": {"from": give(shared, 0, 0), "access": "rw"}}}
    assert alice.fails(["true"], request)["stage"] == "access"


# ---- root ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("uid", [0, 1000, 65535])
@pytest.mark.invariant("S14")
def test_root_maps_its_own_range_and_not_itself(root_box, shared, uid):
    """Without a tool, in either mode; who is 0 inside is not 0 outside."""
    give(shared, 300000 + uid, 400000 + uid)
    request = {**user(uid=uid, gid=uid), "paths": {"/w": {"from": str(shared), "access": "rw"}}}
    root_box.over["/usr/bin/newuidmap"] = root_box.over["/usr/bin/newgidmap"] = "/dev/null"
    done = root_box.run(["/bin/sh", "-c", "touch /w/made; id -u; cat /proc/self/uid_map /proc/self/gid_map"], request)
    assert done.text.split() == [str(uid), "0", "300000", "65536", "0", "400000", "65536"], done
    assert done.outcome["spawn_mode"] == root_box.spawn and done.outcome["not_enforced"] == []
    made = (shared / "made").stat()
    assert (made.st_uid, made.st_gid) == (300000 + uid, 400000 + uid)


def test_root_with_one_of_the_two(root_box):
    seen = root_box.probe(IDS, {"user": {"gid_map": "subuid"}})
    assert seen["maps"] == [[[1000, 65534, 1]], [[0, 400000, 65536]]]


def test_who_may_map_ids_needs_no_tool(root_box):
    """An ordinary user whom somebody gave the two capabilities."""
    root_box.who = ["setpriv", "--reuid", str(ALICE), "--regid", str(ALICE), "--clear-groups", "--inh-caps=-all,+setuid,+setgid",
                    "--ambient-caps=-all,+setuid,+setgid"]
    root_box.over["/usr/bin/newuidmap"] = root_box.over["/usr/bin/newgidmap"] = "/dev/null"
    seen = root_box.probe(IDS, user())
    assert seen["maps"][0] == [[0, 100000, 1000], [1000, ALICE, 1], [1001, 101000, 64536]] and seen["caps"] == ["0" * 16] * 5


# ---- the files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text, ranges", [
    ("# a comment\n\nbob:5:5\nroot:300000:10", [[0, 300000, 10]]),
    ("root:300000:10\nroot:300005:10\n0:300000:10\n", [[0, 300000, 10], [10, 300010, 5]]),
    ("0:7:3\nroot:100:0\nroot:1:20\n", [[0, 7, 3], [3, 1, 6], [9, 10, 11]]),
    ("bob:rubbish\n:::\nroot:4294967294:1\nbob:0:4294967295\n", [[0, 4294967294, 1]]),
    ("bob:5:5\n" * 131071 + "root:300000:10", [[0, 300000, 10]]),
    ("\0\xff\n" * 1000 + "root:300000:10\n", [[0, 300000, 10]]),
], ids=["comments", "overlap", "inside", "others", "1 MiB", "bytes"])
def test_what_a_file_may_hold(root_box, text, ranges):
    root_box.subuid = text
    assert root_box.probe(IDS, {"user": {"uid": 0, "uid_map": "subuid"}})["maps"][0] == ranges


@pytest.mark.parametrize("text, said", [
    ("", "/etc/subuid gives `root` no subordinate ids (add the line root:100000:65536 to /etc/subuid"),
    ("bob:1:1\n", "gives `root` no subordinate ids"),
    ("a:b\nroot:100000\n", "line 2 of /etc/subuid is not of the form USER:START:COUNT (a line such as alice:100000:65536"),
    ("root:100000:x\n", "line 1 of /etc/subuid is not of the form"),
    ("root:-5:5\n", "is not of the form"),
    ("root:100000:65536:\n", "is not of the form"),
    ("root:100000:65536\r\n", "is not of the form"),
    ("root:99999999999999999999999:1\n", "is not of the form"),
    ("root:4294967290:6\n", "goes beyond the last id, 4294967294"),
    ("\n\n0:0:65536\n", "line 3 of /etc/subuid gives id 0 of the host, which is never mapped but by an explicit range"),
    ("".join(f"root:{n * 2 + 1000}:1\n" for n in range(341)), "line 341 of /etc/subuid is one range too many"),
    ("root:100000:1000\n", "/user/uid_map: there are too few subordinate ids to map 1000 inside"),
    (b"#" * (5 << 20), "cannot read `/etc/subuid`: File too large"),
], ids=["empty", "others", "no count", "no number", "negative", "a field more", "carriage return", "long", "beyond the last", "root",
        "341 ranges", "too few", "5 MiB"])
def test_what_is_wrong_with_a_file_is_said(root_box, text, said):
    root_box.subuid = text
    done = root_box.run(["echo", "ran"], user())
    assert (done.code, done.out, done.err.count(b"\n")) == (125, b"", 1)
    assert done.line.startswith("styrolite: ids: ") and said in done.line


def test_a_file_that_is_none(root_box):
    """A FIFO holds nobody up, and what never ends is not read."""
    fifo = root_box.directory / "fifo"
    os.mkfifo(fifo)
    root_box.subuid = None
    for path in (fifo, "/dev/zero"):
        root_box.over["/etc/subuid"] = path
        done = root_box.run(["echo", "ran"], user(), timeout=WAIT)
        assert done.code == 125 and "cannot read `/etc/subuid`: Invalid argument" in done.line


def test_the_line_to_add_is_the_users(alice):
    alice.subuid = alice.subgid = "root:300000:65536\n"
    assert "add the line alice:100000:65536 to /etc/subuid" in alice.run(["true"], user()).line
    assert "add the line alice:100000:65536 to /etc/subgid" in alice.run(["true"], {"user": {"gid_map": "subuid"}}).line
    alice.users = "root:x:0:0::/:/bin/sh\n"
    assert f"add the line {ALICE}:100000:65536 to /etc/subuid" in alice.run(["true"], user()).line


# ---- the tools -------------------------------------------------------------------------------------------------------


def refused(alice, request=None):
    error = alice.fails(["echo", "ran"], request or user())
    assert (error["stage"], error["field"]) == ("ids", "/user/gid_map")
    return error


def script(alice, text):
    path = alice.place("tool", "#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


def test_a_tool_that_is_not_there(alice):
    for tool in ("newuidmap", "newgidmap"):
        alice.over = {f"/usr/bin/{tool}": "/dev/null"}
        done = alice.run(["echo", "ran"], user())
        assert (done.code, done.out) == (125, b"")
        assert done.line.startswith("styrolite: ids: ") and done.line.endswith(
            f"a map of subordinate ids needs {tool}, which is not on this host (install the package `uidmap`, elsewhere "
            "`shadow-utils`, or call as root)\n")


def test_a_tool_that_refuses_is_quoted(alice):
    """What the real one says of a user that it does not know, and of a group file that is not ours."""
    alice.users, alice.subuid = "root:x:0:0::/:/bin/sh\n", f"{ALICE}:100000:65536\n"
    error = refused(alice)
    assert "the map of subordinate group ids was not written: newgidmap: Cannot determine your user name." in error["message"]
    assert error["errno_name"] == "EPERM" and "/etc/passwd" in error["hint"]


def test_the_words_of_a_tool_are_not_the_payloads(alice):
    alice.over = {"/usr/bin/newgidmap": script(alice, "echo to stdout; echo to stderr >&2; echo more >&2; exit 3")}
    done = alice.run(["echo", "ran"], user())
    assert (done.code, done.out) == (125, b"") and done.err.count(b"\n") == 1
    assert done.error["object"] == "to stderr" and "was not written: to stderr" in done.error["message"]


def test_a_tool_that_says_nothing(alice):
    alice.over = {"/usr/bin/newgidmap": "/bin/false"}
    assert "was not written: /usr/bin/newgidmap" in refused(alice)["message"]


def test_a_tool_that_cannot_be_executed(alice):
    alice.over = {"/usr/bin/newgidmap": script(alice, "")}
    (alice.directory / "tool").write_bytes(b"no program")
    assert "was not written: /usr/bin/newgidmap" in refused(alice)["message"]


@pytest.mark.invariant("S14")
def test_a_tool_that_lies(alice):
    """It says that all is well, and there is no map: the payload never runs."""
    alice.over = {"/usr/bin/newgidmap": "/bin/true", "/usr/bin/newuidmap": "/bin/true"}
    error = alice.fails(["echo", "ran"], user())
    assert error["stage"] in ("ids", "identity", "source", "spawn")


def test_arguments_of_a_tool(alice):
    """The pid and the ranges, each a word; the environment is a constant, and no descriptor is passed on."""
    alice.over = {"/usr/bin/newgidmap": script(alice, 'echo "$# $2 $3 $4 $5 $6 $7 $8 $9 ${10}" "$(env | sort | grep -v ^_= | '
                                                      'tr "\\n" ,)" "$(ls /proc/self/fd | tr "\\n" ,)" >&2; exit 1')}
    words = alice.fails(["true"], user())["object"].split()
    assert words[:10] == "10 0 200000 1000 1000 1500 1 1001 201000 64536".split()
    assert words[10] == "LC_ALL=C,PATH=/usr/bin:/bin,PWD=/,"
    # ls has the directory itself open, and the shell a copy of stderr at most
    assert words[11].startswith("0,1,2,3,") and len(words[11].split(",")) <= 6


@pytest.mark.invariant("S23")
def test_a_caller_that_is_killed_leaves_no_tool(alice):
    """Also while the tool hangs: whoever waits for it watches the caller. What is left would be found after the test."""
    ready = alice.directory / "shared.fifo"
    os.mkfifo(ready)
    os.chmod(ready, 0o666)
    alice.over = {"/usr/bin/newgidmap": script(alice, f"echo > {ready}; exec sleep 1000")}
    words, _ = alice.arguments(["true"], user(), (), ())
    process = subprocess.Popen(words, env=alice.environment({}), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, cwd="/")
    with open(ready) as word:
        assert word.readline() == "\n"
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_no_new_privs_of_the_caller(alice):
    alice.who += ["--no-new-privs"]
    done = alice.run(["true"], user())
    assert done.code == 125 and "newuidmap, which gets no right because this process has no_new_privs set" in done.line
    assert alice.run(["true"], {}).code == 0


def test_a_limit_of_descriptors(alice):
    """The two more that the tool takes are closed again before the tree is built."""
    done = alice.run(["true"], user(), wrap=["prlimit", "--nofile=64"])
    assert done.code == 0


@pytest.mark.parametrize("init", [True, False], ids=["init", "no-init"])
def test_twenty_at_a_time(alice, init):
    """Both maps are whole in each."""
    request = alice.write({**user(), "init": init})
    words = ["unshare", "-m", "--propagation", "private", "/bin/sh", "-c", BIND, "sh", *alice.binds(), "--", *alice.who]
    command = [*words, str(callers.harness.COMMAND), "run", str(request), "--", "cat", "/proc/self/uid_map", "/proc/self/gid_map"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, env=alice.environment({}), cwd="/") for _ in range(20)]
    answers = [process.communicate()[0].split() for process in running]
    wanted = b"0 100000 1000 1000 1500 1 1001 101000 64536 0 200000 1000 1000 1500 1 1001 201000 64536".split()
    assert answers == [wanted] * 20


def test_explain(root_box):
    seen = root_box.directory / "request.json"
    seen.write_text('{"version": 1, "user": {"uid_map": "subuid", "gid_map": "subuid", "groups": [7, 10], "setgroups": "allow"}}')
    text = subprocess.run([callers.harness.COMMAND, "explain", seen], capture_output=True, text=True, check=True).stdout
    assert "outside: the caller's own id and subordinate ids around it; for a root caller subordinate ids only; " \
           "setgroups(2) allowed" in text
    assert "supplementary groups 7 10" in text
