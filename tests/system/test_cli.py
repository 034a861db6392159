"""The command: its command line, options, exit codes and hints.

Knows the command and the contracts on exit codes and outcomes; what each field of a request does is tested elsewhere.
"""

import json
import os
import signal
import subprocess

import pytest

from commandline import AS_ROOT, COMMAND, call, emitted, refused, write_request

pytestmark = pytest.mark.skipif(COMMAND is None, reason="no styrolite in $STYRO_BUILD")


# ---- help and usage ------------------------------------------------------------------------------------------------


def test_help_lists_every_command():
    done = call("--help")
    assert done.returncode == 0 and done.stderr == ""
    for name in ("run", "shell", "check", "explain", "convert", "doctor", "schema", "version", "help"):
        assert f"\n  {name} " in done.stdout


def test_help_is_one_text_by_all_its_names():
    assert call("help").stdout == call("-h").stdout == call("--help").stdout
    assert call("help", "run").stdout == call("run", "--help").stdout == call("run", "-h").stdout


def test_help_of_a_command_lists_only_its_options():
    run, check = call("run", "--help").stdout, call("check", "--help").stdout
    assert "--outcome" in run and "--here" not in run
    assert "--here" in check and "--outcome" not in check


def test_help_fits_the_page():
    for name in ("run", "shell", "check", "explain", "convert", "doctor", "schema", "version"):
        assert max(map(len, call(name, "--help").stdout.splitlines())) <= 120


def test_version():
    done = call("version")
    assert done.returncode == 0 and done.stdout.startswith("styrolite 0.")
    assert call("--version").stdout == done.stdout


def test_schema_is_a_json_schema():
    schema = json.loads(call("schema").stdout)
    assert "paths" in schema["properties"]


@pytest.mark.parametrize("args, parts", [
    ([], ["usage", "command is missing"]),
    (["rum"], ["`rum`", "did you mean run?"]),
    (["request.json"], ["styrolite run request.json"]),
    (["python3"], ["styrolite run -- python3"]),
    (["help", "rum"], ["did you mean run?"]),
    (["run", "--rooot", "/x", "--", "true"], ["`--rooot`", "did you mean --root?"]),
    (["run", "--tiemout=5s", "--", "true"], ["`--tiemout`", "did you mean --timeout?"]),
    (["run", "--wibble", "--", "true"], ["unknown option `--wibble`"]),
    (["run", "-r", "/x", "--", "true"], ["`-r`", "did you mean --ro?"]),
    (["run", "--ro"], ["--ro needs a value", "P[:INSIDE]"]),
    (["run", "--cwd", "--", "true"], ["--cwd needs a value"]),
    (["run", "--no-init=yes", "--", "true"], ["--no-init takes no value"]),
    (["run", "--here", "--", "true"], ["--here is no option of this command", "check"]),
    (["check", "--outcome", "x"], ["--outcome is no option of this command", "run", "shell"]),
    (["shell", "--output", "1M"], ["--output is no option of this command"]),
    (["shell", "--", "true"], ["no command is taken after --"]),
    (["shell", "x.json"], ["`x.json` has no meaning here"]),
    (["version", "now"], ["`now` has no meaning here"]),
    (["run", "--"], ["nothing stands after --"]),
    (["run", "a.json", "b.json"], ["two request files", "stands after --"]),
    (["run", "--emit", "yaml", "--", "true"], ["`yaml` is no format"]),
    (["run", "--env", "HOME", "--", "true"], ["`HOME` is not K=V", "--inherit-env"]),
    (["run", "--env", "=x", "--", "true"], ["`=x` is not K=V"]),
    (["run", "--set", "timeout", "--", "true"], ["`timeout` is not KEY=VALUE"]),
    (["run", "--ro", "/usr:/a:ro", "--", "true"], ["more than one colon"]),
    (["run", "--ro", "/usr:a", "--", "true"], ["`a`", "absolute"]),
    (["run", "--rw", ":/a", "--", "true"], ["names no host path"]),
    (["run", "--outcome", "fd:x", "--", "true"], ["`fd:x` names no descriptor"]),
    *[(["run", "--outcome", f"fd:{n}", "--", "true"], ["--outcome", f"`fd:{n}` names no descriptor", "fd:3 3>FILE"])
      for n in ("", "-1", "+3", " 3", "3x", "0x3", "99999999999999999999")],
    *[(["run", "--outcome", f"fd:{n}", "--", "true"], ["--outcome", f"`fd:{n}` is a standard stream", "fd:3 3>FILE"])
      for n in (0, 1, 2)],
    (["run", "--outcome", "fd:99", "--", "true"], ["--outcome", "fd:99", "Bad file descriptor", "fd:3 3>FILE"]),
    (["run", "--outcome", "a", "--outcome=b", "--", "true"], ["--outcome is given twice", "`a`", "`b`"]),
    (["run", "--outcome=", "--", "true"], ["--outcome", "name is empty", "--outcome FILE"]),
    (["./job.py"], ["styrolite run -- ./job.py"]),
    (["--timeout", "5s"], ["a command comes first: styrolite run --timeout"]),
    (["help", "xyzzy"], ["`xyzzy` is no command", "styrolite help"]),
    (["run"], ["nothing to run", "styrolite run [OPTIONS] -- COMMAND"]),
    (["run", "--env", "A=1"], ["nothing to run", "styrolite run [OPTIONS] -- COMMAND"]),
    (["run", "no-such-program", "-c", "x"], ["unknown option `-c`", "styrolite run -- no-such-program -c"]),
    (["run", "no-such-program", "--cwdd"], ["unknown option `--cwdd`", "styrolite run -- no-such-program --cwdd"]),
    (["run", "no-such-program", "x"], ["`no-such-program` and `x`", "styrolite run -- no-such-program x"]),
    (["run", "./no-such-program"], ["No such file", "styrolite run -- ./no-such-program"]),
    (["run", "no.json"], ["No such file", "name a request file"]),
    (["run", "/usr"], ["Is a directory", "name a request file"]),
    (["run", "/bin/sh"], ["not valid JSON", "it is a program", "styrolite run -- /bin/sh"]),
    (["run", "-ro", "/x", "--", "true"], ["`-ro`", "did you mean --ro?"]),
    (["run", "--no-init=yes", "--", "true"], ["write --no-init alone"]),
    (["run", "--"], ["styrolite run -- COMMAND"]),
    (["run", "--root=", "--", "true"], ["--root", "the path is empty", "name a directory"]),
    (["run", "--cwd=", "--", "true"], ["--cwd", "the path is empty", "name a directory"]),
    (["run", "--ro=", "--", "true"], ["names no host path", "P[:INSIDE]"]),
    (["run", "--name=", "--", "true"], ["name has 0 bytes", "give none"]),
    (["run", "--emit", "yaml"], ["--emit json"]),
    (["run", "--set", "tiemout=5s", "--", "true"], ["--set", "`tiemout`", "did you mean `timeout`?"]),
    (["shell", "x.json"], ["--extends ./FILE", "styrolite run -- COMMAND"]),
    (["shell", "--", "true"], ["styrolite run -- COMMAND"]),
    (["version", "now"], ["takes no arguments"]),
])
def test_usage_error(args, parts):
    line = refused(*args)
    for part in parts:
        assert part in line


def test_a_word_that_is_no_file_is_taken_for_a_command(tmp_path):
    assert "styrolite run -- python3" in refused("run", "python3", cwd=tmp_path)


def test_a_missing_request_file(tmp_path):
    line = refused("run", tmp_path / "no.json")
    assert "no.json" in line and "No such file or directory" in line


def test_a_directory_as_request_file(tmp_path):
    assert "Is a directory" in refused("run", tmp_path)


def test_a_bad_value_names_its_option():
    line = refused("run", "--timeout", "5 parsecs", "--", "true")
    assert "--timeout" in line and "5 parsecs" in line


def test_a_bad_file_is_named(tmp_path):
    path = tmp_path / "bad.json"
    path.write_text('{"version": 1,')
    assert "bad.json" in refused("run", path)


def test_an_unknown_key_names_the_nearest(tmp_path):
    line = refused("check", write_request(tmp_path, comand=["true"]))
    assert "comand" in line and "command" in line


def test_an_overlong_request(tmp_path):
    path = tmp_path / "long.json"
    path.write_text('{"version": 1}' + " " * (2 << 20))
    refused("run", path)


def test_control_characters_of_a_name_do_not_reach_the_terminal(tmp_path):
    line = refused("run", tmp_path / "a\x1b[2Jb\nc.json")
    assert "\x1b" not in line and "\\x1b" in line and "\\x0a" in line


# ---- options become the request ------------------------------------------------------------------------------------


def test_emit_gives_a_request_that_can_be_run_again():
    request = emitted("--timeout", "5s", "--env", "A=b=c", "--", "echo", "a b", 'q"\\')
    assert request["version"] == 1
    assert request["command"] == ["echo", "a b", 'q"\\']
    assert request["env"] == {"A": "b=c"}
    assert emitted("-", input=json.dumps(request)) == request


def test_both_ways_to_give_a_value():
    assert emitted("--cwd=/x", "--", "true") == emitted("--cwd", "/x", "--", "true")
    assert emitted("--env=A=--b", "--", "true")["env"] == {"A": "--b"}


def test_scalar_options():
    request = emitted("--uid", "7", "--gid", "8", "--network", "host", "--hostname", "box", "--no-init",
                      "--output", "64K", "--", "true")
    assert request["user"] == {"uid": 7, "gid": 8}
    assert request["network"] == "host"
    assert "box" in json.dumps(request["namespaces"])
    assert request["init"] is False
    assert request["output"] == 65536


def test_lists_add_up():
    request = emitted("--inherit-env", "A", "--inherit-env", "B", "--best-effort", "limits", "--extends", "python",
                      "--", "true")
    assert request["inherit_env"] == ["A", "B"]
    assert request["best_effort"] == [f"limit_{name}" for name in ("memory", "swap", "pids", "cpu", "cpuset", "io")]
    assert request["extends"] in ("python", ["python"])


def test_the_last_scalar_counts_and_options_beat_the_file(tmp_path):
    path = write_request(tmp_path, cwd="/a", command=["false"])
    request = emitted(path, "--cwd", "/b", "--cwd", "/c", "--", "true")
    assert request["cwd"] == "/c" and request["command"] == ["true"]


def test_relative_host_paths_start_at_the_callers_directory(tmp_path):
    (tmp_path / "d").mkdir()
    paths = emitted("--rw", ".", "--ro", "./d/../e//f", "--", "true", cwd=tmp_path)["paths"]
    assert paths[str(tmp_path)] == {"from": str(tmp_path), "access": "rw"}
    assert paths[f"{tmp_path}/e/f"] == {"from": f"{tmp_path}/e/f", "access": "ro"}


def test_symbolic_links_of_host_paths_stay(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    paths = emitted("--ro", "x", "--", "true", cwd=tmp_path / "link",
                    env={**os.environ, "PWD": str(tmp_path / "link")})["paths"]
    assert list(paths) == [f"{tmp_path}/link/x"]


def test_a_wrong_pwd_is_not_believed(tmp_path):
    paths = emitted("--ro", "x", "--", "true", cwd=tmp_path, env={**os.environ, "PWD": "/usr"})["paths"]
    assert list(paths) == [f"{tmp_path}/x"]


def test_inside_and_escaped_colons():
    paths = emitted("--ro", r"/a\:b:/in", "--rw", r"/c\\d", "--", "true")["paths"]
    assert paths["/in"]["from"] == "/a:b"
    assert paths[r"/c\d"]["from"] == r"/c\d"


def test_places_without_source(tmp_path):
    paths = emitted("--deny", "/usr/share", "--tmpfs", "scratch", "--", "true", cwd=tmp_path)["paths"]
    assert paths == {"/usr/share": "deny", f"{tmp_path}/scratch": "tmpfs"}


def test_root_words_and_directories(tmp_path):
    assert emitted("--root", "empty", "--", "true")["root"] == "empty"
    assert emitted("--root", "./empty", "--", "true", cwd=tmp_path)["root"] == {"directory": f"{tmp_path}/empty"}


def test_set_by_dots_and_by_pointer():
    request = emitted("--set", "user.uid_map=self", "--set", "/paths/~1a.b=ro", "--set", "paths./out=rw", "--set",
                      'command=["true"]')
    assert request["user"]["uid_map"] == "self"
    assert request["paths"] == {"/a.b": "ro", "/out": "rw"}
    assert request["command"] == ["true"]


def test_set_of_an_unknown_field():
    line = refused("run", "--set", "user.uidd=3", "--", "true")
    assert "--set" in line and "uid" in line


def test_variables_of_the_caller(tmp_path):
    path = write_request(tmp_path, command=["true"], paths={"/x": {"from": "${CWD}", "access": "ro"}})
    assert call("check", path, cwd=tmp_path).returncode == 0


# ---- check and explain ---------------------------------------------------------------------------------------------


def test_check_says_valid(tmp_path):
    done = call("check", write_request(tmp_path, command=["true"]))
    assert done.returncode == 0 and done.stdout.endswith("request.json: valid\n")


def test_check_looks_at_no_host_path():
    assert call("check", "--ro", "/no/such/place", "--", "true").returncode == 0


def test_check_here_looks():
    line = refused("check", "--here", "--ro", "/no/such/place", "--", "true")
    assert "/no/such/place" in line and "No such file or directory" in line


def test_check_here_counts():
    done = call("check", "--here", "--ro", "/etc/passwd", "--", "true")
    assert done.returncode == 0 and "can be opened here" in done.stdout


def test_explain_in_words_and_as_json():
    text = call("explain", "--", "true")
    assert text.returncode == 0 and "/usr" in text.stdout
    json.loads(call("explain", "--emit", "json", "--", "true").stdout)


# ---- exit codes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [0, 1, 42, 124, 255])
def test_the_payloads_own_code(code):
    done = call("run", "--", "/bin/sh", "-c", f"exit {code}")
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


def test_a_payload_ended_by_a_signal():
    done = call("run", "--", "/bin/sh", "-c", "kill -SEGV $$")
    assert done.returncode == 128 + signal.SIGSEGV
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("styrolite: ")


def test_time_over(tmp_path):
    done = call("run", "--timeout", "300ms", "--outcome", tmp_path / "o", "--", "sleep", "6000")
    assert done.returncode == 124
    assert done.stderr.startswith("styrolite: ") and done.stderr.count("\n") == 1
    outcome = json.loads((tmp_path / "o").read_text())
    assert (outcome["reason"], outcome["detail"]) == ("timed_out", "wall")


def test_too_much_output_that_kills():
    done = call("run", "--output", "64K", "--set", "output.on_limit=kill", "--",
                "/bin/sh", "-c", "while :; do echo y; done")
    assert done.returncode == 153 and len(done.stdout) <= 65536


def test_a_command_that_is_not_there():
    line = refused("run", "--", "no-such-program", code=127)
    assert line.startswith("styrolite: ") and "no-such-program" in line


def test_a_file_that_is_not_executable(work):
    (work / "data").write_text("x")
    os.chmod(work / "data", 0o644)
    assert "data" in refused("run", "--ro", work, "--", work / "data", code=126)


def test_a_directory_is_no_program():
    assert "not executable (a directory" in refused("run", "--", "/usr", code=126)


def test_a_directory_that_is_gone(tmp_path):
    script = 'mkdir "$1" && cd "$1" && rmdir "$1" && exec "$0" run --ro x -- true'
    done = subprocess.run(["/bin/sh", "-c", script, COMMAND, tmp_path / "d"], capture_output=True, text=True)
    assert done.returncode == 125 and "the current directory is gone" in done.stderr, done.stderr


def test_a_file_of_no_format(work):
    (work / "data").write_bytes(b"\x00\x01\x02")
    os.chmod(work / "data", 0o755)
    assert "data" in refused("run", "--ro", work, "--", work / "data", code=126)


def test_a_missing_source_is_a_failed_setup(tmp_path):
    line = refused("run", "--ro", tmp_path / "missing", "--outcome", tmp_path / "o", "--", "true")
    assert "source" in line and "missing" in line and "No such file or directory" in line
    outcome = json.loads((tmp_path / "o").read_text())
    assert outcome["reason"] == "setup_failed" and outcome["error"]["stage"] == "source"


def test_a_missing_helper(tmp_path):
    line = refused("run", "--helper", tmp_path / "none", "--", "true")
    assert "helper" in line and "none" in line


# ---- hints that only the command can give --------------------------------------------------------------------------


def test_a_program_of_the_callers_directory(tmp_path):
    (tmp_path / "tool").write_text("#!/bin/sh\necho here\n")
    os.chmod(tmp_path / "tool", 0o755)
    for name in ("tool", "./tool", tmp_path / "tool"):
        line = refused("run", "--", name, code=127, cwd=tmp_path)
        assert '--ro "$PWD" --cwd "$PWD"' in line


def test_the_hint_for_the_callers_directory_works(tmp_path):
    (tmp_path / "tool").write_text("#!/bin/sh\necho here\n")
    os.chmod(tmp_path / "tool", 0o755)
    os.chmod(tmp_path, 0o755)
    done = call("run", "--ro", tmp_path, "--cwd", tmp_path, "--", "./tool")
    assert (done.returncode, done.stdout) == (0, "here\n"), done.stderr


def test_a_program_on_the_callers_path(tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "far").write_text("#!/bin/sh\n")
    os.chmod(tools / "far", 0o755)
    line = refused("run", "--", "far", code=127, env={**os.environ, "PATH": f"/usr/bin:{tools}"})
    assert f"--ro {tools} -- {tools}/far" in line


def test_a_script_without_its_interpreter(tmp_path, work):
    interpreter = tmp_path / "interpreter"
    interpreter.write_text("#!/bin/sh\n")
    os.chmod(interpreter, 0o755)
    (work / "script").write_text(f"#!{interpreter}\n")
    os.chmod(work / "script", 0o755)
    line = refused("run", "--ro", work, "--", work / "script", code=127)
    assert str(interpreter) in line and f"--ro {interpreter}" in line


@pytest.mark.skipif(not AS_ROOT, reason="speaks to root callers")
def test_roots_own_directory_is_not_the_payloads(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir(mode=0o755)
    line = refused("run", "--rw", f"{mine}:/out", "--", "true")
    assert "access" in line and f"chown 65534:65534 {mine}" in line and "--set user.uid_map=self" in line


@pytest.mark.skipif(not AS_ROOT, reason="speaks to root callers")
def test_whose_a_directory_must_be_is_said_of_the_host(tmp_path):
    """By the path that the request names, and not where another map decides who the payload is."""
    mine = tmp_path / "mine"
    mine.mkdir(mode=0o755)
    ranges = {"uid_map": [[0, 100000, 65536]], "gid_map": [[0, 100000, 65536]]}
    rule = {"/w/a": {"from": str(mine), "access": "rw"}}
    tree = {"directory": str(tmp_path / "tree"), "writable": True}
    for name in ("dev", "proc"):
        (tmp_path / "tree" / name).mkdir(parents=True)
    for name, request, said, not_said in [
            ("a", {"paths": rule}, f"chown 65534:65534 {mine}", "/w/a,"),
            ("b", {"root": tree}, f"chown 65534:65534 {tmp_path}/tree", "chown 65534:65534 /,"),
            ("c", {"paths": rule, "user": ranges}, "let who the payload is outside own it on the host", str(mine)),
            ("d", {"paths": {"/w": {"from": "${CWD}", "access": "rw"}}}, f"chown 65534:65534 {mine}", "CWD")]:
        (tmp_path / name).mkdir()
        line = refused("run", write_request(tmp_path / name, **request), "--", "true", cwd=mine)
        assert "access" in line and said in line and not_said not in line, line
