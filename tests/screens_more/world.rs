//! A launch that is played without a runtime: keys go in, recorded events come back at once.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tminus::app::output::{Colour, Line, Look, Piece};
use tminus::app::{App, Effect, Msg, Options};
use tminus::check::{Blind, Judgement, Now, Reason, Verdict};
use tminus::journal::{Entry, Event, Mode, Outcome};

/// T-0 of the launch.
const LAUNCH: &str = "2025-06-05T16:15:00Z";

/// A launch in progress.
pub struct World {
    pub app: App,
    now: Now,
    seq: u64,
}

impl World {
    /// A run that was opened three quarters of an hour before T-0.
    pub fn new() -> Self {
        Self::with_mode(Mode::Live)
    }

    pub fn with_mode(mode: Mode) -> Self {
        Self::with_text(mode, include_str!("kestrel.toml"))
    }

    /// The trigger on errors may go back by itself.
    pub fn automatic() -> Self {
        let text = include_str!("kestrel.toml");
        let text = text.replacen(
            "rollback = [\"k8s\"]",
            "rollback = [\"k8s\"]\nmode = \"auto\"",
            1,
        );
        let text = text.replacen(
            "title  = \"Kubernetes rollback\"",
            "title  = \"Kubernetes rollback\"\nauto = true",
            1,
        );
        Self::with_text(Mode::Live, &text)
    }

    fn with_text(mode: Mode, text: &str) -> Self {
        let loaded = tminus::runbook::load("kestrel.toml", text.as_bytes());
        let runbook = Arc::new(
            loaded
                .runbook
                .unwrap_or_else(|| panic!("{:?}", loaded.diagnostics)),
        );
        let launch: Timestamp = LAUNCH.parse().unwrap();
        let now = Now {
            wall: launch - Duration::from_secs(45 * 60),
            monotonic: Duration::from_secs(1_000),
        };
        let names = [
            ("ic", "ana"),
            ("ops", "bo"),
            ("db", "dee"),
            ("support", "cy"),
        ];
        let opened = Event::RunOpened {
            format: 1,
            run: "k41".to_owned(),
            runbook: "kestrel".to_owned(),
            runbook_hash: String::new(),
            title: "Kestrel production launch".to_owned(),
            mode,
            target: "prod-eu".to_owned(),
            t0: launch,
            variables: [("VERSION".to_owned(), "v2.41.0".to_owned())].into(),
            roles: names
                .map(|(role, name)| (role.to_owned(), name.to_owned()))
                .into(),
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
            self.send(Msg::Key(tminus::app::keys::Key::char(character)));
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

    /// Everything is looked at and is as it should be, but for the CRM, which can't be seen.
    pub fn healthy(&mut self) -> &mut Self {
        self.check(0, Verdict::Pass, "200")
            .check(2, Verdict::Pass, "4 of 4");
        self.check(1, Verdict::Unknown(Reason::Timeout), "");
        self.samples(0, &[0.05, 0.06, 0.04, 0.05])
            .samples(1, &[310.0, 322.0, 305.0])
    }

    /// Another look at everything right now, so that nothing is stale.
    pub fn all_seen(&mut self) -> &mut Self {
        self.check(0, Verdict::Pass, "200")
            .check(2, Verdict::Pass, "4 of 4");
        for (metric, value) in [(0, 0.05), (1, 312.0)] {
            self.send(Msg::Sampled {
                metric,
                sample: Ok(value).into(),
            });
        }
        self.check(1, Verdict::Unknown(Reason::Timeout), "")
    }

    pub fn check(&mut self, check: usize, verdict: Verdict, observed: &str) -> &mut Self {
        let because = if verdict == Verdict::Pass {
            String::new()
        } else {
            "status == 200".to_owned()
        };
        let took = Duration::from_millis(34);
        self.send(Msg::Checked {
            check,
            judgement: Judgement {
                verdict,
                observed: observed.to_owned(),
                because,
                took,
            },
        })
    }

    /// Samples of a metric, five seconds apart.
    pub fn samples(&mut self, metric: usize, values: &[f64]) -> &mut Self {
        for &value in values {
            self.send(Msg::Sampled {
                metric,
                sample: Ok(value).into(),
            })
            .wait(5);
        }
        self
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

    /// All of pre-launch is done and the gate has passed.
    pub fn cleared_for_launch(&mut self) -> &mut Self {
        let step = |id: &str| tminus::runbook::StepId(id.to_owned());
        let runbook = self.app.run.runbook().clone();
        for definition in runbook
            .steps
            .iter()
            .filter(|step| step.id.0.starts_with("pre/"))
        {
            let done = Event::StepDone {
                step: step(&definition.id.0),
                basis: tminus::journal::Basis::Attested,
                value: definition.record.as_ref().map(|_| "22".to_owned()),
                signed: None,
                second: None,
                evidence: None,
                against: None,
            };
            self.recorded("bo", done);
            self.wait(60);
        }
        for role in ["ops", "db", "support", "ic"] {
            let answer = tminus::journal::Answer::Go;
            let (gate, role) = ("pre/go-or-no-go".to_owned(), role.to_owned());
            self.recorded(
                "bo",
                Event::GateAnswered {
                    gate,
                    role,
                    answer,
                    reason: None,
                },
            )
            .wait(10);
        }
        self
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
