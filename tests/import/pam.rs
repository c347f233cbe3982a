//! Files as PAM modules leave them, written by the modules themselves.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use test_support::pam_host::{
    GOOGLE, GOOGLE_TOOLS, Host, OATH, OATH_TOOLS, code, code_at, initialised, now,
};
use test_support::tools;
use twostep::import::{Format, Settings, Token, TokenDrift, TokenKind};

use super::{Read, read_with};

fn read_of(host: &Host, format: Format) -> Read {
    let read = read_with(None, fs::read(host.file()).unwrap(), &Settings::new(now()));
    assert_eq!(read.format, Some(format));
    read
}

fn token_of(host: &Host, format: Format) -> Token {
    let [token] = <[_; 1]>::try_from(read_of(host, format).sound()).unwrap();
    token
}

#[test]
fn steps_that_google_authenticator_accepted_are_used() {
    if !tools::have(GOOGLE_TOOLS) {
        return;
    }
    let host = Host::new(GOOGLE);
    let secret = initialised(&host.file(), &["-t", "-d", "-S", "60"]);
    let fresh = token_of(&host, Format::GoogleAuthenticator);
    assert_eq!((fresh.watermark, fresh.period), (None, Some(60)));
    // The window is one step on either side.
    while now().0 % 60 > 40 {
        sleep(Duration::from_millis(100));
    }
    let step = now().0 / 60;
    for used in [step - 1, step] {
        assert!(host.accepts(&code_at(used, 60, &["-b", &secret])));
        let token = token_of(&host, Format::GoogleAuthenticator);
        assert_eq!((token.kind, token.watermark), (Some(TokenKind::Totp), Some(used)));
        assert_eq!(token.drift, None);
    }
    assert_eq!(read_of(&host, Format::GoogleAuthenticator).notes.len(), 1);
}

#[test]
fn a_skew_that_google_authenticator_learned_is_kept() {
    if !tools::have(GOOGLE_TOOLS) {
        return;
    }
    let host = Host::new(GOOGLE);
    let secret = initialised(&host.file(), &["-t", "-d", "-S", "2"]);
    let accepts = |step: u64| host.accepts(&code_at(step, 2, &["-b", &secret]));
    // Three codes of consecutive steps teach the skew; the third is accepted.
    let mut skewed = now().0 / 2 + 40;
    let taught = (0..20).any(|_| {
        while now().0 / 2 + 40 == skewed {
            sleep(Duration::from_millis(50));
        }
        skewed = now().0 / 2 + 40;
        accepts(skewed)
    });
    assert!(taught);
    let token = token_of(&host, Format::GoogleAuthenticator);
    let Some(TokenDrift::Steps(skew)) = token.drift else { panic!("{token:?}") };
    assert!((39..=41).contains(&skew), "{skew}");
    // The module does not record the step of that code.
    assert_eq!(token.watermark, None);
    sleep(Duration::from_secs(4));
    let used = now().0 / 2 + 40;
    assert!(accepts(used));
    assert_eq!(token_of(&host, Format::GoogleAuthenticator).watermark, Some(used));
}

#[test]
fn the_counter_of_google_authenticator_is_the_next() {
    if !tools::have(GOOGLE_TOOLS) {
        return;
    }
    let host = Host::new(GOOGLE);
    let secret = initialised(&host.file(), &["-c"]);
    let first = token_of(&host, Format::GoogleAuthenticator).counter.unwrap();
    let of = |counter: u64| code(&["-b", "-c", &counter.to_string(), &secret]);
    assert!(host.accepts(&of(first + 2)));
    let token = token_of(&host, Format::GoogleAuthenticator);
    assert_eq!((token.kind, token.counter), (Some(TokenKind::Hotp), Some(first + 3)));
    assert!(!host.accepts(&of(first + 2)));
}

#[test]
fn counters_and_steps_that_pam_oath_accepted_are_used() {
    if !tools::have(OATH_TOOLS) {
        return;
    }
    let host = Host::new(OATH);
    let secret = "0102030405060708090a0b0c0d0e0f1011121314";
    host.write(&format!("HOTP\troot\t-\t{secret}\n"));
    assert_eq!(token_of(&host, Format::UsersOath).counter, Some(0));
    for used in [0_u64, 3, 4] {
        assert!(host.accepts(&code(&["-c", &used.to_string(), secret])));
        assert_eq!(token_of(&host, Format::UsersOath).counter, Some(used + 1));
    }
    host.write(&format!("HOTP/T60/8\troot\t-\t{secret}\n"));
    assert_eq!(token_of(&host, Format::UsersOath).watermark, None);
    let step = now().0 / 60;
    // The module writes the time stamp in the zone of its process.
    for used in [step - 2, step, step + 3] {
        assert!(host.accepts(&code_at(used, 60, &["-d", "8", secret])));
        let token = token_of(&host, Format::UsersOath);
        assert_eq!((token.watermark, token.period), (Some(used), Some(60)));
        assert_eq!(token.account.as_deref(), Some("root"));
    }
}
