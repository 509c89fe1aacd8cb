//! The last look at a whole outline: what is said once, which phases go elsewhere, how deep steps may stand.

use jiff::SignedDuration;

use super::super::outline::{self, Outline, Phase, Section, Step};
use super::super::steps::Shared;
use super::{Arranger, Draft, phase};
use crate::runbook::Stage;
use crate::runbook::load::MOST_LEVELS;

impl Arranger<'_> {
    pub(super) fn finish(mut self) -> Outline {
        self.summarise_marks();
        merge_plain(&mut self.drafts);
        let kept = std::mem::take(&mut self.pending);
        self.place_rest(kept);
        let mut drafts = std::mem::take(&mut self.drafts);
        for draft in drafts.iter().filter(|draft| is_hollow(draft)) {
            self.outline.comments.push(format!(
                "Everything under “{}” went elsewhere.",
                draft.phase.title
            ));
            self.outline
                .comments
                .extend(draft.phase.comments.iter().cloned());
        }
        drafts.retain(|draft| !is_hollow(draft));
        if !drafts.iter().any(|draft| draft.written) {
            self.bring_forward(&mut drafts);
            let mut latest = Stage::PreLaunch;
            for draft in &mut drafts {
                latest = latest.max(draft.phase.stage);
                draft.phase.stage = latest;
            }
        }
        self.outline.phases = drafts.into_iter().map(|draft| draft.phase).collect();
        self.outline.variables = std::mem::take(&mut self.shared.variables);
        self.outline.roles = std::mem::take(&mut self.shared.roles).into_list();
        limit_depth(&mut self.outline, self.shared);
        self.outline
    }

    /// Lists that are due before the launch, and stand behind it in the document, go to where they are due. Nothing
    /// else changes its place: the order of a checklist is its author's.
    fn bring_forward(&mut self, drafts: &mut Vec<Draft>) {
        // Where the launch's own day begins, and the launch: what is due earlier goes right before it.
        let begins = [false, true].map(|same_day| {
            let later = |draft: &Draft| place_in_time(draft) > (Stage::PreLaunch, same_day);
            drafts.iter().position(later).unwrap_or(drafts.len())
        });
        let mut ranked: Vec<(usize, Draft)> = Vec::new();
        for (index, mut draft) in drafts.drain(..).enumerate() {
            let (stage, same_day) = place_in_time(&draft);
            let due = usize::from(same_day);
            let moves = draft.apart && stage == Stage::PreLaunch && begins[due] < index;
            let rank = if moves {
                self.say_moved(&mut draft);
                2 * due + 1
            } else {
                2 * begins.iter().filter(|begin| index >= **begin).count()
            };
            ranked.push((rank, draft));
        }
        ranked.sort_by_key(|(rank, _)| *rank);
        drafts.extend(ranked.into_iter().map(|(_, draft)| draft));
    }

    fn say_moved(&mut self, draft: &mut Draft) {
        let what = format!(
            "“{}” is due before the launch: moved there",
            draft.phase.title
        );
        self.shared.notes.guess(draft.line, &what);
        let comment = format!("guessed from line {}: {what}", draft.line);
        draft.phase.comments.push(comment);
    }

    /// Texts after the last section go into one of their own.
    pub(super) fn place_rest(&mut self, text: Vec<String>) {
        if text.is_empty() {
            return;
        }
        let section = Section {
            title: "Notes".to_owned(),
            text,
            ..Section::default()
        };
        match self.drafts.last_mut() {
            Some(draft) => draft.phase.sections.push(section),
            None => self.drafts.push(Draft {
                phase: Phase {
                    sections: vec![section],
                    ..phase("Notes", Stage::PreLaunch, None)
                },
                plain: false,
                written: false,
                apart: false,
                line: 0,
            }),
        }
    }

    /// Says once what became of ticks and status marks.
    pub(super) fn summarise_marks(&mut self) {
        let (count, line) = self.shared.ticked;
        if count > 0 {
            let what = format!(
                "ticked boxes that start open, as a checklist's ticks aren't those of a run: {count}"
            );
            self.shared.notes.guess(line, &what);
            self.outline
                .comments
                .push(format!("guessed from line {line}: {what}"));
        }
        for (sign, (count, line)) in std::mem::take(&mut self.shared.statuses) {
            let meaning = self.shared.legend.get(&sign);
            let meaning = meaning
                .map(|meaning| format!(" ({meaning})"))
                .unwrap_or_default();
            let what = format!(
                "{count} × {sign}{meaning}: status marks are kept as text, every step starts open"
            );
            self.shared.notes.guess(line, &what);
            self.outline
                .comments
                .push(format!("guessed from line {line}: {what}"));
        }
    }
}

/// A phase that nothing was put into.
fn is_hollow(draft: &Draft) -> bool {
    draft.phase.sections.is_empty() && !draft.written
}

/// Phases go by stage; before the launch those of its own day come last.
fn place_in_time(draft: &Draft) -> (Stage, bool) {
    let day = SignedDuration::from_hours(-24);
    let same_day = draft.phase.at.is_some_and(|at| at >= day);
    let stage = draft.phase.stage;
    (stage, stage == Stage::PreLaunch && same_day)
}

/// Neighbouring phases that are no more than a section each become one.
fn merge_plain(drafts: &mut Vec<Draft>) {
    let mut merged: Vec<Draft> = Vec::new();
    let mut sizes: Vec<usize> = Vec::new();
    for draft in drafts.drain(..) {
        match merged.last_mut() {
            Some(last) if last.plain && draft.plain && last.phase.stage == draft.phase.stage => {
                last.phase.sections.extend(draft.phase.sections);
                last.phase.comments.extend(draft.phase.comments);
                if let Some(size) = sizes.last_mut() {
                    *size += 1;
                }
            }
            _ => {
                merged.push(draft);
                sizes.push(1);
            }
        }
    }
    for (draft, size) in merged.iter_mut().zip(sizes) {
        if size > 1 {
            draft.phase.title = match draft.phase.stage {
                Stage::PreLaunch => "Before launch",
                Stage::Launch => "Launch",
                Stage::PostLaunch => "After launch",
            }
            .to_owned();
        }
    }
    *drafts = merged;
}

/// Steps below the deepest level that a runbook may have move up to it.
fn limit_depth(outline: &mut Outline, shared: &mut Shared) {
    let before = outline.steps();
    let mut moved = 0;
    let sections = outline
        .phases
        .iter_mut()
        .flat_map(|phase| &mut phase.sections);
    let forward = sections.flat_map(|section| {
        let options = section.options.iter_mut().map(|option| &mut option.steps);
        std::iter::once(&mut section.steps).chain(options)
    });
    let back = outline
        .rollbacks
        .iter_mut()
        .map(|rollback| &mut rollback.steps);
    let again = outline.upkeep.iter_mut().map(|upkeep| &mut upkeep.steps);
    for steps in forward.chain(back).chain(again) {
        moved += flatten(steps, 1);
    }
    if moved > 0 {
        let what = format!("{moved} items nested deeper than {MOST_LEVELS} levels moved up");
        shared.notes.guess(1, what);
    }
    debug_assert_eq!(before, outline.steps(), "moving steps up loses none");
}

fn flatten(steps: &mut Vec<Step>, level: usize) -> usize {
    if level < MOST_LEVELS {
        return steps
            .iter_mut()
            .map(|step| flatten(&mut step.steps, level + 1))
            .sum();
    }
    let mut flat = Vec::new();
    let mut moved = 0;
    for step in steps.drain(..) {
        moved += outline::count(&step.steps);
        spread(step, &mut flat);
    }
    *steps = flat;
    moved
}

fn spread(mut step: Step, flat: &mut Vec<Step>) {
    let below = std::mem::take(&mut step.steps);
    flat.push(step);
    for step in below {
        spread(step, flat);
    }
}
