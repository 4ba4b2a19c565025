"""The C side: the shared library, its functions' prototypes and its structs, under the names of libxl_channel.h.

A char * in a struct reads as bytes. What is assigned to one must be malloc'd (see strdup): dispose functions free it.
"""
import ctypes
import os
from ctypes import POINTER, c_char_p, c_int, c_size_t, c_uint32, c_uint64, c_void_p
from typing import Any, List, Optional, Tuple

# ---- Structs ---------------------------------------------------------------------------------------------------------


class _SocketUnion(ctypes.Union):
    class _Socket(ctypes.Structure):
        _fields_ = [("path", c_char_p)]
    _fields_ = [("socket", _Socket)]


class libxl_device_channel(ctypes.Structure):
    """A channel, as libxl defines it. Initialise it with libxl_device_channel_init, release its strings with _dispose.

    u.socket.path is the path of SOCKET and of PATH channels; the other kinds have none.
    """

    _fields_ = [
        ("backend_domid", c_uint32), ("backend_domname", c_char_p), ("devid", c_int), ("name", c_char_p),
        ("connection", c_int), ("u", _SocketUnion),
    ]


class libxl_domain_channel(ctypes.Structure):
    """One entry of libxl_domain_channel_list: a channel and the domain that it belongs to."""

    _fields_ = [("domid", c_uint32), ("channel", libxl_device_channel)]


class _PtyUnion(ctypes.Union):
    class _Pty(ctypes.Structure):
        _fields_ = [("path", c_char_p)]
    _fields_ = [("pty", _Pty)]


class libxl_channelinfo(ctypes.Structure):
    """The state of a channel's device, as libxl defines it. Release its strings with libxl_channelinfo_dispose.

    u.pty.path is the terminal of a PTY channel; the other kinds have none.
    """

    _fields_ = [
        ("backend", c_char_p), ("backend_id", c_uint32), ("frontend", c_char_p), ("frontend_id", c_uint32),
        ("devid", c_int), ("state", c_int), ("evtch", c_int), ("rref", c_int), ("connection", c_int), ("u", _PtyUnion),
    ]


class libxl_asyncop_how(ctypes.Structure):
    """How the library reports completion: by `callback(ctx, rc, u.for_callback)`, before the function returns.

    libxlchannel refuses the event form, which has no callback (ERROR_INVAL).
    """

    class _For(ctypes.Union):
        _fields_ = [("for_event", c_uint64), ("for_callback", c_void_p)]
    callback_t = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_void_p)
    _fields_ = [("callback", callback_t), ("u", _For)]


class libxl_enum_string_table(ctypes.Structure):
    """One entry of libxl_channel_connection_string_table: a word and its number."""

    _fields_ = [("s", c_char_p), ("v", c_int)]


class xentoollog_logger(ctypes.Structure):
    """A logger for libxl_channel_set_logger. It must outlive its use; one without vmessage drops all messages."""

    # A va_list is passed by reference, or as a pointer, on every machine that Xen runs on.
    vmessage_t = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_int, c_char_p, c_char_p, c_void_p)
    _fields_ = [("vmessage", vmessage_t), ("progress", c_void_p), ("destroy", c_void_p)]


# ---- Functions -------------------------------------------------------------------------------------------------------

_ctx = c_void_p     # the library does not read it: pass None
_text = c_void_p    # a char * that the caller frees; c_char_p would lose the pointer
_yajl_gen = _yajl_val = _domain_config = c_void_p
_device, _info = POINTER(libxl_device_channel), POINTER(libxl_channelinfo)
_connection, _how = POINTER(c_int), POINTER(libxl_asyncop_how)

#: Each function's name, result and arguments.
_PROTOTYPES: List[Tuple[Any, ...]] = [
    ("libxl_channel_set_logger", None, POINTER(xentoollog_logger)),
    ("libxl_channel_last_error", c_char_p),

    ("libxl_channel_connection_to_string", c_char_p, c_int),
    ("libxl_channel_connection_from_string", c_int, c_char_p, _connection),
    ("libxl_channel_connection_gen_json", c_int, _yajl_gen, _connection),
    ("libxl_channel_connection_parse_json", c_int, _ctx, _yajl_val, _connection),
    ("libxl_channel_connection_to_json", _text, _ctx, c_int),
    ("libxl_channel_connection_from_json", c_int, _ctx, _connection, c_char_p),

    ("libxl_device_channel_init", None, _device),
    ("libxl_device_channel_init_connection", None, _device, c_int),
    ("libxl_device_channel_dispose", None, _device),
    ("libxl_device_channel_copy", None, _ctx, _device, _device),
    ("libxl_device_channel_gen_json", c_int, _yajl_gen, _device),
    ("libxl_device_channel_parse_json", c_int, _ctx, _yajl_val, _device),
    ("libxl_device_channel_to_json", _text, _ctx, _device),
    ("libxl_device_channel_from_json", c_int, _ctx, _device, c_char_p),

    ("libxl_domain_config_channels_from_json", c_int, _ctx, POINTER(_device), POINTER(c_int), c_char_p),
    ("libxl_domain_config_channels_to_json", _text, _ctx, _device, c_int),

    ("libxl_channelinfo_init", None, _info),
    ("libxl_channelinfo_init_connection", None, _info, c_int),
    ("libxl_channelinfo_dispose", None, _info),
    ("libxl_channelinfo_copy", None, _ctx, _info, _info),
    ("libxl_channelinfo_gen_json", c_int, _yajl_gen, _info),
    ("libxl_channelinfo_parse_json", c_int, _ctx, _yajl_val, _info),
    ("libxl_channelinfo_to_json", _text, _ctx, _info),
    ("libxl_channelinfo_from_json", c_int, _ctx, _info, c_char_p),

    ("libxl_device_channel_list", _device, _ctx, c_uint32, POINTER(c_int)),
    ("libxl_device_channel_list_free", None, _device, c_int),
    ("libxl_domain_channel_list", c_int, _ctx, POINTER(POINTER(libxl_domain_channel)), POINTER(c_int)),
    ("libxl_domain_channel_list_free", None, POINTER(libxl_domain_channel), c_int),
    ("libxl_channel_domain_qualifier_to_domid", c_int, _ctx, c_char_p, POINTER(c_uint32)),
    ("libxl_device_channel_getinfo", c_int, _ctx, c_uint32, _device, _info),
    ("libxl_devid_to_device_channel", c_int, _ctx, c_uint32, c_int, _device),
    ("libxl_name_to_device_channel", c_int, _ctx, c_uint32, c_char_p, _device),
    ("libxl_device_channel_add", c_int, _ctx, c_uint32, _device, _how),
    ("libxl_device_channels_add", c_int, _ctx, c_uint32, _domain_config, _how),
    ("libxl_device_channel_remove", c_int, _ctx, c_uint32, _device, _how),
    ("libxl_device_channel_destroy", c_int, _ctx, c_uint32, _device, _how),
]


def _load() -> ctypes.CDLL:
    name = os.environ.get("XLCHANNEL_LIBRARY") or "libxlchannel.so.1"
    try:
        library = ctypes.CDLL(name, use_errno=True)
    except OSError as error:
        raise ImportError(f"cannot load {name}: {error}; install libxlchannel, or name its file in the environment "
                          "variable XLCHANNEL_LIBRARY") from error
    for function_name, result, *arguments in _PROTOTYPES:
        function = getattr(library, function_name)
        function.restype, function.argtypes = result, arguments
    return library


lib: ctypes.CDLL = _load()

libc = ctypes.CDLL(None)
libc.free.restype, libc.free.argtypes = None, [c_void_p]
libc.calloc.restype, libc.calloc.argtypes = c_void_p, [c_size_t, c_size_t]
libc.strdup.restype, libc.strdup.argtypes = c_void_p, [c_char_p]
libc.vasprintf.restype, libc.vasprintf.argtypes = c_int, [POINTER(c_void_p), c_char_p, c_void_p]


def strdup(text: Optional[bytes]) -> Optional[int]:
    """A malloc'd copy for a char * of a struct, which owns it from then on; None for None."""
    if text is None:
        return None
    copy: Optional[int] = libc.strdup(text)
    if not copy:
        raise MemoryError
    return copy


def taken(text: int) -> bytes:
    """The bytes of a malloc'd char *, which is freed."""
    try:
        return ctypes.string_at(text)
    finally:
        libc.free(text)
