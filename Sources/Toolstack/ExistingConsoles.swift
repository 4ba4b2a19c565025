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

/// The reads that tell which names a console takes: the one in its record, and
/// the one in its summary.
///
/// They are outside of the transaction: xenstored copies every node that a
/// transaction reads. The directory before them in the batch is inside; a name
/// comes and goes with an entry in it, and so makes a conflict.
struct NameReads {
    private let name: Batch.Index
    private let summary: Batch.Index

    init(_ console: ConsoleAddress, asking batch: inout Batch) {
        name = batch.readOutside(console.record / BackendNode.name)
        summary = batch.readOutside(console.hiddenRecord)
    }

    func names(_ replies: Replies) throws(StoreError) -> [Bytes] {
        let channel = Channel(devid: 0, summary: try replies.value(summary))
        return [try replies.value(name), channel?.name].compactMap { $0 }
    }
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
            var batch = Batch()
            var reads: [(names: NameReads, chardev: Batch.Index)] = []
            for console in existing.consoles {
                reads.append((NameReads(console, asking: &batch), batch.read(console.chardevRecord)))
            }
            let replies = try store.run(batch)
            for (names, chardev) in reads {
                existing.names.append(contentsOf: try names.names(replies))
                if let chardev = try replies.value(chardev) { existing.chardevs.append(chardev) }
            }
            return existing
        }
    }
}
