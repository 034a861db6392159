"""The table of attacks from inside: which invariant each tries to break, what stops it in the default request, and the
smallest weakening under which the same attack gets through, so that its check is known to be able to fail.

The attacks are those of tests/drivers/attack_*.c. Knows requests; what of the host they speak of is attack_ground's.
"""

import json
import os
import pathlib
import typing

import harness

PROFILE = pathlib.Path(__file__).parents[2] / "core" / "profiles" / "default.json"
X86_64 = os.uname().machine == "x86_64"
IPV6 = os.path.exists("/proc/net/if_inet6")
INTERFACES = os.listdir("/sys/class/net")  # a test machine has none but the loopback's


class Variant(typing.NamedTuple):
    """A way to run an attack program: what the request says beyond the ground's own paths."""

    name: str
    request: dict = {}
    named: bool = False  # the secret's directory and the host's sockets are named as well
    given: bool = False  # a descriptor of the secret's directory is preserved
    writable: bool = False  # what is bound read-only is bound writable
    terminal: bool = False  # in a session that has a terminal, which is also the standard input
    outside: bool = False  # in no sandbox
    level: bool = False  # at the level `process`, where paths are the host's
    wrap: tuple = ()  # words before the command, or the program


WITHOUT_RIGHTS = ("setpriv", "--reuid", str(harness.NOBODY), "--regid", str(harness.NOBODY), "--clear-groups")
NEW_TERMINAL = ("setsid", "--wait", "--ctty")
ALL_GO = {"seccomp": "none"}
CAPABILITIES = ["SYS_ADMIN", "SYS_CHROOT", "CHOWN", "SETPCAP", "NET_ADMIN", "NET_RAW"]
HOST_DEV = {"type": "bind", "from": "/dev", "at": "/hostdev", "access": "dev"}

DEFAULT = Variant("default")
PRESETS = [Variant(f"preset {name}", {"extends": name}) for name in ("python", "build")]
TERMINAL = Variant("on a terminal", terminal=True, wrap=NEW_TERMINAL)
KILL = Variant("a refusal kills", {"security": {"seccomp": {"on_violation": "kill"}}})
NONE = Variant("no filter", {"security": ALL_GO})
NAMED = Variant("named", {"init": False}, named=True)
GIVEN = Variant("a descriptor", given=True)
WRITABLE = Variant("writable", writable=True)
DEVICES = Variant("devices", {"mounts": [HOST_DEV], "paths": {"/more": "tmpfs"}})
ALONE = Variant("no init", {"init": False, "security": ALL_GO})
CAPABLE = Variant("capabilities", {"init": False, "security": {**ALL_GO, "capabilities": CAPABILITIES}})
HOST_PID = Variant("host's processes", {"init": False, "namespaces": {"pid": "host"}, "best_effort": ["tree_kill"], "security": ALL_GO})
HOST_NET = Variant("host's network", {"network": "host"})
HOST_IPC = Variant("host's IPC", {"namespaces": {"ipc": "host"}})
PRIVS = Variant("new privileges", {"security": {"no_new_privs": False, "seccomp": "none"}})
BITS = Variant("securebits", {"security": {"securebits": ["noroot"]}})
ROOT = Variant("uid 0", {"user": {"uid": 0, "gid": 0}})
SELF = Variant("the caller's ids", {"user": {"uid_map": "self", "gid_map": "self"}})
GROUPS = Variant("groups", {"user": {"groups": "keep"}}, wrap=("setpriv", "--groups", "4,24"))
SESSION = Variant("the caller's session", {"new_session": False, "security": ALL_GO}, terminal=True, wrap=NEW_TERMINAL)
OUTSIDE = Variant("outside", outside=True, terminal=True)
LEVEL = Variant("level process", {"isolation": ["process"]}, level=True)
NOBODY_OUTSIDE = Variant("outside, without rights", outside=True, wrap=WITHOUT_RIGHTS)


class Attack(typing.NamedTuple):
    """One row. What another level holds is another row, in a variant that asks for it. Without `weaker` nothing takes away what
    stops the attack: the kernel gives no such word to anybody.
    """

    invariant: str
    program: str
    name: str
    variant: Variant  # in which it is stopped
    held: tuple  # what may come of it there
    weaker: Variant | None  # in which it is not
    through: tuple  # what comes of it there; empty: whatever is not in `held`
    root: bool = False  # both for root callers only
    weaker_root: bool = False  # the weakening for root callers only

    @property
    def title(self):
        return f"{self.invariant}-{self.name}" + ("" if self.variant is DEFAULT else f"-{self.variant.name.replace(' ', '-')}")


def rows(invariant, program, held, names, weaker, through="ok", variant=DEFAULT, **more):
    return [Attack(invariant, program, name, variant, tuple(held.split()), weaker, tuple(through.split()), **more) for name in names.split()]


CHANGES = "write write-again truncate create mkdir link rename unlink chmod chown utimes setxattr setflags".split()


def changes(place):
    return " ".join(f"{change}-{place}" for change in CHANGES)


# Of the file system under the tests' directories: neither is what read-only is.
NOT_THERE = "ok EOPNOTSUPP ENOTTY"

FILES = [
    *rows("S1", "files", "ENOENT", "secret-by-path secret-by-dotdot secret-by-own-cwd secret-by-own-root secret-by-thread-root secret-by-climbing", NAMED),
    *rows("S1", "files", "EACCES", "secret-by-root-of-init secret-by-cwd-of-init", NAMED),
    *rows("S1", "files", "held", "secret-by-descriptors", GIVEN),
    *rows("S1", "files", "EPERM", "secret-by-handle", OUTSIDE, weaker_root=True),
    *rows("S1", "files", "EPERM", "handle-of-root", NONE),
    *rows("S2", "files", "EROFS", changes("bind"), WRITABLE, NOT_THERE),
    *rows("S2", "files", "EROFS", changes("below"), WRITABLE, NOT_THERE),
    *rows("S2", "files", "EPERM", "remount-bind mount-setattr-bind", CAPABLE),
    *rows("S2", "files", "EROFS", "write-proc-sys", OUTSIDE, weaker_root=True),
    *rows("S2", "files", "held", "writable-mount", DEVICES),
    *rows("S2", "files", "ENOENT", "read-sys", OUTSIDE),
    *rows("S3", "files", "ENOENT", "secret-by-link secret-by-link-on-host", NAMED),
    *rows("S4", "files", "held", "enter-by-descriptors", GIVEN),
    *rows("S4", "files", "EACCES", "enter-root-of-init enter-cwd-of-init mounts-of-init", ALONE),
    *rows("S4", "files", "EPERM", "chroot umount-root pivot-root", CAPABLE, "ok EINVAL"),
    *rows("S5", "files", "held", "read-masked look-below-masks", OUTSIDE),
    *rows("S5", "files", "EPERM", "take-mask-off", CAPABLE),
    *rows("S6", "files", "EPERM", "mknod", OUTSIDE, weaker_root=True),
    *rows("S6", "files", "EACCES", "open-device", OUTSIDE, root=True),
    *rows("S6", "files", "held", "device-nodes device-mount", DEVICES),
    *rows("S6", "files", "held", "set-user-id-mount", OUTSIDE),
]

INTO = "trace read-memory pidfd-getfd kcmp mem maps environ fd root exe scheduler processors limit".split()


def into(who, *names):
    return " ".join(f"{name}-{who}" for name in names)


PROCESSES = [
    *rows("S7", "processes", "ENOENT", "see-host " + into("host", "mem", "maps", "environ", "fd", "root", "exe"), OUTSIDE),
    *rows("S7", "processes", "EPERM", into("host", "trace", "read-memory", "kcmp"), OUTSIDE),
    *rows("S7", "processes", "ESRCH", into("host", "pidfd-getfd"), OUTSIDE),
    *rows("S7", "processes", "held", "strangers", HOST_PID),
    *rows("S7", "processes", "ESRCH", into("host", "signal", "signal-thread", "queue-signal", "pidfd", "signal-group", "scheduler", "processors",
                                           "limit", "priority", "group-priority", "io-priority", "session"), HOST_PID),
    *rows("S7", "processes", "EPERM", "user-priority", NONE),
    *rows("S7", "processes", "EPERM", into("init", "trace", "pidfd-getfd", "scheduler", "processors", "limit"), ALONE, ""),
    *rows("S7", "processes", "EPERM", into("init", "read-memory", "kcmp"), ALONE),
    *rows("S7", "processes", "EACCES", into("init", "mem", "maps", "environ", "fd", "root", "exe"), ALONE),
    *rows("S8", "processes", "held", "descriptors", GIVEN),
    *rows("S9", "processes", "EACCES", "chmod-image-init write-image-init", ALONE, "EROFS ETXTBSY"),
    *rows("S9", "processes", "EROFS", "chmod-image-self", WRITABLE),
    *rows("S9", "processes", "ETXTBSY EROFS", "write-image-self", None),
    *rows("S10", "processes", "ENXIO", "open-tty", SESSION, variant=TERMINAL),
    *rows("S10", "processes", "EPERM", "push-input push-input-by-upper-bits", SESSION, "ok EIO", variant=TERMINAL),
    *rows("S10", "processes", "EPERM", "paste", SESSION, variant=TERMINAL),
    *rows("S10", "processes", "EPERM", "take-terminal steal-terminal", OUTSIDE, "ok", variant=TERMINAL),
    *rows("S10", "processes", "ENOTTY", "take-foreground", SESSION, variant=TERMINAL),
]

REFUSED = next(rule["names"] for rule in json.loads(PROFILE.read_text())["syscalls"] if rule.get("comment", "").startswith("known and refused"))
ONLY_X86_64 = {"_sysctl", "afs_syscall", "create_module", "get_kernel_syms", "getpmsg", "ioperm", "iopl", "modify_ldt", "putpmsg", "query_module",
               "security", "sysfs", "tuxcall", "uselib", "ustat", "vserver"}
# The profile `build`, which the preset of that name loads, lets the payload look into its own processes.
OF_BUILD = {f"call-{name}" for name in json.loads(PROFILE.with_name("build.json").read_text())["syscalls"][0]["names"]}
CALLS = " ".join(f"call-{name}" for name in REFUSED if X86_64 or name not in ONLY_X86_64)

PRIVILEGE = [
    *rows("S12", "privilege", "held", "capability bounding ambient", CAPABLE),
    *rows("S12", "privilege", "EPERM", "raise-capability raise-ambient set-securebits", CAPABLE),
    *rows("S12", "privilege", "held", "securebits", BITS),
    *rows("S12", "privilege", "held", "groups", GROUPS, root=True),
    *rows("S13", "privilege", "held", "no-new-privs", PRIVS),
    *rows("S13", "privilege", "EINVAL", "take-back-no-new-privs", None),
    *rows("S13", "privilege", "held", "set-user-id file-capabilities", NOBODY_OUTSIDE, root=True),
    *rows("S14", "privilege", "EINVAL EPERM", "setuid-root setgid-root", ROOT),
    *rows("S14", "privilege", "EINVAL EPERM", "setuid-unmapped setgid-unmapped setgroups", OUTSIDE, weaker_root=True),
    *rows("S14", "privilege", "EACCES", "write-uid-map", ALONE),
    *rows("S14", "privilege", "EACCES", "private-file", SELF, root=True),
    *rows("S15", "privilege", "SIGSYS", "i386", NONE, "ok ENOSYS"),
    *rows("S15", "privilege", "SIGSYS", "x32", NONE, "ok ENOSYS"),
    *rows("S15", "privilege", "held", "no-filter filter-off", NONE),
    *rows("S15", "privilege", "EPERM", "filter-that-allows filter-that-logs", NONE),
    *rows("S16", "privilege", "EPERM", "unshare-user unshare-user-and-mount clone-user clone-user-by-upper-bits", OUTSIDE),
    *rows("S16", "privilege", "ENOSYS", "clone3-user", OUTSIDE),
    *rows("S16", "privilege", "ENOSPC", "unshare-user unshare-user-and-mount clone-user clone-user-by-upper-bits clone3-user", OUTSIDE, variant=NONE),
    *rows("S16", "privilege", "held", "limit-of-user-namespaces", OUTSIDE),
    *rows("S16", "privilege", "held", "limit-of-user-namespaces", OUTSIDE, variant=NONE),
    *rows("S16", "privilege", "EACCES", "enter-user", ALONE, "EINVAL"),
    *rows("S16", "privilege", "EPERM", "unshare-mount unshare-network unshare-uts", CAPABLE),
    *rows("S17", "privilege", "EPERM", "line-discipline", NONE),
    # Without a right the kernel as well answers EPERM to many: that a refusal kills where that is asked shows whose answer it is.
    *rows("S17", "privilege", "EPERM", CALLS, KILL, "SIGSYS"),
    *rows("S17", "privilege", "SIGSYS", CALLS, NONE, "", variant=KILL),
]

NETWORK = [
    *rows("S20", "network", "ECONNREFUSED", "tcp tcp-any udp abstract abstract-datagram", HOST_NET),
    *rows("S20", "network", "ECONNREFUSED EADDRNOTAVAIL EAFNOSUPPORT", "tcp6 tcp6-mapped", HOST_NET, "ok" if IPV6 else "EADDRNOTAVAIL EAFNOSUPPORT"),
    *rows("S20", "network", "ENOENT", "unix-path", NAMED),
    *rows("S20", "network", "held", "listening-port abstract-name", HOST_NET),
    *rows("S20", "network", "held", "interface", HOST_NET, "ok" if len(INTERFACES) > 1 else "held"),
    *rows("S20", "network", "EAFNOSUPPORT", "packet packet-datagram", CAPABLE),
    *rows("S20", "network", "EPERM", "raw raw6 netlink-link netlink-route", CAPABLE),
    # Those that are missing from this kernel are answered so without a filter as well.
    *rows("S17", "network", "EPROTONOSUPPORT", "sctp dccp l2tp smc netlink-iscsi netlink-rdma netlink-crypto", NONE, "ok EPROTONOSUPPORT ESOCKTNOSUPPORT"),
    *rows("S20", "network", "EAFNOSUPPORT", "vsock bluetooth alg key can", NONE, "ok EPERM EAFNOSUPPORT EPROTONOSUPPORT"),
    *rows("S21", "network", "EINVAL", "shm-attach shm-stat", HOST_IPC),
    *rows("S21", "network", "ENOENT", "shm-find msg-find sem-find mq-open", HOST_IPC),
    *rows("S21", "network", "ENOENT", "shm-open", OUTSIDE),
]

TABLE = FILES + PROCESSES + PRIVILEGE + NETWORK

# What gets through at the level `process` because of what it is; docs/process-level.md says so in its words. All else is stopped there.
LET = {
    "files": {f"{change}-{place}" for change in ("chmod", "chown", "utimes") for place in ("bind", "below")}
             | {"writable-mount", "read-masked", "look-below-masks", "device-mount", "set-user-id-mount"},
    "processes": {"see-host", "strangers", "pidfd-host", "processors-host", "session-host", "chmod-image-self"},
    "privilege": {"limit-of-user-namespaces"} | (set() if harness.AS_ROOT else {"bounding"}),
    "network": {"listening-port", "abstract-name"},
}
# Where the file system under the tests' directories has such a thing, or root has made one.
PERHAPS_LET = {f"{change}-{place}" for change in ("setxattr", "setflags") for place in ("bind", "below")} | {"open-device"}
# Without Landlock's scopes, and where it knows none of a device's own calls.
BEFORE_6_12 = {"signal-host", "signal-thread-host", "queue-signal-host", "signal-group-host"}
