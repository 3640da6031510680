// axi_reader at 256 bits keeps the rules of AXI4 on AR, whatever is asked, whenever the memory answers, and whatever stop
// does. Where no burst has several sectors (MAX_BURST = 1) it is also shown that it gives no more responses than were
// asked for, and is idle only with nothing in flight; with longer bursts these sums are out of the prover's reach.
module proof #(
    parameter ADDR_W    = 32,
    parameter MAX_BURST = 2,  // 1 or 2
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

  // The memory: the lengths of the bursts that it has accepted, the oldest first, one bit each.
  reg  [3:0] lengths = 0;
  reg  [2:0] bursts = 0;
  reg        second = 1'b0;  // the first beat of the oldest one has been given

  wire       ar = m_axi_arvalid && m_axi_arready;
  wire       r = m_axi_rvalid && m_axi_rready;
  wire       gone = r && m_axi_rlast;
  assign m_axi_rlast = second == lengths[0];

  // Requests accepted and not yet answered. What is asked during a stop, or before it, is never answered.
  reg  [4:0] owed = 0;

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
      bursts <= 0;
      second <= 1'b0;
      owed   <= 0;
    end else begin
      bursts  <= bursts + ar - gone;
      lengths <= (gone ? lengths >> 1 : lengths) & ~(ar ? 4'd1 << (bursts - gone) : 4'd0)
          | (ar && m_axi_arlen[0] ? 4'd1 << (bursts - gone) : 4'd0);
      if (r) second <= !m_axi_rlast;
      owed <= stop ? 5'd0 : owed + (request_valid && request_ready) - (response_valid && response_ready);
    end
  end

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
      a_within_4_kb: assert (!m_axi_arvalid || m_axi_arlen == 0 || m_axi_araddr[11:5] != 7'd127);
      a_response_stays: assert (!response_stalled || stop || (response_valid
                                && response_error == error_held && response_data[3:0] == data_held));
      a_stop_is_silent: assert (!stop || !response_valid);
      a_silent_after_reset: assert (!was_reset || (!m_axi_arvalid && !response_valid));
    end
    if (begun && !rst && MAX_BURST == 1) begin
      a_in_flight: assert (bursts <= IN_FLIGHT);
      a_response_asked_for: assert (!response_valid || owed != 0);
      a_idle_is_idle: assert (!idle || (bursts == 0 && !m_axi_arvalid && !response_valid));
      a_idle_owes_nothing: assert (!idle || stop || owed == 0);
    end
    c_burst: cover (begun && m_axi_arvalid && m_axi_arlen == MAX_BURST - 1);
    c_answered: cover (begun && response_valid && owed == 3);
    c_stopped: cover (begun && stop && bursts == 2);
    c_all_done: cover (begun && was_stopped && idle && stop);
  end

endmodule
