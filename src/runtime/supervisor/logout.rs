//! Whether this system ends what its users run when they log out.
//!
//! A process can leave its terminal's session, but not the control group that systemd put the login in. Where
//! `KillUserProcesses=` is on, everything in there is killed with the login, and nothing a program does by itself
//! changes that; so it is said at the start, when there is still time to begin somewhere else.

use std::fs;
use std::path::{Path, PathBuf};

/// Where settings are looked for, from the weakest.
const MAIN: [&str; 2] = ["/usr/lib/systemd/logind.conf", "/etc/systemd/logind.conf"];
const ADDED: [&str; 3] = [
    "/usr/lib/systemd/logind.conf.d",
    "/etc/systemd/logind.conf.d",
    "/run/systemd/logind.conf.d",
];

/// What to know about commands that should outlive the login, if there is something.
pub(in crate::runtime) fn warning() -> Option<String> {
    let group = fs::read_to_string("/proc/self/cgroup").ok()?;
    if !is_login(&group) {
        return None;
    }
    let ends = files()
        .iter()
        .filter_map(|file| setting(&fs::read_to_string(file).ok()?))
        .next_back()?;
    ends.then(|| {
        "this machine ends what you run when you log out (KillUserProcesses): a command would not outlive a dropped \
         line. Leave, and start again with `systemd-run --user --scope tminus …`"
            .to_owned()
    })
}

fn files() -> Vec<PathBuf> {
    let mut added: Vec<PathBuf> = ADDED
        .iter()
        .flat_map(|dir| in_order(Path::new(dir)))
        .collect();
    // Later names win, wherever they lie.
    added.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
    MAIN.iter().map(PathBuf::from).chain(added).collect()
}

fn in_order(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "conf")
        })
        .collect()
}

/// Whether a process of this control group goes with the login. What a user's own systemd runs stays.
fn is_login(group: &str) -> bool {
    group.lines().any(|line| {
        let mut parts = line.rsplit('/');
        parts.any(|part| part.starts_with("session-") && part.ends_with(".scope"))
    })
}

/// What a file says about it, if anything.
fn setting(text: &str) -> Option<bool> {
    let mut values = text.lines().filter_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == "KillUserProcesses").then(|| value.trim().to_ascii_lowercase())
    });
    let value = values.next_back()?;
    Some(["yes", "true", "1", "on"].contains(&value.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_group_of_a_login_goes_with_it() {
        assert!(is_login("0::/user.slice/user-1000.slice/session-3.scope\n"));
        assert!(!is_login(
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-u1.scope\n"
        ));
        assert!(!is_login("0::/\n"));
    }

    #[test]
    fn the_last_setting_counts_and_a_comment_does_not() {
        assert_eq!(setting("[Login]\n#KillUserProcesses=yes\n"), None);
        assert_eq!(setting("KillUserProcesses = yes\n"), Some(true));
        let both = "KillUserProcesses=yes\nKillUserProcesses=no\n";
        assert_eq!(setting(both), Some(false));
    }
}
