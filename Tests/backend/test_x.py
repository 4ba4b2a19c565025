import os, select, time
from xlchannel import Connection
def test_x(daemon, channels):
    channel = channels.add(Connection.PTY)
    frontend = channel.guest().connect()
    for i in range(5):
        files = [os.open(channel.tty, os.O_RDWR | os.O_NOCTTY) for _ in range(4)]
        for fd in files[1:]:
            os.close(fd)
        frontend.write(b"still there")
        print(i, select.select(files[:1], [], [], 5)[0], os.read(files[0], 100), daemon.channel_status(channel))
        os.close(files[0])
        frontend.write(bytes(5000), timeout=2)
        frontend.drain()
        print(frontend.ring.pending, daemon.channel_status(channel))
    assert 0
