// Purpose      scores of keys against the query of their row: exact dot products at head dimension {% if config.head_dim > 32 %}D of 32{% if config.head_dim > 64 %}, 64{% endif %} or {{ config.head_dim }}, chosen
//              row by row. Each D keeps all {{ config.multipliers }} multipliers busy (the reconfigurable adder tree of the paper): the
//              query is repeated over the multipliers, {{ leaves }} leaves sum {{ leaf }} products each, and a last stage adds up the 2{% if config.head_dim > 64 %} or 4{% endif %}
//              sums that make a score at a larger D and moves the scores together.{% else %}D = 32. The query is
//              repeated over the {{ config.multipliers }} multipliers, and each leaf of {{ leaf }} products gives a score.{% endif %}
// Row          one query beat and, on the key stream, beats up to key_last. query_dim is log2(D) - 5. Query element 0 is in
//              lane 0; elements from D on are ignored. A key beat holds key_count keys, 0 to {{ config.multipliers }}/D, key j in elements
//              j*D to (j+1)*D-1; only a row's last beat may hold fewer than {{ config.multipliers }}/D. Queries and rows of keys come in the
//              same order; keys wait for
//              their query. With SPATTEN_CHECKS defined, a key beat that breaks these rules is reported.
// Second pass  a row with query_add adds its products to scores from before: for each of its key beats that holds keys the
//              base stream brings one beat, scores in the same lanes. Key elements with the MSBs only in the first pass
//              and the LSBs only in the second give the scores of whole keys. Sums of {{ score_w }} bits, which hold every score of
//              whole keys, wrap around beyond that.
// Output       a beat for each key beat: the score of key j, signed, in lane j; count and last as they came, the row's ctx.
// Protocol     valid/ready on all streams: valid never waits for ready, and a payload offered stays until it is taken.
// Flow         the pipeline never stalls. A beat enters only with a place kept for it in the FIFO behind the adders, where
//              it waits for its base scores and for the pop side; {{ credits }} beats may be under way, and one at the output.
// Latency      a key beat accepted in cycle t is offered in cycle t+{{ latency }}, when its base scores, if any, have come by then; a
//              base beat accepted in cycle t in cycle t+1. The first key beat of a row is accepted the cycle after its
//              query or later.
// Throughput   one key beat every cycle, {{ config.multipliers }}/D keys, with no pause between rows, also rows of one beat and of changing D.
// Reset        forgets everything. Payload registers have no reset: their valid bits qualify them.

module qk_array #(
    parameter CTX_W = 16  // bits that travel with a row
) (
    input  wire             clk,
    input  wire             {{ rst.port }},

    input  wire             query_valid,
    output wire             query_ready,
    input  wire [{{ query_bits - 1 }}:0] query_data,
    input  wire [1:0]       query_dim,
    input  wire             query_add,
    input  wire [CTX_W-1:0] query_ctx,

    input  wire             key_valid,
    output wire             key_ready,
    input  wire [{{ key_bits - 1 }}:0] key_data,
    input  wire [{{ count_w - 1 }}:0] key_count,
    input  wire             key_last,

    input  wire             base_valid,
    output wire             base_ready,
    input  wire [{{ score_bits - 1 }}:0] base_scores,

    output wire             pop_valid,
    input  wire             pop_ready,
    output wire [{{ score_bits - 1 }}:0] pop_scores,
    output wire [{{ count_w - 1 }}:0] pop_count,
    output wire             pop_last,
    output wire [CTX_W-1:0] pop_ctx
);

  localparam WIDTH       = {{ config.width }};  // bits of an element
  localparam HEAD_DIM    = {{ config.head_dim }};  // largest D
  localparam MULTIPLIERS = {{ config.multipliers }};
  localparam LEAF        = {{ leaf }};  // products that a leaf sums, the smallest D
  localparam LEAVES      = MULTIPLIERS / LEAF;
  localparam SUM_W       = {{ sum_w }};  // bits of a leaf's sum
  localparam SCORE_W     = {{ score_w }};
  localparam COUNT_W     = {{ count_w }};  // bits of a count, 0 to LEAVES
  localparam STAGES      = {{ stages }};  // registers from the key stream to the FIFO
  localparam CREDITS     = {{ credits }};  // beats under way, enough for the loop through the FIFO
  localparam CREDIT_W    = $clog2(CREDITS + 1);

  localparam [CREDIT_W-1:0] ALL_CREDITS = CREDITS[CREDIT_W-1:0];
  {% if config.head_dim > 32 %}
  localparam [1:0] DIM_32 = 2'd0;  // log2(D) - 5
  {% endif %}
  {% if config.head_dim > 64 %}
  localparam [1:0] DIM_128 = 2'd2;
  {% endif %}

  // ---- queries: two wait behind the one in use -----------------------------------------------------------------------

  localparam QUERY_W = CTX_W + {% if config.head_dim > 32 %}3{% else %}1{% endif %} + HEAD_DIM * WIDTH;

  wire                      next_valid;
  wire                      next_ready;
  wire [HEAD_DIM*WIDTH-1:0] next_query;
  {% if config.head_dim > 32 %}
  wire [               1:0] next_dim;
  {% endif %}
  wire                      next_add;
  wire [         CTX_W-1:0] next_ctx;

  stream_reg #(
      .WIDTH(QUERY_W)
  ) u_query_reg (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(query_valid),
      .push_ready(query_ready),
      .push_data ({query_ctx, query_add, {% if config.head_dim > 32 %}query_dim, {% endif %}query_data}),
      .pop_valid (next_valid),
      .pop_ready (next_ready),
      .pop_data  ({next_ctx, next_add, {% if config.head_dim > 32 %}next_dim, {% endif %}next_query})
  );

  {% if config.head_dim == 32 %}
  wire unused_dim = |query_dim;  // there is one D

  wire [HEAD_DIM*WIDTH-1:0] spread = next_query;
  {% else %}
  // spread: multiplier e works on element e mod HEAD_DIM of it, which is element e mod D of the query.
  wire [2*LEAF*WIDTH-1:0] spread_64 =
      (next_dim == DIM_32) ? {2{next_query[0+:LEAF*WIDTH]}} : next_query[0+:2*LEAF*WIDTH];
  {% if config.head_dim == 64 %}
  wire [HEAD_DIM*WIDTH-1:0] spread = spread_64;
  {% else %}
  wire [HEAD_DIM*WIDTH-1:0] spread = (next_dim == DIM_128) ? next_query : {2{spread_64}};
  {% endif %}
  {% endif %}

  // ---- stage 0: a key beat and the query of its row --------------------------------------------------------------------

  reg                row_open_q;  // beats of the row in use are still to come
  reg [CREDIT_W-1:0] credits_q;  // beats that may enter
  reg [  STAGES-1:0] valid_q;  // bit i: stage i holds a beat
  wire               fifo_pop;

  assign key_ready = credits_q != {CREDIT_W{1'b0}} && (row_open_q || next_valid);

  wire key_taken = key_valid && key_ready;

  assign next_ready = key_taken && !row_open_q;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      row_open_q <= 1'b0;
      credits_q  <= ALL_CREDITS;
      valid_q    <= {STAGES{1'b0}};
    end else begin
      valid_q <= {valid_q[STAGES-2:0], key_taken};
      if (key_taken) row_open_q <= !key_last;
      if (key_taken && !fifo_pop) credits_q <= credits_q - 1'b1;
      if (fifo_pop && !key_taken) credits_q <= credits_q + 1'b1;
    end
  end

  // Between rows the next query is copied in every cycle, and so in the one in which the row's first beat enters.
  reg  [   HEAD_DIM*WIDTH-1:0] query_q;
  {% if config.head_dim > 32 %}
  reg  [                  1:0] dim_q;
  {% endif %}
  reg                          add_q;
  reg  [            CTX_W-1:0] ctx_q;
  reg  [MULTIPLIERS*WIDTH-1:0] key_q;
  reg  [          COUNT_W-1:0] count_q;
  reg                          last_q;

  always @(posedge clk) begin
    if (!row_open_q) begin
      query_q <= spread;
      {% if config.head_dim > 32 %}
      dim_q   <= next_dim;
      {% endif %}
      add_q   <= next_add;
      ctx_q   <= next_ctx;
    end
    key_q   <= key_data;
    count_q <= key_count;
    last_q  <= key_last;
  end

  // ---- stages 1 to 4: leaves -------------------------------------------------------------------------------------------

  wire [LEAVES*SCORE_W-1:0] scores_32;  // at D = 32 the scores

  genvar lane;
  generate
    for (lane = 0; lane < LEAVES; lane = lane + 1) begin : g_leaf
      localparam PART = lane % (HEAD_DIM / LEAF);  // of the query

      wire [SUM_W-1:0] sum;

      dot_product u_dot_product (
          .clk  (clk),
          .step (valid_q[3:0]),
          .query(query_q[PART*LEAF*WIDTH+:LEAF*WIDTH]),
          .key  (key_q[lane*LEAF*WIDTH+:LEAF*WIDTH]),
          .sum  (sum)
      );

      {% if config.head_dim == 32 %}
      assign scores_32[lane*SCORE_W+:SCORE_W] = sum;
      {% else %}
      assign scores_32[lane*SCORE_W+:SCORE_W] = {{(SCORE_W - SUM_W){sum[SUM_W-1]}}, sum};
      {% endif %}
    end
  endgenerate

  {% if config.head_dim == 32 %}
  wire [LEAVES*SCORE_W-1:0] scores = scores_32;
  {% else %}
  // ---- stage 5: scores of larger D -------------------------------------------------------------------------------------

  // Lanes above those that a D needs hold sums that mean nothing.
  wire [LEAVES/2*SCORE_W-1:0] scores_64;
  {% if config.head_dim > 64 %}
  wire [LEAVES/4*SCORE_W-1:0] scores_128;
  {% endif %}

  generate
    for (lane = 0; lane < LEAVES / 2; lane = lane + 1) begin : g_pair
      assign scores_64[lane*SCORE_W+:SCORE_W] = scores_32[2*lane*SCORE_W+:SCORE_W] +
                                                scores_32[(2*lane+1)*SCORE_W+:SCORE_W];
    end
    {% if config.head_dim > 64 %}

    for (lane = 0; lane < LEAVES / 4; lane = lane + 1) begin : g_quadruple
      // Not of the sums of pairs: four terms make a shallower tree than two adders in a row.
      assign scores_128[lane*SCORE_W+:SCORE_W] = (scores_32[4*lane*SCORE_W+:SCORE_W] +
                                                  scores_32[(4*lane+2)*SCORE_W+:SCORE_W]) +
                                                 (scores_32[(4*lane+1)*SCORE_W+:SCORE_W] +
                                                  scores_32[(4*lane+3)*SCORE_W+:SCORE_W]);
    end
    {% endif %}
  endgenerate

  reg  [               4*2-1:0] dims_q;  // of the beats in stages 1 to 4
  wire [                  1:0] dim = dims_q[3*2+:2];

  reg  [LEAVES*SCORE_W-1:0] scores_q;
  wire [LEAVES*SCORE_W-1:0] scores = scores_q;

  always @(posedge clk) begin
    dims_q <= {dims_q[0+:3*2], dim_q};
    if (valid_q[4]) begin
      scores_q <= scores_32;
      if (dim != DIM_32) scores_q[0+:LEAVES/2*SCORE_W] <= scores_64;
      {% if config.head_dim > 64 %}
      if (dim == DIM_128) scores_q[0+:LEAVES/4*SCORE_W] <= scores_128;
      {% endif %}
    end
  end
  {% endif %}

  // What goes with the scores, by stage from stage 1 on.
  localparam SIDE_W = CTX_W + 2 + COUNT_W;

  reg  [(STAGES-1)*SIDE_W-1:0] sides_q;
  wire [           SIDE_W-1:0] side = {ctx_q, add_q && count_q != {COUNT_W{1'b0}}, last_q, count_q};

  always @(posedge clk) begin
    sides_q <= {sides_q[0+:(STAGES-2)*SIDE_W], side};
  end

  // ---- the FIFO in which scores wait -----------------------------------------------------------------------------------

  wire                      fifo_valid;
  wire [LEAVES*SCORE_W-1:0] fifo_scores;
  wire [       COUNT_W-1:0] fifo_count;
  wire                      fifo_last;
  wire                      fifo_add;  // needs a beat of base scores
  wire [         CTX_W-1:0] fifo_ctx;
  wire                      fifo_ready;
  wire                      unused_room;  // credits see to it

  stream_fifo #(
      .WIDTH(SIDE_W + LEAVES * SCORE_W),
      .DEPTH(CREDITS)
  ) u_score_fifo (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(valid_q[STAGES-1]),
      .push_ready(unused_room),
      .push_data ({sides_q[(STAGES-2)*SIDE_W+:SIDE_W], scores}),
      .pop_valid (fifo_valid),
      .pop_ready (fifo_ready),
      .pop_data  ({fifo_ctx, fifo_add, fifo_last, fifo_count, fifo_scores})
  );

  assign fifo_pop = fifo_valid && fifo_ready;

  // ---- base scores -----------------------------------------------------------------------------------------------------

  reg  pop_valid_q;
  wire free = !pop_valid_q || pop_ready;

  assign fifo_ready = free && (base_valid || !fifo_add);
  assign base_ready = free && fifo_valid && fifo_add;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) pop_valid_q <= 1'b0;
    else if (free) pop_valid_q <= fifo_pop;
  end

  generate
    for (lane = 0; lane < LEAVES; lane = lane + 1) begin : g_base
      wire [SCORE_W-1:0] score = fifo_scores[lane*SCORE_W+:SCORE_W];
      wire [SCORE_W-1:0] base = fifo_add ? base_scores[lane*SCORE_W+:SCORE_W] : {SCORE_W{1'b0}};
      reg [SCORE_W-1:0] sum_q;

      always @(posedge clk) begin
        if (free) sum_q <= score + base;
      end

      assign pop_scores[lane*SCORE_W+:SCORE_W] = sum_q;
    end
  endgenerate

  reg [COUNT_W-1:0] pop_count_q;
  reg               pop_last_q;
  reg [  CTX_W-1:0] pop_ctx_q;

  always @(posedge clk) begin
    if (free) begin
      pop_count_q <= fifo_count;
      pop_last_q  <= fifo_last;
      pop_ctx_q   <= fifo_ctx;
    end
  end

  assign pop_valid = pop_valid_q;
  assign pop_count = pop_count_q;
  assign pop_last  = pop_last_q;
  assign pop_ctx   = pop_ctx_q;

`ifdef SPATTEN_CHECKS
  // ---- what the key stream must keep to --------------------------------------------------------------------------------

  localparam [COUNT_W-1:0] ALL_LEAVES = LEAVES[COUNT_W-1:0];

  wire               beat = valid_q[0] && !({{ rst.active }});
  wire [COUNT_W-1:0] most = ALL_LEAVES{% if config.head_dim > 32 %} >> dim_q{% endif %};  // keys of a full beat
  wire [  COUNT_W:0] spare = {1'b0, most} - {1'b0, count_q};  // negative when there are too many

  always @(posedge clk) begin
    {% if config.head_dim > 32 %}
    if (beat && HEAD_DIM >> dim_q < LEAF) begin
      $display("CHECK %m: head dimension %0d is above %0d", LEAF << dim_q, HEAD_DIM);
    end
    {% endif %}
    if (beat && (spare[COUNT_W] || (!last_q && spare != {(COUNT_W + 1){1'b0}}))) begin
      $display("CHECK %m: a key beat holds %0d keys, a full one %0d", count_q, most);
    end
  end
`endif

endmodule
