//! The board's launch: read-do checks with values, a waiver, a metric that goes beyond its limit, one rollback.

use tminus::check::{Reason, Verdict};
use tminus::journal::{Event, Mode};

use super::stage::{Launch, Stage};

const HERON: Launch<'static> = Launch {
    name: "heron",
    text: include_str!("heron.toml"),
    title: "Heron v2.41.0",
    roles: &[("ic", "ana"), ("ops", "bo"), ("scribe", "cy")],
    minutes_ahead: 60,
};

impl Stage {
    /// A run that was opened an hour before T-0.
    pub fn opened(mode: Mode) -> Self {
        Self::open(mode, &HERON)
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
        stage.unseen(1).wait(20);
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
        stage.go("pre/go-or-no-go", &["ops", "scribe", "ic"], 0);
        stage
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
                self.sampled(metric, value);
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
}
