//! Refusals by the relying party.

use super::webauthn;
use crate::guest::{Agent, Case, Key, Outcome, Wire};

fn enrolled_already(key: &[&str]) -> Outcome {
    let _key = Key::plug(Wire::Uhid, "REF-1", key)?;
    let agent = Agent::start("")?;
    agent.enroll("ann")?;
    let again = agent.twostep(&["key", "enroll", "--account", "ann", "--wait", "10"])?;
    again.with_code(1)?.saying("enrolled already").map(drop)
}

fn clone_of_a_key(key: &[&str]) -> Outcome {
    let key = Key::plug(Wire::Uhid, "REF-2", key)?;
    let agent = Agent::start("")?;
    agent.enroll("ann")?;
    key.tell("save /tmp/clone")?;
    // OpenSK raises its counter by a random one to eight for each assertion: after eight logins
    // without the clone, the clone's counter is at or below the agent's in any case.
    for _ in 0..8 {
        agent.login("ann")?;
    }
    key.tell("restore /tmp/clone")?;
    key.node()?;
    agent
        .twostep(&["login", "--key", "--account", "ann", "--wait", "20"])?
        .with_code(1)?;
    agent.audited("sign_count")
}

fn key_of_another_account() -> Outcome {
    let (_ann, agent) = two_accounts()?;
    let ran = agent.twostep(&["login", "--key", "--account", "bob", "--wait", "3"])?;
    ran.with_code(4)?.saying("enrolled for this account").map(drop)
}

fn assertion_of_another_account() -> Outcome {
    let (ann, agent) = two_accounts()?;
    let id = webauthn::only_credential(&webauthn::begin_login(&agent, "ann")?)?;
    let begun = webauthn::begin_login(&agent, "bob")?;
    let body = webauthn::signed_by_fido2_assert(&begun, "bob", &id, &ann.node()?, &[])?;
    agent.post("/v1/sessions", &body, 403)?;
    // The same key and request open a session of its own account.
    let begun = webauthn::begin_login(&agent, "ann")?;
    let body = webauthn::signed_by_fido2_assert(&begun, "ann", &id, &ann.node()?, &[])?;
    agent.post("/v1/sessions", &body, 201).map(drop)
}

fn ceremony_again() -> Outcome {
    let key = Key::plug(Wire::Uhid, "REF-5", &[])?;
    let agent = Agent::start("")?;
    let begun = webauthn::begin_enrolment(&agent, "ann")?;
    let body = webauthn::made_by_fido2_cred(&begun, &key.node()?, &[])?;
    agent.post("/v1/security-keys/register/finish", &body, 201)?;
    let (status, document) = agent.http("POST", "/v1/security-keys/register/finish", &body)?;
    if !(400..500).contains(&status) {
        return Err(format!("a registration was taken twice: {status} {document}"));
    }
    let begun = webauthn::begin_login(&agent, "ann")?;
    let id = webauthn::only_credential(&begun)?;
    let body = webauthn::signed_by_fido2_assert(&begun, "ann", &id, &key.node()?, &[])?;
    agent.post("/v1/sessions", &body, 201)?;
    agent.post("/v1/sessions", &body, 403).map(drop)
}

fn key_that_is_not_enrolled() -> Outcome {
    let enrolled = Key::plug(Wire::Uhid, "REF-6", &[])?;
    let agent = Agent::start("")?;
    agent.enroll("ann")?;
    drop(enrolled);
    let _other = Key::plug(Wire::Uhid, "REF-7", &[])?;
    agent
        .twostep(&["login", "--key", "--account", "ann", "--wait", "3"])?
        .with_code(4)?
        .saying("plug in the one that is")
        .map(drop)
}

fn touch_denied() -> Outcome {
    let key = Key::plug(Wire::Uhid, "REF-8", &[])?;
    let agent = Agent::start("")?;
    agent.enroll("ann")?;
    key.tell("finger deny")?;
    agent
        .twostep(&["login", "--key", "--account", "ann", "--wait", "20"])?
        .with_code(1)?
        .saying("declined")
        .map(drop)
}

fn never_touched() -> Outcome {
    let key = Key::plug(Wire::Uhid, "REF-9", &[])?;
    let agent = Agent::start("")?;
    agent.enroll("ann")?;
    key.tell("finger never")?;
    agent
        .twostep(&["login", "--key", "--account", "ann", "--wait", "2"])?
        .with_code(4)?
        .saying("not touched in time")?;
    // The program waits no longer, so the key must stop blinking.
    key.dark()
}

/// Ann's key, plugged in, and an agent that has a key of Bob's as well.
fn two_accounts() -> Result<(Key, Agent), String> {
    let agent = Agent::start("")?;
    let bob = Key::plug(Wire::Uhid, "REF-3", &[])?;
    agent.enroll("bob")?;
    drop(bob);
    let ann = Key::plug(Wire::Uhid, "REF-4", &[])?;
    agent.enroll("ann")?;
    Ok((ann, agent))
}

pub(super) const CASES: &[Case] = &[
    Case::new("refused.key-that-is-enrolled-already", || enrolled_already(&[])).on_real_keys(),
    Case::new("refused.u2f-key-that-is-enrolled-already", || enrolled_already(&["--u2f-only"])),
    Case::new("refused.clone-of-a-key", || clone_of_a_key(&[])),
    Case::new("refused.clone-of-a-u2f-key", || clone_of_a_key(&["--u2f-only"])),
    Case::new("refused.key-of-another-account", key_of_another_account),
    Case::new("refused.assertion-of-another-account", assertion_of_another_account),
    Case::new("refused.ceremony-again", ceremony_again).on_real_keys(),
    Case::new("refused.key-that-is-not-enrolled", key_that_is_not_enrolled),
    Case::new("refused.touch-denied", touch_denied),
    Case::new("refused.never-touched", never_touched),
];
