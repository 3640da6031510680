/* The driver on registers that are an array: what it writes, and what it says when something is wrong. Prints what is not
 * as it should be. */
#include <stdio.h>
#include <string.h>

#include "spatten_driver.h"

static uint32_t registers[1u << 18]; /* by word */
static unsigned writes, waits;
static int failures;

#define IS(got, expected) is(#got, __LINE__, (uint64_t)(got), (uint64_t)(expected))

static void is(const char *what, int line, uint64_t got, uint64_t expected) {
  if (got == expected) return;
  ++failures;
  printf("line %d: %s: expected %llu, got %llu\n", line, what, (unsigned long long)expected, (unsigned long long)got);
}

static uint32_t bus_read(void *context, uint32_t offset) {
  (void)context;
  return registers[offset / 4u];
}

static void bus_write(void *context, uint32_t offset, uint32_t value) {
  (void)context;
  ++writes;
  registers[offset / 4u] = value;
}

static void bus_wait(void *context) {
  (void)context;
  /* A busy core is done after a few waits. */
  if (++waits == 3) registers[SPATTEN_STATUS / 4u] = 0;
}

int main(void) {
  static uint32_t lists[4][SPATTEN_TOKEN_LIST_ENTRIES + SPATTEN_HEAD_LIST_ENTRIES];
  const struct spatten_bus bus = {bus_read, bus_write, bus_wait, NULL};
  struct spatten core;
  struct spatten_layer layer;
  struct spatten_sequence sequence;
  struct spatten_counters counters;
  uint32_t i;

  IS(spatten_init(&core, &bus), SPATTEN_ABSENT);
  registers[SPATTEN_ID / 4u] = SPATTEN_ID_EXPECTED;
  IS(spatten_init(&core, &bus), SPATTEN_MISMATCH);
  registers[SPATTEN_MAP_VERSION / 4u] = SPATTEN_MAP_VERSION_EXPECTED + 0x10000u;
  registers[SPATTEN_BUILD_MAX_TOKENS / 4u] = SPATTEN_TOKEN_LIST_ENTRIES;
  registers[SPATTEN_BUILD_MAX_HEADS / 4u] = SPATTEN_HEAD_LIST_ENTRIES;
  registers[SPATTEN_BUILD_CHANNELS / 4u] = 2;
  IS(spatten_init(&core, &bus), SPATTEN_MISMATCH);
  registers[SPATTEN_MAP_VERSION / 4u] = SPATTEN_MAP_VERSION_EXPECTED + 1u;
  registers[SPATTEN_SHAPE / 4u] = 64; /* what another program left there */
  IS(spatten_init(&core, &bus), SPATTEN_OK);
  IS(writes, 0);
  IS(core.channels, 2);

  IS(spatten_set_channel_base(&core, 2, 0), SPATTEN_INVALID);
  IS(spatten_set_channel_base(&core, 1, 16), SPATTEN_INVALID);
  IS(spatten_set_channel_base(&core, 1, 0x123456720u), SPATTEN_OK);
  IS(registers[SPATTEN_CHANNEL_BASE_0_LOW / 4u + 2u], 0x23456720u);
  IS(registers[SPATTEN_CHANNEL_BASE_0_HIGH / 4u + 2u], 1);

  /* Only what changes is written. */
  memset(&layer, 0, sizeof layer);
  writes = 0;
  IS(spatten_describe(&core, &layer), SPATTEN_OK);
  IS(writes, 1); /* the shape */
  layer.head_dim = 64;
  layer.group = 3;
  layer.keys.mask[SPATTEN_KEY_MASK_WORDS - 1u] = 5;
  layer.out.token_stride = ~(uint64_t)0;
  writes = 0;
  IS(spatten_describe(&core, &layer), SPATTEN_OK);
  IS(writes, SPATTEN_ADDRESS_MASK(1) ? 4 : 3);
  IS(registers[SPATTEN_SHAPE / 4u], 64u | 3u << SPATTEN_SHAPE_GROUP_SHIFT);
  IS(registers[SPATTEN_KEY_MASK_0 / 4u + SPATTEN_KEY_MASK_WORDS - 1u], 5);
  IS(registers[SPATTEN_OUT_TOKEN_STRIDE_LOW / 4u], 0xffffffffu);
  IS(registers[SPATTEN_OUT_TOKEN_STRIDE_HIGH / 4u], SPATTEN_ADDRESS_MASK(1));
  writes = 0;
  IS(spatten_describe(&core, &layer), SPATTEN_OK);
  IS(writes, 0);
  layer.heads.append = true;
  IS(spatten_submit(&core, &layer), SPATTEN_INVALID);
  layer.heads.append = false;
  layer.heads.before.first = 1;
  IS(spatten_submit(&core, &layer), SPATTEN_INVALID);
  layer.heads.before.first = 0;
  IS(writes, 0);

  IS(spatten_submit(&core, &layer), SPATTEN_OK);
  registers[SPATTEN_STATUS / 4u] = SPATTEN_STATUS_BUSY_MASK | SPATTEN_STATUS_QUEUE_FULL_MASK | 7u << SPATTEN_STATUS_QUEUED_SHIFT;
  IS(spatten_status(&core).queued, 7);
  writes = 0;
  IS(spatten_submit(&core, &layer), SPATTEN_FULL);
  IS(spatten_begin(&core, 1, 1), SPATTEN_BUSY);
  memset(&sequence, 0, sizeof sequence);
  IS(spatten_save(&core, &sequence), SPATTEN_BUSY);
  IS(spatten_restore(&core, &sequence), SPATTEN_BUSY);
  IS(spatten_finish(&core, 2), SPATTEN_TIMEOUT);
  IS(spatten_abort(&core, 0), SPATTEN_TIMEOUT);
  IS(writes, 1);
  IS(spatten_make_room(&core, 9), SPATTEN_OK);
  IS(waits, 3);
  IS(spatten_finish(&core, 1), SPATTEN_OK);
  registers[SPATTEN_STATUS / 4u] = SPATTEN_STATUS_ERROR_MASK;
  IS(spatten_finish(&core, 1), SPATTEN_FAILED);
  IS(spatten_make_room(&core, 1), SPATTEN_FAILED);
  registers[SPATTEN_ERROR / 4u] = SPATTEN_ERROR_RATIO;
  IS(spatten_error(&core), SPATTEN_ERROR_RATIO);
  IS(strcmp(spatten_error_text(SPATTEN_ERROR_RATIO), "the ratio is more than 65536"), 0);
  IS(strcmp(spatten_error_text(99), "no such error code"), 0);
  registers[SPATTEN_STATUS / 4u] = 0;

  registers[SPATTEN_COUNT_STALL_OUTPUT_LOW / 4u] = 7;
  registers[SPATTEN_COUNT_STALL_OUTPUT_HIGH / 4u] = 2;
  spatten_read_counters(&core, &counters);
  IS(counters.stall_output, 0x200000007u);

  /* A sequence goes and comes back; arrays that are too small are refused. */
  registers[SPATTEN_LENGTH / 4u] = 9;
  registers[SPATTEN_HEADS / 4u] = 2;
  registers[SPATTEN_KEPT_TOKENS / 4u] = 4;
  registers[SPATTEN_KEPT_HEADS / 4u] = 1;
  for (i = 0; i < 9; ++i) registers[SPATTEN_TOKEN_IMPORTANCE / 4u + i] = 100 + i;
  for (i = 0; i < 4; ++i) registers[SPATTEN_TOKEN_LIST / 4u + i] = 2 * i;
  sequence.token_list = lists[0];
  sequence.token_importance = lists[1];
  sequence.head_list = lists[2];
  sequence.head_importance = lists[3];
  sequence.token_room = 8;
  sequence.head_room = 2;
  IS(spatten_save(&core, &sequence), SPATTEN_INVALID);
  sequence.token_room = 9;
  sequence.head_room = 1;
  IS(spatten_save(&core, &sequence), SPATTEN_INVALID);
  sequence.head_room = 2;
  IS(spatten_save(&core, &sequence), SPATTEN_OK);
  IS(lists[1][8], 108);
  IS(lists[0][3], 6);
  IS(spatten_begin(&core, 3, 1), SPATTEN_OK);
  IS(registers[SPATTEN_KEPT_TOKENS / 4u], 0);
  registers[SPATTEN_TOKEN_LIST / 4u] = 77;
  IS(spatten_restore(&core, &sequence), SPATTEN_OK);
  IS(registers[SPATTEN_LENGTH / 4u], 9);
  IS(registers[SPATTEN_KEPT_TOKENS / 4u], 4);
  IS(registers[SPATTEN_TOKEN_LIST / 4u], 0);
  IS(spatten_begin(&core, SPATTEN_TOKEN_LIST_ENTRIES + 1u, 1), SPATTEN_INVALID);
  IS(spatten_begin(&core, 1, SPATTEN_HEAD_LIST_ENTRIES + 1u), SPATTEN_INVALID);
  sequence.tokens = SPATTEN_TOKEN_LIST_ENTRIES + 1u;
  sequence.token_room = sequence.tokens;
  IS(spatten_restore(&core, &sequence), SPATTEN_INVALID);
  return failures != 0;
}
