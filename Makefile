# make demo        train on real digits, draw, export, draw again without torch
# make test        run the tests
# make check       format check, lint, types, then the tests
# make docs-check  run the commands of README.md and docs/, most of them shortened: 20 minutes
# make bench       measure training, drawing and starting (DATA=mnist for the full set)
# make format      rewrite the code in the project's format
# make clean       remove what the targets above have made, but no trained run

PYTHON ?= python3
EPOCHS ?= 200
DATA ?= digits

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check lint docs-check bench format clean

demo: $(READY)
	$(BIN)/ganctl train --data $(DATA) --epochs $(EPOCHS)
	$(BIN)/ganctl sample -n 64 out.png
	$(BIN)/ganctl export gen.onnx
	$(BIN)/ganctl infer gen.onnx gen.png

test: $(READY)
	$(BIN)/pytest --numprocesses auto --dist worksteal

check: lint test

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

docs-check: $(READY)
	$(BIN)/python -m tests.docs_check

bench: $(READY)
	$(BIN)/ganctl bench train --data $(DATA)
	$(BIN)/ganctl bench infer
	$(BIN)/ganctl bench start --data $(DATA)

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -f out.png gen.onnx gen.png

# Made once, and made anew when pyproject.toml changes. Python compiles what it imports by itself;
# compiling all of torch beforehand takes longer than the rest.
$(READY): pyproject.toml
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --editable '.[train,dev]'
	touch $(READY)
