# Everything is set up by the target that needs it, once, and again when the locks or pyproject.toml change.
PYTHON ?= python3
VENV ?= .venv
RECIPE ?= mueller-2023
WORKERS ?= 2
PYTEST_ARGS ?=

BIN := $(VENV)/bin
# A file's tests stay together, for what its fixtures have made; files begin in the order of tests/slow_files.py.
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --max-worker-restart 0
SET_UP = PYTHON="$(PYTHON)" VENV="$(VENV)" scripts/set_up.sh

.PHONY: help demo test test-full check lint format docs adapters lock bench clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    pretrain, probe and report: the recipe $(RECIPE), about five minutes on two cores"
	@echo "make test    every test            make lint    ruff and pyright     make format  ruff, mending"
	@echo "make check   lint and the quick tests: minutes, for use while you work"
	@echo "make test-full   the same, with every example of the properties"
	@echo "make adapters    PyTorch and the packages of other people's models, for their tests: about a gigabyte"
	@echo "make docs    docs/_build/html      make bench   training speed       make lock    pin all versions again"
	@echo "make clean   remove the environment and what was built; runs/ is kept"

demo: $(VENV)/.run
	$(BIN)/offprior run $(RECIPE) --out runs/$(RECIPE)

test: $(VENV)/.dev
	$(PYTEST) $(PYTEST_ARGS)

test-full: export OFFPRIOR_TEST_FULL = 1
test-full: test

check: lint
	$(PYTEST) -m "not slow" $(PYTEST_ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright --pythonpath $(BIN)/python

format: $(VENV)/.dev
	$(BIN)/python scripts/write_stubs.py
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(VENV)/.docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

# Without it, tests of adapters that need these packages are skipped.
adapters: $(VENV)/.adapters

bench: $(VENV)/.run
	$(BIN)/offprior bench

lock:
	scripts/lock.sh

$(VENV)/.%: requirements/%.lock.txt pyproject.toml scripts/set_up.sh
	@$(SET_UP) $*
	@touch $@

clean:
	rm -rf $(VENV) build dist docs/_build .pytest_cache .ruff_cache .benchmarks .hypothesis
	find src tests bench docs -name __pycache__ -type d -prune -exec rm -rf {} +
