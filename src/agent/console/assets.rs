//! The style sheet, the script and the icons, embedded and named by their hash: a browser keeps
//! them for good.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::agent::console::stop::Stop;

/// One embedded file.
struct Asset {
    name: String,
    kind: &'static str,
    text: &'static str,
}

/// The addresses of the files.
pub(super) struct Addresses {
    pub(super) style: String,
    pub(super) script: String,
    pub(super) icons: String,
}

static ASSETS: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    [
        Asset::new("style", "css", "text/css; charset=utf-8", include_str!("style.css")),
        Asset::new("console", "js", "text/javascript; charset=utf-8", include_str!("console.js")),
        Asset::new("icons", "svg", "image/svg+xml", include_str!("icons.svg")),
    ]
});

static ADDRESSES: LazyLock<Addresses> = LazyLock::new(|| {
    let [style, script, icons] = &*ASSETS;
    Addresses { style: style.address(), script: script.address(), icons: icons.address() }
});

/// The addresses under which the files are served.
pub(super) fn addresses() -> &'static Addresses {
    &ADDRESSES
}

/// `GET /assets/{name}`.
pub(super) async fn show(Path(name): Path<String>) -> Result<Response, Stop> {
    let asset = ASSETS.iter().find(|asset| asset.name == name).ok_or(Stop::Missing)?;
    let headers =
        [(CONTENT_TYPE, asset.kind), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Ok((headers, asset.text).into_response())
}

impl Asset {
    fn new(stem: &str, ending: &str, kind: &'static str, text: &'static str) -> Asset {
        let digest = Sha256::digest(text.as_bytes());
        let hash = digest.iter().take(6).fold(String::new(), |mut hash, byte| {
            let _ = write!(hash, "{byte:02x}");
            hash
        });
        Asset { name: format!("{stem}-{hash}.{ending}"), kind, text }
    }

    fn address(&self) -> String {
        format!("/assets/{}", self.name)
    }
}
