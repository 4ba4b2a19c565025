"""xenstoreds that are hard to get along with: they pass everything on to the real one, but for what each is there for."""
import os
import socket
import struct
import threading

# Of xen/io/xs_wire.h
READ, TRANSACTION_START, TRANSACTION_END, WATCH_EVENT, ERROR = 2, 6, 7, 15, 16
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


class Connection:
    """A client's connection, and one to the real xenstored. A message is its type, request, transaction and body."""

    def __init__(self, xenstored, client):
        self.xenstored, self.client = xenstored, client
        self.server = socket.socket(socket.AF_UNIX)
        self.server.connect(os.environ["XENSTORED_PATH"])
        for ends in (self.client, self.server, self.pass_on), (self.server, self.client, self.answer):
            threading.Thread(target=self.copy, args=ends, daemon=True).start()

    def copy(self, source, destination, look):
        try:
            while True:
                for kind, request, transaction, body in look(*receive_message(source)):
                    destination.sendall(HEADER.pack(kind, request, transaction, len(body)) + body)
        except (EOFError, OSError):
            for end in source, destination:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def pass_on(self, *message):
        """The messages that a request becomes."""
        yield message

    def answer(self, *message):
        """The messages that an answer becomes; EOFError ends the connection."""
        yield message


class Xenstored:
    """Listens at a path."""

    connection = Connection

    def __init__(self, path):
        self.path = str(path)
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

    def accept(self):
        try:
            while True:
                client, _ = self.listener.accept()
                self.connection(self, client)
        except OSError:
            pass


class ConflictingConnection(Connection):
    def __init__(self, *arguments):
        self.touching = set()  # transactions
        self.refused = set()  # requests
        super().__init__(*arguments)

    def pass_on(self, kind, request, transaction, body):
        if transaction and body.split(b"\0")[0] == self.xenstored.node:
            self.touching.add(transaction)
        if kind == TRANSACTION_END and transaction in self.touching:
            self.touching.remove(transaction)
            if body == b"T\0" and self.xenstored.is_storming:
                self.xenstored.count += 1
                self.refused.add(request)
                body = b"F\0"
        yield kind, request, transaction, body

    def answer(self, kind, request, transaction, body):
        if request in self.refused and kind == TRANSACTION_END:
            self.refused.remove(request)
            kind, body = ERROR, b"EAGAIN\0"
        yield kind, request, transaction, body


class Conflicts(Xenstored):
    """Somebody changes a node all the time, so that transactions which touch it find a conflict; `count` tells how many."""

    connection = ConflictingConnection

    def __init__(self, path, node):
        self.node = node.encode()
        self.is_storming = True
        super().__init__(path)

    def end(self):
        """From now on nobody changes the node."""
        self.is_storming = False


class BreaksAfterStart(Xenstored):
    """A connection breaks when a transaction has begun; `count` tells how often."""

    class connection(Connection):
        def answer(self, *message):
            yield message
            if message[0] == TRANSACTION_START:
                self.xenstored.count += 1
                raise EOFError


class BreaksAtCommit(Xenstored):
    """The first transaction takes effect, but its client is not told: the connection breaks."""

    class connection(Connection):
        def answer(self, *message):
            if message[0] == TRANSACTION_END:
                self.xenstored.count += 1
                if self.xenstored.count == 1:
                    raise EOFError
            yield message


class BreaksBeforeCommit(Xenstored):
    """The first transaction does not take effect: the connection breaks."""

    class connection(Connection):
        def pass_on(self, *message):
            if message[0] == TRANSACTION_END:
                self.xenstored.count += 1
                if self.xenstored.count == 1:
                    raise EOFError
            yield message


class Noisy(Xenstored):
    """With each value that is read comes an event: something has changed."""

    class connection(Connection):
        def answer(self, *message):
            yield message
            if message[0] == READ:
                yield WATCH_EVENT, 0, 0, b"/somewhere\0wait\0"
