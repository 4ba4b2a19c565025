// xlchannel: channels for shells. A user of the shared library like any other.
import ArgumentParser
import Glibc

@main
struct XLChannel: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "xlchannel",
        abstract: "Lists, adds and removes the channels of Xen guests.",
        discussion: """
            A channel is a named byte stream between a guest and its backend domain. It is served by the xenchanneld \
            of the backend domain or, with none in domain 0, by the guest's QEMU.

            Output is in columns of words without blanks, "-" for nothing. In a name or a path, blanks, backslashes and \
            what is not printable UTF-8 are printed as \\xNN.

            The exit status is 0; 1 when something failed, with a line on stderr that tells what and why; 64 for a \
            command line that is not understood.
            """,
        version: "xlchannel 0.1.0",
        subcommands: [List.self, Add.self, Show.self, Remove.self])

    static func main() {
        do {
            captureLog()
            var command = try parseAsRoot(commandLine())
            try command.run()
        } catch let failure as Failure {
            complain(failure.message)
            Glibc.exit(1)
        } catch {
            exit(withError: error)
        }
    }
}

/// The guest of a command.
struct Guest: ParsableArguments {
    @Argument(help: "The domain's name or number.")
    var domain: ByteString

    func domid() throws(Failure) -> UInt32 {
        try domainNumber(of: domain)
    }
}

/// How CHANNEL is meant.
struct Naming: ParsableArguments {
    @Flag(name: .customLong("name"), help: "CHANNEL is a name even when it is a number.")
    var isName = false

    func choice(_ word: ByteString) throws -> Choice {
        guard !isName, !word.bytes.isEmpty, word.bytes.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return .name(word)
        }
        guard let devid = Int32(String(decoding: word.bytes, as: UTF8.self)) else {
            throw ValidationError("There is no devid \(word.shown); with --name it is a name.")
        }
        return .devid(devid)
    }
}

/// Which channel of a domain.
enum Choice {
    case devid(Int32)
    case name(ByteString)

    /// How messages name it.
    var title: String {
        switch self {
        case .devid(let devid): "devid \(devid)"
        case .name(let name): "channel \(name.shown)"
        }
    }
}
