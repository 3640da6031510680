// Purpose      decides, from the sum of a row's exponentials alone, whether the row is redone with its LSB planes: in a
//              row with push_auto when its largest probability is below push_threshold, else when push_force is set. An
//              empty row (push_sum = 0) is never redone.
// Method       the largest probability is that of the exponential 1, the reciprocal of the sum. With the sum normalised
//              to s * 2^(q-{{ divisor_w - 1 }}), where s has {{ divisor_w }} bits, the top one set, it is below the threshold just when
//              (16 * threshold - 9) * s exceeds 2^({{ 2 * config.prob_width + 9 }}-q): one multiplication, built of four partial products, and no
//              division. The page on the softmax has the proof.
// Row          one item: push_sum with {{ sum_f }} fraction bits, 0 or at least 1.0.
// Protocol     valid/ready on both sides: valid never waits for ready, and a payload offered stays until it is taken.
// Latency      a row accepted in cycle t is offered in cycle t+6.
// Throughput   one row every cycle.
// Reset        empties the pipeline. Payload registers have no reset: their valid bits qualify them.

module requant_decision #(
    parameter CTX_W = 16  // bits that travel with a row
) (
    input  wire             clk,
    input  wire             {{ rst.port }},

    input  wire             push_valid,
    output wire             push_ready,
    input  wire [{{ sum_w - 1 }}:0] push_sum,
    input  wire [{{ config.prob_width - 1 }}:0] push_threshold,
    input  wire             push_auto,
    input  wire             push_force,
    input  wire [CTX_W-1:0] push_ctx,

    output wire             pop_valid,
    input  wire             pop_ready,
    output wire             pop_redo,
    output wire [CTX_W-1:0] pop_ctx
);

  localparam PROB_W    = {{ config.prob_width }};
  localparam SUM_W     = {{ sum_w }};
  localparam SUM_F     = {{ sum_f }};  // fraction bits of the sum
  localparam OCTAVES   = {{ octaves }};  // octaves of the sum, from 1.0 on
  localparam DIVISOR_W = {{ divisor_w }};  // bits of s
  localparam FACTOR_W  = {{ factor_w }};  // bits of 16 * threshold - 9
  localparam HALF_W    = {{ half_w }};  // where both operands are cut in two
  localparam S_HIGH_W  = DIVISOR_W - HALF_W;
  localparam T_HIGH_W  = FACTOR_W - HALF_W;
  localparam UPPER_W   = S_HIGH_W + T_HIGH_W + HALF_W;  // bits of the product from bit HALF_W on

  // ---- flow ------------------------------------------------------------------------------------

  // All stages move together, when the last one is empty or the register slice at the end takes it.
  reg  [5:1] valid_q;
  wire       out_ready;
  wire       advance = !valid_q[5] || out_ready;

  assign push_ready = advance;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) valid_q <= 5'd0;
    else if (advance) valid_q <= {valid_q[4:1], push_valid};
  end

  // What travels along: the row's context, and who decides.
  reg [5*CTX_W-1:0] ctx_q;  // stage 1 in the low bits
  reg [        5:1] force_q;  // redone by command
  reg [        5:1] auto_q;  // redone if below the threshold, which is not 0

  always @(posedge clk) begin
    if (advance) begin
      ctx_q   <= {ctx_q[4*CTX_W-1:0], push_ctx};
      force_q <= {force_q[4:1], !push_auto && push_force};
      auto_q  <= {auto_q[4:1], push_auto && push_threshold != {PROB_W{1'b0}}};
    end
  end

  // ---- stage 1: the octave of the sum, one-hot; 0 for an empty row -------------------------------

  wire [OCTAVES-1:0] whole = push_sum[SUM_W-1:SUM_F];  // the sum without its fraction
  wire [OCTAVES-1:0] leading;

  genvar octave;
  generate
    for (octave = 0; octave < OCTAVES; octave = octave + 1) begin : g_leading
      if (octave == OCTAVES - 1) begin : g_top
        assign leading[octave] = whole[octave];
      end else begin : g_below
        assign leading[octave] =
            whole[octave] && whole[OCTAVES-1:octave+1] == {(OCTAVES - 1 - octave){1'b0}};
      end
    end
  endgenerate

  // Bits of the sum below those that s can take are dropped here.
  localparam KEPT_W = OCTAVES + DIVISOR_W - 1;

  wire [SUM_W-KEPT_W-1:0] unused_sum = push_sum[SUM_W-KEPT_W-1:0];

  reg  [   OCTAVES-1:0] s1_octave_q;
  reg  [    KEPT_W-1:0] s1_sum_q;
  reg  [  FACTOR_W-1:0] s1_factor_q;

  always @(posedge clk) begin
    if (advance) begin
      s1_octave_q <= leading;
      s1_sum_q    <= push_sum[SUM_W-1:SUM_W-KEPT_W];
      s1_factor_q <= {push_threshold, 4'd0} - {{(FACTOR_W - 4){1'b0}}, 4'd9};
    end
  end

  // ---- stage 2: s ----------------------------------------------------------------------------------

  reg     [DIVISOR_W-1:0] divisor;
  integer                 i;

  always @(*) begin
    divisor = {DIVISOR_W{1'b0}};
    for (i = 0; i < OCTAVES; i = i + 1) begin
      divisor = divisor | ({DIVISOR_W{s1_octave_q[i]}} & s1_sum_q[i+:DIVISOR_W]);
    end
  end

  reg [  OCTAVES-1:0] s2_octave_q;
  reg [DIVISOR_W-1:0] s2_divisor_q;
  reg [ FACTOR_W-1:0] s2_factor_q;

  always @(posedge clk) begin
    if (advance) begin
      s2_octave_q  <= s1_octave_q;
      s2_divisor_q <= divisor;
      s2_factor_q  <= s1_factor_q;
    end
  end

  // ---- stages 3 to 5: the product --------------------------------------------------------------------

  wire [  HALF_W-1:0] s_low = s2_divisor_q[HALF_W-1:0];
  wire [S_HIGH_W-1:0] s_high = s2_divisor_q[DIVISOR_W-1:HALF_W];
  wire [  HALF_W-1:0] t_low = s2_factor_q[HALF_W-1:0];
  wire [T_HIGH_W-1:0] t_high = s2_factor_q[FACTOR_W-1:HALF_W];

  reg  [          OCTAVES-1:0] s3_octave_q;
  reg  [S_HIGH_W+T_HIGH_W-1:0] s3_high_product_q;
  reg  [  S_HIGH_W+HALF_W-1:0] s3_s_product_q;
  reg  [  T_HIGH_W+HALF_W-1:0] s3_t_product_q;
  reg  [         2*HALF_W-1:0] s3_low_product_q;

  always @(posedge clk) begin
    if (advance) begin
      s3_octave_q       <= s2_octave_q;
      s3_high_product_q <= s_high * t_high;
      s3_s_product_q    <= s_high * t_low;
      s3_t_product_q    <= s_low * t_high;
      s3_low_product_q  <= s_low * t_low;
    end
  end

  // The low HALF_W bits of the product are those of s3_low_product_q, and do not matter.
  wire [HALF_W-1:0] unused_low = s3_low_product_q[HALF_W-1:0];

  reg [OCTAVES-1:0] s4_octave_q;
  reg [UPPER_W-1:0] s4_outer_q;
  reg [UPPER_W-1:0] s4_middle_q;

  always @(posedge clk) begin
    if (advance) begin
      s4_octave_q <= s3_octave_q;
      s4_outer_q  <= {s3_high_product_q, s3_low_product_q[2*HALF_W-1:HALF_W]};
      s4_middle_q <= {{(UPPER_W - S_HIGH_W - HALF_W){1'b0}}, s3_s_product_q}
                     + {{(UPPER_W - T_HIGH_W - HALF_W){1'b0}}, s3_t_product_q};
    end
  end

  // Only the bits that can be worth 2^({{ 2 * config.prob_width + 9 }}-q) or more are looked at: as many as there are octaves.
  wire [OCTAVES-1:0] product;
  wire [UPPER_W-OCTAVES-1:0] unused_product;

  assign {product, unused_product} = s4_outer_q + s4_middle_q;

  reg [OCTAVES-1:0] s5_octave_q;
  reg [OCTAVES-1:0] s5_bits_q;

  always @(posedge clk) begin
    if (advance) begin
      s5_octave_q <= s4_octave_q;
      s5_bits_q   <= product;
    end
  end

  // ---- stage 6: the comparison -------------------------------------------------------------------------

  // 16 * threshold - 9 is odd and above 1, so the product is no power of two: it exceeds the bound just when one of its
  // bits from the bound's on is set.
  reg exceeds;

  always @(*) begin
    exceeds = 1'b0;
    for (i = 0; i < OCTAVES; i = i + 1) begin
      exceeds = exceeds
                | (s5_octave_q[i] && (s5_bits_q >> (OCTAVES - 1 - i)) != {OCTAVES{1'b0}});
    end
  end

  wire occupied = s5_octave_q != {OCTAVES{1'b0}};
  wire redo = occupied && (force_q[5] || (auto_q[5] && exceeds));

  stream_reg #(
      .WIDTH(CTX_W + 1)
  ) u_pop_reg (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(valid_q[5]),
      .push_ready(out_ready),
      .push_data ({ctx_q[4*CTX_W+:CTX_W], redo}),
      .pop_valid (pop_valid),
      .pop_ready (pop_ready),
      .pop_data  ({pop_ctx, pop_redo})
  );

endmodule
