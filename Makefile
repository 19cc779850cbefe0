# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
SETUP := tests/setup/setup.sh
STAGES := build/venv/bin/python tests/run/stages.py
BED := build/venv/bin/python tests/testbed/bed.py

.PHONY: help
help: ## This list
	@echo 'make demo      three bare Debian hosts become GPU servers, on this machine, before your eyes'
	@echo 'make test      everything that must hold before a change lands'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-30s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo 'All of it works from a fresh clone as root on Debian 12; what is missing is installed or named.'

.PHONY: demo
demo: ## Boot a small fleet, provision it twice, show what it did
	@$(SETUP) hosts
	@build/venv/bin/python tests/demo/demo.py

.PHONY: demo-clean
demo-clean: ## Take the demo's fleet down
	@$(SETUP) hosts
	@$(BED) down tests/demo/inventory.yml

.PHONY: shell
shell: ## A shell on a host of the demo: make shell HOST=gpu01
	@test -n "$(HOST)" || { echo 'Which host? make shell HOST=gpu01' >&2; exit 2; }
	@ssh -F build/demo/ssh_config $(HOST)

.PHONY: test
test: ## All stages: lint, sanity, unit tests, every molecule scenario, the built artifact
	@$(SETUP) hosts
	@$(STAGES) all

.PHONY: lint
lint: ## yamllint, ansible-lint, documentation, changelog, shell scripts
	@$(SETUP) tools
	@$(STAGES) lint

.PHONY: sanity
sanity: ## ansible-test sanity
	@$(SETUP) tools
	@$(STAGES) sanity

.PHONY: test-unit
test-unit: ## Unit tests: make test-unit ARGS='-k lock'
	@$(SETUP) tools
	@build/venv/bin/python -m pytest $(ARGS)

.PHONY: molecule
molecule: ## One scenario on real hosts: make molecule SCENARIO=gpu [DO=converge]
	@test -n "$(SCENARIO)" || { echo "Which one? make molecule SCENARIO=..., one of:" \
	    $(patsubst molecule/%/molecule.yml,%,$(wildcard molecule/*/molecule.yml)) >&2; exit 2; }
	@$(SETUP) hosts
	@$(BED) build
	@PATH="$(CURDIR)/build/venv/bin:$$PATH" MOLECULE_GLOB='molecule/*/molecule.yml' \
	    MOLECULE_EPHEMERAL_DIRECTORY='$(CURDIR)/build/molecule/$(SCENARIO)/state' \
	    molecule $(or $(DO),test) --scenario-name $(SCENARIO)

.PHONY: artifact
artifact: ## Build the collection, install it elsewhere, run its playbook by name
	@$(SETUP) hosts
	@$(STAGES) bed artifact

.PHONY: bench
bench: ## Measure against peers; writes build/benchmarks.json
	@$(SETUP) hosts
	@$(BED) build
	@build/venv/bin/python tests/benchmarks/run.py $(ARGS)

.PHONY: changelog
changelog: ## Show what the fragments will say in CHANGELOG.md
	@$(SETUP) tools
	@build/venv/bin/python tests/run/changelog.py

.PHONY: clean
clean: ## Take all hosts of the bed down and remove build/; the cache stays
	@if [ -x build/venv/bin/python ]; then $(BED) clean; fi
	@rm -rf build .ansible
