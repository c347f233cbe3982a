//! Two consecutive codes of a device.

use serde::{Deserialize, Serialize};

use crate::id::AccountId;
use crate::wire::SecretText;

/// Two consecutive codes, in the order in which the device showed them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TwoCodes {
    /// The codes.
    #[cfg_attr(
        feature = "agent",
        schema(value_type = Vec<String>, min_items = 2, max_items = 2)
    )]
    pub codes: [SecretText; 2],
    /// Counter of the first code, as in `POST /v1/sessions`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counter: Option<u64>,
    /// The person's browser or address, as in `POST /v1/sessions`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "agent",
        schema(value_type = Option<String>, pattern = "^[!-~]{1,256}$")
    )]
    pub client: Option<SecretText>,
}

/// Two consecutive codes that activate a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ActivateDevice {
    /// The codes, the earlier one first.
    #[cfg_attr(
        feature = "agent",
        schema(value_type = Vec<String>, min_items = 2, max_items = 2)
    )]
    pub codes: [SecretText; 2],
    /// The account that gets the device, for one that is in stock.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(min_length = 1, max_length = 256))]
    pub account: Option<String>,
    /// Counter of the first code, as in `POST /v1/sessions`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counter: Option<u64>,
    /// The person's browser or address, as in `POST /v1/sessions`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "agent",
        schema(value_type = Option<String>, pattern = "^[!-~]{1,256}$")
    )]
    pub client: Option<SecretText>,
}

impl TwoCodes {
    /// The codes, the earlier one first.
    pub fn new(codes: [&str; 2]) -> TwoCodes {
        TwoCodes { codes: codes.map(SecretText::from), counter: None, client: None }
    }
}

impl ActivateDevice {
    /// The codes, the earlier one first.
    pub fn new(codes: [&str; 2]) -> ActivateDevice {
        let codes = codes.map(SecretText::from);
        ActivateDevice { codes, account: None, counter: None, client: None }
    }

    /// Names the account that gets the device.
    #[must_use]
    pub fn giving_to(self, account: &AccountId) -> ActivateDevice {
        ActivateDevice { account: Some(account.as_str().to_owned()), ..self }
    }
}
