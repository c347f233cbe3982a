//! A nightly job that runs only if MFA was proved in the last twelve hours. Works offline: reads
//! the issuer's public keys from one file, and the context left for it from another.

mod person;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use twostep::policy::Policy;
use twostep::session::{JwkSet, SessionContext, SignedContext, Validator};
use twostep::time::Clock;

/// Returns the context, or the reason why the job must not run. A missing file is a refusal.
fn permission(
    keys: &Path,
    context: &Path,
    clock: Arc<dyn Clock>,
) -> Result<SessionContext, Box<dyn Error>> {
    let now = clock.read().wall;
    let validator =
        Validator::new(JwkSet::from_json(&fs::read(keys)?)?, "https://mfa.example", "nightly-job")
            .with_clock(clock);
    let context =
        validator.validate(&SignedContext::new(fs::read_to_string(context)?.trim_end()))?;
    let decision = Policy::max_age(Duration::from_secs(12 * 3_600)).decide(&context, now);
    if decision.is_allowed() { Ok(context) } else { Err(decision.reason().to_string().into()) }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (alice, folder) = (person::Alice::new().await?, tempfile::tempdir()?);
    let (keys, context) = (folder.path().join("jwks.json"), folder.path().join("context"));
    fs::write(&keys, alice.issuer.jwks().await?.to_json())?;
    let job = || match permission(&keys, &context, Arc::new(alice.clock.clone())) {
        Ok(context) => {
            println!("the job runs for {}", context.account());
            true
        }
        // A real job ends here, with an exit code that alerts its operator.
        Err(reason) => {
            println!("the job does not run: {reason}");
            false
        }
    };

    assert!(!job(), "no context was left");
    fs::write(&context, alice.by_code("another-job").await?)?;
    assert!(!job(), "a context for another job");
    fs::write(&context, alice.by_code("nightly-job").await?)?;
    assert!(job());
    alice.clock.advance(Duration::from_secs(13 * 3_600));
    assert!(!job(), "the context is too old");
    Ok(())
}
