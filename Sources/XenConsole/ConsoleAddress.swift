import Channel

/// The PV console that carries a channel, and where its nodes are in xenstore
/// (libxl_console.c, libxl_device.c).
public struct ConsoleAddress: Equatable, Sendable {
    public let domid: UInt32
    /// The console's number; 0 is the guest's primary console, which no channel has.
    public let number: UInt32

    /// The console of a channel.
    public init(domid: UInt32, devid: Int32) {
        self.domid = domid
        number = UInt32(devid) + 1
    }

    /// The console with a number; nil for the primary console, and for what is
    /// no console's number.
    public init?(domid: UInt32, number: UInt64) {
        guard number >= 1, number <= UInt64(Int32.max) else { return nil }
        self.domid = domid
        self.number = UInt32(number)
    }

    /// The console that a directory's entry stands for; nil for the primary
    /// console and for what is no console's number.
    public init?(domid: UInt32, entry: Bytes) {
        guard let number = canonicalNumber(entry) else { return nil }
        self.init(domid: domid, number: number)
    }

    public var devid: Int32 { Int32(number) - 1 }

    /// The domain's own directory.
    public var domain: Bytes { ConsoleAddress.domain(domid) }
    // Paths are made in many places: inlined, they would be a twentieth of the library.

    /// The toolstack's own record, which the guest cannot write.
    public var record: Bytes {
        @inline(never) get { ConsoleAddress.records(of: domid) / number }
    }
    /// The channel's summary, and what else libxl is not to see. A NONE or PATH
    /// channel has no `name` besides it: libxl's list fails as a whole on a
    /// connection that it does not know, and passes over consoles without a name.
    public var hiddenRecord: Bytes {
        var path = record
        path.append("/xlchannel")
        return path
    }
    /// Where the record names the character device of QEMU that carries the channel.
    public var chardevRecord: Bytes { hiddenRecord / "chardev" }
    public var frontend: Bytes {
        @inline(never) get { ConsoleAddress.frontends(of: domid) / number }
    }

    @inline(never)
    public func backend(in backendDomid: UInt32) -> Bytes {
        ConsoleAddress.backends(in: backendDomid) / domid / number
    }

    /// A domain's own directory.
    public static func domain(_ domid: UInt32) -> Bytes {
        Bytes("/local/domain") / domid
    }

    /// The directory of all the records of a domain's consoles.
    public static func records(of domid: UInt32) -> Bytes {
        var path = Bytes("/libxl") / domid
        path.append("/device/console")
        return path
    }

    /// The directory of a guest's frontends.
    public static func frontends(of domid: UInt32) -> Bytes {
        domain(domid) / "device" / "console"
    }

    /// The directory of all the backends in a domain.
    public static func backends(in domid: UInt32) -> Bytes {
        domain(domid) / "backend" / "console"
    }

    /// The domain that a backend's path lies in; nil for any other path
    /// (libxl__backendpath_parse_domid).
    public static func domid(ofBackend path: Bytes) -> UInt32? {
        let prefix = Bytes("/local/domain/").array
        guard path.array.starts(with: prefix) else { return nil }
        return domidNumber(path.array[prefix.count...].prefix { $0 != UInt8(ascii: "/") })
    }
}

/// The domid that some digits are; nil for anything else.
public func domidNumber(_ digits: some Collection<UInt8>) -> UInt32? {
    unsigned(digits).flatMap { UInt32(exactly: $0) }
}

/// The number that an entry of a directory is; nil for other names, "01" among them.
public func canonicalNumber(_ entry: Bytes) -> UInt64? {
    guard let number = unsigned(entry.array), entry.count == 1 || entry.array[0] != UInt8(ascii: "0") else { return nil }
    return number
}
