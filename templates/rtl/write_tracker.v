// Purpose      tells when rows are written: it watches a row_writer and the axi_writer of each channel, and gives the ctx of
//              each row, in order, once all its sectors, and all of the rows before it, have been answered.
// Row          beat_valid: a beat of {{ lanes }} elements enters the row writer; in the cycle of its last one, place_valid with the address of
//              its first word and its ctx. A row has at most {{ config.head_dim }} elements.
// Sector       a valid/ready stream beside that of the row writer's sectors, in the same order: channel, and the number of
//              the sector in the address space, modulo 16. sector_ready comes from registers.
// Answers      answered: each channel whose oldest sector is answered in this cycle. The writers answer in order.
// Structure    the sectors wait in one FIFO, in order, WRITES of them, and count as they leave it: the first one leaves when
//              its channel has an answer that is not yet used up.
// Latency      the answer that completes a row, given in cycle t, gives `written` in t+3.
// Throughput   a sector every cycle, as far as WRITES reach: as many cycles as the answer may take.
// Clear        forgets everything and all that comes, answers too. To be held until the writers and `idle` say that nothing
//              is left.
// Reset        forgets everything. The FIFO's payload has no reset: valid bits qualify it.

module write_tracker #(
    parameter TAG_W  = {{ tag_w }},  // bits of a row's ctx
    parameter WRITES = {{ writes }}  // sectors that may wait for their answers, at least 2
) (
    input  wire             clk,
    input  wire             {{ rst.port }},
    input  wire             clear,
    output wire             idle,

    input  wire             beat_valid,
    input  wire             place_valid,
    input  wire [6:0]       place_word,
    input  wire [TAG_W-1:0] place_ctx,

    input  wire             sector_valid,
    output wire             sector_ready,
    input  wire [{{ channel_w - 1 }}:0] sector_channel,
    input  wire [3:0]       sector_number,

    input  wire [{{ channels - 1 }}:0] answered,

    output wire             written,
    output wire [TAG_W-1:0] written_ctx
);

  localparam CHANNELS  = {{ channels }};
  localparam CHANNEL_W = {{ channel_w }};
  localparam ROWS      = 4;  // more than a row writer has at once
  localparam COUNT_W   = $clog2(WRITES + {{ heads + 1 }});  // the FIFO's output stages hold some, too

  localparam [6:0] BEAT = 7'd{{ beat_words }};  // words of a beat

  // ---- where rows end ----------------------------------------------------------------------------------------------

  reg  [6:0] words_q;  // of the row, in the beats before
  wire [6:0] last_word = place_word + words_q + (BEAT - 7'd1);

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) words_q <= 7'd0;
    else if (clear || place_valid) words_q <= 7'd0;
    else if (beat_valid) words_q <= words_q + BEAT;
  end

  wire             end_valid;
  wire             end_room;
  wire [      3:0] end_number;
  wire [TAG_W-1:0] end_ctx;

  // A row's last sector comes after its last beat; its number cannot be that of an earlier one, for want of elements.
  wire             push = sector_valid && sector_ready && !clear;
  wire             last = end_valid && end_number == sector_number;

  reg_fifo #(
      .WIDTH(TAG_W + 4),
      .DEPTH(ROWS)
  ) u_ends (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .clear     (clear),
      .push_valid(place_valid),
      .push_ready(end_room),
      .push_data ({place_ctx, last_word[6:3]}),
      .pop_valid (end_valid),
      .pop_ready (push && last),
      .pop_data  ({end_ctx, end_number})
  );

  wire unused_in_sector = &last_word[2:0];
`ifdef SPATTEN_CHECKS
  always @(posedge clk) begin
    if (!({{ rst.active }}) && place_valid && !end_room) $display("CHECK %m: a row without a place");
  end
`else
  wire unused_room = end_room;
`endif

  // ---- the sectors, in order ---------------------------------------------------------------------------------------

  wire                 head_valid;
  wire                 head_last;
  wire [CHANNEL_W-1:0] head_channel;
  wire [    TAG_W-1:0] head_ctx;
  wire [ CHANNELS-1:0] has_answer;
  {% if channels > 1 %}
  wire                 pop = head_valid && (clear || has_answer[head_channel]);
  {% else %}
  wire                 pop = head_valid && (clear || has_answer);
  wire                 unused_channel = head_channel;
  {% endif %}

  stream_fifo #(
      .WIDTH(TAG_W + CHANNEL_W + 1),
      .DEPTH(WRITES)
  ) u_sectors (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(sector_valid && !clear),
      .push_ready(sector_ready),
      .push_data ({end_ctx, sector_channel, last}),
      .pop_valid (head_valid),
      .pop_ready (pop),
      .pop_data  ({head_ctx, head_channel, head_last})
  );

  reg [COUNT_W-1:0] waiting_q;  // sectors in the FIFO
  reg               written_q;
  reg [  TAG_W-1:0] written_ctx_q;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      waiting_q <= {COUNT_W{1'b0}};
      written_q <= 1'b0;
    end else begin
      written_q <= pop && head_last && !clear;
      if (push && !pop) waiting_q <= waiting_q + 1'b1;
      if (pop && !push) waiting_q <= waiting_q - 1'b1;
    end
  end

  always @(posedge clk) begin
    written_ctx_q <= head_ctx;
  end

  assign written     = written_q && !clear;
  assign written_ctx = written_ctx_q;
  assign idle        = waiting_q == {COUNT_W{1'b0}} && !written_q;

  // ---- answers that are not used up --------------------------------------------------------------------------------

  genvar channel;
  generate
    for (channel = 0; channel < CHANNELS; channel = channel + 1) begin : g_channel
      {% if channels > 1 %}
      localparam [31:0] CHANNEL = channel;

      {% endif %}
      reg               answered_q;
      reg [COUNT_W-1:0] answers_q;
      {% if channels > 1 %}
      wire              use_up = pop && head_channel == CHANNEL[CHANNEL_W-1:0];
      {% else %}
      wire              use_up = pop;
      {% endif %}

      assign has_answer[channel] = answers_q != {COUNT_W{1'b0}};

      always @(posedge clk{{ rst.edge }}) begin
        if ({{ rst.active }}) begin
          answered_q <= 1'b0;
          answers_q  <= {COUNT_W{1'b0}};
        end else if (clear) begin
          answered_q <= 1'b0;
          answers_q  <= {COUNT_W{1'b0}};
        end else begin
          answered_q <= answered[channel];
          if (answered_q && !use_up) answers_q <= answers_q + 1'b1;
          if (use_up && !answered_q) answers_q <= answers_q - 1'b1;
        end
      end
    end
  endgenerate

endmodule
