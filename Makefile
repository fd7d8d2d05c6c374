# thesis-ml: make help lists what can be made.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
# As a variable the constraints reach the environments in which packages are built too; relative,
# because pip takes a space for the end of a path.
PIP_INSTALL := PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help train compare test lint format bench bench-app pictures pool test-long torture clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

train: $(VENV)/installed ## train the default autoencoder on the sample
	$(BIN)/thesis-train $(ARGS)

# As many trainings at once as there are cores, each with one thread.
compare: $(VENV)/installed ## train and compare all models in docs/COMPARISON.md; half an hour on two cores
	OMP_NUM_THREADS=1 $(BIN)/engine compare --at-once $$(getconf _NPROCESSORS_ONLN) --output docs/COMPARISON.md \
		device=cpu logging.make_plots=false $(ARGS)

# Many tests wait for a terminal or a cluster: four processes keep two cores busy.
test: $(VENV)/installed-dev ## run the tests
	$(BIN)/python -m pytest -n 4 --dist worksteal $(ARGS)

lint: $(VENV)/installed-dev ## formatting, lint rules, import contracts, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: $(VENV)/installed-dev ## format and mend what a tool can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/installed-dev ## measure against bare PyTorch, in one process, as ratios
	$(BIN)/python -m tests.bench

bench-app: $(VENV)/installed-dev ## measure the app in a terminal: seconds, bytes, memory
	$(BIN)/python -m tests.bench.app

pictures: $(VENV)/installed-dev ## draw the docs' pictures of the app
	$(BIN)/python -m tests.pictures

pool: $(VENV)/installed-dev ## start an HTCondor pool of this machine alone, to try things on
	@hpc/pool up

torture: $(VENV)/installed-dev ## kill a training 200 times, damage 10,000 run directories, and all faults around jobs
	$(BIN)/python -m pytest -m slow -v -n 2 tests/engine/test_torture.py tests/engine/test_fuzz.py \
		tests/engine/test_condor*.py tests/engine/test_cluster_sweep.py tests/engine/test_batch.py $(ARGS)

test-long: $(VENV)/installed-dev ## the long forms of the tests, and the wheel installed from nothing
	$(BIN)/python -m pytest -m slow $(ARGS)

clean: ## remove the environment and what tools left
	rm -rf $(VENV) dist .pytest_cache .ruff_cache .mypy_cache .import_linter_cache

# The environment is made once, and again when what it holds has changed.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "thesis-ml needs Python 3.11 or newer; name one with make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/installed: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing thesis-ml into $(VENV), which takes a few minutes the first time ..."
	$(PIP_INSTALL) --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing thesis-ml and its test tools into $(VENV), which takes a few minutes the first time ..."
	$(PIP_INSTALL) --editable '.[dev]'
	@touch $@ $(VENV)/installed
