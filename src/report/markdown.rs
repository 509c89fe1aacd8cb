//! A runbook or a run as a Markdown checklist: ticks, values, names and notes.
//!
//! GitHub shows it as people know their checklists, and importing it gives the same phases, sections and steps
//! again. So titles are escaped until they mean themselves, explanations stand in quotes, which hold no tasks, and
//! whatever in them could be taken for one stands in a fence.

use jiff::Timestamp;

use crate::journal::{Basis, Ending};
use crate::run::{Run, Status};
use crate::runbook::text::{format_duration, format_offset, slug};
use crate::runbook::variables::fill;
use crate::runbook::{
    Command, Phase, Record, Rollback, Runbook, Section, SectionIndex, Step, StepIndex, Variable,
};

/// The first line of an export, by which an import knows that titles mean themselves.
pub const MARK: &str = "<!-- Exported by tminus";

/// Writes a runbook, or a run of it, as a checklist.
pub fn export(runbook: &Runbook, run: Option<&Run>) -> String {
    let mut export = Export {
        runbook,
        run,
        out: format!("{MARK}: `tminus import` reads it back. -->\n\n"),
    };
    export.head();
    for (index, phase) in runbook.phases.iter().enumerate() {
        export.phase(index, phase);
    }
    export.triggers();
    for rollback in &runbook.rollbacks {
        export.rollback(rollback);
    }
    for upkeep in &runbook.upkeep {
        let every = format_duration(upkeep.every);
        let title = format!("{} (every {every})", upkeep.title);
        let title = export.titled("Upkeep: ", &upkeep.title, &title, &upkeep.id);
        export.heading(2, &title);
        export.steps(&upkeep.steps);
    }
    export.small_lists();
    export.remarks();
    export.out
}

struct Export<'a> {
    runbook: &'a Runbook,
    run: Option<&'a Run>,
    out: String,
}

impl Export<'_> {
    /// A text with its variables filled in as far as they are known.
    fn filled(&self, text: &str) -> String {
        fill(text, |name| {
            self.run?.variables.get(name).map(String::as_str)
        })
    }

    /// A title on one line that means itself.
    fn title(&self, title: &str) -> String {
        inline(&self.filled(title))
    }

    /// A heading of several parts with its id behind it, where the title alone doesn't give it.
    fn titled(&self, kind: &str, title: &str, whole: &str, id: &str) -> String {
        let shown = format!("{kind}{}", self.title(whole));
        if id == slug(&self.filled(title)) {
            return shown;
        }
        format!("{shown} <!-- id: {id} -->")
    }

    fn option_title(&self, id: &str) -> Option<String> {
        let choices = self.runbook.sections();
        let mut options = choices
            .filter_map(|(_, section)| section.choice.as_ref())
            .flat_map(|choice| &choice.options);
        let option = options.find(|option| option.id == id)?;
        Some(self.filled(&option.title))
    }

    /// A title with its id behind it, hidden, where the title doesn't give it.
    fn named(&self, title: &str, id: &str) -> String {
        let shown = self.title(title);
        let given = slug(&self.filled(title));
        if id == given {
            return shown;
        }
        format!("{shown} <!-- id: {id} -->")
    }

    fn heading(&mut self, level: usize, title: &str) {
        let marks = "#".repeat(level);
        self.line(&format!("{marks} {}\n", unnumbered(title)));
    }

    /// A line, after a blank one where a block ended before.
    fn line(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    fn head(&mut self) {
        let title = match self.run {
            Some(run) if !run.title.is_empty() => inline(&run.title),
            _ => self.title(&self.runbook.title),
        };
        self.heading(1, &title);
        if !self.runbook.summary.trim().is_empty() {
            let summary = self.title(&self.runbook.summary);
            self.line(&format!("{summary}\n"));
        }
        let shown = self
            .runbook
            .variables
            .iter()
            .filter(|variable| !variable.secret);
        let fields: Vec<String> = shown.map(|variable| self.field(variable)).collect();
        if !fields.is_empty() {
            self.line(&format!("{}\n", fields.join("  \n")));
        }
        let state = self.state_of_run();
        self.quote("", &state);
    }

    fn field(&self, variable: &Variable) -> String {
        let given = self.run.and_then(|run| run.variables.get(&variable.name));
        let value = given.or(variable.default.as_ref());
        let value = value.map_or_else(|| "____".to_owned(), |value| inline(value));
        format!(
            "**{}** (`{}`): {value}",
            inline(&variable.label),
            variable.name
        )
    }

    fn state_of_run(&self) -> String {
        let Some(run) = self.run else {
            return String::new();
        };
        let mut lines = vec![format!("Run {} ({})", run.id, run.mode.name())];
        if let Some(opened) = run.opened {
            lines.push(format!("Opened {}", moment(opened)));
            lines.push(format!("T-0 {}", moment(run.clock.target())));
        }
        for role in &self.runbook.roles {
            if let Some(operator) = run.operator_of(&role.id) {
                lines.push(format!("{}: {operator}", role.title));
            }
        }
        if let Some((decision, at)) = run.decision {
            lines.push(format!("Decided {}: {}", moment(at), decision.words()));
        }
        lines.push(match run.ended {
            Some((Ending::Launched, at)) => format!("Launched, closed {}", moment(at)),
            Some((Ending::RolledBack, at)) => format!("Rolled back, closed {}", moment(at)),
            Some((Ending::Scrubbed, at)) => format!("Scrubbed {}", moment(at)),
            None => "Still open".to_owned(),
        });
        lines.join("\n\n")
    }

    fn phase(&mut self, index: usize, phase: &Phase) {
        let title = self.named(&phase.title, &phase.id);
        self.heading(2, &title);
        let at = phase.at.map(|at| format!(" · {}", format_offset(at)));
        self.line(&format!(
            "Stage: {}{}\n",
            phase.stage.name(),
            at.unwrap_or_default()
        ));
        for (section, content) in phase.sections.iter().enumerate() {
            let place = SectionIndex {
                phase: index,
                section,
            };
            self.section(place, content);
        }
    }

    fn section(&mut self, place: SectionIndex, section: &Section) {
        let title = self.named(&section.title, &section.id);
        self.heading(3, &title);
        if let Some(text) = &section.text {
            let text = self.filled(text);
            self.quote("", &text);
        }
        self.gate(place, section);
        self.steps(&section.steps);
        let Some(choice) = &section.choice else {
            return;
        };
        let taken = self.run.and_then(|run| run.choices.get(&place));
        for (index, option) in choice.options.iter().enumerate() {
            let title = self.named(&option.title, &option.id);
            self.heading(4, &format!("Option {}: {title}", letter(index)));
            match taken {
                Some(taken) if *taken == index => self.quote("", "Taken in this run"),
                Some(_) => self.quote("", "Not taken in this run"),
                None => {}
            }
            self.steps(&option.steps);
        }
    }

    fn gate(&mut self, place: SectionIndex, section: &Section) {
        let Some(gate) = &section.gate else {
            return;
        };
        let mut lines = vec![format!("Gate: {}", self.filled(&gate.question))];
        let answers = self.run.and_then(|run| run.gates.get(&place));
        for role in &gate.roles {
            let given = answers.and_then(|answers| answers.answers.get(role));
            lines.push(match given {
                Some(given) => format!(
                    "{role}: {:?} by {}, {}",
                    given.answer,
                    given.by,
                    moment(given.at)
                ),
                None => format!("{role}: not answered"),
            });
        }
        self.quote("", &lines.join("\n\n"));
    }

    fn steps(&mut self, steps: &[StepIndex]) {
        for &step in steps {
            self.step(step, "");
        }
        if !steps.is_empty() {
            self.out.push('\n');
        }
    }

    fn step(&mut self, index: StepIndex, indent: &str) {
        let step = self.runbook.step(index);
        let done = self
            .run
            .is_some_and(|run| run.status(index) == Status::Done);
        let mark = if done { "x" } else { " " };
        let id = step.id.0.rsplit('/').next().unwrap_or_default();
        let title = self.named(&step.title, id);
        self.line(&format!("{indent}- [{mark}] {title}"));
        let inner = format!("{indent}  ");
        if let Some(command) = &step.command {
            self.fenced(&inner, "bash", &command.run);
        }
        self.said(&inner, index, step);
        for &child in &step.children {
            self.step(child, &inner);
        }
    }

    /// What there is to say of a step besides its title and command, in a quote: a line of facts, its undo, its texts
    /// and what a run recorded.
    fn said(&mut self, indent: &str, index: StepIndex, step: &Step) {
        let mut parts = Vec::new();
        let facts = self.facts(step).join(" · ");
        parts.extend((!facts.is_empty()).then_some(facts));
        if let Some(undo) = step
            .command
            .as_ref()
            .and_then(|command| command.undo.as_ref())
        {
            let fence = fence_for(undo);
            parts.push(format!("Undo:\n\n{fence}bash\n{undo}\n{fence}"));
        }
        let texts: Vec<String> = [&step.why, &step.text]
            .into_iter()
            .flatten()
            .map(|text| self.filled(text))
            .chain(self.run.into_iter().flat_map(|run| records(run, index)))
            .collect();
        parts.extend(
            step.link
                .iter()
                .map(|link| format!("Link: {}", self.filled(link))),
        );
        parts.extend((!texts.is_empty()).then(|| prose(&texts.join("\n\n"))));
        self.quoted(indent, &parts.join("\n\n"));
    }

    /// A step's keys in words; `runbook::markdown` reads them back.
    fn facts(&self, step: &Step) -> Vec<String> {
        let mut facts = Vec::new();
        let mut say = |set: bool, words: &str| facts.extend(set.then(|| words.to_owned()));
        say(step.must, "must");
        say(step.optional, "optional");
        say(step.recheck, "recheck");
        say(step.second, "second person");
        if let Some(command) = &step.command {
            self.facts_of(command, &mut facts);
        }
        let mut named = |words: &str, value: Option<String>| {
            facts.extend(value.map(|value| format!("{words} {value}")));
        };
        let condition = step.condition.as_ref().map(|text| self.filled(text));
        named("takes", step.takes.map(format_duration));
        named("if", condition);
        named("by", step.role.clone());
        named("signed by", step.sign.clone());
        named("due", step.at.map(format_offset));
        named("records", step.record.as_ref().map(recorded));
        named("soak", step.soak.map(format_duration));
        named("proved by", self.proofs(step));
        facts
    }

    fn facts_of(&self, command: &Command, facts: &mut Vec<String>) {
        let mut say = |set: bool, words: &str| facts.extend(set.then(|| words.to_owned()));
        say(
            command.level_written,
            &format!("level {}", command.level.name()),
        );
        say(command.tty, "needs a terminal");
        say(command.auto, "starts by itself");
        let dir = command.dir.iter();
        facts.extend(dir.map(|dir| format!("in {}", self.filled(dir))));
        let timeout = command.timeout.map(format_duration);
        facts.extend(timeout.map(|timeout| format!("stopped after {timeout}")));
    }

    fn proofs(&self, step: &Step) -> Option<String> {
        let checks = step
            .checks
            .iter()
            .map(|&check| &self.runbook.checks[check].id);
        let metrics = step
            .metrics
            .iter()
            .map(|&metric| &self.runbook.metrics[metric].id);
        let checks = checks.map(|id| format!("check {id}"));
        let proofs: Vec<String> = checks
            .chain(metrics.map(|id| format!("metric {id}")))
            .collect();
        (!proofs.is_empty()).then(|| proofs.join(", "))
    }

    fn triggers(&mut self) {
        if self.runbook.triggers.is_empty() {
            return;
        }
        self.heading(2, "Rollback triggers");
        for trigger in &self.runbook.triggers {
            let title = self.title(&trigger.title);
            self.line(&format!("- {title}"));
        }
        self.out.push('\n');
    }

    fn rollback(&mut self, rollback: &Rollback) {
        let within = rollback
            .within
            .map(|within| format!(" (within {})", format_duration(within)));
        let title = format!("{}{}", rollback.title, within.unwrap_or_default());
        let title = self.titled("Rollback: ", &rollback.title, &title, &rollback.id);
        self.heading(2, &title);
        let mut text = Vec::new();
        if let Some(option) = rollback
            .option
            .as_deref()
            .and_then(|id| self.option_title(id))
        {
            text.push(format!("Offered after “{option}” was taken."));
        }
        text.extend(rollback.text.iter().map(|text| self.filled(text)));
        self.quote("", &text.join("\n\n"));
        self.steps(&rollback.steps);
    }

    fn small_lists(&mut self) {
        if !self.runbook.quick_commands.is_empty() {
            self.heading(2, "Quick commands");
        }
        for command in &self.runbook.quick_commands {
            let title = self.title(&command.title);
            self.heading(3, &title);
            self.fenced("", "bash", &command.command.run);
            self.out.push('\n');
            let mut facts = Vec::new();
            self.facts_of(&command.command, &mut facts);
            let takes = command.command.takes.map(format_duration);
            facts.extend(takes.map(|takes| format!("takes {takes}")));
            self.quoted("", &facts.join(" · "));
        }
        let roles = self.runbook.roles.iter();
        let roles = roles
            .map(|role| (role.id.as_str(), role.title.as_str()))
            .collect();
        self.pairs("Roles", roles);
        let contacts = self.runbook.contacts.iter();
        let contacts = contacts
            .map(|contact| (contact.name.as_str(), contact.reach.as_str()))
            .collect();
        self.pairs("Contacts", contacts);
        let links = self.runbook.links.iter();
        let links = links
            .map(|link| (link.title.as_str(), link.url.as_str()))
            .collect();
        self.pairs("Links", links);
    }

    fn pairs(&mut self, heading: &str, pairs: Vec<(&str, &str)>) {
        if pairs.is_empty() {
            return;
        }
        self.heading(2, heading);
        for (name, value) in pairs {
            let line = format!("- {}: {}", self.title(name), self.title(value));
            self.line(&line);
        }
        self.out.push('\n');
    }

    /// What was written during the run, apart from any step.
    fn remarks(&mut self) {
        let Some(run) = self.run else {
            return;
        };
        for (heading, remarks) in [("Notes", &run.notes), ("To do later", &run.todos)] {
            let general: Vec<_> = remarks
                .iter()
                .filter(|remark| remark.step.is_none())
                .collect();
            if general.is_empty() {
                continue;
            }
            self.heading(2, heading);
            for remark in general {
                let line = format!(
                    "- {} ({}, {})",
                    inline(&remark.text),
                    inline(&remark.by),
                    moment(remark.at)
                );
                self.line(&line);
            }
            self.out.push('\n');
        }
    }

    /// A text in a quote; in a fence inside it where it could be taken for anything but prose.
    fn quote(&mut self, indent: &str, text: &str) {
        self.quoted(indent, &prose(text));
    }

    /// What is Markdown already, in a quote.
    fn quoted(&mut self, indent: &str, body: &str) {
        if body.is_empty() {
            return;
        }
        for line in body.lines() {
            self.line(format!("{indent}> {line}").trim_end());
        }
        self.out.push_str(if indent.is_empty() { "\n" } else { "" });
    }

    fn fenced(&mut self, indent: &str, language: &str, body: &str) {
        let fence = fence_for(body);
        self.line(&format!("{indent}{fence}{language}"));
        for line in body.lines() {
            self.line(format!("{indent}{line}").trim_end());
        }
        self.line(&format!("{indent}{fence}"));
    }
}

/// A text as prose, or in a fence where it could be taken for anything else.
fn prose(text: &str) -> String {
    let text = text.trim_matches('\n').trim_end();
    if !text.lines().any(is_markup) {
        return text.to_owned();
    }
    let fence = fence_for(text);
    format!("{fence}text\n{text}\n{fence}")
}

/// The value that a step records, in words.
fn recorded(record: &Record) -> String {
    let mut words = format!("“{}”", record.label);
    if !record.unit.is_empty() {
        words.push_str(&format!(" in “{}”", record.unit));
    }
    if let Some(want) = &record.want {
        words.push_str(&format!(", want {want}"));
    }
    words
}

/// What a run recorded of a step, a paragraph each.
fn records(run: &Run, index: StepIndex) -> Vec<String> {
    let state = run.state(index);
    let mut words = Vec::new();
    match run.status(index) {
        Status::Todo if state.skipped => words.push("skipped".to_owned()),
        Status::Todo => {}
        status => words.push(status_words(status).to_owned()),
    }
    if let (Some(by), Some(at)) = (&state.by, state.at) {
        words.push(format!("by {by}, {}", moment(at)));
    }
    words.extend(state.value.iter().map(|value| format!("value {value}")));
    words.extend(state.signed.iter().map(|name| format!("signed {name}")));
    words.extend(state.second.iter().map(|name| format!("second {name}")));
    if let (Some(Basis::Verified), Some(evidence)) = (state.basis, &state.evidence) {
        words.push(format!(
            "verified by {}: {}",
            evidence.source, evidence.observed
        ));
    }
    words.extend(
        state
            .against
            .iter()
            .map(|red| format!("attested OVER RED {}: {}", red.source, red.observed)),
    );
    words.extend(
        state
            .reason
            .iter()
            .map(|reason| format!("because {reason}")),
    );
    let mut records = Vec::new();
    if !words.is_empty() {
        records.push(words.join(" · "));
    }
    for (kind, remarks) in [("Note", &run.notes), ("To do", &run.todos)] {
        let own = remarks.iter().filter(|remark| remark.step == Some(index));
        records.extend(own.map(|remark| {
            format!(
                "{kind} by {}, {}: {}",
                remark.by,
                moment(remark.at),
                remark.text
            )
        }));
    }
    records
}

fn status_words(status: Status) -> &'static str {
    match status {
        Status::Todo => "open",
        Status::Running => "running",
        Status::Done => "done",
        Status::Failed => "failed",
        Status::Unknown => "unknown",
        Status::Waived => "waived",
        Status::NotApplicable => "doesn't apply",
    }
}

fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// `A`, `B` … `Z`, then numbers.
fn letter(index: usize) -> String {
    u8::try_from(index)
        .ok()
        .filter(|index| *index < 26)
        .map_or_else(
            || (index + 1).to_string(),
            |index| char::from(b'A' + index).to_string(),
        )
}

/// Whether Markdown would make more of a line than a line of prose.
fn is_markup(line: &str) -> bool {
    let start = line.trim_start();
    let deep = line.starts_with("    ") || line.starts_with('\t');
    let begins = [
        "#", "```", "~~~", ">", "<", "|", "[", "(", "☐", "☑", "⬜", "✅",
    ];
    let boxed = start.trim_start_matches(['-', '*', '+', ' ']);
    let numbered = start.trim_start_matches(|c: char| c.is_ascii_digit());
    deep || line.contains("___")
        || begins
            .iter()
            .any(|begin| start.starts_with(begin) || boxed.starts_with(begin))
        || (numbered.len() < start.len() && numbered.starts_with(['.', ')']))
        || (!start.is_empty() && start.chars().all(|c| matches!(c, '-' | '=' | '*')))
}

/// A fence longer than any run of backticks in the text.
fn fence_for(text: &str) -> String {
    let mut longest = 2;
    let mut run = 0;
    for character in text.chars() {
        run = if character == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    "`".repeat(longest + 1)
}

/// A text on one line in which everything but code spans means itself.
fn inline(text: &str) -> String {
    let text: Vec<&str> = text.split_whitespace().collect();
    let text = text.join(" ");
    let spans = text.matches('`').count().is_multiple_of(2) && !text.contains("``");
    let mut result = String::with_capacity(text.len());
    let mut code = false;
    let mut characters = text.chars().peekable();
    let mut before = ' ';
    while let Some(character) = characters.next() {
        code ^= character == '`' && spans;
        let within_word = character == '_'
            && before.is_alphanumeric()
            && characters.peek().is_some_and(|next| next.is_alphanumeric());
        let special = "\\*_[]<>#&~|".contains(character) && !within_word;
        if !code && special || character == '`' && !spans {
            result.push('\\');
        }
        result.push(character);
        before = character;
    }
    result
}

/// A heading's text whose number, if it begins with one, belongs to it.
fn unnumbered(title: &str) -> String {
    let digits = title.trim_start_matches(|c: char| c.is_ascii_digit());
    let mut result = title.to_owned();
    if digits.len() < title.len() && digits.starts_with(['.', ')', ':']) {
        result.insert(title.len() - digits.len(), '\\');
    }
    result
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::journal::{Entry, Event, Evidence};
    use crate::runbook::load;
    use crate::runbook::markdown::{import, to_toml};

    const RUNBOOK: &str = r#"
format = 1
title = "Launch"
[vars]
VERSION = {}
[[phase]]
title = "Before"
stage = "pre-launch"
[[phase.section]]
title = "Checks"
steps = [
  { title = "Roll out ${VERSION}", run = "deploy", undo = "undeploy" },
  { title = "Backup size", record = { label = "size", unit = "GB" } },
]
"#;

    fn run(events: Vec<Event>) -> (Arc<Runbook>, Run) {
        let runbook = Arc::new(load("x.toml", RUNBOOK.as_bytes()).runbook.unwrap());
        let entries = events.into_iter().enumerate().map(|(index, event)| Entry {
            seq: index as u64 + 1,
            at: Timestamp::from_second(1_700_000_000).unwrap(),
            by: "ana".to_owned(),
            event,
        });
        (Arc::clone(&runbook), Run::replay(runbook, entries))
    }

    #[test]
    fn a_run_is_written_with_its_ticks_values_names_and_notes() {
        let step = crate::runbook::StepId("before/checks/backup-size".to_owned());
        let (runbook, run) = run(vec![
            Event::StepDone {
                step: step.clone(),
                basis: Basis::Attested,
                value: Some("42".to_owned()),
                signed: None,
                second: None,
                evidence: None,
                against: None,
            },
            Event::NoteAdded {
                step: Some(step),
                text: "- [ ] not a task".to_owned(),
            },
        ]);
        let written = export(&runbook, Some(&run));
        assert!(written.contains("- [ ] Roll out ${VERSION}"), "{written}");
        assert!(written.contains("- [x] Backup size"), "{written}");
        assert!(
            written.contains("done · by ana, 2023-11-14 22:13:20Z · value 42"),
            "{written}"
        );
        assert!(written.contains("Note by ana"), "{written}");
        let back = load(
            "x.toml",
            to_toml(&import("x.md", written.as_bytes())).as_bytes(),
        );
        let titles: Vec<&str> = back
            .runbook
            .as_ref()
            .unwrap()
            .steps
            .iter()
            .map(|step| step.title.as_str())
            .collect();
        assert_eq!(titles, ["Roll out ${VERSION}", "Backup size"]);
    }

    #[test]
    fn a_tick_over_something_red_says_so() {
        let (runbook, run) = run(vec![Event::StepDone {
            step: crate::runbook::StepId("before/checks/backup-size".to_owned()),
            basis: Basis::Attested,
            value: None,
            signed: None,
            second: None,
            evidence: None,
            against: Some(Evidence {
                source: "metric size".to_owned(),
                observed: "0 GB".to_owned(),
                at: Timestamp::UNIX_EPOCH,
            }),
        }]);
        let written = export(&runbook, Some(&run));
        assert!(
            written.contains("attested OVER RED metric size: 0 GB"),
            "{written}"
        );
    }

    #[test]
    fn what_could_be_read_as_more_than_prose_is_fenced() {
        for line in ["- [ ] a", "# a", "1. a", "```", "    a", "[x] a", "a ____"] {
            assert!(is_markup(line), "{line}");
        }
        assert!(!is_markup("- a plain item, and 1 number"));
    }

    #[test]
    fn titles_mean_themselves() {
        assert_eq!(inline("a_b _c_ `x*y` [d](e)"), r"a_b \_c\_ `x*y` \[d\](e)");
        assert_eq!(unnumbered("1. a"), r"1\. a");
    }
}
