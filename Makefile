# Annostream: every command that a newcomer or CI needs. `make` alone lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
READY := $(VENV)/.ready
DISTRIBUTIONS := proto libs/kit libs/imaging libs/sdk services/ingest services/annotate services/export services/gateway deploy/embedded
EDITABLE := $(foreach d,$(DISTRIBUTIONS),-e ./$(d))
# Compare the contract with the last release when there is one, else with the branch that everyone builds on.
AGAINST ?= $(shell git describe --tags --abbrev=0 2>/dev/null || echo main)

# Two processes of tests; tests that share servers stay in one of them. ARGS="-n 0" runs all in one.
SIDE_BY_SIDE := -n 2 --dist loadscope

WEB_OUT := services/gateway/src/annostream_gateway/static
WEB_SOURCES := $(shell find web -name node_modules -prune -o -path web/e2e -prune -o -type f -print)
# npm writes this file last.
INSTALLED := node_modules/.package-lock.json
BROWSER := web/e2e/$(INSTALLED)

.DEFAULT_GOAL := help
.PHONY: help setup up down demo test test-all check lint proto fmt lock bench web web-check pictures

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  \033[1m%-10s\033[0m %s\n", $$1, $$2}'

setup: $(READY) ## install what the lock names into a local venv (.venv); nothing global

$(READY): requirements.lock $(DISTRIBUTIONS:%=%/pyproject.toml) | $(UV)
	@echo "Installing the packages of requirements.lock …"
	@set -o pipefail; $(UV) pip install --python $(BIN)/python --require-hashes -r requirements.lock 2>&1 | { grep --line-buffered -v '^ [-+~] ' || true; }
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps $(EDITABLE)
	@touch $@

$(UV):
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed: install it, or set PYTHON=/path/to/python3."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, this is $$($(PYTHON) --version): set PYTHON=/path/to/python3.11."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing: on Debian and Ubuntu, install the package python3-venv."; exit 1; }
	@command -v git >/dev/null || { echo "git is needed: install it."; exit 1; }
	@echo "Setting up $(VENV) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv || { echo "uv could not be installed: is the Python package registry reachable from here?"; exit 1; }

up: $(READY) ## start everything (embedded MongoDB, Kafka, S3 and the services); Ctrl-C stops it
	@$(MAKE) --no-print-directory web || echo "The web app could not be built: everything else starts."
	@exec $(BIN)/annostream up $(ARGS)

down: $(READY) ## stop what runs on the default data directory
	@$(BIN)/annostream down $(ARGS)

demo: $(READY) ## the whole job headless: project, photos, boxes, export; checks every number
	@$(BIN)/python samples/demo.py

test: $(READY) $(WEB_OUT)/index.html $(BROWSER) ## unit, contract, component and end-to-end tests, one kill of each process
	@$(BIN)/pytest $(SIDE_BY_SIDE) -m "not thorough" $(ARGS)

test-all: $(READY) $(WEB_OUT)/index.html $(BROWSER) ## what make test leaves out: more seeds, stalls, the demo, other people's tools as oracles
	@$(BIN)/pytest -m thorough $(ARGS)

check: $(READY) ## what CI checks before it tests: format, lint, layers, types, contract
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy
	@$(BIN)/python proto/generate.py --check --against "$(AGAINST)"
	@$(BIN)/python docs/settings_reference.py --check

lint: $(READY) ## the fast part of check
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .

fmt: $(READY) ## format and mend what can be mended
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

web: $(WEB_OUT)/index.html ## build the web app into the gateway, where its sources changed

web-check: web/$(INSTALLED) ## types, lint and unit tests of the web app
	@cd web && ./with-node npm run --silent check
	@cd web && ./with-node npm run --silent lint
	@cd web && ./with-node npm run --silent test

$(WEB_OUT)/index.html: $(WEB_SOURCES) web/$(INSTALLED)
	@echo "Building the web app …"
	@cd web && ./with-node npm run --silent build

web/$(INSTALLED) $(BROWSER): %/$(INSTALLED): %/package-lock.json %/package.json | $(READY)
	@echo "Installing the packages of $*/package-lock.json …"
	@cd $* && $(CURDIR)/web/with-node npm ci --loglevel=error --no-fund --no-audit >/dev/null
	@touch $@

pictures: $(READY) $(WEB_OUT)/index.html $(BROWSER) ## walk through the pages in both languages, for docs/tutorial
	@ANNOSTREAM_TEST_PICTURES=docs/tutorial $(BIN)/pytest tests/end_to_end/browser/test_walk.py $(ARGS)

proto: $(READY) ## generate Python from proto/
	@$(BIN)/python proto/generate.py

lock: | $(UV) ## resolve again and write requirements.lock
	@$(UV) lock --quiet
	@$(UV) export --quiet --frozen --all-groups --all-packages --no-emit-workspace --no-header -o requirements.lock

bench: $(READY) $(WEB_OUT)/index.html $(BROWSER) ## measure side by side and write benchmarks/report.md
	@$(BIN)/python -m benchmarks.run $(ARGS)
