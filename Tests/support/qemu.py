"""A guest's QEMU: a real one without a machine, what libxl leaves of it in xenstore, and monitors that misbehave."""
import contextlib
import json
import os
import pathlib
import socket
import subprocess
import threading

from support.waiting import wait_until

LIB, RUN = (pathlib.Path(os.environ.get(name, "/nowhere")) for name in ("XEN_LIB_DIR", "XEN_RUN_DIR"))


def monitor_of(domid):
    """Where libxl's toolstacks look for a QEMU's monitor."""
    return RUN / f"qmp-libxl-{domid}"


def image_of(domid):
    """Where libxl says which QEMU a domain has."""
    return f"/local/domain/{domid}/image"


class QEMU:
    """A real QEMU, with a monitor."""

    def __init__(self, domid):
        self.monitor = monitor_of(domid)
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


@contextlib.contextmanager
def device_model(store, domid):
    """What libxl leaves of a QEMU in xenstore."""
    store.write(f"{image_of(domid)}/device-model-pid", "4242")
    yield
    store.remove(image_of(domid))


class FakeMonitor(threading.Thread):
    """A monitor that answers each connection by `script`, a function of (connection, its lines)."""

    def __init__(self, domid, script):
        super().__init__(daemon=True)
        self.script = script
        self.path = monitor_of(domid)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
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
        self.path.unlink()
