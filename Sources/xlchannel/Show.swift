import ArgumentParser
import CXLChannel

struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows one channel and the state of its device.",
        discussion: "A line for each property, its name and its value.")

    @OptionGroup var guest: Guest

    @Argument(help: "The channel's devid or name.")
    var channel: ByteString

    @OptionGroup var naming: Naming

    @Flag(help: "Print the state (libxl_channelinfo) as JSON, as libxl writes it.")
    var json = false

    func validate() throws {
        _ = try naming.choice(channel)
    }

    func run() throws {
        let choice = try naming.choice(channel)
        let domid = try guest.domid()
        let text = try withChannel(choice, of: domid) { (device) throws(Failure) in
            let name = ByteString(device.name), connection = device.connectionWord(), path = device.path()
            return try withInfo(of: &device, domid) { (info) throws(Failure) in
                guard !json else {
                    var info = info
                    return try takenJSON(libxl_channelinfo_to_json(nil, &info)).text
                }
                return table([
                    ["domid", String(domid)],
                    ["devid", String(info.devid)],
                    ["name", name?.shown ?? "-"],
                    ["connection", connection],
                    ["path", (path ?? info.terminal())?.shown ?? "-"],
                    ["state", info.stateWord()],
                    ["backend-domid", String(info.backend_id)],
                    ["backend", ByteString(info.backend)?.shown ?? "-"],
                    ["frontend", ByteString(info.frontend)?.shown ?? "-"],
                    ["event-channel", info.evtch == -1 ? "-" : String(info.evtch)],
                    ["ring-ref", info.rref == -1 ? "-" : String(info.rref)],
                ])
            }
        }
        guard let text else { throw Failure(message: "domain \(domid): \(choice.title) is gone") }
        try show(text)
    }
}
