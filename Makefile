# xlchannel: build, install and test. `make help` lists the targets.

VERSION := 0.1.0
SONAME  := libxlchannel.so.1

PREFIX     ?= /usr/local
LIBDIR     ?= $(PREFIX)/lib
SBINDIR    ?= $(PREFIX)/sbin
INCLUDEDIR ?= $(PREFIX)/include
UNITDIR    ?= $(PREFIX)/lib/systemd/system
DESTDIR    ?=

# What must be on the machine, by Debian's names.
PACKAGES      := build-essential pkg-config libxen-dev libyajl-dev \
                 git libcurl4 libncurses6 libsqlite3-0 libxml2 # for Swift itself
TEST_PACKAGES  = xen-utils-4.17 xenstore-utils valgrind socat systemd qemu-system-x86 python3 \
                 $(if $(filter /usr/bin/python3,$(PYTHON)),python3-pytest python3-hypothesis)
BENCH_PACKAGES := python3-matplotlib
XEN_PACKAGES   = $(shell grep -v '^\#' Tests/xen/packages)
# The python3 of the PATH if it has what the tests want, or else Debian's.
PYTHON        ?= $(shell python3 -c 'import pytest, hypothesis' 2>/dev/null && echo python3 || echo /usr/bin/python3)

COMMA   := ,
SWIFT   := $(shell command -v swift)
CLANG   := $(dir $(realpath $(SWIFT)))clang
BUILD   := .build
OBJECTS := $(BUILD)/embedded/release
LIBRARY := $(BUILD)/lib/$(SONAME)
DAEMON  := $(BUILD)/sbin/xenchanneld
SOURCES := Package.swift $(shell find Sources include -type f -not -path 'Sources/xlchannel/*')
# SwiftPM, clang and Foundation keep their caches, locks and temporary files here, not in the user's directories.
SWIFT_STATE := $(CURDIR)/$(BUILD)/swift
# The user's mirrors and registries still apply.
SWIFTPM_CONFIGURATION ?= $(firstword $(wildcard $(or $(XDG_CONFIG_HOME:=/swiftpm),$(HOME)/.swiftpm)/configuration) \
                                     $(SWIFT_STATE)/configuration)
SWIFT_RUN = TMPDIR=$(SWIFT_STATE)/tmp XDG_CACHE_HOME=$(SWIFT_STATE)/cache XDG_DATA_HOME=$(SWIFT_STATE)/data $(SWIFT)
SWIFTPM_PATHS = --cache-path $(SWIFT_STATE)/cache/org.swift.swiftpm --security-path $(SWIFT_STATE)/security \
                --config-path $(SWIFTPM_CONFIGURATION)
# The command, which alone needs what is not here (swift-argument-parser); empty: neither built nor installed.
COMMAND := $(BUILD)/sbin/xlchannel

.PHONY: all deps test-deps xen-deps check unit fuzz soak check-xen xen-overlay bench bench-check bench-programs bench-xen demo install uninstall clean help

all: $(LIBRARY) $(BUILD)/lib/libxlchannel.so $(DAEMON) $(COMMAND) ## build what ships

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

# In recipes, so that what is built can be installed by a root without Swift on its PATH.
need_swift = $(if $(SWIFT),,$(error there is no 'swift' on the PATH: install Swift 6.3 (https://www.swift.org/install) and put it there))

deps: ## install the missing Debian packages (as root), or name them
	$(need_swift)
	@Tests/packages $(PACKAGES)

test-deps:
	$(need_swift)
	@Tests/packages $(PACKAGES) $(TEST_PACKAGES)

xen-deps:
	@Tests/packages $(XEN_PACKAGES)

check: test-deps xen-deps ## run all tests, or some: make check PARTS="unit python"
	@PYTHON='$(PYTHON)' Tests/check $(PARTS)

unit: | $(SWIFT_STATE)/tmp ## run the unit tests; SANITIZE=address or thread
	$(need_swift)
	$(SWIFT_RUN) test --disable-xctest $(SWIFTPM_PATHS) \
	    $(if $(SANITIZE),--sanitize=$(SANITIZE) --scratch-path $(BUILD)/$(SANITIZE),--scratch-path $(BUILD))

# The ordinary build of what Tests/fuzz/targets depends on, optimised, with the assertions of a debug build. The runtime's
# libraries are found where Swift is.
fuzz: | $(SWIFT_STATE)/tmp ## fuzz for FUZZ_SECONDS each (20): make fuzz TARGET=wire FUZZ_SECONDS=3600
	$(need_swift)
	XLCHANNEL_FUZZ=1 $(SWIFT_RUN) build $(SWIFTPM_PATHS) -c release --scratch-path $(BUILD)/fuzz --product Fuzz \
	    $(foreach option,-sanitize=fuzzer$(COMMA)address -enable-testing -assert-config Debug,-Xswiftc $(option))
	$(SWIFT_RUN)c -sanitize=fuzzer,address -use-ld=lld -o $(BUILD)/fuzz/fuzzer $(BUILD)/fuzz/release/libFuzz.a \
	    -lyajl -lxengnttab -lxenevtchn
	Tests/fuzz/run $(or $(FUZZ_SECONDS),20) $(TARGET)

soak: all test-deps ## guests come and go, the daemon is killed, every byte is counted; SOAK_SECONDS=3600, XLCHANNEL_SEED
	@$(MAKE) --no-print-directory -s -f Tests/host/Makefile lib
	Tests/host/run --domains 20 $(PYTHON) Tests/soak/soak

check-xen: xen-overlay ## run the scenarios on a real, nested Xen, or some: make check-xen SCENARIOS=hotplug
	Tests/xen/run --overlay $(BUILD)/xen/overlay $(RUN_OPTIONS) $(SCENARIOS)

xen-overlay: all xen-deps
	@Tests/packages systemd
	rm -rf $(BUILD)/xen/overlay
	@$(MAKE) --no-print-directory install DESTDIR=$(BUILD)/xen/overlay PREFIX=/usr
	install -d $(BUILD)/xen/overlay/usr/lib/python3/dist-packages
	cp -r python/xlchannel $(BUILD)/xen/overlay/usr/lib/python3/dist-packages/
	install -d $(BUILD)/xen/overlay/usr/bin $(BUILD)/xen/overlay/usr/share/xlchannel
	cp examples/*.py $(BUILD)/xen/overlay/usr/share/xlchannel/
	Tests/support/confined --compile $(BUILD)/xen/overlay/usr/share/xlchannel
	@for program in examples/add examples/channels Tests/xen/channel; do \
	    $(CC) -Wall -Wextra -O1 -I$(BUILD)/xen/overlay/usr/include -o $(BUILD)/xen/overlay/usr/bin/$${program##*/} \
	        $$program.c -L$(BUILD)/xen/overlay/usr/lib -lxlchannel || exit; \
	done

bench: bench-programs ## measure ours and libxenlight in alternation; docs/performance.md tells more
	@Tests/packages $(BENCH_PACKAGES)
	bench/run $(BENCH_OPTIONS)

bench-check: bench-programs ## count instructions, and compare with bench/baseline.json
	bench/check

bench-programs: all
	$(need_swift)
	@Tests/packages $(PACKAGES) $(TEST_PACKAGES)
	@$(MAKE) --no-print-directory -s -f Tests/host/Makefile lib
	@$(MAKE) --no-print-directory -s -f bench/Makefile

bench-xen: xen-overlay ## measure xenchanneld and QEMU on a nested Xen
	install -D bench/xen/measure.py $(BUILD)/xen/overlay/usr/share/bench/measure.py
	Tests/xen/run --overlay $(BUILD)/xen/overlay --scenarios bench/xen
	@Tests/packages $(BENCH_PACKAGES)
	bench/run --add $(BUILD)/xen/log/01-backends.log $(BENCH_OPTIONS)

demo: all test-deps ## show the main job, on a machine without Xen
	@examples/demo

# Embedded Swift emits what it specialises from the standard library as weak
# copies; gc-sections drops what is not used.
# Swift gives data protected visibility, with which gcc's copy relocations do not link.
$(LIBRARY): $(OBJECTS)/libLibXLChannel.a $(BUILD)/lib/libxlchannel.map Makefile
	$(dir $(CLANG))llvm-objcopy $(foreach table,channel_connection channel_type,\
	    --set-symbol-visibility=libxl_$(table)_string_table=default) $< $(BUILD)/lib/libLibXLChannel.a
	$(CLANG) -shared -fuse-ld=lld -o $@ \
	    -Wl,-soname,$(SONAME) -Wl,--version-script=$(BUILD)/lib/libxlchannel.map \
	    -Wl,-z,defs -Wl,-z,relro -Wl,-z,now -Wl,--gc-sections -Wl,--icf=all -Wl,-Bsymbolic \
	    -Wl,-fini,xlchannel_unload -Wl,--strip-all \
	    -Wl,--whole-archive $(BUILD)/lib/libLibXLChannel.a -Wl,--no-whole-archive -lyajl -lm

$(DAEMON): $(OBJECTS)/libBackend.a Makefile
	@mkdir -p $(@D)
	$(CLANG) -fuse-ld=lld -pie -o $@ -Wl,--defsym=main=xenchanneld_main -Wl,-z,relro -Wl,-z,now -Wl,--gc-sections -Wl,--icf=all -Wl,--strip-all \
	    $(patsubst %,$(OBJECTS)/xenchanneld.build/%.o,$(notdir $(wildcard Sources/xenchanneld/*.swift))) \
	    $< -lxengnttab -lxenevtchn -lyajl -lm

$(OBJECTS)/libBackend.a: $(OBJECTS)/libLibXLChannel.a | $(SWIFT_STATE)/tmp
	@rm -f $@
	XLCHANNEL_EMBEDDED=1 $(SWIFT_RUN) build $(SWIFTPM_PATHS) -c release --scratch-path $(BUILD)/embedded --product Backend
	XLCHANNEL_EMBEDDED=1 $(SWIFT_RUN) build $(SWIFTPM_PATHS) -c release --scratch-path $(BUILD)/embedded --target xenchanneld
	@touch $@

# Ordinary Swift, with its runtime linked in: so is the C++ library that the runtime needs, which is found first in a
# directory where it has no shared version. The option is for clang, which Swift links with.
$(BUILD)/sbin/xlchannel: $(shell find Sources/xlchannel include -type f) Makefile | $(LIBRARY) $(BUILD)/lib/libxlchannel.so $(SWIFT_STATE)/tmp
	@mkdir -p $(@D) $(BUILD)/command/static
	ln -sf "$$($(CC) -print-file-name=libstdc++.a)" $(BUILD)/command/static/libstdc++.a
	$(SWIFT_RUN) build $(SWIFTPM_PATHS) --package-path Sources/xlchannel -c release --scratch-path $(BUILD)/command --product xlchannel \
	    --static-swift-stdlib --disable-local-rpath -Xswiftc -use-ld=lld -Xswiftc -Xclang-linker -Xswiftc -static-libgcc \
	    $(foreach option,-L$(CURDIR)/$(BUILD)/command/static -L$(CURDIR)/$(BUILD)/lib -z relro -z now --gc-sections -s,\
	        -Xlinker $(option))
	install -m 755 $(BUILD)/command/release/xlchannel $@

$(SWIFT_STATE)/tmp:
	@mkdir -p $@

$(BUILD)/lib/libxlchannel.so:
	@mkdir -p $(@D)
	ln -sf $(SONAME) $@

$(BUILD)/lib/libxlchannel.map: Sources/LibXLChannel/libxlchannel.map.in Makefile | $(OBJECTS)/libLibXLChannel.a
	@mkdir -p $(@D)
	sed 's/@XEN_VERSION@/$(shell pkg-config --modversion xenlight)/' $< > $@

$(OBJECTS)/libLibXLChannel.a: $(SOURCES) | $(SWIFT_STATE)/tmp
	$(need_swift)
	@Tests/packages $(PACKAGES)
	@rm -f $@ # an archive that is there keeps the objects of files that are not
	XLCHANNEL_EMBEDDED=1 $(SWIFT_RUN) build $(SWIFTPM_PATHS) -c release --scratch-path $(BUILD)/embedded --product LibXLChannel
	@touch $@

install: all ## install library, headers, daemon, command (PREFIX LIBDIR SBINDIR INCLUDEDIR UNITDIR DESTDIR)
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)
	install -m 755 $(LIBRARY) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libxlchannel.so
	install -d $(DESTDIR)$(SBINDIR)
	install -m 755 $(DAEMON) $(COMMAND) $(DESTDIR)$(SBINDIR)
	install -m 644 include/*.h $(DESTDIR)$(INCLUDEDIR)
	sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|; s|@VERSION@|$(VERSION)|' \
	    pkgconfig/xlchannel.pc.in > $(DESTDIR)$(LIBDIR)/pkgconfig/xlchannel.pc
	install -d $(DESTDIR)$(UNITDIR)
	sed 's|@SBINDIR@|$(SBINDIR)|' packaging/xenchanneld.service.in > $(DESTDIR)$(UNITDIR)/xenchanneld.service

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(SBINDIR)/xenchanneld $(DESTDIR)$(SBINDIR)/xlchannel $(DESTDIR)$(UNITDIR)/xenchanneld.service \
	    $(DESTDIR)$(LIBDIR)/$(SONAME) $(DESTDIR)$(LIBDIR)/libxlchannel.so \
	    $(DESTDIR)$(LIBDIR)/pkgconfig/xlchannel.pc \
	    $(patsubst include/%,$(DESTDIR)$(INCLUDEDIR)/%,$(wildcard include/*.h))

clean: ## remove everything built
	rm -rf $(BUILD)
