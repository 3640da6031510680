// stream_reg keeps fifo_rules: two items, each offered in the cycle after it was accepted.
module proof #(
    parameter WIDTH = 2
) (
    input wire             clk,
    input wire             rst,
    input wire             push_valid,
    input wire [WIDTH-1:0] push_data,
    input wire             pop_ready,
    input wire             choose
);
  wire             push_ready;
  wire             pop_valid;
  wire [WIDTH-1:0] pop_data;

  stream_reg #(
      .WIDTH(WIDTH)
  ) dut (
      .clk(clk),
      .rst(rst),
      .push_valid(push_valid),
      .push_ready(push_ready),
      .push_data(push_data),
      .pop_valid(pop_valid),
      .pop_ready(pop_ready),
      .pop_data(pop_data)
  );

  fifo_rules #(
      .WIDTH(WIDTH),
      .CAPACITY(2),
      .LATENCY(0)
  ) rules (
      .clk(clk),
      .rst(rst),
      .push_valid(push_valid),
      .push_ready(push_ready),
      .push_data(push_data),
      .pop_valid(pop_valid),
      .pop_ready(pop_ready),
      .pop_data(pop_data),
      .choose(choose)
  );
endmodule
