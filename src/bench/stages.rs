//! What the stages of the core do in each cycle: at work, with nothing to take, or held up.
//!
//! The core itself does not count this. `probe` puts it into a module that brings the handshakes of its inner streams
//! out, and the simulation counts them, so the emitted Verilog is the same with and without.

use crate::config::Config;
use crate::rtl::{Direction, Field};
use crate::sim::Design;
use crate::sim::system::{History, Tally};
use serde::Serialize;

const TEMPLATE: &str = include_str!("../../templates/bench/spatten_probed.sv");

/// Which of a stage's streams shows it at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// What it takes.
    Input,
    /// What it gives.
    Output,
}

/// A stage of the core, and where its streams are in `spatten_probed`; `{c}` stands for the memory channel.
struct Stage {
    name: &'static str,
    /// What its beats are made of.
    unit: &'static str,
    /// What it does, for people.
    role: &'static str,
    side: Side,
    /// Valid and ready.
    input: Option<(&'static str, &'static str)>,
    /// Valid and ready.
    output: Option<(&'static str, &'static str)>,
    /// Units in a beat; without it a beat is one.
    amount: Option<&'static str>,
    /// The stream whose beats have them, where it is not that of [`Stage::side`].
    amount_of: Option<(&'static str, &'static str)>,
    /// Whether there is one for each memory channel.
    channels: bool,
}

/// A stage with one stream on each side.
const fn stage(
    name: &'static str,
    unit: &'static str,
    role: &'static str,
    input: (&'static str, &'static str),
    output: (&'static str, &'static str),
    amount: &'static str,
) -> Stage {
    Stage {
        name,
        unit,
        role,
        side: Side::Input,
        input: Some(input),
        output: Some(output),
        amount: Some(amount),
        amount_of: None,
        channels: false,
    }
}

/// The first field of the probe: commands that are done.
const COMMANDS: (&str, &str) = ("u_top.event_valid && u_top.event_done", "u_top.event_ready");

/// The stages, in the order in which a row passes them.
const STAGES: &[Stage] = &[
    Stage {
        side: Side::Output,
        ..stage(
            "fetch_scheduler",
            "token ids",
            "rows in order to lists of vectors to fetch",
            ("u_top.next_valid", "u_top.next_ready"),
            ("u_top.id_valid", "u_top.id_ready"),
            "u_top.id_count",
        )
    },
    Stage {
        name: "sector requests",
        unit: "sectors",
        role: "the fetcher asks the memory channels",
        side: Side::Output,
        input: None,
        output: Some((
            "u_top.u_memory_side.request_valid[{c}]",
            "u_top.u_memory_side.request_ready[{c}]",
        )),
        amount: None,
        amount_of: None,
        channels: true,
    },
    Stage {
        name: "memory reads",
        unit: "beats",
        role: "the memory channels return data",
        side: Side::Output,
        input: Some(("m_axi_{c}_arvalid", "m_axi_{c}_arready")),
        output: Some(("m_axi_{c}_rvalid", "m_axi_{c}_rready")),
        amount: None,
        amount_of: None,
        channels: true,
    },
    Stage {
        side: Side::Output,
        input: None,
        ..stage(
            "plane_fetcher",
            "vectors",
            "bit planes to vectors of Q, K and V",
            ("", ""),
            ("u_top.vector_valid", "u_top.vector_ready"),
            "u_top.vector_count",
        )
    },
    stage(
        "qk_array",
        "keys",
        "queries × keys",
        ("u_top.u_row_pipeline.key_valid", "u_top.u_row_pipeline.key_ready"),
        (
            "u_top.u_row_pipeline.score_valid",
            "u_top.u_row_pipeline.score_ready",
        ),
        "u_top.u_row_pipeline.key_count",
    ),
    stage(
        "softmax",
        "scores",
        "scores to probabilities",
        (
            "u_top.u_row_pipeline.beat_valid",
            "u_top.u_row_pipeline.beat_ready",
        ),
        (
            "u_top.u_row_pipeline.prob_valid",
            "u_top.u_row_pipeline.prob_ready",
        ),
        "u_top.u_row_pipeline.beat_count",
    ),
    Stage {
        amount: None,
        ..stage(
            "requant_decision",
            "rows",
            "whether a row is redone with its LSBs",
            ("u_top.u_row_pipeline.sum_valid", "u_top.u_row_pipeline.sum_ready"),
            (
                "u_top.u_row_pipeline.judged_valid",
                "u_top.u_row_pipeline.judged_ready",
            ),
            "",
        )
    },
    Stage {
        output: None,
        ..stage(
            "token_importance",
            "probabilities",
            "importance by position",
            ("u_top.importance_valid", "u_top.importance_ready"),
            ("", ""),
            "u_top.importance_count",
        )
    },
    stage(
        "topk_engine",
        "probabilities",
        "the largest probabilities of a row stay",
        (
            "u_top.u_row_pipeline.word_valid",
            "u_top.u_row_pipeline.word_ready",
        ),
        ("u_top.u_row_pipeline.top_valid", "u_top.u_row_pipeline.top_ready"),
        "u_top.u_row_pipeline.word_count",
    ),
    Stage {
        amount_of: Some((
            "u_top.u_row_pipeline.part_valid",
            "u_top.u_row_pipeline.part_ready",
        )),
        ..stage(
            "av_array",
            "values",
            "kept probabilities × values",
            (
                "u_top.u_row_pipeline.value_valid",
                "u_top.u_row_pipeline.value_ready",
            ),
            (
                "u_top.u_row_pipeline.summed_valid",
                "u_top.u_row_pipeline.summed_ready",
            ),
            "u_top.u_row_pipeline.part_count",
        )
    },
    Stage {
        amount: None,
        ..stage(
            "row_writer",
            "beats",
            "output rows to sectors",
            ("u_top.row_valid", "u_top.row_ready"),
            (
                "u_top.u_memory_side.write_valid",
                "u_top.u_memory_side.write_ready",
            ),
            "",
        )
    },
    Stage {
        name: "memory writes",
        unit: "beats",
        role: "the memory channels take outputs",
        side: Side::Output,
        input: None,
        output: Some(("m_axi_{c}_wvalid", "m_axi_{c}_wready")),
        amount: None,
        amount_of: None,
        channels: true,
    },
    Stage {
        output: None,
        amount: None,
        ..stage(
            "cascade_state",
            "cycles",
            "lists and importance: prunes, folds, resets",
            ("u_top.op_valid", "1'b1"),
            ("", ""),
            "",
        )
    },
];

impl Stage {
    fn lanes(&self, config: &Config) -> usize {
        if self.channels {
            config.channels as usize
        } else {
            1
        }
    }
}

/// A field of the probe as its template writes it.
#[derive(Serialize)]
struct ProbeField {
    name: String,
    in_valid: String,
    in_ready: String,
    out_valid: String,
    out_ready: String,
    amount: String,
}

fn fields(config: &Config) -> Vec<ProbeField> {
    let none = || "1'b0".to_owned();
    let mut fields = vec![ProbeField {
        name: "commands that are done".into(),
        in_valid: COMMANDS.0.into(),
        in_ready: COMMANDS.1.into(),
        out_valid: none(),
        out_ready: none(),
        amount: "12'd0".into(),
    }];
    for stage in STAGES {
        for channel in 0..stage.lanes(config) {
            let pair = |stream: Option<(&str, &str)>| match stream {
                Some((valid, ready)) => [valid, ready].map(|s| s.replace("{c}", &channel.to_string())),
                None => [none(), none()],
            };
            let ([in_valid, in_ready], [out_valid, out_ready]) = (pair(stage.input), pair(stage.output));
            let (valid, ready) = match (stage.amount_of, stage.side) {
                (Some(stream), _) => stream,
                (None, Side::Input) => (&*in_valid, &*in_ready),
                (None, Side::Output) => (&*out_valid, &*out_ready),
            };
            let amount = match stage.amount {
                Some(amount) => format!("{valid} && {ready} ? 12'({amount}) : 12'd0"),
                None => format!("11'd0, {valid} && {ready}"),
            };
            fields.push(ProbeField {
                name: stage.name.into(),
                in_valid,
                in_ready,
                out_valid,
                out_ready,
                amount,
            });
        }
    }
    fields
}

/// Puts a design of `spatten_top` into a top that shows its stages on a port `probe`.
///
/// # Errors
/// When the template is wrong.
pub(super) fn probe(config: &Config, design: &mut Design) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct Port {
        name: String,
        declaration: String,
    }
    let ports: Vec<Port> = design
        .interface
        .ports
        .iter()
        .map(|(direction, Field { name, width, .. })| Port {
            name: name.to_string(),
            declaration: format!(
                "{} wire [{}:0] {name}",
                match direction {
                    Direction::In => "input ",
                    Direction::Out => "output",
                },
                width - 1
            ),
        })
        .collect();
    let fields = fields(config);
    let mut context = tera::Context::new();
    context.insert("ports", &ports);
    context.insert("fields", &fields);
    super::stand(design, config, "spatten_probed", TEMPLATE, context)?;
    let bits = 16 * fields.len() as u32;
    design
        .interface
        .ports
        .push((Direction::Out, Field::new("probe", bits)));
    Ok(())
}

/// Cycles of a stage: every one is of exactly one kind. Of a stage with a lane a memory channel, those of all lanes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct StageCycles {
    /// Name: a module, or what it is.
    pub name: &'static str,
    /// What it does.
    pub role: &'static str,
    /// Streams side by side.
    pub lanes: usize,
    /// A beat moves.
    pub busy: u64,
    /// Nothing is there to take.
    pub starved: u64,
    /// Something is there and does not move: the sum of the two kinds that follow.
    pub stalled: u64,
    /// What it gives is not taken.
    pub held_up: u64,
    /// What it is to take waits, for the stage itself or for another of its inputs.
    pub waiting: u64,
    /// What the beats are made of.
    pub unit: &'static str,
    /// How much of it moved.
    pub amount: u64,
}

impl StageCycles {
    fn add(&mut self, side: Side, tally: &Tally) {
        for (kind, &cycles) in tally.cycles.iter().enumerate() {
            let bit = |i: usize| kind >> i & 1 == 1;
            let (input, output) = ((bit(0), bit(1)), (bit(2), bit(3)));
            let at_work = if side == Side::Input { input } else { output };
            let counter = if at_work == (true, true) {
                &mut self.busy
            } else if output == (true, false) {
                &mut self.held_up
            } else if input == (true, false) {
                &mut self.waiting
            } else {
                &mut self.starved
            };
            *counter += cycles;
        }
        self.stalled = self.held_up + self.waiting;
        self.amount += tally.amount;
    }

    /// Cycles of all lanes.
    pub fn cycles(&self) -> u64 {
        self.busy + self.starved + self.stalled
    }
}

/// What the stages of a configuration did, by the tallies of the probe; none without a probe.
pub fn cycles(config: &Config, tallies: &[Tally]) -> Vec<StageCycles> {
    let Some((_, mut rest)) = tallies.split_first() else {
        return Vec::new();
    };
    let count = |stage: &Stage| {
        let (own, others) = rest.split_at(stage.lanes(config).min(rest.len()));
        rest = others;
        let mut cycles = StageCycles {
            name: stage.name,
            role: stage.role,
            unit: stage.unit,
            lanes: own.len(),
            ..StageCycles::default()
        };
        own.iter().for_each(|tally| cycles.add(stage.side, tally));
        cycles
    };
    STAGES.iter().map(count).collect()
}

/// What came between two looks at the probe.
pub(super) fn between(before: &[Tally], after: &[Tally]) -> Vec<Tally> {
    let grown = |i: usize, now: &Tally| {
        let then = before.get(i).copied().unwrap_or_default();
        let mut cycles = now.cycles;
        cycles
            .iter_mut()
            .zip(then.cycles)
            .for_each(|(now, then)| *now -= then);
        Tally {
            cycles,
            amount: now.amount - then.amount,
        }
    };
    after.iter().enumerate().map(|(i, now)| grown(i, now)).collect()
}

/// How busy every stage was over time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Timeline {
    /// Cycles of one part.
    pub period: u64,
    /// Stages, and the share of each part's cycles in which a beat moved.
    pub stages: Vec<(&'static str, Vec<f64>)>,
}

impl Timeline {
    /// The parts between two cycles.
    pub(super) fn new(config: &Config, history: &History, from: u64, to: u64) -> Self {
        let period = history.period;
        let mut stages: Vec<(&'static str, Vec<f64>)> = STAGES.iter().map(|s| (s.name, Vec::new())).collect();
        // Sample i stands at the end of cycle (i + 1) * period - 1.
        let parts = (0..history.samples.len()).filter(|&i| {
            let start = i as u64 * period;
            start + period > from && start < to
        });
        for part in parts {
            let before: &[Tally] = if part == 0 {
                &[]
            } else {
                &history.samples[part - 1]
            };
            let grown = between(before, &history.samples[part]);
            for ((_, shares), stage) in stages.iter_mut().zip(cycles(config, &grown)) {
                shares.push(stage.busy as f64 / stage.cycles().max(1) as f64);
            }
        }
        Timeline { period, stages }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cycle_is_of_one_kind() {
        let mut tally = Tally {
            cycles: [0; 16],
            amount: 7,
        };
        for (kind, cycles) in tally.cycles.iter_mut().enumerate() {
            *cycles = 1 << kind;
        }
        for side in [Side::Input, Side::Output] {
            let mut stage = StageCycles::default();
            stage.add(side, &tally);
            assert_eq!(stage.cycles(), 0xffff);
            assert_eq!(stage.amount, 7);
            // All four signals high, and whatever the other side does.
            let both: u64 = match side {
                Side::Input => [3, 7, 11, 15].iter().map(|kind| 1u64 << kind).sum(),
                Side::Output => (12..16).map(|kind| 1u64 << kind).sum(),
            };
            assert_eq!(stage.busy, both);
        }
    }

    #[test]
    fn the_probe_has_a_field_for_every_lane() {
        for preset in &crate::config::PRESETS {
            let config = Config::try_from(preset.params()).unwrap();
            let lanes: usize = STAGES.iter().map(|stage| stage.lanes(&config)).sum();
            assert_eq!(fields(&config).len(), lanes + 1);
            let tallies = vec![Tally::default(); lanes + 1];
            assert_eq!(cycles(&config, &tallies).len(), STAGES.len());
        }
        assert!(cycles(&Config::default(), &[]).is_empty());
    }
}
