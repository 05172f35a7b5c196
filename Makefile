PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Every install is the same: versions from constraints.txt, nothing newer.
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

.PHONY: demo test lint constraints clean

demo: $(VENV)/.local
	$(BIN)/items-api up --local --yes
	$(BIN)/items-api smoke --local
	@echo
	@echo "Your API runs on this computer. What to try next:"
	@echo "  . $(BIN)/activate"
	@echo "  items-api status --local"
	@echo "  items-api up --local --memory 512"
	@echo "  items-api down --local"

# More workers than cores: a third of the tests wait for processes of their own.
test: $(VENV)/.dev
	$(BIN)/python -m pytest --numprocesses 4 --dist worksteal

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.local: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) '.[local]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) '.[dev]'
	@touch $@

# The exact versions of everything, for every Python and platform the package supports; after a change in pyproject.toml.
constraints:
	uv pip compile --quiet --universal --python-version 3.11 --extra local --extra dev --no-annotate --no-header \
	  pyproject.toml --output-file constraints.txt

clean:
	rm -rf $(VENV)
