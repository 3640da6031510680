// Purpose      turns the reads of a RAM into a valid/ready stream that may stall, without a register for the words where
//              the RAM's own output register can hold them.
// Read         read_go starts a read, with a tag that travels along; the user puts it on the RAM's rd_en and sets it only
//              while read_free is high. {{ config.ram_latency }} cycle{% if config.ram_latency != 1 %}s{% endif %} later the word is on rd_data, its tag on rd_tag.
// Logic        the user may put logic that depends on rd_tag between the RAM and rd_data.
// Output       valid never waits for ready, and a payload offered stays until it is taken. out_data follows rd_data
//              within the cycle.
// Idle         no word is on its way or offered.
// Latency      a read started in cycle t is offered in cycle t+{{ config.ram_latency }}. read_free follows out_ready within the cycle.
// Throughput   one word every cycle.
// Reset        empties the pipeline. Tags and words have no reset: their valid bits qualify them.

module ram_reader #(
    parameter WIDTH = 8,  // bits of a word
    parameter TAG_W = 1  // bits of a tag
) (
    input  wire             clk,
    input  wire             {{ rst.port }},

    output wire             read_free,
    input  wire             read_go,
    input  wire [TAG_W-1:0] read_tag,

    input  wire [WIDTH-1:0] rd_data,
    output wire [TAG_W-1:0] rd_tag,

    output wire             out_valid,
    input  wire             out_ready,
    output wire [WIDTH-1:0] out_data,
    output wire [TAG_W-1:0] out_tag,

    output wire             idle
);

  // held: rd_data is a word that waits to be taken.
  reg             held_valid_q;
  reg [TAG_W-1:0] held_tag_q;

  assign rd_tag = held_tag_q;

  wire take = out_valid && out_ready;

  {% if config.ram_latency == 2 %}
  // A word in the RAM's first register moves on whether or not the word before it was taken: that one then goes to the
  // skid register. So two words may be on their way or waiting.
  reg             flight_valid_q;
  reg             skid_valid_q;
  reg [TAG_W-1:0] flight_tag_q;
  reg [TAG_W-1:0] skid_tag_q;
  reg [WIDTH-1:0] skid_data_q;

  wire            full = skid_valid_q ? held_valid_q : held_valid_q && flight_valid_q;
  wire            displaced = flight_valid_q && held_valid_q && !take;
  wire            held_taken = take && !skid_valid_q;

  assign read_free = !full || take;
  assign out_valid = held_valid_q || skid_valid_q;
  assign out_data  = skid_valid_q ? skid_data_q : rd_data;
  assign out_tag   = skid_valid_q ? skid_tag_q : held_tag_q;
  assign idle      = !flight_valid_q && !out_valid;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      flight_valid_q <= 1'b0;
      held_valid_q   <= 1'b0;
      skid_valid_q   <= 1'b0;
    end else begin
      flight_valid_q <= read_go;
      held_valid_q   <= flight_valid_q || (held_valid_q && !held_taken);
      skid_valid_q   <= displaced || (skid_valid_q && !take);
    end
  end

  always @(posedge clk) begin
    flight_tag_q <= read_tag;
    if (flight_valid_q) held_tag_q <= flight_tag_q;
    if (displaced) begin
      skid_tag_q  <= held_tag_q;
      skid_data_q <= rd_data;
    end
  end
  {% else %}
  assign read_free = !held_valid_q || out_ready;
  assign out_valid = held_valid_q;
  assign out_data  = rd_data;
  assign out_tag   = held_tag_q;
  assign idle      = !held_valid_q;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) held_valid_q <= 1'b0;
    else held_valid_q <= read_go || (held_valid_q && !take);
  end

  always @(posedge clk) begin
    if (read_go) held_tag_q <= read_tag;
  end
  {% endif %}

endmodule
