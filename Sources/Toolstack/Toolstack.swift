import CLibc
import Channel
import System
import XenStore

/// The operations on channels. A value without state but its way to xenstore.
public struct Toolstack<Runner: BatchRunner> {
    public let store: Runner
    /// How long a backend, or a guest, may take to do its part: libxl's
    /// LIBXL_DESTROY_TIMEOUT.
    var patience: Interval { .seconds(10) }

    public init(_ store: Runner) {
        self.store = store
    }

    /// Runs `body`, and says of a xenstore error that it came while `doing` that.
    func attempt<Result>(
        _ doing: @autoclosure () -> Text, _ body: () throws(StoreError) -> Result
    ) throws(ChannelError) -> Result {
        do throws(StoreError) {
            return try body()
        } catch {
            throw ChannelError(error, while: doing())
        }
    }
}

extension ChannelError {
    /// An error of xenstore, met while `doing` something.
    init(_ error: StoreError, while doing: Text) {
        let kind: Kind
        switch error {
        case .timedOut: kind = .timedOut
        case .disconnected(ENOMEM): kind = .noMemory
        case .refused, .disconnected, .protocolViolation, .tooLong: kind = .failed
        }
        self.init(kind, "\(doing): \(error.text)")
    }
}
