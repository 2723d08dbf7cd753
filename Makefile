# numhook: every task of the project is a target here; `make` lists them.

GO            ?= go
BIN           := bin/numhook
GOLANGCI_LINT := .bin/golangci-lint
GOLANGCI_PIN  := v2.15.0
GOVULNCHECK     := .bin/govulncheck
GOVULNCHECK_PIN := v1.9.0

.DEFAULT_GOAL := help
.PHONY: help build run generate check test race verify needs debian stale lint tidy vuln smoke bench profile fault fuzz clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build the receiver, one static binary: bin/numhook
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w" -o $(BIN) ./cmd/numhook

run: build ## build and start the receiver on the embedded store, in development mode
	@$(BIN) serve --dev

# What the receiver's code was is told by git, so that a second call lists the same; without git it is what lies there.
RECEIVER := gen/receiver/receiver.gen.go
generate: ## compose spec/receiver.json, write the generated code anew, and list what is left to write by hand
	@before=$$(mktemp) && trap 'rm -f "$$before"' EXIT \
		&& { git show HEAD:./$(RECEIVER) >"$$before" 2>/dev/null || cp $(RECEIVER) "$$before"; } \
		&& $(GO) generate ./... && $(GO) run ./spec/unwritten/cmd -before "$$before" -after $(RECEIVER) -server server

# Three tiers of tests: check for every edit, test for every commit, verify before a change lands. .ci/run runs test and verify.
#
# make check   leaves out the names below, runs the long tests that are left in their short form (go test -short: fewer seeds, mutants and rounds), and takes
#              from Go's cache what did not change. It lints the packages with changes since CHANGED_SINCE.
# make test    runs everything, plain and whole. The full length of the faults and of the measurements is that of make fault and make bench.
# make race    runs everything again under the race detector, in the short form, but what is below: it starts receivers that were built without the detector,
#              or runs one verb after the other, where nothing can race. Receivers, stores, the way out and their tests are raced. SQLite, translated from C,
#              and the C library below it are not: they have one caller at a time, and are most of the time of a raced test.
#
# A test that is left out has its whole name here; a test holds the names against the code.
BENCHES  := TestBench
FAULTS   := TestFault TestCorruption TestDiskFull TestBrokenUploadsTakeNothing TestNoReaderOfTheLogStandsInTheWay TestALogSaysWhatItLost \
	TestStrangersDoNotCrowdOutTheSender TestIdleAndSlowConnections TestStoreLockedByAnotherProgram
KILLS    := TestKilledAtAnyMoment TestKilledInTheMiddleOfAnAttempt TestKilledAndStartedAgain TestReceiversShareTheWork \
	TestNothingOvertakesWhatTheDeadHadSent
DRAINS   := TestDrainsUnderLoad TestDrainsBesideStrayConnections TestRefusesWhatComesWhileItDrains TestDrainsWithAnAttemptUnderWay \
	TestDrainsBesideASystemThatNeverAnswers
VERBS    := TestWhatWasReceivedCannotSteerATerminal TestWhatIsTypedCannotSteerATerminal TestWhatFilesAndAnswersSayCannotSteerATerminal \
	TestNoPasswordIsPrinted TestNoPasswordThatWasTypedIsPrinted
WAITS    := TestNothingPersonalLeavesTheWayOut TestEverySystemEndsWithTheNewestValues TestSecretsAreRotatedUnderLoad TestCertificateIsReloaded
SERVERS  := TestServerStopsAndComesBack TestRestartUnderLoad TestWireIsSlow TestWireIsSilent TestReplica TestStandbyIsGone TestUnsafeSettings \
	TestServerTurnsUnsafe TestCommitIsPinned TestOutboxThroughRestarts TestEnqueuedByTwo TestNothingIsReadWhole TestTenThousandNumbers
LOADS    := TestHistoriesOnSQLite TestHistoriesOnPostgreSQL TestClockSteps TestFaultOrder TestLogIsBounded TestKilledProcess \
	TestABodyThatDoesNotComeIsCutOff TestLargeUploadsThatStallKeepOnlyTheSlotsOfLargeOnes TestLargeUploadsOfStrangersDoNotCrowdOutTheSender \
	TestWhatBrokersSay TestEveryCodePointIsHarmlessAndCanBeTold
MODULES  := TestCommandsOfPagesRun TestStepsWhenTheDocumentChanges TestRedriveAfterTheDocumentWasMended TestPreCommitHook

CHECK_LEAVES_OUT := $(BENCHES) $(FAULTS) $(KILLS) $(DRAINS) $(VERBS) $(WAITS) $(SERVERS) $(LOADS) $(MODULES)
RACE_LEAVES_OUT  := $(BENCHES) $(VERBS) $(MODULES) TestFault TestCorruption TestNothingIsReadWhole TestEveryCodePointIsHarmlessAndCanBeTold

# Not under the race detector: C in the form of Go.
RACEFLAGS := -gcflags=modernc.org/sqlite/lib=-race=false -gcflags=modernc.org/libc/...=-race=false

space := $(subst ,, )
names  = ^($(subst $(space),|,$(strip $(1))))$$

# Most of the tests that are parallel wait for processes and time-outs, so that more of them fit than there are cores.
TESTFLAGS := -parallel 8

CHANGED_SINCE ?= $(shell git merge-base HEAD origin/main 2>/dev/null || git rev-parse HEAD)
check: $(GOLANGCI_LINT) ## for every edit: the quick tests, and lint of what changed; under a minute where the caches are warm
	@$(GO) test -short -skip '$(call names,$(CHECK_LEAVES_OUT))' $(TESTFLAGS) ./...
	@changed=$$( { git diff --name-only --diff-filter=d $(CHANGED_SINCE) -- '*.go'; git ls-files --others --exclude-standard -- '*.go'; } \
		| xargs -r dirname | sort -u | sed 's,^,./,'); [ -z "$$changed" ] || $(GOLANGCI_LINT) run --allow-parallel-runners $$changed

test: needs ## run all tests, whole
	@$(GO) test -timeout 30m $(TESTFLAGS) ./...

race: needs ## run the tests in their short form under the race detector, in random order
	@$(GO) test -race -short -shuffle=on -timeout 30m -skip '$(call names,$(RACE_LEAVES_OUT))' $(TESTFLAGS) $(RACEFLAGS) ./...

# The fuzzing is counted and not timed: before Go 1.27 a timed run fails now and then at its end with "context deadline exceeded", without an input that failed
# (go.dev/issue/75804).
verify: needs stale tidy lint vuln race ## everything that must hold before a change lands: no stale or untidy file, lint, no known vulnerability, tests with the race detector, a little of every fuzz target
	@$(MAKE) --no-print-directory fuzz FUZZTIME=5000x

# What the tests need beside Go. Where it cannot be installed, the tests that need it say so and are skipped; in CI they fail.
needs: .bin/ajv/node_modules .bin/standardwebhooks/node_modules .bin/axe/node_modules ## install what the tests need: PostgreSQL, PgBouncer, Chromium, strace, curl and a C compiler from Debian, ajv, axe-core and standardwebhooks from npm
	@missing=""; \
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$$missing postgresql"; \
	for program in strace curl gcc git pgbouncer chromium; do command -v $$program >/dev/null || missing="$$missing $$program"; done; \
	[ -z "$$missing" ] || $(MAKE) --no-print-directory debian packages="$$missing"

.bin/ajv/node_modules: cmd/numhook/validation/testdata/ajv/package-lock.json
.bin/standardwebhooks/node_modules: server/dispatch/webhook/testdata/standardwebhooks/package-lock.json
.bin/axe/node_modules: cmd/numhook/testdata/axe/package-lock.json
.bin/ajv/node_modules .bin/standardwebhooks/node_modules .bin/axe/node_modules:
	@command -v npm >/dev/null || $(MAKE) --no-print-directory debian packages="nodejs npm"
	@mkdir -p $(@D)
	@! command -v npm >/dev/null || { cp $(dir $<)package.json $(dir $<)package-lock.json $(@D)/ \
		&& npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --silent && touch $@; }

# The tests start a database server of their own, so the package is kept from starting one.
debian:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing $(packages)"; \
		mkdir -p /etc/postgresql-common && [ -e /etc/postgresql-common/createcluster.conf ] \
			|| echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold $(packages) >/dev/null; \
	else echo "missing: $(packages). Install them, or go without the tests that need them."; fi

stale: generate ## fail when spec/receiver.json or generated code is not what the document gives
	@git diff --exit-code --stat -- spec/receiver.json gen \
		|| { echo "generated files are stale: run 'make generate' and commit what it writes"; exit 1; }

tidy: ## fail when go.mod or go.sum is not tidy
	@$(GO) mod tidy -diff

lint: $(GOLANGCI_LINT) ## run the linters
	@$(GOLANGCI_LINT) run ./...

# Built with the module proxy, once; the version is part of the stamp, so that a new pin builds anew.
$(GOLANGCI_LINT): .bin/golangci-lint-$(GOLANGCI_PIN)
	@cp $< $@
.bin/golangci-lint-$(GOLANGCI_PIN):
	@mkdir -p .bin
	@echo "building golangci-lint $(GOLANGCI_PIN) (a few minutes, once)"
	@GOBIN=$(CURDIR)/.bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_PIN) && mv .bin/golangci-lint $@

vuln: $(GOVULNCHECK) ## fail on a known vulnerability that the code reaches; where the database cannot be reached, say so and go on
	@.ci/vulnerabilities $(GOVULNCHECK) ./...

$(GOVULNCHECK): .bin/govulncheck-$(GOVULNCHECK_PIN)
	@cp $< $@
.bin/govulncheck-$(GOVULNCHECK_PIN):
	@mkdir -p .bin
	@echo "building govulncheck $(GOVULNCHECK_PIN) (once)"
	@GOBIN=$(CURDIR)/.bin $(GO) install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_PIN) && mv .bin/govulncheck $@

smoke: ## run every measurement so small that its figures say nothing, so that the harness works
	@NUMHOOK_BENCH=smoke $(GO) test -count=1 -timeout 30m -run '^TestBench$$' ./cmd/bench

bench: ## measure, and print one table with ratios of one run
	@NUMHOOK_BENCH=1 $(GO) test -count=1 -timeout 60m -run '^TestBench$$' -v ./cmd/bench

profile: ## measure where a receiver's time goes under load, and write what the compiler takes: cmd/numhook/default.pgo
	@NUMHOOK_PROFILE=$(CURDIR)/bin/profile $(GO) test -count=1 -timeout 10m -run '^TestProfile$$' ./cmd/bench
	@$(GO) tool pprof -proto -output cmd/numhook/default.pgo bin/profile.0 bin/profile.1 && rm bin/profile.0 bin/profile.1

fault: needs ## run the crash and fault suite at full length, and print its report
	@NUMHOOK_FAULT=full $(GO) test -count=1 -timeout 80m -run '^TestFault' -v ./cmd/numhook

FUZZTIME ?= 1m
fuzz: ## run every fuzz target for FUZZTIME (1m) each
	@for package in $$(git grep -lE '^func Fuzz' -- '*_test.go' | xargs -n1 dirname | sort -u); do \
		for target in $$(git grep -hoE '^func Fuzz[A-Za-z0-9]+' -- ":(glob)$$package/*_test.go" | sed 's/func //'); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "./$$package" || exit 1; \
		done; \
	done

clean: ## remove what was built; the data folder stays
	@rm -rf bin .bin
