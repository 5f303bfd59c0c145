# The menu. `make` alone shows it; every line is one command that also works by hand.
.PHONY: help run check lint types imports test faults bench requirements
PINS = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links pyproject.toml requirements/build.in

help:          ## show this menu
	@sed -n 's/^\([a-z]*:\) *## /\1\t/p' Makefile | expand -t 16
run:           ## start Strongroom with its demo database
	./scripts/launch.py
check:         ## everything: set-up, lint, types, imports, tests
	./scripts/check
lint:          ## ruff, rules and format
	.venv/bin/ruff check && .venv/bin/ruff format --check
types:         ## mypy, strict
	.venv/bin/mypy
imports:       ## who may import whom
	.venv/bin/lint-imports
test:          ## every test
	.venv/bin/python -m pytest
faults:        ## only the tests that kill, stall or corrupt
	.venv/bin/python -m pytest -m faults
bench:         ## one query's journey beside psycopg, in one run
	.venv/bin/python -m bench.journey
requirements:  ## pin again, newest allowed (needs uv)
	$(PINS) --upgrade -o requirements/runtime.txt
	$(PINS) --upgrade --extra demo -o requirements/demo.txt
	$(PINS) --upgrade --extra demo --extra test --extra lint -o requirements/check.txt
