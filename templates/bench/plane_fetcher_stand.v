// A plane fetcher with its memory: each channel gives one sector a cycle, `memory_latency` cycles after the request, at least 2.
// Word w of sector s is a mix of the bits of 8s + w, so whoever reads the wrong sector shows. With a `memory_seed`, channels pause at
// random, each on its own.
//
// A job with `settle` waits until the fetcher is idle; then `report` tells what was requested since the last one. With
// `abort`, the job is a decoy: it is started, flushed that many cycles later, and nothing of it is seen or counted.

module plane_fetcher_stand #(
    parameter CTX_W = 16
) (
    input  wire             clk,
    input  wire             {{ rst.port }},
    input  wire [15:0]      memory_latency,
    input  wire [31:0]      memory_seed,

    input  wire             job_valid,
    output wire             job_ready,
    input  wire [{{ config.addr_width - 1 }}:0] job_msb_base,
    input  wire [{{ config.addr_width - 1 }}:0] job_msb_stride,
    input  wire [{{ config.addr_width - 1 }}:0] job_lsb_base,
    input  wire [{{ config.addr_width - 1 }}:0] job_lsb_stride,
    input  wire             job_use_msb,
    input  wire             job_use_lsb,
    input  wire [{{ plane_w - 1 }}:0] job_m,
    input  wire [{{ plane_w - 1 }}:0] job_l,
    input  wire [1:0]       job_dim,
    input  wire [CTX_W-1:0] job_ctx,
    input  wire             job_settle,
    input  wire [9:0]       job_abort,

    input  wire             id_valid,
    output wire             id_ready,
    input  wire [{{ ids * token_w - 1 }}:0] id_ids,
    input  wire [{{ count_w - 1 }}:0] id_count,
    input  wire             id_last,

    output wire             vector_valid,
    input  wire             vector_ready,
    output wire [{{ beat_elements * config.width - 1 }}:0] vector_data,
    output wire [{{ count_w - 1 }}:0] vector_count,
    output wire             vector_last,
    output wire [CTX_W-1:0] vector_ctx,

    output wire             report_valid,
    input  wire             report_ready,
    output wire [31:0]      report_msb,
    output wire [31:0]      report_lsb,
    output wire [31:0]      report_requests,
    output wire [63:0]      report_sum
);

  localparam CHANNELS = {{ channels }};
  localparam ADDR_W   = {{ config.addr_width }};
  localparam DEPTH_W  = {{ memory_depth_w }};
  localparam DEPTH    = {{ memory_depth }};  // more than a channel is ever asked for

  reg [31:0] now_q;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) now_q <= 32'd0;
    else now_q <= now_q + 32'd1;
  end

  // ---- jobs: reports and decoys ------------------------------------------------------------------------------------

  localparam [2:0] RUN = 3'd0;  // jobs pass
  localparam [2:0] SETTLE = 3'd1;  // until the fetcher is idle
  localparam [2:0] REPORT = 3'd2;
  localparam [2:0] SETTLED = 3'd3;  // the job that asked for it may pass
  localparam [2:0] DECOY = 3'd4;
  localparam [2:0] FLUSH = 3'd5;
  localparam [2:0] RECOVER = 3'd6;  // the rest of the decoy's ids is swallowed

  reg  [ 2:0] state_q;
  reg  [ 9:0] age_q;  // of the decoy
  reg         job_gone_q;  // the decoy's job was taken
  reg         ids_gone_q;  // the last ids of the list at hand were, perhaps before its job
  reg  [31:0] msb_q;
  reg  [31:0] lsb_q;
  reg  [31:0] requests_q;
  reg  [63:0] sum_q;

  wire        decoy = state_q == DECOY || state_q == FLUSH || state_q == RECOVER;
  wire pass =
      (state_q == RUN && !job_settle) || state_q == SETTLED || (state_q == DECOY && !job_gone_q);
  wire        ids_pass = state_q == RUN || state_q == SETTLED || (state_q == DECOY && !ids_gone_q);
  wire        fetcher_idle;
  wire        fetcher_job_ready;
  wire        fetcher_id_ready;
  wire        fetcher_vector_valid;
  wire        fetcher_ready = decoy || vector_ready;

  // A decoy's job stands until its ids are gone too.
  assign job_ready =
      decoy ? (state_q == RECOVER && ids_gone_q && fetcher_idle) : (pass && fetcher_job_ready);
  assign id_ready     = state_q == RECOVER ? !ids_gone_q : ids_pass && fetcher_id_ready;
  assign vector_valid = fetcher_vector_valid && !decoy;
  assign report_valid = state_q == REPORT;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      state_q    <= RUN;
      age_q      <= 10'd0;
      job_gone_q <= 1'b0;
      ids_gone_q <= 1'b0;
    end else begin
      case (state_q)
        RUN: if (job_valid && job_settle) state_q <= SETTLE;
        SETTLE: if (fetcher_idle && !fetcher_vector_valid) state_q <= REPORT;
        REPORT: if (report_ready) state_q <= job_abort != 10'd0 ? DECOY : SETTLED;
        SETTLED: if (job_ready) state_q <= RUN;
        DECOY: if (age_q == job_abort) state_q <= FLUSH;
        FLUSH: state_q <= RECOVER;
        default: if (job_ready) state_q <= RUN;
      endcase
      age_q <= state_q == DECOY ? age_q + 10'd1 : 10'd0;
      if (!decoy) job_gone_q <= 1'b0;
      else if (pass && fetcher_job_ready) job_gone_q <= 1'b1;
      if (id_valid && id_ready && id_last) ids_gone_q <= 1'b1;
      else if (job_valid && job_ready) ids_gone_q <= 1'b0;
    end
  end

  // ---- the fetcher -------------------------------------------------------------------------------------------------

  wire [         CHANNELS-1:0] request_valid;
  wire [         CHANNELS-1:0] request_ready;
  wire [  CHANNELS*ADDR_W-1:0] request_address;
  wire [         CHANNELS-1:0] response_valid;
  wire [         CHANNELS-1:0] response_ready;
  wire [     CHANNELS*256-1:0] response_data;
  wire [{{ fetched_w - 1 }}:0] fetched;
  wire                         fetched_lsb;
  wire [            CTX_W-1:0] fetched_ctx;

  plane_fetcher #(
      .CTX_W(CTX_W)
  ) u_fetcher (
      .clk            (clk),
      .{{ rst.port }}({{ rst.port }}),
      .flush          (state_q == FLUSH),
      .idle           (fetcher_idle),
      .job_valid      (job_valid && pass),
      .job_ready      (fetcher_job_ready),
      .job_msb_base   (job_msb_base),
      .job_msb_stride (job_msb_stride),
      .job_lsb_base   (job_lsb_base),
      .job_lsb_stride (job_lsb_stride),
      .job_use_msb    (job_use_msb),
      .job_use_lsb    (job_use_lsb),
      .job_m          (job_m),
      .job_l          (job_l),
      .job_dim        (job_dim),
      .job_ctx        (job_ctx),
      .id_valid       (id_valid && ids_pass),
      .id_ready       (fetcher_id_ready),
      .id_ids         (id_ids),
      .id_count       (id_count),
      .id_last        (id_last),
      .vector_valid   (fetcher_vector_valid),
      .vector_ready   (fetcher_ready),
      .vector_data    (vector_data),
      .vector_count   (vector_count),
      .vector_last    (vector_last),
      .vector_ctx     (vector_ctx),
      .request_valid  (request_valid),
      .request_ready  (request_ready),
      .request_address(request_address),
      .response_valid (response_valid),
      .response_ready (response_ready),
      .response_data  (response_data),
      .fetched        (fetched),
      .fetched_lsb    (fetched_lsb),
      .fetched_ctx    (fetched_ctx)
  );

  // ---- totals ------------------------------------------------------------------------------------------------------

  wire [CHANNELS*64-1:0] mixes;
  reg  [           63:0] sum;
  reg  [           31:0] requests;
  integer c;

  always @(*) begin
    sum      = sum_q;
    requests = requests_q;
    for (c = 0; c < CHANNELS; c = c + 1) begin
      if (request_valid[c] && request_ready[c]) begin
        sum      = sum + mixes[c*64+:64];
        requests = requests + 32'd1;
      end
    end
  end

  wire forget = (state_q == REPORT && report_ready) || state_q == RECOVER;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      msb_q      <= 32'd0;
      lsb_q      <= 32'd0;
      requests_q <= 32'd0;
      sum_q      <= 64'd0;
    end else if (forget) begin
      msb_q      <= 32'd0;
      lsb_q      <= 32'd0;
      requests_q <= 32'd0;
      sum_q      <= 64'd0;
    end else begin
      if (!fetched_lsb) msb_q <= msb_q + {{ wide_fetched }};
      if (fetched_lsb) lsb_q <= lsb_q + {{ wide_fetched }};
      requests_q <= requests;
      sum_q      <= sum;
    end
  end

  assign report_msb      = msb_q;
  assign report_lsb      = lsb_q;
  assign report_requests = requests_q;
  assign report_sum      = sum_q;

  // ---- the memory --------------------------------------------------------------------------------------------------

  function [63:0] mix(input [63:0] value);
    reg [63:0] x;
    begin
      x   = value * 64'h9e3779b97f4a7c15;
      x   = x ^ (x >> 32);
      mix = x * 64'hd6e8feb86659fd93;
    end
  endfunction

  genvar channel;
  generate
    for (channel = 0; channel < CHANNELS; channel = channel + 1) begin : g_channel
      localparam [63:0] CHANNEL = channel;

      reg [63:0] sector_q[0:DEPTH-1];
      reg [31:0] due_q[0:DEPTH-1];
      reg [DEPTH_W-1:0] wr_q;
      reg [DEPTH_W-1:0] rd_q;
      reg [31:0] random_q;
      reg [ 6:0] pause_q;
      reg        out_valid_q;
      reg [63:0] out_q;

      // Another number every cycle.
      wire [31:0] random_a = random_q ^ (random_q << 13);
      wire [31:0] random_b = random_a ^ (random_a >> 17);
      wire [31:0] random = random_b ^ (random_b << 5);
      wire        calm = memory_seed == 32'd0;
      wire        go = calm || (pause_q == 7'd0 && random_q[25:24] != 2'd0);
      wire        free = !out_valid_q || response_ready[channel];
      wire        load = free && go && wr_q != rd_q && now_q - due_q[rd_q] < 32'h8000_0000;
      wire [63:0] address = {{ padded_address }};
      wire [63:0] sector = (address >> 5) * CHANNELS + CHANNEL;
      wire        request = request_valid[channel] && request_ready[channel];

      assign request_ready[channel]   = calm || random_q[17:16] != 2'd0;
      assign mixes[channel*64+:64]    = mix(sector + 64'd1);
      assign response_valid[channel]  = out_valid_q;

      always @(posedge clk{{ rst.edge }}) begin
        if ({{ rst.active }}) begin
          wr_q        <= {DEPTH_W{1'b0}};
          rd_q        <= {DEPTH_W{1'b0}};
          random_q    <= 32'd88172645 + CHANNEL[31:0];
          pause_q     <= 7'd0;
          out_valid_q <= 1'b0;
        end else begin
          random_q <= random ^ (now_q == 32'd0 ? memory_seed : 32'd0);
          if (pause_q != 7'd0) pause_q <= pause_q - 7'd1;
          else if (random_q[7:0] == 8'd0) pause_q <= random_q[14:8];
          if (request) wr_q <= wr_q + 1'b1;
          if (load) rd_q <= rd_q + 1'b1;
          if (free) out_valid_q <= load;
        end
      end

      always @(posedge clk) begin
        if (request) begin
          sector_q[wr_q] <= sector;
          due_q[wr_q]    <= now_q + {16'd0, memory_latency} - 32'd1;
        end
        if (load) out_q <= sector_q[rd_q];
      end

      genvar word;
      for (word = 0; word < 8; word = word + 1) begin : g_word
        localparam [63:0] WORD = word;

        wire [63:0] value = mix((out_q << 3) + WORD);

        assign response_data[channel*256+word*32+:32] = value[63:32];
      end

      // A request that is not taken stands.
      reg              stood_q;
      reg [ADDR_W-1:0] address_q;

      wire same = address_q == request_address[channel*ADDR_W+:ADDR_W];

      always @(posedge clk{{ rst.edge }}) begin
        if ({{ rst.active }}) stood_q <= 1'b0;
        else begin
          stood_q <= request_valid[channel] && !request_ready[channel];
          if (stood_q && !(request_valid[channel] && same)) begin
            $display("CHECK %m: a request changed before it was taken");
          end
        end
      end

      always @(posedge clk) begin
        address_q <= request_address[channel*ADDR_W+:ADDR_W];
      end
    end
  endgenerate

endmodule
