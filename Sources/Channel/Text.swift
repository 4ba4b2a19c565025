import CLibc
import System

/// A text made for people: messages and what they consist of.
///
/// It is written like a String, by interpolation, and holds bytes. What it
/// takes in place of `\(…)` is appended by a few shared functions, so that a
/// message costs little code; and hostile bytes come out escaped.
public struct Text: Sendable, Equatable {
    /// ASCII, but for what the C library says in other languages.
    public private(set) var bytes = Bytes()

    public init() {}

    /// The bytes as they are but for control characters, for words of other
    /// programs; at most 300 of them.
    public init(unquoted words: Bytes) {
        append(words, escaping: { $0 < 0x20 || $0 == 0x7f })
    }

    /// Appends bytes, with those that `isEscaped` picks as `\xNN`.
    private mutating func append(_ more: Bytes, escaping isEscaped: (UInt8) -> Bool) {
        for byte in more.array.prefix(300) {
            if isEscaped(byte) {
                append(literal: "\\x")
                bytes.array.append(hexadecimal(byte >> 4))
                bytes.array.append(hexadecimal(byte & 15))
            } else {
                bytes.array.append(byte)
            }
        }
        if more.count > 300 { append(literal: "...") }
    }

    fileprivate mutating func append(literal: StaticString) {
        bytes.append(literal)
    }

    /// What an errno means, in the C library's words.
    fileprivate mutating func append(words error: Errno) {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
            if strerror_r(error.number, buffer.baseAddress!, buffer.count) == 0 {
                append(Bytes(cString: buffer.baseAddress!), escaping: { $0 < 0x20 || $0 == 0x7f })
            } else {
                append(literal: "errno ")
                bytes.append(decimal: error.number)
            }
        }
    }

    fileprivate mutating func append(text other: Text) {
        bytes.append(other.bytes)
    }

    /// Quoted, and what is not printable ASCII escaped, so that a hostile name
    /// cannot forge a log line.
    fileprivate mutating func append(quoting value: Bytes) {
        append(literal: "\"")
        var rest = value
        // A quote or a backslash within has a backslash before it.
        if value.array.contains(where: { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }) {
            rest.array.removeAll()
            for byte in value.array {
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { rest.array.append(UInt8(ascii: "\\")) }
                rest.array.append(byte)
            }
        }
        append(rest, escaping: { !(0x20..<0x7f).contains($0) })
        append(literal: "\"")
    }
}

extension Text: ExpressibleByStringInterpolation {
    public init(stringLiteral literal: StaticString) {
        append(literal: literal)
    }

    public init(stringInterpolation interpolation: StringInterpolation) {
        self = interpolation.text
    }

    public struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var text = Text()

        public init(literalCapacity: Int, interpolationCount: Int) {}

        @inline(never)
        public mutating func appendLiteral(_ literal: StaticString) { text.append(literal: literal) }

        @inline(never)
        public mutating func appendInterpolation(_ words: StaticString) { text.append(literal: words) }

        @inline(never)
        public mutating func appendInterpolation(_ other: Text) { text.append(text: other) }

        @inline(never)
        public mutating func appendInterpolation(_ value: Bytes) { text.append(quoting: value) }

        @inline(never)
        public mutating func appendInterpolation(_ number: Int64) {
            text.bytes.append(decimal: number)
        }

        @inline(never)
        public mutating func appendInterpolation(_ error: Errno) { text.append(words: error) }

        public mutating func appendInterpolation(_ number: some FixedWidthInteger) {
            appendInterpolation(Int64(truncatingIfNeeded: number))
        }
    }
}

extension Text: CustomStringConvertible {
    public var description: String { String(decoding: bytes.array, as: UTF8.self) }
}

extension Bytes: CustomStringConvertible {
    /// As in a `Text`: quoted, and escaped.
    public var description: String { ("\(self)" as Text).description }
}

private func hexadecimal(_ digit: UInt8) -> UInt8 {
    digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
}
