# Everything starts here. `make run` and `make test` need only Python >= 3.10, make and git.

# python3 where it is new enough, else the newest python3.x on the PATH
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python3.10; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PACKAGES := tap-github-actions tap-llm-csv target-telemetry-postgres telemetry-record
SOURCES := $(PACKAGES) shared_code migrations tests examples bench docs

# Nothing here phones home.
export MELTANO_SEND_ANONYMOUS_USAGE_STATS := false
export DO_NOT_TRACK := 1
# Byte code once at installation, not at each start of a program (some systems forbid writing it later).
export UV_COMPILE_BYTECODE := 1

.DEFAULT_GOAL := help
.PHONY: help run setup plugins browser test test-fast proof lint format bench docs vendor lock clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .meltano/.ready ## load the sample data through both pipelines and print the tables
	@$(BIN)/python examples/demo.py

setup: .venv/.ready ## make .venv with meltano, pytest and the four packages

plugins: .meltano/.ready ## make setup, and install the Meltano plugins

browser: .venv/.browser ## make setup, and what drives a browser in the tests of the page

test: setup ## run the whole test suite; it starts the servers it needs
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

test-fast: setup ## the tests that need no server, in half a minute
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(wildcard tests/*/unit) $(ARGS)

proof: setup ## run the randomised proofs at full length (an hour or so)
	@TELEMETRY_PROOF=full $(BIN)/python -m pytest -n 2 --dist worksteal -m proof $(ARGS)

lint: setup ## ruff, mypy --strict, workflow checks, and models against migrations
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)
	@for package in $(PACKAGES); do $(BIN)/mypy $$package || exit 1; done
	@$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/zizmor --offline --quiet .github
	@$(BIN)/python -m pytest -q tests/migrations -k drift

format: setup ## let ruff tidy the code
	@$(BIN)/ruff check --fix $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

bench: setup ## measure speed side by side with peers; writes docs/benchmarks.md
	@$(BIN)/python -m bench $(ARGS)

docs: setup ## write the settings tables from --about, and the list of modules from their first lines
	@$(BIN)/python docs/settings_tables.py
	@$(BIN)/python docs/module_map.py

vendor: ## copy the modules of shared_code into the packages that import them
	@$(PYTHON) shared_code/vendor.py

lock: setup ## resolve the newest versions into requirements.lock
	@$(BIN)/uv pip compile --quiet --upgrade --universal --no-build --python-version 3.10 \
	  --no-header --no-annotate --no-emit-index-url --group dev \
	  $(PACKAGES:%=%/pyproject.toml) --output-file requirements.lock
	@$(BIN)/uv pip compile --quiet --upgrade --universal --no-build --python-version 3.10 \
	  --no-header --no-annotate --no-emit-index-url --group browser --output-file requirements-browser.lock

clean: ## remove everything that the commands above made
	@rm -rf .venv .meltano .telemetry output .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/.ready: requirements.lock $(PACKAGES:%=%/pyproject.toml)
	@test -n "$(PYTHON)" || { echo "Python 3.10 or newer is needed and none was found on the PATH: install one, or run 'make setup PYTHON=/path/to/python3'."; exit 1; }
	@echo "setup 1/3: a virtual environment in .venv"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^uv==' requirements.lock)"
	@echo "setup 2/3: the pinned requirements"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --requirement requirements.lock
	@echo "setup 3/3: the four packages"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps $(PACKAGES:%=--editable ./%)
	@touch $@

.venv/.browser: .venv/.ready requirements-browser.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --requirement requirements-browser.lock
	@touch $@

.meltano/.ready: .venv/.ready meltano.yml
	@echo "setup: the Meltano plugins, each in its own environment"
	@mkdir -p .meltano
	@$(BIN)/meltano --log-level=warning install > .meltano/install.log 2>&1 || { tail -n 20 .meltano/install.log; echo "'meltano install' failed; its last lines are above."; exit 1; }
	@touch $@
