//! The wire of AWS: its address, and the names of its one account.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

use super::{Config, is_loopback, values};
use crate::aws::AccountNumber;
use crate::aws::document::{Holder, IdentityPolicy};
use crate::aws::sigv4::Rules;
use crate::id::AccountId;

/// The IAM and STS interfaces of AWS.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AwsConfig {
    /// The addresses of its own listener; without one there is no such interface.
    pub listen: Vec<SocketAddr>,
    /// The number of the AWS account: 12 digits.
    #[serde(deserialize_with = "values::spelled")]
    pub account_id: AccountNumber,
    /// The account of root's devices.
    #[serde(deserialize_with = "values::optional")]
    pub root_account: Option<AccountId>,
    /// The audience of contexts that become temporary credentials.
    #[serde(deserialize_with = "values::name")]
    pub audience: String,
    /// The regions that a signature may name. Empty: any.
    #[serde(deserialize_with = "values::names")]
    pub regions: Vec<String>,
    /// A file with a policy in the language of AWS that every user has.
    pub everyone: Option<PathBuf>,
}

impl AwsConfig {
    /// True if something listens.
    pub(crate) fn is_on(&self) -> bool {
        !self.listen.is_empty()
    }

    /// The rules of a service, within the regions that a signature may name.
    pub(crate) fn in_regions(&self, rules: Rules) -> Rules {
        match self.regions.is_empty() {
            true => rules,
            false => rules.regions(self.regions.iter().map(String::as_str)),
        }
    }

    /// True if signatures may name a region.
    pub(crate) fn has_region(&self, region: &str) -> bool {
        self.regions.is_empty() || self.regions.iter().any(|known| known == region)
    }

    /// Reads the policy that every user has, or tells why it cannot be used.
    pub(crate) fn everyone(&self) -> Result<Option<IdentityPolicy>, String> {
        let Some(file) = &self.everyone else { return Ok(None) };
        let text = fs::read_to_string(file)
            .map_err(|error| format!("aws.everyone: cannot read {}: {error}", file.display()))?;
        let policy = IdentityPolicy::parse(&text, Holder::Operator)
            .map_err(|error| format!("aws.everyone: {}: {error}", file.display()))?;
        Ok(Some(policy))
    }
}

impl Config {
    /// Lists what does not fit together in the settings of AWS's wire.
    pub(super) fn aws_problems(&self) -> Vec<String> {
        if !self.aws.is_on() {
            return Vec::new();
        }
        let mut problems = Vec::new();
        if let Err(problem) = self.aws.everyone() {
            problems.push(problem);
        }
        if let Some(address) = self.exposed_aws_addresses().next() {
            problems.push(format!(
                "aws.listen: {address} can be reached from other machines, and codes would travel \
                 in the clear: set tls.cert and tls.key, or insecure_listen = true where something \
                 else encrypts"
            ));
        }
        problems
    }

    /// The addresses of AWS's wire that would carry codes over a network in the clear.
    pub(crate) fn exposed_aws_addresses(&self) -> impl Iterator<Item = &SocketAddr> {
        let bare = self.tls.is_none() && !self.insecure_listen;
        self.aws.listen.iter().filter(move |address| bare && !is_loopback(address.ip()))
    }
}

impl Default for AwsConfig {
    fn default() -> AwsConfig {
        AwsConfig {
            listen: Vec::new(),
            account_id: AccountNumber::default(),
            root_account: "root".parse().ok(),
            audience: "sts.amazonaws.com".to_owned(),
            regions: Vec::new(),
            everyone: None,
        }
    }
}
