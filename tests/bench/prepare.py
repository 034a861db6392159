#!/usr/bin/env python3
"""Makes what the driver works on in a directory: root, sources, requests, OCI bundles, and the files of cases.

Usage: prepare.py WORK BUILD WHAT; the peers only where WHAT is "peers" or "all". Peers that are not installed are left out; $STYROLITE_RUST names the Rust one.
"""
import json
import os
import shutil
import struct
import subprocess
import sys

WORK, BUILD = (os.path.abspath(argument) for argument in sys.argv[1:3])
PEERS = sys.argv[3] in ("peers", "all")
ROOT = f"{WORK}/root"
SOURCES = f"{WORK}/sources"
BINDS = 50
# name of the workload: (own network, extra binds)
WORKLOADS = {"b": (False, 0), "a": (True, 0), "b50": (False, BINDS)}
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


def make_root():
    for name in ("bin", "usr", "proc", "dev", "tmp", "sys", "etc", *(f"b/{i:02d}" for i in range(BINDS))):
        os.makedirs(f"{ROOT}/{name}")
    for i in range(BINDS):
        os.makedirs(f"{SOURCES}/{i:02d}")
    shutil.copy(f"{BUILD}/tests/bench/stamp", f"{ROOT}/bin/stamp")


def write_json(name, value):
    path = f"{WORK}/{name}.json"
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file)
    return path


def request(workload, **more):
    network, binds = WORKLOADS[workload]
    paths = {"/usr": {"access": "ro", "from": "/usr"}}
    paths.update({f"/b/{i:02d}": {"access": "ro", "from": f"{SOURCES}/{i:02d}"} for i in range(binds)})
    return {"version": 1, "root": {"directory": ROOT}, "paths": paths, "command": ["/bin/stamp"],
            "namespaces": {"uts": {"hostname": "sandbox"}}, "network": "none" if network else "host", **more}


def library(name, workload, mode, value, kind="library"):
    path = write_json(name, value)
    return f"{name}|{workload}|{kind}|{path} {mode}"


def own_cases():
    """The floors, and ours in each mode with and without init."""
    lines = []
    for workload, (network, binds) in WORKLOADS.items():
        words = f"{'network' if network else ''} binds={binds}"
        lines += [f"floor-{workload}|{workload}|floor|{words}", f"reference-{workload}|{workload}|reference|{words}"]
        for mode in ("vfork", "helper"):
            lines += [library(f"{mode}-{workload}", workload, mode, request(workload, init=False)),
                      library(f"{mode}-init-{workload}", workload, mode, request(workload))]
    return lines


def filter_cases():
    """The default filter and one that allows everything: the difference is what the default one costs to load."""
    allow = {"seccomp": {"bpf": [[0x06, 0, 0, 0x7FFF0000]]}}
    return [library("filter-one", "b", "vfork", request("b", init=False, security=allow)),
            library("filter-default", "b", "vfork", request("b", init=False))]


def file_cases():
    """A payload that reads many files, in the default sandbox and without any."""
    command = ["/usr/bin/tar", "-cf", "-", "/usr/include"]
    return [f"tar-native|tar|command+|{' '.join(command)}",
            library("tar-sandbox", "tar", "vfork", {"version": 1, "command": command}, "library+")]


# ---- peers ---------------------------------------------------------------------------------------------------------

def command_case():
    words = f"{BUILD}/styrolite run {WORK}/vfork-init-b.json"
    return [f"command-b|b|command|{words}"]


def bwrap_cases():
    common = (f"--unshare-user --unshare-ipc --unshare-pid --unshare-uts --unshare-cgroup --uid 1000 --gid 1000 "
              f"--hostname sandbox --ro-bind {ROOT} / --ro-bind /usr /usr --proc /proc --dev /dev --tmpfs /tmp "
              f"--cap-drop ALL --seccomp 9")
    lines = []
    for workload, (network, binds) in WORKLOADS.items():
        more = " ".join(f"--ro-bind {SOURCES}/{i:02d} /b/{i:02d}" for i in range(binds))
        net = "--unshare-net" if network else ""
        lines.append(f"bwrap-{workload}|{workload}|command|bwrap {common} {net} {more} /bin/stamp")
    return lines


def unshare_cases():
    """No filter, no devices, no read-only root, no tmpfs: the least that this tool can do."""
    return [f"unshare-{workload}|{workload}|command|unshare -U -r -m -p -f -i -u -C -T {net} --root={ROOT} "
            f"--mount-proc=/proc /bin/stamp" for workload, net in (("b", ""), ("a", "-n"))]


def allowed_names():
    """System calls that the default filter lets pass, found by asking the program itself for each number."""
    with open(f"{WORK}/filter.bpf", "rb") as file:
        code = [struct.unpack("<HBBI", chunk) for chunk in iter(lambda: file.read(8), b"")]
    resolver = shutil.which("scmp_sys_resolver")
    return [name for name in syscall_names(resolver) if verdict(code, name[1]) == 0x7FFF0000]


def syscall_names(resolver):
    if resolver:
        lines = (subprocess.run([resolver, str(n)], capture_output=True, text=True, check=False).stdout.strip()
                 for n in range(470))
        return [(name, n) for n, name in enumerate(lines) if name and not name.startswith("UNKNOWN")]
    header = f"/usr/include/{os.uname().machine}-linux-gnu/asm/unistd_64.h"
    header = header if os.path.exists(header) else "/usr/include/asm-generic/unistd.h"
    with open(header, encoding="ascii") as file:
        words = [line.split() for line in file if line.startswith("#define __NR_")]
    return [(word[1][5:], int(word[2])) for word in words if len(word) == 3 and word[2].isdigit()]


def verdict(code, number):
    """Runs the filter for a call of that number with all arguments 0, as the kernel would on this machine."""
    arch = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}[os.uname().machine]
    data = struct.pack("<IIQ6Q", number, arch, 0, *(0,) * 6)
    accumulator, at = 0, 0
    while True:
        operation, yes, no, k = code[at]
        at += 1
        if operation == 0x20:
            accumulator = struct.unpack_from("<I", data, k)[0]
        elif operation == 0x06:
            return k
        elif operation == 0x05:
            at += k
        elif operation == 0x54:
            accumulator &= k
        else:
            test = {0x15: accumulator == k, 0x25: accumulator > k, 0x35: accumulator >= k, 0x45: bool(accumulator & k)}
            at += yes if test[operation] else no


def oci_bundle(workload):
    network, binds = WORKLOADS[workload]
    mounts = [("/proc", "proc", "proc", ["nosuid", "noexec", "nodev"]),
              ("/dev", "tmpfs", "tmpfs", ["nosuid", "noexec", "mode=755"]),
              ("/dev/pts", "devpts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
              ("/dev/shm", "tmpfs", "shm", ["nosuid", "noexec", "nodev", "mode=1777", "size=64m"]),
              ("/tmp", "tmpfs", "tmpfs", ["nosuid", "nodev", "mode=1777", "size=256m"]),
              ("/usr", "bind", "/usr", ["rbind", "ro", "nosuid", "nodev"])]
    mounts += [(f"/b/{i:02d}", "bind", f"{SOURCES}/{i:02d}", ["bind", "ro", "nosuid", "nodev"]) for i in range(binds)]
    kinds = ["user", "mount", "pid", "ipc", "uts", "cgroup"] + (["network"] if network else [])
    ids = [{"containerID": 0, "hostID": os.getuid(), "size": 1 if os.getuid() else 65536}]
    arch = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}[os.uname().machine]
    sets = ("bounding", "effective", "inheritable", "permitted", "ambient")
    return {"ociVersion": "1.0.2", "hostname": "sandbox", "root": {"path": ROOT, "readonly": True},
            "process": {"terminal": False, "user": {"uid": 0, "gid": 0}, "args": ["/bin/stamp"], "cwd": "/",
                        "env": ["PATH=/usr/bin:/bin"], "noNewPrivileges": True, "capabilities": {s: [] for s in sets}},
            "mounts": [dict(zip(("destination", "type", "source", "options"), mount)) for mount in mounts],
            "linux": {"namespaces": [{"type": kind} for kind in kinds], "uidMappings": ids, "gidMappings": ids,
                      "maskedPaths": ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/interrupts"],
                      "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"],
                      "seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "architectures": [arch], "syscalls": [
                          {"names": [name for name, _ in allowed_names()], "action": "SCMP_ACT_ALLOW"}]}}}


def oci_cases(program, options=""):
    lines = []
    for workload in WORKLOADS:
        bundle = f"{WORK}/oci-{workload}"
        os.makedirs(bundle, exist_ok=True)
        with open(f"{bundle}/config.json", "w", encoding="utf-8") as file:
            json.dump(oci_bundle(workload), file)
        lines.append(f"{program}-{workload}|{workload}|command|{program} --root {WORK}/{program}-state {options} run -b "
                     f"{bundle} %ID")
    return lines


def rust_config(workload):
    network, binds = WORKLOADS[workload]

    def mount(source, target, kind=None, bind=False, make=False, read_only=False):
        return {"source": source, "target": target, "fstype": kind, "bind": bind, "recurse": bind, "unshare": False,
                "safe": False, "create_mountpoint": make, "read_only": read_only, "data": None}
    mounts = [mount("/usr", "/usr", bind=True, read_only=True), mount("tmpfs", "/dev", "tmpfs")]
    mounts += [mount(f"/dev/{name}", f"/dev/{name}", bind=True, make=True) for name in DEVICES]
    mounts += [mount("devpts", "/dev/pts", "devpts", make=True), mount("tmpfs", "/tmp", "tmpfs")]
    mounts += [mount(f"{SOURCES}/{i:02d}", f"/b/{i:02d}", bind=True, read_only=True) for i in range(binds)]
    with open(f"{WORK}/filter.bpf", "rb") as file:
        code = [struct.unpack("<HBBI", chunk) for chunk in iter(lambda: file.read(8), b"")]
    ids = [{"base_nsid": 0, "base_hostid": 0, "remap_count": 65536}]
    return {"kind": "Create", "workload_id": "bench", "rootfs": ROOT, "rootfs_readonly": True, "hostname": "sandbox",
            "setgroups_deny": False, "uid_mappings": ids, "gid_mappings": ids, "mounts": mounts,
            "capabilities": {"drop": ["ALL"]},
            "namespaces": ["Mount", "Uts", "Pid", "Ipc", "User", "Cgroup", "Time"] + (["Net"] if network else []),
            "exec": {"executable": "/bin/stamp", "arguments": [], "working_directory": "/", "uid": 0, "gid": 0,
                     "environment": {"PATH": "/usr/bin"}, "no_new_privs": True, "seccomp": {"instructions": code}}}


def rust_cases():
    program = os.environ.get("STYROLITE_RUST") or shutil.which("styrolite-rust")
    if not program or os.getuid() != 0:
        return []
    return [f"styrolite-rust-{workload}|{workload}|command|{program} {write_json(f'rust-{workload}', rust_config(workload))}"
            for workload in WORKLOADS]


def peer_cases():
    lines = [f"floor-{w}|{w}|floor|{'network' if n else ''} binds={b}" for w, (n, b) in WORKLOADS.items()]
    lines += [library(f"vfork-init-{w}", w, "vfork", request(w)) for w in WORKLOADS]
    lines += command_case()
    lines += unshare_cases() if shutil.which("unshare") else []
    lines += bwrap_cases() if shutil.which("bwrap") else []
    lines += rust_cases()
    if os.getuid() == 0:
        lines += oci_cases("crun", "--cgroup-manager=disabled") if shutil.which("crun") else []
        lines += oci_cases("runc") if shutil.which("runc") else []
    return lines


def write_cases(name, lines):
    with open(f"{WORK}/{name}.cases", "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def main():
    make_root()
    own = own_cases()
    write_cases("own", own)
    write_cases("throughput", [line for line in own if line.split("|")[1] == "b" and not line.startswith("reference")])
    write_cases("memory", [line for line in own if line.split("|")[0] in ("vfork-init-b", "helper-init-b", "vfork-b")])
    write_cases("big", [line for line in own if line.split("|")[1] == "b" and not line.startswith("reference")])
    write_cases("filter", filter_cases())
    write_cases("files", file_cases())
    if PEERS:
        write_cases("peers", peer_cases())


main()
