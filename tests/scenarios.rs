//! Runs the stories in `tests/scenarios/*.toml` against the core, and says which line of which file isn't true.
//!
//! A story is a runbook and a list of lines; each line does one thing (`{ keys = "space" }`, `{ wait = "5s" }`) or
//! expects one (`{ step = "pre/a/b", status = "done" }`). What lines there are is the two enums below. Operators'
//! rules are easier to review as stories than as code, and adding one takes no compiler.

mod support;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;
use serde::Deserialize;
use toml::Spanned;

use support::world::{Disk, World, runbook_from};
use tminus::app::keys::Key;
use tminus::app::output::Line as PrintedLine;
use tminus::app::overlay::DEAD_TIME;
use tminus::app::triggers::Arming;
use tminus::app::unattended::Doing;
use tminus::app::view::{Ask, OverlayKind, Row, Screen};
use tminus::app::{Msg, Options, Saving, Stop};
use tminus::check::{Reason, Verdict};
use tminus::journal::Outcome;
use tminus::runbook::{StepId, StepIndex, text};

/// One file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
    /// What the story shows, in a sentence.
    #[expect(
        dead_code,
        reason = "for who reads the file; required so that each one says it"
    )]
    about: String,
    /// The runbook itself …
    runbook: Option<String>,
    /// … or where it stands, from the project's root.
    file: Option<String>,
    /// Values of variables.
    #[serde(default)]
    variables: BTreeMap<String, String>,
    /// When the story begins, relative to T-0.
    #[serde(default = "an_hour_before")]
    at: String,
    /// Whether the session is read-only.
    #[serde(default)]
    read_only: bool,
    /// What each check says from the start.
    #[serde(default)]
    checks: BTreeMap<String, String>,
    /// What each metric reads from the start.
    #[serde(default)]
    metrics: BTreeMap<String, f64>,
    /// What happens, and what is expected.
    lines: Vec<Spanned<Line>>,
}

fn an_hour_before() -> String {
    "T-1h".to_owned()
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Act(Act),
    Expect(Expect),
}

/// Something happens.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Act {
    /// Keys, separated by spaces; dead times are waited out, as a person does.
    Keys { keys: String },
    /// Keys without any wait between them, as type-ahead and a held key come.
    Rush { rush: String },
    /// Text typed into a prompt, without `enter`.
    Type { r#type: String },
    /// Text pasted.
    Paste { paste: String },
    /// The cursor is put on a step by clicking it.
    Click { click: String },
    /// Time passes.
    Wait { wait: String },
    /// Time passes in one piece, as for a program that got no turn.
    Leap { leap: String },
    /// From now on a check says this.
    Check { check: String, verdict: String },
    /// From now on a metric reads this.
    Metric { metric: String, value: f64 },
    /// From now on a metric can't be seen, for this reason.
    Blind { metric: String, blind: Reason },
    /// From now on this is wrong at our own end of the network; nothing when it is empty.
    Sight { sight: String },
    /// An attempt ends with an exit code …
    Exits { ends: u64, exit: i32 },
    /// … or by a signal.
    Signalled { ends: u64, signal: i32 },
    /// An attempt prints a line.
    Prints { attempt: u64, prints: String },
    /// From now on the disk behaves like this.
    Disk { disk: Disk },
    /// The machine sleeps for so long.
    Sleeps { sleeps: String },
    /// The wall clock is set by so much, forward or (`-1h`) back.
    SetsClock { sets_clock: String },
    /// The program is stopped for so long, while both clocks run on.
    Stops { stops: String },
    /// Looks aren't answered until they are released; then each says what was so when it was asked for.
    Looks { looks: Looks },
    /// The program is killed and started again by somebody.
    Resume { resume: String },
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Looks {
    Wait,
    Released,
}

/// What a step looks like; what isn't asked isn't compared.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepLooks {
    step: String,
    status: Option<String>,
    basis: Option<String>,
    value: Option<String>,
    reason: Option<String>,
    signed: Option<String>,
    second: Option<String>,
    by: Option<String>,
    /// What stands behind it: `check api`.
    source: Option<String>,
    /// What was seen.
    observed: Option<String>,
    /// How long before it was recorded that was seen.
    seen_before: Option<String>,
}

/// Something has to be true.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Expect {
    Step(Box<StepLooks>),
    /// The command that was started last.
    Spawned {
        spawned: String,
    },
    /// Nothing was started since the last time a line asked about it.
    NothingSpawned {
        nothing_spawned: bool,
    },
    /// The signal that was sent last: `1 term`, `1 kill`; empty for none.
    Signal {
        signal: String,
    },
    /// The message line holds these words.
    Notice {
        notice: String,
    },
    /// The line that says what is next holds these words.
    Next {
        next: String,
    },
    /// The choices of a menu, each in brackets where the cursor is.
    Menu {
        menu: Vec<String>,
    },
    /// What can be taken back, newest first, as ids; with `-` in front where it has been.
    Undoable {
        undoable: Vec<String>,
    },
    /// What is red behind a step that a person ticked; empty for nothing.
    OverRed {
        over_red: String,
        behind: String,
    },
    /// The run stands like this.
    State {
        state: String,
    },
    /// A trigger waits for a decision, or doesn't.
    Trigger {
        trigger: String,
        pending: bool,
        overdue: Option<bool>,
    },
    /// Whether a trigger could fire: armed, by-hand, elsewhere, settling, unseen, blind, rolling-back.
    Arming {
        arming: String,
        is: String,
    },
    /// T, as `T-10m`.
    T {
        t: String,
    },
    /// L, as `T-10m`.
    L {
        l: String,
    },
    /// Slip, as `+5m`.
    Slip {
        slip: String,
    },
    /// The overlay that has the keys: none, prompt, confirm, menu, palette, help.
    Overlay {
        overlay: String,
    },
    /// What a confirmation asks next: y, target, second, countdown.
    Asks {
        asks: String,
    },
    /// The error or hint shown in the overlay holds these words.
    Says {
        says: String,
    },
    /// What stands in a prompt.
    Typed {
        typed: String,
    },
    /// The name of the entry that was recorded last.
    Recorded {
        recorded: String,
    },
    /// So many entries are on disk.
    Entries {
        entries: usize,
    },
    /// The screen under any overlay.
    Screen {
        screen: String,
    },
    /// The step, gate or choice under the cursor.
    Cursor {
        cursor: String,
    },
    /// What is saved: saved, failed, lost.
    Saving {
        saving: String,
    },
    /// How far: `3/7`.
    Progress {
        progress: String,
        must: Option<String>,
    },
    /// The baseline's median of a metric; 0 when there is none.
    Baseline {
        baseline: String,
        median: f64,
    },
    /// What keeps the run from being closed holds these words; empty for nothing.
    Owed {
        owed: String,
    },
    /// How far a soak has come.
    Soak {
        soak: String,
        clean: String,
        restarts: u32,
    },
    /// The clipboard got this text last.
    Copied {
        copied: String,
    },
    /// The run was last written to this directory, with so many entries.
    Elsewhere {
        elsewhere: String,
        holds: usize,
    },
    /// The bell rang so often.
    Bells {
        bells: usize,
    },
    /// What goes on without being asked: `counting 10s`, `walking R1.1`, `waits for R1.2`; empty for nothing.
    Doing {
        doing: String,
    },
    /// What the board says of our own end of the network; empty while we see.
    BlindTo {
        blind_to: String,
    },
    /// The program is to be left.
    Left {
        left: bool,
    },
}

#[test]
fn every_story_is_true() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let files = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "there are no stories");
    let wrong: Vec<String> = files.iter().filter_map(|file| tell(file).err()).collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// Runs one story up to the first line that isn't true.
fn tell(path: &Path) -> Result<(), String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let source = std::fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
    let story: Story = toml::from_str(&source).map_err(|error| format!("{name}: {error}"))?;
    let mut telling = Telling::begin(&story).map_err(|error| format!("{name}: {error}"))?;
    for line in &story.lines {
        let outcome = telling.line(line.get_ref());
        if let Err(error) = outcome {
            let number = source[..line.span().start].lines().count().max(1);
            let words = source[line.span()].trim();
            return Err(format!(
                "{name}:{number}: {error}\n    {words}\n    {}",
                telling.sight()
            ));
        }
    }
    Ok(())
}

/// A story on its way.
struct Telling {
    world: World,
    spawned_seen: usize,
}

impl Telling {
    fn begin(story: &Story) -> Result<Self, String> {
        let source = match (&story.runbook, &story.file) {
            (Some(text), None) => text.clone(),
            (None, Some(file)) => {
                let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
                std::fs::read_to_string(path).map_err(|error| format!("{file}: {error}"))?
            }
            _ => return Err("write either `runbook` or `file`".to_owned()),
        };
        let runbook = runbook_from(&source, &story.variables)?;
        let begins = text::parse_offset(&story.at).map_err(|error| error.to_string())?;
        let world = World::open(runbook, options("ana", story.read_only), -begins);
        let mut telling = Self {
            world,
            spawned_seen: 0,
        };
        for (check, verdict) in &story.checks {
            telling.arrange_check(check, verdict)?;
        }
        for (metric, value) in &story.metrics {
            telling.arrange_metric(metric, Ok(*value))?;
        }
        Ok(telling)
    }

    fn line(&mut self, line: &Line) -> Result<(), String> {
        match line {
            Line::Act(act) => self.act(act)?,
            Line::Expect(expect) => self.expect(expect)?,
        }
        self.world.check_resumable();
        self.world.breach.take().map_or(Ok(()), Err)
    }

    fn act(&mut self, act: &Act) -> Result<(), String> {
        match act {
            Act::Keys { keys } => {
                for key in parse_keys(keys)? {
                    self.wait_out_dead_time();
                    self.world.press(key);
                }
            }
            Act::Rush { rush } => parse_keys(rush)?
                .into_iter()
                .for_each(|key| self.world.press(key)),
            Act::Type { r#type } => {
                self.wait_out_dead_time();
                self.world.type_text(r#type);
            }
            Act::Paste { paste } => {
                self.wait_out_dead_time();
                self.world.send(Msg::Paste(paste.clone()));
            }
            Act::Click { click } => {
                let row = self.row_of(click)?;
                self.world.send(Msg::Click(row));
            }
            Act::Wait { wait } => self.world.wait(duration(wait)?),
            Act::Leap { leap } => self.world.leap(duration(leap)?),
            Act::Check { check, verdict } => self.arrange_check(check, verdict)?,
            Act::Metric { metric, value } => self.arrange_metric(metric, Ok(*value))?,
            Act::Blind { metric, blind } => self.arrange_metric(metric, Err(*blind))?,
            Act::Sight { sight } => {
                self.world.sight = match sight.as_str() {
                    "" => Ok(()),
                    wrong => Err(wrong.to_owned()),
                };
            }
            Act::Exits { ends, exit } => self.end(*ends, Outcome::Exited { code: *exit }),
            Act::Signalled { ends, signal } => {
                self.end(*ends, Outcome::Signalled { signal: *signal })
            }
            Act::Prints { attempt, prints } => {
                let lines = vec![PrintedLine::plain(prints.clone())];
                self.world.send(Msg::Output {
                    attempt: *attempt,
                    lines,
                    partial: None,
                    skipped: 0,
                });
            }
            Act::Disk { disk } => {
                self.world.disk = *disk;
                self.world.send(Msg::Tick);
            }
            Act::Sleeps { sleeps } => {
                let time = SignedDuration::try_from(duration(sleeps)?)
                    .map_err(|error| error.to_string())?;
                self.world.shift_wall(time);
                self.world.send(Msg::Slept);
            }
            Act::SetsClock { sets_clock } => {
                let back = sets_clock.starts_with('-');
                let time = duration(sets_clock.trim_start_matches('-'))?;
                let time = SignedDuration::try_from(time).map_err(|error| error.to_string())?;
                self.world.shift_wall(if back { -time } else { time });
                self.world.send(Msg::Slept);
            }
            Act::Stops { stops } => {
                self.world.stop(duration(stops)?);
            }
            Act::Looks { looks } => match looks {
                Looks::Wait => self.world.looks_wait = true,
                Looks::Released => self.world.release_looks(),
            },
            Act::Resume { resume } => {
                let read_only = self.world.app.options.read_only;
                self.world.resume(options(resume, read_only));
            }
        }
        Ok(())
    }

    fn wait_out_dead_time(&mut self) {
        let now = self.world.now.monotonic;
        let opened = self
            .world
            .app
            .view
            .overlay
            .as_ref()
            .map(|overlay| overlay.opened);
        if let Some(rest) = opened.and_then(|opened| (opened + DEAD_TIME).checked_sub(now)) {
            self.world.wait(rest);
        }
    }

    fn arrange_check(&mut self, id: &str, says: &str) -> Result<(), String> {
        let check = self
            .world
            .app
            .run
            .runbook()
            .find_check(id)
            .ok_or_else(|| format!("no check `{id}`"))?;
        let verdict = match says {
            "pass" => Verdict::Pass,
            "fail" => Verdict::Fail,
            "unknown" => Verdict::Unknown(Reason::Timeout),
            other => return Err(format!("a check says pass, fail or unknown, not `{other}`")),
        };
        self.world.checks.insert(check, verdict);
        Ok(())
    }

    fn arrange_metric(&mut self, id: &str, reads: Result<f64, Reason>) -> Result<(), String> {
        let metric = self
            .world
            .app
            .run
            .runbook()
            .find_metric(id)
            .ok_or_else(|| format!("no metric `{id}`"))?;
        self.world.metrics.insert(metric, reads);
        Ok(())
    }

    fn end(&mut self, attempt: u64, outcome: Outcome) {
        self.world.send(Msg::Ended {
            attempt,
            outcome,
            took: Duration::from_secs(3),
        });
    }

    fn step(&self, id: &str) -> Result<StepIndex, String> {
        self.world
            .app
            .run
            .find(&StepId(id.to_owned()))
            .ok_or_else(|| format!("no step `{id}`"))
    }

    fn row_of(&self, name: &str) -> Result<usize, String> {
        let rows = 0..self.world.app.view.rows.len();
        rows.into_iter()
            .find(|&row| self.row_name(row) == name)
            .ok_or_else(|| format!("no row `{name}`"))
    }

    fn row_name(&self, row: usize) -> String {
        let run = &self.world.app.run;
        match self.world.app.view.rows.get(row) {
            Some(Row::Step(step)) => run.runbook().step(*step).id.to_string(),
            Some(Row::Gate(at)) => format!("gate {}", run.section_id(*at)),
            Some(Row::Choice(at)) => format!("choice {}", run.section_id(*at)),
            _ => "nothing".to_owned(),
        }
    }

    fn expect(&mut self, expect: &Expect) -> Result<(), String> {
        match expect {
            Expect::Step(looks) => self.expect_step(looks),
            Expect::Spawned { .. }
            | Expect::NothingSpawned { .. }
            | Expect::Signal { .. }
            | Expect::Recorded { .. }
            | Expect::Entries { .. }
            | Expect::Copied { .. }
            | Expect::Elsewhere { .. }
            | Expect::Bells { .. }
            | Expect::BlindTo { .. }
            | Expect::Doing { .. }
            | Expect::Left { .. } => self.expect_asked(expect),
            Expect::Notice { .. }
            | Expect::Next { .. }
            | Expect::Menu { .. }
            | Expect::Overlay { .. }
            | Expect::Asks { .. }
            | Expect::Says { .. }
            | Expect::Typed { .. }
            | Expect::Screen { .. }
            | Expect::Cursor { .. } => self.expect_seen(expect),
            _ => self.expect_run(expect),
        }
    }

    fn expect_step(&self, looks: &StepLooks) -> Result<(), String> {
        let StepLooks {
            step,
            status,
            basis,
            value,
            reason,
            signed,
            second,
            by,
            source,
            observed,
            seen_before,
        } = looks;
        let index = self.step(step)?;
        let run = &self.world.app.run;
        let state = run.state(index);
        let name = |wanted: &Option<String>, found: Option<String>| match wanted {
            Some(wanted) => equal(wanted.as_str(), found.as_deref().unwrap_or("")),
            None => Ok(()),
        };
        name(status, Some(json_name(&run.status(index))))?;
        name(basis, run.basis(index).map(|basis| basis.name().to_owned()))?;
        name(value, state.value.clone())?;
        name(reason, state.reason.clone())?;
        name(signed, state.signed.clone())?;
        name(second, state.second.clone())?;
        name(by, state.by.clone())?;
        let evidence = state.evidence.as_ref();
        name(source, evidence.map(|evidence| evidence.source.clone()))?;
        name(observed, evidence.map(|evidence| evidence.observed.clone()))?;
        let ago = state.at.zip(evidence).map(|(at, evidence)| {
            let ago = at.duration_since(evidence.at).unsigned_abs();
            text::format_duration(Duration::from_secs(ago.as_secs()))
        });
        name(seen_before, ago)
    }

    fn expect_asked(&mut self, expect: &Expect) -> Result<(), String> {
        let asked = &self.world.asked;
        match expect {
            Expect::Spawned { spawned } => {
                let last = asked.spawned.get(self.spawned_seen..).and_then(<[_]>::last);
                equal(
                    spawned.as_str(),
                    last.map_or("", |spawn| spawn.command.as_str()),
                )?;
                self.spawned_seen = asked.spawned.len();
                Ok(())
            }
            Expect::NothingSpawned { nothing_spawned } => {
                let nothing = asked.spawned.len() == self.spawned_seen;
                self.spawned_seen = asked.spawned.len();
                equal(nothing_spawned, &nothing)
            }
            Expect::Signal { signal } => {
                let word = |stop| if stop == Stop::Kill { "kill" } else { "term" };
                let last = asked
                    .signals
                    .last()
                    .map(|&(attempt, stop)| format!("{attempt} {}", word(stop)));
                equal(signal, &last.unwrap_or_default())
            }
            Expect::Elsewhere { elsewhere, holds } => equal(
                &(elsewhere.clone(), *holds),
                &asked.elsewhere.last().cloned().unwrap_or_default(),
            ),
            Expect::Copied { copied } => {
                equal(copied, &asked.copied.last().cloned().unwrap_or_default())
            }
            Expect::Bells { bells } => equal(bells, &asked.bells),
            Expect::Doing { doing } => equal(doing, &self.doing()),
            Expect::Left { left } => equal(left, &asked.left),
            Expect::BlindTo { blind_to } => {
                let blind = self.world.app.live.sentinel.blind();
                equal(blind_to, &blind.unwrap_or_default().to_owned())
            }
            Expect::Entries { entries } => equal(entries, &self.world.entries().len()),
            Expect::Recorded { recorded } => {
                let entries = self.world.entries();
                let last = entries
                    .last()
                    .and_then(|entry| tminus::journal::codec::to_json(entry).ok());
                let json = last.unwrap_or_default();
                let named = json.contains(&format!("\"event\":\"{recorded}\""));
                if named {
                    Ok(())
                } else {
                    Err(format!("the last entry is {json}"))
                }
            }
            _ => Err("nothing looks at this expectation".to_owned()),
        }
    }

    fn doing(&self) -> String {
        let app = &self.world.app;
        let number = |step: StepIndex| app.run.runbook().step(step).number.clone();
        match app.doing() {
            None => String::new(),
            Some(Doing::Counting { left, .. }) => {
                format!("counting {}", text::format_duration(left))
            }
            Some(Doing::Walking { step, waits: true }) => format!("waits for {}", number(step)),
            Some(Doing::Walking { step, .. }) => format!("walking {}", number(step)),
        }
    }

    fn expect_seen(&self, expect: &Expect) -> Result<(), String> {
        let view = &self.world.app.view;
        match expect {
            Expect::Notice { notice } => {
                let said = view
                    .notice
                    .as_ref()
                    .map_or("", |notice| notice.text.as_str());
                if said.contains(notice.as_str()) {
                    Ok(())
                } else {
                    Err(format!("it says `{said}`"))
                }
            }
            Expect::Next { next } => {
                let said = self.world.app.coach_line().unwrap_or_default();
                equal_or_within(next, &said)
            }
            Expect::Menu { menu } => {
                let Some(OverlayKind::Menu(open)) = self.overlay() else {
                    return Err("no menu is open".to_owned());
                };
                let items = open.items.iter().enumerate();
                let labels: Vec<String> = items
                    .map(|(at, item)| match at == open.cursor {
                        true => format!("[{}]", item.label),
                        false => item.label.clone(),
                    })
                    .collect();
                equal(menu, &labels)
            }
            Expect::Overlay { overlay } => equal(overlay.as_str(), overlay_name(self.overlay())),
            Expect::Asks { asks } => {
                let Some(OverlayKind::Confirm(confirm)) = self.overlay() else {
                    return Err("nothing waits for a confirmation".to_owned());
                };
                equal(
                    asks.as_str(),
                    confirm.asks.first().map_or("nothing", ask_name),
                )
            }
            Expect::Says { says } => {
                let words = self.overlay().map(overlay_words).unwrap_or_default();
                if words.contains(says.as_str()) {
                    Ok(())
                } else {
                    Err(format!("it says `{words}`"))
                }
            }
            Expect::Typed { typed } => {
                let found = match self.overlay() {
                    Some(OverlayKind::Prompt(prompt)) => prompt.input.value(),
                    Some(OverlayKind::Confirm(confirm)) => confirm.input.value(),
                    _ => return Err("nothing is asked".to_owned()),
                };
                equal(typed.as_str(), found)
            }
            Expect::Screen { screen } => equal(screen.as_str(), screen_name(view.screen)),
            Expect::Cursor { cursor } => equal(cursor, &self.row_name(view.cursor)),
            _ => Err("nothing looks at this expectation".to_owned()),
        }
    }

    fn expect_run(&self, expect: &Expect) -> Result<(), String> {
        let app = &self.world.app;
        let run = &app.run;
        match expect {
            Expect::State { state } => {
                equal(state.as_str(), run.run_state(self.world.now.wall).name())
            }
            Expect::Trigger {
                trigger,
                pending,
                overdue,
            } => {
                let position = run
                    .runbook()
                    .find_trigger(trigger)
                    .ok_or_else(|| format!("no trigger `{trigger}`"))?;
                let state = &run.triggers[position];
                equal(pending, &state.is_pending())?;
                overdue.map_or(Ok(()), |due| {
                    equal(
                        &due,
                        &state.fired.as_ref().is_some_and(|fired| fired.overdue),
                    )
                })
            }
            Expect::Arming { arming, is } => {
                let position = run.runbook().find_trigger(arming);
                let position = position.ok_or_else(|| format!("no trigger `{arming}`"))?;
                equal(is.as_str(), arming_name(&app.arming(position)))
            }
            Expect::T { .. } | Expect::L { .. } | Expect::Slip { .. } => self.expect_clock(expect),
            Expect::Saving { saving } => equal(saving.as_str(), saving_name(&app.saving)),
            Expect::Progress { progress, must } => {
                let words =
                    |count: tminus::run::progress::Count| format!("{}/{}", count.done, count.total);
                equal(progress, &words(run.progress()))?;
                must.as_ref()
                    .map_or(Ok(()), |must| equal(must, &words(run.must_progress())))
            }
            Expect::Baseline { baseline, median } => {
                let metric = run
                    .runbook()
                    .find_metric(baseline)
                    .ok_or_else(|| format!("no metric `{baseline}`"))?;
                equal(
                    median,
                    &run.baselines
                        .get(&metric)
                        .map_or(0.0, |baseline| baseline.median),
                )
            }
            Expect::Undoable { undoable } => {
                let list = run.undoable();
                let names: Vec<String> = list
                    .iter()
                    .map(|item| {
                        let mark = if item.is_undone() { "-" } else { "" };
                        format!("{mark}{}", run.runbook().step(item.step).id)
                    })
                    .collect();
                equal(undoable, &names)
            }
            Expect::OverRed { over_red, behind } => {
                let red = app.overruled(self.step(behind)?);
                let words = red.map(|red| format!("{}: {}", red.source, red.observed));
                equal(over_red, &words.unwrap_or_default())
            }
            Expect::Owed { owed } => equal_or_within(owed, &app.owed().join(", ")),
            Expect::Soak {
                soak,
                clean,
                restarts,
            } => {
                let step = self.step(soak)?;
                let found = app.live.soaks.get(&step).copied().unwrap_or_default();
                equal(&duration(clean)?.as_secs(), &found.clean.as_secs())?;
                equal(restarts, &found.restarts)
            }
            _ => Err("nothing looks at this expectation".to_owned()),
        }
    }

    fn expect_clock(&self, expect: &Expect) -> Result<(), String> {
        let (clock, wall) = (&self.world.app.run.clock, self.world.now.wall);
        let offset = |duration: SignedDuration| {
            text::format_offset(SignedDuration::from_secs(duration.as_secs()))
        };
        match expect {
            Expect::T { t } => equal(t, &offset(clock.t(wall))),
            Expect::L { l } => equal(l, &offset(clock.l(wall))),
            Expect::Slip { slip } => {
                let found = offset(clock.slip(wall));
                equal(slip.as_str(), found.trim_start_matches('T'))
            }
            _ => Err("nothing looks at this expectation".to_owned()),
        }
    }

    fn overlay(&self) -> Option<&OverlayKind> {
        self.world
            .app
            .view
            .overlay
            .as_ref()
            .map(|overlay| &overlay.kind)
    }

    /// What an operator would see, for the message about a line that isn't true.
    fn sight(&self) -> String {
        let view = &self.world.app.view;
        let run = &self.world.app.run;
        let log: Vec<String> = run
            .log
            .iter()
            .rev()
            .take(3)
            .map(|entry| format!("{:?}", entry.event))
            .collect();
        format!(
            "T {:?}, {} screen, cursor on {}, overlay {}, notice {:?}\n    log: {}",
            run.clock.t(self.world.now.wall),
            screen_name(view.screen),
            self.row_name(view.cursor),
            overlay_name(self.overlay()),
            view.notice.as_ref().map(|notice| &notice.text),
            log.join("\n         "),
        )
    }
}

fn options(operator: &str, read_only: bool) -> Options {
    Options {
        operator: operator.to_owned(),
        read_only,
        coach: true,
        ..Options::default()
    }
}

fn equal<T: PartialEq + Debug + ?Sized>(wanted: &T, found: &T) -> Result<(), String> {
    if wanted == found {
        Ok(())
    } else {
        Err(format!("expected {wanted:?}, found {found:?}"))
    }
}

/// Nothing where nothing is expected, else something that holds these words.
fn equal_or_within(wanted: &str, found: &str) -> Result<(), String> {
    if found == wanted || (!wanted.is_empty() && found.contains(wanted)) {
        Ok(())
    } else {
        Err(format!("expected {wanted:?}, found {found:?}"))
    }
}

fn duration(written: &str) -> Result<Duration, String> {
    text::parse_duration(written).map_err(|error| error.to_string())
}

fn parse_keys(keys: &str) -> Result<Vec<Key>, String> {
    keys.split_whitespace()
        .map(|key| key.parse().map_err(|error| format!("{error}")))
        .collect()
}

/// The name of a unit variant as JSON spells it.
fn json_name(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn overlay_name(overlay: Option<&OverlayKind>) -> &'static str {
    match overlay {
        None => "none",
        Some(OverlayKind::Prompt(_)) => "prompt",
        Some(OverlayKind::Confirm(_)) => "confirm",
        Some(OverlayKind::Menu(_)) => "menu",
        Some(OverlayKind::Palette(_)) => "palette",
        Some(OverlayKind::Help(_)) => "help",
    }
}

fn overlay_words(overlay: &OverlayKind) -> String {
    let words = |title: &str, hint: &str, error: &Option<String>| {
        format!(
            "{title} | {hint} | {}",
            error.as_deref().unwrap_or_default()
        )
    };
    match overlay {
        OverlayKind::Prompt(prompt) => words(&prompt.title, &prompt.hint, &prompt.error),
        OverlayKind::Confirm(confirm) => words(&confirm.title, &confirm.text, &confirm.error),
        OverlayKind::Menu(menu) => {
            let items: Vec<&str> = menu.items.iter().map(|item| item.label.as_str()).collect();
            words(
                &menu.title,
                &format!("{}: {}", menu.text, items.join(", ")),
                &None,
            )
        }
        OverlayKind::Palette(_) | OverlayKind::Help(_) => String::new(),
    }
}

fn ask_name(ask: &Ask) -> &'static str {
    match ask {
        Ask::Yes => "y",
        Ask::Target(_) => "target",
        Ask::SecondPerson => "second",
        Ask::Countdown(_) => "countdown",
    }
}

fn arming_name(arming: &Arming) -> &'static str {
    match arming {
        Arming::Armed => "armed",
        Arming::ByHand => "by-hand",
        Arming::Elsewhere(_) => "elsewhere",
        Arming::Settling(_) => "settling",
        Arming::Unseen => "unseen",
        Arming::Blind => "blind",
        Arming::RollingBack => "rolling-back",
    }
}

fn screen_name(screen: Screen) -> &'static str {
    match screen {
        Screen::Board => "board",
        Screen::Step(_) => "step",
        Screen::Poll(_) => "poll",
        Screen::Rollback => "rollback",
        Screen::Log => "log",
        Screen::Timeline => "timeline",
    }
}

fn saving_name(saving: &Saving) -> &'static str {
    match saving {
        Saving::Saved => "saved",
        Saving::Failed(_) => "failed",
        Saving::Lost(_) => "lost",
    }
}
