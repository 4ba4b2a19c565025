"""What the tests share. They run on the host without a hypervisor:

    make && PYTHONPATH=python XLCHANNEL_LIBRARY=.build/lib/libxlchannel.so.1 \
        Tests/host/run python3 -m pytest -q Tests/python
"""
import os
import pathlib
import subprocess

import hypothesis
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
GUEST = 1
NOBODY = 4242  # no domain has this domid

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
    assert f'/local/domain/{GUEST}/domid = "{GUEST}"   (n0,r{GUEST})' in store()


@pytest.fixture
def guest():
    """The domid of a guest without channels; afterwards nothing must be left in the store."""
    before = store()
    yield GUEST
    assert store() == before
