//! Headings that are alternatives of each other.

use super::super::outline::Choice;
use super::super::tree::Node;
use super::headings::option_title;
use super::{Arranger, choice};

/// Ways to deploy that stand beside each other mean that one of them is taken.
const PLATFORMS: [&str; 12] = [
    "docker compose",
    "docker-compose",
    "docker swarm",
    "kubernetes",
    "k8s",
    "helm",
    "nomad",
    "bare metal",
    "bare-metal",
    "virtual machine",
    "systemd",
    "fargate",
];

/// The platform that a title names.
pub(super) fn platform(title: &str) -> Option<&'static str> {
    let lower = title.to_lowercase();
    PLATFORMS
        .into_iter()
        .find(|platform| lower.contains(platform))
}

impl Arranger<'_> {
    /// Takes the alternatives out of a heading's children.
    pub(super) fn take_options(&mut self, node: &mut Node, section: &str) -> Vec<Choice> {
        let explicit = node
            .children
            .iter()
            .any(|child| option_title(&child.title).is_some());
        if !explicit && !self.platforms_beside(node) {
            return Vec::new();
        }
        let children = std::mem::take(&mut node.children);
        let mut options = Vec::new();
        for mut child in children {
            let named = option_title(&child.title).map(str::to_owned);
            let implied =
                (!explicit && platform(&child.title).is_some()).then(|| child.title.clone());
            match named.or(implied).filter(|_| self.is_walkable(&child)) {
                Some(title) => options.push(self.option(&mut child, &title, section)),
                None => node.children.push(child),
            }
        }
        options
    }

    fn is_walkable(&self, node: &Node) -> bool {
        self.has_steps(node) || node.children.is_empty()
    }

    fn option(&mut self, child: &mut Node, title: &str, section: &str) -> Choice {
        let what = format!("“{}” is one of the options of “{section}”", child.title);
        self.shared.notes.guess(child.line, &what);
        let gathered = self.all_steps(child);
        if let Some(platform) = platform(title) {
            self.options
                .entry(platform)
                .or_insert_with(|| title.to_owned());
        }
        let mut option = choice(title, &child.id, gathered);
        option
            .comments
            .insert(0, format!("guessed from line {}: {what}", child.line));
        option
    }

    fn platforms_beside(&self, node: &Node) -> bool {
        let lower = node.title.to_lowercase();
        let place = [
            "deploy",
            "launch",
            "install",
            "rollout",
            "roll out",
            "upgrade",
            "execution",
            "t-0",
        ];
        let named = node
            .children
            .iter()
            .filter(|child| platform(&child.title).is_some() && self.has_steps(child));
        place.iter().any(|word| lower.contains(word)) && named.count() > 1
    }
}
