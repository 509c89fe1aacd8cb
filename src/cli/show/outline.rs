//! A runbook as an outline for people: the way forward, the ways back, then what is looked at meanwhile.

use std::time::Duration;

use super::document::{inject_time, proof_name, step_count};
use crate::check::{Check, Formula, Limit, Metric, MetricSource, Probe, Severity};
use crate::cli::lint::plural;
use crate::runbook::text::{format_duration, format_offset};
use crate::runbook::{
    Choice, Command, Condition, Drill, Fault, Gate, Order, Rollback, Runbook, Section, Step,
    StepIndex, Trigger, TriggerMode, Variable,
};
use crate::ui::text::{visible, width};

/// The outline in lines of at most so many columns, where words allow it.
pub fn of(runbook: &Runbook, columns: usize) -> String {
    let mut outline = Outline {
        text: String::new(),
        columns,
        runbook,
    };
    outline.head();
    for phase in &runbook.phases {
        let at = phase.at.map(format_offset).unwrap_or_default();
        outline.heading(&format!(
            "{}  {}  {at}",
            phase.stage.name().to_uppercase(),
            phase.title
        ));
        phase
            .sections
            .iter()
            .for_each(|section| outline.section(section));
    }
    for rollback in &runbook.rollbacks {
        outline.rollback(rollback);
    }
    outline.live();
    outline.words();
    for list in &runbook.upkeep {
        outline.heading(&format!(
            "UPKEEP  {}  every {}",
            list.title,
            format_duration(list.every)
        ));
        outline.steps(&list.steps, 2);
    }
    runbook.drills.iter().for_each(|drill| outline.drill(drill));
    outline.text
}

struct Outline<'r> {
    text: String,
    columns: usize,
    runbook: &'r Runbook,
}

/// Further lines of a paragraph start so much behind its first.
const HANGING: usize = 2;

impl Outline<'_> {
    /// A paragraph, wrapped. Every line of `text` starts a new one and keeps its own indentation.
    fn line(&mut self, indent: usize, text: &str) {
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let own = line.len() - line.trim_start().len();
            self.wrap(indent + own, &visible(line.trim()));
        }
    }

    fn wrap(&mut self, indent: usize, line: &str) {
        let mut used = indent;
        self.text.push_str(&" ".repeat(indent));
        let mut is_first = true;
        for word in line.split(' ') {
            let room = used + width(word) + usize::from(!is_first) <= self.columns;
            if !is_first && !room {
                used = if indent > 0 { indent + HANGING } else { 0 };
                self.text.push('\n');
                self.text.push_str(&" ".repeat(used));
            } else if !is_first {
                self.text.push(' ');
                used += 1;
            }
            self.text.push_str(word);
            used += width(word);
            is_first = false;
        }
        self.text.push('\n');
    }

    fn heading(&mut self, text: &str) {
        self.text.push('\n');
        self.line(0, text);
    }

    fn head(&mut self) {
        let runbook = self.runbook;
        self.line(0, &runbook.title);
        self.line(0, &runbook.summary);
        let musts = runbook.steps.iter().filter(|step| step.must).count();
        let counts = [
            plural(step_count(runbook), "step"),
            format!("{musts} MUST"),
            plural(runbook.checks.len(), "check"),
            plural(runbook.metrics.len(), "metric"),
            plural(runbook.triggers.len(), "trigger"),
            plural(runbook.rollbacks.len(), "rollback"),
        ];
        self.line(0, &counts.join(", "));
        self.line(0, &format!("target: {}", runbook.target));
        self.line(0, &window(runbook));
        self.part("ROLES", &runbook.roles, |role| {
            format!("{}: {}", role.id, role.title)
        });
        self.part("VARIABLES", &runbook.variables, variable);
    }

    /// A heading with one line for each; nothing when there is none.
    fn part<T>(&mut self, heading: &str, parts: &[T], words: impl Fn(&T) -> String) {
        if !parts.is_empty() {
            self.heading(heading);
        }
        for part in parts {
            self.line(2, &words(part));
        }
    }

    fn section(&mut self, section: &Section) {
        self.text.push('\n');
        let mut facts = vec![order(section.order).to_owned()];
        facts.extend(section.role.clone());
        self.line(
            2,
            &format!(
                "{}  {}  ({})",
                section.number,
                section.title,
                facts.join(", ")
            ),
        );
        self.line(4, section.text.as_deref().unwrap_or_default());
        self.steps(&section.steps, 4);
        if let Some(choice) = &section.choice {
            self.choice(choice);
        }
        if let Some(gate) = &section.gate {
            self.line(4, &poll(gate));
        }
    }

    fn choice(&mut self, choice: &Choice) {
        self.line(4, &format!("choose {}:", choice.name));
        for option in &choice.options {
            self.line(6, &format!("{}  {}", option.id, option.title));
            self.steps(&option.steps, 8);
        }
    }

    fn steps(&mut self, steps: &[StepIndex], indent: usize) {
        for &index in steps {
            let step = self.runbook.step(index);
            self.line(indent, &title(step));
            for detail in details(self.runbook, step) {
                self.line(indent + 4, &detail);
            }
            self.steps(&step.children, indent + 4);
        }
    }

    fn rollback(&mut self, rollback: &Rollback) {
        let within = rollback
            .within
            .map(|within| format!("  within {}", format_duration(within)));
        self.heading(&format!(
            "ROLLBACK  {}{}",
            rollback.title,
            within.unwrap_or_default()
        ));
        let mut facts = vec![
            format!("id {}", rollback.id),
            order(rollback.order).to_owned(),
        ];
        facts.extend(
            rollback
                .option
                .as_ref()
                .map(|option| format!("when {option} was taken")),
        );
        facts.extend(rollback.auto.then(|| "may start by itself".to_owned()));
        self.line(2, &facts.join(", "));
        self.line(2, rollback.text.as_deref().unwrap_or_default());
        self.steps(&rollback.steps, 2);
        let proofs: Vec<String> = rollback
            .verify
            .iter()
            .map(|proof| proof_name(self.runbook, *proof))
            .collect();
        if !proofs.is_empty() {
            let hold = match rollback.hold {
                Duration::ZERO => String::new(),
                hold => format!(" for {}", format_duration(hold)),
            };
            self.line(2, &format!("verified by {}{hold}", proofs.join(", ")));
        }
    }

    fn live(&mut self) {
        let runbook = self.runbook;
        self.part("CHECKS", &runbook.checks, check);
        self.part("METRICS", &runbook.metrics, metric);
        self.part("TRIGGERS", &runbook.triggers, |one| trigger(runbook, one));
    }

    fn words(&mut self) {
        let runbook = self.runbook;
        self.part("MESSAGES", &runbook.messages, |message| {
            let every = message
                .every
                .map(|every| format!(" every {}", format_duration(every)));
            let webhook = message.webhook.as_ref().map(|url| format!(" to {url}"));
            let (every, webhook) = (every.unwrap_or_default(), webhook.unwrap_or_default());
            format!(
                "{}: {}{every}{webhook}\n{}",
                message.id, message.title, message.text
            )
        });
        self.part("COMMANDS", &runbook.quick_commands, |quick| {
            format!("{}\n{}", quick.title, command(&quick.command).join("\n"))
        });
        self.part("CONTACTS", &runbook.contacts, |contact| {
            let role = contact.role.as_ref().map(|role| format!(" ({role})"));
            format!(
                "{}{}: {}",
                contact.name,
                role.unwrap_or_default(),
                contact.reach
            )
        });
        self.part("LINKS", &runbook.links, |link| {
            format!("{}: {}", link.title, link.url)
        });
    }

    fn drill(&mut self, drill: &Drill) {
        self.heading(&format!("DRILL  {}  (id {})", drill.title, drill.id));
        for inject in &drill.injects {
            let what = fault(self.runbook, &inject.fault);
            self.line(2, &format!("{}  {what}", inject_time(inject.when)));
        }
        let targets = &drill.targets;
        let targets: Vec<String> = [
            ("detect", targets.detect),
            ("decide", targets.decide),
            ("rollback", targets.rollback),
        ]
        .into_iter()
        .filter_map(|(name, time)| Some(format!("{name} within {}", format_duration(time?))))
        .collect();
        self.line(2, &targets.join(", "));
    }
}

fn order(order: Order) -> &'static str {
    match order {
        Order::ReadDo => "read-do",
        Order::DoConfirm => "do-confirm",
    }
}

fn window(runbook: &Runbook) -> String {
    let window = &runbook.window;
    let mut facts = Vec::new();
    facts.extend(
        window
            .opens
            .map(|opens| format!("opens {}", format_offset(opens))),
    );
    facts.extend(
        window
            .closes
            .map(|closes| format!("closes {}", format_offset(closes))),
    );
    let budget = window.rollback_budget.map(format_duration);
    facts.extend(budget.map(|budget| format!("rollback budget {budget}")));
    if facts.is_empty() {
        String::new()
    } else {
        format!("window: {}", facts.join(", "))
    }
}

fn variable(variable: &Variable) -> String {
    let mut facts = vec![format!("{}: {}", variable.name, variable.label)];
    facts.extend(match (&variable.default, variable.secret) {
        (_, true) => Some("secret, from the environment".to_owned()),
        (Some(default), false) => Some(format!("default {default}")),
        (None, false) => Some("required".to_owned()),
    });
    facts.extend(
        variable
            .pattern
            .as_ref()
            .map(|pattern| format!("matches {pattern}")),
    );
    facts.join(", ")
}

fn poll(gate: &Gate) -> String {
    let hold = gate
        .hold
        .map(|hold| format!("HOLD {}: ", format_duration(hold)));
    format!(
        "=== {}{}  asks {} ===",
        hold.unwrap_or_default(),
        gate.question,
        gate.roles.join(", ")
    )
}

fn title(step: &Step) -> String {
    let mut marks = Vec::new();
    marks.extend(step.must.then(|| "MUST".to_owned()));
    marks.extend(step.optional.then(|| "optional".to_owned()));
    marks.extend(step.recheck.then(|| "recheck".to_owned()));
    marks.extend(step.at.map(format_offset));
    marks.extend(step.role.clone());
    let marks = if marks.is_empty() {
        String::new()
    } else {
        format!("  ({})", marks.join(", "))
    };
    format!("[ ] {}  {}{marks}", step.number, step.title)
}

fn details(runbook: &Runbook, step: &Step) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(
        step.condition
            .as_ref()
            .map(|condition| format!("if {condition}")),
    );
    lines.extend(step.why.clone());
    lines.extend(step.text.clone());
    lines.extend(step.command.iter().flat_map(command));
    lines.extend(step.record.as_ref().map(|record| {
        let want = record.want.map(|want| format!(", wanted {want}"));
        format!(
            "= {} {}{}",
            record.label,
            record.unit,
            want.unwrap_or_default()
        )
    }));
    lines.extend(proofs(runbook, step));
    lines.extend(step.sign.as_ref().map(|role| format!("signed by {role}")));
    lines.extend(
        step.second
            .then(|| "with the initials of a second person".to_owned()),
    );
    lines.extend(step.link.as_ref().map(|link| format!("see {link}")));
    lines
}

fn proofs(runbook: &Runbook, step: &Step) -> Option<String> {
    let checks = step
        .checks
        .iter()
        .map(|check| format!("check {}", runbook.checks[*check].id));
    let metrics = step
        .metrics
        .iter()
        .map(|metric| format!("metric {}", runbook.metrics[*metric].id));
    let proofs: Vec<String> = checks.chain(metrics).collect();
    let soak = step
        .soak
        .map(|soak| format!(" for {}", format_duration(soak)))
        .unwrap_or_default();
    (!proofs.is_empty()).then(|| format!("proved by {}{soak}", proofs.join(", ")))
}

fn command(command: &Command) -> Vec<String> {
    let mut facts = vec![command.level.name().to_owned()];
    let mut time = |name, time: Option<Duration>| {
        facts.extend(time.map(|time| format!("{name} {}", format_duration(time))));
    };
    time("takes", command.takes);
    time("timeout", command.timeout);
    facts.extend(command.tty.then(|| "in a terminal".to_owned()));
    facts.extend(command.auto.then(|| "by itself".to_owned()));
    facts.extend(command.dir.as_ref().map(|dir| format!("in {dir}")));
    let mut lines = vec![
        format!("$ {}", command.run),
        format!("  ({})", facts.join(", ")),
    ];
    lines.extend(command.undo.as_ref().map(|undo| format!("undo: $ {undo}")));
    lines
}

fn check(check: &Check) -> String {
    let expected: Vec<&str> = check
        .expect
        .iter()
        .map(|expectation| expectation.text())
        .collect();
    let breaks = match check.severity {
        Severity::Fail => "fails",
        Severity::Warn => "warns",
    };
    format!(
        "{}: {}\n  {} {}\n  expects {}\n  every {}, timeout {}, {breaks} after {}, recovers after {}",
        check.id,
        check.title,
        check.probe.kind(),
        probe(&check.probe),
        expected.join("; "),
        format_duration(check.every),
        format_duration(check.timeout),
        check.fail_after,
        check.recover_after,
    )
}

fn probe(probe: &Probe) -> String {
    match probe {
        Probe::Http(http) => {
            let names: Vec<&str> = http.headers.iter().map(|(name, _)| name.as_str()).collect();
            let mut words = format!("{} {}", http.method, http.url);
            for (is_so, fact) in [
                (!names.is_empty(), format!(", with {}", names.join(", "))),
                (http.body.is_some(), ", with a body".to_owned()),
                (http.follow, ", follows redirects".to_owned()),
                (http.burst > 1, format!(", {} times in a row", http.burst)),
            ] {
                words.push_str(if is_so { &fact } else { "" });
            }
            words
        }
        Probe::Tcp { host, port, send } => {
            format!(
                "{host}:{port}{}",
                if send.is_some() {
                    ", sends something"
                } else {
                    ""
                }
            )
        }
        Probe::Tls { host, port, .. } => format!("{host}:{port}"),
        Probe::Dns {
            name,
            record,
            resolvers,
        } => {
            let asked = if resolvers.is_empty() {
                String::new()
            } else {
                format!(" at {}", resolvers.join(", "))
            };
            format!("{name} {record}{asked}")
        }
        Probe::Env { name } => name.clone(),
        Probe::File { path } => path.clone(),
        Probe::Command { run } => format!("$ {run}"),
        Probe::Alerts { url, matching } => format!("{url} {}", matching.join(", ")),
        Probe::Grpc { url, service } => format!("{url} {service}"),
        Probe::WebSocket { url } => url.clone(),
    }
}

fn metric(metric: &Metric) -> String {
    let mut limits = Vec::new();
    let mut limit =
        |name, limit: Option<Limit>| limits.extend(limit.map(|limit| format!("{name} {limit}")));
    limit("warns", metric.warn);
    limit("fails", metric.fail);
    limit("clears", metric.clear);
    limit("only if", metric.floor);
    if !metric.sustained.is_zero() {
        limits.push(format!("for {}", format_duration(metric.sustained)));
    }
    limits.extend(
        metric
            .baseline
            .map(|time| format!("baseline {}", format_duration(time))),
    );
    limits.extend(
        metric
            .min_events
            .map(|events| format!("from {events} events on")),
    );
    limits.extend(metric.no_data.map(|value| format!("no data means {value}")));
    let unit = match metric.unit.as_str() {
        "" => String::new(),
        unit => format!(" ({unit})"),
    };
    format!(
        "{}: {}{unit}\n  {} {}\n  every {}, timeout {}\n  {}",
        metric.id,
        metric.title,
        metric.source.kind(),
        source(&metric.source),
        format_duration(metric.every),
        format_duration(metric.timeout),
        limits.join(", "),
    )
}

fn source(source: &MetricSource) -> String {
    match source {
        MetricSource::Prometheus { url, query } => format!("{url}: {query}"),
        MetricSource::Json { url, path } => format!("{url} {path}"),
        MetricSource::Command { run } => format!("$ {run}"),
        MetricSource::Scrape(scrape) => {
            let formula = match &scrape.formula {
                Formula::Value(selector) => selector.clone(),
                Formula::Rate(selector) => format!("rate of {selector}"),
                Formula::Ratio { of, over } => format!("{of} over {over}"),
                Formula::Quantile { quantile, of } => format!("quantile {quantile} of {of}"),
            };
            let window = format_duration(scrape.window);
            format!(
                "{}: {formula}, times {}, over {window}",
                scrape.url, scrape.scale
            )
        }
    }
}

fn trigger(runbook: &Runbook, trigger: &Trigger) -> String {
    let mut facts = Vec::new();
    facts.extend(trigger.condition.as_ref().map(|condition| {
        let terms: Vec<&str> = condition
            .terms()
            .iter()
            .map(|term| term.text.as_str())
            .collect();
        let word = if matches!(condition, Condition::Any(_)) {
            " or "
        } else {
            " and "
        };
        format!("when {}", terms.join(word))
    }));
    facts.extend(trigger.manual.then(|| "by hand, with a reason".to_owned()));
    let armed: Vec<&str> = trigger.armed.iter().map(|stage| stage.name()).collect();
    facts.push(format!("armed {}", armed.join(", ")));
    facts.extend(
        trigger
            .decide_within
            .map(|time| format!("decide within {}", format_duration(time))),
    );
    facts.extend(
        trigger
            .settle
            .map(|time| format!("settles {}", format_duration(time))),
    );
    facts.push(
        match trigger.mode {
            TriggerMode::Confirm => "asks for a decision",
            TriggerMode::Advise => "tells only",
            TriggerMode::Auto => "ACTS BY ITSELF",
        }
        .to_owned(),
    );
    let rollbacks: Vec<&str> = trigger
        .rollbacks
        .iter()
        .map(|rollback| runbook.rollbacks[*rollback].id.as_str())
        .collect();
    if !rollbacks.is_empty() {
        facts.push(format!("suggests rollback {}", rollbacks.join(", ")));
    }
    format!("{}: {}\n  {}", trigger.id, trigger.title, facts.join("; "))
}

fn fault(runbook: &Runbook, fault: &Fault) -> String {
    match fault {
        Fault::Metric { metric, to, over } => {
            format!(
                "metric {} goes to {to} over {}",
                runbook.metrics[*metric].id,
                format_duration(*over)
            )
        }
        Fault::Check { check, is } => format!("check {} is {is}", runbook.checks[*check].id),
        Fault::StepHangs { step, time } => {
            format!(
                "{} hangs for {}",
                runbook.step(*step).id,
                format_duration(*time)
            )
        }
        Fault::StepFails { step, exit } => {
            format!("{} fails with exit {exit}", runbook.step(*step).id)
        }
    }
}
