/* Driver of the SpAtten core; spatten_driver.h says what each function does. */
#include "spatten_driver.h"

#define FIRST SPATTEN_MODE /* address of the first descriptor register */
#define REGION_WORDS 6u    /* base, head stride, token stride, each low and high */

static uint32_t get(const struct spatten *core, uint32_t offset) { return core->bus.read(core->bus.context, offset); }

static void put(const struct spatten *core, uint32_t offset, uint32_t value) {
  core->bus.write(core->bus.context, offset, value);
}

static void rest(const struct spatten *core) {
  if (core->bus.wait) core->bus.wait(core->bus.context);
}

static uint32_t mapped_read(void *context, uint32_t offset) { return ((volatile uint32_t *)context)[offset / 4u]; }

static void mapped_write(void *context, uint32_t offset, uint32_t value) {
  ((volatile uint32_t *)context)[offset / 4u] = value;
}

struct spatten_bus spatten_mapped(volatile void *base) {
  struct spatten_bus bus;
  bus.read = mapped_read;
  bus.write = mapped_write;
  bus.wait = NULL;
  bus.context = (void *)base;
  return bus;
}

enum spatten_result spatten_init(struct spatten *core, const struct spatten_bus *bus) {
  uint32_t i;
  core->bus = *bus;
  if (get(core, SPATTEN_ID) != SPATTEN_ID_EXPECTED) return SPATTEN_ABSENT;
  /* Another minor version only adds registers. */
  if (get(core, SPATTEN_MAP_VERSION) >> 16 != SPATTEN_MAP_VERSION_EXPECTED >> 16) return SPATTEN_MISMATCH;
  if (get(core, SPATTEN_BUILD_MAX_TOKENS) != SPATTEN_TOKEN_LIST_ENTRIES) return SPATTEN_MISMATCH;
  if (get(core, SPATTEN_BUILD_MAX_HEADS) != SPATTEN_HEAD_LIST_ENTRIES) return SPATTEN_MISMATCH;
  core->channels = get(core, SPATTEN_BUILD_CHANNELS);
  for (i = 0; i < SPATTEN_DESCRIPTOR_WORDS; ++i) core->first[i] = get(core, FIRST + 4u * i);
  for (i = 0; i < 6u * REGION_WORDS; ++i) core->regions[i] = get(core, SPATTEN_Q_BASE_LOW + 4u * i);
  return SPATTEN_OK;
}

enum spatten_result spatten_set_channel_base(struct spatten *core, uint32_t channel, uint64_t address) {
  const uint32_t offset = SPATTEN_CHANNEL_BASE_0_LOW + 8u * channel;
  if (channel >= core->channels || address % 32u) return SPATTEN_INVALID;
  put(core, offset, (uint32_t)address);
  put(core, offset + 4u, (uint32_t)(address >> 32));
  return SPATTEN_OK;
}

void spatten_set_attributes(struct spatten *core, uint32_t attributes) { put(core, SPATTEN_AXI_ATTRIBUTES, attributes); }

/* ---- commands ---- */

#define FIELD(name, value) ((uint32_t)(value) << SPATTEN_##name##_SHIFT)

static void change(struct spatten *core, uint32_t *held, uint32_t offset, uint32_t value) {
  if (*held == value) return;
  *held = value;
  put(core, offset, value);
}

static void set(struct spatten *core, uint32_t offset, uint32_t value) {
  change(core, &core->first[(offset - FIRST) / 4u], offset, value);
}

static void set_region(struct spatten *core, uint32_t number, const struct spatten_region *region) {
  const uint64_t parts[3] = {region->base, region->head_stride, region->token_stride};
  uint32_t i;
  for (i = 0; i < REGION_WORDS; ++i) {
    const uint32_t word = number * REGION_WORDS + i;
    const uint32_t value = (uint32_t)(parts[i / 2u] >> (i % 2u * 32u)) & SPATTEN_ADDRESS_MASK(i % 2u);
    change(core, &core->regions[word], SPATTEN_Q_BASE_LOW + 4u * word, value);
  }
}

/* Only what does not fit its field is refused here; the core itself checks everything else. */
static bool fits(const struct spatten_layer *layer) {
  const struct spatten_operations *heads = &layer->heads;
  return !heads->append && !heads->before.first && !heads->before.last && !heads->after.first && !heads->after.last;
}

enum spatten_result spatten_describe(struct spatten *core, const struct spatten_layer *layer) {
  const struct spatten_operations *tokens = &layer->tokens, *heads = &layer->heads;
  uint32_t i;
  if (!fits(layer)) return SPATTEN_INVALID;
  set(core, SPATTEN_MODE,
      FIELD(MODE_GENERATION, layer->mode) | FIELD(MODE_CAUSAL, layer->causal) | FIELD(MODE_KEY_MODE, layer->keys.mode) |
          FIELD(MODE_VALUE_MODE, layer->values.mode) | FIELD(MODE_ACCUMULATE_TOKENS, layer->accumulate_tokens) |
          FIELD(MODE_ACCUMULATE_HEADS, layer->accumulate_heads) | FIELD(MODE_HEAD_SHIFT, layer->head_shift));
  set(core, SPATTEN_QUERY, FIELD(QUERY_TOKEN, layer->query));
  set(core, SPATTEN_SHAPE, FIELD(SHAPE_HEAD_DIM, layer->head_dim) | FIELD(SHAPE_GROUP, layer->group));
  set(core, SPATTEN_KEY_BITS,
      FIELD(KEY_BITS_MSB, layer->keys.msb) | FIELD(KEY_BITS_LSB, layer->keys.lsb) |
          FIELD(KEY_BITS_THRESHOLD, layer->keys.threshold));
  set(core, SPATTEN_VALUE_BITS, FIELD(VALUE_BITS_MSB, layer->values.msb) | FIELD(VALUE_BITS_LSB, layer->values.lsb));
  set(core, SPATTEN_VALUE_RATIO, FIELD(VALUE_RATIO_RATIO, layer->values.ratio));
  set(core, SPATTEN_SCALE, FIELD(SCALE_MANTISSA, layer->scale.mantissa) | FIELD(SCALE_SHIFT, layer->scale.shift));
  set(core, SPATTEN_OUTPUT_SCALE,
      FIELD(OUTPUT_SCALE_MANTISSA, layer->output.mantissa) | FIELD(OUTPUT_SCALE_SHIFT, layer->output.shift));
  set(core, SPATTEN_TOKEN_OPERATIONS,
      FIELD(TOKEN_OPERATIONS_CLEAR, tokens->clear) | FIELD(TOKEN_OPERATIONS_APPEND, tokens->append) |
          FIELD(TOKEN_OPERATIONS_RESET, tokens->reset) | FIELD(TOKEN_OPERATIONS_PRUNE_BEFORE, tokens->before.enabled) |
          FIELD(TOKEN_OPERATIONS_PRUNE_AFTER, tokens->after.enabled) | FIELD(TOKEN_OPERATIONS_SCALE, tokens->scale));
  set(core, SPATTEN_HEAD_OPERATIONS,
      FIELD(HEAD_OPERATIONS_CLEAR, heads->clear) | FIELD(HEAD_OPERATIONS_RESET, heads->reset) |
          FIELD(HEAD_OPERATIONS_PRUNE_BEFORE, heads->before.enabled) |
          FIELD(HEAD_OPERATIONS_PRUNE_AFTER, heads->after.enabled) | FIELD(HEAD_OPERATIONS_SCALE, heads->scale));
  set(core, SPATTEN_TOKEN_PRUNE_BEFORE, FIELD(TOKEN_PRUNE_BEFORE_K, tokens->before.k));
  set(core, SPATTEN_TOKEN_GUARDS_BEFORE,
      FIELD(TOKEN_GUARDS_BEFORE_FIRST, tokens->before.first) | FIELD(TOKEN_GUARDS_BEFORE_LAST, tokens->before.last));
  set(core, SPATTEN_TOKEN_PRUNE_AFTER, FIELD(TOKEN_PRUNE_AFTER_K, tokens->after.k));
  set(core, SPATTEN_TOKEN_GUARDS_AFTER,
      FIELD(TOKEN_GUARDS_AFTER_FIRST, tokens->after.first) | FIELD(TOKEN_GUARDS_AFTER_LAST, tokens->after.last));
  set(core, SPATTEN_HEAD_PRUNE, FIELD(HEAD_PRUNE_BEFORE, heads->before.k) | FIELD(HEAD_PRUNE_AFTER, heads->after.k));
  for (i = 0; i < SPATTEN_KEY_MASK_WORDS; ++i) set(core, SPATTEN_KEY_MASK_0 + 4u * i, layer->keys.mask[i]);
  set_region(core, 0, &layer->q);
  set_region(core, 1, &layer->k_msb);
  set_region(core, 2, &layer->k_lsb);
  set_region(core, 3, &layer->v_msb);
  set_region(core, 4, &layer->v_lsb);
  set_region(core, 5, &layer->out);
  return SPATTEN_OK;
}

enum spatten_result spatten_ring(struct spatten *core) {
  /* A doorbell that the core refuses is a bus error, which may end more than this call: it is not rung. */
  if (spatten_status(core).full) return SPATTEN_FULL;
  put(core, SPATTEN_DOORBELL, 0);
  return SPATTEN_OK;
}

enum spatten_result spatten_submit(struct spatten *core, const struct spatten_layer *layer) {
  const enum spatten_result result = spatten_describe(core, layer);
  return result == SPATTEN_OK ? spatten_ring(core) : result;
}

struct spatten_status spatten_status(struct spatten *core) {
  const uint32_t word = get(core, SPATTEN_STATUS);
  struct spatten_status status;
  status.busy = (word & SPATTEN_STATUS_BUSY_MASK) != 0;
  status.error = (word & SPATTEN_STATUS_ERROR_MASK) != 0;
  status.undefined = (word & SPATTEN_STATUS_UNDEFINED_MASK) != 0;
  status.full = (word & SPATTEN_STATUS_QUEUE_FULL_MASK) != 0;
  status.queued = (uint8_t)((word & SPATTEN_STATUS_QUEUED_MASK) >> SPATTEN_STATUS_QUEUED_SHIFT);
  return status;
}

uint32_t spatten_error(struct spatten *core) { return get(core, SPATTEN_ERROR) & SPATTEN_ERROR_CODE_MASK; }

const char *spatten_error_text(uint32_t code) {
  switch (code) {
#define SPATTEN_TEXT(NAME, number, text) \
  case number: return text;
    SPATTEN_ERRORS(SPATTEN_TEXT)
#undef SPATTEN_TEXT
    default: return "no such error code";
  }
}

enum spatten_result spatten_finish(struct spatten *core, uint32_t looks) {
  for (; looks; --looks) {
    const struct spatten_status status = spatten_status(core);
    if (status.error) return SPATTEN_FAILED;
    if (!status.busy) return SPATTEN_OK;
    rest(core);
  }
  return SPATTEN_TIMEOUT;
}

enum spatten_result spatten_make_room(struct spatten *core, uint32_t looks) {
  for (; looks; --looks) {
    const struct spatten_status status = spatten_status(core);
    if (status.error) return SPATTEN_FAILED;
    if (!status.full) return SPATTEN_OK;
    rest(core);
  }
  return SPATTEN_TIMEOUT;
}

void spatten_enable_interrupts(struct spatten *core, uint32_t causes) { put(core, SPATTEN_INTERRUPT_ENABLE, causes); }

uint32_t spatten_take_interrupts(struct spatten *core) {
  const uint32_t causes = get(core, SPATTEN_INTERRUPT);
  put(core, SPATTEN_INTERRUPT, causes);
  return causes;
}

void spatten_clear(struct spatten *core) { put(core, SPATTEN_CONTROL, SPATTEN_CONTROL_CLEAR_MASK); }

enum spatten_result spatten_abort(struct spatten *core, uint32_t looks) {
  put(core, SPATTEN_CONTROL, SPATTEN_CONTROL_ABORT_MASK);
  for (; looks; --looks) {
    if (!spatten_status(core).busy) return SPATTEN_OK;
    rest(core);
  }
  return SPATTEN_TIMEOUT;
}

/* ---- counters ---- */

static uint64_t counter(const struct spatten *core, uint32_t offset) {
  const uint32_t low = get(core, offset); /* latches the high half */
  return (uint64_t)get(core, offset + 4u) << 32 | low;
}

void spatten_read_counters(struct spatten *core, struct spatten_counters *counters) {
#define SPATTEN_READ(NAME, name, doc) counters->name = counter(core, SPATTEN_COUNT_##NAME##_LOW);
  SPATTEN_COUNTERS(SPATTEN_READ)
#undef SPATTEN_READ
}

void spatten_clear_counters(struct spatten *core) { put(core, SPATTEN_CONTROL, SPATTEN_CONTROL_CLEAR_COUNTERS_MASK); }

/* ---- state ---- */

static void get_table(const struct spatten *core, uint32_t offset, uint32_t *words, uint32_t count) {
  uint32_t i;
  for (i = 0; i < count; ++i) words[i] = get(core, offset + 4u * i);
}

static void put_table(const struct spatten *core, uint32_t offset, const uint32_t *words, uint32_t count) {
  uint32_t i;
  for (i = 0; i < count; ++i) put(core, offset + 4u * i, words[i]);
}

static bool holds(const struct spatten_sequence *sequence, size_t token_room, size_t head_room) {
  return sequence->tokens <= token_room && sequence->kept_tokens <= token_room && sequence->heads <= head_room &&
         sequence->kept_heads <= head_room;
}

static bool has_room(const struct spatten_sequence *sequence) {
  return holds(sequence, sequence->token_room, sequence->head_room) &&
         holds(sequence, SPATTEN_TOKEN_LIST_ENTRIES, SPATTEN_HEAD_LIST_ENTRIES);
}

enum spatten_result spatten_save(struct spatten *core, struct spatten_sequence *sequence) {
  if (spatten_status(core).busy) return SPATTEN_BUSY;
  sequence->tokens = get(core, SPATTEN_LENGTH);
  sequence->heads = get(core, SPATTEN_HEADS);
  sequence->kept_tokens = get(core, SPATTEN_KEPT_TOKENS);
  sequence->kept_heads = get(core, SPATTEN_KEPT_HEADS);
  if (!has_room(sequence)) return SPATTEN_INVALID;
  get_table(core, SPATTEN_TOKEN_LIST, sequence->token_list, sequence->kept_tokens);
  get_table(core, SPATTEN_TOKEN_IMPORTANCE, sequence->token_importance, sequence->tokens);
  get_table(core, SPATTEN_HEAD_LIST, sequence->head_list, sequence->kept_heads);
  get_table(core, SPATTEN_HEAD_IMPORTANCE, sequence->head_importance, sequence->heads);
  return SPATTEN_OK;
}

enum spatten_result spatten_restore(struct spatten *core, const struct spatten_sequence *sequence) {
  if (!has_room(sequence)) return SPATTEN_INVALID;
  if (spatten_status(core).busy) return SPATTEN_BUSY;
  put_table(core, SPATTEN_TOKEN_LIST, sequence->token_list, sequence->kept_tokens);
  put_table(core, SPATTEN_TOKEN_IMPORTANCE, sequence->token_importance, sequence->tokens);
  put_table(core, SPATTEN_HEAD_LIST, sequence->head_list, sequence->kept_heads);
  put_table(core, SPATTEN_HEAD_IMPORTANCE, sequence->head_importance, sequence->heads);
  put(core, SPATTEN_LENGTH, sequence->tokens);
  put(core, SPATTEN_HEADS, sequence->heads);
  put(core, SPATTEN_KEPT_TOKENS, sequence->kept_tokens);
  put(core, SPATTEN_KEPT_HEADS, sequence->kept_heads);
  return SPATTEN_OK;
}

enum spatten_result spatten_begin(struct spatten *core, uint32_t tokens, uint32_t heads) {
  if (tokens > SPATTEN_TOKEN_LIST_ENTRIES || heads > SPATTEN_HEAD_LIST_ENTRIES) return SPATTEN_INVALID;
  if (spatten_status(core).busy) return SPATTEN_BUSY;
  put(core, SPATTEN_LENGTH, tokens);
  put(core, SPATTEN_HEADS, heads);
  put(core, SPATTEN_KEPT_TOKENS, 0);
  put(core, SPATTEN_KEPT_HEADS, 0);
  return SPATTEN_OK;
}
