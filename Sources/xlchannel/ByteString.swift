import ArgumentParser
import Glibc

/// A name or a path: bytes that need not be UTF-8.
struct ByteString: Equatable {
    var bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// A copy of a C string; nil for NULL and for an empty one.
    init?(_ text: UnsafePointer<CChar>?) {
        guard let text, text.pointee != 0 else { return nil }
        bytes = [UInt8](UnsafeRawBufferPointer(start: text, count: strlen(text)))
    }

    /// A malloc'd C string for a C struct, which then owns it.
    func duplicated() -> UnsafeMutablePointer<CChar> {
        withCString {
            guard let copy = strdup($0) else { fatalError("out of memory") }
            return copy
        }
    }

    func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
        (bytes + [0]).withUnsafeBytes { body($0.baseAddress!.assumingMemoryBound(to: CChar.self)) }
    }

    /// One printable word, so that no name forges a column or a line, or sends
    /// escapes to a terminal. `printf %b` restores the bytes.
    var shown: String {
        if bytes == [UInt8(ascii: "-")] { return "\\x2d" }  // "-" stands for an empty one
        return bytes.isEmpty ? "-" : escaped { $0 == " " || $0 == "\\" }
    }

    /// One printable line, for text that is a sentence already.
    var line: String { escaped { _ in false } }

    private func escaped(_ isSpecial: (Unicode.Scalar) -> Bool) -> String {
        var text = ""
        for piece in pieces {
            switch piece {
            case .scalar(let scalar) where scalar.isPrintable && !isSpecial(scalar):
                text.unicodeScalars.append(scalar)
            case .scalar(let scalar):
                for byte in UTF8.encode(scalar)! { text += "\\x" + hexadecimal(byte) }
            case .byte(let byte):
                text += "\\x" + hexadecimal(byte)
            }
        }
        return text
    }

    enum Piece {
        case scalar(Unicode.Scalar)
        /// A byte that is not part of UTF-8.
        case byte(UInt8)
    }

    /// The bytes read as UTF-8.
    var pieces: [Piece] {
        var pieces: [Piece] = []
        var parser = UTF8.ForwardParser()
        var rest = bytes.makeIterator()
        var position = 0
        while true {
            switch parser.parseScalar(from: &rest) {
            case .valid(let encoded):
                pieces.append(.scalar(UTF8.decode(encoded)))
                position += encoded.count
            case .error(let length):
                for byte in bytes[position..<position + length] { pieces.append(.byte(byte)) }
                position += length
            case .emptyInput:
                return pieces
            }
        }
    }
}

extension Unicode.Scalar {
    /// Whether it is visible, or the ASCII blank: no control character, no other
    /// blank, nothing invisible.
    var isPrintable: Bool {
        if isASCII { return (0x20..<0x7f).contains(value) }
        return switch properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
            .spaceSeparator:
            false
        default: true
        }
    }
}

/// `value` in hexadecimal, with all the digits of its type.
func hexadecimal(_ value: some FixedWidthInteger & UnsignedInteger) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: type(of: value).bitWidth / 4 - digits.count) + digits
}

// ArgumentParser takes Strings, which would repair bytes that are not UTF-8. Such
// bytes pass through it as the last 256 code points of Unicode, which nobody uses.
// The bytes of such a code point itself pass in the same way.
private let first: UInt32 = 0x10ff00

/// The arguments after the program's name.
func commandLine() -> [String] {
    (1..<max(1, Int(CommandLine.argc))).map { index in
        var word = String.UnicodeScalarView()
        for piece in ByteString(CommandLine.unsafeArgv[index])?.pieces ?? [] {
            switch piece {
            case .scalar(let scalar) where scalar.value < first:
                word.append(scalar)
            case .scalar(let scalar):
                word.append(contentsOf: UTF8.encode(scalar)!.map { Unicode.Scalar(first + UInt32($0))! })
            case .byte(let byte):
                word.append(Unicode.Scalar(first + UInt32(byte))!)
            }
        }
        return String(word)
    }
}

extension ByteString: ExpressibleByArgument {
    init(argument: String) {
        bytes = argument.unicodeScalars.flatMap { scalar in
            scalar.value < first ? Array(UTF8.encode(scalar)!) : [UInt8(truncatingIfNeeded: scalar.value)]
        }
    }
}
