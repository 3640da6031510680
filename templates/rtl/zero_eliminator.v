// Purpose      moves the kept lanes of a beat together, in order, as the zero eliminator of the paper's section IV-B.
//              A prefix count gives each kept lane its destination; $clog2(LANES) layers of exchanges bring it there,
//              layer b deciding bit b of the lane number. The destination travels with the element.
// CHAIN        0: the first kept lane of every beat goes to lane 0. 1: it goes to the lane after the last one of the
//              beat before (lane 0 again after push_last), so that the beats of a row lie end to end, lane LANES-1 being
//              followed by lane 0; lanes below pop_start then belong to the next word. The network is the same.
// Protocol     valid/ready on both sides: valid never waits for ready, and a payload offered stays until it is taken.
// Output       pop_keep marks the lanes that hold elements, pop_count of them, from lane pop_start on; the data of
//              other lanes is undefined. A beat in gives a beat out, even an empty one.
// Latency      a beat accepted in cycle t is offered in cycle t+2.
// Throughput   one beat every cycle.
// Reset        empties the pipeline. Payload registers have no reset: their valid bits qualify them.

module zero_eliminator #(
    parameter DATA_W = {{ data_w }},  // bits of an element
    parameter CHAIN  = 0  // 1: beats of a row are laid end to end
) (
    input  wire                       clk,
    input  wire                       {{ rst.port }},

    input  wire                       push_valid,
    output wire                       push_ready,
    input  wire [{{ lanes }}*DATA_W-1:0] push_data,
    input  wire [{{ lanes - 1 }}:0] push_keep,
    input  wire                       push_last,

    output wire                       pop_valid,
    input  wire                       pop_ready,
    output wire [{{ lanes }}*DATA_W-1:0] pop_data,
    output wire [{{ lanes - 1 }}:0] pop_keep,
    output wire [{{ lane_w - 1 }}:0] pop_start,
    output wire [{{ count_w - 1 }}:0] pop_count,
    output wire                       pop_last
);

  localparam LANES   = {{ lanes }};
  localparam LANE_W  = {{ lane_w }};  // bits of a lane number
  localparam COUNT_W = {{ count_w }};  // bits of a count, 0 to LANES

  // ---- stage 1: destinations ---------------------------------------------------------------------------------------

  // counts: in lane i, the kept lanes from 0 to i, modulo LANES.
  reg [{{ counts_bits - 1 }}:0] counts;

  {{ counts_logic | indent(width=2) }}

  {% if lanes > 1 %}
  wire [LANE_W-1:0] kept = counts[(LANES-1)*LANE_W+:LANE_W];
  wire [COUNT_W-1:0] count = {&push_keep, kept};
  {% else %}
  wire [COUNT_W-1:0] count = counts;
  {% endif %}

  reg s1_valid_q;
  reg s2_valid_q;

  wire s2_ready = !s2_valid_q || pop_ready;
  wire s1_ready = !s1_valid_q || s2_ready;

  assign push_ready = s1_ready;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      s1_valid_q <= 1'b0;
      s2_valid_q <= 1'b0;
    end else begin
      if (s1_ready) s1_valid_q <= push_valid;
      if (s2_ready) s2_valid_q <= s1_valid_q;
    end
  end

  // start: the lane that the first kept element of this beat goes to.
  wire [LANE_W-1:0] start;

  {% if lanes > 1 %}
  generate
    if (CHAIN != 0) begin : g_chain
      reg [LANE_W-1:0] start_q;

      always @(posedge clk{{ rst.edge }}) begin
        if ({{ rst.active }}) start_q <= {LANE_W{1'b0}};
        else if (push_valid && push_ready) begin
          start_q <= push_last ? {LANE_W{1'b0}} : start_q + kept;
        end
      end

      assign start = start_q;
    end else begin : g_no_chain
      assign start = {LANE_W{1'b0}};
    end
  endgenerate
  {% else %}
  assign start = 1'b0;

  wire unused_chain = CHAIN != 0;  // one lane has nowhere to go
  {% endif %}

  reg  [LANES*DATA_W-1:0] s1_data_q;
  reg  [       LANES-1:0] s1_keep_q;
  {% if lanes > 1 %}
  reg  [LANES*LANE_W-1:0] s1_lane_q;
  {% endif %}
  reg  [      LANE_W-1:0] s1_start_q;
  reg  [     COUNT_W-1:0] s1_count_q;
  reg                     s1_last_q;

  always @(posedge clk) begin
    if (s1_ready) begin
      s1_data_q  <= push_data;
      s1_keep_q  <= push_keep;
      s1_start_q <= start;
      s1_count_q <= count;
      s1_last_q  <= push_last;
    end
  end

  {% if lanes > 1 %}
  genvar lane;
  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_destination
      if (lane == 0) begin : g_first
        always @(posedge clk) begin
          if (s1_ready) s1_lane_q[0+:LANE_W] <= start;
        end
      end else begin : g_other
        always @(posedge clk) begin
          if (s1_ready) s1_lane_q[lane*LANE_W+:LANE_W] <= start + counts[(lane-1)*LANE_W+:LANE_W];
        end
      end
    end
  endgenerate
  {% endif %}

  // ---- stage 2: exchanges ------------------------------------------------------------------------------------------

  // Vectors of number b enter layer b; the last ones leave the network. No two elements meet: on the way in, elements of
  // one pair have consecutive destinations, which differ in the bit that the layer decides, and so on inwards. A layer
  // passes on the bits of the destination that are still to be decided.
  wire [LANES-1:0] keep_0 = s1_keep_q;
  wire [LANES*DATA_W-1:0] data_0 = s1_data_q;
  {% if lanes > 1 %}
  wire [LANES*LANE_W-1:0] lane_0 = s1_lane_q;
  {% endif %}
  {% for layer in layer_list %}

  // Layer {{ layer.number }}: cross: the lane takes the element of its partner, {{ layer.distance }} lane{% if layer.distance > 1 %}s{% endif %} away; stay: it keeps its own.
  reg  [LANES-1:0] cross_{{ layer.number }};
  reg  [LANES-1:0] stay_{{ layer.number }};
  wire [LANES-1:0] keep_{{ layer.number + 1 }} = cross_{{ layer.number }} | stay_{{ layer.number }};
  wire [LANES*DATA_W-1:0] data_{{ layer.number + 1 }};
  {% if layer.lane_w > 1 %}
  wire [LANES*{{ layer.lane_w - 1 }}-1:0] lane_{{ layer.number + 1 }};
  {% endif %}

  {{ layer.logic | indent(width=2) }}

  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_layer_{{ layer.number }}
      localparam PARTNER = lane ^ {{ layer.distance }};

      assign data_{{ layer.number + 1 }}[lane*DATA_W+:DATA_W] =
          cross_{{ layer.number }}[lane] ? data_{{ layer.number }}[PARTNER*DATA_W+:DATA_W] : data_{{ layer.number }}[lane*DATA_W+:DATA_W];
      {% if layer.lane_w > 1 %}
      assign lane_{{ layer.number + 1 }}[lane*{{ layer.lane_w - 1 }}+:{{ layer.lane_w - 1 }}] =
          cross_{{ layer.number }}[lane] ? lane_{{ layer.number }}[PARTNER*{{ layer.lane_w }}+1+:{{ layer.lane_w - 1 }}] : lane_{{ layer.number }}[lane*{{ layer.lane_w }}+1+:{{ layer.lane_w - 1 }}];
      {% endif %}
    end
  endgenerate
  {% endfor %}

  reg  [LANES*DATA_W-1:0] s2_data_q;
  reg  [       LANES-1:0] s2_keep_q;
  reg  [      LANE_W-1:0] s2_start_q;
  reg  [     COUNT_W-1:0] s2_count_q;
  reg                     s2_last_q;

  always @(posedge clk) begin
    if (s2_ready) begin
      s2_data_q  <= data_{{ layers }};
      s2_keep_q  <= keep_{{ layers }};
      s2_start_q <= s1_start_q;
      s2_count_q <= s1_count_q;
      s2_last_q  <= s1_last_q;
    end
  end

  assign pop_valid = s2_valid_q;
  assign pop_data  = s2_data_q;
  assign pop_keep  = s2_keep_q;
  assign pop_start = s2_start_q;
  assign pop_count = s2_count_q;
  assign pop_last  = s2_last_q;

endmodule
