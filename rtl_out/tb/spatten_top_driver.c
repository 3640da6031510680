/* Software beside the core in simulation: runs the example by the driver, and checks what the driver reads.
 *
 * spatten_top_tb calls spatten_driver_turn after each access that was asked for, with its answer, and is given the next
 * one. The program itself runs in a thread of its own that only ever runs while the simulator waits in that call. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "spatten_driver.h"

#define LOOKS 1000000u
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A command with what must come of it. */
struct step {
  struct spatten_layer layer;
  uint32_t error, tokens, heads, kept_tokens, kept_heads;
  const uint32_t *token_list, *token_importance, *head_list, *head_importance;
  uint64_t counted[7]; /* sectors of Q, K (MSB, LSB) and V, rows, rows redone */
};

#include "spatten_top_case.h"

/* ---- the bus ---- */

/* Numbers as in spatten_top_tb. */
enum { WRITE = 0, READ = 2, WAIT = 3, DONE = 5, FAILED = 6 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static int programs_turn, started;
static int asked, asked_address, asked_value, answer;

/* In the program: asks for an access and sleeps until it is over. */
static uint32_t ask(int kind, uint32_t address, uint32_t value) {
  asked = kind;
  asked_address = (int)address;
  asked_value = (int)value;
  programs_turn = 0;
  pthread_cond_broadcast(&turned);
  while (!programs_turn) pthread_cond_wait(&turned, &lock);
  return (uint32_t)answer;
}

static uint32_t bus_read(void *context, uint32_t offset) {
  (void)context;
  return ask(READ, offset, 0);
}

static void bus_write(void *context, uint32_t offset, uint32_t value) {
  (void)context;
  ask(WRITE, offset, value);
}

static void bus_wait(void *context) {
  (void)context;
  ask(WAIT, 0, 0);
}

/* ---- the program ---- */

static int expect(const char *what, size_t step, uint64_t expected, uint64_t got) {
  if (expected == got) return 1;
  printf("FAIL spatten_top_driver: step %u: %s: expected %llu, got %llu\n", (unsigned)step, what,
         (unsigned long long)expected, (unsigned long long)got);
  return 0;
}

static uint32_t token_list[SPATTEN_TOKEN_LIST_ENTRIES], token_importance[SPATTEN_TOKEN_LIST_ENTRIES];
static uint32_t head_list[SPATTEN_HEAD_LIST_ENTRIES], head_importance[SPATTEN_HEAD_LIST_ENTRIES];

static struct spatten_sequence room(void) {
  struct spatten_sequence sequence;
  memset(&sequence, 0, sizeof sequence);
  sequence.token_list = token_list;
  sequence.token_importance = token_importance;
  sequence.token_room = COUNT(token_list);
  sequence.head_list = head_list;
  sequence.head_importance = head_importance;
  sequence.head_room = COUNT(head_list);
  return sequence;
}

static int same_words(const char *what, size_t number, const uint32_t *expected, const uint32_t *got, uint32_t count) {
  uint32_t i;
  for (i = 0; i < count; ++i)
    if (!expect(what, number, expected[i], got[i])) return 0;
  return 1;
}

/* The state is put aside, compared, spoilt, and brought back. */
static int state_is(struct spatten *core, size_t number, const struct step *step) {
  struct spatten_sequence sequence = room();
  if (!expect("spatten_save", number, SPATTEN_OK, spatten_save(core, &sequence)) ||
      !expect("L", number, step->tokens, sequence.tokens) || !expect("H", number, step->heads, sequence.heads) ||
      !expect("kept tokens", number, step->kept_tokens, sequence.kept_tokens) ||
      !expect("kept heads", number, step->kept_heads, sequence.kept_heads) ||
      !same_words("token list", number, step->token_list, token_list, step->kept_tokens) ||
      !same_words("token importance", number, step->token_importance, token_importance, step->tokens) ||
      !same_words("head list", number, step->head_list, head_list, step->kept_heads) ||
      !same_words("head importance", number, step->head_importance, head_importance, step->heads))
    return 0;
  {
    static uint32_t other_tokens[3] = {0, 1, 2}, other_importance[3] = {7, 7, 7};
    struct spatten_sequence other = room();
    other.tokens = other.kept_tokens = 3;
    other.heads = other.kept_heads = 1;
    other.token_list = other_tokens;
    other.token_importance = other_importance;
    other.head_list = other_tokens;
    other.head_importance = other_importance;
    if (!expect("spatten_restore of another sequence", number, SPATTEN_OK, spatten_restore(core, &other))) return 0;
  }
  return expect("spatten_restore", number, SPATTEN_OK, spatten_restore(core, &sequence));
}

static int counters_are(struct spatten *core, size_t number, const uint64_t *counted) {
  struct spatten_counters c;
  spatten_read_counters(core, &c);
  return expect("sectors of Q", number, counted[0], c.sectors_q) &&
         expect("sectors of K, MSB", number, counted[1], c.sectors_k_msb) &&
         expect("sectors of K, LSB", number, counted[2], c.sectors_k_lsb) &&
         expect("sectors of V, MSB", number, counted[3], c.sectors_v_msb) &&
         expect("sectors of V, LSB", number, counted[4], c.sectors_v_lsb) &&
         expect("rows", number, counted[5], c.rows) && expect("rows redone", number, counted[6], c.rows_redone);
}

/* One command at a time, everything looked at after each. */
static int one_by_one(struct spatten *core) {
  size_t number;
  uint32_t causes;
  for (number = 0; number < COUNT(steps); ++number) {
    const struct step *step = &steps[number];
    const enum spatten_result result = step->error ? SPATTEN_FAILED : SPATTEN_OK;
    spatten_clear_counters(core);
    if (!expect("spatten_submit", number, SPATTEN_OK, spatten_submit(core, &step->layer)) ||
        !expect("spatten_finish", number, result, spatten_finish(core, LOOKS)) ||
        !expect("spatten_error", number, step->error, spatten_error(core)))
      return 0;
    causes = spatten_take_interrupts(core);
    if (!expect("interrupts", number,
                step->error ? SPATTEN_INTERRUPT_ERROR_MASK : SPATTEN_INTERRUPT_DONE_MASK, causes))
      return 0;
    if (step->error) spatten_clear(core);
    if (!counters_are(core, number, step->counted) || !state_is(core, number, step)) return 0;
  }
  return 1;
}

/* As many as the queue takes. */
static int queued(struct spatten *core) {
  uint64_t counted[7] = {0};
  size_t number, i;
  spatten_clear_counters(core);
  for (number = 0; number < COUNT(steps); ++number) {
    const struct step *step = &steps[number];
    if (step->error) continue;
    if (!expect("spatten_make_room", number, SPATTEN_OK, spatten_make_room(core, LOOKS)) ||
        !expect("spatten_submit", number, SPATTEN_OK, spatten_submit(core, &step->layer)))
      return 0;
    for (i = 0; i < COUNT(counted); ++i) counted[i] += step->counted[i];
  }
  {
    struct spatten_sequence sequence = room();
    if (!expect("spatten_save of a busy core", number, SPATTEN_BUSY, spatten_save(core, &sequence))) return 0;
  }
  if (!expect("spatten_finish", number, SPATTEN_OK, spatten_finish(core, LOOKS))) return 0;
  spatten_take_interrupts(core);
  return counters_are(core, number, counted) && state_is(core, number, &steps[COUNT(steps) - 1]);
}

static int program(void) {
  struct spatten_bus bus = {bus_read, bus_write, bus_wait, NULL};
  struct spatten core;
  uint32_t i;
  if (!expect("spatten_init", 0, SPATTEN_OK, spatten_init(&core, &bus)) ||
      !expect("channels", 0, COUNT(channel_bases), core.channels))
    return 0;
  for (i = 0; i < COUNT(channel_bases); ++i)
    if (!expect("spatten_set_channel_base", i, SPATTEN_OK, spatten_set_channel_base(&core, i, channel_bases[i]))) return 0;
  if (!expect("spatten_set_channel_base of no channel", i, SPATTEN_INVALID, spatten_set_channel_base(&core, i, 0)))
    return 0;
  spatten_set_attributes(&core, 0x03);
  spatten_enable_interrupts(&core, SPATTEN_INTERRUPT_DONE_MASK | SPATTEN_INTERRUPT_ERROR_MASK);
  if (!expect("spatten_begin", 0, SPATTEN_OK, spatten_begin(&core, CASE_TOKENS, CASE_HEADS)) || !one_by_one(&core))
    return 0;
  /* A layer is cut off; then everything is right again. */
  if (!expect("spatten_begin", 0, SPATTEN_OK, spatten_begin(&core, CASE_TOKENS, CASE_HEADS)) ||
      !expect("spatten_submit", 0, SPATTEN_OK, spatten_submit(&core, &steps[0].layer)) ||
      !expect("spatten_abort", 0, SPATTEN_OK, spatten_abort(&core, LOOKS)) ||
      !expect("spatten_begin", 0, SPATTEN_OK, spatten_begin(&core, CASE_TOKENS, CASE_HEADS)))
    return 0;
  return queued(&core);
}

static void *run(void *argument) {
  (void)argument;
  pthread_mutex_lock(&lock);
  while (!programs_turn) pthread_cond_wait(&turned, &lock);
  {
    const int end = program() ? DONE : FAILED;
    for (;;) ask(end, 0, 0);
  }
  return NULL;
}

/* In the simulator: the answer to the access before (a word that was read), and the next access: returns its kind. */
int spatten_driver_turn(int data, int *address, int *value) {
  pthread_t thread;
  pthread_mutex_lock(&lock);
  if (!started) {
    started = 1;
    if (pthread_create(&thread, NULL, run, NULL)) return FAILED;
    pthread_detach(thread);
  }
  answer = data;
  programs_turn = 1;
  pthread_cond_broadcast(&turned);
  while (programs_turn) pthread_cond_wait(&turned, &lock);
  *address = asked_address;
  *value = asked_value;
  fflush(stdout);
  pthread_mutex_unlock(&lock);
  return asked;
}
