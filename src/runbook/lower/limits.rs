//! Limits of a metric that contradict each other, and keys of it that nothing asks for.

use super::Lowering;
use crate::check::{Comparison, Limit};
use crate::runbook::document::MetricTable;

/// What was understood of `warn`, `fail` and `clear`.
type Limits = [Option<Limit>; 3];

impl Lowering<'_> {
    pub(super) fn advise_on_limits(&mut self, table: &MetricTable, limits: &Limits) {
        self.advise_on_warn(table, limits);
        self.advise_on_clear(table, limits);
        self.advise_on_effect(table, limits);
        self.advise_on_share(table, limits);
    }

    /// A part of a counter over the whole of it is at most 1, so that most limits meant in percent never hold.
    fn advise_on_share(&mut self, table: &MetricTable, limits: &Limits) {
        let Some(scrape) = table.scrape.as_ref().map(|scrape| &scrape.value) else {
            return;
        };
        let (Some(part), Some(whole)) = (&scrape.ratio, &scrape.over) else {
            return;
        };
        let name = whole.value.trim();
        if counter(&part.value) != name {
            return;
        }
        let most = scrape.scale.as_ref().map_or(1.0, |scale| scale.value);
        for (limit, written) in limits.iter().zip([&table.warn, &table.fail]) {
            if let (Some(limit), Some(written)) = (limit, written)
                && is_beyond(*limit, most)
            {
                let message = format!(
                    "this is never reached: a part of `{name}` over all of it is at most {most}"
                );
                let help = "write `scale = 100` in `scrape` for percent, or a limit below that";
                self.advise("limit-out-of-reach", &written.0.span, message, help);
            }
        }
    }

    /// A warning that only begins where it fails anyway.
    fn advise_on_warn(&mut self, table: &MetricTable, limits: &Limits) {
        let (Some(written), [Some(warn), Some(fail), _]) = (&table.warn, limits) else {
            return;
        };
        if warn.relative == fail.relative && warn != fail && reaches_beyond(*fail, *warn) {
            let message = format!("this never warns: the metric fails at `{fail}` before");
            let help = "write a warning that comes before the failure";
            self.advise("warn-behind-fail", &written.0.span, message, help);
        }
    }

    /// What ends a breach lies where the metric is good.
    fn advise_on_clear(&mut self, table: &MetricTable, limits: &Limits) {
        let (Some(written), [warn, fail, Some(clear)]) = (&table.clear, limits) else {
            return;
        };
        let place = &written.0.span;
        let Some(breached) = fail.or(*warn) else {
            let message = "there is no limit whose breach this could end";
            self.advise(
                "no-effect",
                place,
                message,
                "add `fail = \"…\"`, or leave `clear` out",
            );
            return;
        };
        if clear.relative == breached.relative && overlap(*clear, breached) {
            let message = format!("this doesn't lie on the good side of `{breached}`");
            let help = "write `clear` for the other side, like `< 0.3` for `> 1`";
            self.advise("clear-beyond-limit", place, message, help);
        }
    }

    /// Keys that only some sources and limits ask for.
    fn advise_on_effect(&mut self, table: &MetricTable, limits: &Limits) {
        let relative = limits.iter().flatten().any(|limit| limit.relative);
        if let (Some(floor), false) = (&table.floor, relative) {
            let message = "a floor only matters to a limit relative to the baseline";
            let help = "leave `floor` out, or write `fail = \"> 1.5 * baseline\"`";
            self.advise("no-effect", &floor.0.span, message, help);
        }
        let scrape = table.scrape.as_ref().map(|scrape| &scrape.value);
        let counts = scrape.is_some_and(|scrape| scrape.ratio.is_some() || scrape.of.is_some());
        if let (Some(events), false) = (&table.min_events, counts) {
            let message = "only ratios and quantiles of a `scrape` count events";
            self.advise("no-effect", &events.span, message, "leave `min_events` out");
        }
    }
}

/// The name in a selector.
fn counter(selector: &str) -> &str {
    selector.split('{').next().unwrap_or_default().trim()
}

/// Whether no value up to `most` meets the limit.
fn is_beyond(limit: Limit, most: f64) -> bool {
    let met_upwards = is_above(limit) == Some(true) && !limit.relative;
    met_upwards && !limit.comparison.holds(most, limit.bound)
}

fn is_above(limit: Limit) -> Option<bool> {
    match limit.comparison {
        Comparison::Above | Comparison::AtLeast => Some(true),
        Comparison::Below | Comparison::AtMost => Some(false),
        Comparison::Equal | Comparison::NotEqual => None,
    }
}

/// Whether every value that meets `inner` meets `outer`, for limits to the same side.
fn reaches_beyond(outer: Limit, inner: Limit) -> bool {
    match (is_above(outer), is_above(inner)) {
        (Some(true), Some(true)) => outer.bound <= inner.bound,
        (Some(false), Some(false)) => outer.bound >= inner.bound,
        _ => false,
    }
}

/// Whether one value can meet both.
fn overlap(left: Limit, right: Limit) -> bool {
    match (is_above(left), is_above(right)) {
        (Some(true), Some(false)) => left.bound < right.bound,
        (Some(false), Some(true)) => left.bound > right.bound,
        (Some(_), Some(_)) => true,
        _ => false,
    }
}
