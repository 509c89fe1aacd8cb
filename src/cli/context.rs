//! Where the program runs: directories, the operator's name, what the terminal can show.
//!
//! Everything that depends on the environment is read here, once, in the order flag, environment, project, user.

use std::env;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use directories::ProjectDirs;

use super::arguments::Common;
use super::failure::Failure;
use super::{output, reading};
use crate::config::{ColorWhen, Config, Scope};
use crate::journal::AUTO;
use crate::runtime::store::Store;
use crate::runtime::trust::TrustStore;
use crate::ui::theme::{Background, ColourDepth, Palette, Theme};

/// Where and for whom a command works.
#[derive(Debug)]
pub struct Context {
    /// The runs.
    pub store: Store,
    /// The runbooks that the operator trusts.
    pub trust: TrustStore,
    /// The name acts are recorded under.
    pub operator: String,
    /// The operator's own runbooks.
    pub own_runbooks: Option<PathBuf>,
    /// What the configuration files say.
    pub config: Config,
    /// What was wrong with them, a sentence each.
    pub notices: Vec<String>,
    no_input: bool,
    ascii: bool,
    color: ColorWhen,
}

impl Context {
    /// Reads the environment and the configuration files.
    ///
    /// # Errors
    /// When there is no place for runs, or the operator has no usable name.
    pub fn new(common: Common) -> Result<Self, Failure> {
        let directories = ProjectDirs::from("", "", "tminus");
        // A variable that is set to nothing says nothing.
        let named = common
            .state_dir
            .filter(|named| !named.as_os_str().is_empty());
        let state = named.or_else(|| Some(state_dir(directories.as_ref()?)));
        let state = state.ok_or_else(|| {
            Failure::usage("failed to find a place for runs: there is no home directory")
                .hint("name one with --state-dir DIR, or set TMINUS_STATE_DIR")
        })?;
        let state = absolute(state);
        let color = common.color.or_else(color_from_environment);
        let (config, notices) = read_config(directories.as_ref(), color.unwrap_or_default());
        Ok(Self {
            trust: TrustStore::new(&state),
            store: Store::new(state),
            operator: operator(common.operator, &config)?,
            own_runbooks: directories.map(|directories| directories.data_dir().join("runbooks")),
            no_input: common.no_input,
            ascii: common.ascii || config.ascii.unwrap_or(false),
            color: color.or(config.color).unwrap_or_default(),
            config,
            notices,
        })
    }

    /// Whether what goes to this stream is coloured.
    pub fn colors(&self, stream: &impl IsTerminal) -> bool {
        colors(self.color, stream)
    }

    /// Colours and characters of the interactive screens.
    pub fn theme(&self) -> Theme {
        Theme::new(Palette {
            depth: self.depth(),
            background: self.config.background.unwrap_or_else(background),
            ascii: self.ascii,
        })
    }

    fn depth(&self) -> ColourDepth {
        if !self.colors(&io::stdout()) {
            return ColourDepth::None;
        }
        let term = env::var("TERM").unwrap_or_default();
        let colorterm = env::var("COLORTERM").unwrap_or_default();
        if matches!(colorterm.as_str(), "truecolor" | "24bit") || term.ends_with("-direct") {
            ColourDepth::TrueColour
        } else if term.contains("256color") {
            ColourDepth::Indexed256
        } else {
            ColourDepth::Ansi16
        }
    }

    /// Whether the operator can be asked something.
    pub fn can_ask(&self) -> bool {
        !self.no_input && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Refuses to begin something interactive without a terminal.
    ///
    /// # Errors
    /// When standard input or output isn't one.
    pub fn require_terminal(&self, command: &str) -> Result<(), Failure> {
        if io::stdin().is_terminal() && io::stdout().is_terminal() {
            return Ok(());
        }
        let what = format!("failed to start `tminus {command}`: it needs a terminal to draw on");
        Err(Failure::usage(what).hint(
            "call it in an interactive terminal; `status`, `log`, `ls` and `show` work without one",
        ))
    }
}

fn state_dir(directories: &ProjectDirs) -> PathBuf {
    // Only Linux has a directory for state; elsewhere it lies with the data.
    directories
        .state_dir()
        .unwrap_or_else(|| directories.data_local_dir())
        .to_owned()
}

/// A run outlives the directory that its command was called in.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

fn operator(named: Option<String>, config: &Config) -> Result<String, Failure> {
    let user = || {
        ["USER", "LOGNAME"]
            .iter()
            .find_map(|name| env::var(name).ok())
    };
    let named = named.filter(|named| !named.is_empty());
    let named = named.or_else(|| config.operator.clone());
    let name = named.or_else(user).unwrap_or_else(|| "operator".to_owned());
    let name = name.trim();
    if name.is_empty() || name == AUTO || name.chars().any(char::is_control) {
        let what = format!("`{name}` can't be an operator's name");
        return Err(Failure::usage(what).hint("name yourself with --operator NAME"));
    }
    Ok(name.to_owned())
}

/// <https://no-color.org> and <https://bixense.com/clicolors>.
fn color_from_environment() -> Option<ColorWhen> {
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let zero = |name| env::var_os(name).is_some_and(|value| value == "0");
    if set("NO_COLOR") {
        Some(ColorWhen::Never)
    } else if set("CLICOLOR_FORCE") && !zero("CLICOLOR_FORCE") {
        Some(ColorWhen::Always)
    } else if zero("CLICOLOR") {
        Some(ColorWhen::Never)
    } else {
        None
    }
}

fn colors(when: ColorWhen, stream: &impl IsTerminal) -> bool {
    match when {
        ColorWhen::Always => true,
        ColorWhen::Never => false,
        ColorWhen::Auto => {
            stream.is_terminal() && env::var_os("TERM").is_some_and(|term| term != "dumb")
        }
    }
}

/// What `COLORFGBG` says (`15;0`: white on black), which many terminals set.
fn background() -> Background {
    let colors = env::var("COLORFGBG").unwrap_or_default();
    match colors.rsplit(';').next().map(str::parse::<u8>) {
        Some(Ok(7 | 9..=15)) => Background::Light,
        _ => Background::Dark,
    }
}

/// The project's over the user's, with what was wrong shown on standard error.
fn read_config(directories: Option<&ProjectDirs>, color: ColorWhen) -> (Config, Vec<String>) {
    let user = directories.map(|directories| directories.config_dir().join("config.toml"));
    let project = env::current_dir()
        .ok()
        .and_then(|from| nearest_project_file(&from));
    let mut notices = Vec::new();
    let mut read = |path: Option<PathBuf>, scope| {
        path.map_or_else(Config::default, |path| {
            read_file(&path, scope, color, &mut notices)
        })
    };
    let user = read(user, Scope::User);
    let project = read(project, Scope::Project);
    (project.over(user), notices)
}

fn nearest_project_file(from: &Path) -> Option<PathBuf> {
    from.ancestors()
        .map(|folder| folder.join(".tminus.toml"))
        .find(|path| path.exists())
}

fn read_file(path: &Path, scope: Scope, color: ColorWhen, notices: &mut Vec<String>) -> Config {
    let name = path.display().to_string();
    let text = match reading::open(path).and_then(io::read_to_string) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Config::default(),
        Err(error) => {
            let notice = format!("failed to read {name}: {error}; it is passed over");
            output::say(format!("warning: {notice}"));
            notices.push(notice);
            return Config::default();
        }
    };
    let read = Config::parse(&text, scope);
    if !read.problems.is_empty() {
        output::draw(&read.render(&name, &text, colors(color, &io::stderr())));
        notices.push(format!("{name} has mistakes that were passed over"));
    }
    read.config
}
