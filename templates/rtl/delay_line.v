// Purpose      hands on the word that came in DEPTH cycles before: what a pipeline needs again further down.
// Latency      DEPTH cycles; never stalls.
// Throughput   one word every cycle.
// Reset        none: a valid bit of the pipeline qualifies the words.

module delay_line #(
    parameter WIDTH = 8,  // bits of a word
    parameter DEPTH = 1  // cycles, at least 1
) (
    input  wire             clk,

    input  wire [WIDTH-1:0] data_in,
    output wire [WIDTH-1:0] data_out
);

  reg [DEPTH*WIDTH-1:0] words_q;  // the youngest in the low bits

  genvar word;
  generate
    for (word = 0; word < DEPTH; word = word + 1) begin : g_word
      if (word == 0) begin : g_first
        always @(posedge clk) words_q[0+:WIDTH] <= data_in;
      end else begin : g_other
        always @(posedge clk) words_q[word*WIDTH+:WIDTH] <= words_q[(word-1)*WIDTH+:WIDTH];
      end
    end
  endgenerate

  assign data_out = words_q[(DEPTH-1)*WIDTH+:WIDTH];

endmodule
