"""Between Python and C: values, arrays, errors and log messages."""
import contextlib
import ctypes
from ctypes import POINTER, byref, c_int, c_void_p
from typing import Any, Callable, Iterator, List, Optional

from . import _errors
from ._abi import lib, libc, libxl_channelinfo, libxl_device_channel, strdup, taken, xentoollog_logger
from ._errors import ChannelError, invalid
from ._model import Channel, ChannelInfo, Connection, LogLevel, Text, as_str, decode

# ---- Errors ----------------------------------------------------------------------------------------------------------


def failure(code: int, domid: Optional[int] = None, channel: Optional[Channel] = None) -> ChannelError:
    """The exception for the call that failed last in this thread, with the library's message."""
    kind = _errors.CLASSES.get(code, ChannelError)
    devid, name = None, None
    if channel is not None:
        devid = channel.devid if channel.devid != -1 else None
        name = channel.name or None
    return kind(int(code), decode(lib.libxl_channel_last_error() or b""), domid=domid, devid=devid, channel_name=name)


def check(code: int, domid: Optional[int] = None, channel: Optional[Channel] = None) -> None:
    """Raises what the result of a function means."""
    if code:
        raise failure(code, domid, channel)


# ---- Values ----------------------------------------------------------------------------------------------------------


def encode(text: Optional[Text], what: str) -> Optional[bytes]:
    """A text for C, which cannot contain a NUL."""
    if text is None:
        return None
    try:
        data = as_str(text).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise invalid(f"the {what} {text!r} cannot be encoded: {error.reason}") from None
    if b"\0" in data:
        raise invalid(f"the {what} contains a NUL")
    return data


def decode_optional(text: Optional[bytes]) -> Optional[str]:
    return None if text is None else decode(text)


# ctypes would silently use the lowest 32 bits of any number.
def to_domid(number: int) -> int:
    if not 0 <= number < 1 << 32:
        raise invalid(f"{number} is not a domid")
    return number


def to_devid(number: int) -> int:
    if not -(1 << 31) <= number < 1 << 31:
        raise invalid(f"{number} is not a devid")
    return number


@contextlib.contextmanager
def new_device() -> Iterator[libxl_device_channel]:
    """An initialised C struct, disposed of at the end of the block."""
    device = libxl_device_channel()
    lib.libxl_device_channel_init(byref(device))
    try:
        yield device
    finally:
        lib.libxl_device_channel_dispose(byref(device))


@contextlib.contextmanager
def to_c(channel: Channel) -> Iterator[libxl_device_channel]:
    """The C struct of a channel, disposed of at the end of the block."""
    with new_device() as device:
        device.backend_domid = to_domid(channel.backend_domid)
        device.backend_domname = strdup(encode(channel.backend_domname, "backend's name"))
        device.devid = to_devid(channel.devid)
        device.name = strdup(encode(channel.name, "name"))
        connection = Connection(channel.connection)
        device.connection = connection
        if connection.has_path:
            device.u.socket.path = strdup(encode(channel.path, "path"))
        elif channel.path:
            # The struct has no room for it; the path should not vanish silently.
            raise invalid(f"a channel connected to {connection} has no path, {channel.path!r} is given")
        yield device


def from_c(device: libxl_device_channel) -> Channel:
    """A channel with copies of the struct's strings."""
    connection = Connection(device.connection)
    return Channel(
        name=decode(device.name or b""), connection=connection,
        path=decode_optional(device.u.socket.path) if connection.has_path else None,
        devid=device.devid, backend_domid=device.backend_domid,
        backend_domname=decode_optional(device.backend_domname))


def info_from_c(info: libxl_channelinfo) -> ChannelInfo:
    """A state with copies of the struct's strings."""
    connection = Connection(info.connection)
    path = decode(info.u.pty.path or b"") if connection == Connection.PTY else ""
    return ChannelInfo(
        backend=decode(info.backend or b""), backend_id=info.backend_id,
        frontend=decode(info.frontend or b""), frontend_id=info.frontend_id,
        devid=info.devid, state=info.state, evtch=info.evtch, rref=info.rref, connection=connection,
        # libxl's path for a PTY without a terminal.
        path=None if path in ("", "/NO-SUCH-PATH") else path)


def take_list(listed: Any, number: c_int) -> List[Channel]:
    """The channels of a C array, which is freed."""
    try:
        return [from_c(listed[index]) for index in range(number.value)]
    finally:
        lib.libxl_device_channel_list_free(listed, number)


# ---- The log ---------------------------------------------------------------------------------------------------------

log_callable: Optional[Callable[[LogLevel, str], object]] = None


def _log_message(_logger: Any, level: int, _errno: int, _context: bytes, format: bytes, arguments: Any) -> None:
    text = c_void_p()
    if libc.vasprintf(byref(text), format, arguments) < 0 or not text.value:
        return
    message = decode(taken(text.value))
    # Only the library logs here, with the levels of its xentoollog.h.
    if log := log_callable:
        log(LogLevel(level), message)


_logger = xentoollog_logger(vmessage=xentoollog_logger.vmessage_t(_log_message))

# Drops all messages. Never freed: threads may still use the library while the interpreter exits.
_quiet = ctypes.cast(libc.calloc(1, ctypes.sizeof(xentoollog_logger)), POINTER(xentoollog_logger))


def set_log_callable(log: Optional[Callable[[LogLevel, str], object]]) -> None:
    """Installs `log` as the library's logger; None drops all messages."""
    global log_callable
    log_callable = log
    lib.libxl_channel_set_logger(byref(_logger) if log else _quiet)
