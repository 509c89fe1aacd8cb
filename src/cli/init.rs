//! `tminus init`: a first runbook that a team keeps, because everything in it is real and says why it is there.

use std::path::Path;

use super::arguments;
use super::failure::{Exit, Outcome};
use super::output;
use super::writing::{self, Existing};

/// One of everything that a launch needs, with defaults that harm nothing.
const STARTER: &str = include_str!("init/starter.toml");

/// `tminus init`.
///
/// # Errors
/// When the file is there already or can't be written.
pub fn init(arguments: &arguments::Init) -> Outcome {
    let path: &Path = &arguments.file;
    let hint = "name another file: `tminus init launch.toml`";
    writing::write(path, STARTER, Existing::Stays, hint)?;
    let shown = path.display();
    output::say(format!(
        "wrote {shown}\nnext: change it to your launch, then `tminus lint {shown}` and `tminus run {shown}`"
    ));
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::{Stage, load};

    #[test]
    fn the_starter_is_sound_and_needs_no_answer() {
        let loaded = load("runbook.toml", STARTER.as_bytes());
        assert_eq!(loaded.diagnostics, [], "{}", loaded.render(false));
        let runbook = loaded.runbook.expect("a runbook");
        assert!(
            runbook
                .variables
                .iter()
                .all(|variable| variable.default.is_some() && !variable.secret)
        );
    }

    #[test]
    fn the_starter_has_one_of_everything() {
        let runbook = load("runbook.toml", STARTER.as_bytes())
            .runbook
            .expect("a runbook");
        let stages: Vec<Stage> = runbook.phases.iter().map(|phase| phase.stage).collect();
        assert_eq!(stages, [Stage::PreLaunch, Stage::Launch, Stage::PostLaunch]);
        assert!(
            runbook
                .sections()
                .any(|(_, section)| section.gate.is_some())
        );
        let undone = |step: &crate::runbook::Step| {
            step.command
                .as_ref()
                .is_some_and(|command| command.undo.is_some())
        };
        assert!(runbook.steps.iter().any(undone));
        let counts = [
            runbook.checks.len(),
            runbook.metrics.len(),
            runbook.triggers.len(),
            runbook.rollbacks.len(),
        ];
        assert_eq!(counts, [1; 4]);
    }
}
