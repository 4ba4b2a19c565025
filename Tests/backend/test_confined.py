"""xenchanneld under the limits of its systemd unit. `make check PARTS=confined` runs all of these tests under them."""
import os
import pathlib
import socket

import pytest

import xlchannel
from conftest import Channels
from support import ROOT
from support.peer import SocketPeer
from xlchannel import Connection

CONFINED = str(ROOT / "Tests/support/confined")
CAP_DAC_OVERRIDE = 1
NOBODY = 65534


@pytest.fixture
def daemon(start_daemon):
    return start_daemon(program=CONFINED)


@pytest.fixture
def channels(store, daemon):
    channels = Channels(store)
    yield channels
    channels.destroy_all()


def test_the_limits_are_there(daemon):
    status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{daemon.pid}/status").read_text().splitlines())
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2" and int(status["Seccomp_filters"]) >= 3
    for kind in "CapBnd", "CapPrm", "CapEff":
        assert int(status[kind], 16) == 1 << CAP_DAC_OVERRIDE
    assert int(status["CapInh"], 16) == int(status["CapAmb"], 16) == 0
    assert status["Umask"] == "0077"
    for space in "net", "ipc", "mnt":
        assert os.readlink(f"/proc/{daemon.pid}/ns/{space}") != os.readlink(f"/proc/self/ns/{space}")


def test_directories_of_other_users(channels, place):
    """A socket and a file where root comes only by CAP_DAC_OVERRIDE."""
    directory = place / "theirs"
    directory.mkdir(0o700)
    (directory / "old").write_text("")
    for path in directory, directory / "old":
        os.chown(path, NOBODY, NOBODY)
    for name in "new", "old":
        guest = channels.add(Connection.PATH, directory / name).guest().connect()
        guest.write(b"bytes")
        guest.drain()
        assert (directory / name).read_bytes() == b"bytes"
    # One that its program has left.
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(directory / "socket"))
    os.chown(directory / "socket", NOBODY, NOBODY)
    served = channels.add(Connection.SOCKET, directory / "socket")
    SocketPeer(served).close()
    channels.remove(served)
    assert not (directory / "socket").exists()


@pytest.mark.parametrize("directory", ["/etc", "/usr"])
@pytest.mark.parametrize("connection", [Connection.PATH, Connection.SOCKET], ids=str)
def test_directories_of_the_system(channels, connection, directory):
    path = f"{directory}/xlchannel-test-{os.getpid()}"
    with pytest.raises(xlchannel.ChannelError, match="Read-only file system"):
        channels.add(connection, path)
    assert not os.path.exists(path)


def test_terminals_are_the_hosts(channels):
    served = channels.add(Connection.PTY)
    guest = served.guest().connect()
    terminal = os.open(served.tty, os.O_RDWR | os.O_NOCTTY)
    os.write(terminal, b"typed")
    assert guest.read(5) == b"typed"
    os.close(terminal)
