"""Calls that fail, one at a time: what the library and the daemon make of it. From the root of the tree:

    make && make -f Tests/faults/Makefile && LD_PRELOAD=$PWD/.build/faults/libfaults.so \
        Tests/host/run python3 -m pytest -q Tests/faults

A part of all calls is tried, unless XLCHANNEL_FAULTS=all.
"""
import ctypes
import errno
import os
import pathlib
import shutil
import tempfile

import pytest

from support import ROOT

os.environ.setdefault("XLCHANNEL_LIBRARY", str(ROOT / ".build/lib/libxlchannel.so.1"))

assert "XENHOST_DIR" in os.environ and "libfaults.so" in os.environ.get("LD_PRELOAD", ""), \
    f"there is no host, or no faults; the command is at the top of {__file__}"

import xlchannel  # noqa: E402
from support.store import Store  # noqa: E402

xlchannel.set_logger(lambda level, text: None)

IS_WHOLE = os.environ.get("XLCHANNEL_FAULTS") == "all"

# What a call fails with: something that may happen to it, and that does not mean "again".
ERRORS = {"open": errno.EMFILE, "read": errno.EIO, "write": errno.ENOSPC, "send": errno.ENOBUFS,
          "connect": errno.ECONNREFUSED, "epoll_ctl": errno.ENOSPC, "flock": errno.ENOLCK, "rename": errno.EIO,
          "fsync": errno.EIO, "malloc": errno.ENOMEM}


class Faults:
    """Makes calls of this process's libxlchannel fail."""

    def __init__(self):
        self.lib = ctypes.CDLL(None)
        self.lib.faults_arm.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_int, ctypes.c_char_p]
        # An interrupted test leaves nothing armed.
        self.lib.faults_disarm()

    def failing(self, call, n, body):
        """Runs body() while the n-th call fails, and returns its result and how many calls there were."""
        self.lib.faults_arm(call.encode(), n, ERRORS[call], b"libxlchannel,libyajl")
        try:
            result = body()
        finally:
            count = self.lib.faults_disarm()
        return result, count


@pytest.fixture
def faults():
    return Faults()


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def place():
    directory = pathlib.Path(tempfile.mkdtemp(prefix="xlc."))
    yield directory
    shutil.rmtree(directory)
