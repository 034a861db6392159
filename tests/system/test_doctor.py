"""`styrolite doctor`: what it finds on a host that lacks something. Each lack is made around the command, in namespaces of the
test's own or by a filter of system calls, and changes exactly the checks that it is about; the remedy is the one for it.
"""

import collections
import json
import os
import pathlib
import shutil
import subprocess

import pytest

import callers
from harness import AS_ROOT, BUILD, COMMAND, HELPER, LINUX, Caller

WITHOUT = BUILD / "tests" / "drivers" / "without"
DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "doctor.md"
VERDICTS = ("ok", "limited", "missing", "untested")

# Whoever stands under a filter: what is not about that is what it is without.
FILTERED = [WITHOUT, "ENOSYS", "quotactl_fd"]
# The default sandbox, in both spawn modes, and what starts a sandbox to find out.
NO_SANDBOX = {"default_sandbox": "missing", "spawn_vfork": "missing", "spawn_helper": "missing", "time_offsets": "untested"}
NOTHING = {**NO_SANDBOX, "level_process": "missing"}  # nor one that takes no namespace
NO_TREE = {"mount_api": "missing", "detached_mounts": "untested", "proc": "untested", "overlay": "untested"}
NAMESPACES = ("mount", "pid", "ipc", "uts", "network", "cgroup", "time")
NO_SPACE = {**NO_SANDBOX, **NO_TREE, **{f"{kind}_namespace": "untested" for kind in NAMESPACES}, "id_maps": "untested",
            "mount_api": "untested"}
DOCKER = "docker run --security-opt seccomp=unconfined ..."


class Report:
    def __init__(self, done):
        assert done.returncode in (0, 1) and done.stderr == "", done
        self.whole = json.loads(done.stdout)
        self.checks = {check["name"]: check for check in self.whole["checks"]}
        assert done.returncode == (0 if self.whole["works"] else 1)

    def __getitem__(self, name):
        return self.checks[name]

    def verdicts(self):
        return {name: check["verdict"] for name, check in self.checks.items()}

    def remedy(self, name):
        return "\n".join(self[name]["remedy"])


def words(wrap, options):
    return [str(word) for word in (*wrap, COMMAND, "doctor", *options)]


def environment(more):
    return {**{k: v for k, v in os.environ.items() if not k.startswith("STYRO_")}, **(more or {})}


def call(*options, wrap=(), env=None, **more):
    more = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "timeout": 60, **more}
    return subprocess.run(words(wrap, options), env=environment(env), **more)


def report(wrap=(), env=None, options=()):
    return Report(call("--json", *options, wrap=wrap, env=env))


def changes(before, after):
    """The verdicts that differ."""
    old, new = before.verdicts(), after.verdicts()
    assert old.keys() == new.keys()
    return {name: new[name] for name in new if new[name] != old[name]}


@pytest.fixture(scope="module")
def plain():
    return report()


@pytest.fixture(scope="module")
def filtered():
    return report(FILTERED)


# ---- a host that works ----------------------------------------------------------------------------------------------


@pytest.mark.kernel
def test_a_host_that_works(plain):
    """And what depends on the kernel's version."""
    needed = {name: check["verdict"] for name, check in plain.checks.items() if check["required"]}
    assert plain.whole["works"] and set(needed.values()) == {"ok"}, needed
    assert plain.whole["version"] == 1 and plain.whole["kernel"] == os.uname().release
    assert plain["detached_mounts"]["verdict"] == ("ok" if LINUX >= (6, 15) else "limited")
    assert plain["time_offsets"]["verdict"] == "ok"
    assert plain["time_namespace"]["required"] == (LINUX >= (6, 2))


def test_the_form_of_the_json(plain):
    for name, check in plain.checks.items():
        assert list(check) == ["name", "group", "verdict", "required", "errno", "found", "means", "remedy"], name
        assert check["verdict"] in VERDICTS and check["found"] and isinstance(check["remedy"], list), check
        assert "\n" not in check["found"] + check["means"] + "".join(check["remedy"])
        if check["verdict"] == "ok":
            assert (check["means"], check["remedy"]) == ("", []), check
    assert list(plain.whole) == ["version", "works", "library", "kernel", "checks"]


def test_the_text_says_the_same(plain):
    done = call()
    lines = done.stdout.splitlines()
    counted = collections.Counter(plain.verdicts().values())
    assert done.returncode == 0 and done.stderr == ""
    assert lines[0] == "The default sandbox works here: " + ", ".join(
        f"{counted[verdict]} {verdict}" for verdict in VERDICTS if counted[verdict]) + "."
    seen = {line.split()[1]: line.split()[0] for line in lines[1:] if line.startswith("  ") and line[2] != " "}
    assert seen == plain.verdicts()
    for group in {check["group"] for check in plain.checks.values()}:
        assert lines.count(group) == 1
    for check in plain.checks.values():
        for line in check["remedy"]:
            assert " " * 13 + ("" if line.startswith("#") else "$ ") + line in lines


def test_every_check_is_documented(plain):
    text = DOCS.read_text().split("## The checks")[1].split("## As JSON")[0]
    for name, check in plain.checks.items():
        assert f"| `{name}` | " in text and f"### {check['group']}\n" in text, name
    assert text.count("\n| `") == len(plain.checks)


def test_the_command_line():
    for arguments, words_ in ((["x"], "`x` has no meaning here"), (["--ro", "/"], "--ro is no option of this command"),
                              (["--", "true"], "no command is taken after --"), (["--jsn"], "did you mean --json?")):
        done = call(*arguments)
        assert done.returncode == 125 and done.stdout == "" and words_ in done.stderr, done
    done = subprocess.run([COMMAND, "run", "--json", "--", "true"], capture_output=True, text=True)
    assert done.returncode == 125 and "it goes with: doctor" in done.stderr
    with open("/dev/full", "w") as full:
        done = call(capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 125 and "No space left" in done.stderr


# ---- filters of system calls ------------------------------------------------------------------------------------------

# Call: the checks that change, and the one that names it.
CALLS = {
    "clone3": ({**NO_SPACE, "clone3": "missing", "user_namespace": "untested"}, "clone3"),
    "clone": ({}, None),
    "mount": ({}, None),
    "unshare": ({"system_calls": "limited", "time_offsets": "missing"}, "system_calls"),
    "setns": ({"system_calls": "limited"}, "system_calls"),
    "close_range": ({**NOTHING, "system_calls": "missing", "memory_exec": "missing"}, "system_calls"),
    "pidfd_open": ({**NOTHING, "system_calls": "missing"}, "system_calls"),
    "openat2": ({**NOTHING, "system_calls": "missing"}, "system_calls"),
    "seccomp": ({**NOTHING, "seccomp": "missing"}, "seccomp"),
    "landlock_create_ruleset": ({"landlock": "missing", "level_process": "missing"}, "landlock"),
    "sethostname": ({**NO_SANDBOX, "uts_namespace": "missing"}, "uts_namespace"),
    "fsopen": ({**NO_SANDBOX, **NO_TREE}, "mount_api"),
    "fsconfig": ({**NO_SANDBOX, **NO_TREE}, "mount_api"),
    "fsmount": ({**NO_SANDBOX, **NO_TREE}, "mount_api"),
    "open_tree": ({**NO_SANDBOX, **NO_TREE}, "mount_api"),
    "mount_setattr": ({**NO_SANDBOX, **NO_TREE}, "mount_api"),
    "move_mount": ({**NO_SANDBOX, **NO_TREE}, "mount_api"),
    "pivot_root": ({**NO_SANDBOX, **NO_TREE}, "mount_api"),
}


@pytest.mark.parametrize("answer", ["EPERM", "ENOSYS", "SIGSYS"])
@pytest.mark.parametrize("call_", CALLS)
def test_a_call_that_a_filter_refuses(filtered, call_, answer):
    if (call_, answer) == ("clone", "SIGSYS"):
        pytest.skip("no program can start another one there, as no process can be made")
    after = report([WITHOUT, answer, call_])
    wanted, name = CALLS[call_]
    if (call_, answer) == ("landlock_create_ruleset", "SIGSYS"):  # what is only refused is left out of the default sandbox
        wanted = {**NO_SANDBOX, **wanted}
    wanted = {**NOTHING, **wanted} if (call_, answer) == ("clone3", "SIGSYS") else wanted  # to the others clone(2) is the answer
    changed = changes(filtered, after)
    if "default_sandbox" in wanted:
        assert changed.pop("subordinate_ids", "untested") == "untested"
    assert changed == wanted
    if name:
        found = after[name]
        assert call_ in found["found"] and "a filter of system calls stands around this process" in found["found"]
        assert DOCKER in found["remedy"], found
        assert found["errno"] == (None if answer == "SIGSYS" else answer)


def test_several_calls_at_once():
    found = report([WITHOUT, "EPERM", "keyctl,setns,openat2"])["system_calls"]
    assert found["verdict"] == "missing" and all(name in found["found"] for name in ("keyctl", "setns", "openat2"))


@pytest.mark.parametrize("env, place, remedy", [
    ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, None, "seccompProfile: {type: Unconfined}"),
    ({}, "/run/.containerenv", "podman run --security-opt seccomp=unconfined"),
    ({}, "/.dockerenv", "docker run --security-opt seccomp=unconfined"),
], ids=["kubernetes", "podman", "docker"])
@pytest.mark.as_root
def test_the_remedy_is_the_containers(env, place, remedy, tmp_path):
    """A tree with the mark of a container: the host's, below a directory."""
    wrap = [WITHOUT, "EPERM", "fsopen"]
    if place:
        wrap = [*in_root(tmp_path, f"mkdir -p $root/run; touch $root{place}"), *wrap]
    lines = report(wrap, env)["mount_api"]["remedy"]
    assert len(lines) == 1 and remedy in lines[0]


def in_root(directory, script):
    """Words that make a root of a tmpfs with the host's directories, but for /run, and enter it as containers do."""
    root = directory / "root"
    root.mkdir()
    build = """
root=$1; shift
mount -t tmpfs none $root
for one in /*; do
  if [ -L $one ]; then cp -P $one $root/; elif [ $one != /run ] && [ -d $one ]; then mkdir $root$one && mount --rbind $one $root$one; fi
done
""" + script + """
mkdir $root/.old && cd $root && pivot_root . .old && umount -l /.old && cd / && exec "$@"
"""
    return ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-e", "-c", build, "sh", root]


# ---- limits on namespaces ---------------------------------------------------------------------------------------------


def in_limits(**limits):
    """A user namespace of the test's own with limits on what is made in it; who calls there is who it was."""
    script = "".join(f"echo {value} > /proc/sys/user/{name}\n" for name, value in limits.items())
    if AS_ROOT:
        return ["unshare", "--user", "--map-root-user", "/bin/sh", "-e", "-c", script + 'exec "$@"', "sh"]
    return ["unshare", "--user", "--map-current-user", "--keep-caps", "/bin/sh", "-e", "-c", script + 'exec "$@"', "sh",
            "setpriv", "--inh-caps=-all", "--ambient-caps=-all"]


@pytest.fixture
def before_limits(own_helper):
    """Root of a map of one id has no id 65534 for its payload, and needs the way out that the report names."""
    before = report(in_limits(), own_helper)
    if AS_ROOT:
        assert before["id_maps"]["verdict"] == "missing" and "no id 65534" in before["id_maps"]["found"]
        assert "--set user.uid_map=self" in before.remedy("id_maps")
    else:
        assert before.whole["works"]
    return before


def test_no_user_namespaces(before_limits, own_helper):
    after = report(in_limits(max_user_namespaces=0), own_helper)
    wanted = {**NO_SPACE, "user_namespace": "missing", "subordinate_ids": "untested"}
    assert {name: after.verdicts()[name] for name in wanted} == wanted
    assert changes(before_limits, after).keys() <= wanted.keys()
    found = after["user_namespace"]
    assert found["found"] == "clone3: No space left on device; user.max_user_namespaces is 0" and found["errno"] == "ENOSPC"
    assert found["remedy"] == ["sudo sysctl -w user.max_user_namespaces=15000",
                               "echo 'user.max_user_namespaces = 15000' | sudo tee -a /etc/sysctl.d/60-styrolite.conf"]


@pytest.mark.parametrize("kind, limit, without", [
    ("mount", "mnt", {**NO_TREE, "mount_api": "untested"}), ("pid", "pid", {"proc": "untested"}), ("ipc", "ipc", {}),
    ("uts", "uts", {}), ("network", "net", {}), ("cgroup", "cgroup", {}), ("time", "time", {}),
])
def test_no_namespaces_of_a_kind(before_limits, own_helper, kind, limit, without):
    after = report(in_limits(**{f"max_{limit}_namespaces": 0}), own_helper)
    wanted = {**without, f"{kind}_namespace": "missing"}
    changed = changes(before_limits, after)
    wanted = {name: verdict for name, verdict in wanted.items() if before_limits.verdicts()[name] != verdict}
    if not AS_ROOT and not (kind == "time" and LINUX < (6, 2)):
        wanted = {**NO_SANDBOX, **wanted, **({"subordinate_ids": "untested"} if "subordinate_ids" in changed else {})}
    assert changed == wanted
    found = after[f"{kind}_namespace"]
    assert f"; user.max_{limit}_namespaces is 0" in found["found"]
    assert f"sudo sysctl -w user.max_{limit}_namespaces=15000" in found["remedy"]


# ---- mounts of the host -----------------------------------------------------------------------------------------------


def below(script, *more):
    """Root's mounts in a namespace of the test's own, then perhaps an ordinary user."""
    return ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-e", "-c", script + 'exec "$@"', "sh", *more]


AS_CALLERS = pytest.mark.parametrize("who", [[], callers.as_user()], ids=["root", "user"])


@pytest.fixture
def everybody():
    if not callers.reachable(callers.ALICE):
        pytest.skip(f"{BUILD} is not reachable for an ordinary user")


@pytest.mark.as_root
@AS_CALLERS
def test_a_masked_proc(everybody, who):
    before = report(who)
    for mask in ("mount -t tmpfs none /proc/sys", "mount --bind /dev/null /proc/interrupts", "mount --bind -o ro /proc/irq /proc/irq"):
        after = report(below(mask + "\n", *who))
        changed = changes(before, after)
        assert changed.pop("subordinate_ids", "untested") == "untested"
        assert changed == {**NO_SANDBOX, "proc": "missing"}, mask
        assert after["proc"]["found"].startswith("fsmount: Operation not permitted; parts of /proc are masked")
        assert "docker run --security-opt systempaths=unconfined ..." in after["proc"]["remedy"]
    assert "podman run --security-opt unmask=ALL" in report(
        below("mount -t tmpfs none /proc/sys; mount -t tmpfs none /run; touch /run/.containerenv\n", *who)).remedy("proc")


SYSCTLS = {
    "unprivileged_userns_clone": (0, "kernel.unprivileged_userns_clone is 0", "sudo sysctl -w kernel.unprivileged_userns_clone=1"),
    "apparmor_restrict_unprivileged_userns": (1, "AppArmor restricts user namespaces", "sudo apparmor_parser -r /etc/apparmor.d/"),
    "unrelated": (1, "", "# chroot(2) and SELinux refuse them as well"),
}


@pytest.mark.as_root
@pytest.mark.parametrize("key", SYSCTLS)
def test_what_refuses_user_namespaces_to_ordinary_callers(everybody, key, tmp_path):
    """The refusal is chroot(2)'s, which says EPERM as these settings do; the setting is a file where the kernel has it."""
    value, said, remedy = SYSCTLS[key]
    settings = f"mount -t tmpfs none /proc/sys; mkdir /proc/sys/kernel; echo {value} > /proc/sys/kernel/{key}\n"
    root = tmp_path / "root"
    root.mkdir()
    wrap = below(f"{settings} mount --rbind / {root}\n", "chroot", root, *callers.as_user())
    found = report(wrap)
    assert found["user_namespace"]["found"].startswith("clone3: Operation not permitted" + ("; " + said if said else ""))
    assert remedy in found.remedy("user_namespace")
    if key.startswith("apparmor"):
        profile, load, *_ = found["user_namespace"]["remedy"]
        assert f"profile styrolite-helper {HELPER} flags=(unconfined) {{ userns, }}" in profile
        assert found["apparmor"]["verdict"] == "limited"


@pytest.mark.as_root
def test_a_profile_by_path_is_no_remedy_for_a_helper_of_the_callers_own(everybody, tmp_path):
    settings = ("mount -t tmpfs none /proc/sys; mkdir /proc/sys/kernel; "
                "echo 1 > /proc/sys/kernel/apparmor_restrict_unprivileged_userns\n")
    root = tmp_path / "root"
    root.mkdir()
    copy = "install -d -o 1500 /dev/shm/own; cp -p $helper /dev/shm/own; chown 1500 /dev/shm/own/*\n"
    wrap = below(f"{settings} mount -t tmpfs none /dev/shm; {copy} mount --rbind / {root}\n", "chroot", root, *callers.as_user())
    found = report(wrap, {"helper": str(HELPER), "STYROLITE_HELPER": "/dev/shm/own/styrolite-helper"})
    assert "sealed copies" in found["helper"]["found"]
    assert "apparmor_parser" not in found.remedy("user_namespace")
    assert "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0" in found["user_namespace"]["remedy"]


# ---- control groups ---------------------------------------------------------------------------------------------------


def cgroup_mounts():
    rows = [line.split() for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()]
    return [row[4] for row in rows if row[row.index("-") + 1] in ("cgroup", "cgroup2")]


@pytest.mark.as_root
def test_control_groups_that_cannot_be_written(plain):
    if plain["cgroup_delegation"]["verdict"] != "ok":
        pytest.skip("control groups cannot be made here anyway")
    script = "".join(f"mount -o remount,bind,ro {at}\n" for at in cgroup_mounts())
    after = report(below(script))
    assert changes(plain, after) == {"cgroup_delegation": "missing"}
    found = after["cgroup_delegation"]
    assert "Read-only file system; it is mounted read-only" in found["found"] and found["errno"] == "EROFS"
    assert "docker run --privileged --cgroupns=private ..." in found["remedy"]


@pytest.mark.as_root
def test_one_controller_that_cannot_be_written(plain):
    mounts = [at for at in cgroup_mounts() if at.endswith("/memory")]
    if plain["cgroup_delegation"]["verdict"] != "ok" or not mounts:
        pytest.skip("the memory controller has no mount of its own here")
    after = report(below(f"mount -o remount,bind,ro {mounts[0]}\n"))
    assert changes(plain, after) == {"cgroup_delegation": "limited"}
    assert after["cgroup_delegation"]["means"] == "only limits by pids, cpu are possible"


@pytest.mark.as_root
def test_no_control_groups(plain):
    after = report(below("umount -l /sys/fs/cgroup\n"))
    assert changes(plain, after) == {"cgroup": "missing", "cgroup_delegation": "untested"}
    assert after["cgroup"]["found"] == "no control groups are mounted"
    assert after["cgroup"]["remedy"] == ["sudo mount -t cgroup2 cgroup2 /sys/fs/cgroup"]


@pytest.mark.as_root
def test_control_groups_of_root(everybody, plain):
    """An ordinary caller's own group is root's, unless somebody gave it away."""
    found = report(callers.as_user())["cgroup_delegation"]
    if found["verdict"] == "ok":
        pytest.skip("this process's control groups are for everybody")
    assert found["errno"] == "EACCES" and found["verdict"] == "missing"
    wanted = "systemd.unified_cgroup_hierarchy=1" if "version 1" in plain["cgroup"]["found"] else "-p Delegate=yes"
    assert wanted in " ".join(found["remedy"])


# ---- the helper -------------------------------------------------------------------------------------------------------

NO_HELPER = {**NOTHING, "helper": "missing"}


def lacks_helper(plain, after):
    changed = changes(plain, after)
    assert changed.pop("subordinate_ids", "untested") == "untested"
    return changed == NO_HELPER


def test_no_helper(plain, tmp_path):
    for options, env, said in ((["--helper", "/nowhere"], {}, "`/nowhere`, named by the runner's caller, is not there"),
                               ([], {"STYROLITE_HELPER": "/nowhere"}, "STYROLITE_HELPER, is not there"),
                               (["--helper", "/bin/true"], {}, "`/usr/bin/true`")):
        after = report(env=env, options=options)
        assert lacks_helper(plain, after), changes(plain, after)
        assert said in after["helper"]["found"], after["helper"]
        assert after["helper"]["remedy"]


def test_a_helper_that_others_may_write(plain, tmp_path):
    place = tmp_path / "helper"
    place.mkdir()
    shutil.copy(HELPER, place / "styrolite-helper")
    place.chmod(0o777)
    after = report(options=["--helper", place / "styrolite-helper"])
    assert lacks_helper(plain, after)
    assert "writable by group or others" in after["helper"]["found"]
    assert after["helper"]["remedy"] == [f"# chmod go-w {place}"]


@pytest.mark.as_root
def test_a_helper_that_must_not_be_executed(plain):
    script = "mount -t tmpfs -o noexec,mode=755 none /mnt; cp -p $helper /mnt/styrolite-helper\n"
    after = report(below(script), {"helper": str(HELPER)}, ["--helper", "/mnt/styrolite-helper"])
    assert lacks_helper(plain, after)
    assert "lies on a file system that is mounted noexec" in after["helper"]["found"]


@pytest.mark.as_root
def test_programs_in_memory(everybody):
    """vm.memfd_noexec belongs to the process namespace."""
    if not os.path.exists("/proc/sys/vm/memfd_noexec"):
        pytest.skip("Linux before 6.3 has no vm.memfd_noexec")
    wrap = ["unshare", "--pid", "--fork", "--mount-proc", "/bin/sh", "-e", "-c", 'echo 2 > /proc/sys/vm/memfd_noexec; exec "$@"', "sh"]
    for who in ([], callers.as_user()):
        after = report([*wrap, *who])
        assert changes(report(["unshare", "--pid", "--fork", "--mount-proc", *who]), after) == {"memory_exec": "missing"}
        found = after["memory_exec"]
        assert found["found"] == "memfd_create: Permission denied; vm.memfd_noexec is 2" and not found["required"]
        assert found["remedy"][0] == "sudo sysctl -w vm.memfd_noexec=1"


@pytest.mark.as_ordinary
def test_a_helper_of_the_callers_own(own_helper):
    found = report(env=own_helper)
    assert found.whole["works"] and "sealed copies of it run" in found["helper"]["found"]
    assert found["memory_exec"]["required"] and found["memory_exec"]["found"] == "a copy of the helper ran"


# ---- versions of the kernel -------------------------------------------------------------------------------------------


def test_an_older_kernel(plain):
    after = report(env={"STYRO_KERNEL": "5.4"})
    changed = changes(plain, after)
    assert changed.pop("subordinate_ids", "untested") == "untested"
    assert changed == {**NOTHING, "kernel": "missing"}
    assert "Linux 5.4 is too old: the container level needs Linux 5.14 or later" in after["kernel"]["found"]


def test_a_spawn_mode_that_is_forced():
    for mode in ("vfork", "helper"):
        found = report(env={"STYRO_SPAWN": mode})
        assert found["default_sandbox"]["found"] == f"works, in the spawn mode {mode}"
        assert found["spawn_vfork"]["verdict"] == found["spawn_helper"]["verdict"] == "ok"


def test_the_fast_mode_alone():
    """Where execveat(2) is refused the other mode is there, but the runner's own choice is not it: that is an error."""
    found = report([WITHOUT, "EPERM", "execveat"])
    assert not found.whole["works"] and found["spawn_vfork"]["verdict"] == "missing"
    assert found["spawn_helper"]["verdict"] == "ok" and "execveat" in found["system_calls"]["found"]
    assert found["system_calls"]["means"] == "only the spawn mode vfork takes it"


# ---- subordinate ids --------------------------------------------------------------------------------------------------

RANGES = "root:300000:65536\nalice:100000:65536\n"


def with_files(directory, texts, *who, over=()):
    """Texts over files of the host, and files over others."""
    pairs = list(over)
    for number, (path, text) in enumerate(texts.items()):
        source = directory / f"file-{number}"
        source.write_text(text)
        source.chmod(0o644)
        pairs.append((source, path))
    binds = [str(word) for pair in pairs for word in pair]
    return ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", callers.BIND, "sh", *binds, "--", *who]


def database(**more):
    return {"/etc/passwd": callers.USERS, "/etc/subuid": RANGES, "/etc/subgid": RANGES, **more}


@pytest.mark.as_root
@AS_CALLERS
def test_subordinate_ids(everybody, tmp_path, who):
    found = report(with_files(tmp_path, database(), *who))
    name = "alice" if who else "root"
    assert found["id_tools"]["verdict"] == "ok" and found["subordinate_ids"]["verdict"] == "ok", found["subordinate_ids"]
    assert found["subordinate_ids"]["found"] == f"a sandbox had those of {name}"


@pytest.mark.as_root
@AS_CALLERS
def test_no_subordinate_ids(everybody, tmp_path, who):
    """The range behind all others."""
    name = "alice" if who else "root"
    files = {"/etc/subuid": "bob:100000:65536\n", "/etc/subgid": "bob:100000:65536\ncarol:200000:65536\n"}
    after = report(with_files(tmp_path, database(**files), *who))
    assert changes(report(with_files(tmp_path, database(), *who)), after) == {"subordinate_ids": "missing"}
    assert after["subordinate_ids"]["found"].endswith(f"/etc/subuid gives `{name}` no subordinate ids")
    assert after["subordinate_ids"]["remedy"] == [
        f"sudo usermod --add-subuids 265536-331071 --add-subgids 265536-331071 {name}"]


@pytest.mark.as_root
def test_a_user_without_a_name(everybody, tmp_path):
    """usermod(8) takes names only."""
    files = database(**{"/etc/passwd": "root:x:0:0:root:/root:/bin/sh\n"})
    found = report(with_files(tmp_path, {**files, "/etc/subuid": "", "/etc/subgid": ""}, *callers.as_user()))
    assert found["subordinate_ids"]["remedy"] == ["echo 1500:100000:65536 | sudo tee -a /etc/subuid /etc/subgid"]


SYSTEMS = {
    "debian": ("ID=debian\n", ["sudo apt install uidmap"]),
    "ubuntu": ("NAME=Ubuntu\nID=ubuntu\nID_LIKE=debian\n", ["sudo apt install uidmap"]),
    "rhel": ('ID="rhel"\nID_LIKE="fedora"\n', ["sudo dnf install shadow-utils"]),
    "rocky": ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', ["sudo dnf install shadow-utils"]),
    "other": ("ID=void\n", ["sudo apt install uidmap", "sudo dnf install shadow-utils"]),
}


@pytest.mark.as_root
@pytest.mark.parametrize("system", SYSTEMS)
def test_no_newuidmap(everybody, tmp_path, system):
    text, remedy = SYSTEMS[system]
    gone = tmp_path / "gone"
    gone.write_text("")
    wrap = with_files(tmp_path, database(**{os.path.realpath("/etc/os-release"): text}), *callers.as_user(),
                      over=[(gone, "/usr/bin/newuidmap")])
    after = report(wrap)
    assert changes(report(with_files(tmp_path, database(), *callers.as_user())), after) == {
        "id_tools": "missing", "subordinate_ids": "untested"}
    assert after["id_tools"]["found"] == "newuidmap is not installed" and after["id_tools"]["remedy"] == remedy


@pytest.mark.as_root
def test_a_newgidmap_that_has_no_rights(everybody, tmp_path):
    plain_copy = tmp_path / "newgidmap"
    shutil.copy("/usr/bin/newgidmap", plain_copy)
    plain_copy.chmod(0o755)
    found = report(with_files(tmp_path, database(), *callers.as_user(), over=[(plain_copy, "/usr/bin/newgidmap")]))["id_tools"]
    assert found["found"] == "/usr/bin/newgidmap is neither set-user-id root nor has file capabilities"
    assert found["remedy"] == ["sudo setcap cap_setgid+ep /usr/bin/newgidmap"]


@pytest.mark.as_root
def test_tools_on_a_mount_without_set_user_id(everybody, tmp_path):
    wrap = below("mount --bind /usr /usr; mount -o remount,bind,nosuid /usr\n", *callers.as_user())
    found = report(wrap)["id_tools"]
    assert found["found"] == "/usr/bin/newuidmap lies on a mount with nosuid"
    assert found["remedy"] == ["sudo mount -o remount,suid $(findmnt -no TARGET -T /usr/bin/newuidmap)"]


@pytest.mark.as_ordinary
def test_no_new_privs(plain):
    found = report(["setpriv", "--no-new-privs"])
    assert changes(plain, found).keys() <= {"id_tools", "subordinate_ids"}
    assert "get no right, because this process has no_new_privs set" in found["id_tools"]["found"]


# ---- rights of root ---------------------------------------------------------------------------------------------------


@pytest.mark.as_root
def test_a_root_without_setuid(plain):
    after = report(callers.without("setuid"))
    changed = changes(plain, after)
    assert changed.pop("subordinate_ids", "untested") == "untested"
    assert changed == {**NOTHING, "id_maps": "missing", "overlay": "untested"}
    assert "this root has not both of CAP_SETUID and CAP_SETGID" in after["id_maps"]["found"]
    assert after["id_maps"]["remedy"][0] == "docker run --cap-add SETUID --cap-add SETGID ..."


def test_who_calls_is_who_it_was(caller):
    """The report speaks of the caller: an ordinary one's own id, root's 65534."""
    said = report()["id_maps"]["found"]
    assert said == f"id 0 inside was {'65534' if caller.root else 'the caller' + chr(39) + 's own id'} outside"
    assert Caller.uid == os.getuid()
