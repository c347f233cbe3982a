//! Key URIs: what we write we read back, and so does pyotp, which then shows the codes that we
//! expect.

use std::io::Write;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::test_runner::Config;

use test_support::tools;
use twostep::otp::{
    Counter, Digits, Foretold, Hotp, KeyUri, LOOK_AHEAD, MovingFactor, Seed, TimeStepSize, Totp,
};
use twostep::time::UnixTime;

use super::oracle::{ALGORITHMS, Random, code, setting};

proptest! {
    #![proptest_config(Config {
        failure_persistence: None,
        ..Config::with_cases(setting("TWOSTEP_FUZZ_CASES", 5_000))
    })]

    #[test]
    fn what_is_written_is_read_back(uri in any_uri()) {
        let text = uri.to_text();
        prop_assert!(text.is_ascii());
        prop_assert_eq!(text.parse(), Ok(uri));
    }
}

#[test]
fn pyotp_reads_our_uris_and_shows_our_codes() {
    if !tools::have("python:pyotp") {
        return;
    }
    let mut random = Random(15);
    let mut asked = Vec::new();
    for case in 0..1_000 {
        let (issuer, account) = NAMES[random.index(NAMES.len())];
        let step_size =
            TimeStepSize::try_from(u16::try_from(random.within(10..=120)).unwrap()).unwrap();
        let (factor, number) = match case % 3 {
            // pyotp adds the presses to the counter, and has no numbers of 64 bits.
            0 => (
                MovingFactor::Counter(Counter(random.any() >> random.within(1..=63))),
                random.within(0..=LOOK_AHEAD - 1),
            ),
            1 => (MovingFactor::Time(TimeStepSize::DEFAULT), random.within(0..=1 << 33)),
            _ => (MovingFactor::Time(step_size), random.within(0..=1 << 33)),
        };
        let uri = KeyUri {
            issuer: issuer.map(str::to_owned),
            account: account.to_owned(),
            // pyotp refuses secrets of less than 112 bits, which old hardware has.
            seed: random.seed_of(14..=128),
            algorithm: random.algorithm(),
            digits: random.digits(),
            factor,
        };
        asked.push((uri, number));
    }
    let questions: String = asked
        .iter()
        .map(|(uri, number)| format!("{}\t{number}\n", *uri.to_text()))
        .collect();
    let answers = pyotp(&questions);
    assert_eq!(answers.len(), asked.len());
    for ((uri, number), answer) in asked.iter().zip(answers) {
        let [issuer, account, shown] =
            <[&str; 3]>::try_from(answer.split('\t').collect::<Vec<&str>>()).unwrap();
        assert_eq!(issuer, hex(uri.issuer.as_deref().unwrap_or_default()));
        assert_eq!(account, hex(&uri.account));
        match uri.factor {
            MovingFactor::Time(step_size) => {
                let totp = Totp { algorithm: uri.algorithm, digits: uri.digits, step_size, t0: 0 };
                let found = totp.find(
                    &totp.key(&uri.seed),
                    &code(shown),
                    UnixTime(*number),
                    &Foretold::default(),
                );
                assert_eq!(found.map(|found| found.offset), Some(0), "{uri:?} at {number}");
            }
            MovingFactor::Counter(Counter(next)) => {
                let hotp = Hotp { algorithm: uri.algorithm, digits: uri.digits };
                let found = hotp.find(&hotp.key(&uri.seed), &code(shown), Counter(next));
                assert_eq!(found, Some(Counter(next + number)), "{uri:?} after {number} presses");
            }
        }
    }
}

/// Issuer and account.
const NAMES: &[(Option<&str>, &str)] = &[
    (Some("Example"), "alice@example.com"),
    (None, "alice"),
    (Some("Big Corporation & Söhne"), "zoë: work + home"),
    (Some("例え"), "用户/№1?#%25"),
    (Some("\u{202e}right to left"), "🔑=&;"),
    (Some("A"), "b:c:d"),
];

fn pyotp(questions: &str) -> Vec<String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/otp/read_uris.py");
    let mut python = Command::new(tools::python())
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Written from a thread of its own: both pipes may be full at once.
    let (mut input, questions) = (python.stdin.take().unwrap(), questions.to_owned());
    let writer = std::thread::spawn(move || input.write_all(questions.as_bytes()));
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "pyotp failed");
    writer.join().unwrap().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// Names in every script. An issuer has no colon, an account has one only after an issuer, and
/// spaces before it mean nothing.
fn any_uri() -> impl Strategy<Value = KeyUri> {
    let issuer = "\\PC{0,30}".prop_map(|issuer| issuer.replace(':', ""));
    let account = "[^:\\s]\\PC{0,30}";
    let seed =
        prop::collection::vec(any::<u8>(), 10..=128).prop_map(|bytes| Seed::new(bytes).unwrap());
    let digits = (6..=8u8).prop_map(|count| Digits::try_from(count).unwrap());
    let factor = prop_oneof![
        (10..=120u16)
            .prop_map(|seconds| MovingFactor::Time(TimeStepSize::try_from(seconds).unwrap())),
        any::<u64>().prop_map(|counter| MovingFactor::Counter(Counter(counter))),
    ];
    (prop::option::of(issuer), account, seed, prop::sample::select(&ALGORITHMS), digits, factor)
        .prop_map(|(issuer, account, seed, algorithm, digits, factor)| {
            let account = if issuer.is_some() { account } else { account.replace(':', "") };
            KeyUri { issuer, account, seed, algorithm, digits, factor }
        })
}
