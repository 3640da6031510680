// Purpose      turns a layer into the tasks of its rows: which head, which query, how many keys, where its operands lie.
// Layer        layer_valid stands, and the command with it, until layer_ready, which comes when the last task is taken.
// Task         kind 0: a row of a summarisation. 1: a row of a generation: its query and its keys are to be fetched. 2: a run
//              of heads with one KV head begins: keys and values of all tokens are to be fetched. 3: a head begins: its
//              queries are to be fetched. Addresses are those of the head, token 0; place_word is the row's output, in
//              words of 4 bytes. release marks the last row of a run, force a row that the mask has redone.
// Lists        heads come from head_word; the queries of a summarisation, all kept tokens for each head, from query_word.
// Addresses    are stepped from head to head and from token to token by adding strides, one step a cycle, modulo 2^{{ config.addr_width }}.
// Kept values  k = ceil(ratio * n / 65536), n being the keys of the row.
// Protocol     valid/ready on all streams: valid never waits for ready, and a payload offered stays until it is taken.
// Throughput   a row of a generation every 2 cycles, a row of a summarisation every cycle, as long as ids are adjacent; an
//              id that is left out takes a cycle.
// Reset        forgets the layer.

module row_sequencer (
    input  wire clk,
    input  wire {{ rst.port }},

    input  wire layer_valid,
    output wire layer_ready,
    input  wire [{{ length_w - 1 }}:0] layer_n,

    input  wire command_generation,
    input  wire command_causal,
    input  wire [15:0] command_query,
    input  wire [15:0] command_group,
    input  wire [16:0] command_ratio,
    input  wire [1:0] command_key_mode,
    input  wire [{{ config.max_heads - 1 }}:0] command_key_mask,
    {% for name in regions %}
    input  wire [{{ config.addr_width - 1 }}:0] command_{{ name }}_base,
    input  wire [{{ config.addr_width - 1 }}:0] command_{{ name }}_head_stride,
    {% endfor %}
    input  wire [{{ config.addr_width - 1 }}:0] command_out_token_stride,

    input  wire [{{ length_w - 1 }}:0] heads,
    output wire head_list_valid,
    input  wire head_list_ready,
    output wire [{{ length_w - 1 }}:0] head_list_n,
    input  wire head_word_valid,
    output wire head_word_ready,
    input  wire [{{ lanes * id_w - 1 }}:0] head_word_ids,
    input  wire [{{ count_w - 1 }}:0] head_word_count,
    input  wire head_word_last,

    output wire query_list_valid,
    input  wire query_list_ready,
    output wire [{{ length_w - 1 }}:0] query_list_n,
    input  wire query_word_valid,
    output wire query_word_ready,
    input  wire [{{ lanes * id_w - 1 }}:0] query_word_ids,
    input  wire [{{ count_w - 1 }}:0] query_word_count,
    input  wire query_word_last,

    output wire task_valid,
    input  wire task_ready,
    output wire [1:0] task_kind,
    output wire [{{ head_w - 1 }}:0] task_head,
    output wire [{{ length_w - 1 }}:0] task_n,
    output wire [{{ length_w - 1 }}:0] task_k,
    output wire task_release,
    output wire task_force,
    output wire [{{ config.addr_width - 1 }}:0] task_q_base,
    output wire [{{ config.addr_width - 1 }}:0] task_k_msb_base,
    output wire [{{ config.addr_width - 1 }}:0] task_k_lsb_base,
    output wire [{{ config.addr_width - 1 }}:0] task_v_msb_base,
    output wire [{{ config.addr_width - 1 }}:0] task_v_lsb_base,
    output wire [{{ word_w - 1 }}:0] task_place_word
);

  localparam ADDR_W   = {{ config.addr_width }};
  localparam LENGTH_W = {{ length_w }};
  localparam HEAD_W   = {{ head_w }};
  localparam TOKEN_W  = {{ token_w }};
  localparam ID_W     = {{ id_w }};
  localparam COUNT_W  = {{ count_w }};
  localparam LANES    = {{ lanes }};
  localparam RATIO_W  = 17;
  localparam PRODUCT_W = RATIO_W + LENGTH_W;

  localparam [COUNT_W-1:0] ONE = {{ count_w }}'d1;
  {% if lanes > 1 %}
  localparam [COUNT_W-1:0] TWO = {{ count_w }}'d2;
  {% endif %}

  localparam [1:0] ROW     = 2'd0;
  localparam [1:0] QUERY   = 2'd1;
  localparam [1:0] RUN     = 2'd2;
  localparam [1:0] QUERIES = 2'd3;

  localparam [2:0] IDLE     = 3'd0;
  localparam [2:0] PREPARE  = 3'd1;  // products of the layer
  localparam [2:0] STEP     = 3'd2;  // addresses go on to the next kept head
  localparam [2:0] SINGLE   = 3'd3;  // the row of a generation
  localparam [2:0] BEGIN_RUN = 3'd4;
  localparam [2:0] BEGIN_HEAD = 3'd5;
  localparam [2:0] ROWS     = 3'd6;
  localparam [2:0] END      = 3'd7;

  reg [2:0] state_q;
  reg [4:0] prepared_q;  // bits of the query's id that are done

  wire      prepared = prepared_q == 5'd{{ token_w }};
  wire      task_taken = task_valid && task_ready;

  // ---- ids of heads and queries, one at a time ----------------------------------------------------------------------------

  // A word is shifted down as its ids are taken, so that the id at hand is always the lowest. Words that
  // come without a layer are another's.
  wire at_work = state_q != IDLE;

  {% for name in ["head", "query"] %}
  wire                  {{ name }}_take;
  wire                  {{ name }}_words_ready;
  wire                  {{ name }}_whole_valid, {{ name }}_whole_last;
  wire [LANES*ID_W-1:0] {{ name }}_whole_ids;
  wire [   COUNT_W-1:0] {{ name }}_whole_count;
  reg                   {{ name }}_id_valid_q;
  reg  [LANES*ID_W-1:0] {{ name }}_ids_q;
  reg  [   COUNT_W-1:0] {{ name }}_left_q;  // ids of the word, with the one at hand
  reg                   {{ name }}_word_end_q;  // the id at hand is the word's last
  reg                   {{ name }}_list_end_q;  // the word is the list's last
  wire                  {{ name }}_load = !{{ name }}_id_valid_q || ({{ name }}_take && {{ name }}_word_end_q);

  stream_reg #(
      .WIDTH(1 + COUNT_W + LANES * ID_W)
  ) u_{{ name }}_words (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid({{ name }}_word_valid && at_work),
      .push_ready({{ name }}_words_ready),
      .push_data ({{ '{' }}{{ name }}_word_last, {{ name }}_word_count, {{ name }}_word_ids}),
      .pop_valid ({{ name }}_whole_valid),
      .pop_ready ({{ name }}_load),
      .pop_data  ({{ '{' }}{{ name }}_whole_last, {{ name }}_whole_count, {{ name }}_whole_ids})
  );

  assign {{ name }}_word_ready = {{ name }}_words_ready && at_work;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) {{ name }}_id_valid_q <= 1'b0;
    else if ({{ name }}_load) {{ name }}_id_valid_q <= {{ name }}_whole_valid;
  end

  always @(posedge clk) begin
    if ({{ name }}_load) begin
      {{ name }}_ids_q      <= {{ name }}_whole_ids;
      {{ name }}_left_q     <= {{ name }}_whole_count;
      {% if lanes > 1 %}
      {{ name }}_word_end_q <= {{ name }}_whole_count <= ONE;
      {% else %}
      {{ name }}_word_end_q <= 1'b1;
      {% endif %}
      {{ name }}_list_end_q <= {{ name }}_whole_last;
    end else if ({{ name }}_take) begin
      {{ name }}_ids_q      <= {{ name }}_ids_q >> ID_W;
      {{ name }}_left_q     <= {{ name }}_left_q - ONE;
      {% if lanes > 1 %}
      {{ name }}_word_end_q <= {{ name }}_left_q <= TWO;
      {% endif %}
    end
  end

  {% endfor %}
  // ---- heads, one ahead --------------------------------------------------------------------------------------------------

  reg                heads_asked_q;
  reg                head_valid_q;
  reg  [ HEAD_W-1:0] head_q;
  reg                head_last_q;

  wire               next_valid = head_id_valid_q;
  wire [ HEAD_W-1:0] next_head = head_ids_q[HEAD_W-1:0];
  wire               next_last = head_word_end_q && head_list_end_q;
  wire               head_done;  // the head has no more tasks

  assign head_take = (!head_valid_q || (head_done && !head_last_q)) && next_valid && at_work;

  assign head_list_valid = layer_valid && !heads_asked_q && state_q != END;
  assign head_list_n     = heads;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      heads_asked_q <= 1'b0;
      head_valid_q  <= 1'b0;
    end else begin
      if (state_q == END) heads_asked_q <= 1'b0;
      else if (head_list_valid && head_list_ready) heads_asked_q <= 1'b1;
      if (head_take) head_valid_q <= 1'b1;
      else if (head_done) head_valid_q <= 1'b0;
    end
  end

  always @(posedge clk) begin
    if (head_take) begin
      head_q      <= next_head;
      head_last_q <= next_last;
    end
  end

  // ---- addresses of the head -----------------------------------------------------------------------------------------------

  reg  [HEAD_W:0]  at_q;  // the head that the addresses belong to
  reg  [15:0]      member_q;  // its number among the heads of its KV head
  reg              fresh_q;  // no head of this KV head has had tasks
  {% for name in regions %}
  reg  [ADDR_W-1:0] {{ name }}_q;
  {% endfor %}

  wire             arrived = head_valid_q && at_q == {1'b0, head_q};
  wire             advance = state_q == STEP && head_valid_q && !arrived;
  wire             next_kv = member_q + 16'd1 == command_group;
  // The run ends with this head unless the next kept one has the same KV head.
  wire [16:0]      run_left = {1'b0, command_group} - {1'b0, member_q};
  wire [16:0]      head_gap = {{ '{{' }}(17 - HEAD_W){1'b0}}, next_head} - {{ '{{' }}(17 - HEAD_W){1'b0}}, head_q};
  wire             run_ends = head_last_q || head_gap >= run_left;
  reg              run_ends_q;  // known when the head's addresses are, a state before its rows

  always @(posedge clk) run_ends_q <= run_ends;

  always @(posedge clk) begin
    if (state_q == IDLE) begin
      at_q     <= {(HEAD_W + 1) {1'b0}};
      member_q <= 16'd0;
      fresh_q  <= 1'b1;
      {% for name in regions %}
      {{ name }}_q <= command_{{ name }}_base;
      {% endfor %}
    end else begin
      if (advance) begin
        at_q     <= at_q + 1'b1;
        member_q <= next_kv ? 16'd0 : member_q + 16'd1;
        q_q      <= q_q + command_q_head_stride;
        if (next_kv) begin
          {% for name in ["k_msb", "k_lsb", "v_msb", "v_lsb"] %}
          {{ name }}_q <= {{ name }}_q + command_{{ name }}_head_stride;
          {% endfor %}
        end
      end
      if (advance) out_q <= out_q + command_out_head_stride;
      if (advance && next_kv) fresh_q <= 1'b1;
      else if (state_q == BEGIN_RUN && task_taken) fresh_q <= 1'b0;
    end
  end

  // ---- products of the layer ------------------------------------------------------------------------------------------------

  // query * out_token_stride, a bit of the query a cycle; ratio * n meanwhile.
  reg  [      ADDR_W-1:0] offset_q;  // of the row's output in its head
  reg  [      ADDR_W-1:0] addend_q;
  reg  [     TOKEN_W-1:0] bits_q;
  reg  [   PRODUCT_W-1:0] weighted_q;  // ratio * n, in a summarisation that is causal, of the row
  wire [     RATIO_W+LENGTH_W-1:0] whole_weighted;
  wire [   PRODUCT_W-1:0] up = weighted_q + {{ '{{' }}(PRODUCT_W - 16){1'b0}}, 16'hffff};
  wire [   LENGTH_W-1:0] k = up[16+:LENGTH_W];

  multiplier #(
      .A_W (RATIO_W + 1),
      .B_W (LENGTH_W),
      .DROP(1)
  ) u_weighted (
      .clk    (clk),
      .en     (1'b1),
      .a      ({command_ratio, 1'b0}),
      .b      (layer_n),
      .product(whole_weighted)
  );

  // ---- queries of a summarisation ---------------------------------------------------------------------------------------------

  reg                queries_asked_q;
  reg  [  TOKEN_W:0] token_q;  // the token that offset_q belongs to
  reg  [LENGTH_W-1:0] keys_q;  // of the row, when causal

  wire [TOKEN_W-1:0] query = query_ids_q[TOKEN_W-1:0];
  wire               query_here = state_q == ROWS && query_id_valid_q && token_q == {1'b0, query};
  wire               query_step = state_q == ROWS && query_id_valid_q && token_q != {1'b0, query};
  wire               row_taken = query_here && task_ready;
  wire               row_last = query_word_end_q && query_list_end_q;

  assign query_list_valid = (state_q == BEGIN_HEAD || state_q == ROWS) && !queries_asked_q;
  assign query_list_n     = layer_n;
  assign query_take       = row_taken;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      queries_asked_q <= 1'b0;
    end else begin
      if (query_list_valid && query_list_ready) queries_asked_q <= 1'b1;
      else if (state_q == STEP) queries_asked_q <= 1'b0;
    end
  end

  always @(posedge clk) begin
    if (state_q == IDLE) begin
      prepared_q <= 5'd0;
      bits_q     <= command_query[TOKEN_W-1:0];
      addend_q   <= command_out_token_stride;
      offset_q   <= {ADDR_W{1'b0}};
    end else if (state_q == PREPARE) begin
      prepared_q <= prepared_q + 5'd1;
      bits_q     <= bits_q >> 1;
      addend_q   <= addend_q << 1;
      if (!prepared && bits_q[0]) offset_q <= offset_q + addend_q;
    end else if (state_q == BEGIN_HEAD) begin
      offset_q <= {ADDR_W{1'b0}};
    end else if (query_step) begin
      offset_q <= offset_q + command_out_token_stride;
    end

    if (state_q == BEGIN_HEAD) token_q <= {(TOKEN_W + 1) {1'b0}};
    else if (query_step) token_q <= token_q + 1'b1;

    if (state_q == PREPARE) begin
      keys_q     <= layer_n;
      weighted_q <= whole_weighted;
    end else if (!command_generation && command_causal) begin
      if (state_q == BEGIN_HEAD) begin
        keys_q     <= {{ '{{' }}(LENGTH_W - 1){1'b0}}, 1'b1};
        weighted_q <= {{ '{{' }}(PRODUCT_W - RATIO_W){1'b0}}, command_ratio};
      end else if (row_taken) begin
        keys_q     <= keys_q + 1'b1;
        weighted_q <= weighted_q + {{ '{{' }}(PRODUCT_W - RATIO_W){1'b0}}, command_ratio};
      end
    end
  end

  // ---- states ------------------------------------------------------------------------------------------------------------------

  // The head behind must be known before the last row says whether the run ends.
  wire known = head_last_q || next_valid;

  assign head_done = (state_q == SINGLE && task_taken) ||
      (state_q == ROWS && row_taken && row_last);

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) state_q <= IDLE;
    else begin
      case (state_q)
        IDLE:    if (layer_valid) state_q <= PREPARE;
        PREPARE: if (prepared) state_q <= STEP;
        STEP: begin
          if (arrived && known) begin
            state_q <= command_generation ? SINGLE : fresh_q ? BEGIN_RUN : BEGIN_HEAD;
          end
        end
        SINGLE:     if (task_taken) state_q <= head_last_q ? END : STEP;
        BEGIN_RUN:  if (task_taken) state_q <= BEGIN_HEAD;
        BEGIN_HEAD: if (task_taken) state_q <= ROWS;
        ROWS:       if (row_taken && row_last) state_q <= head_last_q ? END : STEP;
        default:    state_q <= IDLE;
      endcase
    end
  end

  wire [ADDR_W-1:0] place = out_q + offset_q;
  wire              unused = &{1'b0, place[1:0], query_ids_q, head_ids_q, command_query, up};

  assign layer_ready     = state_q == END;
  assign task_valid      = state_q == SINGLE || state_q == BEGIN_RUN || state_q == BEGIN_HEAD ||
      query_here;
  assign task_kind       = (state_q == SINGLE) ? QUERY : (state_q == BEGIN_RUN) ? RUN :
                           (state_q == BEGIN_HEAD) ? QUERIES : ROW;
  assign task_head       = head_q;
  assign task_n          = (state_q == ROWS || state_q == SINGLE) ? keys_q : layer_n;
  assign task_k          = k;
  assign task_release    = run_ends_q && row_last;
  assign task_force      = command_key_mode == 2'd3 && command_key_mask[head_q];
  assign task_q_base     = q_q;
  assign task_k_msb_base = k_msb_q;
  assign task_k_lsb_base = k_lsb_q;
  assign task_v_msb_base = v_msb_q;
  assign task_v_lsb_base = v_lsb_q;
  assign task_place_word = place[ADDR_W-1:2];

endmodule
