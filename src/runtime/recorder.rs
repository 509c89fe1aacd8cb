//! The journal's writer on a thread of its own, so that a slow disk delays a tick and never a frame.

use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedSender;

use super::store::Journal;
use crate::app::Msg;
use crate::journal::Event;

/// Hands events to the thread that writes them; in order, one at a time, each synced before it is acknowledged.
#[derive(Debug)]
pub struct Recorder {
    requests: Option<mpsc::Sender<(String, Event)>>,
    thread: Option<JoinHandle<()>>,
    dir: PathBuf,
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
        }
    }

    /// The run's directory.
    pub fn dir(&self) -> &std::path::Path {
        &self.dir
    }

    /// Asks for an event to be written.
    pub fn record(&self, by: String, event: Event) {
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
