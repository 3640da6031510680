// axi_reader with a memory behind it. First `warm_up` cycles of foreign requests run, and the reader is stopped while
// nobody takes its answers: what follows must be as if they had never been.

module axi_reader_fed #(
    parameter MAX_BURST = {{ max_burst }},
    parameter IN_FLIGHT = {{ in_flight }}
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
    input  wire [31:0] draw,  // seed of what is random here
    input  wire [31:0] latency,
    input  wire [31:0] error_mask,
    input  wire [15:0] warm_up,
    output wire burst,  // an AR handshake
    output wire beat  // an R handshake
);

  wire reset = {{ rst.active }};

  // ---- phases --------------------------------------------------------------------------------------------------------

  reg  [15:0] spent;
  reg         stopped;  // the stop is over
  reg  [31:0] random;
  wire        foreign = spent < warm_up;
  wire        stop = !foreign && !stopped;
  wire        idle;
  wire        quiet;
  wire        asked_ready;
  wire        answer_valid;

  function [31:0] xorshift(input [31:0] x);
    begin
      xorshift = x ^ (x << 13);
      xorshift = xorshift ^ (xorshift >> 17);
      xorshift = xorshift ^ (xorshift << 5);
    end
  endfunction

  // Requests of the warm-up: runs of neighbours, each kept until it is taken.
  reg  [{{ sector_w - 1 }}:0] foreign_sector;
  reg         foreign_valid;

  always @(posedge clk) begin
    if (reset) begin
      spent          <= 16'd0;
      stopped        <= warm_up == 16'd0;
      random         <= draw | 32'd1;
      foreign_valid  <= 1'b0;
      foreign_sector <= {{ sector_w }}'d0;
    end else begin
      random <= xorshift(random);
      if (foreign) spent <= spent + 16'd1;
      if (!foreign_valid || asked_ready) begin
        foreign_valid  <= (foreign || random[4]) && !stopped;
        foreign_sector <= random[3:0] == 4'd0 ? random[31:5] : foreign_sector + {{ sector_w }}'d1;
      end
      if (stop && idle) stopped <= 1'b1;
    end
  end

  assign request_ready  = asked_ready && stopped;
  assign response_valid = answer_valid && stopped && !reset;

  // ---- reader and memory ---------------------------------------------------------------------------------------------

  wire [3:0] cache = draw[3:0];
  wire [2:0] prot = draw[6:4];
  wire [3:0] qos = draw[10:7];

  {{ wires }}

  axi_reader #(
      .MAX_BURST(MAX_BURST),
      .IN_FLIGHT(IN_FLIGHT)
  ) dut (
      .clk(clk),
      .{{ rst.port }}({{ rst.port }}),
      .request_valid(stopped ? request_valid : foreign_valid),
      .request_ready(asked_ready),
      .request_address(stopped ? request_address : {foreign_sector, 5'd0}),
      .response_valid(answer_valid),
      .response_ready(stopped ? response_ready : foreign && random[5]),
      .response_data(response_data),
      .response_error(response_error),
      .base(base),
      .cache(cache),
      .prot(prot),
      .qos(qos),
      .stop(stop),
      .idle(idle),
      {{ dut_axi }}
  );

  tb_axi_memory #(
      .DATA_W({{ data_w }}),
      .ADDR_W({{ addr_w }}),
      .ID_W({{ id_w }}),
      .SECTORS(16)
  ) memory (
      .clk(clk),
      .reset(reset),
      .clear(1'b0),
      .seed(draw),
      .latency(latency),
      .error_mask(error_mask),
      .error_first({{ addr_w }}'d1),
      .error_last({{ addr_w }}'d0),
      .quiet(quiet),
      .peek_index(32'd0),
      .peek_have(),
      .peek_sector(),
      .peek_data(),
      {{ memory_axi }}
  );

  tb_read_check #(
      .DATA_W({{ data_w }}),
      .ADDR_W({{ addr_w }})
  ) read_check (
      .clk(clk),
      .forget(reset || !stopped),
      .request(request_valid && request_ready),
      .request_address(base + request_address),
      .burst(burst),
      .burst_address(m_axi_araddr),
      .burst_len(m_axi_arlen),
      .beat(beat)
  );

  assign burst = m_axi_arvalid && m_axi_arready;
  assign beat  = m_axi_rvalid && m_axi_rready;

  // ---- what the reader states -----------------------------------------------------------------------------------------

  reg [31:0] owed;  // sectors asked for and not yet answered, without those of the warm-up
  reg        stop_before;
  reg        ar_before;

  always @(posedge clk) begin
    stop_before <= stop && !reset;
    ar_before   <= m_axi_arvalid;
    if (reset || !stopped) owed <= 32'd0;
    else
      owed <= owed + {31'd0, request_valid && request_ready}
          - {31'd0, response_valid && response_ready};
    if (!reset) begin
      if (stopped && idle && owed != 32'd0) $display("CHECK %m: idle with a sector owed");
      if (stop_before && m_axi_arvalid && !ar_before)
        $display("CHECK %m: a burst is begun in spite of stop");
      if (idle && (!quiet || answer_valid)) $display("CHECK %m: idle while something is in flight");
      if (stop && answer_valid) $display("CHECK %m: a response is offered in spite of stop");
      if (m_axi_arvalid && {m_axi_arcache, m_axi_arprot, m_axi_arqos} != {cache, prot, qos})
        $display("CHECK %m: ARCACHE, ARPROT or ARQOS is not what was set");
      if (m_axi_arvalid && {24'd0, m_axi_arlen} >= {{ most_beats }})
        $display("CHECK %m: a burst of more than %0d sectors", MAX_BURST);
    end
  end

endmodule
