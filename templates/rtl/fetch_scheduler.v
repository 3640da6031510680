// Purpose      decides what is fetched next: the LSB planes of rows that are redone, then what new tasks need, as far as
//              there is place, then the values of rows that have their survivors: a token prune waits for keys only,
//              and values fill the time that it takes. Keeps the accounts that rule out a deadlock.
// Tasks        as row_sequencer has them. A row, of either kind, gets a row slot here, which it holds until row_done; with
//              its task its context and, for place, its output address go out: row_set, row_slot, row_place.
// Order        rows in the order in which their keys come, with their contexts: a row that is redone comes twice, the second
//              time at once where the command's mask says so.
// Values       one beat for each row of a generation whose survivors stand in kept_word.
// Accounts     the keys of a generation's row are fetched only when its survivors have a place behind the top-k engine
//              ({{ kept_words }} words; kept_freed gives a row's back) and, where it may be redone, its scores in the store ({{ store_beats }}
//              beats; store_freed gives the oldest row's back): so what is fetched for keys always drains. A run
//              of a summarisation waits until no row of a generation waits for values, since its queries would stand
//              before them.
// Fetcher      job and id as plane_fetcher has them. job_ctx: bits 1:0 what it is (0 query, 1 key, 2 value), bit 2 a
//              generation's, bits 4:3 the head dimension: its log2, less 5.
// Protocol     valid/ready on all streams: valid never waits for ready, and a payload offered stays until it is taken.
// Structure    a task is first weighed against the accounts, then one task, row or list of values is picked a cycle, then
//              its command and row are looked up. A pick waits until job, ids and order have a place.
// Throughput   a list of w words in w cycles, lists one behind the other; a row of a summarisation every cycle.
// Reset        forgets all tasks and accounts.

module fetch_scheduler (
    input  wire clk,
    input  wire {{ rst.port }},

    input  wire table_set,
    input  wire [{{ command_slot_w - 1 }}:0] table_slot,
    input  wire [{{ length_w - 1 }}:0] table_n,
    input  wire [1:0] table_dim,
    input  wire [{{ token_w - 1 }}:0] table_query,
    input  wire [1:0] table_key_mode,
    input  wire [1:0] table_value_mode,
    {% for name in ["key_m", "key_l", "value_m", "value_l"] %}
    input  wire [{{ plane_w - 1 }}:0] table_{{ name }},
    {% endfor %}
    {% for name in ["q", "k_msb", "k_lsb", "v_msb", "v_lsb"] %}
    input  wire [{{ config.addr_width - 1 }}:0] table_{{ name }}_stride,
    {% endfor %}

    input  wire task_valid,
    output wire task_ready,
    input  wire [1:0] task_kind,
    input  wire [{{ command_slot_w - 1 }}:0] task_slot,
    input  wire [{{ head_w - 1 }}:0] task_head,
    input  wire [{{ length_w - 1 }}:0] task_n,
    input  wire [{{ length_w - 1 }}:0] task_k,
    input  wire task_release,
    input  wire task_force,
    input  wire [{{ config.addr_width - 1 }}:0] task_q_base,
    input  wire [{{ config.addr_width - 1 }}:0] task_k_msb_base,
    input  wire [{{ config.addr_width - 1 }}:0] task_k_lsb_base,
    input  wire [{{ config.addr_width - 1 }}:0] task_v_msb_base,
    input  wire [{{ config.addr_width - 1 }}:0] task_v_lsb_base,
    input  wire [{{ word_w - 1 }}:0] task_place_word,

    input  wire values_valid,
    output wire values_ready,
    input  wire [{{ ctx_w - 1 }}:0] values_ctx,

    input  wire kept_word_valid,
    output wire kept_word_ready,
    input  wire [{{ lanes * id_w - 1 }}:0] kept_word_ids,
    input  wire [{{ count_w - 1 }}:0] kept_word_count,
    input  wire kept_word_last,

    input  wire redo_valid,
    output wire redo_ready,
    input  wire [{{ ctx_w - 1 }}:0] redo_ctx,

    output wire list_valid,
    input  wire list_ready,
    output wire [{{ length_w - 1 }}:0] list_n,
    input  wire word_valid,
    output wire word_ready,
    input  wire [{{ lanes * id_w - 1 }}:0] word_ids,
    input  wire [{{ count_w - 1 }}:0] word_count,
    input  wire word_last,

    output wire order_valid,
    input  wire order_ready,
    output wire [{{ ctx_w - 1 }}:0] order_ctx,
    output wire [{{ length_w - 1 }}:0] order_n,

    output wire row_set,
    output wire [{{ row_slot_w - 1 }}:0] row_slot,
    output wire [{{ word_w - 1 }}:0] row_place,
    output wire [1:0] row_dim,
    input  wire row_done,
    input  wire [{{ row_slot_w - 1 }}:0] row_done_slot,
    input  wire kept_freed,
    input  wire [{{ length_w - 1 }}:0] kept_freed_k,
    input  wire store_freed,

    output wire job_valid,
    input  wire job_ready,
    output wire [{{ config.addr_width - 1 }}:0] job_msb_base,
    output wire [{{ config.addr_width - 1 }}:0] job_msb_stride,
    output wire [{{ config.addr_width - 1 }}:0] job_lsb_base,
    output wire [{{ config.addr_width - 1 }}:0] job_lsb_stride,
    output wire job_use_msb,
    output wire job_use_lsb,
    output wire [{{ plane_w - 1 }}:0] job_m,
    output wire [{{ plane_w - 1 }}:0] job_l,
    output wire [1:0] job_dim,
    output wire [4:0] job_ctx,

    output wire id_valid,
    input  wire id_ready,
    output wire [{{ beat_vectors * token_w - 1 }}:0] id_ids,
    output wire [{{ beat_count_w - 1 }}:0] id_count,
    output wire id_last
);

  localparam ADDR_W    = {{ config.addr_width }};
  localparam LENGTH_W  = {{ length_w }};
  localparam TOKEN_W   = {{ token_w }};
  localparam PLANE_W   = {{ plane_w }};
  localparam LANES     = {{ lanes }};
  localparam ID_W      = {{ id_w }};
  localparam COUNT_W   = {{ count_w }};
  localparam VECTORS   = {{ beat_vectors }};
  localparam VECTOR_W  = {{ beat_count_w }};
  localparam SLOTS     = {{ row_slots }};
  localparam SLOT_W    = {{ row_slot_w }};
  localparam CTX_W     = {{ ctx_w }};
  localparam LANE_BITS = {{ lane_shift }};  // log2 of LANES

  localparam [1:0] QUERY  = 2'd0;  // what is fetched
  localparam [1:0] KEYS   = 2'd1;
  localparam [1:0] VALUES = 2'd2;

  localparam [1:0] KIND_ROW     = 2'd0;
  localparam [1:0] KIND_SINGLE  = 2'd1;
  localparam [1:0] KIND_RUN     = 2'd2;

  localparam [1:0] ALWAYS   = 2'd1;  // modes
  localparam [1:0] AUTO     = 2'd2;
  localparam [1:0] WITH_ROW = 2'd2;

  localparam [PLANE_W-1:0] WHOLE = {{ plane_w }}'d{{ config.width }};

  localparam KEPT_W  = {{ kept_free_w }};
  localparam STORE_W = {{ store_free_w }};
  localparam COMMAND_SLOT_W = {{ command_slot_w }};

  // ---- tasks, with what a row needs ---------------------------------------------------------------------------------------

  // What stays known of a task once it is picked, and what is weighed before.
  localparam KNOWN_W = 2 + COMMAND_SLOT_W + {{ head_w }} + 2 * LENGTH_W + 1 + 5 * ADDR_W + {{ word_w }} + 2 + 2;
  localparam TASK_W  = KNOWN_W + KEPT_W + STORE_W;

  wire [        1:0] new_dim, new_key_mode;
  wire               new_single = task_kind == KIND_SINGLE;
  wire               new_forced = new_single && task_force && task_n != {LENGTH_W{1'b0}};
  wire               new_keeps_scores = new_forced || (new_single && new_key_mode == AUTO);
  wire [ KEPT_W-1:0] whole_words = {% if kept_free_w > length_w %}{{ '{' }}{{ kept_free_w - length_w }}'d0, task_k}{% else %}task_k{% endif %} >> LANE_BITS;
  wire [STORE_W-1:0] whole_beats = {% if store_free_w > length_w %}{{ '{' }}{{ store_free_w - length_w }}'d0, task_n}{% else %}task_n{% endif %} >> ({{ beat_shift_w }}'d{{ beat_shift }} - {{ '{' }}{% if beat_shift_w > 2 %}{{ beat_shift_w - 2 }}'d0, {% endif %}new_dim});

  slot_table #(
      .WIDTH(4),
      .SLOTS({{ command_slots }})
  ) u_modes (
      .clk    (clk),
      .wr_en  (table_set),
      .wr_slot(table_slot),
      .wr_data({table_dim, table_key_mode}),
      .rd_slot(task_slot),
      .rd_data({new_dim, new_key_mode})
  );

  wire               next_valid;
  wire               next_ready;
  wire [KNOWN_W-1:0] next_known;
  wire [ KEPT_W-1:0] kept_need;
  wire [STORE_W-1:0] store_need;
  wire [        1:0] next_kind = next_known[1:0];
  wire [COMMAND_SLOT_W-1:0] next_slot = next_known[2+:COMMAND_SLOT_W];
  wire               forced = next_known[KNOWN_W-1];
  wire               keeps_scores = next_known[KNOWN_W-2];

  stream_reg #(
      .WIDTH(TASK_W)
  ) u_task (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(task_valid),
      .push_ready(task_ready),
      .push_data ({whole_words + 1'b1, whole_beats + 1'b1, new_forced, new_keeps_scores, new_dim,
                   task_head, task_n, task_k, task_release, task_q_base, task_k_msb_base,
                   task_k_lsb_base, task_v_msb_base, task_v_lsb_base, task_place_word, task_slot,
                   task_kind}),
      .pop_valid (next_valid),
      .pop_ready (next_ready),
      .pop_data  ({kept_need, store_need, next_known})
  );

  // ---- what stands next ------------------------------------------------------------------------------------------------

  reg  [1:0] jobs_q;  // jobs of the task that are out
  wire       begun = jobs_q != 2'd0;
  wire       room;  // for what is picked
  wire       single = next_kind == KIND_SINGLE;
  wire       run = next_kind == KIND_RUN;
  wire       row = next_kind == KIND_ROW || single;
  wire       allowed;
  wire       pick_redo = room && redo_valid && order_ready && !begun;
  wire       pick_task = room && next_valid && (begun || (!redo_valid && allowed)) && order_ready;
  wire       pick_values = room && values_valid && !begun && !pick_redo && !pick_task;
  wire       new_row = pick_task && row && !begun;
  wire       task_job = pick_task && next_kind != KIND_ROW;
  wire [1:0] last_job = forced ? 2'd2 : (single || run) ? 2'd1 : 2'd0;

  assign values_ready = pick_values;
  assign redo_ready   = pick_redo;
  assign next_ready   = pick_task && jobs_q == last_job;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) jobs_q <= 2'd0;
    else if (task_job) jobs_q <= (jobs_q == last_job) ? 2'd0 : jobs_q + 2'd1;
  end

  // Row slots are given in turn; whether the next two are free is known beforehand.
  reg  [SLOT_W-1:0] slot_q;  // the next row's
  reg  [ SLOTS-1:0] used_q;
  reg               slot_free_q;
  reg               behind_free_q;
  reg  [SLOT_W-1:0] row_q;  // the slot of the task that has begun
  reg               done_q;
  reg  [SLOT_W-1:0] done_slot_q;
  wire [SLOT_W-1:0] behind = slot_q + 1'b1;
  wire [SLOT_W-1:0] third = behind + 1'b1;
  wire [ SLOTS-1:0] one_row = {{ '{{' }}(SLOTS - 1){1'b0}}, 1'b1};

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      slot_q        <= {SLOT_W{1'b0}};
      used_q        <= {SLOTS{1'b0}};
      slot_free_q   <= 1'b1;
      behind_free_q <= 1'b1;
      done_q        <= 1'b0;
    end else begin
      if (new_row) slot_q <= behind;
      used_q        <= (used_q | (new_row ? one_row << slot_q : {SLOTS{1'b0}})) &
                       ~(done_q ? one_row << done_slot_q : {SLOTS{1'b0}});
      slot_free_q   <= new_row ? behind_free_q : !used_q[slot_q];
      behind_free_q <= new_row ? !used_q[third] : !used_q[behind];
      done_q        <= row_done;
    end
  end

  always @(posedge clk) begin
    done_slot_q <= row_done_slot;
    if (new_row) row_q <= slot_q;
  end

  // ---- accounts ------------------------------------------------------------------------------------------------------------------

  localparam [KEPT_W-1:0] ALL_KEPT = {{ kept_free_w }}'d{{ kept_words }};
  localparam [STORE_W-1:0] ALL_STORE = {{ store_free_w }}'d{{ store_beats }};

  reg  [  KEPT_W-1:0] kept_free_q;
  reg  [ STORE_W-1:0] store_free_q;
  // Rows in the store that may be redone or not. Scores leave the store in order, so a row whose second
  // pass comes at once waits for them.
  reg  [  SLOT_W:0]   undecided_q;
  reg  [  SLOT_W:0]   unfetched_q;  // rows of a generation whose values were not asked for
  // What is given back counts a cycle later.
  reg  [  KEPT_W-1:0] kept_back_q;
  reg                 store_freed_q;
  wire [  KEPT_W-1:0] freed_words = {% if kept_free_w > length_w %}{{ '{' }}{{ kept_free_w - length_w }}'d0, kept_freed_k}{% else %}kept_freed_k{% endif %} >> LANE_BITS;
  wire [ STORE_W-1:0] store_back;
  wire                forced_back;
  wire [  KEPT_W-1:0] kept_most = kept_free_q + kept_back_q;
  wire [ STORE_W-1:0] store_most = store_free_q + (store_freed_q ? store_back : {STORE_W{1'b0}});
  wire                reserve = new_row && single;
  wire                stores = reserve && keeps_scores && !forced;
  wire                decides = store_freed_q && !forced_back;
  wire                unused_room, unused_back;
  wire                fits = kept_free_q >= kept_need &&
      (!keeps_scores || store_free_q >= store_need) &&
      !(forced && undecided_q != {(SLOT_W + 1) {1'b0}});

  assign allowed = run ? unfetched_q == {(SLOT_W + 1) {1'b0}} :
      !row || (slot_free_q && (!single || fits));

  stream_fifo #(
      .WIDTH(1 + STORE_W),
      .DEPTH(SLOTS)
  ) u_reserved (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(reserve && keeps_scores),
      .push_ready(unused_room),
      .push_data ({forced, store_need}),
      .pop_valid (unused_back),
      .pop_ready (store_freed_q),
      .pop_data  ({forced_back, store_back})
  );

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      kept_free_q   <= ALL_KEPT;
      store_free_q  <= ALL_STORE;
      undecided_q   <= {(SLOT_W + 1) {1'b0}};
      unfetched_q   <= {(SLOT_W + 1) {1'b0}};
      kept_back_q   <= {KEPT_W{1'b0}};
      store_freed_q <= 1'b0;
    end else begin
      kept_free_q   <= reserve ? kept_most - kept_need : kept_most;
      store_free_q  <= reserve && keeps_scores ? store_most - store_need : store_most;
      kept_back_q   <= kept_freed ? freed_words + 1'b1 : {KEPT_W{1'b0}};
      store_freed_q <= store_freed;
      if (stores && !decides) undecided_q <= undecided_q + 1'b1;
      if (decides && !stores) undecided_q <= undecided_q - 1'b1;
      if (reserve && !pick_values) unfetched_q <= unfetched_q + 1'b1;
      if (pick_values && !reserve) unfetched_q <= unfetched_q - 1'b1;
    end
  end

  // ---- what was picked -------------------------------------------------------------------------------------------------------

  reg                       picked_q;
  reg                       values_q;  // values of a row that has its survivors
  reg                       redo_q;  // a row that is redone
  reg                       second_q;  // of a task that has begun
  reg                       again_q;  // a row's second pass, known beforehand
  reg                       order_q;  // a row comes, once or again
  reg                       new_row_q;
  reg  [         CTX_W-1:0] ctx_q;  // of a row that has one
  reg  [        SLOT_W-1:0] its_row_q;
  reg  [COMMAND_SLOT_W-1:0] command_slot_q;
  reg  [       KNOWN_W-1:0] known_q;
  wire                      job_room;
  wire                      passes = job_room && (order_ready || !order_q);
  wire                      leaves = picked_q && passes;

  assign room = !picked_q || passes;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) picked_q <= 1'b0;
    else if (room) picked_q <= pick_redo || pick_task || pick_values;
  end

  always @(posedge clk) begin
    if (room) begin
      values_q       <= pick_values;
      redo_q         <= pick_redo;
      second_q       <= begun;
      again_q        <= jobs_q == 2'd2;
      order_q        <= pick_redo || (pick_task && (next_kind == KIND_ROW || (single && begun)));
      new_row_q      <= new_row;
      ctx_q          <= pick_values ? values_ctx : redo_ctx;
      its_row_q      <= begun ? row_q : slot_q;
      command_slot_q <= (pick_values || pick_redo) ?
          (pick_values ? values_ctx[{{ ctx_command }}+:COMMAND_SLOT_W] : redo_ctx[{{ ctx_command }}+:COMMAND_SLOT_W]) :
          next_slot;
      known_q        <= next_known;
    end
  end

  wire its_forced, its_keeps_scores, its_release;
  wire [1:0] its_dim, its_kind;
  wire [{{ head_w - 1 }}:0] its_head;
  wire [LENGTH_W-1:0] its_n, its_k;
  wire [ADDR_W-1:0] its_q_base, its_k_msb_base, its_k_lsb_base, its_v_msb_base, its_v_lsb_base;
  wire [{{ word_w - 1 }}:0] its_place;
  wire [COMMAND_SLOT_W-1:0] its_slot;
  wire unused_ctx = &{1'b0, ctx_q};

  assign {its_forced, its_keeps_scores, its_dim, its_head, its_n, its_k, its_release, its_q_base,
          its_k_msb_base, its_k_lsb_base, its_v_msb_base, its_v_lsb_base, its_place, its_slot,
          its_kind} = known_q;

  wire its_single = its_kind == KIND_SINGLE;
  wire its_run = its_kind == KIND_RUN;
  wire go = leaves && (values_q || redo_q || its_kind != KIND_ROW);  // a job

  // ---- what is known of commands and rows ---------------------------------------------------------------------------------

  localparam COMMAND_W = LENGTH_W + 2 + TOKEN_W + 4 + 4 * PLANE_W + 5 * ADDR_W;

  wire [LENGTH_W-1:0] n;
  wire [1:0] dim, key_mode, value_mode;
  wire [TOKEN_W-1:0] query;
  wire [PLANE_W-1:0] key_m, key_l, value_m, value_l;
  wire [ADDR_W-1:0] q_stride, k_msb_stride, k_lsb_stride, v_msb_stride, v_lsb_stride;

  slot_table #(
      .WIDTH(COMMAND_W),
      .SLOTS({{ command_slots }})
  ) u_commands (
      .clk    (clk),
      .wr_en  (table_set),
      .wr_slot(table_slot),
      .wr_data({table_n, table_dim, table_query, table_key_mode, table_value_mode,
                table_key_m, table_key_l, table_value_m, table_value_l, table_q_stride,
                table_k_msb_stride, table_k_lsb_stride, table_v_msb_stride, table_v_lsb_stride}),
      .rd_slot(command_slot_q),
      .rd_data({n, dim, query, key_mode, value_mode, key_m, key_l, value_m, value_l,
                q_stride, k_msb_stride, k_lsb_stride, v_msb_stride, v_lsb_stride})
  );

  wire [ADDR_W-1:0] k_lsb_base, v_msb_base, v_lsb_base;

  slot_table #(
      .WIDTH(3 * ADDR_W),
      .SLOTS(SLOTS)
  ) u_rows (
      .clk    (clk),
      .wr_en  (row_set),
      .wr_slot(its_row_q),
      .wr_data({its_k_lsb_base, its_v_msb_base, its_v_lsb_base}),
      .rd_slot(ctx_q[{{ ctx_row }}+:SLOT_W]),
      .rd_data({k_lsb_base, v_msb_base, v_lsb_base})
  );

  assign row_set   = leaves && new_row_q;
  assign row_slot  = its_row_q;
  assign row_place = its_place;
  assign row_dim   = its_dim;

  assign order_valid = picked_q && job_room && order_q;
  assign order_n     = redo_q ? n : its_n;
  assign order_ctx   = redo_q ? ctx_q | {{ ctx_w }}'d{{ ctx_pass_bit }} :
                       {its_release, its_single, its_forced, its_keeps_scores, again_q, its_slot,
                        its_row_q, its_head, its_k};

  // ---- the job, and where its ids come from -------------------------------------------------------------------------------------------

  localparam JOB_W = 4 * ADDR_W + 2 + 2 * PLANE_W + 2 + 5;

  localparam [1:0] ONE_ID   = 2'd0;  // where the ids come from
  localparam [1:0] KEPT_IDS = 2'd1;
  localparam [1:0] LIST_IDS = 2'd2;

  wire               redone = ctx_q[{{ ctx_pass }}];
  wire               value_lsbs = value_mode == ALWAYS ||
      (value_mode == WITH_ROW && (redone || key_mode == ALWAYS));
  wire               of_task = !values_q && !redo_q;
  wire               of_values = values_q || (of_task && its_run && second_q);
  wire               of_query = of_task && !(its_run || (its_single && second_q));
  wire [        1:0] what = of_values ? VALUES : of_query ? QUERY : KEYS;
  wire [        4:0] goes_along = {dim, !of_task || its_single, what};
  wire [        1:0] from = values_q ? KEPT_IDS :
      (of_task && its_single && !second_q) ? ONE_ID : LIST_IDS;
  reg  [  JOB_W-1:0] job;

  always @(*) begin
    if (of_values) begin
      job = {values_q ? v_msb_base : its_v_msb_base, v_msb_stride,
             values_q ? v_lsb_base : its_v_lsb_base, v_lsb_stride,
             1'b1, values_q ? value_lsbs : value_mode == ALWAYS, value_m, value_l, dim,
             goes_along};
    end else if (of_query) begin
      job = {its_q_base, q_stride, its_q_base, q_stride, 1'b1, 1'b0, WHOLE, {PLANE_W{1'b0}},
             dim, goes_along};
    end else begin
      job = {its_k_msb_base, k_msb_stride, redo_q ? k_lsb_base : its_k_lsb_base,
             k_lsb_stride, !(redo_q || again_q), redo_q || again_q || key_mode == ALWAYS,
             key_m, key_l, dim, goes_along};
    end
  end

  wire                source_valid;
  wire [         1:0] source;
  wire [ TOKEN_W-1:0] one_id;
  wire                ids_end;  // the list's last word is taken
  wire                jobs_free, sources_free, lists_free;

  assign job_room = jobs_free && sources_free && lists_free;

  reg_fifo #(
      .WIDTH(JOB_W),
      .DEPTH(4)
  ) u_jobs (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .clear     (1'b0),
      .push_valid(go),
      .push_ready(jobs_free),
      .push_data (job),
      .pop_valid (job_valid),
      .pop_ready (job_ready),
      .pop_data  ({job_msb_base, job_msb_stride, job_lsb_base, job_lsb_stride, job_use_msb,
                   job_use_lsb, job_m, job_l,
                   job_dim, job_ctx})
  );

  reg_fifo #(
      .WIDTH(2 + TOKEN_W),
      .DEPTH(4)
  ) u_sources (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .clear     (1'b0),
      .push_valid(go),
      .push_ready(sources_free),
      .push_data ({from, query}),
      .pop_valid (source_valid),
      .pop_ready (ids_end),
      .pop_data  ({source, one_id})
  );

  // The list is asked for ahead of its turn, so that its words are there when it comes.
  reg_fifo #(
      .WIDTH(LENGTH_W),
      .DEPTH(4)
  ) u_lists (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .clear     (1'b0),
      .push_valid(go && from == LIST_IDS),
      .push_ready(lists_free),
      .push_data (redo_q ? n : its_n),
      .pop_valid (list_valid),
      .pop_ready (list_ready),
      .pop_data  (list_n)
  );

  // ---- its ids -----------------------------------------------------------------------------------------------------------------------

  localparam [COUNT_W-1:0] ONE = {{ count_w }}'d1;
  localparam [VECTOR_W-1:0] ALL_VECTORS = {{ beat_count_w }}'d{{ beat_vectors }};

  wire                     from_list = source == LIST_IDS;
  wire                     from_kept = source == KEPT_IDS;
  wire                     ids_valid = source_valid && (from_list ? word_valid :
      from_kept ? kept_word_valid : 1'b1);
  wire                     ids_ready;
  wire                     ids_last = from_list ? word_last : from_kept ? kept_word_last : 1'b1;
  wire [      COUNT_W-1:0] ids_count = from_list ? word_count : from_kept ? kept_word_count : ONE;
  wire [LANES*TOKEN_W-1:0] ids;
  wire                     unused_user;

  assign word_ready      = source_valid && from_list && ids_ready;
  assign kept_word_ready = source_valid && from_kept && ids_ready;
  assign ids_end         = ids_valid && ids_ready && ids_last;

  genvar lane;
  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_id
      if (lane == 0) begin : g_first
        assign ids[TOKEN_W-1:0] = from_list ? word_ids[TOKEN_W-1:0] :
            from_kept ? kept_word_ids[TOKEN_W-1:0] : one_id;
      end else begin : g_other
        assign ids[lane*TOKEN_W+:TOKEN_W] = from_list ? word_ids[lane*ID_W+:TOKEN_W] :
            kept_word_ids[lane*ID_W+:TOKEN_W];
      end
    end
  endgenerate

  wire                       part_valid, part_ready, part_last;
  wire [VECTORS*TOKEN_W-1:0] part_ids;
  wire [       VECTOR_W-1:0] part_count;

  lane_gearbox #(
      .IN_LANES (LANES),
      .OUT_LANES(VECTORS),
      .DATA_W   (TOKEN_W),
      .USER_W   (1)
  ) u_ids (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .push_valid(ids_valid),
      .push_ready(ids_ready),
      .push_data (ids),
      .push_count(ids_count),
      .push_last (ids_last),
      .push_width(ALL_VECTORS),
      .push_user (1'b0),
      .pop_valid (part_valid),
      .pop_ready (part_ready),
      .pop_data  (part_ids),
      .pop_count (part_count),
      .pop_last  (part_last),
      .pop_user  (unused_user)
  );

  reg_fifo #(
      .WIDTH(VECTORS * TOKEN_W + VECTOR_W + 1),
      .DEPTH(4)
  ) u_parts (
      .clk       (clk),
      .{{ rst.port }}({{ rst.port }}),
      .clear     (1'b0),
      .push_valid(part_valid),
      .push_ready(part_ready),
      .push_data ({part_last, part_count, part_ids}),
      .pop_valid (id_valid),
      .pop_ready (id_ready),
      .pop_data  ({id_last, id_count, id_ids})
  );

endmodule
