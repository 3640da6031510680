// Purpose      holds the values of one run of heads while every query row of the run picks its survivors from them, and
//              takes the next run's values meanwhile. Rows that read their values only once pass them through.
// Storage      two banks. At head dimension D a beat of the list has {{ multipliers }} / D slots, and vector i lies in slot
//              i mod ({{ multipliers }} / D), word i / ({{ multipliers }} / D). A slot has two RAMs, for even words and for odd ones.
// Load         one list of vectors a run: every beat but its last is full. load_through, the same in all beats of a
//              list, sends the list past the banks; other lists fill the banks in turn, and wait for a free one.
// Pick         a row's survivors: list positions, strictly ascending, with their probabilities; every beat but the last
//              full. pick_release says that no row after this one reads the list: its bank is then free. With
//              pick_through the row's values are the next list of load_through, which both pass as they come, beat by
//              beat (an empty beat of values is dropped). Rows use the lists of either kind in the order of loading.
// Output       a beat of prob, and with it one of value if prob_count is not 0: lane j of both belongs to one pick. Each
//              pick of a row comes out once, in an order of its own, which suits a sum. prob_count is that of a full
//              beat, {{ multipliers }} / D, or 0 where the row's end brings none; lanes that got no pick have probability 0.
// Order        a beat takes from the window: the {{ window }} beats of picks from the oldest that has any left, as far as they are of
//              one row. Each slot gives its first pick to its own lane. Where the next slot but {{ stride - 1 }} has none, and this one has
//              picks in both its RAMs, it gives the first of each: of even words to its own lane, of odd ones to the
//              other. So the beats of a row depend on its picks alone.
// Start        a row starts when its list is whole, and its first {{ window }} beats, or all of it, have come.
// Latency      a row of one beat accepted in cycle t, its list whole, is offered in cycle t+{{ latency }}. Rows passed through: prob in
//              cycle t+1, values in the cycle in which they come.
// Throughput   a row of which the list's first n positions are picked from takes at most n / ({{ multipliers }} / D) beats, rounded
//              up: no longer than its keys took. With 8 slots, random survivors, 10 to 100 % of 128 to 1024 positions,
//              leave at 90 % of {{ multipliers }} / D values a cycle on average; with 16 at 85 %. Short sparse rows are slower.
// Timing       value_data comes from the RAMs through one three-way choice, or from load_data; load_ready follows
//              value_ready within the cycle.
// Reset        frees both banks. RAM and payload registers have no reset: valid bits qualify them.

module value_buffer #(
    parameter CTX_W = {{ ctx_w }}  // bits that travel with a row
) (
    input  wire clk,
    input  wire {{ rst.port }},

    input  wire load_valid,
    output wire load_ready,
    input  wire [{{ multipliers }}*{{ width }}-1:0] load_data,
    input  wire [{{ count_w - 1 }}:0] load_count,
    input  wire load_last,
    input  wire load_through,

    input  wire pick_valid,
    output wire pick_ready,
    input  wire [{{ lanes }}*{{ token_w }}-1:0] pick_positions,
    input  wire [{{ lanes }}*{{ prob_w }}-1:0] pick_probs,
    input  wire [{{ count_w - 1 }}:0] pick_count,
    input  wire pick_last,
    input  wire [1:0] pick_dim,
    input  wire pick_release,
    input  wire pick_through,
    input  wire [CTX_W-1:0] pick_ctx,

    output wire prob_valid,
    input  wire prob_ready,
    output wire [{{ lanes }}*{{ prob_w }}-1:0] prob_probs,
    output wire [{{ count_w - 1 }}:0] prob_count,
    output wire prob_last,
    output wire [1:0] prob_dim,
    output wire [CTX_W-1:0] prob_ctx,

    output wire value_valid,
    input  wire value_ready,
    output wire [{{ multipliers }}*{{ width }}-1:0] value_data
);

  localparam LANES   = {{ lanes }};  // vectors of 32 elements in a beat: a longer vector has 2 or 4 lanes
  localparam LANE_W  = {{ lane_w }};
  localparam COUNT_W = {{ count_w }};
  localparam TOKEN_W = {{ token_w }};
  localparam PROB_W  = {{ prob_w }};
  localparam PART_W  = 32 * {{ width }};  // bits of a vector that a lane holds
  localparam STRIDE  = {{ stride }};  // lanes from a slot's own to the other that it can feed
  localparam WORD_W  = {{ word_w }};  // bits of a word's number in a bank
  localparam ROW_W   = WORD_W - 1;  // and in one of a slot's two RAMs
  localparam WORDS   = {{ 2 * half_words }};  // of a RAM, both banks

  localparam WINDOW  = {{ window }};  // beats of picks that are chosen from
  localparam PLACES  = WINDOW + 2;  // beats of picks held: the oldest two may be used up
  localparam ENTRIES = WINDOW * LANES;

  localparam [COUNT_W-1:0] NONE = {{ count_w }}'d0;
  localparam [COUNT_W-1:0] MOST_LANES = {{ count_w }}'d{{ lanes }};

  genvar lane;
  genvar place;
  genvar entry;

  // ---- banks -------------------------------------------------------------------------------------------------------

  reg               fill_bank_q;  // the bank that is filled, or is filled next
  reg               step_bank_q;  // the bank that the row at hand reads
  reg  [       1:0] whole_q;  // banks that hold a whole list
  reg  [WORD_W-1:0] fill_word_q;  // beats of the list that have come

  wire              store;  // a beat goes into the bank
  wire              step_release;  // the last beat that reads a list is chosen
  wire              free;  // and its reads start
  wire              free_bank;

  wire              fill_end = store && load_last;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      fill_bank_q <= 1'b0;
      step_bank_q <= 1'b0;
      whole_q     <= 2'b00;
      fill_word_q <= {WORD_W{1'b0}};
    end else begin
      if (fill_end) fill_bank_q <= !fill_bank_q;
      if (step_release) step_bank_q <= !step_bank_q;
      whole_q <= (whole_q | ({1'b0, fill_end} << fill_bank_q)) & ~({1'b0, free} << free_bank);
      if (store) fill_word_q <= load_last ? {WORD_W{1'b0}} : fill_word_q + 1'b1;
    end
  end

  // ---- stage 1: where the picks lie ----------------------------------------------------------------------------------

  reg                      s1_valid_q;
  reg                      s1_through_q;
  reg                      s1_last_q;
  reg                      s1_release_q;
  reg  [              1:0] s1_dim_q;
  reg  [        CTX_W-1:0] s1_ctx_q;
  reg  [      COUNT_W-1:0] s1_count_q;
  reg  [        LANES-1:0] s1_used_q;
  reg  [ LANES*LANE_W-1:0] s1_slots_q;  // first lane of the pick's slot
  reg  [        LANES-1:0] s1_odds_q;  // the pick lies in an odd word
  reg  [  LANES*ROW_W-1:0] s1_rows_q;
  reg  [ LANES*PROB_W-1:0] s1_probs_q;
  wire                     s1_taken;

  assign pick_ready = !s1_valid_q || s1_taken;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) s1_valid_q <= 1'b0;
    else if (pick_ready) s1_valid_q <= pick_valid;
  end

  always @(posedge clk) begin
    if (pick_ready) begin
      s1_through_q <= pick_through;
      s1_last_q    <= pick_last;
      s1_release_q <= pick_release;
      s1_dim_q     <= pick_dim;
      s1_ctx_q     <= pick_ctx;
      s1_count_q   <= pick_count;
      s1_used_q    <= ~({LANES{1'b1}} << pick_count);
      s1_probs_q   <= pick_probs;
    end
  end

  // LANES is {{ odd }} * 2^{{ twos }}, and a beat has LANES >> dim slots: a position is
  //   (word * {{ odd }} + turn) * 2^({{ twos }} - dim) + low,
  // and the slot's first lane is turn * 2^{{ twos }} + low * 2^dim.
  {% if twos > 0 %}
  wire [{{ shift_w - 1 }}:0] low_bits = {{ shift_w }}'d{{ twos }} - {% if shift_w > 2 %}{ {{ shift_w - 2 }}'d0, pick_dim}{% else %}pick_dim{% endif %};

  {% endif %}
  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_decode
      wire [     TOKEN_W-1:0] position = pick_positions[lane*TOKEN_W+:TOKEN_W];
      wire [      WORD_W-1:0] word;
      wire [      LANE_W-1:0] slot;
      wire [TOKEN_W-WORD_W:0] unused_word;  // a position has no more bits
      {% if twos > 0 %}
      wire [     TOKEN_W-1:0] high = position >> low_bits;
      wire [{{ twos - 1 }}:0] low;
      wire [{{ token_w - twos }}:0] unused_low;

      assign {unused_low, low} = {1'b0, position << pick_dim};
      {% else %}
      wire [     TOKEN_W-1:0] high = position;
      {% endif %}
      {% if odd > 1 %}

      // high / {{ odd }} by its reciprocal, exact for every position.
      wire [{{ fraction_w - 1 }}:0] unused_fraction;
      wire [{{ turn_w - 1 }}:0] turn;
      wire [{{ token_w + 1 - turn_w }}:0] unused_turn;
      wire [TOKEN_W:0] begins = { {{ token_w + 1 }}{1'b0}} + word * {{ odd_w }}'d{{ odd }};

      assign {unused_word, word, unused_fraction} = { {{ fraction_w + 1 }}'d0, high} * {{ product_w }}'d{{ reciprocal }};
      assign {unused_turn, turn} = {2'b00, high} - {1'b0, begins};
      assign slot = {turn{% if twos > 0 %}, low{% endif %}};
      {% else %}

      assign {unused_word, word} = {1'b0, high};
      assign slot = {% if twos > 0 %}low{% else %}1'b0{% endif %};
      {% endif %}

      always @(posedge clk) begin
        if (pick_ready) begin
          s1_slots_q[lane*LANE_W+:LANE_W] <= slot;
          s1_odds_q[lane]                 <= word[0];
          s1_rows_q[lane*ROW_W+:ROW_W]    <= word[WORD_W-1:1];
        end
      end
    end
  endgenerate

  // ---- stage 2: the beats of picks, oldest in place 0, and what the next beat takes of them ----------------------------

  reg  [             PLACES-1:0] valid_q;
  reg  [             PLACES-1:0] last_q;  // the row's end, still to be told
  reg  [       PLACES*LANES-1:0] left_q;  // picks not taken
  reg  [             PLACES-1:0] release_q;
  reg  [           PLACES*2-1:0] dims_q;
  reg  [       PLACES*CTX_W-1:0] ctxs_q;
  reg  [ PLACES*LANES*LANES-1:0] lanes_q;  // by pick: the lanes of its slot
  reg  [       PLACES*LANES-1:0] odds_q;
  reg  [ PLACES*LANES*ROW_W-1:0] rows_q;
  reg  [PLACES*LANES*PROB_W-1:0] probs_q;

  wire [LANE_W-1:0] s1_slot_mask = {LANE_W{1'b1}} << s1_dim_q;
  wire [LANES*LANES-1:0] s1_lanes;

  generate
    for (entry = 0; entry < LANES; entry = entry + 1) begin : g_pick
      for (lane = 0; lane < LANES; lane = lane + 1) begin : g_lane
        localparam [LANE_W-1:0] SELF = lane[LANE_W-1:0];

        assign s1_lanes[entry*LANES+lane] =
            s1_slots_q[entry*LANE_W+:LANE_W] == (SELF & s1_slot_mask);
      end
    end
  endgenerate

  // Places from the oldest on that are used up are dropped, two in a cycle at most. The window begins behind them, so
  // that what is chosen does not depend on when they are dropped. Vectors called kept are those after the drop; their low
  // places are the window.
  wire [2:0] spent;

  generate
    for (place = 0; place < 3; place = place + 1) begin : g_spent
      assign spent[place] =
          valid_q[place] && !last_q[place] && left_q[place*LANES+:LANES] == {LANES{1'b0}};
    end
  endgenerate

  wire drop_1 = spent[0];
  wire drop_2 = spent[0] && spent[1];

  wire [             PLACES-1:0] kept_valid =
      drop_2 ? valid_q >> 2 : drop_1 ? valid_q >> 1 : valid_q;
  wire [             PLACES-1:0] kept_last = drop_2 ? last_q >> 2 : drop_1 ? last_q >> 1 : last_q;
  wire [             PLACES-1:0] kept_release =
      drop_2 ? release_q >> 2 : drop_1 ? release_q >> 1 : release_q;
  wire [           PLACES*2-1:0] kept_dims = drop_2 ? dims_q >> 4 : drop_1 ? dims_q >> 2 : dims_q;
  wire [       PLACES*CTX_W-1:0] kept_ctxs =
      drop_2 ? ctxs_q >> (2 * CTX_W) : drop_1 ? ctxs_q >> CTX_W : ctxs_q;
  wire [       PLACES*LANES-1:0] kept_left =
      drop_2 ? left_q >> (2 * LANES) : drop_1 ? left_q >> LANES : left_q;
  wire [       PLACES*LANES-1:0] kept_odds =
      drop_2 ? odds_q >> (2 * LANES) : drop_1 ? odds_q >> LANES : odds_q;
  wire [ PLACES*LANES*LANES-1:0] kept_lanes =
      drop_2 ? lanes_q >> (2 * LANES * LANES) : drop_1 ? lanes_q >> (LANES * LANES) : lanes_q;
  wire [ PLACES*LANES*ROW_W-1:0] kept_rows =
      drop_2 ? rows_q >> (2 * LANES * ROW_W) : drop_1 ? rows_q >> (LANES * ROW_W) : rows_q;
  wire [PLACES*LANES*PROB_W-1:0] kept_probs =
      drop_2 ? probs_q >> (2 * LANES * PROB_W) : drop_1 ? probs_q >> (LANES * PROB_W) : probs_q;

  reg     [ WINDOW-1:0] window_row;  // beats of the same row as the first
  reg     [ENTRIES-1:0] entry_row;  // their picks
  integer               w;

  always @(*) begin
    window_row[0] = kept_valid[0];
    for (w = 1; w < WINDOW; w = w + 1) begin
      window_row[w] = kept_valid[w] && window_row[w-1] && !kept_last[w-1];
    end
    for (w = 0; w < WINDOW; w = w + 1) entry_row[w*LANES+:LANES] = {LANES{window_row[w]}};
  end

  wire [WINDOW-1:0] row_end = window_row & kept_last[WINDOW-1:0];
  wire              ends = row_end != {WINDOW{1'b0}};  // all that is left of the row is seen
  wire              complete = (ends || &kept_valid[WINDOW-1:0]) && !(drop_2 && spent[2]);
  wire              s3_ready;
  wire              step = complete && whole_q[step_bank_q] && s3_ready;

  // The lowest bit that is set, alone.
  function [ENTRIES-1:0] first(input [ENTRIES-1:0] bits);
    reg     [ENTRIES-1:0] above;
    integer               span;
    begin
      above = bits << 1;
      for (span = 1; span < ENTRIES; span = span << 1) above = above | (above << span);
      first = bits & ~above;
    end
  endfunction

  wire [             LANES-1:0] even_any;  // by lane: its slot has a pick in an even word
  wire [             LANES-1:0] odd_any;
  wire [             LANES-1:0] even_first;  // its first pick lies in an even word
  wire [             LANES-1:0] both;  // its slot gives two picks
  wire [             LANES-1:0] more;  // and has more
  wire [       LANES*ROW_W-1:0] even_rows;
  wire [       LANES*ROW_W-1:0] odd_rows;
  wire [      LANES*PROB_W-1:0] even_probs;
  wire [      LANES*PROB_W-1:0] odd_probs;
  wire [     LANES*ENTRIES-1:0] lane_takes;  // by lane and pick

  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_choose
      localparam OTHER = (lane + STRIDE) % LANES;

      wire [ENTRIES-1:0] seen;  // picks of the slot, in the window and of its row

      for (entry = 0; entry < ENTRIES; entry = entry + 1) begin : g_seen
        assign seen[entry] = kept_left[entry] && kept_lanes[entry*LANES+lane] && entry_row[entry];
      end

      wire [ENTRIES-1:0] evens = seen & ~kept_odds[ENTRIES-1:0];
      wire [ENTRIES-1:0] odds = seen & kept_odds[ENTRIES-1:0];
      wire [ENTRIES-1:0] first_seen = first(seen);
      wire [ENTRIES-1:0] first_even = first(evens);
      wire [ENTRIES-1:0] first_odd = first(odds);
      wire [ENTRIES-1:0] takes = both[lane] ? first_even | first_odd : first_seen;

      assign even_any[lane]   = |evens;
      assign odd_any[lane]    = |odds;
      assign even_first[lane] = |(first_seen & ~kept_odds[ENTRIES-1:0]);
      assign both[lane] =
          even_any[lane] && odd_any[lane] && !even_any[OTHER] && !odd_any[OTHER];
      assign more[lane] =
          both[lane] ? |(seen & ~(first_even | first_odd)) : |(seen & ~first_seen);

      assign lane_takes[lane*ENTRIES+:ENTRIES] = takes;

      reg     [ ROW_W-1:0] even_row;
      reg     [ ROW_W-1:0] odd_row;
      reg     [PROB_W-1:0] even_prob;
      reg     [PROB_W-1:0] odd_prob;
      integer              e;

      always @(*) begin
        even_row  = {ROW_W{1'b0}};
        odd_row   = {ROW_W{1'b0}};
        even_prob = {PROB_W{1'b0}};
        odd_prob  = {PROB_W{1'b0}};
        for (e = 0; e < ENTRIES; e = e + 1) begin
          even_row  = even_row | (kept_rows[e*ROW_W+:ROW_W] & {ROW_W{first_even[e]}});
          odd_row   = odd_row | (kept_rows[e*ROW_W+:ROW_W] & {ROW_W{first_odd[e]}});
          even_prob = even_prob | (kept_probs[e*PROB_W+:PROB_W] & {PROB_W{first_even[e]}});
          odd_prob  = odd_prob | (kept_probs[e*PROB_W+:PROB_W] & {PROB_W{first_odd[e]}});
        end
      end

      assign even_rows[lane*ROW_W+:ROW_W]    = even_row;
      assign odd_rows[lane*ROW_W+:ROW_W]     = odd_row;
      assign even_probs[lane*PROB_W+:PROB_W] = even_prob;
      assign odd_probs[lane*PROB_W+:PROB_W]  = odd_prob;
    end
  endgenerate

  reg     [ENTRIES-1:0] taken;
  integer               t;

  always @(*) begin
    taken = {ENTRIES{1'b0}};
    for (t = 0; t < LANES; t = t + 1) taken = taken | lane_takes[t*ENTRIES+:ENTRIES];
  end

  wire step_last = ends && more == {LANES{1'b0}};
  assign step_release = step && step_last && |(row_end & kept_release[WINDOW-1:0]);

  // The places after this cycle's beat, and the first free one.
  wire [PLACES*LANES-1:0] next_left = kept_left & ~{ {{ 2 * lanes }}'d0, taken & {ENTRIES{step}}};
  wire [      PLACES-1:0] next_last = kept_last & ~{2'b00, row_end & {WINDOW{step && step_last}}};
  wire [      PLACES-1:0] entering =
      ((kept_valid << 1) | {{(PLACES - 1){1'b0}}, 1'b1}) & ~kept_valid;
  wire                    s1_enters = s1_valid_q && !s1_through_q && entering != {PLACES{1'b0}};

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) valid_q <= {PLACES{1'b0}};
    else valid_q <= kept_valid | (entering & {PLACES{s1_enters}});
  end

  generate
    for (place = 0; place < PLACES; place = place + 1) begin : g_place
      wire enter = entering[place];

      always @(posedge clk) begin
        last_q[place]              <= enter ? s1_last_q : next_last[place];
        left_q[place*LANES+:LANES] <= enter ? s1_used_q : next_left[place*LANES+:LANES];
        release_q[place]           <= enter ? s1_release_q : kept_release[place];
        dims_q[place*2+:2]         <= enter ? s1_dim_q : kept_dims[place*2+:2];
        ctxs_q[place*CTX_W+:CTX_W] <= enter ? s1_ctx_q : kept_ctxs[place*CTX_W+:CTX_W];
        odds_q[place*LANES+:LANES] <= enter ? s1_odds_q : kept_odds[place*LANES+:LANES];
        lanes_q[place*LANES*LANES+:LANES*LANES] <=
            enter ? s1_lanes : kept_lanes[place*LANES*LANES+:LANES*LANES];
        rows_q[place*LANES*ROW_W+:LANES*ROW_W] <=
            enter ? s1_rows_q : kept_rows[place*LANES*ROW_W+:LANES*ROW_W];
        probs_q[place*LANES*PROB_W+:LANES*PROB_W] <=
            enter ? s1_probs_q : kept_probs[place*LANES*PROB_W+:LANES*PROB_W];
      end
    end
  endgenerate

  // ---- stage 3: the reads ------------------------------------------------------------------------------------------

  reg                     s3_valid_q;
  reg                     s3_last_q;
  reg                     s3_some_q;  // the beat has a pick
  reg                     s3_release_q;
  reg                     s3_bank_q;
  reg  [             1:0] s3_dim_q;
  reg  [       CTX_W-1:0] s3_ctx_q;
  reg  [       LANES-1:0] s3_even_q;  // lanes whose RAM of even words is read
  reg  [       LANES-1:0] s3_odd_q;
  reg  [ LANES*ROW_W-1:0] s3_even_rows_q;
  reg  [ LANES*ROW_W-1:0] s3_odd_rows_q;
  reg  [LANES*PROB_W-1:0] s3_even_probs_q;
  reg  [LANES*PROB_W-1:0] s3_odd_probs_q;
  wire                    read_free;
  wire                    read_go = s3_valid_q && read_free;

  assign s3_ready  = !s3_valid_q || read_free;
  assign free      = read_go && s3_release_q;
  assign free_bank = s3_bank_q;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) s3_valid_q <= 1'b0;
    else if (s3_ready) s3_valid_q <= step;
  end

  always @(posedge clk) begin
    if (s3_ready) begin
      s3_last_q       <= step_last;
      s3_some_q       <= |even_any || |odd_any;
      s3_release_q    <= step_release;
      s3_bank_q       <= step_bank_q;
      s3_dim_q        <= kept_dims[1:0];
      s3_ctx_q        <= kept_ctxs[CTX_W-1:0];
      s3_even_q       <= even_any & (both | even_first);
      s3_odd_q        <= odd_any & (both | ~even_first);
      s3_even_rows_q  <= even_rows;
      s3_odd_rows_q   <= odd_rows;
      s3_even_probs_q <= even_probs;
      s3_odd_probs_q  <= odd_probs;
    end
  end

  wire [       LANES-1:0] s3_guest;  // lanes that take what the RAM of odd words of another reads
  wire [LANES*PROB_W-1:0] s3_probs;
  wire [ LANES*PART_W-1:0] rd_data;
  wire [        LANES-1:0] rd_guest;
  wire [        LANES-1:0] rd_odd;
  wire [ LANES*PART_W-1:0] odd_data;

  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_read
      localparam HOST = (lane + LANES - STRIDE) % LANES;

      wire [PROB_W-1:0] even_prob =
          s3_even_probs_q[lane*PROB_W+:PROB_W] & {PROB_W{s3_even_q[lane]}};
      wire [PROB_W-1:0] odd_prob = s3_odd_probs_q[lane*PROB_W+:PROB_W] & {PROB_W{s3_odd_q[lane]}};
      wire [PART_W-1:0] even_data;

      assign s3_guest[lane] = s3_even_q[HOST] && s3_odd_q[HOST];
      assign s3_probs[lane*PROB_W+:PROB_W] =
          s3_guest[lane]  ? s3_odd_probs_q[HOST*PROB_W+:PROB_W] :
          s3_even_q[lane] ? even_prob : odd_prob;
      assign rd_data[lane*PART_W+:PART_W] =
          rd_guest[lane] ? odd_data[HOST*PART_W+:PART_W] :
          rd_odd[lane]   ? odd_data[lane*PART_W+:PART_W] : even_data;

      ram_1r1w #(
          .WIDTH (PART_W),
          .DEPTH (WORDS),
          .ADDR_W(WORD_W)
      ) u_even_ram (
          .clk    (clk),
          // An empty beat may follow the bank's last word.
          .wr_en  (store && load_count != NONE && !fill_word_q[0]),
          .wr_addr({fill_word_q[WORD_W-1:1], fill_bank_q}),
          .wr_data(load_data[lane*PART_W+:PART_W]),
          .rd_en  (read_go && s3_even_q[lane]),
          .rd_addr({s3_even_rows_q[lane*ROW_W+:ROW_W], s3_bank_q}),
          .rd_data(even_data)
      );

      ram_1r1w #(
          .WIDTH (PART_W),
          .DEPTH (WORDS),
          .ADDR_W(WORD_W)
      ) u_odd_ram (
          .clk    (clk),
          .wr_en  (store && load_count != NONE && fill_word_q[0]),
          .wr_addr({fill_word_q[WORD_W-1:1], fill_bank_q}),
          .wr_data(load_data[lane*PART_W+:PART_W]),
          .rd_en  (read_go && s3_odd_q[lane]),
          .rd_addr({s3_odd_rows_q[lane*ROW_W+:ROW_W], s3_bank_q}),
          .rd_data(odd_data[lane*PART_W+:PART_W])
      );
    end
  endgenerate

  // What travels with the reads: the probabilities, and where each lane's data comes from.
  localparam TAG_W = LANES * (PROB_W + 2) + CTX_W + 4;

  wire                    reader_valid;
  wire                    reader_taken;
  wire                    reader_idle;
  wire [LANES*PART_W-1:0] reader_data;
  wire [LANES*PROB_W-1:0] reader_probs;
  wire [       CTX_W-1:0] reader_ctx;
  wire [             1:0] reader_dim;
  wire                    reader_some;
  wire                    reader_last;
  wire [     2*LANES-1:0] unused_sources;
  wire [ TAG_W-2*LANES-1:0] unused_rd_tag;

  ram_reader #(
      .WIDTH(LANES * PART_W),
      .TAG_W(TAG_W)
  ) u_reader (
      .clk      (clk),
      .{{ rst.port }}({{ rst.port }}),
      .read_free(read_free),
      .read_go  (read_go),
      .read_tag ({s3_guest, s3_odd_q & ~s3_even_q, s3_probs, s3_ctx_q, s3_dim_q, s3_some_q,
                   s3_last_q}),
      .rd_data  (rd_data),
      .rd_tag   ({rd_guest, rd_odd, unused_rd_tag}),
      .out_valid(reader_valid),
      .out_ready(reader_taken),
      .out_data (reader_data),
      .out_tag  ({unused_sources, reader_probs, reader_ctx, reader_dim, reader_some, reader_last}),
      .idle     (reader_idle)
  );

  // A pick's probability stands in the first lane of its slot, and leaves in the lane that counts slots.
  {% if dims %}
  reg     [LANES*PROB_W-1:0] slot_probs;
  integer                    p;

  always @(*) begin
    slot_probs = reader_probs;
    {% for dim in dims %}
    for (p = 0; p < LANES / {{ dim.parts }}; p = p + 1) begin
      if (reader_dim == 2'd{{ dim.code }}) begin
        slot_probs[p*PROB_W+:PROB_W] = reader_probs[p*{{ dim.parts }}*PROB_W+:PROB_W];
      end
    end
    {% endfor %}
  end
  {% else %}
  wire [LANES*PROB_W-1:0] slot_probs = reader_probs;
  {% endif %}

  // ---- out: rows from the banks, and rows that pass ------------------------------------------------------------------

  // A row passes when all before it has left. Each side goes at its own pace, the values also while the next beat of
  // picks is awaited; at the row's end both wait for each other.
  reg  pass_open_q;  // a row is passing, and picks of it have passed
  wire pass_picks =
      s1_valid_q && s1_through_q && valid_q == {PLACES{1'b0}} && !s3_valid_q && reader_idle;
  wire passing = pass_picks || pass_open_q;

  reg  prob_sent_q;  // prob of the beat at hand is taken
  reg  value_sent_q;  // value of the beat at hand is, or the passing row's whole list
  wire some = load_count != NONE;
  wire prob_done = prob_sent_q || prob_ready;
  wire list_end = load_valid && load_ready && load_through && load_last;
  wire value_done = value_sent_q || (passing ? list_end : value_ready || !reader_some);
  wire pass_taken = pass_picks && prob_done && (value_done || !s1_last_q);
  wire row_done = reader_valid ? reader_taken : pass_taken && s1_last_q;

  assign reader_taken = reader_valid && prob_done && value_done;
  assign s1_taken     = s1_enters || pass_taken;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      pass_open_q  <= 1'b0;
      prob_sent_q  <= 1'b0;
      value_sent_q <= 1'b0;
    end else begin
      if (pass_taken) pass_open_q <= !s1_last_q;
      prob_sent_q  <= (reader_valid || pass_picks) && prob_done && !reader_taken && !pass_taken;
      value_sent_q <= (reader_valid || passing) && value_done && !row_done;
    end
  end

  assign load_ready =
      load_through ? passing && !value_sent_q && (value_ready || !some) : !whole_q[fill_bank_q];
  assign store      = load_valid && load_ready && !load_through;

  assign prob_valid = (reader_valid || pass_picks) && !prob_sent_q;
  assign prob_probs = reader_valid ? slot_probs : s1_probs_q;
  assign prob_count = reader_valid ? (reader_some ? MOST_LANES >> reader_dim : NONE) : s1_count_q;
  assign prob_last  = reader_valid ? reader_last : s1_last_q;
  assign prob_dim   = reader_valid ? reader_dim : s1_dim_q;
  assign prob_ctx   = reader_valid ? reader_ctx : s1_ctx_q;

  assign value_valid =
      !value_sent_q && (reader_valid ? reader_some : passing && load_valid && load_through && some);
  assign value_data  = reader_valid ? reader_data : load_data;

endmodule
