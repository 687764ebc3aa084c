# SPDX-License-Identifier: ISC
# GNU make. SAN=1 builds and checks with sanitizers, apart from all else.
VERSION = 0.1.0
SIZE_LIMIT = 90112
PREFIX = /usr/local

ifdef SAN
AUTO_CC = gcc
O = build/san
BIN = $(O)/supervise
PROG = $(O)/prog
CFLAGS ?= -O1 -g
KIND = -fsanitize=address,undefined -fno-sanitize-recover=all
# beside the shared libasan a shared libubsan would not hear of log_path
L_KIND = $(if $(findstring gcc,$(CC)),-static-libubsan)
else
AUTO_CC := $(notdir $(shell command -v musl-gcc 2>/dev/null || echo cc))
O = build/obj
BIN = supervise
PROG = t/prog/bin
KIND = -fno-pie
# one segment and no relro: 4 page faults for an exec instead of 6
L_KIND = -static $(if $(findstring clang,$(CC)),,-no-pie) \
	-Wl,-z,noseparate-code,-z,norelro,--build-id=none
endif
CC := $(if $(filter default,$(origin CC)),$(AUTO_CC),$(CC))
# gcc 12 and clang have -Oz, which is 2 % smaller
ifndef CFLAGS
CFLAGS := $(shell $(CC) -Oz -E -x c /dev/null >/dev/null 2>&1 && \
	echo -Oz || echo -Os) -g
endif
# musl-gcc sees no kernel headers; of /usr/include it shall see nothing else
UAPI = $(if $(findstring musl-gcc,$(CC)),build/uapi)
# _GNU_SOURCE is empty so that a file that defines it itself agrees
CPP_ALL = -D_GNU_SOURCE= -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 -DVERSION='"$(VERSION)"' $(UAPI:%=-idirafter %) \
	$(CPPFLAGS)
C_ALL = -std=c11 -Wall -Wextra $(KIND) -ffunction-sections -fdata-sections \
	-fno-asynchronous-unwind-tables -fno-unwind-tables $(CFLAGS)
STRICT = -Wconversion -Wshadow -Wundef -Wvla -Wcast-qual -Wpointer-arith \
	-Wwrite-strings -Wstrict-prototypes -Wmissing-prototypes -Wformat=2
L_ALL = $(KIND) $(CFLAGS) $(L_KIND) -Wl,--gc-sections $(LDFLAGS)

HDR = $(wildcard lib/*.h)
OBJ = $(patsubst %.c,$(O)/%.o,$(wildcard lib/*.c))
PROBES = $(patsubst t/prog/%.c,$(PROG)/%,$(wildcard t/prog/*.c))
BENCHES = $(patsubst t/bench/%.c,build/bench/%,$(wildcard t/bench/*.c))
MAN = $(wildcard man/*.[1-8])
all: $(BIN)
probes: $(PROBES)
benches: $(BENCHES)
$(BIN): $(O)/supervise.o $(O)/lib.a
	$(CC) $(L_ALL) -o $@ $(O)/supervise.o $(O)/lib.a $(LDLIBS)
$(O)/lib.a: $(OBJ)
	rm -f $@ && $(AR) -rcs $@ $(OBJ)
# every object on every header: a build is a second
$(OBJ) $(O)/supervise.o: $(O)/%.o: %.c $(HDR) Makefile $(O)/flags
	@mkdir -p $(@D)
	$(CC) $(CPP_ALL) $(C_ALL) $(STRICT) -c -o $@ $<
$(PROBES): $(PROG)/%: t/prog/%.c $(HDR) $(O)/lib.a Makefile $(O)/flags
	@mkdir -p $(@D)
	$(CC) $(CPP_ALL) $(C_ALL) $(L_ALL) -o $@ $< $(O)/lib.a $(LDLIBS)
# built like the product, so that a floor is one
$(BENCHES): build/bench/%: t/bench/%.c t/bench/bench.h $(HDR) $(O)/lib.a Makefile $(O)/flags
	@mkdir -p $(@D)
	$(CC) $(CPP_ALL) $(C_ALL) $(L_ALL) -o $@ $< $(O)/lib.a $(LDLIBS) -lm
# changes when the command lines do, so that CC=clang after CC=gcc builds anew
$(O)/flags: FORCE | $(UAPI)
	@mkdir -p $(@D)
	@echo '$(CC) $(CPPFLAGS) $(C_ALL) $(L_ALL) $(LDLIBS)' >$@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
build/uapi:
	@mkdir -p $@ && ln -s /usr/include/linux /usr/include/asm-generic \
	  /usr/include/$(shell $(CC) -print-multiarch)/asm $@

# MAKEFLAGS tells the makes in there of CC, SAN and so on; no jobserver, though
check demo:
	@MAKEFLAGS='$(filter-out -j% --jobserver%,$(MAKEFLAGS))' sh t/$@ $(T)
bench: all benches
	@sh t/bench/run
peers: all probes
	@sh t/deps peers && bash t/peers
size: $(BIN)
	@strip -o $(O)/stripped $(BIN) && size $(O)/stripped
	@for re in '([mc]|re)alloc|free' '[a-z]*printf' 'f(open|puts|putc|write)|put[cs]'; \
	do printf '%-24s ' "$$re:" && nm $(BIN) | awk -v re="^($$re)$$" \
	  '$$2 ~ /[TW]/ && $$3 ~ re { s = s " " $$3 } END { print s ? s : "none" }'; \
	done; n=$$(wc -c <$(O)/stripped); echo "stripped: $$n of $(SIZE_LIMIT)"; \
	test "$$n" -le $(SIZE_LIMIT)

lint:
	clang-format --dry-run -Werror $(wildcard *.c lib/*.[ch] t/*/*.[ch])
	shellcheck t/deps t/check t/demo t/peers t/bench/run .ci/run
	shellcheck -s bats -e SC2016,SC2030,SC2031 t/helper.bash t/oci.bash \
	  $(wildcard t/*.bats)
	$(if $(MAN),mandoc -Tlint -Wwarning $(MAN))
	for h in $(HDR); do $(CC) $(CPP_ALL) -std=c11 -Wall -Wextra -Werror \
	  -fsyntax-only -x c $$h || exit; done
	for cc in gcc clang musl-gcc; do d=build/$$cc; $(MAKE) -s all probes benches CC=$$cc \
	  O=$$d BIN=$$d/supervise PROG=$$d/prog CFLAGS='-Os -g -Werror' || exit; done
install: all
	install -d '$(DESTDIR)$(PREFIX)/bin'
	install -m 755 $(BIN) '$(DESTDIR)$(PREFIX)/bin/supervise'
	strip '$(DESTDIR)$(PREFIX)/bin/supervise'
	for m in $(MAN); do d='$(DESTDIR)$(PREFIX)'/share/man/man$${m##*.}; \
	  install -d "$$d" && install -m 644 $$m "$$d" || exit; done
uninstall:
	rm -f '$(DESTDIR)$(PREFIX)/bin/supervise'
	for m in $(MAN); do \
	  rm -f '$(DESTDIR)$(PREFIX)'/share/man/man$${m##*.}/$${m##*/}; done
clean:
	rm -rf build supervise t/prog/bin
.PHONY: all probes benches check demo peers bench size lint install uninstall clean FORCE
.DELETE_ON_ERROR:
