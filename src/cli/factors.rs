//! The devices of an account that can open a session, and the way out where none can.

use crate::cli::console::Console;
use crate::cli::output::{Exit, Failure, plain};
use crate::cli::refusal::{Subject, Task};
use crate::cli::{output, prompt, words};
use crate::client::Error;
use crate::device::{DeviceState, MfaKind};
use crate::id::{AccountId, SerialNumber};
use crate::wire::{Device, ProblemCode, Reason, Timestamp};

/// The devices of an account, as far as the caller may see them.
pub(super) struct Factors {
    account: AccountId,
    /// The account was named by an argument.
    named: bool,
    devices: Vec<Device>,
}

/// The device whose code is asked for.
pub(super) enum Choice<'a> {
    /// The only one, or the one that was chosen.
    Device(&'a Device),
    /// No device shows codes now, or none is known: a recovery or bypass code may be given.
    Spare,
    /// One of these, which only an argument can tell without a terminal.
    Several(Vec<&'a Device>),
}

impl Factors {
    /// Lists the devices of `account`. None are known where the agent does not list them for this
    /// caller.
    ///
    /// # Errors
    /// The agent does not answer, or not to this user.
    pub(super) async fn of(
        console: &Console,
        account: &AccountId,
        named: bool,
    ) -> Result<Factors, Failure> {
        let devices = match console.client().all_devices(Some(account), None).await {
            Ok(devices) => devices,
            Err(Error::Problem(problem)) if problem.code == ProblemCode::NoSuchEntity => Vec::new(),
            Err(error) => return Err(console.failure(Task::Other, error)),
        };
        Ok(Factors { account: account.clone(), named, devices })
    }

    /// The device with this serial number.
    ///
    /// # Errors
    /// The account has others, and not this one.
    pub(super) fn named(&self, serial: &SerialNumber) -> Result<Option<&Device>, Failure> {
        let found = self.devices.iter().find(|device| device.serial == *serial);
        if found.is_some() || self.devices.is_empty() {
            return Ok(found);
        }
        let says = format!("{} has no device {serial}", self.name());
        Err(Failure::new(Exit::Refused, says).hint(self.say_which(&self.devices)))
    }

    /// The device that shows the code; asked for at a terminal if there are several in use.
    pub(super) fn for_code(&self) -> Result<Choice<'_>, Failure> {
        self.choose(|device| device.state == DeviceState::Active, true)
    }

    /// The device that shows two consecutive codes, which unlock it too.
    ///
    /// # Errors
    /// None does, or there are several and no terminal.
    pub(super) fn for_pair(&self) -> Result<&Device, Failure> {
        let fits =
            |device: &Device| matches!(device.state, DeviceState::Active | DeviceState::Locked);
        match self.choose(fits, false)? {
            Choice::Device(device) => Ok(device),
            Choice::Several(several) => Err(self.several(&several)),
            Choice::Spare => {
                let none = format!("{} has no device in use that shows codes", self.name());
                let failure = Failure::new(Exit::Refused, none);
                let ways = self.ways_out();
                Err(match ways.is_empty() {
                    true => failure.hint(self.subject(None).spelt(LIST)),
                    false => ways.into_iter().fold(failure, Failure::hint),
                })
            }
        }
    }

    fn choose(&self, fits: impl Fn(&Device) -> bool, spare: bool) -> Result<Choice<'_>, Failure> {
        let shown: Vec<&Device> = self
            .devices
            .iter()
            .filter(|device| shows_codes(device) && fits(device))
            .collect();
        match shown.as_slice() {
            [] => Ok(Choice::Spare),
            [device] => Ok(Choice::Device(device)),
            _ if !prompt::is_terminal() => Ok(Choice::Several(shown)),
            _ => self.asked(&shown, spare),
        }
    }

    /// Asks which device it is.
    fn asked<'a>(&self, shown: &[&'a Device], spare: bool) -> Result<Choice<'a>, Failure> {
        let mut names: Vec<&str> = shown.iter().map(|device| device.serial.as_str()).collect();
        let mut rows: Vec<Vec<String>> = shown
            .iter()
            .map(|device| {
                let name = device.name.as_ref().map(words::text).unwrap_or_default();
                vec![device.serial.to_string(), device.kind.name().to_owned(), name]
            })
            .collect();
        if spare {
            names.push("spare");
            rows.push(vec!["a recovery or bypass code".to_owned()]);
        }
        output::note(&format!("{} has {} devices:", self.name(), shown.len()));
        for (number, row) in rows.iter().enumerate() {
            output::note(format!("  {}  {}", number + 1, row.join("  ")).trim_end());
        }
        let chosen = prompt::choice("Which one shows the code?", &names)?;
        Ok(shown.get(chosen).map_or(Choice::Spare, |device| Choice::Device(device)))
    }

    /// The refusal of a code that several devices may show.
    pub(super) fn several(&self, several: &[&Device]) -> Failure {
        let says = format!("{} has {} devices that show codes", self.name(), several.len());
        Failure::bad_input(says).hint(self.say_which(several.iter().copied()))
    }

    /// The way to put this device in use, if it is not; without a device, the ways for all, if none
    /// is in use.
    pub(super) fn ways_out_of(&self, device: Option<&Device>) -> Vec<String> {
        match device {
            Some(device) => self.way_out(device).into_iter().collect(),
            None if self.any_in_use() => Vec::new(),
            None => self.ways_out(),
        }
    }

    /// The refusal of a code, in words that fit the state of the devices; as it is where the agent
    /// has not told the reason.
    pub(super) fn refused(
        &self,
        device: Option<&Device>,
        reason: Option<&Reason>,
        refused: Failure,
    ) -> Failure {
        use Reason::{Locked, NotActive, Replayed, UnknownDevice};
        match (reason, device) {
            (Some(Replayed), Some(device)) => match device.codes_used_until {
                Some(until) => self.used_until(device, until, refused),
                None => refused,
            },
            (Some(Locked | NotActive | UnknownDevice), _) => {
                let ways = self.ways_out_of(device);
                if ways.is_empty() {
                    return refused;
                }
                let says = format!("the session was refused: {} has no device in use", self.name());
                ways.into_iter().fold(refused.instead(says), Failure::hint)
            }
            _ => refused,
        }
    }

    /// The refusal of a code that counts as used, as all do up to then.
    fn used_until(&self, device: &Device, until: Timestamp, refused: Failure) -> Failure {
        let says = format!(
            "the session was refused: the codes of {} count as used until {}",
            device.serial,
            words::at(Some(until))
        );
        let ended = "An administrator ends it after a restore: twostep device unlock SERIAL";
        refused
            .instead(says)
            .hint("The store was restored from a backup, or the agent's clock went back.")
            .hint(self.subject(Some(device)).spelt(ended))
    }

    fn any_in_use(&self) -> bool {
        let in_use = |device: &Device| shows_codes(device) && device.state == DeviceState::Active;
        self.devices.iter().any(in_use)
    }

    /// The devices that could be in use and are not, each with what puts it in use.
    fn ways_out(&self) -> Vec<String> {
        self.devices.iter().filter_map(|device| self.way_out(device)).collect()
    }

    /// The way to put this device in use, if it is not.
    fn way_out(&self, device: &Device) -> Option<String> {
        let serial = &device.serial;
        let way = match (device.state, device.kind) {
            (DeviceState::Active | DeviceState::Unassigned, _)
            | (_, MfaKind::Recovery | MfaKind::Bypass) => return None,
            (DeviceState::Disabled, MfaKind::SecurityKey) => {
                "is disabled. Remove it, and enrol it again: twostep device remove SERIAL"
            }
            (_, MfaKind::SecurityKey) => return None,
            (DeviceState::Pending, _) => {
                "is pending. Put it in use with two consecutive codes: \
                 twostep device activate SERIAL"
            }
            (DeviceState::Disabled, _) => {
                "is disabled. Put it in use again with two consecutive codes: \
                 twostep device activate SERIAL"
            }
            (DeviceState::Locked, _) => {
                "is locked after twenty wrong codes. Two consecutive codes unlock it: \
                 twostep login --resync"
            }
        };
        let way = self.subject(Some(device)).spelt(way);
        Some(format!("{serial} {way}"))
    }

    /// The subject of a refusal: this account, and this device or the only one that shows codes.
    pub(super) fn subject(&self, device: Option<&Device>) -> Subject {
        let mut shown = self.devices.iter().filter(|device| shows_codes(device));
        let only = shown.next().filter(|_| shown.next().is_none());
        let named = device.is_some() && only.is_none();
        let device = device.or(only);
        Subject {
            account: self.named.then(|| self.account.clone()),
            device: device.map(|device| device.serial.clone()),
            kind: device.map(|device| device.kind),
            named,
        }
    }

    fn say_which<'a>(&self, devices: impl IntoIterator<Item = &'a Device>) -> String {
        let serials: Vec<&str> = devices.into_iter().map(|device| device.serial.as_str()).collect();
        format!("Say which: --serial {}", serials.join(" or "))
    }

    fn name(&self) -> String {
        plain(self.account.as_str())
    }
}

fn shows_codes(device: &Device) -> bool {
    matches!(device.kind, MfaKind::Totp | MfaKind::Hotp)
}

const LIST: &str = "See what there is: twostep device list";
