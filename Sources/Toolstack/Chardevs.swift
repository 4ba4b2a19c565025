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
            let file = try openLogFile(path)
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
