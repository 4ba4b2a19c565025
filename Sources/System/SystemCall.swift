import CLibc

/// The system calls that can be told to fail; see `valueOrErrno`.
public enum SystemCall: Sendable, Equatable {
    case open, stat, read, write, send, receive
    case socket, bind, listen, accept, connect
    case poll, epollControl, inotify, lock, map, truncate, rename
}

/// The result of a system call that says -1 for an error. A call that a signal
/// interrupts (EINTR) is made again.
///
/// Nothing else looks at errno after a call, and so a unit test needs one place
/// to make any of them fail: `SystemFault`.
@inline(__always)
public func valueOrErrno<Value: FixedWidthInteger & SignedInteger>(
    _ call: SystemCall, _ body: () -> Value
) throws(Errno) -> Value {
    #if !hasFeature(Embedded)
    if let number = SystemFault.next(call) { throw Errno(number) }
    #endif
    while true {
        let value = body()
        if value >= 0 { return value }
        let number = errno
        if number != EINTR { throw Errno(number) }
    }
}

#if !hasFeature(Embedded)
import Synchronization

/// Makes system calls fail, in unit tests. What ships has no trace of it.
public final class SystemFault: Sendable {
    @TaskLocal private static var current: SystemFault?

    private let call: SystemCall
    private let number: Int32
    private let first: Int
    private let count: Int
    private let seen = Atomic<Int>(0)

    private init(_ call: SystemCall, _ number: Int32, first: Int, count: Int) {
        self.call = call
        self.number = number
        self.first = first
        self.count = count
    }

    /// Runs `body` while calls of one kind fail with `number`: `count` of them,
    /// from the one with index `first` on.
    public static func fail<Result>(
        _ call: SystemCall, with number: Int32, first: Int = 0, count: Int = .max, _ body: () throws -> Result
    ) rethrows -> Result {
        try $current.withValue(SystemFault(call, number, first: first, count: count), operation: body)
    }

    /// The errno with which this call is to fail; nil to make it.
    static func next(_ call: SystemCall) -> Int32? {
        guard let fault = current, fault.call == call else { return nil }
        let index = fault.seen.wrappingAdd(1, ordering: .relaxed).oldValue
        return index >= fault.first && index - fault.first < fault.count ? fault.number : nil
    }
}
#endif
