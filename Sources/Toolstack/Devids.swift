import Channel
import XenConsole

/// A channel that was added: where it is.
public struct AddedChannel: Sendable, Equatable {
    public var devid: Int32
    public var backendDomid: UInt32
    /// An automatic devid whose console number collides with another's
    /// device in a Linux guest.
    public var collidesInLinux: Bool

    init(_ device: NewDevice) {
        devid = device.console.devid
        backendDomid = device.plan.backendDomid
        collidesInLinux = device.plan.request.devid == nil && devid > 8
    }
}

/// Chooses the devids of new channels beside the consoles that a domain has.
///
/// - Throws: `.exists` for a devid that is taken.
func chooseDevids(
    for plans: [ChannelPlan], of domid: UInt32, beside consoles: [ConsoleAddress]
) throws(ChannelError) -> [NewDevice] {
    var taken = consoles.map { $0.number }
    // Given devids first: an automatic one must not take them.
    for (position, plan) in plans.enumerated() {
        guard let devid = plan.request.devid else { continue }
        let number = ConsoleAddress(domid: domid, devid: devid).number
        guard !taken.contains(number) else {
            throw ChannelError(.exists, "\(plan.title): the devid is taken", at: position)
        }
        taken.append(number)
    }
    return plans.map { plan in
        let console = ConsoleAddress(domid: domid, devid: plan.request.devid ?? lowestFreeDevid(taken))
        if plan.request.devid == nil { taken.append(console.number) }
        return NewDevice(plan: plan, console: console)
    }
}

/// The devid for a new channel beside these consoles.
///
/// A Linux guest tells consoles apart by the last digit of their number
/// (hvc_xen.c, xencons_probe): consoles 10, 20, … never probe, and 11 clashes with 1. So devids 0
/// to 8 come first, then 10 upward without those of such consoles.
func lowestFreeDevid(_ consoles: [UInt32]) -> Int32 {
    var taken = [Bool](repeating: false, count: consoles.count + consoles.count / 8 + 12)
    for number in consoles where Int(number) < taken.count { taken[Int(number)] = true }
    var number = 1
    while number < taken.count, taken[number] || number % 10 == 0 { number += 1 }
    return Int32(number - 1)
}

/// - Throws: `.exists` for a name that is among `names`, or given twice.
func checkNames(_ plans: [ChannelPlan], beside names: [Bytes]) throws(ChannelError) {
    var taken = names
    for (position, plan) in plans.enumerated() {
        guard !taken.contains(plan.request.name) else {
            throw ChannelError(.exists, "\(plan.title): the name is taken", at: position)
        }
        taken.append(plan.request.name)
    }
}
