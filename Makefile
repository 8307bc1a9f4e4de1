# Two commands do everything on a fresh machine (Debian, Python 3.11 or newer, git, make):
#   make gallery   builds the repository's own gallery into site/
#   make test      runs every check, in a real browser too
# Both create what they need in .venv and may be run again at any time.

PYTHON ?= python3
BIN := .venv/bin
# Tests use both cores; browsers and models in more processes would only wait for each other.
JOBS ?= 2

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show what can be made.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

.PHONY: gallery
gallery: .venv/.compute ## Build the gallery into site/.
	@echo "==> Building the gallery"
	@$(BIN)/attention-gallery build --strict

.PHONY: serve
serve: .venv/.compute ## Serve the gallery and rebuild it while you write.
	@$(BIN)/attention-gallery serve

.PHONY: test
test: .venv/.dev browser ## Run every check: style, types, flow, tests, browser.
	@echo "==> Style"
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@echo "==> Types"
	@$(BIN)/mypy
	@echo "==> One-way flow"
	@$(BIN)/lint-imports
	@echo "==> Tests"
	@$(BIN)/pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

.PHONY: bench
bench: .venv/.dev ## Measure; nothing here passes or fails.
	@for script in tests/bench/*.py; do $(BIN)/python $$script || exit 1; done

.PHONY: bench-browser
bench-browser: .venv/.dev browser build/bertviz/.fetched ## Measure our pages beside BertViz's (minutes).
	@$(BIN)/python tests/bench/browser

.PHONY: support
support: .venv/.dev ## Try every architecture of transformers (minutes) and write the page on it.
	@$(BIN)/python tests/architectures --write

.PHONY: strings
strings: .venv/.dev ## Gather the texts that readers see, and bring all translations up to date.
	@$(BIN)/python tests/catalogues.py

.PHONY: reference
reference: .venv/.compute ## Write the reference in galleries/guide from the code.
	@$(BIN)/python -m attention_gallery.reference

.PHONY: specimens
specimens: .venv/.compute ## Train the specimens again in build/ (minutes) and compare their scores.
	@$(BIN)/python galleries/specimens/retrain.py

.PHONY: clean
clean: ## Remove everything that was made here.
	rm -rf .venv .attention site dist build .mypy_cache .ruff_cache .pytest_cache

.PHONY: browser
browser:
	@command -v chromium >/dev/null || { \
	  echo "==> Installing Chromium for the browser tests"; \
	  sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	  $$sudo apt-get update -qq && $$sudo apt-get install -y -qq chromium fonts-noto-core >/dev/null; }

# Beside .venv and not in it: nothing else needs what we are measured against, nor what its pages load.
build/bertviz/.fetched: | .venv/.dev
	@echo "==> Fetching BertViz and the scripts that its pages load from another host"
	@command -v npm >/dev/null || { echo "npm is needed to fetch them: apt-get install npm"; exit 1; }
	@$(BIN)/python -m pip install -q --upgrade --target build/bertviz/python --no-deps bertviz==1.4.1
	@$(BIN)/python -m pip install -q --upgrade --target build/bertviz/python ipython
	@npm install --silent --ignore-scripts --no-save --prefix build/bertviz \
	  d3@5.7.0 jquery@2.1.0 requirejs@2.3.6
	@touch $@

.venv/bin/python:
	@echo "==> Creating the environment .venv"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; say which: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv .venv \
	  || { echo "Python's venv module is missing: apt-get install python3-venv"; exit 1; }

.venv/.compute: .venv/bin/python pyproject.toml constraints.txt
	@echo "==> Installing the package with torch and transformers (minutes, once)"
	@$(BIN)/python -m pip install -q -c constraints.txt -e '.[compute,measures]'
	@touch $@

.venv/.dev: .venv/.compute pyproject.toml
	@echo "==> Installing what the tests need"
	@$(BIN)/python -m pip install -q --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install -q -c constraints.txt --group dev
	@touch $@
