//! Output on its way from the pump to the loop.
//!
//! A channel of lines was rejected: bounded it would make the command wait for the screen, unbounded it would grow
//! without end. Here new lines push out old ones, and the loop is told once that there is something.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::UnboundedSender;

use super::Happening;
use crate::app::Msg;
use crate::app::output::{Colour, Line, Look, Piece};
use crate::runtime::output::Backlog;

/// What one attempt printed and nobody has taken yet.
#[derive(Debug)]
pub(super) struct Feed {
    attempt: u64,
    events: UnboundedSender<Happening>,
    pending: Mutex<Pending>,
}

#[derive(Debug, Default)]
struct Pending {
    lines: Backlog,
    partial: Option<Line>,
    /// Whether anything came since the last time, and so whether the loop was told.
    has_grown: bool,
}

impl Feed {
    pub(super) fn new(attempt: u64, events: UnboundedSender<Happening>) -> Self {
        Self {
            attempt,
            events,
            pending: Mutex::default(),
        }
    }

    /// Adds lines, and says what the line that hasn't ended looks like now.
    pub(super) fn publish(&self, lines: Backlog, partial: Option<Line>) {
        let mut pending = self.pending();
        if lines.is_empty() && pending.partial == partial {
            return;
        }
        pending.lines.append(lines);
        pending.partial = partial;
        self.announce(&mut pending);
    }

    /// Adds a line of our own. Its look and its mark tell it from what the command printed.
    pub(super) fn note(&self, text: &str) {
        let look = Look {
            foreground: Some(Colour::Indexed(3)),
            ..Look::default()
        };
        let text = format!("[tminus: {text}]");
        let mut pending = self.pending();
        pending.lines.push(Line {
            pieces: vec![Piece { text, look }],
        });
        self.announce(&mut pending);
    }

    /// Takes what is new.
    pub(super) fn drain(&self) -> Option<Msg> {
        let mut pending = self.pending();
        if !std::mem::take(&mut pending.has_grown) {
            return None;
        }
        let (lines, skipped) = pending.lines.take();
        Some(Msg::Output {
            attempt: self.attempt,
            lines,
            partial: pending.partial.clone(),
            skipped,
        })
    }

    pub(super) fn is_drained(&self) -> bool {
        !self.pending().has_grown
    }

    fn announce(&self, pending: &mut Pending) {
        if !std::mem::replace(&mut pending.has_grown, true) {
            // An error says that the loop has ended, which nobody needs to know any more.
            let _ = self.events.send(Happening::Grew {
                attempt: self.attempt,
            });
        }
    }

    /// Nothing panics while it holds the lock, so what is inside is whole even if the lock says otherwise.
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
