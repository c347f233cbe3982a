//! Files of PAM modules.

use twostep::import::{Format, Place, ProblemCode, Settings, TokenDrift, TokenKind};

use super::{read_with, recognised, settings};

fn line(number: u64) -> Option<Place> {
    Some(Place::Line(number))
}

const GOOGLE: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY\n\" WINDOW_SIZE 3\n\" TOTP_AUTH\n";

#[test]
fn the_highest_used_step_of_google_authenticator_is_the_watermark() {
    let file = format!("{GOOGLE}\" DISALLOW_REUSE 59732400 59732398\n12345678\n\n87654321\n");
    let read = recognised(&file);
    assert_eq!(read.format, Some(Format::GoogleAuthenticator));
    assert_eq!(read.notes.len(), 1);
    assert!(read.notes[0].1.contains("2 emergency codes"));
    assert!(!read.notes[0].1.contains("12345678"));
    let [token] = <[_; 1]>::try_from(read.sound()).unwrap();
    assert_eq!((token.watermark, token.period), (Some(59_732_400), Some(30)));
    assert_eq!((token.kind, token.drift), (Some(TokenKind::Totp), None));
    assert_eq!(token.secret.expose(), b"1234567890123456");
    assert_eq!((token.serial, token.account), (None, None));
}

#[test]
fn a_file_that_allows_reuse_tells_no_used_step() {
    let [token] = <[_; 1]>::try_from(recognised(GOOGLE).sound()).unwrap();
    assert_eq!(token.watermark, None);
    let read = recognised(GOOGLE.to_owned() + "\" STEP_SIZE 60\n\" DISALLOW_REUSE\n");
    let [token] = <[_; 1]>::try_from(read.sound()).unwrap();
    assert_eq!((token.watermark, token.period), (None, Some(60)));
}

#[test]
fn a_skew_is_the_drift_of_the_token() {
    let file = format!("{GOOGLE}\" DISALLOW_REUSE 59732400\n\" TIME_SKEW -4\n");
    let [token] = <[_; 1]>::try_from(recognised(&file).sound()).unwrap();
    assert_eq!(token.drift, Some(TokenDrift::Steps(-4)));
    assert_eq!(token.watermark, Some(59_732_400));
}

#[test]
fn the_code_that_taught_a_skew_is_not_forgotten() {
    let learned = format!("{GOOGLE}\" TIME_SKEW 40\n\" RESETTING_TIME_SKEW \n");
    // The module recorded a code of the old clock, and then learned the skew.
    let before = format!("{learned}\" DISALLOW_REUSE 59732400\n\" RATE_LIMIT 3 30 1791972090\n");
    let read = recognised(&before);
    assert_eq!(read.notes.len(), 1);
    assert_eq!(read.sound()[0].watermark, None);
    let unknown = format!("{learned}\" DISALLOW_REUSE 59732400\n");
    assert_eq!(recognised(&unknown).sound()[0].watermark, None);
    // A later code was accepted at the skew, and recorded.
    let after = format!("{learned}\" DISALLOW_REUSE 59732444\n\" RATE_LIMIT 3 30 1791972121\n");
    assert_eq!(recognised(&after).sound()[0].watermark, Some(59_732_444));
}

#[test]
fn an_event_token_of_google_authenticator_has_its_next_counter() {
    let file = "GEZDGNBVGY3TQOJQGEZDGNBVGY\n\" HOTP_COUNTER 17\n";
    let [token] = <[_; 1]>::try_from(recognised(file).sound()).unwrap();
    assert_eq!((token.kind, token.counter), (Some(TokenKind::Hotp), Some(17)));
    assert_eq!(token.watermark, None);
}

#[test]
fn bad_files_of_google_authenticator_are_refused() {
    let read = |file: &str| read_with(Some(Format::GoogleAuthenticator), file, &settings());
    assert_eq!(read("GEZD1\n").codes(), [(line(1), ProblemCode::SecretMalformed)]);
    assert_eq!(read("\n").codes(), [(line(1), ProblemCode::SecretMissing)]);
    let file = format!("{GOOGLE}\" HOTP_COUNTER 1\n");
    assert_eq!(read(&file).codes(), [(None, ProblemCode::Value)]);
    let file = format!("{GOOGLE}what\n\" DISALLOW_REUSE 1 x\n\" STEP_SIZE -3\n");
    let expected = [
        (line(4), ProblemCode::Syntax),
        (line(5), ProblemCode::Value),
        (line(6), ProblemCode::Value),
    ];
    assert_eq!(read(&file).codes(), expected);
}

const SECRET: &str = "0102030405060708090a0b0c0d0e0f1011121314";

#[test]
fn beside_a_last_code_pam_oath_keeps_its_counter() {
    let file = format!(
        "# users\nHOTP ann - {SECRET} 41 123456 2026-10-13T10:00:00L\n\
         HOTP/E/8\tben\t+\t{SECRET}\t7\n\
         HOTP/E\tcat\t-\t{SECRET}\n"
    );
    let read = recognised(&file);
    assert_eq!(read.format, Some(Format::UsersOath));
    let tokens = read.sound();
    let counters: Vec<_> = tokens.iter().map(|token| (token.counter, token.digits)).collect();
    assert_eq!(counters, [(Some(42), Some(6)), (Some(7), Some(8)), (Some(0), Some(6))]);
    assert_eq!(tokens[0].account.as_deref(), Some("ann"));
}

#[test]
fn the_step_of_the_last_code_is_found_in_every_zone() {
    // The code is that of two steps before 10:00 in UTC.
    for stamp in ["2026-10-13T10:00:00L", "2026-10-13T15:30:07L", "2026-10-12T20:15:00L"] {
        let file = format!("HOTP/T30 ann - {SECRET} 0 365854 {stamp}\n");
        let [token] = <[_; 1]>::try_from(recognised(&file).sound()).unwrap();
        assert_eq!(token.watermark, Some(59_729_520 - 2), "{stamp}");
    }
    let file = format!("HOTP/T60/8 ann - {SECRET} 0 01914440 2026-10-13T12:00:00L\n");
    let [token] = <[_; 1]>::try_from(recognised(&file).sound()).unwrap();
    assert_eq!(
        (token.watermark, token.period, token.digits),
        (Some(29_864_760), Some(60), Some(8))
    );
}

#[test]
fn a_last_code_of_no_step_nearby_tells_nothing() {
    for last in ["0 999999 2026-10-13T10:00:00L", "0 365854 2026-10-17T10:00:00L", ""] {
        let file = format!("HOTP/T30 ann - {SECRET} {last}\n");
        let [token] = <[_; 1]>::try_from(recognised(&file).sound()).unwrap();
        assert_eq!((token.watermark, token.kind), (None, Some(TokenKind::Totp)));
    }
}

#[test]
fn a_pin_is_left_out_only_on_demand() {
    let file = format!("HOTP ann 2468 {SECRET} 1\nHOTP ben - {SECRET} 1\n");
    let read = recognised(&file);
    assert_eq!(read.codes(), [(line(1), ProblemCode::Policy)]);
    assert!(!read.problems[0].detail.contains("2468"));
    let read = read_with(None, &file, &Settings { drop_pins: true, ..settings() });
    assert_eq!(read.notes.len(), 1);
    assert!(!read.notes[0].1.contains("2468"));
    assert_eq!(read.sound().len(), 2);
}

#[test]
fn each_bad_line_of_pam_oath_is_named() {
    let file = format!(
        "HOTP ann - {SECRET}\nTOTP ben - {SECRET}\nHOTP/T30 cat -\nHOTP dan - xyz\n\
         HOTP eve - {SECRET} -1\nHOTP fay - {SECRET} 1 123456\n\
         HOTP gus - {SECRET} 1 123456 today\n"
    );
    let read = recognised(&file);
    let expected = [
        (line(2), ProblemCode::Syntax),
        (line(3), ProblemCode::Syntax),
        (line(4), ProblemCode::SecretMalformed),
        (line(5), ProblemCode::Value),
        (line(6), ProblemCode::Value),
        (line(7), ProblemCode::Value),
    ];
    assert_eq!(read.codes(), expected);
    assert_eq!(read.tokens.len(), 1);
}

#[test]
fn many_last_codes_take_no_long_time() {
    let mut file = String::new();
    for n in 0..20_000 {
        file += &format!("HOTP/T30 u{n} - {SECRET} 0 999999 2026-10-13T10:00:00L\n");
    }
    let began = std::time::Instant::now();
    assert_eq!(recognised(&file).sound().len(), 20_000);
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
}

#[test]
fn users_of_security_keys_are_listed() {
    let key = format!("{},{},es256,+presence", "aB3/".repeat(16), "xY9+".repeat(16));
    let file = format!("ann:{key}:{key}\nben:{key}\nann:{key}\n# end\n");
    let read = recognised(&file);
    assert_eq!(read.format, Some(Format::U2fKeys));
    assert_eq!(read.codes(), [(None, ProblemCode::FormatRefused)]);
    let detail = &read.problems[0].detail;
    assert!(detail.contains("pam://HOST"), "{detail}");
    assert!(detail.ends_with("ann (3 keys), ben (1 key)"), "{detail}");
    assert!(!detail.contains("aB3"), "{detail}");
    let old = format!("ann:{},04{}\n", "aB3/".repeat(16), "0f".repeat(64));
    assert_eq!(recognised(&old).format, Some(Format::U2fKeys));
}

#[test]
fn a_file_of_secrets_is_not_repeated_as_names_of_users() {
    let file = "GEZDGNBVGY3TQOJQGEZDGNBVGY\nann:GEZDGNBVGY3TQOJQ\n";
    let read = read_with(Some(Format::U2fKeys), file, &settings());
    assert_eq!(read.codes()[..2], [line(1), line(2)].map(|at| (at, ProblemCode::Syntax)));
    assert!(read.problems.iter().all(|problem| !problem.detail.contains("GEZD")));
}
