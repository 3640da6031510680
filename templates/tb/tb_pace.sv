// When a side of a stream is willing to transfer. Seeds go in turn through: everybody always; gaps at random;
// back-pressure at random; both; bursts; ready only after valid; one side held for a while.

`default_nettype none

module tb_pace #(
    parameter SOURCE = 1,
    parameter NUMBER = 0
) (
    input  wire        clk,
    input  wire [31:0] seed,
    input  wire [31:0] cycle,
    input  wire        waiting,  // sinks: valid stands and was not taken
    output reg         willing,
    output reg  [31:0] random
);

  function [31:0] xorshift(input [31:0] x);
    begin
      xorshift = x ^ (x << 13);
      xorshift = xorshift ^ (xorshift >> 17);
      xorshift = xorshift ^ (xorshift << 5);
    end
  endfunction

  wire [31:0] kind = seed % 32'd7;
  wire [31:0] start = xorshift(xorshift((seed + 32'd1) * 32'h9e3779b9 + NUMBER));
  wire [ 7:0] rate = start[15:8] | 8'd16;
  wire        held = start[16];
  reg         on;
  reg         begun;

  always @(*) begin
    case (kind)
      32'd1: willing = SOURCE == 0 || random[7:0] < rate;
      32'd2: willing = SOURCE != 0 || random[7:0] < rate;
      32'd3: willing = random[7:0] < rate;
      32'd4: willing = on;
      32'd5: willing = SOURCE != 0 ? random[7:0] < rate : waiting;
      32'd6: willing = !held || cycle >= {22'd0, rate, 2'd0};
      default: willing = 1'b1;
    endcase
  end

  initial begin
    on = 1'b1;
    begun = 1'b0;
    random = 32'd1;
  end

  always @(posedge clk) begin
    begun  <= 1'b1;
    random <= xorshift(begun || start == 32'd0 ? random : start);
    if (random[15:8] < rate) on <= !on;
  end

endmodule

`default_nettype wire
