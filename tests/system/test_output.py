"""`output`: what is kept of a captured stream, which end of it, and what happens to who writes more."""

import json
import os
import pathlib
import subprocess

import pytest

import harness

LIMIT = 4096
# 26 letters, each a thousand times: wherever it is cut, one sees where.
WRITE = "import sys; sys.{}.buffer.write(b''.join(bytes([c]) * 1000 for c in range(97, 123)))"
WHOLE = b"".join(bytes([c]) * 1000 for c in range(97, 123))


def writing(stream="stdout"):
    return [*harness.PYTHON, WRITE.format(stream)]


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("keep, expected", [(None, WHOLE[:LIMIT]), ("head", WHOLE[:LIMIT]), ("tail", WHOLE[-LIMIT:]),
                                            ("both", WHOLE[:LIMIT // 2] + WHOLE[-LIMIT // 2:])])
def test_which_end_is_kept(box, stream, keep, expected):
    output = {"limit": LIMIT, **({"keep": keep} if keep else {})}
    done = box.run(writing(stream), {"output": output})
    captured = done.outcome[stream]
    assert captured["text"].encode() == expected
    assert (captured["bytes"], captured["kept"], captured["truncated"], captured["base64"]) == (len(WHOLE), LIMIT, True, None)
    assert done.code == 0 and done.reason == "exited"
    other = done.outcome["stderr" if stream == "stdout" else "stdout"]
    assert (other["bytes"], other["kept"], other["truncated"], other["text"]) == (0, 0, False, "")


@pytest.mark.parametrize("keep", ["head", "tail", "both"])
@pytest.mark.parametrize("limit", [len(WHOLE), len(WHOLE) + 1, "1M"])
def test_what_fits_is_whole(box, keep, limit):
    done = box.run(writing(), {"output": {"limit": limit, "keep": keep, "on_limit": "kill"}})
    assert done.out == WHOLE and done.outcome["stdout"]["truncated"] is False and done.code == 0


@pytest.mark.parametrize("limit", [1, 2, 3])
@pytest.mark.parametrize("keep", ["head", "tail", "both"])
def test_the_smallest_limits(box, limit, keep):
    done = box.run(writing(), {"output": {"limit": limit, "keep": keep}})
    assert done.outcome["stdout"]["kept"] == limit and len(done.out) == limit


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("init", [True, False], ids=["init", "no-init"])
@pytest.mark.invariant("S18")
def test_a_limit_that_kills(box, stream, init):
    number = 1 if stream == "stdout" else 2
    done = box.run(["/bin/sh", "-c", f"(setsid sleep 3000 &) ; yes >&{number}"],
                   {"output": {"limit": "64K", "on_limit": "kill"}, "init": init})
    assert (done.code, done.reason, done.outcome["detail"]) == (153, "output_limit", stream)
    assert done.outcome[stream]["kept"] == 65536 and done.outcome[stream]["truncated"] is True
    assert "output_limit" in done.outcome["enforced"]


def test_bytes_that_are_no_text(box):
    done = box.run(["printf", r"\377\376\000\001"], {"output": "1K"})
    assert done.out == b"\xff\xfe\x00\x01"
    assert (done.outcome["stdout"]["text"], done.outcome["stdout"]["base64"]) == (None, "//4AAQ==")


def test_text_of_other_languages(box):
    done = box.run(["printf", "%s", "grüße, 世界 \U0001f600"], {"output": "1K"})
    assert done.outcome["stdout"]["text"] == "grüße, 世界 \U0001f600"


def test_a_character_that_is_cut(box):
    """Half a character is no UTF-8: then the whole is given as base64, never altered."""
    done = box.run(["printf", "%s", "aü"], {"output": {"limit": 2}})
    assert done.outcome["stdout"]["text"] is None and done.outcome["stdout"]["base64"] == "YcM="


def test_streams_that_nobody_captures(box):
    done = box.run(["echo", "hi"])
    assert done.outcome["stdout"] is None and done.outcome["stderr"] is None and "output_limit" not in done.outcome["enforced"]


def test_a_payload_that_closes_its_streams_early(box):
    done = box.run(["/bin/sh", "-c", "echo first; exec >&- 2>&-; sleep 0.2; exit 4"], {"output": "1K"})
    assert done.code == 4 and done.out == b"first\n"


def test_a_daemon_that_keeps_the_stream_open(box):
    """The end of the payload is the end; nobody waits for a pipe that a daemon holds."""
    done = box.run(["/bin/sh", "-c", "(setsid sleep 3000 &) ; echo done"], {"output": "1K"})
    assert done.code == 0 and done.out == b"done\n"


def peak_memory(box, argv, request):
    """The command's own peak, in bytes, and how it ended."""
    words, path = box.arguments(argv, request, (), ())
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env=box.environment(None))
    # The command's children are not in it: they were not reaped by a process that this one reaps with wait4().
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_maxrss * 1024, process.returncode, json.loads(pathlib.Path(path).read_text())


@pytest.mark.parametrize("keep", ["head", "tail", "both"])
@pytest.mark.invariant("S18")
def test_a_flood_does_not_grow_the_caller(box, keep):
    """500 MB into a limit of 1 MiB: the caller grows by less than 8 MiB."""
    request = {"output": {"limit": "1M", "keep": keep}}
    before, _, _ = peak_memory(box, ["true"], request)
    after, code, outcome = peak_memory(box, ["head", "-c", "500000000", "/dev/zero"], request)
    assert code == 0 and outcome["stdout"]["bytes"] == 500_000_000 and outcome["stdout"]["kept"] == 1 << 20
    assert after - before < 8 << 20


def test_an_endless_flood_meets_its_deadline(box):
    done = harness.in_time(lambda wall: box.run(["yes"], {"output": {"limit": "64K"}, "timeout": wall}),
                           lambda done: done.outcome["stdout"]["truncated"])
    assert done.reason == "timed_out" and done.outcome["stdout"]["kept"] == 65536 < done.outcome["stdout"]["bytes"]
