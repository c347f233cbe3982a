//! Client data as they arrive (WebAuthn L3 §5.8.1): the steps that webauthn-rs does not judge.

use serde::Deserialize;

use super::fault::{Ceremony, EMBEDDED, Fault, NOT_JSON, OTHER_ORIGIN};
use super::origin::{Origin, OriginPattern};

/// The members that are judged. A repeated member is refused.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    cross_origin: Option<bool>,
    top_origin: Option<String>,
}

/// Strips the byte order mark, as "UTF-8 decode" does (§7.1 step 5, §7.2 step 8). The hash covers
/// the bytes as they arrive.
pub(super) fn decoded(json: &[u8]) -> &[u8] {
    json.strip_prefix(BYTE_ORDER_MARK).unwrap_or(json)
}

/// Judges `json` and returns the origin of the ceremony: steps 5, 6, 9, 10 and 11 of §7.1, or 8, 9,
/// 12, 13 and 14 of §7.2.
///
/// `embedders` are the origins of pages that may embed the relying party's.
pub(super) fn judge(
    ceremony: Ceremony,
    json: &[u8],
    origins: &[OriginPattern],
    embedders: &[OriginPattern],
) -> Result<Origin, Fault> {
    // The numbers of these steps are higher by three in §7.2.
    let fault = |step: u8, what| match ceremony {
        Ceremony::Registration => ceremony.fault(step, what),
        Ceremony::Authentication => ceremony.fault(step + 3, what),
    };
    let text = std::str::from_utf8(decoded(json))
        .map_err(|_| fault(5, "the client data are not UTF-8"))?;
    let data: ClientData = serde_json::from_str(text).map_err(|_| fault(6, NOT_JSON))?;
    let origin = data.origin.parse::<Origin>().ok();
    let origin = origin.filter(|origin| origins.iter().any(|pattern| pattern.matches(origin)));
    let origin = origin.ok_or_else(|| fault(9, OTHER_ORIGIN))?;
    let embedded = data.cross_origin == Some(true);
    // webauthn-rs refuses every registration from an embedded page.
    if embedded && (embedders.is_empty() || ceremony == Ceremony::Registration) {
        return Err(fault(10, EMBEDDED));
    }
    let allowed = match &data.top_origin {
        None => !embedded,
        Some(top) => {
            embedded
                && top
                    .parse()
                    .is_ok_and(|top| embedders.iter().any(|pattern| pattern.matches(&top)))
        }
    };
    if allowed {
        Ok(origin)
    } else {
        Err(fault(11, "the embedding page is not allowed to embed ours"))
    }
}

/// The type and the challenge as written. `None` if `json` is malformed.
pub(super) fn named(json: &[u8]) -> Option<(String, String)> {
    let ClientData { kind, challenge, .. } = serde_json::from_slice(decoded(json)).ok()?;
    Some((kind, challenge))
}

/// Client data reduced to the members that webauthn-rs judges; others could make it fail. `None` if
/// `json` is malformed.
pub(super) fn plain(json: &[u8]) -> Option<Vec<u8>> {
    let ClientData { kind, challenge, origin, .. } = serde_json::from_slice(decoded(json)).ok()?;
    serde_json::to_vec(
        &serde_json::json!({ "type": kind, "challenge": challenge, "origin": origin }),
    )
    .ok()
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
