// Purpose      runs the commands of the queue in order: checks each, brings the state to what it asks for, has its rows
//              issued, prunes behind it, and tells when it is done; answers the host's access to the state; stops
//              everything after an AXI error and on abort.
// Command      stands at the queue's head until its last step; whoever needs its fields reads them there. layer begins
//              the rows: layer_n keys (of a generation), in command slot layer_slot, whose number travels with them;
//              layer_ready when all are issued. {{ command_slots }} commands may have rows in work.
// Rows         issued: a row of the command at the queue's head is issued. settled: a row has passed the top-k engine.
//              counted: a row's magnitude was added. written, written_slot: a row's output has been answered. State
//              operations wait for the rows that they concern, not for outputs.
// Refusal      changes nothing; it is told in the command's turn, and later commands run.
// Stop         read_error, write_error: the queue is held until control_clear, which drops it. control_abort flushes at
//              once. flush is high until memory_idle, and resets what is in flight.
// Done         event_done comes in the order of commands, once their rows are all written.
// Protocol     valid/ready on all streams: valid never waits for ready, and a payload offered stays until it is taken.
// Latency      a command of no state operations begins its rows {{ 16 }} cycles or less after it reaches the queue's head.
// Reset        as after power-up: L and H are 0.

module controller (
    input  wire clk,
    input  wire {{ rst.port }},

    input  wire command_valid,
    output wire command_ready,
    {% for field in controlled %}
    input  wire {% if field.width > 1 %}[{{ field.width - 1 }}:0] {% endif %}command_{{ field.name }},
    {% endfor %}
    input  wire [4:0] early,
    input  wire [4:0] late,
    input  wire queue_empty,

    input  wire state_valid,
    output wire state_ready,
    input  wire state_write,
    input  wire [2:0] state_table,
    input  wire [15:0] state_index,
    input  wire [31:0] state_data,

    output wire answer_valid,
    input  wire answer_ready,
    output wire [31:0] answer_data,

    input  wire control_valid,
    output wire control_ready,
    input  wire control_clear,
    input  wire control_abort,

    output wire event_valid,
    input  wire event_ready,
    output wire event_done,
    output wire event_error,
    output wire event_undefined,
    output wire [7:0] event_code,

    output wire op_valid,
    input  wire op_ready,
    output wire [3:0] op_code,
    output wire op_list,
    output wire [15:0] op_index,
    output wire [31:0] op_value,
    output wire [15:0] op_k,
    output wire [15:0] op_first,
    output wire [15:0] op_last,
    input  wire [31:0] op_answer,
    input  wire op_bad,

    output wire layer_valid,
    input  wire layer_ready,
    output wire [{{ length_w - 1 }}:0] layer_n,
    output wire [{{ command_slot_w - 1 }}:0] layer_slot,
    output wire layer_begin,

    input  wire issued,
    input  wire settled,
    input  wire counted,
    input  wire written,
    input  wire [{{ command_slot_w - 1 }}:0] written_slot,

    input  wire read_error,
    input  wire write_error,
    input  wire memory_idle,
    output wire flush,
    output wire closed,
    output wire dropped,

    input  wire [15:0] tokens,
    input  wire [15:0] heads,
    input  wire unfolded,
    output wire [15:0] length,
    output wire [15:0] all_heads,
    output wire busy
);

  localparam LENGTH_W = {{ length_w }};
  localparam SLOTS    = {{ command_slots }};
  localparam SLOT_W   = {{ command_slot_w }};
  localparam ROWS_W   = {{ rows_w }};  // bits of the rows of a command

  localparam [15:0] MAX_TOKENS = 16'd{{ config.max_tokens }};
  localparam [15:0] MAX_HEADS  = 16'd{{ config.max_heads }};

  localparam [7:0] TOKEN_LIST = 8'd15;  // error codes
  localparam [7:0] HEAD_LIST  = 8'd16;
  localparam [7:0] READ_ERROR = 8'd32;
  localparam [7:0] WRITE_ERROR = 8'd33;

  // ---- operations of the state ---------------------------------------------------------------------------------------

  localparam [3:0] SCAN   = 4'd0;
  localparam [3:0] COUNT  = 4'd1;
  localparam [3:0] FOLD   = 4'd2;
  localparam [3:0] CLEAR  = 4'd3;
  localparam [3:0] SCALE  = 4'd4;
  localparam [3:0] REFILL = 4'd5;
  localparam [3:0] PRUNE  = 4'd6;
  localparam [3:0] READ   = 4'd7;
  localparam [3:0] WRITE  = 4'd8;
  localparam [3:0] RESIZE = 4'd9;
  localparam [3:0] RECALL = 4'd10;
  localparam [3:0] SET    = 4'd11;

  // ---- what the controller does -----------------------------------------------------------------------------------------

  localparam [3:0] IDLE  = 4'd0;
  localparam [3:0] CHECK = 4'd1;  // the check's pipeline, and lists that the host wrote
  localparam [3:0] STEP  = 4'd2;  // what a command asks for, step by step
  localparam [3:0] OP    = 4'd3;  // an operation of the state runs
  localparam [3:0] LAYER = 4'd4;  // rows are issued
  localparam [3:0] HOST  = 4'd5;  // the host's access
  localparam [3:0] REPLY = 4'd6;
  localparam [3:0] FLUSH = 4'd7;
  localparam [3:0] TELL  = 4'd8;  // the AXI error is told
  localparam [3:0] HELD  = 4'd9;
  localparam [3:0] DROP  = 4'd10;

  // Steps of a command, in order; those before the layer, and those behind it.
  localparam [4:0] FOLD_FIRST    = 5'd0;
  localparam [4:0] CLEAR_TOKENS  = 5'd1;
  localparam [4:0] CLEAR_HEADS   = 5'd2;
  localparam [4:0] SCALE_TOKENS  = 5'd3;
  localparam [4:0] SCALE_HEADS   = 5'd4;
  localparam [4:0] APPEND        = 5'd5;
  localparam [4:0] APPEND_SIZE   = 5'd6;
  localparam [4:0] APPEND_ZERO   = 5'd7;
  localparam [4:0] RESET_TOKENS  = 5'd8;
  localparam [4:0] RESET_HEADS   = 5'd9;
  localparam [4:0] TOKENS_BEFORE = 5'd10;
  localparam [4:0] HEADS_BEFORE  = 5'd11;
  localparam [4:0] COUNT_KEYS    = 5'd12;
  localparam [4:0] RUN           = 5'd13;
  localparam [4:0] TOKENS_AFTER  = 5'd14;
  localparam [4:0] HEADS_AFTER   = 5'd15;
  localparam [4:0] FINISH        = 5'd16;

  reg  [ 3:0] state_q;
  reg  [ 4:0] step_q;
  reg  [15:0] length_q;
  reg  [15:0] all_heads_q;
  reg         tokens_written_q;  // the host wrote the list, or L
  reg         heads_written_q;
  reg  [ 2:0] check_q;
  reg  [ 7:0] code_q;
  reg         flush_tell_q;  // after the flush the error is told
  reg  [ 4:0] drained_q;
  reg         scanning_q;  // the operation that runs is a scan
  reg  [31:0] answer_q;
  reg         flush_q;  // in a register of its own, since it resets others

  wire        clear = control_valid && control_clear;
  wire        abort = control_valid && control_abort;
  wire        failed = read_error || write_error;
  wire        working;  // a command is not done
  wire        slot_free;
  wire        tokens_quiet;
  wire        heads_quiet;
  wire        op_done = op_valid && op_ready;

  assign length        = length_q;
  assign all_heads     = all_heads_q;
  assign control_ready = 1'b1;
  assign busy          = state_q != IDLE || working;
  assign flush         = flush_q;
  assign closed        = state_q == FLUSH || state_q == TELL || state_q == HELD || state_q == DROP;

  // ---- does the command need the step -----------------------------------------------------------------------------------

  wire        fold = (unfolded || !tokens_quiet) && !command_token_operations_clear &&
                     (command_token_operations_scale != 8'd0 || command_token_operations_reset ||
                      command_token_operations_append);
  // Ids ascend: where the query is the last token, all are at most the query.
  wire        all_keys = !command_mode_causal || command_query_token + 16'd1 == length_q;
  reg         needed;
  reg  [ 3:0] step_code;
  reg         step_list;
  reg  [31:0] step_value;

  always @(*) begin
    needed     = 1'b0;
    step_code  = FOLD;
    step_list  = 1'b0;
    step_value = {16'd0, length_q};
    case (step_q)
      FOLD_FIRST: needed = fold;
      CLEAR_TOKENS: begin
        needed    = command_token_operations_clear;
        step_code = CLEAR;
      end
      CLEAR_HEADS: begin
        needed    = command_head_operations_clear;
        step_code = CLEAR;
        step_list = 1'b1;
      end
      SCALE_TOKENS: begin
        needed     = command_token_operations_scale != 8'd0;
        step_code  = SCALE;
        step_value = {24'd0, command_token_operations_scale};
      end
      SCALE_HEADS: begin
        needed     = command_head_operations_scale != 8'd0;
        step_code  = SCALE;
        step_list  = 1'b1;
        step_value = {24'd0, command_head_operations_scale};
      end
      APPEND: begin
        needed    = command_token_operations_append && !command_token_operations_reset;
        step_code = WRITE;
      end
      APPEND_SIZE: begin
        needed     = command_token_operations_append;
        step_code  = RESIZE;
        step_value = {16'd0, tokens + 16'd1};
      end
      APPEND_ZERO: begin
        needed     = command_token_operations_append;
        step_code  = SET;
        step_value = 32'd0;
      end
      RESET_TOKENS: begin
        needed    = command_token_operations_reset;
        step_code = REFILL;
      end
      RESET_HEADS: begin
        needed     = command_head_operations_reset;
        step_code  = REFILL;
        step_list  = 1'b1;
        step_value = {16'd0, all_heads_q};
      end
      TOKENS_BEFORE: begin
        needed    = command_token_operations_prune_before;
        step_code = PRUNE;
      end
      HEADS_BEFORE: begin
        needed    = command_head_operations_prune_before;
        step_code = PRUNE;
        step_list = 1'b1;
      end
      COUNT_KEYS: begin
        needed     = command_mode_generation && !all_keys;
        step_code  = COUNT;
        step_value = {16'd0, command_query_token};
      end
      TOKENS_AFTER: begin
        needed    = command_token_operations_prune_after;
        step_code = PRUNE;
      end
      HEADS_AFTER: begin
        needed    = command_head_operations_prune_after;
        step_code = PRUNE;
        step_list = 1'b1;
      end
      default: ;
    endcase
  end

  // A step waits for the rows that it concerns.
  wire step_waits = step_list ? !heads_quiet : !tokens_quiet;
  wire step_starts = state_q == STEP && needed && !step_waits;
  wire layer_starts = state_q == STEP && step_q == RUN;
  wire finishes = state_q == STEP && step_q == FINISH;
  wire step_over = state_q == STEP && !needed && step_q != RUN && step_q != FINISH;

  // ---- the host's access ------------------------------------------------------------------------------------------------

  localparam [2:0] SCALARS         = 3'd0;
  localparam [2:0] TOKENS          = 3'd1;
  localparam [2:0] HEADS           = 3'd2;
  localparam [2:0] TOKEN_WEIGHTS   = 3'd3;

  reg  [31:0] scalar;
  wire        host_size = state_table == SCALARS && state_write && state_index[1];
  wire        host_table = state_table != SCALARS;
  wire        quiet = tokens_quiet && heads_quiet;

  always @(*) begin
    case (state_index[1:0])
      2'd0:    scalar = {16'd0, length_q};
      2'd1:    scalar = {16'd0, all_heads_q};
      2'd2:    scalar = {16'd0, tokens};
      default: scalar = {16'd0, heads};
    endcase
  end

  wire [ 3:0] host_code = host_size ? RESIZE :
                          (state_table == TOKENS || state_table == HEADS) ?
                          (state_write ? WRITE : READ) :
                          state_write ? SET : RECALL;
  wire        host_of_heads = host_size ? state_index[0] :
      (state_table != TOKENS && state_table != TOKEN_WEIGHTS);

  // ---- the operation that runs -------------------------------------------------------------------------------------------

  reg         op_valid_q;
  reg  [ 3:0] op_code_q;
  reg         op_list_q;
  reg  [15:0] op_index_q;
  reg  [31:0] op_value_q;
  reg  [15:0] op_k_q;
  reg  [15:0] op_first_q;
  reg  [15:0] op_last_q;

  assign op_valid = op_valid_q;
  assign op_code  = op_code_q;
  assign op_list  = op_list_q;
  assign op_index = op_index_q;
  assign op_value = op_value_q;
  assign op_k     = op_k_q;
  assign op_first = op_first_q;
  assign op_last  = op_last_q;

  // A list that the host wrote is scanned unless the command resets it.
  wire        scan_tokens = tokens_written_q && !command_token_operations_reset;
  wire        scan_heads = heads_written_q && !command_head_operations_reset;
  wire        too_long = scan_tokens && tokens > MAX_TOKENS;
  wire        too_many = scan_heads && heads > MAX_HEADS;
  reg         scanned_tokens_q;
  reg         scanned_heads_q;
  wire        checked = check_q == 3'd4;
  wire        scan_now = checked && early == 5'd0 &&
                         ((scan_tokens && !scanned_tokens_q && !too_long) ||
                          (scan_heads && !scanned_heads_q && !too_many));
  wire        scan_of_heads = !(scan_tokens && !scanned_tokens_q);
  wire        after = step_q > RUN;

  wire        host_folds = state_q == HOST && unfolded;
  wire        host_works = state_q == HOST && !unfolded && (host_table || host_size);
  wire        host_done = state_q == HOST && (op_valid_q ? op_ready && op_code_q != FOLD :
      !unfolded && !host_works);

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) op_valid_q <= 1'b0;
    else if (flush) op_valid_q <= 1'b0;
    else if (op_valid_q) op_valid_q <= !op_ready;
    else op_valid_q <= step_starts || (state_q == CHECK && scan_now) ||
        ((host_folds || host_works) && quiet);
  end

  always @(posedge clk) begin
    if (!op_valid_q) begin
      scanning_q <= state_q == CHECK;
      if (state_q == HOST) begin
        op_code_q  <= host_folds ? FOLD : host_code;
        op_list_q  <= !host_folds && host_of_heads;
        op_index_q <= state_index;
        op_value_q <= state_data;
      end else if (state_q == CHECK) begin
        op_code_q  <= SCAN;
        op_list_q  <= scan_of_heads;
        op_value_q <= {16'd0, scan_of_heads ? all_heads_q : length_q};
      end else begin
        op_code_q  <= step_code;
        op_list_q  <= step_list;
        op_index_q <= (step_q == APPEND) ? tokens : length_q;
        op_value_q <= step_value;
      end
      op_k_q     <= step_list ? (after ? command_head_prune_after : command_head_prune_before) :
                    after ? command_token_prune_after_k : command_token_prune_before_k;
      op_first_q <= after ? command_token_guards_after_first : command_token_guards_before_first;
      op_last_q  <= after ? command_token_guards_after_last : command_token_guards_before_last;
    end
  end

  // ---- states ------------------------------------------------------------------------------------------------------------

  wire refused_early = early != 5'd0;
  wire refused_late = late != 5'd0;
  wire refused = refused_early || too_long || too_many || code_q != 8'd0 || refused_late;
  wire judged = state_q == CHECK && checked && !scan_now && !op_valid_q && slot_free;
  wire [7:0] verdict = refused_early ? {3'd0, early} : too_long ? TOKEN_LIST :
                       too_many ? HEAD_LIST : (code_q != 8'd0) ? code_q : {3'd0, late};
  wire drained = drained_q == 5'd31 && memory_idle;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) state_q <= IDLE;
    else if (abort) state_q <= (busy && state_q != HELD) ? FLUSH : DROP;
    else if (failed && !closed) state_q <= FLUSH;
    else begin
      case (state_q)
        IDLE: begin
          if (command_valid) state_q <= CHECK;
          else if (state_valid) state_q <= HOST;
        end
        CHECK: if (judged) state_q <= refused ? IDLE : STEP;
        STEP: begin
          if (step_starts) state_q <= OP;
          else if (layer_starts) state_q <= LAYER;
          else if (finishes) state_q <= IDLE;
        end
        OP: if (op_done) state_q <= STEP;
        LAYER: if (layer_ready) state_q <= STEP;
        HOST: if (host_done) state_q <= REPLY;
        REPLY: if (answer_ready) state_q <= IDLE;
        FLUSH: if (drained) state_q <= flush_tell_q ? TELL : DROP;
        TELL: if (event_ready) state_q <= HELD;
        HELD: if (clear) state_q <= DROP;
        DROP: if (queue_empty && !command_valid) state_q <= IDLE;
        default: state_q <= IDLE;
      endcase
    end
  end

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      step_q           <= FOLD_FIRST;
      check_q          <= 3'd0;
      code_q           <= 8'd0;
      scanned_tokens_q <= 1'b0;
      scanned_heads_q  <= 1'b0;
      flush_tell_q     <= 1'b0;
      drained_q        <= 5'd0;
      flush_q          <= 1'b0;
    end else begin
      flush_q <= state_q == FLUSH;

      // Four cycles in CHECK let the pipeline of the check see the state as it is now.
      if (state_q != CHECK) check_q <= 3'd0;
      else if (!checked) check_q <= check_q + 3'd1;

      if (state_q == IDLE) begin
        scanned_tokens_q <= 1'b0;
        scanned_heads_q  <= 1'b0;
      end else if (op_done && scanning_q) begin
        if (op_list_q) scanned_heads_q <= 1'b1;
        else scanned_tokens_q <= 1'b1;
      end

      if (failed && !closed) code_q <= read_error ? READ_ERROR : WRITE_ERROR;
      else if (state_q == IDLE) code_q <= 8'd0;
      else if (op_done && scanning_q && op_bad && code_q == 8'd0) begin
        code_q <= op_list_q ? HEAD_LIST : TOKEN_LIST;
      end

      if (abort) flush_tell_q <= 1'b0;
      else if (failed && !closed) flush_tell_q <= 1'b1;

      if (state_q != FLUSH) drained_q <= 5'd0;
      else if (drained_q != 5'd31) drained_q <= drained_q + 5'd1;

      if (state_q == IDLE) step_q <= FOLD_FIRST;
      else if (step_over || (state_q == OP && op_done) || (state_q == LAYER && layer_ready)) begin
        step_q <= step_q + 5'd1;
      end
    end
  end

  assign command_ready = (judged && refused) || finishes || state_q == DROP;
  assign dropped       = state_q == DROP && queue_empty && !command_valid;
  assign state_ready   = host_done;
  assign answer_valid  = state_q == REPLY;
  assign answer_data   = answer_q;

  // ---- L, H, and what the host wrote -------------------------------------------------------------------------------------

  always @(posedge clk) begin
    if (host_done) answer_q <= (state_table == SCALARS) ? scalar : op_answer;
  end

  wire host_writes = host_done && state_write;
  wire writes_scalar = host_writes && state_table == SCALARS;
  wire writes_length = writes_scalar && state_index[1:0] == 2'd0;
  wire writes_heads = writes_scalar && state_index[1:0] == 2'd1;
  wire touches_tokens = (host_writes && state_table == TOKENS) ||
                        (writes_scalar && !state_index[0]);
  wire touches_heads = (host_writes && state_table == HEADS) || (writes_scalar && state_index[0]);
  wire accepted = judged && !refused;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      length_q         <= 16'd0;
      all_heads_q      <= 16'd0;
      tokens_written_q <= 1'b0;
      heads_written_q  <= 1'b0;
    end else begin
      if (writes_length) length_q <= state_data[15:0];
      else if (op_done && state_q == OP && step_q == APPEND_ZERO) length_q <= length_q + 16'd1;
      if (writes_heads) all_heads_q <= state_data[15:0];

      if (touches_tokens) tokens_written_q <= 1'b1;
      else if (accepted) tokens_written_q <= 1'b0;
      if (touches_heads) heads_written_q <= 1'b1;
      else if (accepted) heads_written_q <= 1'b0;
    end
  end

  // ---- rows ----------------------------------------------------------------------------------------------------------------

  // Rows that still change importance or read lists, of tokens and of heads.
  reg [{{ in_flight_w - 1 }}:0] unsettled_q;
  reg [{{ in_flight_w - 1 }}:0] uncounted_q;

  assign tokens_quiet = unsettled_q == {{ in_flight_w }}'d0;
  assign heads_quiet  = uncounted_q == {{ in_flight_w }}'d0;

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      unsettled_q <= {{ in_flight_w }}'d0;
      uncounted_q <= {{ in_flight_w }}'d0;
    end else if (flush) begin
      unsettled_q <= {{ in_flight_w }}'d0;
      uncounted_q <= {{ in_flight_w }}'d0;
    end else begin
      if (issued && !settled) unsettled_q <= unsettled_q + {{ in_flight_w }}'d1;
      if (settled && !issued) unsettled_q <= unsettled_q - {{ in_flight_w }}'d1;
      if (issued && !counted) uncounted_q <= uncounted_q + {{ in_flight_w }}'d1;
      if (counted && !issued) uncounted_q <= uncounted_q - {{ in_flight_w }}'d1;
    end
  end

  // ---- layers --------------------------------------------------------------------------------------------------------------

  reg  [  SLOT_W-1:0] slot_q;  // of the command at the queue's head
  reg  [  SLOT_W-1:0] retire_q;  // the oldest command that is not done
  reg  [   SLOTS-1:0] used_q;
  reg  [   SLOTS-1:0] over_q;  // all rows issued, all operations done
  reg  [         7:0] code_of_q[0:SLOTS-1];  // why it was refused
  reg  [SLOTS*ROWS_W-1:0] rows_q;  // rows not yet written, by slot
  reg  [LENGTH_W-1:0] keys_q;

  wire [ SLOTS-1:0] one_slot = {{ '{{' }}(SLOTS - 1){1'b0}}, 1'b1};
  wire              retires = used_q[retire_q] && over_q[retire_q] &&
      rows_q[retire_q*ROWS_W+:ROWS_W] == {ROWS_W{1'b0}};
  wire              tells = state_q == TELL;
  wire              retire = retires && event_ready && !closed && !failed;

  assign working         = used_q != {SLOTS{1'b0}};
  assign slot_free       = !used_q[slot_q];
  assign layer_valid     = state_q == LAYER;
  assign layer_n         = keys_q;
  assign layer_slot      = slot_q;
  assign layer_begin     = layer_starts;
  assign event_valid     = tells || (retires && !closed && !failed);
  assign event_done      = !tells && code_of_q[retire_q] == 8'd0;
  assign event_error     = tells || code_of_q[retire_q] != 8'd0;
  assign event_undefined = tells;
  assign event_code      = tells ? code_q : code_of_q[retire_q];

  always @(posedge clk) begin
    if (judged) code_of_q[slot_q] <= refused ? verdict : 8'd0;
    if (state_q == STEP && step_q == COUNT_KEYS) keys_q <= tokens[LENGTH_W-1:0];
    else if (op_done && op_code_q == COUNT) keys_q <= op_answer[LENGTH_W-1:0];
  end

  always @(posedge clk{{ rst.edge }}) begin
    if ({{ rst.active }}) begin
      slot_q   <= {SLOT_W{1'b0}};
      retire_q <= {SLOT_W{1'b0}};
      used_q   <= {SLOTS{1'b0}};
      over_q   <= {SLOTS{1'b0}};
    end else if (flush) begin
      slot_q   <= {SLOT_W{1'b0}};
      retire_q <= {SLOT_W{1'b0}};
      used_q   <= {SLOTS{1'b0}};
      over_q   <= {SLOTS{1'b0}};
    end else begin
      if ((judged && refused) || finishes) slot_q <= slot_q + 1'b1;
      if (retire) retire_q <= retire_q + 1'b1;
      used_q <= (used_q | (judged ? one_slot << slot_q : {SLOTS{1'b0}})) &
          ~(retire ? one_slot << retire_q : {SLOTS{1'b0}});
      over_q <= (over_q | ((judged && refused) || finishes ? one_slot << slot_q : {SLOTS{1'b0}})) &
                ~(retire ? one_slot << retire_q : {SLOTS{1'b0}});
    end
  end

  genvar slot;
  generate
    for (slot = 0; slot < SLOTS; slot = slot + 1) begin : g_slot
      localparam [SLOT_W-1:0] NUMBER = slot;

      wire more = issued && slot_q == NUMBER;
      wire fewer = written && written_slot == NUMBER;

      always @(posedge clk{{ rst.edge }}) begin
        if ({{ rst.active }}) rows_q[slot*ROWS_W+:ROWS_W] <= {ROWS_W{1'b0}};
        else if (flush) rows_q[slot*ROWS_W+:ROWS_W] <= {ROWS_W{1'b0}};
        else if (more && !fewer) rows_q[slot*ROWS_W+:ROWS_W] <= rows_q[slot*ROWS_W+:ROWS_W] + 1'b1;
        else if (fewer && !more) rows_q[slot*ROWS_W+:ROWS_W] <= rows_q[slot*ROWS_W+:ROWS_W] - 1'b1;
      end
    end
  endgenerate

endmodule
