// A softmax whose verdicts come from what takes its sums: none earlier than `wait_` cycles, 1 to 64, after its sum.

module softmax_judged (
    input  wire        clk,
    input  wire        {{ rst }},
    input  wire [6:0]  wait_,
    input  wire        push_valid,
    output wire        push_ready,
    input  wire [{{ lanes * score_w - 1 }}:0] push_scores,
    input  wire [{{ count_w - 1 }}:0] push_count,
    input  wire        push_last,
    input  wire [15:0] push_mant,
    input  wire [5:0]  push_shift,
    input  wire [15:0] push_ctx,
    output wire        sum_valid,
    input  wire        sum_ready,
    output wire [{{ sum_w - 1 }}:0] sum_sum,
    output wire [15:0] sum_ctx,
    input  wire        verdict_valid,
    output wire        verdict_ready,
    input  wire        verdict_drop,
    output wire        pop_valid,
    input  wire        pop_ready,
    output wire [{{ lanes * prob_w - 1 }}:0] pop_probs,
    output wire [{{ count_w - 1 }}:0] pop_count,
    output wire        pop_last,
    output wire [15:0] pop_ctx
);

  reg  [63:0] taken_q;  // bit i: a sum was taken i+1 cycles ago
  reg  [31:0] due_q;  // sums whose verdict might have come before this cycle and has not
  wire [63:0] old = taken_q >> (wait_ - 7'd1);
  wire        open = old[0] || due_q != 32'd0;
  wire        softmax_ready;
  wire        judge = verdict_valid && verdict_ready;

  assign verdict_ready = open && softmax_ready;

  always @(posedge clk) begin
    if ({{ rst }}) begin
      taken_q <= 64'd0;
      due_q   <= 32'd0;
    end else begin
      taken_q <= {taken_q[62:0], sum_valid && sum_ready};
      due_q   <= due_q + {31'd0, old[0]} - {31'd0, judge};
    end
  end

  softmax u_softmax (
      .clk          (clk),
      .{{ rst }}({{ rst }}),
      .push_valid   (push_valid),
      .push_ready   (push_ready),
      .push_scores  (push_scores),
      .push_count   (push_count),
      .push_last    (push_last),
      .push_mant    (push_mant),
      .push_shift   (push_shift),
      .push_ctx     (push_ctx),
      .sum_valid    (sum_valid),
      .sum_ready    (sum_ready),
      .sum_sum      (sum_sum),
      .sum_ctx      (sum_ctx),
      .verdict_valid(verdict_valid && open),
      .verdict_ready(softmax_ready),
      .verdict_drop (verdict_drop),
      .pop_valid    (pop_valid),
      .pop_ready    (pop_ready),
      .pop_probs    (pop_probs),
      .pop_count    (pop_count),
      .pop_last     (pop_last),
      .pop_ctx      (pop_ctx)
  );

endmodule
