"""Channels that a guest's QEMU serves: a real QEMU without a machine takes the library's commands, and a thread stands
for the part of it that is Xen's console backend. On the host without a hypervisor, and without a xenchanneld:

    make && PYTHONPATH=python XLCHANNEL_LIBRARY=.build/lib/libxlchannel.so.1 \
        Tests/host/run python3 -m pytest -q Tests/qemu
"""
import os

import pytest
import xlchannel
from support.backends import QEMUBackend
from support.qemu import LIB, QEMU, RUN, device_model
from support.store import Store, snapshot

GUEST = 1
RECORDS = f"/libxl/{GUEST}/device/console"
FRONTENDS = f"/local/domain/{GUEST}/device/console"
BACKENDS = f"/local/domain/0/backend/console/{GUEST}"


@pytest.fixture(scope="session", autouse=True)
def host():
    """Fails everything without a host."""
    for variable in "XENHOST_DIR", "XLCHANNEL_LIBRARY", "XEN_LIB_DIR", "XEN_RUN_DIR":
        assert variable in os.environ, f"{variable} is not set; the command is at the top of {__file__}"
    assert Store().read("/local/domain/0/data/xenchanneld") is None, "a xenchanneld serves, so no QEMU is asked"


@pytest.fixture(scope="session", autouse=True)
def log():
    """Lets a ChannelError tell the library's own words."""
    xlchannel.set_logger(lambda level, message: None)


@pytest.fixture
def store():
    return Store()


@pytest.fixture(autouse=True)
def nothing_left(store):
    """A test leaves xenstore and libxl's directories as they were."""
    before = snapshot()
    yield
    after = snapshot()
    for channel in xlchannel.channels(GUEST):  # one failure is enough
        xlchannel.destroy(GUEST, channel)
    assert after == before
    assert [path.name for path in [*LIB.iterdir(), *RUN.iterdir()]] == []


@pytest.fixture
def qemu(store):
    qemu = QEMU(GUEST)
    with device_model(store, GUEST), QEMUBackend(GUEST):
        yield qemu
    qemu.end()


def uuid():
    return Store().read(f"/local/domain/{GUEST}/vm").removeprefix("/vm/")


def userdata(kind, name):
    """The path of a file that libxl keeps of the guest."""
    return LIB / f"userdata-{kind}.{GUEST}.{uuid()}.{name}"


@pytest.fixture
def saved():
    """The guest's saved configuration."""
    path = userdata("d", "libxl-json")
    path.write_bytes(b'{\n    "c_info": {\n        "name": "guest1"\n    },\n    "odd": 1.50e1\n}\n\0')
    path.chmod(0o600)
    yield path
    path.unlink()
