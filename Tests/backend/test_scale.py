"""A thousand channels on one daemon."""
import ctypes
import os
import socket
import statistics
import struct
import time

import pytest

from support.guest import CONNECTED, INITIALISED, Kernel
from support.peer import PEERS
from support.waiting import wait_until

COUNT = 1000
GUESTS = range(100, 212)  # nine channels each, all that a Linux guest can use and more


@pytest.fixture
def many_guests(store):
    """Guests that xenstored does not know, since it is quadratic in those that it knows."""
    for domid in GUESTS:
        assert Kernel.lib.xenhost_domain_create(domid, ctypes.byref(ctypes.c_uint32())) > 0
        store.write(f"/local/domain/{domid}/name", f"guest{domid}")
    yield
    for domid in GUESTS:
        for path in f"/local/domain/{domid}", f"/libxl/{domid}", f"/local/domain/0/backend/console/{domid}":
            store.remove(path)
        assert Kernel.lib.xenhost_domain_destroy(domid) == 0


def bare_transaction():
    """Seconds that xenstored takes for a transaction with as many new nodes as a channel has, sent at once."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(os.environ["XENSTORED_PATH"])
    replies = connection.makefile("rb")

    def request(kind, transaction, payload):
        return struct.pack("=4I", kind, 0, transaction, len(payload)) + payload

    def reply():
        return replies.read(struct.unpack("=4I", replies.read(16))[3])

    def run():
        begin = time.monotonic()
        connection.sendall(request(6, 0, b"\0"))
        transaction = int(reply().rstrip(b"\0"))
        connection.sendall(b"".join(request(11, transaction, b"/tool/test/%d\0x" % n) for n in range(34)))
        for _ in range(34):
            reply()
        connection.sendall(request(7, transaction, b"T\0"))
        reply()
        seconds = time.monotonic() - begin
        connection.sendall(request(13, 0, b"/tool/test\0"))
        reply()
        return seconds

    with connection, replies:
        return statistics.median(run() for _ in range(50))


def costs_nothing(daemon, seconds):
    """Whether the daemon sleeps for so long."""
    ticks = daemon.cpu_ticks()
    time.sleep(seconds)
    return daemon.cpu_ticks() == ticks


def test_thousand_channels(many_guests, store, daemon, channels, place):
    kinds = list(PEERS)
    served, times = [], []
    bare = bare_transaction()
    for n in range(COUNT):
        kind = kinds[n % 4]
        begin = time.monotonic()
        served.append(channels.add(kind, place / str(n) if kind.has_path else None, domid=GUESTS[n // 4 % len(GUESTS)]))
        times.append(time.monotonic() - begin)
    first, last = (statistics.median(part) for part in (times[:50], times[-50:]))
    # xenstored itself gets slower with its nodes, of which there are 34 to a channel.
    slower = bare_transaction() / bare
    print(f"add: {first * 1000:.1f} ms, the last {last * 1000:.1f} ms; total {sum(times):.1f} s;"
          f" xenstored alone is {slower:.1f} times slower")

    kernels = {domid: Kernel(domid) for domid in GUESTS}
    guests = [channel.guest(kernels[channel.domid]) for channel in served]
    for guest in guests:
        guest.offer(INITIALISED)
    for guest in guests:
        guest.wait_for_backend(CONNECTED)
        guest.set_state(CONNECTED)

    for n in range(0, COUNT, 41):
        peer = PEERS[kinds[n % 4]](served[n])
        if hasattr(peer, "send"):
            peer.send(b"%d" % n)
            assert guests[n].read(len(str(n))) == b"%d" % n
        guests[n].write(b"from %d" % n)
        if hasattr(peer, "receive"):
            assert peer.receive(5 + len(str(n))) == b"from %d" % n
        guests[n].drain()
        peer.close()

    assert len(daemon.status()["channels"]) == COUNT
    wait_until(lambda: not any(c["client"] for c in daemon.status()["channels"]))
    # What came last may still be looked at.
    wait_until(lambda: costs_nothing(daemon, 0.3), "a moment of rest")
    ticks = daemon.cpu_ticks()
    time.sleep(2)
    idle = daemon.cpu_ticks() - ticks
    memory = daemon.memory()
    print(f"memory {memory / 1e6:.2f} MB, idle for 2 s: {idle} ticks")
    assert memory <= 12 << 20
    assert idle == 0
    # The figures are for people; this is for a cost that grows with the number of channels.
    assert last <= 2 * max(2, slower) * first

    begin = time.monotonic()
    assert daemon.stop() == 0
    print(f"ended in {time.monotonic() - begin:.2f} s")
    assert not [path for path in place.iterdir() if path.is_socket()]
    # The next one takes all of them up.
    begin = time.monotonic()
    daemon.start()
    wait_until(lambda: [c["state"] for c in daemon.status()["channels"]] == [CONNECTED] * COUNT)
    print(f"taken up in {time.monotonic() - begin:.2f} s")
    begin = time.monotonic()
    channels.destroy_all()
    wait_until(lambda: daemon.status() == {"channels": []})
    print(f"destroyed in {time.monotonic() - begin:.2f} s")
    assert daemon.open_descriptors() < 30
    for kernel in kernels.values():
        kernel.close()
