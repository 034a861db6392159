"""Fixtures of the system tests, and the watch over the host: after every test its name, its mounts, its processes and the
files of the test's own directories are what they were before.
"""

import collections
import contextlib
import ctypes
import itertools
import os
import pathlib
import shutil
import socket
import tempfile

import pytest

import callers
import ground
import harness

CLONE_NEWNS, MS_REC, MS_PRIVATE, MS_SHARED = 0x20000, 1 << 14, 1 << 18, 1 << 20

os.environ["STYRO_BUILD"] = str(harness.BUILD)


def pytest_collection_modifyitems(items):
    if not harness.COMMAND.exists():
        for item in items:
            item.add_marker(pytest.mark.skip(reason="no styrolite in $STYRO_BUILD"))


def pytest_configure(config):
    config.addinivalue_line("markers", "as_root: speaks to root callers only")
    config.addinivalue_line("markers", "as_ordinary: speaks to ordinary callers only")
    config.addinivalue_line("markers", "kernel: depends on the kernel; ./dev test runs it on Linux 6.1 as well")
    config.addinivalue_line("markers", "invariant(name): holds an invariant of SECURITY.md, by its number there")


def pytest_runtest_setup(item):
    if item.get_closest_marker("as_root") and not harness.AS_ROOT:
        pytest.skip("speaks to root callers")
    if item.get_closest_marker("as_ordinary") and harness.AS_ROOT:
        pytest.skip("speaks to ordinary callers")


def pytest_terminal_summary(terminalreporter):
    """Says why what was skipped was skipped, and how often."""
    reasons = collections.Counter()
    for report in terminalreporter.stats.get("skipped", []):
        reasons[report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)] += 1
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"skipped {count} times: {reason}")


# ---- the watch over the host ---------------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def subreaper():
    harness.become_subreaper()


@pytest.fixture(scope="session", autouse=True)
def own_mounts(subreaper):
    """Root's tests have a mount namespace of their own: what others on this machine mount does not show in it, and what a
    sandbox would let out does, since everything is shared among those who live here.
    """
    if harness.AS_ROOT and harness.LIBC.unshare(CLONE_NEWNS) == 0:
        for propagation in (MS_PRIVATE, MS_SHARED):
            assert harness.LIBC.mount(None, b"/", None, ctypes.c_ulong(MS_REC | propagation), None) == 0


@pytest.fixture(scope="session")
def places(tmp_path_factory, own_mounts):
    """Where the tests' own directories are; what lies with all temporary files is pytest's to take away."""
    with contextlib.ExitStack() as stack:
        yield ground.new_directory(stack, "places-", beside=tmp_path_factory.getbasetemp(), keep=True)


@pytest.fixture
def shown_places(places):
    """For requests that show the caller's own directories to a program by what is above them, as those of `convert` do."""
    if places.is_relative_to("/dev/shm"):
        pytest.skip("the temporary directory lies on an overlay, the tests' directories in /dev/shm, of which each sandbox has its own")


@pytest.fixture(scope="session")
def make_place(places):
    """A new empty directory at each call. pytest's own way reads the names of all that were made before."""
    numbers = itertools.count()

    def make():
        place = places / str(next(numbers))
        place.mkdir(0o700)
        return place

    return make


@pytest.fixture
def tmp_path(make_place):
    return make_place()


def listing(directory):
    return sorted(os.listdir(directory))


def host_state():
    return {
        "host name": socket.gethostname(),
        "mounts": pathlib.Path("/proc/thread-self/mountinfo").read_text(),
        "umask": oct(umask()),
        **{directory: listing(directory) for directory in ("/", "/etc", "/usr", "/home")},
    }


def umask():
    now = os.umask(0o22)
    os.umask(now)
    return now


@pytest.fixture(autouse=True)
def host_unchanged(make_place, monkeypatch):
    """Each test stands in an empty directory and has another for temporary files; both must be empty in the end."""
    standing, temporary = make_place(), make_place()
    before = host_state()
    monkeypatch.chdir(standing)
    monkeypatch.setenv("PWD", str(standing))
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield
    left = harness.left_running()
    after = host_state()
    assert not left, f"left running: {left}"
    for name, value in before.items():
        assert after[name] == value, f"{name} of the host changed"
    assert listing(standing) == [] and listing(temporary) == [], "files were left"


# ---- callers, modes, places ----------------------------------------------------------------------------------------


@pytest.fixture
def caller():
    return harness.Caller


@pytest.fixture(params=["vfork", "helper"])
def mode(request):
    """Both ways to make the first process."""
    return request.param


@pytest.fixture
def box(mode, tmp_path):
    """The command in one spawn mode; request and outcome files go to a directory of its own."""
    directory = tmp_path / "box"
    directory.mkdir()
    return harness.Sandbox(directory, mode)


@pytest.fixture
def vfork_box(tmp_path):
    """For what does not depend on how the first process is made."""
    directory = tmp_path / "box"
    directory.mkdir()
    return harness.Sandbox(directory)


ORDERS = {"running-kernel": "", "linux-6.1": "6.1"} if harness.LINUX >= (6, 15) else {"running-kernel": ""}


@pytest.fixture(params=ORDERS.values(), ids=ORDERS)
def tree(request, box):
    """A box on each order of building the mount tree that this kernel knows: attached to detached trees, which needs Linux
    6.15, or in place.
    """
    box.kernel = request.param
    return box


@pytest.fixture
def work(tmp_path):
    """A directory of the host that the payload of any caller can write."""
    path = tmp_path / "work"
    path.mkdir(mode=0o755)
    give_away(path)
    return path


@pytest.fixture
def host(tmp_path):
    """A directory of the host that the payload can read: data, tool (executable), sub/inner, and a link to /etc."""
    path = tmp_path / "host"
    (path / "sub").mkdir(parents=True)
    (path / "data").write_text("data of the host\n")
    (path / "sub" / "inner").write_text("inner of the host\n")
    (path / "tool").write_text("#!/bin/sh\necho tool ran\n")
    (path / "tool").chmod(0o755)
    (path / "etc").symlink_to("/etc")
    for one in (path, path / "sub"):
        one.chmod(0o755)
    return path


def give_away(path):
    """To the id that the payload has outside."""
    if harness.AS_ROOT:
        os.chown(path, harness.NOBODY, harness.NOBODY, follow_symlinks=False)


@pytest.fixture
def given():
    return give_away


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """Compiles C sources, each once: compiled(text, *options) gives the program's path."""
    directory, made = tmp_path_factory.mktemp("programs"), {}

    def compile_one(text, *options, compiler="gcc"):
        key = (text, options, compiler)
        if key not in made:
            source = directory / f"p{len(made)}.c"
            program = source.with_suffix("")
            source.write_text(text)
            harness.subprocess.run([compiler, "-O1", "-o", program, source, *options], check=True, timeout=harness.WAIT)
            program.chmod(0o755)
            made[key] = program
        return made[key]

    return compile_one



@pytest.fixture(scope="session")
def own_helper(tmp_path_factory):
    """Environment that names a helper of the caller's own, for who cannot use root's."""
    directory = tmp_path_factory.mktemp("helper")
    shutil.copy(harness.HELPER, directory / "styrolite-helper")
    directory.chmod(0o755)
    return {"STYROLITE_HELPER": str(directory / "styrolite-helper")}


# ---- roots of the test's own ----------------------------------------------------------------------------------------


@pytest.fixture
def rootfs(tmp_path):
    """The smallest root in which something runs: busybox and the places for dev, proc and tmp."""
    path = tmp_path / "rootfs"
    for name in ("bin", "dev", "proc", "tmp", "home", "etc", "data"):
        (path / name).mkdir(parents=True)
    if not os.path.exists("/bin/busybox"):
        pytest.skip("busybox is not installed")
    (path / "bin" / "busybox").write_bytes(open("/bin/busybox", "rb").read())
    (path / "bin" / "busybox").chmod(0o755)
    for name in ("sh", "ls", "cat", "touch", "mkdir", "stat", "id", "rm", "chmod", "echo"):
        (path / "bin" / name).symlink_to("busybox")
    (path / "data" / "file").write_text("of the tree\n")
    (path / "etc" / "passwd").write_text("tree:x:1000:1000::/:/bin/sh\n")
    return path


@pytest.fixture
def own_tree(rootfs, given):
    """A root whose every part the payload owns, with a directory to be replaced."""
    (rootfs / "gone").mkdir()
    (rootfs / "gone" / "old").write_text("")
    for root, dirs, files in os.walk(rootfs):
        for path in (root, *(os.path.join(root, name) for name in dirs + files)):
            given(path)
    return rootfs


@pytest.fixture
def upper(tmp_path, given):
    """Upper and work, beside each other and the payload's own."""
    for name in ("upper", "work"):
        (tmp_path / "changes" / name).mkdir(parents=True)
        given(tmp_path / "changes" / name)
    return {"upper": str(tmp_path / "changes" / "upper"), "work": str(tmp_path / "changes" / "work")}


@pytest.fixture
def layer(tmp_path, given):
    """layer(name, {path: text}) makes one, of the payload's."""
    def make(name, files):
        top = tmp_path / "layers" / name
        for path, text in files.items():
            (top / path).parent.mkdir(parents=True, exist_ok=True)
            (top / path).write_text(text)
        top.mkdir(parents=True, exist_ok=True)
        for root, dirs, names in os.walk(top):
            for one in (root, *(os.path.join(root, n) for n in names)):
                given(one)
        return top

    return make


@pytest.fixture
def below_mounts(own_helper):
    """A wrap that mounts first. Below an ordinary caller's user namespace root's files belong to nobody: the helper too."""
    def wrap(script):
        return {"wrap": [*harness.UNSHARE, "/bin/sh", "-e", "-c", script + '\nexec "$@"', "sh"], "env": own_helper}

    return wrap


@pytest.fixture
def root_box(mode):
    """Root, with subordinate ids and without groups of its own; `who` may take rights from it."""
    yield from callers.make(mode)


@pytest.fixture
def alice(root_box):
    """An ordinary user with subordinate ids and the groups 4 and 24. Her maps are written in helper mode, whatever is asked."""
    for tool in ("newuidmap", "newgidmap"):
        if not shutil.which(tool):
            pytest.skip(f"there is no {tool}: install the package uidmap")
    root_box.who = callers.as_user(4, 24)
    yield root_box
