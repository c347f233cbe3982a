//! Devices: create, list, show, rename, activate, resync, deactivate, unlock, remove.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};

use crate::agent::access::Caller;
use crate::agent::api::body::{Body, Parameters};
use crate::agent::api::extract::{Segment, shown_context};
use crate::agent::api::members::{parse, two_codes, with_client};
use crate::agent::api::provisioning::provisioning;
use crate::agent::api::views;
use crate::agent::operations::devices::{Addition, Detail, Listing};
use crate::agent::operations::scan::Search;
use crate::agent::operations::{devices, imports};
use crate::agent::problem::Problem;
use crate::agent::state::Shared;
use crate::device::Device;
use crate::id::AccountId;
use crate::otp::{Algorithm, Code, CodePair, Counter, Digits, Hotp, Seed, TimeStepSize, Totp};
use crate::time::UnixTime;
use crate::verifier::{NewFactor, NewStock};
use crate::wire;
use crate::wire::{
    ActivateDevice, CreateDevice, CreatedDevice, Devices, ListDevices, Rename, Resynced,
    SecretText, TwoCodes,
};

/// Adds a device.
#[utoipa::path(
    post, path = "/v1/devices", tag = "devices", params(super::MfaContext),
    request_body = CreateDevice,
    responses(
        (
            status = 201, description = "the device, with what is shown only once",
            body = CreatedDevice,
        ),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict,
        super::Slow, super::Unavailable,
    ),
)]
pub(super) async fn create(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<CreateDevice>,
) -> Result<(StatusCode, Json<CreatedDevice>), Problem> {
    let factor = factor(&body)?;
    let serial = body.serial.as_deref().map(parse).transpose()?;
    let name = body.name.as_deref().map(parse).transpose()?;
    let clock_set = body.clock_set.as_deref().map(day).transpose()?;
    let proof = shown_context(&headers)?;
    let added = match &body.account {
        Some(account) => {
            let factor = factor.clone();
            let addition = Addition { account, serial, name, factor, clock_set };
            devices::add(&state, &caller, addition, proof.as_ref()).await?
        }
        None => {
            let new = NewStock { serial, name, factor: factor.clone() };
            imports::add(&state, &caller, new, clock_set).await?
        }
    };
    let device = &added.device;
    let label = device.account.as_ref().map_or(device.serial.as_str(), AccountId::as_str);
    let display_name = state.config.display_name();
    let provisioning = added
        .seed
        .as_ref()
        .and_then(|seed| provisioning(display_name, label, seed, &factor));
    let codes: Vec<SecretText> = added
        .recovery_codes
        .iter()
        .map(|code| code.to_text().to_string().into())
        .collect();
    let recovery_codes = (!codes.is_empty()).then_some(codes);
    let device = view(&state, &added.device);
    Ok((StatusCode::CREATED, Json(CreatedDevice { device, provisioning, recovery_codes })))
}

/// Lists devices. A verifier must name the account, and sees an outline of each device.
#[utoipa::path(get, path = "/v1/devices", tag = "devices", params(ListDevices), responses(
    (status = 200, description = "a page of devices", body = Devices),
    super::Invalid, super::Unauthorized, super::Forbidden, super::Slow, super::Unavailable,
))]
pub(super) async fn list(
    State(state): State<Shared>,
    caller: Caller,
    Parameters(query): Parameters<ListDevices>,
) -> Result<Json<Devices>, Problem> {
    let listing = Listing {
        account: query.account.as_deref(),
        state: query.state,
        kind: query.kind,
        unused_since: query.unused_since.map(|since| since.0),
        drift_above: query.drift_above,
        search: query.search.as_deref().map(Search::parse).transpose()?,
        after: query.after.as_deref().map(parse).transpose()?,
        limit: query.limit,
    };
    let page = devices::list(&state, &caller, listing).await?;
    let now = state.verifier.clock().read().wall;
    let view = match page.detail {
        Detail::Outline => views::outline,
        Detail::Whole => views::device,
    };
    Ok(Json(Devices {
        devices: page.devices.iter().map(|device| view(device, now)).collect(),
        next: page.next.map(String::from),
    }))
}

/// Shows a device.
#[utoipa::path(
    get, path = "/v1/devices/{serial}", tag = "devices", params(("serial" = String, Path)),
    responses(
        (status = 200, description = "the device", body = wire::Device),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Slow,
        super::Unavailable,
    ),
)]
pub(super) async fn show(
    State(state): State<Shared>,
    caller: Caller,
    Segment(serial): Segment,
) -> Result<Json<wire::Device>, Problem> {
    let device = devices::show(&state, &caller, &serial).await?;
    Ok(Json(view(&state, &device)))
}

/// Renames a device.
#[utoipa::path(
    patch, path = "/v1/devices/{serial}", tag = "devices", params(("serial" = String, Path)),
    request_body = Rename,
    responses(
        (status = 200, description = "the device", body = wire::Device),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict,
        super::Slow, super::Unavailable,
    ),
)]
pub(super) async fn rename(
    State(state): State<Shared>,
    caller: Caller,
    Segment(serial): Segment,
    Body(body): Body<Rename>,
) -> Result<Json<wire::Device>, Problem> {
    let device = devices::rename(&state, &caller, &serial, parse(&body.name)?).await?;
    Ok(Json(view(&state, &device)))
}

/// Activates a pending or disabled device, or gives one in stock to the account that is named, for
/// an administrator of all accounts. The codes are consumed.
#[utoipa::path(
    post, path = "/v1/devices/{serial}/activate", tag = "devices",
    params(("serial" = String, Path), super::MfaContext), request_body = ActivateDevice,
    responses(
        (status = 200, description = "the device, active", body = wire::Device),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict,
        super::Slow, super::Unavailable,
    ),
)]
pub(super) async fn activate(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Segment(serial): Segment,
    Body(body): Body<ActivateDevice>,
) -> Result<Json<wire::Device>, Problem> {
    let [first, second] = two_codes(&body.codes)?;
    let caller = with_client(caller, body.client.as_ref())?;
    let (proof, codes) = (shown_context(&headers)?, pair(body.counter, [&first, &second]));
    let proof = proof.as_ref();
    let device = match &body.account {
        None => devices::activate(&state, &caller, &serial, codes, proof).await?,
        Some(account) => {
            let to = (serial.as_str(), account.as_str());
            devices::activate_for(&state, &caller, to, codes, proof).await?
        }
    };
    Ok(Json(view(&state, &device)))
}

/// Resynchronises a device whose clock or counter ran away, and unlocks it. The codes are
/// consumed.
#[utoipa::path(
    post, path = "/v1/devices/{serial}/resync", tag = "devices", params(("serial" = String, Path)),
    request_body = TwoCodes,
    responses(
        (status = 200, description = "the device, in sync", body = Resynced),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict,
        super::Slow, super::Unavailable,
    ),
)]
pub(super) async fn resync(
    State(state): State<Shared>,
    caller: Caller,
    Segment(serial): Segment,
    Body(body): Body<TwoCodes>,
) -> Result<Json<Resynced>, Problem> {
    let [first, second] = two_codes(&body.codes)?;
    let caller = with_client(caller, body.client.as_ref())?;
    let codes = pair(body.counter, [&first, &second]);
    let resynced = devices::resync(&state, &caller, &serial, codes).await?;
    let drift_steps = resynced.drift.map_or(0, |drift| drift.steps);
    Ok(Json(Resynced { device: view(&state, &resynced.device), drift_steps }))
}

/// Takes a device out of use, and revokes contexts made with it.
#[utoipa::path(
    post, path = "/v1/devices/{serial}/deactivate", tag = "devices",
    params(("serial" = String, Path), super::MfaContext),
    responses(
        (status = 200, description = "the device, disabled", body = wire::Device),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict,
        super::Slow, super::Unavailable,
    ),
)]
pub(super) async fn deactivate(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Segment(serial): Segment,
) -> Result<Json<wire::Device>, Problem> {
    let proof = shown_context(&headers)?;
    let device = devices::deactivate(&state, &caller, &serial, proof.as_ref()).await?;
    Ok(Json(view(&state, &device)))
}

/// Clears a device's lock and failures.
#[utoipa::path(
    post, path = "/v1/devices/{serial}/unlock", tag = "devices", params(("serial" = String, Path)),
    responses(
        (status = 200, description = "the device, unlocked", body = wire::Device),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict,
        super::Slow, super::Unavailable,
    ),
)]
pub(super) async fn unlock(
    State(state): State<Shared>,
    caller: Caller,
    Segment(serial): Segment,
) -> Result<Json<wire::Device>, Problem> {
    let device = devices::unlock(&state, &caller, &serial).await?;
    Ok(Json(view(&state, &device)))
}

/// Removes a device. Consumed codes stay consumed.
#[utoipa::path(
    delete, path = "/v1/devices/{serial}", tag = "devices",
    params(("serial" = String, Path), super::MfaContext),
    responses(
        (status = 204, description = "removed"),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict,
        super::Slow, super::Unavailable,
    ),
)]
pub(super) async fn remove(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Segment(serial): Segment,
) -> Result<StatusCode, Problem> {
    let proof = shown_context(&headers)?;
    devices::remove(&state, &caller, &serial, proof.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn view(state: &Shared, device: &Device) -> wire::Device {
    views::device(device, state.verifier.clock().read().wall)
}

fn factor(body: &CreateDevice) -> Result<NewFactor, Problem> {
    let algorithm: Algorithm =
        body.algorithm.as_deref().map(parse).transpose()?.unwrap_or_default();
    let digits = body
        .digits
        .map(Digits::try_from)
        .transpose()
        .map_err(|error| Problem::bad_input(error.to_string()))?
        .unwrap_or_default();
    let step_size = body
        .period
        .map(TimeStepSize::try_from)
        .transpose()
        .map_err(|error| Problem::bad_input(error.to_string()))?;
    let typed = body
        .secret
        .as_ref()
        .map(|secret| Seed::typed(secret.as_str()))
        .transpose()
        .map_err(|error| Problem::bad_input(error.to_string()))?;
    let seed = typed.map(|typed| typed.seed);
    let (timed, t0) = (step_size.is_some() || body.t0.is_some(), body.t0.unwrap_or_default());
    let coded = body.algorithm.is_some() || body.digits.is_some() || seed.is_some();
    match (body.kind.as_str(), body.counter) {
        ("totp", None) => {
            let parameters =
                Totp { algorithm, digits, step_size: step_size.unwrap_or_default(), t0 };
            Ok(NewFactor::Totp { parameters, seed })
        }
        ("hotp", counter) if !timed => Ok(NewFactor::Hotp {
            parameters: Hotp { algorithm, digits },
            counter: Counter(counter.unwrap_or(0)),
            seed,
        }),
        ("recovery", None) if !timed && !coded => Ok(NewFactor::Recovery),
        ("totp" | "hotp" | "recovery", _) => Err(Problem::bad_input(
            "period and t0 are for totp, counter is for hotp, and recovery takes none of them, nor \
             a secret",
        )),
        _ => Err(Problem::bad_input("kind is totp, hotp or recovery")),
    }
}

/// The codes of a request, and the counter that it names.
fn pair(counter: Option<u64>, codes: [&Code; 2]) -> CodePair<'_> {
    CodePair { codes, counter: counter.map(Counter) }
}

pub(super) fn day(text: &str) -> Result<UnixTime, Problem> {
    UnixTime::noon(text).map_err(|error| Problem::bad_input(error.to_string()))
}
