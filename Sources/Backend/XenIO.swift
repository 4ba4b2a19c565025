import CLibc
import CXenIO
import Channel
import System
import XenConsole

/// The grant table: maps pages that guests offer.
final class Grants {
    private var handle: OpaquePointer

    init() throws(ChannelError) {
        handle = try Self.open()
    }

    private static func open() throws(ChannelError) -> OpaquePointer {
        guard let handle = xengnttab_open(nil, 0) else {
            throw ChannelError(.failed, "cannot open the grant table: \(Errno(errno))")
        }
        return handle
    }

    /// To be called after a fork: Linux before 5.5 maps grants only for the
    /// process that has opened the device.
    func reopen() throws(ChannelError) {
        let new = try Self.open()
        close()
        handle = new
    }

    func close() {
        xengnttab_close(handle)
    }

    /// Maps one page of a guest, to be read and written.
    func map(_ reference: UInt32, of domid: UInt32) throws(Errno) -> UnsafeMutableRawPointer {
        let page = xengnttab_map_grant_ref(handle, domid, reference, PROT_READ | PROT_WRITE)
        guard let page else { throw Errno(errno) }
        return page
    }

    func unmap(_ page: UnsafeMutableRawPointer) {
        xengnttab_unmap(handle, page, 1)
    }
}

/// The event channels to the guests, all by one descriptor.
final class EventChannels {
    private let handle: OpaquePointer
    private let ready: ReadyDevices
    private var dispatch: Dispatch?
    /// The devices of the bound ports, by port.
    private var devices: [Device?] = []

    init(_ poller: Poller, _ ready: ReadyDevices) throws(ChannelError) {
        guard let handle = xenevtchn_open(nil, 0) else {
            throw ChannelError(.failed, "cannot open the event channels: \(Errno(errno))")
        }
        self.handle = handle
        self.ready = ready
        // A port that was closed meanwhile leaves nothing to be read.
        set_nonblocking(xenevtchn_fd(handle))
        // One event is what mostly waits; of the next one epoll tells.
        let dispatch = Dispatch(poller, xenevtchn_fd(handle)) { [unowned(unsafe) self] _ in take() }
        self.dispatch = dispatch
        try failing(as: "epoll") { () throws(Errno) in try dispatch.poll(for: .readable) }
    }

    func close() {
        dispatch?.end()
        xenevtchn_close(handle)
    }

    /// Binds a guest's event channel; this end's port.
    func bind(_ remotePort: UInt32, of device: Device) throws(Errno) -> evtchn_port_t {
        let port = xenevtchn_bind_interdomain(handle, device.address.domid, remotePort)
        guard port >= 0 else { throw Errno(errno) }
        while devices.count <= Int(port) { devices.append(nil) }
        devices[Int(port)] = device
        return evtchn_port_t(port)
    }

    func unbind(_ port: evtchn_port_t) {
        devices[Int(port)] = nil
        xenevtchn_unbind(handle, port)
        // The kernel has room for one event of each bound port, and keeps
        // those of unbound ones: a guest could fill it up.
        takeAll()
    }

    func notify(_ port: evtchn_port_t) {
        xenevtchn_notify(handle, port)
    }

    /// Lets a port's events come again: at once if the guest notified meanwhile.
    func unmask(_ port: evtchn_port_t) {
        xenevtchn_unmask(handle, port)
    }

    /// Takes an event; false without one.
    ///
    /// Its port stays masked until its ring was emptied: a guest notifies with
    /// every few bytes, and what comes meanwhile costs nobody an interrupt.
    @discardableResult
    private func take() -> Bool {
        let port = xenevtchn_pending(handle)
        guard port >= 0 else { return false }
        guard Int(port) < devices.count, let device = devices[Int(port)] else {
            unmask(evtchn_port_t(port))
            return true
        }
        device.ring?.wasNotified()
        ready.add(device)
        return true
    }

    /// Takes all events; each port comes once, since it stays masked.
    func takeAll() {
        while take() {}
    }
}
