// Purpose      everything between the datapath and the memory: a plane_fetcher that reads through an axi_reader of each
//              channel, a row_writer that writes through an axi_writer of each, and a write_tracker that tells which
//              rows are written. Reader and writer of a channel share one AXI4 master. In m_axi all channels stand side by side:
//              of a signal of W bits, channel c has bits c*W to (c+1)*W-1.
// Reads        job, id and vector are the plane_fetcher's streams, with its rules; so are fetched, fetched_lsb and fetched_ctx.
// Writes       row and place are the row_writer's streams; rows of at most {{ config.head_dim }} elements. written: the next row, in the order of the
//              rows, has all its write responses, and all rows before it have theirs; written_ctx is its place_ctx.
//              One row a cycle at most.
// Settings     channel_base ({{ config.addr_width }} bits a channel, multiples of 32), axi_cache, axi_prot and axi_qos go to the AXI4 masters, and may
//              change while idle.
// Errors       read_error: a sector came with an error, for a cycle or more, and at least {{ error_lead }} cycles before a vector that is made
//              of it is offered. write_error: a write response was an error, for a cycle or more, and before
//              `written` tells of the row. Nothing stops by itself.
// Protocol     valid/ready on all streams and on AXI: valid never waits for ready, and a payload offered stays until it is
//              taken. Only `stop` takes back a vector.
// Stop         to be held until `idle`. No AXI burst is begun but those that AR, AW and W already offer; they run to their
//              end. From the first cycle on nothing is taken from job and id, no vector is offered, nothing more is
//              told as written; row and place are taken and dropped, so rows are to be whole again afterwards. What is
//              inside is forgotten. write_error still tells; read_error does not.
// Idle         no list has begun that is not all delivered, no read or write is owed, and errors and rows have all been
//              told; ids may wait for their job. With `stop`: all has drained.
// Latency      `written` comes 3 cycles after the row's last write response.
// Throughput   of reads and vectors: the plane_fetcher's. Of rows: the row_writer's, as long as the writes are answered
//              within some WRITES - 20 cycles.
// Reset        forgets everything; the interconnect is to be reset with it.

module memory_side #(
    parameter CTX_W  = {{ ctx_w }},  // bits that travel with a list
    parameter TAG_W  = {{ tag_w }},  // bits that travel with a row
    parameter WRITES = {{ writes }}  // sectors that may wait for their answers, at least 2
) (
    input  wire             clk,
    input  wire             {{ rst.port }},
    input  wire             stop,
    output wire             idle,

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

    input  wire             row_valid,
    output wire             row_ready,
    input  wire [{{ row_lanes * 16 - 1 }}:0] row_data,
    input  wire             row_last,

    input  wire             place_valid,
    output wire             place_ready,
    input  wire [{{ config.addr_width - 3 }}:0] place_word,
    input  wire [TAG_W-1:0] place_ctx,

    output wire             written,
    output wire [TAG_W-1:0] written_ctx,

    output wire [{{ fetched_w - 1 }}:0] fetched,
    output wire             fetched_lsb,
    output wire [CTX_W-1:0] fetched_ctx,

    output wire             read_error,
    output wire             write_error,

    {% for port in axi_ports %}
    {% if port.input %}input  wire {% else %}output wire {% endif %}[{{ port.bits - 1 }}:0] m_axi_{{ port.name }},
    {% endfor %}

    input  wire [{{ channels * config.addr_width - 1 }}:0] channel_base,
    input  wire [3:0]       axi_cache,
    input  wire [2:0]       axi_prot,
    input  wire [3:0]       axi_qos
);

  localparam CHANNELS = {{ channels }};
  localparam ADDR_W   = {{ config.addr_width }};
  localparam DATA_W   = {{ config.axi_data_width }};
  localparam STRB_W   = DATA_W / 8;
  localparam ID_W     = {{ config.id_width }};
  localparam SECTOR   = 256;  // bits

  // ---- stop --------------------------------------------------------------------------------------------------------

  reg stop_q;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) stop_q <= 1'b0;
    else stop_q <= stop;
  end

  // ---- the fetcher -------------------------------------------------------------------------------------------------

  wire                       fetcher_idle;
  wire                       fetcher_id_ready;
  wire [       CHANNELS-1:0] request_valid;
  wire [       CHANNELS-1:0] request_ready;
  wire [CHANNELS*ADDR_W-1:0] request_address;
  wire [       CHANNELS-1:0] response_valid;
  wire [       CHANNELS-1:0] response_ready;
  wire [CHANNELS*SECTOR-1:0] response_data;
  wire [       CHANNELS-1:0] response_error;
  wire [       CHANNELS-1:0] reader_idle;

  // No list begins without ids.
  assign id_ready = fetcher_id_ready && !stop;

  // The fetcher drops what it is owed; once a stopped reader has dropped what memory owed, all the rest is made up.
  wire [CHANNELS-1:0] made_up = reader_idle & {CHANNELS{stop}};

  plane_fetcher #(
      .CTX_W(CTX_W)
  ) u_fetcher (
      .clk            (clk),
      .{{ rst.port }}({{ rst.port }}),
      .flush          (stop && !stop_q),
      .idle           (fetcher_idle),
      .job_valid      (job_valid),
      .job_ready      (job_ready),
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
      .id_valid       (id_valid && !stop),
      .id_ready       (fetcher_id_ready),
      .id_ids         (id_ids),
      .id_count       (id_count),
      .id_last        (id_last),
      .vector_valid   (vector_valid),
      .vector_ready   (vector_ready),
      .vector_data    (vector_data),
      .vector_count   (vector_count),
      .vector_last    (vector_last),
      .vector_ctx     (vector_ctx),
      .request_valid  (request_valid),
      .request_ready  (request_ready),
      .request_address(request_address),
      .response_valid (response_valid | made_up),
      .response_ready (response_ready),
      .response_data  (response_data),
      .fetched        (fetched),
      .fetched_lsb    (fetched_lsb),
      .fetched_ctx    (fetched_ctx)
  );

  // ---- rows --------------------------------------------------------------------------------------------------------

  wire                rows_idle;
  wire                write_valid;
  wire                write_ready;
  wire [         {{ channel_w - 1 }}:0] write_channel;
  wire [  ADDR_W-1:0] write_address;
  wire [  SECTOR-1:0] write_data;
  wire [         7:0] write_strobe;
  wire [CHANNELS-1:0] writer_ready;
  wire [CHANNELS-1:0] writer_idle;
  wire [CHANNELS-1:0] writer_error;

  row_writer u_rows (
      .clk          (clk),
      .{{ rst.port }}({{ rst.port }}),
      .row_valid    (row_valid),
      .row_ready    (row_ready),
      .row_data     (row_data),
      .row_last     (row_last),
      .place_valid  (place_valid),
      .place_ready  (place_ready),
      .place_word   (place_word),
      .write_valid  (write_valid),
      .write_ready  (write_ready),
      .write_channel(write_channel),
      .write_address(write_address),
      .write_data   (write_data),
      .write_strobe (write_strobe),
      .stop         (stop),
      .idle         (rows_idle)
  );

  // A sector goes to its channel's writer and to the tracker at once.
  wire tracker_idle;
  wire tracker_ready;
  {% if channels > 1 %}
  wire chosen_ready = writer_ready[write_channel];
  {% else %}
  wire chosen_ready = writer_ready;
  {% endif %}

  assign write_ready = tracker_ready && chosen_ready;

  write_tracker #(
      .TAG_W (TAG_W),
      .WRITES(WRITES)
  ) u_tracker (
      .clk           (clk),
      .{{ rst.port }}({{ rst.port }}),
      .clear         (stop),
      .idle          (tracker_idle),
      .beat_valid    (row_valid && row_ready),
      .place_valid   (place_valid && place_ready),
      .place_word    (place_word[6:0]),
      .place_ctx     (place_ctx),
      .sector_valid  (write_valid && chosen_ready),
      .sector_ready  (tracker_ready),
      .sector_channel(write_channel),
      .sector_number ({{ sector_number }}),
      .answered      (m_axi_bvalid & m_axi_bready),
      .written       (written),
      .written_ctx   (written_ctx)
  );

  // ---- channels ----------------------------------------------------------------------------------------------------

  genvar channel;
  generate
    for (channel = 0; channel < CHANNELS; channel = channel + 1) begin : g_channel
      {% if channels > 1 %}
      localparam [31:0] CHANNEL = channel;

      {% endif %}
      axi_reader u_reader (
          .clk            (clk),
          .{{ rst.port }}({{ rst.port }}),
          .request_valid  (request_valid[channel]),
          .request_ready  (request_ready[channel]),
          .request_address(request_address[channel*ADDR_W+:ADDR_W]),
          .response_valid (response_valid[channel]),
          .response_ready (response_ready[channel]),
          .response_data  (response_data[channel*SECTOR+:SECTOR]),
          .response_error (response_error[channel]),
          .base           (channel_base[channel*ADDR_W+:ADDR_W]),
          .cache          (axi_cache),
          .prot           (axi_prot),
          .qos            (axi_qos),
          .stop           (stop),
          .idle           (reader_idle[channel]),
          {{ read_pins }}
      );

      axi_writer u_writer (
          .clk          (clk),
          .{{ rst.port }}({{ rst.port }}),
          {% if channels > 1 %}
          .write_valid  (write_valid && tracker_ready && write_channel == CHANNEL[{{ channel_w - 1 }}:0]),
          {% else %}
          .write_valid  (write_valid && tracker_ready),
          {% endif %}
          .write_ready  (writer_ready[channel]),
          .write_address(write_address),
          .write_data   (write_data),
          .write_strobe (write_strobe),
          .base         (channel_base[channel*ADDR_W+:ADDR_W]),
          .cache        (axi_cache),
          .prot         (axi_prot),
          .qos          (axi_qos),
          .stop         (stop),
          .idle         (writer_idle[channel]),
          .error        (writer_error[channel]),
          {{ write_pins }}
      );
    end
  endgenerate

  // ---- errors and idle ---------------------------------------------------------------------------------------------

  reg read_error_q;
  reg write_error_q;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      read_error_q  <= 1'b0;
      write_error_q <= 1'b0;
    end else begin
      read_error_q  <= (response_valid & response_error) != {CHANNELS{1'b0}};
      write_error_q <= writer_error != {CHANNELS{1'b0}};
    end
  end

  assign read_error  = read_error_q;
  assign write_error = write_error_q;

  // A reader that is not idle owes the fetcher something.
  assign idle = fetcher_idle && rows_idle && writer_idle == {CHANNELS{1'b1}} && tracker_idle
      && !read_error_q && !write_error_q;

endmodule
