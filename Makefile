# License Manager: make demo, make test, make check. Needs Python 3.11 to 3.13, make and a package registry.
PORT ?= 8000
# How many tests run side by side.
JOBS ?= 2
SOAK_RUNS ?= 2000
PY := .venv/bin/python
CODE := manage.py gunicorn.conf.py licensemgr organizations history products wallet subscriptions hardware docs
export DJANGO_SETTINGS_MODULE := licensemgr.settings

.DEFAULT_GOAL := help
.PHONY: help demo demo-reset test soak proof bench scale screenshots lighthouse check sbom dependencies messages format lock

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

demo: ## The demonstration at http://localhost:8000 (PORT=…); Ctrl-C stops it
	@.ci/environment base
	@MODE=demonstration exec $(PY) manage.py demo --port $(PORT)

demo-reset: ## Forget the demonstration's data; the next make demo starts over
	@.ci/environment base
	@MODE=demonstration exec $(PY) manage.py demo --reset

test: ## The whole suite; on SQLite unless DATABASE_URL and REDIS_URL say otherwise (ARGS="…" goes to pytest)
	@.ci/environment dev
	@MODE=test exec $(PY) -m pytest -n $(JOBS) --dist worksteal $(ARGS)

soak: ## The state machine over random dates for as long as one likes (SOAK_RUNS=…)
	@.ci/environment dev
	@MODE=test SOAK_RUNS=$(SOAK_RUNS) exec $(PY) -m pytest tests/rules -k state_machine -p no:randomly -s $(ARGS)

proof: lighthouse ## The long versions of what the suite samples; goes on where it was stopped, figures in docs/proof.md (PARTS=… FRESH=1)
	@.ci/environment dev
	@PARTS="$(PARTS)" FRESH="$(FRESH)" JOBS=$(JOBS) exec $(PY) -m tests.proof

bench: lighthouse ## Times that are measured and not asserted: answers to guesses, 50 and 5,000 systems, large files, a million units, 5,000 calls at once
	@.ci/environment dev
	@MODE=test $(PY) -m pytest -q tests/bench/bench_*.py -p no:randomly $(ARGS)
	@MODE=test $(PY) -m tests.bench.system_files
	@MODE=test $(PY) -m tests.bench.upload_wait
	@MODE=test $(PY) -m tests.bench.import_units
	@MODE=test $(PY) -m tests.bench.online_systems
	@$(PY) -m tests.bench.pages

scale: ## A million organizations in a database of its own on PostgreSQL, measured: DATABASE_URL=… names it, and it is dropped (docs/scale.md)
	@.ci/environment dev
	@MODE=test DATABASE_PARTITIONS=16 exec $(PY) -m tests.bench.scale

screenshots: ## Pictures of all pages in two widths and two themes in var/screenshots, with index.html (ARGS="-k product_list", LANGUAGE=de)
	@.ci/environment dev
	@MODE=test exec $(PY) -m pytest -q -p no:randomly tests/gallery/screenshots.py $(ARGS)

# Lighthouse, for tests only, from the npm registry; needs node 18.20 or newer.
lighthouse: tests/lighthouse/node_modules/.package-lock.json
tests/lighthouse/node_modules/.package-lock.json: tests/lighthouse/package-lock.json
	@cd tests/lighthouse && npm ci --ignore-scripts --no-audit --no-fund --silent && touch node_modules/.package-lock.json

check: ## Style, known mistakes of security, types, layers, migrations, settings
	@.ci/environment dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/bandit --quiet --configfile pyproject.toml --recursive $(CODE)
	MODE=test .venv/bin/mypy
	.venv/bin/lint-imports
	MODE=test $(PY) manage.py makemigrations --check --dry-run
	MODE=test $(PY) manage.py check
	@MODE=production ALLOWED_HOSTS=portal.example.com \
	  SECRET_KEY=$$($(PY) -c 'import secrets; print(secrets.token_urlsafe(64))') \
	  LICENSE_KEY_PEPPER=$$($(PY) -c 'import secrets; print(secrets.token_urlsafe(64))') \
	  ENCRYPTION_SECRET=$$($(PY) -c 'import secrets; print(secrets.token_urlsafe(64))') \
	  $(PY) manage.py check --deploy --fail-level WARNING

messages: ## Bring the catalogues in locale/ up to date with the code (locale/GUIDE.md tells how to translate)
	@.ci/environment base
	@MODE=test exec $(PY) manage.py messages

sbom: ## What an installation consists of, as CycloneDX, in var/sbom.json
	@.ci/environment dev
	@rm -rf var/sbom && .venv/bin/uv venv --quiet --python $(PY) var/sbom
	@VIRTUAL_ENV=var/sbom .venv/bin/uv pip install --quiet --require-hashes --no-deps -r requirements/base.txt
	@.venv/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --output-format JSON \
	  --output-file var/sbom.json var/sbom
	@rm -rf var/sbom

dependencies: ## Write docs/dependencies.md: every package of the locks and its license
	@.ci/environment dev
	@exec $(PY) -m tests.dependencies

format: ## Put the code into the form that make check wants
	@.ci/environment dev
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

UV_COMPILE = .venv/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links --quiet
lock: ## Compile requirements/*.txt from pyproject.toml (ARGS=--upgrade for newer versions)
	@.ci/environment dev
	$(UV_COMPILE) $(ARGS) -o requirements/base.txt
	$(UV_COMPILE) $(ARGS) --extra dev -o requirements/dev.txt
