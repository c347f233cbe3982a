//! Demands of a service on the signatures of its requests.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::aws::sigv4::BadPart;
use crate::aws::sigv4::scope::{BAD_SERVICE, is_name};

/// Rules of one service: its name, its regions, its reading of paths and payloads.
///
/// | | other services | S3 |
/// |---|---|---|
/// | path | normalised, encoded twice | as it came, encoded once |
/// | payload | signed | may be `UNSIGNED-PAYLOAD` or `STREAMING-…`; presigned: unsigned |
/// | clock | 300 s | 900 s |
#[derive(Clone, Debug)]
pub struct Rules {
    pub(super) kind: ServiceKind,
    pub(super) paths: Paths,
    pub(super) service: String,
    pub(super) regions: Option<BTreeSet<String>>,
}

/// Dialect of a service: S3 differs from all others in its rules and in its error codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServiceKind {
    /// S3, and what imitates it.
    S3,
    /// All others.
    Other,
}

/// Form of the path in the canonical request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paths {
    /// Dot segments and empty segments removed (RFC 3986 §5.2.4, and slashes merged), then encoded
    /// once more.
    Normalized,
    /// Every segment kept, in the canonical encoding.
    Kept,
}

impl Rules {
    /// Rules of a service other than S3, in any region.
    ///
    /// # Errors
    /// [`BadPart`] if the name is not 1 to 64 letters, digits, hyphens, dots or underscores.
    pub fn service(name: &str) -> Result<Rules, BadPart> {
        if !is_name(name) {
            return Err(BAD_SERVICE);
        }
        Ok(Rules {
            kind: ServiceKind::Other,
            paths: Paths::Normalized,
            service: name.to_owned(),
            regions: None,
        })
    }

    /// Rules of S3, in any region.
    #[must_use]
    pub fn s3() -> Rules {
        Rules { kind: ServiceKind::S3, paths: Paths::Kept, service: "s3".to_owned(), regions: None }
    }

    /// Allows these regions only; an empty list allows none.
    #[must_use]
    pub fn regions<'a>(mut self, regions: impl IntoIterator<Item = &'a str>) -> Rules {
        self.regions = Some(regions.into_iter().map(str::to_owned).collect());
        self
    }

    /// Sets the form of the path, for a service that reads paths otherwise than its kind does.
    #[must_use]
    pub fn paths(mut self, paths: Paths) -> Rules {
        self.paths = paths;
        self
    }

    /// The dialect.
    pub fn kind(&self) -> ServiceKind {
        self.kind
    }

    /// Tolerated difference of the clocks: 300 s, for S3 900 s.
    pub fn allowance(&self) -> Duration {
        Duration::from_secs(match self.kind {
            ServiceKind::S3 => 900,
            ServiceKind::Other => 300,
        })
    }
}

/// Longest lifetime of a presigned request, in seconds: seven days.
pub(super) const LONGEST_LIFETIME: u64 = 604_800;
