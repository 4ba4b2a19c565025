"""Channels and their states as Python values."""
import enum
import os
from dataclasses import dataclass
from typing import Optional, Union

# What a text may be given as; bytes need not be UTF-8.
Text = Union[str, bytes]
Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]


def decode(text: bytes) -> str:
    """Bytes that need not be UTF-8, as os.fsdecode."""
    return text.decode("utf-8", "surrogateescape")


def as_str(text: Text) -> str:
    """TypeError for anything else than a text: bytes() would accept numbers, and lists of them."""
    if isinstance(text, str):
        return text
    if isinstance(text, (bytes, bytearray)):
        return decode(bytes(text))
    raise TypeError(f"a text is a str or bytes, not {type(text).__name__}")


class Connection(enum.IntEnum):
    """What a channel is connected to in its backend domain.

    UNKNOWN  something that this library does not know; such a channel can be listed, but not added
    PTY      a pseudo terminal; ChannelInfo.path is its path
    SOCKET   a Unix stream socket that listens at Channel.path
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


@dataclass(init=False)
class Channel:
    """A channel of a guest, or the description of one to add.

    name             unique in the guest, 1 to 256 bytes without control characters
    connection       what it is connected to
    path             absolute, for SOCKET (at most 107 bytes) and PATH (at most 3700 bytes); else None
    devid            its number, one less than the number of its PV console; -1 stands for the lowest free one
    backend_domid    the domain that serves it
    backend_domname  the name of that domain; overrides backend_domid

    To the library all texts are bytes. Bytes that are not UTF-8 are surrogate escapes in a str, as in os.fsdecode.
    Arguments may also be bytes, which become such a str.
    """

    name: str
    connection: Connection
    path: Optional[str]
    devid: int
    backend_domid: int
    backend_domname: Optional[str]

    def __init__(self, name: Text = "", connection: Connection = Connection.UNKNOWN, path: Optional[Path] = None,
                 devid: int = -1, backend_domid: int = 0, backend_domname: Optional[Text] = None):
        self.name = as_str(name)
        self.connection = Connection(connection)
        self.path = None if path is None else as_str(os.fspath(path))
        self.devid = devid
        self.backend_domid = backend_domid
        self.backend_domname = None if backend_domname is None else as_str(backend_domname)


@dataclass(frozen=True)
class ChannelInfo:
    """The state of a channel's device.

    backend      the backend's directory in xenstore
    backend_id   the backend domain
    frontend     the frontend's directory in xenstore
    frontend_id  the guest
    devid        the channel's number
    state        the frontend's xenbus state: 1 initialising, 4 connected, …; -1 if it has none
    evtch        the guest's event channel; -1 until the guest sets it
    rref         the guest's grant of the ring; -1 until the guest sets it
    connection   what the channel is connected to
    path         the terminal of a PTY; None until a backend has opened it
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
