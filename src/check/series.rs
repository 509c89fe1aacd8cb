//! The samples of a metric over time, capped.

/// Samples in order of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {}
