//! Routes about token files, and devices in stock.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Json;
use axum::body::Body as Stream;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt;
use hyper::body::{Bytes, Frame};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use crate::agent::access::Caller;
use crate::agent::api::body::{Body, Parameters, SecretBody};
use crate::agent::api::devices::day;
use crate::agent::api::extract::Segment;
use crate::agent::api::members::parse;
use crate::agent::api::views;
use crate::agent::operations::file::Piece;
use crate::agent::operations::imports::{Order, Outcome};
use crate::agent::operations::{exports, imports};
use crate::agent::problem::Problem;
use crate::agent::state::Shared;
use crate::device::{Factor, MfaKind};
use crate::import::{Assumed, Place, Settings, TokenKind};
use crate::otp::{Digits, TimeStepSize};
use crate::secret::Secret;
use crate::time::UnixTime;
use crate::verifier::Imported;
use crate::wire::{
    Assign, ExportDevices, ExportFormat, Import, ImportDevices, ImportNote, ImportProblem,
    ImportedStates, ImportedToken,
};
use crate::{import, wire};

/// Imports a file of tokens, whole or not at all. Tokens of no account are put in stock.
///
/// The body is the file, at most 256 MiB. An encrypted file takes its key, as text, in base64 in
/// `X-Twostep-Import-Key`, or its passphrase in `X-Twostep-Import-Passphrase`.
#[utoipa::path(
    post, path = "/v1/devices/import", tag = "devices",
    params(
        ImportDevices,
        ("X-Twostep-Import-Key" = Option<String>, Header, description = "the key, in base64"),
        ("X-Twostep-Import-Passphrase" = Option<String>, Header,
            description = "the passphrase, in base64"),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "what was imported, or would be", body = Import),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Conflict, super::Slow,
        super::Unavailable,
    ),
)]
pub(super) async fn import(
    State(state): State<Shared>,
    caller: Caller,
    Parameters(query): Parameters<ImportDevices>,
    headers: HeaderMap,
    body: Stream,
) -> Result<Json<Import>, Problem> {
    // Others are answered before their file is received.
    imports::must_administer_all(&caller)?;
    let dry_run = query.dry_run;
    let order = order(&state, query, &headers)?;
    let (pieces, file) = mpsc::channel(PIECES);
    // A caller that goes away does not leave a half-imported file behind: the import ends itself.
    let importing = tokio::spawn(imports::import(Arc::clone(&state), caller, order, file));
    let sent = forward(body, pieces).await;
    let outcome = importing.await.map_err(|_| Problem::bad_input("the import was broken off"))?;
    sent?;
    let outcome = outcome?;
    let refused = !outcome.problems.is_empty() && !dry_run;
    let document = document(&state, outcome);
    if refused { Err(Problem::file_refused(document.problems)) } else { Ok(Json(document)) }
}

/// Gives a device of no account to an account. Two consecutive codes of its owner activate it.
#[utoipa::path(
    post, path = "/v1/devices/{serial}/assign", tag = "devices",
    params(("serial" = String, Path)), request_body = Assign,
    responses(
        (status = 200, description = "the device, pending", body = wire::Device),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict,
        super::Slow, super::Unavailable,
    ),
)]
pub(super) async fn assign(
    State(state): State<Shared>,
    caller: Caller,
    Segment(serial): Segment,
    Body(body): Body<Assign>,
) -> Result<Json<wire::Device>, Problem> {
    let device = imports::assign(&state, &caller, &serial, &body.account).await?;
    Ok(Json(views::device(&device, state.verifier.clock().read().wall)))
}

/// Exports devices that show codes with their secrets, as an encrypted PSKC file (RFC 6030).
#[utoipa::path(
    post, path = "/v1/devices/export", tag = "devices", request_body = ExportDevices,
    responses(
        (status = 200, description = "the file", body = Vec<u8>,
            content_type = "application/octet-stream"),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Slow, super::Unavailable,
    ),
)]
pub(super) async fn export(
    State(state): State<Shared>,
    caller: Caller,
    SecretBody(body): SecretBody<ExportDevices>,
) -> Result<Response, Problem> {
    let ExportFormat::Pskc = body.format;
    let passphrase = Secret::from(body.passphrase.as_str().as_bytes());
    if passphrase.expose().is_empty() {
        return Err(Problem::bad_input("the passphrase is empty"));
    }
    let account = body.account.as_deref().map(|name| state.accounts.existing(name)).transpose();
    let account = account.map_err(|error| Problem::bad_input(error.to_string()))?;
    let order = exports::Order { passphrase, account, state: body.state };
    let file = File(exports::export(&state, &caller, order).await?);
    let headers = [(CONTENT_TYPE, "application/octet-stream"), (CACHE_CONTROL, "no-store")];
    Ok((headers, Stream::new(file)).into_response())
}

/// A file that is written while it is sent. One that breaks off has no end that a reader takes.
struct File(mpsc::Receiver<exports::Piece>);

impl hyper::body::Body for File {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = self.0.poll_recv(context);
        piece.map(|piece| piece.map(|piece| piece.map(|bytes| Frame::data(Bytes::from(bytes)))))
    }
}

/// Hands the body on, piece by piece, to the reader of the file.
async fn forward(mut body: Stream, pieces: mpsc::Sender<Piece>) -> Result<(), Problem> {
    let mut length = 0_u64;
    loop {
        let frame = match tokio::time::timeout(LONGEST_PAUSE, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => {
                let _ = pieces.send(Ok(Zeroizing::default())).await;
                return Ok(());
            }
            Ok(Some(Err(_))) => return broken(&pieces, "the body ended early").await,
            Err(_) => return broken(&pieces, "nothing of the body came for 30 seconds").await,
        };
        // Trailers are ignored.
        let Some(data) = frame.into_data().ok().filter(|data| !data.is_empty()) else { continue };
        length = length.saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX));
        if length > LARGEST_FILE {
            return broken(&pieces, "a file is at most 256 MiB long").await;
        }
        let piece = Zeroizing::new(data.to_vec());
        if let Ok(mut data) = data.try_into_mut() {
            zeroize::Zeroize::zeroize(&mut data[..]);
        }
        // The rest is received although the answer is known: a client that is still sending would
        // not read it.
        let _ = pieces.send(Ok(piece)).await;
    }
}

async fn broken(pieces: &mpsc::Sender<Piece>, why: &str) -> Result<(), Problem> {
    // A reader that is gone needs no reason.
    let _ = pieces.send(Err(io::Error::other(why.to_owned()))).await;
    Err(Problem::bad_input(format!("{why}: nothing is imported")))
}

fn order(state: &Shared, query: ImportDevices, headers: &HeaderMap) -> Result<Order, Problem> {
    let now = state.verifier.clock().read().wall;
    let bad = |error: &dyn std::fmt::Display| Problem::bad_input(error.to_string());
    let account = |name: &str| {
        state
            .accounts
            .named(name)
            .map_err(|error| Problem::bad_input(error.to_string()))
    };
    let assumed = Assumed {
        kind: query.kind.map(kind).transpose()?,
        algorithm: query.algorithm.as_deref().map(parse).transpose()?,
        digits: query.digits.map(Digits::try_from).transpose().map_err(|error| bad(&error))?,
        period: query
            .period
            .map(TimeStepSize::try_from)
            .transpose()
            .map_err(|error| bad(&error))?,
        account: query.account.as_deref().map(account).transpose()?,
        clock_set: query.clock_set.as_deref().map(day).transpose()?,
        hardware: query.hardware,
    };
    let settings = Settings {
        key: secret(headers, "x-twostep-import-key")?,
        passphrase: secret(headers, "x-twostep-import-passphrase")?,
        columns: query.columns,
        delimiter: query.delimiter,
        header: query.header,
        expired: query.expired.is_some(),
        unchecked_signature: query.signature.is_some(),
        drop_pins: query.drop_pins,
        ..Settings::new(now)
    };
    Ok(Order {
        format: query.format.as_deref().map(parse).transpose()?,
        settings,
        assumed,
        dry_run: query.dry_run,
        activate: query.activate,
        skip_unsupported: query.skip_unsupported,
    })
}

fn kind(kind: MfaKind) -> Result<TokenKind, Problem> {
    match kind {
        MfaKind::Totp => Ok(TokenKind::Totp),
        MfaKind::Hotp => Ok(TokenKind::Hotp),
        _ => Err(Problem::bad_input("kind is totp or hotp")),
    }
}

/// A secret in a header, in base64. Its text is never repeated.
fn secret(headers: &HeaderMap, name: &'static str) -> Result<Option<Secret>, Problem> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let text = STANDARD.decode(value.as_bytes());
    let text = text.map_err(|_| Problem::bad_input(format!("{name}: this is no base64")))?;
    Ok(Some(Secret::new(text)))
}

fn document(state: &Shared, outcome: Outcome) -> Import {
    let now = state.verifier.clock().read().wall;
    let states = outcome.states;
    Import {
        format: outcome.format.map(|format| format.name().to_owned()),
        imported: outcome.imported,
        skipped: outcome.skipped,
        problems: outcome.problems.into_iter().map(problem).collect(),
        tokens: outcome.tokens.iter().map(|token| shown(token, now)).collect(),
        states: ImportedStates {
            unassigned: states.unassigned,
            pending: states.pending,
            active: states.active,
            disabled: states.disabled,
        },
        notes: outcome.notes.into_iter().map(note).collect(),
    }
}

fn problem(problem: import::Problem) -> ImportProblem {
    let (line, entry) = place(problem.place);
    let code = problem.code.name().to_owned();
    ImportProblem { line, entry, serial: problem.serial, code, detail: problem.detail }
}

fn note((at, detail): (Option<Place>, String)) -> ImportNote {
    let (line, entry) = place(at);
    ImportNote { line, entry, detail }
}

fn shown(imported: &Imported, now: UnixTime) -> ImportedToken {
    let device = views::device(&imported.device, now);
    let (line, entry) = place(Some(imported.place));
    let (mut t0, mut watermark, mut pair_needed, mut measured) = (None, None, false, false);
    match &imported.device.factor {
        Factor::Totp(totp) => {
            t0 = Some(totp.parameters.t0).filter(|t0| *t0 != 0);
            watermark = totp.watermark.map(|step| step.0);
            measured = totp.clock.is_measured();
        }
        Factor::Hotp(hotp) => pair_needed = hotp.pair_needed,
        _ => {}
    }
    ImportedToken {
        line,
        entry,
        serial: device.serial,
        kind: device.kind,
        state: device.state,
        algorithm: device.algorithm.unwrap_or_default(),
        digits: device.digits.unwrap_or_default(),
        period: device.period,
        counter: device.counter,
        pair_needed,
        account: device.account,
        name: device.name,
        t0,
        watermark,
        drift_steps: device.drift_steps.filter(|_| measured),
        drift_seconds: device.drift_seconds.filter(|_| measured),
        hardware: imported.device.hardware,
    }
}

fn place(place: Option<Place>) -> (Option<u64>, Option<u64>) {
    match place {
        Some(Place::Line(line)) => (Some(line), None),
        Some(Place::Entry(entry)) => (None, Some(entry)),
        None => (None, None),
    }
}

/// The longest file that is read.
const LARGEST_FILE: u64 = 256 * 1_024 * 1_024;

/// The longest time without a piece of the file.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Pieces that wait to be read.
const PIECES: usize = 4;
