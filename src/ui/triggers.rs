//! The trigger board: what would ask for a rollback, how near it is, and whether it can ask at all.
//!
//! A quiet trigger is only good news when it is armed and sees what it looks at, so that stands beside its title.
//! The foretelling is a straight line through the last minute, and says so.

use ratatui::style::Style;

use super::page::{Page, padded};
use super::panel::{Titles, panel};
use super::pen::Pen;
use super::text::{between, filled, short_duration, stopwatch, wall};
use super::theme::{Theme, verdict_mark};
use super::unseen;
use crate::app::App;
use crate::app::triggers::{Arming, Outlook};
use crate::check::Verdict;
use crate::journal::Decision;
use crate::runbook::{Condition, Subject, TriggerMode};

/// How many lines show all of it, border included.
pub fn rows(app: &App) -> usize {
    let triggers = &app.run.runbook().triggers;
    let conditions = triggers
        .iter()
        .filter_map(|trigger| trigger.condition.as_ref());
    let terms: usize = conditions.map(|condition| condition.terms().len()).sum();
    triggers.len() + app.run.pending_triggers().count() + terms + 2
}

/// ```text
/// ┌─ Triggers ───────────────────────────────────── nothing has fired ─┐
/// │ Error rate above 1 %                                         armed │
/// │   [w] metric error-rate fails   0.80 %   fails in 40s at this slope │
/// │ Data integrity issue                                       by hand │
/// └────────────────────────────────────────────────────────────────────┘
/// ```
pub fn draw(app: &App, theme: &Theme, page: &mut Page<'_>) {
    let area = page.rest();
    let pending: Vec<usize> = app.run.pending_triggers().collect();
    let waiting = format!("{} waiting for a decision", pending.len());
    let quiet = quiet_words(app);
    let titles = if pending.is_empty() {
        Titles {
            left: "Triggers",
            right: &quiet,
            ..Titles::default()
        }
    } else {
        Titles {
            left: "What fired",
            right: &waiting,
            right_style: Some(theme.alarm),
            focused: false,
        }
    };
    let inner = panel(theme, area, page.buffer(), titles);
    let mut page = Page::new(page.buffer(), padded(inner));
    let quiet = (0..app.run.triggers.len()).filter(|trigger| !pending.contains(trigger));
    let order: Vec<usize> = pending.iter().copied().chain(quiet).collect();
    // Every trigger gets its title before any gets its terms.
    let mut spare = page.left().saturating_sub(order.len() + pending.len());
    for (place, &trigger) in order.iter().enumerate() {
        if pending.contains(&trigger) {
            draw_pending(app, theme, &mut page, trigger);
        } else {
            draw_quiet(app, theme, &mut page.pen(), trigger);
        }
        let share = spare.div_ceil(order.len() - place);
        spare -= draw_terms(app, theme, &mut page, trigger, share);
    }
}

/// That nothing has fired, or that what fired was answered.
fn quiet_words(app: &App) -> String {
    let fired = app
        .run
        .triggers
        .iter()
        .filter(|state| state.fired.is_some());
    match fired.count() {
        0 => "nothing has fired".to_owned(),
        1 => "1 fired and was answered".to_owned(),
        more => format!("{more} fired and were answered"),
    }
}

/// A trigger that waits for a decision, with why it fired and how long there is left.
fn draw_pending(app: &App, theme: &Theme, page: &mut Page<'_>, trigger: usize) {
    let Some(fired) = &app.run.triggers[trigger].fired else {
        return;
    };
    let definition = &app.run.runbook().triggers[trigger];
    let mut pen = page.pen();
    pen.put("[!] ", theme.alarm);
    let decide = match app.run.decision_due(trigger) {
        _ if definition.mode == TriggerMode::Advise => "advice, nothing is owed".to_owned(),
        Some(due) if due <= app.now.wall => format!(
            "decision OVERDUE by {}",
            stopwatch(between(due, app.now.wall))
        ),
        Some(due) => format!("decide within {}", stopwatch(between(app.now.wall, due))),
        None => "waits for a decision".to_owned(),
    };
    pen.right(
        &format!("fired {}Z   {decide}", wall(fired.at)),
        theme.alarm,
    );
    pen.put(&filled(&definition.title, &app.run.variables), theme.strong);
    page.pen().skip(4).put(&fired.because, theme.text);
}

/// A trigger that hasn't fired, or was answered: whether it can fire, or why not.
fn draw_quiet(app: &App, theme: &Theme, pen: &mut Pen<'_>, trigger: usize) {
    let definition = &app.run.runbook().triggers[trigger];
    let answered = app.run.triggers[trigger]
        .fired
        .as_ref()
        .and_then(|fired| fired.decision);
    let arming = app.arming(trigger);
    let (state, style) = state(theme, &arming);
    let state = match (answered, &arming) {
        (Some((decision, at)), Arming::Settling(_)) => {
            format!("{} {}Z, {state}", decision.words(), wall(at))
        }
        (Some((decision, at)), _) => format!("{state}; {} {}Z", decision.words(), wall(at)),
        (None, _) => state,
    };
    pen.put("    ", theme.dim);
    pen.right(&state, style);
    let overruled = answered.is_some_and(|(decision, _)| decision != Decision::RollBack);
    let style = if overruled { theme.dim } else { theme.text };
    pen.put(&filled(&definition.title, &app.run.variables), style);
    pen.put(mode_words(definition.mode), theme.accent);
}

fn mode_words(mode: TriggerMode) -> &'static str {
    match mode {
        TriggerMode::Confirm => "",
        TriggerMode::Advise => "   only advises",
        TriggerMode::Auto => "   STARTS BY ITSELF",
    }
}

fn state(theme: &Theme, arming: &Arming) -> (String, Style) {
    match arming {
        Arming::Armed => ("armed".to_owned(), theme.text),
        Arming::ByHand => ("by hand".to_owned(), theme.dim),
        Arming::Elsewhere(stages) => {
            let stages: Vec<&str> = stages.iter().map(|stage| stage.name()).collect();
            (format!("armed in {}", stages.join(", ")), theme.dim)
        }
        Arming::Settling(left) => (format!("quiet for {}", stopwatch(*left)), theme.dim),
        Arming::Blind => ("DISARMED: we are blind".to_owned(), theme.unknown),
        Arming::Unseen => ("DISARMED: not seen".to_owned(), theme.unknown),
        Arming::RollingBack => ("a rollback is under way".to_owned(), theme.dim),
    }
}

/// The terms in at most so many lines; how many lines were taken.
fn draw_terms(
    app: &App,
    theme: &Theme,
    page: &mut Page<'_>,
    trigger: usize,
    lines: usize,
) -> usize {
    let outlooks = app.outlooks(trigger);
    let lines = lines.min(outlooks.len()).min(page.left());
    let shown = if lines < outlooks.len() {
        lines.saturating_sub(1)
    } else {
        lines
    };
    let all = matches!(
        app.run.runbook().triggers[trigger].condition,
        Some(Condition::All(_))
    );
    for (place, outlook) in outlooks[..shown].iter().enumerate() {
        let joint = match (place, all) {
            (0, _) => "",
            (_, true) => "and ",
            (_, false) => "or ",
        };
        draw_term(app, theme, &mut page.pen(), outlook, joint);
    }
    if lines > shown {
        let rest = format!("… {} more terms", outlooks.len() - shown);
        page.pen().skip(4).put(&rest, theme.dim);
    }
    lines
}

fn draw_term(app: &App, theme: &Theme, pen: &mut Pen<'_>, outlook: &Outlook<'_>, joint: &str) {
    let style = theme.verdict(outlook.verdict);
    pen.skip(4)
        .put(verdict_mark(outlook.verdict), style)
        .skip(1);
    if let Some((words, style)) = nearness(theme, outlook) {
        pen.right(&words, style);
    }
    pen.put(joint, theme.dim)
        .put(&outlook.term.text, theme.text);
    let observed = match (outlook.proof, outlook.verdict) {
        (Some(proof), Verdict::Unknown(reason)) => match unseen::reason(app, proof) {
            Some(reason) => reason.to_string(),
            None => unseen::why(app, proof, reason),
        },
        (Some(proof), _) => app.live.observed(proof),
        (None, _) => String::new(),
    };
    let style = if outlook.verdict == Verdict::Pass {
        theme.dim
    } else {
        style
    };
    pen.skip(2).put(&observed, style);
}

/// How near a term is to holding; nothing when it is far away.
fn nearness(theme: &Theme, outlook: &Outlook<'_>) -> Option<(String, Style)> {
    if outlook.holds {
        return Some(("holds".to_owned(), theme.alarm));
    }
    if let Some((lasted, needed)) = outlook.lasted {
        let words = format!("for {} of {}", stopwatch(lasted), stopwatch(needed));
        return Some((words, theme.warning));
    }
    let ahead = outlook.ahead?;
    let verb = match outlook.term.subject {
        Subject::MetricWarns(_) => "warns",
        _ => "fails",
    };
    let words = format!("{verb} in {} at this slope", short_duration(ahead));
    Some((words, theme.warning))
}
