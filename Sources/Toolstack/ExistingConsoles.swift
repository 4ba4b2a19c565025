import CLibc
import Channel
import XenConsole
import XenStore

/// A domain's directory of consoles.
struct ConsoleDirectory {
    private let entries: [Bytes]
    let consoles: [ConsoleAddress]
    /// Whether it was read within the transaction.
    private let isCertain: Bool

    private init(of domid: UInt32, _ entries: [Bytes], isCertain: Bool) {
        self.entries = entries
        consoles = entries.compactMap { ConsoleAddress(domid: domid, entry: $0) }
        self.isCertain = isCertain
    }

    /// The directory as a reply from before the transaction has it.
    init(
        of domid: UInt32, _ replies: Replies, _ index: Batch.Index, in transaction: Transaction, _ store: some BatchRunner
    ) throws(StoreError) {
        do throws(StoreError) {
            self.init(of: domid, try replies.children(index) ?? [], isCertain: false)
        } catch .refused(E2BIG) {
            // What takes several messages is read within it, before anything is written.
            let entries = try store.directory(ConsoleAddress.records(of: domid), in: transaction) ?? []
            self.init(of: domid, entries, isCertain: true)
        }
    }

    /// Whether the transaction finds the same.
    func isStill(_ replies: Replies, _ index: Batch.Index) throws(StoreError) -> Bool {
        do throws(StoreError) {
            return isCertain ? true : try replies.children(index) ?? [] == entries
        } catch .refused(E2BIG) {
            return false
        }
    }
}

/// The names that consoles take: by their summaries, or of those that libxl
/// made by the names in their records.
///
/// They are read outside of the transaction: xenstored copies every node that a
/// transaction reads. The directory was read in it before; a name comes and goes
/// with an entry in that, and so makes a conflict.
func takenNames(
    _ consoles: [ConsoleAddress], _ summaries: [Bytes?], _ store: some BatchRunner
) throws(StoreError) -> [Bytes] {
    var names: [Bytes] = []
    names.reserveCapacity(consoles.count)
    var others: [Bytes] = []
    for (console, summary) in zip(consoles, summaries) {
        if let channel = Channel(devid: 0, summary: summary) {
            names.append(channel.name)
        } else {
            others.append(console.record / BackendNode.name)
        }
    }
    return names + (try store.values(others)).compactMap { $0 }
}

/// The consoles that a domain has, and what new ones must not take.
struct ExistingConsoles {
    fileprivate(set) var consoles: [ConsoleAddress] = []
    fileprivate(set) var names: [Bytes] = []
    /// The character devices of QEMU that they name.
    fileprivate(set) var chardevs: [Bytes] = []
}

extension Toolstack {
    func existingConsoles(of domid: UInt32) throws(ChannelError) -> ExistingConsoles {
        try attempt("reading the domain's channels") { () throws(StoreError) in
            var existing = ExistingConsoles()
            existing.consoles = try (store.directory(ConsoleAddress.records(of: domid)) ?? [])
                .compactMap { ConsoleAddress(domid: domid, entry: $0) }
            let summaries = try store.values(existing.consoles.map { $0.hiddenRecord })
            existing.names = try takenNames(existing.consoles, summaries, store)
            existing.chardevs = try store.values(existing.consoles.map { $0.chardevRecord }).compactMap { $0 }
            return existing
        }
    }
}
