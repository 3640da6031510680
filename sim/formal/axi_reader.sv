// axi_reader at 256 bits keeps the rules of AXI4 on AR, whatever is asked, whenever the memory answers, and whatever stop
// does; it asks for no more sectors than it was asked for, gives no more responses than sectors that it has asked for, and
// is idle only with nothing in flight.
//
// The proof is by induction: what is counted here is said to be what the reader's registers hold, to which the script
// joins the wires in_*.
module proof #(
    parameter ADDR_W    = 32,
    parameter MAX_BURST = 2,  // 1 to 4
    parameter IN_FLIGHT = 2
) (
    input wire              clk,
    input wire              rst,
    input wire              request_valid,
    input wire [ADDR_W-1:0] request_address,
    input wire              response_ready,
    input wire [ADDR_W-1:0] base,
    input wire [       3:0] cache,
    input wire [       2:0] prot,
    input wire [       3:0] qos,
    input wire              stop,
    input wire              m_axi_arready,
    input wire              m_axi_rvalid,
    input wire [     255:0] m_axi_rdata,
    input wire [       1:0] m_axi_rresp
);
  wire              request_ready;
  wire              response_valid;
  wire [     255:0] response_data;
  wire              response_error;
  wire              idle;
  wire              m_axi_arvalid;
  wire              m_axi_arid;
  wire [ADDR_W-1:0] m_axi_araddr;
  wire [       7:0] m_axi_arlen;
  wire [       2:0] m_axi_arsize;
  wire [       1:0] m_axi_arburst;
  wire              m_axi_arlock;
  wire [       3:0] m_axi_arcache;
  wire [       2:0] m_axi_arprot;
  wire [       3:0] m_axi_arqos;
  wire              m_axi_rready;
  wire              m_axi_rlast;

  axi_reader #(
      .MAX_BURST(MAX_BURST),
      .IN_FLIGHT(IN_FLIGHT)
  ) dut (
      .clk(clk),
      .rst(rst),
      .request_valid(request_valid),
      .request_ready(request_ready),
      .request_address(request_address),
      .response_valid(response_valid),
      .response_ready(response_ready),
      .response_data(response_data),
      .response_error(response_error),
      .base(base),
      .cache(cache),
      .prot(prot),
      .qos(qos),
      .stop(stop),
      .idle(idle),
      .m_axi_arvalid(m_axi_arvalid),
      .m_axi_arready(m_axi_arready),
      .m_axi_arid(m_axi_arid),
      .m_axi_araddr(m_axi_araddr),
      .m_axi_arlen(m_axi_arlen),
      .m_axi_arsize(m_axi_arsize),
      .m_axi_arburst(m_axi_arburst),
      .m_axi_arlock(m_axi_arlock),
      .m_axi_arcache(m_axi_arcache),
      .m_axi_arprot(m_axi_arprot),
      .m_axi_arqos(m_axi_arqos),
      .m_axi_rvalid(m_axi_rvalid),
      .m_axi_rready(m_axi_rready),
      .m_axi_rid(1'b0),
      .m_axi_rdata(m_axi_rdata),
      .m_axi_rresp(m_axi_rresp),
      .m_axi_rlast(m_axi_rlast)
  );

  wire       in_request_head;
  wire       in_request_skid;
  wire       in_burst_valid;
  wire [6:0] in_burst_more;
  wire       in_ar_head;
  wire       in_ar_skid;
  wire [7:0] in_ar_head_len;
  wire [7:0] in_ar_skid_len;
  wire       in_beat_head;
  wire       in_beat_skid;
  wire       in_beat_head_last;
  wire       in_beat_skid_last;
  wire [1:0] in_flying;
  wire [6:0] in_burst_first;  // numbers within 4 KB
  wire [6:0] in_next_in_page;
  wire [6:0] in_ar_head_first;
  wire [6:0] in_ar_skid_first;

  // The memory: beats after the first of the bursts that it has accepted, the oldest first, two bits each.
  reg  [7:0] lengths = 0;
  reg  [2:0] bursts = 0;
  reg  [1:0] given = 0;  // beats of the oldest one that have been given

  wire       ar = m_axi_arvalid && m_axi_arready;
  wire       r = m_axi_rvalid && m_axi_rready;
  wire       gone = r && m_axi_rlast;
  assign m_axi_rlast = given == lengths[1:0];

  // Requests accepted whose bursts AR has not yet taken, and sectors of those that it has that are not yet answered. What
  // is asked during a stop, or before it, is never answered.
  reg  [3:0] asked = 0;
  reg  [3:0] coming = 0;
  wire [3:0] taken = ar ? m_axi_arlen + 1 : 0;

  reg        begun = 1'b0;
  reg        was_reset = 1'b0;
  reg        was_stopped = 1'b0;
  reg        ar_stalled = 1'b0;
  reg        r_stalled = 1'b0;
  reg        request_stalled = 1'b0;
  reg        response_stalled = 1'b0;
  reg [ADDR_W+18:0] ar_held = 0;
  reg        error_held = 1'b0;
  reg [3:0] data_held = 0;

  wire [ADDR_W+18:0] ar_now = {
    m_axi_araddr, m_axi_arlen, m_axi_arcache, m_axi_arprot, m_axi_arqos
  };

  always @(posedge clk) begin
    begun            <= begun || rst;
    was_reset        <= rst;
    was_stopped      <= !rst && stop && !idle;
    ar_stalled       <= !rst && m_axi_arvalid && !m_axi_arready;
    r_stalled        <= !rst && m_axi_rvalid && !m_axi_rready;
    request_stalled  <= !rst && request_valid && !request_ready;
    response_stalled <= !rst && response_valid && !response_ready;
    ar_held          <= ar_now;
    error_held       <= response_error;
    data_held        <= response_data[3:0];
    if (rst) begin
      lengths <= 0;
      bursts <= 0;
      given  <= 0;
      asked  <= 0;
      coming <= 0;
    end else begin
      bursts  <= bursts + ar - gone;
      lengths <= ((gone ? lengths >> 2 : lengths) & ~(ar ? 8'd3 << (2 * (bursts - gone)) : 8'd0))
          | (ar ? m_axi_arlen[1:0] << (2 * (bursts - gone)) : 8'd0);
      if (r) given <= m_axi_rlast ? 0 : given + 1;
      asked <= stop ? 4'd0 : asked + (request_valid && request_ready) - taken;
      coming <= stop ? 4'd0 : coming + taken - (response_valid && response_ready);
    end
  end

  wire [3:0] in_front = in_request_head + in_request_skid + (in_burst_valid ? in_burst_more + 1 : 0)
      + (in_ar_head ? in_ar_head_len + 1 : 0) + (in_ar_skid ? in_ar_skid_len + 1 : 0);
  wire [6:0] in_next = in_burst_first + in_burst_more + 1;
  wire [3:0] in_memory = (bursts > 0 ? lengths[1:0] + 1 : 0) + (bursts > 1 ? lengths[3:2] + 1 : 0) - given;

  always @(*) begin
    if (!begun) assume (rst);
    if (rst) assume (!request_valid && !m_axi_rvalid);
    if (request_stalled) assume (request_valid);
    if (was_stopped) assume (stop);
    // The memory answers what it was asked, and keeps the rules.
    if (bursts == 0) assume (!m_axi_rvalid);
    if (r_stalled) assume (m_axi_rvalid);
  end

  always @(posedge clk) begin
    if (begun && !rst) begin
      a_valid_stays: assert (!ar_stalled || m_axi_arvalid);
      a_payload_stays: assert (!ar_stalled || ar_now == ar_held);
      a_length: assert (!m_axi_arvalid || m_axi_arlen < MAX_BURST);
      a_within_4_kb: assert (!m_axi_arvalid || m_axi_araddr[11:5] + m_axi_arlen < 128);
      a_response_stays: assert (!response_stalled || stop || (response_valid
                                && response_error == error_held && response_data[3:0] == data_held));
      a_stop_is_silent: assert (!stop || !response_valid);
      a_silent_after_reset: assert (!was_reset || (!m_axi_arvalid && !response_valid));
    end
    if (begun && !rst) begin
      i_streams: assert (in_request_head >= in_request_skid && in_ar_head >= in_ar_skid
                         && in_beat_head >= in_beat_skid);
      i_bursts: assert ((!in_burst_valid || in_burst_more < MAX_BURST)
                        && (!in_ar_head || in_ar_head_len < MAX_BURST)
                        && (!in_ar_skid || in_ar_skid_len < MAX_BURST));
      i_next: assert (!in_burst_valid || in_next_in_page == in_next);
      i_pages: assert ((!in_burst_valid || in_burst_first + {1'b0, in_burst_more} < 128)
                       && (!in_ar_head || in_ar_head_first + in_ar_head_len < 128)
                       && (!in_ar_skid || in_ar_skid_first + in_ar_skid_len < 128));
      i_memory: assert (given <= lengths[1:0] && (given == 0 || bursts != 0)
                        && lengths[1:0] < MAX_BURST && lengths[3:2] < MAX_BURST && lengths[7:4] == 0);
      i_flying: assert (in_flying <= IN_FLIGHT && in_flying == bursts + in_ar_head + in_ar_skid
                        + (in_beat_head && in_beat_head_last) + (in_beat_skid && in_beat_skid_last));
      i_beats: assert ((!in_beat_head || in_beat_head_last || in_beat_skid || given != 0)
                       && (!in_beat_skid || in_beat_skid_last || given != 0));
      i_asked: assert (was_stopped || asked == in_front);
      i_coming: assert (was_stopped || coming == in_memory + in_beat_head + in_beat_skid);
      a_in_flight: assert (bursts <= IN_FLIGHT);
      a_burst_asked_for: assert (!m_axi_arvalid || stop || was_stopped || asked > m_axi_arlen);
      a_response_asked_for: assert (!response_valid || coming != 0);
      a_idle_is_idle: assert (!idle || (bursts == 0 && !m_axi_arvalid && !response_valid));
      a_idle_owes_nothing: assert (!idle || stop || (asked == 0 && coming == 0));
    end
    c_burst: cover (begun && m_axi_arvalid && m_axi_arlen == MAX_BURST - 1);
    c_answered: cover (begun && response_valid && coming == 2);
    c_stopped: cover (begun && stop && bursts == 2);
    c_all_done: cover (begun && was_stopped && idle && stop);
  end

endmodule
