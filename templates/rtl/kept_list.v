// Purpose      a list of ids, {{ lanes }} a word: written by words, streamed from any word on.
// Write        wr_en writes a word; a word is not written while a stream reads it.
// Read         one beat of list a stream: its list_n entries from word list_skip on. list_n and list_skip stand still.
// Output       words of {{ lanes }} entries, in lanes 0 to word_count-1; every word but the last is full. A stream of none is one
//              empty word.
// Protocol     valid/ready on the streams: valid never waits for ready, and a payload offered stays until it is taken.
//              list_ready comes with the read of the stream's last word.
// Latency      a stream that stands from cycle t on offers its first word in cycle t+{{ config.ram_latency }}.
// Throughput   one word every cycle, no bubble between streams.
// Reset        forgets what is being streamed; the words stay as they are.

module kept_list #(
    parameter ENTRY_W = {{ entry_w }},  // bits of an entry
    parameter WORDS   = {{ list_words }},  // words, at least 2
    parameter N_W     = {{ length_w }}  // bits of a number of entries
) (
    input  wire                      clk,
    input  wire                      {{ rst.port }},

    input  wire                      wr_en,
    input  wire [ $clog2(WORDS)-1:0] wr_word,
    input  wire [{{ lanes }}*ENTRY_W-1:0] wr_entries,

    input  wire                      list_valid,
    output wire                      list_ready,
    input  wire [ $clog2(WORDS)-1:0] list_skip,
    input  wire [           N_W-1:0] list_n,

    output wire                      word_valid,
    input  wire                      word_ready,
    output wire [{{ lanes }}*ENTRY_W-1:0] word_entries,
    output wire [{{ count_w - 1 }}:0]                word_count,
    output wire                      word_last
);

  localparam LANES   = {{ lanes }};
  localparam COUNT_W = {{ count_w }};
  localparam WORD_W  = $clog2(WORDS);

  localparam [N_W-1:0] WHOLE = LANES[N_W-1:0];

  // ---- which word comes next -----------------------------------------------------------------------------------------

  reg               started_q;
  reg  [WORD_W-1:0] word_q;
  reg  [   N_W-1:0] left_q;

  wire [ WORD_W-1:0] word = started_q ? word_q : list_skip;
  wire [    N_W-1:0] left = started_q ? left_q : list_n;
  wire               last = left <= WHOLE;
  wire [COUNT_W-1:0] count = last ? left[COUNT_W-1:0] : WHOLE[COUNT_W-1:0];
  wire               read_free;
  wire               read = list_valid && read_free;

  assign list_ready = read && last;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) started_q <= 1'b0;
    else if (read) started_q <= !last;
  end

  always @(posedge clk) begin
    if (read) begin
      word_q <= word + 1'b1;
      left_q <= left - WHOLE[N_W-1:0];
    end
  end

  // ---- the words -------------------------------------------------------------------------------------------------------

  wire [LANES*ENTRY_W-1:0] rd_entries;
  wire [        COUNT_W:0] unused_tag;
  wire                     unused_idle;

  ram_1r1w #(
      .WIDTH (LANES * ENTRY_W),
      .DEPTH (WORDS),
      .ADDR_W(WORD_W)
  ) u_ram (
      .clk    (clk),
      .wr_en  (wr_en),
      .wr_addr(wr_word),
      .wr_data(wr_entries),
      .rd_en  (read),
      .rd_addr(word),
      .rd_data(rd_entries)
  );

  ram_reader #(
      .WIDTH(LANES * ENTRY_W),
      .TAG_W(COUNT_W + 1)
  ) u_reader (
      .clk      (clk),
      .{{ rst.port }}({{ rst.port }}),
      .read_free(read_free),
      .read_go  (read),
      .read_tag ({last, count}),
      .rd_data  (rd_entries),
      .rd_tag   (unused_tag),
      .out_valid(word_valid),
      .out_ready(word_ready),
      .out_data (word_entries),
      .out_tag  ({word_last, word_count}),
      .idle     (unused_idle)
  );

endmodule
