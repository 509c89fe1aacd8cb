//! Clocks that only move when told, a disk that can be slow or full, probes that see what was arranged.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tminus::app::keys::{Key, KeyCode};
use tminus::app::{App, Effect, Msg, Options, Spawn, Stop};
use tminus::check::{Blind, Judgement, Now, Reason, Verdict};
use tminus::journal::codec::{self, Chain, Header};
use tminus::journal::{Entry, Event, Mode, Outcome};
use tminus::run::Run;
use tminus::runbook::{self, Runbook};

use super::law::{Cause, Law};
use super::likeness::difference;

/// T-0 of every run in these tests.
pub const LAUNCH: &str = "2026-06-05T16:00:00Z";

/// More answers than this to one message mean that the core and the disk talk to each other without end.
const MOST_ANSWERS: usize = 2_000;

/// How the disk behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disk {
    /// Answers at once.
    Good,
    /// Doesn't answer until it is good again.
    Slow,
    /// Refuses, and may take it later.
    Full,
    /// Refuses for good.
    Broken,
}

/// What the core asked for, apart from records and looks.
#[derive(Debug, Default)]
pub struct Asked {
    /// Commands to start.
    pub spawned: Vec<Spawn>,
    /// Commands to stop.
    pub signals: Vec<(u64, Stop)>,
    /// Texts for the clipboard.
    pub copied: Vec<String>,
    /// Directories that the run was to be written to, and with how many entries.
    pub elsewhere: Vec<(String, usize)>,
    /// How often the bell was to ring.
    pub bells: usize,
    /// Whether the program was to be left.
    pub left: bool,
}

/// A core with everything around it.
pub struct World {
    /// The core.
    pub app: App,
    /// The time.
    pub now: Now,
    /// How the disk behaves from now on.
    pub disk: Disk,
    /// What was asked for so far.
    pub asked: Asked,
    /// What each check says when it is looked at; unknown until arranged.
    pub checks: BTreeMap<usize, Verdict>,
    /// What each metric reads when it is sampled; nothing until arranged.
    pub metrics: BTreeMap<usize, Result<f64, Reason>>,
    /// What is wrong at our own end of the network.
    pub sight: Result<(), String>,
    /// The breach of a law, if there was one.
    pub breach: Option<String>,
    runbook: Arc<Runbook>,
    law: Law,
    journal: Vec<u8>,
    chain: Chain,
    to_record: VecDeque<(String, Event)>,
    answers: VecDeque<Msg>,
}

/// A runbook from its text, with variables filled in; the mistakes when it has any.
pub fn runbook_from(
    text: &str,
    variables: &BTreeMap<String, String>,
) -> Result<Arc<Runbook>, String> {
    let loaded = runbook::load("runbook.toml", text.as_bytes());
    let Some(raw) = &loaded.runbook else {
        return Err(loaded.render(false));
    };
    let filled =
        runbook::resolve(raw, variables, &BTreeMap::new()).map_err(|errors| errors.to_string())?;
    Ok(Arc::new(filled))
}

impl World {
    /// A run that was opened this long before T-0, its first entry on disk.
    pub fn open(runbook: Arc<Runbook>, options: Options, before: SignedDuration) -> Self {
        let t0: Timestamp = LAUNCH.parse().expect("a constant");
        let wall = t0.checked_sub(before).expect("within a few days");
        let header = Header {
            run: "test-run".to_owned(),
            nonce: "0".repeat(32),
        };
        let mut chain = Chain::new(&header);
        let mut journal = header.line().into_bytes();
        let (entry, line) = chain
            .write(wall, "ana", opened(&runbook, t0))
            .expect("a plain entry");
        journal.extend(line);
        // Away from zero, so that subtracting from a time that is too small would show.
        let now = Now {
            wall,
            monotonic: Duration::from_secs(1_000),
        };
        let app = App::new(Arc::clone(&runbook), vec![entry], options, now);
        let mut world = Self {
            app,
            now,
            disk: Disk::Good,
            asked: Asked::default(),
            checks: BTreeMap::new(),
            metrics: BTreeMap::new(),
            sight: Ok(()),
            breach: None,
            runbook,
            law: Law::default(),
            journal,
            chain,
            to_record: VecDeque::new(),
            answers: VecDeque::new(),
        };
        world.start();
        world
    }

    fn start(&mut self) {
        let effects = self.app.start();
        self.judge(&Cause::Other, &effects);
        self.perform(effects);
        self.send(Msg::Tick);
    }

    /// The program is gone and started again: what wasn't on disk is lost, and running commands with it.
    pub fn resume(&mut self, options: Options) {
        let entries = self.entries();
        self.to_record.clear();
        self.answers.clear();
        self.app = App::new(Arc::clone(&self.runbook), entries, options, self.now);
        self.start();
    }

    /// Everything on disk, read back from its bytes.
    pub fn entries(&self) -> Vec<Entry> {
        codec::decode(&self.journal)
            .expect("the header is there")
            .entries
    }

    /// Hands a message to the core, and on until nothing more follows from it at this moment.
    pub fn send(&mut self, msg: Msg) {
        self.update(msg);
        for _ in 0..MOST_ANSWERS {
            self.answer_records();
            let Some(answer) = self.answers.pop_front() else {
                return;
            };
            self.update(answer);
        }
        self.breach.get_or_insert_with(|| {
            "the core and the world answer each other without end".to_owned()
        });
    }

    /// Presses one key.
    pub fn press(&mut self, key: Key) {
        self.send(Msg::Key(key));
    }

    /// Types a text, key by key, without `enter`.
    pub fn type_text(&mut self, text: &str) {
        text.chars()
            .for_each(|character| self.press(Key::plain(KeyCode::Char(character))));
    }

    /// Lets time pass, waking the core whenever it asked for that.
    pub fn wait(&mut self, time: Duration) {
        let end = self.now.monotonic + time;
        while self.now.monotonic < end {
            // A deadline that has passed already must not stop the clock.
            let soonest = self.now.monotonic + Duration::from_millis(1);
            let next = self.app.deadline().max(soonest).min(end);
            self.advance(next - self.now.monotonic);
            self.send(Msg::Tick);
        }
    }

    /// Lets time pass in one piece, as for a program that got no turn on a busy machine.
    pub fn leap(&mut self, time: Duration) {
        self.advance(time);
        self.send(Msg::Tick);
    }

    fn advance(&mut self, time: Duration) {
        self.now.monotonic += time;
        self.now.wall = self
            .now
            .wall
            .saturating_add(time)
            .expect("a duration of days");
    }

    /// Sets only the wall clock, as an administrator or a sleeping machine does.
    pub fn shift_wall(&mut self, by: SignedDuration) {
        self.now.wall = self.now.wall.saturating_add(by).expect("a signed duration");
    }

    /// Compares the live run with what its journal gives back.
    pub fn check_resumable(&mut self) {
        let resumed = Run::replay(Arc::clone(&self.runbook), self.entries());
        let differs = difference(&self.app.run, &resumed, self.now.wall);
        self.breach = self.breach.take().or(differs);
    }

    fn update(&mut self, msg: Msg) {
        let cause = Cause::from(&msg);
        let effects = self.app.update(self.now, msg);
        self.judge(&cause, &effects);
        self.perform(effects);
    }

    fn judge(&mut self, cause: &Cause, effects: &[Effect]) {
        let acts = !self.app.options.read_only;
        let judged = self.law.judge(self.now.monotonic, acts, cause, effects);
        self.breach = self.breach.take().or(judged.err());
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Record { by, event } => self.to_record.push_back((by, event)),
                Effect::Spawn(spawn) => self.asked.spawned.push(spawn),
                Effect::Attend(attempt) => self.attend(attempt),
                Effect::Signal { attempt, stop } => self.asked.signals.push((attempt, stop)),
                Effect::Look(check) => self.look(check),
                Effect::Sample(metric) => self.sample(metric),
                Effect::LookAtOurselves => {
                    let answer = Msg::Sighted(self.sight.clone());
                    self.answers.push_back(answer);
                }
                Effect::Bell => self.asked.bells += 1,
                Effect::Copy(text) => self.asked.copied.push(text),
                Effect::WriteElsewhere { dir, entries } => {
                    self.asked.elsewhere.push((dir.clone(), entries.len()));
                    let result = Ok(());
                    self.answers
                        .push_back(Msg::WrittenElsewhere { dir, result });
                }
                Effect::OpenLink(_) | Effect::Page(_) => {}
                Effect::Leave => self.asked.left = true,
            }
        }
    }

    /// Commands are gone with the program that started them, in this world.
    fn attend(&mut self, attempt: u64) {
        let why = "its supervisor ended first".to_owned();
        self.answers.push_back(Msg::Ended {
            attempt,
            outcome: Outcome::Unknown { why },
            took: Duration::ZERO,
        });
    }

    fn look(&mut self, check: usize) {
        let verdict = self
            .checks
            .get(&check)
            .copied()
            .unwrap_or(Verdict::Unknown(Reason::NoData));
        let because = if verdict == Verdict::Pass {
            String::new()
        } else {
            "as arranged".to_owned()
        };
        let observed = verdict.name().to_owned();
        let judgement = Judgement {
            verdict,
            observed,
            because,
            took: Duration::from_millis(20),
        };
        self.answers.push_back(Msg::Checked { check, judgement });
    }

    fn sample(&mut self, metric: usize) {
        let reading = self
            .metrics
            .get(&metric)
            .copied()
            .unwrap_or(Err(Reason::NoData));
        let sample = reading.map_err(|reason| Blind {
            reason,
            detail: String::new(),
        });
        self.answers.push_back(Msg::Sampled { metric, sample });
    }

    fn answer_records(&mut self) {
        if self.disk == Disk::Slow {
            return;
        }
        while let Some((by, event)) = self.to_record.pop_front() {
            let answer = self.answer_record(&by, event);
            self.answers.push_back(answer);
        }
    }

    fn answer_record(&mut self, by: &str, event: Event) -> Msg {
        let fatal = self.disk == Disk::Broken;
        if self.disk != Disk::Good {
            return Msg::RecordFailed {
                message: "the disk says no".to_owned(),
                fatal,
            };
        }
        match self.chain.write(self.now.wall, by, event) {
            Ok((entry, line)) => {
                self.journal.extend(line);
                Msg::Recorded(entry)
            }
            Err(error) => Msg::RecordFailed {
                message: error.to_string(),
                fatal: false,
            },
        }
    }
}

fn opened(runbook: &Runbook, t0: Timestamp) -> Event {
    Event::RunOpened {
        format: 1,
        run: "test-run".to_owned(),
        runbook: "test".to_owned(),
        runbook_hash: "0".repeat(64),
        title: runbook.title.clone(),
        mode: Mode::Live,
        target: runbook.target.clone(),
        t0,
        variables: BTreeMap::new(),
        roles: BTreeMap::new(),
        host: "test".to_owned(),
    }
}
