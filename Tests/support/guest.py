"""The simulated guest: the shared ring and the console frontend, as Linux's hvc_xen behaves.

It runs on the host without a hypervisor (Tests/host/run), whose library stands for the guest's kernel: grants and event
channels. To xenstored it speaks as domain 0, which may write what the guest may write.
"""
import ctypes
import os
import select
import time
from ctypes import POINTER, byref, c_int, c_uint32, c_void_p

from support.waiting import PATIENCE, wait_until

INITIALISING, INIT_WAIT, INITIALISED, CONNECTED, CLOSING, CLOSED = range(1, 7)

# struct xencons_interface of xen/io/console.h
IN, OUT, IN_SIZE, OUT_SIZE = 0, 1024, 1024, 2048
IN_CONS, IN_PROD, OUT_CONS, OUT_PROD = 3072, 3076, 3080, 3084
PAGE_SIZE = 4096


class Kernel:
    """A guest's grants and event channels."""

    lib = ctypes.CDLL("libxenhost.so", use_errno=True)
    lib.xenhost_guest_open.restype = lib.xenhost_grant.restype = c_void_p
    lib.xenhost_grant.argtypes = [c_void_p, c_uint32, c_int, POINTER(c_uint32)]
    for _name, _arguments in {
        "guest_open": [c_uint32], "guest_close": [c_void_p], "end_grant": [c_void_p, c_void_p],
        "alloc_unbound": [c_void_p, c_uint32], "close_port": [c_void_p, c_uint32], "notify": [c_void_p, c_uint32],
        "fd": [c_void_p], "wait": [c_void_p, c_int], "peer": [c_void_p, c_uint32],
    }.items():
        getattr(lib, f"xenhost_{_name}").argtypes = _arguments

    def __init__(self, domid):
        self.handle = self.lib.xenhost_guest_open(domid)
        if not self.handle:
            raise OSError(ctypes.get_errno(), f"guest {domid}: {os.strerror(ctypes.get_errno())}")
        self.fd = self.lib.xenhost_fd(self.handle)

    def close(self):
        if self.handle:
            self.lib.xenhost_guest_close(self.handle)
        self.handle = None

    def grant(self):
        """A page that domain 0 may map: its address and grant reference."""
        reference = c_uint32()
        page = self.lib.xenhost_grant(self.handle, 0, 0, byref(reference))
        assert page, os.strerror(ctypes.get_errno())
        return page, reference.value

    def end_grant(self, page):
        self.lib.xenhost_end_grant(self.handle, page)

    def allocate_port(self):
        port = self.lib.xenhost_alloc_unbound(self.handle, 0)
        assert port > 0, os.strerror(ctypes.get_errno())
        return port

    def close_port(self, port):
        self.lib.xenhost_close_port(self.handle, port)

    def notify(self, port):
        self.lib.xenhost_notify(self.handle, port)

    def peer(self, port):
        return self.lib.xenhost_peer(self.handle, port)

    def wait(self, timeout):
        """Waits up to so many seconds for an event, and takes it."""
        if select.select([self.fd], [], [], max(0, timeout))[0]:
            return self.lib.xenhost_wait(self.handle, 0)
        return 0


class Ring:
    """The guest's end of the shared page, which it grants and lets go again."""

    def __init__(self, kernel):
        self.kernel = kernel
        self.address, self.reference = kernel.grant()
        self.page = memoryview((ctypes.c_uint8 * PAGE_SIZE).from_address(self.address)).cast("B")
        self.port = kernel.allocate_port()

    def close(self):
        self.page = None
        self.kernel.close_port(self.port)
        self.kernel.end_grant(self.address)

    def index(self, field):
        return ctypes.c_uint32.from_address(self.address + field).value

    def set_index(self, field, value):
        ctypes.c_uint32.from_address(self.address + field).value = value & 0xffffffff

    @property
    def pending(self):
        """Bytes written that the backend has not taken."""
        return self.index(OUT_PROD) - self.index(OUT_CONS) & 0xffffffff

    def put(self, data):
        """Writes what fits, and tells how much that was."""
        produced = self.index(OUT_PROD)
        used = produced - self.index(OUT_CONS) & 0xffffffff
        assert used <= OUT_SIZE, "the backend's index is impossible"
        count = min(len(data), OUT_SIZE - used)
        start = produced % OUT_SIZE
        first = min(count, OUT_SIZE - start)
        self.page[OUT + start:OUT + start + first] = data[:first]
        self.page[OUT:OUT + count - first] = data[first:count]
        self.set_index(OUT_PROD, produced + count)
        if count:
            self.kernel.notify(self.port)
        return count

    def get(self, limit):
        """Takes up to `limit` bytes of what is there."""
        consumed = self.index(IN_CONS)
        count = self.index(IN_PROD) - consumed & 0xffffffff
        assert count <= IN_SIZE, "the backend's index is impossible"
        count = min(count, limit)
        start = consumed % IN_SIZE
        first = min(count, IN_SIZE - start)
        data = bytes(self.page[IN + start:IN + start + first]) + bytes(self.page[IN:IN + count - first])
        self.set_index(IN_CONS, consumed + count)
        if count:
            self.kernel.notify(self.port)
        return data


class Frontend:
    """The driver of one console: connects to its backend and carries bytes."""

    def __init__(self, store, domid, number, kernel=None):
        self.store = store
        self.path = f"/local/domain/{domid}/device/console/{number}"
        self.kernel = kernel or Kernel(domid)
        self.owns_kernel = kernel is None
        self.ring = None

    @property
    def backend_state(self):
        backend = self.store.read(f"{self.path}/backend")
        return int(backend and self.store.read(f"{backend}/state") or 0)

    def set_state(self, state):
        self.store.write(f"{self.path}/state", state)

    def wait_for_backend(self, *states, timeout=PATIENCE):
        wait_until(lambda: self.backend_state in states,
                   f"backend state {states} of {self.path} (it is {self.backend_state})", timeout)

    def offer(self, state=INITIALISED):
        """Offers a new ring."""
        self.ring = Ring(self.kernel)
        self.store.write_all({f"{self.path}/ring-ref": self.ring.reference, f"{self.path}/port": self.ring.port})
        # The driver changes its state only after that transaction.
        self.set_state(state)

    def connect(self):
        """What the driver does when it finds the device, until bytes can flow."""
        self.wait_for_backend(INIT_WAIT)
        self.offer()
        self.wait_for_backend(CONNECTED)
        self.set_state(CONNECTED)
        return self

    def write(self, data, timeout=PATIENCE):
        """Writes all of it; TimeoutError when the ring stays full."""
        view = memoryview(data)
        deadline = time.monotonic() + timeout
        while len(view):
            count = self.ring.put(view)
            view = view[count:]
            if len(view) and not count:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the ring of {self.path} stays full, {len(view)} bytes left")
                self.kernel.wait(0.2)
            elif count:
                deadline = time.monotonic() + timeout

    def drain(self, timeout=PATIENCE):
        """Waits until the backend has taken everything."""
        wait_until(lambda: self.ring.pending == 0, f"taking {self.ring.pending} bytes of {self.path}", timeout)

    def read(self, count, timeout=PATIENCE):
        """Reads exactly so many bytes; TimeoutError with fewer."""
        data = bytearray()
        deadline = time.monotonic() + timeout
        while len(data) < count:
            more = self.ring.get(count - len(data))
            data += more
            if not more:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{len(data)} of {count} bytes came to {self.path}: {bytes(data[-40:])}")
                self.kernel.wait(0.2)
        return bytes(data)

    def read_available(self, wait=0):
        """Reads what is there, or comes within so many seconds."""
        data = self.ring.get(IN_SIZE)
        if not data and wait:
            self.kernel.wait(wait)
            data = self.ring.get(IN_SIZE)
        return data

    def close(self):
        """Lets go of the device in order, as on unbinding the driver."""
        self.set_state(CLOSING)
        self.wait_for_backend(CLOSING)
        self.set_state(CLOSED)
        self.wait_for_backend(INIT_WAIT, CLOSED)
        self.let_go()

    def follow(self):
        """The backend closes: the driver closes too."""
        self.wait_for_backend(CLOSING, CLOSED)
        self.set_state(CLOSED)

    def let_go(self):
        """Ends the grant and closes the port."""
        if self.ring:
            self.ring.close()
        self.ring = None

    def crash(self):
        """The guest's kernel is gone, and xenstore does not know yet."""
        self.let_go()
        if self.owns_kernel:
            self.kernel.close()
