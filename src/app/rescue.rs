//! The way out when the journal's disk has failed: what happened is still in memory, and goes to another disk.

use super::view::{Purpose, Tone};
use super::{App, Effect, Saving};

impl App {
    /// Asks where to. Only where nothing more can be saved: two journals of one run must not both go on.
    pub(super) fn ask_elsewhere(&mut self) -> Vec<Effect> {
        if self.options.read_only {
            return self.refuse("this run is open read-only: it is saved where it is driven");
        }
        if !matches!(self.saving, Saving::Lost(_)) {
            return self.refuse("the journal's disk hasn't failed: it stays where it is");
        }
        let prefill = self.elsewhere.clone();
        self.prompt(
            Purpose::WriteElsewhere,
            "Write the run where?",
            "a directory on another disk; everything that was shown as saved goes there".to_owned(),
            &prefill,
        );
        Vec::new()
    }

    pub(super) fn answer_elsewhere(&mut self, typed: &str) -> Result<Vec<Effect>, String> {
        let dir = typed.trim();
        if !dir.starts_with('/') {
            return Err("the whole path is needed, from / on (esc leaves without)".to_owned());
        }
        self.say(Tone::Calm, format!("writing to {dir}"));
        Ok(vec![Effect::WriteElsewhere {
            dir: dir.to_owned(),
            entries: self.run.log.clone(),
        }])
    }

    /// It is there, or not. The state stays lost: this session can't go on there, the next one can.
    pub(super) fn on_written_elsewhere(
        &mut self,
        dir: &str,
        result: Result<(), String>,
    ) -> Vec<Effect> {
        match result {
            Err(why) => self.say(Tone::Alarm, format!("NOT SAVED: {why}")),
            Ok(()) => {
                let how = format!("everything is saved in {dir}; leaving says how to go on");
                self.moved_to = Some(dir.to_owned());
                self.saving = Saving::Lost(how.clone());
                self.say(Tone::Warning, how);
            }
        }
        Vec::new()
    }
}
