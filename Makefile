# The one task runner. `make help` lists what there is.
SHELL := /bin/sh
.DEFAULT_GOAL := help
CARGO ?= cargo
# Everything is built in the release profile, so that it is built once.
PROFILE := --release
UNIT := --workspace --exclude integration --exclude harness --exclude tidy
MEDIA := $(CARGO) test $(PROFILE) -p integration --no-fail-fast
SERIAL := -- --test-threads=1 --nocapture

.PHONY: help setup setup-test build test check unit harness media demo smoke bench \
	cuts-long avsync-long overlays-long golive-long

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

setup: ## everything that running needs: Debian packages, MediaMTX, the page
	@packaging/setup.sh run

setup-test: ## what the tests need on top: nginx-rtmp, Chromium
	@packaging/setup.sh test

build: setup ## target/release/vistter-agent
	@$(CARGO) build $(PROFILE) -p vistter-agent

test: setup-test ## everything a change has to pass
	@echo '== format, lints, rules'
	@$(MAKE) --no-print-directory check
	@echo '== unit tests'
	@$(MAKE) --no-print-directory unit
	@echo '== the tests of the test tools'
	@$(MAKE) --no-print-directory harness
	@echo '== promises, with real cameras, sinks and a browser'
	@$(MAKE) --no-print-directory media

check: ## format, lints, layers, bans, licences, module docs, file sizes
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy $(PROFILE) --workspace --all-targets --quiet -- -D warnings
	@$(CARGO) test $(PROFILE) -p tidy

unit: ## tests without cameras
	@$(CARGO) test $(PROFILE) $(UNIT)

harness: ## the simulated camera, the sinks and the judge against each other
	@$(CARGO) test $(PROFILE) -p harness $(SERIAL)

media: ## one file a promise; one alone: make media T=cuts
	@$(CARGO) build $(PROFILE) -p vistter-agent
	@$(MEDIA) $(if $(T),--test $(T)) $(SERIAL)

demo: setup ## three simulated cameras, two RTMP sinks, a two-minute show, a page
	@echo 'demo: building (the first time takes minutes)'
	@$(CARGO) build $(PROFILE) -p vistter-agent -p harness
	@exec target/release/vistter-demo

smoke: setup ## the demo without a screen for a minute, checked; the exit code says
	@$(CARGO) build $(PROFILE) -p vistter-agent -p harness
	@exec target/release/vistter-demo --check

cuts-long: setup-test ## 200 cuts and 50 fades
	@VISTTER_LONG=1 $(MAKE) --no-print-directory media T=cuts

avsync-long: setup-test ## three minutes of sound against picture
	@VISTTER_LONG=1 $(MAKE) --no-print-directory media T=avsync

overlays-long: setup-test ## 200 text changes
	@VISTTER_LONG=1 $(MAKE) --no-print-directory media T=overlays

golive-long: setup-test ## 20 times on air
	@VISTTER_LONG=1 $(MAKE) --no-print-directory media T=golive
