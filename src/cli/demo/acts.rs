//! The steps of the demo. Each does one thing, checks what came of it, and tells it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::cli::demo::narrator::Narrator;
use crate::cli::demo::otherwise;
use crate::cli::demo::stage::{ISSUER, Stage, broken};
use crate::cli::output::Failure;
use crate::cli::qr::{Drawing, Qr};
use crate::cli::unverified;
use crate::device::{DeviceState, Factor, Refusal};
use crate::otp;
use crate::otp::{Code, Drift, KeyUri, Totp, Window};
use crate::session::{Introspector, Invalid, JwkSet, SignedContext, Validator};
use crate::verifier::{Authority, Error, NewDevice, NewFactor, Verified};

pub(super) async fn add(stage: &mut Stage, narrator: &mut Narrator, qr: Qr) -> Result<(), Failure> {
    narrator.step("Add a device");
    narrator.tell(
        "Alice gets a token. Its secret is made here and shown this once: an authenticator app \
         scans it.",
    );
    let factor = NewFactor::Totp { parameters: Totp::default(), seed: None };
    let new = NewDevice {
        account: stage.account.clone(),
        serial: Some(stage.serial.clone()),
        name: None,
        factor,
    };
    let added = stage.verifier.add(new, &Authority::Service).await.map_err(broken)?;
    let seed = added.seed.ok_or_else(|| otherwise("a new secret", "none was made"))?;
    let (algorithm, digits) = (Totp::default().algorithm, Totp::default().digits);
    let factor = otp::MovingFactor::Time(Totp::default().step_size);
    let account = stage.account.to_string();
    let uri = KeyUri {
        issuer: Some(ISSUER.to_owned()),
        account,
        seed: seed.clone(),
        algorithm,
        digits,
        factor,
    };
    match qr.draw(&uri.to_text()) {
        Drawing::Drawn(drawing) => narrator.draw(&drawing),
        Drawing::NotWanted | Drawing::Impossible(_) => {
            narrator.tell("(On a terminal, its QR code is drawn here.)")
        }
    }
    stage.hand_out(&seed);
    if added.device.state != DeviceState::Pending {
        return Err(otherwise("a pending device", format!("{:?}", added.device.state)));
    }
    narrator.outcome(format!(
        "{} is pending: no code has shown yet that the secret arrived.",
        stage.serial
    ));
    Ok(())
}

pub(super) async fn activate(stage: &mut Stage, narrator: &mut Narrator) -> Result<(), Failure> {
    narrator.step("Activate it with two consecutive codes");
    let first = stage.token()?.text_at(stage.now());
    stage.clock.advance(STEP);
    let second = stage.token()?.text_at(stage.now());
    narrator.tell(format!(
        "Alice types the code on display, {first}, waits for the next, and types {second}."
    ));
    let pair = [code(&first)?, code(&second)?];
    let device = stage
        .verifier
        .activate(&stage.serial, [&pair[0], &pair[1]], Window::Owner, &Authority::Service)
        .await;
    let device = device.map_err(broken)?;
    if device.state != DeviceState::Active {
        return Err(otherwise("an active device", format!("{:?}", device.state)));
    }
    narrator
        .outcome("The device is active. Both codes are spent: a code is good for one thing, once.");
    Ok(())
}

/// Returns the code that is spent now.
pub(super) async fn verify(stage: &mut Stage, narrator: &mut Narrator) -> Result<String, Failure> {
    narrator.step("Verify a code");
    stage.clock.advance(2 * STEP);
    let typed = stage.token()?.text_at(stage.now());
    narrator.tell(format!("A minute later a service asks for a code. Alice types {typed}."));
    let verified = stage
        .verifier
        .verify_code(&stage.account, &stage.serial, code(&typed)?)
        .await
        .map_err(broken)?;
    narrator.outcome(format!("Accepted: this is {}, at {}.", verified.account(), verified.at()));
    Ok(typed)
}

pub(super) async fn replay(
    stage: &mut Stage,
    narrator: &mut Narrator,
    spent: String,
) -> Result<(), Failure> {
    narrator.step("The same code again is refused");
    narrator
        .tell(format!("A thief looked over her shoulder, and types {spent} five seconds later."));
    stage.clock.advance(Duration::from_secs(5));
    let wait = match stage.verifier.verify_code(&stage.account, &stage.serial, code(&spent)?).await
    {
        Err(Error::Refused(Refusal::Replayed { next_code_at: Some(next) })) => {
            next.since(stage.now()).as_secs()
        }
        other => return Err(otherwise("a refused replay", seen(other))),
    };
    let device = stage.device().await?;
    if device.throttle.failures != 0 {
        return Err(otherwise(
            "that a replay counts as no failure",
            format!("{} failures", device.throttle.failures),
        ));
    }
    narrator.outcome(format!(
        "Refused: used already. Alice is not held up by it; her next code shows in {wait} s."
    ));
    stage.clock.advance(Duration::from_secs(25));
    Ok(())
}

pub(super) async fn drift(stage: &mut Stage, narrator: &mut Narrator) -> Result<(), Failure> {
    narrator.step("The token's clock runs fast, and is followed");
    narrator.tell(
        "No token's clock is right for ever. This one gains a second a day. Alice logs in once a \
         month.",
    );
    for month in 1..=3 {
        stage.clock.advance(MONTH);
        let shown = stage.token()?.code_at(stage.now());
        let _proof = stage
            .verifier
            .verify_code(&stage.account, &stage.serial, shown)
            .await
            .map_err(broken)?;
        let drift = drift_of(stage).await?;
        if drift.steps != month {
            return Err(otherwise(
                &format!("a drift of {month} steps"),
                format!("{} steps", drift.steps),
            ));
        }
        let steps = if month == 1 { "step" } else { "steps" };
        narrator.tell(format!(
            "month {month}: accepted; the token is {month} {steps} ahead ({} s)",
            drift.seconds
        ));
    }
    let Factor::Totp(totp) = stage.device().await?.factor else {
        return Err(otherwise("a time-based device", "another"));
    };
    let rate = totp.clock.foretell(stage.now()).rate;
    if !(10.0..14.0).contains(&rate) {
        return Err(otherwise("a rate near 12 ppm", format!("{rate:.1} ppm")));
    }
    narrator.outcome(format!(
        "Every code was accepted. The token's clock is the wrong one: it gains {rate:.0} parts per \
         million."
    ));
    Ok(())
}

/// The drift that is expected now.
async fn drift_of(stage: &Stage) -> Result<Drift, Failure> {
    let drift = stage.device().await?.drift(stage.now());
    drift.ok_or_else(|| otherwise("a drift", "none"))
}

pub(super) async fn out_of_sync(stage: &mut Stage, narrator: &mut Narrator) -> Result<(), Failure> {
    narrator.step("Out of sync");
    narrator.tell("The token spends a week in a hot car. Its clock jumps five minutes ahead.");
    stage.clock.advance(WEEK);
    stage.token_mut()?.jump(300);
    let shown = stage.token()?.code_at(stage.now());
    match stage.verifier.verify_code(&stage.account, &stage.serial, shown).await {
        Err(Error::Refused(Refusal::NoMatch)) => {}
        other => return Err(otherwise("a refusal", seen(other))),
    }
    narrator.outcome(
        "Refused: a single code is looked for close to where the token should be, so that \
         guessing stays hopeless.",
    );
    Ok(())
}

/// Returns the proof of the first code after it.
pub(super) async fn resync(
    stage: &mut Stage,
    narrator: &mut Narrator,
) -> Result<Verified, Failure> {
    narrator.step("Two consecutive codes find it again");
    let before = drift_of(stage).await?;
    let first = stage.token()?.text_at(stage.now());
    stage.clock.advance(STEP);
    let second = stage.token()?.text_at(stage.now());
    narrator.tell(format!(
        "Two codes in a row are far harder to guess, so they may be looked for further away: \
         {first}, {second}."
    ));
    let pair = [code(&first)?, code(&second)?];
    let resynced = stage
        .verifier
        .resync(&stage.serial, [&pair[0], &pair[1]], Window::Owner)
        .await
        .map_err(broken)?;
    let after = resynced.drift.ok_or_else(|| otherwise("a drift", "none"))?;
    if after.steps != before.steps + 10 {
        return Err(otherwise("a drift ten steps higher", format!("{} steps", after.steps)));
    }
    narrator.outcome(format!(
        "Found. Drift before: {} steps ({} s). Drift now: {} steps ({} s).",
        before.steps, before.seconds, after.steps, after.seconds
    ));
    stage.clock.advance(STEP);
    let next = stage.token()?.text_at(stage.now());
    let proof = stage
        .verifier
        .verify_code(&stage.account, &stage.serial, code(&next)?)
        .await
        .map_err(broken)?;
    narrator.outcome(format!("The very next code, {next}, is accepted."));
    Ok(proof)
}

pub(super) async fn issue(
    stage: &Stage,
    narrator: &mut Narrator,
    proof: Verified,
) -> Result<SignedContext, Failure> {
    narrator.step("Open a session");
    narrator.tell(
        "That proof buys one session context: a short-lived, signed statement for one audience.",
    );
    let signed = stage.issuer.issue(proof, AUDIENCE).await.map_err(broken)?;
    let unread = || otherwise("a signed context", "something else");
    let header: Header = unverified::header(signed.as_str()).ok_or_else(unread)?;
    let claims: Claims = unverified::claims(signed.as_str()).ok_or_else(unread)?;
    narrator.tell(format!(
        "{:<12}{:<25} one without MFA has another type",
        "typ",
        format!("{:?}", header.typ)
    ));
    narrator.tell(format!("{:<12}{:<25} whose session it is", "sub", format!("{:?}", claims.sub)));
    for (claim, says) in CLAIMS {
        let value = claims.others.get(claim).map_or("-".to_owned(), Value::to_string);
        narrator.tell(format!("{claim:<12}{value:<25} {says}"));
    }
    if header.typ != "mfa+jwt" || !claims.mfa_present || claims.sub != stage.account.as_str() {
        return Err(otherwise("a context of Alice's with MFA", "another"));
    }
    narrator.outcome(format!(
        "Issued for {AUDIENCE:?}, {} characters long, valid for an hour.",
        signed.as_str().len()
    ));
    Ok(signed)
}

#[derive(Deserialize)]
struct Header {
    typ: String,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    mfa_present: bool,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

pub(super) async fn validate(
    stage: &Stage,
    narrator: &mut Narrator,
    signed: &SignedContext,
) -> Result<(), Failure> {
    narrator.step("Another service checks it, offline");
    let published = stage.issuer.jwks().await.map_err(broken)?.to_json();
    narrator.tell(format!(
        "All it needs is the issuer's public keys (JWKS, {} bytes), fetched some time ago.",
        published.len()
    ));
    let keys = JwkSet::from_json(published.as_bytes())
        .map_err(|error| otherwise("public keys", format!("{error:?}")))?;
    let validator = |audience: &str| {
        Validator::new(keys.clone(), ISSUER, audience).with_clock(Arc::new(stage.clock.clone()))
    };
    stage.clock.advance(Duration::from_secs(600));
    let context = validator(AUDIENCE)
        .validate(signed)
        .map_err(|error| otherwise("a valid context", error))?;
    let age = context.mfa_age(stage.now()).as_secs();
    if context.account() != &stage.account || age != 600 {
        return Err(otherwise(
            "Alice's context of ten minutes ago",
            format!("{}'s, {age} s old", context.account()),
        ));
    }
    narrator.outcome(format!(
        "Valid: {} proved MFA {} minutes ago with {}.",
        context.account(),
        age / 60,
        context.serial()
    ));
    match validator("reports").validate(signed) {
        Err(Invalid::Audience) => narrator.outcome(
            "Shown to the service \"reports\", it is refused: it was made for \"payments\".",
        ),
        other => return Err(otherwise("a refusal by another audience", format!("{other:?}"))),
    }
    match validator(AUDIENCE).validate(&SignedContext::new(forged(signed.as_str()))) {
        Err(Invalid::Signature) => narrator.outcome(
            "With one character of its claims changed, it is refused: the signature is wrong.",
        ),
        other => return Err(otherwise("a refusal of a forgery", format!("{other:?}"))),
    }
    Ok(())
}

pub(super) async fn revoke(
    stage: &Stage,
    narrator: &mut Narrator,
    signed: &SignedContext,
) -> Result<(), Failure> {
    narrator.step("Revoke it");
    let introspector = Introspector::new(stage.issuer.clone(), stage.verifier.clone());
    let alive = async || {
        introspector
            .introspect(signed, AUDIENCE)
            .await
            .map(|context| context.is_some())
            .map_err(broken)
    };
    if !alive().await? {
        return Err(otherwise("a context that is alive", "it is dead"));
    }
    narrator.tell("Alice's laptop is stolen. An administrator revokes all her sessions.");
    stage
        .verifier
        .revoke_sessions(&stage.account, None, None)
        .await
        .map_err(broken)?;
    if alive().await? {
        return Err(otherwise("a context that is dead", "it is alive"));
    }
    narrator.outcome(
        "Services that ask twostep about it are told: not active. Services that validate offline \
         know when it expires.",
    );
    Ok(())
}

fn code(text: &str) -> Result<Code, Failure> {
    text.parse().map_err(|error| otherwise("a code", error))
}

fn seen(result: Result<Verified, Error>) -> String {
    match result {
        Ok(_) => "it was accepted".to_owned(),
        Err(Error::Refused(refusal)) => format!("refused: {refusal:?}"),
        Err(error) => error.to_string(),
    }
}

/// The same with the tenth character of the claims changed.
fn forged(signed: &str) -> String {
    let place = signed.find('.').map_or(0, |dot| dot + 10);
    let changed = |(index, c)| if index == place { if c == 'A' { 'B' } else { 'A' } } else { c };
    signed.char_indices().map(changed).collect()
}

const STEP: Duration = Duration::from_secs(30);
const MONTH: Duration = Duration::from_secs(30 * 86_400);
const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// The claims of a context, and what they say. `iss`, `nbf` and `uv` say nothing new here.
const CLAIMS: [(&str, &str); 9] = [
    ("aud", "for whom; all other services refuse it"),
    ("iat", "when it was issued, in seconds since 1970"),
    ("exp", "when it is over"),
    ("jti", "its id"),
    ("gen", "revoking all sessions raises this"),
    ("mfa_time", "when MFA was proved"),
    ("mfa_serial", "with which device"),
    ("mfa_kind", "of which kind"),
    ("amr", "by which method (RFC 8176)"),
];

/// For whom the session is.
const AUDIENCE: &str = "payments";
