//! Questions of services about the requests of AWS's clients.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use zeroize::Zeroizing;

use crate::agent::access::{Caller, Denied, Failure, RequestInfo};
use crate::agent::api::body::{Body, SecretBody};
use crate::agent::api::views;
use crate::agent::operations::aws_rights::{DecidingStatement, Effect, Verdict};
use crate::agent::operations::aws_signers::NotSigned;
use crate::agent::operations::aws_verify::{KeyQuestion, Received, VerifiedRequest};
use crate::agent::operations::{aws_sessions, aws_verify};
use crate::agent::problem::Problem;
use crate::agent::state::Shared;
use crate::aws::document::{Asked, Position};
use crate::aws::sigv4::{AccessKeyId, Header, Rules, Scope, ServiceKind, SessionToken};
use crate::aws::{Principal, sigv4};
use crate::session::SignedContext;
use crate::wire::{
    AskAwsCredentials, AskAwsSigningKey, AwsAsk, AwsCredentials, AwsDecided, AwsDecision, AwsError,
    AwsMatch, AwsPlace, AwsPrincipal, AwsRefused, AwsSigned, AwsSigningKey, AwsVerification,
    SecretText, VerifyAwsRequest,
};

/// Verifies a signed request that a service received: who signed, if MFA was present, and what
/// policies say. A code in the signed header `x-amz-mfa` is accepted once.
#[utoipa::path(
    post, path = "/v1/aws/verify", tag = "aws", request_body = VerifyAwsRequest,
    responses(
        (status = 200, description = "signer, or error for the client", body = AwsVerification),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Slow,
        super::Unavailable,
    ),
)]
pub(super) async fn verify(
    State(state): State<Shared>,
    caller: Caller,
    Extension(info): Extension<RequestInfo>,
    Body(body): Body<VerifyAwsRequest>,
) -> Result<Json<AwsVerification>, Problem> {
    let received = received(&body)?;
    let kind = received.rules.kind();
    match aws_verify::verify(&state, &caller, received, info.arrived).await {
        Ok(verified) => {
            let several = body.asks.is_some();
            let signed = signed(&state, verified, several).await?;
            Ok(Json(AwsVerification::Valid(Box::new(signed))))
        }
        Err(NotSigned::Failed(Failure::Denied(Denied::Session(_)))) => {
            Ok(refused("AccessDenied", 403, "Access Denied"))
        }
        Err(NotSigned::Failed(failure)) => Err(failure.into()),
        Err(NotSigned::Signature(refusal)) => {
            let code = refusal.code(kind);
            Ok(refused(code.as_str(), code.status(), &refusal.to_string()))
        }
        Err(NotSigned::UnknownKey) => Ok(match kind {
            ServiceKind::S3 => refused("InvalidAccessKeyId", 403, UNKNOWN_KEY),
            ServiceKind::Other => refused("InvalidClientTokenId", 403, INVALID_TOKEN),
        }),
        Err(NotSigned::BadToken) => Ok(match kind {
            ServiceKind::S3 => refused("InvalidToken", 400, INVALID_TOKEN),
            ServiceKind::Other => refused("InvalidClientTokenId", 403, INVALID_TOKEN),
        }),
        Err(NotSigned::Expired) => Ok(match kind {
            ServiceKind::S3 => refused("ExpiredToken", 400, EXPIRED_TOKEN),
            ServiceKind::Other => refused("ExpiredToken", 403, EXPIRED_TOKEN),
        }),
    }
}

/// Turns a live context with MFA into temporary credentials of its user, which end with it.
#[utoipa::path(
    post, path = "/v1/aws/credentials", tag = "aws", request_body = AskAwsCredentials,
    responses(
        (status = 201, description = "the credentials", body = AwsCredentials),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Slow,
        super::Unavailable,
    ),
)]
pub(super) async fn credentials(
    State(state): State<Shared>,
    caller: Caller,
    SecretBody(body): SecretBody<AskAwsCredentials>,
) -> Result<(StatusCode, Json<AwsCredentials>), Problem> {
    let token = SignedContext::new(body.token.as_str());
    let made = aws_sessions::credentials(&state, &caller, token, body.duration_seconds).await?;
    let credentials = AwsCredentials {
        access_key_id: made.id.to_string(),
        secret_access_key: made.secret.as_str().into(),
        session_token: made.token.as_str().into(),
        expires_at: made.expires_at.into(),
    };
    Ok((StatusCode::CREATED, Json(credentials)))
}

/// Derives the signing key of an access key for one day, region and service, so that the service
/// verifies requests by itself. For API keys that were made for that service.
#[utoipa::path(
    post, path = "/v1/aws/signing-keys", tag = "aws", request_body = AskAwsSigningKey,
    responses(
        (status = 200, description = "the key", body = AwsSigningKey),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Slow,
        super::Unavailable,
    ),
)]
pub(super) async fn signing_key(
    State(state): State<Shared>,
    caller: Caller,
    SecretBody(body): SecretBody<AskAwsSigningKey>,
) -> Result<Json<AwsSigningKey>, Problem> {
    let id: AccessKeyId =
        body.access_key_id.parse().map_err(|fault| wrong("access_key_id", &fault))?;
    let token = body.session_token.map(|token| SessionToken::new(token.as_str().to_owned()));
    let day = body.date.parse().map_err(|fault| wrong("date", &fault))?;
    let scope = Scope::new(day, &body.region, &body.service);
    let scope = scope.map_err(|fault| Problem::bad_input(fault.to_string()))?;
    let question = KeyQuestion { id: &id, token: token.as_ref(), scope };
    let asked = aws_verify::signing_key(&state, &caller, question).await;
    let (derived, expires_at) = asked.map_err(|fault| match fault {
        NotSigned::Failed(failure) => failure.into(),
        _ => Problem::from(Failure::from(Denied::NotFound("access key"))),
    })?;
    let now = state.verifier.now().await?;
    let session = derived.session.as_ref();
    Ok(Json(AwsSigningKey {
        signing_key: derived.key.expose_hex().to_string().into(),
        principal: principal(&state, &derived.principal, &id),
        context: session.map(|session| views::context(&session.context, None, now)),
        expires_at: expires_at.into(),
    }))
}

/// The request in a body, as it came to the service.
fn received(body: &VerifyAwsRequest) -> Result<Received<'_>, Problem> {
    let rules = match body.service.as_str() {
        "s3" => Rules::s3(),
        service => Rules::service(service).map_err(|fault| wrong("service", &fault))?,
    };
    let digest = body.payload_sha256.as_deref().map(sigv4::Body::of_digest).transpose();
    let headers = body.headers.iter();
    let request = sigv4::Request {
        method: &body.method,
        path: &body.path,
        query: body.query.as_ref().map_or("", SecretText::as_str),
        headers: headers.map(|(name, value)| Header::new(name, value.as_str())).collect(),
        body: digest
            .map_err(|fault| wrong("payload_sha256", &fault))?
            .unwrap_or(sigv4::Body::NotHere),
    };
    // Two such headers have two meanings: they are refused like a wrong code.
    let is_mfa = |(name, _): &&(String, SecretText)| name.eq_ignore_ascii_case("x-amz-mfa");
    let mut mfa = body.headers.iter().filter(is_mfa).map(|(_, value)| value.as_str());
    let mfa = mfa.next().map(|value| if mfa.next().is_none() { value } else { "" });
    let source_ip = body.source_ip.as_deref().map(str::parse).transpose();
    Ok(Received {
        rules,
        request,
        mfa: mfa.map(|value| Zeroizing::new(value.to_owned())),
        asks: asks(body)?,
        source_ip: source_ip.map_err(|fault| wrong("source_ip", &fault))?,
        own: body.context.clone().into_iter().flatten().collect(),
    })
}

fn asks(body: &VerifyAwsRequest) -> Result<Vec<Asked>, Problem> {
    let asked = |action: &str, resource: &str| {
        Ok(Asked {
            action: action.parse().map_err(|fault| wrong("action", &fault))?,
            resource: resource.parse().map_err(|fault| wrong("resource", &fault))?,
        })
    };
    match (&body.action, &body.resource, &body.asks) {
        (None, None, None) => Ok(Vec::new()),
        (Some(action), Some(resource), None) => Ok(vec![asked(action, resource)?]),
        (None, None, Some(asks)) if (1..=MOST_ASKS).contains(&asks.len()) => {
            asks.iter().map(|AwsAsk { action, resource }| asked(action, resource)).collect()
        }
        (None, None, Some(_)) => Err(Problem::bad_input(format!("asks: 1 to {MOST_ASKS} of them"))),
        _ => Err(Problem::bad_input("send an action with its resource, or asks: one of both")),
    }
}

async fn signed(
    state: &Shared,
    verified: VerifiedRequest,
    several: bool,
) -> Result<AwsSigned, Problem> {
    let now = state.verifier.now().await?;
    let context = verified.context().map(|context| views::context(context, None, now));
    let keys = verified.stated.stated();
    let keys = keys.map(|(key, values)| (key.to_string(), values.to_vec())).collect();
    let identity = &verified.identity;
    let key = identity.signed.access_key_id();
    let principal = principal(state, &identity.principal, key);
    let mut decisions: Vec<AwsDecided> = verified.verdicts.into_iter().map(decided).collect();
    let single = if several { None } else { decisions.pop() };
    let (decision, matched, missing) = match single {
        None => (None, None, None),
        Some(it) => (Some(it.decision), Some(it.matched), Some(it.missing)),
    };
    let decisions = several.then_some(decisions);
    let valid = true;
    Ok(AwsSigned { valid, principal, context, keys, decision, matched, missing, decisions })
}

fn principal(state: &Shared, principal: &Principal, key: &AccessKeyId) -> AwsPrincipal {
    let number = &state.plane.number;
    AwsPrincipal {
        arn: principal.arn(number),
        kind: principal.kind().to_owned(),
        user_id: principal.unique_id(number).to_owned(),
        access_key_id: key.to_string(),
    }
}

fn decided(verdict: Verdict) -> AwsDecided {
    AwsDecided {
        decision: match verdict.effect {
            Effect::Allowed => AwsDecision::Allowed,
            Effect::ExplicitDeny => AwsDecision::ExplicitDeny,
            Effect::ImplicitDeny => AwsDecision::ImplicitDeny,
        },
        matched: verdict.statements.into_iter().map(matched).collect(),
        missing: verdict.missing,
    }
}

fn matched(statement: DecidingStatement) -> AwsMatch {
    let place = |Position { line, column }| AwsPlace { line, column };
    let DecidingStatement { policy, sid, start, end } = statement;
    AwsMatch { policy, sid, start: place(start), end: place(end) }
}

fn refused(code: &str, status: u16, message: &str) -> Json<AwsVerification> {
    let error = AwsError { code: code.to_owned(), status, message: message.to_owned() };
    Json(AwsVerification::Invalid(AwsRefused { valid: false, error }))
}

fn wrong(member: &str, fault: &dyn std::fmt::Display) -> Problem {
    Problem::bad_input(format!("{member}: {fault}"))
}

/// The most actions of one request: as many as a deletion of several objects has, and one.
const MOST_ASKS: usize = 1_001;

/// AWS's own sentences, which clients show.
const UNKNOWN_KEY: &str = "The AWS Access Key Id you provided does not exist in our records.";
const INVALID_TOKEN: &str = "The security token included in the request is invalid.";
const EXPIRED_TOKEN: &str = "The security token included in the request is expired";
