// axi_writer at 128 bits keeps the rules of AXI4 on AW and W, whatever is written, whenever the memory answers, and whatever
// stop does; it is idle only when every sector that it has begun is answered, and every one accepted is.
module proof #(
    parameter ADDR_W    = 32,
    parameter QUEUE     = 2,
    parameter IN_FLIGHT = 3
) (
    input wire              clk,
    input wire              rst,
    input wire              write_valid,
    input wire [ADDR_W-1:0] write_address,
    input wire [     255:0] write_data,
    input wire [       7:0] write_strobe,
    input wire [ADDR_W-1:0] base,
    input wire [       3:0] cache,
    input wire [       2:0] prot,
    input wire [       3:0] qos,
    input wire              stop,
    input wire              m_axi_awready,
    input wire              m_axi_wready,
    input wire              m_axi_bvalid,
    input wire [       1:0] m_axi_bresp
);
  wire              write_ready;
  wire              idle;
  wire              error;
  wire              m_axi_awvalid;
  wire              m_axi_awid;
  wire [ADDR_W-1:0] m_axi_awaddr;
  wire [       7:0] m_axi_awlen;
  wire [       2:0] m_axi_awsize;
  wire [       1:0] m_axi_awburst;
  wire              m_axi_awlock;
  wire [       3:0] m_axi_awcache;
  wire [       2:0] m_axi_awprot;
  wire [       3:0] m_axi_awqos;
  wire              m_axi_wvalid;
  wire [     127:0] m_axi_wdata;
  wire [      15:0] m_axi_wstrb;
  wire              m_axi_wlast;
  wire              m_axi_bready;

  axi_writer #(
      .QUEUE(QUEUE),
      .IN_FLIGHT(IN_FLIGHT)
  ) dut (
      .clk(clk),
      .rst(rst),
      .write_valid(write_valid),
      .write_ready(write_ready),
      .write_address(write_address),
      .write_data(write_data),
      .write_strobe(write_strobe),
      .base(base),
      .cache(cache),
      .prot(prot),
      .qos(qos),
      .stop(stop),
      .idle(idle),
      .error(error),
      .m_axi_awvalid(m_axi_awvalid),
      .m_axi_awready(m_axi_awready),
      .m_axi_awid(m_axi_awid),
      .m_axi_awaddr(m_axi_awaddr),
      .m_axi_awlen(m_axi_awlen),
      .m_axi_awsize(m_axi_awsize),
      .m_axi_awburst(m_axi_awburst),
      .m_axi_awlock(m_axi_awlock),
      .m_axi_awcache(m_axi_awcache),
      .m_axi_awprot(m_axi_awprot),
      .m_axi_awqos(m_axi_awqos),
      .m_axi_wvalid(m_axi_wvalid),
      .m_axi_wready(m_axi_wready),
      .m_axi_wdata(m_axi_wdata),
      .m_axi_wstrb(m_axi_wstrb),
      .m_axi_wlast(m_axi_wlast),
      .m_axi_bvalid(m_axi_bvalid),
      .m_axi_bready(m_axi_bready),
      .m_axi_bid(1'b0),
      .m_axi_bresp(m_axi_bresp)
  );

  // The memory: addresses and whole bursts of data accepted and not yet answered.
  reg  [2:0] addresses = 0;
  reg  [2:0] datas = 0;
  reg        second = 1'b0;  // the first beat of a burst has been given
  reg  [2:0] accepted = 0;  // sectors accepted and not yet answered; a stop forgets those not begun
  reg        begun = 1'b0;
  reg        was_reset = 1'b0;
  reg        was_stopped = 1'b0;
  reg        write_stalled = 1'b0;
  reg        aw_stalled = 1'b0;
  reg        w_stalled = 1'b0;
  reg [ADDR_W+7:0] write_held = 0;
  reg [ADDR_W+10:0] aw_held = 0;
  reg [48:0] w_held = 0;
  reg        failed = 1'b0;

  wire       aw = m_axi_awvalid && m_axi_awready;
  wire       w = m_axi_wvalid && m_axi_wready;
  wire       b = m_axi_bvalid && m_axi_bready;
  wire [ADDR_W+10:0] aw_now = {m_axi_awaddr, m_axi_awcache, m_axi_awprot, m_axi_awqos};
  wire [48:0] w_now = {m_axi_wdata[31:0], m_axi_wstrb, m_axi_wlast};

  always @(posedge clk) begin
    begun         <= begun || rst;
    was_reset     <= rst;
    was_stopped   <= !rst && stop && !idle;
    write_stalled <= !rst && write_valid && !write_ready;
    aw_stalled    <= !rst && m_axi_awvalid && !m_axi_awready;
    w_stalled     <= !rst && m_axi_wvalid && !m_axi_wready;
    write_held    <= {write_address, write_strobe};
    aw_held       <= aw_now;
    w_held        <= w_now;
    failed        <= !rst && b && m_axi_bresp != 2'd0;
    if (rst) begin
      addresses <= 0;
      datas     <= 0;
      second    <= 1'b0;
      accepted  <= 0;
    end else begin
      addresses <= addresses + aw - b;
      datas     <= datas + (w && m_axi_wlast) - b;
      if (w) second <= !m_axi_wlast;
      accepted <= stop ? 3'd0 : accepted + (write_valid && write_ready) - b;
    end
  end

  always @(*) begin
    if (!begun) assume (rst);
    if (rst) assume (!write_valid && !m_axi_bvalid);
    if (write_stalled) assume (write_valid && {write_address, write_strobe} == write_held);
    if (was_stopped) assume (stop);
    // The memory answers a burst once it has all of it.
    if (addresses == 0 || datas == 0) assume (!m_axi_bvalid);
    assume (write_address[4:0] == 5'd0 && base[4:0] == 5'd0);
  end

  always @(posedge clk) begin
    if (begun && !rst) begin
      a_aw_stays: assert (!aw_stalled || (m_axi_awvalid && aw_now == aw_held));
      a_w_stays: assert (!w_stalled || (m_axi_wvalid && w_now == w_held));
      a_within_4_kb: assert (!m_axi_awvalid || {1'b0, m_axi_awaddr[11:4]} + m_axi_awlen < 256);
      a_aligned: assert (!m_axi_awvalid || m_axi_awaddr[3:0] == 4'd0);
      a_last: assert (!m_axi_wvalid || m_axi_wlast == second);
      a_bounded: assert (addresses <= IN_FLIGHT && datas <= IN_FLIGHT);
      a_idle_is_idle: assert (!idle || (addresses == 0 && datas == 0 && !second
                                        && !m_axi_awvalid && !m_axi_wvalid));
      a_idle_has_answered: assert (!idle || accepted == 0);
      a_answers_are_taken: assert (m_axi_bready);
      a_error_is_told: assert (error == failed);
      a_error_before_idle: assert (!(error && idle));
      a_silent_after_reset: assert (!was_reset || (!m_axi_awvalid && !m_axi_wvalid && idle));
    end
    c_apart: cover (begun && addresses == 2 && datas == 0);
    c_data_first: cover (begun && addresses == 0 && datas == 1);
    c_stopped: cover (begun && stop && addresses == 1 && datas == 0);
    c_all_done: cover (begun && was_stopped && idle && stop);
  end

endmodule
