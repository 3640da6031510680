// Purpose      a FIFO for a handful of items, in registers (or in the distributed RAM that a flow makes of them).
// Protocol     valid/ready on both sides: valid never waits for ready, and a payload offered stays until it is taken or
//              cleared.
// Latency      an item accepted in cycle t by an empty FIFO is offered in cycle t+1.
// Throughput   one item every cycle, in and out; with DEPTH 1 one in two cycles.
// Clear        empties the FIFO at the clock edge; an item pushed in the same cycle is lost too.
// Reset        empties the FIFO. The items have no reset: the count qualifies them.

module reg_fifo #(
    parameter WIDTH = 8,  // payload bits
    parameter DEPTH = 4  // items, at least 1
) (
    input  wire             clk,
    input  wire             {{ rst.port }},
    input  wire             clear,

    input  wire             push_valid,
    output wire             push_ready,
    input  wire [WIDTH-1:0] push_data,

    output wire             pop_valid,
    input  wire             pop_ready,
    output wire [WIDTH-1:0] pop_data
);

  localparam ADDR_W  = (DEPTH > 1) ? $clog2(DEPTH) : 1;
  localparam COUNT_W = $clog2(DEPTH + 1);
  localparam LAST    = DEPTH - 1;

  localparam [ADDR_W-1:0] LAST_ADDR = LAST[ADDR_W-1:0];
  localparam [COUNT_W-1:0] FULL = DEPTH[COUNT_W-1:0];

  reg [  WIDTH-1:0] word_q[0:DEPTH-1];
  reg [ ADDR_W-1:0] wr_addr_q;
  reg [ ADDR_W-1:0] rd_addr_q;
  reg [COUNT_W-1:0] count_q;

  assign push_ready = count_q != FULL;
  assign pop_valid  = count_q != {COUNT_W{1'b0}};
  assign pop_data   = word_q[rd_addr_q];

  wire push = push_valid && push_ready;
  wire pop = pop_valid && pop_ready;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      wr_addr_q <= {ADDR_W{1'b0}};
      rd_addr_q <= {ADDR_W{1'b0}};
      count_q   <= {COUNT_W{1'b0}};
    end else if (clear) begin
      wr_addr_q <= {ADDR_W{1'b0}};
      rd_addr_q <= {ADDR_W{1'b0}};
      count_q   <= {COUNT_W{1'b0}};
    end else begin
      if (push) wr_addr_q <= (wr_addr_q == LAST_ADDR) ? {ADDR_W{1'b0}} : wr_addr_q + 1'b1;
      if (pop) rd_addr_q <= (rd_addr_q == LAST_ADDR) ? {ADDR_W{1'b0}} : rd_addr_q + 1'b1;
      if (push && !pop) count_q <= count_q + 1'b1;
      if (pop && !push) count_q <= count_q - 1'b1;
    end
  end

  always @(posedge clk) begin
    if (push) word_q[wr_addr_q] <= push_data;
  end

endmodule
