"""Channels of Xen guests: named byte streams between a guest and its backend domain.

    import xlchannel
    from xlchannel import Channel, Connection

    added = xlchannel.add(1, Channel("org.example.agent", Connection.SOCKET, "/run/agent.sock"))
    for channel in xlchannel.channels(1):
        print(channel.devid, channel.name, xlchannel.info(1, channel).state)
    xlchannel.remove(1, added)

Functions:

    channels(domid)          the channels of a domain
    all_channels()           the channels of all domains
    by_devid(domid, devid)   one channel
    by_name(domid, name)     one channel
    info(domid, channel)     the state of a channel's device
    add(domid, channel)      adds a channel to a domain, running or not
    remove(domid, channel)   removes one, after guest and backend released it
    destroy(domid, channel)  removes one without asking them
    domid(name)              the number of a domain
    to_json(channel)         a channel in libxl's JSON
    from_json(text)          a channel from libxl's JSON
    config_channels(text)    the channels of a domain's saved configuration
    set_logger(log)          where the library's messages go

A failure raises a ChannelError, whose message names the domain, the channel and the cause. A call that fails changes
nothing. Nothing is printed; see set_logger.

Every function may be called from any thread, and after fork().

The shared library is the file that the environment variable XLCHANNEL_LIBRARY names, else libxlchannel.so.1. Its C
functions and structs are in xlchannel.abi.
"""
import atexit
import ctypes
from ctypes import POINTER, byref, c_int, c_uint32
from typing import Callable, Dict, List, Optional

from . import _convert
from . import abi as abi
from ._abi import lib as lib
from ._abi import libxl_asyncop_how as libxl_asyncop_how
from ._abi import libxl_channelinfo as libxl_channelinfo
from ._abi import libxl_device_channel as libxl_device_channel
from ._abi import libxl_domain_channel as libxl_domain_channel
from ._abi import libxl_enum_string_table as libxl_enum_string_table
from ._abi import taken as _taken
from ._abi import xentoollog_logger as xentoollog_logger
from ._convert import check as _check
from ._errors import (CODES_OF_ERRNO, ChannelError, DeviceExistsError, DomainNotFoundError, ErrorCode, InvalidError,
                      NoMemoryError, NotFoundError, NotReadyError, TimedOutError)
from ._model import Channel, ChannelInfo, Connection, LogLevel
from ._model import Path as Path
from ._model import Text as Text
from ._model import decode as _decode

__version__ = "0.1.0"

__all__ = [
    "channels", "all_channels", "by_devid", "by_name", "info", "add", "remove", "destroy", "domid",
    "to_json", "from_json", "config_channels", "set_logger",
    "Channel", "ChannelInfo", "Connection", "LogLevel",
    "ErrorCode", "ChannelError", "InvalidError", "NotFoundError", "DomainNotFoundError", "DeviceExistsError",
    "NotReadyError", "TimedOutError", "NoMemoryError",
]

# Tracebacks and pickles name them as programs do.
for _class in (Channel, ChannelInfo, Connection, LogLevel, ErrorCode, ChannelError, InvalidError, NotFoundError,
               DomainNotFoundError, DeviceExistsError, NotReadyError, TimedOutError, NoMemoryError):
    _class.__module__ = __name__


def channels(domid: int) -> List[Channel]:
    """The channels of a domain, in the order of their devids.

    The list is empty for a domain that does not exist, as with libxl. Raises TimedOutError, NoMemoryError, ChannelError.
    """
    number = c_int()
    ctypes.set_errno(0)
    listed = lib.libxl_device_channel_list(None, _convert.to_domid(domid), byref(number))
    if not listed:
        # Only errno tells a failure from an empty list.
        if reason := ctypes.get_errno():
            raise _convert.failure(CODES_OF_ERRNO.get(reason, ErrorCode.FAIL), domid)
        return []
    return _convert.take_list(listed, number)


def all_channels() -> Dict[int, List[Channel]]:
    """The channels of all domains that have any, by domid; each list is in the order of devids.

    It takes about as long as channels() of one domain. Raises TimedOutError, NoMemoryError, ChannelError.
    """
    listed, number = POINTER(libxl_domain_channel)(), c_int()
    _check(lib.libxl_domain_channel_list(None, byref(listed), byref(number)))
    result: Dict[int, List[Channel]] = {}
    try:
        for index in range(number.value):
            result.setdefault(listed[index].domid, []).append(_convert.from_c(listed[index].channel))
    finally:
        lib.libxl_domain_channel_list_free(listed, number)
    return result


def by_devid(domid: int, devid: int) -> Channel:
    """The channel of a domain with this devid.

    Raises NotFoundError, DomainNotFoundError, TimedOutError, ChannelError.
    """
    with _convert.new_device() as device:
        code = lib.libxl_devid_to_device_channel(None, _convert.to_domid(domid), _convert.to_devid(devid), byref(device))
        _check(code, domid, Channel(devid=devid))
        return _convert.from_c(device)


def by_name(domid: int, name: Text) -> Channel:
    """The channel of a domain with this name.

    Raises NotFoundError, DomainNotFoundError, TimedOutError, ChannelError.
    """
    wanted = Channel(name)
    with _convert.new_device() as device:
        code = lib.libxl_name_to_device_channel(None, _convert.to_domid(domid), _convert.encode(wanted.name, "name"),
                                                byref(device))
        _check(code, domid, wanted)
        return _convert.from_c(device)


def info(domid: int, channel: Channel) -> ChannelInfo:
    """The state of a channel's device: the channel with `channel.devid` or, if that is -1, with `channel.name`.

    The connection is `channel.connection`; if that is UNKNOWN, it is read from xenstore.

    Raises NotFoundError, DomainNotFoundError, TimedOutError, ChannelError.
    """
    if channel.devid == -1:
        channel = by_name(domid, channel.name)
    elif channel.connection == Connection.UNKNOWN:
        channel = by_devid(domid, channel.devid)
    result = libxl_channelinfo()
    lib.libxl_channelinfo_init(byref(result))
    with _convert.to_c(channel) as device:
        try:
            code = lib.libxl_device_channel_getinfo(None, _convert.to_domid(domid), byref(device), byref(result))
            _check(code, domid, channel)
            return _convert.info_from_c(result)
        finally:
            lib.libxl_channelinfo_dispose(byref(result))


def add(domid: int, channel: Channel) -> Channel:
    """Adds a channel to a domain, running or not; returns it with the devid and backend_domid that it got.

    When it returns, the backend serves the channel. `channel` is not changed.

    Raises InvalidError, DomainNotFoundError, DeviceExistsError, NotReadyError, TimedOutError (after 10 seconds) or,
    for example if the backend cannot open the path, ChannelError.
    """
    with _convert.to_c(channel) as device:
        _check(lib.libxl_device_channel_add(None, _convert.to_domid(domid), byref(device), None), domid, channel)
        return _convert.from_c(device)


def remove(domid: int, channel: Channel) -> None:
    """Removes the channel with `channel.devid` or, if that is -1, with `channel.name`.

    Asks the guest and the backend to release it, and waits up to 10 seconds.

    Raises NotFoundError, DomainNotFoundError, TimedOutError (the channel stays), ChannelError.
    """
    with _convert.to_c(channel) as device:
        _check(lib.libxl_device_channel_remove(None, _convert.to_domid(domid), byref(device), None), domid, channel)


def destroy(domid: int, channel: Channel) -> None:
    """Removes a channel as remove() does, without asking the guest and the backend.

    Raises NotFoundError, DomainNotFoundError, TimedOutError, ChannelError.
    """
    with _convert.to_c(channel) as device:
        _check(lib.libxl_device_channel_destroy(None, _convert.to_domid(domid), byref(device), None), domid, channel)


def domid(name: Text) -> int:
    """The number of the domain with this name; a name in digits is the number itself.

    Raises InvalidError for an empty name, DomainNotFoundError, TimedOutError, ChannelError.
    """
    number = c_uint32()
    _check(lib.libxl_channel_domain_qualifier_to_domid(None, _convert.encode(name, "name"), byref(number)))
    return number.value


def to_json(channel: Channel) -> str:
    """A channel as libxl writes it in JSON, without the members that have their default values.

    Raises InvalidError, ChannelError.
    """
    with _convert.to_c(channel) as device:
        text = lib.libxl_device_channel_to_json(None, byref(device))
        if not text:
            raise _convert.failure(ErrorCode.FAIL, channel=channel)
        return _decode(_taken(text))


def from_json(text: Text) -> Channel:
    """A channel from JSON, as libxl reads it: members that are missing have their default values.

    Raises InvalidError for a text with a NUL, ChannelError (FAIL) for bad JSON.
    """
    with _convert.new_device() as device:
        _check(lib.libxl_device_channel_from_json(None, byref(device), _convert.encode(text, "JSON text")))
        return _convert.from_c(device)


def config_channels(text: Text) -> List[Channel]:
    """The channels of a domain's configuration in JSON, as libxl saves it.

    Raises InvalidError for a text with a NUL, ChannelError (FAIL) for bad JSON.
    """
    listed, number = POINTER(libxl_device_channel)(), c_int()
    _check(lib.libxl_domain_config_channels_from_json(None, byref(listed), byref(number),
                                                      _convert.encode(text, "JSON text")))
    return _convert.take_list(listed, number)


def set_logger(log: Optional[Callable[[LogLevel, str], object]]) -> None:
    """Passes the library's messages to `log(level, message)`, in the thread that uses the library; None drops them.

    There is one logger for the process; the import of this module sets it to None. Exceptions tell the errors, so None
    loses only warnings. lib.libxl_channel_set_logger(None) restores the C library's default, errors on stderr.
    """
    _convert.set_log_callable(log)


set_logger(None)
# Python code must not be called while the interpreter exits.
atexit.register(set_logger, None)
