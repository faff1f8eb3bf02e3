# nightwatt, from a fresh clone: make demo, make test. `make` alone says what there is.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-all check bench constraints clean

VENV := .venv
PY := $(VENV)/bin/python
PYTHON ?=
PIP_ARGS ?=
PYTEST_ARGS ?=
TELL_S ?= 10
PIP := $(PY) -m pip --disable-pip-version-check install --progress-bar off $(PIP_ARGS) --constraint constraints.txt
# Three workers fill two cores: more than a quarter of the tests' time is waiting. The order is that of tests/conftest.py.
WORKERS := -n 3 --dist loadfile --no-loadscope-reorder
SOURCES := pyproject.toml setup.py constraints.txt

help:
	@echo 'make demo      install into .venv, run the demo (a real night of 12 short trainings), say what it found'
	@echo 'make test      install the test extras too, run the tests (under 8 minutes once installed)'
	@echo 'make test-all  the slow tests as well'
	@echo 'make check     format, lint, types, import rules; needs no framework'
	@echo 'make bench     what nightwatt itself costs (docs/benchmarks.md); a quiet machine, please'
	@echo 'make clean     remove .venv, caches and build products; never results/'
	@echo
	@echo 'PYTHON=python3.12            the Python that .venv is made with (3.11 or newer)'
	@echo 'PIP_ARGS="-i …"              passed on to pip, for example for a CPU build of torch'
	@echo 'PYTEST_ARGS="-k plan"        passed on to pytest'

demo: $(VENV)/.installed-demo
	$(PY) -m nightwatt run demo

test: $(VENV)/.installed-test
	$(PY) -m pytest -m "not slow and not gpu" $(WORKERS) $(PYTEST_ARGS)

test-all: $(VENV)/.installed-test
	$(PY) -m pytest $(WORKERS) $(PYTEST_ARGS)

check: $(VENV)/.installed-check
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	cd workloads && ../$(PY) -m mypy --config-file ../pyproject.toml --allow-subclassing-any --allow-untyped-decorators --no-warn-return-any .
	$(VENV)/bin/lint-imports

bench: $(VENV)/.installed-test
	$(PY) benchmarks/all.py

# The pinned torch is the one that CPU wheels are tested with; uv is needed (pip install uv).
constraints:
	@mkdir -p build && echo 'torch==2.13.0' > build/pinned.txt
	uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --constraint build/pinned.txt \
	  --extra torch --extra tensorflow --extra onnx --extra dev --no-annotate --no-header \
	  pyproject.toml --output-file build/constraints.txt
	@grep '^#' constraints.txt > build/head.txt
	@grep -v -E '^(cuda-|nvidia-(cu|n[vc]c|nvjit|nvsh|nvtx)|triton|colorama)' build/constraints.txt > build/kept.txt
	cat build/head.txt build/kept.txt > constraints.txt

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find nightwatt harness analysis workloads tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# Installing: one stamp for each set of extras, so that a second call installs nothing. It takes minutes, so each few
# seconds pip's latest line is shown; all of them stand in .venv/pip.log, whose end is shown where pip fails.

COMMA := ,
define install
@$(PIP) $(1) > $(VENV)/pip.log 2>&1 & pip=$$!; \
trap 'kill $$pip 2>/dev/null' INT TERM; \
passed=0; \
while kill -0 $$pip 2>/dev/null; do \
  sleep 1; passed=$$((passed + 1)); \
  if [ $$((passed % $(TELL_S))) -eq 0 ]; then echo "  $$passed s: pip: $$(tail -n 1 $(VENV)/pip.log | cut -c 1-100)"; fi; \
done; \
wait $$pip || { tail -n 40 $(VENV)/pip.log >&2; echo 'nightwatt: pip has failed; all of what it said: $(VENV)/pip.log' >&2; exit 1; }; \
echo "nightwatt: installed, in $$passed s"
endef

$(VENV)/.installed-demo: $(VENV)/.made $(SOURCES)
	@echo 'nightwatt: downloading into .venv what pip does not find in its cache:'
	@echo '  numpy, pandas, pyarrow, scipy, matplotlib and others   about 160 MB'
	@echo '  scikit-learn (its digits are the data)                 about  10 MB'
	@$(SAY_TORCH)
	$(call install,--editable '.[torch]')
	@touch $@

$(VENV)/.installed-test: $(VENV)/.made $(SOURCES)
	@echo 'nightwatt: downloading into .venv what pip does not find in its cache:'
	@echo '  numpy, pandas, pyarrow, scipy, matplotlib and others   about 160 MB'
	@echo '  pytest, ruff, mypy, CodeCarbon and others              about  55 MB'
	@echo '  TensorFlow 2.21 for the CPU, Keras, scikit-learn       about 330 MB'
	@echo '  ONNX, ONNX Runtime, transformers                       about  50 MB'
	@$(SAY_TORCH)
	$(call install,--editable '.[dev$(COMMA)torch$(COMMA)tensorflow$(COMMA)onnx]')
	@touch $@ $(VENV)/.installed-demo $(VENV)/.installed-check

$(VENV)/.installed-check: $(VENV)/.made $(SOURCES)
	@echo 'nightwatt: downloading into .venv what pip does not find in its cache:'
	@echo '  numpy, pandas, pyarrow, scipy, matplotlib and others   about 160 MB'
	@echo '  ruff, mypy, pytest, CodeCarbon and others              about  55 MB'
	$(call install,--editable '.[dev]')
	@touch $@

define SAY_TORCH
echo '  PyTorch 2.13                                           about 200 MB as a CPU build'; \
echo '    (on Linux the usual index gives the CUDA build instead, about 3 GB: README, "Installing", says how to avoid it)'
endef

# A virtual environment whose Python has gone is made anew.
ifneq ($(shell $(PY) -c 'print("works")' 2>/dev/null),works)
.PHONY: $(VENV)/.made
endif

$(VENV)/.made:
	@found=; \
	for candidate in $(or $(PYTHON),python3.13 python3.12 python3.11 python3); do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then found=$$candidate; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo 'nightwatt: no Python 3.11 or newer that works ($(or $(PYTHON),looked for python3.13 python3.12 python3.11 python3)).' >&2; \
	  echo '  remedy: install one (Debian, Ubuntu: apt-get install python3 python3-venv), or make PYTHON=/path/to/python3' >&2; \
	  exit 2; \
	fi; \
	if ! "$$found" -c 'import ensurepip, venv' >/dev/null 2>&1; then \
	  name=$$("$$found" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
	  echo "nightwatt: $$found works, but it cannot make a virtual environment (venv or ensurepip is missing)." >&2; \
	  echo "  remedy: apt-get install $$name (Debian, Ubuntu), or name another Python: make PYTHON=/path/to/python3" >&2; \
	  exit 2; \
	fi; \
	echo "nightwatt: making $(VENV) with $$found ($$("$$found" -c 'import platform; print(platform.python_version())'))"; \
	rm -f $(VENV)/.installed-*; \
	"$$found" -m venv $(VENV)
	@touch $@
