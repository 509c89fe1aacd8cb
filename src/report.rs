//! Reports: a runbook or a run written down for people who don't have this program.

pub mod markdown;
