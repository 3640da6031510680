{% if config.exp == "poly5" %}
// Purpose      2^-f for 0 <= f < 1: 1 - f (c1 - f (c2 - f (c3 - f (c4 - f c5)))), by Horner's rule, from the inside.
// Formats      f has {{ f_w }} fraction bits, g and the coefficients {{ g_w }}. The inner factors are small: they have fewer bits, and need
//              only the upper ones of f. Each product is rounded down, the last one half up; g(0) = 1 exactly.
{% else %}
// Purpose      2^-f for 0 <= f < 1: samples at multiples of 2^-{{ index_w }}, linearly interpolated.
// Formats      f has {{ f_w }} fraction bits, g {{ g_w }}. The product is rounded half up; g(0) = 1 exactly.
{% endif %}
// Latency      {{ latency }} cycles; never stalls.
// Throughput   one f every cycle.
// Reset        none: a valid bit of the pipeline qualifies the data.

module softmax_fraction (
    input  wire clk,

    input  wire [{{ f_w - 1 }}:0] f,
    output wire [{{ g_w }}:0] g
);

  localparam F = {{ f_w }};  // fraction bits of f
  localparam G = {{ g_w }};  // fraction bits of g

  {% if config.exp == "poly5" %}
  // Bits of the factors h_i, which hold the value of the parenthesis that opens with c_i.
  localparam H5_W = G - 9;
  {% for step in steps %}
  localparam H{{ step.number }}_W = G{% if step.headroom > 0 %} - {{ step.headroom }}{% endif %};
  {% endfor %}

  localparam [H5_W-1:0] C5 = {{ g_w - 9 }}'d{{ c5 }};
  {% for step in steps %}
  localparam [H{{ step.number }}_W-1:0] C{{ step.number }} = {{ g_w - step.headroom }}'d{{ step.coefficient }};
  {% endfor %}

  wire [H5_W-1:0] h5 = C5;
  {% for step in steps %}
  {% set n = step.number %}
  {% set inner = step.number + 1 %}

  // ---- h{{ n }} = c{{ n }} - f h{{ inner }}: two cycles --------------------------------------------------------------------------------------

  {% if step.delay > 0 %}
  wire [F-1:0] f{{ n }};  // f, {{ step.delay }} cycles later

  delay_line #(
      .WIDTH(F),
      .DEPTH(2)
  ) u_f{{ n }} (
      .clk     (clk),
      .data_in (f{% if step.delay > 2 %}{{ inner }}{% endif %}),
      .data_out(f{{ n }})
  );

  {% endif %}
  wire [H{{ inner }}_W-1:0] fall{{ n }};
  reg  [H{{ n }}_W-1:0] h{{ n }}_q;

  multiplier #(
      .A_W  (F{% if step.dropped > 0 %} - {{ step.dropped }}{% endif %}),
      .B_W  (H{{ inner }}_W),
      .DROP (F{% if step.dropped > 0 %} - {{ step.dropped }}{% endif %}),
      .ROUND(0)
  ) u_step{{ n }} (
      .clk    (clk),
      .en     (1'b1),
      .a      (f{% if step.delay > 0 %}{{ n }}{% endif %}[F-1:{{ step.dropped }}]),
      .b      (h{{ inner }}{% if step.delay > 0 %}_q{% endif %}),
      .product(fall{{ n }})
  );

  always @(posedge clk) h{{ n }}_q <= C{{ n }} - {{(H{{ n }}_W - H{{ inner }}_W){1'b0}}, fall{{ n }}};
  {% endfor %}

  // ---- g = 1 - f h1: two cycles ----------------------------------------------------------------------------------------

  wire [F-1:0] f0;  // f, 8 cycles later
  wire [G-1:0] fall0;
  reg  [  G:0] g_q;

  delay_line #(
      .WIDTH(F),
      .DEPTH(2)
  ) u_f0 (
      .clk     (clk),
      .data_in (f1),
      .data_out(f0)
  );

  multiplier #(
      .A_W  (G),
      .B_W  (F),
      .DROP (F),
      .ROUND(1)
  ) u_step0 (
      .clk    (clk),
      .en     (1'b1),
      .a      (h1_q),
      .b      (f0),
      .product(fall0)
  );

  always @(posedge clk) g_q <= {1'b1, {G{1'b0}}} - {1'b0, fall0};

  assign g = g_q;
  {% else %}
  localparam INDEX_W = {{ index_w }};  // bits that choose a sample
  localparam REST_W  = F - INDEX_W;
  localparam FALL_W  = G - INDEX_W;

  // ---- a sample, and how far the next one is below it --------------------------------------------------------------------

  reg [       G:0] sample_q;
  reg [FALL_W-1:0] fall_q;
  reg [REST_W-1:0] rest_q;

  always @(posedge clk) begin
    rest_q <= f[REST_W-1:0];
    case (f[F-1:REST_W])
      {% for sample in samples %}
      {% if loop.last %}default{% else %}{{ index_w }}'d{{ sample.index }}{% endif %}: {sample_q, fall_q} <= {{{ g_w + 1 }}'d{{ sample.value }}, {{ g_w - index_w }}'d{{ sample.fall }}};
      {% endfor %}
    endcase
  end

  // ---- the chord between them ----------------------------------------------------------------------------------------------

  reg  [       G:0] start_q;
  reg  [       G:0] g_q;
  wire [FALL_W-1:0] below;

  multiplier #(
      .A_W  (FALL_W),
      .B_W  (REST_W),
      .DROP (REST_W),
      .ROUND(1)
  ) u_chord (
      .clk    (clk),
      .en     (1'b1),
      .a      (fall_q),
      .b      (rest_q),
      .product(below)
  );

  always @(posedge clk) begin
    start_q <= sample_q;
    g_q     <= start_q - {{(G + 1 - FALL_W){1'b0}}, below};
  end

  assign g = g_q;
  {% endif %}

endmodule
