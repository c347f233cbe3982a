//! Strict reading of requests: a body has one meaning or is refused.
//!
//! Duplicate members are refused, since two parsers may read them differently, and so are unknown
//! members, `null`, and deep nesting. Inside `credential`, which browsers and their libraries
//! write, `null` counts as absent.

use std::fmt;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::de::{DeserializeOwned, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::de::SliceRead;
use serde_json::{Map, Value};
use zeroize::Zeroize;

use crate::agent::problem::Problem;
use crate::agent::state::Shared;

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

/// A JSON body that holds a secret: read straight into its type, and wiped.
pub(crate) struct SecretBody<T>(pub(crate) T);

/// The query part of the address.
pub(crate) struct Parameters<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Shared> for SecretBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Shared) -> Result<SecretBody<T>, Problem> {
        let bytes = bytes_of(request).await?;
        // The type itself refuses duplicate and unknown members and `null`: no second reader sees
        // the secret.
        let read =
            typed(&mut serde_json::Deserializer::from_slice(&bytes)).map_err(Problem::bad_input);
        if let Ok(mut bytes) = bytes.try_into_mut() {
            bytes.zeroize();
        }
        read.map(SecretBody)
    }
}

async fn bytes_of(request: Request) -> Result<Bytes, Problem> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    if kind.is_some_and(|kind| !kind.eq_ignore_ascii_case("application/json")) {
        return Err(Problem::bad_input("the body must be application/json"));
    }
    // Admission has read the body and limited its length: it is one piece in memory.
    let bytes = Bytes::from_request(request, &()).await;
    bytes.map_err(|_| Problem::bad_input("the body cannot be read"))
}

impl<T: DeserializeOwned> FromRequest<Shared> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Shared) -> Result<Body<T>, Problem> {
        let bytes = bytes_of(request).await?;
        // A request without members may leave the body out.
        let bytes = if bytes.is_empty() { &b"{}"[..] } else { &bytes };
        Ok(Body(read(bytes).map_err(Problem::bad_input)?))
    }
}

impl<T: DeserializeOwned> FromRequestParts<Shared> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Shared,
    ) -> Result<Parameters<T>, Problem> {
        // `Query` would put a replacement character where the text is not UTF-8.
        if percent_decode_str(parts.uri.query().unwrap_or_default()).decode_utf8().is_err() {
            return Err(Problem::bad_input("the query is not UTF-8"));
        }
        let query = Query::<T>::from_request_parts(parts, state).await;
        query
            .map(|Query(parameters)| Parameters(parameters))
            .map_err(|fault| Problem::bad_input(query_fault(&fault.body_text())))
    }
}

/// The fault of a query, with the parameter's name and without its value: `NAME: …`, or for a
/// parameter that is unknown or given twice the reader's own words.
fn query_fault(text: &str) -> String {
    let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(text);
    let is_name = |name: &&str| {
        (1..=64).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    match text.split_once(": ").filter(|(name, _)| is_name(name)) {
        Some((_, said)) if said.starts_with("unknown field") => said.to_owned(),
        // The reader quotes the value alone: what it expected follows.
        Some((name, said)) => match said.rsplit_once("`, expected ") {
            Some((_, expected)) => format!("{name}: expected {expected}"),
            None if said.contains('`') => format!("{name}: a value of the wrong type"),
            None => format!("{name}: {said}"),
        },
        None if text.len() <= LONGEST_FAULT => text.to_owned(),
        None => "the query has an unknown parameter".to_owned(),
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let Strict(value) = typed(&mut serde_json::Deserializer::from_slice(bytes))?;
    serde_path_to_error::deserialize(value).map_err(described)
}

/// Reads a whole body into its type.
fn typed<'a, T: Deserialize<'a>>(
    reader: &mut serde_json::Deserializer<SliceRead<'a>>,
) -> Result<T, String> {
    let read = serde_path_to_error::deserialize(&mut *reader).map_err(described)?;
    reader.end().map_err(|error| not_json(&error))?;
    Ok(read)
}

/// Reads a member that holds JSON of another standard.
pub(super) fn document<T: DeserializeOwned>(member: Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(member).map_err(|error| Problem::bad_input(described(error)))
}

/// The fault of a body and the member that has it, without its value: it may be a code.
fn described(fault: serde_path_to_error::Error<serde_json::Error>) -> String {
    let path = fault.path().to_string();
    let error = fault.into_inner();
    if !error.is_data() {
        return not_json(&error);
    }
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    // Known messages that name members and no values.
    let named =
        ["unknown field", "missing field", "duplicate field", "the member `", "the body is deeper"];
    if named.iter().any(|known| text.starts_with(known)) {
        return text.to_owned();
    }
    let member = match path.as_str() {
        "." | "" | "?" => "the body".to_owned(),
        path => format!("the member `{path}`"),
    };
    match text {
        NULL => format!("{member} is null: leave it out instead"),
        text => format!("{member} has the wrong type or an impossible value{}", wanted(text)),
    }
}

fn not_json(error: &serde_json::Error) -> String {
    format!("the body is not JSON (line {}, column {})", error.line(), error.column())
}

/// The type that serde expected: the end of its own messages, which begin with the value found.
fn wanted(text: &str) -> String {
    let own = ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant "];
    own.iter()
        .find_map(|begins| text.strip_prefix(begins))
        .and_then(|text| text.rsplit_once(", expected "))
        .map_or_else(String::new, |(_, wanted)| format!("; it takes {}", in_words(wanted)))
}

/// The name of a type in serde's messages, for people.
fn in_words(wanted: &str) -> String {
    match wanted {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number".to_owned(),
        "i64" | "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" | "str" => "a text in quotes".to_owned(),
        wanted if wanted.starts_with("struct ") || wanted == "a map" => "an object".to_owned(),
        wanted => wanted.to_owned(),
    }
}

/// A JSON value without `null`, without members given twice, and not deeper than eight levels.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Strict, D::Error> {
        deserializer
            .deserialize_any(Level { deeper: DEEPEST, nulls: Nulls::Refused })
            .map(Strict)
    }
}

#[derive(Clone, Copy)]
struct Level {
    /// Levels that may follow.
    deeper: usize,
    nulls: Nulls,
}

/// Treatment of `null`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nulls {
    Refused,
    /// A member that is `null` is taken as absent.
    Absent,
}

impl Level {
    fn below<E: serde::de::Error>(self) -> Result<Level, E> {
        let deeper = self
            .deeper
            .checked_sub(1)
            .ok_or_else(|| E::custom(format!("the body is deeper than {DEEPEST} levels")))?;
        Ok(Level { deeper, ..self })
    }

    /// The reader of a member. Browsers write the content of `credential`.
    fn member(self, name: &str) -> Level {
        let browsers = self.deeper + 1 == DEEPEST && name == CREDENTIAL;
        Level { nulls: if browsers { Nulls::Absent } else { self.nulls }, ..self }
    }
}

impl<'de> serde::de::DeserializeSeed<'de> for Level {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        match self.nulls {
            Nulls::Absent => Ok(Value::Null),
            Nulls::Refused => Err(E::custom(NULL)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(below)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(below.member(&name))?;
            if map.insert(name.clone(), value).is_some() {
                return Err(A::Error::custom(format!("the member `{name}` is given twice")));
            }
        }
        // Nulls were read inside `credential` only.
        if self.nulls == Nulls::Absent {
            map.retain(|_, value| !value.is_null());
        }
        if self.deeper == DEEPEST && map.get(CREDENTIAL).is_some_and(Value::is_null) {
            return Err(A::Error::custom("the member `credential` is null: leave it out instead"));
        }
        Ok(Value::Object(map))
    }
}

const DEEPEST: usize = 8;

/// Bytes of a fault that is repeated.
const LONGEST_FAULT: usize = 400;

/// The fault of a member that is `null`.
const NULL: &str = "null";

/// The member that holds a browser's WebAuthn answer.
const CREDENTIAL: &str = "credential";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ListDevices;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read matters")]
    struct Example {
        account: String,
        code: Option<String>,
    }

    #[test]
    fn a_body_with_two_meanings_is_refused() {
        assert!(read::<Example>(br#"{"account":"a","code":"1"}"#).is_ok());
        assert!(read::<Example>(br#"{"account":"a"}"#).is_ok());
        for (body, said) in [
            (r#"{"account":"a","account":"b"}"#, "`account` is given twice"),
            (r#"{"account":"a","code":null}"#, "the member `code` is null"),
            (r#"{"account":"a","user":"b"}"#, "unknown field `user`"),
            (r#"{"code":"123456"}"#, "missing field"),
            (r#"{"account":7}"#, "the member `account` has the wrong type"),
            (r#"{"account":"a","code":{"b":[1]}}"#, "`code`"),
            (r#"{"account":"a","code":7}"#, "it takes a text in quotes"),
            (r#"{"account":"a"} x"#, "not JSON"),
            ("", "not JSON"),
            (r#"[[[[[[[[[[]]]]]]]]]]"#, "deeper"),
        ] {
            let error = read::<Example>(body.as_bytes()).unwrap_err();
            assert!(error.contains(said), "{body}: {error}");
        }
    }

    #[test]
    fn a_fault_of_a_query_names_its_parameter_and_no_value() {
        let fault = |query: &str| {
            let uri = format!("/?{query}").parse().unwrap();
            query_fault(&Query::<ListDevices>::try_from_uri(&uri).unwrap_err().body_text())
        };
        for (query, said) in [
            ("state=31415926", "state: expected one of `unassigned`, `pending`"),
            ("kind=a`,%20expected%2031415926", "kind: expected one of `totp`"),
            ("limit=31415926535", "limit: number too large to fit in target type"),
            ("limit=-1", "limit: invalid digit found in string"),
            ("drift_above=1.5", "drift_above: invalid digit found in string"),
            ("unused_since=31415926", "unused_since: a time is written"),
            ("limit=1&limit=1", "duplicate field `limit`"),
            ("stat=active", "unknown field `stat`, expected one of"),
        ] {
            let fault = fault(query);
            assert!(fault.starts_with(said) && !fault.contains("31415926"), "{query}: {fault}");
        }
        let long = fault(&format!("{}=1", "x".repeat(1_000)));
        assert_eq!(long, "the query has an unknown parameter");
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct WithCredential {
        credential: Value,
    }

    #[test]
    fn null_is_absent_inside_of_a_credential_alone() {
        let body = br#"{"credential":{"id":"a","userHandle":null,
            "response":{"transports":null,"list":[{"b":null}]}}}"#;
        let read: WithCredential = read(body).unwrap();
        assert_eq!(read.credential, serde_json::json!({"id": "a", "response": {"list": [{}]}}));
        for body in [
            r#"{"credential":null}"#,
            r#"{"credential":{"a":null,"a":1}}"#,
            r#"[{"credential":{"a":null}}]"#,
        ] {
            assert!(super::read::<WithCredential>(body.as_bytes()).is_err(), "{body}");
        }
        assert!(
            super::read::<Example>(br#"{"account":"a","code":{"credential":{"a":null}}}"#)
                .unwrap_err()
                .contains("null")
        );
    }

    #[test]
    fn an_error_does_not_repeat_the_value() {
        for body in [
            r#"{"account":"a","code":123456}"#,
            r#"{"account":"a","code":["123456, expected 123456"]}"#,
            r#""123456, expected a map""#,
        ] {
            let error = read::<Example>(body.as_bytes()).unwrap_err();
            assert!(!error.contains("123456"), "{error}");
            let error =
                typed::<Example>(&mut serde_json::Deserializer::from_slice(body.as_bytes()));
            assert!(!error.unwrap_err().contains("123456"), "{body}");
        }
    }
}
