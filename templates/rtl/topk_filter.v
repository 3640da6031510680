// Purpose      the order-preserving filter of the top-k engine: of each row, keeps the elements whose key is above the
//              row's threshold and the first rule_ties of those equal to it, and packs them into full beats.
// Streams      one rule for each row, in row order; the row's beats (lanes 0 to push_count-1 in use). A row's beats are
//              taken only when its rule is there.
// Output       lanes 0 to pop_count-1 hold elements; every beat of a row but its last is full. A row whose last beat adds
//              nothing to full ones, or of which nothing is kept, ends with a beat of pop_count = 0.
// Protocol     valid/ready on all sides: valid never waits for ready, and a payload offered stays until it is taken.
// Latency      a rule taken in cycle t admits its row's first beat in cycle t+1. A word that is completed by the beat
//              accepted in cycle t is offered in cycle t+6.
// Throughput   one beat every cycle, no bubble between rows; one cycle more for a row whose last beat completes one word
//              and begins another.
// Reset        forgets everything. Payload registers have no reset.

module topk_filter #(
    parameter KEY_W     = {{ key_w }},  // bits of a key, unsigned
    parameter PAYLOAD_W = {{ payload_w }},  // bits that travel with a key
    parameter MAX_ROW   = {{ max_row }}  // longest row
) (
    input  wire             clk,
    input  wire             {{ rst.port }},

    input  wire             rule_valid,
    output wire             rule_ready,
    input  wire [KEY_W-1:0] rule_threshold,
    input  wire [$clog2(MAX_ROW+1)-1:0] rule_ties,

    input  wire             push_valid,
    output wire             push_ready,
    input  wire [{{ lanes }}*KEY_W-1:0] push_keys,
    input  wire [{{ lanes }}*PAYLOAD_W-1:0] push_payloads,
    input  wire [{{ count_w - 1 }}:0] push_count,
    input  wire             push_last,

    output wire             pop_valid,
    input  wire             pop_ready,
    output wire [{{ lanes }}*KEY_W-1:0] pop_keys,
    output wire [{{ lanes }}*PAYLOAD_W-1:0] pop_payloads,
    output wire [{{ count_w - 1 }}:0] pop_count,
    output wire             pop_last
);

  localparam LANES     = {{ lanes }};
  localparam COUNT_W   = {{ count_w }};  // bits of a count, 0 to LANES
  localparam NUM_W     = $clog2(MAX_ROW + 1);  // bits of a number of keys
  localparam ELEMENT_W = KEY_W + PAYLOAD_W;

  localparam [NUM_W-1:0] FULL_NUM = LANES[NUM_W-1:0];
  localparam [COUNT_W-1:0] FULL = LANES[COUNT_W-1:0];

  genvar lane;

  // ---- the rule of the row in progress -------------------------------------------------------------------------------

  reg              rule_valid_q;
  reg  [KEY_W-1:0] threshold_q;
  reg  [NUM_W-1:0] ties_q;

  wire             s1_ready;
  wire             push = push_valid && push_ready;

  assign push_ready = rule_valid_q && s1_ready;
  assign rule_ready = !rule_valid_q || (push && push_last);

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) rule_valid_q <= 1'b0;
    else if (rule_ready) rule_valid_q <= rule_valid;
  end

  always @(posedge clk) begin
    if (rule_ready) begin
      threshold_q <= rule_threshold;
      ties_q      <= rule_ties;
    end
  end

  // ---- stage 1: keys against the threshold ---------------------------------------------------------------------------

  reg                        s1_valid_q;
  reg                        s2_valid_q;
  reg                        s3_valid_q;
  wire                       s4_ready;
  wire                       s3_ready = !s3_valid_q || s4_ready;
  wire                       s2_ready = !s2_valid_q || s3_ready;

  assign s1_ready = !s1_valid_q || s2_ready;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      s1_valid_q <= 1'b0;
      s2_valid_q <= 1'b0;
      s3_valid_q <= 1'b0;
    end else begin
      if (s1_ready) s1_valid_q <= push;
      if (s2_ready) s2_valid_q <= s1_valid_q;
      if (s3_ready) s3_valid_q <= s2_valid_q;
    end
  end

  // Elements, key in the low bits.
  wire [LANES*ELEMENT_W-1:0] push_elements;

  wire [          LANES-1:0] used = ~({LANES{1'b1}} << push_count);

  reg  [          LANES-1:0] above;
  reg  [          LANES-1:0] equal;

  {{ compare_logic | indent(width=2) }}

  reg  [LANES*ELEMENT_W-1:0] s1_elements_q;
  reg  [          LANES-1:0] s1_above_q;
  reg  [          LANES-1:0] s1_equal_q;
  reg  [          NUM_W-1:0] s1_ties_q;
  reg                        s1_last_q;

  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_compare
      assign push_elements[lane*ELEMENT_W+:ELEMENT_W] = {
        push_payloads[lane*PAYLOAD_W+:PAYLOAD_W], push_keys[lane*KEY_W+:KEY_W]
      };

      always @(posedge clk) begin
        if (s1_ready) begin
          s1_above_q[lane] <= used[lane] && above[lane];
          s1_equal_q[lane] <= used[lane] && equal[lane];
        end
      end
    end
  endgenerate

  always @(posedge clk) begin
    if (s1_ready) begin
      s1_elements_q <= push_elements;
      s1_ties_q     <= ties_q;
      s1_last_q     <= push_last;
    end
  end

  // ---- stage 2: ties counted within the beat ---------------------------------------------------------------------------

  // tie_counts: in lane i, the equal keys in lanes 0 to i.
  reg [{{ counts_bits - 1 }}:0] tie_counts;

  {{ counts_logic | indent(width=2) }}

  reg  [LANES*ELEMENT_W-1:0] s2_elements_q;
  reg  [          LANES-1:0] s2_above_q;
  reg  [          LANES-1:0] s2_equal_q;
  reg  [  LANES*COUNT_W-1:0] s2_tie_counts_q;
  reg  [          NUM_W-1:0] s2_ties_q;
  reg                        s2_last_q;

  always @(posedge clk) begin
    if (s2_ready) begin
      s2_elements_q   <= s1_elements_q;
      s2_above_q      <= s1_above_q;
      s2_equal_q      <= s1_equal_q;
      s2_tie_counts_q <= tie_counts;
      s2_ties_q       <= s1_ties_q;
      s2_last_q       <= s1_last_q;
    end
  end

  // ---- stage 3: what stays -----------------------------------------------------------------------------------------------

  reg  [          NUM_W-1:0] left_q;  // ties that may still stay in this row
  reg                        first_q;  // the next beat is a row's first

  wire [          NUM_W-1:0] left = first_q ? s2_ties_q : left_q;
  wire [        COUNT_W-1:0] left_here = (left >= FULL_NUM) ? FULL : left[COUNT_W-1:0];
  wire [        COUNT_W-1:0] tied_here = s2_tie_counts_q[(LANES-1)*COUNT_W+:COUNT_W];
  wire [          NUM_W-1:0] tied = {{(NUM_W - COUNT_W){1'b0}}, tied_here};

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) first_q <= 1'b1;
    else if (s2_valid_q && s3_ready) first_q <= s2_last_q;
  end

  always @(posedge clk) begin
    if (s2_valid_q && s3_ready) left_q <= (left > tied) ? left - tied : {NUM_W{1'b0}};
  end

  reg  [LANES*ELEMENT_W-1:0] s3_elements_q;
  reg  [          LANES-1:0] s3_keep_q;
  reg                        s3_last_q;

  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_keep
      wire tie_stays = s2_equal_q[lane] && s2_tie_counts_q[lane*COUNT_W+:COUNT_W] <= left_here;

      always @(posedge clk) begin
        if (s3_ready) s3_keep_q[lane] <= s2_above_q[lane] || tie_stays;
      end
    end
  endgenerate

  always @(posedge clk) begin
    if (s3_ready) begin
      s3_elements_q <= s2_elements_q;
      s3_last_q     <= s2_last_q;
    end
  end

  // ---- stages 4 to 6: full beats -----------------------------------------------------------------------------------------

  wire                       word_valid;
  wire                       word_ready;
  wire [LANES*ELEMENT_W-1:0] word_elements;
  wire [        COUNT_W-1:0] word_count;
  wire                       word_last;
  wire [LANES*ELEMENT_W-1:0] pop_elements;

  lane_packer #(
      .DATA_W(ELEMENT_W)
  ) u_packer (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(s3_valid_q),
      .push_ready(s4_ready),
      .push_data (s3_elements_q),
      .push_keep (s3_keep_q),
      .push_last (s3_last_q),
      .pop_valid (word_valid),
      .pop_ready (word_ready),
      .pop_data  (word_elements),
      .pop_count (word_count),
      .pop_last  (word_last)
  );

  stream_reg #(
      .WIDTH(LANES * ELEMENT_W + COUNT_W + 1)
  ) u_pop_reg (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(word_valid),
      .push_ready(word_ready),
      .push_data ({word_last, word_count, word_elements}),
      .pop_valid (pop_valid),
      .pop_ready (pop_ready),
      .pop_data  ({pop_last, pop_count, pop_elements})
  );

  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_pop
      assign {pop_payloads[lane*PAYLOAD_W+:PAYLOAD_W], pop_keys[lane*KEY_W+:KEY_W]} =
          pop_elements[lane*ELEMENT_W+:ELEMENT_W];
    end
  endgenerate

endmodule
