"""The library's operations, with one call after another failing."""
import faulthandler
import os
import pathlib
import signal

import pytest
from conftest import ERRORS, IS_WHOLE
from support.daemon import Daemon
from support.store import Store, snapshot
from support.waiting import wait_until

import xlchannel
from xlchannel import Channel, Connection, ErrorCode

GUEST = 1
DOCUMENTED = {ErrorCode.FAIL, ErrorCode.NOMEM, ErrorCode.TIMEDOUT, ErrorCode.NOT_READY, ErrorCode.NOTFOUND}
CALLS = [call for call in ERRORS if call != "malloc"]
# As much of what malloc is asked for is tried, unless all is.
EVERY = 1 if IS_WHOLE else 23


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A guest that has a saved configuration, a xenchanneld, and everything that an operation must leave as it was."""
    world = World(tmp_path_factory.mktemp("world"))
    yield world
    world.end()


class World:
    def __init__(self, place):
        self.store = Store()
        self.daemon = Daemon(self.store, place).start()
        self.place = place / "channels"
        self.place.mkdir()
        self.model = f"/local/domain/{GUEST}/image/device-model-pid"
        self.store.write(self.model, os.getpid())
        uuid = self.store.read(f"/local/domain/{GUEST}/vm").removeprefix("/vm/")
        self.lib = os.environ["XEN_LIB_DIR"]
        self.saved = f"{self.lib}/userdata-d.{GUEST}.{uuid}.libxl-json"
        with open(self.saved, "wb") as file:
            file.write(b'{\n    "c_info": {\n        "name": "guest1"\n    }\n}\n\0')
        xlchannel.channels(GUEST)  # the connection is there
        self.before = self.look()

    def look(self):
        with open(self.saved, "rb") as file:
            saved = file.read()
        # A lock that cannot be taken may be somebody else's: its file stays, and goes with the next holder.
        files = [name for name in os.listdir(self.lib) if not name.startswith("userdata-l.")]
        return {"store": snapshot(), "libxl's files": files, "saved": saved,
                "sockets": [name for name in os.listdir(self.place) if name != "path"],
                "channels": self.daemon.status()["channels"]}

    def restore(self):
        assert b"org.test.faults" in pathlib.Path(self.saved).read_bytes()
        pathlib.Path(self.saved).write_bytes(self.before["saved"])

    def check(self, what, descriptors=None):
        """All is as before, once the daemon has seen it."""
        xlchannel.channels(GUEST)
        if self.look() != self.before:
            wait_until(lambda: not self.daemon.status()["channels"])
        after = self.look()
        for key, value in self.before.items():
            assert after[key] == value, f"{what}: {key}"
        assert descriptors in (None, len(os.listdir("/proc/self/fd"))), f"{what}: descriptors"
        assert self.daemon.is_running, f"{what}: the daemon ended"

    def end(self):
        assert self.daemon.stop() == 0
        os.unlink(self.saved)
        self.store.remove(f"/local/domain/{GUEST}/image")

    def channel(self, connection):
        return Channel("org.test.faults", connection, str(self.place / str(connection)) if connection.has_path else None)

    def clear(self):
        for channel in xlchannel.channels(GUEST):
            xlchannel.destroy(GUEST, channel)


def attempt(operation):
    """Runs it; the error's code, 0 without an error, 1 when all was done but for the saved configuration."""
    try:
        operation()
        return 0
    except xlchannel.ChannelError as error:
        assert error.code in DOCUMENTED, error
        assert error.message and "\n" not in error.message
        return 1 if "is removed, but not from the domain's saved configuration" in error.message else error.code


def no_preparation(world):
    pass


def add_something(world):
    xlchannel.add(GUEST, world.channel(Connection.SOCKET))


def adding(connection):
    return no_preparation, lambda world: xlchannel.add(GUEST, world.channel(connection))


OPERATIONS = {
    **{f"add {connection}": adding(connection)
       for connection in (Connection.NONE, Connection.PTY, Connection.PATH, Connection.SOCKET)},
    "list": (add_something, lambda world: xlchannel.channels(GUEST)),
    "list of all": (add_something, lambda world: xlchannel.all_channels()),
    "info": (add_something, lambda world: xlchannel.info(GUEST, Channel(devid=0))),
    "remove": (add_something, lambda world: xlchannel.remove(GUEST, Channel(devid=0))),
    "destroy": (add_something, lambda world: xlchannel.destroy(GUEST, Channel(devid=0))),
}


@pytest.mark.parametrize("is_connected", [True, False], ids=["connected", "new"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_call_fails_once(world, faults, name, is_connected):
    prepare, operate = OPERATIONS[name]
    descriptors = len(os.listdir("/proc/self/fd"))
    for call in CALLS:
        n = count = 1
        while n <= count:
            prepare(world)
            there = xlchannel.channels(GUEST)
            if not is_connected:
                faults.failing("read", 1, lambda: attempt(lambda: xlchannel.channels(GUEST)))
            code, count = faults.failing(call, n, lambda: attempt(lambda: operate(world)))
            what = f"{name}, {call} {n} of {count}: {code}"
            after = xlchannel.channels(GUEST)
            if name.startswith("add"):
                assert len(after) == (code == 0), what
            else:
                assert after == ([] if name in ("remove", "destroy") and code >= 0 else there), what
            if code == 1:
                world.restore()
            world.clear()
            world.check(what, descriptors)
            n += 1


# The one thing that Embedded Swift does without memory: it ends the process.
ENDS = {signal.SIGILL, signal.SIGTRAP, signal.SIGABRT, signal.SIGSEGV}


@pytest.mark.parametrize("name", OPERATIONS)
def test_without_memory(world, faults, name):
    """An error, or the end of the process; what that leaves is as after any kill."""
    prepare, operate = OPERATIONS[name]
    n, count = 1, None
    ended, refused = [], 0
    while count is None or n <= count:
        prepare(world)
        read, write = os.pipe()
        child = os.fork()
        if not child:
            faulthandler.disable()
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(30)
            code, seen = faults.failing("malloc", n, lambda: attempt(lambda: operate(world)))
            os.write(write, f"{code} {seen}".encode())
            os._exit(0)
        os.close(write)
        answer = os.read(read, 100)
        os.close(read)
        _, status = os.waitpid(child, 0)
        what = f"{name}, malloc {n}: status {status:#x}"
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) in ENDS, what
            count = n + EVERY
            ended.append(os.WTERMSIG(status))
        else:
            assert status == 0 and answer, what
            code, count = map(int, answer.split())
            # What is read of xenstored is read again on another connection, but for a transaction.
            assert code in (0, 1, ErrorCode.NOMEM, ErrorCode.FAIL), f"{what}: {code}"
            refused += code == ErrorCode.NOMEM
            if code == 1:
                world.restore()
        world.clear()
        world.store.remove(f"/libxl/{GUEST}/device/console/0/none")
        wait_until(lambda: not world.daemon.status()["channels"])
        n += EVERY
    print(f"{name}: the process ended {len(ended)} times by {set(ended)}, NOMEM {refused} times, of {count} allocations")
    world.check(name)
