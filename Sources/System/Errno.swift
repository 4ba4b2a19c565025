import CLibc

/// The calling thread's errno.
public var errno: Int32 {
    get { __errno_location().pointee }
    set { __errno_location().pointee = newValue }
}

/// Why a system call failed.
public struct Errno: Error, Equatable, Sendable {
    public let number: Int32

    public init(_ number: Int32) {
        self.number = number
    }

    /// Whether it would only have had to wait (EAGAIN).
    public var isBlocked: Bool { number == EAGAIN }
    /// Whether the process or the system has no descriptor left.
    public var isShortOfDescriptors: Bool { number == EMFILE || number == ENFILE }
}
