//! Devices that were never used, and the requests that use each of them once.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use twostep::device::{Device, DeviceState, Factor, TotpState};
use twostep::otp::{Seed, Totp};
use twostep::store::{Account, Change, Commit, Keyring, Sealer, SqliteStore, Store, Write};
use twostep::testing::SimulatedToken;
use twostep::time::UnixTime;
use twostep::verifier::Verifier;

pub(crate) struct Devices {
    used: usize,
}

impl Devices {
    /// Fills a store in this folder with time-based devices, each of an account of its own.
    pub(crate) fn fill(folder: &Path, count: usize) -> Devices {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = SqliteStore::open(folder.join("store.db")).unwrap();
            let keyring = Keyring::from_file_or_new(folder.join("sealing.key")).unwrap();
            let sealer = Verifier::new(store.clone(), keyring).sealer().await.unwrap();
            let numbers: Vec<usize> = (0..count).collect();
            for some in numbers.chunks(1_000) {
                let writes = some.iter().flat_map(|number| device(*number, &sealer)).collect();
                let committed = store
                    .commit(Change { account: None, writes, audit: Vec::new() })
                    .await
                    .unwrap();
                assert!(matches!(committed, Commit::Committed(_)));
            }
        });
        Devices { used: 0 }
    }

    /// Requests with the codes that so many unused devices show now.
    pub(crate) fn requests(&mut self, count: usize, key: &str) -> Vec<Vec<u8>> {
        let numbers = self.used..self.used + count;
        self.used += count;
        let request = |number: usize| {
            let code = SimulatedToken::totp(&seed(number), Totp::default()).text_at(now());
            let body = format!(
                r#"{{"account":"account-{number}","serial":"device-{number:08}","code":"{code}"}}"#
            );
            let head = format!(
                "POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n"
            );
            format!(
                "{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes()
        };
        numbers.map(request).collect()
    }
}

fn device(number: usize, sealer: &Sealer) -> [Write; 2] {
    let account = Account::new(format!("account-{number}").parse().unwrap(), now());
    let factor = Factor::Totp(TotpState::default());
    let mut device = Device::new(
        format!("device-{number:08}").parse().unwrap(),
        account.id.clone(),
        None,
        factor,
        now(),
    );
    device.state = DeviceState::Active;
    let (place, seed) = (Sealer::seed_place(&device.serial, device.account.as_ref()), seed(number));
    let (sealed, fingerprint) =
        (sealer.keyring().seal(&place, seed.expose()).unwrap(), sealer.fingerprints(&seed).first);
    [
        Write::CreateAccount(account),
        Write::InsertDevice { device, seed: Some(sealed), fingerprint: Some(fingerprint) },
    ]
}

fn seed(number: usize) -> Seed {
    Seed::new(format!("{number:020}").into_bytes()).unwrap()
}

fn now() -> UnixTime {
    UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
}
