"""kill -9 at any moment costs no byte, and no channel."""
import os
import re
import struct
import subprocess
import threading
import time

import pytest

import xlchannel
from conftest import IS_LONG
from support.daemon import PROGRAM
from support.guest import CONNECTED, Kernel
from support.peer import SocketPeer, TerminalPeer
from support.waiting import wait_until
from xlchannel import Connection

KILLS = 200 if IS_LONG else 30


def test_kill_under_traffic(daemon, channels, place, rng):
    kinds = [Connection.PATH, Connection.SOCKET, Connection.PTY, Connection.NONE]
    served = [channels.add(kind, place / str(kind) if kind.has_path else None) for kind in kinds]
    guests = [channel.guest().connect() for channel in served]
    sent = [bytearray() for _ in kinds]
    ends = threading.Event()
    failures = []

    def traffic(guest, sent):
        """Writes without end, mostly as much as fits, now and then little."""
        try:
            while not ends.is_set():
                data = rng.randbytes(rng.choice([1, 10, 300, 2048]))
                count = guest.ring.put(data)
                sent += data[:count]
                if count < len(data):
                    guest.kernel.wait(0.02)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=traffic, args=pair) for pair in zip(guests, sent)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(KILLS):
            time.sleep(rng.random() * 0.03)
            daemon.restart()
    finally:
        ends.set()
        for thread in threads:
            thread.join()
    assert not failures
    for guest in guests:
        guest.drain()
    assert len(sent[0]) > KILLS * 2048
    assert (place / "path").read_bytes() == sent[0]
    print(f"{len(sent[0])} bytes, {KILLS} kills")

    for channel, guest in zip(served, guests):
        assert channel.state == CONNECTED and channel.error is None
    check_two_way(guests[1], SocketPeer(served[1]))
    check_two_way(guests[2], TerminalPeer(served[2]))


def check_two_way(guest, peer):
    peer.send(b"after")
    assert guest.read(5) == b"after"
    guest.write(b"and back")
    assert peer.receive(8) == b"and back"
    peer.close()


def test_kill_with_clients(daemon, channels, place):
    """A client of the socket sees its end, and comes again; the terminal is a new one, and published."""
    socket_channel = channels.add(Connection.SOCKET, place / "socket")
    terminal_channel = channels.add(Connection.PTY)
    guests = [channel.guest().connect() for channel in (socket_channel, terminal_channel)]
    clients = [SocketPeer(socket_channel), TerminalPeer(terminal_channel)]
    for guest, client in zip(guests, clients):
        client.send(b"before")
        assert guest.read(6) == b"before"
    daemon.kill()
    guests[0].write(b"meanwhile")
    guests[1].write(b"meanwhile")
    assert os.read(clients[0].fd, 1) == b""
    # The open terminal keeps its number, so that the new one has another.
    old = terminal_channel.tty
    daemon.start()
    wait_until(lambda: terminal_channel.tty != old)
    for guest in guests:
        guest.drain()
    check_two_way(guests[0], SocketPeer(socket_channel))
    check_two_way(guests[1], TerminalPeer(terminal_channel))
    for client in clients:
        client.close()


def test_guest_that_came_and_went_meanwhile(daemon, channels, place):
    """While no daemon is there, a channel's guest goes, another one's begins anew, a third one's channel is deleted."""
    gone, anew, deleted = [channels.add(Connection.PATH, place / name) for name in ("gone", "anew", "deleted")]
    guests = [channel.guest().connect() for channel in (gone, anew, deleted)]
    daemon.kill()
    guests[0].ring.put(b"never read")
    guests[0].set_state(6)
    guests[0].let_go()
    guests[1].let_go()
    guests[1].offer()
    guests[1].ring.put(b"new ring")
    channels.destroy(deleted)
    daemon.start()
    guests[0].connect().write(b"back")
    guests[1].wait_for_backend(CONNECTED)
    for guest in guests[:2]:
        guest.drain()
    assert (place / "gone").read_bytes() == b"back"
    wait_until(lambda: (place / "anew").read_bytes() == b"new ring")
    assert len(daemon.status()["channels"]) == 2


def test_guest_that_began_to_close_meanwhile(daemon, channels, place):
    """It waits for the backend's 5, as for a daemon that had been there."""
    channel = channels.add(Connection.PATH, place / "file")
    guest = channel.guest().connect()
    daemon.kill()
    guest.set_state(5)
    daemon.start()
    guest.wait_for_backend(5)
    guest.set_state(6)
    guest.wait_for_backend(2)
    guest.let_go()
    guest.connect().write(b"back")
    guest.drain()
    assert (place / "file").read_bytes() == b"back"


def journal_file(daemon):
    return daemon.run_directory / "xenchanneld.journal"


def journal(daemon):
    """The owners that the journal has entries of, as (domid, console)."""
    entries = struct.iter_unpack("<IIIIIIqQI4x", journal_file(daemon).read_bytes())
    return [(domain - 1, console) for _, domain, console, *_ in entries if domain]


def kill_before_the_journals_end(daemon):
    """As if the kill had come after the ring's update, and before the first entry's flag was cleared."""
    daemon.kill()
    with open(journal_file(daemon), "r+b") as file:
        assert file.read(4) == bytes(4)
        file.seek(0)
        file.write(struct.pack("<I", 1))


@pytest.mark.parametrize("comes", ["meanwhile", "later"])
def test_journal_is_of_one_ring(daemon, channels, place, comes):
    """What it notes of a ring is nothing of the guest's next one, which begins at the same position."""
    channel = channels.add(Connection.PATH, place / "file")
    guest = channel.guest().connect()
    guest.write(b"first")
    guest.drain()
    kill_before_the_journals_end(daemon)
    if comes == "meanwhile":
        # The old ring's numbers are not free for the new one.
        guest.ring, old = None, guest.ring
    else:
        daemon.start()
        wait_until(lambda: guest.kernel.peer(guest.ring.port), "binding the port")
        numbers = guest.ring.reference, guest.ring.port
        guest.close()
        guest.kernel.close()
        guest.kernel = Kernel(channel.domid)
    guest.offer()
    if comes == "meanwhile":
        guest.ring.put(b"second")
        daemon.start()
        wait_until(lambda: guest.kernel.peer(guest.ring.port), "binding the port")
    else:
        assert (guest.ring.reference, guest.ring.port) == numbers
        guest.wait_for_backend(CONNECTED)
        # Only a ring that has bytes when it is mapped is looked up in the journal.
        daemon.kill()
        guest.ring.put(b"second")
        daemon.start()
    guest.drain()
    wait_until(lambda: (place / "file").read_bytes() == b"firstsecond")


def test_journal_of_another_version(daemon, channels, place):
    """Its entries, of another length, are not read as ours."""
    channel = channels.add(Connection.PATH, place / "file")
    guest = channel.guest().connect()
    guest.write(b"first")
    guest.drain()
    daemon.kill()
    path = journal_file(daemon)
    length = path.stat().st_size
    path.write_bytes(struct.pack("<IIIIIIqQ", 1, 78, 1, 0, 5, 0, 0, 0) * 16384)
    assert path.stat().st_size != length
    guest.write(b"second")
    daemon.start()
    guest.drain()
    assert (place / "file").read_bytes() == b"firstsecond"
    wait_until(lambda: journal(daemon) == [(channel.domid, channel.devid + 1)])
    assert path.stat().st_size == length


def test_journal_on_a_full_file_system(place):
    """An error at the start, not an end in the middle."""
    directory = place / "small"
    directory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", directory], check=True)
    try:
        result = subprocess.run([PROGRAM, "--foreground", "--run-dir", directory], capture_output=True, text=True, timeout=10)
        assert result.returncode == 1 and re.search('journal"?: No space left on device', result.stderr)
    finally:
        subprocess.run(["umount", directory], check=True)


def test_journal_forgets(daemon, channels, place):
    """Its places are few: a channel that is gone takes none, however it went."""
    kept = channels.add(Connection.PATH, place / "kept")
    for _ in range(3):
        with pytest.raises(xlchannel.ChannelError, match="No such file"):
            channels.add(Connection.PATH, place / "none" / "file", domid=2)
    deleted = channels.add(Connection.PATH, place / "deleted", domid=2)
    kept_owner = (kept.domid, kept.devid + 1)
    assert journal(daemon) == [kept_owner, (deleted.domid, deleted.devid + 1)]
    daemon.kill()
    channels.destroy(deleted)
    daemon.start()
    wait_until(lambda: journal(daemon) == [kept_owner])


def test_restart_in_order(daemon, channels, place, rng):
    """SIGTERM under traffic, and a new daemon: the same guests go on with the same rings."""
    channel = channels.add(Connection.PATH, place / "file")
    guest = channel.guest().connect()
    data = rng.randbytes(1 << 20)
    thread = threading.Thread(target=guest.write, args=[data])
    thread.start()
    for _ in range(10):
        time.sleep(0.01)
        assert daemon.stop() == 0
        assert not daemon.is_announced
        daemon.start()
    thread.join()
    guest.drain()
    assert (place / "file").read_bytes() == data
