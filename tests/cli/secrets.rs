//! Secrets as people have them: hexadecimal, base32, a whole URI; and what is shown of a new one.

use serde_json::Value;
use twostep::otp::{Algorithm, Counter, Digits, Hotp, Seed, Totp};
use twostep::testing::SimulatedToken;
use twostep::time::UnixTime;

use super::program::{Agent, Ended};

fn add(agent: &Agent, account: &str, options: &[&str], secret: &str) -> Ended {
    let fixed = ["--json", "device", "add", "--account", account, "--secret-stdin"];
    agent.run(&[&fixed, options].concat(), secret)
}

#[test]
fn a_secret_in_any_base_makes_the_same_codes() {
    let agent = Agent::start("");
    let bytes = |n: u8| [b"1234567890123456789".to_vec(), vec![b'0' + n]].concat();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let base32 = Seed::new(bytes(3)).unwrap().to_base32();
    for (n, text) in [
        (1, hex(&bytes(1))),
        (2, format!("0x{}", hex(&bytes(2)).to_uppercase())),
        (3, base32.to_lowercase()),
    ] {
        let account = format!("account-{n}");
        let serial = n.to_string();
        let added = add(&agent, &account, &["--serial", &serial], &format!("{text}\n"));
        assert_eq!(added.exit, 0, "{text}: {added:?}");
        assert_eq!(added.json()["device"]["serial"], serial, "a label of one digit");
        let token = SimulatedToken::totp(&Seed::new(bytes(n)).unwrap(), Totp::default());
        let now = test_support::people::now();
        let codes = [0, 30].map(|later| token.text_at(UnixTime(now.0 + later)));
        agent.done(&["device", "activate", &serial], &format!("{}\n{}\n", codes[0], codes[1]));
    }
    for (text, why) in [
        ("0x31323", "two digits"),
        ("3132333435363738", "10 to 128 bytes"),
        ("not base32!", "base32"),
        ("", "10 to 128 bytes"),
    ] {
        let refused = add(&agent, "mallory", &[], &format!("{text}\n"));
        assert_eq!(refused.exit, 2, "{text}: {refused:?}");
        assert!(refused.json()["detail"].as_str().unwrap().contains(why), "{refused:?}");
    }
}

#[test]
fn a_uri_brings_the_parameters_of_its_device() {
    let agent = Agent::start("");
    let uri = |n: u8, rest: &str| {
        let seed = Seed::new([b"1234567890123456789".to_vec(), vec![n]].concat()).unwrap();
        (rest.replace("SECRET", &seed.to_base32()), seed)
    };
    let (text, seed) = uri(
        1,
        "OTPAUTH://TOTP/Some+Corp:x?SECRET=SECRET&issuer=Other&algorithm=SHA-256&digits=8\
         &period=60",
    );
    let text = text.replacen(&format!("{}=", *seed.to_base32()), "SECRET=", 1);
    let added = add(&agent, "alice", &["--serial", "123456"], &text).json();
    let device = &added["device"];
    let facts = ["account", "kind", "algorithm", "digits", "period"].map(|name| &device[name]);
    let expected: [Value; 5] =
        ["alice".into(), "totp".into(), "SHA256".into(), 8.into(), 60.into()];
    assert_eq!(facts, expected.each_ref(), "{added}");
    let parameters = Totp {
        algorithm: Algorithm::Sha256,
        digits: Digits::try_from(8).unwrap(),
        step_size: twostep::otp::TimeStepSize::try_from(60).unwrap(),
        t0: 0,
    };
    let token = SimulatedToken::totp(&seed, parameters);
    let now = test_support::people::now();
    let codes = [0, 60].map(|later| token.text_at(UnixTime(now.0 + later)));
    agent.done(&["device", "activate", "123456"], &format!("{}\n{}\n", codes[0], codes[1]));

    let (text, seed) =
        uri(2, "otpauth://hotp/a:b?secret=SECRET&issuer=&algorithm=&counter=5&digits=");
    let added = add(&agent, "bob", &["--serial", "7"], &text).json();
    assert_eq!(
        (&added["device"]["kind"], &added["device"]["counter"]),
        (&"hotp".into(), &5.into())
    );
    let mut button = SimulatedToken::hotp(&seed, Hotp::default(), Counter(5));
    let pair = format!("{}\n{}\n", button.press_text(), button.press_text());
    agent.done(&["device", "activate", "7"], &pair);

    let (text, _) = uri(3, "otpauth://totp/a?secret=SECRET&digits=8");
    let refused = add(&agent, "carol", &["--digits", "6"], &text);
    assert_eq!(refused.exit, 2, "{refused:?}");
    assert!(refused.out.contains("--digits 6, but the URI says 8"), "{refused:?}");
    assert_eq!(add(&agent, "carol", &["--digits", "8", "--kind", "totp"], &text).exit, 0);
    for text in ["https://example.com/", "otpauth://totp/a?secret=x&period=7", "otpauth://x/a"] {
        let refused = add(&agent, "carol", &[], text);
        assert!(
            refused.exit == 2 && refused.out.contains("the key URI")
                || refused.out.contains("a key URI"),
            "{text}: {refused:?}"
        );
    }
}

#[test]
fn apps_see_the_display_name_and_programs_no_svg() {
    let agent = Agent::start("issuer = \"twostep-7\"\ndisplay_name = \"Söhne & Co: MFA\"\n");
    let add = |options: &[&str]| {
        let fixed = ["--json", "device", "add", "--account", "alice"];
        agent.done(&[&fixed, options].concat(), "").json()["provisioning"].clone()
    };
    let shown = add(&[]);
    let uri = shown["uri"].as_str().unwrap();
    let secret = shown["secret"].as_str().unwrap();
    let name = "S%C3%B6hne%20%26%20Co%20%20MFA";
    assert_eq!(uri, format!("otpauth://totp/{name}:alice?secret={secret}&issuer={name}"));
    assert!(shown.get("qr_svg").is_none(), "{shown}");
    assert!(add(&["--svg"])["qr_svg"].as_str().unwrap().contains("<svg"));
    let other = add(&["--algorithm", "sha512", "--digits", "8", "--period", "60"]);
    let uri = other["uri"].as_str().unwrap();
    assert!(uri.ends_with("&algorithm=SHA512&digits=8&period=60"), "{uri}");
    assert!(add(&["--kind", "hotp"])["uri"].as_str().unwrap().ends_with("&counter=0"));
}
