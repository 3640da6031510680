// Takes the beats of a valid/ready stream with back-pressure drawn from the seed, holds the stream to its rules, and
// compares each beat with the one expected. The testbench prints a mismatch, since it knows the fields.

`default_nettype none

module tb_sink #(
    parameter FILE   = "",  // one beat a line, hexadecimal: {compared bits, expected payload}
    parameter BEATS  = 1,
    parameter WIDTH  = 8,  // payload bits
    parameter NUMBER = 0,  // of this stream, so that each has back-pressure of its own
    parameter BLOCK  = "",  // names for messages
    parameter NAME   = ""
) (
    input  wire             clk,
    input  wire             reset,
    input  wire [     31:0] seed,
    input  wire [     31:0] cycle,
    input  wire             valid,
    output reg              ready,
    input  wire [WIDTH-1:0] payload,
    output reg  [     31:0] beat,  // beats taken
    output wire             done,
    output wire             mismatch,
    output wire [WIDTH-1:0] expected,
    output wire [WIDTH-1:0] compared
);

  reg  [2*WIDTH-1:0] vectors[0:(BEATS > 0 ? BEATS : 1)-1];
  wire [  WIDTH-1:0] wrong = (payload ^ expected) & compared;
  wire               willing;
  reg                stalled;
  reg  [  WIDTH-1:0] held;
  reg                in_reset;  // since the last edge

  assign {compared, expected} = vectors[done ? 0 : beat];
  assign mismatch = !reset && valid && ready && !done && wrong !== '0;
  assign done = beat >= BEATS;

  tb_pace #(
      .SOURCE(0),
      .NUMBER(NUMBER)
  ) pace (
      .clk(clk),
      .seed(seed),
      .cycle(cycle),
      .waiting(valid && !ready),
      .willing(willing),
      .random()
  );

  initial begin
    ready = 1'b0;
    beat = 32'd0;
    stalled = 1'b0;
    in_reset = 1'b0;
    held = '0;
    if (BEATS > 0) $readmemh(FILE, vectors);
  end

  always @(posedge clk) begin
    ready    <= willing;
    stalled  <= !reset && valid && !ready;
    held     <= payload;
    in_reset <= reset;
    if (reset) beat <= 32'd0;
    else if (valid && ready) beat <= beat + 32'd1;
  end

  always @(posedge clk) begin
    if (in_reset && valid !== 1'b0) begin
      $display("FAIL %0s: seed %0d, %0s: valid is %b after reset",
               BLOCK, seed, NAME, valid);
      $fatal(1);
    end else if (!reset && valid !== 1'b0 && valid !== 1'b1) begin
      $display("FAIL %0s: seed %0d, cycle %0d, %0s: valid is %b",
               BLOCK, seed, cycle, NAME, valid);
      $fatal(1);
    end else if (!reset && stalled && !valid) begin
      $display("FAIL %0s: seed %0d, cycle %0d, %0s: valid fell before ready had taken the beat",
               BLOCK, seed, cycle,
               NAME);
      $fatal(1);
    end else if (!reset && stalled && payload !== held) begin
      $display("FAIL %0s: seed %0d, cycle %0d, %0s: payload changed while the beat was stalled",
               BLOCK, seed, cycle,
               NAME);
      $fatal(1);
    end else if (!reset && valid && ready && done) begin
      $display("FAIL %0s: seed %0d, cycle %0d, %0s: more than %0d beats",
               BLOCK, seed, cycle, NAME, BEATS);
      $fatal(1);
    end
  end

endmodule

`default_nettype wire
