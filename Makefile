# Two commands to know: `make demo` and `make test`.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Python's packages and Maven's come at the same time.
MAKEFLAGS += --jobs=2

BIN := .venv/bin
STACK := $(BIN)/python -m stack
MAVEN := mvn --quiet --batch-mode
PIN := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade --quiet
SINK := connect/pom.xml $(shell find connect/src/main -type f)

.PHONY: others help demo test test-all faults soak check unit java setup up down status logs clean lint format bench bench-quick docs release screenshots requirements system browser everything

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: setup ## Fill Elasticsearch from a sample shop while it changes, and compare every document
	$(BIN)/python -m demo

others: stack/target/.others ## Fetch other versions of PostgreSQL and Elasticsearch, and a schema registry

test: setup browser others ## Run every check, and every test but the long ones, on stacks of their own
	$(BIN)/python -m tests.run

test-all: setup everything others ## Run every check and every test
	$(BIN)/python -m tests.run --all

faults: setup everything ## Let every fault strike in every phase, and write docs/reliability.md
	$(BIN)/python -m tests.faults

MINUTES ?= 30
soak: setup everything ## Let faults strike at random: make soak MINUTES=30 SEED=7
	$(BIN)/python -m tests.faults --soak $(MINUTES) $(if $(SEED),--seed $(SEED))

check: setup ## Run what needs no server: lint, types, unit tests, JUnit
	@$(MAKE) --no-print-directory --output-sync=target lint unit java

unit: setup
	$(BIN)/python -m pytest tests/unit --junitxml=.stack/test/report/unit.xml

java: setup
	$(MAVEN) -f connect/pom.xml test

setup: .venv/.installed stack/target/.fetched connect/target/.packaged ## Install what is missing

up: setup ## Start the stack
	@$(STACK) up

down: ## Stop the stack
	@$(STACK) down

status: ## Show what runs
	@$(STACK) status

logs: ## Follow the servers' logs
	@$(STACK) logs --follow

clean: ## Stop the stack and remove its data
	@test ! -x $(BIN)/python || { $(BIN)/python -m tests.lanes && $(STACK) clean; }

lint: setup ## Check style, types and import rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	PYTHONPATH=include:plugins $(BIN)/lint-imports
	$(MAVEN) -f connect/pom.xml spotless:check

format: setup ## Format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(MAVEN) -f connect/pom.xml spotless:apply

bench: up ## Measure, into bench/results/latest.json and docs/performance.md
	$(BIN)/python -m bench

bench-quick: up ## Measure the main ratios, and fail when one is worse than recorded
	$(BIN)/python -m bench --check

docs: setup ## Write the parts of docs/ that come from the code
	$(BIN)/python -m pg2es.cli.reference > docs/pipeline-file.md
	$(MAVEN) -f connect/pom.xml compile exec:java

release: setup ## Build what others install into dist/: the wheel, the sink, and what each is made of (CycloneDX)
	rm -rf dist && mkdir -p dist/source
	git archive HEAD | tar -x -C dist/source
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist dist/source
	rm -rf dist/source
	tar -czf dist/pg2es-connect.tar.gz -C connect/target/plugin .
	$(BIN)/cyclonedx-py requirements --output-format JSON --output-file dist/pg2es.cdx.json requirements.txt
	$(MAVEN) -f connect/pom.xml cyclonedx:makeBom -DoutputDirectory=$(CURDIR)/dist

screenshots: browser ## Take the pictures in docs/images/ of a running demo
	$(BIN)/python -m demo.screenshots

requirements: .venv/.installed ## Pin requirements.in, requirements-dev.in and uv anew
	for part in requirements requirements-dev; do $(PIN) $$part.in -o $$part.txt || exit; done
	echo uv | $(PIN) - -o stack/uv.txt

system:
	@stack/install-system.sh

browser everything: | system
	@stack/install-system.sh $@

.venv/.installed: requirements.txt requirements-dev.txt stack/uv.txt | system
	stack/install-venv.sh
	@touch $@

# Emptied first: a library of another version must not stay on a class path.
stack/target/.fetched: stack/pom.xml | system
	rm -rf stack/target
	$(MAVEN) -f stack/pom.xml process-resources
	@touch $@

# Beside the usual ones.
stack/target/.others: stack/target/.fetched
	$(MAVEN) -f stack/pom.xml process-resources -P others
	@touch $@

# After the other Maven run: two at once would write to one local repository.
connect/target/.packaged: $(SINK) | system stack/target/.fetched
	$(MAVEN) -f connect/pom.xml package -DskipTests
	@touch $@
