# Everything is installed into .venv and run from there. What a target needs is set up on first use, and again only
# when pyproject.toml or constraints.txt changes. Only python3 (3.11 or later), pip and make must be there.

PYTHON ?= python3
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
# torch and what goes with it, in a place of its own: gigabytes that nobody needs who does not train.
TRAIN := .venv-train
# The build backend is pinned like everything else, so it is installed first and used as it is.
INSTALL = $(BIN)/python -m pip --disable-pip-version-check install -q -c constraints.txt
SET_UP = $(INSTALL) hatchling editables && $(INSTALL) --no-build-isolation -e
PINNED := pyproject.toml constraints.txt
# One process a core, each with whole files of tests: `make test ARGS='-n 0 -k loop --pdb'` runs them in one.
RUN_TESTS = $(BIN)/python -m pytest -n auto --dist loadfile
TRAIN_INSTALL = $(TRAIN)/bin/python -m pip --disable-pip-version-check install -q -c constraints.txt
TRAIN_TOOLS := hypothesis pytest pytest-asyncio pytest-randomly pytest-xdist
BENCH_PEERS := datasketch openai  # measured beside ours in the same run

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test test-train check fmt lint types imports cov attack jupyter bench pocket small ratios dataset ablation constraints clean

help:
	@echo "make demo     the main job, on a small example"
	@echo "make test     the tests; ARGS='-k loop -x' goes to pytest"
	@echo "make test-train  the tests of training, with torch in a place of its own"
	@echo "make check    what must hold before a commit: fmt (as a check), lint, types, imports, cov"
	@echo "make fmt      format the code"
	@echo "make lint     ruff's rules"
	@echo "make types    pyright, strict"
	@echo "make imports  who may import whom"
	@echo "make cov      the tests with branch coverage and its floor"
	@echo "make attack   the attacks on the sandbox as an ordinary user, when root runs the tests"
	@echo "make jupyter  the tests of the sandbox jupyter, with the packages they need"
	@echo "make bench    the numbers in benchmarks/"
	@echo "make pocket   the model that comes with the package, trained anew; about an hour of one processor"
	@echo "make small    one of ten times the size, which is not in the package; needs a GPU"
	@echo "make ratios   what requests and what dialogues teach it; about an hour and a half of one processor"
	@echo "make dataset  about 70,000 dialogues over small tasks, each verified; about an hour and a half"
	@echo "make ablation what each method of that dataset teaches a model; about two hours of one processor"
	@echo "make constraints  choose all pinned versions anew"
	@echo "make clean    remove the environments and every cache"

demo: $(VENV)/.demo
	@$(BIN)/ocinterp demo $(ARGS)

test: $(VENV)/.dev
	$(RUN_TESTS) $(ARGS)

# One thread each: those of torch wait by spinning, and two on a busy core are many times slower.
test-train: export OMP_NUM_THREADS = 1
test-train: $(TRAIN)/.ready
	$(TRAIN)/bin/python -m pytest -n auto --dist loadfile tests/train tests/cli/test_train.py tests/models/test_transformers.py tests/models/test_sentences.py tests/models/pocket $(ARGS)

# `cov` is `test` watched by coverage, and `check` is `fmt` without its pen: so `check` runs everything once.
cov: RUN_TESTS += --cov --cov-report=
cov: test
	$(BIN)/coverage report

check: FORMAT_FLAGS = --check --diff
check: fmt lint types imports cov

fmt: $(VENV)/.dev
	$(BIN)/ruff format $(FORMAT_FLAGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check

types: $(VENV)/.dev
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright

imports: $(VENV)/.dev
	$(BIN)/lint-imports

attack: $(VENV)/.dev
	@tests/attack/as_user.sh $(ARGS)

jupyter: $(VENV)/.jupyter
	$(RUN_TESTS) -n 0 tests/sandboxes -k jupyter $(ARGS)  # kernels share the cores badly

bench: $(VENV)/.bench
	@set -e; for each in benchmarks/[a-z]*.py; do $(BIN)/python "$$each" $(ARGS); done

# The built-in model, from nothing: it learns to write from requests made by rule, then what to do with what came of its code
# from dialogues made by rule; bytes for numbers, and what it solves. Each part goes on where it was stopped. Without REQUESTS,
# DIALOGUES and NATURAL it is the model that comes with the package, on a processor with the same instructions to the last bit.
POCKET := build/pocket
NANO := src/ocinterp/models/pocket/nano
REQUESTS := 36000
DIALOGUES := 18000
NATURAL := 0.1
ONE_THREAD = OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false $(TRAIN)/bin/ocinterp
SETTINGS := single,execution,visible,blank,mismatched,human,oracle,resample

pocket: $(POCKET)/nano.json
	rm -rf $(NANO) && cp -r $(POCKET)/nano $(NANO)
	cp $(POCKET)/nano.json $(NANO)/evaluation.json
	$(TRAIN)/bin/python benchmarks/_pocket_table.py $(POCKET)/nano.jsonl README.md docs/models.md $(NANO)/README.md

$(POCKET)/requests.jsonl.gz: | $(TRAIN)/.ready
	@mkdir -p $(@D)
	$(ONE_THREAD) synth pocket $@ --count $(REQUESTS) --forms single --seed requests --natural $(NATURAL)

$(POCKET)/dialogues.jsonl.gz: | $(TRAIN)/.ready
	@mkdir -p $(@D)
	$(ONE_THREAD) synth pocket $@ --count $(DIALOGUES) --forms execution,person,twice --seed dialogues --natural $(NATURAL)

# The share of 0 lets the tokenizer know what dialogues say, and nothing else.
$(POCKET)/base/model.safetensors: $(POCKET)/requests.jsonl.gz $(POCKET)/dialogues.jsonl.gz
	$(ONE_THREAD) train pretrain nano --data $<:1 --data $(word 2,$^):0 --out $(@D) --device cpu --licence Apache-2.0 \
		--set title="pocket nano, which knows requests"

# Requests again beside the dialogues, as many: without them a model forgets how to read.
$(POCKET)/refined/model.safetensors: $(POCKET)/base/model.safetensors $(POCKET)/requests.jsonl.gz $(POCKET)/dialogues.jsonl.gz
	$(ONE_THREAD) train sft refine --model $(<D) --data $(word 2,$^):1 --data $(word 3,$^):1 --out $(@D) --device cpu \
		--licence Apache-2.0 --set licence=apache-2.0 --set title="pocket nano, the built-in model of ocinterp"

$(POCKET)/nano/model.safetensors: $(POCKET)/refined/model.safetensors
	rm -rf $(@D) && $(ONE_THREAD) train pack $(<D) $(@D)

# The same with ten times the numbers, on a GPU: ten minutes of an H200, after twenty of a processor for its data. It is not
# in the package.
SMALL := build/small
SMALL_REQUESTS := $(foreach n,1 2 3 4 5 6,$(SMALL)/requests-$n.jsonl.gz)
SMALL_DIALOGUES := $(foreach n,1 2 3 4 5 6,$(SMALL)/dialogues-$n.jsonl.gz)
GPU_TRAIN = TOKENIZERS_PARALLELISM=false $(TRAIN)/bin/ocinterp train

small: $(SMALL)/small.json
	$(TRAIN)/bin/python benchmarks/_pocket_table.py $(SMALL)/small.jsonl docs/models.md $(SMALL)/small/README.md

$(SMALL)/requests-%.jsonl.gz: | $(TRAIN)/.ready
	@mkdir -p $(@D)
	$(ONE_THREAD) synth pocket $@ --count 32000 --forms single --seed small-r$*

$(SMALL)/dialogues-%.jsonl.gz: | $(TRAIN)/.ready
	@mkdir -p $(@D)
	$(ONE_THREAD) synth pocket $@ --count 20000 --forms execution,person,twice --seed small-d$*

$(SMALL)/base/model.safetensors: $(SMALL_REQUESTS) $(SMALL_DIALOGUES)
	$(GPU_TRAIN) pretrain small $(SMALL_REQUESTS:%=--data %:1) $(SMALL_DIALOGUES:%=--data %:0) --out $(@D) --device cuda \
		--licence Apache-2.0

$(SMALL)/refined/model.safetensors: $(SMALL)/base/model.safetensors
	$(GPU_TRAIN) sft refine-small --model $(<D) $(SMALL_REQUESTS:%=--data %) $(SMALL_DIALOGUES:%=--data %) --out $(@D) \
		--device cuda --licence Apache-2.0 --set licence=apache-2.0 --set title="pocket small"

$(SMALL)/small/model.safetensors: $(SMALL)/refined/model.safetensors
	rm -rf $(@D) && $(ONE_THREAD) train pack $(<D) $(@D)

$(SMALL)/small.json: $(SMALL)/small/model.safetensors
	$(ONE_THREAD) eval pocket --model pocket:$(<D) --setting $(SETTINGS) --critic rule --max-tokens 200 --json $@ --resume

# The paper's table 2 in miniature: ten mixtures of requests and dialogues, on the model that only knows requests.
ratios: $(POCKET)/base/model.safetensors
	$(TRAIN)/bin/python benchmarks/_pocket_ratios.py $(<D) $(POCKET)/ratios docs/models.md

# As it answers in `run` and `chat`: what has failed is not said again.
$(POCKET)/nano.json: $(POCKET)/nano/model.safetensors
	$(ONE_THREAD) eval pocket --model pocket:$(<D) --setting $(SETTINGS) --critic rule --max-tokens 200 --again 0.5 --json $@ --resume

# A dataset of the size of the paper's, over pocket tasks: the built-in model answers first, the rest is by rule, every row is
# verified by its question's tests. Nobody is paid.
DATASET := build/dataset
DATASET_QUESTIONS := 118000
DATASET_SIZES := --simulation 30000 --correction 11000 --similar 8000 --follow-up 8000

dataset: $(DATASET)/card/README.md

$(DATASET)/questions.jsonl: | $(VENV)/.dev
	@mkdir -p $(@D)
	$(BIN)/ocinterp synth questions $@ --count $(DATASET_QUESTIONS) --seed dataset

$(DATASET)/run/plan.toml: $(DATASET)/questions.jsonl
	$(BIN)/ocinterp synth plan $< --out $(@D) --weak pocket --strong rule --least 0 --timeout 0.5 $(DATASET_SIZES)

$(DATASET)/card/README.md: $(DATASET)/run/plan.toml
	OMP_NUM_THREADS=1 $(BIN)/ocinterp synth run $(<D) --concurrency 128
	rm -rf $(@D) && $(BIN)/ocinterp synth card $(<D) --out $(@D) --title "Code-Feedback over pocket tasks"

# Each of its methods left out once (the paper's table 3, in miniature); its table goes into the card. Fourteen runs.
ablation: $(DATASET)/card/README.md $(POCKET)/base/model.safetensors
	$(TRAIN)/bin/python benchmarks/_pocket_methods.py $(POCKET)/base $(DATASET)/run $(DATASET)/ablation $(DATASET)/ablation.md
	rm -rf $(DATASET)/card && $(BIN)/ocinterp synth card $(DATASET)/run --out $(DATASET)/card \
		--title "Code-Feedback over pocket tasks" --results $(DATASET)/ablation.md

# The stamps: .venv/.demo is what a user has, .dev adds the tools, .bench adds what the benchmarks compare with.
$(VENV)/.created $(TRAIN)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "This needs Python 3.11 or later as $(PYTHON): install one, or name it, as in make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "This needs Python's venv module with pip: apt-get install python3-venv" >&2; exit 1; }
	@echo "Setting up $(@D); this takes a minute, once"
	@$(PYTHON) -m venv --clear $(@D)
	@touch $@

$(VENV)/.demo: $(PINNED) | $(VENV)/.created
	@$(SET_UP) '.[science]'
	@touch $@

$(VENV)/.dev: $(PINNED) | $(VENV)/.created
	@$(SET_UP) '.[science,data,dev]'
	@touch $(VENV)/.demo $@

$(VENV)/.jupyter: $(VENV)/.dev
	@$(SET_UP) '.[science,data,dev,jupyter-test]'
	@touch $@

$(VENV)/.bench: $(PINNED) | $(VENV)/.created
	@$(SET_UP) '.[science,data,jupyter]' $(BENCH_PEERS)
	@touch $(VENV)/.demo $@

$(TRAIN)/.ready: $(PINNED) | $(TRAIN)/.created
	@$(TRAIN_INSTALL) hatchling editables && $(TRAIN_INSTALL) --no-build-isolation -e '.[train,qlora,data,embed]' $(TRAIN_TOOLS)
	@touch $@

# The newest versions that fit pyproject.toml, from an environment of their own.
constraints:
	rm -rf build/constraints
	$(PYTHON) -m venv build/constraints
	build/constraints/bin/python -m pip --disable-pip-version-check install -q hatchling editables
	build/constraints/bin/python -m pip --disable-pip-version-check install -q -e '.[science,jupyter-test,train,qlora,data,embed,dev]'
	{ sed -n '/^#/p' constraints.txt; build/constraints/bin/python -m pip freeze --exclude-editable \
		| sed -e 's/+[a-z0-9]*$$//' -e '/^\(nvidia\|cuda\|triton\)/d'; } > build/constraints.txt
	mv build/constraints.txt constraints.txt

clean:
	rm -rf $(VENV) $(TRAIN) build dist .coverage .hypothesis .pytest_cache .ruff_cache .import_linter_cache
