"""Every byte arrives, once and in order, whatever the pace of both ends."""
import os
import select
import socket
import time

import pytest

from conftest import IS_LONG
from support.guest import IN_SIZE, OUT_SIZE
from support.peer import PEERS, SocketPeer, TerminalPeer
from support.traffic import Pace, Tasks, guest_side, host_receives, host_sends
from support.waiting import wait_until
from xlchannel import Connection

TOTAL = (100 if IS_LONG else 4) << 20
TWO_WAY = pytest.mark.parametrize("connection", [Connection.PTY, Connection.SOCKET], ids=str)


def path_of(connection, place):
    return place / str(connection) if connection.has_path else None


@TWO_WAY
def test_both_directions(channels, place, rng, connection):
    channel = channels.add(connection, path_of(connection, place))
    frontend = channel.guest().connect()
    peer = PEERS[connection](channel)
    peer.send(b"!")
    assert frontend.read(1) == b"!"
    up, down = rng.randbytes(TOTAL // 2), rng.randbytes(TOTAL // 2)
    tasks, begin = Tasks(), time.monotonic()
    tasks.start(guest_side, frontend, up, down, Pace(rng))
    tasks.start(host_sends, peer.fd, down, Pace(rng))
    tasks.start(host_receives, peer.fd, up, Pace(rng))
    tasks.join(TOTAL / 50e3)
    print(f"{connection}: {TOTAL / (time.monotonic() - begin) / 1e6:.1f} MB/s")
    peer.close()


def test_file(daemon, channels, place, rng):
    channel = channels.add(Connection.PATH, place / "file")
    frontend = channel.guest().connect()
    data = rng.randbytes(TOTAL)
    begin = time.monotonic()
    guest_side(frontend, data, b"", Pace(rng))
    print(f"path: {TOTAL / (time.monotonic() - begin) / 1e6:.1f} MB/s")
    assert (place / "file").read_bytes() == data
    assert daemon.channel_status(channel)["from_guest"] == len(data)


@pytest.mark.parametrize("filled", [OUT_SIZE, OUT_SIZE // 2 + 1], ids=["full", "half full"])
def test_a_guest_that_waits_for_events_alone(channels, place, rng, filled):
    """Nobody but the event says that there is space again: a guest that found the ring filled is told, each time."""
    channel = channels.add(Connection.PATH, place / "file")
    frontend = channel.guest().connect()
    ring, kernel = frontend.ring, frontend.kernel
    data, sent = rng.randbytes(1 << 20), 0
    while sent < len(data):
        sent += ring.put(data[sent:sent + rng.choice([16, 100, 1500, 2048])])
        while ring.pending >= filled:
            assert kernel.wait(5), f"no event, and {ring.pending} bytes in the ring"
    frontend.drain()
    assert (place / "file").read_bytes() == data


def test_a_stream_is_gathered(channels, place, rng):
    """While a guest streams, its pieces come together in larger ones; the last one, and a later one, come by themselves."""
    channel = channels.add(Connection.SOCKET, place / "socket")
    frontend = channel.guest().connect()
    peer = SocketPeer(channel)
    peer.send(b"!")
    assert frontend.read(1) == b"!"
    for _ in range(5):
        data, pieces, received = rng.randbytes(400 * 256), 0, b""
        tasks = Tasks()

        def stream():
            for start in range(0, len(data), 256):
                frontend.write(data[start:start + 256])
                time.sleep(0.0003)
        tasks.start(stream)
        while len(received) < len(data):
            assert select.select([peer.fd], [], [], 5)[0], f"{len(received)} bytes came, then nothing"
            received += os.read(peer.fd, 65536)
            pieces += 1
        tasks.join(10)
        assert received == data
        assert pieces < len(data) / 256 / 2, f"{pieces} pieces"
        frontend.write(b"a line")
        assert peer.receive(6) == b"a line"


@TWO_WAY
def test_slow_reader_loses_nothing(daemon, channels, place, rng, connection):
    channel = channels.add(connection, path_of(connection, place))
    frontend = channel.guest().connect()
    peer = PEERS[connection](channel)
    peer.send(b"!")
    assert frontend.read(1) == b"!"
    data = rng.randbytes(512 << 10)
    tasks = Tasks()
    tasks.start(frontend.write, data, 20)
    wait_until(lambda: frontend.ring.pending == OUT_SIZE)
    time.sleep(0.3)
    # It waits, and costs nothing meanwhile.
    ticks = daemon.cpu_ticks()
    time.sleep(0.3)
    assert frontend.ring.pending == OUT_SIZE
    assert daemon.cpu_ticks() - ticks <= 1
    received = b""
    while len(received) < len(data):
        received += peer.receive(min(5000, len(data) - len(received)))
        time.sleep(0.001)
    assert received == data
    tasks.join(10)
    assert daemon.channel_status(channel)["dropped"] == 0
    peer.close()


@TWO_WAY
def test_slow_guest_loses_nothing(daemon, channels, place, rng, connection):
    channel = channels.add(connection, path_of(connection, place))
    frontend = channel.guest().connect()
    peer = PEERS[connection](channel)
    data = rng.randbytes(100 << 10)
    tasks = Tasks()
    tasks.start(host_sends, peer.fd, data, Pace(rng))
    wait_until(lambda: frontend.ring.index(3076) == IN_SIZE)
    time.sleep(0.2)
    ticks = daemon.cpu_ticks()
    time.sleep(0.3)
    assert daemon.cpu_ticks() - ticks <= 1
    received = b""
    while len(received) < len(data):
        received += frontend.read(min(777, len(data) - len(received)))
    assert received == data
    tasks.join(10)
    peer.close()


@pytest.mark.parametrize("connection", [Connection.NONE, Connection.PTY, Connection.SOCKET], ids=str)
def test_nobody_connected(daemon, channels, place, connection):
    channel = channels.add(connection, path_of(connection, place))
    frontend = channel.guest().connect()
    frontend.write(bytes(100000), timeout=2)
    frontend.drain()
    status = daemon.channel_status(channel)
    # What vanishes in NONE is not lost: that is what NONE is for.
    counter = "from_guest" if connection == Connection.NONE else "dropped"
    assert status[counter] == 100000
    assert not status["client"]


@TWO_WAY
def test_reader_that_goes_away(daemon, channels, place, connection):
    """The guest is not stopped for good by a reader that stopped to read, once it is gone."""
    channel = channels.add(connection, path_of(connection, place))
    frontend = channel.guest().connect()
    for _ in range(3):
        peer = PEERS[connection](channel)
        peer.send(b"!")
        assert frontend.read(1) == b"!"
        tasks = Tasks()
        tasks.start(frontend.write, bytes(1 << 20), 20)
        wait_until(lambda: frontend.ring.pending == OUT_SIZE)
        time.sleep(0.1)
        peer.close()
        tasks.join(10)
    frontend.drain()
    wait_until(lambda: not daemon.channel_status(channel)["client"])


def test_terminal_opened_many_times(daemon, channels):
    """However often, and however fast: somebody is there until the last has closed it."""
    channel = channels.add(Connection.PTY)
    frontend = channel.guest().connect()
    for _ in range(50):
        files = [os.open(channel.tty, os.O_RDWR | os.O_NOCTTY) for _ in range(4)]
        for fd in files[1:]:
            os.close(fd)
        frontend.write(b"still there")
        assert select.select(files[:1], [], [], 5)[0]
        assert os.read(files[0], 100) == b"still there"
        os.close(files[0])
        frontend.write(bytes(5000), timeout=2)
        frontend.drain()
    assert daemon.channel_status(channel)["dropped"] == 50 * 5000
    ticks = daemon.cpu_ticks()
    time.sleep(0.3)
    assert daemon.cpu_ticks() - ticks <= 1


def test_terminal_before_the_guest(daemon, channels):
    """What was typed before the guest came, or while it was away, arrives."""
    channel = channels.add(Connection.PTY)
    for _ in range(3):
        with open(channel.tty, "wb", buffering=0) as terminal:
            terminal.write(b"typed ahead")
        ticks = daemon.cpu_ticks()
        time.sleep(0.2)
        assert daemon.cpu_ticks() - ticks <= 1
        frontend = channel.guest().connect()
        assert frontend.read(11) == b"typed ahead"
        frontend.close()


def test_clients_reconnect(daemon, channels, place):
    channel = channels.add(Connection.SOCKET, place / "socket")
    frontend = channel.guest().connect()
    for n in range(200):
        client = SocketPeer(channel)
        client.send(b"%05d" % n)
        assert frontend.read(5) == b"%05d" % n
        frontend.write(b"%06d" % n)
        assert client.receive(6) == b"%06d" % n
        client.close()
    wait_until(lambda: not daemon.channel_status(channel)["client"])


def test_second_client_waits_its_turn(channels, place):
    channel = channels.add(Connection.SOCKET, place / "socket")
    frontend = channel.guest().connect()
    first, second, third = SocketPeer(channel), SocketPeer(channel), SocketPeer(channel)
    second.send(b"second")
    first.send(b"first")
    assert frontend.read(5) == b"first"
    frontend.write(b"for the first")
    assert first.receive(13) == b"for the first"
    assert not select.select([second.fd], [], [], 0.2)[0]
    assert frontend.read_available() == b""
    first.close()
    assert frontend.read(6) == b"second"
    frontend.write(b"for the second")
    assert second.receive(14) == b"for the second"
    second.close()
    third.send(b"third")
    assert frontend.read(5) == b"third"
    third.close()


def test_client_that_ends_its_input(daemon, channels, place):
    """It still gets what the guest writes, as `echo | socat` wants it."""
    channel = channels.add(Connection.SOCKET, place / "socket")
    frontend = channel.guest().connect()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(channel.path)
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        assert frontend.read(8) == b"question"
        ticks = daemon.cpu_ticks()
        time.sleep(0.2)
        assert daemon.cpu_ticks() - ticks <= 1
        frontend.write(b"answer" * 1000)
        with client.makefile("rb") as file:
            assert file.read(6000) == b"answer" * 1000
    wait_until(lambda: not daemon.channel_status(channel)["client"])


def test_client_that_reads_nothing(daemon, channels, place):
    """It may still send."""
    channel = channels.add(Connection.SOCKET, place / "socket")
    frontend = channel.guest().connect()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(channel.path)
        client.shutdown(socket.SHUT_RD)
        client.sendall(b"one")
        assert frontend.read(3) == b"one"
        frontend.write(bytes(10000), timeout=2)
        frontend.drain()
        client.sendall(b"two")
        assert frontend.read(3) == b"two"
        assert daemon.channel_status(channel)["dropped"] == 10000
    wait_until(lambda: not daemon.channel_status(channel)["client"])


@pytest.mark.parametrize("is_early", [False, True], ids=["guest first", "client first"])
def test_client_that_sends_and_closes_at_once(daemon, channels, place, rng, is_early):
    channel = channels.add(Connection.SOCKET, place / "socket")
    frontend = channel.guest()
    if not is_early:
        frontend.connect()
    data = [rng.randbytes(rng.randrange(1, 100000)) for _ in range(5)]
    for part in data:
        client = SocketPeer(channel)
        client.send(part)
        client.close()
    ticks = daemon.cpu_ticks()
    time.sleep(0.2)
    assert daemon.cpu_ticks() - ticks <= 1
    if is_early:
        frontend.connect()
    assert frontend.read(sum(map(len, data))) == b"".join(data)
    # And all the while, what nobody reads goes nowhere.
    frontend.write(bytes(10000), timeout=2)


@pytest.mark.parametrize("sent", [0, 3000], ids=["nothing unread", "unread"])
@pytest.mark.parametrize("is_early", [False, True], ids=["guest first", "client first"])
def test_client_that_hung_up_makes_room(daemon, channels, place, rng, is_early, sent):
    """The next one gets what the guest writes, though the guest has not read what the first one sent."""
    channel = channels.add(Connection.SOCKET, place / "socket")
    frontend = channel.guest()
    if not is_early:
        frontend.connect()
    data = rng.randbytes(sent)
    first = SocketPeer(channel)
    if sent:
        first.send(data)
    else:
        wait_until(lambda: daemon.channel_status(channel)["client"])
    first.close()
    wait_until(lambda: not daemon.channel_status(channel)["client"])
    ticks = daemon.cpu_ticks()
    time.sleep(0.2)
    assert daemon.cpu_ticks() - ticks <= 1
    second = SocketPeer(channel)
    wait_until(lambda: daemon.channel_status(channel)["client"])
    if is_early:
        frontend.wait_for_backend(2)
        frontend.offer()
    frontend.write(b"boot message")
    assert second.receive(12) == b"boot message"
    # And the guest reads one after the other.
    second.send(b"second")
    assert frontend.read(sent + 6) == data + b"second"
    assert daemon.channel_status(channel)["dropped"] == 0
    second.close()


def test_what_clients_leave_unread_is_limited(daemon, channels, place):
    """Clients that come, send and go while the guest reads nothing do not fill the daemon's memory."""
    channel = channels.add(Connection.SOCKET, place / "socket")
    frontend = channel.guest()
    memory = daemon.memory()
    for _ in range(60):
        client = SocketPeer(channel)
        client.send(bytes(100000))
        client.close()
        wait_until(lambda: not daemon.channel_status(channel)["client"])
    assert daemon.memory() - memory < 4 << 20
    frontend.connect()
    assert not any(frontend.read(1 << 20))
    client = SocketPeer(channel)
    client.send(b"!")
    while (data := frontend.read(1)) == b"\0":
        pass
    assert data == b"!"
    client.close()


def test_terminal_user_that_writes_and_closes_at_once(channels, rng):
    channel = channels.add(Connection.PTY)
    frontend = channel.guest().connect()
    for _ in range(20):
        data = rng.randbytes(3000)
        peer = TerminalPeer(channel)
        peer.send(data)
        peer.close()
        assert frontend.read(3000) == data
