import Channel
import Testing

struct ChannelRequestTests {
    private func refusal(
        devid: Int32? = nil, name: Bytes? = "org.test", kind: ConnectionKind? = .pty, path: Bytes? = nil
    ) -> ChannelError.Kind? {
        do throws(ChannelError) {
            _ = try ChannelRequest(devid: devid, name: name, backend: .domid(0), kind: kind, path: path)
            return nil
        } catch {
            return error.kind
        }
    }

    @Test func names() {
        #expect(refusal(name: nil) == .invalid)
        #expect(refusal(name: "") == .invalid)
        #expect(refusal(name: Bytes([UInt8](repeating: 0x61, count: 256))) == nil)
        #expect(refusal(name: Bytes([UInt8](repeating: 0x61, count: 257))) == .invalid)
        #expect(refusal(name: Bytes([0x61, 0x0a])) == .invalid)
        #expect(refusal(name: Bytes([0x7f])) == .invalid)
        #expect(refusal(name: Bytes([0xc3, 0x28])) == nil)
    }

    @Test func devids() {
        #expect(refusal(devid: -2) == .invalid)
        #expect(refusal(devid: 0) == nil)
        #expect(refusal(devid: Int32.max) == .invalid)
    }

    @Test(arguments: [ConnectionKind.path, .socket])
    func paths(_ kind: ConnectionKind) {
        #expect(refusal(kind: kind) == .invalid)
        #expect(refusal(kind: kind, path: "") == .invalid)
        #expect(refusal(kind: kind, path: "relative") == .invalid)
        #expect(refusal(kind: kind, path: Bytes([0x2f, 0x0a])) == .invalid)
        #expect(refusal(kind: kind, path: "/run/a") == nil)
        let long = Bytes([0x2f] + [UInt8](repeating: 0x61, count: 107))
        #expect(refusal(kind: kind, path: long) == (kind == .socket ? .invalid : nil))
        #expect(refusal(kind: kind, path: Bytes(long.array.dropLast())) == nil)
    }

    @Test(arguments: [ConnectionKind.pty, ConnectionKind.none])
    func connectionsWithoutAPath(_ kind: ConnectionKind) {
        #expect(refusal(kind: kind) == nil)
        #expect(refusal(kind: kind, path: "") == nil)
        #expect(refusal(kind: kind, path: "/run/a") == .invalid)
    }

    @Test func connectionsThatCannotBeAdded() {
        #expect(refusal(kind: .unknown) == .invalid)
        #expect(refusal(kind: nil) == .invalid)
    }
}
