//! Search for leaked secrets: marked secrets, in every encoding that careless code could give them.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Secrets by what they are.
#[derive(Default)]
pub struct Canaries(Vec<(&'static str, Vec<u8>)>);

/// A secret in one of its forms.
struct Needle {
    what: String,
    bytes: Vec<u8>,
}

/// Needles by their first two bytes, so that many are looked for in one pass.
pub struct Search {
    needles: BTreeMap<[u8; 2], Vec<Needle>>,
    /// True for two bytes that begin a needle.
    begins: Vec<bool>,
}

impl Canaries {
    pub fn keep(&mut self, what: &'static str, secret: impl AsRef<[u8]>) {
        self.0.push((what, secret.as_ref().to_vec()));
    }

    /// The places and encodings in which a secret is found.
    pub fn found_in(&self, places: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
        let search = self.search(forms);
        let mut found = Vec::new();
        for (place, bytes) in places {
            found.extend(search.of(bytes).into_iter().map(|what| format!("{what} in {place}")));
        }
        found
    }

    /// A search for each secret in these forms.
    pub fn search(&self, forms: impl Fn(&[u8]) -> Vec<(String, Vec<u8>)>) -> Search {
        let mut needles: BTreeMap<[u8; 2], Vec<Needle>> = BTreeMap::new();
        let mut begins = vec![false; 1 << 16];
        for (what, secret) in &self.0 {
            for (form, bytes) in forms(secret) {
                let first = [bytes[0], bytes[1]];
                begins[usize::from(u16::from_be_bytes(first))] = true;
                let what = format!("{what} as {form}");
                needles.entry(first).or_default().push(Needle { what, bytes });
            }
        }
        Search { needles, begins }
    }

    /// Panics unless the search finds each secret in each form.
    pub fn are_found_where_planted(&self) {
        for (what, secret) in &self.0 {
            for (form, needle) in forms(secret) {
                let planted = [&b"\x00before"[..], &needle, b"after"].concat();
                let places = BTreeMap::from([("here".to_owned(), planted)]);
                let expected = format!("{what} as {form} in here");
                assert!(self.found_in(&places).contains(&expected), "{expected}");
            }
        }
    }
}

impl Search {
    /// The secrets and forms that are found in these bytes, each once.
    fn of(&self, bytes: &[u8]) -> BTreeSet<&str> {
        self.all_of(bytes).into_iter().map(|(what, _)| what).collect()
    }

    /// The secrets and forms that are found in these bytes, with their positions.
    pub fn all_of(&self, bytes: &[u8]) -> Vec<(&str, usize)> {
        let Search { needles, begins } = self;
        let mut found = Vec::new();
        for (at, first) in bytes.windows(2).enumerate() {
            let first = [first[0], first[1]];
            if !begins[usize::from(u16::from_be_bytes(first))] {
                continue;
            }
            for needle in needles.get(&first).into_iter().flatten() {
                if bytes[at..].starts_with(&needle.bytes) {
                    found.push((needle.what.as_str(), at));
                }
            }
        }
        found
    }
}

/// The secret as it is, and in the encodings that texts have.
pub fn plain_forms(secret: &[u8]) -> Vec<(String, Vec<u8>)> {
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let base32 = |alphabet| base32::encode(alphabet, secret);
    let texts = [
        ("hex", hex.clone()),
        ("HEX", hex.to_uppercase()),
        ("base32", base32(base32::Alphabet::Rfc4648 { padding: false })),
        ("lower base32", base32(base32::Alphabet::Rfc4648Lower { padding: false })),
        ("Crockford", base32(base32::Alphabet::Crockford)),
        ("base64", STANDARD_NO_PAD.encode(secret)),
        ("base64url", URL_SAFE_NO_PAD.encode(secret)),
    ];
    let texts = texts.map(|(name, text)| (name.to_owned(), text.into_bytes()));
    [("raw".to_owned(), secret.to_vec())].into_iter().chain(texts).collect()
}

/// The secret in the forms in which it might be written down.
pub fn forms(secret: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut forms = plain_forms(secret);
    // As a list of numbers, which is how Debug shows bytes; and what an encoder makes of a secret
    // behind one or two other bytes.
    forms.push((
        "numbers".to_owned(),
        format!("{secret:?}").trim_matches(['[', ']']).as_bytes().to_vec(),
    ));
    for before in 1..=2usize {
        let encoded = STANDARD_NO_PAD.encode([&vec![0; before][..], secret].concat());
        let whole = (secret.len() + before) / 3 * 4;
        forms.push((
            format!("base64 behind {before}"),
            encoded.as_bytes()[before + 1..whole].to_vec(),
        ));
    }
    let reversed: Vec<_> = forms
        .iter()
        .map(|(form, bytes)| (format!("{form}, reversed"), bytes.iter().rev().copied().collect()))
        .collect();
    forms.extend(reversed);
    forms
}
