"""What the tests of the command share: calling it, starting it, what it refuses and emits."""

import json
import os
import pathlib
import subprocess

from harness import WAIT

BUILD = pathlib.Path(os.environ.get("STYRO_BUILD", "build"))
COMMAND = next((p for p in (BUILD / "styrolite", BUILD / "bin" / "styrolite") if p.exists()), None)

AS_ROOT = os.geteuid() == 0


def call(*args, **more):
    """Runs the command and gives the finished process, output as text."""
    more.setdefault("stdin", subprocess.DEVNULL)
    if "input" in more:
        del more["stdin"]
    if "stdout" not in more:
        more["capture_output"] = True
    return subprocess.run([COMMAND, *map(str, args)], timeout=WAIT, text=True, **more)


def refused(*args, code=125, **more):
    """Runs the command, which must refuse in one line, and gives that line."""
    done = call(*args, **more)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("styrolite: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def emitted(*args, **more):
    """The request that the options make."""
    done = call("run", "--emit", "json", *args, **more)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def write_request(tmp_path, **fields):
    path = tmp_path / "request.json"
    path.write_text(json.dumps({"version": 1, **fields}))
    return path
