// Purpose      what is known of a command or row in work, by its slot: one write port, one read port that answers within
//              the cycle. A handful of words, in registers or distributed RAM.
// Latency      none: rd_data follows rd_slot; a word written in cycle t is read from cycle t+1 on.
// Throughput   one write and one read every cycle.
// Reset        none: a slot is written before it is read.

module slot_table #(
    parameter WIDTH = 8,  // bits of a word
    parameter SLOTS = 8  // words, a power of two, at least 2
) (
    input  wire                     clk,

    input  wire                     wr_en,
    input  wire [$clog2(SLOTS)-1:0] wr_slot,
    input  wire [        WIDTH-1:0] wr_data,

    input  wire [$clog2(SLOTS)-1:0] rd_slot,
    output wire [        WIDTH-1:0] rd_data
);

  reg [WIDTH-1:0] word_q[0:SLOTS-1];

  assign rd_data = word_q[rd_slot];

  always @(posedge clk) begin
    if (wr_en) word_q[wr_slot] <= wr_data;
  end

endmodule
