// The operations, for the posted struct.
import CXen
import CXenV2
import Channel
import Toolstack

@_cdecl("libxl_device_channel_v2_list") @implementation
public func libxl_device_channel_v2_list(
    _ ctx: OpaquePointer!, _ domid: UInt32, _ num: UnsafeMutablePointer<CInt>!
) -> UnsafeMutablePointer<libxl_device_channel_v2>! {
    list(domid, num) { channel in
        if channel.connection != .unknown { return true }
        log(XTL_WARN, domid: domid,
            "channel \(channel.devid) (\(channel.name)) is left out of the list: libxl_channel_type has no value for its connection")
        return false
    }
}

@_cdecl("libxl_device_channel_v2_list_free") @implementation
public func libxl_device_channel_v2_list_free(
    _ list: UnsafeMutablePointer<libxl_device_channel_v2>!, _ num: CInt
) {
    freeArray(list, num)
}

@_cdecl("libxl_device_channel_v2_getinfo") @implementation
public func libxl_device_channel_v2_getinfo(
    _ ctx: OpaquePointer!, _ domid: UInt32, _ channel: UnsafePointer<libxl_device_channel_v2>!,
    _ channelinfo: UnsafeMutablePointer<libxl_channelinfo>!
) -> CInt {
    info(domid, channel, channelinfo)
}

@_cdecl("libxl_device_channel_v2_add") @implementation
public func libxl_device_channel_v2_add(
    _ ctx: OpaquePointer!, _ domid: UInt32, _ channel: UnsafeMutablePointer<libxl_device_channel_v2>!,
    _ ao_how: UnsafePointer<libxl_asyncop_how>!
) -> CInt {
    add(ctx, domid, channel, 1, isArray: false, ao_how)
}

@_cdecl("libxl_device_channels_v2_add") @implementation
public func libxl_device_channels_v2_add(
    _ ctx: OpaquePointer!, _ domid: UInt32, _ channels: UnsafeMutablePointer<libxl_device_channel_v2>!,
    _ num_channels: CInt, _ ao_how: UnsafePointer<libxl_asyncop_how>!
) -> CInt {
    add(ctx, domid, channels, num_channels, isArray: true, ao_how)
}

@_cdecl("libxl_device_channel_v2_remove") @implementation
public func libxl_device_channel_v2_remove(
    _ ctx: OpaquePointer!, _ domid: UInt32, _ channel: UnsafeMutablePointer<libxl_device_channel_v2>!,
    _ ao_how: UnsafePointer<libxl_asyncop_how>!
) -> CInt {
    remove(ctx, domid, channel, ao_how) { (devid) throws(ChannelError) in try toolstack.remove(devid, of: domid) }
}

@_cdecl("libxl_device_channel_v2_destroy") @implementation
public func libxl_device_channel_v2_destroy(
    _ ctx: OpaquePointer!, _ domid: UInt32, _ channel: UnsafeMutablePointer<libxl_device_channel_v2>!,
    _ ao_how: UnsafePointer<libxl_asyncop_how>!
) -> CInt {
    remove(ctx, domid, channel, ao_how) { (devid) throws(ChannelError) in try toolstack.destroy(devid, of: domid) }
}

@_cdecl("libxl_domain_config_channels_v2_from_json") @implementation
public func libxl_domain_config_channels_v2_from_json(
    _ ctx: OpaquePointer!, _ channels: UnsafeMutablePointer<UnsafeMutablePointer<libxl_device_channel_v2>?>!,
    _ num: UnsafeMutablePointer<CInt>!, _ json: UnsafePointer<CChar>!
) -> CInt {
    channelsFromJSON(channels, num, json)
}

@_cdecl("libxl_domain_config_channels_v2_to_json") @implementation
public func libxl_domain_config_channels_v2_to_json(
    _ ctx: OpaquePointer!, _ channels: UnsafePointer<libxl_device_channel_v2>!, _ num: CInt
) -> UnsafeMutablePointer<CChar>! {
    channelsToJSON(channels, num)
}
