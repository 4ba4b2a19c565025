// libxl_channelinfo: the struct's life and its JSON.
import CXen
import Channel
import ChannelJSON

extension ChannelInfoRecord {
    /// Reads a struct in place.
    init(_ info: borrowing libxl_channelinfo) {
        self.init()
        backend = info.backend
        backendDomid = info.backend_id
        frontend = info.frontend
        frontendDomid = info.frontend_id
        devid = info.devid
        state = info.state
        eventChannel = info.evtch
        ringReference = info.rref
        kind = ConnectionKind(info.connection)
        ptyPath = kind == .pty ? info.u.pty.path : nil
    }

    /// The struct that owns this record's texts.
    var released: libxl_channelinfo {
        var info = libxl_channelinfo()
        info.backend = backend
        info.backend_id = backendDomid
        info.frontend = frontend
        info.frontend_id = frontendDomid
        info.devid = devid
        info.state = state
        info.evtch = eventChannel
        info.rref = ringReference
        info.connection = (kind ?? .unknown).released
        info.u.pty.path = ptyPath
        return info
    }

    /// A record with malloc'd texts that says what `info` is.
    ///
    /// - Throws: `.noMemory`, with nothing allocated.
    init(_ info: ChannelInfo, _ kind: ConnectionKind?) throws(ChannelError) {
        self.init()
        backend = info.backend.duplicated()
        backendDomid = info.backendDomid
        frontend = info.frontend.duplicated()
        frontendDomid = info.frontendDomid
        devid = info.devid
        state = info.state
        eventChannel = info.eventChannel
        ringReference = info.ringReference
        self.kind = kind
        if kind == .pty { ptyPath = (info.tty ?? Bytes("/NO-SUCH-PATH")).duplicated() }
        guard backend != nil, frontend != nil, (ptyPath != nil) == (kind == .pty) else {
            freeTexts()
            throw ChannelError(.noMemory, "out of memory for a channel's state")
        }
    }
}

@_cdecl("libxl_channelinfo_init") @implementation
public func libxl_channelinfo_init(_ p: UnsafeMutablePointer<libxl_channelinfo>!) {
    if let p { initialise(p, ChannelInfoRecord().released) }
}

@_cdecl("libxl_channelinfo_init_connection") @implementation
public func libxl_channelinfo_init_connection(
    _ p: UnsafeMutablePointer<libxl_channelinfo>!, _ connection: libxl_channel_connection
) {
    // libxl asserts that the connection is still UNKNOWN.
    guard let p, p.pointee.connection == LIBXL_CHANNEL_CONNECTION_UNKNOWN else { return }
    p.pointee.connection = connection
    p.pointee.u.pty.path = nil
}

@_cdecl("libxl_channelinfo_dispose") @implementation
public func libxl_channelinfo_dispose(_ p: UnsafeMutablePointer<libxl_channelinfo>!) {
    guard let p else { return }
    ChannelInfoRecord(p.pointee).freeTexts()
    libxl_channelinfo_init(p)
}

@_cdecl("libxl_channelinfo_copy") @implementation
public func libxl_channelinfo_copy(
    _ ctx: OpaquePointer!, _ dst: UnsafeMutablePointer<libxl_channelinfo>!,
    _ src: UnsafePointer<libxl_channelinfo>!
) {
    guard let dst, let src else { return }
    var record = ChannelInfoRecord(src.pointee)
    record.backend = duplicate(record.backend)
    record.frontend = duplicate(record.frontend)
    record.ptyPath = duplicate(record.ptyPath)
    dst.pointee = record.released
    // A number that stands for no connection is copied all the same.
    dst.pointee.connection = src.pointee.connection
}

@_cdecl("libxl_channelinfo_gen_json") @implementation
public func libxl_channelinfo_gen_json(
    _ hand: yajl_gen!, _ p: UnsafeMutablePointer<libxl_channelinfo>!
) -> yajl_gen_status {
    guard let hand, let p else { return cannotGenerate() }
    return generated(ChannelInfoRecord(p.pointee).generate(hand))
}

@_cdecl("libxl_channelinfo_to_json") @implementation
public func libxl_channelinfo_to_json(
    _ ctx: OpaquePointer!, _ p: UnsafeMutablePointer<libxl_channelinfo>!
) -> UnsafeMutablePointer<CChar>! {
    guard let p else {
        _ = nullArgument()
        return nil
    }
    return jsonTextOrLog("libxl_channelinfo") { ChannelInfoRecord(p.pointee).generate($0) }
}

@_cdecl("libxl_channelinfo_from_json") @implementation
public func libxl_channelinfo_from_json(
    _ ctx: OpaquePointer!, _ p: UnsafeMutablePointer<libxl_channelinfo>!, _ s: UnsafePointer<CChar>!
) -> CInt {
    guard let p else { return nullArgument() }
    var record = ChannelInfoRecord()
    defer { p.pointee = record.released }
    guard let s else { return nullArgument() }
    return parsed("libxl_channelinfo") { () throws(ChannelError) in try record.parse(s) }
}

@_cdecl("libxl_channelinfo_parse_json") @implementation
public func libxl_channelinfo_parse_json(
    _ ctx: OpaquePointer!, _ value: yajl_val!, _ info: UnsafeMutablePointer<libxl_channelinfo>!
) -> CInt {
    guard let info else { return nullArgument() }
    var record = ChannelInfoRecord()
    defer { info.pointee = record.released }
    guard let value else { return nullArgument() }
    return parsed("libxl_channelinfo") { () throws(ChannelError) in try record.parse(value) }
}
