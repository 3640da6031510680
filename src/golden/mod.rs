//! The bit-exact golden model of the algorithm: integers only, no Verilog.
//!
//! A [`Sequence`] holds the state of one sequence and executes [`LayerCommand`]s on operands from a [`Memory`]. What
//! comes back is every number the hardware must produce: outputs, probabilities, kept lists, importance, decisions
//! about LSBs, sectors and work. [`Model`](model::Model) brings real tensors, [`Case`](case::Case) writes runs down for
//! other implementations. `docs/golden-model.md` has the choices where the specification is silent.

pub mod attention;
pub mod av_array;
pub mod axi_reader;
pub mod axi_writer;
pub mod cascade;
pub mod case;
pub mod command;
pub mod float;
pub mod head_importance;
pub mod key_buffer;
pub mod memory_side;
pub mod model;
pub mod packing;
pub mod plane_fetcher;
pub mod planes;
pub mod qk_array;
pub mod quant;
pub mod random;
pub mod replay;
pub mod requant_decision;
pub mod roof;
pub mod row_writer;
pub mod rows;
pub mod sectors;
pub mod sequence;
pub mod shape;
pub mod softmax;
pub mod state;
pub mod token_importance;
pub mod topk_engine;
pub mod value_buffer;
pub mod zero_eliminator;

pub use attention::Row;
pub use command::{LayerCommand, Refusal};
pub use planes::{Image, Memory, Operand};
pub use roof::Roof;
pub use sequence::{LayerResult, Sequence};
pub use state::State;
