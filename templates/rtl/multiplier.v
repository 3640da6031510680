// Purpose      product = a * b / 2^DROP, rounded down or half up, of unsigned numbers.
// Structure    b of at most 12 bits: one product, in a register. A wider b is cut in two halves: two products in
//              registers and one adder behind them, so that no path has more than a product of 12 rows or an adder.
// Latency      1 cycle: the product of what a and b were when en was last 1.
// Throughput   one product every cycle.
// Reset        none: the register holds data only.

module multiplier #(
    parameter A_W   = 16,  // bits of a, at least those of b
    parameter B_W   = 16,  // bits of b, 1 to 24
    parameter DROP  = 16,  // low bits of the product that are dropped, at least 1
    parameter ROUND = 0  // 0: rounded down, 1: half up, where that fits A_W+B_W bits
) (
    input  wire                    clk,
    input  wire                    en,

    input  wire [         A_W-1:0] a,
    input  wire [         B_W-1:0] b,
    output wire [A_W+B_W-DROP-1:0] product
);

  localparam PRODUCT_W = A_W + B_W;
  localparam ROWS      = 12;  // most bits of b in one product

  localparam [PRODUCT_W-1:0] ONE = {{(PRODUCT_W - 1){1'b0}}, 1'b1};
  localparam [PRODUCT_W-1:0] HALF = (ROUND != 0) ? ONE << (DROP - 1) : {PRODUCT_W{1'b0}};

  wire [DROP-1:0] unused_low;

  generate
    if (B_W <= ROWS) begin : g_whole
      reg [PRODUCT_W-1:0] product_q;

      always @(posedge clk) begin
        if (en) product_q <= {{B_W{1'b0}}, a} * {{A_W{1'b0}}, b} + HALF;
      end

      assign {product, unused_low} = product_q;
    end else begin : g_halves
      localparam LOW_W  = (B_W + 1) / 2;
      localparam HIGH_W = B_W - LOW_W;

      wire [ A_W+LOW_W-1:0] low_half = {{A_W{1'b0}}, HALF[LOW_W-1:0]};
      wire [A_W+HIGH_W-1:0] high_half = HALF[PRODUCT_W-1:LOW_W];

      reg  [ A_W+LOW_W-1:0] low_product_q;
      reg  [A_W+HIGH_W-1:0] high_product_q;

      always @(posedge clk) begin
        if (en) begin
          low_product_q  <= {{LOW_W{1'b0}}, a} * {{A_W{1'b0}}, b[LOW_W-1:0]} + low_half;
          high_product_q <= {{HIGH_W{1'b0}}, a} * {{A_W{1'b0}}, b[B_W-1:LOW_W]} + high_half;
        end
      end

      assign {product, unused_low} =
          {high_product_q, {LOW_W{1'b0}}} + {{HIGH_W{1'b0}}, low_product_q};
    end
  endgenerate

endmodule
