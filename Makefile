# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Shortcuts for meson and the scripts in tools/. README.md describes them.

BUILD = build/demo
export FILE ?= $(BUILD)/examples/edu

# Builds the library, the command coherent and the examples. Editors find compile_commands.json.
all: ask-tree $(BUILD)/build.ninja
	@ln -sfn $(BUILD)/compile_commands.json compile_commands.json
	@# After a reconfiguration ninja reports that it has no work, also with --quiet.
	@log=$$(ninja --quiet -C $(BUILD) 2>&1); status=$$?; \
		printf '%s\n' "$$log" | grep -v -e '^ninja: no work to do\.$$' -e '^$$'; exit $$status

# Sends a file and a disk image through devices and compares every byte. Then the devices try to
# reach memory that they must not reach.
demo: ask-tree deps-demo
	@# An earlier make may not have found what the demo needs.
	@[ ! -e $(BUILD)/build.ninja ] || [ -e $(BUILD)/command/coherent ] || \
		meson setup --reconfigure $(BUILD) >/dev/null
	@$(MAKE) --no-print-directory all
	@tools/demo $(BUILD) "$$FILE"

# Runs the tests that take seconds: with gcc, with ASan and UBSan, and with TSan. ALL=1 runs all
# tests, also with clang; WAYS=gcc runs one build only.
check: deps-$(if $(ALL),all,check)
	@tools/check $(if $(ALL),--all) $(WAYS)

# Builds the packages and the tarball, and installs, upgrades, uses and removes them in a chroot.
check-packages: ask-all
	@tools/check packages

# Runs the tests in VMs with other kernels and IOMMUs, and on other CPUs. The first run builds a
# kernel.
check-kernels: ask-kernels
	@tools/check kernels

# Makes a web site of the documents and the man pages in build/site. make deps-site installs what
# it needs.
site: ask-tree
	@tools/site/build.py --check
	@$(MAKE) --no-print-directory all
	@# An earlier make may not have found what the man pages need.
	@[ -e $(BUILD)/include/coherent.7 ] || { meson setup --reconfigure $(BUILD) >/dev/null && \
		ninja -C $(BUILD) >/dev/null; }
	@tools/site/build.py $(BUILD) build/site && echo "The front page is build/site/index.html."

# Compares the library with other allocators on this machine. Writes build/bench/bench.json.
bench: build-bench
	@tools/bench host build/bench

# Draws the result of make bench as docs/bench.svg.
bench-chart: ask-bench
	@tools/bench chart build/bench/bench.json docs/bench.svg

# Draws the objects of a test driver as docs/map.svg. It needs build/gcc, which make check makes.
picture:
	@[ -e build/gcc/build.ninja ] || { echo "build/gcc is missing: run make check" >&2; exit 2; }
	@ninja --quiet -C build/gcc tests/command/test-command-driver command/coherent
	@tools/picture build/gcc docs/map.svg

# Compares the kernel face with the DMA API and with Rust, in VMs. Writes
# build/bench/bench-kernel.json. The side in Rust needs what deps-kernels installs.
bench-kernel: ask-check
	@mkdir -p build/bench
	@tools/bench kernel build/bench

# Writes docs/rust.md from the result of make bench-kernel.
bench-rust:
	@tools/bench rust build/bench/bench-kernel.json docs

# Compares VFIO with raw ioctls, and an NVMe driver with raw pointers, in VMs. Writes
# build/bench/bench-vfio.json.
bench-vfio: build-bench ask-check
	@tools/bench vfio build/bench

# Compares devices in other processes with libblkio, libfabric and the bare protocol. Writes
# build/bench/bench-remote.json.
bench-remote: build-bench
	@tools/bench remote build/bench

# Writes the kernel face as patches for the kernel's own tree to build/series. The first run
# downloads the source of a kernel.
series: ask-check
	@rm -rf build/series
	@tools/series

FUZZ_SECONDS ?= 60
# Runs five fuzzers for FUZZ_SECONDS each: the calls of the library, and the messages of a
# vhost-user peer, of a vfio-user peer, of a client of a served device and of a QEMU. build/fuzz
# keeps their inputs for the next run. Two programs then make sequences of calls for as long.
fuzz: ask-check
	@tools/fuzz $(FUZZ_SECONDS)

PREFIX ?= /usr/local
export DESTDIR PREFIX
# Installs headers, libraries, man pages, and files for pkg-config and CMake. PREFIX and DESTDIR
# work as usual.
install: ask-tree ask-install ask-place all
	@meson configure $(BUILD) "-Dprefix=$$(realpath -ms -- "$$PREFIX")"
	@ninja -C $(BUILD) >/dev/null
	@meson install -C $(BUILD) --no-rebuild --quiet
	@# The loader looks for libraries in its cache, which only root can write.
	@[ -n "$$DESTDIR" ] || [ "$$(id -u)" != 0 ] || ldconfig || true

# Removes what make install has last installed. With another PREFIX it refuses.
uninstall:
	@tools/uninstall $(BUILD) $(if $(filter file default,$(origin PREFIX)),,"$$PREFIX")

# Builds the packages for Debian in build/deb. If something is missing for that, it says what.
deb:
	@tools/deb

# Writes the last commit as a tarball to build/dist.
dist:
	@tools/dist

# Installs the packages that demo, install and check need. deps-all, deps-bench, deps-site and
# deps-kernels install more. make demo and make check install what is missing for them. The other
# targets install no packages: they name what is missing.
deps:
	@tools/deps check

$(BUILD)/build.ninja: | ask-build
	@echo "building in $(BUILD), which takes a minute or two"
	@# The summary of meson names the parts that are not built, and why.
	@log=$$(meson setup $(BUILD) -Dtests=disabled -Dbench=disabled 2>&1); status=$$?; \
		printf '%s\n' "$$log" | sed -n -e 's/^ *\([^:]*[^: ]\) *:* *: no: /\1: no: /p' \
			-e '/ERROR: /p'; exit $$status

build-bench: ask-bench
	@[ -f build/bench/build.ninja ] || \
		meson setup build/bench -Dtests=disabled -Dbench-peers=enabled >/dev/null
	@ninja --quiet -C build/bench

deps-%:
	@tools/deps --missing $*

# The build folder has the path of the tree that it was configured for.
ask-tree:
	@# A machine without Python has no such folder.
	@[ ! -e $(BUILD)/meson-info ] || tools/same-tree $(BUILD)

ask-place:
	@tools/place

ask-%:
	@tools/deps --ask $*

# Removes everything that was built.
clean:
	rm -rf build compile_commands.json

# Lists the targets and the variables.
help:
	@awk '/^# / { text = text "    " substr($$0, 3) "\n"; next } \
		/^[a-z][a-z-]*:/ && text { sub(/:.*/, ""); printf "make %s\n%s", $$0, text } \
		{ text = "" }' Makefile
	@sed -n 's/^## //p' Makefile

## Variables, for instance make check ALL=1:
##     ALL=1               make check runs all tests.
##     WAYS="gcc asan"     make check runs only these ways. tools/check --help lists them.
##     FILE=README.md      make demo sends this file.
##     SUDO=sudo           This command installs packages if you are not root.
##     PREFIX=/usr         make install puts files there. The default is /usr/local.
##     DESTDIR=/tmp/root   make install puts this folder before each path.
##     FUZZ_SECONDS=600    make fuzz runs each fuzzer for so many seconds. The default is 60.

.PHONY: all demo check check-packages check-kernels bench bench-kernel bench-rust bench-vfio \
	bench-remote bench-chart picture site series fuzz install uninstall deb dist clean \
	build-bench ask-place ask-tree deps help
