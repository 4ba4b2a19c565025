"""What the tests share. They run on the host without a hypervisor, where xenchanneld serves domain 0:

    make && PYTHONPATH=python XLCHANNEL_LIBRARY=.build/lib/libxlchannel.so.1 \
        Tests/host/run Tests/host/serve python3 -m pytest -q Tests/python
"""
import atexit
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading

import hypothesis
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
GUEST = 1
NOBODY = 4242  # no domain has this domid

# Where the daemon may put sockets and logs: their names are as odd as can be.
SOCKETS, LOGS = (pathlib.Path(tempfile.mkdtemp(prefix=f"xlchannel-{kind}-")) for kind in ("sockets", "logs"))
for directory in SOCKETS, LOGS:
    atexit.register(shutil.rmtree, directory, ignore_errors=True)

hypothesis.settings.register_profile("xlchannel", deadline=None)
hypothesis.settings.load_profile("xlchannel")


def store():
    """Everything in xenstore, with permissions, as xenstore-ls prints it."""
    result = subprocess.run(["xenstore-ls", "-fp"], capture_output=True, timeout=30)
    assert result.returncode == 0, f"no xenstore: {result.stderr}"
    return result.stdout.decode("utf-8", "surrogateescape").splitlines()


@pytest.fixture(scope="session", autouse=True)
def host():
    """Fails everything without a host; an installed library must not be what is tested."""
    for variable in "XENSTORED_PATH", "XENHOST_DIR", "XLCHANNEL_LIBRARY":
        assert variable in os.environ, f"{variable} is not set; the command is at the top of {__file__}"
    nodes = store()
    assert f'/local/domain/{GUEST}/domid = "{GUEST}"   (n0,r{GUEST})' in nodes
    assert any(line.startswith("/local/domain/0/data/xenchanneld = ") for line in nodes), "nobody serves domain 0"


class Backend(threading.Thread):
    """Answers for a domain as xenchanneld does there for a guest without a driver."""

    def __init__(self, domid, guest):
        super().__init__(daemon=True)
        self.announcement = f"/local/domain/{domid}/data/xenchanneld"
        self.directory = f"/local/domain/{domid}/backend/console/{guest}"
        self.end = threading.Event()

    def run(self):
        while not self.end.wait(0.02):
            listing = subprocess.run(["xenstore-ls", "-f", self.directory], capture_output=True, text=True).stdout
            for line in listing.splitlines():
                path, value = line.split(" = ", 1)
                if path.endswith("/state") and value in ('"1"', '"5"'):
                    subprocess.run(["xenstore-write", path, str(int(value[1]) + 1)], check=True)

    def __enter__(self):
        subprocess.run(["xenstore-write", self.announcement, "1"], check=True)
        self.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        self.join()
        subprocess.run(["xenstore-rm", self.announcement], check=True)


@pytest.fixture
def driver_domain(guest):
    """The domid of a guest that has a backend, too."""
    domid = guest + 1
    with Backend(domid, guest):
        yield domid


@pytest.fixture
def guest():
    """The domid of a guest without channels; afterwards nothing must be left in the store."""
    before = store()
    yield GUEST
    assert store() == before
