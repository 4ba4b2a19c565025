import Channel
import XenConsole
import XenStore

/// The reads that tell of one device, by their places in a batch.
struct DeviceNodes {
    let address: ConsoleAddress
    // The backend's,
    private let frontend, online, state, name, connection, path, type, error: Batch.Index
    // the guest's,
    private let guestState, guestType, ringReference, port: Batch.Index
    // and the guest itself.
    private let domain: Batch.Index

    /// Adds the reads to a batch.
    init(_ address: ConsoleAddress, in backendDomid: UInt32, asking batch: inout Batch) {
        self.address = address
        let backend = address.backend(in: backendDomid)
        let guests = address.frontend
        frontend = batch.read(backend / BackendNode.frontend)
        online = batch.read(backend / BackendNode.online)
        state = batch.read(backend / BackendNode.state)
        name = batch.read(backend / BackendNode.name)
        connection = batch.read(backend / BackendNode.connection)
        path = batch.read(backend / BackendNode.path)
        type = batch.read(backend / BackendNode.type)
        error = batch.read(backend / BackendNode.error)
        guestState = batch.read(guests / FrontendNode.state)
        guestType = batch.read(guests / FrontendNode.type)
        ringReference = batch.read(guests / FrontendNode.ringReference)
        port = batch.read(guests / FrontendNode.port)
        domain = batch.read(address.domain)
    }

    /// What the replies say; nil when the backend's directory is not there.
    func reading(_ replies: Replies) -> DeviceReading? {
        // What may not be read is as good as not there.
        func value(_ index: Batch.Index) -> Bytes? { (try? replies.value(index)) ?? nil }
        guard let own = value(state) else { return nil }
        let word = value(connection)
        var ring: RingLocation?
        if let reference = value(ringReference).flatMap({ unsigned($0.array) }).flatMap({ UInt32(exactly: $0) }),
            let port = value(port).flatMap({ unsigned($0.array) }).flatMap({ UInt32(exactly: $0) })
        {
            ring = RingLocation(reference: reference, port: port)
        }
        return DeviceReading(
            description: DeviceDescription(
                name: value(name) ?? Bytes(), connection: Connection(word: word, path: value(path)),
                word: word ?? Bytes()),
            observation: Observation(
                guest: XenbusState(value(guestState)), own: XenbusState(own),
                online: value(online)?.isEqual(to: "1") == true, ring: ring),
            // Version 0.1.0 told it in the frontend alone, which a guest may remove.
            isForUs: ConsoleType(value(type) ?? value(guestType)) == .xenchanneld && value(frontend) == address.frontend,
            error: value(error),
            isDomainGone: replies.isMissing(domain))
    }
}

/// What xenstore says of one device.
struct DeviceReading {
    var description: DeviceDescription
    var observation: Observation
    /// Whether this daemon is to serve it.
    var isForUs: Bool
    var error: Bytes?
    /// The guest is gone, though its backend is there.
    var isDomainGone: Bool
}
