//! The whole program at each size: the board with its header, banners and footer.

use proptest::prelude::*;
use tminus::app::App;
use tminus::app::Msg;
use tminus::app::view::{Panel, Screen};
use tminus::check::{Reason, Verdict};
use tminus::journal::{Event, Mode};
use tminus::ui::theme::{Background, ColourDepth, Palette, Theme};

use super::render;
use super::stage::Stage;

fn snapshot(name: &str, app: &App, theme: &Theme, columns: u16, rows: u16) {
    let shown = render::text_and_styles(&render::screen(app, theme, columns, rows));
    super::snapshot(&format!("{name}-{columns}x{rows}"), &shown);
}

fn text(app: &App, columns: u16, rows: u16) -> String {
    render::text(&render::screen(app, &Theme::default(), columns, rows))
}

/// The launch has begun and its error rate is beyond the limit.
fn in_trouble(mode: Mode) -> Stage {
    let mut stage = Stage::launched(mode);
    stage.wait(72).measured(0.3);
    stage.keys("esc");
    stage
}

fn rolling_back(mode: Mode) -> Stage {
    let mut stage = in_trouble(mode);
    stage.keys("B 1").typed("prod-eu").wait(34).keys("2");
    stage
}

#[test]
fn the_board_at_the_sizes_people_have() {
    let stage = Stage::in_final_checks();
    for (columns, rows) in [(80, 24), (120, 40), (200, 60)] {
        snapshot("board", &stage.app, &Theme::default(), columns, rows);
    }
}

#[test]
fn the_board_at_sizes_nobody_should_have() {
    let stage = Stage::in_final_checks();
    for (columns, rows) in [(60, 16), (40, 12), (20, 5), (1, 1)] {
        snapshot("board", &stage.app, &Theme::default(), columns, rows);
    }
}

#[test]
fn without_colours_and_without_unicode_nothing_is_lost() {
    let stage = Stage::in_final_checks();
    let plain = Palette {
        depth: ColourDepth::None,
        ..Palette::default()
    };
    snapshot("no-colour", &stage.app, &Theme::new(plain), 80, 24);
    let ascii = Palette {
        ascii: true,
        ..plain
    };
    snapshot("ascii", &stage.app, &Theme::new(ascii), 80, 24);
    let shown = render::text(&render::screen(&stage.app, &Theme::new(ascii), 200, 60));
    assert!(shown.is_ascii(), "{shown}");
    let light = Palette {
        depth: ColourDepth::TrueColour,
        background: Background::Light,
        ascii: false,
    };
    snapshot("light", &stage.app, &Theme::new(light), 80, 24);
}

#[test]
fn a_fired_trigger_stays_on_every_screen_until_it_is_answered() {
    let mut stage = in_trouble(Mode::Live);
    snapshot("trigger", &stage.app, &Theme::default(), 80, 24);
    for key in ["4", "5", "6", "1"] {
        stage.keys(key);
        for (columns, rows) in [(80, 24), (120, 40), (60, 16), (40, 12)] {
            assert!(
                text(&stage.app, columns, rows).contains("TRIGGER Error rate"),
                "{key} {columns}x{rows}"
            );
        }
    }
}

#[test]
fn a_rollback_is_announced_with_its_clock() {
    let stage = rolling_back(Mode::Live);
    snapshot("rollback-board", &stage.app, &Theme::default(), 80, 24);
    snapshot("rollback-board", &stage.app, &Theme::default(), 120, 40);
    assert!(text(&stage.app, 80, 24).contains("##### ROLLBACK #####"));
}

#[test]
fn a_hold_stops_t_and_says_why() {
    let mut stage = Stage::in_final_checks();
    stage.keys("H").typed("wait for bo").wait(60);
    let shown = text(&stage.app, 80, 24);
    assert!(shown.contains("HOLDING 1:00  wait for bo"), "{shown}");
}

#[test]
fn what_is_not_saved_is_said_above_the_message_line() {
    let mut stage = Stage::in_final_checks();
    stage.send(Msg::RecordFailed {
        message: "the disk is full: make room".to_owned(),
        fatal: false,
    });
    snapshot("not-saved", &stage.app, &Theme::default(), 80, 24);
    let calm = Stage::in_final_checks();
    let items = |app: &App| {
        let shown = text(app, 80, 24);
        let lines = shown.lines().skip(3).take(13);
        lines
            .map(|line| line.chars().take(48).collect::<String>())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        items(&stage.app),
        items(&calm.app),
        "banners never take rows from the items"
    );
}

#[test]
fn live_and_drill_are_told_apart_at_every_size() {
    let (live, drill) = (Stage::launched(Mode::Live), Stage::launched(Mode::Drill));
    for (columns, rows) in [(120, 40), (80, 24), (60, 16), (40, 12), (20, 5), (20, 1)] {
        let (live, drill) = (
            text(&live.app, columns, rows),
            text(&drill.app, columns, rows),
        );
        assert!(live.contains("LIVE") && !live.contains("DRILL"), "{live}");
        assert!(
            drill.contains("DRILL") && !drill.contains("LIVE"),
            "{drill}"
        );
    }
    let mut drill = drill;
    drill.keys("esc");
    snapshot("drill", &drill.app, &Theme::default(), 80, 24);
}

#[test]
fn a_stale_value_is_replaced_by_its_age() {
    let mut stage = Stage::in_final_checks();
    stage.wait(180);
    let shown = text(&stage.app, 120, 40);
    assert!(shown.contains("BLIND: 5 unseen"), "{shown}");
    assert!(shown.contains("p95 ms            NO DATA 3m "), "{shown}");
    assert_eq!(
        stage.app.live.metric(0).verdict(stage.app.now).name(),
        "unknown"
    );
}

#[test]
fn a_tick_over_something_red_is_marked() {
    let mut stage = Stage::in_final_checks();
    stage.app.options.coach = true;
    stage
        .keys(". space")
        .typed("known spike of the nightly batch");
    stage.keys("k");
    for (columns, rows) in [(80, 24), (120, 40)] {
        snapshot("over-red", &stage.app, &Theme::default(), columns, rows);
    }
}

#[test]
fn a_newcomer_gets_a_line_and_a_reader_is_told_so() {
    let mut stage = Stage::in_final_checks();
    stage.app.options.coach = true;
    stage.app.options.read_only = true;
    let shown = text(&stage.app, 80, 24);
    assert!(shown.contains("next: "), "{shown}");
    assert!(shown.contains("READ-ONLY"), "{shown}");
}

#[test]
fn a_zoomed_panel_has_the_whole_body() {
    let mut stage = Stage::in_final_checks();
    stage.app.view.zoomed = true;
    snapshot("zoomed-items", &stage.app, &Theme::default(), 80, 24);
    stage.app.view.panel = Panel::Metrics;
    snapshot("zoomed-metrics", &stage.app, &Theme::default(), 80, 24);
}

#[test]
fn a_metric_over_the_whole_screen_shows_what_was_done_when() {
    let mut stage = Stage::launched_measured();
    stage.measured(0.3).measured(0.6);
    stage.keys("B 1").typed("prod-eu").measured(0.09);
    stage.keys("2 tab tab enter j");
    snapshot("metric", &stage.app, &Theme::default(), 80, 24);
    snapshot("metric", &stage.app, &Theme::default(), 120, 40);
    let shown = text(&stage.app, 120, 40);
    for mark in ["T-0", "ROLLBACK", "#1", "before T-0 0.04", "≤0.1"] {
        assert!(shown.contains(mark), "{mark}\n{shown}");
    }
    stage.keys("k");
    assert!(text(&stage.app, 120, 40).contains(">p95"));
    stage.keys("esc");
    assert!(text(&stage.app, 120, 40).contains("Health"));
}

#[test]
fn the_log_fills_its_screen_and_names_steps_as_the_checklist_does() {
    let mut stage = Stage::in_final_checks();
    stage.keys("5");
    snapshot("log", &stage.app, &Theme::default(), 80, 24);
}

#[test]
fn an_operator_keeps_the_name_and_a_long_entry_its_end() {
    let mut stage = Stage::in_final_checks();
    let text_of_note =
        "the mail relay answers 503 since its certificate was renewed at noon, and mail is queued";
    stage.recorded(
        "operator-on-call",
        Event::NoteAdded {
            step: None,
            text: text_of_note.to_owned(),
        },
    );
    for keys in ["1", "5"] {
        stage.keys(keys);
        let shown = text(&stage.app, 80, 24);
        assert!(shown.contains("operator-on-c"), "{shown}");
        assert!(shown.contains("mail is queued"), "{shown}");
    }
}

/// The laptop lost its network: everything that is asked over it can't be seen, which is one thing to say.
#[test]
fn what_many_share_is_said_once_and_whom_it_is_about_where_there_is_room() {
    let mut stage = Stage::in_final_checks();
    for check in 0..5 {
        stage.looked(
            check,
            Verdict::Unknown(Reason::Dns),
            "",
            "api.heron.example: no such name",
        );
    }
    snapshot("blind", &stage.app, &Theme::default(), 80, 17);
    snapshot("blind", &stage.app, &Theme::default(), 120, 40);
}

/// Each column of the header starts where it started, whatever the digits before it.
#[test]
fn the_header_stands_still_while_its_clocks_run() {
    let mut stage = Stage::in_final_checks();
    let places = |stage: &Stage, columns, rows| -> Vec<Option<usize>> {
        let shown = text(&stage.app, columns, rows);
        let line = |at: usize| shown.lines().nth(at).unwrap_or_default().to_owned();
        let of = |line: &str, word| line.find(word).map(|at| line[..at].chars().count());
        let first = line(1);
        ["L-", "HOLD in", "rollback"]
            .map(|word| of(&first, word).or_else(|| of(&line(2), word)))
            .to_vec()
    };
    for (columns, rows) in [(80, 24), (120, 40), (200, 60)] {
        let before = places(&stage, columns, rows);
        for _ in 0..4 {
            stage.wait(420);
            assert_eq!(places(&stage, columns, rows), before, "{columns}x{rows}");
        }
        stage = Stage::in_final_checks();
    }
}

#[test]
fn foreign_bytes_never_reach_the_terminal() {
    let mut stage = Stage::in_final_checks();
    stage.app.run.title = "\u{1b}[2J\u{202e}title".to_owned();
    stage.looked(0, Verdict::Fail, "\u{1b}]0;owned\u{7}", "\r\nno");
    for (columns, rows) in [(200, 60), (80, 24), (40, 12)] {
        let buffer = render::screen(&stage.app, &Theme::default(), columns, rows);
        let is_hidden = |symbol: &str| symbol.chars().any(|c| c.is_control() || c == '\u{202e}');
        assert!(!buffer.content.iter().any(|cell| is_hidden(cell.symbol())));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_never_hidden_is_never_hidden(columns in 20..240u16, rows in 5..80u16) {
        let stage = Stage::in_final_checks();
        let shown = text(&stage.app, columns, rows);
        for needed in ["LIVE", "[!]", "[?]", "rollback", "4:10", "L-00:45:59", "B", "1.2"] {
            // With rows for the checklist the section's number may be scrolled away, but not the step's title.
            let is_there = shown.contains(needed) || (needed == "1.2" && shown.contains("Error r"));
            prop_assert!(is_there, "{needed} at {columns}x{rows}:\n{shown}");
        }
        let has_digits = columns >= 120 && rows >= 40;
        prop_assert!(has_digits || shown.contains("T-00:30:59"), "{columns}x{rows}:\n{shown}");
    }

    #[test]
    fn no_size_and_no_screen_panics(columns in 0..130u16, rows in 0..50u16, screen in 0..6usize, zoomed: bool) {
        let mut stage = in_trouble(Mode::Live);
        let runbook = stage.app.run.runbook().clone();
        let gate = runbook.sections().find(|(_, section)| section.gate.is_some()).map(|(at, _)| at).unwrap();
        let step = runbook.step_indices().next().unwrap();
        let screens = [Screen::Board, Screen::Step(step), Screen::Poll(gate), Screen::Rollback, Screen::Log, Screen::Timeline];
        stage.app.view.screen = screens[screen];
        stage.app.view.zoomed = zoomed;
        render::screen(&stage.app, &Theme::default(), columns, rows);
    }
}
