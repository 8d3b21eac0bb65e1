# What a person types. The work is done by the developer's tool, crates/xtask: `cargo xtask help`.

PG_CONFIG_GIVEN = $(if $(PG_CONFIG),--pg-config $(PG_CONFIG))
XTASK = cargo xtask
AS_ROOT = $(if $(filter-out 0,$(shell id -u)),sudo)

.PHONY: help demo stop top test lint bench pictures install tools

help: ## show this list
	@echo 'make ...'
	@sed -n 's/^\([a-z]*\):[^#]*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: tools ## start a server of its own with the extension and show what it does
	@$(XTASK) demo

stop: tools ## stop the server of the demo and remove it
	@$(XTASK) demo --stop

top: tools ## show what a cache does, every second (URL=postgresql://... for one of yours)
	@$(XTASK) top $(URL)

test: tools ## get PostgreSQL, build, and run every test (PG_CONFIG=... for one PostgreSQL of yours, ASSERTIONS=1)
	@$(XTASK) test $(if $(ASSERTIONS),--assertions)

lint: tools ## check the formatting and every warning
	@$(XTASK) test --only lint

bench: tools ## measure it beside hand-written SQL, frameworks, Redis and memcached (QUICK=1: in five minutes)
	@$(XTASK) bench -- $(if $(QUICK),--quick) $(if $(DOCS),--docs)

pictures: tools ## draw the pictures of the documentation, docs/demo.svg and docs/top.svg
	@$(XTASK) pictures

install: tools ## build and install into your PostgreSQL: make install PG_CONFIG=/path/to/pg_config
	@$(XTASK) install $(PG_CONFIG_GIVEN) $(if $(DESTDIR),--destdir $(DESTDIR))

tools:
	@command -v cargo >/dev/null || { echo 'Rust is needed: see https://rustup.rs' >&2; exit 1; }
	@command -v cc >/dev/null || { echo 'installing build-essential for its C linker'; \
		$(AS_ROOT) apt-get update -qq && $(AS_ROOT) env DEBIAN_FRONTEND=noninteractive \
		apt-get install -qq --yes --no-install-recommends build-essential; }
