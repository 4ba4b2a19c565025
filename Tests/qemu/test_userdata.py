"""libxl's locks, and the domain's saved configuration."""
import fcntl
import json
import stat
import subprocess
import threading
import time

import pytest
import xlchannel
from conftest import BACKENDS, GUEST, userdata
from support.backends import QEMUBackend
from support.qemu import LIB, QEMU
from support.waiting import wait_until
from xlchannel import Channel, Connection

DEVICES, QMP, JSON = "libxl-device-changes-lock", "qmp-socket-lock", "domain-userdata-lock"


def channels(path):
    text = path.read_bytes()
    assert text.endswith(b"}\n\0")
    return json.loads(text[:-1]).get("channels")


def test_pty_and_socket_are_saved_and_the_rest_is_not(qemu, saved, tmp_path):
    before = saved.read_bytes()
    added = [xlchannel.add(GUEST, Channel(*what)) for what in [
        ("a", Connection.NONE), ("b", Connection.PTY), ("c", Connection.PATH, str(tmp_path / "log")),
        ("d", Connection.SOCKET, str(tmp_path / "socket"))]]
    # devid is the console's number, as which libxl takes it when it makes the domain.
    assert channels(saved) == [
        {"devid": 2, "name": "b", "connection.pty": {}},
        {"devid": 4, "name": "d", "connection.socket": {"path": str(tmp_path / "socket")}}]
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert b'"odd": 1.50e1' in saved.read_bytes()
    for channel in added:
        xlchannel.remove(GUEST, channel)
    assert saved.read_bytes() == before


def test_a_configuration_that_cannot_be_written(qemu, saved, store):
    """remove begins nothing that it could not finish; destroy removes what it can, and tells."""
    added = xlchannel.add(GUEST, Channel("a", Connection.PTY))
    wait_until(lambda: store.read(f"{BACKENDS}/1/state") == "4")
    before, obstacle = saved.read_bytes(), userdata("n", "libxl-json")
    obstacle.mkdir()
    with pytest.raises(xlchannel.ChannelError, match="cannot write .*userdata-n"):
        xlchannel.remove(GUEST, added)
    assert (store.read(f"{BACKENDS}/1/state"), store.read(f"{BACKENDS}/1/online")) == ("4", "1")
    with pytest.raises(xlchannel.ChannelError, match="is removed, but not from the domain's saved configuration: cannot"):
        xlchannel.destroy(GUEST, added)
    assert xlchannel.channels(GUEST) == [] and qemu.chardevs() == ["serial0"]
    assert saved.read_bytes() == before
    obstacle.rmdir()


def test_the_lost_channel_gives_way(qemu, saved):
    """xl's entry of the channel that libxl refused, and one that libxl numbered itself."""
    saved.write_bytes(json.dumps({"channels": [
        {"devid": 0, "name": "lost", "connection.pty": {}},
        {"devid": 1, "name": "there", "connection.pty": {}}]}).encode() + b"\n\0")
    added = xlchannel.add(GUEST, Channel("lost", Connection.PTY))
    assert added.devid == 0  # which is console 1
    xlchannel.remove(GUEST, added)


def test_a_domain_without_a_device_model(store, saved):
    """libxl would refuse to attach anything to it, were there a channel in its configuration."""
    qemu = QEMU(GUEST)
    before = saved.read_bytes()
    try:
        with QEMUBackend(GUEST):
            added = xlchannel.add(GUEST, Channel("a", Connection.PTY))
            assert saved.read_bytes() == before
            xlchannel.remove(GUEST, added)
    finally:
        qemu.end()
    assert saved.read_bytes() == before


def test_no_configuration_is_made(qemu):
    xlchannel.remove(GUEST, xlchannel.add(GUEST, Channel("a", Connection.PTY)))
    assert list(LIB.iterdir()) == []


@pytest.mark.parametrize("text", [b"", b"\0", b"{", b"[]\0", b'{"channels": 7}\0', b"[" * 100000], ids=range(6))
def test_a_broken_configuration_fails_the_add_and_is_left_alone(qemu, saved, text):
    saved.write_bytes(text)
    with pytest.raises(xlchannel.ChannelError, match=r'channel "a" \(devid 0\): the domain\'s saved configuration: ".*libxl-json"'):
        xlchannel.add(GUEST, Channel("a", Connection.PTY))
    assert saved.read_bytes() == text
    assert qemu.chardevs() == ["serial0"]


def test_a_broken_configuration_does_not_keep_a_channel(qemu, saved):
    added = xlchannel.add(GUEST, Channel("a", Connection.PTY))
    saved.write_bytes(b"{")
    xlchannel.remove(GUEST, added)
    assert saved.read_bytes() == b"{"
    assert qemu.chardevs() == ["serial0"]


def test_a_link_in_its_place_is_not_followed(qemu, saved, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("{}")
    original = saved.read_bytes()
    saved.unlink()
    saved.symlink_to(victim)
    with pytest.raises(xlchannel.ChannelError):
        xlchannel.add(GUEST, Channel("a", Connection.PTY))
    assert victim.read_text() == "{}"
    saved.unlink()
    saved.write_bytes(original)


def test_libxl_reads_what_was_written(qemu, saved, tmp_path):
    """The real libxl parses the document, and finds the channels in it."""
    names = ["plain", 'quote"back\\slash', "ümlaut"]
    added = [xlchannel.add(GUEST, Channel(name, Connection.SOCKET, str(tmp_path / str(n)))) for n, name in enumerate(names)]
    program = """
import ctypes, json, os, sys
libxl = ctypes.CDLL("libxenlight.so.4.17")
config, ctx = ctypes.create_string_buffer(1 << 14), ctypes.create_string_buffer(1 << 12)
libxl.libxl_domain_config_to_json.restype = ctypes.c_char_p
libxl.libxl_domain_config_init(config)
assert libxl.libxl_domain_config_from_json(ctx, config, open(sys.argv[1], "rb").read()) == 0
print(libxl.libxl_domain_config_to_json(ctx, config).decode())
"""
    text = subprocess.run(["python3", "-c", program, saved], capture_output=True, check=True, text=True).stdout
    assert [channel["name"] for channel in json.loads(text)["channels"]] == names
    for channel in added:
        xlchannel.remove(GUEST, channel)


class Held:
    """One of libxl's locks, held as libxl holds it."""

    def __init__(self, name):
        self.path = userdata("l", name)

    def __enter__(self):
        self.file = open(self.path, "a+")
        fcntl.flock(self.file, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_):
        self.path.unlink(missing_ok=True)
        self.file.close()


@pytest.mark.parametrize("lock", [DEVICES, QMP, JSON])
def test_locks_are_waited_for(qemu, saved, lock):
    done = threading.Event()

    def add():
        xlchannel.add(GUEST, Channel("a", Connection.PTY))
        done.set()

    thread = threading.Thread(target=add)
    with Held(lock):
        thread.start()
        assert not done.wait(0.7)
    thread.join(10)
    assert done.is_set()
    xlchannel.remove(GUEST, xlchannel.by_name(GUEST, "a"))


def test_the_order_of_the_locks(qemu, saved):
    """While it waits for one it holds those before it, and none after it."""
    def held(name):
        """Whether somebody else holds it; the file is left as it is."""
        try:
            with open(userdata("l", name)) as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return False
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True

    for waited, expected in (QMP, (True, None, False)), (JSON, (True, False, None)):
        with Held(waited):
            thread = threading.Thread(target=lambda: xlchannel.add(GUEST, Channel("a", Connection.PTY)))
            thread.start()
            time.sleep(0.5)
            seen = tuple(None if name == waited else held(name) for name in (DEVICES, QMP, JSON))
        thread.join(10)
        assert seen == expected
        xlchannel.remove(GUEST, xlchannel.by_name(GUEST, "a"))


def test_many_at_once(qemu, saved):
    """Threads add and remove with locks that come and go: the configuration ends as it began."""
    before, failures = saved.read_bytes(), []

    def rounds(number):
        try:
            for turn in range(5):
                added = xlchannel.add(GUEST, Channel(f"c{number}.{turn}", Connection.PTY))
                assert added.devid + 1 in [entry["devid"] for entry in channels(saved)]
                xlchannel.remove(GUEST, added)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=rounds, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert saved.read_bytes() == before
    assert qemu.chardevs() == ["serial0"]


