# Two commands set everything up:  make demo  and  make test.
VENV ?= .venv
# The tests wait more than they compute: three at a time, each file by one of them.
WORKERS ?= 3
PYTHON := $(VENV)/bin/python

.PHONY: demo test lint types build clean

demo: $(VENV)/.installed
	$(PYTHON) -m asynccode doctor
	$(PYTHON) -m asynccode run bash --policy gold --attempts 5 --output runs/demo-$$(date +%Y%m%d-%H%M%S)

test: $(VENV)/.developed
	PYTHON=$(PYTHON) tests/services start
	$(PYTHON) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder; status=$$?; tests/services stop; exit $$status

lint: $(VENV)/.developed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(VENV)/.developed
	$(VENV)/bin/mypy

build: $(VENV)/.developed
	rm -rf dist
	$(PYTHON) -m build --quiet

clean:
	rm -rf $(VENV) dist build runs .mypy_cache .ruff_cache .pytest_cache

$(PYTHON):
	python3 -m venv $(VENV) || { \
	  rm -rf $(VENV); \
	  echo "This Python cannot make virtual environments; trying to install python3-venv." >&2; \
	  [ "$$(id -u)" = 0 ] && apt-get update -q && apt-get install -y -q python3-venv && python3 -m venv $(VENV) || { \
	    echo "Install python3-venv (as root: apt-get install python3-venv) and try again." >&2; exit 1; }; }

$(VENV)/.installed: pyproject.toml | $(PYTHON)
	$(PYTHON) -m pip install --quiet --editable .
	touch $@

$(VENV)/.developed: pyproject.toml | $(PYTHON)
	$(PYTHON) -m pip install --quiet --editable '.[dev]'
	touch $@ $(VENV)/.installed
