//! Layers of the golden model against dense attention written out plainly: integers without pruning exactly, real
//! numbers within stated bounds.

use proptest::prelude::*;
use spatten_gen::config::{Config, PRESETS, Params};
use spatten_gen::golden::case::StateWrite;
use spatten_gen::golden::command::*;
use spatten_gen::golden::float::attention_row;
use spatten_gen::golden::planes::{Tensor, Tensors};
use spatten_gen::golden::quant::Factor;
use spatten_gen::golden::softmax::{Scale, Softmax};
use spatten_gen::golden::{LayerResult, Sequence};

const DIM: usize = 32;

/// A command that prunes nothing and adds up everything.
fn command(mode: Mode, group: u32, key_mode: KeyMode, scale: f64, output: f64) -> LayerCommand {
    LayerCommand {
        tokens: TokenOps {
            reset: true,
            ..TokenOps::default()
        },
        heads: HeadOps {
            reset: true,
            ..HeadOps::default()
        },
        mode,
        causal: false,
        query: 0,
        head_dim: DIM as u32,
        group,
        keys: Keys {
            msb: 7,
            lsb: 5,
            mode: key_mode,
            threshold: 0,
            mask: vec![],
        },
        values: Values {
            msb: 8,
            lsb: 4,
            mode: ValueMode::Always,
            ratio: 65536,
        },
        accumulate: Accumulate {
            tokens: true,
            heads: true,
            head_shift: 3,
        },
        scale: Factor::nearest(scale),
        output: Factor::nearest(output),
        regions: Regions::default(),
    }
}

fn tensor(heads: usize, rows: usize, data: &[i16]) -> Tensor {
    let data = data.iter().copied().cycle().take(heads * rows * DIM).collect();
    Tensor {
        heads,
        rows,
        dim: DIM,
        first: 0,
        bits: 12,
        data,
    }
}

fn sequence(config: &Config, tokens: usize, heads: usize) -> Sequence {
    let mut sequence = Sequence::new(config);
    let (length, heads) = (Some(tokens as u32), Some(heads as u32));
    StateWrite {
        length,
        heads,
        ..StateWrite::default()
    }
    .apply(&mut sequence.state)
    .unwrap();
    sequence
}

#[derive(Debug)]
struct Inputs {
    tokens: usize,
    heads: usize,
    group: usize,
    memory: Tensors,
}

fn inputs() -> impl Strategy<Value = Inputs> {
    let numbers = || prop::collection::vec(-2048i16..2048, 997);
    (1usize..24, 1usize..6, 1usize..4, numbers(), numbers(), numbers()).prop_map(
        |(tokens, heads, group, q, k, v)| {
            let kv = heads.div_ceil(group);
            let memory = Tensors {
                q: tensor(heads, tokens, &q),
                k: tensor(kv, tokens, &k),
                v: tensor(kv, tokens, &v),
            };
            Inputs {
                tokens,
                heads,
                group,
                memory,
            }
        },
    )
}

/// What makes scores of such numbers spread over a few powers of two.
const SCALE: f64 = 2e-7;
/// What keeps outputs within 16 bits.
const OUTPUT: f64 = 1.0 / 512.0;

/// Every output of a layer, from the definition: no list, no pruning, one wide sum.
fn check_exactly(inputs: &Inputs, command: &LayerCommand, result: &LayerResult, low_key_bits: u32) {
    let softmax = Softmax::new(12, spatten_gen::config::ExpMethod::Poly5);
    let scale = Scale::new(command.scale.mantissa, command.scale.shift).unwrap();
    let mut rows = result.rows.iter();
    for head in 0..inputs.heads as u32 {
        let kv = head / inputs.group as u32;
        for query in 0..inputs.tokens as u32 {
            let q = inputs.memory.q.get(head, query).unwrap();
            let mut scores = vec![];
            for j in 0..inputs.tokens as u32 {
                let k = inputs.memory.k.get(kv, j).unwrap();
                // Floor to the bits that were read.
                let read = |x: i16| i64::from(x).div_euclid(1 << low_key_bits) * (1 << low_key_bits);
                scores.push((0..DIM).map(|d| i64::from(q[d]) * read(k[d])).sum());
            }
            let probs = softmax.row(&scores, scale);
            let row = rows.next().unwrap();
            assert_eq!(
                (row.head, row.query, row.keys as usize),
                (head, query, inputs.tokens)
            );
            assert_eq!(row.probs, probs);
            assert!(!row.redone);
            for d in 0..DIM {
                let v = |j: usize| i128::from(inputs.memory.v.get(kv, j as u32).unwrap()[d]);
                let sum: i128 = (0..inputs.tokens).map(|j| i128::from(probs[j]) * v(j)).sum();
                let product = sum * i128::from(command.output.mantissa);
                // Nearest, by trying the neighbours of the quotient.
                let unit = 1i128 << command.output.shift;
                let floor = product.div_euclid(unit);
                let nearest = (floor..=floor + 1)
                    .min_by_key(|&x| ((x * unit - product).abs(), x.rem_euclid(2)))
                    .unwrap();
                assert_eq!(i128::from(row.output[d]), nearest.clamp(-32768, 32767));
            }
        }
    }
    assert!(rows.next().is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn layers_are_dense_attention_exactly(inputs in inputs(), whole in any::<bool>()) {
        let config = Config::default();
        let mut sequence = sequence(&config, inputs.tokens, inputs.heads);
        let mode = if whole { KeyMode::Always } else { KeyMode::Never };
        let command = command(Mode::Summarisation, inputs.group as u32, mode, SCALE, OUTPUT);
        let result = sequence.execute(&command, &inputs.memory).unwrap();
        check_exactly(&inputs, &command, &result, if whole { 0 } else { 5 });

        // Importance is what the rows say.
        for token in 0..inputs.tokens {
            let sum: u64 = result.rows.iter().map(|row| u64::from(row.probs[token])).sum();
            prop_assert_eq!(u64::from(sequence.state.token_importance.get(token as u32)), sum);
        }
        for head in 0..inputs.heads as u32 {
            let of_row = |output: &[i16]| output.iter().map(|&x| i64::from(x).unsigned_abs()).sum::<u64>() / 8;
            let sum: u64 = result.rows.iter().filter(|r| r.head == head).map(|r| of_row(&r.output)).sum();
            prop_assert_eq!(u64::from(sequence.state.head_importance.get(head)), sum);
        }
    }

    /// With exact integers as inputs only two things separate the model from real attention: each probability is within 1
    /// of 2^P p (and the scale of 16 bits is exact here, because the same factor is used), and the output is rounded once.
    /// So an output is within n * max|V| * out + 1/2 of the real one.
    #[test]
    fn layers_are_real_attention_within_the_bound(inputs in inputs()) {
        let config = Config::default();
        let mut sequence = sequence(&config, inputs.tokens, inputs.heads);
        let command = command(Mode::Summarisation, inputs.group as u32, KeyMode::Always, SCALE, OUTPUT);
        let result = sequence.execute(&command, &inputs.memory).unwrap();
        let n = inputs.tokens as u32;
        let floats = |tensor: &Tensor, head: u32, j: u32| -> Vec<f32> {
            tensor.get(head, j).unwrap().iter().map(|&x| f32::from(x)).collect()
        };
        for row in &result.rows {
            let kv = row.head / inputs.group as u32;
            let keys: Vec<_> = (0..n).map(|j| floats(&inputs.memory.k, kv, j)).collect();
            let values: Vec<_> = (0..n).map(|j| floats(&inputs.memory.v, kv, j)).collect();
            let q = floats(&inputs.memory.q, row.head, row.query);
            let scale = command.scale.value() * std::f64::consts::LN_2;
            let real = attention_row(&q, keys.iter().map(|k| &k[..]), values.iter().map(|v| &v[..]), scale);
            let bound = f64::from(n) * 2048.0 * command.output.value() + 0.5 + 1e-6;
            for (&out, real) in row.output.iter().zip(real) {
                let error = (f64::from(out) - real * 4096.0 * command.output.value()).abs();
                prop_assert!(error <= bound, "off by {} with a bound of {}", error, bound);
            }
        }
    }

    /// One generation step over everything is the row that summarisation gives for that query.
    #[test]
    fn generation_is_a_row_of_summarisation(inputs in inputs(), query in any::<prop::sample::Index>(), causal in any::<bool>()) {
        let config = Config::default();
        let query = query.index(inputs.tokens) as u32;
        let run = |mode| {
            let mut sequence = sequence(&config, inputs.tokens, inputs.heads);
            let command = LayerCommand { query, causal, ..command(mode, inputs.group as u32, KeyMode::Always, SCALE, OUTPUT) };
            sequence.execute(&command, &inputs.memory).unwrap().rows
        };
        let mut all = run(Mode::Summarisation);
        all.retain(|row| row.query == query);
        prop_assert_eq!(run(Mode::Generation), all);
    }

    /// Redone rows are the rows of mode `always`, the others those of mode `never`; the threshold decides alone.
    #[test]
    fn redone_rows_are_rows_with_whole_keys(inputs in inputs(), threshold in 0u16..4096) {
        let config = Config::default();
        let run = |mode, mask: &[u32]| {
            let mut sequence = sequence(&config, inputs.tokens, inputs.heads);
            let mut command = command(Mode::Generation, inputs.group as u32, mode, SCALE, OUTPUT);
            (command.keys.threshold, command.keys.mask) = (threshold, mask.to_vec());
            sequence.execute(&command, &inputs.memory).unwrap()
        };
        let (never, always, auto) = (run(KeyMode::Never, &[]), run(KeyMode::Always, &[]), run(KeyMode::Auto, &[]));
        let mut redone = vec![];
        for ((never, always), auto) in never.rows.iter().zip(&always.rows).zip(&auto.rows) {
            prop_assert_eq!(auto.redone, never.max_prob < threshold);
            let mut expected = if auto.redone { always.clone() } else { never.clone() };
            expected.redone = auto.redone;
            prop_assert_eq!(auto, &expected);
            redone.extend(auto.redone.then_some(auto.head));
        }
        // The same heads by mask, threshold ignored: all the same numbers.
        prop_assert_eq!(&run(KeyMode::Mask, &redone), &auto);
        prop_assert_eq!(auto.work.redone_rows as usize, redone.len());
        prop_assert_eq!(auto.work.keys as usize, inputs.tokens * (inputs.heads + redone.len()));
    }
}

/// The check above is able to fail: one unit in one output, one bit in one key.
#[test]
fn the_exact_check_fires() {
    let memory = || {
        let numbers: Vec<i16> = (0..997)
            .map(|i: i32| (i * i * 7919 % 4096 - 2048) as i16)
            .collect();
        Tensors {
            q: tensor(2, 5, &numbers[1..]),
            k: tensor(2, 5, &numbers[50..]),
            v: tensor(2, 5, &numbers[99..]),
        }
    };
    let inputs = Inputs {
        tokens: 5,
        heads: 2,
        group: 1,
        memory: memory(),
    };
    let command = command(Mode::Summarisation, 1, KeyMode::Always, SCALE, OUTPUT);
    let config = Config::default();
    let result = sequence(&config, 5, 2).execute(&command, &inputs.memory).unwrap();
    check_exactly(&inputs, &command, &result, 0);
    let fires = |inputs: &Inputs, result: &LayerResult| {
        let check = || check_exactly(inputs, &command, result, 0);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)).is_err()
    };
    let mut wrong = result.clone();
    wrong.rows[7].output[31] += 1;
    assert!(fires(&inputs, &wrong));
    let mut wrong = Inputs {
        memory: memory(),
        ..inputs
    };
    wrong.memory.k.data[40] ^= 512;
    assert!(fires(&wrong, &result));
}

/// Values of one sign add up to the saturation of a narrow output, and no further.
#[test]
fn outputs_saturate() {
    let params = Params {
        out_width: 8,
        ..Params::clone(&PRESETS[0].config())
    };
    let config = Config::try_from(params).unwrap();
    for (value, expected) in [(2047, 127), (-2048, -128)] {
        let memory = Tensors {
            q: tensor(1, 3, &[0]),
            k: tensor(1, 3, &[0]),
            v: tensor(1, 3, &[value]),
        };
        let command = command(Mode::Summarisation, 1, KeyMode::Always, SCALE, 1.0);
        let result = sequence(&config, 3, 1).execute(&command, &memory).unwrap();
        assert!(
            result
                .rows
                .iter()
                .all(|row| row.output.iter().all(|&x| x == expected))
        );
    }
}

/// Local value pruning keeps the largest probabilities, ties to the earlier position, and nothing is renormalised.
#[test]
fn value_pruning_drops_the_small_probabilities() {
    let config = Config::default();
    // Scores grow with the position of a key, but for a tie of the last two.
    let keys: Vec<i16> = [1, 2, 3, 4, 5, 5].iter().flat_map(|&x| [x * 100; DIM]).collect();
    let values: Vec<i16> = (0..6).flat_map(|x| [1 << x; DIM]).collect();
    let memory = Tensors {
        q: tensor(1, 6, &[100]),
        k: tensor(1, 6, &keys),
        v: tensor(1, 6, &values),
    };
    let kept = |ratio| {
        let mut command = command(Mode::Generation, 1, KeyMode::Always, 1e-6, 1.0 / 16.0);
        command.values.ratio = ratio;
        let result = sequence(&config, 6, 1).execute(&command, &memory).unwrap();
        let row = &result.rows[0];
        let sum: i64 = row
            .kept
            .iter()
            .map(|&j| i64::from(row.probs[j as usize]) << j)
            .sum();
        assert_eq!(
            i64::from(row.output[0]),
            (sum as f64 / 16.0).round_ties_even() as i64
        );
        assert_eq!(result.work.kept_values as usize, row.kept.len());
        row.kept.clone()
    };
    assert!(kept(0).is_empty());
    assert_eq!(kept(1), [4]);
    assert_eq!(kept(65536 / 6 + 1), [4, 5]);
    assert_eq!(kept(32768), [3, 4, 5]);
    assert_eq!(kept(65536), [0, 1, 2, 3, 4, 5]);
}
