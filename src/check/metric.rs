//! From samples to a verdict: limits, `for`, hysteresis, baseline, staleness.

/// The median and spread of a metric before T-0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Baseline {
    /// Median.
    pub median: f64,
    /// Lower edge of the band (10th percentile).
    pub low: f64,
    /// Upper edge of the band (90th percentile).
    pub high: f64,
}

/// The state of one metric in a run.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricState {}
