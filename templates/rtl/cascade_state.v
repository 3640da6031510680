// Purpose      the state that cascades from layer to layer (paper, section III): the lists of kept tokens and heads, their
//              importance, and the top-k engine that prunes both.
// Operations   one at a time; op_list: 0 tokens, 1 heads. op stands until op_ready, which comes when the operation is
//              done, with op_answer and op_bad.
//              - 0, scan: op_bad when the list does not ascend strictly below op_value.
//              - 1, count: op_answer entries of the token list are at most op_value.
//              - 2, fold: importance that rows added by list position goes to its tokens.
//              - 3, clear; 4, scale: all importance becomes 0; is shifted right by op_value.
//              - 5, reset: the list becomes 0 to op_value - 1.
//              - 6, prune: the op_k most important entries stay, of tokens the first op_first and last op_last anyway.
//              - 7, read; 8, write: entry op_index of the list. 9, resize: the list has op_value entries.
//              - 10, read; 11, write: importance of id op_index.
//              Others do nothing.
// Order        rows may add importance while no operation stands. unfolded: importance by list position waits; it is to be
//              folded before the list changes and before importance of tokens is scaled, read or written.
// Lists        job, id and query stream the token list, head the list of heads; each request is a number of entries from
//              the front. None stands during an operation.
// Latency      fold and prune take a list's words through the accumulators; a prune takes the top-k engine's time besides.
// Protocol     valid/ready on all streams: valid never waits for ready, and a payload offered stays until it is taken.
// Reset        lists are empty, all importance is 0.

module cascade_state (
    input  wire clk,
    input  wire {{ rst.port }},

    input  wire op_valid,
    output wire op_ready,
    input  wire [3:0] op_code,
    input  wire op_list,
    input  wire [15:0] op_index,
    input  wire [31:0] op_value,
    input  wire [15:0] op_k,
    input  wire [15:0] op_first,
    input  wire [15:0] op_last,
    output wire [31:0] op_answer,
    output wire op_bad,

    output wire [15:0] tokens,
    output wire [15:0] heads,
    output wire unfolded,

    input  wire row_valid,
    output wire row_ready,
    input  wire [{{ softmax_lanes * prob_w - 1 }}:0] row_probs,
    input  wire [{{ softmax_count_w - 1 }}:0] row_count,
    input  wire row_last,

    input  wire magnitude_valid,
    output wire magnitude_ready,
    input  wire [{{ head_w - 1 }}:0] magnitude_head,
    input  wire [31:0] magnitude_value,
    {% for name in ["job", "id", "query", "head"] %}

    input  wire {{ name }}_list_valid,
    output wire {{ name }}_list_ready,
    input  wire [{{ length_w - 1 }}:0] {{ name }}_list_n,

    output wire {{ name }}_word_valid,
    input  wire {{ name }}_word_ready,
    output wire [{{ lanes * id_w - 1 }}:0] {{ name }}_word_ids,
    output wire [{{ count_w - 1 }}:0] {{ name }}_word_count,
    output wire {{ name }}_word_last{% if not loop.last %},{% endif %}
    {% endfor %}
);

  localparam LANES   = {{ lanes }};
  localparam COUNT_W = {{ count_w }};
  localparam LANE_W  = {{ lane_w }};  // bits of a lane's number
  localparam TOKEN_W = {{ token_w }};
  localparam HEAD_W  = {{ head_w }};
  localparam ID_W    = {{ id_w }};  // bits of either id
  // What the host wrote may be too large for an id: then bit ID_W is set.
  localparam ENTRY_W = ID_W + 1;
  localparam N_W     = {{ length_w }};
  localparam WORDS   = {{ list_words }};
  localparam WORD_W  = $clog2(WORDS);
  localparam SHIFT   = {{ lane_shift }};  // log2 of LANES
  localparam SINGLE  = 1;

  localparam [COUNT_W-1:0] ONE = SINGLE[COUNT_W-1:0];
  localparam [COUNT_W-1:0] WHOLE = LANES[COUNT_W-1:0];

  localparam [3:0] SCAN   = 4'd0;
  localparam [3:0] COUNT  = 4'd1;
  localparam [3:0] FOLD   = 4'd2;
  localparam [3:0] CLEAR  = 4'd3;
  localparam [3:0] SCALE  = 4'd4;
  localparam [3:0] RESET  = 4'd5;
  localparam [3:0] PRUNE  = 4'd6;
  localparam [3:0] READ   = 4'd7;
  localparam [3:0] WRITE  = 4'd8;
  localparam [3:0] RESIZE = 4'd9;
  localparam [3:0] RECALL = 4'd10;
  localparam [3:0] SET    = 4'd11;

  // ---- the operation in steps ------------------------------------------------------------------------------------------

  localparam [3:0] IDLE   = 4'd0;
  localparam [3:0] SWEEP  = 4'd1;  // words of the list go to whom they concern
  localparam [3:0] SETTLE = 4'd2;  // the last word is looked at
  localparam [3:0] STORE  = 4'd3;  // the changed word is written back
  localparam [3:0] KEEP   = 4'd4;  // what stays comes from the top-k engine
  localparam [3:0] FILL   = 4'd5;  // the list is written anew
  localparam [3:0] PUSH   = 4'd6;  // one operation of an importance store
  localparam [3:0] ANSWER = 4'd7;  // importance comes back
  localparam [3:0] DONE   = 4'd8;

  reg  [      3:0] state_q;
  reg  [     15:0] tokens_q;  // entries of the lists
  reg  [     15:0] heads_q;
  reg  [ WORD_W:0] next_word_q;  // of those written by FILL and KEEP
  reg  [     15:0] kept_q;
  reg              bad_q;
  reg  [     31:0] answer_q;

  wire             sweeping = state_q == SWEEP;
  wire             of_heads = op_list;
  wire             whole_list = op_code == SCAN || op_code == COUNT || op_code == FOLD ||
      op_code == PRUNE;
  wire             one_word = op_code == READ || op_code == WRITE;
  wire             to_importance = op_code == FOLD || op_code == PRUNE;
  wire             sweep_taken;  // a word of the list is taken
  wire             sweep_last;
  wire             filled;
  wire             push_taken;
  wire             key_valid;
  wire             keep_taken;
  wire             keep_last;

  assign tokens    = tokens_q;
  assign heads     = heads_q;
  assign op_ready  = state_q == DONE;
  assign op_answer = answer_q;
  assign op_bad    = bad_q;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) state_q <= IDLE;
    else begin
      case (state_q)
        IDLE: begin
          if (op_valid) begin
            if (whole_list || one_word) state_q <= SWEEP;
            else if (op_code == RESET) state_q <= FILL;
            else if (op_code == RESIZE || op_code > SET) state_q <= DONE;
            else state_q <= PUSH;
          end
        end
        SWEEP: if (sweep_taken && sweep_last) state_q <= (op_code == PRUNE) ? KEEP : SETTLE;
        SETTLE: state_q <= (op_code == WRITE) ? STORE : DONE;
        KEEP: if (keep_taken && keep_last) state_q <= DONE;
        FILL: if (filled) state_q <= DONE;
        PUSH: if (push_taken) state_q <= (op_code == RECALL) ? ANSWER : DONE;
        ANSWER: if (key_valid) state_q <= DONE;
        STORE: state_q <= DONE;
        default: state_q <= IDLE;
      endcase
    end
  end

  // ---- the lists -------------------------------------------------------------------------------------------------------

  reg                      wr_en_q;
  reg                      wr_heads_q;
  reg  [       WORD_W-1:0] wr_word_q;
  reg  [LANES*ENTRY_W-1:0] wr_entries_q;

  reg                      asked_q;  // the sweep's list was asked for
  wire                     ask = sweeping && !asked_q;
  wire [             15:0] all = of_heads ? heads_q : tokens_q;
  wire [          N_W-1:0] ask_n = one_word ? LANES[N_W-1:0] : all[N_W-1:0];
  wire [       WORD_W-1:0] ask_skip = one_word ? op_index[SHIFT+:WORD_W] : {WORD_W{1'b0}};
  wire                     sweep_ready;
  {% for name in ["job", "id", "query", "head"] %}
  {% set own = name == "job" or name == "head" %}
  {% set select = "of_heads" %}
  {% if name == "job" %}{% set select = "!of_heads" %}{% endif %}

  {% if own %}
  wire                     {{ name }}_ask = ask && {{ select }};
  wire                     {{ name }}_swept = sweeping && {{ select }};
  {% endif %}
  wire [LANES*ENTRY_W-1:0] {{ name }}_entries;

  kept_list #(
      .ENTRY_W(ENTRY_W),
      .WORDS  (WORDS),
      .N_W    (N_W)
  ) u_{{ name }}_list (
      .clk         (clk),
      .{{ rst.port }}({{ rst.port }}),
      .wr_en       (wr_en_q && {% if name != "head" %}!{% endif %}wr_heads_q),
      .wr_word     (wr_word_q),
      .wr_entries  (wr_entries_q),
      {% if own %}
      .list_valid  ({{ name }}_ask || {{ name }}_list_valid),
      .list_ready  ({{ name }}_list_ready),
      .list_skip   ({{ name }}_swept ? ask_skip : {WORD_W{1'b0}}),
      .list_n      ({{ name }}_swept ? ask_n : {{ name }}_list_n),
      {% else %}
      .list_valid  ({{ name }}_list_valid),
      .list_ready  ({{ name }}_list_ready),
      .list_skip   ({WORD_W{1'b0}}),
      .list_n      ({{ name }}_list_n),
      {% endif %}
      .word_valid  ({{ name }}_word_valid),
      .word_ready  ({% if own %}{{ name }}_swept ? sweep_ready : {% endif %}{{ name }}_word_ready),
      .word_entries({{ name }}_entries),
      .word_count  ({{ name }}_word_count),
      .word_last   ({{ name }}_word_last)
  );
  {% endfor %}

  genvar lane;
  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_ids
      {% for name in ["job", "id", "query", "head"] %}
      assign {{ name }}_word_ids[lane*ID_W+:ID_W] = {{ name }}_entries[lane*ENTRY_W+:ID_W];
      {% endfor %}
    end
  endgenerate

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) asked_q <= 1'b0;
    else if (!sweeping) asked_q <= 1'b0;
    else if (of_heads ? head_list_ready : job_list_ready) asked_q <= 1'b1;
  end

  // ---- a sweep's words -------------------------------------------------------------------------------------------------

  wire                     swept_valid = sweeping && (of_heads ? head_word_valid : job_word_valid);
  wire [LANES*ENTRY_W-1:0] swept_entries = of_heads ? head_entries : job_entries;
  wire [      COUNT_W-1:0] swept_count = of_heads ? head_word_count : job_word_count;
  wire                     fold_ready;  // the token side takes the word
  wire                     unpack_ready;  // the head side takes the word

  assign sweep_last  = of_heads ? head_word_last : job_word_last;
  assign sweep_ready = !to_importance ? 1'b1 : of_heads ? unpack_ready : fold_ready;
  assign sweep_taken = swept_valid && sweep_ready;

  // The word before, and what is wrong with this one, in registers of their own; a lane that ends a word is kept for the
  // next one.
  reg  [LANES*ENTRY_W-1:0] seen_q;
  reg  [      COUNT_W-1:0] seen_count_q;
  reg                      seen_valid_q;
  reg  [      ENTRY_W-1:0] before_q;
  reg                      begun_q;  // before_q holds an entry
  wire [        LANES-1:0] wrong;
  wire [        LANES-1:0] under;

  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_check
      localparam [COUNT_W-1:0] NUMBER = lane;

      wire [ENTRY_W-1:0] here = seen_q[lane*ENTRY_W+:ENTRY_W];
      wire               used = NUMBER < seen_count_q;
      wire               ascends;

      if (lane == 0) begin : g_first
        assign ascends = !begun_q || here > before_q;
      end else begin : g_other
        assign ascends = here > seen_q[(lane-1)*ENTRY_W+:ENTRY_W];
      end

      assign wrong[lane]  = used && (!ascends || {{ '{{' }}(32 - ENTRY_W) {1'b0}}, here} >= op_value);
      assign under[lane] = used && {{ '{{' }}(32 - ENTRY_W) {1'b0}}, here} <= op_value;
    end
  endgenerate

  // Entries ascend, so those under are the first ones: their number is that of the last one set.
  reg     [COUNT_W-1:0] number_under;
  integer               n;
  always @(*) begin
    number_under = {COUNT_W{1'b0}};
    for (n = 0; n < LANES; n = n + 1) begin
      if (under[n]) number_under = n[COUNT_W-1:0] + 1'b1;
    end
  end

  // The entry that a read or write concerns.
  wire [LANE_W-1:0] place = op_index[LANE_W-1:0]{% if lane_shift == 0 %} & 1'b0{% endif %};
  wire [ENTRY_W-1:0] chosen = seen_q[place*ENTRY_W+:ENTRY_W];
  wire               oversize = |op_value[31:ID_W];

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      seen_valid_q <= 1'b0;
      bad_q        <= 1'b0;
      begun_q      <= 1'b0;
    end else begin
      seen_valid_q <= sweep_taken;
      if (state_q == IDLE) begin
        bad_q   <= 1'b0;
        begun_q <= 1'b0;
      end else if (seen_valid_q) begin
        bad_q   <= bad_q || wrong != {LANES{1'b0}};
        begun_q <= 1'b1;
      end
    end
  end

  always @(posedge clk) begin
    if (sweep_taken) begin
      seen_q       <= swept_entries;
      seen_count_q <= swept_count;
    end
    if (seen_valid_q) before_q <= seen_q[(LANES-1)*ENTRY_W+:ENTRY_W];
  end

  // ---- answers and sizes -------------------------------------------------------------------------------------------------

  wire [31:0] key_importance;
  wire [15:0] kept_now;
  wire        given = op_valid && state_q == IDLE && (op_code == RESIZE || op_code == RESET);
  wire        resized = given || (keep_taken && keep_last);
  wire [15:0] new_size = given ? op_value[15:0] : kept_now;

  always @(posedge clk) begin
    if (state_q == IDLE) answer_q <= 32'd0;
    else if (state_q == ANSWER && key_valid) answer_q <= key_importance;
    else if (seen_valid_q) begin
      if (op_code == COUNT) answer_q <= answer_q + {{ '{{' }}(32 - COUNT_W) {1'b0}}, number_under};
      else answer_q <= {{ '{{' }}(32 - ID_W) {1'b0}}, chosen[ID_W-1:0]};
    end
  end

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      tokens_q <= 16'd0;
      heads_q  <= 16'd0;
    end else begin
      if (resized && !of_heads) tokens_q <= new_size;
      if (resized && of_heads) heads_q <= new_size;
    end
  end

  // ---- words written -------------------------------------------------------------------------------------------------------

  wire [LANES*ENTRY_W-1:0] fill_entries;
  wire [LANES*ENTRY_W-1:0] store_entries;
  wire [LANES*ENTRY_W-1:0] keep_entries;
  wire [      COUNT_W-1:0] keep_count;
  wire [             31:0] fill_first = {{ '{{' }}(32 - WORD_W - 1 - SHIFT) {1'b0}},
      next_word_q{% if lane_shift > 0 %}, {SHIFT{1'b0}}{% endif %}};
  wire [             31:0] fill_after = fill_first + LANES;

  assign filled   = fill_after >= op_value;
  assign kept_now = kept_q + {{ '{{' }}(16 - COUNT_W) {1'b0}}, keep_count};

  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_write
      localparam [LANE_W-1:0] NUMBER = lane;

      assign fill_entries[lane*ENTRY_W+:ENTRY_W] = fill_first[ENTRY_W-1:0] + lane;
      assign store_entries[lane*ENTRY_W+:ENTRY_W] = (place == NUMBER) ?
          {oversize, op_value[ID_W-1:0]} : seen_q[lane*ENTRY_W+:ENTRY_W];
    end
  endgenerate

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) wr_en_q <= 1'b0;
    else begin
      wr_en_q <= (state_q == FILL && op_value != 32'd0) || state_q == STORE ||
                 (keep_taken && keep_count != {COUNT_W{1'b0}});
    end
  end

  always @(posedge clk) begin
    wr_heads_q <= of_heads;
    if (state_q == STORE) begin
      wr_word_q    <= ask_skip;
      wr_entries_q <= store_entries;
    end else begin
      wr_word_q    <= next_word_q[WORD_W-1:0];
      wr_entries_q <= (state_q == FILL) ? fill_entries : keep_entries;
    end
    if (state_q == IDLE) begin
      next_word_q <= {(WORD_W + 1) {1'b0}};
      kept_q      <= 16'd0;
    end else if (state_q == FILL || keep_taken) begin
      next_word_q <= next_word_q + 1'b1;
      kept_q      <= kept_now;
    end
  end

  // ---- importance of tokens ----------------------------------------------------------------------------------------------

  localparam [2:0] ADD_ROW   = 3'd0;
  localparam [2:0] PASS_LIST = 3'd1;
  localparam [2:0] STORE_ONE = 3'd3;
  localparam [2:0] CLEAR_ALL = 3'd4;
  localparam [2:0] SCALE_ALL = 3'd5;
  localparam [2:0] READ_ONE  = 3'd2;

  wire                   fold_words = sweeping && to_importance && !of_heads;
  wire                   push_tokens = state_q == PUSH && !of_heads;
  wire                   rows_pass = state_q == IDLE && !op_valid;
  wire                   token_ready;
  reg  [            2:0] push_code;
  wire [LANES*TOKEN_W-1:0] swept_tokens;
  {% if lanes == 1 %}
  wire [LANES*TOKEN_W-1:0] one_token = op_index[TOKEN_W-1:0];
  {% else %}
  wire [LANES*TOKEN_W-1:0] one_token = {{ '{{' }}(LANES - 1) * TOKEN_W{1'b0}}, op_index[TOKEN_W-1:0]};
  {% endif %}
  wire                   token_key_valid;
  wire                   token_key_ready;
  wire [      LANES-1:0] token_guarded;
  wire [   LANES*32-1:0] token_importances;
  wire [LANES*TOKEN_W-1:0] token_ids;
  wire [    COUNT_W-1:0] token_count;
  wire                   token_last;
  wire [           15:0] token_k;

  always @(*) begin
    case (op_code)
      CLEAR:   push_code = CLEAR_ALL;
      SCALE:   push_code = SCALE_ALL;
      SET:     push_code = STORE_ONE;
      RECALL:  push_code = of_heads ? READ_ONE : PASS_LIST;
      default: push_code = PASS_LIST;
    endcase
  end

  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_token
      assign swept_tokens[lane*TOKEN_W+:TOKEN_W] = job_entries[lane*ENTRY_W+:TOKEN_W];
    end
  endgenerate

  assign row_ready  = rows_pass && token_ready;
  assign fold_ready = token_ready;

  token_importance u_token_importance (
      .clk             (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid      (rows_pass ? row_valid : push_tokens || (fold_words && job_word_valid)),
      .push_ready      (token_ready),
      .push_code       (rows_pass ? ADD_ROW : push_tokens ? push_code : PASS_LIST),
      .push_probs      (row_probs),
      .push_count      (row_count),
      .push_last       (rows_pass ? row_last : push_tokens || job_word_last),
      .push_ids        (push_tokens ? one_token : swept_tokens),
      .push_ids_count  (push_tokens ? ONE : job_word_count),
      .push_fold       (!push_tokens),
      .push_read       (push_tokens || op_code == PRUNE),
      .push_value      (op_value),
      .push_shift      (op_value[4:0]),
      .push_k          (op_k),
      .push_guard_first(op_first),
      .push_guard_last (op_last),
      .push_length     (tokens_q[{{ tokens_w - 1 }}:0]),
      .key_valid       (token_key_valid),
      .key_ready       (token_key_ready),
      .key_guarded     (token_guarded),
      .key_importances (token_importances),
      .key_ids         (token_ids),
      .key_count       (token_count),
      .key_last        (token_last),
      .key_k           (token_k)
  );

  reg unfolded_q;
  assign unfolded = unfolded_q;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) unfolded_q <= 1'b0;
    else if (row_valid && row_ready) unfolded_q <= 1'b1;
    else if (op_ready && !of_heads && (to_importance || op_code == CLEAR)) unfolded_q <= 1'b0;
  end

  // ---- importance of heads -------------------------------------------------------------------------------------------------

  // A word of the list is taken apart, id by id.
  reg  [    COUNT_W-1:0] unpacked_q;
  wire [    COUNT_W-1:0] unpacked = unpacked_q + 1'b1;
  wire                   unpack_end = unpacked >= head_word_count;
  wire                   head_sweep = sweeping && to_importance && of_heads;
  wire                   push_heads = state_q == PUSH && of_heads;
  wire                   head_ready;
  wire [   LANES*ENTRY_W-1:0] shifted_heads = head_entries >> (unpacked_q * ENTRY_W);
  wire                   head_key_valid;
  wire                   head_key_ready;
  wire [           31:0] head_importance_word;
  wire [     HEAD_W-1:0] head_id;
  wire                   head_last;

  assign magnitude_ready = rows_pass && head_ready;
  assign unpack_ready    = head_ready && unpack_end;
  assign push_taken      = of_heads ? head_ready : token_ready;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) unpacked_q <= {COUNT_W{1'b0}};
    else if (head_sweep && head_word_valid && head_ready) begin
      unpacked_q <= unpack_end ? {COUNT_W{1'b0}} : unpacked;
    end
  end

  head_importance u_head_importance (
      .clk           (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid    (rows_pass ? magnitude_valid : push_heads || (head_sweep && head_word_valid)),
      .push_ready    (head_ready),
      .push_code     (rows_pass ? ADD_ROW : push_heads ? push_code : READ_ONE),
      .push_id       (rows_pass ? magnitude_head : push_heads ? op_index[HEAD_W-1:0] :
                      shifted_heads[HEAD_W-1:0]),
      .push_value    (rows_pass ? magnitude_value : op_value),
      .push_shift    (op_value[4:0]),
      .push_last     (push_heads || (unpack_end && head_word_last)),
      .key_valid     (head_key_valid),
      .key_ready     (head_key_ready),
      .key_importance(head_importance_word),
      .key_id        (head_id),
      .key_last      (head_last)
  );

  assign key_valid      = of_heads ? head_key_valid : token_key_valid;
  assign key_importance = of_heads ? head_importance_word : token_importances[31:0];

  // ---- pruning: one top-k engine for both ------------------------------------------------------------------------------------

  wire                        packed_valid;
  wire                        packed_ready;
  wire [LANES*(32+HEAD_W)-1:0] packed_keys;
  wire [         COUNT_W-1:0] packed_count;
  wire                        packed_last;
  wire                        unused_user;
  wire                        packer_ready;
  wire                        pruning = op_valid && op_code == PRUNE;
  wire                        engine_ready;
  wire [        LANES*33-1:0] engine_keys;
  wire [      LANES*ID_W-1:0] engine_ids;
  wire [        LANES*33-1:0] unused_keys;
  wire [      LANES*ID_W-1:0] kept_ids;
  wire                        unused_pass;

  assign head_key_ready  = pruning ? packer_ready : 1'b1;
  assign token_key_ready = pruning ? engine_ready : 1'b1;
  assign packed_ready    = engine_ready;

  lane_gearbox #(
      .IN_LANES (1),
      .OUT_LANES(LANES),
      .DATA_W   (32 + HEAD_W),
      .USER_W   (1)
  ) u_packer (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(head_key_valid && pruning),
      .push_ready(packer_ready),
      .push_data ({head_id, head_importance_word}),
      .push_count(1'b1),
      .push_last (head_last),
      .push_width(WHOLE),
      .push_user (1'b0),
      .pop_valid (packed_valid),
      .pop_ready (packed_ready),
      .pop_data  (packed_keys),
      .pop_count (packed_count),
      .pop_last  (packed_last),
      .pop_user  (unused_user)
  );

  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_key
      wire [32+HEAD_W-1:0] of_head = packed_keys[lane*(32+HEAD_W)+:32+HEAD_W];
      wire [  ID_W-1:0] head_number = {{ '{' }}{% if id_w > head_w %}{{ '{' }}(ID_W - HEAD_W) {1'b0}}, {% endif %}of_head[32+:HEAD_W]};
      wire [  ID_W-1:0] token_number = {{ '{' }}{% if id_w > token_w %}{{ '{' }}(ID_W - TOKEN_W) {1'b0}}, {% endif %}token_ids[lane*TOKEN_W+:TOKEN_W]};

      assign engine_keys[lane*33+:33] = of_heads ? {1'b0, of_head[31:0]} :
          {token_guarded[lane], token_importances[lane*32+:32]};
      assign engine_ids[lane*ID_W+:ID_W] = of_heads ? head_number : token_number;
      assign keep_entries[lane*ENTRY_W+:ENTRY_W] = {1'b0, kept_ids[lane*ID_W+:ID_W]};
    end
  endgenerate

  topk_engine #(
      .KEY_W      (33),
      .PAYLOAD_W  (ID_W),
      .MAX_ROW    ({{ list_most }}),
      .UNITS      (1),
      .BUFFER_ROWS(1)
  ) u_topk_engine (
      .clk          (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid   (of_heads ? packed_valid : token_key_valid && pruning),
      .push_ready   (engine_ready),
      .push_keys    (engine_keys),
      .push_payloads(engine_ids),
      .push_count   (of_heads ? packed_count : token_count),
      .push_last    (of_heads ? packed_last : token_last),
      .push_k       (of_heads ? op_k : token_k),
      .pop_valid    (keep_taken),
      .pop_ready    (1'b1),
      .pop_keys     (unused_keys),
      .pop_payloads (kept_ids),
      .pop_count    (keep_count),
      .pop_last     (keep_last),
      .pass_start   (unused_pass)
  );

  wire unused = &{1'b0, op_index, all, chosen, shifted_heads, id_entries, query_entries};

endmodule
