//! The command line as clap reads it; help, completions and man pages are made from these types.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::ColorWhen;
use crate::runbook::text::parse_duration;

/// Shown below the help, because scripts are written from it.
const EXIT_CODES: &str = "\
RUNBOOK is a path to a .toml file or to a checklist (.md, .markdown, .txt), or the name of
a bundled runbook or of one in $XDG_DATA_HOME/tminus/runbooks. RUN is a run's name;
`tminus ls` lists them.

Exit codes: 0 ok, 1 failure, 2 usage, 3 findings, 4 holding or NO-GO, 5 a trigger
fired, 6 held by another process, 7 confirmation needed, 8 journal damaged,
124 timeout, 130 interrupted.";

/// An interactive launch-day runbook for the terminal.
///
/// tminus walks a team through a launch: before T-0, at T-0, after it, and back again if it goes wrong. Called
/// without a command it shows open runs and runbooks to pick from.
#[derive(Debug, Parser)]
#[command(name = "tminus", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Arguments {
    /// What holds for every command.
    #[command(flatten)]
    pub common: Common,
    /// What to do; nothing shows the picker.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What holds for every command.
#[derive(Debug, Args)]
pub struct Common {
    /// Where runs are kept
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "TMINUS_STATE_DIR",
        hide_env_values = true
    )]
    pub state_dir: Option<PathBuf>,
    /// The name your acts are recorded under
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "TMINUS_OPERATOR",
        hide_env_values = true
    )]
    pub operator: Option<String>,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", value_enum)]
    pub color: Option<ColorWhen>,
    /// Draw borders and pictures in ASCII
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Never ask; fail naming what would have answered
    #[arg(long, global = true)]
    pub no_input: bool,
}

/// What tminus can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Walk through a launch against a small service that starts with it
    Demo(Demo),
    /// Start a run of a runbook
    Run(Run),
    /// Go on with a run, exactly where it was left
    Resume(Resume),
    /// Look at a run that somebody else drives; changes nothing
    Watch(OneRun),
    /// List runs, the newest first
    Ls(List),
    /// Show what a runbook, or the runbook of a run, consists of
    Show(Show),
    /// Show what a runbook runs, contacts and reads, and trust it as it is now
    Trust(Trust),
    /// Find the mistakes in runbooks; executes and contacts nothing
    Lint(Lint),
    /// Look once at every automatic check and metric; the exit code says whether all is well
    Check(Check),
    /// Write a starter runbook to begin from
    Init(Init),
    /// Turn a Markdown checklist into a runbook; executes and contacts nothing
    Import(Import),
    /// Write a runbook or a run as a Markdown checklist, with ticks, values, names and notes
    Export(Export),
    /// Print the JSON Schema of runbooks, for editors
    Schema,
    /// Say where a run stands
    Status(Status),
    /// Print what happened in a run
    Log(Log),
    /// Check that a run's journal and runbook are what was written
    Verify(OneRun),
    /// Write a damaged journal anew from what is good of it; the old file is kept aside
    Recover(Recover),
    /// Print completions for a shell
    Completions(Completions),
    /// Print the manual page
    Man(Man),
    /// What the demo runbook's commands call
    #[command(hide = true)]
    DemoClient(DemoClient),
    /// What stands between a command and the screen
    #[command(hide = true)]
    Supervise(Supervise),
}

/// `tminus demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// How long until T-0
    #[arg(long = "in", value_name = "DURATION", value_parser = parse_duration, default_value = "3m")]
    pub lead: Duration,
}

/// `tminus run`.
#[derive(Debug, Args)]
pub struct Run {
    /// A path, or the name of a bundled or own runbook
    pub runbook: String,
    /// How the run begins.
    #[command(flatten)]
    pub opening: Opening,
}

/// How a run begins.
#[derive(Debug, Default, Args)]
pub struct Opening {
    /// T-0: `16:15` (local), `16:15Z` (UTC), or a date and time
    #[arg(long, value_name = "TIME", conflicts_with = "lead")]
    pub at: Option<String>,
    /// T-0, so long from now [default: 30m]
    #[arg(long = "in", value_name = "DURATION", value_parser = parse_duration)]
    pub lead: Option<Duration>,
    /// Give one of the runbook's variables a value; may be repeated
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = pair)]
    pub variables: Vec<(String, String)>,
    /// Say who plays a role; may be repeated
    #[arg(long = "role", value_name = "ROLE=NAME", value_parser = pair)]
    pub roles: Vec<(String, String)>,
    /// Name of the environment; also the value of the variable ENVIRONMENT, where there is one
    #[arg(long = "env", value_name = "NAME")]
    pub environment: Option<String>,
    /// Where the values of secrets are read from.
    #[command(flatten)]
    pub secrets: SecretFiles,
    /// Look at what the run would be; nothing is recorded, no step is executed
    #[arg(long)]
    pub read_only: bool,
    /// Trust the runbook as it is now, without being asked
    #[arg(long)]
    pub trust: bool,
}

/// Files that hold secrets.
#[derive(Debug, Default, Args)]
pub struct SecretFiles {
    /// Read a secret from a file; may be repeated. NAME_FILE=PATH in the environment does the same
    #[arg(long = "secret-file", value_name = "NAME=PATH", value_parser = pair)]
    pub files: Vec<(String, String)>,
}

/// `tminus resume`.
#[derive(Debug, Args)]
pub struct Resume {
    /// The run's name [default: the newest open run]
    pub run: Option<String>,
    /// Where the values of secrets are read from.
    #[command(flatten)]
    pub secrets: SecretFiles,
}

/// `tminus trust`.
#[derive(Debug, Args)]
pub struct Trust {
    /// A path, or the name of an own runbook
    #[arg(value_name = "FILE")]
    pub runbook: String,
    /// Agree beforehand
    #[arg(long)]
    pub yes: bool,
}

/// A run, or the newest open one.
#[derive(Debug, Args)]
pub struct OneRun {
    /// The run's name [default: the newest open run]
    pub run: Option<String>,
}

/// `tminus ls`.
#[derive(Debug, Args)]
pub struct List {
    /// Closed runs too
    #[arg(long)]
    pub all: bool,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `tminus show`.
#[derive(Debug, Args)]
pub struct Show {
    /// A runbook, or a run
    #[arg(value_name = "RUNBOOK|RUN")]
    pub what: String,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `tminus lint`.
#[derive(Debug, Args)]
pub struct Lint {
    /// Files, or names of runbooks; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
    /// The runbook as it was, to find steps that lost their id; without it the newest run's copy
    #[arg(long, value_name = "OLD")]
    pub against: Option<String>,
    /// Warnings count as findings too
    #[arg(long)]
    pub strict: bool,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `tminus check`.
#[derive(Debug, Args)]
pub struct Check {
    /// A runbook, or a run
    #[arg(value_name = "RUNBOOK|RUN")]
    pub what: String,
    /// Only what the steps of a phase name: its id, or a stage like `pre-launch`
    #[arg(long, value_name = "PHASE")]
    pub phase: Option<String>,
    /// Give one of the runbook's variables a value; may be repeated
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = pair)]
    pub variables: Vec<(String, String)>,
    /// Where the values of secrets are read from.
    #[command(flatten)]
    pub secrets: SecretFiles,
    /// Trust the runbook as it is now, without being asked
    #[arg(long)]
    pub trust: bool,
    /// As JSON
    #[arg(long, conflicts_with = "junit")]
    pub json: bool,
    /// As JUnit XML
    #[arg(long)]
    pub junit: bool,
    /// Look again until nothing fails and nothing is unknown
    #[arg(long)]
    pub watch: bool,
    /// Give up after this long [default: never]
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration, requires = "watch")]
    pub limit: Option<Duration>,
}

/// `tminus init`.
#[derive(Debug, Args)]
pub struct Init {
    /// Where to write it
    #[arg(default_value = "runbook.toml")]
    pub file: PathBuf,
}

/// `tminus import`.
#[derive(Debug, Args)]
pub struct Import {
    /// A checklist; `-` is standard input
    pub file: String,
    /// Write the runbook there, not to standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the file if there is one
    #[arg(long, requires = "output")]
    pub force: bool,
    /// Print what was counted, guessed and kept as JSON; the runbook is only written with --output
    #[arg(long)]
    pub json: bool,
}

/// `tminus export`.
#[derive(Debug, Args)]
pub struct Export {
    /// A run, or a runbook
    #[arg(value_name = "RUN|FILE")]
    pub what: String,
    /// The format
    #[arg(long, value_enum, default_value_t)]
    pub format: ExportFormat,
    /// Write it there, not to standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the file if there is one
    #[arg(long, requires = "output")]
    pub force: bool,
}

/// What `tminus export` can write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// A Markdown checklist
    #[default]
    Md,
}

/// `tminus status`.
#[derive(Debug, Args)]
pub struct Status {
    /// The run's name [default: the newest open run]
    pub run: Option<String>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Exit with 4 when holding or NO-GO, with 5 when a trigger waits for a decision
    #[arg(long)]
    pub exit_code: bool,
}

/// `tminus log`.
#[derive(Debug, Args)]
pub struct Log {
    /// The run's name [default: the newest open run]
    pub run: Option<String>,
    /// Go on printing what happens, until the run is closed
    #[arg(short, long)]
    pub follow: bool,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// `tminus recover`.
#[derive(Debug, Args)]
pub struct Recover {
    /// The run's name
    pub run: String,
    /// Agree beforehand
    #[arg(long)]
    pub yes: bool,
}

/// `tminus completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// `tminus man`.
#[derive(Debug, Args)]
pub struct Man {
    /// A command, for its own page
    pub command: Option<String>,
}

/// `tminus demo-client`.
#[derive(Debug, Args)]
pub struct DemoClient {
    /// Base URL of the demo service
    #[arg(long, env = "DEMO_URL", value_name = "URL")]
    pub url: String,
    /// What to ask of the service.
    #[command(subcommand)]
    pub action: DemoAction,
}

/// `tminus supervise`.
#[derive(Debug, Args)]
pub struct Supervise {
    /// The attempt's directory
    pub dir: PathBuf,
}

/// What to ask of the demo service.
#[derive(Debug, Subcommand)]
pub enum DemoAction {
    /// Make a version live
    Deploy {
        /// The version, e.g. v2.41.0
        version: String,
    },
    /// Return to the stable version
    Rollback,
    /// Let in a share of the customers
    Traffic {
        /// From 0 to 100
        percent: u8,
    },
    /// Try the service the way a customer would
    Smoke,
    /// Print the version that is live
    Status,
}

/// Reads `NAME=VALUE`; the value may be empty and may hold more `=`.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it like `NAME=VALUE`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_pair_is_split_at_its_first_equals_sign() {
        assert_eq!(pair("A=b=c"), Ok(("A".to_owned(), "b=c".to_owned())));
        assert_eq!(pair("A="), Ok(("A".to_owned(), String::new())));
        assert!(pair("A").is_err());
        assert!(pair("=b").is_err());
    }
}
