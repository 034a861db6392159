"""`mounts`: every operation of the ordered list, its flags read back from mountinfo inside, and that nothing is ever made on
the host. Hostile places and what the list means for `paths`: test_mounts_places.py.
"""

import base64
import hashlib
import json
import os
import random
import stat
import subprocess

import pytest

from harness import AS_ROOT, COMMAND, Caller, in_user_namespace


def mount(kind, at, **more):
    return {"type": kind, "at": at, **{k.rstrip("_"): str(v) if hasattr(v, "__fspath__") else v for k, v in more.items()}}


def mounts(*entries, **fields):
    return {"mounts": list(entries), **fields}


ROW = """
def row(at):
    return [m for m in mounts() if m["at"] == at][-1]
def flags(at):
    return sorted(set(row(at)["options"]) - {"relatime"})
"""


def probe(box, code, request, **more):
    return box.probe(ROW + code, request, **more)


SAFE = ["nodev", "nosuid"]


# ---- bind --------------------------------------------------------------------------------------------------------------


@pytest.mark.invariant("S2")
def test_bind_ro(tree, work, given):
    (work / "own").write_text("x")
    given(work / "own")
    seen = probe(tree, """
result = [flags("/b"), read("/b/own"), attempt(append, "/b/own"), attempt(write, "/b/new"), attempt(os.unlink, "/b/own")]""",
                 mounts(mount("bind", "/b", from_=work)))
    assert seen == [sorted(["ro", *SAFE]), "x"] + ["EROFS"] * 3
    assert os.listdir(work) == ["own"]


def test_bind_rw(tree, work):
    seen = probe(tree, 'write("/b/made", "made"); result = flags("/b")', mounts(mount("bind", "/b", from_=work, access="rw")))
    assert seen == sorted(["rw", *SAFE]) and (work / "made").read_text() == "made"
    assert (work / "made").stat().st_uid == Caller.outside_uid


def test_bind_of_a_file(tree, host):
    seen = probe(tree, 'result = [read("/deep/er/f"), flags("/deep/er/f"), stat.S_ISREG(os.stat("/deep/er/f").st_mode)]',
                 mounts(mount("bind", "/deep/er/f", from_=host / "data", noexec=True)))
    assert seen == ["data of the host\n", sorted(["ro", "noexec", *SAFE]), True]


@pytest.mark.invariant("S6")
def test_devices_can_be_used_where_they_were_asked_for(tree):
    """A device as a plain bind is refused; with `dev` it works, and only there."""
    seen = probe(tree, """
result = [flags("/dev/mine"), os.read(os.open("/dev/mine", os.O_RDONLY), 4) == bytes(4), "nodev" in flags("/d"),
          os.stat("/d/zero").st_rdev == os.stat("/dev/mine").st_rdev, attempt(os.open, "/ro/zero", os.O_RDONLY)]""",
                 mounts(mount("bind", "/dev/mine", from_="/dev/zero", access="dev"),
                        mount("bind", "/d", from_="/dev", access="dev"), mount("bind", "/ro", from_="/dev")))
    assert seen == [["nosuid", "rw"], True, False, True, "EACCES"]
    error = tree.fails(["true"], mounts(mount("bind", "/x", from_="/dev/zero", access="rw")))
    assert (error["field"], error["stage"], error["object"]) == ("/mounts/0/from", "mount", "/dev/zero"), error
    assert "not of a type" in error["message"] and "`dev`" in error["hint"]


def scratch(script):
    """The command in a mount namespace of its own, in which the script was run first."""
    return ["unshare", "-m", "--propagation", "private", "/bin/sh", "-ec", script + '; exec "$@"', "sh"]


@pytest.fixture
def nested(tmp_path):
    """A directory, and the script that mounts a tmpfs with a file in it below."""
    path = tmp_path / "nested"
    (path / "sub").mkdir(parents=True)
    path.chmod(0o755)
    return path, f"mount -t tmpfs none {path}/sub; echo below > {path}/sub/file; chmod 755 {path}/sub"


@pytest.mark.as_root
@pytest.mark.invariant("S2")
def test_recursive_or_not(tree, nested):
    path, script = nested
    look = 'result = [os.listdir("/b/sub"), attempt(write, "/b/sub/new"), [flags(m["at"]) for m in mounts() if m["at"].startswith("/b")]]'
    seen = probe(tree, look, mounts(mount("bind", "/b", from_=path)), wrap=scratch(script))
    assert seen == [["file"], "EROFS", [sorted(["ro", *SAFE])] * 2]
    # Only who is the host's own root may look below a mount.
    request = mounts(mount("bind", "/b", from_=path, recursive=False))
    error = tree.fails(["true"], request, wrap=scratch(script))
    assert (error["field"], error["errno_name"]) == ("/mounts/0/from", "EINVAL") and "leave `recursive` out" in error["hint"]
    seen = probe(tree, look, {**request, "namespaces": {"user": "host"}}, wrap=scratch(script))
    assert seen == [[], "EROFS", [sorted(["ro", *SAFE])]]


def test_not_recursive_where_there_is_nothing_below(tree, host):
    assert tree.sh("cat /b/data", mounts(mount("bind", "/b", from_=host, recursive=False))) == "data of the host\n"


def test_optional(tree, tmp_path, host):
    request = mounts(mount("bind", "/a", from_=tmp_path / "none", optional=True, access="rw"),
                     mount("bind", "/b", from_=host, optional=True), mount("remount", "/a", access="ro"))
    assert tree.sh("ls -d /a /b 2>/dev/null; true", request) == "/b\n"


def test_optional_where_something_else_stands(tree, tmp_path, host):
    """What is there instead of it was never asked for as writable."""
    request = mounts(mount("bind", "/a", from_=host), mount("bind", "/a/sub", from_=tmp_path / "none", optional=True, access="rw"),
                     mount("bind", "/a", from_=tmp_path / "none", optional=True, access="rw"))
    assert tree.sh("cat /a/sub/inner; touch /a/sub/new 2>&1 | grep -o Read-only", request) == "inner of the host\nRead-only\n"


@pytest.mark.parametrize("access", ["ro", "rw"])
def test_a_source_that_is_missing(tree, tmp_path, access):
    error = tree.fails(["true"], mounts(mount("tmpfs", "/t"), mount("bind", "/a", from_=tmp_path / "none", access=access)))
    assert (error["stage"], error["field"], error["object"], error["errno_name"]) == (
        "source", "/mounts/1/from", str(tmp_path / "none"), "ENOENT")
    assert not (tmp_path / "none").exists()


def test_rw_that_the_payload_cannot_write(tree, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    error = tree.fails(["true"], mounts(mount("bind", "/a", from_=closed, access="rw")))
    assert (error["stage"], error["field"], error["object"]) == ("access", "/mounts/0", "/a"), error


def test_a_descriptor_in_place_of_a_path(tree, host):
    fd = os.open(host, os.O_PATH | os.O_DIRECTORY)
    try:
        assert tree.sh("cat /b/data", mounts(mount("bind", "/b", from_=fd)), pass_fds=[fd]) == "data of the host\n"
    finally:
        os.close(fd)
    error = tree.run(["true"], mounts(mount("bind", "/b", from_=654)))
    assert error.code == 125 and "descriptor 654" in error.line and "/mounts/0" in error.line, error


def test_access_times(tree, work):
    """Of the host's mounts only the host's own root may change them."""
    seen = probe(tree, 'result = flags("/t")', mounts(mount("tmpfs", "/t", noatime=True)))
    assert seen == sorted(["noatime", "rw", *SAFE])
    request = mounts(mount("bind", "/b", from_=work, noatime=True))
    error = tree.fails(["true"], request)
    assert error["field"] == "/mounts/0" and "access times" in error["hint"], error
    if AS_ROOT:
        assert "noatime" in probe(tree, 'result = flags("/b")', {**request, "namespaces": {"user": "host"}})


# ---- new file systems --------------------------------------------------------------------------------------------------


def test_tmpfs(tree):
    seen = probe(tree, """
s, v = os.stat("/t"), os.statvfs("/t")
def fill():
    for i in range(20):
        write(f"/t/{i}", "")
result = [flags("/t"), stat.S_IMODE(s.st_mode), s.st_uid, v.f_blocks * v.f_frsize, v.f_files, attempt(fill),
          [os.statvfs("/d").f_blocks * os.statvfs("/d").f_frsize, stat.S_IMODE(os.stat("/d").st_mode)]]""",
                 mounts(mount("tmpfs", "/t", size="2M", inodes=10, mode="1770", noexec=True), mount("tmpfs", "/d")))
    assert seen == [sorted(["noexec", "rw", *SAFE]), 0o1770, 1000, 2 << 20, 10, "ENOSPC", [256 << 20, 0o755]]


def test_a_tmpfs_that_nothing_runs_on(tree):
    script = "printf '#!/bin/sh\\necho ran\\n' > /t/x; chmod 755 /t/x; /t/x"
    assert tree.sh(script, mounts(mount("tmpfs", "/t"))) == "ran\n"
    assert tree.run(["/bin/sh", "-c", script], mounts(mount("tmpfs", "/t", noexec=True))).code == 126


KERNEL_OWN = sorted(["noexec", "nodev", "nosuid"])


@pytest.mark.kernel
@pytest.mark.invariant("S2")
@pytest.mark.invariant("S5")
@pytest.mark.invariant("S7")
def test_another_proc_hides_what_the_first_one_hides(tree):
    seen = probe(tree, """
masked = lambda root: sorted(m["at"][len(root):] for m in mounts() if m["at"].startswith(root + "/"))
result = [masked("/proc") == masked("/var/p"), len(masked("/var/p")) > 5, row("/var/p")["type"], flags("/var/p"),
          flags("/var/p/sys"), attempt(write, "/var/p/sys/kernel/hostname"), attempt(write, "/var/p/sys/vm/swappiness"),
          attempt(read, "/var/p/keys"), attempt(os.listdir, "/var/p/acpi"),
          sorted(int(p) for p in os.listdir("/var/p") if p.isdigit()) == sorted(int(p) for p in os.listdir("/proc") if p.isdigit()),
          os.readlink("/var/p/self") == str(os.getpid())]""", mounts(mount("proc", "/var/p")))
    keys = "EACCES" if os.path.exists("/proc/keys") else "ENOENT"
    acpi = "EACCES" if os.path.exists("/proc/acpi") else "ENOENT"
    assert seen == [True, True, "proc", sorted(["rw", *KERNEL_OWN]), sorted(["ro", *KERNEL_OWN]), "EROFS", "EROFS", keys, acpi,
                    True, True]


@pytest.mark.parametrize("at", ["/proc", "/p"])
@pytest.mark.parametrize("word", ["noaccess", "invisible", "ptraceable"])
def test_hidepid(tree, at, word):
    options = '[o for line in read("/proc/self/mountinfo").splitlines() if line.split()[4] == AT for o in line.split(" - ")[1].split()[2].split(",")]'
    seen = probe(tree, f'AT = "{at}"; result = [{options}, attempt(os.listdir, AT + "/1"), attempt(os.listdir, AT + "/self")]',
                 mounts(mount("proc", at, hidepid=word)))
    assert f"hidepid={word}" in seen[0] and seen[2] == "ok", seen
    # Process 1 is not dumpable, so it is nobody's to trace.
    assert seen[1] == {"noaccess": "EPERM", "invisible": "ENOENT", "ptraceable": "ENOENT"}[word]


@pytest.mark.invariant("S16")
@pytest.mark.parametrize("at", ["/proc", "/p"])
def test_subset_pid(tree, at):
    """Nothing but processes; the limit on nested user namespaces holds all the same."""
    seen = probe(tree, f"""
at = "{at}"
result = [os.path.exists(at + "/sys"), os.path.exists(at + "/meminfo"), os.path.exists(at + "/self/status"),
          [m["at"] for m in mounts() if m["at"].startswith(at + "/")], attempt(os.unshare, 0x10000000)
          if hasattr(os, "unshare") else "EPERM"]""", mounts(mount("proc", at, subset="pid")))
    assert seen[:4] == [False, False, True, []] and seen[4] in ("EPERM", "ENOSPC")


@pytest.mark.invariant("S2")
@pytest.mark.parametrize("network", ["none", "host"])
def test_sysfs(tree, network):
    """A new one of the sandbox's own network, or the host's with all below it: never writable, and the same is hidden."""
    seen = probe(tree, """
below = [m for m in mounts() if m["at"].startswith("/s/")]
result = [row("/s")["type"], flags("/s"), all("ro" in m["options"] for m in below), sorted(os.listdir("/s/class/net")),
          attempt(write, "/s/kernel/profiling"), attempt(os.listdir, "/s/firmware"), attempt(os.listdir, "/s/kernel/debug"),
          attempt(os.mkdir, "/s/fs/cgroup/x")]""", mounts(mount("sysfs", "/s"), network=network))
    assert seen[:3] == ["sysfs", sorted(["ro", *KERNEL_OWN]), True]
    assert seen[3] == (["lo"] if network == "none" else sorted(os.listdir("/sys/class/net")))
    assert seen[4] in ("EROFS", "EACCES", "ENOENT") and set(seen[5:7]) <= {"EACCES", "ENOENT"}
    assert seen[7] in ("EROFS", "ENOENT", "EACCES")


@pytest.mark.kernel
def test_devpts(tree):
    seen = probe(tree, """
fd = os.open("/pts/ptmx", os.O_RDWR | os.O_NOCTTY)
name = sorted(n for n in os.listdir("/pts") if n != "ptmx")
s = os.stat("/pts/" + name[0])
result = [row("/pts")["type"], flags("/pts"), name, stat.S_IMODE(s.st_mode), s.st_gid, stat.S_IMODE(os.stat("/pts/ptmx").st_mode),
          os.listdir("/dev/pts")]""", mounts(mount("devpts", "/pts", mode="0600", gid=1000, ptmxmode="0660")))
    assert seen == ["devpts", ["noexec", "nosuid", "rw"], ["0"], 0o600, 1000, 0o660, ["ptmx"]]


@pytest.mark.invariant("S21")
def test_mqueue(tree):
    """At its usual place, which the minimal /dev does not have by itself, and which nobody can add to."""
    seen = probe(tree, """
write("/dev/mqueue/q", "")
result = [row("/dev/mqueue")["type"], flags("/dev/mqueue"), os.listdir("/dev/mqueue"), flags("/dev"), attempt(write, "/dev/x"),
          attempt(os.utime, "/dev/null")]""", mounts(mount("mqueue", "/dev/mqueue")))
    assert seen == ["mqueue", sorted(["rw", *KERNEL_OWN]), ["q"], sorted(["ro", *KERNEL_OWN]), "EROFS", "EROFS"]


@pytest.mark.invariant("S6")
def test_dev(tree):
    seen = probe(tree, """
result = [sorted(os.listdir("/jail/dev")), sorted(os.listdir("/dev")), flags("/jail/dev"), flags("/jail/dev/null"),
          attempt(write, "/jail/dev/null"), os.read(os.open("/jail/dev/zero", os.O_RDONLY), 2) == bytes(2),
          attempt(write, "/jail/dev/x"), attempt(os.utime, "/jail/dev/full"), attempt(write, "/jail/dev/shm/x"), flags("/jail/dev/sub")]""",
                 mounts(mount("dev", "/jail/dev"), mount("tmpfs", "/jail/dev/sub")))
    assert seen[0] == sorted([*seen[1], "sub"])
    assert seen[2:] == [sorted(["ro", *KERNEL_OWN]), ["noexec", "nosuid", "ro"], "ok", True, "EROFS", "EROFS", "ok",
                        sorted(["rw", *SAFE])]


def test_dev_seven_times(tree):
    entries = [mount("dev", f"/d{i}") for i in range(7)]
    assert tree.sh("for i in 0 1 2 3 4 5 6; do echo x > /d$i/null; ls /d$i/tty; done", mounts(*entries)).count("tty") == 7


@pytest.mark.kernel
@pytest.mark.invariant("S19")
def test_cgroup(tree):
    seen = probe(tree, """
result = [row("/cg")["type"], row("/cg")["root"], flags("/cg"), "cgroup.procs" in os.listdir("/cg"), attempt(os.mkdir, "/cg/x"),
          attempt(write, "/cg/cgroup.procs", "0"), flags("/rw"), attempt(os.mkdir, "/rw/x")]""",
                 mounts(mount("cgroup", "/cg"), mount("cgroup", "/rw", access="rw")))
    assert seen[0] == "cgroup2" and seen[2:6] == [sorted(["ro", *KERNEL_OWN]), True, "EROFS", "EROFS"]
    # Writable or not: the group is not the payload's.
    assert seen[6] == sorted(["rw", *KERNEL_OWN]) and seen[7] in ("EACCES", "EPERM")


# ---- what is made ------------------------------------------------------------------------------------------------------


@pytest.mark.kernel
def test_symlink_dir_and_file(tree):
    seen = probe(tree, """
kind = lambda p: stat.filemode(os.lstat(p).st_mode)
result = [os.readlink("/l"), kind("/l"), kind("/d"), kind("/d/e/f"), kind("/t/f"), read("/t/f"), read("/t/empty"), kind("/t/empty"),
          kind("/t/x/y"), os.stat("/t/f").st_uid, attempt(write, "/d/new"), attempt(write, "/t/new")]""",
                 mounts(mount("symlink", "/l", target="no/such:thing, really\\"), mount("dir", "/d", mode="1711"), mount("dir", "/d/e/f"),
                        mount("tmpfs", "/t"), mount("file", "/t/f", data="text\nof\u00e9 two\n", mode="0600"),
                        mount("file", "/t/empty"), mount("dir", "/t/x/y", mode="700")))
    assert seen == ["no/such:thing, really\\", "lrwxrwxrwx", "drwx--x--t", "drwxr-xr-x", "-rw-------", "text\nof\u00e9 two\n", "",
                    "-rw-r--r--", "drwx------", 1000, "EROFS", "ok"]


@pytest.mark.parametrize("at", ["/big", "/t/big"])
def test_a_file_of_one_mebibyte(tree, at):
    data = "0123456789abcde\n" * 65536
    assert len(data) == 1 << 20
    out = tree.sh(f"md5sum < {at}; wc -c < {at}", mounts(mount("tmpfs", "/t"), mount("file", at, data=data)))
    assert out.split()[0] == hashlib.md5(data.encode()).hexdigest() and out.split()[2] == str(1 << 20)


@pytest.mark.kernel
def test_a_file_of_any_bytes(tree):
    every = bytes(range(256))
    entries = [mount("file", f"/f/{n}", data_base64=base64.b64encode(every[:n]).decode(), mode="0600") for n in (0, 1, 2, 3, 256)]
    seen = probe(tree, """
import base64
result = [[base64.b64encode(open(f"/f/{n}", "rb").read()).decode(), stat.filemode(os.stat(f"/f/{n}").st_mode)] for n in (0, 1, 2, 3, 256)]""", mounts(*entries))
    assert seen == [[entry["data_base64"], "-rw-------"] for entry in entries]


@pytest.mark.parametrize("at", ["/big", "/t/big"])
@pytest.mark.parametrize("size", [65537, (2 << 20) - 1])
def test_a_large_file_of_any_bytes(tree, at, size):
    data = random.Random(size).randbytes(size)
    out = tree.sh(f"md5sum < {at}; wc -c < {at}", mounts(mount("tmpfs", "/t"), mount("file", at, data_base64=base64.b64encode(data).decode())))
    assert out.split()[0] == hashlib.md5(data).hexdigest() and out.split()[2] == str(size)


def test_a_file_over_one_of_the_base(tree):
    """What the list puts at a place of the base stands there instead."""
    request = mounts(mount("file", "/etc/passwd", data="me:x:1000:1000::/:/bin/sh\n"), mount("symlink", "/bin", target="/usr/bin"),
                     mount("tmpfs", "/tmp", size="64K"))
    seen = probe(tree, 'import pwd; result = [pwd.getpwuid(1000).pw_name, os.readlink("/bin"), os.statvfs("/tmp").f_blocks * 4096, '
                       'len([m for m in mounts() if m["at"] == "/tmp"])]', request)
    assert seen == ["me", "/usr/bin", 65536, 1]


@pytest.mark.parametrize("entry", [mount("file", "/l/x", data="b"), mount("symlink", "/l/x", target="b")], ids=["file", "symlink"])
def test_nothing_is_made_twice(tree, entry):
    """Where a link leads is known when it is followed; two entries of one name are refused before."""
    error = tree.fails(["true"], mounts(mount("tmpfs", "/t"), mount("symlink", "/l", target="t"), mount("file", "/t/x", data="a"), entry))
    assert (error["stage"], error["field"], error["errno_name"]) == ("mount", "/mounts/3", "EEXIST") and "stands there" in error["hint"]


# ---- changes -----------------------------------------------------------------------------------------------------------


@pytest.mark.kernel
@pytest.mark.invariant("S2")
def test_remount(tree, work):
    """At the end, whatever stands in between: places are made before, and nothing can be written after."""
    seen = probe(tree, """
result = [flags("/t"), read("/t/f"), attempt(write, "/t/new"), flags("/t/inner"), flags("/b"), attempt(write, "/b/new"),
          flags("/rw"), attempt(write, "/rw/made")]""",
                 mounts(mount("tmpfs", "/t"), mount("bind", "/b", from_=work, access="rw"), mount("bind", "/rw", from_=work),
                        mount("remount", "/t", access="ro", noexec=True, noatime=True, recursive=False),
                        mount("remount", "/b", access="ro"), mount("remount", "/rw", access="rw"),
                        mount("file", "/t/f", data="made later"), mount("tmpfs", "/t/inner")))
    assert seen == [sorted(["noatime", "noexec", "ro", *SAFE]), "made later", "EROFS", sorted(["rw", *SAFE]),
                    sorted(["ro", *SAFE]), "EROFS", sorted(["rw", *SAFE]), "ok"]
    assert os.listdir(work) == ["made"]


@pytest.mark.as_root
@pytest.mark.invariant("S2")
def test_a_remount_goes_as_deep_as_the_bind(tree, nested):
    path, script = nested
    seen = probe(tree, 'result = [flags(m["at"]) for m in mounts() if m["at"].startswith("/b")]',
                 mounts(mount("bind", "/b", from_=path, access="rw"), mount("remount", "/b", access="ro")),
                 wrap=scratch(script + f"; chown -R 65534:65534 {path}"))
    assert seen == [sorted(["ro", *SAFE])] * 2


@pytest.mark.invariant("S2")
def test_a_remount_changes_its_own_mount_and_no_other(tree, work):
    """A rule of `paths`, or a later entry, over the place stays what it is."""
    seen = probe(tree, 'result = [flags("/a"), attempt(write, "/a/x"), flags("/b"), attempt(write, "/b/x")]',
                 mounts(mount("bind", "/a", from_=work), mount("remount", "/a", access="rw"),
                        mount("bind", "/b", from_=work), mount("remount", "/b", access="rw"), mount("bind", "/b", from_=work),
                        paths={"/a": {"from": str(work), "access": "ro"}}))
    assert seen == [sorted(["ro", *SAFE]), "EROFS"] * 2
    assert os.listdir(work) == []


@pytest.mark.as_root
def test_what_the_host_forbids_stays_forbidden(tree, tmp_path):
    tmp_path.chmod(0o755)
    error = tree.fails(["true"], mounts(mount("bind", "/a", from_=tmp_path), mount("remount", "/a", noexec=False)),
                       wrap=scratch(f"mount --bind {tmp_path} {tmp_path}; mount -o remount,bind,noexec {tmp_path}"))
    assert (error["field"], error["errno_name"]) == ("/mounts/1", "EPERM") and "forbidden" in error["hint"], error


@pytest.mark.parametrize("kind, expected", [("private", []), ("shared", ["shared"]), ("unbindable", ["unbindable"])])
def test_propagation(tree, host, kind, expected):
    seen = probe(tree, 'result = [[o.split(":")[0] for o in row(at)["optional"]] for at in ("/b", "/t", "/c")]',
                 mounts(mount("bind", "/b", from_=host), mount("tmpfs", "/t"), mount("bind", "/c", from_=host),
                        mount("propagation", "/b", propagation=kind), mount("propagation", "/t", propagation=kind)))
    assert seen == [expected, expected, []]


def test_propagation_of_the_whole_tree(tree):
    seen = probe(tree, 'result = [all(m["optional"] and m["optional"][0].startswith("shared:") for m in mounts())]',
                 mounts(mount("propagation", "/", propagation="shared")))
    assert seen == [True]
    seen = probe(tree, 'result = [[o.split(":")[0] for o in row("/")["optional"]], row("/usr")["optional"]]',
                 mounts(mount("propagation", "/", propagation="shared", recursive=False)))
    assert seen == [["shared"], []]


SHARED = ["unshare", "-m", "--propagation", "private", "/bin/sh", "-ec"]


@pytest.mark.as_root
@pytest.mark.parametrize("user", ["new", "host"])
def test_slave(tree, tmp_path, user):
    """What the host mounts below it appears inside; nothing that is mounted inside, or for the inside, appears outside."""
    place = tmp_path / "shared"
    (place / "later").mkdir(parents=True)
    place.chmod(0o755)
    script = f"""mount --bind {place} {place}; mount --make-shared {place}; exec 3<> {tmp_path}/ready 4<> {tmp_path}/go
( set +e; "$@" 3>&- 4>&-; code=$?; echo ended >&3; exit $code ) & child=$!
read word <&3; mount -t tmpfs none {place}/later; echo seen > {place}/later/file; chmod 755 {place}/later; echo go >&4
wait $child"""
    for name in ("ready", "go"):
        os.mkfifo(tmp_path / name)
        (tmp_path / name).chmod(0o666)
    tmp_path.chmod(0o755)
    inside = """
optional = [o.split(":")[0] for o in row("/b")["optional"]]
before = os.listdir("/b/later")
write("/ready", "x\\n"); open("/sync/go").readline()
result = [optional, before, os.listdir("/b/later"), row("/b/later")["type"]]"""
    request = mounts(mount("bind", "/b", from_=place), mount("propagation", "/b", propagation="slave"),
                     mount("bind", "/sync", from_=tmp_path), mount("bind", "/ready", from_=tmp_path / "ready", access="rw"),
                     namespaces={"user": user})
    seen = probe(tree, inside, request, wrap=[*SHARED, script, "sh"])
    assert seen == [["master"], [], ["file"], "tmpfs"]


def spread(*at):
    return f"result = [[o.split(':')[0] for o in row(at)['optional']] for at in {at!r}]"


@pytest.mark.kernel
def test_slave_of_a_mount_that_is_not_shared(tree, host, below_mounts):
    """The kernel makes it private and says nothing; so nothing starts."""
    request = in_user_namespace(mounts(mount("tmpfs", "/t"), mount("bind", "/b", from_=host), mount("propagation", "/b", propagation="slave")))
    error = tree.fails(["true"], request, **below_mounts("mount --make-rprivate /"))
    assert (error["field"], error["object"], error["errno_name"], error["stage"]) == ("/mounts/2/propagation", "/b", "EINVAL", "mount"), error
    assert error["message"].startswith("`/b` is asked for as slave, but the host's mount is not shared"), error
    assert "mount --make-shared" in error["hint"] and "ask for `private`" in error["hint"], error


@pytest.mark.parametrize("kinds, expected", [pytest.param(["slave"], ["master"], marks=pytest.mark.kernel), (["slave", "shared"], ["shared", "master"]), (["slave", "private"], []),
                                             (["slave", "unbindable"], ["unbindable"])])
def test_propagation_is_read_back(tree, host, below_mounts, kinds, expected):
    """Of the mount itself, whatever was put over it, and with a proc that says little."""
    request = mounts(mount("proc", "/proc", hidepid="invisible", subset="pid"), mount("bind", "/b", from_=host), mount("bind", "/c", from_=host),
                     *(mount("propagation", "/b", propagation=kind) for kind in kinds))
    assert probe(tree, spread("/b", "/c"), in_user_namespace(request), **below_mounts("mount --make-rshared /")) == [expected, []]


def test_what_was_made_private_follows_nobody(tree, host, below_mounts):
    request = mounts(mount("bind", "/b", from_=host), mount("propagation", "/b", propagation="private"), mount("propagation", "/b", propagation="slave"))
    error = tree.fails(["true"], in_user_namespace(request), **below_mounts("mount --make-rshared /"))
    assert error["field"] == "/mounts/2/propagation" and "an earlier entry made private" in error["hint"], error


@pytest.mark.as_root
def test_of_the_mounts_below_a_slave_each_follows_its_own(tree, tmp_path):
    """Documented: what is read back is the mount at the place."""
    names = ["shared", "private"]
    script = [f"mount --bind {tmp_path} {tmp_path}; mount --make-shared {tmp_path}"]
    for name in names:
        (tmp_path / name).mkdir()
        script.append(f"mount -t tmpfs -o mode=755 none {tmp_path / name}; mount --make-{name} {tmp_path / name}")
    tmp_path.chmod(0o755)
    request = mounts(mount("bind", "/b", from_=tmp_path), mount("propagation", "/b", propagation="slave"))
    assert probe(tree, spread("/b", "/b/shared", "/b/private"), request, wrap=scratch("; ".join(script))) == [["master"], ["master"], []]


@pytest.mark.as_root
@pytest.mark.parametrize("way", ["pid", "join"])
def test_propagation_is_read_back_without_a_proc_of_its_own(tree, host, way):
    """By the caller's proc, also where the process namespace is the host's or another mount namespace is joined."""
    fields = {"namespaces": {"pid": "host"}, "init": False, "best_effort": ["tree_kill"]} if way == "pid" else {"namespaces": {"mount": {"join": "/proc/self/ns/mnt"}}}
    request = mounts(mount("bind", "/b", from_=host), mount("propagation", "/b", propagation="shared"), **fields)
    if way == "join" and tree.mode == "vfork":
        tree.mode = None  # joins are for helper mode
    assert probe(tree, spread("/b"), request) == [["shared"]]


# ---- order and number --------------------------------------------------------------------------------------------------


def test_the_later_one_covers_the_earlier(tree, host, work):
    (work / "data").write_text("of work")
    request = mounts(mount("bind", "/x/y", from_=work), mount("bind", "/x", from_=host), mount("bind", "/z", from_=host),
                     mount("bind", "/z/sub", from_=work))
    seen = probe(tree, 'result = [sorted(os.listdir("/x")), sorted(os.listdir("/z/sub"))]', request)
    assert seen == [sorted(os.listdir(host)), ["data"]]
    (work / "y").mkdir()
    error = tree.fails(["true"], mounts(mount("bind", "/x", from_=host), mount("bind", "/x/y", from_=work)))
    assert (error["field"], error["errno_name"]) == ("/mounts/1", "ENOENT") and "nothing is ever made" in error["message"]
    assert not (host / "y").exists()


def test_a_thousand_entries(tree, host):
    entries = [mount("bind", f"/many/{i}/x", from_=host / "data") if i % 4 else mount("file", f"/files/{i}", data=str(i)) for i in range(1000)]
    seen = probe(tree, """
result = [len([m for m in mounts() if m["at"].startswith("/many/")]), len(os.listdir("/files")), read("/files/996"), read("/many/999/x")]""",
                 mounts(*entries))
    assert seen == [750, 250, "996", "data of the host\n"]


@pytest.mark.parametrize("name", ["new\nline", "co:lon", "com,ma", "back\\slash", "spa ce", "q\"uote", "\u00fcml", "tab\there", "~tilde"])
def test_names(tree, tmp_path, name):
    source = tmp_path / name
    source.mkdir()
    (source / "f").write_text("found")
    tmp_path.chmod(0o755)
    request = mounts(mount("bind", f"/a/{name}", from_=source), mount("file", f"/f/{name}", data="d"), mount("symlink", f"/l/{name}", target=name),
                     mount("tmpfs", f"/t/{name}"), mount("remount", f"/t/{name}", access="ro"))
    seen = tree.probe("""
name = os.listdir("/a")[0]
result = [name, read(f"/a/{name}/f"), os.listdir("/f"), os.readlink(f"/l/{name}"), attempt(write, f"/t/{name}/x")]""", request)
    assert seen == [name, "found", [name], name, "EROFS"]


def test_variables(tree, host):
    request = mounts(mount("bind", "/in${HOME}/b", from_="${HOME}/data"), mount("symlink", "/l", target="in${HOME}/b"),
                     mount("file", "/f", data="${HOME}"))
    out = tree.sh("cat /l; readlink /l; cat /f", request, env={"HOME": str(host)})
    assert out == f"data of the host\nin{host}/b\n${{HOME}}"


def test_explained(vfork_box, host):
    """Each entry's steps bear its pointer; what is done to a mount later stands after the pivot."""
    path = vfork_box.write(mounts(mount("bind", "/b", from_=host, access="dev", recursive=False), mount("tmpfs", "/t", inodes=7),
                                  mount("devpts", "/p", gid=1000), mount("symlink", "/l", target="b"), mount("proc", "/q", hidepid="invisible"),
                                  mount("remount", "/t", access="ro"), mount("propagation", "/b", propagation="slave")))
    done = subprocess.run([COMMAND, "explain", "--emit", "json", path], capture_output=True, check=True)
    steps = json.loads(done.stdout)["steps"]
    by = {(s["field"], s["step"]): s for s in steps if s["field"].startswith("/mounts/")}
    assert "devices can be used" in by["/mounts/0", "bind"]["details"] and "without the mounts below" in by["/mounts/0", "bind"]["details"]
    assert "7 files" in by["/mounts/1", "tmpfs"]["details"] and "group 1000" in by["/mounts/2", "file system"]["details"]
    assert by["/mounts/3", "symlink"]["details"] == "to b" and "invisible" in by["/mounts/4", "proc"]["details"]
    pivot = next(s["number"] for s in steps if s["step"] == "pivot")
    assert by["/mounts/5", "remount"]["number"] > pivot and by["/mounts/5", "remount"]["details"].startswith("ro")
    assert "slave" in by["/mounts/6", "remount"]["details"] and "follows" in by["/mounts/0", "bind"]["details"]
    assert stat.S_ISREG(os.stat(path).st_mode)
