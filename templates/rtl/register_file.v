// Purpose      what a host sees of the core: identification and build parameters, the descriptor and the queue behind its
//              doorbell, status and interrupt, counters, and access to the state of the sequence. The generated page of
//              registers has every address.
// Bus          AXI4-Lite, 32 bits, split into the five streams of its channels. One access at a time, a write before a
//              read that comes with it. Byte strobes count in descriptor and settings; elsewhere a write is whole.
//              Answered with SLVERR, and without effect: addresses without a register, writes of read-only registers, a
//              doorbell on a full queue, access to the state while a command is queued or in work.
// Command      each doorbell queues the descriptor as it stands; {{ queue_depth }} and more commands wait. queue_empty: every command
//              queued was taken. While closed no doorbell is taken; dropped: all commands that were queued are gone.
// State        state_table 0: L, H, lengths of the lists; 1, 2: token and head list; 3, 4: token and head importance.
//              Each request, write or read, is answered once.
// Counting     tally adds its numbers to the counters; it is never stalled. The read of a low half latches the high one.
// Latency      an access of registers is answered {{ 2 }} cycles after its address (and data) are taken.
// Reset        every register to the value that the page says; the queue is emptied.

module register_file (
    input  wire             clk,
    input  wire             {{ rst.port }},

    input  wire             aw_valid,
    output wire             aw_ready,
    input  wire [{{ address_w - 1 }}:0] aw_addr,

    input  wire             w_valid,
    output wire             w_ready,
    input  wire [31:0]      w_data,
    input  wire [3:0]       w_strb,

    output wire             b_valid,
    input  wire             b_ready,
    output wire [1:0]       b_resp,

    input  wire             ar_valid,
    output wire             ar_ready,
    input  wire [{{ address_w - 1 }}:0] ar_addr,

    output wire             r_valid,
    input  wire             r_ready,
    output wire [31:0]      r_data,
    output wire [1:0]       r_resp,

    output wire             command_valid,
    input  wire             command_ready,
    {% for field in fields %}
    output wire {% if field.width > 1 %}[{{ field.width - 1 }}:0] {% endif %}command_{{ field.name }},
    {% endfor %}

    output wire             state_valid,
    input  wire             state_ready,
    output wire             state_write,
    output wire [2:0]       state_table,
    output wire [15:0]      state_index,
    output wire [31:0]      state_data,

    input  wire             answer_valid,
    output wire             answer_ready,
    input  wire [31:0]      answer_data,

    output wire             control_valid,
    input  wire             control_ready,
    output wire             control_clear,
    output wire             control_abort,

    input  wire             event_valid,
    output wire             event_ready,
    input  wire             event_done,
    input  wire             event_error,
    input  wire             event_undefined,
    input  wire [7:0]       event_code,

    input  wire             tally_valid,
    output wire             tally_ready,
    {% for tally in tallies %}
    input  wire [{{ tally_w - 1 }}:0] tally_{{ tally }},
    {% endfor %}

    input  wire             busy,
    input  wire             closed,
    input  wire             dropped,
    output wire             irq,
    output wire             queue_empty,
    output wire [{{ config.channels * config.addr_width - 1 }}:0] channel_base,
    output wire [3:0]       axi_cache,
    output wire [2:0]       axi_prot,
    output wire [3:0]       axi_qos
);

  localparam [1:0] OKAY   = 2'b00;
  localparam [1:0] SLVERR = 2'b10;

  localparam ADDR_W      = {{ config.addr_width }};
  localparam CHANNELS    = {{ config.channels }};
  localparam BASES       = 2 * CHANNELS;  // words of their addresses
  localparam FIELDS      = {{ field_words }};  // words of the descriptor with fields
  localparam PLACES      = {{ place_words }};  // with addresses, low and high half
  localparam FIRST_PLACE = {{ first_place }};
  localparam DESCRIPTOR  = FIRST_PLACE + PLACES;
  localparam COUNTERS    = {{ counters }};
  localparam TALLY_W     = {{ tally_w }};  // bits of a step

  localparam [{{ address_w - 1 }}:0] CONTROL   = 20'h{{ control_offset }};
  localparam [{{ address_w - 1 }}:0] INTERRUPT = 20'h{{ interrupt_offset }};
  localparam [{{ address_w - 1 }}:0] DOORBELL  = 20'h{{ doorbell_offset }};
  localparam [{{ address_w - 1 }}:0] SCALARS   = 20'h{{ scalar_offset }};  // L, H, lengths of the lists

  // ---- one access at a time ----------------------------------------------------------------------------------------------

  localparam [2:0] IDLE    = 3'd0;
  localparam [2:0] DECODE  = 3'd1;  // the address is known, registers answer
  localparam [2:0] NOTIFY  = 3'd5;  // the controller is told
  localparam [2:0] REQUEST = 3'd2;  // the state side is asked
  localparam [2:0] ANSWER  = 3'd3;
  localparam [2:0] RESPOND = 3'd4;

  reg  [2:0] access_q;
  reg        write_q;
  reg [{{ address_w - 1 }}:0] addr_q;
  reg [31:0] data_q;
  reg [ 3:0] strb_q;
  reg [31:0] rdata_q;
  reg [ 1:0] resp_q;

  wire take_write = access_q == IDLE && aw_valid && w_valid;
  wire take_read = access_q == IDLE && ar_valid && !take_write;
  wire decode = access_q == DECODE;
  wire respond = access_q == RESPOND;
  wire responded = write_q ? b_ready : r_ready;

  assign aw_ready = take_write;
  assign w_ready  = take_write;
  assign ar_ready = take_read;
  assign b_valid  = respond && write_q;
  assign b_resp   = resp_q;
  assign r_valid  = respond && !write_q;
  assign r_data   = rdata_q;
  assign r_resp   = resp_q;

  // ---- decoding -----------------------------------------------------------------------------------------------------------

  reg         known;  // a register is there
  reg         writable;
  reg  [31:0] read_word;
  reg         in_state;  // the state side has what is there
  reg  [ 2:0] table_number;
  reg  [15:0] table_index;

  reg  [ 1:0] pending_q;  // interrupt causes: error, done
  reg         error_q;
  reg         undefined_q;
  reg  [ 7:0] error_code_q;
  reg  [ 7:0] commands_q;  // queued or in work
  reg  [31:0] high_latch_q;
  {% for register in registers %}
  {% if register.width > 0 %}
  reg  [{% if register.width < 11 %} {% endif %}{{ register.width - 1 }}:0] {{ register.name }}_q;
  {% endif %}
  {% endfor %}

  // Rows of like registers: addresses of the channels, low and high half; the descriptor; counters.
  reg  [     BASES*32-1:0] bases_q;
  reg  [DESCRIPTOR*32-1:0] descriptor_q;
  reg  [  COUNTERS*32-1:0] count_q;
  wire [              6:0] word = addr_q[8:2];
  wire [              3:0] counter = addr_q[6:3];
  wire                     in_bases = addr_q[19:9] == 11'h001 && {25'd0, word} < BASES;
  wire                     in_descriptor = addr_q[19:9] == 11'h002 && {25'd0, word} < DESCRIPTOR &&
      ({25'd0, word} < FIELDS || {25'd0, word} >= FIRST_PLACE);
  wire                     in_counters = addr_q[19:7] == 13'h010 && {28'd0, counter} < COUNTERS;

  wire        queue_ready;
  wire        occupied = busy || commands_q != 8'd0;
  wire [31:0] status_word = {16'd0, commands_q, 4'd0, !queue_ready || closed, undefined_q, error_q,
      occupied};

  always @(*) begin
    known     = 1'b1;
    writable  = 1'b0;
    read_word = 32'd0;
    if (in_bases) {writable, read_word} = {1'b1, bases_q[word*32+:32]};
    else if (in_descriptor) {writable, read_word} = {1'b1, descriptor_q[word*32+:32]};
    else if (in_counters) read_word = addr_q[2] ? high_latch_q : count_q[counter*32+:32];
    else
      case (addr_q)
      {% for register in registers %}
      {% if register.writable %}
        20'h{{ register.offset }}: {writable, read_word} = {1'b1, {{ register.read }}};
      {% else %}
        20'h{{ register.offset }}: read_word = {{ register.read }};
      {% endif %}
      {% endfor %}
        default: known = 1'b0;
      endcase
  end

  always @(*) begin
    in_state     = 1'b0;
    table_number = 3'd0;
    table_index  = 16'd0;
    if (addr_q[{{ address_w - 1 }}:4] == SCALARS[{{ address_w - 1 }}:4]) begin
      in_state    = 1'b1;
      table_index = {14'd0, addr_q[3:2]};
    end
    {% for window in windows %}
    if (addr_q[{{ address_w - 1 }}:{{ window.index_w + 2 }}] == {{ address_w - 2 - window.index_w }}'h{{ window.tag }} && {{ '{' }}{{ 32 - window.index_w }}'d0, addr_q[{{ window.index_w + 1 }}:2]} < 32'd{{ window.entries }}) begin
      // {{ window.name }}
      in_state     = 1'b1;
      table_number = 3'd{{ window.number }};
      table_index  = {% if window.index_w < 16 %}{{ '{' }}{{ 16 - window.index_w }}'d0, addr_q[{{ window.index_w + 1 }}:2]}{% else %}addr_q[17:2]{% endif %};
    end
    {% endfor %}
  end

  wire aligned = addr_q[1:0] == 2'b00;
  wire ring = decode && write_q && addr_q == DOORBELL;
  wire allowed = aligned && known && (!write_q || writable) && !(ring && (!queue_ready || closed));
  wire write = decode && write_q && allowed;
  wire command = write && addr_q == CONTROL;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) access_q <= IDLE;
    else begin
      case (access_q)
        IDLE:    if (take_write || take_read) access_q <= DECODE;
        DECODE: begin
          if (in_state && aligned && !occupied) access_q <= REQUEST;
          else if (command) access_q <= NOTIFY;
          else access_q <= RESPOND;
        end
        NOTIFY:  if (control_ready) access_q <= RESPOND;
        REQUEST: if (state_ready) access_q <= ANSWER;
        ANSWER:  if (answer_valid) access_q <= RESPOND;
        default: if (responded) access_q <= IDLE;
      endcase
    end
  end

  always @(posedge clk) begin
    if (access_q == IDLE) begin
      write_q <= take_write;
      addr_q  <= take_write ? aw_addr : ar_addr;
      data_q  <= w_data;
      strb_q  <= w_strb;
    end
    if (decode) begin
      rdata_q <= read_word;
      resp_q  <= (in_state ? aligned && !occupied : allowed) ? OKAY : SLVERR;
    end else if (access_q == ANSWER) begin
      rdata_q <= answer_data;
    end
  end

  assign state_valid   = access_q == REQUEST;
  assign state_write   = write_q;
  assign state_table   = table_number;
  assign state_index   = table_index;
  assign state_data    = data_q;
  assign answer_ready  = access_q == ANSWER;

  // Clearing the counters is nobody else's business.
  assign control_valid = access_q == NOTIFY;
  assign control_clear = data_q[0];
  assign control_abort = data_q[1];

  // ---- registers that keep what is written --------------------------------------------------------------------------------

  wire [31:0] lanes = {{ '{{' }}8{strb_q[3]}}, {8{strb_q[2]}}, {8{strb_q[1]}}, {8{strb_q[0]}}};
  wire [31:0] merged = (read_word & ~lanes) | (data_q & lanes);

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      {% for register in registers %}
      {% if register.width > 0 %}
      {{ register.name }}_q <= {{ register.reset }};
      {% endif %}
      {% endfor %}
    end else if (write) begin
      case (addr_q)
        {% for register in registers %}
        {% if register.width > 0 %}
        20'h{{ register.offset }}: {{ register.name }}_q <= merged[{{ register.width - 1 }}:0]{% if register.mask %} & {{ register.mask }}{% endif %};
        {% endif %}
        {% endfor %}
        default: ;
      endcase
    end
  end

  // The bits that there are.
  localparam [31:0] HIGH_BITS = 32'h{{ high_bits }};  // of the high half of an address
  localparam [BASES*32-1:0] BASE_BITS = {CHANNELS{HIGH_BITS, 32'hffffffe0}};
  localparam [PLACES*32-1:0] PLACE_BITS = {(PLACES / 2) {HIGH_BITS, 32'hffffffff}};
  localparam [FIELDS*32-1:0] FIELD_BITS = {
    {% for line in field_bits %}
    {{ line }}{% if not loop.last %},{% endif %}
    {% endfor %}
  };
  localparam [DESCRIPTOR*32-1:0] DESCRIPTOR_BITS = {
    PLACE_BITS, {(FIRST_PLACE - FIELDS) * 32{1'b0}}, FIELD_BITS
  };

  genvar i;
  generate
    for (i = 0; i < BASES; i = i + 1) begin : g_base
      always @(posedge clk{{ rst.edge }}) begin
        if ({{ rst.active }}) bases_q[i*32+:32] <= 32'd0;
        else if (write && in_bases && {25'd0, word} == i) begin
          bases_q[i*32+:32] <= merged & BASE_BITS[i*32+:32];
        end
      end
    end

    for (i = 0; i < DESCRIPTOR; i = i + 1) begin : g_descriptor
      always @(posedge clk{{ rst.edge }}) begin
        if ({{ rst.active }}) descriptor_q[i*32+:32] <= 32'd0;
        else if (write && in_descriptor && {25'd0, word} == i) begin
          descriptor_q[i*32+:32] <= merged & DESCRIPTOR_BITS[i*32+:32];
        end
      end
    end

    for (i = 0; i < CHANNELS; i = i + 1) begin : g_channel
      assign channel_base[i*ADDR_W+:ADDR_W] = bases_q[i*64+:ADDR_W];
    end
  endgenerate

  assign axi_cache    = axi_attributes_q[3:0];
  assign axi_prot     = axi_attributes_q[6:4];
  assign axi_qos      = axi_attributes_q[11:8];

  // ---- the queue of commands ------------------------------------------------------------------------------------------------

  localparam COMMAND_W = (PLACES + FIELDS) * 32;

  wire                 rung = ring && allowed;
  wire                 taken = command_valid && command_ready;
  wire [COMMAND_W-1:0] queued;
  reg  [          7:0] waiting_q;  // commands in the queue

  stream_fifo #(
      .WIDTH(COMMAND_W),
      .DEPTH({{ queue_depth }})
  ) u_queue (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(rung),
      .push_ready(queue_ready),
      .push_data ({descriptor_q[FIRST_PLACE*32+:PLACES*32], descriptor_q[FIELDS*32-1:0]}),
      .pop_valid (command_valid),
      .pop_ready (command_ready),
      .pop_data  (queued)
  );

  wire unused_bits = &(queued & ~{PLACE_BITS, FIELD_BITS});

  {% for field in fields %}
  assign command_{{ field.name }} = queued[{% if field.width > 1 %}{{ field.lsb + field.width - 1 }}:{% endif %}{{ field.lsb }}];
  {% endfor %}

  assign queue_empty = waiting_q == 8'd0;

  // ---- status and interrupt -------------------------------------------------------------------------------------------------

  assign event_ready = 1'b1;
  assign irq         = |(pending_q & interrupt_enable_q);

  wire       ended = event_valid && (event_done || event_error) && commands_q != 8'd0;
  wire [1:0] raised = {event_valid && event_error, event_valid && event_done};
  wire [1:0] cleared = (write && addr_q == INTERRUPT) ? data_q[1:0] : 2'b00;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      pending_q    <= 2'b00;
      error_q      <= 1'b0;
      undefined_q  <= 1'b0;
      error_code_q <= 8'd0;
      commands_q   <= 8'd0;
      waiting_q    <= 8'd0;
    end else begin
      // A cause that is raised while it is cleared stands.
      pending_q <= (pending_q & ~cleared) | raised;
      if (event_valid && event_error) begin
        error_q      <= 1'b1;
        undefined_q  <= event_undefined;
        error_code_q <= event_code;
      end else if (command && data_q[0]) begin
        error_q      <= 1'b0;
        undefined_q  <= 1'b0;
        error_code_q <= 8'd0;
      end
      if (dropped) commands_q <= 8'd0;
      else if (rung && !ended) commands_q <= commands_q + 8'd1;
      else if (ended && !rung) commands_q <= commands_q - 8'd1;
      if (rung && !taken) waiting_q <= waiting_q + 8'd1;
      else if (taken && !rung) waiting_q <= waiting_q - 8'd1;
    end
  end

  // ---- counters -------------------------------------------------------------------------------------------------------------

  // The lower halves count what was said a cycle before, the upper ones take their carries another cycle later.
  wire [COUNTERS*TALLY_W-1:0] steps;
  reg  [COUNTERS*TALLY_W-1:0] steps_q;
  reg  [     COUNTERS*32-1:0] high_q;
  reg  [        COUNTERS-1:0] carry_q;

  assign tally_ready = 1'b1;
  assign steps = {
    {% for tally in tallies | reverse %}
    tally_{{ tally }} & {TALLY_W{tally_valid}},
    {% endfor %}
    {{ '{{' }}(TALLY_W - 1){1'b0}}, occupied},
    {{ '{{' }}(TALLY_W - 1){1'b0}}, 1'b1}
  };

  wire clear_counters = command && data_q[2];

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) steps_q <= {COUNTERS * TALLY_W{1'b0}};
    else steps_q <= steps;
  end

  generate
    for (i = 0; i < COUNTERS; i = i + 1) begin : g_counter
      wire [32:0] sum = {1'b0, count_q[i*32+:32]} + {{ '{{' }}(33 - TALLY_W){1'b0}},
          steps_q[i*TALLY_W+:TALLY_W]};

      always @(posedge clk{{ rst.edge }}) begin
        if ({{ rst.active }}) begin
          count_q[i*32+:32] <= 32'd0;
          high_q[i*32+:32]  <= 32'd0;
          carry_q[i]        <= 1'b0;
        end else if (clear_counters) begin
          count_q[i*32+:32] <= 32'd0;
          high_q[i*32+:32]  <= 32'd0;
          carry_q[i]        <= 1'b0;
        end else begin
          count_q[i*32+:32] <= sum[31:0];
          high_q[i*32+:32]  <= high_q[i*32+:32] + {31'd0, carry_q[i]};
          carry_q[i]        <= sum[32];
        end
      end
    end
  endgenerate

  always @(posedge clk) begin
    if (decode && !write_q && in_counters && !addr_q[2]) begin
      high_latch_q <= high_q[counter*32+:32] + {31'd0, carry_q[counter]};
    end
  end

endmodule
