"""The ctypes structs, numbers and prototypes against the C headers and the library."""
import ctypes
import inspect
import pydoc
import re
import subprocess

import pytest
import xlchannel
from conftest import ROOT
from xlchannel import Connection, ErrorCode, LogLevel, abi

LAYOUTS = {
    xlchannel.libxl_device_channel: (48, {
        "backend_domid": 0, "backend_domname": 8, "devid": 16, "name": 24, "connection": 32, "u": 40}),
    xlchannel.libxl_domain_channel: (56, {"domid": 0, "channel": 8}),
    xlchannel.libxl_channelinfo: (56, {
        "backend": 0, "backend_id": 8, "frontend": 16, "frontend_id": 24, "devid": 28, "state": 32, "evtch": 36,
        "rref": 40, "connection": 44, "u": 48}),
    xlchannel.libxl_asyncop_how: (16, {"callback": 0, "u": 8}),
    xlchannel.libxl_enum_string_table: (16, {"s": 0, "v": 8}),
    xlchannel.xentoollog_logger: (24, {"vmessage": 0, "progress": 8, "destroy": 16}),
}
UNIONS = {
    "libxl_device_channel": "u.socket.path",
    "libxl_channelinfo": "u.pty.path",
    "libxl_asyncop_how": "u.for_callback",
}


@pytest.mark.parametrize("struct", LAYOUTS, ids=lambda struct: struct.__name__)
def test_struct(struct):
    size, offsets = LAYOUTS[struct]
    assert ctypes.sizeof(struct) == size
    assert {name: getattr(struct, name).offset for name, _ in struct._fields_} == offsets


def c_numbers(directory, expressions):
    """What the C compiler makes of expressions, with the headers included."""
    source = directory / "numbers.c"
    source.write_text("#include <libxl_channel.h>\n#include <stddef.h>\nint main(void)\n{\n" + "".join(
        f'    printf("%lld\\n", (long long)({expression}));\n' for expression in expressions) + "}\n")
    flags = subprocess.run(["pkg-config", "--cflags", "xenlight", "yajl"], check=True, capture_output=True, text=True)
    subprocess.run(["gcc", "-Wall", "-Werror", f"-I{ROOT}/include", *flags.stdout.split(), source,
                    "-o", directory / "numbers"], check=True)
    output = subprocess.run([directory / "numbers"], check=True, capture_output=True, text=True).stdout
    return dict(zip(expressions, map(int, output.split())))


def test_c_compiler_agrees(tmp_path):
    expected = {}
    for struct, (size, offsets) in LAYOUTS.items():
        name = struct.__name__
        expected[f"sizeof({name})"] = size
        for field, offset in offsets.items():
            expected[f"offsetof({name}, {field})"] = offset
            expected[f"sizeof((({name} *)0)->{field})"] = getattr(struct, field).size
        if name in UNIONS:
            expected[f"offsetof({name}, {UNIONS[name]})"] = offsets["u"]
    for value in Connection:
        expected[f"LIBXL_CHANNEL_CONNECTION_{value.name}"] = value
    for value in ErrorCode:
        expected[f"ERROR_{value.name}"] = value
    for value in LogLevel:
        expected[f"XTL_{value.name}"] = value
    assert c_numbers(tmp_path, list(expected)) == expected


def test_every_error_code_is_there():
    header = subprocess.run(["gcc", "-E", "-"], input="#include <libxl.h>", check=True, capture_output=True, text=True)
    assert set(re.findall(r"\bERROR_(\w+) = -\d+", header.stdout)) == set(ErrorCode.__members__)


def test_every_function_has_a_prototype():
    symbols = subprocess.run(["nm", "-D", "--defined-only", "--format=posix", xlchannel.lib._name],
                             check=True, capture_output=True, text=True).stdout
    functions = re.findall(r"^(libxl_\w+)\S* T ", symbols, re.MULTILINE)
    assert len(functions) >= 30
    released = [name for name in functions if "_v2_" not in name and not name.startswith("libxl_channel_type_")]
    # A CDLL has those functions as its own attributes that were looked up.
    assert [name for name in released if name not in vars(xlchannel.lib)] == []


OF_C = ["lib", "libxl_device_channel", "libxl_domain_channel", "libxl_channelinfo", "libxl_asyncop_how",
        "libxl_enum_string_table", "xentoollog_logger"]


def test_public_names():
    """help() shows what Python programs use; the C names are there, too, and in xlchannel.abi."""
    assert sorted(abi.__all__) == sorted(OF_C)
    for name in OF_C:
        assert getattr(xlchannel, name) is getattr(abi, name)
    shown = pydoc.render_doc(xlchannel, renderer=pydoc.plaintext)
    assert not re.search(r"class (lib|xentoollog)\w+", shown)
    for name in xlchannel.__all__:
        value = getattr(xlchannel, name)
        assert value.__module__ == "xlchannel" and len(value.__doc__) > 15, f"{name} is not documented"
        assert name in shown
    functions = [name for name in xlchannel.__all__ if inspect.isfunction(getattr(xlchannel, name))]
    table = re.search(r"Functions:\n\n(.*?)\n\n", xlchannel.__doc__, re.S).group(1)
    assert re.findall(r"^ +(\w+)\(", table, re.M) == functions == xlchannel.__all__[:len(functions)]


def test_abi_alone():
    """Structs and functions by the module that is made for them."""
    device = abi.libxl_device_channel()
    abi.lib.libxl_device_channel_init(ctypes.byref(device))
    assert (device.devid, device.name) == (-1, None)
    abi.lib.libxl_device_channel_dispose(ctypes.byref(device))


def test_string_table():
    table = (xlchannel.libxl_enum_string_table * 4).in_dll(xlchannel.lib, "libxl_channel_connection_string_table")
    assert [(entry.s, entry.v) for entry in table] == [(b"unknown", 0), (b"pty", 1), (b"socket", 2), (None, -1)]


@pytest.mark.parametrize("connection", Connection)
def test_connection_words(connection):
    word = xlchannel.lib.libxl_channel_connection_to_string(connection)
    assert word.decode() == str(connection)
    value = ctypes.c_int(-7)
    assert xlchannel.lib.libxl_channel_connection_from_string(word.upper(), ctypes.byref(value)) == 0
    assert value.value == connection
    assert xlchannel.lib.libxl_channel_connection_from_string(b"carrier pigeon", ctypes.byref(value)) < 0
