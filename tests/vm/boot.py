#!/usr/bin/env python3
"""Boots Debian 12's kernel under QEMU and runs one command there: boot.py [OPTION...] [--] [COMMAND...].

The machine's root is the host's, read-only; what can be written is a disk that is empty at each boot (/tmp), its own memory (/run,
/var/tmp) and --out. Standard
output and error of the command come as they are written; without a command it is a shell at the terminal. Exit status: the
command's own; 124 when the limit passed; 125 when the machine failed; 77 when there can be none here.
"""
import argparse
import ctypes
import fcntl
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import initramfs
import kernel

TREE = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
CACHE = TREE / "build" / "vm"
QEMU = "qemu-system-x86_64"
DISK_MIB = 4096
LATE, FAILED, SKIPPED = 124, 125, 77
PR_SET_PDEATHSIG = 1


def made_init():
    """The first process; static, because it runs before there is a root."""
    program, source = CACHE / "init", HERE / "init.c"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-static", "-o", program, source], check=True)
    return program


def made_disk():
    """An empty ext4: of the file systems here the one that can be idmapped before Linux 6.3. Blocks that are not used take no room."""
    disk = CACHE / f"disk-{DISK_MIB}"
    if not disk.exists():
        new = CACHE / "disk.new"
        new.unlink(missing_ok=True)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-m", "0", new, f"{DISK_MIB}M"], check=True,
                       stdout=subprocess.DEVNULL, env={**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"})
        new.rename(disk)


def prepare():
    """vmlinuz and the archive that is the same for every boot. Who comes second waits."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        vmlinuz, modules = kernel.find(CACHE)
        made_disk()
        files = {"init": made_init().read_bytes(), "modules/order": "\n".join(m.name for m in modules).encode()}
        files.update({f"modules/{m.name}": m.read_bytes() for m in modules})
    return vmlinuz, initramfs.archive(files)


def job(arguments, out):
    """What init is to do, as it reads it."""
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/tmp", "LC_ALL": "C.UTF-8",
                   "TERM": os.environ.get("TERM", "dumb"), "PYTHONDONTWRITEBYTECODE": "1", "STYRO_VM": kernel.SERIES,
                   **{name: value for name, value in os.environ.items() if name.startswith("STYRO_")}}
    words = [f"cwd={TREE}", f"tree={TREE}", f"uid={arguments.uid}", f"terminal={'no' if arguments.command else 'yes'}"]
    words += [f"out={out}"] if out else []
    words += [f"arg={word}" for word in arguments.command or ["/bin/bash", "-i"]]
    words += [f"env={name}={value}" for name, value in environment.items()]
    return b"".join(word.encode() + b"\0" for word in words)


def share(tag, path, **options):
    more = "".join(f",{name}={value}" for name, value in options.items())
    return ["-fsdev", f"local,id={tag},path={path},security_model=none,multidevs=remap{more}",
            "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]


def machine(arguments, vmlinuz, work, out):
    """QEMU's command line. Without KVM: under TCG the machine runs everywhere, and everywhere the same."""
    output = "virtconsole,nr=0" if not arguments.command else "virtserialport,nr=1"
    return [QEMU, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-machine", "q35", "-cpu", "max",
            "-accel", "tcg,thread=multi", "-m", str(arguments.memory), "-smp", str(arguments.cpus),
            "-kernel", vmlinuz, "-initrd", work / "initramfs",
            "-append", "console=ttyS0 loglevel=4 panic=-1 mitigations=off nokaslr random.trust_cpu=on",
            "-serial", f"file:{work}/log", "-device", "virtio-serial-pci",
            "-chardev", "stdio,id=output,signal=off", "-device", f"{output},chardev=output",
            "-chardev", f"file,id=status,path={work}/status", "-device", "virtserialport,nr=2,chardev=status",
            "-drive", f"file={CACHE}/disk-{DISK_MIB},format=raw,if=none,id=disk,snapshot=on,cache=unsafe",
            "-device", "virtio-blk-pci,drive=disk", *share("root", "/", readonly="on"), *(share("out", out) if out else [])]


def die_with_parent(how=signal.SIGKILL):
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, how, 0, 0, 0)


def follow(process, limit):
    """Copies what the command writes until the machine is off; False when the limit passed before."""
    until = time.monotonic() + limit
    while True:
        left = until - time.monotonic()
        if left <= 0:
            return False
        if select.select([process.stdout], [], [], left)[0]:
            data = os.read(process.stdout.fileno(), 65536)
            if not data:
                return True
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()


def status_of(work):
    """Only a line that is whole counts: a machine that dies leaves none."""
    path = work / "status"
    found = re.fullmatch(r"exit (\d{1,3})\n", path.read_text(errors="replace")) if path.exists() else None
    return int(found.group(1)) if found else None


def explain(work, text):
    print(f"vm: {text}", file=sys.stderr)
    log = work / "log"
    if log.exists():
        sys.stderr.write(log.read_text(errors="replace")[-3000:])


def run(arguments, vmlinuz, work, out):
    interactive = not arguments.command
    process = subprocess.Popen(list(map(str, machine(arguments, vmlinuz, work, out))), preexec_fn=die_with_parent,
                               stdin=None if interactive else subprocess.PIPE,  # at its end QEMU would close the port
                               stdout=None if interactive else subprocess.PIPE)
    in_time = True
    try:
        if not interactive:
            in_time = follow(process, arguments.limit)
        if in_time:
            process.wait(30 if not interactive else None)
    except subprocess.TimeoutExpired:
        in_time = False
    finally:
        process.kill()
        process.wait()
    if not in_time:
        explain(work, f"the machine did not end within {arguments.limit} s")
        return LATE
    status = status_of(work)
    if status is None:
        explain(work, "the machine ended without a status")
        return FAILED
    return status


def read_arguments(words):
    parser = argparse.ArgumentParser(prog="./dev vm", description="Runs COMMAND, or a shell, on Debian 12's kernel.")
    parser.add_argument("--limit", type=float, default=300, help="seconds until the machine is switched off")
    parser.add_argument("--out", type=pathlib.Path, help="the directory of the host that can be written")
    parser.add_argument("--uid", type=int, default=0, help="whose the command is")
    parser.add_argument("--memory", type=int, default=1024, help="MiB")
    parser.add_argument("--cpus", type=int, default=1, help="emulated, several cost more time than they save")
    parser.add_argument("command", nargs="*", metavar="COMMAND")
    return parser.parse_args(words)


def main(words):
    arguments = read_arguments(words)
    if not shutil.which(QEMU):
        print(f"{QEMU} is not installed")
        return SKIPPED
    try:
        vmlinuz, archive = prepare()
    except kernel.Unavailable as reason:
        print(reason)
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="styrolite-vm.") as work:
        work = pathlib.Path(work)
        out = arguments.out.resolve() if arguments.out else None
        (work / "initramfs").write_bytes(archive + initramfs.archive({"job": job(arguments, out)}))
        return run(arguments, vmlinuz, work, out)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(FAILED))  # by way of all that is to be taken away
    die_with_parent(signal.SIGTERM)
    sys.exit(main(sys.argv[1:]))
