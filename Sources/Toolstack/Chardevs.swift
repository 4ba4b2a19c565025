import CLibc
import Channel
import FileSystem
import QMP
import System
import XenConsole

/// A character device of QEMU, which carries one channel.
struct Chardev: Equatable {
    var id: Bytes
    /// The terminal of a PTY.
    var terminal: Bytes?
}

/// The QEMU of a domain, as the backend of its channels: it runs in domain 0
/// and is spoken to through its monitor.
struct QEMU {
    let domid: UInt32
    let userdata: Userdata?

    /// libxl__qmp_initialize's path.
    private var monitor: Bytes {
        directory(named: "XEN_RUN_DIR", usually: "/var/run/xen") / (Bytes("qmp-libxl-") + Bytes(decimal: domid))
    }

    /// Whether the domain was given one.
    var isThere: Bool {
        monitor.withCString { access($0, F_OK) } == 0
    }

    /// Runs `body` with a connection to the monitor, which no other user of libxl's lock has meanwhile.
    @inline(never)
    private func connected(_ body: (QMPConnection) throws(ChannelError) -> Void) throws(ChannelError) {
        try userdata.holding(.qmpSocket) { () throws(ChannelError) in
            try body(try QMPConnection.open(monitor))
        }
    }

    /// Whether it answers.
    func answers() throws(ChannelError) -> Bool {
        do throws(ChannelError) {
            try connected { (_) throws(ChannelError) in }
            return true
        } catch {
            if error.kind == .notReady { return false }
            throw error
        }
    }

    /// Makes a character device for each of the requests, all or none.
    ///
    /// - Throws: with the position of the request that failed.
    func open(
        _ requests: [ChannelRequest], beside existing: ExistingConsoles
    ) throws(ChannelError) -> [Chardev] {
        var chardevs: [Chardev] = []
        try connected { (connection) throws(ChannelError) in
            // Those that consoles name, be they there or not.
            var present = existing.chardevs
            for id in try connection.execute(.queryChardevs).chardevs {
                // QEMU refuses to remove one that is in use after all.
                if isStaleChardev(id, named: existing.chardevs, consoles: existing.consoles),
                    (try? connection.execute(.removeChardev(id: id))) != nil
                {
                    continue
                }
                present.append(id)
            }
            for (position, request) in requests.enumerated() {
                let id = freeChardevID(beside: present)
                present.append(id)
                do throws(ChannelError) {
                    chardevs.append(Chardev(id: id, terminal: try connection.add(id, request.connection)))
                } catch {
                    for chardev in chardevs { _ = try? connection.execute(.removeChardev(id: chardev.id)) }
                    for opened in requests[..<position] { opened.connection.removeStaleSocket() }
                    throw error.about(request.title, at: position)
                }
            }
        }
        return chardevs
    }

    /// Removes character devices whose consoles are gone. QEMU may need a
    /// moment to notice that they are.
    func close(_ ids: [Bytes]) throws(ChannelError) {
        try connected { (connection) throws(ChannelError) in
            let deadline = Instant.now + .seconds(2)
            var rest = ids
            while true {
                var failure: ChannelError?
                var busy: [Bytes] = []
                for id in rest {
                    do throws(ChannelError) {
                        try connection.execute(.removeChardev(id: id))
                    } catch {
                        guard error.kind == .qmpGeneric else { throw error }
                        failure = error
                        busy.append(id)
                    }
                }
                guard let failure else { return }
                let present = try connection.execute(.queryChardevs).chardevs
                rest = busy.filter { present.contains($0) }
                if rest.isEmpty { return }
                guard .now < deadline else { throw failure }
                pause(.milliseconds(20))
            }
        }
    }
}

extension Connection {
    /// Removes the socket of a QEMU that could not do it any more.
    func removeStaleSocket() {
        if case .socket(let path) = self { ListeningSocket.removeStale(path) }
    }
}

extension QMPConnection {
    /// Makes one character device; the terminal of a PTY.
    ///
    /// Files and sockets are opened here and handed over: QEMU by itself would
    /// follow links, and put a socket in the place of any file.
    func add(_ id: Bytes, _ connection: Connection) throws(ChannelError) -> Bytes? {
        switch connection {
        case .none, .unknown:
            try execute(.addChardev(id: id, .null))
        case .pty:
            guard let pty = try execute(.addChardev(id: id, .pty)).pty else {
                throw ChannelError(.qmpProtocol, "QEMU does not tell the terminal")
            }
            return pty
        case .path(let path):
            let file = try LogFile(path).descriptor
            defer { _ = CLibc.close(file) }
            guard let set = try execute(.addDescriptor, passing: file).descriptorSet else {
                throw ChannelError(.qmpProtocol, "QEMU does not tell the descriptor's set")
            }
            // The device has a copy of its own.
            defer { _ = try? execute(.removeDescriptors(set: set)) }
            try execute(.addChardev(id: id, .file(inSet: set)))
        case .socket(let path):
            let socket = try ListeningSocket(path)
            defer { _ = CLibc.close(socket.descriptor) }
            do throws(ChannelError) {
                try execute(.takeDescriptor(name: id), passing: socket.descriptor)
                do throws(ChannelError) {
                    try execute(.addChardev(id: id, .listeningSocket(named: id)))
                } catch {
                    _ = try? execute(.closeDescriptor(name: id))
                    throw error
                }
            } catch {
                socket.unlink()
                throw error
            }
        }
        return nil
    }
}

private let prefix: StaticString = "xlchannel-"
private let libxlPrefix: StaticString = "libxl-channel"

/// An id that no character device has. libxl's end in the console's number,
/// which is not known before the device is there.
func freeChardevID(beside present: [Bytes]) -> Bytes {
    var number = 0
    while true {
        let id = Bytes(prefix) + Bytes(decimal: number)
        if !present.contains(id) { return id }
        number += 1
    }
}

/// The id of the character device that libxl makes for a console at a domain's creation.
func libxlChardevID(_ console: ConsoleAddress) -> Bytes {
    Bytes(libxlPrefix) + Bytes(decimal: console.number)
}

/// Whether a character device is a channel's, and no console uses it: one of
/// this library's that no console names, left by a program that died; or one
/// of libxl's for a console that is not there, as the first of a
/// configuration's list never is.
func isStaleChardev(_ id: Bytes, named: [Bytes], consoles: [ConsoleAddress]) -> Bool {
    if id.array.starts(with: Bytes(prefix).array) { return !named.contains(id) }
    guard id.array.starts(with: Bytes(libxlPrefix).array),
        let number = unsigned(id.array[libxlPrefix.utf8CodeUnitCount...])
    else { return false }
    return number == 0 || !consoles.contains { UInt64($0.number) == number }
}
