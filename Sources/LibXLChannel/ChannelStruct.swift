// What the two families' channel structs have in common: each is a dialect of
// ChannelRecord, and everything else is written once, for both.
import CXen
import Channel
import ChannelJSON

/// A C struct for a channel.
protocol ChannelStruct {
    /// The struct's name in C, for messages.
    static var typeName: StaticString { get }
    static var shape: Shape { get }
    /// The discriminator that `_init` sets.
    static var initialKind: ConnectionKind { get }

    /// The struct that owns the texts of `record`.
    init(_ record: ChannelRecord)
    /// The struct's fields, its texts read in place.
    var record: ChannelRecord { get }
    /// Copies the discriminator's number, known or not.
    mutating func copyDiscriminator(of other: Self)

    var devid: libxl_devid { get set }
    var backend_domid: libxl_domid { get set }
}

extension ChannelStruct {
    /// What `_init` leaves.
    static var initial: Self {
        var record = ChannelRecord()
        record.kind = initialKind
        return Self(record)
    }

    /// `_init`.
    static func initialise(_ pointer: UnsafeMutablePointer<Self>) {
        LibXLChannel.initialise(pointer, initial)
    }

    /// `_dispose`: frees the texts and initialises the struct.
    mutating func dispose() {
        record.freeTexts()
        self = .initial
    }

    /// `_copy`: a struct with texts of its own.
    func copied() -> Self {
        var record = record
        record.backendDomname = duplicate(record.backendDomname)
        record.name = duplicate(record.name)
        record.path = duplicate(record.path)
        var copy = Self(record)
        copy.copyDiscriminator(of: self)
        return copy
    }

    /// `_from_json` and `_parse_json`: fills the struct from `source`, wholly or
    /// up to the error; without a source it is initialised.
    mutating func fill<Source>(
        from source: Source?, _ parse: (inout ChannelRecord, Source) throws(ChannelError) -> Void
    ) -> CInt {
        var record = Self.initial.record
        defer { self = Self(record) }
        guard let source else { return nullArgument() }
        return parsed(Self.typeName) { () throws(ChannelError) in try parse(&record, source) }
    }
}

/// Stores an initial value over zeros, so that padding is zero as libxl's memset leaves it.
func initialise<Struct>(_ pointer: UnsafeMutablePointer<Struct>, _ initial: Struct) {
    memset(pointer, 0, MemoryLayout<Struct>.size)
    pointer.pointee = initial
}

/// A malloc'd copy. Out of memory, it ends the program as libxl does: a copy that
/// silently lacks a text would be worse.
@inline(never)
func duplicate(_ text: CText?) -> CText? {
    guard let text else { return nil }
    guard let copy = strdup(text) else {
        log(XTL_CRITICAL, "out of memory to copy a text")
        abort()
    }
    return copy
}

extension ChannelRecord {
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
            freeTexts()
            throw ChannelError(.noMemory, "out of memory for a channel")
        }
    }
}

/// A malloc'd array of channel structs; see the general form.
func cArray<Struct: ChannelStruct>(
    _ count: Int, _ num: UnsafeMutablePointer<CInt>, _ element: (Int) throws(ChannelError) -> Struct
) throws(ChannelError) -> UnsafeMutablePointer<Struct>? {
    try cArray(count, num, free: { (array, count) in freeArray(array, count) }, element)
}

/// A malloc'd array of structs, and its length in `num`; NULL for none. `free`
/// frees what was made before an error.
func cArray<Struct>(
    _ count: Int, _ num: UnsafeMutablePointer<CInt>, free: (UnsafeMutablePointer<Struct>, CInt) -> Void,
    _ element: (Int) throws(ChannelError) -> Struct
) throws(ChannelError) -> UnsafeMutablePointer<Struct>? {
    num.pointee = 0
    guard count > 0 else { return nil }
    guard let length = CInt(exactly: count), let memory = calloc(count, MemoryLayout<Struct>.stride) else {
        throw ChannelError(.noMemory, "out of memory for a list of channels")
    }
    let list = memory.assumingMemoryBound(to: Struct.self)
    for index in 0..<count {
        do throws(ChannelError) {
            list[index] = try element(index)
        } catch {
            free(list, CInt(index))
            throw error
        }
    }
    num.pointee = length
    return list
}

/// `_list_free`: disposes of the structs and frees their array.
func freeArray<Struct: ChannelStruct>(_ list: UnsafeMutablePointer<Struct>?, _ num: CInt) {
    guard let list else { return }
    for index in 0..<max(0, Int(num)) { list[index].dispose() }
    free(list)
}
