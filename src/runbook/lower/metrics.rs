//! Metrics: where a number comes from, and its limits.

use std::ops::Range;
use std::time::Duration;

use super::probes::place;
use super::texts::Use;
use super::{Entry, Lowering};
use crate::check::{Formula, Limit, Metric, MetricSource, Notation, Scrape};
use crate::runbook::document::{
    JsonTable, LimitText, Located, MetricTable, PrometheusTable, ScrapeTable, Text,
};

/// The keys that name a metric's source.
const SOURCES: [&str; 4] = ["prometheus", "scrape", "json", "command"];

impl Lowering<'_> {
    pub(super) fn metric(&mut self, entry: Entry<'_, MetricTable>) -> Metric {
        let Entry {
            mut table,
            span,
            siblings,
            ..
        } = entry;
        let (id, title) = self.name(
            table.id.take(),
            table.title.take(),
            &span,
            "metric",
            siblings,
        );
        let (every, timeout) = self.rhythm(&span, table.every.as_ref(), table.timeout.as_ref());
        let limits =
            [&table.warn, &table.fail, &table.clear].map(|limit| self.limit(limit.as_ref()));
        self.check_baseline(&table, &limits, &span);
        self.advise_on_floor(&table, &limits);
        self.advise_on_limits(&table, &limits);
        let sustained = self.duration(table.sustained.as_ref()).unwrap_or_default();
        self.advise_on_time(table.sustained.as_ref(), sustained, every);
        let [warn, fail, clear] = limits;
        let can = |limit: Option<Limit>, key: &str| limit.is_some() || self.gaps.has(&span, key);
        self.limits.push((
            can(warn, "warn") || table.warn.is_some(),
            can(fail, "fail") || table.fail.is_some(),
        ));
        Metric {
            id,
            title,
            unit: self
                .optional(table.unit.take(), Use::Shown)
                .unwrap_or_default(),
            every,
            timeout,
            warn,
            fail,
            clear,
            floor: self.limit(table.floor.as_ref()),
            sustained,
            min_events: self.finite(table.min_events.as_ref()),
            no_data: self.finite(table.no_data.as_ref()),
            baseline: self.some_duration(table.baseline.as_ref()),
            // After a mistake a stand-in that asks nothing takes the source's place.
            source: self
                .source(table, &span, every)
                .unwrap_or(MetricSource::Command { run: String::new() }),
            span,
        }
    }

    /// A limit relative to the baseline needs a baseline.
    fn check_baseline(
        &mut self,
        table: &MetricTable,
        limits: &[Option<Limit>; 3],
        span: &Range<usize>,
    ) {
        if table.baseline.is_some() || self.gaps.has(span, "baseline") {
            return;
        }
        let written: [&Option<LimitText>; 3] = [&table.warn, &table.fail, &table.clear];
        for (limit, written) in limits.iter().zip(written) {
            if let (Some(true), Some(written)) = (limit.map(|limit| limit.relative), written) {
                let help = "add `baseline = \"15m\"`: how much time before T-0 makes it";
                self.error(
                    "baseline-missing",
                    &written.0.span,
                    "this metric has no baseline",
                    help,
                );
            }
        }
    }

    fn finite(&mut self, number: Option<&Located<f64>>) -> Option<f64> {
        let number = number?;
        if !number.value.is_finite() {
            self.error(
                "out-of-range",
                &number.span,
                "this has to be a finite number",
                "write a number like `0.5`",
            );
        }
        Some(number.value)
    }

    fn source(
        &mut self,
        table: MetricTable,
        span: &Range<usize>,
        every: Duration,
    ) -> Option<MetricSource> {
        let places = [
            place(&table.prometheus),
            place(&table.scrape),
            place(&table.json),
            place(&table.command),
        ];
        let written: Vec<_> = SOURCES
            .into_iter()
            .zip(places)
            .filter_map(|(key, place)| Some((key, place?)))
            .collect();
        self.only_one("metric-source", &written, span, &SOURCES);
        let prometheus = table
            .prometheus
            .map(|Located { value, span }| self.prometheus(value, &span));
        let scrape = table.scrape.and_then(|scrape| self.scrape(scrape, every));
        let json = table
            .json
            .map(|Located { value, span }| self.json(value, &span));
        let command = table
            .command
            .map(|Located { value, span }| MetricSource::Command {
                run: self.shell(value.run, &span),
            });
        prometheus.or(scrape).or(json).or(command)
    }

    fn prometheus(&mut self, table: PrometheusTable, span: &Range<usize>) -> MetricSource {
        let what = "prometheus source";
        MetricSource::Prometheus {
            url: self.required_notated(table.url, span, "url", what, Notation::WebUrl),
            query: self.required_notated(table.query, span, "query", what, Notation::Query),
        }
    }

    fn json(&mut self, table: JsonTable, span: &Range<usize>) -> MetricSource {
        let what = "json source";
        MetricSource::Json {
            url: self.required_notated(table.url, span, "url", what, Notation::WebUrl),
            path: self.required_notated(table.path, span, "path", what, Notation::JsonPath),
        }
    }

    fn scrape(&mut self, scrape: Located<ScrapeTable>, every: Duration) -> Option<MetricSource> {
        let Located {
            value: mut table,
            span,
        } = scrape;
        let what = "scrape source";
        let url = self.required_notated(table.url.take(), &span, "url", what, Notation::WebUrl);
        let scale = self.finite(table.scale.as_ref()).unwrap_or(1.0);
        let window = self
            .some_duration(table.window.as_ref())
            .unwrap_or(Duration::from_mins(1));
        self.advise_on_window(&table, &span, window, every);
        let formula = self.formula(table, &span)?;
        Some(MetricSource::Scrape(Scrape {
            url,
            formula,
            scale,
            window,
        }))
    }

    fn formula(&mut self, table: ScrapeTable, span: &Range<usize>) -> Option<Formula> {
        let lost = ["value", "rate", "ratio", "over", "quantile", "of"]
            .iter()
            .any(|key| self.gaps.has(span, key));
        let quantile = table
            .quantile
            .inspect(|quantile| self.check_quantile(quantile));
        let mut text = |text: Text| self.notated(text, Notation::Selector);
        match (
            table.value,
            table.rate,
            (table.ratio, table.over),
            (quantile, table.of),
        ) {
            (Some(value), None, (None, None), (None, None)) => Some(Formula::Value(text(value))),
            (None, Some(rate), (None, None), (None, None)) => Some(Formula::Rate(text(rate))),
            (None, None, (Some(of), Some(over)), (None, None)) => Some(Formula::Ratio {
                of: text(of),
                over: text(over),
            }),
            (None, None, (None, None), (Some(quantile), Some(of))) => Some(Formula::Quantile {
                quantile: quantile.value,
                of: text(of),
            }),
            _ => {
                if !lost {
                    let message = "this scrape doesn't say what to compute, or says several things";
                    let help = "write one of `value`, `rate`, `ratio` with `over`, and `quantile` with `of`";
                    self.error("scrape-formula", span, message, help);
                }
                None
            }
        }
    }

    fn check_quantile(&mut self, quantile: &Located<f64>) {
        if !(0.0..=1.0).contains(&quantile.value) {
            let message = format!("{} isn't a quantile", quantile.value);
            self.error(
                "out-of-range",
                &quantile.span,
                message,
                "write a number from 0 to 1, like 0.95",
            );
        }
    }
}
