import CLibc

/// Does nothing for a while.
public func pause(_ interval: Interval) {
    var time = interval.timespec
    nanosleep(&time, nil)
}

/// Waits until one of `events` (POLLIN, POLLOUT) is there for a descriptor, or
/// something broke, which the next use of it tells; false when neither
/// happened until `deadline`.
///
/// - Throws: what poll(2) gives, as without memory.
public func wait(for events: Int32, on descriptor: Int32, until deadline: Instant) throws(Errno) -> Bool {
    var item = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    return try valueOrErrno(.poll) { CLibc.poll(&item, 1, deadline.fromNow.pollTimeout) } > 0
}
