// stream_fifo keeps fifo_rules. With SPATTEN_CHECKS a read of the address that is being written gives a wrong word, so
// that the proof also shows that this never happens.
module proof #(
    parameter WIDTH       = 1,
    parameter DEPTH       = 3,
    parameter RAM_LATENCY = 1
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

  stream_fifo #(
      .WIDTH(WIDTH),
      .DEPTH(DEPTH)
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

  // An item accepted in cycle t is inside from t+1 and offered in t+RAM_LATENCY+2.
  fifo_rules #(
      .WIDTH(WIDTH),
      .CAPACITY(DEPTH + RAM_LATENCY + 2),
      .LATENCY(RAM_LATENCY + 1)
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
