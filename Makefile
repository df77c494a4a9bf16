# Thin: each target installs what is missing, configures and builds a preset, then does its job.
PRESET ?= ci
BUILD := build/$(PRESET)
CONFIGURED := $(BUILD)/.configured
PEERS := build/peers/.installed
JOBS ?= $(shell nproc)

.DEFAULT_GOAL := help
.PHONY: help setup configure build demo test bench table fmt python-path clean

help: ## say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14
	@echo "PRESET=$(PRESET) chooses the preset: dev, release, ci, asan, tsan, tidy"

setup: ## install what building needs: Debian packages and .venv
	@.ci/setup

# The preset is applied once and again when it changes; otherwise the build system notices by itself.
$(CONFIGURED): CMakePresets.json | setup
	@cmake --preset $(PRESET) > /dev/null
	@touch $@

configure: setup $(CONFIGURED)

build: configure ## build everything of the preset
	@cmake --build $(BUILD) --parallel $(JOBS)

demo: configure ## show what gatewright says about one bad and one healthy rollout
	@cmake --build $(BUILD) --parallel $(JOBS) --target gatewright
	@PATH="$(CURDIR)/$(BUILD)/bin:$$PATH" bindings/cli/demo.sh

test: configure ## build, then run every test and every check
	@.ci/test $(PRESET)

# The peers are for benchmarks only: they stay out of .venv.
$(PEERS): tests/bench/requirements.txt | setup
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade \
	  --target $(@D) --requirement $<
	@touch $@

bench: configure $(PEERS) ## measure gatewright and its peers in turns (10 min); docs/performance.md
	@cmake --build $(BUILD) --parallel $(JOBS) --target gatewright_benches gatewright _core
	@.venv/bin/python tests/bench/report.py $(BUILD)
	@echo "== prices"; .venv/bin/python tests/bench/prices.py $(BUILD)/bench

table: configure ## play every gate test in healthy and harmful worlds (20 min); docs/methods/gate_table.md
	@cmake --build $(BUILD) --parallel $(JOBS) --target _core
	@PYTHONPATH="$(CURDIR)/$(BUILD)/python" .venv/bin/python docs/gate_table.py

fmt: setup ## format every source
	@.ci/sources cpp | xargs -r -0 clang-format -i
	@.ci/sources python | xargs -r -0 .venv/bin/ruff check --quiet --fix-only
	@.ci/sources python | xargs -r -0 .venv/bin/ruff format --quiet

python-path: configure ## build the Python module and print the PYTHONPATH that imports it
	@cmake --build $(BUILD) --parallel $(JOBS) --target _core > /dev/null
	@echo "$(CURDIR)/$(BUILD)/python"

clean: ## remove every build tree
	rm -rf build
