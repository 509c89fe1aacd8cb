//! A go/no-go poll: who said what, and whether the evidence allows GO.
//!
//! Both stand on one screen because a poll without evidence is a habit, and evidence without a poll is nobody's
//! decision. One keyboard records what each person said; it isn't their signature.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::page::{Page, halves, padded, window, wrapped};
use super::panel::{Titles, panel};
use super::pen::Pen;
use super::proof;
use super::step::key;
use super::text::{between, filled, short_duration, stopwatch, wall};
use super::theme::Theme;
use crate::app::App;
use crate::app::keys::Action;
use crate::check::Verdict;
use crate::journal::Answer;
use crate::run::gate::{DECIDING_ROLE, Given};
use crate::run::{GateState, Status};
use crate::runbook::{Gate, Proof, SectionIndex, StepIndex};

/// From so many columns on the evidence stands beside the roll call.
const WIDE: u16 = 130;

/// Width of the evidence's column of labels.
const EVIDENCE_LABEL: usize = 14;

/// Draws one poll.
///
/// ```text
/// GO/NO-GO 1.5 Go or no-go: Proceed to T-0?
/// in the way: support, ic still to vote
/// ┌─ Roll call ───────────────────────────────── 3 of 5 answered ─┐
/// │   ops       bo    GO       15:51:40                           │
/// │ > support   cy    ......   + GO   - NO-GO   0 absent          │
/// │   ic        ana   last     decides after all have answered    │
/// └───────────────────────────────────────────────────────────────┘
/// ┌─ Evidence, live ──────────────── anything here blocks GO ─────┐
/// │ MUST items    10/10                                           │
/// └───────────────────────────────────────────────────────────────┘
/// One keyboard: the operator records what each person said.
/// ```
pub fn draw(app: &App, theme: &Theme, area: Rect, frame: &mut Frame<'_>, section: SectionIndex) {
    let mut page = Page::new(frame.buffer_mut(), area);
    let Some(gate) = &app.run.runbook().section(section).gate else {
        page.pen().put("there is no poll here", theme.dim);
        return;
    };
    draw_question(app, theme, &mut page, section, gate);
    draw_needs(app, theme, &mut page, section);
    let evidence = evidence(app, theme, section);
    let (roll_call, beside) = places(&mut page, gate.roles.len(), evidence.len());
    draw_roll_call(app, theme, &mut page.part(roll_call), section, gate);
    draw_evidence(app, theme, &mut page.part(beside), section, &evidence);
    draw_help(theme, &mut page);
}

/// Where roll call and evidence go: side by side where it is wide, else one above the other. The roll call is what is
/// worked on, so it keeps its rows longest; two lines are left for the explanation where there is room.
fn places(page: &mut Page<'_>, roles: usize, evidence: usize) -> (Rect, Rect) {
    if page.rest().width >= WIDE && page.left() > roles + 4 {
        let needed = roles.max(evidence) + 2;
        let room = page.left() - 2;
        return halves(page.take(needed.min(room)));
    }
    let spare = page.left().saturating_sub(roles + evidence + 4).min(2);
    let kept = page.left().saturating_sub(evidence.min(4) + 2).max(4);
    let roll_call = page.take((roles + 2).min(kept));
    let rest = page.left().saturating_sub(spare);
    (roll_call, page.take(rest.min(evidence + 2)))
}

fn draw_question(app: &App, theme: &Theme, page: &mut Page<'_>, at: SectionIndex, gate: &Gate) {
    let section = app.run.runbook().section(at);
    let head = format!("GO/NO-GO {}: ", section.number);
    let question = filled(&gate.question, &app.run.variables);
    let cells = page.cells().saturating_sub(head.len());
    for (row, line) in wrapped(&question, cells).iter().take(2).enumerate() {
        let mut pen = page.pen();
        pen.column(if row == 0 { &head } else { "" }, head.len(), theme.accent)
            .put(line, theme.strong);
    }
}

/// What is missing for the gate to open, or that it is open.
fn draw_needs(app: &App, theme: &Theme, page: &mut Page<'_>, at: SectionIndex) {
    let holding = app
        .run
        .clock
        .hold_now()
        .filter(|hold| hold.gate == Some(at));
    let blockers = app.gate_blockers(at);
    let mut pen = page.pen();
    if let Some(hold) = holding {
        let lasted = between(hold.since, app.now.wall);
        let planned = app
            .run
            .clock
            .planned_hold(at)
            .and_then(|planned| std::time::Duration::try_from(planned).ok());
        let over = planned.is_some_and(|planned| lasted > planned);
        let of = planned.map_or_else(String::new, |planned| format!(" of {}", stopwatch(planned)));
        let style = if over { theme.warning } else { theme.text };
        pen.put(&format!("HOLDING {}{of}   ", stopwatch(lasted)), style);
    }
    match (blockers.is_empty(), holding.is_some()) {
        (true, true) => {
            pen.put("GO from everyone: ", theme.good)
                .put(&key(app, Action::Hold), theme.key)
                .put(" releases the hold", theme.good);
        }
        (true, false) => {
            pen.put("GO from everyone: the gate is open", theme.good);
        }
        (false, _) => {
            pen.put("in the way: ", theme.dim)
                .put(&blockers.join("; "), theme.warning);
        }
    }
}

fn draw_roll_call(app: &App, theme: &Theme, page: &mut Page<'_>, at: SectionIndex, gate: &Gate) {
    let state = app.run.gates.get(&at);
    let answered = gate
        .roles
        .iter()
        .filter(|role| answer_of(state, role).is_some())
        .count();
    let figures = format!("{answered} of {} answered", gate.roles.len());
    let area = page.rest();
    let inner = panel(
        theme,
        area,
        page.buffer(),
        Titles {
            left: "Roll call",
            right: &figures,
            focused: true,
            ..Titles::default()
        },
    );
    let rows = usize::from(inner.height);
    let cursor = app.view.poll_cursor.min(gate.roles.len().saturating_sub(1));
    let mut page = Page::new(page.buffer(), inner);
    for position in window(cursor, gate.roles.len(), rows) {
        let role = &gate.roles[position];
        let pointed = position == cursor;
        draw_role(
            app,
            theme,
            &mut page.pen(),
            role,
            answer_of(state, role),
            pointed,
        );
    }
}

fn answer_of<'a>(state: Option<&'a GateState>, role: &str) -> Option<&'a Given> {
    state?.answers.get(role)
}

/// `> support   cy    ......   + GO   - NO-GO   0 absent`
fn draw_role(
    app: &App,
    theme: &Theme,
    pen: &mut Pen<'_>,
    role: &str,
    given: Option<&Given>,
    pointed: bool,
) {
    if pointed {
        pen.shade(theme.selection);
    }
    let narrow = pen.room() < 60;
    let emphasis = if pointed { theme.strong } else { theme.text };
    pen.column(if pointed { ">" } else { "" }, 2, theme.accent);
    pen.column(role, if narrow { 9 } else { 13 }, emphasis)
        .skip(1);
    let who = app.run.operator_of(role);
    pen.column(
        who.unwrap_or(if narrow { "nobody" } else { "nobody yet" }),
        if narrow { 7 } else { 11 },
        if who.is_some() { theme.text } else { theme.dim },
    )
    .skip(1);
    match given {
        Some(given) => {
            let (word, style) = answer_words(theme, given.answer);
            pen.column(word, 8, style)
                .column(&wall(given.at), 10, theme.dim);
            let reason = given.reason.as_deref().unwrap_or_default();
            pen.put(reason, theme.text);
            if pen.room() > given.by.len() + 10 {
                pen.right(&format!("noted by {}", given.by), theme.dim);
            }
        }
        None if pointed => {
            pen.column("......", 8, theme.dim);
            let answers = [
                (Action::AnswerGo, "GO"),
                (Action::AnswerNoGo, "NO-GO"),
                (Action::AnswerAbsent, "absent"),
            ];
            for (action, word) in answers {
                pen.put(&key(app, action), theme.key)
                    .put(&format!(" {word}   "), theme.text);
            }
        }
        None if role == DECIDING_ROLE => {
            pen.column("last", 8, theme.dim)
                .put("decides after all have answered", theme.dim);
        }
        None => {
            pen.put("......", theme.dim);
        }
    }
}

fn answer_words(theme: &Theme, answer: Answer) -> (&'static str, Style) {
    match answer {
        Answer::Go => ("GO", theme.good),
        Answer::NoGo => ("NO-GO", theme.alarm),
        Answer::Absent => ("absent", theme.warning),
    }
}

/// One line of evidence: what it is, what it says, whether it stands in the way.
struct Exhibit {
    label: &'static str,
    words: String,
    style: Style,
}

fn draw_evidence(
    app: &App,
    theme: &Theme,
    page: &mut Page<'_>,
    at: SectionIndex,
    evidence: &[Exhibit],
) {
    let blockers = app.evidence_blockers(at).len();
    let (figures, style) = match blockers {
        0 => ("nothing here blocks GO".to_owned(), theme.dim),
        1 => ("1 thing here blocks GO".to_owned(), theme.warning),
        more => (format!("{more} things here block GO"), theme.warning),
    };
    let area = page.rest();
    let titles = Titles {
        left: "Evidence, live",
        right: &figures,
        right_style: Some(style),
        focused: false,
    };
    let inner = panel(theme, area, page.buffer(), titles);
    let mut page = Page::new(page.buffer(), padded(inner));
    for exhibit in evidence {
        page.pen()
            .column(exhibit.label, EVIDENCE_LABEL, theme.dim)
            .put(&exhibit.words, exhibit.style);
    }
}

fn evidence(app: &App, theme: &Theme, at: SectionIndex) -> Vec<Exhibit> {
    let runbook = app.run.runbook();
    let checks = (0..runbook.checks.len())
        .map(Proof::Check)
        .collect::<Vec<_>>();
    let metrics = (0..runbook.metrics.len())
        .map(Proof::Metric)
        .collect::<Vec<_>>();
    let mut exhibits = vec![
        musts(app, theme, at),
        open_items(app, theme, at),
        waived(app, theme, at),
    ];
    if !checks.is_empty() {
        exhibits.push(verdicts(app, theme, "health", &checks));
    }
    if !metrics.is_empty() {
        exhibits.push(verdicts(app, theme, "metrics", &metrics));
    }
    exhibits.extend(rollbacks(app, theme));
    exhibits.extend(launch_window(app, theme));
    exhibits
}

fn musts(app: &App, theme: &Theme, at: SectionIndex) -> Exhibit {
    let open = app.run.open_musts(at);
    let before = |step: &StepIndex| {
        app.run
            .section_of(*step)
            .is_some_and(|section| section <= at)
    };
    let all = app
        .run
        .forward_steps()
        .filter(before)
        .filter(|&step| app.run.runbook().step(step).must)
        .count();
    let words = format!(
        "{}/{all}{}",
        all - open.len().min(all),
        listed(app, &open, "   open: ")
    );
    Exhibit {
        label: "MUST items",
        words,
        style: if open.is_empty() {
            theme.text
        } else {
            theme.warning
        },
    }
}

fn open_items(app: &App, theme: &Theme, at: SectionIndex) -> Exhibit {
    let open = app
        .run
        .open_before(at)
        .filter(|&step| !app.run.runbook().step(step).is_group())
        .collect::<Vec<_>>();
    let words = format!("{}{}", open.len(), listed(app, &open, "   "));
    Exhibit {
        label: "open items",
        words,
        style: theme.text,
    }
}

/// The first few numbers of a list of steps.
fn listed(app: &App, steps: &[StepIndex], lead: &str) -> String {
    if steps.is_empty() {
        return String::new();
    }
    let numbers: Vec<&str> = steps
        .iter()
        .take(5)
        .map(|&step| app.run.runbook().step(step).number.as_str())
        .collect();
    let more = if steps.len() > 5 { " …" } else { "" };
    format!("{lead}{}{more}", numbers.join(", "))
}

fn waived(app: &App, theme: &Theme, at: SectionIndex) -> Exhibit {
    let before = |step: &StepIndex| {
        app.run
            .section_of(*step)
            .is_some_and(|section| section <= at)
    };
    let waived: Vec<StepIndex> = app
        .run
        .forward_steps()
        .filter(before)
        .filter(|&step| app.run.status(step) == Status::Waived)
        .collect();
    let reasons = waived.iter().take(3).map(|&step| {
        let reason = app.run.state(step).reason.as_deref().unwrap_or("no reason");
        format!("{} {reason}", app.run.runbook().step(step).number)
    });
    let reasons = reasons.collect::<Vec<_>>().join("; ");
    let words = if waived.is_empty() {
        "0".to_owned()
    } else {
        format!("{}   {reasons}", waived.len())
    };
    Exhibit {
        label: "waived",
        words,
        style: theme.text,
    }
}

/// `4 ok, 1 unknown   <- crm`: counts, and the names of those that aren't as they should be, worst first.
fn verdicts(app: &App, theme: &Theme, label: &'static str, proofs: &[Proof]) -> Exhibit {
    let mut seen: Vec<(Verdict, &str)> = proofs
        .iter()
        .map(|&proof| (app.live.verdict(proof, app.now), proof::title(app, proof)))
        .collect();
    seen.sort_by_key(|(verdict, _)| std::cmp::Reverse(rank(*verdict)));
    let counted = ["ok", "warn", "unknown", "failing"]
        .iter()
        .enumerate()
        .filter_map(|(wanted, word)| {
            let count = seen
                .iter()
                .filter(|(verdict, _)| rank(*verdict) == wanted)
                .count();
            (count > 0).then(|| format!("{count} {word}"))
        });
    let counted = counted.collect::<Vec<_>>().join(", ");
    let named = seen
        .iter()
        .filter(|(verdict, _)| *verdict != Verdict::Pass)
        .take(3);
    let names = named.map(|(_, name)| *name).collect::<Vec<_>>().join(", ");
    let words = if names.is_empty() {
        counted
    } else {
        format!("{counted}   <- {names}")
    };
    let worst = seen.first().map_or(Verdict::Pass, |(verdict, _)| *verdict);
    let style = if worst == Verdict::Pass {
        theme.text
    } else {
        theme.verdict(worst)
    };
    Exhibit {
        label,
        words,
        style,
    }
}

fn rank(verdict: Verdict) -> usize {
    match verdict {
        Verdict::Pass => 0,
        Verdict::Warn => 1,
        Verdict::Unknown(_) => 2,
        Verdict::Fail => 3,
    }
}

/// Whether going back is known to fit into its budget, per way back.
fn rollbacks(app: &App, theme: &Theme) -> Vec<Exhibit> {
    let runbook = app.run.runbook();
    let offered = app.run.offered_rollbacks().into_iter().take(3).enumerate();
    offered
        .map(|(row, rollback)| {
            let definition = &runbook.rollbacks[rollback];
            let budget = definition.within.or(runbook.window.rollback_budget);
            let estimate = app.run.rollback_estimate(rollback);
            let (fits, words) = match (estimate, budget) {
                (Some(estimate), Some(budget)) => (
                    estimate <= budget,
                    format!("takes {} of {}", stopwatch(estimate), stopwatch(budget)),
                ),
                (Some(estimate), None) => (true, format!("takes {}", stopwatch(estimate))),
                (None, Some(budget)) => {
                    (false, format!("never timed, budget {}", stopwatch(budget)))
                }
                (None, None) => (true, "never timed".to_owned()),
            };
            let style = if fits { theme.text } else { theme.warning };
            Exhibit {
                label: if row == 0 { "rollback" } else { "" },
                words: format!("{}: {words}", definition.title),
                style,
            }
        })
        .collect()
}

fn launch_window(app: &App, theme: &Theme) -> Option<Exhibit> {
    let window = &app.run.runbook().window;
    let target = app.run.clock.target();
    let at = |offset| target.saturating_add(offset).unwrap_or(target);
    let (opens, closes) = (window.opens.map(at), window.closes.map(at));
    let now = app.now.wall;
    let (words, style) = match (opens, closes) {
        (None, None) => return None,
        (Some(opens), _) if now < opens => (
            format!(
                "opens at {}Z, in {}",
                wall(opens),
                short_duration(between(now, opens))
            ),
            theme.warning,
        ),
        (_, Some(closes)) if now >= closes => {
            (format!("closed since {}Z", wall(closes)), theme.alarm)
        }
        (_, Some(closes)) => {
            let spare = between(
                app.run.clock.wall_of(jiff::SignedDuration::ZERO, now),
                closes,
            );
            (
                format!(
                    "open until {}Z   T-0 is {} before its end",
                    wall(closes),
                    short_duration(spare)
                ),
                theme.text,
            )
        }
        (Some(_), None) => ("open".to_owned(), theme.text),
    };
    Some(Exhibit {
        label: "window",
        words,
        style,
    })
}

fn draw_help(theme: &Theme, page: &mut Page<'_>) {
    page.pen().put(
        "Any NO-GO: a reason is asked, the clock stays held; then fix, recycle or scrub.",
        theme.dim,
    );
    page.pen().put(
        "One keyboard: the operator records what each person said. Not a signature.",
        theme.dim,
    );
}
