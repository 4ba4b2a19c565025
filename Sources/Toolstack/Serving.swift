import CLibc
import Channel
import XenStore

/// How long a backend, or a guest, may take to do its part: libxl's
/// LIBXL_DESTROY_TIMEOUT, in milliseconds.
private let patience: Int64 = 10_000

/// Where xenchanneld announces that it serves a domain's backends.
func announcement(in backendDomid: UInt32) -> Bytes {
    Bytes("/local/domain") / backendDomid / "data" / "xenchanneld"
}

extension Toolstack {
    /// Waits until the backends of devices that were just added serve them.
    ///
    /// - Throws: `.failed` with a backend's own words, `.timedOut` when it is silent.
    func waitUntilServed(_ devices: [Device]) throws(ChannelError) {
        for (position, device) in devices.enumerated() {
            let backend = device.console.backend(in: device.backendDomid)
            let outcome = try attempt("waiting for the backend of \(device.title)") { () throws(StoreError) in
                try waitForChange(below: [backend], milliseconds: patience) {
                    (connection) throws(StoreError) -> ServingOutcome? in
                    var batch = Batch()
                    batch.read(backend / "state")
                    batch.read(backend / "error")
                    let replies = try connection.run(batch)
                    return ServingOutcome(state: try replies.value(0), error: try replies.value(1))
                }
            }
            switch outcome {
            case .served?: continue
            case .refused(let text)?:
                throw ChannelError(.failed, "\(device.title): the backend says: \(String(decoding: text.array, as: UTF8.self))", at: position)
            case .gone?:
                throw ChannelError(.failed, "\(device.title) was removed meanwhile", at: position)
            case nil:
                throw ChannelError(.timedOut, "\(device.title): the backend in domain \(device.backendDomid) did not answer within 10 seconds", at: position)
            }
        }
    }
}

/// What a backend's nodes say of a device that was just added.
enum ServingOutcome: Equatable {
    case served
    case refused(Bytes)
    case gone

    /// nil: nothing yet.
    init?(state: Bytes?, error: Bytes?) {
        guard let state else {
            self = .gone
            return
        }
        if let error, !error.isEmpty {
            self = .refused(error)
        } else if let number = unsigned(state.array), number >= 2 {
            self = .served
        } else {
            return nil
        }
    }
}

extension Toolstack {
    /// Asks backend and guest to let go of a channel, waits until they have,
    /// and removes it.
    ///
    /// - Throws: `.notFound`; `.timedOut`, with the device as it was.
    public func remove(_ devid: Int32, of domid: UInt32) throws(ChannelError) {
        let channel = try channel(devid, of: domid)
        let title = "channel \(devid) (\(channel.name))"
        let backend = Console(domid: domid, devid: devid).backend(in: channel.backendDomid)
        if let before = try close(backend, in: channel.backendDomid, "removing \(title)") {
            let isClosed = try attempt("waiting for the end of \(title)") { () throws(StoreError) in
                try waitForChange(below: [backend / "state"], milliseconds: patience) {
                    (connection) throws(StoreError) -> Bool? in
                    var batch = Batch()
                    batch.read(backend / "state")
                    let state = try connection.run(batch).value(0)
                    return state == nil || state == "6" ? true : nil
                }
            }
            if isClosed == nil {
                try reopen(backend, state: before, "restoring \(title)")
                throw ChannelError(.timedOut, "\(title): guest or backend did not let go within 10 seconds")
            }
        }
        try destroy(devid, of: domid)
    }

    /// Tells both ends that the device goes; its state before. nil: there is
    /// nobody to wait for.
    private func close(
        _ backend: Bytes, in backendDomid: UInt32, _ doing: String
    ) throws(ChannelError) -> Bytes? {
        try store.withTransaction(orElse: { ChannelError($0, while: doing) }) { (transaction, _) throws(ChannelError) in
            try attempt(doing) { () throws(StoreError) in
                var reads = Batch(in: transaction)
                reads.read(backend / "state")
                reads.read(announcement(in: backendDomid))
                let replies = try store.run(reads)
                guard let state = try replies.value(0), state != "6", try replies.value(1) != nil else { return nil }
                var writes = Batch(in: transaction)
                writes.write(backend / "online", "0")
                writes.write(backend / "state", "5")
                try store.run(writes).check()
                return state
            }
        }
    }

    /// Takes back `close`, unless the device went after all.
    private func reopen(_ backend: Bytes, state: Bytes, _ doing: String) throws(ChannelError) {
        try store.withTransaction(orElse: { ChannelError($0, while: doing) }) { (transaction, _) throws(ChannelError) in
            try attempt(doing) { () throws(StoreError) in
                var reads = Batch(in: transaction)
                reads.read(backend / "state")
                guard try store.run(reads).value(0) == "5" else { return }
                var writes = Batch(in: transaction)
                writes.write(backend / "online", "1")
                writes.write(backend / "state", state)
                try store.run(writes).check()
            }
        }
    }
}
