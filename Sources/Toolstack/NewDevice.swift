import Channel
import XenConsole
import XenStore

/// A channel that is to be added, and who is to serve it.
struct ChannelPlan {
    let request: ChannelRequest
    let backendDomid: UInt32
    var program = ServingProgram.xenchanneld

    /// How messages name it.
    var title: Text { request.title }
    /// Whether libxl can make it again, with a QEMU in domain 0.
    var isForLibXL: Bool { request.connection.kind.isKnownToLibXL && backendDomid == 0 }
}

/// The nodes of one console device, as libxl and this library write them.
struct NewDevice {
    let plan: ChannelPlan
    let console: ConsoleAddress

    var channel: Channel {
        Channel(
            devid: console.devid, name: plan.request.name, backendDomid: plan.backendDomid,
            connection: plan.request.connection)
    }
    var backend: Bytes { console.backend(in: plan.backendDomid) }
    /// How messages name it.
    var title: Text { channel.title }

    /// Adds the requests that create the device, in state 1 at both ends.
    func write(_ batch: inout Batch) {
        // A leftover of a device that was not removed in order.
        batch.remove(console.frontend)
        batch.remove(backend)
        writeRecord(&batch)
        writeFrontend(&batch)
        writeBackend(&batch)
    }

    private var backendNodes: [(BackendNode, Bytes)] {
        [
            (.frontend, console.frontend), (.frontendDomid, Bytes(decimal: console.domid)), (.online, "1"),
            (.state, XenbusState.initialising.value), (.lineProtocol, "vt100"),
        ]
    }

    private var identity: [(BackendNode, Bytes)] {
        var nodes: [(BackendNode, Bytes)] = [
            (.name, plan.request.name), (.connection, Bytes(plan.request.connection.kind.word)),
        ]
        if let path = plan.request.connection.path { nodes.append((.path, path)) }
        return nodes
    }

    private func writeRecord(_ batch: inout Batch) {
        batch.write(console.record / "backend", backend)
        write(backendNodes, in: console.record, &batch)
        if plan.request.connection.kind.isKnownToLibXL { write(identity, in: console.record, &batch) }
        batch.write(console.hiddenRecord, channel.summary)
        if let chardev = plan.program.chardev { batch.write(console.chardevRecord, chardev.id) }
    }

    private func writeFrontend(_ batch: inout Batch) {
        let frontend = console.frontend
        // A node inherits the permissions that its directory has then. First
        // come those that the guest must not write. `tty` is there even when
        // empty, so that a backend in a driver domain may write it.
        batch.makeDirectory(frontend)
        batch.setPermissions(frontend, ofBackend)
        batch.write(frontend / FrontendNode.name, plan.request.name)
        batch.write(frontend / FrontendNode.limit, "1048576")
        batch.write(frontend / FrontendNode.type, Bytes(plan.program.type.word))
        batch.write(frontend / FrontendNode.output, plan.program.output(plan.request.connection))
        batch.write(frontend / FrontendNode.terminal, plan.program.terminal)
        batch.setPermissions(frontend, ofGuest)
        batch.write(frontend / FrontendNode.backend, backend)
        batch.write(frontend / FrontendNode.backendDomid, Bytes(decimal: plan.backendDomid))
        batch.write(frontend / FrontendNode.state, XenbusState.initialising.value)
        batch.write(frontend / FrontendNode.lineProtocol, "vt100")
    }

    private func writeBackend(_ batch: inout Batch) {
        batch.makeDirectory(backend)
        batch.setPermissions(backend, ofBackend)
        write(backendNodes, in: backend, &batch)
        write(identity, in: backend, &batch)
        // The guest may remove its frontend's directory, and what it says.
        if plan.program == .xenchanneld { batch.write(backend / BackendNode.type, Bytes(plan.program.type.word)) }
    }

    private func write(_ nodes: [(BackendNode, Bytes)], in directory: Bytes, _ batch: inout Batch) {
        for (node, value) in nodes { batch.write(directory / node, value) }
    }

    private var ofGuest: [Permission] { [Permission(.none, console.domid), Permission(.read, plan.backendDomid)] }
    private var ofBackend: [Permission] { [Permission(.none, plan.backendDomid), Permission(.read, console.domid)] }
}
