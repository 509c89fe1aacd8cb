//! What `tminus` shows when it is called bare: gathers runs and runbooks, and does what was picked.

use jiff::{SignedDuration, Timestamp};

use super::arguments::{Opening, SecretFiles};
use super::context::Context;
use super::failure::{Exit, Failure, Outcome};
use super::library::{self, DEMO, Source};
use super::{demo, open, runs};
use crate::app::picker::{Picker, PickerOutcome, PickerRun, PickerRunbook};
use crate::journal::{Event, Mode};
use crate::run::Run;
use crate::run::progress::{Count, RunState};
use crate::runbook::{DiagnosticLevel, Home, Runbook, Stage};
use crate::runtime::session::pick;
use crate::runtime::store::Listed;

/// Closed runs beyond these are listed by `tminus ls --all` only: a picker is for what is at hand.
const MOST_CLOSED: usize = 20;

/// Shows the picker and does what was picked.
///
/// # Errors
/// When the terminal can't be used, or what was picked fails.
pub fn picker(context: &Context) -> Outcome {
    let now = Timestamp::now();
    let picker = Picker::new(all_runs(context, now)?, runbooks(context), now);
    match pick(picker, &context.theme())? {
        PickerOutcome::Quit => Ok(Exit::Ok),
        PickerOutcome::Resume(run) => open::resume(context, Some(&run), &SecretFiles::default()),
        PickerOutcome::Watch(run) => open::watch(context, Some(&run)),
        PickerOutcome::Start(runbook) if runbook == DEMO => demo::run(context, demo::opening()),
        PickerOutcome::Start(runbook) => {
            let source = library::find(context, &runbook)?;
            open::run(context, &source, Opening::default())
        }
        PickerOutcome::Drill(runbook) => Err(Failure::usage("drills can't be run yet")
            .hint(format!("`tminus show {runbook}` shows what they will be"))),
    }
}

fn all_runs(context: &Context, now: Timestamp) -> Result<Vec<PickerRun>, Failure> {
    let mut closed = 0;
    let listed = context.store.list()?.into_iter().filter(|listed| {
        closed += usize::from(!listed.is_open());
        listed.is_open() || closed <= MOST_CLOSED
    });
    Ok(listed.map(|listed| one_run(context, listed, now)).collect())
}

fn one_run(context: &Context, listed: Listed, now: Timestamp) -> PickerRun {
    let folded = context
        .store
        .read(&listed.run)
        .map_err(Failure::from)
        .and_then(|reading| {
            let run = runs::fold(&reading)?;
            let environment = runs::Opened::of(&reading.entries)?.environment();
            Ok((
                run,
                environment,
                reading.ending.damage().map(ToString::to_string),
            ))
        });
    match folded {
        Ok((run, environment, damaged)) => row(listed, &run, environment, damaged, now),
        Err(_) => unreadable(listed),
    }
}

fn row(
    listed: Listed,
    run: &Run,
    environment: String,
    damaged: Option<String>,
    now: Timestamp,
) -> PickerRun {
    let now = run.ended.map_or(now, |(_, at)| at);
    let last = run.log.last();
    PickerRun {
        id: listed.run,
        title: run.title.clone(),
        environment,
        mode: run.mode,
        state: run.run_state(now),
        t: run.clock.t(now),
        progress: run.progress(),
        pending_triggers: run.owed_decisions().count(),
        overdue: overdue(run, now),
        last: last.map(|entry| entry.at),
        by: last.map(|entry| entry.by.clone()).unwrap_or_default(),
        held_by: listed.held_by,
        ended: run.ended,
        damaged,
    }
}

/// Post-launch steps whose time has passed.
fn overdue(run: &Run, now: Timestamp) -> usize {
    let owed = run.forward_steps().filter(|&step| !run.is_settled(step));
    let due = owed.filter(|&step| {
        let late = run
            .runbook()
            .step(step)
            .at
            .is_some_and(|at| run.clock.t(now) > at);
        let stage = run
            .section_of(step)
            .map(|at| run.runbook().phases[at.phase].stage);
        late && stage == Some(Stage::PostLaunch)
    });
    due.count()
}

/// A run that only its two ends, or not even those, speak for.
fn unreadable(listed: Listed) -> PickerRun {
    let (title, mode) = match listed.ends.as_ref().map(|ends| &ends.first.event) {
        Ok(Event::RunOpened { title, mode, .. }) => (title.clone(), *mode),
        _ => (String::new(), Mode::Live),
    };
    PickerRun {
        title,
        environment: String::new(),
        mode,
        state: RunState::PreLaunch,
        t: SignedDuration::ZERO,
        progress: Count::default(),
        pending_triggers: 0,
        overdue: 0,
        last: listed.ends.as_ref().ok().map(|ends| ends.last.at),
        by: String::new(),
        held_by: listed.held_by,
        ended: None,
        damaged: Some("it can't be read".to_owned()),
        id: listed.run,
    }
}

fn runbooks(context: &Context) -> Vec<PickerRunbook> {
    let own = library::own_paths(context)
        .into_iter()
        .filter_map(|path| library::read(path.to_str()?).ok());
    let bundled = library::bundled_names().filter_map(|name| library::find(context, name).ok());
    own.chain(bundled)
        .map(|source| one_runbook(&source))
        .collect()
}

fn one_runbook(source: &Source) -> PickerRunbook {
    let loaded = source.load();
    let count = |level| {
        loaded
            .diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.level == level)
            .count()
    };
    let runbook = loaded.runbook.as_ref();
    PickerRunbook {
        name: source.name.clone(),
        title: runbook
            .map(|runbook| runbook.title.clone())
            .unwrap_or_default(),
        bundled: source.is_bundled(),
        steps: runbook.map(steps_per_stage).unwrap_or_default(),
        rollbacks: runbook.map_or(0, |runbook| runbook.rollbacks.len()),
        drills: 0,
        last_drill: None,
        errors: count(DiagnosticLevel::Error),
        warnings: count(DiagnosticLevel::Warning),
    }
}

fn steps_per_stage(runbook: &Runbook) -> [usize; 3] {
    let mut steps = [0; 3];
    for step in &runbook.steps {
        if let Home::Section(at) | Home::Option(at, _) = step.home {
            steps[runbook.phases[at.phase].stage as usize] += 1;
        }
    }
    steps
}
