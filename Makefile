# Everything runs in a virtual environment of the project's own; nothing else has to be typed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= $(shell $(PYTHON) -c "import os; print(len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count())")
# Of the builds of torch for CPUs; set it empty for a GPU.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
PIP := $(BIN)/python -m pip --disable-pip-version-check install -q -c constraints.txt

.PHONY: help demo uplink test soak lint docs bench reproduce clean
help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# What runs the library; tests, docs and checks need more.
$(VENV)/runtime: pyproject.toml constraints.txt
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
	  { echo "mimolearn needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Installing into $(VENV) (the first time this takes a few minutes) ..."
	@$(PYTHON) -m venv $(VENV)
	@# torch first and alone: the pinned build is taken, and nothing pulls another one in. The build
	@# for CPUs is much smaller; where its index cannot be reached, the usual one is taken.
	@$(PIP) --retries 0 --timeout 15 $(addprefix --extra-index-url=,$(TORCH_INDEX)) torch || $(PIP) torch
	@$(PIP) -e .
	@touch $@

$(VENV)/dev: $(VENV)/runtime
	@echo "Installing what tests, docs and checks need ..."
	@$(PIP) -e ".[dev]"
	@touch $@

demo: $(VENV)/runtime  ## compare receivers on 32x64 BPSK: a table, plots and an HTML report
	@$(BIN)/mimolearn compare --scenario lcgnet-32x64-bpsk --workers $(WORKERS) --out demo-output

uplink: $(VENV)/runtime  ## compare receivers on a 5G NR uplink with estimated channels
	@$(BIN)/mimolearn compare --scenario uplink-4x4-16qam-low --workers $(WORKERS) --out uplink-output

test: $(VENV)/dev  ## the tests
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile

soak: $(VENV)/dev  ## the reliability tests at full length, with a summary (one to two hours)
	@$(BIN)/python -m pytest -q --soak -m soak -n $(WORKERS) --dist loadfile

lint: $(VENV)/dev  ## style and types
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/pyright

docs: $(VENV)/dev  ## the documentation site, into docs/_build
	@$(BIN)/python -m sphinx -W --keep-going -q -j auto docs docs/_build
	@echo "docs/_build/index.html"

bench: $(VENV)/dev  ## speed against sionna-no-rt on the same inputs
	@$(BIN)/python benchmarks/bench_detectors.py
	@$(BIN)/python benchmarks/bench_beamformers.py

reproduce: $(VENV)/runtime  ## every published figure and table, run again and judged (nightly)
	@$(BIN)/mimolearn reproduce --all --workers $(WORKERS) --out reproduction-output

clean:  ## remove the virtual environment and everything that was generated
	rm -rf $(VENV) docs/_build docs/generated demo-output uplink-output reproduction-output .pytest_cache .ruff_cache .hypothesis
	find src tests benchmarks docs examples -name __pycache__ -type d -prune -exec rm -rf {} +
