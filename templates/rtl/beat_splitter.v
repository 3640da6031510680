// Purpose      takes beats of the plane fetcher, which hold the vectors that an array uses in {% if wide == 1 %}a cycle{% else %}two cycles{% endif %}, and gives
//              them out in pieces for one: {{ config.multipliers }} / D vectors, fewer only at the end of a list.
// Input        dim: log2 of the head dimension, less 5. through: goes along.
// Output       a piece for each {{ config.multipliers }} / D vectors of a beat, or part of that; an empty beat gives one empty piece.
// Protocol     valid/ready on both sides: valid never waits for ready, and a payload offered stays until it is taken.
// Latency      a beat taken in cycle t by an empty splitter is offered in t+{% if wide == 1 %}1{% else %}2{% endif %}.
// Throughput   a piece every cycle.
// Reset        drops what it holds. Payloads have no reset: valid bits qualify them.

module beat_splitter #(
    parameter DEPTH = 2  // beats that wait, at least 1
) (
    input  wire clk,
    input  wire {{ rst.port }},

    input  wire push_valid,
    output wire push_ready,
    input  wire [{{ beat_elements * config.width - 1 }}:0] push_data,
    input  wire [{{ beat_count_w - 1 }}:0] push_count,
    input  wire push_last,
    input  wire push_through,
    input  wire [1:0] push_dim,

    output wire pop_valid,
    input  wire pop_ready,
    output wire [{{ config.multipliers * config.width - 1 }}:0] pop_data,
    output wire [{{ vector_count_w - 1 }}:0] pop_count,
    output wire pop_last,
    output wire pop_through
);

  localparam DATA_W  = {{ beat_elements * config.width }};
  localparam COUNT_W = {{ beat_count_w }};
  {% if wide == 1 %}

  wire unused_dim = &push_dim;

  reg_fifo #(
      .WIDTH(DATA_W + COUNT_W + 2),
      .DEPTH(DEPTH)
  ) u_beats (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .clear     (1'b0),
      .push_valid(push_valid),
      .push_ready(push_ready),
      .push_data ({push_through, push_last, push_count, push_data}),
      .pop_valid (pop_valid),
      .pop_ready (pop_ready),
      .pop_data  ({pop_through, pop_last, pop_count, pop_data})
  );
  {% else %}
  localparam PIECE_W  = {{ config.multipliers * config.width }};
  localparam PIECE    = {{ vector_lanes }};  // vectors of a piece, at the smallest head dimension
  localparam NUMBER_W = {{ vector_count_w }};

  localparam [COUNT_W-1:0] ALL = PIECE[COUNT_W-1:0];

  wire               beat_valid, beat_ready, beat_last, beat_through;
  wire [ DATA_W-1:0] beat_data;
  wire [COUNT_W-1:0] beat_count;
  wire [        1:0] beat_dim;

  reg_fifo #(
      .WIDTH(DATA_W + COUNT_W + 4),
      .DEPTH(DEPTH)
  ) u_beats (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .clear     (1'b0),
      .push_valid(push_valid),
      .push_ready(push_ready),
      .push_data ({push_through, push_dim, push_last, push_count, push_data}),
      .pop_valid (beat_valid),
      .pop_ready (beat_ready),
      .pop_data  ({beat_through, beat_dim, beat_last, beat_count, beat_data})
  );

  // The piece on offer, and whether another of its beat follows.
  reg                 valid_q;
  reg                 more_q;
  reg  [  DATA_W-1:0] data_q;
  reg  [NUMBER_W-1:0] count_q;
  reg  [NUMBER_W-1:0] rest_q;  // vectors of the other one
  reg                 last_q;
  reg                 through_q;
  wire [ COUNT_W-1:0] piece = ALL >> beat_dim;
  wire                more = beat_count > piece;
  wire [ COUNT_W-1:0] rest = beat_count - piece;
  wire                enter = beat_valid && beat_ready;
  wire                unused_rest = &rest[COUNT_W-1:NUMBER_W];

  assign beat_ready  = !valid_q || (pop_ready && !more_q);
  assign pop_valid   = valid_q;
  assign pop_data    = data_q[PIECE_W-1:0];
  assign pop_count   = count_q;
  assign pop_last    = last_q && !more_q;
  assign pop_through = through_q;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      valid_q <= 1'b0;
      more_q  <= 1'b0;
    end else if (beat_ready) begin
      valid_q <= beat_valid;
      more_q  <= beat_valid && more;
    end else if (pop_ready) begin
      more_q <= 1'b0;
    end
  end

  always @(posedge clk) begin
    if (enter) begin
      data_q    <= beat_data;
      count_q   <= more ? piece[NUMBER_W-1:0] : beat_count[NUMBER_W-1:0];
      rest_q    <= rest[NUMBER_W-1:0];
      last_q    <= beat_last;
      through_q <= beat_through;
    end else if (valid_q && pop_ready) begin
      data_q[PIECE_W-1:0] <= data_q[DATA_W-1:PIECE_W];
      count_q             <= rest_q;
    end
  end
  {% endif %}

endmodule
