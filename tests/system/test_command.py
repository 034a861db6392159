"""`command`, `cwd`, `env`, `inherit_env`: what is executed, where, with which environment, and what is said when it cannot be."""

import json
import os

import pytest

from harness import PYTHON

ENV = "result = dict(os.environ)"
CONSTANT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/home/sandbox", "LANG": "C.UTF-8"}


def environment(box, request=None, **more):
    text = box.ok(["/usr/bin/env", "-0"], request, **more)
    return dict(entry.split("=", 1) for entry in text.split("\0") if entry)


def test_the_constant_environment(box):
    assert environment(box, env={"SECRET": "x", "LD_PRELOAD": "", "PYTHONPATH": "/x", "TERM": "vt100"}) == CONSTANT


def test_env_adds_and_replaces(box):
    seen = environment(box, {"env": {"A": "1", "B": "with = and \n newline", "EMPTY": "", "HOME": "/tmp"}})
    assert seen == {**CONSTANT, "A": "1", "B": "with = and \n newline", "EMPTY": "", "HOME": "/tmp"}


def test_inherit_env(box):
    seen = environment(box, {"inherit_env": ["A", "MISSING", "LANG"]}, env={"A": "of the caller", "B": "not asked for", "LANG": "xx"})
    assert seen == {**CONSTANT, "A": "of the caller", "LANG": "xx"}


@pytest.mark.parametrize("order", [["env", "inherit_env"], ["inherit_env", "env"]], ids=["env-first", "inherit-first"])
def test_env_beats_inherit_env(box, order):
    fields = {"env": {"A": "own", "HOME": "/tmp"}, "inherit_env": ["A", "B", "HOME", "PATH"]}
    seen = environment(box, {key: fields[key] for key in order}, env={"A": "1", "B": "2", "HOME": "/x", "PATH": "/usr/bin"})
    assert seen == {**CONSTANT, "A": "own", "B": "2", "HOME": "/tmp", "PATH": "/usr/bin"}


def test_env_of_a_preset_beats_inherit_env(box):
    assert environment(box, {"extends": "build", "inherit_env": ["TZ"]}, env={"TZ": "X"})["TZ"] == "UTC"


def test_the_options_in_either_order(box):
    for options in (["--env", "A=own", "--inherit-env", "A"], ["--inherit-env", "A", "--env", "A=own"]):
        assert environment(box, None, options=options, env={"A": "of the caller"})["A"] == "own"


def test_the_command_s_own_environment_does_not_show(box):
    code = "result = read('/proc/self/environ').strip('\\0').split('\\0')"
    assert sorted(e.split("=")[0] for e in box.probe(code)) == sorted(CONSTANT)


def test_presets(box):
    seen = environment(box, {"extends": "build"})
    assert seen["SOURCE_DATE_EPOCH"] == "315532800" and seen["TZ"] == "UTC"
    assert box.sh("uname -n", {"extends": "build"}) == "build\n"
    assert environment(box, {"extends": ["build", "python"], "env": {"TZ": "X"}})["TZ"] == "X"


def test_a_request_that_extends_a_file(box, tmp_path):
    (tmp_path / "base.json").write_text(json.dumps({"version": 1, "env": {"A": "base", "B": "base"}}))
    seen = environment(box, {"extends": [str(tmp_path / "base.json")], "env": {"B": "own"}})
    assert (seen["A"], seen["B"]) == ("base", "own")


# ---- working directory ------------------------------------------------------------------------------------------------------


def test_cwd(box):
    assert box.sh("pwd") == "/home/sandbox\n"
    for path in ("/", "/usr/share", "/tmp", "/dev/shm", "/proc/self"):
        assert box.sh("pwd -P", {"cwd": path}).strip() == (path if path != "/proc/self" else box.sh("pwd -P", {"cwd": path}).strip())


def test_cwd_in_a_path(box, work):
    box.sh("echo x > here", {"cwd": "/w", "paths": {"/w": {"from": str(work), "access": "rw"}}})
    assert (work / "here").read_text() == "x\n"


@pytest.mark.parametrize("path, name", [("/no/such", "ENOENT"), ("/etc/passwd", "ENOTDIR"), ("/proc/1/cwd", "EACCES")])
def test_cwd_that_cannot_be_entered(box, path, name):
    error = box.fails(["true"], {"cwd": path})
    assert (error["stage"], error["field"], error["object"], error["errno_name"]) == ("command", "/cwd", path, name)
    assert "path inside" in error["hint"]


@pytest.fixture(params=["closed", "a file", "denied"])
def home(request, tmp_path):
    """A rule for what stands at the default working directory, which the payload cannot enter."""
    place = tmp_path / "home"
    if request.param == "closed":  # of root for a root caller, else the caller's own without any right
        place.mkdir(mode=0o700 if os.geteuid() == 0 else 0)
    else:
        place.touch()
    yield "deny" if request.param == "denied" else {"from": str(place), "access": "ro"}
    place.chmod(0o755)


@pytest.mark.parametrize("init", [True, False], ids=["init", "no-init"])
def test_a_default_that_cannot_be_entered_is_no_failure(box, home, init):
    assert box.ok(["/usr/bin/pwd"], {"paths": {"/home/sandbox": home}, "init": init}) == "/\n"


def test_the_same_place_by_name_is_one(box, home):
    request = {"paths": {"/home/sandbox": home}, "cwd": "/home/sandbox"}
    if home == "deny":  # the request alone says so
        done = box.run(["true"], request)
        assert done.code == 125 and done.outcome is None and "/cwd" in done.line, done
        return
    error = box.fails(["true"], request)
    assert (error["stage"], error["field"], error["object"]) == ("command", "/cwd", "/home/sandbox")
    assert error["errno_name"] in ("EACCES", "ENOTDIR")


# ---- what is executed ------------------------------------------------------------------------------------------------------------


def test_a_name_is_searched_in_the_path_inside(box, host):
    (host / "mine").write_text("#!/bin/sh\necho mine\n")
    (host / "mine").chmod(0o755)
    assert box.ok(["mine"], {"paths": {"/h": {"from": str(host)}}, "env": {"PATH": "/no/such:/h:/usr/bin"}}) == "mine\n"
    assert box.fails(["mine"], {"paths": {"/h": {"from": str(host)}}}, env={"PATH": f"{host}:/usr/bin"},
                     code=127)["errno_name"] == "ENOENT"


def test_the_first_that_can_be_executed_is_taken(box, host):
    (host / "true").write_text("no program")
    (host / "true").chmod(0o644)
    request = {"paths": {"/h": {"from": str(host)}}, "env": {"PATH": "/h:/usr/bin"}}
    assert box.run(["true"], request).code == 0


def test_a_relative_path_starts_in_cwd(box, host):
    request = {"cwd": "/h", "paths": {"/h": {"from": str(host)}}}
    assert box.ok(["./tool"], request) == box.ok(["../h/tool"], request) == "tool ran\n"


def test_the_command_of_the_request(box):
    assert box.ok(None, {"command": ["echo", "of the request"]}) == "of the request\n"
    assert box.ok(["echo", "of the run"], {"command": ["echo", "of the request"]}) == "of the run\n"


def test_arguments_arrive_as_they_are(box):
    arguments = ["", " ", "a b", "'", '"', "\\", "\n", "*", "$HOME", "-x", "--", "ü", "\x7f"]
    code = "import json, sys; print(json.dumps(sys.argv[1:]))"
    assert json.loads(box.ok([*PYTHON, code, *arguments])) == arguments
    assert json.loads(box.ok(None, {"command": [*PYTHON, code, *arguments]})) == arguments


def test_a_thousand_arguments(box):
    code = "import sys; print(len(sys.argv), sum(map(int, sys.argv[1:])))"
    assert box.ok([*PYTHON, code, *map(str, range(1000))]) == f"1001 {sum(range(1000))}\n"


def test_128_kib_of_environment(box):
    """As many small ones, and as one that is as long as the kernel takes."""
    seen = environment(box, {"env": {f"N{i}": "v" * 120 for i in range(1100)}})
    assert len(seen) == 1103 and all(len(seen[f"N{i}"]) == 120 for i in range(1100))
    assert len(environment(box, {"env": {"BIG": "v" * (128 * 1024 - 5)}})["BIG"]) == 128 * 1024 - 5


def test_more_than_the_kernel_takes(box):
    """A quarter of the stack is the most, and the stack is the request's."""
    error = box.fails(None, {"command": ["true", *["x" * 100_000] * 5], "rlimits": {"stack": "1M"}}, code=126)
    assert error["errno_name"] == "E2BIG" and error["hint"]


STATIC = '#include <stdio.h>\nint main(int n, char **v) { printf("%d %s\\n", n, v[0]); return 4; }\n'


@pytest.mark.parametrize("options", [("-static",), (), ("-static-pie",), ("-no-pie",)], ids=["static", "dynamic", "static-pie", "no-pie"])
def test_binaries(box, compiled, options):
    program = compiled(STATIC, *options)
    done = box.run(["/p", "x"], {"paths": {"/p": {"from": str(program)}}})
    assert done.code == 4 and done.text == "2 /p\n"


def test_a_script(box, host):
    (host / "tool").write_text("#!/usr/bin/env -S sh -e\necho $0 $1\n")
    assert box.ok(["/h/tool", "x"], {"paths": {"/h": {"from": str(host)}}}) == "/h/tool x\n"


# ---- what cannot be executed ---------------------------------------------------------------------------------------------------------


def exec_error(box, host, content, bits, code, **more):
    (host / "p").write_bytes(content)
    (host / "p").chmod(bits)
    error = box.fails(["/h/p"], {"paths": {"/h": {"from": str(host)}}, **more}, code=code)
    assert error["stage"] == "exec" and error["field"] == "/command"
    return error


@pytest.mark.parametrize("name", ["no-such", "/no/such", "./no-such", "/usr/bin/no-such", "/etc/passwd/x"])
def test_not_found(box, name):
    error = box.fails([name], code=126 if name.endswith("passwd/x") else 127)
    assert error["errno_name"] in ("ENOENT", "ENOTDIR") and error["object"] == name and "not found inside" in error["message"]
    assert error["hint"]


def test_not_executable(box, host):
    error = exec_error(box, host, b"#!/bin/sh\n", 0o644, 126)
    assert error["errno_name"] == "EACCES" and error["object"] == "/h/p" and "not executable" in error["hint"]


def test_a_directory(box):
    assert box.fails(["/usr"], code=126)["errno_name"] == "EACCES"


@pytest.mark.parametrize("content", [b"\0\1\2\3", b"", b"just text\n", b"\x7fELF\0\0\0\0"], ids=["bytes", "empty", "text", "half an ELF"])
def test_no_format(box, host, content):
    error = exec_error(box, host, content, 0o755, 126)
    assert error["errno_name"] in ("ENOEXEC", "EIO", "EINVAL") and error["object"] == "/h/p"


def test_a_script_without_its_interpreter(box, host):
    error = exec_error(box, host, b"#! /opt/none/interpreter -x\necho\n", 0o755, 127)
    assert error["object"] == "/opt/none/interpreter" and "first line" in error["message"] and "paths" in error["hint"]


def test_a_program_without_its_loader(box, compiled):
    program = compiled(STATIC, "-Wl,--dynamic-linker=/opt/none/ld.so")
    error = box.fails(["/p"], {"paths": {"/p": {"from": str(program)}}}, code=127)
    assert error["object"] == "/opt/none/ld.so" and "loader" in error["message"] and "static" in error["hint"]


def test_a_dynamic_program_in_an_empty_root(box, compiled):
    program = compiled(STATIC)
    error = box.fails(["/p"], {"root": "empty", "paths": {"/p": {"from": str(program)}}}, code=127)
    assert "ld-" in error["object"] and "loader" in error["message"]


def test_a_loop_of_interpreters(box, host):
    error = exec_error(box, host, b"#!/h/p\n", 0o755, 126)
    assert error["errno_name"] in ("ELOOP", "ENOEXEC") and os.path.exists(host / "p")


def test_the_diagnosis_holds_under_a_filter_that_kills(box):
    """A payload's own filter may kill whoever looks closer after a failed exec: the error still comes."""
    allow, kill = 0x7FFF0000, 0x80000000
    faccessat2 = 439
    bpf = [[32, 0, 0, 0], [21, 0, 1, faccessat2], [6, 0, 0, kill], [6, 0, 0, allow]]
    done = box.run(["/no/such"], {"security": {"seccomp": {"bpf": bpf}}})
    assert done.code == 127 and done.reason == "exec_failed" and done.error["errno_name"] == "ENOENT"
