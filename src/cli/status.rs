//! `tminus status`: where a run stands, for a person at a glance and for scripts.
//!
//! It takes no lock and changes nothing, so it can be asked at any time by anybody who may read the files.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::arguments;
use super::context::Context;
use super::failure::{Exit, Outcome};
use super::log::line;
use super::{output, runs};
use crate::app::command::explain;
use crate::app::sentence::sentence;
use crate::check::Verdict;
use crate::journal::{Answer, Entry, Event};
use crate::run::progress::Count;
use crate::run::rollback::RollbackStage;
use crate::run::{Attempt, Run, Status};
use crate::runbook::{SectionIndex, StepIndex, text};
use crate::runtime::process::{Found, look_at};
use crate::ui::text::{between, filled, fit, signed_clock, stopwatch, visible, wall};

/// The summary is read in a terminal of the usual width, or in a chat.
const WIDTH: usize = 80;

/// `tminus status`.
///
/// # Errors
/// When there is no such run, or nothing of it can be read. What is good of a damaged run is shown first.
pub fn status(context: &Context, arguments: &arguments::Status) -> Outcome {
    let name = runs::named_or_newest(context, arguments.run.as_deref())?;
    let reading = context.store.read(&name)?;
    let run = runs::fold(&reading)?;
    let attempts = unrecorded(context, &reading.dir, &run);
    // The clocks of a run that is over stand where they stood.
    let now = run.ended.map_or_else(Timestamp::now, |(_, at)| at);
    if arguments.json {
        output::json(&Report::of(&run, &attempts, now))?;
    } else {
        output::data(&summary(&run, &attempts, now))?;
    }
    if let Some(doubt) = runs::doubt(&reading) {
        return Err(doubt);
    }
    Ok(if arguments.exit_code {
        verdict(&run)
    } else {
        Exit::Ok
    })
}

/// An attempt whose end isn't recorded, and what is known of it.
struct Unrecorded<'r> {
    attempt: &'r Attempt,
    found: Found,
}

/// What became of commands that the journal says are running. They outlive the session that started them, and only
/// the next one records how they ended.
fn unrecorded<'r>(context: &Context, dir: &Path, run: &'r Run) -> Vec<Unrecorded<'r>> {
    let is_driven = context.store.held_by(&run.id).is_some();
    run.running_attempts()
        .map(|attempt| Unrecorded {
            attempt,
            found: match look_at(dir, attempt.number, is_driven) {
                Found::Over { outcome, took } => Found::Over {
                    outcome: attempt.judged(outcome),
                    took,
                },
                Found::Running => Found::Running,
            },
        })
        .collect()
}

impl Unrecorded<'_> {
    /// `running  #2  2.1.1 Roll out`, or `over     #2  exit 0 after 2:13, not recorded yet: tminus resume`
    fn line(&self, run: &Run) -> String {
        let Attempt {
            number, command, ..
        } = self.attempt;
        let step = self.attempt.step;
        match &self.found {
            Found::Running => {
                let what = step.map_or_else(|| command.clone(), |step| named(run, step));
                format!("running  #{number}  {what}")
            }
            Found::Over { outcome, took } => {
                let step = step.map(|step| run.runbook().step(step));
                let step = step.map_or_else(String::new, |step| format!("{} ", step.number));
                let time = match took.is_zero() {
                    true => String::new(),
                    false => format!(" after {}", stopwatch(*took)),
                };
                let outcome = explain(outcome);
                format!("over     #{number}  {step}{outcome}{time}; `tminus resume` records it")
            }
        }
    }

    fn json(&self, run: &Run) -> Value {
        let step = self.attempt.step.map(|step| &run.runbook().step(step).id);
        let mut known = json!({
            "attempt": self.attempt.number,
            "step": step,
            "command": self.attempt.command,
            "started": self.attempt.started,
            "state": "running",
        });
        if let Found::Over { outcome, took } = &self.found {
            known["state"] = "over".into();
            known["explained"] = explain(outcome).into();
            known["took_ms"] = json!(took.as_millis());
            // As in the journal: `outcome` and what belongs to it.
            if let (Value::Object(known), Value::Object(outcome)) = (&mut known, json!(outcome)) {
                known.extend(outcome);
            }
        }
        known
    }
}

fn verdict(run: &Run) -> Exit {
    if run.ended.is_some() {
        Exit::Ok
    } else if run.pending_triggers().next().is_some() {
        Exit::TriggerFired
    } else if run.clock.hold_now().is_some() || no_go(run) {
        Exit::Holding
    } else {
        Exit::Ok
    }
}

/// Whether somebody said NO-GO in the poll that is next.
fn no_go(run: &Run) -> bool {
    let Some(state) = run.next_gate().and_then(|gate| run.gates.get(&gate)) else {
        return false;
    };
    state
        .answers
        .values()
        .any(|given| given.answer == Answer::NoGo)
}

#[derive(Serialize)]
struct Report<'r> {
    run: &'r str,
    runbook: &'r str,
    title: &'r str,
    mode: &'static str,
    target: &'r str,
    state: &'static str,
    seq: u64,
    done: usize,
    total: usize,
    must: Count,
    t: String,
    l: String,
    t_seconds: i64,
    l_seconds: i64,
    slip_seconds: i64,
    t0: Timestamp,
    holding: Option<&'r str>,
    next: Option<&'r str>,
    rollback: Option<Rollback<'r>>,
    /// Those that have fired.
    triggers: Vec<Trigger<'r>>,
    /// Those whose end isn't recorded.
    attempts: Vec<Value>,
    /// In the runbook's order.
    steps: Map<String, Value>,
}

#[derive(Serialize)]
struct Trigger<'r> {
    id: &'r str,
    title: &'r str,
    at: Timestamp,
    because: &'r str,
    pending: bool,
    overdue: bool,
    decision: Option<&'static str>,
}

#[derive(Serialize)]
struct Rollback<'r> {
    id: &'r str,
    started: Timestamp,
    elapsed_seconds: i64,
    done: usize,
    total: usize,
    closed: bool,
    verified: bool,
}

impl<'r> Report<'r> {
    fn of(run: &'r Run, attempts: &[Unrecorded<'_>], now: Timestamp) -> Self {
        let (t, l) = (run.clock.t(now), run.clock.l(now));
        let Count { done, total } = run.progress();
        Self {
            run: &run.id,
            runbook: &run.runbook_name,
            title: &run.title,
            mode: run.mode.name(),
            target: &run.target,
            state: run.run_state(now).name(),
            seq: run.seq,
            done,
            total,
            must: run.must_progress(),
            t: signed_clock("T", t),
            l: signed_clock("L", l),
            t_seconds: t.as_secs(),
            l_seconds: l.as_secs(),
            slip_seconds: run.clock.slip(now).as_secs(),
            t0: run.clock.target(),
            holding: run.clock.hold_now().map(|hold| hold.reason.as_str()),
            next: next_step(run).map(|step| run.runbook().step(step).id.0.as_str()),
            rollback: rollback(run, now),
            triggers: triggers(run),
            attempts: attempts.iter().map(|attempt| attempt.json(run)).collect(),
            steps: steps(run),
        }
    }
}

/// What is next: in a rollback its own steps, else those of the way forward.
fn next_step(run: &Run) -> Option<StepIndex> {
    if run.is_rolling_back() {
        return run
            .rollback_steps()
            .into_iter()
            .find(|&step| !run.is_settled(step));
    }
    run.next_step()
}

fn rollback(run: &Run, now: Timestamp) -> Option<Rollback<'_>> {
    let state = run.rollback.as_ref()?;
    let rollback = &run.runbook().rollbacks[state.rollback];
    let done = rollback
        .steps
        .iter()
        .filter(|&&step| run.status(step).is_resolved())
        .count();
    Some(Rollback {
        id: &rollback.id,
        started: state.started,
        elapsed_seconds: state.elapsed(now).as_secs(),
        done,
        total: rollback.steps.len(),
        closed: state.closed.is_some(),
        verified: state.closed.is_some_and(|(_, verified)| verified),
    })
}

fn triggers(run: &Run) -> Vec<Trigger<'_>> {
    let states = run.runbook().triggers.iter().zip(&run.triggers);
    let fired = states.filter_map(|(trigger, state)| Some((trigger, state.fired.as_ref()?)));
    fired
        .map(|(trigger, fired)| Trigger {
            id: &trigger.id,
            title: &trigger.title,
            at: fired.at,
            because: &fired.because,
            pending: fired.decision.is_none(),
            overdue: fired.overdue,
            decision: fired.decision.map(|(decision, _)| decision.words()),
        })
        .collect()
}

/// Steps as this run has them: not those of an option that wasn't taken, nor of a rollback that wasn't started.
fn steps(run: &Run) -> Map<String, Value> {
    let present = run
        .runbook()
        .step_indices()
        .filter(|&step| run.is_present(step));
    present
        .map(|index| {
            let state = run.state(index);
            let step = json!({
                "status": run.status(index),
                "basis": run.basis(index),
                "value": state.value,
                "by": state.by,
                "at": state.at,
            });
            (run.runbook().step(index).id.0.clone(), step)
        })
        .collect()
}

/// The calm summary, some ten lines: where it stands, what is wrong, what is next, then the rest.
///
/// ```text
/// LIVE  kestrel v2.41.0  prod-eu  pre-launch
/// clock    T-00:12:40  L-00:27:40  slip 0:00
/// wrong    [!] 1.4.5 Error rate < 0.1%
/// next     1.4.6 Canary 5% for 10 min
/// steps    28/36 settled, MUST 7/10
/// ```
fn summary(run: &Run, attempts: &[Unrecorded<'_>], now: Timestamp) -> String {
    let mode = run.mode.name().to_uppercase();
    let state = run.run_state(now).name();
    let mut lines = vec![
        format!("{mode}  {}  {}  {state}", run.title, run.target),
        clocks(run, now),
    ];
    lines.extend(wrong(run));
    lines.extend(next_step(run).map(|step| format!("next     {}", named(run, step))));
    lines.push(progress(run));
    lines.extend(run.next_gate().map(|gate| poll(run, gate)));
    lines.extend(way_back(run, now));
    lines.extend(attempts.iter().map(|attempt| attempt.line(run)));
    let last = run.log.last();
    lines.extend(last.map(|entry| format!("last     {}", line(Some(run), entry))));
    lines.push(format!("run      {}", run.id));
    let mut text = String::new();
    for line in lines {
        text.push_str(&fit(&visible(&line), WIDTH));
        text.push('\n');
    }
    text
}

/// The most steps that are named as wrong; the screen has all of them.
const WRONG_STEPS: usize = 3;

/// What is known to be wrong, worst first: triggers that wait for a decision, then steps, then checks and metrics.
fn wrong(run: &Run) -> Vec<String> {
    let mut wrong: Vec<String> = run
        .pending_triggers()
        .map(|trigger| trouble(run, trigger))
        .collect();
    let present = |step: &StepIndex| run.is_present(*step) && !run.runbook().step(*step).is_group();
    for status in [Status::Failed, Status::Unknown] {
        let steps = run.runbook().step_indices().filter(present);
        let steps = steps.filter(|&step| run.status(step) == status);
        wrong.extend(steps.map(|step| format!("{} {}", status.mark(), named(run, step))));
    }
    wrong.extend(failing(run).map(|entry| sentence(run, entry)));
    let most = WRONG_STEPS + run.pending_triggers().count();
    let hidden = wrong.len().saturating_sub(most);
    wrong.truncate(most);
    if hidden > 0 {
        wrong.push(format!("… {hidden} more"));
    }
    if wrong.is_empty() {
        wrong.push("nothing recorded".to_owned());
    }
    let labels = std::iter::once("wrong").chain(std::iter::repeat(""));
    let lines = labels.zip(&wrong);
    lines
        .map(|(label, what)| format!("{label:8} {what}"))
        .collect()
}

/// For each check and metric whose last verdict was a failure, the entry that says so.
fn failing(run: &Run) -> impl Iterator<Item = &Entry> {
    let mut latest: BTreeMap<&str, (Verdict, &Entry)> = BTreeMap::new();
    for entry in &run.log {
        if let Event::VerdictChanged { source, to, .. } = &entry.event {
            latest.insert(source, (*to, entry));
        }
    }
    let failing = latest.into_values().filter(|(to, _)| *to == Verdict::Fail);
    failing.map(|(_, entry)| entry)
}

/// A step by its number and title.
fn named(run: &Run, step: StepIndex) -> String {
    let step = run.runbook().step(step);
    format!("{} {}", step.number, filled(&step.title, &run.variables))
}

fn clocks(run: &Run, now: Timestamp) -> String {
    let t = signed_clock("T", run.clock.t(now));
    let l = signed_clock("L", run.clock.l(now));
    let slip = run.clock.slip(now);
    let sign = if slip.is_negative() { "-" } else { "" };
    let slip = format!("slip {sign}{}", stopwatch(slip.unsigned_abs()));
    let holding = run.clock.hold_now().map(|hold| {
        let lasted = stopwatch(between(hold.since, now));
        format!("  HOLDING {lasted}: {}", hold.reason)
    });
    format!("clock    {t}  {l}  {slip}{}", holding.unwrap_or_default())
}

fn progress(run: &Run) -> String {
    let (all, must) = (run.progress(), run.must_progress());
    let running = run.count_status(Status::Running);
    let running = if running > 0 {
        format!(", {running} running")
    } else {
        String::new()
    };
    format!(
        "steps    {}/{} settled, MUST {}/{}{running}",
        all.done, all.total, must.done, must.total
    )
}

fn poll(run: &Run, at: SectionIndex) -> String {
    let Some(gate) = &run.runbook().section(at).gate else {
        return String::new();
    };
    let state = run.gates.get(&at);
    let answers: Vec<String> = gate
        .roles
        .iter()
        .map(|role| {
            let given = state
                .and_then(|state| state.answers.get(role))
                .map(|given| given.answer);
            let answer = match given {
                Some(Answer::Go) => "GO",
                Some(Answer::NoGo) => "NO-GO",
                Some(Answer::Absent) => "absent",
                None => "?",
            };
            format!("{role} {answer}")
        })
        .collect();
    format!("poll     {}  {}", answers.join(", "), gate.question)
}

fn trouble(run: &Run, trigger: usize) -> String {
    let due = run
        .decision_due(trigger)
        .map(|due| format!("  decide by {} UTC", wall(due)));
    format!(
        "TRIGGER {}{}",
        run.runbook().triggers[trigger].title,
        due.unwrap_or_default()
    )
}

fn way_back(run: &Run, now: Timestamp) -> Option<String> {
    let (state, stage) = (run.rollback.as_ref()?, run.rollback_stage()?);
    let rollback = &run.runbook().rollbacks[state.rollback];
    let elapsed = stopwatch(state.elapsed(now).unsigned_abs());
    let budget = rollback
        .within
        .map(|within| format!(" of {}", text::format_duration(within)));
    let stage = match stage {
        RollbackStage::Steps { done, total } => format!("{done}/{total} steps"),
        RollbackStage::Verify => "being verified".to_owned(),
        RollbackStage::Closed { verified: true } => "verified".to_owned(),
        RollbackStage::Closed { verified: false } => "closed by word".to_owned(),
    };
    Some(format!(
        "rollback {}  {stage}  {elapsed}{}",
        rollback.title,
        budget.unwrap_or_default()
    ))
}
