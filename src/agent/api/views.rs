//! Answers, made from the outcomes of operations.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::agent::operations::sessions::Opened;
use crate::device::{Device, Factor, TotpState};
use crate::id::CallerId;
use crate::otp::StepWindow;
use crate::session::{AnyContext, SessionContext, SigningKeyInfo};
use crate::store::{AccountEntry, ApiKeyRecord, AuditRow};
use crate::time::UnixTime;
use crate::webauthn::Credential;
use crate::wire::{
    Account, ApiKey, AuditReport, ChainReport, Context, Event, Mfa, OpenedSession, SigningKey,
    Timestamp,
};
use crate::{store, wire};

/// A device, whole.
pub(super) fn device(device: &Device, now: UnixTime) -> wire::Device {
    let mut view = wire::Device {
        account: device.account.clone(),
        created_at: Some(device.created_at.into()),
        activated_at: device.activated_at.map(Timestamp),
        last_used_at: device.last_used_at.map(Timestamp),
        expires_at: device.expires_at().map(Timestamp),
        codes_used_until: device.codes_used_until(now).map(Timestamp),
        drift_steps: device.drift(now).map(|drift| drift.steps),
        drift_seconds: device.drift(now).map(|drift| drift.seconds),
        ..outline(device, now)
    };
    match &device.factor {
        Factor::Totp(totp) => {
            view.algorithm = Some(totp.parameters.algorithm);
            view.digits = Some(totp.parameters.digits.count());
            view.period = Some(totp.parameters.step_size.seconds());
            describe_clock(&mut view, totp, now);
        }
        Factor::Hotp(hotp) => {
            view.algorithm = Some(hotp.parameters.algorithm);
            view.digits = Some(hotp.parameters.digits.count());
            view.counter = hotp.next.map(|counter| counter.0);
            view.guess_odds = Some(hotp.parameters.digits.odds_of(AHEAD));
        }
        Factor::SecurityKey(key) => describe(&mut view, &key.credential),
        Factor::Recovery(recovery) => view.codes_left = Some(recovery.unused.len()),
    }
    view
}

/// A device as a verifier sees it: enough to ask for the right proof.
pub(super) fn outline(device: &Device, now: UnixTime) -> wire::Device {
    wire::Device {
        name: device.name.clone(),
        throttled_until: device.throttle.until().filter(|until| *until > now).map(Timestamp),
        ..wire::Device::new(device.serial.clone(), device.kind(), device.state)
    }
}

fn describe_clock(view: &mut wire::Device, totp: &TotpState, now: UnixTime) {
    let TotpState { parameters, clock, .. } = totp;
    let foretold = clock.foretell(now);
    let tenths = |number: f64| (number * 10.0).round() / 10.0;
    if clock.is_measured() {
        view.drift_ppm = Some(tenths(foretold.rate));
        view.drift_ppm_doubt = Some(tenths(foretold.rate_doubt));
        view.expected_to_work_until = parameters.expected_to_work_until(clock).map(Timestamp);
    }
    let window = parameters.window(now, &foretold);
    view.window_steps = window.map(StepWindow::half_width);
    view.guess_odds = window.map(|window| parameters.digits.odds_of(window.candidates()));
}

fn describe(view: &mut wire::Device, credential: &Credential) {
    view.credential_id = Some(URL_SAFE_NO_PAD.encode(credential.id.as_bytes()));
    view.aaguid = credential.aaguid.map(|aaguid| aaguid.to_string());
    view.sign_count = Some(credential.sign_count);
    view.user_verified = Some(credential.user_verified);
    view.backup_eligible = Some(credential.backup_eligible);
    view.discoverable = credential.discoverable;
    view.transports = Some(credential.transports.clone());
    view.attestation = Some(credential.attestation.into());
}

/// A context, for a caller that asked for its account by this name.
pub(super) fn context(context: &AnyContext, name: Option<&str>, now: UnixTime) -> Context {
    let common = context.common();
    let asked_as = name.filter(|name| *name != common.account.as_str());
    Context {
        account: common.account.clone(),
        asked_as: asked_as.map(str::to_owned),
        mfa: match context {
            AnyContext::Mfa(context) => Some(proof(context, now)),
            AnyContext::WithoutMfa(_) => None,
        },
        session_id: common.session_id.clone(),
        issued_at: common.issued_at.into(),
        expires_at: common.expires_at.into(),
        audience: common.audience.clone(),
    }
}

fn proof(context: &SessionContext, now: UnixTime) -> Mfa {
    Mfa {
        time: context.mfa_time().into(),
        age_seconds: context.mfa_age(now).as_secs(),
        serial: context.serial().clone(),
        kind: context.kind(),
        amr: context.amr().iter().map(|amr| amr.name().to_owned()).collect(),
        user_verified: context.user_verified(),
        phishing_resistant: context.phishing_resistant(),
        hardware_bound: context.hardware_bound(),
    }
}

/// A session that was opened, for a caller that asked for its account by this name.
pub(super) fn opened(opened: &Opened, name: Option<&str>) -> OpenedSession {
    OpenedSession {
        token: opened.signed.as_str().into(),
        context: context(&opened.context, name, opened.now),
    }
}

/// An account in a list.
pub(super) fn account(entry: &AccountEntry, now: UnixTime) -> Account {
    let throttled_until = entry.account.throttled_until.filter(|until| *until > now);
    Account {
        account: entry.account.id.clone(),
        created_at: entry.account.created_at.into(),
        protected: entry.account.protected,
        devices: entry.devices,
        active_devices: entry.active,
        throttled_until: throttled_until.map(Timestamp),
    }
}

/// A signing key, without its private half.
pub(super) fn signing_key(key: SigningKeyInfo) -> SigningKey {
    SigningKey {
        kid: key.kid,
        algorithm: key.algorithm,
        created_at: key.created_at.into(),
        retired_at: key.retired_at.map(Timestamp),
    }
}

/// An API key, without the key.
pub(super) fn api_key(key: &ApiKeyRecord) -> ApiKey {
    ApiKey {
        id: key.id.clone(),
        name: key.name.clone(),
        role: key.role.clone(),
        accounts: key.accounts.clone(),
        explain: key.explain,
        forward: key.forward,
        operator: key.operator.clone(),
        signing_keys: key.signing_keys.clone(),
        created_at: key.created_at.into(),
    }
}

/// An audit row, with the name of its caller if that is known.
pub(super) fn event(row: AuditRow, names: &HashMap<CallerId, String>) -> Event {
    Event {
        caller_name: names.get(&row.event.caller).cloned(),
        chain: row.chain.0,
        number: row.number,
        at: row.event.at.into(),
        action: row.event.action.to_string(),
        account: row.event.account,
        serial: row.event.serial,
        caller: row.event.caller,
        reason: row.event.reason.map(String::from),
        count: row.event.count,
        hash: row.hash,
    }
}

/// Counters at which a code is accepted ([`LOOK_AHEAD`](crate::otp::LOOK_AHEAD)).
const AHEAD: u8 = 10;

impl From<store::AuditReport> for AuditReport {
    fn from(report: store::AuditReport) -> AuditReport {
        let chain = |chain: &store::ChainReport| ChainReport {
            chain: chain.chain.0,
            ok: chain.ok,
            rows: chain.rows,
            closed: chain.closed,
            head: chain.head.clone(),
            broken_at: chain.broken_at,
        };
        AuditReport {
            ok: report.ok,
            authenticated: report.authenticated,
            rows: report.rows(),
            head: report.head().map(str::to_owned),
            broken_at: report.broken_at().map(|(_, number)| number),
            chains: report.chains.iter().map(chain).collect(),
        }
    }
}
