# SPDX-License-Identifier: GPL-2.0-only OR MIT
# meson underneath; see README.md.

BUILD = build/demo
export FILE ?= $(BUILD)/examples/edu

all: $(BUILD)/build.ninja
	@ninja --quiet -C $(BUILD)

# A file through a device, every byte compared, and what it could not reach.
demo: all
	@$(BUILD)/examples/edu "$$FILE"

# All tests: gcc, clang, ASan with UBSan, TSan.
check: deps-check
	@tools/check

# What apt installs for both.
deps:
	@tools/deps check

$(BUILD)/build.ninja: | deps-demo
	@meson setup $(BUILD) -Dtests=false >/dev/null

deps-demo:
	@tools/deps --missing demo

deps-check:
	@tools/deps --missing check

clean:
	rm -rf build

.PHONY: all demo check deps deps-demo deps-check clean
