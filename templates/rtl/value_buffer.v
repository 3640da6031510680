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
//              pick of a row comes out once, in an order of its own, which suits a sum and hangs on when picks come and
//              beats leave. prob_count is that of a full beat, {{ multipliers }} / D, or 0 where the row's end brings none; lanes
//              that got no pick have probability 0.
// Order        picks are sorted into a queue for each RAM, and a beat takes from the heads of the queues, one a lane. A slot
//              with heads in both queues gives that of even words to its own lane and offers that of odd words to
//              the lanes{% for offset in offsets %} {{ offset }}{% if not loop.last %},{% endif %}{% endfor %} further on, one after the other, as far as they are slots. One that has no head takes it;
//              so does one whose own head is its queue's last of the row, if the head offered is not.
// Start        a beat leaves when its list is whole, and the row's picks are all sorted, or no more can be held.
// Latency      a row of one beat accepted in cycle t, its list whole, is offered in cycle t+{{ latency }}. Rows passed through: prob in
//              cycle t+1, values in the cycle in which they come.
// Throughput   random survivors, 10 to 100 % of 128 to 1024 positions, leave at 95 % of {{ multipliers }} / D values a cycle or more on
//              average, with 4 to 16 slots. A row ends with a beat of its own, so short sparse rows are slower: a tenth of 128 positions leaves at
//              60 % with 8 slots, at 39 % with 16.
// Timing       value_data comes from the RAMs through one choice of a few, or from load_data; load_ready follows
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
  localparam ROUNDS  = {{ rounds }};  // lanes that a slot can offer a second pick to
  localparam WORD_W  = {{ word_w }};  // bits of a word's number in a bank
  localparam ROW_W   = WORD_W - 1;  // and in one of a slot's two RAMs
  localparam WORDS   = {{ 2 * half_words }};  // of a RAM, both banks

  localparam PLACES  = {{ places }};  // beats of picks that are sorted at a time
  localparam ENTRIES = PLACES * LANES;
  localparam QUEUES  = 2 * LANES;  // of each lane's RAM of even words, and of odd ones
  localparam ROWS    = PLACES + 2;  // that may be in work

  // By round: from a slot's own lane to the other.
  localparam [ROUNDS*32-1:0] OFFSETS = { {% for offset in reversed %}32'd{{ offset }}{% if not loop.last %}, {% endif %}{% endfor %} };

  localparam [COUNT_W-1:0] NONE = {{ count_w }}'d0;
  localparam [COUNT_W-1:0] MOST_LANES = {{ count_w }}'d{{ lanes }};

  genvar lane;
  genvar place;
  genvar entry;
  genvar odd;

  // ---- banks -------------------------------------------------------------------------------------------------------

  reg               fill_bank_q;  // the bank that is filled, or is filled next
  reg               step_bank_q;  // the bank that the row at hand reads
  reg  [       1:0] whole_q;  // banks that hold a whole list
  reg  [WORD_W-1:0] fill_word_q;  // beats of the list that have come

  wire              store;  // a beat goes into the bank
  wire              step_release;  // the last beat that reads a list is chosen
  wire              freed;  // and its reads start
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
      whole_q <= (whole_q | ({1'b0, fill_end} << fill_bank_q)) & ~({1'b0, freed} << free_bank);
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

  // ---- stage 2: the beats of picks, oldest in place 0, are sorted into a queue for each RAM -----------------------------

  // Only picks of the row that is chosen from and, behind them, of the next are in the queues.
  reg  [             PLACES-1:0] valid_q;
  reg  [             PLACES-1:0] last_q;  // the row's end, still to be told
  reg  [       PLACES*LANES-1:0] left_q;  // picks not sorted
  reg  [ PLACES*LANES*LANES-1:0] lanes_q;  // by pick: the first lane of its slot
  reg  [       PLACES*LANES-1:0] odds_q;
  reg  [ PLACES*LANES*ROW_W-1:0] rows_q;
  reg  [PLACES*LANES*PROB_W-1:0] probs_q;
  reg                            begin_q;  // the next beat begins a row
  reg  [                    1:0] done_q;  // rows that left the places, whose end is not told

  wire [LANES*LANES-1:0] s1_lanes;

  generate
    for (entry = 0; entry < LANES; entry = entry + 1) begin : g_pick
      for (lane = 0; lane < LANES; lane = lane + 1) begin : g_lane
        localparam [LANE_W-1:0] SELF = lane[LANE_W-1:0];

        assign s1_lanes[entry*LANES+lane] = s1_slots_q[entry*LANE_W+:LANE_W] == SELF;
      end
    end
  endgenerate

  // What is at hand of the row that is chosen from is all of it when its last beat is in no place, or is sorted, with
  // all before it.
  wire    [PLACES-1:0] sorted;  // the place has nothing left
  reg     [PLACES-1:0] now;  // the place is of the row that is chosen from
  reg     [PLACES-1:0] open;  // or of the next
  reg     [PLACES-1:0] end_place;  // of the row that is chosen from
  reg                  first_row;
  reg                  second_row;
  reg                  through;
  reg                  all_sorted;
  integer              w;

  generate
    for (place = 0; place < PLACES; place = place + 1) begin : g_sorted
      assign sorted[place] = left_q[place*LANES+:LANES] == {LANES{1'b0}};
    end
  endgenerate

  always @(*) begin
    first_row  = done_q == 2'd0;
    second_row = done_q == 2'd1;
    through    = done_q == 2'd0;
    all_sorted = done_q != 2'd0;
    for (w = 0; w < PLACES; w = w + 1) begin
      now[w]       = first_row;
      open[w]      = valid_q[w] && (first_row || second_row);
      end_place[w] = first_row && valid_q[w] && last_q[w];
      through      = through && sorted[w];
      all_sorted   = all_sorted || (through && end_place[w]);
      if (valid_q[w] && last_q[w]) begin
        second_row = first_row;
        first_row  = 1'b0;
      end
    end
  end

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

  reg     [ENTRIES-1:0] entry_open;
  integer               o;

  always @(*) begin
    for (o = 0; o < PLACES; o = o + 1) entry_open[o*LANES+:LANES] = {LANES{open[o]}};
  end

  wire [        QUEUES-1:0] room;
  wire [QUEUES*ENTRIES-1:0] puts;  // by queue and pick
  wire [         LANES-1:0] even_any;  // the lane's queue has a pick of the chosen row
  wire [         LANES-1:0] odd_any;
  wire [         LANES-1:0] even_two;  // so is the next
  wire [         LANES-1:0] odd_two;
  wire [         LANES-1:0] pop_even;
  wire [         LANES-1:0] pop_odd;
  wire [   LANES*ROW_W-1:0] even_rows;
  wire [   LANES*ROW_W-1:0] odd_rows;
  wire [  LANES*PROB_W-1:0] even_probs;
  wire [  LANES*PROB_W-1:0] odd_probs;
  wire                      step_last;  // the row's last beat is chosen

  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_queues
      for (odd = 0; odd < 2; odd = odd + 1) begin : g_parity
        localparam QUEUE = 2 * lane + odd;

        wire [ENTRIES-1:0] seen;  // picks for this queue

        for (entry = 0; entry < ENTRIES; entry = entry + 1) begin : g_seen
          assign seen[entry] = left_q[entry] && lanes_q[entry*LANES+lane]
              && (odds_q[entry] == (odd != 0)) && entry_open[entry] && room[QUEUE];
        end

        wire    [ENTRIES-1:0] put = first(seen);
        reg     [  ROW_W-1:0] put_row;
        reg     [ PROB_W-1:0] put_prob;
        reg                   put_now;
        integer               e;

        assign puts[QUEUE*ENTRIES+:ENTRIES] = put;

        always @(*) begin
          put_row  = {ROW_W{1'b0}};
          put_prob = {PROB_W{1'b0}};
          put_now  = 1'b0;
          for (e = 0; e < ENTRIES; e = e + 1) begin
            put_row  = put_row | (rows_q[e*ROW_W+:ROW_W] & {ROW_W{put[e]}});
            put_prob = put_prob | (probs_q[e*PROB_W+:PROB_W] & {PROB_W{put[e]}});
            put_now  = put_now | (now[e/LANES] && put[e]);
          end
        end

        if (odd == 0) begin : g_even
          pick_queue #(
              .WIDTH(ROW_W + PROB_W)
          ) u_queue (
              .clk      (clk),
              .{{ rst.port }}({{ rst.port }}),
              .push     (|seen),
              .push_now (put_now),
              .push_data({put_row, put_prob}),
              .room     (room[QUEUE]),
              .turn     (step_last),
              .any      (even_any[lane]),
              .two      (even_two[lane]),
              .pop      (pop_even[lane]),
              .pop_data ({even_rows[lane*ROW_W+:ROW_W], even_probs[lane*PROB_W+:PROB_W]})
          );
        end else begin : g_odd
          pick_queue #(
              .WIDTH(ROW_W + PROB_W)
          ) u_queue (
              .clk      (clk),
              .{{ rst.port }}({{ rst.port }}),
              .push     (|seen),
              .push_now (put_now),
              .push_data({put_row, put_prob}),
              .room     (room[QUEUE]),
              .turn     (step_last),
              .any      (odd_any[lane]),
              .two      (odd_two[lane]),
              .pop      (pop_odd[lane]),
              .pop_data ({odd_rows[lane*ROW_W+:ROW_W], odd_probs[lane*PROB_W+:PROB_W]})
          );
        end
      end
    end
  endgenerate

  reg     [ENTRIES-1:0] taken;
  integer               t;

  always @(*) begin
    taken = {ENTRIES{1'b0}};
    for (t = 0; t < QUEUES; t = t + 1) taken = taken | puts[t*ENTRIES+:ENTRIES];
  end

  // The oldest place is dropped once it is sorted, unless two rows that have left wait already.
  wire drop = valid_q[0] && sorted[0] && !(last_q[0] && done_q[1]);
  wire [PLACES-1:0] told = end_place & {PLACES{step_last}};
  wire [PLACES-1:0] next_last = last_q & ~told;
  wire [ENTRIES-1:0] next_left = left_q & ~taken;
  wire gone = drop && next_last[0];
  wire from_done = step_last && done_q != 2'd0;

  wire [PLACES-1:0] kept_valid = drop ? valid_q >> 1 : valid_q;
  wire [PLACES-1:0] entering =
      ((kept_valid << 1) | {{(PLACES - 1){1'b0}}, 1'b1}) & ~kept_valid;
  wire info_room;
  wire s1_enters = s1_valid_q && !s1_through_q && entering != {PLACES{1'b0}} && info_room;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      valid_q <= {PLACES{1'b0}};
      begin_q <= 1'b1;
      done_q  <= 2'd0;
    end else begin
      valid_q <= kept_valid | (entering & {PLACES{s1_enters}});
      if (s1_enters) begin_q <= s1_last_q;
      if (gone != from_done) done_q <= gone ? done_q + 2'd1 : done_q - 2'd1;
    end
  end

  generate
    for (place = 0; place < PLACES; place = place + 1) begin : g_place
      // Where the place's next beat comes from, unless it enters.
      localparam UP = (place + 1 < PLACES) ? place + 1 : place;

      wire enter = entering[place];

      always @(posedge clk) begin
        last_q[place]              <= enter ? s1_last_q : drop ? next_last[UP] : next_last[place];
        left_q[place*LANES+:LANES] <=
            enter ? s1_used_q :
            drop  ? next_left[UP*LANES+:LANES] : next_left[place*LANES+:LANES];
        odds_q[place*LANES+:LANES] <=
            enter ? s1_odds_q : drop ? odds_q[UP*LANES+:LANES] : odds_q[place*LANES+:LANES];
        lanes_q[place*LANES*LANES+:LANES*LANES] <=
            enter ? s1_lanes :
            drop  ? lanes_q[UP*LANES*LANES+:LANES*LANES] : lanes_q[place*LANES*LANES+:LANES*LANES];
        rows_q[place*LANES*ROW_W+:LANES*ROW_W] <=
            enter ? s1_rows_q :
            drop  ? rows_q[UP*LANES*ROW_W+:LANES*ROW_W] : rows_q[place*LANES*ROW_W+:LANES*ROW_W];
        probs_q[place*LANES*PROB_W+:LANES*PROB_W] <=
            enter ? s1_probs_q :
            drop  ? probs_q[UP*LANES*PROB_W+:LANES*PROB_W] :
                    probs_q[place*LANES*PROB_W+:LANES*PROB_W];
      end
    end
  endgenerate

  // ---- what the next beat takes ------------------------------------------------------------------------------------

  wire             row_valid;
  wire             row_release;
  wire [      1:0] row_dim;
  wire [CTX_W-1:0] row_ctx;

  reg_fifo #(
      .WIDTH(CTX_W + 3),
      .DEPTH(ROWS)
  ) u_rows (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .clear     (1'b0),
      .push_valid(s1_enters && begin_q),
      .push_ready(info_room),
      .push_data ({s1_ctx_q, s1_release_q, s1_dim_q}),
      .pop_valid (row_valid),
      .pop_ready (step_last),
      .pop_data  ({row_ctx, row_release, row_dim})
  );

  // Lanes that a slot begins with.
  {% if dims %}
  reg     [LANES-1:0] slot_lanes;
  integer             b;

  always @(*) begin
    slot_lanes = {LANES{1'b1}};
    for (b = 0; b < LANES; b = b + 1) begin
      {% for dim in dims %}
      if (row_dim == 2'd{{ dim.code }} && b % {{ dim.parts }} != 0) slot_lanes[b] = 1'b0;
      {% endfor %}
    end
  end
  {% else %}
  wire [LANES-1:0] slot_lanes = {LANES{1'b1}};
  {% endif %}

  // By lane, the bits of the lane so many before it; the first ones follow the last.
  function [LANES-1:0] turn_up(input [LANES-1:0] bits, input [31:0] by);
    turn_up = (bits << by) | (bits >> (LANES - by));
  endfunction

  function [LANES-1:0] turn_down(input [LANES-1:0] bits, input [31:0] by);
    turn_down = (bits >> by) | (bits << (LANES - by));
  endfunction

  wire [LANES-1:0] pairs = even_any & odd_any;  // slots that have a second pick to give

  reg [       LANES-1:0] offer;  // second picks that no lane has taken
  reg [       LANES-1:0] free;  // slots' lanes without a pick
  reg [       LANES-1:0] firm;  // lanes whose pick stays
  reg [       LANES-1:0] displaced;  // lanes that take another slot's
  reg [       LANES-1:0] take;
  reg [ROUNDS*LANES-1:0] guests;  // by round: lanes that take a pick
  // The same when no queue has two picks left: then nothing is displaced, and all can be over.
  reg [       LANES-1:0] single_offer;
  reg [       LANES-1:0] single_free;
  reg [       LANES-1:0] single_take;
  integer                r;

  always @(*) begin
    offer        = pairs;
    free         = slot_lanes & ~(even_any | odd_any);
    firm         = ~slot_lanes | (even_any & even_two) | (~even_any & odd_two);
    displaced    = {LANES{1'b0}};
    single_offer = pairs;
    single_free  = free;
    for (r = 0; r < ROUNDS; r = r + 1) begin
      take = turn_up(offer, OFFSETS[r*32+:32])
          & (free | (turn_up(odd_two, OFFSETS[r*32+:32]) & ~firm));
      guests[r*LANES+:LANES] = take;
      offer        = offer & ~turn_down(take, OFFSETS[r*32+:32]);
      free         = free & ~take;
      firm         = firm | take;
      displaced    = displaced | take;
      single_take  = turn_up(single_offer, OFFSETS[r*32+:32]) & single_free;
      single_offer = single_offer & ~turn_down(single_take, OFFSETS[r*32+:32]);
      single_free  = single_free & ~single_take;
    end
  end

  wire [LANES-1:0] own_even = even_any & ~displaced;
  wire [LANES-1:0] own_odd = odd_any & ~even_any & ~displaced;
  wire             picked = |even_any || |odd_any;
  wire             over = ~|even_two && ~|odd_two && ~|single_offer;  // nothing is left
  wire             held = &valid_q || !(&room);  // no more can come, or only for some queues
  wire             s3_ready;
  wire             step =
      row_valid && (all_sorted || (held && picked)) && whole_q[step_bank_q] && s3_ready;

  assign pop_even     = own_even & {LANES{step}};
  assign pop_odd      = (own_odd | (pairs & ~offer)) & {LANES{step}};
  assign step_last    = step && all_sorted && over;
  assign step_release = step_last && row_release;

  // ---- stage 3: the reads ------------------------------------------------------------------------------------------

  reg                     s3_valid_q;
  reg                     s3_last_q;
  reg                     s3_some_q;  // the beat has a pick
  reg                     s3_release_q;
  reg                     s3_bank_q;
  reg  [             1:0] s3_dim_q;
  reg  [       CTX_W-1:0] s3_ctx_q;
  reg  [       LANES-1:0] s3_even_q;  // by a slot's first lane: its RAM of even words is read
  reg  [       LANES-1:0] s3_odd_q;
  reg  [       LANES-1:0] s3_own_odd_q;  // what the lane has comes from its own RAM of odd words
  reg  [ROUNDS*LANES-1:0] s3_guests_q;
  reg  [ LANES*ROW_W-1:0] s3_even_rows_q;
  reg  [ LANES*ROW_W-1:0] s3_odd_rows_q;
  reg  [LANES*PROB_W-1:0] s3_even_probs_q;
  reg  [LANES*PROB_W-1:0] s3_odd_probs_q;
  wire                    read_free;
  wire                    read_go = s3_valid_q && read_free;

  assign s3_ready  = !s3_valid_q || read_free;
  assign free_bank = s3_bank_q;
  assign freed     = read_go && s3_release_q;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) s3_valid_q <= 1'b0;
    else if (s3_ready) s3_valid_q <= step;
  end

  always @(posedge clk) begin
    if (s3_ready) begin
      s3_last_q       <= step_last;
      s3_some_q       <= picked;
      s3_release_q    <= step_release;
      s3_bank_q       <= step_bank_q;
      s3_dim_q        <= row_dim;
      s3_ctx_q        <= row_ctx;
      s3_even_q       <= own_even;
      s3_odd_q        <= own_odd | (pairs & ~offer);
      s3_own_odd_q    <= own_odd;
      s3_guests_q     <= guests;
      s3_even_rows_q  <= even_rows;
      s3_odd_rows_q   <= odd_rows;
      s3_even_probs_q <= even_probs;
      s3_odd_probs_q  <= odd_probs;
    end
  end

  wire [      LANES*PROB_W-1:0] s3_probs;
  wire [LANES*(ROUNDS+1)-1:0] s3_sources;  // by lane: its odd RAM, the rounds' lanes
  wire [LANES*(ROUNDS+1)-1:0] rd_sources;
  wire [    LANES*PART_W-1:0] rd_data;
  wire [    LANES*PART_W-1:0] odd_data;

  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_read
      // All lanes of a slot do what its first one does.
      reg  [ ROUNDS:0] sources;
      reg              even_go;
      reg              odd_go;
      reg  [ROW_W-1:0] even_row;
      reg  [ROW_W-1:0] odd_row;
      integer          s;

      always @(*) begin
        sources[0] = s3_own_odd_q[lane];
        for (s = 0; s < ROUNDS; s = s + 1) sources[s+1] = s3_guests_q[s*LANES+lane];
        even_go  = s3_even_q[lane];
        odd_go   = s3_odd_q[lane];
        even_row = s3_even_rows_q[lane*ROW_W+:ROW_W];
        odd_row  = s3_odd_rows_q[lane*ROW_W+:ROW_W];
        {% for dim in dims %}
        if (s3_dim_q == 2'd{{ dim.code }}) begin
          sources[0] = s3_own_odd_q[lane-lane%{{ dim.parts }}];
          for (s = 0; s < ROUNDS; s = s + 1) begin
            sources[s+1] = s3_guests_q[s*LANES+lane-lane%{{ dim.parts }}];
          end
          even_go  = s3_even_q[lane-lane%{{ dim.parts }}];
          odd_go   = s3_odd_q[lane-lane%{{ dim.parts }}];
          even_row = s3_even_rows_q[(lane-lane%{{ dim.parts }})*ROW_W+:ROW_W];
          odd_row  = s3_odd_rows_q[(lane-lane%{{ dim.parts }})*ROW_W+:ROW_W];
        end
        {% endfor %}
      end

      assign s3_sources[lane*(ROUNDS+1)+:ROUNDS+1] = sources;

      // What the lane gets: data that its sources' RAMs read, and the probability.
      wire [PART_W-1:0] even_data;
      wire [ ROUNDS:0] rd_from = rd_sources[lane*(ROUNDS+1)+:ROUNDS+1];
      reg  [PART_W-1:0] data;
      reg  [PROB_W-1:0] prob;
      integer          g;
      integer          host;

      always @(*) begin
        host = lane;
        data = rd_from[0] ? odd_data[lane*PART_W+:PART_W] :
            even_data & {PART_W{rd_from[ROUNDS:1] == {ROUNDS{1'b0}}}};
        prob = s3_own_odd_q[lane] ? s3_odd_probs_q[lane*PROB_W+:PROB_W] :
            s3_even_probs_q[lane*PROB_W+:PROB_W] & {PROB_W{s3_even_q[lane]}};
        for (g = 0; g < ROUNDS; g = g + 1) begin
          host = (lane + LANES - OFFSETS[g*32+:32]) % LANES;
          data = data | (odd_data[host*PART_W+:PART_W] & {PART_W{rd_from[g+1]}});
          prob = prob | (s3_odd_probs_q[host*PROB_W+:PROB_W] & {PROB_W{s3_guests_q[g*LANES+lane]}});
        end
      end

      assign s3_probs[lane*PROB_W+:PROB_W] = prob;
      assign rd_data[lane*PART_W+:PART_W]  = data;

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
          .rd_en  (read_go && even_go),
          .rd_addr({even_row, s3_bank_q}),
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
          .rd_en  (read_go && odd_go),
          .rd_addr({odd_row, s3_bank_q}),
          .rd_data(odd_data[lane*PART_W+:PART_W])
      );
    end
  endgenerate

  // What travels with the reads: the probabilities, and where each lane's data comes from.
  localparam SOURCES_W = LANES * (ROUNDS + 1);
  localparam TAG_W = SOURCES_W + LANES * PROB_W + CTX_W + 4;

  wire                       reader_valid;
  wire                       reader_taken;
  wire                       reader_idle;
  wire [   LANES*PART_W-1:0] reader_data;
  wire [   LANES*PROB_W-1:0] reader_probs;
  wire [          CTX_W-1:0] reader_ctx;
  wire [                1:0] reader_dim;
  wire                       reader_some;
  wire                       reader_last;
  wire [      SOURCES_W-1:0] unused_sources;
  wire [TAG_W-SOURCES_W-1:0] unused_rd_tag;

  ram_reader #(
      .WIDTH(LANES * PART_W),
      .TAG_W(TAG_W)
  ) u_reader (
      .clk      (clk),
      .{{ rst.port }}({{ rst.port }}),
      .read_free(read_free),
      .read_go  (read_go),
      .read_tag ({s3_sources, s3_probs, s3_ctx_q, s3_dim_q, s3_some_q, s3_last_q}),
      .rd_data  (rd_data),
      .rd_tag   ({rd_sources, unused_rd_tag}),
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
      s1_valid_q && s1_through_q && !row_valid && !s3_valid_q && reader_idle;
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
