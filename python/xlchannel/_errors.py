"""The exceptions."""
import enum
import errno
from typing import Dict, Optional, Type


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


class ChannelError(Exception):
    """An operation failed. The common codes have subclasses; the others raise this class.

    code          libxl's negative error code, see ErrorCode
    message       what failed and why, in the library's words (libxl_channel_last_error)
    domid         the guest; None if the operation was not on one
    devid         the channel's devid; None if it was not given
    channel_name  the channel's name; None if it was not given
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
        """The code's name, such as "NOTFOUND"."""
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
    """NOT_READY: xenchanneld is not running in the backend domain and the guest has no QEMU that could serve."""


class TimedOutError(ChannelError):
    """TIMEDOUT: xenstored, the backend, QEMU or the guest does not answer."""


class NoMemoryError(ChannelError):
    """NOMEM: out of memory."""


CLASSES: Dict[int, Type[ChannelError]] = {
    ErrorCode.INVAL: InvalidError,
    ErrorCode.NOTFOUND: NotFoundError,
    ErrorCode.DOMAIN_NOTFOUND: DomainNotFoundError,
    ErrorCode.DEVICE_EXISTS: DeviceExistsError,
    ErrorCode.NOT_READY: NotReadyError,
    ErrorCode.TIMEDOUT: TimedOutError,
    ErrorCode.NOMEM: NoMemoryError,
}

# libxl_device_channel_list returns no code.
CODES_OF_ERRNO = {
    errno.EINVAL: ErrorCode.INVAL,
    errno.ETIMEDOUT: ErrorCode.TIMEDOUT,
    errno.ENOMEM: ErrorCode.NOMEM,
}


def invalid(reason: str) -> InvalidError:
    """For an argument that the library does not get to see."""
    return InvalidError(int(ErrorCode.INVAL), reason)
