"""The presets with the programs that they are for: git in a tree, a compiler, Python with an environment, a Wayland client."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import threading

import pytest

from harness import AS_ROOT, COMMAND, Caller, NOBODY, bind_at, in_time

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMES = sorted(path.stem for path in (ROOT / "core" / "presets").glob("*.json"))
NAME = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "C", "GIT_COMMITTER_EMAIL": "c@example.org"}


def not_enforced(done):
    return [(entry["protection"], entry["field"]) for entry in done.outcome["not_enforced"]]


def of_the_host(done):
    """What an ordinary caller's sandbox lists for its supplementary groups is not the preset's."""
    return [entry for entry in not_enforced(done) if entry[0] != "supplementary_groups"]


# ---- all of them ------------------------------------------------------------------------------------------------------


def test_each_is_documented_and_known():
    text = (ROOT / "docs" / "presets.md").read_text()
    manual = (ROOT / "docs" / "man" / "styrolite.1").read_text()
    assert NAMES == ["agent", "build", "desktop", "python"]
    assert [line[4:-1] for line in text.splitlines() if line.startswith("## `")] == ["python", "build", "agent", "desktop"]
    assert ".Pq Cm " + " , ".join(NAMES) in manual
    for name in NAMES:
        for variable in json.loads((ROOT / "core" / "presets" / f"{name}.json").read_text())["env"]:
            assert f"`{variable}`" in text, variable


@pytest.mark.parametrize("name", NAMES)
def test_each_is_explained(name, work):
    env = {**os.environ, "WAYLAND_DISPLAY": "/run/user/1000/wayland-1"}
    done = subprocess.run([COMMAND, "explain", "--extends", name], cwd=work, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    words = {"agent": [f"{work}", "/work/.git/hooks", "/work/.env"], "desktop": ["/run/user/1000/wayland-1", "/etc/fonts"],
             "build": ["name the host build"], "python": []}[name]
    for word in words:
        assert word in done.stdout, done.stdout


@pytest.mark.parametrize("name", [name for name in NAMES if name != "desktop"])
def test_none_opens_more_than_it_says(box, name, work):
    """No network, an empty home, no host file beside the tree, no capability."""
    os.chdir(work)
    seen = box.probe("""
home = os.environ["HOME"]
result = {"home": os.listdir(home), "net": sorted(os.listdir("/sys/class/net")) if os.path.exists("/sys/class/net") else None,
          "routes": read("/proc/net/route").splitlines()[1:], "caps": status()["CapEff"], "shadow": attempt(os.stat, "/etc/shadow"),
          "homes": os.listdir("/home"), "connect": None}
with socket.socket() as s:
    result["connect"] = attempt(s.connect, ("192.0.2.1", 80))
""", {"extends": name})
    assert seen["home"] == [] and seen["routes"] == [] and int(seen["caps"], 16) == 0
    assert seen["shadow"] == "ENOENT" and seen["homes"] == ["sandbox"] and seen["connect"] == "ENETUNREACH"


# ---- agent ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def tree(work, given):
    """A repository with a commit, hooks, and secrets, of who the payload is outside."""
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    git(work, "init", "-q", "-b", "main")
    (work / "file").write_text("one\n")
    (work / ".gitignore").write_text(".env\n")
    git(work, "add", ".")
    git(work, "commit", "-qm", "first")
    (work / ".git" / "hooks" / "pre-commit").write_text("#!/bin/sh\necho hook ran >&2\nexit 1\n")
    (work / ".git" / "hooks" / "pre-commit").chmod(0o755)
    (work / ".env").write_text("TOKEN=secret\n")
    for root, dirs, files in os.walk(work):
        for one in (root, *(os.path.join(root, name) for name in dirs + files)):
            given(one)
    return work


def agent(box, tree, script, **more):
    request = {"extends": "agent", **more}
    return box.run(["/bin/sh", "-c", script], request, cwd=tree, env={**NAME, "PWD": str(tree)})


def git(tree, *arguments):
    done = subprocess.run(["git", "-c", f"safe.directory={tree}", *arguments], cwd=tree, capture_output=True, text=True,
                          env={**os.environ, **NAME, "GIT_CONFIG_GLOBAL": "/dev/null"})
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.invariant("S2")
def test_an_agent_commits(box, tree):
    """And the repository's own hook, which would refuse, does not run: it cannot be seen."""
    done = agent(box, tree, "pwd; git status --short; echo two >> file; echo new > other; git add . && git commit -qm second; "
                            "git log --format=%an:%s; git checkout -q -b side; git status --short")
    assert done.code == 0 and done.line == "", done
    assert done.text.splitlines() == ["/work", "A:second", "A:first"]
    assert of_the_host(done) == []
    assert git(tree, "log", "--format=%an %cn %s", "side").splitlines() == ["A C second", "A C first"]
    assert (tree / "other").stat().st_uid == Caller.outside_uid


@pytest.mark.invariant("S1")
def test_what_an_agent_does_not_see(box, tree):
    done = agent(box, tree, """
cat .env; ls .git/hooks; cat .git/hooks/pre-commit; echo x > .git/hooks/post-commit; echo x > .env; rm -f .env; rmdir .git/hooks
mv .git/hooks .git/other; mv .git moved; chmod 755 .git/hooks; git config user.name x; echo x >> .git/config; mv .git/config gone
git config core.hooksPath /work; ls -A ~; exit 0""")
    assert done.code == 0 and "secret" not in done.text + done.line and "hook ran" not in done.text + done.line, done
    assert done.text == "", done
    assert (tree / ".env").read_text() == "TOKEN=secret\n"
    assert sorted(p.name for p in (tree / ".git" / "hooks").iterdir() if not p.name.endswith(".sample")) == ["pre-commit"]
    assert "hooksPath" not in (tree / ".git" / "config").read_text() and "name = x" not in (tree / ".git" / "config").read_text()


def test_what_an_agents_tree_has_not_is_listed(box, tree):
    """Accepted, and not passed over in silence."""
    (tree / ".env").unlink()
    done = agent(box, tree, "git status --short; echo made > .env")
    assert done.code == 0 and of_the_host(done) == [("denied_paths", "/paths")], done
    assert (tree / ".env").read_text() == "made\n"


def test_an_agent_in_a_plain_directory(box, work):
    (work / "file").write_text("text\n")
    done = agent(box, work, "cat file; echo x > made; ls -A | sort | tr '\\n' ' '")
    assert done.code == 0 and done.text == "text\nfile made ", done
    assert of_the_host(done) == [("denied_paths", "/paths")]


def test_an_agents_linked_worktree(box, tree, tmp_path, given):
    """`.git` is a file there, and what it names is not shown."""
    git(tree, "worktree", "add", "-q", str(tmp_path / "linked"))
    linked = tmp_path / "linked"
    for root, dirs, files in os.walk(linked):
        for one in (root, *(os.path.join(root, name) for name in dirs + files)):
            given(one)
    done = agent(box, linked, "cat file; git status 2>/dev/null || echo no repository")
    assert done.code == 0 and done.text == "one\nno repository\n", done


def test_an_agents_request_says_more(box, tree):
    """The example of the documentation: the request's own word on a place holds over the preset's."""
    done = agent(box, tree, "echo x > .git/index; echo x > file; cat file", paths={"/work/.git": "ro"}, timeout="10m")
    assert done.code == 0 and done.text == "x\n" and "Read-only file system" in done.line


def test_an_agent_without_its_variable(tmp_path):
    """Bindings give the variable themselves; without it the error names it."""
    here = tmp_path / "gone"
    here.mkdir()
    done = subprocess.run(["/bin/sh", "-c", f"cd {here} && rmdir {here} && exec {COMMAND} run --extends agent -- true"],
                          capture_output=True, text=True, env={k: v for k, v in os.environ.items() if k != "PWD"})
    assert done.returncode == 125 and "`CWD` has no value" in done.stderr, done


# ---- build ------------------------------------------------------------------------------------------------------------

SOURCE = '#include <stdio.h>\n#include "a.h"\nint main(void) { return printf("%s %s\\n", NAME, __DATE__) < 0; }\n'


def test_a_compile(box, tmp_path, work):
    """Twice, with the same bytes in the end, and the date that the preset says."""
    source = tmp_path / "src"
    source.mkdir()
    (source / "a.c").write_text(SOURCE)
    (source / "a.h").write_text('#define NAME "built"\n')
    source.chmod(0o755)
    request = {"extends": "build", "cwd": "/src", "paths": {"/src": {"from": str(source)}, "/out": {"from": str(work), "access": "rw"}}}
    for name in ("one", "two"):
        done = box.run(["cc", "-g", "a.c", "-o", f"/out/{name}"], request)
        assert done.code == 0 and of_the_host(done) == [], done
    assert (work / "one").read_bytes() == (work / "two").read_bytes()
    assert subprocess.run([work / "one"], capture_output=True, text=True).stdout == "built Jan  1 1980\n"
    assert box.run(["/bin/sh", "-c", "echo x > /src/a.c"], request).code != 0


def test_a_make_with_tests(box, work, given):
    (work / "Makefile").write_text("all: t\n\t./t | grep -q built\nt: t.c\n\t$(CC) -fsanitize=leak -o $@ $<\n")
    (work / "t.c").write_text('#include <stdio.h>\n#include <stdlib.h>\nint main(void) { free(malloc(9)); puts("built"); return 0; }\n')
    for one in work.iterdir():
        given(one)
    request = {"extends": "build", "cwd": "/w", "paths": {"/w": {"from": str(work), "access": "rw"}}}
    done = box.run(["make", "-s"], request)
    assert done.code == 0, done
    # what the profile is for: the leak checker traces its own process, which the default profile refuses
    assert box.run(["./t"], request).text == "built\n"
    assert box.run(["./t"], {**request, "security": {"seccomp": "default"}}).code != 0


def test_what_a_build_knows_of_its_host(box):
    seen = box.sh("hostname 2>/dev/null || cat /proc/sys/kernel/hostname; date +%Z; echo $LC_ALL $SOURCE_DATE_EPOCH; umask",
                  {"extends": "build"})
    assert seen.split() == ["build", "UTC", "C.UTF-8", "315532800", "0022"]


# ---- python -----------------------------------------------------------------------------------------------------------


def test_python(box):
    seen = box.probe("""
import multiprocessing, ssl, sqlite3, tempfile
with multiprocessing.get_context("fork").Pool(2) as pool:
    squares = pool.map(abs, [-1, -2])
with tempfile.NamedTemporaryFile() as file:
    named = file.name
result = [squares, named.startswith("/tmp/"), sys.flags.dont_write_bytecode, sys.stdout.encoding, sys.flags.no_user_site]
""", {"extends": "python"})
    assert seen[:2] == [[1, 2], True] and seen[3] == "utf-8"


def test_a_virtual_environment(box, tmp_path):
    """Its scripts name it by its place on the host, so that is where it is shown."""
    place = tmp_path / "project"
    place.mkdir()
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", place / "venv"], check=True, timeout=60)
    site = next((place / "venv" / "lib").glob("python3*")) / "site-packages"
    (site / "tool.py").write_text("import sys\ndef main():\n    print('tool in', sys.prefix)\nif __name__ == '__main__':\n    main()\n")
    script = place / "venv" / "bin" / "tool"
    script.write_text(f"#!{place}/venv/bin/python3\nfrom tool import main\nmain()\n")
    script.chmod(0o755)
    tmp_path.chmod(0o755)
    request = {"extends": "python", "cwd": str(place), "paths": {str(place): "ro"}}
    for argv in ([str(script)], [f"{place}/venv/bin/python3", "-m", "tool"], ["venv/bin/python3", "-c", "import tool; tool.main()"]):
        done = box.run(argv, request)
        assert done.code == 0 and done.text == f"tool in {place}/venv\n", done
    assert not list(place.rglob("__pycache__"))


def test_output_of_a_program_that_is_ended(box):
    """Without buffers of its own what it wrote before is there."""
    done = in_time(lambda deadline: box.run(["python3", "-c", "import time\nprint('said')\ntime.sleep(60)"],
                                            {"extends": "python", "timeout": deadline, "output": "1M"}), lambda d: b"said" in d.out)
    assert done.reason == "timed_out" and done.text == "said\n"


# ---- desktop ----------------------------------------------------------------------------------------------------------


class Compositor(threading.Thread):
    """As much of one as is of interest here: it takes a client's greeting and a piece of shared memory."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.listening = socket.socket(socket.AF_UNIX)
        bind_at(self.listening, path)
        self.listening.listen()
        self.listening.settimeout(60)
        if AS_ROOT:
            os.chown(path, NOBODY, NOBODY)
        self.seen = None
        self.start()

    def run(self):
        client, _ = self.listening.accept()
        with client:
            words, fds, _, _ = socket.recv_fds(client, 100, 1)
            with os.fdopen(fds[0], "rb") as file:
                self.seen = (words, os.pread(file.fileno(), 100, 0))
            client.sendall(b"shown")


@pytest.fixture
def session(tmp_path):
    """A session's directory with more in it than a client is to see."""
    path = tmp_path / "session"
    path.mkdir(0o700)
    (path / "bus").write_text("")
    (path / "wayland-7.lock").write_text("")
    if AS_ROOT:
        path.chmod(0o755)
    return path


CLIENT = """
fd = os.memfd_create("pixels")
os.write(fd, b"pixels")
place = os.path.join(os.environ["XDG_RUNTIME_DIR"], os.environ["WAYLAND_DISPLAY"])
with socket.socket(socket.AF_UNIX) as s:
    s.connect(place)
    socket.send_fds(s, [b"hello"], [fd])
    answer = s.recv(100).decode()
directory = os.environ["XDG_RUNTIME_DIR"]
write(directory + "/own")
result = {"answer": answer, "session": sorted(os.listdir(directory)), "mode": oct(os.stat(directory).st_mode & 0o777),
          "owner": os.stat(directory).st_uid == os.getuid(), "x11": os.path.exists("/tmp/.X11-unix"), "dri": os.path.exists("/dev/dri"),
          "display": os.environ.get("DISPLAY"), "bus": os.environ.get("DBUS_SESSION_BUS_ADDRESS"),
          "unlink": attempt(os.unlink, place), "fonts": os.path.exists("/etc/fonts/fonts.conf")}
"""


@pytest.mark.parametrize("absolute", [False, True], ids=["name", "path"])
def test_a_wayland_client(box, session, absolute):
    compositor = Compositor(session / "wayland-7")
    env = {"XDG_RUNTIME_DIR": str(session), "WAYLAND_DISPLAY": str(session / "wayland-7") if absolute else "wayland-7",
           "DISPLAY": ":0", "DBUS_SESSION_BUS_ADDRESS": f"unix:path={session}/bus"}
    seen = box.probe(CLIENT, {"extends": "desktop"}, env=env)
    compositor.join(60)
    assert compositor.seen == (b"hello", b"pixels")
    assert seen == {"answer": "shown", "session": ["own", "wayland-0"], "mode": "0o700", "owner": True, "x11": False, "dri": False,
                    "display": None, "bus": None, "unlink": "EBUSY", "fonts": os.path.exists("/etc/fonts/fonts.conf")}
    assert sorted(os.listdir(session)) == ["bus", "wayland-7", "wayland-7.lock"]


@pytest.mark.parametrize("env", [{}, {"XDG_RUNTIME_DIR": "/run/x"}, {"WAYLAND_DISPLAY": "wayland-0"},
                                 {"XDG_RUNTIME_DIR": "", "WAYLAND_DISPLAY": "wayland-0"}], ids=str)
def test_no_wayland_session(env):
    clean = {k: v for k, v in os.environ.items() if k not in ("XDG_RUNTIME_DIR", "WAYLAND_DISPLAY")}
    done = subprocess.run([COMMAND, "run", "--extends", "desktop", "--", "true"], env={**clean, **env}, capture_output=True, text=True)
    assert done.returncode == 125 and "`WAYLAND_DISPLAY` has no value" in done.stderr, done
    assert "WAYLAND_DISPLAY and XDG_RUNTIME_DIR" in done.stderr


def test_a_session_that_is_gone(box, session):
    env = {"XDG_RUNTIME_DIR": str(session), "WAYLAND_DISPLAY": "wayland-9"}
    error = box.fails(["true"], {"extends": "desktop"}, env=env)
    assert error["stage"] == "source" and error["object"] == str(session / "wayland-9")
