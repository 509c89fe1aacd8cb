//! An interactive launch-day runbook for the terminal.
//!
//! tminus walks a team through a launch: before T-0, at T-0, after it, and back again if it goes wrong. A pure
//! core, which has no clock, disk, network, process or terminal, is surrounded by a [`runtime`] that performs
//! what the core asks for. State is the fold of a journal, and one rule holds everywhere:
//!
//! > **The world is acted on only in reaction to a recorded event.**
//!
//! Each module may import those to its left, never the other way round:
//!
//! ```text
//! check ← runbook ← journal ← run ← app ← ui ← runtime ← cli ← main
//!         report → run, journal, runbook, check        config → app::keys, ui::theme
//! ```
//!
//! The program is used by its command line; the library is here for its tests and benchmarks, and its interface may
//! change with any version. Where to begin reading: [`run::Run`], the state; [`app::App::update`], what a key and an
//! answer do to it; [`ui`], what of it is shown; [`runtime::session`], the loop around them.

pub mod app;
pub mod check;
pub mod cli;
pub mod config;
pub mod journal;
pub mod report;
pub mod run;
pub mod runbook;
pub mod runtime;
pub mod ui;
