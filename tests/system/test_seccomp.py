"""`security.seccomp`: the default profile as the payload meets it, raw programs, and what holds without the filter."""

import json
import platform

import pytest

X86_64 = platform.machine() == "x86_64"
ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0x80000000
ALLOW_ALL = [[6, 0, 0, ALLOW]]


def denying(number, action):
    """A program that answers one call with an action, whatever the architecture of the call."""
    return [[32, 0, 0, 0], [21, 0, 1, number], [6, 0, 0, action], [6, 0, 0, ALLOW]]


def raw(program, **more):
    return {"security": {"seccomp": {"bpf": program}}, **more}


def test_one_filter(box):
    seen = box.probe('s = status(); result = [s["Seccomp"], s["Seccomp_filters"]]')
    assert seen == ["2", "1"]


# name: number on x86_64 and aarch64, arguments
CALLS = {
    "mount": (165, 40, [b"none", b"/tmp", b"tmpfs", 0, 0]), "umount2": (166, 39, [b"/tmp", 2]),
    "pivot_root": (155, 41, [b".", b"."]), "chroot": (161, 51, [b"/"]), "unshare": (272, 97, [0x10000000]),
    "unshare mount": (272, 97, [0x20000]), "setns": (308, 268, [0, 0]), "keyctl": (250, 219, [0, -3, 0]),
    "add_key": (248, 217, [b"user", b"x", b"x", 1, -3]), "request_key": (249, 218, [b"user", b"x", 0, 0]),
    "bpf": (321, 280, [0, 0, 0]), "perf_event_open": (298, 241, [0, 0, -1, -1, 0]), "userfaultfd": (323, 282, [0]),
    "io_uring_setup": (425, 425, [1, 0]), "init_module": (175, 105, [0, 0, 0]), "finit_module": (313, 273, [0, 0, 0]),
    "delete_module": (176, 106, [b"x", 0]), "kexec_load": (246, 104, [0, 0, 0, 0]), "reboot": (169, 142, [0, 0, 0, 0]),
    "swapon": (167, 224, [b"/tmp/x", 0]), "settimeofday": (164, 170, [0, 0]), "sethostname": (170, 161, [b"x", 1]),
    "open_by_handle_at": (304, 265, [-100, 0, 0]), "fsopen": (430, 430, [b"tmpfs", 0]), "open_tree": (428, 428, [-100, b"/", 1]),
    "move_mount": (429, 429, [0, 0, 0, 0, 0]), "mount_setattr": (442, 442, [0, 0, 0, 0, 0]), "acct": (163, 89, [0]),
    "ptrace init": (101, 117, [16, 1, 0, 0]), "process_vm_readv init": (310, 270, [1, 0, 0, 0, 0, 0]),
    "syslog": (103, 116, [3, 0, 0]), "personality": (135, 92, [0x0040000]), "quotactl": (179, 60, [0, 0, 0, 0]),
    "fanotify_init": (300, 262, [0, 0]), "clone user": (56, 220, [0x10000000 | 17, 0, 0, 0, 0]),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.invariant("S17")
def test_refused_calls(box, name):
    x86, arm, arguments = CALLS[name]
    answer = box.probe(f"result = system_call({x86 if X86_64 else arm}, *{arguments!r})")
    assert answer in ("EPERM", "ENOSYS", "EACCES"), (name, answer)


@pytest.mark.kernel
def test_clone3_is_not_there_so_that_libraries_use_clone(box):
    """Its flags stand in memory, where no filter can look."""
    assert box.probe("result = system_call(435, 0, 0)") == "ENOSYS"


@pytest.mark.invariant("S10")
def test_terminal_input_cannot_be_faked(box):
    seen = box.probe("""
import fcntl, pty
a, b = pty.openpty()
result = [attempt(fcntl.ioctl, b, n, b"x") for n in (0x5412, 0x541c)] + [attempt(fcntl.ioctl, b, 0x5413, bytes(8))]""")
    assert seen == ["EPERM", "EPERM", "ok"]


def test_ioctl_is_compared_on_the_low_32_bits(box):
    """The kernel ignores the upper half of the command, so a filter that reads it could be passed by."""
    seen = box.probe("""
import pty
a, b = pty.openpty()
result = system_call(%d, b, 0x100005412, b"x")""" % (16 if X86_64 else 29))
    assert seen == "EPERM"


@pytest.mark.skipif(not X86_64, reason="x32 and i386 are there on x86_64 only")
@pytest.mark.invariant("S15")
def test_x32_calls_are_refused(box):
    done = box.run(["/usr/bin/python3", "-c", "import ctypes; print(ctypes.CDLL(None).syscall(0x40000000 + 39))"])
    assert done.text == "-1\n" or done.outcome["signal"] == "SIGSYS"


I386 = """
#include <stdio.h>
int main(void)
{
  int answer;
  __asm__ volatile("int $0x80" : "=a"(answer) : "a"(20) : "memory");
  printf("%d\\n", answer);
  return answer > 0 ? 0 : 9;
}
"""


@pytest.mark.skipif(not X86_64, reason="x32 and i386 are there on x86_64 only")
@pytest.mark.invariant("S15")
def test_i386_calls_are_refused(box, compiled):
    program = compiled(I386)
    done = box.run(["/p"], {"paths": {"/p": {"from": str(program)}}})
    assert done.code == 9 or done.outcome["signal"] == "SIGSYS", done
    assert done.code != 0


@pytest.mark.parametrize("script", ["python3 -c 'import subprocess, threading, asyncio, ssl, sqlite3; print(1)'", "perl -e 'print 1'",
                                    "bash -c 'echo <(echo 1)'", "sort /etc/passwd | uniq -c", "tar c /etc/passwd | tar t",
                                    "timeout 60 true", "setsid true", "flock /tmp/x true", "mkfifo /tmp/f; mktemp -d",
                                    "dd if=/dev/zero of=/tmp/x bs=1M count=8 conv=fsync", "strace -V"])
def test_ordinary_programs_run(box, script):
    done = box.run(["/bin/sh", "-c", script])
    assert done.code == 0 or done.code == 127, done


THREADS = """
import concurrent.futures, multiprocessing, threading
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    total = sum(pool.map(lambda n: n * n, range(100)))
with multiprocessing.get_context("fork").Pool(2) as pool:
    result = [total, sum(pool.map(abs, range(-5, 5)))]
"""


def test_threads_semaphores_and_processes(box):
    assert box.probe(THREADS) == [328350, 25]


# ---- profiles and their changes -------------------------------------------------------------------------------------------


def profile(name="default", **changes):
    return {"security": {"seccomp": {"profile": name, **changes} if changes else name}}


def number(x86, arm):
    return x86 if X86_64 else arm


STRICT = """
import ctypes, mmap, select, signal, threading, time
made = []
thread = threading.Thread(target=made.append, args=[1]); thread.start(); thread.join()
def null_for_writing():
    os.close(os.open("/dev/null", os.O_WRONLY))
def temporary():
    os.close(os.open("/tmp", os.O_TMPFILE | os.O_RDWR))
a, b = socket.socketpair(); a.send(b"x"); r, w = os.pipe(); os.write(w, b"y")
result = {
    "threads": made, "read": read("/etc/passwd") != "", "pair": b.recv(1).decode(), "pipe": os.read(r, 1).decode(),
    "memory": len(mmap.mmap(-1, 1 << 20)), "clock": time.clock_gettime(0) > 0, "list": "usr" in os.listdir("/"),
    "fork": attempt(os.fork), "spawn": attempt(os.posix_spawn, "/bin/true", ["true"], {}), "socket": attempt(socket.socket),
    "vsock": attempt(socket.socketpair, 40), "write": attempt(write, "/tmp/x"), "null": attempt(null_for_writing), "temporary": attempt(temporary),
    "mkdir": attempt(os.mkdir, "/tmp/d"), "unlink": attempt(os.unlink, "/tmp/none"), "chmod": attempt(os.chmod, "/tmp", 0o700),
    "utime": attempt(os.utime, "/tmp"), "nice": attempt(os.setpriority, 0, 0, 19), "limits": attempt(__import__("resource").getrlimit, 7),
    "terminal": os.isatty(0), "ioctl": attempt(__import__("fcntl").ioctl, r, 0x5413 + 0x1000), "openat2": system_call(437, -100, b"/etc/passwd", 0, 24),
}
"""


@pytest.mark.invariant("S17")
def test_strict_computes_and_does_nothing_else(box):
    seen = box.probe(STRICT, profile("strict"))
    refused = dict.fromkeys(["fork", "spawn", "socket", "write", "null", "temporary", "mkdir", "unlink", "chmod", "utime", "nice"], "EPERM")
    assert seen == {"threads": [1], "read": True, "pair": "x", "pipe": "y", "memory": 1 << 20, "clock": True, "list": True,
                    "vsock": "EAFNOSUPPORT", "limits": "ok", "terminal": False, "ioctl": "ENOTTY", "openat2": "ENOSYS", **refused}


@pytest.mark.parametrize("argv", [["/usr/bin/python3", "-c", "print(sum(range(10)))"], ["/usr/bin/perl", "-e", "print 45"], ["/usr/bin/sort", "/etc/passwd"]],
                         ids=lambda argv: argv[0])
def test_programs_that_compute_run_under_strict(box, argv):
    assert box.run(argv, profile("strict")).code == 0


TRACE = """
pid = os.fork()
if pid == 0:
    os._exit(3 if libc.ptrace(0, 0, 0, 0) == 0 else 4)
result = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), libc.personality(0x40000), libc.personality(0xffffffff), libc.personality(0x400000),
          system_call(%d, 0x10000000), system_call(%d, 16, 1, 0, 0)]
"""


def test_build_lets_programs_trace_their_own(box):
    """And not the sandbox's init, whose memory is nobody's to open."""
    seen = box.probe(TRACE % (number(272, 97), number(101, 117)), profile("build"))
    assert seen == [3, 0, 0x40000, -1, "EPERM", "EPERM"]


def test_no_filter_when_that_is_asked_for(box):
    done = box.run(["cat", "/proc/self/status"], profile("none"))
    rows = dict(line.split(":\t", 1) for line in done.text.splitlines() if ":\t" in line)
    assert (rows["Seccomp"], rows["Seccomp_filters"]) == ("0", "0")
    assert "seccomp" not in done.outcome["enforced"]
    assert ["no filter" in str(e) for e in done.outcome["not_enforced"] if e["protection"] == "seccomp"] == [True]
    # What does not lean on the filter holds.
    assert "nested_user_namespaces" in done.outcome["enforced"]
    assert box.probe(f"result = system_call({number(272, 97)}, 0x10000000)", profile("none")) == "ENOSPC"


def test_a_call_that_is_allowed_on_top(box):
    look = f"result = [system_call({number(101, 117)}, 7, 1, 0, 0), system_call({number(310, 270)}, 1, 0, 0, 0, 0, 0)]"
    assert box.probe(look) == ["EPERM", "EPERM"]
    assert box.probe(look, profile(allow=["ptrace"])) == ["ESRCH", "EPERM"]


@pytest.mark.kernel
def test_a_call_that_is_denied_on_top(box):
    look = "result = [attempt(os.mkdir, '/tmp/d'), attempt(os.rmdir, '/tmp/d'), attempt(socket.socket)]"
    assert box.probe(look) == ["ok", "ok", "ok"]
    assert box.probe(look, profile(deny=["mkdir", "mkdirat", "socket"])) == ["EPERM", "ENOENT", "EPERM"]


@pytest.mark.kernel
def test_a_violation_that_kills(box):
    done = box.run(["/usr/bin/python3", "-c", "import os; print(1, flush=True); os.chroot('/tmp'); print(2)"], profile(on_violation="kill"))
    assert done.text == "1\n" and done.reason == "signaled" and done.outcome["signal"] == "SIGSYS" and done.code == 128 + 31
    # Programs go on where they only ask whether there is such a call.
    assert box.probe(THREADS, profile(on_violation="kill")) == [328350, 25]


def test_a_violation_that_is_logged(box):
    """What was refused by the filter alone is let through."""
    look = f"result = [system_call({number(101, 117)}, 7, 1, 0, 0), system_call({number(103, 116)}, 99, 0, 0)]"
    done = box.run(["true"], profile(on_violation="log"))
    assert "seccomp" not in done.outcome["enforced"] and "let through and logged" in str(done.outcome["not_enforced"])
    assert box.probe(look, profile(on_violation="log")) == ["ESRCH", "EPERM"]


# ---- profiles of container runtimes -------------------------------------------------------------------------------------------

# In the words of the one that containers have: no new namespaces, no AF_VSOCK, more for who has a capability.
OCI = {
    "defaultAction": "SCMP_ACT_ALLOW", "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]},
                                                   {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]}],
    "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 77},
        {"names": ["socket"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 40, "valueTwo": 0, "op": "SCMP_CMP_EQ"}]},
        {"names": ["lseek"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5, "args": [{"index": 1, "value": 4294967296, "op": "SCMP_CMP_GE"},
                                                                                {"index": 2, "value": 0, "op": "SCMP_CMP_EQ"}]},
        {"names": ["chroot"], "action": "SCMP_ACT_ERRNO", "excludes": {"caps": ["CAP_SYS_CHROOT"]}},
        {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38, "comment": "as ever", "includes": {}},
    ],
}
OCI_SEEN = """
fd = os.open("/etc/passwd", os.O_RDONLY)
result = [attempt(os.mkdir, "/tmp/d"), attempt(socket.socket, 40), attempt(socket.socket), attempt(os.lseek, fd, 1 << 32, 0), attempt(os.lseek, fd, 1 << 33, 1),
          attempt(os.chroot, "/tmp/none"), system_call(435, 0, 0), status()["Seccomp"]]"""


@pytest.mark.kernel
def test_a_profile_of_a_container_runtime(box):
    seen = box.probe(OCI_SEEN, {"security": {"seccomp": {"oci": OCI}}})
    assert seen == ["EBADFD", "EPERM", "ok", "EIO", "ok", "EPERM", "ENOSYS", "2"]


def test_its_conditions_look_at_the_bounding_set(box):
    seen = box.probe(OCI_SEEN, {"security": {"seccomp": {"oci": OCI}, "capabilities": ["SYS_CHROOT"]}})
    assert seen[5] == "ENOENT" and seen[0] == "EBADFD"


def test_it_is_changed_as_any_other(box):
    seen = box.probe(OCI_SEEN, {"security": {"seccomp": {"oci": OCI, "allow": ["mkdir", "mkdirat"], "deny": ["socket"]}}})
    assert seen[:3] == ["ok", "EPERM", "EPERM"]
    done = box.run(["/usr/bin/python3", "-c", "import socket; socket.socket(40)"], {"security": {"seccomp": {"oci": OCI, "on_violation": "kill"}}})
    assert done.outcome["signal"] == "SIGSYS"


def in_file(tmp_path, profile):
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(profile))
    return {"security": {"seccomp": {"oci": str(path)}}}


def test_a_profile_in_a_file(box, tmp_path):
    assert box.probe(OCI_SEEN, in_file(tmp_path, OCI)) == ["EBADFD", "EPERM", "ok", "EIO", "ok", "EPERM", "ENOSYS", "2"]


def test_a_profile_in_a_file_by_a_variable(box, tmp_path):
    in_file(tmp_path, OCI)
    request = {"security": {"seccomp": {"oci": "${CWD}/profile.json", "deny": ["socket"]}}}
    done = box.run(["/usr/bin/python3", "-c", "import os, socket\nfor call in (lambda: os.mkdir('/tmp/d'), socket.socket):\n"
                    "    try: call()\n    except OSError as e: print(e.errno)"], request, cwd=tmp_path)
    assert done.code == 0 and done.text == "77\n1\n", done


def test_a_file_that_changed_counts_at_the_next_start(box, tmp_path):
    look = 'result = attempt(os.mkdir, "/tmp/d")'
    assert box.probe(look, in_file(tmp_path, OCI)) == "EBADFD"
    assert box.probe(look, in_file(tmp_path, {"defaultAction": "SCMP_ACT_ALLOW"})) == "ok"


I386_SOCKET = """
#include <stdio.h>
static int call(int number, int a, int b, int c)
{
  int answer;
  __asm__ volatile("int $0x80" : "=a"(answer) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
  return answer;
}
static int arguments[3] = {1, 1, 0};
int main(void)
{
  int own = call(359, 1, 1, 0);
  int carried = call(102, 1, (int)(long)arguments, 0);
  printf("%d %d %d\\n", own, carried, call(20, 0, 0, 0) > 0);
  return 0;
}
"""


@pytest.mark.skipif(not X86_64, reason="x32 and i386 are there on x86_64 only")
@pytest.mark.invariant("S15")
def test_what_is_denied_is_denied_to_i386_as_well(box, compiled):
    """By its own number, and by socketcall(2), whose number says nothing of what it is for."""
    program = compiled(I386_SOCKET, "-no-pie", "-static")

    def run(**seccomp):
        done = box.run(["/p"], {"paths": {"/p": {"from": str(program)}}, "security": {"seccomp": seccomp}})
        return [int(word) for word in done.text.split()]

    free = {"defaultAction": "SCMP_ACT_ALLOW", "archMap": OCI["archMap"]}
    assert run(oci=free) == [3, 4, 1]
    assert run(oci=free, deny=["socket"]) == [-1, -1, 1]
    # A condition on arguments holds where a filter sees them; behind socketcall(2) it sees none, and all are refused.
    assert run(oci=OCI) == [3, -1, 1]
    assert run(oci={**free, "syscalls": [{"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 7}]}) == [-7, -7, 1]


@pytest.mark.parametrize("action, end", [("SCMP_ACT_KILL_PROCESS", "SIGSYS"), ("SCMP_ACT_KILL", "SIGSYS"), ("SCMP_ACT_TRAP", "SIGSYS"),
                                         ("SCMP_ACT_LOG", None), ("SCMP_ACT_ALLOW", None)])
def test_each_action(box, action, end):
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["getppid"], "action": action}]}
    done = box.run(["/usr/bin/python3", "-c", "import os; os.getppid(); print(1)"], {"security": {"seccomp": {"oci": profile}}})
    assert (done.outcome["signal"], done.text) == (end, "" if end else "1\n")


KILLED_THREAD = """
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
static int came_back;
static void *thread(void *unused)
{
  getppid();
  came_back = 1;
  return unused;
}
int main(void)
{
  pthread_t one;
  pthread_create(&one, NULL, thread, NULL);
  pthread_join(one, NULL); /* the kernel's end of the thread is enough for it */
  printf("%d\\n", came_back);
  return 0;
}
"""


@pytest.mark.parametrize("action", ["SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD"])
def test_a_thread_that_is_killed_leaves_the_others(box, compiled, action):
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["getppid"], "action": action}]}
    done = box.run(["/p"], {"paths": {"/p": {"from": str(compiled(KILLED_THREAD, "-pthread"))}}, "security": {"seccomp": {"oci": profile}}})
    assert (done.code, done.text) == (0, "0\n"), done


@pytest.mark.skipif(not X86_64, reason="x32 and i386 are there on x86_64 only")
@pytest.mark.invariant("S15")
def test_i386_runs_where_a_profile_lists_it(box, compiled):
    """And x32 does not."""
    program = compiled(I386)
    request = {"paths": {"/p": {"from": str(program)}}, "security": {"seccomp": {"oci": OCI}}}
    done = box.run(["/p"], request)
    assert done.code == 0 and int(done.text) > 0, done
    done = box.run(["/usr/bin/python3", "-c", "import ctypes; print(ctypes.CDLL(None).syscall(0x40000000 + 39))"], request)
    assert done.outcome["signal"] == "SIGSYS", done


# ---- raw programs --------------------------------------------------------------------------------------------------------


def test_a_program_of_ones_own(box):
    getppid = 110 if X86_64 else 173
    seen = box.probe(f"result = [system_call({getppid}), status()['Seccomp'], status()['Seccomp_filters']]",
                     raw(denying(getppid, ERRNO | 77)))
    assert seen == ["EBADFD", "2", "1"]


def test_a_program_that_kills(box):
    getppid = 110 if X86_64 else 173
    done = box.run(["/usr/bin/python3", "-c", "import os; os.getppid()"], raw(denying(getppid, KILL)))
    assert done.reason == "signaled" and done.outcome["signal"] == "SIGSYS" and done.code == 128 + 31


@pytest.mark.invariant("S16")
def test_nested_user_namespaces_are_refused_without_the_filter(box):
    seen = box.probe("""
result = [system_call(%d, 0x10000000), read("/proc/sys/user/max_user_namespaces").strip(),
          attempt(write, "/proc/sys/user/max_user_namespaces", "9"), attempt(os.chmod, "/proc/sys/user/max_user_namespaces", 0o666)]
""" % (272 if X86_64 else 97), raw(ALLOW_ALL))
    assert seen == ["ENOSPC", "0", "EROFS", "EROFS"] or (seen[0] in ("EPERM", "ENOSPC", "EUSERS") and seen[1] == "0" and
                                                        seen[2] in ("EROFS", "EACCES") and seen[3] in ("EROFS", "EPERM"))


@pytest.mark.parametrize("name", ["mount", "umount2", "pivot_root", "chroot", "unshare mount", "fsopen", "sethostname",
                                  "settimeofday", "init_module", "kexec_load", "reboot", "open_by_handle_at"])
def test_what_needs_a_capability_is_refused_without_the_filter(box, name):
    x86, arm, arguments = CALLS[name]
    answer = box.probe(f"result = system_call({x86 if X86_64 else arm}, *{arguments!r})", raw(ALLOW_ALL))
    assert answer in ("EPERM", "ENOSYS", "EACCES", "EFAULT", "EBADF"), (name, answer)


@pytest.mark.invariant("S17")
def test_the_session_keyring_is_another(box):
    """KEYCTL_GET_KEYRING_ID of the session keyring, on a filter that lets it through."""
    number = 250 if X86_64 else 219
    from harness import LIBC
    outside = LIBC.syscall(number, 0, -3, 0)
    inside = box.probe(f"result = system_call({number}, 0, -3, 0)", raw(ALLOW_ALL))
    assert isinstance(inside, int) and inside != outside and inside > 0


@pytest.mark.invariant("S15")
def test_the_filter_holds_in_children_and_cannot_be_taken_off(box):
    prctl = 157 if X86_64 else 167
    seen = box.probe(f"""
import subprocess
child = subprocess.run(["grep", "^Seccomp:", "/proc/self/status"], capture_output=True, text=True).stdout.split()[1]
result = [child, system_call({prctl}, 22, 0, 0, 0, 0), status()["Seccomp"]]""")
    assert seen[0] == seen[2] == "2" and seen[1] != 0


def test_init_has_its_own_filter(box):
    assert box.probe('result = [status(1)["Seccomp"], status(1)["Seccomp_filters"]]', raw(ALLOW_ALL)) == ["2", "1"]


def test_init_cannot_be_held_back(box):
    """It has the payload's id: only the filter stands between its limits and a payload that wants to outlive its deadline."""
    done = box.run(["/usr/bin/python3", "-c", "import os, resource\n"
                    "for what in (lambda: resource.prlimit(1, resource.RLIMIT_CPU, (0, 0)), lambda: os.setpriority(0, 1, 19),\n"
                    "             lambda: os.sched_setaffinity(1, {0}), lambda: os.sched_setscheduler(1, 5, os.sched_param(0))):\n"
                    "    try: what(); print('done')\n"
                    "    except PermissionError: print('refused')\n"
                    "resource.prlimit(os.getpid(), resource.RLIMIT_CORE, (0, 0)); os.setpriority(0, 0, 19)"])
    assert done.code == 0 and done.text.split() == ["refused"] * 4
