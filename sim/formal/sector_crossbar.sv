// sector_crossbar with one or two channels: each sector that comes back goes to the port and the slot that asked for it, once,
// and none is lost, whatever the ports ask, whenever the channels take and answer, and whatever clear does.
//
// A channel answers with low bits of the sector's number, so that a sector that goes astray shows; sectors differ in no
// other bits, so that the others need not be followed. Loss: when nothing has
// been offered, asked or answered for a while, no slot waits any more.
module proof #(
    parameter PORTS    = 2,
    parameter CHANNELS = 2,
    parameter SLOTS    = 2,
    parameter SLOT_W   = 1,
    parameter ADDR_W   = 32,
    parameter OWED     = 8  // more than a channel is ever asked for
) (
    input wire                   clk,
    input wire                   rst,
    input wire                   clear,
    input wire [      PORTS-1:0] port_valid,
    input wire [    PORTS*2-1:0] port_number,
    input wire [PORTS*SLOT_W-1:0] port_slot,
    input wire [   CHANNELS-1:0] request_ready,
    input wire [   CHANNELS-1:0] response_valid
);
  localparam SECTOR_W = ADDR_W - 5;
  localparam NUMBERS = 1 << SLOT_W;  // of slots, legal or not
  localparam QUIET = 7;  // cycles from the last response to the last write, and more

  wire [        PORTS-1:0] port_ready;
  wire [        PORTS-1:0] write_valid;
  wire [ PORTS*SLOT_W-1:0] write_slot;
  wire [    PORTS*256-1:0] write_data;
  wire [     CHANNELS-1:0] request_valid;
  wire [CHANNELS*ADDR_W-1:0] request_address;
  wire [     CHANNELS-1:0] response_ready;
  wire [ CHANNELS*256-1:0] response_data;
  wire                     idle;
  reg                      draining = 1'b0;

  // Few sectors, of both channels.
  wire [PORTS*SECTOR_W-1:0] port_sector;
  genvar port;
  generate
    for (port = 0; port < PORTS; port = port + 1) begin : g_port
      assign port_sector[port*SECTOR_W+:SECTOR_W] = port_number[port*2+:2];
    end
  endgenerate

  sector_crossbar dut (
      .clk(clk),
      .rst(rst),
      .clear(clear),
      .drop(draining),
      .idle(idle),
      .port_valid(port_valid),
      .port_ready(port_ready),
      .port_sector(port_sector),
      .port_slot(port_slot),
      .write_valid(write_valid),
      .write_slot(write_slot),
      .write_data(write_data),
      .request_valid(request_valid),
      .request_ready(request_ready),
      .request_address(request_address),
      .response_valid(response_valid),
      .response_ready(response_ready),
      .response_data(response_data)
  );

  // The channels: the low bit of each sector's number within its channel, the oldest first.
  reg [CHANNELS*OWED-1:0] bits = 0;
  reg [   CHANNELS*4-1:0] owed = 0;

  wire [CHANNELS-1:0] ask = request_valid & request_ready;
  wire [CHANNELS-1:0] answer = response_valid & response_ready;

  genvar channel;
  generate
    for (channel = 0; channel < CHANNELS; channel = channel + 1) begin : g_channel
      localparam [0:0] NUMBER = channel;

      wire [3:0] rest = owed[channel*4+:4] - answer[channel];  // where the next one goes
      wire [OWED-1:0] kept = answer[channel] ? bits[channel*OWED+:OWED] >> 1 : bits[channel*OWED+:OWED];
      wire [OWED-1:0] place = ask[channel] ? 1 << rest : 0;

      assign response_data[channel*256+:256] = CHANNELS > 1 ? {254'd0, bits[channel*OWED], NUMBER} : bits[channel*OWED];

      always @(posedge clk) begin
        if (rst) owed[channel*4+:4] <= 0;
        else owed[channel*4+:4] <= rest + ask[channel];
        bits[channel*OWED+:OWED] <= (kept & ~place) | (request_address[channel*ADDR_W+5] ? place : 0);
      end
    end
  endgenerate

  // The ports: which slots wait, and for which sector.
  reg [  PORTS*NUMBERS-1:0] waits = 0;
  reg [PORTS*NUMBERS*2-1:0] number = 0;

  reg                     begun = 1'b0;
  reg                     was_reset = 1'b0;
  reg                     stopped = 1'b0;
  reg [        PORTS-1:0] stalled = 0;
  reg [      PORTS*2-1:0] number_held = 0;
  reg [ PORTS*SLOT_W-1:0] slot_held = 0;
  reg [     CHANNELS-1:0] request_stalled = 0;
  reg [CHANNELS*ADDR_W-1:0] address_held = 0;
  reg [     CHANNELS-1:0] response_stalled = 0;
  reg [              3:0] quiet = 0;
  reg [        PORTS-1:0] strays;  // writes to slots that do not wait
  reg [        PORTS-1:0] wrong;  // writes of another sector
  reg [     CHANNELS-1:0] over;  // more owed than is ever asked for
  reg [     CHANNELS-1:0] changed;  // requests that stood and do not stay
  integer                 p;
  integer                 c;

  always @(posedge clk) begin
    begun            <= begun || rst;
    was_reset        <= rst;
    draining         <= !rst && (clear || (draining && !idle));
    stalled          <= rst || clear ? 0 : port_valid & ~port_ready;
    number_held      <= port_number;
    slot_held        <= port_slot;
    request_stalled  <= rst ? 0 : request_valid & ~request_ready;
    address_held     <= request_address;
    response_stalled <= rst ? 0 : response_valid & ~response_ready;
    if (rst) begin
      quiet  <= 0;
      waits  <= 0;
    end else begin
      if (port_valid != 0 || request_valid != 0 || owed != 0) quiet <= 0;
      else if (quiet != QUIET) quiet <= quiet + 1;
      for (p = 0; p < PORTS; p = p + 1) begin
        if (write_valid[p]) waits[p*NUMBERS+write_slot[p*SLOT_W+:SLOT_W]] <= 1'b0;
        if (port_valid[p] && port_ready[p]) begin
          waits[p*NUMBERS+port_slot[p*SLOT_W+:SLOT_W]] <= 1'b1;
          number[(p*NUMBERS+port_slot[p*SLOT_W+:SLOT_W])*2+:2] <= port_number[p*2+:2];
        end
      end
      if (clear) waits <= 0;
    end
  end

  always @(*) begin
    if (!begun) assume (rst);
    if (rst) assume (port_valid == 0 && response_valid == 0 && !clear);
    // What the fetcher does.
    if (clear || draining) assume (port_valid == 0);
    for (p = 0; p < PORTS; p = p + 1) begin
      if (stalled[p] && !clear) assume (port_valid[p] && port_number[p*2+:2] == number_held[p*2+:2]
                              && port_slot[p*SLOT_W+:SLOT_W] == slot_held[p*SLOT_W+:SLOT_W]);
      assume (CHANNELS > 1 || !port_number[p*2+1]);
      assume (port_slot[p*SLOT_W+:SLOT_W] < SLOTS);
      if (port_valid[p]) assume (!waits[p*NUMBERS+port_slot[p*SLOT_W+:SLOT_W]]);
    end
    // What the memory does.
    for (c = 0; c < CHANNELS; c = c + 1) begin
      if (owed[c*4+:4] == 0) assume (!response_valid[c]);
    end
    assume ((response_stalled & ~response_valid) == 0);
  end

  // Every slot waits.
  reg all_wait;
  integer slot;

  always @(*) begin
    for (c = 0; c < CHANNELS; c = c + 1) begin
      over[c] = owed[c*4+:4] >= OWED;
      changed[c] = request_stalled[c] && !(request_valid[c]
          && request_address[c*ADDR_W+5+:2] == address_held[c*ADDR_W+5+:2]);
    end
    all_wait = 1'b1;
    for (p = 0; p < PORTS; p = p + 1) begin
      for (slot = 0; slot < SLOTS; slot = slot + 1) begin
        if (!waits[p*NUMBERS+slot]) all_wait = 1'b0;
      end
      strays[p] = write_valid[p] && !waits[p*NUMBERS+write_slot[p*SLOT_W+:SLOT_W]];
      wrong[p]  = write_valid[p]
          && write_data[p*256+:2] != number[(p*NUMBERS+write_slot[p*SLOT_W+:SLOT_W])*2+:2];
    end
  end

  always @(posedge clk) begin
    if (begun && !rst) begin
      a_asked_for: assert (strays == 0);
      a_the_sector: assert (wrong == 0);
      a_none_lost: assert (quiet != QUIET || waits == 0);
      a_bounded: assert (over == 0);
      a_request_stays: assert (changed == 0);
      a_idle_is_idle: assert (!idle || (owed == 0 && request_valid == 0));
      a_silent_when_cleared: assert (!draining || write_valid == 0);
      a_silent_after_reset: assert (!was_reset || (request_valid == 0 && write_valid == 0));
    end
    c_write: cover (begun && write_valid != 0);
    c_all: cover (begun && all_wait);
    c_drained: cover (begun && draining && idle);
    c_dropped: cover (begun && draining && answer != 0 && owed[3:0] > 1);
    c_quiet: cover (begun && quiet == QUIET && number != 0);
  end

endmodule
