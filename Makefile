# Every target sets up what it needs. `make demo` and `make test` work from a fresh clone.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
FUZZ_SECONDS ?= 600
STAMP := $(VENV)/.installed
DEV := $(VENV)/.developed
export OMP_NUM_THREADS ?= 1
export RAY_USAGE_STATS_ENABLED ?= 0
export RAY_AUTH_MODE ?= disabled

.PHONY: docs demo test test-law test-faults fuzz test-deploy test-all serve lint types floors format bench bench-gpu bench-surrogate bench-posterior bench-reasoning reasoning-models clean

$(STAMP): pyproject.toml clients/python/pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet torch==2.13.0
	$(BIN)/pip install --quiet -e 'clients/python[cli,plot,progress]' -e '.[workers,posterior,reasoning,examples]'
	touch $@

$(DEV): $(STAMP)  # what tests, linters and benchmarks need beyond that
	$(BIN)/pip install --quiet -e '.[dev]'
	touch $@

demo: $(STAMP)  ## start the service, run the main job, watch it sharpen, compare with the exact solution, stop
	$(BIN)/python examples/demo.py

serve: $(STAMP)  ## the service on 127.0.0.1:8000, data in .burnish
	$(BIN)/burnish-server serve

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV)
	$(BIN)/pyright --pythonpath $(BIN)/python

floors: $(DEV)
	$(BIN)/lint-imports

test: lint types floors  ## lint, types, floors, fast tests
	$(BIN)/python -m pytest -n 2 -m "not slow and not law and not faults and not deploy"

test-law: $(DEV)  ## the law on real Ray: killed workers, killed runner, equal digests
	$(BIN)/python -m pytest -m "law and not slow"

test-faults: $(DEV)  ## a service under load, its parts killed, stopped, filled, cut off, three times each: an hour; docs/faults.md
	$(BIN)/python -m tests.faults --page docs/faults.md

fuzz: $(DEV)  ## readers of models, arrays and formulas under a coverage-guided fuzzer, ten minutes; FUZZ_SECONDS for more
	$(BIN)/pip install --quiet -e '.[fuzz]'
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS)

docs: $(DEV)  ## the site in build/site, strictly and without network; reference pages made anew
	$(BIN)/pip install --quiet -e '.[docs]'
	$(BIN)/python -m docs.tools.reference
	$(BIN)/python -m docs.tools.stage
	$(BIN)/zensical build --strict --clean --config-file build/site.toml

test-deploy: $(DEV)  ## images, compose file, Kubernetes manifests, dashboards and alerts against their schemas and the service
	$(BIN)/pip install --quiet -e '.[deploy]'
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m pytest -n0 -m deploy tests/deploy

test-all: lint types floors  ## everything, in 70 minutes: slow statistics, faults, a browser (apt-get install chromium) too
	$(BIN)/pip install --quiet -e '.[adapters,docs]'
	$(BIN)/python -m pytest -n 2 -m "not law and not faults and not deploy" --ignore=tests/browser
	$(BIN)/python -m pytest -n0 tests/browser  # apart: the browser's loop stays in its process to the end
	$(BIN)/python -m pytest -m law
	$(BIN)/python -m pytest -n0 -m faults tests/faults
	$(MAKE) test-deploy

bench: $(DEV)  ## side by side, in a quarter of an hour: throughput, allocation, ingress, overhead
	$(BIN)/python benchmarks/surrogate/throughput.py
	$(BIN)/python benchmarks/allocation.py
	$(BIN)/python benchmarks/ingress.py
	$(BIN)/python benchmarks/overhead.py --seconds 20

bench-surrogate: $(DEV)  ## accuracy, coverage, tolerances, budgets of kind surrogate; tables and figures of docs/benchmarks.md
	$(BIN)/python benchmarks/surrogate/report.py

bench-posterior: $(DEV)  ## known evidences, exact posteriors, coverage of kind posterior; docs/benchmarks-posterior.md
	$(BIN)/python benchmarks/posterior/report.py

bench-reasoning: $(DEV)  ## success against tokens, distance to exact laws, coverage of kind reasoning; docs/benchmarks-reasoning.md
	$(BIN)/python benchmarks/reasoning/report.py

bench-gpu:  ## what a GPU buys and whether it agrees; tiny sizes on the processor where there is none
	@test -x $(BIN)/python || $(MAKE) $(DEV)
	$(BIN)/python benchmarks/gpu.py

reasoning-models: $(DEV)  ## train the language models of kind reasoning that are shipped: about four CPU-minutes
	$(BIN)/python -m burnish_workers.kinds.reasoning.train --out workers/burnish_workers/kinds/reasoning/models

format: $(DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis
