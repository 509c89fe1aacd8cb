//! Whatever has the keys: prompts, menus, the palette, help.

use std::time::Duration;

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher};
use tui_input::{Input as TextInput, InputRequest};

use super::keys::{Action, Key, KeyCode};
use super::view::{
    Menu, MenuChoice, Overlay, OverlayKind, Palette, PaletteChoice, PaletteItem, Prompt, Purpose,
    Said, Screen, Tone,
};
use super::{App, Effect};
use crate::journal::{Answer, Ending, Event};
use crate::runbook::{SectionIndex, StepIndex};

/// For this long after an overlay opened keys are swallowed, so that type-ahead and held keys can't answer it.
pub const DEAD_TIME: Duration = Duration::from_millis(300);

/// The longest text a prompt takes, in bytes.
const MAXIMUM_TEXT: usize = 2_000;

/// The most lines the palette lists.
const MAXIMUM_MATCHES: usize = 200;

impl App {
    pub(super) fn open_overlay(&mut self, kind: OverlayKind) {
        self.dirty = true;
        self.view.overlay = Some(Overlay {
            opened: self.now.monotonic,
            kind,
        });
    }

    pub(super) fn act_overlay(&mut self, action: Action) -> Vec<Effect> {
        if action == Action::Help {
            self.open_overlay(OverlayKind::Help(0));
        } else {
            let mut palette = Palette::default();
            self.filter_palette(&mut palette);
            self.open_overlay(OverlayKind::Palette(palette));
        }
        Vec::new()
    }

    pub(super) fn overlay_key(&mut self, key: Key) -> Vec<Effect> {
        let Some(overlay) = self.view.overlay.take() else {
            return Vec::new();
        };
        let young = self.now.monotonic.saturating_sub(overlay.opened) < DEAD_TIME;
        if young && is_guarded(&overlay.kind) {
            self.view.overlay = Some(overlay);
            return Vec::new();
        }
        let opened = overlay.opened;
        match overlay.kind {
            OverlayKind::Confirm(confirm) => self.confirm_key(confirm, key),
            OverlayKind::Prompt(prompt) => self.prompt_key(prompt, opened, key),
            OverlayKind::Menu(menu) => self.menu_key(menu, opened, key),
            OverlayKind::Palette(palette) => self.palette_key(palette, opened, key),
            OverlayKind::Help(scrolled) => {
                let scrolled = match key.code {
                    KeyCode::Char('j') | KeyCode::Down => scrolled + 1,
                    KeyCode::Char('k') | KeyCode::Up => scrolled.saturating_sub(1),
                    _ => return Vec::new(),
                };
                self.view.overlay = Some(Overlay {
                    opened,
                    kind: OverlayKind::Help(scrolled),
                });
                Vec::new()
            }
        }
    }

    /// Pasted text goes into prompts as typed, without line breaks; a typed confirmation refuses it.
    pub(super) fn on_paste(&mut self, text: &str) -> Vec<Effect> {
        self.dirty = true;
        let Some(overlay) = &mut self.view.overlay else {
            return Vec::new();
        };
        let input = match &mut overlay.kind {
            OverlayKind::Prompt(prompt) if !prompt.purpose.is_confirmation() => &mut prompt.input,
            OverlayKind::Palette(palette) => &mut palette.input,
            OverlayKind::Prompt(_) | OverlayKind::Confirm(_) => {
                return self.refuse("pasted text is refused here: type it");
            }
            OverlayKind::Menu(_) | OverlayKind::Help(_) => return Vec::new(),
        };
        for character in text
            .chars()
            .filter(|character| !character.is_control())
            .take(MAXIMUM_TEXT)
        {
            insert(input, character);
        }
        if let Some(Overlay {
            kind: OverlayKind::Palette(mut palette),
            opened,
        }) = self.view.overlay.take_if(is_palette)
        {
            self.filter_palette(&mut palette);
            self.view.overlay = Some(Overlay {
                opened,
                kind: OverlayKind::Palette(palette),
            });
        }
        Vec::new()
    }

    fn prompt_key(&mut self, mut prompt: Prompt, opened: Duration, key: Key) -> Vec<Effect> {
        match key.code {
            KeyCode::Esc => return Vec::new(),
            _ if key == Key::ctrl('c') => return Vec::new(),
            KeyCode::Enter => {
                match self.answer_prompt(&prompt.purpose.clone(), prompt.input.value()) {
                    Ok(effects) => return effects,
                    Err(error) => prompt.error = Some(error),
                }
            }
            _ => {
                prompt.error = None;
                edit(&mut prompt.input, key);
            }
        }
        self.view.overlay = Some(Overlay {
            opened,
            kind: OverlayKind::Prompt(prompt),
        });
        Vec::new()
    }

    fn answer_prompt(&mut self, purpose: &Purpose, typed: &str) -> Result<Vec<Effect>, String> {
        match purpose {
            Purpose::Value(step) => return self.answer_value(*step, typed),
            Purpose::SecondPerson(step, said) => {
                return self.answer_second(*step, said.clone(), typed);
            }
            Purpose::StartRollback(rollback) => {
                return self.answer_start_rollback(*rollback, typed);
            }
            Purpose::MoveTarget => return self.answer_target(typed),
            Purpose::WriteElsewhere => return self.answer_elsewhere(typed),
            Purpose::CloseRun => {
                let ending = if self.run.rollback.is_some() {
                    Ending::RolledBack
                } else {
                    Ending::Launched
                };
                return Ok(self.close_run(ending, typed.trim()));
            }
            Purpose::Search => {
                self.view.search = typed.trim().to_owned();
                return Ok(self.act_search(Action::NextMatch));
            }
            _ => {}
        }
        let reason = typed.trim();
        if reason.is_empty() {
            return Err(
                "a few words are needed: they appear in the report (esc leaves without)".to_owned(),
            );
        }
        Ok(self.answer_reason(purpose, reason.to_owned()))
    }

    /// Answers that are a sentence.
    fn answer_reason(&mut self, purpose: &Purpose, reason: String) -> Vec<Effect> {
        let id = |step: &StepIndex| self.run.runbook().step(*step).id.clone();
        match purpose {
            Purpose::Waive(step) => {
                let step = id(step);
                self.record(Event::StepWaived { step, reason })
            }
            Purpose::Skip(step) => {
                let step = id(step);
                self.record(Event::StepSkipped { step, reason })
            }
            Purpose::NotApplicable(step) => {
                let step = id(step);
                self.record(Event::ApplicabilityAnswered {
                    step,
                    applies: false,
                    reason: Some(reason),
                })
            }
            Purpose::Signature(step, value) => {
                let said = Said {
                    value: value.clone(),
                    signed: Some(reason),
                    words: None,
                };
                self.finish_recording(*step, said)
            }
            Purpose::Override(step) => self.attest(*step, reason),
            Purpose::Note(step) => {
                let step = step.as_ref().map(id);
                self.record(Event::NoteAdded { step, text: reason })
            }
            Purpose::Todo(step) => {
                let step = step.as_ref().map(id);
                self.record(Event::TodoAdded { step, text: reason })
            }
            Purpose::Hold => self.record(Event::HoldStarted { reason, gate: None }),
            Purpose::NoGo(at, role) => {
                self.answer_poll(*at, role.clone(), Answer::NoGo, Some(reason))
            }
            Purpose::Decision(decision) => self.decide(*decision, &reason),
            Purpose::AttestRollback => self.attest_rollback(&reason),
            Purpose::FireTrigger(trigger) => self.fire_trigger(*trigger, &reason),
            Purpose::TakeRole(role) => self.record(Event::RoleTaken {
                role: role.clone(),
                operator: reason,
            }),
            Purpose::Recycle => self.recycle(&reason),
            Purpose::Scrub => self.close_run(Ending::Scrubbed, &reason),
            Purpose::Value(_)
            | Purpose::SecondPerson(..)
            | Purpose::StartRollback(_)
            | Purpose::MoveTarget
            | Purpose::CloseRun
            | Purpose::WriteElsewhere
            | Purpose::Search => Vec::new(),
        }
    }

    fn menu_key(&mut self, mut menu: Menu, opened: Duration, key: Key) -> Vec<Effect> {
        let last = menu.items.len().saturating_sub(1);
        match key.code {
            KeyCode::Esc => return Vec::new(),
            _ if key == Key::ctrl('c') => return Vec::new(),
            KeyCode::Down | KeyCode::Char('j') => menu.cursor = (menu.cursor + 1).min(last),
            KeyCode::Up | KeyCode::Char('k') => menu.cursor = menu.cursor.saturating_sub(1),
            KeyCode::Enter => {
                if let Some(item) = menu.items.get(menu.cursor) {
                    return self.choose(item.choice.clone());
                }
            }
            KeyCode::Char(character) => {
                let picked = menu.items.iter().find(|item| item.key == Some(character));
                if let Some(item) = picked {
                    return self.choose(item.choice.clone());
                }
            }
            _ => {}
        }
        self.view.overlay = Some(Overlay {
            opened,
            kind: OverlayKind::Menu(menu),
        });
        Vec::new()
    }

    fn choose(&mut self, choice: MenuChoice) -> Vec<Effect> {
        match choice {
            MenuChoice::TakeOption(at, option) => self.take_option(at, option),
            MenuChoice::Applies(step) => {
                let step = self.run.runbook().step(step).id.clone();
                self.record(Event::ApplicabilityAnswered {
                    step,
                    applies: true,
                    reason: None,
                })
            }
            MenuChoice::LostIsNotDone(step) => {
                let step = self.run.runbook().step(step).id.clone();
                let reason = "looked: it isn't done".to_owned();
                self.record(Event::StepReopened { step, reason })
            }
            MenuChoice::Decide(decision) => self.pick_decision(decision),
            MenuChoice::Rollback(rollback) => self.pick_rollback(rollback),
            MenuChoice::SendMessage(message) => self.send_message(message),
            MenuChoice::StopAttempt(attempt) => self.stop_attempt(attempt),
            MenuChoice::Leave => vec![Effect::Leave],
            MenuChoice::ListUndo => {
                self.list_undo();
                Vec::new()
            }
            MenuChoice::AppliesNot(_)
            | MenuChoice::FireTrigger(_)
            | MenuChoice::TakeRole(_)
            | MenuChoice::LostIsDone(_) => self.ask_for_words(choice),
            MenuChoice::Nothing => Vec::new(),
        }
    }

    fn take_option(&mut self, at: SectionIndex, option: usize) -> Vec<Effect> {
        let section = self.run.section_id(at);
        let choice = self.run.runbook().section(at).choice.as_ref();
        let option = choice
            .map(|choice| choice.options[option].id.clone())
            .unwrap_or_default();
        self.record(Event::OptionChosen { section, option })
    }

    /// Asks for what a choice needs beside itself.
    fn ask_for_words(&mut self, choice: MenuChoice) -> Vec<Effect> {
        let (purpose, title, hint, prefill) = match choice {
            MenuChoice::AppliesNot(step) => {
                let title = "It doesn't apply: why?".to_owned();
                (Purpose::NotApplicable(step), title, "", String::new())
            }
            MenuChoice::LostIsDone(step) => {
                let title = "It is done: how do you know?".to_owned();
                let hint = "recorded as attested, with your words";
                (Purpose::Override(step), title, hint, String::new())
            }
            MenuChoice::FireTrigger(trigger) => {
                let name = &self.run.runbook().triggers[trigger].title;
                let title = format!("{name}: what did you see?");
                (Purpose::FireTrigger(trigger), title, "", String::new())
            }
            MenuChoice::TakeRole(role) => {
                let who = self.run.operator_of(&role);
                let who = who.unwrap_or(&self.options.operator).to_owned();
                let title = format!("Who is {role}?");
                (Purpose::TakeRole(role), title, "a name", who)
            }
            _ => return Vec::new(),
        };
        self.prompt(purpose, &title, hint.to_owned(), &prefill);
        Vec::new()
    }

    fn palette_key(&mut self, mut palette: Palette, opened: Duration, key: Key) -> Vec<Effect> {
        match key.code {
            KeyCode::Esc => return Vec::new(),
            _ if key == Key::ctrl('c') => return Vec::new(),
            KeyCode::Down => {
                palette.cursor = (palette.cursor + 1).min(palette.matches.len().saturating_sub(1))
            }
            KeyCode::Up => palette.cursor = palette.cursor.saturating_sub(1),
            KeyCode::Enter => {
                if let Some(item) = palette.matches.get(palette.cursor) {
                    return self.pick(item.choice.clone());
                }
            }
            _ => {
                edit(&mut palette.input, key);
                palette.cursor = 0;
                self.filter_palette(&mut palette);
            }
        }
        self.view.overlay = Some(Overlay {
            opened,
            kind: OverlayKind::Palette(palette),
        });
        Vec::new()
    }

    fn pick(&mut self, choice: PaletteChoice) -> Vec<Effect> {
        match choice {
            PaletteChoice::Action(action) => self.act(action),
            PaletteChoice::QuickCommand(position) => match self.unchangeable(Action::RunCommand) {
                Some(why) => self.refuse(why),
                None => self.ask_quick_command(position),
            },
            PaletteChoice::Step(step) => {
                self.go_to_step(step);
                Vec::new()
            }
            PaletteChoice::Link(link) => {
                vec![Effect::OpenLink(self.run.runbook().links[link].url.clone())]
            }
        }
    }

    /// Every action, quick command, link and step that fits what was typed, best first.
    fn filter_palette(&self, palette: &mut Palette) {
        let place = self.view.screen.place();
        let key_text = |keys: &[Key]| {
            keys.iter()
                .map(Key::to_string)
                .collect::<Vec<_>>()
                .join(" ")
        };
        let mut items: Vec<PaletteItem> = self
            .bindings
            .at(place)
            .filter(|binding| !matches!(binding.action, Action::Palette | Action::Back))
            .map(|binding| PaletteItem {
                label: binding.name.to_owned(),
                id: binding.id,
                key: key_text(&binding.keys),
                choice: PaletteChoice::Action(binding.action),
            })
            .collect();
        let runbook = self.run.runbook();
        items.extend(
            runbook
                .quick_commands
                .iter()
                .enumerate()
                .map(|(at, quick)| PaletteItem {
                    label: format!("run: {}", quick.title),
                    id: "",
                    key: quick.command.level.name().to_owned(),
                    choice: PaletteChoice::QuickCommand(at),
                }),
        );
        items.extend(
            runbook
                .links
                .iter()
                .enumerate()
                .map(|(at, link)| PaletteItem {
                    label: format!("open: {}", link.title),
                    id: "",
                    key: String::new(),
                    choice: PaletteChoice::Link(at),
                }),
        );
        if !palette.input.value().is_empty() {
            items.extend(self.run.forward_steps().map(|step| PaletteItem {
                label: format!("{} {}", runbook.step(step).number, runbook.step(step).title),
                id: "",
                key: String::new(),
                choice: PaletteChoice::Step(step),
            }));
        }
        palette.matches = ranked(items, palette.input.value());
    }

    pub(super) fn go_to_step(&mut self, step: StepIndex) {
        self.show(Screen::Board);
        self.view.panel = super::view::Panel::Items;
        let row = self
            .view
            .rows
            .iter()
            .position(|&row| row == super::view::Row::Step(step));
        match row {
            Some(row) => self.view.cursor = row,
            None => self.say(
                Tone::Warning,
                "that step isn't on the board: its option wasn't taken",
            ),
        }
    }
}

fn is_palette(overlay: &mut Overlay) -> bool {
    matches!(overlay.kind, OverlayKind::Palette(_))
}

/// Overlays in which a stray key could do something.
fn is_guarded(kind: &OverlayKind) -> bool {
    match kind {
        OverlayKind::Confirm(_) | OverlayKind::Menu(_) => true,
        OverlayKind::Prompt(prompt) => prompt.purpose.is_confirmation(),
        OverlayKind::Palette(_) | OverlayKind::Help(_) => false,
    }
}

/// The action's name in the configuration is its command: `:close` means that one, whatever else has the word in it.
fn ranked(items: Vec<PaletteItem>, typed: &str) -> Vec<PaletteItem> {
    if typed.is_empty() {
        return items;
    }
    let mut matcher = Matcher::new(Config::DEFAULT);
    let pattern = Pattern::parse(typed, CaseMatching::Ignore, Normalization::Smart);
    let mut buffer = Vec::new();
    let mut scored: Vec<(u32, PaletteItem)> = items
        .into_iter()
        .filter_map(|item| {
            let text = nucleo_matcher::Utf32Str::new(&item.label, &mut buffer);
            Some((pattern.score(text, &mut matcher)?, item))
        })
        .collect();
    scored.sort_by_key(|(score, item)| (item.id != typed, std::cmp::Reverse(*score)));
    scored
        .into_iter()
        .take(MAXIMUM_MATCHES)
        .map(|(_, item)| item)
        .collect()
}

fn insert(input: &mut TextInput, character: char) {
    if input.value().len() < MAXIMUM_TEXT {
        input.handle(InputRequest::InsertChar(character));
    }
}

/// Applies an editing key to a line of text, as a shell's line editor would.
pub(super) fn edit(input: &mut TextInput, key: Key) {
    let request = match key.code {
        KeyCode::Char(character) if !key.ctrl && !key.alt => return insert(input, character),
        KeyCode::Backspace if key.alt => InputRequest::DeletePrevWord,
        KeyCode::Backspace => InputRequest::DeletePrevChar,
        KeyCode::Delete => InputRequest::DeleteNextChar,
        KeyCode::Left => InputRequest::GoToPrevChar,
        KeyCode::Right => InputRequest::GoToNextChar,
        KeyCode::Home | KeyCode::Char('a') => InputRequest::GoToStart,
        KeyCode::End | KeyCode::Char('e') => InputRequest::GoToEnd,
        KeyCode::Char('w') => InputRequest::DeletePrevWord,
        KeyCode::Char('u') => InputRequest::DeleteLine,
        KeyCode::Char('k') => InputRequest::DeleteTillEnd,
        KeyCode::Char('h') => InputRequest::DeletePrevChar,
        _ => return,
    };
    input.handle(request);
}
