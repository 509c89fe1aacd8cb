//! What earlier runs on this disk say about the one that is open.
//!
//! Their journals are read whole, which takes longer than a start may: the session does it beside its first screens.

use super::store::Store;
use crate::journal::Event;
use crate::run::usual::Usual;

/// The most earlier runs that are read.
const MOST_RUNS: usize = 9;

/// Where to look for earlier runs, and of what.
#[derive(Clone, Debug)]
pub struct History {
    /// All runs.
    pub store: Store,
    /// The run that is open, which is no earlier one.
    pub run: String,
}

impl History {
    /// What commands of the same runbook took before. A run that can't be read says nothing.
    pub fn usual(&self) -> Usual {
        let mut usual = Usual::default();
        let listed = self.store.list().unwrap_or_default();
        let runbook_of = |event: &Event| match event {
            Event::RunOpened { runbook, .. } => Some(runbook.clone()),
            _ => None,
        };
        let opened: Vec<(String, Option<String>)> = listed
            .into_iter()
            .filter_map(|listed| Some((listed.run, runbook_of(&listed.ends.ok()?.first.event))))
            .collect();
        let Some((_, own)) = opened.iter().find(|(run, _)| *run == self.run) else {
            return usual;
        };
        let earlier = opened
            .iter()
            .filter(|(run, runbook)| *run != self.run && runbook == own);
        for (run, _) in earlier.take(MOST_RUNS) {
            if let Ok(reading) = self.store.read(run) {
                usual.add_earlier(&reading.entries);
            }
        }
        usual
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::journal::{Direction, Mode, Outcome};
    use crate::runbook::StepId;

    const STEP: &str = "p/s/roll-out";

    /// A run in which the step took so long, in milliseconds.
    fn record(store: &Store, run: &str, runbook: &str, hours: i64, took_ms: u64) {
        let at = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours);
        let opened = Event::RunOpened {
            format: 1,
            run: run.to_owned(),
            runbook: runbook.to_owned(),
            runbook_hash: String::new(),
            title: "Kestrel".to_owned(),
            mode: Mode::Live,
            target: "prod".to_owned(),
            t0: at,
            variables: BTreeMap::new(),
            roles: BTreeMap::new(),
            host: "1@here".to_owned(),
        };
        let (mut journal, _) = store.create(run, b"", at, "ana", opened).unwrap();
        let started = Event::AttemptStarted {
            attempt: 1,
            step: Some(StepId(STEP.to_owned())),
            direction: Direction::Run,
            command: "rollout".to_owned(),
            second: None,
        };
        let ended = Event::AttemptEnded {
            attempt: 1,
            outcome: Outcome::Exited { code: 0 },
            took_ms,
            last_line: None,
        };
        for event in [started, ended] {
            journal.append(at, "ana", event).unwrap();
        }
    }

    #[test]
    fn only_earlier_runs_of_the_same_runbook_are_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().join("state"));
        record(&store, "first", "kestrel", 1, 1_000);
        record(&store, "second", "kestrel", 2, 3_000);
        record(&store, "third", "kestrel", 3, 2_000);
        record(&store, "other", "heron", 4, 9_000);
        record(&store, "now", "kestrel", 5, 50);
        std::fs::write(store.runs_dir().join("first/journal.jsonl"), "torn").unwrap();
        let history = History {
            store,
            run: "now".to_owned(),
        };
        let usual = history.usual();
        let step = StepId(STEP.to_owned());
        let expected = usual.of(&step, Direction::Run).expect("measured");
        assert_eq!(
            (expected.time, expected.measured),
            (Duration::from_secs(2), 2)
        );
    }
}
