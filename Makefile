# What a newcomer types: make demo, make test.  Everything sets itself up.
.PHONY: demo test lint bench cases injection probes sabotage faults soak lock clean
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
CASES ?= tests/cases/data
# Of the tests: one more than cores, for many a test waits for processes, clocks and disks.
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))
# Compiling every test again in each worker takes longer than most tests.
unexport PYTHONDONTWRITEBYTECODE

demo: $(VENV)/.demo
	$(BIN)/ironclaw demo $(ARGS)

test: $(VENV)/.dev
	$(BIN)/python -m pytest tests -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# What to measure, if not everything: make bench ARGS="verdict scale --million".
bench: $(VENV)/.dev $(VENV)/.bench
	$(BIN)/python -m tests.bench $(ARGS)

cases: $(VENV)/.dev
	$(BIN)/python -m tests.cases $(CASES)

# A brain that always obeys the attacker, over the case files of AgentDojo, InjecAgent, ASB and tau-bench in a
# folder: make injection CASES=../shared/cases.  See docs/injection.md.
injection: $(VENV)/.dev
	$(BIN)/python -m tests.injection $(CASES) $(ARGS)

# Every attack of the malicious toolbox as a row: what stopped it, how, in which time.
probes: $(VENV)/.dev
	$(BIN)/python -m tests.probes

# Breaks each promise in a copy and shows which test noticed.
sabotage: $(VENV)/.dev
	$(BIN)/python -m tests.sabotage $(ARGS)

# A real bot killed at each boundary, times each kind of tool, times each database, as a table.
faults: $(VENV)/.dev
	$(BIN)/python -m tests.faults $(ARGS)

# What takes minutes: 10,000 calls and nothing leaks; 10,000 steps of the approval machine against its model;
# SOAK_MINUTES (30) of a bot that is killed, told twice and decided at random, by SOAK_SEED.
soak: $(VENV)/.dev
	$(BIN)/python -m pytest tests/soak/leaks.py tests/soak/approvals.py tests/soak/durable.py tests/soak/machine.py $(ARGS)

# Pins anew; needs the network.  The files name versions and hashes, never where they came from.
lock: $(VENV)/.dev
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-emit-index-url --no-annotate --extra build pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-emit-index-url --no-annotate --all-extras -c requirements.lock pyproject.toml -o requirements-dev.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-emit-index-url --no-annotate tests/bench/peers.in -o requirements-bench.lock
	cd tools/ironclaw_tools/sdk/js && npm install --package-lock-only --ignore-scripts --no-audit --no-fund
	$(BIN)/python -m ironclaw_bot.guests.npm_lock tools/ironclaw_tools/sdk/js/package-lock.json

$(VENV)/.demo: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("IronClaw needs Python 3.11 or newer: make PYTHON=python3.12 demo" if sys.version_info < (3, 11) else 0)'
	@echo "installing into $(VENV) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.demo requirements-dev.lock
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

# Peers and plots, for the bench only, apart from everything else.
$(VENV)/.bench: requirements-bench.lock
	@echo "installing the bench's peers into $(VENV)/bench ..."
	@test -x $(VENV)/bench/bin/python || $(PYTHON) -m venv $(VENV)/bench
	@$(VENV)/bench/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements-bench.lock
	@touch $@

clean:
	rm -rf $(VENV) .ironclaw tools/ironclaw_tools/built
