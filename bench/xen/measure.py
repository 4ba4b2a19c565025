"""Measures backends of channels in dom0, in alternation: measure.py FILE NAME=PID...

NAME is the socket of the backend's channel. FILE keeps what several runs measured; with all of that it prints lines of
JSON as the programs of bench/ do. The guest answers as Tests/xen/guest/init tells.
"""
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

PAIRS, WARM_UPS = 10, 2
# The other directions of a stream, and short requests; on an idle dom0, and with a busy loop on each of its processors.
STREAM, REQUESTS, ROUNDS = 256 << 10, 1000, 3
ECHOES, LINES, TAG = 10, 9000, "x" * 60
BYTES = sum(len(f"{TAG} {number}\n") for number in range(1, LINES + 1))


def cpu_time(pid):
    """Seconds that a process has run."""
    try:
        with open(f"/proc/{pid}/schedstat") as file:
            return int(file.read().split()[0]) / 1e9
    except FileNotFoundError:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def kilobytes(pid, key):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(key + ":"))


class Backend:
    def __init__(self, name, pid):
        self.name, self.pid = name, int(pid)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(name)

    def receive(self, count):
        while count > 0:
            # Waiting for many bytes in the kernel: an interpreter that runs for each piece would be what is measured.
            data = self.socket.recv(min(count, 65536), socket.MSG_WAITALL)
            if not data:
                sys.exit(f"{self.name}: the channel ended")
            count -= len(data)

    def echo(self):
        """Seconds from a line to the guest to the end of its answer."""
        begin = time.monotonic()
        for _ in range(ECHOES):
            self.socket.sendall(b"ping\n")
            answer = b""
            while not answer.endswith(b"\n"):
                answer += self.socket.recv(4096)
        return (time.monotonic() - begin) / ECHOES

    def pour(self):
        """Seconds, and the backend's seconds of CPU, for BYTES from the guest, from the first of them on."""
        self.socket.sendall(f"!lines {LINES} {TAG}\n".encode())
        self.receive(1)
        ran, begin = cpu_time(self.pid), time.monotonic()
        self.receive(BYTES - 1)
        return time.monotonic() - begin, cpu_time(self.pid) - ran


    def duplex(self):
        """Seconds, and the backend's, for STREAM bytes to the guest and back, both at once."""
        self.socket.sendall(b"!mirror %d\n" % STREAM)
        time.sleep(0.3)
        ran, begin = cpu_time(self.pid), time.monotonic()
        sender = threading.Thread(target=self.socket.sendall, args=[b"x" * STREAM])
        sender.start()
        self.receive(STREAM)
        sender.join()
        return time.monotonic() - begin, cpu_time(self.pid) - ran

    def swallow(self):
        """Seconds, and the backend's, for STREAM bytes to the guest."""
        self.socket.sendall(b"!swallow %d\n" % STREAM)
        time.sleep(0.3)
        ran, begin = cpu_time(self.pid), time.monotonic()
        self.socket.sendall(b"x" * STREAM)
        self.receive(len("swallowed\n"))
        return time.monotonic() - begin, cpu_time(self.pid) - ran

    def requests(self):
        """Seconds, and the backend's, for REQUESTS lines of 100 bytes, each answered before the next."""
        self.socket.sendall(b"!answer\n")
        time.sleep(0.3)
        line = b"x" * 99 + b"\n"
        ran, begin = cpu_time(self.pid), time.monotonic()
        for _ in range(REQUESTS):
            self.socket.sendall(line)
            self.receive(len(line))
        result = time.monotonic() - begin, cpu_time(self.pid) - ran
        self.socket.sendall(b"!end\n")
        self.receive(len("!end\n"))
        time.sleep(0.3)
        return result


# How many bytes each moves.
STREAMS = {"duplex": 2 * STREAM, "swallow": STREAM, "requests": 2 * 100 * REQUESTS}


def measure_streams(backends, series, condition):
    for turn in range(-1, ROUNDS):
        for name, count in STREAMS.items():
            for b in backends:
                seconds, ran = getattr(b, name)()
                if turn >= 0:
                    for figure, value in (("throughput", count / seconds / 1e3), ("cpu", ran * 1e3 / (count / 1e6))):
                        series.setdefault(f"{name}-{condition}-{figure}", {}).setdefault(b.name, []).append(value)


def report(subject, unit, series):
    print(json.dumps({"subject": subject, "unit": unit, "series": series}), flush=True)


results = pathlib.Path(sys.argv[1])
backends = [Backend(*argument.split("=")) for argument in sys.argv[2:]]
series = json.loads(results.read_text()) if results.exists() else {
    figure: {b.name: [] for b in backends} for figure in ("latency", "throughput", "cpu")}
for turn in range(-WARM_UPS, PAIRS):
    for b in backends:
        echo, (seconds, ran) = b.echo(), b.pour()
        if turn >= 0:
            series["latency"][b.name].append(echo * 1e3)
            series["throughput"][b.name].append(BYTES / seconds / 1e3)
            series["cpu"][b.name].append(ran * 1e3 / (BYTES / 1e6))
measure_streams(backends, series, "idle")
loops = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(os.cpu_count())]
try:
    measure_streams(backends, series, "busy")
finally:
    for loop in loops:
        loop.kill()
        loop.wait()
results.write_text(json.dumps(series))
for figure in series:
    if "-" in figure:
        report(f"xen-{figure}", "KB/s" if figure.endswith("throughput") else "ms/MB", series[figure])
report("xen-latency", "ms", series["latency"])
report("xen-throughput", "KB/s", series["throughput"])
report("xen-cpu", "ms/MB", series["cpu"])
report("xen-memory", "KB", {b.name: [kilobytes(b.pid, "Rss")] for b in backends})
report("xen-private", "KB", {b.name: [kilobytes(b.pid, "Private_Dirty")] for b in backends})
