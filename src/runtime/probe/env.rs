//! `env` checks: an environment variable of this process.

use crate::check::Facts;

/// Reads the variable; bytes that aren't UTF-8 are replaced, which no expectation takes for a match.
pub(super) fn look(name: &str) -> Facts {
    let value = std::env::var_os(name);
    Facts::Env {
        value: value.map(|value| value.to_string_lossy().into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_and_unset_are_both_facts() {
        assert_eq!(
            look("PATH"),
            Facts::Env {
                value: std::env::var("PATH").ok()
            }
        );
        assert_eq!(look("TMINUS_TEST_NEVER_SET"), Facts::Env { value: None });
    }

    #[test]
    fn an_impossible_name_is_unset() {
        for name in ["", "A=B", "A\0B"] {
            assert_eq!(look(name), Facts::Env { value: None }, "{name:?}");
        }
    }
}
