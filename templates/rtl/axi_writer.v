// Purpose      writes sectors (32 bytes), or words of them, of one memory channel over AXI4.
// Addresses    of bytes, multiples of 32: write_address within the channel; base, which may change while the writer is
//              idle, is added modulo 2^{{ addr_w }}.
// Strobes      write_strobe has a bit for each 4-byte word of the sector, word 0 in bits 31:0 of write_data; words whose
//              bit is 0 are left as they are.
// Bursts       one a sector: INCR, {% if beats == 1 %}one beat{% else %}{{ beats }} beats{% endif %} of {{ data_w }} bits, address aligned to {% if beats == 1 %}it{% else %}them{% endif %}, ID 0, so none crosses a 4 KB boundary.{% if data_w == 512 %} The other
//              half of the beat has no strobes.{% endif %}
// Protocol     valid/ready on the stream and on AXI: valid never waits for ready, and a payload offered stays until it is
//              taken. AW and W of a sector are offered in the same cycle when neither is held up; each then goes at its
//              own pace, up to two sectors apart. Responses are always taken.
// Errors       error is high for a cycle for each response other than OKAY, or with an ID that is not ours.
// In flight    up to IN_FLIGHT sectors accepted and not yet answered; QUEUE of them may wait before AW and W.
// stop         sectors that wait, and new ones, are taken and dropped; what AW and W already offer is finished and
//              answered. To be held until idle.
// idle         nothing inside: every sector accepted has been answered, and error has told. Low from the cycle after a
//              sector is accepted.
// Latency      a sector accepted in cycle t by an idle writer is offered to AW and W in cycle t+{{ config.ram_latency + 3 }}.
// Throughput   one sector every {% if beats == 1 %}cycle{% else %}{{ beats }} cycles{% endif %}.
// Reset        as if nothing had been written; the interconnect is to be reset with it.

module axi_writer #(
    parameter QUEUE     = {{ queue }},  // sectors that may wait, at least 2
    parameter IN_FLIGHT = {{ in_flight }}  // sectors that may be inside, at least 2
) (
    input  wire clk,
    input  wire {{ rst.port }},

    input  wire write_valid,
    output wire write_ready,
    input  wire [{{ addr_w - 1 }}:0] write_address,
    input  wire [255:0] write_data,
    input  wire [7:0] write_strobe,

    input  wire [{{ addr_w - 1 }}:0] base,
    input  wire [3:0] cache,
    input  wire [2:0] prot,
    input  wire [3:0] qos,
    input  wire stop,
    output wire idle,
    output wire error,

    output wire m_axi_awvalid,
    input  wire m_axi_awready,
    output wire [{{ id_w - 1 }}:0] m_axi_awid,
    output wire [{{ addr_w - 1 }}:0] m_axi_awaddr,
    output wire [7:0] m_axi_awlen,
    output wire [2:0] m_axi_awsize,
    output wire [1:0] m_axi_awburst,
    output wire m_axi_awlock,
    output wire [3:0] m_axi_awcache,
    output wire [2:0] m_axi_awprot,
    output wire [3:0] m_axi_awqos,

    output wire m_axi_wvalid,
    input  wire m_axi_wready,
    output wire [{{ data_w - 1 }}:0] m_axi_wdata,
    output wire [{{ strb_w - 1 }}:0] m_axi_wstrb,
    output wire m_axi_wlast,

    input  wire m_axi_bvalid,
    output wire m_axi_bready,
    input  wire [{{ id_w - 1 }}:0] m_axi_bid,
    input  wire [1:0] m_axi_bresp
);

  localparam ADDR_W   = {{ addr_w }};
  localparam DATA_W   = {{ data_w }};
  localparam ID_W     = {{ id_w }};
  localparam WORDS    = 8;  // 4-byte words of a sector
  localparam INSIDE_W = $clog2(IN_FLIGHT + 1);

  localparam [INSIDE_W-1:0] ALL_INSIDE = IN_FLIGHT[INSIDE_W-1:0];

  localparam [1:0] RESP_OKAY = 2'd0;

  // ---- the queue ---------------------------------------------------------------------------------------------------

  reg  [INSIDE_W-1:0] inside_q;  // sectors accepted and neither answered nor dropped

  wire                room = inside_q != ALL_INSIDE;
  wire                queue_ready;

  wire                next_valid;
  wire                next_ready;
  wire [  ADDR_W-1:0] next_address;
  wire [       255:0] next_data;
  wire [   WORDS-1:0] next_strobe;

  wire                accept = write_valid && room && queue_ready && !stop;

  assign write_ready = (room && queue_ready) || stop;

  stream_fifo #(
      .WIDTH(ADDR_W + 256 + WORDS),
      .DEPTH(QUEUE)
  ) u_queue (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(write_valid && room && !stop),
      .push_ready(queue_ready),
      .push_data ({write_strobe, write_data, write_address}),
      .pop_valid (next_valid),
      .pop_ready (next_ready),
      .pop_data  ({next_strobe, next_data, next_address})
  );

  // A sector goes to AW and to W at once, or is dropped.
  wire aw_ready;
  wire w_ready;
  wire launch = next_valid && !stop && aw_ready && w_ready;

  assign next_ready = stop || (aw_ready && w_ready);

  wire [ADDR_W-1:0] absolute = base + next_address;

  // ---- AW ----------------------------------------------------------------------------------------------------------

  {% if data_w == 512 %}
  wire [ADDR_W-1:0] beat_addr = {absolute[ADDR_W-1:6], 1'b0, absolute[4:0]};
  {% else %}
  wire [ADDR_W-1:0] beat_addr = absolute;
  {% endif %}

  stream_reg #(
      .WIDTH(ADDR_W + 11)
  ) u_aw (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(launch),
      .push_ready(aw_ready),
      .push_data ({qos, prot, cache, beat_addr}),
      .pop_valid (m_axi_awvalid),
      .pop_ready (m_axi_awready),
      .pop_data  ({m_axi_awqos, m_axi_awprot, m_axi_awcache, m_axi_awaddr})
  );

  assign m_axi_awid    = {ID_W{1'b0}};
  assign m_axi_awlen   = 8'd{{ beats - 1 }};
  assign m_axi_awsize  = {{ size }};  // whole beats
  assign m_axi_awburst = 2'b01;  // INCR
  assign m_axi_awlock  = 1'b0;

  // ---- W -----------------------------------------------------------------------------------------------------------

  localparam BEAT_WORDS = DATA_W / 32;

  wire [  WORDS-1:0] sector_strobe;
  wire [      255:0] sector_data;
  wire [BEAT_WORDS-1:0] beat_strobe;

  {% if data_w == 512 %}
  wire upper;

  stream_reg #(
      .WIDTH(256 + WORDS + 1)
  ) u_w (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(launch),
      .push_ready(w_ready),
      .push_data ({absolute[5], next_strobe, next_data}),
      .pop_valid (m_axi_wvalid),
      .pop_ready (m_axi_wready),
      .pop_data  ({upper, sector_strobe, sector_data})
  );

  assign m_axi_wdata = {sector_data, sector_data};
  assign m_axi_wlast = 1'b1;
  assign beat_strobe = upper ? {sector_strobe, {WORDS{1'b0}}} : {{WORDS{1'b0}}, sector_strobe};
  {% else %}
  wire sector_taken;

  stream_reg #(
      .WIDTH(256 + WORDS)
  ) u_w (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(launch),
      .push_ready(w_ready),
      .push_data ({next_strobe, next_data}),
      .pop_valid (m_axi_wvalid),
      .pop_ready (sector_taken),
      .pop_data  ({sector_strobe, sector_data})
  );

  {% if data_w == 256 %}
  assign sector_taken = m_axi_wready;
  assign m_axi_wdata  = sector_data;
  assign m_axi_wlast  = 1'b1;
  assign beat_strobe  = sector_strobe;
  {% else %}
  localparam BEATS  = 256 / DATA_W;
  localparam BEAT_W = $clog2(BEATS);

  reg [BEAT_W-1:0] beat_q;

  assign sector_taken = m_axi_wready && m_axi_wlast;
  assign m_axi_wdata  = sector_data[beat_q*DATA_W+:DATA_W];
  assign m_axi_wlast  = beat_q == {BEAT_W{1'b1}};
  assign beat_strobe  = sector_strobe[beat_q*BEAT_WORDS+:BEAT_WORDS];

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) beat_q <= {BEAT_W{1'b0}};
    else if (m_axi_wvalid && m_axi_wready) beat_q <= beat_q + 1'b1;
  end
  {% endif %}
  {% endif %}

  genvar word;
  generate
    for (word = 0; word < BEAT_WORDS; word = word + 1) begin : g_strobe
      assign m_axi_wstrb[word*4+:4] = {4{beat_strobe[word]}};
    end
  endgenerate

  // ---- B, and what is inside ---------------------------------------------------------------------------------------

  reg answered_q;
  reg error_q;

  assign m_axi_bready = 1'b1;
  assign error        = error_q;
  assign idle         = inside_q == {INSIDE_W{1'b0}};

  wire drop = next_valid && stop;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      answered_q <= 1'b0;
      error_q    <= 1'b0;
      inside_q   <= {INSIDE_W{1'b0}};
    end else begin
      answered_q <= m_axi_bvalid;
      error_q    <= m_axi_bvalid && (m_axi_bresp != RESP_OKAY || m_axi_bid != {ID_W{1'b0}});
      inside_q   <= inside_q + {{(INSIDE_W - 1){1'b0}}, accept}
          - {{(INSIDE_W - 1){1'b0}}, drop} - {{(INSIDE_W - 1){1'b0}}, answered_q};
    end
  end

endmodule
