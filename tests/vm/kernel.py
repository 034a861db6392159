"""The kernel that the test machine boots: Debian 12's, fetched by apt as a package, unpacked and never installed.

Knows where it is kept and which modules need which; what is started with it is not this file's.
"""
import pathlib
import platform
import re
import shutil
import subprocess
import tempfile
import zlib

SERIES = "6.1"
# What the initramfs must load by itself, for there is nobody in it who would ask for a module.
WANTED = ["virtio_pci", "virtio_console", "virtio_blk", "9pnet_virtio", "9p", "overlay", "crc32c_generic", "ext4"]


class Unavailable(Exception):
    """There is no such kernel for this system; the text says why."""


def output(*words):
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def find_package():
    """Debian 12's linux-image-amd64 depends on the package of its newest build."""
    found = re.findall(r"Depends: (linux-image-(\d+\.\d+)\S*-amd64)$", output("apt-cache", "depends", "linux-image-amd64"),
                       re.MULTILINE)
    for name, series in found:
        if series == SERIES:
            return name
    return None


def download(name, directory):
    subprocess.run(["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=", name], cwd=directory, check=False,
                   capture_output=True)
    return next(pathlib.Path(directory).glob("*.deb"), None)


def fetch_package(directory):
    """The package file. Lists that are missing or out of date are asked for once, where this user may."""
    for ready in (lambda: True, lambda: subprocess.run(["apt-get", "update", "-qq"], capture_output=True).returncode == 0):
        name = ready() and find_package()
        package = name and download(name, directory)
        if package:
            return package
    raise Unavailable(f"the package of Debian 12's kernel {SERIES} (linux-image-amd64) cannot be had here")


def needed_by(module):
    """A module's own list, which depmod would read too: nothing of kmod is needed."""
    found = re.search(rb"\0depends=([^\0]*)\0", b"\0" + module.read_bytes())
    return [name for name in found.group(1).decode().split(",") if name] if found else []


def in_order(modules, wanted):
    """Paths of the wanted modules and of all that they need, each after those that it needs. What is not there is built in."""
    by_name = {path.stem.replace("-", "_"): path for path in modules.rglob("*.ko")}
    order = []

    def add(name):
        path = by_name.get(name.replace("-", "_"))
        if path and path not in order:
            for other in needed_by(path):
                add(other)
            order.append(path)

    for name in wanted:
        add(name)
    return order


def keep(unpacked, kept):
    """Of the whole package only what is booted; the order of the modules is in their names."""
    kept.mkdir()
    shutil.copy(next(unpacked.glob("boot/vmlinuz-*")), kept / "vmlinuz")
    for number, path in enumerate(in_order(unpacked / "lib" / "modules", WANTED), 10):
        shutil.copy(path, kept / f"{number}-{path.name}")


def kept_in(cache):
    """What was kept for other modules is not taken for these."""
    return cache / f"linux-{SERIES}-{zlib.crc32(' '.join(WANTED).encode()):08x}"


def find(cache):
    """(vmlinuz, modules in the order of loading); fetched into the cache the first time."""
    if platform.machine() != "x86_64":
        raise Unavailable("the test machine is an x86_64 one")
    kept = kept_in(cache)
    if not kept.exists():
        if not shutil.which("apt-get"):
            raise Unavailable("the test machine's kernel is a Debian package, and there is no apt here")
        with tempfile.TemporaryDirectory(dir=cache) as work:
            work = pathlib.Path(work)
            subprocess.run(["dpkg-deb", "-x", fetch_package(work), work / "linux"], check=True)
            keep(work / "linux", work / "kept")
            (work / "kept").rename(kept)
    return kept / "vmlinuz", sorted(kept.glob("*.ko"))
