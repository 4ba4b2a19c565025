import Channel
import XenConsole

extension Toolstack {
    /// Refuses a PATH whose file another channel in the same backend domain has:
    /// two that append to one file lose bytes.
    ///
    /// Takes a read for each channel of all domains, if there is a PATH among
    /// the plans. Paths are compared as they are written.
    ///
    /// - Parameter devices: those of the plans that are there already.
    /// - Throws: `.exists`.
    func checkFiles(_ plans: [ChannelPlan], of domid: UInt32, beside devices: [NewDevice] = []) throws(ChannelError) {
        guard plans.contains(where: { $0.file != nil }) else { return }
        var taken: [(file: File, by: Text)] = []
        for other in try channelsOfAllDomains() {
            guard let file = File(other.channel.connection, in: other.channel.backendDomid),
                other.domid != domid || !devices.contains(where: { $0.console.devid == other.channel.devid })
            else { continue }
            taken.append((file, "\(other.channel.title) of domain \(other.domid)"))
        }
        for (position, plan) in plans.enumerated() {
            guard let file = plan.file else { continue }
            for (other, owner) in taken where other == file {
                throw ChannelError(.exists, "\(plan.title): \(owner) has the file \(file.path)", at: position)
            }
            taken.append((file, plan.title))
        }
    }
}

/// A file in one of the domains.
private struct File: Equatable {
    let domid: UInt32
    let path: Bytes

    init?(_ connection: Connection, in domid: UInt32) {
        guard case .path(let path) = connection else { return nil }
        self.domid = domid
        self.path = path
    }
}

extension ChannelPlan {
    fileprivate var file: File? { File(request.connection, in: backendDomid) }
}
