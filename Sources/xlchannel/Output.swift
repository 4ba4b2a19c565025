import Glibc

/// Prints to stdout; throws if that fails.
func show(_ text: String) throws(Failure) {
    guard write(text, to: 1) else { throw Failure(message: "cannot write: \(String(cString: strerror(errno)))") }
}

/// Prints a line to stderr.
func complain(_ message: String) {
    _ = write("xlchannel: \(message)\n", to: 2)
}

private func write(_ text: String, to descriptor: CInt) -> Bool {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        if count > 0 {
            rest.removeFirst(count)
        } else if errno != EINTR {
            return false
        }
    }
    return true
}

/// Rows with aligned columns, two blanks apart, without blanks at the end of a line.
func table(_ rows: [[String]]) -> String {
    let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max()! }
    return rows.map { row in
        let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
        return cells.dropLast().map { $0 + "  " }.joined() + row.last! + "\n"
    }.joined()
}

/// An object in JSON as the library writes it.
struct JSON {
    /// Line breaks are between values only.
    private var lines: [String]

    /// Escapes what is not printable, which does not change the value. Bytes
    /// that are not UTF-8 have no value in JSON: they become surrogates, as with
    /// Python's surrogateescape.
    init(_ bytes: ByteString) {
        var text = ""
        for piece in bytes.pieces {
            switch piece {
            case .scalar(let scalar) where scalar.isPrintable || scalar == "\n":
                text.unicodeScalars.append(scalar)
            case .scalar(let scalar):
                for unit in UTF16.encode(scalar)! { text += "\\u" + hexadecimal(unit) }
            case .byte(let byte):
                text += "\\u" + hexadecimal(0xdc00 + UInt16(byte))
            }
        }
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        while lines.last == "" { lines.removeLast() }
    }

    /// The object with a number before its other members. It must have some.
    func with(_ name: String, _ number: UInt32) -> JSON {
        var object = self
        object.lines.insert("    \"\(name)\": \(number),", at: 1)
        return object
    }

    var text: String { lines.map { $0 + "\n" }.joined() }

    static func array(_ objects: [JSON]) -> String {
        guard !objects.isEmpty else { return "[]\n" }
        let indented = objects.map { object in
            object.lines.map { $0.isEmpty ? "" : "    " + $0 }.joined(separator: "\n")
        }
        return "[\n" + indented.joined(separator: ",\n") + "\n]\n"
    }
}
