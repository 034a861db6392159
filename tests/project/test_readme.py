"""The README as a newcomer follows it: what stands after a prompt is run in an empty directory, and must print what follows.

Building and installing are not repeated here: test_build.py has them.
"""

import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("STYRO_BUILD", ROOT / "build" / "dev")).resolve()
TEXT = (ROOT / "README.md").read_text()


def blocks():
    """(kind, text) of each fenced block before the C interface, but those that build."""
    for kind, text in re.findall(r"^```(console|json)\n(.*?)^```$", TEXT.split("\n## C\n")[0], re.M | re.S):
        if "./dev" not in text and "cmake" not in text:
            yield kind, text


def steps(text):
    """(prompt, command, what it prints) of a console block."""
    for prompt, command, printed in re.findall(r"^([$#]) (.*)\n((?:(?![$#] ).*\n)*)", text, re.M):
        yield prompt, command, printed


def is_for_this_caller(text):
    """Where the caller matters, `#` is root's prompt and `$` that of all others."""
    as_root = os.geteuid() == 0
    return not (as_root and "--rw" in text and text.startswith("$ ")) and not (not as_root and text.startswith("# "))


@pytest.fixture
def place(tmp_path):
    tmp_path.chmod(0o755)
    return tmp_path


def test_every_command_does_what_is_printed(place):
    env = {**os.environ, "PATH": f"{BUILD}:{os.environ['PATH']}"}
    ran = []
    for kind, text in blocks():
        if kind == "json":
            (place / "request.json").write_text(text)
        elif is_for_this_caller(text):
            for _, command, printed in steps(text):
                done = subprocess.run(["bash", "-c", command], cwd=place, env=env, text=True, capture_output=True,
                                      stdin=subprocess.DEVNULL, timeout=60)
                assert done.returncode == 0, (command, done.stderr)
                assert not printed or done.stdout == printed, (command, done.stdout, done.stderr)
                ran.append(command)
    assert len(ran) >= 11 and (place / "outcome.json").is_file()


def test_writing_is_shown_for_both_kinds_of_caller():
    prompts = {text[0] for kind, text in blocks() if kind == "console" and "--rw" in text}
    assert prompts == {"$", "#"}


def test_files_that_are_linked_are_there():
    for name in re.findall(r"\]\(([^):]+)\)", TEXT):
        assert (ROOT / name).exists(), name
