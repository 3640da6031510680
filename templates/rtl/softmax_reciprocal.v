// Purpose      the reciprocal of a row's sum: a restoring divider that finds one bit of the quotient a stage.
// Formats      push_sum has {{ divisor_w - 1 }} fraction bits (what the sum has below them does not count) and is at least 1; for 0, the
//              sum of an empty row, the result is undefined. pop_reciprocal has {{ reciprocal_w - 1 }} fraction bits, rounded half up.
// Latency      {{ latency }} cycles. Nothing stalls: whoever sends has room for what comes out.
// Throughput   one sum every cycle.
// Reset        forgets everything. Data registers have no reset: their valid bits qualify them.

module softmax_reciprocal (
    input  wire clk,
    input  wire {{ rst.port }},

    input  wire push_valid,
    input  wire [{{ sum_w - 1 }}:0] push_sum,

    output wire pop_valid,
    output wire [{{ reciprocal_w - 1 }}:0] pop_reciprocal
);

  localparam SUM_W     = {{ sum_w }};
  localparam M         = {{ divisor_w - 1 }};  // fraction bits of the divisor
  localparam B         = {{ reciprocal_w - 1 }};  // fraction bits of the reciprocal
  localparam OCTAVES   = {{ octaves }};  // most octaves of a sum
  localparam OCTAVE_W  = {{ octave_w }};
  localparam DIVISOR_W = M + 1;
  localparam STEPS     = B + 2;  // bits of the quotient
  localparam LATENCY   = {{ latency }};

  reg [LATENCY-1:0] valid_q;  // bit i: a sum came i+1 cycles ago

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) valid_q <= {LATENCY{1'b0}};
    else valid_q <= {valid_q[LATENCY-2:0], push_valid};
  end

  assign pop_valid = valid_q[LATENCY-1];

  // ---- stages 1 and 2: the sum as a divisor, 1 <= divisor < 2, and an octave -----------------------------------------------

  reg  [OCTAVE_W-1:0] octave;
  reg  [OCTAVE_W-1:0] s1_octave_q;
  reg  [   SUM_W-1:0] s1_sum_q;
  reg  [OCTAVE_W-1:0] s2_octave_q;
  reg  [       M:0]   s2_divisor_q;
  integer             place;

  always @(*) begin
    octave = {OCTAVE_W{1'b0}};
    for (place = 0; place <= OCTAVES; place = place + 1) begin
      if (push_sum[M+place]) octave = place[OCTAVE_W-1:0];
    end
  end

  localparam PLACE_W = $clog2(SUM_W);

  wire [PLACE_W-1:0] lowest = {{(PLACE_W - OCTAVE_W){1'b0}}, s1_octave_q};  // of the divisor's bits

  always @(posedge clk) begin
    s1_octave_q  <= octave;
    s1_sum_q     <= push_sum;
    s2_octave_q  <= s1_octave_q;
    s2_divisor_q <= s1_sum_q[lowest+:DIVISOR_W];
  end

  // ---- the quotient 2^(M+B+1) / divisor --------------------------------------------------------------------------------------

  // Place i of each vector is what enters step i; a step finds the highest bit not yet found. The dividend is a one
  // and zeros: the one is in the first remainder, and each remainder after it takes in a zero.
  wire [ STEPS*DIVISOR_W-1:0] divisor;
  wire [ STEPS*DIVISOR_W-1:0] remainder;  // below the divisor, but before the first step
  wire [ (STEPS+1)*STEPS-1:0] quotient;

  assign divisor[0+:DIVISOR_W]   = s2_divisor_q;
  assign remainder[0+:DIVISOR_W] = {1'b1, {M{1'b0}}};
  assign quotient[0+:STEPS]      = {STEPS{1'b0}};

  genvar step;
  generate
    for (step = 0; step < STEPS; step = step + 1) begin : g_step
      wire [DIVISOR_W-1:0] divisor_here = divisor[step*DIVISOR_W+:DIVISOR_W];
      wire [DIVISOR_W-1:0] remainder_here = remainder[step*DIVISOR_W+:DIVISOR_W];
      wire [DIVISOR_W:0] dividend;
      wire [DIVISOR_W+1:0] trial = {1'b0, dividend} - {2'b00, divisor_here};
      wire fits = !trial[DIVISOR_W+1];

      if (step == 0) begin : g_first
        assign dividend = {1'b0, remainder_here};
      end else begin : g_other
        assign dividend = {remainder_here, 1'b0};
      end

      reg [STEPS-1:0] quotient_q;

      always @(posedge clk) begin
        quotient_q <= (quotient[step*STEPS+:STEPS] << 1) | {{(STEPS - 1){1'b0}}, fits};
      end

      assign quotient[(step+1)*STEPS+:STEPS] = quotient_q;

      if (step < STEPS - 1) begin : g_next
        reg [DIVISOR_W-1:0] divisor_q;
        reg [DIVISOR_W-1:0] remainder_q;

        always @(posedge clk) begin
          divisor_q   <= divisor_here;
          remainder_q <= fits ? trial[DIVISOR_W-1:0] : dividend[DIVISOR_W-1:0];
        end

        assign divisor[(step+1)*DIVISOR_W+:DIVISOR_W]   = divisor_q;
        assign remainder[(step+1)*DIVISOR_W+:DIVISOR_W] = remainder_q;
      end
    end
  endgenerate

  // ---- back to the sum's octave, rounded ---------------------------------------------------------------------------------------

  wire [OCTAVE_W-1:0] last_octave;

  delay_line #(
      .WIDTH(OCTAVE_W),
      .DEPTH(STEPS)
  ) u_octave (
      .clk     (clk),
      .data_in (s2_octave_q),
      .data_out(last_octave)
  );

  wire [STEPS-1:0] shifted = quotient[STEPS*STEPS+:STEPS] >> last_octave;
  reg  [    B:0]   reciprocal_q;

  always @(posedge clk) reciprocal_q <= shifted[STEPS-1:1] + {{B{1'b0}}, shifted[0]};

  assign pop_reciprocal = reciprocal_q;

endmodule
