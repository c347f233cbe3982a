//! A store in which every class of refusals has its accounts, written before the agent starts.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use twostep::agent::Config;
use twostep::device::{Device, DeviceState, Factor, HotpState, Throttle};
use twostep::id::AccountId;
use twostep::otp::{Counter, Hotp, Seed};
use twostep::store::{Account, Change, Commit, Keyring, Sealer, SqliteStore, Store, Write};
use twostep::testing::{SimulatedSecurityKey, SimulatedToken};
use twostep::time::UnixTime;
use twostep::verifier::{Authority, SecurityKeys, Verifier};

/// A request that must be refused.
pub(crate) struct Attempt {
    pub(crate) class: &'static str,
    pub(crate) account: String,
    /// The members of its body apart from the account.
    pub(crate) proof: Value,
}

pub(crate) const CLASSES: [&str; 13] = [
    "unknown account",
    "unknown serial",
    "foreign serial",
    "wrong code",
    "out of sync",
    "used code",
    "throttled device",
    "locked device",
    "pending device",
    "throttled account",
    "hidden account",
    "no ceremony",
    "wrong answer of a key",
];

/// Fills the store in this folder, and says what to send: the classes in turns, each time in
/// another order.
pub(crate) fn attempts(folder: &Path, each: usize) -> Vec<Attempt> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(folder.join("store.db")).unwrap();
        let keyring = Keyring::from_file_or_new(folder.join("sealing.key")).unwrap();
        let verifier = Verifier::new(store.clone(), keyring);
        let sealer = verifier.sealer().await.unwrap();
        let (mut attempts, mut writes) = (Vec::new(), Vec::new());
        for turn in 0..each {
            let mut order: Vec<usize> = (0..CLASSES.len()).collect();
            // Any order will do that puts each class at each place about as often.
            order.sort_by_key(|class| (turn * 7 + class * (turn % 13 + 3)) % 31);
            attempts
                .extend(order.into_iter().map(|class| attempt(class, turn, &sealer, &mut writes)));
        }
        let committed =
            store.commit(Change { account: None, writes, audit: Vec::new() }).await.unwrap();
        assert!(matches!(committed, Commit::Committed(_)), "{committed:?}");
        let keys = SecurityKeys::new(verifier, Config::default().relying_party(now()).unwrap());
        for attempt in
            attempts.iter_mut().filter(|attempt| attempt.class == "wrong answer of a key")
        {
            attempt.proof = wrong_answer(&keys, &attempt.account.parse().unwrap()).await;
        }
        attempts
    })
}

/// One request of a class, and what has to be there for it.
fn attempt(class: usize, turn: usize, sealer: &Sealer, writes: &mut Vec<Write>) -> Attempt {
    let name = CLASSES[class];
    let account = if name == "hidden account" {
        format!("hidden-{turn}")
    } else {
        format!("seen-{class}-{turn}")
    };
    let (serial, seed) = (format!("device-{class:04}-{turn:08}"), seed(class, turn));
    let used = SimulatedToken::hotp(&seed, Hotp::default(), Counter(0)).press_text();
    let now = now();
    let mut there = Account::new(account.parse().unwrap(), now);
    let factor = Factor::Hotp(HotpState {
        parameters: Hotp::default(),
        next: Some(Counter(1)),
        pair_needed: false,
    });
    let mut device = Device::new(serial.parse().unwrap(), there.id.clone(), None, factor, now);
    device.state = DeviceState::Active;
    let code = |serial: &str, code: &str| json!({"serial": serial, "code": code});
    let mut attempt = Attempt { class: name, account, proof: code(&serial, WRONG) };
    match name {
        "unknown account" => return attempt,
        "unknown serial" => attempt.proof = code(&format!("nodevi-{class:04}-{turn:08}"), WRONG),
        // The device of the account for wrong codes.
        "foreign serial" => {
            attempt.proof = code(&format!("device-{:04}-{turn:08}", class + 1), WRONG)
        }
        "out of sync" => attempt.proof = code(&serial, &far(&seed)),
        "used code" => attempt.proof = code(&serial, &used),
        "no ceremony" => {
            let response =
                json!({"clientDataJSON": "e30", "authenticatorData": "AAAA", "signature": "AAAA"});
            let credential =
                json!({"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": response});
            attempt.proof =
                json!({"ceremony_id": "AAAAAAAAAAAAAAAAAAAAAA", "credential": credential});
        }
        "throttled device" => device.throttle = Throttle { failures: 10, last_failure: Some(now) },
        "locked device" => device.state = DeviceState::Locked,
        "pending device" => device.state = DeviceState::Pending,
        "throttled account" => there.throttled_until = Some(now.plus(Duration::from_secs(3_600))),
        _ => {}
    }
    let sealed = sealer
        .keyring()
        .seal(&Sealer::seed_place(&device.serial, device.account.as_ref()), seed.expose())
        .unwrap();
    let fingerprint = Some(sealer.fingerprints(&seed).first);
    writes.extend([
        Write::CreateAccount(there),
        Write::InsertDevice { device, seed: Some(sealed), fingerprint },
    ]);
    attempt
}

/// The answer of the account's key to its own ceremony, with the signature of another one.
async fn wrong_answer(keys: &SecurityKeys, account: &AccountId) -> Value {
    let (mut key, origin) =
        (SimulatedSecurityKey::new(account.as_str()), "http://localhost:8000".parse().unwrap());
    let begun = keys.begin_registration(account, None, &Authority::Admin).await.unwrap();
    let made = key.create(&begun.options, &origin).response();
    keys.finish_registration(&begun.id, made, &Authority::Admin).await.unwrap();
    let begun = keys.begin_authentication(account).await.unwrap();
    let mut answer = key.get(&begun.options, &origin).unwrap();
    answer.signer = key.attester();
    json!({"ceremony_id": begun.id.as_str(), "credential": answer.response()})
}

fn now() -> UnixTime {
    UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
}

/// A code beyond the window of a sign-in, which the agent finds after its answer.
fn far(seed: &Seed) -> String {
    SimulatedToken::hotp(seed, Hotp::default(), Counter(60)).press_text()
}

/// A seed of its own for each device, whose next codes are neither the wrong one, nor its first one
/// again, nor the one far away.
fn seed(class: usize, turn: usize) -> Seed {
    let mut seeds = (0..).map(|try_: usize| {
        let numbers =
            [class, turn, try_].map(|number| u64::try_from(number).unwrap().to_be_bytes());
        Seed::new(numbers.concat()).unwrap()
    });
    let fits = |seed: &Seed| {
        let mut token = SimulatedToken::hotp(seed, Hotp::default(), Counter(0));
        let first = token.press_text();
        first != WRONG
            && (0..12)
                .map(|_| token.press_text())
                .all(|code| code != WRONG && code != first && code != far(seed))
    };
    seeds.find(fits).unwrap()
}

const WRONG: &str = "271828";
