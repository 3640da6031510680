//! Real tensors through the golden model, and `spatten-gen model` from outside.

use spatten_gen::config::{Config, PRESETS};
use spatten_gen::golden::command::{KeyMode, ValueMode};
use spatten_gen::golden::model::{Bits, Kind, Layer, Model, Run, Schedule};
use spatten_gen::golden::rows::ProbRows;
use spatten_gen::golden::topk_engine::{topk, value_count};
use spatten_gen::golden::{LayerCommand, LayerResult};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

fn minilm() -> Model {
    Model::load(&data("minilm.safetensors")).unwrap()
}

/// A made-up decoder with grouped heads: 3 layers, 4 query and 2 KV heads, 20 tokens of context, 6 steps.
fn decoder() -> Model {
    let mut state = 1u64;
    let mut number = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        ((state >> 40) as f32 / (1 << 24) as f32 - 0.5) * 4.0
    };
    let mut tensor = |heads: usize, rows: usize| (0..heads * rows * 32).map(|_| number()).collect();
    let layers = (0..3)
        .map(|_| Layer {
            q: tensor(4, 6),
            k: tensor(2, 26),
            v: tensor(2, 26),
        })
        .collect();
    let origin = BTreeMap::new();
    Model {
        kind: Kind::Decoder,
        heads: 4,
        kv_heads: 2,
        head_dim: 32,
        tokens: 26,
        context: 20,
        layers,
        origin,
    }
}

/// Commands and results of a run on plain tensors.
fn run(model: &Model, config: &Config, schedule: &Schedule) -> Vec<(LayerCommand, LayerResult)> {
    let mut visits = vec![];
    let run = Run::new(model, config, schedule).unwrap();
    run.execute(|visit| visits.push((visit.command.clone(), visit.result.clone())))
        .unwrap();
    visits
}

/// Relative root mean square error against float64, over the rows that ran.
fn error(model: &Model, schedule: &Schedule) -> f64 {
    let config = Config::default();
    let run = Run::new(model, &config, schedule).unwrap();
    let (mut error, mut size) = (0.0, 0.0);
    run.execute(|visit| {
        for row in &visit.result.rows {
            let reference =
                model.reference(visit.layer, row.head as usize, row.query as usize - model.context);
            for (&x, r) in row.output.iter().zip(reference) {
                error += (f64::from(x) * run.out_scale() - r).powi(2);
                size += r * r;
            }
        }
    })
    .unwrap();
    (error / size).sqrt()
}

/// Tolerances for real tensors: 12 bits cost less than half a percent, 8 bits less than 3.
#[test]
fn without_pruning_the_outputs_are_those_of_float64() {
    let model = minilm();
    let dense = Schedule::dense(12);
    let fine = error(&model, &dense);
    assert!(fine < 0.005, "12 bits: {fine}");
    let eight = Bits { msb: 8, lsb: 0 };
    let coarse = error(
        &model,
        &Schedule {
            key_bits: eight,
            value_bits: eight,
            ..dense.clone()
        },
    );
    assert!(coarse < 0.03 && coarse > fine, "8 bits: {coarse}");
    let decoder = error(&decoder(), &dense);
    assert!(decoder < 0.005, "decoder: {decoder}");
    // The measure is able to fail: without LSBs the error shows.
    let msb = error(
        &model,
        &Schedule {
            key_mode: KeyMode::Never,
            ..dense
        },
    );
    assert!(msb > 2.0 * fine, "MSBs only: {msb}");
}

#[test]
fn the_schedule_cascades() {
    let model = minilm();
    let schedule = Schedule {
        head_start: 0.0,
        heads: 0.5,
        ..Schedule::paper(Kind::Encoder)
    };
    let visits = run(&model, &Config::default(), &schedule);
    let lengths: Vec<usize> = visits.iter().map(|(_, result)| result.tokens.len()).collect();
    assert_eq!(lengths, [128, 80, 32]);
    assert_eq!(
        visits
            .iter()
            .map(|(_, result)| result.heads.len())
            .collect::<Vec<_>>(),
        [2, 1, 1]
    );
    for pair in visits.windows(2) {
        let [(_, before), (_, after)] = pair else {
            unreachable!()
        };
        assert!(
            after.tokens.iter().all(|token| before.tokens.contains(token)),
            "a pruned token came back"
        );
        assert!(
            after.heads.iter().all(|head| before.heads.contains(head)),
            "a pruned head came back"
        );
    }
    for (_, result) in &visits {
        for row in &result.rows {
            assert_eq!(row.kept.len(), (row.keys as usize).div_ceil(3));
        }
    }
    let rows = Run::new(&model, &Config::default(), &schedule)
        .unwrap()
        .prob_rows()
        .unwrap();
    assert_eq!(
        rows.len(),
        visits.iter().map(|(_, result)| result.rows.len()).sum::<usize>()
    );
    assert!(
        rows.iter()
            .all(|row| row.k as usize == row.probs.len().div_ceil(3))
    );
}

#[test]
fn steps_restart_or_carry_on() {
    let (model, config) = (decoder(), Config::default());
    let schedule = Schedule {
        tokens: 0.5,
        token_start: 0.0,
        heads: 1.0,
        ..Schedule::paper(Kind::Decoder)
    };
    let tokens = |schedule: &Schedule| -> Vec<usize> {
        run(&model, &config, schedule)
            .iter()
            .map(|(_, result)| result.tokens.len())
            .collect()
    };
    // Three layers a step; L = 21, 22, ...; layer i keeps 1 - (i + 1) / 6 of L.
    let restarting = tokens(&schedule);
    let expected: Vec<usize> = (21..=26)
        .flat_map(|l| [1, 2, 3].map(|i| (f64::from(l) * (1.0 - f64::from(i) / 6.0)).round() as usize))
        .collect();
    assert_eq!(restarting, expected);
    let carried = tokens(&Schedule {
        carry: true,
        ..schedule.clone()
    });
    assert_eq!(carried[..6], [18, 14, 11, 12, 12, 11]);
    // The newest token is a query in every step, and is there to be attended to when the list is not pruned before.
    for (step, visits) in run(&model, &config, &schedule).chunks(3).enumerate() {
        assert!(
            visits
                .iter()
                .all(|(command, _)| command.query as usize == 20 + step)
        );
        assert!(visits[0].0.tokens.append && visits[0].0.tokens.reset && !visits[1].0.tokens.append);
    }
    // Guards hold the end of the text.
    let guarded = Schedule {
        keep_last: 3,
        keep_first: 2,
        ..schedule
    };
    for (step, visits) in run(&model, &config, &guarded).chunks(3).enumerate() {
        let newest = 20 + step as u32;
        for (_, result) in visits {
            assert!(
                [0, 1, newest - 2, newest - 1, newest]
                    .iter()
                    .all(|token| result.tokens.contains(token))
            );
        }
    }
}

/// Packed bit planes in memory and plain tensors give the same numbers, and the case of the run agrees with itself.
#[test]
fn memory_images_and_tensors_agree() {
    let tiny = PRESETS
        .iter()
        .find(|preset| preset.name == "spatten-1-8")
        .unwrap()
        .config();
    for (model, config) in [(minilm(), Config::default()), (decoder(), tiny)] {
        let mode = if model.kind == Kind::Decoder {
            ValueMode::WithRow
        } else {
            ValueMode::Never
        };
        let schedule = Schedule {
            threshold: 0.4,
            value_mode: mode,
            ..Schedule::paper(model.kind)
        };
        let mut recorded = vec![];
        let run_ = Run::new(&model, &config, &schedule).unwrap();
        let case = run_
            .record(true, |visit| {
                recorded.push((visit.command.clone(), visit.result.clone()))
            })
            .unwrap();
        assert_eq!(recorded, run(&model, &config, &schedule));
        case.check().unwrap();
        let redone: u64 = recorded.iter().map(|(_, result)| result.work.redone_rows).sum();
        let rows: u64 = recorded.iter().map(|(_, result)| result.work.rows).sum();
        let expected = if model.kind == Kind::Decoder {
            1..rows
        } else {
            0..1
        };
        assert!(expected.contains(&redone), "{redone} of {rows} rows redone");
    }
}

/// Pins the arithmetic on real tensors: any change of any output, probability or decision changes the digest.
#[test]
fn the_real_sample_gives_the_pinned_memory() {
    let (model, config) = (minilm(), Config::default());
    let schedule = Schedule::paper(model.kind);
    let case = Run::new(&model, &config, &schedule)
        .unwrap()
        .record(false, |_| {})
        .unwrap();
    insta::assert_snapshot!(case.summary.memory_sha256);
}

#[test]
fn saved_models_come_back_and_cuts_are_parts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.safetensors");
    let cut = minilm().cut(2, 1, usize::MAX);
    assert_eq!((cut.layers.len(), cut.heads, cut.tokens), (2, 1, 128));
    cut.save(&path).unwrap();
    assert_eq!(Model::load(&path).unwrap(), cut);
    let bytes = std::fs::read(&path).unwrap();
    cut.save(&path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert_eq!(minilm().layers[1].v[..128 * 32], cut.layers[1].v);

    let cut = decoder().cut(usize::MAX, 1, 4);
    assert_eq!((cut.heads, cut.kv_heads, cut.tokens, cut.steps()), (2, 1, 24, 4));
    assert_eq!(cut.layers[0].k, decoder().layers[0].k[..24 * 32]);
    assert_eq!(cut.layers[0].q[4 * 32..], decoder().layers[0].q[6 * 32..10 * 32]);
}

#[test]
fn models_that_do_not_fit_are_refused_with_a_reason() {
    let reason = |model: &Model, config: &Config, schedule: &Schedule| {
        format!("{:#}", Run::new(model, config, schedule).map(|_| ()).unwrap_err())
    };
    let (model, config, dense) = (minilm(), Config::default(), Schedule::dense(12));
    let tiny = PRESETS
        .iter()
        .find(|preset| preset.name == "tiny")
        .unwrap()
        .config();
    assert!(reason(&model, &tiny, &dense).contains("128 tokens, more than max-tokens = 64"));
    let wide = Schedule {
        key_bits: Bits { msb: 9, lsb: 4 },
        ..dense.clone()
    };
    assert!(reason(&model, &config, &wide).contains("K has 9 + 4 bits"));
    let mut infinite = model.clone();
    infinite.layers[2].k[7] = f32::NAN;
    let text = reason(&infinite, &config, &dense);
    assert!(
        text.contains("layer 2: K: cannot quantise: element 7 is NaN"),
        "{text}"
    );
    let run = Run::new(
        &model,
        &config,
        &Schedule {
            key_mode: KeyMode::Auto,
            ..dense.clone()
        },
    )
    .map(|run| format!("{:#}", run.execute(|_| {}).unwrap_err()));
    assert!(run.unwrap().contains("step 0, layer 0: key-mode"));
    assert!(Model::from_bytes(&[]).is_err());
    assert!(Model::from_bytes(&std::fs::read(data("minilm.safetensors")).unwrap()[..9000]).is_err());
    let rows = std::fs::read(data("smollm2_rows_102.safetensors")).unwrap();
    assert!(format!("{:#}", Model::from_bytes(&rows).unwrap_err()).contains("`kind`"));
}

#[test]
fn the_shipped_rows_are_probability_rows() {
    for (name, keys, count) in [
        ("102", 100..=104, 64),
        ("204", 200..=208, 64),
        ("1024", 1016..=1024, 32),
    ] {
        let rows = ProbRows::load(&data(&format!("smollm2_rows_{name}.safetensors"))).unwrap();
        assert_eq!((rows.prob_width, rows.rows.len()), (12, count));
        assert!(
            rows.source.contains("SmolLM2") && rows.source.contains("Apache-2.0"),
            "{}",
            rows.source
        );
        for row in &rows.rows {
            let n = row.probs.len();
            assert!(keys.contains(&n));
            assert_eq!(row.k as usize, value_count(65536 / 5, n));
            let sum: u64 = row.probs.iter().map(|&p| u64::from(p)).sum();
            assert!(sum.abs_diff(4096) <= n as u64, "a row adds up to {sum}");
            let sort_keys: Vec<u32> = row.probs.iter().map(|&p| p.into()).collect();
            assert_eq!(topk(&sort_keys, row.k as usize).len(), row.k as usize);
        }
    }
}

fn spatten_gen(arguments: &[&str]) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_spatten-gen"))
        .arg("model")
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_reports_for_people_and_machines() {
    let path = data("minilm.safetensors");
    let file = path.to_str().unwrap();
    let (ok, table, messages) = spatten_gen(&[file]);
    assert!(ok && messages.is_empty(), "{messages}");
    assert!(
        table.contains("all-MiniLM-L6-v2") && table.contains("total"),
        "{table}"
    );
    let (ok, json, _) = spatten_gen(&[file, "--json", "--keep-tokens", "1/2", "--keep-values", "25%"]);
    assert!(ok);
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["layers"].as_array().unwrap().len(), 3);
    assert_eq!(report["layers"][2]["tokens"], 64.0);
    assert_eq!(report["schedule"]["values"], 0.25);
    assert!(report["total"]["sectors-total"].as_u64() < report["total"]["dense-sectors"].as_u64());
}

#[test]
fn the_command_writes_and_checks_cases() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (random, real) = (path("random.json"), path("real.json"));
    assert!(spatten_gen(&["--random", "7", "--dump", &random]).0);
    let model = data("minilm.safetensors");
    assert!(
        spatten_gen(&[
            model.to_str().unwrap(),
            "--only-layers",
            "1",
            "--dump",
            &real,
            "--no-probs"
        ])
        .0
    );
    for case in [&random, &real] {
        let (ok, text, messages) = spatten_gen(&["--check", case]);
        assert!(ok && text.contains("every answer agrees"), "{messages}");
    }
    let text = std::fs::read_to_string(&real)
        .unwrap()
        .replacen("\"max-prob\":", "\"max-prob\":1", 1);
    std::fs::write(&real, text).unwrap();
    let (ok, _, messages) = spatten_gen(&["--check", &real]);
    assert!(!ok && messages.contains("max-prob"), "{messages}");
    for bad in [
        &["--random", "7"][..],
        &[],
        &["--check", "none.json"],
        &["none.safetensors"],
    ] {
        let (ok, _, messages) = spatten_gen(bad);
        assert!(!ok && !messages.is_empty(), "{bad:?}");
    }
}
