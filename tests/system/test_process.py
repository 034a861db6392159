"""What the payload's process is like: session, init, descriptors, signals, resets, and that it dies with its caller."""

import fcntl
import os
import pathlib
import resource
import signal
import subprocess
import termios

import pytest

import harness
from harness import LIBC, LINUX, descendants, settled, status_of, wait_gone

BOTH = pytest.mark.parametrize("init", [True, False], ids=["init", "no-init"])


# ---- init ---------------------------------------------------------------------------------------------------------------


def test_init_is_the_helper_and_the_payload_its_child(box):
    seen = box.probe("result = [os.getpid(), os.getppid(), read('/proc/1/comm').strip(), read('/proc/1/cmdline').strip('\\0')]")
    assert seen[:2] == [2, 1] and seen[2].startswith("styrolite-helpe") and seen[3] in ("", "styrolite-helper")
    assert box.run(["true"]).outcome["init"] is True


@pytest.mark.kernel
def test_without_init_the_payload_is_the_first_process(box):
    done = box.run(["/bin/sh", "-c", "echo $$; echo $PPID; exit 3"], {"init": False})
    assert done.text == "1\n0\n" and done.code == 3 and done.outcome["init"] is False
    assert "caller_death" in [e["protection"] for e in done.outcome["not_enforced"]]
    assert "caller_death" not in done.outcome["enforced"]


@pytest.mark.invariant("S7")
@pytest.mark.invariant("S9")
def test_init_is_closed(box):
    """Not dumpable: its entries in proc belong to root, and no capability is there to pass that by."""
    seen = box.probe("""
s = status(1)
result = {"open": [attempt(read, "/proc/1/" + n) for n in ("mem", "environ", "auxv", "maps", "syscall", "stack", "personality")],
          "links": [attempt(os.readlink, "/proc/1/" + n) for n in ("root", "cwd", "exe", "ns/mnt", "ns/user")],
          "list": [attempt(os.listdir, "/proc/1/" + n) for n in ("fd", "fdinfo", "map_files", "task/1/fd")],
          "write": [attempt(write, "/proc/1/" + n) for n in ("mem", "oom_score_adj", "clear_refs", "comm")],
          "owner": os.stat("/proc/1/mem").st_uid, "caps": [int(s[k], 16) for k in ("CapInh", "CapPrm", "CapEff", "CapAmb")],
          "rest": [s["NoNewPrivs"], s["Seccomp"], s["Seccomp_filters"], s["SigBlk"][:4]]}""")
    for name in ("open", "links", "list", "write"):
        assert "ok" not in seen[name], (name, seen[name])
    assert seen["owner"] == 65534 and seen["caps"] == [0] * 4 and seen["rest"] == ["1", "2", "1", "ffff"]


def test_init_cannot_be_signalled_or_traced(box):
    seen = box.probe("""
import time
sent = [attempt(os.kill, 1, n) for n in (9, 15, 19, 11, 6)]
while status(1)["State"][0] == "R":  # it reads what came
    time.sleep(0.01)
result = [os.path.exists("/proc/1"), status(1)["State"][0], system_call(101, 16, 1, 0, 0)]""")
    assert seen[0] is True and seen[1] == "S" and seen[2] in ("EPERM", "ENOSYS")


def test_init_reaps_what_is_left_to_it(box):
    """In the end there are init and the shell, which looks without a process of its own; else it waits for ever."""
    script = """for i in 1 2 3 4 5 6 7 8 9 10; do (sleep 0 &) ; done
    set -- /proc/[0-9]*
    while [ $# -gt 2 ]; do sleep 0.01; set -- /proc/[0-9]*; done
    echo $# $$"""
    assert box.sh(script) == "2 2\n"


def kinds_of_descriptors(pid):
    return sorted(os.readlink(f"/proc/{pid}/fd/{n}").split(":")[0] for n in os.listdir(f"/proc/{pid}/fd"))


@pytest.mark.as_root
def test_init_holds_no_descriptors_of_the_caller(box):
    """Only its signals, the caller's pidfd and the status channel: no stream of the payload, no object of the host."""
    with box.start(["/bin/sh", "-c", "echo ready; sleep 30"], {"paths": {"/o": {"from": "/opt"}}}) as run:
        assert run.read_line() == "ready"
        init = first_of(run)
        # The payload may be faster with its word than init, which goes on at the same moment.
        settled(lambda: len(kinds_of_descriptors(init)) <= 3)
        assert kinds_of_descriptors(init) in (["anon_inode", "anon_inode", "socket"], ["anon_inode", "pidfd", "socket"])


@pytest.mark.as_root
def test_init_is_small(box):
    """At most 64 KiB of memory of its own."""
    with box.start(["/bin/sh", "-c", "echo ready; sleep 30"]) as run:
        assert run.read_line() == "ready"
        init = first_of(run)
        settled(lambda: len(kinds_of_descriptors(init)) <= 3)
        rows = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{init}/smaps_rollup").read_text().splitlines()[1:])
        private = sum(int(rows[k].split()[0]) for k in ("Private_Clean", "Private_Dirty"))
        anonymous = int(rows["Anonymous"].split()[0])
        assert anonymous <= 64 and private <= 64, rows


# ---- session and terminal ---------------------------------------------------------------------------------------------------


@BOTH
def test_a_session_of_its_own(box, init):
    assert box.probe("result = os.getsid(0) == os.getpid() == os.getpgid(0)", {"init": init}) is True


def test_the_callers_session(box):
    assert box.probe("result = os.getsid(0)", {"new_session": False}) == 0


def on_terminal(argv, mode, *options):
    """Runs the command as leader of a session on a terminal of its own; gives what came out there."""
    with harness.Terminal() as terminal:

        def lead():
            os.setsid()
            fcntl.ioctl(terminal.inside, termios.TIOCSCTTY, 0)

        ends = dict.fromkeys(("stdin", "stdout", "stderr"), terminal.inside)
        with subprocess.Popen([harness.COMMAND, "run", *options, "--", *argv], preexec_fn=lead,
                              env={**os.environ, "STYRO_SPAWN": mode}, **ends) as process:
            terminal.handed_over()
            text = terminal.rest()
            process.wait(harness.WAIT)
    return text.decode()


OPEN_TTY = ["/bin/sh", "-c", "(: < /dev/tty) 2>/dev/null && echo has one || echo has none"]


@pytest.mark.invariant("S10")
def test_no_controlling_terminal_of_the_caller(mode):
    assert on_terminal(OPEN_TTY, mode).split() == ["has", "none"]
    assert on_terminal(OPEN_TTY, mode, "--set", "new_session=false").split() == ["has", "one"]


@pytest.mark.invariant("S10")
def test_input_cannot_be_pushed_into_the_callers_terminal(mode):
    script = """
import fcntl, errno
try:
    fcntl.ioctl(0, 0x5412, b"x")
    print("pushed")
except OSError as e:
    print(errno.errorcode[e.errno])"""
    for session in ("true", "false"):
        assert on_terminal([*harness.PYTHON, script], mode, "--set", f"new_session={session}").strip() == "EPERM"


# ---- descriptors ----------------------------------------------------------------------------------------------------------------

LIST_FDS = "result = sorted(int(n) for n in os.listdir('/proc/self/fd'))"


@BOTH
@pytest.mark.invariant("S8")
def test_only_the_standard_streams_cross(box, init):
    """However many the caller has open without close-on-exec; the fourth is the listing's own."""
    fds = [os.open("/", os.O_RDONLY) for _ in range(100)]
    try:
        assert box.probe(LIST_FDS, {"init": init}, pass_fds=fds) == [0, 1, 2, 3]
    finally:
        for fd in fds:
            os.close(fd)


@BOTH
@pytest.mark.parametrize("numbers", [[3], [3, 4, 5, 6, 7, 8, 9], [9, 7, 5], [4, 100, 1000], [8, 3], [10, 11, 12, 13, 14]], ids=str)
@pytest.mark.invariant("S8")
def test_preserved_descriptors(box, tmp_path, init, numbers):
    """Each under its own number, also those that the set-up uses for itself."""
    fds, targets = [], {}
    for number in numbers:
        (tmp_path / f"file{number}").write_text(f"this is {number}\n")
        fd = os.open(tmp_path / f"file{number}", os.O_RDONLY)
        targets[fcntl.fcntl(fd, fcntl.F_DUPFD, 1001)] = number
        os.close(fd)

    def place():
        for fd, number in targets.items():
            os.dup2(fd, number)

    fds = list(targets)
    code = f"""
{LIST_FDS}
result = [[n for n in result if n in {numbers}], len(result), [os.read(n, 100).decode() for n in {numbers}]]"""
    try:
        seen = box.probe(code, {"preserve_fds": numbers, "init": init}, close_fds=False, preexec_fn=place)
    finally:
        for fd in fds:
            os.close(fd)
    assert seen == [sorted(numbers), len(numbers) + 4, [f"this is {n}\n" for n in numbers]]


def test_a_preserved_descriptor_that_is_not_open(box):
    done = box.run(["true"], {"preserve_fds": [77]})
    assert done.code == 125 and b"77" in done.err and b"not open" in done.err


def test_preserving_nothing_by_the_caller(box):
    assert box.probe(LIST_FDS, {"preserve_fds": "by_caller"}) == [0, 1, 2, 3]


@pytest.mark.parametrize("closed", [[0], [1], [2], [0, 1], [0, 1, 2]], ids=str)
def test_closed_standard_streams(box, closed):
    """They are /dev/null inside, and no descriptor of the set-up ever stands in their place."""
    out = os.open("report", os.O_CREAT | os.O_RDWR)
    copy = fcntl.fcntl(out, fcntl.F_DUPFD, 500)
    script = "seen=$(for n in 0 1 2; do readlink /proc/$$/fd/$n; done); echo \"$seen\" >&500"
    words, outcome = box.arguments(["/bin/bash", "-c", script], {"preserve_fds": [500]}, (), ())
    try:
        code = subprocess.call(words, close_fds=False, env=box.environment(None), timeout=harness.WAIT,
                               preexec_fn=lambda: ([os.close(n) for n in closed], os.set_inheritable(500, True)))
        os.lseek(out, 0, 0)
        seen = os.read(out, 1000).decode().splitlines()
    finally:
        os.close(out)
        os.close(copy)
        os.unlink("report")
    assert code == 0
    for n in closed:
        assert seen[n] == "/dev/null"


# ---- signals ----------------------------------------------------------------------------------------------------------------------


def dirty_signals():
    """What interpreters and shells leave behind: ignored and blocked signals."""
    for number in (signal.SIGPIPE, signal.SIGCHLD, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR2, signal.SIGALRM})


@BOTH
def test_signals_are_reset(box, init):
    done = box.run(["cat", "/proc/self/status"], {"init": init}, preexec_fn=dirty_signals, restore_signals=False)
    # Who ignores SIGCHLD learns nothing of a child by itself before Linux 6.15.
    assert (done.code, done.reason) == ((0, "exited") if init or LINUX >= (6, 15) else (125, "lost")), done
    rows = dict(line.split(":\t", 1) for line in done.text.splitlines() if line.startswith("Sig"))
    assert [rows[name] for name in ("SigBlk", "SigIgn", "SigCgt")] == ["0" * 16] * 3


def test_a_closed_pipe_ends_the_payload(box):
    done = box.run(["/bin/bash", "-c", "yes | head -1; echo ${PIPESTATUS[0]}"], preexec_fn=dirty_signals, restore_signals=False)
    assert done.text == "y\n141\n"


@pytest.mark.kernel
def test_a_caller_that_ignores_its_children(box):
    done = box.run(["/bin/sh", "-c", "exit 7"], preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
                   restore_signals=False)
    assert done.code == 7


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGSEGV, signal.SIGKILL, signal.SIGTERM, signal.SIGPIPE, signal.SIGSYS,
                                    signal.SIGRTMIN + 3])
@BOTH
def test_ended_by_a_signal(box, number, init):
    """Without init the payload is PID 1, which takes from inside only signals that it handles; so it has itself ended."""
    request = {"init": init}
    if not init:
        done = box.run(["/bin/sh", "-c", f"sh -c 'kill -{int(number)} $$'; exit $?"], request)
        assert done.code == 128 + number and done.reason == "exited"
        return
    done = box.run(["/bin/sh", "-c", f"kill -{int(number)} $$; sleep 5"], request)
    assert done.reason == "signaled" and done.code == 128 + number
    assert done.outcome["code"] is None and done.outcome["core_dumped"] in (True, False)


# ---- other things that cross exec -----------------------------------------------------------------------------------------------------


@BOTH
def test_timer_slack_is_reset(box, init):
    seen = box.ok(["cat", "/proc/self/timerslack_ns"], {"init": init}, preexec_fn=lambda: LIBC.prctl(29, 1234567, 0, 0, 0))
    assert seen == "50000\n"


def test_personality_is_reset(box):
    assert box.ok(["cat", "/proc/self/personality"], wrap=["setarch", "-R", "-B"]).strip() == "00000000"


def test_the_scheduling_policy_is_reset(box):
    assert box.probe("result = os.sched_getscheduler(0)", wrap=["chrt", "--batch", "0"]) == os.SCHED_OTHER


def test_a_caller_in_the_idle_class(box):
    """The way back from SCHED_IDLE needs a right that few callers have (sched(7)): the payload then stays there."""
    assert box.probe("result = os.sched_getscheduler(0)", wrap=["chrt", "--idle", "0"]) in (os.SCHED_OTHER, os.SCHED_IDLE)


@pytest.mark.parametrize("asked, expected", [(None, "0022"), ("077", "0077"), ("0", "0000"), (0o27, "0027"), ("0777", "0777")])
def test_umask(box, asked, expected):
    """Whatever the caller's is."""
    request = {} if asked is None else {"umask": asked}
    assert box.sh("umask", request, preexec_fn=lambda: os.umask(0o13)) == expected + "\n"


def test_files_are_made_with_the_umask(box, work):
    box.sh("touch /w/f; mkdir /w/d", {"umask": "027", "paths": {"/w": {"from": str(work), "access": "rw"}}})
    assert (work / "f").stat().st_mode & 0o777 == 0o640 and (work / "d").stat().st_mode & 0o777 == 0o750


def test_nice(box):
    assert box.probe("result = os.nice(0)") == os.nice(0)
    assert box.probe("result = os.nice(0)", {"nice": 7}) == 7
    assert box.probe("result = os.nice(0)", {"nice": 19}, wrap=["nice", "-n", "5"]) == 19
    assert box.probe("result = os.nice(0)", wrap=["nice", "-n", "5"]) == os.nice(0) + 5


def test_nice_below_the_callers_own(box):
    """Needs CAP_SYS_NICE on the host: refused or done, never ignored."""
    done = box.run([*harness.PYTHON, "import os; print(os.nice(0))"], {"nice": -5})
    if done.code == 0:
        assert done.text == "-5\n"
    else:
        assert done.code == 125 and done.error["field"] == "/nice" and done.error["hint"]


def test_oom_score_adj(box):
    own = int(pathlib.Path("/proc/self/oom_score_adj").read_text())
    assert int(box.sh("cat /proc/self/oom_score_adj")) == own
    assert box.sh("cat /proc/self/oom_score_adj /proc/1/oom_score_adj", {"oom_score_adj": 500}) == "500\n500\n"
    assert box.sh("cat /proc/self/oom_score_adj", {"oom_score_adj": 1000, "init": False}) == "1000\n"


@pytest.mark.as_ordinary
def test_oom_score_adj_below_the_callers_own(box):
    error = box.fails(["true"], {"oom_score_adj": -500})
    assert error["field"] == "/oom_score_adj" and "cannot go below" in error["hint"]


def test_processors_stay_those_of_the_caller(box):
    some = min(os.sched_getaffinity(0))
    assert box.probe("result = sorted(os.sched_getaffinity(0))", wrap=["taskset", "-c", str(some)]) == [some]


def test_the_payload_is_dumpable_and_alone(box):
    seen = box.probe("s = status(); result = [libc.prctl(3, 0, 0, 0, 0), s['TracerPid'], libc.prctl(2, 0, 0, 0, 0), s['Threads']]")
    assert seen[0] == 1 and seen[1] == "0" and seen[3] == "1"


# ---- callers in odd states -----------------------------------------------------------------------------------------------------------


def test_a_caller_whose_directory_is_gone(box, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()

    def leave():
        os.chdir(gone)
        os.rmdir(gone)

    assert box.sh("pwd", preexec_fn=leave) == "/home/sandbox\n"


def test_a_caller_with_few_descriptors(box):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert box.sh("ulimit -n", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (32, hard))) == "32\n"


def test_a_caller_with_too_few_descriptors(box):
    done = box.run(["true"], preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (9, 9)))
    assert done.code in (0, 125)
    if done.code:
        assert b"RLIMIT_NOFILE" in done.err and done.err.count(b"\n") == 1


@pytest.mark.as_ordinary  # root reads everything
def test_a_caller_that_is_not_dumpable(tmp_path):
    """A copy of the command that cannot be read is not dumpable: the mode then is `helper`."""
    copy = tmp_path / "styrolite"
    copy.write_bytes(harness.COMMAND.read_bytes())
    copy.chmod(0o111)
    box = harness.Sandbox(tmp_path)
    words, outcome = box.arguments(["echo", "ran"], None, ["--helper", str(harness.HELPER)], ())
    words[0] = str(copy)
    done = subprocess.run(words, capture_output=True, text=True, env=box.environment(None), timeout=harness.WAIT)
    assert (done.returncode, done.stdout) == (0, "ran\n"), done.stderr
    assert '"spawn_mode": "helper"' in outcome.read_text()


def test_a_caller_stays_as_it_was(box):
    """Umask, directory, mask and parent-death signal of the command itself while a payload runs."""
    with box.start(["/bin/sh", "-c", "echo ready; sleep 30"], {"umask": "077"}) as run:
        assert run.read_line() == "ready"
        status = status_of(run.process.pid)
        own = pathlib.Path("/proc/self/status").read_text()
        assert f"Umask:\t{status['Umask']}" in own
        assert os.readlink(f"/proc/{run.process.pid}/cwd") == os.getcwd()
        assert os.readlink(f"/proc/{run.process.pid}/ns/mnt") == os.readlink("/proc/self/ns/mnt")
        assert status["NoNewPrivs"] == status_of("self")["NoNewPrivs"] and status["Seccomp"] == status_of("self")["Seccomp"]


# ---- death of the caller ------------------------------------------------------------------------------------------------------------------

TREE = ["/bin/sh", "-c", "trap '' TERM HUP INT; (setsid sleep 300 &); sleep 300 & echo ready; wait; sleep 300"]


@pytest.mark.invariant("S11")
@pytest.mark.invariant("S23")
@pytest.mark.kernel
def test_a_killed_caller_takes_everything_along(box):
    with box.start(TREE) as run:
        assert run.read_line() == "ready"
        fds = run.pidfds()
        assert len(fds) >= 3
        run.process.kill()
        assert wait_gone(fds)


@pytest.mark.parametrize("mode_", ["vfork", "helper"])
@pytest.mark.invariant("S11")
@pytest.mark.invariant("S23")
def test_a_killed_caller_with_a_child_of_its_own(mode_, tmp_path):
    """The caller's forked child holds copies of all its descriptors; the sandbox ends with the caller all the same."""
    holder = harness.BUILD / "tests" / "drivers" / "holder"
    process = subprocess.Popen([holder, harness.HELPER, *TREE], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                               env={**os.environ, "STYRO_SPAWN": mode_})
    try:
        ready, said = sorted((process.stdout.readline(), process.stdout.readline()), reverse=True)
        assert ready == b"ready\n" and said.startswith(b"child ")
        child = int(said.split()[1])
        below = [pid for pid in descendants(process.pid) if pid != child]
        assert len(below) >= 3
        fds = [os.pidfd_open(pid) for pid in below]
        process.kill()
        process.wait()
        assert wait_gone(fds)
        assert os.path.exists(f"/proc/{child}"), "the caller's own child is none of our business"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        for pid in descendants(os.getpid()):
            os.kill(pid, signal.SIGKILL)


def test_a_stopped_caller_changes_nothing(box):
    with box.start(["/bin/sh", "-c", "echo ready; read x; echo got $x"], stdin=subprocess.PIPE) as run:
        assert run.read_line() == "ready"
        os.kill(run.process.pid, signal.SIGSTOP)
        os.kill(run.process.pid, signal.SIGCONT)
        run.process.stdin.write(b"it\n")
        run.process.stdin.flush()
        assert run.read_line() == "got it"


@pytest.mark.invariant("S23")
def test_a_killed_init_takes_everything_along(box):
    """From outside: then the outcome is `lost`, and nothing is left."""
    with box.start(TREE) as run:
        assert run.read_line() == "ready"
        fds = run.pidfds()
        os.kill(first_of(run), signal.SIGKILL)
        assert run.process.wait(harness.WAIT) == 125
        assert wait_gone(fds)
        assert run.outcome["reason"] == "lost" and run.outcome["error"]["stage"] == "supervise"
        assert run.process.stderr.read().startswith(b"styrolite: ")


def first_of(run):
    """The first process of the sandbox's own pid namespace."""
    for pid in run.pids():
        if status_of(pid)["NSpid"].split()[-1] == "1" and len(status_of(pid)["NSpid"].split()) > len(
                status_of(run.process.pid)["NSpid"].split()):
            return pid
    raise AssertionError("no init")


@pytest.mark.invariant("S11")
def test_the_end_of_the_payload_is_the_end_of_its_daemons(box):
    with box.start(["/bin/sh", "-c", "(setsid sh -c 'trap \"\" TERM HUP; sleep 300' &) ; echo ready; read x"],
                   stdin=subprocess.PIPE) as run:
        assert run.read_line() == "ready"
        fds = run.pidfds()
        assert len(fds) >= 3
        run.process.stdin.write(b"\n")
        run.process.stdin.flush()
        assert run.process.wait(harness.WAIT) == 0
        assert wait_gone(fds)


def test_without_die_with_parent(box, work):
    """Then the sandbox goes on when its caller was killed, until its payload ends."""
    request = {"die_with_parent": False, "paths": {"/w": {"from": str(work), "access": "rw"}}}
    with box.start(["/bin/sh", "-c", "echo ready; while [ ! -e /w/go ]; do sleep 0.02; done; echo done > /w/done"], request) as run:
        assert run.read_line() == "ready"
        fds = run.pidfds()
        run.process.kill()
        run.process.wait()
        gone = wait_gone([os.dup(fd) for fd in fds], 0.3)
        (work / "go").write_text("")
        assert wait_gone(fds)
    assert not gone and (work / "done").exists()


@pytest.mark.as_ordinary
def test_a_file_as_standard_input_is_given(box, work):
    """SECURITY, "A descriptor is what it is": read only is a pipe, or a path."""
    (work / "file").write_text("x")
    code = """result = [attempt(os.open, "/proc/self/fd/0", os.O_RDWR), attempt(os.fchmod, 0, 0o600),
          attempt(os.open, "/file", os.O_RDWR), attempt(os.chmod, "/file", 0o640)]"""
    request = {"paths": {"/file": {"from": str(work / "file")}}}
    landlock = "landlock_paths" in box.run(["true"], request).outcome["enforced"]
    with open(work / "file") as file:
        seen = box.probe(code, request, stdin=file)
    assert seen == ["EACCES" if landlock else "ok", "ok", "EROFS", "EROFS"], seen
    assert (work / "file").stat().st_mode & 0o777 == 0o600
    with subprocess.Popen(["cat", work / "file"], stdout=subprocess.PIPE) as cat:
        assert box.probe("result = [attempt(os.fchmod, 0, 0o644), os.read(0, 9).decode()]", stdin=cat.stdout) == ["ok", "x"]
    assert (work / "file").stat().st_mode & 0o777 == 0o600
