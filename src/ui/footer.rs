//! The last lines: what was said last, what is next, and which keys work here.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::pen::Pen;
use super::text::{filled, width};
use super::theme::Theme;
use super::unseen;
use crate::app::App;
use crate::app::keys::{Action, Binding, Place};
use crate::app::view::{Screen, Tone};
use crate::check::Verdict;
use crate::runbook::StepIndex;

/// How long something calm stays on the message line.
const CALM: Duration = Duration::from_secs(10);
/// How long a warning stays. An alarm stays until something else is said.
const WARNING: Duration = Duration::from_secs(30);

/// Draws the line that says what is next.
pub fn draw_coach(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    if let Some(line) = app.coach_line() {
        Pen::new(buffer, area, 0)
            .put("next: ", theme.accent)
            .put(&line, theme.accent);
    }
}

/// Draws what was said last; when nothing was, what is wrong with the step under the cursor, or, when it `describes`
/// the step, what it is and why it matters.
///
/// Said twice on one screen it would only cost the line its calm.
pub fn draw_message(app: &App, theme: &Theme, describes: bool, area: Rect, buffer: &mut Buffer) {
    let mut pen = Pen::new(buffer, area, 0);
    let notice = app.view.notice.as_ref().filter(|notice| {
        let shown = app.now.monotonic.saturating_sub(notice.at);
        match notice.tone {
            Tone::Calm => shown < CALM,
            Tone::Warning => shown < WARNING,
            Tone::Alarm => true,
        }
    });
    if let Some(notice) = notice {
        pen.put(&notice.text, theme.tone(notice.tone));
    } else if let Some(step) = pointed(app) {
        let definition = app.run.runbook().step(step);
        let number = &definition.number;
        if let Some((verdict, words)) = trouble(app, step) {
            pen.put(number, theme.dim)
                .skip(1)
                .put(&words, theme.verdict(verdict));
            put_answers(app, theme, &mut pen);
        } else if describes {
            // The list may have cut the title.
            let title = filled(&definition.title, &app.run.variables);
            pen.put(number, theme.dim).skip(1).put(&title, theme.text);
            if let Some(why) = &definition.why {
                pen.put(": ", theme.dim)
                    .put(&filled(why, &app.run.variables), theme.dim);
            }
        }
    }
}

/// The step that the screen is about, if it is about one.
fn pointed(app: &App) -> Option<StepIndex> {
    match app.view.screen {
        Screen::Board | Screen::Step(_) | Screen::Rollback => app.current_step(),
        Screen::Poll(_) | Screen::Log | Screen::Timeline => None,
    }
}

/// The keys that answer a proof that doesn't hold, where there is room for them.
fn put_answers(app: &App, theme: &Theme, pen: &mut Pen<'_>) {
    for (action, word) in [
        (Action::Recheck, "look again"),
        (Action::Note, "note"),
        (Action::Waive, "waive"),
    ] {
        let Some(key) = app.bindings.key_of(action).map(|key| key.to_string()) else {
            continue;
        };
        if width(&key) + width(word) + 4 > pen.room() {
            return;
        }
        pen.skip(3)
            .put(&key, theme.key)
            .skip(1)
            .put(word, theme.dim);
    }
}

/// What a step's first proof that doesn't pass says, in full.
fn trouble(app: &App, step: StepIndex) -> Option<(Verdict, String)> {
    let proofs = app.live.proofs(step).into_iter();
    let mut verdicts = proofs.map(|proof| (app.live.verdict(proof, app.now), proof));
    let (verdict, proof) = verdicts.find(|(verdict, _)| *verdict != Verdict::Pass)?;
    let words = match verdict {
        Verdict::Unknown(reason) => {
            let why = unseen::why(app, proof, reason);
            match unseen::detail(app, proof) {
                Some(detail) => format!("{why}, {detail}"),
                None => why,
            }
        }
        _ => app.live.observed(proof),
    };
    Some((verdict, format!("{}: {words}", app.live.source(proof))))
}

/// Draws the keys that work here: all with their words where they fit, the more important ones where they don't.
///
/// ```text
/// space record  x run  enter open  H hold  P poll  B rollback  : command  ? help  q leave
/// ```
///
/// Below a dialog none of them works; it names its own.
pub fn draw_hints(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    if app.view.overlay.is_some() {
        return;
    }
    let every = every_hint(app);
    let mut hints = every.clone();
    let room = usize::from(area.width);
    while hints.len() > FEWEST && hints_width(&hints) > room {
        let least = hints
            .iter()
            .enumerate()
            .max_by_key(|(_, (action, _, _))| dispensability(*action));
        let Some((at, _)) = least else { break };
        hints.remove(at);
    }
    if hints_width(&hints) > room {
        hints = every;
        for (_, _, word) in &mut hints {
            *word = "";
        }
        hints.sort_by_key(|(action, _, _)| dispensability(*action));
    }
    let mut pen = Pen::new(buffer, area, 0);
    for (at, (_, key, word)) in hints.iter().enumerate() {
        let apart = if word.is_empty() { 1 } else { 2 };
        if width(key) + apart > pen.room() {
            break;
        }
        pen.skip(if at == 0 { 0 } else { apart })
            .put(key, theme.key);
        if !word.is_empty() {
            pen.skip(1).put(word, theme.dim);
        }
    }
}

/// With fewer hints than this the words go instead of the keys.
const FEWEST: usize = 4;

/// An action with its key and its word.
type Hint<'a> = (Action, String, &'a str);

fn every_hint(app: &App) -> Vec<Hint<'_>> {
    let place = app.view.screen.place();
    app.bindings
        .at(place)
        .filter(|binding| is_of_use(app, place, binding.action))
        .filter_map(|binding| hint(binding, place))
        .collect()
}

/// Whether the key does anything here worth a word.
fn is_of_use(app: &App, place: Place, action: Action) -> bool {
    let acts = !app.options.read_only && app.run.ended.is_none();
    match action {
        Action::Open => matches!(place, Place::Board | Place::Rollback),
        Action::Back => place != Place::Board,
        Action::Poll => place != Place::Poll,
        Action::Record => acts && place != Place::Step || records_here(app),
        Action::RunCommand | Action::Hold | Action::AnswerGo | Action::AnswerNoGo => acts,
        Action::AnswerAbsent => acts,
        _ => true,
    }
}

/// Whether the step that fills the screen is one to record, not to run.
fn records_here(app: &App) -> bool {
    let step = app.current_step().map(|step| app.run.runbook().step(step));
    app.run.ended.is_none()
        && !app.options.read_only
        && step.is_some_and(|step| step.command.is_none())
}

fn hint(binding: &Binding, place: Place) -> Option<Hint<'_>> {
    let key = binding.keys.first().filter(|_| !binding.hint.is_empty())?;
    let word = match (binding.action, place) {
        (Action::Follow, Place::Log) => "filter",
        _ => binding.hint,
    };
    Some((binding.action, key.to_string(), word))
}

fn hints_width(hints: &[Hint<'_>]) -> usize {
    hints
        .iter()
        .map(|(_, key, word)| width(key) + 1 + width(word) + 2)
        .sum::<usize>()
        .saturating_sub(2)
}

/// What can be left out first is highest. The way back and the help are the last to go.
fn dispensability(action: Action) -> u8 {
    match action {
        Action::Rollback => 0,
        Action::Help => 1,
        Action::Back => 2,
        Action::Record | Action::AnswerGo => 2,
        Action::RunCommand | Action::AnswerNoGo => 3,
        Action::Hold => 4,
        Action::Poll => 5,
        Action::Palette => 6,
        Action::Open => 7,
        Action::Leave => 9,
        _ => 8,
    }
}
