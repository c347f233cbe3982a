//! Accidents with the files of a store while no agent runs, and the remedies that the agent names.

use std::fs;
use std::path::PathBuf;

use nix::sys::signal::Signal;

use super::keys::new_key;
use super::ledger::{Devices, Fault};
use super::place::{Ended, beside};
use super::round::Round;

/// An accident.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Accident {
    /// A raw copy from earlier takes the store's place; the log that is there stays.
    OlderFile,
    /// The same, with the log that the copy had, or with none.
    OlderFileAndLog,
    LogRemoved,
    LogEmptied,
    LogCut,
    OlderLog,
    /// The file or the log of another store, under the same key.
    ForeignFile,
    ForeignLog,
    StoreRemoved,
    StoreEmptied,
    StoreCut,
    KeyRemoved,
    OtherKey,
    /// A backup that was not restored.
    BackupAsItIs,
}

/// The permitted outcome of an accident.
enum Outcome {
    /// The agent refuses to start.
    Refused,
    /// The agent serves the acknowledged state, or refuses.
    ServedOrRefused,
}

/// Files that were taken away, and where they are now; none that were not there.
pub(crate) struct Aside(Vec<(PathBuf, Option<PathBuf>)>);

impl Accident {
    pub(crate) const ALL: [Accident; 14] = [
        Accident::OlderFile,
        Accident::OlderFileAndLog,
        Accident::LogRemoved,
        Accident::LogEmptied,
        Accident::LogCut,
        Accident::OlderLog,
        Accident::ForeignFile,
        Accident::ForeignLog,
        Accident::StoreRemoved,
        Accident::StoreEmptied,
        Accident::StoreCut,
        Accident::KeyRemoved,
        Accident::OtherKey,
        Accident::BackupAsItIs,
    ];
}

impl Round {
    /// An accident happens to the files of the store, and an agent is started on what is left.
    pub(crate) fn disturb(&mut self) -> Result<(), Fault> {
        let accident = self.random.pick(Accident::ALL).unwrap();
        self.suffer(accident)
    }

    pub(crate) fn suffer(&mut self, accident: Accident) -> Result<(), Fault> {
        let (store, log, key) =
            (self.place.store.clone(), self.place.log_of_store(), self.place.key());
        // Without its file aside, the log is whole in the file itself.
        let complete = !log.exists();
        let before = self.ledger.history.len();
        let mut states: Vec<Devices> = Vec::new();
        let mut outcome = Outcome::ServedOrRefused;
        let files = match accident {
            Accident::OlderFile | Accident::OlderFileAndLog => vec![store.clone(), log.clone()],
            Accident::LogRemoved | Accident::LogEmptied | Accident::LogCut if complete => {
                return Ok(());
            }
            Accident::LogRemoved
            | Accident::LogEmptied
            | Accident::LogCut
            | Accident::OlderLog
            | Accident::ForeignLog => vec![log.clone()],
            Accident::KeyRemoved | Accident::OtherKey => vec![key.clone()],
            _ => vec![store.clone(), log.clone()],
        };
        let copy = self.random.pick(0..self.copies.len()).map(|index| {
            (self.copies[index].file.clone(), self.copies[index].log.clone(), self.copies[index].at)
        });
        let older_log = self.random.pick(self.logs.clone());
        let backup = self.random.pick(self.backups.clone());
        match accident {
            Accident::OlderFile | Accident::OlderFileAndLog if copy.is_none() => return Ok(()),
            Accident::OlderLog if older_log.is_none() => return Ok(()),
            Accident::BackupAsItIs if backup.is_none() => return Ok(()),
            _ => {}
        }
        let foreign = if matches!(accident, Accident::ForeignFile | Accident::ForeignLog) {
            Some(self.foreign_store()?)
        } else {
            None
        };
        let in_place = self.random.once_in(2);
        let aside = self.set_aside(&files);
        match accident {
            Accident::OlderFile | Accident::OlderFileAndLog => {
                let (file, its_log, at) = copy.ok_or("no copy")?;
                self.put(&file, &store, in_place);
                if matches!(accident, Accident::OlderFileAndLog) {
                    let _ = fs::remove_file(&log);
                    if let Some(its_log) = &its_log {
                        fs::copy(its_log, &log).unwrap();
                    }
                }
                states = self.ledger.history[..at.min(before)].to_vec();
                states.push(self.ledger.devices.clone());
            }
            Accident::LogRemoved => fs::remove_file(&log).unwrap(),
            Accident::LogEmptied => fs::write(&log, b"").unwrap(),
            Accident::LogCut => {
                let length = fs::metadata(&log).unwrap().len();
                let left = if self.random.once_in(3) {
                    self.random.in_range(0..length.max(1))
                } else {
                    frames(self.random.in_range(0..frame_count(length).max(1)))
                };
                fs::OpenOptions::new().write(true).open(&log).unwrap().set_len(left).unwrap();
            }
            Accident::OlderLog => drop(fs::copy(older_log.ok_or("no log")?, &log).unwrap()),
            Accident::ForeignFile => {
                let (file, _) = foreign.ok_or("no other store")?;
                self.put(&file, &store, in_place);
            }
            Accident::ForeignLog => {
                fs::copy(foreign.ok_or("no other store")?.1, &log).unwrap();
            }
            Accident::StoreRemoved => {
                fs::remove_file(&store).unwrap();
                if self.random.once_in(2) {
                    let _ = fs::remove_file(&log);
                }
                outcome = Outcome::Refused;
            }
            Accident::StoreEmptied | Accident::StoreCut => {
                let length = if matches!(accident, Accident::StoreCut) { 4_096 } else { 0 };
                fs::OpenOptions::new()
                    .write(true)
                    .open(&store)
                    .unwrap()
                    .set_len(length)
                    .unwrap();
                if self.random.once_in(2) {
                    let _ = fs::remove_file(&log);
                }
            }
            Accident::KeyRemoved => {
                fs::remove_file(&key).unwrap();
                outcome = Outcome::Refused;
            }
            Accident::OtherKey => {
                let other = new_key(&mut self.random);
                self.write_keys(&[other]);
                outcome = Outcome::Refused;
            }
            Accident::BackupAsItIs => {
                let (backup, devices) = backup.ok_or("no backup")?;
                self.put(&backup, &store, in_place);
                states = vec![devices];
                outcome = Outcome::Refused;
            }
        }
        self.note(format!("{accident:?}{}; start", if in_place { ", in place" } else { "" }));
        // SQLite makes the index of the log anew.
        if self.random.once_in(2) {
            let _ = fs::remove_file(beside(&store, "-shm"));
        }
        let Some(words) = self.serve_or_refuse()? else {
            return match outcome {
                Outcome::Refused => Err(format!("{accident:?}, and the agent serves")),
                Outcome::ServedOrRefused => Ok(()),
            };
        };
        self.note(format!("… refused: {}", words.trim()));
        self.refusal_is_clear(&words)?;
        if matches!(accident, Accident::KeyRemoved) && key.exists() {
            return Err("the sealing key was not there, and a new one was written".to_owned());
        }
        if !matches!(accident, Accident::KeyRemoved | Accident::OtherKey) && store.exists() {
            let ended = self.place.run(&["store", "check"], &store);
            if ended.exit == Some(0) && !matches!(accident, Accident::BackupAsItIs) {
                return Err(format!(
                    "{accident:?}: the agent refuses the store, and store check finds nothing: \
                     {ended:?}"
                ));
            }
        }
        if !states.is_empty() && words.contains("store restore") && self.random.once_in(2) {
            self.note("… the remedy: store restore");
            match self.place.run(&["store", "restore", "--yes"], &store) {
                Ended { exit: Some(0), .. } => return self.serve_restored(&states, false),
                ended => {
                    self.note(format!("… which refuses: {}", ended.said.trim()));
                    self.refusal_is_clear(&ended.said)?;
                }
            }
        }
        self.note("… the remedy: the right files are put back; start");
        self.put_back(aside);
        self.serve()
    }

    /// Takes files away, and leaves copies of them behind.
    pub(crate) fn set_aside(&mut self, files: &[PathBuf]) -> Aside {
        let mut aside = Vec::new();
        for file in files {
            let to = self.place.new_name("aside");
            if !file.exists() {
                aside.push((file.clone(), None));
            } else {
                fs::copy(file, &to).unwrap();
                aside.push((file.clone(), Some(to)));
            }
        }
        Aside(aside)
    }

    pub(crate) fn put_back(&mut self, aside: Aside) {
        for (file, kept) in aside.0 {
            match kept {
                Some(kept) => self.put(&kept, &file, false),
                None => drop(fs::remove_file(&file)),
            }
        }
        let _ = fs::remove_file(beside(&self.place.store, "-shm"));
    }

    /// A refusal names a file and says what to do.
    pub(crate) fn refusal_is_clear(&self, words: &str) -> Result<(), Fault> {
        let names = words.contains(&*self.place.path("").to_string_lossy());
        let remedy = [
            "twostep store restore",
            "put ",
            "move ",
            "remove ",
            "name another",
            "start with",
            "restore the",
            "restore a backup",
            "wait",
        ];
        let remedy = remedy.iter().any(|remedy| words.contains(remedy));
        if names && remedy {
            Ok(())
        } else {
            Err(format!("a refusal names no file or no remedy: {words:?}"))
        }
    }

    /// The file and the log of a store that has nothing to do with this one, but the sealing keys.
    fn foreign_store(&mut self) -> Result<(PathBuf, PathBuf), Fault> {
        let store = self.place.new_name("foreign");
        let key = beside(&store, ".key");
        // Keys that are there before the store is made must be said to be meant: this one is
        // configured.
        fs::copy(self.place.key(), &key).unwrap();
        let agent = match self.place.start_on(1, &store, &key)? {
            Ok(agent) => agent,
            Err(ended) => {
                return Err(format!(
                    "a configured key is there, no store is, and the agent refuses: {ended:?}"
                ));
            }
        };
        let body =
            serde_json::json!({"account": "stranger", "kind": "totp", "serial": "STRANGER0001"});
        if agent.client.post("/v1/devices", body).status != 201 {
            return Err("another store does not take a device".to_owned());
        }
        let log = beside(&store, ".log");
        fs::copy(beside(&store, "-wal"), &log).unwrap();
        agent.signal(Signal::SIGTERM);
        agent.end(super::place::LIMIT)?;
        Ok((store, log))
    }

    /// The store moves: renamed, or copied and removed.
    pub(crate) fn move_store(&mut self) -> Result<(), Fault> {
        let (from, log) = (self.place.store.clone(), self.place.log_of_store());
        let to = from.with_file_name(format!("moved-{}.db", self.random.below(3)));
        if to == from || to.exists() {
            return Ok(());
        }
        let by_copy = self.random.once_in(2);
        let complete = !log.exists();
        self.note(format!(
            "move the store to {}{}",
            to.display(),
            if by_copy { " by copying" } else { "" }
        ));
        let carry = |from: &PathBuf, to: &PathBuf| {
            if by_copy {
                fs::copy(from, to).unwrap();
                fs::remove_file(from).unwrap();
            } else {
                fs::rename(from, to).unwrap();
            }
        };
        carry(&from, &to);
        let _ = fs::remove_file(beside(&to, "-wal"));
        if !complete {
            carry(&log, &beside(&to, "-wal"));
        }
        self.place.store = to.clone();
        if complete {
            return self.serve();
        }
        let Some(words) = self.serve_or_refuse()? else { return Ok(()) };
        self.note(format!("… refused: {}", words.trim()));
        self.refusal_is_clear(&words)?;
        if words.contains("store restore") && self.random.once_in(2) {
            return self.restore_in_place();
        }
        self.note("… the remedy: it is moved back");
        self.place.store = from.clone();
        fs::rename(&to, &from).unwrap();
        fs::rename(beside(&to, "-wal"), &log).unwrap();
        let _ = fs::remove_file(beside(&to, "-shm"));
        self.serve()
    }
}

/// The length of a log with so many frames of 4,096 bytes.
fn frames(count: u64) -> u64 {
    if count == 0 { 0 } else { 32 + count * (24 + 4_096) }
}

fn frame_count(length: u64) -> u64 {
    length.saturating_sub(32) / (24 + 4_096)
}
