//! Checks: where they look, how often, and what they expect.

use std::ops::Range;
use std::time::Duration;

use super::texts::Use;
use super::{Entry, Lowering};
use crate::check::{Check, Expectation, HttpProbe, Notation, Probe, defaults};
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::document::{
    AlertsTable, CheckTable, DnsTable, DurationText, GrpcTable, HttpTable, Located, Port, TcpTable,
    Text, TlsTable,
};
use crate::runbook::shape::listed;
use crate::runbook::text::{format_duration, is_variable_name};
use crate::runbook::variables::refused_versions;

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
        let (every, timeout) = self.rhythm(&span, table.every.as_ref(), table.timeout.as_ref());
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
            *refuses = refused_versions(&expect);
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
    pub(super) fn name(
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

    pub(super) fn rhythm(
        &mut self,
        span: &Range<usize>,
        every: Option<&DurationText>,
        timeout: Option<&DurationText>,
    ) -> (Duration, Duration) {
        let read = self.duration(every);
        let unreadable = self.gaps.has(span, "every") || (every.is_some() && read.is_none());
        let interval = read.unwrap_or(EVERY);
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
        } else if limit >= interval && interval >= SHORTEST && !unreadable {
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

    /// Reports unless exactly one of the keys is written.
    pub(super) fn only_one(
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
            let Located { value: file, span } = file;
            let path =
                self.required_notated(file.path, &span, "path", "file probe", Notation::Path);
            Probe::File { path }
        });
        let command = table.command.map(|command| Probe::Command {
            run: self.shell(command.value.run, &command.span),
        });
        let grpc = table.grpc.map(|grpc| self.grpc(grpc));
        let socket = table.websocket.map(|socket| {
            let Located {
                value: socket,
                span,
            } = socket;
            let what = "websocket probe";
            let url = self.required_notated(socket.url, &span, "url", what, Notation::SocketUrl);
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
            url: self.required_notated(table.url, &span, "url", "http probe", Notation::WebUrl),
            method: self.capitals(table.method, "GET", Notation::Method),
            headers: headers
                .into_iter()
                .map(|(name, value)| self.header(name, value))
                .collect(),
            body: self.optional(table.body, Use::Sent),
            follow: table.follow,
            burst: self.whole(table.burst.as_ref(), 1..=1000).unwrap_or(1),
        })
    }

    fn header(&mut self, name: Text, value: Text) -> (String, String) {
        self.check_written(&name, Notation::HeaderName);
        (name.value, self.notated(value, Notation::HeaderValue))
    }

    /// A word that is the same in small letters, and in which no variable is filled in.
    fn capitals(&mut self, word: Option<Text>, otherwise: &str, notation: Notation) -> String {
        let Some(word) = word else {
            return otherwise.to_owned();
        };
        self.check_written(&word, notation);
        word.value.to_ascii_uppercase()
    }

    fn tcp(&mut self, table: Located<TcpTable>) -> Probe {
        let Located { value: table, span } = table;
        let port = self.required(table.port, &span, "port", "tcp probe");
        Probe::Tcp {
            host: self.required_notated(table.host, &span, "host", "tcp probe", Notation::Host),
            port: port.map(|port| self.port(port)).unwrap_or_default(),
            send: self.optional(table.send, Use::Sent),
        }
    }

    fn tls(&mut self, table: Located<TlsTable>) -> Probe {
        let Located { value: table, span } = table;
        Probe::Tls {
            host: self.required_notated(table.host, &span, "host", "tls probe", Notation::Host),
            port: table
                .port
                .map_or_else(|| "443".to_owned(), |port| self.port(port)),
            refuses: Vec::new(),
        }
    }

    fn port(&mut self, port: Located<Port>) -> String {
        let value = match port.value {
            Port::Number(number) => number.to_string(),
            Port::Text(text) => text,
        };
        let span = port.span;
        self.notated(Located { value, span }, Notation::Port)
    }

    fn dns(&mut self, table: Located<DnsTable>) -> Probe {
        let Located { value: table, span } = table;
        let resolvers = table.resolvers.0.into_iter();
        Probe::Dns {
            name: self.required_notated(table.name, &span, "name", "dns probe", Notation::DnsName),
            record: self.capitals(table.record, "A", Notation::Record),
            resolvers: resolvers
                .map(|resolver| self.notated(resolver, Notation::Resolver))
                .collect(),
        }
    }

    fn alerts(&mut self, table: Located<AlertsTable>) -> Probe {
        let Located { value: table, span } = table;
        let matching = table.matching.0.into_iter();
        Probe::Alerts {
            url: self.required_notated(table.url, &span, "url", "alerts probe", Notation::WebUrl),
            matching: matching
                .map(|matcher| self.notated(matcher, Notation::Matcher))
                .collect(),
        }
    }

    fn grpc(&mut self, table: Located<GrpcTable>) -> Probe {
        let Located { value: table, span } = table;
        Probe::Grpc {
            url: self.required_notated(table.url, &span, "url", "grpc probe", Notation::GrpcUrl),
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
    pub(super) fn shell(&mut self, run: Option<Text>, span: &Range<usize>) -> String {
        self.required(run, span, "run", "command")
            .map(|run| run.value)
            .unwrap_or_default()
    }
}

/// Where a table stands, if it is there.
pub(super) fn place<T>(table: &Option<Located<T>>) -> Option<Range<usize>> {
    table.as_ref().map(|table| table.span.clone())
}
