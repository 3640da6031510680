// Purpose      where the vectors of a list lie, and which sectors of them must be fetched: front end of the plane fetcher.
//              Takes lists of token ids and gives groups of up to LANES * SLOTS vectors, one group per slice of a beat
//              of ids and, in a list with MSB and LSB planes, two groups a slice, MSBs first.
// Lanes        a lane has the {{ kmax }} vector{% if kmax != 1 %}s{% endif %} that fill {{ config.head_dim }} multipliers at the smallest head dimension, {% if kmax > 1 %}or fewer of a larger one, {% endif %}in order; the
//              sectors that it fetches are numbered 0 to total - 1, vector by vector. A sector equal to the last one
//              of the vector before, in the same list, is not fetched again.
// Output       of vector k in a lane: bound, its first sector's number; base, such that sector number i is base + i; first,
//              where it begins among the lane's sectors, 0 being the one inherited from the vector before the
//              lane; word, at which of the sector's 4-byte words. start: total of the groups before that the lane's
//              request ports served, modulo their number. fetched: sum of the totals. A group is offered for one cycle
//              and not held.
// Ports        {% if turns > 1 %}lane i is served by the ports of lane i + origin * {{ lanes / turns }} modulo {{ lanes }}; origin counts the lists modulo {{ turns }}. base, bound,
//              total and start stand where the ports are; first and word, where the lanes are.{% else %}lane i is served by its own ports; origin is 0.{% endif %}
// Protocol     job and id are valid/ready streams; no slice leaves in a cycle with `hold`. `stop` takes no more ids either;
//              `clear` forgets the list, but for groups on their way.
// Latency      a slice that leaves in cycle t is offered in t+8; an id beat taken in t leaves in t+1.
// Throughput   one group every cycle, with no bubble between lists.
// Reset        empties the pipeline. Payloads have no reset: valid bits qualify them.

module vector_addresses #(
    parameter CTX_W = 16  // bits that travel with a list
) (
    input  wire             clk,
    input  wire             {{ rst.port }},
    input  wire             clear,
    input  wire             stop,
    input  wire             hold,
    output wire             idle,
    output wire             leave,

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

    output wire             group_valid,
    output wire [{{ gens * sector_w - 1 }}:0] group_base,
    output wire [{{ gens * t_w - 1 }}:0] group_bound,
    output wire [{{ gens * t_w - 1 }}:0] group_first,
    output wire [{{ gens * 3 - 1 }}:0] group_word,
    output wire [{{ lanes * t_w - 1 }}:0] group_total,
    output wire [{{ lanes * rot_w - 1 }}:0] group_start,
    output wire [{{ origin_w - 1 }}:0] group_origin,
    output wire [{{ fetched_w - 1 }}:0] group_fetched,
    output wire             group_lsb,
    output wire [1:0]       group_dim,
    output wire [{{ plane_w - 1 }}:0] group_planes,
    output wire [{{ plane_w - 1 }}:0] group_shift,
    output wire             group_merge,
    output wire             group_close,
    output wire [{{ pass_w - 1 }}:0] group_pass,
    output wire [{{ count_w - 1 }}:0] group_count,
    output wire             group_last,
    output wire [CTX_W-1:0] group_ctx
);

  localparam LANES    = {{ lanes }};
  localparam SLOTS    = {{ kmax }};  // most vectors of a lane
  localparam VECTORS  = LANES * SLOTS;
  localparam PORTS    = {{ ports }};
  localparam ADDR_W   = {{ config.addr_width }};
  localparam WORD_W   = ADDR_W - 2;  // bits of the number of a 4-byte word
  localparam SECTOR_W = ADDR_W - 5;
  localparam TOKEN_W  = {{ token_w }};
  localparam IDS_W    = {{ ids * token_w }};
  localparam COUNT_W  = {{ count_w }};
  localparam PLANE_W  = {{ plane_w }};
  localparam WORDS_W  = {{ words_w }};  // bits of a number of words, 0 to a vector's most
  localparam EXTRA_W  = {{ extra_w }};  // bits of a number of sectors after a vector's first
  localparam TOTAL_W  = {{ t_w }};
  localparam START_W  = {{ rot_w }};
  localparam ORIGIN_W = {{ origin_w }};
  localparam PASS_W   = {{ pass_w }};
  localparam SUM_W    = {{ fetched_w }};
  {% if passes > 1 %}
  localparam PASSES   = {{ passes }};  // slices of a beat of vectors
  {% endif %}

  localparam STAGES = 8;

  // ---- slices of the list ------------------------------------------------------------------------------------------

  reg                ids_valid_q;
  reg  [  IDS_W-1:0] ids_q;
  reg  [COUNT_W-1:0] left_q;
  reg                ids_last_q;
  reg                first_q;  // nothing of the list has left
  reg                second_q;  // the slice's MSB group has left

  wire               msbs = job_use_msb && job_m != {PLANE_W{1'b0}};
  wire               lsbs = job_use_lsb && job_l != {PLANE_W{1'b0}};
  wire               lsb = second_q || !msbs;
  wire               slice_end = second_q || !(msbs && lsbs);
  wire [PLANE_W-1:0] none = {PLANE_W{1'b0}};
  wire [PLANE_W-1:0] planes = !lsb ? job_m : lsbs ? job_l : none;

  {% if passes * kmax > 1 %}
  localparam SLICE_INT = VECTORS;
  localparam [COUNT_W-1:0] SLICE = SLICE_INT[COUNT_W-1:0];

  {% if kmax > 1 %}
  wire [COUNT_W-1:0] slice = SLICE >> job_dim;
  {% else %}
  wire [COUNT_W-1:0] slice = SLICE;
  {% endif %}
  {% endif %}
  {% if passes * kmax > 1 %}
  wire               rest = left_q <= slice;
  wire [COUNT_W-1:0] taken = rest ? left_q : slice;
  {% else %}
  wire               rest = 1'b1;  // a beat of ids is one slice
  wire [COUNT_W-1:0] taken = left_q;
  {% endif %}
  wire               list_end = rest && ids_last_q;
  wire               advance = leave && slice_end;

  assign leave     = job_valid && ids_valid_q && !hold;
  assign job_ready = leave && slice_end && list_end;
  assign id_ready  = !stop && (!ids_valid_q || (advance && rest));

  wire enter = id_valid && id_ready;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      ids_valid_q <= 1'b0;
      first_q     <= 1'b1;
      second_q    <= 1'b0;
    end else if (clear) begin
      ids_valid_q <= 1'b0;
      first_q     <= 1'b1;
      second_q    <= 1'b0;
    end else begin
      if (enter || (advance && rest)) ids_valid_q <= enter;
      if (leave) second_q <= !slice_end;
      if (advance) first_q <= list_end;
    end
  end

  // The ids of the slices that have left are shifted out.
  always @(posedge clk) begin
    if (enter) begin
      ids_q      <= id_ids;
      left_q     <= id_count;
      ids_last_q <= id_last;
    end else if (advance) begin
      left_q <= left_q - taken;
      {% if kmax == 4 and passes > 1 %}
      case (job_dim)
        2'd0: ids_q <= ids_q >> VECTORS * TOKEN_W;
        2'd1: ids_q <= ids_q >> VECTORS / 2 * TOKEN_W;
        default: ids_q <= ids_q >> VECTORS / 4 * TOKEN_W;
      endcase
      {% elif kmax == 4 %}
      ids_q <= job_dim == 2'd1 ? ids_q >> VECTORS / 2 * TOKEN_W : ids_q >> VECTORS / 4 * TOKEN_W;
      {% elif kmax == 2 and passes > 1 %}
      ids_q <= job_dim == 2'd1 ? ids_q >> VECTORS / 2 * TOKEN_W : ids_q >> VECTORS * TOKEN_W;
      {% elif kmax == 2 %}
      ids_q <= ids_q >> VECTORS / 2 * TOKEN_W;
      {% elif passes > 1 %}
      ids_q <= ids_q >> VECTORS * TOKEN_W;
      {% endif %}
    end
  end

  wire [ PASS_W-1:0] pass;
  wire [COUNT_W-1:0] gathered;  // vectors of the beat so far
  wire               beat_end;
  {% if passes > 1 %}
  reg  [ PASS_W-1:0] pass_q;
  reg  [COUNT_W-1:0] gathered_q;

  localparam LAST_INT = PASSES - 1;
  localparam [PASS_W-1:0] LAST_PASS = LAST_INT[PASS_W-1:0];

  assign pass     = pass_q;
  assign gathered = gathered_q + taken;
  assign beat_end = pass_q == LAST_PASS || list_end;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      pass_q     <= {PASS_W{1'b0}};
      gathered_q <= {COUNT_W{1'b0}};
    end else if (clear || (advance && beat_end)) begin
      pass_q     <= {PASS_W{1'b0}};
      gathered_q <= {COUNT_W{1'b0}};
    end else if (advance) begin
      pass_q     <= pass_q + 1'b1;
      gathered_q <= gathered;
    end
  end
  {% else %}

  assign pass     = 1'b0;
  assign gathered = taken;
  assign beat_end = 1'b1;
  {% endif %}

  wire [ORIGIN_W-1:0] origin;
  {% if turns > 1 %}
  reg  [ORIGIN_W-1:0] origin_q;  // another one for each list

  assign origin = origin_q;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) origin_q <= {ORIGIN_W{1'b0}};
    else if (advance && list_end) origin_q <= origin_q + 1'b1;
  end
  {% else %}

  assign origin = 1'b0;
  {% endif %}

  // ---- what travels along ------------------------------------------------------------------------------------------

  localparam SIDE_W = ORIGIN_W + CTX_W + 2 + COUNT_W + PASS_W + 2 + 2 * PLANE_W + 2;

  reg  [       STAGES-1:0] valid_q;
  reg  [STAGES*SIDE_W-1:0] side_q;  // stage 1 in the low bits
  wire [       SIDE_W-1:0] side;

  assign side = {
    origin,
    job_ctx,
    list_end && slice_end,
    beat_end && slice_end,
    gathered,
    pass,
    second_q,
    lsb,
    planes,
    (lsb ? job_m : none),
    job_dim
  };

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) valid_q <= {STAGES{1'b0}};
    else valid_q <= {valid_q[STAGES-2:0], leave};
  end

  always @(posedge clk) begin
    side_q <= {side_q[(STAGES-1)*SIDE_W-1:0], side};
  end

  // Ids may wait for their job.
  assign idle = first_q && !second_q && valid_q == {STAGES{1'b0}};

  assign group_valid = valid_q[STAGES-1];
  assign {group_origin, group_ctx, group_last, group_close, group_count, group_pass, group_merge,
          group_lsb, group_planes, group_shift, group_dim} = side_q[(STAGES-1)*SIDE_W+:SIDE_W];

  // Stage 1: ids of the vectors, base and stride; which vectors there are; words of a vector.
  reg [ WORD_W-1:0] s1_base_q;
  reg [ WORD_W-1:0] s1_stride_q;
  reg [WORDS_W-1:0] s1_words_q;
  reg               s1_first_q;

  {% if kmax > 1 %}
  wire [WORDS_W+1:0] words = {{(WORDS_W + 2 - PLANE_W){1'b0}}, planes} << job_dim;
  {% else %}
  wire [WORDS_W+1:0] words = {{(WORDS_W + 2 - PLANE_W){1'b0}}, planes};
  {% endif %}

  always @(posedge clk) begin
    s1_base_q   <= lsb ? job_lsb_base[ADDR_W-1:2] : job_msb_base[ADDR_W-1:2];
    s1_stride_q <= lsb ? job_lsb_stride[ADDR_W-1:2] : job_msb_stride[ADDR_W-1:2];
    s1_words_q  <= words[WORDS_W-1:0];
    s1_first_q  <= first_q;
  end

  // Bases, strides are multiples of 4, vectors at most {{ words_max }} words long.
  wire unused_low =
      &{words[WORDS_W+1:WORDS_W], job_lsb_base[1:0], job_msb_base[1:0], job_lsb_stride[1:0],
        job_msb_stride[1:0]{% if kmax == 1 %}, job_dim{% endif %}};

  // Later stages of the same, each in the low bits first.
  reg [WORD_W-1:0] s2_base_q, s3_base_q;
  reg [WORDS_W-1:0] s2_words_q, s3_words_q, s4_words_q, s5_words_q, s6_words_q;
  reg s2_first_q, s3_first_q, s4_first_q, s5_first_q;

  always @(posedge clk) begin
    {s3_base_q, s2_base_q} <= {s2_base_q, s1_base_q};
    {s6_words_q, s5_words_q, s4_words_q, s3_words_q, s2_words_q} <=
        {s5_words_q, s4_words_q, s3_words_q, s2_words_q, s1_words_q};
    {s5_first_q, s4_first_q, s3_first_q, s2_first_q} <=
        {s4_first_q, s3_first_q, s2_first_q, s1_first_q};
  end

  // ---- stages 2 to 5: first and last sector of each vector ---------------------------------------------------------

  // The stride is multiplied in pieces of CHUNK bits, whose products do not overlap but with their neighbours'.
  localparam CHUNK   = {{ chunk }};
  localparam CHUNKS  = {{ chunks }};  // even
  localparam PIECE_W = CHUNK + TOKEN_W;
  localparam WIDE_W  = CHUNK * CHUNKS;

  wire [WIDE_W-1:0] stride = {{ padded_stride }};

  wire [         VECTORS-1:0] s5_used;
  wire [       VECTORS*3-1:0] s5_word;
  wire [VECTORS*SECTOR_W-1:0] s5_sector;
  wire [VECTORS*SECTOR_W-1:0] s5_last;
  wire [ VECTORS*EXTRA_W-1:0] s5_extra;

  genvar lane;
  genvar slot;
  genvar piece;
  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_lane
      for (slot = 0; slot < SLOTS; slot = slot + 1) begin : g_vector
        localparam AT  = lane * SLOTS + slot;
        localparam AT0 = lane * SLOTS + slot;
        localparam [31:0] PLACE0 = AT0;
        {% if kmax > 1 %}
        // The vector's place in the slice, by head dimension.
        localparam AT1 = (slot < SLOTS / 2) ? lane * SLOTS / 2 + slot : 0;
        localparam [31:0] PLACE1 = AT1;
        localparam USED1 = slot < SLOTS / 2;
        {% endif %}
        {% if kmax > 2 %}
        localparam AT2 = (slot < SLOTS / 4) ? lane * SLOTS / 4 + slot : 0;
        localparam [31:0] PLACE2 = AT2;
        localparam USED2 = slot < SLOTS / 4;
        {% endif %}

        reg [TOKEN_W-1:0] id;
        reg               used;

        always @(*) begin
          id   = ids_q[AT0*TOKEN_W+:TOKEN_W];
          used = PLACE0[COUNT_W-1:0] < taken;
          {% if kmax > 1 %}
          if (job_dim == 2'd1) begin
            id   = ids_q[AT1*TOKEN_W+:TOKEN_W];
            used = USED1 != 0 && PLACE1[COUNT_W-1:0] < taken;
          end
          {% endif %}
          {% if kmax > 2 %}
          if (job_dim == 2'd2) begin
            id   = ids_q[AT2*TOKEN_W+:TOKEN_W];
            used = USED2 != 0 && PLACE2[COUNT_W-1:0] < taken;
          end
          {% endif %}
        end

        reg [TOKEN_W-1:0] s1_id_q;
        reg [4:0] used_q;

        always @(posedge clk) begin
          s1_id_q <= id;
          used_q  <= {used_q[3:0], used};
        end

        // Even pieces side by side, odd ones too.
        reg  [CHUNKS*PIECE_W-1:0] s2_product_q;
        reg  [        WORD_W-1:0] s3_product_q;
        wire [        WIDE_W+CHUNK-1:0] even_products;
        wire [        WIDE_W+CHUNK-1:0] odd_products;

        for (piece = 0; piece < CHUNKS; piece = piece + 1) begin : g_piece
          always @(posedge clk) begin
            s2_product_q[piece*PIECE_W+:PIECE_W] <= s1_id_q * stride[piece*CHUNK+:CHUNK];
          end

          if (piece % 2 == 0) begin : g_even
            assign even_products[piece*CHUNK+:2*CHUNK] =
                {{ padded_piece }};
          end else begin : g_odd
            assign odd_products[piece*CHUNK+:2*CHUNK] =
                {{ padded_piece }};
          end
        end

        assign even_products[WIDE_W+:CHUNK] = {CHUNK{1'b0}};
        assign odd_products[0+:CHUNK]       = {CHUNK{1'b0}};

        wire [WORD_W-1:0] product = even_products[WORD_W-1:0] + odd_products[WORD_W-1:0];

        // The sum is taken modulo 2^ADDR_W.
        wire unused_high =
            &{even_products[WIDE_W+CHUNK-1:WORD_W], odd_products[WIDE_W+CHUNK-1:WORD_W]};

        reg [  WORD_W-1:0] s4_address_q;
        reg [         2:0] s5_word_q;
        reg [SECTOR_W-1:0] s5_sector_q;
        reg [SECTOR_W-1:0] s5_last_q;
        reg [ EXTRA_W-1:0] s5_extra_q;

        // Words from the start of the vector's first sector to its last word.
        wire [WORDS_W:0] span =
            {{(WORDS_W - 2){1'b0}}, s4_address_q[2:0]} + {1'b0, s4_words_q} - 1'b1;
        wire [EXTRA_W-1:0] extra = span[3+:EXTRA_W];

        always @(posedge clk) begin
          s3_product_q <= product;
          s4_address_q <= s3_base_q + s3_product_q;
          s5_word_q    <= s4_address_q[2:0];
          s5_sector_q  <= s4_address_q[WORD_W-1:3];
          s5_last_q    <= s4_address_q[WORD_W-1:3] + {{(SECTOR_W - EXTRA_W){1'b0}}, extra};
          s5_extra_q   <= extra;
        end

        wire unused_span = &{span[2:0]{% if words_w + 1 > extra_w + 3 %}, span[WORDS_W:EXTRA_W+3]{% endif %}};

        assign s5_used[AT]                       = used_q[4];
        assign s5_word[AT*3+:3]                  = s5_word_q;
        assign s5_sector[AT*SECTOR_W+:SECTOR_W]  = s5_sector_q;
        assign s5_last[AT*SECTOR_W+:SECTOR_W]    = s5_last_q;
        assign s5_extra[AT*EXTRA_W+:EXTRA_W]     = s5_extra_q;
      end
    end
  endgenerate

  // ---- stage 6: whether a vector begins in the sector that the one before ends in ----------------------------------

  wire [1:0]          s5_dim = side_q[4*SIDE_W+:2];
  wire                s5_lsb = side_q[4*SIDE_W+2+2*PLANE_W];
  reg  [SECTOR_W-1:0] msb_last_q;  // last sector of the group before, in each list
  reg  [SECTOR_W-1:0] lsb_last_q;

  // By lane: last sector of its last vector.
  wire [LANES*SECTOR_W-1:0] lane_last;
  wire [SECTOR_W-1:0] carried = s5_lsb ? lsb_last_q : msb_last_q;

  always @(posedge clk) begin
    if (valid_q[4] && !s5_lsb) msb_last_q <= lane_last[(LANES-1)*SECTOR_W+:SECTOR_W];
    if (valid_q[4] && s5_lsb) lsb_last_q <= lane_last[(LANES-1)*SECTOR_W+:SECTOR_W];
  end
  {% if kmax == 1 %}

  wire unused_dim = &s5_dim;
  {% endif %}

  reg  [         VECTORS-1:0] s6_used_q;
  reg  [         VECTORS-1:0] s6_share_q;
  reg  [       VECTORS*3-1:0] s6_word_q;
  reg  [VECTORS*SECTOR_W-1:0] s6_sector_q;
  reg  [ VECTORS*EXTRA_W-1:0] s6_extra_q;
  wire [         VECTORS-1:0] share;

  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_share
      {% if kmax == 4 %}
      assign lane_last[lane*SECTOR_W+:SECTOR_W] =
          s5_dim == 2'd0 ? s5_last[(lane*SLOTS+3)*SECTOR_W+:SECTOR_W] :
          s5_dim == 2'd1 ? s5_last[(lane*SLOTS+1)*SECTOR_W+:SECTOR_W] :
                           s5_last[lane*SLOTS*SECTOR_W+:SECTOR_W];
      {% elif kmax == 2 %}
      assign lane_last[lane*SECTOR_W+:SECTOR_W] =
          s5_dim == 2'd0 ? s5_last[(lane*SLOTS+1)*SECTOR_W+:SECTOR_W]
              : s5_last[lane*SLOTS*SECTOR_W+:SECTOR_W];
      {% else %}
      assign lane_last[lane*SECTOR_W+:SECTOR_W] = s5_last[lane*SECTOR_W+:SECTOR_W];
      {% endif %}

      for (slot = 0; slot < SLOTS; slot = slot + 1) begin : g_vector
        localparam AT = lane * SLOTS + slot;

        wire [SECTOR_W-1:0] sector = s5_sector[AT*SECTOR_W+:SECTOR_W];

        if (slot > 0) begin : g_same_lane
          assign share[AT] = sector == s5_last[(AT-1)*SECTOR_W+:SECTOR_W];
        end else if (lane > 0) begin : g_lane_before
          assign share[AT] = sector == lane_last[(lane-1)*SECTOR_W+:SECTOR_W];
        end else begin : g_group_before
          assign share[AT] = sector == carried && !s5_first_q;
        end
      end
    end
  endgenerate

  always @(posedge clk) begin
    s6_used_q   <= s5_used & {VECTORS{s5_words_q != {WORDS_W{1'b0}}}};
    s6_share_q  <= share;
    s6_word_q   <= s5_word;
    s6_sector_q <= s5_sector;
    s6_extra_q  <= s5_extra;
  end

  wire unused_words = &s6_words_q;

  // ---- stage 7: numbers of the sectors within the lane --------------------------------------------------------------

  reg [VECTORS*SECTOR_W-1:0] s7_base_q;
  reg [ VECTORS*TOTAL_W-1:0] s7_bound_q;
  reg [ VECTORS*TOTAL_W-1:0] s7_first_q;
  reg [       VECTORS*3-1:0] s7_word_q;
  reg [   LANES*TOTAL_W-1:0] s7_total_q;

  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_number
      reg [TOTAL_W-1:0] total;
      reg [SLOTS*TOTAL_W-1:0] bound;
      reg [SLOTS*TOTAL_W-1:0] first;
      reg [SLOTS*SECTOR_W-1:0] base;
      reg [TOTAL_W:0] delta;
      reg share_here;
      integer s;

      always @(*) begin
        total = {TOTAL_W{1'b0}};
        bound = {SLOTS*TOTAL_W{1'b0}};
        first = {SLOTS*TOTAL_W{1'b0}};
        base  = {SLOTS*SECTOR_W{1'b0}};
        delta = {TOTAL_W+1{1'b0}};
        share_here = 1'b0;
        for (s = 0; s < SLOTS; s = s + 1) begin
          share_here = s6_share_q[lane*SLOTS+s];
          // The number of the first sector to fetch: the next one, and 1 less where the vector begins in the sector before.
          delta = {{TOTAL_W{1'b0}}, share_here} - {1'b0, total};
          bound[s*TOTAL_W+:TOTAL_W] = total;
          first[s*TOTAL_W+:TOTAL_W] = total + {{(TOTAL_W - 1){1'b0}}, !share_here};
          base[s*SECTOR_W+:SECTOR_W] = s6_sector_q[(lane*SLOTS+s)*SECTOR_W+:SECTOR_W]
              + {{(SECTOR_W - TOTAL_W - 1){delta[TOTAL_W]}}, delta};
          if (s6_used_q[lane*SLOTS+s]) begin
            total = total
                + {{(TOTAL_W - EXTRA_W){1'b0}}, s6_extra_q[(lane*SLOTS+s)*EXTRA_W+:EXTRA_W]}
                + {{(TOTAL_W - 1){1'b0}}, !share_here};
          end
        end
      end

      always @(posedge clk) begin
        s7_total_q[lane*TOTAL_W+:TOTAL_W]              <= total;
        s7_bound_q[lane*SLOTS*TOTAL_W+:SLOTS*TOTAL_W]  <= bound;
        s7_first_q[lane*SLOTS*TOTAL_W+:SLOTS*TOTAL_W]  <= first;
        s7_base_q[lane*SLOTS*SECTOR_W+:SLOTS*SECTOR_W] <= base;
      end
    end
  endgenerate

  always @(posedge clk) begin
    s7_word_q <= s6_word_q;
  end

  // ---- stage 8: sectors of the group, by ports; which of a lane's ports has its first one -----------------------------

  wire [VECTORS*SECTOR_W-1:0] port_base;
  wire [ VECTORS*TOTAL_W-1:0] port_bound;
  wire [   LANES*TOTAL_W-1:0] port_total;
  {% if turns > 1 %}
  localparam BASE_PART  = VECTORS * SECTOR_W / {{ turns }};
  localparam BOUND_PART = VECTORS * TOTAL_W / {{ turns }};
  localparam TOTAL_PART = LANES * TOTAL_W / {{ turns }};

  wire [ORIGIN_W-1:0] s7_origin = side_q[7*SIDE_W-1-:ORIGIN_W];
  reg [VECTORS*SECTOR_W-1:0] turned_base;
  reg [ VECTORS*TOTAL_W-1:0] turned_bound;
  reg [   LANES*TOTAL_W-1:0] turned_total;
  integer by;

  always @(*) begin
    turned_base  = s7_base_q;
    turned_bound = s7_bound_q;
    turned_total = s7_total_q;
    for (by = 0; by < ORIGIN_W; by = by + 1) begin
      if (s7_origin[by]) begin
        turned_base  = (turned_base << (BASE_PART << by))
            | (turned_base >> (VECTORS * SECTOR_W - (BASE_PART << by)));
        turned_bound = (turned_bound << (BOUND_PART << by))
            | (turned_bound >> (VECTORS * TOTAL_W - (BOUND_PART << by)));
        turned_total = (turned_total << (TOTAL_PART << by))
            | (turned_total >> (LANES * TOTAL_W - (TOTAL_PART << by)));
      end
    end
  end

  assign port_base  = turned_base;
  assign port_bound = turned_bound;
  assign port_total = turned_total;
  {% else %}

  assign port_base  = s7_base_q;
  assign port_bound = s7_bound_q;
  assign port_total = s7_total_q;
  {% endif %}

  reg [VECTORS*SECTOR_W-1:0] s8_base_q;
  reg [ VECTORS*TOTAL_W-1:0] s8_bound_q;
  reg [ VECTORS*TOTAL_W-1:0] s8_first_q;
  reg [       VECTORS*3-1:0] s8_word_q;
  reg [   LANES*TOTAL_W-1:0] s8_total_q;
  reg [   LANES*START_W-1:0] s8_start_q;
  reg [           SUM_W-1:0] s8_fetched_q;
  reg [           SUM_W-1:0] fetched;
  integer l;

  always @(*) begin
    fetched = {SUM_W{1'b0}};
    for (l = 0; l < LANES; l = l + 1) begin
      fetched = fetched + {{(SUM_W - TOTAL_W){1'b0}}, s7_total_q[l*TOTAL_W+:TOTAL_W]};
    end
  end

  always @(posedge clk) begin
    s8_base_q    <= port_base;
    s8_bound_q   <= port_bound;
    s8_first_q   <= s7_first_q;
    s8_word_q    <= s7_word_q;
    s8_total_q   <= port_total;
    s8_fetched_q <= fetched;
  end

  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_start
      // The lane's own request ports, in turn.
      localparam OWN = (lane + 1) * PORTS / LANES - lane * PORTS / LANES;
      localparam [TOTAL_W+START_W-1:0] TURN = OWN[TOTAL_W+START_W-1:0];

      reg  [START_W-1:0] start_q;
      wire [TOTAL_W+START_W-1:0] sum =
          {{TOTAL_W{1'b0}}, start_q} + {{START_W{1'b0}}, port_total[lane*TOTAL_W+:TOTAL_W]};
      wire [TOTAL_W+START_W-1:0] turned = sum % TURN;

      always @(posedge clk{{ rst.edge }}) begin
        if ({{ rst.active }}) start_q <= {START_W{1'b0}};
        else if (valid_q[6]) start_q <= turned[START_W-1:0];
      end

      always @(posedge clk) begin
        s8_start_q[lane*START_W+:START_W] <= start_q;
      end

      wire unused_turned = &turned[TOTAL_W+START_W-1:START_W];
    end
  endgenerate

  assign group_base    = s8_base_q;
  assign group_bound   = s8_bound_q;
  assign group_first   = s8_first_q;
  assign group_word    = s8_word_q;
  assign group_total   = s8_total_q;
  assign group_start   = s8_start_q;
  assign group_fetched = s8_fetched_q;

endmodule
