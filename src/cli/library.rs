//! The runbooks there are: those that come with tminus, the operator's own, and any file by its path.
//!
//! A Markdown checklist is turned into TOML as it is read, so that nothing behind here knows of a second format.

use std::borrow::Cow;
use std::env;
use std::fs::{self, File};
use std::io::{self, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use super::context::Context;
use super::failure::{Exit, Failure};
use super::{import, output, reading};
use crate::runbook::text::nearest;
use crate::runbook::{Loaded, Runbook, load};

/// Names and texts of files in `runbooks/`; a file that comes is one word here, and a test asks for it.
macro_rules! bundle {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../runbooks/", $name, ".toml")))),*]
    };
}

/// The runbooks that come with tminus, sorted.
const BUNDLED: &[(&str, &str)] =
    bundle!["candlefish" "demo" "linkflow" "mind-matrix" "toombos" "twinmind"];

/// The bundled runbook of `tminus demo`.
pub const DEMO: &str = "demo";

/// Loading refuses anything over a megabyte; so much is read at most, so that it can say how much there is of a
/// file that is merely too large, and nothing is eaten up by one that never ends.
const MOST_READ: u64 = 64 << 20;

/// A runbook's bytes, and where they are from.
#[derive(Clone, Debug)]
pub struct Source {
    /// What a run remembers: a bundled name or an absolute path.
    pub name: String,
    /// What people are shown.
    pub shown: String,
    /// The runbook as TOML: the bytes that were read, or what was made of a checklist.
    pub bytes: Cow<'static, [u8]>,
    /// Where relative paths in it start.
    pub folder: PathBuf,
    /// What was guessed when a checklist was turned into this, in a sentence.
    pub notice: Option<String>,
}

impl Source {
    /// Whether it comes with tminus.
    pub fn is_bundled(&self) -> bool {
        bundled(&self.name).is_some()
    }

    /// Loads it, with all that is wrong with it.
    pub fn load(&self) -> Loaded {
        if self.notice.is_some() {
            // Places are those of the TOML, and nobody should look for them in the checklist.
            return load(&format!("{} (imported)", self.shown), &self.bytes);
        }
        load(&self.shown, &self.bytes)
    }

    /// Loads it, and shows its mistakes when it can't be run.
    ///
    /// # Errors
    /// When it has an error.
    pub fn runbook(&self, context: &Context) -> Result<Runbook, Failure> {
        let loaded = self.load();
        let Some(runbook) = loaded.runbook else {
            let drawn = loaded.render(context.colors(&io::stderr()));
            output::draw(&drawn);
            let what = format!(
                "failed to load {}: it has mistakes, shown above",
                self.shown
            );
            return Err(Failure::new(Exit::Findings, what).hint(format!(
                "mend them, and see with `tminus lint {}`",
                self.shown
            )));
        };
        Ok(runbook)
    }
}

/// Names of the bundled runbooks.
pub fn bundled_names() -> impl Iterator<Item = &'static str> {
    BUNDLED.iter().map(|(name, _)| *name)
}

fn bundled(name: &str) -> Option<&'static str> {
    let found = BUNDLED.iter().find(|(bundled, _)| *bundled == name);
    found.map(|(_, text)| *text)
}

/// Paths of the operator's own runbooks, sorted.
pub fn own_paths(context: &Context) -> Vec<PathBuf> {
    let folder = context
        .own_runbooks
        .as_ref()
        .and_then(|folder| fs::read_dir(folder).ok());
    let entries = folder.into_iter().flatten().filter_map(Result::ok);
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    paths.sort();
    paths
}

/// Whether the operator can only have meant a file.
pub fn is_path(argument: &str) -> bool {
    argument == "-"
        || argument.contains('/')
        || argument.ends_with(".toml")
        || is_checklist(argument)
}

/// Whether a file of this name is a checklist for people, and not TOML.
fn is_checklist(path: &str) -> bool {
    [".md", ".markdown", ".txt"]
        .iter()
        .any(|ending| path.ends_with(ending))
}

/// Finds a runbook by path or name. A name means the same on every machine, so a bundled one comes first.
///
/// # Errors
/// When there is none, or it can't be read.
pub fn find(context: &Context, argument: &str) -> Result<Source, Failure> {
    if is_path(argument) {
        return read(argument);
    }
    find_named(context, argument).unwrap_or_else(|| Err(unknown(context, argument)))
}

/// Finds a runbook that isn't unmistakably a path; `None` when there is none.
pub fn find_named(context: &Context, name: &str) -> Option<Result<Source, Failure>> {
    if let Some(text) = bundled(name) {
        return Some(Ok(Source {
            name: name.to_owned(),
            shown: name.to_owned(),
            bytes: Cow::Borrowed(text.as_bytes()),
            folder: env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
            notice: None,
        }));
    }
    let own = own_paths(context)
        .into_iter()
        .find(|path| path.file_stem().is_some_and(|stem| stem == name));
    let path = own.or_else(|| Some(PathBuf::from(name)).filter(|path| path.is_file()))?;
    Some(path.to_str().map_or_else(|| Err(not_text(&path)), read))
}

/// The demo's runbook.
///
/// # Errors
/// Never, as long as it is bundled.
pub fn demo(context: &Context) -> Result<Source, Failure> {
    find(context, DEMO)
}

fn unknown(context: &Context, name: &str) -> Failure {
    let own = own_paths(context);
    let mut names: Vec<&str> = bundled_names().collect();
    names.extend(own.iter().filter_map(|path| path.file_stem()?.to_str()));
    let hint = match nearest(name, names.iter().copied()) {
        Some(near) => {
            format!("did you mean `{near}`? a file is named by its path, like ./{name}.toml")
        }
        None => format!(
            "there are {}; a file is named by its path, like ./{name}.toml",
            names.join(", ")
        ),
    };
    Failure::usage(format!("there is no runbook called `{name}`")).hint(hint)
}

fn not_text(path: &Path) -> Failure {
    Failure::usage(format!(
        "failed to read {}: its name isn't UTF-8",
        path.display()
    ))
    .hint("rename the file")
}

/// Reads a runbook from a path; `-` is standard input, which is TOML.
///
/// # Errors
/// When it can't be read, or is a checklist of which no runbook can be made.
pub fn read(path: &str) -> Result<Source, Failure> {
    let raw = read_raw(path)?;
    if is_checklist(path) {
        return import::source(raw);
    }
    Ok(raw)
}

/// Reads a file as it is, whatever it holds; `-` is standard input.
///
/// # Errors
/// When it can't be read.
pub fn read_raw(path: &str) -> Result<Source, Failure> {
    if path == "-" {
        return read_standard_input();
    }
    let failed = |error: io::Error| {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => "check the path; `tminus` lists the runbooks there are",
            io::ErrorKind::IsADirectory => "name a file in it",
            io::ErrorKind::PermissionDenied => "make it readable for you",
            io::ErrorKind::InvalidInput => "give what comes out of it on standard input, as `-`",
            _ => "check the path and the disk",
        };
        Failure::usage(format!("failed to read {path}"))
            .because(error)
            .hint(hint)
    };
    let mut bytes = Vec::new();
    let opened = if path.starts_with("/dev/fd/") {
        // What the shell puts in place of `<(command)` is a pipe, and meant to be read.
        File::open(path)
    } else {
        reading::open(Path::new(path))
    };
    let file = opened.map_err(failed)?;
    file.take(MOST_READ)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    let absolute = fs::canonicalize(path).map_err(failed)?;
    let name = absolute
        .to_str()
        .ok_or_else(|| not_text(&absolute))?
        .to_owned();
    Ok(Source {
        name,
        shown: path.to_owned(),
        bytes: Cow::Owned(bytes),
        folder: absolute.parent().map_or_else(PathBuf::new, Path::to_owned),
        notice: None,
    })
}

fn read_standard_input() -> Result<Source, Failure> {
    let mut bytes = Vec::new();
    let input = io::stdin();
    if input.is_terminal() {
        output::say("reading from the terminal; ctrl-d ends it");
    }
    let read = input.lock().take(MOST_READ).read_to_end(&mut bytes);
    read.map_err(|error| {
        Failure::usage("failed to read standard input")
            .because(error)
            .hint("give a file instead")
    })?;
    Ok(Source {
        name: "-".to_owned(),
        shown: "<stdin>".to_owned(),
        bytes: Cow::Owned(bytes),
        folder: env::current_dir().unwrap_or_default(),
        notice: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_runbook_in_the_repository_is_bundled_and_sound() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks");
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| {
                entry
                    .unwrap()
                    .path()
                    .file_stem()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        names.sort();
        assert_eq!(names, bundled_names().collect::<Vec<_>>());
        for (name, text) in BUNDLED {
            let loaded = load(name, text.as_bytes());
            assert!(loaded.runbook.is_some(), "{}", loaded.render(false));
            assert_eq!(loaded.diagnostics, [], "{}", loaded.render(false));
        }
    }

    #[test]
    fn only_what_looks_like_a_path_is_one() {
        for path in [
            "./x",
            "x.toml",
            "a/b",
            "notes.md",
            "x.markdown",
            "x.txt",
            "-",
        ] {
            assert!(is_path(path), "{path}");
        }
        for name in ["demo", "kestrel-0605-1520", "x.toml.bak"] {
            assert!(!is_path(name), "{name}");
        }
    }
}
