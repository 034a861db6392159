"""`security.securebits` and `security.keyring`: read inside by prctl(2) and keyctl(2), and what they do to a payload that
changes its ids, executes programs or wants to raise capabilities.
"""

import platform
import shutil

import pytest

from harness import LIBC

NAMES = ["noroot", "noroot_locked", "no_setuid_fixup", "no_setuid_fixup_locked", "keep_caps", "keep_caps_locked",
         "no_cap_ambient_raise", "no_cap_ambient_raise_locked"]
GET_SECUREBITS, SET_SECUREBITS, AMBIENT = 27, 28, 47
KILL, SETUID = 5, 7

STATE = """
def state():
    s = status()
    return {"sets": [int(s[k], 16) for k in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
            "bits": libc.prctl(27, 0, 0, 0, 0), "no_new_privs": s["NoNewPrivs"]}
result = state()
"""

ALLOW_ALL = {"bpf": [[6, 0, 0, 0x7FFF0000]]}


def asked(bits, capabilities=None, **more):
    security = {"securebits": bits, **more.pop("security", {})}
    if capabilities is not None:
        security["capabilities"] = capabilities
    return {"security": security, **more}


def value(names):
    return sum(1 << NAMES.index(name) for name in names)


@pytest.mark.parametrize("init", [True, False], ids=["init", "no-init"])
@pytest.mark.parametrize("bits", [[], ["noroot"], ["no_setuid_fixup", "no_setuid_fixup_locked"], ["keep_caps_locked"],
                                  ["no_cap_ambient_raise"], [n for n in NAMES if n != "keep_caps"]], ids=str)
@pytest.mark.invariant("S12")
def test_exactly_what_was_asked(box, bits, init):
    """Read after exec, with and without capability sets of the request's own; the sets are what they would be without."""
    for capabilities, expected in ((None, 0), (["KILL", "SETUID"], 1 << KILL | 1 << SETUID)):
        for uid in (0, 1000):
            seen = box.probe(STATE, asked(bits, capabilities, init=init, user={"uid": uid, "gid": uid}))
            assert seen == {"sets": [expected] * 5, "bits": value(bits), "no_new_privs": "1"}


@pytest.mark.invariant("S12")
def test_none_unless_sets_are_named(box):
    assert box.probe(STATE)["bits"] == 0
    assert box.probe(STATE, {"security": {"capabilities": ["KILL"]}})["bits"] == value(["noroot", "noroot_locked"])
    assert box.probe(STATE, asked([], ["KILL"]))["bits"] == 0


@pytest.mark.as_root
@pytest.mark.invariant("S12")
def test_in_the_hosts_user_namespace(box):
    """Here the caller's own securebits would go on; they are replaced like the rest."""
    wrap = ["setpriv", "--securebits=+no_setuid_fixup"]
    for bits in ([], ["noroot", "no_cap_ambient_raise"]):
        request = asked(bits, ["KILL"], namespaces={"user": "host"}, user={"uid": 65534, "gid": 65534})
        seen = box.probe(STATE, request, wrap=wrap)
        assert seen == {"sets": [1 << KILL] * 5, "bits": value(bits), "no_new_privs": "1"}
    assert box.probe(STATE, {"namespaces": {"user": "host"}}, wrap=wrap)["bits"] == 0


@pytest.mark.as_root
def test_locked_bits_of_the_caller(box):
    """In the host's user namespace nobody can undo them; in one of its own the sandbox starts without."""
    wrap = ["setpriv", "--securebits=+no_setuid_fixup,+no_setuid_fixup_locked"]
    error = box.fails(["true"], {"namespaces": {"user": "host"}}, wrap=wrap)
    assert (error["stage"], error["field"], error["errno_name"]) == ("capability", "/security/securebits", "EPERM")
    assert "own are locked" in error["hint"]
    assert box.probe(STATE, asked(["noroot"]), wrap=wrap)["bits"] == 1
    kept = asked(["no_setuid_fixup", "no_setuid_fixup_locked"], namespaces={"user": "host"})
    assert box.probe(STATE, kept, wrap=wrap)["bits"] == value(["no_setuid_fixup", "no_setuid_fixup_locked"])


@pytest.mark.as_root
def test_a_root_caller_without_setpcap(box):
    wrap = ["setpriv", "--bounding-set=-setpcap"]
    done = box.run(["echo", "ran"], asked(["noroot"], namespaces={"user": "host"}), wrap=wrap)
    assert done.code == 125 and done.out == b"" and b"CAP_SETPCAP: Operation not permitted" in done.err, done
    assert box.probe(STATE, asked(["noroot"]), wrap=wrap)["bits"] == 1, "in its own user namespace it has all"


# ---- what the bits do ----------------------------------------------------------------------------------------------

CHANGE_IDS = STATE + """
os.setresuid(1000, 1000, 1000)
result = [result["sets"][1:3], state()["sets"][1:3]]
"""


@pytest.mark.as_root  # another id inside takes a map with more than one
@pytest.mark.invariant("S12")
def test_no_setuid_fixup_keeps_what_a_change_of_ids_takes(box):
    user = {"uid": 0, "gid": 0, "uid_map": [[0, 100000, 2000]], "gid_map": [[0, 100000, 2000]]}
    both = 1 << SETUID | 1 << KILL
    # Ambient capabilities are cleared by such a change, and so is all else: unless the bit forbids it.
    assert box.probe(CHANGE_IDS, asked(["noroot"], ["SETUID", "KILL"], user=user)) == [[both] * 2, [0, 0]]
    assert box.probe(CHANGE_IDS, asked(["noroot", "no_setuid_fixup"], ["SETUID", "KILL"], user=user)) == [[both] * 2] * 2


def test_no_cap_ambient_raise(box):
    """The ambient set that was asked for is there, and nobody adds to it; without the bit one can."""
    code = STATE + f"""
libc.prctl({AMBIENT}, 3, {KILL}, 0, 0)  # lowered first
result = [result["sets"][4], libc.prctl({AMBIENT}, 2, {KILL}, 0, 0), state()["sets"][4]]"""
    assert box.probe(code, asked([], ["KILL"])) == [1 << KILL, 0, 1 << KILL]
    assert box.probe(code, asked(["no_cap_ambient_raise"], ["KILL"])) == [1 << KILL, -1, 0]


@pytest.mark.parametrize("locked", [True, False])
def test_a_lock_holds(box, locked):
    """SETPCAP may change the bits, but for those that are locked."""
    bits = ["no_cap_ambient_raise"] + ["no_cap_ambient_raise_locked"] * locked
    code = f"result = [libc.prctl({SET_SECUREBITS}, 0, 0, 0, 0), libc.prctl({GET_SECUREBITS}, 0, 0, 0, 0)]"
    assert box.probe(code, asked(bits, ["SETPCAP"])) == ([-1, value(bits)] if locked else [0, 0])


@pytest.mark.invariant("S12")
def test_root_gains_what_its_bounding_set_has_only_without_noroot(box):
    """The third column of the table: a program that uid 0 executes, with no_new_privs off."""
    sets = {"bounding": ["KILL"], "inheritable": [], "permitted": [], "effective": [], "ambient": []}
    for uid in (0, 1000):
        request = asked(["noroot"], sets, user={"uid": uid, "gid": uid}, security={"no_new_privs": False})
        assert box.probe(STATE, request)["sets"] == [0, 0, 0, 1 << KILL, 0]
    refused = asked(["no_setuid_fixup"], sets, user={"uid": 0}, security={"no_new_privs": False})
    done = box.run(["echo", "ran"], refused)
    assert done.code == 125 and done.out == b"" and b"uid 0 would get CAP_KILL" in done.err
    # With no_new_privs the kernel itself holds exec back to what the process had.
    held = asked(["no_setuid_fixup"], sets, user={"uid": 0, "gid": 0})
    assert box.probe(STATE, held)["sets"] == [0, 0, 0, 1 << KILL, 0]


# ---- session keyring -----------------------------------------------------------------------------------------------

KEYCTL = 250 if platform.machine() == "x86_64" else 219
SESSION = f"result = system_call({KEYCTL}, 0, -3, 0)"  # KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING


def test_the_callers_keyring(box):
    """By its serial number, which is the machine's."""
    own = LIBC.syscall(KEYCTL, 0, -3, 0)
    request = {"security": {"keyring": "inherit", "seccomp": ALLOW_ALL}}
    assert box.probe(SESSION, request) == own > 0
    for security in ({}, {"keyring": "new"}):
        assert box.probe(SESSION, {"security": {**security, "seccomp": ALLOW_ALL}}) not in (own, -1)


@pytest.mark.invariant("S17")
def test_the_default_filter_refuses_keyctl_either_way(box):
    for keyring in ("new", "inherit"):
        assert box.probe(SESSION, {"security": {"keyring": keyring}}) == "EPERM"


def test_the_promise_is_made_only_where_it_is_kept(box):
    assert "session_keyring" in box.run(["true"]).outcome["enforced"]
    done = box.run(["true"], {"security": {"keyring": "inherit"}})
    assert done.code == 0 and "session_keyring" not in done.outcome["enforced"]


STRACE = shutil.which("strace")


@pytest.mark.skipif(STRACE is None, reason="strace is not installed")
def test_a_keyring_that_cannot_be_had(box):
    """Refused, or with best_effort listed; with `inherit` nothing is asked of the kernel."""
    wrap = [STRACE, "-f", "-qq", "-o", "/dev/null", "-e", "inject=keyctl:error=EPERM"]
    error = box.fails(["true"], wrap=wrap)
    assert (error["field"], error["errno_name"]) == ("/security/keyring", "EPERM") and "session_keyring" in error["hint"]
    done = box.run(["true"], {"best_effort": ["session_keyring"]}, wrap=wrap)
    assert done.code == 0 and "session_keyring" in [e["protection"] for e in done.outcome["not_enforced"]]
    assert box.run(["true"], {"security": {"keyring": "inherit"}}, wrap=wrap).code == 0
