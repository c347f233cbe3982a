//! Delivery by HTTP: a signed event is pushed to one URL (RFC 8935).
//!
//! The URL comes from the configuration alone, and no redirect is followed. The receiver verifies
//! the signature with the keys of the agent's JWKS.

use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::http::uri::PathAndQuery;
use hyper::{Method, StatusCode, Uri};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::agent::events::error::DeliveryError;
use crate::agent::events::notice::Notice;
use crate::http::{BadRoots, Bounds, Endpoint, Roots};
use crate::session::{Issuer, SecurityEvent};
use crate::time::UnixTime;

/// The URL of a receiver: `https://host/path`, or `http://` on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookUrl {
    whole: String,
    server: String,
    target: String,
}

/// A receiver of events.
pub(super) struct Webhook {
    url: WebhookUrl,
    endpoint: Endpoint,
    issuer: Issuer,
}

impl WebhookUrl {
    /// The receiver at this URL. Its certificate must come from one of these authorities, in PEM,
    /// or without them from one that the system trusts.
    pub(crate) fn endpoint(&self, trusted: Option<&[u8]>) -> Result<Endpoint, BadRoots> {
        let roots = match trusted {
            Some(pem) => Roots::from_pem(pem)?,
            None if self.server.starts_with("http://") => Roots::none(),
            None => Roots::system()?,
        };
        // The URL was checked when the configuration was read.
        Endpoint::url(&self.server, &roots).map_err(|error| BadRoots::System(error.to_string()))
    }
}

impl Webhook {
    pub(super) fn new(url: &WebhookUrl, endpoint: Endpoint, issuer: Issuer) -> Webhook {
        Webhook { url: url.clone(), endpoint, issuer }
    }

    /// Sends one event. Only a 2xx is a delivery (RFC 8935 §2.2); a 400 is a final rejection
    /// (§2.3).
    pub(super) async fn send(&self, notice: &Notice, now: UnixTime) -> Result<(), DeliveryError> {
        let event = SecurityEvent {
            id: &notice.id,
            uri: &format!("{EVENTS}{}", notice.kind.name()),
            at: notice.time,
            account: notice.account.as_ref(),
            details: &notice.details,
        };
        let token = self
            .issuer
            .sign_event(event, &self.url.whole, now)
            .await
            .map_err(|error| DeliveryError::Failed(error.to_string()))?;
        let request = self
            .endpoint
            .request(Method::POST, &self.url.target)
            .header(CONTENT_TYPE, "application/secevent+jwt");
        let request =
            request.header(ACCEPT, "application/json").body(Full::new(Bytes::from(token)));
        let request = request.map_err(|error| DeliveryError::Rejected(error.to_string()))?;
        let mut connection = self
            .endpoint
            .connect(BOUNDS.within)
            .await
            .map_err(|cause| DeliveryError::Failed(cause.to_string()))?;
        let answer = connection
            .send(request, BOUNDS)
            .await
            .map_err(|error| DeliveryError::Failed(error.to_string()))?;
        match answer.status {
            status if status.is_success() => Ok(()),
            StatusCode::BAD_REQUEST => {
                Err(DeliveryError::Rejected(format!("{} does not understand it", self.endpoint)))
            }
            status => {
                Err(DeliveryError::Failed(format!("{} answers {}", self.endpoint, status.as_u16())))
            }
        }
    }
}

impl<'de> Deserialize<'de> for WebhookUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<WebhookUrl, D::Error> {
        let whole = String::deserialize(deserializer)?;
        let uri: Uri = whole.parse().map_err(|_| {
            D::Error::custom("a webhook is named like https://hooks.example.com/mfa")
        })?;
        let target = uri.path_and_query().map_or("/", PathAndQuery::as_str).to_owned();
        let server = whole.strip_suffix(&target).unwrap_or(&whole).to_owned();
        Endpoint::url(&server, &Roots::none()).map_err(D::Error::custom)?;
        Ok(WebhookUrl { whole, server, target })
    }
}

/// The beginning of the URI that names an event.
const EVENTS: &str = "urn:twostep:event:";

const BOUNDS: Bounds = Bounds { within: Duration::from_secs(10), longest: 65_536 };
