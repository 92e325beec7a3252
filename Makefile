# Two commands do everything on a fresh machine with Python 3.11 or later: `make run` and `make test`.
PYTHON ?= python3
VENV ?= .venv
# PyTorch is fetched from TORCH_INDEX: by default wheels for the CPU, which save gigabytes. With an NVIDIA GPU:
#   make run TORCH_INDEX=https://download.pytorch.org/whl/cu130
# Where that index cannot be reached, pip's usual source serves. TORCH is any requirement that pip understands.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
TORCH ?= torch==2.13.0
JOBS ?= 2

BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help run test test-slow test-all test-processors bench bench-brief bench-peers site serve check format clean

help:
	@echo "make run       set up, then attack a small network trained on real handwritten digits (a minute or two)"
	@echo "make test      set up, then run the tests (about five minutes on two cores)"
	@echo "make test-all  the slow tests too: Fashion-MNIST, several seeds (make test-slow: those alone)"
	@echo "make test-processors  golden values and formulas as two other instruction sets compute them"
	@echo "make bench     benchmarks: ratios against something measured in the same run, written into tests/benchmarks/results.json"
	@echo "make bench-peers  the same for other programs, sacroml and ART, each against the same target"
	@echo "make site      the documentation site in build/site, to be opened from there; make serve shows it"
	@echo "make check     ruff, mypy and mia check"
	@echo "make format    format the code"
	@echo "make clean     remove the environment and everything built"

$(READY): pyproject.toml
	@echo "== Setting up $(VENV) (the first time takes a few minutes: PyTorch is large)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c "import torch" 2>/dev/null \
		|| $(BIN)/pip install -qq --disable-pip-version-check --retries 1 --timeout 20 --index-url $(TORCH_INDEX) "$(TORCH)" \
		|| { echo "== $(TORCH_INDEX) cannot be used; taking PyTorch from pip's usual source"; \
		     $(BIN)/pip install -qq --disable-pip-version-check "$(TORCH)"; }
	@echo "== Installing MIA Atlas and its tools"
	@$(BIN)/pip install -qq --disable-pip-version-check --editable ".[dev]"
	@$(BIN)/python -c "import torch; print('== PyTorch', torch.__version__, 'with CUDA' if torch.cuda.is_available() else 'on the CPU')"
	@touch $(READY)

run: $(READY)
	@echo "== mia run: every attack that digits-mlp allows, against a network trained on 400 real handwritten digits"
	@$(BIN)/mia run

test: $(READY)
	@echo "== Tests; trained models are kept in build/test-store, so the second time is quick"
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "not slow and not benchmark"

test-slow: $(READY)
	@echo "== The slow tests; pictures of Fashion-MNIST come from Debian's package or are downloaded"
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "slow and not benchmark"

# What is compared with golden values or with a formula that is written again: under other instruction sets its last digits differ.
FORMULAS := test_golden metrics/test_figures metrics/test_intervals metrics/test_structural_similarity metrics/test_epsilon \
	models/test_signals models/test_one_hidden_layer models/test_blocks models/test_resolution models/test_language_generator handles/test_answers aggregate/test_statistics \
	$(addprefix discriminative/test_,calibrated label_only collaborative_inference white_box vulnerable_records updates) \
	$(addprefix generative/test_,densities denoising latent_search likelihood exposure) \
	federated/test_embedding federated/test_property targets/test_split_model

test-processors: $(READY)
	@echo "== Golden values and formulas as processors without AVX-512, and without AVX, compute them"
	@for set in "ATEN_CPU_CAPABILITY=avx2 MKL_CBWR=AVX2" "ATEN_CPU_CAPABILITY=default MKL_CBWR=COMPATIBLE"; do \
		echo "$$set"; \
		env $$set $(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "not slow and not benchmark" \
			$(FORMULAS:%=tests/attacks/%.py) || exit 1; \
	done

test-all: test test-slow

bench: $(READY)
	@$(BIN)/python -m pytest -s -m benchmark tests/benchmarks --results tests/benchmarks/results.json
	@$(BIN)/python site/performance.py

# Those that take minutes left out, and nothing written.
bench-brief: $(READY)
	@$(BIN)/python -m pytest -s -m "benchmark and not slow" tests/benchmarks

# In an environment of its own (build/peers), with what it needs from PyPI; some minutes.
bench-peers: $(READY)
	@$(BIN)/python tests/benchmarks/peers.py
	@$(BIN)/python tests/benchmarks/beside_peers.py
	@$(BIN)/python site/performance.py

site: $(READY)
	@$(BIN)/python site/render.py
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict -q
	@echo "== build/site/index.html"

serve: site
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory build/site 8000

check: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/mia check

format: $(READY)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
