# The one task runner. `make help` lists what there is.
SHELL := /bin/sh
.DEFAULT_GOAL := help
CARGO ?= cargo
# Everything is built in the release profile and as one workspace, so that it is built once: another
# choice of packages would unify their features differently.
BUILD := $(CARGO) build --release --workspace
# With its tests it is the very build that they use, and nothing is built a second time.
TESTED := $(BUILD) --lib --bins --tests
TEST := $(CARGO) test --release --workspace --no-fail-fast
# Property tests take the same cases in every run; `make cases` draws others.
export PROPTEST_RNG_SEED ?= 20261
SERIAL := -- --test-threads=1 --nocapture
# Tests of parts with real processes, and the promises to the user; both have the machine to themselves.
PARTS := mediamtx program egress judge
PROMISES := \
	avsync \
	bad_input \
	channel \
	chaos \
	config \
	crashes \
	credentials \
	cuts \
	degraded \
	directed \
	encoder \
	failover \
	golive \
	guards \
	health \
	isolation \
	latency \
	lifecycle \
	link \
	mediaserver \
	mqtt \
	overlays \
	pairing \
	partition \
	posted \
	preview \
	preview_load \
	protocols \
	proxied \
	relay \
	resume \
	sandbox \
	secrets \
	sources \
	standstill \
	told

# No target here is a file.
.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*/\1/p' $(MAKEFILE_LIST))

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

setup: ## everything that running needs: Debian packages, MediaMTX, the page
	@packaging/setup.sh run

setup-test: ## what the tests need on top: nginx-rtmp, mosquitto, Chromium, libfaketime
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
	@echo '== the link, by a Studio that shares no code with the agent'
	@$(MAKE) --no-print-directory peer

check: ## format, lints, layers, bans, licences, module docs, file sizes
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy --release --workspace --all-targets --quiet -- -D warnings
	@$(TEST) --test workspace

WIRE := wire_attacks wire_drift wire_fuzz dispatch dispatch_attacks dispatch_model

# The Node that set-up fetched where the system's is too old for the page.
NODE := PATH="$(CURDIR)/build/node/node_modules/node-linux-$(if $(filter aarch64,$(shell uname -m)),arm64,x64)/bin:$$PATH"

unit: ## tests without cameras, and those of the page
	@$(TEST) --lib --bins --test sync --test graphics --test kill --test store $(WIRE:%=--test %)
	@$(NODE) npm run --silent --prefix local-ui test

cases: ## property tests with other cases in each run; CASES=n (10000) where a test has no number of its own
	@env -u PROPTEST_RNG_SEED PROPTEST_CASES=$(or $(CASES),10000) $(TEST) --lib --test wire_fuzz --test dispatch_model

parts: ## the parts against real processes
	@$(TEST) $(PARTS:%=--test %) $(SERIAL)

media: ## one file a promise; one alone: make media T=cuts
	@$(TESTED)
	@$(TEST) $(addprefix --test ,$(or $(T),$(PROMISES))) $(SERIAL)

test-peer: setup-test ## a Studio in Python, written from docs/PROTOCOL.md, directs the agent
	@$(MAKE) --no-print-directory peer

peer:
	@$(TESTED)
	@PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=build/peer:tests python3 -m peer

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

resume-long: setup-test ## the agent killed ten times while live, a database damaged in five ways
	@VISTTER_LONG=1 $(MAKE) --no-print-directory media T='resume resume_long'

guards-long: setup-test ## a full disk, a stepped clock, 200 requests a second: not one frame
	@VISTTER_LONG=1 $(MAKE) --no-print-directory media T=guards

crashes-long: setup-test ## 1,000 random kill -9 of the agent under commands; SEED=n repeats
	@$(if $(SEED),SEED=$(SEED)) VISTTER_LONG=1 $(MAKE) --no-print-directory media T=crashes

wire: ## the wire and the dispatcher: attacks printed, vectors, model, power cuts
	@$(TEST) $(WIRE:%=--test %) -- --nocapture

wire-long: ## the dispatcher against its model, 20,000 stories
	@env -u PROPTEST_RNG_SEED VISTTER_LONG=1 $(TEST) --test dispatch_model -- --nocapture

# What libFuzzer steers by; the same passes that cargo-fuzz asks for, without a sanitizer.
COVERAGE := -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
	-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
	-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing

fuzz: setup ## libFuzzer on every reader of the wire for SECONDS=n (60), from the committed corpus on
	@mkdir -p target/fuzz/found
	@RUSTFLAGS='$(COVERAGE)' $(CARGO) build --release --locked --quiet --manifest-path protocol/fuzz/Cargo.toml \
		--target-dir target/fuzz --target $(shell rustc -vV | sed -n 's/host: //p')
	@target/fuzz/*/release/wire-fuzz -max_total_time=$(or $(SECONDS),60) -max_len=65536 -print_final_stats=1 \
		-artifact_prefix=target/fuzz/ target/fuzz/found protocol/tests/corpus protocol/vectors

bench-link: setup-test ## the link: commands, acks, memory, back after a cut, 1,000 devices; QUICK=1 takes 3 minutes, PART=name one part
	@$(BUILD) --all-targets
	@$(if $(PART),,$(if $(QUICK),QUICK=1) target/release/examples/bench_core)
	@$(if $(QUICK),QUICK=1) $(if $(PART),PART=$(PART)) target/release/examples/bench_link

schemas: ## writes protocol/schemas and protocol/vectors anew after a change of the wire
	@UPDATE_GOLDEN=1 $(TEST) --test wire_drift

standstill-long: setup-test ## a machine that stands still for a moment, a hundred times
	@VISTTER_LONG=1 $(MAKE) --no-print-directory media T=standstill

latency-long: setup-test ## where the time goes, to 15 ms
	@VISTTER_LONG=1 $(MAKE) --no-print-directory media T=latency

encoder-long: setup-test ## 10 deaths and 10 hangs of the encoder
	@VISTTER_LONG=1 $(MAKE) --no-print-directory media T=encoder

degraded-long: setup-test ## a busy machine to the last step, narrow lines, a held encoder; VISTTER_PICTURES=folder keeps pictures
	@VISTTER_LONG=1 $(MAKE) --no-print-directory media T='degraded degraded_long'

partition-long: setup-test ## a network that lets nothing through for 5 s, 20 s, 10 min: both ways to Studio, a show; 22 minutes
	@VISTTER_LONG=1 $(MAKE) --no-print-directory media T=partition

mqtt-long: setup-test ## 12 restarts of the broker; 15 minutes
	@$(MAKE) --no-print-directory media T=mqtt_long

preview-long: setup-test ## the preview started ten times in five minutes under requests, then twenty who watch; 7 minutes
	@VISTTER_LONG=1 $(MAKE) --no-print-directory media T=preview_load

relay-long: setup-test ## no media server, and one that stays away and comes back
	@VISTTER_LONG=1 $(MAKE) --no-print-directory media T=relay

mediaserver-long: setup-test ## 5 deaths and 5 hangs of the media server
	@VISTTER_LONG=1 $(MAKE) --no-print-directory media T=mediaserver

hd-long: setup-test ## a minute of three cameras at 1080p30: frames, encoder, processor
	@$(MAKE) --no-print-directory media T=hd
