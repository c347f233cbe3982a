//! Files that were altered: no token with a wrong secret comes out of them.

use proptest::prelude::*;
use twostep::import::Token;

use super::sealer::Sealer;
use super::{package, pskc_with_key};
use crate::import::Read;

const SECRETS: [&[u8]; 3] =
    [b"the first of 3 secrets", b"the second one of them", b"and the last of secrets"];

/// A container of three tokens with encrypted secrets and counters.
fn file(cipher: &'static str, length: usize) -> (String, String) {
    let mac = cipher.ends_with("cbc").then_some("hmac-sha256");
    let sealer = Sealer { mac, ..Sealer::cbc(cipher, length) };
    let packages = SECRETS.iter().zip(1..).map(|(secret, n)| {
        let values = [sealer.value("Secret", secret), sealer.value("Counter", &[0, 0, 3, n])];
        package(&format!("ALT{n}"), &format!("<Data>{}</Data>", values.concat()))
    });
    (sealer.container(&packages.collect::<String>()), sealer.key_text())
}

/// Tokens of an altered file have a secret and a counter of the file.
fn are_of_the_file(read: &Read) -> bool {
    let is_of_the_file = |token: &Token| {
        SECRETS.contains(&token.secret.expose())
            && token.counter.is_none_or(|n| [0, 0x301, 0x302, 0x303].contains(&n))
    };
    read.tokens.iter().all(is_of_the_file)
}

/// A change of the bytes of a file.
#[derive(Clone, Debug)]
enum Change {
    Cut(usize, usize),
    Repeat(usize, usize, usize),
    Flip(usize, u8),
}

fn change(length: usize) -> impl Strategy<Value = Change> {
    prop_oneof![
        (0..length, 1..400usize).prop_map(|(at, many)| Change::Cut(at, many)),
        (0..length, 1..900usize, 0..length).prop_map(|(at, n, to)| Change::Repeat(at, n, to)),
        (0..length, 0..8u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
    ]
}

fn changed(file: &str, changes: &[Change]) -> String {
    let mut bytes = file.as_bytes().to_vec();
    for change in changes {
        let within = |at: usize| at.min(bytes.len());
        match *change {
            Change::Cut(at, many) => drop(bytes.drain(within(at)..within(at + many))),
            Change::Repeat(at, many, to) => {
                let copy = bytes[within(at)..within(at + many)].to_vec();
                let to = within(to);
                bytes.splice(to..to, copy);
            }
            Change::Flip(at, bit) => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << bit;
                }
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn an_unaltered_file_gives_its_tokens() {
    for (cipher, length) in [("aes256-cbc", 32), ("kw-aes256", 32)] {
        let (file, key) = file(cipher, length);
        let tokens = pskc_with_key(&file, &key).sound();
        assert_eq!(tokens.len(), 3);
        for (token, secret) in tokens.iter().zip(SECRETS) {
            assert_eq!(token.secret.expose(), secret, "{cipher}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn no_change_makes_a_wrong_secret(
        changes in prop::collection::vec(change(3_400), 1..4),
        wrapped in any::<bool>(),
    ) {
        let cipher = if wrapped { "kw-aes256" } else { "aes256-cbc" };
        let (file, key) = file(cipher, 32);
        let read = pskc_with_key(&changed(&file, &changes), &key);
        prop_assert!(are_of_the_file(&read), "{:?} {:?}", changes, read.problems);
    }
}
