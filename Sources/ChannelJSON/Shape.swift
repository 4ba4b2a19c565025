import CYajl
import Channel

/// The shape of a channel in JSON: that of the released or the posted struct.
public enum Shape: Sendable {
    case released, posted

    var schema: Schema {
        switch self {
        case .released: Schema(ReleasedKey.self)
        case .posted: Schema(PostedKey.self)
        }
    }
}

extension ChannelRecord {
    /// Writes the record into `generator`, in libxl's order and format.
    public func generate(_ shape: Shape, _ generator: yajl_gen) -> yajl_gen_status {
        switch shape {
        case .released: generateReleased(generator)
        case .posted: generatePosted(generator)
        }
    }

    /// Fills an initialised record from a JSON text.
    ///
    /// On error the members that libxl evaluates before the bad one are filled.
    public mutating func parse(_ shape: Shape, _ text: UnsafePointer<CChar>) throws(ChannelError) {
        var document = DocumentReader(shape.schema)
        try ChannelJSON.parse(text, &document) { (_, members) throws(ChannelError) in try take(shape, members) }
    }

    /// Fills an initialised record from a value of a parsed document.
    public mutating func parse(_ shape: Shape, _ value: yajl_val) throws(ChannelError) {
        try walk(value, shape.schema) { (members) throws(ChannelError) in try take(shape, members) }
    }

    /// - Parameter members: collected by the schema of `shape`.
    mutating func take(_ shape: Shape, _ members: UnsafeMutablePointer<MemberCollector>) throws(ChannelError) {
        switch shape {
        case .released: try take(ObjectReader<ReleasedKey>(members))
        case .posted: try take(ObjectReader<PostedKey>(members))
        }
    }
}
