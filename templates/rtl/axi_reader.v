// Purpose      reads the sectors (32 bytes) of one memory channel over AXI4, and answers in the order of the requests.
// Addresses    of bytes, multiples of 32: request_address within the channel; base, which may change while the reader is
//              idle, is added modulo 2^{{ addr_w }}.
// Bursts       a request for the sector after the one before it joins its burst when it waits right behind it, up to
//              MAX_BURST sectors, never across a 4 KB boundary; nothing waits for a request that is not there yet.
//              INCR, whole beats of {{ data_w }} bits, addresses aligned to them, ID 0. {% if data_w == 512 %}A beat holds two sectors; a burst
//              that starts or ends with half a beat reads the other half in vain.{% elif data_w == 256 %}A beat is a sector.{% else %}A sector is {{ beats }} beats.{% endif %}
// Protocol     valid/ready on both streams and on AXI: valid never waits for ready, and a payload offered stays until it
//              is taken. Every output comes from registers; no ready leads to another within a cycle.
// Errors       response_error: a beat of the sector came with RRESP other than OKAY, or with an ID that is not ours;
//              response_data is then undefined.
// In flight    up to IN_FLIGHT bursts. A beat is taken from the interconnect only as there is room for it.
// stop         no burst is begun; requests, waiting or new, are taken and dropped. Bursts that AR already offers run to
//              their end. All responses are taken and dropped, response_valid is low, whatever was offered before.
//              To be held until idle.
// idle         nothing inside: no request, no burst, no response. Low from the cycle after a request is accepted.
// Latency      a request accepted in cycle t by an idle reader is offered to AR in cycle t+3; a sector whose last beat is
//              accepted in cycle t is offered in cycle t+1.
// Throughput   one request every cycle; one sector every {% if data_w >= 256 %}cycle{% else %}{{ beats }} cycles{% endif %}, whatever the addresses.
// Reset        as if nothing had been asked for; the interconnect is to be reset with it.

module axi_reader #(
    parameter MAX_BURST = {{ max_burst }},  // sectors of the longest burst, 1 to {{ burst_limit }}
    parameter IN_FLIGHT = {{ in_flight }}  // bursts that may be in flight, at least 2
) (
    input  wire clk,
    input  wire {{ rst.port }},

    input  wire request_valid,
    output wire request_ready,
    input  wire [{{ addr_w - 1 }}:0] request_address,

    output wire response_valid,
    input  wire response_ready,
    output wire [255:0] response_data,
    output wire response_error,

    input  wire [{{ addr_w - 1 }}:0] base,
    input  wire [3:0] cache,
    input  wire [2:0] prot,
    input  wire [3:0] qos,
    input  wire stop,
    output wire idle,

    output wire m_axi_arvalid,
    input  wire m_axi_arready,
    output wire [{{ id_w - 1 }}:0] m_axi_arid,
    output wire [{{ addr_w - 1 }}:0] m_axi_araddr,
    output wire [7:0] m_axi_arlen,
    output wire [2:0] m_axi_arsize,
    output wire [1:0] m_axi_arburst,
    output wire m_axi_arlock,
    output wire [3:0] m_axi_arcache,
    output wire [2:0] m_axi_arprot,
    output wire [3:0] m_axi_arqos,

    input  wire m_axi_rvalid,
    output wire m_axi_rready,
    input  wire [{{ id_w - 1 }}:0] m_axi_rid,
    input  wire [{{ data_w - 1 }}:0] m_axi_rdata,
    input  wire [1:0] m_axi_rresp,
    input  wire m_axi_rlast
);

  localparam ADDR_W   = {{ addr_w }};
  localparam DATA_W   = {{ data_w }};
  localparam ID_W     = {{ id_w }};
  localparam PAGE_W   = 7;  // bits of a sector's number within 4 KB
  localparam FLIGHT_W = $clog2(IN_FLIGHT + 1);

  localparam MOST = MAX_BURST - 1;

  localparam [PAGE_W-1:0] LAST_MORE = MOST[PAGE_W-1:0];
  localparam [FLIGHT_W-1:0] ALL_FLYING = IN_FLIGHT[FLIGHT_W-1:0];
  localparam [FLIGHT_W-1:0] ONE_FLYING = {{(FLIGHT_W - 1){1'b0}}, 1'b1};

  localparam [ADDR_W-1:0] SECTOR = 32;  // bytes

  localparam [1:0] RESP_OKAY = 2'd0;

  // ---- requests ----------------------------------------------------------------------------------------------------

  wire              asked_valid;
  wire              asked_ready;
  wire [ADDR_W-1:0] asked_address;
  wire              request_room;

  assign request_ready = request_room || stop;

  stream_reg #(
      .WIDTH(ADDR_W)
  ) u_request (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(request_valid && !stop),
      .push_ready(request_room),
      .push_data (request_address),
      .pop_valid (asked_valid),
      .pop_ready (asked_ready),
      .pop_data  (asked_address)
  );

  // ---- the burst that is being collected ---------------------------------------------------------------------------

  reg              burst_valid_q;
  reg [ADDR_W-1:0] burst_first_q;  // its first sector, base included
  reg [PAGE_W-1:0] burst_more_q;  // sectors after the first
  reg [ADDR_W-1:0] next_address_q;  // the request that would join it, base not included
  reg [PAGE_W-1:0] next_in_page_q;  // that sector's number within 4 KB; 0: it is beyond them

  // A request joins while it waits behind the burst, so a burst goes when what waits behind it cannot join.
  wire joins = asked_valid && burst_valid_q && asked_address == next_address_q
      && next_in_page_q != {PAGE_W{1'b0}} && burst_more_q != LAST_MORE;

  wire ar_ready;
  wire room;
  wire launch = burst_valid_q && !joins && ar_ready && room && !stop;

  assign asked_ready = stop || joins || launch || !burst_valid_q;

  wire [ADDR_W-1:0] asked_absolute = base + asked_address;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) burst_valid_q <= 1'b0;
    else burst_valid_q <= !stop && (asked_valid || (burst_valid_q && !launch));
  end

  always @(posedge clk) begin
    if (asked_ready) next_address_q <= asked_address + SECTOR;
    if (asked_ready && !joins) begin
      burst_first_q  <= asked_absolute;
      burst_more_q   <= {PAGE_W{1'b0}};
      next_in_page_q <= asked_absolute[11:5] + 1'b1;
    end else if (joins) begin
      burst_more_q   <= burst_more_q + 1'b1;
      next_in_page_q <= next_in_page_q + 1'b1;
    end
  end

  // ---- AR ----------------------------------------------------------------------------------------------------------

  {% if data_w == 512 %}
  // A burst that starts with the upper half of a beat has the lower one read too.
  wire [PAGE_W:0] last_half = {1'b0, burst_more_q} + {{PAGE_W{1'b0}}, burst_first_q[5]};

  wire [ADDR_W-1:0] burst_addr = {burst_first_q[ADDR_W-1:6], 1'b0, burst_first_q[4:0]};
  wire [7:0] burst_len = {1'b0, last_half[PAGE_W:1]};
  {% else %}
  wire [ADDR_W-1:0] burst_addr = burst_first_q;
  {% if data_w == 256 %}
  wire [7:0] burst_len = {1'b0, burst_more_q};
  {% elif data_w == 128 %}
  wire [7:0] burst_len = {burst_more_q, 1'b1};
  {% else %}
  wire [7:0] burst_len = {burst_more_q[5:0], 2'b11};
  {% endif %}
  {% endif %}

  stream_reg #(
      .WIDTH(ADDR_W + 19)
  ) u_ar (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(launch),
      .push_ready(ar_ready),
      .push_data ({qos, prot, cache, burst_len, burst_addr}),
      .pop_valid (m_axi_arvalid),
      .pop_ready (m_axi_arready),
      .pop_data  ({m_axi_arqos, m_axi_arprot, m_axi_arcache, m_axi_arlen, m_axi_araddr})
  );

  assign m_axi_arid    = {ID_W{1'b0}};
  assign m_axi_arsize  = {{ size }};  // whole beats
  assign m_axi_arburst = 2'b01;  // INCR
  assign m_axi_arlock  = 1'b0;

  // ---- R -----------------------------------------------------------------------------------------------------------

  wire              r_error = m_axi_rresp != RESP_OKAY || m_axi_rid != {ID_W{1'b0}};

  wire              beat_valid;
  wire              beat_ready;
  wire [DATA_W-1:0] beat_data;
  wire              beat_error;
  wire              beat_last;

  stream_reg #(
      .WIDTH(DATA_W + 2)
  ) u_beat (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(m_axi_rvalid),
      .push_ready(m_axi_rready),
      .push_data ({m_axi_rlast, r_error, m_axi_rdata}),
      .pop_valid (beat_valid),
      .pop_ready (beat_ready),
      .pop_data  ({beat_last, beat_error, beat_data})
  );

  wire take_response = response_ready || stop;

  {% if data_w == 512 %}
  // Which halves are wanted follows from where the burst starts and ends.
  wire halves_valid;
  wire halves_ready;
  wire starts_high;
  wire ends_low;
  wire halves_room;

  stream_fifo #(
      .WIDTH(2),
      .DEPTH(IN_FLIGHT)
  ) u_halves (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(launch),
      .push_ready(halves_room),
      .push_data ({burst_first_q[5], !last_half[0]}),
      .pop_valid (halves_valid),
      .pop_ready (halves_ready),
      .pop_data  ({starts_high, ends_low})
  );

  reg  inner_q;  // a beat of the burst has been taken
  reg  upper_q;  // the lower half of this beat has been taken

  wire upper = upper_q || (starts_high && !inner_q);
  wire sector_valid = beat_valid && halves_valid;
  wire take_sector = sector_valid && take_response;

  assign beat_ready     = halves_valid && take_response && (upper || (beat_last && ends_low));
  assign halves_ready   = beat_valid && beat_ready && beat_last;
  assign response_valid = sector_valid && !stop;
  assign response_data  = upper ? beat_data[511:256] : beat_data[255:0];
  assign response_error = beat_error;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      inner_q <= 1'b0;
      upper_q <= 1'b0;
    end else if (take_sector) begin
      upper_q <= !beat_ready;
      if (beat_ready) inner_q <= !beat_last;
    end
  end
  {% elif data_w == 256 %}
  assign beat_ready     = take_response;
  assign response_valid = beat_valid && !stop;
  assign response_data  = beat_data;
  assign response_error = beat_error;
  {% else %}
  // The first beats of a sector wait in a shift register for its last.
  localparam BEATS  = 256 / DATA_W;
  localparam BEAT_W = $clog2(BEATS);
  localparam HELD   = 256 - DATA_W;

  localparam [BEAT_W-1:0] LAST_BEAT = {BEAT_W{1'b1}};

  reg [BEAT_W-1:0] beat_q;
  reg [  HELD-1:0] held_data_q;
  reg              held_error_q;

  wire whole = beat_q == LAST_BEAT;

  assign beat_ready     = take_response || !whole;
  assign response_valid = beat_valid && whole && !stop;
  assign response_data  = {beat_data, held_data_q};
  assign response_error = beat_error || held_error_q;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) beat_q <= {BEAT_W{1'b0}};
    else if (beat_valid && beat_ready) beat_q <= beat_q + 1'b1;
  end

  always @(posedge clk) begin
    if (beat_valid && beat_ready) begin
      {% if data_w == 128 %}
      held_data_q  <= beat_data;
      {% else %}
      held_data_q  <= {beat_data, held_data_q[HELD-1:DATA_W]};
      {% endif %}
      held_error_q <= beat_error || (held_error_q && beat_q != {BEAT_W{1'b0}});
    end
  end
  {% endif %}

  // ---- what is in flight -------------------------------------------------------------------------------------------

  reg  [FLIGHT_W-1:0] flying_q;  // bursts launched whose last sector is not yet taken

  wire                land = beat_valid && beat_ready && beat_last;

  {% if data_w == 512 %}
  assign room = flying_q != ALL_FLYING && halves_room;
  {% else %}
  assign room = flying_q != ALL_FLYING;
  {% endif %}
  assign idle = !asked_valid && !burst_valid_q && flying_q == {FLIGHT_W{1'b0}};

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) flying_q <= {FLIGHT_W{1'b0}};
    else if (launch && !land) flying_q <= flying_q + ONE_FLYING;
    else if (land && !launch) flying_q <= flying_q - ONE_FLYING;
  end

endmodule
