// Purpose      the largest score of each row of beats.
// Input        beats of {{ lanes }} signed scores, lanes 0 to push_count-1 in use. A beat may be empty; the maximum of a row
//              without scores is the smallest number. push_tag goes with the row: that of its last beat comes out.
// Latency      the maximum of a row whose last beat comes in cycle t is there in cycle t+{{ latency }}.
// Throughput   one beat every cycle, no bubble between rows. Nothing stalls: whoever sends has room for what comes out.
// Reset        forgets everything. Data registers have no reset: their valid bits qualify them.

module softmax_max #(
    parameter TAG_W = 8  // bits that travel with a row
) (
    input  wire             clk,
    input  wire             {{ rst.port }},

    input  wire             push_valid,
    input  wire [{{ lanes * score_w - 1 }}:0] push_scores,
    input  wire [{{ count_w - 1 }}:0] push_count,
    input  wire             push_last,
    input  wire [TAG_W-1:0] push_tag,

    output wire             pop_valid,
    output wire [{{ score_w - 1 }}:0] pop_maximum,
    output wire [TAG_W-1:0] pop_tag
);

  localparam LANES   = {{ lanes }};
  localparam SCORE_W = {{ score_w }};
  localparam LATENCY = {{ latency }};
  localparam NODES   = 2 * LANES - 1;
  localparam BEAT    = LATENCY - 1;  // cycles to the maximum of a beat

  // ---- the beat's maximum: a tree with a register in each node -------------------------------------------------------

  // Node 0 is the root; the children of node n are the nodes 2n+1 and 2n+2; the lanes are the last nodes. Keys are
  // scores with the sign bit inverted, so that they compare as unsigned numbers; a lane not in use has the smallest.
  wire [          LANES-1:0] used = ~({LANES{1'b1}} << push_count);
  reg  [NODES*SCORE_W-1:0]   key_q;

  genvar node;
  generate
    for (node = 0; node < NODES; node = node + 1) begin : g_node
      if (node >= LANES - 1) begin : g_lane
        localparam LANE = node - (LANES - 1);
        wire [SCORE_W-1:0] score = push_scores[LANE*SCORE_W+:SCORE_W];
        wire [SCORE_W-1:0] key = {!score[SCORE_W-1], score[SCORE_W-2:0]};

        always @(posedge clk) key_q[node*SCORE_W+:SCORE_W] <= used[LANE] ? key : {SCORE_W{1'b0}};
      end else begin : g_larger
        wire [SCORE_W-1:0] left = key_q[(2*node+1)*SCORE_W+:SCORE_W];
        wire [SCORE_W-1:0] right = key_q[(2*node+2)*SCORE_W+:SCORE_W];

        always @(posedge clk) key_q[node*SCORE_W+:SCORE_W] <= (left > right) ? left : right;
      end
    end
  endgenerate

  // ---- the row's maximum -----------------------------------------------------------------------------------------------

  reg  [BEAT-1:0] valid_q;  // bit i: a beat came i+1 cycles ago
  wire            beat_last;
  wire            beat_valid = valid_q[BEAT-1];

  delay_line #(
      .WIDTH(1),
      .DEPTH(BEAT)
  ) u_last (
      .clk     (clk),
      .data_in (push_last),
      .data_out(beat_last)
  );

  delay_line #(
      .WIDTH(TAG_W),
      .DEPTH(LATENCY)
  ) u_tag (
      .clk     (clk),
      .data_in (push_tag),
      .data_out(pop_tag)
  );

  reg                first_q;  // the next beat is a row's first
  reg  [SCORE_W-1:0] maximum_q;
  reg                done_q;
  wire [SCORE_W-1:0] beat_key = key_q[0+:SCORE_W];

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      valid_q <= {BEAT{1'b0}};
      first_q <= 1'b1;
      done_q  <= 1'b0;
    end else begin
      {% if lanes > 1 %}
      valid_q <= {valid_q[BEAT-2:0], push_valid};
      {% else %}
      valid_q <= push_valid;
      {% endif %}
      if (beat_valid) first_q <= beat_last;
      done_q <= beat_valid && beat_last;
    end
  end

  always @(posedge clk) begin
    if (beat_valid && (first_q || beat_key > maximum_q)) maximum_q <= beat_key;
  end

  assign pop_valid   = done_q;
  assign pop_maximum = {!maximum_q[SCORE_W-1], maximum_q[SCORE_W-2:0]};

endmodule
