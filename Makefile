# make help   shows what there is. Every target can be interrupted and repeated.

# The Python to build environments with (default: the newest of python3.13 … python3.11, python3).
PYTHON ?=
# Cores for `make demo`.
CORES ?= all

# One environment per toolset; the peers hold what results are compared with, in tests alone.
TOOLSETS = workflow archive detector jwst hst
TEST_TOOLSETS = $(TOOLSETS) checks docs peers peers-jwst peers-cgi

# Always through its Python: an environment's own programs die when the folder is moved.
RUN = .venv/bin/python -m
# What is being done, in words, and how long is left.
LOGGER = $(shell [ -t 2 ] && echo "--logger darkroom")

# A folder on PYTHONPATH would come before every environment's own packages.
unexport PYTHONPATH PYTHONHOME

.PHONY: help setup setup-slurm setup-tests report demo test test-heavy test-slurm test-scale test-durability test-mutants lint docs format settings lock-envs audit clean
# -j would start checks before the environments are there.
.NOTPARALLEL:

help:
	@echo 'make setup       prepare the environments (.venv, .venvs/); PYTHON=… chooses the Python'
	@echo 'make setup-slurm prepare what a Slurm cluster needs besides (docs/cluster.md)'
	@echo 'make report      from a folder of exposures to a report: FOLDER=/path/to/frames; CORES=…'
	@echo 'make demo        run the simulated campaign and show what it made; CORES=… (default all)'
	@echo 'make test        every check and every test but the long ones'
	@echo 'make test-heavy  the tests that take minutes'
	@echo 'make test-slurm  a campaign on a Slurm of one node, started for it (Debian: slurmctld slurmd munge)'
	@echo 'make test-scale  a campaign of 2,000 jobs with failures, a kill and a full disk'
	@echo 'make test-durability  every operation of small runs fails, or the power is cut after it (docs/durability.md)'
	@echo 'make test-mutants  small changes of the modules that guard data: does a test notice?'
	@echo 'make lint        the checks alone'
	@echo 'make docs        build the documentation site into .cache/docs/site'
	@echo 'make format      put code and rules into the one format'
	@echo 'make settings    write schema and tables of config/README.md after an edit of a declaration'
	@echo 'make lock-envs   compile envs/*.txt again after an edit of envs/*.yaml'
	@echo 'make audit       ask for known vulnerabilities of all packages (needs a network)'
	@echo 'make clean       remove environments and caches; results/ stays'

# Compiled loops are made here, on all cores, so that no job waits for them; an edited one alone is
# made again.
setup:
	@PYTHON='$(PYTHON)' sh envs/setup.sh $(TOOLSETS)
	@PYTHONPATH=scripts NUMBA_CACHE_DIR=.cache/numba PYTHONDONTWRITEBYTECODE=1 \
	.venvs/detector/bin/python -m darkroom.kernels

setup-slurm: setup
	@PYTHON='$(PYTHON)' sh envs/setup.sh slurm

setup-tests:
	@PYTHON='$(PYTHON)' sh envs/setup.sh $(TEST_TOOLSETS)

# From a folder of exposures to a report: the campaign is drafted once, and kept.
report: setup
	@[ -n '$(FOLDER)' ] || { echo 'say which folder: make report FOLDER=/path/to/frames' >&2; exit 2; }
	@campaign=$$(.venvs/detector/bin/python scripts/archive/draft.py --name-only '$(FOLDER)') && \
	$(RUN) snakemake lock --quiet all --config campaign="$$campaign" && \
	$(RUN) snakemake --cores $(CORES) $(LOGGER) --config campaign="$$campaign"

demo: setup
	@$(RUN) snakemake --cores $(CORES) $(LOGGER) --config campaign=demo
	@.venv/bin/python scripts/report/status.py --campaign demo

# Each step says what it is, and the one that fails says so last.
define step
@echo '== $(1)'
@$(2) || { echo '== $(1): failed' >&2; exit 1; }
endef

lint: setup
	$(call step,ruff check,$(RUN) ruff check --quiet)
	$(call step,ruff format,$(RUN) ruff format --quiet --check)
	$(call step,mypy,$(RUN) mypy --no-error-summary)
	$(call step,snakefmt,$(RUN) snakefmt --check Snakefile rules)
	$(call step,snakemake --lint,$(RUN) snakemake --lint)

docs:
	@PYTHON='$(PYTHON)' sh envs/setup.sh docs
	$(call step,docs,.venvs/docs/bin/python docs/build_site.py)

# Two at a time, whole files: what a file prepares for its tests is prepared once.
test: setup-tests lint docs
	$(call step,pytest,$(RUN) pytest -m 'not heavy and not slurm and not scale' -n 2 --dist loadfile)

test-heavy: setup-tests
	$(call step,pytest (heavy),$(RUN) pytest -m heavy)

test-slurm: setup-slurm
	$(call step,pytest (slurm),$(RUN) pytest -m slurm)

test-scale: setup
	$(call step,pytest (scale),$(RUN) pytest -m scale)

test-durability: setup
	@PYTHONPATH=tests:scripts $(RUN) durability

test-mutants: setup
	@PYTHON='$(PYTHON)' sh envs/setup.sh mutants
	@PYTHONPATH=tests $(RUN) mutants --show

format: setup
	@$(RUN) ruff check --quiet --fix
	@$(RUN) ruff format --quiet
	@$(RUN) snakefmt Snakefile rules

settings: setup
	@PYTHONPATH=scripts $(RUN) darkroom.documents .

lock-envs: setup
	@.venv/bin/python envs/compile_locks.py

audit:
	@PYTHON='$(PYTHON)' sh envs/setup.sh checks
	@.venvs/checks/bin/python envs/audit.py

clean:
	rm -rf .venv .venvs .uv .cache .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find scripts tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
