//! Faults of the modules that only a whole core can show, all in one model: each is chosen by its number while the model
//! runs.

use crate::config::Config;
use crate::rtl::{Direction, Field};
use crate::sim::Design;
use anyhow::{Context as _, bail, ensure};
use std::fmt;
use std::ops::Range;

use super::Point;

/// A fault of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong, in a few words.
    pub name: &'static str,
    /// The file it changes.
    pub module: &'static str,
    /// Text that occurs exactly once in that file, with the expression in «».
    pub find: &'static str,
    /// What the expression is instead.
    pub replace: &'static str,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}.v, `{}`", self.name, self.module, self.find)
    }
}

/// Where the expression of a fault stands in the text of its module.
fn place(fault: &Fault, text: &str) -> anyhow::Result<Range<usize>> {
    let parts = fault.find.split_once('«');
    let parts = parts.and_then(|(head, rest)| Some((head, rest.split_once('»')?)));
    let (head, (expression, tail)) = parts.with_context(|| format!("{fault}: there is nothing in «»"))?;
    let places = super::places(text, &format!("{head}{expression}{tail}"));
    let [whole] = places.as_slice() else {
        bail!("{fault}: the text occurs {} times, not once", places.len());
    };
    // What stands before the expression begins the place; the blanks between the two are neither's.
    let within = &text[whole.clone()];
    let end_of = |part: &str| super::places(within, part).first().map_or(0, |place| place.end);
    let end = end_of(&format!("{head}{expression}"));
    let start = end - within[end_of(head)..end].trim_start().len();
    Ok(whole.start + start..whole.start + end)
}

/// The whole core with every fault in it: those of `faults`, numbered from 1 by a port `fault`; 0 is none.
///
/// # Errors
/// When the Verilog cannot be emitted, the text of a fault does not occur exactly once, or two faults overlap.
pub fn design(config: &Config, faults: &[Fault]) -> anyhow::Result<Design> {
    let point = Point {
        name: "system".into(),
        config: config.clone(),
        parameters: Vec::new(),
    };
    let mut design = super::design("spatten_top", &point, None)?;
    for (file, text) in &mut design.sources {
        let mut places = Vec::new();
        for (number, fault) in (1..).zip(faults) {
            if *file == format!("{}.v", fault.module) {
                places.push((place(fault, text)?, number, fault));
            }
        }
        places.sort_by_key(|(place, ..)| std::cmp::Reverse(place.start));
        let mut next = text.len();
        for (place, number, fault) in places {
            ensure!(place.end <= next, "{fault}: overlaps with another fault");
            next = place.start;
            let right = &text[place.clone()];
            let either = format!(
                "(spatten_top.fault == 8'd{number} ? ({}) : ({right}))",
                fault.replace
            );
            text.replace_range(place, &either);
        }
        let head = "module spatten_top (";
        if let Some(at) = text.find(head) {
            text.insert_str(at + head.len(), "\n    input  wire [7:0] fault,");
        }
    }
    for fault in faults {
        let name = format!("{}.v", fault.module);
        ensure!(
            design.sources.iter().any(|(file, _)| *file == name),
            "{fault}: there is no such module"
        );
    }
    design
        .interface
        .ports
        .push((Direction::In, Field::new("fault", 8)));
    Ok(design)
}

/// Faults that random commands and the tests of registers, errors and aborts must notice.
pub static FAULTS: &[Fault] = &[
    Fault {
        name: "last guard before the layer off by one",
        module: "controller",
        find: "command_token_guards_after_last : «command_token_guards_before_last»;",
        replace: "command_token_guards_before_last + 16'd1",
    },
    Fault {
        name: "first guard after the layer is the one before it",
        module: "controller",
        find: "op_first_q <= after ? «command_token_guards_after_first»",
        replace: "command_token_guards_before_first",
    },
    Fault {
        name: "append keeps L",
        module: "controller",
        find: "step_q == APPEND_ZERO) length_q <= «length_q + 16'd1»;",
        replace: "length_q",
    },
    Fault {
        name: "append keeps the list's length",
        module: "controller",
        find: "step_value = «{16'd0, tokens + 16'd1}»;",
        replace: "{16'd0, tokens}",
    },
    Fault {
        name: "appended token keeps an old importance",
        module: "controller",
        find: "step_value = «32'd0»;",
        replace: "32'd1",
    },
    Fault {
        name: "append at L, not behind the list",
        module: "controller",
        find: "op_index_q <= «(step_q == APPEND) ? tokens : length_q»;",
        replace: "length_q",
    },
    Fault {
        name: "token prune before the layer done after it",
        module: "controller",
        find: "needed    = «command_token_operations_prune_after»;",
        replace: "command_token_operations_prune_after || command_token_operations_prune_before",
    },
    Fault {
        name: "token prune before the layer forgotten",
        module: "controller",
        find: "needed    = «command_token_operations_prune_before»;",
        replace: "1'b0",
    },
    Fault {
        name: "head prune after the layer forgotten",
        module: "controller",
        find: "needed    = «command_head_operations_prune_after»;",
        replace: "1'b0",
    },
    Fault {
        name: "k of the head prune before the layer taken after it",
        module: "controller",
        find: "op_k_q     <= step_list ? «(after ? command_head_prune_after : command_head_prune_before)» :",
        replace: "command_head_prune_before",
    },
    Fault {
        name: "importance of heads not cleared",
        module: "controller",
        find: "needed    = «command_head_operations_clear»;",
        replace: "1'b0",
    },
    Fault {
        name: "importance not scaled",
        module: "controller",
        find: "needed     = «command_token_operations_scale != 8'd0»;",
        replace: "command_token_operations_scale > 8'd1",
    },
    Fault {
        name: "causal limit ignored in generation",
        module: "controller",
        find: "needed     = «command_mode_generation && !all_keys»;",
        replace: "1'b0",
    },
    Fault {
        name: "probabilities not folded before importance is scaled",
        module: "controller",
        find: "FOLD_FIRST: needed = «fold»;",
        replace: "1'b0",
    },
    Fault {
        name: "state operations do not wait for rows",
        module: "controller",
        find: "wire step_waits = «step_list ? !heads_quiet : !tokens_quiet»;",
        replace: "1'b0",
    },
    Fault {
        name: "head list reset to L",
        module: "controller",
        find: "step_value = «{16'd0, all_heads_q}»;",
        replace: "{16'd0, length_q}",
    },
    Fault {
        name: "token list that the host wrote not checked",
        module: "controller",
        find: "scan_tokens = «tokens_written_q && !command_token_operations_reset»;",
        replace: "1'b0",
    },
    Fault {
        name: "head list that the host wrote not checked",
        module: "controller",
        find: "scan_heads = «heads_written_q && !command_head_operations_reset»;",
        replace: "1'b0",
    },
    Fault {
        name: "list of a refused command counts as checked",
        module: "controller",
        find: "wire accepted = «judged && !refused»;",
        replace: "judged",
    },
    Fault {
        name: "rule of the state reported before one of the command",
        module: "controller",
        find: "wire [7:0] verdict = «refused_early» ?",
        replace: "refused_early && !refused_late",
    },
    Fault {
        name: "list reported after what would be empty",
        module: "controller",
        find: "too_many ? HEAD_LIST : «(code_q != 8'd0)» ?",
        replace: "(code_q != 8'd0 && !refused_late)",
    },
    Fault {
        name: "done before every row is written",
        module: "controller",
        find: "rows_q[retire_q*ROWS_W+:ROWS_W] == «{ROWS_W{1'b0}}»;",
        replace: "rows_q[retire_q*ROWS_W+:ROWS_W]",
    },
    Fault {
        name: "done before the operations are",
        module: "controller",
        find: "wire              retires = used_q[retire_q] && «over_q[retire_q]» &&",
        replace: "1'b1",
    },
    Fault {
        name: "number of heads read for tokens",
        module: "controller",
        find: "2'd2:    scalar = «{16'd0, tokens}»;",
        replace: "{16'd0, heads}",
    },
    Fault {
        name: "error of a read reported as one of a write",
        module: "controller",
        find: "code_q <= «read_error ? READ_ERROR : WRITE_ERROR»;",
        replace: "WRITE_ERROR",
    },
    Fault {
        name: "abort does not wait for responses",
        module: "controller",
        find: "wire drained = drained_q == 5'd31 && «memory_idle»;",
        replace: "1'b1",
    },
    Fault {
        name: "abort leaves the queue",
        module: "controller",
        find: "DROP: if («queue_empty && !command_valid»)",
        replace: "1'b1",
    },
    Fault {
        name: "rows in flight forgotten by an abort",
        module: "controller",
        find: "else if («flush») rows_q[slot*ROWS_W+:ROWS_W]",
        replace: "1'b0",
    },
    Fault {
        name: "n of the layer before",
        module: "controller",
        find: "if («state_q == STEP && step_q == COUNT_KEYS») keys_q",
        replace: "state_q == LAYER",
    },
    Fault {
        name: "group of max-heads refused",
        module: "command_check",
        find: "command_shape_group == 16'd0 || «command_shape_group > MAX_HEADS»",
        replace: "command_shape_group >= MAX_HEADS",
    },
    Fault {
        name: "scale of head importance not checked",
        module: "command_check",
        find: "command_token_operations_scale > 8'd31 || «command_head_operations_scale > 8'd31»",
        replace: "1'b0",
    },
    Fault {
        name: "keys of the whole width refused",
        module: "command_check",
        find: "command_key_bits_msb == 8'd0 || «key_width > WIDTH»",
        replace: "key_width >= WIDTH",
    },
    Fault {
        name: "values without MSBs allowed",
        module: "command_check",
        find: "«command_value_bits_msb == 8'd0» || value_width > WIDTH",
        replace: "1'b0",
    },
    Fault {
        name: "a stride not checked for alignment",
        module: "command_check",
        find: "command_q_base[1:0] != 2'd0 || «command_q_head_stride[1:0] != 2'd0»",
        replace: "1'b0",
    },
    Fault {
        name: "the base of the outputs not checked for alignment",
        module: "command_check",
        find: "«command_out_base[1:0] != 2'd0»",
        replace: "1'b0",
    },
    Fault {
        name: "append at max-tokens allowed",
        module: "command_check",
        find: "command_token_operations_append && «length >= MAX_TOKENS»",
        replace: "length > MAX_TOKENS",
    },
    Fault {
        name: "query L allowed",
        module: "command_check",
        find: "command_mode_generation && «{1'b0, command_query_token} >= length_then»",
        replace: "{1'b0, command_query_token} > length_then",
    },
    Fault {
        name: "an appended token does not count in the check",
        module: "command_check",
        find: "wire [16:0] length_then = {1'b0, length} + «{16'd0, command_token_operations_append}»;",
        replace: "17'd0",
    },
    Fault {
        name: "empty token list allowed",
        module: "command_check",
        find: "«tokens_then == 17'd0» || (command_token_operations_prune_before && none_stay)",
        replace: "1'b0",
    },
    Fault {
        name: "prune to nothing allowed",
        module: "command_check",
        find: "tokens_then == 17'd0 || «(command_token_operations_prune_before && none_stay)»",
        replace: "1'b0",
    },
    Fault {
        name: "guards forgotten in what a prune leaves",
        module: "command_check",
        find: "«command_token_guards_before_first == 16'd0» &&",
        replace: "1'b1",
    },
    Fault {
        name: "prune of all heads allowed",
        module: "command_check",
        find: "«(command_head_operations_prune_before && command_head_prune_before == 16'd0)»",
        replace: "1'b0",
    },
    Fault {
        name: "ratio of 65536 refused",
        module: "command_check",
        find: "«command_value_ratio_ratio > 32'd65536»",
        replace: "command_value_ratio_ratio >= 32'd65536",
    },
    Fault {
        name: "softmax shift of 48 allowed",
        module: "command_check",
        find: "«command_scale_shift > 8'd47»",
        replace: "command_scale_shift > 8'd48",
    },
    Fault {
        name: "output shift not checked",
        module: "command_check",
        find: "«command_output_scale_shift > 8'd47»",
        replace: "1'b0",
    },
    Fault {
        name: "mask allowed in summarisation",
        module: "command_check",
        find: "summarisation && «command_mode_key_mode[1]»",
        replace: "command_mode_key_mode == 2'd2",
    },
    Fault {
        name: "value mode 3 allowed",
        module: "command_check",
        find: "«command_mode_value_mode == 2'd3» || (summarisation",
        replace: "1'b0",
    },
    Fault {
        name: "L above max-tokens allowed",
        module: "command_check",
        find: "«length > MAX_TOKENS» || all_heads > MAX_HEADS",
        replace: "1'b0",
    },
    Fault {
        name: "H above max-heads allowed",
        module: "command_check",
        find: "length > MAX_TOKENS || «all_heads > MAX_HEADS»",
        replace: "1'b0",
    },
    Fault {
        name: "the last rule reported, not the first",
        module: "command_check",
        find: "if («broken_q[rule]») first_early",
        replace: "broken_q[rule] && first_early == 5'd0",
    },
    Fault {
        name: "equal ids of a list allowed",
        module: "cascade_state",
        find: "assign ascends = «here > seen_q[(lane-1)*ENTRY_W+:ENTRY_W]»;",
        replace: "here >= seen_q[(lane-1)*ENTRY_W+:ENTRY_W]",
    },
    Fault {
        name: "words of a list not checked against each other",
        module: "cascade_state",
        find: "assign ascends = «!begun_q || here > before_q»;",
        replace: "1'b1",
    },
    Fault {
        name: "id L of a list allowed",
        module: "cascade_state",
        find: "wrong[lane]  = used && (!ascends || «{{(32 - ENTRY_W) {1'b0}}, here} >= op_value»);",
        replace: "{{(32 - ENTRY_W) {1'b0}}, here} > op_value",
    },
    Fault {
        name: "only the last word of a list checked",
        module: "cascade_state",
        find: "bad_q   <= «bad_q || wrong != {LANES{1'b0}}»;",
        replace: "wrong != {LANES{1'b0}}",
    },
    Fault {
        name: "causal: the query itself is not counted",
        module: "cascade_state",
        find: "under[lane] = used && «{{(32 - ENTRY_W) {1'b0}}, here} <= op_value»;",
        replace: "{{(32 - ENTRY_W) {1'b0}}, here} < op_value",
    },
    Fault {
        name: "upper bits of ids that the host writes cut off",
        module: "cascade_state",
        find: "wire               oversize = «|op_value[31:ID_W]»;",
        replace: "1'b0",
    },
    Fault {
        name: "host reads importance before the last rows are in it",
        module: "cascade_state",
        find: "if («row_valid && row_ready») unfolded_q <= 1'b1;",
        replace: "1'b0",
    },
    Fault {
        name: "first guard of a prune is the last one",
        module: "cascade_state",
        find: ".push_guard_first(«op_first»),",
        replace: "op_last",
    },
    Fault {
        name: "last guard of a prune ignored",
        module: "cascade_state",
        find: ".push_guard_last («op_last»),",
        replace: "16'd0",
    },
    Fault {
        name: "heads pruned by the k of tokens",
        module: "cascade_state",
        find: ".push_k       («of_heads ? op_k : token_k»),",
        replace: "token_k",
    },
    Fault {
        name: "reset list begins at 1",
        module: "cascade_state",
        find: "assign fill_entries[lane*ENTRY_W+:ENTRY_W] = «fill_first[ENTRY_W-1:0] + lane»;",
        replace: "fill_first[ENTRY_W-1:0] + lane + 1",
    },
    Fault {
        name: "kept list as long as before",
        module: "cascade_state",
        find: "wire [15:0] new_size = given ? op_value[15:0] : «kept_now»;",
        replace: "(of_heads ? heads_q : tokens_q)",
    },
    Fault {
        name: "importance of heads added to the wrong head",
        module: "cascade_state",
        find: "push_id       (rows_pass ? «magnitude_head» :",
        replace: "magnitude_head ^ {{(HEAD_W - 1) {1'b0}}, magnitude_value[0]}",
    },
    Fault {
        name: "causal rows see a key less",
        module: "row_sequencer",
        find: "keys_q     <= «{{(LENGTH_W - 1){1'b0}}, 1'b1}»;",
        replace: "{LENGTH_W{1'b0}}",
    },
    Fault {
        name: "ratio of causal rows does not grow",
        module: "row_sequencer",
        find: "end else if (row_taken) begin\n        keys_q     <= keys_q + 1'b1;\n        weighted_q <= «weighted_q + {{(PRODUCT_W - RATIO_W){1'b0}}, command_ratio}»;",
        replace: "weighted_q",
    },
    Fault {
        name: "Q addressed by its KV head",
        module: "row_sequencer",
        find: "q_q      <= q_q + «command_q_head_stride»;",
        replace: "(next_kv ? command_q_head_stride : {ADDR_W{1'b0}})",
    },
    Fault {
        name: "a KV head has a query head too many",
        module: "row_sequencer",
        find: "wire             next_kv = «member_q + 16'd1 == command_group»;",
        replace: "member_q == command_group",
    },
    Fault {
        name: "outputs of a head lie where its Q does",
        module: "row_sequencer",
        find: "if (advance) out_q <= out_q + «command_out_head_stride»;",
        replace: "command_q_head_stride",
    },
    Fault {
        name: "redone by the mask of head 0",
        module: "row_sequencer",
        find: "command_key_mode == 2'd3 && command_key_mask[«head_q»];",
        replace: "{HEAD_W{1'b0}}",
    },
    Fault {
        name: "redone by an old mask in any mode",
        module: "row_sequencer",
        find: "assign task_force      = «command_key_mode == 2'd3» &&",
        replace: "1'b1",
    },
    Fault {
        name: "number of values rounded down",
        module: "row_sequencer",
        find: "wire [   PRODUCT_W-1:0] up = weighted_q + «{{(PRODUCT_W - 16){1'b0}}, 16'hffff}»;",
        replace: "{PRODUCT_W{1'b0}}",
    },
    Fault {
        name: "keys of the next KV head not fetched",
        module: "row_sequencer",
        find: "if (advance && next_kv) fresh_q <= «1'b1»;",
        replace: "1'b0",
    },
    Fault {
        name: "keys let go while the next head needs them",
        module: "row_sequencer",
        find: "assign task_release    = «run_ends_q» && row_last;",
        replace: "1'b1",
    },
    Fault {
        name: "keys kept for a head of another KV head",
        module: "row_sequencer",
        find: "wire             run_ends = head_last_q || «head_gap >= run_left»;",
        replace: "head_gap > run_left",
    },
    Fault {
        name: "output of a generated token at that of token 0",
        module: "row_sequencer",
        find: "if (!prepared && «bits_q[0]») offset_q",
        replace: "1'b0",
    },
    Fault {
        name: "summarised outputs lie side by side",
        module: "row_sequencer",
        find: "offset_q <= offset_q + «command_out_token_stride»;",
        replace: "(token_q[0] ? command_out_token_stride : {ADDR_W{1'b0}})",
    },
    Fault {
        name: "value LSBs of mode always left out",
        module: "fetch_scheduler",
        find: "(value_mode == WITH_ROW && («redone || key_mode == ALWAYS»));",
        replace: "redone",
    },
    Fault {
        name: "value LSBs although the row was not redone",
        module: "fetch_scheduler",
        find: "wire               redone = «ctx_q[18]»;",
        replace: "1'b1",
    },
    Fault {
        name: "redone rows take LSBs of the newest row",
        module: "fetch_scheduler",
        find: "redo_q ? «k_lsb_base» : its_k_lsb_base,",
        replace: "its_k_lsb_base",
    },
    Fault {
        name: "redone rows fetch MSBs again",
        module: "fetch_scheduler",
        find: "«!(redo_q || again_q)», redo_q || again_q ||",
        replace: "1'b1",
    },
    Fault {
        name: "values by the strides of the newest command",
        module: "fetch_scheduler",
        find: "command_slot_q <= «(pick_values || pick_redo)» ?",
        replace: "pick_redo",
    },
    Fault {
        name: "values by the base of the newest row",
        module: "fetch_scheduler",
        find: "job = {«values_q ? v_msb_base : its_v_msb_base», v_msb_stride,",
        replace: "its_v_msb_base",
    },
    Fault {
        name: "key and value LSBs at the stride of MSBs",
        module: "fetch_scheduler",
        find: "values_q ? v_lsb_base : its_v_lsb_base, «v_lsb_stride»,",
        replace: "v_msb_stride",
    },
    Fault {
        name: "a row's slot taken while it is used",
        module: "fetch_scheduler",
        find: "!row || («slot_free_q» &&",
        replace: "1'b1",
    },
    Fault {
        name: "the query's id is its place",
        module: "fetch_scheduler",
        find: ".push_data ({from, «query»}),",
        replace: "{TOKEN_W{1'b0}}",
    },
    Fault {
        name: "threshold of the newest command",
        module: "row_pipeline",
        find: ".rd_slot(«sum_ctx[CTX_COMMAND+:COMMAND_W]»),\n      .rd_data({sum_auto, sum_threshold})",
        replace: "table_slot",
    },
    Fault {
        name: "softmax scale of the newest command",
        module: "row_pipeline",
        find: ".rd_slot(«beat_ctx[CTX_COMMAND+:COMMAND_W]»),",
        replace: "table_slot",
    },
    Fault {
        name: "output scale of the newest command",
        module: "row_pipeline",
        find: ".rd_slot(«part_ctx[CTX_COMMAND+:COMMAND_W]»),",
        replace: "table_slot",
    },
    Fault {
        name: "rows redone again",
        module: "row_pipeline",
        find: ".push_auto     (sum_auto && «!sum_ctx[CTX_PASS]»),",
        replace: "1'b1",
    },
    Fault {
        name: "shift of head importance without its top bit",
        module: "row_pipeline",
        find: ">> «head_shift»;",
        replace: "{1'b0, head_shift[3:0]}",
    },
    Fault {
        name: "tokens accumulated although not asked for",
        module: "row_pipeline",
        find: "assign importance_valid = prob_valid && «accumulate» &&",
        replace: "1'b1",
    },
    Fault {
        name: "heads accumulated although not asked for",
        module: "row_pipeline",
        find: "assign magnitude_valid  = sum_of_row_valid && «count_heads»;",
        replace: "1'b1",
    },
    Fault {
        name: "magnitude for the next head",
        module: "row_pipeline",
        find: "assign magnitude_head   = «sum_of_row_ctx[CTX_HEAD+:HEAD_W]»;",
        replace: "sum_of_row_ctx[CTX_HEAD+:HEAD_W] + 1'b1",
    },
    Fault {
        name: "query of the newest row",
        module: "row_pipeline",
        find: ".rd_addr(«next_ctx[CTX_ROW+:SLOT_W]»),",
        replace: "query_slot_q",
    },
    Fault {
        name: "output at the place of the newest row",
        module: "row_pipeline",
        find: ".rd_slot(«out_ctx[CTX_ROW+:SLOT_W]»),",
        replace: "row_slot",
    },
    Fault {
        name: "rows count as settled when they begin",
        module: "row_pipeline",
        find: "assign settled       = enters && engine_ready && «word_last»;",
        replace: "word_first_q",
    },
    Fault {
        name: "LSB scores added to nothing",
        module: "row_pipeline",
        find: ".query_add  («fed_ctx[CTX_PASS]»),",
        replace: "1'b0",
    },
    Fault {
        name: "kept probabilities named by position in generation",
        module: "row_pipeline",
        find: "word_names[lane*TOKEN_W+:TOKEN_W] = «generation» ?",
        replace: "1'b0",
    },
    Fault {
        name: "doorbell on a full queue accepted",
        module: "register_file",
        find: "!(ring && («!queue_ready» || closed));",
        replace: "1'b0",
    },
    Fault {
        name: "rows redone not counted",
        module: "register_file",
        find: "«tally_rows_redone» &",
        replace: "{TALLY_W{1'b0}}",
    },
    Fault {
        name: "busy cycles counted while idle",
        module: "register_file",
        find: "{{(TALLY_W - 1){1'b0}}, «occupied»},",
        replace: "1'b1",
    },
    Fault {
        name: "counters not cleared",
        module: "register_file",
        find: "wire clear_counters = command && «data_q[2]»;",
        replace: "1'b0",
    },
    Fault {
        name: "interrupt without being enabled",
        module: "register_file",
        find: "assign irq         = |(pending_q & «interrupt_enable_q»);",
        replace: "2'b11",
    },
    Fault {
        name: "error code stands after clear",
        module: "register_file",
        find: "undefined_q  <= 1'b0;\n        error_code_q <= «8'd0»;\n      end\n",
        replace: "error_code_q",
    },
    Fault {
        name: "state reached while busy",
        module: "register_file",
        find: "resp_q  <= (in_state ? aligned && «!occupied» : allowed)",
        replace: "1'b1",
    },
    Fault {
        name: "address between two registers accepted",
        module: "register_file",
        find: "wire aligned = «addr_q[1:0] == 2'b00»;",
        replace: "1'b1",
    },
    Fault {
        name: "read-only registers written",
        module: "register_file",
        find: "wire allowed = aligned && known && («!write_q || writable»)",
        replace: "1'b1",
    },
    Fault {
        name: "interrupt cleared by any write of it",
        module: "register_file",
        find: "wire [1:0] cleared = (write && addr_q == INTERRUPT) ? «data_q[1:0]»",
        replace: "2'b11",
    },
    Fault {
        name: "queued commands not counted",
        module: "register_file",
        find: "status_word = {16'd0, «commands_q»,",
        replace: "{7'd0, commands_q != 8'd0}",
    },
    Fault {
        name: "queue full said too late",
        module: "register_file",
        find: "4'd0, «!queue_ready» || closed,",
        replace: "1'b0",
    },
    Fault {
        name: "quality of service is zero",
        module: "register_file",
        find: "assign axi_qos      = «axi_attributes_q[11:8]»;",
        replace: "4'd0",
    },
    Fault {
        name: "LSB sectors of values counted as MSBs",
        module: "spatten_top",
        find: "tally_sectors_v_msb(fetched_ctx[1:0] == OF_VALUES && «!fetched_lsb»",
        replace: "1'b1",
    },
    Fault {
        name: "Q sectors counted as keys",
        module: "spatten_top",
        find: "tally_sectors_q    (fetched_ctx[1:0] == «OF_QUERY»",
        replace: "OF_KEYS",
    },
    Fault {
        name: "rows not counted",
        module: "spatten_top",
        find: ".tally_rows         («row_done» ?",
        replace: "1'b0",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PRESETS;

    #[test]
    fn every_fault_has_its_place() {
        let tiny = PRESETS.iter().find(|preset| preset.name == "tiny").unwrap();
        design(&tiny.config(), FAULTS).unwrap();
    }
}
