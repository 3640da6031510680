// Purpose      one lane of av_rescale: out = sat(rne(sum * mant / 2^shift)), an exact product, one rounding, half to even, and
//              one saturation to {{ out_w }} bits.
// Structure    the sum is cut into four chunks of at most 12 bits; their products with the mantissa are added in two steps.
//              The shift is made in two steps too, by far_shift * 16 and by near_shift. What they drop lives on in two bits:
//              guard, the first bit below the result, and sticky, whether any bit below that is set.
// Stages       {{ stages }} register stages. In a cycle with step[i] stage i takes what the stage before it holds, and keeps its own
//              value in other cycles. far_shift is that of what stage 3 takes, near_shift that of what stage 4 takes.
// Range        SUM_W is 16 to 47; far_shift is at most 2.
// Latency      with step all ones, a sum present in cycle t is out in cycle t+{{ stages }}.
// Throughput   a sum every cycle.
// Reset        none: whoever drives step knows which stages hold something.

module av_rescale_lane #(
    parameter SUM_W = {{ sum_w }}  // bits of a sum, signed
) (
    input  wire             clk,
    input  wire [{{ stages - 1 }}:0] step,
    input  wire [SUM_W-1:0] sum,
    input  wire [     15:0] mant,
    input  wire [      1:0] far_shift,
    input  wire [      3:0] near_shift,
    output wire [{{ out_w - 1 }}:0] out
);

  localparam OUT_W      = {{ out_w }};
  localparam MANT_W     = 16;
  localparam CHUNKS     = 4;
  localparam CHUNK_W    = (SUM_W + CHUNKS - 1) / CHUNKS;
  localparam TOP_W      = SUM_W - (CHUNKS - 1) * CHUNK_W;  // of the topmost chunk, the signed one
  localparam PART_W     = CHUNK_W + MANT_W;  // bits of the product of a chunk
  localparam TOP_PART_W = TOP_W + MANT_W;
  localparam LOW_W      = 2 * CHUNK_W + MANT_W;  // bits of the product of the two lowest chunks
  localparam PRODUCT_W  = SUM_W + MANT_W;
  localparam HIGH_W     = PRODUCT_W - 2 * CHUNK_W;  // bits of the product of the two highest chunks

  // What does not fit NEAR_W bits after the first shift does not fit OUT_W bits after the second. WIDE_W is more than
  // PRODUCT_W and than NEAR_W + 32.
  localparam NEAR_W = OUT_W + 15;
  localparam WIDE_W = 64;

  // ---- stage 1: products of the chunks ---------------------------------------------------------------------------

  wire [TOP_W-1:0] top = sum[SUM_W-1-:TOP_W];

  wire signed [TOP_PART_W-1:0] top_factor = {{MANT_W{top[TOP_W-1]}}, top};
  wire signed [TOP_PART_W-1:0] top_mant   = {{TOP_W{1'b0}}, mant};

  reg        [(CHUNKS-1)*PART_W-1:0] products_q;
  reg signed [       TOP_PART_W-1:0] top_product_q;
  integer                            chunk;

  always @(posedge clk) begin
    if (step[0]) begin
      for (chunk = 0; chunk < CHUNKS - 1; chunk = chunk + 1) begin
        products_q[chunk*PART_W+:PART_W] <= {{MANT_W{1'b0}}, sum[chunk*CHUNK_W+:CHUNK_W]}
                                          * {{CHUNK_W{1'b0}}, mant};
      end
      top_product_q <= top_factor * top_mant;
    end
  end

  // ---- stage 2: sums of two ------------------------------------------------------------------------------------------

  // The lower chunks are unsigned, and so is what they carry upwards.
  reg [ LOW_W-1:0] low_q;
  reg [HIGH_W-1:0] high_q;

  always @(posedge clk) begin
    if (step[1]) begin
      low_q[CHUNK_W-1:0] <= products_q[CHUNK_W-1:0];
      low_q[LOW_W-1:CHUNK_W] <= products_q[PART_W+:PART_W]
                              + {{CHUNK_W{1'b0}}, products_q[CHUNK_W+:MANT_W]};
      high_q[CHUNK_W-1:0] <= products_q[2*PART_W+:CHUNK_W];
      high_q[HIGH_W-1:CHUNK_W] <= top_product_q
                                + {{TOP_W{1'b0}}, products_q[2*PART_W+CHUNK_W+:MANT_W]};
    end
  end

  // ---- stage 3: the product --------------------------------------------------------------------------------------------

  reg [PRODUCT_W-1:0] whole_q;

  always @(posedge clk) begin
    if (step[2]) begin
      whole_q[2*CHUNK_W-1:0] <= low_q[2*CHUNK_W-1:0];
      whole_q[PRODUCT_W-1:2*CHUNK_W] <= high_q
                                      + {{(HIGH_W - MANT_W){1'b0}}, low_q[LOW_W-1-:MANT_W]};
    end
  end

  // ---- stage 4: shift by 0, 16 or 32 -------------------------------------------------------------------------------------

  wire              negative = whole_q[PRODUCT_W-1];
  wire [WIDE_W-1:0] wide = {{(WIDE_W - PRODUCT_W){negative}}, whole_q};
  reg  [WIDE_W-1:0] far;
  reg               far_guard;
  reg               far_sticky;

  always @(*) begin
    far        = wide;
    far_guard  = 1'b0;
    far_sticky = 1'b0;
    if (far_shift[1]) begin
      far        = {{32{negative}}, wide[WIDE_W-1:32]};
      far_guard  = wide[31];
      far_sticky = |wide[30:0];
    end else if (far_shift[0]) begin
      far        = {{16{negative}}, wide[WIDE_W-1:16]};
      far_guard  = wide[15];
      far_sticky = |wide[14:0];
    end
  end

  reg [NEAR_W-1:0] near_q;
  reg              near_guard_q;
  reg              near_sticky_q;
  reg              near_negative_q;
  reg              near_over_q;  // even the largest second shift leaves more than OUT_W bits

  always @(posedge clk) begin
    if (step[3]) begin
      near_q          <= far[NEAR_W-1:0];
      near_guard_q    <= far_guard;
      near_sticky_q   <= far_sticky;
      near_negative_q <= negative;
      near_over_q     <= far[WIDE_W-1:NEAR_W-1] != {(WIDE_W - NEAR_W + 1){negative}};
    end
  end

  // ---- stage 5: shift by 0 to 15 -------------------------------------------------------------------------------------------

  // The guard is shifted along: the lowest bit of the result is the new guard.
  wire signed [NEAR_W:0] near = {near_q, near_guard_q};
  wire        [    14:0] dropped = near[14:0] & ~(15'h7fff << near_shift);

  reg [NEAR_W-1:0] floor_q;
  reg              guard_q;
  reg              sticky_q;
  reg              negative_q;
  reg              over_q;

  always @(posedge clk) begin
    if (step[4]) begin
      {floor_q, guard_q} <= near >>> near_shift;
      sticky_q           <= near_sticky_q || dropped != 15'd0;
      negative_q         <= near_negative_q;
      over_q             <= near_over_q;
    end
  end

  // ---- stage 6: rounding and saturation ------------------------------------------------------------------------------------

  wire [OUT_W-1:0] most = {1'b0, {(OUT_W - 1) {1'b1}}};
  wire [OUT_W-1:0] least = {1'b1, {(OUT_W - 1) {1'b0}}};
  wire [OUT_W-1:0] floor = floor_q[OUT_W-1:0];
  wire             over = over_q
                       || floor_q[NEAR_W-1:OUT_W-1] != {(NEAR_W - OUT_W + 1){negative_q}};
  wire             up = guard_q && (sticky_q || floor_q[0]);

  reg [OUT_W-1:0] out_q;

  always @(posedge clk) begin
    if (step[5]) begin
      if (over) out_q <= negative_q ? least : most;
      else if (up && floor != most) out_q <= floor + 1'b1;
      else out_q <= floor;
    end
  end

  assign out = out_q;

endmodule
