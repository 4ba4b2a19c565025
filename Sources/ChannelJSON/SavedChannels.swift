import CLibc
import CYajl
import Channel

/// The array `"channels"` of a saved libxl_domain_config, from which libxl
/// creates the domain again. It is edited in the document's own bytes, so that
/// every other byte stays as it is.
///
/// libxl saves the channels that it made without a `"devid"`. Such an entry's
/// console number is its place in the array, counted from 1. When an entry is
/// removed, the entries behind it get a `"devid"` to keep their numbers.
public struct SavedChannels: Sendable {
    /// The document. Bytes behind its last bracket are kept, such as the NUL
    /// that libxl stores and relies on; none are added.
    public private(set) var document: Bytes

    /// Reads a document, up to its first NUL, as libxl does.
    ///
    /// - Throws: `.failed` if it is not a JSON object, if `"channels"` is not an
    ///   array, or if libxl could not read one of its entries.
    public init(_ document: Bytes) throws(ChannelError) {
        self.document = document
        _ = try edited(nil, nil, adding: nil)
    }

    /// Adds a channel at the end, and removes entries with its console number or
    /// its name: they are of channels that are gone.
    ///
    /// - Throws: `.invalid` if libxl could not read the channel (it knows PTY and
    ///   SOCKET, and texts in UTF-8) or no channel can have the number `console`;
    ///   then nothing has changed.
    public mutating func put(
        name: Bytes, connection: Connection, backendDomid: UInt32, console: UInt32
    ) throws(ChannelError) {
        guard connection.kind.isKnownToLibXL else {
            throw ChannelError(.invalid, "libxl does not know such a connection")
        }
        guard console > 0, console <= Int32.max else {
            throw ChannelError(.invalid, "no channel has this console number")
        }
        let record = ChannelRecord(
            backendDomid: backendDomid, backendDomname: nil, devid: Int32(console), name: name.duplicated(),
            kind: connection.kind, path: connection.path?.duplicated())
        defer { record.freeTexts() }
        guard let text = record.name, record.path != nil || !connection.kind.hasPath else {
            throw ChannelError(.noMemory, "no memory for a channel's texts")
        }
        guard strlen(text) == name.count, connection.path?.array.contains(0) != true else {
            throw ChannelError(.invalid, "there is a NUL in the name or path")
        }
        let added = try jsonText { generateDomainConfig(1, $0) { record.generate(.released, $1) } }
        defer { free(added) }
        do throws(ChannelError) {
            if let bytes = try edited(Int(console), text, adding: Bytes(cString: added)) {
                self = try SavedChannels(bytes)
            }
        } catch {
            throw ChannelError(error.kind == .failed ? .invalid : error.kind, error.message)
        }
    }

    /// Removes the entry with this console number. The array goes with its last
    /// entry, since libxl saves no empty arrays.
    ///
    /// - Returns: whether there was one.
    /// - Throws: only when out of memory; then nothing has changed.
    public mutating func remove(console: UInt32) throws(ChannelError) -> Bool {
        guard let bytes = try edited(Int(console), nil, adding: nil) else { return false }
        self = try SavedChannels(bytes)
        return true
    }

    /// The document without the entries of this console number or name, and
    /// with the entry of the generated document `added`; nil if nothing changes.
    @inline(never)
    private func edited(_ console: Int?, _ name: CText?, adding added: Bytes?) throws(ChannelError) -> Bytes? {
        guard let text = document.duplicated() else { throw ChannelError(.noMemory, "no memory for a document") }
        defer { free(text) }
        var reader = DocumentReader(Shape.released.schema, elementsOf: "channels")
        let records = try channels(text, .released, &reader, onlyObjects: true)
        defer { for record in records { record.freeTexts() } }
        guard reader.isMap else { throw ChannelError(.failed, "the document is not an object") }
        guard reader.isArray == reader.wasFound else { throw ChannelError(.failed, "\"channels\" is not an array") }
        let members = ItemRanges(document.array, from: 0)
        var entries: ItemRanges?
        if reader.isArray, reader.position < members.count {
            entries = ItemRanges(document.array, from: members[reader.position].lowerBound)
        }
        // The parser and `ItemRanges` agree, or no byte is touched.
        guard reader.isArray == (entries != nil), records.count == entries?.count ?? 0 else {
            throw ChannelError(.failed, "the entries of \"channels\" cannot be told apart")
        }
        // See `ItemRanges.rewritten`.
        var changes = [Int](repeating: 0, count: records.count)
        var isShorter = false
        var rest = added == nil ? 0 : 1
        for index in records.indices {
            let record = records[index]
            let number = record.devid == -1 ? index + 1 : Int(record.devid)
            if number == console {
                changes[index] = -1
            } else if let name, let other = record.name, strcmp(name, other) == 0 {
                changes[index] = -1
            } else {
                if isShorter, record.devid == -1, record.name != nil { changes[index] = number }
                rest += 1
                continue
            }
            isShorter = true
        }
        guard isShorter || added != nil else { return nil }
        // libxl reads the first array of this name: an empty one hides a second.
        if let entries, rest > 0 || reader.isRepeated {
            let entry = added.map { $0.array[ItemRanges($0.array, from: 1)[0]] }
            return entries.rewritten(document.array, changes, adding: entry)
        }
        changes = [Int](repeating: 0, count: members.count)
        if entries != nil { changes[reader.position] = -1 }
        let member = added.map { $0.array[ItemRanges($0.array, from: 0)[0]] }
        return members.rewritten(document.array, changes, adding: member)
    }
}

/// Where the items of an array or an object lie in a text that is known to be
/// JSON: each from an opening bracket or comma to the next comma. The blanks
/// before the closing bracket belong to no item.
private struct ItemRanges: Sendable {
    /// The opening bracket, the commas between the items, and the end of the last one.
    private var marks: [Int] = []

    /// Of the first array or object at or behind `start`.
    init(_ text: [UInt8], from start: Int) {
        var depth = 0
        var isText = false
        var index = start
        while index < text.count {
            switch text[index] {
            case UInt8(ascii: "\\"):
                index += 1
            case UInt8(ascii: "\""):
                isText.toggle()
            case _ where isText:
                break
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                if depth == 0 { marks.append(index) }
                depth += 1
            case UInt8(ascii: ",") where depth == 1:
                marks.append(index)
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                depth -= 1
                if depth > 0 { break }
                while index > start, text[index - 1] <= UInt8(ascii: " ") { index -= 1 }
                marks.append(index)
                return
            default:
                break
            }
            index += 1
        }
    }

    var count: Int {
        marks.count < 2 || marks[1] == marks[0] + 1 ? 0 : marks.count - 1
    }

    subscript(index: Int) -> Range<Int> {
        marks[index] + 1..<marks[index + 1]
    }

    /// The text with an item's change applied to each, and `added` behind them.
    ///
    /// 0 leaves an item as it is and -1 removes it; another number is a
    /// devid to go before an object's other members (the first of several counts).
    func rewritten(_ text: [UInt8], _ changes: [Int], adding added: ArraySlice<UInt8>?) -> Bytes {
        var bytes = Bytes([UInt8](text[...marks[0]]))
        for index in 0..<count where changes[index] >= 0 {
            var range = self[index]
            if changes[index] > 0, let brace = text[range].firstIndex(of: UInt8(ascii: "{")) {
                bytes.array.append(contentsOf: text[range.lowerBound...brace])
                bytes.append("\n            \"devid\": ")
                bytes.append(decimal: changes[index])
                bytes.array.append(UInt8(ascii: ","))
                range = brace + 1..<range.upperBound
            }
            bytes.array.append(contentsOf: text[range])
            bytes.array.append(UInt8(ascii: ","))
        }
        if let added {
            bytes.array.append(contentsOf: added)
        } else if bytes.array.last == UInt8(ascii: ",") {
            bytes.array.removeLast()
        }
        bytes.array.append(contentsOf: text[marks[marks.count - 1]...])
        return bytes
    }
}
