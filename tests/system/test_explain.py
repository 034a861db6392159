"""`explain`: every step in words and as JSON, from the request alone, and the same as what then runs."""

import json
import os
import subprocess

import pytest

from harness import AS_ROOT, COMMAND, WAIT
from test_root import BASE_ETC, BASE_LINKS, MASKED, READ_ONLY


def explain(*args, **more):
    done = subprocess.run([COMMAND, "explain", *map(str, args)], capture_output=True, text=True, timeout=WAIT, **more)
    assert done.returncode == 0, done.stderr
    return done.stdout


def steps(*args, **more):
    return json.loads(explain("--emit", "json", *args, **more))["steps"]


def names(*args):
    return [step["step"] for step in steps(*args)]


def test_the_order_of_things():
    seen = names("--", "true")
    order = ["namespaces", "map ids", "hostname", "loopback", "identity", "root", "bind", "dev", "proc", "read-only", "mask",
             "tmpfs", "seal root", "pivot", "userns limit", "init", "reset", "session", "keyring", "capabilities", "cwd",
             "seccomp", "exec"]
    places = [seen.index(name) for name in order]
    assert places == sorted(places), list(zip(order, places))
    assert seen[-1] == "exec" and seen[-2] == "seccomp"


def test_every_step_says_why():
    for step in steps("--", "true"):
        assert set(step) >= {"number", "step", "stage", "field", "object", "details", "does", "why", "optional"}
        assert step["why"] and step["does"] and (step["field"] == "" or step["field"].startswith("/")), step


def test_words_and_json_are_one():
    args = ["--ro", "/opt:/o", "--deny", "/usr/share", "--", "true"]
    text, plan = explain(*args), steps(*args)
    lines = [line for line in text.splitlines() if line[:3].strip().isdigit()]
    assert [int(line[:3]) for line in lines] == [step["number"] for step in plan] == list(range(1, len(plan) + 1))
    for line, step in zip(lines, plan):
        assert step["does"] in line and step["object"] in line and step["details"] in line
    for step in plan:
        assert step["why"] in text


@pytest.mark.parametrize("seccomp, said", [
    ("default", ["profile `default`", "refuses with EPERM stays so"]),
    ({"profile": "strict", "on_violation": "kill"}, ["profile `strict`", "ends the payload"]),
    ({"allow": ["ptrace"], "deny": ["socket", "mkdir"], "on_violation": "log"},
     ["profile `default`", "also allowed: ptrace", "also refused: socket, mkdir", "let through and logged"]),
    ({"deny": ["read"] + ["write"] * 14}, ["also refused: read, write", " and 3 more"]),
    ({"bpf": [[6, 0, 0, 0x7FFF0000]]}, ["a program of the request's own"]),
    ({"oci": {"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_LOG"]}},
     ["profile of a container runtime", "all but allowed calls are logged"]),
], ids=str)
def test_the_filter_in_words(tmp_path, seccomp, said):
    path = tmp_path / "r.json"
    path.write_text(json.dumps({"version": 1, "command": ["true"], "security": {"seccomp": seccomp}}))
    step = next(step for step in steps(path) if step["step"] == "seccomp")
    assert all(part in step["details"] for part in said), step
    count, noun = step["object"].split()
    assert int(count) >= 1 and noun == "instructions"
    assert step["details"] in explain(path) and f"load the filter {step['object']}" in explain(path)


def test_the_filter_of_a_file_in_words(tmp_path):
    (tmp_path / "p.json").write_text('{"defaultAction": "SCMP_ACT_ALLOW"}')
    (tmp_path / "r.json").write_text(json.dumps({"version": 1, "command": ["true"], "security": {"seccomp": {"oci": str(tmp_path / "p.json")}}}))
    step = next(step for step in steps(tmp_path / "r.json") if step["step"] == "seccomp")
    assert f"from `{tmp_path}/p.json`" in step["details"]


def test_the_base_is_listed():
    objects = {step["object"] for step in steps("--", "true")}
    assert set(["/usr", *BASE_LINKS, *BASE_ETC, *MASKED, *READ_ONLY, "/dev", "/proc", "/tmp", "/home/sandbox"]) <= objects


@pytest.mark.parametrize("args, step, more", [
    (["--ro", "/opt:/o"], "bind", {"object": "/o", "source": "/opt", "field": "/paths/~1o"}),
    (["--rw", "/opt:/o"], "access", {"object": "/o", "stage": "access"}),
    (["--deny", "/usr/share"], "mask", {"object": "/usr/share", "field": "/paths/~1usr~1share"}),
    (["--tmpfs", "/t"], "tmpfs", {"object": "/t"}),
    (["--hostname", "h"], "hostname", {"object": "h"}),
    (["--set", "namespaces.uts.domainname=lab"], "hostname", {"object": "sandbox", "details": "domain name lab"}),
    (["--set", "nice=3"], "nice", {"object": "3"}),
    (["--set", "oom_score_adj=3"], "oom score", {"object": "3"}),
    (["--set", "rlimits.nofile=64"], "rlimit", {"object": "nofile", "field": "/rlimits/nofile"}),
    (["--uid", "7", "--gid", "8"], "identity", {"object": "uid 7, gid 8"}),
    (["--best-effort", "limits", "--set", "limits.pids=5"], "note", {"object": "limit_pids"}),
])
def test_a_field_and_its_step(args, step, more):
    found = [s for s in steps(*args, "--", "true") if s["step"] == step]
    assert any(all(s.get(k) == v for k, v in more.items()) for s in found), found


@pytest.mark.parametrize("args, step", [(["--no-init"], "init"), (["--network", "host"], "loopback"),
                                        (["--set", "namespaces.uts=host"], "hostname"), (["--set", "new_session=false"], "session")])
def test_what_is_not_asked_for_is_no_step(args, step):
    assert step in names("--", "true") and step not in names(*args, "--", "true")


def test_without_no_new_privs_the_filter_comes_before_the_capabilities_go():
    seen = names("--set", "security.no_new_privs=false", "--", "true")
    assert seen.index("seccomp") < seen.index("capabilities")


def test_it_reads_nothing_of_the_host(tmp_path):
    """Sources that are not there, other directories, other modes, other kernels: the same plan."""
    args = ["--ro", "/no/such:/x", "--", "true"]
    plain = explain(*args)
    assert explain(*args, cwd="/") == plain
    assert explain(*args, env={**os.environ, "STYRO_SPAWN": "helper", "STYRO_KERNEL": "5.15"}) == plain
    assert explain(*args, cwd=tmp_path) == plain


@pytest.mark.as_root
def test_it_is_the_same_for_everybody():
    args = ["--ro", "/opt:/o", "--", "true"]
    wrap = ["setpriv", "--reuid", "1500", "--regid", "1500", "--clear-groups"]
    done = subprocess.run([*wrap, COMMAND, "explain", *args], capture_output=True, text=True, cwd="/", timeout=WAIT)
    if done.returncode and "styrolite: " not in done.stderr:
        pytest.skip("the command is not reachable for an ordinary user")
    assert AS_ROOT and done.stdout == explain(*args)


def test_a_failure_names_a_step_of_the_plan(box):
    """Stage, field and object of an outcome's error are those of the step that `explain` shows."""
    args = ["--ro", "/no/such:/x"]
    error = box.fails(["true"], None, args)
    step = next(s for s in steps(*args, "--", "true") if s["object"] == "/x")
    assert error["field"] == step["field"] and error["object"] == step["source"]


# ---- two requests ----------------------------------------------------------------------------------------------------


@pytest.fixture
def request_file(tmp_path):
    def write(name, **request):
        path = tmp_path / name
        path.write_text(json.dumps({"version": 1, **request}))
        return path

    return write


def difference(*args, code=1, **more):
    """The lines without their numbers."""
    done = subprocess.run([COMMAND, "explain", "--diff", *map(str, args)], capture_output=True, text=True, timeout=WAIT, **more)
    assert done.returncode == code and done.stderr == "", done
    return [(line[0], line[7:]) for line in done.stdout.splitlines()]


def test_requests_that_do_not_differ(request_file):
    """However they are written."""
    one = request_file("one.json", command=["true"], timeout="1s", paths={"/a": "ro", "/b": "tmpfs"})
    other = request_file("other.json", paths={"/b": {"access": "tmpfs"}, "/a/": {"access": "ro"}}, timeout={"wall": 1}, command=["true"])
    assert difference(one, one, code=0) == difference(one, other, code=0) == []


def test_where_two_requests_differ(request_file):
    one = request_file("one.json", command=["true"], paths={"/o": {"from": "/opt", "access": "ro"}})
    other = request_file("other.json", command=["true"], network="host", paths={"/o": {"from": "/opt", "access": "rw"}})
    seen = difference(one, other)
    assert ("-", "bind /o (from `/opt`, ro, nosuid, nodev)") in seen and ("+", "bind /o (from `/opt`, nosuid, nodev, rw)") in seen
    assert ("-", "bring the loopback interface up") in seen and ("+", "check that the payload can write /o") in seen
    assert not any("pivot" in text or "/usr" in text for _, text in seen)
    turned = {"-": "+", "+": "-"}
    assert sorted((turned[sign], text) for sign, text in seen) == sorted(difference(other, one))


def test_what_an_option_changes(request_file):
    one = request_file("one.json", command=["true"])
    assert difference(one, one, "--tmpfs", "/t") == [("+", "mount a tmpfs /t (268435456 bytes, mode 0755, nosuid, nodev, rw)"),
                                                     ("+", "let Landlock allow /t (anything)")]
    assert difference(one, one, "--set", "namespaces.uts.hostname=a") == [("-", "name the host sandbox"), ("+", "name the host a")]
    with open(one) as file:
        assert ("-", "start the payload's process, stay as init") in difference("-", one, "--no-init", stdin=file)


def test_the_difference_is_the_order_of_the_steps(request_file):
    """Applied to the steps of the one it gives those of the other."""
    one = request_file("one.json", command=["a"], paths={f"/p{n}": "ro" for n in range(0, 60, 2)})
    other = request_file("other.json", command=["b"], extends="build", paths={f"/p{n}": "ro" for n in range(0, 60, 3)})
    lines = {name: [line[5:] for line in explain(path).splitlines()[::2]] for name, path in (("one", one), ("other", other))}
    left, right = list(lines["one"]), []
    seen = difference(one, other)
    for text in lines["other"]:
        while seen and seen[0][0] == "-" and left[0] == seen[0][1]:
            seen.pop(0), left.pop(0)
        if seen and seen[0] == ("+", text):
            right.append(seen.pop(0)[1])
        else:
            right.append(left.pop(0))
    assert right == lines["other"] and seen == [] and left == []


def test_what_stands_in_no_step(request_file):
    one = request_file("one.json", command=["true"])
    done = subprocess.run([COMMAND, "explain", "--diff", one, one, "--env", "A=b"], capture_output=True, text=True, timeout=WAIT)
    assert done.returncode == 1 and done.stdout.startswith("the steps read the same, and not all that stands in them is")


@pytest.mark.parametrize("args, words", [
    (["--diff", "{one}", "{one}", "--emit", "json"], ["leave --emit out"]),
    (["--diff", "{one}", "--diff", "{one}"], ["--diff is given twice"]),
    (["--diff", "{one}/gone.json", "{one}"], ["gone.json", "name a request file"]),
    (["--diff", "{bad}", "{one}"], ["{bad}", "/rot"]),
    (["--diff", "{one}", "{bad}"], ["{bad}", "/rot"]),
    (["--diff", "{wrong}", "{one}"], ["{wrong}", "/die_with_parent"]),
    (["--diff", "-", "-"], ["standard input can be only one", "name a file"]),
    (["--diff"], ["--diff", "value"]),
])
def test_two_requests_that_cannot_be_compared(request_file, args, words):
    places = {"{one}": request_file("one.json"), "{bad}": request_file("bad.json", rot=1),
              "{wrong}": request_file("wrong.json", init=False, die_with_parent=True)}

    def fill(text):
        for key, path in places.items():
            text = text.replace(key, str(path))
        return text

    done = subprocess.run([COMMAND, "explain", *map(fill, args)], capture_output=True, text=True, timeout=WAIT)
    assert done.returncode == 125 and done.stdout == "" and done.stderr.count("\n") == 1, done
    assert all(fill(word) in done.stderr for word in words), done.stderr
