// Purpose      exponentials of a beat of scores, relative to the row's maximum: 2^-y with
//              y = (maximum - score) * push_mant / 2^push_shift.
// Formats      pop_exps has {{ exp_w - 1 }} fraction bits, rounded down; it is 1 exactly for the maximum, and 0 where y is 32 or more.
//              y has {{ exp_w - 15 }} fraction bits, rounded down in two steps (docs/softmax.md of the generator has the arithmetic).
// Input        {{ lanes }} signed scores, none above push_maximum; lanes that are not in use hold anything, and give anything.
// Latency      {{ latency }} cycles; push_tag goes with the beat. Nothing stalls: whoever sends has room for what comes out.
// Throughput   one beat every cycle.
// Reset        forgets everything. Data registers have no reset: their valid bits qualify them.

module softmax_exp #(
    parameter TAG_W = 8  // bits that travel with a beat
) (
    input  wire             clk,
    input  wire             {{ rst.port }},

    input  wire             push_valid,
    input  wire [{{ lanes * score_w - 1 }}:0] push_scores,
    input  wire [{{ score_w - 1 }}:0] push_maximum,
    input  wire [15:0]      push_mant,
    input  wire [5:0]       push_shift,
    input  wire [TAG_W-1:0] push_tag,

    output wire             pop_valid,
    output wire [{{ lanes * exp_w - 1 }}:0] pop_exps,
    output wire [TAG_W-1:0] pop_tag
);

  localparam LANES            = {{ lanes }};
  localparam SCORE_W          = {{ score_w }};
  localparam F                = {{ exp_w - 15 }};  // fraction bits of y
  localparam G                = F + 2;  // fraction bits of 2^-f, 0 <= f < 1
  localparam E                = F + 14;  // fraction bits of the exponential
  localparam OCTAVE_W         = 5;  // integer bits of y
  localparam MANT_W           = 16;
  localparam SHIFT_W          = 6;
  localparam ALIGN            = F + 17;  // left shift of a difference, before the right one
  localparam WINDOW_W         = F + 7;  // bits of an aligned difference
  localparam MOST_SHIFT       = 62;
  localparam FRACTION_LATENCY = {{ fraction_latency }};
  localparam LATENCY          = {{ latency }};

  genvar lane;
  genvar position;

  // ---- valid and tag ---------------------------------------------------------------------------------------------------

  reg [LATENCY-1:0] valid_q;  // bit i: a beat came i+1 cycles ago

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) valid_q <= {LATENCY{1'b0}};
    else valid_q <= {valid_q[LATENCY-2:0], push_valid};
  end

  assign pop_valid = valid_q[LATENCY-1];

  delay_line #(
      .WIDTH(TAG_W),
      .DEPTH(LATENCY)
  ) u_tag (
      .clk     (clk),
      .data_in (push_tag),
      .data_out(pop_tag)
  );

  // ---- stage 1: the difference; the scale with bit 15 of its mantissa set --------------------------------------------------

  // A mantissa of 0 stays 0, with a shift that no difference passes.
  wire               flat = push_mant == {MANT_W{1'b0}};
  wire [ MANT_W-1:0] top;  // the highest one of the mantissa, alone
  reg  [        3:0] leading;  // zeros above it
  reg  [ MANT_W-1:0] mant;
  reg  [ MANT_W-1:0] s1_mant_q;
  reg  [SHIFT_W-1:0] s1_shift_q;
  integer            place;

  generate
    for (position = 0; position < MANT_W; position = position + 1) begin : g_top
      if (position == MANT_W - 1) begin : g_highest
        assign top[position] = push_mant[position];
      end else begin : g_lower
        assign top[position] = push_mant[position]
                            && push_mant[MANT_W-1:position+1] == {(MANT_W - 1 - position){1'b0}};
      end
    end
  endgenerate

  always @(*) begin
    leading = 4'd0;
    mant    = {MANT_W{1'b0}};
    for (place = 0; place < MANT_W; place = place + 1) begin
      leading = leading | (~place[3:0] & {4{top[place]}});
      mant    = mant | ((push_mant << (MANT_W - 1 - place)) & {MANT_W{top[place]}});
    end
  end

  always @(posedge clk) begin
    s1_mant_q  <= mant;
    s1_shift_q <= flat ? MOST_SHIFT[SHIFT_W-1:0] : push_shift + {2'b00, leading};
  end

  reg [LANES*SCORE_W-1:0] s1_difference_q;

  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_difference
      always @(posedge clk) begin
        s1_difference_q[lane*SCORE_W+:SCORE_W] <= push_maximum - push_scores[lane*SCORE_W+:SCORE_W];
      end
    end
  endgenerate

  // ---- stage 2: alignment ------------------------------------------------------------------------------------------------

  // Bit b of the difference comes to bit b + ALIGN - shift. Ones at or above the window make y at least 32, as the
  // mantissa is at least 2^15; ones below bit 0 are rounded away.
  wire [SCORE_W-1:0] beyond;

  generate
    for (position = 0; position < SCORE_W; position = position + 1) begin : g_beyond
      localparam REACH = position + ALIGN - WINDOW_W;

      assign beyond[position] = s1_shift_q <= REACH[SHIFT_W-1:0];
    end
  endgenerate

  reg [        MANT_W-1:0] s2_mant_q;
  reg [LANES*WINDOW_W-1:0] s2_aligned_q;
  reg [         LANES-1:0] s2_lost_q;

  always @(posedge clk) s2_mant_q <= s1_mant_q;

  // Zeros above the difference, so that the window of every shift lies within: 2^SHIFT_W - 1 + WINDOW_W bits in all.
  localparam PAD_W = (1 << SHIFT_W) - 1 + WINDOW_W - ALIGN - SCORE_W;

  wire [SHIFT_W:0] window = {1'b0, s1_shift_q};  // its lowest bit

  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_align
      wire [SCORE_W-1:0] difference = s1_difference_q[lane*SCORE_W+:SCORE_W];
      wire [PAD_W+SCORE_W+ALIGN-1:0] extended = {{PAD_W{1'b0}}, difference, {ALIGN{1'b0}}};

      always @(posedge clk) begin
        s2_aligned_q[lane*WINDOW_W+:WINDOW_W] <= extended[window+:WINDOW_W];
        s2_lost_q[lane] <= |(difference & beyond);
      end
    end
  endgenerate

  // ---- stages 3 and 4: y, in octaves and a fraction ------------------------------------------------------------------------

  reg [LANES-1:0] s3_lost_q;

  always @(posedge clk) s3_lost_q <= s2_lost_q;

  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_exp
      wire [OCTAVE_W+F:0] y;  // its top bit is set from 32 on

      multiplier #(
          .A_W  (WINDOW_W),
          .B_W  (MANT_W),
          .DROP (MANT_W + 1),
          .ROUND(0)
      ) u_scale (
          .clk    (clk),
          .en     (1'b1),
          .a      (s2_aligned_q[lane*WINDOW_W+:WINDOW_W]),
          .b      (s2_mant_q),
          .product(y)
      );

      reg                 s4_zero_q;
      reg  [OCTAVE_W-1:0] s4_octave_q;
      reg  [       F-1:0] s4_fraction_q;

      always @(posedge clk) begin
        s4_zero_q <= s3_lost_q[lane] || y[OCTAVE_W+F];
        {s4_octave_q, s4_fraction_q} <= y[OCTAVE_W+F-1:0];
      end

      // ---- then the exponential of the fraction, and its shift by the octaves ----------------------------------------------

      wire                zero;
      wire [OCTAVE_W-1:0] octave;
      wire [         G:0] exp_fraction;

      delay_line #(
          .WIDTH(OCTAVE_W + 1),
          .DEPTH(FRACTION_LATENCY)
      ) u_octave (
          .clk     (clk),
          .data_in ({s4_zero_q, s4_octave_q}),
          .data_out({zero, octave})
      );

      softmax_fraction u_fraction (
          .clk(clk),
          .f  (s4_fraction_q),
          .g  (exp_fraction)
      );

      reg [E:0] exp_q;

      always @(posedge clk) begin
        exp_q <= zero ? {(E + 1){1'b0}} : {exp_fraction, {(E - G){1'b0}}} >> octave;
      end

      assign pop_exps[lane*(E+1)+:E+1] = exp_q;
    end
  endgenerate

endmodule
