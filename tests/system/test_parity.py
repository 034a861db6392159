"""The parity table (tests/parity) through the command, and the C driver's run of the same table."""

import json
import os
import pathlib
import subprocess

import pytest

import harness

TABLES = sorted((pathlib.Path(__file__).parent.parent / "parity").glob("*.json"))
CASES = [case for table in TABLES for case in json.loads(table.read_text())["cases"]]
EXPECTED = {"reason", "code", "signal", "detail", "stdout", "stderr", "enforced", "not_enforced", "init", "name", "error",
            "truncated", "refused"}
CODES = {"timed_out": 124, "output_limit": 153, "setup_failed": 125}


def test_the_table_is_sound():
    names = [case["name"] for case in CASES]
    assert len(names) == len(set(names)) >= 40
    for case in CASES:
        assert set(case) <= {"name", "request", "argv", "stdin", "run", "expect"} and set(case["expect"]) <= EXPECTED, case


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_command(box, case):
    as_expected(box, case, dict(case["expect"]))


# What is of the container by its nature; everything else that the level `process` accepts is the same there.
OF_CONTAINER = {"who the payload is", "only loopback", "a preset", "the host name", "path rules on top", "what is in the root",
                "the root cannot be written"} | (set() if harness.AS_ROOT else {"privileges"})  # the bounding set is the caller's


ALIKE = [case for case in CASES if "isolation" not in case["request"] and case["name"] not in OF_CONTAINER]


@pytest.mark.parametrize("case", ALIKE, ids=[case["name"] for case in ALIKE])
def test_command_at_the_level_process(box, case):
    request = {**case["request"], "isolation": ["process"]}
    refused = "at the level `process`" in subprocess.run([harness.COMMAND, "check", box.write(request)], capture_output=True, text=True).stderr
    if not refused:
        as_expected(box, {**case, "request": request}, {k: v for k, v in case["expect"].items() if k not in ("enforced", "not_enforced")})


def as_expected(box, case, expect):
    options = [word for key, value in case.get("run", {}).items() for word in (f"--{key}", value)]
    stdin = case["stdin"].encode() if "stdin" in case else None
    done = box.run(case.get("argv"), case["request"], options, input=stdin)
    if "refused" in expect:
        assert done.code == 125 and done.outcome is None and done.out == b""
        assert expect["refused"]["stage"] in done.line and expect["refused"].get("object", "") in done.line
        return
    outcome = done.outcome
    for key in ("reason", "code", "signal", "detail", "init", "name"):
        if key in expect:
            assert outcome[key] == expect[key], (key, done)
    if outcome["reason"] in CODES:
        assert done.code == CODES[outcome["reason"]]
    if "stdout" in expect:
        assert done.text == expect["stdout"]
    if "stderr" in expect:
        assert done.line == expect["stderr"]
    if "truncated" in expect:
        assert outcome["stdout"]["truncated"] == expect["truncated"]
    assert set(expect.get("enforced", [])) <= set(outcome["enforced"])
    if "not_enforced" in expect:
        assert sorted(entry["protection"] for entry in outcome["not_enforced"]) == sorted(expect["not_enforced"])
    for key, value in expect.get("error", {}).items():
        assert outcome["error"][key] == value, (key, outcome["error"])


def test_c(mode):
    driver = harness.BUILD / "tests" / "drivers" / "parity"
    done = subprocess.run([driver, harness.HELPER, *TABLES], capture_output=True, text=True, timeout=harness.WAIT,
                          stdin=subprocess.DEVNULL, env={**os.environ, "STYRO_SPAWN": mode})
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("not ok")] == [] and done.returncode == 0, done.stdout + done.stderr
    assert lines[0] == f"1..{len(CASES)}" and len([line for line in lines if line.startswith("ok ")]) == len(CASES)
