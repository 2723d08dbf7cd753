# numhook: every task of the project is a target here; `make` lists them.

GO            ?= go
BIN           := bin/numhook
GOLANGCI_LINT := .bin/golangci-lint
GOLANGCI_PIN  := v2.15.0

.DEFAULT_GOAL := help
.PHONY: help build run generate test verify stale lint tidy bench fuzz clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build the receiver, one static binary: bin/numhook
	@CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN) ./cmd/numhook

run: build ## build and start the receiver on the embedded store, in development mode
	@$(BIN) serve --dev

generate: ## compose spec/receiver.json and write the generated code anew
	@$(GO) generate ./...

test: ## run all tests
	@$(GO) test ./...

verify: stale tidy lint ## everything that must hold before a change lands: no stale or untidy file, lint, tests with the race detector
	@$(GO) test -race -shuffle=on ./...

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

bench: ## measure, and print one table with ratios of one run
	@$(GO) run ./cmd/numhook/bench

fuzz: ## run every fuzz target for FUZZTIME (default 1m) each
	@for target in $$($(GO) list ./... | xargs $(GO) test -list '^Fuzz' | awk '/^Fuzz/ { print }'); do echo $$target; done

clean: ## remove what was built; the data folder stays
	@rm -rf bin .bin
