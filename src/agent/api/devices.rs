//! Devices: create, list, show, rename, activate, resync, deactivate, unlock, remove.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::agent::access::Caller;
use crate::agent::api::body::{Body, Parameters};
use crate::agent::api::device_view::DeviceView;
use crate::agent::api::extract::{Segment, shown_context};
use crate::agent::api::members::{parse, parse_code};
use crate::agent::api::provisioning::{Provisioning, provisioning};
use crate::agent::operations::devices;
use crate::agent::operations::devices::{Addition, Detail, Listing};
use crate::agent::problem::Problem;
use crate::agent::state::Shared;
use crate::device::Device;
use crate::otp::{Algorithm, Code, Counter, Digits, Hotp, Seed, TimeStepSize, Totp};
use crate::verifier::NewFactor;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateDevice {
    #[schema(min_length = 1, max_length = 256)]
    account: String,
    /// `totp`, `hotp` or `recovery`.
    #[schema(pattern = "^(totp|hotp|recovery)$")]
    kind: String,
    #[schema(min_length = 1, max_length = 128)]
    name: Option<String>,
    /// For hardware that has one; generated otherwise.
    #[schema(pattern = "^[A-Za-z0-9_+=/:,.@-]{9,256}$")]
    serial: Option<String>,
    /// Base32; made by the agent if left out. Blanks, dashes and characters that print as nothing
    /// are skipped, and bits of the last character that fill no byte are dropped, as apps do.
    secret: Option<String>,
    /// `SHA1`, `SHA256` or `SHA512`.
    #[schema(pattern = "^[Ss][Hh][Aa](1|256|512)$")]
    algorithm: Option<String>,
    /// 6 to 8.
    #[schema(minimum = 6, maximum = 8)]
    digits: Option<u8>,
    /// The time-step size: 10 to 120 seconds.
    #[schema(minimum = 10, maximum = 120)]
    period: Option<u16>,
    /// The counter to begin at.
    #[schema(format = "uint64")]
    counter: Option<u64>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct CreatedDevice {
    device: DeviceView,
    /// Only when the agent made the secret, and only this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    provisioning: Option<Provisioning>,
    /// Only for `recovery`, and only this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_codes: Option<Vec<String>>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListDevices {
    #[param(min_length = 1, max_length = 256)]
    account: Option<String>,
    /// `pending`, `active`, `disabled` or `locked`.
    #[param(pattern = "^(pending|active|disabled|locked)$")]
    state: Option<String>,
    /// 1 to 1000; 100 if left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// The serial number of the last device of the page before.
    #[param(pattern = "^[A-Za-z0-9_+=/:,.@-]{9,256}$")]
    after: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Devices {
    devices: Vec<DeviceView>,
    /// What to give as `after` for the next page.
    next: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rename {
    #[schema(min_length = 1, max_length = 128)]
    name: String,
}

/// Two consecutive codes, in the order in which the device showed them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TwoCodes {
    #[schema(min_items = 2, max_items = 2)]
    codes: [String; 2],
}

#[derive(Serialize, ToSchema)]
pub(super) struct Resynced {
    device: DeviceView,
    /// How many steps the device's clock is ahead; 0 for counters.
    drift_steps: i64,
}

/// Adds a device.
#[utoipa::path(post, path = "/v1/devices", tag = "devices", params(super::MfaContext), request_body = CreateDevice, responses(
    (status = 201, description = "the device, with what is shown only once", body = CreatedDevice),
    super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict, super::Slow, super::Unavailable,
))]
pub(super) async fn create(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<CreateDevice>,
) -> Result<(StatusCode, Json<CreatedDevice>), Problem> {
    let factor = factor(&body)?;
    let addition = Addition {
        account: &body.account,
        serial: body.serial.as_deref().map(parse).transpose()?,
        name: body.name.as_deref().map(parse).transpose()?,
        factor: factor.clone(),
    };
    let proof = shown_context(&headers)?;
    let added = devices::add(&state, &caller, addition, proof.as_ref()).await?;
    let account = &added.device.account;
    let provisioning = added
        .seed
        .as_ref()
        .and_then(|seed| provisioning(state.issuer.name(), account, seed, &factor));
    let codes: Vec<String> =
        added.recovery_codes.iter().map(|code| code.to_text().to_string()).collect();
    let recovery_codes = (!codes.is_empty()).then_some(codes);
    let device = view(&state, &added.device);
    Ok((StatusCode::CREATED, Json(CreatedDevice { device, provisioning, recovery_codes })))
}

/// Lists devices. A verifier must name the account, and sees no more than which factors there are.
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
        state: query.state.as_deref().map(parse).transpose()?,
        after: query.after.as_deref().map(parse).transpose()?,
        limit: query.limit,
    };
    let page = devices::list(&state, &caller, listing).await?;
    let now = state.verifier.clock().read().wall;
    let view = match page.detail {
        Detail::Outline => DeviceView::factor,
        Detail::Whole => DeviceView::whole,
    };
    Ok(Json(Devices {
        devices: page.devices.iter().map(|device| view(device, now)).collect(),
        next: page.next.map(String::from),
    }))
}

/// Shows a device.
#[utoipa::path(get, path = "/v1/devices/{serial}", tag = "devices", params(("serial" = String, Path)), responses(
    (status = 200, description = "the device", body = DeviceView),
    super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Slow, super::Unavailable,
))]
pub(super) async fn show(
    State(state): State<Shared>,
    caller: Caller,
    Segment(serial): Segment,
) -> Result<Json<DeviceView>, Problem> {
    let device = devices::show(&state, &caller, &serial).await?;
    Ok(Json(view(&state, &device)))
}

/// Renames a device.
#[utoipa::path(patch, path = "/v1/devices/{serial}", tag = "devices", params(("serial" = String, Path)), request_body = Rename, responses(
    (status = 200, description = "the device", body = DeviceView),
    super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict, super::Slow, super::Unavailable,
))]
pub(super) async fn rename(
    State(state): State<Shared>,
    caller: Caller,
    Segment(serial): Segment,
    Body(body): Body<Rename>,
) -> Result<Json<DeviceView>, Problem> {
    let device = devices::rename(&state, &caller, &serial, parse(&body.name)?).await?;
    Ok(Json(view(&state, &device)))
}

/// Activates a pending or disabled device. The codes are consumed.
#[utoipa::path(post, path = "/v1/devices/{serial}/activate", tag = "devices", params(("serial" = String, Path), super::MfaContext), request_body = TwoCodes, responses(
    (status = 200, description = "the device, active", body = DeviceView),
    super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict, super::Slow, super::Unavailable,
))]
pub(super) async fn activate(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Segment(serial): Segment,
    Body(body): Body<TwoCodes>,
) -> Result<Json<DeviceView>, Problem> {
    let [first, second] = two_codes(&body)?;
    let proof = shown_context(&headers)?;
    let codes = [&first, &second];
    let device = devices::activate(&state, &caller, &serial, codes, proof.as_ref()).await?;
    Ok(Json(view(&state, &device)))
}

/// Finds a device again whose clock or counter ran away, and unlocks it. The codes are consumed.
#[utoipa::path(post, path = "/v1/devices/{serial}/resync", tag = "devices", params(("serial" = String, Path)), request_body = TwoCodes, responses(
    (status = 200, description = "the device, in sync", body = Resynced),
    super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict, super::Slow, super::Unavailable,
))]
pub(super) async fn resync(
    State(state): State<Shared>,
    caller: Caller,
    Segment(serial): Segment,
    Body(body): Body<TwoCodes>,
) -> Result<Json<Resynced>, Problem> {
    let [first, second] = two_codes(&body)?;
    let resynced = devices::resync(&state, &caller, &serial, [&first, &second]).await?;
    let drift_steps = resynced.drift.map_or(0, |drift| drift.steps);
    Ok(Json(Resynced { device: view(&state, &resynced.device), drift_steps }))
}

/// Takes a device out of use; contexts made with it are dead.
#[utoipa::path(post, path = "/v1/devices/{serial}/deactivate", tag = "devices", params(("serial" = String, Path), super::MfaContext), responses(
    (status = 200, description = "the device, disabled", body = DeviceView),
    super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict, super::Slow, super::Unavailable,
))]
pub(super) async fn deactivate(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Segment(serial): Segment,
) -> Result<Json<DeviceView>, Problem> {
    let proof = shown_context(&headers)?;
    let device = devices::deactivate(&state, &caller, &serial, proof.as_ref()).await?;
    Ok(Json(view(&state, &device)))
}

/// Clears a device's lock and failures.
#[utoipa::path(post, path = "/v1/devices/{serial}/unlock", tag = "devices", params(("serial" = String, Path)), responses(
    (status = 200, description = "the device, unlocked", body = DeviceView),
    super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict, super::Slow, super::Unavailable,
))]
pub(super) async fn unlock(
    State(state): State<Shared>,
    caller: Caller,
    Segment(serial): Segment,
) -> Result<Json<DeviceView>, Problem> {
    let device = devices::unlock(&state, &caller, &serial).await?;
    Ok(Json(view(&state, &device)))
}

/// Removes a device. What it consumed stays consumed.
#[utoipa::path(delete, path = "/v1/devices/{serial}", tag = "devices", params(("serial" = String, Path), super::MfaContext), responses(
    (status = 204, description = "removed"),
    super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict, super::Slow, super::Unavailable,
))]
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

fn view(state: &Shared, device: &Device) -> DeviceView {
    DeviceView::whole(device, state.verifier.clock().read().wall)
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
        .as_deref()
        .map(Seed::typed)
        .transpose()
        .map_err(|error| Problem::bad_input(error.to_string()))?;
    let seed = typed.map(|typed| typed.seed);
    let coded = body.algorithm.is_some() || body.digits.is_some() || seed.is_some();
    match (body.kind.as_str(), body.counter) {
        ("totp", None) => {
            let parameters =
                Totp { algorithm, digits, step_size: step_size.unwrap_or_default(), t0: 0 };
            Ok(NewFactor::Totp { parameters, seed })
        }
        ("hotp", counter) if step_size.is_none() => Ok(NewFactor::Hotp {
            parameters: Hotp { algorithm, digits },
            counter: Counter(counter.unwrap_or(0)),
            seed,
        }),
        ("recovery", None) if step_size.is_none() && !coded => Ok(NewFactor::Recovery),
        ("totp" | "hotp" | "recovery", _) => Err(Problem::bad_input(
            "period is for totp, counter is for hotp, and recovery takes neither, nor a secret",
        )),
        _ => Err(Problem::bad_input("kind is totp, hotp or recovery")),
    }
}

fn two_codes(body: &TwoCodes) -> Result<[Code; 2], Problem> {
    Ok([parse_code(&body.codes[0])?, parse_code(&body.codes[1])?])
}
