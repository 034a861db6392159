"""The command while something runs: outcome files, relayed streams, the shell, signals."""

import ctypes
import json
import os
import pty
import resource
import select
import signal
import subprocess
import time

import pytest

from commandline import AS_ROOT, COMMAND, WAIT, call, refused, write_request
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


@pytest.mark.parametrize("name, cause, hint", [("no/o", "No such file or directory", "make its directory"),
                                               ("d", "Is a directory", "name a file in it"),
                                               ("f/o", "Not a directory", "make its directory")])
def test_outcome_where_none_can_be_written(tmp_path, name, cause, hint):
    (tmp_path / "d").mkdir()
    (tmp_path / "f").touch()
    line = refused("run", "--outcome", tmp_path / name, "--", "echo", "ran")
    assert "--outcome" in line and f"{tmp_path}/{name}" in line and cause in line and hint in line


@pytest.mark.skipif(AS_ROOT, reason="root may write everywhere")
@pytest.mark.parametrize("name, mode", [("o", 0o555), ("o", 0o755)])
def test_outcome_that_may_not_be_written(tmp_path, name, mode):
    (tmp_path / "d").mkdir()
    if mode == 0o755:
        (tmp_path / "d" / name).touch(0o444)
    (tmp_path / "d").chmod(mode)
    line = refused("run", "--outcome", tmp_path / "d" / name, "--", "echo", "ran")
    (tmp_path / "d").chmod(0o755)
    assert "--outcome" in line and f"d/{name}" in line and "Permission denied" in line and "fd:3" in line


def test_outcome_on_a_descriptor_for_reading(tmp_path):
    (tmp_path / "o").touch()
    with open(tmp_path / "o") as reader:
        line = refused("run", "--outcome", f"fd:{reader.fileno()}", "--", "echo", "ran", pass_fds=[reader.fileno()])
    assert "--outcome" in line and "not open for writing" in line and "3>FILE" in line


@pytest.mark.usefixtures("shown_places")
def test_outcome_replaces_a_file_and_keeps_what_it_was(tmp_path):
    """By a new file: who opened the old one never sees half of an outcome."""
    (tmp_path / "o").write_text("old")
    (tmp_path / "o").chmod(0o640)
    (tmp_path / "link").symlink_to("o")
    with open(tmp_path / "o") as old:
        assert call("run", "--outcome", tmp_path / "link", "--", "true").returncode == 0
        assert old.read() == ""
    assert (tmp_path / "link").is_symlink() and sorted(p.name for p in tmp_path.iterdir()) == ["link", "o"]
    assert json.loads((tmp_path / "o").read_text())["reason"] == "exited"
    assert (tmp_path / "o").stat().st_mode & 0o777 == 0o640


def test_outcome_of_another_name_is_written_in_place(tmp_path):
    (tmp_path / "o").touch()
    os.link(tmp_path / "o", tmp_path / "p")
    call("run", "--outcome", tmp_path / "o", "--", "true")
    assert (tmp_path / "o").samefile(tmp_path / "p") and json.loads((tmp_path / "p").read_text())["code"] == 0


def test_outcome_holds_nothing_that_the_payload_wrote(tmp_path):
    """Two names, one of them the payload's to write: it is written in place, and whole."""
    tmp_path.chmod(0o755)
    place = tmp_path / "place"
    place.mkdir()
    (place / "o").touch()
    os.link(place / "o", tmp_path / "p")
    (place / "o").chmod(0o666)
    if AS_ROOT:
        os.chown(place, 65534, 65534)
    done = call("run", "--rw", f"{place}:/w", "--outcome", tmp_path / "p", "--", "/bin/sh", "-c", "yes X | head -c 20000 > /w/o")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "p").read_text())["reason"] == "exited"


def test_outcome_does_not_replace_the_request(tmp_path):
    path = write_request(tmp_path, command=["true"])
    text = open(path).read()
    os.symlink(path, tmp_path / "link")
    for name in (path, tmp_path / "link"):
        line = refused("run", path, "--outcome", name)
        assert "--outcome" in line and "the request itself" in line and "name another file" in line
    assert open(path).read() == text


@pytest.mark.skipif(AS_ROOT, reason="root may write everywhere")
def test_outcome_in_a_directory_that_takes_no_new_file(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "o").write_text("old" * 1000)
    (tmp_path / "d").chmod(0o555)
    call("run", "--outcome", tmp_path / "d" / "o", "--", "true")
    assert json.loads((tmp_path / "d" / "o").read_text())["reason"] == "exited"
    (tmp_path / "d").chmod(0o755)


def test_outcome_that_may_not_grow(tmp_path):
    """The disk is full, as it were, and only at the end: all or nothing, and it is told."""
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))  # enough for a sealed copy of the helper

    (tmp_path / "o").write_text("old")
    os.link(tmp_path / "o", tmp_path / "p")
    for name in ("o", "new"):
        done = call("run", "--output", "4M", "--outcome", tmp_path / name, "--", "seq", "400000", preexec_fn=limit)
        assert done.returncode == 125 and "File too large" in done.stderr and "--outcome" in done.stderr
        assert (tmp_path / name).read_text() == ""
    assert sorted(p.name for p in tmp_path.iterdir()) == ["new", "o", "p"]


def test_outcome_whose_reader_went_away():
    reader, writer = os.pipe()
    os.close(reader)
    done = call("run", "--outcome", f"fd:{writer}", "--", "true", pass_fds=[writer])
    os.close(writer)
    assert done.returncode == 125 and "--outcome" in done.stderr and "Broken pipe" in done.stderr


def test_outcome_is_not_led_elsewhere_by_the_payload(tmp_path):
    """Its directory becomes a link while the payload runs; the one that was named at the start gets the outcome."""
    tmp_path.chmod(0o755)
    place = tmp_path / "place"
    (place / "d").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    if AS_ROOT:
        os.chown(place, 65534, 65534)
    done = call("run", "--rw", f"{place}:/w", "--outcome", place / "d" / "o", "--", "/bin/sh", "-c",
                f"mv /w/d /w/moved && ln -s {tmp_path}/other /w/d")
    assert done.returncode == 0, done.stderr
    assert json.loads((place / "moved" / "o").read_text())["reason"] == "exited"
    assert not any((tmp_path / "other").iterdir())


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


class Foreground:
    """The command as the foreground of a terminal of its own."""

    def __init__(self, *args):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(COMMAND, [str(COMMAND), *args])
        self.seen = b""
        self.status = None

    def keys(self, text):
        os.write(self.fd, text.encode())

    def wait_for(self, text):
        """Reads on until text came, and forgets all up to its end."""
        while text.encode() not in self.seen:
            assert select.select([self.fd], [], [], WAIT)[0], f"no {text!r} in {self.seen!r}"
            self.seen += os.read(self.fd, 4096)
        self.seen = self.seen.split(text.encode(), 1)[1]

    def end(self):
        """The exit code, once nobody holds the terminal any more."""
        while self.status is None:
            assert select.select([self.fd], [], [], WAIT)[0], self.seen
            try:
                if os.read(self.fd, 4096):
                    continue
            except OSError:  # the last who held the terminal is gone
                pass
            self.status = os.waitpid(self.pid, 0)[1]
        return os.waitstatus_to_exitcode(self.status)

    def close(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


@pytest.fixture
def terminal():
    opened = []

    def start(*args):
        opened.append(Foreground(*args))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def test_the_terminals_keys_do_not_end_a_shell(terminal):
    """A program in it counts them: an idle prompt of bash may take a signal at once or with the next key."""
    shell = terminal("shell")
    shell.wait_for("job control is not supported yet")
    shell.keys("sh -c 'n=0; trap \"n=\\$((n+1)); echo k\"\"ey \\$n\" INT; echo re\"\"ady; "
               "while [ $n -lt 4 ]; do sleep 0.05; done'\n")
    shell.wait_for("ready")
    for n in (1, 2, 3):
        shell.keys("\x03")
        shell.wait_for(f"key {n}")
    shell.keys("\x1a")
    shell.keys("\x1c")
    shell.keys("\x03")
    shell.wait_for("key 4")
    shell.wait_for("~$ ")
    shell.keys("exit 5\n")
    assert shell.end() == 5


def test_ctrl_c_ends_what_runs_in_the_shell(terminal):
    shell = terminal("shell")
    shell.wait_for("~$ ")
    shell.keys("sh -c 'echo g''o; exec sleep 300'\n")
    shell.wait_for("go\r\n")
    shell.keys("\x03")
    shell.wait_for("~$ ")
    shell.keys("echo left $?\n")
    shell.wait_for("left 130")
    shell.keys("exit\n")
    assert shell.end() == 0


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGHUP])
def test_a_shell_can_be_ended_from_outside(terminal, sig):
    shell = terminal("shell")
    shell.keys("trap 'echo o''nce' TERM HUP; echo re''ady; while :; do sleep 0.1; done\n")
    shell.wait_for("ready")
    os.kill(shell.pid, sig)
    shell.wait_for("once")
    time.sleep(0.3)  # the first one was taken: this can only be longer between the two
    os.kill(shell.pid, sig)
    assert shell.end() == 128 + sig


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
    time.sleep(0.3)  # the command has the first one already: this can only be longer between the two
    process.send_signal(sig)
    assert process.wait(WAIT) == 128 + sig
    assert json.loads((tmp_path / "o").read_text())["reason"] == "canceled"
    # End of file: nobody inside holds the pipe any more.
    assert process.stdout.read() == ""


def test_the_same_signal_twice_at_once_is_one(started):
    """As timeout(1) sends it. Both wait for a stopped command: one in its thread's queue, one in its process's."""
    process = started(script="trap 'echo once; exit 9' INT; echo ready; while :; do sleep 0.05; done")
    process.send_signal(signal.SIGSTOP)
    tgkill = {"x86_64": 234, "aarch64": 131}[os.uname().machine]
    assert ctypes.CDLL(None).syscall(tgkill, process.pid, process.pid, int(signal.SIGINT)) == 0
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGCONT)
    assert process.wait(WAIT) == 9
    assert process.stdout.read() == "once\n"


def test_different_signals_at_once_are_two(started):
    process = started(script="trap '' INT TERM; echo ready; while :; do sleep 0.05; done")
    process.send_signal(signal.SIGSTOP)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    assert process.wait(WAIT) in (128 + signal.SIGINT, 128 + signal.SIGTERM)


def test_sigint_reaches_what_the_payload_waits_for(started):
    process = started(script="trap 'echo mine' INT; sh -c 'echo ready; exec sleep 300'; echo $?; exit 3")
    process.send_signal(signal.SIGINT)
    assert process.wait(WAIT) == 3
    assert process.stdout.read() == "mine\n130\n"


def test_sigterm_is_for_the_payload_alone(started):
    process = started(script="trap 'echo mine' TERM; sh -c 'echo ready; sleep 1'; echo $?; exit 3")
    process.send_signal(signal.SIGTERM)
    assert process.wait(WAIT) == 3
    assert process.stdout.read() == "mine\n0\n"


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
