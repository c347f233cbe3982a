//! Confirmation of a command that takes something away for good.

use clap::Args;

use crate::cli::output::Failure;
use crate::cli::{prompt, terminal};

/// Consent to a command that cannot be undone.
#[derive(Args)]
pub(super) struct Meant {
    /// Do it without a question; without a terminal it is not done otherwise
    #[arg(long)]
    yes: bool,
}

impl Meant {
    /// Sees that the question can be asked, before anything else is.
    ///
    /// # Errors
    /// There is neither a terminal nor `--yes`.
    pub(super) fn possible(&self, what: &str) -> Result<(), Failure> {
        match self.yes || prompt::is_terminal() {
            true => Ok(()),
            false => Err(Failure::bad_input(format!("nothing was changed: {what}"))
                .hint("If it is meant: --yes")),
        }
    }

    /// Asks at a terminal whether `what` is meant. `what` is a sentence without its full stop.
    ///
    /// # Errors
    /// Another answer than `yes`, or neither a terminal nor `--yes`: nothing was changed.
    pub(super) fn sure(&self, what: &str) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        self.possible(what)?;
        terminal::say(&format!("{what}. Type yes: "));
        let mut typed = String::new();
        match std::io::stdin().read_line(&mut typed) {
            Ok(_) if typed.trim() == "yes" => Ok(()),
            _ => Err(Failure::bad_input("nothing was changed")),
        }
    }
}
