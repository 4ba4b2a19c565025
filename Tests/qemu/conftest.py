"""Channels that a guest's QEMU serves: a real QEMU without a machine takes the library's commands, and a thread stands
for the part of it that is Xen's console backend. On the host without a hypervisor, and without a xenchanneld:

    make && PYTHONPATH=python XLCHANNEL_LIBRARY=.build/lib/libxlchannel.so.1 \
        Tests/host/run python3 -m pytest -q Tests/qemu
"""
import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading

import pytest
import xlchannel

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests/backend"))
from guest import Store, wait_until  # noqa: E402

GUEST = 1
LIB, RUN = (pathlib.Path(os.environ.get(name, "/nowhere")) for name in ("XEN_LIB_DIR", "XEN_RUN_DIR"))
MONITOR = RUN / f"qmp-libxl-{GUEST}"
RECORDS = f"/libxl/{GUEST}/device/console"
FRONTENDS = f"/local/domain/{GUEST}/device/console"
BACKENDS = f"/local/domain/0/backend/console/{GUEST}"
IMAGE = f"/local/domain/{GUEST}/image"


def everything():
    """Everything in xenstore, with permissions."""
    result = subprocess.run(["xenstore-ls", "-fp"], capture_output=True, timeout=30, check=True)
    return result.stdout.decode().splitlines()


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
    before = everything()
    yield
    after = everything()
    for channel in xlchannel.channels(GUEST):  # one failure is enough
        xlchannel.destroy(GUEST, channel)
    assert after == before
    assert [path.name for path in [*LIB.iterdir(), *RUN.iterdir()]] == []


class QEMU:
    """A real one, with a monitor where libxl's toolstacks look for it."""

    def __init__(self, domid=GUEST):
        self.monitor = RUN / f"qmp-libxl-{domid}"
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-M", "none", "-display", "none", "-nodefaults",
             "-chardev", "null,id=serial0", "-qmp", f"unix:{self.monitor},server=on,wait=off"],
            env={name: value for name, value in os.environ.items() if name != "LD_PRELOAD"})
        wait_until(lambda: self.process.poll() is not None or self.execute("query-status"), "QEMU's start")
        assert self.process.poll() is None, "qemu-system-x86_64 does not start"

    def execute(self, command, **arguments):
        """Executes one command; None while nobody listens."""
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.settimeout(10)
            try:
                monitor.connect(str(self.monitor))
            except OSError:
                return None
            lines = monitor.makefile("rw")
            lines.readline()
            for name, given in ("qmp_capabilities", {}), (command, arguments):
                lines.write(json.dumps({"execute": name, "arguments": given}) + "\n")
                lines.flush()
                while "event" in (answer := json.loads(lines.readline())):
                    pass
            return answer.get("return", answer)

    def chardevs(self):
        return sorted(entry["label"] for entry in self.execute("query-chardev") if "monitor" not in entry["label"])

    def end(self):
        self.process.kill()
        self.process.wait()
        self.monitor.unlink(missing_ok=True)


class Consoles(threading.Thread):
    """QEMU's console backend, as its xen_console.c and xen-legacy-backend.c behave: it takes consoles with the type
    `ioemu`, and is closed when the frontend is. `connects`: there is a guest, which connects and lets go."""

    def __init__(self, connects=True):
        super().__init__(daemon=True)
        self.connects = connects
        self.ended = threading.Event()

    def run(self):
        store = Store()
        while not self.ended.wait(0.002):
            for number in store.children(BACKENDS):
                if number != "0":
                    self.step(store, f"{BACKENDS}/{number}/state", f"{FRONTENDS}/{number}/state",
                              store.read(f"{FRONTENDS}/{number}/type"))

    def step(self, store, backend, frontend, type):
        states = store.read(backend), store.read(frontend)
        if None in states or type != "ioemu":
            return
        back, front = map(int, states)
        # Into a directory that is still there only.
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

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()


@contextlib.contextmanager
def device_model(store):
    """What libxl leaves of a QEMU in xenstore."""
    store.write(f"{IMAGE}/device-model-pid", "4242")
    yield
    store.remove(IMAGE)


@pytest.fixture
def qemu(store):
    qemu = QEMU()
    with device_model(store), Consoles():
        yield qemu
    qemu.end()


class FakeMonitor(threading.Thread):
    """A monitor that answers each connection by `script`, a function of (connection, its lines)."""

    def __init__(self, script):
        super().__init__(daemon=True)
        self.script = script
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(MONITOR))
        self.listener.listen(1)

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                with connection, contextlib.suppress(OSError, ValueError):
                    self.script(connection, connection.makefile("rb"))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.join(5)
        self.listener.close()
        MONITOR.unlink()


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
