import ArgumentParser
import CXLChannel

struct Add: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Adds a channel to a domain, running or not.",
        discussion: """
            Prints the channel's devid and its terminal, socket or file in the backend domain ("-" if it has none). When \
            the command returns, the backend serves the channel.
            """)

    @OptionGroup var guest: Guest

    @Argument(help: "The channel's name: 1 to 256 bytes, unique in its domain.")
    var name: ByteString

    @Argument(help: """
        pty: a pseudo terminal; socket: a Unix socket that listens at PATH; path: the guest's output is appended to the \
        file PATH; none: the guest's output is dropped.
        """)
    var connection: Connection

    @Argument(help: "The absolute path of the socket or file in the backend domain.", completion: .file())
    var path: ByteString?

    @Option(help: ArgumentHelp("The devid; the guest's console is one more. (default: the lowest free)", valueName: "n"))
    var devid: Int32?

    @Option(help: ArgumentHelp("The backend domain's name or number. (default: 0)", valueName: "domain"))
    var backend: ByteString?

    func validate() throws {
        if backend?.bytes.isEmpty == true { throw ValidationError("A backend domain has a name or a number.") }
        if connection.hasPath != (path != nil) {
            throw ValidationError("\(connection) \(path == nil ? "needs a" : "takes no") PATH.")
        }
    }

    func run() throws {
        let domid = try guest.domid()
        let place = try withDevice { (device) throws(Failure) in
            libxl_device_channel_init_connection(&device, connection.number)
            device.name = name.duplicated()
            device.backend_domname = backend?.duplicated()
            if let devid { device.devid = devid }
            if let path { device.u.socket.path = path.duplicated() }

            try check(libxl_device_channel_add(nil, domid, &device, nil))
            let devid = device.devid
            // A channel that somebody else removes meanwhile has no terminal.
            let terminal = connection == .pty ? try withInfo(of: &device, domid) { $0.terminal() } : nil
            return "\(devid) \((path ?? terminal ?? nil)?.shown ?? "-")"
        }
        try show(place + "\n")
    }
}
