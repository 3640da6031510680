// Purpose      accumulates the importance of the tokens: unsigned 32 bits, saturating (paper, section III-A). The
//              probabilities of a row are added up by position in the list of kept tokens, {{ lanes }} of them a cycle, since
//              positions meet no bank conflicts; a sweep over the list then folds the sums of the positions into
//              importance by token id, {{ banks }} ids a word, and hands the keys to the top-k engine.
// Codes        one beat of push is one operation, and operations take effect in the order of the stream:
//              - 0, row: probs, lanes 0 to count-1, are added to the sums of the next positions. The first beat of a row
//                is on positions 0 to {{ lanes - 1 }}, and last marks its last beat. A beat may hold no probability.
//              - 1, sweep: ids, lanes 0 to ids_count-1, are the tokens at the next {{ banks }} positions of a list, which begins
//                at position 0. Every word but the one with last is full; a list of no tokens is one word of no ids. With
//                fold, the sum of each position is added to the importance of its id, and becomes 0. With read, the
//                importance of the ids, after a fold of the same word, is offered on key as a word of its own.
//              - 3, write: the importance of ids, lane 0, becomes value.
//              - 4, clear: all importance and the sums of all positions become 0.
//              - 5, scale: all importance is shifted right by shift (0 to 31), rounded down.
//              - Others change nothing.
// Fields       that an operation does not name do not matter. Ids may come in any order, and more than once: an id that
//              comes twice in a word is folded and read twice, lower lane first. Rows and sweeps count their positions apart.
// Sums         stay over any number of rows and layers until they are folded. They are importance not yet in its place:
//              as long as there are any, do not write, scale, or read without fold, and do not change the list. With
//              SPATTEN_CHECKS defined, an operation that breaks this is reported. A sum saturates at SUM_W bits.
// Guards       key_guarded marks what a prune must keep: the first push_guard_first and the last push_guard_last of the
//              push_length tokens of the list that is read. key_k is the number that then stays: push_k, or the number of
//              guarded positions where that is more, each counted once. The key_k largest of {key_guarded,
//              key_importance} are the tokens kept. push_k, both guards and push_length stand still over the list.
// Protocol     valid/ready on both sides: valid never waits for ready, and a payload offered stays until it is taken.
//              push_ready of a read waits for room on the key side, that of other operations does not.
// Latency      the word read by a beat accepted in cycle t is offered in cycle t+{{ latency }}, and later by each cycle that the
//              word takes beyond one.
// Throughput   one operation every cycle, on equal positions and ids back to back too, but for two: the ids of a sweep
//              live in {{ banks }} bank{% if banks != 1 %}s, id mod {{ banks }},{% else %},{% endif %} and a word takes as many cycles as ids in its busiest bank: 1 where the
//              list is dense. A clear or a scale, and a reset, take {{ words }} cycle{% if words != 1 %}s{% endif %}.
// Reset        clears all importance and all sums.

module token_importance #(
    parameter SUM_W = 32  // bits of a position's sum, at least {{ prob_w }} and at most 32
) (
    input  wire        clk,
    input  wire        {{ rst.port }},

    input  wire        push_valid,
    output wire        push_ready,
    input  wire [ 2:0] push_code,
    input  wire [{{ lanes * prob_w - 1 }}:0] push_probs,
    input  wire [{{ count_w - 1 }}:0] push_count,
    input  wire        push_last,
    input  wire [{{ banks * id_w - 1 }}:0] push_ids,
    input  wire [{{ ids_count_w - 1 }}:0] push_ids_count,
    input  wire        push_fold,
    input  wire        push_read,
    input  wire [31:0] push_value,
    input  wire [ 4:0] push_shift,
    input  wire [15:0] push_k,
    input  wire [15:0] push_guard_first,
    input  wire [15:0] push_guard_last,
    input  wire [{{ length_w - 1 }}:0] push_length,

    output wire        key_valid,
    input  wire        key_ready,
    output wire [{{ banks - 1 }}:0] key_guarded,
    output wire [{{ banks * 32 - 1 }}:0] key_importances,
    output wire [{{ banks * id_w - 1 }}:0] key_ids,
    output wire [{{ ids_count_w - 1 }}:0] key_count,
    output wire        key_last,
    output wire [15:0] key_k
);

  localparam [2:0] ROW   = 3'd0;
  localparam [2:0] SWEEP = 3'd1;
  localparam [2:0] WRITE = 3'd3;
  localparam [2:0] CLEAR = 3'd4;
  localparam [2:0] SCALE = 3'd5;

  localparam LANES        = {{ lanes }};  // probabilities of a beat
  localparam BANKS        = {{ banks }};  // ids of a word
  localparam SUM_LANES    = {{ sum_lanes }};  // positions of a word of sums: the larger of the two
  localparam PROB_W       = {{ prob_w }};
  localparam COUNT_W      = {{ count_w }};  // bits of a count, 0 to LANES
  localparam IDS_COUNT_W  = {{ ids_count_w }};  // bits of a count, 0 to BANKS
  localparam ID_W         = {{ id_w }};
  {% if banks > 1 %}
  localparam BANK_W       = {{ bank_w }};  // bits of an id that name its bank; the others are its address
  {% endif %}
  localparam WORDS        = {{ words }};  // of BANKS ids
  localparam DEPTH        = (WORDS > 2) ? WORDS : 2;
  localparam ADDR_W       = {{ addr_w }};  // bits of a word's number
  localparam SUM_WORDS    = {{ sum_words }};
  localparam SUM_DEPTH    = (SUM_WORDS > 2) ? SUM_WORDS : 2;
  localparam SUM_ADDR_W   = {{ sum_addr_w }};
  localparam BEAT_W       = {{ beat_w }};  // bits of a beat's number
  localparam LENGTH_W     = {{ length_w }};  // bits of a list's length
  localparam IMPORTANCE_W = 32;
  localparam RAM_LATENCY  = {{ config.ram_latency }};
  localparam BEFORE_LAST  = (WORDS > 1) ? WORDS - 2 : 0;
  localparam KEY_DEPTH    = {{ key_places }};  // words read, under way or waiting; enough for one every cycle
  localparam KEY_COUNT_W  = $clog2(KEY_DEPTH + 1);

  localparam [ADDR_W-1:0] BEFORE_LAST_WORD = BEFORE_LAST[ADDR_W-1:0];
  localparam [KEY_COUNT_W-1:0] KEY_PLACES = KEY_DEPTH[KEY_COUNT_W-1:0];
  localparam [KEY_COUNT_W-1:0] ONE_PLACE = {{(KEY_COUNT_W - 1){1'b0}}, 1'b1};

  genvar lane;
  genvar other;
  {% if banks > 1 %}
  genvar bank;
  {% endif %}

  // ---- stage 1: the operation, which takes more than one cycle if ids of a word meet in a bank ---------------

  reg                     valid_q;
  reg                     more_q;  // the operation is not over with this cycle
  reg  [             2:0] code_q;
  reg  [LANES*PROB_W-1:0] probs_q;
  reg  [     COUNT_W-1:0] count_q;
  reg                     last_q;
  reg  [  BANKS*ID_W-1:0] ids_q;
  reg  [ IDS_COUNT_W-1:0] ids_count_q;
  reg                     fold_q;
  reg                     read_q;
  reg  [            31:0] value_q;
  reg  [             4:0] shift_q;
  reg  [       BANKS-1:0] lanes_q;  // ids in this cycle: of those left, the first of each bank
  reg  [       BANKS-1:0] left_q;  // ids in the cycles to come
  reg  [      ADDR_W-1:0] walk_word_q;  // a clear or a scale walks over all words
  reg  [ KEY_COUNT_W-1:0] places_q;  // words that may still be read
  reg                     room_q;  // places_q is not 0

  wire is_sweep = push_code == SWEEP;
  wire is_walk = push_code == CLEAR || push_code == SCALE;
  wire is_read = is_sweep && push_read;
  wire push = push_valid && push_ready;

  assign push_ready = !more_q && (!is_read || room_q);

  wire row = valid_q && code_q == ROW;
  wire sweep = valid_q && code_q == SWEEP;
  wire write = valid_q && code_q == WRITE;
  wire clear = valid_q && code_q == CLEAR;
  wire scale = valid_q && code_q == SCALE;
  wire fold = sweep && fold_q;
  wire walk = clear || scale;

  // Of the ids asked for, those that share a bank with one in a lower lane are late. Only a sweep asks for more than one.
  wire [BANKS-1:0] word_lanes = ~({BANKS{1'b1}} << push_ids_count);
  {% if banks == 1 %}
  wire [BANKS-1:0] push_lanes = (is_sweep && word_lanes) || push_code == WRITE;
  {% else %}
  wire [BANKS-1:0] push_lanes = ({BANKS{is_sweep}} & word_lanes)
                              | {{(BANKS - 1){1'b0}}, push_code == WRITE};
  {% endif %}
  wire [BANKS-1:0] push_blocked;
  wire [BANKS-1:0] left_blocked;
  wire [BANKS-1:0] push_late = {BANKS{is_sweep}} & word_lanes & push_blocked;
  wire [BANKS-1:0] left_late = left_q & left_blocked;

  generate
    for (lane = 0; lane < BANKS; lane = lane + 1) begin : g_order
      if (lane == 0) begin : g_first
        assign push_blocked[lane] = 1'b0;
        assign left_blocked[lane] = 1'b0;
      end else begin : g_behind
        wire [lane-1:0] same;  // lanes ahead with an id in the same bank
        reg  [lane-1:0] same_q;

        for (other = 0; other < lane; other = other + 1) begin : g_same
          {% if banks > 1 %}
          assign same[other] = push_ids[lane*ID_W+:BANK_W] == push_ids[other*ID_W+:BANK_W];
          {% else %}
          assign same[other] = 1'b1;
          {% endif %}
        end

        always @(posedge clk) begin
          if (push) same_q <= same;
        end

        assign push_blocked[lane] = same != {lane{1'b0}};
        assign left_blocked[lane] = (same_q & left_q[lane-1:0]) != {lane{1'b0}};
      end
    end
  endgenerate

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      valid_q     <= 1'b1;
      more_q      <= WORDS > 1;
      code_q      <= CLEAR;
      left_q      <= {BANKS{1'b0}};
      walk_word_q <= {ADDR_W{1'b0}};
    end else begin
      valid_q <= push || more_q;
      left_q  <= push ? push_late : left_late;
      if (push) begin
        more_q      <= is_walk ? WORDS > 1 : push_late != {BANKS{1'b0}};
        code_q      <= push_code;
        walk_word_q <= {ADDR_W{1'b0}};
      end else if (more_q) begin
        more_q      <= walk ? walk_word_q != BEFORE_LAST_WORD : left_late != {BANKS{1'b0}};
        walk_word_q <= walk_word_q + 1'b1;
      end
    end
  end

  always @(posedge clk) begin
    lanes_q <= push ? push_lanes & ~push_blocked : left_q & ~left_blocked;
    if (push) begin
      probs_q     <= push_probs;
      count_q     <= push_count;
      last_q      <= push_last;
      ids_q       <= push_ids;
      ids_count_q <= push_ids_count;
      fold_q      <= push_fold;
      read_q      <= push_read;
      value_q     <= push_value;
      shift_q     <= push_shift;
    end
  end

  // Positions: the number of a row's beat, and of a list's word.
  reg [BEAT_W-1:0] row_beat_q;
  reg [ADDR_W-1:0] sweep_word_q;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      row_beat_q   <= {BEAT_W{1'b0}};
      sweep_word_q <= {ADDR_W{1'b0}};
    end else begin
      if (row) row_beat_q <= last_q ? {BEAT_W{1'b0}} : row_beat_q + 1'b1;
      if (sweep && !more_q) sweep_word_q <= last_q ? {ADDR_W{1'b0}} : sweep_word_q + 1'b1;
    end
  end

  // A walk is a sweep over all ids: those of word w are w*BANKS and on.
  wire [BANKS-1:0] lanes = lanes_q | {BANKS{walk}};
  wire [BANKS*ID_W-1:0] ids;
  wire [ADDR_W-1:0] word = walk ? walk_word_q : sweep_word_q;

  generate
    for (lane = 0; lane < BANKS; lane = lane + 1) begin : g_walk
      {% if banks == 1 %}
      wire [ID_W-1:0] own = walk_word_q;
      {% else %}
      localparam [31:0] LANE = lane;
      {% if words == 1 %}
      wire [ID_W-1:0] own = LANE[ID_W-1:0];
      {% else %}
      wire [ID_W-1:0] own = {walk_word_q, LANE[BANK_W-1:0]};
      {% endif %}
      {% endif %}

      assign ids[lane*ID_W+:ID_W] = walk ? own : ids_q[lane*ID_W+:ID_W];
    end
  endgenerate

  // ---- sums by position: from stage 1 until they leave in stage RAM_LATENCY+2 ---------------------------------

  // Rows add; a fold takes the sums of its lanes; a clear takes all. What is taken leaves 0.
  {% if banks > lanes %}
  // A word of sums has room for {{ parts }} beats.
  wire [{{ part_w - 1 }}:0] row_part = row_beat_q[{{ part_w - 1 }}:0];
  {% endif %}
  {% if lanes > banks %}
  // A word of sums is {{ parts }} words of a list.
  wire [{{ part_w - 1 }}:0] part = word[{{ part_w - 1 }}:0];
  {% endif %}
  wire [SUM_ADDR_W-1:0] row_addr = {% if banks <= lanes %}row_beat_q{% elif sum_words == 1 %}1'b0{% else %}row_beat_q[BEAT_W-1:{{ part_w }}]{% endif %};
  wire [SUM_ADDR_W-1:0] word_addr = {% if lanes <= banks %}word{% elif sum_words == 1 %}1'b0{% else %}word[ADDR_W-1:{{ part_w }}]{% endif %};
  wire takes = fold || clear;
  wire [LANES-1:0] in_use = ~({LANES{1'b1}} << count_q);
  wire [SUM_LANES-1:0] adding;
  wire [SUM_LANES-1:0] taking;

  localparam EDIT_W = LANES * PROB_W + 2 * SUM_LANES;

  reg  [(RAM_LATENCY+1)*EDIT_W-1:0] edits_q;
  wire [          LANES*PROB_W-1:0] edit_probs;
  wire [             SUM_LANES-1:0] edit_adding;
  wire [             SUM_LANES-1:0] edit_taking;
  wire [       SUM_LANES*SUM_W-1:0] old_sums;
  wire [       SUM_LANES*SUM_W-1:0] new_sums;

  assign {edit_probs, edit_adding, edit_taking} = edits_q[RAM_LATENCY*EDIT_W+:EDIT_W];

  always @(posedge clk) begin
    edits_q <= {edits_q[RAM_LATENCY*EDIT_W-1:0], probs_q, adding, taking};
  end

  rmw_ram #(
      .WIDTH (SUM_LANES * SUM_W),
      .DEPTH (SUM_DEPTH),
      .ADDR_W(SUM_ADDR_W)
  ) u_sums (
      .clk     (clk),
      .{{ rst.port }}({{ rst.port }}),
      .op_valid((row && count_q != {COUNT_W{1'b0}}) || (takes && lanes != {BANKS{1'b0}})),
      .op_addr (row ? row_addr : word_addr),
      .edit_old(old_sums),
      .edit_new(new_sums)
  );

  generate
    for (lane = 0; lane < SUM_LANES; lane = lane + 1) begin : g_sum
      {% if lanes != banks %}
      localparam [31:0] PART = lane / {% if banks > lanes %}LANES{% else %}BANKS{% endif %};

      {% endif %}
      wire [ SUM_W-1:0] base = old_sums[lane*SUM_W+:SUM_W] & ~{SUM_W{edit_taking[lane]}};
      wire [PROB_W-1:0] prob = edit_probs[(lane%LANES)*PROB_W+:PROB_W];
      wire [PROB_W-1:0] added = prob & {PROB_W{edit_adding[lane]}};
      wire [   SUM_W:0] sum = {1'b0, base} + {{(SUM_W + 1 - PROB_W){1'b0}}, added};

      assign new_sums[lane*SUM_W+:SUM_W] = sum[SUM_W-1:0] | {SUM_W{sum[SUM_W]}};
      {% if banks > lanes %}
      assign adding[lane] = row && in_use[lane%LANES] && row_part == PART[{{ part_w - 1 }}:0];
      {% else %}
      assign adding[lane] = row && in_use[lane];
      {% endif %}
      {% if lanes > banks %}
      assign taking[lane] = takes && lanes[lane%BANKS] && part == PART[{{ part_w - 1 }}:0];
      {% else %}
      assign taking[lane] = takes && lanes[lane];
      {% endif %}
    end
  endgenerate

  // ---- what the importance of each lane grows by ---------------------------------------------------------------

  {% if lanes > banks %}
  localparam AMOUNT_W = 1 + IMPORTANCE_W + {{ part_w }};
  {% else %}
  localparam AMOUNT_W = 1 + IMPORTANCE_W;
  {% endif %}

  reg  [(RAM_LATENCY+1)*AMOUNT_W-1:0] amount_q;
  wire                                edit_fold;
  wire [            IMPORTANCE_W-1:0] edit_value;
  wire [             BANKS*SUM_W-1:0] swept_sums;
  {% if lanes > banks %}
  wire [{{ part_w - 1 }}:0] edit_part;

  assign {edit_fold, edit_part, edit_value} = amount_q[RAM_LATENCY*AMOUNT_W+:AMOUNT_W];
  assign swept_sums = old_sums[edit_part*(BANKS*SUM_W)+:BANKS*SUM_W];
  {% else %}

  assign {edit_fold, edit_value} = amount_q[RAM_LATENCY*AMOUNT_W+:AMOUNT_W];
  assign swept_sums = old_sums;
  {% endif %}

  always @(posedge clk) begin
    amount_q <= {
      amount_q[RAM_LATENCY*AMOUNT_W-1:0],
      fold,
      {% if lanes > banks %}
      part,
      {% endif %}
      value_q & {IMPORTANCE_W{write}}
    };
  end

  reg [BANKS*IMPORTANCE_W-1:0] amounts_q;

  generate
    for (lane = 0; lane < BANKS; lane = lane + 1) begin : g_amount
      wire [       SUM_W-1:0] sum = swept_sums[lane*SUM_W+:SUM_W] & {SUM_W{edit_fold}};
      reg  [IMPORTANCE_W-1:0] amount;

      always @(*) begin
        amount = (lane == 0) ? edit_value : {IMPORTANCE_W{1'b0}};
        amount[SUM_W-1:0] = amount[SUM_W-1:0] | sum;
      end

      always @(posedge clk) begin
        amounts_q[lane*IMPORTANCE_W+:IMPORTANCE_W] <= amount;
      end
    end
  endgenerate

  // ---- from lanes to banks: in stage RAM_LATENCY+3 ----------------------------------------------------------------

  // An operation comes here after it has passed the sums, so that the order is kept.
  localparam STAGES = RAM_LATENCY + 2;
  localparam OP_W   = BANKS + BANKS * ID_W + 8;

  reg  [       STAGES:1] op_valid_q;
  reg  [STAGES*OP_W-1:0] op_q;

  wire [      BANKS-1:0] op_lanes;
  wire [ BANKS*ID_W-1:0] op_ids;
  wire                   op_read;  // with the word's last ids
  wire                   op_zero;
  wire                   op_scale;
  wire [            4:0] op_shift;

  assign {op_lanes, op_ids, op_read, op_zero, op_scale, op_shift} = op_q[(STAGES-1)*OP_W+:OP_W];

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) op_valid_q <= {STAGES{1'b0}};
    else op_valid_q <= {op_valid_q[STAGES-1:1], sweep || write || walk};
  end

  always @(posedge clk) begin
    op_q <= {
      op_q[(STAGES-1)*OP_W-1:0],
      lanes,
      ids,
      sweep && read_q && !more_q,
      write || clear,
      scale,
      shift_q
    };
  end

  // The lane that each bank serves is found a stage ahead.
  reg  [             BANKS-1:0] bank_valid_q;
  wire [      BANKS*ADDR_W-1:0] bank_addr;
  wire [BANKS*IMPORTANCE_W-1:0] bank_amount;
  wire [BANKS*IMPORTANCE_W-1:0] bank_values;

  {% if banks == 1 %}
  assign bank_addr   = op_ids;
  assign bank_amount = amounts_q;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) bank_valid_q <= 1'b0;
    else bank_valid_q <= op_valid_q[STAGES-1] && op_q[(STAGES-1)*OP_W-1];
  end
  {% else %}
  wire [     BANKS-1:0] next_lanes;
  wire [BANKS*ID_W-1:0] next_ids;

  assign {next_lanes, next_ids} = op_q[(STAGES-2)*OP_W+8+:OP_W-8];

  {% if words > 1 %}
  // Words of the lanes, apart by a power of two: what chooses between them is a plain multiplexer.
  localparam SPACING = 16;

  wire [BANKS*SPACING-1:0] op_words;

  {% endif %}
  generate
    {% if words > 1 %}
    for (lane = 0; lane < BANKS; lane = lane + 1) begin : g_word
      assign op_words[lane*SPACING+:SPACING] =
          {{(SPACING - ADDR_W){1'b0}}, op_ids[lane*ID_W+BANK_W+:ADDR_W]};
    end

    {% endif %}
    for (bank = 0; bank < BANKS; bank = bank + 1) begin : g_bank
      localparam [31:0] BANK = bank;

      reg               hit;
      reg  [BANK_W-1:0] source;
      reg  [BANK_W-1:0] source_q;
      integer           i;

      always @(*) begin
        hit    = 1'b0;
        source = {BANK_W{1'b0}};
        for (i = 0; i < BANKS; i = i + 1) begin
          if (next_lanes[i] && next_ids[i*ID_W+:BANK_W] == BANK[BANK_W-1:0]) begin
            hit    = 1'b1;
            source = source | i[BANK_W-1:0];
          end
        end
      end

      always @(posedge clk{{ rst.edge }}) begin
        if ({{ rst.active }}) bank_valid_q[bank] <= 1'b0;
        else bank_valid_q[bank] <= op_valid_q[STAGES-1] && hit;
      end

      always @(posedge clk) begin
        source_q <= source;
      end

      {% if words == 1 %}
      assign bank_addr[bank*ADDR_W+:ADDR_W] = {ADDR_W{1'b0}};
      {% else %}
      assign bank_addr[bank*ADDR_W+:ADDR_W] = op_words[source_q*SPACING+:ADDR_W];
      {% endif %}
      assign bank_amount[bank*IMPORTANCE_W+:IMPORTANCE_W] =
          amounts_q[source_q*IMPORTANCE_W+:IMPORTANCE_W];
    end
  endgenerate
  {% endif %}

  importance_store #(
      .BANKS (BANKS),
      .DEPTH (DEPTH),
      .ADDR_W(ADDR_W)
  ) u_store (
      .clk      (clk),
      .{{ rst.port }}({{ rst.port }}),
      .op_valid (bank_valid_q),
      .op_addr  (bank_addr),
      .op_zero  (op_zero),
      .op_scale (op_scale),
      .op_shift (op_shift),
      .op_amount(bank_amount),
      .values   (bank_values)
  );

  // ---- from banks to lanes: in stage 2*RAM_LATENCY+5, until the word is whole --------------------------------------

  {% if banks == 1 %}
  localparam BACK_W = BANKS;
  {% else %}
  localparam BACK_W = BANKS + BANKS * BANK_W;
  {% endif %}

  reg  [              STAGES:0] back_read_q;
  reg  [     STAGES*BACK_W-1:0] back_q;
  reg  [BANKS*IMPORTANCE_W-1:0] importances_q;
  wire [             BANKS-1:0] back_lanes;
  {% if banks > 1 %}
  wire [      BANKS*BANK_W-1:0] op_banks;
  wire [      BANKS*BANK_W-1:0] back_banks;

  assign {back_lanes, back_banks} = back_q[(STAGES-1)*BACK_W+:BACK_W];
  {% else %}

  assign back_lanes = back_q[(STAGES-1)*BACK_W+:BACK_W];
  {% endif %}

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) back_read_q <= {(STAGES + 1){1'b0}};
    else back_read_q <= {back_read_q[STAGES-1:0], op_valid_q[STAGES] && op_read};
  end

  always @(posedge clk) begin
    {% if banks > 1 %}
    back_q <= {back_q[(STAGES-1)*BACK_W-1:0], op_lanes, op_banks};
    {% else %}
    back_q <= {back_q[(STAGES-1)*BACK_W-1:0], op_lanes};
    {% endif %}
  end

  generate
    for (lane = 0; lane < BANKS; lane = lane + 1) begin : g_back
      {% if banks > 1 %}
      wire [BANK_W-1:0] from = back_banks[lane*BANK_W+:BANK_W];

      assign op_banks[lane*BANK_W+:BANK_W] = op_ids[lane*ID_W+:BANK_W];
      {% endif %}

      always @(posedge clk) begin
        if (back_lanes[lane]) begin
          importances_q[lane*IMPORTANCE_W+:IMPORTANCE_W] <=
              bank_values{% if banks > 1 %}[from*IMPORTANCE_W+:IMPORTANCE_W]{% endif %};
        end
      end
    end
  endgenerate

  // ---- guards ------------------------------------------------------------------------------------------------

  // Stage 1, once a word: the position where the last guard_last begin, all positions if there are no others.
  localparam GUARD_W = 17;  // bits of the sum of two 16-bit numbers

  reg  [       15:0] s1_first_q;
  reg  [       15:0] s1_begin_q;
  reg  [GUARD_W-1:0] s1_guards_q;
  reg  [GUARD_W-1:0] s1_length_q;
  reg  [       15:0] s1_k_q;

  wire [GUARD_W-1:0] length = {{(GUARD_W - LENGTH_W){1'b0}}, push_length};
  wire [GUARD_W-1:0] others = length - {1'b0, push_guard_last};

  always @(posedge clk) begin
    if (push) begin
      s1_first_q  <= push_guard_first;
      s1_begin_q  <= others[15:0] & ~{16{others[GUARD_W-1]}};
      s1_guards_q <= {1'b0, push_guard_first} + {1'b0, push_guard_last};
      s1_length_q <= length;
      s1_k_q      <= push_k;
    end
  end

  // Stage 2: the guards cut the list at a word and at a lane in it. Guards that overlap cover the whole list, no more.
  localparam CUT_W = 16{% if bank_w != 0 %} - {{ bank_w }}{% endif %};  // bits of a word's number, of positions of 16 bits

  wire [CUT_W-1:0] position_word = {{(CUT_W - ADDR_W){1'b0}}, sweep_word_q};
  wire [CUT_W-1:0] first_word = s1_first_q[15-:CUT_W];
  wire [CUT_W-1:0] begin_word = s1_begin_q[15-:CUT_W];
  {% if banks == 1 %}
  wire [BANKS-1:0] before_first = 1'b0;
  wire [BANKS-1:0] before_begin = 1'b0;
  {% else %}
  wire [BANKS-1:0] before_first = ~({BANKS{1'b1}} << s1_first_q[BANK_W-1:0]);
  wire [BANKS-1:0] before_begin = ~({BANKS{1'b1}} << s1_begin_q[BANK_W-1:0]);
  {% endif %}

  reg  [   BANKS-1:0] s2_guarded_q;
  reg  [ GUARD_W-1:0] s2_guards_q;
  reg  [        15:0] s2_k_q;

  always @(posedge clk) begin
    s2_guarded_q <= {BANKS{position_word < first_word || position_word > begin_word}} |
                    ({BANKS{position_word == first_word}} & before_first) |
                    ({BANKS{position_word == begin_word}} & ~before_begin);
    s2_guards_q  <= (s1_guards_q < s1_length_q) ? s1_guards_q : s1_length_q;
    s2_k_q       <= s1_k_q;
  end

  wire [15:0] s2_stay = (s2_guards_q > {1'b0, s2_k_q}) ? s2_guards_q[15:0] : s2_k_q;

  // ---- keys: what is known of a word from the start waits for its importance -----------------------------------

  wire given = key_valid && key_ready;
  wire read = push && is_read;

  reg                   label_valid_q;
  reg [IDS_COUNT_W-1:0] label_count_q;
  reg                   label_last_q;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      label_valid_q <= 1'b0;
      places_q      <= KEY_PLACES;
      room_q        <= 1'b1;
    end else begin
      label_valid_q <= sweep && read_q && !more_q;
      if (read && !given) begin
        places_q <= places_q - 1'b1;
        room_q   <= places_q != ONE_PLACE;
      end
      if (given && !read) begin
        places_q <= places_q + 1'b1;
        room_q   <= 1'b1;
      end
    end
  end

  always @(posedge clk) begin
    label_count_q <= ids_count_q;
    label_last_q  <= last_q;
  end

  // There is room, since a read has a place from its acceptance on; a word's label is there before its importance.
  wire unused_labels_ready;
  wire unused_labels_valid;
  wire unused_importances_ready;

  stream_fifo #(
      .WIDTH(16 + 1 + IDS_COUNT_W + BANKS + BANKS * ID_W),
      .DEPTH(KEY_DEPTH)
  ) u_labels (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(label_valid_q),
      .push_ready(unused_labels_ready),
      .push_data ({s2_stay, label_last_q, label_count_q, s2_guarded_q, op_q[8+:BANKS*ID_W]}),
      .pop_valid (unused_labels_valid),
      .pop_ready (given),
      .pop_data  ({key_k, key_last, key_count, key_guarded, key_ids})
  );

  stream_fifo #(
      .WIDTH(BANKS * IMPORTANCE_W),
      .DEPTH(KEY_DEPTH)
  ) u_importances (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(back_read_q[STAGES]),
      .push_ready(unused_importances_ready),
      .push_data (importances_q),
      .pop_valid (key_valid),
      .pop_ready (key_ready),
      .pop_data  (key_importances)
  );

`ifdef SPATTEN_CHECKS
  // Positions from 0 on that may hold sums.
  reg  [31:0] unfolded_q;
  wire [31:0] row_start = LANES * {{(32 - BEAT_W){1'b0}}, row_beat_q};
  wire [31:0] row_end = row_start + {{(32 - COUNT_W){1'b0}}, count_q};
  wire [31:0] fold_start = BANKS * {{(32 - ADDR_W){1'b0}}, sweep_word_q};
  wire [31:0] fold_end = fold_start + {{(32 - IDS_COUNT_W){1'b0}}, ids_count_q};
  wire in_place_only = (sweep && read_q && !fold_q) || write || scale;

  always @(posedge clk) begin
    if (clear) unfolded_q <= 32'd0;
    else if (row && count_q != {COUNT_W{1'b0}} && row_end > unfolded_q) unfolded_q <= row_end;
    else if (fold && !more_q && ids_count_q != {IDS_COUNT_W{1'b0}} && fold_end >= unfolded_q) begin
      unfolded_q <= 32'd0;
    end

    if (in_place_only && unfolded_q != 32'd0) begin
      $display("CHECK %m: operation %0d while %0d positions hold sums", code_q, unfolded_q);
    end
    if (sweep && !last_q && ids_count_q != BANKS[IDS_COUNT_W-1:0]) begin
      $display("CHECK %m: a word of %0d ids in the middle of a list", ids_count_q);
    end
  end
`endif

endmodule
