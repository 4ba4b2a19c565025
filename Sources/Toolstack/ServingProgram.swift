import Channel
import XenConsole

/// The program that serves a channel in its backend domain.
enum ServingProgram: Equatable {
    case xenchanneld
    /// The guest's own QEMU, in domain 0, by a character device of it.
    case qemu(Chardev)

    /// The frontend's `type`.
    var type: ConsoleType {
        switch self {
        case .xenchanneld: .xenchanneld
        case .qemu: .qemu
        }
    }

    var chardev: Chardev? {
        switch self {
        case .xenchanneld: nil
        case .qemu(let chardev): chardev
        }
    }

    /// The frontend's `output`.
    func output(_ connection: Connection) -> Bytes {
        switch self {
        case .xenchanneld: Bytes(connection.kind.word)
        case .qemu(let chardev): Bytes("chardev:") + chardev.id
        }
    }

    /// The frontend's `tty`, if it is known from the beginning.
    var terminal: Bytes { chardev?.terminal ?? Bytes() }

    /// Whether it removes what is left of a domain that was destroyed. A
    /// domain's QEMU ends before the domain.
    var outlivesGuest: Bool {
        switch self {
        case .xenchanneld: true
        case .qemu: false
        }
    }
}
