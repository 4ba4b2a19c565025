"""The tests' own hand on xenstore."""
import ctypes
import subprocess
from ctypes import POINTER, byref, c_bool, c_char_p, c_uint, c_uint32, c_void_p


def snapshot():
    """Every node of xenstore with its permissions, a line each, as xenstore-ls prints it."""
    result = subprocess.run(["xenstore-ls", "-fp"], capture_output=True, timeout=60)
    assert result.returncode == 0, f"no xenstore: {result.stderr}"
    return result.stdout.decode("utf-8", "surrogateescape").splitlines()


class Store:
    """A connection to xenstored, by libxenstore. `reopen` connects again after a restart of xenstored."""

    lib = ctypes.CDLL("libxenstore.so.4", use_errno=True)
    lib.xs_open.restype = c_void_p
    lib.xs_close.argtypes = [c_void_p]
    lib.xs_read.restype = lib.xs_directory.restype = c_void_p
    lib.xs_read.argtypes = [c_void_p, c_uint32, c_char_p, POINTER(c_uint)]
    lib.xs_directory.argtypes = lib.xs_read.argtypes
    lib.xs_write.restype = lib.xs_rm.restype = lib.xs_transaction_end.restype = c_bool
    lib.xs_write.argtypes = [c_void_p, c_uint32, c_char_p, c_char_p, c_uint]
    lib.xs_rm.argtypes = [c_void_p, c_uint32, c_char_p]
    lib.xs_transaction_start.restype = c_uint32
    lib.xs_transaction_start.argtypes = [c_void_p]
    lib.xs_transaction_end.argtypes = [c_void_p, c_uint32, c_bool]
    free = ctypes.CDLL(None).free
    free.argtypes = [c_void_p]

    def __init__(self):
        self.handle = self.lib.xs_open(0)
        assert self.handle, "no xenstored"

    def reopen(self):
        self.lib.xs_close(self.handle)
        self.handle = self.lib.xs_open(0)
        assert self.handle, "no xenstored"

    def read(self, path):
        """The node's value; None without a node."""
        length = c_uint()
        value = self.lib.xs_read(self.handle, 0, path.encode(), byref(length))
        if not value:
            return None
        text = ctypes.string_at(value, length.value).decode()
        self.free(value)
        return text

    def children(self, path):
        count = c_uint()
        names = self.lib.xs_directory(self.handle, 0, path.encode(), byref(count))
        if not names:
            return []
        result = [name.decode() for name in ctypes.cast(names, POINTER(c_char_p))[:count.value]]
        self.free(names)
        return result

    def write(self, path, value):
        self.write_all({path: value})

    def write_all(self, nodes):
        """Writes several nodes in one transaction."""
        while True:
            transaction = self.lib.xs_transaction_start(self.handle)
            for path, value in nodes.items():
                data = str(value).encode()
                assert self.lib.xs_write(self.handle, transaction, path.encode(), data, len(data)), path
            if self.lib.xs_transaction_end(self.handle, transaction, False):
                return

    def replace(self, path, value):
        """Writes a node that is there; writes nothing if there is none, or if it changes meanwhile."""
        data, length = str(value).encode(), c_uint()
        transaction = self.lib.xs_transaction_start(self.handle)
        old = self.lib.xs_read(self.handle, transaction, path.encode(), byref(length))
        self.free(old)
        if old:
            self.lib.xs_write(self.handle, transaction, path.encode(), data, len(data))
        self.lib.xs_transaction_end(self.handle, transaction, not old)

    def remove(self, path):
        """Whether there was something to remove."""
        return self.lib.xs_rm(self.handle, 0, path.encode())
