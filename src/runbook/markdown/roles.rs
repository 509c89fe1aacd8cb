//! Who signs and who acts: the roles that a checklist names, each once and in the order in which they are met.

use std::collections::HashSet;

/// Roles by id, with their titles.
#[derive(Debug, Default)]
pub(super) struct Roles {
    listed: Vec<(String, String)>,
    known: HashSet<String>,
}

impl Roles {
    /// Adds a role unless its id is known.
    pub(super) fn add(&mut self, id: &str, title: &str) {
        if self.known.insert(id.to_owned()) {
            self.listed.push((id.to_owned(), title.to_owned()));
        }
    }

    /// Puts these first; of a role that is among them the title here counts.
    pub(super) fn put_first(&mut self, listed: Vec<(String, String)>) {
        let others = std::mem::take(self);
        for (id, title) in listed.into_iter().chain(others.listed) {
            self.add(&id, &title);
        }
    }

    pub(super) fn into_list(self) -> Vec<(String, String)> {
        self.listed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_roles_names_those_that_were_met_before() {
        let mut roles = Roles::default();
        roles.add("db", "db");
        roles.add("db", "again");
        roles.add("qa", "qa");
        roles.put_first(vec![("db".to_owned(), "Database".to_owned())]);
        let titles: Vec<String> = roles
            .into_list()
            .into_iter()
            .map(|(_, title)| title)
            .collect();
        assert_eq!(titles, ["Database", "qa"]);
    }
}
