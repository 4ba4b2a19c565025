#!/usr/bin/env python3
"""Prints a table of a guest's channels, then each of them as JSON: ./list.py DOMID"""
import sys

import xlchannel

domid = int(sys.argv[1])
channels = xlchannel.channels(domid)

print("devid  connection  state  name                 path")
for channel in channels:
    info = xlchannel.info(domid, channel)  # of a PTY it knows the terminal
    path = channel.path or info.path or ""
    print(f"{channel.devid:5}  {channel.connection!s:10}  {info.state:5}  {channel.name:20} {path}".rstrip())

for channel in channels:
    print(xlchannel.to_json(channel), end="")
