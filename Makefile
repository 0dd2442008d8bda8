# One place for every command. `make` alone lists them.
# VENV names the virtual environment; make builds it with pip and again when pyproject.toml changes.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   ?= .venv
BIN    := $(VENV)/bin
ARGS   ?=
TESTS  ?=

RUNS   := $(VENV)/.runs
CHECKS := $(VENV)/.checks
SDK    := .cache/sdk-venv/.installed
SERVER := .cache/clickhouse-server/node_modules
PAGE   := src/desireline/http/dashboard/index.html
BENCH  := fusion intake execute streaming fuse ingest loop

.DEFAULT_GOAL := help
.PHONY: help install demo test lint format bench docs web pictures sync clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(CHECKS) $(PAGE) ## the virtual environment with everything that tests and benchmarks need

demo: $(RUNS) $(PAGE) ## watch a search learn from use, in the terminal (ARGS="--exit --seed 1")
	$(BIN)/desireline demo $(ARGS)

test: lint $(SDK) $(SERVER) $(PAGE) ## lint, then every test (TESTS="tests/core -q" for some)
	$(BIN)/python -m pytest $(TESTS)

lint: $(CHECKS) ## style, types, import contracts, drift of what is generated
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python tools/unasync.py --check
	$(BIN)/python docs/generate.py --check

format: $(CHECKS) ## rewrite files in the house's format
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

bench: $(CHECKS) ## every benchmark, one run, side by side with its baseline (BENCH="loop" for one)
	@for name in $(BENCH); do echo "== bench/$$name.py"; $(BIN)/python bench/$$name.py || exit 1; done

docs: $(CHECKS) ## write the reference pages from the code
	$(BIN)/python docs/generate.py

web: ## build the dashboard into the package (needs npm)
	npm --prefix web ci --no-fund --no-audit --loglevel=error
	npm --prefix web run --silent build

pictures: $(RUNS) $(PAGE) ## take the documentation's pictures (needs npm and Chromium; URL=... of a running demo for no new one)
	$(BIN)/python tools/pictures.py $(URL)

sync: $(CHECKS) ## write the synchronous client from the asynchronous one
	$(BIN)/python tools/unasync.py

clean: ## remove environments and caches (never a data directory)
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(RUNS): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[static]'
	@touch $@

$(CHECKS): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[static,postgres]' --group dev
	@touch $(RUNS) $@

$(SDK): tests/sdk_environment.py | $(CHECKS)
	$(BIN)/python tests/sdk_environment.py

# The page; without npm, or when its packages are out of reach, / is a start page.
$(PAGE): GLOSSARY.md web/package-lock.json web/index.html $(shell find web/src -type f 2>/dev/null)
	@if ! command -v npm >/dev/null; then echo "npm is not here, so the page is not built: / is a start page, all else works (Node 20, then make web)"; \
	elif $(MAKE) --no-print-directory web; then touch $@; else echo "the page is not built"; fi

# A real ClickHouse server for the tests; without npm they say that they skip.
$(SERVER): | $(CHECKS)
	-$(BIN)/python -c 'from tests.clickhouse_server import library; library()'
