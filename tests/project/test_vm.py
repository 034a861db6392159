"""The test machine's own machinery: what is booted, and that a machine that hangs, dies or talks rubbish is never a success.

No machine is booted here; QEMU is a script that behaves in the way at hand.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "vm"))
try:
    import boot
    import fields
    import initramfs
    import kernel
finally:
    sys.path.pop(0)


# ---- what is booted --------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("busybox"), reason="busybox is not installed")
def test_the_archive_unpacks(tmp_path):
    files = {"init": b"#!/bin/sh\n", "modules/order": b"", "modules/deep/a.ko": bytes(range(256)) * 5, "job": b"arg=x\0"}
    archive = initramfs.archive(files)
    assert len(archive) % 512 == 0
    subprocess.run(["busybox", "cpio", "-idm"], input=archive, cwd=tmp_path, check=True, capture_output=True)
    assert {str(p.relative_to(tmp_path)): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == files
    assert os.access(tmp_path / "init", os.X_OK)


def module(path, *needs):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x7fELF\0license=GPL\0depends=" + ",".join(needs).encode() + b"\0name=x\0")


def test_modules_come_after_what_they_need(tmp_path):
    module(tmp_path / "drivers" / "top-most.ko", "middle", "low")
    module(tmp_path / "net" / "middle.ko", "low", "built_in")
    module(tmp_path / "low.ko")
    module(tmp_path / "unwanted.ko", "low")
    order = [path.stem for path in kernel.in_order(tmp_path, ["top_most", "not_there"])]
    assert order == ["low", "middle", "top-most"]


def test_what_is_kept_of_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr(kernel, "WANTED", ["b"])
    package = tmp_path / "linux"
    module(package / "lib" / "modules" / "6.1" / "b.ko", "a")
    module(package / "lib" / "modules" / "6.1" / "a.ko")
    (package / "boot").mkdir()
    (package / "boot" / "vmlinuz-6.1").write_bytes(b"kernel")
    kernel.keep(package, kernel.kept_in(tmp_path))
    vmlinuz, modules = kernel.find(tmp_path)
    assert vmlinuz.read_bytes() == b"kernel" and [m.name for m in modules] == ["10-a.ko", "11-b.ko"]


def test_only_the_series_is_taken(monkeypatch):
    for answer, name in (("  Depends: linux-image-6.1.0-56-amd64\n", "linux-image-6.1.0-56-amd64"),
                         ("  Depends: linux-image-6.12.9-amd64\n", None), ("", None)):
        monkeypatch.setattr(kernel, "output", lambda *_, answer=answer: "linux-image-amd64\n" + answer)
        assert kernel.find_package() == name


def test_a_field_that_no_request_said_is_named(tmp_path, monkeypatch, capsys):
    schema = {"properties": {"nice": {"type": "integer"}, "paths": {"additionalProperties": {"anyOf": [
        {"type": "string"}, {"properties": {"access": {}, "from": {}}}]}}, "mounts": {"items": {"properties": {"at": {}}}},
        "limits": {"properties": {"memory": {}}}}}
    (tmp_path / "schema").write_text(json.dumps(schema))
    monkeypatch.setattr(fields, "SCHEMA", tmp_path / "schema")
    record = tmp_path / "record"
    record.write_text('{"paths": {"/a": "ro", "/from": {"access": "rw"}}, "mounts": [{"at": "/"}]}\n{"nice": 3}\n')
    assert fields.main([record]) == 1 and "says /paths/*/from: " in capsys.readouterr().out
    record.write_text(record.read_text() + '{"paths": {"/b": {"from": "/"}}}\n')
    assert fields.main([record]) == 0
    record.write_text("")
    assert fields.main([record]) == 1


# ---- how it ends -----------------------------------------------------------------------------------------------------


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """machine(script, *arguments): the exit status with that script as QEMU; it finds the file of the status in $status."""
    monkeypatch.setattr(boot, "prepare", lambda: (tmp_path / "vmlinuz", b""))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(boot.tempfile, "tempdir", None)

    def run(script, *arguments):
        qemu = tmp_path / boot.QEMU
        qemu.write_text(f"#!/bin/bash\nstatus=$(printf '%s\\n' \"$@\" | sed -n 's/^file,id=status,path=//p')\n{script}\n")
        qemu.chmod(0o755)
        code = boot.main([*arguments, "--", "true"])
        assert not list(tmp_path.glob("styrolite-vm.*"))
        return code

    return run


def test_the_commands_status_is_the_machines(machine, capfd):
    assert machine("echo said; echo 'exit 0' > $status") == 0
    assert capfd.readouterr().out == "said\n"
    assert machine("echo 'exit 3' > $status; exit 1") == 3


@pytest.mark.parametrize("script", ["exit 0", "echo rubbish", "printf 'exit 0' > $status", "echo 'exit 0 or not' > $status",
                                    "echo exit > $status", "printf 'exit 0\\nexit 1\\n' > $status", "kill -KILL $$",
                                    "head -c 64 /dev/urandom > $status", "echo 'exit 99999' > $status"])
def test_without_a_whole_status_it_failed(machine, script, capfd):
    assert machine(script) == boot.FAILED
    assert "without a status" in capfd.readouterr().err


@pytest.mark.parametrize("script", ["exec sleep 1000", "echo 'exit 0' > $status; exec sleep 1000"])
def test_a_machine_that_hangs_is_late(machine, script, capfd):
    assert machine(script, "--limit", "0.5") == boot.LATE
    assert "did not end within 0.5 s" in capfd.readouterr().err


def test_no_machine_is_a_skip_with_a_reason(machine, monkeypatch, capfd, tmp_path):
    def unavailable():
        raise kernel.Unavailable("there is none")
    monkeypatch.setattr(boot, "prepare", unavailable)
    assert machine("exit 0") == boot.SKIPPED and capfd.readouterr().out == "there is none\n"
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert boot.main(["--", "true"]) == boot.SKIPPED and boot.QEMU in capfd.readouterr().out


# ---- what ./dev makes of it ------------------------------------------------------------------------------------------

GOOD = '<testsuites><testsuite><testcase name="a"/><testcase name="b"><skipped/></testcase></testsuite></testsuites>'
BAD = '<testsuites><testsuite><testcase name="a"><failure/></testcase></testsuite></testsuites>'


def dev(words, results):
    """Words of bash with the functions of ./dev at hand."""
    script = f'source <(sed \'$d\' "$0"); tmp=$1 results=$1; {words}; "$python" tests/tools/sum.py "$results"'
    done = subprocess.run(["bash", "-c", script, ROOT / "dev", results], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()[-1] if done.stdout else done.stderr


@pytest.mark.parametrize("status, xml, line", [
    ("0\n", GOOD, "1 passed, 0 failed, 1 skipped"),
    ("1\n", BAD, "0 passed, 1 failed, 0 skipped"),
    ("1\n", GOOD, "1 passed, 1 failed, 1 skipped"),
    (None, None, "0 passed, 1 failed, 0 skipped"),
    ("0\n", None, "0 passed, 1 failed, 0 skipped"),
    (None, GOOD, "0 passed, 1 failed, 0 skipped"),
    ("", GOOD, "0 passed, 1 failed, 0 skipped"),
    ("rubbish\n", GOOD, "0 passed, 1 failed, 0 skipped"),
    ("0\n", GOOD[:70], "0 passed, 1 failed, 0 skipped"),
    ("0\n", "", "0 passed, 1 failed, 0 skipped"),
    ("77\n", None, "0 passed, 1 failed, 0 skipped"),
    ("77\n", GOOD, "1 passed, 1 failed, 1 skipped"),
    ("5\n", "<testsuites/>", "0 passed, 1 failed, 0 skipped"),
])
def test_sums_of_what_the_machine_left(tmp_path, status, xml, line):
    (tmp_path / "vm").mkdir()
    for name, text in (("root.rc", status), ("root.xml", xml)):
        if text is not None:
            (tmp_path / "vm" / name).write_text(text)
    code, said = dev("suite vm-root vm_part root vm-root", tmp_path)
    assert said == line and code == (0 if " 0 failed" in line else 1)


@pytest.mark.parametrize("machine_says, line", [
    (0, "1 passed, 2 failed, 0 skipped"),  # it came to no results
    (124, "0 passed, 3 failed, 0 skipped"),
    (125, "0 passed, 3 failed, 0 skipped"),
    (77, "0 passed, 0 failed, 1 skipped"),
])
def test_sums_when_the_machine_failed(tmp_path, machine_says, line):
    code, said = dev(f"vm_boot() {{ echo 'why not'; return {machine_says}; }}; vm_suites vm 300", tmp_path)
    assert said == line and code == (0 if " 0 failed" in line else 1)


def test_a_system_without_qemu_is_a_counted_skip(tmp_path):
    assert dev("need() { return 1; }; vm_tests kernel", tmp_path) == (0, "0 passed, 0 failed, 1 skipped")


def test_cases_are_marked():
    """One for both callers, and few enough for the time that they have."""
    done = subprocess.run(["/usr/bin/python3", "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "-m", "kernel",
                           ROOT / "tests" / "system"], capture_output=True, text=True, check=False)
    found = re.search(r"^(\d+)/\d+ tests collected", done.stdout, re.MULTILINE)
    assert found and 60 < int(found.group(1)) < 200, done.stdout + done.stderr
