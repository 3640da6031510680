// Purpose      probabilities of rows of scores, bit for bit as docs/softmax.md of the generator has it: base-2 softmax of
//              score * push_mant / 2^push_shift, {{ config.prob_width }} bits, exponentials by the method {{ config.exp }}.
// Row          beats of {{ lanes }} signed scores, lanes 0 to push_count-1 in use; only the last beat may hold fewer than {{ lanes }} (it may
//              hold none). push_mant (any), push_shift (0 to 47) and push_ctx stand still over the row. At most
//              {{ config.max_tokens }} scores.
// Sum          for each row, in order, the exact sum of its exponentials with {{ config.prob_width + 16 }} fraction bits, 0 for an empty row, and
//              its ctx. The largest probability of the row follows from it.
// Verdict      for each row, in order: drop = 1 takes the row out, 0 lets its probabilities come. The row's probabilities
//              wait for it. It may come at any time after the sum, or before it, as far as there is room.
// Output       the row's beats as they came, with probabilities; nothing of a dropped row. The data of lanes from
//              pop_count on is undefined.
// Protocol     valid/ready on all sides: valid never waits for ready, and a payload offered stays until it is taken. A
//              sum does not wait for a verdict, as long as the rows before have theirs or fit the buffers.
// Latency      a row of n beats, one each cycle, the first accepted in cycle t: its sum is offered in cycle
//              t+{{ first_to_sum - 2 }}+2n, its first probabilities in cycle t+{{ first_to_pop - 2 }}+2n, the others in the cycles that follow. A verdict that
//              comes up to {{ verdict_slack }} cycles after the sum is in time for that.
// Throughput   one beat every cycle, no bubble, whatever the lengths of the rows, if sums are taken when they are
//              offered and verdicts come in that time. A dropped row takes a cycle a beat, like any other.
// Reset        forgets everything. Data registers have no reset: their valid bits qualify them.

module softmax #(
    parameter CTX_W = 16  // bits that travel with a row
) (
    input  wire             clk,
    input  wire             {{ rst.port }},

    input  wire             push_valid,
    output wire             push_ready,
    input  wire [{{ lanes * score_w - 1 }}:0] push_scores,
    input  wire [{{ count_w - 1 }}:0] push_count,
    input  wire             push_last,
    input  wire [15:0]      push_mant,
    input  wire [5:0]       push_shift,
    input  wire [CTX_W-1:0] push_ctx,

    output wire             sum_valid,
    input  wire             sum_ready,
    output wire [{{ sum_w - 1 }}:0] sum_sum,
    output wire [CTX_W-1:0] sum_ctx,

    input  wire             verdict_valid,
    output wire             verdict_ready,
    input  wire             verdict_drop,

    output wire             pop_valid,
    input  wire             pop_ready,
    output wire [{{ lanes * config.prob_width - 1 }}:0] pop_probs,
    output wire [{{ count_w - 1 }}:0] pop_count,
    output wire             pop_last,
    output wire [CTX_W-1:0] pop_ctx
);

  localparam LANES   = {{ lanes }};
  localparam COUNT_W = {{ count_w }};  // bits of a count, 0 to LANES
  localparam SCORE_W = {{ score_w }};
  localparam MANT_W  = 16;
  localparam SHIFT_W = 6;
  localparam SUM_W   = {{ sum_w }};

  // Letters as in docs/softmax.md.
  localparam P        = {{ config.prob_width }};  // bits of a probability
  localparam B        = P + 3;  // fraction bits of the factors of the last product
  localparam M        = P + 5;  // fraction bits of the divisor
  localparam E        = P + 16;  // fraction bits of an exponential
  localparam EXP_W    = E + 1;
  localparam FACTOR_W = B + 1;

  // Cycles, and from them how much each buffer holds: a longest row, and what comes while the next step's number is made.
  localparam ROW_BEATS          = {{ row_beats }};  // at most, an empty one behind full ones included
  localparam MAX_LATENCY        = {{ max_latency }};
  localparam EXP_LATENCY        = {{ exp_latency }};
  localparam SUM_LATENCY        = {{ sum_latency }};
  localparam RECIPROCAL_LATENCY = {{ reciprocal_latency }};
  localparam FIFO_LATENCY       = {{ fifo_latency }};
  localparam FIFO_HEADS         = {{ fifo_heads }};  // items that a FIFO holds besides those in its RAM
  localparam FIFO_REFILL        = {{ fifo_refill }};  // cycles from a pop until the place in the RAM is free
  localparam OFFER_LATENCY      = EXP_LATENCY + SUM_LATENCY + FIFO_LATENCY;
  localparam SCORE_DEPTH        = ROW_BEATS + MAX_LATENCY + FIFO_REFILL;
  localparam MAX_DEPTH          = SCORE_DEPTH + FIFO_HEADS;
  localparam FACTOR_DEPTH       = ROW_BEATS + OFFER_LATENCY + RECIPROCAL_LATENCY;
  localparam SUM_DEPTH          = OFFER_LATENCY + 1;

  genvar lane;

  // ---- scores wait for their row's maximum -------------------------------------------------------------------------------

  wire                     push = push_valid && push_ready;

  wire                     beat_valid;
  wire [LANES*SCORE_W-1:0] beat_scores;
  wire [      COUNT_W-1:0] beat_count;
  wire                     beat_last;

  wire                     max_valid;
  wire [      SCORE_W-1:0] max_maximum;
  wire [       MANT_W-1:0] max_mant;
  wire [      SHIFT_W-1:0] max_shift;
  wire [        CTX_W-1:0] max_ctx;

  wire                     row_valid;
  wire [      SCORE_W-1:0] row_maximum;
  wire [       MANT_W-1:0] row_mant;
  wire [      SHIFT_W-1:0] row_shift;
  wire [        CTX_W-1:0] row_ctx;

  wire                     issue;  // a beat goes on to its exponentials

  stream_fifo #(
      .WIDTH(LANES * SCORE_W + COUNT_W + 1),
      .DEPTH(SCORE_DEPTH)
  ) u_scores (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(push_valid),
      .push_ready(push_ready),
      .push_data ({push_last, push_count, push_scores}),
      .pop_valid (beat_valid),
      .pop_ready (issue),
      .pop_data  ({beat_last, beat_count, beat_scores})
  );

  softmax_max #(
      .TAG_W(CTX_W + SHIFT_W + MANT_W)
  ) u_max (
      .clk        (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid (push),
      .push_scores(push_scores),
      .push_count (push_count),
      .push_last  (push_last),
      .push_tag   ({push_ctx, push_shift, push_mant}),
      .pop_valid  (max_valid),
      .pop_maximum(max_maximum),
      .pop_tag    ({max_ctx, max_shift, max_mant})
  );

  // Every row here has a beat at least among the scores, so that there is room for its maximum.
  wire unused_max_ready;

  stream_fifo #(
      .WIDTH(SCORE_W + MANT_W + SHIFT_W + CTX_W),
      .DEPTH(MAX_DEPTH)
  ) u_maxima (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(max_valid),
      .push_ready(unused_max_ready),
      .push_data ({max_ctx, max_shift, max_mant, max_maximum}),
      .pop_valid (row_valid),
      .pop_ready (issue && beat_last),
      .pop_data  ({row_ctx, row_shift, row_mant, row_maximum})
  );

  // ---- room for what comes of a beat ---------------------------------------------------------------------------------------

  // The pipelines do not stall: a beat starts only when there is room for its factors, and for a sum when it is a row's
  // last. What else a row leaves behind (ctx, reciprocal) has room where one of its beats has.
  localparam FACTOR_ROOM_W = $clog2(FACTOR_DEPTH + 1);
  localparam SUM_ROOM_W    = $clog2(SUM_DEPTH + 1);

  reg  [FACTOR_ROOM_W-1:0] factor_room_q;
  reg  [   SUM_ROOM_W-1:0] sum_room_q;
  wire                     factor_taken;
  wire                     issue_last = issue && beat_last;
  wire                     sum_taken = sum_valid && sum_ready;
  wire                     factor_room = factor_room_q != {FACTOR_ROOM_W{1'b0}};
  wire                     sum_room = sum_room_q != {SUM_ROOM_W{1'b0}};

  assign issue = beat_valid && row_valid && factor_room && (sum_room || !beat_last);

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      factor_room_q <= FACTOR_DEPTH[FACTOR_ROOM_W-1:0];
      sum_room_q    <= SUM_DEPTH[SUM_ROOM_W-1:0];
    end else begin
      if (issue && !factor_taken) factor_room_q <= factor_room_q - 1'b1;
      if (factor_taken && !issue) factor_room_q <= factor_room_q + 1'b1;
      if (issue_last && !sum_taken) sum_room_q <= sum_room_q - 1'b1;
      if (sum_taken && !issue_last) sum_room_q <= sum_room_q + 1'b1;
    end
  end

  // ---- exponentials and their sum --------------------------------------------------------------------------------------------

  wire                   exp_valid;
  wire [LANES*EXP_W-1:0] exps;
  wire [    COUNT_W-1:0] exp_count;
  wire                   exp_last;

  softmax_exp #(
      .TAG_W(COUNT_W + 1)
  ) u_exp (
      .clk         (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid  (issue),
      .push_scores (beat_scores),
      .push_maximum(row_maximum),
      .push_mant   (row_mant),
      .push_shift  (row_shift),
      .push_tag    ({beat_last, beat_count}),
      .pop_valid   (exp_valid),
      .pop_exps    (exps),
      .pop_tag     ({exp_last, exp_count})
  );

  wire             total_valid;
  wire [SUM_W-1:0] total;

  softmax_sum u_sum (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(exp_valid),
      .push_exps (exps),
      .push_count(exp_count),
      .push_last (exp_last),
      .pop_valid (total_valid),
      .pop_sum   (total)
  );

  wire unused_sums_ready;
  wire unused_sum_ctxs_ready;
  wire unused_sum_ctx_valid;  // there since the row's last beat started

  stream_fifo #(
      .WIDTH(SUM_W),
      .DEPTH(SUM_DEPTH)
  ) u_sums (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(total_valid),
      .push_ready(unused_sums_ready),
      .push_data (total),
      .pop_valid (sum_valid),
      .pop_ready (sum_ready),
      .pop_data  (sum_sum)
  );

  stream_fifo #(
      .WIDTH(CTX_W),
      .DEPTH(SUM_DEPTH)
  ) u_sum_ctxs (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(issue_last),
      .push_ready(unused_sum_ctxs_ready),
      .push_data (row_ctx),
      .pop_valid (unused_sum_ctx_valid),
      .pop_ready (sum_taken),
      .pop_data  (sum_ctx)
  );

  // ---- factors wait for their row's reciprocal and verdict -----------------------------------------------------------------

  wire [LANES*FACTOR_W-1:0] factors;  // exponentials, cut to B fraction bits

  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_factor
      assign factors[lane*FACTOR_W+:FACTOR_W] = exps[lane*EXP_W+(E-B)+:FACTOR_W];
    end
  endgenerate

  wire                      reciprocal_valid;
  wire [      FACTOR_W-1:0] reciprocal;

  softmax_reciprocal u_reciprocal (
      .clk           (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid    (total_valid),
      .push_sum      (total[SUM_W-1:E-M]),
      .pop_valid     (reciprocal_valid),
      .pop_reciprocal(reciprocal)
  );

  wire                      factor_valid;
  wire [LANES*FACTOR_W-1:0] factor_factors;
  wire [       COUNT_W-1:0] factor_count;
  wire                      factor_last;

  wire                      ready_reciprocal_valid;
  wire [      FACTOR_W-1:0] ready_reciprocal;
  wire                      ready_verdict_valid;
  wire                      ready_drop;
  wire [         CTX_W-1:0] ready_ctx;

  wire                      row_done = factor_taken && factor_last;

  wire                      unused_factors_ready;
  wire                      unused_reciprocals_ready;
  wire                      unused_ctxs_ready;
  wire                      unused_ctx_valid;  // there since the row's last beat started

  stream_fifo #(
      .WIDTH(LANES * FACTOR_W + COUNT_W + 1),
      .DEPTH(FACTOR_DEPTH)
  ) u_factors (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(exp_valid),
      .push_ready(unused_factors_ready),
      .push_data ({exp_last, exp_count, factors}),
      .pop_valid (factor_valid),
      .pop_ready (factor_taken),
      .pop_data  ({factor_last, factor_count, factor_factors})
  );

  stream_fifo #(
      .WIDTH(FACTOR_W),
      .DEPTH(FACTOR_DEPTH)
  ) u_reciprocals (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(reciprocal_valid),
      .push_ready(unused_reciprocals_ready),
      .push_data (reciprocal),
      .pop_valid (ready_reciprocal_valid),
      .pop_ready (row_done),
      .pop_data  (ready_reciprocal)
  );

  stream_fifo #(
      .WIDTH(1),
      .DEPTH(FACTOR_DEPTH)
  ) u_verdicts (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(verdict_valid),
      .push_ready(verdict_ready),
      .push_data (verdict_drop),
      .pop_valid (ready_verdict_valid),
      .pop_ready (row_done),
      .pop_data  (ready_drop)
  );

  stream_fifo #(
      .WIDTH(CTX_W),
      .DEPTH(FACTOR_DEPTH)
  ) u_ctxs (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(issue_last),
      .push_ready(unused_ctxs_ready),
      .push_data (row_ctx),
      .pop_valid (unused_ctx_valid),
      .pop_ready (row_done),
      .pop_data  (ready_ctx)
  );

  // ---- the last product: a dropped row's factors are taken, but go nowhere -------------------------------------------------

  localparam DROP_W = 2 * B - P;  // bits of the product below a probability

  reg                    product_valid_q;
  reg  [    COUNT_W-1:0] product_count_q;
  reg                    product_last_q;
  reg  [      CTX_W-1:0] product_ctx_q;
  wire                   product_ready;
  wire [LANES*P-1:0]     probs;
  wire                   out_ready;
  wire                   judged = factor_valid && ready_reciprocal_valid && ready_verdict_valid;

  assign product_ready = !product_valid_q || out_ready;
  assign factor_taken  = judged && (ready_drop || product_ready);

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) product_valid_q <= 1'b0;
    else if (product_ready) product_valid_q <= judged && !ready_drop;
  end

  always @(posedge clk) begin
    if (product_ready) begin
      product_count_q <= factor_count;
      product_last_q  <= factor_last;
      product_ctx_q   <= ready_ctx;
    end
  end

  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_prob
      wire [P+1:0] prob;  // rounded half up, at most 2^P

      multiplier #(
          .A_W  (FACTOR_W),
          .B_W  (FACTOR_W),
          .DROP (DROP_W),
          .ROUND(1)
      ) u_product (
          .clk    (clk),
          .en     (product_ready),
          .a      (factor_factors[lane*FACTOR_W+:FACTOR_W]),
          .b      (ready_reciprocal),
          .product(prob)
      );

      assign probs[lane*P+:P] = (prob[P+1:P] != 2'b00) ? {P{1'b1}} : prob[P-1:0];
    end
  endgenerate

  stream_reg #(
      .WIDTH(LANES * P + COUNT_W + 1 + CTX_W)
  ) u_pop_reg (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(product_valid_q),
      .push_ready(out_ready),
      .push_data ({product_ctx_q, product_last_q, product_count_q, probs}),
      .pop_valid (pop_valid),
      .pop_ready (pop_ready),
      .pop_data  ({pop_ctx, pop_last, pop_count, pop_probs})
  );

endmodule
