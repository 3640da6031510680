// Purpose      picks of a value_buffer that wait for the read of one RAM: a FIFO that tells how many of them are of the row
//              at hand. Behind those there may be picks of the next row.
// Protocol     a pick is pushed only while there is room, and popped only with `any`. `turn` ends the row at hand: all that
//              is left, and what is pushed in the same cycle, is of the next one, which is then at hand.
// Output       any, two: the oldest pick is of the row at hand, the oldest two are. pop_data is the oldest pick.
// Latency      what is pushed in cycle t is seen in cycle t+1.
// Throughput   a push and a pop every cycle.
// Timing       pop and turn may come late in the cycle.
// Reset        empties the queue. The picks have no reset: their valid bits qualify them.

module pick_queue #(
    parameter WIDTH = {{ width }}  // bits of a pick
) (
    input  wire             clk,
    input  wire             {{ rst.port }},

    input  wire             push,
    input  wire             push_now,  // the pick is of the row at hand
    input  wire [WIDTH-1:0] push_data,
    output wire             room,

    input  wire             turn,
    output wire             any,
    output wire             two,
    input  wire             pop,
    output wire [WIDTH-1:0] pop_data
);

  localparam PLACES = {{ queue }};

  // The oldest in place 0.
  reg  [      PLACES-1:0] valid_q;
  reg  [      PLACES-1:0] now_q;  // valid, and of the row at hand
  reg  [PLACES*WIDTH-1:0] data_q;

  // What comes without a pop, and with one.
  wire [      PLACES-1:0] stay_enter = ((valid_q << 1) | {{(PLACES - 1){1'b0}}, 1'b1}) & ~valid_q;
  wire [      PLACES-1:0] move_enter = valid_q & ~(valid_q >> 1);
  wire [      PLACES-1:0] stay_valid = valid_q | (stay_enter & {PLACES{push}});
  wire [      PLACES-1:0] move_valid = (valid_q >> 1) | (move_enter & {PLACES{push}});
  wire [      PLACES-1:0] stay_now = now_q | (stay_enter & {PLACES{push && push_now}});
  wire [      PLACES-1:0] move_now = (now_q >> 1) | (move_enter & {PLACES{push && push_now}});

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      valid_q <= {PLACES{1'b0}};
      now_q   <= {PLACES{1'b0}};
    end else begin
      valid_q <= pop ? move_valid : stay_valid;
      now_q   <= pop ? (turn ? move_valid : move_now) : (turn ? stay_valid : stay_now);
    end
  end

  genvar place;
  generate
    for (place = 0; place < PLACES; place = place + 1) begin : g_place
      wire [WIDTH-1:0] here = data_q[place*WIDTH+:WIDTH];
      wire [WIDTH-1:0] behind;

      if (place + 1 < PLACES) begin : g_behind
        assign behind = data_q[(place+1)*WIDTH+:WIDTH];
      end else begin : g_last
        assign behind = push_data;
      end

      always @(posedge clk) begin
        data_q[place*WIDTH+:WIDTH] <=
            pop ? (move_enter[place] ? push_data : behind) : (stay_enter[place] ? push_data : here);
      end
    end
  endgenerate

  assign room     = !valid_q[PLACES-1];
  assign any      = now_q[0];
  assign two      = now_q[1];
  assign pop_data = data_q[0+:WIDTH];

endmodule
