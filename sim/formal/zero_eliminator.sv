// zero_eliminator keeps fifo_rules when what it must answer stands for what it was given: a plain loop packs each beat
// at the input, and the rules follow the packed beat to the output.
module proof #(
    parameter LANES  = 4,
    parameter DATA_W = 1,
    parameter CHAIN  = 0
) (
    input wire                    clk,
    input wire                    rst,
    input wire                    push_valid,
    input wire [LANES*DATA_W-1:0] push_data,
    input wire [       LANES-1:0] push_keep,
    input wire                    push_last,
    input wire                    pop_ready,
    input wire                    choose
);
  localparam LANE_W  = LANES > 1 ? $clog2(LANES) : 1;
  localparam COUNT_W = $clog2(LANES + 1);

  wire                    push_ready;
  wire                    pop_valid;
  wire [LANES*DATA_W-1:0] pop_data;
  wire [       LANES-1:0] pop_keep;
  wire [      LANE_W-1:0] pop_start;
  wire [     COUNT_W-1:0] pop_count;
  wire                    pop_last;

  zero_eliminator #(
      .DATA_W(DATA_W),
      .CHAIN (CHAIN)
  ) dut (
      .clk(clk),
      .rst(rst),
      .push_valid(push_valid),
      .push_ready(push_ready),
      .push_data(push_data),
      .push_keep(push_keep),
      .push_last(push_last),
      .pop_valid(pop_valid),
      .pop_ready(pop_ready),
      .pop_data(pop_data),
      .pop_keep(pop_keep),
      .pop_start(pop_start),
      .pop_count(pop_count),
      .pop_last(pop_last)
  );

  // Lane that the next kept element goes to.
  reg [LANE_W-1:0] start = 0;

  reg [LANES*DATA_W-1:0] packed_data;
  reg [       LANES-1:0] packed_keep;
  reg [     COUNT_W-1:0] packed_count;
  reg [LANES*DATA_W-1:0] shown_data;
  integer lane;

  always @(*) begin
    packed_data  = 0;
    packed_keep  = 0;
    packed_count = 0;
    for (lane = 0; lane < LANES; lane = lane + 1) begin
      if (push_keep[lane]) begin
        packed_data[((start+packed_count)%LANES)*DATA_W+:DATA_W] = push_data[lane*DATA_W+:DATA_W];
        packed_keep[(start+packed_count)%LANES] = 1'b1;
        packed_count = packed_count + 1;
      end
    end
    // The data of lanes without an element is undefined.
    for (lane = 0; lane < LANES; lane = lane + 1)
      shown_data[lane*DATA_W+:DATA_W] = pop_keep[lane] ? pop_data[lane*DATA_W+:DATA_W] : {DATA_W{1'b0}};
  end

  always @(posedge clk) begin
    if (rst) start <= 0;
    else if (push_valid && push_ready && CHAIN != 0) start <= push_last ? 0 : (start + packed_count) % LANES;
  end

  fifo_rules #(
      .WIDTH(LANES * DATA_W + LANES + LANE_W + COUNT_W + 1),
      .CAPACITY(2),
      .LATENCY(1)
  ) rules (
      .clk(clk),
      .rst(rst),
      .push_valid(push_valid),
      .push_ready(push_ready),
      .push_data({packed_data, packed_keep, start, packed_count, push_last}),
      .pop_valid(pop_valid),
      .pop_ready(pop_ready),
      .pop_data({shown_data, pop_keep, pop_start, pop_count, pop_last}),
      .choose(choose)
  );
endmodule
