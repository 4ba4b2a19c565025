import CLibc
import CXenIO
import Channel
import System

/// The signals that the daemon handles, which come by the event loop, in
/// between everything else.
public final class Signals {
    private let descriptor: Int32
    private var dispatch: Dispatch?

    /// Blocks them from now on.
    public init() throws(ChannelError) {
        var signals = sigset_t()
        sigemptyset(&signals)
        for signal in [SIGTERM, SIGINT, SIGHUP, SIGUSR1] { sigaddset(&signals, signal) }
        // What these tell, a write tells too: EPIPE, and EFBIG at a limit of a file's size.
        sigaddset(&signals, SIGPIPE)
        sigaddset(&signals, SIGXFSZ)
        sigprocmask(SIG_BLOCK, &signals, nil)
        sigdelset(&signals, SIGPIPE)
        sigdelset(&signals, SIGXFSZ)
        descriptor = try failing(as: "signalfd") { () throws(Errno) in
            try valueOrErrno(.open) { signalfd(-1, &signals, Int32(SFD_CLOEXEC | SFD_NONBLOCK)) }
        }
    }

    /// Calls `handle` with each signal's number.
    func listen(_ poller: Poller, _ handle: @escaping (Int32) -> Void) throws(Errno) {
        let dispatch = Dispatch(poller, descriptor) { [descriptor] _ in
            var information = signalfd_siginfo()
            let count = try? valueOrErrno(.read) { read(descriptor, &information, MemoryLayout<signalfd_siginfo>.size) }
            if count == MemoryLayout<signalfd_siginfo>.size { handle(Int32(information.ssi_signo)) }
        }
        self.dispatch = dispatch
        try dispatch.poll(for: .readable)
    }
}
