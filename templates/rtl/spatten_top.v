// Purpose      the SpAtten accelerator: sparse attention with cascade pruning of tokens and heads, local value
//              pruning and progressive quantisation, commanded over AXI4-Lite, fed over {{ config.channels }} AXI4 master{% if config.channels > 1 %}s{% endif %}.
// Host         s_axi: 32 bits; doc/registers.md has the registers, sw/spatten_registers.h the same for C. irq is level, active
//              high.
// Memory       m_axi_<c>: channel c of the memory, which is interleaved by sectors of 32 bytes; INCR bursts of whole beats of
//              {{ config.axi_data_width }} bits, ID 0, answered in order.
// Commands     each doorbell queues a layer; commands run in order and overlap: rows of the next are fetched while those of
//              the one before are on their way.
// Reset        everything; the interconnect is to be reset with it.

module spatten_top (
    input  wire clk,
    input  wire {{ rst.port }},
    output wire irq,

    {% for port in slave %}
    {% if port.output %}output{% else %}input {% endif %} wire {% if port.width > 1 %}[{{ port.width - 1 }}:0] {% endif %}{{ port.name }},
    {% endfor %}

    {% for line in master_ports %}
    {{ line }}{% if not loop.last %},{% endif %}
    {% endfor %}
);

  localparam ADDR_W     = {{ config.addr_width }};
  localparam TALLY_W    = {{ tally_w }};
  localparam TASK_W     = 2 + {{ command_slot_w }} + {{ head_w }} + 2 * {{ length_w }} + 2 + 5 * ADDR_W + {{ word_w }};

  // ---- reset: what is in flight is also forgotten on flush ------------------------------------------------------------------

  wire flush;
  {% if rst.port == "rst" %}
  wire work_rst = rst || flush;
  {% else %}
  wire work_rst = rst_n && !flush;
  {% endif %}

  // ---- registers and the queue of commands --------------------------------------------------------------------------------------

  wire command_valid, command_ready;
  {% for field in fields %}
  wire {% if field.width > 1 %}[{{ field.width - 1 }}:0] {% endif %}command_{{ field.name }};
  {% endfor %}
  wire state_valid, state_ready, state_write;
  wire [2:0] state_table;
  wire [15:0] state_index;
  wire [31:0] state_data;
  wire answer_valid, answer_ready;
  wire [31:0] answer_data;
  wire control_valid, control_ready, control_clear, control_abort;
  wire event_valid, event_ready, event_done, event_error, event_undefined;
  wire [7:0] event_code;
  wire busy, queue_empty, closed, dropped;
  wire unused_tally_ready;
  wire [{{ config.channels }}*ADDR_W-1:0] channel_base;
  wire [3:0] axi_cache, axi_qos;
  wire [2:0] axi_prot;
  wire [{{ fetched_w - 1 }}:0] fetched;
  wire fetched_lsb;
  wire [4:0] fetched_ctx;
  wire redone, row_done;
  wire [4:0] stalls;
  wire unused_prot = &{1'b0, s_axi_awprot, s_axi_arprot, fetched_ctx[4:2], busy && flush};

  localparam [1:0] OF_QUERY  = 2'd0;
  localparam [1:0] OF_KEYS   = 2'd1;
  localparam [1:0] OF_VALUES = 2'd2;

  wire [TALLY_W-1:0] sectors = {{ '{' }}{% if tally_w > fetched_w %}{{ tally_w - fetched_w }}'d0, {% endif %}fetched};
  wire [TALLY_W-1:0] none = {TALLY_W{1'b0}};
  wire [TALLY_W-1:0] one = {{ tally_w }}'d1;

  register_file u_register_file (
      .clk            (clk),
      .{{ rst.port }}({{ rst.port }}),
      .aw_valid       (s_axi_awvalid),
      .aw_ready       (s_axi_awready),
      .aw_addr        (s_axi_awaddr),
      .w_valid        (s_axi_wvalid),
      .w_ready        (s_axi_wready),
      .w_data         (s_axi_wdata),
      .w_strb         (s_axi_wstrb),
      .b_valid        (s_axi_bvalid),
      .b_ready        (s_axi_bready),
      .b_resp         (s_axi_bresp),
      .ar_valid       (s_axi_arvalid),
      .ar_ready       (s_axi_arready),
      .ar_addr        (s_axi_araddr),
      .r_valid        (s_axi_rvalid),
      .r_ready        (s_axi_rready),
      .r_data         (s_axi_rdata),
      .r_resp         (s_axi_rresp),
      .command_valid  (command_valid),
      .command_ready  (command_ready),
      {% for field in fields %}
      .command_{{ field.name }}(command_{{ field.name }}),
      {% endfor %}
      .state_valid    (state_valid),
      .state_ready    (state_ready),
      .state_write    (state_write),
      .state_table    (state_table),
      .state_index    (state_index),
      .state_data     (state_data),
      .answer_valid   (answer_valid),
      .answer_ready   (answer_ready),
      .answer_data    (answer_data),
      .control_valid  (control_valid),
      .control_ready  (control_ready),
      .control_clear  (control_clear),
      .control_abort  (control_abort),
      .event_valid    (event_valid),
      .event_ready    (event_ready),
      .event_done     (event_done),
      .event_error    (event_error),
      .event_undefined(event_undefined),
      .event_code     (event_code),
      .tally_valid    (1'b1),
      .tally_ready    (unused_tally_ready),
      .tally_sectors_q    (fetched_ctx[1:0] == OF_QUERY ? sectors : none),
      .tally_sectors_k_msb(fetched_ctx[1:0] == OF_KEYS && !fetched_lsb ? sectors : none),
      .tally_sectors_k_lsb(fetched_ctx[1:0] == OF_KEYS && fetched_lsb ? sectors : none),
      .tally_sectors_v_msb(fetched_ctx[1:0] == OF_VALUES && !fetched_lsb ? sectors : none),
      .tally_sectors_v_lsb(fetched_ctx[1:0] == OF_VALUES && fetched_lsb ? sectors : none),
      .tally_rows         (row_done ? one : none),
      .tally_rows_redone  (redone ? one : none),
      .tally_stall_keys   (stalls[0] ? one : none),
      .tally_stall_scores (stalls[1] ? one : none),
      .tally_stall_select (stalls[2] ? one : none),
      .tally_stall_values (stalls[3] ? one : none),
      .tally_stall_output (stalls[4] ? one : none),
      .busy           (busy),
      .closed         (closed),
      .dropped        (dropped),
      .irq            (irq),
      .queue_empty    (queue_empty),
      .channel_base   (channel_base),
      .axi_cache      (axi_cache),
      .axi_prot       (axi_prot),
      .axi_qos        (axi_qos)
  );

  // ---- commands -------------------------------------------------------------------------------------------------------------------

  wire [15:0] length, all_heads, tokens, heads;
  wire [4:0] early, late;

  command_check u_command_check (
      .clk      (clk),
      {% for field in fields %}
      .command_{{ field.name }}(command_{{ field.name }}),
      {% endfor %}
      .length   (length),
      .all_heads(all_heads),
      .tokens   (tokens),
      .heads    (heads),
      .early    (early),
      .late     (late)
  );

  wire op_valid, op_ready, op_list, op_bad;
  wire [3:0] op_code;
  wire [15:0] op_index, op_k, op_first, op_last;
  wire [31:0] op_value, op_answer;
  wire unfolded;
  wire layer_valid, layer_ready, layer_begin;
  wire [{{ length_w - 1 }}:0] layer_n;
  wire [{{ command_slot_w - 1 }}:0] layer_slot;
  wire issued, settled, counted, written;
  wire [{{ command_slot_w - 1 }}:0] written_slot;
  wire read_error, write_error, memory_idle;

  controller u_controller (
      .clk            (clk),
      .{{ rst.port }}({{ rst.port }}),
      .command_valid  (command_valid),
      .command_ready  (command_ready),
      {% for field in controlled %}
      .command_{{ field.name }}(command_{{ field.name }}),
      {% endfor %}
      .early          (early),
      .late           (late),
      .queue_empty    (queue_empty),
      .state_valid    (state_valid),
      .state_ready    (state_ready),
      .state_write    (state_write),
      .state_table    (state_table),
      .state_index    (state_index),
      .state_data     (state_data),
      .answer_valid   (answer_valid),
      .answer_ready   (answer_ready),
      .answer_data    (answer_data),
      .control_valid  (control_valid),
      .control_ready  (control_ready),
      .control_clear  (control_clear),
      .control_abort  (control_abort),
      .event_valid    (event_valid),
      .event_ready    (event_ready),
      .event_done     (event_done),
      .event_error    (event_error),
      .event_undefined(event_undefined),
      .event_code     (event_code),
      .op_valid       (op_valid),
      .op_ready       (op_ready),
      .op_code        (op_code),
      .op_list        (op_list),
      .op_index       (op_index),
      .op_value       (op_value),
      .op_k           (op_k),
      .op_first       (op_first),
      .op_last        (op_last),
      .op_answer      (op_answer),
      .op_bad         (op_bad),
      .layer_valid    (layer_valid),
      .layer_ready    (layer_ready),
      .layer_n        (layer_n),
      .layer_slot     (layer_slot),
      .layer_begin    (layer_begin),
      .issued         (issued),
      .settled        (settled),
      .counted        (counted),
      .written        (written),
      .written_slot   (written_slot),
      .read_error     (read_error),
      .write_error    (write_error),
      .memory_idle    (memory_idle),
      .flush          (flush),
      .closed         (closed),
      .dropped        (dropped),
      .tokens         (tokens),
      .heads          (heads),
      .unfolded       (unfolded),
      .length         (length),
      .all_heads      (all_heads),
      .busy           (busy)
  );

  // ---- the state that cascades ------------------------------------------------------------------------------------------------------

  wire importance_valid, importance_ready, importance_last;
  wire [{{ softmax_lanes * prob_w - 1 }}:0] importance_probs;
  wire [{{ softmax_count_w - 1 }}:0] importance_count;
  wire magnitude_valid, magnitude_ready;
  wire [{{ head_w - 1 }}:0] magnitude_head;
  wire [31:0] magnitude_value;
  {% for name in ["job", "id", "query", "head"] %}
  wire {{ name }}_list_valid, {{ name }}_list_ready, {{ name }}_word_valid, {{ name }}_word_ready, {{ name }}_word_last;
  wire [{{ length_w - 1 }}:0] {{ name }}_list_n;
  wire [{{ lanes * id_w - 1 }}:0] {{ name }}_word_ids;
  wire [{{ count_w - 1 }}:0] {{ name }}_word_count;
  {% endfor %}
  wire unused_id_word = &{1'b0, id_word_count, id_word_last};

  cascade_state u_cascade_state (
      .clk              (clk),
      .{{ rst.port }}(work_rst),
      .op_valid         (op_valid),
      .op_ready         (op_ready),
      .op_code          (op_code),
      .op_list          (op_list),
      .op_index         (op_index),
      .op_value         (op_value),
      .op_k             (op_k),
      .op_first         (op_first),
      .op_last          (op_last),
      .op_answer        (op_answer),
      .op_bad           (op_bad),
      .tokens           (tokens),
      .heads            (heads),
      .unfolded         (unfolded),
      .row_valid        (importance_valid),
      .row_ready        (importance_ready),
      .row_probs        (importance_probs),
      .row_count        (importance_count),
      .row_last         (importance_last),
      .magnitude_valid  (magnitude_valid),
      .magnitude_ready  (magnitude_ready),
      .magnitude_head   (magnitude_head),
      .magnitude_value  (magnitude_value),
      {% for name in ["job", "id", "query", "head"] %}
      .{{ name }}_list_valid({{ name }}_list_valid),
      .{{ name }}_list_ready({{ name }}_list_ready),
      .{{ name }}_list_n({{ name }}_list_n),
      .{{ name }}_word_valid({{ name }}_word_valid),
      .{{ name }}_word_ready({{ name }}_word_ready),
      .{{ name }}_word_ids({{ name }}_word_ids),
      .{{ name }}_word_count({{ name }}_word_count),
      .{{ name }}_word_last({{ name }}_word_last){% if not loop.last %},{% endif %}
      {% endfor %}
  );

  // ---- rows in order, and the fetches that they need --------------------------------------------------------------------------------

  wire task_valid, task_ready, task_release, task_force;
  wire [1:0] task_kind;
  wire [{{ head_w - 1 }}:0] task_head;
  wire [{{ length_w - 1 }}:0] task_n, task_k;
  wire [ADDR_W-1:0] task_q_base, task_k_msb_base, task_k_lsb_base, task_v_msb_base, task_v_lsb_base;
  wire [{{ word_w - 1 }}:0] task_place_word;
  wire unused_ratio = &{1'b0, command_value_ratio_ratio[31:17]};

  row_sequencer u_row_sequencer (
      .clk               (clk),
      .{{ rst.port }}(work_rst),
      .layer_valid       (layer_valid),
      .layer_ready       (layer_ready),
      .layer_n           (layer_n),
      .command_generation(command_mode_generation),
      .command_causal    (command_mode_causal),
      .command_query     (command_query_token),
      .command_group     (command_shape_group),
      .command_ratio     (command_value_ratio_ratio[16:0]),
      .command_key_mode  (command_mode_key_mode),
      .command_key_mask  (command_key_mask),
      {% for name in regions %}
      .command_{{ name }}_base(command_{{ name }}_base),
      .command_{{ name }}_head_stride(command_{{ name }}_head_stride),
      {% endfor %}
      .command_out_token_stride(command_out_token_stride),
      .heads             (heads[{{ length_w - 1 }}:0]),
      .head_list_valid   (head_list_valid),
      .head_list_ready   (head_list_ready),
      .head_list_n       (head_list_n),
      .head_word_valid   (head_word_valid),
      .head_word_ready   (head_word_ready),
      .head_word_ids     (head_word_ids),
      .head_word_count   (head_word_count),
      .head_word_last    (head_word_last),
      .query_list_valid  (query_list_valid),
      .query_list_ready  (query_list_ready),
      .query_list_n      (query_list_n),
      .query_word_valid  (query_word_valid),
      .query_word_ready  (query_word_ready),
      .query_word_ids    (query_word_ids),
      .query_word_count  (query_word_count),
      .query_word_last   (query_word_last),
      .task_valid        (task_valid),
      .task_ready        (task_ready),
      .task_kind         (task_kind),
      .task_head         (task_head),
      .task_n            (task_n),
      .task_k            (task_k),
      .task_release      (task_release),
      .task_force        (task_force),
      .task_q_base       (task_q_base),
      .task_k_msb_base   (task_k_msb_base),
      .task_k_lsb_base   (task_k_lsb_base),
      .task_v_msb_base   (task_v_msb_base),
      .task_v_lsb_base   (task_v_lsb_base),
      .task_place_word   (task_place_word)
  );

  assign issued = task_valid && task_ready && !task_kind[1];

  wire next_valid, next_ready, next_release, next_force;
  wire [1:0] next_kind;
  wire [{{ command_slot_w - 1 }}:0] next_slot;
  wire [{{ head_w - 1 }}:0] next_head;
  wire [{{ length_w - 1 }}:0] next_n, next_k;
  wire [ADDR_W-1:0] next_q_base, next_k_msb_base, next_k_lsb_base, next_v_msb_base, next_v_lsb_base;
  wire [{{ word_w - 1 }}:0] next_place_word;

  // So the sequencer is through with a layer while its last rows still wait, and the next command can begin.
  stream_fifo #(
      .WIDTH(TASK_W),
      .DEPTH({{ task_depth }})
  ) u_tasks (
      .clk       (clk),
      .{{ rst.port }}(work_rst),
      .push_valid(task_valid),
      .push_ready(task_ready),
      .push_data ({task_kind, layer_slot, task_head, task_n, task_k, task_release, task_force,
                   task_q_base, task_k_msb_base, task_k_lsb_base, task_v_msb_base,
                   task_v_lsb_base, task_place_word}),
      .pop_valid (next_valid),
      .pop_ready (next_ready),
      .pop_data  ({next_kind, next_slot, next_head, next_n, next_k, next_release, next_force,
                   next_q_base, next_k_msb_base, next_k_lsb_base, next_v_msb_base,
                   next_v_lsb_base, next_place_word})
  );

  wire [1:0] layer_dim = command_shape_head_dim[7] ? 2'd2 : command_shape_head_dim[6] ? 2'd1 : 2'd0;

  wire values_valid, values_ready, redo_valid, redo_ready, order_valid, order_ready;
  wire [{{ ctx_w - 1 }}:0] values_ctx, redo_ctx, order_ctx;
  wire kept_word_valid, kept_word_ready, kept_word_last;
  wire [{{ lanes * id_w - 1 }}:0] kept_word_ids;
  wire [{{ count_w - 1 }}:0] kept_word_count;
  wire [{{ length_w - 1 }}:0] order_n;
  wire row_set;
  wire [{{ row_slot_w - 1 }}:0] row_slot, row_done_slot;
  wire [{{ word_w - 1 }}:0] row_place;
  wire [1:0] row_dim;
  wire kept_freed, store_freed;
  wire [{{ length_w - 1 }}:0] kept_freed_k;
  wire job_valid, job_ready, job_use_msb, job_use_lsb;
  wire [ADDR_W-1:0] job_msb_base, job_msb_stride, job_lsb_base, job_lsb_stride;
  wire [{{ plane_w - 1 }}:0] job_m, job_l;
  wire [1:0] job_dim;
  wire [4:0] job_ctx;
  wire id_valid, id_ready, id_last;
  wire [{{ beat_vectors * token_w - 1 }}:0] id_ids;
  wire [{{ beat_count_w - 1 }}:0] id_count;

  fetch_scheduler u_fetch_scheduler (
      .clk               (clk),
      .{{ rst.port }}(work_rst),
      .table_set         (layer_begin),
      .table_slot        (layer_slot),
      .table_n           (layer_n),
      .table_dim         (layer_dim),
      .table_query       (command_query_token[{{ token_w - 1 }}:0]),
      .table_key_mode    (command_mode_key_mode),
      .table_value_mode  (command_mode_value_mode),
      .table_key_m       (command_key_bits_msb[{{ plane_w - 1 }}:0]),
      .table_key_l       (command_key_bits_lsb[{{ plane_w - 1 }}:0]),
      .table_value_m     (command_value_bits_msb[{{ plane_w - 1 }}:0]),
      .table_value_l     (command_value_bits_lsb[{{ plane_w - 1 }}:0]),
      {% for name in ["q", "k_msb", "k_lsb", "v_msb", "v_lsb"] %}
      .table_{{ name }}_stride(command_{{ name }}_token_stride),
      {% endfor %}
      .task_valid        (next_valid),
      .task_ready        (next_ready),
      .task_kind         (next_kind),
      .task_slot         (next_slot),
      .task_head         (next_head),
      .task_n            (next_n),
      .task_k            (next_k),
      .task_release      (next_release),
      .task_force        (next_force),
      .task_q_base       (next_q_base),
      .task_k_msb_base   (next_k_msb_base),
      .task_k_lsb_base   (next_k_lsb_base),
      .task_v_msb_base   (next_v_msb_base),
      .task_v_lsb_base   (next_v_lsb_base),
      .task_place_word   (next_place_word),
      .values_valid      (values_valid),
      .values_ready      (values_ready),
      .values_ctx        (values_ctx),
      .kept_word_valid   (kept_word_valid),
      .kept_word_ready   (kept_word_ready),
      .kept_word_ids     (kept_word_ids),
      .kept_word_count   (kept_word_count),
      .kept_word_last    (kept_word_last),
      .redo_valid        (redo_valid),
      .redo_ready        (redo_ready),
      .redo_ctx          (redo_ctx),
      .list_valid        (job_list_valid),
      .list_ready        (job_list_ready),
      .list_n            (job_list_n),
      .word_valid        (job_word_valid),
      .word_ready        (job_word_ready),
      .word_ids          (job_word_ids),
      .word_count        (job_word_count),
      .word_last         (job_word_last),
      .order_valid       (order_valid),
      .order_ready       (order_ready),
      .order_ctx         (order_ctx),
      .order_n           (order_n),
      .row_set           (row_set),
      .row_slot          (row_slot),
      .row_place         (row_place),
      .row_dim           (row_dim),
      .row_done          (row_done),
      .row_done_slot     (row_done_slot),
      .kept_freed        (kept_freed),
      .kept_freed_k      (kept_freed_k),
      .store_freed       (store_freed),
      .job_valid         (job_valid),
      .job_ready         (job_ready),
      .job_msb_base      (job_msb_base),
      .job_msb_stride    (job_msb_stride),
      .job_lsb_base      (job_lsb_base),
      .job_lsb_stride    (job_lsb_stride),
      .job_use_msb       (job_use_msb),
      .job_use_lsb       (job_use_lsb),
      .job_m             (job_m),
      .job_l             (job_l),
      .job_dim           (job_dim),
      .job_ctx           (job_ctx),
      .id_valid          (id_valid),
      .id_ready          (id_ready),
      .id_ids            (id_ids),
      .id_count          (id_count),
      .id_last           (id_last)
  );

  // ---- rows -----------------------------------------------------------------------------------------------------------------------------

  wire vector_valid, vector_ready, vector_last;
  wire [{{ beat_elements * width - 1 }}:0] vector_data;
  wire [{{ beat_count_w - 1 }}:0] vector_count;
  wire [4:0] vector_ctx;
  wire row_valid, row_ready, row_last, place_valid, place_ready;
  wire [{{ output_lanes * 16 - 1 }}:0] row_data;
  wire [{{ word_w - 1 }}:0] place_word;
  wire [{{ command_slot_w - 1 }}:0] place_ctx;

  row_pipeline u_row_pipeline (
      .clk             (clk),
      .{{ rst.port }}(work_rst),
      .table_set       (layer_begin),
      .table_slot      (layer_slot),
      .table_n         (layer_n),
      .table_dim       (layer_dim),
      .table_auto      (command_mode_key_mode == 2'd2),
      .table_threshold (command_key_bits_threshold[{{ prob_w - 1 }}:0]),
      .table_mant      (command_scale_mantissa),
      .table_shift     (command_scale_shift[5:0]),
      .table_out_mant  (command_output_scale_mantissa),
      .table_out_shift (command_output_scale_shift[5:0]),
      .table_head_shift(command_mode_head_shift[4:0]),
      .table_accumulate_tokens(command_mode_accumulate_tokens),
      .table_accumulate_heads(command_mode_accumulate_heads),
      .order_valid     (order_valid),
      .order_ready     (order_ready),
      .order_ctx       (order_ctx),
      .order_n         (order_n),
      .row_set         (row_set),
      .row_slot        (row_slot),
      .row_place       (row_place),
      .row_dim         (row_dim),
      .vector_valid    (vector_valid),
      .vector_ready    (vector_ready),
      .vector_data     (vector_data),
      .vector_count    (vector_count),
      .vector_last     (vector_last),
      .vector_ctx      (vector_ctx),
      .id_list_valid   (id_list_valid),
      .id_list_ready   (id_list_ready),
      .id_list_n       (id_list_n),
      .id_word_valid   (id_word_valid),
      .id_word_ready   (id_word_ready),
      .id_word_ids     (id_word_ids),
      .redo_valid      (redo_valid),
      .redo_ready      (redo_ready),
      .redo_ctx        (redo_ctx),
      .values_valid    (values_valid),
      .values_ready    (values_ready),
      .values_ctx      (values_ctx),
      .kept_word_valid (kept_word_valid),
      .kept_word_ready (kept_word_ready),
      .kept_word_ids   (kept_word_ids),
      .kept_word_count (kept_word_count),
      .kept_word_last  (kept_word_last),
      .importance_valid(importance_valid),
      .importance_ready(importance_ready),
      .importance_probs(importance_probs),
      .importance_count(importance_count),
      .importance_last (importance_last),
      .magnitude_valid (magnitude_valid),
      .magnitude_ready (magnitude_ready),
      .magnitude_head  (magnitude_head),
      .magnitude_value (magnitude_value),
      .row_valid       (row_valid),
      .row_ready       (row_ready),
      .row_data        (row_data),
      .row_last        (row_last),
      .place_valid     (place_valid),
      .place_ready     (place_ready),
      .place_word      (place_word),
      .place_ctx       (place_ctx),
      .settled         (settled),
      .counted         (counted),
      .row_done        (row_done),
      .row_done_slot   (row_done_slot),
      .kept_freed      (kept_freed),
      .kept_freed_k    (kept_freed_k),
      .store_freed     (store_freed),
      .redone          (redone),
      .stalls          (stalls)
  );

  // ---- memory ---------------------------------------------------------------------------------------------------------------------------

  memory_side #(
      .CTX_W(5),
      .TAG_W({{ command_slot_w }})
  ) u_memory_side (
      .clk           (clk),
      .{{ rst.port }}({{ rst.port }}),
      .job_valid     (job_valid),
      .job_ready     (job_ready),
      .job_msb_base  (job_msb_base),
      .job_msb_stride(job_msb_stride),
      .job_lsb_base  (job_lsb_base),
      .job_lsb_stride(job_lsb_stride),
      .job_use_msb   (job_use_msb),
      .job_use_lsb   (job_use_lsb),
      .job_m         (job_m),
      .job_l         (job_l),
      .job_dim       (job_dim),
      .job_ctx       (job_ctx),
      .id_valid      (id_valid),
      .id_ready      (id_ready),
      .id_ids        (id_ids),
      .id_count      (id_count),
      .id_last       (id_last),
      .vector_valid  (vector_valid),
      .vector_ready  (vector_ready),
      .vector_data   (vector_data),
      .vector_count  (vector_count),
      .vector_last   (vector_last),
      .vector_ctx    (vector_ctx),
      .row_valid     (row_valid),
      .row_ready     (row_ready),
      .row_data      (row_data),
      .row_last      (row_last),
      .place_valid   (place_valid),
      .place_ready   (place_ready),
      .place_word    (place_word),
      .place_ctx     (place_ctx),
      .channel_base  (channel_base),
      .axi_cache     (axi_cache),
      .axi_prot      (axi_prot),
      .axi_qos       (axi_qos),
      .stop          (flush),
      .idle          (memory_idle),
      .read_error    (read_error),
      .write_error   (write_error),
      .fetched       (fetched),
      .fetched_lsb   (fetched_lsb),
      .fetched_ctx   (fetched_ctx),
      {% for pin in master_pins %}
      {{ pin }},
      {% endfor %}
      .written       (written),
      .written_ctx   (written_slot)
  );

endmodule
