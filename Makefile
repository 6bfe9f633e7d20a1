# Everything a person types while working on Anaphora. `make help` lists it; CONTRIBUTING.md tells the rest.
# Any of these may be set on the command line: make serve PORT=8080 PYTHON=python3.12

PYTHON ?= python3
VENV ?= .venv
HOST ?= 127.0.0.1
PORT ?= 8000
TESTS ?= tests
CONTAINER ?= $(or $(shell command -v docker),$(shell command -v podman),docker)
IMAGE ?= anaphora

bin := $(VENV)/bin
# OpenMP's threads spin while they wait, which on a busy machine costs more than they bring.
threads := OMP_WAIT_POLICY=passive OMP_NUM_THREADS=1

.DEFAULT_GOAL := help
.PHONY: help serve env train-env test slow page check format bench pictures container clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 14

serve: env ## install what the service needs (no torch) and serve on http://HOST:PORT
	$(bin)/anaphora serve --host $(HOST) --port $(PORT)

env: $(VENV)/.env ## only install what the service needs
train-env: $(VENV)/.train-env ## only install what training and tests need as well

test: train-env ## run the tests; TESTS=tests/model for some of them
	$(threads) $(bin)/python -m pytest $(TESTS)

slow: train-env ## run the tests that take minutes
	$(threads) $(bin)/python -m pytest $(TESTS) -m slow

page: train-env ## drive the page in Chromium (which must be installed), then measure how soon it paints and answers
	$(threads) $(bin)/python -m pytest tests/service/page -m "slow or not slow"
	$(threads) $(bin)/python -m tests.service.page.speed

check: train-env ## lint, format and types, changing nothing
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy

format: train-env ## put the code into its format and sort its imports
	$(bin)/ruff check --fix .
	$(bin)/ruff format .

bench: train-env ## measure speed on this machine
	for what in fill trace prepare train; do $(bin)/anaphora bench $$what || exit; done

pictures: train-env ## measure the tutorial's claims again and draw docs/pictures (a quarter of an hour)
	for what in memory switch gradients parameters identity; do \
		$(threads) $(bin)/anaphora experiment $$what --picture docs/pictures/$$what.svg || exit; done

container: ## build the service's image with docker or podman
	$(CONTAINER) build --tag $(IMAGE) .

clean: ## remove the environment and everything that tools left behind
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An empty file in the environment says that it fits these two files, so that a second run needs no network.
install = $(bin)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable

$(VENV)/.env: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Anaphora needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(bin)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@echo "installing the service's packages into $(VENV)"
	@$(install) .
	@touch $@

$(VENV)/.train-env: $(VENV)/.env
	@echo "installing training's and the tests' packages into $(VENV)"
	@$(install) '.[training,test]'
	@touch $@
