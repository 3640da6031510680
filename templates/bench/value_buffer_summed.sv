// A value_buffer and, behind it, what the values are for: of each row, in order, the sum of its values times their
// probabilities. With `draw`, a seed, both streams are taken with random pauses of their own; 0: at once. waiting: picks
// have been taken, and no beat of prob has been offered since.

module value_buffer_summed #(
    parameter CTX_W = 16
) (
    input  wire clk,
    input  wire {{ rst.port }},

    input  wire load_valid,
    output wire load_ready,
    input  wire [{{ multipliers * width - 1 }}:0] load_data,
    input  wire [{{ count_w - 1 }}:0] load_count,
    input  wire load_last,
    input  wire load_through,

    input  wire pick_valid,
    output wire pick_ready,
    input  wire [{{ lanes * token_w - 1 }}:0] pick_positions,
    input  wire [{{ lanes * prob_w - 1 }}:0] pick_probs,
    input  wire [{{ count_w - 1 }}:0] pick_count,
    input  wire pick_last,
    input  wire [1:0] pick_dim,
    input  wire pick_release,
    input  wire pick_through,
    input  wire [CTX_W-1:0] pick_ctx,

    output wire row_valid,
    input  wire row_ready,
    output wire [{{ head_dim * 32 - 1 }}:0] row_sums,
    output wire [1:0] row_dim,
    output wire [CTX_W-1:0] row_ctx,

    input  wire [31:0] draw,
    output wire waiting
);

  localparam LANES = {{ lanes }};
  localparam WIDTH = {{ width }};
  localparam PROB_W = {{ prob_w }};
  localparam COUNT_W = {{ count_w }};
  localparam DATA_W = {{ multipliers * width }};
  localparam DEPTH = 4;  // beats of either stream that wait for the other

  wire reset = {{ rst.active }};

  wire prob_valid, prob_last, value_valid;
  wire [LANES*PROB_W-1:0] prob_probs;
  wire [COUNT_W-1:0] prob_count;
  wire [1:0] prob_dim;
  wire [CTX_W-1:0] prob_ctx;
  wire [DATA_W-1:0] value_data;

  reg [31:0] random;
  reg [31:0] probs_in, probs_out, values_in, values_out;
  reg [LANES*PROB_W-1:0] probs[0:DEPTH-1];
  reg [COUNT_W-1:0] count[0:DEPTH-1];
  reg last[0:DEPTH-1];
  reg [1:0] dim[0:DEPTH-1];
  reg [CTX_W-1:0] ctx[0:DEPTH-1];
  reg [DATA_W-1:0] data[0:DEPTH-1];

  reg prob_ready, value_ready;

  value_buffer #(
      .CTX_W(CTX_W)
  ) dut (
      .clk(clk),
      .{{ rst.port }}({{ rst.port }}),
      .load_valid(load_valid),
      .load_ready(load_ready),
      .load_data(load_data),
      .load_count(load_count),
      .load_last(load_last),
      .load_through(load_through),
      .pick_valid(pick_valid),
      .pick_ready(pick_ready),
      .pick_positions(pick_positions),
      .pick_probs(pick_probs),
      .pick_count(pick_count),
      .pick_last(pick_last),
      .pick_dim(pick_dim),
      .pick_release(pick_release),
      .pick_through(pick_through),
      .pick_ctx(pick_ctx),
      .prob_valid(prob_valid),
      .prob_ready(prob_ready),
      .prob_probs(prob_probs),
      .prob_count(prob_count),
      .prob_last(prob_last),
      .prob_dim(prob_dim),
      .prob_ctx(prob_ctx),
      .value_valid(value_valid),
      .value_ready(value_ready),
      .value_data(value_data)
  );

  reg waiting_q;

  assign waiting = waiting_q && !reset;

  always @(posedge clk) begin
    if (reset || (waiting_q && prob_valid)) waiting_q <= 1'b0;
    else if (pick_valid && pick_ready) waiting_q <= 1'b1;
  end

  reg [{{ head_dim * 32 - 1 }}:0] sums;
  reg [1:0] sum_dim;
  reg [CTX_W-1:0] sum_ctx;
  reg begun, full;
  reg row_valid_q;
  reg [{{ head_dim * 32 - 1 }}:0] row_sums_q;
  reg [1:0] row_dim_q;
  reg [CTX_W-1:0] row_ctx_q;
  reg signed [WIDTH-1:0] element;
  reg signed [PROB_W:0] prob;
  reg signed [31:0] product;
  integer slot, e, at, slots, elements;

  assign row_valid = row_valid_q && !reset;
  assign row_sums  = row_sums_q;
  assign row_dim   = row_dim_q;
  assign row_ctx   = row_ctx_q;

  // Blocking inside: one thing after the other.
  always @(posedge clk) begin
    if (reset) begin
      random     = draw | 32'd1;
      probs_in   = 32'd0;
      probs_out  = 32'd0;
      values_in  = 32'd0;
      values_out = 32'd0;
      begun      = 1'b0;
      full       = 1'b0;
    end else begin
      if (row_valid && row_ready) full = 1'b0;
      if (prob_valid && prob_ready) begin
        probs[probs_in%DEPTH] = prob_probs;
        count[probs_in%DEPTH] = prob_count;
        last[probs_in%DEPTH]  = prob_last;
        dim[probs_in%DEPTH]   = prob_dim;
        ctx[probs_in%DEPTH]   = prob_ctx;
        probs_in = probs_in + 32'd1;
      end
      if (value_valid && value_ready) begin
        data[values_in%DEPTH] = value_data;
        values_in = values_in + 32'd1;
      end
      at = probs_out % DEPTH;
      if (!full && probs_in != probs_out
          && (count[at] == {COUNT_W{1'b0}} || values_in != values_out)) begin
        slots    = LANES >> dim[at];
        elements = 32 << dim[at];
        if (!begun) begin
          sums    = {{ '{' }}{{ head_dim }}{32'd0}};
          sum_dim = dim[at];
          sum_ctx = ctx[at];
        end else if (sum_dim != dim[at] || sum_ctx != ctx[at])
          $display("CHECK %m: dim or ctx changes within a row");
        if (count[at] > slots || (count[at] != slots && !last[at]))
          $display("CHECK %m: a beat that is not full within a row, or more than full");
        if (count[at] != {COUNT_W{1'b0}}) begin
          for (slot = 0; slot < LANES; slot = slot + 1)
            if (slot < count[at] && probs[at][slot*PROB_W+:PROB_W] != {PROB_W{1'b0}})
              for (e = 0; e < {{ head_dim }}; e = e + 1)
                if (e < elements) begin
                  element = data[values_out%DEPTH][(slot*elements+e)*WIDTH+:WIDTH];
                  prob = {1'b0, probs[at][slot*PROB_W+:PROB_W]};
                  product = element * prob;
                  sums[e*32+:32] = sums[e*32+:32] + product;
                end
          values_out = values_out + 32'd1;
        end
        begun = !last[at];
        full = last[at];
        probs_out = probs_out + 32'd1;
      end
      random = random ^ (random << 13);
      random = random ^ (random >> 17);
      random = random ^ (random << 5);
    end
    prob_ready  <= !reset && probs_in - probs_out != DEPTH && (draw == 32'd0 || random[7]);
    value_ready <= !reset && values_in - values_out != DEPTH && (draw == 32'd0 || random[19]);
    row_valid_q <= full && !reset;
    row_sums_q  <= sums;
    row_dim_q   <= sum_dim;
    row_ctx_q   <= sum_ctx;
  end

endmodule
