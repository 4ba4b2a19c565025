// JSON of channels, of infos and of domain configurations.
import CLibc
import CYajl
import Channel

@testable import ChannelJSON

/// What is read of a text and written again.
private protocol Record {
    init()
    mutating func read(_ text: UnsafePointer<CChar>) throws(ChannelError)
    mutating func read(_ value: yajl_val) throws(ChannelError)
    func write(_ generator: yajl_gen) -> yajl_gen_status
    func freeTexts()
}

private struct Released: Record {
    var record = ChannelRecord()
    mutating func read(_ text: UnsafePointer<CChar>) throws(ChannelError) { try record.parse(.released, text) }
    mutating func read(_ value: yajl_val) throws(ChannelError) { try record.parse(.released, value) }
    func write(_ generator: yajl_gen) -> yajl_gen_status { record.generate(.released, generator) }
    func freeTexts() { record.freeTexts() }
}

private struct Posted: Record {
    var record = ChannelRecord()
    mutating func read(_ text: UnsafePointer<CChar>) throws(ChannelError) { try record.parse(.posted, text) }
    mutating func read(_ value: yajl_val) throws(ChannelError) { try record.parse(.posted, value) }
    func write(_ generator: yajl_gen) -> yajl_gen_status { record.generate(.posted, generator) }
    func freeTexts() { record.freeTexts() }
}

private struct Info: Record {
    var record = ChannelInfoRecord()
    mutating func read(_ text: UnsafePointer<CChar>) throws(ChannelError) { try record.parse(text) }
    mutating func read(_ value: yajl_val) throws(ChannelError) { try record.parse(value) }
    func write(_ generator: yajl_gen) -> yajl_gen_status { record.generate(generator) }
    func freeTexts() { record.freeTexts() }
}

func roundTrip(_ shape: Shape, _ input: inout Input) {
    let text = Bytes(input.rest())
    switch shape {
    case .released: check(text, Released.self)
    case .posted: check(text, Posted.self)
    }
}

func roundTripOfInfo(_ input: inout Input) {
    check(Bytes(input.rest()), Info.self)
}

/// What is written of a text that can be read is read and written as the same,
/// and a parsed document is read as its text is.
private func check<R: Record>(_ text: Bytes, _: R.Type) {
    let first = rewritten(R.self) { (record) throws(ChannelError) in
        try text.withCString { (text) throws(ChannelError) in try record.read(text) }
    }
    if let first {
        let second = rewritten(R.self) { (record) throws(ChannelError) in
            try first.withCString { (text) throws(ChannelError) in try record.read(text) }
        }
        require(second == first, "\(first) is read as \(second.map { "\($0)" } ?? "nothing")")
    }
    // Unlike libxl's parser the one of whole documents takes comments, and nothing behind the document.
    guard !text.array.contains(UInt8(ascii: "/")) else { return }
    text.withCString { text in
        guard let tree = yajl_tree_parse(text, nil, 0) else { return }
        defer { yajl_tree_free(tree) }
        let other = rewritten(R.self) { (record) throws(ChannelError) in try record.read(tree) }
        require(other == first, "the parsed document is read as \(other.map { "\($0)" } ?? "nothing")")
    }
}

/// What a record is written as after `read` has filled it; nil if that fails.
private func rewritten<R: Record>(_: R.Type, _ read: (inout R) throws(ChannelError) -> Void) -> Bytes? {
    var record = R()
    defer { record.freeTexts() }
    do throws(ChannelError) {
        try read(&record)
    } catch {
        return nil
    }
    return written { record.write($0) }
}

/// What the library writes, which always can be written.
func written(_ write: (yajl_gen) -> yajl_gen_status) -> Bytes {
    do throws(ChannelError) {
        let text = try jsonText(write)
        defer { free(text) }
        return Bytes(cString: text)
    } catch {
        fatalError("not written: \(error.message)")
    }
}

/// The channels of a domain configuration, each as it is written by itself; nil for what is none.
func channels(of document: Bytes, _ shape: Shape) -> [ChannelRecord]? {
    document.withCString { text in try? domainConfigChannels(text, shape) }
}

func domainConfig(_ input: inout Input) {
    let text = Bytes(input.rest())
    for shape in [Shape.released, .posted] {
        guard let records = channels(of: text, shape) else { continue }
        defer { for record in records { record.freeTexts() } }
        let first = written { generator in
            generateDomainConfig(records.count, generator) { records[$0].generate(shape, $1) }
        }
        guard let again = channels(of: first, shape) else { fatalError("\(first) is not read") }
        defer { for record in again { record.freeTexts() } }
        require(again.count == records.count, "\(records.count) channels became \(again.count)")
        let second = written { generator in
            generateDomainConfig(again.count, generator) { again[$0].generate(shape, $1) }
        }
        require(first == second, "\(first) became \(second)")
    }
}

/// Whether a text is JSON for yajl.
func isJSON(_ text: Bytes) -> Bool {
    text.withCString { text in
        guard let tree = yajl_tree_parse(text, nil, 0) else { return false }
        yajl_tree_free(tree)
        return true
    }
}
