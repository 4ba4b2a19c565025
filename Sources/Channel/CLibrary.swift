import CLibc

/// The calling thread's errno.
public var errno: Int32 { __errno_location().pointee }

/// What an errno means, in the C library's words.
public func errorText(_ number: Int32) -> Text {
    var buffer = [CChar](repeating: 0, count: 128)
    guard strerror_r(number, &buffer, buffer.count) == 0 else { return "errno \(number)" }
    return Text(unquoted: buffer.withUnsafeBytes { Bytes($0.prefix { $0 != 0 }) })
}

/// The monotonic clock, in microseconds.
public func microseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
}

/// The same clock, in milliseconds.
public func now() -> Int64 {
    microseconds() / 1000
}
