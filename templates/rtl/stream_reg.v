// Protocol     valid/ready on both sides: valid never waits for ready, and a payload offered stays
//              until it is taken.
// Registered   every output; no combinational path leads from one side to the other.
// Latency      an item accepted in cycle t is offered in cycle t+1; a stall of the pop side reaches
//              push_ready a cycle later, and an item accepted meanwhile waits in the skid register.
// Throughput   one item every cycle.
// Reset        empties the slice. Payload registers have no reset: their valid bits qualify them.

module stream_reg #(
    parameter WIDTH = 8  // payload bits
) (
    input  wire             clk,
    input  wire             {{ rst.port }},

    input  wire             push_valid,
    output wire             push_ready,
    input  wire [WIDTH-1:0] push_data,

    output wire             pop_valid,
    input  wire             pop_ready,
    output wire [WIDTH-1:0] pop_data
);

  // The head faces the pop side. The skid register is full only while the head is, and then
  // stalls the push side.
  reg             head_valid_q;
  reg             skid_valid_q;
  reg [WIDTH-1:0] head_data_q;
  reg [WIDTH-1:0] skid_data_q;

  wire push    = push_valid && push_ready;
  wire advance = pop_ready || !head_valid_q;  // the head is free at the end of this cycle

  assign push_ready = !skid_valid_q;
  assign pop_valid  = head_valid_q;
  assign pop_data   = head_data_q;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      head_valid_q <= 1'b0;
      skid_valid_q <= 1'b0;
    end else if (advance) begin
      head_valid_q <= push || skid_valid_q;
      skid_valid_q <= 1'b0;
    end else if (push) begin
      skid_valid_q <= 1'b1;
    end
  end

  always @(posedge clk) begin
    if (advance) head_data_q <= skid_valid_q ? skid_data_q : push_data;
    if (push_ready) skid_data_q <= push_data;
  end

endmodule
