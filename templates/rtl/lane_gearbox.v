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

  // Elements of one row, the next to leave in lane 0. Less than a full beat of an open row waits for the beat that comes
  // in. Anything else leaves first, a beat a cycle, and as the last of it leaves the next beat comes in.
  reg  [LANES*DATA_W-1:0] held_data_q;
  reg  [      HELD_W-1:0] held_q;  // elements
  reg  [ OUT_COUNT_W-1:0] width_q;
  reg  [      USER_W-1:0] user_q;
  reg                     ended_q;  // the row's last beat is here
  reg                     due_q;  // a full beat is held, or the rest of an ended row
  reg                     rest_q;  // due, and no more than one beat

  wire                    word_ready;
  wire                    clear = !due_q || rest_q;  // room for a beat that comes in

  assign push_ready = clear && word_ready;

  wire drain = due_q && !rest_q;  // a beat leaves, and none comes in
  wire move = word_ready && (push_valid || due_q);

  // ---- counts ------------------------------------------------------------------------------------------------------

  // Elements of the row whose beat comes in; what leaves meanwhile does not count.
  wire [HELD_W-1:0] waiting = rest_q ? {HELD_W{1'b0}} : held_q;
  wire [ SUM_W-1:0] sum = {1'b0, waiting} + {{(SUM_W - IN_COUNT_W) {1'b0}}, push_count};
  wire [ SUM_W-1:0] word = {{(SUM_W - OUT_COUNT_W) {1'b0}}, push_width};
  wire [ SUM_W-1:0] two_words = word << 1;

  // Of these a full word leaves at once, unless a rest does, and the others stay.
  wire cut = !rest_q && sum >= word;
  wire all_leave = !rest_q && sum <= word;  // if push_last
  wire word_stays = sum >= (rest_q ? word : two_words);
  wire over = sum > (rest_q ? word : two_words);  // more than one word stays
  wire ends = push_last && !all_leave;

  // The same of elements that leave with no beat coming in.
  wire [SUM_W-1:0] held = {1'b0, held_q};
  wire [SUM_W-1:0] held_word = {{(SUM_W - OUT_COUNT_W) {1'b0}}, width_q};
  wire [SUM_W-1:0] two_held_words = held_word << 1;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      held_q  <= {HELD_W{1'b0}};
      ended_q <= 1'b0;
      due_q   <= 1'b0;
      rest_q  <= 1'b0;
    end else if (move) begin
      if (drain) begin
        held_q <= held_q - held_word[HELD_W-1:0];
        due_q  <= ended_q || held >= two_held_words;
        rest_q <= held == two_held_words || (ended_q && held < two_held_words);
      end else if (push_valid) begin
        if (cut) held_q <= sum[HELD_W-1:0] - word[HELD_W-1:0];
        else held_q <= (push_last && !rest_q) ? {HELD_W{1'b0}} : sum[HELD_W-1:0];
        ended_q <= ends;
        due_q   <= ends || word_stays;
        rest_q  <= (ends || word_stays) && !over;
      end else begin
        held_q  <= {HELD_W{1'b0}};
        ended_q <= 1'b0;
        due_q   <= 1'b0;
        rest_q  <= 1'b0;
      end
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

  wire word_valid = due_q || (push_valid && (cut || push_last));
  wire word_last = (rest_q && ended_q) || (!due_q && push_last && all_leave);
  wire [USER_W-1:0] word_user = due_q ? user_q : push_user;
  wire [OUT_COUNT_W-1:0] word_count = rest_q ? held_q[OUT_COUNT_W-1:0]
                                    : drain  ? width_q
                                    : cut    ? push_width : sum[OUT_COUNT_W-1:0];

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
  wire [   OUT_COUNT_W-1:0] taken = rest_q ? {OUT_COUNT_W{1'b0}}
                                  : drain  ? width_q : push_width - held_q[OUT_COUNT_W-1:0];
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
        assign stays =
            (due_q || cut) ? lowered[lane*DATA_W+:DATA_W] : word_data[lane*DATA_W+:DATA_W];
      end

      always @(posedge clk) begin
        if (move) held_data_q[lane*DATA_W+:DATA_W] <= stays;
      end
    end
  endgenerate

endmodule
