import CLibc
import System

/// The process's connection to xenstored, shared by all of its threads.
///
/// It opens at the first use, again after a failure, and again in a child
/// after fork().
public struct Store: BatchRunner {
    public init() {}

    public func run(_ batch: Batch) throws(StoreError) -> Replies {
        try run(batch, until: .now + StoreConnection.timeLimit)
    }

    /// Runs a batch. When xenstored was restarted since the last one, the
    /// batch goes to the new xenstored, if nothing in it could take effect twice.
    ///
    /// A transaction ends with the connection that began it, which another
    /// thread's batch may have broken: to a new one all of its requests would be
    /// for nodes that are not there.
    ///
    /// Waiting for other threads' batches counts: when xenstored hangs, each
    /// thread fails by its own deadline, not one after another.
    public func run(_ batch: Batch, until deadline: Instant) throws(StoreError) -> Replies {
        try lock(until: deadline)
        defer { pthread_mutex_unlock(&mutex) }
        if batch.transaction != .none {
            guard current() != nil, transactionGeneration == generation else { throw .disconnected(0) }
        }
        let replies = try runAnywhere(batch, until: deadline)
        if batch.beginsTransaction { transactionGeneration = generation }
        return replies
    }

    private func runAnywhere(_ batch: Batch, until deadline: Instant) throws(StoreError) -> Replies {
        if let connection = current() {
            do throws(StoreError) {
                return try connection.run(batch, until: deadline)
            } catch {
                if connection.descriptor < 0 { replace(with: nil) }
                guard case .disconnected = error, batch.isHarmless, batch.transaction == .none else {
                    throw error
                }
            }
        }
        let connection = try StoreConnection.open(patience: deadline.fromNow)
        replace(with: connection)
        do throws(StoreError) {
            return try connection.run(batch, until: deadline)
        } catch {
            if connection.descriptor < 0 { replace(with: nil) }
            throw error
        }
    }

    public func waiter() throws(StoreError) -> StoreConnection {
        try .open()
    }

    public func exclusively(until deadline: Instant, _ body: () throws(StoreError) -> Void) throws(StoreError) {
        try lock(&transactionMutex, until: deadline)
        defer { pthread_mutex_unlock(&transactionMutex) }
        try body()
    }

    /// Closes the connection, until the next use.
    public static func close() {
        pthread_mutex_lock(&mutex)
        Store().replace(with: nil)
        pthread_mutex_unlock(&mutex)
    }

    private func lock(until deadline: Instant) throws(StoreError) {
        try lock(&mutex, until: deadline)
        if !forkIsHandled {
            forkIsHandled = pthread_atfork(nil, nil, { forgetConnection() }) == 0
        }
    }

    private func lock(_ mutex: UnsafeMutablePointer<pthread_mutex_t>, until deadline: Instant) throws(StoreError) {
        var time = deadline.asTimespec
        guard pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &time) == 0 else { throw .timedOut }
    }

    private func current() -> StoreConnection? {
        connection?.takeUnretainedValue()
    }

    private func replace(with new: StoreConnection?) {
        connection?.release()
        connection = new.map { Unmanaged.passRetained($0) }
        generation &+= 1
        connectionDescriptor = new?.descriptor ?? -1
    }
}

// Statically initialised; guarded by the mutex.
nonisolated(unsafe) private var mutex = pthread_mutex_t()
nonisolated(unsafe) private var transactionMutex = pthread_mutex_t()
nonisolated(unsafe) private var forkIsHandled = false
nonisolated(unsafe) private var connection: Unmanaged<StoreConnection>?
nonisolated(unsafe) private var connectionDescriptor: Int32 = -1
/// The parent's connection, in a child: not leaked, but left alone.
nonisolated(unsafe) private var parentsConnection: Unmanaged<StoreConnection>?
/// Counts the connections, and which of them the last transaction began on:
/// `exclusively` lets only one be under way.
nonisolated(unsafe) private var generation: UInt64 = 0
nonisolated(unsafe) private var transactionGeneration: UInt64 = 0

/// In a child after fork(): the parent goes on with the connection. Another
/// thread may have been amid a batch, so its object is left alone, not released.
private func forgetConnection() {
    mutex = pthread_mutex_t()
    transactionMutex = pthread_mutex_t()
    parentsConnection = connection
    connection = nil
    if connectionDescriptor >= 0 { _ = CLibc.close(connectionDescriptor) }
    connectionDescriptor = -1
}
