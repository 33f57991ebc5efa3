# `make help` lists the targets. Python 3.11 or newer and make are all that has to be here: each target makes .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help install train bench test test-fast coverage lint format clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/installed  ## .venv with cnnlab and all that it needs

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit(f"cnnlab needs Python 3.11 or newer, $(PYTHON) is {v[0]}.{v[1]}; try make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

train: install  ## the lecture's network on MNIST, 40 epochs; `make train ARGS="optimizer=adam"` changes it
	$(BIN)/python train.py $(ARGS)

bench: install  ## how fast an epoch is, against a plain loop and the arithmetic: outputs/bench, under 5 minutes
	$(BIN)/python scripts/bench.py $(ARGS)

test: install  ## all tests, in parallel
	$(BIN)/pytest --numprocesses 2 --durations 15

test-fast: install  ## the tests that take seconds
	$(BIN)/pytest --numprocesses 2 -m 'not slow'

coverage: install  ## all tests, and which lines they reach; the sweeps' own processes are not measured
	$(BIN)/pytest --numprocesses 2 --cov --cov-report term:skip-covered

lint: install  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install  ## mends what can be mended by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## removes .venv and caches, never outputs/ or data/
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
