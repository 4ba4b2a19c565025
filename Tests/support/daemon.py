"""xenchanneld under test: started, killed, asked."""
import json
import os
import pathlib
import resource
import signal
import socket
import subprocess

from support import ROOT
from support.waiting import wait_until

PROGRAM = os.environ.get("XENCHANNELD", str(ROOT / ".build/sbin/xenchanneld"))
# epoll_wait and epoll_pwait on x86-64, epoll_pwait on arm64; the fourth argument is the time limit.
EPOLL_WAIT = {"232", "281", "22"}
ANNOUNCEMENT = "/local/domain/0/data/xenchanneld"


class Daemon:
    def __init__(self, store, directory, *options, environment=None, descriptors=None, program=PROGRAM):
        self.store = store
        self.directory = pathlib.Path(directory)
        self.run_directory = self.directory / "run"
        self.run_directory.mkdir(exist_ok=True)
        self.log_file = self.run_directory / "log"
        self.options = options
        self.environment = environment or {}
        self.descriptors = descriptors
        self.program = program
        self.process = None

    def start(self):
        # A daemon that was killed has left it.
        self.store.remove(ANNOUNCEMENT)
        self.process = subprocess.Popen(
            [self.program, "--foreground", "--run-dir", self.run_directory, "--log-file", self.log_file,
             "--log-level", "debug", *self.options],
            stdin=subprocess.DEVNULL, env=dict(os.environ, **self.environment), preexec_fn=self.limit)
        wait_until(lambda: self.is_announced or self.process.poll() is not None, "the announcement")
        assert self.process.poll() is None, f"xenchanneld ended with {self.process.returncode}:\n{self.log()}"
        return self

    def limit(self):
        if self.descriptors:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.descriptors, self.descriptors))

    @property
    def pid(self):
        return self.process.pid

    @property
    def is_announced(self):
        return self.store.read(ANNOUNCEMENT) is not None

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """Ends it in order, and tells its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)

    def restart(self):
        self.kill()
        self.start()

    def signal(self, number):
        self.process.send_signal(number)

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    @property
    def status_path(self):
        return self.run_directory / "xenchanneld.sock"

    def status(self):
        """What the status socket tells."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(str(self.status_path))
            with client.makefile("rb") as answer:
                return json.loads(answer.read())

    def channel_status(self, channel):
        return next(c for c in self.status()["channels"] if (c["domid"], c["devid"]) == (channel.domid, channel.devid))

    def memory(self):
        """Resident bytes without the pages of rings, which are the guests'."""
        total, is_ring = 0, False
        for line in pathlib.Path(f"/proc/{self.pid}/smaps").read_text().splitlines():
            key = line.split(maxsplit=1)[0]
            if not key.endswith(":"):
                is_ring = "/grant/" in line
            elif key == "Rss:" and not is_ring:
                total += int(line.split()[1]) * 1024
        return total

    def cpu_ticks(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def wakeups(self):
        """How often it has waited for something."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("voluntary_ctxt_switches"))

    def wait_until_asleep(self):
        """Waits until it waits for events without a time limit: no ring and no timer is left to be looked at."""
        def is_asleep():
            # "running", or the number of the system call, its arguments in hexadecimal, and two registers.
            call = pathlib.Path(f"/proc/{self.pid}/syscall").read_text().split()
            return call[0] in EPOLL_WAIT and int(call[4], 16) & 0xffffffff == 0xffffffff
        wait_until(is_asleep, "the daemon's sleep")

    def open_descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))
