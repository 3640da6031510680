// Purpose      takes beats of the plane fetcher, which hold the vectors that an array uses in {% if wide == 1 %}a cycle{% else %}two cycles{% endif %}, and gives
//              them out in pieces for one: {{ config.multipliers }} / D vectors, fewer only at the end of a list.
// Input        dim: log2 of the head dimension, less 5. through: goes along.
// Output       a piece for each {{ config.multipliers }} / D vectors of a beat, or part of that; an empty beat gives one empty piece.
// Protocol     valid/ready on both sides: valid never waits for ready, and a payload offered stays until it is taken.
// Latency      a beat taken in cycle t by an empty splitter is offered in t+1, or in t+{{ config.ram_latency + 2 }} when DEPTH is above 4: then
//              beats wait in a RAM.
// Throughput   a piece every cycle, from DEPTH 2 on.
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

  localparam DATA_W   = {{ beat_elements * config.width }};
  localparam COUNT_W  = {{ beat_count_w }};
  localparam BEAT_W   = DATA_W + COUNT_W + 4;
  localparam IN_REGS  = 4;  // most beats that stand in registers

  wire               beat_valid, beat_ready, beat_last;
  wire [ DATA_W-1:0] beat_data;
  wire [COUNT_W-1:0] beat_count;
  wire [        1:0] beat_dim;

  generate
    if (DEPTH <= IN_REGS) begin : g_registers
      reg_fifo #(
          .WIDTH(BEAT_W),
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
          .pop_data  ({pop_through, beat_dim, beat_last, beat_count, beat_data})
      );
    end else begin : g_ram
      stream_fifo #(
          .WIDTH(BEAT_W),
          .DEPTH(DEPTH)
      ) u_beats (
          .clk       (clk),
          .{{ rst.port }}({{ rst.port }}),
          .push_valid(push_valid),
          .push_ready(push_ready),
          .push_data ({push_through, push_dim, push_last, push_count, push_data}),
          .pop_valid (beat_valid),
          .pop_ready (beat_ready),
          .pop_data  ({pop_through, beat_dim, beat_last, beat_count, beat_data})
      );
    end
  endgenerate
  {% if wide == 1 %}

  wire unused_dim = &beat_dim;

  assign pop_valid  = beat_valid;
  assign beat_ready = pop_ready;
  assign pop_data   = beat_data;
  assign pop_count  = beat_count;
  assign pop_last   = beat_last;
  {% else %}

  // A beat that holds more than one piece stays for the other one.
  localparam PIECE_W  = {{ config.multipliers * config.width }};
  localparam PIECE    = {{ vector_lanes }};  // vectors of a piece, at the smallest head dimension
  localparam NUMBER_W = {{ vector_count_w }};

  localparam [COUNT_W-1:0] ALL = PIECE[COUNT_W-1:0];

  reg                second_q;
  wire [COUNT_W-1:0] piece = ALL >> beat_dim;
  wire [COUNT_W-1:0] rest = beat_count - piece;
  wire               more = !second_q && beat_count > piece;
  wire [COUNT_W-1:0] count = second_q ? rest : more ? piece : beat_count;
  wire               unused_count = &count[COUNT_W-1:NUMBER_W];

  assign pop_valid  = beat_valid;
  assign beat_ready = pop_ready && !more;
  assign pop_data   = second_q ? beat_data[DATA_W-1:PIECE_W] : beat_data[PIECE_W-1:0];
  assign pop_count  = count[NUMBER_W-1:0];
  assign pop_last   = beat_last && !more;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) second_q <= 1'b0;
    else if (pop_valid && pop_ready) second_q <= more;
  end
  {% endif %}

endmodule
