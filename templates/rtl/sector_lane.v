// Purpose      from the sectors of one lane, as its request ports give them, to the vectors in it, each from its first word
//              on: the middle of the plane fetcher.
// Stage 1      collects the lane's sectors of a group, in up to {{ steps }} step{% if steps > 1 %}s{% endif %} of one sector a port: in a cycle with `collect`
//              the sectors of the step, port `start` having the lowest number.
// Stage 2      picks each vector's sectors (`pick`). A vector whose `first` is 0 begins in the sector `inherited`.
// Stage 3      shifts the vector's first word down (`shift`).
// Control      is the parent's: it enables a stage only when the one before holds a group.
// Reset        there is nothing to reset: the parent's valid bits qualify everything.

module sector_lane #(
    parameter PORTS = {{ rot_max }}  // of the lane
) (
    input  wire                 clk,

    input  wire                 collect,
    input  wire [{{ step_w - 1 }}:0] collect_step,
    input  wire [{{ rot_w - 1 }}:0] collect_start,
    input  wire [{{ t_w - 1 }}:0] collect_total,
    input  wire [{{ kmax * t_w - 1 }}:0] collect_first,
    input  wire [{{ kmax * 3 - 1 }}:0] collect_word,
    input  wire [PORTS*256-1:0] collect_data,

    // Of the group in stage 1: whether it fetched any sector in this lane, and the last one.
    output wire                 own,
    output wire [        255:0] own_last,
    input  wire [        255:0] inherited,

    input  wire                 pick,
    input  wire                 shift,
    output wire [{{ lane_words * 32 - 1 }}:0] words
);

  localparam SLOTS   = {{ kmax }};  // most vectors of the lane
  localparam SECTORS = {{ sectors }};  // most sectors of the lane
  localparam TOTAL_W = {{ t_w }};
  {% if rot_max > 1 %}
  localparam START_W = {{ rot_w }};
  {% endif %}
  localparam DATA_W  = 256;

  // ---- stage 1 -----------------------------------------------------------------------------------------------------

  reg [SECTORS*DATA_W-1:0] sector_q;
  reg [       TOTAL_W-1:0] total_q;
  reg [ SLOTS*TOTAL_W-1:0] first_q;
  reg [       SLOTS*3-1:0] word_q;

  always @(posedge clk) begin
    if (collect) begin
      total_q <= collect_total;
      first_q <= collect_first;
      word_q  <= collect_word;
    end
  end

  genvar number;
  generate
    for (number = 0; number < SECTORS; number = number + 1) begin : g_sector
      {% if steps > 1 %}
      localparam [31:0] STEP = number / PORTS;
      {% endif %}
      {% if rot_max > 1 %}
      localparam [31:0] AFTER_INT = number % PORTS;  // ports after the first one
      localparam [31:0] PORTS_INT = PORTS;

      wire [START_W:0] sum = {1'b0, collect_start} + AFTER_INT[START_W:0];
      wire [START_W:0] port = sum >= PORTS_INT[START_W:0] ? sum - PORTS_INT[START_W:0] : sum;

      always @(posedge clk) begin
        {% if steps > 1 %}
        if (collect && collect_step == STEP[{{ step_w - 1 }}:0]) begin
          sector_q[number*DATA_W+:DATA_W] <= collect_data[port*DATA_W+:DATA_W];
        end
        {% else %}
        if (collect) sector_q[number*DATA_W+:DATA_W] <= collect_data[port*DATA_W+:DATA_W];
        {% endif %}
      end
      {% else %}
      always @(posedge clk) begin
        {% if steps > 1 %}
        if (collect && collect_step == STEP[{{ step_w - 1 }}:0]) begin
          sector_q[number*DATA_W+:DATA_W] <= collect_data;
        end
        {% else %}
        if (collect) sector_q[number*DATA_W+:DATA_W] <= collect_data;
        {% endif %}
      end
      {% endif %}
    end
  endgenerate
  {% if steps == 1 %}

  wire unused_step = &collect_step;
  {% endif %}
  {% if rot_max == 1 %}

  wire unused_start = &collect_start;
  {% endif %}

  reg [DATA_W-1:0] last;
  integer n;
  always @(*) begin
    last = {DATA_W{1'b0}};
    for (n = 0; n < SECTORS; n = n + 1) begin
      if (total_q == n[TOTAL_W-1:0] + 1'b1) last = sector_q[n*DATA_W+:DATA_W];
    end
  end

  assign own      = total_q != {TOTAL_W{1'b0}};
  assign own_last = last;

  // ---- stages 2 and 3 ----------------------------------------------------------------------------------------------

  reg [DATA_W-1:0] inherited_q;

  always @(posedge clk) begin
    if (pick) inherited_q <= inherited;
  end
  {% for slot in slot_list %}

  // Vector {{ slot.number }}: up to {{ slot.words }} words, in up to {{ slot.sectors }} sectors.
  wire [TOTAL_W-1:0] first_{{ slot.number }} = first_q[{{ slot.number }}*TOTAL_W+:TOTAL_W];
  reg old_{{ slot.number }}_q;
  reg [2:0] word_{{ slot.number }}_q;
  reg [{{ slot.sectors }}*DATA_W-1:0] sectors_{{ slot.number }};
  reg [{{ slot.sectors }}*DATA_W-1:0] sectors_{{ slot.number }}_q;
  reg [{{ slot.words }}*32-1:0] words_{{ slot.number }}_q;
  wire [{{ slot.sectors }}*DATA_W-1:0] whole_{{ slot.number }} = {
    {% if slot.sectors > 1 %}
    sectors_{{ slot.number }}_q[{{ slot.sectors }}*DATA_W-1:DATA_W],
    {% endif %}
    (old_{{ slot.number }}_q ? inherited_q : sectors_{{ slot.number }}_q[DATA_W-1:0])
  };
  wire [{{ slot.sectors }}*DATA_W-1:0] shifted_{{ slot.number }} = whole_{{ slot.number }} >> {word_{{ slot.number }}_q, 5'd0};
  wire old_{{ slot.number }} = first_{{ slot.number }} == {TOTAL_W{1'b0}};

  {% if slot.number == 0 %}
  always @(*) begin
    sectors_0 = sector_q[{{ slot.sectors }}*DATA_W-1:0];
    {% if slot.sectors > 1 %}
    if (old_0) sectors_0[{{ slot.sectors }}*DATA_W-1:DATA_W] = sector_q[{{ slot.sectors - 1 }}*DATA_W-1:0];
    {% endif %}
  end
  {% else %}
  integer i_{{ slot.number }}, from_{{ slot.number }};
  always @(*) begin
    i_{{ slot.number }} = 0;
    sectors_{{ slot.number }} = sector_q[{{ slot.sectors }}*DATA_W-1:0];
    {% if slot.sectors > 1 %}
    if (old_{{ slot.number }}) sectors_{{ slot.number }}[{{ slot.sectors }}*DATA_W-1:DATA_W] = sector_q[{{ slot.sectors - 1 }}*DATA_W-1:0];
    {% endif %}
    for (from_{{ slot.number }} = 2; from_{{ slot.number }} <= {{ slot.last_first }}; from_{{ slot.number }} = from_{{ slot.number }} + 1) begin
      if (first_{{ slot.number }} == from_{{ slot.number }}[TOTAL_W-1:0]) begin
        for (i_{{ slot.number }} = 0; i_{{ slot.number }} < {{ slot.sectors }}; i_{{ slot.number }} = i_{{ slot.number }} + 1) begin
          if (from_{{ slot.number }} - 1 + i_{{ slot.number }} < SECTORS) begin
            sectors_{{ slot.number }}[i_{{ slot.number }}*DATA_W+:DATA_W] = sector_q[(from_{{ slot.number }}-1+i_{{ slot.number }})*DATA_W+:DATA_W];
          end
        end
      end
    end
  end
  {% endif %}

  always @(posedge clk) begin
    if (pick) begin
      old_{{ slot.number }}_q     <= old_{{ slot.number }};
      word_{{ slot.number }}_q    <= word_q[{{ slot.number }}*3+:3];
      sectors_{{ slot.number }}_q <= sectors_{{ slot.number }};
    end
    if (shift) words_{{ slot.number }}_q <= shifted_{{ slot.number }}[{{ slot.words }}*32-1:0];
  end

  wire unused_{{ slot.number }} = &shifted_{{ slot.number }}[{{ slot.sectors }}*DATA_W-1:{{ slot.words }}*32];

  assign words[{{ slot.at }}*32+:{{ slot.words }}*32] = words_{{ slot.number }}_q;
  {% endfor %}

endmodule
