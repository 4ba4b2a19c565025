"""Bytes in both directions at random paces, each one compared."""
import os
import select
import threading
import time


class Tasks:
    """Threads whose failure fails the test."""

    def __init__(self):
        self.threads, self.failures = [], []

    def start(self, function, *arguments):
        def run():
            try:
                function(*arguments)
            except BaseException as failure:
                self.failures.append(failure)
        self.threads.append(threading.Thread(target=run, daemon=True))
        self.threads[-1].start()

    def join(self, timeout):
        deadline = time.monotonic() + timeout
        for thread in self.threads:
            while thread.is_alive() and not self.failures and time.monotonic() < deadline:
                thread.join(0.1)
        if self.failures:
            raise self.failures[0]
        assert not any(thread.is_alive() for thread in self.threads), "the transfer does not end"


class Pace:
    """Random sizes and pauses."""

    def __init__(self, rng):
        self.rng = rng

    def size(self):
        return self.rng.choice([1, 7, 100, 1000, 4096, 65536])

    def pause(self):
        if self.rng.random() < 0.002:
            time.sleep(self.rng.random() * 0.005)


def guest_side(frontend, sends, receives, pace):
    sent = received = 0
    idle = time.monotonic()
    view = memoryview(sends)
    while sent < len(sends) or received < len(receives):
        count = frontend.ring.put(view[sent:sent + pace.size()])
        sent += count
        data = frontend.ring.get(pace.size())
        assert receives[received:received + len(data)] == data, f"wrong bytes for the guest at {received}"
        received += len(data)
        pace.pause()
        if count or data:
            idle = time.monotonic()
        else:
            frontend.kernel.wait(0.2)
            assert time.monotonic() - idle < 20, f"guest sent {sent}/{len(sends)}, got {received}/{len(receives)}"
    frontend.drain()


def host_sends(fd, data, pace):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view[:pace.size()]):]
        pace.pause()


def host_receives(fd, data, pace):
    received = 0
    while received < len(data):
        assert select.select([fd], [], [], 20)[0], f"the host got {received}/{len(data)}"
        more = os.read(fd, pace.size())
        assert more and data[received:received + len(more)] == more, f"wrong bytes for the host at {received}"
        received += len(more)
        pace.pause()
