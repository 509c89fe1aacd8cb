//! Whether two runs are the same: the live one, and the one that its journal gives back.

use jiff::Timestamp;
use tminus::run::Run;

/// The first thing in which two runs differ at this moment, in words.
pub fn difference(live: &Run, resumed: &Run, now: Timestamp) -> Option<String> {
    for step in live.runbook().step_indices() {
        let id = &live.runbook().step(step).id;
        if live.state(step) != resumed.state(step) {
            return Some(format!(
                "{id}: {:?}, resumed {:?}",
                live.state(step),
                resumed.state(step)
            ));
        }
        if (live.status(step), live.basis(step)) != (resumed.status(step), resumed.basis(step)) {
            return Some(format!(
                "{id}: {:?}, resumed {:?}",
                live.status(step),
                resumed.status(step)
            ));
        }
    }
    let same = [
        ("clock", live.clock == resumed.clock),
        ("T", live.clock.t(now) == resumed.clock.t(now)),
        ("slip", live.clock.slip(now) == resumed.clock.slip(now)),
        ("state", live.run_state(now) == resumed.run_state(now)),
        ("progress", live.progress() == resumed.progress()),
        (
            "MUST progress",
            live.must_progress() == resumed.must_progress(),
        ),
        ("next gate", live.next_gate() == resumed.next_gate()),
        ("gates", live.gates == resumed.gates),
        ("choices", live.choices == resumed.choices),
        ("attempts", live.attempts == resumed.attempts),
        ("triggers", live.triggers == resumed.triggers),
        ("rollback", live.rollback == resumed.rollback),
        ("announcement", live.announced == resumed.announced),
        ("decision", live.decision == resumed.decision),
        ("baselines", live.baselines == resumed.baselines),
        ("roles", live.roles == resumed.roles),
        ("notes", live.notes == resumed.notes),
        ("to-dos", live.todos == resumed.todos),
        ("messages", live.messages_sent == resumed.messages_sent),
        ("end", live.ended == resumed.ended),
        ("number of the last entry", live.seq == resumed.seq),
        ("log", live.log == resumed.log),
    ];
    same.iter()
        .find(|(_, same)| !same)
        .map(|(name, _)| format!("the {name} differs from the resumed run's"))
}
