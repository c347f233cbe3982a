//! Exports of ours: read back without loss, by the reader and by python-pskc.

use std::io;

use twostep::import::{Exported, ExportedFactor, PskcWriter, Token, TokenDrift, TokenKind};
use twostep::otp::Algorithm;
use twostep::secret::Secret;

use super::{pskc, pskc_with_passphrase};

/// SplitMix64: a fixed stream of devices.
struct Stream(u64);

impl Stream {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn maybe<T>(&mut self, value: T) -> Option<T> {
        (self.below(3) > 0).then_some(value)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        bytes.iter_mut().for_each(|byte| *byte = self.next().to_be_bytes()[0]);
        Ok(())
    }

    fn device(&mut self, n: u64) -> Exported {
        let mut secret = vec![0; usize::try_from(10 + self.below(119)).unwrap()];
        self.fill(&mut secret).unwrap();
        let (drift, watermark) = (self.below(200), self.next() >> 8);
        let factor = if self.below(2) == 0 {
            ExportedFactor::Hotp {
                next: {
                    let next = self.next() >> 2;
                    self.maybe(next)
                },
            }
        } else {
            ExportedFactor::Totp {
                period: 10 + self.below(111),
                t0: self.below(2) * 946_684_800,
                drift: i64::try_from(drift).unwrap() - 100,
                watermark: self.maybe(watermark),
                clock: self.maybe("{\"at\":1,\"a\":\"<&>'\\\"\"}".to_owned()),
            }
        };
        Exported {
            serial: format!("EX-{n:05}"),
            account: self.maybe(format!("anna&<\"'>{n}@example.com")),
            name: self.maybe(format!("Schlüssel <{n}> & Co")),
            issuer: "Müller & Söhne".to_owned(),
            secret: Secret::new(secret),
            algorithm: [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512]
                [usize::try_from(self.below(3)).unwrap()],
            digits: 6 + self.below(3),
            factor,
            disabled: self.below(2) == 0,
            hardware: self.below(2) == 0,
        }
    }
}

/// An export of random devices.
pub(super) fn export(many: u64) -> (Vec<Exported>, String) {
    let mut stream = Stream(41);
    let devices: Vec<Exported> = (0..many).map(|n| stream.device(n)).collect();
    let mut file = Vec::new();
    let mut random = |bytes: &mut [u8]| stream.fill(bytes);
    let passphrase = Secret::from(PASSPHRASE.as_bytes());
    let mut writer = PskcWriter::begin(&mut file, &passphrase, &mut random).unwrap();
    for device in &devices {
        writer.add(device).unwrap();
    }
    writer.end().unwrap();
    (devices, String::from_utf8(file).unwrap())
}

pub(super) const PASSPHRASE: &str = "a passphrase of an export";

fn is_as_it_left(token: &Token, device: &Exported) -> bool {
    let algorithm = token.algorithm.unwrap_or_default();
    let same = token.serial.as_deref() == Some(&*device.serial)
        && token.account == device.account
        && token.name == device.name
        && token.secret == device.secret
        && algorithm == device.algorithm
        && token.digits == Some(device.digits)
        && token.disabled == device.disabled
        && token.hardware == Some(device.hardware);
    let factor = match &device.factor {
        ExportedFactor::Hotp { next } => {
            token.kind == Some(TokenKind::Hotp) && token.counter == *next
        }
        ExportedFactor::Totp { period, t0, drift, watermark, clock } => {
            token.kind == Some(TokenKind::Totp)
                && token.period == Some(*period)
                && token.t0 == Some(*t0)
                && token.drift == Some(TokenDrift::Steps(*drift))
                && token.watermark == *watermark
                && token.clock == *clock
        }
    };
    same && factor
}

#[test]
fn a_thousand_devices_come_back_as_they_left() {
    let (devices, file) = export(1_000);
    let tokens = pskc_with_passphrase(&file, PASSPHRASE).sound();
    assert_eq!(tokens.len(), devices.len());
    for (token, device) in tokens.iter().zip(&devices) {
        assert!(is_as_it_left(token, device), "{token:?}\n{device:?}");
    }
}

#[test]
fn an_export_shows_no_secret() {
    let (devices, file) = export(30);
    for device in &devices {
        let hex: String = device.secret.expose().iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!file.contains(&hex));
        assert!(!file.contains(&base64(device.secret.expose())));
    }
    assert!(pskc(&file).problem().detail.contains("--passphrase-file"));
    assert!(pskc_with_passphrase(&file, "another").tokens.is_empty());
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD_NO_PAD.encode(bytes)
}
