//! The seam to the hardware: who is plugged in, and one report in, one report out.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::Error;
use super::key::Key;

/// A bus of security keys.
pub trait Bus: Send + Sync {
    /// Every interface with usage page F1D0, usage 01.
    ///
    /// # Errors
    /// [`Error::Bus`] if the machine cannot say.
    fn keys(&self) -> Result<Vec<Key>, Error>;

    /// Opens one.
    ///
    /// # Errors
    /// See [`NotOpened`].
    fn open(&self, path: &Path) -> Result<Box<dyn Transport>, NotOpened>;

    /// Returns a function that waits for a key to come or go, at most as long as its argument. Only
    /// the calling thread uses it.
    fn watch(&self) -> Box<dyn FnMut(Duration)>;
}

/// One open key. Reports of every program that has it open arrive here.
pub trait Transport: Send {
    /// The lengths of the reports in and out, in bytes. Only 8 to 64 are used.
    fn report_lengths(&self) -> (usize, usize);

    /// Sends one report.
    ///
    /// # Errors
    /// [`Unplugged`].
    fn write(&mut self, report: &[u8]) -> Result<(), Unplugged>;

    /// Receives one report and says how long it is; `None` if none came in time. What does not fit
    /// is left out.
    ///
    /// # Errors
    /// [`Unplugged`].
    fn read(&mut self, report: &mut [u8], within: Duration) -> Result<Option<usize>, Unplugged>;
}

/// The key is not there any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unplugged;

/// The reason why a key was not opened.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotOpened {
    /// The system does not allow this user to open the node.
    NotAllowed(PathBuf),
    /// The key was unplugged.
    Gone,
    /// Another program has locked the node.
    InUse,
    /// Another error, in the system's words.
    Other(String),
}
