// Purpose      the one place where a RAM is made, so that a flow can put its own macro here.
// Ports        one write port, one read port. A read is registered: rd_data holds the word {{ config.ram_latency }} cycle{% if config.ram_latency != 1 %}s{% endif %} after
//              rd_en, and keeps it until the next read.
// Rule         no address is read in the cycle in which it is written. With SPATTEN_CHECKS defined, a read that breaks
//              the rule is reported and returns the complement of the old word, so that no test can pass by luck.
// Contents     undefined after power-up; there is no reset.

module ram_1r1w #(
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

  {% if config.ram == "macro" %}
  // The macro's depth and width are its parameters; a flow binds each shape to a compiled memory.
  spatten_ram_macro #(
      .WIDTH (WIDTH),
      .DEPTH (DEPTH),
      .ADDR_W(ADDR_W)
  ) u_macro (
      .clk    (clk),
      .wr_en  (wr_en),
      .wr_addr(wr_addr),
      .wr_data(wr_data),
      .rd_en  (rd_en),
      .rd_addr(rd_addr),
      .rd_data(rd_data)
  );
  {% else %}
  reg [WIDTH-1:0] word_q[0:DEPTH-1];
  reg [WIDTH-1:0] rd_data_q;

  always @(posedge clk) begin
    if (wr_en) word_q[wr_addr] <= wr_data;
  end

`ifdef SPATTEN_CHECKS
  wire collision = wr_en && rd_en && wr_addr == rd_addr;

  // At the first edge of a synchronous reset, the enables still come from whatever the registers woke up with.
  reg  awake_q;
  initial awake_q = 1'b0;

  always @(posedge clk) begin
    awake_q <= 1'b1;
    if (rd_en) rd_data_q <= collision ? ~word_q[rd_addr] : word_q[rd_addr];
    if (collision && awake_q) begin
      $display("CHECK %m: address %0d is read while it is written", rd_addr);
    end
  end
`else
  always @(posedge clk) begin
    if (rd_en) rd_data_q <= word_q[rd_addr];
  end
`endif

  {% if config.ram_latency == 2 %}
  // The second register stands beside the array: the output is free of the array's access time.
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
  {% endif %}

endmodule
