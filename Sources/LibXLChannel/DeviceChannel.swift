// libxl_device_channel as released: the struct's life and its JSON.
import CLibc
import CXen
import Channel
import ChannelJSON

extension ChannelRecord {
    /// Reads a struct in place.
    init(_ channel: borrowing libxl_device_channel) {
        let kind = ConnectionKind(channel.connection)
        self.init(
            backendDomid: channel.backend_domid, backendDomname: channel.backend_domname,
            devid: channel.devid, name: channel.name, kind: kind,
            path: kind?.hasPath == true ? channel.u.socket.path : nil)
    }

    /// The struct that owns this record's texts.
    var released: libxl_device_channel {
        var channel = libxl_device_channel()
        channel.backend_domid = backendDomid
        channel.backend_domname = backendDomname
        channel.devid = devid
        channel.name = name
        channel.connection = (kind ?? .unknown).released
        channel.u.socket.path = path
        return channel
    }

    /// A record with malloc'd texts that says what `channel` is.
    ///
    /// - Throws: `.noMemory`, with nothing allocated.
    init(_ channel: Channel) throws(ChannelError) {
        self.init()
        backendDomid = channel.backendDomid
        devid = channel.devid
        kind = channel.connection.kind
        name = channel.name.duplicated()
        path = channel.connection.path?.duplicated()
        guard name != nil, (path != nil) == (channel.connection.path != nil) else {
            free(name)
            free(path)
            throw ChannelError(.noMemory, "no memory for a channel")
        }
    }
}

extension ConnectionKind {
    /// Whether the union of a `libxl_device_channel` has a path.
    var hasPath: Bool { self == .socket || self == .path }
}

@_cdecl("libxl_device_channel_init") @implementation
public func libxl_device_channel_init(_ p: UnsafeMutablePointer<libxl_device_channel>!) {
    p?.pointee = ChannelRecord().released
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
    guard let p else { return }
    let record = ChannelRecord(p.pointee)
    free(record.backendDomname)
    free(record.name)
    free(record.path)
    libxl_device_channel_init(p)
}

@_cdecl("libxl_device_channel_copy") @implementation
public func libxl_device_channel_copy(
    _ ctx: OpaquePointer!, _ dst: UnsafeMutablePointer<libxl_device_channel>!,
    _ src: UnsafePointer<libxl_device_channel>!
) {
    guard let dst, let src else { return }
    var record = ChannelRecord(src.pointee)
    record.backendDomname = duplicate(record.backendDomname)
    record.name = duplicate(record.name)
    record.path = duplicate(record.path)
    dst.pointee = record.released
    // A number that stands for no connection is copied all the same.
    dst.pointee.connection = src.pointee.connection
}

/// A malloc'd copy. libxl ends the program without memory, and a copy that
/// silently lacks a text would be worse.
func duplicate(_ text: CText?) -> CText? {
    guard let text else { return nil }
    guard let copy = strdup(text) else {
        log(XTL_CRITICAL, "no memory to copy a text")
        abort()
    }
    return copy
}

@_cdecl("libxl_device_channel_gen_json") @implementation
public func libxl_device_channel_gen_json(
    _ hand: yajl_gen!, _ p: UnsafeMutablePointer<libxl_device_channel>!
) -> yajl_gen_status {
    guard let hand, let p else { return yajl_gen_in_error_state }
    return ChannelRecord(p.pointee).generateReleased(hand)
}

@_cdecl("libxl_device_channel_to_json") @implementation
public func libxl_device_channel_to_json(
    _ ctx: OpaquePointer!, _ p: UnsafeMutablePointer<libxl_device_channel>!
) -> UnsafeMutablePointer<CChar>! {
    guard let p else { return nil }
    return jsonTextOrLog("libxl_device_channel") { ChannelRecord(p.pointee).generateReleased($0) }
}

@_cdecl("libxl_device_channel_from_json") @implementation
public func libxl_device_channel_from_json(
    _ ctx: OpaquePointer!, _ p: UnsafeMutablePointer<libxl_device_channel>!, _ s: UnsafePointer<CChar>!
) -> CInt {
    guard let p, let s else { return ERROR_INVAL.rawValue }
    var record = ChannelRecord()
    defer { p.pointee = record.released }
    return parsed("libxl_device_channel") { () throws(ChannelError) in try record.parseReleased(s) }
}

@_cdecl("libxl_device_channel_parse_json") @implementation
public func libxl_device_channel_parse_json(
    _ ctx: OpaquePointer!, _ value: yajl_val!, _ channel: UnsafeMutablePointer<libxl_device_channel>!
) -> CInt {
    guard let value, let channel else { return ERROR_INVAL.rawValue }
    var record = ChannelRecord()
    defer { channel.pointee = record.released }
    return parsed("libxl_device_channel") { () throws(ChannelError) in try record.parseReleased(value) }
}
