// A pick_queue that takes a step when what it told before is taken: `seen` is the state in which the step comes, with 0
// for the oldest pick of none.

module pick_queue_stand #(
    parameter WIDTH = {{ width }}
) (
    input  wire             clk,
    input  wire             {{ rst.port }},

    input  wire             step_valid,
    output wire             step_ready,
    input  wire             step_push,
    input  wire             step_now,
    input  wire             step_turn,
    input  wire             step_pop,
    input  wire [WIDTH-1:0] step_data,

    output wire             seen_valid,
    input  wire             seen_ready,
    output wire             seen_room,
    output wire             seen_any,
    output wire             seen_two,
    output wire [WIDTH-1:0] seen_data
);

  wire go = step_valid && seen_ready;
  wire [WIDTH-1:0] oldest;
  reg  [7:0] held_q;  // picks inside

  assign seen_data = held_q != 8'd0 ? oldest : {WIDTH{1'b0}};

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) held_q <= 8'd0;
    else held_q <= held_q + {7'd0, go && step_push} - {7'd0, go && step_pop};
  end

  assign step_ready = seen_ready;
  assign seen_valid = step_valid;

  pick_queue #(
      .WIDTH(WIDTH)
  ) dut (
      .clk      (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push     (go && step_push),
      .push_now (step_now),
      .push_data(step_data),
      .room     (seen_room),
      .turn     (go && step_turn),
      .any      (seen_any),
      .two      (seen_two),
      .pop      (go && step_pop),
      .pop_data (oldest)
  );

endmodule
