# The single definition of every check; CI and people call the same targets.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 8000
DATA ?=
RECIPES ?=
TRACKS ?=
RATE ?=
PEER ?=
OVERLOAD ?=
CHECK ?=
# Where pip may find a small CPU build of torch first, e.g. PyTorch's own CPU wheel index; empty: wherever pip looks anyway.
TORCH_INDEX ?=
READY := $(VENV)/.ready

MINUTES ?= 3
# The model store that pictures show.
STORE ?= model_store
# Test processes side by side: one more than there are cores, for about a third of their time they wait for servers that
# start, disks and browsers. One thread each: on a busy core two threads of a matrix product wait for each other.
TEST_JOBS ?= $(shell $(PYTHON) -c 'import os; print(os.cpu_count() + 1)')
# Tests start over a hundred processes; where the surroundings forbid bytecode, each would compile the code anew.
TESTS := OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest

.PHONY: run test test-faults test-kills lint types format docs bench bench-quality bench-serving demo-day pictures clean demo help

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		$(if $(TORCH_INDEX),--retries 0 --extra-index-url $(TORCH_INDEX)) torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

run: $(READY) ## train a demo model if none is published, then serve on PORT
	$(BIN)/segue up --port $(PORT) $(if $(DATA),--data $(DATA))

test: $(READY) ## run every test but the long ones
	$(TESTS) -n $(TEST_JOBS) --dist loadfile --no-loadscope-reorder

test-faults: $(READY) ## break everything the service stands on, and all that takes long; some minutes
	$(TESTS) -m "faults or long"

test-kills: $(READY) ## kill workers and the session store under load; MINUTES=3
	$(BIN)/python -m tests.faults.kills --minutes $(MINUTES)

lint: $(READY) ## style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) ## strict types
	$(BIN)/mypy

format: $(READY) ## rewrite the code in the one format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY) ## write the generated pages again
	$(BIN)/segue docs

bench: $(READY) ## print what the benchmarks measure
	@ls benchmarks/*.py | grep -v -e quality_ -e serving_ -e day_ | sed 's|/|.|; s|\.py$$||; s|^|$(BIN)/python -m |'

bench-quality: $(READY) ## how good each recipe is; DATA=... RECIPES=... CHECK=1
	$(BIN)/python -m benchmarks.quality $(if $(DATA),--data $(DATA)) $(if $(RECIPES),--recipes $(RECIPES)) \
		$(if $(CHECK),--check)

bench-serving: $(READY) ## how many requests a second, how soon; TRACKS=... RATE=... CHECK=1 PEER=none OVERLOAD=1
	$(BIN)/python -m benchmarks.serving $(if $(TRACKS),--tracks $(TRACKS)) $(if $(RATE),--rate $(RATE)) \
		$(if $(PEER),--peer $(PEER)) $(if $(OVERLOAD),--overload) $(if $(CHECK),--check)

demo-day: $(READY) ## the life of a model in one scripted day, drawn as demo-day/day.png; some minutes
	$(BIN)/python -m benchmarks.demo_day

pictures: $(READY) ## take the pictures of both pages again, of the models in STORE
	PICTURES_FROM=$(STORE) $(BIN)/python -m pytest -m long tests/browser/test_pictures.py tests/browser/test_dashboard_pictures.py

clean: ## remove the environment and the caches; data and checkpoints stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
