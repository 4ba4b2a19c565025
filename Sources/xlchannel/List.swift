import ArgumentParser
import CXLChannel

struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Lists the channels of a domain, or of all domains.",
        discussion: """
            The first line names the columns. PATH is the channel's terminal, socket or file in its backend domain. \
            STATE is that of the frontend: "connected" when the guest's driver has the channel, "initialising" before.
            """)

    @Argument(help: "The domain's name or number; without it all domains are listed, with a column DOMID.")
    var domain: ByteString?

    @Flag(help: "Print a JSON array of the channels, as libxl writes them; for all domains with a \"domid\" each.")
    var json = false

    func run() throws {
        let domid = try domain.map(domainNumber)
        try json ? showJSON(domid) : showTable(domid)
    }

    private func showTable(_ domid: UInt32?) throws(Failure) {
        var rows = [["DEVID", "NAME", "CONNECTION", "STATE", "PATH"]]
        if domid == nil { rows[0].insert("DOMID", at: 0) }
        try forEachChannel(of: domid) { (owner, channel) throws(Failure) in
            let name = ByteString(channel.name), connection = channel.connectionWord(), path = channel.path()
            let devid = channel.devid
            // Leaves out a channel that goes away meanwhile.
            let row = try withInfo(of: &channel, owner) { info in
                let place = path ?? info.terminal()
                return [String(devid), name?.shown ?? "-", connection, info.stateWord(), place?.shown ?? "-"]
            }
            if let row { rows.append(domid == nil ? [String(owner)] + row : row) }
        }
        try show(table(rows))
    }

    private func showJSON(_ domid: UInt32?) throws(Failure) {
        var objects: [JSON] = []
        try forEachChannel(of: domid) { (owner, channel) throws(Failure) in
            let object = try takenJSON(libxl_device_channel_to_json(nil, &channel))
            objects.append(domid == nil ? object.with("domid", owner) : object)
        }
        try show(JSON.array(objects))
    }
}
