//! Secrets of pending apps: the session that began an enrolment sees its secret again, and no other
//! session does.

use zeroize::Zeroizing;

use crate::agent::console::kept::{LONGEST, Session};
use crate::agent::state::State;
use crate::id::SerialNumber;
use crate::otp::Seed;
use crate::store::ItemKind;
use crate::verifier::{Error, Keep};

/// Keeps the secret of a device for this session, as long as the session may last.
pub(super) async fn keep(
    state: &State,
    session: &Session,
    serial: &SerialNumber,
    seed: &Seed,
) -> Result<(), Error> {
    let text = Zeroizing::new(seed.to_base32());
    let kept = Keep {
        kind: ItemKind::ConsoleSecret,
        account: &session.account,
        value: &value(session, serial),
        body: text.as_bytes(),
        expires_at: session.began.plus(LONGEST),
        replaces: None,
    };
    state.verifier.keep(kept).await.map(drop)
}

/// The secret of a device whose enrolment this session began.
pub(super) async fn find(
    state: &State,
    session: &Session,
    serial: &SerialNumber,
) -> Result<Option<Seed>, Error> {
    let kept = state.verifier.kept(ItemKind::ConsoleSecret, &value(session, serial)).await?;
    let text = kept.as_ref().and_then(|kept| std::str::from_utf8(kept.body.expose()).ok());
    Ok(text.and_then(|text| Seed::from_base32(text).ok()))
}

/// Bound to the session and all values that it has in its time.
fn value(session: &Session, serial: &SerialNumber) -> Vec<u8> {
    [session.root.as_bytes(), b"\0", serial.as_str().as_bytes()].concat()
}
