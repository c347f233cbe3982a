//! `twostep demo`: the whole journey in one process, on a store that is thrown away.

mod acts;
mod narrator;
mod stage;

use serde_json::json;

use crate::cli::demo::narrator::Narrator;
use crate::cli::demo::stage::Stage;
use crate::cli::output::{Exit, Failure, Report};
use crate::cli::qr::Qr;

/// Show everything once, with a simulated token, on a store that is thrown away
///
/// Adds a device, activates it, accepts a code and refuses the same code again, lets the token
/// drift out of reach, finds it again with two codes, opens a session, validates it and revokes it.
/// The demo needs no agent, no token and no waiting, and leaves nothing behind. Each printed
/// outcome was checked.
#[derive(clap::Args)]
pub(super) struct Demo {
    /// The drawing of the QR code
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    qr: Qr,
}

impl Demo {
    pub(super) async fn run(&self, json: bool) -> Result<Report, Failure> {
        let mut narrator = Narrator::new(json);
        narrator.preface(
            "One token, from its first code to a session that another service checks.\n\
             The token is simulated, and its clock and ours are moved by hand. Nothing is kept.",
        );
        let mut stage = Stage::new()?;
        acts::add(&mut stage, &mut narrator, self.qr).await?;
        acts::activate(&mut stage, &mut narrator).await?;
        let spent = acts::verify(&mut stage, &mut narrator).await?;
        acts::replay(&mut stage, &mut narrator, spent).await?;
        acts::drift(&mut stage, &mut narrator).await?;
        acts::out_of_sync(&mut stage, &mut narrator).await?;
        let proof = acts::resync(&mut stage, &mut narrator).await?;
        let signed = acts::issue(&stage, &mut narrator, proof).await?;
        acts::validate(&stage, &mut narrator, &signed).await?;
        acts::revoke(&stage, &mut narrator, &signed).await?;
        narrator.epilogue(
            "That was all of it. For real use, in two terminals:\n\n    \
             twostep agent\n    \
             twostep device add --kind totp",
        );
        Ok(Report::new(json!({"ok": true, "steps": narrator.into_steps()}), ""))
    }
}

/// The end of a demo that saw something unexpected.
fn otherwise(expected: &str, seen: impl std::fmt::Display) -> Failure {
    let stopped =
        format!("the demo stops here; {expected} was expected, and this was seen: {seen}");
    Failure::new(Exit::Refused, stopped).hint(
        "This is a fault of twostep, or of this machine: please report it with the output above.",
    )
}
