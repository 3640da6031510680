// sector_crossbar between ports that ask in batches and a memory of its own. A beat of a batch has a sector for each port
// or none; the ports ask one after the other, each sector in a slot of its own. When all of a batch is there, `report`
// tells, by port, how many sectors came and a sum over them: of the sector's contents, folded, times a number of its place
// among the port's requests, so whatever goes astray shows. A batch with `clear` is asked for, cleared so many
// cycles after its last beat, and forgotten; nothing is to come of it.
//
// Each channel gives one sector a cycle, `latency` cycles after the request, at least 2; with `draw`, a seed, it pauses at random.

module sector_crossbar_stand (
    input  wire clk,
    input  wire {{ rst.port }},
    input  wire [31:0] draw,
    input  wire [15:0] latency,
    output wire requests,  // of channel 0
    output wire busy,

    input  wire ask_valid,
    output wire ask_ready,
    input  wire [{{ ports - 1 }}:0] ask_valids,
    input  wire [{{ ports * sector_w - 1 }}:0] ask_sectors,
    input  wire ask_last,
    input  wire [7:0] ask_clear,

    output wire report_valid,
    input  wire report_ready,
    output wire [{{ ports * 16 - 1 }}:0] report_counts,
    output wire [{{ ports * 32 - 1 }}:0] report_sums
);

  localparam PORTS    = {{ ports }};
  localparam CHANNELS = {{ channels }};
  localparam ADDR_W   = {{ config.addr_width }};
  localparam SECTOR_W = {{ sector_w }};
  localparam SLOTS    = {{ slots }};
  localparam SLOT_W   = {{ slot_w }};
  localparam ASKS     = 16;  // sectors that wait in a port
  localparam MEMORY   = 4096;  // more than a channel is ever asked for

  localparam [2:0] RUN = 3'd0;
  localparam [2:0] DRAIN = 3'd1;  // until all has come
  localparam [2:0] WAIT = 3'd2;  // for the clear
  localparam [2:0] CLEAR = 3'd3;
  localparam [2:0] DROP = 3'd4;
  localparam [2:0] REPORT = 3'd5;

  wire reset = {{ rst.active }};

  function [31:0] mix(input [31:0] x);
    begin
      mix = (x ^ (x >> 16)) * 32'h7feb352d;
      mix = (mix ^ (mix >> 15)) * 32'h846ca68b;
      mix = mix ^ (mix >> 16);
    end
  endfunction

  function [31:0] xorshift(input [31:0] x);
    begin
      xorshift = x ^ (x << 13);
      xorshift = xorshift ^ (xorshift >> 17);
      xorshift = xorshift ^ (xorshift << 5);
    end
  endfunction

  reg  [ 2:0] state;
  reg  [ 7:0] spent;
  reg  [ 7:0] clear_at;
  reg  [31:0] now;
  wire        clear = state == CLEAR;
  wire        drop = state == DROP;
  wire        forget = reset || clear || drop || (report_valid && report_ready);
  wire        idle;
  wire [PORTS-1:0] room;
  wire [PORTS-1:0] none;  // nothing is asked for or owed
  wire        ask = ask_valid && ask_ready;

  assign ask_ready    = state == RUN && room == {PORTS{1'b1}};
  assign report_valid = state == REPORT && !reset;
  assign busy         = none != {PORTS{1'b1}};

  always @(posedge clk) begin
    if (reset) begin
      state <= RUN;
      now   <= 32'd0;
    end else begin
      now   <= now + 32'd1;
      spent <= spent + 8'd1;
      case (state)
        RUN:
        if (ask && ask_last) begin
          state    <= ask_clear != 8'd0 ? WAIT : DRAIN;
          spent    <= 8'd1;
          clear_at <= ask_clear;
        end
        DRAIN: if (none == {PORTS{1'b1}}) state <= REPORT;
        WAIT: if (spent >= clear_at) state <= CLEAR;
        CLEAR: state <= DROP;
        DROP: if (idle) state <= REPORT;
        default: if (report_ready) state <= RUN;
      endcase
    end
  end

  // ---- the ports -----------------------------------------------------------------------------------------------------

  wire [         PORTS-1:0] port_valid;
  wire [         PORTS-1:0] port_ready;
  wire [PORTS*SECTOR_W-1:0] port_sector;
  wire [  PORTS*SLOT_W-1:0] port_slot;
  wire [         PORTS-1:0] write_valid;
  wire [  PORTS*SLOT_W-1:0] write_slot;
  wire [     PORTS*256-1:0] write_data;

  genvar port;
  generate
    for (port = 0; port < PORTS; port = port + 1) begin : g_port
      reg [SECTOR_W-1:0] asks[0:ASKS-1];
      reg [31:0] asks_in;
      reg [31:0] asks_out;
      reg [31:0] place[0:SLOTS-1];  // of the sector that a slot waits for, among the port's
      reg [SLOTS-1:0] waits;
      reg [SLOTS-1:0] still;
      reg [31:0] give;
      reg [31:0] asked;
      reg [15:0] count;
      reg [31:0] sum;
      reg [31:0] fold;
      reg [255:0] data;
      reg [SLOT_W-1:0] slot;
      integer w;

      assign room[port] = asks_in - asks_out < ASKS;
      assign none[port] = asks_in == asks_out && waits == {SLOTS{1'b0}};
      assign port_valid[port] = asks_in != asks_out && !waits[give%SLOTS]
          && !reset && !clear && !drop;
      assign port_sector[port*SECTOR_W+:SECTOR_W] = asks[asks_out%ASKS];
      assign port_slot[port*SLOT_W+:SLOT_W] = give % SLOTS;
      assign report_counts[port*16+:16] = count;
      assign report_sums[port*32+:32] = sum;

      always @(posedge clk) begin
        if (forget) begin
          asks_in  <= 32'd0;
          asks_out <= 32'd0;
          waits    <= {SLOTS{1'b0}};
          give     <= 32'd0;
          asked    <= 32'd0;
          count    <= 16'd0;
          sum      <= 32'd0;
          if (!reset && drop && write_valid[port]) $display("CHECK %m: a sector in spite of clear");
        end else begin
          still = waits;
          if (write_valid[port]) begin
            slot = write_slot[port*SLOT_W+:SLOT_W];
            if (!waits[slot]) $display("CHECK %m: a sector for a slot that does not wait");
            data = write_data[port*256+:256];
            fold = 32'd0;
            for (w = 0; w < 8; w = w + 1) fold = fold + data[w*32+:32] * (2 * w + 1);
            still[slot] = 1'b0;
            sum   <= sum + mix(place[slot] + 32'd1) * (fold | 32'd1);
            count <= count + 16'd1;
          end
          if (port_valid[port] && port_ready[port]) begin
            still[give%SLOTS] = 1'b1;
            place[give%SLOTS] <= asked;
            asked             <= asked + 32'd1;
            give              <= give + 32'd1;
            asks_out          <= asks_out + 32'd1;
          end
          waits <= still;
          if (ask && ask_valids[port]) begin
            asks[asks_in%ASKS] <= ask_sectors[port*SECTOR_W+:SECTOR_W];
            asks_in            <= asks_in + 32'd1;
          end
        end
      end
    end
  endgenerate

  // ---- the crossbar --------------------------------------------------------------------------------------------------

  wire [       CHANNELS-1:0] request_valid;
  wire [       CHANNELS-1:0] request_ready;
  wire [CHANNELS*ADDR_W-1:0] request_address;
  wire [       CHANNELS-1:0] response_valid;
  wire [       CHANNELS-1:0] response_ready;
  wire [   CHANNELS*256-1:0] response_data;
  wire [       CHANNELS-1:0] request = request_valid & request_ready;
  wire [       CHANNELS-1:0] response = response_valid & response_ready;

  assign requests = request[0];

  sector_crossbar dut (
      .clk            (clk),
      .{{ rst.port }}({{ rst.port }}),
      .clear          (clear),
      .drop           (drop),
      .idle           (idle),
      .port_valid     (port_valid),
      .port_ready     (port_ready),
      .port_sector    (port_sector),
      .port_slot      (port_slot),
      .write_valid    (write_valid),
      .write_slot     (write_slot),
      .write_data     (write_data),
      .request_valid  (request_valid),
      .request_ready  (request_ready),
      .request_address(request_address),
      .response_valid (response_valid),
      .response_ready (response_ready),
      .response_data  (response_data)
  );

  // ---- what it states ------------------------------------------------------------------------------------------------

  wire [CHANNELS-1:0] owing;
  reg  [3:0] asked_before;  // bit i: a port's request was taken i+1 cycles ago
  reg  [5:0] idle_before;
  reg  [5:0] came_before;

  always @(posedge clk) begin
    asked_before <= {asked_before[2:0], (port_valid & port_ready) != {PORTS{1'b0}} && !reset};
    idle_before  <= {idle_before[4:0], idle && !reset};
    came_before  <= {came_before[4:0], response != {CHANNELS{1'b0}} && !reset};
    if (!reset) begin
      if (idle && owing != {CHANNELS{1'b0}}) $display("CHECK %m: idle with sectors owed");
      // Out of nothing: the first request, the first sector.
      if (asked_before == 4'b0010 && idle_before == 6'h3f && state != DROP
          && request_valid == {CHANNELS{1'b0}})
        $display("CHECK %m: a request is not offered after 2 cycles");
      if (asked_before == 4'b0001 && idle_before == 6'h3f && request_valid != {CHANNELS{1'b0}})
        $display("CHECK %m: a request is offered before its time");
      if (came_before == 6'b000010 && state == DRAIN && write_valid == {PORTS{1'b0}})
        $display("CHECK %m: a sector is not written after 2 cycles");
      if (came_before == 6'b000001 && write_valid != {PORTS{1'b0}})
        $display("CHECK %m: a sector is written before its time");
    end
  end

  // ---- the memory ----------------------------------------------------------------------------------------------------

  genvar channel;
  generate
    for (channel = 0; channel < CHANNELS; channel = channel + 1) begin : g_channel
      localparam [31:0] CHANNEL = channel;

      reg [63:0] sector[0:MEMORY-1];
      reg [31:0] due[0:MEMORY-1];
      reg [31:0] sectors_in;
      reg [31:0] sectors_out;
      reg [31:0] random;
      reg        out_valid;
      reg [63:0] out;
      reg        stood;
      reg [ADDR_W-1:0] address;

      wire [ADDR_W-1:0] asked_for = request_address[channel*ADDR_W+:ADDR_W];
      wire calm = draw == 32'd0;
      wire free = !out_valid || response_ready[channel];
      wire load = free && (calm || random[25:24] != 2'd0) && sectors_in != sectors_out
          && now - due[sectors_out%MEMORY] < 32'h8000_0000;

      assign request_ready[channel]  = calm || random[17:16] != 2'd0;
      assign response_valid[channel] = out_valid;
      assign owing[channel]          = sectors_in != sectors_out || out_valid;

      genvar word;
      for (word = 0; word < 8; word = word + 1) begin : g_word
        assign response_data[channel*256+word*32+:32] =
            mix((out[31:0] ^ mix(out[63:32])) * 32'd8 + word);
      end

      always @(posedge clk) begin
        if (reset) begin
          sectors_in  <= 32'd0;
          sectors_out <= 32'd0;
          random      <= (draw ^ (CHANNEL << 20)) | 32'd1;
          out_valid   <= 1'b0;
          stood       <= 1'b0;
        end else begin
          random <= xorshift(random);
          if (request[channel]) begin
            sector[sectors_in%MEMORY] <= (asked_for >> 5) * CHANNELS + channel;
            due[sectors_in%MEMORY]    <= now + {16'd0, latency} - 32'd1;
            sectors_in                <= sectors_in + 32'd1;
          end
          if (load) begin
            out         <= sector[sectors_out%MEMORY];
            sectors_out <= sectors_out + 32'd1;
          end
          if (free) out_valid <= load;
          stood   <= request_valid[channel] && !request_ready[channel];
          address <= asked_for;
          if (stood && !(request_valid[channel] && address == asked_for))
            $display("CHECK %m: a request changed before it was taken");
        end
      end
    end
  endgenerate

endmodule
