"""The examples, in C and in Python, as a user would build and run them."""
import os
import subprocess
import sys

import pytest
from conftest import GUEST, NOBODY, ROOT

EXAMPLES = ROOT / "examples"
EXPECTED = """\
0 org.example.console: pty, state 1, backend /local/domain/0/backend/console/1/1
{
    "devid": 0,
    "name": "org.example.console",
    "connection.pty": {

    }
}
1 org.example.agent: socket, state 1, backend /local/domain/0/backend/console/1/2
{
    "devid": 1,
    "name": "org.example.agent",
    "connection.socket": {
        "path": "%(directory)s/agent"
    }
}
2 org.example.log: path, state 1, backend /local/domain/0/backend/console/1/3
{
    "devid": 2,
    "name": "org.example.log",
    "connection.path": {
        "path": "%(directory)s/log"
    }
}
3 org.example.spare: none, state 1, backend /local/domain/0/backend/console/1/4
{
    "devid": 3,
    "name": "org.example.spare",
    "connection.none": {

    }
}
"""


@pytest.fixture(scope="module")
def c_program(tmp_path_factory):
    """The C example, compiled and linked with an installed library."""
    directory = tmp_path_factory.mktemp("examples")
    root, program = directory / "root", directory / "channels"
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    # Where it is installed is what is said here, whatever was said to the make that runs the tests.
    for name in "MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "LIBDIR", "INCLUDEDIR":
        environment.pop(name, None)
    subprocess.run(["make", "-s", "install", f"DESTDIR={root}", "PREFIX=/usr"], cwd=ROOT, env=environment, check=True)
    environment.update(PKG_CONFIG_SYSROOT_DIR=str(root), PKG_CONFIG_PATH=str(root / "usr/lib/pkgconfig"))
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "xlchannel"], env=environment, check=True,
                           capture_output=True, text=True).stdout.split()
    assert f"-I{root}/usr/include" in flags
    assert flags.index("-lxlchannel") < flags.index("-lxenlight")
    subprocess.run(["gcc", "-Wall", "-Wextra", "-Werror", "-o", program, EXAMPLES / "channels.c", *flags], check=True)
    return [program], {"LD_LIBRARY_PATH": str(root / "usr/lib")}


@pytest.fixture(scope="module")
def python_program():
    return [sys.executable, EXAMPLES / "channels.py"], {}


@pytest.fixture(params=["c_program", "python_program"])
def run(request, tmp_path):
    command, environment = request.getfixturevalue(request.param)

    def run(*arguments):
        return subprocess.run([*command, *map(str, arguments)], env={**os.environ, **environment},
                              capture_output=True, text=True, timeout=60)
    return run


def test_shows_four_channels(guest, run, tmp_path):
    result = run(guest, tmp_path / "new")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == EXPECTED % {"directory": tmp_path / "new"}
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_twice(guest, run, tmp_path):
    for _ in range(2):
        assert run(guest, tmp_path).returncode == 0


def test_no_such_domain(guest, run, tmp_path):
    result = run(NOBODY, tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert "there is no such domain" in result.stderr and str(NOBODY) in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_what_was_added_before_a_failure_is_removed(guest, run):
    """The path of a socket, which is added after the terminal, is too long."""
    result = run(guest, "/tmp/" + "d" * 110)
    os.rmdir("/tmp/" + "d" * 110)
    assert result.returncode == 1 and "107 are allowed" in result.stderr


@pytest.mark.parametrize("arguments", [(), ("name",), ("0",), (GUEST, "a", "b")], ids=str)
def test_usage(guest, run, arguments):
    result = run(*arguments)
    assert result.returncode in (1, 2) and result.stdout == ""
    assert "usage" in result.stderr and "DOMID [DIRECTORY]" in result.stderr


def test_no_directory(guest, run):
    result = run(guest, "/proc/nowhere/at/all")
    assert result.returncode == 1 and "/proc/nowhere" in result.stderr


@pytest.mark.parametrize("name", ["channels.c", "channels.py"])
def test_short(name):
    assert len((EXAMPLES / name).read_text().splitlines()) <= 80
