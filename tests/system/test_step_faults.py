"""Every step of a plan, made to fail: the outcome names stage, field, object and errno, and the payload was not run.

A call that belongs to the step alone is made to fail from outside, by strace's injection, in both spawn modes; without strace
these are counted skips.
"""

import pathlib
import re
import shutil

import pytest

import harness

STRACE = shutil.which("strace")
needs_strace = pytest.mark.skipif(STRACE is None, reason="strace is not installed")

ROWS = pathlib.Path(__file__).parent.parent.parent / "core" / "lib" / "plan_steps.c"
NOTHING_TO_DO = {"run", "promises", "note"}  # read by the library
# Each has a test of its own: below, or in test_overlay.py, test_idmap.py, test_labels.py.
REAL_CAUSES = {"namespaces", "map ids", "oom score", "layer", "idmap", "join", "label"}

HOSTNAME = {"namespaces": {"uts": {"hostname": "box"}}}
PTRACED = {"security": {"capabilities": ["SYS_PTRACE"]}}
WRITABLE = {"from": "{work}", "access": "rw"}
USERNS_LIMIT = "/proc/sys/user/max_user_namespaces"

OVERLAY_BY = "fsopen" if harness.LINUX >= (6, 5) else "mount"  # all layers of it in one text of more than 255 bytes

# step: request, the call that fails, a needle, errno, then stage, field and object of the error. The call is the one that the
# needle names, or the last of its name before the needle where strace shows no more of it than descriptors. A needle that is a
# path means every such call on that file. Of the payload's own process an ordinary user's strace sees no texts.
FAULTS = {
    "hostname": (HOSTNAME, "sethostname", '"box"', "EPERM", "uts", "/namespaces/uts/hostname", "box"),
    "loopback": ({}, "socket", "AF_INET", "ENFILE", "network", "/network", None),
    "clocks": ({"namespaces": {"time": {"boottime": "1h"}}}, "unshare", "CLONE_NEWTIME|0x80", "EPERM", "join", "/namespaces/time",
               "boottime 1h, monotonic 0"),
    "identity": ({}, "setresuid", "1000", "EAGAIN", "identity", "/user/uid", "uid 1000, gid 1000"),
    "root": ({}, "fsopen", '^mkdirat.*"usr"', "ENOMEM", "root", "/root", None),
    "dir": ({"root": {"directory": "{root}"}}, "mkdirat", '"sandbox"', "EPERM", "mount", "/root", "/home/sandbox"),
    "link": ({}, "symlinkat", '"bin"', "ENOSPC", "mount", "/root", "/bin"),
    "file": ({}, "openat2", '^openat.*"passwd"', "ENOMEM", "mount", "/user", "/etc/passwd"),
    "bind": ({"paths": {"/o": {"from": "/opt"}}}, "move_mount", '"o"', "EPERM", "path", "/paths/~1o", "/o"),
    "self bind": ({"root": {"overlay": {"lower": ["{root}", "{work}"]}}, "paths": {"/usr": "ro"}}, "open_tree", "^pivot_root", "ENOMEM",
                  "path", "/paths/~1usr", "/usr"),
    "symlink": ({"mounts": [{"type": "symlink", "at": "/l", "target": "text"}]}, "symlinkat", '"text"', "ENOSPC", "mount", "/mounts/0", "/l"),
    "file system": ({"mounts": [{"type": "mqueue", "at": "/q"}], "security": {"landlock": False}}, "fsopen", '"mqueue"', "ENOMEM", "mount", "/mounts/0", "/q"),
    "remount": ({"mounts": [{"type": "tmpfs", "at": "/t"}, {"type": "remount", "at": "/t", "access": "ro"}]}, "mount_setattr", "", "EPERM",
                "mount", "/mounts/1", "/t"),
    "overlay": ({"mounts": [{"type": "overlay", "at": "/o", "lower": ["{root}", "{work}"]}]}, OVERLAY_BY, '"overlay"', "ENOMEM", "mount",
                "/mounts/0", "/o"),
    "tmpfs": ({"paths": {"/s": "tmpfs"}}, "fsopen", '^move_mount.*"s"', "ENOMEM", "path", "/paths/~1s", "/s"),
    "dev": ({}, "mknodat", '"full"', "ENOSPC", "device", "/root", "/dev/full"),
    "proc": ({}, "fsopen", '"proc"', "ENOMEM", "proc", "/namespaces/pid", "/proc"),
    "read-only": ({}, "mount_setattr", '^move_mount.*"bus"', "EPERM", "path", "/security", "/proc/bus"),
    "mask": ({}, "move_mount", '"keys"', "ENOMEM", "path", "/security", "/proc/keys"),
    "seal root": ({}, "mount_setattr", '^move_mount.*"/",', "EPERM", "root", "/root", "/"),
    "seal": ({"paths": {"/a": "deny", "/a/b": {"from": "/opt"}}}, "mount_setattr", "", "EPERM", "path", "/paths/~1a", "/a"),
    "pivot": ({}, "pivot_root", "", "EBUSY", "root", "/root", None),
    "userns limit": ({}, "write", USERNS_LIMIT, "EPERM", "proc", "/namespaces/user", None),
    "nest": (PTRACED, "unshare", "CLONE_NEWUSER", "ENOSPC", "capability", "/security/capabilities", "user mount"),
    "enter": (PTRACED, "setns", "CLONE_NEWUSER", "EPERM", "capability", "/security/capabilities", None),
    "init": ({}, "prctl", "PR_SET_DUMPABLE", "EINVAL", "supervise", "/init", None),
    "session": ({"init": False}, "setsid", "", "EPERM", "process", "/new_session", None),
    "process group": ({"new_session": False}, "setpgid", "", "EPERM", "process", "/new_session", None),
    "keyring": ({}, "keyctl", "", "EDQUOT", "process", "/security/keyring", None),
    "reset": ({}, "personality", "", "EINVAL", "process", "/umask", None),
    "nice": ({"nice": 19}, "setpriority", "", "EACCES", "process", "/nice", "19"),
    "rlimit": ({"rlimits": {"nofile": 64}}, "prlimit64", r"RLIMIT_NOFILE, [^N]", "EPERM", "rlimit", "/rlimits/nofile", "nofile"),
    # Init calls these two for itself, as setsid above; without one they are the step's alone.
    "capabilities": ({"init": False}, "capset", "", "EPERM", "capability", "/security/capabilities", None),
    "seccomp": ({"init": False}, "seccomp", "", "ENOMEM", "seccomp", "/security/seccomp", r"\d+ instructions"),
    "landlock part": ({"security": {"landlock": True}}, "landlock_create_ruleset", "CREATE_RULESET_VERSION", "ENOSYS", "landlock",
                      "/security/landlock/paths", "files"),
    "landlock queues": ({}, "fsmount", "^prctl.*PR_SET_DUMPABLE", "EMFILE", "landlock", "/security/landlock/paths", None),
    "landlock place": ({"init": False}, "openat2", "", "ENOMEM", "landlock", "/security/landlock/paths", "/home/sandbox"),
    "landlock port": ({"security": {"landlock": {"paths": False, "tcp_bind": [443]}}}, "landlock_add_rule", "", "ENOMEM", "landlock",
                      "/security/landlock/tcp_bind", "443"),
    "landlock": ({}, "landlock_restrict_self", "", "ENOMEM", "landlock", "/security/landlock", None),
    # The library asks once, for the helper; the payload's process for both.
    "access": ({"paths": {"/v": WRITABLE, "/w": WRITABLE}}, "faccessat2", "W_OK", "EROFS", "access", "/paths/~1w", "/w"),
    "cwd": ({"cwd": "/tmp"}, "chdir", "", "ENOENT", "command", "/cwd", "/tmp"),
    "exec": ({}, "execve", "", "ENOMEM", "exec", "/command", "/usr/bin/echo"),
}


def test_every_step_has_its_fault():
    names = re.findall(r'^    \[WIRE_STEP_\w+\] =\s+\{"([^"]+)"', ROWS.read_text(), re.MULTILINE)
    assert len(names) > 30 and set(names) == set(FAULTS) | REAL_CAUSES | NOTHING_TO_DO


@pytest.fixture
def filled(tmp_path, work):
    """A request with the directories of this test in it."""
    root = tmp_path / "root"
    for name in ("dev", "proc", "tmp", "home", "usr", "bin"):
        (root / name).mkdir(parents=True)
    root.chmod(0o755)
    places = {"{root}": str(root), "{work}": str(work)}

    def fill(value):
        if isinstance(value, dict):
            return {k: fill(v) for k, v in value.items()}
        if isinstance(value, list):
            return [fill(v) for v in value]
        return places.get(value, value) if isinstance(value, str) else value

    return fill


class Traced:
    """Runs of one request under strace."""

    def __init__(self, box, tmp_path, request):
        self.box, self.trace, self.request = box, tmp_path / "trace", request

    def run(self, *options):
        self.trace.unlink(missing_ok=True)
        wrap = [STRACE, "-f", "-qq", "-s", "64", "-o", self.trace, *options]
        return self.box.run(["echo", "ran"], self.request, wrap=wrap)

    def calls(self):
        """(process, call) in their order; the second halves of calls that were interrupted are none."""
        for line in self.trace.read_text(errors="replace").splitlines():
            process, call = line.split(maxsplit=1)
            if not call.startswith(("<...", "---", "+++")):
                yield process, call

    def count(self, name, needle):
        """Which call of this name it is, the last that fits, counted as strace counts: a process at a time."""
        self.run()
        seen, found = {}, None
        for process, call in self.calls():
            if call.startswith(name + "("):
                seen[process] = seen.get(process, 0) + 1
            if re.search(needle, call) and (needle.startswith("^") or call.startswith(name + "(")) and process in seen:
                found = seen[process]
        assert found, f"no {name} with {needle}"
        return found


@needs_strace
@pytest.mark.invariant("S22")
@pytest.mark.parametrize("step", FAULTS)
def test_a_step_that_fails(box, tmp_path, filled, step):
    request, call, needle, error, stage, field, place = FAULTS[step]
    traced = Traced(box, tmp_path, filled(request))
    if needle.startswith("/"):
        which = ["-P", needle, "-e", f"inject={call}:error={error}"]
    else:
        which = ["-e", f"inject={call}:error={error}:when={traced.count(call, needle)}"]
    done = traced.run(*which)
    assert done.out == b"" and done.code == (126 if step == "exec" else 125), done
    assert "(INJECTED)" in traced.trace.read_text(errors="replace")
    said = done.error
    assert (said["stage"], said["field"], said["errno_name"]) == (stage, field, error), said
    assert re.fullmatch(place or "", said["object"] or ""), said


@needs_strace
@pytest.mark.invariant("S22")
@pytest.mark.parametrize("which, error, said", [
    (["-P", "/proc/self", "-e", "inject=openat:error=EACCES"], "EACCES", ("source", "/proc/self", "cannot open `/proc/self` on the host")),
    (["-e", "inject=statx:error=EPERM"], "ENOENT", ("mount", "/t", "`/t` is not as it was set when read back")),
])
def test_a_propagation_that_cannot_be_read_back(box, tmp_path, which, error, said):
    """Without its number no mount is found in mountinfo."""
    traced = Traced(box, tmp_path, {"mounts": [{"type": "tmpfs", "at": "/t"}, {"type": "propagation", "at": "/t", "propagation": "shared"}]})
    done = traced.run(*which)
    assert done.out == b"" and done.code == 125 and "(INJECTED)" in traced.trace.read_text(errors="replace"), done
    assert (done.error["stage"], done.error["object"], done.error["field"], done.error["errno_name"]) == (*said[:2], "/mounts/1", error), done.error
    assert said[2] in done.error["message"]


@needs_strace
@pytest.mark.invariant("S22")
def test_an_init_that_cannot_supervise(box, tmp_path, filled):
    """The payload's process exists by then, and waits with its exec until init has dropped its rights."""
    traced = Traced(box, tmp_path, filled({}))
    done = traced.run("-e", f"inject=dup3:error=EMFILE:when={traced.count('dup3', ', 7, O_CLOEXEC')}")
    assert done.out == b"" and done.code == 125 and done.reason == "setup_failed", done
    assert "(INJECTED)" in traced.trace.read_text(errors="replace")
    error = done.error
    assert (error["stage"], error["field"], error["errno_name"]) == ("supervise", "/init", "EMFILE"), error
    assert error["message"].startswith("init cannot start to supervise: "), error


# ---- what can be had without strace --------------------------------------------------------------------------------


def in_user_namespace(script):
    """The command as root of a user namespace in which the script was run first."""
    return ["unshare", "--user", "--map-root-user", "/bin/sh", "-c", script + '; exec "$@"', "sh"]


def failed(done, stage, words, error):
    """In vfork mode the caller itself sees it and nothing was started; else the helper reports it."""
    assert done.code == 125 and done.out == b"" and done.line.startswith(f"styrolite: {stage}: "), done
    assert words in done.line, done
    if done.outcome:
        assert (done.error["stage"], done.error["errno_name"]) == (stage, error)


@pytest.mark.invariant("S22")
def test_namespaces_that_are_refused(box, own_helper):
    """The limit is the user namespace's own, the machine's stays as it is."""
    wrap = in_user_namespace("echo 0 > /proc/sys/user/max_net_namespaces")
    done = box.run(["echo", "ran"], {"user": {"uid_map": "self", "gid_map": "self"}}, wrap=wrap, env=own_helper)
    failed(done, "spawn", "No space left on device", "ENOSPC")


def test_a_namespace_that_cannot_be_joined(tmp_path):
    """Of another kind, and found out before anything is made; test_joins.py has more."""
    done = harness.Sandbox(tmp_path, "helper").run(["echo", "ran"], {"network": {"join": "/proc/self/ns/uts"}})
    failed(done, "join", "is a uts namespace", "EINVAL")


@pytest.mark.invariant("S14")
@pytest.mark.invariant("S22")
def test_ids_that_cannot_be_mapped(box, own_helper):
    """A root caller's payload is 65534 outside, which its own user namespace does not have."""
    failed(box.run(["echo", "ran"], wrap=in_user_namespace("true"), env=own_helper), "ids", "id map", "EPERM")


@pytest.mark.invariant("S22")
def test_an_oom_score_below_the_callers_own(box):
    error = box.fails(["echo", "ran"], {"oom_score_adj": -999}, wrap=["choom", "-n", "1", "--"])
    assert (error["stage"], error["field"], error["object"], error["errno_name"]) == ("process", "/oom_score_adj", "-999", "EACCES")
