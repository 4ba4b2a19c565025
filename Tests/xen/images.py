"""Makes the images of the nested Xen host from Debian packages.

Everything is cached under one directory: `deb/` holds the packages as downloaded, `root-KEY/` the files unpacked from
them, `image-KEY/` the finished images. A key is made of the packages' names and versions (and, for images, of the
files in Tests/xen that go into them), so a new version of anything makes new images and nothing else does.

    xen         the hypervisor, uncompressed
    vmlinux     dom0's kernel, uncompressed (unpacking xz under emulation costs seconds)
    dom0.img    dom0's root file system, with the guest's in it; `run_archive` makes what is appended for each run
"""

import hashlib
import lzma
import os
import re
import shutil
import stat
import struct
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent

XEN = "usr/lib/xen-4.17"
XEN_PROGRAMS = ("libxl-save-helper", "lsevtchn", "xen-init-dom0", "xenconsole", "xenconsoled", "xenstored", "xl")
XENSTORE_PROGRAMS = ("chmod", "exists", "list", "ls", "read", "rm", "watch", "write")
FIRMWARE = ("kvmvapic.bin", "linuxboot.bin", "linuxboot_dma.bin", "keymaps")
DOM0_MODULES = ("xen/xen-evtchn", "xen/xen-gntdev", "xen/xen-gntalloc", "xen/xen-privcmd", "xen/xenfs/xenfs",
                "net/xen-netback/xen-netback")
GUEST_MODULES = ("xen/xen-evtchn", "xen/xen-gntdev", "xen/xen-gntalloc", "xen/xen-privcmd", "xen/xenfs/xenfs")
GUEST_OPTIONS = "console=hvc0 quiet loglevel=3 rdinit=/init mitigations=off"
HVM_OPTIONS = "pci=noearly iommu=off"       # spare the guest some slow probing of emulated hardware
PYTHON_UNUSED = re.compile(r"/(test|idlelib|lib2to3|tkinter|turtle.*|pydoc_data|ensurepip|distutils|asyncio|curses|dbm|"
                           r"email|sqlite3|wsgiref|xml|xmlrpc|multiprocessing|concurrent|config-.*)(/|$)|\.pyc$")


# Directories that are links into /usr in the images.
MERGED = re.compile(r"^(bin|sbin|lib|lib64)/")


class ImageError(Exception):
    """Something that the images are made of is missing."""


def output(*command):
    """What a command prints."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env={**os.environ, "LC_ALL": "C"})
    if result.returncode:
        raise ImageError(f"{' '.join(command)}: {result.stderr.strip()}")
    return result.stdout


def words(path):
    """The words of a list file, without its comments."""
    return [word for line in path.read_text().splitlines() for word in line.split("#")[0].split()]


def digest(*parts):
    """A short key for the given strings and files."""
    total = hashlib.sha256()
    for part in parts:
        total.update(part.read_bytes() if isinstance(part, Path) else part.encode())
        total.update(b"\0")
    return total.hexdigest()[:12]


# Packages

def closure(roots):
    """The packages named by `roots`, and every library that they depend on, as {name: version}."""
    names = [root.lstrip("*") for root in roots]
    graph, package = {}, None
    for line in output("apt-cache", "depends", "--recurse", "--no-recommends", "--no-suggests", "--no-conflicts",
                       "--no-breaks", "--no-replaces", "--no-enhances", *names).splitlines():
        if not line.startswith(" "):
            package = graph.setdefault(line, [])
        elif "Depends:" in line:
            package.append(line.split(":", 1)[1].strip())

    wanted, queue = set(), []
    for root in roots:
        if root.startswith("*"):
            queue += [name for name in graph[root[1:]] if name.startswith("linux-image-")][:1]
        else:
            queue.append(root)
    while queue:
        name = queue.pop()
        if name not in wanted:
            wanted.add(name)
            queue += [other for other in graph[name] if re.match(r"lib|zlib1g", other) and other in graph]

    versions = {}
    for entry in output("apt-cache", "show", "--no-all-versions", *sorted(wanted)).split("\n\n"):
        field = dict(re.findall(r"^(Package|Version): (.*)$", entry, re.M))
        if field:
            versions[field["Package"]] = field["Version"]
    missing = wanted - versions.keys()
    if missing:
        raise ImageError("no such package: " + " ".join(sorted(missing)))
    return versions


def packages(roots):
    """`closure`, after fetching apt's lists where the machine has none."""
    try:
        return closure(roots)
    except (ImageError, KeyError):
        output("apt-get", "update", "-qq")
        return closure(roots)


def download(versions, folder):
    """Brings each package into `folder`; its file's path by package name."""
    folder.mkdir(parents=True, exist_ok=True)

    def present():
        found = {}
        for path in folder.glob("*.deb"):
            name, version = path.name.replace("%3a", ":").split("_")[:2]
            if versions.get(name) == version:
                found[name] = path
        return found

    for attempt in (1, 2):
        missing = sorted(versions.keys() - present().keys())
        if missing:
            result = subprocess.run(["apt-get", "download", "-qq", *(f"{name}={versions[name]}" for name in missing)],
                                    cwd=folder, stderr=subprocess.PIPE, text=True)
            if result.returncode and attempt == 2:
                raise ImageError(f"apt-get download: {result.stderr.strip()}")
            if result.returncode:
                output("apt-get", "update", "-qq")
    return present()


def unpack(debs, root):
    """Unpacks the packages into one tree, of the kernels only what is used."""
    partial = root.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    modules = [f"*/kernel/drivers/{name}.ko" for name in set(DOM0_MODULES + GUEST_MODULES)]
    for name, deb in sorted(debs.items()):
        only = ["--wildcards", "./boot/vmlinuz*", *modules] if name.startswith("linux-image") else []
        tar = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "-C", partial, "--no-same-owner", *only], stdin=tar.stdout, check=True)
        tar.wait()
    partial.rename(root)


# Files for an image

class Archive:
    """A file tree in memory, written as the cpio archive (newc) that Linux takes as its first root."""

    def __init__(self):
        self.entries = {}

    def add(self, name, mode, data=b"", device=(0, 0)):
        """Adds one entry, and the directories above it."""
        name = MERGED.sub(r"usr/\1/", name.strip("/"))
        parent = os.path.dirname(name)
        if parent and parent not in self.entries:
            self.add(parent, stat.S_IFDIR | 0o755)
        self.entries[name] = (mode, data, device)

    def folder(self, name, mode=0o755):
        self.add(name, stat.S_IFDIR | mode)

    def text(self, name, content, mode=0o644):
        self.add(name, stat.S_IFREG | mode, content.encode())

    def link(self, name, target):
        self.add(name, stat.S_IFLNK | 0o777, target.encode())

    def file(self, name, source, mode=None):
        """Adds a file's content, following symbolic links."""
        source = Path(source)
        self.add(name, stat.S_IFREG | (mode or stat.S_IMODE(source.stat().st_mode)), source.read_bytes())

    def tree(self, name, source, skip=None):
        """Adds a directory and all below it, with symbolic links as they are."""
        source = Path(source)
        for path in sorted([source, *source.rglob("*")]):
            relative = "/" + str(path.relative_to(source))
            if skip and skip.search(relative):
                continue
            target = f"{name}/{path.relative_to(source)}" if path != source else name
            if path.is_symlink():
                self.link(target, os.readlink(path))
            elif path.is_dir():
                if not MERGED.match(target.strip("/") + "/") and target.strip("/"):
                    self.folder(target, stat.S_IMODE(path.stat().st_mode))
            elif path.is_file():
                self.file(target, path)

    def write(self, path):
        with open(path, "wb") as out:
            for number, (name, (mode, data, device)) in enumerate([*self.entries.items(), ("TRAILER!!!", (0, b"", (0, 0)))], 1):
                fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0)
                out.write(b"070701" + b"".join(b"%08X" % field for field in fields))
                for part in (name.encode() + b"\0", data):
                    out.write(part)
                    out.write(b"\0" * (-out.tell() % 4))
            out.write(b"\0" * (-out.tell() % 512))

    def add_libraries(self, search, present=()):
        """Adds the shared libraries that the archive's programs need and neither it nor `present` has."""
        have = {os.path.basename(name) for name in [*self.entries, *present]}
        queue = [data for mode, data, _ in self.entries.values() if data[:4] == b"\x7fELF"]
        while queue:
            for name in needed(queue.pop()):
                if name in have:
                    continue
                found = next((folder / name for folder in search if (folder / name).exists()), None)
                if found is None:
                    raise ImageError(f"no package has {name}")
                have.add(name)
                self.file(f"usr/lib/x86_64-linux-gnu/{name}", found)
                queue.append(found.read_bytes())


def needed(elf):
    """The shared libraries that an x86-64 ELF file names, the dynamic linker apart."""
    start, = struct.unpack_from("<Q", elf, 32)
    size, count = struct.unpack_from("<HH", elf, 54)
    headers = [struct.unpack_from("<IIQQQQQQ", elf, start + size * number) for number in range(count)]
    dynamic = next((header for header in headers if header[0] == 2), None)
    if elf[4] != 2 or dynamic is None:
        return []
    tags = list(struct.iter_unpack("<QQ", elf[dynamic[2]:dynamic[2] + dynamic[5] // 16 * 16]))
    address = next((value for tag, value in tags if tag == 5), 0)
    strings = next((address - virtual + offset for kind, _, offset, virtual, _, length, _, _ in headers
                    if kind == 1 and virtual <= address < virtual + length), 0)
    names = [elf[strings + value:elf.index(b"\0", strings + value)].decode() for tag, value in tags if tag == 1]
    return [name for name in names if not name.startswith("ld-linux")]


def library_folders(root):
    return [root / "usr/lib/x86_64-linux-gnu", root / "lib/x86_64-linux-gnu"]


def base(root):
    """What both root file systems have: busybox, a C library, the xenstore tools."""
    archive = Archive()
    for name in ("dev", "proc", "sys", "tmp", "run", "root", "etc", "usr/bin", "usr/sbin", "usr/lib/x86_64-linux-gnu", "var"):
        archive.folder(name)
    for name in ("bin", "sbin", "lib", "lib64"):
        archive.link(name, "usr/" + ("lib/x86_64-linux-gnu" if name == "lib64" else name))
    archive.link("var/run", "../run")
    archive.add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    archive.add("dev/null", stat.S_IFCHR | 0o666, device=(1, 3))
    archive.text("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
    archive.text("etc/group", "root:x:0:\ntty:x:5:\n")

    busybox = root / "bin/busybox"
    archive.file("usr/bin/busybox", busybox)
    for name in output(str(busybox), "--list").split():
        if name != "busybox":
            archive.link(f"usr/bin/{name}", "busybox")
    archive.file("usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", root / "lib64/ld-linux-x86-64.so.2")

    archive.file("usr/bin/xenstore", root / "usr/bin/xenstore")
    for name in XENSTORE_PROGRAMS:
        archive.link(f"usr/bin/xenstore-{name}", "xenstore")
    # Bytes that the guest sends and dom0 compares with.
    stream, state = bytearray(), b"channel"
    while len(stream) < 1 << 18:
        state = hashlib.sha256(state).digest()
        stream += state
    archive.add("usr/share/random", stat.S_IFREG | 0o644, bytes(stream))
    return archive


def kernel(root, flavour):
    """The path of a kernel, and of its modules."""
    found = [path for path in (root / "boot").glob("vmlinuz-*") if ("-cloud-" in path.name) == (flavour == "guest")]
    if len(found) != 1:
        raise ImageError(f"{len(found)} kernels for the {flavour}")
    return found[0], root / "lib/modules" / found[0].name.removeprefix("vmlinuz-") / "kernel/drivers"


def add_modules(archive, folder, names):
    for number, name in enumerate(names):
        archive.file(f"usr/lib/modules/{number}-{os.path.basename(name)}.ko", folder / f"{name}.ko")


def guest_image(root):
    """The guest's root file system."""
    archive = base(root)
    add_modules(archive, kernel(root, "guest")[1], GUEST_MODULES)
    archive.tree("guest", HERE / "guest")
    archive.link("init", "guest/init")
    for name in ("poweroff", "reboot"):     # what the kernel runs when the toolstack asks for it
        del archive.entries[f"usr/bin/{name}"]
        archive.text(f"usr/sbin/{name}", f"#!/bin/sh\nexec busybox {name} -f\n", 0o755)
    archive.add_libraries(library_folders(root))
    return archive


def dom0_image(root, guest):
    """dom0's root file system, with the guest's kernel and image in it."""
    archive = base(root)
    for name in ("var/lib/xen", "var/lib/xenstored", "var/log/xen/console", "run/xen", "run/xenstored"):
        archive.folder(name)
    for name in XEN_PROGRAMS:
        archive.file(f"{XEN}/bin/{name}", root / XEN / "bin" / name)
    archive.link("usr/sbin/xl", f"/{XEN}/bin/xl")
    for name in ("hvmloader", "xen-shim"):
        archive.file(f"{XEN}/boot/{name}", root / XEN / "boot" / name)
    archive.text("etc/xen/xl.conf", 'autoballoon="off"\n')
    archive.file("usr/libexec/xen-qemu-system-i386", root / "usr/libexec/xen-qemu-system-i386")
    archive.file("usr/share/seabios/bios-256k.bin", root / "usr/share/seabios/bios-256k.bin")
    for name in FIRMWARE:
        add = archive.tree if (root / "usr/share/qemu" / name).is_dir() else archive.file
        add(f"usr/share/qemu/{name}", root / "usr/share/qemu" / name)
    archive.file("usr/bin/socat", root / "usr/bin/socat")
    archive.file("usr/bin/python3.11", root / "usr/bin/python3.11")
    archive.link("usr/bin/python3", "python3.11")
    archive.tree("usr/lib/python3.11", root / "usr/lib/python3.11", PYTHON_UNUSED)
    add_modules(archive, kernel(root, "dom0")[1], DOM0_MODULES)
    archive.add("boot/guest-kernel", stat.S_IFREG | 0o644, padded(kernel(root, "guest")[0].read_bytes()))
    archive.file("boot/guest.img", guest)
    archive.text("boot/guest-options", GUEST_OPTIONS)
    archive.add("boot/hvm-disk", stat.S_IFREG | 0o644, boot_disk(root, kernel(root, "guest")[0], guest))
    archive.add_libraries(library_folders(root))
    return archive


def boot_disk(root, *files):
    """The start of an HVM guest's disk: GRUB, which boots the kernel and the initramfs that follow it on the disk.

    xl's `kernel=` would do without a disk, but then the firmware fetches the kernel byte by byte from an emulated
    port, which takes a minute here. From an AHCI disk it takes seconds.
    """
    grub = root / "usr/lib/grub/i386-pc"
    sectors = [len(padded(path.read_bytes())) // 512 for path in files]
    first = 512
    config = root.parent / "grub.cfg"
    config.write_text(f"linux (hd0){first}+{sectors[0]} {GUEST_OPTIONS} {HVM_OPTIONS}\n"
                      f"initrd (hd0){first + sectors[0]}+{sectors[1]}\nboot\n")
    core = root.parent / "core.img"
    output(str(root / "usr/bin/grub-mkimage"), "-O", "i386-pc", "-d", str(grub), "-p", "", "-c", str(config), "-o", str(core),
           "biosdisk", "linux", "boot")
    head = (grub / "boot.img").read_bytes() + core.read_bytes()
    config.unlink()
    core.unlink()
    if len(head) > first * 512:
        raise ImageError("GRUB is larger than its place on the disk")
    return head.ljust(first * 512, b"\0")


def padded(data):
    """The data in whole disk sectors."""
    return data + b"\0" * (-len(data) % 512)


def uncompressed_kernel(path):
    """The ELF file within a compressed kernel."""
    data = path.read_bytes()
    start = data.find(b"\xfd7zXZ\0")
    if start < 0:
        raise ImageError(f"{path.name} is not compressed with xz")
    return lzma.LZMADecompressor().decompress(data[start:])


def build(cache):
    """The directory with the images, made now if it is not there yet."""
    versions = packages(words(HERE / "packages.images"))
    listing = "".join(f"{name} {version}\n" for name, version in sorted(versions.items()))
    own = sorted(path for path in (HERE / "guest").rglob("*") if path.is_file())
    root = cache / f"root-{digest(listing)}"
    images = cache / f"image-{digest(listing, Path(__file__), *own)}"
    if images.is_dir():
        return images
    if not root.is_dir():
        print(f"xen: unpacking {len(versions)} packages", flush=True)
        unpack(download(versions, cache / "deb"), root)

    print("xen: making the images", flush=True)
    partial = images.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    hypervisor = next((root / "boot").glob("xen-*.gz"))
    (partial / "xen").write_bytes(subprocess.run(["gzip", "-dc", hypervisor], stdout=subprocess.PIPE, check=True).stdout)
    (partial / "vmlinux").write_bytes(uncompressed_kernel(kernel(root, "dom0")[0]))
    for name, make in (("guest", guest_image), ("dom0", lambda root: dom0_image(root, partial / "guest.img"))):
        archive = make(root)
        archive.write(partial / f"{name}.img")
        (partial / f"{name}.libraries").write_text("".join(f"{os.path.basename(entry)}\n" for entry in archive.entries if ".so" in entry))
    (partial / "packages").write_text(listing)
    partial.rename(images)
    for old in [*cache.glob("image-*"), *cache.glob("root-*")]:
        if old not in (images, root):
            shutil.rmtree(old)
    return images


def project_archive(folder, images, image):
    """The project's installed files, with the libraries that they need and the image lacks."""
    archive = Archive()
    if folder.is_dir():
        archive.tree("", folder)
    root = next(images.parent.glob("root-*"))
    archive.add_libraries([*library_folders(root), *library_folders(Path("/"))],
                          (images / f"{image}.libraries").read_text().split())
    return archive


def run_archive(folder, images, scenarios, trace, path):
    """What one boot adds to dom0.img: the project, also as an archive to add to a guest's image; dom0's part of the
    harness; and the scenarios to run, in order."""
    archive = project_archive(folder, images, "dom0")
    project_archive(folder, images, "guest").write(path)
    archive.file("boot/project.img", path)
    archive.tree("test", HERE / "dom0")
    archive.link("init", "test/init")
    for scenario in scenarios:
        archive.file(f"test/scenarios/{scenario.name}.sh", scenario.path)
    archive.text("test/list", "".join(f"{scenario.name} {scenario.timeout}\n" for scenario in scenarios))
    if trace:
        archive.text("test/trace", "")
    archive.write(path)
