// Purpose      fetches the vectors of lists of tokens: takes a list (job) and its token ids, asks {{ channels }} memory channel{% if channels != 1 %}s{% endif %} for the
//              sectors that hold the vectors' bit planes, and gives the vectors as operands, in order. One fetcher serves
//              keys, values and queries; lists follow one another without a pause.
// Job          the list's vectors lie at base + id * stride modulo 2^{{ config.addr_width }}, MSB and LSB planes apart, all multiples of 4 bytes.
//              use_msb: the m MSB planes are fetched; use_lsb: the l LSB planes. Operands are x << ({{ config.width }} - m - l) with
//              planes that are not fetched read as zero; LSBs alone give the low part, which needs m. dim: log2 of the
//              head dimension, less 5.
// Ids          the list's token ids, {{ ids }} a beat, every beat but the last full. A list of none is one empty beat, and one
//              empty beat comes of it.
// Vectors      a beat holds {{ beat_elements }} / D vectors, vector j in elements jD to jD + D - 1.
// Sectors      32 bytes; a sector equal to the last one fetched for the same list, MSB and LSB planes apart, is not fetched
//              again. Each channel answers in the order of its requests, at any time.
//              fetched, fetched_lsb, fetched_ctx: sectors of one group that are being asked for, of which planes, of whom;
//              added up, they are the sectors of a list. fetched is 0 in other cycles.
// Structure    {{ lanes }} lane{% if lanes != 1 %}s{% endif %} of {{ config.head_dim }} multipliers each own {% if even_ports %}{{ ports / lanes }}{% else %}{{ ports / lanes }} or {{ ports / lanes + 1 }}{% endif %} request port{% if ports != lanes %}s{% endif %}, which take the lane's sectors in turn; {{ slots }} sectors
//              a port may be in flight.{% if turns > 1 %} Each list shifts lanes against ports by a {% if turns == 4 %}quarter{% else %}half{% endif %} of them, so that short lists,
//              which leave the last lanes idle, do not always leave the same ports idle.{% endif %} All lanes step together: a group is used when all its sectors are there.
// Protocol     job, id and vector are valid/ready streams, request and response one stream a channel, side by side:
//              valid never waits for ready, and a payload offered stays until it is taken. Only `flush` takes back a vector.
// Flush        in a cycle with `flush`, and then until `idle`, nothing is accepted and nothing is offered but requests
//              that stood already; sectors still owed are taken and dropped, everything else is forgotten. From the
//              cycle after `flush` on, `idle` says that the flush is over; at other times, that no list has begun that is not
//              all delivered.
// Latency      an id beat taken in cycle t, its job waiting, gives its first request in t+{{ request_latency }}. A sector that completes a beat, taken in
//              cycle t, gives the beat in t+{{ vector_latency }}.
// Throughput   a beat of vectors every cycle, as far as {{ channels }} sector{% if channels != 1 %}s{% endif %} a cycle reach{% if channels == 1 %}es{% endif %}; at least 90 % of the lower of the two over random
//              lists of many vectors, at the default size with sectors 100 cycles away; 87 % at D = 32 with 6 planes; over
//              lists of 20 random vectors 84 % at D = 64. Lists with both kinds of planes take two cycles a beat.{% if passes > 1 %} A beat takes {{ passes }} cycles, for want of request ports.{% endif %}
// Reset        forgets everything, as the memory must. Payloads have no reset: valid bits qualify them.

module plane_fetcher #(
    parameter CTX_W = 16  // bits that travel with a list
) (
    input  wire             clk,
    input  wire             {{ rst.port }},
    input  wire             flush,
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

    // Byte address within the channel, whose base is still to be added.
    output wire [{{ channels - 1 }}:0] request_valid,
    input  wire [{{ channels - 1 }}:0] request_ready,
    output wire [{{ channels * config.addr_width - 1 }}:0] request_address,

    input  wire [{{ channels - 1 }}:0] response_valid,
    output wire [{{ channels - 1 }}:0] response_ready,
    input  wire [{{ channels * 256 - 1 }}:0] response_data,

    output wire [{{ fetched_w - 1 }}:0] fetched,
    output wire             fetched_lsb,
    output wire [CTX_W-1:0] fetched_ctx
);

  localparam LANES    = {{ lanes }};
  localparam SLOTS    = {{ kmax }};  // most vectors of a lane
  localparam VECTORS  = LANES * SLOTS;
  localparam PORTS    = {{ ports }};
  localparam SECTOR_W = {{ sector_w }};
  localparam SLOT_W   = {{ slot_w }};
  localparam PLANE_W  = {{ plane_w }};
  localparam COUNT_W  = {{ count_w }};
  localparam TOTAL_W  = {{ t_w }};
  localparam START_W  = {{ rot_w }};
  localparam ORIGIN_W = {{ origin_w }};
  localparam PASS_W   = {{ pass_w }};
  localparam SUM_W    = {{ fetched_w }};
  localparam STEP_W   = {{ step_w }};
  localparam WORDS_W  = {{ lane_words * 32 }};  // bits of the vectors of a lane
  localparam DATA_W   = 256;
  localparam AHEAD    = {{ ahead }};  // groups whose sectors are not yet asked for
  localparam GROUPS   = {{ groups }};  // groups whose sectors are not yet used
  localparam AHEAD_W  = $clog2(AHEAD + 1);
  localparam GROUPS_W = $clog2(GROUPS + 1);

  localparam [AHEAD_W-1:0] ALL_AHEAD = AHEAD[AHEAD_W-1:0];
  localparam [GROUPS_W-1:0] ALL_GROUPS = GROUPS[GROUPS_W-1:0];

  // ---- flush -------------------------------------------------------------------------------------------------------

  reg  flushing_q;
  wire drained;  // nothing is left of what cannot be cleared
  wire stop = flush || flushing_q;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) flushing_q <= 1'b0;
    else flushing_q <= flush || (flushing_q && !drained);
  end

  // ---- groups of vectors -------------------------------------------------------------------------------------------

  // A group leaves the front end only when it has a place in both FIFOs behind it.
  reg  [ AHEAD_W-1:0] ahead_q;
  reg  [GROUPS_W-1:0] groups_q;
  wire                leave;
  wire                expanded;  // a group's sectors are all asked for
  wire                used;  // a group's sectors are all taken
  wire                hold = stop || ahead_q == ALL_AHEAD || groups_q == ALL_GROUPS;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      ahead_q  <= {AHEAD_W{1'b0}};
      groups_q <= {GROUPS_W{1'b0}};
    end else begin
      if (leave && !expanded) ahead_q <= ahead_q + 1'b1;
      if (expanded && !leave) ahead_q <= ahead_q - 1'b1;
      if (leave && !used) groups_q <= groups_q + 1'b1;
      if (used && !leave) groups_q <= groups_q - 1'b1;
    end
  end

  wire                        front_idle;
  wire                        group_valid;
  wire [VECTORS*SECTOR_W-1:0] group_base;
  wire [ VECTORS*TOTAL_W-1:0] group_bound;
  wire [ VECTORS*TOTAL_W-1:0] group_first;
  wire [       VECTORS*3-1:0] group_word;
  wire [   LANES*TOTAL_W-1:0] group_total;
  wire [   LANES*START_W-1:0] group_start;
  wire [        ORIGIN_W-1:0] group_origin;
  wire [           SUM_W-1:0] group_fetched;
  wire                        group_lsb;
  wire [                 1:0] group_dim;
  wire [         PLANE_W-1:0] group_planes;
  wire [         PLANE_W-1:0] group_shift;
  wire                        group_merge;
  wire                        group_close;
  wire [          PASS_W-1:0] group_pass;
  wire [         COUNT_W-1:0] group_count;
  wire                        group_last;
  wire [           CTX_W-1:0] group_ctx;

  vector_addresses #(
      .CTX_W(CTX_W)
  ) u_addresses (
      .clk           (clk),
      .{{ rst.port }}({{ rst.port }}),
      .clear         (flush),
      .stop          (stop),
      .hold          (hold),
      .idle          (front_idle),
      .leave         (leave),
      .job_valid     (job_valid),
      .job_ready     (job_ready),
      .job_msb_base  (job_msb_base),
      .job_msb_stride(job_msb_stride),
      .job_lsb_base  (job_lsb_base),
      .job_lsb_stride(job_lsb_stride),
      .job_use_msb   (job_use_msb),
      .job_use_lsb   (job_use_lsb),
      .job_m         (job_m),
      .job_l         (job_l),
      .job_dim       (job_dim),
      .job_ctx       (job_ctx),
      .id_valid      (id_valid),
      .id_ready      (id_ready),
      .id_ids        (id_ids),
      .id_count      (id_count),
      .id_last       (id_last),
      .group_valid   (group_valid),
      .group_base    (group_base),
      .group_bound   (group_bound),
      .group_first   (group_first),
      .group_word    (group_word),
      .group_total   (group_total),
      .group_start   (group_start),
      .group_origin  (group_origin),
      .group_fetched (group_fetched),
      .group_lsb     (group_lsb),
      .group_dim     (group_dim),
      .group_planes  (group_planes),
      .group_shift   (group_shift),
      .group_merge   (group_merge),
      .group_close   (group_close),
      .group_pass    (group_pass),
      .group_count   (group_count),
      .group_last    (group_last),
      .group_ctx     (group_ctx)
  );

  // What asks for the sectors needs to know of a group.
  localparam ASK_W =
      CTX_W + 1 + SUM_W + LANES * (START_W + TOTAL_W) + VECTORS * (TOTAL_W + SECTOR_W);

  wire                        ask_valid;
  wire                        ask_room;
  wire [           CTX_W-1:0] ask_ctx;
  wire                        ask_lsb;
  wire [           SUM_W-1:0] ask_fetched;
  wire [   LANES*START_W-1:0] ask_start;
  wire [   LANES*TOTAL_W-1:0] ask_total;
  wire [ VECTORS*TOTAL_W-1:0] ask_bound;
  wire [VECTORS*SECTOR_W-1:0] ask_base;

  stream_fifo #(
      .WIDTH(ASK_W),
      .DEPTH(AHEAD)
  ) u_ahead (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(group_valid),
      .push_ready(ask_room),
      .push_data ({group_ctx, group_lsb, group_fetched, group_start, group_total, group_bound,
                   group_base}),
      .pop_valid (ask_valid),
      .pop_ready (expanded),
      .pop_data  ({ask_ctx, ask_lsb, ask_fetched, ask_start, ask_total, ask_bound, ask_base})
  );

  // What uses the sectors needs to know of it.
  localparam SIDE_W = CTX_W + 1 + COUNT_W + PASS_W + 2 + 2 * PLANE_W + 3;
  localparam USE_W = ORIGIN_W + SIDE_W + LANES * (START_W + TOTAL_W) + VECTORS * (TOTAL_W + 3);

  wire                       use_valid;
  wire                       use_room;
  wire [       ORIGIN_W-1:0] use_origin;
  wire [         SIDE_W-1:0] use_side;
  wire [  LANES*START_W-1:0] use_start;
  wire [  LANES*TOTAL_W-1:0] use_total;
  wire [VECTORS*TOTAL_W-1:0] use_first;
  wire [      VECTORS*3-1:0] use_word;

  stream_fifo #(
      .WIDTH(USE_W),
      .DEPTH(GROUPS)
  ) u_groups (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(group_valid),
      .push_ready(use_room),
      .push_data ({group_origin, group_ctx, group_last, group_count, group_pass, group_merge,
                   group_close, group_planes, group_shift, group_lsb, group_dim, group_start,
                   group_total, group_first, group_word}),
      .pop_valid (use_valid),
      .pop_ready (used),
      .pop_data  ({use_origin, use_side, use_start, use_total, use_first, use_word})
  );

`ifdef SPATTEN_CHECKS
  always @(posedge clk) begin
    if (!({{ rst.active }}) && group_valid && !(ask_room && use_room)) begin
      $display("CHECK %m: a group without a place");
    end
  end
`else
  wire unused_room = &{ask_room, use_room};
`endif

  // ---- the sectors of a group, to the ports ------------------------------------------------------------------------

  wire [PORTS-1:0] room;
  wire [LANES-1:0] ask_done;
  wire [PORTS-1:0] ask_needed;
  wire             ask_fire = ask_valid && room == {PORTS{1'b1}} && !stop;
  wire             ask_end = ask_done == {LANES{1'b1}};
  wire [STEP_W-1:0] ask_step;

  assign expanded = ask_valid && (stop || (ask_fire && ask_end));

  reg              push_valid_q;
  reg [ SUM_W-1:0] fetched_q;
  reg              fetched_lsb_q;
  reg [ CTX_W-1:0] fetched_ctx_q;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      push_valid_q <= 1'b0;
      fetched_q    <= {SUM_W{1'b0}};
    end else begin
      push_valid_q <= ask_fire;
      fetched_q    <= (ask_fire && ask_end) ? ask_fetched : {SUM_W{1'b0}};
    end
  end

  always @(posedge clk) begin
    fetched_lsb_q <= ask_lsb;
    fetched_ctx_q <= ask_ctx;
  end

  assign fetched     = fetched_q;
  assign fetched_lsb = fetched_lsb_q;
  assign fetched_ctx = fetched_ctx_q;
  {% if steps > 1 %}

  // A lane with more sectors than ports takes several steps.
  reg [STEP_W-1:0] ask_step_q;

  assign ask_step = ask_step_q;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) ask_step_q <= {STEP_W{1'b0}};
    else if (expanded || stop) ask_step_q <= {STEP_W{1'b0}};
    else if (ask_fire) ask_step_q <= ask_step_q + 1'b1;
  end
  {% else %}

  assign ask_step = {STEP_W{1'b0}};
  {% endif %}

  // ---- ports and crossbar ------------------------------------------------------------------------------------------

  wire [         PORTS-1:0] port_valid;
  wire [         PORTS-1:0] port_ready;
  wire [PORTS*SECTOR_W-1:0] port_sector;
  wire [  PORTS*SLOT_W-1:0] port_slot;
  wire [         PORTS-1:0] write_valid;
  wire [  PORTS*SLOT_W-1:0] write_slot;
  wire [  PORTS*DATA_W-1:0] write_data;
  wire                      crossbar_idle;

  sector_crossbar u_crossbar (
      .clk            (clk),
      .{{ rst.port }}({{ rst.port }}),
      .clear          (flush),
      .drop           (flushing_q),
      .idle           (crossbar_idle),
      .port_valid     (port_valid & {PORTS{!stop}}),
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

  wire [       PORTS-1:0] arrived;
  wire [PORTS*DATA_W-1:0] sector;
  wire [       PORTS-1:0] use_needed;
  wire [       LANES-1:0] use_done;
  wire                    step_valid = use_valid && (use_needed & ~arrived) == {PORTS{1'b0}};
  wire                    step_ready;
  wire                    step_fire = step_valid && step_ready && !stop;
  wire                    step_end = use_done == {LANES{1'b1}};
  wire [      STEP_W-1:0] use_step;

  assign used = use_valid && (stop || (step_fire && step_end));
  {% if steps > 1 %}

  reg [STEP_W-1:0] use_step_q;

  assign use_step = use_step_q;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) use_step_q <= {STEP_W{1'b0}};
    else if (used || stop) use_step_q <= {STEP_W{1'b0}};
    else if (step_fire) use_step_q <= use_step_q + 1'b1;
  end
  {% else %}

  assign use_step = {STEP_W{1'b0}};
  {% endif %}

  // ---- lanes -------------------------------------------------------------------------------------------------------

  // Stages 1 to 3 of the lanes; each stalls only when the next one does.
  reg               s1_valid_q;
  reg               s2_valid_q;
  reg               s3_valid_q;
  reg  [SIDE_W-1:0] s1_side_q;
  reg  [SIDE_W-1:0] s2_side_q;
  reg  [SIDE_W-1:0] s3_side_q;
  wire              s4_ready;
  wire              s3_ready = !s3_valid_q || s4_ready;
  wire              s2_ready = !s2_valid_q || s3_ready;
  wire              s1_ready = !s1_valid_q || s2_ready;
  wire              pick = s1_valid_q && s2_ready;
  wire              shift = s2_valid_q && s3_ready;

  assign step_ready = s1_ready;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      s1_valid_q <= 1'b0;
      s2_valid_q <= 1'b0;
      s3_valid_q <= 1'b0;
    end else if (stop) begin
      s1_valid_q <= 1'b0;
      s2_valid_q <= 1'b0;
      s3_valid_q <= 1'b0;
    end else begin
      if (s1_ready) s1_valid_q <= step_fire && step_end;
      if (s2_ready) s2_valid_q <= s1_valid_q;
      if (s3_ready) s3_valid_q <= s2_valid_q;
    end
  end

  always @(posedge clk) begin
    if (step_fire) s1_side_q <= use_side;
    if (pick) s2_side_q <= s1_side_q;
    if (shift) s3_side_q <= s2_side_q;
  end

  // The last sector of each lane's vectors is its own, or that of the nearest lane before that fetched any, or that of
  // the group before in the same list of planes.
  wire [       LANES-1:0] own;
  wire [LANES*DATA_W-1:0] own_last;
  reg  [       LANES-1:0] known;
  reg  [LANES*DATA_W-1:0] last;
  reg  [      DATA_W-1:0] msb_last_q;
  reg  [      DATA_W-1:0] lsb_last_q;
  wire                    s1_lsb = s1_side_q[2];
  wire [      DATA_W-1:0] carried = s1_lsb ? lsb_last_q : msb_last_q;

  {% if lanes > 1 %}
  integer distance;
  integer at;
  always @(*) begin
    at    = 0;
    known = own;
    last  = own_last;
    for (distance = 1; distance < LANES; distance = 2 * distance) begin
      for (at = LANES - 1; at >= distance; at = at - 1) begin
        if (!known[at]) last[at*DATA_W+:DATA_W] = last[(at-distance)*DATA_W+:DATA_W];
        known[at] = known[at] || known[at-distance];
      end
    end
  end
  {% else %}
  always @(*) begin
    known = own;
    last  = own_last;
  end
  {% endif %}

  wire [DATA_W-1:0] group_end = known[LANES-1] ? last[(LANES-1)*DATA_W+:DATA_W] : carried;

  always @(posedge clk) begin
    if (pick && !s1_lsb) msb_last_q <= group_end;
    if (pick && s1_lsb) lsb_last_q <= group_end;
  end

  // What comes from the ports goes to the lanes that they serve.
  wire [  LANES*START_W-1:0] lane_start;
  wire [  LANES*TOTAL_W-1:0] lane_total;
  wire [   PORTS*DATA_W-1:0] lane_sector;
  {% if turns > 1 %}
  localparam START_PART = LANES * START_W / {{ turns }};
  localparam TOTAL_PART = LANES * TOTAL_W / {{ turns }};
  localparam DATA_PART  = PORTS * DATA_W / {{ turns }};

  reg [  LANES*START_W-1:0] turned_start;
  reg [  LANES*TOTAL_W-1:0] turned_total;
  reg [   PORTS*DATA_W-1:0] turned_sector;
  integer by;

  always @(*) begin
    turned_start  = use_start;
    turned_total  = use_total;
    turned_sector = sector;
    for (by = 0; by < ORIGIN_W; by = by + 1) begin
      if (use_origin[by]) begin
        turned_start  = (turned_start >> (START_PART << by))
            | (turned_start << (LANES * START_W - (START_PART << by)));
        turned_total  = (turned_total >> (TOTAL_PART << by))
            | (turned_total << (LANES * TOTAL_W - (TOTAL_PART << by)));
        turned_sector = (turned_sector >> (DATA_PART << by))
            | (turned_sector << (PORTS * DATA_W - (DATA_PART << by)));
      end
    end
  end

  assign lane_start  = turned_start;
  assign lane_total  = turned_total;
  assign lane_sector = turned_sector;
  {% else %}

  wire unused_origin = use_origin;

  assign lane_start  = use_start;
  assign lane_total  = use_total;
  assign lane_sector = sector;
  {% endif %}

  wire [LANES*WORDS_W-1:0] words;

  genvar lane;
  genvar port;
  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_lane
      localparam FIRST = lane * PORTS / LANES;
      localparam OWN   = (lane + 1) * PORTS / LANES - FIRST;

      // ---- the way out ----

      wire [OWN*TOTAL_W-1:0] number;

      port_turn #(
          .PORTS(OWN)
      ) u_ask_turn (
          .total (ask_total[lane*TOTAL_W+:TOTAL_W]),
          .start (ask_start[lane*START_W+:START_W]),
          .step  (ask_step),
          .needed(ask_needed[FIRST+:OWN]),
          .number(number),
          .done  (ask_done[lane])
      );

      for (port = 0; port < OWN; port = port + 1) begin : g_port
        // The sector with this number is the vector's whose bound is the last one not above it.
        wire [ TOTAL_W-1:0] here = number[port*TOTAL_W+:TOTAL_W];
        reg  [SECTOR_W-1:0] base;
        reg                 needed_q;
        reg  [ TOTAL_W-1:0] number_q;
        reg  [SECTOR_W-1:0] base_q;
        integer             slot;

        always @(*) begin
          base = ask_base[lane*SLOTS*SECTOR_W+:SECTOR_W];
          for (slot = 1; slot < SLOTS; slot = slot + 1) begin
            if (here >= ask_bound[(lane*SLOTS+slot)*TOTAL_W+:TOTAL_W]) begin
              base = ask_base[(lane*SLOTS+slot)*SECTOR_W+:SECTOR_W];
            end
          end
        end

        always @(posedge clk) begin
          needed_q <= ask_needed[FIRST+port];
          number_q <= here;
          base_q   <= base;
        end

        fetch_port u_port (
            .clk           (clk),
            .{{ rst.port }}({{ rst.port }}),
            .clear         (stop),
            .room          (room[FIRST+port]),
            .reserve       (ask_fire && ask_needed[FIRST+port]),
            .push_valid    (push_valid_q && needed_q),
            .push_sector   (base_q + {{(SECTOR_W - TOTAL_W){1'b0}}, number_q}),
            .request_valid (port_valid[FIRST+port]),
            .request_ready (port_ready[FIRST+port]),
            .request_sector(port_sector[(FIRST+port)*SECTOR_W+:SECTOR_W]),
            .request_slot  (port_slot[(FIRST+port)*SLOT_W+:SLOT_W]),
            .write_valid   (write_valid[FIRST+port]),
            .write_slot    (write_slot[(FIRST+port)*SLOT_W+:SLOT_W]),
            .write_data    (write_data[(FIRST+port)*DATA_W+:DATA_W]),
            .pop_valid     (arrived[FIRST+port]),
            .pop_ready     (step_fire && use_needed[FIRST+port]),
            .pop_data      (sector[(FIRST+port)*DATA_W+:DATA_W])
        );
      end

      wire unused_bound = &ask_bound[lane*SLOTS*TOTAL_W+:TOTAL_W];  // 0

      // ---- the way back ----

      wire [OWN*TOTAL_W-1:0] unused_number;

      port_turn #(
          .PORTS(OWN)
      ) u_use_turn (
          .total (use_total[lane*TOTAL_W+:TOTAL_W]),
          .start (use_start[lane*START_W+:START_W]),
          .step  (use_step),
          .needed(use_needed[FIRST+:OWN]),
          .number(unused_number),
          .done  (use_done[lane])
      );

      wire [DATA_W-1:0] inherited;

      if (lane == 0) begin : g_inherit_group
        assign inherited = carried;
      end else begin : g_inherit_lane
        assign inherited = known[lane-1] ? last[(lane-1)*DATA_W+:DATA_W] : carried;
      end

      sector_lane #(
          .PORTS(OWN)
      ) u_lane (
          .clk          (clk),
          .collect      (step_fire),
          .collect_step (use_step),
          .collect_start(lane_start[lane*START_W+:START_W]),
          .collect_total(lane_total[lane*TOTAL_W+:TOTAL_W]),
          .collect_first(use_first[lane*SLOTS*TOTAL_W+:SLOTS*TOTAL_W]),
          .collect_word (use_word[lane*SLOTS*3+:SLOTS*3]),
          .collect_data (lane_sector[FIRST*DATA_W+:OWN*DATA_W]),
          .own          (own[lane]),
          .own_last     (own_last[lane*DATA_W+:DATA_W]),
          .inherited    (inherited),
          .pick         (pick),
          .shift        (shift),
          .words        (words[lane*WORDS_W+:WORDS_W])
      );
    end
  endgenerate

  // ---- operands ----------------------------------------------------------------------------------------------------

  wire [        1:0] s3_dim;
  wire               unused_lsb;
  wire [PLANE_W-1:0] s3_shift;
  wire [PLANE_W-1:0] s3_planes;
  wire               s3_close;
  wire               s3_merge;
  wire [ PASS_W-1:0] s3_pass;
  wire [COUNT_W-1:0] s3_count;
  wire               s3_last;
  wire [  CTX_W-1:0] s3_ctx;
  wire               assembled;

  assign vector_valid = assembled && !stop;
  assign {s3_ctx, s3_last, s3_count, s3_pass, s3_merge, s3_close, s3_planes, s3_shift, unused_lsb,
          s3_dim} = s3_side_q;

  plane_assembler #(
      .CTX_W(CTX_W)
  ) u_assembler (
      .clk        (clk),
      .{{ rst.port }}({{ rst.port }}),
      .clear      (stop),
      .push_valid (s3_valid_q),
      .push_ready (s4_ready),
      .push_words (words),
      .push_dim   (s3_dim),
      .push_planes(s3_planes),
      .push_shift (s3_shift),
      .push_merge (s3_merge),
      .push_close (s3_close),
      .push_pass  (s3_pass),
      .push_count (s3_count),
      .push_last  (s3_last),
      .push_ctx   (s3_ctx),
      .pop_valid  (assembled),
      .pop_ready  (vector_ready),
      .pop_data   (vector_data),
      .pop_count  (vector_count),
      .pop_last   (vector_last),
      .pop_ctx    (vector_ctx)
  );

  assign drained =
      front_idle && ahead_q == {AHEAD_W{1'b0}} && groups_q == {GROUPS_W{1'b0}} && crossbar_idle;
  assign idle    = drained && !flushing_q && !push_valid_q
      && !(s1_valid_q || s2_valid_q || s3_valid_q || assembled);

endmodule
