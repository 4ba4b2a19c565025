"""A stream in which each place can be recognised, and what is checked of its bytes."""

LINE = 16


def stream(position, count):
    """Bytes of the stream of lines `000000000000000`, `000000000000001`, …"""
    first, last = position // LINE, (position + count) // LINE + 1
    return b"".join(b"%015d\n" % line for line in range(first, last))[position % LINE:][:count]


class Reader:
    """Bytes of a stream as they arrive: in order. Some may be missing, or come twice, only where that is allowed."""

    def __init__(self, what):
        self.what = what
        self.position = 0        # of the next byte
        self.received = self.missing = self.doubled = 0
        self.gaps = 0            # as many are allowed
        self.may_double = 0
        self.pending = b""       # after a gap, until its place is known

    def resume(self, doubles=0):
        """A new connection: bytes may be missing once, or up to `doubles` bytes come again."""
        self.pending = b""
        self.gaps += 1
        self.may_double += doubles

    def feed(self, data):
        self.received += len(data)
        self.pending += data
        while self.pending:
            expected = stream(self.position, len(self.pending))
            if self.pending == expected:
                same = len(expected)
            else:
                same = next(i for i, (a, b) in enumerate(zip(self.pending, expected)) if a != b)
            self.position += same
            self.pending = self.pending[same:]
            if self.pending and not self.find_place():
                return

    def find_place(self):
        """After a gap: a whole line behind the end of another tells where it is. False: it has not come yet."""
        assert self.gaps, f"{self.what}: at {self.position} comes {self.pending[:80]}"
        end = self.pending.find(b"\n") + 1
        if not end or len(self.pending) < end + LINE:
            assert len(self.pending) < 3 * LINE, f"{self.what}: no lines at {self.position}: {self.pending[:80]}"
            return False
        line = self.pending[end:end + LINE]
        assert line[-1:] == b"\n" and line[:-1].isdigit(), f"{self.what}: no line at {self.position}: {self.pending[:80]}"
        gap = int(line) * LINE - end - self.position
        assert gap >= -self.may_double, f"{self.what}: {-gap} bytes come again at {self.position}"
        assert stream(self.position + gap, end) == self.pending[:end], \
            f"{self.what}: out of order at {self.position}: {self.pending[:80]}"
        self.missing += max(0, gap)
        self.doubled += max(0, -gap)
        self.may_double += min(0, gap)
        self.gaps -= 1
        self.position += gap
        return True
