// Purpose      keeps the k largest elements of each row, in their original order; of equal keys the earlier ones stay
//              (paper, section IV-B). Quick-select finds the k-th largest key while the row waits in a buffer, and a
//              filter then lets pass what stays.
// Units        UNITS selection units take the rows in turn, each with its own two comparator arrays of {{ lanes }} and two
//              list memories, so that one row arrives, and is parted, while another is searched and a third is filtered.
// Row          beats of {{ lanes }} elements, lanes 0 to push_count-1 in use; only the last beat may hold fewer than {{ lanes }} (it may
//              hold none). push_k, any 16-bit number, stands still over the row. At most MAX_ROW elements.
// Output       the min(k, n) elements that stay, in lanes 0 to pop_count-1; every beat of a row but its last is full. A row
//              whose last beat adds nothing to full ones, or of which nothing stays, ends with a beat of pop_count = 0.
//              The data of other lanes is undefined.
// Protocol     valid/ready on both sides: valid never waits for ready, and a payload offered stays until it is taken.
// Latency      the first output word of a row comes no earlier than {{ 12 + config.ram_latency }} cycles after its last beat; a search adds a
//              pass of ceil(m / {{ lanes }}) + {{ 4 + config.ram_latency }} cycles for each list of m keys that is parted again.
// Throughput   one beat every cycle as long as the searches keep up: a unit is busy with a row of n elements for
//              ceil(n / {{ lanes }}) + {{ 4 + config.ram_latency }} cycles and the passes of its search.
// Reset        forgets everything.

module topk_engine #(
    parameter KEY_W       = {{ key_w }},  // bits of a key, unsigned
    parameter PAYLOAD_W   = {{ payload_w }},  // bits that travel with a key
    parameter MAX_ROW     = {{ max_row }},  // longest row
    parameter UNITS       = 2,  // selection units
    parameter BUFFER_ROWS = 2  // longest rows that the row buffer holds
) (
    input  wire             clk,
    input  wire             {{ rst.port }},

    input  wire             push_valid,
    output wire             push_ready,
    input  wire [{{ lanes }}*KEY_W-1:0] push_keys,
    input  wire [{{ lanes }}*PAYLOAD_W-1:0] push_payloads,
    input  wire [{{ count_w - 1 }}:0] push_count,
    input  wire             push_last,
    input  wire [15:0]      push_k,

    output wire             pop_valid,
    input  wire             pop_ready,
    output wire [{{ lanes }}*KEY_W-1:0] pop_keys,
    output wire [{{ lanes }}*PAYLOAD_W-1:0] pop_payloads,
    output wire [{{ count_w - 1 }}:0] pop_count,
    output wire             pop_last,

    output wire [UNITS-1:0] pass_start  // by unit: a pass over a list begins, for counting
);

  localparam LANES   = {{ lanes }};
  localparam COUNT_W = {{ count_w }};  // bits of a count, 0 to LANES
  localparam NUM_W   = $clog2(MAX_ROW + 1);  // bits of a number of keys
  localparam WORDS   = (MAX_ROW + LANES - 1) / LANES;
  localparam BEAT_W  = LANES * (KEY_W + PAYLOAD_W) + COUNT_W + 1;
  localparam DEPTH   = (BUFFER_ROWS * WORDS > 2) ? BUFFER_ROWS * WORDS : 2;

  // ---- rows to units, in turn ------------------------------------------------------------------------------------------

  reg  [UNITS-1:0] fill_turn_q;  // one-hot: the unit that takes the row now arriving
  wire [UNITS-1:0] unit_ready;
  wire             buffer_ready;
  wire             turn_ready = |(fill_turn_q & unit_ready);
  wire             push = push_valid && push_ready;
  wire [UNITS-1:0] next_fill_turn;
  wire             unused_fill_turn;

  assign {unused_fill_turn, next_fill_turn} = {fill_turn_q, fill_turn_q[UNITS-1]};
  assign push_ready = buffer_ready && turn_ready;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) fill_turn_q <= {{(UNITS - 1){1'b0}}, 1'b1};
    else if (push && push_last) fill_turn_q <= next_fill_turn;
  end

  // ---- the row buffer --------------------------------------------------------------------------------------------------

  wire                       row_valid;
  wire                       row_ready;
  wire [    LANES*KEY_W-1:0] row_keys;
  wire [LANES*PAYLOAD_W-1:0] row_payloads;
  wire [        COUNT_W-1:0] row_count;
  wire                       row_last;

  stream_fifo #(
      .WIDTH(BEAT_W),
      .DEPTH(DEPTH)
  ) u_row_buffer (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(push_valid && turn_ready),
      .push_ready(buffer_ready),
      .push_data ({push_last, push_count, push_payloads, push_keys}),
      .pop_valid (row_valid),
      .pop_ready (row_ready),
      .pop_data  ({row_last, row_count, row_payloads, row_keys})
  );

  // ---- selection -------------------------------------------------------------------------------------------------------

  // A unit's result waits in a register slice, so that the unit can take its next row meanwhile.
  wire [      UNITS-1:0] rule_valids;
  wire [UNITS*KEY_W-1:0] rule_thresholds;
  wire [UNITS*NUM_W-1:0] rule_ties;
  reg  [      UNITS-1:0] rule_turn_q;  // one-hot: the unit that has the next row to filter
  wire [      UNITS-1:0] next_rule_turn;
  wire                   unused_rule_turn;
  wire                   rule_ready;

  assign {unused_rule_turn, next_rule_turn} = {rule_turn_q, rule_turn_q[UNITS-1]};

  genvar unit;
  generate
    for (unit = 0; unit < UNITS; unit = unit + 1) begin : g_unit
      wire             result_valid;
      wire             result_ready;
      wire [KEY_W-1:0] result_threshold;
      wire [NUM_W-1:0] result_ties;

      topk_select #(
          .KEY_W  (KEY_W),
          .MAX_ROW(MAX_ROW)
      ) u_select (
          .clk             (clk),
          .{{ rst.port }}({{ rst.port }}),
          .push_valid      (push_valid && buffer_ready && fill_turn_q[unit]),
          .push_ready      (unit_ready[unit]),
          .push_keys       (push_keys),
          .push_count      (push_count),
          .push_last       (push_last),
          .push_k          (push_k),
          .result_valid    (result_valid),
          .result_ready    (result_ready),
          .result_threshold(result_threshold),
          .result_ties     (result_ties),
          .pass_start      (pass_start[unit])
      );

      stream_reg #(
          .WIDTH(KEY_W + NUM_W)
      ) u_result_reg (
          .clk       (clk),
          .{{ rst.port }}({{ rst.port }}),
          .push_valid(result_valid),
          .push_ready(result_ready),
          .push_data ({result_ties, result_threshold}),
          .pop_valid (rule_valids[unit]),
          .pop_ready (rule_ready && rule_turn_q[unit]),
          .pop_data  ({rule_ties[unit*NUM_W+:NUM_W], rule_thresholds[unit*KEY_W+:KEY_W]})
      );
    end
  endgenerate

  // ---- results to the filter, in the same turn ---------------------------------------------------------------------------

  wire             rule_valid = |(rule_turn_q & rule_valids);
  reg  [KEY_W-1:0] turn_threshold;
  reg  [NUM_W-1:0] turn_ties;
  integer          i;

  always @(*) begin
    turn_threshold = {KEY_W{1'b0}};
    turn_ties      = {NUM_W{1'b0}};
    for (i = 0; i < UNITS; i = i + 1) begin
      turn_threshold = turn_threshold | ({KEY_W{rule_turn_q[i]}} & rule_thresholds[i*KEY_W+:KEY_W]);
      turn_ties      = turn_ties | ({NUM_W{rule_turn_q[i]}} & rule_ties[i*NUM_W+:NUM_W]);
    end
  end

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) rule_turn_q <= {{(UNITS - 1){1'b0}}, 1'b1};
    else if (rule_valid && rule_ready) begin
      rule_turn_q <= next_rule_turn;
    end
  end

  topk_filter #(
      .KEY_W    (KEY_W),
      .PAYLOAD_W(PAYLOAD_W),
      .MAX_ROW  (MAX_ROW)
  ) u_filter (
      .clk           (clk),
      .{{ rst.port }}({{ rst.port }}),
      .rule_valid    (rule_valid),
      .rule_ready    (rule_ready),
      .rule_threshold(turn_threshold),
      .rule_ties     (turn_ties),
      .push_valid    (row_valid),
      .push_ready    (row_ready),
      .push_keys     (row_keys),
      .push_payloads (row_payloads),
      .push_count    (row_count),
      .push_last     (row_last),
      .pop_valid     (pop_valid),
      .pop_ready     (pop_ready),
      .pop_keys      (pop_keys),
      .pop_payloads  (pop_payloads),
      .pop_count     (pop_count),
      .pop_last      (pop_last)
  );

endmodule
