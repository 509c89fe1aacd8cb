//! Ids and references to them.

use std::collections::HashMap;
use std::ops::Range;

use super::Lowering;
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::document::Text;
use crate::runbook::shape::listed;
use crate::runbook::text::{is_id, nearest, slug};

/// Up to so many known ids are listed when a reference resembles none of them.
const MOST_LISTED: usize = 8;

/// What a reference may point at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// One of `[roles]`.
    Role,
    /// A `[[check]]`.
    Check,
    /// A `[[metric]]`.
    Metric,
    /// A `[[rollback]]`.
    Rollback,
    /// A `[[phase.section.option]]`.
    Option,
}

impl Kind {
    fn noun(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::Check => "check",
            Self::Metric => "metric",
            Self::Rollback => "rollback",
            Self::Option => "option",
        }
    }

    /// How to add one.
    fn recipe(self, id: &str) -> String {
        match self {
            Self::Role => format!("add `{id} = \"…\"` under `[roles]`"),
            Self::Option => format!("add a `[[phase.section.option]]` with `id = \"{id}\"`"),
            other => format!("add a `[[{}]]` with `id = \"{id}\"`", other.noun()),
        }
    }
}

/// Every id that a reference may name, with its place and its position in its list.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<Kind, List>);

#[derive(Debug, Default)]
struct List {
    ids: Vec<String>,
    places: Vec<Range<usize>>,
    positions: HashMap<String, usize>,
    /// Something was cut out: a missing id may have been in it.
    doubtful: bool,
}

impl Names {
    /// Adds the next id of a list.
    pub(super) fn add(&mut self, kind: Kind, id: String, place: Range<usize>) {
        let list = self.0.entry(kind).or_default();
        list.positions.entry(id.clone()).or_insert(list.ids.len());
        list.ids.push(id);
        list.places.push(place);
    }

    /// Notes that the list isn't whole.
    pub(super) fn doubt(&mut self, kind: Kind) {
        self.0.entry(kind).or_default().doubtful = true;
    }

    /// The ids of a list in their order.
    pub(super) fn ids(&self, kind: Kind) -> &[String] {
        self.0.get(&kind).map_or(&[], |list| &list.ids)
    }

    fn position(&self, kind: Kind, id: &str) -> Option<usize> {
        self.0.get(&kind)?.positions.get(id).copied()
    }

    fn complain(&self, kind: Kind, id: &str, place: Range<usize>) -> Option<Diagnostic> {
        let nothing = List::default();
        let list = self.0.get(&kind).unwrap_or(&nothing);
        if list.doubtful {
            return None;
        }
        let diagnostic = Diagnostic::error(
            "unknown-reference",
            place,
            format!("there is no {} `{id}`", kind.noun()),
        );
        let ids: Vec<&str> = list
            .ids
            .iter()
            .map(String::as_str)
            .filter(|id| !id.is_empty())
            .collect();
        Some(match nearest(id, ids.iter().copied()) {
            Some(near) => {
                let place = list
                    .positions
                    .get(near)
                    .map_or(0..0, |position| list.places[*position].clone());
                diagnostic
                    .help(format!("did you mean `{near}`?"))
                    .related(place, format!("`{near}` is defined here"))
            }
            None if ids.is_empty() || ids.len() > MOST_LISTED => diagnostic.help(kind.recipe(id)),
            None => diagnostic.help(format!(
                "there are {}; or {}",
                listed(&ids),
                kind.recipe(id)
            )),
        })
    }
}

/// The ids of siblings so far, with their places.
#[derive(Debug, Default)]
pub(super) struct Siblings(HashMap<String, (Range<usize>, bool)>);

impl Lowering<'_> {
    /// The position of what a reference names; a missing one is reported.
    pub(super) fn reference(&mut self, kind: Kind, id: &str, place: Range<usize>) -> Option<usize> {
        let position = self.names.position(kind, id);
        if position.is_none()
            && let Some(complaint) = self.names.complain(kind, id, place)
        {
            self.report_once(format!("{kind:?} {id}"), complaint);
        }
        position
    }

    /// The positions of several references.
    pub(super) fn references(&mut self, kind: Kind, ids: Vec<Text>) -> Vec<usize> {
        ids.into_iter()
            .filter_map(|id| self.reference(kind, &id.value, id.span))
            .collect()
    }

    /// A role that exists, or nothing.
    pub(super) fn role(&mut self, role: Option<Text>) -> Option<String> {
        let role = role?;
        self.reference(Kind::Role, &role.value, role.span)?;
        Some(role.value)
    }

    /// The id of something: the one written, or its title's slug; unique among its siblings.
    pub(super) fn identify(
        &mut self,
        id: Option<Text>,
        title: Option<&str>,
        table: &Range<usize>,
        noun: &str,
        siblings: &mut Siblings,
    ) -> String {
        let written = id.is_some();
        let (id, place) = match (id, title) {
            (Some(id), _) => {
                self.check_id(&id);
                (id.value, id.span)
            }
            (None, Some(title)) => (slug(title), table.clone()),
            (None, None) => (String::new(), table.clone()),
        };
        if id.is_empty() {
            return id;
        }
        if let Some((first, first_written)) = siblings.0.get(&id) {
            let message = format!("two {noun}s have the id `{id}`");
            let help = if written && *first_written {
                "give one of them another `id`"
            } else {
                "an `id` comes from the title unless written: write an `id` for one of them"
            };
            let related = first.clone();
            let diagnostic = Diagnostic::error("duplicate-id", place, message)
                .label("again here")
                .help(help);
            self.report(diagnostic.related(related, "first here"));
        } else {
            siblings.0.insert(id.clone(), (place, written));
        }
        id
    }

    /// Reports an id that can't stand in a step's name.
    pub(super) fn check_id(&mut self, id: &Text) {
        if is_id(&id.value) {
            return;
        }
        let help = match slug(&id.value) {
            better if better.is_empty() => "use letters, digits and `-`".to_owned(),
            better => format!("use letters, digits and `-`, for example `{better}`"),
        };
        self.error(
            "bad-id",
            &id.span,
            format!("`{}` can't be an id", id.value),
            help,
        );
    }
}
