"""The command: its command line, exit codes, outcome files, signals and relayed output.

Knows the command and the contracts on exit codes and outcomes; what each field of a request does is tested elsewhere.
"""

import json
import os
import pathlib
import pty
import select
import signal
import subprocess
import time

import pytest

BUILD = pathlib.Path(os.environ.get("STYRO_BUILD", "build"))
COMMAND = next((p for p in (BUILD / "styrolite", BUILD / "bin" / "styrolite") if p.exists()), None)

pytestmark = pytest.mark.skipif(COMMAND is None, reason="no styrolite in $STYRO_BUILD")

AS_ROOT = os.geteuid() == 0
WAIT = 30


def call(*args, **more):
    """Runs the command and gives the finished process, output as text."""
    more.setdefault("stdin", subprocess.DEVNULL)
    if "input" in more:
        del more["stdin"]
    if "stdout" not in more:
        more["capture_output"] = True
    return subprocess.run([COMMAND, *map(str, args)], timeout=WAIT, text=True, **more)


def refused(*args, code=125, **more):
    """Runs the command, which must refuse in one line, and gives that line."""
    done = call(*args, **more)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("styrolite: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def emitted(*args, **more):
    """The request that the options make."""
    done = call("run", "--emit", "json", *args, **more)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def write_request(tmp_path, **fields):
    path = tmp_path / "request.json"
    path.write_text(json.dumps({"version": 1, **fields}))
    return path


@pytest.fixture
def work(tmp_path):
    """A directory that the payload of any caller can write."""
    path = tmp_path / "work"
    path.mkdir()
    if AS_ROOT:
        os.chown(path, 65534, 65534)
    return path


@pytest.fixture
def started():
    """Starts the command and waits until the payload has said "ready"; ends what is left."""
    running = []

    def start(*args, script, **more):
        process = subprocess.Popen(
            [COMMAND, "run", *map(str, args), "--", "/bin/sh", "-c", script],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)
        running.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


# ---- help and usage ------------------------------------------------------------------------------------------------


def test_help_lists_every_command():
    done = call("--help")
    assert done.returncode == 0 and done.stderr == ""
    for name in ("run", "shell", "check", "explain", "schema", "version", "help"):
        assert f"\n  {name} " in done.stdout


def test_help_is_one_text_by_all_its_names():
    assert call("help").stdout == call("-h").stdout == call("--help").stdout
    assert call("help", "run").stdout == call("run", "--help").stdout == call("run", "-h").stdout


def test_help_of_a_command_lists_only_its_options():
    run, check = call("run", "--help").stdout, call("check", "--help").stdout
    assert "--outcome" in run and "--here" not in run
    assert "--here" in check and "--outcome" not in check


def test_help_fits_the_page():
    for name in ("run", "shell", "check", "explain", "schema", "version"):
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
    (["run", "-r", "/x", "--", "true"], ["`-r`", "two dashes"]),
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
    (["run", "--outcome", "fd:99", "--", "true"], ["fd:99", "Bad file descriptor"]),
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
    started_at = time.monotonic()
    done = call("run", "--timeout", "300ms", "--outcome", tmp_path / "o", "--", "sleep", "60")
    assert done.returncode == 124 and time.monotonic() - started_at < 10
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


# ---- outcome files -------------------------------------------------------------------------------------------------


def test_outcome_in_a_file(tmp_path):
    (tmp_path / "o").write_text("old" * 10000)
    assert call("run", "--name", "job 1", "--outcome", tmp_path / "o", "--", "/bin/sh", "-c", "exit 3").returncode == 3
    outcome = json.loads((tmp_path / "o").read_text())
    assert (outcome["version"], outcome["reason"], outcome["code"], outcome["name"]) == (1, "exited", 3, "job 1")
    assert outcome["stdout"] is None and outcome["error"] is None


def test_outcome_on_a_descriptor():
    reader, writer = os.pipe()
    call("run", "--outcome", f"fd:{writer}", "--", "true", pass_fds=[writer])
    os.close(writer)
    with open(reader) as answer:
        assert json.load(answer)["reason"] == "exited"


def test_the_outcomes_descriptor_is_not_the_payloads():
    reader, writer = os.pipe()
    done = call("run", "--outcome", f"fd:{writer}", "--", "ls", "/proc/self/fd", pass_fds=[writer])
    os.close(writer)
    os.close(reader)
    assert set(done.stdout.split()) == {"0", "1", "2", "3"}


def test_outcome_where_none_can_be_written(tmp_path):
    done = call("run", "--outcome", tmp_path / "no" / "o", "--", "echo", "ran")
    assert done.returncode == 125 and done.stdout == "" and "no/o" in done.stderr


def test_outcome_on_a_full_disk():
    done = call("run", "--outcome", "/dev/full", "--", "true")
    assert done.returncode == 125 and "No space left on device" in done.stderr


def test_outcome_is_empty_when_nothing_was_started(tmp_path):
    (tmp_path / "o").write_text("of an earlier run")
    refused("run", "--outcome", tmp_path / "o", "--timeout", "x", "--", "true")
    assert (tmp_path / "o").read_text() == ""


def test_outcome_is_empty_when_the_run_may_not_vary(tmp_path):
    refused("run", "--outcome", tmp_path / "o", "--set", "fixed=true", "--set", 'command=["true"]', "--", "false")
    assert (tmp_path / "o").read_text() == ""


# ---- streams -------------------------------------------------------------------------------------------------------


def test_inherited_streams():
    done = call("run", "--", "/bin/sh", "-c", "cat; echo oops >&2", input="through\n")
    assert (done.stdout, done.stderr) == ("through\n", "oops\n")


def test_captured_streams_are_relayed(tmp_path):
    done = call("run", "--output", "1M", "--outcome", tmp_path / "o", "--", "/bin/sh", "-c", "cat; echo oops >&2",
                input="in\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "in\n", "oops\n")
    outcome = json.loads((tmp_path / "o").read_text())
    assert outcome["stdout"]["text"] == "in\n" and outcome["stderr"]["bytes"] == 5


def test_captured_output_is_cut_and_this_is_said():
    done = call("run", "--output", "1K", "--", "/bin/sh", "-c", "head -c 5000 /dev/zero | tr '\\0' x")
    assert done.returncode == 0 and done.stdout == "x" * 1024
    assert "1024 of 5000 bytes" in done.stderr


def test_output_of_a_request_file(tmp_path):
    path = write_request(tmp_path, command=["echo", "hi"], output={"limit": "1K"})
    assert call("run", path).stdout == "hi\n"


def test_a_request_from_standard_input():
    assert call("run", "-", input='{"version": 1, "command": ["echo", "hi"]}').stdout == "hi\n"


@pytest.mark.parametrize("args", [["version"], ["schema"], ["run", "--emit", "json", "--", "true"], ["help"],
                                  ["run", "--output", "1K", "--", "echo", "hi"]])
def test_a_full_disk_is_noticed(args):
    with open("/dev/full", "w") as full:
        done = call(*args, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 125 and "No space left on device" in done.stderr


@pytest.mark.parametrize("args", [["schema"], ["run", "--output", "1K", "--", "echo", "hi"]])
def test_a_reader_that_went_away(args):
    reader, writer = os.pipe()
    os.close(reader)
    done = call(*args, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("fd", [0, 1, 2])
def test_a_closed_standard_stream_is_not_taken_by_anything_else(fd):
    # the shell's own descriptor is read, since redirecting readlink's output would replace its number 1
    say = f"x=$(readlink /proc/$$/fd/{fd}); echo $x >&{2 if fd == 1 else 1}"
    script = f"exec \"$0\" run -- /bin/sh -c '{say}' {fd}<&-"
    done = subprocess.run(["/bin/sh", "-c", script, COMMAND], capture_output=True, timeout=WAIT, text=True)
    assert done.returncode == 0 and done.stdout + done.stderr == "/dev/null\n"


def test_arguments_are_bytes():
    done = subprocess.run([COMMAND, "run", "--", "printf", "%s", b"\xff\xfe"], capture_output=True, timeout=WAIT)
    assert done.stdout == b"\xff\xfe"


def test_term_comes_along_with_a_terminal():
    outside, inside = pty.openpty()
    done = call("run", "--", "/bin/sh", "-c", "echo $TERM", stdin=inside, env={**os.environ, "TERM": "vt220"})
    os.close(inside)
    os.close(outside)
    assert done.stdout == "vt220\n"
    assert call("run", "--", "/bin/sh", "-c", "echo $TERM", env={**os.environ, "TERM": "vt220"}).stdout == "\n"


# ---- shell ---------------------------------------------------------------------------------------------------------


def test_shell_reads_commands_from_a_pipe():
    done = call("shell", input="echo $((6*7)); exit 5\n")
    assert (done.returncode, done.stdout) == (5, "42\n")
    assert done.stderr.count("\n") == 1 and "job control" in done.stderr


def test_shell_on_a_terminal():
    outside, inside = pty.openpty()
    process = subprocess.Popen([COMMAND, "shell"], stdin=inside, stdout=inside, stderr=inside, start_new_session=True)
    os.close(inside)
    os.write(outside, b"echo $((6*7))\nexit\n")
    seen = b""
    until = time.monotonic() + WAIT
    while process.poll() is None and time.monotonic() < until:
        if select.select([outside], [], [], 0.1)[0]:
            try:
                seen += os.read(outside, 4096)
            except OSError:
                break
    assert process.wait(WAIT) == 0
    os.close(outside)
    assert b"42" in seen and b"cannot set terminal process group" not in seen


# ---- signals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_goes_to_the_payload(started, sig, tmp_path):
    process = started("--outcome", tmp_path / "o", script="echo ready; exec sleep 60")
    process.send_signal(sig)
    assert process.wait(WAIT) == 128 + sig
    assert json.loads((tmp_path / "o").read_text())["reason"] == "signaled"
    assert process.stderr.read() == ""


def test_a_payload_may_handle_the_signal(started):
    process = started(script="trap 'echo bye; exit 9' TERM; echo ready; while :; do sleep 0.05; done")
    process.send_signal(signal.SIGTERM)
    assert process.wait(WAIT) == 9
    assert process.stdout.read() == "bye\n"


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_the_second_signal_kills_the_tree(started, sig, tmp_path):
    process = started("--outcome", tmp_path / "o", script="""
        trap 'echo again' INT TERM
        (trap '' INT TERM; sleep 61) &
        echo ready
        while :; do sleep 0.05; done""")
    process.send_signal(sig)
    assert process.stdout.readline() == "again\n"
    process.send_signal(sig)
    assert process.wait(WAIT) == 128 + sig
    assert json.loads((tmp_path / "o").read_text())["reason"] == "canceled"
    # End of file: nobody inside holds the pipe any more.
    assert process.stdout.read() == ""


def test_a_signal_that_was_ignored_stays_ignored(started):
    process = started(script="echo ready; sleep 1; exit 4",
                      preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    process.send_signal(signal.SIGHUP)
    assert process.wait(WAIT) == 4


def test_a_killed_command_takes_the_tree_along(started):
    process = started(script="echo ready; exec sleep 60")
    process.kill()
    process.wait(WAIT)
    assert select.select([process.stdout], [], [], WAIT)[0], "the payload still holds the pipe"
    assert process.stdout.read() == ""
