"""`paths`: what may be read, written or not seen, how rules nest, and that nothing is ever made on the host."""

import itertools
import json
import os
import random
import stat

import pytest

from harness import AS_ROOT, NOBODY, Caller


def bind(source, access="ro", **more):
    return {"from": str(source), "access": access, **more}


def paths(**rules):
    """paths(work=...) is {"paths": {"/work": ...}}; double underscores are slashes."""
    return {"paths": {"/" + name.replace("__", "/"): rule for name, rule in rules.items()}}


def snapshot(path):
    """Every entry below with what could have been changed."""
    rows = []
    for root, dirs, files in os.walk(path):
        for name in dirs + files:
            one = os.path.join(root, name)
            s = os.lstat(one)
            rows.append((one, s.st_mode, s.st_uid, s.st_size, s.st_mtime_ns))
    return sorted(rows)


# ---- one rule ----------------------------------------------------------------------------------------------------------


def test_ro(tree, host):
    before = snapshot(host)
    seen = tree.probe("""
result = [read("/h/data"), read("/h/sub/inner"), attempt(write, "/h/new"), attempt(append, "/h/data"), attempt(os.mkdir, "/h/d"),
          attempt(os.unlink, "/h/data"), attempt(os.chmod, "/h/data", 0o777), attempt(os.utime, "/h/data"),
          attempt(os.rename, "/h/data", "/h/moved"), attempt(os.link, "/h/data", "/h/link"), attempt(write, "/h/sub/new")]""",
                      paths(h=bind(host)))
    assert seen[:2] == ["data of the host\n", "inner of the host\n"]
    # Files of root are closed to its payload before anybody looks at the mount.
    assert set(seen[2:]) <= ({"EROFS", "EACCES", "EPERM"} if AS_ROOT else {"EROFS"})
    assert seen[2] == seen[4] == seen[7] == seen[9] == seen[10] == "EROFS" or AS_ROOT
    assert snapshot(host) == before


def test_ro_of_what_the_payload_owns(tree, work, given):
    (work / "own").write_text("x")
    given(work / "own")
    seen = tree.probe('result = [attempt(append, "/w/own"), attempt(os.unlink, "/w/own"), attempt(os.chmod, "/w/own", 0o777)]',
                      paths(w=bind(work)))
    assert seen == ["EROFS"] * 3


def test_rw(tree, work):
    tree.sh("echo made > /w/made; mkdir /w/d; ln -s made /w/link; chmod 640 /w/made", paths(w=bind(work, "rw")))
    made = (work / "made").stat()
    assert (work / "made").read_text() == "made\n" and os.readlink(work / "link") == "made" and (work / "d").is_dir()
    assert (made.st_uid, made.st_gid) == (Caller.outside_uid, Caller.outside_gid)
    assert stat.S_IMODE(made.st_mode) == 0o640


def test_the_same_path_by_its_short_form(tree, work, host):
    request = {"paths": {str(work): "rw", str(host): "ro"}}
    tree.sh(f"cp {host}/data {work}/copy", request)
    assert (work / "copy").read_text() == "data of the host\n"


def test_deny_of_a_directory(tree, host):
    seen = tree.probe("""
result = [attempt(os.listdir, "/h/sub"), attempt(read, "/h/sub/inner"), attempt(write, "/h/sub/new"), attempt(os.chdir, "/h/sub"),
          attempt(os.chmod, "/h/sub", 0o777), read("/h/data")]""", paths(h=bind(host), h__sub="deny"))
    assert seen == ["EACCES"] * 4 + ["EROFS", "data of the host\n"]


@pytest.mark.invariant("S5")
def test_deny_of_a_file(tree, host):
    seen = tree.probe("""
result = [attempt(read, "/h/data"), attempt(append, "/h/data"), attempt(os.chmod, "/h/data", 0o777), os.stat("/h/data").st_size,
          read("/h/sub/inner")]""", paths(h=bind(host), h__data="deny"))
    assert seen == ["EACCES", "EROFS", "EROFS", 0, "inner of the host\n"] or \
        seen == ["EACCES", "EACCES", "EROFS", 0, "inner of the host\n"]


def test_deny_in_the_system_base(tree):
    assert tree.probe('result = [attempt(os.listdir, "/usr/share"), attempt(read, "/usr/bin/perl")]',
                      paths(usr__share="deny", usr__bin__perl="deny")) == ["EACCES", "EACCES"]


def test_deny_of_what_is_not_in_the_system_base(tree):
    """Nobody inside can make it there, so there is nothing to hide and nothing to refuse."""
    assert tree.sh("ls -d /usr/no-such; true", paths(usr__no_such="deny", usr__share__none__at__all="deny")) == ""


def test_deny_of_a_place_of_its_own(tree):
    assert tree.probe('result = [attempt(os.listdir, "/secret"), attempt(os.listdir, "/tmp/secret")]',
                      paths(secret="deny", tmp__secret="deny")) == ["EACCES", "EACCES"]


def test_tmpfs(tree):
    seen = tree.probe("""
s, v = os.stat("/t"), os.statvfs("/t")
write("/t/x")
result = [v.f_blocks * v.f_frsize, stat.S_IMODE(s.st_mode), s.st_uid, os.listdir("/t")]""", paths(t="tmpfs"))
    assert seen == [256 << 20, 0o755, 1000, ["x"]]


def test_tmpfs_of_a_size_and_mode(tree):
    seen = tree.probe("""
s = os.stat("/t")
def fill():
    with open("/t/x", "wb", buffering=0) as f:
        for _ in range(32):
            f.write(bytes(1 << 16))
result = [stat.S_IMODE(s.st_mode), attempt(fill), os.stat("/t/x").st_size <= 1 << 20]""",
                      paths(t={"access": "tmpfs", "size": "1M", "mode": "1700"}))
    assert seen == [0o1700, "ENOSPC", True]


def test_noexec(tree, host, work, given):
    for access, directory in (("ro", host), ("rw", work)):
        (directory / "tool").write_text("#!/bin/sh\necho tool ran\n")
        (directory / "tool").chmod(0o755)
        assert tree.ok(["/x/tool"], paths(x=bind(directory, access))) == "tool ran\n"
        error = tree.fails(["/x/tool"], paths(x=bind(directory, access, noexec=True)), code=126)
        assert error["errno_name"] == "EACCES" and "noexec" in error["hint"]


def test_noexec_of_a_tmpfs(tree):
    script = "printf '#!/bin/sh\\necho ran\\n' > /t/x; chmod 755 /t/x; /t/x"
    assert tree.sh(script, paths(t="tmpfs")) == "ran\n"
    done = tree.run(["/bin/sh", "-c", script], paths(t={"access": "tmpfs", "noexec": True}))
    assert done.code == 126 and b"Permission denied" in done.err


@pytest.mark.parametrize("access", ["ro", "rw"])
def test_optional(tree, tmp_path, work, access):
    request = paths(a=bind(tmp_path / "none", access, optional=True), b=bind(work, access, optional=True))
    assert tree.sh("ls -d /a /b 2>/dev/null; true", request) == "/b\n"
    assert not (tmp_path / "none").exists()


def test_a_missing_source_is_refused(tree, tmp_path):
    error = tree.fails(["true"], paths(a=bind(tmp_path / "none")))
    assert (error["stage"], error["field"], error["errno_name"]) == ("path", "/paths/~1a", "ENOENT") or \
        (error["stage"], error["field"], error["errno_name"]) == ("source", "/paths/~1a", "ENOENT")
    assert error["object"] == str(tmp_path / "none") and "optional" in error["hint"]
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("access", ["ro", "rw"])
def test_files_have_rules_too(tree, work, given, access):
    (work / "one").write_text("one\n")
    given(work / "one")
    (work / "two").write_text("two\n")
    request = paths(one=bind(work / "one", access), tmp__d__one=bind(work / "one", access))
    done = tree.run(["/bin/sh", "-c", "cat /one /tmp/d/one; ls /tmp/d; echo new > /one"], request)
    assert done.out == b"one\none\none\n"
    assert (done.code == 0) == (access == "rw")
    assert (work / "one").read_text() == ("new\n" if access == "rw" else "one\n")


def test_a_symbolic_link_that_the_caller_names_is_followed(tree, tmp_path, host):
    (tmp_path / "named").symlink_to(host)
    assert tree.sh("cat /h/data", paths(h=bind(tmp_path / "named"))) == "data of the host\n"


def test_magic_links_are_never_sources(tree):
    error = tree.fails(["true"], paths(h=bind("/proc/self/root/etc")))
    assert error["errno_name"] == "ELOOP" and error["object"] == "/proc/self/root/etc"


def test_replacing_tmp_and_home(tree, work, host):
    seen = tree.sh("cat /tmp/data; echo x > $HOME/made", paths(tmp=bind(host), home__sandbox=bind(work, "rw")))
    assert seen == "data of the host\n" and (work / "made").read_text() == "x\n"


def test_replacing_parts_of_the_base(tree, host):
    (host / "passwd").write_text("me:x:1000:1000::/:/bin/sh\n")
    assert tree.sh("id -un; ls /usr/share", {"paths": {"/etc/passwd": bind(host / "passwd"), "/usr/share": "tmpfs"}}) == "me\n"


def test_etc_as_a_whole(tree, host):
    assert tree.sh("ls /etc", {"paths": {"/etc": bind(host / "sub")}}) == "inner\n"


@pytest.mark.parametrize("name", ["with space", "with\ttab", "new\nline", "quote\"'", "back\\slash", "colon:comma,", "ünïcode",
                                  "...", "-dash", "$var", "%s%n", "x" * 255])
def test_names_of_any_kind(tree, tmp_path, name):
    """Also as parts of the places inside, where they become JSON pointers and mount points."""
    (tmp_path / "names" / name).mkdir(parents=True)
    (tmp_path / "names" / name / "file").write_text("there\n")
    os.chmod(tmp_path / "names", 0o755)
    assert tree.ok(["cat", f"/in/{name}/file"], {"paths": {f"/in/{name}": bind(tmp_path / "names" / name)}}) == "there\n"


def test_deep_places(tree, host):
    deep = "/deep" + "/d" * 200
    assert tree.ok(["cat", deep + "/data"], {"paths": {deep: bind(host)}}) == "data of the host\n"


def test_many_rules(tree, host):
    """More sources than the usual limit of descriptors; the payload has the caller's limit all the same."""
    rules = {f"/many/{i}": bind(host if i % 2 else host / "data") for i in range(1500)}
    seen = tree.sh("cat /many/0 /many/1499/data; ls /many | wc -l; ulimit -n", {"paths": rules},
                   wrap=["prlimit", "--nofile=1024:4096"])
    assert seen == "data of the host\n" * 2 + "1500\n1024\n"


# ---- spellings of places -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", ["/in/here/", "/in//here", "//in/here", "/in/./here", "/./in/here/.", "/in/here///"])
def test_spellings_of_one_place(tree, host, spelling):
    assert tree.ok(["cat", "/in/here/data"], {"paths": {spelling: bind(host)}}) == "data of the host\n"


@pytest.mark.parametrize("spelling", ["/", "/./", ".//."])
def test_sources_may_end_in_slashes(tree, host, spelling):
    assert tree.ok(["cat", "/in/data"], {"paths": {"/in": bind(f"{host}{spelling if spelling[0] == '/' else '/'}")}})


def test_the_longest_prefix_is_one_of_whole_components(tree, host, work):
    (work / "mark").write_text("of work\n")
    request = {"paths": {"/in": bind(host), "/in-side": bind(work), "/in.d": "tmpfs", "/i": "deny"}}
    assert tree.sh("cat /in/data /in-side/mark; ls /in.d; ls /i 2>/dev/null || echo denied", request) == \
        "data of the host\nof work\ndenied\n"


# ---- nesting -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def nest(work, given):
    """work/a/b/c/d, each with a file `f`, all the payload's own."""
    path = work
    for name in "abcd":
        (path / "f").write_text(f"above {name}\n")
        given(path / "f")
        path = path / name
        path.mkdir()
        given(path)
    (path / "f").write_text("innermost\n")
    given(path / "f")
    return work


LOOK = """
def look(path):
    return [attempt(read, path + "/f"), attempt(os.listdir, path), attempt(append, path + "/f", ""), attempt(write, path + "/new")]
result = {p: look(p) for p in ("/w", "/w/a", "/w/a/b", "/w/a/b/c", "/w/a/b/c/d")}
"""
RO, RW = ["ok", "ok", "EROFS", "EROFS"], ["ok"] * 4
DENIED = ["EACCES"] * 4
# A denied directory with something visible inside can be passed through and no more.
PASSAGE = ["ENOENT", "EACCES", "ENOENT", "ENOENT"]


def nested(work, **accesses):
    rules = {"/w": bind(work, accesses.pop("w"))}
    for name, access in accesses.items():
        rules["/w" + "".join("/" + c for c in "abcd"[:"abcd".index(name) + 1])] = access
    return {"paths": rules}


@pytest.mark.parametrize("accesses, expected", [
    (dict(w="rw", a="ro"), [RW, RO, RO, RO, RO]),
    (dict(w="ro", a="rw"), [RO, RW, RW, RW, RW]),
    (dict(w="rw", a="deny"), [RW, DENIED, DENIED, DENIED, DENIED]),
    (dict(w="rw", a="ro", b="rw", c="ro", d="rw"), [RW, RO, RW, RO, RW]),
    (dict(w="ro", b="rw", d="ro"), [RO, RO, RW, RW, RO]),
    (dict(w="rw", b="ro", c="deny"), [RW, RW, RO, DENIED, DENIED]),
], ids=lambda v: " ".join(f"{k}={a}" for k, a in v.items()) if isinstance(v, dict) else "")
def test_nested_rules(tree, nest, accesses, expected):
    seen = tree.probe(LOOK, nested(nest, **accesses))
    assert list(seen.values()) == expected


def test_rw_inside_deny_inside_ro(tree, nest):
    seen = tree.probe(LOOK, nested(nest, w="ro", a="deny", c="rw"))
    top, denied, between, inner, innermost = seen.values()
    assert (top, inner, innermost) == (RO, RW, RW)
    # What is denied shows neither its files nor its list, and nothing can be made there.
    for one in (denied, between):
        assert one[0] in ("ENOENT", "EACCES") and one[3] in ("EACCES", "EROFS"), one
    assert denied[1] == "EACCES"
    assert (nest / "a" / "b" / "c" / "new").exists() and not (nest / "a" / "new").exists()
    assert not (nest / "a" / "b" / "new").exists()


def test_what_is_denied_on_the_way_cannot_be_opened_up(tree, nest):
    seen = tree.probe("""
result = [attempt(os.chmod, "/w/a", 0o777), attempt(os.listdir, "/w/a"), attempt(os.mkdir, "/w/a/x"), attempt(os.rmdir, "/w/a"),
          attempt(os.rename, "/w/a", "/w/z")]""", nested(nest, w="rw", a="deny", c="ro"))
    assert seen[0] == "EROFS" and seen[1] == "EACCES" and seen[2] in ("EROFS", "EACCES") and seen[3:] == ["EBUSY", "EBUSY"]


@pytest.mark.parametrize("access", ["ro", "deny", "tmpfs"])
def test_a_rule_inside_rw_cannot_be_moved_away(tree, nest, access):
    seen = tree.probe('result = [attempt(os.rename, "/w/a", "/w/z"), attempt(os.rmdir, "/w/a"), attempt(os.unlink, "/w/a")]',
                      nested(nest, w="rw", a=access))
    assert seen == ["EBUSY", "EBUSY", "EISDIR"] or seen == ["EBUSY", "EBUSY", "EBUSY"]
    assert (nest / "a" / "b").is_dir()


def test_moving_the_parent_of_a_rule_takes_the_rule_along(tree, nest):
    """rename(2) of a directory that holds a mount point: allowed by the kernel, and what is denied stays denied."""
    seen = tree.probe("""
first = attempt(os.rename, "/w/a", "/w/z")
where = "/w/z" if first == "ok" else "/w/a"
result = [attempt(os.listdir, where + "/b"), attempt(read, where + "/b/f")]""", nested(nest, w="rw", b="deny"))
    assert seen == ["EACCES", "EACCES"]


def test_tmpfs_inside_rw_leaves_the_host_as_it_was(tree, nest):
    before = snapshot(nest)
    assert tree.sh("ls /w/a; echo x > /w/a/x; ls /w/a", nested(nest, w="rw", a="tmpfs")) == "x\n"
    assert snapshot(nest) == before


def test_rules_inside_a_tmpfs(tree, nest, host):
    request = {"paths": {"/t": "tmpfs", "/t/in/host": bind(host), "/t/out": bind(nest, "rw"), "/t/no": "deny"}}
    seen = tree.probe("""
write("/t/new")
result = [read("/t/in/host/data"), attempt(write, "/t/in/host/x"), attempt(write, "/t/out/made"), attempt(os.listdir, "/t/no"),
          sorted(os.listdir("/t"))]""", request)
    assert seen == ["data of the host\n", "EROFS", "ok", "EACCES", ["in", "new", "no", "out"]]


def test_a_rule_without_from_shows_what_the_enclosing_rule_shows(tree, nest):
    """/w/a is a of the directory shown at /w, and not the host's own /w/a."""
    assert tree.sh("cat /w/a/f", nested(nest, w="ro", a="rw")) == "above b\n"


def test_the_order_of_keys_does_not_matter(tree, nest):
    rules = list(nested(nest, w="ro", a="deny", b="rw", c="ro", d="tmpfs")["paths"].items())
    plans = set()
    for order in itertools.islice(itertools.permutations(rules), 0, 120, 17):
        plans.add(json.dumps(tree.probe(LOOK.replace('attempt(write, path + "/new")', "0"), {"paths": dict(order)})))
    random.shuffle(rules)
    plans.add(json.dumps(tree.probe(LOOK.replace('attempt(write, path + "/new")', "0"), {"paths": dict(rules)})))
    assert len(plans) == 1


def test_files_inside_directories(tree, nest):
    request = nested(nest, w="rw")
    request["paths"].update({"/w/f": "ro", "/w/a/f": "deny"})
    seen = tree.probe("""
result = [attempt(append, "/w/f"), attempt(os.unlink, "/w/f"), attempt(os.rename, "/w/a/f", "/w/a/g"), attempt(read, "/w/a/f"),
          attempt(write, "/w/a/new")]""", request)
    assert seen == ["EROFS", "EBUSY", "EBUSY", "EACCES", "ok"]
    assert (nest / "f").read_text() == "above a\n" and (nest / "a" / "f").read_text() == "above b\n"


# ---- deny of what is missing ---------------------------------------------------------------------------------------------


def test_deny_of_what_could_be_made_is_refused(tree, work):
    error = tree.fails(["true"], paths(w=bind(work, "rw"), w__env="deny"))
    assert (error["stage"], error["field"], error["object"]) == ("path", "/paths/~1w~1env", "/w/env")
    assert "if_missing" in error["hint"] and os.listdir(work) == []


def test_a_gap_that_was_accepted_is_listed(tree, work):
    done = tree.run(["/bin/sh", "-c", "echo x > /w/env"],
                    paths(w=bind(work, "rw"), w__env={"access": "deny", "if_missing": "ignore"}))
    assert done.code == 0 and (work / "env").read_text() == "x\n"
    listed = {entry["protection"]: entry for entry in done.outcome["not_enforced"]}
    assert listed["denied_paths"]["field"].startswith("/paths") and "denied_paths" not in done.outcome["enforced"]


def test_if_missing_denies_what_is_there(tree, nest):
    request = nested(nest, w="rw")
    request["paths"]["/w/f"] = {"access": "deny", "if_missing": "ignore"}
    done = tree.run(["cat", "/w/f"], request)
    assert done.code == 1 and b"Permission denied" in done.err
    assert done.outcome["not_enforced"] == [] and "denied_paths" in done.outcome["enforced"]


# ---- nothing is made on the host ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("access", ["ro", "rw"])
@pytest.mark.parametrize("rule", [{"access": "tmpfs"}, "deny", "bind"])
def test_a_missing_place_below_a_bind_is_never_made(tree, nest, host, access, rule):
    request = paths(w=bind(nest, access))
    request["paths"]["/w/new/place"] = bind(host) if rule == "bind" else rule
    before = snapshot(nest)
    done = tree.run(["true"], request)
    assert snapshot(nest) == before
    # Denying what nobody can make needs no place; all else does.
    assert (done.code == 0) == (rule == "deny" and access == "ro"), done


@pytest.mark.parametrize("place", ["/usr/new-place", "/etc/alternatives/new-place", "/usr/share/new/place"])
def test_a_missing_place_in_the_base_is_never_made(tree, host, place):
    error = tree.fails(["true"], {"paths": {place: bind(host)}})
    assert error["object"] == place and "nothing is ever made on the host" in error["message"]
    assert not os.path.exists(place)


@pytest.mark.parametrize("rules, place", [
    ({"/w/f": "tmpfs"}, "/w/f"), ({"/w/a": "FILE"}, "/w/a"), ({"/w/f": "DIR"}, "/w/f"),
])
def test_places_of_the_wrong_type(tree, nest, host, rules, place):
    rules = {k: {"FILE": bind(host / "data"), "DIR": bind(host)}.get(v, v) for k, v in rules.items()}
    error = tree.fails(["true"], {"paths": {"/w": bind(nest, "rw"), **rules}})
    assert error["object"] == place and "not of the type" in error["message"] and "over a" in error["hint"]


# ---- links as traps ----------------------------------------------------------------------------------------------------------

TRAPS = {"absolute": "/etc", "relative": "../../../../../../../../etc", "magic": "/proc/self/root/etc", "to itself": "trap",
         "dangling": "/no/such"}


@pytest.mark.parametrize("target", TRAPS.values(), ids=TRAPS.keys())
@pytest.mark.parametrize("rule", ["ro", "rw", "deny", "tmpfs"])
@pytest.mark.invariant("S3")
def test_a_link_where_a_rule_stands(tree, work, target, rule):
    """Planted by an earlier payload in what it could write. Refused; at the least, nothing of the host shows or is covered."""
    (work / "trap").symlink_to(target)
    done = tree.run(["/bin/sh", "-c", "ls /w/trap/; cat /w/trap/shadow /w/trap/hostname; ls /etc"],
                    paths(w=bind(work, "rw"), w__trap=rule))
    assert done.code == 125 and done.reason == "setup_failed", done
    assert done.error["object"] in ("/w/trap", str(work / "trap")) and done.error["message"]


@pytest.mark.parametrize("target", TRAPS.values(), ids=TRAPS.keys())
@pytest.mark.parametrize("rule", ["ro", "rw", "deny", "tmpfs"])
def test_a_link_on_the_way_to_a_rule(tree, work, target, rule):
    (work / "trap").symlink_to(target)
    done = tree.run(["/bin/sh", "-c", "cat /w/trap/hostname; cat /etc/hostname; true"],
                    paths(w=bind(work, "rw"), w__trap__hostname=rule))
    with open("/etc/hostname") as file:
        assert file.read().encode() not in done.out
    if rule in ("ro", "rw"):
        assert done.code == 125, done


def test_a_link_on_the_way_shows_the_trees_own(tree, work):
    """Links are taken as they are inside the shown tree: /etc is its own etc."""
    (work / "etc").mkdir()
    (work / "etc" / "hostname").write_text("decoy\n")
    (work / "trap").symlink_to("/etc")
    done = tree.run(["cat", "/w/trap/hostname"], paths(w=bind(work), w__trap__hostname="ro"))
    assert done.code != 0 or done.text == "decoy\n"


def test_a_link_in_a_source_below_another_source(tree, host):
    """host/etc is a link to the host's /etc."""
    done = tree.run(["/bin/sh", "-c", "cat /h/etc/passwd"], paths(h=bind(host), h__etc="ro"))
    assert done.code == 125 and b"root" not in done.out


def test_a_link_seen_inside_leads_to_the_sandboxs_own(tree, host):
    assert tree.sh("cat /h/etc/passwd", paths(h=bind(host))) == tree.sh("cat /etc/passwd")


# ---- what the payload may not have ------------------------------------------------------------------------------------------


@pytest.mark.as_root
def test_a_device_in_a_bind_cannot_be_opened(tree, work, given):
    node = work / "null"
    os.mknod(node, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    node.chmod(0o666)
    given(node)
    assert tree.probe('result = attempt(read, "/w/null")', paths(w=bind(work, "rw"))) == "EACCES"
    for request in (paths(node=bind(node)), paths(tmp__node=bind(node, "rw"))):
        assert tree.fails(["true"], request)["errno_name"] == "ENODEV"


def test_the_hosts_devices_cannot_be_opened_through_a_rule(tree):
    assert tree.probe('result = [attempt(read, "/d/null"), attempt(append, "/d/zero")]',
                      paths(d=bind("/dev"))) == ["EACCES", "EACCES"]


def test_a_device_is_no_source(tree):
    """It could not be opened inside: said at once instead."""
    error = tree.fails(["true"], paths(n=bind("/dev/null", "rw")))
    assert (error["stage"], error["object"], error["errno_name"]) == ("path", "/dev/null", "ENODEV")
    assert error["message"] == "`/dev/null` on the host is not of a type that can stand there: No such device"
    assert error["hint"] == ("a device of the host cannot be opened inside; the sandbox's own /dev has null, zero, full, "
                             "random, urandom and tty, and in `mounts` a bind with the access `dev` shows others")


@pytest.mark.invariant("S13")
def test_a_setuid_program_in_a_bind_gives_nothing(tree, work):
    program = work / "id"
    program.write_bytes(open("/usr/bin/id", "rb").read())
    program.chmod(0o6755)
    request = {**paths(w=bind(work, "rw")), "security": {"no_new_privs": False}}
    for one in (paths(w=bind(work)), paths(w=bind(work, "rw")), request):
        assert tree.ok(["/w/id", "-u"], one) == "1000\n"
        assert tree.ok(["/w/id", "-g"], one) == "1000\n"


@pytest.mark.as_root
@pytest.mark.invariant("S14")
def test_roots_own_files_stay_closed(tree, work):
    """The payload is 65534 outside: files of root are others' files, also in what it may write."""
    (work / "secret").write_text("secret")
    (work / "secret").chmod(0o600)
    (work / "readable").write_text("open")
    (work / "readable").chmod(0o644)
    seen = tree.probe("""
result = [attempt(read, "/w/secret"), attempt(append, "/w/secret"), attempt(os.chmod, "/w/secret", 0o666), read("/w/readable"),
          attempt(append, "/w/readable"), os.stat("/w/secret").st_uid]""", paths(w=bind(work, "rw")))
    assert seen == ["EACCES", "EACCES", "EPERM", "open", "EACCES", 65534]
    assert (work / "secret").stat().st_uid == 0 and NOBODY == 65534 and AS_ROOT


def test_rw_that_the_payload_could_not_write_is_refused(tree, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o755)
    if not AS_ROOT:
        closed.chmod(0o555)
    error = tree.fails(["true"], paths(w=bind(closed, "rw")))
    assert (error["stage"], error["field"], error["object"]) == ("access", "/paths/~1w", "/w")
    assert "uid_map" in error["hint"]


@pytest.mark.as_root
def test_the_ways_out_for_roots_own_directory(tree, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir(mode=0o755)
    request = paths(w=bind(mine, "rw"))
    tree.sh("touch /w/as-root", {**request, "user": dict(Caller.own_ids)})
    os.chown(mine, NOBODY, NOBODY)
    tree.sh("touch /w/as-nobody", request)
    assert (mine / "as-root").stat().st_uid == 0 and (mine / "as-nobody").stat().st_uid == NOBODY


@pytest.mark.as_root
def test_a_source_that_only_root_can_reach(tree, tmp_path):
    """Opened by the caller before the ids change; the payload needs no way to it."""
    inner = tmp_path / "closed" / "inner"
    inner.mkdir(parents=True, mode=0o755)
    (inner / "file").write_text("there\n")
    (tmp_path / "closed").chmod(0o700)
    assert tree.sh("cat /in/file", paths(**{"in": bind(inner)})) == "there\n"


@pytest.mark.as_ordinary
def test_a_source_that_the_caller_cannot_reach(tree):
    if os.access("/root", os.X_OK):
        pytest.skip("the directory of root is open here")
    error = tree.fails(["true"], paths(**{"in": bind("/root/.profile")}))
    assert error["errno_name"] == "EACCES" and "caller itself" in error["hint"]


def test_the_whole_host_as_a_source(tree):
    """`from: "/"` shows the host's tree as it is, and none of what the set-up attached meanwhile."""
    seen = tree.probe('''
result = [sorted(os.listdir("/host")), sorted(os.listdir("/host/dev/"))[:3], attempt(write, "/host/tmp/new"),
          attempt(read, "/host/etc/hostname"), attempt(read, "/host/dev/null")]''', paths(host=bind("/")))
    assert seen[0] == sorted(os.listdir("/")) and seen[1] == sorted(os.listdir("/dev"))[:3]
    assert seen[2:] == ["EROFS", "ok", "EACCES"]


def test_what_lies_deep_below_rw_cannot_be_moved_away(tree, work, given):
    """Its directory is a mount point: else the payload could put another one in its place, for the host to use."""
    (work / "a" / "hooks").mkdir(parents=True)
    given(work / "a")
    given(work / "a" / "hooks")
    done = tree.run(["/bin/sh", "-c", "cd /w; mv a b; mkdir -p a/hooks; echo evil > a/hooks/run; touch a/beside; true"],
                    paths(w=bind(work, "rw"), w__a__hooks="deny"))
    assert done.code == 0 and b"busy" in done.err
    assert os.listdir(work) == ["a"] and sorted(os.listdir(work / "a")) == ["beside", "hooks"]
    assert os.listdir(work / "a" / "hooks") == []


@pytest.mark.parametrize("place,request_", [("/x", {"paths": {"/x": {"access": "tmpfs", "size": "4K"}}}), ("/tmp", {}), ("/dev/shm", {})],
                         ids=["rule", "tmp", "shm"])
def test_a_tmpfs_bounds_files_as_well(box, place, request_):
    """An empty file takes no block, but memory of the kernel's: a size that did not bound their number would hold nobody."""
    seen = box.probe(f"""
most = os.statvfs({place!r})
made = 0
if most.f_files <= 1024:
    while attempt(write, f"{place}/{{made}}", "") == "ok":
        made += 1
result = [most.f_files, most.f_blocks * most.f_frsize // 4096, made]""", request_)
    files, pages, made = seen
    assert files == max(pages, 1024)
    assert made == (files - 1 if files == 1024 else 0)
