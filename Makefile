# Two commands matter: `make demo` and `make test`. Each sets up all that it needs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

CACHE := $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/trueup
BASE_PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
PY := $(VENV)/bin/python
UV := $(shell command -v uv || echo $(CACHE)/uv/bin/uv)
PYTEST_ARGS ?=
# Tests mostly wait: more of them than there are cores run beside each other.
TEST_WORKERS ?= 5

.PHONY: help demo test test-all unit lint format bench attack soak clean lock binaries registry

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(VENV)/.ready binaries ## Start a control plane and a Git server, and watch Git drive them
	@$(VENV)/bin/trueup demo

test: lint binaries registry ## Lint, types, layers, then every test
	@$(PY) -m pytest -n $(TEST_WORKERS) $(PYTEST_ARGS)

test-all: PYTEST_ARGS += --all-crash-points
test-all: export TRUEUP_TEST_RANDOM = yes
test-all: export TRUEUP_TEST_HISTORIES = 3000
# Ten minutes in all.
test-all: export TRUEUP_TEST_FUZZ_SECONDS = 120
test-all: test ## The same with a controller killed at every write, more random histories, and ten minutes of fuzz

unit: $(VENV)/.ready ## The tests that need no server, in seconds
	@$(PY) -m pytest tests/unit -q $(PYTEST_ARGS)

lint: $(VENV)/.ready ## Format, lint, strict types and the layer diagram
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports

format: $(VENV)/.ready ## Format and fix what can be fixed
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/ruff check --fix .

bench: $(VENV)/.ready binaries ## Measure: units, what recording adds, several sources, blame, the history at a million records
	@$(PY) -m bench
	@$(PY) -m bench --units 100 --recording 2
	@$(PY) -m bench.sources
	@$(PY) -m bench.blame
	@$(PY) -m bench history

attack: $(VENV)/.ready binaries ## Try every wall from inside, and print a table
	@$(PY) -m pytest tests/security -q -n $(TEST_WORKERS) --attack-table $(PYTEST_ARGS)

soak: $(VENV)/.ready binaries ## Kill a controller under load for 30 minutes (MINUTES=…), and hold the cluster against Git
	@$(PY) -m bench.soak --minutes $(or $(MINUTES),30)

registry: $(VENV)/.ready
	@PYTHONPATH=tests $(PY) -m support.registry
	@PYTHONPATH=tests $(PY) -m support.signing

binaries: $(VENV)/.ready ## Build the control plane and the render worker, once
	@$(PY) -m trueup.devtools.toolchain all

clean: ## Remove what was made in this folder (the build cache stays)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist bench/results

lock: $(VENV)/.ready ## Renew the lock files
	$(UV) pip compile pyproject.toml -q --generate-hashes --universal --python-version 3.11 --no-header --no-annotate -o requirements/runtime.txt
	$(UV) pip compile pyproject.toml -q --extra dev --generate-hashes --universal --python-version 3.11 --no-header --no-annotate -o requirements/dev.txt
	echo "uv==$$($(UV) --version | cut -d' ' -f2)" | $(UV) pip compile - -q --generate-hashes --universal --no-header --no-annotate -o requirements/uv.txt

$(CACHE)/uv/bin/uv:
	@echo "Installing uv into $(CACHE)/uv"
	@$(BASE_PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/uv.txt --upgrade --target $(CACHE)/uv

$(VENV)/.ready: requirements/dev.txt pyproject.toml | $(UV)
	@echo "Setting up $(VENV)"
	@test -x $(PY) || $(UV) venv -q --python $(BASE_PYTHON) $(VENV)
	@$(UV) pip sync -q --python $(PY) --require-hashes requirements/dev.txt
	@$(UV) pip install -q --python $(PY) --no-deps --no-build-isolation -e .
	@touch $@
