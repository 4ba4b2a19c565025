import CLibc
import Channel
import XenStore

extension Toolstack {
    /// The domid of a backend domain that is given by domid, or as a name or
    /// domid in digits (libxl_domain_qualifier_to_domid).
    ///
    /// - Throws: `.domainNotFound` for a name that no domain has.
    func resolve(_ backend: ChannelRequest.Backend) throws(ChannelError) -> UInt32 {
        switch backend {
        case .domid(let domid): return domid
        case .name(let name):
            if let number = unsigned(name.array), number <= UInt64(UInt32.max) { return UInt32(number) }
            guard let domid = try domid(named: name) else {
                throw ChannelError(.domainNotFound, "there is no backend domain named \(name)")
            }
            return domid
        }
    }

    /// The lowest domid of a domain with this name, in two batches.
    private func domid(named name: Bytes) throws(ChannelError) -> UInt32? {
        try attempt("looking for domain \(name)") { () throws(StoreError) in
            let domains = try store.directory("/local/domain") ?? []
            let domids = sortedNumbers(domains).filter { $0 <= UInt64(UInt32.max) }
            guard !domids.isEmpty else { return nil }
            var batch = Batch()
            for domid in domids { batch.read(Bytes("/local/domain") / domid / "name") }
            let replies = try store.run(batch)
            for (index, domid) in domids.enumerated() where try replies.value(index) == name {
                return UInt32(domid)
            }
            return nil
        }
    }
}
