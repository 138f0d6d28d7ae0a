# cashier_q. `make` alone prints the targets.
PYTHON ?= python3
PORT ?= 8000
WS ?= 2
VENVS := .venv
DEV := $(VENVS)/dev/bin
SOURCES := deploy/local loadtests services tests
SCRIPTS = .ci/run $(shell grep -rlI '^\#!.*sh$$' deploy)
export PYTHONPATH := deploy/local:.

.DEFAULT_GOAL := help
.PHONY: help run test test-compose check format lock messages voices screenshots paint load bench clean
.PHONY: up down locust logs scale update account backup restore certs

help: ## print the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

run: $(VENVS)/web/.done $(VENVS)/ws/.done $(VENVS)/local/.done ## install and start everything here: PORT=8000 WS=2
	@exec $(VENVS)/local/bin/python -m cashier_local --port '$(PORT)' --replicas '$(WS)'

test: $(VENVS)/web/.done $(VENVS)/ws/.done $(VENVS)/dev/.done $(VENVS)/dev/.browser ## all tests: real Valkey, Daphne, Nginx and browser; ARGS= for pytest
	$(DEV)/pytest $(ARGS)

test-compose: $(VENVS)/dev/.done ## the deployment's tests, on this machine's Docker engine; ARGS= for pytest
	$(DEV)/pytest tests/compose $(ARGS)

check: $(VENVS)/web/.done $(VENVS)/ws/.done $(VENVS)/dev/.done ## lint, types, scripts, import contracts, catalogs, Nginx configuration, settings table
	$(DEV)/ruff check $(SOURCES)
	$(DEV)/ruff format --check $(SOURCES)
	$(DEV)/mypy
	$(DEV)/lint-imports --no-cache
	$(DEV)/shellcheck $(SCRIPTS)
	$(DEV)/pytest -q tests/docs

format: $(VENVS)/dev/.done ## format the code
	$(DEV)/ruff check --fix $(SOURCES)
	$(DEV)/ruff format $(SOURCES)

load: $(VENVS)/web/.done $(VENVS)/ws/.done $(VENVS)/dev/.done ## Locust, exactly accounted: PROFILE=smoke|store|chain|storm|faults|soak, HOST=, SECONDS=
	@$(DEV)/python -m loadtests.load $(if $(PROFILE),--profile $(PROFILE)) $(if $(HOST),--host $(HOST)) $(if $(SECONDS),--seconds $(SECONDS))

bench: $(VENVS)/web/.done $(VENVS)/ws/.done $(VENVS)/dev/.done ## cashier_q and its peers in one run, up to an hour: SCREENS=, ROUNDS=3
	@$(DEV)/python -m loadtests.bench $(if $(SCREENS),--screens $(SCREENS)) $(if $(ROUNDS),--rounds $(ROUNDS))

screenshots: $(VENVS)/web/.done $(VENVS)/ws/.done $(VENVS)/dev/.done $(VENVS)/dev/.browser ## the README's pictures anew
	$(DEV)/python -m tests.screenshots

# The deployment on this host's Docker engine.
STACK := deploy/compose
export COMPOSE_FILE := $(STACK)/compose.yaml$(if $(wildcard $(STACK)/certs/tls.crt),:$(STACK)/tls.yaml)

up: ## docker compose: build, start, wait until healthy; .env and secrets are made on first use
	@$(STACK)/up

down: ## docker compose: stop and remove the containers; the database stays
	@docker compose --profile monitoring --profile load down

locust: ## docker compose: Locust's web page, which loads this stack; LOAD_PROFILE= and more in .env
	@docker compose --profile load up --build --detach --no-deps load
	@echo "Locust: http://localhost:$$(docker compose --profile load config --format json | sed -n 's/.*"LOCUST_WEB_PORT": "\([0-9]*\)".*/\1/p'), and when a run has ended, its verdict at /verdict"

logs: ## docker compose: follow the logs
	@docker compose logs --follow --tail 100

scale: ## docker compose: as many ws replicas as WS=5 says
	@$(STACK)/scale '$(if $(filter file,$(origin WS)),,$(WS))'

update: ## docker compose: rebuild, and replace one container after another
	@$(STACK)/update

account: ## docker compose: make an account that may do everything
	@docker compose exec web python -m cashier_web createsuperuser

backup: ## docker compose: the database and the media into deploy/compose/backups/
	@$(STACK)/backup

restore: ## docker compose: the database and the media back from FILE=
	@$(STACK)/restore '$(FILE)'

certs: ## docker compose: a self-signed pair for HTTPS
	@$(STACK)/certify

paint: $(VENVS)/web/.done $(VENVS)/ws/.done $(VENVS)/dev/.done $(VENVS)/dev/.browser ## how long a call takes from its message until it is painted, on slow hardware
	$(DEV)/python -m tests.paint

messages: $(VENVS)/dev/.done ## compile the catalogs
	for package in core web; do $(DEV)/pybabel -q compile -D django -d services/$$package/src/cashier_$$package/locale; done

voices: $(VENVS)/dev/.done ## what screens say, anew, with espeak-ng (Debian: apt-get install espeak-ng)
	$(DEV)/python services/web/voices/make.py

LOCK = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-package cashier-core
lock: $(UV) ## resolve all requirements anew
	$(LOCK) $(UPGRADE) services/web/pyproject.toml -o services/web/requirements.txt
	$(LOCK) $(UPGRADE) services/ws/pyproject.toml -o services/ws/requirements.txt
	$(LOCK) $(UPGRADE) deploy/local/requirements.in -o deploy/local/requirements.txt
	$(LOCK) $(UPGRADE) loadtests/requirements.in -o loadtests/requirements.txt
	$(LOCK) $(UPGRADE) tests/requirements.in services/web/pyproject.toml services/ws/pyproject.toml -o tests/requirements.txt

clean: ## remove what make has made: environments, local data, caches
	rm -rf $(VENVS) var .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Each thing that is installed has an environment of its own, made from its own lock file, so that none of them can use
# another one's packages by accident. uv makes the environments, because pip needs minutes for what uv does in seconds.
UV := $(VENVS)/uv/bin/uv
$(UV): tests/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cashier_q needs Python 3.11 or newer; choose one with PYTHON=")'
	@echo "installing uv"
	@rm -rf $(VENVS)/uv && $(PYTHON) -m venv $(VENVS)/uv
	@sed -n '/^uv==/,/[^\\]$$/p' $< > $(VENVS)/uv/requirements.txt
	@$(VENVS)/uv/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --no-deps --requirement $(VENVS)/uv/requirements.txt

define venv
	@echo "installing $(@D)"
	@$(UV) venv --quiet --clear --python $(PYTHON) $(@D)
	@$(UV) pip install --quiet --python $(@D)/bin/python --require-hashes --requirement $<
endef
install_packages = @$(UV) pip install --quiet --python $(@D)/bin/python --no-deps --no-build-isolation $(addprefix --editable services/,$(1))

$(VENVS)/web/.done: services/web/requirements.txt services/core/pyproject.toml services/web/pyproject.toml | $(UV)
	$(venv)
	$(call install_packages,core web)
	@touch $@

$(VENVS)/ws/.done: services/ws/requirements.txt services/core/pyproject.toml services/ws/pyproject.toml | $(UV)
	$(venv)
	$(call install_packages,core ws)
	@touch $@

$(VENVS)/local/.done: deploy/local/requirements.txt | $(UV)
	$(venv)
	@touch $@

$(VENVS)/dev/.done: tests/requirements.txt services/core/pyproject.toml services/web/pyproject.toml services/ws/pyproject.toml | $(UV)
	$(venv)
	$(call install_packages,core web ws)
	@touch $@

$(VENVS)/dev/.browser: $(VENVS)/dev/.done
	@$(DEV)/python -m tests.browser
	@touch $@
