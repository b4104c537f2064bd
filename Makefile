# moonpool: build, test, try.  `make help` lists the targets.
#
# What you may set:
#   PREFIX, DESTDIR   where `make install` puts things (default /usr/local); more of it in scripts/dev/install
#   CC, CFLAGS        compiler and its flags
#   SANITIZE          address,undefined or thread: an instrumented build in a folder of its own
#   ONLY              `make test ONLY=word`: only the test programs and specs whose path contains the word
#   JOBS              how many compilers and tests run at a time (default: one for each processor)

PREFIX   ?= /usr/local
CC       ?= cc
CFLAGS   ?= -O2 -g
SANITIZE ?=
JOBS     ?= $(shell nproc)
.DEFAULT_GOAL := all

# Debian packages: to build, to test (on real servers too), to check, to measure. Each target installs what it needs.
BUILD_PACKAGES = gcc libc6-dev pkg-config lua5.4 liblua5.4-dev libcurl4-openssl-dev libyaml-dev libcjson-dev libssl-dev \
                 libuv1-dev libmicrohttpd-dev libgnutls28-dev zlib1g-dev libedit-dev lua-argparse ca-certificates
TEST_PACKAGES  = lua-busted libcmocka-dev nghttp2-proxy curl python3 procps bsdutils tinyproxy-bin microsocks tmux less \
                 zsh fish mandoc luarocks dpkg-dev binutils xz-utils
REAL_PACKAGES  = etcd-server openssl curl python3 squid kubectl=kubernetes-client
LINT_PACKAGES  = clang-format lua-check mandoc
DEB_PACKAGES   = dpkg-dev binutils xz-utils
BENCH_PACKAGES = nginx-light nghttp2-client openssl python3-kubernetes kubectl=kubernetes-client

empty :=
comma := ,
VERSION = $(shell sed -n 's/.*MOON_VERSION "\(.*\)".*/\1/p' core/moonpool.h)
B     := build$(if $(SANITIZE),/sanitize-$(subst $(comma),-,$(SANITIZE)))
PKGS  := lua5.4 libcurl yaml-0.1 libcjson openssl libuv libmicrohttpd gnutls zlib

# --- flags ---------------------------------------------------------------------------------------------------------
WARN      = -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wformat=2 \
            -Wno-format-nonliteral -Wno-unused-parameter -Werror
SAN       = $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all)
PKGCFLAGS = $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKGLIBS   = $(shell pkg-config --libs $(PKGS) 2>/dev/null)
LUALIBS   = $(shell pkg-config --libs lua5.4 2>/dev/null)
ALLCFLAGS = -std=c11 -D_GNU_SOURCE -ffile-prefix-map=$(CURDIR)=. -fPIC -pthread -Icore $(PKGCFLAGS) $(WARN) $(SAN) $(CFLAGS) -MMD -MP
LINK      = $(CC) -pthread $(SAN) $(LDFLAGS)

# --- what there is --------------------------------------------------------------------------------------------------
CORE_DIRS = base kube net pool cluster http binding
CORE_SRC  = $(foreach d,$(CORE_DIRS),$(wildcard core/$(d)/*.c))
CLI_SRC   = $(wildcard core/cli/*.c)
CORE_OBJ  = $(CORE_SRC:%.c=$(B)/obj/%.o)
CLI_OBJ   = $(CLI_SRC:%.c=$(B)/obj/%.o)
LUA_SRC   = $(shell find lua/moonpool -name '*.lua' | LC_ALL=C sort) $(SCRIPTS)
SCRIPTS   = $(sort $(wildcard scripts/*.lua))
C_FILES   = $(shell find core spec bench -name '*.[ch]' 2>/dev/null | LC_ALL=C sort)
SPEC_BIN  = $(patsubst spec/core/%.c,$(B)/spec/%,$(wildcard spec/core/*_spec.c))

all: $(B)/moonpool $(B)/lib/moonpool.so $(B)/lib/libmoonpool.so ## build the program and the libraries

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(ALLCFLAGS) -c -o $@ $<

# All Lua modules and scripts as one C table, so that the program and the library need no files at run time.
$(B)/embedded.c: $(LUA_SRC) scripts/dev/embed.lua
	@mkdir -p $(@D)
	@echo "  EMBED $@"
	@lua5.4 scripts/dev/embed.lua $(LUA_SRC) > $@.tmp && mv $@.tmp $@

$(B)/obj/embedded.o: $(B)/embedded.c
	@mkdir -p $(@D)
	@$(CC) $(ALLCFLAGS) -c -o $@ $<

$(B)/moonpool: $(CORE_OBJ) $(CLI_OBJ) $(B)/obj/embedded.o
	@echo "  LINK  $@"
	@$(LINK) -Wl,-E -o $@ $^ $(PKGLIBS) -ledit -lm -ldl

# The Lua module takes the Lua functions from the interpreter that loads it; the C library brings them along.
# nodelete: Lua unloads modules when it closes, while threads of ours may still be on their way out.
$(B)/lib/moonpool.so: $(CORE_OBJ) $(B)/obj/embedded.o
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(LINK) -shared -Wl,-z,nodelete -o $@ $^ $(filter-out $(LUALIBS),$(PKGLIBS)) -lm

$(B)/lib/libmoonpool.so: $(CORE_OBJ) $(B)/obj/embedded.o
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(LINK) -shared -Wl,-soname,libmoonpool.so.0 -o $@ $^ $(PKGLIBS) -lm
	@ln -sf libmoonpool.so $(B)/lib/libmoonpool.so.0

# C tests: one program per file, linked with the core and with spec/core/support.
$(B)/spec/%: spec/core/%.c $(CORE_OBJ) $(B)/obj/embedded.o $(wildcard spec/core/support/*)
	@mkdir -p $(@D)
	@echo "  SPEC  $@"
	@$(LINK) $(filter-out -MMD -MP,$(ALLCFLAGS)) -Ispec/core -o $@ $(filter %.c %.o,$^) $(PKGLIBS) -lcmocka -lm

$(B)/bench/%: bench/%.c $(CORE_OBJ) $(B)/obj/embedded.o
	@mkdir -p $(@D)
	@echo "  BENCH $@"
	@$(LINK) $(filter-out -MMD -MP,$(ALLCFLAGS)) -o $@ $^ $(PKGLIBS) -lm

$(B)/fuzz/%: spec/fuzz/%.c $(CORE_OBJ) $(B)/obj/embedded.o
	@mkdir -p $(@D)
	@echo "  FUZZ  $@"
	@$(LINK) $(filter-out -MMD -MP,$(ALLCFLAGS)) -DMOON_FUZZ_MAIN -o $@ $^ $(PKGLIBS) -lm

# --- what to do with it ----------------------------------------------------------------------------------------------
DEPS  = scripts/dev/deps
SPECS = $(filter-out spec/real/% $(if $(filter thread,$(SANITIZE)),$(ONE_THREAD)),$(shell find spec -name '*_spec.lua' | LC_ALL=C sort))
ONE_THREAD = spec/json_spec.lua spec/yaml_spec.lua # long, and nothing in them for ThreadSanitizer to see

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1#/p' Makefile | awk -F'#' '{ printf "make %-13s %s\n", $$1, $$2 }'

deps: ## install the Debian packages that are missing, for everything below
	@$(DEPS) $(BUILD_PACKAGES) $(TEST_PACKAGES) $(REAL_PACKAGES) $(LINT_PACKAGES) $(BENCH_PACKAGES)

demo: ## run a script on three simulated clusters, and leave nothing running
	@$(DEPS) $(BUILD_PACKAGES)
	@$(MAKE) -s -j$(JOBS) all
	@scripts/dev/demo $(B)

test: ## run the C tests and the Lua specs; no network, no cluster needed
	@$(DEPS) $(BUILD_PACKAGES) $(TEST_PACKAGES)
	@$(MAKE) -s -j$(JOBS) all specs
	@scripts/dev/test $(B) $(SPEC_BIN) $(SPECS)

test-real: ## run the API specs on three real clusters (the first time builds them, about 5 minutes)
	@$(DEPS) $(BUILD_PACKAGES) $(TEST_PACKAGES) $(REAL_PACKAGES)
	@$(MAKE) -s -j$(JOBS) all
	@scripts/dev/test-real $(B)

test-valgrind: ## run the C tests under valgrind
	@$(DEPS) $(BUILD_PACKAGES) $(TEST_PACKAGES) valgrind
	@$(MAKE) -s -j$(JOBS) specs
	@UNDER="valgrind -q --error-exitcode=9 --leak-check=full" TEST_TIMEOUT=900 scripts/dev/test $(B) $(SPEC_BIN)

fuzz: ## throw a million mutated texts at the JSON and YAML code, under sanitizers (FUZZ_RUNS, FUZZ_SEED)
	@$(DEPS) $(BUILD_PACKAGES)
	@$(MAKE) -s -j$(JOBS) SANITIZE=address,undefined build/sanitize-address-undefined/fuzz/json_fuzz
	@build/sanitize-address-undefined/fuzz/json_fuzz $(or $(FUZZ_RUNS),1000000) $(or $(FUZZ_SEED),$(shell date +%s))

json-million: ## compare a million generated documents with Python's json (make test does 20,000)
	@$(DEPS) $(BUILD_PACKAGES) python3
	@$(MAKE) -s -j$(JOBS) all
	@scripts/dev/json_compare.py 1000000 --seed 2 -- $(B)/moonpool scripts/dev/json_again.lua

bench: ## measure speed and memory beside curl, h2load, kubectl and a bare mutex; prints ratios and aims
	@$(DEPS) $(BUILD_PACKAGES) $(TEST_PACKAGES) $(BENCH_PACKAGES)
	@$(MAKE) -s -j$(JOBS) all $(B)/bench/pool_bench $(B)/bench/select_bench
	@bench/run $(B)

lint: ## formatting, Lua checks, the floor plan of core/, and whether reference and manual page are up to date
	@$(DEPS) $(BUILD_PACKAGES) $(LINT_PACKAGES)
	@$(MAKE) -s -j$(JOBS) all
	@status=0; clang-format --dry-run -Werror $(C_FILES) || status=1; \
	luacheck --quiet $(wildcard lua scripts examples spec bench) || status=1; \
	lua5.4 scripts/dev/floors.lua $(C_FILES) || status=1; \
	$(B)/moonpool scripts/dev/reference.lua --check || status=1; \
	$(B)/moonpool scripts/dev/manual.lua --check || status=1; \
	mandoc -T lint -W warning docs/moonpool.1 || status=1; exit $$status

reference: all ## make the reference, the editors' declarations, help()'s texts and the manual page from the code
	@$(B)/moonpool scripts/dev/reference.lua
	@$(B)/moonpool scripts/dev/manual.lua

specs: $(SPEC_BIN)

install: all ## install everything below PREFIX: program, libraries, header, manual page, completion, documents, examples
	@PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) scripts/dev/install $(B) $(VERSION)

uninstall: ## remove what `make install` with the same PREFIX has put there
	@PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) scripts/dev/install --remove $(B) $(VERSION)

deb: ## make a Debian package of what was built: build/moonpool_VERSION_ARCH.deb
	@$(DEPS) $(BUILD_PACKAGES) $(DEB_PACKAGES)
	@$(MAKE) -s -j$(JOBS) all
	@scripts/dev/deb $(B) $(VERSION)

test-deb: deb ## install the Debian package, use what it brings, and remove it again
	@scripts/dev/try-package $(B)/moonpool_$(VERSION)_$(shell dpkg --print-architecture).deb $(VERSION)

clean: ## remove everything that was built
	rm -rf build

.PHONY: all help deps demo test test-real test-valgrind fuzz json-million bench lint reference specs install uninstall deb test-deb clean
-include $(CORE_OBJ:.o=.d) $(CLI_OBJ:.o=.d)
