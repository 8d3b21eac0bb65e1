# Short names for what the developer's tool does (crates/xtask): `cargo xtask help`.

PG_CONFIG_GIVEN = $(if $(PG_CONFIG),--pg-config $(PG_CONFIG))
XTASK = cargo xtask
AS_ROOT = $(if $(filter-out 0,$(shell id -u)),sudo)

.PHONY: help all demo stop top test lint package-test image image-test bench pictures install package release tools

help: ## show this list
	@echo 'make ...'
	@sed -n 's/^\([a-z-]*\):[^#]*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 16

# The client of PGXN calls this before install.
all: tools
	@$(XTASK) install $(PG_CONFIG_GIVEN) --destdir target/installed

demo: tools ## start a new server with the extension, and show a tour of the cache
	@$(XTASK) demo

stop: tools ## stop the server of the demo and remove it
	@$(XTASK) demo --stop

top: tools ## show every second what the cache of the demo does (URL=postgresql://... for another server)
	@$(XTASK) top $(URL)

test: tools ## download PostgreSQL, build, and run every test (PG_CONFIG=... for your own PostgreSQL; ASSERTIONS=1: also on one with assertions)
	@$(XTASK) test $(if $(ASSERTIONS),--assertions)

lint: tools ## check formatting, compiler warnings and the rules of CONTRIBUTING.md
	@$(XTASK) test --only lint

package-test: tools ## install, use and remove the Debian package on a clean Debian 12 (needs root)
	@$(XTASK) test --only package

image-test: tools ## build and run the images for Docker and CloudNativePG without an engine (needs Debian 12 and root)
	@$(XTASK) test --only image

image: ## build the image for Docker from the package in target/package (PG=18)
	@docker build --build-arg PG_MAJOR=$(or $(PG),18) --tag postgres-cache_pg:$(or $(PG),18) \
		--file packaging/docker/Dockerfile target/package

bench: tools ## compare cache_pg with hand-written SQL, frameworks, Redis and memcached (QUICK=1: five minutes)
	@$(XTASK) bench -- $(if $(QUICK),--quick) $(if $(DOCS),--docs)

pictures: tools ## draw the pictures docs/demo.svg and docs/top.svg
	@$(XTASK) pictures

install: tools ## build, and install into your PostgreSQL (PG_CONFIG=/path/to/pg_config; DESTDIR=... for a package)
	@$(XTASK) install $(PG_CONFIG_GIVEN) $(if $(DESTDIR),--destdir $(DESTDIR))

package: tools ## build a Debian package for each PostgreSQL, or for one (PG=18), in target/package
	@$(XTASK) package $(if $(PG),--pg $(PG))

release: tools ## check that a release is ready, run every test, and make all its files (VERSION=... is what you expect; NO_TEST=1)
	@$(XTASK) release $(if $(VERSION),--version $(VERSION)) $(if $(PG),--pg $(PG)) $(if $(NO_TEST),--no-test)

tools:
	@command -v cargo >/dev/null || { echo 'Rust is needed: see https://rustup.rs' >&2; exit 1; }
	@command -v cc >/dev/null || { echo 'installing build-essential, which has a C linker'; \
		$(AS_ROOT) apt-get update -qq && $(AS_ROOT) env DEBIAN_FRONTEND=noninteractive \
		apt-get install -qq --yes --no-install-recommends build-essential; }
