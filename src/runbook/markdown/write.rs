//! An outline as TOML that reads as if a person had written it.
//!
//! Plain items are plain strings, ids are only written where two titles would clash, and what was guessed is said
//! in a comment above it. Texts are escaped here and nowhere else.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use super::outline::{Fact, Outline, Phase, Rollback, Section, Step, Trigger};
use crate::runbook::text::{format_duration, format_offset, slug};

/// How many keys of a step stand up to its command, behind which its facts belong.
const AFTER_RUN: usize = 3;

/// Writes the outline.
pub(super) fn toml(outline: &Outline) -> String {
    let mut writer = Writer::new(outline);
    writer.head(outline);
    writer.names(outline);
    for trigger in &outline.triggers {
        writer.trigger(trigger);
    }
    for phase in &outline.phases {
        writer.phase(phase);
    }
    for (index, rollback) in outline.rollbacks.iter().enumerate() {
        writer.rollback(index, rollback);
    }
    writer.upkeep(outline);
    writer.small_lists(outline);
    writer.out
}

/// The ids of siblings: each is the slug of its title unless that is taken.
#[derive(Default)]
struct Ids {
    taken: HashSet<String>,
    next: HashMap<String, usize>,
}

impl Ids {
    /// The id that was written, if it is free, else one for the title; and whether it has to be written.
    fn choose(&mut self, written: &str, title: &str) -> (String, bool) {
        if !written.is_empty() && self.taken.insert(written.to_owned()) {
            return (written.to_owned(), written != slug(title));
        }
        self.take(title)
    }

    /// The id for a title, and whether it has to be written.
    fn take(&mut self, title: &str) -> (String, bool) {
        let base = slug(title);
        if self.taken.insert(base.clone()) {
            return (base, false);
        }
        let next = self.next.entry(base.clone()).or_insert(2);
        loop {
            let id = format!("{base}-{next}");
            *next += 1;
            if self.taken.insert(id.clone()) {
                return (id, true);
            }
        }
    }
}

struct Writer<'o> {
    out: String,
    variables: HashSet<&'o str>,
    phases: Ids,
    triggers: Ids,
    upkeep_ids: Ids,
    /// Of each rollback, its id and whether it has to be written.
    rollbacks: Vec<(String, bool)>,
    /// Ids of options by title.
    options: HashMap<&'o str, String>,
}

impl<'o> Writer<'o> {
    fn new(outline: &'o Outline) -> Self {
        let mut ids = Ids::default();
        let rollbacks = outline
            .rollbacks
            .iter()
            .map(|rollback| ids.choose(&rollback.id, &rollback.title))
            .collect();
        let mut phases = Ids::default();
        // The names of rollbacks' and upkeep lists' steps begin with these.
        phases
            .taken
            .extend(["rollback".to_owned(), "upkeep".to_owned()]);
        let mut options = HashMap::new();
        for section in outline.phases.iter().flat_map(|phase| &phase.sections) {
            let mut ids = Ids::default();
            for option in &section.options {
                let (id, _) = ids.choose(&option.id, &option.title);
                options.entry(option.title.as_str()).or_insert(id);
            }
        }
        Self {
            out: String::new(),
            variables: outline
                .variables
                .iter()
                .map(|variable| variable.name.as_str())
                .collect(),
            phases,
            triggers: Ids::default(),
            upkeep_ids: Ids::default(),
            rollbacks,
            options,
        }
    }

    fn head(&mut self, outline: &Outline) {
        comments(&mut self.out, "", &outline.comments);
        self.out.push('\n');
        let mut pairs = vec![
            ("format", "1".to_owned()),
            ("title", self.shown(&outline.title)),
        ];
        if !outline.summary.is_empty() {
            pairs.push(("summary", self.shown(&outline.summary)));
        }
        self.pairs(&pairs);
    }

    fn names(&mut self, outline: &Outline) {
        if !outline.roles.is_empty() {
            self.out.push_str("\n[roles]\n");
            let mut lines = Vec::new();
            if !outline.roles.iter().any(|(id, _)| id == "ic") {
                lines.push(("ic".to_owned(), quoted("Incident commander")));
            }
            for (id, title) in &outline.roles {
                lines.push((key(id), self.shown(title)));
            }
            self.aligned(&lines);
        }
        if outline.variables.is_empty() {
            return;
        }
        self.out.push_str("\n[vars]\n");
        let lines: Vec<(String, String)> = outline
            .variables
            .iter()
            .map(|variable| {
                let default = variable
                    .default
                    .as_ref()
                    .map(|value| format!(", default = {}", quoted(value)));
                let table = format!(
                    "{{ label = {}{} }}",
                    quoted(&variable.label),
                    default.unwrap_or_default()
                );
                (variable.name.clone(), table)
            })
            .collect();
        self.aligned(&lines);
    }

    fn trigger(&mut self, trigger: &Trigger) {
        self.out.push('\n');
        comments(&mut self.out, "", trigger.text.as_slice());
        self.out.push_str("[[trigger]]\n");
        let (id, written) = self.triggers.take(&trigger.title);
        let ids: Vec<String> = trigger
            .rollbacks
            .iter()
            .map(|&index| quoted(&self.rollbacks[index].0))
            .collect();
        let mut pairs = Vec::new();
        if written {
            pairs.push(("id", quoted(&id)));
        }
        pairs.push(("title", self.shown(&trigger.title)));
        pairs.push(("manual", "true".to_owned()));
        if !ids.is_empty() {
            pairs.push(("rollback", format!("[{}]", ids.join(", "))));
        }
        self.pairs(&pairs);
    }

    fn phase(&mut self, phase: &Phase) {
        self.out.push('\n');
        comments(&mut self.out, "", &phase.comments);
        self.out.push_str("[[phase]]\n");
        let mut pairs = Vec::new();
        let (id, written) = self.phases.choose(&phase.id, &phase.title);
        if written {
            pairs.push(("id", quoted(&id)));
        }
        pairs.push(("title", self.shown(&phase.title)));
        pairs.push(("stage", quoted(phase.stage.name())));
        if let Some(at) = phase.at {
            pairs.push(("at", quoted(&format_offset(at))));
        }
        self.pairs(&pairs);
        let mut ids = Ids::default();
        for section in &phase.sections {
            self.section(section, &mut ids);
        }
    }

    fn section(&mut self, section: &Section, ids: &mut Ids) {
        self.out.push('\n');
        comments(&mut self.out, "", &section.comments);
        self.out.push_str("[[phase.section]]\n");
        let mut pairs = Vec::new();
        let (id, written) = ids.choose(&section.id, &section.title);
        if written {
            pairs.push(("id", quoted(&id)));
        }
        pairs.push(("title", self.shown(&section.title)));
        if !section.options.is_empty() {
            pairs.push(("choose", quoted(&slug(&section.title))));
        }
        if !section.text.is_empty() {
            pairs.push(("text", self.shown(&section.text.join("\n\n"))));
        }
        self.pairs(&pairs);
        if !section.steps.is_empty() {
            self.steps(&section.steps);
        }
        let mut ids = Ids::default();
        for option in &section.options {
            self.out.push('\n');
            comments(&mut self.out, "", &option.comments);
            self.out.push_str("[[phase.section.option]]\n");
            let (id, written) = ids.choose(&option.id, &option.title);
            let mut pairs = vec![("title", self.shown(&option.title))];
            if written {
                pairs.push(("id", quoted(&id)));
            }
            self.pairs(&pairs);
            self.steps(&option.steps);
        }
    }

    fn rollback(&mut self, index: usize, rollback: &Rollback) {
        self.out.push('\n');
        comments(&mut self.out, "", &rollback.comments);
        self.out.push_str("[[rollback]]\n");
        let mut pairs = Vec::new();
        let (id, written) = &self.rollbacks[index];
        if *written {
            pairs.push(("id", quoted(id)));
        }
        pairs.push(("title", self.shown(&rollback.title)));
        if let Some(option) = rollback
            .option
            .as_deref()
            .and_then(|title| self.options.get(title))
        {
            pairs.push(("option", quoted(option)));
        }
        if let Some(within) = rollback.within {
            pairs.push(("within", quoted(&format_duration(within))));
        }
        if !rollback.text.is_empty() {
            pairs.push(("text", self.shown(&rollback.text.join("\n\n"))));
        }
        self.pairs(&pairs);
        self.steps(&rollback.steps);
    }

    fn upkeep(&mut self, outline: &Outline) {
        for upkeep in &outline.upkeep {
            self.out.push('\n');
            comments(&mut self.out, "", &upkeep.comments);
            self.out.push_str("[[upkeep]]\n");
            let mut pairs = Vec::new();
            let (id, written) = self.upkeep_ids.choose(&upkeep.id, &upkeep.title);
            if written {
                pairs.push(("id", quoted(&id)));
            }
            pairs.push(("title", self.shown(&upkeep.title)));
            pairs.push(("every", quoted(&format_duration(upkeep.every))));
            self.pairs(&pairs);
            self.steps(&upkeep.steps);
        }
    }

    fn small_lists(&mut self, outline: &Outline) {
        for command in &outline.commands {
            self.out.push_str("\n[[command]]\n");
            let mut pairs = vec![
                ("title", self.shown(&command.title)),
                ("run", quoted(&command.run)),
            ];
            pairs.extend(self.facts(&command.facts));
            self.pairs(&pairs);
        }
        for (name, reach) in &outline.contacts {
            self.out.push_str("\n[[contact]]\n");
            let pairs = [("name", self.shown(name)), ("reach", self.shown(reach))];
            self.pairs(&pairs);
        }
        for (title, url) in &outline.links {
            self.out.push_str("\n[[link]]\n");
            let pairs = [("title", self.shown(title)), ("url", self.shown(url))];
            self.pairs(&pairs);
        }
    }

    fn steps(&mut self, steps: &[Step]) {
        self.out.push_str("steps = [\n");
        self.step_lines(steps, 1);
        self.out.push_str("]\n");
    }

    fn step_lines(&mut self, steps: &[Step], depth: usize) {
        let indent = "  ".repeat(depth);
        let mut ids = Ids::default();
        for step in steps {
            comments(&mut self.out, &indent, &step.comments);
            let (id, written) = ids.choose(&step.id, &step.title);
            let pairs = self.step_pairs(step, written.then_some(id));
            self.out.push_str(&indent);
            match pairs.as_slice() {
                [(_, title)] if step.steps.is_empty() => self.out.push_str(title),
                pairs => {
                    let written: Vec<String> = pairs
                        .iter()
                        .map(|(key, value)| format!("{key} = {value}"))
                        .collect();
                    self.out.push_str("{ ");
                    self.out.push_str(&written.join(", "));
                    if !step.steps.is_empty() {
                        self.out.push_str(", steps = [\n");
                        self.step_lines(&step.steps, depth + 1);
                        self.out.push_str(&indent);
                        self.out.push(']');
                    }
                    self.out.push_str(" }");
                }
            }
            self.out.push_str(",\n");
        }
    }

    fn step_pairs(&self, step: &Step, id: Option<String>) -> Vec<(&'static str, String)> {
        let yes = |set: bool| set.then(|| "true".to_owned());
        let shown = |text: &Option<String>| text.as_ref().map(|text| self.shown(text));
        let record = step.record.as_ref().map(|(label, unit)| {
            let mut pairs = vec![format!("label = {}", self.shown(label))];
            if !unit.is_empty() {
                pairs.push(format!("unit = {}", self.shown(unit)));
            }
            let want = step.want.iter();
            pairs.extend(want.map(|want| format!("want = {}", quoted(want))));
            format!("{{ {} }}", pairs.join(", "))
        });
        let facts = self
            .facts(&step.facts)
            .map(|(key, value)| (key, Some(value)));
        let text = (!step.text.is_empty()).then(|| self.shown(&step.text.join("\n")));
        let pairs = [
            ("id", id.map(|id| quoted(&id))),
            ("title", Some(self.shown(&step.title))),
            ("run", step.run.as_deref().map(quoted)),
            ("at", step.at.map(|at| quoted(&format_offset(at)))),
            ("must", yes(step.must && !step.optional)),
            ("optional", yes(step.optional)),
            ("if", shown(&step.condition)),
            ("record", record),
            ("sign", step.sign.as_deref().map(quoted)),
            ("link", shown(&step.link)),
            ("text", text),
        ];
        let (before, after) = pairs.split_at(AFTER_RUN);
        let pairs = before
            .iter()
            .cloned()
            .chain(facts)
            .chain(after.iter().cloned());
        pairs
            .filter_map(|(key, value)| Some((key, value?)))
            .collect()
    }

    fn facts(
        &self,
        facts: &[(&'static str, Fact)],
    ) -> impl Iterator<Item = (&'static str, String)> {
        facts.iter().map(|(key, fact)| {
            let value = match fact {
                Fact::Yes => "true".to_owned(),
                Fact::Literal(text) => quoted(text),
                Fact::Text(text) => self.shown(text),
            };
            (*key, value)
        })
    }

    fn pairs(&mut self, pairs: &[(&str, String)]) {
        let pairs: Vec<(String, String)> = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone()))
            .collect();
        self.aligned(&pairs);
    }

    fn aligned(&mut self, pairs: &[(String, String)]) {
        let width = pairs
            .iter()
            .map(|(key, _)| key.chars().count())
            .max()
            .unwrap_or(0)
            .min(24);
        for (key, value) in pairs {
            // Writing to a string can't fail.
            let _ = writeln!(self.out, "{key:width$} = {value}");
        }
    }

    /// A text that people see: `${NAME}` stays where a variable has that name, otherwise it means itself.
    fn shown(&self, text: &str) -> String {
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            result.push_str(before);
            // Names are short; looking through all of the rest each time would be quadratic.
            let near = &after[..after.floor_char_boundary(128)];
            let name = near.split_once('}').map(|(name, _)| name);
            let known =
                name.is_some_and(|name| self.variables.contains(name)) && !before.ends_with('$');
            result.push_str(if known { "${" } else { "$${" });
            rest = after;
        }
        result.push_str(rest);
        quoted(&result)
    }
}

fn key(id: &str) -> String {
    let bare = !id.is_empty()
        && id
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if bare { id.to_owned() } else { quoted(id) }
}

fn comments(out: &mut String, indent: &str, texts: &[String]) {
    for line in texts.iter().flat_map(|text| text.lines()) {
        let clean: String = line
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        out.push_str(indent);
        out.push_str("# ");
        out.push_str(clean.trim());
        while out.ends_with(' ') {
            out.pop();
        }
        out.push('\n');
    }
}

/// A TOML string, in the form that needs the fewest escapes.
fn quoted(text: &str) -> String {
    let odd = |c: char| c.is_control() && c != '\n' && c != '\t';
    let lines = text.contains('\n');
    if text.chars().any(odd) {
        return escaped(text);
    }
    if !lines && !text.contains(['"', '\\', '\t']) {
        return format!("\"{text}\"");
    }
    if !lines && !text.contains('\'') {
        return format!("'{text}'");
    }
    if lines && !text.contains("'''") && !text.ends_with('\'') {
        return format!("'''\n{text}'''");
    }
    if lines && !text.contains("\"\"\"") && !text.contains('\\') && !text.ends_with('"') {
        return format!("\"\"\"\n{text}\"\"\"");
    }
    escaped(text)
}

fn escaped(text: &str) -> String {
    let mut result = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => result.push_str("\\\""),
            '\\' => result.push_str("\\\\"),
            '\n' => result.push_str("\\n"),
            '\t' => result.push_str("\\t"),
            control if control.is_control() => {
                // Writing to a string can't fail.
                let _ = write!(result, "\\u{:04x}", u32::from(control));
            }
            other => result.push(other),
        }
    }
    result.push('"');
    result
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn strings_take_the_form_with_the_fewest_escapes() {
        for (text, written) in [
            ("plain", "\"plain\""),
            ("say \"so\"", "'say \"so\"'"),
            ("it's \"so\"", "\"it's \\\"so\\\"\""),
            ("a\nb", "'''\na\nb'''"),
            ("bell\u{7}", "\"bell\\u0007\""),
        ] {
            assert_eq!(quoted(text), written);
        }
    }

    #[test]
    fn placeholders_that_name_no_variable_mean_themselves() {
        let mut outline = Outline::default();
        outline.variables.push(super::super::outline::Variable {
            name: "VERSION".to_owned(),
            label: "Version".to_owned(),
            default: None,
        });
        let writer = Writer::new(&outline);
        assert_eq!(
            writer.shown("${VERSION} ${OTHER} ${"),
            "\"${VERSION} $${OTHER} $${\""
        );
    }

    proptest! {
        #[test]
        fn every_string_reads_back(text in "(\\PC|[\\n\\t\\x00\\x1b'\"\\\\])*") {
            let document = format!("a = {}\n", quoted(&text));
            let table: toml::Table = document.parse().unwrap();
            prop_assert_eq!(table["a"].as_str(), Some(text.as_str()));
        }
    }
}
