import CLibc
import Channel
import ChannelJSON
import XenConsole

/// What the status socket tells: each channel's state and counters, in JSON.
func statusDocument(_ devices: [Device]) -> [UInt8]? {
    let text = try? jsonText { generator in
        var writer = Writer(generator)
        writer.beginMap()
        writer.literal("channels")
        writer.beginArray()
        for device in devices { device.writeStatus(&writer) }
        writer.endArray()
        writer.endMap()
        return writer.status
    }
    guard let text else { return nil }
    defer { free(text) }
    return Bytes(cString: text).array
}

extension Device {
    fileprivate func writeStatus(_ writer: inout Writer) {
        let connection = description.connection ?? .unknown
        writer.beginMap()
        writer.member("domid", integer: Int64(address.domid))
        writer.member("devid", integer: Int64(address.devid))
        writer.member("name", anyBytes: description.name)
        writer.member("connection", bytes: Bytes(connection.kind.word))
        if let path = endpoint.terminal ?? connection.path { writer.member("path", anyBytes: path) }
        writer.member("state", integer: Int64((state.seen?.own ?? .unknown).rawValue))
        writer.member("client", boolean: endpoint.hasClient)
        writer.member("from_guest", integer: Int64(clamping: fromGuest))
        writer.member("to_guest", integer: Int64(clamping: toGuest))
        writer.member("dropped", integer: Int64(clamping: dropped))
        writer.endMap()
    }
}
