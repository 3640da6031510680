// Purpose      stands in for the RAM macros of a flow, which replace this file: each shape (WIDTH, DEPTH) that
//              ram_1r1w asks for is bound to a compiled memory here.
// Ports        one write port, one read port. A read is registered: rd_data holds the word {{ config.ram_latency }} cycle{% if config.ram_latency != 1 %}s{% endif %} after
//              rd_en, and keeps it until the next read.
// Rule         no address is read in the cycle in which it is written.
// Contents     undefined after power-up; there is no reset.

module spatten_ram_macro #(
    parameter WIDTH  = 8,  // bits of a word
    parameter DEPTH  = 16,  // words
    parameter ADDR_W = 4  // address bits, at least $clog2(DEPTH) and at least 1
) (
    input  wire              clk,

    input  wire              wr_en,
    input  wire [ADDR_W-1:0] wr_addr,
    input  wire [ WIDTH-1:0] wr_data,

    input  wire              rd_en,
    input  wire [ADDR_W-1:0] rd_addr,
    output wire [ WIDTH-1:0] rd_data
);

  reg [WIDTH-1:0] word_q[0:DEPTH-1];
  reg [WIDTH-1:0] rd_data_q;

  always @(posedge clk) begin
    if (wr_en) word_q[wr_addr] <= wr_data;
    if (rd_en) rd_data_q <= word_q[rd_addr];
  end

  {% if config.ram_latency == 2 %}
  reg             rd_en_q;
  reg [WIDTH-1:0] rd_data_qq;

  always @(posedge clk) begin
    rd_en_q <= rd_en;
    if (rd_en_q) rd_data_qq <= rd_data_q;
  end

  assign rd_data = rd_data_qq;
  {% else %}
  assign rd_data = rd_data_q;
  {% endif %}

endmodule
