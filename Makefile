# What a person needs: make demo, make test. `make` alone lists the rest.

GO       ?= go
FUZZTIME ?= 30s
LISTEN   ?= 127.0.0.1:8480
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
VERSION_VAR := github.com/keyhold/keyhold/cli.version

# FIPS=1 builds with the Go Cryptographic Module that is validated (GOFIPS140 of go help environment; go.dev/doc/security/fips140);
# another value is a module of your choice, such as inprocess or v1.26.0.
FIPS_MODULE := $(if $(filter 1,$(FIPS)),certified,$(filter-out 0,$(FIPS)))

# SQLite is built without the door through which a query could load a library. The flags of the environment are kept.
export GOFLAGS := $(strip $(shell $(GO) env GOFLAGS 2>/dev/null) -tags=sqlite_omit_load_extension)

# With -race every program would sleep a second before it ends.
export GORACE := atexit_sleep_ms=0 $(GORACE)

# What is measured against the clock is tested by itself, after the rest.
ALONE := /integration/(faults|load)$$|/hsm/faulttest$$

.DEFAULT_GOAL := help
.PHONY: help deps build demo run test clients lint fuzz fips scripts scale load faults clean ci

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

deps: ## install SoftHSM2 and a C compiler, where they are missing
	@.ci/deps

build: deps ## build bin/keyhold; FIPS=1 with Go's FIPS 140-3 module
	$(if $(FIPS_MODULE),GOFIPS140=$(FIPS_MODULE) )$(GO) build -trimpath -buildvcs=false -ldflags '-X $(VERSION_VAR)=$(VERSION)' -o bin/keyhold .

demo: build ## show the main job on real input, step by step
	@$(GO) run ./integration/demo -keyhold bin/keyhold -file README.md

run: build ## serve a throw-away data directory to this machine, on LISTEN (127.0.0.1:8480)
	@bin/keyhold --data "$(CURDIR)/keyhold-data" dev --listen $(LISTEN)

test: ## every test, with the race detector; installs NSS, openCryptoki, the AWS CLI and botocore for it
	@.ci/deps test
	@$(GO) build -o bin/testsummary ./internal/testsummary
	@echo '$(GO) test -race ./...'
	@{ $(GO) test -race -timeout 20m -json $$($(GO) list ./... | grep -v -E '$(ALONE)'); \
		$(GO) test -race -timeout 20m -p 1 -json $$($(GO) list ./... | grep -E '$(ALONE)'); } | tee bin/test.json | bin/testsummary

# Their modules and packages are downloaded here, and nowhere else.
clients: build ## AWS SDKs for Go and JavaScript, SOPS, Vault's seal and Terraform's calls (minutes, once); installs Node.js for it
	@.ci/clients

lint: deps ## format, vet, linters, build without C, tidy modules
	.ci/lint

fuzz: deps ## every fuzz target for FUZZTIME (30s)
	.ci/fuzz $(FUZZTIME)

fips: deps ## what make build FIPS=1 builds, tried in FIPS 140-3 mode (compiles everything anew: some minutes)
	KEYHOLD_TEST_FIPS=certified $(GO) test -count 1 -timeout 30m -v -run FIPS ./integration

scripts: deps ## the script of every operation on every kind of token, through the socket and an endpoint (some minutes)
	KEYHOLD_SCRIPTS=all $(GO) test -count 1 -timeout 60m -run 'OnOtherTokens|ThroughTheSocket|ThroughTheEndpoint' ./integration

scale: deps ## a token of 30,000 objects against one of 30 (some minutes)
	KEYHOLD_SCALE_OBJECTS=30000 $(GO) test -count 1 -timeout 60m -v -run TestOnlyStartAndInventoryGrow ./integration

load: deps ## four times the load that a token bears, and every attack in full: 100,000 connections and others (ten minutes)
	KEYHOLD_LOAD=all $(GO) test -count 1 -timeout 60m -v ./integration/load

faults: deps ## every PKCS#11 function failing in every way (some minutes); FAULTSFLAGS=-update writes docs/faults.md
	KEYHOLD_FAULTS=all $(GO) test -count 1 -timeout 60m -v ./integration/faults $(FAULTSFLAGS)

clean: ## remove what was built
	rm -rf bin

ci: ## all that continuous integration runs
	.ci/run
