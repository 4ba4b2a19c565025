"""Places where a channel cannot be: a clear error, nothing lost, nothing left."""
import contextlib
import json
import os
import resource
import pathlib
import shutil
import signal
import socket
import stat
import struct
import subprocess
import termios
import tempfile
import threading
import time

import pytest

import xlchannel
from conftest import Channels, everything
from support.daemon import ANNOUNCEMENT
from support.guest import OUT_SIZE
from support.peer import PEERS, SocketPeer, TerminalPeer
from support.waiting import wait_until
from xlchannel import Connection

PATH, SOCKET, PTY = Connection.PATH, Connection.SOCKET, Connection.PTY


@contextlib.contextmanager
def mounted(directory, options):
    directory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", directory], check=True)
    try:
        yield directory
    finally:
        subprocess.run(["umount", directory], check=True)


def refused(channels, connection, path, words):
    before = everything()
    with pytest.raises(xlchannel.ChannelError) as caught:
        channels.add(connection, path)
    assert words in str(caught.value) and str(path) in str(caught.value)
    assert everything() == before


def make_file(path):
    path.write_text("somebody's")


def make_link(path):
    path.symlink_to(path.parent / "elsewhere")


def make_device(path):
    os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))


PLACES = {
    "directory": (lambda path: path.mkdir(), "not a regular file"),
    "link": (make_link, "it is a symbolic link"),
    "device": (make_device, "not a regular file"),
    "fifo": (os.mkfifo, "not a regular file"),
    "file": (make_file, None),
}


@pytest.mark.parametrize("what", PLACES)
def test_something_is_there(daemon, channels, place, what):
    make, words = PLACES[what]
    path = place / "there"
    make(path)
    before = path.lstat()
    refused(channels, SOCKET, path, "a file that is no socket is there")
    if words:
        refused(channels, PATH, path, words)
    else:
        channel = channels.add(PATH, path)
        guest = channel.guest().connect()
        guest.write(b" log")
        guest.drain()
        assert path.read_text() == "somebody's log"
        channels.destroy(channel)
    after = path.lstat()
    assert (before.st_ino, before.st_mode) == (after.st_ino, after.st_mode)
    assert not (place / "elsewhere").exists()
    wait_until(lambda: daemon.status() == {"channels": []})


@pytest.mark.parametrize("connection", [PATH, SOCKET], ids=str)
def test_links_on_the_way(daemon, channels, place, connection):
    """Who owns a directory does not lead the daemon elsewhere: neither at once nor later."""
    victim, hostile = place / "victim", place / "hostile"
    place.chmod(0o777)  # others can write here, wherever the directory is
    victim.mkdir()
    hostile.symlink_to(victim)
    refused(channels, connection, hostile / "there", "users other than root can change where")
    refused(channels, connection, hostile / ".." / "there", "users other than root can change where")
    assert os.listdir(victim) == []
    # Beside it a directory, in which the way goes on.
    hostile.unlink()
    hostile.mkdir()
    channel = channels.add(connection, hostile / "there")
    assert (hostile / "there").exists()
    # The next daemon tries again until the way is good.
    daemon.kill()
    hostile.rename(place / "away")
    hostile.symlink_to(victim)
    daemon.start()
    assert "users other than root can change where" in wait_until(lambda: channel.error)
    time.sleep(1.1)
    assert os.listdir(victim) == []
    hostile.unlink()
    (place / "away").rename(hostile)
    wait_until(lambda: channel.error is None and channel.state == 2)
    channels.destroy(channel)


def test_a_link_of_roots(daemon, channels):
    """/var/run is a link on every system."""
    assert os.path.islink("/var/run") and os.path.realpath("/var/run") == "/run"
    directory = pathlib.Path(tempfile.mkdtemp(prefix="xlc.", dir="/run"))
    try:
        for connection in PATH, SOCKET:
            channel = channels.add(connection, f"/var/run/{directory.name}/{connection}")
            assert (directory / str(connection)).exists()
            # Others see it by the path that it was given.
            assert connection != SOCKET or channel.path in pathlib.Path(f"/proc/{daemon.pid}/net/unix").read_text()
            channels.destroy(channel)
        wait_until(lambda: os.listdir(directory) == ["path"])
    finally:
        shutil.rmtree(directory)


@pytest.mark.parametrize("replacement", ["link", "directory"])
def test_the_directory_is_replaced(daemon, channels, place, replacement):
    """At SIGHUP the old file goes on, and the log tells why; a new file in the same directory is taken up."""
    directory, victim = place / "directory", place / "victim"
    place.chmod(0o777)
    directory.mkdir()
    victim.mkdir()
    channel = channels.add(PATH, directory / "log")
    guest = channel.guest().connect()
    guest.write(b"one,")
    guest.drain()
    directory.rename(place / "old")
    directory.symlink_to(victim) if replacement == "link" else directory.mkdir()
    daemon.signal(signal.SIGHUP)
    words = {"link": "users other than root can change where", "directory": "its directory is another one than before"}
    wait_until(lambda: words[replacement] in daemon.log() and "the old file goes on" in daemon.log())
    guest.write(b"two,")
    guest.drain()
    assert (place / "old" / "log").read_bytes() == b"one,two,"
    assert os.listdir(directory) == os.listdir(victim) == []
    directory.unlink() if replacement == "link" else directory.rmdir()
    (place / "old").rename(directory)
    (directory / "log").rename(directory / "log.1")
    daemon.signal(signal.SIGHUP)
    wait_until((directory / "log").exists)
    guest.write(b"three")
    guest.drain()
    assert (directory / "log").read_bytes() == b"three"


@pytest.mark.parametrize("is_announced", [True, False])
def test_a_socket_whose_channel_goes_while_no_daemon_runs(store, daemon, channels, place, is_announced):
    """The toolstack removes it, or, if the daemon was killed and still seems to run, the next daemon does."""
    gone, stays = channels.add(SOCKET, place / "gone"), channels.add(SOCKET, place / "stays")
    daemon.kill()
    if not is_announced:
        store.remove(ANNOUNCEMENT)
    channels.destroy(gone)
    assert (place / "gone").exists() == is_announced
    assert (place / "stays").exists()
    opened = daemon.log().count("opened as socket")
    daemon.start()
    wait_until(lambda: daemon.log().count("opened as socket") > opened and not (place / "gone").exists())
    SocketPeer(stays).close()


def test_what_the_list_of_sockets_says_is_not_believed(daemon, channels, place):
    daemon.stop()
    victim = place / "victim"
    place.chmod(0o777)
    victim.mkdir()
    (place / "link").symlink_to(victim)
    make_file(place / "file")
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as stale, socket.socket(socket.AF_UNIX) as kept:
        listening.bind(str(place / "listening"))
        listening.listen()
        kept.bind(str(victim / "kept"))
        stale.bind(str(place / "stale"))
    # Only the last is what the list is for. The first still has a listener.
    with socket.socket(socket.AF_UNIX) as listening:
        (place / "listening").unlink()
        listening.bind(str(place / "listening"))
        listening.listen()
        entries = b""
        for number, path in enumerate(["listening", "file", "link/kept", "missing", "../" * 10, "x" * 107, "stale"], 1):
            entries += struct.pack("=II108s", 2, number, os.fsencode(place / path))
        entries += struct.pack("=II108s", 2, 8, b"relative") + struct.pack("=II108s", 2, 0, b"/") + os.urandom(116 * 3 + 5)
        (daemon.run_directory / "xenchanneld.sockets").write_bytes(entries)
        daemon.start()
        wait_until(lambda: not (place / "stale").exists())
        assert sorted(os.listdir(place)) == ["file", "link", "listening", "run", "victim"]
        assert os.listdir(victim) == ["kept"]
    # Nor does it end at a file that is endless.
    daemon.stop()
    with open(daemon.run_directory / "xenchanneld.sockets", "wb") as file:
        file.truncate(1 << 40)
    daemon.start()
    channel = channels.add(SOCKET, place / "socket")
    channels.destroy(channel)
    wait_until(lambda: not (place / "socket").exists())


def test_fifo_with_a_reader(channels, place):
    os.mkfifo(place / "fifo")
    reader = os.open(place / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    refused(channels, PATH, place / "fifo", "not a regular file")
    os.close(reader)


@pytest.mark.parametrize("connection", [PATH, SOCKET], ids=str)
def test_no_directory(channels, place, connection):
    refused(channels, connection, place / "missing" / "file", "No such file or directory")
    make_file(place / "file")
    refused(channels, connection, place / "file" / "below", "Not a directory")


@pytest.mark.parametrize("connection", [PATH, SOCKET], ids=str)
def test_read_only(channels, place, connection):
    with mounted(place / "ro", "ro") as directory:
        refused(channels, connection, directory / "file", "Read-only file system")


def test_listener_of_another_program(channels, place):
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(place / "socket"))
        other.listen()
        refused(channels, SOCKET, place / "socket", "another program listens there")
        # It is still theirs.
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(place / "socket"))
    # Now it is stale, and replaced.
    channel = channels.add(SOCKET, place / "socket")
    assert (place / "socket").stat().st_mode & 0o777 == 0o700
    SocketPeer(channel).close()


def test_two_channels_at_one_socket(channels, place):
    first = channels.add(SOCKET, place / "socket")
    refused(channels, SOCKET, place / "socket", "another program listens there")
    guest = first.guest().connect()
    client = SocketPeer(first)
    client.send(b"mine")
    assert guest.read(4) == b"mine"
    client.close()


def test_socket_replaced_by_somebody(channels, place):
    """What lies at the path at the end is taken away only if it is ours."""
    channel = channels.add(SOCKET, place / "socket")
    (place / "socket").unlink()
    make_file(place / "socket")
    channels.remove(channel)
    assert (place / "socket").read_text() == "somebody's"


def test_long_path(channels, place):
    longest = place / ("x" * (107 - len(str(place)) - 1))
    channel = channels.add(SOCKET, longest)
    SocketPeer(channel).close()
    with pytest.raises(xlchannel.InvalidError):
        channels.add(SOCKET, str(longest) + "x")
    assert os.listdir(place).count(longest.name) == 1


def test_long_path_told_by_the_daemon(store, daemon, channels, place):
    """Nodes that another toolstack wrote."""
    backend, frontend = "/local/domain/0/backend/console/1/5", "/local/domain/1/device/console/5"
    store.write_all({f"{frontend}/type": "xenchanneld", f"{frontend}/state": 1, f"{frontend}/backend": backend,
                     f"{backend}/frontend": frontend, f"{backend}/online": 1, f"{backend}/state": 1,
                     f"{backend}/name": "long", f"{backend}/connection": "socket", f"{backend}/path": "/tmp/" + 103 * "x"})
    assert "too long for a socket" in wait_until(lambda: store.read(f"{backend}/error"))
    store.remove(backend)
    store.remove("/local/domain/1/device/console")
    wait_until(lambda: daemon.status() == {"channels": []})


def test_file_system_gets_full(daemon, channels, place, rng):
    """The guest stops; when there is space again, it goes on, and nothing is missing."""
    with mounted(place / "small", "size=128k") as directory:
        channel = channels.add(PATH, directory / "file")
        guest = channel.guest().connect()
        data = rng.randbytes(300 << 10)
        thread = threading.Thread(target=guest.write, args=[data, 30])
        thread.start()
        wait_until(lambda: "No space left on device" in daemon.log())
        wait_until(lambda: guest.ring.pending == OUT_SIZE)
        ticks = daemon.cpu_ticks()
        time.sleep(1.5)
        assert daemon.cpu_ticks() - ticks <= 2
        assert guest.ring.pending == OUT_SIZE
        # Neither does a kill lose any of it.
        daemon.restart()
        subprocess.run(["mount", "-o", "remount,size=1m", directory], check=True)
        thread.join()
        guest.drain()
        assert (directory / "file").read_bytes() == data
        channels.destroy(channel)
        wait_until(lambda: daemon.status() == {"channels": []})


def test_no_space_for_a_socket(channels, place):
    with mounted(place / "small", "nr_inodes=1") as directory:
        for connection in PATH, SOCKET:
            refused(channels, connection, directory / "file", "No space left on device")


def test_place_that_becomes_good(daemon, channels, place):
    """A channel that is there already is tried again each second, and the error goes when it works."""
    directory = place / "directory"
    directory.mkdir()
    served = [channels.add(PATH, directory / "file"), channels.add(SOCKET, directory / "socket")]
    guests = [channel.guest().connect() for channel in served]
    daemon.kill()
    directory.rename(place / "away")
    guests[0].write(b"meanwhile")
    daemon.start()
    for channel in served:
        wait_until(lambda: channel.error)
        assert "No such file or directory" in channel.error
    # Waiting is not work, nor is it much to log.
    ticks = daemon.cpu_ticks()
    time.sleep(1.5)
    assert daemon.cpu_ticks() - ticks <= 3
    assert daemon.log().count("No such file or directory") <= 8
    (place / "away").rename(directory)
    for channel in served:
        wait_until(lambda: channel.error is None)
    guests[0].drain()
    assert (directory / "file").read_bytes() == b"meanwhile"
    client = SocketPeer(served[1])
    client.send(b"here")
    assert guests[1].read(4) == b"here"
    client.close()


def test_unknown_connection(store, daemon):
    backend, frontend = "/local/domain/0/backend/console/1/5", "/local/domain/1/device/console/5"
    store.write_all({f"{frontend}/type": "xenchanneld", f"{frontend}/state": 1,
                     f"{backend}/frontend": frontend, f"{backend}/online": 1, f"{backend}/state": 1,
                     f"{backend}/name": "odd", f"{backend}/connection": "carrier pigeon"})
    assert "carrier pigeon" in wait_until(lambda: store.read(f"{backend}/error"))
    store.remove(backend)
    store.remove("/local/domain/1/device/console")


def test_descriptor_limit(store, start_daemon, place):
    daemon, channels = start_daemon(descriptors=40), Channels(store)
    first = channels.add(SOCKET, place / "first")
    guest = first.guest().connect()
    served = []
    while len(served) < 50:
        connection = [PTY, PATH, SOCKET][len(served) % 3]
        try:
            served.append(channels.add(connection, place / str(len(served)) if connection.has_path else None))
        except xlchannel.ChannelError as error:
            assert "Too many open files" in str(error)
            break
    assert 10 < len(served) < 50
    # Every connection is told so, and nothing stays of the attempts.
    names = set(os.listdir(place))
    descriptors = daemon.open_descriptors()
    for connection in PTY, PATH, SOCKET:
        with pytest.raises(xlchannel.ChannelError, match="Too many open files"):
            channels.add(connection, place / "more" if connection.has_path else None)
    assert set(os.listdir(place)) == names
    assert daemon.open_descriptors() == descriptors
    # To open something takes a descriptor more than to have it open; clients take those that are left.
    clients = []
    for channel in served:
        if channel.channel.connection == SOCKET and daemon.open_descriptors() < 40:
            clients.append(SocketPeer(channel))
            wait_until(lambda: daemon.channel_status(channel)["client"])
    assert daemon.open_descriptors() == 40
    # A client must wait, which is no work; the status socket answers.
    client = SocketPeer(first)
    client.send(b"patient")
    ticks = daemon.cpu_ticks()
    time.sleep(1.2)
    assert daemon.cpu_ticks() - ticks <= 2
    assert len(daemon.status()["channels"]) == len(served) + 1
    assert guest.read_available() == b""
    # With a descriptor free again all is well.
    for channel in served[:4]:
        channels.destroy(channel)
    assert guest.read(7) == b"patient"
    for other in [client, *clients]:
        other.close()
    again = channels.add(PTY)
    PEERS[PTY](again).close()
    channels.destroy_all()
    wait_until(lambda: daemon.status() == {"channels": []})
    assert daemon.stop() == 0


def test_two_channels_do_not_share_a_file(daemon, channels, place):
    """By whatever name: bytes would be lost."""
    first = channels.add(PATH, place / "file")
    os.link(place / "file", place / "other name")
    for domid, path in (1, "file"), (2, "file"), (2, "other name"):
        with pytest.raises(xlchannel.ChannelError, match="another channel writes to"):
            channels.add(PATH, place / path, domid=domid)
    guest = first.guest().connect()
    guest.write(b"one's own")
    guest.drain()
    # SIGHUP finds it as it was; moved away, another channel may have its name.
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: "files reopened" in daemon.log())
    guest.write(b", still")
    guest.drain()
    assert (place / "file").read_bytes() == b"one's own, still"
    channels.destroy(first)
    again = channels.add(PATH, place / "file", domid=2)
    # And it is the second's after a kill.
    daemon.restart()
    again.guest().connect().write(b".")
    wait_until(lambda: (place / "file").read_bytes() == b"one's own, still.")


def test_a_file_size_limit_is_like_a_full_disk(daemon, channels, place):
    channel = channels.add(PATH, place / "file")
    guest = channel.guest().connect()
    limits = resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (1000, limits[1]))
    data = bytes(range(256)) * 8
    guest.write(data)
    wait_until(lambda: "cannot write: File too large" in daemon.log())
    assert daemon.is_running and (place / "file").read_bytes() == data[:1000]
    resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, limits)
    guest.drain()
    assert (place / "file").read_bytes() == data


def test_a_terminal_is_raw_for_each_client(daemon, channels):
    """The client before may have left it cooked, with echo: what the guest writes would come back to it."""
    channel = channels.add(PTY)
    guest = channel.guest().connect()
    for _ in range(3):
        client = TerminalPeer(channel)
        assert termios.tcgetattr(client.fd)[3] & (termios.ECHO | termios.ICANON) == 0
        modes = termios.tcgetattr(client.fd)
        modes[3] |= termios.ECHO | termios.ICANON
        termios.tcsetattr(client.fd, termios.TCSANOW, modes)
        client.close()
        wait_until(lambda: not daemon.channel_status(channel)["client"])
        wait_until(lambda: is_raw(channel.tty))
    client = TerminalPeer(channel)
    guest.write(b"login: ")
    assert client.receive(7) == b"login: "
    assert guest.read_available(wait=0.2) == b"", "nothing is echoed"
    client.close()


def is_raw(terminal):
    descriptor = os.open(terminal, os.O_RDWR | os.O_NOCTTY)
    try:
        return termios.tcgetattr(descriptor)[3] & (termios.ECHO | termios.ICANON) == 0
    finally:
        os.close(descriptor)


def test_a_name_that_is_no_text_in_the_status(daemon, channels, place):
    """It is told as Python's surrogateescape does, and the document stays JSON in UTF-8."""
    name = b"\xff\"\\ \xc3\xa4 \xed\xa0\x80"
    added = xlchannel.add(1, xlchannel.Channel(name, Connection.NONE))
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(daemon.status_path))
        answer = client.makefile("rb").read()
    assert json.loads(answer.decode())["channels"][0]["name"] == os.fsdecode(name)
    xlchannel.destroy(1, added)


def test_a_guest_that_removes_its_frontend(store, daemon, channels, place):
    """It cannot keep its channel from being served after a restart, nor from being removed."""
    channel = channels.add(Connection.NONE)
    daemon.kill()
    store.remove(channel.frontend)
    daemon.start()
    wait_until(lambda: [c["name"] for c in daemon.status()["channels"]] == [channel.name])
    channels.remove(channel)
    assert daemon.status() == {"channels": []} or wait_until(lambda: daemon.status() == {"channels": []})


def test_many_failing_channels(store, daemon, channels, place):
    """They are tried again, less and less often; an unchanged error is neither written again nor logged again."""
    directory = place / "directory"
    directory.mkdir()
    served = [channels.add(PATH, directory / str(n)) for n in range(40)]
    daemon.kill()
    shutil.rmtree(directory)
    daemon.start()
    wait_until(lambda: all(channel.error for channel in served))
    time.sleep(4)
    assert daemon.log().count("No such file or directory") == len(served)
    directory.mkdir()
    # An administrator need not wait for the next try.
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: not any(channel.error for channel in served))
