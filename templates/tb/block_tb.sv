// Feeds {{ block }} the beats in tb/vectors with random gaps and back-pressure, and compares what comes out.
//
//   +SEED=n       draws gaps and back-pressure; 0: every side always willing
//   +WAVES=file   writes a waveform (VCD)
//
// Ends with a line that starts with PASS, or with one that starts with FAIL and $fatal.

`default_nettype none

module {{ block }}_tb;

  localparam [31:0] PATIENCE = 32'd{{ patience }};  // cycles without a handshake after which it hangs
  localparam [31:0] DRAIN    = 32'd64;  // cycles to wait for beats too many

  reg          clk;
  reg          reset;
  reg [   2:0] reset_cycles;
  reg [  31:0] reset_at;  // a reset in the middle, after which all starts over; 0: none
  reg [  31:0] seed;
  reg [  31:0] cycle;  // after the last reset
  reg [  31:0] quiet;
  reg [  31:0] drained;
  reg [2047:0] waves;
  {% for stream in streams %}

  wire {{ stream.name }}_valid;
  wire {{ stream.name }}_ready;
  wire [{{ stream.width - 1 }}:0] {{ stream.name }}_payload;
  wire [31:0] {{ stream.name }}_beat;
  wire {{ stream.name }}_done;
  {% if not stream.input %}
  wire {{ stream.name }}_mismatch;
  wire [{{ stream.width - 1 }}:0] {{ stream.name }}_expected;
  wire [{{ stream.width - 1 }}:0] {{ stream.name }}_compared;
  {% endif %}
  {% endfor %}
  {% if ports %}

  {% endif %}
  {% for port in ports %}
  {% if port.input %}
  wire [{{ port.width - 1 }}:0] {{ port.name }} = {{ port.value }};
  {% else %}
  wire [{{ port.width - 1 }}:0] {{ port.name }};
  {% endif %}
  {% endfor %}

  {{ top }} dut (
      {% for connection in connections %}
      .{{ connection.port }}({{ connection.signal }}){% if not loop.last %},{% endif %}
      {% endfor %}
  );
  {% for stream in streams %}

  {% if stream.input %}
  tb_source #(
  {% else %}
  tb_sink #(
  {% endif %}
      .FILE("tb/vectors/{{ block }}_{{ stream.name }}.hex"),
      .BEATS({{ stream.beats }}),
      .WIDTH({{ stream.width }}),
      {% if stream.input %}
      .NUMBER({{ stream.number }})
      {% else %}
      .NUMBER({{ stream.number }}),
      .BLOCK("{{ block }}"),
      .NAME("{{ stream.name }}")
      {% endif %}
  ) {{ stream.name }} (
      .clk(clk),
      .reset(reset),
      .seed(seed),
      .cycle(cycle),
      .valid({{ stream.name }}_valid),
      .ready({{ stream.name }}_ready),
      .payload({{ stream.name }}_payload),
      .beat({{ stream.name }}_beat),
      {% if stream.input %}
      .done({{ stream.name }}_done)
      {% else %}
      .done({{ stream.name }}_done),
      .mismatch({{ stream.name }}_mismatch),
      .expected({{ stream.name }}_expected),
      .compared({{ stream.name }}_compared)
      {% endif %}
  );
  {% endfor %}

  wire done = {{ all_done }};
  wire moved = {{ any_moved }};

  always @(posedge clk) begin
    if (reset) begin
      reset_cycles <= reset_cycles + 3'd1;
      reset        <= reset_cycles < 3'd3;
      if (reset_cycles == 3'd3) $display("START {{ block }}");
      cycle        <= 32'd0;
      quiet        <= 32'd0;
      drained      <= 32'd0;
    end else begin
      cycle <= cycle + 32'd1;
      quiet <= moved ? 32'd0 : quiet + 32'd1;
      if (reset_at != 32'd0 && (cycle == reset_at || done)) begin
        reset        <= 1'b1;
        reset_at     <= 32'd0;
        reset_cycles <= 3'd0;
      end else if (done) begin
        drained <= drained + 32'd1;
        if (drained == DRAIN) begin
          $display("PASS {{ block }}: seed %0d, {{ rows }} rows in %0d cycles", seed, cycle - DRAIN);
          $finish;
        end
      end else if (quiet > PATIENCE) begin
        $display("FAIL {{ block }}: seed %0d, cycle %0d: no handshake for %0d cycles",
                 seed, cycle, quiet);
        {% for stream in streams %}
        $display("  {{ stream.name }}: %0d of {{ stream.beats }} beats", {{ stream.name }}_beat);
        {% endfor %}
        $display("  replay: make sim-{{ block }} SEED=%0d WAVES=1", seed);
        $fatal(1);
      end
    end
  end
  {% for stream in streams %}
  {% if not stream.input %}

  always @(posedge clk) begin
    if ({{ stream.name }}_mismatch) begin
      $display("FAIL {{ block }}: seed %0d, cycle %0d, {{ stream.name }}, beat %0d",
               seed, cycle, {{ stream.name }}_beat);
      {% for field in stream.fields %}
      {% for part in field.parts %}
      $display("  {{ field.name }}: expected %h, got %h, compared bits %h",
               {{ stream.name }}_expected[{{ part.msb }}:{{ part.lsb }}], {{ stream.name }}_payload[{{ part.msb }}:{{ part.lsb }}],
               {{ stream.name }}_compared[{{ part.msb }}:{{ part.lsb }}]);
      {% endfor %}
      {% endfor %}
      $display("  replay: make sim-{{ block }} SEED=%0d WAVES=1", seed);
      $fatal(1);
    end
  end
  {% endif %}
  {% endfor %}

  initial begin
    clk = 1'b0;
    reset = 1'b1;
    reset_cycles = 3'd0;
    cycle = 32'd0;
    quiet = 32'd0;
    drained = 32'd0;
    if (!$value$plusargs("SEED=%d", seed)) seed = 32'd0;
    reset_at = seed % 32'd4 == 32'd3 ? 32'd1 + (seed * 32'd37) % 32'd500 : 32'd0;
    if ($value$plusargs("WAVES=%s", waves)) begin
      $dumpfile(waves);
      $dumpvars(0, {{ block }}_tb);
    end
    forever #5 clk = !clk;
  end

endmodule

`default_nettype wire
