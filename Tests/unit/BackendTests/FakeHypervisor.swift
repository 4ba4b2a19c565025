import CLibc
import Synchronization
import System

/// The hypervisor of one test: grants are pages of this process, events a queue.
///
/// The functions below stand for libxengnttab's and libxenevtchn's: the linker
/// takes those of the program before those of a library.
final class FakeHypervisor: @unchecked Sendable {
    /// What is opened while a test runs belongs to its hypervisor.
    @TaskLocal static var current: FakeHypervisor?

    /// The guests' pages, by domid and grant.
    private(set) var pages: [UInt64: UnsafeMutableRawPointer] = [:]
    private(set) var mapped = 0
    /// Remote ports by local ones.
    private(set) var bound: [Int32: UInt32] = [:]
    private(set) var notified: [Int32] = []
    private var masked: Set<Int32> = []
    /// Events that came while their port was masked.
    private var waiting: Set<Int32> = []
    private var pending: [Int32] = []
    private var nextPort: Int32 = 3
    /// Readable while an event is pending.
    fileprivate let reading: Int32
    private let writing: Int32
    /// The errno with which grants are not mapped, and ports not bound.
    var mapFailure: Int32?
    var bindFailure: Int32?

    init() {
        var ends: (Int32, Int32) = (-1, -1)
        withUnsafeMutableBytes(of: &ends) { _ = pipe($0.baseAddress!.assumingMemoryBound(to: Int32.self)) }
        (reading, writing) = ends
    }

    deinit {
        for page in pages.values { page.deallocate() }
        close(reading)
        close(writing)
    }

    /// A guest's page, made when it is first asked for.
    func page(_ reference: UInt32, of domid: UInt32) -> UnsafeMutableRawPointer {
        let key = UInt64(domid) << 32 | UInt64(reference)
        if let page = pages[key] { return page }
        let page = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 4096)
        page.initializeMemory(as: UInt8.self, repeating: 0, count: 4096)
        pages[key] = page
        return page
    }

    /// The guest notifies by its end of a channel.
    func notify(remote: UInt32) {
        for (port, other) in bound where other == remote { raise(port) }
    }

    private func raise(_ port: Int32) {
        guard !masked.contains(port) else {
            waiting.insert(port)
            return
        }
        masked.insert(port)
        pending.append(port)
        _ = write(writing, "e", 1)
    }

    fileprivate func map(_ reference: UInt32, of domid: UInt32) -> UnsafeMutableRawPointer? {
        if let mapFailure {
            errno = mapFailure
            return nil
        }
        mapped += 1
        return page(reference, of: domid)
    }

    fileprivate func unmapOne() { mapped -= 1 }

    fileprivate func bind(_ remote: UInt32) -> Int32 {
        if let bindFailure {
            errno = bindFailure
            return -1
        }
        nextPort += 1
        bound[nextPort] = remote
        return nextPort
    }

    fileprivate func unbind(_ port: Int32) {
        bound[port] = nil
        masked.remove(port)
        waiting.remove(port)
    }

    fileprivate func told(_ port: Int32) { notified.append(port) }

    fileprivate func unmask(_ port: Int32) {
        masked.remove(port)
        if waiting.remove(port) != nil { raise(port) }
    }

    fileprivate func take() -> Int32 {
        guard !pending.isEmpty else {
            errno = EAGAIN
            return -1
        }
        var byte: UInt8 = 0
        _ = read(reading, &byte, 1)
        return pending.removeFirst()
    }
}

private func hypervisor(_ handle: OpaquePointer?) -> FakeHypervisor {
    Unmanaged<FakeHypervisor>.fromOpaque(UnsafeRawPointer(handle!)).takeUnretainedValue()
}

private func open() -> OpaquePointer? {
    guard let current = FakeHypervisor.current else {
        errno = ENOENT
        return nil
    }
    return OpaquePointer(Unmanaged.passRetained(current).toOpaque())
}

private func shut(_ handle: OpaquePointer?) -> Int32 {
    Unmanaged<FakeHypervisor>.fromOpaque(UnsafeRawPointer(handle!)).release()
    return 0
}

@_cdecl("xengnttab_open") func grantsOpen(_ logger: OpaquePointer?, _ flags: UInt32) -> OpaquePointer? { open() }
@_cdecl("xengnttab_close") func grantsClose(_ handle: OpaquePointer?) -> Int32 { shut(handle) }

@_cdecl("xengnttab_map_grant_ref")
func grantsMap(_ handle: OpaquePointer?, _ domid: UInt32, _ reference: UInt32, _ access: Int32) -> UnsafeMutableRawPointer? {
    hypervisor(handle).map(reference, of: domid)
}

@_cdecl("xengnttab_unmap")
func grantsUnmap(_ handle: OpaquePointer?, _ page: UnsafeMutableRawPointer?, _ count: UInt32) -> Int32 {
    hypervisor(handle).unmapOne()
    return 0
}

@_cdecl("xenevtchn_open") func eventsOpen(_ logger: OpaquePointer?, _ flags: UInt32) -> OpaquePointer? { open() }
@_cdecl("xenevtchn_close") func eventsClose(_ handle: OpaquePointer?) -> Int32 { shut(handle) }
@_cdecl("xenevtchn_fd") func eventsDescriptor(_ handle: OpaquePointer?) -> Int32 { hypervisor(handle).reading }
@_cdecl("xenevtchn_pending") func eventsPending(_ handle: OpaquePointer?) -> Int32 { hypervisor(handle).take() }

@_cdecl("xenevtchn_bind_interdomain")
func eventsBind(_ handle: OpaquePointer?, _ domid: UInt32, _ remote: UInt32) -> Int32 { hypervisor(handle).bind(remote) }

@_cdecl("xenevtchn_unbind") func eventsUnbind(_ handle: OpaquePointer?, _ port: UInt32) -> Int32 {
    hypervisor(handle).unbind(Int32(port))
    return 0
}

@_cdecl("xenevtchn_notify") func eventsNotify(_ handle: OpaquePointer?, _ port: UInt32) -> Int32 {
    hypervisor(handle).told(Int32(port))
    return 0
}

@_cdecl("xenevtchn_unmask") func eventsUnmask(_ handle: OpaquePointer?, _ port: UInt32) -> Int32 {
    hypervisor(handle).unmask(Int32(port))
    return 0
}
