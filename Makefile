# Everything here runs inside .venv, which `make setup` creates from a plain Python
# (3.10 to 3.13) with its venv module. PYTHON=python3.12 chooses another one;
# ARGS="..." goes to pytest, or to the program
# of demo, explore, faults and load.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help setup demo explore test test-slow test-pythons lint format faults load lock clean

help: ## Show what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP) ## Create .venv with the exact pins (once; later calls return at once)

# The stamp is newer than every file that decides what is installed.
$(STAMP): requirements-dev.txt pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' \
	  || { echo "kpp_tf needs Python 3.10 to 3.13. Received: $$($(PYTHON) -V 2>&1)." \
	  "Choose one with: make setup PYTHON=python3.12" >&2; exit 1; }
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@echo "Installing TensorFlow and the rest into $(VENV): a minute or two."
	$(PIP) -r requirements-dev.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@
	@echo "Ready: $(VENV) holds the pins of requirements-dev.txt and kpp_tf itself."

demo: $(STAMP) ## Remember digits, draw and export; train a minute (offline)
	$(BIN)/python tools/demo.py --out runs/demo $(ARGS)

# Rebuilt when the preset or the page changes.
PAGE := runs/explorer/index.html
PRESET := binarized_mnist

explore: $(PAGE) ## Look into a memory with a browser (needs npm once)
	$(BIN)/python tools/explorer.py --out=$(dir $(PAGE)) --serve $(ARGS)

$(PAGE): $(wildcard explorer/*.* kpp_tf/pretrained/$(PRESET)/*) | $(STAMP)
	rm -rf $(dir $(PAGE))
	$(BIN)/python tools/explorer.py --preset=$(PRESET) --out=$(dir $(PAGE))

test: lint ## Lint, then the quick tests
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow" $(ARGS)

test-slow: $(STAMP) ## The slow tests alone
	$(BIN)/python -m pytest -m slow $(ARGS)

PYTHONS ?= 3.10 3.11 3.12 3.13

# An environment for each Python that is installed; pyenv's folder comes first, because
# its shims fail for versions that are not active.
test-pythons: ## The quick tests under every Python that is installed (slow)
	@for version in $(PYTHONS); do \
	  python=$$(ls -d $$HOME/.pyenv/versions/$$version.*/bin/python 2>/dev/null | tail -1); \
	  python=$${python:-$$(command -v python$$version)}; \
	  if ! { [ -n "$$python" ] && "$$python" -c "" 2>/dev/null; }; then \
	    echo "Python $$version: not installed, skipped"; continue; fi; \
	  echo "Python $$version: $$python"; \
	  $(MAKE) test VENV=.venv-$$version PYTHON="$$python" || exit 1; \
	done

lint: $(STAMP) ## Check style, format and types; change nothing
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

format: $(STAMP) ## Bring every file into format and repair what can be repaired
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

faults: $(STAMP) ## Kill training again and again; print what survived as JSON
	$(BIN)/python -m tests.training.faults $(ARGS)

load: $(STAMP) ## Malformed requests and load on the server; print figures as JSON
	$(BIN)/python -m tests.stand_ins $(ARGS)

# Universal: one file answers for every Python and platform that pyproject.toml allows.
LOCK := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.10 \
  --no-emit-package kpp-tf --custom-compile-command "make lock" --quiet

lock: $(STAMP) ## Compile requirements*.txt anew; UPGRADE=1 takes the newest versions
	$(LOCK) $(if $(UPGRADE),--upgrade) --output-file requirements.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) --extra dev --constraint requirements.txt \
	  --output-file requirements-dev.txt

clean: ## Remove .venv, caches and build output; runs/ stays
	rm -rf $(VENV) .venv-* build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
