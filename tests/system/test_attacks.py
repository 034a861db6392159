"""Attacks from inside the default request: each is stopped, and each gets through when its protection is taken away."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import pytest

import harness
from attack_ground import Ground, program
from attacks import BEFORE_6_12, DEFAULT, HOST_PID, LET, LEVEL, OF_BUILD, PERHAPS_LET, PRESETS, TABLE
from harness import wait_gone

pytestmark = pytest.mark.skipif(not program("files").exists(), reason="the attack programs are static: no sanitized build has them")

ROWS = [attack for attack in TABLE if harness.AS_ROOT or not attack.root]
IN_DEFAULT = [attack for attack in ROWS if attack.variant is DEFAULT]
WEAKER = [attack for attack in ROWS if attack.weaker and (harness.AS_ROOT or not attack.weaker_root)]


def runs():
    """{(variant's name, program): (variant, attacks)}: however many attacks there are, each variant is run once."""
    found = {}
    held = [(a, a.variant) for a in ROWS] + [(a, preset) for a in IN_DEFAULT for preset in PRESETS]
    for attack, variant in held + [(a, a.weaker) for a in WEAKER]:
        found.setdefault((variant.name, attack.program), (variant, set()))[1].add(attack.name)
    return found


def run_all(ground):
    """{(variant's name, program, attack): what came of it}."""
    found = {}
    for (variant_name, name), (variant, attacks) in runs().items():
        try:
            answers = ground.run(variant, name, () if variant is DEFAULT else sorted(attacks))
        except (AssertionError, subprocess.SubprocessError) as e:
            answers = dict.fromkeys(attacks, f"did not run: {e}")
        found.update({(variant_name, name, attack): answer for attack, answer in answers.items()})
    return found


@pytest.fixture(scope="session")
def answers(make_place):
    """answers(mode): what run_all found in that mode, once, on a host that is gone afterwards."""
    known = {}

    def ask(mode):
        if mode not in known:
            with contextlib.ExitStack() as cleanup:
                known[mode] = run_all(Ground(make_place(), harness.Sandbox(make_place(), mode), cleanup))
        return known[mode]

    return ask


@pytest.fixture
def reached():
    """A directory that the payload's id comes to by the host's own modes."""
    path = tempfile.mkdtemp(dir="/tmp", prefix="styrolite-attacks-")
    yield pathlib.Path(path)
    shutil.rmtree(path)


def invariants(attacks):
    found = {attack.invariant: [a for a in attacks if a.invariant == attack.invariant] for attack in attacks}
    return [pytest.param(rows, id=invariant, marks=pytest.mark.invariant(invariant)) for invariant, rows in found.items()]


@pytest.mark.parametrize("attacks", invariants(ROWS))
def test_held(mode, answers, attacks):
    """In the default request, unless the row names another."""
    answer = {a.title: answers(mode)[a.variant.name, a.program, a.name] for a in attacks}
    assert {a.title: answer[a.title] for a in attacks if answer[a.title] not in a.held} == {}


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_presets_hold_what_the_default_holds(mode, answers, preset):
    """`build` may trace: that the host's processes are not there is then said by ESRCH."""
    builds = "build" in preset.name
    attacks = [a for a in IN_DEFAULT if not (builds and a.name in OF_BUILD)]
    answer = {a.title: answers(mode)[preset.name, a.program, a.name] for a in attacks}
    more = {"ESRCH"} if builds else set()
    assert {a.title: answer[a.title] for a in attacks if answer[a.title] not in more | set(a.held)} == {}


@pytest.mark.parametrize("attacks", invariants(WEAKER))
def test_gets_through_when_it_may(mode, answers, attacks):
    """What holds it in the default is what the weakening takes away, and not the attack's own mistake."""
    answer = {a.title: answers(mode)[a.weaker.name, a.program, a.name] for a in attacks}
    through = {a.title: answer[a.title] in a.through if a.through else answer[a.title] not in a.held for a in attacks}
    assert {a.title: f"{answer[a.title]}, {a.weaker.name}" for a in attacks if not through[a.title]} == {}


def test_every_attack_is_in_the_table(mode, answers):
    tried = {(program_, name) for variant, program_, name in answers(mode) if variant == DEFAULT.name}
    assert tried == {(a.program, a.name) for a in TABLE}


@pytest.mark.parametrize("name", LET)
@pytest.mark.invariant("S1", "S2", "S3", "S6", "S7", "S8", "S10", "S12", "S13", "S14", "S15", "S16", "S17", "S20", "S21")
def test_the_level_process_lets_through_what_it_says(box, reached, name):
    """And nothing else of the whole table: in its one request, with the host's own paths."""
    with contextlib.ExitStack() as cleanup:
        answers = Ground(reached, box, cleanup).run(LEVEL, name)
    through = {attack for attack, answer in answers.items() if answer == "ok"}
    older = set() if harness.LINUX >= (6, 12) else BEFORE_6_12
    assert through - PERHAPS_LET - older == LET[name]
    assert answers.keys() >= {attack.name for attack in IN_DEFAULT if attack.program == name}


# ---- what no single answer tells --------------------------------------------------------------------------------------


@pytest.fixture
def ground(make_place, box):
    with contextlib.ExitStack() as cleanup:
        yield Ground(make_place(), box, cleanup)


@pytest.mark.invariant("S7")
def test_killing_everybody_stays_inside(box, ground):
    """kill(-1, SIGKILL) finds nobody there."""
    assert box.ok(["/probe/attack_processes", "kill-everybody"], ground.request(DEFAULT, 0)) == "3\n", "ESRCH"
    assert ground.victim.poll() is None


@contextlib.contextmanager
def daemons(box, request):
    """A payload that left four processes and has ended: each ignores signals, one is stopped."""
    with box.start(["/probe/attack_processes", "daemons"], request, stdin=subprocess.PIPE) as run:
        assert sorted(run.read_line() for _ in range(4)) == ["below a subreaper", "daemon", "stopped", "subreaper"]
        run.below = {pid: os.pidfd_open(pid) for pid in run.pids()}
        run.process.stdin.write(b"x")
        run.process.stdin.flush()
        assert run.process.wait(harness.WAIT) == 0
        yield run


@pytest.mark.invariant("S11")
def test_what_wants_to_stay_goes(box, ground):
    with daemons(box, ground.request(DEFAULT, 0)) as run:
        assert len(run.below) >= 6 and wait_gone(run.below.values())


def runs_on(pid):
    return os.path.exists(f"/proc/{pid}") and harness.status_of(pid)["State"][0] not in "ZX"


@pytest.mark.invariant("S11")
def test_without_a_process_namespace_of_its_own_it_stays(box, ground):
    """So that what the test above sees is the work of that namespace."""
    with daemons(box, ground.request(HOST_PID, 0)) as run:
        left = [pid for pid in run.below if runs_on(pid)]
        for pid in left:
            signal.pidfd_send_signal(run.below[pid], signal.SIGKILL)
        assert wait_gone(run.below.values()) and len(left) == 4
