import CLibc
import CYajl
import Channel
import ChannelJSON

/// What a character device of QEMU is connected to: the part of
/// `ChardevBackend` in QEMU's qapi/char.json that channels need.
public enum ChardevBackend: Sendable, Equatable {
    /// Nothing: reads block, writes vanish.
    case null
    /// A pseudo terminal. The reply has its path.
    case pty
    /// A listening socket, by the name that `QMPCommand.takeDescriptor` gave it.
    case listeningSocket(named: Bytes)
    /// A file to append to, by the set that `QMPCommand.addDescriptor` put it in.
    case file(inSet: Int64)
}

/// A command of the QEMU Monitor Protocol (QEMU's qapi/control.json,
/// char.json, misc.json).
public enum QMPCommand: Sendable, Equatable {
    /// `qmp_capabilities`: ends the negotiation; the first command of a connection.
    case negotiate
    /// `getfd`: gives the descriptor that comes with the command a name.
    case takeDescriptor(name: Bytes)
    /// `closefd`: closes a named descriptor that no command has used.
    case closeDescriptor(name: Bytes)
    /// `add-fd`: puts the descriptor that comes with the command into a new set. The reply has its number.
    case addDescriptor
    /// `remove-fd`: closes a set's descriptors. A character device keeps its copies.
    case removeDescriptors(set: Int64)
    /// `chardev-add`
    case addChardev(id: Bytes, ChardevBackend)
    /// `chardev-remove`: QEMU refuses it while a console uses the device.
    case removeChardev(id: Bytes)
    /// `query-chardev`
    case queryChardevs

    /// The command's name in the protocol.
    public var name: StaticString {
        switch self {
        case .negotiate: "qmp_capabilities"
        case .takeDescriptor: "getfd"
        case .closeDescriptor: "closefd"
        case .addDescriptor: "add-fd"
        case .removeDescriptors: "remove-fd"
        case .addChardev: "chardev-add"
        case .removeChardev: "chardev-remove"
        case .queryChardevs: "query-chardev"
        }
    }

    /// The command on the wire: one line of JSON.
    ///
    /// - Parameter id: what the reply repeats.
    /// - Throws: `.noMemory`.
    public func encoded(id: Int64) throws(ChannelError) -> Bytes {
        let text = try jsonText(beautified: false) { generator in
            var writer = Writer(generator)
            writer.beginMap()
            writer.member("execute", bytes: Bytes(name))
            writer.map("arguments", writeArguments)
            writer.member("id", integer: id)
            writer.endMap()
            return writer.status
        }
        defer { free(text) }
        return Bytes(cString: text) + "\n"
    }

    private func writeArguments(_ writer: inout Writer) {
        switch self {
        case .negotiate, .addDescriptor, .queryChardevs:
            break
        case .takeDescriptor(let name), .closeDescriptor(let name):
            writer.member("fdname", bytes: name)
        case .removeDescriptors(let set):
            writer.member("fdset-id", integer: set)
        case .removeChardev(let id):
            writer.member("id", bytes: id)
        case .addChardev(let id, let backend):
            writer.member("id", bytes: id)
            writer.map("backend", backend.write)
        }
    }
}

extension ChardevBackend {
    fileprivate func write(_ writer: inout Writer) {
        switch self {
        case .null:
            writer.member("type", bytes: "null")
            writer.map("data") { _ in }
        case .pty:
            writer.member("type", bytes: "pty")
            writer.map("data") { _ in }
        case .listeningSocket(let name):
            writer.member("type", bytes: "socket")
            writer.map("data") { writer in
                writer.map("addr") { writer in
                    writer.member("type", bytes: "fd")
                    writer.map("data") { $0.member("str", bytes: name) }
                }
                writer.member("server", boolean: true)
                writer.member("wait", boolean: false)
            }
        case .file(let set):
            writer.member("type", bytes: "file")
            writer.map("data") { writer in
                writer.member("out", bytes: Bytes("/dev/fdset/") + Bytes(decimal: set))
                writer.member("append", boolean: true)
            }
        }
    }
}
