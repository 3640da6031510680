// Purpose      one column of av_array: the sum over a row of the {{ groups }} products that each of its beats has in the column, exact.
// Operation    row_sum = sum of probs[i] * values[i] over all i and all beats of the row: probabilities unsigned, {{ prob_w }} bits
//              each, values signed, {{ value_w }} bits each.
// Stages       {{ steps }} register stages: products, {% if levels_count > 0 %}sums of a beat ({{ levels_count }}), {% endif %}sum of the row. In a cycle with step[i] stage i takes what the
//              stage before it holds, and keeps its own value in other cycles; with first the last stage begins a row.
// Latency      with step all ones, operands present in cycle t are in row_sum in cycle t+{{ steps }}.
// Throughput   a beat every cycle.
// Reset        none: whoever drives step and first knows which stages hold something.

module av_column #(
    parameter SUM_W = {{ sum_w }}  // bits of the sum of a row, at least those of a beat's
) (
    input  wire             clk,
    input  wire [{{ steps - 1 }}:0] step,
    input  wire             first,
    input  wire [{{ groups * prob_w - 1 }}:0] probs,
    input  wire [{{ groups * value_w - 1 }}:0] values,
    output wire [SUM_W-1:0] row_sum
);

  localparam GROUPS  = {{ groups }};  // products of a beat
  localparam PROB_W  = {{ prob_w }};
  localparam VALUE_W = {{ value_w }};
  localparam PROD_W  = PROB_W + VALUE_W;
  localparam BEAT_W  = {{ beat_w }};  // bits of the sum of a beat
  localparam STEPS   = {{ steps }};
  {% for level in levels %}
  localparam {{ level.width_name }} = {{ level.width }};  // bits of a sum of up to {{ level.terms_below }} products
  {% endfor %}

  reg [GROUPS*PROD_W-1:0] products_q;

  genvar group;
  generate
    for (group = 0; group < GROUPS; group = group + 1) begin : g_multiplier
      wire        [ PROB_W-1:0] prob = probs[group*PROB_W+:PROB_W];
      wire        [VALUE_W-1:0] value = values[group*VALUE_W+:VALUE_W];
      wire signed [ PROD_W-1:0] prob_factor = {{VALUE_W{1'b0}}, prob};
      wire signed [ PROD_W-1:0] value_factor = {{PROB_W{value[VALUE_W-1]}}, value};

      always @(posedge clk) begin
        if (step[0]) products_q[group*PROD_W+:PROD_W] <= prob_factor * value_factor;
      end
    end
  endgenerate

  {% if wide_levels %}
  genvar node;
  {% endif %}
  {% for level in levels %}
  // Sums of up to four, {{ level.from_lanes }} to {{ level.lanes }}.
  reg [{% if level.lanes > 1 %}{{ level.lanes }}*{% endif %}{{ level.width_name }}-1:0] {{ level.name }}_q;
  {% if level.spare > 0 %}
  wire [{{ level.padded }}*{{ level.from_width_name }}-1:0] {{ level.from_name }}_padded =
      {{ "{{" }}{{ level.spare }} * {{ level.from_width_name }} {1'b0}}, {{ level.from_name }}_q};
  {% endif %}

  {% if level.lanes > 1 %}
  generate
    for (node = 0; node < {{ level.lanes }}; node = node + 1) begin : g_{{ level.name }}
      wire [4*{{ level.from_width_name }}-1:0] terms =
          {{ level.from_name }}_{% if level.spare > 0 %}padded{% else %}q{% endif %}[4*node*{{ level.from_width_name }}+:4*{{ level.from_width_name }}];

      always @(posedge clk) begin
        if (step[{{ level.stage }}]) begin
          {{ level.name }}_q[node*{{ level.width_name }}+:{{ level.width_name }}] <=
              {{ level.sum | indent(width=14) }};
        end
      end
    end
  endgenerate
  {% else %}
  always @(posedge clk) begin
    if (step[{{ level.stage }}]) begin
      {{ level.name }}_q <=
          {{ level.sum | indent(width=10) }};
    end
  end
  {% endif %}

  {% endfor %}
  reg  [ SUM_W-1:0] row_sum_q;
  wire [BEAT_W-1:0] beat_sum = {{ beat_sum }};

  always @(posedge clk) begin
    if (step[STEPS-1]) begin
      row_sum_q <= (first ? {SUM_W{1'b0}} : row_sum_q)
                 + {{(SUM_W - BEAT_W + 1){beat_sum[BEAT_W-1]}}, beat_sum[BEAT_W-2:0]};
    end
  end

  assign row_sum = row_sum_q;

endmodule
