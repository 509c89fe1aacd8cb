//! Trouble: firing by hand, deciding, starting a rollback, closing it.
//!
//! `B` works on every screen and runs nothing by itself. The decision costs one typed target; after that each step
//! costs only `x` `y`.

use super::keys::Action;
use super::view::{Menu, MenuChoice, MenuItem, OverlayKind, Purpose, Screen};
use super::{App, Effect};
use crate::journal::{Decision, Event};
use crate::runbook::text::{self, count};

impl App {
    pub(super) fn act_deciding(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::Rollback => self.ask_decision(),
            Action::AttestRollback => {
                if !self.run.is_rolling_back() {
                    return self.refuse("no rollback is under way");
                }
                let hint = "it is recorded as attested, not verified".to_owned();
                self.prompt(
                    Purpose::AttestRollback,
                    "Close the rollback without proof: why?",
                    hint,
                    "",
                );
                Vec::new()
            }
            _ => self.ask_trigger(),
        }
    }

    fn ask_decision(&mut self) -> Vec<Effect> {
        self.show(Screen::Rollback);
        if self.options.read_only {
            return Vec::new();
        }
        if self.run.ended.is_some() {
            return self.refuse("this run is closed");
        }
        if self.run.is_rolling_back() {
            self.go_to_next();
            return self.refuse("the rollback is under way: x runs its next step");
        }
        let mut items = self.rollback_items();
        let rollbacks = items.len();
        items.extend(self.other_decisions());
        // Enter must never start a way back that nothing asked for.
        let cursor = if self.suggested().is_empty() {
            rollbacks
        } else {
            0
        };
        let text = self.what_is_to_decide(rollbacks > 0);
        let title = "Decide: go back?".to_owned();
        self.open_overlay(OverlayKind::Menu(Menu {
            title,
            text,
            items,
            cursor,
        }));
        Vec::new()
    }

    /// What fired, or that nothing waits; and what to do where there is no way back.
    fn what_is_to_decide(&self, has_rollbacks: bool) -> String {
        let triggers = &self.run.runbook().triggers;
        let pending: Vec<&str> = self
            .run
            .pending_triggers()
            .map(|at| triggers[at].title.as_str())
            .collect();
        let what = if pending.is_empty() {
            self.answered_words()
                .unwrap_or_else(|| "no trigger has fired".to_owned())
        } else {
            format!("fired: {}", pending.join(", "))
        };
        if has_rollbacks {
            return format!("{what}. Choosing runs nothing, the target is asked next");
        }
        format!("{what}. {}", self.without_rollback())
    }

    /// What to do when there is no rollback to take.
    pub fn without_rollback(&self) -> String {
        let runbook = self.run.runbook();
        let none = if runbook.rollbacks.is_empty() {
            "This runbook has no rollback"
        } else {
            "No rollback fits the options that were taken"
        };
        let contacts: Vec<String> = runbook
            .contacts
            .iter()
            .take(2)
            .map(|contact| format!("{} {}", contact.name, contact.reach))
            .collect();
        let help = if contacts.is_empty() {
            "get help".to_owned()
        } else {
            format!("get help: {}", contacts.join(", "))
        };
        format!("{none}: hold, then {help}")
    }

    /// The trigger that fired last and was answered, and how.
    pub fn answered_words(&self) -> Option<String> {
        let fired = self.run.triggers.iter().enumerate();
        let answered = fired.filter_map(|(at, state)| {
            let fired = state.fired.as_ref()?;
            Some((fired.at, at, fired.decision?.0))
        });
        let (at, trigger, decision) = answered.max_by_key(|(at, ..)| *at)?;
        let title = &self.run.runbook().triggers[trigger].title;
        let at = at.strftime("%H:%M:%S");
        Some(format!(
            "{title} fired {at}Z and was answered: {}",
            decision.words()
        ))
    }

    /// The rollbacks that triggers waiting for a decision ask for.
    fn suggested(&self) -> Vec<usize> {
        self.run
            .pending_triggers()
            .flat_map(|trigger| self.run.runbook().triggers[trigger].rollbacks.clone())
            .collect()
    }

    fn rollback_items(&self) -> Vec<MenuItem> {
        let mut offered = self.run.offered_rollbacks();
        // What a fired trigger suggests comes first; all the others stay within reach.
        let suggested = self.suggested();
        offered.sort_by_key(|rollback| !suggested.contains(rollback));
        let keys = ('1'..='9').map(Some).chain(std::iter::repeat(None));
        let items = offered.into_iter().zip(keys).map(|(rollback, key)| {
            let definition = &self.run.runbook().rollbacks[rollback];
            let mut detail = count(definition.steps.len(), "step", "steps");
            if let Some(estimate) = self.run.rollback_estimate(rollback) {
                detail.push_str(&format!(
                    ", takes about {}",
                    text::format_duration(estimate)
                ));
            }
            if let Some(within) = definition.within {
                detail.push_str(&format!(", within {}", text::format_duration(within)));
            }
            let label = format!("roll back: {}", definition.title);
            MenuItem {
                key,
                label,
                detail,
                choice: MenuChoice::Rollback(rollback),
            }
        });
        items.collect()
    }

    fn other_decisions(&self) -> Vec<MenuItem> {
        let item = |key, decision: Decision, detail: &str| {
            MenuItem::keyed(key, decision.words(), detail, MenuChoice::Decide(decision))
        };
        let mut items = vec![
            item(
                'h',
                Decision::HoldAndWatch,
                "stop here and keep looking; asks why",
            ),
            item(
                'f',
                Decision::FixForward,
                "repair without going back; asks why",
            ),
        ];
        if self.run.pending_triggers().next().is_some() {
            items.push(item(
                'a',
                Decision::FalseAlarm,
                "the trigger was wrong; asks why",
            ));
        }
        let undoable = self.run.undoable();
        let left = undoable.iter().filter(|step| !step.is_undone()).count();
        if left > 0 {
            items.push(MenuItem::keyed(
                'u',
                "undo single steps",
                &format!(
                    "{} can be taken back; goes to the list",
                    count(left, "step", "steps")
                ),
                MenuChoice::ListUndo,
            ));
        }
        items
    }

    /// Puts the cursor of the rollback screen on the newest step that can be taken back.
    pub(super) fn list_undo(&mut self) {
        self.show(Screen::Rollback);
        let before = self.run.rollback_steps().len();
        let undoable = self.run.undoable();
        let newest = undoable.iter().position(|step| !step.is_undone());
        self.view.rollback_cursor = before + newest.unwrap_or(0);
    }

    pub(super) fn pick_decision(&mut self, decision: Decision) -> Vec<Effect> {
        let title = format!("{}: why?", capitalised(decision.words()));
        let hint = "the reason appears in the report".to_owned();
        self.prompt(Purpose::Decision(decision), &title, hint, "");
        Vec::new()
    }

    pub(super) fn decide(&mut self, decision: Decision, reason: &str) -> Vec<Effect> {
        let pending: Vec<usize> = self.run.pending_triggers().collect();
        let triggers = pending
            .iter()
            .map(|&at| self.run.runbook().triggers[at].id.clone())
            .collect();
        let mut effects = self.record(Event::Decided {
            triggers,
            decision,
            reason: reason.to_owned(),
        });
        if decision == Decision::HoldAndWatch && self.run.clock.hold_now().is_none() {
            effects.extend(self.record(Event::HoldStarted {
                reason: reason.to_owned(),
                gate: None,
            }));
        }
        effects
    }

    pub(super) fn pick_rollback(&mut self, rollback: usize) -> Vec<Effect> {
        let definition = &self.run.runbook().rollbacks[rollback];
        let title = format!("Roll back: {}. Type the target's name", definition.title);
        let hint = format!(
            "`{}`: this decides; each step is then run with x and y",
            self.run.target
        );
        self.prompt(Purpose::StartRollback(rollback), &title, hint, "");
        Vec::new()
    }

    pub(super) fn answer_start_rollback(
        &mut self,
        rollback: usize,
        typed: &str,
    ) -> Result<Vec<Effect>, String> {
        if typed.trim() != self.run.target {
            return Err(format!(
                "that isn't `{}`: nothing is decided until it is",
                self.run.target
            ));
        }
        if self.run.is_rolling_back() || self.is_beginning_by_itself() {
            return Err("a rollback has begun by itself meanwhile: esc shows it".to_owned());
        }
        let id = self.run.runbook().rollbacks[rollback].id.clone();
        let mut effects = self.decide(Decision::RollBack, "");
        effects.extend(self.record(Event::RollbackStarted {
            rollback: id,
            typed: typed.trim().to_owned(),
            trigger: None,
        }));
        Ok(effects)
    }

    pub(super) fn attest_rollback(&mut self, reason: &str) -> Vec<Effect> {
        let Some(state) = &self.run.rollback else {
            return Vec::new();
        };
        let rollback = self.run.runbook().rollbacks[state.rollback].id.clone();
        self.record(Event::RollbackAttested {
            rollback,
            reason: reason.to_owned(),
        })
    }

    fn ask_trigger(&mut self) -> Vec<Effect> {
        let triggers = self.run.runbook().triggers.iter().enumerate();
        let items: Vec<MenuItem> = triggers
            .filter(|(_, trigger)| trigger.manual)
            .map(|(position, trigger)| {
                let detail = "asks what you saw".to_owned();
                MenuItem::plain(
                    trigger.title.clone(),
                    detail,
                    MenuChoice::FireTrigger(position),
                )
            })
            .collect();
        if items.is_empty() {
            return self.refuse("this runbook has no manual trigger: B decides at any time");
        }
        let text = "fires it as if it had been measured; runs nothing".to_owned();
        self.open_overlay(OverlayKind::Menu(Menu {
            title: "Report trouble".to_owned(),
            text,
            items,
            cursor: 0,
        }));
        Vec::new()
    }

    pub(super) fn fire_trigger(&mut self, trigger: usize, because: &str) -> Vec<Effect> {
        let trigger = self.run.runbook().triggers[trigger].id.clone();
        self.record(Event::TriggerFired {
            trigger,
            because: because.to_owned(),
        })
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(characters).collect()
    })
}
