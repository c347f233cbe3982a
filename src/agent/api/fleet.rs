//! The route about the fleet of tokens.

use axum::Json;
use axum::extract::State;

use crate::agent::access::Caller;
use crate::agent::api::body::Parameters;
use crate::agent::operations::fleet;
use crate::agent::problem::Problem;
use crate::agent::state::Shared;
use crate::fleet::{Attention, Cause, Group, Listed, Suspicion, Token};
use crate::wire::{
    AlarmCause, AlarmKind, AskFleet, AttentionReason, FleetAlarm, FleetAttention, FleetDrift,
    FleetGroup, FleetToken, Quantiles, Timestamp,
};

/// Surveys the clocks of all time-based devices in use: their distribution by batch and model,
/// tokens that need attention, and the alarm that all of them moved at once, which makes the
/// server's own clock suspect.
#[utoipa::path(get, path = "/v1/fleet/drift", tag = "fleet", params(AskFleet), responses(
    (status = 200, description = "the fleet", body = FleetDrift),
    super::Invalid, super::Unauthorized, super::Forbidden, super::Slow, super::Unavailable,
))]
pub(super) async fn drift(
    State(state): State<Shared>,
    caller: Caller,
    Parameters(ask): Parameters<AskFleet>,
) -> Result<Json<FleetDrift>, Problem> {
    let seen = fleet::drift(&state, &caller, ask.within_days).await?;
    let survey = seen.survey;
    let alarm = seen.suspicion.map(|suspicion| alarm(&suspicion, seen.is_synchronised));
    Ok(Json(FleetDrift {
        at: survey.at.into(),
        within_days: seen.within_days,
        tokens: survey.tokens,
        alarms: alarm.into_iter().collect(),
        clock_synchronised: seen.is_synchronised,
        note: NOTE.to_owned(),
        offset_seconds: quantiles(&survey.offset),
        rate_ppm: quantiles(&survey.rate),
        window_steps: quantiles(&survey.half_width),
        groups: survey.groups.iter().map(group).collect(),
        attention: survey.attention.iter().map(attention).collect(),
    }))
}

fn alarm(suspicion: &Suspicion, is_synchronised: bool) -> FleetAlarm {
    let cause = |cause: &Cause| match cause {
        Cause::ServerClock => AlarmCause::ServerClock,
        Cause::SignInPage => AlarmCause::SignInPage,
    };
    FleetAlarm {
        event: AlarmKind::ServerClockSuspect,
        since: suspicion.shift.since.into(),
        told_at: suspicion.told_at.into(),
        seconds: rounded(suspicion.seconds()),
        seconds_doubt: rounded(suspicion.shift.doubt),
        causes: suspicion.causes().iter().map(cause).collect(),
        message: suspicion.message(is_synchronised),
    }
}

fn group(group: &Group) -> FleetGroup {
    FleetGroup {
        batch: group.batch.to_string(),
        hardware: group.model.hardware,
        algorithm: group.model.algorithm.to_string(),
        digits: group.model.digits.into(),
        period: group.model.period,
        tokens: group.tokens,
        offset_seconds: quantiles(&group.offset),
        rate_ppm: quantiles(&group.rate),
    }
}

fn attention((reason, listed): (&Attention, &Listed)) -> FleetAttention {
    let reason = match reason {
        Attention::Rate => AttentionReason::FailingRate,
        Attention::Settings => AttentionReason::FailingSettings,
        Attention::Erratic => AttentionReason::FailingErratic,
        Attention::Pair => AttentionReason::NeedsPair,
        Attention::Outlier => AttentionReason::Outlier,
        Attention::Battery => AttentionReason::Battery,
        Attention::Silent => AttentionReason::Silent,
    };
    let tokens = listed.first.iter().map(token).collect();
    FleetAttention { reason, count: listed.count, tokens }
}

fn token(token: &Token) -> FleetToken {
    FleetToken {
        serial: token.serial.clone(),
        offset_seconds: rounded(token.offset),
        rate_ppm: rounded(token.rate),
        rate_ppm_doubt: rounded(token.rate_doubt),
        expected_to_work_until: token.works_until.map(Timestamp),
        last_used_at: token.last_used_at.map(Timestamp),
        added_at: token.added_at.into(),
    }
}

fn quantiles(quantiles: &crate::fleet::Quantiles) -> Quantiles {
    let [p01, p05, p25, p50, p75, p95, p99] = quantiles.values.map(rounded);
    Quantiles { p01, p05, p25, p50, p75, p95, p99 }
}

/// To a hundredth, which is more than is known. JSON has no infinity.
fn rounded(value: f64) -> f64 {
    if value.is_finite() { (value * 100.0).round() / 100.0 + 0.0 } else { 0.0 }
}

const NOTE: &str = "a drift of the server's clock below about 5 ppm (3 s a week) cannot be told \
                    from the weather, which moves the tokens by as much";
