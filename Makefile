# make demo        train on real digits, draw, export, draw again without torch
# make test        run the tests
# make check       format check, lint, types, then the tests
# make docs-check  run the commands of README.md and docs/, most of them shortened: 25 minutes
# make bench       measure training, drawing and starting (DATA=mnist for the full set)
# make format      rewrite the code in the project's format
# make clean       remove what the targets above have made, but no trained run

PYTHON ?= python3
EPOCHS ?= 200
DATA ?= digits

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEV := $(VENV)/.ready-dev

unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check lint docs-check bench format clean

demo: $(READY)
	$(BIN)/ganctl train --data $(DATA) --epochs $(EPOCHS)
	$(BIN)/ganctl sample -n 64 out.png
	$(BIN)/ganctl export gen.onnx
	$(BIN)/ganctl infer gen.onnx gen.png

test: $(DEV)
	$(BIN)/pytest --numprocesses auto --dist worksteal

check: lint test

lint: $(DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

docs-check: $(DEV)
	$(BIN)/python -m tests.docs_check

bench: $(READY)
	$(BIN)/python -m benchmarks.train --data $(DATA)
	$(BIN)/python -m benchmarks.infer
	$(BIN)/python -m benchmarks.start --data $(DATA)

format: $(DEV)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -f out.png gen.onnx gen.png

# Made once, and completed when pyproject.toml changes. Compiling all of torch beforehand would take
# longer than the rest: Python compiles what it imports, and must be let keep it.
$(READY): EXTRAS = train
$(DEV): EXTRAS = train,dev
$(READY) $(DEV): pyproject.toml
	@echo "installing into $(VENV): some minutes, and 6 GB if torch is its CUDA build"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --editable '.[$(EXTRAS)]'
	touch $@
