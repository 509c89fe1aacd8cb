//! What an operator set up for themselves: names, looks and keys.
//!
//! Two files have a say, `$XDG_CONFIG_HOME/tminus/config.toml` and the nearest `.tminus.toml` upwards from the
//! current directory. The second comes with whatever repository one happens to stand in, so it may only choose how
//! things look: who signs and what a key does is the operator's own business.
//!
//! A mistake here is shown and passed over. Nobody should be kept out of a launch by a misspelt key.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::app::keys::{Bindings, Key};
use crate::runbook::diagnostic::{Diagnostic, render};
use crate::runbook::text::nearest;
use crate::ui::theme::Background;

/// When output is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorWhen {
    /// On terminals that can show it.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The operator's own.
    User,
    /// The project's, written by anybody.
    Project,
}

/// What the configuration files say; what they don't say is `None` or empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// The name entries are recorded under.
    pub operator: Option<String>,
    /// Whether borders and pictures are drawn in ASCII.
    pub ascii: Option<bool>,
    /// When output is coloured.
    pub color: Option<ColorWhen>,
    /// What the terminal draws on.
    pub background: Option<Background>,
    /// Whether a line says what is next.
    pub coach: Option<bool>,
    /// Other keys for actions, by the action's id.
    pub keys: Vec<(String, Vec<Key>)>,
}

/// A file that was read, with what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Read {
    /// What could be understood.
    pub config: Config,
    /// What could not.
    pub problems: Vec<Diagnostic>,
}

impl Read {
    /// The problems as a person reads them, with file, line and caret.
    pub fn render(&self, file_name: &str, text: &str, color: bool) -> String {
        render(&self.problems, file_name, text, color)
    }
}

impl Config {
    /// Reads a file. Never fails: what can't be understood is a problem, and the rest counts.
    pub fn parse(text: &str, scope: Scope) -> Read {
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut reader = Reader {
            scope,
            read: Read::default(),
        };
        for error in errors {
            reader.problem("syntax", error.span().unwrap_or(0..0), error.message());
        }
        for (key, value) in root.into_inner() {
            reader.take(&key, value);
        }
        reader.read
    }

    /// This over that: what both say is as this says.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        let mut keys = below.keys;
        keys.extend(self.keys);
        Self {
            operator: self.operator.or(below.operator),
            ascii: self.ascii.or(below.ascii),
            color: self.color.or(below.color),
            background: self.background.or(below.background),
            coach: self.coach.or(below.coach),
            keys,
        }
    }

    /// The bindings in force.
    pub fn bindings(&self) -> Bindings {
        let mut bindings = Bindings::default();
        for (id, keys) in &self.keys {
            // Reading has checked the id against the same table.
            let _ = bindings.rebind(id, keys.clone());
        }
        bindings
    }
}

const KNOWN: [&str; 6] = ["operator", "ascii", "color", "background", "coach", "keys"];

struct Reader {
    scope: Scope,
    read: Read,
}

type Value<'t> = Spanned<DeValue<'t>>;

impl Reader {
    fn problem(&mut self, code: &'static str, span: std::ops::Range<usize>, message: &str) {
        self.push(Diagnostic::warning(code, span, message).help("this line is passed over"));
    }

    fn push(&mut self, problem: Diagnostic) {
        self.read.problems.push(problem);
    }

    fn take(&mut self, key: &Spanned<std::borrow::Cow<'_, str>>, value: Value<'_>) {
        let name: &str = key.get_ref();
        if self.scope == Scope::Project && matches!(name, "operator" | "keys") {
            let message = format!("a project can't set `{name}`");
            let help = "set it in your own config.toml; a project chooses `ascii`, `color`, `background` and `coach` only";
            self.push(Diagnostic::warning("not-here", key.span(), message).help(help));
            return;
        }
        match name {
            "operator" => self.read.config.operator = self.text(value),
            "ascii" => self.read.config.ascii = self.typed(value, "`true` or `false`"),
            "color" => self.read.config.color = self.one_of(value, &COLORS),
            "background" => self.read.config.background = self.one_of(value, &BACKGROUNDS),
            "coach" => self.read.config.coach = self.typed(value, "`true` or `false`"),
            "keys" => self.take_keys(value),
            unknown => {
                let unknown_key = Diagnostic::warning(
                    "unknown-key",
                    key.span(),
                    format!("there is no setting `{unknown}`"),
                );
                self.push(unknown_key.help(correction(unknown, KNOWN)));
            }
        }
    }

    fn typed<T: serde::de::DeserializeOwned>(
        &mut self,
        value: Value<'_>,
        expected: &str,
    ) -> Option<T> {
        let span = value.span();
        match T::deserialize(toml::de::ValueDeserializer::from(value)) {
            Ok(typed) => Some(typed),
            Err(_) => {
                self.problem("wrong-type", span, &format!("expected {expected}"));
                None
            }
        }
    }

    fn text(&mut self, value: Value<'_>) -> Option<String> {
        self.typed(value, "a text in quotes")
    }

    fn one_of<T: Copy>(&mut self, value: Value<'_>, choices: &[(&str, T)]) -> Option<T> {
        let span = value.span();
        let written = self.text(value)?;
        let chosen = choices.iter().find(|(name, _)| *name == written);
        if chosen.is_none() {
            let names: Vec<String> = choices
                .iter()
                .map(|(name, _)| format!("`{name}`"))
                .collect();
            let message = format!("expected one of {}", names.join(", "));
            self.problem("unknown-value", span, &message);
        }
        chosen.map(|(_, value)| *value)
    }

    fn take_keys(&mut self, value: Value<'_>) {
        let span = value.span();
        let DeValue::Table(table) = value.into_inner() else {
            return self.problem("wrong-type", span, "expected a table: `[keys]`");
        };
        let bindings = Bindings::default();
        for (action, keys) in table {
            let id: &str = action.get_ref();
            let known = || bindings.all().iter().map(|binding| binding.id);
            if !known().any(|known| known == id) {
                let message = format!("there is no action `{id}`");
                let problem = Diagnostic::warning("unknown-key", action.span(), message);
                self.push(problem.help(correction(id, known())));
            } else if let Some(keys) = self.keys(keys) {
                self.read.config.keys.push((id.to_owned(), keys));
            }
        }
    }

    /// `"x"` or `["x", "y"]`; all of them or none.
    fn keys(&mut self, value: Value<'_>) -> Option<Vec<Key>> {
        let values = match value.get_ref() {
            DeValue::Array(_) => match value.into_inner() {
                DeValue::Array(values) => values.into_iter().collect(),
                _ => Vec::new(),
            },
            _ => vec![value],
        };
        let keys: Vec<Option<Key>> = values.into_iter().map(|value| self.key(value)).collect();
        keys.into_iter().collect()
    }

    fn key(&mut self, value: Value<'_>) -> Option<Key> {
        let span = value.span();
        let written = self.typed::<String>(value, "a key in quotes, or a list of them")?;
        match written.parse() {
            Ok(key) => Some(key),
            Err(error) => {
                self.problem("unknown-value", span, &error.to_string());
                None
            }
        }
    }
}

const COLORS: [(&str, ColorWhen); 3] = [
    ("auto", ColorWhen::Auto),
    ("always", ColorWhen::Always),
    ("never", ColorWhen::Never),
];

const BACKGROUNDS: [(&str, Background); 2] =
    [("dark", Background::Dark), ("light", Background::Light)];

fn correction<'a>(written: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(written, known.clone()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => {
            let names: Vec<&str> = known.into_iter().collect();
            format!("there are {}", names.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::app::keys::{Action, Place};

    fn messages(read: &Read) -> Vec<&str> {
        read.problems
            .iter()
            .map(|problem| problem.message.as_str())
            .collect()
    }

    #[test]
    fn everything_can_be_set() {
        let text = "operator = 'ana'\nascii = true\ncolor = 'never'\nbackground = 'light'\ncoach = false\n[keys]\nrun = 'X'\nrecord = ['space', 'ctrl-r']\n";
        let read = Config::parse(text, Scope::User);
        assert_eq!(messages(&read), [""; 0]);
        assert_eq!(read.config.operator.as_deref(), Some("ana"));
        assert_eq!(read.config.ascii, Some(true));
        assert_eq!(read.config.color, Some(ColorWhen::Never));
        assert_eq!(read.config.background, Some(Background::Light));
        assert_eq!(read.config.coach, Some(false));
        let bindings = read.config.bindings();
        assert_eq!(
            bindings.action(Place::Board, Key::char('X')),
            Some(Action::RunCommand)
        );
        assert_eq!(bindings.action(Place::Board, Key::char('x')), None);
        assert_eq!(
            bindings.action(Place::Board, Key::ctrl('r')),
            Some(Action::Record)
        );
    }

    #[test]
    fn a_project_may_only_choose_how_things_look() {
        let text = "operator = 'mallory'\nascii = true\n[keys]\nrun = 'j'\n";
        let read = Config::parse(text, Scope::Project);
        assert_eq!(read.config.operator, None);
        assert_eq!(read.config.keys, []);
        assert_eq!(read.config.ascii, Some(true));
        assert_eq!(
            messages(&read),
            [
                "a project can't set `operator`",
                "a project can't set `keys`"
            ]
        );
    }

    #[test]
    fn mistakes_are_shown_with_their_place_and_the_rest_counts() {
        let text = "asci = true\ncolor = 'blue'\nascii = 1\noperator = 'ana'\n[keys]\nrecrd = 'x'\nrun = ['x', 'hyper-q']\n";
        let read = Config::parse(text, Scope::User);
        assert_eq!(read.config.operator.as_deref(), Some("ana"));
        assert_eq!(
            messages(&read),
            [
                "there is no setting `asci`",
                "expected one of `auto`, `always`, `never`",
                "expected `true` or `false`",
                "there is no action `recrd`",
                "`hyper-q` is not a key: write one character, `ctrl-` and a character, or one of space, enter, esc, tab, up, down …",
            ]
        );
        let drawn = read.render("config.toml", text, false);
        assert!(drawn.contains("config.toml:2:9"), "{drawn}");
        assert!(drawn.contains("did you mean `record`?"), "{drawn}");
    }

    #[test]
    fn the_nearer_file_has_the_last_word() {
        let user = Config::parse("ascii = true\noperator = 'ana'", Scope::User).config;
        let project = Config::parse("ascii = false", Scope::Project).config;
        let config = project.over(user);
        assert_eq!(config.ascii, Some(false));
        assert_eq!(config.operator.as_deref(), Some("ana"));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "(operator|ascii|keys|\\[keys\\]|run|=|'|\"|\\[|\\]|\n|\\{|,|x| ){0,40}") {
            let read = Config::parse(&text, Scope::User);
            let _ = read.render("c", &text, false);
            let _ = read.config.bindings();
        }
    }
}
