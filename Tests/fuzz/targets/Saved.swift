// The channels of a saved configuration. After an edit every byte but those of
// the entries in question is as before, by a reader of JSON that shares nothing
// with the library's.
import CLibc
import Channel

@testable import ChannelJSON

private let names: [Bytes] = ["a", "b", "org.a", "\"", "é", "d\\", "{", "channels", ""]

func savedChannels(_ input: inout Input) {
    let edits = input.some()
    let document = Bytes(input.rest())
    guard var saved = try? SavedChannels(document) else { return }
    require(saved.document == document, "reading changes the document")
    var edit = Input(edits)
    for _ in 0..<4 where !edit.isEmpty {
        let isPut = edit.flag()
        let console = UInt32(edit.byte() % 8)
        let before = saved.document
        let entries = read(before)
        var name: Bytes?
        var expected: [Entry]
        if isPut {
            let kind = edit.byte()
            let chosen = kind < 0xc0 ? names[Int(kind) % names.count] : Bytes(edit.some())
            let connection = kind & 1 == 0 ? Connection.pty : .socket(Bytes([0x2f]) + chosen)
            let error = failure { () throws(ChannelError) in
                try saved.put(name: chosen, connection: connection, backendDomid: 1, console: console)
            }
            guard error == nil else {
                require(saved.document == before, "a failure changes the document")
                require(error?.kind == .invalid, "\(error!.message)")
                require(console == 0 || chosen.array.contains(0) || !chosen.isUTF8, "not put: \(error!.message)")
                continue
            }
            name = chosen
            expected = remaining(entries, without: console, chosen)
            expected.append(
                Entry(devid: Int32(console), name: chosen, kind: connection.kind, path: connection.path, backendDomid: 1))
        } else {
            expected = remaining(entries, without: console, nil)
            var wasThere = false
            let error = failure { () throws(ChannelError) in wasThere = try saved.remove(console: console) }
            require(error == nil, "not removed: \(error!.message)")
            require(wasThere == (expected.count < entries.count), "said to be there: \(wasThere)")
            if !wasThere { require(saved.document == before, "nothing removed, but the document changed") }
        }
        require(read(saved.document) == expected, "the entries are \(read(saved.document))")
        compare(Layout(before.array), Layout(saved.document.array), entries, console, name)
    }
}

private func failure(_ body: () throws(ChannelError) -> Void) -> ChannelError? {
    do throws(ChannelError) {
        try body()
        return nil
    } catch {
        return error
    }
}

/// An entry, as libxl reads it.
private struct Entry: Equatable {
    var devid: Int32
    var name: Bytes?
    var kind: ConnectionKind?
    var path: Bytes?
    var backendDomid: UInt32

    /// Its console, when it is the entry at `index`.
    func number(_ index: Int) -> UInt32 { devid == -1 ? UInt32(index) + 1 : UInt32(bitPattern: devid) }

    func isMeant(_ index: Int, _ console: UInt32, _ other: Bytes?) -> Bool {
        number(index) == console || other != nil && name == other
    }
}

private func read(_ document: Bytes) -> [Entry] {
    guard let records = channels(of: document, .released) else { fatalError("the document is not read") }
    return records.map { record in
        defer { record.freeTexts() }
        return Entry(
            devid: record.devid, name: record.name.map { Bytes(cString: $0) }, kind: record.kind,
            path: record.path.map { Bytes(cString: $0) }, backendDomid: record.backendDomid)
    }
}

/// What the entries are to be when those of a console or name went: those
/// behind it keep their numbers.
private func remaining(_ entries: [Entry], without console: UInt32, _ name: Bytes?) -> [Entry] {
    var rest: [Entry] = []
    for (index, var entry) in entries.enumerated() where !entry.isMeant(index, console, name) {
        if rest.count < index, entry.name != nil { entry.devid = Int32(bitPattern: entry.number(index)) }
        rest.append(entry)
    }
    return rest
}

/// Compares the bytes around and in the entries.
private func compare(_ before: Layout, _ after: Layout, _ entries: [Entry], _ console: UInt32, _ name: Bytes?) {
    require(before.head == after.head, "what is before the object has changed")
    require(before.tail == after.tail, "what is behind the object has changed")
    let old = before.array, new = after.array
    require(before.others(but: old) == after.others(but: new), "other members have changed")
    if let old, let new { require(old == new, "the array has changed its place") }
    let kept = entries.indices.filter { !entries[$0].isMeant($0, console, name) }
    var left = kept.map { before.elements[$0] }
    if name != nil { left.append([]) }
    require(left.count == after.elements.count, "\(after.elements.count) entries")
    for (position, index) in kept.enumerated() {
        let was = left[position]
        var isNow = after.elements[position]
        if position < index, entries[index].devid == -1, entries[index].name != nil, was != isNow {
            // Its number has become a member, before all others.
            let added = Bytes("\n            \"devid\": ") + Bytes(decimal: index + 1) + ","
            require(isNow.count > added.count, "an entry has shrunk")
            require([UInt8](isNow[1...added.count]) == added.array, "an entry has another first member")
            isNow.removeSubrange(1...added.count)
        }
        require(was == isNow, "entry \(index) has changed")
    }
}

/// Where the parts of a JSON object are. It is known to be JSON.
private struct Layout {
    /// The bytes up to the object's brace, and from its closing brace on.
    var head: [UInt8] = []
    var tail: [UInt8] = []
    /// The members with the blanks around them, but those before the closing brace.
    var members: [[UInt8]] = []
    /// The number of the first member that is called "channels".
    var array: Int?
    /// The elements of its array without the blanks around.
    var elements: [[UInt8]] = []

    init(_ text: [UInt8]) {
        let start = text.firstIndex(of: UInt8(ascii: "{"))!
        let (items, end) = Layout.items(text, from: start)
        head = [UInt8](text[...start])
        tail = [UInt8](text[end...])
        members = items.map { [UInt8](text[$0]) }
        for (index, item) in items.enumerated() where array == nil {
            var position = Layout.skipBlanks(text, item.lowerBound)
            let key = Layout.string(text, &position)
            guard key == Bytes("channels").array else { continue }
            array = index
            position = Layout.skipBlanks(text, position) + 1
            position = Layout.skipBlanks(text, position)
            elements = Layout.items(text, from: position).items.map { Layout.trimmed(text[$0]) }
        }
    }

    func others(but index: Int?) -> [[UInt8]] {
        var others = members
        if let index { others.remove(at: index) }
        // The blanks behind the last member are those before the closing brace.
        return others.map { [UInt8]($0.reversed().drop { $0 <= 0x20 }.reversed()) }
    }

    /// The ranges between the commas of the object or array at `start`, and where its bracket closes.
    private static func items(_ text: [UInt8], from start: Int) -> (items: [Range<Int>], end: Int) {
        var items: [Range<Int>] = []
        var open: [UInt8] = []
        var from = start + 1
        var position = start
        while true {
            switch text[position] {
            case UInt8(ascii: "\""):
                _ = string(text, &position)
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): open.append(text[position])
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                open.removeLast()
                if open.isEmpty {
                    if !items.isEmpty || !trimmed(text[from..<position]).isEmpty { items.append(from..<position) }
                    return (items, position)
                }
            case UInt8(ascii: ",") where open.count == 1:
                items.append(from..<position)
                from = position + 1
            default: break
            }
            position += 1
        }
    }

    /// The string that begins at `position`, up to its first NUL, as C reads it.
    private static func string(_ text: [UInt8], _ position: inout Int) -> [UInt8] {
        var string: [UInt8] = []
        position += 1
        while text[position] != UInt8(ascii: "\"") {
            guard text[position] == UInt8(ascii: "\\") else {
                string.append(text[position])
                position += 1
                continue
            }
            if text[position + 1] == UInt8(ascii: "u") {
                let digits = String(decoding: text[(position + 2)..<(position + 6)], as: UTF8.self)
                // All that matters is whether it is "channels".
                string.append(UInt8(exactly: UInt32(digits, radix: 16)!) ?? 0xff)
                position += 6
            } else {
                string.append(0xff)
                position += 2
            }
        }
        position += 1
        return [UInt8](string.prefix { $0 != 0 })
    }

    private static func skipBlanks(_ text: [UInt8], _ position: Int) -> Int {
        text[position...].firstIndex { $0 > 0x20 } ?? text.endIndex
    }

    private static func trimmed(_ text: ArraySlice<UInt8>) -> [UInt8] {
        [UInt8](text.drop { $0 <= 0x20 }.reversed().drop { $0 <= 0x20 }.reversed())
    }
}
