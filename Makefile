# Everything runs in .venv, which `make` builds. Targets can be repeated and skip what is done.
PYTHON ?= python3
BIN := .venv/bin
SERVE ?= 1
DEMO := var/demo
# Without serving nobody looks at the faces that no simulated participant was shown.
ONLY_SHOWN := $(if $(filter 0,$(SERVE)),--only-shown)

.PHONY: setup chromium demo test quick check lint format docs bench bench-learning bench-representation bench-learners bench-calibration

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,postgres]'
	touch $@

chromium: setup
	@$(BIN)/python -m tests.browser.chromium

demo: setup
	$(BIN)/advisor simulate --task lending_club --rounds 2 --participants 40 --trials 30 --seed 0 --out $(DEMO) $(ONLY_SHOWN)
	$(BIN)/human-study report simulation --db sqlite:///$(DEMO)/countenance.db --kind simulated --out $(DEMO)/report.html
	@echo "Report: $(DEMO)/report.html (all participants in it were simulated)"
ifneq ($(SERVE),0)
	test -f $(DEMO)/try_it.yaml || $(BIN)/human-study init $(DEMO)/try_it.yaml --bundle $(DEMO)/newest_bundle \
	  --db sqlite:///$(DEMO)/countenance.db --kind simulated
	$(BIN)/human-study serve $(DEMO)/try_it.yaml
endif

# Two processes, a whole file to each, so that what a file trains or serves is made once; conftest.py orders the files.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# Playwright keeps an event loop in its process, in which asyncio.run refuses to work: its tests run by themselves. They
# wait as much as they work (a participant reads, a double press is sat out), so four of them share two processors.
test: chromium
	$(PYTEST) --ignore=tests/browser
	$(PYTEST) -n 4 tests/browser

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# A quick look while working: no browser, no training, no servers.
quick: lint
	$(PYTEST) -m "not browser and not training and not server and not slow"

check: lint test

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The documentation as a site that opens from its folder; a broken link or a missing page fails.
docs: setup
	$(BIN)/python -m mkdocs build --strict --quiet
	@echo "Site: var/site/index.html"

bench: setup
	$(BIN)/python -m tests.benchmarks

# Resumable: cells that were run stand in var/learning. Writes docs/learning.md.
bench-learning: setup
	$(BIN)/python -m tests.benchmarks.learning

# What a face can say against what it helps. Resumable likewise, in var/representation. Writes docs/representation.md.
bench-representation: setup
	$(BIN)/python -m tests.benchmarks.representation

# People who learn what faces mean, and people who know more. Resumable likewise, in var/learners. Writes docs/learners.md.
bench-learners: setup
	$(BIN)/python -m tests.benchmarks.learners

# False positives and intervals on simulated studies. Writes docs/calibration.md.
bench-calibration: setup
	$(BIN)/python -m tests.benchmarks.bench_inference
