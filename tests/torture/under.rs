//! Exchanges of a store's files while an agent serves from it, and full disks.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::json;

use super::ledger::{Fault, Held};
use super::people::Told;
use super::place::{LIMIT, beside};
use super::round::Round;

/// Ways to exchange the files.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Exchange {
    /// Another file is renamed into the store's place, as rsync does.
    Renamed,
    /// An older copy is written into the store's file, as `cp` does.
    Overwritten,
    /// Bytes that are no database are.
    Garbled,
    Removed,
    /// A link to another file is where the store was.
    Linked,
    LogRenamed,
    LogRemoved,
    /// The whole folder is another one.
    Folder,
}

impl Exchange {
    pub(crate) const ALL: [Exchange; 8] = [
        Exchange::Renamed,
        Exchange::Overwritten,
        Exchange::Garbled,
        Exchange::Removed,
        Exchange::Linked,
        Exchange::LogRenamed,
        Exchange::LogRemoved,
        Exchange::Folder,
    ];
}

impl Round {
    /// The agent notices that what it writes to is not the store any more, and ends. Nothing
    /// acknowledged is lost.
    pub(crate) fn replace_under_the_agent(&mut self) -> Result<(), Fault> {
        let exchange = self.random.pick(Exchange::ALL).unwrap();
        self.exchange(exchange)
    }

    pub(crate) fn exchange(&mut self, exchange: Exchange) -> Result<(), Fault> {
        if self.place.disk.is_some() && matches!(exchange, Exchange::Folder) {
            return Ok(());
        }
        self.note(format!("under the agent: {exchange:?}"));
        let (store, log) = (self.place.store.clone(), self.place.log_of_store());
        let (folder, aside) =
            (store.parent().unwrap().to_owned(), beside(store.parent().unwrap(), ".aside"));
        let file = match exchange {
            Exchange::LogRenamed | Exchange::LogRemoved => log,
            _ => store.clone(),
        };
        if !file.exists() {
            return Err(format!("an agent serves, and {} is not there", file.display()));
        }
        let kept = beside(&file, ".aside");
        let older = self.random.pick(self.copies.iter().map(|copy| copy.file.clone()));
        match exchange {
            Exchange::Folder => {
                fs::rename(&folder, &aside).unwrap();
                copy_folder(&aside, &folder);
            }
            Exchange::Overwritten => {
                fs::copy(&file, &kept).unwrap();
                fs::copy(older.unwrap_or_else(|| kept.clone()), &file).unwrap();
            }
            Exchange::Garbled => {
                fs::copy(&file, &kept).unwrap();
                let length = usize::try_from(fs::metadata(&file).unwrap().len()).unwrap();
                let mut opened = fs::OpenOptions::new().write(true).open(&file).unwrap();
                opened.write_all(&vec![0xaa; length]).unwrap();
            }
            _ => fs::rename(&file, &kept).unwrap(),
        }
        match exchange {
            Exchange::Renamed | Exchange::LogRenamed => drop(fs::copy(&kept, &file).unwrap()),
            Exchange::Linked => {
                let other = beside(&file, ".other");
                fs::copy(&kept, &other).unwrap();
                symlink(&other, &file).unwrap();
            }
            Exchange::Overwritten
            | Exchange::Garbled
            | Exchange::Removed
            | Exchange::LogRemoved
            | Exchange::Folder => {}
        }
        self.calm = false;
        for _ in 0..self.random.below(4) {
            match self.random.below(3) {
                0 => self.enrol()?,
                1 => self.change_a_device()?,
                _ => self.verify()?,
            }
        }
        if matches!(exchange, Exchange::Overwritten | Exchange::Garbled) {
            return self.overwritten(&kept);
        }
        for mut agent in std::mem::take(&mut self.agents) {
            let ready = agent
                .runs()
                .then(|| agent.client.try_raw("GET", "/readyz", &[], b""))
                .and_then(Result::ok);
            if ready.is_some_and(|ready| ready.status == 200) {
                return Err(format!("{exchange:?} under the agent, and it is ready"));
            }
            let ended = agent.end(LIMIT)?;
            if ended.exit == Some(0) {
                return Err(format!(
                    "{exchange:?} under the agent, and it ends as if nothing were wrong: {ended:?}"
                ));
            }
            self.note(format!("… ended: {}", last_line(&ended.said)));
            self.refusal_is_clear(&ended.said)?;
        }
        self.calm = true;
        match exchange {
            Exchange::Folder => {
                fs::remove_dir_all(&folder).unwrap();
                fs::rename(&aside, &folder).unwrap();
            }
            _ => {
                self.note("… the right file is put back");
                fs::rename(&kept, &file).unwrap();
            }
        }
        self.serve()
    }

    /// The file is the same to the system, so the agent may go on; but nothing of its log may be
    /// lost when it ends.
    fn overwritten(&mut self, kept: &PathBuf) -> Result<(), Fault> {
        let signal = self.random.pick([Signal::SIGTERM, Signal::SIGKILL]).unwrap();
        self.note(format!("… and {signal}"));
        for mut agent in std::mem::take(&mut self.agents) {
            if agent.runs() {
                agent.signal(signal);
            }
            let ended = agent.end(LIMIT)?;
            self.note(format!("… ended with {:?}: {}", ended.exit, last_line(&ended.said)));
        }
        self.calm = true;
        let Some(words) = self.serve_or_refuse()? else {
            let _ = fs::remove_file(kept);
            return Ok(());
        };
        self.note(format!("… refused: {}; the right bytes are put back", words.trim()));
        self.refusal_is_clear(&words)?;
        fs::copy(kept, &self.place.store).unwrap();
        let _ = fs::remove_file(kept);
        self.serve()
    }

    /// The disk is full: what is refused is not done, the agent stays, and goes on when there is
    /// room.
    pub(crate) fn fill_the_disk(&mut self) -> Result<(), Fault> {
        let Some(disk) = &self.place.disk else { return Ok(()) };
        disk.fill();
        self.note("the disk is full");
        self.calm = false;
        let mut failed = false;
        for _ in 0..12 {
            match self.random.below(3) {
                0 => self.enrol()?,
                1 => self.change_a_device()?,
                _ => self.verify()?,
            }
            let held = self
                .ledger
                .tokens
                .values()
                .any(|token| matches!(token.held, Some(Held::Good(_))));
            if held && !failed {
                failed = true;
                self.not_ready_while_full()?;
            }
        }
        match self.random.below(5) {
            0 => return self.end_while_full(Signal::SIGKILL),
            1 => return self.end_while_full(Signal::SIGTERM),
            2 => self.backup_to_the_full_disk()?,
            _ => {}
        }
        self.room_again();
        for agent in &mut self.agents {
            if !agent.runs() {
                return Err(format!("a full disk ends the agent: {}", agent.said()));
            }
        }
        self.recovers()?;
        self.calm = true;
        for serial in self.ledger.serials(|_| true) {
            if matches!(self.token(&serial).held, Some(Held::Good(_))) {
                self.verify_with(&serial)?;
            }
        }
        match self.look()? {
            None => Ok(()),
            Some(words) => Err(format!("there is room again, and the agent is not ready: {words}")),
        }
    }

    fn room_again(&self) {
        if let Some(disk) = &self.place.disk {
            disk.clear();
        }
        self.note("there is room again");
    }

    /// The agents end while the disk is full; one is started meanwhile, which serves or says why it
    /// does not.
    fn end_while_full(&mut self, signal: Signal) -> Result<(), Fault> {
        self.note(format!("{signal} while the disk is full"));
        for agent in std::mem::take(&mut self.agents) {
            agent.signal(signal);
            agent.end(LIMIT)?;
        }
        if self.random.once_in(2) {
            self.note("start on the full disk");
            match self.place.start(0)? {
                Ok(agent) => drop(agent),
                Err(ended) => self.note(format!("… refused: {}", last_line(&ended.said))),
            }
        }
        self.room_again();
        self.calm = true;
        self.serve()
    }

    fn backup_to_the_full_disk(&mut self) -> Result<(), Fault> {
        let to = self.place.path("state/backup.db");
        self.note("backup to the full disk");
        match self.ask("POST", "/v1/store/backup", &json!({"path": to}))? {
            Told::Done(_) => Err("a backup to a full disk succeeds".to_owned()),
            _ if to.exists() => Err("a backup to a full disk fails, and its file stays".to_owned()),
            _ => Ok(()),
        }
    }

    fn not_ready_while_full(&mut self) -> Result<(), Fault> {
        // Of two agents the other one may not have noticed.
        let [agent] = &mut self.agents[..] else { return Ok(()) };
        match agent.client.try_raw("GET", "/readyz", &[], b"") {
            Ok(answer) if answer.status == 503 && answer.text().contains("\"store\"") => Ok(()),
            Ok(answer) => Err(format!(
                "the disk is full, a commit has failed, and /readyz answers {} {}",
                answer.status,
                answer.text()
            )),
            Err(error) => Err(format!(
                "a full disk ends the agent, or it does not answer: {error}: {}",
                agent.said()
            )),
        }
    }

    /// Waits until all agents are ready.
    fn recovers(&mut self) -> Result<(), Fault> {
        let deadline = Instant::now() + LIMIT;
        for agent in &mut self.agents {
            loop {
                match agent.client.try_raw("GET", "/readyz", &[], b"") {
                    Ok(answer) if answer.status == 200 => break,
                    answer if Instant::now() > deadline || !agent.runs() => {
                        return Err(format!(
                            "there is room again, and the agent is not ready, or not there: \
                             {answer:?}: {}",
                            agent.said()
                        ));
                    }
                    _ => sleep(Duration::from_millis(10)),
                }
            }
        }
        Ok(())
    }
}

fn last_line(text: &str) -> &str {
    text.trim().lines().last().unwrap_or_default()
}

fn copy_folder(from: &PathBuf, to: &PathBuf) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
