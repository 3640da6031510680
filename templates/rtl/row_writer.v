// Purpose      cuts output rows into the sectors (32 bytes) of the memory channels: a row of 16-bit elements, of any
//              length and at any word (4 bytes) of the address space, becomes the sectors that it touches, with strobes.
// Row          beats of {{ lanes }} elements, all full, element 0 of the row in the low bits; row_last with the last. place_word is
//              the address of the row's first element in words; it is taken with the row's last beat.
// Addresses    the row goes on at address 0 behind the end of the address space (2^{{ addr_w }} bytes). Sector a of the address
//              space is sector a / {{ channels }} of channel a mod {{ channels }}.
// Output       one beat a sector, in ascending order: channel, byte address in it, data, and a strobe for each word.
//              Rows are not merged: neighbours that share a sector each write their words of it.
// Protocol     valid/ready on all streams: valid never waits for ready, and a payload offered stays until it is taken.
//              row_ready waits for place_valid, place_ready for the row's last beat.
// stop         forgets everything inside, takes and drops all that comes; write_valid is low from the cycle after.
// idle         no part of a row inside. Low from the cycle after a beat is accepted.
// Latency      a beat that completes a sector is followed by it two cycles later: accepted in t, offered in t+2.
// Throughput   {% if pieces == 1 %}one beat every cycle{% else %}one beat every two cycles{% endif %}, and a cycle more for a row whose last beat runs over into another sector.
// Reset        empties the pipeline. Payload registers have no reset: their valid bits qualify them.

module row_writer (
    input  wire clk,
    input  wire {{ rst.port }},

    input  wire row_valid,
    output wire row_ready,
    input  wire [{{ lanes * 16 - 1 }}:0] row_data,
    input  wire row_last,

    input  wire place_valid,
    output wire place_ready,
    input  wire [{{ word_w - 1 }}:0] place_word,

    output wire write_valid,
    input  wire write_ready,
    output wire [{{ channel_w - 1 }}:0] write_channel,
    output wire [{{ addr_w - 1 }}:0] write_address,
    output wire [255:0] write_data,
    output wire [7:0] write_strobe,

    input  wire stop,
    output wire idle
);

  localparam SECTOR_W = {{ sector_w }};  // bits of a sector's number
  {% if channels > 1 %}
  localparam CHANNEL_W = {{ channel_w }};  // bits of a channel's number
  {% endif %}
  localparam WORDS    = 8;  // words of a sector
  localparam PIECE    = {{ piece_words }};  // words that enter in a cycle

  // ---- stage 1: the words of a piece are rotated to where they lie in a sector ---------------------------------------

  reg first_q;  // the next piece is the first of its row

  {% if pieces == 2 %}
  // A beat is two sectors long: it enters in halves.
  reg upper_q;

  wire [PIECE*32-1:0] piece = upper_q ? row_data[511:256] : row_data[255:0];
  wire beat_ends = upper_q;
  wire [2:0] start = place_word[2:0];
  {% elif piece_words == 4 %}
  // A beat is half a sector long.
  reg odd_q;

  wire [PIECE*32-1:0] piece = row_data;
  wire beat_ends = 1'b1;
  wire [2:0] start = {place_word[2] ^ odd_q, place_word[1:0]};
  {% else %}
  wire [PIECE*32-1:0] piece = row_data;
  wire beat_ends = 1'b1;
  wire [2:0] start = place_word[2:0];
  {% endif %}

  wire piece_valid = row_valid && place_valid;
  wire piece_last = row_last && beat_ends;
  wire piece_ready;
  wire enter = piece_valid && piece_ready;

  assign row_ready   = stop || (place_valid && piece_ready && beat_ends);
  assign place_ready = stop || (row_valid && piece_ready && piece_last);

  // Twice the words, so that a rotation is a shift.
  {% if piece_words == 4 %}
  wire [WORDS*32-1:0] padded = {{(WORDS * 32 - PIECE * 32){1'b0}}, piece};
  wire [WORDS-1:0] filled = {{(WORDS - PIECE){1'b0}}, {PIECE{1'b1}}};
  {% else %}
  wire [WORDS*32-1:0] padded = piece;
  wire [WORDS-1:0] filled = {WORDS{1'b1}};
  {% endif %}
  wire [2*WORDS*32-1:0] shifted = {{(WORDS * 32){1'b0}}, padded} << {start, 5'd0};
  wire [2*WORDS-1:0] covered = {{WORDS{1'b0}}, filled} << start;

  reg                s1_valid_q;
  reg                s1_first_q;
  reg                s1_last_q;
  reg [SECTOR_W-1:0] s1_sector_q;  // of the row's first word
  reg [       255:0] s1_data_q;
  reg [   WORDS-1:0] s1_here_q;  // words of this sector
  reg [   WORDS-1:0] s1_over_q;  // words of the next one

  wire s1_leaves;

  assign piece_ready = !s1_valid_q || s1_leaves;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      s1_valid_q <= 1'b0;
      first_q    <= 1'b1;
      {% if pieces == 2 %}
      upper_q    <= 1'b0;
      {% elif piece_words == 4 %}
      odd_q      <= 1'b0;
      {% endif %}
    end else if (stop) begin
      s1_valid_q <= 1'b0;
      first_q    <= 1'b1;
      {% if pieces == 2 %}
      upper_q    <= 1'b0;
      {% elif piece_words == 4 %}
      odd_q      <= 1'b0;
      {% endif %}
    end else begin
      if (piece_ready) s1_valid_q <= piece_valid;
      if (enter) begin
        first_q <= piece_last;
        {% if pieces == 2 %}
        upper_q <= !upper_q;
        {% elif piece_words == 4 %}
        odd_q   <= !odd_q && !piece_last;
        {% endif %}
      end
    end
  end

  always @(posedge clk) begin
    if (enter) begin
      s1_first_q  <= first_q;
      s1_last_q   <= piece_last;
      s1_sector_q <= place_word[SECTOR_W+2:3];
      s1_data_q   <= shifted[WORDS*32-1:0] | shifted[2*WORDS*32-1:WORDS*32];
      s1_here_q   <= covered[WORDS-1:0];
      s1_over_q   <= covered[2*WORDS-1:WORDS];
    end
  end

  // ---- stage 2: sectors, from the piece and what the one before it left -----------------------------------------------

  reg  [ SECTOR_W-1:0] sector_q;  // the sector that held words belong to
  reg  [    WORDS-1:0] held_q;  // words of it that wait
  reg  [        255:0] held_data_q;
  reg                  flush_q;  // the row has ended; what is held is its last sector

  reg                  write_valid_q;
  reg  [ SECTOR_W-1:0] write_at_q;
  reg  [        255:0] write_data_q;
  reg  [    WORDS-1:0] write_strobe_q;

  wire [ SECTOR_W-1:0] sector = (s1_first_q && !flush_q) ? s1_sector_q : sector_q;
  wire [    WORDS-1:0] words = flush_q ? held_q : held_q | s1_here_q;
  wire                 over = s1_over_q != {WORDS{1'b0}};
  {% if piece_words == 4 %}
  // A piece that runs up to the sector's end completes it.
  wire                 complete = s1_here_q[WORDS-1] || s1_last_q;
  {% else %}
  wire                 complete = 1'b1;  // every piece is as long as a sector
  {% endif %}

  wire                 write_free = !write_valid_q || write_ready;
  wire                 emit = flush_q || (s1_valid_q && complete);
  wire [        255:0] sector_data;

  assign s1_leaves = write_free && !flush_q;

  genvar word;
  generate
    for (word = 0; word < WORDS; word = word + 1) begin : g_word
      assign sector_data[word*32+:32] = (s1_here_q[word] && !flush_q)
          ? s1_data_q[word*32+:32] : held_data_q[word*32+:32];
    end
  endgenerate

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      write_valid_q <= 1'b0;
      flush_q       <= 1'b0;
      held_q        <= {WORDS{1'b0}};
    end else if (stop) begin
      write_valid_q <= 1'b0;
      flush_q       <= 1'b0;
      held_q        <= {WORDS{1'b0}};
    end else if (write_free) begin
      write_valid_q <= emit;
      flush_q       <= !flush_q && s1_valid_q && s1_last_q && over;
      if (flush_q) held_q <= {WORDS{1'b0}};
      else if (s1_valid_q) held_q <= complete ? s1_over_q : words;
    end
  end

  always @(posedge clk) begin
    if (write_free) begin
      write_at_q     <= sector;
      write_data_q   <= sector_data;
      write_strobe_q <= words;
      if (s1_valid_q && !flush_q) begin
        sector_q    <= complete ? sector + 1'b1 : sector;
        held_data_q <= complete ? s1_data_q : sector_data;
      end
    end
  end

  assign write_valid   = write_valid_q;
  {% if channels > 1 %}
  assign write_channel = write_at_q[CHANNEL_W-1:0];
  assign write_address = {{CHANNEL_W{1'b0}}, write_at_q[SECTOR_W-1:CHANNEL_W], 5'd0};
  {% else %}
  assign write_channel = 1'b0;
  assign write_address = {write_at_q, 5'd0};
  {% endif %}
  assign write_data    = write_data_q;
  assign write_strobe  = write_strobe_q;
  assign idle          = first_q && !s1_valid_q && !flush_q && !write_valid_q;

endmodule
