//! Random cases: whole sequences with odd layouts, corners and refusals, from a seed.

use super::cascade::Prune;
use super::case::{Case, Recorder, StateWrite};
use super::command::*;
use super::planes::{Region, Tensor, plane_bytes};
use super::quant::Factor;
use crate::config::{Config, ExpMethod, Params};
use rand::{Rng, RngExt, SeedableRng, seq::IndexedRandom};
use rand_pcg::Pcg64;

/// One of the choices.
fn pick<T: Copy>(rng: &mut impl Rng, choices: &[T]) -> T {
    *choices.choose(rng).expect("choices are never empty")
}

/// True once in `n` times.
fn once_in(rng: &mut impl Rng, n: u32) -> bool {
    rng.random_ratio(1, n)
}

/// A small random configuration: every width that the algorithm knows, few tokens and heads.
fn config(rng: &mut impl Rng) -> anyhow::Result<Config> {
    let head_dim = pick(rng, &[32, 32, 64, 128]);
    Ok(Config::try_from(Params {
        multipliers: head_dim * pick(rng, &[1, 2, 4]),
        head_dim,
        max_tokens: pick(rng, &[16, 17, 32, 61]),
        max_heads: pick(rng, &[1, 3, 4, 8]),
        channels: pick(rng, &[1, 2, 4, 16]),
        addr_width: pick(rng, &[32, 40, 64]),
        width: pick(rng, &[12, 12, 8, 9, 15, 16]),
        prob_width: pick(rng, &[12, 12, 8, 11, 16]),
        out_width: pick(rng, &[16, 16, 8, 12]),
        parallelism: 16,
        softmax_lanes: pick(rng, &[1, 2, 8]),
        exp: pick(rng, &[ExpMethod::Poly5, ExpMethod::Table]),
        ..Params::clone(&Config::default())
    })?)
}

/// The tensors of one layer in memory, and how its commands read them.
struct Layer {
    dim: u32,
    group: u32,
    keys: (u32, u32),
    values: (u32, u32),
    regions: Regions,
}

/// How large a random case may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Most tokens; commands may append a few more.
    pub tokens: u32,
    /// Most heads.
    pub heads: u32,
    /// Most commands; at least 5.
    pub commands: u32,
}

impl Scope {
    /// All that the hardware has room for.
    fn whole(config: &Config) -> Self {
        Scope {
            tokens: config.max_tokens,
            heads: config.max_heads,
            commands: 13,
        }
    }
}

/// Writes a random case for a random configuration.
///
/// # Errors
/// None with a configuration layer that takes every legal configuration.
pub fn case(seed: u64) -> anyhow::Result<Case> {
    let mut rng = Pcg64::seed_from_u64(seed);
    let config = config(&mut rng)?;
    let scope = Scope::whole(&config);
    written(&mut rng, config, scope)
}

/// Writes a random case for hardware with this configuration.
///
/// # Errors
/// As [`case`].
pub fn case_for(config: &Config, seed: u64, scope: Scope) -> anyhow::Result<Case> {
    let whole = Scope::whole(config);
    let scope = Scope {
        tokens: scope.tokens.clamp(1, whole.tokens),
        heads: scope.heads.clamp(1, whole.heads),
        commands: scope.commands.max(5),
    };
    written(&mut Pcg64::seed_from_u64(seed), config.clone(), scope)
}

fn written(rng: &mut impl Rng, config: Config, scope: Scope) -> anyhow::Result<Case> {
    let bases = (0..config.channels)
        .map(|_| {
            if once_in(rng, 2) {
                0
            } else {
                rng.random_range(0..1u64 << 20) * 32
            }
        })
        .collect();
    let mut run = Recorder::new(&config, bases, true);
    let heads = rng.random_range(1..=scope.heads);
    let layers: Vec<Layer> = (0..rng.random_range(1..=3))
        .map(|i| layer(rng, &config, scope, &mut run, heads, i))
        .collect();

    let length = match rng.random_range(0..6) {
        0 => 0,
        1 => scope.tokens,
        2 => 1,
        _ => rng.random_range(1..=scope.tokens),
    };
    run.write_state(StateWrite {
        length: Some(length),
        heads: Some(heads),
        ..StateWrite::default()
    })?;
    for index in 0..rng.random_range(4..=scope.commands as usize) {
        if once_in(rng, 6) {
            let write = state_write(rng, &config, scope, &run);
            run.write_state(write)?;
        }
        let layer = &layers[index % layers.len()];
        let mut command = command(rng, &config, layer, &run);
        if index == 0 && !once_in(rng, 8) {
            (command.tokens.reset, command.heads.reset) = (true, true);
            command.tokens.append |= length == 0;
        }
        // Without operations of the state a command's rows run beside those of the one before.
        if index > 0 && once_in(rng, 3) {
            let length = run.state().length;
            (command.tokens, command.heads) = (TokenOps::default(), HeadOps::default());
            command.query = command.query.min(length.saturating_sub(1));
        }
        if once_in(rng, 8) {
            corrupt(rng, &config, run.state().length, &mut command);
        }
        // A refusal is an answer like any other.
        let _ = run.execute(&command);
    }
    Ok(run.finish())
}

/// Loads random Q, K and V into memory.
fn layer(
    rng: &mut impl Rng,
    config: &Config,
    scope: Scope,
    run: &mut Recorder,
    heads: u32,
    index: usize,
) -> Layer {
    let dims: Vec<u32> = [32, 64, 128]
        .into_iter()
        .filter(|&d| d <= config.head_dim)
        .collect();
    let dim = pick(rng, &dims);
    let group = if once_in(rng, 2) {
        1
    } else {
        rng.random_range(1..=heads)
    };
    let kv_heads = heads.div_ceil(group);
    let mut precision = || {
        let msb = rng.random_range(1..=config.width);
        (
            msb,
            if once_in(rng, 5) {
                0
            } else {
                rng.random_range(0..=config.width - msb)
            },
        )
    };
    let (keys, values) = (precision(), precision());
    // Each region has 2^24 bytes to itself; inputs lie in the lower half of the address space, or wrap around its end.
    let slot = |i: u64| ((index as u64 * 6 + i) << 24) + 4096;
    let bytes = |planes: u32| plane_bytes(planes, dim);
    let mut input = |i: u64, planes: u32| {
        let mut region = region(rng, slot(i), scope.tokens, bytes(planes));
        if once_in(rng, 12) {
            region.base = 4u64.wrapping_neg().wrapping_sub(rng.random_range(0..64) * 4);
        }
        region
    };
    let regions = Regions {
        q: input(0, config.width),
        k_msb: input(1, keys.0),
        k_lsb: input(2, keys.1),
        v_msb: input(3, values.0),
        v_lsb: input(4, values.1),
        out: Region::default(),
    };
    let out = region(rng, (1 << 31) + slot(5), scope.tokens, u64::from(dim) * 2);
    let regions = Regions { out, ..regions };
    let mut tensor = |heads: u32, bits: u32, spread: u32| {
        let limit = 1i32 << (bits - 1);
        let mut element = || match rng.random_range(0..40) {
            0 => -limit,
            1 => limit - 1,
            // Smaller numbers now and then, so that some rows are flat.
            _ => rng.random_range(-limit..limit) >> (spread % bits),
        };
        let (heads, rows, dim) = (heads as usize, scope.tokens as usize, dim as usize);
        let data = (0..heads * rows * dim).map(|_| element() as i16).collect();
        Tensor {
            heads,
            rows,
            dim,
            first: 0,
            bits,
            data,
        }
    };
    let q = tensor(heads, config.width, 0);
    let k = tensor(kv_heads, keys.0 + keys.1, (index % 3) as u32);
    let v = tensor(kv_heads, values.0 + values.1, 0);
    run.load(
        &format!("q{index}"),
        &q,
        config.width,
        regions.q,
        Region::default(),
    );
    run.load(&format!("k{index}"), &k, keys.0, regions.k_msb, regions.k_lsb);
    run.load(&format!("v{index}"), &v, values.0, regions.v_msb, regions.v_lsb);
    Layer {
        dim,
        group,
        keys,
        values,
        regions,
    }
}

/// Dense head-major, dense token-major, padded, shared by all heads, or shared by all tokens.
fn region(rng: &mut impl Rng, slot: u64, tokens: u32, vector: u64) -> Region {
    let base = slot + rng.random_range(0..16) * 4;
    let dense = Region {
        base,
        head_stride: vector * u64::from(tokens),
        token_stride: vector,
    };
    match rng.random_range(0..10) {
        0 => Region {
            head_stride: vector,
            token_stride: vector * 8,
            ..dense
        },
        1 => {
            let token_stride = vector + rng.random_range(1..20) * 4;
            Region {
                head_stride: token_stride * u64::from(tokens) + 4,
                token_stride,
                ..dense
            }
        }
        2 => Region {
            head_stride: 0,
            ..dense
        },
        3 => Region {
            token_stride: 0,
            ..dense
        },
        _ => dense,
    }
}

fn state_write(rng: &mut impl Rng, config: &Config, scope: Scope, run: &Recorder) -> StateWrite {
    let state = run.state();
    // Near saturation often.
    let mut importance = |n: u32| -> Vec<u32> {
        (0..n)
            .map(|_| {
                if rng.random() {
                    u32::MAX - rng.random_range(0..5000)
                } else {
                    rng.random_range(0..5000)
                }
            })
            .collect()
    };
    let (tokens, heads) = (
        importance(state.length.min(config.max_tokens)),
        importance(state.heads.min(config.max_heads)),
    );
    let mut list = |limit: u32, room: u32| -> Vec<u32> {
        let mut list: Vec<u32> = (0..limit.min(room)).filter(|_| rng.random()).collect();
        match rng.random_range(0..10) {
            0 => list.reverse(),
            1 if (list.len() as u32) < room => list.push(limit),
            2 if !list.is_empty() && (list.len() as u32) < room => {
                let at = rng.random_range(0..list.len());
                list.insert(at, list[at]);
            }
            3 if !list.is_empty() => list[0] |= 1 << rng.random_range(16..32),
            4 => list = (0..limit.min(room)).collect(),
            _ => {}
        }
        list
    };
    let (token_list, head_list) = (
        list(state.length, config.max_tokens),
        list(state.heads, config.max_heads),
    );
    match rng.random_range(0..6) {
        0 => StateWrite {
            token_list: Some(token_list),
            ..StateWrite::default()
        },
        1 => StateWrite {
            head_list: Some(head_list),
            ..StateWrite::default()
        },
        2 => StateWrite {
            length: Some(rng.random_range(0..=scope.tokens)),
            ..StateWrite::default()
        },
        3 => StateWrite {
            token_importance: Some(tokens),
            head_importance: Some(heads),
            ..StateWrite::default()
        },
        4 => StateWrite {
            token_importance: Some(vec![7; tokens.len()]),
            ..StateWrite::default()
        },
        _ => StateWrite {
            token_list: Some((0..state.length.min(config.max_tokens)).collect()),
            head_list: Some((0..state.heads.min(config.max_heads)).collect()),
            token_importance: Some(tokens),
            ..StateWrite::default()
        },
    }
}

fn command(rng: &mut impl Rng, config: &Config, layer: &Layer, run: &Recorder) -> LayerCommand {
    let state = run.state();
    let mode = pick(rng, &[Mode::Summarisation, Mode::Generation, Mode::Generation]);
    let generation = mode == Mode::Generation;
    let append = state.length < config.max_tokens && once_in(rng, 3) || once_in(rng, 40);
    let length = state.length + u32::from(append);
    let few = |rng: &mut _| {
        if once_in(rng, 8) {
            pick(rng, &[0, 0, 1, 65535])
        } else {
            Rng::next_u32(rng) as u16 % 5
        }
    };
    let kept = state.token_list.len() as u16;
    let mut token_prune = |odds: u32| {
        let k = if once_in(rng, 10) {
            0
        } else {
            rng.random_range(kept / 3..=kept.saturating_add(1))
        };
        let guards = once_in(rng, 2);
        let prune = Prune {
            k,
            first: if guards { few(rng) } else { 0 },
            last: if guards { few(rng) } else { 0 },
        };
        once_in(rng, odds).then_some(prune)
    };
    let (tokens_before, tokens_after) = (token_prune(5), token_prune(3));
    let kept = state.head_list.len() as u16;
    let mut head_prune = |odds: u32| {
        let k = if once_in(rng, 12) {
            0
        } else {
            rng.random_range(kept.div_ceil(2)..=kept.saturating_add(1))
        };
        once_in(rng, odds).then_some(HeadPrune { k })
    };
    let (heads_before, heads_after) = (head_prune(6), head_prune(5));

    let key_modes = [KeyMode::Auto, KeyMode::Mask, KeyMode::Never, KeyMode::Always];
    let value_modes = [ValueMode::WithRow, ValueMode::Never, ValueMode::Always];
    let key_mode = if generation {
        pick(rng, &key_modes)
    } else {
        pick(rng, &key_modes[2..])
    };
    let value_mode = if generation {
        pick(rng, &value_modes)
    } else {
        pick(rng, &value_modes[1..])
    };
    // Standard deviation of a score of uniform numbers, about 2^(W-1) / sqrt(3) each.
    let deviation = (1u64 << (2 * config.width - 2)) as f64 / 3.0 * f64::from(layer.dim).sqrt();
    let sharpness = pick(rng, &[0.0, 0.3, 1.0, 1.0, 3.0, 10.0, 1e4]);
    let full_scale = 2f64.powi(config.out_width as i32 - config.prob_width as i32 - config.width as i32);
    LayerCommand {
        tokens: TokenOps {
            clear: once_in(rng, 10),
            scale: if once_in(rng, 6) {
                rng.random_range(0..4)
            } else {
                0
            },
            append,
            // A list that has become empty is soon filled again.
            reset: once_in(rng, 5) || state.token_list.is_empty() && !once_in(rng, 5),
            prune_before: tokens_before,
            prune_after: tokens_after,
        },
        heads: HeadOps {
            clear: once_in(rng, 10),
            scale: if once_in(rng, 8) {
                rng.random_range(0..32)
            } else {
                0
            },
            reset: once_in(rng, 5) || state.head_list.is_empty() && !once_in(rng, 5),
            prune_before: heads_before,
            prune_after: heads_after,
        },
        mode,
        causal: once_in(rng, 2),
        query: if generation && length > 0 {
            if rng.random() {
                length - 1
            } else {
                rng.random_range(0..length)
            }
        } else {
            0
        },
        head_dim: layer.dim,
        group: if once_in(rng, 15) {
            rng.random_range(1..=config.max_heads)
        } else {
            layer.group
        },
        keys: Keys {
            msb: layer.keys.0,
            lsb: layer.keys.1,
            mode: key_mode,
            threshold: rng.random_range(0..1u32 << config.prob_width) as u16 >> rng.random_range(0..4),
            mask: (0..state.heads).filter(|_| rng.random()).collect(),
        },
        values: Values {
            msb: layer.values.0,
            lsb: layer.values.1,
            mode: value_mode,
            ratio: if once_in(rng, 4) {
                pick(rng, &[0, 1, 65535, 65536])
            } else {
                rng.random_range(0..=65536)
            },
        },
        accumulate: Accumulate {
            tokens: !once_in(rng, 4),
            heads: !once_in(rng, 4),
            head_shift: if once_in(rng, 5) {
                rng.random_range(0..32)
            } else {
                rng.random_range(0..8)
            },
        },
        scale: Factor::nearest(sharpness / deviation),
        output: Factor::nearest(full_scale * pick(rng, &[0.5, 1.0, 1.0, 3.0, 20.0])),
        regions: layer.regions.clone(),
    }
}

/// Breaks one or two rules.
fn corrupt(rng: &mut impl Rng, config: &Config, length: u32, command: &mut LayerCommand) {
    for _ in 0..rng.random_range(1..3) {
        match rng.random_range(0..16) {
            0 => command.head_dim = pick(rng, &[0, 16, 33, 96, 256]),
            1 => command.group = pick(rng, &[0, config.max_heads + 1]),
            2 => {
                (command.keys.msb, command.keys.lsb) =
                    pick(rng, &[(0, 4), (config.width, 1), (1, config.width)])
            }
            3 => (command.values.msb, command.values.lsb) = pick(rng, &[(0, 0), (config.width + 1, 0)]),
            4 => command.keys.mode = pick(rng, &[KeyMode::Auto, KeyMode::Mask]),
            5 => command.values.mode = ValueMode::WithRow,
            6 => command.values.ratio = 65537,
            7 => command.scale.shift = pick(rng, &[48, 63]),
            8 => command.output.shift = 48,
            9 => command.accumulate.head_shift = 32,
            10 => command.tokens.scale = 32,
            11 | 12 => {
                let Regions {
                    q,
                    k_msb,
                    k_lsb,
                    v_msb,
                    v_lsb,
                    out,
                } = &mut command.regions;
                let mut region = [q, k_msb, k_lsb, v_msb, v_lsb, out].into_iter();
                let region = region.nth(rng.random_range(0..6)).expect("there are six");
                let part = match rng.random_range(0..3) {
                    0 => &mut region.base,
                    1 => &mut region.head_stride,
                    _ => &mut region.token_stride,
                };
                *part = part.wrapping_add(pick(rng, &[1, 2, 3]));
            }
            13 => {
                let then = length + u32::from(command.tokens.append);
                command.query = pick(rng, &[then, then + 1, config.max_tokens, 65535]);
            }
            14 => command.heads.scale = pick(rng, &[32, 40]),
            _ if config.prob_width < 16 => command.keys.threshold = 1 << config.prob_width,
            _ => command.heads.scale = 40,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::case::Outcome;
    use std::collections::BTreeSet;

    #[test]
    fn random_cases_reach_every_rule_and_corner() {
        let mut rules = BTreeSet::new();
        let (mut executed, mut redone, mut kept_bit, mut empty_rows, mut saturated) = (0, 0, 0, 0, 0);
        for seed in 0..300 {
            let case = case(seed).unwrap();
            for event in case.events {
                match event.result {
                    Some(Outcome::Refused { refused }) => {
                        rules.insert(refused);
                    }
                    Some(Outcome::Executed(result)) => {
                        executed += 1;
                        redone += result.rows.iter().filter(|row| row.redone).count();
                        kept_bit += result
                            .rows
                            .iter()
                            .filter(|row| !row.kept.is_empty() && row.kept.len() < row.keys as usize)
                            .count();
                        empty_rows += result.rows.iter().filter(|row| row.keys == 0).count();
                        saturated += result.token_importance.iter().filter(|&&x| x == u32::MAX).count();
                    }
                    None => {}
                }
            }
        }
        let all = [
            "alignment",
            "append",
            "empty-heads",
            "empty-tokens",
            "group",
            "head-dim",
            "head-list",
            "head-shift",
            "importance-scale",
            "key-bits",
            "key-mode",
            "output-shift",
            "query",
            "ratio",
            "scale-shift",
            "threshold",
            "token-list",
            "value-bits",
            "value-mode",
        ];
        let missing: Vec<_> = all.iter().filter(|rule| !rules.contains(**rule)).collect();
        assert!(missing.is_empty(), "never refused: {missing:?}");
        assert!(
            executed > 1000 && redone > 100 && kept_bit > 1000 && empty_rows > 10 && saturated > 100,
            "{executed} {redone} {kept_bit} {empty_rows} {saturated}"
        );
    }
}
