"""Whatever a guest does, the daemon lives, other channels do not notice, and memory does not grow."""
import threading
import time

import pytest

from conftest import IS_LONG
from support.guest import IN_CONS, IN_PROD, OUT_CONS, OUT_PROD, Ring
from support.peer import SocketPeer, TerminalPeer
from support.waiting import wait_until
from support.xenstoreds import BreaksBeforeCommit, Conflicts
from xlchannel import Connection

SEQUENCES = 10000 if IS_LONG else 500
NONSENSE = ["", "x", "-1", "4294967296", "99999999999999999999", "0x8", " 3", "3 ", "9", "4\n", "\xff", "1" * 2000]


class Attacker:
    """A guest with a channel of each connection, which it treats as it should not."""

    def __init__(self, store, channels, place, rng, domid=2):
        self.store, self.channels, self.place, self.rng, self.domid = store, channels, place, rng, domid
        self.served = {}
        self.guests = {}
        self.rings = []
        self.lock = threading.Lock()  # of the rings' pages
        self.scribbling = threading.Event()
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self.scribble, daemon=True)
        for kind in (Connection.NONE, Connection.PTY, Connection.PATH, Connection.SOCKET):
            self.add(kind)
        self.thread.start()
        self.moves = [
            self.random_state, self.random_state, self.random_state, self.random_nodes, self.random_nodes,
            self.offer, self.offer, self.offer, self.offer_taken_port, self.indices, self.indices, self.scribble_a_while,
            self.notify, self.remove_node, self.remove_frontend, self.remove_backend, self.add_again, self.connect,
            self.toolstack, self.end_grants,
        ]

    def add(self, kind):
        path = self.place / f"attacked.{kind}" if kind.has_path else None
        self.served[kind] = self.channels.add(kind, path, domid=self.domid)
        if kind not in self.guests:
            self.guests[kind] = self.served[kind].guest()
        self.guests[kind].path = self.served[kind].frontend

    def move(self):
        kind = self.rng.choice(list(self.served))
        self.rng.choice(self.moves)(kind, self.served[kind], self.guests[kind])

    def random_state(self, kind, channel, guest):
        state = self.rng.choice([*range(9), *range(3, 7), *NONSENSE])
        guest.set_state(state)

    def random_nodes(self, kind, channel, guest):
        value = self.rng.choice([*NONSENSE, 0, 1, 8, 9, self.rng.randrange(1 << 32), (1 << 32) - 1])
        self.store.write(f"{channel.frontend}/{self.rng.choice(['ring-ref', 'port', 'type', 'tty', 'backend'])}", value)

    def offer(self, kind, channel, guest):
        guest.offer(self.rng.choice([3, 3, 4]))
        self.keep(guest.ring)

    def keep(self, ring):
        self.rings.append(ring)
        if len(self.rings) > 8:
            self.close_ring(0)

    def offer_taken_port(self, kind, channel, guest):
        """A ring with the port, or the page, of another channel."""
        if self.rings:
            other = self.rng.choice(self.rings)
            ring = Ring(guest.kernel)
            self.keep(ring)
            self.store.write_all({
                f"{channel.frontend}/ring-ref": self.rng.choice([ring, other]).reference,
                f"{channel.frontend}/port": other.port})
            guest.set_state(3)

    def indices(self, kind, channel, guest):
        if self.rings:
            ring = self.rng.choice(self.rings)
            for _ in range(self.rng.randrange(1, 5)):
                field = self.rng.choice([IN_CONS, IN_PROD, OUT_CONS, OUT_PROD])
                ring.set_index(field, self.rng.choice([0, 1, 1024, 1025, 2048, 2049, 1 << 31, -1, ring.index(field) + 2048,
                                                       self.rng.randrange(1 << 32)]))
            ring.kernel.notify(ring.port)

    def scribble_a_while(self, kind, channel, guest):
        self.scribbling.set()
        time.sleep(0.003)
        self.scribbling.clear()

    def scribble(self):
        """Rewrites all rings while they are read."""
        rng = self.rng.__class__(1)
        while not self.ends.is_set():
            if not self.scribbling.wait(0.1):
                continue
            with self.lock:
                for ring in self.rings:
                    if rng.random() < 0.5:
                        ring.page[IN_CONS:OUT_PROD + 4] = rng.randbytes(16)
                    else:
                        ring.set_index(OUT_PROD, ring.index(OUT_CONS) + rng.randrange(2049))
                        ring.page[:IN_CONS] = rng.randbytes(IN_CONS)
                    ring.kernel.notify(ring.port)

    def notify(self, kind, channel, guest):
        for ring in self.rings:
            for _ in range(20):
                ring.kernel.notify(ring.port)

    def remove_node(self, kind, channel, guest):
        self.store.remove(f"{channel.frontend}/{self.rng.choice(['state', 'ring-ref', 'port', 'backend', 'tty', 'type'])}")

    def remove_frontend(self, kind, channel, guest):
        self.store.remove(channel.frontend)

    def remove_backend(self, kind, channel, guest):
        """The toolstack's part in the game, at a moment of the guest's choice."""
        self.store.remove(channel.backend)
        if self.rng.random() < 0.5:
            self.add_again(kind, channel, guest)

    def add_again(self, kind, channel, guest):
        self.channels.destroy(channel)
        self.add(kind)

    def toolstack(self, kind, channel, guest):
        if self.store.read(f"{channel.backend}/state") is not None:
            self.store.write_all({f"{channel.backend}/online": self.rng.choice([0, 1, 1]),
                                  f"{channel.backend}/state": self.rng.choice([5, 2, 4])})

    def connect(self, kind, channel, guest):
        """For once as it should be, so that the daemon is not only met in broken states."""
        self.add_again(kind, channel, guest)
        guest.connect()
        guest.ring.put(self.rng.randbytes(self.rng.randrange(1, 2048)))
        self.keep(guest.ring)

    def end_grants(self, kind, channel, guest):
        while self.rings:
            self.close_ring(-1)

    def close_ring(self, index):
        with self.lock:
            self.rings.pop(index).close()

    def end(self):
        self.ends.set()
        self.scribbling.clear()
        self.thread.join()
        self.end_grants(None, None, None)
        for channel in list(self.served.values()):
            self.channels.destroy(channel)
        for guest in self.guests.values():
            guest.kernel.close()


class Victim:
    """Another guest's channel, on which text goes to and fro."""

    def __init__(self, channels, place):
        self.channel = channels.add(Connection.SOCKET, place / "victim", domid=1)
        self.guest = self.channel.guest().connect()
        self.client = SocketPeer(self.channel)
        self.worst = 0

    def check(self):
        begin = time.monotonic()
        self.client.send(b"ping")
        assert self.guest.read(4) == b"ping"
        self.guest.write(b"pong")
        assert self.client.receive(4) == b"pong"
        self.worst = max(self.worst, time.monotonic() - begin)

    def close(self):
        self.client.close()


def test_random_sequences(store, daemon, channels, place, rng):
    victim = Victim(channels, place)
    victim.check()
    descriptors = daemon.open_descriptors()
    attacker = Attacker(store, channels, place, rng)
    memory = None
    for n in range(SEQUENCES):
        for _ in range(rng.randrange(1, 6)):
            attacker.move()
        assert daemon.is_running, daemon.log()[-2000:]
        victim.check()
        if n == SEQUENCES // 5:
            memory = daemon.memory()
    attacker.end()
    wait_until(lambda: len(daemon.status()["channels"]) == 1)
    print(f"worst echo {victim.worst * 1000:.1f} ms, memory {memory} -> {daemon.memory()}")
    assert victim.worst < 1
    assert daemon.memory() - memory < 512 << 10
    assert daemon.open_descriptors() == descriptors
    assert daemon.channel_status(victim.channel)["dropped"] == 0
    # Nor is anything left to do.
    ticks = daemon.cpu_ticks()
    time.sleep(0.5)
    assert daemon.cpu_ticks() - ticks <= 1
    victim.close()


@pytest.mark.parametrize("field, value", [(OUT_PROD, 2049), (OUT_PROD, 1 << 31), (OUT_PROD, -1),
                                          (IN_CONS, 1), (IN_CONS, -1025)])
def test_impossible_index(daemon, channels, place, field, value):
    """Ends this channel, with an error in the log, until the guest comes with a new ring."""
    victim = Victim(channels, place)
    channel = channels.add(Connection.SOCKET, place / "socket", domid=2)
    guest = channel.guest().connect()
    client = SocketPeer(channel)
    client.send(b"x")
    guest.read(1)
    guest.ring.set_index(field, guest.ring.index(field) + value)
    guest.ring.kernel.notify(guest.ring.port)
    client.send(b"y")
    guest.wait_for_backend(5)
    assert "impossible" in daemon.log()
    assert guest.kernel.peer(guest.ring.port) == 0
    guest.set_state(6)
    guest.let_go()
    guest.connect()
    assert guest.read(1) == b"y"
    victim.check()
    client.close()
    victim.close()


def test_a_guest_that_notifies_without_end(daemon, channels, place):
    victim = Victim(channels, place)
    channel = channels.add(Connection.NONE, domid=2)
    guest = channel.guest().connect()
    ends = threading.Event()

    def storm():
        while not ends.is_set():
            guest.kernel.notify(guest.ring.port)
    thread = threading.Thread(target=storm)
    thread.start()
    for _ in range(50):
        victim.check()
    ticks, wakeups = daemon.cpu_ticks(), daemon.wakeups()
    time.sleep(1)
    ticks, wakeups = daemon.cpu_ticks() - ticks, daemon.wakeups() - wakeups
    # What it writes still comes.
    guest.write(b"bytes")
    guest.drain()
    ends.set()
    thread.join()
    print(f"{ticks} ticks and {wakeups} wake-ups in a second")
    assert ticks <= 10 and wakeups < 1000
    assert victim.worst < 1
    victim.close()


@pytest.mark.parametrize("piece", [1, 16])
def test_a_guest_that_notifies_of_each_piece_it_reads(daemon, channels, place, piece):
    """As Linux does, of each 16 bytes: these are no notifications of nothing, and its answer comes at once."""
    channel = channels.add(Connection.SOCKET, place / "socket")
    guest = channel.guest().connect()
    client = SocketPeer(channel)
    times = []
    for _ in range(20):
        client.send(bytes(512))
        wait_until(lambda: guest.ring.index(IN_PROD) - guest.ring.index(IN_CONS) == 512)
        for _ in range(512 // piece):
            assert len(guest.ring.get(piece)) == piece
            time.sleep(0.0001)
        begin = time.monotonic()
        guest.write(b"answer")
        assert client.receive(6) == b"answer"
        times.append(time.monotonic() - begin)
    times.sort()
    print(f"answers after {times[10] * 1000:.2f} ms, at worst {times[-1] * 1000:.2f} ms")
    assert times[10] < 0.02
    client.close()


def test_a_guest_that_keeps_its_terminal_from_being_published(store, daemon, channels, place):
    """It writes the node without end: other guests' terminals are published all the same, and its own when it stops."""
    mine, other = channels.add(Connection.PTY, domid=2), channels.add(Connection.PTY)
    daemon.kill()
    for channel in mine, other:
        store.write_all({f"{channel.frontend}/tty": "", f"{channel.backend}/state": 1})
    with Conflicts(place / "xenstored", f"{mine.frontend}/tty") as conflicts:
        daemon.environment = {"XENSTORED_PATH": conflicts.path}
        daemon.start()
        wait_until(lambda: other.tty and other.state == 2, timeout=2)
        wait_until(lambda: "trying again" in daemon.log())
        seen = conflicts.count
        wait_until(lambda: conflicts.count > seen)
        assert mine.tty == "" and mine.state == 1
        conflicts.end()
        wait_until(lambda: mine.tty and mine.state == 2, timeout=3)
        peer, guest = TerminalPeer(mine), mine.guest().connect()
        guest.write(b"it works")
        assert peer.receive(8) == b"it works"
        peer.close()
        daemon.environment = {}
        daemon.restart()


def test_a_terminal_that_was_not_published(store, daemon, channels, place):
    """The connection breaks amid that: it is published when xenstored is back."""
    channel = channels.add(Connection.PTY)
    daemon.kill()
    store.write(f"{channel.frontend}/tty", "")
    with BreaksBeforeCommit(place / "xenstored") as xenstored:
        daemon.environment = {"XENSTORED_PATH": xenstored.path}
        daemon.start()
        wait_until(lambda: channel.tty)
        assert xenstored.count > 1 and "xenstored is back" in daemon.log()
        daemon.environment = {}
        daemon.restart()


def test_log_does_not_grow_without_end(daemon, channels):
    """A guest that offers impossible rings over and over is not logged each time."""
    channel = channels.add(Connection.NONE)
    guest = channel.guest()
    for n in range(200):
        guest.store.write_all({f"{guest.path}/ring-ref": 1000000 + n, f"{guest.path}/port": 1})
        guest.set_state(3)
        guest.set_state(1)
    guest.connect()
    assert 1 <= daemon.log().count("cannot map") <= 20


def test_a_guest_cannot_say_it_is_served(store, daemon, channels):
    """Only the toolstack's devices are served: a guest's own nodes make none."""
    before = store.children("/local/domain/0/backend/console/2")
    store.write_all({"/local/domain/2/device/console/7/type": "xenchanneld",
                     "/local/domain/2/device/console/7/state": 3,
                     "/local/domain/2/device/console/7/backend": "/local/domain/0/backend/console/2/7"})
    assert channels.add(Connection.NONE).state == 2
    assert len(daemon.status()["channels"]) == 1
    assert store.children("/local/domain/0/backend/console/2") == before
    store.remove("/local/domain/2/device/console")
