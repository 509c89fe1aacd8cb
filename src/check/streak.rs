//! From single looks to a verdict that can be believed: streaks, staleness.

/// The state of one check in a run.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckState {}
