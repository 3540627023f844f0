# Every target is a thin line; `make` alone says what there is.
SHELL := /bin/bash
PYTHON := .venv/bin/python
export RASA_TELEMETRY_ENABLED := false
export SQLALCHEMY_SILENCE_UBER_WARNING := 1

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /: /' | awk -F': ' '{printf "  make %-14s %s\n", $$1, $$2}'

run: setup ## Set everything up and serve on http://localhost:8000
	@$(PYTHON) -m bot serve

test: setup-dev ## Set everything up and run the tests (fast and model)
	@$(PYTHON) -m bot train
	@$(PYTHON) -m pytest -q -m "not slow"

test-all: setup-dev ## Run all tests: browser, faults, real servers too
	@$(PYTHON) -m bot train
	@$(PYTHON) -m pytest -q

fast: setup-dev ## Run the tests that need no model (under a minute)
	@$(PYTHON) -m pytest -q -n 2 --dist loadfile -m "not slow and not model"

check: setup-dev ## Check style and types; writes nothing
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy

format: setup-dev ## Put the code into shape
	@.venv/bin/ruff check --fix -q . ; .venv/bin/ruff format -q .

train: setup ## Train the model, if anything it reads has changed
	@$(PYTHON) -m bot train

evaluate: setup ## Measure understanding on our own held-out messages
	@for file in tests/heldout/*.jsonl; do echo "$$file"; $(PYTHON) -m bot evaluate "$$file"; done

bench: setup-dev ## Compare with stock Rasa; writes bench/report.json and a plot
	@$(PYTHON) -m bench

bench-web: setup-dev ## Load the website chat; writes bench/web.json and a plot
	@$(PYTHON) -m bench.web

bench-desk: setup-dev ## Time the staff queue: 200 handoffs, 20 people; writes bench/desk.json
	@$(PYTHON) bench/console_queue.py

screenshots: setup-dev ## Make the screenshots of README and docs
	@$(PYTHON) scripts/screenshots.py
	@$(PYTHON) scripts/screenshots_desk.py

lock: setup ## Resolve the dependencies anew into the lock files
	@scripts/lock.sh

setup:
	@scripts/setup.sh run

setup-dev:
	@scripts/setup.sh dev

.PHONY: help run test test-all fast check format train evaluate bench bench-web bench-desk screenshots lock setup setup-dev
.DEFAULT_GOAL := help
