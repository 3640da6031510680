// Purpose      out = sat(rne(sum * mant / 2^shift)) in each of LANES lanes: an exact product, one rounding, half to even,
//              and one saturation to {{ out_w }} bits.
// Structure    a pipeline in each lane, and what is common to them beside it: valid bits, shifts, tag.
// Range        SUM_W is 16 to 47; in_shift is 0 to 47.
// Protocol     no back-pressure: what goes in comes out, in_tag with it.
// Latency      {{ stages }} cycles.
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

  localparam OUT_W  = {{ out_w }};
  localparam STAGES = {{ stages }};

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

  wire [1:0] far_shift = far_shift_q[2*2+:2];  // in units of 16, for the fourth stage
  wire [3:0] near_shift = near_shift_q[3*4+:4];  // for the fifth stage

  assign out_valid = valid_q[STAGES-1];
  assign out_tag   = tag_q[(STAGES-1)*TAG_W+:TAG_W];

  genvar lane;
  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_lane
      av_rescale_lane #(
          .SUM_W(SUM_W)
      ) u_lane (
          .clk       (clk),
          .step      ({valid_q[STAGES-2:0], in_valid}),
          .sum       (in_sums[lane*SUM_W+:SUM_W]),
          .mant      (in_mant),
          .far_shift (far_shift),
          .near_shift(near_shift),
          .out       (out_data[lane*OUT_W+:OUT_W])
      );
    end
  endgenerate

endmodule
