"""What the tests of the backend daemon share. They run on the host without a hypervisor, from the root of the tree:

    make && Tests/host/run python3 -m pytest -q Tests/backend

XLCHANNEL_LONG=1 makes the long ones as long as they are meant to be (some minutes).
"""
import os
import pathlib
import random
import shutil
import tempfile

import pytest

from support import ROOT

os.environ.setdefault("XLCHANNEL_LIBRARY", str(ROOT / ".build/lib/libxlchannel.so.1"))

assert "XENHOST_DIR" in os.environ, f"there is no host; the command is at the top of {__file__}"

import xlchannel  # noqa: E402
from support.daemon import ANNOUNCEMENT, Daemon  # noqa: E402
from support.guest import Frontend  # noqa: E402
from support.store import Store, snapshot  # noqa: E402

# From now on an error carries the library's own words.
xlchannel.set_logger(lambda level, text: None)

IS_LONG = os.environ.get("XLCHANNEL_LONG") == "1"


def everything():
    """All of xenstore except what a first announcement or a restart of xenstored changes."""
    return [line for line in snapshot() if not line.startswith("/local/domain/0/data =") and "/start_time =" not in line]


@pytest.fixture(autouse=True)
def nothing_left(request):
    """No test leaves anything in xenstore."""
    before = everything()
    yield
    after = everything()
    assert [line for line in after if line not in before] == []
    assert [line for line in before if line not in after] == []


class ServedChannel:
    """A channel that was added, and where it is in xenstore."""

    def __init__(self, store, domid, channel):
        self.store = store
        self.domid = domid
        self.channel = channel
        self.devid = channel.devid
        self.name = channel.name
        self.path = channel.path
        self.frontend = f"/local/domain/{domid}/device/console/{self.devid + 1}"
        self.backend = f"/local/domain/0/backend/console/{domid}/{self.devid + 1}"

    @property
    def state(self):
        return int(self.store.read(f"{self.backend}/state") or 0)

    @property
    def error(self):
        return self.store.read(f"{self.backend}/error")

    @property
    def tty(self):
        return self.store.read(f"{self.frontend}/tty")

    def guest(self, kernel=None):
        return Frontend(self.store, self.domid, self.devid + 1, kernel)


class Channels:
    """Adds channels by the library, and destroys at the end what is still there."""

    def __init__(self, store):
        self.store = store
        self.served = []
        self.count = 0

    def add(self, connection, path=None, domid=1, devid=-1):
        self.count += 1
        path = str(path) if path else None
        channel = xlchannel.Channel(f"org.test.{connection}.{self.count}", connection, path, devid=devid)
        served = ServedChannel(self.store, domid, xlchannel.add(domid, channel))
        self.served.append(served)
        return served

    def remove(self, served):
        xlchannel.remove(served.domid, served.channel)
        self.served.remove(served)

    def destroy(self, served):
        xlchannel.destroy(served.domid, served.channel)
        self.served.remove(served)

    def forget(self, served):
        """The test has deleted it by itself."""
        self.served.remove(served)

    def destroy_all(self):
        for served in self.served:
            try:
                xlchannel.destroy(served.domid, served.channel)
            except xlchannel.NotFoundError:
                pass
        self.served = []


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def place():
    """An empty directory with a short path, which a socket's path needs."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="xlc."))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def start_daemon(store, place):
    """Starts a daemon with more options; whatever becomes of the test, it does not outlive it."""
    started = []

    def start(*options, **more):
        started.append(Daemon(store, place, *options, **more))
        return started[-1].start()
    yield start
    for daemon in started:
        if daemon.is_running:
            daemon.kill()
            store.remove(ANNOUNCEMENT)


@pytest.fixture
def daemon(start_daemon):
    """xenchanneld, running. It must live until the end of the test and then end in order, and leave nothing."""
    daemon = start_daemon()
    yield daemon
    assert daemon.is_running, f"xenchanneld ended with {daemon.process.returncode}:\n{daemon.log()}"
    assert daemon.stop() == 0
    assert not daemon.is_announced
    assert not daemon.status_path.exists()


@pytest.fixture
def channels(store, daemon):
    channels = Channels(store)
    yield channels
    channels.destroy_all()


@pytest.fixture
def rng():
    """Random, but the seed is told when a test fails."""
    seed = int(os.environ.get("XLCHANNEL_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"XLCHANNEL_SEED={seed}")
    return random.Random(seed)
