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
        let document = bytes(Layout(before.array), Layout(saved.document.array), entries, console, name)
        require(saved.document == document, "\(before) becomes \(saved.document) instead of \(document)")
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

/// What the document is to be; of the edited one only an added entry, or array, is taken as it is.
private func bytes(
    _ before: Layout, _ after: Layout, _ entries: [Entry], _ console: UInt32, _ name: Bytes?
) -> Bytes {
    let kept = entries.indices.filter { !entries[$0].isMeant($0, console, name) }
    guard let position = before.position, let array = before.array, after.position == position else {
        // The array came or went.
        var members = before.object.items
        if let position = before.position { members.remove(at: position) }
        if name != nil { members.append(after.object.items.last!) }
        require(kept.isEmpty, "entries went with the array")
        return Bytes(before.object.text(of: members))
    }
    var elements = kept.enumerated().map { place, index in
        var element = array.items[index]
        if place < index, entries[index].devid == -1, entries[index].name != nil {
            // Its number becomes a member, before all others.
            let brace = element.firstIndex(of: UInt8(ascii: "{"))!
            element.insert(contentsOf: "\n            \"devid\": \(index + 1),".utf8, at: brace + 1)
        }
        return element
    }
    if name != nil { elements.append(after.array!.items.last!) }
    return Bytes(array.text(of: elements))
}

/// Where the parts of a JSON object are. It is known to be JSON.
private struct Layout {
    /// An object or array.
    struct Part {
        /// Up to and with its bracket.
        var head: [UInt8]
        /// With the blanks around them, but for those behind the last one.
        var items: [[UInt8]]
        /// From the blanks before its closing bracket on.
        var tail: [UInt8]

        /// The text with other items.
        func text(of items: [[UInt8]]) -> [UInt8] { head + items.joined(separator: [UInt8(ascii: ",")]) + tail }
    }

    var object: Part
    /// The first member that is called "channels": which one it is, and its array.
    var position: Int?
    var array: Part?

    init(_ text: [UInt8]) {
        let (items, part) = Layout.part(text, from: text.firstIndex(of: UInt8(ascii: "{"))!)
        object = part
        for (index, item) in items.enumerated() where position == nil {
            var start = Layout.skipBlanks(text, item.lowerBound)
            guard Layout.string(text, &start) == Bytes("channels").array else { continue }
            position = index
            // Behind the colon.
            start = Layout.skipBlanks(text, Layout.skipBlanks(text, start) + 1)
            array = Layout.part(text, from: start).part
        }
    }

    private static func part(_ text: [UInt8], from start: Int) -> (items: [Range<Int>], part: Part) {
        var (items, end) = items(text, from: start)
        var tail = end
        while tail > start + 1, text[tail - 1] <= 0x20 { tail -= 1 }
        if let last = items.popLast() { items.append(last.lowerBound..<tail) }
        return (items, Part(head: [UInt8](text[...start]), items: items.map { [UInt8](text[$0]) }, tail: [UInt8](text[tail...])))
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
                    if !items.isEmpty || text[from..<position].contains(where: { $0 > 0x20 }) { items.append(from..<position) }
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
}
