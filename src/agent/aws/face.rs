//! The one route: a form, signed, that names an action.

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};

use crate::agent::access::{Caller, Connection, RequestInfo};
use crate::agent::aws::actions::{ACTIONS, Action};
use crate::agent::aws::authenticate;
use crate::agent::aws::call::{Call, Service};
use crate::agent::aws::fault::Fault;
use crate::agent::aws::form::Form;
use crate::agent::aws::xml::Xml;
use crate::agent::net::Face;
use crate::agent::operations::aws_rights::Signer;
use crate::agent::problem::{InDoubt, Told};
use crate::agent::state::Shared;
use crate::aws::sigv4;
use crate::aws::sigv4::{Header, Rules};
use crate::wire::ProblemCode;

/// AWS's wire, with the agent's own layers `around` it. Without an address nothing is listened to.
pub(in crate::agent) fn surrounded(
    state: Shared,
    around: impl Fn(Router, Face) -> Router,
) -> Router {
    if !state.config.aws.is_on() {
        return Router::new();
    }
    let route = Router::new()
        .route("/", get(answer).post(answer))
        .method_not_allowed_fallback(|Extension(info): Extension<RequestInfo>| async move {
            Fault::no_route().answer(Service::Sts.namespace(), &info.id.to_string())
        })
        .fallback(|Extension(info): Extension<RequestInfo>| async move {
            Fault::no_route().answer(Service::Sts.namespace(), &info.id.to_string())
        })
        .layer(from_fn_with_state(Arc::clone(&state), watch))
        .with_state(state);
    around(route, Face::Api).layer(from_fn(in_xml))
}

async fn answer(State(state): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Some(info) = parts.extensions.get::<RequestInfo>().cloned() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let id = info.id.to_string();
    // The body was read, and is as long as it may be.
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let named = Named::read(&parts, &body);
    let namespace = named.as_ref().map_or(Service::Sts, |named| named.service).namespace();
    let done = match named {
        Ok(named) => named.act(&state, &parts, &body, &info).await,
        Err(fault) => Err(fault),
    };
    match done {
        Ok((action, result)) => {
            let metadata = Xml::default().text("RequestId", &id);
            let answer = match result {
                Some(result) => Xml::default().group(&format!("{}Result", action.name), result),
                None => Xml::default(),
            };
            answer
                .group("ResponseMetadata", metadata)
                .document(&format!("{}Response", action.name), namespace)
                .into_response()
        }
        Err(fault) => fault.answer(namespace, &id),
    }
}

/// A request whose parameters were read.
struct Named {
    service: Service,
    action: Option<String>,
    form: Form,
}

impl Named {
    fn read(parts: &Parts, body: &Bytes) -> Result<Named, Fault> {
        let mut form = Form::read(parts.uri.query().unwrap_or_default(), body)?;
        let version = form.take("Version");
        let action = form.take("Action").map(|action| action.to_string());
        let named = |service: &&Service| {
            version.as_ref().is_none_or(|version| service.version() == version.as_str())
        };
        match Service::ALL.iter().rev().find(named) {
            Some(service) => Ok(Named { service: *service, action, form }),
            None => {
                let version = version.as_ref().map_or("", |version| version.as_str());
                Err(Fault::no_such_action(action.as_deref().unwrap_or_default(), version))
            }
        }
    }

    async fn act(
        self,
        state: &Shared,
        parts: &Parts,
        body: &Bytes,
        info: &RequestInfo,
    ) -> Result<(&'static Action, Option<Xml>), Fault> {
        let Named { service, action, form } = self;
        let signer = signer(state, parts, body, (service, info)).await?;
        let name = action.ok_or_else(Fault::no_action)?;
        let action = ACTIONS
            .iter()
            .find(|action| action.service == service && action.name == name)
            .ok_or_else(|| Fault::no_such_action(&printable(&name), service.version()))?;
        let call = Call { state, signer: &signer, form, arrived: info.arrived };
        Ok((action, (action.handler)(call).await?))
    }
}

/// The signer, noted in the request's line of the log.
async fn signer(
    state: &Shared,
    parts: &Parts,
    body: &Bytes,
    (service, info): (Service, &RequestInfo),
) -> Result<Signer, Fault> {
    let Some(connection) = parts.extensions.get::<Connection>() else {
        return Err(Fault::invalid_token());
    };
    let rules =
        Rules::service(service.name()).map_err(|fault| Fault::invalid(fault.to_string()))?;
    let rules = state.config.aws.in_regions(rules);
    let headers = parts.headers.iter();
    let request = sigv4::Request {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: headers.map(|(name, value)| Header::new(name.as_str(), value)).collect(),
        body: sigv4::Body::Bytes(body),
    };
    let signer = authenticate::signer(state, connection, &rules, &request).await?;
    info.identified(&signer.caller);
    let caller = Caller { notes: Arc::clone(&info.notes), ..signer.caller };
    Ok(Signer { caller, ..signer })
}

/// Adds the headers that AWS's answers have, and puts what the layers around refused into XML.
async fn in_xml(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let id = response.headers().get("x-request-id").cloned();
    let mut response = match response.extensions().get::<Told>() {
        None => response,
        Some(Told(code)) => {
            let id = id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or_default();
            turned_away(code).answer(Service::Sts.namespace(), id)
        }
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(id) = id {
        headers.insert(HeaderName::from_static("x-amzn-requestid"), id);
    }
    response
}

/// The fault of a request that did not reach its route.
fn turned_away(code: &ProblemCode) -> Fault {
    match code {
        ProblemCode::InvalidInput => Fault::malformed("the body is too long, or ended early"),
        ProblemCode::AccessDenied => {
            Fault::access_denied("this is not a name of this agent; add it to `hosts`")
        }
        _ => Fault::unavailable("the request took too long: try again"),
    }
}

/// Ends the agent, where the store demands it, after a commit whose result is unknown.
async fn watch(State(state): State<Shared>, request: Request<Body>, next: Next) -> Response {
    let response = next.run(request).await;
    if response.extensions().get::<InDoubt>().is_some() {
        state.end_in_doubt().await;
    }
    response
}

/// A name as it may stand in a message.
fn printable(name: &str) -> String {
    name.chars().filter(char::is_ascii_graphic).take(128).collect()
}
