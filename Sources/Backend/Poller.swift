import CLibc
import CXenIO
import Channel
import System

/// What can happen to a descriptor (epoll(7)).
struct Events: OptionSet {
    let rawValue: UInt32

    static var readable: Events { Events(rawValue: EPOLLIN.rawValue) }
    static var writable: Events { Events(rawValue: EPOLLOUT.rawValue) }
    /// The other end is gone; reported whether it was asked for or not, and so is `failed`.
    static var hungUp: Events { Events(rawValue: EPOLLHUP.rawValue) }
    static var failed: Events { Events(rawValue: EPOLLERR.rawValue) }
}

/// A descriptor in the event loop, with what its owner does when something
/// happens to it. The loop knows no owner.
final class Dispatch {
    let descriptor: Int32
    /// It holds its dispatches, not the other way round.
    private unowned(unsafe) let poller: Poller
    fileprivate let handle: (Events) -> Void
    /// What is polled for now; nil for nothing, not even hang-ups.
    private var polled: Events?
    /// Where the poller finds it.
    fileprivate var slot: Poller.Slot

    /// - Parameter descriptor: stays the owner's, who ends polling before closing it.
    init(_ poller: Poller, _ descriptor: Int32, _ handle: @escaping (Events) -> Void) {
        self.poller = poller
        self.descriptor = descriptor
        self.handle = handle
        slot = poller.reserve()
        poller.put(self, at: slot)
    }

    /// Polls for these events from now on; nil: for none.
    ///
    /// - Throws: what epoll_ctl(2) gives, as without memory; then all stays as it was.
    func poll(for events: Events?) throws(Errno) {
        guard events != polled else { return }
        try poller.control(
            events == nil ? EPOLL_CTL_DEL : polled == nil ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, descriptor,
            events ?? [], slot)
        polled = events
    }

    /// Takes the descriptor out of the loop. Events of it that are already there are dropped.
    func end() {
        if polled != nil { try? poller.control(EPOLL_CTL_DEL, descriptor, [], slot) }
        polled = nil
        poller.release(slot)
    }
}

/// The event loop's epoll, level-triggered.
final class Poller {
    /// A place in the table of dispatches. The generation tells an event of a
    /// dispatch that has ended from one of its successor.
    struct Slot: Equatable {
        var index: UInt32
        var generation: UInt32

        var bits: UInt64 { UInt64(generation) << 32 | UInt64(index) }
    }

    private let descriptor: Int32
    /// Linux before 5.11 has no epoll_pwait2, and waits for whole milliseconds.
    private var isPrecise = true
    private var places: [(generation: UInt32, dispatch: Dispatch?)] = []
    private var free: [UInt32] = []

    init() throws(ChannelError) {
        descriptor = try failing(as: "epoll") { () throws(Errno) in
            try valueOrErrno(.open) { epoll_create1(Int32(EPOLL_CLOEXEC)) }
        }
    }

    fileprivate func reserve() -> Slot {
        if let index = free.popLast() { return Slot(index: index, generation: places[Int(index)].generation) }
        places.append((0, nil))
        return Slot(index: UInt32(places.count - 1), generation: 0)
    }

    fileprivate func put(_ dispatch: Dispatch, at slot: Slot) {
        places[Int(slot.index)].dispatch = dispatch
    }

    fileprivate func release(_ slot: Slot) {
        guard places[Int(slot.index)].generation == slot.generation else { return }
        places[Int(slot.index)] = (slot.generation &+ 1, nil)
        free.append(slot.index)
    }

    fileprivate func control(_ operation: Int32, _ target: Int32, _ events: Events, _ slot: Slot) throws(Errno) {
        var event = epoll_event()
        event.events = events.rawValue
        event.data.u64 = slot.bits
        _ = try valueOrErrno(.epollControl) { epoll_ctl(descriptor, operation, target, &event) }
    }

    /// Waits for at most this long (nil: without limit), and calls the owners of what happened.
    func wait(_ interval: Interval?) {
        withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: 64) { buffer in
            let count = wait(interval, buffer)
            for index in 0..<max(0, Int(count)) {
                let bits = buffer[index].data.u64
                let place = Int(UInt32(truncatingIfNeeded: bits))
                guard place < places.count, places[place].generation == UInt32(bits >> 32) else { continue }
                places[place].dispatch?.handle(Events(rawValue: buffer[index].events))
            }
        }
    }

    private func wait(_ interval: Interval?, _ buffer: UnsafeMutableBufferPointer<epoll_event>) -> Int32 {
        let start = buffer.baseAddress!
        if let interval, interval.microseconds % 1000 != 0, isPrecise {
            var time = interval.timespec
            let count = epoll_pwait2(descriptor, start, Int32(buffer.count), &time, nil)
            guard count < 0, errno == ENOSYS else { return count }
            isPrecise = false
        }
        return epoll_wait(descriptor, start, Int32(buffer.count), interval.map { $0.pollTimeout } ?? -1)
    }
}
