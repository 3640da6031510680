// Runs a few layers on the whole core: memories behind its AXI4 masters, a host at its AXI4-Lite port. The example is a
// prompt, two generated tokens whose rows are redone by the threshold and by the mask, pruning of tokens and heads, a
// command that is refused and a causal layer; then all of it again, queued.
//
//   tb/vectors/spatten_top_accesses.hex   register accesses, one a line, and what they must read: the state after each
//                                         command, counters, error codes
//   tb/vectors/spatten_top_memory.hex     the whole memory before the run: planes of Q, K and V, and noise
//   tb/vectors/spatten_top_expected.hex   the whole memory after it: the outputs, and nothing else changed
//
//   +SEED=n       draws latency and pauses of memory and host, for some a reset in mid-layer; 0: every side always willing
//   +DRIVER       under Verilator: the accesses come from the C driver (sw/spatten_driver.c, tb/spatten_top_driver.c)
//   +WAVES=file   writes a waveform (VCD)
//
// Ends with a line that starts with PASS, or with one that starts with FAIL and $fatal.

`default_nettype none

module spatten_top_tb;

  localparam CHANNELS     = {{ channels }};
  localparam SECTORS      = {{ sectors }};  // of a channel
  localparam DATA_W       = {{ data_w }};
  localparam ADDR_W       = {{ addr_w }};
  localparam ID_W         = {{ id_w }};
  localparam CHANNEL_BITS = {{ channel_bits }};  // channel c begins at c << CHANNEL_BITS
  localparam ACCESSES     = {{ accesses }};

  localparam [19:0] DOORBELL = 20'h{{ doorbell }};
  localparam [31:0] PATIENCE = 32'd200000;  // cycles of a wait after which the core hangs

  // What the host does.
  localparam [3:0] WRITE   = 4'd0;
  localparam [3:0] REFUSED = 4'd1;  // a write that must be answered with SLVERR
  localparam [3:0] READ    = 4'd2;
  localparam [3:0] WAIT    = 4'd3;  // for the interrupt; the driver's waits end by themselves
  localparam [3:0] POLL    = 4'd4;  // reads until it reads as expected
  localparam [3:0] DONE    = 4'd5;
  localparam [3:0] FAILED  = 4'd6;  // the driver's program has said why

  // A line of the accesses.
  localparam ACCESS_W = 4 + 8 + 8 + 16 + 20 + 32 + 32;

  reg          clk;
  reg          reset;
  reg [  31:0] seed;
  reg [  31:0] cycle;
  reg [2047:0] waves;
  reg          driver;
  reg [ 191:0] title;

  // ---- the core and its memories ----------------------------------------------------------------

  wire irq;

  reg         s_axi_awvalid;
  wire        s_axi_awready;
  reg  [19:0] s_axi_awaddr;
  wire [ 2:0] s_axi_awprot = 3'd0;
  reg         s_axi_wvalid;
  wire        s_axi_wready;
  reg  [31:0] s_axi_wdata;
  wire [ 3:0] s_axi_wstrb = 4'hf;
  wire        s_axi_bvalid;
  reg         s_axi_bready;
  wire [ 1:0] s_axi_bresp;
  reg         s_axi_arvalid;
  wire        s_axi_arready;
  reg  [19:0] s_axi_araddr;
  wire [ 2:0] s_axi_arprot = 3'd0;
  wire        s_axi_rvalid;
  reg         s_axi_rready;
  wire [31:0] s_axi_rdata;
  wire [ 1:0] s_axi_rresp;

{% for vector in vectors %}
  wire [CHANNELS*{{ vector[1] }}-1:0] m_{{ vector[0] }};
{% endfor %}

  spatten_top dut (
      .clk(clk),
{% for port in ports %}
      .{{ port.name }}({{ port.signal }}){% if not loop.last %},{% endif %}
{% endfor %}
  );

  reg  [        31:0] peek_index;
  wire [CHANNELS-1:0] quiet;
  wire [CHANNELS-1:0] differs;  // the sector at peek_index, from what is expected

  reg [31:0] expected[0:8*SECTORS*CHANNELS-1];

  genvar channel;
  generate
    for (channel = 0; channel < CHANNELS; channel = channel + 1) begin : g_channel
      wire [      31:0] memory_seed = seed == 32'd0 ? 32'd0 : seed * CHANNELS + channel;
      wire [       7:0] have;
      wire [ADDR_W-6:0] sector;
      wire [     255:0] data;
      wire [     255:0] wanted;

      tb_axi_memory #(
          .DATA_W(DATA_W),
          .ADDR_W(ADDR_W),
          .ID_W(ID_W),
          .SECTORS(SECTORS),
          .WRAP(1),
          .FILE("tb/vectors/spatten_top_memory.hex"),
          .CHANNELS(CHANNELS),
          .CHANNEL(channel)
      ) memory (
          .clk(clk),
          .reset(reset),
          .clear(1'b0),
          .seed(memory_seed),
          .latency(seed == 32'd0 ? 32'd100 : 32'd20 + seed * 32'd7 % 32'd50),
          .error_mask(32'd0),
          .error_first({ADDR_W{1'b1}}),
          .error_last({ADDR_W{1'b0}}),
          .quiet(quiet[channel]),
          .peek_index(peek_index),
          .peek_have(have),
          .peek_sector(sector),
          .peek_data(data),
{% for vector in vectors %}
          .{{ vector[0] }}(m_{{ vector[0] }}[channel*{{ vector[1] }}+:{{ vector[1] }}]){% if not loop.last %},{% endif %}
{% endfor %}
      );

      genvar lane;
      for (lane = 0; lane < 8; lane = lane + 1) begin : g_lane
        assign wanted[lane*32+:32] = expected[(peek_index*CHANNELS+channel)*8+lane];
      end
      assign differs[channel] = data !== wanted;

      // The memory repeats over all addresses: the channel must be the right one.
      wire [31:0] read_channel = m_araddr[channel*ADDR_W+CHANNEL_BITS+:ADDR_W-CHANNEL_BITS];
      wire [31:0] write_channel = m_awaddr[channel*ADDR_W+CHANNEL_BITS+:ADDR_W-CHANNEL_BITS];

      always @(posedge clk) begin
        if (!reset && m_arvalid[channel] && read_channel !== channel)
          $display("CHECK channel %0d: read of channel %0d, cycle %0d",
                   channel, read_channel, cycle);
        if (!reset && m_awvalid[channel] && write_channel !== channel)
          $display("CHECK channel %0d: write of channel %0d, cycle %0d",
                   channel, write_channel, cycle);
      end
    end
  endgenerate

  // ---- the host -----------------------------------------------------------------------------------

  reg  [ACCESS_W-1:0] accesses[0:ACCESSES-1];
  reg  [        31:0] place;  // in accesses
  wire [ACCESS_W-1:0] line = accesses[place];
  reg  [         3:0] kind;
  reg  [         7:0] command;
  reg  [         7:0] name;
  reg  [        15:0] index;
  reg  [        19:0] address;
  reg  [        31:0] data;
  reg  [        31:0] mask;
  reg  [        31:0] answer;
  reg  [        31:0] begun;  // cycle in which the access began
  reg  [        31:0] random;
  reg  [        31:0] doorbells;
  reg  [        31:0] reset_after;  // doorbells; 0: no reset
  reg  [        31:0] reset_in;  // cycles
  reg  [        31:0] wrong;

`ifdef SPATTEN_DRIVER
  import "DPI-C" function int spatten_driver_turn(
    input int data, output int address, output int value);
  int turn_kind;
  int turn_address;
  int turn_value;
`endif

  task fail_name;
    case (name)
{% for name in names %}
      8'd{{ loop.index0 }}: $display("  %0s", "{{ name }}");
{% endfor %}
      default: $display("  access %h", address);
    endcase
  endtask

  task fail;
    begin
      $display("  replay: make sim-%0s SEED=%0d WAVES=1", title, seed);
      $fatal(1);
    end
  endtask

  task next_access;
    begin
`ifdef SPATTEN_DRIVER
      if (driver) begin
        turn_kind = spatten_driver_turn(answer, turn_address, turn_value);
        kind      = turn_kind[3:0];
        command   = 8'd0;
        name      = 8'hff;
        index     = 16'd0;
        address   = turn_address[19:0];
        data      = turn_value;
        mask      = 32'd0;
      end else
`endif
      if (place == ACCESSES) kind = DONE;
      else begin
        {kind, command, name, index, address, data, mask} = line;
        place = place + 32'd1;
      end
    end
  endtask

  task check_response(input [1:0] response, input [1:0] right);
    if (response !== right) begin
      $display("FAIL %0s: seed %0d, cycle %0d, command %0d: answered with response %0d, not %0d",
               title, seed, cycle, command, response, right);
      fail_name;
      $display("  %0s of address %h, data %h",
               kind == READ || kind == POLL ? "read" : "write", address, data);
      fail;
    end
  endtask

  function [31:0] xorshift(input [31:0] x);
    begin
      xorshift = x ^ (x << 13);
      xorshift = xorshift ^ (xorshift >> 17);
      xorshift = xorshift ^ (xorshift << 5);
    end
  endfunction

  localparam [2:0] NEXT    = 3'd0;
  localparam [2:0] WRITING = 3'd1;
  localparam [2:0] READING = 3'd2;
  localparam [2:0] WAITING = 3'd3;
  localparam [2:0] COMPARE = 3'd4;
  localparam [2:0] ENDED   = 3'd5;

  reg  [2:0] state;
  reg  [2:0] reset_cycles;
  reg        w_waits;  // data that comes later than its address
  wire       willing = seed == 32'd0 || random[9:8] != 2'd0;
  wire       off = ((s_axi_rdata ^ data) & mask) !== 32'd0;

  // One access after the other. What an access is about is set by blocking assignments; nobody else reads it.
  always @(posedge clk) begin
    random <= xorshift(random);
    if (reset) begin
      reset_cycles  <= reset_cycles + 3'd1;
      reset         <= reset_cycles < 3'd3;
      if (reset_cycles == 3'd3) $display("START %0s", title);
      cycle         <= 32'd0;
      begun         <= 32'd0;
      place         = 32'd0;
      state         <= NEXT;
      s_axi_awvalid <= 1'b0;
      s_axi_wvalid  <= 1'b0;
      s_axi_bready  <= 1'b0;
      s_axi_arvalid <= 1'b0;
      s_axi_rready  <= 1'b0;
      w_waits       <= 1'b0;
    end else begin
      cycle <= cycle + 32'd1;
      if (cycle - begun > PATIENCE) begin
        $display("FAIL %0s: seed %0d, cycle %0d, command %0d: hangs for %0d cycles",
                 title, seed, cycle, command, PATIENCE);
        fail_name;
        fail;
      end
      case (state)
        NEXT:
        if (willing) begin
          next_access;
          begun <= cycle;
          case (kind)
            WRITE, REFUSED: begin
              s_axi_awvalid <= 1'b1;
              s_axi_awaddr  <= address;
              s_axi_wvalid  <= !random[3] || seed == 32'd0;
              w_waits       <= random[3] && seed != 32'd0;
              s_axi_wdata   <= data;
              state         <= WRITING;
            end
            READ, POLL: begin
              s_axi_arvalid <= 1'b1;
              s_axi_araddr  <= address;
              state         <= READING;
            end
            WAIT: state <= WAITING;
            DONE: begin
              peek_index <= 32'd0;
              wrong      <= 32'd0;
              state      <= COMPARE;
              if (quiet !== {CHANNELS{1'b1}}) begin
                $display("FAIL %0s: seed %0d, cycle %0d: transactions stay open at the end",
                         title, seed, cycle);
                fail;
              end
            end
            default: fail;
          endcase
        end
        WRITING: begin
          if (s_axi_awready) s_axi_awvalid <= 1'b0;
          if (s_axi_wready) s_axi_wvalid <= 1'b0;
          if (w_waits && willing) begin
            s_axi_wvalid <= 1'b1;
            w_waits      <= 1'b0;
          end
          s_axi_bready <= willing;
          if (s_axi_bvalid && s_axi_bready) begin
            check_response(s_axi_bresp, kind == REFUSED ? 2'd2 : 2'd0);
            s_axi_bready <= 1'b0;
            state        <= NEXT;
            if (address == DOORBELL && kind == WRITE) begin
              doorbells <= doorbells + 32'd1;
              if (doorbells + 32'd1 == reset_after) reset_in <= 32'd1 + seed * 32'd37 % 32'd500;
            end
          end
        end
        READING: begin
          if (s_axi_arready) s_axi_arvalid <= 1'b0;
          s_axi_rready <= willing;
          if (s_axi_rvalid && s_axi_rready) begin
            check_response(s_axi_rresp, 2'd0);
            s_axi_rready <= 1'b0;
            answer       <= s_axi_rdata;
            if (kind == POLL && off) s_axi_arvalid <= 1'b1;
            else state <= NEXT;
            if (kind == READ && !driver && off) begin
              $display("FAIL %0s: seed %0d, cycle %0d, command %0d [%0d]: %0d %h, not %0d %h",
                       title, seed, cycle, command, index, data, data, s_axi_rdata, s_axi_rdata);
              fail_name;
              fail;
            end
          end
        end
        WAITING: if (irq || (driver && cycle - begun > 32'd500)) state <= NEXT;
        COMPARE: begin
          begun      <= cycle;
          peek_index <= peek_index + 32'd1;
          if (peek_index == SECTORS) begin
            state <= ENDED;
            if (wrong != 32'd0) begin
              $display("  sectors of a channel with differences: %0d of %0d",
                       wrong, SECTORS);
              fail;
            end
            $display("PASS %0s: seed %0d, {{ commands }} commands and again, %0d doorbells, in %0d cycles",
                     title, seed, doorbells, cycle - SECTORS);
            $finish;
          end else if (differs !== {CHANNELS{1'b0}}) begin
            if (wrong == 32'd0)
              $display("FAIL %0s: seed %0d, cycle %0d: memory, sector %0d of channels %b",
                       title, seed, cycle, peek_index, differs);
            wrong <= wrong + 32'd1;
          end
        end
        default: ;
      endcase
      // A reset in mid-layer, after which all starts over.
      if (reset_in != 32'd0) reset_in <= reset_in - 32'd1;
      if (reset_in == 32'd1) begin
        reset        <= 1'b1;
        reset_cycles <= 3'd0;
        reset_after  <= 32'd0;
      end
    end
  end

  initial begin
    clk = 1'b0;
    reset = 1'b1;
    reset_cycles = 3'd0;
    cycle = 32'd0;
    begun = 32'd0;
    state = NEXT;
    doorbells = 32'd0;
    peek_index = 32'd0;
    place = 32'd0;
    answer = 32'd0;
    kind = WRITE;
    $readmemh("tb/vectors/spatten_top_accesses.hex", accesses);
    $readmemh("tb/vectors/spatten_top_expected.hex", expected);
    if (!$value$plusargs("SEED=%d", seed)) seed = 32'd0;
    driver = $test$plusargs("DRIVER") != 0;
    title = driver ? "spatten_top_driver" : "spatten_top";
    random = 32'd1 + seed * 32'h9e3779b9;
    reset_after = !driver && seed % 32'd4 == 32'd3 ? 32'd1 + seed / 32'd4 % 32'd{{ commands }} : 32'd0;
    reset_in = 32'd0;
    if ($value$plusargs("WAVES=%s", waves)) begin
      $dumpfile(waves);
      $dumpvars(0, spatten_top_tb);
    end
    forever #5 clk = !clk;
  end

endmodule

`default_nettype wire
