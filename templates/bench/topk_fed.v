// A top-k engine behind a buffer, as it is fed in the accelerator. The buffer holds `words` beats.

module topk_fed #(
    parameter MAX_ROW = {{ max_row }},
    parameter ROWS    = 2  // longest rows that the buffer can be set to hold
) (
    input  wire        clk,
    input  wire        {{ rst }},
    input  wire [15:0] words,
    input  wire        push_valid,
    output wire        push_ready,
    input  wire [{{ lanes * key_w - 1 }}:0] push_keys,
    input  wire [{{ lanes * payload_w - 1 }}:0] push_payloads,
    input  wire [{{ count_w - 1 }}:0] push_count,
    input  wire        push_last,
    input  wire [15:0] push_k,
    output wire        pop_valid,
    input  wire        pop_ready,
    output wire [{{ lanes * key_w - 1 }}:0] pop_keys,
    output wire [{{ lanes * payload_w - 1 }}:0] pop_payloads,
    output wire [{{ count_w - 1 }}:0] pop_count,
    output wire        pop_last,
    output wire [1:0]  pass_start
);

  localparam LANES = {{ lanes }};
  localparam WORDS = ROWS * ((MAX_ROW + LANES - 1) / LANES);

  wire         row_valid, row_ready, row_last;
  wire [{{ lanes * key_w - 1 }}:0] row_keys;
  wire [{{ lanes * payload_w - 1 }}:0] row_payloads;
  wire [{{ count_w - 1 }}:0] row_count;
  wire [15:0]  row_k;

  // Beats in the buffer.
  reg  [15:0]  level_q;
  wire         open = level_q < words;
  wire         fifo_ready;
  wire         enter = push_valid && push_ready;
  wire         leave = row_valid && row_ready;

  assign push_ready = open && fifo_ready;

  always @(posedge clk) begin
    if ({{ rst }}) level_q <= 16'd0;
    else level_q <= level_q + {15'd0, enter} - {15'd0, leave};
  end

  stream_fifo #(
      .WIDTH({{ lanes * (key_w + payload_w) + count_w + 17 }}),
      .DEPTH(WORDS)
  ) u_buffer (
      .clk       (clk),
      .{{ rst }}({{ rst }}),
      .push_valid(push_valid && open),
      .push_ready(fifo_ready),
      .push_data ({push_k, push_last, push_count, push_payloads, push_keys}),
      .pop_valid (row_valid),
      .pop_ready (row_ready),
      .pop_data  ({row_k, row_last, row_count, row_payloads, row_keys})
  );

  topk_engine #(
      .MAX_ROW(MAX_ROW)
  ) u_engine (
      .clk          (clk),
      .{{ rst }}({{ rst }}),
      .push_valid   (row_valid),
      .push_ready   (row_ready),
      .push_keys    (row_keys),
      .push_payloads(row_payloads),
      .push_count   (row_count),
      .push_last    (row_last),
      .push_k       (row_k),
      .pop_valid    (pop_valid),
      .pop_ready    (pop_ready),
      .pop_keys     (pop_keys),
      .pop_payloads (pop_payloads),
      .pop_count    (pop_count),
      .pop_last     (pop_last),
      .pass_start   (pass_start)
  );

endmodule
