# `make run` serves the registry, `make test` runs its tests on every engine.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ENGINE ?= sqlite postgres mongodb
PYTEST ?=
BENCH ?=
BENCH_MILLION ?=
BASE ?=
PROFILE ?=
ROUNDS ?= 20
CLIENTS ?= 12
FILES ?= 100000
# Checks need settings, but no real secrets and no server.
CHECKED := env VARIABLES_FILE=/dev/null API_TOKEN=none JWT_SECRET=none DATABASE=sqlite:///data/checks.sqlite3
PACKAGES := registry_site tenants folksonomy versions catalog

.DEFAULT_GOAL := help
.PHONY: help run demo superuser test prepare compiled test-quick screenshots newman azurite tus charts vendor torture fuzz check lint \
	format types imports migrations-check schema-check docs coverage-table lock bench profile profile-ledger bench-ledger trace clean

help: ## Show this list
	@grep -h -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 20

run: $(VENV)/.run-stamp ## Install what is missing and serve in the foreground
	@exec $(BIN)/python manage.py serve

demo: $(VENV)/.run-stamp ## Fill a tenant with 60 models, datasets and algorithms to look at
	@$(BIN)/python manage.py demo

superuser: $(VENV)/.run-stamp ## Create a superuser of the admin site
	@$(BIN)/python manage.py createsuperuser

test: prepare ## Run the tests on all engines, or on ENGINE=sqlite, postgres, mongodb
	@$(BIN)/python -m tests.run $(ENGINE) -- $(PYTEST)

prepare: compiled $(VENV)-mlflow/.stamp $(VENV)-mlflow29/.stamp newman azurite tus charts vendor ## Install and compile what the tests need

compiled: $(VENV)/.dev-stamp
	@$(BIN)/python -c 'from tests.run import compile_once; compile_once()'

test-quick: $(VENV)/.dev-stamp ## Run the tests that need neither a server nor long, on SQLite
	@$(BIN)/python -m tests.run sqlite -- --quick $(PYTEST)

screenshots: $(VENV)/.dev-stamp ## Save a picture of each page that the tests look at, in artifacts/screenshots
	@SCREENSHOTS=1 $(BIN)/python -m tests.run sqlite -- tests/e2e/browser

torture: $(VENV)/.dev-stamp ## Kill the server ROUNDS times (20) while CLIENTS (12) write; race it; send malformed bodies; FILES (100000) of a version
	@TORTURE_ROUNDS=$(ROUNDS) TORTURE_CLIENTS=$(CLIENTS) MANY_FILES=$(FILES) $(BIN)/python -m tests.run --all $(ENGINE) -- \
		tests/e2e/test_durability.py tests/test_races.py tests/test_any_body.py tests/versions/test_many_files.py

INSTALLED := node_modules/.package-lock.json
newman: tests/e2e/postman/$(INSTALLED) ## Install the Postman runner of the tests
azurite: tests/azure/$(INSTALLED) ## Install the Azure emulator of the tests
vendor: tests/vendor/$(INSTALLED) ## Install the JavaScript libraries that the pages contain, for the test that compares them
charts: tests/charts/$(INSTALLED) ## Install the library of charts, which the vendored files are compared with
tus: tests/tus/$(INSTALLED) ## Install the JavaScript client of resumable uploads of the tests

%/$(INSTALLED): %/package.json %/package-lock.json
	@command -v npm >/dev/null && npm ci --prefix $* --no-audit --no-fund --silent \
		|| echo "the packages of $*/package.json are not installed: their tests need npm (apt-get install nodejs npm)" >&2

fuzz: $(VENV)/.dev-stamp ## Send many random requests to the served API, on all engines or on ENGINE
	@FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-100} $(BIN)/python -m tests.run --all $(ENGINE) -- tests/e2e/fuzz

check: lint types imports migrations-check schema-check ## Run all checks but the tests

lint: $(VENV)/.dev-stamp ## Check style
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(VENV)/.dev-stamp ## Fix style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: $(VENV)/.dev-stamp ## Check types
	@$(CHECKED) $(BIN)/mypy $(PACKAGES) tests

imports: $(VENV)/.dev-stamp ## Check the import order of apps and layers
	@$(BIN)/lint-imports --no-logo

migrations-check: $(VENV)/.dev-stamp ## Check that no migration is missing
	@$(CHECKED) $(BIN)/python manage.py makemigrations --check --dry-run

schema-check: $(VENV)/.dev-stamp ## Check the OpenAPI description
	@$(CHECKED) $(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null

docs: $(VENV)/.dev-stamp ## Write the tables of docs/configuration.md, and the Postman collection
	@$(CHECKED) $(BIN)/python manage.py variables --write docs/configuration.md
	@$(CHECKED) $(BIN)/python manage.py postman --write docs/registry.postman_collection.json

coverage-table: $(VENV)/.dev-stamp ## Write docs/contract-coverage.md
	@$(BIN)/python -m tests.promises

lock: $(VENV)/.dev-stamp ## Lock the dependencies of pyproject.toml
	@$(BIN)/uv pip compile --quiet --no-header --universal --generate-hashes --python-version 3.11 pyproject.toml -o requirements.txt
	@$(BIN)/uv pip compile --quiet --no-header --universal --generate-hashes --python-version 3.11 --extra dev \
		-c requirements.txt pyproject.toml -o requirements-dev.txt
	@$(BIN)/uv pip compile --quiet --no-header --universal --generate-hashes --python-version 3.11 \
		benchmarks/requirements-mlflow.in -o benchmarks/requirements-mlflow.txt
	@$(BIN)/uv pip compile --quiet --no-header --universal --generate-hashes --python-version 3.11 \
		benchmarks/requirements-mlflow29.in -o benchmarks/requirements-mlflow29.txt

bench: $(VENV)/.dev-stamp $(VENV)-mlflow/.stamp ## Benchmark the registry against MLflow and write docs/performance.md
	@$(BIN)/uv pip install --quiet --python $(VENV)-mlflow/bin/python --constraint requirements.txt "psycopg[binary]"
	@BENCH_MILLION=$(BENCH_MILLION) $(BIN)/python -m benchmarks $(BENCH)
	@$(if $(BENCH),true,$(BIN)/python -m benchmarks.folders --output docs/performance.md)
	@$(if $(BENCH),true,$(BIN)/python -m benchmarks.dialect --output docs/performance.md)

profile: $(VENV)/.dev-stamp ## Measure the processor time of each kind of read, beside the commit BASE if given
	@$(BIN)/python -m benchmarks.in_process $(if $(BASE),--base $(BASE)) $(PROFILE)

profile-ledger: $(VENV)/.dev-stamp ## Measure the processor time that the ledger adds to each kind of write
	@$(BIN)/python -m benchmarks.ledger $(PROFILE)

bench-ledger: $(VENV)/.dev-stamp ## Measure what the ledger adds to each kind of write over HTTP
	@$(BIN)/python -m benchmarks.ledger_served $(BENCH)

trace: $(VENV)/.dev-stamp ## Count the files that four requests pass through
	@$(BIN)/python -m benchmarks.trace

clean: ## Remove the virtual environment and caches, never data
	@rm -rf $(VENV) $(VENV)-mlflow $(VENV)-mlflow29 .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
		&& echo "Installing python3-venv …" && apt-get update -qq \
		&& DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null 2>&1; } \
		|| { echo "Python's venv is missing: sudo apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.run-stamp: requirements.txt | $(BIN)/python
	@echo "Installing dependencies …"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

# The development requirements include those of a run. Of them pip installs uv, which installs the others in less time.
$(VENV)/.dev-stamp: requirements-dev.txt requirements.txt | $(BIN)/python
	@echo "Installing development dependencies …"
	@awk '/^[^ ]/ { wanted = /^uv==/ } wanted' requirements-dev.txt >$(VENV)/uv.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes --no-deps -r $(VENV)/uv.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.txt
	@touch $(VENV)/.run-stamp $@

# Each MLflow of the tests, the newest and 2.9, needs its own environment: its pinned versions conflict with ours.
$(VENV)-%/.stamp: benchmarks/requirements-%.txt | $(VENV)/.dev-stamp
	@echo "Installing $* for the tests …"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(VENV)-$*
	@$(BIN)/uv pip install --quiet --python $(VENV)-$*/bin/python --require-hashes -r benchmarks/requirements-$*.txt
	@touch $@
