//! Steps that lost their id since a runbook was last run.
//!
//! What a run records is kept by step id, and an id comes from the title unless it is written. So a title that is only
//! put better makes a new step of an old one: how long its command takes, and who did it last time, is forgotten.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::diagnostic::Diagnostic;
use super::load::Loaded;
use super::text::nearest;
use super::{Runbook, Step};

impl Loaded {
    /// Adds a warning for each id that this runbook had before and something in it has lost.
    pub fn compare_ids(&mut self, before: &Runbook) {
        let Some(after) = &self.runbook else {
            return;
        };
        let warnings = changed_ids(before, after, &self.text);
        self.diagnostics.extend(warnings);
        self.diagnostics
            .sort_by_key(|diagnostic| diagnostic.span.start);
    }
}

fn changed_ids(before: &Runbook, after: &Runbook, text: &str) -> Vec<Diagnostic> {
    let mut changes: BTreeMap<(&str, &str), Vec<&Step>> = BTreeMap::new();
    for (old, new) in pairs(before, after) {
        let change = without_common_end(&old.id.0, &new.id.0);
        changes.entry(change).or_default().push(new);
    }
    let warn = |((old, new), steps): ((&str, &str), Vec<&Step>)| {
        // A title that is written with escapes isn't found; then the head of the file stands for it.
        let title = steps.first().map_or("", |step| step.title.as_str());
        let start = text.find(title).unwrap_or(0);
        let whose = match steps.len() {
            1 => "the id of a step".to_owned(),
            count => format!("ids of {count} steps"),
        };
        let message = format!("{whose} changed since the last run: `{old}` is `{new}` now");
        let name = old.rsplit('/').next().unwrap_or(old);
        Diagnostic::warning("id-changed", start..start + title.len(), message).help(format!(
            "what runs recorded is found by id; if it is still the same, write `id = \"{name}\"` where the name changed"
        ))
    };
    changes.into_iter().map(warn).collect()
}

/// Steps whose id is gone, each with the one that took its place.
fn pairs<'r>(before: &'r Runbook, after: &'r Runbook) -> Vec<(&'r Step, &'r Step)> {
    let without = |steps: &'r [Step], others: &[Step]| -> Vec<&'r Step> {
        let known: HashSet<&str> = others.iter().map(|step| step.id.0.as_str()).collect();
        let unknown = steps.iter().filter(|step| !known.contains(&*step.id.0));
        unknown.collect()
    };
    let mut heirs = Heirs::new(without(&after.steps, &before.steps));
    let gone = without(&before.steps, &after.steps);
    gone.into_iter()
        .filter_map(|old| Some((old, heirs.of(old)?)))
        .collect()
}

/// The steps that are new, and which of them may be an old one under another id.
struct Heirs<'r> {
    new: HashMap<&'r str, &'r Step>,
    titles: HashMap<&'r str, Vec<&'r str>>,
    parents: HashMap<&'r str, Vec<&'r str>>,
}

impl<'r> Heirs<'r> {
    fn new(steps: Vec<&'r Step>) -> Self {
        let mut heirs = Self {
            new: HashMap::new(),
            titles: HashMap::new(),
            parents: HashMap::new(),
        };
        for step in steps {
            let id = step.id.0.as_str();
            heirs.new.insert(id, step);
            heirs.titles.entry(&step.title).or_default().push(id);
            heirs.parents.entry(parent(id)).or_default().push(id);
        }
        heirs
    }

    /// The step of the same title, or the one in the same place whose command is the same or whose id is close.
    fn of(&mut self, old: &Step) -> Option<&'r Step> {
        let free = |ids: Option<&Vec<&'r str>>| -> Vec<&'r str> {
            let ids = ids.into_iter().flatten().copied();
            ids.filter(|id| self.new.contains_key(id)).collect()
        };
        let same_title = free(self.titles.get(old.title.as_str()));
        let beside = free(self.parents.get(parent(&old.id.0)));
        let run = |step: &Step| step.command.as_ref().map(|command| command.run.clone());
        let same_command = beside
            .iter()
            .find(|id| run(old).is_some() && run(self.new[**id]) == run(old));
        let found = same_title
            .first()
            .or(same_command)
            .copied()
            .or_else(|| nearest(&old.id.0, beside.iter().copied()))?;
        self.new.remove(found)
    }
}

fn parent(id: &str) -> &str {
    id.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Two ids up to the last part in which they differ: of all steps below something that was renamed, the same.
fn without_common_end<'i>(old: &'i str, new: &'i str) -> (&'i str, &'i str) {
    let (mut old, mut new) = (old, new);
    while let (Some((above_old, last_old)), Some((above_new, last_new))) =
        (old.rsplit_once('/'), new.rsplit_once('/'))
        && last_old == last_new
    {
        (old, new) = (above_old, above_new);
    }
    (old, new)
}

#[cfg(test)]
mod tests {
    use crate::runbook::load;

    const BEFORE: &str = r#"format = 1
title = "Kestrel"
target = "prod"
[[phase]]
title = "Before"
stage = "pre-launch"
[[phase.section]]
title = "Checks"
steps = ["Tests are green", "Signing key is set", { title = "Roll out", run = "deploy", level = "safe" }]
"#;

    fn messages(from: &str, to: &str) -> Vec<String> {
        let before = load("a.toml", BEFORE.as_bytes()).runbook.unwrap();
        let mut after = load("b.toml", BEFORE.replace(from, to).as_bytes());
        after.compare_ids(&before);
        let found = after.findings().into_iter();
        found
            .filter(|finding| finding.code == "id-changed")
            .map(|finding| format!("{} {}", finding.line, finding.message))
            .collect()
    }

    #[test]
    fn what_was_put_better_or_renamed_is_told_once() {
        let told = |whose: &str, line: usize, old: &str, new: &str| {
            vec![format!(
                "{line} {whose} changed since the last run: `{old}` is `{new}` now"
            )]
        };
        let one = "the id of a step";
        assert_eq!(
            messages("Tests are green", "Tests are all green"),
            told(
                one,
                9,
                "before/checks/tests-are-green",
                "before/checks/tests-are-all-green"
            )
        );
        assert_eq!(
            messages("title = \"Roll out\"", "title = \"Deploy the images\""),
            told(
                one,
                9,
                "before/checks/roll-out",
                "before/checks/deploy-the-images"
            )
        );
        assert_eq!(
            messages("\"Before\"", "\"Earlier\""),
            told("ids of 3 steps", 9, "before", "earlier")
        );
    }

    #[test]
    fn what_stayed_went_away_or_came_is_no_change() {
        for (from, to) in [
            ("x", "x"),
            ("\"Tests are green\", ", ""),
            ("steps = [", "steps = [\"Something else entirely\", "),
            (
                "\"Tests are green\"",
                "{ title = \"Green\", id = \"tests-are-green\" }",
            ),
        ] {
            assert_eq!(messages(from, to), Vec::<String>::new(), "{to}");
        }
    }
}
