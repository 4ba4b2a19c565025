// What QEMU's monitor may send, and what is sent to it.
import Channel
import QMP

/// A stream in pieces gives the lines that it gives as a whole; each is a message or refused.
func qmp(_ input: inout Input) {
    let pieceLength = Int(input.byte()) + 1
    let stream = input.rest()
    let all = lines(stream, pieceLength: .max)
    require(all == lines(stream, pieceLength: pieceLength), "other lines in pieces")
    let ends = stream.count { $0 == UInt8(ascii: "\n") }
    require(all.count == ends, "\(all.count) lines instead of \(ends)")
    for line in all {
        do throws(ChannelError) {
            if case .answer(_, .success(let reply)) = try QMPMessage(line: line) {
                require(reply.pty?.array.contains(0) != true, "a NUL in the terminal's path")
            }
        } catch {
            require(error.kind == .qmpProtocol, "refused as \(error.kind)")
            require(error.message.bytes.array.allSatisfy { $0 >= 0x20 && $0 != 0x7f }, "a message with control characters")
        }
        sent(line)
    }
}

private func lines(_ stream: [UInt8], pieceLength: Int) -> [Bytes] {
    var decoder = LineDecoder()
    var lines: [Bytes] = []
    var rest = stream[...]
    while !rest.isEmpty {
        rest.prefix(pieceLength).withUnsafeBytes { decoder.append($0) }
        rest = rest.dropFirst(pieceLength)
        do throws(ChannelError) {
            while let line = try decoder.line() { lines.append(line) }
        } catch {
            fatalError("a line within the limit is refused")
        }
    }
    return lines
}

/// A command is one line, and JSON if its texts are UTF-8.
private func sent(_ name: Bytes) {
    let commands: [QMPCommand] = [
        .takeDescriptor(name: name), .addChardev(id: name, .listeningSocket(named: name)), .removeChardev(id: name),
    ]
    for command in commands {
        guard let line = try? command.encoded(id: 7) else { fatalError("\(command) is not encoded") }
        require(line.array.firstIndex(of: UInt8(ascii: "\n")) == line.count - 1, "\(command) is more than a line")
        if name.isUTF8 { require(isJSON(line), "\(command) is no JSON") }
    }
}
