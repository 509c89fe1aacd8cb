//! The directory of one attempt: what a supervisor and the program that started it know of each other.
//!
//! ```text
//! attempts/3/
//!   script         the exact shell text
//!   spec.json      where it runs, when it is stopped; no secrets
//!   alive.lock     held by the supervisor as long as it lives
//!   started.json   on disk before the command may run
//!   pid            the command's leader, for display
//!   tree.lock      held as long as anything lives that the command started (and that didn't close it)
//!   output.log     what it printed (see `log`)
//!   result.json    how it ended
//!   void           nobody knows how it ended, and nothing may be started here any more
//! ```
//!
//! What became of an attempt is told by these files alone ([`Place::settle`]), so it doesn't matter which of the two
//! processes died, or when. The one rule: whoever finds no result and nobody alive takes the lock, and leaves the
//! marker before it says so; a supervisor takes the same lock and looks for the marker before it starts anything.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::journal::Outcome;
use crate::runtime::store::{StoreError, private};

/// Form of the files.
const VERSION: u32 = 1;

/// Room that is made on disk before a command runs, so that a disk that is full by then doesn't cost its result.
const RESERVED: usize = 4096;

/// Looking whether a lock is held takes it for an instant (there is no way to ask), so it is tried a few times.
const TRIES: u32 = 6;
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

/// What a supervisor has to know and may stand on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::runtime) struct Spec {
    /// Form of this file.
    pub(in crate::runtime) version: u32,
    /// Where the command runs.
    pub(in crate::runtime) dir: PathBuf,
    /// When it is stopped, in milliseconds.
    pub(in crate::runtime) timeout_ms: Option<u64>,
    /// What lies between asking it to terminate and killing it, in milliseconds.
    pub(in crate::runtime) grace_ms: u64,
    /// Whether it gets a terminal.
    pub(in crate::runtime) tty: bool,
}

impl Spec {
    /// A spec of the present form.
    pub(in crate::runtime) fn new(
        dir: PathBuf,
        timeout: Option<Duration>,
        grace: Duration,
        tty: bool,
    ) -> Self {
        Self {
            version: VERSION,
            dir,
            timeout_ms: timeout.map(milliseconds),
            grace_ms: milliseconds(grace),
            tty,
        }
    }
}

/// What reaches a supervisor through its standard input and never a disk or a command line.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::runtime) struct Brief {
    /// The runbook's variables, secrets included.
    pub(in crate::runtime) variables: Vec<(String, String)>,
    /// Values that must not be seen in the output.
    pub(in crate::runtime) secrets: Vec<String>,
}

/// That a command may be running since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::runtime) struct Started {
    /// Form of this file.
    version: u32,
    /// The supervisor's process id.
    pub(in crate::runtime) supervisor: u32,
    /// The boot that id belongs to; empty where the system doesn't tell.
    pub(in crate::runtime) boot: String,
}

impl Started {
    /// This process, now.
    pub(super) fn here() -> Self {
        Self {
            version: VERSION,
            supervisor: std::process::id(),
            boot: boot(),
        }
    }

    /// The supervisor's process id, if it is of this machine and of the time since it was switched on.
    pub(in crate::runtime) fn supervisor_here(&self) -> Option<u32> {
        (self.boot == boot()).then_some(self.supervisor)
    }
}

/// What names the time since this machine was switched on.
fn boot() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::runtime) struct Ended {
    /// Form of this file.
    version: u32,
    /// How its leader ended.
    pub(in crate::runtime) outcome: Outcome,
    /// From its start to its leader's end, in milliseconds.
    took_ms: u64,
    /// What there is to say about it beside what it printed.
    #[serde(default)]
    pub(in crate::runtime) notes: Vec<String>,
}

impl Ended {
    /// An end of the present form.
    pub(super) fn new(outcome: Outcome, took: Duration, notes: Vec<String>) -> Self {
        Self {
            version: VERSION,
            outcome,
            took_ms: milliseconds(took),
            notes,
        }
    }

    /// From its start to its leader's end.
    pub(in crate::runtime) fn took(&self) -> Duration {
        Duration::from_millis(self.took_ms)
    }
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::runtime) enum Fate {
    /// Its supervisor lives.
    Attended,
    /// It ended, and its supervisor wrote down how.
    Ended(Ended),
    /// Its supervisor is gone without a word.
    Lost(Outcome),
}

/// The directory of one attempt.
#[derive(Clone, Debug)]
pub(in crate::runtime) struct Place {
    dir: PathBuf,
}

impl Place {
    /// The place of an attempt among those of its run.
    pub(in crate::runtime) fn of(attempts: &Path, attempt: u64) -> Self {
        Self::at(attempts.join(attempt.to_string()))
    }

    /// The place in this directory.
    pub(super) fn at(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Its directory.
    pub(in crate::runtime) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes the directory, which must not be there yet: that is what keeps one confirmation from running twice.
    pub(in crate::runtime) fn create(&self, spec: &Spec, script: &str) -> io::Result<()> {
        let attempts = private::parent_of(&self.dir);
        private::ensure_dir(attempts).map_err(io::Error::other)?;
        DirBuilder::new().mode(0o700).create(&self.dir)?;
        let spec = serde_json::to_vec(spec)?;
        self.file("script", script.as_bytes())?;
        self.file("spec.json", &spec)?;
        // A directory that a power cut takes back would say that nothing was started here.
        private::sync_dir(attempts).map_err(io::Error::other)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut options = private::options();
        options.write(true).create_new(true);
        options.open(self.dir.join(name))?.write_all(bytes)
    }

    /// The command's text.
    pub(super) fn script(&self) -> PathBuf {
        self.dir.join("script")
    }

    /// What the supervisor has to do.
    pub(super) fn spec(&self) -> io::Result<Spec> {
        self.read("spec.json")
    }

    /// Makes this process the supervisor, until the file is dropped; `None` when there is or was another, or nothing
    /// may be started here any more.
    pub(super) fn claim(&self) -> io::Result<Option<File>> {
        let Some(lock) = self.lock("alive.lock", TRIES)? else {
            return Ok(None);
        };
        let is_used = ["void", "started.json", "result.json"]
            .into_iter()
            .any(|name| self.has(name));
        Ok((!is_used).then_some(lock))
    }

    /// Writes down that the command may run from now on. It must not before this returns.
    pub(super) fn begin(&self) -> io::Result<()> {
        let started = serde_json::to_vec(&Started::here())?;
        private::write_new(&self.dir.join("result.new"), &[b' '; RESERVED])
            .and_then(|()| private::write_new(&self.dir.join("started.json"), &started))
            .and_then(|()| private::sync_dir(&self.dir))
            .map_err(io::Error::other)
    }

    /// Says which process the command is, for display.
    pub(super) fn tell_pid(&self, pid: u32) -> io::Result<()> {
        self.file("pid.new", pid.to_string().as_bytes())?;
        fs::rename(self.dir.join("pid.new"), self.dir.join("pid"))
    }

    /// The process that the command is.
    pub(in crate::runtime) fn pid(&self) -> Option<u32> {
        fs::read_to_string(self.dir.join("pid")).ok()?.parse().ok()
    }

    /// Writes down how it ended; all of it or nothing, on disk when this returns.
    pub(super) fn conclude(&self, ended: &Ended) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(ended)?;
        // White space behind it is no part of the value, and keeps what was reserved.
        bytes.resize(bytes.len().max(RESERVED), b' ');
        let draft = self.dir.join("result.new");
        let mut options = private::options();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(false)
            .open(&draft)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&draft, self.dir.join("result.json"))?;
        private::sync_dir(&self.dir).map_err(io::Error::other)
    }

    /// Makes the place of an attempt that ran elsewhere and of which no more will be known here than this.
    pub(in crate::runtime) fn give_up(&self, outcome: Outcome) -> Result<(), StoreError> {
        private::ensure_dir(&self.dir)?;
        let ended = Ended::new(outcome, Duration::ZERO, Vec::new());
        self.conclude(&ended).map_err(|source| StoreError::Io {
            action: "write",
            path: self.dir.join("result.json"),
            source,
        })
    }

    /// How it ended, if that is known.
    pub(in crate::runtime) fn ended(&self) -> Option<Ended> {
        match self.read("result.json") {
            Ok(ended) => Some(ended),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                let why = format!("failed to read how it ended: {error}");
                let unknown = Outcome::Unknown { why };
                Some(Ended::new(unknown, Duration::ZERO, Vec::new()))
            }
        }
    }

    /// That it may be running, if it was begun.
    pub(in crate::runtime) fn started(&self) -> Option<Started> {
        self.read("started.json").ok()
    }

    /// Finds out what became of it. Where nobody is left to tell, nothing is started here any more after this.
    pub(in crate::runtime) fn settle(&self) -> io::Result<Fate> {
        if !self.dir.try_exists()? {
            return Ok(Fate::Lost(not_started()));
        }
        if let Some(ended) = self.ended() {
            return Ok(Fate::Ended(ended));
        }
        let Some(_alive) = self.lock("alive.lock", 1)? else {
            return Ok(Fate::Attended);
        };
        // It may have ended between the two looks.
        if let Some(ended) = self.ended() {
            return Ok(Fate::Ended(ended));
        }
        self.void()?;
        Ok(self.lost())
    }

    /// What is known of it without changing anything: what [`settle`](Self::settle) would say.
    pub(in crate::runtime) fn look(&self) -> Fate {
        if !self.has_dir() {
            return Fate::Lost(not_started());
        }
        // In this order: who is gone by the second look has left a result by the third.
        if let Some(ended) = self.ended() {
            return Fate::Ended(ended);
        }
        if !self.is_unattended() {
            return Fate::Attended;
        }
        self.ended().map_or_else(|| self.lost(), Fate::Ended)
    }

    fn has_dir(&self) -> bool {
        // What can't be looked at may be there.
        !matches!(self.dir.try_exists(), Ok(false))
    }

    /// What can be said where nobody is left to tell.
    fn lost(&self) -> Fate {
        Fate::Lost(if !self.has("started.json") {
            not_started()
        } else if self.is_tree_alive() {
            unknown("its supervisor ended first; something that it started still runs")
        } else {
            unknown("its supervisor ended first")
        })
    }

    fn void(&self) -> io::Result<()> {
        let path = self.dir.join("void");
        if !self.has("void") {
            private::write_new(&path, b"").map_err(io::Error::other)?;
        }
        private::sync_dir(&self.dir).map_err(io::Error::other)
    }

    /// The lock that a command hands on to everything it starts.
    pub(super) fn hold_tree(&self) -> io::Result<File> {
        self.lock("tree.lock", TRIES)?
            .ok_or_else(|| io::Error::other("something holds it already"))
    }

    /// Whether anything lives that the command started. A process that closes what it doesn't know isn't seen.
    pub(in crate::runtime) fn is_tree_alive(&self) -> bool {
        self.is_held("tree.lock")
    }

    /// Whether no supervisor lives.
    pub(in crate::runtime) fn is_unattended(&self) -> bool {
        !self.is_held("alive.lock")
    }

    fn is_held(&self, name: &str) -> bool {
        let file = private::options().read(true).open(self.dir.join(name));
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Takes a lock; `None` when somebody holds it.
    fn lock(&self, name: &str, tries: u32) -> io::Result<Option<File>> {
        let mut options = private::options();
        options.write(true).create(true).truncate(false);
        let file = options.open(self.dir.join(name))?;
        for attempt in 1.. {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if attempt < tries => thread::sleep(BETWEEN_TRIES),
                Err(TryLockError::WouldBlock) => return Ok(None),
            }
        }
        Ok(Some(file))
    }

    fn has(&self, name: &str) -> bool {
        // What can't be looked at may be there: nothing is started then.
        !matches!(self.dir.join(name).try_exists(), Ok(false))
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> io::Result<T> {
        Ok(serde_json::from_slice(&fs::read(self.dir.join(name))?)?)
    }
}

fn not_started() -> Outcome {
    Outcome::NotStarted {
        why: "the program ended before it could start it".to_owned(),
    }
}

fn unknown(why: &str) -> Outcome {
    Outcome::Unknown {
        why: why.to_owned(),
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    struct Scratch {
        _folder: tempfile::TempDir,
        place: Place,
    }

    fn created() -> Scratch {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::of(&folder.path().join("attempts"), 1);
        place.create(&spec(), "true").unwrap();
        Scratch {
            _folder: folder,
            place,
        }
    }

    fn spec() -> Spec {
        Spec::new(PathBuf::from("/"), None, Duration::from_secs(10), false)
    }

    fn exit(code: i32) -> Ended {
        let took = Duration::from_millis(1_500);
        Ended::new(Outcome::Exited { code }, took, Vec::new())
    }

    #[test]
    fn p4_an_attempt_has_one_directory_and_one_supervisor() {
        let Scratch { place, _folder } = created();
        let again = place.create(&spec(), "true").unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        let first = place.claim().unwrap().expect("nobody has it");
        assert!(place.claim().unwrap().is_none(), "it is held");
        place.begin().unwrap();
        drop(first);
        assert!(place.claim().unwrap().is_none(), "it was begun");
    }

    #[test]
    fn p4_a_late_supervisor_honours_the_marker() {
        let Scratch { place, _folder } = created();
        let fate = place.settle().unwrap();
        assert!(matches!(fate, Fate::Lost(Outcome::NotStarted { .. })));
        assert!(place.claim().unwrap().is_none());
        assert_eq!(place.settle().unwrap(), fate, "and it stays so");
    }

    #[test]
    fn p5_what_began_and_has_no_end_is_unknown() {
        let Scratch { place, _folder } = created();
        let alive = place.claim().unwrap().expect("nobody has it");
        assert_eq!(place.settle().unwrap(), Fate::Attended);
        place.begin().unwrap();
        assert_eq!(place.settle().unwrap(), Fate::Attended);
        drop(alive);
        let fate = place.settle().unwrap();
        assert!(matches!(fate, Fate::Lost(Outcome::Unknown { .. })));
    }

    #[test]
    fn p5_an_end_is_told_as_it_was_whoever_lives() {
        let Scratch { place, _folder } = created();
        let alive = place.claim().unwrap().expect("nobody has it");
        place.begin().unwrap();
        place.conclude(&exit(3)).unwrap();
        assert_eq!(place.settle().unwrap(), Fate::Ended(exit(3)));
        drop(alive);
        let fate = place.settle().unwrap();
        assert_eq!(fate, Fate::Ended(exit(3)));
        let Fate::Ended(ended) = fate else { return };
        assert_eq!(ended.took(), Duration::from_millis(1_500));
    }

    #[test]
    fn p11_looking_says_the_same_as_settling_and_changes_nothing() {
        let Scratch { place, _folder } = created();
        let looked_and_settled = |place: &Place| {
            let names = || fs::read_dir(place.dir()).unwrap().count();
            let before = names();
            let looked = place.look();
            assert_eq!(names(), before);
            (looked, place.settle().unwrap())
        };
        let alive = place.claim().unwrap().expect("nobody has it");
        assert_eq!(place.look(), Fate::Attended);
        place.begin().unwrap();
        drop(alive);
        let (looked, settled) = looked_and_settled(&place);
        assert_eq!(looked, settled);
        assert!(matches!(looked, Fate::Lost(Outcome::Unknown { .. })));
        place.conclude(&exit(3)).unwrap();
        let (looked, settled) = looked_and_settled(&place);
        assert_eq!((&looked, &settled), (&Fate::Ended(exit(3)), &looked));
        let nowhere = Place::of(place.dir(), 2);
        assert_eq!(nowhere.look(), nowhere.settle().unwrap());
    }

    #[test]
    fn an_end_that_cannot_be_read_is_unknown() {
        let Scratch { place, _folder } = created();
        fs::write(place.dir().join("result.json"), "{").unwrap();
        let ended = place.ended().expect("there is something");
        assert!(matches!(ended.outcome, Outcome::Unknown { .. }));
    }

    #[test]
    fn without_a_directory_nothing_was_started() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::of(folder.path(), 7);
        let fate = place.settle().unwrap();
        assert!(matches!(fate, Fate::Lost(Outcome::NotStarted { .. })));
    }

    #[test]
    fn what_was_started_and_still_runs_is_seen() {
        let Scratch { place, _folder } = created();
        assert!(!place.is_tree_alive());
        let tree = place.hold_tree().unwrap();
        assert!(place.is_tree_alive());
        drop(tree);
        assert!(!place.is_tree_alive());
    }

    #[test]
    fn it_is_all_private() {
        let Scratch { place, _folder } = created();
        let alive = place.claim().unwrap().expect("nobody has it");
        place.begin().unwrap();
        place.tell_pid(1).unwrap();
        place.conclude(&exit(0)).unwrap();
        drop(alive);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(place.dir()), 0o700);
        for entry in fs::read_dir(place.dir()).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
}
