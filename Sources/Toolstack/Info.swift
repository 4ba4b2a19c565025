import Channel
import XenStore

extension Toolstack {
    /// The state of a channel's device, in one batch.
    ///
    /// - Throws: `.domainNotFound`; `.notFound` when the domain has no such console.
    public func info(_ devid: Int32, of domid: UInt32) throws(ChannelError) -> ChannelInfo {
        guard devid >= 0, devid < Int32.max else { throw .notFound(devid) }
        let console = Console(domid: domid, devid: devid)
        var batch = Batch()
        batch.read(console.record / "backend")
        for node in [Bytes("state"), "ring-ref", "port", "tty"] { batch.read(console.frontend / node) }
        let values = try attempt("reading channel \(devid)") { () throws(StoreError) in
            let replies = try store.run(batch)
            var values: [Bytes?] = []
            for index in 0..<batch.count { values.append(try replies.value(index)) }
            return values
        }
        guard let backend = values[0] else {
            try checkExistence(of: domid)
            throw .notFound(devid)
        }
        guard let backendDomid = Console.domid(ofBackend: backend) else {
            throw ChannelError(.failed, "channel \(devid) has \(backend) as its backend")
        }
        return ChannelInfo(
            backend: backend, backendDomid: backendDomid, frontend: console.frontend,
            frontendDomid: domid, devid: devid, state: leadingNumber(values[1]),
            eventChannel: leadingNumber(values[3]), ringReference: leadingNumber(values[2]), tty: values[4])
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
