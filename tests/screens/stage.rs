//! A launch that is played without a runtime: what the program asks to be recorded comes back at once.
//!
//! What is played on it is in [`heron`](super::heron) and [`kestrel`](super::kestrel).

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tminus::app::keys::Key;
use tminus::app::output::{Colour, Line, Look, Piece};
use tminus::app::{App, Effect, Msg, Options};
use tminus::check::{Blind, Judgement, Now, Reason, Verdict};
use tminus::journal::{Answer, Basis, Entry, Event, Mode, Outcome};
use tminus::runbook::StepId;

/// T-0 of the launch.
const LAUNCH: &str = "2025-06-05T16:15:00Z";

/// What is launched.
pub struct Launch<'a> {
    /// The runbook's name.
    pub name: &'a str,
    /// The runbook.
    pub text: &'a str,
    /// The run's title.
    pub title: &'a str,
    /// Who acts as what.
    pub roles: &'a [(&'a str, &'a str)],
    /// How long before T-0 the run is opened, in minutes.
    pub minutes_ahead: u64,
}

/// A launch in progress.
pub struct Stage {
    pub app: App,
    now: Now,
    seq: u64,
}

impl Stage {
    /// A run that was opened just now.
    pub fn open(mode: Mode, launch: &Launch<'_>) -> Self {
        let file = format!("{}.toml", launch.name);
        let loaded = tminus::runbook::load(&file, launch.text.as_bytes());
        let runbook = loaded.runbook;
        let runbook = Arc::new(runbook.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics)));
        let t0: Timestamp = LAUNCH.parse().unwrap();
        let now = Now {
            wall: t0 - Duration::from_secs(60 * launch.minutes_ahead),
            monotonic: Duration::from_secs(1_000),
        };
        let roles = launch.roles.iter();
        let opened = Event::RunOpened {
            format: 1,
            run: "k41".to_owned(),
            runbook: launch.name.to_owned(),
            runbook_hash: String::new(),
            title: launch.title.to_owned(),
            mode,
            target: "prod-eu".to_owned(),
            t0,
            variables: [("VERSION".to_owned(), "v2.41.0".to_owned())].into(),
            roles: roles
                .map(|&(role, name)| (role.to_owned(), name.to_owned()))
                .collect(),
            host: "b1".to_owned(),
        };
        let entry = Entry {
            seq: 1,
            at: now.wall,
            by: "bo".to_owned(),
            event: opened,
        };
        let options = Options {
            operator: "bo".to_owned(),
            environment: "prod-eu".to_owned(),
            ..Options::default()
        };
        Self {
            app: App::new(runbook, vec![entry], options, now),
            now,
            seq: 1,
        }
    }

    /// Lets so many seconds pass.
    pub fn wait(&mut self, seconds: u64) -> &mut Self {
        self.now.wall += Duration::from_secs(seconds);
        self.now.monotonic += Duration::from_secs(seconds);
        self.send(Msg::Tick)
    }

    /// Hands in a message and records what it asks to be recorded.
    pub fn send(&mut self, msg: Msg) -> &mut Self {
        let mut effects = self.app.update(self.now, msg);
        while !effects.is_empty() {
            let effect = effects.remove(0);
            if let Effect::Record { by, event } = effect {
                self.seq += 1;
                let entry = Entry {
                    seq: self.seq,
                    at: self.now.wall,
                    by,
                    event,
                };
                effects.extend(self.app.update(self.now, Msg::Recorded(entry)));
            }
        }
        self
    }

    /// Types keys, written as in the configuration and separated by spaces; each a second after the other, so that
    /// the dead time of dialogs is over.
    pub fn keys(&mut self, keys: &str) -> &mut Self {
        for key in keys.split(' ') {
            self.wait(1).send(Msg::Key(key.parse().unwrap()));
        }
        self
    }

    /// Types a text and enter.
    pub fn typed(&mut self, text: &str) -> &mut Self {
        self.wait(1);
        for character in text.chars() {
            self.send(Msg::Key(Key::char(character)));
        }
        self.keys("enter")
    }

    /// A recorded event that no key leads to in this test.
    pub fn recorded(&mut self, by: &str, event: Event) -> &mut Self {
        self.seq += 1;
        let entry = Entry {
            seq: self.seq,
            at: self.now.wall,
            by: by.to_owned(),
            event,
        };
        self.send(Msg::Recorded(entry))
    }

    /// A step of the runbook by its id.
    pub fn id(&self, id: &str) -> StepId {
        let id = StepId(id.to_owned());
        let known = || {
            self.app
                .run
                .runbook()
                .steps
                .iter()
                .map(|step| step.id.0.as_str())
                .collect::<Vec<_>>()
        };
        assert!(
            self.app.run.find(&id).is_some(),
            "{id} is none of {:?}",
            known()
        );
        id
    }

    /// Somebody says that a step is done.
    pub fn done(&mut self, id: &str, value: Option<&str>) {
        let value = value.map(str::to_owned);
        let step = self.id(id);
        self.recorded(
            "bo",
            Event::StepDone {
                step,
                basis: Basis::Attested,
                value,
                signed: None,
                second: None,
                evidence: None,
                against: None,
            },
        );
    }

    /// Each of these roles says GO.
    pub fn go(&mut self, gate: &str, roles: &[&str], seconds_apart: u64) {
        for &role in roles {
            let answered = Event::GateAnswered {
                gate: gate.to_owned(),
                role: role.to_owned(),
                answer: Answer::Go,
                reason: None,
            };
            self.recorded("bo", answered).wait(seconds_apart);
        }
    }

    /// One look at a check.
    pub fn looked(
        &mut self,
        check: usize,
        verdict: Verdict,
        observed: &str,
        because: &str,
    ) -> &mut Self {
        let judgement = Judgement {
            verdict,
            observed: observed.to_owned(),
            because: because.to_owned(),
            took: Duration::from_millis(34),
        };
        self.send(Msg::Checked { check, judgement })
    }

    /// One sample of a metric.
    pub fn sampled(&mut self, metric: usize, value: f64) -> &mut Self {
        let sample = Ok(value).into();
        self.send(Msg::Sampled { metric, sample })
    }

    /// A metric couldn't be sampled.
    pub fn unseen(&mut self, metric: usize) -> &mut Self {
        let sample = Err(Blind {
            reason: Reason::Timeout,
            detail: "no answer".to_owned(),
        });
        self.send(Msg::Sampled {
            metric,
            sample: sample.into(),
        })
    }

    fn latest_attempt(&self) -> u64 {
        self.app
            .run
            .attempts
            .last()
            .expect("something was run")
            .number
    }

    /// The latest attempt runs as this process.
    pub fn spawned(&mut self, pid: u32) -> &mut Self {
        let attempt = self.latest_attempt();
        self.send(Msg::Spawned { attempt, pid })
    }

    /// The latest attempt prints.
    pub fn output(&mut self, lines: Vec<Line>, partial: Option<Line>) -> &mut Self {
        let attempt = self.latest_attempt();
        self.send(Msg::Output {
            attempt,
            lines,
            partial,
            skipped: 0,
        })
    }

    /// The latest attempt ends.
    pub fn ended(&mut self, outcome: Outcome, seconds: u64) -> &mut Self {
        let attempt = self.latest_attempt();
        self.send(Msg::Ended {
            attempt,
            outcome,
            took: Duration::from_secs(seconds),
        })
    }

    /// Moves on to so many seconds after T-0.
    pub fn at_launch_plus(&mut self, seconds: i64) -> &mut Self {
        let launch: Timestamp = LAUNCH.parse().unwrap();
        let moment = launch.as_second() + seconds;
        self.wait(u64::try_from(moment - self.now.wall.as_second()).unwrap())
    }
}

/// A line in the way commands colour their output.
pub fn coloured(text: &str, colour: u8) -> Line {
    let look = Look {
        foreground: Some(Colour::Indexed(colour)),
        bold: true,
        ..Look::default()
    };
    Line {
        pieces: vec![Piece {
            text: text.to_owned(),
            look,
        }],
    }
}
