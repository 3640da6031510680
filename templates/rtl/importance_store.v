// Purpose      importance in BANKS banks of DEPTH words: unsigned 32 bits, saturating. Every operation is on one word of
//              each bank that op_valid names, the banks at addresses of their own.
// Operation    op_zero: the importance counts as 0 before anything else. Then op_amount of the bank is added, saturating;
//              or, with op_scale, what is stored is shifted right by op_shift, rounded down, and op_amount has to be 0. An
//              operation that adds 0 reads.
// Output       values, {{ config.ram_latency + 2 }} cycles after the operation began: the importance that it left in each bank it was on.
// Throughput   one operation every cycle, in order, each on the results of those before it; nothing stalls.
// Reset        drops the operations under way. The contents are undefined until they are zeroed.

module importance_store #(
    parameter BANKS  = 1,
    parameter DEPTH  = 16,  // words of a bank
    parameter ADDR_W = 4  // address bits, at least $clog2(DEPTH) and at least 1
) (
    input  wire                    clk,
    input  wire                    {{ rst.port }},

    input  wire [       BANKS-1:0] op_valid,
    input  wire [BANKS*ADDR_W-1:0] op_addr,
    input  wire                    op_zero,
    input  wire                    op_scale,
    input  wire [             4:0] op_shift,
    input  wire [    BANKS*32-1:0] op_amount,
    output wire [    BANKS*32-1:0] values
);

  localparam IMPORTANCE_W = 32;
  localparam STAGES       = {{ config.ram_latency + 1 }};  // from an operation's beginning to its edit
  localparam CONTROL_W    = 7 + BANKS * IMPORTANCE_W;

  // ---- the operation, until its words are there ------------------------------------------------------

  reg [STAGES*CONTROL_W-1:0] control_q;

  always @(posedge clk) begin
    control_q <= {
      control_q[(STAGES-1)*CONTROL_W-1:0], op_zero || op_scale, op_scale, op_shift, op_amount
    };
  end

  wire                          fresh;  // nothing is added to what is stored
  wire                          scale;
  wire [                   4:0] shift;
  wire [BANKS*IMPORTANCE_W-1:0] amounts;

  assign {fresh, scale, shift, amounts} = control_q[(STAGES-1)*CONTROL_W+:CONTROL_W];

  // ---- the banks ---------------------------------------------------------------------------------------

  reg [BANKS*IMPORTANCE_W-1:0] values_q;

  assign values = values_q;

  genvar bank;
  generate
    for (bank = 0; bank < BANKS; bank = bank + 1) begin : g_bank
      wire [IMPORTANCE_W-1:0] old;
      wire [IMPORTANCE_W-1:0] base = old & ~{IMPORTANCE_W{fresh}};
      wire [IMPORTANCE_W-1:0] amount = amounts[bank*IMPORTANCE_W+:IMPORTANCE_W];
      wire [  IMPORTANCE_W:0] sum = {1'b0, base} + {1'b0, amount};
      wire [IMPORTANCE_W-1:0] saturated = sum[IMPORTANCE_W-1:0] | {IMPORTANCE_W{sum[IMPORTANCE_W]}};
      wire [IMPORTANCE_W-1:0] scaled = (old >> shift) & {IMPORTANCE_W{scale}};
      wire [IMPORTANCE_W-1:0] edited = saturated | scaled;  // one of them is 0

      rmw_ram #(
          .WIDTH (IMPORTANCE_W),
          .DEPTH (DEPTH),
          .ADDR_W(ADDR_W)
      ) u_words (
          .clk     (clk),
          .{{ rst.port }}({{ rst.port }}),
          .op_valid(op_valid[bank]),
          .op_addr (op_addr[bank*ADDR_W+:ADDR_W]),
          .edit_old(old),
          .edit_new(edited)
      );

      always @(posedge clk) begin
        values_q[bank*IMPORTANCE_W+:IMPORTANCE_W] <= edited;
      end
    end
  endgenerate

endmodule
