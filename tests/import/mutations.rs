//! Files that were altered at random: no reader panics, and no answer repeats a secret.

use twostep::import::{Format, Settings};
use twostep::secret::Secret;

use super::{migration, pskc, read_with, safenet, servers, settings, vaults};

/// A generator of numbers, the same in each run.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }
}

/// Cuts, repeats, moves or replaces a part of a file.
pub(super) fn altered(file: &[u8], random: &mut Random) -> Vec<u8> {
    let mut file = file.to_vec();
    for _ in 0..=random.below(4) {
        let (from, to) = (random.below(file.len()), random.below(file.len() + 1));
        let to = if random.below(2) == 0 { to } else { (from + 1).min(file.len()) };
        let part = file.get(from..to).unwrap_or_default().to_vec();
        let at = random.below(file.len() + 1);
        match random.below(5) {
            0 => drop(file.drain(from..to.max(from))),
            1 => drop(file.splice(at..at, part)),
            2 if !file.is_empty() => file[from] = ODD[random.below(ODD.len())],
            3 if !file.is_empty() => file[from] ^= 1 << random.below(8),
            _ => drop(file.splice(at..at, *b"9223372036854775808")),
        }
    }
    file
}

/// Bytes with a meaning to one reader or another.
const ODD: &[u8] = b"\0\r\n\t \",;:=/#-+.\xef\xff09AZ";

#[test]
fn no_alteration_makes_a_reader_panic_or_repeat_a_secret() {
    let (hex, base32) =
        ("4fb09e8c7d6a5b4c3d2e1f00a1b2c3d4e5f60718", "N4WX5PQ7RSTUVWYZABCDEFGHIJKLM2K3");
    let files = [
        format!(
            "upn,serial number,secret key,time interval\na@b,0012345,{base32},30\n,13,{base32},60\n"
        ),
        format!("t1,{hex},totp,6,30\nt2, {hex}, hotp, 8, 7, SHA1\n\"t\n3\",\"{hex}\"\n"),
        format!("s1;maker;HOTP;{hex};6;0\ns2;maker;TOTP;{hex};6;30\n"),
        format!("n/a, s1, {hex}, hotp, 6\nann, s2, {hex}, totp, 6, 30\n"),
        format!("LOGGING START,1\nOATH-HOTP,1.1.26,1,p,,{hex},,,0,0,0,6\n7001,,0,{hex},,2026-,\n"),
        format!(
            "{base32}\n\" DISALLOW_REUSE 59732400 7\n\" TIME_SKEW -4\n\" TOTP_AUTH\n12345678\n"
        ),
        format!("HOTP/T30 ann - {hex} 0 123456 2026-10-13T10:00:00L\nHOTP ben 99 {hex} 1\n"),
        format!(
            "dn: a\nobjectClass: ipatoken\nobjectClass: ipatokentotp\nipatokenOTPkey: {hex}\n\
             ipatokenNotAfter: 20261128120000Z\nipatokenTOTPwatermark: 7\n\
             ipatokenOTPkey:: \n QUFB\n"
        ),
        format!(
            "dn: a\nsccAuthenticatorId: A\nsccTokenData: sccKey={hex};sccMode=T;sccPwLen=6;\
             sccTick=30;sccPrTime=2013/03/12 00:00:00\n"
        ),
        format!("ann:{hex}{hex},{hex}{hex},es256,+presence:a,b\n"),
        format!("otpauth://totp/a?secret={base32}&digits=6&period=30&issuer=b\n"),
    ];
    let mut files: Vec<Vec<u8>> = files.into_iter().map(String::into_bytes).collect();
    files.extend(vaults::plain_files());
    files.extend(servers::plain_files());
    files.push(migration::plain_file());
    files.push(safenet::TOKENS.as_bytes().to_vec());
    files.push(pskc::plain_file().into_bytes());
    let plain = [hex, base32].into_iter().chain(vaults::SECRETS).chain(servers::SECRETS);
    let secrets: Vec<String> = plain.map(str::to_owned).chain(pskc::secrets()).collect();
    let secrets = pieces(&secrets);
    let columns =
        Settings { columns: Some("serial,secret:hex,kind,digits,period".into()), ..settings() };
    let mut random = Random(7);
    for round in 0..rounds() {
        let file = altered(&files[round % files.len()], &mut random);
        let format = match random.below(3) {
            0 => Some(Format::ALL[random.below(Format::ALL.len())]),
            _ => None,
        };
        let settings = if round % 7 == 0 { columns.clone() } else { settings() };
        repeats_none(format, &file, &settings, &secrets);
    }
}

/// All parts of so many characters that a secret could be told from.
fn pieces(secrets: &[String]) -> Vec<&str> {
    let all = secrets
        .iter()
        .flat_map(|secret| (0..=secret.len() - 16).map(move |at| &secret[at..at + 16]));
    all.collect()
}

/// Reads a file, and sees that no answer has a part of a secret.
fn repeats_none(format: Option<Format>, file: &[u8], settings: &Settings, secrets: &[&str]) {
    let read = read_with(format, file, settings);
    let texts = read.problems.iter().map(ToString::to_string);
    for text in texts.chain(read.notes.into_iter().map(|(_, note)| note)) {
        let found = secrets.iter().find(|secret| text.contains(**secret));
        assert!(found.is_none(), "{text}\n{:?}", String::from_utf8_lossy(file));
    }
}

#[test]
fn no_alteration_of_an_encrypted_file_makes_a_reader_panic() {
    const PASSPHRASE: &str = "quay side for ships";
    let opened_by = |passphrase: &str| Settings {
        passphrase: Some(Secret::from(passphrase.as_bytes())),
        ..settings()
    };
    let (passphrase, derived) = (opened_by("quay side"), opened_by(PASSPHRASE));
    let fernet = Settings { key: Some(servers::key()), ..settings() };
    let mut files = vec![
        (None, servers::sealed_file(), fernet),
        (None, pskc::derived_file(PASSPHRASE), derived),
    ];
    for (file, key) in pskc::sealed_files() {
        let settings = Settings { key: Some(Secret::from(key.as_bytes())), ..settings() };
        files.push((None, file.into_bytes(), settings));
    }
    for (format, file) in vaults::cheap_files() {
        files.push((format, file, passphrase.clone()));
    }
    let costly = files.len();
    for (_, file) in vaults::sealed_files() {
        files.push((None, file, passphrase.clone()));
    }
    for (at, (format, file, settings)) in files.iter().enumerate() {
        let read = read_with(*format, file, settings);
        assert!(read.tokens.len() > 1, "file {at}: {:?}", read.problems);
    }
    let mut secrets = vec![PASSPHRASE.to_owned()];
    secrets.extend(vaults::SECRETS.map(str::to_owned));
    secrets.extend(pskc::secrets());
    secrets.extend(pskc::sealed_files().map(|(_, key)| key));
    let secrets = pieces(&secrets);
    let mut random = Random(9);
    for round in 0..rounds() {
        // Vaults whose work is as much as their apps do.
        let among = if round % 500 == 0 { files.len() } else { costly };
        let (format, file, settings) = &files[random.below(among)];
        repeats_none(*format, &altered(file, &mut random), settings, &secrets);
    }
}

/// Files that are read, 5,000 unless `TWOSTEP_MUTATIONS` says otherwise.
pub(super) fn rounds() -> usize {
    std::env::var("TWOSTEP_MUTATIONS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(5_000)
}

#[test]
fn altered_ciphertext_gives_no_token_with_another_secret() {
    let key = Settings {
        passphrase: Some(Secret::from(&b"quay side"[..])),
        key: Some(servers::key()),
        ..settings()
    };
    let mut files = vaults::sealed_files();
    files.push((0, servers::sealed_file()));
    let mut random = Random(8);
    for (costs, file) in &files {
        let sound = read_with(None, file, &key);
        assert!(sound.tokens.len() > 1);
        for round in 0..rounds() / 100 {
            // Bytes that decide about the work stay as they are.
            let mut changed = file[..*costs].to_vec();
            changed.extend(altered(&file[*costs..], &mut random));
            for token in read_with(sound.format, &changed, &key).tokens {
                let secrets = || sound.tokens.iter().map(|token| &token.secret);
                assert!(secrets().any(|secret| *secret == token.secret), "round {round}");
            }
        }
    }
}
