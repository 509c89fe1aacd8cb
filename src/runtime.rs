//! Everything that touches the world: disk, network, processes, terminal, clocks.
//!
//! The core decides, this performs. Nothing here keeps state of the run: what has to survive is in the journal.

pub mod demo;
mod environment;
pub mod history;
pub mod looking;
pub mod output;
mod pager;
pub mod probe;
pub mod process;
pub mod recorder;
pub mod redaction;
pub mod rescue;
pub mod session;
pub mod store;
pub mod supervisor;
pub mod term;
pub mod trust;
pub mod watching;
