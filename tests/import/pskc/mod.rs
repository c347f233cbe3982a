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

use twostep::import::{Format, Problem, ProblemCode, Settings, Token};
use twostep::secret::Secret;

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
