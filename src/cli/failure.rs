//! How the program ends: the exit codes, and what is said when something fails.
//!
//! Scripts and continuous integration read the code, tired people read the words. So there is one list of codes,
//! and a [`Failure`] can't be made without saying what was tried; where the cause doesn't say it already, a hint
//! says what to do next.

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

use crate::runtime::redaction::declared;
use crate::runtime::session::SessionError;
use crate::runtime::store::StoreError;
use crate::ui::text::visible;

/// What the process tells its caller. The numbers are part of the product: they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All went well; for questions, the answer is yes.
    Ok = 0,
    /// It was tried and failed.
    Failure = 1,
    /// It was asked in a way that can't be done: arguments, files, terminal.
    Usage = 2,
    /// Something was found wrong with a runbook or its checks.
    Findings = 3,
    /// `status --exit-code`: the run is holding, or somebody said NO-GO.
    Holding = 4,
    /// `status --exit-code`: a trigger fired and waits for a decision.
    TriggerFired = 5,
    /// Another process writes to the run.
    Held = 6,
    /// A person has to agree first.
    ConfirmationNeeded = 7,
    /// A run's files are not what was written.
    Damaged = 8,
    /// It took longer than it was allowed to.
    Timeout = 124,
    /// A signal ended it.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What every command comes back with.
pub type Outcome = Result<Exit, Failure>;

/// Why a command didn't do what it was asked for.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    /// Empty when everything was said before.
    what: String,
    cause: Option<Box<dyn Error + Send + Sync>>,
    hint: Option<String>,
}

impl Failure {
    /// With the words after `error: `.
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self {
            exit,
            what: what.into(),
            cause: None,
            hint: None,
        }
    }

    /// Something that was asked for in a way that can't be done.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// Ends the program with nothing more to say.
    pub fn silent(exit: Exit) -> Self {
        Self::new(exit, "")
    }

    /// With what went wrong beneath.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// With what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// How the program ends.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// Tells the operator on standard error.
    pub fn report(&self) {
        // When even standard error is gone, the exit code has to do.
        let _ = std::io::stderr().write_all(self.words().as_bytes());
    }

    /// All of it, with nothing in it that could steer a terminal.
    fn words(&self) -> String {
        if self.what.is_empty() {
            return String::new();
        }
        let mut said = self.what.clone();
        let mut cause = self.cause.as_deref().map(|cause| cause as &dyn Error);
        while let Some(error) = cause {
            said.push_str(": ");
            said.push_str(&error.to_string());
            cause = error.source();
        }
        let mut words = lines("error: ", &said);
        if let Some(hint) = &self.hint {
            words.push_str(&lines("hint: ", hint));
        }
        words
    }
}

/// The text behind a heading, further lines below its first word.
fn lines(heading: &str, text: &str) -> String {
    let mut lines = String::new();
    let mut before = heading.to_owned();
    for line in declared().redact(text).lines() {
        lines.push_str(&before);
        lines.push_str(&visible(line));
        lines.push('\n');
        before = " ".repeat(heading.len());
    }
    lines
}

impl From<StoreError> for Failure {
    /// Errors of the store say themselves what to do next.
    fn from(error: StoreError) -> Self {
        let exit = match &error {
            StoreError::Held { .. } => Exit::Held,
            StoreError::NoSuchRun { .. } | StoreError::BadName { .. } => Exit::Usage,
            damaged if damaged.is_damage() => Exit::Damaged,
            _ => Exit::Failure,
        };
        let mut failure = Self::new(exit, error.to_string());
        // The store's words stay; what the system answered goes behind them.
        failure.cause = error.source().map(|source| source.to_string().into());
        failure
    }
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        let mut failure = Self::new(Exit::Failure, error.to_string());
        failure.cause = error.source().map(|source| source.to_string().into());
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_why_and_what_to_do() {
        let cause = std::io::Error::other("is a directory");
        let failure = Failure::usage("failed to read x.toml")
            .because(cause)
            .hint("name a file");
        assert_eq!(
            failure.words(),
            "error: failed to read x.toml: is a directory\nhint: name a file\n"
        );
        assert_eq!(failure.exit(), Exit::Usage);
    }

    #[test]
    fn foreign_bytes_do_not_reach_the_terminal() {
        let words = Failure::usage("no run \u{1b}]0;x\u{7}\u{9b}2J\nsecond").words();
        assert_eq!(words, "error: no run ^[]0;x^G<9b>2J\n       second\n");
    }

    #[test]
    fn nothing_is_said_twice() {
        assert_eq!(Failure::silent(Exit::Findings).words(), "");
    }
}
