"""The life of channels through the module: add, list, info, look up, JSON, remove."""
import json
import multiprocessing
import os
import pathlib
import re
import subprocess
import threading

import pytest
import xlchannel
from conftest import GUEST, LOGS, store
from xlchannel import Channel, Connection


@pytest.fixture
def four(tmp_path):
    return [
        Channel("org.test.pty", Connection.PTY),
        Channel("org.test.socket", Connection.SOCKET, f"{tmp_path}/socket"),
        Channel("org.test.path", Connection.PATH, f"{tmp_path}/log"),
        Channel("org.test.none", Connection.NONE),
    ]


def test_the_whole_life(guest, four):
    assert xlchannel.channels(guest) == []
    before = store()

    added = [xlchannel.add(guest, channel) for channel in four]
    assert [channel.devid for channel in added] == [0, 1, 2, 3]
    for given, channel in zip(four, added):
        assert given.devid == -1, "the argument is not changed"
        assert channel == Channel(given.name, given.connection, given.path, channel.devid)
    assert xlchannel.channels(guest) == added
    assert xlchannel.channels(guest + 1) == [], "another guest has none of them"
    assert xlchannel.all_channels() == {guest: added}

    for channel in added:
        console = channel.devid + 1
        info = xlchannel.info(guest, channel)
        # add returns when the channel is served: a terminal is there.
        terminal = info.path
        assert re.fullmatch(r"/dev/pts/\d+", terminal) if channel.connection == Connection.PTY else terminal is None
        assert info == xlchannel.ChannelInfo(
            backend=f"/local/domain/0/backend/console/{guest}/{console}", backend_id=0,
            frontend=f"/local/domain/{guest}/device/console/{console}", frontend_id=guest,
            devid=channel.devid, state=1, evtch=-1, rref=-1, connection=channel.connection, path=terminal)
        assert xlchannel.info(guest, Channel(channel.name)) == info, "by its name"
        assert xlchannel.info(guest, Channel(devid=channel.devid)) == info, "by its devid, with the connection looked up"
        said = xlchannel.info(guest, Channel(devid=channel.devid, connection=Connection.PATH))
        assert (said.connection, said.path) == (Connection.PATH, None), "a connection that is given is taken"
        assert xlchannel.by_devid(guest, channel.devid) == channel
        assert xlchannel.by_name(guest, channel.name) == channel
        assert xlchannel.by_name(guest, channel.name.encode()) == channel
        assert xlchannel.from_json(xlchannel.to_json(channel)) == channel

    # In an order that makes holes; the others keep their devids.
    xlchannel.remove(guest, added[1])
    assert xlchannel.channels(guest) == [added[0], added[2], added[3]]
    assert xlchannel.add(guest, four[1]).devid == 1, "the lowest free one"
    xlchannel.remove(guest, Channel(added[1].name))
    xlchannel.destroy(guest, Channel(devid=3))
    xlchannel.remove(guest, added[2])
    xlchannel.destroy(guest, added[0])
    assert xlchannel.channels(guest) == []
    assert store() == before


def test_domains_by_name(guest):
    assert xlchannel.domid(f"guest{guest}") == xlchannel.domid(str(guest)) == guest
    assert xlchannel.domid("Domain-0") == 0
    with pytest.raises(xlchannel.DomainNotFoundError, match='there is no domain named "nobody"'):
        xlchannel.domid("nobody")
    with pytest.raises(xlchannel.InvalidError):
        xlchannel.domid("")
    with pytest.raises(xlchannel.InvalidError):
        xlchannel.domid("a\0b")


def test_nodes(guest, four):
    added = [xlchannel.add(guest, channel) for channel in four]
    nodes = store()
    for channel in added:
        console = channel.devid + 1
        front = f"/local/domain/{guest}/device/console/{console}"
        back = f"/local/domain/0/backend/console/{guest}/{console}"
        assert f'{front} = ""   (n{guest},r0)' in nodes
        assert f'{front}/name = "{channel.name}"   (n0,r{guest})' in nodes
        assert f'{front}/state = "1"   (n{guest},r0)' in nodes
        assert f'{back}/state = "2"   (n0,r{guest})' in nodes, "served, and waiting for the guest"
        assert f'{back}/connection = "{channel.connection}"   (n0,r{guest})' in nodes
        if channel.path:
            assert f'{back}/path = "{channel.path}"   (n0,r{guest})' in nodes
        # libxl must not stumble over the connections that it does not know.
        named = f'/libxl/{guest}/device/console/{console}/name = "{channel.name}"   (n0)' in nodes
        assert named == (channel.connection in (Connection.PTY, Connection.SOCKET))
        xlchannel.remove(guest, channel)


@pytest.mark.parametrize("take_away", [xlchannel.remove, xlchannel.destroy])
def test_a_guest_hears_of_the_last_channels_end(guest, take_away):
    """Linux removes a device when it hears of the device's own directory; a directory above it is nothing to it."""
    directory = f"/local/domain/{guest}/device"
    added = xlchannel.add(guest, Channel("org.test.only", Connection.NONE))
    with subprocess.Popen(["timeout", "2", "xenstore-watch", directory], stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout.readline().strip() == directory
        take_away(guest, added)
        heard = watch.stdout.read().split()
    assert f"{directory}/console/1" in heard


def test_given_devids(guest):
    added = [xlchannel.add(guest, Channel(f"devid {devid}", Connection.NONE, devid=devid)) for devid in (7, 0, 20)]
    assert [channel.devid for channel in added] == [7, 0, 20]
    assert xlchannel.add(guest, Channel("automatic", Connection.NONE)).devid == 1
    assert [channel.devid for channel in xlchannel.channels(guest)] == [0, 1, 7, 20]
    for channel in xlchannel.channels(guest):
        xlchannel.remove(guest, channel)


def test_automatic_devids_suit_linux(guest):
    messages = []
    xlchannel.set_logger(lambda level, message: messages.append((level, message)))
    try:
        added = [xlchannel.add(guest, Channel(f"number {n}", Connection.NONE)) for n in range(12)]
    finally:
        xlchannel.set_logger(None)
    # Consoles 10, 20, … never get a device in a Linux guest; from 11 on they share one, which the log tells.
    assert [channel.devid for channel in added] == [*range(9), 10, 11, 12]
    assert [level for level, _ in messages] == [xlchannel.LogLevel.WARN] * 3
    assert "number 9" in messages[0][1] and f"domain {GUEST}" in messages[0][1]
    for channel in added:
        xlchannel.remove(guest, channel)


@pytest.mark.parametrize("backend", ["0", "Domain-0", b"Domain-0", ""])
def test_backend_by_name(guest, backend):
    added = xlchannel.add(guest, Channel("org.test", Connection.PTY, backend_domname=backend))
    assert added.backend_domid == 0
    assert xlchannel.channels(guest)[0].backend_domid == 0
    xlchannel.remove(guest, added)


@pytest.mark.parametrize("backend", [{"backend_domid": 2}, {"backend_domname": "guest2"},
                                     {"backend_domname": "2", "backend_domid": 77}], ids=str)
def test_driver_domain(guest, driver_domain, backend):
    added = xlchannel.add(guest, Channel("org.test", Connection.PTY, **backend))
    assert added.backend_domid == 2
    assert xlchannel.by_name(guest, "org.test").backend_domid == 2
    assert xlchannel.info(guest, added).backend == f"/local/domain/2/backend/console/{guest}/1"
    xlchannel.remove(guest, added)


@pytest.mark.parametrize("name", [
    "a", "n" * 256, "ünïcödé", "with blanks", 'quote " and \\ backslash', "../..", "%s%n", b"\xff\xfe not UTF-8",
    "escaped \udcff", "{}", " ", "a/b"], ids=ascii)
def test_names(guest, name):
    channel = Channel(name, Connection.PATH, f"{LOGS}/names")
    added = xlchannel.add(guest, channel)
    assert added.name == (name if isinstance(name, str) else name.decode("utf-8", "surrogateescape"))
    assert xlchannel.channels(guest) == [added]
    assert xlchannel.by_name(guest, name) == added
    xlchannel.remove(guest, Channel(name))


class Somewhere(os.PathLike):
    def __fspath__(self):
        return b"/tmp/\xff"


def test_texts():
    channel = Channel(b"org.\xff", Connection.PATH, pathlib.Path("/tmp/s"), backend_domname=bytearray(b"driver"))
    assert channel == Channel("org.\udcff", Connection.PATH, "/tmp/s", backend_domname="driver")
    assert Channel(path=b"/tmp/\xff").path == Channel(path=Somewhere()).path == "/tmp/\udcff"
    assert xlchannel.from_json(xlchannel.to_json(Channel("n", Connection.PATH, pathlib.Path("/a")))).path == "/a"


def test_json_text():
    channel = Channel("org.test", Connection.SOCKET, "/tmp/s", devid=4, backend_domid=3, backend_domname="driver")
    assert json.loads(xlchannel.to_json(channel)) == {
        "backend_domid": 3, "backend_domname": "driver", "devid": 4, "name": "org.test",
        "connection.socket": {"path": "/tmp/s"}}
    assert json.loads(xlchannel.to_json(Channel())) == {"name": "", "connection.unknown": {}}
    assert xlchannel.to_json(Channel("ä", Connection.NONE)) == (
        '{\n    "name": "ä",\n    "connection.none": {\n\n    }\n}\n')
    assert xlchannel.from_json("{}") == Channel()
    assert xlchannel.from_json(b'{"connection.path": {"path": "/\xc3\xa4"}}') == Channel("", Connection.PATH, "/ä")


def test_config_document():
    document = """{"c_info": {"name": "guest", "channels": [1]}, "channels": [
        {"devid": 0, "name": "org.test.pty", "connection.pty": {}},
        {"name": "org.test.socket", "connection.socket": {"path": "/tmp/s"}}], "disks": []}"""
    assert xlchannel.config_channels(document) == [
        Channel("org.test.pty", Connection.PTY, devid=0), Channel("org.test.socket", Connection.SOCKET, "/tmp/s")]
    assert xlchannel.config_channels("{}") == []
    for bad in "", "[", '{"channels": [{"devid": 1}', "{}\0":
        with pytest.raises(xlchannel.ChannelError):
            xlchannel.config_channels(bad)


def in_threads(count, work):
    errors = []

    def guarded(number):
        try:
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads)
    assert errors == []


def test_threads_add_and_remove(guest):
    taken = set()
    lock = threading.Lock()

    def work(number):
        for round in range(15):
            added = xlchannel.add(guest, Channel(f"thread {number}, {round}", Connection.NONE))
            with lock:
                assert added.devid not in taken, "two threads got the same devid"
                taken.add(added.devid)
            assert xlchannel.by_name(guest, added.name) == added
            assert added in xlchannel.channels(guest)
            with lock:
                taken.remove(added.devid)
            xlchannel.remove(guest, added)

    in_threads(8, work)


def test_threads_see_their_own_errors(guest):
    xlchannel.set_logger(lambda level, message: None)

    def work(number):
        for _ in range(50):
            with pytest.raises(xlchannel.NotFoundError, match=rf"no channel with devid {number * 100} \["):
                xlchannel.by_devid(guest, number * 100)

    try:
        in_threads(8, work)
    finally:
        xlchannel.set_logger(None)


def add_in_child(name):
    return xlchannel.add(GUEST, Channel(name, Connection.NONE))


def test_fork(guest):
    first = xlchannel.add(guest, Channel("parent", Connection.NONE))
    names = [f"child {number}" for number in range(20)]
    with multiprocessing.get_context("fork").Pool(4) as pool:
        added = pool.map(add_in_child, names)
        with pytest.raises(xlchannel.DeviceExistsError) as caught:
            pool.map(add_in_child, ["parent"])
        assert caught.value.channel_name == "parent", "the exception comes over whole"
    assert len({channel.devid for channel in added}) == 20
    listed = xlchannel.channels(guest)
    assert listed == sorted([first, *added], key=lambda channel: channel.devid)
    for channel in listed:
        xlchannel.remove(guest, channel)
