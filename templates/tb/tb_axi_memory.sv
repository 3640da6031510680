// A memory behind an AXI4 slave port, for testbenches: answers in order, and holds the master to the rules of AXI4 and to
// its own (INCR, whole aligned beats, ID 0). A broken rule is printed behind CHECK and ends the simulation.
//
// Time       the first beat of a read stands `latency` (at least 2) cycles after its AR handshake, a write's response as long after
//            its last beat; then a beat every cycle, read and write side by side. seed 0: never a stall. Any other
//            seed draws stalls of each channel, extra latency, and whether the slave wants AW before W or W before AW.
// Contents   SECTORS sectors of 32 bytes. WRAP = 1: they repeat over the whole address space, and hold FILE (a 32-bit
//            word a line, hexadecimal) or noise. WRAP = 0: an address that was not written, or was lost since another
//            one took its place, reads as noise that is a function of the whole address: word_noise below.
// Errors     a beat fails whose address lies in error_first to error_last, or whose noise has none of the ones of
//            error_mask (0: none). A read answers SLVERR with wrong data; a write does not change the memory.
// For users  peek_* shows the sector stored at an index; quiet: nothing has been asked for that is not yet answered;
//            clear forgets all that was written.

`default_nettype none

module tb_axi_memory #(
    parameter DATA_W  = 256,  // 64 to 512
    parameter ADDR_W  = 40,  // 32 to 64
    parameter ID_W    = 1,
    parameter SECTORS = 1024,  // a power of two
    parameter WRAP    = 0,
    parameter FILE    = "",  // only with WRAP = 1
    parameter CHANNELS = 1,  // FILE holds the sectors of so many channels in turn,
    parameter CHANNEL  = 0,  // of which this memory is one
    parameter DEPTH   = 1024  // bursts of a kind, and beats to write, that may wait; a power of two
) (
    input  wire                clk,
    input  wire                reset,
    input  wire                clear,
    input  wire [        31:0] seed,
    input  wire [        31:0] latency,
    input  wire [        31:0] error_mask,
    input  wire [  ADDR_W-1:0] error_first,
    input  wire [  ADDR_W-1:0] error_last,
    output wire                quiet,
    input  wire [        31:0] peek_index,
    output wire [         7:0] peek_have,  // words written
    output wire [  ADDR_W-6:0] peek_sector,
    output wire [       255:0] peek_data,

    input  wire                arvalid,
    output wire                arready,
    input  wire [    ID_W-1:0] arid,
    input  wire [  ADDR_W-1:0] araddr,
    input  wire [         7:0] arlen,
    input  wire [         2:0] arsize,
    input  wire [         1:0] arburst,
    input  wire                arlock,
    input  wire [         3:0] arcache,
    input  wire [         2:0] arprot,
    input  wire [         3:0] arqos,
    output wire                rvalid,
    input  wire                rready,
    output wire [    ID_W-1:0] rid,
    output wire [  DATA_W-1:0] rdata,
    output wire [         1:0] rresp,
    output wire                rlast,

    input  wire                awvalid,
    output wire                awready,
    input  wire [    ID_W-1:0] awid,
    input  wire [  ADDR_W-1:0] awaddr,
    input  wire [         7:0] awlen,
    input  wire [         2:0] awsize,
    input  wire [         1:0] awburst,
    input  wire                awlock,
    input  wire [         3:0] awcache,
    input  wire [         2:0] awprot,
    input  wire [         3:0] awqos,
    input  wire                wvalid,
    output wire                wready,
    input  wire [  DATA_W-1:0] wdata,
    input  wire [DATA_W/8-1:0] wstrb,
    input  wire                wlast,
    output wire                bvalid,
    input  wire                bready,
    output wire [    ID_W-1:0] bid,
    output wire [         1:0] bresp
);

  localparam WORDS  = DATA_W / 32;  // of a beat
  localparam BYTES  = DATA_W / 8;
  localparam SIZE   = $clog2(BYTES);
  localparam LINE_W = $clog2(SECTORS);

  // ---- what no access has changed --------------------------------------------------------------------------------

  function [31:0] mix(input [31:0] x);
    begin
      mix = (x ^ (x >> 16)) * 32'h7feb352d;
      mix = (mix ^ (mix >> 15)) * 32'h846ca68b;
      mix = mix ^ (mix >> 16);
    end
  endfunction

  function [31:0] word_noise(input [63:0] address);
    word_noise = mix(address[31:0] ^ mix(address[63:32] + 32'd1));
  endfunction

  function [31:0] xorshift(input [31:0] x);
    begin
      xorshift = x ^ (x << 13);
      xorshift = xorshift ^ (xorshift >> 17);
      xorshift = xorshift ^ (xorshift << 5);
    end
  endfunction

  // ---- contents ----------------------------------------------------------------------------------------------------

  reg [31:0] image[0:(FILE == "" ? 1 : 8*SECTORS*CHANNELS)-1];
  reg [31:0] store[0:8*SECTORS-1];
  reg [7:0] have[0:SECTORS-1];
  reg [ADDR_W-6:0] owner[0:SECTORS-1];

  function [31:0] word_at(input [ADDR_W-1:0] address);
    reg [LINE_W-1:0] line;
    reg [      63:0] whole;
    begin
      line = address[5+:LINE_W];
      whole = 64'd0;
      if (WRAP != 0) whole[LINE_W+4:2] = address[LINE_W+4:2];
      else whole[ADDR_W-1:2] = address[ADDR_W-1:2];
      if (have[line][address[4:2]] && (WRAP != 0 || owner[line] == address[ADDR_W-1:5]))
        word_at = store[{line, address[4:2]}];
      else word_at = word_noise(whole);
    end
  endfunction

  function fails(input [ADDR_W-1:0] address);
    reg [63:0] whole;
    begin
      whole = 64'd0;
      whole[ADDR_W-1:0] = address;
      fails = (error_mask != 32'd0 && (word_noise(~whole) & error_mask) == 32'd0)
          || (address >= error_first && address <= error_last);
    end
  endfunction

  wire [LINE_W-1:0] peek_line = peek_index[LINE_W-1:0];
  assign peek_have   = have[peek_line];
  assign peek_sector = owner[peek_line];

  genvar peek;
  generate
    for (peek = 0; peek < 8; peek = peek + 1) begin : g_peek
      assign peek_data[peek*32+:32] = store[{peek_line, peek[2:0]}];
    end
  endgenerate

  // ---- stalls ------------------------------------------------------------------------------------------------------

  reg     [31:0] random;
  reg     [31:0] now;
  wire    [31:0] traits = mix(seed);
  wire    [ 7:0] roughness = seed == 32'd0 ? 8'd0 : traits[7:0] & 8'hbf;
  wire    [31:0] draw = mix(random + 32'd7);
  wire           ar_stall = traits[8] && random[7:0] < roughness;
  wire           r_stall = traits[9] && random[15:8] < roughness;
  wire           aw_stall = traits[10] && random[23:16] < roughness;
  wire           w_stall = traits[11] && random[31:24] < roughness;
  wire           b_stall = traits[12] && draw[7:0] < roughness;
  wire           aw_first = seed != 32'd0 && traits[14:13] == 2'd1;
  wire           w_first = seed != 32'd0 && traits[14:13] == 2'd2;
  wire    [31:0] extra = seed != 32'd0 && traits[15] ? {26'd0, draw[13:8]} : 32'd0;

  // ---- reads -------------------------------------------------------------------------------------------------------

  reg  [ADDR_W-1:0] ar_addr[0:DEPTH-1];
  reg  [       7:0] ar_len[0:DEPTH-1];
  reg  [      31:0] ar_due[0:DEPTH-1];
  reg  [      31:0] ar_in;
  reg  [      31:0] ar_out;
  reg  [       7:0] r_beat;  // of the burst at ar_out
  reg               r_valid;
  reg  [DATA_W-1:0] r_data;
  reg               r_error;
  reg               r_last;

  wire [      31:0] ar_slot = ar_out % DEPTH;
  wire [ADDR_W-1:0] r_addr = ar_addr[ar_slot] + {{(ADDR_W - 8) {1'b0}}, r_beat} * BYTES;
  wire              r_due = $signed(now + 32'd1 - ar_due[ar_slot]) >= 0;
  wire              r_load = ar_in != ar_out && r_due && !r_stall && (!r_valid || rready);

  assign arready = !ar_stall && ar_in - ar_out < DEPTH;
  assign rvalid  = r_valid;
  assign rid     = {ID_W{1'b0}};
  assign rdata   = r_data;
  assign rresp   = r_error ? 2'd2 : 2'd0;
  assign rlast   = r_last;

  integer r_word;

  always @(posedge clk) begin
    if (reset) begin
      ar_in   <= 32'd0;
      ar_out  <= 32'd0;
      r_beat  <= 8'd0;
      r_valid <= 1'b0;
    end else begin
      if (arvalid && arready) begin
        ar_addr[ar_in%DEPTH] <= araddr;
        ar_len[ar_in%DEPTH]  <= arlen;
        ar_due[ar_in%DEPTH]  <= now + latency + extra;
        ar_in                <= ar_in + 32'd1;
      end
      if (rready) r_valid <= 1'b0;
      if (r_load) begin
        r_valid <= 1'b1;
        r_error <= fails(r_addr);
        r_last  <= r_beat == ar_len[ar_slot];
        for (r_word = 0; r_word < WORDS; r_word = r_word + 1)
          r_data[r_word*32+:32] <= word_at(r_addr + 4 * r_word) ^ {32{fails(r_addr)}};
        r_beat <= r_beat + 8'd1;
        if (r_beat == ar_len[ar_slot]) begin
          r_beat <= 8'd0;
          ar_out <= ar_out + 32'd1;
        end
      end
    end
  end

  // ---- writes ------------------------------------------------------------------------------------------------------

  reg  [ADDR_W-1:0] aw_addr[0:DEPTH-1];
  reg  [       7:0] aw_len[0:DEPTH-1];
  reg  [      31:0] aw_in;
  reg  [      31:0] aw_out;
  reg  [DATA_W-1:0] w_data[0:DEPTH-1];
  reg  [ BYTES-1:0] w_strb[0:DEPTH-1];
  reg               w_last[0:DEPTH-1];
  reg  [      31:0] w_in;
  reg  [      31:0] w_out;
  reg  [      31:0] w_begun;  // bursts whose first beat has come
  reg  [      31:0] w_ended;  // bursts whose last beat has come
  reg               w_inner;
  reg  [       7:0] w_beat;  // of the burst at aw_out
  reg               w_failed;  // a beat of it
  reg  [      31:0] b_due[0:DEPTH-1];
  reg               b_error[0:DEPTH-1];
  reg  [      31:0] b_in;
  reg  [      31:0] b_out;
  reg               b_valid;
  reg               b_failed;

  wire [      31:0] aw_slot = aw_out % DEPTH;
  wire [      31:0] w_slot = w_out % DEPTH;
  wire [ADDR_W-1:0] w_addr = aw_addr[aw_slot] + {{(ADDR_W - 8) {1'b0}}, w_beat} * BYTES;
  wire              w_done = w_beat == aw_len[aw_slot];
  wire              w_act = aw_in != aw_out && w_in != w_out;
  wire              b_is_due = $signed(now + 32'd1 - b_due[b_out%DEPTH]) >= 0;
  wire              b_load = b_in != b_out && b_is_due && !b_stall && (!b_valid || bready);

  assign awready = !aw_stall && aw_in - aw_out < DEPTH && b_in - b_out < DEPTH
      && !(w_first && w_begun == aw_in);
  assign wready = !w_stall && w_in - w_out < DEPTH && !(aw_first && w_ended == aw_in);
  assign bvalid = b_valid;
  assign bid    = {ID_W{1'b0}};
  assign bresp  = b_failed ? 2'd2 : 2'd0;

  reg     [      31:0] w_new;
  reg     [LINE_W-1:0] w_line;
  reg     [ADDR_W-1:0] w_at;
  integer              w_word;
  integer              w_byte;
  integer              line;

  initial begin
    for (line = 0; line < SECTORS; line = line + 1) have[line] = FILE == "" ? 8'h00 : 8'hff;
    if (FILE != "") begin
      $readmemh(FILE, image);
      for (line = 0; line < 8 * SECTORS; line = line + 1)
        store[line] = image[(line/8*CHANNELS+CHANNEL)*8+line%8];
    end
  end

  // Blocking: the words of a beat may share a sector.
  always @(posedge clk) begin
    if (clear) for (line = 0; line < SECTORS; line = line + 1) have[line] = 8'h00;
    else if (!reset && w_act && !fails(w_addr)) begin
      for (w_word = 0; w_word < WORDS; w_word = w_word + 1) begin
        w_at = w_addr + 4 * w_word;
        w_line = w_at[5+:LINE_W];
        if (w_strb[w_slot][w_word*4+:4] != 4'd0) begin
          w_new = word_at(w_at);
          for (w_byte = 0; w_byte < 4; w_byte = w_byte + 1)
            if (w_strb[w_slot][w_word*4+w_byte])
              w_new[w_byte*8+:8] = w_data[w_slot][w_word*32+w_byte*8+:8];
          if (WRAP == 0 && owner[w_line] != w_at[ADDR_W-1:5]) have[w_line] = 8'h00;
          owner[w_line] = w_at[ADDR_W-1:5];
          have[w_line] = have[w_line] | (8'd1 << w_at[4:2]);
          store[{w_line, w_at[4:2]}] = w_new;
        end
      end
    end
  end

  always @(posedge clk) begin
    if (reset) begin
      aw_in    <= 32'd0;
      aw_out   <= 32'd0;
      w_in     <= 32'd0;
      w_out    <= 32'd0;
      w_begun  <= 32'd0;
      w_ended  <= 32'd0;
      w_inner  <= 1'b0;
      w_beat   <= 8'd0;
      w_failed <= 1'b0;
      b_in     <= 32'd0;
      b_out    <= 32'd0;
      b_valid  <= 1'b0;
    end else begin
      if (awvalid && awready) begin
        aw_addr[aw_in%DEPTH] <= awaddr;
        aw_len[aw_in%DEPTH]  <= awlen;
        aw_in                <= aw_in + 32'd1;
      end
      if (wvalid && wready) begin
        w_data[w_in%DEPTH] <= wdata;
        w_strb[w_in%DEPTH] <= wstrb;
        w_last[w_in%DEPTH] <= wlast;
        w_in               <= w_in + 32'd1;
        w_inner            <= !wlast;
        if (!w_inner) w_begun <= w_begun + 32'd1;
        if (wlast) w_ended <= w_ended + 32'd1;
      end
      if (w_act) begin
        w_out    <= w_out + 32'd1;
        w_beat   <= w_beat + 8'd1;
        w_failed <= w_failed || fails(w_addr);
        if (w_done) begin
          aw_out                <= aw_out + 32'd1;
          w_beat                <= 8'd0;
          w_failed              <= 1'b0;
          b_due[b_in%DEPTH]   <= now - 32'd1 + latency + extra;
          b_error[b_in%DEPTH] <= w_failed || fails(w_addr);
          b_in                  <= b_in + 32'd1;
        end
      end
      if (bready) b_valid <= 1'b0;
      if (b_load) begin
        b_valid  <= 1'b1;
        b_failed <= b_error[b_out%DEPTH];
        b_out    <= b_out + 32'd1;
      end
    end
  end

  assign quiet = !arvalid && ar_in == ar_out && !r_valid && !awvalid && !wvalid
      && aw_in == aw_out && w_in == w_out && b_in == b_out && !b_valid;

  // ---- rules -------------------------------------------------------------------------------------------------------

  reg begun;  // a reset has been

  task broken(input [8*64-1:0] rule);
    if (begun) begin
      $display("CHECK %m: %0s, cycle %0d", rule, now);
      $finish;
    end
  endtask

  wire [  ADDR_W+24:0] ar_now = {
    arqos, arprot, arcache, arlock, arburst, arsize, arlen, araddr
  };
  wire [  ADDR_W+24:0] aw_now = {
    awqos, awprot, awcache, awlock, awburst, awsize, awlen, awaddr
  };
  wire [DATA_W+BYTES:0] w_now = {wlast, wstrb, wdata};
  reg  [  ADDR_W+24:0] ar_before;
  reg  [  ADDR_W+24:0] aw_before;
  reg  [DATA_W+BYTES:0] w_before;
  reg                  ar_held;
  reg                  aw_held;
  reg                  w_held;
  reg                  in_reset;
  integer              strobe;

  task address_rules(input [ID_W-1:0] id, input [ADDR_W-1:0] addr, input [7:0] len,
                     input [2:0] size, input [1:0] burst, input lock);
    begin
      if (^{id, addr, len, size, burst, lock} === 1'bx) broken("an address is undefined");
      if (id != {ID_W{1'b0}}) broken("the ID is not 0");
      if (burst != 2'b01) broken("the burst is not INCR");
      if (size != SIZE[2:0]) broken("the beats are not whole");
      if (lock) broken("the access is locked");
      if (addr[SIZE-1:0] != {SIZE{1'b0}}) broken("the address is not aligned to a beat");
      if ({20'd0, addr[11:0]} + ({24'd0, len} + 32'd1) * BYTES > 32'd4096)
        broken("the burst crosses 4 KB");
    end
  endtask

  initial begin
    begun = 1'b0;
    in_reset = 1'b0;
    ar_held = 1'b0;
    aw_held = 1'b0;
    w_held = 1'b0;
    random = 32'd1;
    now = 32'd0;
  end

  always @(posedge clk) begin
    now       <= now + 32'd1;
    random    <= xorshift(reset && random == 32'd1 && seed != 32'd0 ? seed : random);
    begun     <= begun || reset;
    in_reset  <= reset;
    ar_before <= ar_now;
    aw_before <= aw_now;
    w_before  <= w_now;
    ar_held   <= !reset && arvalid && !arready;
    aw_held   <= !reset && awvalid && !awready;
    w_held    <= !reset && wvalid && !wready;
    if (in_reset && {arvalid, awvalid, wvalid} !== 3'd0) broken("a valid is high in reset");
    if (!reset && !in_reset) begin
      if (^{arvalid, awvalid, wvalid, rready, bready} === 1'bx) broken("a handshake is undefined");
      if ((ar_held && !arvalid) || (aw_held && !awvalid) || (w_held && !wvalid))
        broken("a valid fell before its ready");
      if (ar_held && ar_now !== ar_before) broken("AR changed while it waited");
      if (aw_held && aw_now !== aw_before) broken("AW changed while it waited");
      if (w_held && w_now !== w_before) broken("W changed while it waited");
      if (arvalid) address_rules(arid, araddr, arlen, arsize, arburst, arlock);
      if (awvalid) address_rules(awid, awaddr, awlen, awsize, awburst, awlock);
      if (wvalid && ^wstrb === 1'bx) broken("WSTRB is undefined");
      if (wvalid)
        for (strobe = 0; strobe < BYTES; strobe = strobe + 1)
          if (wstrb[strobe] && ^wdata[strobe*8+:8] === 1'bx) broken("WDATA is undefined");
      if (w_act && w_last[w_slot] != w_done) broken("WLAST is not with the burst's last beat");
    end
  end

endmodule

`default_nettype wire
