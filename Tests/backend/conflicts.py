"""A xenstored of which a node changes all the time: transactions that touch it find a conflict."""
import os
import socket
import struct
import threading

# Of xen/io/xs_wire.h
TRANSACTION_END, ERROR = 7, 16
HEADER = struct.Struct("=IIII")


def receive(stream, count):
    data = b""
    while len(data) < count:
        more = stream.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def receive_message(stream):
    """A message's type, request, transaction and body."""
    kind, request, transaction, length = HEADER.unpack(receive(stream, HEADER.size))
    return kind, request, transaction, receive(stream, length)


def send_message(stream, kind, request, transaction, body):
    stream.sendall(HEADER.pack(kind, request, transaction, len(body)) + body)


class Conflicts:
    """Listens at a path and passes all on to the real xenstored, but aborts what it finds a conflict in."""

    def __init__(self, path, node):
        self.path, self.node = str(path), node.encode()
        self.is_storming = True
        self.count = 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def end(self):
        """From now on nobody changes the node."""
        self.is_storming = False

    def accept(self):
        try:
            while True:
                client, _ = self.listener.accept()
                Connection(self, client)
        except OSError:
            pass


class Connection:
    def __init__(self, conflicts, client):
        self.conflicts, self.client = conflicts, client
        self.server = socket.socket(socket.AF_UNIX)
        self.server.connect(os.environ["XENSTORED_PATH"])
        self.touching = set()  # transactions
        self.refused = set()  # requests
        for ends in (self.client, self.server, self.pass_on), (self.server, self.client, self.answer):
            threading.Thread(target=self.copy, args=ends, daemon=True).start()

    def copy(self, source, destination, look):
        try:
            while True:
                send_message(destination, *look(*receive_message(source)))
        except (EOFError, OSError):
            for end in source, destination:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def pass_on(self, kind, request, transaction, body):
        if transaction and body.split(b"\0")[0] == self.conflicts.node:
            self.touching.add(transaction)
        if kind == TRANSACTION_END and transaction in self.touching:
            self.touching.remove(transaction)
            if body == b"T\0" and self.conflicts.is_storming:
                self.conflicts.count += 1
                self.refused.add(request)
                body = b"F\0"
        return kind, request, transaction, body

    def answer(self, kind, request, transaction, body):
        if request in self.refused and kind == TRANSACTION_END:
            self.refused.remove(request)
            return ERROR, request, transaction, b"EAGAIN\0"
        return kind, request, transaction, body
