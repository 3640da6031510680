// Purpose      finds the k-th largest key of a row by quick-select, as the top-k engine of the paper's section IV-B: two
//              arrays of {{ lanes }} comparators part a list into the keys above and below a pivot, two packers write them
//              into two list memories, and the side that holds the k-th largest is parted again.
// Pivots       the row itself is parted while it arrives, around the threshold of the row before it. Each later pivot is
//              picked from {{ samples }} keys sampled on the way, at the rank that k and the length of the list suggest; a pass that
//              leaves more than 3/4 of its list bars the extreme samples of the next. When all keys of a list are among
//              its samples, the answer is picked from them without another pass.
// Row          beats of {{ lanes }} keys, lanes 0 to push_count-1 in use; only the last beat may hold fewer than {{ lanes }}. push_k
//              stands still over the row. At most MAX_ROW keys.
// Result       keep every key above result_threshold, and the first result_ties of those equal to it: that is k keys, or
//              all when there are fewer. result_ties is MAX_ROW when all are kept.
// Protocol     valid/ready on both sides: valid never waits for ready, and a payload offered stays until it is taken.
// Latency      from the row's last beat to its result: {{ 4 + config.ram_latency }} cycles when the first pivot is the answer. A pass over a list of
//              m keys adds ceil(m / {{ lanes }}) + {{ 4 + config.ram_latency }} cycles, an answer from samples 2.
// Throughput   one row at a time: the next row's first beat may follow in the cycle after the result is taken.
// Reset        forgets the row; the first row's pivot is then the middle of the range.

module topk_select #(
    parameter KEY_W   = {{ key_w }},  // bits of a key, unsigned
    parameter MAX_ROW = {{ max_row }}  // longest row
) (
    input  wire             clk,
    input  wire             {{ rst.port }},

    input  wire             push_valid,
    output wire             push_ready,
    input  wire [{{ lanes }}*KEY_W-1:0] push_keys,
    input  wire [{{ count_w - 1 }}:0] push_count,
    input  wire             push_last,
    input  wire [15:0]      push_k,

    output wire             result_valid,
    input  wire             result_ready,
    output wire [KEY_W-1:0] result_threshold,
    output wire [$clog2(MAX_ROW+1)-1:0] result_ties,

    output wire             pass_start  // a pass over a list begins, for counting
);

  localparam LANES   = {{ lanes }};
  localparam COUNT_W = {{ count_w }};  // bits of a count, 0 to LANES
  localparam NUM_W   = $clog2(MAX_ROW + 1);  // bits of a number of keys
  localparam WORDS   = (MAX_ROW + LANES - 1) / LANES;  // of a list memory
  localparam ADDR_W  = (WORDS > 1) ? $clog2(WORDS) : 1;
  localparam SAMPLES = {{ samples }};
  localparam GROUPS  = {{ groups }};  // a beat offers at most one sample of each of so many groups of lanes
  localparam BANKS   = {{ banks }};  // samples kept of each group: SAMPLES / GROUPS
  localparam GROUP   = {{ group }};  // lanes of a group

  localparam [COUNT_W-1:0] FULL     = LANES[COUNT_W-1:0];
  localparam [  NUM_W-1:0] FULL_NUM = LANES[NUM_W-1:0];
  localparam [  NUM_W-1:0] MAX      = MAX_ROW[NUM_W-1:0];

  // ---- control -----------------------------------------------------------------------------------------------------

  localparam [2:0] FILL   = 3'd0;  // take a row, parting it
  localparam [2:0] SETTLE = 3'd1;  // the last beat of a pass is under way
  localparam [2:0] RANK   = 3'd2;  // compare the samples of the list that goes on
  localparam [2:0] CHOOSE = 3'd3;  // pick one: the answer, or the pivot of a pass that begins now
  localparam [2:0] READ   = 3'd4;  // read the rest of the list
  localparam [2:0] DONE   = 3'd5;  // offer the result

  reg [2:0] state_q;

  wire decide;  // all counts of the pass are in
  wire found;  // with decide: the pivot, or no key at all, is the answer
  wire exact;  // in CHOOSE: the samples are the whole list, so the one picked is the answer
  wire last_word;  // the list's last word is read
  wire push = push_valid && push_ready;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) state_q <= FILL;
    else begin
      case (state_q)
        FILL: if (push && push_last) state_q <= SETTLE;
        SETTLE: if (decide) state_q <= found ? DONE : RANK;
        RANK: state_q <= CHOOSE;
        CHOOSE: state_q <= exact ? DONE : last_word ? SETTLE : READ;
        READ: if (last_word) state_q <= SETTLE;
        default: if (result_ready) state_q <= FILL;  // DONE
      endcase
    end
  end

  assign push_ready   = state_q == FILL;
  assign result_valid = state_q == DONE;

  // ---- reading a list ------------------------------------------------------------------------------------------------

  reg  [  NUM_W-1:0] size_q;  // keys of the list, then those not yet read
  reg  [ ADDR_W-1:0] rd_addr_q;
  reg                high_q;  // the list lies in the memory of the keys above the pivot

  wire               read = (state_q == CHOOSE && !exact) || state_q == READ;
  wire               whole = size_q >= FULL_NUM;
  wire [COUNT_W-1:0] read_count = whole ? FULL : size_q[COUNT_W-1:0];

  assign last_word  = size_q <= FULL_NUM;
  assign pass_start = state_q == CHOOSE && !exact;

  always @(posedge clk) begin
    if (read) rd_addr_q <= rd_addr_q + 1'b1;
    else rd_addr_q <= {ADDR_W{1'b0}};
  end

  wire [LANES*KEY_W-1:0] high_rd_data;
  wire [LANES*KEY_W-1:0] low_rd_data;

  // ---- stage 1: a word of the row or of a list, against the pivot ----------------------------------------------------

  wire               enter = push || read;
  wire               enter_last = read ? last_word : push_last;
  wire [COUNT_W-1:0] enter_count = read ? read_count : push_count;

  {% if config.ram_latency == 2 %}
  // The controls of a list word wait for the second cycle of the read; a row's beat keeps step with them.
  reg                    s0_valid_q;
  reg                    s0_last_q;
  reg                    s0_fill_q;
  reg  [    COUNT_W-1:0] s0_count_q;
  reg  [LANES*KEY_W-1:0] s0_keys_q;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) s0_valid_q <= 1'b0;
    else s0_valid_q <= enter;
  end

  always @(posedge clk) begin
    s0_last_q  <= enter_last;
    s0_fill_q  <= push;
    s0_count_q <= enter_count;
    s0_keys_q  <= push_keys;
  end

  wire                   s0_valid = s0_valid_q;
  wire                   s0_last = s0_last_q;
  wire                   s0_fill = s0_fill_q;
  wire [    COUNT_W-1:0] s0_count = s0_count_q;
  wire [LANES*KEY_W-1:0] s0_keys = s0_keys_q;
  {% else %}
  wire                   s0_valid = enter;
  wire                   s0_last = enter_last;
  wire                   s0_fill = push;
  wire [    COUNT_W-1:0] s0_count = enter_count;
  wire [LANES*KEY_W-1:0] s0_keys = push_keys;
  {% endif %}

  reg                    s1_valid_q;
  reg                    s1_first_q;  // between passes too: the next word is a first one
  reg                    s1_last_q;
  reg                    s1_fill_q;
  reg  [    COUNT_W-1:0] s1_count_q;
  reg  [      LANES-1:0] s1_used_q;  // lanes that hold keys
  reg  [LANES*KEY_W-1:0] s1_fill_keys_q;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      s1_valid_q <= 1'b0;
      s1_first_q <= 1'b1;
      s1_last_q  <= 1'b1;
    end else begin
      s1_valid_q <= s0_valid;
      if (s0_valid) begin
        s1_first_q <= s1_last_q;
        s1_last_q  <= s0_last;
      end
    end
  end

  always @(posedge clk) begin
    s1_fill_q      <= s0_fill;
    s1_count_q     <= s0_count;
    s1_used_q      <= ~({LANES{1'b1}} << s0_count);
    s1_fill_keys_q <= s0_keys;
  end

  reg  [      KEY_W-1:0] pivot_q;
  wire [LANES*KEY_W-1:0] s1_keys = s1_fill_q ? s1_fill_keys_q : high_q ? high_rd_data : low_rd_data;

  // The two comparator arrays.
  reg  [      LANES-1:0] s1_above;
  reg  [      LANES-1:0] s1_below;

  {{ compare_logic | indent(width=2) }}

  // ---- stage 2: the two sides, and samples of them -------------------------------------------------------------------

  reg                    s2_valid_q;
  reg                    s2_first_q;
  reg                    s2_last_q;
  reg  [    COUNT_W-1:0] s2_count_q;
  reg  [      LANES-1:0] s2_above_q;
  reg  [      LANES-1:0] s2_below_q;
  reg  [      LANES-1:0] s2_upper_q;  // above the pivot or equal to it
  reg  [LANES*KEY_W-1:0] s2_keys_q;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) s2_valid_q <= 1'b0;
    else s2_valid_q <= s1_valid_q;
  end

  always @(posedge clk) begin
    s2_first_q <= s1_first_q;
    s2_last_q  <= s1_last_q;
    s2_count_q <= s1_count_q;
    s2_above_q <= s1_above;
    s2_below_q <= s1_below;
    s2_upper_q <= s1_used_q & ~s1_below;
    s2_keys_q  <= s1_keys;
  end

  // Slot of the sample that a beat replaces when no slot is free: beats 0 to 7 fall to slots 0 to 7; from then on four
  // beats are sampled of every doubling of the row, and replace every other one of the samples so far. The samples of a
  // long list are thus spread evenly over it, which keeps sorted rows fast.
  reg  [     ADDR_W:0] tick_gap_q;  // beats between samples, less one
  reg  [     ADDR_W:0] tick_wait_q;
  reg  [          2:0] tick_index_q;
  reg  [          1:0] tick_level_q;  // 0: the first 8 beats; then 1, 2, 3, 1, ...
  reg  [          2:0] tick_slot;

  wire                 tick = s2_valid_q && !s2_first_q && tick_wait_q == {(ADDR_W + 1){1'b0}};

  wire [  SAMPLES-1:0] tick_here = {{(SAMPLES - 1){1'b0}}, tick} << tick_slot;

  always @(*) begin
    case (tick_level_q)
      2'd0: tick_slot = tick_index_q;
      2'd1: tick_slot = {tick_index_q[1:0], 1'b1};
      2'd2: tick_slot = {tick_index_q[0], 1'b1, tick_index_q[1]};
      default: tick_slot = {1'b1, tick_index_q[1:0]};
    endcase
  end

  always @(posedge clk) begin
    if (s2_valid_q) begin
      if (s2_first_q) begin
        tick_gap_q   <= {(ADDR_W + 1){1'b0}};
        tick_wait_q  <= {(ADDR_W + 1){1'b0}};
        tick_index_q <= 3'd1;
        tick_level_q <= 2'd0;
      end else if (tick) begin
        tick_wait_q <= tick_gap_q;
        if (tick_index_q == ((tick_level_q == 2'd0) ? 3'd7 : 3'd3)) begin
          tick_index_q <= 3'd0;
          tick_level_q <= (tick_level_q == 2'd3) ? 2'd1 : tick_level_q + 2'd1;
          tick_gap_q   <= {tick_gap_q[ADDR_W-1:0], 1'b1};
        end else begin
          tick_index_q <= tick_index_q + 3'd1;
        end
      end else begin
        tick_wait_q <= tick_wait_q - 1'b1;
      end
    end
  end

  // Samples of both sides; slot b*GROUPS+g holds the b-th one of group g.
  reg  [SAMPLES*KEY_W-1:0] above_keys_q;
  reg  [SAMPLES*KEY_W-1:0] below_keys_q;
  reg  [      SAMPLES-1:0] above_set_q;
  reg  [      SAMPLES-1:0] below_set_q;

  genvar group, bank;
  generate
    for (group = 0; group < GROUPS; group = group + 1) begin : g_group
      // The first key of the group on either side of the pivot.
      wire [GROUP-1:0] above = s2_above_q[group*GROUP+:GROUP];
      wire [GROUP-1:0] below = s2_below_q[group*GROUP+:GROUP];
      reg  [KEY_W-1:0] above_key;
      reg  [KEY_W-1:0] below_key;
      integer          i;

      always @(*) begin
        above_key = s2_keys_q[group*GROUP*KEY_W+:KEY_W];
        below_key = s2_keys_q[group*GROUP*KEY_W+:KEY_W];
        for (i = GROUP - 1; i >= 0; i = i - 1) begin
          if (above[i]) above_key = s2_keys_q[(group*GROUP+i)*KEY_W+:KEY_W];
          if (below[i]) below_key = s2_keys_q[(group*GROUP+i)*KEY_W+:KEY_W];
        end
      end

      for (bank = 0; bank < BANKS; bank = bank + 1) begin : g_bank
        localparam SLOT = bank * GROUPS + group;

        // The lowest free slot of the group takes the key; with none free, the slot whose turn it is.
        wire above_free, below_free, above_here, below_here;

        if (bank == 0) begin : g_lowest
          assign above_free = s2_first_q || !above_set_q[SLOT];
          assign below_free = s2_first_q || !below_set_q[SLOT];
          assign above_here = above_free;
          assign below_here = below_free;
        end else begin : g_higher
          assign above_free = !above_set_q[SLOT] || g_bank[bank-1].above_free;
          assign below_free = !below_set_q[SLOT] || g_bank[bank-1].below_free;
          assign above_here = above_free && !g_bank[bank-1].above_free;
          assign below_here = below_free && !g_bank[bank-1].below_free;
        end

        wire above_replace = tick_here[SLOT] && !g_bank[BANKS-1].above_free;
        wire below_replace = tick_here[SLOT] && !g_bank[BANKS-1].below_free;
        wire above_write = s2_valid_q && |above && (above_here || above_replace);
        wire below_write = s2_valid_q && |below && (below_here || below_replace);

        always @(posedge clk) begin
          if (above_write) above_keys_q[SLOT*KEY_W+:KEY_W] <= above_key;
          if (below_write) below_keys_q[SLOT*KEY_W+:KEY_W] <= below_key;
          if (s2_valid_q) begin
            above_set_q[SLOT] <= above_write || (!s2_first_q && above_set_q[SLOT]);
            below_set_q[SLOT] <= below_write || (!s2_first_q && below_set_q[SLOT]);
          end
        end
      end
    end
  endgenerate

  // The two lists. A word is written at least four cycles after the word at its address was read, and the next pass
  // reads its first word in the cycle after the last one was written.
  wire                   high_wr_en;
  wire                   low_wr_en;
  wire [LANES*KEY_W-1:0] high_wr_data;
  wire [LANES*KEY_W-1:0] low_wr_data;
  wire                   high_wr_last;
  wire                   low_wr_last;
  reg  [     ADDR_W-1:0] high_wr_addr_q;
  reg  [     ADDR_W-1:0] low_wr_addr_q;

  // The packers are always ready but in the cycle after a pass's last beat, when none follows. The lists are counted by
  // stage 4.
  wire                   unused_high_ready;
  wire                   unused_low_ready;
  wire [    COUNT_W-1:0] unused_high_count;
  wire [    COUNT_W-1:0] unused_low_count;

  lane_packer #(
      .DATA_W(KEY_W)
  ) u_high_packer (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(s2_valid_q),
      .push_ready(unused_high_ready),
      .push_data (s2_keys_q),
      .push_keep (s2_above_q),
      .push_last (s2_last_q),
      .pop_valid (high_wr_en),
      .pop_ready (1'b1),
      .pop_data  (high_wr_data),
      .pop_count (unused_high_count),
      .pop_last  (high_wr_last)
  );

  lane_packer #(
      .DATA_W(KEY_W)
  ) u_low_packer (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(s2_valid_q),
      .push_ready(unused_low_ready),
      .push_data (s2_keys_q),
      .push_keep (s2_below_q),
      .push_last (s2_last_q),
      .pop_valid (low_wr_en),
      .pop_ready (1'b1),
      .pop_data  (low_wr_data),
      .pop_count (unused_low_count),
      .pop_last  (low_wr_last)
  );

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      high_wr_addr_q <= {ADDR_W{1'b0}};
      low_wr_addr_q  <= {ADDR_W{1'b0}};
    end else begin
      if (high_wr_en) high_wr_addr_q <= high_wr_last ? {ADDR_W{1'b0}} : high_wr_addr_q + 1'b1;
      if (low_wr_en) low_wr_addr_q <= low_wr_last ? {ADDR_W{1'b0}} : low_wr_addr_q + 1'b1;
    end
  end

  ram_1r1w #(
      .WIDTH (LANES * KEY_W),
      .DEPTH (WORDS),
      .ADDR_W(ADDR_W)
  ) u_high_ram (
      .clk    (clk),
      .wr_en  (high_wr_en),
      .wr_addr(high_wr_addr_q),
      .wr_data(high_wr_data),
      .rd_en  (read && high_q),
      .rd_addr(rd_addr_q),
      .rd_data(high_rd_data)
  );

  ram_1r1w #(
      .WIDTH (LANES * KEY_W),
      .DEPTH (WORDS),
      .ADDR_W(ADDR_W)
  ) u_low_ram (
      .clk    (clk),
      .wr_en  (low_wr_en),
      .wr_addr(low_wr_addr_q),
      .wr_data(low_wr_data),
      .rd_en  (read && !high_q),
      .rd_addr(rd_addr_q),
      .rd_data(low_rd_data)
  );

  // ---- stage 3: counts -----------------------------------------------------------------------------------------------

  {% if tree | length > 0 %}
  // Adder trees, level by level.
  {% for level in tree %}
  reg  [{{ level.bits - 1 }}:0] above_{{ loop.index0 }};
  reg  [{{ level.bits - 1 }}:0] below_{{ loop.index0 }};
  reg  [{{ level.bits - 1 }}:0] upper_{{ loop.index0 }};
  {% endfor %}

  {{ count_logic | indent(width=2) }}
  {% endif %}

  reg                    s3_valid_q;
  reg                    s3_first_q;
  reg                    s3_last_q;
  reg  [    COUNT_W-1:0] s3_count_q;
  reg  [    COUNT_W-1:0] s3_above_q;
  reg  [    COUNT_W-1:0] s3_below_q;
  reg  [    COUNT_W-1:0] s3_upper_q;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) s3_valid_q <= 1'b0;
    else s3_valid_q <= s2_valid_q;
  end

  always @(posedge clk) begin
    s3_first_q <= s2_first_q;
    s3_last_q  <= s2_last_q;
    s3_count_q <= s2_count_q;
    s3_above_q <= {{ above_count }};
    s3_below_q <= {{ below_count }};
    s3_upper_q <= {{ upper_count }};
  end

  // ---- stage 4: on which side the k-th largest is --------------------------------------------------------------------

  reg         [NUM_W-1:0] target_q;  // the rank sought in the list, from 1
  reg                     fill_pass_q;  // the pass is the one over the arriving row
  reg         [NUM_W-1:0] total_q;  // keys of the list
  reg         [NUM_W-1:0] above_q;  // of them above the pivot
  reg         [NUM_W-1:0] below_q;
  reg  signed [  NUM_W:0] left_q;  // the rank less the keys above the pivot
  reg  signed [  NUM_W:0] lower_q;  // and less those equal to it
  reg                     decide_q;

  wire [NUM_W-1:0] s3_count = {{(NUM_W - COUNT_W){1'b0}}, s3_count_q};
  wire [NUM_W-1:0] s3_above = {{(NUM_W - COUNT_W){1'b0}}, s3_above_q};
  wire [NUM_W-1:0] s3_below = {{(NUM_W - COUNT_W){1'b0}}, s3_below_q};
  wire [NUM_W-1:0] s3_upper = {{(NUM_W - COUNT_W){1'b0}}, s3_upper_q};

  wire signed [NUM_W:0] rank = {1'b0, target_q};

  always @(posedge clk) begin
    if (s3_valid_q) begin
      total_q <= (s3_first_q ? {NUM_W{1'b0}} : total_q) + s3_count;
      above_q <= (s3_first_q ? {NUM_W{1'b0}} : above_q) + s3_above;
      below_q <= (s3_first_q ? {NUM_W{1'b0}} : below_q) + s3_below;
      left_q  <= (s3_first_q ? rank : left_q) - $signed({1'b0, s3_above});
      lower_q <= (s3_first_q ? rank : lower_q) - $signed({1'b0, s3_upper});
    end
  end

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) decide_q <= 1'b0;
    else decide_q <= s3_valid_q && s3_last_q;
  end

  wire keep_all = fill_pass_q && total_q <= target_q;
  wire keep_none = fill_pass_q && target_q == {NUM_W{1'b0}};
  // More keys above the pivot than the rank; with as many, none of its equals stays.
  wire in_above = left_q[NUM_W];
  wire in_equal = lower_q[NUM_W] || lower_q == {(NUM_W + 1){1'b0}};

  assign decide = decide_q;
  assign found  = keep_all || keep_none || (!in_above && in_equal);

  reg [NUM_W-1:0] ties_q;
  reg             all_q;
  reg             none_q;
  reg             first_q;  // the last pass was over the row: its pivot was no sample
  reg [NUM_W-1:0] bound_q;  // 3/4 of the list that was parted last
  reg [NUM_W-1:0] list_q;  // size of the list that goes on
  reg [NUM_W+2:0] list_3_q;  // three times that,
  reg [NUM_W+2:0] list_5_q;  // five times,
  reg [NUM_W+2:0] list_7_q;  // seven times

  wire [NUM_W+2:0] next_list = {3'b000, in_above ? above_q : below_q};

  localparam [15:0] MAX_K = MAX_ROW[15:0];

  always @(posedge clk) begin
    if (push) begin
      target_q    <= (push_k > MAX_K) ? MAX : push_k[NUM_W-1:0];
      fill_pass_q <= 1'b1;
    end
    if (decide) begin
      fill_pass_q <= 1'b0;
      all_q       <= keep_all;
      none_q      <= keep_none && !keep_all;
      high_q      <= in_above;
      list_q      <= next_list[NUM_W-1:0];
      list_3_q    <= next_list + (next_list << 1);
      list_5_q    <= next_list + (next_list << 2);
      list_7_q    <= (next_list << 3) - next_list;
      bound_q     <= total_q - (total_q >> 2);
      first_q     <= fill_pass_q;
      if (!in_above) target_q <= lower_q[NUM_W-1:0];
    end
    if (decide) size_q <= next_list[NUM_W-1:0];
    else if (read) size_q <= whole ? size_q - FULL_NUM : {NUM_W{1'b0}};
  end

  // ---- the pivot, from the samples of the list that goes on ------------------------------------------------------------

  // decide: every pair of samples compared. Bit i*SAMPLES+j, for i < j: sample i is not below sample j; they are equal.
  wire [SAMPLES*KEY_W-1:0] pick_keys = in_above ? above_keys_q : below_keys_q;
  wire [      SAMPLES-1:0] pick_set = in_above ? above_set_q : below_set_q;

  reg  [SAMPLES*KEY_W-1:0] pick_keys_q;
  reg  [      SAMPLES-1:0] pick_set_q;
  reg  [{{ pairs - 1 }}:0] not_below;
  reg  [{{ pairs - 1 }}:0] equal;
  reg  [{{ pairs - 1 }}:0] not_below_q;
  reg  [{{ pairs - 1 }}:0] equal_q;

  {{ pair_logic | indent(width=2) }}

  always @(posedge clk) begin
    pick_keys_q <= pick_keys;
    pick_set_q  <= pick_set;
    not_below_q <= not_below;
    equal_q     <= equal;
  end

  // RANK: of each sample, how many others come before it (larger, or equal and in a lower slot), and how many of those
  // are equal to it; in which eighths of the list a rank falls that it stands for; of the list, how many of its eighths
  // the rank sought lies above.
  reg  [              6:0] eighths_q;
  reg                      exact_q;
  reg                      reduced_q;  // the last pass left at most 3/4, or its pivot was no sample
  reg  [              3:0] picks;  // samples of the list
  reg                      few_q;  // of them at most two
  reg  [    SAMPLES*4-1:0] sample_ties_q;  // equal samples so far, with the sample itself
  reg  [    SAMPLES*8-1:0] fits_q;
  reg  [      SAMPLES-1:0] exact_hit_q;  // if they are the list: the rank sought
  reg  [      SAMPLES-1:0] first_hit_q;  // the sample is the largest,
  reg  [      SAMPLES-1:0] second_hit_q;  // the one after it,
  reg  [      SAMPLES-1:0] last_hit_q;  // the smallest,
  reg  [      SAMPLES-1:0] last_but_one_hit_q;  // the one before it

  wire [              3:0] wanted = target_q[3:0] - 4'd1;

  genvar sample, other;
  generate
    for (sample = 0; sample < SAMPLES; sample = sample + 1) begin : g_rank
      wire [SAMPLES-1:0] precede;  // bit j: sample j comes before this one
      wire [SAMPLES-1:0] twin;  // and is equal to it

      for (other = 0; other < SAMPLES; other = other + 1) begin : g_other
        localparam LOW  = (sample < other) ? sample : other;
        localparam HIGH = (sample < other) ? other : sample;
        localparam PAIR = LOW * (2 * SAMPLES - LOW - 1) / 2 + HIGH - LOW - 1;

        if (other < sample) begin : g_lower
          assign precede[other] = pick_set_q[other] && not_below_q[PAIR];
          assign twin[other]    = pick_set_q[other] && equal_q[PAIR];
        end else if (other > sample) begin : g_higher
          assign precede[other] = pick_set_q[other] && !not_below_q[PAIR];
          assign twin[other]    = 1'b0;
        end else begin : g_self
          assign precede[other] = 1'b0;
          assign twin[other]    = 1'b0;
        end
      end

      reg     [3:0] ahead;
      reg     [3:0] ties;
      reg     [7:0] fits;
      integer       i, e;

      always @(*) begin
        ahead = 4'd0;
        ties  = 4'd1;
        for (i = 0; i < SAMPLES; i = i + 1) begin
          ahead = ahead + {3'd0, precede[i]};
          ties  = ties + {3'd0, twin[i]};
        end
        for (e = 0; e < 8; e = e + 1) begin
          fits[e] = (e[6:0] * {3'd0, picks}) >> 3 == {3'd0, ahead};
        end
      end

      always @(posedge clk) begin
        sample_ties_q[sample*4+:4] <= ties;
        fits_q[sample*8+:8]        <= pick_set_q[sample] ? fits : 8'd0;
        exact_hit_q[sample]        <= pick_set_q[sample] && ahead == wanted;
        first_hit_q[sample]        <= pick_set_q[sample] && ahead == 4'd0;
        second_hit_q[sample]       <= pick_set_q[sample] && ahead == 4'd1;
        last_hit_q[sample]         <= pick_set_q[sample] && ahead == picks - 4'd1;
        last_but_one_hit_q[sample] <= pick_set_q[sample] && ahead == picks - 4'd2;
      end
    end
  endgenerate

  integer p;

  always @(*) begin
    picks = 4'd0;
    for (p = 0; p < SAMPLES; p = p + 1) picks = picks + {3'd0, pick_set_q[p]};
  end

  wire [NUM_W+2:0] sought = {target_q, 3'b000};  // eight times the rank
  wire [NUM_W+2:0] list = {3'b000, list_q};

  always @(posedge clk) begin
    few_q        <= picks < 4'd3;
    exact_q      <= list == {{(NUM_W - 1){1'b0}}, picks};
    eighths_q[0] <= sought > list;
    eighths_q[1] <= sought > list << 1;
    eighths_q[2] <= sought > list_3_q;
    eighths_q[3] <= sought > list << 2;
    eighths_q[4] <= sought > list_5_q;
    eighths_q[5] <= sought > list_3_q << 1;
    eighths_q[6] <= sought > list_7_q;
    reduced_q    <= first_q || list_q <= bound_q;
  end

  // CHOOSE: the sample that stands for the eighth of the list in which the key sought is. Where the last pass did not
  // reduce its list, the largest and the smallest sample give way to their neighbours.
  wire [        7:0] eighth = {eighths_q, 1'b1} & {1'b1, ~eighths_q};  // one-hot
  reg  [SAMPLES-1:0] hit;
  wire [SAMPLES-1:0] pick = exact_q                ? exact_hit_q :
                            (reduced_q || few_q)   ? hit :
                            |(hit & first_hit_q)   ? second_hit_q :
                            |(hit & last_hit_q)    ? last_but_one_hit_q : hit;

  integer h;

  always @(*) begin
    for (h = 0; h < SAMPLES; h = h + 1) hit[h] = |(fits_q[h*8+:8] & eighth);
  end

  assign exact = exact_q;

  reg     [KEY_W-1:0] choice;
  reg     [      3:0] choice_ties;
  integer             s;

  always @(*) begin
    choice       = {KEY_W{1'b0}};
    choice_ties = 4'd0;
    for (s = 0; s < SAMPLES; s = s + 1) begin
      if (pick[s]) begin
        choice       = choice | pick_keys_q[s*KEY_W+:KEY_W];
        choice_ties = choice_ties | sample_ties_q[s*4+:4];
      end
    end
  end

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) pivot_q <= {1'b1, {(KEY_W - 1){1'b0}}};
    else if (state_q == CHOOSE) pivot_q <= choice;
  end

  always @(posedge clk) begin
    if (decide) ties_q <= left_q[NUM_W-1:0];
    else if (state_q == CHOOSE) ties_q <= {{(NUM_W - 4){1'b0}}, choice_ties};
  end

  assign result_threshold = all_q ? {KEY_W{1'b0}} : none_q ? {KEY_W{1'b1}} : pivot_q;
  assign result_ties      = all_q ? MAX : none_q ? {NUM_W{1'b0}} : ties_q;

endmodule
