// row_writer after a stop: first `warm_up` cycles of foreign rows run into it, then it is stopped while more of them come.
// What follows must be as if they had never been.

module row_writer_fed (
    input  wire clk,
    input  wire {{ rst.port }},
    input  wire row_valid,
    output wire row_ready,
    input  wire [{{ lanes * 16 - 1 }}:0] row_data,
    input  wire row_last,
    input  wire place_valid,
    output wire place_ready,
    input  wire [{{ word_w - 1 }}:0] place_word,
    output wire write_valid,
    input  wire write_ready,
    output wire [{{ channel_w - 1 }}:0] write_channel,
    output wire [{{ addr_w - 1 }}:0] write_address,
    output wire [255:0] write_data,
    output wire [7:0] write_strobe,
    input  wire [31:0] draw,  // seed of what is random here
    input  wire [15:0] warm_up,
    output wire idle
);

  localparam STOP = 8;  // cycles of it

  wire reset = {{ rst.active }};

  reg  [15:0] spent;
  reg  [31:0] random;
  reg         told;  // stop has been seen by the clock
  wire        run = warm_up == 16'd0 || spent == warm_up + STOP;
  wire        stop = !run && spent >= warm_up;
  wire        rows_ready;
  wire        places_ready;
  wire        sector_valid;
  wire [{{ word_w - 1 }}:0] foreign_word = random;

  function [31:0] xorshift(input [31:0] x);
    begin
      xorshift = x ^ (x << 13);
      xorshift = xorshift ^ (xorshift >> 17);
      xorshift = xorshift ^ (xorshift << 5);
    end
  endfunction

  always @(posedge clk) begin
    told <= stop;
    if (reset) begin
      spent  <= 16'd0;
      random <= draw | 32'd1;
    end else begin
      random <= xorshift(random);
      if (!run) spent <= spent + 16'd1;
      if (told && stop && (sector_valid || !idle)) $display("CHECK %m: not idle in spite of stop");
      if (stop && !(rows_ready && places_ready))
        $display("CHECK %m: stop does not take what comes");
      if (run && idle && sector_valid) $display("CHECK %m: idle with a sector on offer");
    end
  end

  assign row_ready   = rows_ready && run;
  assign place_ready = places_ready && run;
  assign write_valid = sector_valid && run && !reset;

  row_writer dut (
      .clk(clk),
      .{{ rst.port }}({{ rst.port }}),
      .row_valid(run ? row_valid : random[0]),
      .row_ready(rows_ready),
      .row_data(run ? row_data : { {{ lanes * 16 }}{random[0]} }),
      .row_last(run ? row_last : random[2:1] == 2'd0),
      .place_valid(run ? place_valid : random[4:3] != 2'd0),
      .place_ready(places_ready),
      .place_word(run ? place_word : foreign_word),
      .write_valid(sector_valid),
      .write_ready(run ? write_ready : random[5]),
      .write_channel(write_channel),
      .write_address(write_address),
      .write_data(write_data),
      .write_strobe(write_strobe),
      .stop(stop),
      .idle(idle)
  );

endmodule
