// Purpose      importance by id: unsigned 32 bits, saturating, LANES ids a word. Every operation is on one word, and edits
//              the lanes in op_lanes; the others stay as they are.
// Operation    op_zero: the importance counts as 0 before anything else. Then op_amount is added, saturating; or, with
//              op_scale, what is stored is shifted right by op_shift, rounded down. An operation that adds 0 reads.
// Output       value, {{ config.ram_latency + 2 }} cycles after the operation began: what the one lane in op_lanes held before it.
// Throughput   one operation every cycle, in order, each on the results of those before it; nothing stalls.
// Reset        drops the operations under way. The contents are undefined until they are zeroed.

module importance_store #(
    parameter LANES  = 1,  // ids of a word
    parameter DEPTH  = 16,  // words
    parameter ADDR_W = 4  // address bits, at least $clog2(DEPTH) and at least 1
) (
    input  wire              clk,
    input  wire              {{ rst.port }},

    input  wire              op_valid,
    input  wire [ADDR_W-1:0] op_addr,
    input  wire [ LANES-1:0] op_lanes,
    input  wire              op_zero,
    input  wire              op_scale,
    input  wire [       4:0] op_shift,
    input  wire [      31:0] op_amount,
    output wire [      31:0] value
);

  localparam IMPORTANCE_W = 32;
  localparam STAGES       = {{ config.ram_latency + 1 }};  // from an operation's beginning to its edit
  localparam CONTROL_W    = LANES + 7 + IMPORTANCE_W;

  // ---- the operation, until its word is there --------------------------------------------------------

  reg [STAGES*CONTROL_W-1:0] control_q;

  always @(posedge clk) begin
    control_q <= {
      control_q[(STAGES-1)*CONTROL_W-1:0], op_lanes, op_zero, op_scale, op_shift, op_amount
    };
  end

  wire [       LANES-1:0] lanes;
  wire                    zero;
  wire                    scale;
  wire [             4:0] shift;
  wire [IMPORTANCE_W-1:0] amount;

  assign {lanes, zero, scale, shift, amount} = control_q[(STAGES-1)*CONTROL_W+:CONTROL_W];

  wire [LANES*IMPORTANCE_W-1:0] old_word;
  wire [LANES*IMPORTANCE_W-1:0] new_word;

  rmw_ram #(
      .WIDTH (LANES * IMPORTANCE_W),
      .DEPTH (DEPTH),
      .ADDR_W(ADDR_W)
  ) u_words (
      .clk     (clk),
      .{{ rst.port }}({{ rst.port }}),
      .op_valid(op_valid),
      .op_addr (op_addr),
      .edit_old(old_word),
      .edit_new(new_word)
  );

  // ---- the edit ----------------------------------------------------------------------------------------

  genvar lane;
  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_edit
      wire [IMPORTANCE_W-1:0] old = old_word[lane*IMPORTANCE_W+:IMPORTANCE_W];
      wire [IMPORTANCE_W-1:0] base = old & ~{IMPORTANCE_W{zero && lanes[lane]}};
      wire [IMPORTANCE_W-1:0] added = amount & {IMPORTANCE_W{lanes[lane]}};
      wire [  IMPORTANCE_W:0] sum = {1'b0, base} + {1'b0, added};
      wire [IMPORTANCE_W-1:0] saturated = sum[IMPORTANCE_W-1:0] | {IMPORTANCE_W{sum[IMPORTANCE_W]}};

      assign new_word[lane*IMPORTANCE_W+:IMPORTANCE_W] = (scale && lanes[lane]) ? old >> shift : saturated;
    end
  endgenerate

  reg     [IMPORTANCE_W-1:0] selected;
  reg     [IMPORTANCE_W-1:0] value_q;
  integer                    i;

  always @(*) begin
    selected = {IMPORTANCE_W{1'b0}};
    for (i = 0; i < LANES; i = i + 1) begin
      selected = selected | ({IMPORTANCE_W{lanes[i]}} & old_word[i*IMPORTANCE_W+:IMPORTANCE_W]);
    end
  end

  always @(posedge clk) begin
    value_q <= selected;
  end

  assign value = value_q;

endmodule
