//! Writers of encrypted vaults of authenticator apps.

use std::fmt::Write as _;

use aes_gcm::aead::{Aead, KeyInit as _};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::Hmac;

/// The passphrase of vaults.
pub const PASSPHRASE: &str = "quay side";

/// Costs of scrypt that are none.
pub const COSTS: &str = r#""n":16,"r":8,"p":1"#;

/// Ciphertext and tag.
fn sealed(key: [u8; 32], nonce: [u8; 12], plain: &str) -> Vec<u8> {
    let cipher = Aes256Gcm::new(&Key::<Aes256Gcm>::from(key));
    cipher.encrypt(&Nonce::from(nonce), plain.as_bytes()).unwrap()
}

/// A backup of 2FAS with these services.
pub fn twofas(services: &str) -> String {
    let mut key = [0; 32];
    pbkdf2::pbkdf2::<Hmac<sha2::Sha256>>(PASSPHRASE.as_bytes(), &[7; 256], 10_000, &mut key)
        .unwrap();
    let parts = [sealed(key, [5; 12], services), vec![7; 256], vec![5; 12]];
    let parts = parts.map(|part| STANDARD.encode(part));
    format!(r#"{{"services":[],"schemaVersion":4,"servicesEncrypted":"{}"}}"#, parts.join(":"))
        .replace('/', r"\/")
}

/// A backup of andOTP with these entries. It names so many iterations; at most 70,000 are done.
pub fn andotp(entries: &str, iterations: u32) -> Vec<u8> {
    let mut key = [0; 32];
    let work = iterations.min(70_000);
    pbkdf2::pbkdf2::<Hmac<sha1::Sha1>>(PASSPHRASE.as_bytes(), &[7; 12], work, &mut key).unwrap();
    let text = sealed(key, [5; 12], entries);
    [&iterations.to_be_bytes()[..], &[7; 12], &[5; 12], &text].concat()
}

/// An Aegis vault of these entries, with a slot of the phone, one of another passphrase and one of
/// [`PASSPHRASE`], of which the header names these costs.
pub fn aegis(entries: &str, costs: &str) -> String {
    let slot = |passphrase: &str, key: [u8; 32]| {
        let mut wrap = [0; 32];
        let params = scrypt::Params::new(4, 8, 1).unwrap();
        scrypt::scrypt(passphrase.as_bytes(), &[9; 32], &params, &mut wrap).unwrap();
        let cipher = Aes256Gcm::new(&Key::<Aes256Gcm>::from(wrap));
        let text = cipher.encrypt(&Nonce::from([1; 12]), &key[..]).unwrap();
        let (key, tag) = text.split_at(32);
        format!(
            r#"{{"type":1,"uuid":"x","key":"{}","key_params":{{"nonce":"{}","tag":"{}"}},{costs},
            "salt":"{}","repaired":true,"is_backup":false}}"#,
            hex(key),
            hex(&[1; 12]),
            hex(tag),
            hex(&[9; 32]),
        )
    };
    let text = sealed([3; 32], [2; 12], entries);
    let (text, tag) = text.split_at(text.len() - 16);
    format!(
        r#"{{"version":1,"header":{{"slots":[
        {{"type":2,"uuid":"y","key":"00","key_params":{{"nonce":"00","tag":"00"}}}},{},{}],
        "params":{{"nonce":"{}","tag":"{}"}}}},"db":"{}"}}"#,
        slot("another", [4; 32]),
        slot(PASSPHRASE, [3; 32]),
        hex(&[2; 12]),
        hex(tag),
        STANDARD.encode(text).replace('/', r"\/"),
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
