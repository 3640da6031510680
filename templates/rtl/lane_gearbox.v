// Purpose      stands between two blocks whose beats differ in size: takes a row in beats of up to IN_LANES elements and
//              passes it on in beats of push_width elements, 1 to OUT_LANES.
// Protocol     valid/ready on both sides: valid never waits for ready, and a payload offered stays until it is taken.
// Row          the beats up to push_last, each with 0 to IN_LANES elements, in lanes 0 to push_count-1. push_width and
//              push_user are the same in all beats of a row; the next row may have others.
// Output       lanes 0 to pop_count-1 hold elements; the data of other lanes is undefined. Every beat but a row's last
//              is full, that is, has push_width elements. Full beats do not wait for what follows: pop_last is on the
//              full beat that the row's last beat completes, but a row whose last beat adds nothing to full ones, or
//              that has no elements at all, ends with a beat of pop_count = 0.
// Latency      a beat completed by the one accepted in cycle t is offered in cycle t+1, where none is ahead of it.
// Throughput   one beat in every cycle while push_count <= push_width, and one beat out every cycle while push_count >=
//              push_width. Rows follow one another without a pause, whatever they leave over.
// Registered   every output; no combinational path leads from one side to the other.
// Reset        empties the gearbox. Payload registers have no reset.

module lane_gearbox #(
    parameter IN_LANES  = 16,  // elements of a beat that comes in, at most
    parameter OUT_LANES = 16,  // elements of a beat that goes out, at most
    parameter DATA_W    = 8,  // bits of an element
    parameter USER_W    = 1  // bits that travel with the row
) (
    input  wire                           clk,
    input  wire                           {{ rst.port }},

    input  wire                           push_valid,
    output wire                           push_ready,
    input  wire [    IN_LANES*DATA_W-1:0] push_data,
    input  wire [ $clog2(IN_LANES+1)-1:0] push_count,
    input  wire                           push_last,
    input  wire [$clog2(OUT_LANES+1)-1:0] push_width,
    input  wire [             USER_W-1:0] push_user,

    output wire                           pop_valid,
    input  wire                           pop_ready,
    output wire [   OUT_LANES*DATA_W-1:0] pop_data,
    output wire [$clog2(OUT_LANES+1)-1:0] pop_count,
    output wire                           pop_last,
    output wire [             USER_W-1:0] pop_user
);

  localparam LANES       = (IN_LANES > OUT_LANES) ? IN_LANES : OUT_LANES;
  localparam IN_COUNT_W  = $clog2(IN_LANES + 1);  // bits of a count, 0 to IN_LANES
  localparam OUT_COUNT_W = $clog2(OUT_LANES + 1);  // bits of a count or width, 0 to OUT_LANES
  localparam HELD_W      = $clog2(LANES + 1);  // bits of a count, 0 to LANES
  localparam SUM_W       = HELD_W + 1;  // bits of a count, 0 to 2*LANES
  localparam LIFT_W      = $clog2(OUT_LANES);  // bits of a lane of pop_data

  // ---- what is held ------------------------------------------------------------------------------------------------

  // Elements of one row, the next to leave in lane 0. Less than a beat of an open row waits for the beat that comes in;
  // anything else leaves first, a beat a cycle, and with the last of a row the next row may already come in.
  reg  [LANES*DATA_W-1:0] held_data_q;
  reg  [      HELD_W-1:0] held_q;  // elements
  reg  [ OUT_COUNT_W-1:0] width_q;
  reg  [      USER_W-1:0] user_q;
  reg                     ended_q;  // the row's last beat is here
  reg                     due_q;  // a whole beat is held, or the rest of an ended row
  reg                     rest_q;  // an ended row, of which one beat is left

  wire                    word_ready;
  wire                    clear = !due_q || rest_q;  // room for a beat that comes in

  assign push_ready = clear && word_ready;

  wire enter = push_valid && clear;  // given word_ready
  wire drain = due_q && !rest_q;  // a beat leaves, and none comes in
  wire move = word_ready && (enter || due_q);

  // ---- counts ------------------------------------------------------------------------------------------------------

  // Elements of the row at hand: those held, but not a rest that belongs to the row before, and those that come in.
  wire [OUT_COUNT_W-1:0] width = drain ? width_q : push_width;
  wire [ IN_COUNT_W-1:0] entering = enter ? push_count : {IN_COUNT_W{1'b0}};
  wire [     HELD_W-1:0] waiting = rest_q ? {HELD_W{1'b0}} : held_q;

  wire [      SUM_W-1:0] one_word = {{(SUM_W - OUT_COUNT_W) {1'b0}}, width};
  wire [      SUM_W-1:0] two_words = {one_word[SUM_W-2:0], 1'b0};
  wire [      SUM_W-1:0] sum = {1'b0, waiting} + {{(SUM_W - IN_COUNT_W) {1'b0}}, entering};

  // A full word leaves of the row at hand. Where a rest leaves instead, all of it stays.
  wire cut = !rest_q && sum >= one_word;
  wire over = sum > (rest_q ? one_word : two_words);  // more than one beat stays
  wire beat_stays = sum >= (rest_q ? one_word : two_words);
  wire some_stay = rest_q || sum > one_word;
  wire ends = drain ? ended_q : enter && push_last && some_stay;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      held_q  <= {HELD_W{1'b0}};
      ended_q <= 1'b0;
      due_q   <= 1'b0;
      rest_q  <= 1'b0;
    end else if (move) begin
      held_q  <= cut ? sum[HELD_W-1:0] - one_word[HELD_W-1:0] : enter && !rest_q && push_last ? {HELD_W{1'b0}} : sum[HELD_W-1:0];
      ended_q <= ends;
      due_q   <= ends || ((enter || drain) && beat_stays);
      rest_q  <= ends && !over;
    end
  end

  always @(posedge clk) begin
    if (push_valid && push_ready) begin
      width_q <= push_width;
      user_q  <= push_user;
    end
  end

  // ---- the beat that leaves ----------------------------------------------------------------------------------------

  // Elements that come in are lifted to the lanes behind those held. Only part of a beat is ever completed so: LIFT_W
  // bits of the count tell how far.
  wire [OUT_LANES*DATA_W-1:0] arriving;
  reg  [OUT_LANES*DATA_W-1:0] lifted;
  wire [OUT_LANES*DATA_W-1:0] word_data;
  wire [       OUT_LANES-1:0] from_held = {OUT_LANES{due_q}} | ~({OUT_LANES{1'b1}} << held_q);

  integer level;

  always @* begin
    lifted = arriving;
    for (level = 0; level < LIFT_W; level = level + 1) begin
      if (held_q[level]) lifted = lifted << (DATA_W << level);
    end
  end

  genvar lane;
  generate
    for (lane = 0; lane < OUT_LANES; lane = lane + 1) begin : g_word
      if (lane < IN_LANES) begin : g_arriving
        assign arriving[lane*DATA_W+:DATA_W] = push_data[lane*DATA_W+:DATA_W];
      end else begin : g_empty
        assign arriving[lane*DATA_W+:DATA_W] = {DATA_W{1'b0}};
      end

      assign word_data[lane*DATA_W+:DATA_W] =
          from_held[lane] ? held_data_q[lane*DATA_W+:DATA_W] : lifted[lane*DATA_W+:DATA_W];
    end
  endgenerate

  wire [OUT_COUNT_W-1:0] word_count = cut ? width : rest_q ? held_q[OUT_COUNT_W-1:0] : sum[OUT_COUNT_W-1:0];
  wire word_valid = due_q || (enter && (cut || push_last));
  wire word_last = rest_q || (!drain && push_last && sum <= one_word);
  wire [USER_W-1:0] word_user = due_q ? user_q : push_user;

  stream_reg #(
      .WIDTH(USER_W + 1 + OUT_COUNT_W + OUT_LANES * DATA_W)
  ) u_word (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(word_valid),
      .push_ready(word_ready),
      .push_data ({word_user, word_last, word_count, word_data}),
      .pop_valid (pop_valid),
      .pop_ready (pop_ready),
      .pop_data  ({pop_user, pop_last, pop_count, pop_data})
  );

  // ---- what stays --------------------------------------------------------------------------------------------------

  // What is left of the elements held, or of those that come in, moves down to lane 0. What does not complete a beat
  // stays where it was lifted to.
  wire [IN_LANES*DATA_W-1:0] source = drain ? held_data_q[IN_LANES*DATA_W-1:0] : push_data;
  wire [ OUT_COUNT_W-1:0] taken = rest_q ? {OUT_COUNT_W{1'b0}}
                                : drain ? width_q : push_width - held_q[OUT_COUNT_W-1:0];
  reg  [IN_LANES*DATA_W-1:0] lowered;

  integer step;

  always @* begin
    lowered = source;
    for (step = 0; step < OUT_COUNT_W; step = step + 1) begin
      if (taken[step]) lowered = lowered >> (DATA_W << step);
    end
  end

  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_held
      wire [DATA_W-1:0] stays;

      if (lane >= IN_LANES) begin : g_lifted
        assign stays = word_data[lane*DATA_W+:DATA_W];
      end else if (lane >= OUT_LANES) begin : g_lowered
        assign stays = lowered[lane*DATA_W+:DATA_W];
      end else begin : g_either
        assign stays = (cut || rest_q) ? lowered[lane*DATA_W+:DATA_W] : word_data[lane*DATA_W+:DATA_W];
      end

      always @(posedge clk) begin
        if (move) held_data_q[lane*DATA_W+:DATA_W] <= stays;
      end
    end
  endgenerate

endmodule
