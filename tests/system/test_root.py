"""`root`: the system base, nothing at all, or a directory's tree; what can be seen there and that none of it can be written."""

import os
import stat

import pytest

from harness import AS_ROOT, Caller, contents, everything, in_user_namespace

# In order of the base's table; what the host does not have is not there inside.
BASE_LINKS = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"]
BASE_ETC = ["/etc/ld.so.cache", "/etc/alternatives", "/etc/ssl/certs", "/etc/localtime", "/etc/nsswitch.conf"]
MASKED = ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/key-users", "/proc/latency_stats",
          "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/proc/interrupts",
          "/proc/sysrq-trigger"]
READ_ONLY = ["/proc/sys", "/proc/bus", "/proc/fs", "/proc/irq"]
DEVICES = ["null", "zero", "full", "random", "urandom", "tty"]


def present(paths):
    return [path for path in paths if os.path.lexists(path)]


# ---- the system base -----------------------------------------------------------------------------------------------


def test_system_holds_the_base_and_nothing_else(tree):
    seen = tree.probe("result = {d: sorted(os.listdir(d)) for d in ('/', '/etc', '/etc/ssl', '/home')}")
    links = [path[1:] for path in present(BASE_LINKS)]
    assert seen["/"] == sorted(["usr", "etc", "dev", "proc", "tmp", "home", *links])
    etc = {path.split("/")[2] for path in present(BASE_ETC)} | {"passwd", "group"}
    assert seen["/etc"] == sorted(etc)
    assert seen["/etc/ssl"] == ["certs"] and seen["/home"] == ["sandbox"]


def host_mounts():
    with open("/proc/self/mountinfo") as file:
        return [line.split()[4] for line in file]


def test_system_mounts_are_these_and_no_others(tree):
    rows = tree.probe("result = mounts()")
    expected = ["/", "/usr", "/dev", *(f"/dev/{d}" for d in DEVICES), "/dev/pts", "/dev/shm", "/proc", "/tmp",
                "/home/sandbox", *present(READ_ONLY), *present(MASKED)]
    expected += [path for path in present(BASE_ETC + BASE_LINKS) if not os.path.islink(path)]
    shown = ("/usr", *BASE_ETC)  # with what is mounted below them on this host
    expected += [at for at in host_mounts() if any(at.startswith(path + "/") for path in shown)]
    assert sorted(row["at"] for row in rows) == sorted(expected)
    for row in rows:
        assert row["optional"] == [], "every mount is private"


def test_system_mount_flags(tree):
    writable = {"/tmp", "/home/sandbox", "/dev/shm", "/dev/pts", "/proc"}
    devices = {"/dev/pts", *(f"/dev/{d}" for d in DEVICES)}
    for row in tree.probe("result = mounts()"):
        assert "nosuid" in row["options"], row
        assert ("nodev" in row["options"]) == (row["at"] not in devices), row
        assert ("rw" in row["options"]) == (row["at"] in writable), row


@pytest.mark.parametrize("path", ["/", "/usr", "/usr/bin", "/bin", "/etc", "/etc/alternatives", "/etc/ssl/certs", "/home",
                                  "/dev", "/proc/sys/kernel"])
@pytest.mark.invariant("S2")
def test_system_directories_cannot_be_written(tree, path):
    code = f"""
d = {path!r}
first = sorted(os.listdir(d))[0]
result = [attempt(write, d + "/new"), attempt(os.mkdir, d + "/newdir"), attempt(os.symlink, "x", d + "/newlink"),
          attempt(os.rename, d + "/" + first, d + "/moved"), attempt(os.chmod, d, 0o777), attempt(os.utime, d)]"""
    for answer in tree.probe(code):
        assert answer in ("EROFS", "EACCES", "EPERM", "EBUSY", "ENOENT"), (path, answer)
    if path != "/proc/sys/kernel":
        assert tree.probe(f"result = attempt(write, {path!r} + '/new')") == "EROFS"


def test_system_files_are_those_of_the_host(tree):
    seen = tree.probe("""
import hashlib
result = [hashlib.sha256(open(p, "rb").read()).hexdigest() for p in ("/usr/bin/python3", "/etc/ld.so.cache", "/bin/sh")]
""")
    import hashlib
    for path, digest in zip(("/usr/bin/python3", "/etc/ld.so.cache", "/bin/sh"), seen):
        with open(path, "rb") as file:
            assert hashlib.sha256(file.read()).hexdigest() == digest


def test_system_links_are_as_on_the_host(tree):
    seen = tree.probe(f"result = {{p: os.readlink(p) for p in {BASE_LINKS + ['/etc/localtime']!r} if os.path.islink(p)}}")
    assert seen == {p: os.readlink(p) for p in BASE_LINKS + ["/etc/localtime"] if os.path.islink(p)}


@pytest.mark.parametrize("path", ["/root", "/var", "/sys", "/run", "/etc/shadow", "/etc/hostname", "/etc/resolv.conf",
                                  "/etc/hosts", "/opt", "/srv", "/boot", "/mnt", "/proc/kcore/x"])
@pytest.mark.invariant("S1")
def test_the_rest_of_the_host_is_not_there(box, path):
    assert box.probe(f"result = attempt(os.stat, {path!r})") in ("ENOENT", "EACCES", "ENOTDIR")


@pytest.mark.invariant("S1")
def test_a_file_of_the_caller_is_not_there(box, tmp_path):
    (tmp_path / "mine").write_text("secret")
    assert box.probe(f"result = attempt(os.stat, {str(tmp_path / 'mine')!r})") == "ENOENT"


def test_network_files_come_with_the_network(box):
    there = [p for p in ("/etc/resolv.conf", "/etc/hosts") if os.path.exists(p)]
    seen = box.probe("result = [p for p in ('/etc/resolv.conf', '/etc/hosts') if os.path.exists(p)]", {"network": "host"})
    assert seen == there


def test_synthetic_users(tree):
    passwd, group = tree.probe("result = [read('/etc/passwd'), read('/etc/group')]")
    assert [line.split(":")[:4] for line in passwd.splitlines()] == [
        ["root", "x", "0", "0"], ["sandbox", "x", "1000", "1000"], ["nobody", "x", "65534", "65534"]]
    assert [line.split(":")[:3] for line in group.splitlines()] == [
        ["root", "x", "0"], ["sandbox", "x", "1000"], ["nogroup", "x", "65534"]]


@pytest.mark.parametrize("path, size, bits", [("/tmp", 256 << 20, 0o1777), ("/home/sandbox", 64 << 20, 0o700),
                                              ("/dev/shm", 64 << 20, 0o1777)])
def test_private_directories(tree, path, size, bits):
    seen = tree.probe(f"""
s, v = os.stat({path!r}), os.statvfs({path!r})
write({path!r} + "/file")
result = [v.f_blocks * v.f_frsize, stat.S_IMODE(s.st_mode), s.st_uid, os.listdir({path!r})]""")
    assert seen == [size, bits, 1000, ["file"]]
    if path != "/dev/shm":
        assert not os.path.exists(path + "/file")


def test_what_is_written_in_private_directories_is_gone_afterwards(box):
    box.sh("echo x > /tmp/left; echo x > ~/left")
    assert box.sh("ls /tmp ~") == "/home/sandbox:\n\n/tmp:\n"


# ---- nothing ---------------------------------------------------------------------------------------------------------

HELLO = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n'
LIST = r"""
#include <dirent.h>
#include <stdio.h>
int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    DIR *d = opendir(argv[i]);
    for (struct dirent *e; d && (e = readdir(d));)
      if (e->d_name[0] != '.') printf("%s\n", e->d_name);
  }
  return 0;
}
"""


@pytest.mark.invariant("S1")
def test_empty_holds_only_its_own_places(tree, compiled):
    program = compiled(LIST, "-static")
    paths = {"/list": {"from": str(program)}}
    assert sorted(tree.ok(["/list", "/"], {"root": "empty", "paths": paths}).split()) == ["dev", "etc", "home", "list",
                                                                                         "proc", "tmp"]
    assert sorted(tree.ok(["/list", "/etc"], {"root": "empty", "paths": paths}).split()) == ["group", "passwd"]


def test_empty_has_no_programs(tree):
    assert tree.fails(["/bin/sh"], {"root": "empty"}, code=127)["errno_name"] == "ENOENT"


# ---- a directory -----------------------------------------------------------------------------------------------------


def rooted(rootfs, **more):
    return {"root": {"directory": str(rootfs)}, **more}


def test_directory_becomes_the_root(tree, rootfs):
    before = everything(rootfs)
    assert tree.sh("ls /", rooted(rootfs)).split() == ["bin", "data", "dev", "etc", "home", "proc", "tmp"]
    assert tree.sh("cat /data/file; id -un", rooted(rootfs)) == "of the tree\ntree\n"
    assert everything(rootfs) == before


@pytest.mark.kernel
def test_directory_is_read_only(tree, rootfs, given):
    given(rootfs / "data")
    given(rootfs / "data" / "file")
    before = everything(rootfs)
    script = """for p in / /data /etc /bin; do touch $p/new 2>/dev/null && echo "$p was written"; done
        echo x 2>/dev/null >/data/file && echo "the file was written"
        chmod 777 /data 2>/dev/null && echo "the mode was changed"; true"""
    assert tree.sh(script, rooted(rootfs)) == ""
    assert everything(rootfs) == before and (rootfs / "data" / "file").read_text() == "of the tree\n"


def test_directory_has_its_own_tmp_home_dev_and_proc(tree, rootfs):
    script = "touch /tmp/x /home/sandbox/x && ls /dev && ls -d /proc/1 && cd && pwd"
    seen = tree.sh(script, rooted(rootfs)).split()
    assert "null" in seen and "/proc/1" in seen and seen[-1] == "/home/sandbox"
    assert os.listdir(rootfs / "tmp") == [] and os.listdir(rootfs / "home") == [] and os.listdir(rootfs / "dev") == []


def test_directory_without_tmp_and_home_is_taken_as_it_is(tree, rootfs):
    (rootfs / "tmp").rmdir()
    (rootfs / "home").rmdir()
    assert tree.sh("ls /; pwd", rooted(rootfs)).split() == ["bin", "data", "dev", "etc", "proc", "/"]


@pytest.mark.parametrize("name", ["dev", "proc"])
def test_directory_without_a_place_it_needs(tree, rootfs, name):
    (rootfs / name).rmdir()
    error = tree.fails(["sh"], rooted(rootfs))
    assert error["stage"] == ("device" if name == "dev" else "proc") and error["object"] == f"/{name}"
    assert f"make the directory `{name}`" in error["hint"]
    assert not (rootfs / name).exists()


@pytest.mark.parametrize("name", ["dev", "proc"])
@pytest.mark.parametrize("trap", ["link", "file", "fifo"])
@pytest.mark.invariant("S25")
def test_directory_with_a_trap_for_a_place(tree, rootfs, name, trap):
    (rootfs / name).rmdir()
    if trap == "link":
        (rootfs / name).symlink_to("/etc")
    elif trap == "file":
        (rootfs / name).write_text("")
    else:
        os.mkfifo(rootfs / name)
    error = tree.fails(["sh"], rooted(rootfs))
    assert error["object"] == f"/{name}" and "must be a directory" in error["hint"]


@pytest.mark.parametrize("name, target", [("tmp", "/etc"), ("tmp", "../../../../../etc"), ("home", "/")])
@pytest.mark.invariant("S3")
@pytest.mark.invariant("S25")
def test_directory_with_a_link_for_a_private_place_is_not_followed_out(tree, rootfs, name, target):
    """Refused, or resolved below the tree: nothing of the host may show or be covered."""
    (rootfs / name).rmdir()
    (rootfs / name).symlink_to(target)
    done = tree.run(["/bin/sh", "-c", f"ls /{name}/; cat /{name}/shadow"], rooted(rootfs))
    assert b"shadow" not in done.out
    assert os.path.exists("/etc/passwd")


@pytest.mark.invariant("S3")
def test_absolute_links_in_a_directory_stay_in_it(tree, rootfs):
    (rootfs / "link").symlink_to("/etc/passwd")
    (rootfs / "up").symlink_to("../../../../../../etc/passwd")
    assert tree.sh("cat /link /up", rooted(rootfs)) == "tree:x:1000:1000::/:/bin/sh\n" * 2


def test_paths_on_top_of_a_directory(tree, rootfs, work, host):
    (rootfs / "out").mkdir()
    (rootfs / "in").mkdir()
    request = rooted(rootfs, paths={"/out": {"from": str(work), "access": "rw"}, "/in": {"from": str(host)},
                                    "/data": "deny", "/etc": "tmpfs"})
    seen = tree.sh("echo x > /out/made; cat /in/data; ls /data 2>&1; ls /etc", request)
    assert seen == "data of the host\nls: can't open '/data': Permission denied\n"
    assert (work / "made").read_text() == "x\n" and os.listdir(rootfs / "out") == []


def test_a_place_that_a_directory_does_not_have_is_not_made(tree, rootfs, host):
    before = everything(rootfs)
    error = tree.fails(["sh"], rooted(rootfs, paths={"/in": {"from": str(host)}}))
    assert (error["stage"], error["field"], error["object"]) == ("path", "/paths/~1in", "/in")
    assert "nothing is ever made on the host" in error["message"]
    assert everything(rootfs) == before


@pytest.mark.parametrize("place, missing", [("/tmp", "tmp"), ("/home/sandbox", "home")])
def test_a_rule_for_a_private_place_needs_it_in_the_directory(tree, rootfs, place, missing):
    (rootfs / missing).rmdir()
    error = tree.fails(["sh"], rooted(rootfs, paths={place: "tmpfs"}))
    assert (error["stage"], error["field"]) == ("path", "/paths/" + place.replace("/", "~1"))
    assert "does not exist inside and is not made there" in error["message"] and error["hint"]
    assert not (rootfs / missing).exists()


def test_rules_without_from_show_the_directorys_own(tree, rootfs, given):
    """rw without `from` opens a part of the tree; it is not the host's path of that name."""
    given(rootfs / "etc")
    tree.sh("echo x > /etc/made", rooted(rootfs, paths={"/etc": "rw"}))
    assert (rootfs / "etc" / "made").read_text() == "x\n" and not os.path.exists("/etc/made")


# ---- a directory that can be written ---------------------------------------------------------------------------------

# What a payload does to a tree that it thinks is its own; each word is answered by what is there afterwards.
CHANGES = """echo more >> /data/file; touch /new /etc/new; mkdir -p /made/deep; rm /etc/passwd; chmod 700 /data
    rm -r /gone; mkdir /gone; ls -A /gone /etc; cat /data/file; ls /"""
CHANGED = "/etc:\nnew\n\n/gone:\nof the tree\nmore\n"


def writable(rootfs, how, **more):
    return {"root": {"directory": str(rootfs), "writable": how}, **more}


@pytest.mark.kernel
def test_changes_are_discarded(tree, own_tree):
    before = contents(own_tree)
    for _ in range(2):  # nothing is left for the next one either
        seen = tree.sh(CHANGES, writable(own_tree, "discard"))
        assert seen == CHANGED + "bin\ndata\ndev\netc\ngone\nhome\nmade\nnew\nproc\ntmp\n"
        assert contents(own_tree) == before


@pytest.mark.kernel
def test_changes_stay(tree, own_tree):
    assert tree.sh(CHANGES, writable(own_tree, True)).startswith(CHANGED)
    assert (own_tree / "data" / "file").read_text() == "of the tree\nmore\n"
    assert (own_tree / "made" / "deep").is_dir() and (own_tree / "etc" / "new").exists()
    assert not (own_tree / "etc" / "passwd").exists() and os.listdir(own_tree / "gone") == []
    made = (own_tree / "new").stat()
    assert (made.st_uid, made.st_gid) == (Caller.outside_uid, Caller.outside_gid)
    assert stat.S_IMODE((own_tree / "data").stat().st_mode) == 0o700


@pytest.mark.parametrize("how", [False, True, "discard"])
def test_the_flags_of_a_root_directory(tree, own_tree, how):
    rows = [line.split() for line in tree.sh("cat /proc/self/mountinfo", writable(own_tree, how)).splitlines()]
    root = [row for row in rows if row[4] == "/"]
    assert len(root) == 1
    flags = set(root[0][5].split(","))
    assert {"nosuid", "nodev", "ro" if how is False else "rw"} <= flags
    assert (root[0][3] == "/") == (how == "discard"), "else it is a part of a file system of the host"
    assert all(word.split(":")[0] not in ("shared", "master") for word in root[0][6:root[0].index("-")])


@pytest.mark.kernel
def test_discarded_changes_are_bounded(tree, own_tree):
    request = writable(own_tree, "discard")
    request["root"]["size"] = "1M"
    script = "dd if=/dev/zero of=/big bs=64k count=64 2>/dev/null; stat -c %s /big"
    (own_tree / "bin" / "dd").symlink_to("busybox")
    assert 512 << 10 < int(tree.sh(script, request)) <= 1 << 20
    assert not (own_tree / "big").exists()


def test_below_discarded_changes_places_are_made(tree, own_tree, host, work):
    """Nothing of it is on the host: what a read-only directory must have is not asked for."""
    for name in ("dev", "proc", "tmp", "home"):
        (own_tree / name).rmdir()
    before = contents(own_tree)
    paths = {"/in/deep": {"from": str(host)}, "/out": {"from": str(work), "access": "rw"}, "/hidden/one": "deny"}
    seen = tree.sh("cat /in/deep/data; echo x > /out/x; cat /hidden/one 2>&1; touch /tmp/x ~/x; ls /dev/null; ls -d /proc/1",
                   writable(own_tree, "discard", paths=paths))
    assert seen == "data of the host\ncat: can't open '/hidden/one': Permission denied\n/dev/null\n/proc/1\n"
    assert (work / "x").read_text() == "x\n"
    assert contents(own_tree) == before


@pytest.mark.invariant("S3")
@pytest.mark.parametrize("rule", ["tmpfs", "deny", "ro"])
def test_nothing_is_made_where_a_link_of_a_discarded_root_leads(tree, own_tree, host, work, rule):
    """The place looks like one of the sandbox's own, and lies in what another rule shows of the host."""
    (own_tree / "link").symlink_to("out")
    rule = {"from": str(host)} if rule == "ro" else rule
    for place in ("/link/new", "/link/new/below"):
        paths = {"/out": {"from": str(work), "access": "rw"}, place: rule}
        error = tree.fails(["sh"], writable(own_tree, "discard", paths=paths))
        assert (error["field"], error["object"]) == ("/paths/" + place.replace("/", "~1"), place)
        assert "nothing is ever made on the host" in error["message"] and error["hint"], error
    assert os.listdir(work) == []


def test_a_gap_where_a_link_of_a_discarded_root_leads(tree, own_tree, work):
    (own_tree / "link").symlink_to("out")
    gap = {"access": "deny", "if_missing": "ignore"}
    paths = {"/out": {"from": str(work), "access": "rw"}, "/link/new": gap}
    done = tree.run(["/bin/sh", "-c", "echo x >/out/new"], writable(own_tree, "discard", paths=paths))
    assert [one["protection"] for one in done.outcome["not_enforced"]].count("denied_paths") == 1, done
    assert (work / "new").read_text() == "x\n"
    # On the sandbox's own the place is made, and then there is nothing to report.
    done = tree.run(["/bin/sh", "-c", "ls /new"], writable(own_tree, "discard", paths={"/new": gap}))
    assert done.code != 0 and "denied_paths" in done.outcome["enforced"], done


def test_nothing_is_made_in_a_writable_directory(tree, own_tree, host):
    before = contents(own_tree)
    error = tree.fails(["sh"], writable(own_tree, True, paths={"/in": {"from": str(host)}}))
    assert (error["field"], error["object"]) == ("/paths/~1in", "/in") and "nothing is ever made" in error["message"]
    error = tree.fails(["sh"], writable(own_tree, True, paths={"/absent": "deny"}))
    assert error["object"] == "/absent" and "if_missing" in error["hint"]
    done = tree.run(["/bin/sh", "-c", ":"],
                    writable(own_tree, True, paths={"/absent": {"access": "deny", "if_missing": "ignore"}}))
    assert [one["protection"] for one in done.outcome["not_enforced"]] == ["denied_paths"]
    assert contents(own_tree) == before


@pytest.mark.parametrize("rule", ["ro", "rw", "deny", "tmpfs"])
@pytest.mark.parametrize("place", ["/tmp/x", "/tmp/x/y", "/home/sandbox/w", "/home/other"])
def test_private_places_stay_private_in_a_writable_directory(tree, own_tree, work, given, place, rule):
    """A rule below them lies on the sandbox's own tmpfs: what the directory has there neither shows nor changes."""
    for name in ("tmp", "home"):
        (own_tree / name / "of-the-host").write_text("")
        given(own_tree / name / "of-the-host")
    before = contents(own_tree)
    rules = {place: rule if rule in ("deny", "tmpfs") else {"access": rule, "from": str(work)}}
    seen = tree.sh("touch /tmp/made ~/made 2>/dev/null; ls -a /tmp /home ~", writable(own_tree, True, paths=rules))
    assert "of-the-host" not in seen and "made" in seen
    assert contents(own_tree) == before


@pytest.mark.parametrize("place, look", [("/dev/full", "echo x 2>/dev/null >/dev/full && echo open"), ("/proc/cpuinfo", "cat /proc/cpuinfo"),
                                         ("/dev/absent", "ls /dev/absent"), ("/proc/absent/deep", "ls /proc/absent")])
def test_what_is_denied_in_dev_and_proc_of_a_writable_directory(tree, own_tree, place, look):
    before = contents(own_tree)
    script = f"{look} 2>/dev/null; ls -d /proc/1 /proc/self/fd/0 /dev/null"
    seen = tree.sh(script, writable(own_tree, True, paths={place: "deny"}))
    assert seen == "/dev/null\n/proc/1\n/proc/self/fd/0\n"
    assert contents(own_tree) == before


@pytest.mark.parametrize("missing, paths", [("home", {}), ("tmp", {}), ("home", {"/home/sandbox": "tmpfs"}), ("tmp", {"/tmp/x": "tmpfs"})])
def test_private_places_are_not_made_in_a_writable_directory(tree, own_tree, missing, paths):
    (own_tree / missing).rmdir()
    before = contents(own_tree)
    done = tree.run(["/bin/sh", "-c", "ls -d /home /tmp 2>/dev/null; :"], writable(own_tree, True, paths=paths))
    if paths:
        assert done.reason == "setup_failed" and done.error["stage"] == "path", done
    else:
        assert done.code == 0 and done.text == ("/tmp\n" if missing == "home" else "/home\n"), done
    assert contents(own_tree) == before


def test_what_rules_show_cannot_be_moved_away_in_a_writable_directory(tree, own_tree):
    (own_tree / "data" / "sub").mkdir()
    (own_tree / "data" / "sub" / "key").write_text("secret")
    (own_tree / "bin" / "mv").symlink_to("busybox")
    request = writable(own_tree, True, paths={"/data/sub/key": "deny", "/etc/passwd": "ro"})
    script = """cat /data/sub/key; mv /data /elsewhere; mv /data/sub /elsewhere; mv /etc /etc2; rm -r /data/sub
        echo x > /etc/passwd; mv /etc/passwd /p; cat /etc/passwd; echo free > /data/other"""
    assert tree.sh(f"({script}) 2>/dev/null", request) == "tree:x:1000:1000::/:/bin/sh\n"
    assert (own_tree / "data" / "sub" / "key").read_text() == "secret"
    assert (own_tree / "data" / "other").read_text() == "free\n"
    assert (own_tree / "etc" / "passwd").read_text() == "tree:x:1000:1000::/:/bin/sh\n"


def test_a_directory_that_the_payload_cannot_write(tree, rootfs):
    """Of the payload's own id there is nothing in it; what others own is not written, whatever the mount allows."""
    if not AS_ROOT:
        rootfs.chmod(0o555)
    error = tree.fails(["sh"], writable(rootfs, True))
    rootfs.chmod(0o755)
    assert (error["stage"], error["field"], error["object"]) == ("access", "/root/writable", "/")
    assert "cannot write" in error["message"] and "chown" in error["hint"]


def test_an_overlay_over_sub_mounts_is_refused(tree, own_tree, below_mounts):
    """The kernel lets nobody see what mounts of a more privileged namespace cover."""
    mounted = below_mounts(f"mount -t tmpfs sub {own_tree}/data")
    request = in_user_namespace(writable(own_tree, "discard"))
    error = tree.fails(["sh"], request, **mounted)
    assert error["object"] == str(own_tree) and "overlay" in error["message"] and "without them" in error["hint"]


# ---- sub-mounts --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["root", "ro"])
@pytest.mark.invariant("S2")
def test_sub_mounts_are_read_only_too(tree, rootfs, below_mounts, kind):
    sub = rootfs / "data" / "sub"
    sub.mkdir()
    mounted = below_mounts(f"mount -t tmpfs -o mode=777 sub {sub}; mkdir -m 777 {sub}/deep;"
                        f"mount -t tmpfs -o mode=777 deep {sub}/deep; echo there > {sub}/deep/file")
    if kind == "root":
        request, at = rooted(rootfs), "/data/sub"
    else:
        request, at = {"paths": {"/tree": {"from": str(rootfs)}}}, "/tree/data/sub"
    script = f"cat {at}/deep/file; for p in {at} {at}/deep; do touch $p/new 2>/dev/null && echo $p was written; done; true"
    seen = tree.sh(script, in_user_namespace(request), **mounted)
    assert seen == "there\n"


def test_sub_mounts_of_a_system_root_are_read_only_too(tree, below_mounts):
    mounted = below_mounts("mount -t tmpfs -o mode=777,suid,dev sub /usr/share/misc; echo there > /usr/share/misc/file")
    script = "cat /usr/share/misc/file; touch /usr/share/misc/new 2>/dev/null && echo written; grep ' /usr/share/misc ' /proc/self/mountinfo"
    seen = tree.sh(script, in_user_namespace({}), **mounted)
    text, row = seen.splitlines()
    assert text == "there" and {"ro", "nosuid", "nodev"} <= set(row.split()[5].split(","))


@pytest.mark.invariant("S6")
def test_sub_mounts_of_a_writable_path_keep_nosuid_and_nodev(tree, work, below_mounts):
    mounted = below_mounts(f"mkdir {work}/sub; mount -t tmpfs -o mode=777,suid,dev sub {work}/sub")
    if AS_ROOT:
        os.chmod(work, 0o777)
    seen = tree.sh("touch /w/sub/x; grep ' /w/sub ' /proc/self/mountinfo",
                   in_user_namespace({"paths": {"/w": {"from": str(work), "access": "rw"}}}), **mounted)
    assert {"rw", "nosuid", "nodev"} <= set(seen.split()[5].split(","))


def test_a_source_that_is_read_only_on_the_host_cannot_be_made_writable(tree, work, below_mounts):
    mounted = below_mounts(f"mount --bind {work} {work}; mount -o remount,bind,ro {work}")
    error = tree.fails(["true"], in_user_namespace({"paths": {"/w": {"from": str(work), "access": "rw"}}}), **mounted)
    assert "read-only on the host" in error["message"] and error["object"] == "/w"
    assert "ask for \"ro\"" in error["hint"]


# ---- the old root ------------------------------------------------------------------------------------------------------


@pytest.mark.invariant("S4")
def test_the_old_root_is_out_of_reach(tree):
    seen = tree.probe("""
os.chdir("/")
for _ in range(50):
    os.chdir("..")
result = {"up": sorted(os.listdir(".")), "root": sorted(os.listdir("/")),
          "init": attempt(os.listdir, "/proc/1/root"), "init cwd": attempt(os.listdir, "/proc/1/cwd"),
          "init fd": attempt(os.listdir, "/proc/1/fd"), "self": sorted(os.listdir("/proc/self/root/"))}""")
    assert seen["up"] == seen["root"] == seen["self"]
    assert seen["init"] == seen["init cwd"] == seen["init fd"] == "EACCES"


@pytest.mark.invariant("S4")
def test_an_inherited_directory_descriptor_does_not_lead_out(box):
    """What the caller holds open without close-on-exec is not there inside."""
    fd = os.open("/", os.O_PATH | os.O_DIRECTORY)
    os.set_inheritable(fd, True)
    try:
        assert box.probe(f"result = attempt(os.stat, '/proc/self/fd/{fd}/root')", pass_fds=[fd]) == "ENOENT"
    finally:
        os.close(fd)


@pytest.mark.invariant("S6")
def test_nothing_inside_is_a_device_but_the_named(tree):
    seen = tree.probe("""
found = []
for root, dirs, files in os.walk("/", topdown=True):
    dirs[:] = [d for d in dirs if (root, d) not in (("/", "usr"), ("/", "proc"))]
    for f in files:
        if stat.S_ISCHR(os.lstat(root + "/" + f).st_mode) or stat.S_ISBLK(os.lstat(root + "/" + f).st_mode):
            found.append(os.path.join(root, f))
result = sorted(found)""")
    assert seen == sorted([*(f"/dev/{d}" for d in DEVICES), "/dev/pts/ptmx"])
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
