//! Related origins: pages of other domains that use the same credentials (WebAuthn L3 §5.11).

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::config_fault::ConfigFault;
use super::origin::{Origin, OriginPattern};

/// The document that a client fetches from `https://RP-ID/.well-known/webauthn` before a page
/// outside the RP ID may use it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RelatedOrigins {
    /// The origins, as they are configured.
    pub origins: Vec<String>,
}

/// An origin of another domain that may use the RP ID: `https` and a name that is not local.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelatedOrigin(Origin);

impl RelatedOrigins {
    /// The configured origins of other domains that may use the RP ID, each once.
    pub(super) fn new<'a>(origins: impl Iterator<Item = &'a RelatedOrigin>) -> RelatedOrigins {
        let mut seen = BTreeSet::new();
        RelatedOrigins {
            origins: origins
                .map(RelatedOrigin::to_string)
                .filter(|origin| seen.insert(origin.clone()))
                .collect(),
        }
    }

    /// The number of distinct registrable labels, as far as it is known without the public suffix
    /// list: `www.example.org`, `example.co.uk` and `example.com.au` share the label `example`.
    pub fn labels(&self) -> usize {
        let labels = self
            .origins
            .iter()
            .filter_map(|origin| origin.parse::<Origin>().ok()?.host().map(registrable_label));
        labels.collect::<BTreeSet<String>>().len()
    }
}

impl FromStr for RelatedOrigin {
    type Err = ConfigFault;

    fn from_str(text: &str) -> Result<RelatedOrigin, ConfigFault> {
        let origin = text.parse().ok().filter(Origin::is_public);
        origin
            .map(RelatedOrigin)
            .ok_or_else(|| ConfigFault::RelatedOrigin(text.to_owned()))
    }
}

impl fmt::Display for RelatedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<RelatedOrigin> for OriginPattern {
    fn from(origin: RelatedOrigin) -> OriginPattern {
        OriginPattern::from(origin.0)
    }
}

/// The label before the public suffix. Below a country code, short or well-known names count as
/// part of the suffix.
fn registrable_label(host: &str) -> String {
    let mut labels = host.rsplit('.');
    let (top, second, third) =
        (labels.next().unwrap_or_default(), labels.next().unwrap_or(host), labels.next());
    let sorted = second.len() <= 2 || SORTS.contains(&second);
    match third {
        Some(third) if top.len() == 2 && sorted => third.to_owned(),
        _ => second.to_owned(),
    }
}

/// Second-level names that country registries use for categories of owners.
const SORTS: [&str; 12] =
    ["com", "net", "org", "edu", "gov", "gob", "mil", "info", "gouv", "asso", "ltd", "plc"];

/// The number of registrable labels that every client supports; origins with further labels may be
/// ignored (L3 §5.11.1).
pub const LABELS_SUPPORTED: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_in_several_countries_is_one_label() {
        for (hosts, labels) in [
            (
                &[
                    "example.org",
                    "www.example.com",
                    "example.co.uk",
                    "login.example.com.au",
                    "example.de",
                ][..],
                1,
            ),
            (&["example.org", "example-shop.org"], 2),
            (&["a.example", "b.example", "c.example", "a.co.jp"], 3),
            (&["ab.de", "x.cd.de"], 2),
            (&[], 0),
        ] {
            let origins = hosts
                .iter()
                .map(|host| format!("https://{host}").parse().unwrap())
                .collect::<Vec<RelatedOrigin>>();
            assert_eq!(RelatedOrigins::new(origins.iter()).labels(), labels, "{hosts:?}");
        }
    }
}
