import ArgumentParser
import CXLChannel
import Glibc

struct Remove: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Removes channels from a domain.",
        discussion: """
            Asks the guest and the backend to release each channel, and waits up to 10 seconds. Failure to remove one \
            channel does not stop the rest.
            """)

    @OptionGroup var guest: Guest

    @Argument(help: "The channels' devids or names.")
    var channel: [ByteString]

    @OptionGroup var naming: Naming

    @Flag(help: "Do not ask and do not wait: for a guest or a backend that does not answer.")
    var force = false

    func validate() throws {
        _ = try channel.map(naming.choice)
    }

    func run() throws {
        let domid = try guest.domid()
        var failed = false
        for choice in try channel.map(naming.choice) {
            do throws(Failure) {
                try remove(choice, of: domid)
            } catch {
                complain(error.message)
                failed = true
            }
        }
        if failed { throw ExitCode(1) }
    }

    private func remove(_ choice: Choice, of domid: UInt32) throws(Failure) {
        try withDevice { (device) throws(Failure) in
            switch choice {
            case .devid(let devid): device.devid = devid
            case .name(let name): device.name = name.duplicated()
            }
            try check(
                force
                    ? libxl_device_channel_destroy(nil, domid, &device, nil)
                    : libxl_device_channel_remove(nil, domid, &device, nil))
        }
    }
}
