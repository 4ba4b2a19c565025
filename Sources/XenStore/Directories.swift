import CLibc
import Channel

/// The children of several nodes, those of each in the order of `paths`; none
/// where there is no such node, or where this domain may not look.
public struct Directories: Exchange {
    private let paths: [Bytes]
    private var indices: [Batch.Index] = []
    private var children: [[Bytes]] = []
    /// The positions of the directories that exceed one message, and the one under way.
    private var long: [Int] = []
    private var parts: DirectoryInParts?

    public init(_ paths: [Bytes]) {
        self.paths = paths
    }

    public mutating func next(_ replies: Replies?) throws(StoreError) -> ExchangeStep<[[Bytes]]> {
        guard !paths.isEmpty else { return .done([]) }
        guard let replies else {
            var batch = Batch()
            for path in paths { indices.append(batch.directory(path)) }
            return .send(batch)
        }
        if children.isEmpty {
            for index in indices { children.append(try listing(replies, index)) }
            return try nextLong(nil)
        }
        return try nextLong(replies)
    }

    private mutating func listing(_ replies: Replies, _ index: Batch.Index) throws(StoreError) -> [Bytes] {
        do throws(StoreError) {
            return try replies.children(index) ?? []
        } catch .refused(let number) {
            if number == E2BIG { long.append(children.count) }
            return []
        } catch {
            throw error
        }
    }

    private mutating func nextLong(_ replies: Replies?) throws(StoreError) -> ExchangeStep<[[Bytes]]> {
        var replies = replies
        while let position = long.last {
            var exchange = parts ?? DirectoryInParts(paths[position])
            // A second reference would make each part copy all of those before.
            parts = nil
            do throws(StoreError) {
                switch try exchange.next(replies) {
                case .send(let batch):
                    parts = exchange
                    return .send(batch)
                case .done(let names):
                    children[position] = names ?? []
                }
            } catch .refused {
                // As in a listing: one of them does not keep the others from being read.
            } catch {
                throw error
            }
            long.removeLast()
            replies = nil
        }
        return .done(children)
    }
}
