//! The small lists of a runbook: messages, quick commands, contacts, links, upkeep.

use std::time::Duration;

use super::steps::{CommandText, Place};
use super::texts::Use;
use super::{Entry, Lowering};
use crate::check::Notation;
use crate::runbook::document::{
    ContactTable, LinkTable, Located, MessageTable, QuickCommandTable, UpkeepTable,
};
use crate::runbook::{Contact, Home, Link, Message, QuickCommand, Upkeep};

impl Lowering<'_> {
    pub(super) fn message(&mut self, entry: Entry<'_, MessageTable>) -> Message {
        let Entry {
            table,
            span,
            siblings,
            ..
        } = entry;
        let title = self.title(table.title, &span, "message");
        Message {
            id: self.identify(table.id, Some(&title), &span, "message", siblings),
            title,
            every: self.some_duration(table.every.as_ref()),
            text: self.required_text(table.text, &span, "text", "message", Use::Message),
            webhook: table.webhook.map(|url| self.notated(url, Notation::WebUrl)),
        }
    }

    pub(super) fn quick_command(&mut self, entry: Entry<'_, QuickCommandTable>) -> QuickCommand {
        let Entry { table, span, .. } = entry;
        let title = self.title(table.title, &span, "command");
        let run = self.required(table.run, &span, "run", "command");
        let text = CommandText {
            run: run.unwrap_or_else(|| Located {
                value: String::new(),
                span: span.clone(),
            }),
            undo: table.undo,
            level: table.level,
            level_lost: self.gaps.has(&span, "level"),
            takes: table.takes,
            timeout: table.timeout,
            tty: table.tty,
            dir: table.dir,
            auto: None,
        };
        QuickCommand {
            title,
            command: self.command(text),
        }
    }

    pub(super) fn contact(&mut self, entry: Entry<'_, ContactTable>) -> Contact {
        let Entry { table, span, .. } = entry;
        Contact {
            role: self.role(table.role),
            name: self.required_text(table.name, &span, "name", "contact", Use::Shown),
            reach: self.required_text(table.reach, &span, "reach", "contact", Use::Shown),
        }
    }

    pub(super) fn link(&mut self, entry: Entry<'_, LinkTable>) -> Link {
        let Entry { table, span, .. } = entry;
        Link {
            title: self.title(table.title, &span, "link"),
            url: self.required_text(table.url, &span, "url", "link", Use::Shown),
        }
    }

    pub(super) fn upkeep(&mut self, entry: Entry<'_, UpkeepTable>) -> Upkeep {
        let Entry {
            table,
            span,
            index,
            siblings,
        } = entry;
        let title = self.title(table.title, &span, "upkeep list");
        let id = self.identify(table.id, Some(&title), &span, "upkeep list", siblings);
        let every = self.required(table.every, &span, "every", "upkeep list");
        let steps = self
            .required(table.steps, &span, "steps", "upkeep list")
            .unwrap_or_default();
        let place = Place::top(
            Home::Upkeep(index),
            format!("upkeep/{id}"),
            format!("U{}", index + 1),
            None,
        );
        Upkeep {
            id,
            title,
            every: self.some_duration(every.as_ref()).unwrap_or(Duration::ZERO),
            steps: self.steps(steps, &place),
        }
    }
}
