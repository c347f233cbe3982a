//! Rotation of the sealing keys.

use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::thread::sleep;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nix::sys::signal::Signal;
use test_support::random::Random;

use super::ledger::Fault;
use super::place::{LIMIT, beside};
use super::round::Round;

impl Round {
    /// A new key first, SIGHUP; then, mostly, the old lines go, by SIGHUP or at the next start.
    pub(crate) fn rotate_by_signal(&mut self) -> Result<(), Fault> {
        self.note("a new sealing key, by SIGHUP");
        self.keys.insert(0, new_key(&mut self.random));
        self.write_keys(&self.keys.clone());
        if self.random.once_in(4) {
            self.note("… and SIGKILL in the middle of it");
            let after = Duration::from_micros(self.random.in_range(0..6_000));
            self.agents.iter().for_each(|agent| agent.signal(Signal::SIGHUP));
            sleep(after);
            return self.stop(Signal::SIGKILL);
        }
        self.hang_up()?;
        self.verify()?;
        if self.random.once_in(3) {
            return Ok(());
        }
        self.note("the old sealing keys are dropped");
        self.write_keys(&self.keys[..1]);
        if self.random.once_in(2) {
            self.hang_up()?;
        }
        self.verify()
    }

    /// SIGHUP, and it was obeyed by all.
    fn hang_up(&mut self) -> Result<(), Fault> {
        for agent in &self.agents {
            let before = agent.said().matches(REREAD).count();
            agent.signal(Signal::SIGHUP);
            let deadline = Instant::now() + LIMIT;
            while agent.said().matches(REREAD).count() == before {
                if agent.said().contains("the old sealing keys stay") || Instant::now() > deadline {
                    return Err(format!("the keys are not read again: {}", agent.said()));
                }
                sleep(Duration::from_millis(2));
            }
        }
        Ok(())
    }

    /// A new key first, a restart; the old lines go at the next one.
    pub(crate) fn rotate_by_restart(&mut self) -> Result<(), Fault> {
        self.note("a new sealing key, by a restart");
        self.keys.insert(0, new_key(&mut self.random));
        self.write_keys(&self.keys.clone());
        self.serve()?;
        let began = Instant::now();
        let patient = self.random.once_in(2);
        loop {
            let signal = self.random.pick([Signal::SIGTERM, Signal::SIGKILL]).unwrap();
            self.stop(signal)?;
            self.note("the old sealing keys are dropped; start");
            self.write_keys(&self.keys[..1]);
            let Some(words) = self.serve_or_refuse()? else { return Ok(()) };
            if !words.contains("key") {
                return Err(format!(
                    "an old key was dropped, and the refusal speaks of none: {words}"
                ));
            }
            if began.elapsed() > LIMIT {
                return Err(format!(
                    "a new key came with a restart, and after {LIMIT:?} the old one is still \
                     needed: {words}"
                ));
            }
            self.note("… refused; the old keys are put back");
            self.write_keys(&self.keys.clone());
            self.serve()?;
            if !patient {
                return Ok(());
            }
            sleep(Duration::from_millis(200));
        }
    }

    pub(crate) fn write_keys(&self, keys: &[String]) {
        use std::io::Write;
        let new = beside(&self.place.key(), ".new");
        let mut file = fs::OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&new)
            .unwrap();
        file.write_all(keys.iter().map(|key| format!("{key}\n")).collect::<String>().as_bytes())
            .unwrap();
        fs::rename(new, self.place.key()).unwrap();
    }
}

pub(crate) fn new_key(random: &mut Random) -> String {
    STANDARD.encode(&[random.bytes(), random.bytes()].concat()[..32])
}

const REREAD: &str = "the sealing keys were read again";
