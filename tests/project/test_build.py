"""What is built and installed: exported symbols, the helper's make, pkg-config, the install tree, the sums of ./dev test.

Knows nothing of what a sandbox does.
"""
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("STYRO_BUILD", ROOT / "build" / "dev"))

PROGRAM = """
#include <stdio.h>
#include <styrolite.h>
int main(void)
{
  styro_request *request = NULL;
  if (styro_request_new(NULL, &request, NULL) < 0) {
    return 1;
  }
  styro_request_free(request);
  return puts(styro_version()) < 0;
}
"""


def run(*argv, **options):
    done = subprocess.run([str(word) for word in argv], text=True, capture_output=True, **options)
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout


def declared_functions():
    sys.path.insert(0, str(ROOT / "core" / "lib"))
    try:
        import make_map
    finally:
        sys.path.pop(0)
    return make_map.functions((ROOT / "core" / "include" / "styrolite.h").read_text())


def install(*options, **env):
    if not os.access(BUILD, os.W_OK):
        pytest.skip("an install writes its manifest into the build tree, which belongs to somebody else")
    run("cmake", "--install", BUILD, *options, env={**os.environ, **env})


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    prefix = tmp_path_factory.mktemp("install")
    install("--prefix", prefix)
    return prefix


def test_shared_library_exports_what_the_header_declares():
    names = run("nm", "-D", "--defined-only", BUILD / "libstyrolite.so").split("\n")
    exported = {name.split()[2].split("@")[0] for name in names if " T " in name or " D " in name or " B " in name}
    assert exported == set(declared_functions())


def test_soname():
    assert "[libstyrolite.so.0]" in run("readelf", "-d", BUILD / "libstyrolite.so")


def test_static_library_hides_internal_symbols():
    table = run("readelf", "-sW", BUILD / "libstyrolite.a")
    shown = set(re.findall(r"GLOBAL DEFAULT +\d+ (\w+)", table))
    assert shown == set(declared_functions())


def test_helper_is_static_and_small():
    headers = run("readelf", "-lW", BUILD / "styrolite-helper")
    assert "INTERP" not in headers and "DYNAMIC" not in headers and "TLS" not in headers
    sizes = re.findall(r"LOAD +\S+ +\S+ +\S+ +(\S+) +(\S+)", headers)
    loaded, taken = (sum(int(size, 16) for size in column) for column in zip(*sizes))
    assert 16 * 1024 < loaded < 64 * 1024
    assert taken < 128 * 1024  # with the tables that have room for the largest plan


def test_helper_holds_no_c_library():
    """A routine of one would want to be set up first; the helper's entry is its own."""
    symbols = run("nm", BUILD / "styrolite-helper")
    assert " T helper_main" in symbols
    assert not re.search(r"__libc|errno|__stack_chk|__tls", symbols)


def test_helper_stack_is_not_executable():
    assert re.search(r"GNU_STACK .* RW ", run("readelf", "-lW", BUILD / "styrolite-helper"))


def test_helper_carries_the_wire_identity():
    notes = run("readelf", "-n", BUILD / "styrolite-helper")
    identity = re.findall(r"0x([0-9a-f]{2})", (ROOT / "core" / "wire" / "id.h").read_text())
    assert "Styrolite" in notes
    assert " ".join(identity) in notes, "the helper was built from other headers than core/wire/id.h names"


def test_clone_child_is_not_instrumented():
    objects = ROOT.glob("build/sanitize/CMakeFiles/styrolite_objects.dir/core/lib/spawn_child*.o")
    for path in objects:
        assert not re.search(r"__asan|__ubsan|__stack_chk", run("nm", path)), path


def packaged(prefix):
    """pkg-config for what is installed there, by PKG_CONFIG_PATH alone."""
    pc = next(prefix.rglob("styrolite.pc"))
    env = {**os.environ, "PKG_CONFIG_PATH": str(pc.parent)}
    return pc.parent.parent, lambda *words: run("pkg-config", *words, "styrolite", env=env).split()


@pytest.fixture(scope="module", params=["prefix", "moved", "staged"])
def placed(request, tmp_path_factory):
    """An installed tree that stands where --prefix said, was moved afterwards, or lies below DESTDIR."""
    place = tmp_path_factory.mktemp(request.param)
    if request.param == "staged":
        install(DESTDIR=str(place))
        return next(place.rglob("include/styrolite.h")).parents[1]
    install("--prefix", place / "first")
    return (place / "first").rename(place / "second") if request.param == "moved" else place / "first"


@pytest.mark.parametrize("static", [False, True], ids=["shared", "static"])
def test_program_builds_by_pkg_config(placed, tmp_path, static):
    libdir, pkg = packaged(placed)
    if static:  # of two libraries of a name the linker would take the shared one
        flags = ["-Wl,-Bstatic", *pkg("--cflags", "--libs", "--static"), "-Wl,-Bdynamic"]
    else:
        flags = pkg("--cflags", "--libs")
    source = tmp_path / "program.c"
    source.write_text(PROGRAM)
    run("cc", "-Wall", "-Werror", source, "-o", tmp_path / "program", *flags)
    needs_it = "libstyrolite.so" in run("readelf", "-d", tmp_path / "program")
    assert needs_it is not static
    version = run(tmp_path / "program", env={**os.environ, "LD_LIBRARY_PATH": "" if static else str(libdir)}).strip()
    assert [version] == pkg("--modversion")


def test_pkg_config_names_the_tree_it_lies_in(placed):
    _, pkg = packaged(placed)
    for name, what in (("includedir", "styrolite.h"), ("libdir", "libstyrolite.a"), ("helper", "")):
        path = pathlib.Path(pkg(f"--variable={name}")[0]).resolve() / what
        assert path.is_file() and placed.resolve() in path.parents, path


def test_readme_shows_the_example():
    assert (ROOT / "examples" / "hello.c").read_text() in (ROOT / "README.md").read_text()


def test_example_runs(placed, tmp_path):
    """As the README has it for a prefix that the loader does not know; the helper is found from the library's place."""
    libdir, pkg = packaged(placed)
    run("cc", "-Wall", "-Wextra", "-Werror", ROOT / "examples" / "hello.c", "-o", tmp_path / "hello",
        *pkg("--cflags", "--libs"), f"-Wl,-rpath,{libdir}")
    env = {name: value for name, value in os.environ.items() if name != "STYROLITE_HELPER"}
    assert run(tmp_path / "hello", env=env).endswith("it printed 42\n")


def test_header_is_plain_c_and_cxx(tmp_path):
    source = tmp_path / "header.c"
    source.write_text("#include <styrolite.h>\nint main(void) { return 0; }\n")
    run("cc", "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{ROOT}/core/include", source)


def test_manual_names_the_environment_that_is_read():
    sources = "".join(path.read_text() for path in (ROOT / "core").rglob("*.c"))
    names = set(re.findall(r'getenv\("(\w+)"\)', sources))
    manual = (ROOT / "docs" / "man" / "styrolite.1").read_text()
    listed = {word for line in re.findall(r"^\.It Ev (.*)$", manual, re.M) for word in line.split(" , ")}
    assert names == listed


def test_install_tree(installed):
    for path in ("bin/styrolite", "libexec/styrolite/styrolite-helper", "include/styrolite.h", "etc/apparmor.d/styrolite-helper"):
        assert (installed / path).is_file(), path
    profile = (installed / "etc/apparmor.d/styrolite-helper").read_text()
    assert re.search(r"^profile styrolite-helper /\S+/libexec/styrolite/styrolite-helper flags=\(unconfined\) \{$", profile, re.M), profile
    assert re.search(r"^  userns,$", profile, re.M)
    assert (installed / "libexec/styrolite/styrolite-helper").stat().st_mode & 0o022 == 0


def test_version_is_said_once():
    header = (ROOT / "core" / "include" / "styrolite.h").read_text()
    version = re.search(r'STYRO_VERSION "([^"]+)"', header).group(1)
    parts = [re.search(rf"STYRO_VERSION_{part} (\d+)", header).group(1) for part in ("MAJOR", "MINOR", "PATCH")]
    assert version == ".".join(parts)
    assert f"VERSION {version} " in (ROOT / "CMakeLists.txt").read_text()


@pytest.mark.parametrize(
    "name, text, status, line, code",
    [
        ("a.tap", "ok 1 - a\nnot ok 2 - b\nok 3 # SKIP why\n", 1, "1 passed, 1 failed, 1 skipped", 1),
        ("a.tap", "ok 1 - a\n", 1, "1 passed, 1 failed, 0 skipped", 1),
        ("a.xml", "<testsuites><testsuite><testcase/><testcase><skipped/></testcase></testsuite></testsuites>", 0,
         "1 passed, 0 failed, 1 skipped", 0),
        ("a.xml", "<testsuites><testsuite><testcase><failure/></testcase></testsuite></testsuites>", 1,
         "0 passed, 1 failed, 0 skipped", 1),
        ("a.xml", "<testsuites><test", 124, "0 passed, 1 failed, 0 skipped", 1),
        ("other", "", 0, "1 passed, 0 failed, 0 skipped", 0),
        ("other", "", 77, "0 passed, 0 failed, 1 skipped", 0),
    ],
)
def test_sums(tmp_path, name, text, status, line, code):
    (tmp_path / name).write_text(text)
    (tmp_path / "a.rc").write_text(f"{status}\n")
    done = subprocess.run([sys.executable, ROOT / "tests/tools/sum.py", tmp_path], text=True, capture_output=True)
    assert done.stdout.splitlines()[-1] == line
    assert done.returncode == code


def test_sums_of_nothing_fail(tmp_path):
    done = subprocess.run([sys.executable, ROOT / "tests/tools/sum.py", tmp_path], text=True, capture_output=True)
    assert done.stdout.strip() == "0 passed, 0 failed, 0 skipped"
    assert done.returncode == 1


def test_dev_names_its_commands():
    text = run(ROOT / "dev", "help")
    for command in ("run", "build", "test", "lint", "cross", "fuzz", "bench", "docs", "fmt", "clean"):
        assert re.search(rf"^  {command}\b", text, re.M), command


def test_dev_refuses_an_unknown_command():
    done = subprocess.run([ROOT / "dev", "tset"], text=True, capture_output=True)
    assert done.returncode == 2 and "no such command: tset" in done.stderr
