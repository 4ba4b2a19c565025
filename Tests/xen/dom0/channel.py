"""channel add DOMID NAME CONNECTION [PATH] | list DOMID | remove DOMID DEVID | destroy DOMID DEVID"""
import sys

import xlchannel

verb, domid, *rest = sys.argv[1:]
domid = int(domid)
if verb == "add":
    name, connection, *path = rest
    added = xlchannel.add(domid, xlchannel.Channel(
        name=name, connection=xlchannel.Connection[connection.upper()], path=path[0] if path else None))
    print(added)
elif verb == "list":
    for channel in xlchannel.channels(domid):
        print(channel, xlchannel.info(domid, channel))
else:
    channel = next(c for c in xlchannel.channels(domid) if c.devid == int(rest[0]))
    {"remove": xlchannel.remove, "destroy": xlchannel.destroy}[verb](domid, channel)
