// Feeds a list of beats into a valid/ready stream, with gaps drawn from the seed. While valid is low the payload is noise.

`default_nettype none

module tb_source #(
    parameter FILE   = "",  // one payload a line, hexadecimal
    parameter BEATS  = 1,
    parameter WIDTH  = 8,  // payload bits
    parameter NUMBER = 0  // of this stream, so that each has gaps of its own
) (
    input  wire             clk,
    input  wire             reset,
    input  wire [     31:0] seed,
    input  wire [     31:0] cycle,
    output reg              valid,
    input  wire             ready,
    output reg  [WIDTH-1:0] payload,
    output reg  [     31:0] beat,  // beats taken
    output wire             done
);

  reg  [WIDTH-1:0] vectors[0:(BEATS > 0 ? BEATS : 1)-1];
  wire [     31:0] random;
  wire             willing;
  wire [32*((WIDTH+31)/32)-1:0] noise = {(WIDTH + 31) / 32{random}};
  wire [     31:0] next = beat + {31'd0, valid && ready};

  assign done = beat >= BEATS;

  tb_pace #(
      .SOURCE(1),
      .NUMBER(NUMBER)
  ) pace (
      .clk(clk),
      .seed(seed),
      .cycle(cycle),
      .waiting(1'b0),
      .willing(willing),
      .random(random)
  );

  initial begin
    valid = 1'b0;
    payload = '0;
    beat = 32'd0;
    if (BEATS > 0) $readmemh(FILE, vectors);
  end

  always @(posedge clk) begin
    if (reset) begin
      valid <= 1'b0;
      beat  <= 32'd0;
    end else begin
      beat <= next;
      if (!valid || ready) begin
        if (next < BEATS && willing) begin
          valid   <= 1'b1;
          payload <= vectors[next];
        end else begin
          valid   <= 1'b0;
          payload <= noise[WIDTH-1:0];
        end
      end
    end
  end

endmodule

`default_nettype wire
