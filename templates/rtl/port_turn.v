// Purpose      which sector each request port of a lane has in one step: a lane's sectors, numbered 0 to total - 1, go to its
//              ports in turn, from port `start` on, at most one a port and step.
// Output       needed: the port has a sector in this step, the one with that number; done: no step follows. Combinational.

module port_turn #(
    parameter PORTS = {{ rot_max }}  // of the lane
) (
    input  wire [{{ t_w - 1 }}:0] total,
    input  wire [{{ rot_w - 1 }}:0] start,  // below PORTS
    input  wire [{{ step_w - 1 }}:0] step,

    output wire [PORTS-1:0] needed,
    output wire [PORTS*{{ t_w }}-1:0] number,
    output wire             done
);

  localparam TOTAL_W = {{ t_w }};
  localparam START_W = {{ rot_w }};
  localparam STEP_W  = {{ step_w }};
  localparam SUM_W   = (TOTAL_W > START_W ? TOTAL_W : START_W) + STEP_W + 1;

  localparam PORTS_INT = PORTS;
  localparam [SUM_W-1:0] TURN = PORTS_INT[SUM_W-1:0];

  wire [SUM_W-1:0] wide_total = {{(SUM_W - TOTAL_W){1'b0}}, total};
  wire [SUM_W-1:0] wide_start = {{(SUM_W - START_W){1'b0}}, start};
  {% if steps > 1 %}
  // Numbers of the steps before.
  wire [SUM_W-1:0] skipped = {{(SUM_W - STEP_W){1'b0}}, step} * TURN;
  {% else %}
  wire [SUM_W-1:0] skipped = {SUM_W{1'b0}};
  wire unused_step = &step;
  {% endif %}

  assign done = wide_total <= skipped + TURN;

  genvar port;
  generate
    for (port = 0; port < PORTS; port = port + 1) begin : g_port
      localparam PORT_INT = port;
      localparam [SUM_W-1:0] PORT = PORT_INT[SUM_W-1:0];

      wire [SUM_W-1:0] here =
          (PORT >= wide_start ? PORT - wide_start : PORT + TURN - wide_start) + skipped;

      assign needed[port] = here < wide_total;
      assign number[port*TOTAL_W+:TOTAL_W] = here[TOTAL_W-1:0];
    end
  endgenerate

endmodule
