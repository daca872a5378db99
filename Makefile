# Everything runs from .venv, which the first target that needs it builds from the locks. Needs: make, Python 3.11+.
# PYTHON: the interpreter to build .venv with. Default: the first on PATH that is new enough.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; exit; }; done; echo python3)
PORT ?= 8080
# TESTS: what `make test` and `make faults` hand to pytest besides, for example TESTS="-k stop tests/actions".
TESTS ?=
# One process of tests more than there are cores: each waits a part of its time. WORKERS=0 runs all in one.
WORKERS ?= $(shell $(PYTHON) -c "import os; print((os.cpu_count() or 1) + 1)")

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq install --root-user-action=ignore
UV_COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-annotate --custom-compile-command "make lock" pyproject.toml

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lint format faults openapi bench screenshots chromium lock upgrade-lock wheel clean

help: ## what you can ask for (this list)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

demo: .venv/.runtime ## try it: an invented clinic, simulated phones, in your browser (PORT=8099 for another port)
	@exec $(BIN)/rounds demo --port $(PORT)

test: .venv/.dev chromium lint ## everything: lint, types, import rules, all tests on SQLite and PostgreSQL, browser tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(TESTS)

lint: .venv/.dev ## format, lint, types, import rules (no tests)
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy service
	$(BIN)/lint-imports --no-cache

format: .venv/.dev ## put the code into the form that lint asks for, and repair what can be repaired by itself
	$(BIN)/ruff check --quiet --fix-only .
	$(BIN)/ruff format .

faults: .venv/.dev chromium ## the fault tests with their full counts (takes long)
	FAULTS=full $(BIN)/python -m pytest -m faults --timeout=0 --durations=0 --capture=no --verbose $(TESTS) tests/faults tests/browser

openapi: .venv/.dev ## hold requests and stand-ins against the providers' published files (fetches them into build/openapi; needs npm)
	@tests/openapi/get.sh
	$(BIN)/python -m pytest --capture=no $(TESTS) tests/openapi

bench: .venv/.dev ## rates beside their bare equivalents -> build/bench.json
	@mkdir -p build
	$(BIN)/python -m tests.bench

screenshots: .venv/.dev chromium ## take the pictures in docs/screens anew from a running demo
	@$(BIN)/python -m tests.browser.screens

chromium:
	@tests/browser/get_chromium.sh

wheel: .venv/.dev ## build the wheel into dist/ (needs no network)
	$(BIN)/python -m build --no-isolation --wheel --outdir dist .

lock: .venv/.dev ## write the locks anew after a change in pyproject.toml, keeping the versions that still fit
	$(UV_COMPILE) --group build --output-file requirements.lock
	$(UV_COMPILE) --group dev --constraints requirements.lock --output-file requirements-dev.lock

upgrade-lock: .venv/.dev ## write the locks anew with the newest versions
	$(UV_COMPILE) --upgrade --group build --output-file requirements.lock
	$(UV_COMPILE) --upgrade --group dev --constraints requirements.lock --output-file requirements-dev.lock

clean: ## remove what was built (.venv, build, dist, caches)
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find service tests -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Rounds needs Python 3.11 or newer, and '$(PYTHON)' is not. Say which one to use: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "'$(PYTHON)' lacks its venv module. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Building .venv (once; about a minute) ..."
	@$(PYTHON) -m venv --clear .venv
	@touch $@

# The run-time packages alone, so that the demo is up quickly.
.venv/.runtime: requirements.lock pyproject.toml hatch_build.py | .venv/.python
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

# The same and the tools; one pass does for both.
.venv/.dev: requirements-dev.lock requirements.lock pyproject.toml hatch_build.py | .venv/.python
	@$(PIP) --require-hashes -r requirements-dev.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch .venv/.runtime $@
