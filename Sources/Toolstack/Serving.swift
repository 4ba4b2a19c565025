import CLibc
import Channel
import XenStore

/// How long a backend, or a guest, may take to do its part: libxl's
/// LIBXL_DESTROY_TIMEOUT, in milliseconds.
let patience: Int64 = 10_000

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
