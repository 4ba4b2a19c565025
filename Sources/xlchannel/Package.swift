// swift-tools-version: 6.1
import PackageDescription

// The command is a package of its own: it is built after the shared library,
// which it links with (the Makefile says where that is), and what it depends on
// is no concern of those who depend on the library.
let package = Package(
    name: "xlchannel-command",
    products: [.executable(name: "xlchannel", targets: ["xlchannel"])],
    dependencies: [.package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")],
    targets: [
        .systemLibrary(name: "CXLChannel", path: "CXLChannel"),
        .executableTarget(
            name: "xlchannel",
            dependencies: ["CXLChannel", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            path: ".", exclude: ["CXLChannel"]),
    ],
    swiftLanguageModes: [.v6]
)
