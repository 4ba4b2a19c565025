// The operations, for the released struct.
import CXen
import Channel
import Toolstack

@_cdecl("libxl_device_channel_list") @implementation
public func libxl_device_channel_list(
    _ ctx: OpaquePointer!, _ domid: UInt32, _ num: UnsafeMutablePointer<CInt>!
) -> UnsafeMutablePointer<libxl_device_channel>! {
    list(domid, num)
}

@_cdecl("libxl_device_channel_list_free") @implementation
public func libxl_device_channel_list_free(_ list: UnsafeMutablePointer<libxl_device_channel>!, _ num: CInt) {
    freeArray(list, num)
}

@_cdecl("libxl_device_channel_getinfo") @implementation
public func libxl_device_channel_getinfo(
    _ ctx: OpaquePointer!, _ domid: UInt32, _ channel: UnsafePointer<libxl_device_channel>!,
    _ channelinfo: UnsafeMutablePointer<libxl_channelinfo>!
) -> CInt {
    let code = info(domid, channel, channelinfo)
    // Even a number that stands for no connection is given back.
    if code == 0 { channelinfo.pointee.connection = channel.pointee.connection }
    return code
}

@_cdecl("libxl_devid_to_device_channel") @implementation
public func libxl_devid_to_device_channel(
    _ ctx: OpaquePointer!, _ domid: UInt32, _ devid: CInt, _ channel: UnsafeMutablePointer<libxl_device_channel>!
) -> CInt {
    lookUp(domid, channel) { () throws(ChannelError) in try toolstack.channel(devid, of: domid) }
}

@_cdecl("libxl_name_to_device_channel") @implementation
public func libxl_name_to_device_channel(
    _ ctx: OpaquePointer!, _ domid: UInt32, _ name: UnsafePointer<CChar>!,
    _ channel: UnsafeMutablePointer<libxl_device_channel>!
) -> CInt {
    lookUp(domid, channel) { () throws(ChannelError) in
        guard let name else { throw ChannelError(.invalid, "no name is given") }
        return try namedChannel(name, of: domid)
    }
}

@_cdecl("libxl_device_channel_add") @implementation
public func libxl_device_channel_add(
    _ ctx: OpaquePointer!, _ domid: UInt32, _ channel: UnsafeMutablePointer<libxl_device_channel>!,
    _ ao_how: UnsafePointer<libxl_asyncop_how>!
) -> CInt {
    add(ctx, domid, channel, 1, isArray: false, ao_how)
}

@_cdecl("libxl_device_channels_add") @implementation
public func libxl_device_channels_add(
    _ ctx: OpaquePointer!, _ domid: UInt32, _ d_config: UnsafeMutablePointer<libxl_domain_config>!,
    _ ao_how: UnsafePointer<libxl_asyncop_how>!
) -> CInt {
    guard let d_config else { return nullArgument() }
    return add(ctx, domid, d_config.pointee.channels, d_config.pointee.num_channels, isArray: true, ao_how)
}

@_cdecl("libxl_device_channel_remove") @implementation
public func libxl_device_channel_remove(
    _ ctx: OpaquePointer!, _ domid: UInt32, _ channel: UnsafeMutablePointer<libxl_device_channel>!,
    _ ao_how: UnsafePointer<libxl_asyncop_how>!
) -> CInt {
    remove(ctx, domid, channel, ao_how) { (devid) throws(ChannelError) in try toolstack.remove(devid, of: domid) }
}

@_cdecl("libxl_device_channel_destroy") @implementation
public func libxl_device_channel_destroy(
    _ ctx: OpaquePointer!, _ domid: UInt32, _ channel: UnsafeMutablePointer<libxl_device_channel>!,
    _ ao_how: UnsafePointer<libxl_asyncop_how>!
) -> CInt {
    remove(ctx, domid, channel, ao_how) { (devid) throws(ChannelError) in try toolstack.destroy(devid, of: domid) }
}

@_cdecl("libxl_domain_config_channels_from_json") @implementation
public func libxl_domain_config_channels_from_json(
    _ ctx: OpaquePointer!, _ channels: UnsafeMutablePointer<UnsafeMutablePointer<libxl_device_channel>?>!,
    _ num: UnsafeMutablePointer<CInt>!, _ json: UnsafePointer<CChar>!
) -> CInt {
    channelsFromJSON(channels, num, json)
}

@_cdecl("libxl_domain_config_channels_to_json") @implementation
public func libxl_domain_config_channels_to_json(
    _ ctx: OpaquePointer!, _ channels: UnsafePointer<libxl_device_channel>!, _ num: CInt
) -> UnsafeMutablePointer<CChar>! {
    channelsToJSON(channels, num)
}
