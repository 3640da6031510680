// Purpose      accumulates the importance of the heads, by head id: unsigned 32 bits, saturating (paper, section III-B).
// Codes        one beat of push is one operation, and operations take effect in the order of the stream:
//              - 0, add: value is added to the importance of id.
//              - 2, read: the importance of id is offered on key, with id and last as they came.
//              - 3, write: the importance of id becomes value.
//              - 4, clear: all importance becomes 0.
//              - 5, scale: all importance is shifted right by shift (0 to 31), rounded down.
//              - Others change nothing.
// Fields       that an operation does not name do not matter. A list of heads is read by its ids, the last one with last.
// Protocol     valid/ready on both sides: valid never waits for ready, and a payload offered stays until it is taken.
//              push_ready of a read waits for room on the key side, that of other operations does not.
// Latency      the importance read by a beat accepted in cycle t is offered in cycle t+{{ latency }}.
// Throughput   one operation every cycle, equal ids back to back too; nothing is accepted in the {{ heads }} cycles after a clear,
//              a scale or a reset.
// Reset        clears all importance.

module head_importance (
    input  wire        clk,
    input  wire        {{ rst.port }},

    input  wire        push_valid,
    output wire        push_ready,
    input  wire [ 2:0] push_code,
    input  wire [{{ head_w - 1 }}:0] push_id,
    input  wire [31:0] push_value,
    input  wire [ 4:0] push_shift,
    input  wire        push_last,

    output wire        key_valid,
    input  wire        key_ready,
    output wire [31:0] key_importance,
    output wire [{{ head_w - 1 }}:0] key_id,
    output wire        key_last
);

  localparam [2:0] ADD   = 3'd0;
  localparam [2:0] READ  = 3'd2;
  localparam [2:0] WRITE = 3'd3;
  localparam [2:0] CLEAR = 3'd4;
  localparam [2:0] SCALE = 3'd5;

  localparam HEADS        = {{ heads }};
  localparam DEPTH        = (HEADS > 2) ? HEADS : 2;
  localparam HEAD_W       = {{ head_w }};
  localparam LAST         = HEADS - 1;
  localparam STORE_STAGES = {{ config.ram_latency + 3 }};  // from an operation to the value that it reads
  localparam KEY_DEPTH    = 16;  // keys under way or waiting; enough for one every cycle
  localparam KEY_COUNT_W  = 5;

  localparam [HEAD_W-1:0] LAST_HEAD = LAST[HEAD_W-1:0];
  localparam [KEY_COUNT_W-1:0] KEY_PLACES = KEY_DEPTH[KEY_COUNT_W-1:0];
  localparam [KEY_COUNT_W-1:0] ONE_PLACE = 5'd1;

  // ---- operations ------------------------------------------------------------------------------------

  reg                    sweeping_q;  // a clear or scale goes through all heads
  reg                    sweep_scale_q;
  reg  [            4:0] sweep_shift_q;
  reg  [     HEAD_W-1:0] sweep_head_q;
  reg  [KEY_COUNT_W-1:0] places_q;  // keys that may still be asked for
  reg                    room_q;  // places_q is not 0

  wire is_read = push_code == READ;
  wire push = push_valid && push_ready;
  wire read = push && is_read;
  wire sweep = push && (push_code == CLEAR || push_code == SCALE);

  assign push_ready = !sweeping_q && (!is_read || room_q);

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      sweeping_q    <= 1'b1;
      sweep_scale_q <= 1'b0;
      sweep_head_q  <= {HEAD_W{1'b0}};
    end else begin
      if (sweep) begin
        sweeping_q    <= 1'b1;
        sweep_scale_q <= push_code == SCALE;
      end
      if (sweeping_q) begin
        sweeping_q   <= sweep_head_q != LAST_HEAD;
        sweep_head_q <= (sweep_head_q == LAST_HEAD) ? {HEAD_W{1'b0}} : sweep_head_q + 1'b1;
      end
    end
  end

  always @(posedge clk) begin
    if (sweep) sweep_shift_q <= push_shift;
  end

  // ---- the store -------------------------------------------------------------------------------------

  // What it does next: an operation, or the next head of a sweep.
  reg               op_valid_q;
  reg [ HEAD_W-1:0] op_id_q;
  reg               op_zero_q;
  reg               op_scale_q;
  reg [       31:0] op_amount_q;

  wire adds = push_code == ADD || push_code == WRITE;
  wire [31:0] value;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) op_valid_q <= 1'b0;
    else op_valid_q <= sweeping_q || (push && (adds || is_read));
  end

  always @(posedge clk) begin
    op_id_q     <= sweeping_q ? sweep_head_q : push_id;
    op_zero_q   <= sweeping_q ? !sweep_scale_q : push_code == WRITE;
    op_scale_q  <= sweeping_q && sweep_scale_q;
    op_amount_q <= (adds && !sweeping_q) ? push_value : 32'd0;
  end

  importance_store #(
      .BANKS (1),
      .DEPTH (DEPTH),
      .ADDR_W(HEAD_W)
  ) u_store (
      .clk      (clk),
      .{{ rst.port }}({{ rst.port }}),
      .op_valid (op_valid_q),
      .op_addr  (op_id_q),
      .op_zero  (op_zero_q),
      .op_scale (op_scale_q),
      .op_shift (sweep_shift_q),
      .op_amount(op_amount_q),
      .values   (value)
  );

  // ---- keys ------------------------------------------------------------------------------------------

  wire given = key_valid && key_ready;

  reg [             STORE_STAGES:1] read_q;
  reg [STORE_STAGES*(HEAD_W+1)-1:0] label_q;  // last and id

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      read_q   <= {STORE_STAGES{1'b0}};
      places_q <= KEY_PLACES;
      room_q   <= 1'b1;
    end else begin
      read_q <= {read_q[STORE_STAGES-1:1], read};
      if (read && !given) begin
        places_q <= places_q - 1'b1;
        room_q   <= places_q != ONE_PLACE;
      end
      if (given && !read) begin
        places_q <= places_q + 1'b1;
        room_q   <= 1'b1;
      end
    end
  end

  always @(posedge clk) begin
    label_q <= {label_q[(STORE_STAGES-1)*(HEAD_W+1)-1:0], push_last, push_id};
  end

  wire unused_keys_ready;  // there is room: a read has a place from its acceptance on

  stream_fifo #(
      .WIDTH(HEAD_W + 33),
      .DEPTH(KEY_DEPTH)
  ) u_keys (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(read_q[STORE_STAGES]),
      .push_ready(unused_keys_ready),
      .push_data ({label_q[(STORE_STAGES-1)*(HEAD_W+1)+:HEAD_W+1], value}),
      .pop_valid (key_valid),
      .pop_ready (key_ready),
      .pop_data  ({key_last, key_id, key_importance})
  );

endmodule
