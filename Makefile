# make demo | test | quick | kernels | lint | widgets | lab | voila | gallery | pictures | binder | bench | study | lock; each sets up what it needs.
# PYTHON picks the interpreter, PIP_OPTIONS goes to every pip install, OUT is the demo's folder.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_OPTIONS ?=
PYTEST_OPTIONS ?=
OUT ?= results/demo
STUDY ?= results/study
JOBS ?= 2
LAB_OPTIONS ?=
TORCH := torch==2.13.0
# Newer soupsieve needs Python 3.11.5, and Debian 12 has 3.11.2; newer jsonschema brings rfc3987-syntax,
# which takes whatever loads nbformat (the server, papermill, every worker) 2.7 s to load.
OLD_ENOUGH := 'soupsieve<3' 'jsonschema<4.25'
PIP := -m pip install --disable-pip-version-check $(PIP_OPTIONS)
STAMP := $(VENV)/.installed
# A file's tests on one worker, so that what they share is made once; the files in the order that
# tests/conftest.py gives them, those that take long first.
BY_FILE := --dist loadfile --no-loadscope-reorder
NOTEBOOKS := $(wildcard notebooks/*.ipynb)
STATIC := seisnb/dashboards/static
export SEISNB_DATA ?= $(abspath $(CURDIR)/../shared/data)
export SEISNB_SCREENSHOTS ?= $(CURDIR)/results/screenshots

.PHONY: help setup demo test checks quick kernels lint format widgets node lab voila gallery pictures binder bench study lock browser clean
.DEFAULT_GOAL := help

help:
	@sed -n '1,2s/^# //p' Makefile

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null || \
	  { echo "seisnb needs Python 3.11, 3.12 or 3.13; $(PYTHON) is $$($(PYTHON) --version 2>&1). Install one and run: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@key=$$(cat requirements.lock pyproject.toml | cksum); \
	if [ -f $(STAMP) ] && [ "$$(cat $(STAMP))" = "$$key" ] && [ -x $(BIN)/seisnb ]; then touch $(STAMP); exit 0; fi; \
	set -e; echo "Setting up $(VENV) (once; a few minutes)"; \
	[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV); \
	$(BIN)/python $(PIP) -q -r requirements.lock; \
	$(BIN)/python $(PIP) -q --no-deps -e .; \
	echo "$$key" > $(STAMP)

demo: $(STAMP)
	$(BIN)/seisnb demo --out $(OUT)

test: checks
	$(BIN)/python -m pytest -n $(JOBS) $(BY_FILE) $(PYTEST_OPTIONS)

# All that comes before the tests, side by side once everything is installed.
checks: $(STAMP) node browser
	@$(MAKE) --no-print-directory $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) -j $(JOBS) lint widgets kernels

# Tests whose results must not depend on the processor, as on two kinds of it.
kernels: $(STAMP)
	$(BIN)/python -m tests.kernels

quick: $(STAMP)
	$(BIN)/python -m pytest -n $(JOBS) $(BY_FILE) -m "not slow and not browser and not benchmark" $(PYTEST_OPTIONS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/nbstripout --verify $(NOTEBOOKS)

# The browser half: types, tests, and the committed bundles must be what the sources give.
widgets: node
	@cd widgets && { [ -f node_modules/.package-lock.json ] && ! [ package-lock.json -nt node_modules/.package-lock.json ] || npm ci --silent --no-audit --no-fund; }
	@before=$$(cd $(STATIC) && cat *.js | cksum); (cd widgets && npm run --silent check) || exit 1; \
	after=$$(cd $(STATIC) && cat *.js | cksum); [ "$$before" = "$$after" ] || \
	  { echo "$(STATIC) was not what widgets/src gives; it is now: commit it." >&2; exit 1; }

node:
	@command -v npm >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing Node for the widgets' checks"; \
	  apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null; \
	else \
	  echo "The widgets' checks need Node 20 or newer with npm: install them and run make again." >&2; exit 1; \
	fi

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/nbstripout $(NOTEBOOKS)

lab: $(STAMP)
	$(BIN)/seisnb lab $(LAB_OPTIONS)

voila: $(STAMP)
	$(BIN)/seisnb voila

# The notebooks at small sizes as web pages: results/gallery/index.html.
gallery: $(STAMP)
	$(BIN)/python notebooks/gallery.py

# The pictures of README and welcome.ipynb, from results/demo.
pictures: demo browser
	$(BIN)/python notebooks/figures/draw.py $(OUT)

# Binder's steps in a clean environment, then a browser at every door; many minutes.
binder: $(STAMP) browser
	binder/prove.sh

bench: $(STAMP)
	$(BIN)/python $(PIP) -q -c requirements.lock -e '.[benchmark]'
	$(BIN)/python -m pytest -s -m benchmark tests/benchmarks $(PYTEST_OPTIONS)

# Coverage on forty truths; stopped, it goes on from $(STUDY).
study: $(STAMP)
	$(BIN)/seisnb verify coverage --out $(STUDY) --jobs $(JOBS) --methods grid,network,svgd
	$(BIN)/seisnb verify coverage --out $(STUDY) --jobs $(JOBS) --truths 10 \
	  --methods grid-unbent,map,map-unbent,network-unbent,network+map,network+map-unbent,both

# The full closure of the package and its development tools, from an empty environment.
lock:
	@set -e; tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	$(PYTHON) -m venv "$$tmp/v"; \
	"$$tmp/v/bin/python" $(PIP) -q '$(TORCH)'; \
	"$$tmp/v/bin/python" $(PIP) -q '.[dev]' '$(TORCH)' $(OLD_ENOUGH); \
	{ echo "# Made by 'make lock' with Python $$("$$tmp/v/bin/python" -c 'import platform; print(platform.python_version())'). Do not edit."; \
	  "$$tmp/v/bin/python" -m pip freeze --exclude seisnb | sed -E 's/^([A-Za-z0-9._-]+==[^+ ]+)\+[A-Za-z0-9.]+$$/\1/'; } > "$$tmp/lock"; \
	! grep -nE '://| @ |^-' "$$tmp/lock"; \
	cp "$$tmp/lock" requirements.lock; \
	echo "requirements.lock: $$(grep -c == requirements.lock) packages"

browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing Chromium for the browser tests"; \
	  apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium >/dev/null; \
	else \
	  echo "The browser tests need Chromium: install it (Debian, Ubuntu: apt-get install chromium) and run make test again." >&2; exit 1; \
	fi

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
