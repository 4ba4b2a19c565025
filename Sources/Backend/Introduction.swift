import Channel
import XenConsole
import XenStore

/// The first words on a connection: this domain's domid, a watch on its
/// backends, and the announcement that they are served.
struct Introduction: Exchange {
    private var domidIndex: Batch.Index?
    private var domid: UInt32?

    /// The outcome is nil while this domain has no domid in xenstore.
    mutating func next(_ replies: Replies?) throws(StoreError) -> ExchangeStep<UInt32?> {
        guard let replies, let domidIndex else {
            var batch = Batch()
            domidIndex = batch.read("domid")
            return .send(batch)
        }
        if let domid {
            try replies.check()
            return .done(domid)
        }
        guard let own = try replies.value(domidIndex).flatMap({ domidNumber($0.array) }) else { return .done(nil) }
        domid = own
        var batch = Batch()
        batch.watch(ConsoleAddress.backends(in: own), token: Change.backendToken)
        batch.write(ownAnnouncement, "1")
        return .send(batch)
    }
}
