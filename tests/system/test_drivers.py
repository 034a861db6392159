"""Callers in every state: the C drivers, each one test, in both spawn modes.

A driver prints one line a check ("ok - …", "not ok - …") and ends with 1 when any failed, with 77 when its state cannot be had.
"""

import os
import pathlib
import subprocess

import pytest

import harness

BUILD = pathlib.Path(os.environ.get("STYRO_BUILD", "build")).resolve()
DRIVERS = BUILD / "tests" / "drivers"
NAMES = ["threads", "signals", "bare_caller", "big_caller", "tight_nofile", "non_dumpable", "unchanged", "one_plan", "streams",
         "caller_death", "file_size", "probing"]


@pytest.mark.parametrize("mode", ["vfork", "helper"])
@pytest.mark.parametrize("name", NAMES)
def test_driver(name, mode, tmp_path):
    env = {**os.environ, "STYRO_SPAWN": mode, "STYROLITE_HELPER": str(BUILD / "styrolite-helper")}
    done = subprocess.run([DRIVERS / name], env=env, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=10 * harness.WAIT)
    said = done.stdout.splitlines()
    if done.returncode == 77 or any("skip" in line for line in said):
        pytest.skip(f"{name} under {mode}: " + next((line for line in said if "skip" in line), "its state cannot be had"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert any(line.startswith("ok") for line in said) and not any(line.startswith("not ok") for line in said)
