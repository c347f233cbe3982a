//! Project Wycheproof's vectors through what verifies contexts.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use twostep::session::PublicKey;

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.trim_start_matches('-').as_bytes();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// Judges each vector of a file; returns how many were valid and how many were not.
#[track_caller]
fn judged(vectors: &str) -> [usize; 2] {
    let (mut key, mut judged) = (None, [0, 0]);
    for line in vectors.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["key", ref coordinates @ ..] => {
                let coordinates: Vec<String> =
                    coordinates.iter().map(|part| URL_SAFE_NO_PAD.encode(bytes(part))).collect();
                key = Some(PublicKey::from_coordinates(&coordinates).unwrap());
            }
            [number, result, message, signature] => {
                let verifies = key
                    .as_ref()
                    .unwrap()
                    .verifies(&bytes(message), &URL_SAFE_NO_PAD.encode(bytes(signature)));
                assert_eq!(verifies, result == "valid", "vector {number}");
                judged[usize::from(!verifies)] += 1;
            }
            _ => panic!("{line}"),
        }
    }
    judged
}

#[test]
fn es256_is_verified_as_wycheproof_has_it() {
    assert_eq!(judged(include_str!("../vectors/wycheproof-es256.txt")), [173, 89]);
}

#[test]
fn eddsa_is_verified_as_wycheproof_has_it() {
    assert_eq!(judged(include_str!("../vectors/wycheproof-ed25519.txt")), [88, 63]);
}
