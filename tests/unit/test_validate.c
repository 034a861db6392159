/*
 * What a wrong request is told: code, field and words, for every kind of mistake that the table and the rules know.
 * Texts are interface: whoever changes one changes it here.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "request_kit.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

#define P STYRO_EPARSE
#define R STYRO_EREQUEST
#define U STYRO_EUNSUPPORTED

/* `text` is the inside of an object that has its version. */
static const struct {
  const char *text;
  int code;
  const char *field, *message, *hint;
} wrong[] = {
    /* keys */
    {"\"comand\": []", R, "/comand", "`comand` is not a field of a request", "did you mean `command`?"},
    {"\"banana\": 1", R, "/banana", "`banana` is not a field", "known here: version, extends"},
    {"\"timeout\": {\"wal\": 1}", R, "/timeout/wal", "`wal` is not a field here", "did you mean `wall`?"},
    {"\"paths\": {\"/a\": {\"acess\": \"ro\"}}", R, "/paths/~1a/acess", "`acess` is not a field",
     "did you mean `access`?"},
    {"\"rlimits\": {\"nofiles\": 1}", R, "/rlimits/nofiles", "`nofiles` is not a field", "did you mean `nofile`?"},
    {"\"security\": {\"seccomp\": {\"profil\": \"default\"}}", R, "/security/seccomp/profil",
     "`profil` is not a field here", "did you mean `profile`?"},
    {"\"security\": {\"seccomp\": {\"profile\": \"default\", \"bpf\": [[6, 0, 0, 0]]}}", R, "/security/seccomp/profile",
     "`profile` cannot stand beside `bpf`", "leave out one of the two"},
    /* types */
    {"\"command\": \"ls\"", R, "/command", "expected a list of texts, not a text", "[\"first\", \"second\"]"},
    {"\"command\": [\"a\", 1]", R, "/command/1", "expected a list of texts, not a whole number", ""},
    {"\"command\": {}", R, "/command", "not an object", ""},
    {"\"cwd\": 5", R, "/cwd", "expected an absolute path, not a whole number", ""},
    {"\"env\": [\"A=1\"]", R, "/env", "expected an object of texts, not a list", "{\"NAME\": \"value\"}"},
    {"\"env\": {\"A\": 1}", R, "/env/A", "not a whole number", ""},
    {"\"init\": \"false\"", R, "/init", "expected true or false, not a text", "without quotes"},
    {"\"nice\": \"5\"", R, "/nice", "expected a whole number, not a text", ""},
    {"\"nice\": 1.5", R, "/nice", "expected a whole number, not a number with a fraction", ""},
    {"\"user\": 1000", R, "/user", "expected an object, not a whole number", ""},
    {"\"paths\": [\"/a\"]", R, "/paths", "expected an object of paths, not a list", "{\"/inside\": \"ro\"}"},
    {"\"timeout\": null", R, "/timeout", "expected a duration, not null", "1.5s"},
    {"\"limits\": {\"cpu\": \"1.5\"}", R, "/limits/cpu", "expected a number of cores, not a text", "1.5"},
    {"\"security\": {\"capabilities\": \"all\"}", R, "/security/capabilities", "expected `none`, `ALL` or a list",
     "\"none\""},
    {"\"preserve_fds\": \"all\"", R, "/preserve_fds", "a list of descriptors or `by_caller`", "by_caller"},
    {"\"user\": {\"groups\": 5}", R, "/user/groups", "expected a list of ids or `keep`", "write a list"},
    {"\"best_effort\": \"limits\"", R, "/best_effort", "expected a list of protections, not a text", "[\"limits\"]"},
    /* grammar */
    {"\"timeout\": \"soon\"", P, "/timeout", "`soon` is not a duration", "500ms"},
    {"\"timeout\": {\"wall\": \"5 s\"}", P, "/timeout/wall", "`5 s` is not a duration", "500ms"},
    {"\"output\": \"1MB\"", P, "/output", "`1MB` is not a size", "256M"},
    {"\"rlimits\": {\"core\": \"none\"}", P, "/rlimits/core", "`none` is not a limit", "unlimited"},
    {"\"umask\": \"0o22\"", P, "/umask", "`0o22` is not permission bits", "022"},
    /* ranges */
    {"\"timeout\": 0", R, "/timeout", "0 is out of range: 1ms to 8760h", ""},
    {"\"timeout\": -1", R, "/timeout", "-1 is out of range", ""},
    {"\"timeout\": 1e30", R, "/timeout", "out of range", ""},
    {"\"timeout\": {\"wall\": 5, \"grace\": \"2h\"}", R, "/timeout/grace", "`2h` is out of range: 0 to 1h", ""},
    {"\"user\": {\"uid\": 4294967295}", R, "/user/uid", "4294967295 is out of range: 0 to 4294967294", ""},
    {"\"user\": {\"gid\": -1}", R, "/user/gid", "-1 is out of range", ""},
    {"\"output\": \"2G\"", R, "/output", "`2G` is out of range: 1 to 1G", ""},
    {"\"nice\": 20", R, "/nice", "20 is out of range: -20 to 19", ""},
    {"\"oom_score_adj\": 1001", R, "/oom_score_adj", "out of range: -1000 to 1000", ""},
    {"\"umask\": \"1777\"", R, "/umask", "out of range: 0000 to 0777", ""},
    {"\"limits\": {\"cpu\": 0}", R, "/limits/cpu", "0 is out of range: 0.001 to 8192", ""},
    {"\"limits\": {\"pids\": 0}", R, "/limits/pids", "out of range: 1 to", ""},
    {"\"limits\": {\"cpu_weight\": 10001}", R, "/limits/cpu_weight", "out of range: 1 to 10000", ""},
    {"\"rlimits\": {\"nofile\": -1}", R, "/rlimits/nofile", "-1 is out of range", "unlimited"},
    {"\"preserve_fds\": [2]", R, "/preserve_fds/0", "2 is out of range", "standard streams"},
    {"\"preserve_fds\": [3, 3]", R, "/preserve_fds/1", "descriptor 3 stands there twice", ""},
    {"\"paths\": {\"/t\": {\"access\": \"tmpfs\", \"size\": 1}}", R, "/paths/~1t/size", "1 is out of range: 4K", ""},
    /* words */
    {"\"network\": \"hots\"", R, "/network", "`hots` is not `none` or `host`", "did you mean `host`?"},
    {"\"root\": \"/srv/tree\"", R, "/root", "`/srv/tree` is not `system` or `empty`", "{\"directory\": \"/srv/tree\"}"},
    {"\"paths\": {\"/a\": \"rwx\"}", R, "/paths/~1a", "`rwx` is not `ro`, `rw`, `deny` or `tmpfs`",
     "did you mean `rw`?"},
    {"\"isolation\": \"vm\"", R, "/isolation", "`vm` is not `container` or `process`", ""},
    {"\"output\": {\"limit\": 1, \"keep\": \"\"}", R, "/output/keep", "`` is not `head`", ""},
    {"\"user\": {\"uid_map\": \"\"}", R, "/user/uid_map", "`` is neither `self`, `subuid` nor", "a range is a list"},
    {"\"user\": {\"uid_map\": [[0, 100000, 1000]]}", R, "/user/uid", "the uid 1000 is in no range of `user.uid_map`",
     "add a range such as"},
    {"\"user\": {\"gid_map\": [[0, 100000, 1000]], \"gid\": 2000}", R, "/user/gid",
     "the gid 2000 is in no range of `user.gid_map`", "add a range such as"},
    {"\"security\": {\"seccomp\": \"defaults\"}", R, "/security/seccomp", "`defaults` is not",
     "did you mean `default`?"},
    {"\"security\": {\"seccomp\": \"docker\"}", R, "/security/seccomp",
     "`docker` is not `default`, `strict`, `build` or `none`", "write a name"},
    {"\"security\": {\"seccomp\": {\"on_violation\": \"trap\"}}", R, "/security/seccomp/on_violation",
     "`trap` is not `errno`, `kill` or `log`", ""},
    {"\"security\": {\"seccomp\": {\"allow\": [\"ptrace\", \"mout\"]}}", R, "/security/seccomp/allow/1",
     "no system call is called `mout`; did you mean `mount`?", "syscalls(2)"},
    {"\"security\": {\"seccomp\": {\"deny\": [\"there is none\"]}}", R, "/security/seccomp/deny/0",
     "no system call is called `there is none`", "syscalls(2)"},
    {"\"security\": {\"seccomp\": {\"allow\": [\"bpf\", \"ptrace\"], \"deny\": [\"ptrace\"]}}", R,
     "/security/seccomp/deny/0", "`ptrace` is both allowed and denied", "one of the two"},
    {"\"namespaces\": {\"pid\": \"host\"}, \"init\": false, \"best_effort\": [\"tree_kill\"], \"security\": {\"seccomp\": \"build\"}",
     R, "/security/seccomp", "lets processes be traced or read, and those of the host", "leave out `namespaces.pid`"},
    {"\"namespaces\": {\"pid\": \"host\"}, \"init\": false, \"best_effort\": [\"tree_kill\"], \"security\": {\"seccomp\": {\"allow\": "
     "[\"pidfd_getfd\"]}}",
     R, "/security/seccomp", "lets processes be traced or read, and those of the host", "leave out `namespaces.pid`"},
    {"\"security\": {\"seccomp\": {\"profile\": \"none\", \"deny\": [\"ptrace\"]}}", R, "/security/seccomp/deny",
     "`deny` changes a profile, and the request asks for none", "name a profile"},
    {"\"security\": {\"seccomp\": {\"bpf\": [[6, 0, 0, 0]], \"on_violation\": \"kill\"}}", R,
     "/security/seccomp/on_violation", "`on_violation` changes a profile, and the request brings its own program",
     "into the program"},
    {"\"best_effort\": [\"limit\"]", R, "/best_effort/0", "`limit` is not the name of a protection",
     "did you mean `limits`?"},
    {"\"best_effort\": [\"seccomp\"]", R, "/best_effort/0", "`seccomp` can never be missing", "remove it"},
    {"\"best_effort\": [\"timeout_wall\"]", R, "/best_effort/0", "`timeout_wall` can never be missing", ""},
    {"\"security\": {\"capabilities\": [\"CAP_EVERYTHING\"]}", R, "/security/capabilities/0",
     "`CAP_EVERYTHING` is not the name of a capability", "capabilities(7)"},
    /* texts */
    {"\"cwd\": \"src\"", R, "/cwd", "`src` is not an absolute path", "from `/` on"},
    {"\"cwd\": \"/a/../b\"", R, "/cwd", "has a `..` in it", "without `..`"},
    {"\"cwd\": \"/a\\u0000b\"", R, "/cwd", "`/a` has a NUL byte after it", ""},
    {"\"command\": [\"a\\u0000\"]", R, "/command/0", "NUL byte", ""},
    {"\"env\": {\"A\": \"\\u0000\"}", R, "/env/A", "NUL byte", ""},
    {"\"env\": {\"A=B\": \"1\"}", R, "/env/A=B", "has a `=` in it", ""},
    {"\"env\": {\"\": \"1\"}", R, "/env/", "is empty", ""},
    {"\"inherit_env\": [\"A=B\"]", R, "/inherit_env/0", "has a `=` in it", ""},
    {"\"paths\": {\"out\": \"rw\"}", R, "/paths/out", "`out` is not an absolute path", ""},
    {"\"paths\": {\"/\": \"rw\"}", R, "/paths/~1", "`/` is the root", "use `root`"},
    {"\"paths\": {\"/a\": \"ro\", \"/a//\": \"rw\"}", R, "/paths/~1a~1~1", "same place as another key", "keep one"},
    {"\"paths\": {\"/a\": {\"from\": \"x\"}}", R, "/paths/~1a/from", "is not an absolute path", ""},
    {"\"root\": {\"directory\": \"srv\"}", R, "/root/directory", "is not an absolute path", ""},
    {"\"namespaces\": {\"uts\": {\"hostname\": \"a b\"}}", R, "/namespaces/uts/hostname", "`a b` is not a host name",
     ""},
    {"\"namespaces\": {\"uts\": {\"hostname\": \"\"}}", R, "/namespaces/uts/hostname", "is empty", ""},
    {"\"namespaces\": {\"uts\": {\"hostname\": \""
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "\"}}",
     R, "/namespaces/uts/hostname", "is too long", "at most 64 bytes"},
    {"\"limits\": {\"cpuset\": \"all\"}", R, "/limits/cpuset", "`all` is not a set of processors", ""},
    {"\"limits\": {\"cgroup\": {\"../x\": \"1\"}}", R, "/limits/cgroup/..~1x", "is not a key of control groups", ""},
    /* lists */
    {"\"command\": []", R, "/command", "the list is empty", "leave the field out"},
    {"\"command\": [\"\"]", R, "/command/0", "the command's first text is empty", "PATH inside"},
    {"\"isolation\": [\"container\", \"process\", \"process\"]", R, "/isolation", "3 items are too many", ""},
    {"\"isolation\": [\"container\", \"container\"]", R, "/isolation", "`isolation` names `container` twice", ""},
    {"\"security\": {\"seccomp\": {\"bpf\": []}}", R, "/security/seccomp/bpf", "the list is empty", ""},
    {"\"security\": {\"seccomp\": {\"bpf\": [[6, 0, 0]]}}", R, "/security/seccomp/bpf/0", "not an instruction", ""},
    {"\"security\": {\"seccomp\": {\"bpf\": [[6, 0, 256, 0]]}}", R, "/security/seccomp/bpf/0", "not an instruction",
     ""},
    {"\"security\": {\"seccomp\": {\"bpf\": [[0, 0, 0, 0]]}}", R, "/security/seccomp/bpf/0",
     "the filter program is not valid", "seccomp(2)"},
    /* not yet */
    {"\"terminal\": true", U, "/terminal", "`terminal` is not supported yet", ""},
    {"\"trace\": false", U, "/trace", "not supported yet", ""},
    {"\"isolation\": [\"zone\"]", U, "/isolation/0", "`zone` is not supported yet", ""},
    {"\"isolation\": \"zone\"", U, "/isolation", "`zone` is not supported yet", ""},
    {"\"extends\": \"agent\"", R, "/paths/~1work/from", "the variable `CWD` has no value", "give it one"},
    {"\"extends\": [\"python\", \"desktop\"]", R, "/paths/~1run~1user~11000~1wayland-0/from",
     "the variable `WAYLAND_DISPLAY` has no value", "give it one"},
    {"\"root\": {\"overlay\": {}}", R, "/root/overlay/lower", "no `lower` directory", "name at least one"},
    {"\"root\": {\"overlay\": {\"lower\": []}}", R, "/root/overlay/lower", "", ""},
    {"\"root\": {\"overlay\": {\"lower\": [\"a\"]}}", R, "/root/overlay/lower/0", "absolute", ""},
    {"\"root\": {\"overlay\": {\"lower\": [\"/a\"]}}", R, "/root/overlay/lower", "is that directory", "directory"},
    {"\"root\": {\"directory\": \"/c\", \"overlay\": {\"lower\": [\"/a\", \"/b\"]}}", R, "/root/overlay",
     "either a `directory` or an `overlay`", "one of the overlay's `lower`"},
    {"\"root\": {\"overlay\": {\"lower\": [\"/a\"], \"upper\": \"/u\"}}", R, "/root/overlay/upper",
     "the overlay has `upper`", "two directories on one file system"},
    {"\"root\": {\"overlay\": {\"lower\": [\"/a\"], \"work\": \"/w\"}}", R, "/root/overlay/work",
     "the overlay has `work`", ""},
    {"\"root\": {\"overlay\": {\"lower\": [\"/a\"], \"upper\": \"/u\", \"work\": \"/w\"}, \"writable\": false}", R,
     "/root/writable", "there to be written", "first of `lower`"},
    {"\"root\": {\"overlay\": {\"lower\": [\"/a\"], \"upper\": \"/u\", \"work\": \"/w\"}, \"writable\": \"discard\"}",
     R, "/root/writable", "there to be written", ""},
    {"\"root\": {\"overlay\": {\"lower\": [\"/a\", \"/b\"]}, \"writable\": true}", R, "/root/writable",
     "no `upper` that changes could go to", "discard"},
    {"\"root\": {\"overlay\": {\"lower\": [\"/a\", \"/a/b\"]}}", R, "/root/overlay", "`/a/b` is or lies in another",
     "none holds another"},
    {"\"root\": {\"overlay\": {\"lower\": [\"/a\", \"/\"]}}", R, "/root/overlay", "`/a` is or lies in another", ""},
    {"\"root\": {\"overlay\": {\"lower\": [\"/a\"], \"upper\": \"/u\", \"work\": \"/u/w\"}}", R, "/root/overlay",
     "`/u/w` is or lies in another", ""},
    {"\"root\": {\"overlay\": {\"lower\": [\"/a\", \"/b\"]}, \"size\": \"1M\"}", R, "/root/size",
     "`root.size` is given", "discard"},
    {"\"root\": {\"directory\": \"/a\", \"size\": \"1M\"}", R, "/root/size", "`root.size` is given", "discard"},
    {"\"root\": {\"directory\": \"/a\", \"writable\": \"yes\"}", R, "/root/writable", "`yes` is not `false`, `true`",
     ""},
    {"\"user\": {\"groups\": [5]}", R, "/user/groups", "the group 5 exists inside only where", "subuid"},
    {"\"user\": {\"groups\": [7, 10], \"gid\": 7, \"gid_map\": [[0, 100, 10]]}", R, "/user/groups",
     "the group 10 is in no range of `user.gid_map`", "[10, 100010, 1]"},
    {"\"user\": {\"groups\": [5], \"gid_map\": \"subuid\", \"setgroups\": \"deny\"}", R, "/user/groups",
     "the group 5 cannot be set where `user.setgroups` is `deny`", "one of the two"},
    {"\"user\": {\"setgroups\": true}", R, "/user/setgroups", "expected a word", ""},
    {"\"user\": {\"setgroups\": \"\"}", R, "/user/setgroups", "", ""},
    {"\"user\": {\"setgroups\": \"allow\", \"gid_map\": \"self\"}", R, "/user/setgroups",
     "under a gid map of the caller's own id", "subuid"},
    {"\"user\": {\"setgroups\": \"deny\"}, \"namespaces\": {\"user\": \"host\"}", R, "/user/setgroups",
     "no user namespace to allow or deny it in", "leave it out"},
    {"\"user\": {\"uid_map\": \"subgid\"}", R, "/user/uid_map", "is neither `self`, `subuid` nor a list", ""},
    {"\"network\": {\"join\": \"/run/netns/x\", \"mode\": \"host\"}", R, "/network/mode",
     "`/run/netns/x` is to be joined", "keep one of the two"},
    {"\"namespaces\": {\"ipc\": {\"join\": 7, \"mode\": \"new\"}}", R, "/namespaces/ipc/mode", "`7` is to be joined",
     ""},
    {"\"network\": {\"join\": \"netns/x\"}", R, "/network/join", "`netns/x` is not an absolute path", "from `/` on"},
    {"\"network\": {\"join\": 2}", R, "/network/join", "2 is out of range", "3 or above"},
    {"\"namespaces\": {\"pid\": {\"join\": \"/x\"}}", R, "/namespaces/pid/join",
     "an init of the sandbox can watch over", "\"init\": false"},
    {"\"init\": false, \"namespaces\": {\"pid\": {\"join\": \"/x\"}}", R, "/namespaces/pid/join",
     "processes can outlive the sandbox", "tree_kill"},
    {"\"init\": false, \"best_effort\": [\"tree_kill\"], \"namespaces\": {\"pid\": {\"join\": \"/x\"}}", R,
     "/namespaces/pid/join", "only who owns it may mount", "\"user\": \"host\""},
    {"\"namespaces\": {\"uts\": {\"join\": \"/x\", \"hostname\": \"a\"}}", R, "/namespaces/uts/hostname",
     "`a` would rename the joined", "leave it out"},
    {"\"namespaces\": {\"uts\": {\"join\": \"/x\", \"domainname\": \"b\"}}", R, "/namespaces/uts/domainname",
     "`b` would rename the joined", ""},
    {"\"namespaces\": {\"user\": {\"join\": \"/x\"}}", R, "/user/uid", "does not say who the payload is in it",
     "uid_map"},
    {"\"namespaces\": {\"user\": {\"join\": \"/x\"}}, \"user\": {\"uid\": 0}", R, "/user/gid", "does not say who", ""},
    {"\"namespaces\": {\"user\": {\"join\": \"/x\"}}, \"user\": {\"uid\": 0, \"gid\": 0, \"gid_map\": \"self\"}", R,
     "/user/gid_map", "has its own", "ids in it"},
    {"\"namespaces\": {\"user\": {\"join\": \"/x\"}}, \"user\": {\"uid\": 0, \"gid\": 0}, \"security\": {\"seccomp\": "
     "{\"bpf\": [[6, 0, 0, 0]]}}",
     R, "/namespaces/user/join", "only a profile's filter refuses nested", "best_effort"},
    {"\"namespaces\": {\"time\": {\"mode\": \"host\", \"boottime\": 1}}", R, "/namespaces/time/boottime",
     "`boottime` sets a clock", "make a new one"},
    {"\"namespaces\": {\"time\": {\"join\": \"/x\", \"monotonic\": \"-1s\"}}", R, "/namespaces/time/monotonic",
     "`monotonic` sets a clock", ""},
    {"\"namespaces\": {\"time\": {\"monotonic\": \"--1s\"}}", P, "/namespaces/time/monotonic",
     "is not a duration, also a negative one", "-1.5s"},
    {"\"namespaces\": {\"time\": {\"monotonic\": \"-876001h\"}}", R, "/namespaces/time/monotonic",
     "out of range: -876000h to 876000h", ""},
    {"\"paths\": {\"/a\": {\"idmap\": true}}", R, "/paths/~1a/idmap", "`user` or a list of ranges",
     "[on disk, inside, count]"},
    {"\"paths\": {\"/a\": {\"idmap\": \"self\"}}", R, "/paths/~1a/idmap", "neither `user` nor", ""},
    {"\"paths\": {\"/a\": {\"idmap\": [[0, 1]]}}", R, "/paths/~1a/idmap/0", "[on disk, inside, count]", "[0, 1000, 1]"},
    {"\"paths\": {\"/a\": {\"idmap\": [[0, 0, 2], [1, 9, 1]]}}", R, "/paths/~1a/idmap",
     "has an id on disk that an earlier range has", ""},
    {"\"paths\": {\"/a\": {\"idmap\": [[0, 0, 2], [5, 1, 1]]}}", R, "/paths/~1a/idmap",
     "has an id inside that an earlier range has", ""},
    {"\"paths\": {\"/a\": {\"idmap\": [[0, 1000, 0]]}}", R, "/paths/~1a/idmap", "`[0, 1000, 0]` counts no id", ""},
    {"\"paths\": {\"/a\": {\"idmap\": \"user\"}}, \"namespaces\": {\"mount\": {\"join\": \"/x\"}}", R,
     "/paths/~1a/idmap", "mounts that are not joined", "namespaces.mount"},
    {"\"paths\": {\"/a\": {\"idmap\": \"user\"}}, \"user\": {\"gid_map\": \"subuid\"}", U, "/paths/~1a/idmap",
     "a map that is `subuid` is not supported yet", "as ranges"},
    {"\"paths\": {\"/a\": {\"idmap\": [[0, 0, 1]]}}", R, "/paths/~1a/idmap", "`[0, 0, 1]` of `idmap` leads to",
     "\"user\""},
    {"\"paths\": {\"/a\": {\"idmap\": [[0, 1000, 2]]}}", R, "/paths/~1a/idmap", "`[0, 1000, 2]` of `idmap` leads to",
     ""},
    {"\"paths\": {\"/a\": {\"idmap\": [[0, 1000, 1]]}}, \"user\": {\"gid\": 5}", R, "/paths/~1a/idmap",
     "users and groups alike", ""},
    {"\"root\": {\"directory\": \"/a\", \"idmap\": [[0, 5, 1]]}", R, "/root/idmap", "`[0, 5, 1]` of `idmap` leads to",
     ""},
    {"\"paths\": {\"/a\": {\"idmap\": \"user\", \"access\": \"deny\"}}", R, "/paths/~1a/idmap",
     "shows nothing of the host", ""},
    {"\"paths\": {\"/a\": {\"idmap\": \"user\"}}, \"namespaces\": {\"user\": \"host\"}", R, "/paths/~1a/idmap",
     "a user namespace of the sandbox's own", ""},
    {"\"root\": {\"directory\": \"/a\", \"idmap\": \"user\", \"writable\": \"discard\"}", U, "/root/idmap",
     "anything but a `directory`", ""},
    {"\"paths\": {\"/a\": {\"idmap\": \"user\"}}, \"user\": {\"uid_map\": \"subuid\", \"gid_map\": \"subuid\"}", U,
     "/paths/~1a/idmap", "a map that is `subuid`", "as ranges"},
    {"\"root\": {\"idmap\": \"user\"}", U, "/root/idmap", "anything but a `directory`", ""},
    {"\"namespaces\": {\"uts\": {\"domainname\": \"x y\"}}", R, "/namespaces/uts/domainname", "`x y` is not", ""},
    {"\"namespaces\": {\"uts\": {\"mode\": \"host\", \"domainname\": \"lab\"}}", R, "/namespaces/uts/domainname",
     "the domain name `lab` would be the host's own", "leave out one of the two"},
    {"\"namespaces\": {\"user\": \"host\"}, \"user\": {\"uid_map\": \"self\"}", R, "/user/uid_map",
     "a map is given, and there is no user namespace that it could be written for: `namespaces.user` is `host`",
     "leave it out; `user.uid` and `user.gid` are then ids of the host"},
    {"\"namespaces\": {\"user\": \"host\"}, \"user\": {\"gid_map\": \"self\"}", R, "/user/gid_map",
     "a map is given, and there is no user namespace", "leave it out"},
    {"\"namespaces\": {\"user\": \"host\"}, \"security\": {\"seccomp\": {\"allow\": [\"unshare\"]}}", R,
     "/namespaces/user", "the one of the request may not", "nested_user_namespaces"},
    {"\"namespaces\": {\"user\": \"host\"}, \"security\": {\"seccomp\": \"none\"}", R, "/namespaces/user",
     "the one of the request may not", "nested_user_namespaces"},
    {"\"namespaces\": {\"user\": \"host\"}, \"security\": {\"seccomp\": {\"on_violation\": \"log\"}}", R,
     "/namespaces/user", "the one of the request may not", "nested_user_namespaces"},
    {"\"namespaces\": {\"user\": \"host\"}, \"security\": {\"seccomp\": {\"bpf\": [[6, 0, 0, 2147418112]]}}", R,
     "/namespaces/user",
     "where only a profile's filter refuses nested user namespaces, and the one of the request may not",
     "add \"best_effort\": [\"nested_user_namespaces\"] to leave that to your filter"},
    {"\"timeout\": {\"cpu\": 1}", U, "/timeout/cpu", "`cpu` is not supported yet", ""},
    {"\"security\": {\"landlock\": 5}", R, "/security/landlock", "expected true or false, not a whole number", ""},
    {"\"security\": {\"landlock\": {\"tcp_bind\": 80}}", R, "/security/landlock/tcp_bind",
     "expected a list of ports, not a whole number", "write a list such as [80, 443], or [] for none"},
    {"\"security\": {\"landlock\": {\"tcp_bind\": [\"80\"]}}", R, "/security/landlock/tcp_bind/0",
     "expected a list of ports, not a text", ""},
    {"\"security\": {\"landlock\": {\"tcp_connect\": [1, 65536]}}", R, "/security/landlock/tcp_connect/1",
     "port 65536 is out of range", "a port is a number from 0 to 65535, and stands there once"},
    {"\"security\": {\"landlock\": {\"tcp_connect\": [-1]}}", R, "/security/landlock/tcp_connect/0",
     "port -1 is out of range", ""},
    {"\"security\": {\"landlock\": {\"tcp_connect\": [443, 80, 443]}}", R, "/security/landlock/tcp_connect/2",
     "port 443 stands there twice", ""},
    {"\"security\": {\"landlock\": {\"scopes\": [\"signal\"]}}", R, "/security/landlock/scopes/0",
     "`signal` is not `abstract_unix` or `signals`", ""},
    {"\"security\": {\"landlock\": {\"udp\": []}}", R, "/security/landlock/udp", "`udp` is not a field here", ""},
    {"\"security\": {\"keyring\": \"x\"}", R, "/security/keyring", "`x` is not `new` or `inherit`", ""},
    {"\"security\": {\"masked\": []}", U, "/security/masked", "`masked` is not supported yet", ""},
    /* limits */
    {"\"limits\": {\"memory\": \"1G\"}", U, "/limits/memory", "`limits.memory` is not supported yet",
     "add \"best_effort\": [\"limits\"]"},
    {"\"limits\": {\"memory\": \"1G\", \"pids\": 5}, \"best_effort\": [\"limit_memory\"]", U, "/limits/pids",
     "`limits.pids`", ""},
    {"\"limits\": {\"parent\": \"/x\"}, \"best_effort\": [\"limit_memory\"]", U, "/limits/parent", "`limits.parent`",
     ""},
    {"\"limits\": {\"cgroup\": {\"pids.max\": \"1\"}}", U, "/limits/cgroup", "`limits.cgroup`", ""},
    {"\"limits\": {\"cgroup\": {\"rdma.max\": \"1\"}}, \"best_effort\": [\"limits\"]", U, "/limits/cgroup/rdma.max",
     "`rdma.max` is not supported yet", ""},
    /* what spans fields */
    {"\"root\": {\"writable\": false}", R, "/root/writable", "no `root.directory`", ""},
    {"\"paths\": {\"/t\": {\"access\": \"tmpfs\", \"from\": \"/x\"}}", R, "/paths/~1t/from", "`/t` has a `from`", ""},
    {"\"paths\": {\"/t\": {\"access\": \"deny\", \"from\": \"/x\"}}", R, "/paths/~1t/from", "`/t` has a `from`", ""},
    {"\"paths\": {\"/t\": {\"access\": \"deny\", \"optional\": true}}", R, "/paths/~1t/optional", "`/t` is `optional`",
     "if_missing"},
    {"\"paths\": {\"/t\": {\"if_missing\": \"ignore\"}}", R, "/paths/~1t/if_missing", "`/t` has an `if_missing`",
     "optional"},
    {"\"paths\": {\"/t\": {\"access\": \"rw\", \"size\": \"1M\"}}", R, "/paths/~1t/size", "`/t` has a `size`", "tmpfs"},
    {"\"paths\": {\"/t\": {\"mode\": \"0700\"}}", R, "/paths/~1t/mode", "`/t` has a `mode`", "tmpfs"},
    {"\"user\": {\"groups\": [], \"uid_map\": \"self\"}", R, "/user/groups", "no setgroups(2) there", "leave"},
    {"\"namespaces\": {\"mount\": \"host\"}", R, "/namespaces/mount", "the sandbox needs mounts of its own", "`paths`"},
    {"\"namespaces\": {\"pid\": \"host\"}", R, "/namespaces/pid", "no init of the sandbox", "\"init\": false"},
    {"\"namespaces\": {\"pid\": \"host\"}, \"init\": false", R, "/namespaces/pid", "can outlive the sandbox",
     "tree_kill"},
    {"\"namespaces\": {\"uts\": {\"mode\": \"host\", \"hostname\": \"x\"}}", R, "/namespaces/uts/hostname",
     "the host name `x` would be the host's own", "preset"},
    {"\"init\": false, \"die_with_parent\": true", R, "/die_with_parent", "`die_with_parent` needs the sandbox's init",
     ""},
    {"\"timeout\": {\"grace\": 1}", R, "/timeout/grace", "without `timeout.wall`", "\"wall\""},
    {"\"output\": {\"keep\": \"tail\"}", R, "/output/limit", "`output` is given without its `limit`", "1M"},
    {"\"output\": {}", R, "/output/limit", "`output` is given without its `limit`", ""},
    {"\"rlimits\": {\"nofile\": {\"soft\": 5}}", R, "/rlimits/nofile", "`rlimits.nofile` has only one", "both"},
    {"\"rlimits\": {\"nofile\": {}}", R, "/rlimits/nofile", "`rlimits.nofile` has only one", ""},
    {"\"rlimits\": {\"nofile\": {\"soft\": 5, \"hard\": 4}}", R, "/rlimits/nofile", "above its hard limit", ""},
    {"\"rlimits\": {\"cpu\": 0}", R, "/rlimits/cpu", "leaves no second of processor time", "1 or more"},
    {"\"rlimits\": {\"cpu\": {\"soft\": 0, \"hard\": 9}}", R, "/rlimits/cpu", "leaves no second", ""},
    {"\"rlimits\": {\"stack\": {\"soft\": \"unlimited\", \"hard\": 4}}", R, "/rlimits/stack", "above its hard limit",
     ""},
    {"\"namespaces\": {\"user\": \"host\"}, \"security\": {\"capabilities\": [\"sys_ptrace\"]}", R,
     "/security/capabilities", "a payload with CAP_SYS_PTRACE could open the memory", "\"init\": false"},
    {"\"namespaces\": {\"user\": \"host\"}, \"security\": {\"capabilities\": {\"bounding\": [\"sys_admin\"]}}", R,
     "/security/capabilities", "CAP_SYS_ADMIN", ""},
    {"\"mounts\": [{\"type\": \"sysfs\", \"at\": \"/x\"}], \"security\": {\"capabilities\": [\"sys_ptrace\", \"net_raw\"]}",
     R, "/mounts/0", "a new `sysfs` shows a namespace of the sandbox's", "\"init\": false"},
    {"\"security\": {\"capabilities\": {\"ambient\": [], \"drop\": \"ALL\"}}", R, "/security/capabilities/drop",
     "`drop` cannot stand beside `ambient`", "five sets"},
    {"\"security\": {\"capabilities\": {\"permitted\": [\"chown\"]}}", R, "/security/capabilities",
     "differ in CAP_CHOWN: execve(2)", "the same names"},
    {"\"security\": {\"capabilities\": {\"effective\": [\"chown\"], \"permitted\": [\"chown\"], \"ambient\": [\"chown\"]}}",
     R, "/security/capabilities/ambient", "CAP_CHOWN is in the ambient set and not in the inheritable one",
     "inheritable"},
    {"\"security\": {\"capabilities\": {\"inheritable\": [\"chown\"]}}", R, "/security/capabilities/inheritable",
     "not in the bounding one", "bounding"},
    {"\"fixed\": true, \"preserve_fds\": \"by_caller\"", R, "/preserve_fds", "`fixed` lets a run choose nothing", ""},
    /* variables */
    {"\"cwd\": \"/${NOWHERE}\"", R, "/cwd", "the variable `NOWHERE` has no value", "$${"},
    {"\"env\": {\"A\": \"${A B}\"}", R, "/env/A", "has no name of a variable", "$${"},
    {"\"env\": {\"A\": \"x${A\"}", R, "/env/A", "has no name of a variable", ""},
    {"\"paths\": {\"${NO}\": \"ro\"}", R, "/paths/${NO}", "the variable `NO` has no value", ""},
    {"\"paths\": {\"/a\": {\"from\": \"${NO}\"}}", R, "/paths/~1a/from", "the variable `NO` has no value", ""},
    {"\"cwd\": \"$${X}\"", R, "/cwd", "`${X}` is not an absolute path", "variables in it"},
    /* extends */
    {"\"extends\": \"pyton\"", R, "/extends", "`pyton` is not the name of a preset", "did you mean `python`?"},
    {"\"extends\": \"rust\"", R, "/extends", "`rust` is not the name of a preset", "`.json`"},
    {"\"extends\": \"/nonexistent/x.json\"", R, "/extends", "could not be read: No such file", "preset"},
    {"\"extends\": \"/dev/null\"", R, "/extends", "`/dev/null` is not a regular file", ""},
    {"\"extends\": \"${NO}/x\"", R, "/extends", "the variable `NO` has no value", ""},
};

START_TEST(a_wrong_request_is_told_what_is_wrong)
{
  char text[1200];
  snprintf(text, sizeof text, "{\"version\": 1, %s}", wrong[_i].text);
  styro_error err = ERROR_READY;
  int code = kit_check(text, &err);
  ck_assert_msg(code == wrong[_i].code, "%s: %d, %s", text, code, err.message);
  ck_assert_int_eq(err.code, code);
  ck_assert_msg(strcmp(err.field, wrong[_i].field) == 0, "%s: field %s (%s)", text, err.field, err.message);
  ck_assert_msg(strstr(err.message, wrong[_i].message) != NULL, "%s: %s", text, err.message);
  ck_assert_msg(strstr(err.hint, wrong[_i].hint) != NULL, "%s: hint %s", text, err.hint);
  ck_assert_msg(err.message[strlen(err.message) - 1] != '.', "%s", err.message);
  ck_assert_int_eq(err.stage,
                   code == STYRO_EPARSE ? STYRO_STAGE_PARSE
                   : strcmp(err.field, "/extends") == 0 && code == R && strstr(err.message, "variable") == NULL
                       ? STYRO_STAGE_COMPILE
                       : STYRO_STAGE_VALIDATE);
}
END_TEST

/* A setter says the same as JSON, where it can say it at all: one field, one value. */
static void check_setter(const char *pointer, const char *text, const char *json)
{
  styro_error by_text = ERROR_READY, by_json = ERROR_READY;
  styro_request *request = NULL;
  ck_assert_int_eq(styro_request_new(NULL, &request, NULL), 0);
  int text_code = styro_request_set(request, pointer, text, &by_text);
  int json_code = styro_request_set_json(request, pointer, json, &by_json);
  styro_request_free(request);
  ck_assert_int_lt(text_code, 0);
  ck_assert_int_eq(text_code, json_code);
  ck_assert_str_eq(by_text.field, by_json.field);
  ck_assert_str_eq(by_text.message, by_json.message);
  ck_assert_str_eq(by_text.hint, by_json.hint);
  ck_assert_str_eq(by_text.object, by_json.object);
}

START_TEST(a_setter_says_the_same_as_json)
{
  check_setter("/timeout", "soon", "\"soon\"");
  check_setter("/timeout/grace", "2h", "\"2h\"");
  check_setter("/network", "hots", "\"hots\"");
  check_setter("/cwd", "src", "\"src\"");
  check_setter("/paths/~1a", "rwx", "\"rwx\"");
  check_setter("/paths/~1a/access", "rwx", "\"rwx\"");
  check_setter("/paths/~1a", "{\"x\": 1}", "{\"x\": 1}");
  check_setter("/command", "ls", "\"ls\"");
  check_setter("/isolation", "zone", "\"zone\"");
  check_setter("/root", "/srv", "\"/srv\"");
  check_setter("/user/groups", "[5, 5]", "[5, 5]");
  check_setter("/env/A=B", "1", "\"1\"");
}
END_TEST

static const char *const right[] = {
    "\"command\": [\"sh\"], \"inherit_env\": [\"TERM\"], \"env\": {\"A\": \"\"}",
    "\"extends\": [\"python\", \"build\"], \"timeout\": {\"wall\": \"5s\", \"grace\": \"1s\"}",
    "\"namespaces\": {\"uts\": {\"hostname\": \"a\", \"domainname\": \"b\"}}",
    "\"namespaces\": {\"uts\": {\"join\": \"/x\"}}",
    "\"namespaces\": {\"user\": \"host\"}, \"security\": {\"seccomp\": {\"bpf\": [[6, 0, 0, 0]]}}, \"best_effort\": "
    "[\"nested_user_namespaces\"]",
    "\"namespaces\": {\"pid\": \"host\", \"uts\": \"host\"}, \"init\": false, \"best_effort\": [\"tree_kill\"]",
    "\"extends\": \"build\", \"namespaces\": {\"uts\": \"host\"}",
    "\"limits\": {\"memory\": \"1G\", \"cgroup\": {\"memory.high\": \"1\"}}, \"best_effort\": [\"limit_memory\"]",
    "\"limits\": {\"memory\": \"1G\", \"parent\": \"/x\"}, \"best_effort\": [\"limits\"]",
    "\"limits\": {}",
    "\"paths\": {\"/a\": {\"idmap\": [[0, 1000, 1]]}, \"/b\": {\"idmap\": \"user\", \"access\": \"rw\"}}",
    "\"user\": {\"uid\": 5, \"gid\": 6, \"uid_map\": [[0, 100, 4], [4, 200, 4]], \"gid_map\": [[0, 100, 8]]}, \"paths\": "
    "{\"/a\": {\"idmap\": [[1000, 2, 4]]}}",
    "\"root\": {\"overlay\": {\"lower\": [\"/a\", \"/ab\"]}}",
    "\"root\": {\"overlay\": {\"lower\": [\"/a\"], \"upper\": \"/u\", \"work\": \"/w\"}, \"writable\": true}",
    "\"root\": {\"overlay\": {\"lower\": [\"/a\"]}, \"writable\": \"discard\", \"size\": \"1M\"}",
    "\"root\": {\"overlay\": {\"lower\": [\"/a\", \"/b\"]}}, \"namespaces\": {\"user\": \"host\"}",
    "\"root\": {\"directory\": \"/a\", \"writable\": \"discard\"}, \"namespaces\": {\"user\": \"host\"}",
    "\"security\": {\"capabilities\": [\"sys_admin\"]}, \"init\": false",
    "\"security\": {\"capabilities\": [\"net_raw\", \"chown\"]}",
    "\"security\": {\"capabilities\": {\"bounding\": [\"chown\"], \"inheritable\": [\"chown\"]}}",
    "\"security\": {\"seccomp\": {\"bpf\": [[6, 0, 0, 2147418112]]}}",
    "\"user\": {\"groups\": []}",
    "\"user\": {\"uid_map\": \"self\", \"gid_map\": \"self\", \"uid\": 0, \"gid\": 0}",
    "\"paths\": {\"/a\": {\"access\": \"deny\", \"if_missing\": \"ignore\"}}",
    "\"paths\": {\"/t\": {\"access\": \"tmpfs\", \"size\": \"1M\", \"mode\": \"1777\"}}",
    "\"paths\": {\"/o\": {\"access\": \"rw\", \"optional\": true, \"from\": \"/x\", \"noexec\": true}}",
    "\"rlimits\": {\"nofile\": {\"soft\": 5, \"hard\": \"unlimited\"}, \"core\": 0, \"cpu\": 1}",
    "\"output\": {\"limit\": \"1M\", \"keep\": \"both\", \"on_limit\": \"kill\"}",
    "\"preserve_fds\": \"by_caller\", \"umask\": 18, \"nice\": -20, \"oom_score_adj\": -1000",
    "\"init\": false, \"die_with_parent\": false",
    "\"cwd\": \"/a\", \"env\": {\"A\": \"$${HOME}\", \"B\": \"$HOME\"}",
};

START_TEST(a_right_request_passes)
{
  char text[1200];
  snprintf(text, sizeof text, "{\"version\": 1, %s}", right[_i]);
  styro_error err = ERROR_READY;
  int code = kit_check(text, &err);
  ck_assert_msg(code == 0, "%s: %s (%s)", text, err.message, err.field);
}
END_TEST

START_TEST(too_many_entries_are_refused)
{
  styro_error err = ERROR_READY;
  styro_request *request = NULL;
  ck_assert_int_eq(styro_request_new(NULL, &request, &err), 0);
  for (int i = 0; i < 4097; i++) {
    char key[32];
    snprintf(key, sizeof key, "/p%d", i);
    ck_assert_int_eq(styro_request_add(request, "/paths", key, "ro", &err), 0);
  }
  ck_assert_int_eq(styro_request_validate(request, &err), STYRO_EREQUEST);
  ck_assert_str_eq(err.message, "4097 paths are too many: at most 4096 can stand here");
  styro_request_free(request);
}
END_TEST

START_TEST(no_error_struct_is_needed)
{
  ck_assert_int_eq(kit_check("{\"version\": 1, \"comand\": 1}", NULL), STYRO_EREQUEST);
  ck_assert_int_eq(kit_check("{\"version\": 1, \"init\": false, \"die_with_parent\": true}", NULL), STYRO_EREQUEST);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("validate");
  TCase *cases = tcase_create("all");
  tcase_set_timeout(cases, 60);
  tcase_add_loop_test(cases, a_wrong_request_is_told_what_is_wrong, 0, (int)COUNT(wrong));
  tcase_add_test(cases, a_setter_says_the_same_as_json);
  tcase_add_loop_test(cases, a_right_request_passes, 0, (int)COUNT(right));
  tcase_add_test(cases, too_many_entries_are_refused);
  tcase_add_test(cases, no_error_struct_is_needed);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
