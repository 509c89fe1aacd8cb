//! The launch of the other screens: a rollout by command, a poll of four roles, two rollbacks, a trigger.

use tminus::check::{Reason, Verdict};
use tminus::journal::Mode;

use super::stage::{Launch, Stage};

const TEXT: &str = include_str!("kestrel.toml");

const KESTREL: Launch<'static> = Launch {
    name: "kestrel",
    text: TEXT,
    title: "Kestrel production launch",
    roles: &[
        ("ic", "ana"),
        ("ops", "bo"),
        ("db", "dee"),
        ("support", "cy"),
    ],
    minutes_ahead: 45,
};

impl Stage {
    /// A run that was opened three quarters of an hour before T-0.
    pub fn kestrel(mode: Mode) -> Self {
        Self::open(mode, &KESTREL)
    }

    /// The trigger on errors may go back by itself.
    pub fn kestrel_automatic() -> Self {
        let text = TEXT.replacen(
            "rollback = [\"k8s\"]",
            "rollback = [\"k8s\"]\nmode = \"auto\"",
            1,
        );
        let text = text.replacen(
            "title  = \"Kubernetes rollback\"",
            "title  = \"Kubernetes rollback\"\nauto = true",
            1,
        );
        let launch = Launch {
            text: &text,
            ..KESTREL
        };
        Self::open(Mode::Live, &launch)
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
            .check(2, Verdict::Pass, "4 of 4")
            .sampled(0, 0.05)
            .sampled(1, 312.0)
            .check(1, Verdict::Unknown(Reason::Timeout), "")
    }

    /// One look at a check; what fails wanted another status.
    pub fn check(&mut self, check: usize, verdict: Verdict, observed: &str) -> &mut Self {
        let because = if verdict == Verdict::Pass {
            ""
        } else {
            "status == 200"
        };
        self.looked(check, verdict, observed, because)
    }

    /// Samples of a metric, five seconds apart.
    pub fn samples(&mut self, metric: usize, values: &[f64]) -> &mut Self {
        for &value in values {
            self.sampled(metric, value).wait(5);
        }
        self
    }

    /// All of pre-launch is done and the gate has passed.
    pub fn cleared_for_launch(&mut self) -> &mut Self {
        let runbook = self.app.run.runbook().clone();
        let before = runbook.steps.iter();
        for step in before.filter(|step| step.id.0.starts_with("pre/")) {
            self.done(&step.id.0, step.record.as_ref().map(|_| "22"));
            self.wait(60);
        }
        self.go("pre/go-or-no-go", &["ops", "db", "support", "ic"], 10);
        self
    }
}
