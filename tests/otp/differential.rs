//! The same codes as totp-rs and as Debian's oathtool, for anything a device can be made with.

use std::process::Command;

use test_support::tools;
use twostep::otp::{
    Algorithm, BadSeed, Counter, Foretold, Hotp, Key, KeyUri, LOOK_AHEAD, LOOK_BEHIND, Seed,
    TimeStep, TimeStepSize, Totp,
};
use twostep::time::UnixTime;

use super::oracle::{Random, code, totp_rs};

#[test]
fn ten_thousand_random_devices_agree_with_totp_rs() {
    let mut random = Random(1);
    for case in 0..10_000 {
        let (seed, totp) = (random.seed_of(10..=128), any_totp(&mut random));
        let now = totp.t0 + random.within(0..=1 << 40);
        let size = u64::from(totp.step_size.seconds());
        let theirs = totp_rs(&seed, totp.algorithm, totp.digits, size);
        let texts: Vec<Option<String>> = (0..5)
            .map(|ahead| (now - totp.t0 + ahead * size).checked_sub(2 * size))
            .map(|time| Some(theirs.generate(time?).to_string()))
            .collect();
        assert_found(
            &totp,
            &totp.key(&seed),
            &texts,
            now,
            &format!("case {case}: {totp:?} at {now}"),
        );
    }
}

/// A process for every hundred codes.
#[test]
fn ten_thousand_random_codes_agree_with_oathtool() {
    if !tools::have("oathtool") {
        return;
    }
    let mut random = Random(2);
    for case in 0..100 {
        let (seed, totp) = (random.seed_of(10..=128), any_totp(&mut random));
        let hex: String = seed.expose().iter().map(|byte| format!("{byte:02x}")).collect();
        let digits = totp.digits.count().to_string();
        // oathtool has HOTP for SHA-1 alone, as RFC 4226 does.
        if totp.algorithm == Algorithm::Sha1 && random.flip() {
            let first = random.within(0..=1 << 62);
            let texts =
                oathtool(&["--hotp", "-w99", "-d", &digits, "-c", &first.to_string(), &hex]);
            let hotp = Hotp { algorithm: totp.algorithm, digits: totp.digits };
            let key = hotp.key(&seed);
            for (counter, text) in (first..).zip(&texts) {
                let expected = (first..).zip(&texts).filter(|(at, other)| {
                    text == *other
                        && (counter.saturating_sub(LOOK_BEHIND)..counter + LOOK_AHEAD).contains(at)
                });
                let expected = expected.map(|(at, _)| Counter(at)).max();
                assert_eq!(
                    hotp.find(&key, &code(text), Counter(counter)),
                    expected,
                    "case {case}: {hotp:?} at {counter}"
                );
            }
        } else {
            let size = u64::from(totp.step_size.seconds());
            let now = totp.t0 + random.within(0..=1 << 40);
            let mode = format!("--totp={}", totp.algorithm);
            let [size_text, t0, now_text] =
                [format!("{size}s"), format!("@{}", totp.t0), format!("@{now}")];
            let texts = oathtool(&[
                &mode, "-w99", "-d", &digits, "-s", &size_text, "-S", &t0, "-N", &now_text, &hex,
            ]);
            let key = totp.key(&seed);
            let texts: Vec<Option<String>> =
                [None, None].into_iter().chain(texts.into_iter().map(Some)).collect();
            for (ahead, near) in (0..).zip(texts.windows(5)) {
                let now = now + ahead * size;
                assert_found(&totp, &key, near, now, &format!("case {case}: {totp:?} at {now}"));
            }
        }
    }
}

/// Secrets of every length from 16 symbols on, with any bits in the last symbol: both programs show
/// the same codes, or both refuse the secret.
#[test]
fn secrets_of_random_letters_are_the_ones_that_oathtool_reads() {
    if !tools::have("oathtool") {
        return;
    }
    let mut random = Random(3);
    for length in (16..=64).flat_map(|length| [length; 4]) {
        let mut text: String = (0..length)
            .map(|_| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[random.index(32)]))
            .collect();
        if random.flip() {
            text = text.to_ascii_lowercase();
        }
        let output = Command::new("oathtool")
            .args(["--hotp", "-b", "-w4", "-c", "0", &text])
            .output()
            .unwrap();
        let uri = format!("otpauth://hotp/a?counter=0&secret={text}")
            .parse::<KeyUri>()
            .map(|uri| uri.seed);
        let seeds = [
            Seed::from_base32(&text),
            Seed::typed(&text).map(|typed| typed.seed),
            uri.map_err(|_| BadSeed::Length),
        ];
        for seed in seeds {
            assert_eq!(seed.is_ok(), output.status.success(), "{text}: {seed:?}");
            let (Ok(seed), hotp) =
                (seed, Hotp { algorithm: Algorithm::Sha1, digits: super::oracle::digits(6) })
            else {
                continue;
            };
            for (counter, theirs) in (0..).zip(String::from_utf8_lossy(&output.stdout).lines()) {
                let found = hotp.find(&hotp.key(&seed), &code(theirs), Counter(counter));
                assert!(found.is_some(), "{text}: {theirs} at {counter}");
            }
        }
    }
}

/// Of five consecutive codes, the middle one being that of `now`: those within the window are found
/// at their steps, the others not at all, unless by chance one is the same as another. Short steps
/// have a wider window, since an owner takes longer than one of them to type.
fn assert_found(totp: &Totp, key: &Key, texts: &[Option<String>], now: u64, case: &str) {
    let step = (now - totp.t0) / u64::from(totp.step_size.seconds());
    let (clock, at) = (Foretold::default(), UnixTime(now));
    let half_width = totp.window(at, &clock).unwrap().half_width();
    assert!(half_width == 1 || totp.step_size.seconds() < 19, "{case}");
    let reach = usize::from(half_width.min(2));
    for text in texts.iter().flatten() {
        let inner =
            (2 - reach..=2 + reach).rev().find(|place| texts[*place].as_ref() == Some(text));
        let expected = inner.map(|place| TimeStep(step + u64::try_from(place).unwrap() - 2));
        let found = totp.find(key, &code(text), at, &clock);
        assert_eq!(found.map(|found| found.step), expected, "{case}");
    }
}

fn any_totp(random: &mut Random) -> Totp {
    let step_size =
        TimeStepSize::try_from(u16::try_from(random.within(10..=120)).unwrap()).unwrap();
    let t0 = if random.flip() { 0 } else { random.within(1..=1 << 31) };
    Totp { algorithm: random.algorithm(), digits: random.digits(), step_size, t0 }
}

fn oathtool(arguments: &[&str]) -> Vec<String> {
    let output = Command::new("oathtool").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let texts: Vec<String> =
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(texts.len(), 100);
    texts
}
