// What a stream that keeps its items in order must do, for every input and from every state that reset leads to.
// Bind by instantiation beside the module under proof.
//
// One item, freely chosen, is followed from push to pop: it comes out unchanged after exactly those that were inside
// before it. As the choice is free, no item is lost, duplicated, invented, changed or overtaken.

module fifo_rules #(
    parameter WIDTH    = 2,
    parameter CAPACITY = 2,  // most items inside at once
    parameter LATENCY  = 1  // most cycles with an item inside and none offered, whatever pop_ready does
) (
    input wire             clk,
    input wire             rst,
    input wire             push_valid,
    input wire             push_ready,
    input wire [WIDTH-1:0] push_data,
    input wire             pop_valid,
    input wire             pop_ready,
    input wire [WIDTH-1:0] pop_data,
    input wire             choose  // free: follow the item that is pushed now
);

  localparam COUNT_W = $clog2(CAPACITY + 2);
  localparam WAIT_W  = $clog2(LATENCY + 2);

  wire push = push_valid && push_ready;
  wire pop  = pop_valid && pop_ready;

  reg               begun    = 1'b0;  // a reset has been
  reg               following = 1'b0;
  reg [COUNT_W-1:0] inside   = 0;
  reg [COUNT_W-1:0] ahead    = 0;  // items to leave before the one followed
  reg [  WIDTH-1:0] followed = 0;
  reg [ WAIT_W-1:0] waited   = 0;

  always @(posedge clk) begin
    begun <= begun || rst;
    if (rst) begin
      following <= 1'b0;
      inside    <= 0;
      waited    <= 0;
    end else begin
      inside <= inside + push - pop;
      waited <= inside != 0 && !pop_valid ? waited + 1 : 0;
      if (following) begin
        if (pop && ahead == 0) following <= 1'b0;
        else if (pop) ahead <= ahead - 1;
      end else if (push && choose) begin
        following <= 1'b1;
        followed  <= push_data;
        ahead     <= inside - pop;
      end
    end
  end

  // The state of the side that pushes: it keeps the rules of a stream.
  reg             push_stalled = 1'b0;
  reg [WIDTH-1:0] push_held = 0;
  reg             pop_stalled = 1'b0;
  reg [WIDTH-1:0] pop_held = 0;
  reg             was_reset = 1'b0;

  always @(posedge clk) begin
    push_stalled <= !rst && push_valid && !push_ready;
    push_held    <= push_data;
    pop_stalled  <= !rst && pop_valid && !pop_ready;
    pop_held     <= pop_data;
    was_reset    <= rst;
  end

  always @(*) begin
    if (!begun) assume (rst);
    if (push_stalled) assume (push_valid && push_data == push_held);
    if (rst) assume (!push_valid);
  end

  always @(posedge clk) begin
    if (begun && !rst) begin
      a_not_invented: assert (!pop_valid || inside != 0);
      a_bounded: assert (inside <= CAPACITY);
      a_followed: assert (!(following && pop && ahead == 0) || pop_data == followed);
      a_valid_stays: assert (!pop_stalled || pop_valid);
      a_payload_stays: assert (!pop_stalled || pop_data == pop_held);
      a_offered_in_time: assert (waited <= LATENCY);
      a_empty_accepts: assert (inside != 0 || push_ready);
      a_silent_after_reset: assert (!was_reset || !pop_valid);
    end
    c_full: cover (begun && inside == CAPACITY);
    c_through: cover (begun && following && pop && ahead == 0 && push);
  end

endmodule
