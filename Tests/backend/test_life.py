"""One channel of each connection, from add to remove."""
import os
import pathlib
import signal
import termios
import threading
import time

import pytest

import xlchannel
from support.guest import CLOSED, CONNECTED, INIT_WAIT, INITIALISED, OUT, OUT_CONS, OUT_PROD, Kernel, Ring
from support.peer import PEERS
from support.waiting import wait_until
from xlchannel import Connection


CONNECTIONS = pytest.mark.parametrize("connection", PEERS, ids=str)


def path_of(connection, place):
    return place / str(connection) if connection.has_path else None


def exchange(daemon, channel, frontend, peer):
    """Text from the guest and to it, as far as the connection carries it."""
    before = daemon.channel_status(channel)["from_guest"]
    if hasattr(peer, "send"):
        # A socket's client is known once its bytes have come.
        peer.send(b"hello guest\n")
        assert frontend.read(12) == b"hello guest\n"
    frontend.write(b"hello host\n\r\x00\x03\x04\xff")
    frontend.drain()
    if hasattr(peer, "receive"):
        assert peer.receive(16) == b"hello host\n\r\x00\x03\x04\xff"
    assert daemon.channel_status(channel)["from_guest"] == before + 16


@CONNECTIONS
def test_life(daemon, channels, place, connection):
    channel = channels.add(connection, path_of(connection, place))
    # Success means served.
    assert channel.state == INIT_WAIT
    assert channel.error is None
    if connection == Connection.PTY:
        assert channel.tty.startswith("/dev/pts/")
        assert xlchannel.info(channel.domid, channel.channel).path == channel.tty
    peer = PEERS[connection](channel)

    frontend = channel.guest()
    frontend.offer()
    frontend.wait_for_backend(CONNECTED)
    frontend.set_state(CONNECTED)
    exchange(daemon, channel, frontend, peer)

    status = daemon.channel_status(channel)
    assert (status["name"], status["connection"], status["state"]) == (channel.name, str(connection), CONNECTED)
    assert status.get("path") == (channel.tty if connection == Connection.PTY else channel.path)

    # The guest closes, and comes again with a new ring.
    frontend.close()
    assert channel.state == INIT_WAIT
    frontend.connect()
    exchange(daemon, channel, frontend, peer)

    # A driver that begins anew without closing, as after a guest's crash and kexec.
    old, frontend.ring = frontend.ring, None
    frontend.offer(INITIALISED)
    wait_until(lambda: frontend.kernel.peer(frontend.ring.port), "binding the new port")
    assert frontend.kernel.peer(old.port) == 0
    frontend.set_state(CONNECTED)
    exchange(daemon, channel, frontend, peer)

    remove(channels, channel, frontend)
    # The daemon closed the channel before remove returned; a watch event tells it that the nodes are gone.
    wait_until(lambda: daemon.status() == {"channels": []}, "forgetting the channel")
    peer.close()
    if connection == Connection.SOCKET:
        assert not os.path.exists(channel.path)
    if connection == Connection.PATH:
        assert os.stat(channel.path).st_mode & 0o777 == 0o600


@pytest.mark.parametrize("ends", ["closes", "vanishes"])
def test_the_rest_is_delivered_and_the_page_left_alone(daemon, channels, place, store, ends):
    """Linux frees a ring's page before it says that it is closed, and when its directory has vanished: what is written
    into the page then may be written into anything."""
    channel = channels.add(Connection.PATH, place / "file")
    frontend = channel.guest().connect()
    # The daemon looks at a new ring after it publishes state 4, and again for the event of binding the port.
    daemon.wait_until_asleep()
    # Without notifying, so that the daemon finds them when it looks for the last time.
    frontend.ring.page[OUT:OUT + 10] = b"last words"
    frontend.ring.set_index(OUT_PROD, 10)
    if ends == "closes":
        frontend.set_state(CLOSED)
    else:
        channels.destroy(channel)
    wait_until(lambda: (place / "file").read_bytes() == b"last words")
    wait_until(lambda: frontend.kernel.peer(frontend.ring.port) == 0, "letting go of the port")
    assert frontend.ring.index(OUT_CONS) == 0


def remove(channels, channel, frontend):
    """Removes with a guest that plays its part."""
    thread = threading.Thread(target=channels.remove, args=[channel])
    thread.start()
    frontend.follow()
    thread.join(10)
    assert not thread.is_alive()
    assert channel.state == 0


@CONNECTIONS
def test_remove_before_any_guest(daemon, channels, place, connection):
    channel = channels.add(connection, path_of(connection, place))
    begin = time.monotonic()
    channels.remove(channel)
    assert time.monotonic() - begin < 5
    wait_until(lambda: daemon.status() == {"channels": []})


@CONNECTIONS
def test_vanishing(daemon, channels, place, connection):
    """A domain's end is that its directories vanish."""
    channel = channels.add(connection, path_of(connection, place))
    frontend = channel.guest().connect()
    port = frontend.ring.port
    descriptors = daemon.open_descriptors()
    channels.destroy(channel)
    wait_until(lambda: daemon.status() == {"channels": []})
    wait_until(lambda: frontend.kernel.peer(port) == 0)
    assert daemon.open_descriptors() <= descriptors
    assert connection == Connection.PATH or path_of(connection, place) is None or not os.path.exists(channel.path)
    # And a next one with the same number works.
    again = channels.add(connection, path_of(connection, place))
    assert again.devid == channel.devid
    peer = PEERS[connection](again)
    exchange(daemon, again, again.guest().connect(), peer)
    peer.close()


@pytest.mark.parametrize("state", [INITIALISED, CONNECTED], ids=["offers", "is connected"])
def test_a_driver_that_begins_anew_unseen(daemon, channels, place, state):
    """Between two looks of the daemon, and with the numbers of the old ring."""
    channel = channels.add(Connection.SOCKET, place / "socket")
    frontend = channel.guest().connect()
    peer = PEERS[Connection.SOCKET](channel)
    exchange(daemon, channel, frontend, peer)
    numbers = frontend.ring.reference, frontend.ring.port
    daemon.signal(signal.SIGSTOP)
    frontend.set_state(CLOSED)
    frontend.crash()
    frontend.kernel = Kernel(channel.domid)
    frontend.offer()
    assert (frontend.ring.reference, frontend.ring.port) == numbers
    if state == CONNECTED:
        # It sees the backend's old 4.
        frontend.set_state(CONNECTED)
    daemon.signal(signal.SIGCONT)
    wait_until(lambda: frontend.kernel.peer(frontend.ring.port), "binding the new port")
    frontend.set_state(CONNECTED)
    exchange(daemon, channel, frontend, peer)
    peer.close()


def test_connecting_maps_once(daemon, channels, place):
    channel = channels.add(Connection.NONE)
    frontend = channel.guest()
    for _ in range(50):
        frontend.connect()
        port = frontend.kernel.peer(frontend.ring.port)
        assert port
        frontend.write(b"x")
        frontend.drain()
        assert channel.state == CONNECTED and frontend.kernel.peer(frontend.ring.port) == port
        frontend.close()


def test_mapping_that_fails_is_tried_again(daemon, channels, place):
    """A want of memory or of ports passes; until then the guest waits, and the log does not grow."""
    channel = channels.add(Connection.SOCKET, place / "socket")
    frontend = channel.guest()
    ring = Ring(frontend.kernel)
    page = pathlib.Path(os.environ["XENHOST_DIR"]) / "grant" / f"{channel.domid}.{ring.reference}"
    page.rename(away := page.with_suffix(".away"))
    frontend.ring = ring
    frontend.store.write_all({f"{frontend.path}/ring-ref": ring.reference, f"{frontend.path}/port": ring.port})
    frontend.set_state(INITIALISED)
    wait_until(lambda: "cannot map" in daemon.log())
    time.sleep(2.2)
    assert channel.state == INIT_WAIT and daemon.log().count("cannot map") == 1
    away.rename(page)
    frontend.wait_for_backend(CONNECTED, timeout=2)
    frontend.set_state(CONNECTED)
    peer = PEERS[Connection.SOCKET](channel)
    exchange(daemon, channel, frontend, peer)
    peer.close()


def test_last_words(channels, place):
    """What the guest wrote just before it closed arrives."""
    channel = channels.add(Connection.PATH, place / "log")
    frontend = channel.guest().connect()
    for round in range(20):
        frontend.ring.put(b"last words %4d\n" % round)
        frontend.close()
        frontend.connect()
    assert (place / "log").read_bytes() == b"".join(b"last words %4d\n" % n for n in range(20))


def test_late_guest(channels, place):
    """A guest that has its ring ready before the backend looks; and one that says 4 at once."""
    channel = channels.add(Connection.PATH, place / "log")
    frontend = channel.guest()
    frontend.offer(CONNECTED)
    frontend.wait_for_backend(CONNECTED)
    frontend.write(b"at once")
    frontend.drain()
    assert (place / "log").read_bytes() == b"at once"


def test_terminal_keeps_its_settings(channels):
    """Nobody has to make the terminal raw, whoever had it open before."""
    channel = channels.add(Connection.PTY)
    for _ in range(3):
        fd = os.open(channel.tty, os.O_RDWR | os.O_NOCTTY)
        input_flags, output_flags, _, local_flags, *_ = termios.tcgetattr(fd)
        assert not local_flags & (termios.ECHO | termios.ICANON | termios.ISIG)
        assert not output_flags & termios.OPOST and not input_flags & (termios.ICRNL | termios.IXON)
        os.close(fd)


def test_no_daemon_no_channel(store, place):
    begin = time.monotonic()
    with pytest.raises(xlchannel.NotReadyError):
        xlchannel.add(1, xlchannel.Channel("org.test.alone", Connection.PATH, str(place / "log")))
    assert time.monotonic() - begin < 2


def test_nine_channels_of_one_guest(daemon, channels, place):
    """All four connections at once."""
    kinds = [list(PEERS)[n % 4] for n in range(9)]
    served = [channels.add(kind, place / f"{kind}{n}" if kind.has_path else None) for n, kind in enumerate(kinds)]
    assert [channel.devid for channel in served] == list(range(9))
    frontends = [channel.guest().connect() for channel in served]
    peers = [PEERS[kind](channel) for kind, channel in zip(kinds, served)]
    for n, (peer, frontend) in enumerate(zip(peers, frontends)):
        if hasattr(peer, "send"):
            peer.send(b"to %d" % n)
    for n, (peer, frontend) in enumerate(zip(peers, frontends)):
        if hasattr(peer, "send"):
            assert frontend.read(4) == b"to %d" % n
        frontend.write(b"from %d" % n)
    for n, peer in enumerate(peers):
        if hasattr(peer, "receive"):
            assert peer.receive(6) == b"from %d" % n
    for frontend in frontends:
        frontend.drain()  # nobody receives what went to NONE
    assert [c["from_guest"] for c in sorted(daemon.status()["channels"], key=lambda c: c["devid"])] == [6] * 9
    # One goes, and the others stay.
    remove(channels, served[4], frontends[4])
    for n, (peer, frontend) in enumerate(zip(peers, frontends)):
        if n != 4 and hasattr(peer, "receive"):
            frontend.write(b"again %d" % n)
            assert peer.receive(7) == b"again %d" % n
    for peer in peers:
        peer.close()


def test_destroy_takes_nothing_else_away(store, channels, place):
    """Also when the backend's directory, or the guest's, has vanished before."""
    primary = "/local/domain/0/backend/console/1/0/frontend"
    channel = channels.add(Connection.PATH, place / "file")
    assert store.remove(channel.backend)
    channels.destroy(channel)
    assert store.read(primary) == "/local/domain/1/console"
    gone, other = channels.add(Connection.NONE), channels.add(Connection.NONE)
    assert store.remove(gone.frontend)
    channels.destroy(gone)
    assert store.read(f"{other.frontend}/state") == "1" and other.state == 2


def test_added_while_the_domain_is_destroyed(daemon, store, place):
    """libxl removes the devices that it finds, and in the end the domain: a channel that came in between goes too."""
    domid, backends = 77, "/local/domain/0/backend/console/77"
    store.write(f"/local/domain/{domid}", "")
    added = [xlchannel.add(domid, xlchannel.Channel(str(n), Connection.SOCKET, str(place / str(n)))) for n in range(3)]
    assert sorted(store.children(backends)) == ["1", "2", "3"]
    # Whoever adds one to another domain must not be in the way.
    other = xlchannel.add(1, xlchannel.Channel("other", Connection.SOCKET, str(place / "other")))
    store.remove(f"/libxl/{domid}")
    store.remove(f"/local/domain/{domid}")
    wait_until(lambda: not any((place / channel.name).exists() for channel in added), "the sockets' end")
    wait_until(lambda: store.read(backends) is None, "the backends' end")
    assert (place / "other").exists()
    xlchannel.remove(1, other)
