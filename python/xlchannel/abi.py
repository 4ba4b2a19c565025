"""The C functions and structs of libxlchannel for ctypes, under the names of libxl_channel.h, which documents them.

    from xlchannel.abi import lib, libxl_device_channel

`lib` is the loaded library; its functions have prototypes. Pass None for ctx. Functions return libxl's error codes,
and raise nothing; lib.libxl_channel_last_error() returns the cause of the calling thread's last failure, as bytes.

A char * in a struct reads as bytes. What is assigned to one must be malloc'd: dispose functions free it.
"""
from ._abi import (lib, libxl_asyncop_how, libxl_channelinfo, libxl_device_channel, libxl_domain_channel,
                   libxl_enum_string_table, xentoollog_logger)

__all__ = [
    "lib", "libxl_device_channel", "libxl_domain_channel", "libxl_channelinfo", "libxl_asyncop_how",
    "libxl_enum_string_table", "xentoollog_logger",
]
