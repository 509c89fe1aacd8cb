//! A runbook as JSON: every key of the format, with references by id and times as an author writes them.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::check::{Check, Formula, Limit, Metric, MetricSource, Probe, Scrape};
use crate::runbook::text::{format_duration, format_offset};
use crate::runbook::{
    Choice, Command, Condition, Drill, Fault, Gate, Home, Inject, InjectTime, Proof, Rollback,
    Runbook, Section, StepIndex, Trigger, Upkeep, Variable,
};

/// The whole runbook. The counts stand on top because that is what scripts ask for; what they count stands below,
/// under `phases` and `definitions`.
pub fn of(runbook: &Runbook) -> Value {
    let choices = runbook
        .sections()
        .filter_map(|(_, section)| section.choice.as_ref());
    json!({
        "title": runbook.title,
        "summary": runbook.summary,
        "target": runbook.target,
        "steps": step_count(runbook),
        "checks": runbook.checks.len(),
        "metrics": runbook.metrics.len(),
        "triggers": runbook.triggers.len(),
        "rollbacks": runbook.rollbacks.len(),
        "options": choices.map(|choice| choice.options.len()).sum::<usize>(),
        "roles": runbook.roles.iter().map(|role| &role.id).collect::<Vec<_>>(),
        "upkeep": runbook.upkeep.len(),
        "phases": runbook.phases.iter().map(|phase| json!({
            "id": phase.id,
            "title": phase.title,
            "stage": phase.stage,
            "at": phase.at.map(format_offset),
            "sections": list(&phase.sections, |part| section(runbook, part)),
        })).collect::<Vec<_>>(),
        "definitions": definitions(runbook),
    })
}

/// Steps and substeps of the way forward, of all options and of the ways back. Upkeep is a work of its own.
pub fn step_count(runbook: &Runbook) -> usize {
    let steps = runbook.steps.iter();
    steps
        .filter(|step| !matches!(step.home, Home::Upkeep(_)))
        .count()
}

fn list<T>(parts: &[T], one: impl Fn(&T) -> Value) -> Vec<Value> {
    parts.iter().map(one).collect()
}

fn definitions(runbook: &Runbook) -> Value {
    let window = &runbook.window;
    json!({
        "roles": list(&runbook.roles, |role| json!({ "id": role.id, "title": role.title })),
        "variables": list(&runbook.variables, variable),
        "window": {
            "opens": offset(window.opens),
            "closes": offset(window.closes),
            "rollback_budget": duration(window.rollback_budget),
        },
        "checks": list(&runbook.checks, check),
        "metrics": list(&runbook.metrics, metric),
        "triggers": list(&runbook.triggers, |part| trigger(runbook, part)),
        "rollbacks": list(&runbook.rollbacks, |part| rollback(runbook, part)),
        "messages": list(&runbook.messages, |message| json!({
            "id": message.id,
            "title": message.title,
            "every": duration(message.every),
            "text": message.text,
            "webhook": message.webhook,
        })),
        "commands": list(&runbook.quick_commands, |quick| {
            let mut value = command(&quick.command);
            value["title"] = json!(quick.title);
            value
        }),
        "contacts": list(&runbook.contacts, |contact| json!({
            "role": contact.role, "name": contact.name, "reach": contact.reach,
        })),
        "links": list(&runbook.links, |link| json!({ "title": link.title, "url": link.url })),
        "upkeep": list(&runbook.upkeep, |part| upkeep(runbook, part)),
        "drills": list(&runbook.drills, |part| drill(runbook, part)),
    })
}

fn duration(duration: Option<Duration>) -> Value {
    json!(duration.map(format_duration))
}

fn offset(offset: Option<SignedDuration>) -> Value {
    json!(offset.map(format_offset))
}

fn limit(limit: Option<Limit>) -> Value {
    json!(limit.map(|limit| limit.to_string()))
}

fn variable(variable: &Variable) -> Value {
    json!({
        "name": variable.name,
        "label": variable.label,
        "default": variable.default,
        "pattern": variable.pattern,
        "secret": variable.secret,
    })
}

fn section(runbook: &Runbook, section: &Section) -> Value {
    json!({
        "id": section.id,
        "number": section.number,
        "title": section.title,
        "order": section.order,
        "role": section.role,
        "text": section.text,
        "gate": section.gate.as_ref().map(gate),
        "choose": section.choice.as_ref().map(|choice| &choice.name),
        "options": section.choice.as_ref().map_or_else(Vec::new, |choice| options(runbook, choice)),
        "steps": steps(runbook, &section.steps),
    })
}

fn gate(gate: &Gate) -> Value {
    json!({ "question": gate.question, "roles": gate.roles, "hold": duration(gate.hold) })
}

fn options(runbook: &Runbook, choice: &Choice) -> Vec<Value> {
    list(
        &choice.options,
        |option| json!({ "id": option.id, "title": option.title, "steps": steps(runbook, &option.steps) }),
    )
}

fn steps(runbook: &Runbook, indices: &[StepIndex]) -> Vec<Value> {
    list(indices, |index| step(runbook, *index))
}

fn step(runbook: &Runbook, index: StepIndex) -> Value {
    let step = runbook.step(index);
    let command = step.command.as_ref();
    json!({
        "id": step.id,
        "number": step.number,
        "title": step.title,
        "must": step.must,
        "optional": step.optional,
        "recheck": step.recheck,
        "if": step.condition,
        "role": step.role,
        "at": offset(step.at),
        "command": command.map(|command| &command.run),
        "undo": command.and_then(|command| command.undo.as_ref()),
        "level": command.map(|command| command.level),
        "takes": duration(command.and_then(|command| command.takes)),
        "timeout": duration(command.and_then(|command| command.timeout)),
        "tty": command.is_some_and(|command| command.tty),
        "dir": command.and_then(|command| command.dir.as_ref()),
        "auto": command.is_some_and(|command| command.auto),
        "checks": list(&step.checks, |check| json!(runbook.checks[*check].id)),
        "metrics": list(&step.metrics, |metric| json!(runbook.metrics[*metric].id)),
        "soak": duration(step.soak),
        "record": step.record.as_ref().map(|record| json!({
            "label": record.label, "unit": record.unit, "want": limit(record.want),
        })),
        "sign": step.sign,
        "second": step.second,
        "why": step.why,
        "text": step.text,
        "link": step.link,
        "steps": steps(runbook, &step.children),
    })
}

fn command(command: &Command) -> Value {
    json!({
        "command": command.run,
        "undo": command.undo,
        "level": command.level,
        "takes": duration(command.takes),
        "timeout": duration(command.timeout),
        "tty": command.tty,
        "dir": command.dir,
        "auto": command.auto,
    })
}

fn check(check: &Check) -> Value {
    json!({
        "id": check.id,
        "title": check.title,
        "kind": check.probe.kind(),
        check.probe.kind(): probe(&check.probe),
        "expect": list(&check.expect, |expectation| json!(expectation.text())),
        "every": format_duration(check.every),
        "timeout": format_duration(check.timeout),
        "fail_after": check.fail_after,
        "recover_after": check.recover_after,
        "severity": check.severity,
    })
}

fn probe(probe: &Probe) -> Value {
    match probe {
        Probe::Http(http) => {
            let headers = http
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), json!(value)));
            json!({
                "url": http.url,
                "method": http.method,
                "headers": headers.collect::<serde_json::Map<_, _>>(),
                "body": http.body,
                "follow": http.follow,
                "burst": http.burst,
            })
        }
        Probe::Tcp { host, port, send } => json!({ "host": host, "port": port, "send": send }),
        Probe::Tls { host, port, .. } => json!({ "host": host, "port": port }),
        Probe::Dns {
            name,
            record,
            resolvers,
        } => {
            json!({ "name": name, "record": record, "resolvers": resolvers })
        }
        Probe::Env { name } => json!({ "name": name }),
        Probe::File { path } => json!({ "path": path }),
        Probe::Command { run } => json!({ "run": run }),
        Probe::Alerts { url, matching } => json!({ "url": url, "matching": matching }),
        Probe::Grpc { url, service } => json!({ "url": url, "service": service }),
        Probe::WebSocket { url } => json!({ "url": url }),
    }
}

fn metric(metric: &Metric) -> Value {
    json!({
        "id": metric.id,
        "title": metric.title,
        "unit": metric.unit,
        "kind": metric.source.kind(),
        metric.source.kind(): source(&metric.source),
        "every": format_duration(metric.every),
        "timeout": format_duration(metric.timeout),
        "warn": limit(metric.warn),
        "fail": limit(metric.fail),
        "for": format_duration(metric.sustained),
        "clear": limit(metric.clear),
        "floor": limit(metric.floor),
        "min_events": metric.min_events,
        "no_data": metric.no_data,
        "baseline": duration(metric.baseline),
    })
}

fn source(source: &MetricSource) -> Value {
    match source {
        MetricSource::Prometheus { url, query } => json!({ "url": url, "query": query }),
        MetricSource::Scrape(page) => scrape(page),
        MetricSource::Json { url, path } => json!({ "url": url, "path": path }),
        MetricSource::Command { run } => json!({ "run": run }),
    }
}

fn scrape(scrape: &Scrape) -> Value {
    let mut value = match &scrape.formula {
        Formula::Value(selector) => json!({ "value": selector }),
        Formula::Rate(selector) => json!({ "rate": selector }),
        Formula::Ratio { of, over } => json!({ "ratio": of, "over": over }),
        Formula::Quantile { quantile, of } => json!({ "quantile": quantile, "of": of }),
    };
    value["url"] = json!(scrape.url);
    value["scale"] = json!(scrape.scale);
    value["window"] = json!(format_duration(scrape.window));
    value
}

fn trigger(runbook: &Runbook, trigger: &Trigger) -> Value {
    let terms = |condition: &Condition| list(condition.terms(), |term| json!(term.text));
    let (when, all) = match &trigger.condition {
        Some(any @ Condition::Any(_)) => (terms(any), Vec::new()),
        Some(all @ Condition::All(_)) => (Vec::new(), terms(all)),
        None => (Vec::new(), Vec::new()),
    };
    json!({
        "id": trigger.id,
        "title": trigger.title,
        "when": when,
        "all": all,
        "manual": trigger.manual,
        "armed": trigger.armed,
        "decide_within": duration(trigger.decide_within),
        "rollback": list(&trigger.rollbacks, |rollback| json!(runbook.rollbacks[*rollback].id)),
        "mode": trigger.mode,
        "settle": duration(trigger.settle),
    })
}

fn rollback(runbook: &Runbook, rollback: &Rollback) -> Value {
    json!({
        "id": rollback.id,
        "title": rollback.title,
        "option": rollback.option,
        "within": duration(rollback.within),
        "verify": list(&rollback.verify, |proof| json!(proof_name(runbook, *proof))),
        "hold": format_duration(rollback.hold),
        "order": rollback.order,
        "text": rollback.text,
        "auto": rollback.auto,
        "steps": steps(runbook, &rollback.steps),
    })
}

/// A proof as an author writes it: `check ID` or `metric ID`.
pub fn proof_name(runbook: &Runbook, proof: Proof) -> String {
    match proof {
        Proof::Check(check) => format!("check {}", runbook.checks[check].id),
        Proof::Metric(metric) => format!("metric {}", runbook.metrics[metric].id),
    }
}

fn upkeep(runbook: &Runbook, upkeep: &Upkeep) -> Value {
    json!({
        "id": upkeep.id,
        "title": upkeep.title,
        "every": format_duration(upkeep.every),
        "steps": steps(runbook, &upkeep.steps),
    })
}

fn drill(runbook: &Runbook, drill: &Drill) -> Value {
    let targets = &drill.targets;
    json!({
        "id": drill.id,
        "title": drill.title,
        "inject": list(&drill.injects, |part| inject(runbook, part)),
        "targets": {
            "detect": duration(targets.detect),
            "decide": duration(targets.decide),
            "rollback": duration(targets.rollback),
        },
    })
}

fn inject(runbook: &Runbook, inject: &Inject) -> Value {
    let mut value = match &inject.fault {
        Fault::Metric { metric, to, over } => {
            json!({ "metric": runbook.metrics[*metric].id, "to": to, "over": format_duration(*over) })
        }
        Fault::Check { check, is } => json!({ "check": runbook.checks[*check].id, "is": is }),
        Fault::StepHangs { step, time } => {
            json!({ "step": runbook.step(*step).id, "hangs": format_duration(*time) })
        }
        Fault::StepFails { step, exit } => json!({ "step": runbook.step(*step).id, "fails": exit }),
    };
    value["at"] = json!(inject_time(inject.when));
    value
}

/// When an inject happens: `T+40s`, or `rollback+20s`.
pub fn inject_time(when: InjectTime) -> String {
    match when {
        InjectTime::Launch(at) => format_offset(at),
        InjectTime::Rollback(after) => format!("rollback+{}", format_duration(after)),
    }
}
