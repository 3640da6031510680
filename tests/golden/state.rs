//! The state machine around the layers: order of the operations, corners, refusals that change nothing.

use spatten_gen::config::{Config, PRESETS, Params};
use spatten_gen::golden::cascade::Prune;
use spatten_gen::golden::case::StateWrite;
use spatten_gen::golden::command::*;
use spatten_gen::golden::planes::{Tensor, Tensors};
use spatten_gen::golden::quant::Factor;
use spatten_gen::golden::{Refusal, Sequence};

fn config() -> Config {
    let params = Params {
        max_tokens: 16,
        max_heads: 4,
        parallelism: 16,
        ..Params::clone(&PRESETS[0].config())
    };
    Config::try_from(Params {
        multipliers: 64,
        ..params
    })
    .unwrap()
}

/// All zeros: flat rows, outputs 0.
fn flat() -> Tensors {
    let zeros = || Tensor {
        heads: 4,
        rows: 16,
        dim: 32,
        first: 0,
        bits: 12,
        data: vec![0; 4 * 16 * 32],
    };
    Tensors {
        q: zeros(),
        k: zeros(),
        v: zeros(),
    }
}

/// Head `h` puts out 100 (h + 1) in every element.
fn by_head() -> Tensors {
    let mut memory = flat();
    for (i, x) in memory.v.data.iter_mut().enumerate() {
        *x = 100 * (i / (16 * 32) + 1) as i16;
    }
    memory
}

fn command() -> LayerCommand {
    LayerCommand {
        tokens: TokenOps::default(),
        heads: HeadOps::default(),
        mode: Mode::Generation,
        causal: false,
        query: 0,
        head_dim: 32,
        group: 1,
        keys: Keys {
            msb: 8,
            lsb: 4,
            mode: KeyMode::Never,
            threshold: 0,
            mask: vec![],
        },
        values: Values {
            msb: 12,
            lsb: 0,
            mode: ValueMode::Never,
            ratio: 65536,
        },
        accumulate: Accumulate {
            tokens: false,
            heads: false,
            head_shift: 0,
        },
        scale: Factor {
            mantissa: 1,
            shift: 20,
        },
        output: Factor {
            mantissa: 1,
            shift: 12,
        },
        regions: Regions::default(),
    }
}

fn start(write: StateWrite) -> Sequence {
    let mut sequence = Sequence::new(&config());
    write.apply(&mut sequence.state).unwrap();
    sequence
}

/// `tokens` tokens and 4 heads, all kept.
fn full(tokens: u32) -> Sequence {
    start(StateWrite {
        length: Some(tokens),
        heads: Some(4),
        token_list: Some((0..tokens).collect()),
        head_list: Some((0..4).collect()),
        ..StateWrite::default()
    })
}

/// Asserts that the command is refused by this rule and that nothing changes.
#[track_caller]
fn refused(sequence: &mut Sequence, command: &LayerCommand, rule: &str) -> Refusal {
    let before = sequence.state.clone();
    let refusal = sequence.execute(command, &flat()).expect_err(rule);
    assert_eq!(refusal.rule(), rule);
    assert!(refusal.to_string().starts_with(&format!("{rule}: ")), "{refusal}");
    assert_eq!(sequence.state, before, "a refused command changed the state");
    refusal
}

#[test]
fn operations_run_in_the_specified_order() {
    let mut sequence = full(3);
    let write = StateWrite {
        token_importance: Some(vec![9, 8, 7, 1000]),
        ..StateWrite::default()
    };
    write.apply(&mut sequence.state).unwrap();
    // Scaled down first (4, 4, 3), then token 3 appended with importance 0 in spite of what its place held, then the
    // list reset, and only then pruned: token 3 loses, and of the equal 0 and 1 both stay.
    let tokens = TokenOps {
        scale: 1,
        append: true,
        reset: true,
        prune_before: Some(Prune {
            k: 2,
            ..Prune::default()
        }),
        ..TokenOps::default()
    };
    let result = sequence
        .execute(
            &LayerCommand {
                tokens,
                query: 3,
                ..command()
            },
            &flat(),
        )
        .unwrap();
    assert_eq!(result.tokens, [0, 1]);
    assert_eq!(sequence.state.length, 4);
    assert_eq!(sequence.state.token_importance.as_slice()[..4], [4, 4, 3, 0]);

    // Cleared before it is scaled, and the prune after sees the layer's own importance.
    let tokens = TokenOps {
        clear: true,
        scale: 31,
        reset: true,
        prune_after: Some(Prune {
            k: 2,
            first: 0,
            last: 1,
        }),
        ..TokenOps::default()
    };
    let accumulate = Accumulate {
        tokens: true,
        heads: true,
        head_shift: 0,
    };
    let causal = LayerCommand {
        tokens,
        query: 2,
        causal: true,
        accumulate,
        ..command()
    };
    let result = sequence.execute(&causal, &flat()).unwrap();
    assert_eq!((result.tokens.len(), result.rows[0].keys), (4, 3));
    let third = u32::from(result.rows[0].probs[0]) * 4; // four heads
    assert_eq!(
        sequence.state.token_importance.as_slice()[..4],
        [third, third, third, 0]
    );
    assert_eq!(sequence.state.token_list, [0, 3]);
}

#[test]
fn clearing_and_scaling_touch_pruned_ids_and_resets_leave_importance_alone() {
    let mut sequence = full(4);
    let write = StateWrite {
        token_list: Some(vec![1]),
        head_list: Some(vec![3]),
        token_importance: Some(vec![5, 6, 7, 8]),
        head_importance: Some(vec![5, 6, 7, 8]),
        ..StateWrite::default()
    };
    write.apply(&mut sequence.state).unwrap();
    let tokens = TokenOps {
        scale: 1,
        ..TokenOps::default()
    };
    let heads = HeadOps {
        reset: true,
        ..HeadOps::default()
    };
    sequence
        .execute(
            &LayerCommand {
                tokens,
                heads,
                ..command()
            },
            &flat(),
        )
        .unwrap();
    assert_eq!(sequence.state.token_importance.as_slice()[..4], [2, 3, 3, 4]);
    assert_eq!(sequence.state.head_importance.as_slice(), [5, 6, 7, 8]);
    assert_eq!(sequence.state.token_list, [1]);
    assert_eq!(sequence.state.head_list, [0, 1, 2, 3]);
    let heads = HeadOps {
        clear: true,
        ..HeadOps::default()
    };
    sequence
        .execute(&LayerCommand { heads, ..command() }, &flat())
        .unwrap();
    assert_eq!(sequence.state.head_importance.as_slice(), [0; 4]);
    assert_eq!(sequence.state.token_importance.as_slice()[..4], [2, 3, 3, 4]);
}

#[test]
fn heads_are_pruned_by_what_they_put_out() {
    let mut sequence = full(4);
    let accumulate = Accumulate {
        tokens: false,
        heads: true,
        head_shift: 2,
    };
    let after = |k| HeadOps {
        prune_after: Some(HeadPrune { k }),
        ..HeadOps::default()
    };
    let layer = |heads| LayerCommand {
        heads,
        accumulate: accumulate.clone(),
        ..command()
    };
    sequence.execute(&layer(after(2)), &by_head()).unwrap();
    assert_eq!(sequence.state.head_importance.as_slice(), [800, 1600, 2400, 3200]);
    assert_eq!(sequence.state.head_list, [2, 3]);
    // Pruned heads stay away and gather nothing, until a reset.
    let result = sequence.execute(&layer(HeadOps::default()), &by_head()).unwrap();
    assert_eq!(result.rows.iter().map(|row| row.head).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(sequence.state.head_importance.as_slice(), [800, 1600, 4800, 6400]);
    let reset = HeadOps {
        reset: true,
        prune_before: Some(HeadPrune { k: 3 }),
        ..HeadOps::default()
    };
    let result = sequence.execute(&layer(reset), &by_head()).unwrap();
    assert_eq!(result.heads, [1, 2, 3]);
}

#[test]
fn a_prune_before_may_not_empty_a_list_but_one_after_may() {
    let none = Prune::default();
    let mut sequence = full(4);
    let before = TokenOps {
        prune_before: Some(none),
        ..TokenOps::default()
    };
    refused(
        &mut sequence,
        &LayerCommand {
            tokens: before,
            ..command()
        },
        "empty-tokens",
    );
    let before = HeadOps {
        prune_before: Some(HeadPrune { k: 0 }),
        ..HeadOps::default()
    };
    refused(
        &mut sequence,
        &LayerCommand {
            heads: before,
            ..command()
        },
        "empty-heads",
    );

    let after = TokenOps {
        prune_after: Some(none),
        ..TokenOps::default()
    };
    let heads = HeadOps {
        prune_after: Some(HeadPrune { k: 0 }),
        ..HeadOps::default()
    };
    let result = sequence
        .execute(
            &LayerCommand {
                tokens: after,
                heads,
                ..command()
            },
            &flat(),
        )
        .unwrap();
    assert_eq!(result.rows.len(), 4);
    assert!(sequence.state.token_list.is_empty() && sequence.state.head_list.is_empty());
    refused(&mut sequence, &command(), "empty-tokens");
    // An appended token makes a list again.
    let tokens = TokenOps {
        append: true,
        ..TokenOps::default()
    };
    let heads = HeadOps {
        reset: true,
        ..HeadOps::default()
    };
    let result = sequence
        .execute(
            &LayerCommand {
                tokens,
                heads,
                query: 4,
                ..command()
            },
            &flat(),
        )
        .unwrap();
    assert_eq!(result.tokens, [4]);
}

#[test]
fn the_last_token_fits_and_one_more_does_not() {
    let mut sequence = full(15);
    let tokens = TokenOps {
        append: true,
        ..TokenOps::default()
    };
    let append = |query| LayerCommand {
        tokens: tokens.clone(),
        query,
        ..command()
    };
    sequence.execute(&append(15), &flat()).unwrap();
    assert_eq!(sequence.state.length, 16);
    refused(&mut sequence, &append(15), "append");
    let summary = LayerCommand {
        mode: Mode::Summarisation,
        ..command()
    };
    assert_eq!(sequence.execute(&summary, &flat()).unwrap().rows.len(), 4 * 16);
}

#[test]
fn rows_without_keys_write_zeros_and_ask_for_nothing() {
    let mut sequence = full(8);
    let write = StateWrite {
        token_list: Some(vec![5, 6, 7]),
        ..StateWrite::default()
    };
    write.apply(&mut sequence.state).unwrap();
    let mut layer = LayerCommand {
        causal: true,
        query: 4,
        ..command()
    };
    layer.accumulate = Accumulate {
        tokens: true,
        heads: true,
        head_shift: 0,
    };
    layer.output = Factor {
        mantissa: 65535,
        shift: 0,
    };
    layer.keys.threshold = 4095;
    for (mode, mask) in [
        (KeyMode::Auto, vec![]),
        (KeyMode::Mask, vec![0, 1, 2, 3]),
        (KeyMode::Always, vec![]),
    ] {
        (layer.keys.mode, layer.keys.mask) = (mode, mask);
        layer.values.mode = ValueMode::WithRow;
        let result = sequence.execute(&layer, &by_head()).unwrap();
        assert_eq!(result.rows.len(), 4);
        for row in &result.rows {
            assert_eq!(
                (row.keys, row.redone, row.max_prob, row.kept.len()),
                (0, false, 0, 0)
            );
            assert_eq!(row.output, [0; 32]);
        }
        // Q is fetched all the same: 48 bytes in 2 sectors a head.
        assert_eq!((result.sectors.q, result.sectors.total()), (8, 8));
        assert_eq!(
            (result.work.rows, result.work.keys, result.work.redone_rows),
            (4, 0, 0)
        );
        assert_eq!(sequence.state.token_importance.as_slice(), [0; 16]);
        assert_eq!(sequence.state.head_importance.as_slice(), [0; 4]);
    }
    // The query itself need not be kept.
    layer.query = 6;
    assert_eq!(sequence.execute(&layer, &by_head()).unwrap().rows[0].keys, 2);
}

#[test]
fn importance_saturates() {
    let mut sequence = full(2);
    let top = Some(vec![u32::MAX - 10, 5]);
    let write = StateWrite {
        token_importance: top.clone(),
        head_importance: top,
        ..StateWrite::default()
    };
    write.apply(&mut sequence.state).unwrap();
    let accumulate = Accumulate {
        tokens: true,
        heads: true,
        head_shift: 0,
    };
    let layer = LayerCommand {
        accumulate,
        ..command()
    };
    let result = sequence.execute(&layer, &by_head()).unwrap();
    assert_eq!(result.rows[0].probs, [2048, 2048]);
    assert_eq!(
        sequence.state.token_importance.as_slice()[..2],
        [u32::MAX, 5 + 4 * 2048]
    );
    assert_eq!(
        sequence.state.head_importance.as_slice()[..2],
        [u32::MAX, 5 + 200 * 32]
    );
    // And stays there.
    sequence.execute(&layer, &by_head()).unwrap();
    assert_eq!(sequence.state.token_importance.get(0), u32::MAX);
}

#[test]
fn written_state_is_checked_by_the_next_command() {
    let write = |list: &[u32]| StateWrite {
        token_list: Some(list.to_vec()),
        ..StateWrite::default()
    };
    for bad in [&[0, 2, 2][..], &[3, 1], &[0, 8], &[8]] {
        let mut sequence = full(8);
        write(bad).apply(&mut sequence.state).unwrap();
        refused(&mut sequence, &command(), "token-list");
        // A command that resets the list does not mind.
        let tokens = TokenOps {
            reset: true,
            ..TokenOps::default()
        };
        sequence
            .execute(&LayerCommand { tokens, ..command() }, &flat())
            .unwrap();
    }
    // An id equal to L is not made legal by the token that the same command appends.
    let mut sequence = full(8);
    write(&[0, 8]).apply(&mut sequence.state).unwrap();
    let tokens = TokenOps {
        append: true,
        ..TokenOps::default()
    };
    refused(&mut sequence, &LayerCommand { tokens, ..command() }, "token-list");

    let mut sequence = full(8);
    StateWrite {
        head_list: Some(vec![2, 1]),
        ..StateWrite::default()
    }
    .apply(&mut sequence.state)
    .unwrap();
    refused(&mut sequence, &command(), "head-list");
    // Writing L leaves the list alone.
    let mut sequence = full(8);
    StateWrite {
        length: Some(3),
        ..StateWrite::default()
    }
    .apply(&mut sequence.state)
    .unwrap();
    assert_eq!(sequence.state.token_list.len(), 8);
    refused(&mut sequence, &command(), "token-list");
    let mut sequence = full(8);
    StateWrite {
        length: Some(17),
        ..StateWrite::default()
    }
    .apply(&mut sequence.state)
    .unwrap();
    refused(&mut sequence, &command(), "length");
    // More than there is room for.
    assert!(write(&[0; 17]).apply(&mut sequence.state).is_err());
}

#[test]
fn every_rule_refuses_just_beyond_its_limit() {
    type Change = fn(&mut LayerCommand, bool);
    // Each change is legal with `false` and one step too far with `true`.
    let rules: [(&str, Change); 19] = [
        ("head-dim", |c, bad| c.head_dim = if bad { 128 } else { 64 }),
        ("head-dim", |c, bad| c.head_dim = if bad { 48 } else { 32 }),
        ("group", |c, bad| c.group = if bad { 5 } else { 4 }),
        ("group", |c, bad| c.group = if bad { 0 } else { 1 }),
        ("key-bits", |c, bad| c.keys.msb = if bad { 9 } else { 8 }),
        ("key-bits", |c, bad| {
            (c.keys.msb, c.keys.lsb) = if bad { (0, 8) } else { (1, 11) }
        }),
        ("value-bits", |c, bad| c.values.lsb = if bad { 1 } else { 0 }),
        ("value-bits", |c, bad| {
            (c.values.msb, c.values.lsb) = (1, if bad { u32::MAX } else { 11 })
        }),
        ("key-mode", |c, bad| {
            c.mode = Mode::Summarisation;
            c.keys.mode = if bad { KeyMode::Auto } else { KeyMode::Always };
        }),
        ("key-mode", |c, bad| {
            c.mode = if bad {
                Mode::Summarisation
            } else {
                Mode::Generation
            };
            c.keys.mode = KeyMode::Mask;
        }),
        ("value-mode", |c, bad| {
            c.mode = if bad {
                Mode::Summarisation
            } else {
                Mode::Generation
            };
            c.values.mode = ValueMode::WithRow;
        }),
        ("threshold", |c, bad| {
            c.keys.threshold = if bad { 4096 } else { 4095 }
        }),
        ("ratio", |c, bad| c.values.ratio = if bad { 65537 } else { 65536 }),
        ("scale-shift", |c, bad| c.scale.shift = if bad { 48 } else { 47 }),
        ("output-shift", |c, bad| {
            c.output.shift = if bad { 48 } else { 47 }
        }),
        ("head-shift", |c, bad| {
            c.accumulate.head_shift = if bad { 32 } else { 31 }
        }),
        ("importance-scale", |c, bad| {
            c.heads.scale = if bad { 32 } else { 31 }
        }),
        ("alignment", |c, bad| {
            c.regions.out.token_stride = if bad { 2 } else { 4 }
        }),
        ("query", |c, bad| c.query = if bad { 8 } else { 7 }),
    ];
    for (rule, change) in rules {
        let mut legal = command();
        change(&mut legal, false);
        full(8)
            .execute(&legal, &flat())
            .unwrap_or_else(|refusal| panic!("{rule}: {refusal}"));
        let mut illegal = command();
        change(&mut illegal, true);
        refused(&mut full(8), &illegal, rule);
    }
}

#[test]
fn the_first_broken_rule_is_reported() {
    let mut layer = command();
    layer.query = 99;
    layer.values.ratio = 70000;
    layer.group = 0;
    for (rule, repair) in [
        ("group", (|c| c.group = 1) as fn(&mut LayerCommand)),
        ("ratio", |c| c.values.ratio = 0),
        ("query", |c| c.query = 0),
    ] {
        refused(&mut full(8), &layer, rule);
        repair(&mut layer);
    }
    full(8).execute(&layer, &flat()).unwrap();
}

#[test]
fn a_saved_state_goes_on_as_if_nothing_had_happened() {
    let mut sequence = full(6);
    let mut layer = command();
    layer.accumulate = Accumulate {
        tokens: true,
        heads: true,
        head_shift: 1,
    };
    layer.tokens.prune_after = Some(Prune {
        k: 4,
        first: 1,
        last: 1,
    });
    sequence.execute(&layer, &by_head()).unwrap();
    let state = &sequence.state;
    let mut restored = start(StateWrite {
        length: Some(state.length),
        heads: Some(state.heads),
        token_list: Some(state.token_list.clone()),
        head_list: Some(state.head_list.clone()),
        token_importance: Some(state.token_importance.as_slice().to_vec()),
        head_importance: Some(state.head_importance.as_slice().to_vec()),
    });
    let (a, b) = (
        sequence.execute(&layer, &by_head()),
        restored.execute(&layer, &by_head()),
    );
    assert_eq!(a, b);
    assert_eq!(sequence.state, restored.state);
}
