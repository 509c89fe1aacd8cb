//! A launch that is played without a runtime: what the program asks to be recorded comes back at once.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tminus::app::keys::Key;
use tminus::app::{App, Effect, Msg, Options};
use tminus::check::{Blind, Judgement, Now, Reason, Verdict};
use tminus::journal::{Answer, Basis, Entry, Event, Mode};
use tminus::runbook::StepId;

/// T-0 of the launch.
const LAUNCH: &str = "2025-06-05T16:15:00Z";

/// A launch in progress.
pub struct Stage {
    pub app: App,
    now: Now,
    seq: u64,
}

impl Stage {
    /// A run that was opened an hour before T-0.
    pub fn opened(mode: Mode) -> Self {
        let loaded = tminus::runbook::load("heron.toml", include_bytes!("heron.toml"));
        let runbook = Arc::new(
            loaded
                .runbook
                .unwrap_or_else(|| panic!("{:?}", loaded.diagnostics)),
        );
        let launch: Timestamp = LAUNCH.parse().unwrap();
        let now = Now {
            wall: launch - Duration::from_secs(3600),
            monotonic: Duration::from_secs(1_000),
        };
        let names = [("ic", "ana"), ("ops", "bo"), ("scribe", "cy")];
        let opened = Event::RunOpened {
            format: 1,
            run: "k41".to_owned(),
            runbook: "heron".to_owned(),
            runbook_hash: String::new(),
            title: "Heron v2.41.0".to_owned(),
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

    /// Final checks in the middle of pre-launch: done by proof, done by word, waived, and one that fails.
    pub fn in_final_checks() -> Self {
        let mut stage = Self::opened(Mode::Live);
        stage.recorded(
            "ana",
            Event::OptionChosen {
                section: "pre/platform".into(),
                option: "kubernetes".into(),
            },
        );
        stage.done(
            "pre/platform/kubernetes/cluster-has-room-for-two-colours",
            None,
        );
        stage
            .wait(600)
            .done("pre/final-checks/ci-is-green-on-version", Some("412/412"));
        stage
            .wait(120)
            .done("pre/final-checks/last-backup-is-fresh", Some("22"));
        stage.measured(0.05);
        stage.waived(
            "pre/final-checks/maintenance-page-is-up",
            "no DDL in this release",
        );
        stage.measured(0.14);
        stage.recorded(
            "bo",
            Event::NoteAdded {
                step: Some(stage.id("pre/final-checks/error-rate-is-in-band")),
                text: "spike matches the nightly batch".to_owned(),
            },
        );
        stage.recorded(
            "cy",
            Event::TodoAdded {
                step: None,
                text: "why did the batch overlap the window?".to_owned(),
            },
        );
        stage.keys(".");
        stage
    }

    /// A minute into the launch, with a command that runs.
    pub fn launched(mode: Mode) -> Self {
        let mut stage = Self::cleared(mode);
        stage.wait(3600).measured(0.05);
        stage.keys("2 x y");
        stage
    }

    /// The same, with metrics that were sampled for four minutes before T-0 as well, but for one sample.
    pub fn launched_measured() -> Self {
        let mut stage = Self::cleared(Mode::Live);
        stage.wait(2460).measured(0.04).measured(0.05);
        let sample = Err(Blind {
            reason: Reason::Timeout,
            detail: "no answer".to_owned(),
        });
        stage
            .send(Msg::Sampled {
                metric: 1,
                sample: sample.into(),
            })
            .wait(20);
        stage.measured(0.04).wait(5).measured(0.05).measured(0.05);
        stage.keys("2 x y");
        stage
    }

    /// Everything before T-0 is done and every role says GO.
    fn cleared(mode: Mode) -> Self {
        let mut stage = Self::opened(mode);
        stage.recorded(
            "ana",
            Event::OptionChosen {
                section: "pre/platform".into(),
                option: "kubernetes".into(),
            },
        );
        let runbook = stage.app.run.runbook().clone();
        for step in runbook
            .steps
            .iter()
            .filter(|step| step.id.0.starts_with("pre/") && !step.is_group())
        {
            stage.done(&step.id.0, step.record.as_ref().map(|_| "22"));
        }
        for role in ["ops", "scribe", "ic"] {
            let role = role.to_owned();
            stage.recorded(
                "bo",
                Event::GateAnswered {
                    gate: "pre/go-or-no-go".into(),
                    role,
                    answer: Answer::Go,
                    reason: None,
                },
            );
        }
        stage
    }

    pub fn wait(&mut self, seconds: u64) -> &mut Self {
        self.now.wall += Duration::from_secs(seconds);
        self.now.monotonic += Duration::from_secs(seconds);
        self.send(Msg::Tick)
    }

    pub fn send(&mut self, msg: Msg) -> &mut Self {
        let mut effects = self.app.update(self.now, msg);
        while !effects.is_empty() {
            if let Effect::Record { by, event } = effects.remove(0) {
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

    /// Types keys a second apart, so that the dead time of dialogs is over.
    pub fn keys(&mut self, keys: &str) -> &mut Self {
        for key in keys.split(' ') {
            self.wait(1).send(Msg::Key(key.parse().unwrap()));
        }
        self
    }

    /// Types a text and enter.
    pub fn typed(&mut self, text: &str) -> &mut Self {
        for character in text.chars() {
            self.send(Msg::Key(Key::char(character)));
        }
        self.keys("enter")
    }

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

    fn done(&mut self, id: &str, value: Option<&str>) {
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

    fn waived(&mut self, id: &str, reason: &str) {
        let step = self.id(id);
        self.recorded(
            "ana",
            Event::StepWaived {
                step,
                reason: reason.to_owned(),
            },
        );
    }

    /// A minute of looks, of which the CRM's never comes home and the mail relay's goes wrong.
    pub fn measured(&mut self, errors: f64) -> &mut Self {
        for round in 0..12u32 {
            let wave = f64::from(round % 4);
            for (metric, value) in [305.0 + wave * 9.0, errors, 840.0 - wave * 8.0, 41.0 + wave]
                .into_iter()
                .enumerate()
            {
                self.send(Msg::Sampled {
                    metric,
                    sample: Ok(value).into(),
                });
            }
            self.wait(5);
        }
        for (check, observed) in [(0, "200"), (1, "200"), (2, "connected")] {
            self.looked(check, Verdict::Pass, observed, "");
        }
        self.looked(3, Verdict::Fail, "503", "status == 200, was 503");
        self.looked(
            4,
            Verdict::Unknown(Reason::Timeout),
            "",
            "timed out after 3s",
        )
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
}
