import Channel
import XenConsole
import XenStore

extension Toolstack {
    /// The domid that is given in digits, whether there is such a domain or
    /// not, or else of the domain with that name (libxl_domain_qualifier_to_domid).
    ///
    /// - Throws: `.domainNotFound` for a name that no domain has.
    public func domid(of qualifier: Bytes) throws(ChannelError) -> UInt32 {
        try domid(of: qualifier, as: "domain")
    }

    /// The domid of a backend domain.
    ///
    /// - Throws: as `domid(of:)`.
    func resolve(_ backend: ChannelRequest.Backend) throws(ChannelError) -> UInt32 {
        switch backend {
        case .domid(let domid): domid
        case .name(let name): try domid(of: name, as: "backend domain")
        }
    }

    private func domid(of qualifier: Bytes, as role: StaticString) throws(ChannelError) -> UInt32 {
        if let number = domidNumber(qualifier.array) { return number }
        guard let domid = try domid(named: qualifier) else {
            throw ChannelError(.domainNotFound, "there is no \(role) named \(qualifier)")
        }
        return domid
    }

    /// The lowest domid of a domain with this name, in two batches.
    private func domid(named name: Bytes) throws(ChannelError) -> UInt32? {
        try attempt("looking for domain \(name)") { () throws(StoreError) in
            let domids = sortedNumbers(try store.directory("/local/domain") ?? []).compactMap { UInt32(exactly: $0) }
            let names = try store.values(domids.map { ConsoleAddress.domain($0) / "name" })
            for (domid, its) in zip(domids, names) where its == name { return domid }
            return nil
        }
    }
}
