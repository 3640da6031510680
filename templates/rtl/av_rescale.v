// Purpose      out = sat(rne(sum * mant / 2^shift)) in each of LANES lanes: an exact product, one rounding, half to even,
//              and one saturation to {{ out_w }} bits.
// Structure    a sum is cut into CHUNKS chunks of at most 12 bits; their products with the mantissa are added in two steps.
//              The shift is made in two steps too, by a multiple of 16 and by 0 to 15. What they drop lives on in two
//              bits: guard, the first bit below the result, and sticky, whether any bit below that is set.
// Range        SUM_W is 16 to 47; in_shift is 0 to 47.
// Protocol     no back-pressure: what goes in comes out, in_tag with it.
// Latency      6 cycles.
// Throughput   one beat every cycle.
// Reset        clears the valid bits. Payload registers have no reset: their valid bits qualify them.

module av_rescale #(
    parameter LANES = {{ output_lanes }},  // elements of a beat
    parameter SUM_W = {{ sum_w }},  // bits of a sum, signed
    parameter TAG_W = 1  // bits that travel with a beat
) (
    input  wire                  clk,
    input  wire                  {{ rst.port }},

    input  wire                  in_valid,
    input  wire [LANES*SUM_W-1:0] in_sums,
    input  wire [15:0]           in_mant,
    input  wire [5:0]            in_shift,
    input  wire [TAG_W-1:0]      in_tag,

    output wire                  out_valid,
    output wire [LANES*{{ out_w }}-1:0] out_data,
    output wire [TAG_W-1:0]      out_tag
);

  localparam OUT_W     = {{ out_w }};
  localparam MANT_W    = 16;
  localparam STAGES    = 6;
  localparam CHUNKS    = (SUM_W <= 36) ? 3 : 4;
  localparam CHUNK_W   = (SUM_W + CHUNKS - 1) / CHUNKS;  // of all chunks but the topmost, the signed one
  localparam TOP_W     = SUM_W - (CHUNKS - 1) * CHUNK_W;
  localparam PART_W    = CHUNK_W + MANT_W;  // bits of the product of a chunk
  localparam TOP_PART_W = TOP_W + MANT_W;
  localparam LOW_W     = 2 * CHUNK_W + MANT_W;  // bits of the product of the two lowest chunks
  localparam PRODUCT_W = SUM_W + MANT_W;
  localparam HIGH_W    = PRODUCT_W - 2 * CHUNK_W;  // bits of the product of the other chunks
  localparam WIDE_W    = 64;  // a product with its sign extended: more than any product, or than any NEAR_W + 32
  localparam NEAR_W    = OUT_W + 15;  // what does not fit here after the first shift does not fit OUT_W after the second

  // ---- what travels along ----------------------------------------------------------------------------------------------

  // Bit or lane 0 goes with the registers of stage 1.
  reg [      STAGES-1:0] valid_q;
  reg [STAGES*TAG_W-1:0] tag_q;
  reg [         3*2-1:0] far_shift_q;
  reg [         4*4-1:0] near_shift_q;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) valid_q <= {STAGES{1'b0}};
    else valid_q <= {valid_q[STAGES-2:0], in_valid};
  end

  always @(posedge clk) begin
    tag_q        <= {tag_q[(STAGES-1)*TAG_W-1:0], in_tag};
    far_shift_q  <= {far_shift_q[2*2-1:0], in_shift[5:4]};
    near_shift_q <= {near_shift_q[3*4-1:0], in_shift[3:0]};
  end

  wire [1:0] far_shift = far_shift_q[2*2+:2];  // in units of 16, for stage 4
  wire [3:0] near_shift = near_shift_q[3*4+:4];  // for stage 5

  assign out_valid = valid_q[STAGES-1];
  assign out_tag   = tag_q[(STAGES-1)*TAG_W+:TAG_W];

  genvar lane;
  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_lane

      // ---- stage 1: products of the chunks ---------------------------------------------------------------------------

      wire [SUM_W-1:0] sum = in_sums[lane*SUM_W+:SUM_W];
      wire [TOP_W-1:0] top = sum[SUM_W-1-:TOP_W];

      wire signed [TOP_PART_W-1:0] top_factor = {{MANT_W{top[TOP_W-1]}}, top};
      wire signed [TOP_PART_W-1:0] top_mant   = {{TOP_W{1'b0}}, in_mant};

      reg        [(CHUNKS-1)*PART_W-1:0] parts_q;
      reg signed [       TOP_PART_W-1:0] top_part_q;
      integer                            chunk;

      always @(posedge clk) begin
        if (in_valid) begin
          for (chunk = 0; chunk < CHUNKS - 1; chunk = chunk + 1) begin
            parts_q[chunk*PART_W+:PART_W] <= {{MANT_W{1'b0}}, sum[chunk*CHUNK_W+:CHUNK_W]}
                                           * {{CHUNK_W{1'b0}}, in_mant};
          end
          top_part_q <= top_factor * top_mant;
        end
      end

      // ---- stage 2: sums of two ------------------------------------------------------------------------------------------

      // The lower chunks are unsigned, and so is what they carry upwards.
      reg [ LOW_W-1:0] low_q;
      reg [HIGH_W-1:0] high_q;

      always @(posedge clk) begin
        if (valid_q[0]) begin
          low_q[CHUNK_W-1:0] <= parts_q[CHUNK_W-1:0];
          low_q[LOW_W-1:CHUNK_W] <= parts_q[PART_W+:PART_W]
                                  + {{CHUNK_W{1'b0}}, parts_q[CHUNK_W+:MANT_W]};
        end
      end

      if (CHUNKS == 3) begin : g_three_chunks
        always @(posedge clk) begin
          if (valid_q[0]) high_q <= top_part_q;
        end
      end else begin : g_four_chunks
        always @(posedge clk) begin
          if (valid_q[0]) begin
            high_q[CHUNK_W-1:0] <= parts_q[2*PART_W+:CHUNK_W];
            high_q[HIGH_W-1:CHUNK_W] <= top_part_q
                                      + {{TOP_W{1'b0}}, parts_q[2*PART_W+CHUNK_W+:MANT_W]};
          end
        end
      end

      // ---- stage 3: the product --------------------------------------------------------------------------------------------

      reg [PRODUCT_W-1:0] product_q;

      always @(posedge clk) begin
        if (valid_q[1]) begin
          product_q[2*CHUNK_W-1:0] <= low_q[2*CHUNK_W-1:0];
          product_q[PRODUCT_W-1:2*CHUNK_W] <= high_q
                                            + {{(HIGH_W - MANT_W){1'b0}}, low_q[LOW_W-1-:MANT_W]};
        end
      end

      // ---- stage 4: shift by 0, 16 or 32 -------------------------------------------------------------------------------------

      wire              negative = product_q[PRODUCT_W-1];
      wire [WIDE_W-1:0] wide = {{(WIDE_W - PRODUCT_W){negative}}, product_q};
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
        if (valid_q[2]) begin
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
        if (valid_q[3]) begin
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
      wire             over = over_q || floor_q[NEAR_W-1:OUT_W-1] != {(NEAR_W - OUT_W + 1){negative_q}};
      wire             up = guard_q && (sticky_q || floor_q[0]);

      reg [OUT_W-1:0] out_q;

      always @(posedge clk) begin
        if (valid_q[4]) begin
          if (over) out_q <= negative_q ? least : most;
          else if (up && floor != most) out_q <= floor + 1'b1;
          else out_q <= floor;
        end
      end

      assign out_data[lane*OUT_W+:OUT_W] = out_q;
    end
  endgenerate

endmodule
