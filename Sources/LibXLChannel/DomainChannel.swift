// libxl_domain_channel: the channels of all domains; and domains by name.
import CXen
import Channel
import Toolstack

@_cdecl("libxl_domain_channel_list") @implementation
public func libxl_domain_channel_list(
    _ ctx: OpaquePointer!, _ list: UnsafeMutablePointer<UnsafeMutablePointer<libxl_domain_channel>?>!,
    _ num: UnsafeMutablePointer<CInt>!
) -> CInt {
    list?.pointee = nil
    num?.pointee = 0
    guard let list, let num else { return nullArgument() }
    return result { () throws(ChannelError) in
        let channels = try toolstack.channelsOfAllDomains()
        list.pointee = try cArray(
            channels.count, num, free: { (array, count) in libxl_domain_channel_list_free(array, count) }
        ) { (index) throws(ChannelError) in
            libxl_domain_channel(
                domid: channels[index].domid,
                channel: libxl_device_channel(try ChannelRecord(channels[index].channel)))
        }
    }
}

@_cdecl("libxl_domain_channel_list_free") @implementation
public func libxl_domain_channel_list_free(_ list: UnsafeMutablePointer<libxl_domain_channel>!, _ num: CInt) {
    guard let list else { return }
    for index in 0..<max(0, Int(num)) { list[index].channel.dispose() }
    free(list)
}

@_cdecl("libxl_channel_domain_qualifier_to_domid") @implementation
public func libxl_channel_domain_qualifier_to_domid(
    _ ctx: OpaquePointer!, _ name: UnsafePointer<CChar>!, _ domid: UnsafeMutablePointer<UInt32>!
) -> CInt {
    guard let name, let domid else { return nullArgument() }
    guard name.pointee != 0 else { return invalid("the domain's name is empty") }
    return result { () throws(ChannelError) in domid.pointee = try toolstack.domid(of: Bytes(cString: name)) }
}
