// Purpose      says whether a command may run, from its numbers and the state's alone: 0, or the code of the first rule that
//              it breaks. Codes are those of the generated page of registers.
// Rules        early: 1 to 14, the command by itself and the sizes of the state. late: 17 to 20, what its state operations
//              would leave. Between them stand the lists that the host wrote (15 and 16), which are not checked here.
// Latency      early and late follow the inputs by 2 cycles.
// Reset        none: all registers hold data only.

module command_check (
    input  wire clk,

    {% for field in fields %}
    input  wire {% if field.width > 1 %}[{{ field.width - 1 }}:0] {% endif %}command_{{ field.name }},
    {% endfor %}
    input  wire [15:0] length,
    input  wire [15:0] all_heads,
    input  wire [15:0] tokens,
    input  wire [15:0] heads,

    output wire [4:0] early,
    output wire [4:0] late
);

  localparam [15:0] MAX_TOKENS = 16'd{{ config.max_tokens }};
  localparam [15:0] MAX_HEADS  = 16'd{{ config.max_heads }};
  localparam [8:0]  WIDTH      = 9'd{{ config.width }};

  // ---- the command by itself -----------------------------------------------------------------------------------------

  wire dim_legal = command_shape_head_dim == 16'd32{% if config.head_dim > 32 %} || command_shape_head_dim == 16'd64{% endif %}{% if config.head_dim > 64 %} ||
                   command_shape_head_dim == 16'd128{% endif %};
  wire summarisation = !command_mode_generation;
  {% for name in ["key", "value"] %}
  wire [8:0] {{ name }}_width = {1'b0, command_{{ name }}_bits_msb} + {1'b0, command_{{ name }}_bits_lsb};
  {% endfor %}
  wire unaligned =
      {% for name in regions %}
      command_{{ name }}_base[1:0] != 2'd0 || command_{{ name }}_head_stride[1:0] != 2'd0 ||
      command_{{ name }}_token_stride[1:0] != 2'd0{% if not loop.last %} ||{% else %};{% endif %}
      {% endfor %}

  // A rule a bit, the first one lowest.
  reg  [13:0] broken_q;
  wire [13:0] broken = {
    length > MAX_TOKENS || all_heads > MAX_HEADS,
    unaligned,
    command_token_operations_scale > 8'd31 || command_head_operations_scale > 8'd31,
    command_mode_head_shift > 8'd31,
    command_output_scale_shift > 8'd47,
    command_scale_shift > 8'd47,
    command_value_ratio_ratio > 32'd65536,
    {% if prob_w < 16 %}
    command_key_bits_threshold[15:{{ prob_w }}] != {{ 16 - prob_w }}'d0,
    {% else %}
    1'b0,  // every threshold fits
    {% endif %}
    command_mode_value_mode == 2'd3 || (summarisation && command_mode_value_mode == 2'd2),
    summarisation && command_mode_key_mode[1],
    command_value_bits_msb == 8'd0 || value_width > WIDTH,
    command_key_bits_msb == 8'd0 || key_width > WIDTH,
    command_shape_group == 16'd0 || command_shape_group > MAX_HEADS,
    !dim_legal
  };

  // ---- what the state operations would leave --------------------------------------------------------------------------

  wire [16:0] length_then = {1'b0, length} + {16'd0, command_token_operations_append};
  wire [16:0] tokens_then = command_token_operations_reset ? length_then :
                            {1'b0, tokens} + {16'd0, command_token_operations_append};
  wire [15:0] heads_then = command_head_operations_reset ? all_heads : heads;
  wire        none_stay = command_token_prune_before_k == 16'd0 &&
                          command_token_guards_before_first == 16'd0 &&
                          command_token_guards_before_last == 16'd0;

  reg  [ 3:0] left_q;
  wire [ 3:0] left = {
    command_mode_generation && {1'b0, command_query_token} >= length_then,
    heads_then == 16'd0 ||
    (command_head_operations_prune_before && command_head_prune_before == 16'd0),
    tokens_then == 17'd0 || (command_token_operations_prune_before && none_stay),
    command_token_operations_append && length >= MAX_TOKENS
  };

  // ---- the first of each ------------------------------------------------------------------------------------------------

  reg [4:0] early_q;
  reg [4:0] late_q;
  reg [4:0] first_early;
  reg [4:0] first_late;

  integer rule;
  always @(*) begin
    first_early = 5'd0;
    for (rule = 13; rule >= 0; rule = rule - 1) begin
      if (broken_q[rule]) first_early = rule[4:0] + 5'd1;
    end
    first_late = 5'd0;
    for (rule = 3; rule >= 0; rule = rule - 1) begin
      if (left_q[rule]) first_late = rule[4:0] + 5'd17;
    end
  end

  assign early = early_q;
  assign late  = late_q;

  always @(posedge clk) begin
    broken_q <= broken;
    left_q   <= left;
    early_q  <= first_early;
    late_q   <= first_late;
  end

  // Fields that are right whatever they hold.
  wire unused = &{1'b0,
                  {% for field in unchecked %}
                  command_{{ field }}{% if not loop.last %},{% endif %}
                  {% endfor %}
                  };

endmodule
