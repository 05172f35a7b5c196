PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Every install uses the versions in constraints.txt.
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# Otherwise, every process that a test starts would compile the whole package.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test live lint wheel constraints clean

demo: $(VENV)/.local
	$(BIN)/items-api up --local --yes
	$(BIN)/items-api smoke --local
	@echo
	@echo "Your API is running on this computer. Try this next:"
	@echo "  . $(BIN)/activate"
	@echo "  items-api status --local"
	@echo "  items-api up --local --memory 512"
	@echo "  items-api down --local"

# More workers than cores, because some tests wait for time to pass.
test: $(VENV)/.dev
	$(BIN)/python -m pytest --numprocesses 3 --dist worksteal

# Test on a real AWS account, which ITEMS_API_LIVE_ACCOUNT names: see docs/live.md.
live: $(VENV)/.dev
	$(BIN)/python -m tests.live

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --num-workers 2

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.local: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[local]'
	@touch $@

$(BIN)/uv: | $(BIN)/python
	$(INSTALL) uv

# uv installs these packages in a tenth of pip's time.
$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[local,serve]' --group dev
	@touch $@

# Build a wheel and an sdist in dist/, and test the wheel in an empty environment.
wheel:
	rm -rf dist build/wheel
	$(PYTHON) -m venv build/wheel
	build/wheel/bin/pip install --quiet --disable-pip-version-check build
	build/wheel/bin/python -m build --quiet --outdir dist
	$(PYTHON) -m venv --clear build/wheel
	build/wheel/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt "$$(echo dist/*.whl)[local]"
	cd build/wheel && export ITEMS_API_HOME="$$PWD/home" && \
	  bin/items-api up --local && bin/items-api smoke --local --quiet && \
	  bin/items-api export terraform --local --output exported && bin/items-api down --local --yes

# Pin all dependencies for every supported Python and platform. Run this after changing dependencies in pyproject.toml.
constraints: $(BIN)/uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra local --extra serve --group dev --no-annotate --no-header \
	  pyproject.toml --output-file constraints.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra serve --generate-hashes --no-annotate --no-header \
	  --constraint constraints.txt pyproject.toml --output-file items_api/export/templates/container/requirements.txt

clean:
	rm -rf $(VENV) build dist
