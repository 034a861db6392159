"""Kernels that lack what the container level needs, and filters that hide or refuse it: the error names the call, the kernel,
the floor and a way out, the payload never runs, and nothing is left behind.

Such kernels are made by a seccomp filter around the command (tests/drivers/without.c).
"""

import os

import pytest

from harness import BUILD, LINUX

WITHOUT = BUILD / "tests" / "drivers" / "without"
FLOOR = "the container level needs Linux 5.14 or later"
UNCONFINED = "docker: --security-opt seccomp=unconfined"

# Call: the stage of the error, and the calls that its hint names.
NEEDED = {
    "clone3": ("spawn", "clone3"),
    "pidfd_open": ("spawn", "pidfd_open"),
    "close_range": ("command", "close_range"),
    "openat2": ("source", "openat2"),
    "open_tree": ("mount", "open_tree"),
    "mount_setattr": ("mount", "mount_setattr"),
    "move_mount": ("mount", "move_mount"),
    "fsopen": ("root", "fsopen, fsconfig or fsmount"),
    "fsconfig": ("root", "fsopen, fsconfig or fsmount"),
    "fsmount": ("root", "fsopen, fsconfig or fsmount"),
    "sethostname": ("uts", "sethostname"),
    "pivot_root": ("root", "pivot_root or umount2"),
    "faccessat2": ("access", "faccessat2"),
    "seccomp": ("supervise", "close_range, capset or seccomp"),
}


def without(error, *calls):
    return [WITHOUT, error, ",".join(calls)]


def refused(done):
    """What is common to them all: one line, no payload, an outcome where there was a process to have one."""
    assert done.code == 125 and done.out == b"" and done.err.count(b"\n") == 1, done
    return done.line


@pytest.mark.parametrize("call", NEEDED)
def test_a_call_that_the_kernel_lacks_is_named(tree, work, call):
    stage, calls = NEEDED[call]
    if call == "clone3" and (tree.kernel or LINUX < (6, 2)):  # clone(2) does it as well, but for a time namespace
        assert tree.sh("echo ran", wrap=without("ENOSYS", call)) == "ran\n"
        return
    if (tree.kernel or LINUX < (6, 15)) and stage == "mount" and call != "open_tree":  # the root is attached first
        stage = "root"
    line = refused(tree.run(["echo", "ran"], {"paths": {"/w": {"from": str(work), "access": "rw"}}},
                            wrap=without("ENOSYS", call)))
    assert line.startswith(f"styrolite: {stage}: ") and "Function not implemented" in line, line
    assert f"{FLOOR}: this kernel, which calls itself {os.uname().release}, has no {calls}, or a filter" in line, line
    assert UNCONFINED in line


@pytest.mark.parametrize("call", NEEDED)
def test_a_call_that_a_filter_refuses_is_named(box, work, call):
    """As containers refuse: EPERM, where the kernel would have allowed it."""
    line = refused(box.run(["echo", "ran"], {"paths": {"/w": {"from": str(work), "access": "rw"}}},
                           wrap=without("EPERM", call)))
    assert "Operation not permitted" in line and "a filter of system calls around this process may refuse " in line, line
    assert call in line and UNCONFINED in line


@pytest.mark.kernel
def test_a_call_of_the_fast_mode_alone(box):
    """execveat is what the shared-memory child needs; the other mode goes by a path."""
    done = box.run(["echo", "ran"], wrap=without("ENOSYS", "execveat"))
    if box.mode == "helper":
        assert done.out == b"ran\n" and done.code == 0
    else:
        line = refused(done)
        assert line.startswith("styrolite: helper: ") and "has no execveat" in line


def test_the_fast_mode_gives_way_before_anything_is_refused(vfork_box):
    """Not forced: where clone3 is hidden both modes are tried, and the second one's error stands."""
    line = refused(vfork_box.run(["echo", "ran"], wrap=without("ENOSYS", "clone3")))
    assert line.startswith("styrolite: spawn: ") and "has no clone3" in line


def test_a_kernel_of_5_11(box):
    """All that came later at once: the first that is needed is named, and that is enough."""
    later = ["mount_setattr", "quotactl_fd", "process_mrelease", "cachestat", "open_tree_attr"]
    line = refused(box.run(["echo", "ran"], wrap=without("ENOSYS", *later)))
    assert "has no mount_setattr" in line and FLOOR in line


def test_a_container_as_docker_makes_it(box):
    """Its default profile hides clone3, so that C libraries fall back, and refuses namespaces and mounts."""
    refusals = ["unshare", "setns", "mount", "open_tree", "move_mount", "fsopen", "mount_setattr", "pivot_root"]
    line = refused(box.run(["echo", "ran"], wrap=[*without("EPERM", *refusals), *without("ENOSYS", "clone3")]))
    assert "has no clone3, or a filter" in line and UNCONFINED in line


# ---- a release that is only a text -----------------------------------------------------------------------------------


def test_a_release_that_lies_does_no_harm(box):
    """personality(2) UNAME26: a 6.18 is a 2.6.78 to all who ask. The payload sees the real one: the personality is reset."""
    seen = box.ok(["uname", "-r"], wrap=["setarch", "--uname-2.6"])
    assert seen.strip() == os.uname().release


def test_an_old_release_of_an_old_kernel_is_refused(box):
    """What UNAME26 makes of it is the only name that there is."""
    later = ["quotactl_fd", "process_mrelease", "cachestat", "open_tree_attr"]
    line = refused(box.run(["echo", "ran"], wrap=["setarch", "--uname-2.6", *without("ENOSYS", *later)]))
    assert line.startswith("styrolite: helper: Linux 2.6") and f"is too old: {FLOOR}" in line, line


@pytest.mark.parametrize("version", ["5.13", "5.4.0-200-generic", "4.18"])
def test_a_kernel_below_the_floor_is_refused_by_name(box, version):
    box.kernel = version
    line = refused(box.run(["echo", "ran"]))
    major_minor = ".".join(version.split("-")[0].split(".")[:2])
    assert f"Linux {major_minor} is too old: {FLOOR}" in line and "run a later kernel" in line
