//! From samples to a verdict: limits, `for`, hysteresis, baseline, staleness; and the numbers that commands print.

use std::time::Duration;

use jiff::Timestamp;

use super::foreign::quote;
use super::series::Trend;
use super::streak::{Flip, stale_after};
use super::{Blind, Comparison, Limit, Metric, Now, PastSample, Reason, Series, Verdict};

/// With fewer samples than this nothing is called a baseline.
const FEWEST_BASELINE_SAMPLES: usize = 3;

/// The time whose values tell where a metric is going.
const TREND_WINDOW: Duration = Duration::from_secs(60);

/// A line that explains less than this of what the values did foretells nothing.
const LEAST_FIT: f64 = 0.7;

/// Nothing is foretold for later than this: a minute can't know it.
const FARTHEST_AHEAD: Duration = Duration::from_secs(10 * 60);

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

/// A sample, and what has to be known beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The number, or why there is none.
    pub value: Result<f64, Blind>,
    /// What makes the number less than it looks.
    pub caveats: Caveats,
}

/// What makes a number less than it looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caveats {
    /// Whether it is only a lower bound: the quantile lies above the histogram's top finite bucket.
    pub at_least: bool,
    /// What its source warns of; a number that comes with a warning may be a partial one.
    pub warnings: Vec<String>,
}

impl From<Result<f64, Blind>> for Reading {
    fn from(value: Result<f64, Blind>) -> Self {
        Self {
            value,
            caveats: Caveats::default(),
        }
    }
}

/// The state of one metric in a run.
///
/// - A breach of `warn` warns at once; one of `fail` warns at once and fails when it lasted for `for` without a gap.
/// - A breach ends when `clear` is met, or without `clear` when the limit no longer holds.
/// - What we can't see is unknown at once and restarts `for`. It doesn't end a breach: a metric that failed can
///   only be cleared by a value.
/// - A quantile above its histogram's top bucket meets a limit that lies within the buckets. Whether it is beyond one
///   that lies above them can't be told, so that is unknown: the top bucket's bound would look healthy.
/// - A relative limit without a baseline can't be judged, so it is unknown; unless its `floor` isn't reached,
///   since then it isn't breached whatever the baseline will be.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricState {
    stale_after: Duration,
    sustained: Duration,
    warn: Watch,
    fail: Watch,
    no_data: Option<f64>,
    baseline_window: Option<Duration>,
    baseline: Option<Baseline>,
    believed: Verdict,
    series: Series,
    latest: Option<(Result<f64, Blind>, Now)>,
    caveats: Caveats,
}

impl MetricState {
    /// Nothing was sampled yet.
    pub fn new(metric: &Metric) -> Self {
        let watch = |limit| Watch {
            limit,
            clear: metric.clear,
            floor: metric.floor,
            since: None,
            broken: false,
        };
        Self {
            stale_after: stale_after(metric.every, metric.timeout),
            sustained: metric.sustained,
            warn: watch(metric.warn),
            fail: watch(metric.fail),
            no_data: metric.no_data,
            baseline_window: metric.baseline,
            baseline: None,
            believed: Verdict::Unknown(Reason::NoData),
            series: Series::keeping(metric.baseline.unwrap_or_default()),
            latest: None,
            caveats: Caveats::default(),
        }
    }

    /// Takes in a sample with what has to be known beside it; the flip when the verdict changed with it.
    pub fn read(&mut self, now: Now, reading: Reading) -> Option<Flip> {
        self.caveats = reading.caveats;
        self.observe(now, reading.value)
    }

    /// Takes in what the metric's own server remembers, for the picture and the baseline; it is no look of ours, so no
    /// verdict comes of it.
    pub fn remember(&mut self, now: Now, past: &[PastSample]) {
        self.series.begin_with(past, now);
    }

    /// What makes the latest number less than it looks.
    pub fn caveats(&self) -> &Caveats {
        &self.caveats
    }

    /// Takes in a sample; the flip when the verdict changed with it.
    pub fn observe(&mut self, now: Now, sample: Result<f64, Blind>) -> Option<Flip> {
        let from = self.verdict(now);
        if from == Verdict::Unknown(Reason::Stale) {
            self.interrupt();
        }
        let sample = self.settle(sample);
        self.believed = match &sample {
            Ok(value) => self.judge(now, *value),
            Err(blind) => {
                self.interrupt();
                Verdict::Unknown(blind.reason)
            }
        };
        self.series.push(now, sample.as_ref().ok().copied());
        self.latest = Some((sample, now));
        Flip::between(from, self.believed)
    }

    /// NaN is no value, and "no data" may be one.
    fn settle(&self, sample: Result<f64, Blind>) -> Result<f64, Blind> {
        match sample {
            Ok(value) if value.is_nan() => Err(Blind {
                reason: Reason::Nan,
                detail: String::new(),
            }),
            Err(blind) if blind.reason == Reason::NoData => self.no_data.ok_or(blind),
            sample => sample,
        }
    }

    fn judge(&mut self, now: Now, value: f64) -> Verdict {
        let seen = Seen {
            value,
            at_least: self.caveats.at_least,
            baseline: self.baseline.map(|baseline| baseline.median),
        };
        let fail = self.fail.look(seen, now.monotonic, self.sustained);
        let warn = self.warn.look(seen, now.monotonic, Duration::ZERO);
        match (fail, warn) {
            (Breach::Broken, _) => Verdict::Fail,
            (Breach::Pending, _) | (_, Breach::Broken | Breach::Pending) => Verdict::Warn,
            (Breach::Untold, _) | (_, Breach::Untold) => Verdict::Unknown(Reason::NoData),
            (Breach::None, Breach::None) => Verdict::Pass,
        }
    }

    fn interrupt(&mut self) {
        self.warn.since = None;
        self.fail.since = None;
    }

    /// What can be believed now; [`Reason::Stale`] when the last sample is older than `2 × every + timeout`.
    pub fn verdict(&self, now: Now) -> Verdict {
        match self.age(now) {
            Some(age) if age > self.stale_after => Verdict::Unknown(Reason::Stale),
            _ => self.believed,
        }
    }

    /// The last sample's value; `None` when there was nothing to see.
    pub fn value(&self) -> Option<f64> {
        self.latest.as_ref()?.0.as_ref().ok().copied()
    }

    /// Why the last sample has no value.
    pub fn blind(&self) -> Option<&Blind> {
        self.latest.as_ref()?.0.as_ref().err()
    }

    /// How long ago the last sample was taken.
    pub fn age(&self, now: Now) -> Option<Duration> {
        let (_, at) = self.latest.as_ref()?;
        Some(now.monotonic.saturating_sub(at.monotonic))
    }

    /// When the last sample was taken.
    pub fn sampled_at(&self) -> Option<Now> {
        self.latest.as_ref().map(|(_, at)| *at)
    }

    /// The samples so far.
    pub fn series(&self) -> &Series {
        &self.series
    }

    /// Since when `fail` has been breached without a gap (monotonic), whether or not for long enough yet.
    pub fn breaching_since(&self) -> Option<Duration> {
        self.fail.since
    }

    /// How long `fail` has been breached, and how long is needed, while it isn't enough: "1m10s of 2m".
    pub fn pending(&self, now: Now) -> Option<(Duration, Duration)> {
        let since = self.fail.since.filter(|_| !self.fail.broken)?;
        Some((now.monotonic.saturating_sub(since), self.sustained))
    }

    /// How long until it fails if it goes on as in the last minute, its `for` included; `None` when it doesn't lead
    /// there, has begun to breach, or jumps too much to tell.
    pub fn fails_in(&self, now: Now) -> Option<Duration> {
        let breach = self.breached_in(&self.fail, now)?;
        Some(breach.saturating_add(self.sustained))
    }

    /// How long until it warns if it goes on as in the last minute; see [`MetricState::fails_in`].
    pub fn warns_in(&self, now: Now) -> Option<Duration> {
        self.breached_in(&self.warn, now)
    }

    fn breached_in(&self, watch: &Watch, now: Now) -> Option<Duration> {
        let seen = !self.verdict(now).is_unknown();
        if !seen || watch.broken || watch.since.is_some() {
            return None;
        }
        let trend = self.series.trend(TREND_WINDOW, now)?;
        let ahead = watch.ahead(trend, self.baseline.map(|baseline| baseline.median))?;
        (trend.fit >= LEAST_FIT && ahead <= FARTHEST_AHEAD).then_some(ahead)
    }

    /// The baseline that relative limits are measured by.
    pub fn baseline(&self) -> Option<Baseline> {
        self.baseline
    }

    /// Takes the baseline from the samples of the metric's `baseline` time before `now`; `None` when the metric
    /// has no such time or there are too few samples, and then an earlier baseline stays.
    pub fn capture_baseline(&mut self, now: Now) -> Option<Baseline> {
        let window = self.baseline_window?;
        if self.series.values(window, now).count() < FEWEST_BASELINE_SAMPLES {
            return None;
        }
        let [low, median, high] = self.series.quantiles([0.1, 0.5, 0.9], window, now)?;
        let baseline = Baseline { median, low, high };
        self.set_baseline(baseline);
        Some(baseline)
    }

    /// Uses a baseline that was recorded earlier; it counts from the next sample on.
    pub fn set_baseline(&mut self, baseline: Baseline) {
        self.baseline = Some(baseline);
    }

    /// Starts over, after the machine slept or a rollback; samples and baseline stay.
    pub fn reset(&mut self) {
        for watch in [&mut self.warn, &mut self.fail] {
            watch.since = None;
            watch.broken = false;
        }
        self.believed = Verdict::Unknown(if self.latest.is_some() {
            Reason::Stale
        } else {
            Reason::NoData
        });
    }
}

/// What one sample says without a history: nobody waits for `for`, so a value beyond `fail` fails.
pub fn judge_alone(metric: &Metric, baseline: Option<Baseline>, reading: Reading) -> Verdict {
    let sustained = Duration::ZERO;
    let mut state = MetricState::new(&Metric {
        sustained,
        ..metric.clone()
    });
    state.baseline = baseline;
    let now = Now {
        wall: Timestamp::UNIX_EPOCH,
        monotonic: Duration::ZERO,
    };
    state.read(now, reading);
    state.verdict(now)
}

/// A value, and what it is judged by.
#[derive(Clone, Copy)]
struct Seen {
    value: f64,
    /// Whether the value is only a lower bound.
    at_least: bool,
    /// The baseline's median.
    baseline: Option<f64>,
}

impl Seen {
    fn meets(self, limit: Limit) -> Option<bool> {
        if self.at_least {
            limit.holds_above(self.value, self.baseline)
        } else {
            limit.holds(self.value, self.baseline)
        }
    }
}

/// What a [`Watch`] says of a value.
enum Breach {
    /// The limit isn't breached.
    None,
    /// It is, but not for long enough yet.
    Pending,
    /// It has been for long enough, and isn't cleared.
    Broken,
    /// It can't be told.
    Untold,
}

/// One limit and its memory.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Watch {
    limit: Option<Limit>,
    clear: Option<Limit>,
    floor: Option<Limit>,
    /// When the breach began (monotonic); a gap forgets it.
    since: Option<Duration>,
    /// Whether it lasted long enough; only clearing ends this.
    broken: bool,
}

impl Watch {
    fn look(&mut self, seen: Seen, now: Duration, sustained: Duration) -> Breach {
        let Some(limit) = self.limit else {
            return Breach::None;
        };
        let breached = self.breached(limit, seen);
        if self.broken && self.cleared(breached, seen) {
            self.broken = false;
        }
        if breached == Some(true) {
            let since = *self.since.get_or_insert(now);
            self.broken |= now.saturating_sub(since) >= sustained;
        } else if !self.broken {
            self.since = None;
        }
        match (self.broken, breached) {
            (true, _) => Breach::Broken,
            (false, Some(true)) => Breach::Pending,
            (false, Some(false)) => Breach::None,
            (false, None) => Breach::Untold,
        }
    }

    /// A relative breach needs the ratio and the floor; one that is false settles it, known or not the other.
    fn breached(&self, limit: Limit, seen: Seen) -> Option<bool> {
        let floor = self.floor.filter(|_| limit.relative);
        let beyond_floor = floor.map_or(Some(true), |floor| seen.meets(floor));
        match (seen.meets(limit), beyond_floor) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        }
    }

    /// When this line gets to the limit and, if it is relative, the floor.
    fn ahead(&self, trend: Trend, baseline: Option<f64>) -> Option<Duration> {
        let limit = self.limit?;
        let floor = self.floor.filter(|_| limit.relative);
        let mut farthest = Duration::ZERO;
        for limit in [Some(limit), floor].into_iter().flatten() {
            if limit.holds(trend.value, baseline)? {
                continue;
            }
            let rising = match limit.comparison {
                Comparison::Above | Comparison::AtLeast => trend.slope > 0.0,
                Comparison::Below | Comparison::AtMost => trend.slope < 0.0,
                Comparison::Equal | Comparison::NotEqual => false,
            };
            let reached = trend.reaches(limit.resolve(baseline)?);
            farthest = farthest.max(reached.filter(|_| rising)?);
        }
        Some(farthest)
    }

    fn cleared(&self, breached: Option<bool>, seen: Seen) -> bool {
        match self.clear {
            // A value that meets both, because the runbook's limits overlap, is still a breach.
            Some(clear) => breached == Some(false) && seen.meets(clear) == Some(true),
            None => breached == Some(false),
        }
    }
}

/// The one number on a command's standard output.
///
/// # Errors
/// [`Reason::NoData`] when there is no output, [`Reason::Nan`] for NaN, [`Reason::Parse`] for anything else that
/// isn't a number alone; with a unit behind it nobody knows which was meant.
pub fn number(stdout: &str) -> Result<f64, Blind> {
    let text = stdout.trim();
    let (reason, detail) = match text.parse::<f64>() {
        Ok(number) if !number.is_nan() => return Ok(number),
        Ok(_) => (Reason::Nan, String::new()),
        Err(_) if text.is_empty() => (Reason::NoData, "the command printed nothing".to_owned()),
        Err(_) => (Reason::Parse, quote(&format!("not a number alone: {text}"))),
    };
    Err(Blind { reason, detail })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::check::MetricSource;

    const NO_DATA: Verdict = Verdict::Unknown(Reason::NoData);

    fn at(seconds: u64) -> Now {
        Now {
            wall: Timestamp::UNIX_EPOCH,
            monotonic: Duration::from_secs(seconds),
        }
    }

    fn limit(text: &str) -> Option<Limit> {
        Some(Limit::parse(text).unwrap())
    }

    /// Error rate: warn > 0.5, fail > 1 for 30s, every 10s.
    fn metric() -> Metric {
        Metric {
            id: "error-rate".to_owned(),
            title: "Error rate".to_owned(),
            unit: "%".to_owned(),
            source: MetricSource::Command { run: String::new() },
            every: Duration::from_secs(10),
            timeout: Duration::from_secs(3),
            warn: limit("> 0.5"),
            fail: limit("> 1"),
            sustained: Duration::from_secs(30),
            clear: None,
            floor: None,
            min_events: None,
            no_data: None,
            baseline: None,
            span: 0..0,
        }
    }

    /// One sample every ten seconds, NaN for a gap; the initials of the verdicts.
    fn verdicts(state: &mut MetricState, samples: &[f64]) -> String {
        let start = state
            .latest
            .as_ref()
            .map_or(0, |(_, at)| at.monotonic.as_secs() + 10);
        let times = (start..).step_by(10);
        let name = |(seconds, value): (u64, &f64)| {
            state.observe(at(seconds), Ok(*value));
            state.verdict(at(seconds)).name().chars().next().unwrap()
        };
        times.zip(samples).map(name).collect()
    }

    const GAP: f64 = f64::NAN;

    #[test]
    fn a_breach_of_fail_warns_until_it_lasted() {
        let mut state = MetricState::new(&metric());
        assert_eq!(verdicts(&mut state, &[0.1, 0.7, 2.0, 2.0, 2.0]), "pwwww");
        assert_eq!(
            state.pending(at(45)),
            Some((Duration::from_secs(25), Duration::from_secs(30)))
        );
        assert_eq!(state.breaching_since(), Some(Duration::from_secs(20)));
        assert_eq!(verdicts(&mut state, &[2.0, 2.0, 0.1]), "ffp");
        assert_eq!(state.pending(at(80)), None);
        assert_eq!(state.breaching_since(), None);
    }

    #[test]
    fn rule_5_for_needs_a_continuous_breach() {
        let mut state = MetricState::new(&metric());
        assert_eq!(
            verdicts(&mut state, &[2.0, 2.0, 2.0, 0.1, 2.0, 2.0, 2.0, 2.0]),
            "wwwpwwwf"
        );
    }

    #[test]
    fn rule_5_one_unknown_restarts_for() {
        let mut state = MetricState::new(&metric());
        assert_eq!(
            verdicts(&mut state, &[2.0, 2.0, 2.0, GAP, 2.0, 2.0, 2.0, 2.0]),
            "wwwuwwwf"
        );
    }

    #[test]
    fn rule_5_clear_is_a_separate_threshold() {
        let mut state = MetricState::new(&Metric {
            clear: limit("< 0.3"),
            sustained: Duration::ZERO,
            ..metric()
        });
        assert_eq!(
            verdicts(&mut state, &[2.0, 0.9, 0.4, 0.2, 0.4, 0.6, 0.4, 0.2]),
            "fffppwwp"
        );
    }

    #[test]
    fn a_gap_does_not_end_a_breach() {
        let mut state = MetricState::new(&Metric {
            clear: limit("< 0.3"),
            ..metric()
        });
        assert_eq!(
            verdicts(&mut state, &[2.0, 2.0, 2.0, 2.0, GAP, 0.9, 2.0, 0.2]),
            "wwwfuffp"
        );
    }

    #[test]
    fn fail_beats_warn() {
        let mut state = MetricState::new(&Metric {
            sustained: Duration::ZERO,
            ..metric()
        });
        let flip = state.observe(at(0), Ok(5.0));
        assert_eq!(
            flip,
            Some(Flip {
                from: NO_DATA,
                to: Verdict::Fail
            })
        );
        assert_eq!(state.observe(at(10), Ok(5.0)), None);
        assert_eq!(state.observe(at(20), Ok(f64::INFINITY)), None);
    }

    #[test]
    fn rule_1_nan_and_blindness_are_unknown() {
        let mut state = MetricState::new(&metric());
        state.observe(at(0), Ok(f64::NAN));
        assert_eq!(state.verdict(at(0)), Verdict::Unknown(Reason::Nan));
        assert_eq!(state.value(), None);
        for reason in [
            Reason::Timeout,
            Reason::Connect,
            Reason::Parse,
            Reason::NoData,
        ] {
            state.observe(
                at(10),
                Err(Blind {
                    reason,
                    detail: "x".to_owned(),
                }),
            );
            assert_eq!(state.verdict(at(10)), Verdict::Unknown(reason));
            assert_eq!(state.blind().unwrap().detail, "x");
        }
    }

    #[test]
    fn no_data_may_mean_a_number_but_nan_may_not() {
        let blind = |reason| {
            Err(Blind {
                reason,
                detail: String::new(),
            })
        };
        let mut state = MetricState::new(&Metric {
            no_data: Some(0.0),
            ..metric()
        });
        state.observe(at(0), blind(Reason::NoData));
        assert_eq!(
            (state.verdict(at(0)), state.value()),
            (Verdict::Pass, Some(0.0))
        );
        state.observe(at(10), blind(Reason::Timeout));
        assert_eq!(state.verdict(at(10)), Verdict::Unknown(Reason::Timeout));
        state.observe(at(20), Ok(f64::NAN));
        assert_eq!(state.verdict(at(20)), Verdict::Unknown(Reason::Nan));
    }

    #[test]
    fn rule_4_an_old_sample_is_stale_and_restarts_for() {
        let mut state = MetricState::new(&metric());
        assert_eq!(verdicts(&mut state, &[2.0, 2.0, 2.0]), "www");
        assert_eq!(state.verdict(at(43)), Verdict::Warn);
        assert_eq!(state.verdict(at(44)), Verdict::Unknown(Reason::Stale));
        state.observe(at(60), Ok(2.0));
        assert_eq!(
            state.verdict(at(60)),
            Verdict::Warn,
            "nobody knows what was between"
        );
    }

    fn relative() -> Metric {
        Metric {
            warn: None,
            fail: limit("> 1.5 * baseline"),
            floor: limit("> 200"),
            baseline: Some(Duration::from_secs(60)),
            sustained: Duration::ZERO,
            ..metric()
        }
    }

    #[test]
    fn rule_6_a_relative_breach_needs_the_ratio_and_the_floor() {
        let mut state = MetricState::new(&relative());
        state.set_baseline(Baseline {
            median: 100.0,
            low: 90.0,
            high: 110.0,
        });
        assert_eq!(
            verdicts(&mut state, &[120.0, 160.0, 199.0, 201.0, 140.0]),
            "pppfp"
        );
        state.set_baseline(Baseline {
            median: 300.0,
            low: 290.0,
            high: 310.0,
        });
        assert_eq!(verdicts(&mut state, &[400.0, 451.0]), "pf");
    }

    #[test]
    fn without_a_baseline_only_the_floor_can_tell() {
        let mut state = MetricState::new(&relative());
        assert_eq!(verdicts(&mut state, &[150.0, 250.0]), "pu");
        let mut bare = MetricState::new(&Metric {
            floor: None,
            ..relative()
        });
        assert_eq!(verdicts(&mut bare, &[150.0]), "u");
        assert_eq!(bare.verdict(at(0)), NO_DATA);
    }

    #[test]
    fn the_floor_is_for_relative_limits_only() {
        let mut state = MetricState::new(&Metric {
            floor: limit("> 200"),
            sustained: Duration::ZERO,
            ..metric()
        });
        assert_eq!(verdicts(&mut state, &[2.0]), "f");
    }

    #[test]
    fn the_baseline_is_the_median_and_the_middle_four_fifths() {
        let mut state = MetricState::new(&relative());
        assert_eq!(state.capture_baseline(at(0)), None);
        verdicts(
            &mut state,
            &[999.0, 999.0, 100.0, 110.0, 120.0, 130.0, 140.0],
        );
        let baseline = state.capture_baseline(at(80)).unwrap();
        assert_eq!(
            baseline,
            Baseline {
                median: 120.0,
                low: 104.0,
                high: 136.0
            }
        );
        assert_eq!(state.baseline(), Some(baseline));
        assert_eq!(MetricState::new(&metric()).capture_baseline(at(80)), None);
    }

    #[test]
    fn rule_7_after_a_rollback_everything_restarts() {
        let mut state = MetricState::new(&Metric {
            clear: limit("< 0.3"),
            ..metric()
        });
        assert_eq!(verdicts(&mut state, &[2.0, 2.0, 2.0, 2.0]), "wwwf");
        state.reset();
        assert_eq!(state.verdict(at(30)), Verdict::Unknown(Reason::Stale));
        assert_eq!(verdicts(&mut state, &[0.4, 2.0, 2.0, 2.0, 2.0]), "pwwwf");
    }

    #[test]
    fn a_number_stands_alone() {
        assert_eq!(number(" 0.05\n"), Ok(0.05));
        assert_eq!(number("-1e3"), Ok(-1000.0));
        assert_eq!(number("+Inf"), Ok(f64::INFINITY));
        let reason = |text| number(text).unwrap_err().reason;
        assert_eq!(reason("  \n"), Reason::NoData);
        assert_eq!(reason("NaN"), Reason::Nan);
        for text in ["12 %", "12ms", "1\n2", "0x10", "1_000", "ok"] {
            assert_eq!(reason(text), Reason::Parse, "{text}");
        }
    }

    proptest! {
        #[test]
        fn fail_comes_only_from_a_continuous_breach(samples in proptest::collection::vec(prop_oneof![0.0..3.0f64, Just(GAP)], 1..60)) {
            let mut state = MetricState::new(&metric());
            let verdicts: Vec<char> = verdicts(&mut state, &samples).chars().collect();
            for (index, verdict) in verdicts.iter().enumerate() {
                prop_assert_eq!(*verdict == 'u', samples[index].is_nan());
                if *verdict == 'f' && !verdicts[..index].contains(&'f') {
                    prop_assert!(samples[index - 3..=index].iter().all(|value| *value > 1.0));
                }
            }
        }
    }

    /// What is foretold after these samples, ten seconds apart.
    fn foretold(metric: &Metric, samples: &[f64]) -> Option<u64> {
        let mut state = MetricState::new(metric);
        verdicts(&mut state, samples);
        let last = 10 * (samples.len() as u64 - 1);
        state.fails_in(at(last)).map(|time| time.as_secs())
    }

    #[test]
    fn a_straight_rise_is_foretold_and_a_jumping_one_is_not() {
        let metric = metric();
        let rise = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6];
        assert_eq!(
            foretold(&metric, &rise),
            Some(70),
            "40 s to 1, 30 s of `for`"
        );
        for nothing in [
            [0.6, 0.5, 0.4, 0.3, 0.2, 0.1].as_slice(),
            &[0.4; 6],
            &[0.1, 0.9, 0.1, 0.9, 0.1, 0.9],
            &[0.10, 0.1001, 0.1002, 0.1003, 0.1004, 0.1005],
            &[0.1, 0.2, f64::NAN, 0.4, 0.5, 0.6],
            &[0.4, 0.5, 0.6],
            &[0.7, 0.8, 0.9, 1.0, 1.1, 1.2],
        ] {
            assert_eq!(foretold(&metric, nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn a_relative_breach_is_foretold_for_when_it_passes_its_floor_too() {
        let relative = |floor| Metric {
            fail: limit("> 2 * baseline"),
            warn: None,
            floor: limit(floor),
            sustained: Duration::ZERO,
            ..metric()
        };
        let foretold = |metric: &Metric| {
            let mut state = MetricState::new(metric);
            state.baseline = Some(Baseline {
                median: 5.0,
                low: 4.0,
                high: 6.0,
            });
            verdicts(&mut state, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
            state
                .fails_in(at(50))
                .map(|time| time.as_secs_f64().round())
        };
        assert_eq!(foretold(&relative("> 3")), Some(40.0));
        assert_eq!(foretold(&relative("> 20")), Some(140.0));
    }

    #[test]
    fn rule_10_a_limit_above_the_top_bucket_cannot_be_told_from_a_lower_bound() {
        let judged = |fail: &str, least: f64| {
            let metric = Metric {
                fail: limit(fail),
                warn: None,
                ..metric()
            };
            let caveats = Caveats {
                at_least: true,
                ..Caveats::default()
            };
            let value = Ok(least);
            judge_alone(&metric, None, Reading { value, caveats })
        };
        for (fail, expected) in [
            ("> 0.5", Verdict::Fail),
            // The quantile lies above the top bucket and not on its bound.
            ("> 1", Verdict::Fail),
            (">= 1", Verdict::Fail),
            ("> 2", NO_DATA),
            ("< 0.5", Verdict::Pass),
            ("< 2", NO_DATA),
        ] {
            assert_eq!(judged(fail, 1.0), expected, "{fail}");
        }
    }

    #[test]
    fn rule_10_a_lower_bound_ends_no_breach_that_it_may_still_be_in() {
        let mut state = MetricState::new(&Metric {
            fail: limit("> 5"),
            sustained: Duration::ZERO,
            ..metric()
        });
        let read = |state: &mut MetricState, seconds, value: f64, at_least| {
            let caveats = Caveats {
                at_least,
                ..Caveats::default()
            };
            let value = Ok(value);
            state.read(at(seconds), Reading { value, caveats });
            state.verdict(at(seconds))
        };
        assert_eq!(read(&mut state, 0, 6.0, false), Verdict::Fail);
        assert_eq!(read(&mut state, 10, 1.0, true), Verdict::Fail);
        assert_eq!(read(&mut state, 20, 0.1, false), Verdict::Pass);
    }

    #[test]
    fn a_sample_alone_is_judged_by_its_limits() {
        let alone = |sample: Result<f64, Blind>| judge_alone(&metric(), None, sample.into());
        assert_eq!(alone(Ok(0.1)), Verdict::Pass);
        assert_eq!(alone(Ok(0.7)), Verdict::Warn);
        assert_eq!(alone(Ok(1.5)), Verdict::Fail, "`for` is about a history");
        assert_eq!(alone(Ok(f64::NAN)), Verdict::Unknown(Reason::Nan));
        let relative = Metric {
            fail: limit("> 1.5 * baseline"),
            warn: None,
            ..metric()
        };
        let baseline = Baseline {
            median: 2.0,
            low: 1.0,
            high: 3.0,
        };
        assert_eq!(judge_alone(&relative, None, Ok(9.0).into()), NO_DATA);
        assert_eq!(
            judge_alone(&relative, Some(baseline), Ok(9.0).into()),
            Verdict::Fail
        );
        assert_eq!(
            judge_alone(&relative, Some(baseline), Ok(2.9).into()),
            Verdict::Pass
        );
    }
}
