//! Requests of AWS's clients, as the services ask about them that receive them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::wire::{Context, SecretText, Timestamp};

/// A signed request that a service received, as it came over the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct VerifyAwsRequest {
    /// The service in the scope of signatures: `s3`, `execute-api`, or a name of one's own.
    pub service: String,
    /// The method.
    pub method: String,
    /// The path, percent-encoded as it came.
    pub path: String,
    /// The query behind the question mark, as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(value_type = Option<String>))]
    pub query: Option<SecretText>,
    /// All headers in the order in which they came, each a name and a value.
    #[cfg_attr(feature = "agent", schema(value_type = Vec<Vec<String>>))]
    pub headers: Vec<(String, SecretText)>,
    /// SHA-256 of the body, in hexadecimal digits. Without it the service itself compares the body
    /// with the header `x-amz-content-sha256`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(pattern = "^[0-9a-f]{64}$"))]
    pub payload_sha256: Option<String>,
    /// The action to decide about, as `s3:GetObject`, with its `resource`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// The resource of the action: an ARN, or `*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Several actions to decide about, 1,001 at most, in place of `action`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(min_items = 1, max_items = 1001))]
    pub asks: Option<Vec<AwsAsk>>,
    /// The address from which the request came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    /// Context keys of the service, as `s3:prefix`, with their values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<BTreeMap<String, Vec<String>>>,
}

/// An action and its resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AwsAsk {
    /// The action, as `s3:DeleteObject`.
    pub action: String,
    /// The resource: an ARN, or `*`.
    pub resource: String,
}

/// The answer about a signed request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum AwsVerification {
    /// The signature is that of a principal.
    Valid(Box<AwsSigned>),
    /// The request is to be refused, with this error.
    Invalid(AwsRefused),
}

/// A request whose signer is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct AwsSigned {
    /// Always `true`.
    pub valid: bool,
    /// The signer.
    pub principal: AwsPrincipal,
    /// The context of the session that signed, or of a code in the request; `null` for a long-term
    /// key alone.
    pub context: Option<Context>,
    /// The context keys of policies, with their values.
    pub keys: BTreeMap<String, Vec<String>>,
    /// The decision about `action`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<AwsDecision>,
    /// The statements that decided about `action`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matched: Option<Vec<AwsMatch>>,
    /// Context keys that the policies read and the request lacks, for `action`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<Vec<String>>,
    /// The decisions about `asks`, in their order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decisions: Option<Vec<AwsDecided>>,
}

/// A request to be refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct AwsRefused {
    /// Always `false`.
    pub valid: bool,
    /// The error for the client.
    pub error: AwsError,
}

/// An error as AWS's clients know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct AwsError {
    /// The code, as `SignatureDoesNotMatch`.
    pub code: String,
    /// The status of HTTP.
    pub status: u16,
    /// The message.
    pub message: String,
}

/// A principal of AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct AwsPrincipal {
    /// The ARN.
    pub arn: String,
    /// `User`, or `Account` for root.
    #[serde(rename = "type")]
    pub kind: String,
    /// The unique id: `AIDA…`, or the number of the account.
    pub user_id: String,
    /// The id of the key that signed.
    pub access_key_id: String,
}

/// The decision about an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct AwsDecided {
    /// The decision.
    pub decision: AwsDecision,
    /// The statements that decided.
    pub matched: Vec<AwsMatch>,
    /// Context keys that the policies read and the request lacks.
    pub missing: Vec<String>,
}

/// A decision of policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub enum AwsDecision {
    /// A statement allows it, and none denies it.
    Allowed,
    /// A statement denies it.
    ExplicitDeny,
    /// No statement allows it.
    ImplicitDeny,
}

/// A statement of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct AwsMatch {
    /// The name of the policy; `everyone` for that of all users.
    pub policy: String,
    /// The name of the statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The place of its first character.
    pub start: AwsPlace,
    /// The place of its last character.
    pub end: AwsPlace,
}

/// A place in a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct AwsPlace {
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
}

/// A context to be turned into temporary credentials of AWS's kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AskAwsCredentials {
    /// The signed context, with MFA, for the audience `aws.audience` (`sts.amazonaws.com`).
    #[cfg_attr(feature = "agent", schema(value_type = String))]
    pub token: SecretText,
    /// 900 to 129600; up to the end of the context at most, and if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(minimum = 900, maximum = 129600))]
    pub duration_seconds: Option<u64>,
}

/// Temporary credentials of AWS's kind. They carry the MFA of their context, and end with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct AwsCredentials {
    /// The id: `ASIA` and 16 characters.
    pub access_key_id: String,
    /// The secret: 40 characters.
    #[cfg_attr(feature = "agent", schema(value_type = String))]
    pub secret_access_key: SecretText,
    /// The session token.
    #[cfg_attr(feature = "agent", schema(value_type = String))]
    pub session_token: SecretText,
    /// The end.
    pub expires_at: Timestamp,
}

/// A signing key that a service asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AskAwsSigningKey {
    /// The id of the access key in the credential of the request.
    pub access_key_id: String,
    /// The session token, if the request has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(value_type = Option<String>))]
    pub session_token: Option<SecretText>,
    /// The day of the scope, as `20261130`: yesterday, today or tomorrow in UTC.
    #[cfg_attr(feature = "agent", schema(pattern = "^[0-9]{8}$"))]
    pub date: String,
    /// The region of the scope.
    pub region: String,
    /// The service of the scope: one that the API key was made for.
    pub service: String,
}

/// A signing key: good for one access key, one day, one region and one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct AwsSigningKey {
    /// The key: 32 bytes, in hexadecimal digits.
    #[cfg_attr(feature = "agent", schema(value_type = String))]
    pub signing_key: SecretText,
    /// The principal whose key it is.
    pub principal: AwsPrincipal,
    /// The context of the session; `null` for a long-term key.
    pub context: Option<Context>,
    /// The time up to which the answer holds: then the service asks again.
    pub expires_at: Timestamp,
}
