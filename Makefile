# `make help` is the manual. `run` and `test` do all of their own set-up.

VENV := .venv
BIN := $(VENV)/bin
STACK := $(or $(CAREPLAN_STACK_DIR),.stack)
# What the virtual environment depends on: the pins, the project's own entry points, this folder.
WANTED := $(shell { cat requirements/dev.txt pyproject.toml; pwd; } | cksum)

.DEFAULT_GOAL := help
.PHONY: help run stop logs seed reset test test-unit test-contract test-processes test-component test-browser test-e2e \
	test-properties test-generated test-inbox lint format contracts catalogue check-contracts new-section bench faults lock clean set-up

##@ The stack

run: set-up ## start everything with five example plans; Ctrl-C stops it (JSON=1 for JSON lines)
	@exec $(BIN)/python -m deploy.local $(if $(JSON),--json)

stop: ## stop it from another terminal
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m deploy.local.stop; fi

logs: ## follow the logs of all processes
	@tail -n 20 -F $(STACK)/logs/*.log

seed: set-up ## load the example plans again (they are answered with the first receipts)
	@$(BIN)/python -m deploy.local.seed

reset: stop ## stop it and delete its data
	rm -rf $(STACK)

##@ Checks

# What needs no server runs on both cores. Services alone do too, each core with servers of its own; whole
# stacks go one after the other, since each has more processes than there are cores.
IN_MEMORY := tests/unit tests/architecture tests/contract tests/processes

test: lint ## everything CI runs
	$(BIN)/pytest --hypothesis-profile=thorough -n 2 --dist loadfile $(IN_MEMORY) tests/browser
	$(BIN)/pytest --hypothesis-profile=thorough -n 2 --dist loadfile tests/component
	$(BIN)/pytest --hypothesis-profile=thorough tests $(addprefix --ignore=,$(IN_MEMORY) tests/browser tests/component)

test-unit: set-up ## seconds: no database, no broker
	$(BIN)/pytest -n 2 --dist loadfile tests/unit tests/architecture

test-contract: set-up ## what is committed in contracts/, against the declarations and every example
	$(BIN)/pytest -n 2 --dist loadfile tests/contract

test-processes: set-up ## the command line, and what only shows where a process ends
	$(BIN)/pytest tests/processes

test-component: set-up ## one service at a time on real PostgreSQL and Kafka
	$(BIN)/pytest tests/component

test-browser: set-up ## every screen in Chromium, where there is one
	$(BIN)/pytest tests/browser

test-e2e: set-up ## the whole stack
	$(BIN)/pytest tests/e2e

test-generated: set-up ## long: requests made from the contracts, by every kind of caller (CAREPLAN_SEED=… for others)
	CAREPLAN_GENERATED=long $(BIN)/pytest -s tests/generated

test-inbox: set-up ## long: 10,000 contributions through an inbox, sent again whole
	CAREPLAN_INBOX_CONTRIBUTIONS=10000 $(BIN)/pytest tests/e2e/test_inbox.py -k byte_for_byte

test-properties: set-up ## minutes: look for new examples that break a property
	$(BIN)/pytest -n 2 --timeout=600 -m hypothesis --hypothesis-profile=searching tests/unit tests/contract

lint: set-up ## ruff, mypy, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: set-up ## format the code
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

bench: set-up ## measure each path against the raw limit of this machine
	$(BIN)/python -m benchmarks

faults: set-up ## kill, stop and cut off processes while contributions come in
	$(BIN)/python -m tests.faults

##@ Contracts

contracts: set-up ## generate contracts/ from the declarations, and the catalogue from them
	$(BIN)/python -m shared.contracts.generate
	@$(BIN)/python -m shared.contracts.catalogue

catalogue: set-up ## write only the catalogue: build/catalogue/index.html, pages for people
	@$(BIN)/python -m shared.contracts.catalogue

check-contracts: set-up ## check only that contracts stay compatible
	@$(BIN)/python -m shared.contracts.gate

new-section: set-up ## write the folder of a new section: make new-section NAME=medication
	@$(if $(NAME),,$(error name the section: make new-section NAME=medication))$(BIN)/python -m shared.contracts.new_section $(NAME)

##@ The project

lock: ## pin the dependencies in pyproject.toml again (UPGRADE=--upgrade for newer ones)
	@$(find-python); \
	uv=$$(mktemp -d) && trap 'rm -rf "$$uv"' EXIT && "$$python" -m venv "$$uv" \
	&& "$$uv/bin/pip" install --quiet --disable-pip-version-check uv \
	&& compile() { "$$uv/bin/uv" pip compile --quiet --universal --generate-hashes --no-header $(UPGRADE) pyproject.toml "$$@"; } \
	&& compile --extra stack -o requirements/runtime.txt \
	&& compile --extra stack --extra dev -o requirements/dev.txt

clean: reset ## delete the stack, the environment and all caches
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache htmlcov .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## show this list
	@awk 'BEGIN { FS = ":.*## " } \
	/^##@ / { printf "\n%s\n", substr($$0, 5) } \
	/^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# Names the first Python that will do in the shell variable `python`; PYTHON=… goes first.
define find-python
python=; for p in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python; do \
	if "$$p" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then python=$$p; break; fi; done; \
	if [ -z "$$python" ]; then \
	echo "Python 3.11 or newer with its venv module is needed (python3 here is $$(python3 --version 2>&1)); name one with PYTHON=/path/to/python3" >&2; exit 1; fi
endef

# Runs only where something that the environment was made from has changed, or a set-up was cut short.
# What pip prints is in a file, and is shown where it fails.
set-up:
	@if [ "$$(cat $(VENV)/made-from 2>/dev/null)" = "$(WANTED)" ] && $(BIN)/python -c '' 2>/dev/null; then exit 0; fi; \
	echo "Installing the Python packages into $(VENV); the first time takes a minute or two."; \
	if ! $(BIN)/python -c '' 2>/dev/null; then $(find-python); "$$python" -m venv --clear $(VENV) || exit 1; fi; \
	log=$(VENV)/set-up.log; \
	{ $(BIN)/pip install --disable-pip-version-check --require-hashes -r requirements/dev.txt \
	&& $(BIN)/pip install --disable-pip-version-check --no-deps --no-build-isolation -e .; } >$$log 2>&1 \
	|| { cat $$log >&2; echo "The packages could not be installed; pip says why above. \`make clean\` begins anew." >&2; exit 1; }; \
	echo "$(WANTED)" > $(VENV)/made-from
