# The make targets of cashier_q. `make` without a target prints them. The targets for docker compose are in
# deploy/compose/Makefile.
PYTHON ?= python3
PORT ?= 8000
WS ?= 2
VENVS := .venv
DEV := $(VENVS)/dev/bin
UV := $(VENVS)/uv/bin/uv
export PYTHONPATH := deploy/local:.

include deploy/compose/Makefile
include deploy/swarm/Makefile

# The files and folders that the linters and formatters check.
PYTHON_SOURCES := deploy/local loadtests services tests tools
SHELL_SOURCES = .ci/run $(shell git grep -lI '^\#!.*sh$$' -- deploy)
SHFMT = $(DEV)/shfmt --indent 2 --case-indent
PAGES := services deploy
DOCKERFILES = $(shell git ls-files '*Dockerfile')

FAST_TESTS := tests/core tests/docs tests/web

# A target depends on these files, so that make first installs the virtual environments that the target needs.
SERVICES := $(VENVS)/web/.done $(VENVS)/ws/.done
LOCAL := $(SERVICES) $(VENVS)/local/.done
TESTS := $(SERVICES) $(VENVS)/dev/.done
BROWSER := $(VENVS)/dev/.browser

.PHONY: run test test-fast test-compose test-release test-swarm check format release
.PHONY: load worker locust bench capacity compare paint socket-flood screen-states announcements lock messages voices screenshots clean

##@ Run

run: $(LOCAL) ## install and start everything on this machine: PORT=8000 WS=2
	@exec $(VENVS)/local/bin/python -m cashier_local --port '$(PORT)' --replicas '$(WS)'

##@ Test

test: $(TESTS) $(BROWSER) ## all tests, with a real Valkey, Daphne, Nginx and browser: ARGS= for pytest
	@$(DEV)/python -m tools.run_tests $(ARGS)

test-fast: $(TESTS) ## the tests that need neither a browser nor running services, in 2 minutes: ARGS= for pytest
	$(DEV)/pytest --numprocesses 2 --dist loadfile $(FAST_TESTS) $(ARGS)

test-compose: $(VENVS)/dev/.done ## the tests of the deployment, on this machine's Docker engine: ARGS= for pytest
	$(DEV)/pytest tests/compose $(ARGS)

test-release: $(VENVS)/dev/.done ## the tests of releases, updates and rollbacks, on this machine's Docker engine: ARGS= for pytest
	$(DEV)/pytest tests/release $(ARGS)

test-swarm: $(VENVS)/dev/.done ## the tests of a Swarm of three hosts, which the program ../shared/docker/nodes starts: ARGS= for pytest
	$(DEV)/pytest tests/swarm $(ARGS)

check: $(TESTS) ## linters, types, import contracts, catalogs, Nginx configuration, documents
	$(DEV)/ruff check $(PYTHON_SOURCES)
	$(DEV)/ruff format --check $(PYTHON_SOURCES)
	$(DEV)/mypy
	$(DEV)/lint-imports --no-cache
	$(DEV)/shellcheck $(SHELL_SOURCES)
	$(SHFMT) --diff $(SHELL_SOURCES)
	$(DEV)/biome ci --error-on-warnings
	$(DEV)/djlint --quiet --lint $(PAGES)
	$(DEV)/yamllint --strict .
	$(DEV)/hadolint $(DOCKERFILES)
	$(DEV)/rumdl check --no-cache .
	$(DEV)/codespell
	$(DEV)/pytest -q tests/docs

format: $(VENVS)/dev/.done ## format Python, shell scripts, JavaScript, CSS and Markdown
	$(DEV)/ruff check --fix $(PYTHON_SOURCES)
	$(DEV)/ruff format $(PYTHON_SOURCES)
	$(SHFMT) --write $(SHELL_SOURCES)
	$(DEV)/biome check --write
	$(DEV)/rumdl fmt --no-cache .

##@ Load and measure

load: $(TESTS) $(if $(BROWSERS),$(BROWSER)) ## put load on a topology with Locust, and check that every call was shown correctly: PROFILE=smoke|store|chain|storm|faults|flood|chaos|soak, HOST=, SECONDS=, STORES=, WORKERS= on other machines, BROWSERS=; for chaos: SEED=, FAULTS=, TOPOLOGY=local|compose
	@$(DEV)/python -m loadtests.load $(if $(PROFILE),--profile $(PROFILE)) $(if $(HOST),--host $(HOST)) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(STORES),--stores $(STORES)) $(if $(WORKERS),--workers $(WORKERS)) $(if $(BROWSERS),--browsers $(BROWSERS)) $(if $(SEED),--seed $(SEED)) $(if $(FAULTS),--faults $(FAULTS)) $(if $(TOPOLOGY),--topology $(TOPOLOGY))

worker: $(TESTS) ## generate a part of the load of `make load WORKERS=`, which runs on another machine: MASTER=, PROCESSES=
	@$(if $(MASTER),,$(error set MASTER= to the address of the machine with make load WORKERS=))
	@echo "looking for the master at $(MASTER), port 5557"
	@$(DEV)/locust -f loadtests/locustfile.py --worker --master-host '$(MASTER)' --processes '$(or $(PROCESSES),-1)' --loglevel WARNING

locust: ## start Locust's web page, to put load on the compose stack; its settings, such as LOAD_PROFILE=, are in .env
	@docker compose --profile load up --build --detach --no-deps load
	@echo "Locust: http://localhost:$$(docker compose --profile load config --format json | sed -n 's/.*"LOCUST_WEB_PORT": "\([0-9]*\)".*/\1/p') (the verdict of a finished run is at /verdict)"

bench: $(TESTS) ## compare cashier_q with its peers, up to an hour: SCREENS=, ROUNDS=3
	@$(DEV)/python -m loadtests.bench $(if $(SCREENS),--screens $(SCREENS)) $(if $(ROUNDS),--rounds $(ROUNDS))

capacity: $(TESTS) ## search for the largest load at which all promises hold, in about 30 minutes: PROMISE=screens|stores|calls, START=, ROUNDS=3
	@$(if $(PROMISE),,$(error set PROMISE= to screens, stores or calls))
	@$(DEV)/python -m loadtests.capacity --promise '$(PROMISE)' $(if $(START),--start $(START)) $(if $(ROUNDS),--rounds $(ROUNDS))

compare: $(LOCAL) $(TESTS) ## compare the working tree with a revision, in about ten minutes; exits with 1 if a measure is worse: BASE=, BLOCKS=18
	@$(if $(BASE),,$(error set BASE= to a revision, for example BASE=HEAD))
	@$(DEV)/python -m loadtests.compare --base '$(BASE)' $(if $(BLOCKS),--blocks $(BLOCKS))

paint: $(TESTS) $(BROWSER) ## measure the time from a call's message until the call is painted, on slow hardware
	$(DEV)/python -m tools.paint

socket-flood: $(TESTS) ## measure what one websocket costs the other screens if it sends as fast as it can, in 8 minutes
	$(DEV)/python -m tools.socket_flood

screen-states: $(TESTS) ## check that the states of 10,000 screens are found in time, in 8 minutes: SCREENS=
	$(DEV)/python -m tools.screen_states $(if $(SCREENS),--screens $(SCREENS))

announcements: $(TESTS) ## measure what the announcements of 100,000 stores cost a replica, in 3 minutes: STORES=, REPLICAS=
	$(DEV)/python -m tools.announcements $(if $(STORES),--stores $(STORES)) $(if $(REPLICAS),--replicas $(REPLICAS))

##@ Maintain

release: $(VENVS)/dev/.done ## build the images and the archive of a version: VERSION=0.1.0, CASHIER_REGISTRY= to push the images
	@$(DEV)/python -m tools.release '$(VERSION)'

lock: $(UV) ## write all lock files again; with UPGRADE=--upgrade, they get newer versions
	$(LOCK) services/web/pyproject.toml -o services/web/requirements.txt
	$(LOCK) services/ws/pyproject.toml -o services/ws/requirements.txt
	$(LOCK) deploy/local/requirements.in -o deploy/local/requirements.txt
	$(LOCK) loadtests/requirements.in -o loadtests/requirements.txt
	$(LOCK) tests/requirements.in services/web/pyproject.toml services/ws/pyproject.toml -o tests/requirements.txt
LOCK = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-package cashier-core $(UPGRADE)

messages: $(VENVS)/dev/.done ## compile the catalogs
	for package in core web; do $(DEV)/pybabel -q compile -D django -d services/$$package/src/cashier_$$package/locale; done

voices: $(VENVS)/dev/.done ## create the voices of the screens again with espeak-ng (Debian: apt-get install espeak-ng)
	$(DEV)/python -m tools.voices

screenshots: $(TESTS) $(BROWSER) ## take the README's pictures again
	$(DEV)/python -m tools.screenshots

clean: ## remove what make has created: environments, local data, caches
	rm -rf $(VENVS) var .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# web, ws, the local topology and the development tools each have a virtual environment of their own, made from a lock
# file of their own. So none of them can use a package of another by accident. uv creates the environments in seconds,
# while pip needs minutes. uv compiles the packages, because otherwise all processes of the first start would compile
# the same modules at the same time, and at every start if PYTHONDONTWRITEBYTECODE is set.
$(UV): tests/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cashier_q needs Python 3.11 or newer; choose one with PYTHON=")'
	@echo "installing uv"
	@rm -rf $(VENVS)/uv && $(PYTHON) -m venv $(VENVS)/uv
	@sed -n '/^uv==/,/[^\\]$$/p' $< > $(VENVS)/uv/uv.txt
	@$(VENVS)/uv/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --no-deps --requirement $(VENVS)/uv/uv.txt

define venv
	@echo "installing $(@D)"
	@$(UV) venv --quiet --clear --python $(PYTHON) $(@D)
	@$(UV) pip install --quiet --compile-bytecode --python $(@D)/bin/python --require-hashes --requirement $<
endef
# core is installed first, because flit imports core to get the version of web and ws. If the version changes, the
# packages are installed again.
VERSIONED := services/core/pyproject.toml services/core/src/cashier_core/__init__.py
install_packages = @for package in $(1); do \
	$(UV) pip install --quiet --python $(@D)/bin/python --no-deps --no-build-isolation --editable services/$$package || exit; done

$(VENVS)/web/.done: services/web/requirements.txt $(VERSIONED) services/web/pyproject.toml | $(UV)
	$(venv)
	$(call install_packages,core web)
	@touch $@

$(VENVS)/ws/.done: services/ws/requirements.txt $(VERSIONED) services/ws/pyproject.toml | $(UV)
	$(venv)
	$(call install_packages,core ws)
	@touch $@

$(VENVS)/local/.done: deploy/local/requirements.txt | $(UV)
	$(venv)
	@touch $@

$(VENVS)/dev/.done: tests/requirements.txt $(VERSIONED) services/web/pyproject.toml services/ws/pyproject.toml | $(UV)
	$(venv)
	$(call install_packages,core web ws)
	@touch $@

$(VENVS)/dev/.browser: $(VENVS)/dev/.done
	@$(DEV)/python -m tests.support.browser
	@touch $@
