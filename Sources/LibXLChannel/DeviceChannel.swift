// libxl_device_channel as released: the struct's life and its JSON.
import CXen
import Channel
import ChannelJSON

extension libxl_device_channel: ChannelStruct {
    static var typeName: StaticString { "libxl_device_channel" }
    static var shape: Shape { .released }
    static var initialKind: ConnectionKind { .unknown }

    init(_ record: ChannelRecord) {
        self.init()
        backend_domid = record.backendDomid
        backend_domname = record.backendDomname
        devid = record.devid
        name = record.name
        connection = (record.kind ?? .unknown).released
        u.socket.path = record.path
    }

    var record: ChannelRecord {
        let kind = ConnectionKind(connection)
        // Only these have a path in the union.
        let hasPath = kind?.hasPath == true
        return ChannelRecord(
            backendDomid: backend_domid, backendDomname: backend_domname, devid: devid, name: name,
            kind: kind, path: hasPath ? u.socket.path : nil)
    }

    mutating func copyDiscriminator(of other: libxl_device_channel) {
        connection = other.connection
    }
}

@_cdecl("libxl_device_channel_init") @implementation
public func libxl_device_channel_init(_ p: UnsafeMutablePointer<libxl_device_channel>!) {
    if let p { libxl_device_channel.initialise(p) }
}

@_cdecl("libxl_device_channel_init_connection") @implementation
public func libxl_device_channel_init_connection(
    _ p: UnsafeMutablePointer<libxl_device_channel>!, _ connection: libxl_channel_connection
) {
    // libxl asserts that the connection is still UNKNOWN.
    guard let p, p.pointee.connection == LIBXL_CHANNEL_CONNECTION_UNKNOWN else { return }
    p.pointee.connection = connection
    p.pointee.u.socket.path = nil
}

@_cdecl("libxl_device_channel_dispose") @implementation
public func libxl_device_channel_dispose(_ p: UnsafeMutablePointer<libxl_device_channel>!) {
    p?.pointee.dispose()
}

@_cdecl("libxl_device_channel_copy") @implementation
public func libxl_device_channel_copy(
    _ ctx: OpaquePointer!, _ dst: UnsafeMutablePointer<libxl_device_channel>!,
    _ src: UnsafePointer<libxl_device_channel>!
) {
    guard let dst, let src else { return }
    dst.pointee = src.pointee.copied()
}

@_cdecl("libxl_device_channel_gen_json") @implementation
public func libxl_device_channel_gen_json(
    _ hand: yajl_gen!, _ p: UnsafeMutablePointer<libxl_device_channel>!
) -> yajl_gen_status {
    guard let hand, let p else { return cannotGenerate() }
    return generated(p.pointee.record.generate(.released, hand))
}

@_cdecl("libxl_device_channel_to_json") @implementation
public func libxl_device_channel_to_json(
    _ ctx: OpaquePointer!, _ p: UnsafeMutablePointer<libxl_device_channel>!
) -> UnsafeMutablePointer<CChar>! {
    guard let p else {
        _ = nullArgument()
        return nil
    }
    return jsonTextOrLog("libxl_device_channel") { p.pointee.record.generate(.released, $0) }
}

@_cdecl("libxl_device_channel_from_json") @implementation
public func libxl_device_channel_from_json(
    _ ctx: OpaquePointer!, _ p: UnsafeMutablePointer<libxl_device_channel>!, _ s: UnsafePointer<CChar>!
) -> CInt {
    guard let p else { return nullArgument() }
    return p.pointee.fill(from: s) { (record, s) throws(ChannelError) in try record.parse(.released, s) }
}

@_cdecl("libxl_device_channel_parse_json") @implementation
public func libxl_device_channel_parse_json(
    _ ctx: OpaquePointer!, _ value: yajl_val!, _ channel: UnsafeMutablePointer<libxl_device_channel>!
) -> CInt {
    guard let channel else { return nullArgument() }
    return channel.pointee.fill(from: value) { (record, value) throws(ChannelError) in try record.parse(.released, value) }
}
