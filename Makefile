# `make help` lists the targets. They need only Python 3.11 or newer and make: each creates .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

CONSTRAINTS := $(if $(LOCKED),--constraint constraints.txt)
VARIANT := $(if $(LOCKED),-locked)

.DEFAULT_GOAL := help
.PHONY: help install install-dev lock train lecture bench bench-gpu test test-fast torture coverage lint format clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/installed$(VARIANT)  ## .venv with cnnlab and its dependencies; LOCKED=1 uses the versions in constraints.txt

install-dev: $(VENV)/installed-dev$(VARIANT)  ## adds the dependencies of tests, lint, Slurm and Ray

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit(f"cnnlab needs Python 3.11 or newer, $(PYTHON) is {v[0]}.{v[1]}; try make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip

$(VENV)/installed$(VARIANT): pyproject.toml | $(VENV)/bin/pip
	$(BIN)/pip install --quiet $(CONSTRAINTS) --editable .
	@touch $@

$(VENV)/installed-dev$(VARIANT): pyproject.toml | $(VENV)/bin/pip
	$(BIN)/pip install --quiet $(CONSTRAINTS) --editable '.[dev]'
	@touch $@ $(VENV)/installed$(VARIANT)

$(VENV)/installed-lecture$(VARIANT): pyproject.toml | $(VENV)/bin/pip
	$(BIN)/pip install --quiet $(CONSTRAINTS) --editable '.[lecture]'
	@touch $@ $(VENV)/installed$(VARIANT)

lock:  ## writes the versions in .venv to constraints.txt; run the tests first
	$(BIN)/pip freeze --exclude-editable --exclude cnnlab > constraints.txt

train: install  ## the lecture's network on MNIST, 40 epochs; `make train ARGS="optimizer=adam"` changes it
	$(BIN)/python train.py $(ARGS)

lecture: $(VENV)/installed-lecture$(VARIANT)  ## every claim measured, in under half an hour: outputs/lecture/index.html; ONLY=init, BUDGET=long
	$(BIN)/python scripts/lecture.py $(if $(ONLY),--only '$(ONLY)') $(if $(BUDGET),--budget '$(BUDGET)') $(if $(RUN),--run '$(RUN)') $(ARGS)

bench: install  ## how fast an epoch is, against the loops that anybody could write: outputs/bench, under 5 minutes
	$(BIN)/python scripts/bench.py $(ARGS)

bench-gpu: install-dev  ## the tests that need a GPU, and how fast an epoch and a sweep are on it, under 6 minutes
	$(BIN)/python scripts/bench_gpu.py $(ARGS)

test: install-dev  ## all tests, in parallel
	$(BIN)/pytest --numprocesses 2 --durations 15

test-fast: install-dev  ## the tests that take seconds
	$(BIN)/pytest --numprocesses 2 -m 'not slow'

torture: install-dev  ## random kills, damages, foreign files and full disks, 20 minutes; ARGS="--seed 1" repeats one
	$(BIN)/python -m tests.torture $(ARGS)

coverage: install-dev  ## all tests with line coverage; the sweeps' own processes are not measured
	$(BIN)/pytest --numprocesses 2 --cov --cov-report term:skip-covered

lint: install-dev  ## style, types, import rules, known vulnerabilities of the dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/audit.py

format: install-dev  ## fixes style automatically
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## removes .venv and caches, never outputs/ or data/
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
