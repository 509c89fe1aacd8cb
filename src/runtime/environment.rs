//! What commands see of our own environment.
//!
//! Everything is cleared but for a list, so that `BASH_ENV`, exported functions, `LD_PRELOAD` and whatever else an
//! operator's shell has collected have no say in what a command does or a check sees. One list serves both: a check
//! that looked with another configuration than the commands use would prove nothing.

use std::ffi::OsString;

/// The variables that are inherited.
const INHERITED: &[&str] = &[
    "AWS_CONFIG_FILE",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_SHARED_CREDENTIALS_FILE",
    "CLOUDSDK_CONFIG",
    "DOCKER_CONFIG",
    "DOCKER_HOST",
    "HOME",
    "KUBECONFIG",
    "LANG",
    "LOGNAME",
    "PATH",
    "SHELL",
    "SSH_AUTH_SOCK",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
];

/// Families of variables that are inherited as well.
const INHERITED_PREFIXES: &[&str] = &["LC_", "XDG_"];

/// The part of our environment that commands inherit.
pub(super) fn inherited() -> impl Iterator<Item = (OsString, OsString)> {
    filtered(std::env::vars_os())
}

fn filtered(
    all: impl Iterator<Item = (OsString, OsString)>,
) -> impl Iterator<Item = (OsString, OsString)> {
    all.filter(|(name, _)| {
        name.to_str().is_some_and(|name| {
            INHERITED.contains(&name)
                || INHERITED_PREFIXES
                    .iter()
                    .any(|prefix| name.starts_with(prefix))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_variables_are_inherited() {
        let all = [
            "PATH",
            "LC_ALL",
            "BASH_ENV",
            "LD_PRELOAD",
            "BASH_FUNC_ls%%",
            "IFS",
            "SHELLOPTS",
            "AWS_SECRET_ACCESS_KEY",
        ];
        let names =
            filtered(all.into_iter().map(|name| (name.into(), "x".into()))).map(|(name, _)| name);
        assert_eq!(names.collect::<Vec<_>>(), ["PATH", "LC_ALL"]);
    }
}
