#!/usr/bin/env python3
"""Removes channels from a guest: ./remove.py DOMID NAME..."""
import sys

import xlchannel
from xlchannel import Channel

domid = int(sys.argv[1])
for name in sys.argv[2:]:
    try:
        xlchannel.remove(domid, Channel(name))  # returns when guest and backend have let go
    except xlchannel.NotFoundError as error:
        print(error)
