// The datapath of a row, as the accelerator connects it: qk_array, lane_gearbox, softmax with requant_decision,
// lane_gearbox, topk_engine, lane_gearbox, av_array. What a block needs to know of a row travels in its ctx; around the
// top-k engine, which has none, in a FIFO.

module datapath (
    input  wire         clk,
    input  wire         {{ rst }},

    input  wire         query_valid,
    output wire         query_ready,
    input  wire [{{ head_dim * width - 1 }}:0] query_data,
    input  wire [1:0]   query_dim,
    input  wire         query_add,
    input  wire [15:0]  query_mant,
    input  wire [5:0]   query_shift,
    input  wire [{{ prob_w - 1 }}:0] query_threshold,
    input  wire         query_auto,
    input  wire         query_force,
    input  wire [15:0]  query_k,
    input  wire [15:0]  query_out_mant,
    input  wire [5:0]   query_out_shift,
    input  wire [15:0]  query_tag,

    input  wire         key_valid,
    output wire         key_ready,
    input  wire [{{ multipliers * width - 1 }}:0] key_data,
    input  wire [{{ vector_count_w - 1 }}:0] key_count,
    input  wire         key_last,

    input  wire         base_valid,
    output wire         base_ready,
    input  wire [{{ vector_lanes * score_w - 1 }}:0] base_scores,

    input  wire         value_valid,
    output wire         value_ready,
    input  wire [{{ multipliers * width - 1 }}:0] value_data,

    output wire         decision_valid,
    input  wire         decision_ready,
    output wire         decision_redo,
    output wire [15:0]  decision_tag,

    output wire         kept_valid,
    input  wire         kept_ready,
    output wire [{{ lanes * token_w - 1 }}:0] kept_ids,
    output wire [{{ count_w - 1 }}:0] kept_count,
    output wire         kept_last,
    output wire [15:0]  kept_tag,

    output wire         pop_valid,
    input  wire         pop_ready,
    output wire [{{ output_lanes * out_w - 1 }}:0] pop_data,
    output wire         pop_last,
    output wire [15:0]  pop_tag,

    output wire         magnitude_valid,
    input  wire         magnitude_ready,
    output wire [{{ magnitude_w - 1 }}:0] magnitude_sum,
    output wire [15:0]  magnitude_tag
);

  localparam VECTOR_LANES  = {{ vector_lanes }};
  localparam SOFTMAX_LANES = {{ softmax_lanes }};
  localparam LANES         = {{ lanes }};
  localparam SCORE_W       = {{ score_w }};
  localparam PROB_W        = {{ prob_w }};
  localparam TOKEN_W       = {{ token_w }};
  localparam TAG_W         = 16;
  localparam OUT_INFO_W    = TAG_W + 6 + 16 + 2;  // what the last array needs
  localparam KEPT_INFO_W   = OUT_INFO_W + 16;  // with k
  localparam INFO_W        = KEPT_INFO_W + 2 + PROB_W + 6 + 16;

  localparam [{{ softmax_count_w - 1 }}:0] SOFTMAX_WORD = SOFTMAX_LANES;
  localparam [{{ count_w - 1 }}:0] WORD = LANES;
  localparam [{{ vector_count_w - 1 }}:0] VECTORS = VECTOR_LANES;

  // ---- scores ------------------------------------------------------------------------------------------------------

  wire                            score_valid, score_ready, score_last;
  wire [VECTOR_LANES*SCORE_W-1:0] score_scores;
  wire [{{ vector_count_w - 1 }}:0] score_count;
  wire [              INFO_W-1:0] score_info;

  qk_array #(
      .CTX_W(INFO_W)
  ) u_qk_array (
      .clk        (clk),
      .{{ rst }}({{ rst }}),
      .query_valid(query_valid),
      .query_ready(query_ready),
      .query_data (query_data),
      .query_dim  (query_dim),
      .query_add  (query_add),
      .query_ctx  ({query_shift, query_mant, query_threshold, query_auto, query_force,
                    query_k, query_dim, query_out_shift, query_out_mant, query_tag}),
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
      .pop_ctx    (score_info)
  );

  wire                             beat_valid, beat_ready, beat_last;
  wire [SOFTMAX_LANES*SCORE_W-1:0] beat_scores;
  wire [{{ softmax_count_w - 1 }}:0] beat_count;
  wire [               INFO_W-1:0] beat_info;

  lane_gearbox #(
      .IN_LANES (VECTOR_LANES),
      .OUT_LANES(SOFTMAX_LANES),
      .DATA_W   (SCORE_W),
      .USER_W   (INFO_W)
  ) u_score_gearbox (
      .clk       (clk),
      .{{ rst }}({{ rst }}),
      .push_valid(score_valid),
      .push_ready(score_ready),
      .push_data (score_scores),
      .push_count(score_count),
      .push_last (score_last),
      .push_width(SOFTMAX_WORD),
      .push_user (score_info),
      .pop_valid (beat_valid),
      .pop_ready (beat_ready),
      .pop_data  (beat_scores),
      .pop_count (beat_count),
      .pop_last  (beat_last),
      .pop_user  (beat_info)
  );

  // ---- probabilities, and who is redone --------------------------------------------------------------------------------

  wire                            sum_valid, sum_ready;
  wire [{{ sum_w - 1 }}:0] sum_sum;
  wire [              INFO_W-1:0] sum_info;
  wire                            redo_valid, redo_ready, redo, verdict_ready;
  wire [               TAG_W-1:0] redo_tag;
  wire                            decision_room;
  wire                            prob_valid, prob_ready, prob_last;
  wire [SOFTMAX_LANES*PROB_W-1:0] prob_probs;
  wire [{{ softmax_count_w - 1 }}:0] prob_count;
  wire [              INFO_W-1:0] prob_info;

  softmax #(
      .CTX_W(INFO_W)
  ) u_softmax (
      .clk          (clk),
      .{{ rst }}({{ rst }}),
      .push_valid   (beat_valid),
      .push_ready   (beat_ready),
      .push_scores  (beat_scores),
      .push_count   (beat_count),
      .push_last    (beat_last),
      .push_mant    (beat_info[INFO_W-7-:16]),
      .push_shift   (beat_info[INFO_W-1-:6]),
      .push_ctx     (beat_info),
      .sum_valid    (sum_valid),
      .sum_ready    (sum_ready),
      .sum_sum      (sum_sum),
      .sum_ctx      (sum_info),
      .verdict_valid(redo_valid && decision_room),
      .verdict_ready(verdict_ready),
      .verdict_drop (redo),
      .pop_valid    (prob_valid),
      .pop_ready    (prob_ready),
      .pop_probs    (prob_probs),
      .pop_count    (prob_count),
      .pop_last     (prob_last),
      .pop_ctx      (prob_info)
  );

  requant_decision #(
      .CTX_W(TAG_W)
  ) u_decision (
      .clk           (clk),
      .{{ rst }}({{ rst }}),
      .push_valid    (sum_valid),
      .push_ready    (sum_ready),
      .push_sum      (sum_sum),
      .push_threshold(sum_info[KEPT_INFO_W+2+:PROB_W]),
      .push_auto     (sum_info[KEPT_INFO_W+1]),
      .push_force    (sum_info[KEPT_INFO_W]),
      .push_ctx      (sum_info[TAG_W-1:0]),
      .pop_valid     (redo_valid),
      .pop_ready     (redo_ready),
      .pop_redo      (redo),
      .pop_ctx       (redo_tag)
  );

  assign redo_ready = verdict_ready && decision_room;

  stream_fifo #(
      .WIDTH(TAG_W + 1),
      .DEPTH(16)
  ) u_decisions (
      .clk       (clk),
      .{{ rst }}({{ rst }}),
      .push_valid(redo_valid && verdict_ready),
      .push_ready(decision_room),
      .push_data ({redo_tag, redo}),
      .pop_valid (decision_valid),
      .pop_ready (decision_ready),
      .pop_data  ({decision_tag, decision_redo})
  );

  // ---- local values ----------------------------------------------------------------------------------------------------

  wire                    word_valid, word_ready, word_last;
  wire [LANES*PROB_W-1:0] word_probs;
  wire [{{ count_w - 1 }}:0] word_count;
  wire [ KEPT_INFO_W-1:0] word_info;

  lane_gearbox #(
      .IN_LANES (SOFTMAX_LANES),
      .OUT_LANES(LANES),
      .DATA_W   (PROB_W),
      .USER_W   (KEPT_INFO_W)
  ) u_prob_gearbox (
      .clk       (clk),
      .{{ rst }}({{ rst }}),
      .push_valid(prob_valid),
      .push_ready(prob_ready),
      .push_data (prob_probs),
      .push_count(prob_count),
      .push_last (prob_last),
      .push_width(WORD),
      .push_user (prob_info[KEPT_INFO_W-1:0]),
      .pop_valid (word_valid),
      .pop_ready (word_ready),
      .pop_data  (word_probs),
      .pop_count (word_count),
      .pop_last  (word_last),
      .pop_user  (word_info)
  );

  // The engine's payload is the position in the row.
  reg  [      TOKEN_W-1:0] position_q;
  reg                      first_q;
  wire [LANES*TOKEN_W-1:0] word_ids;
  wire                     info_room, engine_ready;

  // A row enters with its information.
  wire                     enter = word_valid && (info_room || !first_q);

  assign word_ready = engine_ready && (info_room || !first_q);

  always @(posedge clk) begin
    if ({{ rst }}) begin
      position_q <= {TOKEN_W{1'b0}};
      first_q    <= 1'b1;
    end else if (word_valid && word_ready) begin
      position_q <= word_last ? {TOKEN_W{1'b0}} : position_q + LANES[TOKEN_W-1:0];
      first_q    <= word_last;
    end
  end

  genvar lane;
  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_id
      assign word_ids[lane*TOKEN_W+:TOKEN_W] = position_q + lane;
    end
  endgenerate

  wire                     top_valid, top_ready, top_last;
  wire [ LANES*PROB_W-1:0] top_probs;
  wire [LANES*TOKEN_W-1:0] top_ids;
  wire [{{ count_w - 1 }}:0] top_count;
  wire                     info_valid, kept_room, gearbox_ready;
  wire [   OUT_INFO_W-1:0] info;
  wire [1:0]               pass_start;

  topk_engine u_topk_engine (
      .clk          (clk),
      .{{ rst }}({{ rst }}),
      .push_valid   (enter),
      .push_ready   (engine_ready),
      .push_keys    (word_probs),
      .push_payloads(word_ids),
      .push_count   (word_count),
      .push_last    (word_last),
      .push_k       (word_info[OUT_INFO_W+:16]),
      .pop_valid    (top_valid),
      .pop_ready    (top_ready),
      .pop_keys     (top_probs),
      .pop_payloads (top_ids),
      .pop_count    (top_count),
      .pop_last     (top_last),
      .pass_start   (pass_start)
  );

  stream_fifo #(
      .WIDTH(OUT_INFO_W),
      .DEPTH(64)
  ) u_info (
      .clk       (clk),
      .{{ rst }}({{ rst }}),
      .push_valid(word_valid && first_q && engine_ready),
      .push_ready(info_room),
      .push_data (word_info[OUT_INFO_W-1:0]),
      .pop_valid (info_valid),
      .pop_ready (top_valid && top_last && kept_room && gearbox_ready),
      .pop_data  (info)
  );

  assign top_ready = info_valid && kept_room && gearbox_ready;

  stream_fifo #(
      .WIDTH(TAG_W + 1 + {{ count_w }} + LANES * TOKEN_W),
      .DEPTH(16)
  ) u_kept (
      .clk       (clk),
      .{{ rst }}({{ rst }}),
      .push_valid(top_valid && info_valid && gearbox_ready),
      .push_ready(kept_room),
      .push_data ({info[TAG_W-1:0], top_last, top_count, top_ids}),
      .pop_valid (kept_valid),
      .pop_ready (kept_ready),
      .pop_data  ({kept_tag, kept_last, kept_count, kept_ids})
  );

  // ---- outputs ---------------------------------------------------------------------------------------------------------

  wire                           part_valid, part_ready, part_last;
  wire [VECTOR_LANES*PROB_W-1:0] part_probs;
  wire [{{ vector_count_w - 1 }}:0] part_count;
  wire [         OUT_INFO_W-1:0] part_info;

  lane_gearbox #(
      .IN_LANES (LANES),
      .OUT_LANES(VECTOR_LANES),
      .DATA_W   (PROB_W),
      .USER_W   (OUT_INFO_W)
  ) u_kept_gearbox (
      .clk       (clk),
      .{{ rst }}({{ rst }}),
      .push_valid(top_valid && info_valid && kept_room),
      .push_ready(gearbox_ready),
      .push_data (top_probs),
      .push_count(top_count),
      .push_last (top_last),
      .push_width(VECTORS >> info[OUT_INFO_W-1-:2]),
      .push_user (info),
      .pop_valid (part_valid),
      .pop_ready (part_ready),
      .pop_data  (part_probs),
      .pop_count (part_count),
      .pop_last  (part_last),
      .pop_user  (part_info)
  );

  av_array #(
      .CTX_W(TAG_W)
  ) u_av_array (
      .clk            (clk),
      .{{ rst }}({{ rst }}),
      .prob_valid     (part_valid),
      .prob_ready     (part_ready),
      .prob_probs     (part_probs),
      .prob_count     (part_count),
      .prob_last      (part_last),
      .prob_dim       (part_info[OUT_INFO_W-1-:2]),
      .prob_mant      (part_info[TAG_W+:16]),
      .prob_shift     (part_info[TAG_W+16+:6]),
      .prob_ctx       (part_info[TAG_W-1:0]),
      .value_valid    (value_valid),
      .value_ready    (value_ready),
      .value_data     (value_data),
      .pop_valid      (pop_valid),
      .pop_ready      (pop_ready),
      .pop_data       (pop_data),
      .pop_last       (pop_last),
      .pop_ctx        (pop_tag),
      .magnitude_valid(magnitude_valid),
      .magnitude_ready(magnitude_ready),
      .magnitude_sum  (magnitude_sum),
      .magnitude_ctx  (magnitude_tag)
  );

endmodule
