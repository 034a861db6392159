"""`security.apparmor` and `security.selinux` where neither is active: refused, or listed as not enforced. What is written where one is:
tests/unit/test_label.c.
"""

import os
import subprocess

import pytest

import harness


def active(module):
    if module == "selinux":
        return "\tselinuxfs\n" in open("/proc/filesystems").read()
    try:
        return open("/proc/self/attr/apparmor/current").read() != ""
    except OSError:
        return False


LABELS = [("apparmor", "AppArmor", "styrolite-no-such-profile"), ("selinux", "SELinux", "system_u:system_r:no_such_t:s0")]


@pytest.fixture(params=LABELS, ids=lambda row: row[0])
def label(request):
    if active(request.param[0]):
        pytest.skip(f"{request.param[1]} is active here")
    return request.param


@pytest.mark.kernel
@pytest.mark.invariant("S22")
def test_a_module_that_is_not_active_refuses_the_run(box, label, work):
    key, module, text = label
    error = box.fails(["touch", "/w/marker"], {"security": {key: text}, "paths": {"/w": {"from": str(work), "access": "rw"}}})
    assert (error["stage"], error["field"], error["errno_name"]) == ("label", f"/security/{key}", "EOPNOTSUPP")
    assert f"{module} is not active on this machine" in error["message"] and "lsm_label" in error["hint"]
    assert os.listdir(work) == []


def test_it_may_be_missing_where_that_was_said(box, label):
    key, _, text = label
    done = box.run(["true"], {"security": {key: text}, "best_effort": ["lsm_label"]})
    assert done.code == 0 and "lsm_label" not in done.outcome["enforced"]
    assert [row["field"] for row in done.outcome["not_enforced"] if row["protection"] == "lsm_label"] == [f"/security/{key}"]


@pytest.mark.parametrize("text, said", [("", "is empty"), ("a\nb", "control character"), ("x" * 1024, "1023")], ids=["empty", "lines", "long"])
def test_texts_that_are_no_label(box, text, said):
    done = box.run(["true"], {"security": {"apparmor": text}})
    assert done.code == 125 and b"/security/apparmor" in done.err and said.encode() in done.err, done


def test_no_proc_of_the_callers(mode, tmp_path):
    """A file system that only stands at /proc is not written to (CVE-2019-16884); in helper mode nobody gets that far."""
    script = "mount -t tmpfs none /proc && mkdir -p /proc/self /proc/thread-self/attr/apparmor && echo unconfined > /proc/thread-self/attr/apparmor/current"
    wrap = ["unshare", "--user", "--map-root-user", "--mount", "/bin/sh", "-e", "-c", script + '; exec "$@"', "sh"]
    box = harness.Sandbox(tmp_path)
    done = box.run(["echo", "the payload ran"], {"security": {"apparmor": "x"}, "user": harness.Caller.own_ids}, wrap=wrap)
    assert done.code == 125 and done.out == b"", done


def test_it_is_explained():
    words = [harness.COMMAND, "explain", "--set", "security.apparmor=box", "--set", "security.selinux=u:r:t:s0", "--", "true"]
    text = subprocess.run(words, capture_output=True, text=True, timeout=harness.WAIT, check=True).stdout
    assert "take at exec the label of AppArmor: box" in text and "take at exec the label of SELinux: u:r:t:s0" in text
