//! Whether this system ends what its users run when they log out.
//!
//! A process can leave its terminal's session, but not the control group that systemd put the login in. Where
//! `KillUserProcesses=` is on, everything in there is killed with the login, and nothing a program does by itself
//! changes that; so it is said at the start, when there is still time to begin somewhere else.

use std::env;
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
    let settings = files().into_iter().map(fs::read_to_string);
    let user = env::var("USER").unwrap_or_default();
    is_ended_with_login(&group, settings.filter_map(Result::ok), &user).then(|| {
        "this machine ends what you run when you log out (KillUserProcesses): a command would not outlive a dropped \
         line. Leave, and start again with `systemd-run --user --scope tminus …`"
            .to_owned()
    })
}

/// Whether a process of this control group is killed when this user logs out. Settings come from the weakest on
/// (logind.conf(5)); where none says anything, distributions have it off.
fn is_ended_with_login(group: &str, settings: impl Iterator<Item = String>, user: &str) -> bool {
    let mut ends = false;
    let mut spared = "root".to_owned();
    for text in settings {
        ends = setting(&text, "KillUserProcesses").map_or(ends, |value| is_yes(&value));
        spared = setting(&text, "KillExcludeUsers").unwrap_or(spared);
    }
    ends && is_login(group) && !spared.split_whitespace().any(|name| name == user)
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

/// What a file says about it, if anything; the last line counts.
fn setting(text: &str, wanted: &str) -> Option<String> {
    let values = text.lines().filter_map(|line| line.split_once('='));
    values
        .filter(|(name, _)| name.trim() == wanted)
        .map(|(_, value)| value.trim().to_owned())
        .next_back()
}

/// As systemd reads it.
fn is_yes(value: &str) -> bool {
    ["yes", "y", "true", "t", "1", "on"]
        .iter()
        .any(|yes| value.eq_ignore_ascii_case(yes))
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
        const LOGIN: &str = "0::/user.slice/user-1000.slice/session-3.scope\n";
        let ended = |settings: &[&str], user| {
            let settings = settings.iter().map(|text| (*text).to_owned());
            is_ended_with_login(LOGIN, settings, user)
        };
        let on = "[Login]\nKillUserProcesses = yes\n";
        assert!(!ended(&[], "ana"));
        assert!(!ended(&["[Login]\n#KillUserProcesses=yes\n"], "ana"));
        assert!(ended(&[on], "ana"));
        assert!(ended(&[on, "[Login]\n"], "ana"));
        assert!(!ended(&[on, "KillUserProcesses=no\n"], "ana"));
        assert!(!ended(
            &["KillUserProcesses=yes\nKillUserProcesses=no\n"],
            "ana"
        ));
    }

    #[test]
    fn who_is_spared_is_not_warned() {
        const LOGIN: &str = "0::/user.slice/user-0.slice/session-3.scope\n";
        let ended =
            |text: &str, user| is_ended_with_login(LOGIN, std::iter::once(text.to_owned()), user);
        assert!(!ended("KillUserProcesses=yes\n", "root"));
        assert!(ended("KillUserProcesses=yes\nKillExcludeUsers=\n", "root"));
        assert!(!ended(
            "KillUserProcesses=yes\nKillExcludeUsers=root ana\n",
            "ana"
        ));
        let elsewhere = is_ended_with_login(
            "0::/\n",
            std::iter::once("KillUserProcesses=yes".to_owned()),
            "ana",
        );
        assert!(!elsewhere, "not in a login's group");
    }
}
