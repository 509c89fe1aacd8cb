//! What a runbook will run, contact and read: what a person looks at before trusting it.
//!
//! Nothing is shortened: the harm of a command may be in its last line. Nothing is filled in either, so that what is
//! shown is what stands in the file. Texts are made visible, because a command could otherwise hide itself with the
//! control sequences that a terminal obeys.

use std::fmt;

use crate::check::{Check, HttpProbe, Metric, MetricSource, Probe};
use crate::runbook::text::format_duration;
use crate::runbook::{Command, Home, Level, Runbook, Step};
use crate::ui::text::visible;

/// Something that is executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// How much harm it can do.
    pub level: Level,
    /// By what, and whether anybody is asked.
    pub by: String,
    /// Shell text.
    pub text: String,
}

/// Something that is contacted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// By what, and how often.
    pub by: String,
    /// Where.
    pub whom: String,
    /// Names of secrets that are sent along.
    pub secrets: Vec<String>,
}

/// All that a runbook can do to the world.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disclosure {
    /// What it runs.
    pub runs: Vec<Running>,
    /// What it contacts by itself.
    pub contacts: Vec<Contact>,
    /// What it reads of this machine, apart from what its commands read.
    pub reads: Vec<String>,
}

impl Disclosure {
    /// Whether there is nothing to trust it with, as in a checklist of plain items.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.contacts.is_empty() && self.reads.is_empty()
    }

    /// Of this runbook, as it stands in its file.
    pub fn of(runbook: &Runbook) -> Self {
        let mut disclosure = Self::default();
        for step in &runbook.steps {
            disclosure.add_step(step);
        }
        for quick in &runbook.quick_commands {
            disclosure.add_command(&format!("{}, at any time", quick.title), &quick.command);
        }
        for check in &runbook.checks {
            disclosure.add_check(runbook, check);
        }
        for metric in &runbook.metrics {
            disclosure.add_metric(runbook, metric);
        }
        for message in &runbook.messages {
            if let Some(webhook) = &message.webhook {
                let by = format!("message {}", message.id);
                disclosure.add_contact(runbook, by, webhook.clone(), &[webhook]);
            }
        }
        for variable in runbook.variables.iter().filter(|variable| variable.secret) {
            disclosure
                .reads
                .push(format!("secret {} ({})", variable.name, variable.label));
        }
        disclosure
    }

    fn add_step(&mut self, step: &Step) {
        if let Some(command) = &step.command {
            let home = match step.home {
                Home::Section(_) | Home::Option(..) => "step",
                Home::Rollback(_) => "rollback step",
                Home::Upkeep(_) => "upkeep step",
            };
            self.add_command(&format!("{home} {} {}", step.number, step.title), command);
        }
    }

    fn add_command(&mut self, by: &str, command: &Command) {
        let asked = if command.auto { ", BY ITSELF" } else { "" };
        let dir = command.dir.as_ref().map(|dir| format!(", in {dir}"));
        let run = Running {
            level: command.level,
            by: format!("{by}{}{asked}", dir.unwrap_or_default()),
            text: command.run.clone(),
        };
        self.runs.push(run);
        self.runs.extend(command.undo.as_ref().map(|undo| Running {
            level: command.level,
            by: format!("undo of {by}"),
            text: undo.clone(),
        }));
    }

    fn add_unasked(&mut self, by: String, text: &str) {
        self.runs.push(Running {
            level: Level::Safe,
            by: format!("{by}, BY ITSELF"),
            text: text.to_owned(),
        });
    }

    fn add_check(&mut self, runbook: &Runbook, check: &Check) {
        let by = format!("check {}, every {}", check.id, format_duration(check.every));
        match &check.probe {
            Probe::Command { run } => self.add_unasked(by, run),
            Probe::Env { name } => self
                .reads
                .push(format!("environment variable {name} ({by})")),
            Probe::File { path } => self.reads.push(format!("file {path} ({by})")),
            probe => {
                let mut filled = probe.clone();
                let texts: Vec<String> = filled
                    .texts_mut()
                    .into_iter()
                    .map(|text| text.clone())
                    .collect();
                let whom = match probe {
                    Probe::Http(http) => request(http),
                    other => format!("{} {}", other.kind(), texts.join(" ")),
                };
                self.add_contact(runbook, by, whom, &texts);
            }
        }
    }

    fn add_metric(&mut self, runbook: &Runbook, metric: &Metric) {
        let by = format!(
            "metric {}, every {}",
            metric.id,
            format_duration(metric.every)
        );
        let (whom, texts) = match &metric.source {
            MetricSource::Command { run } => return self.add_unasked(by, run),
            MetricSource::Prometheus { url, query } => {
                (format!("{url} asking {query}"), [url, query])
            }
            MetricSource::Scrape(scrape) => (scrape.url.clone(), [&scrape.url, &scrape.url]),
            MetricSource::Json { url, path } => (url.clone(), [url, path]),
        };
        self.add_contact(runbook, by, whom, &texts);
    }

    fn add_contact(
        &mut self,
        runbook: &Runbook,
        by: String,
        whom: String,
        texts: &[impl AsRef<str>],
    ) {
        let is_sent = |name: &str| {
            let place = format!("${{{name}}}");
            texts.iter().any(|text| text.as_ref().contains(&place))
        };
        let secrets = runbook.variables.iter().filter(|variable| variable.secret);
        let secrets = secrets.map(|variable| variable.name.clone());
        self.contacts.push(Contact {
            by,
            whom,
            secrets: secrets.filter(|name| is_sent(name)).collect(),
        });
    }
}

fn request(http: &HttpProbe) -> String {
    let names: Vec<&str> = http.headers.iter().map(|(name, _)| name.as_str()).collect();
    let headers = if names.is_empty() {
        String::new()
    } else {
        format!(", with {}", names.join(", "))
    };
    let body = if http.body.is_some() {
        ", with a body"
    } else {
        ""
    };
    let follow = if http.follow {
        ", and where that leads"
    } else {
        ""
    };
    format!("{} {}{headers}{body}{follow}", http.method, http.url)
}

/// For a terminal: every line ends, and none holds what could steer it.
impl fmt::Display for Disclosure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.runs.is_empty() {
            writeln!(f, "RUNS nothing")?;
        } else {
            writeln!(
                f,
                "RUNS {} as you, with your PATH, HOME and variables",
                self.runs.len()
            )?;
        }
        for run in &self.runs {
            writeln!(f, "  {:<11}  {}", run.level.name(), visible(&run.by))?;
            for line in run.text.lines() {
                writeln!(f, "    {}", visible(line))?;
            }
        }
        heading(f, "CONTACTS", self.contacts.len())?;
        for contact in &self.contacts {
            writeln!(f, "  {}", visible(&contact.whom))?;
            writeln!(f, "    {}", visible(&contact.by))?;
            if !contact.secrets.is_empty() {
                writeln!(f, "    and SENDS {}", visible(&contact.secrets.join(", ")))?;
            }
        }
        heading(f, "READS", self.reads.len())?;
        for read in &self.reads {
            writeln!(f, "  {}", visible(read))?;
        }
        Ok(())
    }
}

fn heading(f: &mut fmt::Formatter<'_>, heading: &str, count: usize) -> fmt::Result {
    match count {
        0 => writeln!(f, "{heading} nothing by itself"),
        count => writeln!(f, "{heading} {count}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::load;

    const RUNBOOK: &str = r#"
format = 1
title = "Kestrel"
target = "prod"
[vars]
VERSION = { label = "Version" }
TOKEN = { label = "API token", secret = true }
[roles]
ops = "Operations"
[[check]]
id = "api"
title = "API answers"
http = { url = "https://api.example/health?key=${TOKEN}" }
expect = ["status == 200"]
[[check]]
id = "disk"
title = "Disk has room"
command = { run = "df /" }
expect = ["exit == 0"]
[[check]]
id = "region"
title = "Region is set"
env = { name = "AWS_REGION" }
expect = ["set"]
[[phase]]
title = "Launch"
stage = "launch"
[[phase.section]]
title = "Deploy"
steps = [
  { title = "Deploy", run = "one\n  two \u001b[8m three", undo = "back", level = "changes" },
  { title = "Look", run = "uptime", level = "safe", auto = true },
]
"#;

    #[test]
    fn only_what_does_nothing_leaves_nothing_to_trust() {
        let plain = "format = 1\ntitle = \"List\"\ntarget = \"prod\"\n\
            [[phase]]\ntitle = \"Before\"\nstage = \"pre-launch\"\n\
            [[phase.section]]\ntitle = \"Items\"\nsteps = [\"Tell support\"]\n";
        let asks = |more: &str| {
            let loaded = load("list.toml", format!("{plain}{more}").as_bytes());
            !Disclosure::of(&loaded.runbook.expect("no mistakes")).is_empty()
        };
        assert!(!asks(""));
        for more in [
            "[[check]]\nid = \"a\"\ntitle = \"A\"\nenv = { name = \"A\" }\nexpect = [\"set\"]\n",
            "[[rollback]]\ntitle = \"Back\"\nsteps = [{ title = \"Go\", run = \"true\" }]\n",
            "[[message]]\nid = \"m\"\ntitle = \"M\"\ntext = \"hi\"\nwebhook = \"https://a.example\"\n",
        ] {
            assert!(asks(more), "{more}");
        }
    }

    fn disclosure() -> Disclosure {
        let loaded = load("kestrel.toml", RUNBOOK.as_bytes());
        let runbook = loaded.runbook.as_ref();
        Disclosure::of(runbook.unwrap_or_else(|| panic!("{}", loaded.render(false))))
    }

    #[test]
    fn everything_that_is_run_contacted_or_read_is_told() {
        let told = disclosure();
        let runs: Vec<_> = told
            .runs
            .iter()
            .map(|run| (run.level, run.text.lines().next().unwrap(), run.by.as_str()))
            .collect();
        assert_eq!(
            runs,
            [
                (Level::Changes, "one", "step 1.1.1 Deploy"),
                (Level::Changes, "back", "undo of step 1.1.1 Deploy"),
                (Level::Safe, "uptime", "step 1.1.2 Look, BY ITSELF"),
                (Level::Safe, "df /", "check disk, every 10s, BY ITSELF"),
            ]
        );
        assert_eq!(
            told.contacts,
            [Contact {
                by: "check api, every 10s".to_owned(),
                whom: "GET https://api.example/health?key=${TOKEN}".to_owned(),
                secrets: vec!["TOKEN".to_owned()],
            }]
        );
        assert_eq!(
            told.reads,
            [
                "environment variable AWS_REGION (check region, every 10s)",
                "secret TOKEN (API token)"
            ]
        );
    }

    #[test]
    fn commands_are_shown_whole_and_can_not_hide_themselves() {
        let told = disclosure().to_string();
        assert!(told.contains("    one\n      two ^[[8m three\n"), "{told}");
        assert!(!told.contains('\u{1b}'), "{told}");
    }

    #[test]
    fn every_bundled_runbook_with_commands_tells_all_of_them() {
        let text = include_str!("../../../runbooks/demo.toml");
        let runbook = load("demo", text.as_bytes()).runbook.unwrap();
        let told = Disclosure::of(&runbook);
        let commands = runbook
            .steps
            .iter()
            .filter_map(|step| step.command.as_ref());
        for command in commands {
            assert!(told.runs.iter().any(|run| run.text == command.run));
            if let Some(undo) = &command.undo {
                assert!(told.runs.iter().any(|run| run.text == *undo));
            }
        }
    }
}
