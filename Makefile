# SPDX-License-Identifier: MIT
# The front door. The build itself is CMake (CMakePresets.json); these are its usual commands.
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
QUIET = > build/$(1).log 2>&1 || { cat build/$(1).log; exit 1; }

.PHONY: help build run test test-long test-break test-bodies mutate fuzz fuzz-build prove prove-long coverage bench install uninstall deb amalgamation detectors sizes symbols format lint clean

help: ## this list
	@awk -F ':[^#]*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

build: ## the optimised build, in build/release
	@sh tools/install-deps.sh run
	@mkdir -p build
	@cmake --preset release $(call QUIET,configure-release)
	@cmake --build --preset release -j $(JOBS)

run: build ## load a driver on a 512 MiB machine, store a directory tree in it, read it back, compare
	@sh tools/demo.sh build/release

test: ## every test: gcc, clang, sanitizers, rules, style, lint
	@sh tools/install-deps.sh test
	@mkdir -p build
	@cmake --preset debug $(call QUIET,configure-debug)
	@cmake --build --preset debug -j $(JOBS)
	@ctest --test-dir build/debug --output-on-failure -j $(JOBS)

test-long: ## the same, the slow forms of the slow tests included
	@QUARRY_LONG=1 $(MAKE) --no-print-directory test

test-break: ## break each rule in turn and require that its test notices
	@sh tools/install-deps.sh test
	@sh tools/test-break.sh

coverage: ## which lines and branches of src/ the test programs reach; fails below what CONTRIBUTING.md asks
	@sh tools/install-deps.sh coverage
	@sh tools/coverage.sh

test-bodies: ## empty each public function in turn and require that a test notices
	@sh tools/install-deps.sh test
	@mkdir -p build
	@cmake --preset debug $(call QUIET,configure-debug)
	@cmake --build --preset debug -j $(JOBS)
	@sh tools/test-bodies.sh

mutate: ## plant N faults (450) in src/, one at a time; the tests must notice 95 %; writes docs/mutation.md
	@sh tools/install-deps.sh coverage
	@mkdir -p build
	@cmake --preset debug $(call QUIET,configure-debug)
	@cmake --build --preset debug -j $(JOBS) --target quarry-tests
	@cmake -S . -B build/coverage -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER=gcc \
	    "-DCMAKE_C_FLAGS=--coverage -fprofile-update=atomic" $(call QUIET,configure-coverage)
	@cmake --build build/coverage -j $(JOBS) --target quarry-tests
	@sh tools/mutate.sh -n $(or $(N),450) -o docs/mutation.md

fuzz-build:
	@sh tools/install-deps.sh test
	@mkdir -p build
	@cmake -S . -B build/fuzz -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_C_COMPILER=clang -DQUARRY_FUZZ=ON \
	    -DQUARRY_SANITIZE=fuzzer-no-link,address,undefined $(call QUIET,configure-fuzz)
	@cmake --build build/fuzz -j $(JOBS) --target fuzz $(call QUIET,build-fuzz)

fuzz: fuzz-build ## fuzz each parser and layer for SECONDS (60) with libFuzzer; TARGET=arena: that one
	@sh tests/fuzz/run.sh $(or $(SECONDS),60) $(TARGET)

prove: $(if $(SEED),,fuzz-build) ## schedules, model, failing allocations and fuzzers for SECONDS (300); SEED=N: that one again
	@sh tools/install-deps.sh test
	@mkdir -p build
	@cmake --preset debug $(call QUIET,configure-debug)
	@cmake --build --preset debug -j $(JOBS) --target quarry-prove quarry-prove-preempt quarry-model quarry $(call QUIET,build-prove)
	@sh tools/prove.sh $(or $(SECONDS),300) $(SEED)

prove-long: ## hours of it: a thousand million steps of the model, two hours of the rest
	@$(MAKE) --no-print-directory prove SECONDS=7200
	@build/debug/quarry-model --seed 1 --steps 1000000000

bench: ## measure against glibc, jemalloc, tcmalloc and mimalloc
	@sh tools/install-deps.sh bench
	@$(MAKE) --no-print-directory build
	@build/release/bench/quarry-bench --check $(BENCH)

install: build ## install under PREFIX (/usr/local), honouring DESTDIR
	@cmake --install build/release --prefix $(PREFIX) > build/install.log || { cat build/install.log; exit 1; }
	@sh tools/install-hint.sh build/release/install_manifest.txt $(PREFIX)

uninstall: ## remove what make install wrote
	@cmake -DBUILD=build/release -P cmake/uninstall.cmake

deb: build ## Debian packages, in build/release/packages
	@sh tools/install-deps.sh deb
	@cd build/release && cpack > ../cpack.log 2>&1 || { cat ../cpack.log; exit 1; }
	@ls build/release/packages/*.deb

amalgamation: ## the one-file release, in build/quarry-<version>
	@sh tools/amalgamate.sh build/quarry-$$(sed -n 's/^#define QUARRY_VERSION "\(.*\)"/\1/p' include/quarry/version.h)

detectors: ## docs/detectors.md anew: what finds what, at what cost
	@sh tools/install-deps.sh bench
	@$(MAKE) --no-print-directory build
	@QUARRY_BUILD=build/release sh tools/detectors.sh

sizes: ## the table of code sizes in docs/limits.md anew
	@sh tools/sizes.sh --update

symbols: ## after a public name was added: bring packaging/symbols.txt up to date
	@sh tools/version-script.sh --list > packaging/symbols.new && mv packaging/symbols.new packaging/symbols.txt

format: ## bring the sources into shape
	@git ls-files '*.c' '*.h' | xargs clang-format -i

lint: ## clang-tidy and cppcheck
	@cmake --preset debug > /dev/null
	@QUARRY_LINT_WHOLE=1 QUARRY_SOURCE=. QUARRY_BUILD=build/debug sh tests/lint_test.sh

clean: ## remove all builds
	@rm -rf build
