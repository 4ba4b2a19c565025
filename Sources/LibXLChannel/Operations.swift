// The operations on a domain's channels, for the released struct.
import CLibc
import CXen
import Channel
import Toolstack
import XenStore

/// The operations over the process's connection to xenstored.
private var toolstack: Toolstack<Store> { Toolstack(Store()) }

/// Closes the xenstore connection when the library is unloaded (DT_FINI).
@_cdecl("xlchannel_unload")
public func xlchannel_unload() {
    Store.close()
}

@_cdecl("libxl_device_channel_list") @implementation
public func libxl_device_channel_list(
    _ ctx: OpaquePointer!, _ domid: UInt32, _ num: UnsafeMutablePointer<CInt>!
) -> UnsafeMutablePointer<libxl_device_channel>! {
    guard let num else {
        setErrno(EINVAL)
        return nil
    }
    num.pointee = 0
    do throws(ChannelError) {
        let channels = try toolstack.channels(of: domid)
        guard !channels.isEmpty else { return nil }
        return try cArray(channels, num)
    } catch {
        log(XTL_ERROR, domid: domid, error.message)
        setErrno(error.number)
        return nil
    }
}

/// The malloc'd array of C structs that `list` returns.
private func cArray(
    _ channels: [Channel], _ num: UnsafeMutablePointer<CInt>
) throws(ChannelError) -> UnsafeMutablePointer<libxl_device_channel> {
    guard let memory = calloc(channels.count, MemoryLayout<libxl_device_channel>.stride) else {
        throw ChannelError(.noMemory, "no memory for a list of channels")
    }
    let list = memory.assumingMemoryBound(to: libxl_device_channel.self)
    var count: CInt = 0
    for channel in channels {
        do throws(ChannelError) {
            list[Int(count)] = try ChannelRecord(channel).released
            count += 1
        } catch {
            libxl_device_channel_list_free(list, count)
            throw error
        }
    }
    num.pointee = count
    return list
}

@_cdecl("libxl_device_channel_list_free") @implementation
public func libxl_device_channel_list_free(_ list: UnsafeMutablePointer<libxl_device_channel>!, _ num: CInt) {
    guard let list else { return }
    for index in 0..<max(0, Int(num)) { libxl_device_channel_dispose(list + index) }
    free(list)
}

@_cdecl("libxl_device_channel_getinfo") @implementation
public func libxl_device_channel_getinfo(
    _ ctx: OpaquePointer!, _ domid: UInt32, _ channel: UnsafePointer<libxl_device_channel>!,
    _ channelinfo: UnsafeMutablePointer<libxl_channelinfo>!
) -> CInt {
    guard let channel, let channelinfo else { return ERROR_INVAL.rawValue }
    libxl_channelinfo_init(channelinfo)
    return result(domid: domid) { () throws(ChannelError) in
        let info = try toolstack.info(channel.pointee.devid, of: domid)
        let kind = ConnectionKind(channel.pointee.connection)
        channelinfo.pointee = try ChannelInfoRecord(info, kind).released
        channelinfo.pointee.connection = channel.pointee.connection
    }
}

@_cdecl("libxl_devid_to_device_channel") @implementation
public func libxl_devid_to_device_channel(
    _ ctx: OpaquePointer!, _ domid: UInt32, _ devid: CInt, _ channel: UnsafeMutablePointer<libxl_device_channel>!
) -> CInt {
    guard let channel else { return ERROR_INVAL.rawValue }
    libxl_device_channel_init(channel)
    return result(domid: domid) { () throws(ChannelError) in
        channel.pointee = try ChannelRecord(toolstack.channel(devid, of: domid)).released
    }
}

@_cdecl("libxl_name_to_device_channel") @implementation
public func libxl_name_to_device_channel(
    _ ctx: OpaquePointer!, _ domid: UInt32, _ name: UnsafePointer<CChar>!,
    _ channel: UnsafeMutablePointer<libxl_device_channel>!
) -> CInt {
    guard let name, let channel else { return ERROR_INVAL.rawValue }
    libxl_device_channel_init(channel)
    return result(domid: domid) { () throws(ChannelError) in
        let found = try toolstack.channel(named: Bytes(cString: name), of: domid)
        channel.pointee = try ChannelRecord(found).released
    }
}

@_cdecl("libxl_device_channel_add") @implementation
public func libxl_device_channel_add(
    _ ctx: OpaquePointer!, _ domid: UInt32, _ channel: UnsafeMutablePointer<libxl_device_channel>!,
    _ ao_how: UnsafePointer<libxl_asyncop_how>!
) -> CInt {
    guard let channel else { return ERROR_INVAL.rawValue }
    return asynchronously(ao_how, domid: domid, ctx) { () throws(ChannelError) in
        let request = try ChannelRequest(ChannelRecord(channel.pointee))
        let added = try toolstack.add([request], to: domid)[0]
        if added.collidesInLinux {
            log(XTL_WARN, domid: domid,
                "channel \(added.devid) (\(request.name)): a Linux guest takes its device number from the last digit of console \(added.devid + 1), which another console has")
        }
        channel.pointee.devid = added.devid
        channel.pointee.backend_domid = added.backendDomid
    }
}

extension ChannelRequest {
    /// Checks what a C struct says.
    init(_ record: ChannelRecord) throws(ChannelError) {
        let domname = record.backendDomname.map { Bytes(cString: $0) }
        do throws(ChannelError) {
            try self.init(
                devid: record.devid == -1 ? nil : record.devid,
                name: record.name.map { Bytes(cString: $0) },
                backend: domname.map { $0.isEmpty ? .domid(record.backendDomid) : .name($0) }
                    ?? .domid(record.backendDomid),
                kind: record.kind,
                path: record.path.map { Bytes(cString: $0) })
        } catch {
            let name = record.name.map { Bytes(cString: $0) } ?? Bytes()
            throw ChannelError(error.kind, "channel \(record.devid) (\(name)): \(error.message)")
        }
    }
}

@_cdecl("libxl_device_channel_remove") @implementation
public func libxl_device_channel_remove(
    _ ctx: OpaquePointer!, _ domid: UInt32, _ channel: UnsafeMutablePointer<libxl_device_channel>!,
    _ ao_how: UnsafePointer<libxl_asyncop_how>!
) -> CInt {
    guard let channel else { return ERROR_INVAL.rawValue }
    return asynchronously(ao_how, domid: domid, ctx) { () throws(ChannelError) in
        try toolstack.destroy(devid(of: ChannelRecord(channel.pointee), in: domid), of: domid)
    }
}

@_cdecl("libxl_device_channel_destroy") @implementation
public func libxl_device_channel_destroy(
    _ ctx: OpaquePointer!, _ domid: UInt32, _ channel: UnsafeMutablePointer<libxl_device_channel>!,
    _ ao_how: UnsafePointer<libxl_asyncop_how>!
) -> CInt {
    guard let channel else { return ERROR_INVAL.rawValue }
    return asynchronously(ao_how, domid: domid, ctx) { () throws(ChannelError) in
        try toolstack.destroy(devid(of: ChannelRecord(channel.pointee), in: domid), of: domid)
    }
}

/// The devid that a struct names: its own, or that of the channel with its name.
private func devid(of record: ChannelRecord, in domid: UInt32) throws(ChannelError) -> Int32 {
    if record.devid != -1 { return record.devid }
    guard let name = record.name else { throw ChannelError(.invalid, "neither a devid nor a name is given") }
    return try toolstack.channel(named: Bytes(cString: name), of: domid).devid
}

private func setErrno(_ number: CInt) {
    __errno_location().pointee = number
}
