//! Numbers out of successive `/metrics` pages: value, rate, ratio, quantile.
//!
//! A target doesn't need a Prometheus server to be watched during its launch. What is kept between two looks is
//! each counter's last value and, for the time of the window, how much it grew; never the pages themselves.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::expectation::SyntaxError;
use super::exposition::{PageSample, Selector, samples};
use super::foreign::quote;
use super::{Blind, Formula, Now, Reason, Scrape};

/// A selector that matches more series than this asks for half of the page.
const MOST_SERIES: usize = 20_000;

/// More looks than this within one window are never kept.
const MOST_STEPS: usize = 4_000;

/// The state of one `scrape` source in a run.
#[derive(Clone, Debug)]
pub struct ScrapeState {
    plan: Result<Plan, Blind>,
    scale: f64,
    window: Duration,
    min_events: f64,
    at_least: bool,
}

#[derive(Clone, Debug)]
enum Plan {
    Value(Selector),
    Rate(Box<Tally>),
    Ratio { of: Box<Tally>, over: Box<Tally> },
    Quantile { quantile: f64, of: Box<Tally> },
}

/// Checks the formula's selectors, for the time a runbook is loaded.
///
/// # Errors
/// For the first selector that isn't one.
pub fn validate(formula: &Formula) -> Result<(), SyntaxError> {
    Plan::new(formula).map(|_| ())
}

impl Plan {
    fn new(formula: &Formula) -> Result<Self, SyntaxError> {
        let counter = |text: &str| {
            Selector::parse(text).map(|selector| Box::new(Tally::new(selector, group_of_all)))
        };
        Ok(match formula {
            Formula::Value(text) => Self::Value(Selector::parse(text)?),
            Formula::Rate(text) => Self::Rate(counter(text)?),
            Formula::Ratio { of, over } => Self::Ratio {
                of: counter(of)?,
                over: counter(over)?,
            },
            Formula::Quantile { quantile, of } => Self::Quantile {
                quantile: *quantile,
                of: Box::new(Tally::new(Selector::parse(of)?.into_buckets(), upper_bound)),
            },
        })
    }
}

impl ScrapeState {
    /// Nothing was scraped yet. Below `min_events` in the window, a ratio or a quantile has no data.
    ///
    /// A formula that [`validate`] refuses gives no numbers.
    pub fn new(scrape: &Scrape, min_events: Option<f64>) -> Self {
        Self {
            plan: Plan::new(&scrape.formula)
                .map_err(|error| blind(Reason::Parse, quote(&error.message))),
            scale: scrape.scale,
            window: scrape.window,
            min_events: min_events.unwrap_or(0.0),
            at_least: false,
        }
    }

    /// Takes in a page and computes the formula over the last window.
    ///
    /// # Errors
    /// [`Reason::Parse`] when the page is no metrics page or a histogram is broken; [`Reason::NoData`] when no
    /// series is selected, when a rate has only one look so far, and when too little happened for a ratio.
    pub fn observe(&mut self, now: Now, body: &str) -> Result<f64, Blind> {
        self.at_least = false;
        let value = match self.plan.as_mut().map_err(|blind| blind.clone())? {
            Plan::Value(selector) => present(selector, body)?,
            Plan::Rate(tally) => {
                read([tally], now, self.window, body)?;
                tally.growth(now)?.rate()
            }
            Plan::Ratio { of, over } => {
                // Above the line nothing selected means none so far: an error counter is born with its first error.
                read([over, of], now, self.window, body)?;
                let events = over.growth(now)?.total();
                enough(events, self.min_events)?;
                of.growth(now)?.total() / events
            }
            Plan::Quantile { quantile, of } => {
                read([of], now, self.window, body)?;
                let growth = of.growth(now)?;
                let result = histogram_quantile(*quantile, growth.by_group)?;
                enough(result.events, self.min_events)?;
                self.at_least = result.at_least;
                result.value
            }
        };
        match value * self.scale {
            value if value.is_nan() => Err(blind(Reason::Nan, "the page says NaN")),
            value => Ok(value),
        }
    }

    /// Whether the last result is only a lower bound, to be shown as "≥ 1s": the quantile lies above the
    /// histogram's top finite bucket.
    pub fn at_least(&self) -> bool {
        self.at_least
    }
}

fn blind(reason: Reason, detail: impl Into<String>) -> Blind {
    Blind {
        reason,
        detail: detail.into(),
    }
}

fn enough(events: f64, min_events: f64) -> Result<(), Blind> {
    if events > 0.0 && events >= min_events {
        return Ok(());
    }
    Err(match events {
        0.0 => blind(Reason::NoData, "nothing happened in the window"),
        _ => blind(
            Reason::NoData,
            format!("only {events:.0} of {min_events} events in the window"),
        ),
    })
}

/// The sum of the selected series' present values.
fn present(selector: &Selector, body: &str) -> Result<f64, Blind> {
    let mut walk = samples(body);
    let mut sum = None;
    for sample in walk.by_ref().filter(|sample| selector.selects(sample)) {
        *sum.get_or_insert(0.0) += sample.value;
    }
    sum.ok_or_else(|| match samples(body).next() {
        None if walk.skipped() > 0 => not_a_page(),
        _ => none_selected(selector),
    })
}

fn not_a_page() -> Blind {
    blind(Reason::Parse, "this is not a metrics page")
}

fn none_selected(selector: &Selector) -> Blind {
    blind(
        Reason::NoData,
        format!("no series of {} on the page", selector.name()),
    )
}

/// Lets every tally take what it selects from the page; the first has to find something.
fn read<const N: usize>(
    mut tallies: [&mut Tally; N],
    now: Now,
    window: Duration,
    body: &str,
) -> Result<(), Blind> {
    let mut walk = samples(body);
    for tally in &mut tallies {
        tally.begin();
    }
    let mut lines = 0;
    for sample in walk.by_ref() {
        lines += 1;
        for tally in &mut tallies {
            tally.take(&sample);
        }
    }
    if lines == 0 && walk.skipped() > 0 {
        return Err(not_a_page());
    }
    for tally in &mut tallies {
        tally.finish(now.monotonic, window);
    }
    match tallies.first() {
        Some(tally) if tally.selected == 0 => Err(none_selected(&tally.selector)),
        Some(tally) if tally.selected > MOST_SERIES => Err(blind(
            Reason::Parse,
            format!("the selector matches {} series; narrow it", tally.selected),
        )),
        _ => Ok(()),
    }
}

/// Which sum a series belongs to.
type Group = fn(&PageSample<'_>) -> Option<f64>;

fn group_of_all(_: &PageSample<'_>) -> Option<f64> {
    Some(0.0)
}

/// The histogram bucket's upper bound, the same for all series whose buckets are summed.
fn upper_bound(sample: &PageSample<'_>) -> Option<f64> {
    sample
        .labels
        .get("le")
        .parse()
        .ok()
        .filter(|bound: &f64| !bound.is_nan())
}

/// How much the counters of one selector grew, look by look.
#[derive(Clone, Debug)]
struct Tally {
    selector: Selector,
    group: Group,
    /// Last value of every series seen, by its labels, and the number of the look that saw it.
    last: HashMap<Box<str>, (f64, u64)>,
    look: u64,
    /// When the last look was (monotonic).
    looked: Option<Duration>,
    /// Series selected by the look that is on, or was last.
    selected: usize,
    /// Growth in the look that is on, by the bits of the group: a float can't be a key.
    growing: HashMap<u64, f64>,
    steps: VecDeque<Step>,
}

/// The growth between two looks.
#[derive(Clone, Debug)]
struct Step {
    since: Duration,
    by_group: Vec<(f64, f64)>,
}

impl Tally {
    fn new(selector: Selector, group: Group) -> Self {
        Self {
            selector,
            group,
            last: HashMap::new(),
            look: 1,
            looked: None,
            selected: 0,
            growing: HashMap::new(),
            steps: VecDeque::new(),
        }
    }

    fn begin(&mut self) {
        self.selected = 0;
        self.growing.clear();
    }

    fn take(&mut self, sample: &PageSample<'_>) {
        if !self.selector.selects(sample) || sample.value.is_nan() {
            return;
        }
        let Some(group) = (self.group)(sample) else {
            return;
        };
        self.selected += 1;
        if self.selected > MOST_SERIES {
            return;
        }
        let growth = self.growth_of(sample.labels.text(), sample.value);
        *self.growing.entry(group.to_bits()).or_default() += growth;
    }

    /// A counter that went back was reset, and has grown from 0 to its new value. One that is new since the last
    /// look was born at 0 after it; Prometheus would miss the first errors of a kind.
    fn growth_of(&mut self, labels: &str, value: f64) -> f64 {
        let seen = (value, self.look);
        match self.last.get_mut(labels) {
            Some(last) => {
                let before = std::mem::replace(last, seen).0;
                if value < before {
                    value
                } else {
                    value - before
                }
            }
            None => {
                self.last.insert(labels.into(), seen);
                value
            }
        }
        .max(0.0)
    }

    /// Ends the look that is on, and keeps the growth over the looks that lie within the window; over the last one
    /// in any case, so that a metric sampled less often than its window is long has a rate at all.
    fn finish(&mut self, now: Duration, window: Duration) {
        let growing = self.growing.drain();
        let by_group = growing
            .map(|(group, growth)| (f64::from_bits(group), growth))
            .collect();
        if let Some(since) = self.looked.replace(now) {
            self.steps.push_back(Step { since, by_group });
        }
        let start = now.saturating_sub(window);
        while self.steps.len() > MOST_STEPS || (self.steps.len() > 1 && self.steps[0].since < start)
        {
            self.steps.pop_front();
        }
        // Series come and go with every deployment; those that went are forgotten when there are too many.
        if self.last.len() > 2 * MOST_SERIES {
            let look = self.look;
            self.last.retain(|_, (_, seen)| *seen == look);
        }
        self.look += 1;
    }

    /// The growth over the looks that [`Tally::finish`] kept.
    fn growth(&self, now: Now) -> Result<Growth, Blind> {
        let Some(first) = self.steps.front() else {
            return Err(blind(Reason::NoData, "a rate needs a second look"));
        };
        let elapsed = now.monotonic.saturating_sub(first.since);
        if elapsed.is_zero() {
            return Err(blind(
                Reason::NoData,
                "no time has passed since the last look",
            ));
        }
        let by_group = self
            .steps
            .iter()
            .flat_map(|step| step.by_group.iter().copied())
            .collect();
        Ok(Growth { elapsed, by_group })
    }
}

/// How much a selector's counters grew, and in what time.
struct Growth {
    elapsed: Duration,
    /// A group is named as often as there were looks.
    by_group: Vec<(f64, f64)>,
}

impl Growth {
    fn total(&self) -> f64 {
        self.by_group.iter().map(|(_, growth)| growth).sum()
    }

    fn rate(&self) -> f64 {
        self.total() / self.elapsed.as_secs_f64()
    }
}

/// A quantile of a histogram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HistogramQuantile {
    /// The quantile, in the unit of the bounds.
    pub value: f64,
    /// Whether it is only known that the quantile is not below `value`.
    pub at_least: bool,
    /// How many events the histogram counts.
    pub events: f64,
}

/// The quantile (between 0 and 1) of a classic histogram, given as upper bounds and cumulative counts in any order;
/// the counts of equal bounds are added up.
///
/// Computed as Prometheus' `histogram_quantile` does: linear within a bucket, whose lower bound is that of the
/// bucket below, or 0 for the lowest; counts forced to be monotonic, since scrapes aren't atomic; and the top finite
/// bound when the quantile lies above it. Source: `bucketQuantile` in
/// <https://github.com/prometheus/prometheus/blob/main/promql/quantile.go>.
///
/// # Errors
/// [`Reason::Parse`] without a `+Inf` bucket or with no other; [`Reason::NoData`] when nothing was counted, where
/// Prometheus says NaN.
pub fn histogram_quantile(
    quantile: f64,
    mut buckets: Vec<(f64, f64)>,
) -> Result<HistogramQuantile, Blind> {
    buckets.sort_unstable_by(|(left, _), (right, _)| left.total_cmp(right));
    buckets.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        kept.1 += if same { next.1 } else { 0.0 };
        same
    });
    force_monotonic(&mut buckets);
    let (finite, events) = match buckets.as_slice() {
        [] => return Err(blind(Reason::NoData, "nothing happened in the window")),
        [finite @ .., (top, events)] if *top == f64::INFINITY => (finite, *events),
        _ => return Err(blind(Reason::Parse, "the histogram has no +Inf bucket")),
    };
    let Some((top, _)) = finite.last() else {
        return Err(blind(Reason::Parse, "the histogram has only a +Inf bucket"));
    };
    enough(events, 0.0)?;
    let rank = quantile.clamp(0.0, 1.0) * events;
    let place = finite.partition_point(|(_, count)| *count < rank);
    let Some(bucket) = finite.get(place) else {
        return Ok(HistogramQuantile {
            value: *top,
            at_least: true,
            events,
        });
    };
    let below = place.checked_sub(1).map(|place| finite[place]);
    Ok(HistogramQuantile {
        value: interpolate(rank, below, *bucket),
        at_least: false,
        events,
    })
}

fn interpolate(rank: f64, below: Option<(f64, f64)>, (end, count): (f64, f64)) -> f64 {
    if below.is_none() && end <= 0.0 {
        return end;
    }
    let (start, counted) = below.unwrap_or((0.0, 0.0));
    let inside = count - counted;
    // An empty bucket is reached only by the quantile 0 of a histogram that starts with one.
    if inside > 0.0 {
        start + (end - start) * (rank - counted) / inside
    } else {
        start
    }
}

fn force_monotonic(buckets: &mut [(f64, f64)]) {
    let mut highest = 0.0_f64;
    for (_, count) in buckets {
        highest = highest.max(*count);
        *count = highest;
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    const INF: f64 = f64::INFINITY;

    fn at(seconds: u64) -> Now {
        Now {
            wall: Timestamp::UNIX_EPOCH,
            monotonic: Duration::from_secs(seconds),
        }
    }

    fn state(formula: Formula, min_events: Option<f64>) -> ScrapeState {
        let scrape = Scrape {
            url: String::new(),
            formula,
            scale: 1.0,
            window: Duration::from_secs(60),
        };
        ScrapeState::new(&scrape, min_events)
    }

    fn rate(selector: &str) -> ScrapeState {
        state(Formula::Rate(selector.to_owned()), None)
    }

    fn errors(min_events: Option<f64>) -> ScrapeState {
        let of = "requests_total{code=~\"5..\"}".to_owned();
        let over = "requests_total".to_owned();
        state(Formula::Ratio { of, over }, min_events)
    }

    fn reason(result: Result<f64, Blind>) -> Reason {
        result.unwrap_err().reason
    }

    #[test]
    fn a_value_is_the_sum_of_the_selected_series() {
        let mut state = state(Formula::Value("up{zone=\"a\"}".to_owned()), None);
        let page = "up{zone=\"a\",i=\"1\"} 1\nup{zone=\"a\",i=\"2\"} 2\nup{zone=\"b\"} 4\n";
        assert_eq!(state.observe(at(0), page), Ok(3.0));
        assert_eq!(reason(state.observe(at(10), "down 1")), Reason::NoData);
        assert_eq!(reason(state.observe(at(10), "<html>")), Reason::Parse);
        assert_eq!(reason(state.observe(at(10), "")), Reason::NoData);
        assert_eq!(
            reason(state.observe(at(10), "up{zone=\"a\"} NaN")),
            Reason::Nan
        );
    }

    #[test]
    fn the_result_is_scaled() {
        let scrape = Scrape {
            url: String::new(),
            formula: Formula::Value("t".to_owned()),
            scale: 1000.0,
            window: Duration::from_secs(60),
        };
        assert_eq!(
            ScrapeState::new(&scrape, None).observe(at(0), "t 0.25"),
            Ok(250.0)
        );
    }

    #[test]
    fn rule_11_a_rate_is_over_the_real_elapsed_time() {
        let mut state = rate("c");
        assert_eq!(reason(state.observe(at(0), "c 100")), Reason::NoData);
        assert_eq!(state.observe(at(10), "c 150"), Ok(5.0));
        assert_eq!(state.observe(at(30), "c 210"), Ok(110.0 / 30.0));
        assert_eq!(
            state.observe(at(70), "c 210"),
            Ok(1.0),
            "the first look is out of the window"
        );
        assert_eq!(
            state.observe(at(500), "c 640"),
            Ok(1.0),
            "the last look counts in any case"
        );
        assert_eq!(reason(rate("c").observe(at(0), "<html>")), Reason::Parse);
    }

    #[test]
    fn rule_11_a_counter_reset_uses_the_new_value() {
        let mut state = rate("c");
        let _ = state.observe(at(0), "c{a=\"1\"} 1000\nc{a=\"2\"} 50");
        assert_eq!(
            state.observe(at(10), "c{a=\"1\"} 20\nc{a=\"2\"} 60"),
            Ok(3.0)
        );
    }

    #[test]
    fn a_series_born_between_two_looks_has_grown_from_0() {
        let mut state = errors(None);
        let _ = state.observe(at(0), "requests_total{code=\"200\"} 100");
        let page = "requests_total{code=\"200\"} 195\nrequests_total{code=\"503\"} 5";
        assert_eq!(state.observe(at(10), page), Ok(0.05));
    }

    #[test]
    fn a_series_that_was_away_has_not_grown_from_0() {
        let mut state = rate("c");
        let _ = state.observe(at(0), "c{a=\"1\"} 1000\nc{a=\"2\"} 10");
        assert_eq!(state.observe(at(10), "c{a=\"2\"} 20"), Ok(1.0));
        assert_eq!(
            state.observe(at(20), "c{a=\"1\"} 1010\nc{a=\"2\"} 30"),
            Ok(1.5)
        );
    }

    #[test]
    fn no_errors_yet_is_a_ratio_of_0_and_no_requests_is_no_data() {
        let mut state = errors(None);
        let _ = state.observe(at(0), "requests_total{code=\"200\"} 100");
        assert_eq!(
            state.observe(at(10), "requests_total{code=\"200\"} 200"),
            Ok(0.0)
        );
        let mut idle = errors(None);
        let _ = idle.observe(at(0), "requests_total{code=\"200\"} 100");
        assert_eq!(
            reason(idle.observe(at(10), "requests_total{code=\"200\"} 100")),
            Reason::NoData
        );
        assert_eq!(reason(idle.observe(at(20), "other 1")), Reason::NoData);
    }

    #[test]
    fn rule_6_below_min_events_a_ratio_is_unknown() {
        let mut state = errors(Some(50.0));
        let page = |ok: u32, bad: u32| {
            format!("requests_total{{code=\"200\"}} {ok}\nrequests_total{{code=\"500\"}} {bad}")
        };
        let _ = state.observe(at(0), &page(0, 0));
        let blind = state.observe(at(10), &page(2, 2)).unwrap_err();
        assert_eq!(
            blind,
            super::blind(Reason::NoData, "only 4 of 50 events in the window")
        );
        assert_eq!(state.observe(at(20), &page(45, 5)), Ok(0.1));
    }

    /// Buckets 0.1: 50, 0.5: 90, 1: 95, +Inf: 100.
    fn buckets() -> Vec<(f64, f64)> {
        vec![(0.1, 50.0), (0.5, 90.0), (1.0, 95.0), (INF, 100.0)]
    }

    fn quantile(quantile: f64, buckets: Vec<(f64, f64)>) -> (f64, bool) {
        let result = histogram_quantile(quantile, buckets).unwrap();
        (result.value, result.at_least)
    }

    #[test]
    fn rule_11_quantiles_are_those_of_prometheus() {
        // By hand from `bucketQuantile`: start + (end - start) * (rank - below) / (count - below).
        assert_eq!(quantile(0.25, buckets()), (0.05, false));
        assert_eq!(quantile(0.5, buckets()), (0.1, false));
        assert_eq!(quantile(0.7, buckets()), (0.1 + 0.4 * 20.0 / 40.0, false));
        assert_eq!(quantile(0.92, buckets()), (0.5 + 0.5 * 2.0 / 5.0, false));
        assert_eq!(quantile(0.95, buckets()), (1.0, false));
        assert_eq!(quantile(0.0, buckets()), (0.0, false));
        let negative = vec![(-1.0, 10.0), (0.0, 20.0), (INF, 20.0)];
        assert_eq!(quantile(0.2, negative.clone()), (-1.0, false));
        assert_eq!(quantile(0.75, negative), (-0.5, false));
    }

    #[test]
    fn rule_10_above_the_top_bucket_a_quantile_is_only_a_lower_bound() {
        assert_eq!(quantile(0.951, buckets()), (1.0, true));
        assert_eq!(quantile(1.0, buckets()), (1.0, true));
        assert_eq!(quantile(0.5, vec![(1.0, 0.0), (INF, 7.0)]), (1.0, true));
    }

    #[test]
    fn rule_11_buckets_are_forced_monotonic() {
        let torn = vec![(0.1, 50.0), (0.5, 48.0), (1.0, 95.0), (INF, 94.0)];
        let mended = vec![(0.1, 50.0), (0.5, 50.0), (1.0, 95.0), (INF, 95.0)];
        assert_eq!(quantile(0.9, torn), quantile(0.9, mended));
    }

    #[test]
    fn rule_11_a_histogram_needs_its_inf_bucket_and_events() {
        let reason = |buckets| histogram_quantile(0.5, buckets).unwrap_err().reason;
        assert_eq!(reason(vec![(0.1, 50.0), (0.5, 90.0)]), Reason::Parse);
        assert_eq!(reason(vec![(INF, 90.0)]), Reason::Parse);
        assert_eq!(reason(vec![(0.1, 0.0), (INF, 0.0)]), Reason::NoData);
        assert_eq!(reason(Vec::new()), Reason::NoData);
    }

    fn latency(min_events: Option<f64>) -> ScrapeState {
        let of = "latency_seconds{path=\"/\"}".to_owned();
        state(Formula::Quantile { quantile: 0.5, of }, min_events)
    }

    fn page(instance: &str, counts: [u32; 3]) -> String {
        let line = |le: &str, count: u32| {
            format!("latency_seconds_bucket{{path=\"/\",i=\"{instance}\",le=\"{le}\"}} {count}\n")
        };
        line("0.1", counts[0]) + &line("1", counts[1]) + &line("+Inf", counts[2])
    }

    #[test]
    fn rule_11_buckets_are_merged_by_label_set_over_the_increase() {
        let mut state = latency(None);
        let _ = state.observe(
            at(0),
            &(page("a", [1000, 1000, 1000]) + &page("b", [0, 0, 0])),
        );
        let value = state.observe(
            at(10),
            &(page("a", [1010, 1010, 1010]) + &page("b", [0, 30, 30])),
        );
        assert_eq!(value, Ok(0.1 + 0.9 * 10.0 / 30.0));
        assert!(!state.at_least());
        let value = state.observe(
            at(20),
            &(page("a", [1010, 1010, 1110]) + &page("b", [0, 30, 30])),
        );
        assert_eq!(value, Ok(1.0));
        assert!(state.at_least(), "most are above the top bucket now");
    }

    #[test]
    fn rule_10_an_idle_histogram_has_no_data_instead_of_a_healthy_looking_0() {
        let mut state = latency(Some(10.0));
        let _ = state.observe(at(0), &page("a", [5, 5, 5]));
        assert_eq!(
            reason(state.observe(at(10), &page("a", [5, 5, 5]))),
            Reason::NoData
        );
        assert_eq!(
            reason(state.observe(at(20), &page("a", [6, 6, 6]))),
            Reason::NoData
        );
        assert_eq!(state.observe(at(30), &page("a", [15, 15, 15])), Ok(0.05));
    }

    #[test]
    fn a_formula_is_checked_at_load_and_never_guessed_at() {
        let broken = Formula::Rate("sum(c)".to_owned());
        assert_eq!(validate(&broken).unwrap_err().at, 3..6);
        assert_eq!(validate(&Formula::Rate("c".to_owned())), Ok(()));
        assert_eq!(
            reason(state(broken, None).observe(at(0), "c 1")),
            Reason::Parse
        );
    }

    #[test]
    fn rule_11_a_page_of_50_000_lines_is_read_whole() {
        let page = |count: u32| {
            let mut page = String::new();
            for series in 0..50_000 {
                let code = if series % 1_000 == 0 { 500 } else { 200 };
                page += &format!(
                    "requests_total{{code=\"{code}\",path=\"/{series}\"}} {count} # {{trace_id=\"a\"}} 1\n"
                );
            }
            page
        };
        let of = "requests_total{code=~\"5..\"}".to_owned();
        let mut state = rate(&of);
        let _ = state.observe(at(0), &page(1));
        assert_eq!(state.observe(at(10), &page(3)), Ok(50.0 * 2.0 / 10.0));
    }

    #[test]
    fn a_selector_that_matches_half_the_page_is_refused() {
        let page: String = (0..=MOST_SERIES)
            .map(|i| format!("c{{i=\"{i}\"}} 1\n"))
            .collect();
        assert_eq!(reason(rate("c").observe(at(0), &page)), Reason::Parse);
    }

    #[test]
    fn series_that_went_are_forgotten_in_time() {
        let mut state = rate("c");
        for look in 0..10 {
            let page: String = (0..5_000)
                .map(|i| format!("c{{i=\"{look}-{i}\"}} 1\n"))
                .collect();
            let _ = state.observe(at(look * 10), &page);
        }
        let Ok(Plan::Rate(tally)) = &state.plan else {
            unreachable!()
        };
        assert!(tally.last.len() <= 2 * MOST_SERIES);
        assert!(tally.steps.len() <= 7);
    }

    proptest! {
        #[test]
        fn a_quantile_lies_within_the_bounds(quantile in 0.0..=1.0f64, counts in proptest::collection::vec(0.0..100.0f64, 2..8)) {
            let last = counts.len() - 1;
            let bound = |index: usize| if index == last { INF } else { index as f64 };
            let buckets: Vec<_> = counts.iter().enumerate().map(|(index, count)| (bound(index), *count)).collect();
            if let Ok(result) = histogram_quantile(quantile, buckets) {
                prop_assert!((0.0..=(last - 1) as f64).contains(&result.value), "{result:?}");
            }
        }

        #[test]
        fn a_rate_is_never_negative(values in proptest::collection::vec(0.0..1e6f64, 2..20)) {
            let mut state = rate("c");
            for (index, value) in values.iter().enumerate() {
                if let Ok(rate) = state.observe(at(index as u64 * 10), &format!("c {value}")) {
                    prop_assert!(rate >= 0.0);
                }
            }
        }
    }
}
