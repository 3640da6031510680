// Purpose      the output rows of attention: out[d] = sat(rne(sum_j prob[j] * V[j][d] * mant / 2^shift)), an exact sum over
//              the row's kept values, one rounding, half to even, and one saturation to {{ out_w }} bits; and for head importance
//              the magnitude sum_d |out[d]| of each row.
// Structure    {{ multipliers }} multipliers in {{ columns }} columns: column c takes the elements e of a beat with e mod {{ columns }} = c, a sum a
//              beat, and has an accumulator.{% if folds > 0 %} At a head dimension D below {{ columns }} the columns c, c + D, ... hold parts of one
//              element, which are added (folded) when the row leaves.{% endif %}
// Row          prob: beats of {{ multipliers }}/D probabilities at head dimension D = 32 << prob_dim, at most {{ columns }}; lanes 0 to prob_count-1
//              are in use, and only a row's last beat may use fewer (it may be empty). prob_dim, prob_mant, prob_shift (at
//              most 47) and prob_ctx stand still over the row. At most MAX_ROW probabilities a row.
// Values       value: one beat for each prob beat that is not empty, in the same order; vector j in elements j*D to
//              (j+1)*D-1 belongs to lane j. What lanes and vectors not in use hold means nothing.
// Output       pop: the {{ output_lanes }} elements of a beat, element 0 of the row in lane 0 of the first of its D/{{ output_lanes }} beats. A row without
//              values gives zeros. magnitude: one beat a row. Both carry the row's ctx; neither waits for the other.
// Protocol     valid/ready on all sides: valid never waits for ready, and a payload offered stays until it is taken. Nothing
//              stalls inside: the last beat of a row waits at the input until both output FIFOs have room for the row.
// Latency      a row whose last beats of prob and value come in cycle t is offered on pop from cycle t+{{ latency }} on, on
//              magnitude D/{{ output_lanes }}-1 cycles after t+{{ magnitude_latency }}. A beat of prob may be accepted before its value, and never after it.
// Throughput   a beat every cycle, all multipliers at work, and no bubble between rows, as long as the outputs are taken.
//              From a row's last beat to the last beat of the next row it takes at least the D/{{ output_lanes }} cycles in which the first
//              leaves: rows of one D take max(beats, D/{{ output_lanes }}) cycles each.
// Reset        forgets everything. Payload registers have no reset: valid bits qualify them.

module av_array #(
    parameter CTX_W   = 16,  // bits that travel with a row
    parameter MAX_ROW = {{ max_row }}  // most values of a row
) (
    input  wire             clk,
    input  wire             {{ rst.port }},

    input  wire             prob_valid,
    output wire             prob_ready,
    input  wire [{{ lanes * prob_w - 1 }}:0] prob_probs,
    input  wire [{{ count_w - 1 }}:0] prob_count,
    input  wire             prob_last,
    input  wire [1:0]       prob_dim,
    input  wire [15:0]      prob_mant,
    input  wire [5:0]       prob_shift,
    input  wire [CTX_W-1:0] prob_ctx,

    input  wire             value_valid,
    output wire             value_ready,
    input  wire [{{ multipliers * value_w - 1 }}:0] value_data,

    output wire             pop_valid,
    input  wire             pop_ready,
    output wire [{{ output_lanes * out_w - 1 }}:0] pop_data,
    output wire             pop_last,
    output wire [CTX_W-1:0] pop_ctx,

    output wire             magnitude_valid,
    input  wire             magnitude_ready,
    output wire [{{ magnitude_w - 1 }}:0] magnitude_sum,
    output wire [CTX_W-1:0] magnitude_ctx
);

  localparam LANES       = {{ lanes }};  // probabilities of a beat at D = 32
  localparam PROB_W      = {{ prob_w }};
  localparam COUNT_W     = {{ count_w }};
  localparam VALUE_W     = {{ value_w }};
  localparam COLUMNS     = {{ columns }};  // the largest head dimension
  localparam GROUPS      = {{ groups }};  // elements of a beat in a column
  localparam BEAT_W      = {{ beat_w }};  // bits of the sum of a beat in a column
  localparam ROW_W       = PROB_W + VALUE_W + $clog2(MAX_ROW);
  localparam SUM_W       = (ROW_W > BEAT_W) ? ROW_W : BEAT_W;  // bits of the sum of a row
  localparam OUT_LANES   = {{ output_lanes }};
  localparam OUT_W       = {{ out_w }};
  localparam MAGNITUDE_W = {{ magnitude_w }};
  localparam SCALE_W     = CTX_W + 6 + 16;  // ctx, shift and mantissa of a row
  {% if folds > 0 %}
  localparam INFO_W      = SCALE_W + 2;  // with its dimension
  {% else %}
  localparam INFO_W      = SCALE_W;
  {% endif %}

  // Stages: of the array up to the accumulators, of a row on its way out, and of its magnitude.
  localparam LEVELS = {{ levels_count }};  // of the sum of a beat
  localparam STAGES = LEVELS + 3;
  localparam FOLDS = {{ folds }};
  localparam OUT_STAGES = 1 + FOLDS + {{ rescale_stages }};  // the row held, folded, rescaled
  localparam MAGNITUDE_STAGES = {{ magnitude_stages }};
  localparam FIFO_LATENCY = {{ config.ram_latency + 2 }};

  localparam MOST_BEATS = {{ most_beats }};  // output beats of a row at the largest head dimension
  localparam LEAST_BEATS = {{ least_beats }};  // and at the smallest

  // Room for what can come out between a row's admission and the return of its last credit, so that neither FIFO stops
  // rows that follow one another as closely as they may.
  localparam POP_DEPTH = STAGES + OUT_STAGES + FIFO_LATENCY + MOST_BEATS;
  localparam MAGNITUDE_DEPTH =
      (STAGES + OUT_STAGES + MAGNITUDE_STAGES + FIFO_LATENCY + 2 * LEAST_BEATS - 1) / LEAST_BEATS;
  localparam POP_FREE_W = $clog2(POP_DEPTH + 1);
  localparam MAGNITUDE_FREE_W = $clog2(MAGNITUDE_DEPTH + 1);

  localparam [POP_FREE_W-1:0] POP_ALL = POP_DEPTH[POP_FREE_W-1:0];
  localparam [POP_FREE_W-1:0] POP_ROW = MOST_BEATS[POP_FREE_W-1:0];
  localparam [MAGNITUDE_FREE_W-1:0] MAGNITUDE_ALL = MAGNITUDE_DEPTH[MAGNITUDE_FREE_W-1:0];

  // ---- admission -------------------------------------------------------------------------------------------------------

  wire                    head_valid;
  wire                    head_ready;
  wire [LANES*PROB_W-1:0] head_probs;
  wire [     COUNT_W-1:0] head_count;
  wire                    head_last;
  {% if folds > 0 %}
  wire [             1:0] head_dim;
  {% endif %}
  wire [            15:0] head_mant;
  wire [             5:0] head_shift;
  wire [       CTX_W-1:0] head_ctx;

  // A beat enters in the cycle in which it comes, with its value; one that has to wait does so in a register, for
  // prob_ready not to follow the other stream.
  localparam HEAD_W = INFO_W + 1 + COUNT_W + LANES * PROB_W;

  wire [HEAD_W-1:0] prob_beat = {
    prob_ctx, prob_shift, prob_mant, {% if folds > 0 %}prob_dim, {% endif %}prob_last, prob_count, prob_probs
  };
  reg               parked_q;
  reg  [HEAD_W-1:0] parked_beat_q;

  assign prob_ready = !parked_q;
  assign head_valid = parked_q || prob_valid;
  assign {head_ctx, head_shift, head_mant, {% if folds > 0 %}head_dim, {% endif %}head_last, head_count, head_probs} =
      parked_q ? parked_beat_q : prob_beat;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) parked_q <= 1'b0;
    else parked_q <= head_valid && !head_ready;
  end

  always @(posedge clk) if (!parked_q) parked_beat_q <= prob_beat;

  // A row's end is admitted when its results have a place in both output FIFOs, and when the row before it will have left
  // the holding register by the time this one gets there.
  reg  [      POP_FREE_W-1:0] pop_free_q;
  reg  [MAGNITUDE_FREE_W-1:0] magnitude_free_q;
  reg  [                 1:0] gap_q;  // cycles in which no row may end

  wire       takes_value = head_count != {COUNT_W{1'b0}};
  wire       magnitude_fits = magnitude_free_q != {MAGNITUDE_FREE_W{1'b0}};
  wire       may_end = gap_q == 2'd0 && pop_free_q >= POP_ROW && magnitude_fits;
  wire       may_enter = may_end || !head_last;
  wire       enter = head_valid && head_ready;
  wire       row_end = enter && head_last;
  {% if folds > 0 %}
  wire [2:0] row_beats = 3'd{{ least_beats }} << head_dim;
  {% else %}
  wire [2:0] row_beats = 3'd{{ most_beats }};
  wire       unused_dim = |prob_dim;  // there is but one
  {% endif %}

  assign head_ready  = may_enter && (value_valid || !takes_value);
  assign value_ready = may_enter && head_valid && takes_value;

  wire pop_taken = pop_valid && pop_ready;
  wire magnitude_taken = magnitude_valid && magnitude_ready;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      pop_free_q       <= POP_ALL;
      magnitude_free_q <= MAGNITUDE_ALL;
      gap_q            <= 2'd0;
    end else begin
      pop_free_q <= pop_free_q + {{(POP_FREE_W - 1){1'b0}}, pop_taken}
                  - (row_end ? {{(POP_FREE_W - 3){1'b0}}, row_beats} : {POP_FREE_W{1'b0}});
      if (row_end && !magnitude_taken) magnitude_free_q <= magnitude_free_q - 1'b1;
      if (magnitude_taken && !row_end) magnitude_free_q <= magnitude_free_q + 1'b1;
      if (row_end) gap_q <= row_beats[1:0] - 2'd1;
      else if (gap_q != 2'd0) gap_q <= gap_q - 2'd1;
    end
  end

  // ---- what travels along ------------------------------------------------------------------------------------------------

  // Bit or lane 0 goes with the operands, 1 with the products, the last with the accumulators.
  reg [       STAGES-1:0] valid_q;
  reg [       STAGES-1:0] last_q;
  reg [STAGES*INFO_W-1:0] info_q;
  reg                     first_q;  // the next sum of a beat is a row's first

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      valid_q <= {STAGES{1'b0}};
      first_q <= 1'b1;
    end else begin
      valid_q <= {valid_q[STAGES-2:0], enter};
      if (valid_q[STAGES-2]) first_q <= last_q[STAGES-2];
    end
  end

  always @(posedge clk) begin
    last_q <= {last_q[STAGES-2:0], head_last};
    info_q <= {info_q[(STAGES-1)*INFO_W-1:0], head_ctx, head_shift, head_mant{% if folds > 0 %}, head_dim{% endif %}};
  end

  // ---- operands ------------------------------------------------------------------------------------------------------------

  // A slice of 32 elements shares a probability. Both operands of a lane not in use are 0, whatever they were: so nothing
  // undefined gets into a sum. They are loaded in every cycle, for the handshake to drive no more than a valid bit.
  wire [LANES-1:0] used = ~({LANES{1'b1}} << head_count);

  localparam SLICE_W = 32 * VALUE_W;

  reg [ LANES*PROB_W-1:0] prob_q;
  reg [LANES*SLICE_W-1:0] value_q;

  genvar slice;
  generate
    for (slice = 0; slice < LANES; slice = slice + 1) begin : g_slice
      {% if folds == 0 %}
      wire              slice_used = used[slice];
      wire [PROB_W-1:0] slice_prob = head_probs[slice*PROB_W+:PROB_W];
      {% elif folds == 1 %}
      wire              slice_used = (head_dim == 2'd0) ? used[slice] : used[slice/2];
      wire [PROB_W-1:0] slice_prob = (head_dim == 2'd0) ? head_probs[slice*PROB_W+:PROB_W]
                                                        : head_probs[slice/2*PROB_W+:PROB_W];
      {% else %}
      wire              slice_used = (head_dim == 2'd0) ? used[slice]
                                   : (head_dim == 2'd1) ? used[slice/2] : used[slice/4];
      wire [PROB_W-1:0] slice_prob = (head_dim == 2'd0) ? head_probs[slice*PROB_W+:PROB_W]
                                   : (head_dim == 2'd1) ? head_probs[slice/2*PROB_W+:PROB_W]
                                                        : head_probs[slice/4*PROB_W+:PROB_W];
      {% endif %}

      always @(posedge clk) begin
        prob_q[slice*PROB_W+:PROB_W] <= slice_used ? slice_prob : {PROB_W{1'b0}};
        value_q[slice*SLICE_W+:SLICE_W] <= slice_used ? value_data[slice*SLICE_W+:SLICE_W]
                                                      : {SLICE_W{1'b0}};
      end
    end
  endgenerate

  // ---- columns: products, sum of the beat, sum of the row --------------------------------------------------------------------

  wire [COLUMNS*SUM_W-1:0] row_sums;

  genvar column;
  genvar group;
  generate
    for (column = 0; column < COLUMNS; column = column + 1) begin : g_column
      wire [ GROUPS*PROB_W-1:0] probs;
      wire [GROUPS*VALUE_W-1:0] values;

      for (group = 0; group < GROUPS; group = group + 1) begin : g_operand
        localparam ELEMENT = group * COLUMNS + column;

        assign probs[group*PROB_W+:PROB_W]    = prob_q[ELEMENT/32*PROB_W+:PROB_W];
        assign values[group*VALUE_W+:VALUE_W] = value_q[ELEMENT*VALUE_W+:VALUE_W];
      end

      av_column #(
          .SUM_W(SUM_W)
      ) u_column (
          .clk    (clk),
          .step   (valid_q[STAGES-2:0]),
          .first  (first_q),
          .probs  (probs),
          .values (values),
          .row_sum(row_sums[column*SUM_W+:SUM_W])
      );
    end
  endgenerate

  // ---- the row held, and handed on in beats ------------------------------------------------------------------------------------

  wire capture = valid_q[STAGES-1] && last_q[STAGES-1];
  wire [INFO_W-1:0] row_info = info_q[(STAGES-1)*INFO_W+:INFO_W];

  reg [COLUMNS*SUM_W-1:0] hold_q;  // what of the row is still to leave, from lane 0 on
  reg [       INFO_W-1:0] hold_info_q;
  reg [              2:0] hold_beats_q;  // beats still to leave

  wire hold_valid = hold_beats_q != 3'd0;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) hold_beats_q <= 3'd0;
    {% if folds > 0 %}
    else if (capture) hold_beats_q <= 3'd{{ least_beats }} << row_info[1:0];
    {% else %}
    else if (capture) hold_beats_q <= 3'd{{ most_beats }};
    {% endif %}
    else if (hold_valid) hold_beats_q <= hold_beats_q - 3'd1;
  end

  always @(posedge clk) begin
    if (capture) begin
      hold_q      <= row_sums;
      hold_info_q <= row_info;
    end else if (hold_valid) begin
      hold_q <= hold_q >> (OUT_LANES * SUM_W);
    end
  end

`ifdef SPATTEN_CHECKS
  always @(posedge clk) begin
    if (!({{ rst.active }}) && capture && hold_beats_q > 3'd1) begin
      $display("CHECK %m: a row ends while another is held");
    end
  end
`endif

  {% if folds > 0 %}
  // ---- parts of one element added ------------------------------------------------------------------------------------------------

  {% endif %}
  wire                       sum_valid;
  wire                       sum_last;
  wire [        SCALE_W-1:0] sum_info;
  wire [OUT_LANES*SUM_W-1:0] sums;
  {% if folds == 0 %}

  assign sum_valid = hold_valid;
  assign sum_last  = hold_beats_q == 3'd1;
  assign sum_info  = hold_info_q;
  assign sums      = hold_q[OUT_LANES*SUM_W-1:0];
  {% else %}

  // The row is held in quarters of OUT_LANES lanes, the first of which leaves next.{% if folds == 1 %} At D = 32 the third quarter holds the
  // other parts of its elements.{% else %} At D = 64 the third quarter holds
  // the other parts of its elements, at D = 32 all the others do.{% endif %}
  reg [          FOLDS-1:0] fold_valid_q;
  reg [          FOLDS-1:0] fold_last_q;
  reg [  FOLDS*SCALE_W-1:0] fold_info_q;
  {% if folds == 2 %}
  reg [2*OUT_LANES*SUM_W-1:0] pairs_q;  // first and third quarter, second and fourth
  {% endif %}
  reg [OUT_LANES*SUM_W-1:0] sums_q;

  wire third_counts = hold_info_q[1:0] != 2'd{{ folds }};
  {% if folds == 2 %}
  wire all_count = hold_info_q[1:0] == 2'd0;
  {% endif %}

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) fold_valid_q <= {FOLDS{1'b0}};
    else fold_valid_q <= {% if folds == 2 %}{fold_valid_q[0], hold_valid}{% else %}hold_valid{% endif %};
  end

  always @(posedge clk) begin
    {% if folds == 2 %}
    fold_last_q <= {fold_last_q[0], hold_beats_q == 3'd1};
    fold_info_q <= {fold_info_q[SCALE_W-1:0], hold_info_q[INFO_W-1:2]};
    {% else %}
    fold_last_q <= hold_beats_q == 3'd1;
    fold_info_q <= hold_info_q[INFO_W-1:2];
    {% endif %}
  end

  genvar lane;
  generate
    for (lane = 0; lane < OUT_LANES; lane = lane + 1) begin : g_fold
      {% if folds == 1 %}
      always @(posedge clk) begin
        if (hold_valid) begin
          sums_q[lane*SUM_W+:SUM_W] <= hold_q[lane*SUM_W+:SUM_W]
              + (third_counts ? hold_q[(2*OUT_LANES+lane)*SUM_W+:SUM_W] : {SUM_W{1'b0}});
        end
      end
      {% else %}
      always @(posedge clk) begin
        if (hold_valid) begin
          pairs_q[lane*SUM_W+:SUM_W] <= hold_q[lane*SUM_W+:SUM_W]
              + (third_counts ? hold_q[(2*OUT_LANES+lane)*SUM_W+:SUM_W] : {SUM_W{1'b0}});
          pairs_q[(OUT_LANES+lane)*SUM_W+:SUM_W] <= all_count
              ? hold_q[(OUT_LANES+lane)*SUM_W+:SUM_W] + hold_q[(3*OUT_LANES+lane)*SUM_W+:SUM_W]
              : {SUM_W{1'b0}};
        end
        if (fold_valid_q[0]) begin
          sums_q[lane*SUM_W+:SUM_W] <= pairs_q[lane*SUM_W+:SUM_W]
              + pairs_q[(OUT_LANES+lane)*SUM_W+:SUM_W];
        end
      end
      {% endif %}
    end
  endgenerate

  assign sum_valid = fold_valid_q[FOLDS-1];
  assign sum_last  = fold_last_q[FOLDS-1];
  assign sum_info  = fold_info_q[(FOLDS-1)*SCALE_W+:SCALE_W];
  assign sums      = sums_q;
  {% endif %}

  // ---- scaled, rounded, saturated ------------------------------------------------------------------------------------------------

  wire                       out_valid;
  wire                       out_last;
  wire [          CTX_W-1:0] out_ctx;
  wire [OUT_LANES*OUT_W-1:0] out_data;

  av_rescale #(
      .LANES(OUT_LANES),
      .SUM_W(SUM_W),
      .TAG_W(CTX_W + 1)
  ) u_rescale (
      .clk      (clk),
      .{{ rst.port }}({{ rst.port }}),
      .in_valid (sum_valid),
      .in_sums  (sums),
      .in_mant  (sum_info[0+:16]),
      .in_shift (sum_info[16+:6]),
      .in_tag   ({sum_last, sum_info[22+:CTX_W]}),
      .out_valid(out_valid),
      .out_data (out_data),
      .out_tag  ({out_last, out_ctx})
  );

  wire pop_room;  // always, by the count of free places

  stream_fifo #(
      .WIDTH(CTX_W + 1 + OUT_LANES * OUT_W),
      .DEPTH(POP_DEPTH)
  ) u_pop_fifo (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(out_valid),
      .push_ready(pop_room),
      .push_data ({out_ctx, out_last, out_data}),
      .pop_valid (pop_valid),
      .pop_ready (pop_ready),
      .pop_data  ({pop_ctx, pop_last, pop_data})
  );

  // ---- magnitude -----------------------------------------------------------------------------------------------------------------

  {% for level in magnitude_levels %}
  localparam {{ level.width_name }} = {{ level.width }};  // bits of a sum of up to {{ level.terms_below }} sizes
  {% endfor %}

  // Bit or lane 0 goes with the absolute values, the last with the sum of the row.
  reg [      MAGNITUDE_STAGES-1:0] size_valid_q;
  reg [      MAGNITUDE_STAGES-1:0] size_last_q;
  reg [MAGNITUDE_STAGES*CTX_W-1:0] size_ctx_q;
  reg                              size_first_q;  // the next sum of a beat is a row's first

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      size_valid_q <= {MAGNITUDE_STAGES{1'b0}};
      size_first_q <= 1'b1;
    end else begin
      size_valid_q <= {size_valid_q[MAGNITUDE_STAGES-2:0], out_valid};
      if (size_valid_q[MAGNITUDE_STAGES-2]) size_first_q <= size_last_q[MAGNITUDE_STAGES-2];
    end
  end

  always @(posedge clk) begin
    size_last_q <= {size_last_q[MAGNITUDE_STAGES-2:0], out_last};
    size_ctx_q  <= {size_ctx_q[(MAGNITUDE_STAGES-1)*CTX_W-1:0], out_ctx};
  end

  // Unsigned, so that the absolute value of -2^(OUT_W-1) fits.
  reg [OUT_LANES*OUT_W-1:0] sizes_q;

  genvar element;
  {% if wide_sizes %}
  genvar node;
  {% endif %}
  generate
    for (element = 0; element < OUT_LANES; element = element + 1) begin : g_size
      wire [OUT_W-1:0] out = out_data[element*OUT_W+:OUT_W];

      always @(posedge clk) begin
        if (out_valid) sizes_q[element*OUT_W+:OUT_W] <= out[OUT_W-1] ? -out : out;
      end
    end
  endgenerate

  {% for level in magnitude_levels %}
  // Sums of up to four, {{ level.from_lanes }} to {{ level.lanes }}.
  reg [{% if level.lanes > 1 %}{{ level.lanes }}*{% endif %}{{ level.width_name }}-1:0] {{ level.name }}_q;

  {% if level.lanes > 1 %}
  generate
    for (node = 0; node < {{ level.lanes }}; node = node + 1) begin : g_{{ level.name }}
      wire [4*{{ level.from_width_name }}-1:0] terms =
          {{ level.from_name }}_q[4*node*{{ level.from_width_name }}+:4*{{ level.from_width_name }}];

      always @(posedge clk) begin
        if (size_valid_q[{{ level.stage }}]) begin
          {{ level.name }}_q[node*{{ level.width_name }}+:{{ level.width_name }}] <=
              {{ level.sum | indent(width=14) }};
        end
      end
    end
  endgenerate
  {% else %}
  always @(posedge clk) begin
    if (size_valid_q[{{ level.stage }}]) begin
      {{ level.name }}_q <=
          {{ level.sum | indent(width=10) }};
    end
  end
  {% endif %}

  {% endfor %}
  reg [MAGNITUDE_W-1:0] magnitude_q;

  always @(posedge clk) begin
    if (size_valid_q[MAGNITUDE_STAGES-2]) begin
      magnitude_q <= (size_first_q ? {MAGNITUDE_W{1'b0}} : magnitude_q)
                   + {{(MAGNITUDE_W - {{ beat_size_width }}){1'b0}}, {{ beat_size }}};
    end
  end

  wire magnitude_end = size_valid_q[MAGNITUDE_STAGES-1] && size_last_q[MAGNITUDE_STAGES-1];
  wire magnitude_room;  // always, by the count of free places

  stream_fifo #(
      .WIDTH(CTX_W + MAGNITUDE_W),
      .DEPTH(MAGNITUDE_DEPTH)
  ) u_magnitude_fifo (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(magnitude_end),
      .push_ready(magnitude_room),
      .push_data ({size_ctx_q[(MAGNITUDE_STAGES-1)*CTX_W+:CTX_W], magnitude_q}),
      .pop_valid (magnitude_valid),
      .pop_ready (magnitude_ready),
      .pop_data  ({magnitude_ctx, magnitude_sum})
  );

`ifdef SPATTEN_CHECKS
  always @(posedge clk) begin
    if (!({{ rst.active }}) && out_valid && !pop_room) begin
      $display("CHECK %m: no room for a beat");
    end
    if (!({{ rst.active }}) && magnitude_end && !magnitude_room) begin
      $display("CHECK %m: no room for a magnitude");
    end
  end
`else
  wire unused_room = pop_room && magnitude_room;
`endif

endmodule
