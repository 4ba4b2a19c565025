import Channel
import XenConsole
import XenStore

/// The reads that tell the state of a channel's device.
private struct InfoReads {
    let backend, state, ring, port, terminal: Batch.Index

    init(_ console: ConsoleAddress, asking batch: inout Batch) {
        backend = batch.read(console.record / "backend")
        state = batch.read(console.frontend / FrontendNode.state)
        ring = batch.read(console.frontend / FrontendNode.ringReference)
        port = batch.read(console.frontend / FrontendNode.port)
        terminal = batch.read(console.frontend / FrontendNode.terminal)
    }
}

extension Toolstack {
    /// The state of a channel's device, in one batch.
    ///
    /// - Throws: `.domainNotFound`; `.notFound` when the domain has no such console.
    public func info(_ devid: Int32, of domid: UInt32) throws(ChannelError) -> ChannelInfo {
        let console = try console(devid, of: domid)
        var batch = Batch()
        let reads = InfoReads(console, asking: &batch)
        let found = try attempt("reading \(channelTitle(devid: devid))") { () throws(StoreError) -> ChannelInfo? in
            let replies = try store.run(batch)
            guard let backend = try replies.value(reads.backend) else { return nil }
            return ChannelInfo(
                backend: backend, backendDomid: 0, frontend: console.frontend, frontendDomid: domid, devid: devid,
                state: leadingNumber(try replies.value(reads.state)),
                eventChannel: leadingNumber(try replies.value(reads.port)),
                ringReference: leadingNumber(try replies.value(reads.ring)),
                tty: try replies.value(reads.terminal))
        }
        guard var info = found else { throw try missing(devid, of: domid) }
        guard let backendDomid = ConsoleAddress.domid(ofBackend: info.backend) else {
            throw ChannelError(.failed, "\(channelTitle(devid: devid)) has \(info.backend) as its backend")
        }
        info.backendDomid = backendDomid
        return info
    }
}

/// A number that a guest wrote, read as libxl does: by strtoul in base 10,
/// kept in an int; -1 without a node.
func leadingNumber(_ value: Bytes?) -> Int32 {
    guard let value else { return -1 }
    var rest = value.array[...].drop { $0 == 0x20 || (0x09...0x0d).contains($0) }
    var negative = false
    if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
        negative = sign == UInt8(ascii: "-")
        rest.removeFirst()
    }
    let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    if digits.isEmpty { return 0 }
    // strtoul gives ULONG_MAX for what exceeds it.
    guard let magnitude = unsigned(digits) else { return -1 }
    return Int32(truncatingIfNeeded: negative ? 0 &- magnitude : magnitude)
}
