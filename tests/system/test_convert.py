"""`styrolite convert -- unshare ...`: every option of unshare(1), what it becomes in the request, what is said about the rest,
and what is refused. What the requests then do beside unshare itself is in test_differential.py.
"""

import json
import os
import re
import shutil
import subprocess

import pytest

from commandline import AS_ROOT, call, refused

UNSHARE = shutil.which("unshare")
UID, GID = os.geteuid(), os.getegid()


def convert(*args, **more):
    done = call("convert", "--", "unshare", *args, **more)
    assert done.returncode == 0, done.stderr
    assert all(line.startswith("styrolite: unshare: ") for line in done.stderr.splitlines())
    return json.loads(done.stdout)


def notes(*args):
    lines = call("convert", "--", "unshare", *args).stderr.splitlines()
    return [line.removeprefix("styrolite: unshare: ") for line in lines]


def get(request, pointer):
    for key in pointer.split("/")[1:]:
        request = request.get(key) if isinstance(request, dict) else None
    return request


SELF = {"uid_map": "self", "gid_map": "self"}
FULL = [[0, 100000, 65536]]

SHARED_FILES = [{"type": "bind", "at": "/tmp", "from": "/tmp", "access": "rw"}, {"type": "bind", "at": "/home", "from": "/home", "optional": True}]
ALL_SHARED = {"type": "propagation", "at": "/", "propagation": "shared"}


def with_proc(at, *more, files=True):
    """What a rule of `paths` shows would cover an entry of `mounts`."""
    return {"/mounts": [*(SHARED_FILES if files else []), {"type": "proc", "at": at}, *more], "/paths": None}


# arguments, {pointer: value}; None: not there
BECOMES = [
    # namespaces, in each of their spellings
    ("id", {"/namespaces/pid": "host", "/namespaces/ipc": "host", "/namespaces/uts": "host", "/namespaces/cgroup": "host",
            "/namespaces/time": "host", "/namespaces/user": "host", "/network": "host", "/namespaces/mount": None}),
    ("-p -f id", {"/namespaces/pid": "new", "/namespaces/ipc": "host", "/best_effort": None}),
    ("--pid --fork id", {"/namespaces/pid": "new"}),
    ("id", {"/best_effort": ["tree_kill"]}),
    ("-i id", {"/namespaces/ipc": "new"}), ("--ipc id", {"/namespaces/ipc": "new", "/network": "host"}),
    ("-u id", {"/namespaces/uts": "new"}), ("--uts id", {"/namespaces/uts": "new"}),
    ("-n id", {"/network": "none"}), ("--net id", {"/network": "none"}),
    ("-C id", {"/namespaces/cgroup": "new"}), ("--cgroup id", {"/namespaces/cgroup": "new"}),
    ("-T id", {"/namespaces/time": "new"}), ("--time id", {"/namespaces/time": "new"}),
    ("-m id", {"/namespaces/mount": None}), ("--mount id", {"/namespaces/mount": None}),
    ("-U id", {"/namespaces/user": "new", "/user": {"uid": 65534, "gid": 65534, **SELF}}),
    ("-imnpuUCT id", {"/namespaces/ipc": "new", "/namespaces/pid": "new", "/namespaces/time": "new", "/network": "none"}),
    ("--cg -r id", {"/namespaces/cgroup": "new", "/user/uid": 0}),  # shortened as far as it is one option's
    # ids
    ("-r id", {"/user": {"uid": 0, "gid": 0, **SELF}, "/namespaces/user": "new"}),
    ("--map-root-user id", {"/user": {"uid": 0, "gid": 0, **SELF}}),
    ("-c id", {"/user": {"uid": UID, "gid": GID, **SELF}}),
    ("--map-current-user id", {"/user": {"uid": UID, "gid": GID, **SELF}, "/namespaces/user": "new"}),
    ("--map-user=5 id", {"/user": {"uid": 5, "gid": 65534, **SELF}}),
    ("--map-user root --map-group=7 id", {"/user": {"uid": 0, "gid": 7, **SELF}}),
    ("--map-user=5 -r id", {"/user/uid": 0}), ("-r --map-user=5 id", {"/user/uid": 5, "/user/gid": 0}),
    ("-r -S 0 -G 0 id", {"/user": {"uid": 0, "gid": 0, **SELF}}),
    ("--map-users=100000,0,65536 --map-groups=100000,0,65536 -S 3 -G 4 id", {"/user": {"uid": 3, "gid": 4, "uid_map": FULL, "gid_map": FULL}}),
    ("-r --map-users=100000,0,65536 id", {"/user/uid_map": [[0, UID, 1], [1, 100000, 65535]], "/user/uid": 0}),
    ("-r --map-users=100000,1,10 id", {"/user/uid_map": [[0, UID, 1], [1, 100000, 10]]}),
    ("--map-user=3 --map-users=100000,0,10 id", {"/user/uid_map": [[3, UID, 1], [0, 100000, 3], [4, 100003, 6]], "/user/uid": 3}),
    ("--map-user=9 --map-users=100000,0,10 id", {"/user/uid_map": [[9, UID, 1], [0, 100000, 9]]}),
    (f"--map-users={UID},40,3 --map-groups={GID},50,3 id", {"/user": {"uid": 40, "gid": 50, "uid_map": [[40, UID, 3]], "gid_map": [[50, GID, 3]]}}),
    ("-S 12 -G 13 id", {"/user": {"uid": 12, "gid": 13}}), ("id", {"/user": {"uid": UID, "gid": GID}}),
    ("-r --map-auto id", {"/user": {"uid": 0, "gid": 0, "uid_map": "subuid", "gid_map": "subuid"}}),
    ("-c --map-users=auto -S " + str(UID) + " id", {"/user": {"uid": UID, "gid": GID, "uid_map": "subuid", "gid_map": "self"}}),
    ("-r --setgroups deny id", {"/user": {"uid": 0, "gid": 0, **SELF, "setgroups": "deny"}}),
    ("-T --boottime 5 --monotonic=3 id", {"/namespaces/time": {"mode": "new", "boottime": "5s", "monotonic": "3s"}}),
    # processes
    ("id", {"/init": False}), ("-pf id", {"/init": False}), ("-p --kill-child id", {"/init": None}),
    ("-p --kill-child=SIGKILL id", {"/init": None}),
    # files
    ("id", {"/root/directory": "/", "/cwd": "${CWD}", "/paths/~": None}),
    ("-R /srv id", {"/root/directory": "/srv", "/cwd": "/", "/paths": None}), ("--root=/srv/ id", {"/root/directory": "/srv"}),
    ("-w /usr id", {"/cwd": "/usr"}), ("--wd=/usr id", {"/cwd": "/usr"}), ("-R /srv -w etc id", {"/cwd": "/etc"}),
    ("--mount-proc id", {"/namespaces/mount": None}), ("--mount-proc=/proc id", {"/root/directory": "/"}),
    ("-pf --mount-proc=/mnt id", with_proc("/mnt")), ("-pf --mount-proc=/proc/ id", with_proc("/proc")),
    ("-pf --mount-proc=b -w /a id", with_proc("/a/b")), ("-pf --mount-proc=../b -w /a/c id", with_proc("/a/b")),
    ("-pf --mount-proc=b -R /srv -w a id", with_proc("/a/b", files=False)), ("-pf -R /srv --mount-proc=b id", with_proc("/b", files=False)),
    ("-m --propagation private id", {"/root/directory": "/", "/mounts": None}),
    ("-m --propagation shared id", {"/mounts": [ALL_SHARED], "/paths/~": None}), ("--mount-proc --propagation shared id", {"/mounts": [ALL_SHARED]}),
    ("-pf --propagation shared --mount-proc=/mnt id", with_proc("/mnt", ALL_SHARED)),
    *[(f"--propagation {word} id", {"/mounts": None}) for word in ("private", "shared", "slave", "unchanged")],
    # rights
    ("-r id", {"/security": None}), ("--keep-caps id", {"/security": None}),
    # the program, and where options end
    ("id -u", {"/command": ["id", "-u"]}), ("-r -- id --net", {"/command": ["id", "--net"], "/network": "host"}),
    ("-r id -n", {"/command": ["id", "-n"], "/network": "host"}),
]


@pytest.mark.parametrize("arguments, expected", BECOMES, ids=lambda value: value if isinstance(value, str) else "")
def test_what_it_becomes(arguments, expected):
    request = convert(*arguments.split())
    assert request["version"] == 1
    assert {pointer: get(request, pointer) for pointer in expected} == expected


def test_without_a_program_the_shell_is_meant():
    assert convert(env={**os.environ, "SHELL": "/bin/dash"})["command"] == ["/bin/dash", "-l"]
    assert convert(env={k: v for k, v in os.environ.items() if k != "SHELL"})["command"] == ["/bin/sh", "-l"]


def test_relative_directories_start_at_the_caller(tmp_path):
    (tmp_path / "a b").mkdir()
    assert convert("-w", "a b", "id", cwd=tmp_path)["cwd"] == str(tmp_path / "a b")
    assert convert("-R", "a b/../x", "id", cwd=tmp_path)["root"] == {"directory": str(tmp_path / "x")}
    assert convert("-pf", "--mount-proc=./a b", "id", cwd=tmp_path)["mounts"][-1] == {"type": "proc", "at": str(tmp_path / "a b")}
    assert convert("-pf", "--mount-proc=x", "-w", "a b", "id", cwd=tmp_path)["mounts"][-1] == {"type": "proc", "at": str(tmp_path / "a b" / "x")}


def test_a_directory_is_no_variable(tmp_path):
    name = tmp_path / "${HOME}"
    name.mkdir()
    request = convert("-R", str(name), "id")
    assert request["root"]["directory"] == str(tmp_path / "$${HOME}")
    explained = json.loads(call("explain", "-", "--emit", "json", input=json.dumps(request)).stdout)
    assert [s["source"] for s in explained["steps"] if s["step"] == "root"] == [str(name)]


def test_all_capabilities():
    """With an init too: what would open it is held in a user namespace below the sandbox's own."""
    for arguments in ("-r", "-rp --kill-child"):
        assert convert(*arguments.split(), "--keep-caps", "id")["security"]["capabilities"] == "ALL"


# arguments, the line of standard error that must be there
SAID = [
    ("-r id", "privileges: stronger: no capability, no_new_privs"), ("id", "without --user: for root callers"),
    ("-r id", "without --mount: stronger"), ("-rn id", "--net: the loopback interface is up"),
    ("-ru id", "--uts: the host name is `sandbox`"), ("-rp id", "--pid: without --fork"), ("-rpf id", "--pid: stronger: /proc"),
    ("-r id", "files: stronger: all but /tmp is read-only"), ("-r -R /srv id", "--root: stronger: its files are read-only"),
    ("-r id", "environment: stronger"), ("-r id", "descriptors: stronger"), ("-r id", "session: stronger"),
    ("-rp --kill-child=TERM id", "--kill-child: stronger: the whole sandbox ends by SIGKILL, not by TERM"),
    ("-rp --kill-child --keep-caps id", "--keep-caps: stronger: in a user namespace below the sandbox's own"),
    ("-r --map-auto id", "--map-users: all of the caller's subordinate ids"), ("-r id", "groups: stronger"),
    ("-r --keep-caps id", "privileges: stronger: no_new_privs"),
    ("-rpf --mount-proc=/mnt id", "--mount-proc: stronger: /proc is the new namespace's too"),
    ("-rm --propagation shared id", "--propagation: stronger: shared by those who live inside, and never with the host"),
    ("-r --propagation slave id", "--propagation: stronger: private, where unshare without --mount changes nothing"),
]


@pytest.mark.parametrize("arguments, line", SAID)
def test_what_is_said(arguments, line):
    assert [n for n in notes(*arguments.split()) if n.startswith(line)], notes(*arguments.split())


@pytest.mark.parametrize("arguments, line", [
    ("-rm id", "without --mount"), ("-r id", "--net"), ("-rpf --mount-proc id", "--pid"), ("-rp --kill-child=KILL id", "--kill-child"),
    ("-r id", "without --user"), ("-rp --kill-child id", "--pid: without --fork"), ("-r -R /srv id", "files"),
    ("-rpf --mount-proc id", "--mount-proc"), ("-rm --propagation private id", "--propagation"), ("-rm id", "--propagation"),
])
def test_what_is_not_said_where_it_is_not_so(arguments, line):
    assert not [n for n in notes(*arguments.split()) if n.startswith(line)]


# arguments, parts of the one line that refuses them
REFUSED = [
    *[(f"--{name}=/run/x id", [f"--{name}", "keeps no namespace", "/run/x", "without =FILE"])
      for name in ("mount", "uts", "ipc", "net", "pid", "user", "cgroup", "time")],
    ("--kill-child id", ["--kill-child", "process namespace", "add --pid"]),
    ("--mount-proc=/mnt id", ["--mount-proc", "/mnt", "a process namespace of its own", "add --pid --fork", "leave =DIR out"]),
    ("-pf --mount-proc=/ id", ["/mounts/2/at", "`/` is the root"]), ("-pf --mount-proc=/dev id", ["/mounts/2/at", "`/dev` is always the sandbox's own"]),
    ("-m --propagation slave id", ["--propagation", "follows nobody", "say private", "a `bind` of `mounts`"]),
    ("-m --propagation unchanged id", ["--propagation", "never reach the host", "say private, or shared"]),
    *[(f"{more}--propagation nonsense id", ["--propagation", "`nonsense`", "private, shared, slave and unchanged"]) for more in ("-m ", "")],
    ("-U -S 5 id", ["--setuid", "no id is mapped", "--map-root-user"]), ("-U -G 5 id", ["--setgid", "no id is mapped"]),
    ("-r -S 5 id", ["--setuid", "5 does not exist", "only 0"]), ("-r -G 5 id", ["--setgid", "5 does not exist"]),
    ("--map-users=4000000000,0,5 id", ["--map-users", "does not say who", "--setuid"]),
    ("--map-users=100000,0,5 -S 7 id", ["/user/uid", "7 is in no range"]),
    ("--map-auto id", ["--map-users", "always the caller itself", "--map-root-user"]), ("-r --map-auto -S 5 id", ["--setuid", "caller itself"]),
    ("-r --setgroups allow id", ["/user/setgroups", "allow"]), ("-r --setgroups maybe id", ["--setgroups", "maybe"]),
    ("--setgroups deny id", ["/user/setgroups", "no user namespace"]),
    ("--map-users=1,2 id", ["--map-users", "`1,2`", "OUTER,INNER,COUNT"]), ("--map-users=a,b,c id", ["--map-users", "`a,b,c`"]),
    ("--map-groups=1,2,3,4 id", ["--map-groups", "`1,2,3,4`"]), ("--map-users=1,2,-3 id", ["--map-users"]),
    ("--map-users=1,2,0 -S 2 id", ["--map-users", "counts no id"]), ("--map-user=nobody-at-all id", ["--map-user", "`nobody-at-all`"]),
    ("--map-user=4294967295 id", ["--map-user", "4294967295"]), ("-S -1 id", ["--setuid", "`-1`"]),
    ("-T --boottime soon id", ["--boottime", "`soon`"]), ("--boottime 5 id", ["--boottime", "add --time"]), ("--monotonic=5 id", ["--monotonic", "add --time"]),
    ("-x id", ["-x", "no option of unshare"]), ("-rx id", ["-x", "no option"]), ("--nett id", ["--nett", "did you mean --net?"]),
    ("--map id", ["--map", "no option"]), ("--wd", ["--wd", "value is missing"]), ("-R", ["-R", "value is missing"]),
    ("--fork=yes id", ["--fork=yes"]), ("--help", ["--help", "unshare itself"]), ("-V", ["--version", "unshare itself"]),
]


@pytest.mark.parametrize("arguments, parts", REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_refused(arguments, parts):
    line = refused("convert", "--", "unshare", *arguments.split())
    assert all(part in line for part in parts), line


@pytest.mark.parametrize("arguments, parts", [
    ([], ["command line to convert is missing", "styrolite convert --"]), (["unshare"], ["stands after --"]),
    (["--", "unshar"], ["`unshar`", "did you mean unshare?"]), (["--", "firejail", "id"], ["`firejail`", "unshare is known"]),
    (["--"], ["nothing stands after --"]), (["--timeout", "5s", "--", "unshare"], ["--timeout"]),
])
def test_the_command_itself(arguments, parts):
    line = refused("convert", *arguments)
    assert all(part in line for part in parts), line


def test_a_tool_by_its_path():
    done = call("convert", "--", "/usr/bin/unshare", "-r", "id")
    assert done.returncode == 0 and json.loads(done.stdout)["command"] == ["id"]
    assert done.stderr.startswith("styrolite: /usr/bin/unshare: ")


@pytest.mark.skipif(UNSHARE is None, reason="no unshare(1) here")
def test_every_option_of_the_unshare_of_this_machine_is_known():
    """A newer util-linux may have more; those are refused by name, and this test says so."""
    text = subprocess.run([UNSHARE, "--help"], capture_output=True, text=True, check=True).stdout
    names = re.findall(r"^ +(?:-\w, )?(--[\w-]+)", text, re.MULTILINE)
    assert len(names) >= 28
    for name in names:
        done = call("convert", "--", "unshare", f"{name}=1", "id")
        assert "no option of unshare" not in done.stderr or name in ("--fork", "--map-root-user", "--map-current-user", "--map-auto",
                                                                     "--keep-caps", "--help", "--version"), done.stderr
        assert "no option of unshare" not in call("convert", "--", "unshare", name, "1,2,3", "id").stderr


@pytest.mark.parametrize("arguments", ["-r", "-rn", "-rpf --mount-proc", "-U", "-c -ipuC -f", "-rpf --mount-proc=/mnt", "-rm --propagation shared"])
@pytest.mark.usefixtures("shown_places")
def test_the_request_runs(tmp_path, arguments):
    request = tmp_path / "request.json"
    request.write_text(json.dumps(convert(*arguments.split(), "sh", "-c", "echo ran; id -u")))
    done = call("run", request)
    inside = {"-U": "65534", "-c -ipuC -f": str(UID)}.get(arguments, "0")
    assert (done.returncode, done.stdout) == (0, f"ran\n{inside}\n"), done.stderr


@pytest.mark.skipif(not AS_ROOT, reason="speaks to root callers")
def test_the_request_of_a_root_caller_runs_as_root():
    done = call("run", "-", input=json.dumps(convert("-n", "-R", "/", "--", "sh", "-c", "id -u; cat /proc/self/uid_map")))
    assert done.stdout.split() == ["0", "0", "0", "4294967295"]
