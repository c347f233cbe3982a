//! Backups and raw copies, and what becomes of a store that is restored from them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::ledger::{Device, Devices, Fault};
use super::look::agreed;
use super::people::Told;
use super::place::beside;
use super::round::{RawCopy, Round};

impl Round {
    /// The agent makes a backup.
    pub(crate) fn backup(&mut self) -> Result<(), Fault> {
        let to = self.place.new_name("backup");
        self.note(format!("backup to {}", to.display()));
        match self.ask("POST", "/v1/store/backup", &json!({"path": to}))? {
            Told::Done(_) => {
                let ended = self.place.run(&["store", "check"], &to);
                if ended.exit != Some(0) {
                    return Err(format!("store check is not content with a new backup: {ended:?}"));
                }
                self.backups.push((to, self.ledger.devices.clone()));
                Ok(())
            }
            Told::Refused(status, problem) => {
                Err(format!("a backup is refused with {status}: {problem}"))
            }
            Told::Unavailable | Told::Silence => Ok(()),
        }
    }

    /// The file is copied as it is, with its log or without, while agents serve from it.
    pub(crate) fn copy(&mut self) -> Result<(), Fault> {
        let file = self.place.new_name("copy");
        fs::copy(&self.place.store, &file).unwrap();
        let log = beside(&file, "-wal");
        let copied = fs::copy(self.place.log_of_store(), &log).is_ok();
        let with_log = copied && self.random.once_in(2);
        self.note(format!(
            "raw copy to {}{}",
            file.display(),
            if with_log { " with its log" } else { "" }
        ));
        if copied {
            // A log may turn up by itself, too.
            let kept = self.place.new_name("log");
            fs::copy(&log, &kept).unwrap();
            self.logs.push(kept);
        }
        if !with_log {
            let _ = fs::remove_file(&log);
        }
        self.copies.push(RawCopy {
            file,
            log: with_log.then_some(log),
            at: self.ledger.history.len(),
        });
        Ok(())
    }

    /// A backup is restored: where the store was, or first and moved there then; or the store
    /// itself is.
    pub(crate) fn restore(&mut self) -> Result<(), Fault> {
        let Some((backup, devices)) = self.random.pick(self.backups.clone()) else {
            return self.restore_in_place();
        };
        let first = self.random.once_in(2);
        let (store, log) = (self.place.store.clone(), self.place.log_of_store());
        let place = if first { self.place.new_name("restored") } else { store.clone() };
        let in_place = self.random.once_in(2);
        self.note(format!(
            "restore {} {}, {}",
            backup.display(),
            if first { "and move it to the store" } else { "in the store's place" },
            way(in_place)
        ));
        if first {
            fs::copy(&backup, &place).unwrap();
        } else {
            self.put(&backup, &place, in_place);
        }
        self.run_restore(&place)?;
        let left = log.exists() && first && self.random.once_in(2);
        if first {
            self.put(&place, &store, in_place);
            if !left {
                remove(&log);
            }
        }
        if left {
            self.note("the log of the store before stays beside it");
        }
        self.serve_restored(&[devices], left)
    }

    pub(crate) fn restore_in_place(&mut self) -> Result<(), Fault> {
        self.note("restore the store as it is");
        let store = self.place.store.clone();
        self.run_restore(&store)?;
        // A change in doubt is in the store or it is not.
        let doubts = self.ledger.doubts.iter();
        let doubts =
            doubts.map(|(serial, other)| (serial.clone(), other.clone().map(Device::restored)));
        let known = (self.ledger.devices.restored(), doubts.collect::<BTreeMap<_, _>>());
        self.start_restored()?;
        let devices = agreed(&self.served(0)?, &known.0, &known.1)?;
        self.ledger.restored(devices);
        self.settle()
    }

    /// Runs `store restore` to its end, at times after one that was killed.
    pub(crate) fn run_restore(&mut self, path: &Path) -> Result<(), Fault> {
        if self.random.once_in(4) {
            let after = Duration::from_micros(self.random.in_range(2_000..30_000));
            self.note(format!("… killed after {after:?}, and run again"));
            self.place.run_killed(&["store", "restore", "--yes"], path, after);
        }
        let mut ended = self.place.run(&["store", "restore", "--yes"], path);
        if ended.exit != Some(0) && self.keys.len() > 1 && ended.said.contains("--key") {
            self.note("… refused; all sealing keys are put back");
            self.write_keys(&self.keys.clone());
            ended = self.place.run(&["store", "restore", "--yes"], path);
        }
        if ended.exit == Some(0) {
            Ok(())
        } else {
            Err(format!("a restore does not succeed: {ended:?}"))
        }
    }

    /// Starts on a store that was restored from one of these states. Only a log that is not its own
    /// may be in the way.
    pub(crate) fn serve_restored(
        &mut self,
        states: &[Devices],
        foreign_log: bool,
    ) -> Result<(), Fault> {
        if foreign_log && let Err(ended) = self.place.start(0)?.map(|agent| self.agents.push(agent))
        {
            self.refusal_is_clear(&ended.said)?;
            self.note("… refused; the log is moved away");
            let (log, away) = (self.place.log_of_store(), self.place.new_name("log"));
            // The store may be on a disk of its own.
            fs::copy(&log, away).unwrap();
            fs::remove_file(log).unwrap();
        }
        if self.agents.is_empty() {
            self.start_restored()?;
        }
        let served = self.served(0)?;
        let found = states
            .iter()
            .find_map(|state| agreed(&served, &state.restored(), &Default::default()).ok());
        let Some(devices) = found else {
            return Err(format!("restored: {served:?} is served, and must be one of {states:?}"));
        };
        self.ledger.restored(devices);
        self.settle()
    }

    /// A backup needs the sealing keys it was made with; old ones may have been dropped since.
    fn start_restored(&mut self) -> Result<(), Fault> {
        match self.place.start(0)? {
            Ok(agent) => self.agents.push(agent),
            Err(ended) if self.keys.len() > 1 && ended.said.contains("key") => {
                self.note(format!(
                    "… refused: {}; all sealing keys are put back",
                    ended.said.trim()
                ));
                self.write_keys(&self.keys.clone());
                match self.place.start(0)? {
                    Ok(agent) => self.agents.push(agent),
                    Err(ended) => {
                        return Err(format!(
                            "a restored store is refused with all its keys: {ended:?}"
                        ));
                    }
                }
            }
            Err(ended) if self.elsewhere && ended.said.contains(".witness") => {
                self.refusal_is_clear(&ended.said)?;
                self.note(format!("… refused: {}; the witness is removed", ended.said.trim()));
                remove(&beside(&self.place.store, ".witness"));
                match self.place.start(0)? {
                    Ok(agent) => self.agents.push(agent),
                    Err(ended) => {
                        return Err(format!(
                            "a restored store is refused without the witness of another: {ended:?}"
                        ));
                    }
                }
            }
            Err(ended) => return Err(format!("a restored store is refused: {ended:?}")),
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), Fault> {
        match self.look()? {
            None => Ok(()),
            Some(words) => Err(format!("a restored store is not ready: {words}")),
        }
    }

    /// While an agent serves, a restore is refused and changes nothing.
    pub(crate) fn restore_under_the_agent(&mut self) -> Result<(), Fault> {
        self.note("restore while an agent serves");
        let ended = self.place.run(&["store", "restore", "--yes"], &self.place.store);
        if ended.exit == Some(0) {
            return Err(format!("a restore under an agent succeeds: {ended:?}"));
        }
        self.verify()
    }

    /// Puts a copy of a file into another one's place: by a new name, or by writing into what is
    /// there.
    pub(crate) fn put(&mut self, from: &Path, to: &Path, in_place: bool) {
        if in_place {
            fs::copy(from, to).unwrap();
        } else {
            let new = beside(to, ".new");
            fs::copy(from, &new).unwrap();
            fs::rename(&new, to).unwrap();
        }
    }
}

pub(crate) fn way(in_place: bool) -> &'static str {
    if in_place { "written into its place" } else { "renamed into its place" }
}

pub(crate) fn remove(path: &PathBuf) {
    let _ = fs::remove_file(path);
}
