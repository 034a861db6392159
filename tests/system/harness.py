"""What the system tests share: the command called with a request, a probe that looks around inside, and the descendants of
this process. Knows how the command is called and how its outcome is read; what a field means is known by the tests.
"""

import contextlib
import ctypes
import errno
import itertools
import json
import os
import pathlib
import select
import signal
import stat
import subprocess
import time

BUILD = pathlib.Path(os.environ.get("STYRO_BUILD", "build")).resolve()
COMMAND = BUILD / "styrolite"
HELPER = BUILD / "styrolite-helper"

AS_ROOT = os.geteuid() == 0
NOBODY = 65534  # who a root caller's payload is outside
WAIT = int(os.environ.get("STYRO_WAIT", "60"))  # a guard against hanging: more where a processor is emulated

LINUX = tuple(int(part) for part in os.uname().release.split(".")[:2])

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_CHILD_SUBREAPER = 36

PYTHON = ["/usr/bin/python3", "-I", "-S", "-c"]


class Caller:
    """Who runs the tests, and who its payloads are outside."""

    root = AS_ROOT
    uid = os.getuid()
    gid = os.getgid()
    outside_uid = NOBODY if AS_ROOT else os.getuid()
    outside_gid = NOBODY if AS_ROOT else os.getgid()
    # The ids that keep the caller's own outside; for an ordinary caller that is so anyway.
    own_ids = {"uid_map": "self", "gid_map": "self"}


class Done:
    """One finished call of the command."""

    def __init__(self, code, out, err, outcome, seconds):
        self.code, self.out, self.err, self.outcome, self.seconds = code, out, err, outcome, seconds

    @property
    def text(self):
        return self.out.decode()

    @property
    def line(self):
        return self.err.decode()

    @property
    def reason(self):
        return self.outcome["reason"] if self.outcome else None

    @property
    def error(self):
        return self.outcome["error"]

    def __repr__(self):
        outcome = {k: v for k, v in (self.outcome or {}).items() if k in ("reason", "code", "signal", "detail", "error")}
        return f"<code {self.code}, {outcome}, stdout {self.out[-2000:]!r}, stderr {self.err[-2000:]!r}>"


class Running:
    """One call of the command that has not ended yet."""

    def __init__(self, process, outcome_path):
        self.process, self.outcome_path = process, outcome_path

    @property
    def outcome(self):
        return json.loads(self.outcome_path.read_text())

    def read_line(self):
        return self.process.stdout.readline().decode().rstrip("\n")

    def pids(self):
        """All processes below the command, as the host counts them, parents first."""
        return descendants(self.process.pid)

    def pidfds(self):
        fds = []
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                fds.append(os.pidfd_open(pid))
        return fds


def record(request):
    """$STYRO_REQUESTS collects what is asked for, a request a line: which fields were said in the test machine."""
    if os.environ.get("STYRO_REQUESTS"):
        with open(os.environ["STYRO_REQUESTS"], "a") as file:
            file.write(request + "\n")


class Sandbox:
    """Calls the command in one spawn mode, with requests as files."""

    def __init__(self, directory, mode=None, kernel=None):
        self.directory, self.mode, self.kernel = directory, mode, kernel
        self.number = itertools.count()

    def environment(self, more):
        env = {k: v for k, v in os.environ.items() if k not in ("STYRO_SPAWN", "STYRO_KERNEL", "STYROLITE_HELPER")}
        if self.mode:
            env["STYRO_SPAWN"] = self.mode
        if self.kernel:
            env["STYRO_KERNEL"] = self.kernel
        return {**env, **(more or {})}

    def write(self, request):
        path = self.directory / f"request-{next(self.number)}.json"
        if isinstance(request, bytes):
            path.write_bytes(request)
        else:
            text = json.dumps({"version": 1, **request})
            path.write_text(text)
            record(text)
        return path

    def arguments(self, argv, request, options, wrap):
        outcome = self.directory / f"outcome-{next(self.number)}.json"
        words = [*wrap, COMMAND, "run"]
        if request is not None:
            words.append(self.write(request))
        words += [*options, "--outcome", outcome]
        if argv is not None:
            words += ["--", *argv]
        return [w if isinstance(w, bytes) else str(w) for w in words], outcome

    def run(self, argv=None, request=None, options=(), *, wrap=(), input=None, env=None, timeout=WAIT, **more):
        """One run to its end. `wrap` stands before the command: setarch, prlimit, unshare."""
        words, path = self.arguments(argv, request, options, wrap)
        if input is None:
            more.setdefault("stdin", subprocess.DEVNULL)
        else:
            more["input"] = input
        begun = time.monotonic()
        done = subprocess.run(words, capture_output=True, env=self.environment(env), timeout=timeout, **more)
        seconds = time.monotonic() - begun
        text = path.read_text() if path.exists() else ""
        outcome = json.loads(text) if text else None
        if outcome and self.mode:
            assert outcome["spawn_mode"] == self.mode
        return Done(done.returncode, done.stdout, done.stderr, outcome, seconds)

    def ok(self, argv, request=None, options=(), **more):
        """A run that must end with 0; gives its standard output as text."""
        done = self.run(argv, request, options, **more)
        assert done.code == 0 and done.reason == "exited", done
        return done.text

    def sh(self, script, request=None, **more):
        return self.ok(["/bin/sh", "-c", script], request, **more)

    def probe(self, code, request=None, **more):
        """Runs Python inside, which leaves its answer in `result`."""
        script = PROBE + code + "\nprint(json.dumps(result))\n"
        return json.loads(self.ok([*PYTHON, script], request, **more))

    def fails(self, argv, request=None, options=(), *, code=125, **more):
        """A run that must not start its payload; gives the error of the outcome."""
        done = self.run(argv, request, options, **more)
        assert done.code == code, done
        assert done.outcome is not None and done.reason in ("setup_failed", "exec_failed"), done
        assert done.out == b"", done
        assert done.err.count(b"\n") == 1 and done.err.startswith(b"styrolite: "), done
        return done.error

    @contextlib.contextmanager
    def start(self, argv, request=None, options=(), *, wrap=(), env=None, **more):
        """A run that goes on while the test looks at it from outside."""
        words, path = self.arguments(argv, request, options, wrap)
        more.setdefault("stdin", subprocess.DEVNULL)
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment(env),
                                   **more)
        try:
            yield Running(process, path)
        finally:
            end(process)


def end(process):
    """The second signal, 200 ms after the first, ends the whole tree, also where no init would see the command die."""
    for _ in range(2):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.3)
    if process.poll() is None:
        process.kill()
    process.communicate()


# Given to every probe. attempt() answers "ok" or the name of the errno.
PROBE = """
import ctypes, errno, json, os, socket, stat, sys
libc = ctypes.CDLL(None, use_errno=True)
def attempt(call, *args):
    try:
        call(*args)
    except OSError as e:
        return errno.errorcode[e.errno]
    return "ok"
def system_call(number, *args):
    ctypes.set_errno(0)
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in args]
    value = libc.syscall(ctypes.c_long(number), *words)
    return value if value != -1 else errno.errorcode[ctypes.get_errno()]
def read(path):
    with open(path, "rb") as f:
        return f.read().decode(errors="surrogateescape")
def write(path, text="x"):
    with open(path, "w") as f:
        f.write(text)
def append(path, text="x"):
    with open(path, "a") as f:
        f.write(text)
def status(pid="self"):
    return dict(line.split(":\\t", 1) for line in read(f"/proc/{pid}/status").splitlines() if ":\\t" in line)
def mounts():
    rows = []
    for line in read("/proc/self/mountinfo").splitlines():
        left, right = line.split(" - ")
        words, kind = left.split(), right.split()
        rows.append({"root": words[3], "at": words[4], "options": words[5].split(","), "optional": words[6:],
                     "type": kind[0], "source": kind[1]})
    return rows
"""


class Terminal:
    """A pseudo-terminal. What the programs on its inner end wrote is read until the kernel says that nobody holds that end
    any more (EIO): their own end comes earlier, while words of theirs are still on the way.
    """

    def __init__(self):
        self.outside, self.inside = os.openpty()
        self.text, self.seen = b"", 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.handed_over()
        os.close(self.outside)

    def handed_over(self):
        """The inner end is the programs' alone from here on."""
        if self.inside >= 0:
            os.close(self.inside)
            self.inside = -1

    def read(self):
        """Some more; False at the end."""
        assert select.select([self.outside], [], [], WAIT)[0], f"nothing more came after {self.text!r}"
        try:
            data = os.read(self.outside, 4096)
        except OSError as e:
            assert e.errno == errno.EIO
            return False
        self.text += data
        return True

    def until(self, word):
        """Waits for a word that comes after the last one that was waited for."""
        while word not in self.text[self.seen:]:
            assert self.read(), f"no {word!r} in {self.text!r}"
        self.seen = self.text.index(word, self.seen) + len(word)

    def type(self, line):
        os.write(self.outside, line)

    def rest(self):
        while self.read():
            pass
        return self.text


# A mount namespace of the test's own: unshare makes its mounts private, so that the host sees none of this.
UNSHARE = ["unshare", "--mount"] if AS_ROOT else ["unshare", "--user", "--map-root-user", "--mount"]


def in_user_namespace(request):
    """There the caller is root of a map of one id: only its own id can be mapped."""
    return request if AS_ROOT else {**request, "user": dict(Caller.own_ids)}


def everything(path):
    return sorted((root, sorted(dirs), sorted(files)) for root, dirs, files in os.walk(path))


def contents(path):
    """Names, types, owners, modes and data of a whole tree."""
    found = {}
    for root, dirs, files in os.walk(path):
        for name in (".", *dirs, *files):
            one = pathlib.Path(root, name)
            st = one.lstat()
            data = one.read_bytes() if stat.S_ISREG(st.st_mode) else b""
            found[str(one)] = (st.st_mode, st.st_uid, st.st_gid, data)
    return found


def bind_at(one, path):
    """Gives a socket a path of any length: an address has 108 bytes, and temporary directories may be deeper."""
    directory = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY)
    try:
        one.bind(f"/proc/self/fd/{directory}/{os.path.basename(path)}")
    finally:
        os.close(directory)


def status_of(pid):
    """/proc/PID/status of the host as a dictionary."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def parents():
    """Every process of the host with its parent; those that only wait to be reaped are no longer any."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as stat:
                    state, parent = stat.read().rsplit(b")", 1)[1].split()[:2]
            except (FileNotFoundError, ProcessLookupError):
                continue
            if state != b"Z":
                found[int(name)] = int(parent)
    return found


def descendants(pid):
    """All processes below one, parents before their children."""
    below, table = [pid], parents()
    for one in below:
        below += sorted(child for child, parent in table.items() if parent == one)
    return below[1:]


def wait_gone(pidfds, seconds=WAIT):
    """Waits until every process of these descriptors has ended; closes them. The time is a guard against hanging."""
    poll = select.poll()
    waiting = set(pidfds)
    until = time.monotonic() + seconds
    for fd in waiting:
        poll.register(fd, select.POLLIN)
    while waiting and time.monotonic() < until:
        for fd, _ in poll.poll(100):
            poll.unregister(fd)
            waiting.discard(fd)
    for fd in pidfds:
        os.close(fd)
    return not waiting


def in_time(run, got_there):
    """The outcome of run(deadline in seconds) with a deadline that left the payload the time to get where the test wants it,
    however busy the machine is: a short one first.
    """
    for deadline in (0.3, 3, 30):
        done = run(deadline)
        if got_there(done):
            break
    return done


def settled(condition, seconds=WAIT):
    """Gives what goes on at the same time a moment to get there; what is then asserted is the caller's."""
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.005)


def become_subreaper():
    """What a test leaves running is then found below this process."""
    assert LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def reap_orphans():
    """Zombies that were handed to this process; those of a subprocess.Popen are waited for by it. False: there are no children."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def left_running(seconds=20):
    """Our descendants that do not end by themselves; they are ended."""
    until = time.monotonic() + seconds
    while True:
        left = descendants(os.getpid()) if reap_orphans() else []
        if not left or time.monotonic() > until:
            break
        time.sleep(0.01)
    names = []
    for pid in left:
        with contextlib.suppress(OSError):
            names.append(f"{pid} {pathlib.Path(f'/proc/{pid}/cmdline').read_bytes()!r}")
            os.kill(pid, signal.SIGKILL)
    return names
