//! The OpenAPI document: the descriptions of the routes, completed with rules that hold for all.

use std::sync::{Arc, LazyLock};

use axum::Extension;
use axum::body::Bytes;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{IntoResponses, Modify, OpenApi};

use crate::agent::api::responses::{Forbidden, Invalid, Unavailable};
use crate::wire::Problem;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "twostep agent",
        description = "Verifies one-time codes and issues short-lived signed contexts that say \
            so. On the Unix socket the kernel names the caller; on TCP an API key does. Each \
            answer carries `x-request-id`, which its line in the agent's log has."
    ),
    components(schemas(Problem)),
    modifiers(&ApiKey),
    security(("api_key" = []))
)]
pub(super) struct Document;

struct ApiKey;

/// The document as it is published; written when it is first asked for.
#[derive(Clone)]
pub(super) struct Description(Arc<LazyLock<Bytes, Writing>>);

type Writing = Box<dyn FnOnce() -> Bytes + Send>;

impl Description {
    pub(super) fn of(document: utoipa::openapi::OpenApi) -> Description {
        Description(Arc::new(LazyLock::new(Box::new(|| written(document)))))
    }
}

/// The OpenAPI document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "health", security(()),
    responses(
        (
            status = 200, description = "OpenAPI 3.1", body = serde_json::Value,
            content_type = "application/json",
        ),
    ),
)]
pub(super) async fn show(Extension(Description(document)): Extension<Description>) -> Response {
    let document = Bytes::clone(&document);
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], document).into_response()
}

fn written(mut document: utoipa::openapi::OpenApi) -> Bytes {
    document.info.version = env!("CARGO_PKG_VERSION").to_owned();
    complete(&mut document);
    let mut document = serde_json::to_value(&document).unwrap_or_default();
    as_bodies_are_read(&mut document);
    Bytes::from(document.to_string())
}

impl Modify for ApiKey {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(
            "api_key",
            SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
        );
        let header = utoipa::openapi::security::ApiKeyValue::new("X-Twostep-Key");
        components.add_security_scheme(
            "proxy_key",
            SecurityScheme::ApiKey(utoipa::openapi::security::ApiKey::Header(header)),
        );
    }
}

/// Gives every route a unique operation id, and adds the refusals that precede the routes: a body
/// that is too long, a request of a web page, a timeout.
fn complete(document: &mut utoipa::openapi::OpenApi) {
    let everywhere = [Invalid::responses(), Forbidden::responses(), Unavailable::responses()];
    for item in document.paths.paths.values_mut() {
        let operations =
            [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            // Function names repeat among tags.
            if let (Some(id), Some([tag, ..])) =
                (&mut operation.operation_id, operation.tags.as_deref())
            {
                *id = format!("{tag}_{id}");
            }
            for (status, response) in everywhere.iter().flatten() {
                operation
                    .responses
                    .responses
                    .entry(status.clone())
                    .or_insert_with(|| response.clone());
            }
        }
    }
}

/// Describes bodies as they are read: optional members are left out and never `null`, and a body
/// without required members may be left out as a whole.
fn as_bodies_are_read(document: &mut Value) {
    let mut without_needs = Vec::new();
    for (name, schema) in members(&mut document["components"]["schemas"]) {
        // Only bodies forbid unknown members: answers may gain members later.
        if schema["additionalProperties"] != Value::Bool(false) {
            continue;
        }
        if schema.get("required").is_none() {
            without_needs.push(format!("#/components/schemas/{name}"));
        }
        schema
            .get_mut("properties")
            .into_iter()
            .flat_map(members)
            .for_each(|(_, member)| never_null(member));
    }
    for operation in members(&mut document["paths"])
        .flat_map(|(_, path)| members(path))
        .map(|(_, operation)| operation)
    {
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
        parameters
            .into_iter()
            .flatten()
            .filter_map(|parameter| parameter.get_mut("schema"))
            .for_each(never_null);
        let body = operation.get_mut("requestBody");
        if let Some(body) = body.filter(|body| {
            let schema =
                body.pointer("/content/application~1json/schema/$ref").and_then(Value::as_str);
            schema.is_some_and(|schema| without_needs.iter().any(|known| known == schema))
        }) {
            body["required"] = Value::Bool(false);
        }
    }
}

fn never_null(schema: &mut Value) {
    if let Some([Value::String(one), Value::String(null)]) =
        schema["type"].as_array().map(Vec::as_slice)
        && null == "null"
    {
        schema["type"] = Value::String(one.clone());
    }
}

fn members(object: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    object.as_object_mut().into_iter().flatten()
}
