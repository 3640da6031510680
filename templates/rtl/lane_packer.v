// Purpose      turns ragged beats of a row into full ones: the kept lanes of successive beats are laid end to end, and
//              every word but the last of a row leaves with all {{ lanes }} lanes in use.
// Protocol     valid/ready on both sides: valid never waits for ready, and a payload offered stays until it is taken.
// Output       lanes 0 to pop_count-1 hold elements; the data of other lanes is undefined. pop_last marks a row's last
//              word. Full words do not wait for what follows: a row whose last beat adds nothing to them, or that keeps
//              nothing at all, ends with a word of pop_count = 0.
// Latency      a word that is completed by the beat accepted in cycle t is offered in cycle t+2; what a row's last beat
//              leaves over follows in cycle t+3.
// Throughput   one beat every cycle; one cycle more for a row whose last beat completes one word and begins another.
// Reset        empties the packer. Payload registers have no reset.

module lane_packer #(
    parameter DATA_W = {{ data_w }}  // bits of an element
) (
    input  wire                       clk,
    input  wire                       {{ rst.port }},

    input  wire                       push_valid,
    output wire                       push_ready,
    input  wire [{{ lanes }}*DATA_W-1:0] push_data,
    input  wire [{{ lanes - 1 }}:0] push_keep,
    input  wire                       push_last,

    output wire                       pop_valid,
    input  wire                       pop_ready,
    output wire [{{ lanes }}*DATA_W-1:0] pop_data,
    output wire [{{ count_w - 1 }}:0] pop_count,
    output wire                       pop_last
);

  localparam LANES   = {{ lanes }};
  {% if lanes > 1 %}
  localparam LANE_W  = {{ lane_w }};  // bits of a lane number
  {% endif %}
  localparam COUNT_W = {{ count_w }};  // bits of a count, 0 to LANES

  localparam [COUNT_W-1:0] FULL = LANES[COUNT_W-1:0];

  // ---- elements in their lanes -------------------------------------------------------------------------------------

  wire                    beat_valid;
  wire                    beat_ready;
  wire [LANES*DATA_W-1:0] beat_data;
  wire [       LANES-1:0] beat_keep;
  {% if lanes > 1 %}
  wire [      LANE_W-1:0] beat_start;
  {% else %}
  wire                    unused_start;
  {% endif %}
  wire [     COUNT_W-1:0] beat_count;
  wire                    beat_last;

  zero_eliminator #(
      .DATA_W(DATA_W),
      .CHAIN (1)
  ) u_zero_eliminator (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(push_valid),
      .push_ready(push_ready),
      .push_data (push_data),
      .push_keep (push_keep),
      .push_last (push_last),
      .pop_valid (beat_valid),
      .pop_ready (beat_ready),
      .pop_data  (beat_data),
      .pop_keep  (beat_keep),
      .pop_start ({% if lanes > 1 %}beat_start{% else %}unused_start{% endif %}),
      .pop_count (beat_count),
      .pop_last  (beat_last)
  );

  // ---- words -------------------------------------------------------------------------------------------------------

  // A beat fills the word from lane beat_start on; what passes lane LANES-1 begins the next word. The elements of a
  // word not yet complete wait in waiting_q, the lower lanes.
  reg  [LANES*DATA_W-1:0] waiting_q;
  reg                     rest_valid_q;  // the row's last beat left a second word, in waiting_q
  reg  [     COUNT_W-1:0] rest_count_q;

  {% if lanes > 1 %}
  wire [COUNT_W-1:0] filled = {{(COUNT_W - LANE_W){1'b0}}, beat_start} + beat_count;
  {% else %}
  wire [COUNT_W-1:0] filled = beat_count;
  {% endif %}
  wire full = filled >= FULL;
  {% if lanes > 1 %}
  wire overflow = filled > FULL;
  wire [LANES-1:0] from_waiting = {LANES{rest_valid_q}} | ~({LANES{1'b1}} << beat_start);
  {% else %}
  wire overflow = 1'b0;  // a single lane is full or empty
  wire [LANES-1:0] from_waiting = rest_valid_q;
  {% endif %}
  wire word_valid = beat_valid && (full || beat_last);

  assign beat_ready = !rest_valid_q && (pop_ready || !(full || beat_last));

  wire beat_taken = beat_valid && beat_ready;

  assign pop_valid = rest_valid_q || word_valid;
  assign pop_count = rest_valid_q ? rest_count_q : full ? FULL : filled;
  assign pop_last  = rest_valid_q || (beat_last && !overflow);

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) rest_valid_q <= 1'b0;
    else if (rest_valid_q) rest_valid_q <= !pop_ready;
    else rest_valid_q <= beat_taken && beat_last && overflow;
  end

  always @(posedge clk) begin
    if (beat_taken) rest_count_q <= filled - FULL;
  end

  genvar lane;
  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_lane
      assign pop_data[lane*DATA_W+:DATA_W] = from_waiting[lane] ? waiting_q[lane*DATA_W+:DATA_W]
                                                          : beat_data[lane*DATA_W+:DATA_W];

      // A lane that completes the word in this cycle is stored as well: nothing reads it before it is written again.
      always @(posedge clk) begin
        if (beat_taken && beat_keep[lane]) begin
          waiting_q[lane*DATA_W+:DATA_W] <= beat_data[lane*DATA_W+:DATA_W];
        end
      end
    end
  endgenerate

endmodule
