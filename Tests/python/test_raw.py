"""The C functions through ctypes alone, as by someone who does not have the module."""
import ctypes
import os
import subprocess
from ctypes import POINTER, byref, c_char_p, c_int, c_uint32, c_void_p

import pytest
import xlchannel
from conftest import GUEST, store

libc = ctypes.CDLL(None)
libc.strdup.restype, libc.strdup.argtypes = c_void_p, [c_char_p]
libc.free.restype, libc.free.argtypes = None, [c_void_p]

NULL = None
UNKNOWN, PTY, SOCKET, NONE, PATH = 0, 1, 2, 0x100, 0x101
INVAL, DEVICE_EXISTS, NOTFOUND = -6, -17, -23


class Device(ctypes.Structure):
    _fields_ = [("backend_domid", c_uint32), ("backend_domname", c_void_p), ("devid", c_int), ("name", c_void_p),
                ("connection", c_int), ("path", c_void_p)]


class Info(ctypes.Structure):
    _fields_ = [("backend", c_void_p), ("backend_id", c_uint32), ("frontend", c_void_p), ("frontend_id", c_uint32),
                ("devid", c_int), ("state", c_int), ("evtch", c_int), ("rref", c_int), ("connection", c_int),
                ("path", c_void_p)]


Callback = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_void_p)


class How(ctypes.Structure):
    _fields_ = [("callback", Callback), ("for_callback", c_void_p)]


@pytest.fixture(scope="module")
def xl():
    library = ctypes.CDLL(os.environ["XLCHANNEL_LIBRARY"])
    library.libxl_device_channel_list.restype = POINTER(Device)
    library.libxl_device_channel_to_json.restype = c_void_p
    library.libxl_channelinfo_to_json.restype = c_void_p
    library.libxl_channel_connection_to_json.restype = c_void_p
    library.libxl_channel_last_error.restype = c_char_p
    library.libxl_channel_set_logger(NULL)  # other tests in this process import the module, which drops messages
    yield library
    xlchannel.set_logger(None)


def string(pointer):
    return ctypes.string_at(pointer) if pointer else None


def taken(pointer):
    """The text of a malloc'd string, which is freed."""
    text = string(pointer)
    libc.free(pointer)
    return text


def device(xl, name=None, connection=UNKNOWN, path=None, devid=-1):
    result = Device(backend_domid=99, devid=99, name=0xdead, connection=99, path=0xdead)
    xl.libxl_device_channel_init(byref(result))
    xl.libxl_device_channel_init_connection(byref(result), connection)
    result.devid = devid
    result.name = name and libc.strdup(name)
    result.path = path and libc.strdup(path)
    return result


def fields(struct):
    """A struct's values, without the padding between them."""
    return [getattr(struct, name) for name, _ in struct._fields_]


def add(xl, *arguments, **options):
    added = device(xl, *arguments, **options)
    assert xl.libxl_device_channel_add(NULL, GUEST, byref(added), NULL) == 0
    return added


def test_init_and_dispose(xl):
    empty = fields(Device(devid=-1))
    assert fields(device(xl)) == empty
    channel = device(xl, b"org.test", SOCKET, b"/tmp/s")
    channel.backend_domname = libc.strdup(b"driver")
    for _ in range(3):
        xl.libxl_device_channel_dispose(byref(channel))
        assert fields(channel) == empty

    info = Info()
    ctypes.memset(byref(info), 0xff, ctypes.sizeof(info))
    xl.libxl_channelinfo_init(byref(info))
    assert fields(info) == fields(Info(devid=-1))
    xl.libxl_channelinfo_init_connection(byref(info), PTY)
    info.backend, info.path = libc.strdup(b"back"), libc.strdup(b"/dev/pts/7")
    for _ in range(3):
        xl.libxl_channelinfo_dispose(byref(info))
        assert fields(info) == fields(Info(devid=-1))


def test_copy(xl):
    source, copy = device(xl, b"org.test", PATH, b"/tmp/log", devid=5), device(xl)
    xl.libxl_device_channel_copy(NULL, byref(copy), byref(source))
    assert (copy.name != source.name) and (copy.path != source.path)
    xl.libxl_device_channel_dispose(byref(source))
    assert (string(copy.name), string(copy.path), copy.connection, copy.devid) == (b"org.test", b"/tmp/log", PATH, 5)
    xl.libxl_device_channel_dispose(byref(copy))


def test_whole_life(xl, guest, tmp_path):
    number = c_int(77)
    assert not xl.libxl_device_channel_list(NULL, guest, byref(number)) and number.value == 0
    wanted = [(b"pty", PTY, None), (b"socket", SOCKET, os.fsencode(tmp_path / "s")),
              (b"path", PATH, os.fsencode(tmp_path / "l")), (b"none", NONE, None)]
    for devid, arguments in enumerate(wanted):
        added = add(xl, *arguments)
        assert added.devid == devid
        xl.libxl_device_channel_dispose(byref(added))

    channels = xl.libxl_device_channel_list(NULL, guest, byref(number))
    assert number.value == 4
    assert [(string(c.name), c.connection, string(c.path)) for c in channels[:4]] == wanted
    for devid in range(4):
        channel, info = channels[devid], Info()
        assert xl.libxl_device_channel_getinfo(NULL, guest, byref(channel), byref(info)) == 0
        assert (info.devid, info.state, info.evtch, info.rref) == (devid, 1, -1, -1)
        assert (info.connection, info.backend_id, info.frontend_id) == (channel.connection, 0, guest)
        assert string(info.backend) == b"/local/domain/0/backend/console/%d/%d" % (guest, devid + 1)
        assert string(info.frontend) == b"/local/domain/%d/device/console/%d" % (guest, devid + 1)
        assert string(info.path).startswith(b"/dev/pts/") if channel.connection == PTY else info.path is None

        text = taken(xl.libxl_channelinfo_to_json(NULL, byref(info)))
        again = Info()
        xl.libxl_channelinfo_init(byref(again))
        assert xl.libxl_channelinfo_from_json(NULL, byref(again), text) == 0
        assert taken(xl.libxl_channelinfo_to_json(NULL, byref(again))) == text
        xl.libxl_channelinfo_dispose(byref(again))
        xl.libxl_channelinfo_dispose(byref(info))

        text = taken(xl.libxl_device_channel_to_json(NULL, byref(channel)))
        copy = device(xl)
        assert xl.libxl_device_channel_from_json(NULL, byref(copy), text) == 0
        assert (copy.devid, string(copy.name), string(copy.path)) == (devid, string(channel.name), string(channel.path))
        xl.libxl_device_channel_dispose(byref(copy))

        for find, key in (xl.libxl_devid_to_device_channel, devid), (xl.libxl_name_to_device_channel, wanted[devid][0]):
            assert find(NULL, guest, key, byref(copy)) == 0
            assert (copy.devid, string(copy.name), copy.connection) == (devid, *wanted[devid][:2])
            xl.libxl_device_channel_dispose(byref(copy))
    for devid, remove in enumerate([xl.libxl_device_channel_remove, xl.libxl_device_channel_destroy] * 2):
        assert remove(NULL, guest, byref(channels[devid]), NULL) == 0
        assert remove(NULL, guest, byref(channels[devid]), NULL) == NOTFOUND
    xl.libxl_device_channel_list_free(channels, number)
    assert not xl.libxl_device_channel_list(NULL, guest, byref(number)) and number.value == 0


def test_ctx_is_not_read(xl, guest):
    """A pointer that nobody may follow."""
    ctx = c_void_p(8)
    channel, number = device(xl, b"org.test", NONE), c_int()
    assert xl.libxl_device_channel_add(ctx, guest, byref(channel), NULL) == 0
    xl.libxl_device_channel_list_free(xl.libxl_device_channel_list(ctx, guest, byref(number)), number)
    assert number.value == 1
    assert taken(xl.libxl_device_channel_to_json(ctx, byref(channel)))
    assert xl.libxl_device_channel_remove(ctx, guest, byref(channel), NULL) == 0
    xl.libxl_device_channel_dispose(byref(channel))


def test_ao_how(xl, guest, capfd):
    calls = []
    callback = Callback(lambda ctx, rc, mine: calls.append((ctx, rc, mine)))
    how = How(callback, 1234)
    channel = device(xl, b"org.test", NONE)
    assert xl.libxl_device_channel_add(c_void_p(8), guest, byref(channel), byref(how)) == 0
    assert calls.pop() == (8, 0, 1234) and channel.devid == 0
    double = device(xl, b"org.test", NONE)
    assert xl.libxl_device_channel_add(NULL, guest, byref(double), byref(how)) == 0
    assert calls.pop() == (None, DEVICE_EXISTS, 1234)
    assert xl.libxl_device_channel_remove(NULL, guest, byref(channel), byref(How())) == INVAL, "no events"
    assert xl.libxl_device_channel_remove(NULL, guest, byref(channel), byref(how)) == 0
    assert calls == [(None, 0, 1234)]
    assert len(capfd.readouterr().err.splitlines()) == 2
    for each in channel, double:
        xl.libxl_device_channel_dispose(byref(each))


def test_null_arguments(xl, guest):
    channel, info, number = device(xl), Info(), c_int()
    for function in xl.libxl_device_channel_add, xl.libxl_device_channel_remove, xl.libxl_device_channel_destroy:
        assert function(NULL, guest, NULL, NULL) == INVAL
    assert xl.libxl_device_channel_getinfo(NULL, guest, NULL, byref(info)) == INVAL
    assert xl.libxl_device_channel_getinfo(NULL, guest, byref(channel), NULL) == INVAL
    assert xl.libxl_devid_to_device_channel(NULL, guest, 0, NULL) == INVAL
    assert xl.libxl_name_to_device_channel(NULL, guest, NULL, byref(channel)) == INVAL
    assert xl.libxl_name_to_device_channel(NULL, guest, b"name", NULL) == INVAL
    assert not xl.libxl_device_channel_list(NULL, guest, NULL)
    for kind, struct in ("device_channel", channel), ("channelinfo", info):
        for function in "init", "dispose":
            getattr(xl, f"libxl_{kind}_{function}")(NULL)
        getattr(xl, f"libxl_{kind}_init_connection")(NULL, PTY)
        getattr(xl, f"libxl_{kind}_copy")(NULL, NULL, NULL)
        assert not getattr(xl, f"libxl_{kind}_to_json")(NULL, NULL)
        assert getattr(xl, f"libxl_{kind}_from_json")(NULL, NULL, b"{}") == INVAL
        for function, arguments in ("from_json", (byref(struct), NULL)), ("parse_json", (NULL, byref(struct))):
            ctypes.memset(byref(struct), 0x5a, ctypes.sizeof(struct))
            assert getattr(xl, f"libxl_{kind}_{function}")(NULL, *arguments) == INVAL
            assert fields(struct) == fields(type(struct)(devid=-1)), "initialised"
        assert getattr(xl, f"libxl_{kind}_gen_json")(NULL, NULL) != 0
    assert xl.libxl_channel_connection_from_string(NULL, byref(number)) == INVAL
    assert xl.libxl_channel_connection_from_string(b"pty", NULL) == INVAL
    assert xl.libxl_channel_connection_from_json(NULL, NULL, NULL) == INVAL
    xl.libxl_device_channel_list_free(NULL, 5)
    xl.libxl_channel_set_logger(NULL)


def test_a_failed_look_up_leaves_an_initialised_struct(xl, guest, capfd):
    initialised = fields(device(xl))
    for find, key in (xl.libxl_devid_to_device_channel, 5), (xl.libxl_name_to_device_channel, b"nobody"):
        channel = Device()
        ctypes.memset(byref(channel), 0xff, ctypes.sizeof(channel))
        assert find(NULL, guest, key, byref(channel)) == NOTFOUND
        assert fields(channel) == initialised
    assert len(capfd.readouterr().err.splitlines()) == 2


def test_a_failed_add_changes_nothing(xl, guest, capfd):
    before = store()
    channel = device(xl, b"org.test", SOCKET, b"relative")
    fields_before = fields(channel)
    assert xl.libxl_device_channel_add(NULL, guest, byref(channel), NULL) == INVAL
    assert fields(channel) == fields_before
    assert store() == before
    assert "org.test" in capfd.readouterr().err
    xl.libxl_device_channel_dispose(byref(channel))


def test_what_another_toolstack_does_meanwhile(xl, guest):
    """list leaves out what is half gone, and tells what it does not know as UNKNOWN."""
    added = [add(xl, name, PTY) for name in (b"first", b"second", b"third")]
    records = f"/libxl/{guest}/device/console"
    # Other toolstacks write no summary.
    subprocess.run(["xenstore-rm", *(f"{records}/{console}/xlchannel" for console in (1, 2, 3))], check=True)
    subprocess.run(["xenstore-write", f"{records}/2/connection", "smoke signals"], check=True)
    subprocess.run(["xenstore-rm", f"{records}/3/name"], check=True)
    number = c_int()
    channels = xl.libxl_device_channel_list(NULL, guest, byref(number))
    assert [(string(c.name), c.devid, c.connection) for c in channels[:number.value]] == [
        (b"first", 0, PTY), (b"second", 1, UNKNOWN)]
    xl.libxl_device_channel_list_free(channels, number)
    subprocess.run(["xenstore-write", f"{records}/3/name", "third"], check=True)
    for channel in added:
        assert xl.libxl_device_channel_remove(NULL, guest, byref(channel), NULL) == 0
        xl.libxl_device_channel_dispose(byref(channel))


def test_last_error(xl, guest, capfd):
    channel = device(xl)
    assert xl.libxl_devid_to_device_channel(NULL, guest, 5, byref(channel)) == NOTFOUND
    message = xl.libxl_channel_last_error()
    assert message == b"domain %d: there is no channel with devid 5" % guest
    assert capfd.readouterr().err == f"libxlchannel: error: {message.decode()}\n"
    assert not xl.libxl_device_channel_list(NULL, guest, byref(c_int()))
    assert xl.libxl_channel_last_error() == message, "a success leaves it"
    assert xl.libxl_device_channel_add(NULL, guest, NULL, NULL) == INVAL
    assert xl.libxl_channel_last_error() == b"an argument is NULL"
    assert capfd.readouterr().err == ""


def test_connection_json(xl):
    value = c_int()
    for connection, word in (UNKNOWN, b"unknown"), (PTY, b"pty"), (SOCKET, b"socket"), (NONE, b"none"), (PATH, b"path"):
        text = taken(xl.libxl_channel_connection_to_json(NULL, connection))
        assert text.strip() == b'"' + word + b'"'
        assert xl.libxl_channel_connection_from_json(NULL, byref(value), text) == 0 and value.value == connection
