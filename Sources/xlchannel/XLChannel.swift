// xlchannel: channels for shells, over the shared library and its public header.
import ArgumentParser
import Glibc

@main
struct XLChannel: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "xlchannel",
        abstract: "Lists, adds and removes the channels of Xen guests.",
        discussion: """
            A channel is a named byte stream between a guest and its backend domain. The xenchanneld of the backend \
            domain serves it; if none runs in domain 0, the guest's QEMU does.

            Output is in columns of words without blanks; "-" stands for an empty one. In names and paths, blanks, \
            backslashes and everything that is not printable UTF-8 are printed as \\xNN.

            The exit status is 0 on success, 1 on failure, with a line on stderr that says what failed and why, and 64 \
            for a bad command line.
            """,
        version: "xlchannel 0.1.0",
        subcommands: [List.self, Add.self, Show.self, Remove.self])

    static func main() {
        do {
            printWarnings()
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

/// The guest that a command is about.
struct Guest: ParsableArguments {
    @Argument(help: "The domain's name or number.")
    var domain: ByteString

    func domid() throws(Failure) -> UInt32 {
        try domainNumber(of: domain)
    }
}

/// Whether CHANNEL is a devid or a name.
struct Naming: ParsableArguments {
    @Flag(name: .customLong("name"), help: "CHANNEL is a name even if it is a number.")
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

    /// How messages call it.
    var title: String {
        switch self {
        case .devid(let devid): "devid \(devid)"
        case .name(let name): "channel \(name.shown)"
        }
    }
}
