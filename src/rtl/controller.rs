//! Controller: the commands of the queue, one after the other.

use super::core::{Core, controlled, operation};
use super::register_file::{answer, control, event, state_access};
use super::{Direction, Field, Interface, Module, Stream};
use crate::config::Config;

/// `controller`: checks, state operations, layers, pruning, done and errors.
pub struct Controller;

impl Module for Controller {
    fn name(&self) -> &'static str {
        "controller"
    }

    fn summary(&self) -> &'static str {
        "runs the commands of the queue"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &[]
    }

    fn interface(&self, config: &Config, _overrides: &[(&str, u64)]) -> Interface {
        let core = Core::new(config);
        let command = controlled(config)
            .into_iter()
            .map(|field| Field::new(field.name, field.width))
            .collect();
        let slot_w = core.command_slot_w();
        let input = |name: &str, width| (Direction::In, Field::new(name, width));
        let output = |name: &str, width| (Direction::Out, Field::new(name, width));
        Interface {
            parameters: vec![],
            streams: vec![
                Stream::input("command", command),
                Stream::input("state", state_access()),
                Stream::output("answer", answer()),
                Stream::input("control", control()),
                Stream::output("event", event()),
                Stream::output("op", operation()),
                Stream::output(
                    "layer",
                    vec![Field::new("n", core.length_w), Field::new("slot", slot_w)],
                ),
            ],
            ports: vec![
                input("early", 5),
                input("late", 5),
                input("queue_empty", 1),
                input("op_answer", 32),
                input("op_bad", 1),
                output("layer_begin", 1),
                input("issued", 1),
                input("settled", 1),
                input("counted", 1),
                input("written", 1),
                input("written_slot", slot_w),
                input("read_error", 1),
                input("write_error", 1),
                input("memory_idle", 1),
                output("flush", 1),
                output("closed", 1),
                output("dropped", 1),
                input("tokens", 16),
                input("heads", 16),
                input("unfolded", 1),
                output("length", 16),
                output("all_heads", 16),
                output("busy", 1),
            ],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        Ok(Core::new(config).context(config))
    }
}
