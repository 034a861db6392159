"""Generators of committed files: what is wrong, or does not fit on the disk, leaves the file that was there."""
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = pathlib.Path(os.environ.get("STYRO_BUILD", ROOT / "build" / "dev")) / "tests" / "tools"

# the command in a copy of the sources, and what it writes there
GENERATORS = {
    "gen_filter": ([str(TOOLS / "gen_filter"), "."], ["core/lib/profile_generated.c"]),
    "gen_docs": ([str(TOOLS / "gen_docs"), "."], ["docs/request.schema.json", "docs/request.md"]),
    "make_map": ([sys.executable, "core/lib/make_map.py"], ["core/lib/libstyrolite.map"]),
    "make_presets": ([sys.executable, "core/presets/make_presets.py"], ["core/lib/presets_generated.c"]),
}


@pytest.fixture
def copy(tmp_path):
    for name in ("core/include", "core/lib", "core/presets", "core/profiles"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "docs").mkdir()
    return tmp_path


def generate(name, copy, **options):
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(GENERATORS[name][0], cwd=copy, env=environment, text=True, capture_output=True, **options)


def everything(copy):
    return {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}


def full_disk():
    """What write(2) says beyond the limit is EFBIG instead of ENOSPC: to a program one is like the other."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))


@pytest.mark.parametrize("name", GENERATORS)
def test_a_generator_writes_what_is_committed(copy, name):
    for target in GENERATORS[name][1]:
        (copy / target).write_text("older")
    before = everything(copy)
    done = generate(name, copy)
    assert done.returncode == 0, done.stderr
    assert everything(copy).keys() == before.keys()
    for target in GENERATORS[name][1]:
        assert (copy / target).read_bytes() == (ROOT / target).read_bytes()


@pytest.mark.parametrize("name", GENERATORS)
def test_a_full_disk_leaves_the_file_that_was_there(copy, name):
    for target in GENERATORS[name][1]:
        (copy / target).write_text("older")
    before = everything(copy)
    done = generate(name, copy, preexec_fn=full_disk)
    assert done.returncode != 0 and done.stderr
    assert everything(copy) == before


@pytest.mark.parametrize("old, new", [('"SCMP_ACT_ALLOW"', '"SCMP_ACT_MAYBE"'), ("{", "[")])
def test_a_wrong_profile_leaves_the_filter_that_was_there(copy, old, new):
    profile = copy / "core" / "profiles" / "default.json"
    text = profile.read_text()
    assert old in text
    profile.write_text(text.replace(old, new))
    before = everything(copy)
    done = generate("gen_filter", copy)
    assert done.returncode != 0 and done.stderr
    assert everything(copy) == before
