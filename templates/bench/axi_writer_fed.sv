// axi_writer with a memory behind it. First `warm_up` cycles of foreign writes run, and the writer is stopped: what follows
// must be as if they had never been. When `writes` sectors have been taken and the writer is idle, what the memory holds
// by then is shown in `contents`, and `report` tells how many errors the writer has told.

module axi_writer_fed #(
    parameter QUEUE     = {{ queue }},
    parameter IN_FLIGHT = {{ in_flight }}
) (
    input  wire clk,
    input  wire {{ rst.port }},
    input  wire write_valid,
    output wire write_ready,
    input  wire [{{ addr_w - 1 }}:0] write_address,
    input  wire [255:0] write_data,
    input  wire [7:0] write_strobe,
    output wire contents_valid,
    input  wire contents_ready,
    output wire [{{ sector_w - 1 }}:0] contents_sector,
    output wire [7:0] contents_have,
    output wire [255:0] contents_data,
    output wire report_valid,
    input  wire report_ready,
    output wire [15:0] report_errors,
    input  wire [{{ addr_w - 1 }}:0] base,
    input  wire [31:0] draw,  // seed of what is random here
    input  wire [31:0] latency,
    input  wire [31:0] error_mask,
    input  wire [15:0] warm_up,
    input  wire [15:0] writes,
    output wire busy  // from the first sector to idle
);

  localparam SECTORS = {{ memory_sectors }};

  wire reset = {{ rst.active }};

  // ---- phases --------------------------------------------------------------------------------------------------------

  reg  [15:0] spent;
  reg         stopped;  // the stop is over
  reg  [31:0] random;
  reg  [15:0] taken;
  reg  [15:0] errors;
  reg         shows;
  reg  [31:0] index;
  reg         reported;
  wire        foreign = spent < warm_up;
  wire        stop = !foreign && !stopped;
  wire        idle;
  wire        error;
  wire        quiet;
  wire        next_ready;
  wire [ 7:0] have;

  function [31:0] xorshift(input [31:0] x);
    begin
      xorshift = x ^ (x << 13);
      xorshift = xorshift ^ (xorshift >> 17);
      xorshift = xorshift ^ (xorshift << 5);
    end
  endfunction

  reg  [{{ sector_w - 1 }}:0] foreign_sector;
  reg         foreign_valid;
  wire        over = taken == writes && stopped;

  always @(posedge clk) begin
    if (reset) begin
      spent         <= 16'd0;
      stopped       <= warm_up == 16'd0;
      random        <= draw | 32'd1;
      foreign_valid <= 1'b0;
      taken         <= 16'd0;
      errors        <= 16'd0;
      shows         <= 1'b0;
      index         <= 32'd0;
      reported      <= 1'b0;
    end else begin
      random <= xorshift(random);
      if (foreign) spent <= spent + 16'd1;
      if (!foreign_valid || next_ready) begin
        foreign_valid  <= (foreign || random[4]) && !stopped;
        foreign_sector <= random;
      end
      if (stop && idle) stopped <= 1'b1;
      if (write_valid && write_ready) taken <= taken + 16'd1;
      if (error && stopped && !shows) errors <= errors + 16'd1;
      if (over && idle) shows <= 1'b1;
      if (shows && index < SECTORS && (have == 8'd0 || contents_ready)) index <= index + 32'd1;
      if (report_valid && report_ready) reported <= 1'b1;
    end
  end

  assign write_ready    = next_ready && stopped;
  assign contents_valid = !reset && shows && index < SECTORS && have != 8'd0;
  assign contents_have  = have;
  assign report_valid   = !reset && shows && index == SECTORS && !reported;
  assign report_errors  = errors;
  assign busy           = !idle && stopped;

  // ---- writer and memory ---------------------------------------------------------------------------------------------

  wire [3:0] cache = draw[3:0];
  wire [2:0] prot = draw[6:4];
  wire [3:0] qos = draw[10:7];

  {{ wires }}

  axi_writer #(
      .QUEUE(QUEUE),
      .IN_FLIGHT(IN_FLIGHT)
  ) dut (
      .clk(clk),
      .{{ rst.port }}({{ rst.port }}),
      .write_valid(stopped ? write_valid : foreign_valid),
      .write_ready(next_ready),
      .write_address(stopped ? write_address : {foreign_sector, 5'd0}),
      .write_data(stopped ? write_data : {8{foreign_sector[26:0], 5'd0}}),
      .write_strobe(stopped ? write_strobe : foreign_sector[7:0]),
      .base(base),
      .cache(cache),
      .prot(prot),
      .qos(qos),
      .stop(stop),
      .idle(idle),
      .error(error),
      {{ dut_axi }}
  );

  tb_axi_memory #(
      .DATA_W({{ data_w }}),
      .ADDR_W({{ addr_w }}),
      .ID_W({{ id_w }}),
      .SECTORS(SECTORS)
  ) memory (
      .clk(clk),
      .reset(reset),
      .clear(reset || !stopped),
      .seed(draw),
      .latency(latency),
      .error_mask(error_mask),
      .error_first({{ addr_w }}'d1),
      .error_last({{ addr_w }}'d0),
      .quiet(quiet),
      .peek_index(index),
      .peek_have(have),
      .peek_sector(contents_sector),
      .peek_data(contents_data),
      {{ memory_axi }}
  );

  // ---- what the writer states -----------------------------------------------------------------------------------------

  always @(posedge clk) begin
    if (!reset) begin
      if (idle && (!quiet || error)) $display("CHECK %m: idle while something is in flight");
      if (m_axi_awvalid && {m_axi_awcache, m_axi_awprot, m_axi_awqos} != {cache, prot, qos})
        $display("CHECK %m: AWCACHE, AWPROT or AWQOS is not what was set");
    end
  end

endmodule
