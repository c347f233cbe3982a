//! One account with one device, in a store that is used with a server of the test.

use std::path::PathBuf;

use test_support::postgres::Server;
use twostep::device::{Device, DeviceState, Factor, TotpState};
use twostep::id::{AccountId, CallerId};
use twostep::otp::TimeStep;
use twostep::store::{
    Account, Change, Commit, ConnectError, Error, Event, Fingerprint, Keyring, PostgresOptions,
    PostgresStore, Revision, Sealer, Store, Write,
};
use twostep::time::UnixTime;

pub(super) const NOW: UnixTime = UnixTime(1_800_000_000);

/// The way to a server without a standby.
pub(super) fn options(url: &str) -> Options {
    Options(url.parse::<PostgresOptions>().unwrap().single(true))
}

pub(super) struct Options(PostgresOptions);

impl Options {
    pub(super) fn state(self, folder: impl Into<PathBuf>) -> Options {
        Options(self.0.state_directory(Some(folder.into())))
    }

    pub(super) async fn open(self) -> Result<PostgresStore, ConnectError> {
        PostgresStore::open(self.0).await
    }
}

/// A device whose codes are accepted.
pub(super) struct One {
    device: Device,
}

impl One {
    pub(super) async fn add(store: &PostgresStore) -> One {
        let factor = Factor::Totp(TotpState::default());
        let (serial, account) = ("GAHT00000001".parse().unwrap(), "alice".parse().unwrap());
        let device = Device::new(serial, account, None, factor, NOW);
        let place = Sealer::seed_place(&device.serial, device.account.as_ref());
        let seed = Keyring::ephemeral().unwrap().seal(&place, b"12345678901234567890").unwrap();
        let writes = vec![
            Write::CreateAccount(Account::new(device.account.clone().unwrap(), NOW)),
            Write::InsertDevice {
                device: device.clone(),
                seed: Some(seed),
                fingerprint: Some(Fingerprint([7; 32])),
            },
        ];
        let change = Change { account: None, writes, audit: vec![event()] };
        assert!(matches!(store.commit(change).await, Ok(Commit::Committed(_))));
        One { device }
    }

    pub(super) fn account(&self) -> AccountId {
        self.device.account.clone().unwrap()
    }

    /// The revision that the server has, behind the back of the store.
    pub(super) fn revision(&self, server: &Server) -> u64 {
        server.sql("postgres", "SELECT revision FROM devices").parse().unwrap()
    }

    /// Puts the device into this state.
    pub(super) async fn put(&self, store: &PostgresStore, state: DeviceState, action: &str) {
        let seen = store.account(&self.account()).await.unwrap().unwrap();
        let seen = &seen.devices[0];
        let device = Device { state, ..seen.device.clone() };
        let event = Event::new(NOW, action, &CallerId::new("test")).serial(&device.serial);
        let writes = vec![Write::UpdateDevice { seen: seen.revision, device }];
        let change = Change { account: None, writes, audit: vec![event] };
        assert!(matches!(store.commit(change).await, Ok(Commit::Committed(_))));
    }

    /// Accepts the next code, as judged from what the store has.
    pub(super) async fn accept(&self, store: &PostgresStore) -> Result<Commit, Error> {
        let seen = store.account(&self.account()).await?.unwrap();
        self.accept_from(store, seen.devices[0].revision.0).await
    }

    /// Accepts a code as judged from this revision.
    pub(super) async fn accept_from(
        &self,
        store: &PostgresStore,
        seen: u64,
    ) -> Result<Commit, Error> {
        let mut device = self.device.clone();
        if let Factor::Totp(totp) = &mut device.factor {
            totp.watermark = Some(TimeStep(seen));
        }
        let writes = vec![Write::UpdateDevice { seen: Revision(seen), device }];
        let account = self.device.account.clone();
        store.commit(Change { account, writes, audit: vec![event()] }).await
    }
}

fn event() -> Event {
    Event::new(NOW, "code.accepted", &CallerId::new("test"))
}
