# make report: the whole path, from simulated metaphases to a dose report in runs/demo/
# make test:   the test suite
# make bench:  the speed of every stage, as tables in docs/tables/
# make docs:   the documentation, in build/docs/; with RUN=runs/demo the notebooks as executed in that run
PYTHON ?= python3
BIN := .venv/bin
PRESET ?= demo
INSTALLED := .venv/.installed
SPEED := simulation filtering training scoring shared evaluation latent

# make install TORCH=cpu: PyTorch without CUDA, a fifth of the disk. It must be fetched from
# PyTorch's own index; other systems than Linux get it without CUDA in any case.
TORCH ?= cuda
$(if $(filter-out cpu cuda,$(TORCH)),$(error TORCH=$(TORCH): allowed are cpu and cuda))
INDEX_cpu := --extra-index-url https://download.pytorch.org/whl/cpu

.PHONY: report test test-browser install lint notebooks lab docs bench clean

report: $(INSTALLED)
	$(BIN)/python -m dicentlib report --preset $(PRESET) --run-dir $(or $(RUN),runs/demo)

test: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadgroup -m "not browser"

test-browser: $(INSTALLED)
	@command -v chromium >/dev/null || { apt-get update && apt-get install -y chromium; }
	$(BIN)/python -m pytest -m browser

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or newer is needed, found ' + sys.version.split()[0])"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install $(INDEX_$(TORCH)) --constraint constraints.txt --editable ".[dev,docs,excel,imagenet,microscopes,openvino,scale]"
	touch $@

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

notebooks: $(INSTALLED)
	$(BIN)/python -m pytest -m notebooks

lab: $(INSTALLED)
	$(BIN)/jupyter lab notebooks

docs: $(INSTALLED)
	DICENTLIB_RUN=$(RUN) $(BIN)/python -m sphinx -W --keep-going -q -b html docs build/docs
	@echo "build/docs/index.html"

bench: $(INSTALLED)
	for name in $(SPEED); do echo "== $$name"; $(BIN)/python benchmarks/bench_$$name.py || exit 1; done

clean:
	rm -rf .venv build *.egg-info
