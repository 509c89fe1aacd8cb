//! The five source checklists, imported as they are: every item is there, in its place, and every word is kept.
//!
//! The sources stand beside the repository and aren't part of it; without them there is nothing to test.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can't go on may as well panic"
)]

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use tminus::runbook::markdown::{Import, import, to_toml};
use tminus::runbook::{Runbook, Stage, Step, load};

struct Seed {
    text: String,
    import: Import,
    runbook: Runbook,
}

fn folder() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    ["../shared/seeds", "../../shared/seeds"]
        .iter()
        .map(|folder| here.join(folder))
        .find(|folder| folder.is_dir())
}

/// The source whose name begins with this number, imported and loaded.
fn seed(number: &str) -> Option<Seed> {
    let Some(folder) = folder() else {
        println!("the source checklists aren't here: nothing tested");
        return None;
    };
    let mut files = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let path = files.find(|path| {
        path.file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with(number)
    })?;
    let bytes = std::fs::read(&path).unwrap();
    let import = import("checklist.md", &bytes);
    let loaded = load("checklist.toml", to_toml(&import).as_bytes());
    assert!(!loaded.has_errors(), "{}", loaded.render(false));
    Some(Seed {
        text: String::from_utf8(bytes).unwrap(),
        runbook: loaded.runbook.unwrap(),
        import,
    })
}

impl Seed {
    fn section(&self, title: &str) -> Vec<&Step> {
        let (_, section) = self
            .runbook
            .sections()
            .find(|(_, section)| section.title == title)
            .unwrap();
        section
            .steps
            .iter()
            .map(|&step| self.runbook.step(step))
            .collect()
    }

    fn rollback(&self, title: &str) -> Vec<&Step> {
        let rollback = self
            .runbook
            .rollbacks
            .iter()
            .find(|rollback| rollback.title == title)
            .unwrap();
        rollback
            .steps
            .iter()
            .map(|&step| self.runbook.step(step))
            .collect()
    }

    fn commands(steps: &[&Step]) -> Vec<String> {
        steps
            .iter()
            .filter_map(|step| Some(step.command.as_ref()?.run.clone()))
            .collect()
    }

    fn phases(&self) -> Vec<(&str, Stage)> {
        self.runbook
            .phases
            .iter()
            .map(|phase| (phase.title.as_str(), phase.stage))
            .collect()
    }
}

#[test]
fn every_box_is_counted() {
    for (number, tasks) in [
        ("000", 99),
        ("001", 231),
        ("002", 128),
        ("003", 121),
        ("004", 169),
    ] {
        let Some(seed) = seed(number) else { return };
        assert_eq!(seed.import.tasks, tasks, "{number}");
        assert_eq!(seed.import.steps, seed.runbook.steps.len(), "{number}");
        assert!(
            seed.import.steps + seed.runbook.triggers.len() >= tasks,
            "{number}"
        );
    }
}

#[test]
fn every_word_is_in_the_runbook_itself() {
    // Headings whose lists went into links: the report has them, the runbook needs them no more.
    let gone = ["## Resources"];
    for number in ["000", "001", "002", "003", "004"] {
        let Some(seed) = seed(number) else { return };
        let toml = to_toml(&seed.import);
        let known: HashSet<&str> = words(&toml).collect();
        for (index, line) in seed.text.lines().enumerate() {
            let skipped = line.trim_start().starts_with("```") || gone.contains(&line);
            let content = line.replace("[x]", "");
            for word in words(&content)
                .filter(|word| !skipped && word.chars().all(|c| c.is_ascii_alphabetic()))
            {
                assert!(
                    known.contains(word),
                    "{number}, line {}: {word} of {line}",
                    index + 1
                );
            }
        }
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
}

#[test]
fn twinmind_keeps_its_fenced_checklists_script_and_four_ways_back() {
    let Some(seed) = seed("000") else { return };
    assert_eq!(seed.section("Authentication & Security: Security").len(), 8);
    let metrics = seed.section("Monitoring & Observability: Metrics");
    assert_eq!(metrics[1].children.len(), 4);
    let script = seed.section("Pre-Launch Verification Script");
    assert!(Seed::commands(&script)[0].starts_with("#!/bin/bash"));
    let rollbacks: Vec<(&str, usize)> = seed
        .runbook
        .rollbacks
        .iter()
        .map(|rollback| (rollback.title.as_str(), rollback.steps.len()))
        .collect();
    assert_eq!(
        rollbacks,
        [
            ("Immediate Rollback (< 5 minutes)", 3),
            ("Database Rollback (if needed)", 4),
            ("Communication", 3),
            ("Post-Rollback", 4)
        ]
    );
    assert_eq!(seed.runbook.rollbacks[0].within.unwrap().as_secs(), 300);
    assert_eq!(seed.runbook.links.len(), 3);
    let conditional = seed
        .runbook
        .steps
        .iter()
        .filter(|step| step.condition.is_some());
    assert_eq!(conditional.count(), 3);
}

#[test]
fn toombos_keeps_its_groups_options_and_signatures() {
    let Some(seed) = seed("001") else { return };
    let forward = seed
        .runbook
        .steps
        .iter()
        .filter(|step| !step.id.0.starts_with("rollback/"));
    let (groups, nested): (Vec<&Step>, Vec<&Step>) = forward.partition(|step| step.depth == 0);
    let with_children = groups
        .iter()
        .filter(|step| !step.children.is_empty())
        .count();
    // 49 boxes stand at the top: 40 groups, 3 signatures and, in the rollback, 6 actions.
    assert_eq!(
        (groups.len() + 6, with_children + 3, nested.len()),
        (49, groups.len(), 182)
    );
    assert_eq!(
        seed.phases(),
        [
            ("Pre-Deployment Phase (1-2 weeks before)", Stage::PreLaunch),
            ("Deployment Phase (Day of deployment)", Stage::Launch),
            (
                "Post-Deployment Phase (24-48 hours after)",
                Stage::PostLaunch
            ),
            ("Go-Live Validation", Stage::PostLaunch),
        ]
    );
    let (_, choose) = seed
        .runbook
        .sections()
        .find(|(_, section)| section.choice.is_some())
        .unwrap();
    let options = &choose.choice.as_ref().unwrap().options;
    let kubernetes = seed.runbook.step(options[1].steps[0]);
    assert_eq!(kubernetes.children.len(), 8);
    assert!(
        kubernetes
            .command
            .as_ref()
            .unwrap()
            .run
            .contains("deploy-kubernetes.sh")
    );
    let variables: Vec<&str> = seed
        .runbook
        .variables
        .iter()
        .map(|variable| variable.name.as_str())
        .collect();
    assert_eq!(
        variables,
        [
            "DEPLOYMENT_DATE",
            "DEPLOYMENT_MANAGER",
            "ENVIRONMENT",
            "VERSION"
        ]
    );
    let signed: Vec<&str> = seed
        .runbook
        .steps
        .iter()
        .filter_map(|step| step.sign.as_deref())
        .collect();
    assert_eq!(
        signed,
        ["deployment-manager", "technical-lead", "product-owner"]
    );
}

#[test]
fn toombos_ways_back_each_have_their_commands() {
    let Some(seed) = seed("001") else { return };
    let compose = Seed::commands(&seed.rollback("Docker Compose Rollback"));
    assert_eq!(compose.len(), 4);
    assert!(compose[2].ends_with("up -d"));
    let kubernetes = Seed::commands(&seed.rollback("Kubernetes Rollback"));
    assert_eq!(
        kubernetes[0],
        "kubectl rollout undo deployment/content-generator -n halcytone"
    );
    assert_eq!(kubernetes.len(), 4);
    let afterwards = seed.rollback("Post-Rollback Actions");
    assert_eq!(afterwards.len(), 6);
    assert!(Seed::commands(&afterwards).is_empty());
    let options: Vec<Option<&str>> = seed
        .runbook
        .rollbacks
        .iter()
        .map(|rollback| rollback.option.as_deref())
        .collect();
    assert_eq!(
        options,
        [
            Some("docker-compose-deployment"),
            Some("kubernetes-deployment"),
            None
        ]
    );
    assert_eq!(seed.runbook.triggers.len(), 4);
    assert!(
        seed.runbook
            .triggers
            .iter()
            .all(|trigger| trigger.manual && trigger.rollbacks == [0, 1])
    );
}

#[test]
fn mind_matrix_keeps_triggers_upkeep_and_loses_its_ticks() {
    let Some(seed) = seed("002") else { return };
    assert_eq!(seed.runbook.triggers.len(), 5);
    assert_eq!(seed.rollback("Rollback Procedure").len(), 8);
    assert_eq!(seed.runbook.rollbacks[0].within.unwrap().as_secs(), 300);
    let upkeep: Vec<(&str, u64, usize)> = seed
        .runbook
        .upkeep
        .iter()
        .map(|list| {
            (
                list.title.as_str(),
                list.every.as_secs() / 86_400,
                list.steps.len(),
            )
        })
        .collect();
    assert_eq!(
        upkeep,
        [
            ("Daily", 1, 4),
            ("Weekly", 7, 4),
            ("Monthly", 30, 6),
            ("Quarterly", 90, 5)
        ]
    );
    assert!(
        seed.import
            .guesses
            .iter()
            .any(|note| note.line == 336 && note.what.ends_with("those of a run: 8"))
    );
    assert_eq!(seed.section("Success Criteria").len(), 8);
    let week = seed.section("Within 1 week");
    assert_eq!(week[0].at.unwrap().as_hours(), 7 * 24);
    assert_eq!(seed.section("Sign-off").len(), 5);
    let commands = Seed::commands(&seed.section("Testing"));
    assert_eq!(commands.len(), 4);
    // Blocks of settings aren't commands.
    let everything = seed
        .runbook
        .steps
        .iter()
        .filter_map(|step| step.command.as_ref());
    assert!(
        everything
            .into_iter()
            .all(|command| !command.run.contains("ENVIRONMENT=production"))
    );
}

#[test]
fn linkflow_keeps_its_stages() {
    let Some(seed) = seed("003") else { return };
    let stages: Vec<Stage> = seed.phases().iter().map(|(_, stage)| *stage).collect();
    assert_eq!(
        stages
            .iter()
            .filter(|stage| **stage == Stage::Launch)
            .count(),
        1
    );
    assert_eq!(stages.last(), Some(&Stage::PostLaunch));
    assert_eq!(seed.section("Launch Day").len(), 5);
    assert_eq!(seed.section("First Week").len(), 5);
    let metrics = seed.section("Metrics");
    assert!(metrics[2].text.as_ref().unwrap().contains("Queue depth"));
}

#[test]
fn candlefish_legend_is_understood_though_encoded_twice() {
    let Some(seed) = seed("004") else { return };
    for used in [
        "35 × 🔴 (Not started or blocked)",
        "3 × 🟡 (In progress or partially complete)",
        "2 × ⚪ (Optional or can be deferred)",
    ] {
        assert!(
            seed.import
                .guesses
                .iter()
                .any(|note| note.what.starts_with(used)),
            "{used}"
        );
    }
    assert!(!to_toml(&seed.import).contains("ðŸ"));
    let critical = seed.section("Critical Path Items");
    assert_eq!(critical.iter().filter(|step| step.must).count(), 10);
    let services = seed.section("Service Deployment Checklist: Backend Services Priority Order");
    assert!(services.iter().all(|step| step.children.len() == 5));
    let times: Vec<i64> = seed
        .runbook
        .phases
        .iter()
        .filter_map(|phase| Some(phase.at?.as_hours()))
        .collect();
    assert_eq!(times, [-4, 0, 4]);
    let terraform =
        Seed::commands(&seed.section("Infrastructure Checklist: Terraform Infrastructure"));
    assert!(terraform[0].contains("terraform init"));
    assert_eq!(seed.runbook.quick_commands.len(), 6);
}
