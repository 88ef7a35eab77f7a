# Everything here runs inside .venv, which `make setup` creates from a plain Python
# (3.10 to 3.13) with its venv module. PYTHON=python3.12 chooses another one.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help setup demo test test-slow lint format faults load figures lock clean

help: ## Show what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP) ## Create .venv with the exact pins (once; later calls return at once)

# The stamp is newer than every file that decides what is installed.
$(STAMP): requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if \
	  (3, 10) <= v < (3, 14) else f"kpp_tf needs Python 3.10 to 3.13. Received: \
	  {v[0]}.{v[1]}. Choose one with: make setup PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet \
	  --progress-bar on -r requirements-dev.txt
	$(BIN)/python -m pip install --disable-pip-version-check --quiet \
	  --no-deps --no-build-isolation --editable .
	@touch $@
	@echo "Ready: $(VENV) holds the pins of requirements-dev.txt and kpp_tf itself."

demo: $(STAMP) ## Train, evaluate, draw and export a small model (minutes, offline)
	$(BIN)/python tools/demo.py --out runs/demo

test: lint ## Lint, then the quick tests
	$(BIN)/python -m pytest -m "not slow"

test-slow: $(STAMP) ## The slow tests alone
	$(BIN)/python -m pytest -m slow

lint: $(STAMP) ## Check style and format; change nothing
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

format: $(STAMP) ## Bring every file into format and mend what can be mended
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

faults: $(STAMP) ## Kill training again and again; print what survived as JSON
	$(BIN)/python tools/faults.py

load: $(STAMP) ## Malformed requests and load on the server; print figures as JSON
	$(BIN)/python tools/load.py

figures: $(STAMP) ## Draw the pictures under docs/figures from the trained models
	$(BIN)/python tools/figures.py

# Universal: one file answers for every Python and platform that pyproject.toml allows.
LOCK := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.10 \
  --no-emit-package kpp-tf --custom-compile-command "make lock" --quiet

lock: $(STAMP) ## Compile requirements*.txt anew; UPGRADE=1 takes the newest versions
	$(LOCK) $(if $(UPGRADE),--upgrade) --output-file requirements.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) --extra dev --constraint requirements.txt \
	  --output-file requirements-dev.txt

clean: ## Remove .venv, caches and build output; runs/ stays
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
