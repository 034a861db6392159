"""Descriptors of the caller in place of host paths: what they show, that nothing of them is left inside, and what is refused."""

import contextlib
import os
import subprocess

import pytest

from harness import COMMAND, WAIT

SHOWN = "result = [read('/x/data'), sorted(os.listdir('/x')), sorted(int(n) for n in os.listdir('/proc/self/fd'))]"
NONE_LEFT = [0, 1, 2, 3]  # 3 is the listing's own


@contextlib.contextmanager
def opened(path, number, flags=os.O_RDONLY):
    """A descriptor under that number for the command alone: gives what run() needs for it."""
    fd = os.open(path, flags | os.O_CLOEXEC)
    try:
        yield {"close_fds": False, "preexec_fn": lambda: os.dup2(fd, number)}
    finally:
        os.close(fd)


def bind(number, **more):
    return {"paths": {"/x": {"from": number, **more}}}


@pytest.mark.invariant("S8")
@pytest.mark.parametrize("init", [True, False])
@pytest.mark.parametrize("number", [3, 4, 5, 6, 7, 8, 300])
def test_a_directory(box, host, number, init):
    with opened(host, number) as more:
        seen = box.probe(SHOWN, {**bind(number), "init": init}, **more)
    assert seen == ["data of the host\n", sorted(os.listdir(host)), NONE_LEFT]


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_PATH])
def test_a_file(tree, host, flags):
    with opened(host / "data", 9, flags) as more:
        assert tree.sh("cat /x; echo more > /x || echo refused", bind(9), **more).endswith("of the host\nrefused\n")


def test_a_writable_directory(tree, work):
    with opened(work, 9) as more:
        tree.sh("echo inside > /x/new", bind(9, access="rw"), **more)
    assert (work / "new").read_text() == "inside\n"


def test_what_lies_below_it(tree, host):
    """Rules below are resolved below the descriptor's object."""
    request = {"paths": {"/x": {"from": 9}, "/x/data": "deny", "/x/sub": "tmpfs"}}
    with opened(host, 9) as more:
        assert tree.sh("cat /x/data; ls /x/sub; ls /x", request, **more) == "data\netc\nsub\ntool\n"


def test_the_object_and_not_its_old_path(box, host):
    moved = host.with_name("moved")
    fd = os.open(host, os.O_RDONLY)
    try:
        host.rename(moved)
        host.mkdir()
        seen = box.probe(SHOWN, bind(9), close_fds=False, preexec_fn=lambda: os.dup2(fd, 9))
    finally:
        os.close(fd)
    assert seen[0] == "data of the host\n" and "sub" in seen[1]


@pytest.mark.invariant("S8")
def test_also_preserved(box, host):
    """One number for both: the payload has it under the same number, and what it is open on is shown."""
    with opened(host, 9) as more:
        seen = box.probe("result = [os.path.samestat(os.fstat(9), os.stat('/x')), read('/x/data')]",
                         {**bind(9), "preserve_fds": [9]}, **more)
    assert seen == [True, "data of the host\n"]


def refused(box, request, words, **more):
    done = box.run(["/bin/echo", "ran"], request, **more)
    assert done.code == 125 and done.out == b"" and done.err.count(b"\n") == 1, done
    for word in words:
        assert word in done.line, done
    return done


def test_a_closed_one(box):
    refused(box, bind(9), ["descriptor 9 stands in place of a host path in `/paths/~1x`, and it is not open", "at each run"])


def test_what_has_no_path(box):
    inner, outer = os.pipe()
    try:
        done = refused(box, bind(9), ["what `descriptor 9` is open on cannot be shown inside", "still stands at its path"],
                       close_fds=False, preexec_fn=lambda: os.dup2(inner, 9))
    finally:
        os.close(inner)
        os.close(outer)
    assert (done.error["stage"], done.error["field"], done.error["errno_name"]) == ("source", "/paths/~1x", "ENOENT")


def test_what_was_removed(box, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    with opened(gone, 9) as more:
        gone.rmdir()
        refused(box, bind(9), ["what `descriptor 9` is open on cannot be shown inside", "No such file or directory"], **more)


@pytest.mark.as_root
def test_what_something_else_is_mounted_over(box, host):
    script = f'exec 9<{host}; mount -t tmpfs none {host}; exec "$@"'
    refused(box, bind(9), ["what `descriptor 9` is open on cannot be shown inside", "Stale file handle"],
            wrap=["unshare", "--mount", "/bin/sh", "-c", script, "sh"])


def test_a_link(box, tmp_path):
    link = tmp_path / "link"
    link.symlink_to("/etc")
    with opened(link, 9, os.O_PATH | os.O_NOFOLLOW) as more:
        refused(box, bind(9), ["`descriptor 9` on the host is not of a type that can stand there"], **more)


def test_too_many(box):
    request = {"paths": {f"/{i}": {"from": 3 + i} for i in range(513)}}
    refused(box, request, ["513 descriptors are handed over, 512 is the most"])


def test_check_here_and_explain(vfork_box, host):
    request = str(vfork_box.write(bind(9)))
    with opened(host, 9) as more:
        command(["check", "--here", request], 0, "1 ", **more)
        command(["explain", request], 0, "bind /x (from `descriptor 9`, ro", **more)
        assert '"descriptor":9' in command(["explain", "--emit", "json", request], 0, "", **more).replace(" ", "")
    command(["check", "--here", request], 125, "this descriptor is not open")


def command(words, code, said, **more):
    done = subprocess.run([COMMAND, *words], capture_output=True, text=True, timeout=WAIT, **more)
    assert done.returncode == code and said in done.stdout + done.stderr, done
    return done.stdout
