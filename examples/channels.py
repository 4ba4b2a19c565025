#!/usr/bin/env python3
"""One channel of each kind for a guest: added, listed with its state, printed as JSON, removed.

   pip install ./python
   ./channels.py DOMID [DIRECTORY]     socket and log go to DIRECTORY, by default /run/xlchannel-example
"""
import os
import sys

import xlchannel
from xlchannel import Channel, Connection


def main(domid, directory="/run/xlchannel-example"):
    os.makedirs(directory, mode=0o700, exist_ok=True)
    added = []
    try:
        for channel in (
            Channel("org.example.console", Connection.PTY),                         # a terminal of this domain
            Channel("org.example.agent", Connection.SOCKET, f"{directory}/agent"),  # a Unix socket to connect to
            Channel("org.example.log", Connection.PATH, f"{directory}/log"),        # a file that collects the output
            Channel("org.example.spare", Connection.NONE),                          # nothing, for now
        ):
            # What add returns has the devid that the library took, the lowest free one.
            added.append(xlchannel.add(domid, channel))

        for channel in xlchannel.channels(domid):
            info = xlchannel.info(domid, channel)
            print(f"{channel.devid} {channel.name}: {channel.connection}, state {info.state}, backend {info.backend}")
            print(xlchannel.to_json(channel), end="")
    finally:
        for channel in added:
            xlchannel.remove(domid, channel)


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 3 or not sys.argv[1].isdecimal() or sys.argv[1] == "0":
        sys.exit(f"usage: {sys.argv[0]} DOMID [DIRECTORY]")
    try:
        main(int(sys.argv[1]), *sys.argv[2:])
    except (OSError, xlchannel.ChannelError) as error:
        sys.exit(f"{sys.argv[0]}: {error}")
