// libxl_device_channel as posted, under its own symbols: the struct's life, its
// JSON, and conversion to and from the released struct.
import CXenV2
import Channel
import ChannelJSON

extension libxl_device_channel_v2: ChannelStruct {
    static var typeName: StaticString { "libxl_device_channel_v2" }
    static var shape: Shape { .posted }
    static var initialKind: ConnectionKind { .none }

    init(_ record: ChannelRecord) {
        self.init()
        backend_domid = record.backendDomid
        backend_domname = record.backendDomname
        devid = record.devid
        name = record.name
        type = record.kind?.posted ?? LIBXL_CHANNEL_TYPE_NONE
        path = record.path
    }

    var record: ChannelRecord {
        ChannelRecord(
            backendDomid: backend_domid, backendDomname: backend_domname, devid: devid, name: name,
            kind: ConnectionKind(type), path: path)
    }

    mutating func copyDiscriminator(of other: libxl_device_channel_v2) {
        type = other.type
    }
}

@_cdecl("libxl_device_channel_v2_init") @implementation
public func libxl_device_channel_v2_init(_ p: UnsafeMutablePointer<libxl_device_channel_v2>!) {
    if let p { libxl_device_channel_v2.initialise(p) }
}

@_cdecl("libxl_device_channel_v2_dispose") @implementation
public func libxl_device_channel_v2_dispose(_ p: UnsafeMutablePointer<libxl_device_channel_v2>!) {
    p?.pointee.dispose()
}

@_cdecl("libxl_device_channel_v2_copy") @implementation
public func libxl_device_channel_v2_copy(
    _ ctx: OpaquePointer!, _ dst: UnsafeMutablePointer<libxl_device_channel_v2>!,
    _ src: UnsafePointer<libxl_device_channel_v2>!
) {
    guard let dst, let src else { return }
    dst.pointee = src.pointee.copied()
}

@_cdecl("libxl_device_channel_v2_gen_json") @implementation
public func libxl_device_channel_v2_gen_json(
    _ hand: yajl_gen!, _ p: UnsafeMutablePointer<libxl_device_channel_v2>!
) -> yajl_gen_status {
    guard let hand, let p else { return cannotGenerate() }
    return generated(p.pointee.record.generate(.posted, hand))
}

@_cdecl("libxl_device_channel_v2_to_json") @implementation
public func libxl_device_channel_v2_to_json(
    _ ctx: OpaquePointer!, _ p: UnsafeMutablePointer<libxl_device_channel_v2>!
) -> UnsafeMutablePointer<CChar>! {
    guard let p else {
        _ = nullArgument()
        return nil
    }
    return jsonTextOrLog("libxl_device_channel_v2") { p.pointee.record.generate(.posted, $0) }
}

@_cdecl("libxl_device_channel_v2_from_json") @implementation
public func libxl_device_channel_v2_from_json(
    _ ctx: OpaquePointer!, _ p: UnsafeMutablePointer<libxl_device_channel_v2>!, _ s: UnsafePointer<CChar>!
) -> CInt {
    guard let p else { return nullArgument() }
    return p.pointee.fill(from: s) { (record, s) throws(ChannelError) in try record.parse(.posted, s) }
}

@_cdecl("libxl_device_channel_v2_parse_json") @implementation
public func libxl_device_channel_v2_parse_json(
    _ ctx: OpaquePointer!, _ value: yajl_val!, _ p: UnsafeMutablePointer<libxl_device_channel_v2>!
) -> CInt {
    guard let p else { return nullArgument() }
    return p.pointee.fill(from: value) { (record, value) throws(ChannelError) in try record.parse(.posted, value) }
}

@_cdecl("libxl_device_channel_v2_from_released") @implementation
public func libxl_device_channel_v2_from_released(
    _ ctx: OpaquePointer!, _ dst: UnsafeMutablePointer<libxl_device_channel_v2>!,
    _ src: UnsafePointer<libxl_device_channel_released>!
) -> CInt {
    guard let dst else { return nullArgument() }
    return convert(src?.pointee, &dst.pointee)
}

@_cdecl("libxl_device_channel_v2_to_released") @implementation
public func libxl_device_channel_v2_to_released(
    _ ctx: OpaquePointer!, _ dst: UnsafeMutablePointer<libxl_device_channel_released>!,
    _ src: UnsafePointer<libxl_device_channel_v2>!
) -> CInt {
    guard let dst else { return nullArgument() }
    return convert(src?.pointee, &dst.pointee)
}

/// A copy in the other family's struct; on error that is initialised.
private func convert<Source: ChannelStruct, Target: ChannelStruct>(
    _ source: Source?, _ target: inout Target
) -> CInt {
    target = .initial
    guard let source else { return nullArgument() }
    return result { () throws(ChannelError) in
        guard let kind = source.record.kind, kind != .unknown else {
            throw ChannelError(.invalid, "\(Target.typeName) has no value for the connection of this \(Source.typeName)")
        }
        var record = source.copied().record
        // Only these keep a path in the released union.
        if !kind.hasPath {
            free(record.path)
            record.path = nil
        }
        target = Target(record)
    }
}
