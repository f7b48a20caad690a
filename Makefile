# Two commands to know: `make demo` and `make test`.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Python's packages and Maven's come at the same time.
MAKEFLAGS += --jobs=2

BIN := .venv/bin
STACK := $(BIN)/python -m stack
MAVEN := mvn --quiet --batch-mode
SINK := connect/pom.xml $(shell find connect/src/main -type f)

.PHONY: help demo test setup up down status logs clean lint format bench docs screenshots requirements system browser

help: ## List the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: setup ## Fill Elasticsearch from a sample shop while it changes, and compare every document
	$(BIN)/python -m demo

test: setup browser lint ## Run every check and every test, against a stack of its own
	stack/test.sh

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
	@test ! -x $(BIN)/python || { PG2ES_STACK_DATA=.stack/test $(STACK) clean && $(STACK) clean; }

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

bench: up ## Measure, into bench/results/latest.json
	$(BIN)/python -m bench

docs: setup ## Write the parts of docs/ that come from the code
	$(BIN)/python -m pg2es.cli.reference > docs/pipeline-file.md
	$(MAVEN) -f connect/pom.xml compile exec:java
	$(BIN)/python -m pg2es.cli.reference > docs/pipeline-file.md

screenshots: browser ## Take the pictures in docs/images/ of a running demo
	$(BIN)/python -m demo.screenshots

requirements: .venv/.installed ## Pin requirements.in and requirements-dev.in anew
	$(BIN)/pip install --quiet uv
	for part in requirements requirements-dev; do \
	    $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	        --upgrade --quiet $$part.in -o $$part.txt || exit; \
	done

system:
	@stack/install-system.sh

browser: | system
	@stack/install-system.sh browser

.venv/.installed: requirements.txt requirements-dev.txt | system
	stack/install-venv.sh
	@touch $@

# Emptied first: a library of another version must not stay on a class path.
stack/target/.fetched: stack/pom.xml | system
	rm -rf stack/target
	$(MAVEN) -f stack/pom.xml process-resources
	@touch $@

# After the other Maven run: two at once would write to one local repository.
connect/target/.packaged: $(SINK) | system stack/target/.fetched
	$(MAVEN) -f connect/pom.xml package -DskipTests
	@touch $@
