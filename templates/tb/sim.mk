# Simulates the testbenches; included by the Makefile.
#
#   make sim               every block and the core under Verilator, each with SEEDS
#   make sim-blocks        without the core
#   make sim-BLOCK         one block; SEED=n for one seed, WAVES=1 for a waveform in build/
#   make sim-spatten_top   the whole core on a few layers; sim-spatten_top_driver: by the C driver
{% if icarus_core %}
#   make sim-icarus        every block and the core under Icarus Verilog; sim-icarus-BLOCK for one
{% else %}
#   make sim-icarus        every block under Icarus Verilog; sim-icarus-BLOCK for one; the core by
#   make sim-icarus-spatten_top   only: at this size it takes minutes
{% endif %}

VVP   ?= vvp
SEEDS ?= 0 1 2 3 4 5 6
WAVES ?=
override RUN_SEEDS := $(if $(SEED),$(SEED),$(SEEDS))

TB := tb/tb_source.sv tb/tb_sink.sv tb/tb_pace.sv
{% for bench in benches %}
SOURCES_{{ bench.block }} := {{ bench.sources }}
{% endfor %}
BLOCKS := {{ blocks }}

# Each Verilator builds in a directory of its own, as does a build with waveforms.
VERILATOR_DIR := build/$(subst /,_,$(VERILATOR))$(if $(WAVES),-waves)
ICARUS_DIR    := build/$(subst /,_,$(IVERILOG))

# Compiling takes longer than the runs do, so it does not optimise, and only the largest models are split into files, each
# of which takes the headers anew. What else the compiler is told is for g++ before version 13 and harmless later. Builds
# of Verilator that were configured without a compiler do not say how a precompiled header is included.
MODEL_FLAGS := OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0 CFG_CXXFLAGS_PCH_I=-include
VERILATOR_FLAGS := --binary --timing --assert -O3 -fno-dfg --x-assign unique --x-initial unique -Wno-fatal -DSPATTEN_CHECKS \
                   --output-split 150000 -CFLAGS "-std=c++20 -fcoroutines" $(if $(WAVES),--trace) -MAKEFLAGS "$(MODEL_FLAGS)"

# Verilator's run-time library is compiled once for all blocks; a compiler cache in OBJCACHE is left to do that itself.
OBJECTS ?= build/objects
OBJCACHE ?= sh $(CURDIR)/tb/compile_once.sh $(abspath $(OBJECTS))
export OBJCACHE

.PHONY: sim sim-blocks sim-icarus $(BLOCKS:%=sim-%) $(BLOCKS:%=sim-icarus-%)
.PHONY: sim-spatten_top sim-spatten_top_driver sim-icarus-spatten_top
.PRECIOUS: build/%.log

sim: sim-blocks sim-spatten_top sim-spatten_top_driver
	@echo "sim: the core passes too"

sim-blocks: $(BLOCKS:%=sim-%)
	@echo "sim: $(words $(BLOCKS)) blocks pass under $(VERILATOR)"

{% if icarus_core %}
sim-icarus: $(BLOCKS:%=sim-icarus-%) sim-icarus-spatten_top
	@echo "sim-icarus: $(words $(BLOCKS)) blocks and the core pass under $(IVERILOG)"
{% else %}
sim-icarus: $(BLOCKS:%=sim-icarus-%)
	@echo "sim-icarus: $(words $(BLOCKS)) blocks pass under $(IVERILOG)"
{% endif %}

# run DIRECTORY, BLOCK, COMMAND: runs every seed; a run passes when it says so and no check of the RTL complains, once
# the first reset is over: registers power up with random contents.
run = mkdir -p $(1); for seed in $(RUN_SEEDS); do log=$(1)/$(2)-$$seed.log; \
        $(3) +SEED=$$seed $(if $(WAVES),+WAVES=$(1)/$(2)-$$seed.vcd) >$$log 2>&1; \
        if grep -q "^PASS $(2):" $$log && ! sed -n '/^START/,$$p' $$log | grep "^CHECK"; then grep "^PASS" $$log; \
        else if grep -q "^FAIL" $$log; then grep -A 20 "^FAIL" $$log | grep -vE "^(\[|%Error|Abort|FATAL| +Time:)"; \
          else cat $$log; fi; echo "$(2): seed $$seed fails; log: $$log" >&2; exit 1; fi; \
      $(if $(WAVES),echo "  waveform: $(1)/$(2)-$$seed.vcd";) done

define block_rules
$(VERILATOR_DIR)/$(1)/V$(1)_tb: tb/$(1)_tb.sv $(TB) $(SOURCES_$(1))
	@mkdir -p $(VERILATOR_DIR)/$(1)
	+@$(VERILATOR) $(VERILATOR_FLAGS) -Mdir $(VERILATOR_DIR)/$(1) --top-module $(1)_tb $$^ \
	  >$(VERILATOR_DIR)/$(1).log 2>&1 || { cat $(VERILATOR_DIR)/$(1).log >&2; exit 1; }

sim-$(1): $(VERILATOR_DIR)/$(1)/V$(1)_tb
	@$$(call run,$(VERILATOR_DIR),$(1),$$< +verilator+rand+reset+2 +verilator+seed+$$$$((seed + 1)))

$(ICARUS_DIR)/$(1).vvp: tb/$(1)_tb.sv $(TB) $(SOURCES_$(1))
	@mkdir -p $(ICARUS_DIR)
	@$(IVERILOG) -g2012 -Wall -DSPATTEN_CHECKS -o $$@ -s $(1)_tb $$^

sim-icarus-$(1): $(ICARUS_DIR)/$(1).vvp
	@$$(call run,$(ICARUS_DIR),$(1),$(VVP) -n $$<)
endef
$(foreach block,$(BLOCKS),$(eval $(call block_rules,$(block))))

# The whole core: one program, whose accesses come from a file or, with +DRIVER, from the C driver. It runs few seeds: 3 has
# a reset in mid-layer.
CORE_SOURCES := tb/spatten_top_tb.sv tb/tb_axi_memory.sv $(shell cat spatten.f)
CORE_DIR     := $(VERILATOR_DIR)/spatten_top
CORE_PROGRAM := $(CORE_DIR)/Vspatten_top_tb
CORE_VECTORS := $(wildcard tb/vectors/spatten_top_*.hex)
CORE_SEEDS   ?= 0 3
DRIVER_SEEDS ?= 2
C_FLAGS      := -std=c99 -O1 -Wall -Wextra -Wconversion -pedantic -Werror -Isw

$(CORE_DIR)/driver.o: sw/spatten_driver.c sw/spatten_driver.h sw/spatten_registers.h
	@mkdir -p $(CORE_DIR)
	@$(CC) $(C_FLAGS) -ffreestanding -c -o $@ $<

$(CORE_DIR)/program.o: tb/spatten_top_driver.c tb/spatten_top_case.h sw/spatten_driver.h sw/spatten_registers.h
	@mkdir -p $(CORE_DIR)
	@$(CC) $(C_FLAGS) -c -o $@ $<

$(CORE_PROGRAM): $(CORE_SOURCES) $(CORE_DIR)/driver.o $(CORE_DIR)/program.o
	+@$(VERILATOR) $(VERILATOR_FLAGS) -DSPATTEN_DRIVER -LDFLAGS -pthread -Mdir $(CORE_DIR) --top-module spatten_top_tb \
	  $(CORE_SOURCES) $(abspath $(CORE_DIR)/driver.o $(CORE_DIR)/program.o) \
	  >$(CORE_DIR).log 2>&1 || { cat $(CORE_DIR).log >&2; exit 1; }

sim-spatten_top: override RUN_SEEDS := $(if $(SEED),$(SEED),$(CORE_SEEDS))
sim-spatten_top: $(CORE_PROGRAM) $(CORE_VECTORS)
	@$(call run,$(VERILATOR_DIR),spatten_top,$< +verilator+rand+reset+2 +verilator+seed+$$((seed + 1)))

sim-spatten_top_driver: override RUN_SEEDS := $(if $(SEED),$(SEED),$(DRIVER_SEEDS))
sim-spatten_top_driver: $(CORE_PROGRAM) $(CORE_VECTORS)
	@$(call run,$(VERILATOR_DIR),spatten_top_driver,$< +DRIVER +verilator+rand+reset+2 +verilator+seed+$$((seed + 1)))

$(ICARUS_DIR)/spatten_top.vvp: $(CORE_SOURCES)
	@mkdir -p $(ICARUS_DIR)
	@$(IVERILOG) -g2012 -Wall -DSPATTEN_CHECKS -o $@ -s spatten_top_tb $^

# Slow: one seed, unless SEED names another.
sim-icarus-spatten_top: override RUN_SEEDS := $(if $(SEED),$(SEED),3)
sim-icarus-spatten_top: $(ICARUS_DIR)/spatten_top.vvp $(CORE_VECTORS)
	@$(call run,$(ICARUS_DIR),spatten_top,$(VVP) -n $<)
