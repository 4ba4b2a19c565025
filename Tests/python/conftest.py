"""What the tests share. They run on the host without a hypervisor, where xenchanneld serves domain 0:

    make && PYTHONPATH=python XLCHANNEL_LIBRARY=.build/lib/libxlchannel.so.1 \
        Tests/host/run Tests/host/serve python3 -m pytest -q Tests/python
"""
import atexit
import os
import pathlib
import shutil
import tempfile

import hypothesis
import pytest
from support import ROOT  # noqa: F401: for the tests
from support.backends import XenchanneldBackend as Backend
from support.store import snapshot as store

GUEST = 1
NOBODY = 4242  # no domain has this domid

# Where the daemon may put sockets and logs: their names are as odd as can be.
SOCKETS, LOGS = (pathlib.Path(tempfile.mkdtemp(prefix=f"xlchannel-{kind}-")) for kind in ("sockets", "logs"))
for directory in SOCKETS, LOGS:
    atexit.register(shutil.rmtree, directory, ignore_errors=True)

hypothesis.settings.register_profile("xlchannel", deadline=None)
hypothesis.settings.load_profile("xlchannel")


@pytest.fixture(scope="session", autouse=True)
def host():
    """Fails everything without a host; an installed library must not be what is tested."""
    for variable in "XENSTORED_PATH", "XENHOST_DIR", "XLCHANNEL_LIBRARY":
        assert variable in os.environ, f"{variable} is not set; the command is at the top of {__file__}"
    nodes = store()
    assert f'/local/domain/{GUEST}/domid = "{GUEST}"   (n0,r{GUEST})' in nodes
    assert any(line.startswith("/local/domain/0/data/xenchanneld = ") for line in nodes), "nobody serves domain 0"


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
