"""Roots that somebody prepared against the set-up: each works or ends with a clear error, and changes nothing on the host."""

import ctypes
import os
import socket
import subprocess
import threading

import pytest

from harness import AS_ROOT, LIBC, contents, in_user_namespace

PLACES = ["proc", "dev", "etc", "tmp", "home", "etc/passwd"]
NEEDED = ("proc", "dev")
GUARD = 30  # seconds, against hanging alone
RENAME_EXCHANGE = 2


def links_out(path):
    path.symlink_to("/etc")


def links_up(path):
    path.symlink_to("../../../../../../../../etc")


def links_to_itself(path):
    path.symlink_to(path.name)


def links_to_proc(path):
    path.symlink_to("/proc/self/root")


def is_file(path):
    path.write_text("")


def is_socket(path):
    with socket.socket(socket.AF_UNIX) as one:
        here = os.getcwd()
        os.chdir(path.parent)  # a socket's name is short
        try:
            one.bind(path.name)
        finally:
            os.chdir(here)


def is_device(path):
    os.mknod(path, 0o020666, os.makedev(1, 3))


def is_unreadable(path):
    path.mkdir(mode=0)


TRAPS = {f.__name__: f for f in (links_out, links_up, links_to_itself, links_to_proc, is_file, is_socket, is_unreadable)}
TRAPS["is_fifo"] = os.mkfifo
if AS_ROOT:
    TRAPS["is_device"] = is_device
TRAPS["is_directory"] = lambda path: path.mkdir()


def rooted(rootfs, kind, **more):
    if kind == "overlay":
        top = rootfs.parent / "top"
        top.mkdir(exist_ok=True)
        return {"root": {"overlay": {"lower": [str(top), str(rootfs)]}}, **more}
    root = {"directory": str(rootfs)}
    if kind == "discard":
        root["writable"] = "discard"
    return {"root": root, **more}


def remove(path):
    if path.is_dir():
        for one in path.iterdir():
            one.unlink()
        path.rmdir()
    else:
        path.unlink()


def ends_well(done, *objects):
    """It ran, or was told why not in words that name an object of the root."""
    if done.reason == "exited":
        return
    assert done.code == 125 and done.reason == "setup_failed" and done.out == b"", done
    assert done.error["object"] in objects and done.error["message"] and "`" in done.error["message"], done


@pytest.mark.invariant("S3")
@pytest.mark.invariant("S25")
@pytest.mark.parametrize("kind", ["directory", "discard", "overlay"])
@pytest.mark.parametrize("trap", TRAPS)
@pytest.mark.parametrize("place", PLACES)
def test_a_trap_where_a_place_should_be(tree, own_tree, kind, place, trap):
    path = own_tree / place
    remove(path)
    TRAPS[trap](path)
    before, etc = contents(own_tree), sorted(os.listdir("/etc"))
    script = "ls -d /proc/1 /dev/null; cat /etc/shadow /tmp/shadow /home/shadow; :"
    done = tree.run(["/bin/sh", "-c", script], rooted(own_tree, kind), timeout=GUARD)
    ends_well(done, "/" + place, "/home/sandbox", "/home", "/")
    assert b"root:" not in done.out
    if done.reason == "exited":
        assert done.text.splitlines()[:2] == ["/dev/null", "/proc/1"], done
    if place in NEEDED and trap not in ("is_directory", "is_unreadable"):
        assert done.error["object"] == "/" + place and done.error["hint"], done
    assert contents(own_tree) == before and sorted(os.listdir("/etc")) == etc


@pytest.mark.invariant("S3")
@pytest.mark.invariant("S25")
@pytest.mark.parametrize("kind", ["directory", "discard", "overlay"])
@pytest.mark.parametrize("trap", [t for t in TRAPS if t != "is_directory"])
def test_a_trap_where_a_rule_stands(tree, own_tree, host, kind, trap):
    TRAPS[trap](own_tree / "trap")
    before = contents(own_tree)
    for rule in ({"from": str(host)}, "deny", "tmpfs"):
        done = tree.run(["/bin/sh", "-c", "ls /trap"], rooted(own_tree, kind, paths={"/trap": rule}), timeout=GUARD)
        ends_well(done, "/trap")
        assert b"shadow" not in done.out
    assert contents(own_tree) == before


@pytest.mark.invariant("S25")
@pytest.mark.parametrize("kind", ["directory", "discard"])
def test_a_thousand_directories_deep(tree, own_tree, kind):
    """Deeper than a path can name: seen and left alone; a rule as deep as one can be named is carried out."""
    fd = os.open(own_tree, os.O_PATH)
    for _ in range(1000):
        os.mkdir("deep", dir_fd=fd)
        inner = os.open("deep", os.O_PATH, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(fd)
    place = "/deep" * 700
    try:
        done = tree.run(["/bin/ls", place], rooted(own_tree, kind, paths={place: "deny"}), timeout=GUARD)
        assert done.code == 1 and b"Permission denied" in done.err, done
        assert tree.sh(f"ls {place}", rooted(own_tree, kind), timeout=GUARD) == "deep\n"
    finally:  # what removes old test directories is recursive
        subprocess.run(["rm", "-rf", own_tree / "deep"], check=True)


@pytest.mark.invariant("S25")
@pytest.mark.parametrize("kind", ["directory", "discard", "overlay"])
def test_names_of_any_bytes(tree, own_tree, host, kind):
    names = [b"new\nline", b"a:b,c\\d", b"tab\t\x1b[31m", b"x" * 255, b"\xff\xfe\x80", b" ", b"-rf", b"..."]
    for name in names:
        os.mkdir(os.path.join(os.fsencode(own_tree), name))
    (own_tree / "bin" / "wc").symlink_to("busybox")
    before = contents(own_tree)
    assert int(tree.sh("echo /* /.* | wc -c", rooted(own_tree, kind))) > sum(map(len, names))
    for name in names:
        try:
            place = "/" + name.decode()
        except UnicodeDecodeError:
            continue
        seen = tree.ok(["cat", place + "/data"], rooted(own_tree, kind, paths={place: {"from": str(host)}}))
        assert seen == "data of the host\n"
    assert contents(own_tree) == before


@pytest.mark.invariant("S2")
@pytest.mark.invariant("S25")
@pytest.mark.parametrize("propagation", ["private", "shared"])
def test_a_root_that_is_a_mount_point_with_others_below(tree, own_tree, below_mounts, propagation):
    mounted = below_mounts(f"mount --bind {own_tree} {own_tree}; mount --make-{propagation} {own_tree};"
                           f"mount -t tmpfs -o mode=777 sub {own_tree}/data; echo there > {own_tree}/data/sub")
    (own_tree / "bin" / "grep").symlink_to("busybox")
    script = "cat /data/sub; touch /data/new /new 2>&1 | grep -c 'Read-only'; cat /proc/self/mountinfo"
    seen = tree.sh(script, in_user_namespace(rooted(own_tree, "directory")), **mounted)
    assert seen.startswith("there\n2\n")
    rows = [line.split() for line in seen.splitlines()[2:]]
    assert {"/", "/data", "/proc", "/dev"} <= {row[4] for row in rows}
    assert all(word.split(":")[0] not in ("shared", "master") for row in rows for word in row[6:row.index("-")])


@pytest.mark.invariant("S25")
@pytest.mark.parametrize("kind", ["directory", "discard", True])
def test_a_root_on_a_read_only_mount(tree, own_tree, below_mounts, kind):
    mounted = below_mounts(f"mount --bind {own_tree} {own_tree}; mount -o remount,bind,ro {own_tree}")
    request = in_user_namespace(rooted(own_tree, kind))
    if kind is True:
        request["root"]["writable"] = True
        error = tree.fails(["sh"], request, **mounted)
        assert error["errno_name"] == "EROFS" and "read-only" in error["message"]
    else:
        assert tree.sh("cat /data/file; echo x 2>/dev/null >/data/x; ls /data", request, **mounted) == (
            "of the tree\nfile\n" + ("x\n" if kind == "discard" else ""))
    assert not (own_tree / "data" / "x").exists()


def exchange(one, other):
    assert LIBC.renameat2(-100, os.fsencode(one), -100, os.fsencode(other), ctypes.c_uint(RENAME_EXCHANGE)) == 0


@pytest.mark.invariant("S3")
@pytest.mark.invariant("S25")
@pytest.mark.parametrize("kind", ["directory", "discard", "overlay"])
def test_a_directory_that_changes_into_a_link_meanwhile(tree, own_tree, host, tmp_path, kind):
    """A place is swapped with a link out of the root, over and over, while sandboxes are set up on it."""
    secret = tmp_path / "secret"
    (secret / "in").mkdir(parents=True)
    (secret / "in" / "key").write_text("secret of the host\n")
    (own_tree / "place" / "in").mkdir(parents=True)
    (own_tree / "link").symlink_to(secret)
    over = threading.Event()
    swaps = 0

    def swap():
        nonlocal swaps
        while not over.is_set() or swaps < 1000:
            exchange(own_tree / "place", own_tree / "link")
            swaps += 1

    racer = threading.Thread(target=swap)
    racer.start()
    try:
        for rule in ({"from": str(host)}, "tmpfs", "deny", "ro") * 3:
            request = rooted(own_tree, kind, paths={"/place/in": rule})
            done = tree.run(["/bin/sh", "-c", "cat /place/in/key /link/in/key; :"], request, timeout=GUARD)
            ends_well(done, "/place/in", f"{own_tree}/place/in")
            assert b"secret" not in done.out
    finally:
        over.set()
        racer.join()
    assert swaps >= 1000 and os.listdir(secret) == ["in"] and os.listdir(secret / "in") == ["key"]
