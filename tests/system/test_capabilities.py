"""`security.capabilities`, securebits and no_new_privs: read from the payload's own /proc/self/status, and put to use."""

import pytest

NAMES = ["CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
         "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
         "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
         "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
         "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
         "CHECKPOINT_RESTORE"]
SETS = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]

STATE = """
s = status()
result = {"sets": [int(s[k], 16) for k in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
          "securebits": libc.prctl(27, 0, 0, 0, 0), "no_new_privs": s["NoNewPrivs"], "seccomp": s["Seccomp"]}"""


def bits(*names):
    return sum(1 << NAMES.index(name) for name in names)


def asked(capabilities, **more):
    return {"security": {"capabilities": capabilities, **more.pop("security", {})}, **more}


@pytest.mark.parametrize("request_", [{}, asked("none"), asked([]), asked({"bounding": [], "ambient": "none"}),
                                      {"user": {"uid": 0, "gid": 0}}, {"init": False}, {"user": {"uid": 0}, "init": False},
                                      {"security": {"no_new_privs": False}},
                                      {"user": {"uid": 0}, "security": {"no_new_privs": False}}],
                         ids=str)
@pytest.mark.invariant("S12")
def test_none(box, request_):
    """All five are empty, for uid 0 as well, which could otherwise gain them by exec."""
    assert box.probe(STATE, request_)["sets"] == [0] * 5


@pytest.mark.parametrize("uid", [0, 1000])
@pytest.mark.parametrize("init", [True, False], ids=["init", "no-init"])
@pytest.mark.parametrize("names", [["NET_BIND_SERVICE"], ["CHOWN", "NET_RAW", "SETUID"], ["CAP_KILL", "cap_fowner"]], ids=str)
def test_named(box, uid, init, names):
    seen = box.probe(STATE, asked(names, user={"uid": uid, "gid": uid}, init=init))
    wanted = bits(*(n.upper().replace("CAP_", "") for n in names))
    assert seen["sets"] == [wanted] * 5
    # NOROOT and its lock: uid 0 gains nothing by being 0, now or later.
    assert seen["securebits"] & 3 == 3 and seen["no_new_privs"] == "1"


def test_every_capability_but_the_two_that_open_init(box):
    """With those two: test_nested.py."""
    names = [n for n in NAMES if n not in ("SYS_PTRACE", "SYS_ADMIN")]
    assert box.probe(STATE, asked(names))["sets"] == [bits(*names)] * 5


@pytest.mark.as_root
@pytest.mark.parametrize("names", [["SYS_PTRACE"], ["SYS_ADMIN", "CHOWN"]], ids=str)
def test_those_that_open_init_in_the_hosts_user_namespace_need_none(box, names):
    host = {"namespaces": {"user": "host"}}
    done = box.run(["true"], asked(names, **host))
    assert done.code == 125 and b"init" in done.err and names[0].encode() in done.err
    assert box.probe(STATE, asked(names, init=False, **host))["sets"] == [bits(*names)] * 5


@pytest.mark.parametrize("sets, expected", [
    ({"bounding": ["CHOWN", "KILL"]}, [(), (), (), ("CHOWN", "KILL"), ()]),
    ({"bounding": ["CHOWN", "KILL"], "inheritable": ["KILL"]}, [("KILL",), (), (), ("CHOWN", "KILL"), ()]),
    ({k: ["KILL"] for k in ("bounding", "effective", "permitted", "inheritable", "ambient")}, [("KILL",)] * 5),
    ({**{k: ["KILL"] for k in ("effective", "permitted", "inheritable", "ambient")}, "bounding": ["KILL", "CHOWN"]},
     [("KILL",)] * 3 + [("CHOWN", "KILL"), ("KILL",)]),
], ids=str)
@pytest.mark.parametrize("uid", [0, 1000])
@pytest.mark.invariant("S12")
def test_sets_by_name(box, sets, expected, uid):
    assert box.probe(STATE, asked(sets, user={"uid": uid}))["sets"] == [bits(*e) for e in expected]


def test_the_children_of_a_payload_have_no_more(box):
    request = asked(["NET_BIND_SERVICE"])
    seen = box.sh("grep -h ^Cap /proc/self/status; sh -c 'grep -h ^Cap /proc/self/status'", request).splitlines()
    assert seen[:5] == seen[5:]


BIND_LOW = """
def bind_low():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 80))
        s.listen()
        with socket.create_connection(("127.0.0.1", 80)):
            pass
"""
BIND = BIND_LOW + "result = attempt(bind_low)"


def test_a_capability_that_is_used(box):
    assert box.probe(BIND, asked(["NET_BIND_SERVICE"])) == "ok"
    assert box.probe(BIND) == "EACCES"


@pytest.mark.as_root  # others have no file that their payload may not read
def test_dac_override_does_not_reach_the_hosts_files(box, tmp_path):
    """Over files whose owner is not in the map a capability means nothing."""
    seen = box.probe('result = attempt(read, "/s")', asked(["DAC_OVERRIDE", "DAC_READ_SEARCH", "CHOWN", "FOWNER"],
                                                          paths={"/s": {"from": "/etc/shadow"}}))
    assert seen == "EACCES"


@pytest.mark.invariant("S13")
def test_no_new_privs(box):
    assert box.probe(STATE)["no_new_privs"] == "1"
    seen = box.probe(STATE, {"security": {"no_new_privs": False}})
    assert seen["no_new_privs"] == "0" and seen["seccomp"] == "2"


@pytest.mark.invariant("S13")
def test_the_setuid_programs_of_the_base_give_nothing(box):
    for no_new_privs in (True, False):
        seen = box.sh("for p in su mount passwd; do [ -u /usr/bin/$p ] && echo $p; done; grep ' /usr ' /proc/self/mountinfo",
                      {"security": {"no_new_privs": no_new_privs}})
        assert "nosuid" in seen.splitlines()[-1]


def test_capabilities_of_init(box):
    """Nothing in use or within reach, also when the payload has some."""
    seen = box.probe('s = status(1); result = [int(s[k], 16) for k in ("CapInh", "CapPrm", "CapEff", "CapAmb")] + '
                     '[s["NoNewPrivs"], s["Seccomp"]]', asked(["NET_BIND_SERVICE"]))
    assert seen == [0, 0, 0, 0, "1", "2"]


def test_the_promises(box):
    enforced = box.run(["true"]).outcome["enforced"]
    assert {"capabilities", "no_new_privs", "seccomp", "user_ids"} <= set(enforced)
    assert "no_new_privs" not in box.run(["true"], {"security": {"no_new_privs": False}}).outcome["enforced"]
