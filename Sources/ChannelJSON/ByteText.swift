import Channel

/// How many bytes the character at the beginning has; nil if it is no UTF-8.
private func characterLength(_ bytes: ArraySlice<UInt8>) -> Int? {
    guard let first = bytes.first else { return nil }
    let length: Int
    var second: ClosedRange<UInt8> = 0x80...0xbf
    switch first {
    case 0x00...0x7f: return 1
    case 0xc2...0xdf: length = 2
    case 0xe0...0xef:
        length = 3
        // Neither a longer form than it takes, nor a surrogate.
        if first == 0xe0 { second = 0xa0...0xbf }
        if first == 0xed { second = 0x80...0x9f }
    case 0xf0...0xf4:
        length = 4
        if first == 0xf0 { second = 0x90...0xbf }
        if first == 0xf4 { second = 0x80...0x8f }
    default: return nil
    }
    let rest = bytes.dropFirst().prefix(length - 1)
    guard rest.count == length - 1, let next = rest.first, second.contains(next),
        rest.dropFirst().allSatisfy({ (0x80...0xbf).contains($0) })
    else { return nil }
    return length
}

/// Whether bytes are UTF-8.
func isUTF8(_ bytes: ArraySlice<UInt8>) -> Bool {
    var rest = bytes
    while !rest.isEmpty {
        guard let length = characterLength(rest) else { return false }
        rest = rest.dropFirst(length)
    }
    return true
}

/// A JSON string, with its quotes, of bytes that need not be UTF-8.
func escapedText(_ bytes: Bytes) -> [UInt8] {
    var text = Bytes("\"")
    var rest = bytes.array[...]
    while let first = rest.first {
        let length = characterLength(rest)
        switch first {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            text.append("\\")
            text.array.append(first)
        case 0x00..<0x20: appendEscape(0, first, to: &text)
        case _ where length == nil: appendEscape(0xdc, first, to: &text)
        default: text.array.append(contentsOf: rest.prefix(length ?? 1))
        }
        rest = rest.dropFirst(length ?? 1)
    }
    text.append("\"")
    return text.array
}

private func appendEscape(_ high: UInt8, _ low: UInt8, to text: inout Bytes) {
    text.append("\\u")
    for digit in [high >> 4, high & 15, low >> 4, low & 15] {
        text.array.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
    }
}
