//! Checks and metrics.

use std::ops::Range;
use std::time::Duration;

use super::texts::Use;
use super::{Entry, Lowering};
use crate::check::{
    Check, Expectation, Formula, HttpProbe, Limit, Metric, MetricSource, Probe, Scrape, defaults,
};
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::document::{
    AlertsTable, CheckTable, DnsTable, DurationText, GrpcTable, HttpTable, LimitText, Located,
    MetricTable, Port, ScrapeTable, TcpTable, Text, TlsTable,
};
use crate::runbook::shape::listed;
use crate::runbook::text::{format_duration, is_variable_name};

/// How often to look, unless written.
const EVERY: Duration = Duration::from_secs(10);
/// How long a look may take, unless written and unless `every` is short.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Looking more often than this is an attack on the target.
const SHORTEST: Duration = Duration::from_millis(100);

/// The keys that name a kind of probe.
const PROBES: [&str; 10] = [
    "http",
    "tcp",
    "tls",
    "dns",
    "env",
    "file",
    "command",
    "alerts",
    "grpc",
    "websocket",
];
/// The keys that name a metric's source.
const SOURCES: [&str; 4] = ["prometheus", "scrape", "json", "command"];
/// Kinds that see something whatever the target does, so that without an expectation they prove nothing.
const NEED_EXPECTATIONS: [&str; 4] = ["http", "env", "file", "command"];

impl Lowering<'_> {
    pub(super) fn check(&mut self, entry: Entry<'_, CheckTable>) -> Check {
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
            "check",
            siblings,
        );
        let (every, timeout) = self.rhythm(table.every.as_ref(), table.timeout.as_ref());
        let fail_after = self.whole(table.fail_after.as_ref(), 1..=1000);
        let recover_after = self.whole(table.recover_after.as_ref(), 1..=1000);
        let severity = table.severity.unwrap_or_default();
        self.severities.push(severity);
        let expect = std::mem::take(&mut table.expect.0);
        let mut probe = self.probe(table, &span);
        // A look at this machine itself isn't lost on the way: it need not be repeated to be believed.
        let is_near = matches!(probe, Some(Probe::Env { .. } | Probe::File { .. }));
        let (failures, passes) = if is_near { (1, 1) } else { (3, 2) };
        let expect: Vec<Expectation> = probe
            .as_ref()
            .map(|probe| self.expectations(expect, probe.kind(), &span))
            .unwrap_or_default();
        if let Some(Probe::Tls { refuses, .. }) = &mut probe {
            let versions = expect.iter().filter_map(Expectation::refused_version);
            *refuses = versions.map(str::to_owned).collect();
        }
        // After a mistake a stand-in that looks at nothing takes the probe's place.
        let probe = probe.unwrap_or(Probe::Env {
            name: String::new(),
        });
        Check {
            id,
            title,
            probe,
            expect,
            severity,
            every,
            timeout,
            fail_after: fail_after.unwrap_or(failures),
            recover_after: recover_after.unwrap_or(passes),
            span,
        }
    }

    /// The id and title of a check or metric; each stands for the other when only one is written.
    fn name(
        &mut self,
        id: Option<Text>,
        title: Option<Text>,
        span: &Range<usize>,
        noun: &str,
        siblings: &mut super::names::Siblings,
    ) -> (String, String) {
        let lost = self.gaps.has(span, "id") || self.gaps.has(span, "title");
        if id.is_none() && title.is_none() && !lost {
            self.error(
                "missing-key",
                span,
                format!("this {noun} has no `id`"),
                "add `id = \"…\"` for references to it",
            );
        }
        let title = title.map(|title| self.title(Some(title), span, noun));
        let id = self.identify(id, title.as_deref(), span, noun, siblings);
        let title = title.unwrap_or_else(|| id.clone());
        (id, title)
    }

    fn rhythm(
        &mut self,
        every: Option<&DurationText>,
        timeout: Option<&DurationText>,
    ) -> (Duration, Duration) {
        let interval = self.duration(every).unwrap_or(EVERY);
        if let Some(written) = every.filter(|_| interval < SHORTEST) {
            let help = format!("write `{}` or more", format_duration(SHORTEST));
            self.error(
                "out-of-range",
                &written.0.span,
                "this looks too often",
                help,
            );
        }
        let Some(limit) = self.duration(timeout) else {
            return (interval, TIMEOUT.min(interval / 2));
        };
        let span = timeout.map_or(0..0, |written| written.0.span.clone());
        if limit.is_zero() {
            self.error(
                "out-of-range",
                &span,
                "nothing can be seen in no time",
                "write a time like `3s`",
            );
        } else if limit >= interval && interval >= SHORTEST {
            self.report_timeout(span, every, interval, limit);
        }
        (interval, limit)
    }

    fn report_timeout(
        &mut self,
        span: Range<usize>,
        every: Option<&DurationText>,
        interval: Duration,
        limit: Duration,
    ) {
        let (limit, interval) = (format_duration(limit), format_duration(interval));
        let message = format!("a look may take {limit}, but the next one starts after {interval}");
        let help = "`timeout` has to be shorter than `every`";
        let diagnostic = Diagnostic::error("timeout-too-long", span, message);
        self.report(match every {
            Some(every) => diagnostic
                .help(help)
                .related(every.0.span.clone(), "how often"),
            None => diagnostic.help(format!("{help}, which is {interval} unless written")),
        });
    }

    fn expectations(
        &mut self,
        texts: Vec<Text>,
        kind: &str,
        span: &Range<usize>,
    ) -> Vec<Expectation> {
        if texts.is_empty() && NEED_EXPECTATIONS.contains(&kind) && !self.gaps.has(span, "expect") {
            let message = "this check expects nothing, so it would prove nothing";
            self.error(
                "missing-key",
                span,
                message,
                "add `expect = [\"…\"]`, for example `status == 200` for `http`",
            );
        }
        if texts.is_empty() {
            // Nothing expected would pass whatever is seen.
            return defaults(kind);
        }
        texts
            .into_iter()
            .filter_map(|text| self.expectation(&text, kind))
            .collect()
    }

    fn expectation(&mut self, text: &Text, kind: &str) -> Option<Expectation> {
        self.check_variables(text, Use::Shown);
        match Expectation::parse(&text.value, kind) {
            Ok(expectation) => Some(expectation),
            Err(error) => {
                self.report_syntax(
                    "expectation",
                    text,
                    error,
                    "write it like `status == 200` or `latency < 500ms`",
                );
                None
            }
        }
    }

    /// Reports unless exactly one of the keys is written.
    fn only_one(
        &mut self,
        code: &'static str,
        written: &[(&str, Range<usize>)],
        span: &Range<usize>,
        all: &[&str],
    ) {
        match written {
            [_] => {}
            [] if all.iter().any(|key| self.gaps.has(span, key)) => {}
            [] => {
                let message = "this doesn't say where to look";
                self.error(code, span, message, format!("add one of {}", listed(all)));
            }
            [(first, place), (second, again), ..] => {
                let message = format!("both `{first}` and `{second}` say where to look");
                let diagnostic = Diagnostic::error(code, again.clone(), message)
                    .help("keep one, and write another entry for the other")
                    .related(place.clone(), "the first one");
                self.report(diagnostic);
            }
        }
    }

    fn probe(&mut self, table: CheckTable, span: &Range<usize>) -> Option<Probe> {
        let places = [
            place(&table.http),
            place(&table.tcp),
            place(&table.tls),
            place(&table.dns),
            place(&table.env),
            place(&table.file),
            place(&table.command),
            place(&table.alerts),
            place(&table.grpc),
            place(&table.websocket),
        ];
        let written: Vec<_> = PROBES
            .into_iter()
            .zip(places)
            .filter_map(|(key, place)| Some((key, place?)))
            .collect();
        self.only_one("probe-kind", &written, span, &PROBES);
        // Each is lowered, so that mistakes in a superfluous one are reported too.
        let web = table.http.map(|http| self.http(http));
        let wire = table
            .tcp
            .map(|tcp| self.tcp(tcp))
            .or(table.tls.map(|tls| self.tls(tls)));
        let names = table
            .dns
            .map(|dns| self.dns(dns))
            .or(table.alerts.map(|alerts| self.alerts(alerts)));
        let local = table.env.map(|env| {
            let name = self.env_name(env.value.name, &env.span);
            Probe::Env { name }
        });
        let file = table.file.map(|file| {
            let path =
                self.required_text(file.value.path, &file.span, "path", "file probe", Use::Sent);
            Probe::File { path }
        });
        let command = table.command.map(|command| Probe::Command {
            run: self.shell(command.value.run, &command.span),
        });
        let grpc = table.grpc.map(|grpc| self.grpc(grpc));
        let socket = table.websocket.map(|socket| {
            let url = self.required_text(
                socket.value.url,
                &socket.span,
                "url",
                "websocket probe",
                Use::Sent,
            );
            Probe::WebSocket { url }
        });
        web.or(wire)
            .or(names)
            .or(local)
            .or(file)
            .or(command)
            .or(grpc)
            .or(socket)
    }

    fn http(&mut self, table: Located<HttpTable>) -> Probe {
        let Located { value: table, span } = table;
        let headers = table.headers.map(|headers| headers.0).unwrap_or_default();
        Probe::Http(HttpProbe {
            url: self.required_text(table.url, &span, "url", "http probe", Use::Sent),
            method: table.method.map_or_else(
                || "GET".to_owned(),
                |method| method.value.to_ascii_uppercase(),
            ),
            headers: headers
                .into_iter()
                .map(|(name, value)| (name.value, self.text(value, Use::Sent)))
                .collect(),
            body: self.optional(table.body, Use::Sent),
            follow: table.follow,
            burst: self.whole(table.burst.as_ref(), 1..=1000).unwrap_or(1),
        })
    }

    fn tcp(&mut self, table: Located<TcpTable>) -> Probe {
        let Located { value: table, span } = table;
        let port = self.required(table.port, &span, "port", "tcp probe");
        Probe::Tcp {
            host: self.required_text(table.host, &span, "host", "tcp probe", Use::Sent),
            port: port.map(|port| self.port(port)).unwrap_or_default(),
            send: self.optional(table.send, Use::Sent),
        }
    }

    fn tls(&mut self, table: Located<TlsTable>) -> Probe {
        let Located { value: table, span } = table;
        Probe::Tls {
            host: self.required_text(table.host, &span, "host", "tls probe", Use::Sent),
            port: table
                .port
                .map_or_else(|| "443".to_owned(), |port| self.port(port)),
            refuses: Vec::new(),
        }
    }

    fn port(&mut self, port: Located<Port>) -> String {
        let Located { value, span } = port;
        let text = match value {
            Port::Number(number) => number.to_string(),
            Port::Text(text) => self.text(
                Located {
                    value: text,
                    span: span.clone(),
                },
                Use::Sent,
            ),
        };
        let names_a_variable = text.contains("${");
        if !names_a_variable && !text.parse::<u16>().is_ok_and(|port| port > 0) {
            self.error(
                "out-of-range",
                &span,
                format!("{text} isn't a port"),
                "write a number from 1 to 65535",
            );
        }
        text
    }

    fn dns(&mut self, table: Located<DnsTable>) -> Probe {
        let Located { value: table, span } = table;
        Probe::Dns {
            name: self.required_text(table.name, &span, "name", "dns probe", Use::Sent),
            record: table.record.map_or_else(
                || "A".to_owned(),
                |record| record.value.to_ascii_uppercase(),
            ),
            resolvers: self.texts(table.resolvers.0, Use::Sent),
        }
    }

    fn alerts(&mut self, table: Located<AlertsTable>) -> Probe {
        let Located { value: table, span } = table;
        Probe::Alerts {
            url: self.required_text(table.url, &span, "url", "alerts probe", Use::Sent),
            matching: self.texts(table.matching.0, Use::Sent),
        }
    }

    fn grpc(&mut self, table: Located<GrpcTable>) -> Probe {
        let Located { value: table, span } = table;
        Probe::Grpc {
            url: self.required_text(table.url, &span, "url", "grpc probe", Use::Sent),
            service: self.optional(table.service, Use::Sent).unwrap_or_default(),
        }
    }

    fn env_name(&mut self, name: Option<Text>, span: &Range<usize>) -> String {
        let Some(name) = self.required(name, span, "name", "env probe") else {
            return String::new();
        };
        if !is_variable_name(&name.value) {
            let message = format!(
                "`{}` can't be the name of an environment variable",
                name.value
            );
            self.error(
                "bad-id",
                &name.span,
                message,
                "use letters, digits and `_`, a digit not first",
            );
        }
        name.value
    }

    /// Shell text, in which `${NAME}` is the shell's own.
    fn shell(&mut self, run: Option<Text>, span: &Range<usize>) -> String {
        self.required(run, span, "run", "command")
            .map(|run| run.value)
            .unwrap_or_default()
    }

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
        let (every, timeout) = self.rhythm(table.every.as_ref(), table.timeout.as_ref());
        let limits =
            [&table.warn, &table.fail, &table.clear].map(|limit| self.limit(limit.as_ref()));
        self.check_baseline(&table, &limits, &span);
        self.advise_on_floor(&table, &limits);
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
            .map(|Located { value, span }| MetricSource::Prometheus {
                url: self.required_text(value.url, &span, "url", "prometheus source", Use::Sent),
                query: self.required_text(
                    value.query,
                    &span,
                    "query",
                    "prometheus source",
                    Use::Sent,
                ),
            });
        let scrape = table.scrape.and_then(|scrape| self.scrape(scrape, every));
        let json = table
            .json
            .map(|Located { value, span }| MetricSource::Json {
                url: self.required_text(value.url, &span, "url", "json source", Use::Sent),
                path: self.required_text(value.path, &span, "path", "json source", Use::Sent),
            });
        let command = table
            .command
            .map(|Located { value, span }| MetricSource::Command {
                run: self.shell(value.run, &span),
            });
        prometheus.or(scrape).or(json).or(command)
    }

    fn scrape(&mut self, scrape: Located<ScrapeTable>, every: Duration) -> Option<MetricSource> {
        let Located {
            value: mut table,
            span,
        } = scrape;
        let url = self.required_text(table.url.take(), &span, "url", "scrape source", Use::Sent);
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
        let text = |text: Text| text.value;
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

fn place<T>(table: &Option<Located<T>>) -> Option<Range<usize>> {
    table.as_ref().map(|table| table.span.clone())
}
