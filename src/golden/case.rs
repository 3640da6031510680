//! Cases: runs written down, inputs and answers, for other implementations to repeat bit for bit.
//!
//! `docs/case-format.md` describes the JSON. A [`Recorder`] writes cases, [`Case::check`] runs one again and compares.

use super::command::{LayerCommand, Refusal};
use super::planes::{Image, Memory, Region, SECTOR, Tensor};
use super::roof::{Cycles, Roof, Stretch};
use super::sectors::Sectors;
use super::sequence::{LayerResult, Sequence, Work};
use super::{Row, state::State};
use crate::config::{Config, Params};
use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A whole case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Case {
    /// `spatten-case`.
    pub format: String,
    /// [`Case::VERSION`].
    pub version: u32,
    /// Build parameters.
    pub config: Params,
    /// Base of each memory channel, multiples of 32.
    pub channel_bases: Vec<u64>,
    /// Integer tensors by name.
    pub tensors: BTreeMap<String, TensorData>,
    /// What happens, in order.
    pub events: Vec<Event>,
    /// Answers about the whole run.
    #[serde(rename = "final")]
    pub summary: Summary,
}

/// A tensor of signed integers, `[heads][rows][D]`, flat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorData {
    /// Bits an element.
    pub bits: u32,
    /// Heads, rows, D.
    pub shape: [usize; 3],
    /// Elements, last dimension fastest.
    pub data: Vec<i16>,
}

/// One event; exactly one of `load`, `state` and `command` is there, and `result` with a command.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The host writes bit planes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<Load>,
    /// The host writes state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StateWrite>,
    /// One layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<LayerCommand>,
    /// What the layer gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Outcome>,
}

/// A tensor packed into memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Load {
    /// Name of the tensor.
    pub tensor: String,
    /// `m`.
    pub msb_bits: u32,
    /// `l`.
    pub lsb_bits: u32,
    /// Where the MSB planes go.
    pub msb: Region,
    /// Where the LSB planes go.
    #[serde(default)]
    pub lsb: Region,
    /// Token id of row 0.
    pub first_token: u32,
}

/// What the host writes while the core is idle; `None` leaves the thing alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StateWrite {
    /// `L`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u32>,
    /// `H`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heads: Option<u32>,
    /// Kept tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_list: Option<Vec<u32>>,
    /// Kept heads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_list: Option<Vec<u32>>,
    /// Importance of tokens 0, 1, ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_importance: Option<Vec<u32>>,
    /// Importance of heads 0, 1, ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_importance: Option<Vec<u32>>,
}

impl StateWrite {
    /// Writes the state.
    ///
    /// # Errors
    /// More list entries or importance than the hardware has room for. Values are not checked here: the next command does.
    pub fn apply(&self, state: &mut State) -> anyhow::Result<()> {
        let max_tokens = state.token_importance.as_slice().len();
        let max_heads = state.head_importance.as_slice().len();
        let sizes = [
            ("token-list", &self.token_list, max_tokens),
            ("token-importance", &self.token_importance, max_tokens),
            ("head-list", &self.head_list, max_heads),
            ("head-importance", &self.head_importance, max_heads),
        ];
        for (name, written, room) in sizes {
            let entries = written.as_ref().map_or(0, Vec::len);
            ensure!(
                entries <= room,
                "state: `{name}` has {entries} entries, and there is room for {room}"
            );
        }
        state.length = self.length.unwrap_or(state.length);
        state.heads = self.heads.unwrap_or(state.heads);
        if let Some(list) = &self.token_list {
            state.token_list.clone_from(list);
        }
        if let Some(list) = &self.head_list {
            state.head_list.clone_from(list);
        }
        for (id, &value) in (0..).zip(self.token_importance.iter().flatten()) {
            state.token_importance.set(id, value);
        }
        for (id, &value) in (0..).zip(self.head_importance.iter().flatten()) {
            state.head_importance.set(id, value);
        }
        Ok(())
    }
}

/// What a command gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Outcome {
    /// Nothing changed.
    Refused {
        /// The rule's name.
        refused: String,
    },
    /// The layer ran.
    Executed(Box<Executed>),
}

/// Everything that a layer produced, and the state after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Executed {
    /// Rows in order of execution.
    pub rows: Vec<Row>,
    /// `L`.
    pub length: u32,
    /// Kept tokens after the command.
    pub token_list: Vec<u32>,
    /// Kept heads after the command.
    pub head_list: Vec<u32>,
    /// Importance of tokens below `L`.
    pub token_importance: Vec<u32>,
    /// Importance of heads below `H`.
    pub head_importance: Vec<u32>,
    /// Sectors read.
    pub sectors: Sectors,
    /// Work done.
    pub work: Work,
}

/// Answers about the whole run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Summary {
    /// Totals between token prunes.
    pub stretches: Vec<Stretch>,
    /// Roof in cycles: numerator and denominator.
    pub roof: Cycles,
    /// Digest of the memory at the end.
    pub memory_sha256: String,
}

/// Runs events on the golden model and writes them down with their answers.
#[derive(Clone, Debug)]
pub struct Recorder {
    config: Config,
    sequence: Sequence,
    image: Image,
    roof: Roof,
    channel_bases: Vec<u64>,
    tensors: BTreeMap<String, TensorData>,
    events: Vec<Event>,
    probs: bool,
}

impl Recorder {
    /// An idle core just after reset, with zeroed memory. `probs` says whether rows keep their probabilities.
    pub fn new(config: &Config, channel_bases: Vec<u64>, probs: bool) -> Self {
        Recorder {
            config: config.clone(),
            sequence: Sequence::new(config),
            image: Image::new(config),
            roof: Roof::new(config),
            channel_bases,
            tensors: BTreeMap::new(),
            events: Vec::new(),
            probs,
        }
    }

    /// State before the next event.
    pub fn state(&self) -> &State {
        &self.sequence.state
    }

    /// Packs a tensor into memory.
    pub fn load(&mut self, name: &str, tensor: &Tensor, msb_bits: u32, msb: Region, lsb: Region) {
        self.image.load(tensor, msb_bits, &msb, &lsb);
        let shape = [tensor.heads, tensor.rows, tensor.dim];
        let data = TensorData {
            bits: tensor.bits,
            shape,
            data: tensor.data.clone(),
        };
        self.tensors.insert(name.to_owned(), data);
        let lsb_bits = tensor.bits - msb_bits;
        let load = Load {
            tensor: name.to_owned(),
            msb_bits,
            lsb_bits,
            msb,
            lsb,
            first_token: tensor.first,
        };
        self.events.push(Event {
            load: Some(load),
            ..Event::default()
        });
    }

    /// Writes state.
    ///
    /// # Errors
    /// Those of [`StateWrite::apply`].
    pub fn write_state(&mut self, write: StateWrite) -> anyhow::Result<()> {
        write.apply(&mut self.sequence.state)?;
        self.events.push(Event {
            state: Some(write),
            ..Event::default()
        });
        Ok(())
    }

    /// Executes a command and stores its output.
    ///
    /// # Errors
    /// The command was refused; that is written down as well.
    pub fn execute(&mut self, command: &LayerCommand) -> Result<LayerResult, Refusal> {
        let result = self.sequence.execute(command, &self.image);
        self.note(command, result)
    }

    /// The same with operands from `memory`, which must hold what was loaded; faster than from packed planes.
    ///
    /// # Errors
    /// As [`Recorder::execute`].
    pub fn execute_on(
        &mut self,
        command: &LayerCommand,
        memory: &dyn Memory,
    ) -> Result<LayerResult, Refusal> {
        let result = self.sequence.execute(command, memory);
        self.note(command, result)
    }

    fn note(
        &mut self,
        command: &LayerCommand,
        result: Result<LayerResult, Refusal>,
    ) -> Result<LayerResult, Refusal> {
        if let Ok(result) = &result {
            self.image.store(command, &result.rows);
            self.roof.add(command, result);
        }
        let outcome = self.outcome(&result);
        self.events.push(Event {
            command: Some(command.clone()),
            result: Some(outcome),
            ..Event::default()
        });
        result
    }

    fn outcome(&self, result: &Result<LayerResult, Refusal>) -> Outcome {
        let result = match result {
            Ok(result) => result,
            Err(refusal) => {
                return Outcome::Refused {
                    refused: refusal.rule().to_owned(),
                };
            }
        };
        let state = &self.sequence.state;
        let mut rows = result.rows.clone();
        if !self.probs {
            rows.iter_mut().for_each(|row| row.probs.clear());
        }
        Outcome::Executed(Box::new(Executed {
            rows,
            length: state.length,
            token_list: state.token_list.clone(),
            head_list: state.head_list.clone(),
            token_importance: state.token_importance.as_slice()[..state.length as usize].to_vec(),
            head_importance: state.head_importance.as_slice()[..state.heads as usize].to_vec(),
            sectors: result.sectors,
            work: result.work,
        }))
    }

    /// The case so far.
    pub fn finish(self) -> Case {
        Case {
            format: Case::FORMAT.to_owned(),
            version: Case::VERSION,
            config: Params::clone(&self.config),
            channel_bases: self.channel_bases,
            tensors: self.tensors,
            events: self.events,
            summary: Summary {
                stretches: self.roof.stretches(),
                roof: self.roof.cycles(),
                memory_sha256: self.image.sha256(),
            },
        }
    }
}

impl Case {
    /// Value of `format`.
    pub const FORMAT: &str = "spatten-case";
    /// Value of `version`.
    pub const VERSION: u32 = 1;

    /// Drops the probability rows, which are the larger part of most cases.
    pub fn drop_probs(&mut self) {
        for event in &mut self.events {
            if let Some(Outcome::Executed(result)) = &mut event.result {
                result.rows.iter_mut().for_each(|row| row.probs.clear());
            }
        }
    }

    /// The configuration of the case, once everything is known to be what a case may hold.
    ///
    /// # Errors
    /// Another format or version, an illegal configuration, channel bases that do not fit it, a tensor that contradicts itself
    /// or what it is loaded as.
    pub fn configuration(&self) -> anyhow::Result<Config> {
        ensure!(
            self.format == Self::FORMAT,
            "`format` is `{}`, not `{}`",
            self.format,
            Self::FORMAT
        );
        ensure!(
            self.version == Self::VERSION,
            "`version` is {}; only {} is known",
            self.version,
            Self::VERSION
        );
        let config = Config::try_from(self.config.clone()).context("`config`")?;
        let (bases, channels) = (&self.channel_bases, config.channels as usize);
        ensure!(
            bases.len() == channels,
            "there are {} `channel-bases` for {channels} channels",
            bases.len()
        );
        let odd = bases.iter().find(|&base| base % SECTOR != 0);
        ensure!(
            odd.is_none(),
            "channel base {} is not a multiple of {SECTOR}",
            odd.unwrap_or(&0)
        );
        for (index, event) in self.events.iter().enumerate() {
            if let Some(load) = &event.load {
                self.sound(load).with_context(|| format!("event {index}"))?;
            }
        }
        Ok(config)
    }

    /// Runs the case again and compares every answer.
    ///
    /// # Errors
    /// A malformed case, or the first answer that differs: which event, which answer, both values.
    pub fn check(&self) -> anyhow::Result<()> {
        let config = self.configuration()?;
        let mut run = Recorder::new(&config, self.channel_bases.clone(), true);
        for (index, event) in self.events.iter().enumerate() {
            self.step(&mut run, event)
                .with_context(|| format!("event {index}"))?;
        }
        let summary = run.finish().summary;
        same("stretches", &summary.stretches, &self.summary.stretches)?;
        same("roof", &summary.roof, &self.summary.roof)?;
        same(
            "memory-sha256",
            &summary.memory_sha256,
            &self.summary.memory_sha256,
        )
    }

    fn step(&self, run: &mut Recorder, event: &Event) -> anyhow::Result<()> {
        match event {
            Event {
                load: Some(load),
                state: None,
                command: None,
                result: None,
            } => {
                let tensor = self.tensor(load)?;
                run.load(&load.tensor, &tensor, load.msb_bits, load.msb, load.lsb);
            }
            Event {
                load: None,
                state: Some(write),
                command: None,
                result: None,
            } => run.write_state(write.clone())?,
            Event {
                load: None,
                state: None,
                command: Some(command),
                result: Some(expected),
            } => {
                let result = run.execute(command);
                expected.compare(&run.outcome(&result))?;
            }
            _ => anyhow::bail!("an event is one of `load`, `state`, and `command` with `result`"),
        }
        Ok(())
    }

    /// What an event loads.
    ///
    /// # Errors
    /// When there is no such tensor, its shape, bits and elements contradict each other, or it does not fit what it is loaded
    /// as.
    pub fn tensor(&self, load: &Load) -> anyhow::Result<Tensor> {
        let tensor = self.sound(load)?;
        let [heads, rows, dim] = tensor.shape;
        Ok(Tensor {
            heads,
            rows,
            dim,
            first: load.first_token,
            bits: tensor.bits,
            data: tensor.data.clone(),
        })
    }

    /// The tensor of an event, once nothing is wrong with it.
    fn sound(&self, load: &Load) -> anyhow::Result<&TensorData> {
        let name = &load.tensor;
        let tensor = self
            .tensors
            .get(name)
            .with_context(|| format!("there is no tensor `{name}`"))?;
        let [heads, rows, dim] = tensor.shape;
        ensure!(
            heads > 0 && rows > 0 && dim > 0,
            "`{name}` has shape {:?}: it is empty",
            tensor.shape
        );
        let last = u64::from(load.first_token).checked_add(rows as u64);
        ensure!(
            last.is_some_and(|x| x <= 1 << 32),
            "`{name}` reaches beyond token ids of 32 bits"
        );
        let elements = heads.checked_mul(rows).and_then(|n| n.checked_mul(dim));
        ensure!(
            elements == Some(tensor.data.len()),
            "`{name}` has shape {:?} but {} elements",
            tensor.shape,
            tensor.data.len()
        );
        ensure!(
            dim % 8 == 0,
            "`{name}` has vectors of {dim} elements, not a multiple of 8"
        );
        ensure!(
            (1..=16).contains(&tensor.bits),
            "`{name}` has {} bits; 1 to 16 are legal",
            tensor.bits
        );
        let bits = u64::from(load.msb_bits) + u64::from(load.lsb_bits);
        ensure!(
            load.msb_bits >= 1 && bits == u64::from(tensor.bits),
            "`{name}` has {} bits but is loaded as {} + {}",
            tensor.bits,
            load.msb_bits,
            load.lsb_bits
        );
        let limit = 1i32 << (tensor.bits - 1);
        let outside = tensor
            .data
            .iter()
            .find(|&&x| !(-limit..limit).contains(&i32::from(x)));
        ensure!(
            outside.is_none(),
            "`{name}` holds {}, which does not fit {} bits",
            outside.unwrap_or(&0),
            tensor.bits
        );
        Ok(tensor)
    }
}

/// An error that names both values unless they are equal.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, computed: &T, written: &T) -> anyhow::Result<()> {
    ensure!(
        computed == written,
        "`{what}` is {computed:?}, but the case says {written:?}"
    );
    Ok(())
}

impl Outcome {
    /// Compares the case's answer with a computed one, down to the field.
    fn compare(&self, computed: &Outcome) -> anyhow::Result<()> {
        let (Outcome::Executed(written), Outcome::Executed(computed)) = (self, computed) else {
            return same("result", computed, self);
        };
        same("rows: number", &computed.rows.len(), &written.rows.len())?;
        for (index, (c, w)) in computed.rows.iter().zip(&written.rows).enumerate() {
            let row = || format!("row {index} (head {}, query {})", c.head, c.query);
            same("head, query", &(c.head, c.query), &(w.head, w.query)).with_context(row)?;
            same("keys", &c.keys, &w.keys).with_context(row)?;
            same("redone", &c.redone, &w.redone).with_context(row)?;
            same("max-prob", &c.max_prob, &w.max_prob).with_context(row)?;
            same("kept", &c.kept, &w.kept).with_context(row)?;
            same("output", &c.output, &w.output).with_context(row)?;
            if !w.probs.is_empty() {
                same("probs", &c.probs, &w.probs).with_context(row)?;
            }
        }
        same("length", &computed.length, &written.length)?;
        same("token-list", &computed.token_list, &written.token_list)?;
        same("head-list", &computed.head_list, &written.head_list)?;
        same(
            "token-importance",
            &computed.token_importance,
            &written.token_importance,
        )?;
        same(
            "head-importance",
            &computed.head_importance,
            &written.head_importance,
        )?;
        same("sectors", &computed.sectors, &written.sectors)?;
        same("work", &computed.work, &written.work)
    }
}
