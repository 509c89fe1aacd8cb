//! The screens besides the board, drawn to a buffer: text and styles at the sizes people have, and no panic at sizes
//! nobody should have.
//!
//! Each is drawn alone into the room that header and footer leave it, so that a change to those leaves these be.

use ratatui::Terminal;
use ratatui::backend::{Backend, TestBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::Position;
use tminus::app::keys::Action;
use tminus::app::output::Line;
use tminus::app::picker::{Picker, PickerRun, PickerRunbook};
use tminus::app::view::Screen;
use tminus::app::{App, Msg};
use tminus::check::{Caveats, Reading, Reason, Verdict};
use tminus::journal::{Ending, Mode, Outcome};
use tminus::run::progress::{Count, RunState};
use tminus::run::rollback::RollbackStage;
use tminus::ui;
use tminus::ui::theme::{ColourDepth, Palette, Theme};

use super::render::{screen, text, text_and_styles};
use super::snapshot;
use super::stage::{Stage, coloured};

/// What header and footer leave of 80x24, and of 120x40.
const SMALL: (u16, u16) = (80, 19);
const LARGE: (u16, u16) = (120, 33);

/// The screen and what stands over it, and where the terminal's cursor is.
fn drawn(app: &App, theme: &Theme, (columns, rows): (u16, u16)) -> (Buffer, Option<Position>) {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    let mut cursor = None;
    terminal
        .draw(|frame| {
            let area = frame.area();
            match app.view.screen {
                Screen::Step(step) => ui::step::draw(app, theme, area, frame, step),
                Screen::Poll(section) => ui::poll::draw(app, theme, area, frame, section),
                Screen::Rollback => ui::rollback::draw(app, theme, area, frame),
                Screen::Timeline => ui::timeline::draw(app, theme, area, frame),
                Screen::Board | Screen::Log => {}
            }
            ui::overlay::draw(app, theme, area, frame);
            theme.finish(frame.buffer_mut());
        })
        .unwrap();
    if terminal.backend().cursor_visible() {
        cursor = terminal.backend_mut().get_cursor_position().ok();
    }
    (terminal.backend().buffer().clone(), cursor)
}

fn drawn_picker(picker: &Picker, theme: &Theme, (columns, rows): (u16, u16)) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal
        .draw(|frame| ui::picker::draw(picker, theme, frame))
        .unwrap();
    terminal.backend().buffer().clone()
}

fn snapshot_stage(name: &str, stage: &Stage, size: (u16, u16)) {
    let (buffer, _) = drawn(&stage.app, &Theme::default(), size);
    snapshot(name, &text_and_styles(&buffer));
}

fn snapshot_without_colour(name: &str, stage: &Stage) {
    let (buffer, _) = drawn(&stage.app, &without_colour(), SMALL);
    snapshot(name, &text_and_styles(&buffer));
}

fn without_colour() -> Theme {
    Theme::new(Palette {
        depth: ColourDepth::None,
        ascii: true,
        ..Palette::default()
    })
}

/// The rollout was started a minute after T-0 and has been running for over a minute.
fn rolling_out() -> Stage {
    rolled_out_in(Stage::kestrel(Mode::Live))
}

fn rolled_out_in(mut stage: Stage) -> Stage {
    stage
        .cleared_for_launch()
        .at_launch_plus(60)
        .healthy()
        .keys("2 x y");
    stage.spawned(48_113).wait(60).healthy();
    let printed = vec![
        Line::plain("deployment.apps/api image updated"),
        coloured(
            "Waiting for deployment \"api\" rollout to finish: 1 of 4",
            3,
        ),
    ];
    stage.output(
        printed,
        Some(Line::plain(
            "Waiting for deployment \"api\" rollout to finish: 2 of 4",
        )),
    );
    stage.check(2, Verdict::Fail, "2 of 4").wait(4);
    stage
}

/// The error rate went up after the rollout, and the trigger fired.
fn in_trouble() -> Stage {
    let mut stage = rolling_out();
    stage
        .ended(Outcome::Exited { code: 0 }, 130)
        .samples(0, &[0.8, 1.8, 1.9])
        .samples(1, &[880.0]);
    stage.check(0, Verdict::Fail, "503");
    stage
}

/// The Kubernetes rollback was decided; its first step is done, its second runs.
fn going_back() -> Stage {
    let mut stage = in_trouble();
    stage.keys("B 1").typed("prod-eu").keys("x y");
    stage
        .ended(Outcome::Exited { code: 0 }, 4)
        .keys("4 x y")
        .spawned(48_200)
        .wait(9)
        .samples(0, &[1.7]);
    stage
        .output(vec![Line::plain("deployment.apps/api rolled back")], None)
        .keys("4");
    stage
}

/// All steps of the rollback are done, the proof holds for a minute and a half.
fn proving() -> Stage {
    let mut stage = going_back();
    stage
        .ended(Outcome::Exited { code: 0 }, 41)
        .keys("x")
        .ended(Outcome::Exited { code: 0 }, 95)
        .keys("4 space");
    stage.typed("cy").keys("4");
    for _ in 0..9 {
        stage
            .check(0, Verdict::Pass, "200")
            .samples(0, &[0.05, 0.05]);
    }
    stage
}

fn closed() -> Stage {
    let mut stage = proving();
    for _ in 0..20 {
        stage
            .check(0, Verdict::Pass, "200")
            .samples(0, &[0.05, 0.05]);
    }
    stage
}

fn polling() -> Stage {
    let mut stage = Stage::kestrel(Mode::Live);
    stage
        .keys("space")
        .wait(30)
        .keys("P +")
        .wait(30)
        .keys("-")
        .typed("restore untested")
        .healthy();
    stage.all_seen();
    stage
}

#[test]
fn a_running_command() {
    let stage = rolling_out();
    snapshot_stage("step_running_80x24", &stage, SMALL);
    snapshot_stage("step_running_120x40", &stage, LARGE);
    snapshot_without_colour("step_running_80x24_no_colour_ascii", &stage);
}

#[test]
fn a_failed_command_says_what_its_exit_code_means() {
    let mut stage = rolling_out();
    stage.ended(Outcome::Exited { code: 127 }, 190);
    snapshot_stage("step_failed_80x24", &stage, SMALL);
}

/// What tells the reason stands at the end of a line, which is why none is cut.
#[test]
fn the_reason_of_a_failure_is_read_in_full() {
    let reason = "error: failed to roll out: quota exceeded for namespace kestrel: requested cpu 4, used 13, \
                  limit 16: ask the platform team to raise it";
    let mut stage = rolling_out();
    stage
        .output(vec![Line::plain(reason)], None)
        .ended(Outcome::Exited { code: 1 }, 190);
    let shown = text(&screen(&stage.app, &Theme::default(), 80, 24));
    let joined: String = shown
        .lines()
        .filter_map(|line| line.strip_prefix("│ ")?.strip_suffix('│'))
        .map(|line| line.trim_end().to_owned() + if line.ends_with("  ") { " " } else { "" })
        .collect();
    let dense = |text: &str| text.replace(' ', "");
    assert!(dense(&joined).contains(&dense(reason)), "{shown}");
}

#[test]
fn a_step_without_a_command_is_all_facts() {
    let mut stage = Stage::kestrel(Mode::Live);
    stage
        .healthy()
        .keys("j enter a")
        .typed("backup runs at :10");
    snapshot_stage("step_record_80x24", &stage, SMALL);
}

#[test]
fn a_step_that_soaks_shows_each_proof() {
    let mut stage = rolling_out();
    stage
        .ended(Outcome::Exited { code: 0 }, 130)
        .check(2, Verdict::Pass, "4 of 4")
        .keys("esc . enter");
    for _ in 0..4 {
        stage.healthy();
    }
    stage
        .check(1, Verdict::Unknown(Reason::Timeout), "")
        .samples(0, &[0.7]);
    snapshot_stage("step_soak_120x40", &stage, LARGE);
}

#[test]
fn ten_thousand_lines_are_scrolled_and_searched() {
    let mut stage = rolling_out();
    stage.output(
        (1..=10_000)
            .map(|number| Line::plain(format!("line {number}")))
            .collect(),
        None,
    );
    let (buffer, _) = drawn(&stage.app, &Theme::default(), SMALL);
    assert!(text(&buffer).contains("line 10000"), "the end is followed");
    stage.keys("/").typed("line 4711");
    let (buffer, _) = drawn(&stage.app, &Theme::default(), SMALL);
    let lines = text(&buffer);
    assert!(
        lines.contains("line 4711") && !lines.contains("line 10000"),
        "{lines}"
    );
    snapshot("step_searched_80x24", &text_and_styles(&buffer));
}

#[test]
fn nothing_that_a_command_prints_can_steer_the_terminal() {
    let mut stage = rolling_out();
    stage.output(
        vec![Line::plain("a\x1b[2Jb\r\u{202e}c\u{9b}1m")],
        Some(Line::plain("\x07")),
    );
    let (buffer, _) = drawn(&stage.app, &Theme::default(), SMALL);
    assert!(text(&buffer).contains("a^[[2Jb^M<202e>c<9b>1m"));
    let steering = buffer
        .content
        .iter()
        .flat_map(|cell| cell.symbol().chars())
        .find(|symbol| symbol.is_control());
    assert_eq!(steering, None);
}

#[test]
fn a_poll_with_its_evidence() {
    let stage = polling();
    snapshot_stage("poll_80x24", &stage, SMALL);
    snapshot_stage("poll_140x40", &stage, (140, 33));
}

#[test]
fn a_poll_that_is_go() {
    let mut stage = Stage::kestrel(Mode::Live);
    stage.cleared_for_launch().healthy().all_seen().keys("P");
    snapshot_stage("poll_go_80x24", &stage, SMALL);
}

#[test]
fn a_fired_trigger_before_the_decision() {
    let mut stage = in_trouble();
    stage.keys("4");
    snapshot_stage("rollback_before_80x24", &stage, SMALL);
    stage.keys("B");
    snapshot_stage("rollback_decision_80x24", &stage, SMALL);
    stage.keys("1").typed("prod");
    snapshot_stage("rollback_wrong_target_80x24", &stage, SMALL);
}

#[test]
fn the_trigger_board_says_how_near_each_trigger_is_and_whether_it_can_fire() {
    let mut stage = rolling_out();
    stage.samples(
        0,
        &[
            0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6,
        ],
    );
    stage.keys("4");
    snapshot_stage("triggers_near_80x24", &stage, SMALL);
    snapshot_stage("triggers_near_120x40", &stage, LARGE);
    stage.unseen(0).keys("4");
    let (buffer, _) = drawn(&stage.app, &Theme::default(), SMALL);
    let shown = text(&buffer);
    assert!(shown.contains("DISARMED: not seen"), "{shown}");
}

#[test]
fn the_trigger_board_says_how_long_a_breach_has_lasted_and_what_was_decided() {
    let mut stage = in_trouble();
    stage
        .keys("B f")
        .typed("the retry helps")
        .samples(0, &[1.7]);
    stage.keys("4");
    snapshot_stage("triggers_settling_80x24", &stage, SMALL);
    let shown = text(
        &drawn(
            &Stage::kestrel(Mode::Live).keys("4").app,
            &Theme::default(),
            SMALL,
        )
        .0,
    );
    assert!(shown.contains("armed in launch, post-launch"), "{shown}");
}

#[test]
fn what_is_less_than_it_looks_says_so() {
    let mut stage = Stage::kestrel(Mode::Live);
    let reading = |value, at_least, warnings: &[&str]| Reading {
        value: Ok(value),
        caveats: Caveats {
            at_least,
            warnings: warnings.iter().map(|&words| words.to_owned()).collect(),
        },
    };
    stage.cleared_for_launch().at_launch_plus(60).healthy();
    stage
        .check(1, Verdict::Pass, "connected")
        .check(1, Verdict::Fail, "refused")
        .send(Msg::Sampled {
            metric: 0,
            sample: reading(0.05, false, &["one replica did not answer"]),
        })
        .send(Msg::Sampled {
            metric: 1,
            sample: reading(250.0, true, &[]),
        });
    let shown = text(&screen(&stage.app, &Theme::default(), 120, 40));
    let row = |of: &str| {
        let row = shown.lines().find(|line| line.contains(of));
        row.unwrap_or_else(|| panic!("no {of}\n{shown}"))
    };
    assert!(row("CRM reach").contains("failing 1/3"), "{shown}");
    assert!(row("Error rate %").trim_end().ends_with("* │"), "{shown}");
    // The limit is 500: above the top bucket it can't be told from 250.
    assert!(row("p95 latency").contains("≥250 off"), "{shown}");
}

#[test]
fn a_rollback_that_begins_by_itself_says_so_and_how_to_stop_it() {
    let mut stage = rolled_out_in(Stage::kestrel_automatic());
    let breach = || Msg::Sampled {
        metric: 0,
        sample: Ok(1.9).into(),
    };
    stage
        .ended(Outcome::Exited { code: 0 }, 130)
        .samples(0, &[0.8])
        .send(breach());
    let whole = |stage: &Stage, (columns, rows): (u16, u16)| {
        screen(&stage.app, &Theme::default(), columns, rows)
    };
    stage.keys("1");
    let shown = text_and_styles(&whole(&stage, (80, 24)));
    snapshot("automatic_announced_80x24", &shown);
    for key in ["4", "5", "6", "1"] {
        stage.keys(key).send(breach());
        for size in [(80, 24), (40, 12), (60, 16), (200, 60)] {
            let shown = text(&whole(&stage, size));
            assert!(shown.contains("ROLLBACK IN "), "{key} {size:?}\n{shown}");
        }
    }
    for _ in 0..4 {
        stage.wait(2).samples(0, &[1.9]);
    }
    for size in [(80, 24), (120, 40)] {
        let shown = text_and_styles(&whole(&stage, size));
        snapshot(&format!("automatic_walking_{}x{}", size.0, size.1), &shown);
    }
}

#[test]
fn a_rollback_on_its_way() {
    let stage = going_back();
    snapshot_stage("rollback_walking_80x24", &stage, SMALL);
    snapshot_stage("rollback_walking_120x40", &stage, LARGE);
    snapshot_without_colour("rollback_walking_80x24_no_colour_ascii", &stage);
}

#[test]
fn a_rollback_that_is_proved() {
    let stage = proving();
    assert_eq!(stage.app.run.rollback_stage(), Some(RollbackStage::Verify));
    snapshot_stage("rollback_proving_80x24", &stage, SMALL);
    let stage = closed();
    assert_eq!(
        stage.app.run.rollback_stage(),
        Some(RollbackStage::Closed { verified: true })
    );
    snapshot_stage("rollback_closed_80x24", &stage, SMALL);
}

#[test]
fn the_timeline_of_a_launch_that_went_back() {
    let mut stage = going_back();
    stage.keys("L");
    snapshot_stage("timeline_80x24", &stage, SMALL);
    snapshot_stage("timeline_120x40", &stage, LARGE);
}

#[test]
fn confirmations_show_the_exact_command() {
    let mut stage = Stage::kestrel(Mode::Live);
    stage
        .cleared_for_launch()
        .at_launch_plus(60)
        .healthy()
        .keys("2 x");
    snapshot_stage("confirm_changes_80x24", &stage, SMALL);
}

#[test]
fn a_command_before_its_time_says_so_loudly() {
    let mut stage = Stage::kestrel(Mode::Live);
    stage.cleared_for_launch().healthy().keys("2 x");
    snapshot_stage("confirm_too_soon_80x24", &stage, SMALL);
    stage.keys("esc H").typed("errors climb").keys("x");
    snapshot_stage("confirm_held_80x24", &stage, SMALL);
}

#[test]
fn what_was_done_in_this_run_can_be_taken_back() {
    let mut stage = rolling_out();
    stage.ended(Outcome::Exited { code: 0 }, 130).keys("esc 4");
    snapshot_stage("undo_list_120x40", &stage, LARGE);
    stage.keys("U");
    snapshot_stage("undo_confirm_80x24", &stage, SMALL);
    stage
        .keys("y")
        .ended(Outcome::Exited { code: 0 }, 40)
        .keys("esc 4");
    snapshot_stage("undo_done_80x24", &stage, SMALL);
}

#[test]
fn a_point_of_no_return_asks_everything() {
    let mut stage = rolling_out();
    stage
        .ended(Outcome::Exited { code: 0 }, 130)
        .keys("esc . W")
        .typed("watched in the drill");
    // The CRM stays out of sight, but nothing that must be seen stands on it.
    stage
        .check(0, Verdict::Pass, "200")
        .check(2, Verdict::Pass, "4 of 4")
        .keys(". x");
    snapshot_stage("confirm_ponr_second_80x24", &stage, SMALL);
    stage.typed("ana").typed("prod");
    snapshot_stage("confirm_ponr_wrong_target_80x24", &stage, SMALL);
    stage.keys("ctrl-u").typed("prod-eu").wait(3);
    snapshot_stage("confirm_ponr_countdown_80x24", &stage, SMALL);
}

#[test]
fn a_drill_never_looks_like_the_real_thing() {
    let mut stage = Stage::kestrel(Mode::Drill);
    stage
        .cleared_for_launch()
        .at_launch_plus(60)
        .healthy()
        .keys("2 x");
    snapshot_stage("confirm_drill_80x24", &stage, SMALL);
}

#[test]
fn the_palette_lists_what_fits() {
    let mut stage = Stage::kestrel(Mode::Live);
    stage.keys(": r o l l");
    snapshot_stage("palette_80x24", &stage, SMALL);
    let (_, cursor) = drawn(&stage.app, &Theme::default(), SMALL);
    assert_eq!(cursor, Some(Position::new(10, 1)), "behind what was typed");
}

#[test]
fn the_palette_has_every_action_of_the_screen_with_its_key() {
    let stage = rolling_out();
    let bindings: Vec<_> = stage
        .app
        .bindings
        .at(stage.app.view.screen.place())
        .filter(|binding| !matches!(binding.action, Action::Palette | Action::Back))
        .map(|binding| (binding.name, binding.keys.first().map(ToString::to_string)))
        .collect();
    assert!(bindings.len() > 20);
    for (name, key) in bindings {
        let mut stage = rolling_out();
        stage.keys(":");
        for character in name.chars() {
            stage.send(tminus::app::Msg::Key(tminus::app::keys::Key::char(
                character,
            )));
        }
        let shown = text(&screen(&stage.app, &Theme::default(), 120, 40));
        let listed = shown
            .lines()
            .any(|line| line.contains(name) && key.as_ref().is_none_or(|key| line.contains(key)));
        assert!(listed, "{name} {key:?}\n{shown}");
    }
}

#[test]
fn the_help_is_the_table_of_bindings() {
    let mut stage = Stage::kestrel(Mode::Live);
    stage.keys("?");
    snapshot_stage("help_120x40", &stage, (120, 40));
    stage.keys("j j j");
    snapshot_stage("help_scrolled_80x24", &stage, (80, 24));
}

#[test]
fn a_long_answer_scrolls_with_its_cursor() {
    let mut stage = Stage::kestrel(Mode::Live);
    stage.keys("a").wait(1);
    for character in
        "a sentence of 東京 that is longer than the line it is typed into, by far, and goes on"
            .chars()
    {
        stage.send(tminus::app::Msg::Key(tminus::app::keys::Key::char(
            character,
        )));
    }
    let (buffer, cursor) = drawn(&stage.app, &Theme::default(), (40, 10));
    assert!(text(&buffer).contains("and goes on"), "{}", text(&buffer));
    let cursor = cursor.expect("a prompt shows the cursor");
    assert_eq!(buffer[(cursor.x - 1, cursor.y)].symbol(), "n");
}

/// Every screen and everything that can stand over one.
fn everything() -> Vec<Stage> {
    let mut worlds = vec![
        rolling_out(),
        polling(),
        in_trouble(),
        going_back(),
        closed(),
    ];
    for keys in [
        "?", ":", "a", "B", "ctrl-c", "4", "L", "1", "5", "6", "W", "c", "t",
    ] {
        let mut stage = in_trouble();
        stage.keys("esc").keys(keys);
        worlds.push(stage);
    }
    let mut confirm = Stage::kestrel(Mode::Live);
    confirm
        .cleared_for_launch()
        .at_launch_plus(60)
        .healthy()
        .keys("2 x");
    worlds.push(confirm);
    worlds
}

#[test]
fn with_ascii_nothing_else_is_drawn() {
    let theme = without_colour();
    for stage in everything() {
        for (columns, rows) in [(80, 24), (120, 40), (200, 60), (60, 16), (40, 12)] {
            let shown = text(&screen(&stage.app, &theme, columns, rows));
            assert!(shown.is_ascii(), "{columns}x{rows}\n{shown}");
        }
    }
    for size in [(80, 24), (200, 60)] {
        let shown = text(&drawn_picker(&picker(), &theme, size));
        assert!(shown.is_ascii(), "{shown}");
    }
}

#[test]
fn no_size_is_too_small_for_any_screen() {
    for stage in &everything() {
        for columns in (1..40).chain([79, 111, 200]) {
            for rows in (1..14).chain([60]) {
                drawn(&stage.app, &Theme::default(), (columns, rows));
            }
        }
    }
}

#[test]
fn a_screen_leaves_header_and_keys_in_their_places() {
    for stage in [rolling_out(), polling(), going_back()] {
        let shown = text(&screen(&stage.app, &Theme::default(), 80, 24));
        assert!(shown.starts_with("[LIVE prod-eu]"), "{shown}");
        assert!(
            shown
                .lines()
                .last()
                .is_some_and(|keys| keys.contains("? help")),
            "{shown}"
        );
    }
}

#[test]
fn a_confirmation_keeps_its_question_on_a_tiny_screen() {
    let mut stage = Stage::kestrel(Mode::Live);
    stage
        .cleared_for_launch()
        .at_launch_plus(60)
        .healthy()
        .keys("2 x");
    let (buffer, _) = drawn(&stage.app, &Theme::default(), (30, 5));
    assert!(text(&buffer).contains("y runs it"), "{}", text(&buffer));
}

fn picker() -> Picker {
    let now = "2025-06-05T15:31:02Z".parse::<jiff::Timestamp>().unwrap();
    let ago = |seconds| now - std::time::Duration::from_secs(seconds);
    let run = |id: &str, title: &str| PickerRun {
        id: id.to_owned(),
        title: title.to_owned(),
        environment: "prod-eu".to_owned(),
        mode: Mode::Live,
        state: RunState::PreLaunch,
        t: jiff::SignedDuration::from_mins(-28),
        progress: Count {
            done: 28,
            total: 63,
        },
        pending_triggers: 0,
        overdue: 0,
        last: Some(ago(6)),
        by: "bo".to_owned(),
        held_by: None,
        ended: None,
        damaged: None,
    };
    let runs = vec![
        run("k41", "Kestrel v2.41.0"),
        PickerRun {
            held_by: Some("cy on b2".to_owned()),
            state: RunState::PostLaunch,
            ..run("m17", "Matrix v1.9")
        },
        PickerRun {
            state: RunState::Holding,
            last: Some(ago(93_600)),
            ..run("h08", "Halcytone 0.4")
        },
        PickerRun {
            overdue: 3,
            ..run("t12", "Toombos 2025-09")
        },
        PickerRun {
            pending_triggers: 1,
            state: RunState::Launch,
            ..run("l03", "LinkFlow\u{202e} cutover")
        },
        PickerRun {
            mode: Mode::Drill,
            state: RunState::RollingBack,
            ..run("k42", "Kestrel v2.41.0")
        },
        PickerRun {
            ended: Some((Ending::Launched, ago(900_000))),
            ..run("k40", "Kestrel v2.40.3")
        },
        PickerRun {
            ended: Some((Ending::RolledBack, ago(1_600_000))),
            ..run("k39", "Kestrel v2.40.2")
        },
    ];
    let runbook = |name: &str, title: &str| PickerRunbook {
        name: name.to_owned(),
        title: title.to_owned(),
        bundled: false,
        steps: [36, 9, 18],
        rollbacks: 2,
        drills: 4,
        last_drill: Some(ago(180_000)),
        errors: 0,
        warnings: 0,
    };
    let runbooks = vec![
        runbook("./kestrel.toml", "Kestrel production launch"),
        PickerRunbook {
            bundled: true,
            drills: 0,
            last_drill: None,
            warnings: 2,
            ..runbook("matrix", "Executive Mind Matrix")
        },
        PickerRunbook {
            errors: 3,
            title: String::new(),
            rollbacks: 0,
            steps: [0; 3],
            ..runbook("./broken.toml", "")
        },
    ];
    Picker::new(runs, runbooks, now)
}

#[test]
fn the_picker_shows_trouble_first() {
    let mut picker = picker();
    let theme = Theme::default();
    snapshot(
        "picker_80x24",
        &text_and_styles(&drawn_picker(&picker, &theme, (80, 24))),
    );
    snapshot(
        "picker_120x40",
        &text_and_styles(&drawn_picker(&picker, &theme, (120, 40))),
    );
    snapshot(
        "picker_40x12",
        &text_and_styles(&drawn_picker(&picker, &without_colour(), (40, 12))),
    );
    for key in ["/", "k", "e", "s"] {
        picker.update(key.parse().unwrap());
    }
    snapshot(
        "picker_filtered_80x24",
        &text(&drawn_picker(&picker, &theme, (80, 24))),
    );
}

#[test]
fn no_size_is_too_small_for_the_picker() {
    let mut picker = picker();
    for keys in ["j", "?", "/", "x"] {
        picker.update(keys.parse().unwrap());
        for columns in 1..60 {
            for rows in 1..30 {
                drawn_picker(&picker, &Theme::default(), (columns, rows));
            }
        }
    }
    drawn_picker(&Picker::default(), &Theme::default(), (80, 24));
}
