//! From samples to a verdict: limits, `for`, hysteresis, baseline, staleness.

/// The median and spread of a metric before T-0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Baseline {}

/// The state of one metric in a run.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricState {}
