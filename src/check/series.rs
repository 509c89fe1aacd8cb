//! The samples of a metric over time, capped.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::SignedDuration;

use super::Now;

/// How far back charts look.
const SHORTEST_KEPT: Duration = Duration::from_secs(15 * 60);

/// More samples than this are never kept, however often a metric is sampled.
const MOST_SAMPLES: usize = 4_000;

/// One look at a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// When.
    pub at: Now,
    /// The value, always finite; `None` where we could not look. A chart must not draw a line across it.
    pub value: Option<f64>,
}

/// A look at a metric that somebody else took, before we began to look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PastSample {
    /// How long ago.
    pub ago: Duration,
    /// The value; `None` where there is none, so that no line is drawn across it.
    pub value: Option<f64>,
}

/// With fewer values than this no line is drawn through them.
const FEWEST_FOR_TREND: usize = 4;

/// The straight line through the values of some time, by least squares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend {
    /// Change a second.
    pub slope: f64,
    /// Where the line is now.
    pub value: f64,
    /// How much of what the values do the line explains, from 0 to 1 (the coefficient of determination).
    pub fit: f64,
}

impl Trend {
    /// How long until the line gets to `value`; `None` when it leads elsewhere or is there already.
    pub fn reaches(&self, value: f64) -> Option<Duration> {
        let seconds = (value - self.value) / self.slope;
        let ahead = seconds.is_finite() && seconds > 0.0;
        Duration::try_from_secs_f64(seconds).ok().filter(|_| ahead)
    }
}

/// Samples in order of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    samples: VecDeque<Sample>,
    keep: Duration,
}

impl Default for Series {
    fn default() -> Self {
        Self::keeping(SHORTEST_KEPT)
    }
}

impl Series {
    /// A series that keeps this much time, and never less than 15 minutes.
    pub fn keeping(time: Duration) -> Self {
        Self {
            samples: VecDeque::new(),
            keep: time.max(SHORTEST_KEPT),
        }
    }

    /// Adds a sample and forgets what is too old. NaN and infinities become gaps, because neither a chart nor a
    /// median can do anything sensible with them.
    pub fn push(&mut self, at: Now, value: Option<f64>) {
        let value = value.filter(|value| value.is_finite());
        self.samples.push_back(Sample { at, value });
        let oldest = at.monotonic.saturating_sub(self.keep);
        while self.samples.len() > MOST_SAMPLES || self.front_is_before(oldest) {
            self.samples.pop_front();
        }
    }

    /// Puts samples of others, oldest first, in front of our own. They give way where both have looked.
    pub fn begin_with(&mut self, past: &[PastSample], now: Now) {
        let first = self.samples.front().map_or(now, |sample| sample.at);
        for sample in past.iter().rev() {
            let Some(monotonic) = now.monotonic.checked_sub(sample.ago) else {
                break;
            };
            if monotonic >= first.monotonic {
                continue;
            }
            if self.samples.len() >= MOST_SAMPLES || sample.ago > self.keep {
                break;
            }
            let wall = now
                .wall
                .saturating_sub(SignedDuration::try_from(sample.ago).unwrap_or_default());
            self.samples.push_front(Sample {
                at: Now {
                    wall: wall.unwrap_or(now.wall),
                    monotonic,
                },
                value: sample.value.filter(|value| value.is_finite()),
            });
        }
    }

    fn front_is_before(&self, oldest: Duration) -> bool {
        self.samples
            .front()
            .is_some_and(|sample| sample.at.monotonic < oldest)
    }

    /// The latest sample.
    pub fn latest(&self) -> Option<&Sample> {
        self.samples.back()
    }

    /// Whether nothing was sampled yet.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// All samples, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Sample> {
        self.samples.iter()
    }

    /// The samples of the last `window`, oldest first.
    pub fn within(&self, window: Duration, now: Now) -> impl DoubleEndedIterator<Item = &Sample> {
        let start = now.monotonic.saturating_sub(window);
        let first = self
            .samples
            .partition_point(|sample| sample.at.monotonic < start);
        self.samples.range(first..)
    }

    /// The values of the last `window` without the gaps, oldest first.
    pub fn values(&self, window: Duration, now: Now) -> impl DoubleEndedIterator<Item = f64> {
        self.within(window, now).filter_map(|sample| sample.value)
    }

    /// The least and the greatest value of the last `window`.
    pub fn range(&self, window: Duration, now: Now) -> Option<(f64, f64)> {
        self.values(window, now).fold(None, |range, value| {
            let (least, greatest) = range.unwrap_or((value, value));
            Some((value.min(least), value.max(greatest)))
        })
    }

    /// The median of the last `window`.
    pub fn median(&self, window: Duration, now: Now) -> Option<f64> {
        self.quantiles([0.5], window, now).map(|[median]| median)
    }

    /// Quantiles (between 0 and 1) of the last `window`, interpolated between neighbours; `None` without values.
    pub fn quantiles<const N: usize>(
        &self,
        wanted: [f64; N],
        window: Duration,
        now: Now,
    ) -> Option<[f64; N]> {
        let mut values: Vec<f64> = self.values(window, now).collect();
        values.sort_unstable_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        Some(wanted.map(|quantile| {
            let place = quantile.clamp(0.0, 1.0) * last as f64;
            let below = values[place.floor() as usize];
            let above = values[place.ceil() as usize];
            below + (above - below) * place.fract()
        }))
    }

    /// The line through the last `window`. `None` when we could not look once in it, or there are too few values, or
    /// they span less than half of it: a line through that would be a guess.
    pub fn trend(&self, window: Duration, now: Now) -> Option<Trend> {
        let samples: Option<Vec<(f64, f64)>> = self
            .within(window, now)
            .map(|sample| {
                let ago = now.monotonic.saturating_sub(sample.at.monotonic);
                Some((-ago.as_secs_f64(), sample.value?))
            })
            .collect();
        let samples = samples.filter(|samples| samples.len() >= FEWEST_FOR_TREND)?;
        let span = samples.last()?.0 - samples.first()?.0;
        if span < window.as_secs_f64() / 2.0 {
            return None;
        }
        line_through(&samples)
    }

    /// The last `window` as the means of `width` equal stretches of time, oldest first, for a sparkline.
    ///
    /// A stretch in which we could not look once is `None`, so that the line breaks there. One that merely lies
    /// between two samples takes over the earlier one. The stretches begin at fixed times instead of moving with
    /// `now`, or the whole line would shimmer with every sample.
    pub fn spark(&self, width: usize, window: Duration, now: Now) -> Vec<Option<f64>> {
        let stretch = window.as_secs_f64() / width as f64;
        if width == 0 || window.is_zero() {
            return vec![None; width];
        }
        let number = |at: Now| (at.monotonic.as_secs_f64() / stretch).floor() as i64;
        let first = number(now) - width as i64 + 1;
        let mut line = vec![Stretch::default(); width];
        for sample in self
            .iter()
            .filter(|sample| sample.at.monotonic <= now.monotonic)
        {
            if let Ok(place) = usize::try_from(number(sample.at) - first)
                && let Some(stretch) = line.get_mut(place)
            {
                stretch.add(sample.value);
            }
        }
        bridged(&line)
    }
}

/// Least squares, <https://en.wikipedia.org/wiki/Simple_linear_regression>, with time 0 as now.
fn line_through(samples: &[(f64, f64)]) -> Option<Trend> {
    let mean =
        |of: fn(&(f64, f64)) -> f64| samples.iter().map(of).sum::<f64>() / samples.len() as f64;
    let (mean_time, mean_value) = (mean(|sample| sample.0), mean(|sample| sample.1));
    let sum = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
        let from_means = samples
            .iter()
            .map(|(time, value)| (time - mean_time, value - mean_value));
        from_means.map(|(time, value)| of(time, value)).sum()
    };
    let times = sum(&|time, _| time * time);
    let values = sum(&|_, value| value * value);
    let both = sum(&|time, value| time * value);
    let slope = both / times;
    let trend = Trend {
        slope,
        value: mean_value - slope * mean_time,
        fit: if values == 0.0 {
            1.0
        } else {
            both * both / (times * values)
        },
    };
    (trend.slope.is_finite() && trend.value.is_finite() && trend.fit.is_finite()).then_some(trend)
}

/// What fell into one stretch of a sparkline.
#[derive(Clone, Copy, Default)]
struct Stretch {
    sum: f64,
    values: u32,
    gaps: u32,
}

impl Stretch {
    fn add(&mut self, value: Option<f64>) {
        match value {
            Some(value) => {
                self.sum += value;
                self.values += 1;
            }
            None => self.gaps += 1,
        }
    }

    /// A stretch with a gap in it breaks the line, even if there were values too.
    fn mean(self) -> Option<f64> {
        (self.values > 0 && self.gaps == 0).then(|| self.sum / f64::from(self.values))
    }

    fn is_empty(self) -> bool {
        self.values == 0 && self.gaps == 0
    }
}

/// The means, with empty stretches before the last filled one taking over what came before them.
fn bridged(line: &[Stretch]) -> Vec<Option<f64>> {
    let filled = line
        .iter()
        .rposition(|stretch| !stretch.is_empty())
        .map_or(0, |last| last + 1);
    let mut previous = None;
    let mut means = Vec::with_capacity(line.len());
    for (place, stretch) in line.iter().enumerate() {
        if !stretch.is_empty() || place >= filled {
            previous = stretch.mean();
        }
        means.push(previous);
    }
    means
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn at(seconds: u64) -> Now {
        Now {
            wall: Timestamp::UNIX_EPOCH,
            monotonic: Duration::from_secs(seconds),
        }
    }

    fn series(samples: &[(u64, Option<f64>)]) -> Series {
        let mut series = Series::default();
        for (seconds, value) in samples {
            series.push(at(*seconds), *value);
        }
        series
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn what_others_saw_before_stands_in_front_of_our_own() {
        let past = |ago, value| PastSample {
            ago: Duration::from_secs(ago),
            value,
        };
        let mut series = series(&[(1_000, Some(5.0)), (1_010, Some(6.0))]);
        let seen = [
            past(2_000, Some(0.0)),
            past(40, Some(3.0)),
            past(30, None),
            past(20, Some(4.0)),
            past(10, Some(9.0)),
            past(5, Some(9.0)),
        ];
        series.begin_with(&seen, at(1_010));
        let values: Vec<_> = series
            .iter()
            .map(|sample| (sample.at.monotonic.as_secs(), sample.value))
            .collect();
        let expected = [
            (970, Some(3.0)),
            (980, None),
            (990, Some(4.0)),
            (1_000, Some(5.0)),
            (1_010, Some(6.0)),
        ];
        assert_eq!(
            values, expected,
            "too old and after our first look: left out"
        );
    }

    #[test]
    fn old_samples_go_by_age_and_by_number() {
        let mut series = Series::default();
        for second in 0..10_000 {
            series.push(at(second), Some(1.0));
        }
        assert_eq!(series.iter().count(), 901);
        let mut busy = Series::keeping(Duration::from_secs(100_000));
        for second in 0..10_000 {
            busy.push(at(second), Some(1.0));
        }
        assert_eq!(busy.iter().count(), MOST_SAMPLES);
    }

    #[test]
    fn rule_14_nan_splits_a_series() {
        let series = series(&[
            (0, Some(1.0)),
            (10, Some(f64::NAN)),
            (20, Some(f64::INFINITY)),
            (30, Some(3.0)),
        ]);
        let values: Vec<_> = series.iter().map(|sample| sample.value).collect();
        assert_eq!(values, [Some(1.0), None, None, Some(3.0)]);
        assert_eq!(series.range(MINUTE, at(30)), Some((1.0, 3.0)));
    }

    #[test]
    fn a_window_looks_back_from_now() {
        let series = series(&[
            (0, Some(9.0)),
            (50, Some(1.0)),
            (60, None),
            (70, Some(3.0)),
            (100, Some(2.0)),
        ]);
        let now = at(110);
        assert_eq!(series.within(MINUTE, now).count(), 4);
        assert_eq!(series.median(MINUTE, now), Some(2.0));
        assert_eq!(series.range(MINUTE, now), Some((1.0, 3.0)));
        assert_eq!(series.median(Duration::from_secs(5), now), None);
        assert_eq!(
            series.quantiles([0.0, 0.25, 1.0], MINUTE, now),
            Some([1.0, 1.5, 3.0])
        );
    }

    #[test]
    fn a_sparkline_breaks_at_gaps_and_bridges_slow_sampling() {
        let series = series(&[
            (10, Some(1.0)),
            (12, Some(3.0)),
            (25, None),
            (31, Some(5.0)),
            (52, Some(6.0)),
        ]);
        let line = series.spark(6, MINUTE, at(59));
        assert_eq!(
            line,
            [None, Some(2.0), None, Some(5.0), Some(5.0), Some(6.0)]
        );
        assert_eq!(
            series.spark(6, MINUTE, at(79))[5],
            None,
            "nothing after the last sample"
        );
        assert_eq!(series.spark(0, MINUTE, at(59)), []);
        assert_eq!(Series::default().spark(3, MINUTE, at(0)), [None; 3]);
        assert_eq!(series.spark(3, Duration::ZERO, at(59)), [None; 3]);
    }

    #[test]
    fn a_sparkline_does_not_shimmer() {
        let series = series(&[(10, Some(1.0)), (20, Some(2.0)), (30, Some(3.0))]);
        let lines: Vec<_> = (30..40)
            .map(|second| series.spark(4, Duration::from_secs(40), at(second)))
            .collect();
        assert!(lines.iter().all(|line| *line == lines[0]));
    }

    #[test]
    fn a_line_is_found_through_values_and_not_through_gaps_or_too_few() {
        let straight = series(&[
            (0, Some(1.0)),
            (15, Some(2.5)),
            (30, Some(4.0)),
            (45, Some(5.5)),
        ]);
        let trend = straight.trend(MINUTE, at(50)).unwrap();
        assert!((trend.slope - 0.1).abs() < 1e-12, "{trend:?}");
        assert!(
            (trend.value - 6.0).abs() < 1e-9 && trend.fit > 0.999,
            "{trend:?}"
        );
        let ahead = trend.reaches(8.0).unwrap().as_secs_f64();
        assert!((ahead - 20.0).abs() < 1e-6, "{ahead}");
        assert_eq!(trend.reaches(1.0), None, "it leads away from there");
        let flat = [
            (0, Some(2.0)),
            (15, Some(2.0)),
            (30, Some(2.0)),
            (45, Some(2.0)),
        ];
        assert_eq!(
            series(&flat).trend(MINUTE, at(50)).unwrap().reaches(3.0),
            None
        );
        let gap = [
            (0, Some(1.0)),
            (15, None),
            (30, Some(4.0)),
            (45, Some(5.5)),
            (50, Some(6.0)),
        ];
        assert_eq!(series(&gap).trend(MINUTE, at(50)), None);
        let few = [(0, Some(1.0)), (30, Some(4.0)), (45, Some(5.5))];
        assert_eq!(series(&few).trend(MINUTE, at(50)), None);
        let short = [
            (40, Some(1.0)),
            (42, Some(4.0)),
            (44, Some(5.5)),
            (46, Some(9.0)),
        ];
        assert_eq!(series(&short).trend(MINUTE, at(50)), None);
        assert_eq!(
            series(&[(9, Some(1.0)); 4]).trend(Duration::ZERO, at(9)),
            None
        );
    }
}
