"""Wrong requests, hosts that refuse, and helpers that cannot be trusted: each has its own line with a way out, within a
second, and the payload has not run.
"""

import json
import os
import re
import shutil
import subprocess

import pytest

import harness
from bad_requests import FAILED, REFUSED
from harness import COMMAND, HELPER


@pytest.fixture
def ground(tmp_path):
    """What `{tmp}` in the tables stands for."""
    ground = tmp_path / "ground"
    (ground / "dir").mkdir(parents=True)
    (ground / "file").write_text("x")
    (ground / "link").symlink_to("/etc")
    (ground / "dir" / "outside").symlink_to("/etc")
    (ground / "tool").write_text("#!/bin/sh\necho the payload ran\n")
    (ground / "data").write_bytes(b"\0\1\2\3")
    os.mkfifo(ground / "fifo")
    (ground / "broken.json").write_text('{\n  "defaultAction": "SCMP_ACT_ALLOW",\n  "syscalls": [}\n')
    (ground / "wrong.json").write_text('{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_NOTIFY"}]}')
    (ground / "large.json").write_text('{"defaultAction": "SCMP_ACT_ALLOW", "comment": "' + "x" * 10_000_000 + '"}')
    for name, bits in (("tool", 0o644), ("data", 0o755), ("dir", 0o755)):
        (ground / name).chmod(bits)
    ground.chmod(0o755)
    return ground


def fill_in(value, ground):
    if isinstance(value, dict):
        return {k.replace("{tmp}", str(ground)): fill_in(v, ground) for k, v in value.items()}
    if isinstance(value, list):
        return [fill_in(v, ground) for v in value]
    return value.replace("{tmp}", str(ground)) if isinstance(value, str) else value


def said(done, code, parts, ground):
    """One line, with every part in it; nothing of the payload."""
    assert done.code == code, done
    assert b"payload ran" not in done.out and done.out == b"", done
    assert done.err.startswith(b"styrolite: ") and done.err.count(b"\n") == 1 and done.err.endswith(b"\n"), done
    line = done.line.replace("\\x0a", " ")
    if done.reason:
        assert line.endswith(")\n"), f"no way out: {line}"
    for part in parts:
        # `a|b` are alternatives; the rest is text as it stands.
        words = "|".join(re.escape(one) if "\\" not in one else one for one in part.replace("{tmp}", str(ground)).split("|"))
        assert re.search(words, line), (part, line)


@pytest.mark.parametrize("name, request_, code, parts", REFUSED, ids=[row[0] for row in REFUSED])
@pytest.mark.invariant("S24")
def test_refused(vfork_box, ground, name, request_, code, parts):
    done = vfork_box.run(None, request_ if isinstance(request_, bytes) else fill_in(request_, ground))
    said(done, code, parts, ground)
    assert done.outcome is None, "nothing was started"


def checked(request_):
    """What `check` can say as well; descriptors are the run's."""
    return isinstance(request_, bytes) or not any(number in str(request_) for number in ("653", "654"))


CHECKED = [row for row in REFUSED if checked(row[1])]


@pytest.mark.parametrize("name, request_, code, parts", CHECKED, ids=[row[0] for row in CHECKED])
def test_check_says_the_same(vfork_box, ground, name, request_, code, parts):
    """check, explain and run refuse the same requests in the same words."""
    path = vfork_box.write(request_ if isinstance(request_, bytes) else fill_in(request_, ground))
    lines = set()
    for command in ("check", "explain", "run"):
        done = subprocess.run([COMMAND, command, path], capture_output=True, timeout=harness.WAIT, stdin=subprocess.DEVNULL)
        assert (done.returncode, done.stdout) == (code, b""), (command, done)
        lines.add(done.stderr)
    assert len(lines) == 1, lines


@pytest.mark.parametrize("name, request_, code, parts", FAILED, ids=[row[0] for row in FAILED])
@pytest.mark.parametrize("init", [True, False], ids=["init", "no-init"])
def test_failed(box, ground, name, request_, code, parts, init):
    wrap = ["prlimit", "--memlock=65536:65536"] if name == "hard limit above the own" else []
    done = box.run(None, {**fill_in(request_, ground), "init": init}, wrap=wrap)
    pointers = [part for part in parts if part.startswith(("/paths/~1", "/root/", "/cwd", "/rlimits/"))]
    said(done, code, [part for part in parts if part not in pointers], ground)
    assert done.reason == ("setup_failed" if code == 125 else "exec_failed")
    error = done.error
    assert pointers in ([], [error["field"]])
    assert error["stage"] and error["field"] and error["object"] and error["message"]
    assert not error["message"].endswith(".") and "\n" not in error["message"]
    assert error["message"] in done.line


def test_every_message_is_its_own(vfork_box, ground):
    lines = {}
    for name, request_, _, _ in REFUSED:
        done = vfork_box.run(None, request_ if isinstance(request_, bytes) else fill_in(request_, ground))
        lines.setdefault(re.sub(r"request-\d+", "request", done.line), []).append(name)
    assert [names for names in lines.values() if len(names) > 1] == []
    assert len(lines) >= 40


# ---- the marker --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", [{"cwd": "/none"}, {"rlimits": {"nofile": "unlimited"}}, {"paths": {"/none": {"from": "/no/such"}}},
                                    {"command": ["/none"]}], ids=str)
@pytest.mark.invariant("S22")
def test_the_payload_has_not_run(box, work, fields):
    """Seen from outside: no file was made in what it could write."""
    request = {"command": ["touch", "/w/marker"], **fields}
    request["paths"] = {**fields.get("paths", {}), "/w": {"from": str(work), "access": "rw"}}
    assert box.run(None, request).code in (125, 127)
    assert os.listdir(work) == []


# ---- hosts that refuse ------------------------------------------------------------------------------------------------------------


def in_namespace(*script):
    """A user namespace of the test's own, with limits of its own: the host's stay as they are."""
    return ["unshare", "--user", "--map-root-user", "--mount", "/bin/sh", "-e", "-c", "; ".join(script) + '; exec "$@"', "sh"]


def test_namespaces_refused(mode, tmp_path, own_helper):
    box = harness.Sandbox(tmp_path, mode)
    wrap = in_namespace("echo 0 > /proc/sys/user/max_user_namespaces")
    done = box.run(["echo", "the payload ran"], {"user": harness.Caller.own_ids}, wrap=wrap, env=own_helper)
    said(done, 125, ["spawn", "user namespaces|limit on namespaces", "max_user_namespaces|max_*_namespaces"], tmp_path)


def test_namespaces_refused_without_a_mode(tmp_path, own_helper):
    """The runner tries the other mode once, and then says what the first one said."""
    box = harness.Sandbox(tmp_path)
    wrap = in_namespace("echo 0 > /proc/sys/user/max_user_namespaces")
    done = box.run(["echo", "the payload ran"], {"user": harness.Caller.own_ids}, wrap=wrap, env=own_helper)
    said(done, 125, ["spawn", "max_user_namespaces|max_*_namespaces"], tmp_path)


@pytest.mark.parametrize("kind", ["net", "pid", "mnt", "uts", "ipc", "cgroup"])
def test_one_kind_of_namespace_refused(mode, tmp_path, own_helper, kind):
    box = harness.Sandbox(tmp_path, mode)
    wrap = in_namespace(f"echo 0 > /proc/sys/user/max_{kind}_namespaces")
    done = box.run(["echo", "the payload ran"], {"user": harness.Caller.own_ids}, wrap=wrap, env=own_helper)
    said(done, 125, ["spawn", "No space left", "max_*_namespaces"], tmp_path)


@pytest.mark.invariant("S14")
def test_a_map_that_is_not_permitted(mode, tmp_path, own_helper):
    """There the caller is root of a map of one id, and 65534 is not in it."""
    box = harness.Sandbox(tmp_path, mode)
    done = box.run(["echo", "the payload ran"], {}, wrap=in_namespace("true"), env=own_helper)
    said(done, 125, ["ids", "map", "\"uid_map\": \"self\""], tmp_path)


@pytest.mark.as_root
def test_a_root_without_the_right_to_map(mode, tmp_path):
    box = harness.Sandbox(tmp_path, mode)
    wrap = ["setpriv", "--bounding-set=-setuid,-setgid", "--inh-caps=-all"]
    done = box.run(["echo", "the payload ran"], {}, wrap=wrap)
    said(done, 125, ["ids", "65534", "CAP_SETUID", "\"uid_map\": \"self\""], tmp_path)
    assert box.run(["true"], {"user": harness.Caller.own_ids}, wrap=wrap).code == 0


def test_an_old_kernel_is_refused_by_name(tmp_path):
    box = harness.Sandbox(tmp_path, kernel="5.10")
    done = box.run(["echo", "the payload ran"])
    said(done, 125, ["helper", "Linux 5.10 is too old", "5.14"], tmp_path)


@pytest.mark.parametrize("name, value", [("STYRO_SPAWN", "fork"), ("STYRO_KERNEL", "new")])
def test_switches_of_the_environment(tmp_path, name, value):
    done = harness.Sandbox(tmp_path).run(["echo", "the payload ran"], env={name: value})
    said(done, 125, [name, value, "unset it"], tmp_path)


# ---- helpers that cannot be trusted ------------------------------------------------------------------------------------------------


@pytest.fixture
def copy(tmp_path):
    """A helper of the caller's own, which may be spoilt."""
    (tmp_path / "libexec").mkdir(mode=0o755)
    path = tmp_path / "libexec" / "styrolite-helper"
    shutil.copy(HELPER, path)
    path.chmod(0o755)
    return path


def with_helper(tmp_path, helper, by):
    box = harness.Sandbox(tmp_path)
    if by == "option":
        return box.run(["echo", "the payload ran"], None, ["--helper", helper])
    return box.run(["echo", "the payload ran"], env={"STYROLITE_HELPER": str(helper)})


BY = pytest.mark.parametrize("by", ["option", "environment"])


@BY
def test_a_sound_helper_of_ones_own(tmp_path, copy, by):
    assert with_helper(tmp_path, copy, by).out == b"the payload ran\n"


@BY
def test_a_missing_helper(tmp_path, by):
    said(with_helper(tmp_path, tmp_path / "none", by), 125, ["helper", "{tmp}/none", "not there", "install"], tmp_path)


@BY
@pytest.mark.parametrize("bits", [0o775, 0o757, 0o777])
def test_a_helper_that_others_can_write(tmp_path, copy, by, bits):
    copy.chmod(bits)
    said(with_helper(tmp_path, copy, by), 125, ["helper", "writable by", str(copy), "chmod"], tmp_path)


def test_a_helper_in_a_directory_that_others_can_write(tmp_path, copy):
    copy.parent.chmod(0o777)
    said(with_helper(tmp_path, copy, "option"), 125, ["helper", "directory", "writable by", "chmod"], tmp_path)


@pytest.mark.as_root
@pytest.mark.parametrize("what", ["file", "directory"])
def test_a_helper_of_somebody_else(tmp_path, copy, what):
    os.chown(copy if what == "file" else copy.parent, 1500, 1500)
    said(with_helper(tmp_path, copy, "option"), 125, ["helper", "uid 1500", "chown"], tmp_path)


def test_a_helper_of_another_version(tmp_path, copy):
    """The bytes of its note are changed: it speaks another wire."""
    data = bytearray(copy.read_bytes())
    at = data.index(b"Styrolite\0\0\0") + 12
    data[at:at + 16] = bytes(range(16))
    copy.write_bytes(data)
    said(with_helper(tmp_path, copy, "option"), 125, ["helper", "000102030405060708090a0b0c0d0e0f", "speaks", "same build"], tmp_path)


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\nexit 0\n", b"\x7fELF" + bytes(100)], ids=["empty", "script", "half"])
def test_a_helper_that_is_none(tmp_path, copy, content):
    copy.write_bytes(content)
    said(with_helper(tmp_path, copy, "option"), 125, ["helper", str(copy), "own build"], tmp_path)


def test_another_program_as_helper(tmp_path, copy):
    copy.write_bytes(open("/bin/true", "rb").read())
    said(with_helper(tmp_path, copy, "option"), 125, ["helper", str(copy), "own build"], tmp_path)


def test_a_helper_that_is_not_executable(tmp_path, copy):
    copy.chmod(0o644)
    said(with_helper(tmp_path, copy, "option"), 125, ["helper", "not executable"], tmp_path)


def test_a_directory_as_helper(tmp_path, copy):
    said(with_helper(tmp_path, copy.parent, "option"), 125, ["helper", "not a regular file"], tmp_path)


def test_a_helper_that_is_started_by_hand():
    done = subprocess.run([HELPER], capture_output=True, text=True, timeout=harness.WAIT, stdin=subprocess.DEVNULL)
    assert done.returncode == 125 and "library only" in done.stderr


@pytest.mark.invariant("S24")
def test_bytes_of_a_request_that_were_changed(vfork_box):
    """Every single byte of a small request left out: refused in one line or sound, never anything else."""
    text = json.dumps({"version": 1, "command": ["true"], "paths": {"/x": "tmpfs"}}).encode()
    for at in range(0, len(text), 3):
        done = vfork_box.run(None, text[:at] + text[at + 1:])
        assert done.code in (0, 125, 127) and done.err.count(b"\n") == (done.code != 0), (text[:at], done)
