//! What was understood of a checklist, between reading and writing.

use std::time::Duration;

use jiff::SignedDuration;

use crate::runbook::Stage;

/// A runbook in the making. Texts are plain: nothing is escaped yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Outline {
    pub(super) title: String,
    pub(super) summary: String,
    /// Lines for the head of the file.
    pub(super) comments: Vec<String>,
    /// Id and title.
    pub(super) roles: Vec<(String, String)>,
    pub(super) variables: Vec<Variable>,
    pub(super) triggers: Vec<Trigger>,
    pub(super) phases: Vec<Phase>,
    pub(super) rollbacks: Vec<Rollback>,
    pub(super) commands: Vec<Command>,
    /// Name and how to reach.
    pub(super) contacts: Vec<(String, String)>,
    /// Title and URL.
    pub(super) links: Vec<(String, String)>,
    pub(super) upkeep: Vec<Upkeep>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) default: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trigger {
    pub(super) title: String,
    pub(super) text: Option<String>,
    /// Positions in [`Outline::rollbacks`].
    pub(super) rollbacks: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Phase {
    /// Written by an export; empty where the title gives it.
    pub(super) id: String,
    pub(super) title: String,
    pub(super) stage: Stage,
    pub(super) at: Option<SignedDuration>,
    pub(super) comments: Vec<String>,
    pub(super) sections: Vec<Section>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Section {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) text: Vec<String>,
    pub(super) comments: Vec<String>,
    pub(super) steps: Vec<Step>,
    pub(super) options: Vec<Choice>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Choice {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) comments: Vec<String>,
    pub(super) steps: Vec<Step>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Step {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) run: Option<String>,
    pub(super) must: bool,
    pub(super) optional: bool,
    pub(super) condition: Option<String>,
    pub(super) at: Option<SignedDuration>,
    /// Label and unit of the value to record.
    pub(super) record: Option<(String, String)>,
    /// The limit that the value has to meet.
    pub(super) want: Option<String>,
    /// Whatever else an export says of it, by key.
    pub(super) facts: Vec<(&'static str, Fact)>,
    /// The role that signs.
    pub(super) sign: Option<String>,
    pub(super) text: Vec<String>,
    pub(super) link: Option<String>,
    pub(super) comments: Vec<String>,
    pub(super) steps: Vec<Step>,
}

/// The value of a key that only exports have words for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fact {
    Yes,
    /// Taken as it is written.
    Literal(String),
    /// A text that people see.
    Text(String),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rollback {
    pub(super) id: String,
    pub(super) title: String,
    /// The title of the option that it belongs to.
    pub(super) option: Option<String>,
    pub(super) within: Option<Duration>,
    pub(super) text: Vec<String>,
    pub(super) comments: Vec<String>,
    pub(super) steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Command {
    pub(super) title: String,
    pub(super) run: String,
    pub(super) facts: Vec<(&'static str, Fact)>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Upkeep {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) every: Duration,
    pub(super) comments: Vec<String>,
    pub(super) steps: Vec<Step>,
}

/// Steps in these lists and below them.
pub(super) fn count(steps: &[Step]) -> usize {
    steps.iter().map(|step| 1 + count(&step.steps)).sum()
}

impl Outline {
    /// All lists of steps.
    pub(super) fn lists(&self) -> impl Iterator<Item = &[Step]> {
        let sections = self.phases.iter().flat_map(|phase| &phase.sections);
        let forward = sections.flat_map(|section| {
            let options = section.options.iter().map(|option| option.steps.as_slice());
            std::iter::once(section.steps.as_slice()).chain(options)
        });
        let back = self
            .rollbacks
            .iter()
            .map(|rollback| rollback.steps.as_slice());
        let again = self.upkeep.iter().map(|upkeep| upkeep.steps.as_slice());
        forward.chain(back).chain(again)
    }

    /// Steps in phases, options, rollbacks and upkeep together.
    pub(super) fn steps(&self) -> usize {
        self.lists().map(count).sum()
    }
}
