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
        let others = try channelsOfAllDomains().filter { other in
            other.domid != domid || !devices.contains { $0.console.devid == other.channel.devid }
        }
        for (position, plan) in plans.enumerated() {
            guard let file = plan.file else { continue }
            for other in others where other.file == file {
                throw ChannelError(
                    .exists, "\(plan.title): \(other.channel.title) of domain \(other.domid) has the file \(file.path) already",
                    at: position)
            }
            for other in plans[..<position] where other.file == file {
                throw ChannelError(.exists, "\(plan.title): \(other.title) is given the file \(file.path), too", at: position)
            }
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

extension DomainChannel {
    fileprivate var file: File? { File(channel.connection, in: channel.backendDomid) }
}
