import CYajl
import Channel

/// The array `"channels"` of a libxl_domain_config document; everything else
/// in it is passed over. The texts are malloc'd, the caller's.
///
/// - Throws: `.failed`, with the channel's position, when one is malformed;
///   then nothing is left allocated.
public func domainConfigChannels(
    _ text: UnsafePointer<CChar>, _ shape: Shape
) throws(ChannelError) -> [ChannelRecord] {
    var document = DocumentReader(shape.schema, elementsOf: "channels")
    return try channels(text, shape, &document, onlyObjects: false)
}

/// The same, with `document` left to tell where the array was. `onlyObjects`
/// makes an element that is no object an error, which libxl takes as an empty one.
func channels(
    _ text: UnsafePointer<CChar>, _ shape: Shape, _ document: inout DocumentReader, onlyObjects: Bool
) throws(ChannelError) -> [ChannelRecord] {
    var records: [ChannelRecord] = []
    do throws(ChannelError) {
        try parse(text, &document) { (index, members) throws(ChannelError) in
            records.append(ChannelRecord())
            do throws(ChannelError) {
                if onlyObjects, !members.pointee.isMap { throw ChannelError(.failed, "not an object") }
                try records[index].take(shape, members)
            } catch {
                throw error.about("channels[\(index)]")
            }
        }
        return records
    } catch {
        for record in records { record.freeTexts() }
        throw error
    }
}

/// Writes a document with the array `"channels"`, which is left out when empty.
public func generateDomainConfig(
    _ count: Int, _ generator: yajl_gen, _ channel: (Int, yajl_gen) -> yajl_gen_status
) -> yajl_gen_status {
    var writer = Writer(generator)
    writer.beginMap()
    if count > 0 {
        writer.literal("channels")
        writer.beginArray()
        for index in 0..<count { writer.write { channel(index, $0) } }
        writer.endArray()
    }
    writer.endMap()
    return writer.status
}
