import Channel
import Testing

@testable import QMP

struct MessageTests {
    private func message(_ line: String) throws -> QMPMessage { try QMPMessage(line: Bytes(line.utf8)) }

    private func reply(_ line: String) throws -> QMPReply {
        guard case .answer(_, let result) = try message(line) else { throw ChannelError(.invalid, "no answer: \(Bytes(line.utf8))") }
        return try result.get()
    }

    // As QEMU 7.2 sends them.
    @Test func greetingAndEvents() throws {
        guard case .greeting = try message(#"{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "Debian"}, "capabilities": ["oob"]}}"# + "\r") else {
            Issue.record("no greeting")
            return
        }
        guard case .event = try message(#"{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "VSERPORT_CHANGE", "data": {"return": {}, "id": 1}}"#) else {
            Issue.record("no event")
            return
        }
    }

    @Test func whatCommandsReturn() throws {
        #expect(try reply(#"{"return": {}, "id": 7}"#) == QMPReply())
        #expect(try reply(#"{"return": {"pty": "/dev/pts/0"}, "id": 7}"#).pty == "/dev/pts/0")
        #expect(try reply(#"{"return": {"fd": 12, "fdset-id": 3}, "id": 7}"#).descriptorSet == 3)
        let list = #"{"return": [{"frontend-open": false, "filename": "pty:/dev/pts/0", "label": "xlchannel-2"}, {"label": "compat_monitor0", "filename": "unix"}, {}], "id": 7}"#
        #expect(try reply(list).chardevs == ["xlchannel-2", "compat_monitor0"])
        guard case .answer(let id, _) = try message(list) else { return }
        #expect(id == 7)
    }

    @Test(arguments: [
        ("GenericError", .qmpGeneric), ("CommandNotFound", .qmpCommandNotFound), ("DeviceNotActive", .qmpDeviceNotActive),
        ("DeviceNotFound", .qmpDeviceNotFound), ("KVMMissingCap", .qmpUnknown), ("", .qmpUnknown),
    ] as [(String, ChannelError.Kind)])
    func errorsHaveTheirClassAndText(_ name: String, _ kind: ChannelError.Kind) throws {
        let line = #"{"id": 7, "error": {"class": "\#(name)", "desc": "Chardev 'a' is \"busy\""}}"#
        guard case .answer(7, .failure(let error)) = try message(line) else {
            Issue.record("no failure")
            return
        }
        #expect(error.kind == kind)
        #expect(error.message == #"QEMU says: "Chardev 'a' is \"busy\"""#)
    }

    @Test func anErrorMayHaveNoID() throws {
        guard case .answer(nil, .failure) = try message(#"{"error": {"class": "GenericError", "desc": "JSON parse error"}}"#) else {
            Issue.record("no failure")
            return
        }
    }

    @Test(arguments: [
        "", "{", "{}", "[]", "7", "null", #"{"id": 7}"#, "garbage", #"{"return": {}, "id": 99999999999999999999}"#.dropLast().description,
        String(repeating: "[", count: 100_000), #"{"return": "# + String(repeating: "[", count: 100_000), "\u{0}", "\u{FF}\u{FE}",
        #"{"error": "#, #"{"a": 1}"#,
    ])
    func whatIsNoMessageIsRefused(_ line: String) {
        do {
            _ = try message(line)
            Issue.record("accepted: \(line.prefix(50))")
        } catch {
            #expect((error as? ChannelError)?.kind == .qmpProtocol)
        }
    }

    /// Every beginning of a message, and every message with one byte changed, is read or refused.
    @Test func mutationsDoNoHarm() {
        let line = Bytes(#"{"return": [{"label": "a\u00e9\n", "x": [1, {"y": null}]}], "pty": true, "id": -7, "error": {"class": "G"}}"#.utf8)
        for count in 0...line.count { _ = try? QMPMessage(line: Bytes(line.array.prefix(count))) }
        for index in 0..<line.count {
            for byte in [0, 0x22, 0x5b, 0x7b, 0x7d, 0x5c, 0xff] as [UInt8] {
                var changed = line
                changed.array[index] = byte
                _ = try? QMPMessage(line: changed)
            }
        }
    }
}

struct LineTests {
    @Test func linesComeInPieces() throws {
        var decoder = LineDecoder()
        var lines: [Bytes] = []
        for byte in Array("one\r\ntwo\n\nthree".utf8) {
            withUnsafeBytes(of: byte) { decoder.append($0) }
            while let line = try decoder.line() { lines.append(line) }
        }
        #expect(lines == ["one\r", "two", ""])
        withUnsafeBytes(of: UInt8(ascii: "\n")) { decoder.append($0) }
        #expect(try decoder.line() == "three")
        #expect(try decoder.line() == nil)
    }

    @Test func aLineWithoutAnEndIsRefused() {
        var decoder = LineDecoder()
        let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 16)
        var refusals = 0
        for _ in 0...(LineDecoder.limit >> 16) {
            piece.withUnsafeBytes { decoder.append($0) }
            do { _ = try decoder.line() } catch { refusals += 1 }
        }
        #expect(refusals == 1)
    }
}
