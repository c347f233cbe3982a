//! Diagnosis of two codes that do not work: the causes, their words, and the command that mends
//! them.

use axum::Json;
use axum::extract::State;

use crate::agent::access::Caller;
use crate::agent::api::body::Body;
use crate::agent::api::extract::Segment;
use crate::agent::api::members::{two_codes, with_client};
use crate::agent::operations::devices;
use crate::agent::problem::Problem;
use crate::agent::state::Shared;
use crate::device::{Cause, Device, DeviceState, Factor, Reach};
use crate::otp::{SeedReading, YEAR_2000};
use crate::verifier::Diagnosed;
use crate::wire;
use crate::wire::{CauseKind, Diagnosis, TwoCodes};

/// Names the cause for which two consecutive codes of a device do not work. Nothing is accepted,
/// and the codes stay as good as they were. A device has ten diagnoses an hour.
#[utoipa::path(
    post, path = "/v1/devices/{serial}/diagnose", tag = "devices",
    params(("serial" = String, Path)), request_body = TwoCodes,
    responses(
        (status = 200, description = "the causes; none if nothing matches", body = Diagnosis),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Slow,
        super::Unavailable,
    ),
)]
pub(super) async fn diagnose(
    State(state): State<Shared>,
    caller: Caller,
    Segment(serial): Segment,
    Body(body): Body<TwoCodes>,
) -> Result<Json<Diagnosis>, Problem> {
    let [first, second] = two_codes(&body.codes)?;
    let caller = with_client(caller, body.client.as_ref())?;
    let diagnosed = devices::diagnose(&state, &caller, &serial, [&first, &second]).await?;
    Ok(Json(view(&diagnosed)))
}

fn view(Diagnosed { device, diagnosis }: &Diagnosed) -> Diagnosis {
    let causes = &diagnosis.causes;
    Diagnosis {
        serial: device.serial.clone(),
        causes: causes.iter().map(cause).collect(),
        says: says(causes),
        command: command(device, causes),
    }
}

fn cause(cause: &Cause) -> wire::Cause {
    let of = wire::Cause::new;
    match cause {
        Cause::InReach => of(CauseKind::InReach),
        Cause::Used => of(CauseKind::Used),
        Cause::Clock { seconds, reach } => wire::Cause {
            clock_seconds: Some(*seconds),
            reach: Some(reach_name(*reach).to_owned()),
            ..of(CauseKind::Clock)
        },
        Cause::CounterAhead { next, reach } => wire::Cause {
            counter: Some(next.0),
            reach: Some(reach_name(*reach).to_owned()),
            ..of(CauseKind::CounterAhead)
        },
        Cause::TimeBased => of(CauseKind::TimeBased),
        Cause::CounterBased { next } => {
            wire::Cause { counter: Some(next.0), ..of(CauseKind::CounterBased) }
        }
        Cause::TimeStep(size) => {
            wire::Cause { period: Some(size.seconds()), ..of(CauseKind::TimeStep) }
        }
        Cause::Algorithm(algorithm) => {
            wire::Cause { algorithm: Some(*algorithm), ..of(CauseKind::Algorithm) }
        }
        Cause::Digits(digits) => {
            wire::Cause { digits: Some(digits.count()), ..of(CauseKind::Digits) }
        }
        Cause::Epoch(t0) => wire::Cause { t0: Some(*t0), ..of(CauseKind::Epoch) },
        Cause::Secret(reading) => secret(*reading),
        Cause::OtherDevice { serial, .. } => {
            wire::Cause { serial: Some(serial.clone()), ..of(CauseKind::OtherDevice) }
        }
    }
}

fn secret(reading: SeedReading) -> wire::Cause {
    let cause = wire::Cause::new(CauseKind::Secret);
    let named = |name: &str| Some(name.to_owned());
    match reading {
        SeedReading::AsStored => cause,
        SeedReading::Misread { read_as, is } => wire::Cause {
            reading: named("misread"),
            read_as: named(read_as.name()),
            encoding: named(is.name()),
            ..cause
        },
        SeedReading::WithLineBreak => wire::Cause { reading: named("line_break"), ..cause },
        SeedReading::Reversed => wire::Cause { reading: named("reversed"), ..cause },
        SeedReading::ReversedWords => wire::Cause { reading: named("reversed_words"), ..cause },
        SeedReading::ReversedPairs => wire::Cause { reading: named("reversed_pairs"), ..cause },
    }
}

fn reach_name(reach: Reach) -> &'static str {
    match reach {
        Reach::Admin => "admin",
        Reach::None => "none",
    }
}

/// The causes in one clause.
fn says(causes: &[Cause]) -> String {
    match causes {
        [] => "nothing matches: these are not two consecutive codes of this device or of its \
               neighbours, under any parameters that were tried"
            .to_owned(),
        causes => causes.iter().map(words).collect::<Vec<String>>().join(", and "),
    }
}

fn words(cause: &Cause) -> String {
    match cause {
        Cause::InReach => {
            "the pair is right: resync with it, or with the next two codes".to_owned()
        }
        Cause::Used => "these codes, or later ones, were used already: take the next two, or wait \
                        until the token's clock has caught up"
            .to_owned(),
        Cause::Clock { seconds, reach } => {
            let way = if *seconds < 0 { "behind" } else { "ahead" };
            let beyond = match reach {
                Reach::None => ", further than any pair reaches",
                Reach::Admin => "",
            };
            format!("its clock is {} {way}{beyond}", length(seconds.unsigned_abs()))
        }
        Cause::CounterAhead { next, .. } => format!("its counter ran ahead to {}", next.0),
        Cause::TimeBased => "this is a time-based token (TOTP)".to_owned(),
        Cause::CounterBased { next } => {
            format!("this is a counter-based token (HOTP), at counter {}", next.0)
        }
        Cause::TimeStep(size) => format!("this is a {}-second token", size.seconds()),
        Cause::Algorithm(algorithm) => format!("its codes are made with {algorithm}"),
        Cause::Digits(digits) => format!("its codes have {} digits", digits.count()),
        Cause::Epoch(YEAR_2000) => "its time steps begin in 2000, not in 1970".to_owned(),
        Cause::Epoch(t0) => format!("its time steps begin {t0} seconds after 1970"),
        Cause::Secret(reading) => secret_words(*reading),
        Cause::OtherDevice { serial, .. } => format!("these are the codes of {serial}"),
    }
}

fn secret_words(reading: SeedReading) -> String {
    match reading {
        SeedReading::AsStored => "its secret is the stored one".to_owned(),
        SeedReading::Misread { read_as, is } => {
            format!("its secret was read as {}, and is {}", read_as.name(), is.name())
        }
        SeedReading::WithLineBreak => {
            "its secret was stored with a line break that is no part of it".to_owned()
        }
        SeedReading::Reversed => "the bytes of its secret are in reverse order".to_owned(),
        SeedReading::ReversedWords => {
            "the bytes of its secret are in reverse order in each four".to_owned()
        }
        SeedReading::ReversedPairs => {
            "the bytes of its secret are in reverse order in each two".to_owned()
        }
    }
}

/// A length of time in its largest unit that is at least two.
fn length(seconds: u64) -> String {
    match seconds {
        172_800.. => format!("{} days", (seconds + 43_200) / 86_400),
        7_200.. => format!("{} hours", (seconds + 1_800) / 3_600),
        120.. => format!("{} minutes", (seconds + 30) / 60),
        _ => format!("{seconds} seconds"),
    }
}

/// The command that mends the causes.
fn command(device: &Device, causes: &[Cause]) -> Option<String> {
    let serial = &device.serial;
    let pair = match device.state {
        DeviceState::Unassigned => return None,
        DeviceState::Pending | DeviceState::Disabled => "activate",
        DeviceState::Active | DeviceState::Locked => "resync",
    };
    let paired = format!("twostep device {pair} {serial}");
    Some(match causes {
        [] => return None,
        [Cause::InReach | Cause::Used] => paired,
        [Cause::Clock { reach, .. } | Cause::CounterAhead { reach, .. }]
            if *reach != Reach::None =>
        {
            paired
        }
        [Cause::Clock { .. }] => format!("twostep device remove {serial}"),
        [Cause::OtherDevice { serial, account }] if device.account.as_ref() == Some(account) => {
            format!("twostep login --account {} --serial {serial}", quoted(account.as_str()))
        }
        [Cause::OtherDevice { serial, .. }] => format!("twostep device show {serial}"),
        causes => {
            let add = add(device, causes);
            format!("twostep device remove {serial} && {add}")
        }
    })
}

/// The command that adds the device as it is. The secret is asked for.
fn add(device: &Device, causes: &[Cause]) -> String {
    let (mut kind, mut counter, mut period) = (device.kind().name(), None, None);
    let mut t0 = 0;
    let parameters = match &device.factor {
        Factor::Totp(totp) => {
            (period, t0) = (Some(totp.parameters.step_size), totp.parameters.t0);
            Some((totp.parameters.algorithm, totp.parameters.digits))
        }
        Factor::Hotp(hotp) => {
            counter = hotp.next;
            Some((hotp.parameters.algorithm, hotp.parameters.digits))
        }
        Factor::SecurityKey(_) | Factor::Recovery(_) => None,
    };
    let (mut algorithm, mut digits) = parameters.unwrap_or_default();
    for cause in causes {
        match cause {
            Cause::TimeBased => (kind, counter) = ("totp", None),
            Cause::CounterBased { next } => {
                (kind, counter, period, t0) = ("hotp", Some(*next), None, 0);
            }
            Cause::CounterAhead { next, .. } => counter = Some(*next),
            Cause::TimeStep(size) => period = Some(*size),
            Cause::Epoch(other) => t0 = *other,
            Cause::Algorithm(other) => algorithm = *other,
            Cause::Digits(other) => digits = *other,
            _ => {}
        }
    }
    let account = quoted(device.owner());
    let mut command = format!(
        "twostep device add --account {account} --serial {} --kind {kind} --algorithm {algorithm} \
         --digits {}",
        device.serial,
        digits.count(),
    );
    if let Some(period) = period {
        command += &format!(" --period {}", period.seconds());
    }
    if t0 > 0 {
        command += &format!(" --t0 {t0}");
    }
    if let Some(counter) = counter {
        command += &format!(" --counter {}", counter.0);
    }
    command + " --secret-stdin"
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%_+=:,./-".contains(c);
    match word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}
