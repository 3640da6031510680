// Purpose      one request port of the plane fetcher: takes sector numbers, has them fetched in any order, and gives
//              the sectors back in the order of their numbers. Each request holds a slot of the port's RAM from the
//              cycle in which the crossbar takes it to the cycle in which its sector is read, so what comes back always
//              has a place.
// Protocol     request and pop are valid/ready streams; write is always taken. push needs a reservation first: `room`
//              says that there is one, `reserve` takes it, and one push follows each reservation, any number of
//              cycles later.
// Latency      a sector pushed in cycle t is requested in t+1 when a slot is free; one written in cycle t, the next in
//              order, is offered in cycle t+{{ config.ram_latency + 2 }}.
// Throughput   one sector every cycle.
// Clear        forgets everything; writes for slots given before must not come after it.
// Reset        empties the port. Sectors have no reset: valid bits qualify them.

module fetch_port (
    input  wire         clk,
    input  wire         {{ rst.port }},
    input  wire         clear,

    output wire         room,
    input  wire         reserve,
    input  wire         push_valid,
    input  wire [{{ sector_w - 1 }}:0] push_sector,

    output wire         request_valid,
    input  wire         request_ready,
    output wire [{{ sector_w - 1 }}:0] request_sector,
    output wire [{{ slot_w - 1 }}:0] request_slot,

    input  wire         write_valid,
    input  wire [{{ slot_w - 1 }}:0] write_slot,
    input  wire [255:0] write_data,

    output wire         pop_valid,
    input  wire         pop_ready,
    output wire [255:0] pop_data
);

  localparam SECTOR_W    = {{ sector_w }};
  localparam SLOTS       = {{ slots }};
  localparam SLOT_W      = {{ slot_w }};
  localparam BUSY_W      = $clog2(SLOTS + 1);
  localparam QUEUE       = {{ port_queue }};  // sector numbers that wait for the crossbar
  localparam QUEUE_W     = $clog2(QUEUE + 1);
  localparam RAM_LATENCY = {{ config.ram_latency }};
  // Covers the loop from a pop, through the RAM, to the next.
  localparam HEADS       = RAM_LATENCY + 1;
  localparam HEAD_W      = $clog2(HEADS + 1);
  localparam DATA_W      = 256;

  localparam LAST = SLOTS - 1;

  localparam [SLOTS-1:0] SLOT_0 = {{ slots }}'d1;
  localparam [SLOT_W-1:0] LAST_SLOT = LAST[SLOT_W-1:0];
  localparam [BUSY_W-1:0] ALL_SLOTS = SLOTS[BUSY_W-1:0];
  localparam [QUEUE_W-1:0] FULL = QUEUE[QUEUE_W-1:0];
  localparam [HEAD_W-1:0] ALL_HEADS = HEADS[HEAD_W-1:0];

  // ---- requests ----------------------------------------------------------------------------------------------------

  wire waiting;
  wire free;  // a slot is
  wire request = request_valid && request_ready;
  wire queue_ready;  // holds by reservation

  reg_fifo #(
      .WIDTH(SECTOR_W),
      .DEPTH(QUEUE)
  ) u_queue (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .clear     (clear),
      .push_valid(push_valid),
      .push_ready(queue_ready),
      .push_data (push_sector),
      .pop_valid (waiting),
      .pop_ready (request_ready && free),
      .pop_data  (request_sector)
  );

`ifdef SPATTEN_CHECKS
  always @(posedge clk) begin
    if (!({{ rst.active }}) && push_valid && !queue_ready) $display("CHECK %m: push without a reservation");
  end
`else
  wire unused_ready = queue_ready;
`endif

  reg [QUEUE_W-1:0] reserved_q;  // places taken in the queue, pushed or not yet

  assign room = reserved_q != FULL;

  // ---- slots, a ring: given in order, filled in any, read in order -------------------------------------------------

  reg  [SLOT_W-1:0] give_q;
  reg  [SLOT_W-1:0] read_q;
  reg  [BUSY_W-1:0] busy_q;  // slots given and not yet read
  reg  [ SLOTS-1:0] full_q;  // slots written and not yet read
  reg  [HEAD_W-1:0] heads_q;  // sectors read and not yet popped

  wire              pop = pop_valid && pop_ready;
  wire              read = full_q[read_q] && (heads_q != ALL_HEADS || pop);

  assign free          = busy_q != ALL_SLOTS;
  assign request_valid = waiting && free;
  assign request_slot  = give_q;

  wire [SLOTS-1:0] filled = write_valid ? SLOT_0 << write_slot : {SLOTS{1'b0}};
  wire [SLOTS-1:0] emptied = read ? SLOT_0 << read_q : {SLOTS{1'b0}};

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      reserved_q <= {QUEUE_W{1'b0}};
      give_q     <= {SLOT_W{1'b0}};
      read_q     <= {SLOT_W{1'b0}};
      busy_q     <= {BUSY_W{1'b0}};
      full_q     <= {SLOTS{1'b0}};
      heads_q    <= {HEAD_W{1'b0}};
    end else if (clear) begin
      reserved_q <= {QUEUE_W{1'b0}};
      give_q     <= {SLOT_W{1'b0}};
      read_q     <= {SLOT_W{1'b0}};
      busy_q     <= {BUSY_W{1'b0}};
      full_q     <= {SLOTS{1'b0}};
      heads_q    <= {HEAD_W{1'b0}};
    end else begin
      if (reserve && !request) reserved_q <= reserved_q + 1'b1;
      if (request && !reserve) reserved_q <= reserved_q - 1'b1;
      if (request) give_q <= (give_q == LAST_SLOT) ? {SLOT_W{1'b0}} : give_q + 1'b1;
      if (read) read_q <= (read_q == LAST_SLOT) ? {SLOT_W{1'b0}} : read_q + 1'b1;
      if (request && !read) busy_q <= busy_q + 1'b1;
      if (read && !request) busy_q <= busy_q - 1'b1;
      full_q <= (full_q | filled) & ~emptied;
      if (read && !pop) heads_q <= heads_q + 1'b1;
      if (pop && !read) heads_q <= heads_q - 1'b1;
    end
  end

  wire [DATA_W-1:0] read_data;

  ram_1r1w #(
      .WIDTH (DATA_W),
      .DEPTH (SLOTS),
      .ADDR_W(SLOT_W)
  ) u_ram (
      .clk    (clk),
      .wr_en  (write_valid),
      .wr_addr(write_slot),
      .wr_data(write_data),
      .rd_en  (read),
      .rd_addr(read_q),
      .rd_data(read_data)
  );

  // ---- sectors read, in a shift register whose entry 0 is the output -----------------------------------------------

  reg  [RAM_LATENCY-1:0] arriving_q;  // bit RAM_LATENCY-1: read_data is a new sector
  wire                   arrive = arriving_q[RAM_LATENCY-1];

  reg  [        HEADS-1:0] head_valid_q;
  reg  [HEADS*DATA_W-1:0] head_data_q;

  assign pop_valid = head_valid_q[0];
  assign pop_data  = head_data_q[0+:DATA_W];

  // After the pop, if any, the entries in use are the lowest ones; the arriving sector goes behind them.
  wire [       HEADS-1:0] kept_valid = pop ? head_valid_q >> 1 : head_valid_q;
  wire [HEADS*DATA_W-1:0] kept_data = pop ? head_data_q >> DATA_W : head_data_q;
  wire [       HEADS-1:0] above_kept = (kept_valid << 1) | {{(HEADS - 1){1'b0}}, 1'b1};
  wire [       HEADS-1:0] first_free = above_kept & ~kept_valid;
  wire [       HEADS-1:0] entering = arrive ? first_free : {HEADS{1'b0}};

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      arriving_q   <= {RAM_LATENCY{1'b0}};
      head_valid_q <= {HEADS{1'b0}};
    end else if (clear) begin
      arriving_q   <= {RAM_LATENCY{1'b0}};
      head_valid_q <= {HEADS{1'b0}};
    end else begin
      {% if config.ram_latency == 2 %}
      arriving_q   <= {arriving_q[0], read};
      {% else %}
      arriving_q   <= read;
      {% endif %}
      head_valid_q <= kept_valid | entering;
    end
  end

  genvar head;
  generate
    for (head = 0; head < HEADS; head = head + 1) begin : g_head
      always @(posedge clk) begin
        head_data_q[head*DATA_W+:DATA_W] <=
            entering[head] ? read_data : kept_data[head*DATA_W+:DATA_W];
      end
    end
  endgenerate

endmodule
