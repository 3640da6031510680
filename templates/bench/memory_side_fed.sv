// memory_side with a memory behind each channel, whose base is drawn. It runs in phases, as `phase` has them:
// - kind 0: so many lists and rows pass. When all is idle, what the memories then hold of what was written is shown in
//   `contents`, channel by channel.
// - kind 1: foreign lists and rows run for so many cycles, then all is stopped.
// - kind 2, 3: the same, while the memory answers with errors; all is stopped once a read error, or a write error, has
//   been told too.
// A phase ends in `report`: sectors by kind of planes, sectors asked of the channels and the sum of their mixed numbers
// (kind 0), and which errors were told. The sectors must be those from `first` to `last` of the address space, and the
// beats that are read those of the sectors. With `least`, so many beats at least are to be owed when the stop comes.
// Rows that are told as written come in `told`.

module memory_side_fed #(
    parameter CTX_W  = 16,
    parameter TAG_W  = 4,
    parameter WRITES = 256
) (
    input  wire clk,
    input  wire {{ rst.port }},

    input  wire phase_valid,
    output wire phase_ready,
    input  wire [1:0] phase_kind,
    input  wire [15:0] phase_cycles,
    input  wire [15:0] phase_lists,
    input  wire [15:0] phase_rows,
    input  wire [15:0] phase_least,
    input  wire [{{ sector_w - 1 }}:0] phase_first,
    input  wire [{{ sector_w - 1 }}:0] phase_last,

    input  wire job_valid,
    output wire job_ready,
    input  wire [{{ addr_w - 1 }}:0] job_msb_base,
    input  wire [{{ addr_w - 1 }}:0] job_msb_stride,
    input  wire [{{ addr_w - 1 }}:0] job_lsb_base,
    input  wire [{{ addr_w - 1 }}:0] job_lsb_stride,
    input  wire job_use_msb,
    input  wire job_use_lsb,
    input  wire [{{ plane_w - 1 }}:0] job_m,
    input  wire [{{ plane_w - 1 }}:0] job_l,
    input  wire [1:0] job_dim,
    input  wire [CTX_W-1:0] job_ctx,

    input  wire id_valid,
    output wire id_ready,
    input  wire [{{ ids_w - 1 }}:0] id_ids,
    input  wire [{{ count_w - 1 }}:0] id_count,
    input  wire id_last,

    output wire vector_valid,
    input  wire vector_ready,
    output wire [{{ vector_w - 1 }}:0] vector_data,
    output wire [{{ count_w - 1 }}:0] vector_count,
    output wire vector_last,
    output wire [CTX_W-1:0] vector_ctx,

    input  wire row_valid,
    output wire row_ready,
    input  wire [{{ row_w - 1 }}:0] row_data,
    input  wire row_last,

    input  wire place_valid,
    output wire place_ready,
    input  wire [{{ addr_w - 3 }}:0] place_word,
    input  wire [TAG_W-1:0] place_ctx,

    output wire told_valid,
    input  wire told_ready,
    output wire [TAG_W-1:0] told_ctx,

    output wire contents_valid,
    input  wire contents_ready,
    output wire [7:0] contents_channel,
    output wire [{{ sector_w - 1 }}:0] contents_sector,
    output wire [7:0] contents_have,
    output wire [255:0] contents_data,

    output wire report_valid,
    input  wire report_ready,
    output wire [31:0] report_msb,
    output wire [31:0] report_lsb,
    output wire [31:0] report_reads,
    output wire [63:0] report_sum,
    output wire report_read_error,
    output wire report_write_error,

    input  wire [31:0] draw,  // seed of what is random here; 0: no stalls
    input  wire [31:0] latency,
    input  wire [31:0] base_draw,
    input  wire [{{ addr_w - 1 }}:0] foreign_base,
    input  wire [{{ addr_w - 1 }}:0] foreign_stride,
    output wire stopping
);

  localparam CHANNELS = {{ channels }};
  localparam ADDR_W   = {{ addr_w }};
  localparam DATA_W   = {{ data_w }};
  localparam ID_W     = {{ id_w }};
  localparam STRB_W   = DATA_W / 8;
  localparam SECTOR_W = ADDR_W - 5;
  localparam LINES    = {{ memory_sectors }};  // sectors that the memory of a channel holds
  localparam ROWS     = 1024;  // rows that may be owed, or told and not yet taken
  localparam BEAT     = {{ beat_words }};  // words of a beat of a row
  localparam LIMIT    = 6000;  // cycles for an error to come

  wire reset = {{ rst.active }};

  function [31:0] mix32(input [31:0] x);
    begin
      mix32 = (x ^ (x >> 16)) * 32'h7feb352d;
      mix32 = (mix32 ^ (mix32 >> 15)) * 32'h846ca68b;
      mix32 = mix32 ^ (mix32 >> 16);
    end
  endfunction

  function [31:0] xorshift(input [31:0] x);
    begin
      xorshift = x ^ (x << 13);
      xorshift = xorshift ^ (xorshift >> 17);
      xorshift = xorshift ^ (xorshift << 5);
    end
  endfunction

  function [63:0] mix64(input [63:0] value);
    begin
      mix64 = value * 64'h9e3779b97f4a7c15;
      mix64 = mix64 ^ (mix64 >> 32);
      mix64 = mix64 * 64'hd6e8feb86659fd93;
    end
  endfunction

  // ---- phases --------------------------------------------------------------------------------------------------------

  localparam [2:0] WAIT = 3'd0;
  localparam [2:0] RUN = 3'd1;
  localparam [2:0] SHOW = 3'd2;
  localparam [2:0] FOREIGN = 3'd3;
  localparam [2:0] STOP = 3'd4;
  localparam [2:0] REPORT = 3'd5;

  reg  [ 2:0] state;
  reg  [31:0] random;
  reg  [31:0] spent;
  reg  [15:0] jobs_left;
  reg  [15:0] lists_left;  // lists whose ids are not all taken
  reg  [15:0] rows_left;
  reg  [31:0] shown;
  reg         read_seen;
  reg         write_seen;
  reg  [31:0] msb;
  reg  [31:0] lsb;
  reg  [31:0] reads;
  reg  [63:0] sum;

  wire        dut_idle;
  wire        read_error;
  wire        write_error;
  wire        written;
  wire [TAG_W-1:0] written_ctx;
  wire [{{ fetched_w - 1 }}:0] fetched;
  wire        fetched_lsb;
  wire [CTX_W-1:0] fetched_ctx;
  wire        runs = state == RUN;
  wire        foreign = state == FOREIGN || state == STOP;
  wire        stop = state == STOP;
  wire        forget = reset || (report_valid && report_ready);
  wire        seen = phase_kind == 2'd1 || (phase_kind == 2'd2 ? read_seen : write_seen);
  wire [ 7:0] have;

  assign stopping     = stop;
  assign phase_ready  = report_valid && report_ready;
  assign report_valid = state == REPORT && !reset;
  assign report_msb   = phase_kind == 2'd0 ? msb : 32'd0;
  assign report_lsb   = phase_kind == 2'd0 ? lsb : 32'd0;
  assign report_reads = phase_kind == 2'd0 ? reads : 32'd0;
  assign report_sum   = phase_kind == 2'd0 ? sum : 64'd0;
  assign report_read_error  = read_seen;
  assign report_write_error = write_seen;

  always @(posedge clk) begin
    if (reset) begin
      state      <= WAIT;
      random     <= draw | 32'd1;
      spent      <= 32'd0;
      jobs_left  <= 16'd0;
      lists_left <= 16'd0;
      rows_left  <= 16'd0;
      shown      <= 32'd0;
      read_seen  <= 1'b0;
      write_seen <= 1'b0;
    end else begin
      random <= xorshift(random);
      spent  <= spent + 32'd1;
      if (read_error) read_seen <= 1'b1;
      if (write_error) write_seen <= 1'b1;
      if (runs && job_valid && job_ready) jobs_left <= jobs_left - 16'd1;
      if (runs && id_valid && id_ready && id_last) lists_left <= lists_left - 16'd1;
      if (runs && place_valid && place_ready) rows_left <= rows_left - 16'd1;
      case (state)
        WAIT:
        if (phase_valid) begin
          state      <= phase_kind == 2'd0 ? RUN : FOREIGN;
          jobs_left  <= phase_lists;
          lists_left <= phase_lists;
          rows_left  <= phase_rows;
          spent      <= 32'd0;
        end
        RUN:
        if (dut_idle && jobs_left == 16'd0 && rows_left == 16'd0) state <= SHOW;
        SHOW: begin
          if (have == 8'd0 || contents_ready) shown <= shown + 32'd1;
          if (shown == CHANNELS * LINES) begin
            state <= REPORT;
            shown <= 32'd0;
          end
        end
        FOREIGN:
        if (spent >= {16'd0, phase_cycles} && (seen || spent >= LIMIT)) state <= STOP;
        STOP: if (dut_idle) state <= REPORT;
        default:
        if (report_ready) begin
          state      <= WAIT;
          read_seen  <= 1'b0;
          write_seen <= 1'b0;
        end
      endcase
    end
  end

  // ---- foreign lists and rows ----------------------------------------------------------------------------------------

  // Each offer stands until it is taken.
  reg  [{{ plane_w - 1 }}:0] foreign_m;
  reg  [ 1:0] foreign_use;
  reg  [ 1:0] foreign_dim;
  reg  [{{ ids_w - 1 }}:0] foreign_ids;
  reg  [{{ count_w - 1 }}:0] foreign_count;
  reg         foreign_last;
  reg  [{{ row_w - 1 }}:0] foreign_data;
  reg         foreign_row_last;
  reg  [ADDR_W-1:0] foreign_word;

  wire        dut_job_ready;
  wire        dut_id_ready;
  wire        dut_row_ready;
  wire        dut_place_ready;
  wire        dut_vector_valid;
  wire [31:0] other = mix32(random);
  integer     piece;

  always @(posedge clk) begin
    if (reset || dut_job_ready) begin
      // With a calm memory, as many sectors as can be.
      foreign_m   <= draw == 32'd0 ? {{ width }} - 1 : 1 + random[15:4] % ({{ width }} - 1);
      foreign_use <= draw == 32'd0 ? 2'd1 : random[3:2] == 2'd0 ? 2'd3 : random[3:2];
      foreign_dim <= random[19:16] % {{ dims }};
    end
    if (reset || dut_id_ready) begin
      for (piece = 0; piece < {{ ids_w }}; piece = piece + 1)
        foreign_ids[piece] <= other[piece%29] ^ random[piece%31];
      foreign_last  <= random[22:20] == 3'd0;
      foreign_count <= random[22:20] == 3'd0 ? random[11:4] % ({{ ids }} + 1) : {{ ids }};
    end
    if (reset || dut_row_ready) begin
      foreign_data     <= {BEAT{other}};
      foreign_row_last <= random[8:7] == 2'd0;
    end
    if (reset || dut_place_ready)
      foreign_word <= {1'b1, {(ADDR_W - 1){1'b0}}} | {other[24:0], 2'd0};
  end

  // ---- the memory side -----------------------------------------------------------------------------------------------

  wire dut_job_valid = foreign || (runs && job_valid && jobs_left != 16'd0);
  wire dut_id_valid = foreign || (runs && id_valid && lists_left != 16'd0);
  // What is stopped takes everything at once, so rows may end anywhere.
  wire dut_row_valid = state == FOREIGN || (stop && random[10])
      || (runs && row_valid && rows_left != 16'd0);
  wire dut_place_valid = state == FOREIGN || (stop && random[9])
      || (runs && place_valid && rows_left != 16'd0);
  wire dut_row_last = foreign ? foreign_row_last : row_last;
  wire [ADDR_W-3:0] dut_place_word = foreign ? foreign_word[ADDR_W-1:2] : place_word;
  wire dut_vector_last;
  wire dut_vector_ready = foreign ? random[28] || draw == 32'd0 : vector_ready;

  assign job_ready    = runs && dut_job_ready && jobs_left != 16'd0;
  assign id_ready     = runs && dut_id_ready && lists_left != 16'd0;
  assign row_ready    = runs && dut_row_ready && rows_left != 16'd0;
  assign place_ready  = runs && dut_place_ready && rows_left != 16'd0;
  assign vector_valid = dut_vector_valid && !foreign;
  assign vector_last  = dut_vector_last;

  wire [3:0] cache = draw[3:0];
  wire [2:0] prot = draw[6:4];
  wire [3:0] qos = draw[10:7];

  wire [CHANNELS*ADDR_W-1:0] channel_base;

  {{ wires }}

  memory_side #(
      .CTX_W(CTX_W),
      .TAG_W(TAG_W),
      .WRITES(WRITES)
  ) dut (
      .clk(clk),
      .{{ rst.port }}({{ rst.port }}),
      .stop(stop),
      .idle(dut_idle),
      .job_valid(dut_job_valid),
      .job_ready(dut_job_ready),
      .job_msb_base(foreign ? foreign_base : job_msb_base),
      .job_msb_stride(foreign ? foreign_stride : job_msb_stride),
      .job_lsb_base(foreign ? foreign_base : job_lsb_base),
      .job_lsb_stride(foreign ? foreign_stride : job_lsb_stride),
      .job_use_msb(foreign ? foreign_use[0] : job_use_msb),
      .job_use_lsb(foreign ? foreign_use[1] : job_use_lsb),
      .job_m(foreign ? foreign_m : job_m),
      .job_l(foreign ? {{ plane_w }}'d{{ width }} - foreign_m : job_l),
      .job_dim(foreign ? foreign_dim : job_dim),
      .job_ctx(job_ctx),
      .id_valid(dut_id_valid),
      .id_ready(dut_id_ready),
      .id_ids(foreign ? foreign_ids : id_ids),
      .id_count(foreign ? foreign_count : id_count),
      .id_last(foreign ? foreign_last : id_last),
      .vector_valid(dut_vector_valid),
      .vector_ready(dut_vector_ready),
      .vector_data(vector_data),
      .vector_count(vector_count),
      .vector_last(dut_vector_last),
      .vector_ctx(vector_ctx),
      .row_valid(dut_row_valid),
      .row_ready(dut_row_ready),
      .row_data(foreign ? foreign_data : row_data),
      .row_last(dut_row_last),
      .place_valid(dut_place_valid),
      .place_ready(dut_place_ready),
      .place_word(dut_place_word),
      .place_ctx(place_ctx),
      .written(written),
      .written_ctx(written_ctx),
      .fetched(fetched),
      .fetched_lsb(fetched_lsb),
      .fetched_ctx(fetched_ctx),
      .read_error(read_error),
      .write_error(write_error),
      .channel_base(channel_base),
      .axi_cache(cache),
      .axi_prot(prot),
      .axi_qos(qos),
      {{ dut_axi }}
  );

  // ---- the memories --------------------------------------------------------------------------------------------------

  wire [CHANNELS-1:0] quiet;
  wire [CHANNELS*8-1:0] haves;
  wire [CHANNELS*SECTOR_W-1:0] sectors;
  wire [CHANNELS*256-1:0] datas;
  wire [31:0] error_mask =
      phase_kind == 2'd2 && foreign ? 32'd1 : phase_kind == 2'd3 && foreign ? 32'd7 : 32'd0;

  genvar channel;
  generate
    for (channel = 0; channel < CHANNELS; channel = channel + 1) begin : g_channel
      wire [31:0] number = channel;
      wire [63:0] base = {mix32(base_draw + 2 * number), mix32(base_draw + 2 * number + 32'd1)};

      assign channel_base[channel*ADDR_W+:ADDR_W] = {base[63-:SECTOR_W], 5'd0};

      tb_axi_memory #(
          .DATA_W(DATA_W),
          .ADDR_W(ADDR_W),
          .ID_W(ID_W),
          .SECTORS(LINES)
      ) memory (
          .clk(clk),
          .reset(reset),
          .clear(forget),
          .seed(draw == 32'd0 ? 32'd0 : draw ^ (number << 12)),
          .latency(latency),
          .error_mask(error_mask),
          .error_first({{ addr_w }}'d1),
          .error_last({{ addr_w }}'d0),
          .quiet(quiet[channel]),
          .peek_index(shown % LINES),
          .peek_have(haves[channel*8+:8]),
          .peek_sector(sectors[channel*SECTOR_W+:SECTOR_W]),
          .peek_data(datas[channel*256+:256]),
          {{ memory_axi }}
      );

      // What the fetcher asks of the channel, and what is read.
      tb_read_check #(
          .DATA_W(DATA_W),
          .ADDR_W(ADDR_W)
      ) read_check (
          .clk(clk),
          .forget(reset || stop),
          .request(dut.request_valid[channel] && dut.request_ready[channel]),
          .request_address(dut.request_address[channel*ADDR_W+:ADDR_W]
              + channel_base[channel*ADDR_W+:ADDR_W]),
          .burst(m_axi_arvalid[channel] && m_axi_arready[channel]),
          .burst_address(m_axi_araddr[channel*ADDR_W+:ADDR_W]),
          .burst_len(m_axi_arlen[channel*8+:8]),
          .beat(m_axi_rvalid[channel] && m_axi_rready[channel])
      );
    end
  endgenerate

  wire [31:0] show_channel = shown / LINES % CHANNELS;

  wire        shows = state == SHOW && shown != CHANNELS * LINES;

  assign have             = shows ? haves[show_channel*8+:8] : 8'd0;
  assign contents_valid   = !reset && have != 8'd0;
  assign contents_channel = show_channel[7:0];
  assign contents_sector  = sectors[show_channel*SECTOR_W+:SECTOR_W];
  assign contents_have    = have;
  assign contents_data    = datas[show_channel*256+:256];

  // ---- rows told as written ------------------------------------------------------------------------------------------

  reg  [TAG_W-1:0] told[0:ROWS-1];
  reg  [31:0] told_in;
  reg  [31:0] told_out;

  assign told_valid = told_in != told_out && !reset;
  assign told_ctx   = told[told_out%ROWS];

  always @(posedge clk) begin
    if (reset) begin
      told_in  <= 32'd0;
      told_out <= 32'd0;
    end else begin
      if (written && !foreign) begin
        told[told_in%ROWS] <= written_ctx;
        told_in            <= told_in + 32'd1;
      end
      if (told_valid && told_ready) told_out <= told_out + 32'd1;
    end
  end

  // ---- what the memory side states -----------------------------------------------------------------------------------

  reg  [31:0] due[0:ROWS*CHANNELS-1];  // answers of each channel until a row is written
  reg  [31:0] promised[0:CHANNELS-1];  // the same after the last row accepted
  reg  [31:0] answered[0:CHANNELS-1];
  reg  [31:0] rows_in;
  reg  [31:0] rows_told;
  reg  [31:0] lists_in;
  reg  [31:0] lists_out;
  reg  [31:0] owed;  // beats to be read
  reg  [31:0] row_words;
  reg         stop_before;
  reg  [CHANNELS-1:0] ar_before;
  reg  [CHANNELS-1:0] aw_before;
  reg  [ADDR_W-1:0] local_address;
  reg  [SECTOR_W-1:0] at;
  reg  [63:0] wide;
  reg  [31:0] burst;
  integer     c;
  integer     s;

  // Blocking: one thing after the other.
  always @(posedge clk) begin
    if (reset) begin
      for (c = 0; c < CHANNELS; c = c + 1) begin
        promised[c] = 32'd0;
        answered[c] = 32'd0;
      end
      rows_in     = 32'd0;
      rows_told   = 32'd0;
      lists_in    = 32'd0;
      lists_out   = 32'd0;
      owed        = 32'd0;
      row_words   = 32'd0;
      stop_before = 1'b0;
      ar_before   = {CHANNELS{1'b0}};
      aw_before   = {CHANNELS{1'b0}};
      reads       = 32'd0;
      sum         = 64'd0;
      msb         = 32'd0;
      lsb         = 32'd0;
    end else begin
      if (written) begin
        if (stop) $display("CHECK %m: a row is told as written in spite of stop");
        for (c = 0; c < CHANNELS; c = c + 1)
          if (rows_told == rows_in || $signed(answered[c] - due[rows_told%ROWS*CHANNELS+c]) < 0)
            $display("CHECK %m: a row is told before channel %0d has answered", c);
        rows_told = rows_told + 32'd1;
      end
      if (dut_idle && quiet != {CHANNELS{1'b1}})
        $display("CHECK %m: idle while something is in flight");
      if (dut_idle && !stop && (rows_told != rows_in || (lists_in != lists_out)))
        $display("CHECK %m: idle with a row or a list owed");
      if (stop && (dut_job_ready || dut_id_ready || dut_vector_valid))
        $display("CHECK %m: a list goes on in spite of stop");
      if (!foreign && (read_error || write_error)) $display("CHECK %m: an error out of nothing");
      if (stop && !stop_before && owed < {16'd0, phase_least})
        $display("CHECK %m: only %0d reads in flight when the stop comes", owed);
      if (runs && fetched_lsb) lsb = lsb + fetched;
      if (runs && !fetched_lsb) msb = msb + fetched;
      for (c = 0; c < CHANNELS; c = c + 1) begin
        if (m_axi_bvalid[c] && m_axi_bready[c]) answered[c] = answered[c] + 32'd1;
        if (m_axi_rvalid[c] && m_axi_rready[c]) owed = owed - 32'd1;
        if (stop_before
            && ((m_axi_arvalid[c] && !ar_before[c]) || (m_axi_awvalid[c] && !aw_before[c])))
          $display("CHECK %m: a burst is begun in spite of stop");
        if (m_axi_arvalid[c] && m_axi_arready[c]) begin
          burst = {24'd0, m_axi_arlen[c*8+:8]} + 32'd1;
          owed = owed + burst;
          if ({m_axi_arcache[c*4+:4], m_axi_arprot[c*3+:3], m_axi_arqos[c*4+:4]}
              != {cache, prot, qos})
            $display("CHECK %m: ARCACHE, ARPROT or ARQOS is not what was set");
        end
        if (dut.request_valid[c] && dut.request_ready[c]) begin
          local_address = dut.request_address[c*ADDR_W+:ADDR_W];
          at = (local_address >> 5) * CHANNELS + c;
          reads = reads + 32'd1;
          wide = at;
          sum = sum + mix64(wide + 64'd1);
          if (at < phase_first || at > phase_last)
            $display("CHECK %m: sector %0h is asked for, which no list has", at);
        end
        if (m_axi_awvalid[c]
            && {m_axi_awcache[c*4+:4], m_axi_awprot[c*3+:3], m_axi_awqos[c*4+:4]}
            != {cache, prot, qos})
          $display("CHECK %m: AWCACHE, AWPROT or AWQOS is not what was set");
      end
      if (dut_vector_valid && dut_vector_ready && dut_vector_last) lists_out = lists_out + 32'd1;
      if (dut_job_valid && dut_job_ready) lists_in = lists_in + 32'd1;
      if (dut_row_valid && dut_row_ready && !stop) begin
        row_words = row_words + BEAT;
        if (dut_row_last) begin
          for (s = 0; s < (dut_place_word % 8 + row_words + 7) / 8; s = s + 1) begin
            c = (dut_place_word / 8 + s) % CHANNELS;
            promised[c] = promised[c] + 32'd1;
          end
          for (c = 0; c < CHANNELS; c = c + 1) due[rows_in%ROWS*CHANNELS+c] = promised[c];
          rows_in   = rows_in + 32'd1;
          row_words = 32'd0;
        end
      end
      // A stop forgets.
      if (forget || stop) begin
        reads     = 32'd0;
        sum       = 64'd0;
        msb       = 32'd0;
        lsb       = 32'd0;
        rows_told = rows_in;
        lists_out = lists_in;
        row_words = 32'd0;
        if (stop) for (c = 0; c < CHANNELS; c = c + 1) begin
          promised[c] = 32'd0;
          answered[c] = 32'd0;
        end
      end
      stop_before = stop;
      for (c = 0; c < CHANNELS; c = c + 1) begin
        ar_before[c] = m_axi_arvalid[c];
        aw_before[c] = m_axi_awvalid[c];
      end
    end
  end

endmodule
