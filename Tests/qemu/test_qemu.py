"""A guest's QEMU as the backend of its channels."""
import ctypes
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import threading
import time

import pytest
import xlchannel
from conftest import BACKENDS, FRONTENDS, GUEST, RECORDS
from support.backends import QEMUBackend
from support.qemu import QEMU, device_model, image_of
from support.waiting import wait_until
from support.xenstoreds import BreaksAfterStart, BreaksAtCommit, Noisy
from xlchannel import Channel, Connection


def nodes(store, directory):
    return {name: store.read(f"{directory}/{name}") for name in store.children(directory)}


def add(connection, path=None, name="org.test.channel", **rest):
    return xlchannel.add(GUEST, Channel(name, connection, path and str(path), **rest))


def test_nodes_of_a_pty(qemu, store):
    added = add(Connection.PTY)
    assert added.devid == 0
    terminal = store.read(f"{FRONTENDS}/1/tty")
    assert stat.S_ISCHR(os.stat(terminal).st_mode)
    wait_until(lambda: store.read(f"{BACKENDS}/1/state") == "4")
    assert nodes(store, f"{FRONTENDS}/1") == {
        "backend": f"{BACKENDS}/1", "backend-id": "0", "state": "4", "protocol": "vt100", "name": "org.test.channel",
        "limit": "1048576", "type": "ioemu", "output": "chardev:xlchannel-0", "tty": terminal}
    assert store.read(f"{RECORDS}/1/xlchannel/chardev") == "xlchannel-0"
    assert store.read(f"{RECORDS}/1/name") == "org.test.channel"
    assert xlchannel.info(GUEST, added).path == terminal
    assert [(c.name, c.connection) for c in xlchannel.channels(GUEST)] == [("org.test.channel", Connection.PTY)]
    assert qemu.chardevs() == ["serial0", "xlchannel-0"]
    xlchannel.remove(GUEST, added)
    assert qemu.chardevs() == ["serial0"]


def test_a_socket_listens_at_once_and_goes_with_the_channel(qemu, tmp_path):
    place = tmp_path / "socket"
    added = add(Connection.SOCKET, place)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(place))
    xlchannel.remove(GUEST, added)
    assert not place.exists()


def test_a_log_is_opened_for_qemu(qemu, tmp_path):
    log = tmp_path / "log"
    log.write_text("before\n")
    added = add(Connection.PATH, log)
    assert qemu.chardevs() == ["serial0", "xlchannel-0"]
    xlchannel.remove(GUEST, added)
    assert log.read_text() == "before\n"
    assert qemu.execute("query-fdsets") == []


def test_none(qemu):
    xlchannel.remove(GUEST, add(Connection.NONE))
    assert qemu.chardevs() == ["serial0"]


@pytest.mark.parametrize("connection", [Connection.PATH, Connection.SOCKET])
def test_no_file_of_others_is_touched(qemu, tmp_path, connection):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    place = tmp_path / "place"
    places = [place, tmp_path / "no" / "place", tmp_path]
    place.symlink_to(victim)
    if connection == Connection.SOCKET:
        places.append(victim)
    for bad in places:
        with pytest.raises(xlchannel.ChannelError, match=r"channel \"org.test.channel\": cannot"):
            add(connection, bad)
    assert victim.read_text() == "precious" and place.is_symlink()
    assert qemu.chardevs() == ["serial0"]
    assert qemu.execute("query-fdsets") == []


def test_all_or_none(qemu, tmp_path, store):
    """The third of three cannot be opened: neither devices nor character devices are left."""
    (tmp_path / "file").write_text("")
    channels = [Channel("a", Connection.PTY), Channel("b", Connection.SOCKET, str(tmp_path / "socket")),
                Channel("c", Connection.SOCKET, str(tmp_path / "file"))]
    structs = (xlchannel.libxl_device_channel * 3)(*[channel_struct(channel) for channel in channels])
    with pytest.raises(xlchannel.ChannelError, match=r"channels\[2\]: channel \"c\": cannot bind"):
        add_all(structs)
    assert qemu.chardevs() == ["serial0"]
    assert not (tmp_path / "socket").exists()
    assert store.children(RECORDS) == ["0"]
    for struct in structs:
        xlchannel.lib.libxl_device_channel_dispose(struct)


def channel_struct(channel):
    struct = xlchannel.libxl_device_channel()
    xlchannel.lib.libxl_device_channel_from_json(None, struct, xlchannel.to_json(channel).encode())
    return struct


def add_all(structs):
    """libxl_device_channels_add, which takes a libxl_domain_config: only C knows where its channels are."""
    config = ctypes.create_string_buffer(1 << 14)
    pointer = ctypes.cast(config, ctypes.c_void_p)
    json_text = json.dumps({"channels": [json.loads(to_json(struct)) for struct in structs]})
    enlight = ctypes.CDLL("libxenlight.so.4.17", mode=os.RTLD_LOCAL | os.RTLD_DEEPBIND)
    enlight.libxl_domain_config_init.argtypes = enlight.libxl_domain_config_dispose.argtypes = [ctypes.c_void_p]
    enlight.libxl_domain_config_from_json.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p]
    enlight.libxl_domain_config_init(pointer)
    context = ctypes.create_string_buffer(1 << 12)
    assert enlight.libxl_domain_config_from_json(context, pointer, json_text.encode()) == 0
    code = xlchannel.lib.libxl_device_channels_add(None, GUEST, pointer, None)
    enlight.libxl_domain_config_dispose(pointer)
    if code:
        raise xlchannel.ChannelError(code, xlchannel.lib.libxl_channel_last_error().decode())


def to_json(struct):
    text = xlchannel.lib.libxl_device_channel_to_json(None, struct)
    try:
        return ctypes.string_at(text).decode()
    finally:
        xlchannel._abi.libc.free(text)


def test_ids_collide_with_none_and_stale_ones_go(qemu, tmp_path):
    """The chardev of xl's lost channel, with the socket that it keeps, and one of a program that died."""
    place = tmp_path / "socket"
    address = {"type": "unix", "data": {"path": str(place)}}
    qemu.execute("chardev-add", id="libxl-channel0", backend={
        "type": "socket", "data": {"addr": address, "server": True, "wait": False}})
    qemu.execute("chardev-add", id="xlchannel-0", backend={"type": "null", "data": {}})
    qemu.execute("chardev-add", id="xlchannel-1x", backend={"type": "null", "data": {}})
    qemu.execute("chardev-add", id="other", backend={"type": "null", "data": {}})
    added = add(Connection.SOCKET, place)
    assert qemu.chardevs() == ["other", "serial0", "xlchannel-0"]
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(place))
    second = add(Connection.NONE, name="second")
    assert qemu.chardevs() == ["other", "serial0", "xlchannel-0", "xlchannel-1"]
    for channel in added, second:
        xlchannel.remove(GUEST, channel)
    assert qemu.chardevs() == ["other", "serial0"]


def test_many_rounds(qemu):
    for _ in range(50):
        channels = [add(Connection.PTY, name=f"c{n}") for n in range(3)]
        for channel in channels:
            xlchannel.remove(GUEST, channel)
    assert qemu.chardevs() == ["serial0"]


def test_destroy_leaves_no_chardev(qemu, store):
    added = add(Connection.PTY)
    wait_until(lambda: store.read(f"{BACKENDS}/1/state") == "4")
    xlchannel.destroy(GUEST, added)
    assert qemu.chardevs() == ["serial0"]


def test_a_name_that_is_taken_leaves_no_chardev(qemu):
    added = add(Connection.PTY)
    with pytest.raises(xlchannel.DeviceExistsError):
        add(Connection.NONE)
    assert qemu.chardevs() == ["serial0", "xlchannel-0"]
    xlchannel.remove(GUEST, added)


def test_nothing_is_opened_for_what_is_taken(qemu, tmp_path):
    """The same channel again, and others in its place."""
    place, stale = tmp_path / "socket", tmp_path / "stale"
    added = add(Connection.SOCKET, place)
    with socket.socket(socket.AF_UNIX) as nobody:
        nobody.bind(str(stale))
    for arguments in [(Connection.SOCKET, place), (Connection.PATH, tmp_path / "log"), (Connection.SOCKET, stale)]:
        for rest in {}, {"name": "org.test.other", "devid": added.devid}:
            with pytest.raises(xlchannel.DeviceExistsError):
                add(*arguments, **rest)
    assert {path.name for path in tmp_path.iterdir()} == {"socket", "stale"}
    xlchannel.remove(GUEST, added)


def test_the_monitor_is_taken(qemu, store):
    """A QEMU whose monitor others have is there all the same: nothing is removed behind its back."""
    added = add(Connection.PTY)
    wait_until(lambda: store.read(f"{BACKENDS}/1/state") == "4")
    others = [socket.socket(socket.AF_UNIX)]
    others[0].connect(str(qemu.monitor))
    others[0].recv(1)  # QEMU has taken this one, and takes no other
    with pytest.raises(BlockingIOError):
        while True:
            others.append(socket.socket(socket.AF_UNIX))
            others[-1].setblocking(False)
            others[-1].connect(str(qemu.monitor))
    with pytest.raises(xlchannel.TimedOutError, match="did not take another client"):
        xlchannel.remove(GUEST, added)
    assert (store.read(f"{BACKENDS}/1/state"), store.read(f"{BACKENDS}/1/online")) == ("4", "1")
    for other in others:
        other.close()
    xlchannel.remove(GUEST, added)
    assert qemu.chardevs() == ["serial0"]


def test_a_dead_qemu_leaves_no_socket(qemu, tmp_path):
    place = tmp_path / "socket"
    added = add(Connection.SOCKET, place)
    qemu.process.kill()
    qemu.process.wait()
    xlchannel.remove(GUEST, added)
    assert not place.exists()


def test_qemu_dies_while_something_is_added(store, tmp_path):
    place = tmp_path / "socket"
    qemu = QEMU(GUEST)

    def kill():
        wait_until(lambda: store.read(f"{BACKENDS}/1/state"))
        qemu.process.kill()
    with device_model(store, GUEST):
        killer = threading.Thread(target=kill)
        killer.start()
        with pytest.raises(xlchannel.TimedOutError):
            add(Connection.SOCKET, place)
        killer.join()
    qemu.end()
    assert not place.exists()


def run_with(xenstored, program):
    """What a program prints whose xenstored this is."""
    program = ("import xlchannel; from xlchannel import *\nxlchannel.set_logger(lambda level, message: None)\n"
               + textwrap.dedent(program))
    return subprocess.run([sys.executable, "-c", program], env=dict(os.environ, XENSTORED_PATH=xenstored.path), timeout=60,
                          check=True, stdout=subprocess.PIPE, text=True).stdout


def test_nobody_tells_that_the_channel_is_there(qemu, store, tmp_path):
    """The connection breaks at the transaction's end: what was added all the same is taken away."""
    with BreaksAtCommit(tmp_path / "xenstored") as xenstored:
        program = """
            try:
                add(1, Channel("org.test.lost", Connection.PTY))
            except ChannelError as error:
                print(error)
            """
        assert "xenstored closed the connection" in run_with(xenstored, program)
        assert xenstored.count >= 1
    wait_until(lambda: store.children(RECORDS) == ["0"])
    assert qemu.chardevs() == ["serial0"]


def test_ids_of_lost_devices_are_not_given_again(qemu, store):
    """A console names a device that QEMU does not have: its removal must not be that of another's."""
    first = add(Connection.PTY)
    qemu.execute("chardev-remove", id="xlchannel-0")
    second = add(Connection.PTY, name="second")
    assert store.read(f"{RECORDS}/2/xlchannel/chardev") == "xlchannel-1"
    xlchannel.destroy(GUEST, first)
    assert qemu.chardevs() == ["serial0", "xlchannel-1"]
    xlchannel.remove(GUEST, second)


def test_a_transaction_ends_with_its_connection(tmp_path):
    """Other threads open a new connection, which knows nothing of it: no node would be there."""
    with BreaksAfterStart(tmp_path / "xenstored") as xenstored:
        program = """
            import threading
            ends = threading.Event()
            def listing():
                while not ends.is_set():
                    xlchannel.channels(1)
            threads = [threading.Thread(target=listing) for _ in range(3)]
            for thread in threads:
                thread.start()
            for _ in range(100):
                try:
                    add(1, Channel("org.test.none", Connection.NONE))
                except ChannelError as error:
                    print(error)
            ends.set()
            """
        answers = run_with(xenstored, program).splitlines()
        assert xenstored.count == len(answers) == 100
    # Not that there is no such domain.
    assert [line for line in answers if not line.endswith("[FAIL]")] == []


def test_changes_without_end_do_not_make_it_longer(store, tmp_path):
    """There is always something new, but never what add waits for."""
    store.write("/local/domain/0/data/xenchanneld", "1")
    began = time.monotonic()
    try:
        with Noisy(tmp_path / "xenstored") as xenstored:
            program = """
                try:
                    add(1, Channel("org.test.none", Connection.NONE))
                except TimedOutError as error:
                    print("timed out")
                """
            assert run_with(xenstored, program) == "timed out\n"
    finally:
        store.remove("/local/domain/0/data")
    assert 9 < time.monotonic() - began < 14


def test_qemu_dies_while_it_serves(qemu, store):
    added = add(Connection.PTY)
    qemu.process.kill()
    qemu.process.wait()
    with pytest.raises(xlchannel.NotReadyError, match="no QEMU listens"):
        add(Connection.NONE, name="second")
    xlchannel.remove(GUEST, added)  # there is nobody to wait for
    assert store.children(RECORDS) == ["0"]


def test_qemu_hangs_while_it_serves(qemu, store):
    """destroy takes the channel away, and says what it could not."""
    added = add(Connection.PTY)
    qemu.process.send_signal(signal.SIGSTOP)
    with pytest.raises(xlchannel.TimedOutError, match="is removed, but not its character device"):
        xlchannel.destroy(GUEST, added)
    assert store.children(RECORDS) == ["0"]


def test_the_domain_is_destroyed_meanwhile(store):
    """libxl ends QEMU, looks for the domain's devices, and in the end removes the domain's own nodes: of a channel that
    comes in between it leaves the backend, and nobody else would take that away."""
    doomed = 77
    store.write(f"/local/domain/{doomed}/name", "doomed")
    qemu = QEMU(doomed)
    failures = []

    def adding():
        try:
            xlchannel.add(doomed, Channel("org.test.late", Connection.PTY))
        except xlchannel.ChannelError as error:
            failures.append(error)
    thread = threading.Thread(target=adding)
    thread.start()
    wait_until(lambda: store.read(f"/local/domain/0/backend/console/{doomed}/1/state"))
    qemu.end()
    store.remove(f"/libxl/{doomed}")
    store.remove(f"/local/domain/{doomed}")
    thread.join(15)
    assert "was removed meanwhile" in str(failures[0])
    assert store.read(f"/local/domain/0/backend/console/{doomed}") is None


def test_a_guest_without_a_driver(store):
    """The channel is added, its state stays 2, and it can be removed."""
    qemu = QEMU(GUEST)
    try:
        with device_model(store, GUEST), QEMUBackend(GUEST, connects=False):
            added = add(Connection.PTY)
            assert store.read(f"{BACKENDS}/1/state") == "2"
            xlchannel.remove(GUEST, added)
            assert qemu.chardevs() == ["serial0"]
    finally:
        qemu.end()


def test_a_guest_that_does_not_let_go(store):
    """remove gives up after 10 seconds and leaves all as it was; destroy does not ask."""
    qemu = QEMU(GUEST)
    try:
        with device_model(store, GUEST), QEMUBackend(GUEST) as consoles:
            added = add(Connection.PTY)
            wait_until(lambda: store.read(f"{BACKENDS}/1/state") == "4")
            consoles.connects = False
            with pytest.raises(xlchannel.TimedOutError):
                xlchannel.remove(GUEST, added)
            assert (store.read(f"{BACKENDS}/1/state"), store.read(f"{BACKENDS}/1/online")) == ("4", "1")
            assert qemu.chardevs() == ["serial0", "xlchannel-0"]
            xlchannel.destroy(GUEST, added)
            assert qemu.chardevs() == ["serial0"]
    finally:
        qemu.end()


def test_xenchanneld_goes_before_qemu(qemu, store):
    """Where it is announced it serves, and QEMU is not asked; nobody answers here, so the add fails."""
    store.write("/local/domain/0/data/xenchanneld", "1")
    try:
        with pytest.raises(xlchannel.TimedOutError):
            add(Connection.PTY)
    finally:
        store.remove("/local/domain/0/data")
    assert qemu.chardevs() == ["serial0"]


def test_qemu_serves_in_domain_0_alone(qemu):
    with pytest.raises(xlchannel.NotReadyError, match="xenchanneld is not running in the backend domain 2"):
        add(Connection.PTY, backend_domid=2)
    assert qemu.chardevs() == ["serial0"]


def test_a_stubdomain_is_out_of_reach(qemu, store):
    store.write(f"{image_of(GUEST)}/device-model-domid", "2")
    with pytest.raises(xlchannel.NotReadyError):
        add(Connection.PTY)
    assert qemu.chardevs() == ["serial0"]


def test_what_libxl_made_is_removed(qemu, store):
    """A channel of the domain's creation, with libxl's own character device."""
    added = add(Connection.PTY)
    qemu.execute("chardev-add", id="libxl-channel1", backend={"type": "null", "data": {}})
    store.remove(f"{RECORDS}/1/xlchannel")
    qemu.execute("chardev-remove", id="xlchannel-0")
    wait_until(lambda: store.read(f"{BACKENDS}/1/state") == "4")
    xlchannel.remove(GUEST, added)
    assert qemu.chardevs() == ["serial0"]


@pytest.mark.parametrize("maker", ["this library", "libxl"])
def test_a_guest_that_removes_its_own_directory(qemu, store, maker):
    """It does not tell who serves, and QEMU is told all the same that the guest has gone."""
    added = add(Connection.PTY)
    wait_until(lambda: store.read(f"{BACKENDS}/1/state") == "4")
    if maker == "libxl":
        qemu.execute("chardev-add", id="libxl-channel1", backend={"type": "null", "data": {}})
        qemu.execute("chardev-remove", id="xlchannel-0")
        store.remove(f"{RECORDS}/1/xlchannel")
    store.remove(f"{FRONTENDS}/1")
    told = threading.Event()

    def watch():
        wait_until(lambda: store.read(f"{FRONTENDS}/1/state") == "6")
        told.set()
    watcher = threading.Thread(target=watch)
    watcher.start()
    xlchannel.remove(GUEST, added)
    watcher.join()
    assert told.is_set()
    assert qemu.chardevs() == ["serial0"]
