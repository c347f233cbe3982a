//! `twostep device list`: the devices of a choice, in the order of their accounts.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::json;

use crate::cli::console::{Console, existing_account};
use crate::cli::known;
use crate::cli::moment::moment;
use crate::cli::output::{Failure, Report};
use crate::cli::refusal::Task;
use crate::device::{DeviceState, MfaKind};
use crate::id::AccountId;
use crate::wire::{ListDevices, Timestamp};

use super::show::table;

/// A choice of devices; each option narrows it.
#[derive(Args)]
pub(in crate::cli) struct List {
    /// Only those of this account
    #[arg(long, value_parser = existing_account)]
    account: Option<AccountId>,
    /// Only those in this state
    #[arg(long, value_parser = states())]
    state: Option<DeviceState>,
    /// Only those of this kind
    #[arg(long, value_parser = kinds())]
    kind: Option<MfaKind>,
    /// Only those that were not used since then: a day (2026-11-22), a time, or how long ago (90d)
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    unused_since: Option<Timestamp>,
    /// Only those whose clock is off by more than so many time steps
    #[arg(long, value_name = "STEPS")]
    drift_above: Option<u32>,
    /// Only those with this text in serial number, account or name
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
}

impl List {
    pub(super) async fn run(&self, console: &Console) -> Result<Report, Failure> {
        let which = ListDevices {
            account: self.account.as_ref().map(|account| account.as_str().to_owned()),
            state: self.state,
            kind: self.kind,
            unused_since: self.unused_since,
            drift_above: self.drift_above,
            search: self.search.clone(),
            ..ListDevices::default()
        };
        let devices = console.client().find_devices(&which).await;
        let mut devices = devices.map_err(console.failing(Task::Other))?;
        devices.sort_by(|one, other| {
            (&one.account, &one.serial).cmp(&(&other.account, &other.serial))
        });
        if let (Some(account), true) = (&self.account, devices.is_empty()) {
            known::account(console, account).await?;
        }
        let text = table(&devices, self.account.is_none());
        let of_account = ListDevices { account: which.account.clone(), ..ListDevices::default() };
        let none = match which == of_account {
            true => "There are no devices. Add one: twostep device add",
            false => "No device is like that. See all: twostep device list",
        };
        let none = devices.is_empty().then_some(none);
        let report = Report::new(json!({"devices": devices}), text);
        Ok(none.into_iter().fold(report, Report::note))
    }
}

fn states() -> impl TypedValueParser<Value = DeviceState> {
    PossibleValuesParser::new(DeviceState::ALL.map(DeviceState::name))
        .try_map(|name| name.parse::<DeviceState>())
}

/// The kinds that a device can be of.
fn kinds() -> impl TypedValueParser<Value = MfaKind> {
    let of_devices = MfaKind::ALL.into_iter().filter(|kind| *kind != MfaKind::Bypass);
    PossibleValuesParser::new(of_devices.map(MfaKind::name)).try_map(|name| name.parse::<MfaKind>())
}
