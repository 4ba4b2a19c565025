"""Channels of Xen guests: named byte streams between a guest and its backend domain.

    import xlchannel
    from xlchannel import Channel, Connection

    added = xlchannel.add(1, Channel("org.example.agent", Connection.SOCKET, "/run/agent.sock"))
    for channel in xlchannel.channels(1):
        print(channel.devid, channel.name, xlchannel.info(1, channel).state)
    xlchannel.remove(1, added)

A failure raises a ChannelError. What the library logs goes to stderr until set_logger is called; from then on a
ChannelError also tells the library's own words for the cause.

Every function may be called from any thread. The C functions themselves are the attributes of `lib`, with their
structs, under the names that they have in libxl_channel.h.

The shared library is the one that the environment variable XLCHANNEL_LIBRARY names, else libxlchannel.so.1.
"""
import atexit
import contextlib
import ctypes
import enum
import errno
import os
import threading
from ctypes import POINTER, byref, c_char_p, c_int, c_uint32, c_uint64, c_void_p
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple, Type, Union

__version__ = "0.1.0"

__all__ = [
    "Channel", "ChannelInfo", "Connection", "LogLevel",
    "channels", "all_channels", "add", "remove", "destroy", "info", "by_devid", "by_name", "to_json", "from_json",
    "config_channels", "domid", "set_logger",
    "ErrorCode", "ChannelError", "InvalidError", "NotFoundError", "DomainNotFoundError", "DeviceExistsError",
    "NotReadyError", "TimedOutError", "NoMemoryError",
    "lib", "libxl_device_channel", "libxl_domain_channel", "libxl_channelinfo", "libxl_asyncop_how",
    "libxl_enum_string_table", "xentoollog_logger",
]


# ---- The enumerations ------------------------------------------------------------------------------------------------

class Connection(enum.IntEnum):
    """What a channel is connected to in its backend domain.

    UNKNOWN  something this library does not know; can be listed, not added
    PTY      a pseudo terminal, whose path ChannelInfo tells
    SOCKET   a listening Unix stream socket at Channel.path
    NONE     nothing: the guest's reads block, its writes vanish
    PATH     a file at Channel.path, to which the guest's output is appended
    """

    UNKNOWN = 0
    PTY = 1
    SOCKET = 2
    NONE = 0x100
    PATH = 0x101

    def __str__(self) -> str:
        return self.name.lower()

    @property
    def has_path(self) -> bool:
        """Whether a channel with this connection has a path."""
        return self in (Connection.SOCKET, Connection.PATH)


class ErrorCode(enum.IntEnum):
    """libxl's error codes."""

    NONSPECIFIC = -1
    VERSION = -2
    FAIL = -3
    NI = -4
    NOMEM = -5
    INVAL = -6
    BADFAIL = -7
    GUEST_TIMEDOUT = -8
    TIMEDOUT = -9
    NOPARAVIRT = -10
    NOT_READY = -11
    OSEVENT_REG_FAIL = -12
    BUFFERFULL = -13
    UNKNOWN_CHILD = -14
    LOCK_FAIL = -15
    JSON_CONFIG_EMPTY = -16
    DEVICE_EXISTS = -17
    CHECKPOINT_DEVOPS_DOES_NOT_MATCH = -18
    CHECKPOINT_DEVICE_NOT_SUPPORTED = -19
    VNUMA_CONFIG_INVALID = -20
    DOMAIN_NOTFOUND = -21
    ABORTED = -22
    NOTFOUND = -23
    DOMAIN_DESTROYED = -24
    FEATURE_REMOVED = -25
    PROTOCOL_ERROR_QMP = -26
    UNKNOWN_QMP_ERROR = -27
    QMP_GENERIC_ERROR = -28
    QMP_COMMAND_NOT_FOUND = -29
    QMP_DEVICE_NOT_ACTIVE = -30
    QMP_DEVICE_NOT_FOUND = -31
    QEMU_API = -32


class LogLevel(enum.IntEnum):
    """The levels of a xentoollog_logger."""

    NONE = 0
    DEBUG = 1
    VERBOSE = 2
    DETAIL = 3
    PROGRESS = 4
    INFO = 5
    NOTICE = 6
    WARN = 7
    ERROR = 8
    CRITICAL = 9


# ---- The errors ------------------------------------------------------------------------------------------------------

class ChannelError(Exception):
    """An operation failed: its own class for the commoner codes, this one for the rest.

    code          libxl's negative error code, see ErrorCode
    message       what failed, and why
    domid         the guest, where the operation was on one
    devid         the channel's devid, where it was known
    channel_name  the channel's name, where it was known
    """

    def __init__(self, code: int, message: str = "", *, domid: Optional[int] = None, devid: Optional[int] = None,
                 channel_name: Optional[str] = None):
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.domid = domid
        self.devid = devid
        self.channel_name = channel_name

    @property
    def name(self) -> str:
        """The code's name, as "NOTFOUND"."""
        try:
            return ErrorCode(self.code).name
        except ValueError:
            return str(self.code)

    def __str__(self) -> str:
        return f"{self.message} [{self.name}]" if self.message else self.name


class InvalidError(ChannelError, ValueError):
    """INVAL: an argument, or the description of a channel, is not valid."""


class NotFoundError(ChannelError, LookupError):
    """NOTFOUND: the domain has no such channel."""


class DomainNotFoundError(ChannelError, LookupError):
    """DOMAIN_NOTFOUND: there is no such guest, or no such backend domain."""


class DeviceExistsError(ChannelError):
    """DEVICE_EXISTS: the devid or the name is taken."""


class NotReadyError(ChannelError):
    """NOT_READY: nothing in the backend domain would serve the channel."""


class TimedOutError(ChannelError):
    """TIMEDOUT: xenstored, the backend or the guest does not answer."""


class NoMemoryError(ChannelError):
    """NOMEM: memory is out."""


_ERRORS: Dict[int, Tuple[Type[ChannelError], str]] = {
    ErrorCode.INVAL: (InvalidError, "an argument is not valid"),
    ErrorCode.NOTFOUND: (NotFoundError, "there is no such channel"),
    ErrorCode.DOMAIN_NOTFOUND: (DomainNotFoundError, "there is no such domain"),
    ErrorCode.DEVICE_EXISTS: (DeviceExistsError, "the devid or the name is taken"),
    ErrorCode.NOT_READY: (NotReadyError, "nothing in the backend domain would serve it"),
    ErrorCode.TIMEDOUT: (TimedOutError, "no answer in time"),
    ErrorCode.NOMEM: (NoMemoryError, "memory is out"),
}

# libxl_device_channel_list has no other way to tell why it failed.
_CODES_OF_ERRNO = {
    errno.EINVAL: ErrorCode.INVAL,
    errno.EAGAIN: ErrorCode.NOT_READY,
    errno.ETIMEDOUT: ErrorCode.TIMEDOUT,
    errno.ENOMEM: ErrorCode.NOMEM,
}


# ---- The C structs, with the names of the headers --------------------------------------------------------------------
# A char * reads as bytes. What is assigned to one must be malloc'd (see _strdup): the dispose functions free it.

class _SocketUnion(ctypes.Union):
    class _Socket(ctypes.Structure):
        _fields_ = [("path", c_char_p)]
    _fields_ = [("socket", _Socket)]


class libxl_device_channel(ctypes.Structure):
    _fields_ = [
        ("backend_domid", c_uint32), ("backend_domname", c_char_p), ("devid", c_int), ("name", c_char_p),
        ("connection", c_int), ("u", _SocketUnion),
    ]


class libxl_domain_channel(ctypes.Structure):
    _fields_ = [("domid", c_uint32), ("channel", libxl_device_channel)]


class _PtyUnion(ctypes.Union):
    class _Pty(ctypes.Structure):
        _fields_ = [("path", c_char_p)]
    _fields_ = [("pty", _Pty)]


class libxl_channelinfo(ctypes.Structure):
    _fields_ = [
        ("backend", c_char_p), ("backend_id", c_uint32), ("frontend", c_char_p), ("frontend_id", c_uint32),
        ("devid", c_int), ("state", c_int), ("evtch", c_int), ("rref", c_int), ("connection", c_int), ("u", _PtyUnion),
    ]


class libxl_asyncop_how(ctypes.Structure):
    class _For(ctypes.Union):
        _fields_ = [("for_event", c_uint64), ("for_callback", c_void_p)]
    callback_t = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_void_p)  #: (ctx, rc, for_callback)
    _fields_ = [("callback", callback_t), ("u", _For)]


class libxl_enum_string_table(ctypes.Structure):
    _fields_ = [("s", c_char_p), ("v", c_int)]


class xentoollog_logger(ctypes.Structure):
    # A va_list is passed by reference, or as a pointer, on every machine that Xen runs on.
    vmessage_t = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_int, c_char_p, c_char_p, c_void_p)
    _fields_ = [("vmessage", vmessage_t), ("progress", c_void_p), ("destroy", c_void_p)]


# ---- The C functions -------------------------------------------------------------------------------------------------

def _load() -> ctypes.CDLL:
    name = os.environ.get("XLCHANNEL_LIBRARY") or "libxlchannel.so.1"
    try:
        library = ctypes.CDLL(name, use_errno=True)
    except OSError as error:
        raise ImportError(f"cannot load {name}: {error}; install libxlchannel, or name its file in the environment "
                          "variable XLCHANNEL_LIBRARY") from error

    ctx = c_void_p      # always None here: the library reads nothing in it
    text = c_void_p     # a char * to be freed; c_char_p would lose the pointer
    device, device_info = POINTER(libxl_device_channel), POINTER(libxl_channelinfo)
    connection, how = POINTER(c_int), POINTER(libxl_asyncop_how)
    yajl_gen, yajl_val, domain_config = c_void_p, c_void_p, c_void_p
    prototypes: List[Tuple[Any, ...]] = [
        ("libxl_channel_set_logger", None, POINTER(xentoollog_logger)),

        ("libxl_channel_connection_to_string", c_char_p, c_int),
        ("libxl_channel_connection_from_string", c_int, c_char_p, connection),
        ("libxl_channel_connection_gen_json", c_int, yajl_gen, connection),
        ("libxl_channel_connection_parse_json", c_int, ctx, yajl_val, connection),
        ("libxl_channel_connection_to_json", text, ctx, c_int),
        ("libxl_channel_connection_from_json", c_int, ctx, connection, c_char_p),

        ("libxl_device_channel_init", None, device),
        ("libxl_device_channel_init_connection", None, device, c_int),
        ("libxl_device_channel_dispose", None, device),
        ("libxl_device_channel_copy", None, ctx, device, device),
        ("libxl_device_channel_gen_json", c_int, yajl_gen, device),
        ("libxl_device_channel_parse_json", c_int, ctx, yajl_val, device),
        ("libxl_device_channel_to_json", text, ctx, device),
        ("libxl_device_channel_from_json", c_int, ctx, device, c_char_p),

        ("libxl_domain_config_channels_from_json", c_int, ctx, POINTER(device), POINTER(c_int), c_char_p),
        ("libxl_domain_config_channels_to_json", text, ctx, device, c_int),

        ("libxl_channelinfo_init", None, device_info),
        ("libxl_channelinfo_init_connection", None, device_info, c_int),
        ("libxl_channelinfo_dispose", None, device_info),
        ("libxl_channelinfo_copy", None, ctx, device_info, device_info),
        ("libxl_channelinfo_gen_json", c_int, yajl_gen, device_info),
        ("libxl_channelinfo_parse_json", c_int, ctx, yajl_val, device_info),
        ("libxl_channelinfo_to_json", text, ctx, device_info),
        ("libxl_channelinfo_from_json", c_int, ctx, device_info, c_char_p),

        ("libxl_device_channel_list", device, ctx, c_uint32, POINTER(c_int)),
        ("libxl_device_channel_list_free", None, device, c_int),
        ("libxl_domain_channel_list", c_int, ctx, POINTER(POINTER(libxl_domain_channel)), POINTER(c_int)),
        ("libxl_domain_channel_list_free", None, POINTER(libxl_domain_channel), c_int),
        ("libxl_channel_domain_qualifier_to_domid", c_int, ctx, c_char_p, POINTER(c_uint32)),
        ("libxl_device_channel_getinfo", c_int, ctx, c_uint32, device, device_info),
        ("libxl_devid_to_device_channel", c_int, ctx, c_uint32, c_int, device),
        ("libxl_name_to_device_channel", c_int, ctx, c_uint32, c_char_p, device),
        ("libxl_device_channel_add", c_int, ctx, c_uint32, device, how),
        ("libxl_device_channels_add", c_int, ctx, c_uint32, domain_config, how),
        ("libxl_device_channel_remove", c_int, ctx, c_uint32, device, how),
        ("libxl_device_channel_destroy", c_int, ctx, c_uint32, device, how),
    ]
    for name, result, *arguments in prototypes:
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


lib = _load()

_libc = ctypes.CDLL(None)
_libc.free.restype, _libc.free.argtypes = None, [c_void_p]
_libc.strdup.restype, _libc.strdup.argtypes = c_void_p, [c_char_p]
_libc.vasprintf.restype, _libc.vasprintf.argtypes = c_int, [POINTER(c_void_p), c_char_p, c_void_p]


def _strdup(text: Optional[bytes]) -> Optional[int]:
    if text is None:
        return None
    copy: Optional[int] = _libc.strdup(text)
    if not copy:
        raise MemoryError
    return copy


# ---- The log ---------------------------------------------------------------------------------------------------------

_log_callable: Optional[Callable[[LogLevel, str], object]] = None
_last = threading.local()  # .error: the last error logged in this thread


def _log_message(_logger: Any, level: int, errnoval: int, context: bytes, format: bytes, arguments: Any) -> None:
    text = c_void_p()
    if _libc.vasprintf(byref(text), format, arguments) < 0:
        return
    try:
        message = _decode(ctypes.string_at(text))
    finally:
        _libc.free(text)
    if errnoval > 0:
        message += f": {os.strerror(errnoval)}"
    if level >= LogLevel.ERROR:
        _last.error = message
    # Only the library logs here, with the levels of its xentoollog.h.
    if log := _log_callable:
        log(LogLevel(level), message)


_logger = xentoollog_logger(vmessage=xentoollog_logger.vmessage_t(_log_message))


def set_logger(log: Optional[Callable[[LogLevel, str], object]]) -> None:
    """Has the library log by `log(level, message)`, in whatever thread uses it; None: errors to stderr, as at first.

    The logger is one for the process. With `lambda level, message: None` nothing is printed, and the causes
    are told by the exceptions alone.
    """
    global _log_callable
    _log_callable = log
    lib.libxl_channel_set_logger(byref(_logger) if log else None)


# Python code must not be called any more when the interpreter goes away.
atexit.register(lib.libxl_channel_set_logger, None)


# ---- Channels --------------------------------------------------------------------------------------------------------

def _decode(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


def _decode_optional(text: Optional[bytes]) -> Optional[str]:
    return None if text is None else _decode(text)


def _str(text: "Text") -> str:
    """TypeError for what is no text: bytes() would take numbers, and lists of them."""
    if isinstance(text, str):
        return text
    if isinstance(text, (bytes, bytearray)):
        return _decode(bytes(text))
    raise TypeError(f"a text is a str or bytes, not {type(text).__name__}")


# What a text may be given as; bytes need not be UTF-8.
Text = Union[str, bytes]
Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]


@dataclass(init=False)
class Channel:
    """A channel of a guest, or the description of one to be added.

    name             unique in the guest, 1 to 256 bytes without control characters
    connection       what it is connected to
    path             absolute, for SOCKET (at most 107 bytes) and PATH; else None
    devid            its number, one less than that of its PV console; -1: the lowest free one
    backend_domid    the domain that serves it
    backend_domname  the name of that domain; when given, it goes before backend_domid

    The texts are bytes to the library. What is no UTF-8 is in a str as surrogate escapes, as in os.fsdecode; bytes
    may be given instead and become such a str.
    """

    name: str
    connection: Connection
    path: Optional[str]
    devid: int
    backend_domid: int
    backend_domname: Optional[str]

    def __init__(self, name: Text = "", connection: Connection = Connection.UNKNOWN, path: Optional[Path] = None,
                 devid: int = -1, backend_domid: int = 0, backend_domname: Optional[Text] = None):
        self.name = _str(name)
        self.connection = Connection(connection)
        self.path = None if path is None else _str(os.fspath(path))
        self.devid = devid
        self.backend_domid = backend_domid
        self.backend_domname = None if backend_domname is None else _str(backend_domname)


@dataclass(frozen=True)
class ChannelInfo:
    """The state of a channel's device.

    backend      the backend's directory in xenstore
    backend_id   the backend domain
    frontend     the frontend's directory in xenstore
    frontend_id  the guest
    devid        the channel's number
    state        the frontend's xenbus state: 1 initialising, 4 connected, …; -1 without one
    evtch        the guest's event channel; -1 until it gives one
    rref         the guest's grant of the ring; -1 until it gives one
    connection   what the channel is connected to
    path         the terminal of a PTY; None until a backend opened it
    """

    backend: str
    backend_id: int
    frontend: str
    frontend_id: int
    devid: int
    state: int
    evtch: int
    rref: int
    connection: Connection
    path: Optional[str]


def channels(domid: int) -> List[Channel]:
    """The channels of a domain, in the order of their devids."""
    number = c_int()
    _last.error = None
    ctypes.set_errno(0)
    listed = lib.libxl_device_channel_list(None, _domid(domid), byref(number))
    if not listed:
        # No channels and a failure look alike but for errno.
        if reason := ctypes.get_errno():
            raise _error(_CODES_OF_ERRNO.get(reason, ErrorCode.FAIL), "listing the channels", domid)
        return []
    return _taken(listed, number)


def all_channels() -> Dict[int, List[Channel]]:
    """The channels of all domains that have some, by domid, each list in the order of devids; one quick look for all."""
    listed, number = POINTER(libxl_domain_channel)(), c_int()
    _check(lib.libxl_domain_channel_list, byref(listed), byref(number), doing="listing the channels of all domains")
    result: Dict[int, List[Channel]] = {}
    try:
        for index in range(number.value):
            result.setdefault(listed[index].domid, []).append(_from_c(listed[index].channel))
    finally:
        lib.libxl_domain_channel_list_free(listed, number)
    return result


def domid(name: Text) -> int:
    """The number of the domain with this name; digits are taken for the number."""
    number = c_uint32()
    _check(lib.libxl_channel_domain_qualifier_to_domid, _encode(name, "name"), byref(number),
           doing=f"looking for domain {name!r}")
    return number.value


def add(domid: int, channel: Channel) -> Channel:
    """Adds a channel to a domain, running or not; returns it as added, with devid and backend_domid."""
    with _to_c(channel) as device:
        _check(lib.libxl_device_channel_add, _domid(domid), byref(device), None,
               doing="adding", domid=domid, channel=channel)
        return _from_c(device)


def remove(domid: int, channel: Channel) -> None:
    """Takes a channel away, after guest and backend let go: the one with its devid; with devid -1, with its name."""
    with _to_c(channel) as device:
        _check(lib.libxl_device_channel_remove, _domid(domid), byref(device), None,
               doing="removing", domid=domid, channel=channel)


def destroy(domid: int, channel: Channel) -> None:
    """Takes a channel away as remove does, without asking guest and backend."""
    with _to_c(channel) as device:
        _check(lib.libxl_device_channel_destroy, _domid(domid), byref(device), None,
               doing="destroying", domid=domid, channel=channel)


def info(domid: int, channel: Channel) -> ChannelInfo:
    """The state of a channel's device: of the one with its devid; with devid -1, with its name.

    What it is connected to is taken from `channel` where that says so, and from xenstore where it says UNKNOWN.
    """
    if channel.devid == -1:
        channel = by_name(domid, channel.name)
    elif channel.connection == Connection.UNKNOWN:
        channel = by_devid(domid, channel.devid)
    result = libxl_channelinfo()
    lib.libxl_channelinfo_init(byref(result))
    with _to_c(channel) as device:
        try:
            _check(lib.libxl_device_channel_getinfo, _domid(domid), byref(device), byref(result),
                   doing="reading the state of", domid=domid, channel=channel)
            connection = Connection(result.connection)
            path = _decode(result.u.pty.path or b"") if connection == Connection.PTY else ""
            return ChannelInfo(
                backend=_decode(result.backend or b""), backend_id=result.backend_id,
                frontend=_decode(result.frontend or b""), frontend_id=result.frontend_id,
                devid=result.devid, state=result.state, evtch=result.evtch, rref=result.rref,
                connection=connection,
                # libxl puts such a path in where it has none.
                path=None if path in ("", "/NO-SUCH-PATH") else path)
        finally:
            lib.libxl_channelinfo_dispose(byref(result))


def by_devid(domid: int, devid: int) -> Channel:
    """The channel of a domain with this devid."""
    with _device() as device:
        _check(lib.libxl_devid_to_device_channel, _domid(domid), _devid(devid), byref(device),
               doing="looking for", domid=domid, channel=Channel(devid=devid))
        return _from_c(device)


def by_name(domid: int, name: Text) -> Channel:
    """The channel of a domain with this name."""
    wanted = Channel(name)
    with _device() as device:
        _check(lib.libxl_name_to_device_channel, _domid(domid), _encode(wanted.name, "name"), byref(device),
               doing="looking for", domid=domid, channel=wanted)
        return _from_c(device)


def to_json(channel: Channel) -> str:
    """A channel as libxl writes it in JSON; what is default is left out."""
    with _to_c(channel) as device:
        _last.error = None
        text = lib.libxl_device_channel_to_json(None, byref(device))
        if not text:
            raise _error(ErrorCode.FAIL, "writing JSON", channel=channel)
        try:
            return _decode(ctypes.string_at(text))
        finally:
            _libc.free(text)


def from_json(text: Text) -> Channel:
    """A channel from JSON, read as libxl does: what is not there is default."""
    with _device() as device:
        _check(lib.libxl_device_channel_from_json, byref(device), _encode(text, "JSON text"), doing="reading JSON")
        return _from_c(device)


def config_channels(text: Text) -> List[Channel]:
    """The channels of a domain's configuration in JSON, as libxl saves it."""
    listed, number = POINTER(libxl_device_channel)(), c_int()
    _check(lib.libxl_domain_config_channels_from_json, byref(listed), byref(number), _encode(text, "JSON text"),
           doing="reading JSON")
    return _taken(listed, number)


# ---- Between Python and C --------------------------------------------------------------------------------------------

def _invalid(reason: str) -> InvalidError:
    return InvalidError(int(ErrorCode.INVAL), reason)


def _encode(text: Optional[Text], what: str) -> Optional[bytes]:
    """A text for C, which cannot have a NUL in it."""
    if text is None:
        return None
    try:
        data = _str(text).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise _invalid(f"the {what} {text!r} cannot be encoded: {error.reason}") from None
    if b"\0" in data:
        raise _invalid(f"the {what} has a NUL")
    return data


# ctypes would take the lowest 32 bits of any number.
def _domid(number: int) -> int:
    if not 0 <= number < 1 << 32:
        raise _invalid(f"{number} is no domid")
    return number


def _devid(number: int) -> int:
    if not -(1 << 31) <= number < 1 << 31:
        raise _invalid(f"{number} is no devid")
    return number


@contextlib.contextmanager
def _device() -> Iterator[libxl_device_channel]:
    """An initialised C struct; what it owns at the end of the block is freed."""
    device = libxl_device_channel()
    lib.libxl_device_channel_init(byref(device))
    try:
        yield device
    finally:
        lib.libxl_device_channel_dispose(byref(device))


@contextlib.contextmanager
def _to_c(channel: Channel) -> Iterator[libxl_device_channel]:
    """The C struct of a channel."""
    with _device() as device:
        device.backend_domid = _domid(channel.backend_domid)
        device.backend_domname = _strdup(_encode(channel.backend_domname, "backend's name"))
        device.devid = _devid(channel.devid)
        device.name = _strdup(_encode(channel.name, "name"))
        connection = Connection(channel.connection)
        device.connection = connection
        if connection.has_path:
            device.u.socket.path = _strdup(_encode(channel.path, "path"))
        elif channel.path:
            # The struct has no room for it; it should not vanish silently.
            raise _invalid(f"a channel connected to {connection} has no path, {channel.path!r} is given")
        yield device


def _from_c(device: libxl_device_channel) -> Channel:
    connection = Connection(device.connection)
    return Channel(
        name=_decode(device.name or b""), connection=connection,
        path=_decode_optional(device.u.socket.path) if connection.has_path else None,
        devid=device.devid, backend_domid=device.backend_domid,
        backend_domname=_decode_optional(device.backend_domname))


def _taken(listed: Any, number: c_int) -> List[Channel]:
    """The channels of a C array, which is freed."""
    try:
        return [_from_c(listed[index]) for index in range(number.value)]
    finally:
        lib.libxl_device_channel_list_free(listed, number)


def _check(function: Any, *arguments: Any, doing: str, domid: Optional[int] = None,
           channel: Optional[Channel] = None) -> None:
    """Calls a function with the context NULL; raises what its result says."""
    _last.error = None
    code = function(None, *arguments)
    if code:
        raise _error(code, doing, domid, channel)


def _error(code: int, doing: str, domid: Optional[int] = None, channel: Optional[Channel] = None) -> ChannelError:
    kind, meaning = _ERRORS.get(code, (ChannelError, "it failed"))
    cause = getattr(_last, "error", None) or meaning
    if domid is not None:
        prefix = f"Domain {domid}: "
        cause = cause[len(prefix):] if cause.startswith(prefix) else cause
        doing = f"domain {domid}: {doing}"
    devid, name = None, None
    if channel is not None:
        devid = channel.devid if channel.devid != -1 else None
        name = channel.name or None
        which = [f"{name!r}" if name else "", f"devid {devid}" if devid is not None else ""]
        doing += f" channel {', '.join(filter(None, which))}".rstrip()
    return kind(int(code), f"{doing}: {cause}", domid=domid, devid=devid, channel_name=name)
