// Purpose      everything that happens to a row between its operands and its output: query and keys to scores, softmax,
//              the decision about its LSBs, local value pruning, survivors and values to the output.
// Rows         come in order, as their keys do (order); what is known of their command stands in tables, by the command's
//              slot in the context; the row's query and the place of its output stand by its row slot.
// Context      bits of order_ctx, from the low end: k, head, row slot, command slot, second pass, may be redone, is redone
//              by the mask, of a generation, last row of a run.
// Vectors      of all kinds, in the order of their jobs: vector_ctx bits 1:0 say what they are (0 query, 1 key, 2 value),
//              bit 2 that they are a generation's and are
//              used once, bits 4:3 their head dimension: its log2, less 5.
// Redo         a row whose largest probability is too small, or which the mask has redone, goes out on redo, and comes
//              again as its second pass; its scores of the first one wait in a store of {{ store_beats }} beats. A row that the mask
//              has redone comes twice of itself, and its first scores go nowhere else.
// Survivors    of a generation's rows: kept_word has their ids, values a beat for each row whose ids are all there.
// Output       row and place as row_writer has them; place_ctx is the command's slot.
// Importance   importance_* as cascade_state's row, magnitude_* as its magnitude.
// Events       settled: a row's last word entered the top-k engine. counted: a row's magnitude is taken. row_done: a row
//              left, with its slot. kept_freed: the survivors of a row left their buffer. store_freed: the oldest
//              row's scores left the store. redone: a row's second pass begins. stalls: one bit a cause, for counting.
// Protocol     valid/ready on all streams: valid never waits for ready, and a payload offered stays until it is taken.
// Throughput   that of the blocks inside: every stage takes a beat a cycle, and rows follow one another without a pause.
// Reset        forgets all rows.

module row_pipeline (
    input  wire clk,
    input  wire {{ rst.port }},

    input  wire table_set,
    input  wire [{{ command_slot_w - 1 }}:0] table_slot,
    input  wire [{{ length_w - 1 }}:0] table_n,
    input  wire [1:0] table_dim,
    input  wire table_auto,
    input  wire [{{ prob_w - 1 }}:0] table_threshold,
    input  wire [15:0] table_mant,
    input  wire [5:0] table_shift,
    input  wire [15:0] table_out_mant,
    input  wire [5:0] table_out_shift,
    input  wire [4:0] table_head_shift,
    input  wire table_accumulate_tokens,
    input  wire table_accumulate_heads,

    input  wire order_valid,
    output wire order_ready,
    input  wire [{{ ctx_w - 1 }}:0] order_ctx,
    input  wire [{{ length_w - 1 }}:0] order_n,

    input  wire row_set,
    input  wire [{{ row_slot_w - 1 }}:0] row_slot,
    input  wire [{{ word_w - 1 }}:0] row_place,
    input  wire [1:0] row_dim,

    input  wire vector_valid,
    output wire vector_ready,
    input  wire [{{ beat_elements * width - 1 }}:0] vector_data,
    input  wire [{{ beat_count_w - 1 }}:0] vector_count,
    input  wire vector_last,
    input  wire [4:0] vector_ctx,

    output wire id_list_valid,
    input  wire id_list_ready,
    output wire [{{ length_w - 1 }}:0] id_list_n,
    input  wire id_word_valid,
    output wire id_word_ready,
    input  wire [{{ lanes * id_w - 1 }}:0] id_word_ids,

    output wire redo_valid,
    input  wire redo_ready,
    output wire [{{ ctx_w - 1 }}:0] redo_ctx,

    output wire values_valid,
    input  wire values_ready,
    output wire [{{ ctx_w - 1 }}:0] values_ctx,

    output wire kept_word_valid,
    input  wire kept_word_ready,
    output wire [{{ lanes * id_w - 1 }}:0] kept_word_ids,
    output wire [{{ count_w - 1 }}:0] kept_word_count,
    output wire kept_word_last,

    output wire importance_valid,
    input  wire importance_ready,
    output wire [{{ softmax_lanes * prob_w - 1 }}:0] importance_probs,
    output wire [{{ softmax_count_w - 1 }}:0] importance_count,
    output wire importance_last,

    output wire magnitude_valid,
    input  wire magnitude_ready,
    output wire [{{ head_w - 1 }}:0] magnitude_head,
    output wire [31:0] magnitude_value,

    output wire row_valid,
    input  wire row_ready,
    output wire [{{ output_lanes * 16 - 1 }}:0] row_data,
    output wire row_last,
    output wire place_valid,
    input  wire place_ready,
    output wire [{{ word_w - 1 }}:0] place_word,
    output wire [{{ command_slot_w - 1 }}:0] place_ctx,

    output wire settled,
    output wire counted,
    output wire row_done,
    output wire [{{ row_slot_w - 1 }}:0] row_done_slot,
    output wire kept_freed,
    output wire [{{ length_w - 1 }}:0] kept_freed_k,
    output wire store_freed,
    output wire redone,
    output wire [4:0] stalls
);

  localparam MULTIPLIERS   = {{ multipliers }};
  localparam WIDTH         = {{ width }};
  localparam VECTOR_LANES  = {{ vector_lanes }};
  localparam VECTOR_W      = {{ vector_count_w }};
  localparam BEAT_W        = {{ beat_count_w }};
  localparam SOFTMAX_LANES = {{ softmax_lanes }};
  localparam LANES         = {{ lanes }};
  localparam COUNT_W       = {{ count_w }};
  localparam SCORE_W       = {{ score_w }};
  localparam PROB_W        = {{ prob_w }};
  localparam OUT_W         = {{ out_w }};
  localparam OUTPUT_LANES  = {{ output_lanes }};
  localparam TOKEN_W       = {{ token_w }};
  localparam ID_W          = {{ id_w }};
  localparam LENGTH_W      = {{ length_w }};
  localparam HEAD_W        = {{ head_w }};
  localparam WORD_W        = {{ word_w }};
  localparam QUERY_W       = {{ head_dim * width }};
  localparam CHUNK_W       = 32 * WIDTH;  // a vector of the smallest head dimension
  localparam BEAT_CHUNKS   = {{ beat_elements }} / 32;
  localparam SLOTS         = {{ row_slots }};
  localparam SLOT_W        = {{ row_slot_w }};
  localparam COMMANDS      = {{ command_slots }};
  localparam COMMAND_W     = {{ command_slot_w }};
  localparam CTX_W         = {{ ctx_w }};

  localparam CTX_HEAD       = {{ ctx_head }};  // bits of a context
  localparam CTX_ROW        = {{ ctx_row }};
  localparam CTX_COMMAND    = {{ ctx_command }};
  localparam CTX_PASS       = {{ ctx_pass }};
  localparam CTX_STORE      = CTX_PASS + 1;
  localparam CTX_FORCE      = CTX_PASS + 2;
  localparam CTX_GENERATION = CTX_PASS + 3;
  localparam CTX_RELEASE    = CTX_PASS + 4;

  localparam [1:0] QUERY = 2'd0;  // kinds of vectors
  localparam [1:0] KEY   = 2'd1;

  localparam [VECTOR_W-1:0] ALL_VECTORS = VECTOR_LANES[VECTOR_W-1:0];
  localparam [{{ softmax_count_w - 1 }}:0] ALL_SCORES = SOFTMAX_LANES[{{ softmax_count_w - 1 }}:0];
  localparam [COUNT_W-1:0] ALL_LANES = LANES[COUNT_W-1:0];

  // ---- vectors to whom they belong ---------------------------------------------------------------------------------------

  wire       of_query = vector_ctx[1:0] == QUERY;
  wire       of_keys = vector_ctx[1:0] == KEY;
  wire       of_values = !of_query && !of_keys;
  wire       query_taken;
  wire       keys_ready;
  wire       values_load_ready;

  assign vector_ready = of_query ? query_taken : of_keys ? keys_ready : values_load_ready;

  // ---- queries, by row slot: a beat is taken apart vector by vector -------------------------------------------------------------

  reg  [    SLOT_W:0] owed_q;  // rows whose query has not come
  reg  [    SLOT_W:0] arrived_q;  // queries that have come and whose row has not begun
  reg  [  SLOT_W-1:0] query_slot_q;  // of the next query
  reg  [  BEAT_W-1:0] vector_q;  // the vector of the beat that is next
  wire                query_here = vector_valid && of_query && vector_count != {BEAT_W{1'b0}};
  wire                query_write = query_here && owed_q != {(SLOT_W + 1) {1'b0}};
  wire                query_last = vector_q + 1'b1 >= vector_count;
  wire                row_begins;  // a row in its first pass begins
  wire [ QUERY_W-1:0] query_data;
  wire [         1:0] query_dim;

  assign query_taken = vector_count == {BEAT_W{1'b0}} || (query_write && query_last);

  genvar chunk;
  generate
    for (chunk = 0; chunk < QUERY_W / CHUNK_W; chunk = chunk + 1) begin : g_chunk
      localparam [BEAT_W-1:0] NUMBER = chunk;

      wire [ BEAT_W-1:0] source = (vector_q << query_dim) | NUMBER;
      reg  [CHUNK_W-1:0] picked;
      integer            from;

      always @(*) begin
        picked = {CHUNK_W{1'b0}};
        for (from = 0; from < BEAT_CHUNKS; from = from + 1) begin
          if (source == from[BEAT_W-1:0]) picked = picked | vector_data[from*CHUNK_W+:CHUNK_W];
        end
      end

      assign query_data[chunk*CHUNK_W+:CHUNK_W] = picked;
    end
  endgenerate

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      owed_q       <= {(SLOT_W + 1) {1'b0}};
      arrived_q    <= {(SLOT_W + 1) {1'b0}};
      query_slot_q <= {SLOT_W{1'b0}};
      vector_q     <= {BEAT_W{1'b0}};
    end else begin
      if (row_set && !query_write) owed_q <= owed_q + 1'b1;
      if (query_write && !row_set) owed_q <= owed_q - 1'b1;
      if (query_write && !row_begins) arrived_q <= arrived_q + 1'b1;
      if (row_begins && !query_write) arrived_q <= arrived_q - 1'b1;
      if (query_write) begin
        query_slot_q <= query_slot_q + 1'b1;
        vector_q     <= query_last ? {BEAT_W{1'b0}} : vector_q + 1'b1;
      end
    end
  end

  // Queries come in the order of row slots, each of the command of its row.
  slot_table #(
      .WIDTH(2),
      .SLOTS(SLOTS)
  ) u_row_dims (
      .clk    (clk),
      .wr_en  (row_set),
      .wr_slot(row_slot),
      .wr_data(row_dim),
      .rd_slot(query_slot_q),
      .rd_data(query_dim)
  );

  // ---- rows begin -----------------------------------------------------------------------------------------------------------

  wire                order_pop_valid;
  wire                order_pop_ready;
  wire [   CTX_W-1:0] next_ctx;
  wire [LENGTH_W-1:0] next_n;

  stream_fifo #(
      .WIDTH(CTX_W + LENGTH_W),
      .DEPTH(SLOTS)
  ) u_order (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(order_valid),
      .push_ready(order_ready),
      .push_data ({order_ctx, order_n}),
      .pop_valid (order_pop_valid),
      .pop_ready (order_pop_ready),
      .pop_data  ({next_ctx, next_n})
  );

  wire                read_free;
  wire                here = next_ctx[CTX_PASS] || arrived_q != {(SLOT_W + 1) {1'b0}};
  wire                read = order_pop_valid && here && read_free;
  wire [ QUERY_W-1:0] rd_query;
  wire                fed_valid, fed_ready;
  wire [ QUERY_W-1:0] fed_query;
  wire [   CTX_W-1:0] fed_ctx;
  wire [LENGTH_W-1:0] fed_n;
  wire                asked_valid, asked_ready;
  wire [ QUERY_W-1:0] asked_query;
  wire [   CTX_W-1:0] asked_ctx;
  wire [LENGTH_W-1:0] asked_n;
  wire [CTX_W+LENGTH_W-1:0] unused_tag;
  wire                unused_idle;

  assign order_pop_ready = here && read_free;
  assign row_begins      = read && !next_ctx[CTX_PASS];

  ram_1r1w #(
      .WIDTH (QUERY_W),
      .DEPTH (SLOTS),
      .ADDR_W(SLOT_W)
  ) u_queries (
      .clk    (clk),
      .wr_en  (query_write),
      .wr_addr(query_slot_q),
      .wr_data(query_data),
      .rd_en  (read),
      .rd_addr(next_ctx[CTX_ROW+:SLOT_W]),
      .rd_data(rd_query)
  );

  ram_reader #(
      .WIDTH(QUERY_W),
      .TAG_W(CTX_W + LENGTH_W)
  ) u_query_reader (
      .clk      (clk),
      .{{ rst.port }}({{ rst.port }}),
      .read_free(read_free),
      .read_go  (read),
      .read_tag ({next_ctx, next_n}),
      .rd_data  (rd_query),
      .rd_tag   (unused_tag),
      .out_valid(asked_valid),
      .out_ready(asked_ready),
      .out_data (asked_query),
      .out_tag  ({asked_ctx, asked_n}),
      .idle     (unused_idle)
  );

  stream_reg #(
      .WIDTH(QUERY_W + CTX_W + LENGTH_W)
  ) u_fed (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(asked_valid),
      .push_ready(asked_ready),
      .push_data ({asked_query, asked_ctx, asked_n}),
      .pop_valid (fed_valid),
      .pop_ready (fed_ready),
      .pop_data  ({fed_query, fed_ctx, fed_n})
  );

  wire       query_ready, key_row_ready;
  wire [1:0] fed_dim;

  // The query and the row of keys are taken apart: keys that pass through wait for their query.
  reg        fed_row_q, fed_query_q;  // taken already

  assign fed_ready = (query_ready || fed_query_q) && (key_row_ready || fed_row_q);

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      fed_row_q   <= 1'b0;
      fed_query_q <= 1'b0;
    end else if (fed_valid) begin
      fed_row_q   <= !fed_ready && (fed_row_q || key_row_ready);
      fed_query_q <= !fed_ready && (fed_query_q || query_ready);
    end
  end

  slot_table #(
      .WIDTH(2),
      .SLOTS(COMMANDS)
  ) u_fed_dims (
      .clk    (clk),
      .wr_en  (table_set),
      .wr_slot(table_slot),
      .wr_data(table_dim),
      .rd_slot(fed_ctx[CTX_COMMAND+:COMMAND_W]),
      .rd_data(fed_dim)
  );

  // ---- keys and scores ----------------------------------------------------------------------------------------------------------

  wire                            key_valid, key_ready, key_last;
  wire [   MULTIPLIERS*WIDTH-1:0] key_data;
  wire [            VECTOR_W-1:0] key_count;
  wire                            base_valid, base_ready;
  wire [VECTOR_LANES*SCORE_W-1:0] base_scores;
  wire                            score_valid, score_ready, score_last;
  wire [VECTOR_LANES*SCORE_W-1:0] score_scores;
  wire [            VECTOR_W-1:0] score_count;
  wire [               CTX_W-1:0] score_ctx;

  wire                         loaded_key_valid, loaded_key_ready, loaded_key_last;
  wire                         loaded_key_through;
  wire [MULTIPLIERS*WIDTH-1:0] loaded_key_data;
  wire [         VECTOR_W-1:0] loaded_key_count;

  // Keys wait here while queries and values come past.
  beat_splitter #(
      .DEPTH({{ key_beats }})
  ) u_key_beats (
      .clk         (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid  (vector_valid && of_keys),
      .push_ready  (keys_ready),
      .push_data   (vector_data),
      .push_count  (vector_count),
      .push_last   (vector_last),
      .push_through(vector_ctx[2]),
      .push_dim    (vector_ctx[4:3]),
      .pop_valid   (loaded_key_valid),
      .pop_ready   (loaded_key_ready),
      .pop_data    (loaded_key_data),
      .pop_count   (loaded_key_count),
      .pop_last    (loaded_key_last),
      .pop_through (loaded_key_through)
  );

  key_buffer u_key_buffer (
      .clk         (clk),
      .{{ rst.port }}({{ rst.port }}),
      .load_valid  (loaded_key_valid),
      .load_ready  (loaded_key_ready),
      .load_data   (loaded_key_data),
      .load_count  (loaded_key_count),
      .load_last   (loaded_key_last),
      .load_through(loaded_key_through),
      .row_valid   (fed_valid && !fed_row_q),
      .row_ready   (key_row_ready),
      .row_n       (fed_n),
      .row_dim     (fed_dim),
      .row_release (fed_ctx[CTX_RELEASE]),
      .row_through (fed_ctx[CTX_GENERATION]),
      .key_valid   (key_valid),
      .key_ready   (key_ready),
      .key_data    (key_data),
      .key_count   (key_count),
      .key_last    (key_last)
  );

  qk_array #(
      .CTX_W(CTX_W)
  ) u_qk_array (
      .clk        (clk),
      .{{ rst.port }}({{ rst.port }}),
      .query_valid(fed_valid && !fed_query_q),
      .query_ready(query_ready),
      .query_data (fed_query),
      .query_dim  (fed_dim),
      .query_add  (fed_ctx[CTX_PASS]),
      .query_ctx  (fed_ctx),
      .key_valid  (key_valid),
      .key_ready  (key_ready),
      .key_data   (key_data),
      .key_count  (key_count),
      .key_last   (key_last),
      .base_valid (base_valid),
      .base_ready (base_ready),
      .base_scores(base_scores),
      .pop_valid  (score_valid),
      .pop_ready  (score_ready),
      .pop_scores (score_scores),
      .pop_count  (score_count),
      .pop_last   (score_last),
      .pop_ctx    (score_ctx)
  );

  // ---- scores of rows that may be redone ----------------------------------------------------------------------------------------

  wire stored = score_ctx[CTX_STORE] && !score_ctx[CTX_PASS];
  wire store_room, store_valid, store_ready, store_used, store_last, store_decided;
  wire fate_valid, fate_redo, fate_room, redo_room;
  wire beat_room;

  // Nothing is to be decided of a row that the mask has redone.
  wire decided = stored && score_ctx[CTX_FORCE];
  wire taken_on = beat_room || decided;

  assign score_ready = taken_on && (store_room || !stored);

  stream_fifo #(
      .WIDTH(VECTOR_LANES * SCORE_W + 3),
      .DEPTH({{ store_beats }})
  ) u_scores (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(score_valid && stored && taken_on),
      .push_ready(store_room),
      .push_data ({decided, score_last, score_count != {VECTOR_W{1'b0}}, score_scores}),
      .pop_valid (store_valid),
      .pop_ready (store_ready),
      .pop_data  ({store_decided, store_last, store_used, base_scores})
  );

  wire fate_known = store_decided || fate_valid;
  wire fate_add = store_decided || fate_redo;

  assign base_valid  = store_valid && store_used && fate_known && fate_add;
  assign store_ready = fate_known && (!fate_add || !store_used || base_ready);
  assign store_freed = store_valid && store_ready && store_last;

  // ---- probabilities, and who is redone ---------------------------------------------------------------------------------------------

  wire                             beat_valid, beat_ready, beat_last;
  wire [SOFTMAX_LANES*SCORE_W-1:0] beat_scores;
  wire [{{ softmax_count_w - 1 }}:0] beat_count;
  wire [                CTX_W-1:0] beat_ctx;
  wire [                     15:0] beat_mant;
  wire [                      5:0] beat_shift;

  lane_gearbox #(
      .IN_LANES (VECTOR_LANES),
      .OUT_LANES(SOFTMAX_LANES),
      .DATA_W   (SCORE_W),
      .USER_W   (CTX_W)
  ) u_score_gearbox (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(score_valid && !decided && (store_room || !stored)),
      .push_ready(beat_room),
      .push_data (score_scores),
      .push_count(score_count),
      .push_last (score_last),
      .push_width(ALL_SCORES),
      .push_user (score_ctx),
      .pop_valid (beat_valid),
      .pop_ready (beat_ready),
      .pop_data  (beat_scores),
      .pop_count (beat_count),
      .pop_last  (beat_last),
      .pop_user  (beat_ctx)
  );

  slot_table #(
      .WIDTH(22),
      .SLOTS(COMMANDS)
  ) u_scales (
      .clk    (clk),
      .wr_en  (table_set),
      .wr_slot(table_slot),
      .wr_data({table_mant, table_shift}),
      .rd_slot(beat_ctx[CTX_COMMAND+:COMMAND_W]),
      .rd_data({beat_mant, beat_shift})
  );

  wire                            sum_valid, sum_ready;
  wire [{{ sum_w - 1 }}:0] sum_sum;
  wire [               CTX_W-1:0] sum_ctx;
  wire                            sum_auto;
  wire [              PROB_W-1:0] sum_threshold;
  wire                            judged_valid, judged_ready, judged_redo, verdict_ready;
  wire [               CTX_W-1:0] judged_ctx;
  wire                            prob_valid, prob_ready, prob_last;
  wire [SOFTMAX_LANES*PROB_W-1:0] prob_probs;
  wire [{{ softmax_count_w - 1 }}:0] prob_count;
  wire [               CTX_W-1:0] prob_ctx;

  softmax #(
      .CTX_W(CTX_W)
  ) u_softmax (
      .clk          (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid   (beat_valid),
      .push_ready   (beat_ready),
      .push_scores  (beat_scores),
      .push_count   (beat_count),
      .push_last    (beat_last),
      .push_mant    (beat_mant),
      .push_shift   (beat_shift),
      .push_ctx     (beat_ctx),
      .sum_valid    (sum_valid),
      .sum_ready    (sum_ready),
      .sum_sum      (sum_sum),
      .sum_ctx      (sum_ctx),
      .verdict_valid(judged_valid && fate_room && redo_room),
      .verdict_ready(verdict_ready),
      .verdict_drop (judged_redo),
      .pop_valid    (prob_valid),
      .pop_ready    (prob_ready),
      .pop_probs    (prob_probs),
      .pop_count    (prob_count),
      .pop_last     (prob_last),
      .pop_ctx      (prob_ctx)
  );

  slot_table #(
      .WIDTH(PROB_W + 1),
      .SLOTS(COMMANDS)
  ) u_thresholds (
      .clk    (clk),
      .wr_en  (table_set),
      .wr_slot(table_slot),
      .wr_data({table_auto, table_threshold}),
      .rd_slot(sum_ctx[CTX_COMMAND+:COMMAND_W]),
      .rd_data({sum_auto, sum_threshold})
  );

  requant_decision #(
      .CTX_W(CTX_W)
  ) u_decision (
      .clk           (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid    (sum_valid),
      .push_ready    (sum_ready),
      .push_sum      (sum_sum),
      .push_threshold(sum_threshold),
      .push_auto     (sum_auto && !sum_ctx[CTX_PASS]),
      .push_force    (1'b0),
      .push_ctx      (sum_ctx),
      .pop_valid     (judged_valid),
      .pop_ready     (judged_ready),
      .pop_redo      (judged_redo),
      .pop_ctx       (judged_ctx)
  );

  // The verdict goes to the softmax, to the store of scores, and to whom the row is redone for; none of them is ever full.
  wire judged_stored = judged_ctx[CTX_STORE] && !judged_ctx[CTX_PASS];

  assign judged_ready = verdict_ready && fate_room && redo_room;

  stream_fifo #(
      .WIDTH(1),
      .DEPTH(SLOTS)
  ) u_fates (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(judged_valid && judged_ready && judged_stored),
      .push_ready(fate_room),
      .push_data (judged_redo),
      .pop_valid (fate_valid),
      .pop_ready (store_freed && !store_decided),
      .pop_data  (fate_redo)
  );

  stream_fifo #(
      .WIDTH(CTX_W),
      .DEPTH(SLOTS)
  ) u_redo (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(judged_valid && judged_ready && judged_redo),
      .push_ready(redo_room),
      .push_data (judged_ctx),
      .pop_valid (redo_valid),
      .pop_ready (redo_ready),
      .pop_data  (redo_ctx)
  );

  // ---- survivors -----------------------------------------------------------------------------------------------------------------

  // Probabilities go to the importance of tokens as well, and a generation's row asks for its ids when it begins.
  wire                    accumulate;
  wire [    LENGTH_W-1:0] prob_n;
  wire                    word_room;
  wire                    ask_room;
  reg                     prob_first_q;
  wire                    asks = prob_first_q && prob_ctx[CTX_GENERATION];
  wire                    tokens_ready = importance_ready || !accumulate;

  assign prob_ready       = word_room && tokens_ready && (ask_room || !asks);
  assign importance_valid = prob_valid && accumulate && word_room && (ask_room || !asks);
  assign importance_probs = prob_probs;
  assign importance_count = prob_count;
  assign importance_last  = prob_last;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) prob_first_q <= 1'b1;
    else if (prob_valid && prob_ready) prob_first_q <= prob_last;
  end

  slot_table #(
      .WIDTH(LENGTH_W + 1),
      .SLOTS(COMMANDS)
  ) u_lengths (
      .clk    (clk),
      .wr_en  (table_set),
      .wr_slot(table_slot),
      .wr_data({table_accumulate_tokens, table_n}),
      .rd_slot(prob_ctx[CTX_COMMAND+:COMMAND_W]),
      .rd_data({accumulate, prob_n})
  );

  reg_fifo #(
      .WIDTH(LENGTH_W),
      .DEPTH(4)
  ) u_asks (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .clear     (1'b0),
      .push_valid(prob_valid && asks && word_room && tokens_ready),
      .push_ready(ask_room),
      .push_data (prob_n),
      .pop_valid (id_list_valid),
      .pop_ready (id_list_ready),
      .pop_data  (id_list_n)
  );

  wire                    word_valid, word_ready, word_last;
  wire [LANES*PROB_W-1:0] word_probs;
  wire [     COUNT_W-1:0] word_count;
  wire [       CTX_W-1:0] word_ctx;

  lane_gearbox #(
      .IN_LANES (SOFTMAX_LANES),
      .OUT_LANES(LANES),
      .DATA_W   (PROB_W),
      .USER_W   (CTX_W)
  ) u_prob_gearbox (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(prob_valid && tokens_ready && (ask_room || !asks)),
      .push_ready(word_room),
      .push_data (prob_probs),
      .push_count(prob_count),
      .push_last (prob_last),
      .push_width(ALL_LANES),
      .push_user (prob_ctx),
      .pop_valid (word_valid),
      .pop_ready (word_ready),
      .pop_data  (word_probs),
      .pop_count (word_count),
      .pop_last  (word_last),
      .pop_user  (word_ctx)
  );

  // With each probability goes its token's id, or in a summarisation its position, which the value buffer knows it by. A
  // row enters with its context in the FIFO beside the engine.
  reg  [     TOKEN_W-1:0] position_q;
  reg                     word_first_q;
  wire [LANES*TOKEN_W-1:0] word_names;
  wire                    generation = word_ctx[CTX_GENERATION];
  wire                    info_room, engine_ready;
  wire                    enters = word_valid && (info_room || !word_first_q) &&
      (id_word_valid || !generation);
  wire [    LENGTH_W-1:0] word_k = word_ctx[LENGTH_W-1:0];

  assign word_ready    = engine_ready && (info_room || !word_first_q) &&
      (id_word_valid || !generation);
  assign id_word_ready = enters && generation && engine_ready;
  assign settled       = enters && engine_ready && word_last;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      position_q   <= {TOKEN_W{1'b0}};
      word_first_q <= 1'b1;
    end else if (enters && engine_ready) begin
      position_q   <= word_last ? {TOKEN_W{1'b0}} : position_q + LANES[TOKEN_W-1:0];
      word_first_q <= word_last;
    end
  end

  genvar lane;
  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_name
      localparam [TOKEN_W-1:0] NUMBER = lane;

      assign word_names[lane*TOKEN_W+:TOKEN_W] = generation ? id_word_ids[lane*ID_W+:TOKEN_W] :
          position_q + NUMBER;
    end
  endgenerate

  wire                     top_valid, top_ready, top_last;
  wire [ LANES*PROB_W-1:0] top_probs;
  wire [LANES*TOKEN_W-1:0] top_names;
  wire [      COUNT_W-1:0] top_count;
  wire                     info_valid;
  wire [        CTX_W-1:0] info;
  wire [{{ topk_units - 1 }}:0] unused_pass;

  topk_engine u_topk_engine (
      .clk          (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid   (enters),
      .push_ready   (engine_ready),
      .push_keys    (word_probs),
      .push_payloads(word_names),
      .push_count   (word_count),
      .push_last    (word_last),
      .push_k       ({{ '{' }}{% if length_w < 16 %}{{ 16 - length_w }}'d0, {% endif %}word_k}),
      .pop_valid    (top_valid),
      .pop_ready    (top_ready),
      .pop_keys     (top_probs),
      .pop_payloads (top_names),
      .pop_count    (top_count),
      .pop_last     (top_last),
      .pass_start   (unused_pass)
  );

  stream_fifo #(
      .WIDTH(CTX_W),
      .DEPTH(SLOTS)
  ) u_info (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(enters && word_first_q && engine_ready),
      .push_ready(info_room),
      .push_data (word_ctx),
      .pop_valid (info_valid),
      .pop_ready (top_valid && top_ready && top_last),
      .pop_data  (info)
  );

  // ---- survivors wait for their values; a generation's ids ask for them -----------------------------------------------------------

  wire names_used = info[CTX_GENERATION];
  wire kept_room, names_room, call_room;
  wire kept_valid, kept_ready, kept_last;
  wire [ LANES*PROB_W-1:0] kept_probs;
  wire [LANES*TOKEN_W-1:0] kept_names;
  wire [LANES*TOKEN_W-1:0] called_names;
  wire [      COUNT_W-1:0] kept_count;
  wire [        CTX_W-1:0] kept_ctx;

  assign top_ready = info_valid && kept_room && names_room && call_room;

  stream_fifo #(
      .WIDTH(LANES * (PROB_W + TOKEN_W) + COUNT_W + 1 + CTX_W),
      .DEPTH({{ kept_words }})
  ) u_kept (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(top_valid && top_ready),
      .push_ready(kept_room),
      .push_data ({info, top_last, top_count, top_names, top_probs}),
      .pop_valid (kept_valid),
      .pop_ready (kept_ready),
      .pop_data  ({kept_ctx, kept_last, kept_count, kept_names, kept_probs})
  );

  stream_fifo #(
      .WIDTH(LANES * TOKEN_W + COUNT_W + 1),
      .DEPTH({{ kept_words }})
  ) u_names (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(top_valid && top_ready && names_used),
      .push_ready(names_room),
      .push_data ({top_last, top_count, top_names}),
      .pop_valid (kept_word_valid),
      .pop_ready (kept_word_ready),
      .pop_data  ({kept_word_last, kept_word_count, called_names})
  );

  stream_fifo #(
      .WIDTH(CTX_W),
      .DEPTH(SLOTS)
  ) u_calls (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(top_valid && top_ready && names_used && top_last),
      .push_ready(call_room),
      .push_data (info),
      .pop_valid (values_valid),
      .pop_ready (values_ready),
      .pop_data  (values_ctx)
  );

  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_called
      assign kept_word_ids[lane*ID_W+:ID_W] = {{ '{' }}{% if id_w > token_w %}{{ id_w - token_w }}'d0, {% endif %}called_names[lane*TOKEN_W+:TOKEN_W]};
    end
  endgenerate

  assign kept_freed   = kept_valid && kept_ready && kept_last && kept_ctx[CTX_GENERATION];
  assign kept_freed_k = kept_ctx[LENGTH_W-1:0];

  // ---- values and outputs ---------------------------------------------------------------------------------------------------------

  wire [                              1:0] kept_dim;
  wire [       LANES*(PROB_W+TOKEN_W)-1:0] kept_pairs;
  wire                                     pick_valid, pick_ready, pick_last;
  wire [VECTOR_LANES*(PROB_W+TOKEN_W)-1:0] pick_pairs;
  wire [          VECTOR_LANES*PROB_W-1:0] pick_probs;
  wire [         VECTOR_LANES*TOKEN_W-1:0] pick_positions;
  wire [                     VECTOR_W-1:0] pick_count;
  wire [                        CTX_W-1:0] pick_ctx;
  wire [                              1:0] pick_dim;

  slot_table #(
      .WIDTH(2),
      .SLOTS(COMMANDS)
  ) u_kept_dims (
      .clk    (clk),
      .wr_en  (table_set),
      .wr_slot(table_slot),
      .wr_data(table_dim),
      .rd_slot(kept_ctx[CTX_COMMAND+:COMMAND_W]),
      .rd_data(kept_dim)
  );

  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_pair
      assign kept_pairs[lane*(PROB_W+TOKEN_W)+:PROB_W+TOKEN_W] =
          {kept_names[lane*TOKEN_W+:TOKEN_W], kept_probs[lane*PROB_W+:PROB_W]};
    end
    for (lane = 0; lane < VECTOR_LANES; lane = lane + 1) begin : g_pick
      assign {pick_positions[lane*TOKEN_W+:TOKEN_W], pick_probs[lane*PROB_W+:PROB_W]} =
          pick_pairs[lane*(PROB_W+TOKEN_W)+:PROB_W+TOKEN_W];
    end
  endgenerate

  lane_gearbox #(
      .IN_LANES (LANES),
      .OUT_LANES(VECTOR_LANES),
      .DATA_W   (PROB_W + TOKEN_W),
      .USER_W   (CTX_W + 2)
  ) u_kept_gearbox (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(kept_valid),
      .push_ready(kept_ready),
      .push_data (kept_pairs),
      .push_count(kept_count),
      .push_last (kept_last),
      .push_width(ALL_VECTORS >> kept_dim),
      .push_user ({kept_ctx, kept_dim}),
      .pop_valid (pick_valid),
      .pop_ready (pick_ready),
      .pop_data  (pick_pairs),
      .pop_count (pick_count),
      .pop_last  (pick_last),
      .pop_user  ({pick_ctx, pick_dim})
  );

  wire                           part_valid, part_ready, part_last;
  wire [VECTOR_LANES*PROB_W-1:0] part_probs;
  wire [           VECTOR_W-1:0] part_count;
  wire [                    1:0] part_dim;
  wire [              CTX_W-1:0] part_ctx;
  wire [                   15:0] part_mant;
  wire [                    5:0] part_shift;
  wire                           value_valid, value_ready;
  wire [  MULTIPLIERS*WIDTH-1:0] value_data;

  wire                         piece_valid, piece_ready, piece_last, piece_through;
  wire [MULTIPLIERS*WIDTH-1:0] piece_data;
  wire [         VECTOR_W-1:0] piece_count;
  wire                         loaded_valid, loaded_ready, loaded_last, loaded_through;
  wire [MULTIPLIERS*WIDTH-1:0] loaded_data;
  wire [         VECTOR_W-1:0] loaded_count;

  beat_splitter #(
      .DEPTH({{ value_beats }})
  ) u_value_beats (
      .clk         (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid  (vector_valid && of_values),
      .push_ready  (values_load_ready),
      .push_data   (vector_data),
      .push_count  (vector_count),
      .push_last   (vector_last),
      .push_through(vector_ctx[2]),
      .push_dim    (vector_ctx[4:3]),
      .pop_valid   (piece_valid),
      .pop_ready   (piece_ready),
      .pop_data    (piece_data),
      .pop_count   (piece_count),
      .pop_last    (piece_last),
      .pop_through (piece_through)
  );

  // Where a beat is cut and where it is weighed against the picks are two stages.
  stream_reg #(
      .WIDTH(MULTIPLIERS * WIDTH + VECTOR_W + 2)
  ) u_piece (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(piece_valid),
      .push_ready(piece_ready),
      .push_data ({piece_through, piece_last, piece_count, piece_data}),
      .pop_valid (loaded_valid),
      .pop_ready (loaded_ready),
      .pop_data  ({loaded_through, loaded_last, loaded_count, loaded_data})
  );

  value_buffer #(
      .CTX_W(CTX_W)
  ) u_value_buffer (
      .clk           (clk),
      .{{ rst.port }}({{ rst.port }}),
      .load_valid    (loaded_valid),
      .load_ready    (loaded_ready),
      .load_data     (loaded_data),
      .load_count    (loaded_count),
      .load_last     (loaded_last),
      .load_through  (loaded_through),
      .pick_valid    (pick_valid),
      .pick_ready    (pick_ready),
      .pick_positions(pick_positions),
      .pick_probs    (pick_probs),
      .pick_count    (pick_count),
      .pick_last     (pick_last),
      .pick_dim      (pick_dim),
      .pick_release  (pick_ctx[CTX_RELEASE]),
      .pick_through  (pick_ctx[CTX_GENERATION]),
      .pick_ctx      (pick_ctx),
      .prob_valid    (part_valid),
      .prob_ready    (part_ready),
      .prob_probs    (part_probs),
      .prob_count    (part_count),
      .prob_last     (part_last),
      .prob_dim      (part_dim),
      .prob_ctx      (part_ctx),
      .value_valid   (value_valid),
      .value_ready   (value_ready),
      .value_data    (value_data)
  );

  slot_table #(
      .WIDTH(22),
      .SLOTS(COMMANDS)
  ) u_out_scales (
      .clk    (clk),
      .wr_en  (table_set),
      .wr_slot(table_slot),
      .wr_data({table_out_mant, table_out_shift}),
      .rd_slot(part_ctx[CTX_COMMAND+:COMMAND_W]),
      .rd_data({part_mant, part_shift})
  );

  wire                          summed_valid, summed_ready, summed_last;
  wire [OUTPUT_LANES*OUT_W-1:0] summed_data;
  wire [             CTX_W-1:0] summed_ctx;
  wire                          sum_of_row_valid, sum_of_row_ready;
  wire [{{ magnitude_w - 1 }}:0] sum_of_row;
  wire [             CTX_W-1:0] sum_of_row_ctx;

  av_array #(
      .CTX_W(CTX_W)
  ) u_av_array (
      .clk            (clk),
      .{{ rst.port }}({{ rst.port }}),
      .prob_valid     (part_valid),
      .prob_ready     (part_ready),
      .prob_probs     (part_probs),
      .prob_count     (part_count),
      .prob_last      (part_last),
      .prob_dim       (part_dim),
      .prob_mant      (part_mant),
      .prob_shift     (part_shift),
      .prob_ctx       (part_ctx),
      .value_valid    (value_valid),
      .value_ready    (value_ready),
      .value_data     (value_data),
      .pop_valid      (summed_valid),
      .pop_ready      (summed_ready),
      .pop_data       (summed_data),
      .pop_last       (summed_last),
      .pop_ctx        (summed_ctx),
      .magnitude_valid(sum_of_row_valid),
      .magnitude_ready(sum_of_row_ready),
      .magnitude_sum  (sum_of_row),
      .magnitude_ctx  (sum_of_row_ctx)
  );

  // ---- outputs, to their place -----------------------------------------------------------------------------------------------------

  wire                          out_valid, out_ready, out_last;
  wire [OUTPUT_LANES*OUT_W-1:0] out_data;
  wire [             CTX_W-1:0] out_ctx;

  // Whether all channels can take a sector is seen in the cycle that it takes to get here.
  stream_reg #(
      .WIDTH(OUTPUT_LANES * OUT_W + CTX_W + 1)
  ) u_out (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(summed_valid),
      .push_ready(summed_ready),
      .push_data ({summed_ctx, summed_last, summed_data}),
      .pop_valid (out_valid),
      .pop_ready (out_ready),
      .pop_data  ({out_ctx, out_last, out_data})
  );

  generate
    for (lane = 0; lane < OUTPUT_LANES; lane = lane + 1) begin : g_out
      {% if out_w < 16 %}
      assign row_data[lane*16+:16] = {{ '{{' }}(16 - OUT_W){out_data[lane*OUT_W+OUT_W-1]}}, out_data[lane*OUT_W+:OUT_W]};
      {% else %}
      assign row_data[lane*16+:16] = out_data[lane*16+:16];
      {% endif %}
    end
  endgenerate

  slot_table #(
      .WIDTH(WORD_W),
      .SLOTS(SLOTS)
  ) u_places (
      .clk    (clk),
      .wr_en  (row_set),
      .wr_slot(row_slot),
      .wr_data(row_place),
      .rd_slot(out_ctx[CTX_ROW+:SLOT_W]),
      .rd_data(place_word)
  );

  assign row_valid     = out_valid;
  assign out_ready     = row_ready;
  assign row_last      = out_last;
  assign place_valid   = out_valid;
  assign place_ctx     = out_ctx[CTX_COMMAND+:COMMAND_W];
  assign row_done      = out_valid && out_ready && out_last;
  assign row_done_slot = out_ctx[CTX_ROW+:SLOT_W];

  // ---- importance of heads ----------------------------------------------------------------------------------------------------------

  wire       count_heads;
  wire [4:0] head_shift;

  slot_table #(
      .WIDTH(6),
      .SLOTS(COMMANDS)
  ) u_head_shifts (
      .clk    (clk),
      .wr_en  (table_set),
      .wr_slot(table_slot),
      .wr_data({table_accumulate_heads, table_head_shift}),
      .rd_slot(sum_of_row_ctx[CTX_COMMAND+:COMMAND_W]),
      .rd_data({count_heads, head_shift})
  );

  assign magnitude_valid  = sum_of_row_valid && count_heads;
  assign sum_of_row_ready = magnitude_ready || !count_heads;
  assign magnitude_head   = sum_of_row_ctx[CTX_HEAD+:HEAD_W];
  assign magnitude_value  = {{ '{' }}{% if magnitude_w < 32 %}{{ 32 - magnitude_w }}'d0, {% endif %}sum_of_row} >> head_shift;
  assign counted          = sum_of_row_valid && sum_of_row_ready;

  // ---- where it waits -----------------------------------------------------------------------------------------------------------------

  // A cycle late, since they are only counted.
  reg       redone_q;
  reg [4:0] stalls_q;

  assign redone = redone_q;
  assign stalls = stalls_q;

  always @(posedge clk) begin
    redone_q <= read && next_ctx[CTX_PASS];
    stalls_q <= {
      out_valid && !out_ready,
      pick_valid && !pick_ready,
      word_valid && !word_ready,
      score_valid && !score_ready,
      key_ready && !key_valid
    };
  end

  wire unused = &{1'b0, place_ready, out_ctx, sum_of_row_ctx};

endmodule
