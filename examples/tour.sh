#!/bin/bash
# A short tour: what a confined python3 sees of the machine, and what the caller learns of it. Needs `styrolite` in PATH.
set -euo pipefail

outcome=$(mktemp)
trap 'rm -f "$outcome"' EXIT

read -r -d '' look <<'PY' || true
import ctypes, os, socket

def status(key):
    with open("/proc/self/status") as text:
        return next(line.split(":", 1)[1].split() for line in text if line.startswith(key + ":"))

def mounts():
    with open("/proc/self/mounts") as text:
        return [line.split() for line in text]

def attempt(what, action):
    try:
        action()
        return f"{what}: POSSIBLE"
    except OSError as error:
        return f"{what}: {error.strerror}"

print("ids          ", f"uid {os.getuid()} gid {os.getgid()}, groups {os.getgroups()}, home {os.environ['HOME']}")
print("id map       ", " ".join(open("/proc/self/uid_map").read().split()), "(inside, outside, count)")
print("processes    ", sorted(int(name) for name in os.listdir("/proc") if name.isdigit()))
print("root         ", " ".join(sorted(os.listdir("/"))))
print("mounts       ", len(mounts()), "of them writable:",
      " ".join(m[1] for m in mounts() if "rw" in m[3].split(",")))
print("network      ", [name for _, name in socket.if_nameindex()], "host name", socket.gethostname())
print("capabilities ", {key: status(key)[0].lstrip("0") or "none" for key in ("CapEff", "CapPrm", "CapBnd", "CapAmb")})
print("privileges   ", f"no_new_privs {status('NoNewPrivs')[0]}, seccomp mode {status('Seccomp')[0]}")
print("descriptors  ", sorted(int(fd) for fd in os.listdir("/proc/self/fd"))[:-1])
print("attempts     ", attempt("write /usr/x", lambda: open("/usr/x", "w")))
print("             ", attempt("read /etc/shadow", lambda: open("/etc/shadow").read()))
print("             ", attempt("reach 192.0.2.1", lambda: socket.create_connection(("192.0.2.1", 80), 1)))
libc = ctypes.CDLL(None, use_errno=True)
print("             ", "new user namespace:",
      "POSSIBLE" if libc.unshare(0x10000000) == 0 else os.strerror(ctypes.get_errno()))
with open("/tmp/answer", "w") as file:
    file.write(str(6 * 7))
print("work         ", "6 * 7 =", open("/tmp/answer").read(), "by way of a private /tmp")
PY

printf '$ styrolite run --extends python --timeout 10s -- python3 -c ...\n\n'
status=0
styrolite run --extends python --timeout 10s --outcome "$outcome" -- python3 -c "$look" || status=$?

printf '\n$ the outcome, as the caller gets it (exit code %s)\n\n' "$status"
/usr/bin/python3 - "$outcome" <<'PY'
import json, sys

outcome = json.load(open(sys.argv[1]))
usage = outcome["usage"]
print("message      ", outcome["message"])
print("how          ", f"isolation {outcome['isolation']}, spawn mode {outcome['spawn_mode']}, init {outcome['init']}")
print("enforced     ", ", ".join(outcome["enforced"]))
for kind in ("not_enforced", "approximated"):
    for entry in outcome[kind]:
        print(f"{kind:13}", f"{entry['protection']}: {entry['why']}")
milliseconds = {key: round(1000 * usage[key], 1) for key in ("wall", "user", "system") if usage[key] is not None}
print("usage        ", milliseconds, "ms, max RSS", (usage["max_rss"] or 0) // 1024, "KiB")
PY
exit "$status"
