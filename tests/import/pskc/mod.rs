//! Portable Symmetric Key Containers.

mod altered;
mod dialects;
mod encrypted;
mod exports;
mod figures;
mod policies;
mod pskctool;
mod python;
mod sealer;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use twostep::import::{Format, Problem, ProblemCode, Settings, Token};
use twostep::secret::Secret;

use self::sealer::Sealer;
use super::{Read, read_with, settings};

/// A container of the standard, with this inside.
fn container(inside: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <KeyContainer Version=\"1.0\" xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\" \
         xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" \
         xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\" \
         xmlns:xenc11=\"http://www.w3.org/2009/xmlenc11#\">\n{inside}\n</KeyContainer>\n"
    )
}

/// A package of a key with this inside, for counter-based codes of six digits.
fn package(serial: &str, inside: &str) -> String {
    format!(
        "<KeyPackage><DeviceInfo><Manufacturer>Acme</Manufacturer><SerialNo>{serial}</SerialNo>\
         </DeviceInfo><Key Id=\"k-{serial}\" \
         Algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:hotp\">\
         <AlgorithmParameters><ResponseFormat Length=\"6\" Encoding=\"DECIMAL\"/>\
         </AlgorithmParameters>{inside}</Key></KeyPackage>\n"
    )
}

/// A plain secret: `12345678901234567890`.
const PLAIN: &str = "<Secret><PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</PlainValue></Secret>";

const SECRETS: [&[u8]; 2] = [b"the first of a container", b"the second in it."];

/// The secrets of these files in every form, and keys that files hold.
pub(super) fn secrets() -> impl Iterator<Item = String> {
    SECRETS.into_iter().chain([sealer::MAC_KEY]).flat_map(|secret| {
        let hex = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        [String::from_utf8_lossy(secret).into_owned(), hex, BASE64_STANDARD_NO_PAD.encode(secret)]
    })
}

/// A container of tokens whose secrets are not encrypted.
pub(super) fn plain_file() -> String {
    let data = |secret: &[u8]| {
        let text = BASE64_STANDARD_NO_PAD.encode(secret);
        format!("<Data><Secret><PlainValue>{text}</PlainValue></Secret></Data>")
    };
    container(&format!("{}{}", package("A1", &data(SECRETS[0])), package("A2", &data(SECRETS[1]))))
}

/// Encrypted containers, each with its key.
pub(super) fn sealed_files() -> [(String, String); 3] {
    [("aes128-cbc", 16), ("aes256-cbc", 32), ("kw-aes256", 32)].map(|(cipher, length)| {
        let mac = cipher.ends_with("cbc").then_some("hmac-sha256");
        let sealer = Sealer { mac, ..Sealer::cbc(cipher, length) };
        (sealed_by(&sealer), sealer.key_text())
    })
}

/// A container encrypted under a key that is derived with little work.
pub(super) fn derived_file(passphrase: &str) -> Vec<u8> {
    let (salt, mut key) = (b"salt of sixteen.", vec![0; 16]);
    pbkdf2::pbkdf2::<hmac::Hmac<sha1::Sha1>>(passphrase.as_bytes(), salt, 5, &mut key).unwrap();
    let key_info = encrypted::pbkdf2("xenc11:", &BASE64_STANDARD.encode(salt), "5", "16", "");
    sealed_by(&Sealer { key, key_info, ..Sealer::cbc("aes128-cbc", 16) }).into_bytes()
}

fn sealed_by(sealer: &Sealer) -> String {
    let packages = SECRETS.iter().zip(1..).map(|(secret, n)| {
        let values = [sealer.value("Secret", secret), sealer.value("Counter", &[0, 0, 3, n])];
        package(&format!("S{n}"), &format!("<Data>{}</Data>", values.concat()))
    });
    sealer.container(&packages.collect::<String>())
}

fn pskc(file: &str) -> Read {
    read_with(Some(Format::Pskc), file, &settings())
}

fn pskc_with_key(file: &str, key: &str) -> Read {
    let key = Some(Secret::from(key.as_bytes()));
    read_with(Some(Format::Pskc), file, &Settings { key, ..settings() })
}

fn pskc_with_passphrase(file: &str, passphrase: &str) -> Read {
    let passphrase = Some(Secret::from(passphrase.as_bytes()));
    read_with(Some(Format::Pskc), file, &Settings { passphrase, ..settings() })
}

impl Read {
    /// The only token of a file without problems.
    fn token(self) -> Token {
        let tokens = self.sound();
        let [token] = <[Token; 1]>::try_from(tokens).expect("one token");
        token
    }

    /// The only problem.
    fn problem(&self) -> &Problem {
        let [problem] = self.problems.as_slice() else {
            panic!("one problem and not {:?}", self.problems);
        };
        problem
    }

    fn code(&self) -> ProblemCode {
        self.problem().code
    }
}
