// Purpose  spatten_top with what its stages do in each cycle on `probe`: {{ fields | length }} fields of 16 bits. Of each, bit 0 valid and bit 1
//          ready of the stage's input, bit 2 valid and bit 3 ready of its output, and above them what moves in this cycle.

module spatten_probed (
    input  wire clk,
    input  wire {{ rst.port }},
    {% for port in ports %}
    {{ port.declaration }},
    {% endfor %}
    output wire [{{ fields | length * 16 - 1 }}:0] probe
);

  spatten_top u_top (
      .clk(clk),
      .{{ rst.port }}({{ rst.port }}),
      {% for port in ports %}
      .{{ port.name }}({{ port.name }}){% if not loop.last %},{% endif %}
      {% endfor %}
  );

  {% for field in fields %}
  // {{ field.name }}
  assign probe[{{ loop.index0 * 16 }}+:16] = {
    {{ field.amount }},
    {{ field.out_ready }},
    {{ field.out_valid }},
    {{ field.in_ready }},
    {{ field.in_valid }}
  };
  {% endfor %}

endmodule
