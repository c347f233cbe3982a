//! `/recovery`: ten codes on paper, shown once.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::agent::console::devices as list;
use crate::agent::console::frame::{Frame, Here};
use crate::agent::console::kept::Session;
use crate::agent::console::page::page;
use crate::agent::console::stop::Stop;
use crate::agent::console::visitor::{Owner, Visitor, prove_before};
use crate::agent::operations::devices;
use crate::agent::operations::devices::Addition;
use crate::device::{Device, Factor, MfaKind};
use crate::verifier::NewFactor;

#[derive(Template)]
#[template(path = "recovery.html")]
struct Page {
    f: Frame,
    left: Option<String>,
}

#[derive(Template)]
#[template(path = "recovery_codes.html")]
struct Codes {
    f: Frame,
    codes: Vec<Zeroizing<String>>,
    /// The codes as an address that a browser saves.
    file: Zeroizing<String>,
}

/// `GET /recovery`.
pub(super) async fn show(visitor: Visitor) -> Result<Response, Stop> {
    let owner = visitor.owner().await?;
    let words = &visitor.words().recovery;
    let left = sheet(&visitor, &owner).await?.map(|left| match left {
        0 => words.left_none.to_owned(),
        1 => words.left_one.to_owned(),
        left => words.left(left).to_string(),
    });
    let f = visitor.frame(words.title, Here::Devices);
    page(StatusCode::OK, &Page { f, left })
}

/// `POST /recovery`: new codes. The same form sent again shows none: each sheet takes a new proof.
pub(super) async fn make(visitor: Visitor) -> Result<Response, Stop> {
    let owner = visitor.changing_owner("/recovery").await?;
    let words = &visitor.words().recovery;
    let account = owner.account.as_str();
    let devices = list::all(&visitor, &owner).await?;
    let is_other = |device: &Device| device.is_in_use() && device.kind() != MfaKind::Recovery;
    if !devices.iter().any(is_other) {
        return Err(Stop::Missing);
    }
    let proved_at = visitor.session.as_ref().and_then(Session::proved);
    let proved_at = proved_at.map(|proved| proved.context.mfa_time());
    let is_of_this_proof = |device: &Device| {
        device.kind() == MfaKind::Recovery && proved_at.is_none_or(|at| device.created_at >= at)
    };
    if devices.iter().any(is_of_this_proof) {
        return Err(Stop::Go(prove_before("/recovery")));
    }
    let factor = NewFactor::Recovery;
    let addition = Addition { account, serial: None, name: None, factor, clock_set: None };
    let added = devices::add(visitor.state(), &owner.caller, addition, owner.proof.as_ref()).await;
    let added = added.map_err(|failure| visitor.instead(failure, "/recovery"))?;
    let codes: Vec<_> = added.recovery_codes.iter().map(|code| code.to_text()).collect();
    let lead = words.file_lead(account).to_string();
    let lines = codes.iter().fold(Zeroizing::new(format!("{lead}\r\n\r\n")), |mut text, code| {
        text.push_str(code);
        text.push_str("\r\n");
        text
    });
    let file =
        format!("data:text/plain;charset=utf-8,{}", utf8_percent_encode(&lines, NON_ALPHANUMERIC));
    let mut f = visitor.frame(words.yours, Here::Devices);
    f.back = "/recovery".to_owned();
    page(StatusCode::OK, &Codes { f, codes, file: Zeroizing::new(file) })
}

/// The codes that are left, if the account has a sheet.
async fn sheet(visitor: &Visitor, owner: &Owner) -> Result<Option<usize>, Stop> {
    let devices = list::all(visitor, owner).await?;
    Ok(devices.iter().find_map(|device| match &device.factor {
        Factor::Recovery(sheet) => Some(sheet.unused.len()),
        _ => None,
    }))
}
