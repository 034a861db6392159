"""The command while something runs: outcome files, relayed streams, the shell, signals."""

import json
import os
import pty
import select
import signal
import subprocess

import pytest

from commandline import COMMAND, WAIT, call, refused, write_request
from harness import Terminal

pytestmark = pytest.mark.skipif(COMMAND is None, reason="no styrolite in $STYRO_BUILD")


@pytest.fixture
def started(mode):
    """Starts the command and waits until the payload has said "ready"; ends what is left."""
    running = []

    def start(*args, script, **more):
        more.setdefault("stdin", subprocess.DEVNULL)
        more.setdefault("env", {**os.environ, "STYRO_SPAWN": mode})
        process = subprocess.Popen([COMMAND, "run", *map(str, args), "--", "/bin/sh", "-c", script],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)
        running.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


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
    """Each line is typed only when the shell asks for it."""
    with Terminal() as terminal:
        ends = dict.fromkeys(("stdin", "stdout", "stderr"), terminal.inside)
        with subprocess.Popen([COMMAND, "shell"], start_new_session=True, **ends) as process:
            terminal.handed_over()
            terminal.until(b"[sandbox]")
            terminal.until(b"$ ")
            terminal.type(b"echo $((6*7))\n")
            terminal.until(b"42\r\n")
            terminal.until(b"$ ")
            terminal.type(b"exit 3\n")
            seen = terminal.rest()
            assert process.wait(WAIT) == 3
    assert b"cannot set terminal process group" not in seen


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
    process = started(script="echo ready; read x; exit 4", stdin=subprocess.PIPE,
                      preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    process.send_signal(signal.SIGHUP)
    process.stdin.write("go on\n")
    process.stdin.flush()
    assert process.wait(WAIT) == 4


def test_a_killed_command_takes_the_tree_along(started):
    process = started(script="echo ready; exec sleep 60")
    process.kill()
    process.wait(WAIT)
    assert select.select([process.stdout], [], [], WAIT)[0], "the payload still holds the pipe"
    assert process.stdout.read() == ""
