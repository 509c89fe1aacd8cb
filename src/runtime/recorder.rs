//! The journal's writer on a thread of its own, so that a slow disk delays a tick and never a frame.

use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedSender;

use super::redaction::{self, Redactor};
use super::store::Journal;
use crate::app::Msg;
use crate::journal::{Event, Evidence, Outcome};

/// Hands events to the thread that writes them; in order, one at a time, each synced before it is acknowledged.
#[derive(Debug)]
pub struct Recorder {
    requests: Option<mpsc::Sender<(String, Event)>>,
    thread: Option<JoinHandle<()>>,
    dir: PathBuf,
    redactor: Redactor,
}

impl Recorder {
    /// Starts the thread. Every event is answered by [`Msg::Recorded`] or [`Msg::RecordFailed`].
    pub fn start(mut journal: Journal, answers: UnboundedSender<Msg>) -> Self {
        let dir = journal.dir().to_path_buf();
        let (requests, incoming) = mpsc::channel::<(String, Event)>();
        let thread = thread::spawn(move || {
            for (by, event) in incoming {
                let answer = match journal.append(Timestamp::now(), &by, event) {
                    Ok(entry) => Msg::Recorded(entry),
                    Err(error) => Msg::RecordFailed {
                        fatal: !error.can_retry(),
                        message: error.to_string(),
                    },
                };
                if answers.send(answer).is_err() {
                    // The session is over; what is still queued was asked for after its end.
                    return;
                }
            }
        });
        Self {
            requests: Some(requests),
            thread: Some(thread),
            dir,
            redactor: redaction::declared(),
        }
    }

    /// The run's directory.
    pub fn dir(&self) -> &std::path::Path {
        &self.dir
    }

    /// Asks for an event to be written, without secrets in its words.
    pub fn record(&self, by: String, mut event: Event) {
        for words in words_of(&mut event) {
            *words = self.redactor.redact(words);
        }
        if let Some(requests) = &self.requests {
            // The thread only ends before us when nobody listens to its answers any more.
            let _ = requests.send((by, event));
        }
    }

    /// Waits until everything asked for is on disk.
    pub fn finish(mut self) {
        self.close();
    }

    fn close(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.close();
    }
}

/// Everything in an event that a person typed or a command or target said.
///
/// Ids and what commands are made of are left out: they come from the runbook, which holds no secret, and masking them
/// would change what is done. The list names every event, so that a new one has to be thought about.
fn words_of(event: &mut Event) -> Vec<&mut String> {
    match event {
        Event::TargetMoved { reason, .. }
        | Event::HoldStarted { reason, .. }
        | Event::StepWaived { reason, .. }
        | Event::StepSkipped { reason, .. }
        | Event::StepReopened { reason, .. }
        | Event::Decided { reason, .. }
        | Event::RollbackAttested { reason, .. }
        | Event::RollbackHandedOver { reason, .. }
        | Event::Recycled { reason, .. }
        | Event::RunClosed { reason, .. } => vec![reason],
        Event::NoteAdded { text, .. }
        | Event::TodoAdded { text, .. }
        | Event::StatusSent { text, .. } => vec![text],
        Event::ApplicabilityAnswered { reason, .. } | Event::GateAnswered { reason, .. } => {
            reason.iter_mut().collect()
        }
        Event::StepDone {
            value,
            signed,
            second,
            evidence,
            against,
            ..
        } => {
            let seen = evidence.iter_mut().chain(against);
            let observed = seen.map(|evidence| &mut evidence.observed);
            let people = signed.iter_mut().chain(second);
            value.iter_mut().chain(people).chain(observed).collect()
        }
        Event::StepContradicted {
            evidence: Evidence { observed, .. },
            ..
        }
        | Event::VerdictChanged { observed, .. } => vec![observed],
        Event::AttemptEnded {
            outcome, last_line, ..
        } => {
            let why = match outcome {
                Outcome::NotStarted { why } | Outcome::Unknown { why } => Some(why),
                Outcome::Exited { .. } | Outcome::Signalled { .. } | Outcome::Stopped => None,
            };
            why.into_iter().chain(last_line).collect()
        }
        Event::TriggerFired { because, .. } => vec![because],
        Event::RollbackVerified { evidence, .. } => evidence
            .iter_mut()
            .map(|evidence| &mut evidence.observed)
            .collect(),
        Event::RunOpened { .. }
        | Event::RunResumed { .. }
        | Event::RoleTaken { .. }
        | Event::HoldReleased {}
        | Event::OptionChosen { .. }
        | Event::AttemptStarted { .. }
        | Event::AttemptInterrupted { .. }
        | Event::BaselineCaptured { .. }
        | Event::DecisionOverdue { .. }
        | Event::RollbackStarted { .. }
        | Event::RollbackAnnounced { .. }
        | Event::GateReset { .. }
        | Event::Unrecognised { .. } => Vec::new(),
    }
}
