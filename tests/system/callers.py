"""Callers of other kinds than who runs the tests, made by root: a user with subordinate ids, and roots with fewer rights.
Each has the user database of the test's own, in a mount namespace of its own; nothing of the host's is changed.
"""

import os
import shutil
import subprocess
import tempfile

import pytest

import harness

ALICE = 1500
USERS = f"root:x:0:0:root:/root:/bin/sh\nalice:x:{ALICE}:{ALICE}::/:/bin/sh\nbob:x:1501:1501::/:/bin/sh\n"
SUBUID = "root:300000:65536\nalice:100000:65536\n"
SUBGID = f"root:400000:65536\n{ALICE}:200000:65536\n"
# Binds each pair of paths, the first over the second, then becomes what follows.
BIND = 'while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit 99; shift 2; done; shift; exec "$@"'


def as_user(*groups):
    """Words that make an ordinary user of who calls them."""
    kept = ["--groups", ",".join(map(str, groups))] if groups else ["--clear-groups"]
    return ["setpriv", "--reuid", str(ALICE), "--regid", str(ALICE), *kept, "--inh-caps=-all"]


def without(*names):
    """Words that take capabilities from root, as a container does: from the bounding set, and so from all sets at exec."""
    sets = ",".join(f"-{name}" for name in names)
    return ["setpriv", "--bounding-set", sets, "--inh-caps", sets] if names else []


class Box(harness.Sandbox):
    """Calls the command as somebody else; files of the user database are texts, and may be changed before a run."""

    def __init__(self, directory, mode, who=()):
        super().__init__(directory)
        self.spawn, self.who = mode, list(who)
        self.users, self.subuid, self.subgid = USERS, SUBUID, SUBGID
        self.over = {}  # more paths of the host, and what stands over them

    def environment(self, more):
        return super().environment({"STYRO_SPAWN": self.spawn, **(more or {})})

    def place(self, name, text):
        path = self.directory / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(0o644)
        return path

    def binds(self):
        texts = {"/etc/passwd": self.users, "/etc/subuid": self.subuid, "/etc/subgid": self.subgid}
        pairs = {self.place(os.path.basename(path), text): path for path, text in texts.items() if text is not None}
        return [str(word) for pair in [*pairs.items(), *((v, k) for k, v in self.over.items())] for word in pair]

    def arguments(self, argv, request, options, wrap):
        wrap = ["unshare", "-m", "--propagation", "private", "/bin/sh", "-c", BIND, "sh", *self.binds(), "--", *self.who, *wrap]
        words, outcome = super().arguments(argv, request, options, wrap)
        outcome.touch()
        os.chown(outcome, ALICE, ALICE)
        return words, outcome

    def run(self, *args, **more):
        return super().run(*args, **{"cwd": "/", **more})

    def start(self, *args, **more):
        return super().start(*args, **{"cwd": "/", **more})


def reachable(uid):
    """Can another user run the command from where it was built?"""
    test = subprocess.run(["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups", harness.COMMAND, "version"],
                          capture_output=True, cwd="/")
    return test.returncode == 0


def make(mode):
    """A generator for fixtures: a box in a directory that every user reaches, and that is gone afterwards."""
    if not harness.AS_ROOT:
        pytest.skip("speaks to root callers")
    if not reachable(ALICE):
        pytest.skip(f"{harness.BUILD} is not reachable for an ordinary user")
    directory = tempfile.mkdtemp(dir="/tmp", prefix="styrolite-callers-")
    os.chmod(directory, 0o755)
    try:
        yield Box(harness.pathlib.Path(directory), mode)
    finally:
        shutil.rmtree(directory)
