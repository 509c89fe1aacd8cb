//! Every bundled runbook is walked to its end where nothing of its system is there.
//!
//! On a laptop no check can look and no metric has data, so a person answers each step: by their word, with a value,
//! a signature, initials, or a waiver; none may end in a dead end. Each option is taken, each way back decided,
//! answered and closed by word.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do, and the lint knows only tests themselves"
)]

#[expect(dead_code, reason = "scenarios and properties use more of the world")]
mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use regex::Regex;
use support::world::{World, runbook_from};
use tminus::app::Options;
use tminus::app::keys::{Key, KeyCode};
use tminus::app::view::{Menu, MenuChoice, OverlayKind, Prompt, Purpose, Row};
use tminus::check::Verdict;
use tminus::journal::{Basis, Ending};
use tminus::run::Status;
use tminus::runbook::{Runbook, Stage, StepIndex, Variable, load};

/// Keys are swallowed for so long after something opened, and a little longer.
const DEAD_TIME: Duration = Duration::from_millis(350);

const REASON: &str = "nothing of that system is here";

/// A value for every variable: its default, or one that its pattern takes.
fn variables(runbook: &Runbook) -> BTreeMap<String, String> {
    let value = |variable: &Variable| {
        let given = variable.default.clone();
        let candidates = ["v2.0.0", "2.0.0", "2026-06-05", "main"];
        let fits = |text: &&&str| {
            let pattern = variable.pattern.as_ref();
            pattern.is_none_or(|pattern| {
                let whole = Regex::new(&format!("^(?:{pattern})$")).unwrap();
                whole.is_match(text)
            })
        };
        let fitting = candidates.iter().find(fits);
        given.unwrap_or_else(|| (*fitting.unwrap()).to_owned())
    };
    let open = runbook.variables.iter().filter(|variable| !variable.secret);
    open.map(|variable| (variable.name.clone(), value(variable)))
        .collect()
}

fn bundled(name: &str) -> Arc<Runbook> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("runbooks/{name}.toml"));
    let text = std::fs::read_to_string(path).unwrap();
    let plain = load(name, text.as_bytes()).runbook.unwrap();
    runbook_from(&text, &variables(&plain)).unwrap()
}

/// Somebody who walks a runbook.
struct Walker {
    world: World,
    /// Which option is taken, everywhere.
    option: usize,
    /// Whether conditional steps apply.
    applies: bool,
}

impl Walker {
    fn new(runbook: &Arc<Runbook>, option: usize, applies: bool) -> Self {
        let options = Options {
            operator: "ana".to_owned(),
            ..Options::default()
        };
        Self {
            world: World::open(Arc::clone(runbook), options, SignedDuration::from_hours(1)),
            option,
            applies,
        }
    }

    fn press(&mut self, key: char) {
        self.world.wait(DEAD_TIME);
        self.world.press(Key::plain(KeyCode::Char(key)));
    }

    fn enter(&mut self, text: &str) {
        self.world.wait(DEAD_TIME);
        self.world.type_text(text);
        self.world.press(Key::plain(KeyCode::Enter));
    }

    fn escape(&mut self) {
        self.world.wait(DEAD_TIME);
        self.world.press(Key::plain(KeyCode::Esc));
    }

    fn command(&mut self, words: &str) {
        self.press(':');
        self.enter(words);
    }

    fn notice(&self) -> &str {
        let notice = self.world.app.view.notice.as_ref();
        notice.map_or("", |notice| &notice.text)
    }

    /// Answers whatever is asked, until nothing is.
    fn answer(&mut self) {
        for _ in 0..5 {
            let Some(overlay) = &self.world.app.view.overlay else {
                return;
            };
            match &overlay.kind {
                OverlayKind::Menu(menu) => {
                    let down = self.choice(menu);
                    for _ in 0..down {
                        self.press('j');
                    }
                    self.enter("");
                }
                OverlayKind::Prompt(prompt) => {
                    assert_eq!(prompt.error, None, "{}", prompt.title);
                    let answer = self.words(prompt);
                    self.enter(&answer);
                }
                _ => unreachable!("nothing is run here: {overlay:?}"),
            }
        }
    }

    /// How far down the menu the choice stands.
    fn choice(&self, menu: &Menu) -> usize {
        let wanted = |choice: &MenuChoice| match choice {
            MenuChoice::TakeOption(_, option) => *option == self.option,
            MenuChoice::Applies(_) => self.applies,
            MenuChoice::AppliesNot(_) => !self.applies,
            other => unreachable!("{other:?} isn't asked on this walk"),
        };
        let item = menu.items.iter().position(|item| wanted(&item.choice));
        item.unwrap_or(0)
    }

    fn words(&self, prompt: &Prompt) -> String {
        match prompt.purpose {
            Purpose::Value(step) => self.value(step),
            Purpose::Signature(..) => "Ada Byron".to_owned(),
            Purpose::SecondPerson(..) => "bo".to_owned(),
            _ => REASON.to_owned(),
        }
    }

    /// A value that the step wants.
    fn value(&self, step: StepIndex) -> String {
        let record = self
            .world
            .app
            .run
            .runbook()
            .step(step)
            .record
            .clone()
            .unwrap();
        let Some(want) = record.want else {
            return "7".to_owned();
        };
        let mut candidates = [0.0, 1.0, 10.0, 30.0, 64.0, 99.95, 100.0, 10_000.0].into_iter();
        let held = candidates.find(|&value| want.holds(value, None) == Some(true));
        held.unwrap_or_else(|| panic!("nothing meets {want}"))
            .to_string()
    }

    /// Answers a step: commands are waived, everything else is said to be so.
    fn step(&mut self, step: StepIndex) {
        let definition = self.world.app.run.runbook().step(step).clone();
        if definition.condition.is_some() {
            self.press(' ');
            self.answer();
            if self.world.app.run.is_settled(step) {
                return;
            }
        }
        self.press(if definition.command.is_some() {
            'W'
        } else {
            ' '
        });
        self.answer();
        assert!(
            self.world.app.run.is_settled(step),
            "{}: {}",
            definition.id,
            self.notice()
        );
    }

    /// Goes to what is next and deals with it.
    fn advance(&mut self) -> bool {
        let Some(next) = self.world.app.next_row() else {
            return false;
        };
        let row = self.world.app.view.rows[next];
        self.press('.');
        match row {
            Row::Step(step) => self.step(step),
            Row::Gate(at) => {
                let gate = self.world.app.run.runbook().section(at).gate.clone();
                self.press('P');
                for _ in gate.unwrap().roles {
                    self.press('+');
                }
                assert!(
                    self.world.app.run.gates.contains_key(&at),
                    "{}",
                    self.notice()
                );
                self.escape();
                if self.world.app.run.clock.hold_now().is_some() {
                    self.press('H');
                }
                assert!(self.world.app.run.is_passed(at), "{}", self.notice());
            }
            _ => {
                self.press(' ');
                self.answer();
            }
        }
        let after = self.world.app.next_row();
        let after = after.map(|next| self.world.app.view.rows[next]);
        assert_ne!(after, Some(row), "{}", self.notice());
        true
    }

    fn go_back(&mut self, rollback: usize) {
        self.press('B');
        let kind = &self.world.app.view.overlay.as_ref().unwrap().kind;
        let OverlayKind::Menu(menu) = kind else {
            unreachable!("B asks which way: {kind:?}");
        };
        let wanted = MenuChoice::Rollback(rollback);
        let item = menu.items.iter().find(|item| item.choice == wanted);
        let key = item.unwrap().key.unwrap();
        self.press(key);
        let target = self.world.app.run.target.clone();
        self.enter(&target);
        assert!(self.world.app.run.is_rolling_back(), "{}", self.notice());
        for step in self.world.app.run.rollback_steps() {
            if self.world.app.run.is_settled(step) {
                continue;
            }
            self.press('.');
            self.step(step);
        }
        self.command("close the rollback by word");
        self.answer();
        assert!(!self.world.app.run.is_rolling_back(), "{}", self.notice());
    }

    fn close(&mut self) -> Ending {
        assert_eq!(self.world.app.owed(), Vec::<String>::new());
        self.command("close the run");
        self.answer();
        assert_eq!(self.world.breach, None);
        self.world.app.run.ended.as_ref().unwrap().0
    }

    /// Nothing was there, and nothing claims otherwise.
    fn assert_blind(&self) {
        let run = &self.world.app.run;
        for step in run.runbook().step_indices() {
            let id = &run.runbook().step(step).id;
            assert_ne!(run.basis(step), Some(Basis::Verified), "{id}");
            assert_ne!(run.status(step), Status::Failed, "{id}");
        }
        assert!(self.world.asked.spawned.is_empty());
        let seen = self.world.app.live.count(self.world.now, |verdict| {
            !matches!(verdict, Verdict::Unknown(_))
        });
        assert_eq!(seen, 0);
    }
}

fn options_of(runbook: &Runbook) -> usize {
    let choices = runbook
        .sections()
        .filter_map(|(_, section)| section.choice.as_ref());
    choices
        .map(|choice| choice.options.len())
        .max()
        .unwrap_or(1)
}

fn walk(name: &str) {
    let runbook = bundled(name);
    for option in 0..options_of(&runbook) {
        let mut walker = Walker::new(&runbook, option, option == 0);
        while walker.advance() {}
        assert_eq!(walker.close(), Ending::Launched, "{name}");
        walker.assert_blind();
    }
    for (index, rollback) in runbook.rollbacks.iter().enumerate() {
        let option = option_of(&runbook, rollback.option.as_deref());
        let mut walker = Walker::new(&runbook, option, true);
        while walker.world.app.run.stage(walker.world.now.wall) != Stage::Launch
            || !walker.world.app.run.offered_rollbacks().contains(&index)
        {
            assert!(walker.advance(), "{name}: {} is never offered", rollback.id);
        }
        walker.go_back(index);
        assert_eq!(
            walker.close(),
            Ending::RolledBack,
            "{name}: {}",
            rollback.id
        );
        walker.assert_blind();
    }
}

/// The position of the option with this id.
fn option_of(runbook: &Runbook, id: Option<&str>) -> usize {
    let choices = runbook
        .sections()
        .filter_map(|(_, section)| section.choice.as_ref());
    let positions = choices.flat_map(|choice| choice.options.iter().enumerate());
    let mut found = positions.filter(|(_, option)| Some(option.id.as_str()) == id);
    found.next().map_or(0, |(position, _)| position)
}

#[test]
fn twinmind_can_be_walked_and_taken_back_where_nothing_is_there() {
    walk("twinmind");
}

#[test]
fn toombos_can_be_walked_and_taken_back_where_nothing_is_there() {
    walk("toombos");
}

#[test]
fn mind_matrix_can_be_walked_and_taken_back_where_nothing_is_there() {
    walk("mind-matrix");
}

#[test]
fn linkflow_can_be_walked_and_taken_back_where_nothing_is_there() {
    walk("linkflow");
}

#[test]
fn candlefish_can_be_walked_and_taken_back_where_nothing_is_there() {
    walk("candlefish");
}
