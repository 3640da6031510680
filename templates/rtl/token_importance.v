// Purpose      accumulates the importance of the tokens: unsigned 32 bits, saturating (paper, section III-A). The
//              probabilities of a row are added up by position in the list of kept tokens, {{ lanes }} of them a cycle, since
//              positions meet no bank conflicts; the sums of the positions are then folded into importance by token id.
// Codes        one beat of push is one operation, and operations take effect in the order of the stream:
//              - 0, row: probs, lanes 0 to count-1, are added to the sums of the next positions. The first beat of a row
//                is on positions 0 to {{ lanes - 1 }}, and last marks its last beat. A beat may hold no probability.
//              - 1, fold: the sum of the next position is added to the importance of id, and becomes 0. The list of kept
//                tokens is sent in order, from position 0 on, the last one with last.
//              - 2, read: the importance of id is offered on key, with id and last as they came.
//              - 3, write: the importance of id becomes value.
//              - 4, clear: all importance and the sums of all positions become 0.
//              - 5, scale: all importance is shifted right by shift (0 to 31), rounded down.
//              - Others change nothing.
// Fields       that an operation does not name do not matter. A list that is folded or read has one id at least; ids may
//              come in any order, and more than once. Rows, folds and reads count their positions apart.
// Sums         stay over any number of rows and layers until they are folded. They are importance not yet in its place:
//              as long as there are any, do not read, write or scale, and do not change the list. With SPATTEN_CHECKS
//              defined, an operation that breaks this is reported. A sum saturates at SUM_W bits.
// Guards       key_guarded marks what a prune must keep: the first push_guard_first and the last push_guard_last of the
//              push_length tokens of the list that is read. key_k is the number that then stays: push_k, or the number of
//              guarded positions where that is more, each counted once. The key_k largest of {key_guarded,
//              key_importance} are the tokens kept. push_k, both guards and push_length stand still over the list.
// Protocol     valid/ready on both sides: valid never waits for ready, and a payload offered stays until it is taken.
//              push_ready of a read waits for room on the key side, that of other operations does not.
// Latency      the importance read by a beat accepted in cycle t is offered in cycle t+{{ latency }}.
// Throughput   one operation every cycle, on equal positions and ids back to back too; nothing is accepted in the {{ words }}
//              cycles after a clear, a scale or a reset.
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
    input  wire [{{ id_w - 1 }}:0] push_id,
    input  wire [31:0] push_value,
    input  wire [ 4:0] push_shift,
    input  wire [15:0] push_k,
    input  wire [15:0] push_guard_first,
    input  wire [15:0] push_guard_last,
    input  wire [{{ length_w - 1 }}:0] push_length,

    output wire        key_valid,
    input  wire        key_ready,
    output wire        key_guarded,
    output wire [31:0] key_importance,
    output wire [{{ id_w - 1 }}:0] key_id,
    output wire        key_last,
    output wire [15:0] key_k
);

  localparam [2:0] ROW   = 3'd0;
  localparam [2:0] FOLD  = 3'd1;
  localparam [2:0] READ  = 3'd2;
  localparam [2:0] WRITE = 3'd3;
  localparam [2:0] CLEAR = 3'd4;
  localparam [2:0] SCALE = 3'd5;

  localparam LANES       = {{ lanes }};
  localparam PROB_W      = {{ prob_w }};
  localparam COUNT_W     = {{ count_w }};  // bits of a count, 0 to LANES
  localparam ID_W        = {{ id_w }};  // bits of an id or a position
  localparam WORDS       = {{ words }};  // of LANES ids or positions
  localparam DEPTH       = (WORDS > 2) ? WORDS : 2;
  localparam ADDR_W      = {{ addr_w }};  // bits of a word's number
  localparam LENGTH_W    = {{ length_w }};  // bits of a list's length
  localparam LAST        = WORDS - 1;
  localparam STAGES      = {{ config.ram_latency + 2 }};  // of each of the two stores
  localparam KEY_DEPTH   = 16;  // keys under way or waiting; enough for one every cycle
  localparam KEY_COUNT_W = 5;

  localparam [ADDR_W-1:0] LAST_WORD = LAST[ADDR_W-1:0];
  localparam [KEY_COUNT_W-1:0] KEY_PLACES = KEY_DEPTH[KEY_COUNT_W-1:0];

  genvar lane;

  // ---- operations ------------------------------------------------------------------------------------

  reg                    sweeping_q;  // a clear or scale goes through all words
  reg  [            2:0] sweep_code_q;
  reg  [            4:0] sweep_shift_q;
  reg  [     ADDR_W-1:0] sweep_word_q;
  reg  [KEY_COUNT_W-1:0] places_q;  // keys that may still be asked for

  wire push = push_valid && push_ready;
  wire row = push && push_code == ROW;
  wire fold = push && push_code == FOLD;
  wire read = push && push_code == READ;
  wire sweep = push && (push_code == CLEAR || push_code == SCALE);

  assign push_ready = !sweeping_q && (push_code != READ || places_q != {KEY_COUNT_W{1'b0}});

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      sweeping_q   <= 1'b1;
      sweep_code_q <= CLEAR;
      sweep_word_q <= {ADDR_W{1'b0}};
    end else begin
      if (sweep) begin
        sweeping_q   <= 1'b1;
        sweep_code_q <= push_code;
      end
      if (sweeping_q) begin
        sweeping_q   <= sweep_word_q != LAST_WORD;
        sweep_word_q <= (sweep_word_q == LAST_WORD) ? {ADDR_W{1'b0}} : sweep_word_q + 1'b1;
      end
    end
  end

  always @(posedge clk) begin
    if (sweep) sweep_shift_q <= push_shift;
  end

  // Positions: of a row's next beat, of the next id of a fold, of the next id of a read.
  reg [ADDR_W-1:0] row_word_q;
  reg [  ID_W-1:0] fold_position_q;
  reg [  ID_W-1:0] read_position_q;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      row_word_q      <= {ADDR_W{1'b0}};
      fold_position_q <= {ID_W{1'b0}};
      read_position_q <= {ID_W{1'b0}};
    end else begin
      if (row) row_word_q <= push_last ? {ADDR_W{1'b0}} : row_word_q + 1'b1;
      if (fold) fold_position_q <= push_last ? {ID_W{1'b0}} : fold_position_q + 1'b1;
      if (read) read_position_q <= push_last ? {ID_W{1'b0}} : read_position_q + 1'b1;
    end
  end

  // Ids and positions as word and lane.
  {% if lanes == 1 %}
  wire [ADDR_W-1:0] fold_word = fold_position_q;
  wire [ LANES-1:0] fold_lane = 1'b1;
  wire [ADDR_W-1:0] id_word = push_id;
  {% else %}
  wire [ LANES-1:0] one_lane = {{(LANES - 1){1'b0}}, 1'b1};
  wire [ LANES-1:0] fold_lane = one_lane << fold_position_q[{{ lane_w - 1 }}:0];
  {% if words == 1 %}
  wire [ADDR_W-1:0] fold_word = 1'b0;
  wire [ADDR_W-1:0] id_word = 1'b0;
  {% else %}
  wire [ADDR_W-1:0] fold_word = fold_position_q[ID_W-1:{{ lane_w }}];
  wire [ADDR_W-1:0] id_word = push_id[ID_W-1:{{ lane_w }}];
  {% endif %}
  {% endif %}

  // ---- sums by position --------------------------------------------------------------------------------

  // Rows add; a fold takes the sum of one lane; a clear takes all. What is taken leaves 0.
  wire clearing = sweeping_q && sweep_code_q == CLEAR;
  wire [LANES-1:0] used = ~({LANES{1'b1}} << push_count) & {LANES{row}};
  wire [LANES*PROB_W-1:0] added;

  reg  [(STAGES-1)*LANES*PROB_W-1:0] added_q;
  reg  [       (STAGES-1)*LANES-1:0] taken_q;

  wire [           LANES*PROB_W-1:0] edit_added = added_q[(STAGES-2)*LANES*PROB_W+:LANES*PROB_W];
  wire [                  LANES-1:0] edit_taken = taken_q[(STAGES-2)*LANES+:LANES];
  wire [            LANES*SUM_W-1:0] old_sums;
  wire [            LANES*SUM_W-1:0] new_sums;

  always @(posedge clk) begin
    added_q <= {added_q[(STAGES-2)*LANES*PROB_W-1:0], added};
    taken_q <= {taken_q[(STAGES-2)*LANES-1:0], {LANES{clearing}} | ({LANES{fold}} & fold_lane)};
  end

  rmw_ram #(
      .WIDTH (LANES * SUM_W),
      .DEPTH (DEPTH),
      .ADDR_W(ADDR_W)
  ) u_sums (
      .clk     (clk),
      .{{ rst.port }}({{ rst.port }}),
      .op_valid(clearing || (row && push_count != {COUNT_W{1'b0}}) || fold),
      .op_addr (clearing ? sweep_word_q : row ? row_word_q : fold_word),
      .edit_old(old_sums),
      .edit_new(new_sums)
  );

  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_sum
      wire [ SUM_W-1:0] base = old_sums[lane*SUM_W+:SUM_W] & ~{SUM_W{edit_taken[lane]}};
      wire [PROB_W-1:0] prob = edit_added[lane*PROB_W+:PROB_W];
      wire [   SUM_W:0] sum = {1'b0, base} + {{(SUM_W + 1 - PROB_W){1'b0}}, prob};

      assign added[lane*PROB_W+:PROB_W] = push_probs[lane*PROB_W+:PROB_W] & {PROB_W{used[lane]}};
      assign new_sums[lane*SUM_W+:SUM_W] = sum[SUM_W-1:0] | {SUM_W{sum[SUM_W]}};
    end
  endgenerate

  reg     [31:0] folded;
  reg     [31:0] folded_q;
  integer        i;

  always @(*) begin
    folded = 32'd0;
    for (i = 0; i < LANES; i = i + 1) begin
      folded[SUM_W-1:0] = folded[SUM_W-1:0] | ({SUM_W{edit_taken[i]}} & old_sums[i*SUM_W+:SUM_W]);
    end
  end

  always @(posedge clk) begin
    folded_q <= folded;
  end

  // ---- importance by id ----------------------------------------------------------------------------------

  // Every operation comes to this store after it has passed the sums, so that the order is kept.
  localparam OP_W = 3 + 1 + ID_W + ADDR_W + 32 + 5;

  reg  [       STAGES:1] op_valid_q;
  reg  [STAGES*OP_W-1:0] op_q;

  wire [            2:0] op_code;
  wire                   op_last;
  wire [       ID_W-1:0] op_id;
  wire [     ADDR_W-1:0] op_word;
  wire [           31:0] op_value;
  wire [            4:0] op_shift;

  assign {op_code, op_last, op_id, op_word, op_value, op_shift} = op_q[(STAGES-1)*OP_W+:OP_W];

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) op_valid_q <= {STAGES{1'b0}};
    else op_valid_q <= {op_valid_q[STAGES-1:1], sweeping_q || fold || read || (push && push_code == WRITE)};
  end

  always @(posedge clk) begin
    op_q <= {
      op_q[(STAGES-1)*OP_W-1:0],
      sweeping_q ? sweep_code_q : push_code,
      push_last,
      push_id,
      sweeping_q ? sweep_word_q : id_word,
      push_value,
      sweep_shift_q
    };
  end

  wire op_fold = op_code == FOLD;
  wire op_write = op_code == WRITE;
  wire op_clear = op_code == CLEAR;
  wire op_scale = op_code == SCALE;
  {% if lanes == 1 %}
  wire [LANES-1:0] op_lane = 1'b1;
  {% else %}
  wire [LANES-1:0] op_lane = one_lane << op_id[{{ lane_w - 1 }}:0];
  {% endif %}

  wire [31:0] importance;

  importance_store #(
      .LANES (LANES),
      .DEPTH (DEPTH),
      .ADDR_W(ADDR_W)
  ) u_store (
      .clk      (clk),
      .{{ rst.port }}({{ rst.port }}),
      .op_valid (op_valid_q[STAGES]),
      .op_addr  (op_word),
      .op_lanes ({LANES{op_clear || op_scale}} | op_lane),
      .op_zero  (op_write || op_clear),
      .op_scale (op_scale),
      .op_shift (op_shift),
      .op_amount(({32{op_fold}} & folded_q) | ({32{op_write}} & op_value)),
      .value    (importance)
  );

  // ---- guards ------------------------------------------------------------------------------------------------

  // Stage 1: sums; position + guard_last reaches the length within the last guard_last positions.
  localparam GUARD_W = 17;  // bits of the sum of two 16-bit numbers

  reg                s1_in_first_q;
  reg  [GUARD_W-1:0] s1_reach_q;
  reg  [GUARD_W-1:0] s1_guards_q;
  reg  [GUARD_W-1:0] s1_length_q;
  reg  [       15:0] s1_k_q;

  wire [GUARD_W-1:0] read_position = {{(GUARD_W - ID_W){1'b0}}, read_position_q};

  always @(posedge clk) begin
    s1_in_first_q <= read_position < {1'b0, push_guard_first};
    s1_reach_q    <= read_position + {1'b0, push_guard_last};
    s1_guards_q   <= {1'b0, push_guard_first} + {1'b0, push_guard_last};
    s1_length_q   <= {{(GUARD_W - LENGTH_W){1'b0}}, push_length};
    s1_k_q        <= push_k;
  end

  // Stage 2: guards that overlap cover the whole list, and no more.
  reg               s2_guarded_q;
  reg [GUARD_W-1:0] s2_guards_q;
  reg [       15:0] s2_k_q;

  always @(posedge clk) begin
    s2_guarded_q <= s1_in_first_q || s1_reach_q >= s1_length_q;
    s2_guards_q  <= (s1_guards_q < s1_length_q) ? s1_guards_q : s1_length_q;
    s2_k_q       <= s1_k_q;
  end

  // Stage 3 on: the number that stays, until the importance is there.
  localparam RULE_STAGES = 2 * STAGES - 2;

  reg [RULE_STAGES*17-1:0] rule_q;

  always @(posedge clk) begin
    rule_q <= {
      rule_q[(RULE_STAGES-1)*17-1:0],
      s2_guarded_q,
      (s2_guards_q > {1'b0, s2_k_q}) ? s2_guards_q[15:0] : s2_k_q
    };
  end

  // ---- keys --------------------------------------------------------------------------------------------------

  reg [         STAGES:1] read_q;
  reg [STAGES*(ID_W+1)-1:0] label_q;  // last and id

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      read_q   <= {STAGES{1'b0}};
      places_q <= KEY_PLACES;
    end else begin
      read_q <= {read_q[STAGES-1:1], op_valid_q[STAGES] && op_code == READ};
      if (read && !(key_valid && key_ready)) places_q <= places_q - 1'b1;
      if (!read && key_valid && key_ready) places_q <= places_q + 1'b1;
    end
  end

  always @(posedge clk) begin
    label_q <= {label_q[(STAGES-1)*(ID_W+1)-1:0], op_last, op_id};
  end

  wire unused_keys_ready;  // there is room: a read has a place from its acceptance on

  stream_fifo #(
      .WIDTH(17 + ID_W + 1 + 32),
      .DEPTH(KEY_DEPTH)
  ) u_keys (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(read_q[STAGES]),
      .push_ready(unused_keys_ready),
      .push_data ({
        rule_q[(RULE_STAGES-1)*17+:17], label_q[(STAGES-1)*(ID_W+1)+:ID_W+1], importance
      }),
      .pop_valid (key_valid),
      .pop_ready (key_ready),
      .pop_data  ({key_guarded, key_k, key_last, key_id, key_importance})
  );

`ifdef SPATTEN_CHECKS
  // Positions from 0 on that may hold sums.
  reg  [31:0] unfolded_q;
  wire [31:0] row_end = LANES * {{(32 - ADDR_W){1'b0}}, row_word_q} + {{(32 - COUNT_W){1'b0}}, push_count};
  wire [31:0] fold_end = {{(32 - ID_W){1'b0}}, fold_position_q} + 32'd1;

  always @(posedge clk) begin
    if (clearing) unfolded_q <= 32'd0;
    else if (row && push_count != {COUNT_W{1'b0}} && row_end > unfolded_q) unfolded_q <= row_end;
    else if (fold && push_last && fold_end >= unfolded_q) unfolded_q <= 32'd0;

    if (push && (push_code == READ || push_code == WRITE || push_code == SCALE) && unfolded_q != 32'd0) begin
      $display("CHECK %m: operation %0d before the sums of %0d positions are folded", push_code, unfolded_q);
    end
  end
`endif

endmodule
