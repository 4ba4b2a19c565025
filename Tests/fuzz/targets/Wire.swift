// What xenstored may send.
import CLibc
import Channel
import XenConsole

@testable import Backend
@testable import XenStore

/// Feeds all at once.
private func feed(_ bytes: [UInt8], to decoder: inout Decoder) {
    bytes.withUnsafeBytes { decoder.append($0) }
}

/// A batch with requests of all kinds.
private func batch(_ input: inout Input) -> Batch {
    var batch = Batch()
    for _ in 0..<Int(input.byte() % 8) {
        switch input.byte() % 6 {
        case 0: batch.read("/a")
        case 1: batch.directory("/a")
        case 2: batch.directoryPart("/a", offset: 1)
        case 3: batch.startTransaction()
        case 4: batch.write("/a", "b")
        default: batch.watch("/a", token: "t")
        }
    }
    return batch
}

/// A stream in pieces gives the messages that it gives as a whole, and no reply
/// that is made of them leads astray.
func wire(_ input: inout Input) {
    let batch = batch(&input)
    let pieceLength = Int(input.byte()) + 1
    let stream = input.rest()
    let whole = messages(stream, pieceLength: .max)
    let pieces = messages(stream, pieceLength: pieceLength)
    require(whole.messages == pieces.messages && whole.isBroken == pieces.isBroken, "other messages in pieces")

    var decoder = Decoder()
    feed(stream, to: &decoder)
    var replies = Replies(to: batch)
    var missing = batch.count
    do throws(StoreError) {
        while let message = try decoder.message() {
            let payload = decoder.bytes[message.payload]
            if message.type == Operation.watchEvent.rawValue {
                guard let event = WatchEvent(payload: payload) else { continue }
                require(event.path.count + event.token.count < payload.count, "an event longer than its message")
                _ = Change(event, backends: "/local/domain/0/backend/console")
            } else {
                try replies.take(message, decoder.bytes)
                missing -= 1
                require(replies.missing == missing, "\(replies.missing) missing instead of \(missing)")
            }
        }
    } catch {
        require(!error.isRefusal && !error.text.bytes.isEmpty, "a stream is refused")
    }
    replies.finish(decoder.takeBytes())
    look(at: replies, batch)
}

private func messages(_ stream: [UInt8], pieceLength: Int) -> (messages: [[UInt8]], isBroken: Bool) {
    var decoder = Decoder()
    var messages: [[UInt8]] = []
    var rest = stream[...]
    do throws(StoreError) {
        while !rest.isEmpty {
            feed([UInt8](rest.prefix(pieceLength)), to: &decoder)
            rest = rest.dropFirst(pieceLength)
            while let message = try decoder.message() {
                require(message.payload.count <= Wire.payloadLimit, "a payload of \(message.payload.count) bytes")
                messages.append([UInt8](decoder.bytes[message.payload]))
            }
            if messages.count % 3 == 0 {
                _ = decoder.takeBytes()
                require(decoder.bytes.count < Wire.headerSize + Wire.payloadLimit, "\(decoder.bytes.count) bytes kept")
            }
        }
        return (messages, false)
    } catch {
        return (messages, true)
    }
}

/// Asks everything that can be asked of replies.
private func look(at replies: Replies, _ batch: Batch) {
    for number in 0..<batch.count {
        let index = Batch.Index(number: number)
        _ = try? replies.value(index)
        if let children = try? replies.children(index) {
            for child in children { require(!child.isEmpty && !child.array.contains(0), "a child \(child)") }
        }
        if let transaction = try? replies.transaction(index) { require(transaction != .none, "transaction 0") }
        _ = replies.isMissing(index)
        _ = try? replies.checkWrite(index)
        _ = try? replies.checkWrites(from: index)
    }
    _ = try? replies.check()
}

/// A xenstored that answers with what the input has.
private struct Liar {
    var input: Input
    /// How to go on behind the input's end: with refusals, or with a directory without an end,
    let isEndless: Bool
    /// which may change all the time.
    let isRestless: Bool
    var answered = 0

    static let refusals: [Bytes] = ["ENOENT", "EAGAIN", "EACCES", "E2BIG", "EINVAL", "nonsense"]

    mutating func replies(to batch: Batch) -> Replies {
        var stream: [UInt8] = []
        for number in 0..<batch.count {
            answered += 1
            var type = batch.operations[number].rawValue
            var payload: [UInt8]
            switch input.isEmpty ? (isEndless ? 255 : 0) : input.byte() % 8 {
            case 0...1:
                type = Operation.error.rawValue
                payload = (input.isEmpty ? "ENOENT" : input.pick(Self.refusals)).array + [0]
            case 2: payload = Bytes(decimal: input.byte()).array + [0]
            case 3: payload = Bytes("1").array + [0] + input.some().filter { $0 != 0 } + [0]
            case 4: payload = Bytes("1").array + [0, 0x61, 0, 0]
            case 5: payload = [UInt8](input.many().prefix(4096))
            case 255:
                let error: Bytes?
                switch batch.operations[number] {
                case .directory: error = "E2BIG"
                case .transactionEnd: error = "EAGAIN"
                default: error = nil
                }
                if error != nil { type = Operation.error.rawValue }
                payload = (error ?? Bytes(decimal: isRestless ? answered : 7)).array + [0]
                if batch.operations[number] == .directoryPart { payload += [UInt8](repeating: 0x61, count: 4000) + [0] }
            default: payload = input.some()
            }
            let header = (type, UInt32(number), batch.transaction.id, UInt32(payload.count))
            withUnsafeBytes(of: header) { stream.append(contentsOf: $0) }
            stream += payload
        }
        var decoder = Decoder()
        feed(stream, to: &decoder)
        var replies = Replies(to: batch)
        do throws(StoreError) {
            while let message = try decoder.message() { try replies.take(message, decoder.bytes) }
        } catch {
            fatalError("the liar lies in the wrong place: \(error.text)")
        }
        require(replies.missing == 0, "\(replies.missing) replies missing")
        replies.finish(decoder.takeBytes())
        return replies
    }

    /// Runs an exchange to its end, which is not far.
    mutating func run<E: Exchange>(_ exchange: E, steps limit: Int) -> E.Outcome? {
        var exchange = exchange
        var replies: Replies?
        let end = limit + input.count
        for _ in 0..<end {
            do throws(StoreError) {
                switch try exchange.next(replies) {
                case .send(let batch): replies = self.replies(to: batch)
                case .done(let outcome): return outcome
                }
            } catch {
                return nil
            }
        }
        fatalError("no end after \(end) steps")
    }
}

/// A transaction of one reading and one writing.
private struct Copy: TransactionBody {
    func ask(_ batch: inout Batch) -> Batch.Index { batch.read("/a") }

    func write(_ replies: Replies, _ reads: Batch.Index, _ batch: inout Batch) throws(StoreError) -> Bool {
        guard let value = try replies.value(reads) else { return false }
        batch.write("/b", value)
        return true
    }
}

/// Every exchange ends, whatever is answered.
func exchange(_ input: inout Input) {
    let kind = input.byte()
    // As long as a directory may be: 16 MB. It takes too long for more than the one input "endless".
    var rest = input
    let isLongest = kind == UInt8(ascii: "e") && Bytes(rest.rest()) == "ndless"
    if isLongest { _ = input.rest() }
    let isRestless = kind >= 0xf6
    var liar = Liar(input: input, isEndless: isRestless || isLongest, isRestless: isRestless)
    // A directory may change 99 times, or come in some 4200 parts of 4000 bytes.
    let parts = isLongest ? 5000 : 250
    switch kind % 5 {
    case 0:
        if let names = liar.run(DirectoryInParts("/a"), steps: parts), let names {
            for name in names { require(!name.isEmpty && !name.array.contains(0), "a child \(name)") }
        }
    case 1:
        if let directories = liar.run(Directories(["/a", "/b", "/c"]), steps: 3 * parts) {
            require(directories.count == 3, "\(directories.count) directories")
        }
    case 2: _ = liar.run(TransactionExchange(Copy(), attempts: 4), steps: 16)
    case 3:
        let address = ConsoleAddress(domid: 1, devid: 0)
        _ = liar.run(TransactionExchange(OrphanRemoval(address: address, backendDomid: 0), attempts: 8), steps: 32)
    default:
        var batch = Batch()
        let nodes = DeviceNodes(ConsoleAddress(domid: 1, devid: 0), in: 0, asking: &batch)
        _ = nodes.reading(liar.replies(to: batch))
    }
}
