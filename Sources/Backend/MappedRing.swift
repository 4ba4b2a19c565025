import CXenIO
import Channel
import System
import XenConsole

/// A guest's ring in use: its page, mapped, and its event channel, bound. All
/// three come and go together.
final class MappedRing {
    /// The indices and bytes in the page.
    var ring: Ring
    /// When to look at the ring again, with the port masked; see `Pace`.
    var gatherUntil: Instant?

    private let page: UnsafeMutableRawPointer
    private let port: evtchn_port_t
    private let grants: Grants
    private let channels: EventChannels
    /// The port was taken, and stays masked until the ring was looked at.
    private(set) var isMasked = false

    /// Why a ring cannot be used.
    struct Failure: Error, Equatable {
        enum Step: Equatable { case map, bind }

        var step: Step
        var location: RingLocation
        var cause: Errno

        var text: Text {
            switch step {
            case .map: "cannot map grant \(location.reference): \(cause)"
            case .bind: "cannot bind event channel \(location.port): \(cause)"
            }
        }
    }

    private init(
        _ page: UnsafeMutableRawPointer, _ port: evtchn_port_t, _ grants: Grants, _ channels: EventChannels
    ) {
        self.page = page
        self.port = port
        self.grants = grants
        self.channels = channels
        ring = Ring(page: page)
    }

    /// Maps and binds; on error neither is left.
    ///
    /// A function, since in Embedded Swift an initialiser of a class that throws
    /// leaves the object behind.
    static func map(
        _ location: RingLocation, of device: Device, _ grants: Grants, _ channels: EventChannels
    ) throws(Failure) -> MappedRing {
        let page: UnsafeMutableRawPointer
        do throws(Errno) {
            page = try grants.map(location.reference, of: device.address.domid)
        } catch {
            throw Failure(step: .map, location: location, cause: error)
        }
        do throws(Errno) {
            return MappedRing(page, try channels.bind(location.port, of: device), grants, channels)
        } catch {
            grants.unmap(page)
            throw Failure(step: .bind, location: location, cause: error)
        }
    }

    /// Tells the guest that something changed in the ring.
    func notify() {
        channels.notify(port)
    }

    /// The guest has notified, and its port was masked by that.
    func wasNotified() {
        isMasked = true
    }

    /// Lets the guest notify again: at once if it did meanwhile.
    func unmask() {
        guard isMasked else { return }
        isMasked = false
        gatherUntil = nil
        channels.unmask(port)
    }

    /// Lets go of page and port; not to be used after that.
    func unmap() {
        channels.unbind(port)
        grants.unmap(page)
    }
}
