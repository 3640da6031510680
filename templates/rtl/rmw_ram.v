// Purpose      a RAM whose words are read, edited and written back, one a cycle: each operation sees the results of all
//              before it, whatever their addresses.
// Operation    op_valid with op_addr begins one in cycle t. In cycle t+{{ config.ram_latency + 1 }} edit_old holds the word as the operations before
//              left it, and what the user drives on edit_new in that same cycle replaces it.
// Hazards      a word with an operation under way is not read: the operation takes the result of the latest one on it, so
//              that no address is read in the cycle in which it is written.
// Throughput   one operation every cycle; nothing stalls.
// Reset        drops the operations under way. The contents are undefined until they are edited.

module rmw_ram #(
    parameter WIDTH  = 32,  // bits of a word
    parameter DEPTH  = 16,  // words
    parameter ADDR_W = 4  // address bits, at least $clog2(DEPTH) and at least 1
) (
    input  wire              clk,
    input  wire              {{ rst.port }},

    input  wire              op_valid,
    input  wire [ADDR_W-1:0] op_addr,
    output wire [ WIDTH-1:0] edit_old,
    input  wire [ WIDTH-1:0] edit_new
);

  localparam RAM_LATENCY = {{ config.ram_latency }};
  localparam STAGES      = RAM_LATENCY + 2;  // fetch in stage RAM_LATENCY, then edit, then write

  // ---- operations under way: stage s holds the one that began s cycles ago ---------------------------

  reg [       STAGES:1] valid_q;
  reg [STAGES*ADDR_W-1:0] addr_q;  // stage 1 in the low bits

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) valid_q <= {STAGES{1'b0}};
    else valid_q <= {valid_q[STAGES-1:1], op_valid};
  end

  always @(posedge clk) begin
    addr_q <= {addr_q[(STAGES-1)*ADDR_W-1:0], op_addr};
  end

  // same: stages with the address of the operation that begins; nearest: the latest of them.
  wire [STAGES:1] same;
  wire [STAGES:1] nearest = same & (~same + {{(STAGES - 1){1'b0}}, 1'b1});

  genvar stage;
  generate
    for (stage = 1; stage <= STAGES; stage = stage + 1) begin : g_same
      assign same[stage] = valid_q[stage] && addr_q[(stage-1)*ADDR_W+:ADDR_W] == op_addr;
    end
  endgenerate

  // ---- the RAM ---------------------------------------------------------------------------------------

  // The results of the last operations, the one now written in the low bits.
  reg  [(RAM_LATENCY+1)*WIDTH-1:0] results_q;
  wire [                WIDTH-1:0] rd_data;

  ram_1r1w #(
      .WIDTH (WIDTH),
      .DEPTH (DEPTH),
      .ADDR_W(ADDR_W)
  ) u_ram (
      .clk    (clk),
      .wr_en  (valid_q[STAGES]),
      .wr_addr(addr_q[(STAGES-1)*ADDR_W+:ADDR_W]),
      .wr_data(results_q[WIDTH-1:0]),
      .rd_en  (op_valid && same == {STAGES{1'b0}}),
      .rd_addr(op_addr),
      .rd_data(rd_data)
  );

  // ---- fetch: the word from the RAM, or from the operation that was `nearest` when this one began ----------

  {% if config.ram_latency == 2 %}
  reg  [2*STAGES-1:0] nearest_q;
  wire [    STAGES:1] source = nearest_q[STAGES+:STAGES];

  always @(posedge clk) begin
    nearest_q <= {nearest_q[STAGES-1:0], nearest};
  end
  {% else %}
  reg  [STAGES:1] nearest_q;
  wire [STAGES:1] source = nearest_q;

  always @(posedge clk) begin
    nearest_q <= nearest;
  end
  {% endif %}

  // An operation two cycles ahead now writes, one further ahead has written; one cycle ahead is only now edited.
  reg     [WIDTH-1:0] fetched;
  integer             i;

  always @(*) begin
    fetched = {WIDTH{source == {STAGES{1'b0}}}} & rd_data;
    for (i = 0; i <= RAM_LATENCY; i = i + 1) begin
      fetched = fetched | ({WIDTH{source[i+2]}} & results_q[i*WIDTH+:WIDTH]);
    end
  end

  reg [WIDTH-1:0] fetched_q;
  reg             follows_q;  // the operation one cycle ahead is on the same word

  always @(posedge clk) begin
    fetched_q <= fetched;
    follows_q <= source[1];
  end

  // ---- edit ------------------------------------------------------------------------------------------------

  assign edit_old = follows_q ? results_q[WIDTH-1:0] : fetched_q;

  always @(posedge clk) begin
    results_q <= {results_q[RAM_LATENCY*WIDTH-1:0], edit_new};
  end

endmodule
