// Protocol     valid/ready on both sides: valid never waits for ready, and a payload offered stays until it is taken.
// Storage      DEPTH items in a RAM, and up to {{ config.ram_latency + 2 }} more that wait, already read, at the output.
// Latency      an item accepted in cycle t by an empty FIFO is offered in cycle t+{{ config.ram_latency + 2 }}.
// Throughput   one item every cycle, in and out.
// Reset        empties the FIFO. Neither the RAM nor the payload registers are reset: valid bits qualify them.

module stream_fifo #(
    parameter WIDTH = 8,  // payload bits
    parameter DEPTH = 16  // items that the RAM holds, at least 2
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

  localparam RAM_LATENCY = {{ config.ram_latency }};
  localparam HEADS       = RAM_LATENCY + 2;  // covers the loop from a pop to the next read
  localparam ADDR_W      = $clog2(DEPTH);
  localparam COUNT_W     = $clog2(DEPTH + 1);
  localparam HEAD_W      = $clog2(HEADS + 1);

  localparam LAST        = DEPTH - 1;

  localparam [ADDR_W-1:0] LAST_ADDR = LAST[ADDR_W-1:0];
  localparam [COUNT_W-1:0] FULL = DEPTH[COUNT_W-1:0];
  localparam [HEAD_W-1:0] ALL_HEADS = HEADS[HEAD_W-1:0];

  // ---- the RAM as a ring -------------------------------------------------------------------------------------------

  reg [ ADDR_W-1:0] wr_addr_q;
  reg [ ADDR_W-1:0] rd_addr_q;
  reg [COUNT_W-1:0] stored_q;  // items in the RAM not yet read
  reg [ HEAD_W-1:0] heads_q;  // items read but not yet popped

  assign push_ready = stored_q != FULL;

  wire push = push_valid && push_ready;
  wire pop = pop_valid && pop_ready;
  wire rd_en = stored_q != {COUNT_W{1'b0}} && heads_q != ALL_HEADS;

  wire [WIDTH-1:0] rd_data;

  ram_1r1w #(
      .WIDTH (WIDTH),
      .DEPTH (DEPTH),
      .ADDR_W(ADDR_W)
  ) u_ram (
      .clk    (clk),
      .wr_en  (push),
      .wr_addr(wr_addr_q),
      .wr_data(push_data),
      .rd_en  (rd_en),
      .rd_addr(rd_addr_q),
      .rd_data(rd_data)
  );

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      wr_addr_q <= {ADDR_W{1'b0}};
      rd_addr_q <= {ADDR_W{1'b0}};
      stored_q  <= {COUNT_W{1'b0}};
      heads_q   <= {HEAD_W{1'b0}};
    end else begin
      if (push) wr_addr_q <= (wr_addr_q == LAST_ADDR) ? {ADDR_W{1'b0}} : wr_addr_q + 1'b1;
      if (rd_en) rd_addr_q <= (rd_addr_q == LAST_ADDR) ? {ADDR_W{1'b0}} : rd_addr_q + 1'b1;
      if (push && !rd_en) stored_q <= stored_q + 1'b1;
      if (rd_en && !push) stored_q <= stored_q - 1'b1;
      if (rd_en && !pop) heads_q <= heads_q + 1'b1;
      if (pop && !rd_en) heads_q <= heads_q - 1'b1;
    end
  end

  // ---- the words read, in a shift register whose entry 0 is the output -----------------------------------------------

  reg  [RAM_LATENCY-1:0] arriving_q;  // bit RAM_LATENCY-1: rd_data is a new word
  wire                   arrive = arriving_q[RAM_LATENCY-1];

  reg  [      HEADS-1:0] head_valid_q;
  reg  [HEADS*WIDTH-1:0] head_data_q;

  assign pop_valid = head_valid_q[0];
  assign pop_data  = head_data_q[0+:WIDTH];

  // After the pop, if any, the entries in use are the lowest ones; the arriving word goes behind them.
  wire [      HEADS-1:0] kept_valid = pop ? head_valid_q >> 1 : head_valid_q;
  wire [HEADS*WIDTH-1:0] kept_data = pop ? head_data_q >> WIDTH : head_data_q;
  wire [      HEADS-1:0] above_kept = (kept_valid << 1) | {{(HEADS - 1){1'b0}}, 1'b1};
  wire [      HEADS-1:0] first_free = above_kept & ~kept_valid;
  wire [      HEADS-1:0] entering = arrive ? first_free : {HEADS{1'b0}};

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      arriving_q   <= {RAM_LATENCY{1'b0}};
      head_valid_q <= {HEADS{1'b0}};
    end else begin
      {% if config.ram_latency == 2 %}
      arriving_q   <= {arriving_q[0], rd_en};
      {% else %}
      arriving_q   <= rd_en;
      {% endif %}
      head_valid_q <= kept_valid | entering;
    end
  end

  genvar head;
  generate
    for (head = 0; head < HEADS; head = head + 1) begin : g_head
      always @(posedge clk) begin
        head_data_q[head*WIDTH+:WIDTH] <= entering[head] ? rd_data : kept_data[head*WIDTH+:WIDTH];
      end
    end
  endgenerate

endmodule
