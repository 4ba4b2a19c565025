"""Backends that serve nothing: they answer for a guest's consoles in xenstore, one thread each."""
import threading

from support.store import Store


class Backend(threading.Thread):
    """Looks at each console of a guest, but the primary one, again and again, until the end of the `with` block."""

    def __init__(self, domid, guest):
        super().__init__(daemon=True)
        self.consoles = f"/local/domain/{domid}/backend/console/{guest}"
        self.frontends = f"/local/domain/{guest}/device/console"
        self.end = threading.Event()

    def run(self):
        store = Store()
        while not self.end.wait(0.002):
            for number in store.children(self.consoles):
                if number != "0":
                    self.answer(store, f"{self.consoles}/{number}", f"{self.frontends}/{number}")

    def answer(self, store, backend, frontend):
        """Answers for one console, whose directories may be gone."""
        raise NotImplementedError

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        self.join()


class XenchanneldBackend(Backend):
    """Behaves as xenchanneld does for a guest without a driver, and announces itself."""

    def __init__(self, domid, guest):
        super().__init__(domid, guest)
        self.announcement = f"/local/domain/{domid}/data/xenchanneld"

    def answer(self, store, backend, frontend):
        state = store.read(f"{backend}/state")
        if state in ("1", "5"):
            store.replace(f"{backend}/state", int(state) + 1)

    def __enter__(self):
        Store().write(self.announcement, "1")
        return super().__enter__()

    def __exit__(self, *_):
        super().__exit__()
        Store().remove(self.announcement)


class QEMUBackend(Backend):
    """Behaves as QEMU's xen_console.c and xen-legacy-backend.c do: it takes consoles of the type `ioemu`, and closes when
    the frontend does. `connects`: there is a guest, which connects and lets go."""

    def __init__(self, guest, connects=True):
        super().__init__(0, guest)
        self.connects = connects

    def answer(self, store, backend, frontend):
        if store.read(f"{frontend}/type") != "ioemu":
            return
        backend, frontend = f"{backend}/state", f"{frontend}/state"
        states = store.read(backend), store.read(frontend)
        if None in states:
            return
        back, front = map(int, states)
        # Only into a directory that is still there.
        if back == 1:
            store.replace(backend, 2)
        elif front in (5, 6) and back in (2, 4, 5):
            store.replace(backend, 6)
        elif self.connects and back == 2 and front == 1:
            store.replace(frontend, 4)
        elif back == 2 and front == 4:
            store.replace(backend, 4)
        elif self.connects and back == 5 and front == 4:
            store.replace(frontend, 6)
