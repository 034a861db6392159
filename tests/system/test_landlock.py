"""`security.landlock`: what it holds by itself once mounts no longer would, ports and scopes, and kernels that know less of it.

Earlier versions are made by tests/drivers/landlock_version.c, kernels without any by tests/drivers/without.c.
"""

import os
import socket
import subprocess
import sys
import uuid

import pytest

from harness import AS_ROOT, BUILD, LINUX, NOBODY, PROBE, PYTHON

WITHOUT = BUILD / "tests" / "drivers" / "without"
VERSION = BUILD / "tests" / "drivers" / "landlock_version"
OWN_FILTER = {"bpf": [[0x06, 0, 0, 0x7FFF0000]]}
NEWEST = 7
PORTS = LINUX >= (6, 7)
SCOPES = LINUX >= (6, 12)

needs_ports = pytest.mark.skipif(not PORTS, reason="Landlock's ports are of Linux 6.7")
needs_scopes = pytest.mark.skipif(not SCOPES, reason="Landlock's scopes are of Linux 6.12")


def without(error, *calls):
    return [WITHOUT, error, ",".join(calls)]


def as_version(number):
    return [VERSION, str(number)]


def landlock(**keys):
    return {"security": {"landlock": keys}}


def listed(done):
    assert done.code == 0, done
    return set(done.outcome["enforced"]), {one["protection"]: one for one in done.outcome["not_enforced"]}


# ---- paths ------------------------------------------------------------------------------------------------------------

EVERYTHING = """
def several(place):
    os.mkdir(f"{place}/d")
    write(f"{place}/f")
    os.rename(f"{place}/f", f"{place}/d/f")
    os.link(f"{place}/d/f", f"{place}/g")
    os.symlink("g", f"{place}/l")
    os.mkfifo(f"{place}/p")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(f"{place}/s")
    os.truncate(f"{place}/g", 0)
    for name in ("d/f", "g", "l", "p", "s"):
        os.remove(f"{place}/{name}")
    os.rmdir(f"{place}/d")
result = [attempt(several, place) for place in PLACES]
"""


@pytest.mark.kernel
def test_what_can_be_written_still_can(tree, work):
    """Files made, moved to other directories, linked, cut, removed: where the request lets it be so, nothing stands in the way."""
    request = {"paths": {"/work": {"from": str(work), "access": "rw"}, "/t": "tmpfs"},
               "mounts": [{"type": "tmpfs", "at": "/u", "mode": "1777"}]}
    places = ["/tmp", "/home/sandbox", "/dev/shm", "/work", "/t", "/u"]
    request["paths"]["/t"] = {"access": "tmpfs", "mode": "1777"}
    assert tree.probe(f"PLACES = {places}" + EVERYTHING, request) == ["ok"] * len(places)
    enforced, missing = listed(tree.run(["true"], request))
    assert "landlock_paths" in enforced and not missing.keys() & {"landlock_paths", "landlock_network", "landlock_scopes"}


def test_devices_and_proc_can_be_used(box):
    seen = box.probe("""
import fcntl, termios
def terminal():
    fcntl.ioctl(os.open("/dev/null", os.O_RDWR), termios.FIONREAD)
result = [attempt(write, "/dev/null"), attempt(append, "/dev/zero"), attempt(write, "/proc/self/comm"),
          attempt(read, "/dev/urandom1") , attempt(write, "/proc/self/oom_score_adj", "900"), attempt(terminal)]""")
    assert seen == ["ok", "ok", "ok", "ENOENT", "ok", "ENOTTY"]


@pytest.mark.parametrize("rules, answer", [(None, "EACCES"), (True, "EACCES"), (False, "ok")])
def test_a_named_pipe_is_written_where_it_may_be(box, work, given, rules, answer):
    """No mount holds back who writes to one below `ro`; a rule of its own lets it be."""
    for name in ("closed", "open"):
        os.mkfifo(work / name)
        (work / name).chmod(0o666)
        given(work / name)
    request = {"paths": {"/ro": {"from": str(work)}, "/rw": {"from": str(work / "open"), "access": "rw"}},
               **({} if rules is None else landlock(paths=rules))}
    assert box.probe("""
def both(path):
    os.close(os.open(path, os.O_RDWR))
result = [attempt(both, "/ro/closed"), attempt(both, "/rw"), attempt(os.open, "/ro/closed", os.O_RDONLY | os.O_NONBLOCK)]""", request) == [answer, "ok", "ok"]


QUEUES = '''
def queue(name, flags):
    fd = libc.mq_open(name, flags, 0o600, None)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "mq_open")
    os.close(fd)
result = [attempt(queue, b"/q", os.O_CREAT | os.O_RDWR), attempt(queue, b"/q", os.O_RDONLY), libc.mq_unlink(b"/q")]'''


@pytest.mark.parametrize("more", [{}, {"namespaces": {"ipc": "host"}}, {"init": False}])
def test_message_queues_are_opened(box, more):
    """They have no place in the tree. Those of a shared namespace cannot be named, so that nothing is said there by default."""
    assert box.probe(QUEUES, more) == ["ok", "ok", 0]


def test_programs_are_executed_where_they_could_be_before(box, host, work, given):
    tool = work / "tool"
    tool.write_text("#!/bin/sh\necho made\n")
    tool.chmod(0o755)
    given(tool)
    request = {"paths": {"/ro": {"from": str(host)}, "/rw": {"from": str(work), "access": "rw"},
                         "/no": {"from": str(work), "access": "rw", "noexec": True}}}
    assert box.ok(["/ro/tool"], request) == "tool ran\n" and box.ok(["/rw/tool"], request) == "made\n"
    assert box.fails(["/no/tool"], request, code=126)["errno_name"] == "EACCES"


REMOUNT = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def check(value):
    if value:
        sys.exit(os.strerror(ctypes.get_errno()))
spaces = [os.open(f"/proc/{sys.argv[1]}/ns/{name}", os.O_RDONLY) for name in ("user", "mnt")]
for space in spaces:
    check(libc.setns(space, 0))
check(libc.mount(None, sys.argv[2].encode(), None, ctypes.c_ulong(32 | 4096 | 2 | 4), None))
"""


@pytest.mark.invariant("S2")
@pytest.mark.parametrize("rules", [pytest.param(True, marks=pytest.mark.kernel), False, None])
def test_what_is_read_only_stays_so_when_its_mount_no_longer_is(box, work, given, rules):
    """Somebody with every right over the sandbox makes the mount writable from outside: the payload's own files stay closed."""
    (work / "file").write_text("as it was")
    given(work / "file")
    request = {"paths": {"/w": {"from": str(work)}}, **({} if rules is None else landlock(paths=rules))}
    script = """
print("ready", flush=True)
sys.stdin.readline()
result = [attempt(write, "/w/file", "changed"), attempt(write, "/w/new"), attempt(os.remove, "/w/file"),
          attempt(os.mkdir, "/w/dir"), attempt(os.truncate, "/w/file", 0), read("/proc/mounts").split(" /w ")[1].split()[1][:2]]
"""
    with box.start([*PYTHON, PROBE + script + "\nprint(json.dumps(result))"], request, stdin=subprocess.PIPE) as running:
        assert running.read_line() == "ready"
        subprocess.run([sys.executable, "-c", REMOUNT, str(running.pids()[-1]), "/w"], check=True, timeout=60)
        running.process.stdin.write(b"\n")
        running.process.stdin.flush()
        seen = running.read_line()
    if rules is not False:
        cut = "EACCES" if rules and LINUX >= (6, 2) else "ok"  # the default is about making, writing, moving, removing
        assert seen == f'["EACCES", "EACCES", "EACCES", "EACCES", "{cut}", "rw"]'
        assert (work / "file").read_text() == ("" if cut == "ok" else "as it was") and not (work / "new").exists()
    else:
        assert seen == '["ok", "ok", "ok", "ok", "ENOENT", "rw"]'


MOUNT = 165 if os.uname().machine == "x86_64" else 40
UMOUNT = 166 if os.uname().machine == "x86_64" else 39


@pytest.mark.parametrize("rules, answer", [(True, "EPERM"), (False, 0), (None, 0)])
def test_nobody_inside_changes_a_mount(box, rules, answer):
    """Not even who has CAP_SYS_ADMIN past the filter, which is why the rules are then no default."""
    request = {"init": False, "security": {"seccomp": OWN_FILTER, "capabilities": ["SYS_ADMIN"],
                                           **({} if rules is None else {"landlock": rules})}}
    assert box.probe(f"""
name = ctypes.create_string_buffer(b"/tmp")
result = [system_call({MOUNT}, 0, ctypes.addressof(name), 0, {32 | 4096 | 1 | 2 | 4}, 0),
          system_call({UMOUNT}, ctypes.addressof(name), 0)]""", request) == [answer, answer]
    assert ("landlock_paths" in listed(box.run(["true"], request))[0]) == (rules is True)


def test_without_no_new_privs_they_hold_as_well(box, work):
    request = {"security": {"no_new_privs": False, "landlock": True}, "paths": {"/w": {"from": str(work), "access": "rw"}}}
    assert box.probe("result = [attempt(write, '/w/x'), status()['NoNewPrivs']]", request) == ["ok", "0"]
    assert "landlock_paths" in listed(box.run(["true"], request))[0]


# ---- descriptors ------------------------------------------------------------------------------------------------------


REOPEN = "result = [attempt(read, '/proc/self/fd/0'), attempt(append, '/proc/self/fd/0')]"


def test_a_file_handed_over_is_opened_again_as_it_was(box, work, given):
    """As `cat /dev/stdin` does: to be read where it was handed over to be read, and written where it was to be written."""
    file = work / "file"
    file.write_text("data")
    file.chmod(0o666)
    given(file)
    with open(file, "rb") as stdin:
        assert box.probe(REOPEN, stdin=stdin) == ["ok", "EACCES"]
    with open(file, "rb") as stdin:
        assert box.probe(REOPEN, landlock(paths=False), stdin=stdin) == ["ok", "ok"]
    with open(file, "r+b") as stdin:
        assert box.probe(REOPEN, stdin=stdin) == ["ok", "ok"]


def test_a_preserved_directory_gives_all_below_it(box, work):
    fd = os.open(work, os.O_RDONLY | os.O_DIRECTORY)
    try:
        assert box.probe(f"""
def make():
    os.close(os.open("made", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd={fd}))
result = [attempt(make), os.listdir({fd})]""", {"preserve_fds": [fd]}, pass_fds=[fd]) == ["ok", ["made"]]
    finally:
        os.close(fd)


@pytest.mark.invariant("S4")
def test_a_way_out_to_the_host_leads_nowhere(box, work):
    """A directory of the host, handed over through a socket after the start: what lies above it is no sandbox's."""
    ours, theirs = socket.socketpair()
    (work / "file").write_text("of the host")
    (work / "file").chmod(0o644)
    fd = os.open(work, os.O_RDONLY | os.O_DIRECTORY)
    socket.send_fds(ours, [b"x"], [fd])
    code = """
_, fds, _, _ = socket.recv_fds(socket.socket(fileno=%d), 1, 1)
def look():
    os.close(os.open("file", os.O_RDONLY, dir_fd=fds[0]))
result = attempt(look)""" % theirs.fileno()
    try:
        for rules, answer in ((True, "EACCES"), (False, "ok")):
            assert box.probe(code, {"preserve_fds": [theirs.fileno()], **landlock(paths=rules)},
                             pass_fds=[theirs.fileno()]) == answer
            socket.send_fds(ours, [b"x"], [fd])
    finally:
        os.close(fd)
        ours.close()
        theirs.close()


# ---- ports ------------------------------------------------------------------------------------------------------------

TCP = """
def bind(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", port))
def connect(port):
    with socket.socket() as s:
        s.connect(("127.0.0.1", port))
"""


@needs_ports
@pytest.mark.parametrize("keys, bound, connected", [
    ({}, ["ok", "ok", "ok"], ["ECONNREFUSED", "ECONNREFUSED"]),
    ({"tcp_bind": [8080]}, ["ok", "EACCES", "EACCES"], ["ECONNREFUSED", "ECONNREFUSED"]),
    ({"tcp_bind": [0]}, ["EACCES", "EACCES", "ok"], ["ECONNREFUSED", "ECONNREFUSED"]),
    ({"tcp_bind": []}, ["EACCES", "EACCES", "EACCES"], ["ECONNREFUSED", "ECONNREFUSED"]),
    ({"tcp_connect": [8080]}, ["ok", "ok", "ok"], ["ECONNREFUSED", "EACCES"]),
    ({"tcp_connect": []}, ["ok", "ok", "ok"], ["EACCES", "EACCES"]),
    ({"tcp_bind": [8081], "tcp_connect": [8080], "paths": False}, ["EACCES", "ok", "EACCES"], ["ECONNREFUSED", "EACCES"]),
])
def test_ports(box, keys, bound, connected):
    seen = box.probe(TCP + "result = [[attempt(bind, p) for p in (8080, 8081, 0)], [attempt(connect, p) for p in (8080, 8081)]]",
                     landlock(**keys))
    assert seen == [bound, connected]


OTHER_WAYS = '''
def smc():
    socket.socket(43, socket.SOCK_STREAM, 0)
def multipath():
    socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
def ulp():
    with socket.socket() as s:
        s.setsockopt(socket.IPPROTO_TCP, 31, b"smc")
def opening(send):
    with socket.socket() as s:
        send(s)
ADDRESS = ("127.0.0.1", PORT)
result = [attempt(smc), attempt(multipath), attempt(ulp), attempt(opening, lambda s: s.sendto(b"x", 0x20000000, ADDRESS)),
          attempt(opening, lambda s: s.sendmsg([b"x"], [], 0x20000000, ADDRESS)), system_call(425, 1, 0), attempt(opening, lambda s: s.connect(ADDRESS))]'''


@needs_ports
@pytest.mark.parametrize("profile", ["default", "none"])
def test_other_ways_to_speak_tcp(box, profile):
    """Data that is sent with the opening of a connection connects, and no rule of Landlock's is asked."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = OTHER_WAYS.replace("PORT", str(server.getsockname()[1]))
        keys = {"security": {"seccomp": profile, "landlock": {"tcp_connect": []}}}
        seen = box.probe(code, {"network": "host", **keys})
        assert seen[0] == "EAFNOSUPPORT" and seen[1:5] == ["EPROTONOSUPPORT", "ENOPROTOOPT", "ENOTSUP", "ENOTSUP"]
        assert seen[5] in ("ENOSYS", "EPERM") and seen[6] == "EACCES"
        seen = box.probe(code, {"network": "host", "security": {"seccomp": profile}})
        assert seen[3] in ("ok", "ENOTSUP") and seen[4] == seen[3] and seen[6] == "ok"


@needs_ports
def test_ports_of_the_hosts_network(box):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = TCP + f"result = attempt(connect, {port})"
        assert box.probe(code, {"network": "host", **landlock(tcp_connect=[port])}) == "ok"
        assert box.probe(code, {"network": "host", **landlock(tcp_connect=[1])}) == "EACCES"


def test_ports_are_what_a_setter_says(box):
    options = ["--set", "security.landlock=false", "--set", "security.landlock.tcp_connect=[80, 443]"]
    enforced, missing = listed(box.run(["true"], {"best_effort": ["landlock"]}, options))
    assert "landlock_network" in (enforced if PORTS else missing) and "landlock_paths" not in enforced | missing.keys()


# ---- scopes -----------------------------------------------------------------------------------------------------------


@needs_scopes
def test_abstract_sockets_of_others(box):
    name = f"\0styrolite-{uuid.uuid4()}"
    code = f"""
def connect(name):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(name)
def own():
    with socket.socket(socket.AF_UNIX) as s:
        s.bind("{chr(92)}0" + str(os.getpid()) + "-own")
        s.listen()
        connect(s.getsockname().decode())
result = [attempt(connect, {name!r}), attempt(own)]"""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        assert box.probe(code, {"network": "host"}) == ["ok", "ok"]
        assert box.probe(code, {"network": "host", **landlock(scopes=["signals"])}) == ["ok", "ok"]
        assert box.probe(code, {"network": "host", **landlock(scopes=["abstract_unix"])}) == ["EPERM", "ok"]


@needs_scopes
def test_signals_to_others(box):
    wrap = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"] if AS_ROOT else []
    request = {"namespaces": {"pid": "host"}, "init": False, "best_effort": ["tree_kill"]}
    with subprocess.Popen([*wrap, "sh", "-c", "echo; exec sleep 600"], stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout.readline() == b"\n"
            code = f"""
import signal
def own():
    child = os.fork()
    if child == 0:
        signal.pause()
    os.kill(child, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
result = [attempt(os.kill, {other.pid}, 0), attempt(own)]"""
            assert box.probe(code, request) == ["ok", "ok"]
            assert box.probe(code, {**request, **landlock(scopes=["abstract_unix"])}) == ["ok", "ok"]
            assert box.probe(code, {**request, **landlock(scopes=["signals"])}) == ["EPERM", "ok"]
            request = {**request, **landlock(scopes=["signals", "abstract_unix"])}
            assert "landlock_scopes" in listed(box.run(["true"], request))[0]
        finally:
            other.kill()


# ---- kernels that know less of it -------------------------------------------------------------------------------------

ASKED = {"paths": ("landlock_paths", True, 2, "5.19", "files"), "tcp_bind": ("landlock_network", [80], 4, "6.7", "TCP ports"),
         "tcp_connect": ("landlock_network", [80], 4, "6.7", "TCP ports"),
         "scopes": ("landlock_scopes", ["signals"], 6, "6.12", "scopes")}


@pytest.mark.parametrize("error", ["ENOSYS", "EOPNOTSUPP", "EPERM"])
def test_without_any_the_default_does_without(box, error):
    """Compiled out, not started, or refused by a container's filter: a protection on top is then no promise."""
    enforced, missing = listed(box.run(["true"], wrap=without(error, "landlock_create_ruleset")))
    assert not {"landlock_paths", "landlock_network", "landlock_scopes"} & (enforced | missing.keys())


@pytest.mark.parametrize("key", ASKED)
def test_without_any_what_is_asked_for_is_refused(box, key):
    protection, value, version, linux, words = ASKED[key]
    error = box.fails(["true"], landlock(**{key: value}), wrap=without("ENOSYS", "landlock_create_ruleset"))
    assert error["stage"] == "landlock" and error["field"] == f"/security/landlock/{key}" and error["object"] == words
    assert f"for {words} need version {version} of its interface (Linux {linux}), and this kernel has no Landlock" in error["message"]
    assert "best_effort" in error["hint"]


@pytest.mark.parametrize("word", ["landlock", "itself"])
@pytest.mark.parametrize("key", ASKED)
def test_without_any_best_effort_says_so(box, key, word):
    protection, value, *_ = ASKED[key]
    request = {**landlock(**{key: value}), "best_effort": [protection if word == "itself" else word]}
    enforced, missing = listed(box.run(["true"], request, wrap=without("EOPNOTSUPP", "landlock_create_ruleset")))
    assert protection not in enforced and missing[protection]["field"] == f"/security/landlock/{key}"


@pytest.mark.parametrize("version", range(1, NEWEST + 1))
def test_every_version_is_asked_for_what_it_knows(box, work, version):
    """The driver refuses a ruleset that names more. The first has no moves between directories, so that it has no rules."""
    request = {"paths": {"/w": {"from": str(work), "access": "rw"}}}
    wrap = as_version(version)
    assert box.probe("PLACES = ['/tmp', '/w']" + EVERYTHING, request, wrap=wrap) == ["ok", "ok"]
    enforced, missing = listed(box.run(["true"], request, wrap=wrap))
    assert ("landlock_paths" in enforced) == (version >= 2) and missing.keys() <= {"supplementary_groups"}


@pytest.mark.parametrize("key", ASKED)
def test_the_version_before_the_one_that_is_needed(box, key):
    protection, value, version, linux, words = ASKED[key]
    wrap = as_version(version - 1)
    error = box.fails(["true"], landlock(**{key: value}), wrap=wrap)
    assert f"need version {version} of its interface (Linux {linux}), and this kernel has version {version - 1}" in error["message"]
    enforced, missing = listed(box.run(["true"], {**landlock(**{key: value}), "best_effort": ["landlock"]}, wrap=wrap))
    assert protection not in enforced and protection in missing


@needs_scopes
@pytest.mark.parametrize("key", ASKED)
def test_the_version_that_is_needed(box, key):
    protection, value, version, *_ = ASKED[key]
    enforced, missing = listed(box.run(["true"], landlock(**{key: value}), wrap=as_version(version)))
    assert protection in enforced and protection not in missing


@pytest.mark.kernel
def test_what_this_kernel_has_of_it(box):
    """Without any driver: Linux 6.1 has paths and nothing else."""
    enforced, missing = listed(box.run(["true"], {**landlock(paths=True, tcp_bind=[], tcp_connect=[], scopes=["signals"]),
                                                  "best_effort": ["landlock_network", "landlock_scopes"]}))
    assert "landlock_paths" in enforced
    assert ("landlock_network" in enforced) == PORTS and ("landlock_network" in missing) == (not PORTS)
    assert ("landlock_scopes" in enforced) == SCOPES and ("landlock_scopes" in missing) == (not SCOPES)


@pytest.mark.invariant("S22")
@pytest.mark.parametrize("call", ["landlock_add_rule", "landlock_restrict_self"])
def test_a_rule_that_cannot_be_had_ends_the_set_up(box, call):
    """That the kernel has it was seen before: no version and no default excuses that."""
    error = box.fails(["true"], wrap=without("ENOMEM", call))
    assert error["stage"] == "landlock" and error["errno_name"] == "ENOMEM"


def test_who_stands_in_all_domains_that_there_can_be(box):
    wrap = without("E2BIG", "landlock_restrict_self")
    enforced, missing = listed(box.run(["true"], wrap=wrap))
    assert "landlock_paths" not in enforced | missing.keys()
    error = box.fails(["true"], landlock(paths=True), wrap=wrap)
    assert "sixteen" in error["hint"] and error["field"] == "/security/landlock"
