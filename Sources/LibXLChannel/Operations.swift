// The operations on a domain's channels, once for both families' structs.
import CXen
import Channel
import ChannelJSON
import Toolstack
import XenStore

/// The operations over the process's connection to xenstored.
var toolstack: Toolstack<Store> { Toolstack(Store()) }

/// Closes the xenstore connection and frees the last error when the library is unloaded (DT_FINI).
@_cdecl("xlchannel_unload")
public func xlchannel_unload() {
    Store.close()
    forgetLastErrors()
}

/// `_list`: a malloc'd array; NULL with `*num` 0 for an empty list and on error.
/// Only an error sets errno.
func list<Struct: ChannelStruct>(
    _ domid: UInt32, _ num: UnsafeMutablePointer<CInt>?, where isListed: (Channel) -> Bool = { _ in true }
) -> UnsafeMutablePointer<Struct>? {
    guard let num else {
        _ = nullArgument()
        setErrno(EINVAL)
        return nil
    }
    num.pointee = 0
    // An empty list leaves errno alone; xenstore calls may have changed it.
    let number = __errno_location().pointee
    do throws(ChannelError) {
        defer { setErrno(number) }
        let channels = try toolstack.channels(of: domid).filter(isListed)
        return try cArray(channels.count, num) { (index) throws(ChannelError) in
            Struct(try ChannelRecord(channels[index]))
        }
    } catch {
        log(XTL_ERROR, domid: domid, error.message)
        setErrno(error.number)
        return nil
    }
}

/// `_getinfo`.
func info<Struct: ChannelStruct>(
    _ domid: UInt32, _ channel: UnsafePointer<Struct>?, _ info: UnsafeMutablePointer<libxl_channelinfo>?
) -> CInt {
    guard let info else { return nullArgument() }
    initialise(info, ChannelInfoRecord().released)
    guard let channel else { return nullArgument() }
    return result(domid: domid) { () throws(ChannelError) in
        let record = channel.pointee.record
        let found = try toolstack.info(record.devid, of: domid)
        info.pointee = try ChannelInfoRecord(found, record.kind).released
    }
}

/// Fills a struct with the channel that `find` finds; on error the struct is initialised.
func lookUp<Struct: ChannelStruct>(
    _ domid: UInt32, _ channel: UnsafeMutablePointer<Struct>?,
    _ find: () throws(ChannelError) -> Channel
) -> CInt {
    guard let channel else { return nullArgument() }
    Struct.initialise(channel)
    return result(domid: domid) { () throws(ChannelError) in
        channel.pointee = Struct(try ChannelRecord(try find()))
    }
}

/// `_add` and `channels_add`: all of the structs or none. Devids and backend
/// domids are written back.
func add<Struct: ChannelStruct>(
    _ ctx: OpaquePointer?, _ domid: UInt32, _ channels: UnsafeMutablePointer<Struct>?, _ count: CInt,
    isArray: Bool, _ how: UnsafePointer<libxl_asyncop_how>?
) -> CInt {
    guard channels != nil || (isArray && count == 0) else { return nullArgument() }
    guard count >= 0 else { return negativeNumber() }
    return asynchronously(how, domid: domid, ctx) { () throws(ChannelError) in
        guard let channels, count > 0 else { return }
        var requests: [ChannelRequest] = []
        for index in 0..<Int(count) {
            do throws(ChannelError) {
                requests.append(try ChannelRequest(channels[index].record))
            } catch {
                throw isArray ? named(error, at: index) : error
            }
        }
        let added: [AddedChannel]
        do throws(ChannelError) {
            added = try toolstack.add(requests, to: domid)
        } catch {
            throw isArray ? named(error, at: error.position) : error
        }
        for (index, place) in added.enumerated() {
            channels[index].devid = place.devid
            channels[index].backend_domid = place.backendDomid
            if place.collidesInLinux {
                log(XTL_WARN, domid: domid,
                    "\(channelTitle(name: requests[index].name, devid: place.devid)): console \(place.devid + 1) clashes with another console: Linux compares only the last digit")
            }
        }
    }
}

/// The error with the array position of its channel before the message.
private func named(_ error: ChannelError, at position: Int?) -> ChannelError {
    guard let position else { return error }
    return error.about("channels[\(position)]")
}

/// `_remove` and `_destroy`: the channel with the struct's devid or, if that is
/// -1, with its name.
func remove<Struct: ChannelStruct>(
    _ ctx: OpaquePointer?, _ domid: UInt32, _ channel: UnsafeMutablePointer<Struct>?,
    _ how: UnsafePointer<libxl_asyncop_how>?,
    _ operation: (Int32) throws(ChannelError) -> Void
) -> CInt {
    guard let channel else { return nullArgument() }
    return asynchronously(how, domid: domid, ctx) { () throws(ChannelError) in
        let record = channel.pointee.record
        if record.devid != -1 { return try operation(record.devid) }
        guard let name = record.name else {
            throw ChannelError(.invalid, "neither a devid nor a name is given")
        }
        try operation(namedChannel(name, of: domid).devid)
    }
}

/// A domain's channel by its name; errors name it.
@inline(never)
func namedChannel(_ name: UnsafePointer<CChar>, of domid: UInt32) throws(ChannelError) -> Channel {
    let name = Bytes(cString: name)
    do throws(ChannelError) {
        return try toolstack.channel(named: name, of: domid)
    } catch {
        throw error.kind == .notFound ? error : error.about("channel \(name)")
    }
}

extension ChannelRequest {
    /// A request from a C struct, checked.
    init(_ record: ChannelRecord) throws(ChannelError) {
        let name = record.name.map { Bytes(cString: $0) }
        var backend = Backend.domid(record.backendDomid)
        if let domname = record.backendDomname, domname.pointee != 0 {
            backend = .name(Bytes(cString: domname))
        }
        do throws(ChannelError) {
            try self.init(
                devid: record.devid == -1 ? nil : record.devid, name: name, backend: backend,
                kind: record.kind, path: record.path.map { Bytes(cString: $0) })
        } catch {
            throw error.about(channelTitle(name: name ?? Bytes(), devid: record.devid == -1 ? nil : record.devid))
        }
    }
}

/// The channels of a domain config document, as a malloc'd array.
func channelsFromJSON<Struct: ChannelStruct>(
    _ channels: UnsafeMutablePointer<UnsafeMutablePointer<Struct>?>?, _ num: UnsafeMutablePointer<CInt>?,
    _ json: UnsafePointer<CChar>?
) -> CInt {
    channels?.pointee = nil
    num?.pointee = 0
    guard let channels, let num, let json else { return nullArgument() }
    return parsed("the channels of a libxl_domain_config") { () throws(ChannelError) in
        let records = try domainConfigChannels(json, Struct.shape)
        do throws(ChannelError) {
            channels.pointee = try cArray(records.count, num) { (index) throws(ChannelError) in
                Struct(records[index])
            }
        } catch {
            for record in records { record.freeTexts() }
            throw error
        }
    }
}

/// A document with the channels, malloc'd.
func channelsToJSON<Struct: ChannelStruct>(
    _ channels: UnsafePointer<Struct>?, _ num: CInt
) -> CText? {
    guard num >= 0, num == 0 || channels != nil else {
        _ = num < 0 ? negativeNumber() : nullArgument()
        return nil
    }
    return jsonTextOrLog("the channels of a libxl_domain_config") { generator in
        generateDomainConfig(Int(num), generator) { index, generator in
            channels![index].record.generate(Struct.shape, generator)
        }
    }
}

/// For a negative number of structs: ERROR_INVAL.
private func negativeNumber() -> CInt {
    invalid("the number of channels is negative")
}

private func setErrno(_ number: CInt) {
    __errno_location().pointee = number
}
