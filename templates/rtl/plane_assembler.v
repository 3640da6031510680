// Purpose      from the bit planes of vectors to operands. Plane p of the planes that arrive, most significant first, is bit
//              WIDTH - 1 - shift - p of each operand; the others are zero. With `merge` the planes join those that arrived
//              before, so MSB and LSB planes of the same vectors come one after the other, shift being the number of
//              MSB planes for the LSBs.
// Input        each of LANES lanes has the vectors that fill {{ config.head_dim }} multipliers at the head dimension `dim`: up to {{ kmax }},
//              each with its planes end to end, `planes` of them.
// Output       a beat of {{ passes }} x LANES lanes, element 0 in the low bits; `close` ends it{% if passes > 1 %}, `pass` says which lanes arrive{% endif %}.
// Protocol     valid/ready on both sides: valid never waits for ready, and a payload offered stays until it is taken or
//              cleared.
// Latency      what closes a beat in cycle t is offered in cycle t+1.
// Throughput   one item every cycle.
// Reset        drops the beat. Payload registers have no reset: their valid bit qualifies them.

module plane_assembler #(
    parameter CTX_W = 16  // bits that travel with a beat
) (
    input  wire             clk,
    input  wire             {{ rst.port }},
    input  wire             clear,

    input  wire             push_valid,
    output wire             push_ready,
    input  wire [{{ lanes * lane_words * 32 - 1 }}:0] push_words,
    input  wire [1:0]       push_dim,
    input  wire [{{ plane_w - 1 }}:0] push_planes,
    input  wire [{{ plane_w - 1 }}:0] push_shift,
    input  wire             push_merge,
    input  wire             push_close,
    input  wire [{{ pass_w - 1 }}:0] push_pass,
    input  wire [{{ count_w - 1 }}:0] push_count,
    input  wire             push_last,
    input  wire [CTX_W-1:0] push_ctx,

    output wire             pop_valid,
    input  wire             pop_ready,
    output wire [{{ beat_elements * config.width - 1 }}:0] pop_data,
    output wire [{{ count_w - 1 }}:0] pop_count,
    output wire             pop_last,
    output wire [CTX_W-1:0] pop_ctx
);

  localparam LANES   = {{ lanes }};
  localparam DIM     = {{ config.head_dim }};  // multipliers of a lane
  localparam WIDTH   = {{ config.width }};
  localparam PLANE_W = {{ plane_w }};
  localparam COUNT_W = {{ count_w }};
  localparam WORDS_W = {{ lane_words * 32 }};  // bits of the vectors of a lane
  localparam LANE_W  = WIDTH * DIM;
  localparam PASSES  = {{ passes }};
  {% if passes > 1 %}
  localparam PASS_W  = {{ pass_w }};
  {% endif %}

  reg                valid_q;
  reg  [COUNT_W-1:0] count_q;
  reg                last_q;
  reg  [  CTX_W-1:0] ctx_q;

  assign push_ready = !valid_q || pop_ready;

  wire push = push_valid && push_ready;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) valid_q <= 1'b0;
    else if (clear) valid_q <= 1'b0;
    else if (push_ready) valid_q <= push && push_close;
  end

  always @(posedge clk) begin
    if (push) begin
      count_q <= push_count;
      last_q  <= push_last;
      ctx_q   <= push_ctx;
    end
  end

  assign pop_valid = valid_q;
  assign pop_count = count_q;
  assign pop_last  = last_q;
  assign pop_ctx   = ctx_q;
  {% if kmax == 1 %}

  wire unused_dim = &push_dim;
  {% endif %}
  {% if passes == 1 %}

  wire unused_pass = &push_pass;
  {% endif %}

  genvar lane;
  genvar plane;
  genvar pass;
  genvar element;
  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_lane
      wire [WORDS_W-1:0] vectors = push_words[lane*WORDS_W+:WORDS_W];
      wire [ LANE_W-1:0] planes;  // plane 0 in the low bits, in it the lane's elements in order

      for (plane = 0; plane < WIDTH; plane = plane + 1) begin : g_plane
        localparam PLANE_INT = plane;
        localparam [PLANE_W-1:0] PLANE = PLANE_INT[PLANE_W-1:0];

        // By head dimension.
        {% for dim in dim_list %}
        wire [DIM-1:0] bits_{{ dim.code }} = {
          {% for slot in dim.slots %}
          vectors[{{ slot.at }}*32+plane*{{ dim.size }}+:{{ dim.size }}]{% if not loop.last %},{% endif %}
          {% endfor %}
        };
        {% endfor %}
        {% if kmax == 4 %}
        wire [DIM-1:0] bits = push_dim == 2'd0 ? bits_0 : push_dim == 2'd1 ? bits_1 : bits_2;
        {% elif kmax == 2 %}
        wire [DIM-1:0] bits = push_dim == 2'd0 ? bits_0 : bits_1;
        {% else %}
        wire [DIM-1:0] bits = bits_0;
        {% endif %}

        assign planes[plane*DIM+:DIM] = bits & {DIM{PLANE < push_planes}};
      end

      // Down by `shift` bits of the operand.
      reg [LANE_W-1:0] placed;
      integer by;
      always @(*) begin
        placed = planes;
        for (by = 0; by < PLANE_W; by = by + 1) begin
          if (push_shift[by]) placed = placed << (DIM << by);
        end
      end

      for (pass = 0; pass < PASSES; pass = pass + 1) begin : g_pass
        {% if passes > 1 %}
        localparam PASS_INT = pass;
        localparam [PASS_W-1:0] PASS = PASS_INT[PASS_W-1:0];

        wire here = push_pass == PASS;
        {% else %}
        wire here = 1'b1;
        {% endif %}
        reg [LANE_W-1:0] planes_q;

        always @(posedge clk) begin
          if (push && here) planes_q <= push_merge ? planes_q | placed : placed;
        end

        for (element = 0; element < DIM; element = element + 1) begin : g_element
          assign pop_data[((pass*LANES+lane)*DIM+element)*WIDTH+:WIDTH] = {
            {% for plane in plane_list %}
            planes_q[{{ plane }}*DIM+element]{% if not loop.last %},{% endif %}
            {% endfor %}
          };
        end
      end
    end
  endgenerate

endmodule
