//! A world for the core to live in: its clocks, disk, probes and commands, all made up and all watched.
//!
//! Scenarios and properties share it, so that both hold the core to the same laws: what is acted on stands in the
//! journal first ([`law`]), and a run that is resumed is the run that was left ([`likeness`]).

pub mod law;
pub mod likeness;
pub mod world;
