// Purpose      the sum of the exponentials of each row of beats, exact.
// Input        beats of {{ lanes }} exponentials, lanes 0 to push_count-1 in use. A beat may be empty; the sum of a row without
//              exponentials is 0.
// Latency      the sum of a row whose last beat comes in cycle t is there in cycle t+{{ latency }}.
// Throughput   one beat every cycle, no bubble between rows. Nothing stalls: whoever sends has room for what comes out.
// Reset        forgets everything. Data registers have no reset: their valid bits qualify them.

module softmax_sum (
    input  wire clk,
    input  wire {{ rst.port }},

    input  wire push_valid,
    input  wire [{{ lanes * exp_w - 1 }}:0] push_exps,
    input  wire [{{ count_w - 1 }}:0] push_count,
    input  wire push_last,

    output wire pop_valid,
    output wire [{{ sum_w - 1 }}:0] pop_sum
);

  localparam LANES  = {{ lanes }};
  localparam EXP_W  = {{ exp_w }};
  localparam SUM_W  = {{ sum_w }};
  {% if levels > 0 %}
  localparam LEVELS = {{ levels }};  // of the tree over the lanes
  {% endif %}
  localparam BEAT_W = EXP_W{% if levels > 0 %} + LEVELS{% endif %};  // bits of the sum of a beat
  localparam NODES  = 2 * LANES - 1;

  // ---- the beat's sum: a tree with a register in each node but the lanes -----------------------------------------------

  // Node 0 is the root; the children of node n are the nodes 2n+1 and 2n+2; the lanes are the last nodes.
  wire [       LANES-1:0] used = ~({LANES{1'b1}} << push_count);
  wire [NODES*BEAT_W-1:0] part;

  genvar node;
  generate
    for (node = 0; node < NODES; node = node + 1) begin : g_node
      if (node >= LANES - 1) begin : g_lane
        localparam LANE = node - (LANES - 1);
        wire [EXP_W-1:0] exp = used[LANE] ? push_exps[LANE*EXP_W+:EXP_W] : {EXP_W{1'b0}};

        {% if levels > 0 %}
        assign part[node*BEAT_W+:BEAT_W] = {{LEVELS{1'b0}}, exp};
        {% else %}
        assign part[node*BEAT_W+:BEAT_W] = exp;
        {% endif %}
      end else begin : g_add
        reg [BEAT_W-1:0] added_q;

        always @(posedge clk) begin
          added_q <= part[(2*node+1)*BEAT_W+:BEAT_W] + part[(2*node+2)*BEAT_W+:BEAT_W];
        end

        assign part[node*BEAT_W+:BEAT_W] = added_q;
      end
    end
  endgenerate

  // ---- the row's sum -----------------------------------------------------------------------------------------------------

  {% if levels > 0 %}
  reg  [LEVELS-1:0] valid_q;  // bit i: a beat came i+1 cycles ago
  reg  [LEVELS-1:0] last_q;
  wire              beat_valid = valid_q[LEVELS-1];
  wire              beat_last = last_q[LEVELS-1];

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) valid_q <= {LEVELS{1'b0}};
    {% if levels > 1 %}
    else valid_q <= {valid_q[LEVELS-2:0], push_valid};
    {% else %}
    else valid_q <= push_valid;
    {% endif %}
  end

  {% if levels > 1 %}
  always @(posedge clk) last_q <= {last_q[LEVELS-2:0], push_last};
  {% else %}
  always @(posedge clk) last_q <= push_last;
  {% endif %}
  {% else %}
  wire beat_valid = push_valid;
  wire beat_last = push_last;
  {% endif %}

  reg              first_q;  // the next beat is a row's first
  reg              done_q;
  reg  [SUM_W-1:0] sum_q;
  wire [SUM_W-1:0] so_far = first_q ? {SUM_W{1'b0}} : sum_q;
  wire [SUM_W-1:0] beat_sum = {{(SUM_W - BEAT_W){1'b0}}, part[0+:BEAT_W]};

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      first_q <= 1'b1;
      done_q  <= 1'b0;
    end else begin
      if (beat_valid) first_q <= beat_last;
      done_q <= beat_valid && beat_last;
    end
  end

  always @(posedge clk) begin
    if (beat_valid) sum_q <= so_far + beat_sum;
  end

  assign pop_valid = done_q;
  assign pop_sum   = sum_q;

endmodule
