// Summaries, addresses and numbers in xenstore, and messages.
import Channel
import XenConsole

@testable import Toolstack

/// A channel is found again in its summary, and what others put there is a channel or none.
func summary(_ input: inout Input) {
    let kind = ConnectionKind.allCases[Int(input.byte()) % ConnectionKind.allCases.count]
    let domid = input.word()
    let name = Bytes(input.some())
    let rest = Bytes(input.rest())
    do throws(ChannelError) {
        let path = kind.hasPath ? Bytes([0x2f]) + rest : nil
        let request = try ChannelRequest(devid: 3, name: name, backend: .domid(domid), kind: kind, path: path)
        let channel = Channel(devid: 3, name: name, backendDomid: domid, connection: request.connection)
        require(Channel(devid: 3, summary: channel.summary) == channel, "\(channel.summary)")
    } catch {
        require(error.kind == .invalid, "\(error.message)")
    }
    for text in [rest, name + "\n" + rest] {
        guard let channel = Channel(devid: 5, summary: text) else { continue }
        require(channel.devid == 5 && !channel.name.array.contains(0x0a), "\(channel.name)")
        require(Channel(devid: 5, summary: channel.summary) == channel, "\(text) becomes \(channel.summary)")
    }
}

/// Names and numbers are read as Swift's own functions read them.
func address(_ input: inout Input) {
    let domid = input.word()
    let bytes = Bytes(input.rest())
    let number = number(bytes.array)
    require(unsigned(bytes.array) == number, "\(bytes) is read as another number")
    let isCanonical = number.map { Bytes(decimal: $0) == bytes } == true
    require((canonicalNumber(bytes) == number) == (isCanonical || number == nil), "\(bytes) is no canonical number")
    require(domidNumber(bytes.array) == number.flatMap { UInt32(exactly: $0) }, "\(bytes) is read as another domid")
    let state = XenbusState(bytes)
    require(UInt64(state.rawValue) == (number ?? 9 <= 8 ? number! : 0), "\(bytes) is read as another state")
    if let address = ConsoleAddress(domid: domid, entry: bytes) {
        require(UInt64(address.number) == number && isCanonical, "\(bytes) is no console")
        require(ConsoleAddress(domid: domid, devid: address.devid) == address, "another console of the same devid")
        require(address.record == Bytes("/libxl/") + Bytes(decimal: domid) + "/device/console/" + bytes, "\(address.record)")
        require(ConsoleAddress.domid(ofBackend: address.backend(in: domid)) == domid, "another backend domain")
    } else {
        require(!isCanonical || number == 0 || number! > UInt64(Int32.max), "\(bytes) is a console")
    }
    let path = Bytes("/local/domain/") + bytes
    let first = bytes.array.prefix { $0 != UInt8(ascii: "/") }
    require(ConsoleAddress.domid(ofBackend: path) == domidNumber(first), "\(path)")
    _ = ConsoleAddress.domid(ofBackend: bytes)
    if Userdata(of: domid, vm: bytes) != nil {
        require(bytes.count == 40 && !bytes.array[4...].contains { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: ".") }, "\(bytes)")
    }
    _ = ConnectionKind(word: bytes)
    _ = Connection(word: bytes, path: nil)
    _ = ConsoleType(bytes)
}

private func number(_ digits: [UInt8]) -> UInt64? {
    guard digits.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
    return UInt64(String(decoding: digits, as: UTF8.self))
}

/// No bytes forge a line of a log, and a request that is valid keeps its rules.
func text(_ input: inout Input) {
    let kind: ConnectionKind? = ConnectionKind.allCases[Int(input.byte()) % ConnectionKind.allCases.count]
    let devid = Int32(bitPattern: input.word())
    let name = Bytes(input.many())
    let path = Bytes(input.rest())
    let quoted: Text = "\(name)"
    require(quoted.bytes.array.allSatisfy { (0x20..<0x7f).contains($0) }, "\(quoted)")
    require(quoted.bytes.count <= 4 * 300 + 5, "\(quoted.bytes.count) bytes")
    let inner = quoted.bytes.array.dropFirst().dropLast()
    var isEscaped = false
    for byte in inner {
        require(isEscaped || byte != UInt8(ascii: "\""), "a quote ends \(quoted) early")
        isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
    }
    let unquoted = Text(unquoted: path)
    require(unquoted.bytes.array.allSatisfy { $0 >= 0x20 && $0 != 0x7f }, "\(unquoted)")
    do throws(ChannelError) {
        let request = try ChannelRequest(devid: devid, name: name, backend: .domid(0), kind: kind, path: path)
        require(devid >= 0 && devid < Int32.max, "devid \(devid)")
        require(!request.name.array.contains { $0 < 0x20 || $0 == 0x7f }, "\(request.name)")
        require((1...256).contains(request.name.count), "\(request.name.count) bytes")
        if let path = request.connection.path {
            require(path.array.first == UInt8(ascii: "/") && path.count <= 3700, "\(path)")
            require(!path.array.contains { $0 < 0x20 || $0 == 0x7f }, "\(path)")
        }
    } catch {
        require(error.kind == .invalid && error.message.bytes.array.allSatisfy { $0 >= 0x20 && $0 < 0x7f }, "\(error.message)")
    }
}
