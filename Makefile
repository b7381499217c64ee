# The one task runner. `make help` lists what there is.
SHELL := /bin/sh
.DEFAULT_GOAL := help
CARGO ?= cargo
# Everything is built in the release profile and as one workspace, so that it is built once: another
# choice of packages would unify their features differently.
BUILD := $(CARGO) build --release --workspace
# With --all-targets it is the very build that the tests use, and nothing is built a second time.
TEST := $(CARGO) test --release --workspace --no-fail-fast
SERIAL := -- --test-threads=1 --nocapture
# Tests of parts with real processes, and the promises to the user; both have the machine to themselves.
PARTS := mediamtx program egress judge
PROMISES := bad_input chaos cuts encoder golive overlays avsync latency lifecycle preview secrets \
	sources failover isolation protocols

.PHONY: help setup setup-test build test check unit parts media demo smoke chaos soak bench \
	cuts-long failover-long avsync-long overlays-long golive-long isolation-long

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

setup: ## everything that running needs: Debian packages, MediaMTX, the page
	@packaging/setup.sh run

setup-test: ## what the tests need on top: nginx-rtmp, Chromium
	@packaging/setup.sh test

build: setup ## target/release/vistter-agent
	@$(BUILD)

test: setup-test ## everything a change has to pass
	@echo '== format, lints, rules'
	@$(MAKE) --no-print-directory check
	@echo '== unit tests'
	@$(MAKE) --no-print-directory unit
	@echo '== parts, with real FFmpeg, MediaMTX and nginx-rtmp'
	@$(MAKE) --no-print-directory parts
	@echo '== promises, with real cameras, destinations and a browser'
	@$(MAKE) --no-print-directory media

check: ## format, lints, layers, bans, licences, module docs, file sizes
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy --release --workspace --all-targets --quiet -- -D warnings
	@$(TEST) --test workspace

unit: ## tests without cameras
	@$(TEST) --lib --bins --test sync --test graphics --test kill --test store

parts: ## the parts against real processes
	@$(TEST) $(PARTS:%=--test %) $(SERIAL)

media: ## one file a promise; one alone: make media T=cuts
	@$(BUILD) --all-targets
	@$(TEST) $(if $(T),--test $(T),$(PROMISES:%=--test %)) $(SERIAL)

demo: setup ## three simulated cameras, two RTMP sinks, a two-minute show, a page
	@echo 'demo: building (the first time takes minutes)'
	@$(BUILD)
	@exec target/release/vistter-demo

smoke: setup ## the demo without a screen for a minute, checked; the exit code says
	@$(BUILD)
	@exec target/release/vistter-demo --check

chaos: setup-test ## ten minutes of faults with a viewer watching; SEED=n repeats, MINUTES=n
	@$(BUILD)
	@$(if $(SEED),SEED=$(SEED)) $(if $(MINUTES),MINUTES=$(MINUTES)) target/release/vistter-chaos chaos

soak: setup-test ## a fault each minute for MINUTES=n (60), figures at the end; SEED=n repeats
	@$(BUILD)
	@$(if $(SEED),SEED=$(SEED)) $(if $(MINUTES),MINUTES=$(MINUTES)) target/release/vistter-chaos soak

bench: setup-test ## against one plain FFmpeg, in the same run; QUICK=1 takes 3 minutes, CELL=name one cell
	@$(BUILD)
	@$(if $(QUICK),QUICK=1) $(if $(CELL),CELL=$(CELL)) target/release/vistter-bench

cuts-long: setup-test ## 200 cuts and 50 fades
	@VISTTER_LONG=1 $(MAKE) --no-print-directory media T=cuts

failover-long: setup-test ## 20 rounds of each way to lose a camera
	@VISTTER_LONG=1 $(MAKE) --no-print-directory media T=failover

avsync-long: setup-test ## three minutes of sound against picture
	@VISTTER_LONG=1 $(MAKE) --no-print-directory media T=avsync

overlays-long: setup-test ## 200 text changes
	@VISTTER_LONG=1 $(MAKE) --no-print-directory media T=overlays

golive-long: setup-test ## 20 times on air
	@VISTTER_LONG=1 $(MAKE) --no-print-directory media T=golive

isolation-long: setup-test ## destinations cut off for 5, 30 and 120 s, one after the other
	@VISTTER_LONG=1 $(MAKE) --no-print-directory media T=isolation
