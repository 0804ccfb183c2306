# The one way to do things; `.ci/run` and the README call these targets. ARGS goes to the program that a target runs:
#   make unit ARGS="-k idempotency -x"      make demo ARGS=--once      make bench ARGS=--json

SHELL := /bin/bash
PYTHON := .venv/bin/python
STAMP := .venv/.holdfast-stamp
CODE := edge_core holdfast_runtime edge_agent central_sync deploy tests bench
# Fast ones first: what is plainly broken should say so in the first seconds.
TIERS := $(wildcard $(addprefix tests/,unit contract property simulation integration faults))

# Tests, demo and bench start this project's processes hundreds of times: let Python keep what it has compiled.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo replay policies test unit contract property sim rights sourcing integration faults bench lint fmt lock clean mosquitto rigs

help: ## Show this
	@echo 'Usage: make TARGET [ARGS=...]   (the first run makes .venv: a minute, no root)'
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(STAMP) ## Three stores and a centre on this machine, with failures; ARGS=--once runs it unattended
	$(PYTHON) -m deploy.demo $(ARGS)

replay: $(STAMP) ## A year of real sales through three stores, each line accounted for; DATA=path, ARGS="--limit 500"
	$(PYTHON) -m deploy.replay $(if $(DATA),--data $(DATA)) $(ARGS)

policies: $(STAMP) ## What each policy does to real orders over ten made-up stores, in a table; DATA=path, ARGS="--orders 200"
	$(PYTHON) -m deploy.policies $(if $(DATA),--data $(DATA)) $(ARGS)

# Programs of the product are forked from a process that has imported them; all other targets start them from their files.
test: export HOLDFAST_PROGRAMS := warm
test: lint mosquitto rigs ## Everything that CI runs but the demo: lint and all tiers, on real brokers and a real PostgreSQL
	$(PYTHON) -m pytest -n 3 --dist worksteal $(TIERS) $(ARGS)

unit: $(STAMP) ## The core alone, in seconds
	$(PYTHON) -m pytest tests/unit $(ARGS)

contract: $(STAMP) ## What each implementation of one interface must do
	$(PYTHON) -m pytest tests/contract $(ARGS)

property: $(STAMP) ## The laws, tried with Hypothesis
	$(PYTHON) -m pytest tests/property $(ARGS)

sim: $(STAMP) ## The whole house in virtual time; SEEDS=500 tries so many, ARGS="--seed 7 --trace" tells one
	$(PYTHON) -m tests.simulation --seeds $(or $(SEEDS),500) $(ARGS)

rights: $(STAMP) ## Random schedules of five stores that share rights; SCHEDULES=10000, ARGS=--mutations plants bugs
	$(PYTHON) -m tests.rigs.rights_schedules --schedules $(or $(SCHEDULES),10000) $(ARGS)

sourcing: $(STAMP) ## Our plans against a MIP solver's, random ones and a real network's; PROBLEMS=2000, DATA=folder
	$(PYTHON) -m tests.rigs.sourcing_gap --problems $(or $(PROBLEMS),2000) $(if $(DATA),--data $(DATA)) $(ARGS)

integration faults: export HOLDFAST_BROKERS := both
integration: $(STAMP) mosquitto ## Shells with real brokers, SQLite and PostgreSQL, each test on each broker
	$(PYTHON) -m pytest tests/integration $(ARGS)

# What takes longer than a quarter of an hour is interrupted, as by Ctrl-C: the table then shows how far it came.
faults: export HOLDFAST_FAULTS := long
faults: export HOLDFAST_KILLS := $(or $(KILLS),$(HOLDFAST_KILLS),300)
faults: export HOLDFAST_CUTS := $(or $(CUTS),$(HOLDFAST_CUTS),100)
faults: $(STAMP) mosquitto rigs ## Processes killed and stopped, roads broken, power cut, with a table; KILLS=300 CUTS=100
	timeout --foreground --signal=INT --kill-after=30 900 \
		$(PYTHON) -m pytest -v -n 3 --dist worksteal tests/faults $(ARGS)

bench: $(STAMP) ## What is claimed about speed, each figure beside its floor; ARGS=--json for programs
	$(PYTHON) -m bench $(ARGS)

lint: $(STAMP) ## ruff and strict mypy
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy $(CODE)

fmt: $(STAMP) ## Format, and mend what can be mended
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

lock: $(STAMP) ## Write requirements/*.txt anew from pyproject.toml; ARGS=--upgrade takes newer versions
	deploy/bootstrap lock $(ARGS)

clean: ## Remove the environment and everything that was made
	rm -rf .venv build dist run .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

mosquitto:
	@deploy/bootstrap mosquitto

rigs:
	@deploy/bootstrap rigs

$(STAMP): requirements/dev.txt pyproject.toml deploy/bootstrap
	deploy/bootstrap venv
	@touch $@
