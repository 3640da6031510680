// Purpose      one leaf of the adder tree of qk_array: the sum of {{ leaf }} products, exact.
// Operation    sum = query[0] * key[0] + ... + query[{{ leaf - 1 }}] * key[{{ leaf - 1 }}], all signed, element i at bits i*{{ config.width }}.
// Stages       four register stages: products, sums of four, sums of sixteen, sum. In a cycle with step[i] stage i takes
//              what the stage before it holds, and keeps its own value in other cycles.
// Latency      with step all ones, operands present in cycle t give the sum in cycle t+4.
// Throughput   one sum every cycle.
// Reset        none: whoever drives step knows which stages hold something.

module dot_product (
    input  wire                       clk,
    input  wire [3:0]                 step,
    input  wire [{{ leaf * config.width - 1 }}:0] query,
    input  wire [{{ leaf * config.width - 1 }}:0] key,
    output wire [{{ sum_w - 1 }}:0] sum
);

  localparam WIDTH     = {{ config.width }};  // bits of an element
  localparam LEAF      = {{ leaf }};  // products
  localparam PRODUCT_W = 2 * WIDTH;
  localparam FOUR_W    = PRODUCT_W + 2;
  localparam SIXTEEN_W = FOUR_W + 2;
  localparam SUM_W     = SIXTEEN_W + 1;

  // What a stage holds, each lane with the sign bits that the next sum needs.
  wire [    LEAF*FOUR_W-1:0] products;
  wire [LEAF/4*SIXTEEN_W-1:0] fours;
  wire [   LEAF/16*SUM_W-1:0] sixteens;

  genvar i;
  generate
    for (i = 0; i < LEAF; i = i + 1) begin : g_product
      wire signed [WIDTH-1:0] q = query[i*WIDTH+:WIDTH];
      wire signed [WIDTH-1:0] k = key[i*WIDTH+:WIDTH];
      reg signed [PRODUCT_W-1:0] product_q;

      always @(posedge clk) begin
        if (step[0]) product_q <= q * k;
      end

      assign products[i*FOUR_W+:FOUR_W] = {{2{product_q[PRODUCT_W-1]}}, product_q};
    end

    for (i = 0; i < LEAF / 4; i = i + 1) begin : g_four
      wire [4*FOUR_W-1:0] terms = products[4*i*FOUR_W+:4*FOUR_W];
      reg [FOUR_W-1:0] four_q;

      always @(posedge clk) begin
        if (step[1]) begin
          four_q <= (terms[0+:FOUR_W] + terms[FOUR_W+:FOUR_W]) +
                    (terms[2*FOUR_W+:FOUR_W] + terms[3*FOUR_W+:FOUR_W]);
        end
      end

      assign fours[i*SIXTEEN_W+:SIXTEEN_W] = {{2{four_q[FOUR_W-1]}}, four_q};
    end

    for (i = 0; i < LEAF / 16; i = i + 1) begin : g_sixteen
      wire [4*SIXTEEN_W-1:0] terms = fours[4*i*SIXTEEN_W+:4*SIXTEEN_W];
      reg [SIXTEEN_W-1:0] sixteen_q;

      always @(posedge clk) begin
        if (step[2]) begin
          sixteen_q <= (terms[0+:SIXTEEN_W] + terms[SIXTEEN_W+:SIXTEEN_W]) +
                       (terms[2*SIXTEEN_W+:SIXTEEN_W] + terms[3*SIXTEEN_W+:SIXTEEN_W]);
        end
      end

      assign sixteens[i*SUM_W+:SUM_W] = {sixteen_q[SIXTEEN_W-1], sixteen_q};
    end
  endgenerate

  reg [SUM_W-1:0] sum_q;

  always @(posedge clk) begin
    if (step[3]) sum_q <= sixteens[0+:SUM_W] + sixteens[SUM_W+:SUM_W];
  end

  assign sum = sum_q;

endmodule
