// swift-tools-version: 6.1
import PackageDescription

// XLCHANNEL_EMBEDDED=1 (set by the Makefile) builds what ships: Embedded Swift,
// whole modules, no runtime library. Without it the same sources build as
// ordinary Swift, with no unsafe flags, for tests, sanitizers and dependants.
let embedded = Context.environment["XLCHANNEL_EMBEDDED"] == "1"

func shipped(_ optimisation: String...) -> [SwiftSetting] {
    embedded
        ? [.unsafeFlags([
            "-enable-experimental-feature", "Embedded", "-wmo", "-Xcc", "-fPIC",
            "-Xfrontend", "-function-sections",
        ] + optimisation)]
        : []
}
// A file imports what it uses, so that its imports tell what it depends on.
let common: [SwiftSetting] = [.enableUpcomingFeature("MemberImportVisibility")]
// Optimise JSON and rings for speed. The rest waits for xenstored, and needs no
// copy of each function for each closure that it is called with.
let fast = common + shipped("-O")
let small = common + shipped("-Osize", "-Xllvm", "-sil-disable-pass=closure-specialize")

let package = Package(
    name: "xlchannel",
    products: [
        .library(name: "LibXLChannel", type: .static, targets: ["LibXLChannel"]),
        .library(name: "Backend", type: .static, targets: ["Backend"]),
        .executable(name: "xenchanneld", targets: ["xenchanneld"]),
    ],
    targets: [
        .systemLibrary(name: "CLibc"),
        .systemLibrary(name: "CYajl", pkgConfig: "yajl", providers: [.apt(["libyajl-dev"])]),
        .systemLibrary(name: "CXen", providers: [.apt(["libxen-dev"])]),
        .systemLibrary(name: "CXenIO", providers: [.apt(["libxen-dev"])]),
        .systemLibrary(name: "CXenV2", providers: [.apt(["libxen-dev"])]),
        .target(name: "System", dependencies: ["CLibc"], swiftSettings: small),
        .target(name: "Channel", dependencies: ["System", "CLibc"], swiftSettings: small),
        .target(name: "ChannelJSON", dependencies: ["Channel", "CLibc", "CYajl"], swiftSettings: fast),
        .target(name: "FileSystem", dependencies: ["System", "Channel", "CLibc"], swiftSettings: small),
        .target(name: "QMP", dependencies: ["System", "Channel", "ChannelJSON", "FileSystem", "CLibc", "CYajl"], swiftSettings: small),
        .target(name: "XenStore", dependencies: ["System", "Channel", "FileSystem", "CLibc"], swiftSettings: small),
        .target(name: "XenConsole", dependencies: ["Channel"], swiftSettings: small),
        .target(
            name: "Backend",
            dependencies: ["System", "Channel", "ChannelJSON", "FileSystem", "XenStore", "XenConsole", "CLibc", "CXenIO"],
            swiftSettings: fast,
            linkerSettings: [.linkedLibrary("xengnttab"), .linkedLibrary("xenevtchn")]),
        .executableTarget(
            name: "xenchanneld", dependencies: ["Backend", "System", "Channel", "FileSystem", "XenStore", "CLibc", "CXenIO"],
            swiftSettings: small),
        .target(
            name: "Toolstack",
            dependencies: ["System", "Channel", "ChannelJSON", "FileSystem", "QMP", "XenStore", "XenConsole", "CLibc"],
            swiftSettings: small),
        .target(
            name: "LibXLChannel",
            dependencies: ["System", "Channel", "ChannelJSON", "Toolstack", "XenStore", "CLibc", "CYajl", "CXen", "CXenV2"],
            exclude: ["libxlchannel.map.in"],
            swiftSettings: small),
        .testTarget(name: "SystemTests", dependencies: ["System", "CLibc"], path: "Tests/unit/SystemTests"),
        .testTarget(name: "ChannelTests", dependencies: ["Channel", "ChannelJSON", "CLibc"], path: "Tests/unit/ChannelTests"),
        .testTarget(name: "FileSystemTests", dependencies: ["System", "FileSystem", "CLibc", "Channel"], path: "Tests/unit/FileSystemTests"),
        .testTarget(name: "QMPTests", dependencies: ["QMP", "Channel"], path: "Tests/unit/QMPTests"),
        .testTarget(name: "XenStoreTests", dependencies: ["System", "XenStore", "Channel", "CLibc"], path: "Tests/unit/XenStoreTests"),
        .testTarget(name: "XenConsoleTests", dependencies: ["Channel", "XenConsole"], path: "Tests/unit/XenConsoleTests"),
        .testTarget(
            name: "BackendTests", dependencies: ["System", "Channel", "FileSystem", "XenStore", "XenConsole", "Backend", "CLibc", "CXenIO"],
            path: "Tests/unit/BackendTests"),
        .testTarget(name: "ToolstackTests", dependencies: ["System", "Toolstack", "XenStore", "XenConsole", "Channel", "CLibc"], path: "Tests/unit/ToolstackTests"),
    ],
    swiftLanguageModes: [.v6]
)

// The functions over bytes that `make fuzz` links with libFuzzer.
if Context.environment["XLCHANNEL_FUZZ"] == "1" {
    package.products.append(.library(name: "Fuzz", type: .static, targets: ["Fuzz"]))
    package.targets.append(
        .target(
            name: "Fuzz",
            dependencies: [
                "System", "Channel", "ChannelJSON", "QMP", "XenStore", "XenConsole", "Backend", "Toolstack", "CLibc", "CXenIO",
                "CYajl",
            ],
            path: "Tests/fuzz/targets", swiftSettings: common))
}
