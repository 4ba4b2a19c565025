"""The backend domain's end of a channel: a file, a terminal or a client of a socket."""
import os
import select
import socket

from support.waiting import PATIENCE, wait_until
from xlchannel import Connection


class Peer:
    """The backend domain's end of a channel; `send` and `receive` where there is such an end."""

    def __init__(self, channel):
        pass

    def close(self):
        pass


class FilePeer(Peer):
    def __init__(self, channel):
        self.file = open(channel.path, "rb", buffering=0)

    def receive(self, count):
        data = b""

        def more():
            nonlocal data
            data += self.file.read(count - len(data))
            return len(data) == count
        wait_until(more, f"having {count} bytes in the file")
        return data

    def close(self):
        self.file.close()


class StreamPeer(Peer):
    def receive(self, count):
        data = b""
        while len(data) < count:
            assert select.select([self.fd], [], [], PATIENCE)[0], f"{len(data)} of {count} bytes came"
            more = os.read(self.fd, count - len(data))
            assert more
            data += more
        return data

    def send(self, data):
        assert os.write(self.fd, data) == len(data)

    def close(self):
        os.close(self.fd)


class TerminalPeer(StreamPeer):
    def __init__(self, channel):
        self.fd = os.open(channel.tty, os.O_RDWR | os.O_NOCTTY)


class SocketPeer(StreamPeer):
    def __init__(self, channel):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(channel.path)
            self.fd = client.detach()


PEERS = {Connection.NONE: Peer, Connection.PTY: TerminalPeer, Connection.PATH: FilePeer, Connection.SOCKET: SocketPeer}
