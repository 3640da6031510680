/* Driver of the SpAtten core: freestanding C99, no library, no allocation, no global state.
 *
 * What the integrator gives: two functions that read and write a 32-bit register by its byte offset (or, on a bus that
 * is mapped into memory, spatten_mapped), and where there are interrupts a third one that sleeps.
 *
 *   struct spatten core;
 *   struct spatten_bus bus = spatten_mapped((volatile void *)0x40000000);
 *   if (spatten_init(&core, &bus) != SPATTEN_OK) ...
 *   spatten_set_channel_base(&core, 0, 0x80000000); ...
 *   struct spatten_layer layer = {0};
 *   layer.mode = SPATTEN_SUMMARISATION; ...
 *   spatten_submit(&core, &layer);                    several fit in the queue and run back to back
 *   if (spatten_finish(&core, 1000000) == SPATTEN_FAILED)
 *     puts(spatten_error_text(spatten_error(&core)));
 *
 * Calls for one core are to be made one after another. The core does not flush caches: what it reads is to be in memory
 * before spatten_submit, what it wrote is there when spatten_finish says SPATTEN_OK. */
#ifndef SPATTEN_DRIVER_H
#define SPATTEN_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spatten_registers.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a call comes to. */
enum spatten_result {
  SPATTEN_OK,
  SPATTEN_ABSENT,     /* no core answers at this place */
  SPATTEN_MISMATCH,   /* the core has another register map, or was built for other sizes than spatten_registers.h */
  SPATTEN_INVALID,    /* an argument does not fit the register or table that it is for */
  SPATTEN_FULL,       /* the queue has no room, or an error holds it */
  SPATTEN_BUSY,       /* the state can be reached only while no command is queued or in work */
  SPATTEN_TIMEOUT,    /* still busy after so many looks */
  SPATTEN_FAILED      /* a command was refused or failed: see spatten_error */
};

/* How registers are reached. Writes must arrive in the order in which they are made, before reads that follow. */
struct spatten_bus {
  uint32_t (*read)(void *context, uint32_t offset);
  void (*write)(void *context, uint32_t offset, uint32_t value);
  /* Called between two looks at a core that is busy: may sleep until its interrupt, yield, or be NULL. */
  void (*wait)(void *context);
  void *context;
};

/* A core. The caller owns it; its members are the driver's. */
struct spatten {
  struct spatten_bus bus;
  uint32_t channels;
  /* Descriptor registers as they stand in the core, so that only what changes is written. */
  uint32_t first[SPATTEN_DESCRIPTOR_WORDS];
  uint32_t regions[36];
};

enum spatten_mode { SPATTEN_SUMMARISATION = 0, SPATTEN_GENERATION = 1 };

/* When the low bits of keys and values are fetched. */
enum spatten_key_mode { SPATTEN_KEYS_NEVER = 0, SPATTEN_KEYS_ALWAYS = 1, SPATTEN_KEYS_AUTO = 2, SPATTEN_KEYS_MASK = 3 };
enum spatten_value_mode { SPATTEN_VALUES_NEVER = 0, SPATTEN_VALUES_ALWAYS = 1, SPATTEN_VALUES_WITH_ROW = 2 };

/* Vector of (head, token): base + head * head_stride + token * token_stride, in bytes, multiples of 4. */
struct spatten_region {
  uint64_t base, head_stride, token_stride;
};

/* A number: mantissa / 2^shift. */
struct spatten_factor {
  uint16_t mantissa;
  uint8_t shift;
};

/* The k most important stay; of tokens the `first` and `last` ones of the list stay in any case. */
struct spatten_prune {
  bool enabled;
  uint16_t k, first, last;
};

/* Operations on a list and its importance, in this order: clear, scale, append, reset, prune, the layer, prune. */
struct spatten_operations {
  bool clear;
  uint8_t scale;
  bool append; /* tokens only */
  bool reset;
  struct spatten_prune before, after;
};

/* A layer: one command. */
struct spatten_layer {
  enum spatten_mode mode;
  bool causal;
  uint16_t query; /* token id, in generation */
  uint16_t head_dim, group;
  struct {
    uint8_t msb, lsb;
    enum spatten_key_mode mode;
    uint16_t threshold;
    uint32_t mask[SPATTEN_KEY_MASK_WORDS]; /* bit i of word j: head 32 * j + i */
  } keys;
  struct {
    uint8_t msb, lsb;
    enum spatten_value_mode mode;
    uint32_t ratio; /* 65536: all stay */
  } values;
  bool accumulate_tokens, accumulate_heads;
  uint8_t head_shift;
  struct spatten_factor scale, output;
  struct spatten_operations tokens, heads;
  struct spatten_region q, k_msb, k_lsb, v_msb, v_lsb, out;
};

struct spatten_status {
  bool busy, error, undefined, full;
  uint8_t queued;
};

/* A sequence put aside. The caller gives the arrays: SPATTEN_TOKEN_LIST_ENTRIES and SPATTEN_HEAD_LIST_ENTRIES words are
 * always enough; less is refused with SPATTEN_INVALID where it does not hold what there is. */
struct spatten_sequence {
  uint32_t tokens, heads;           /* L, H */
  uint32_t kept_tokens, kept_heads; /* entries of the lists */
  uint32_t *token_list, *token_importance;
  size_t token_room; /* words in each of these two */
  uint32_t *head_list, *head_importance;
  size_t head_room;
};

/* Every counter, in the order of the registers. */
struct spatten_counters {
#define SPATTEN_MEMBER(NAME, name, doc) uint64_t name;
  SPATTEN_COUNTERS(SPATTEN_MEMBER)
#undef SPATTEN_MEMBER
};

/* A bus mapped at `base`: registers are volatile words. */
struct spatten_bus spatten_mapped(volatile void *base);

/* Identifies the core and learns what its registers hold; changes nothing. */
enum spatten_result spatten_init(struct spatten *core, const struct spatten_bus *bus);

/* Settings, to be made while idle. `attributes`: CACHE | PROT << 4 | QOS << 8. */
enum spatten_result spatten_set_channel_base(struct spatten *core, uint32_t channel, uint64_t address);
void spatten_set_attributes(struct spatten *core, uint32_t attributes);

/* Writes what changes in the descriptor; spatten_ring queues it as it stands. spatten_submit does both. */
enum spatten_result spatten_describe(struct spatten *core, const struct spatten_layer *layer);
enum spatten_result spatten_ring(struct spatten *core);
enum spatten_result spatten_submit(struct spatten *core, const struct spatten_layer *layer);

struct spatten_status spatten_status(struct spatten *core);
/* The code of the last error, SPATTEN_ERROR_*, and what it means. */
uint32_t spatten_error(struct spatten *core);
const char *spatten_error_text(uint32_t code);

/* Looks until every command is done, at most `looks` times, with bus.wait between them. */
enum spatten_result spatten_finish(struct spatten *core, uint32_t looks);
/* The same until the queue has room. */
enum spatten_result spatten_make_room(struct spatten *core, uint32_t looks);

/* Which causes raise the interrupt line: SPATTEN_INTERRUPT_DONE_MASK, SPATTEN_INTERRUPT_ERROR_MASK. */
void spatten_enable_interrupts(struct spatten *core, uint32_t causes);
/* Takes the causes that stand: for the interrupt handler. */
uint32_t spatten_take_interrupts(struct spatten *core);

/* After an error: forgets it, drops the queue. */
void spatten_clear(struct spatten *core);
/* Stops everything and waits until no transaction is open. State and outputs are undefined after it. */
enum spatten_result spatten_abort(struct spatten *core, uint32_t looks);

void spatten_read_counters(struct spatten *core, struct spatten_counters *counters);
void spatten_clear_counters(struct spatten *core);

/* Puts a sequence aside, brings it back: the two lists, their importance, L and H. While idle. */
enum spatten_result spatten_save(struct spatten *core, struct spatten_sequence *sequence);
enum spatten_result spatten_restore(struct spatten *core, const struct spatten_sequence *sequence);
/* A prompt: L and H, both lists empty. Its first layer is to reset the lists and to clear importance. While idle. */
enum spatten_result spatten_begin(struct spatten *core, uint32_t tokens, uint32_t heads);

#ifdef __cplusplus
}
#endif

#endif
