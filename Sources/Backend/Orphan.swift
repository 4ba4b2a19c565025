import Channel
import XenConsole
import XenStore

/// Removes the backend of a domain that is gone. A toolstack that destroys a
/// domain removes the devices that it finds at the beginning, and in the end all
/// of the domain's own nodes; a channel that was added in between keeps its
/// backend.
struct OrphanRemoval: TransactionBody {
    let address: ConsoleAddress
    let backendDomid: UInt32

    struct Reads {
        let domain, siblings: Batch.Index
    }

    /// The directory of the guest's backends.
    private var parent: Bytes { ConsoleAddress.backends(in: backendDomid) / address.domid }

    func ask(_ batch: inout Batch) -> Reads {
        Reads(domain: batch.read(address.domain), siblings: batch.directory(parent))
    }

    func write(_ replies: Replies, _ reads: Reads, _ batch: inout Batch) throws(StoreError) -> Bool {
        guard replies.isMissing(reads.domain) else { return false }
        batch.remove(address.backend(in: backendDomid))
        if try isAlone(replies, reads.siblings) { batch.remove(parent) }
        return true
    }

    private func isAlone(_ replies: Replies, _ siblings: Batch.Index) throws(StoreError) -> Bool {
        do throws(StoreError) {
            return try replies.children(siblings)?.count == 1
        } catch .refused {
            // Too many for one message, say.
            return false
        } catch {
            throw error
        }
    }
}
