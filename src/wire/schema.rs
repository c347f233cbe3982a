//! Schemas of names and times for the OpenAPI document.

use std::borrow::Cow;

use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{KnownFormat, RefOr, Schema, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

use crate::id::{AccountId, CallerId, DeviceName, SerialNumber};
use crate::wire::session::Flat;
use crate::wire::{Context, ProblemCode, Timestamp};

/// Declares the schemas of types that are text on the wire.
macro_rules! texts {
    ($($name:ident: $about:literal, $limits:expr;)*) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let text = ObjectBuilder::new().schema_type(Type::String);
                let limits: fn(ObjectBuilder) -> ObjectBuilder = $limits;
                limits(text.description(Some($about))).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    )*};
}

texts! {
    AccountId: "The name of an account.", |text| text.min_length(Some(1)).max_length(Some(256));
    CallerId: "Who asked: `uid:1000`, `key:3f…`.", |text| text;
    DeviceName: "What its owner calls a device.", |text| text.min_length(Some(1));
    SerialNumber: "The public handle of a device.",
        |text| text.pattern(Some("^[A-Za-z0-9_+=/:,.@-]{1,256}$"));
    Timestamp: "RFC 3339 in UTC, in whole seconds.",
        |text| text.format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    ProblemCode: "The kinds of problems.",
        |text| text.enum_values(Some(ProblemCode::KNOWN.iter().map(ProblemCode::name)));
}

impl PartialSchema for Context {
    fn schema() -> RefOr<Schema> {
        Flat::schema()
    }
}

impl ToSchema for Context {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Context")
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Flat::schemas(schemas);
    }
}
