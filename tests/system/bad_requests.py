"""Wrong requests as a table: what is asked for, and what must be said about it. Knows no runner; test_bad_requests.py has one.

Each row: name, the request (a dictionary, or bytes for a text that is no request) or options, the exit code, and parts of
the one line that says it: stage, field or object, an excerpt of the message, and the way out. `{tmp}` is a directory of the
test with: file, dir/, link (to /etc), outside (a link out of dir), tool (not executable), data (no format).
"""

DEEP = b'{"version": 1, "env": ' + b"[" * 40 + b"]" * 40 + b"}"
LONG = b'{"version": 1, "command": ["true"], "env": {"A": "' + b"x" * (2 << 20) + b'"}}'


def run(**fields):
    return {"version": 1, "command": ["/bin/sh", "-c", "echo the payload ran"], **fields}


def path(place="/x", **rule):
    return run(paths={place: rule})


# fmt: off
REFUSED = [
    # ---- text that is no request
    ("empty file", b"", 125, ["parse", "line"]),
    ("no JSON", b"command = true\n", 125, ["parse", "line 1", "JSON object such as"]),
    ("truncated", b'{"version": 1, "command": ["true"', 125, ["parse", "line 1", "column"]),
    ("trailing comma", b'{"version": 1, "command": ["true"],}', 125, ["parse", "line 1"]),
    ("rubbish after the end", b'{"version": 1, "command": ["true"]} x', 125, ["parse", "line 1"]),
    ("no UTF-8", b'{"version": 1, "command": ["\xff\xfe"]}', 125, ["parse", "line 1"]),
    ("duplicate key", b'{"version": 1, "command": ["true"],\n "cwd": "/", "cwd": "/tmp"}', 125,
     ["parse", "cwd", "twice", "line 2", "keep one"]),
    ("duplicate key below", b'{"version": 1, "env": {"A": "1", "A": "2"}}', 125, ["`A`|'A'|\"A\"", "twice"]),
    ("depth", DEEP, 125, ["parse", "nested more than", "line 1"]),
    ("2 MiB", LONG, 125, ["parse|bytes|long", "1048576|1 MiB|at most"]),
    ("a list", b'["true"]', 125, ["object", "list", '"version": 1']),
    ("a number", b"42", 125, ["object", "whole number"]),
    ("NUL byte in the file", b'{"version": 1,\x00 "command": ["true"]}', 125, ["parse"]),
    ("the Rust dialect", b'{"kind": "Create", "exec": {}}', 125, ["/kind", "Rust", "version"]),
    ("no version", b'{"command": ["true"]}', 125, ["/version", "add \"version\": 1"]),
    ("version 2", b'{"version": 2}', 125, ["/version", "not known", "version 1"]),
    ("version as text", b'{"version": "1"}', 125, ["/version", "whole number"]),
    ("version 0", b'{"version": 0}', 125, ["/version", "range"]),
    # ---- keys
    ("unknown key", run(comand=["true"]), 125, ["validate", "/comand", "not a field", "did you mean `command`"]),
    ("unknown key below", run(user={"uidd": 3}), 125, ["/user/uidd", "did you mean `uid`"]),
    ("unknown key of a rule", path(acess="rw"), 125, ["/paths/~1x/acess", "did you mean `access`"]),
    ("far from any key", run(quux=1), 125, ["/quux", "known here"]),
    ("a key in capitals", run(Timeout="5s"), 125, ["/Timeout", "did you mean `timeout`"]),
    ("a later key", run(trace=True), 125, ["/trace", "not supported yet", "leave it out"]),
    ("a later level", run(isolation=["process"]), 125, ["/isolation", "`process` is not supported yet"]),
    ("a later map", run(user={"uid_map": "subuid"}), 125, ["/user/uid_map", "not supported yet"]),
    ("a later root", run(root={"overlay": {}}), 125, ["/root/overlay", "not supported yet"]),
    ("a quoted boolean among words", run(root={"directory": "/", "writable": "true"}), 125,
     ["/root/writable", "written without quotes"]),
    ("a size without changes to keep", run(root={"directory": "/", "size": "1M"}), 125, ["/root/size", "discard"]),
    ("joining", run(namespaces={"pid": {"join": "/proc/1/ns/pid"}}), 125, ["/namespaces/pid/join", "not supported yet"]),
    ("sysfs with the host's network", run(mounts=[{"type": "sysfs"}], network="host"), 125, ["/mounts", "not supported yet"]),
    # ---- types and ranges
    ("command as text", run(command="true"), 125, ["/command", "list", "text"]),
    ("an empty command", run(command=[]), 125, ["/command", "empty"]),
    ("an empty program", run(command=[""]), 125, ["/command/0", "empty"]),
    ("a number in command", run(command=["true", 1]), 125, ["/command/1", "text", "whole number"]),
    ("null", run(cwd=None), 125, ["/cwd", "null"]),
    ("true as text", run(init="true"), 125, ["/init", "true or false"]),
    ("uid below zero", run(user={"uid": -1}), 125, ["/user/uid", "-1 is out of range", "0 to 4294967294"]),
    ("uid too large", run(user={"uid": 4294967295}), 125, ["/user/uid", "out of range"]),
    ("uid beyond 64 bits", b'{"version": 1, "user": {"uid": 99999999999999999999}}', 125, ["line 1|/user/uid", "range|big|large"]),
    ("uid with a fraction", run(user={"uid": 1.5}), 125, ["/user/uid", "fraction"]),
    ("a size of no unit", run(output={"limit": "5X"}), 125, ["/output/limit", "5X"]),
    ("a size of zero", run(output={"limit": 0}), 125, ["/output/limit", "range"]),
    ("a duration of no unit", run(timeout="5 parsecs"), 125, ["/timeout", "5 parsecs"]),
    ("a duration below zero", run(timeout=-1), 125, ["/timeout", "range"]),
    ("a year and more", run(timeout="1000000h"), 125, ["/timeout", "range"]),
    ("a umask that is none", run(umask="089"), 125, ["/umask", "089"]),
    ("a umask too large", run(umask="1000"), 125, ["/umask", "range"]),
    ("nice too large", run(nice=20), 125, ["/nice", "-20 to 19"]),
    ("oom_score_adj too small", run(oom_score_adj=-1001), 125, ["/oom_score_adj", "-1000 to 1000"]),
    ("an unknown word", run(network="none!"), 125, ["/network", "`none!`", "did you mean `none`"]),
    ("an unknown access", path(access="read"), 125, ["/paths/~1x/access", "`read`"]),
    ("an unknown root", run(root="sytem"), 125, ["/root", "did you mean `system`"]),
    ("an unknown preset", run(extends="pyton"), 125, ["/extends", "pyton", "python"]),
    ("an unknown protection", run(best_effort=["rlimit"]), 125, ["/best_effort/0", "did you mean `rlimits`"]),
    ("a protection that is never given up", run(best_effort=["seccomp"]), 125, ["/best_effort/0", "never", "remove it"]),
    ("an unknown capability", run(security={"capabilities": ["CAP_FLY"]}), 125, ["/security/capabilities", "CAP_FLY", "capabilities\\(7\\)"]),
    ("an unknown profile", run(security={"seccomp": "strict"}), 125, ["/security/seccomp", "strict", "default"]),
    ("no instruction", run(security={"seccomp": {"bpf": [[6, 0, 0]]}}), 125, ["/security/seccomp/bpf/0", "four whole numbers"]),
    ("a filter without an end", run(security={"seccomp": {"bpf": [[32, 0, 0, 0]]}}), 125, ["/security/seccomp/bpf", "not valid"]),
    ("a filter that jumps out", run(security={"seccomp": {"bpf": [[5, 0, 0, 9], [6, 0, 0, 0]]}}), 125, ["/security/seccomp/bpf", "jump"]),
    ("an empty filter", run(security={"seccomp": {"bpf": []}}), 125, ["/security/seccomp/bpf", "empty"]),
    ("a standard stream to be kept", run(preserve_fds=[2]), 125, ["/preserve_fds/0", "range", "standard streams"]),
    ("a descriptor twice", run(preserve_fds=[5, 5]), 125, ["/preserve_fds/1", "twice"]),
    ("a descriptor that is not open", run(preserve_fds=[654]), 125, ["/preserve_fds", "654", "not open"]),
    ("half a limit", run(rlimits={"nofile": {"soft": 5}}), 125, ["/rlimits/nofile", "only one", "both"]),
    ("a limit upside down", run(rlimits={"nofile": {"soft": 9, "hard": 5}}), 125, ["/rlimits/nofile", "above its hard"]),
    ("an unknown limit", run(rlimits={"nofiles": 5}), 125, ["/rlimits/nofiles", "did you mean `nofile`"]),
    ("limits that nobody enforces", run(limits={"memory": "64M"}), 125, ["/limits/memory", "best_effort", "limits"]),
    ("a name with =", run(env={"A=B": "x"}), 125, ["/env", "A=B"]),
    ("an empty name", run(env={"": "x"}), 125, ["/env", "empty"]),
    ("a variable without a value", run(paths={"/x": {"from": "${NOWHERE}"}}), 125, ["/paths/~1x/from", "NOWHERE", "no value"]),
    # ---- texts that no system call can hold
    ("NUL in command", run(command=["true", "a\0b"]), 125, ["/command/1", "NUL"]),
    ("NUL in a path", run(cwd="/tmp\0x"), 125, ["/cwd", "NUL"]),
    ("NUL in a place", run(paths={"/a\0b": "ro"}), 125, ["NUL|U\\+0000|\\\\u0000"]),
    ("NUL in env", run(env={"A": "\0"}), 125, ["/env/A", "NUL"]),
    ("an argument beyond 128 KiB", run(command=["true", "x" * 131072]), 125, ["/command/1", "131071"]),
    # ---- paths
    ("a relative place", run(paths={"x": "ro"}), 125, ["/paths/x", "absolute"]),
    ("a relative cwd", run(cwd="tmp"), 125, ["/cwd", "absolute"]),
    ("..", run(paths={"/tmp/../etc": "ro"}), 125, ["/paths", "`..`", "symbolic links"]),
    (".. in a source", path(**{"from": "{tmp}/dir/../file"}), 125, ["/paths/~1x/from", "`..`"]),
    (".. in a root", run(root={"directory": "/srv/.."}), 125, ["/root/directory", "`..`"]),
    ("a component that is too long", run(cwd="/" + "x" * 256), 125, ["/cwd", "255"]),
    ("a path that is too long", run(cwd="/x" * 2100), 125, ["/cwd", "4095"]),
    ("the root as a place", run(paths={"/": "ro"}), 125, ["/paths", "root"]),
    ("two spellings of one place", run(paths={"/x": "tmpfs", "/x/": "deny"}), 125, ["/paths", "same place", "keep one"]),
    ("/proc as a place", run(paths={"/proc": "tmpfs"}), 125, ["/paths/~1proc", "always the sandbox's own"]),
    ("/dev as a place", run(paths={"/dev": "deny"}), 125, ["/paths/~1dev", "always the sandbox's own"]),
    # ---- what does not go together
    ("hostname of the host", run(namespaces={"uts": {"mode": "host", "hostname": "mine"}}), 125, ["/namespaces/uts/hostname", "mine", "leave out"]),
    ("domain name of the host", run(namespaces={"uts": {"mode": "host", "domainname": "lab"}}), 125, ["/namespaces/uts/domainname", "lab", "leave out"]),
    ("a host name that is none", run(namespaces={"uts": {"hostname": "a b"}}), 125, ["/namespaces/uts/hostname", "a b"]),
    ("mounts of the host", run(namespaces={"mount": "host"}), 125, ["/namespaces/mount", "paths"]),
    ("a map for users of the host", run(namespaces={"user": "host"}, user={"uid_map": "self"}), 125,
     ["/user/uid_map", "there is no user namespace"]),
    ("users of the host with a filter of one's own",
     run(namespaces={"user": "host"}, security={"seccomp": {"bpf": [[6, 0, 0, 2147418112]]}}), 125,
     ["/namespaces/user", "nested_user_namespaces"]),
    ("pid of the host with init", run(namespaces={"pid": "host"}), 125, ["/namespaces/pid", "\"init\": false"]),
    ("pid of the host", run(namespaces={"pid": "host"}, init=False), 125, ["/namespaces/pid", "tree_kill"]),
    ("groups under a self map", run(user={"groups": [], "uid_map": "self"}), 125, ["/user/groups", "setgroups"]),
    ("named groups", run(user={"groups": [4]}), 125, ["/user/groups", "not supported yet"]),
    ("die_with_parent without init", run(init=False, die_with_parent=True), 125, ["/die_with_parent", "leave out one"]),
    ("a grace without a wall", run(timeout={"grace": "1s"}), 125, ["/timeout/grace", "wall"]),
    ("a policy without a limit", run(output={"keep": "tail"}), 125, ["/output/limit", "limit"]),
    ("writable without a directory", run(root={"writable": False}), 125, ["/root", "directory"]),
    ("from with deny", path(access="deny", **{"from": "/etc"}), 125, ["/paths/~1x/from", "`ro` or `rw`"]),
    ("optional with tmpfs", path(access="tmpfs", optional=True), 125, ["/paths/~1x/optional", "`ro` or `rw`"]),
    ("if_missing with ro", path(access="ro", if_missing="ignore"), 125, ["/paths/~1x/if_missing", "optional"]),
    ("size with rw", path(access="rw", size="1M"), 125, ["/paths/~1x/size", "tmpfs"]),
    ("a capability that opens init", run(security={"capabilities": ["SYS_PTRACE"]}), 125, ["/security/capabilities", "SYS_PTRACE|sys_ptrace", "\"init\": false"]),
    ("ambient without inheritable", run(security={"capabilities": {k: ["kill"] for k in ("bounding", "effective", "permitted", "ambient")}}), 125,
     ["/security/capabilities/ambient", "inheritable"]),
    ("inheritable without bounding", run(security={"capabilities": {"inheritable": ["kill"]}}), 125, ["/security/capabilities/inheritable", "bounding"]),
    ("effective alone", run(security={"capabilities": {"effective": ["kill"]}}), 125, ["/security/capabilities", "execve"]),
    ("fixed and free at once", run(fixed=True, preserve_fds="by_caller"), 125, ["/preserve_fds", "fixed"]),
]

# Sound requests that this host cannot carry out: here the outcome says what the line says.
FAILED = [
    ("missing root", run(root={"directory": "{tmp}/none"}), 125, ["root|source", "/root/directory", "{tmp}/none", "No such file", "make the directory"]),
    ("root a file", run(root={"directory": "{tmp}/file"}), 125, ["root|source", "/root/directory", "{tmp}/file", "directory"]),
    ("root without dev", run(root={"directory": "{tmp}/dir"}), 125, ["device", "/dev", "make the directory `dev`"]),
    ("missing source", path(**{"from": "{tmp}/none"}), 125, ["source|path", "/paths/~1x", "{tmp}/none", "No such file", "optional"]),
    ("source below a file", path(**{"from": "{tmp}/file/x"}), 125, ["/paths/~1x", "{tmp}/file/x", "Not a directory"]),
    ("magic link", path(**{"from": "/proc/self/cwd"}), 125, ["/paths/~1x", "/proc/self/cwd"]),
    ("link out of the root", run(paths={"/d": {"from": "{tmp}/dir"}, "/d/outside": "ro"}), 125, ["/paths/~1d~1outside", "link"]),
    ("path through a link out of the root", run(paths={"/d": {"from": "{tmp}/dir"}, "/d/outside/passwd": "ro"}), 125, ["/paths/~1d~1outside~1passwd", "No such file"]),
    ("place below a read-only base", run(paths={"/usr/none": {"from": "{tmp}/dir"}}), 125, ["path", "/usr/none", "nothing is ever made"]),
    ("a file where a directory stands", run(paths={"/usr/share": {"from": "{tmp}/file"}}), 125, ["path", "/usr/share", "type"]),
    ("a directory where a file stands", run(paths={"/etc/ld.so.cache": "tmpfs", "/usr/bin/env": {"from": "{tmp}/dir"}}), 125, ["path", "/usr/bin/env", "type"]),
    ("cwd that is not there", run(cwd="/none"), 125, ["command", "/cwd", "/none", "No such file", "path inside"]),
    ("hard limit above the own", run(rlimits={"memlock": "unlimited"}), 125, ["rlimit", "/rlimits/memlock", "hard limit"]),
    ("executable missing", run(command=["/none"]), 127, ["/none", "not found inside"]),
    ("name not found", run(command=["no-such-program"]), 127, ["no-such-program", "not found inside"]),
    ("not executable", {**run(command=["/x/tool"]), "paths": {"/x": {"from": "{tmp}"}}}, 126, ["/x/tool", "Permission denied", "not executable"]),
    ("wrong format", {**run(command=["/x/data"]), "paths": {"/x": {"from": "{tmp}"}}}, 126, ["/x/data", "format"]),
    ("a directory as program", run(command=["/usr"]), 126, ["/usr", "Permission denied"]),
]
# fmt: on
