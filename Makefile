# SPDX-License-Identifier: MIT
# fmnistd: build, test, measure.
#
#   make                 the daemon, the client library, fmnistctl
#   make lib             the client library alone, which needs no other library
#   make python          the Python package's extension (PYTHONPATH=src/python finds it)
#   make portable        programs and extension that need libc alone, for scripts/wheels
#   make test            every C test, on this build (WITHOUT="pixels fuzz" leaves out folders of tests/)
#   make test-installed  tests/e2e with the library of pkg-config and the programs of FMNIST_PROGRAMS, a folder
#   make test-filtered   real daemons under their systemd unit's system-call filter
#   make bench           the figures of docs/performance.md, measured here
#   make analyze         gcc's analyzer and cppcheck
#   make fuzz            the fuzzers, FUZZ_SECONDS each (needs clang)
#   make model           the ring's wake-up protocol, checked as a model (needs spin)
#   make install         and uninstall; install-lib: the client library alone. PREFIX=/usr/local,
#                        LIBDIR=PREFIX/lib, SYSCONFDIR=/etc, UNITDIR=PREFIX/lib/systemd/system, DESTDIR=
#   make install-python  and uninstall-python: the Python package into PYTHONDIR, default that of PYTHON,
#                        on the shared library that install-lib has laid down, without the programs
#   make dist            fmnistd-VERSION.tar.gz of what is committed; deb: Debian packages of it
#
#   CC=clang             another compiler           SANITIZE=address,undefined | thread
#   BUILD=build          where everything goes      WERROR=1   warnings are errors
#   CHECKS=1             invariants are asserted at every unlock (default with SANITIZE or -Og)
#   JPEG=  MATIO=        without libjpeg, without matio, where they are there: fmnistctl import then
#                        reads no JPEG, no MATLAB files
#   OPT=-O2              CPPFLAGS, CFLAGS, LDFLAGS and LDLIBS come behind the build's own
#
# For another machine CC is enough (CC=aarch64-linux-gnu-gcc): AR, OBJCOPY and PKG_CONFIG are taken
# from it, where they are not given; PYTHON_INCLUDE is where its Python.h lies. What was built with
# other flags is built again.

BUILD  ?= build
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
MANDIR ?= $(PREFIX)/share/man
UNITDIR ?= $(PREFIX)/lib/systemd/system
# A machine's own config, or that of a folder's.
SYSCONFDIR ?= $(if $(filter /usr /usr/local,$(PREFIX)),/etc,$(PREFIX)/etc)
CC     := $(if $(filter default,$(origin CC)),gcc,$(CC))
OPT    ?= -O2
SANITIZE ?=
FUZZ_SECONDS ?= 20

# The compiler's own tools, so that a cross compiler brings the target's.
tool = $(or $(shell $(CC) -print-prog-name=$(1) 2>/dev/null),$(1))
AR := $(if $(filter default,$(origin AR)),$(call tool,ar),$(AR))
OBJCOPY := $(or $(OBJCOPY),$(call tool,objcopy))
PKG_CONFIG := $(or $(PKG_CONFIG),$(shell command -v "$$($(CC) -dumpmachine)-pkg-config" 2>/dev/null),pkg-config)

VERSION := $(shell sed -n 's/^\#define FMNIST_VERSION  *"\(.*\)"/\1/p' include/fmnist.h)
comma   := ,
MAJOR   := $(firstword $(subst ., ,$(VERSION)))

# Behind the user's flags: a fused multiply-add gives other pixels than the frameworks' own
# libraries. So does fast math, which also changes the arithmetic of programs that link it.
EXACT := -ffp-contract=off -fno-strict-aliasing
FAST := $(filter -Ofast -ffast-math -funsafe-math-optimizations -fassociative-math \
  -freciprocal-math -ffinite-math-only,$(OPT) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS))
$(if $(FAST),$(error $(FAST) gives other pixels than the frameworks have: build with -O3 at most))

OPT_LEVEL := $(lastword $(filter -O%,$(OPT) $(CFLAGS)))
# gcc inlines nothing at -Og, which xxhash.h would have it do.
DEBUGGING := $(if $(filter -Og,$(OPT_LEVEL)),-DXXH_NO_INLINE_HINTS=1)

MACROS := $(shell $(CC) $(CPPFLAGS) $(CFLAGS) -dM -E -x c /dev/null 2>/dev/null)

pkg = $(shell $(PKG_CONFIG) $(1) $(2) 2>/dev/null)

# The library that programs of tests/e2e are built with: the tree's, or with INSTALLED an installed one.
INSTALLED :=
HEADER := $(if $(INSTALLED),$(call pkg,--cflags,fmnist),-Iinclude)
LIBRARY := $(if $(INSTALLED),,$(BUILD)/libfmnist.a)
LIBRARY_LIBS := $(if $(INSTALLED),$(call pkg,--libs,fmnist))

# Invariants are held at every unlock where speed is not what counts.
CHECKS ?= $(if $(SANITIZE)$(DEBUGGING),1)

# gcc before 14 places what wants 64 bytes (a vector of AVX-512, xxHash's state) 32 bytes off where it
# looks for use after return (its bug 110027), which ends the program.
ASAN := $(if $(findstring address,$(SANITIZE)),$(if $(filter __clang__,$(MACROS)),,--param asan-use-after-return=0))

CFLAGS_ALL := -std=gnu11 $(OPT) -g -fPIC -fvisibility=hidden -fstack-protector-strong \
  -D_GNU_SOURCE $(HEADER) -Isrc -Itests $(DEBUGGING) $(CPPFLAGS) \
  -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla \
  -Wno-unused-parameter $(if $(WERROR),-Werror) \
  $(if $(filter __clang__,$(MACROS)),-Wthread-safety) $(if $(CHECKS),-DINVARIANTS) \
  $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all $(ASAN)) \
  $(CFLAGS) $(EXACT)
LDFLAGS_ALL := $(if $(SANITIZE),-fsanitize=$(SANITIZE)) -pthread -Wl,-z,relro,-z,now $(CFLAGS) $(LDFLAGS)

# What import reads by way of libraries that may be missing. matio is loaded when it is needed.
has = $(shell $(PKG_CONFIG) --exists $(1) 2>/dev/null && echo 1)
soname = $(shell $(call tool,readelf) -d $(1) 2>/dev/null | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')
JPEG  ?= $(call has,libjpeg)
MATIO ?= $(if $(call has,matio),$(call soname,$(call pkg,--variable=libdir,matio)/libmatio.so))
JPEG  := $(JPEG)
MATIO := $(MATIO)

# ---- modules: who may use whom. Programs and tests link only what stands here, so a use that the
# ---- design does not have fails to link.

USES_base    :=
USES_spec    := base
USES_dataset := cut base
USES_pixels  := base
USES_sampler := base
USES_cut     := base
USES_augment := pixels base
USES_ring    := base
USES_ledger  := spec base
USES_wire    := spec base
USES_render  := augment cut spec dataset pixels sampler base
USES_import  := dataset cut pixels base
USES_client  := augment wire ring pixels spec base
USES_ctl     := import client config host dataset cut augment wire ring ledger sampler pixels spec base
# the daemon's rooms
USES_host    := base
USES_config  := host dataset cut base
USES_feed    := host render wire ring ledger augment cut spec dataset pixels sampler base
USES_scribe  := ledger spec base
USES_session := feed config scribe $(USES_feed)
USES_requests := session $(USES_session)
USES_server  := requests $(USES_requests)

LIBS_dataset := -lz -luring -lxxhash -lm
LIBS_pixels  := -lm
LIBS_cut     := -lm
LIBS_augment := -lm -lz
LIBS_render  := $(LIBS_dataset) -lm -lxxhash
LIBS_config  := $(LIBS_dataset) -lcyaml -lyaml
LIBS_feed    := $(LIBS_render)
LIBS_session := $(LIBS_render) $(LIBS_config) -luv
LIBS_requests := $(LIBS_session) -ljansson
LIBS_server  := $(LIBS_requests)
LIBS_import  := -lpng $(if $(JPEG),-ljpeg) -larchive -lnettle -lz -lm
LIBS_ctl     := -lncursesw -ltinfo -ljansson $(LIBS_config) $(LIBS_import)

CFLAGS_import := $(if $(JPEG),-DHAVE_JPEG) $(if $(MATIO),-DHAVE_MATIO='"$(MATIO)"')
# Of the daemon's main.c alone, so that another place of the config makes little anew.
CFLAGS_main := -DLIBURING_VERSION='"$(call pkg,--modversion,liburing)"' -DSYSCONFDIR='"$(SYSCONFDIR)"'

ROOMS   := host config feed scribe session requests server
MODULES := base spec cut dataset pixels augment sampler ring wire ledger render client import ctl $(ROOMS)
SOURCES = $(wildcard src/$(1)/*.c)

# Pixel loops are compiled once a level that the target has; src/pixels/isa.h says how one is chosen.
# They are worth -O3, unless they are built to be looked at.
ISA_LEVELS := portable $(if $(filter __x86_64__,$(MACROS)),avx2 avx512)
ISA_OPT := $(if $(filter -O2,$(OPT_LEVEL)),-O3)
ISA_portable :=
ISA_avx2     := -mavx2 -mfma -mf16c -mbmi2
ISA_avx512   := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mf16c -mbmi2 -mprefer-vector-width=512

plain = $(patsubst src/%.c,$(BUILD)/obj/%.o,$(filter-out %_isa.c %/main.c,$(call SOURCES,$(1))))
isa   = $(foreach l,$(ISA_LEVELS),$(patsubst src/%.c,$(BUILD)/obj/%.$(l).o,$(filter %_isa.c,$(call SOURCES,$(1)))))
objects = $(call plain,$(1)) $(call isa,$(1))
archive = $(BUILD)/obj/$(1).a
uses    = $(call archive,$(1)) $(foreach m,$(USES_$(1)),$(call archive,$(m)))

.PHONY: all lib python python-sources portable test test-installed test-filtered check-rooms bench fuzz model analyze python-shared install install-lib install-python uninstall uninstall-python dist deb clean check-format FORCE
all: $(BUILD)/fmnistd $(BUILD)/fmnistctl lib $(BUILD)/softmax
	@echo "built in $(BUILD): fmnistd $(VERSION) ($(CC)$(if $(SANITIZE), $(SANITIZE)))"
	@echo "fmnistctl import reads JPEG: $(if $(JPEG),yes,no (no libjpeg)); MATLAB files: $(if $(MATIO),by $(MATIO),no (no matio))"

lib: $(BUILD)/libfmnist.so $(BUILD)/libfmnist.a $(BUILD)/fmnist.pc

# ---- flags: a file for each set of them, newer than what was built with others

FLAGS_compile = $(CC) $(CFLAGS_ALL) $(ISA_OPT) $(foreach l,$(ISA_LEVELS),$(l):$(ISA_$(l)))
FLAGS_main    = $(CFLAGS_main)
FLAGS_python  = $(CFLAGS_python)
FLAGS_import  = $(CFLAGS_import)
FLAGS_archive = $(AR) $(OBJCOPY)
FLAGS_link    = $(CC) $(LDFLAGS_ALL) $(LDLIBS)
flags  = $(addprefix $(BUILD)/made-with/,$(1))
quoted = '$(subst ','\'',$(1))'

$(call flags,compile main python import archive link): $(BUILD)/made-with/%: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' $(call quoted,$(FLAGS_$*)) >$@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
FORCE:

# ---- objects and archives

$(call objects,import): $(call flags,import)
$(BUILD)/obj/server/main.o: $(call flags,main)
$(BUILD)/obj/server/main.o: CFLAGS_server = $(CFLAGS_main)

$(BUILD)/obj/%.o: src/%.c $(call flags,compile)
	@mkdir -p $(@D)
	@echo "  CC  $@"
	@$(CC) $(CFLAGS_ALL) $(CFLAGS_$(firstword $(subst /, ,$*))) -MMD -MP -c -o $@ $<

define isa_rule
$(BUILD)/obj/%.$(1).o: src/%.c $(call flags,compile)
	@mkdir -p $$(@D)
	@echo "  CC  $$@"
	@$$(CC) $$(CFLAGS_ALL) $$(ISA_OPT) $(ISA_$(1)) -DISA_VARIANT=$(1) -MMD -MP -c -o $$@ $$<
endef
$(foreach l,$(ISA_LEVELS),$(eval $(call isa_rule,$(l))))

define module_rule
$(call archive,$(1)): $(call objects,$(1)) $(call flags,archive)
	@rm -f $$@
	@$$(AR) rcs $$@ $$(filter %.o,$$^)
endef
$(foreach m,$(MODULES),$(eval $(call module_rule,$(m))))

# ---- programs and the library

# Links what a target needs; the libraries of others stand behind it.
link = $(CC) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LDFLAGS_ALL)

$(BUILD)/fmnistd: $(BUILD)/obj/server/main.o $(call uses,server) $(call flags,link)
	$(link) $(LIBS_server) $(LDLIBS)

# The client as programs have it.
$(BUILD)/fmnistctl: $(BUILD)/obj/ctl/main.o $(call archive,ctl) \
                    $(foreach m,$(filter-out client,$(USES_ctl)),$(call archive,$(m))) $(BUILD)/libfmnist.a $(call flags,link)
	$(link) $(LIBS_ctl) $(LDLIBS)

CLIENT_ARCHIVES := $(call uses,client)

# The client whole, and of the others what it uses.
WHOLE_CLIENT = -Wl,--whole-archive $(call archive,client) -Wl,--no-whole-archive \
  -Wl,--start-group $(wordlist 2,99,$(CLIENT_ARCHIVES)) -Wl,--end-group

$(BUILD)/libfmnist.so.$(VERSION): $(CLIENT_ARCHIVES) $(call flags,link)
	$(CC) -shared -o $@ -Wl,-soname,libfmnist.so.$(MAJOR) $(WHOLE_CLIENT) \
	  $(if $(SANITIZE),,-Wl,-z,defs) $(LDFLAGS_ALL) -lm $(LDLIBS)

$(BUILD)/libfmnist.so.$(MAJOR): $(BUILD)/libfmnist.so.$(VERSION)
	ln -sf $(<F) $@

$(BUILD)/libfmnist.so: $(BUILD)/libfmnist.so.$(MAJOR)
	ln -sf $(<F) $@

# One object with the hidden names made local, so that a program that links it cannot clash. It is
# machine code also under -flto, whose own form of an object keeps those names; clang's linker makes
# that by itself.
MACHINE_CODE := $(if $(filter __clang__,$(MACROS)),,$(if $(filter -flto%,$(CFLAGS)),-flinker-output=nolto-rel))
$(BUILD)/libfmnist.a: $(CLIENT_ARCHIVES) $(call flags,link archive)
	$(CC) -r -nostdlib -o $(BUILD)/obj/libfmnist.o $(CFLAGS) $(MACHINE_CODE) $(WHOLE_CLIENT)
	$(OBJCOPY) --localize-hidden $(BUILD)/obj/libfmnist.o
	@rm -f $@
	$(AR) rcs $@ $(BUILD)/obj/libfmnist.o

$(BUILD)/fmnist.pc: FORCE
	@mkdir -p $(BUILD)
	@printf '%s\n' 'prefix=$(PREFIX)' 'libdir=$(patsubst $(PREFIX)/%,$${prefix}/%,$(LIBDIR))' \
	  'Name: libfmnist' 'Description: client library of fmnistd' \
	  'Version: $(VERSION)' 'Libs: -L$${libdir} -lfmnist' 'Libs.private: -lm' 'Cflags: -I$${prefix}/include' > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

# The example that a reader looks at first.
$(BUILD)/softmax: docs/examples/softmax.c include/fmnist.h $(BUILD)/libfmnist.a $(call flags,compile link)
	$(CC) $(CFLAGS_ALL) $(ISA_OPT) -o $@ $< $(BUILD)/libfmnist.a $(LDFLAGS_ALL) -lm $(LDLIBS)

# ---- the Python package's extension: one file for every CPython from 3.10 on

PYTHON ?= python3
PYTHON_EXTENSION := $(BUILD)/python/fmnist/_native.abi3.so
PYTHON_INCLUDE = $(shell $(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("include"))')

python: $(PYTHON_EXTENSION)

CFLAGS_python = -isystem $(PYTHON_INCLUDE) -DPy_LIMITED_API=0x030a0000
PYTHON_OBJECTS := $(call plain,python/native)
$(PYTHON_OBJECTS): $(call flags,python)
$(PYTHON_EXTENSION): $(PYTHON_OBJECTS) $(BUILD)/libfmnist.a $(call flags,link)
	@mkdir -p $(@D)
	$(link) -shared -Wl,--exclude-libs,ALL -lm $(LDLIBS)

# The same on the shared library.
SHARED_EXTENSION := $(BUILD)/python-shared/_native.abi3.so
python-shared: $(SHARED_EXTENSION)

$(SHARED_EXTENSION): $(PYTHON_OBJECTS) $(BUILD)/libfmnist.so $(call flags,link)
	@mkdir -p $(@D)
	$(link) -shared $(BUILD)/libfmnist.so $(LDLIBS)

# What the extension and the programs are built from, for the Python package's source package.
python-sources:
	@printf '%s\n' Makefile LICENSE include/fmnist.h $(foreach m,$(sort client $(USES_client) \
	  server $(USES_server) ctl $(USES_ctl) portable python/native),$(wildcard src/$(m)/*.[ch]))

# ---- the same for any machine with a C library of 2.34 or later (src/portable): other libraries are
# ---- in the programs, which show no names and have no debug information, so that equal sources are
# ---- equal bytes

PORTABLE := $(BUILD)/portable
portable: $(PORTABLE)/fmnistd $(PORTABLE)/fmnistctl $(PORTABLE)/_native.abi3.so $(PORTABLE)/libfmnist.so.$(MAJOR)

LDFLAGS_portable := -Wl,--gc-sections -Wl,-s -Wl,--build-id=none
# An archive names no libraries of its own. Of libarchive only what is used goes in, which wants nettle and the compressors.
static = -Wl,-Bstatic $(subst -luv,-l:libuv_a.a,$(subst -lnettle,-lnettle -llzma -lbz2 -lzstd,$(filter-out -lm,$(1)))) -Wl,-Bdynamic -lm

$(PORTABLE)/fmnistd: $(BUILD)/obj/server/main.o $(BUILD)/obj/portable/hashes.o $(call uses,server)
$(PORTABLE)/fmnistctl: $(BUILD)/obj/ctl/main.o $(BUILD)/obj/portable/random.o $(BUILD)/obj/portable/hashes.o $(call uses,ctl)
$(PORTABLE)/fmnistd $(PORTABLE)/fmnistctl: $(call flags,link)
	@mkdir -p $(@D)
	$(link) $(LDFLAGS_portable) $(call static,$(LIBS_$(if $(filter %ctl,$@),ctl,server))) $(LDLIBS)

$(PORTABLE)/_native.abi3.so: $(PYTHON_OBJECTS) $(BUILD)/libfmnist.a $(call flags,link)
	@mkdir -p $(@D)
	$(link) -shared -Wl,--exclude-libs,ALL $(LDFLAGS_portable) -lm $(LDLIBS)

$(PORTABLE)/libfmnist.so.$(MAJOR): $(CLIENT_ARCHIVES) $(call flags,link)
	@mkdir -p $(@D)
	$(CC) -shared -o $@ -Wl,-soname,libfmnist.so.$(MAJOR) $(WHOLE_CLIENT) -Wl,-z,defs $(LDFLAGS_ALL) \
	  $(LDFLAGS_portable) -lm $(LDLIBS)

# ---- tests: tests/MODULE/test_*.c links MODULE and what it may use; tests/e2e and tests/faults the
# ---- library alone

TEST_SUPPORT := $(patsubst tests/%.c,$(BUILD)/obj/tests/%.o,$(wildcard tests/support/*.c))
test_bins = $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/$(1)/test_*.c))
# Calls that fail: a sanitizer takes the C library's place itself.
INJECTED := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/faults/test_memory_*.c tests/faults/test_calls_*.c))
# The thread sanitizer keeps a signal back while its thread is in open(2), which waits for its handler;
# and its own memory grows with what is used, which a test of memory takes for the daemon's.
UNTHREADED := $(BUILD)/tests/dataset/test_mapping $(BUILD)/tests/faults/test_cache_truncated \
              $(BUILD)/tests/faults/test_churn_specs
TESTS := $(filter-out $(if $(SANITIZE),$(INJECTED)) $(if $(findstring thread,$(SANITIZE)),$(UNTHREADED)),\
           $(foreach m,$(filter-out $(WITHOUT),$(MODULES) e2e faults),$(call test_bins,$(m))))
CHECK_LIBS = $(call pkg,--libs,check)
# A test is the one thread that there is, and takes no lock.
CFLAGS_tests := $(if $(filter __clang__,$(MACROS)),-Wno-thread-safety-analysis)
# Made by pattern rules only: to be kept.
.SECONDARY: $(patsubst tests/%.c,$(BUILD)/obj/tests/%.o,$(wildcard tests/*/*.c))

$(BUILD)/obj/tests/%.o: tests/%.c $(call flags,compile)
	@mkdir -p $(@D)
	@echo "  CC  $@"
	@$(CC) $(CFLAGS_ALL) $(CFLAGS_tests) -MMD -MP -c -o $@ $<

define test_rule
$(BUILD)/tests/$(1)/%: $(BUILD)/obj/tests/$(1)/%.o $(TEST_SUPPORT) $(call uses,$(1)) $(call flags,link)
	@mkdir -p $$(@D)
	$$(link) $$(CHECK_LIBS) $(LIBS_$(1)) $$(LDLIBS)
endef
$(foreach m,$(MODULES),$(eval $(call test_rule,$(m))))

define program_test_rule
$(BUILD)/tests/$(1)/%: $(BUILD)/obj/tests/$(1)/%.o $(TEST_SUPPORT) $(call archive,base) $(LIBRARY) $(call flags,link)
	@mkdir -p $$(@D)
	$$(link) $(LIBRARY_LIBS) $$(CHECK_LIBS) -ljansson -lz -lm $$(LDLIBS)
endef
$(foreach m,e2e faults,$(eval $(call program_test_rule,$(m))))

# A program with the header of its time, on the shared library of now: found beside it, as installed.
FIRST_PROGRAM := $(BUILD)/tests/e2e/first/reader
$(FIRST_PROGRAM): $(FIRST_PROGRAM:$(BUILD)/%=$(BUILD)/obj/%.o) $(if $(INSTALLED),,$(BUILD)/libfmnist.so) $(call flags,link)
	@mkdir -p $(@D)
	$(link) $(or $(LIBRARY_LIBS),$(BUILD)/libfmnist.so -Wl$(comma)-rpath$(comma)'$$ORIGIN/../../..') $(LDLIBS)
$(BUILD)/tests/e2e/test_versions: | $(FIRST_PROGRAM)

# The client with its fault points (base/fault_point.h), from objects of its own.
POINTS := $(patsubst src/%.c,$(BUILD)/obj/points/%.o,$(foreach m,client ring,$(call SOURCES,$(m))))
$(POINTS): $(BUILD)/obj/points/%.o: src/%.c $(call flags,compile)
	@mkdir -p $(@D)
	@echo "  CC  $@"
	@$(CC) $(CFLAGS_ALL) -DFAULT_POINTS -MMD -MP -c -o $@ $<

KILLED := $(BUILD)/tests/faults/test_client_killed
$(KILLED): $(KILLED:$(BUILD)/%=$(BUILD)/obj/%.o) $(POINTS) $(TEST_SUPPORT) \
           $(call archive,wire) $(call archive,spec) $(call archive,augment) $(call archive,pixels) \
           $(call archive,base) $(call flags,link)
	@mkdir -p $(@D)
	$(link) $(CHECK_LIBS) -ljansson -lz -lm $(LDLIBS)

# Faults of the disk, met by the dataset's own code.
DISK_FAULTS := $(addprefix $(BUILD)/tests/faults/,test_cache_build test_power_loss)
$(DISK_FAULTS): $(BUILD)/%: $(BUILD)/obj/%.o $(TEST_SUPPORT) $(call uses,dataset) $(call flags,link)
	@mkdir -p $(@D)
	$(link) $(CHECK_LIBS) $(LIBS_dataset) $(LDLIBS)

# What takes the C library's place in a program under test, and in tests of the client.
INJECT := $(if $(SANITIZE),,$(BUILD)/tests/faults/inject.so)
INJECT_OBJECTS := $(patsubst tests/%.c,$(BUILD)/obj/tests/%.o,$(wildcard tests/faults/inject/*.c))
$(BUILD)/tests/faults/inject.so: $(INJECT_OBJECTS) $(call flags,link)
	@mkdir -p $(@D)
	$(link) -shared $(LDLIBS)
$(call test_bins,faults): | $(INJECT)
$(filter %_client,$(INJECTED)): $(INJECT_OBJECTS)

# Runs the daemon under its unit's system-call filter: FMNISTD_UNDER of tests/support.
FILTERED := $(BUILD)/tests/faults/filter/filtered
# But for the longest, which makes no call that the others do not.
FILTERED_TESTS := $(filter-out %/test_epochs,$(call test_bins,e2e))
$(FILTERED): $(FILTERED:$(BUILD)/%=$(BUILD)/obj/%.o) $(call flags,link)
	@mkdir -p $(@D)
	$(link) -lseccomp $(LDLIBS)

test-filtered: all $(FILTERED) $(FILTERED_TESTS)
	BUILD=$(BUILD) scripts/run-filtered $(FILTERED) $(FILTERED_TESTS)

# In a build folder of its own: nothing of the tree is in it but the tests.
INSTALLED_BUILD := $(BUILD)/tests-installed
test-installed:
	@$(PKG_CONFIG) --exists fmnist || { echo "pkg-config finds no installed fmnist.pc" >&2; exit 1; }
	@[ -x "$$FMNIST_PROGRAMS/fmnistd" ] || { \
	  echo "FMNIST_PROGRAMS is '$$FMNIST_PROGRAMS', want the folder of an installed fmnistd" >&2; exit 1; }
	@$(MAKE) --no-print-directory BUILD=$(INSTALLED_BUILD) INSTALLED=1 \
	  $(patsubst $(BUILD)/%,$(INSTALLED_BUILD)/%,$(call test_bins,e2e))
	BUILD=$(INSTALLED_BUILD) scripts/run-tests $(patsubst $(BUILD)/%,$(INSTALLED_BUILD)/%,$(call test_bins,e2e))

# A room links whole with what it may use. (A sanitizer's symbols come with the program.)
define room_rule
$(BUILD)/obj/$(1).linked: $(call uses,$(1)) $(call flags,link)
	@$$(CC) -shared -o $$@ -Wl,--whole-archive $(call archive,$(1)) -Wl,--no-whole-archive \
	  -Wl,--start-group $(foreach m,$(USES_$(1)),$(call archive,$(m))) -Wl,--end-group \
	  $(if $(SANITIZE),,-Wl,-z,defs) $$(LDFLAGS_ALL) $(LIBS_$(1)) $$(LDLIBS)
endef
$(foreach m,$(ROOMS),$(eval $(call room_rule,$(m))))

check-rooms: $(foreach m,$(ROOMS),$(BUILD)/obj/$(m).linked)
	scripts/check-rooms $(foreach m,$(ROOMS),'$(m): $(USES_$(m))')

# A fuzzer's corpus is run through as a test.
REPLAYS := $(if $(filter fuzz,$(WITHOUT)),,$(patsubst tests/fuzz/fuzz_%.c,$(BUILD)/tests/fuzz/replay_%,$(wildcard tests/fuzz/fuzz_*.c)))

test: all check-rooms $(TESTS) $(REPLAYS)
	BUILD=$(BUILD) scripts/run-tests $(TESTS) $(REPLAYS)

# ---- fuzzers: tests/fuzz/fuzz_*.c, each with files that it begins with in tests/fuzz/corpus/

FUZZ_BUILD := $(BUILD)/fuzz
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz:
	@$(MAKE) --no-print-directory CC=clang BUILD=$(FUZZ_BUILD) SANITIZE=address,undefined \
	  CFLAGS='$(CFLAGS) -fsanitize=fuzzer-no-link' $(FUZZERS:%=$(FUZZ_BUILD)/fuzz/fuzz_%)
	@for f in $(FUZZERS); do \
	  mkdir -p $(FUZZ_BUILD)/corpus/$$f && echo "fuzz_$$f" && \
	  $(FUZZ_BUILD)/fuzz/fuzz_$$f -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=4096 -timeout=60 \
	    -print_final_stats=1 -artifact_prefix=$(FUZZ_BUILD)/ $(FUZZ_BUILD)/corpus/$$f \
	    tests/fuzz/corpus/$$f || exit 1; \
	done

FUZZED = $(call uses,server) $(call archive,client) $(call archive,import) $(call archive,ctl) $(call flags,link)
$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(FUZZED)
	@mkdir -p $(@D)
	$(link) -fsanitize=fuzzer $(LIBS_server) $(LIBS_import) $(LDLIBS)

$(BUILD)/tests/fuzz/replay_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(BUILD)/obj/tests/fuzz/replay.o $(FUZZED)
	@mkdir -p $(@D)
	$(link) $(LIBS_server) $(LIBS_import) $(LDLIBS)

# ---- the ring's wake-up protocol: tests/model

model:
	scripts/check-model

# ---- measuring: tests/bench

BENCHES := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/*.c))
$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(BUILD)/libfmnist.a $(call uses,pixels) $(call flags,link)
	@mkdir -p $(@D)
	$(link) -lz -lm $(LDLIBS)

bench: all $(BENCHES)
	BUILD=$(BUILD) scripts/bench $(BENCH_ARGS)

# ---- looking at the code
#
# gcc's analyzer sees one file at a time and loses memory that a struct reached through a pointer
# keeps: leaks are the tests' to find, which fail on any; and of pixels it does not see what a loop
# has written. Parsed as its macros need, cppcheck has a remark in its place wherever it is wrong.

ANALYZE_BUILD := $(BUILD)/analyze
analyze:
	@$(MAKE) --no-print-directory CC=gcc BUILD=$(ANALYZE_BUILD) OPT=-O1 WERROR=1 \
	  CFLAGS='-fanalyzer -Wno-analyzer-malloc-leak' \
	  ISA_OPT=-Wno-analyzer-use-of-uninitialized-value all
	cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 \
	  --enable=warning,performance,portability --suppress=missingIncludeSystem \
	  --include=scripts/cppcheck.h \
	  -D__x86_64__ -D_GNU_SOURCE -Iinclude -Isrc src

# ---- the rest

check-format:
	clang-format --dry-run -Werror $$(git ls-files '*.c' '*.h')

# ---- installing: SOURCE:WHERE, so that uninstall takes away what install lays down

PREPARED := $(BUILD)/installed
PROGRAM_FILES := $(foreach p,fmnistd fmnistctl,$(BUILD)/$(p):$(BINDIR)/$(p))
COMPLETIONS := $(PREFIX)/share/bash-completion/completions/fmnistctl \
  $(PREFIX)/share/zsh/site-functions/_fmnistctl $(PREFIX)/share/fish/vendor_completions.d/fmnistctl.fish
OTHER_FILES := docs/fmnistctl.1:$(MANDIR)/man1/fmnistctl.1 $(PREPARED)/fmnistd.8:$(MANDIR)/man8/fmnistd.8 \
  $(foreach f,$(COMPLETIONS),conf/completions/$(notdir $(f)):$(f)) \
  $(PREPARED)/fmnistd.service:$(UNITDIR)/fmnistd.service conf/fmnistd.socket:$(UNITDIR)/fmnistd.socket \
  conf/fmnistd.sysusers:$(PREFIX)/lib/sysusers.d/fmnistd.conf \
  conf/fmnistd.tmpfiles:$(PREFIX)/lib/tmpfiles.d/fmnistd.conf
LIBRARY_FILES := $(BUILD)/libfmnist.a:$(LIBDIR)/libfmnist.a $(BUILD)/fmnist.pc:$(LIBDIR)/pkgconfig/fmnist.pc \
  include/fmnist.h:$(PREFIX)/include/fmnist.h
SHARED := $(foreach v,$(VERSION) $(MAJOR),$(LIBDIR)/libfmnist.so.$(v)) $(LIBDIR)/libfmnist.so
CONFIG := $(DESTDIR)$(SYSCONFDIR)/fmnistd/fmnistd.yaml

lay_down = @set -e; for f in $(2); do \
  echo "  $(DESTDIR)$${f\#*:}"; install -D -m $(1) "$${f%%:*}" "$(DESTDIR)$${f\#*:}"; done

# With the paths that they are installed for.
$(PREPARED)/%: FORCE
	@mkdir -p $(@D)
	@sed 's#/usr/local/bin#$(BINDIR)#g; s#/etc/fmnistd#$(SYSCONFDIR)/fmnistd#g' $(wildcard conf/$* docs/$*) >$@

install: all install-lib $(PREPARED)/fmnistd.8 $(PREPARED)/fmnistd.service
	$(call lay_down,755,$(PROGRAM_FILES))
	$(call lay_down,644,$(OTHER_FILES))
	@if [ -e "$(CONFIG)" ]; then echo "  $(CONFIG) stays as it is"; else \
	  echo "  $(CONFIG)"; install -D -m 644 conf/fmnistd.yaml "$(CONFIG)"; fi

install-lib: lib
	$(call lay_down,644,$(LIBRARY_FILES))
	$(call lay_down,755,$(BUILD)/libfmnist.so.$(VERSION):$(LIBDIR)/libfmnist.so.$(VERSION))
	ln -sf libfmnist.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libfmnist.so.$(MAJOR)
	ln -sf libfmnist.so.$(MAJOR) $(DESTDIR)$(LIBDIR)/libfmnist.so

# What pip and importlib.metadata know of it.
PYTHONDIR ?= $(shell $(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
METADATA := fmnist-$(VERSION).dist-info/METADATA
PYTHON_FILES = $(foreach f,_fmnist_programs.py $(patsubst src/python/%,%,$(wildcard \
  $(addprefix src/python/fmnist/,*.py *.pyi py.typed))),src/python/$(f):$(PYTHONDIR)/$(f)) \
  $(SHARED_EXTENSION):$(PYTHONDIR)/fmnist/_native.abi3.so $(PREPARED)/$(METADATA):$(PYTHONDIR)/$(METADATA)

$(PREPARED)/$(METADATA): src/python/pyproject.toml
	@mkdir -p $(@D)
	@{ printf '%s\n' 'Metadata-Version: 2.1' 'Name: fmnist' 'Version: $(VERSION)'; \
	  sed -n 's/^description = "\(.*\)"/Summary: \1/p; s/^license = "\(.*\)"/License: \1/p' $<; \
	  sed -n 's/^requires-python = "\(.*\)"/Requires-Python: \1/p' $<; \
	  sed -n 's/^dependencies = \["\(.*\)"\]/Requires-Dist: \1/p' $<; } >$@

install-python: $(SHARED_EXTENSION) $(PREPARED)/$(METADATA)
	$(call lay_down,644,$(PYTHON_FILES))

uninstall-python:
	@for f in $(PYTHON_FILES); do rm -f "$(DESTDIR)$${f#*:}" || exit 1; done
	@rm -rf "$(DESTDIR)$(PYTHONDIR)/fmnist/__pycache__" "$(DESTDIR)$(PYTHONDIR)"/__pycache__/_fmnist_programs.*.pyc
	@rmdir "$(DESTDIR)$(PYTHONDIR)/fmnist" "$(DESTDIR)$(PYTHONDIR)/$(dir $(METADATA))" 2>/dev/null || true

# The folders of others stay, and so does a config that was changed.
uninstall:
	@for f in $(PROGRAM_FILES) $(OTHER_FILES) $(LIBRARY_FILES) $(SHARED:%=:%); do \
	  rm -f "$(DESTDIR)$${f#*:}" || exit 1; done
	@if cmp -s conf/fmnistd.yaml "$(CONFIG)"; then rm "$(CONFIG)"; \
	  elif [ -e "$(CONFIG)" ]; then echo "  $(CONFIG) was changed: it stays"; fi
	@rmdir "$(DESTDIR)$(SYSCONFDIR)/fmnistd" 2>/dev/null || true

# What is committed.
dist:
	@mkdir -p $(BUILD)
	git archive --format=tar.gz --prefix=fmnistd-$(VERSION)/ -o $(BUILD)/fmnistd-$(VERSION).tar.gz HEAD
	@echo "  $(BUILD)/fmnistd-$(VERSION).tar.gz"

# Debian packages of what is committed, in $(BUILD)/deb: built in a copy, which has a debian/ folder.
# Nothing of this call of make reaches that build, nor of its environment, but PATH. Nobody uploads
# them, so their maintainer has no address, which is all that lintian says.
DEB := $(BUILD)/deb/fmnistd-$(VERSION)
deb:
	rm -rf $(BUILD)/deb
	@mkdir -p $(DEB)
	git archive HEAD | tar -x -C $(DEB)
	cp -R $(DEB)/conf/debian $(DEB)/debian
	sed 's/@VERSION@/$(VERSION)/; s/@DATE@/'"$$(git log -1 --format=%cD)"'/' $(DEB)/debian/changelog.in >$(DEB)/debian/changelog
	cd $(DEB) && env -i PATH="$$PATH" HOME="$${HOME:-/}" LC_ALL=C.UTF-8 $(if $(DEB_BUILD_OPTIONS),DEB_BUILD_OPTIONS='$(DEB_BUILD_OPTIONS)') \
	  dpkg-buildpackage -b -us -uc
	lintian --suppress-tags bogus-mail-host,bogus-mail-host-in-debian-changelog $(BUILD)/deb/*.changes

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
.DELETE_ON_ERROR:
