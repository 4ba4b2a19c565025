import CLibc

/// A string as C and xenstore have it: bytes, in no particular encoding.
///
/// Names and paths need not be UTF-8, and `String` would silently repair them.
public struct Bytes: Sendable {
    /// The bytes, without a terminating NUL.
    public var array: [UInt8]

    public init(_ array: [UInt8] = []) {
        self.array = array
    }

    public init(_ bytes: some Collection<UInt8>) {
        array = [UInt8](bytes)
    }

    /// The bytes of `literal`.
    public init(_ literal: StaticString) {
        array = [UInt8](UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    /// A copy of a C string.
    public init(cString: UnsafePointer<CChar>) {
        let count = strlen(cString)
        array = [UInt8](UnsafeRawBufferPointer(start: cString, count: count))
    }

    /// `number` in decimal.
    public init(decimal number: some FixedWidthInteger) {
        array = []
        append(decimal: number)
    }

    public var count: Int { array.count }
    public var isEmpty: Bool { array.isEmpty }

    @_disfavoredOverload
    public mutating func append(_ other: Bytes) {
        array.append(contentsOf: other.array)
    }

    public mutating func append(_ literal: StaticString) {
        array.append(contentsOf: UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    /// Appends `number` in decimal.
    public mutating func append(decimal number: some FixedWidthInteger) {
        if number < 0 { array.append(UInt8(ascii: "-")) }
        let start = array.count
        var rest = number.magnitude
        repeat {
            array.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        array[start...].reverse()
    }

    /// Calls `body` with the bytes as a C string.
    public func withCString<Result, Failure: Error>(
        _ body: (UnsafePointer<CChar>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var terminated = array
        terminated.append(0)
        return try terminated.withUnsafeBufferPointer { (buffer) throws(Failure) in
            try body(UnsafeRawPointer(buffer.baseAddress!).assumingMemoryBound(to: CChar.self))
        }
    }

    /// A malloc'd C string, the caller's to free; nil without memory.
    /// Ends at the first NUL, should there be one.
    public func duplicated() -> UnsafeMutablePointer<CChar>? {
        array.withUnsafeBytes { raw in
            guard let base = raw.baseAddress else { return strdup("") }
            return strndup(base.assumingMemoryBound(to: CChar.self), raw.count)
        }
    }
}

extension Bytes: Equatable {
    public static func == (a: Bytes, b: Bytes) -> Bool {
        a.array == b.array
    }

    /// Whether these are the bytes of `literal`; no copy is made.
    public func isEqual(to literal: StaticString) -> Bool {
        count == literal.utf8CodeUnitCount
            && array.withUnsafeBytes { raw in
                raw.isEmpty || memcmp(raw.baseAddress!, literal.utf8Start, raw.count) == 0
            }
    }
}

/// Lets `switch` compare bytes with a literal.
public func ~= (pattern: StaticString, value: Bytes) -> Bool {
    value.isEqual(to: pattern)
}

extension Bytes: ExpressibleByStringLiteral {
    public init(stringLiteral literal: StaticString) {
        self.init(literal)
    }
}

/// A decimal number; nil for anything else, and beyond 64 bits.
public func unsigned(_ digits: some Collection<UInt8>) -> UInt64? {
    guard !digits.isEmpty else { return nil }
    var value: UInt64 = 0
    for digit in digits {
        guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else { return nil }
        let (tens, overflow1) = value.multipliedReportingOverflow(by: 10)
        let (sum, overflow2) = tens.addingReportingOverflow(UInt64(digit - UInt8(ascii: "0")))
        if overflow1 || overflow2 { return nil }
        value = sum
    }
    return value
}
