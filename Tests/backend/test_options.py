"""The command line, signals, the status socket, and what a service manager sees."""
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time
import tty

import pytest

from conftest import ROOT, Channels
from support.daemon import PROGRAM
from support.guest import CONNECTED
from support.peer import SocketPeer
from support.store import Store
from support.waiting import wait_until
from xlchannel import ChannelError, Connection


def run(*options, **more):
    return subprocess.run([PROGRAM, *options], capture_output=True, text=True, timeout=10, **more)


def test_help():
    for option in "--help", "-h":
        result = run(option)
        assert result.returncode == 0 and result.stderr == ""
        for word in ("--foreground", "--log-file", "--log-level", "--pid-file", "--run-dir", "--help", "--version"):
            assert word in result.stdout


def test_version():
    result = run("--version")
    assert (result.returncode, result.stderr) == (0, "")
    assert re.fullmatch(r"xenchanneld \d+\.\d+\.\d+\n", result.stdout)


@pytest.mark.parametrize("options, words", [
    (["--nonsense"], "--nonsense"), (["stray"], "stray"), (["--log-file"], "needs a value"),
    (["--log-level", "loud"], "loud"), (["--foreground=yes"], "--foreground=yes"), ([""], "option"),
])
def test_bad_options(options, words):
    result = run(*options)
    assert result.returncode == 2 and result.stdout == ""
    assert result.stderr.startswith("xenchanneld: ") and words in result.stderr


def test_no_xenstored(place):
    result = run("--foreground", "--run-dir", place, env=dict(os.environ, XENSTORED_PATH=str(place / "none")))
    assert result.returncode == 1 and "xenchanneld: " in result.stderr


def test_no_domid_yet(store, start_daemon, place):
    """xenstored runs, but nobody has told it yet which domain this is: a while is waited."""
    store.remove("/local/domain/0/domid")
    try:
        (place / "alone").mkdir()
        result = run("--foreground", "--run-dir", place / "alone")
        assert result.returncode == 1 and "no domid in xenstore yet" in result.stderr
        writer = threading.Timer(0.5, lambda: Store().write("/local/domain/0/domid", 0))
        writer.start()
        daemon = start_daemon()
        writer.join()
        assert daemon.stop() == 0
    finally:
        store.write("/local/domain/0/domid", 0)


def test_no_run_directory(place):
    result = run("--foreground", "--run-dir", place / "none")
    assert result.returncode == 1 and "No such file or directory" in result.stderr


def test_log_cannot_be_opened(place):
    result = run("--foreground", "--run-dir", place, "--log-file", place / "none" / "log")
    assert result.returncode == 1 and "cannot open the log" in result.stderr


def test_pid_file(start_daemon, place):
    daemon = start_daemon("--pid-file", place / "pid")
    wait_until(lambda: (place / "pid").read_text() == f"{daemon.pid}\n")
    (place / "other").mkdir()
    second = run("--foreground", "--run-dir", place / "other", "--pid-file", place / "pid")
    assert second.returncode == 1 and "another xenchanneld" in second.stderr
    wait_until(lambda: (place / "pid").read_text() == f"{daemon.pid}\n")
    daemon.restart()
    wait_until(lambda: (place / "pid").read_text() == f"{daemon.pid}\n")
    assert daemon.stop() == 0
    assert not (place / "pid").exists()


def test_second_daemon_refuses(daemon):
    """Also without a pid file: two would serve the same rings."""
    second = run("--foreground", "--run-dir", daemon.run_directory)
    assert second.returncode == 1 and "another xenchanneld" in second.stderr
    assert daemon.status() == {"channels": []}


def test_background(store, place):
    """Without --foreground it returns when it serves, and ends in order all the same."""
    (place / "run").mkdir()
    result = run("--run-dir", place / "run", "--log-file", place / "log", "--pid-file", place / "pid")
    assert result.returncode == 0, result.stderr
    pid = int(wait_until(lambda: (place / "pid").exists() and (place / "pid").read_text()))
    wait_until(lambda: store.read("/local/domain/0/data/xenchanneld"))
    channels = Channels(store)
    try:
        guest = channels.add(Connection.PATH, place / "file").guest().connect()
        guest.write(b"bytes")
        guest.drain()
        channels.destroy_all()
    finally:
        os.kill(pid, signal.SIGTERM)
    assert (place / "file").read_bytes() == b"bytes"
    wait_until(lambda: store.read("/local/domain/0/data/xenchanneld") is None)
    wait_until(lambda: not (place / "pid").exists())


def without_standard_streams():
    for stream in range(3):
        os.close(stream)


@pytest.mark.parametrize("log", [True, False], ids=["log", "no log"])
@pytest.mark.parametrize("is_background", [False, True], ids=["foreground", "background"])
def test_closed_standard_streams(store, place, log, is_background):
    """No file of the daemon's is 0, 1 or 2: what is printed would go there."""
    options = ["--run-dir", place, "--pid-file", place / "pid", "--log-level", "debug"]
    options += ["--log-file", place / "log"] * log + ["--foreground"] * (not is_background)
    process = subprocess.Popen([PROGRAM, *options], preexec_fn=without_standard_streams)
    channels, pid = Channels(store), process.pid
    try:
        wait_until(lambda: store.read("/local/domain/0/data/xenchanneld"))
        pid = int(wait_until(lambda: (place / "pid").read_text()))
        streams = [os.readlink(f"/proc/{pid}/fd/{stream}") for stream in range(3)]
        assert streams == ["/dev/null"] * 3
        guest = channels.add(Connection.PATH, place / "file").guest().connect()
        guest.write(b"bytes")
        guest.drain()
        with pytest.raises(ChannelError):                     # which the daemon logs
            channels.add(Connection.SOCKET, place / "none" / "socket")
        channels.destroy_all()
    finally:
        os.kill(pid, signal.SIGTERM)
    assert process.wait(10) == 0
    assert (place / "file").read_bytes() == b"bytes"
    assert not log or "serves" in (place / "log").read_text()
    wait_until(lambda: store.read("/local/domain/0/data/xenchanneld") is None)
    wait_until(lambda: not (place / "pid").exists())


def test_background_tells_failures(place):
    """What goes wrong at the start is told, and is the exit status."""
    result = run("--run-dir", place / "none")
    assert result.returncode == 1 and "No such file or directory" in result.stderr


def test_log_level(start_daemon, place):
    daemon = start_daemon("--log-level=error")
    assert daemon.log() == ""
    assert daemon.stop() == 0


def test_hangup_opens_files_anew(daemon, channels, place):
    channel = channels.add(Connection.PATH, place / "file")
    guest = channel.guest().connect()
    guest.write(b"old")
    guest.drain()
    (place / "file").rename(place / "file.1")
    daemon.log_file.rename(place / "log.1")
    guest.write(b" file")
    guest.drain()
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: "files reopened" in daemon.log())
    guest.write(b"new")
    guest.drain()
    assert (place / "file.1").read_bytes() == b"old file"
    assert (place / "file").read_bytes() == b"new"
    assert "serves" in (place / "log.1").read_text()


def test_hangup_while_a_file_cannot_be_opened(daemon, channels, place):
    """Only open files are reopened; the others when they are tried again."""
    (place / "directory").mkdir()
    channel = channels.add(Connection.PATH, place / "directory" / "file")
    before = daemon.open_descriptors()
    daemon.kill()
    shutil.rmtree(place / "directory")
    daemon.start()
    wait_until(lambda: channel.error)
    (place / "directory").mkdir()
    for count in range(1, 6):
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: daemon.log().count("files reopened") == count)
    wait_until(lambda: channel.error is None)
    assert daemon.open_descriptors() == before


def test_counters(daemon, channels, place):
    served = [channels.add(Connection.SOCKET, place / "socket"), channels.add(Connection.NONE, domid=2)]
    guests = [channel.guest().connect() for channel in served]
    guests[0].write(b"dropped")
    guests[0].drain()
    client = SocketPeer(served[0])
    client.send(b"four")
    assert guests[0].read(4) == b"four"
    guests[0].write(b"and back")
    assert client.receive(8) == b"and back"
    daemon.signal(signal.SIGUSR1)
    lines = wait_until(lambda: [line for line in daemon.log().splitlines() if "from guest" in line])
    wait_until(lambda: daemon.log().count("from guest") == 2)
    assert f'domain 1: channel "{served[0].name}" (devid 0)' in lines[0]
    assert lines[0].endswith("from guest 8, to guest 4, dropped 7, state 4")
    client.close()


def test_end_in_order(store, start_daemon, place):
    daemon, channels = start_daemon(), Channels(store)
    served = [channels.add(Connection.SOCKET, place / "socket"), channels.add(Connection.PATH, place / "file")]
    guests = [channel.guest().connect() for channel in served]
    guests[1].ring.put(b"the last line")
    assert daemon.stop() == 0
    assert not daemon.is_announced
    assert not (place / "socket").exists()
    assert not daemon.status_path.exists()
    assert (place / "file").read_bytes() == b"the last line"
    assert "ended" in daemon.log()
    channels.destroy_all()


def test_interrupt_ends_in_order_too(start_daemon):
    daemon = start_daemon()
    daemon.signal(signal.SIGINT)
    assert daemon.process.wait(10) == 0
    assert not daemon.is_announced


def test_status_socket(daemon, channels, place):
    mode = daemon.status_path.stat()
    assert stat.S_ISSOCK(mode.st_mode) and mode.st_mode & 0o777 == 0o600 and mode.st_uid == os.getuid()
    channel = channels.add(Connection.SOCKET, place / 'so"cket', devid=3)
    guest = channel.guest().connect()
    client = SocketPeer(channel)
    client.send(b"x")
    guest.read(1)
    assert daemon.status() == {"channels": [{
        "domid": 1, "devid": 3, "name": channel.name, "connection": "socket", "path": str(place / 'so"cket'),
        "state": CONNECTED, "client": True, "from_guest": 0, "to_guest": 1, "dropped": 0}]}
    client.close()


def test_slow_status_clients(daemon, channels, place):
    """They wait for nobody but themselves, and stay few."""
    for n in range(40):
        channels.add(Connection.PATH, place / f"{n}{'x' * 200}")
    slow = []
    for _ in range(30):
        client = socket.socket(socket.AF_UNIX)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        client.connect(str(daemon.status_path))
        slow.append(client)
    guest = channels.served[0].guest().connect()
    begin = time.monotonic()
    guest.write(b"not stopped")
    guest.drain()
    assert time.monotonic() - begin < 1
    ticks = daemon.cpu_ticks()
    time.sleep(0.3)
    assert daemon.cpu_ticks() - ticks <= 1
    for client in slow:
        client.close()
    assert len(daemon.status()["channels"]) == 40


@pytest.mark.parametrize("is_abstract", [False, True], ids=["file", "abstract"])
def test_service_manager(start_daemon, place, is_abstract):
    name = f"\0xenchanneld.{os.getpid()}" if is_abstract else str(place / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name)
        manager.settimeout(5)
        daemon = start_daemon(environment={"NOTIFY_SOCKET": name.replace("\0", "@")})
        assert manager.recv(100) == b"READY=1"
        assert daemon.stop() == 0
        assert manager.recv(100) == b"STOPPING=1"


def test_xenstored_restarts(store, daemon, channels, place):
    """Its store is fresh then: the channels are gone, the daemon is not."""
    channel = channels.add(Connection.SOCKET, place / "socket")
    channel.guest().connect()
    subprocess.run([ROOT / "Tests/host/restart-xenstored"], check=True, stdout=subprocess.DEVNULL)
    channels.forget(channel)
    store.reopen()
    wait_until(lambda: daemon.is_announced)
    wait_until(lambda: daemon.status() == {"channels": []})
    assert not (place / "socket").exists()
    again = channels.add(Connection.SOCKET, place / "socket")
    guest = again.guest().connect()
    client = SocketPeer(again)
    client.send(b"again")
    assert guest.read(5) == b"again"
    client.close()


def test_xenstored_is_away(store, start_daemon, place):
    """A device that takes requests and answers none, as dom0's xenbus without xenstored, is not tried: bytes go on."""
    link = place / "xenstored"
    link.symlink_to(os.environ["XENSTORED_PATH"])
    daemon, channels = start_daemon(environment={"XENSTORED_PATH": str(link)}), Channels(store)
    channel = channels.add(Connection.SOCKET, place / "socket")
    guest = channel.guest().connect()
    client = SocketPeer(channel)
    master, terminal = os.openpty()
    tty.setraw(terminal)
    link.unlink()
    link.symlink_to(os.ttyname(terminal))
    subprocess.run([ROOT / "Tests/host/restart-xenstored"], check=True, stdout=subprocess.DEVNULL)
    channels.forget(channel)
    store.reopen()
    wait_until(lambda: "trying again each second" in daemon.log())
    worst, end = 0, time.monotonic() + 3
    while time.monotonic() < end:
        begin = time.monotonic()
        client.send(b"ping")
        assert guest.read(4, timeout=20) == b"ping"
        guest.write(b"pong")
        assert client.receive(4) == b"pong"
        worst = max(worst, time.monotonic() - begin)
        time.sleep(0.01)
    assert worst < 1
    link.unlink()
    link.symlink_to(os.environ["XENSTORED_PATH"])
    wait_until(lambda: daemon.is_announced)
    wait_until(lambda: daemon.status() == {"channels": []})
    client.close()
    assert daemon.stop() == 0
    os.close(master)
    os.close(terminal)
