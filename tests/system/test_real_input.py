"""What people run: python, a compiler, archives of real trees, many processes, other distributions, and a lot of data."""

import contextlib
import errno
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

import harness
from harness import AS_ROOT, PYTHON


def test_python_computes_and_writes(box):
    code = """
import decimal, json, math, sqlite3, zlib
with open("/tmp/numbers.json", "w") as f:
    json.dump([math.factorial(n) for n in range(200)], f)
db = sqlite3.connect("/tmp/numbers.db")
db.execute("create table n (i int, f text)")
db.executemany("insert into n values (?, ?)", enumerate(map(str, json.load(open("/tmp/numbers.json")))))
db.commit()
total = sum(int(f) for f, in db.execute("select f from n"))
print(total % 1000003, zlib.crc32(str(total).encode()), decimal.Decimal(2).sqrt())
"""
    expected = subprocess.run([sys.executable, "-c", code.replace("/tmp/", os.environ.get("TMPDIR", "/tmp") + "/")],
                              capture_output=True, text=True, check=True).stdout
    for name in ("numbers.json", "numbers.db"):
        os.unlink(os.path.join(os.environ["TMPDIR"], name))
    assert box.ok(["python3", "-c", code], {"extends": "python"}) == expected


def test_gcc_compiles_and_the_program_runs(box, work):
    (work / "main.c").write_text('#include <stdio.h>\n#include "part.h"\nint main(void) { printf("%d\\n", part(6)); return 0; }\n')
    (work / "part.c").write_text('#include "part.h"\nint part(int n) { return 7 * n; }\n')
    (work / "part.h").write_text("int part(int n);\n")
    script = "gcc -O2 -Wall -c main.c part.c && ar rcs libpart.a part.o && gcc -o main main.o -L. -lpart && ./main"
    request = {"extends": "build", "cwd": "/w", "paths": {"/w": {"from": str(work), "access": "rw"}}}
    assert box.sh(script, request) == "42\n"
    assert subprocess.run([work / "main"], capture_output=True, text=True).stdout == "42\n"
    assert {p.name for p in work.iterdir()} == {"main.c", "part.c", "part.h", "main.o", "part.o", "libpart.a", "main"}


def test_gcc_from_sources_that_cannot_be_written(box, tmp_path, work):
    sources = tmp_path / "src"
    sources.mkdir(mode=0o755)
    (sources / "a.c").write_text("int main(void) { return 5; }\n")
    request = {"extends": "build", "cwd": "/src", "paths": {"/src": {"from": str(sources)}, "/out": {"from": str(work), "access": "rw"}}}
    box.ok(["cc", "-c", "a.c", "-o", "/out/a.o"], request)
    assert (work / "a.o").read_bytes()[:4] == b"\x7fELF" and os.listdir(sources) == ["a.c"]
    assert box.run(["cc", "-c", "a.c", "-o", "a.o"], request).code == 1


def native(script):
    return subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=True, timeout=harness.WAIT,
                          env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}).stdout


SUMS = "cd /usr/include && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum"
# Owners are others inside: everything but them must be the same.
TAR = "cd /usr && tar c --sort=name --owner=0 --group=0 --numeric-owner include | sha256sum"


@pytest.mark.parametrize("script", [SUMS, TAR], ids=["sha256sum", "tar"])
def test_usr_include_is_read_as_it_is(box, script):
    assert box.sh(script).encode() == native(script)


def test_200_processes(box):
    script = "i=0; while [ $i -lt 200 ]; do (sleep 0.3; echo $i) & i=$((i+1)); done; wait"
    assert sorted(map(int, box.sh(script).split())) == list(range(200))


def test_a_deep_chain_of_processes(box):
    assert box.sh("f() { if [ $1 -gt 0 ]; then ( f $(($1-1)) ); else echo bottom; fi; }; f 60") == "bottom\n"


def test_100_mb_through(box):
    """From standard input to standard output, byte for byte."""
    data = os.urandom(1 << 20) * 100
    done = box.run(["cat"], input=data)
    assert done.code == 0 and hashlib.sha256(done.out).digest() == hashlib.sha256(data).digest()


def test_100_mb_captured(box):
    """Within a limit: all of it is kept."""
    data = os.urandom(1 << 20) * 100
    done = box.run(["cat"], {"output": {"limit": "128M"}}, input=data)
    assert done.code == 0 and len(done.out) == len(data) and done.out == data
    assert done.outcome["stdout"]["bytes"] == len(data) and done.outcome["stdout"]["truncated"] is False


def test_a_thousand_arguments_and_128_kib_of_environment(box):
    code = "import os, sys; print(len(sys.argv) - 1, sum(len(k) + len(v) + 2 for k, v in os.environ.items()) > 128 << 10)"
    request = {"env": {f"VARIABLE_{i}": "x" * 500 for i in range(260)}}
    assert box.ok([*PYTHON, code, *(f"argument {i}" for i in range(1000))], request) == "1000 True\n"


def test_a_tree_of_many_small_files(box, work):
    """Unpacked inside, looked at outside."""
    request = {"cwd": "/w", "paths": {"/w": {"from": str(work), "access": "rw"}}}
    box.sh("tar c -C /usr/include linux | tar x --no-same-owner", request)
    names = subprocess.run(["diff", "-rq", "/usr/include/linux", work / "linux"], capture_output=True)
    assert names.returncode == 0, names.stdout
    box.sh("rm -r linux", request)


def test_shells_pipes_and_signals(box):
    script = r"""
set -eu
printf '%s\n' 3 1 2 | sort | paste -sd, -
seq 1000 | awk '{ s += $1 } END { print s }'
mkfifo f; (echo through > f) & cat f; wait
trap 'echo caught' USR1; kill -USR1 $$
timeout 0.1 sleep 600 || echo "timed out: $?"
(exit 7) || echo $?
"""
    assert box.sh(script) == "1,2,3\n500500\nthrough\ncaught\ntimed out: 124\n7\n"


@pytest.mark.parametrize("program", ["perl -e 'print 6*7'", "awk 'BEGIN { printf 6*7 }'", "bash -c 'printf $((6*7))'",
                                     "echo 6*7 | python3 -c 'print(eval(input()), end=\"\")'", "sed s/x/42/ <<< x"])
def test_interpreters(box, program):
    name = program.split()[0]
    if shutil.which(name) is None and name != "echo":
        pytest.skip(f"{name} is not installed")
    assert box.ok(["bash", "-c", program]).strip() == "42"


def test_one_after_the_other(vfork_box):
    for n in range(50):
        assert vfork_box.run(["/bin/sh", "-c", f"exit {n}"]).code == n


def test_many_at_a_time(mode, tmp_path):
    environment = {**os.environ, "STYRO_SPAWN": mode}
    running = [subprocess.Popen([harness.COMMAND, "run", "--", "/bin/sh", "-c", f"sleep 0.2; exit {n}"], env=environment,
                                stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) for n in range(40)]
    codes = []
    for process in running:
        process.communicate(timeout=harness.WAIT)
        codes.append(process.returncode)
    assert codes == list(range(40))


# ---- other distributions -----------------------------------------------------------------------------------------------------


# Kept from run to run: fetching a distribution takes longer than all tests together. What root made, others may read.
SYSTEM_CACHE = pathlib.Path("/var/cache/styrolite-tests")


def cache():
    home = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    path = SYSTEM_CACHE if AS_ROOT else home / "styrolite-tests"
    try:
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o755)
    except OSError as e:
        if e.errno != errno.EROFS:
            raise
        pytest.skip(f"no Debian root was made before, and here, as in the test machine, {path} cannot be written")
    return path


@contextlib.contextmanager
def locked(path):
    """Two workers must not make the same thing."""
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def bootstrap(tree, log):
    """As root in a tree of its own; an ordinary user in a user namespace, or, where that is refused, without chroot."""
    modes = ["root"] if AS_ROOT else ["unshare", "fakechroot"]
    for mode in modes:
        tar = tree.with_suffix(f".{mode}.tar")
        words = ["mmdebstrap", f"--mode={mode}", "--variant=essential", "--format=tar", "--quiet", "bookworm", str(tar)]
        if mode == "root":  # it mounts proc and sys in the tree that it fills: not in the view of other tests
            words = ["unshare", "--mount", "--propagation", "private", *words]
        done = subprocess.run(words, capture_output=True, text=True, timeout=400)
        log.write_text(done.stdout + done.stderr)
        if done.returncode == 0:
            unpack(tar, tree)
            tar.unlink()
            return True
        tar.unlink(missing_ok=True)
    return False


def unpack(tar, tree):
    """Without devices, which only root could make and nobody needs; readable, since the payload is somebody else."""
    part = tree.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o755)
    subprocess.run(["tar", "x", "--no-same-owner", "--exclude=./dev/*", "-f", tar, "-C", part], check=True)
    part.chmod(0o755)
    part.rename(tree)


@pytest.fixture(scope="session")
def debian():
    """The root of a Debian of the essential packages."""
    if shutil.which("mmdebstrap") is None:
        pytest.skip("mmdebstrap is not installed")
    ready = SYSTEM_CACHE / "debian-bookworm"
    if ready.exists() and ready.stat().st_uid == 0:
        return ready
    tree, log = cache() / "debian-bookworm", cache() / "debian-bookworm.log"
    with locked(cache() / "debian-bookworm.lock"):
        if not tree.exists() and not bootstrap(tree, log):
            reason = log.read_text().strip().splitlines()[-1:] or ["no reason"]
            pytest.skip(f"no Debian root could be made: {reason[0][:120]}")
    return tree


@pytest.fixture
def busybox(tmp_path):
    """A root that holds one static program under many names."""
    if not os.path.exists("/bin/busybox"):
        pytest.skip("busybox is not installed")
    tree = tmp_path / "busybox"
    for name in ("bin", "dev", "proc", "tmp", "home", "etc"):
        (tree / name).mkdir(parents=True, mode=0o755)
    shutil.copy("/bin/busybox", tree / "bin" / "busybox")
    names = subprocess.run(["/bin/busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
    for name in names:
        if name != "busybox":
            (tree / "bin" / name).symlink_to("busybox")
    return tree


def test_a_busybox_root(tree, busybox):
    request = {"root": {"directory": str(busybox)}, "env": {"PATH": "/bin"}}
    script = "ls / | tr '\\n' ' '; seq 10 | awk '{s+=$1} END {print s}'; echo x > /tmp/f; cat /tmp/f; id -u; busybox | head -1"
    lines = tree.sh(script, request).splitlines()
    assert lines[0] == "bin dev etc home proc tmp 55" and lines[1:3] == ["x", "1000"] and lines[3].startswith("BusyBox v")


def test_a_busybox_root_is_all_there_is(box, busybox):
    seen = box.sh("find / -xdev -type d; cat /proc/mounts", {"root": {"directory": str(busybox)}})
    assert "/usr" not in seen and "/root" not in seen


def test_a_debian_root(tree, debian):
    request = {"root": {"directory": str(debian)}}
    seen = tree.sh(". /etc/os-release; echo $ID $VERSION_ID; dpkg-query -W -f '${Package}\\n' | wc -l; perl -e 'print 6*7, \"\\n\"'; id -u",
                   request).split()
    assert seen[:2] == ["debian", "12"] and int(seen[2]) > 50 and seen[3:] == ["42", "1000"]


def test_a_debian_root_cannot_be_written(box, debian):
    before = sorted(os.listdir(debian)), sorted(os.listdir(debian / "etc"))
    script = "for d in / /etc /usr /var /root /opt; do touch $d/new 2>/dev/null && echo $d; done; touch /tmp/x && echo tmp"
    assert box.sh(script, {"root": {"directory": str(debian)}}) == "tmp\n"
    assert (sorted(os.listdir(debian)), sorted(os.listdir(debian / "etc"))) == before


def test_a_debian_root_with_a_work_directory(box, debian, work):
    """Its own programs on the host's files."""
    (work / "input").write_text("c\na\nb\n")
    request = {"root": {"directory": str(debian)}, "cwd": "/mnt", "paths": {"/mnt": {"from": str(work), "access": "rw"}}}
    box.sh("sort input > output && md5sum output > sum", request)
    assert (work / "output").read_text() == "a\nb\nc\n"
    assert (work / "sum").read_text().split()[0] == hashlib.md5(b"a\nb\nc\n").hexdigest()


def test_a_debian_root_and_its_users(box, debian):
    """Names are looked up in the tree's own files."""
    assert box.sh("id -un", {"root": {"directory": str(debian)}, "user": {"uid": 0, "gid": 0}}) == "root\n"
    assert box.sh("id -un", {"root": {"directory": str(debian)}, "user": {"uid": 2, "gid": 2}}) == "bin\n"
