//! The console: one-time links, and sign-ins that services start.

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, CallerId};
use crate::wire::{SecretText, Timestamp};

/// A one-time link to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MakeConsoleLink {
    /// The account; it need not exist yet, except for a recovery.
    #[cfg_attr(feature = "agent", schema(min_length = 1, max_length = 256))]
    pub account: String,
    /// The lifetime in seconds: 60 to 604800, 86400 if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(minimum = 60, maximum = 604800))]
    pub ttl_seconds: Option<u64>,
    /// The opening of the link counts as a bypass code. For administrators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recover: Option<bool>,
}

/// A one-time link that was made. The account's older ones are void.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct MadeConsoleLink {
    /// The id, by which it is listed and withdrawn.
    pub id: String,
    /// The address, shown this once.
    #[cfg_attr(feature = "agent", schema(value_type = String, format = "uri"))]
    pub url: SecretText,
    /// The end of its time.
    pub expires_at: Timestamp,
}

/// A choice of links.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct ListConsoleLinks {
    /// 1 to 1000; 100 if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", param(minimum = 1, maximum = 1000))]
    pub limit: Option<u32>,
    /// The `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A page of links that can be opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct ConsoleLinks {
    /// The links, in the order of their ids.
    pub links: Vec<ConsoleLink>,
    /// The `after` of the next page; none on the last one.
    pub next: Option<String>,
}

/// A link that can be opened, without its address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct ConsoleLink {
    /// The id.
    pub id: String,
    /// The account.
    pub account: AccountId,
    /// The caller who made it.
    pub made_by: CallerId,
    /// The time of its making.
    pub created_at: Timestamp,
    /// The end of its time.
    pub expires_at: Timestamp,
    /// The opening counts as a bypass code.
    pub recover: bool,
}

/// A sign-in to be started by a service that has checked the first factor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct StartSignIn {
    /// The account.
    #[cfg_attr(feature = "agent", schema(min_length = 1, max_length = 256))]
    pub account: String,
    /// The address to which the person returns, at the origin of a configured service.
    #[cfg_attr(feature = "agent", schema(format = "uri", max_length = 2048))]
    pub return_to: String,
    /// A text that the service gets back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(value_type = Option<String>, max_length = 1024))]
    pub state: Option<SecretText>,
}

/// A sign-in that was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct StartedSignIn {
    /// The address of its page, for one person, shown this once.
    #[cfg_attr(feature = "agent", schema(value_type = String, format = "uri"))]
    pub url: SecretText,
    /// The end of its time.
    pub expires_at: Timestamp,
}

/// The form in which a browser brings a token from the console's sign-in page to a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct HandOver {
    /// The token, for the audience of the site.
    #[cfg_attr(feature = "agent", schema(value_type = String))]
    pub token: SecretText,
    /// The address on the site that was asked for.
    #[cfg_attr(feature = "agent", schema(format = "uri", max_length = 2048))]
    pub return_to: String,
    /// The text of the service that started the sign-in; a site behind a proxy has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(value_type = Option<String>, max_length = 1024))]
    pub state: Option<SecretText>,
}
