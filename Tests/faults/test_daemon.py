"""xenchanneld, with one call after another failing from its start on: it ends with a message before it serves, or lives."""
import os
import signal
import subprocess
import threading

import pytest
from conftest import ERRORS, IS_WHOLE
from support.daemon import ANNOUNCEMENT, PROGRAM, Daemon
from support.guest import Frontend
from support.peer import PEERS
from support.store import Store, snapshot
from support.waiting import wait_until

import xlchannel
from xlchannel import Channel, Connection

GUEST = 1
KINDS = [Connection.PTY, Connection.PATH, Connection.SOCKET]
# Of what a call is made for, so much is tried; all of it takes some minutes.
EVERY = {call: 1 for call in ERRORS} if IS_WHOLE else {"epoll_ctl": 7, "write": 11, "read": 61, "send": 29, "open": 17, "malloc": 199}
STARTED_BY_HAND = "xenchanneld,libxengnttab,libxenevtchn,libyajl"


class FaultyDaemon(Daemon):
    """The n-th call fails; `has_failed` then."""

    def __init__(self, store, place, call, n):
        self.report = place / "report"
        super().__init__(store, place, environment={
            "FAULTS": f"{call} {n} {ERRORS[call]} {STARTED_BY_HAND}", "FAULTS_REPORT": str(self.report)})
        self.errors = place / "errors"

    @property
    def has_failed(self):
        return self.report.exists()

    @property
    def is_empty(self):
        """It has no channels left; also what it answers may fail."""
        try:
            return self.status() == {"channels": []}
        except (ValueError, OSError):
            return False

    def start(self):
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(
                [PROGRAM, "--foreground", "--run-dir", self.run_directory, "--log-file", self.log_file],
                stdin=subprocess.DEVNULL, stderr=errors, env=dict(os.environ, **self.environment))
        wait_until(lambda: self.is_announced or self.process.poll() is not None, "the announcement")
        return self


def connected(kind, channel):
    """The channel's other end; None while one daemon takes over from another."""
    try:
        return PEERS[kind](channel)
    except OSError:
        return None


def serve(store, place):
    """A channel of each kind: bytes there and back, and away again. Errors are an addition's own."""
    for kind in KINDS:
        path = str(place / str(kind)) if kind.has_path else None
        try:
            added = xlchannel.add(GUEST, Channel(f"org.test.{kind}", kind, path))
        except xlchannel.ChannelError as error:
            assert error.message
            continue
        guest = Frontend(store, GUEST, added.devid + 1)
        guest.connect()
        peer = None
        if kind == Connection.SOCKET:
            added.path = path
        try:
            if kind != Connection.PTY:
                peer = wait_until(lambda: connected(kind, added))
            guest.write(b"from the guest")
            guest.drain()
            if kind == Connection.PATH:
                wait_until(lambda: open(path, "rb").read().endswith(b"from the guest"))
        finally:
            if peer:
                peer.close()
        xlchannel.destroy(GUEST, added)
        guest.crash()


@pytest.mark.parametrize("call", [call for call in ERRORS if call not in ("malloc", "rename", "fsync")])
def test_every_call_fails_once(store, tmp_path, call):
    before = [line for line in snapshot() if not line.startswith("/local/domain/0/data =")]
    n, ends, total = 1, 0, 0
    while True:
        place = tmp_path / str(n)
        place.mkdir()
        daemon = FaultyDaemon(store, place, call, n).start()
        what = f"{call} {n}"
        try:
            if daemon.process.poll() is None:
                # It may end right after its announcement.
                serve(store, place)
                wait_until(lambda: daemon.is_empty or daemon.process.poll() is not None, what)
            if daemon.process.poll() is None:
                descriptors = daemon.open_descriptors()
                serve(store, place)
                wait_until(lambda: daemon.is_empty, what)
                # Within one: a connection to xenstored that was lost is made again meanwhile.
                assert abs(daemon.open_descriptors() - descriptors) <= 1, what
                assert daemon.process.poll() is None, what
                assert daemon.stop() == 0, what
            else:
                ends += 1
                assert daemon.process.returncode == 1, f"{what}: {daemon.process.returncode}"
                words = daemon.errors.read_bytes()
                assert words.startswith(b"xenchanneld: ") and words.count(b"\n") == 1, f"{what}: {words}"
            assert sorted(set(os.listdir(place)) - {"run", "errors", "report", "path"}) == [], what
            assert set(os.listdir(place / "run")) <= {"log", "xenchanneld.journal", "xenchanneld.sockets"}, what
        finally:
            if daemon.process.poll() is None:
                daemon.kill()
            announced = store.read(ANNOUNCEMENT)
            store.remove(ANNOUNCEMENT)
            for channel in xlchannel.channels(GUEST):
                xlchannel.destroy(GUEST, channel)
        # What could not be withdrawn is in the log.
        assert not announced or "the announcement stays" in daemon.log(), what
        assert [line for line in snapshot() if not line.startswith("/local/domain/0/data =")] == before, what
        total += 1
        if not daemon.has_failed:
            break
        # All of the start, and a part of the rest.
        n += 1 if n < 7 else EVERY.get(call, 1)
    print(f"{call}: {total} runs, up to call {n}; {ends} ended at the start")


def test_without_memory(store, tmp_path):
    """The process ends, or goes on; the next one takes over, as a service manager would start it."""
    n = 1
    while True:
        place = tmp_path / str(n)
        place.mkdir()
        daemon, next_one = FaultyDaemon(store, place, "malloc", n).start(), Daemon(Store(), place)

        def take_over():
            daemon.process.wait()
            next_one.start()
        successor = threading.Thread(target=take_over)
        successor.start()
        serve(store, place)
        status = daemon.process.poll()
        assert status is None or status == 1 or -status in (signal.SIGILL, signal.SIGTRAP, signal.SIGABRT, signal.SIGSEGV), status
        if status is None:
            daemon.kill()
        successor.join()
        for channel in xlchannel.channels(GUEST):
            xlchannel.destroy(GUEST, channel)
        serve(store, place)
        wait_until(lambda: next_one.status() == {"channels": []})
        assert next_one.stop() == 0
        assert sorted(set(os.listdir(place)) - {"run", "errors", "report", "path"}) == [], n
        if not daemon.has_failed:
            break
        n += EVERY.get("malloc", 1)
