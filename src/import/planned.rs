//! Tokens that were checked: what the import makes of each, if nothing of the file is wrong.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use sha2::{Digest, Sha256};

use crate::device::{Factor, HotpState, TotpState};
use crate::id::{AccountId, DeviceName, SerialNumber};
use crate::import::{Assumed, Format, Place, Problem, ProblemCode, Token, TokenDrift, TokenKind};
use crate::otp::{
    ClockModel, Counter, Digits, Hotp, Key, RatePrior, Seed, TimeStep, TimeStepSize, Totp, Window,
};
use crate::time::UnixTime;

/// A token that may become a device.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// Place in the file.
    pub place: Place,
    /// The serial number; one is generated for a token without.
    pub serial: Option<SerialNumber>,
    /// The owner.
    pub account: Option<AccountId>,
    /// The name that its owner gave it.
    pub name: Option<DeviceName>,
    /// The shared secret.
    pub seed: Seed,
    /// Parameters, and what was used: never less than the file says.
    pub factor: Factor,
    /// False for a time-based token of which the file tells no step that was used.
    pub use_is_told: bool,
    /// True if the token was switched off where it comes from.
    pub disabled: bool,
    /// True for a token of hardware.
    pub hardware: bool,
}

/// The checks of one file: each token by itself, and against the tokens before it.
pub struct Checks<'a> {
    assumed: Assumed,
    now: UnixTime,
    /// Makes an account of a name of the file.
    named: &'a (dyn Fn(&str) -> Result<AccountId, String> + Sync),
    serials: HashMap<String, (Place, SerialNumber)>,
    secrets: HashMap<[u8; 32], Place>,
}

impl<'a> Checks<'a> {
    /// The checks of a file of this format.
    pub fn new(
        format: Format,
        assumed: Assumed,
        now: UnixTime,
        named: &'a (dyn Fn(&str) -> Result<AccountId, String> + Sync),
    ) -> Checks<'a> {
        let (serials, secrets) = (HashMap::new(), HashMap::new());
        Checks { assumed: assumed.within(format), now, named, serials, secrets }
    }

    /// Checks a token.
    ///
    /// # Errors
    /// The first problem of the token.
    pub fn check(&mut self, token: Token) -> Result<Planned, Problem> {
        let (place, serial) = (token.place, token.serial.clone());
        let planned = self.planned(token);
        planned
            .map_err(|(code, detail)| Problem::at(place, code, detail).of_serial(serial.as_deref()))
    }

    fn planned(&mut self, token: Token) -> Result<Planned, Wrong> {
        let place = token.place;
        let seed = Seed::new(token.secret.expose().to_vec()).map_err(|_| {
            let bytes = token.secret.expose().len();
            let detail = format!(
                "the secret has {bytes} bytes: a seed has 10 to 128; leave the token out with \
                 --skip-unsupported"
            );
            (ProblemCode::SecretSize, detail)
        })?;
        let serial = token.serial.as_deref().map(serial_number).transpose()?;
        let account = match &token.account {
            Some(name) => Some((self.named)(name).map_err(|why| (ProblemCode::Name, why))?),
            None => self.assumed.account.clone(),
        };
        let factor = self.factor(&token)?;
        self.is_new(place, serial.as_ref(), &seed)?;
        Ok(Planned {
            place,
            serial,
            account,
            name: token.name.as_deref().and_then(device_name),
            seed,
            use_is_told: token.watermark.is_some(),
            factor,
            disabled: token.disabled,
            hardware: token.hardware.or(self.assumed.hardware).unwrap_or(false),
        })
    }

    fn factor(&self, token: &Token) -> Result<Factor, Wrong> {
        let assumed = &self.assumed;
        let kind = token.kind.or(assumed.kind).ok_or_else(|| {
            let detail = "the file does not say whether the token counts time or presses: say it \
                          with --kind";
            (ProblemCode::KindMissing, detail.to_owned())
        })?;
        let algorithm = token.algorithm.or(assumed.algorithm).unwrap_or_default();
        let digits = match token.digits {
            Some(digits) => digits_of(digits)?,
            None => assumed.digits.ok_or_else(|| {
                let detail = "the file does not say how many digits a code has: say it with \
                              --digits";
                (ProblemCode::Value, detail.to_owned())
            })?,
        };
        if kind == TokenKind::Hotp {
            let next = Some(Counter(token.counter.unwrap_or(0)));
            let parameters = Hotp { algorithm, digits };
            let pair_needed = token.counter.is_none();
            return Ok(Factor::Hotp(HotpState { parameters, next, pair_needed }));
        }
        let step_size = match token.period {
            Some(period) => step_size_of(period)?,
            None => assumed.period.ok_or_else(|| {
                let detail = "the file does not say how many seconds a code lasts: say it with \
                              --period";
                (ProblemCode::Value, detail.to_owned())
            })?,
        };
        let parameters = Totp { algorithm, digits, step_size, t0: token.t0.unwrap_or(0) };
        let clock = self.clock(token, &parameters)?;
        let watermark = token.watermark.map(TimeStep);
        self.is_past(watermark, &parameters, &clock)?;
        Ok(Factor::Totp(TotpState { parameters, watermark, doubtful: None, clock }))
    }

    /// The model of the clock: by an offset that was measured, or the day on which it was set.
    fn clock(&self, token: &Token, parameters: &Totp) -> Result<ClockModel, Wrong> {
        if let Some(clock) = &token.clock {
            return serde_json::from_str(clock).map_err(|_| {
                (ProblemCode::Value, "the model of the clock is none of twostep".to_owned())
            });
        }
        let own = token.clock.as_deref().and_then(|text| serde_json::from_str(text).ok());
        if let Some(clock) = own.filter(|clock| self.is_near(clock, parameters)) {
            return Ok(clock);
        }
        let hardware = token.hardware.or(self.assumed.hardware).unwrap_or(false);
        let rate = if hardware { RatePrior::HARDWARE } else { RatePrior::APP };
        let period = f64::from(parameters.step_size.seconds());
        let seconds = match token.drift {
            // A drift of more steps than that is refused below.
            Some(TokenDrift::Steps(steps)) => {
                Some(i32::try_from(steps).map_or(f64::INFINITY, f64::from) * period)
            }
            Some(TokenDrift::Seconds(seconds)) => Some(seconds),
            None => None,
        };
        let most = u32::try_from(Window::Admin.steps()).map_or(0.0, f64::from) * period;
        match (seconds, token.clock_set.or(self.assumed.clock_set)) {
            (Some(seconds), _) if seconds.abs() <= most => {
                Ok(ClockModel::measured(seconds, self.now))
            }
            (Some(_), _) => {
                let detail = "the clock is further off than an administrator's pair can find: the \
                              drift is wrong";
                Err((ProblemCode::Value, detail.to_owned()))
            }
            (None, Some(set_at)) => Ok(ClockModel::set_by_maker(rate, set_at)),
            (None, None) => Ok(ClockModel::new(rate)),
        }
    }

    /// True for a model that expects the token where an administrator's pair finds it.
    fn is_near(&self, clock: &ClockModel, parameters: &Totp) -> bool {
        let drift = parameters.drift(&clock.foretell(self.now));
        drift.steps.unsigned_abs() <= Window::Admin.steps()
    }

    /// Refuses a step that no token can have shown yet: with it the token would be dead for long.
    fn is_past(
        &self,
        watermark: Option<TimeStep>,
        parameters: &Totp,
        clock: &ClockModel,
    ) -> Result<(), Wrong> {
        let present = parameters.step_at(self.now).map_or(0, |step| step.0);
        let expected = parameters.expected_step(self.now, &clock.foretell(self.now));
        let present = present.max(expected.map_or(0, |step| step.0));
        match watermark {
            Some(step) if step.0 > present.saturating_add(Window::Admin.steps()) => {
                let detail = "the step that was used last lies in the future: the value is wrong";
                Err((ProblemCode::Value, detail.to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Refuses what another token of the file has.
    fn is_new(
        &mut self,
        place: Place,
        serial: Option<&SerialNumber>,
        seed: &Seed,
    ) -> Result<(), Wrong> {
        if let Some(serial) = serial {
            match self.serials.entry(serial.as_str().to_ascii_lowercase()) {
                Entry::Vacant(free) => {
                    free.insert((place, serial.clone()));
                }
                Entry::Occupied(taken) if taken.get().1 == *serial => {
                    let detail = format!("the serial number of {}", taken.get().0);
                    return Err((ProblemCode::SerialRepeated, detail));
                }
                Entry::Occupied(taken) => {
                    let detail = format!(
                        "the serial number differs from the one of {} in nothing but capitals",
                        taken.get().0
                    );
                    return Err((ProblemCode::SerialCase, detail));
                }
            }
        }
        for key in Key::of_hmac(seed) {
            match self.secrets.entry(Sha256::digest(&key[..]).into()) {
                Entry::Vacant(free) => {
                    free.insert(place);
                }
                Entry::Occupied(taken) if *taken.get() != place => {
                    let detail =
                        format!("the secret of {}: a secret belongs to one device", taken.get());
                    return Err((ProblemCode::SecretRepeated, detail));
                }
                Entry::Occupied(_) => {}
            }
        }
        Ok(())
    }
}

/// A problem of a token: its kind, and the sentence.
type Wrong = (ProblemCode, String);

fn serial_number(text: &str) -> Result<SerialNumber, Wrong> {
    text.parse().map_err(|_| {
        let detail = "this is no serial number: it has 1 to 256 characters of A-Z a-z 0-9 _ + = / \
                      : , . @ -";
        (ProblemCode::Serial, detail.to_owned())
    })
}

/// A name is a convenience: one that cannot be kept is cut or left out.
fn device_name(text: &str) -> Option<DeviceName> {
    let printable = text.chars().filter(|c| !c.is_control());
    let text: String = printable.take(128).collect();
    text.trim().parse().ok()
}

fn digits_of(count: u64) -> Result<Digits, Wrong> {
    supported::<u8, Digits>(count, "digits", "6 to 8")
}

fn step_size_of(seconds: u64) -> Result<TimeStepSize, Wrong> {
    supported::<u16, TimeStepSize>(seconds, "seconds", "10 to 120")
}

/// A parameter of codes from a number of the file, if tokens with it can be verified.
fn supported<N, T>(number: u64, unit: &str, range: &str) -> Result<T, Wrong>
where
    N: TryFrom<u64>,
    T: TryFrom<N>,
{
    let parameter = N::try_from(number).ok().and_then(|number| T::try_from(number).ok());
    parameter.ok_or_else(|| {
        let detail = format!(
            "codes of {number} {unit} are not supported, {range} are; leave the token out with \
             --skip-unsupported"
        );
        (ProblemCode::Unsupported, detail)
    })
}
