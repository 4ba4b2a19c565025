"""The posted family by ctypes alone: its numbers 0 to 3 and its _v2 symbols, as by someone who has the patch."""
import ctypes
import json
import os
import re
import subprocess
from ctypes import POINTER, byref, c_char_p, c_int, c_uint32, c_void_p

import pytest
import xlchannel
from conftest import GUEST, NOBODY, store
from test_raw import Callback, How, Info, libc, string, taken

NULL = None
NONE, PTY, PATH, SOCKET = range(4)
WORDS = [b"none", b"pty", b"path", b"socket"]
FAIL, INVAL, DEVICE_EXISTS, DOMAIN_NOTFOUND, NOTFOUND = -3, -6, -17, -21, -23


class Device(ctypes.Structure):
    _fields_ = [("backend_domid", c_uint32), ("backend_domname", c_void_p), ("devid", c_int), ("name", c_void_p),
                ("type", c_int), ("path", c_void_p)]


class Entry(ctypes.Structure):
    _fields_ = [("s", c_char_p), ("v", c_int)]


@pytest.fixture(scope="module")
def xl():
    library = ctypes.CDLL(os.environ["XLCHANNEL_LIBRARY"])
    library.libxl_device_channel_v2_list.restype = POINTER(Device)
    library.libxl_device_channel_v2_to_json.restype = c_void_p
    library.libxl_domain_config_channels_v2_to_json.restype = c_void_p
    library.libxl_channel_type_to_json.restype = c_void_p
    library.libxl_channel_type_to_string.restype = c_char_p
    library.libxl_channel_set_logger(None)  # other tests in this process import the module, which drops messages
    yield library
    xlchannel.set_logger(None)


def device(xl, name=None, type=NONE, path=None, devid=-1):
    result = Device(backend_domid=99, devid=99, name=0xdead, type=99, path=0xdead)
    xl.libxl_device_channel_v2_init(byref(result))
    assert values(result) == (0, None, -1, None, NONE, None)
    result.type, result.devid = type, devid
    result.name = name and libc.strdup(name)
    result.path = path and libc.strdup(path)
    return result


def values(channel):
    return (channel.backend_domid, string(channel.backend_domname), channel.devid, string(channel.name), channel.type,
            string(channel.path))


def four(xl, directory):
    channels = [device(xl, b"org.test.none", NONE), device(xl, b"org.test.pty", PTY),
                device(xl, b"org.test.path", PATH, os.fsencode(directory / "log")),
                device(xl, b"org.test.socket", SOCKET, os.fsencode(directory / "socket"))]
    return (Device * 4)(*channels)


def listed(xl, domid=GUEST):
    number = c_int(77)
    channels = xl.libxl_device_channel_v2_list(NULL, domid, byref(number))
    result = [values(channel) for channel in channels[:number.value]] if channels else []
    assert len(result) == number.value
    xl.libxl_device_channel_v2_list_free(channels, number)
    return result


def test_layout():
    assert ctypes.sizeof(Device) == 48
    assert [getattr(Device, name).offset for name, _ in Device._fields_] == [0, 8, 16, 24, 32, 40]


def test_enumeration(xl):
    table = (Entry * 5).in_dll(xl, "libxl_channel_type_string_table")
    assert [(entry.s, entry.v) for entry in table] == [*zip(WORDS, range(4)), (None, -1)]
    value = c_int()
    for number, word in enumerate(WORDS):
        assert xl.libxl_channel_type_to_string(number) == word
        for text in word, word.upper(), word.title():
            value.value = 99
            assert xl.libxl_channel_type_from_string(text, byref(value)) == 0 and value.value == number
        text = taken(xl.libxl_channel_type_to_json(NULL, number))
        assert text == b'"' + word + b'"\n'
        assert xl.libxl_channel_type_from_json(NULL, byref(value), text) == 0 and value.value == number
    for number in 4, -1, 0x100, 2**31 - 1:
        assert xl.libxl_channel_type_to_string(number) is None
    for word in b"", b"unknown", b"3", b"carrier pigeon":
        assert xl.libxl_channel_type_from_string(word, byref(value)) == FAIL


def test_json(xl, capfd):
    channel = device(xl, b"org.test", SOCKET, b"/a", devid=0)
    text = taken(xl.libxl_device_channel_v2_to_json(NULL, byref(channel)))
    assert text == b'{\n    "devid": 0,\n    "name": "org.test",\n    "type": "socket",\n    "path": "/a"\n}\n'
    again, copy = Device(), Device()
    assert xl.libxl_device_channel_v2_from_json(NULL, byref(again), text) == 0
    xl.libxl_device_channel_v2_copy(NULL, byref(copy), byref(channel))
    assert values(again) == values(copy) == values(channel)
    assert copy.name != channel.name and copy.path != channel.path
    for each in channel, again, copy:
        for _ in range(2):
            xl.libxl_device_channel_v2_dispose(byref(each))
            assert values(each) == (0, None, -1, None, NONE, None)
    for text in b'{"type": 3}', b'{"type": "unknown"}', b'{"devid": "0"}', b'{"name": []}', b"[]", b"{":
        assert xl.libxl_device_channel_v2_from_json(NULL, byref(again), text) == FAIL
        xl.libxl_device_channel_v2_dispose(byref(again))
    assert len(capfd.readouterr().err.splitlines()) == 6


def test_the_whole_life(xl, guest, tmp_path):
    assert listed(xl) == []
    wanted = []
    for devid, channel in enumerate(four(xl, tmp_path)):
        assert xl.libxl_device_channel_v2_add(NULL, guest, byref(channel), NULL) == 0
        assert (channel.devid, channel.backend_domid) == (devid, 0)
        wanted.append(values(channel))
        info = Info()
        assert xl.libxl_device_channel_v2_getinfo(NULL, guest, byref(channel), byref(info)) == 0
        assert (info.devid, info.state, info.evtch, info.rref, info.frontend_id) == (devid, 1, -1, -1, guest)
        assert string(info.backend) == b"/local/domain/0/backend/console/%d/%d" % (guest, devid + 1)
        # A libxl_channelinfo has the released family's connection.
        assert info.connection == [0x100, 1, 0x101, 2][channel.type]
        if channel.type == PTY:
            assert re.fullmatch(rb"/dev/pts/\d+", string(info.path))
        xl.libxl_channelinfo_dispose(byref(info))
        xl.libxl_device_channel_v2_dispose(byref(channel))
    assert [channel[4] for channel in wanted] == [0, 1, 2, 3]
    assert listed(xl) == wanted
    assert (tmp_path / "socket").is_socket()

    # The released family sees the same, and may take it away.
    found = Device()
    assert xl.libxl_name_to_device_channel(NULL, guest, b"org.test.path", byref(found)) == 0
    assert (found.devid, found.type, string(found.path)) == (2, 0x101, wanted[2][5])
    assert xl.libxl_device_channel_remove(NULL, guest, byref(found), NULL) == 0
    xl.libxl_device_channel_dispose(byref(found))
    assert listed(xl) == [wanted[0], wanted[1], wanted[3]]

    for devid, remove in ((0, xl.libxl_device_channel_v2_remove), (1, xl.libxl_device_channel_v2_destroy),
                          (3, xl.libxl_device_channel_v2_remove)):
        channel = device(xl, devid=devid)
        assert remove(NULL, guest, byref(channel), NULL) == 0
    assert listed(xl) == []
    assert not (tmp_path / "socket").exists()


def test_the_array(xl, guest, tmp_path, capfd):
    channels = four(xl, tmp_path)
    before = store()
    # One of them cannot be: none is added, and a line tells which and why.
    path, channels[3].path = channels[3].path, None
    assert xl.libxl_device_channels_v2_add(NULL, guest, channels, 4, NULL) == INVAL
    [line] = capfd.readouterr().err.splitlines()
    assert f"domain {guest}" in line and "channels[3]" in line and "org.test.socket" in line and "no path" in line
    assert store() == before and [channel.devid for channel in channels] == [-1] * 4
    channels[3].path = path

    assert xl.libxl_device_channels_v2_add(NULL, guest, channels, 0, NULL) == 0 and store() == before
    assert xl.libxl_device_channels_v2_add(NULL, guest, channels, 4, NULL) == 0
    assert [channel.devid for channel in channels] == [0, 1, 2, 3]
    assert listed(xl) == [values(channel) for channel in channels]

    text = taken(xl.libxl_domain_config_channels_v2_to_json(NULL, channels, 4))
    assert [channel.get("type") for channel in json.loads(text)["channels"]] == [None, "pty", "path", "socket"]
    again, number = POINTER(Device)(), c_int()
    document = b'{"c_info": {"channels": [1]}, "disks": [{"channels": [{}]}], ' + text.strip()[1:]
    assert xl.libxl_domain_config_channels_v2_from_json(NULL, byref(again), byref(number), document) == 0
    assert [values(channel) for channel in again[:number.value]] == [values(channel) for channel in channels]
    xl.libxl_device_channel_v2_list_free(again, number)

    for channel in channels:
        assert xl.libxl_device_channel_v2_remove(NULL, guest, byref(channel), NULL) == 0
        xl.libxl_device_channel_v2_dispose(byref(channel))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("type, connection", [(NONE, 0x100), (PTY, 1), (PATH, 0x101), (SOCKET, 2)])
def test_conversion(xl, capfd, type, connection):
    channel = device(xl, b"org.test", type, b"/p" if type in (PATH, SOCKET) else None, devid=7)
    released, again = Device(name=0xdead), Device(name=0xdead)
    assert xl.libxl_device_channel_v2_to_released(NULL, byref(released), byref(channel)) == 0
    assert values(released) == (*values(channel)[:4], connection, values(channel)[5])
    assert xl.libxl_device_channel_v2_from_released(NULL, byref(again), byref(released)) == 0
    assert values(again) == values(channel)
    for unknown in 0, 3, 99, -1:
        released.type = unknown
        xl.libxl_device_channel_v2_dispose(byref(again))
        assert xl.libxl_device_channel_v2_from_released(NULL, byref(again), byref(released)) == INVAL
        assert values(again) == (0, None, -1, None, NONE, None)
    released.type = connection
    assert len(capfd.readouterr().err.splitlines()) == 4
    xl.libxl_device_channel_dispose(byref(released))
    xl.libxl_device_channel_v2_dispose(byref(channel))


def test_errors(xl, guest, capfd):
    channel, other = device(xl, b"org.test", PTY), device(xl, b"org.test", NONE)
    assert xl.libxl_device_channel_v2_add(NULL, NOBODY, byref(channel), NULL) == DOMAIN_NOTFOUND
    assert xl.libxl_device_channel_v2_remove(NULL, guest, byref(channel), NULL) == NOTFOUND
    assert xl.libxl_device_channel_v2_add(NULL, guest, byref(channel), NULL) == 0
    calls = []
    how = How(Callback(lambda ctx, code, mine: calls.append((ctx, code, mine))), 1234)
    assert xl.libxl_device_channel_v2_add(NULL, guest, byref(other), byref(how)) == 0
    assert calls == [(None, DEVICE_EXISTS, 1234)]
    assert xl.libxl_device_channel_v2_remove(NULL, guest, byref(channel), NULL) == 0
    for type in 4, 0x101, -1:
        other.type = type
        assert xl.libxl_device_channel_v2_add(NULL, guest, byref(other), NULL) == INVAL
    assert all("org.test" in line for line in capfd.readouterr().err.splitlines())
    for each in channel, other:
        xl.libxl_device_channel_v2_dispose(byref(each))


def test_what_has_no_type_is_left_out(xl, guest, capfd):
    """A connection that another toolstack gave: no number stands for it."""
    channel = device(xl, b"org.test", PTY)
    assert xl.libxl_device_channel_v2_add(NULL, guest, byref(channel), NULL) == 0
    record = f"/libxl/{guest}/device/console/1"
    # In the summary, and without one as libxl has it.
    subprocess.run(["xenstore-write", f"{record}/xlchannel", "smoke signals\n0\norg.test"], check=True)
    assert listed(xl) == []
    subprocess.run(["xenstore-rm", f"{record}/xlchannel"], check=True)
    assert listed(xl) == [values(channel)]
    subprocess.run(["xenstore-write", f"{record}/connection", "smoke signals"], check=True)
    assert listed(xl) == []
    subprocess.run(["xenstore-write", f"{record}/connection", "pty"], check=True)
    assert listed(xl) == [values(channel)]
    assert xl.libxl_device_channel_v2_remove(NULL, guest, byref(channel), NULL) == 0
    xl.libxl_device_channel_v2_dispose(byref(channel))
