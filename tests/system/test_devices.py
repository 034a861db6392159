"""/dev and /proc inside: exactly the minimal devices, each usable; what of proc is hidden or read-only."""

import os

import pytest

from test_root import DEVICES, MASKED, READ_ONLY

LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
         "ptmx": "pts/ptmx"}


@pytest.mark.invariant("S6")
def test_dev_holds_exactly_this(tree):
    seen = tree.probe("""
result = {n: os.readlink("/dev/" + n) if os.path.islink("/dev/" + n) else stat.S_IFMT(os.stat("/dev/" + n).st_mode)
          for n in os.listdir("/dev")}""")
    assert seen == {**{d: 0o020000 for d in DEVICES}, **LINKS, "pts": 0o040000, "shm": 0o040000}


def test_devices_are_the_real_ones(tree):
    numbers = {"null": [1, 3], "zero": [1, 5], "full": [1, 7], "random": [1, 8], "urandom": [1, 9], "tty": [5, 0]}
    assert tree.probe(f"result = {{n: [os.major(os.stat('/dev/' + n).st_rdev), os.minor(os.stat('/dev/' + n).st_rdev)] "
                      f"for n in {DEVICES}}}") == numbers


def test_devices_can_be_used(tree):
    seen = tree.probe("""
def some(path):
    with open(path, "rb", buffering=0) as f:
        return f.read(16)
result = [attempt(append, "/dev/null"), len(some("/dev/null")), some("/dev/zero") == bytes(16), attempt(append, "/dev/full"),
          len(some("/dev/random")), len(some("/dev/urandom")), some("/dev/urandom") != some("/dev/urandom"),
          attempt(append, "/dev/zero"), attempt(some, "/dev/tty")]""")
    assert seen == ["ok", 0, True, "ENOSPC", 16, 16, True, "ok", "ENXIO"]


def test_the_hosts_nodes_are_not_changed(tree):
    """Everybody may write to /dev/null, and so set its times to now: they are the host's."""
    before = os.stat("/dev/null")
    seen = tree.probe("""
result = [attempt(os.utime, "/dev/" + n) for n in ("null", "zero", "full", "random", "urandom", "tty")]
result += [attempt(os.chmod, "/dev/null", 0o600), attempt(os.setxattr, "/dev/null", "user.x", b"y")]""")
    assert set(seen[:7]) == {"EROFS"} and seen[7] in ("EROFS", "EPERM"), seen
    after = os.stat("/dev/null")
    assert (after.st_mtime_ns, after.st_ctime_ns) == (before.st_mtime_ns, before.st_ctime_ns)


def test_dev_is_closed(tree):
    seen = tree.probe("""
result = [attempt(write, "/dev/new"), attempt(os.unlink, "/dev/null"), attempt(os.mkdir, "/dev/d"),
          attempt(os.mknod, "/dev/sda", 0o60666, os.makedev(8, 0)), attempt(os.mknod, "/tmp/sda", 0o60666, os.makedev(8, 0)),
          attempt(os.chmod, "/dev/null", 0o600)]""")
    assert seen[0] == seen[2] == "EROFS" and "ok" not in seen, seen


def test_terminals_of_its_own(tree):
    seen = tree.probe("""
import pty, tty
a, b = pty.openpty()
os.write(a, b"hello\\n")
result = [os.ttyname(b), os.read(b, 100).decode(), sorted(os.listdir("/dev/pts"))]""")
    assert seen == ["/dev/pts/0", "hello\n", ["0", "ptmx"]]


def test_terminals_of_the_host_do_not_show(tree):
    outside, inside = os.openpty()
    try:
        assert tree.sh("ls /dev/pts") == "ptmx\n"
    finally:
        os.close(outside)
        os.close(inside)


def test_many_terminals(tree):
    assert tree.probe("import pty; result = len([pty.openpty() for _ in range(20)])") == 20


@pytest.mark.as_ordinary
def test_standard_streams_by_name(tree):
    done = tree.run(["/bin/sh", "-c", "cat /dev/stdin > /dev/stdout; echo e > /dev/stderr; cat /dev/fd/0"], input=b"in\n")
    assert (done.out, done.err) == (b"in\n", b"e\n")


def test_captured_streams_by_name(tree):
    """Pipes that the library made must be the payload's to open again, also where it is 65534 outside."""
    done = tree.run(["/bin/sh", "-c", "echo o > /dev/stdout; echo e > /dev/stderr"], {"output": "1M"})
    assert (done.out, done.err) == (b"o\n", b"e\n")


def test_private_shared_memory(tree):
    seen = tree.probe("""
import multiprocessing.shared_memory as m
block = m.SharedMemory(create=True, size=1 << 20)
block.buf[:5] = b"hello"
result = [len(os.listdir("/dev/shm")), os.path.exists("/dev/shm/" + block.name.lstrip("/"))]
block.close()
block.unlink()""")
    assert seen[1] is True and seen[0] >= 1


# ---- proc ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [p for p in MASKED if os.path.exists(p)])
@pytest.mark.invariant("S5")
def test_masked(tree, path):
    kind = "d" if os.path.isdir(path) else "f"
    seen = tree.probe(f"""
p = {path!r}
s = os.stat(p)
result = ["d" if stat.S_ISDIR(s.st_mode) else "f", stat.S_IMODE(s.st_mode), attempt(os.listdir if stat.S_ISDIR(s.st_mode) else read, p),
          attempt(os.chmod, p, 0o777), attempt(append, p)]""")
    assert seen[:4] == [kind, 0, "EACCES", "EROFS"] and seen[4] in ("EROFS", "EACCES", "EISDIR"), seen


@pytest.mark.parametrize("path", [p for p in READ_ONLY if os.path.exists(p)])
@pytest.mark.invariant("S2")
def test_read_only(tree, path):
    seen = tree.probe(f"""
found = set()
for root, dirs, files in os.walk({path!r}):
    for f in files[:5]:
        answer = attempt(lambda p: os.close(os.open(p, os.O_WRONLY)), os.path.join(root, f))
        found.add(answer)
    if len(found) > 4 or root.count("/") > 6:
        break
result = sorted(found)""")
    assert "ok" not in seen and set(seen) <= {"EROFS", "EACCES", "EPERM", "EIO", "ENOENT"}, seen


@pytest.mark.parametrize("path", ["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/domainname", "/proc/sys/vm/drop_caches",
                                  "/proc/sys/net/ipv4/ip_forward", "/proc/sys/fs/binfmt_misc/register", "/proc/sysrq-trigger",
                                  "/proc/sys/kernel/modprobe", "/proc/irq/0/smp_affinity"])
@pytest.mark.invariant("S4")
def test_the_ways_out_through_proc(tree, path):
    assert tree.probe(f"result = attempt(append, {path!r}, '')") in ("EROFS", "EACCES", "EPERM", "ENOENT")


def test_the_mask_is_not_a_way_to_store_or_share(tree):
    assert tree.probe("result = [attempt(append, '/proc/keys'), attempt(os.mkdir, '/proc/acpi/x')]")[0] in ("EROFS", "EACCES")


def test_proc_cannot_be_uncovered(tree):
    seen = tree.probe("""
result = [system_call(166, b"/proc/kcore", 2), attempt(os.rename, "/proc/sys", "/proc/x"), attempt(os.rmdir, "/proc/sys")]""")
    assert seen[0] in ("EPERM", "ENOSYS", "ENOENT") and "ok" not in seen


def test_own_entries_of_proc_work(tree):
    seen = tree.probe("""
result = [read("/proc/self/comm").strip(), os.readlink("/proc/self"), os.path.exists("/proc/self/exe"),
          attempt(write, "/proc/self/comm", "renamed"), read("/proc/self/comm").strip(), "MemTotal" in read("/proc/meminfo"),
          "processor" in read("/proc/cpuinfo")]""")
    assert seen == ["python3", "2", True, "ok", "renamed", True, True]
