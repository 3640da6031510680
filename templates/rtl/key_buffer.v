// Purpose      holds the keys of one run of heads while every query row of the run streams them, and takes the next run's
//              keys meanwhile. Rows that read their keys only once pass them through.
// Storage      two banks of {{ bank_words }} word{% if bank_words != 1 %}s{% endif %}; a word is a beat of the list as it came: {{ lanes }} vectors of 32 elements, or fewer
//              longer ones.
// Load         one list of vectors a run: every beat but its last is full. load_through, the same in all beats of a
//              list, sends the list past the banks; other lists fill the banks in turn, and wait for a free one.
// Row          one beat a row: the first row_n vectors of the list are streamed, row_n at most its length; row_dim is
//              log2 of the head dimension less 5. row_release says that no row after this one reads the list: its bank
//              is then free. With row_through the next list of load_through is forwarded as it comes, whatever row_n
//              and row_release. Rows use the lists of either kind in the order in which they were loaded.
// Key          a row's vectors, every beat but the last full; a row of none is one empty beat.
// Start        a row starts before its list has ended, and follows it beat by beat; a beat is read from the cycle after
//              the one in which it was taken. The last beat of a row with row_release waits for the list's end.
// Latency      a row accepted in cycle t, its keys present, is offered from cycle t+{{ latency }} on. Forwarded beats are offered in the
//              cycle in which they come.
// Throughput   one beat every cycle, no bubble between rows; {{ latency }} cycle{% if latency != 1 %}s{% endif %} where a forwarded row follows one from a bank,
//              or the other way round.
// Timing       key_data comes from the RAM's output register or from load_data; the ready ports follow key_ready within
//              the cycle.
// Reset        frees both banks. RAM and payload registers have no reset: valid bits qualify them.

module key_buffer (
    input  wire clk,
    input  wire {{ rst.port }},

    input  wire load_valid,
    output wire load_ready,
    input  wire [{{ multipliers }}*{{ width }}-1:0] load_data,
    input  wire [{{ count_w - 1 }}:0] load_count,
    input  wire load_last,
    input  wire load_through,

    input  wire row_valid,
    output wire row_ready,
    input  wire [{{ length_w - 1 }}:0] row_n,
    input  wire [1:0] row_dim,
    input  wire row_release,
    input  wire row_through,

    output wire key_valid,
    input  wire key_ready,
    output wire [{{ multipliers }}*{{ width }}-1:0] key_data,
    output wire [{{ count_w - 1 }}:0] key_count,
    output wire key_last
);

  localparam BEAT_W   = {{ multipliers }} * {{ width }};
  localparam COUNT_W  = {{ count_w }};
  localparam LENGTH_W = {{ length_w }};  // bits of a number of keys
  localparam WORDS    = {{ 2 * bank_words }};
  localparam WORD_W   = {{ word_w }};  // bits of a word's number in its bank

  localparam [LENGTH_W-1:0] MOST_LANES = {{ length_w }}'d{{ lanes }};

  // ---- banks -------------------------------------------------------------------------------------------------------

  reg               fill_bank_q;  // the bank that is filled, or is filled next
  reg               read_bank_q;  // the bank whose list the rows read
  reg  [       1:0] whole_q;  // banks that hold a whole list
  reg  [WORD_W-1:0] fill_word_q;  // words of the list that have come
  reg  [WORD_W-1:0] read_word_q;  // words of the list that the row has read

  wire              store;  // a beat goes into the bank
  wire              read_go;  // a beat of a row is read
  wire              row_end;  // and it is the row's last

  wire              fill_end = store && load_last;
  wire              free = row_end && row_release;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      fill_bank_q <= 1'b0;
      read_bank_q <= 1'b0;
      whole_q     <= 2'b00;
      fill_word_q <= {WORD_W{1'b0}};
      read_word_q <= {WORD_W{1'b0}};
    end else begin
      if (fill_end) fill_bank_q <= !fill_bank_q;
      if (free) read_bank_q <= !read_bank_q;
      whole_q <= (whole_q | ({1'b0, fill_end} << fill_bank_q)) & ~({1'b0, free} << read_bank_q);
      if (store) fill_word_q <= load_last ? {WORD_W{1'b0}} : fill_word_q + 1'b1;
      if (read_go) read_word_q <= row_end ? {WORD_W{1'b0}} : read_word_q + 1'b1;
    end
  end

  // ---- rows --------------------------------------------------------------------------------------------------------

  reg  [LENGTH_W-1:0] done_q;  // keys of the row that are read
  wire [LENGTH_W-1:0] full = MOST_LANES >> row_dim;  // keys of a full beat
  wire [LENGTH_W-1:0] left = row_n - done_q;
  wire                short = left <= full;
  wire                empty = row_n == {LENGTH_W{1'b0}};

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) done_q <= {LENGTH_W{1'b0}};
    else if (read_go) done_q <= short ? {LENGTH_W{1'b0}} : done_q + full;
  end

  wire whole = whole_q[read_bank_q];
  wire stored = whole || (fill_bank_q == read_bank_q && read_word_q < fill_word_q);
  wire present = (stored || empty) && (whole || !(short && row_release));
  wire read_free;

  assign read_go = row_valid && !row_through && present && read_free;
  assign row_end = read_go && short;

  wire [BEAT_W-1:0] rd_data;

  ram_1r1w #(
      .WIDTH (BEAT_W),
      .DEPTH (WORDS),
      .ADDR_W(WORD_W + 1)
  ) u_ram (
      .clk    (clk),
      // An empty beat ends a list that may fill the bank.
      .wr_en  (store && load_count != {COUNT_W{1'b0}}),
      .wr_addr({fill_word_q, fill_bank_q}),
      .wr_data(load_data),
      .rd_en  (read_go && !empty),
      .rd_addr({read_word_q, read_bank_q}),
      .rd_data(rd_data)
  );

  wire               reader_valid;
  wire               reader_idle;
  wire [ BEAT_W-1:0] reader_data;
  wire [COUNT_W-1:0] reader_count;
  wire               reader_last;
  wire [  COUNT_W:0] unused_tag;

  ram_reader #(
      .WIDTH(BEAT_W),
      .TAG_W(COUNT_W + 1)
  ) u_reader (
      .clk      (clk),
      .{{ rst.port }}({{ rst.port }}),
      .read_free(read_free),
      .read_go  (read_go),
      .read_tag ({short, short ? left[COUNT_W-1:0] : full[COUNT_W-1:0]}),
      .rd_data  (rd_data),
      .rd_tag   (unused_tag),
      .out_valid(reader_valid),
      .out_ready(key_ready),
      .out_data (reader_data),
      .out_tag  ({reader_last, reader_count}),
      .idle     (reader_idle)
  );

  // ---- rows that are forwarded, once those before them have left ----------------------------------------------------

  wire forwarding = row_valid && row_through && reader_idle;

  assign load_ready = load_through ? forwarding && key_ready : !whole_q[fill_bank_q];
  assign store      = load_valid && load_ready && !load_through;
  assign row_ready =
      row_through ? forwarding && load_valid && load_through && load_last && key_ready : row_end;

  assign key_valid  = reader_valid || (forwarding && load_valid && load_through);
  assign key_data   = reader_valid ? reader_data : load_data;
  assign key_count  = reader_valid ? reader_count : load_count;
  assign key_last   = reader_valid ? reader_last : load_last;

endmodule
