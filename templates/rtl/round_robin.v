// Purpose      grants one of N requests, in turn: the next one after the last that was granted and taken.
// Output       grant has one bit set, or none when nothing is requested; combinational in request.
// Fairness     a request that stands is granted after at most N-1 others have been taken.
// Reset        request 0 comes first.

module round_robin #(
    parameter N = 4  // requests, at least 1
) (
    input  wire         clk,
    input  wire         {{ rst.port }},

    input  wire [N-1:0] request,
    input  wire         taken,  // the grant is used: the turn passes on
    output wire [N-1:0] grant
);

  localparam LEVELS = $clog2(N);

  generate
    if (N == 1) begin : g_one
      wire unused = &{clk, {{ rst.port }}, taken};

      assign grant = request;
    end else begin : g_several
      reg [N-1:0] turn_q;  // requests after the last one that was granted
      reg [N-1:0] late;  // at or after the first of those that stand
      reg [N-1:0] any;  // at or after the first one of all

      wire [N-1:0] standing = request & turn_q;

      integer level;
      always @(*) begin
        late = standing;
        any  = request;
        for (level = 0; level < LEVELS; level = level + 1) begin
          late = late | (late << (1 << level));
          any  = any | (any << (1 << level));
        end
      end

      wire wrap = standing == {N{1'b0}};
      wire [N-1:0] from = wrap ? any : late;  // at or after the one granted

      assign grant = from & ~(from << 1);

      always @(posedge clk{{ rst.edge }}) begin
        if ({{ rst.active }}) turn_q <= {N{1'b1}};
        else if (taken) turn_q <= from << 1;
      end
    end
  endgenerate

endmodule
