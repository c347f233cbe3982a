//! Principals of trust policies, and the callers that they name.

use crate::aws::document::arn::fields;
use crate::aws::document::error::{Fault, quoted};
use crate::aws::document::json::Node;

/// A signer that asks for a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A user with a long-term key or a session of its own.
    User {
        /// `arn:aws:iam::ID:user/PATH/NAME`.
        arn: String,
        /// `AIDA…`.
        user_id: String,
    },
    /// A session of a role.
    RoleSession {
        /// `arn:aws:sts::ID:assumed-role/ROLE/SESSION`.
        arn: String,
        /// `arn:aws:iam::ID:role/PATH/ROLE`.
        role_arn: String,
        /// `AROA…`.
        role_id: String,
    },
    /// A federated user: `arn:aws:sts::ID:federated-user/NAME`.
    FederatedUser {
        /// Its ARN.
        arn: String,
    },
    /// The bearer of a web identity token, of no account.
    WebIdentity {
        /// `arn:aws:iam::ID:oidc-provider/ISSUER`.
        provider_arn: String,
    },
}

/// The way in which a statement names a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Named {
    /// By its account, or by `*`: its own policies decide too.
    Account,
    /// By its own name.
    Caller,
}

/// One principal of a trust policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Principal {
    /// `*`.
    Anyone,
    /// An account, by its id or its root.
    Account(String),
    /// A user, a role, a session of a role or a federated user.
    Arn(String),
    /// `AIDA…` or `AROA…`: the user or role that had the name, not one made again under it.
    Id(String),
    /// An identity provider.
    Provider(String),
    /// A service of AWS. No caller here is one.
    Service,
}

impl Principal {
    pub(super) fn names(&self, caller: &Caller) -> Option<Named> {
        match self {
            Principal::Anyone => Some(Named::Account),
            Principal::Account(id) => {
                (caller.account() == Some(id.as_str())).then_some(Named::Account)
            }
            Principal::Arn(arn) => caller.arns().contains(&arn.as_str()).then_some(Named::Caller),
            Principal::Id(id) => (caller.id() == Some(id.as_str())).then_some(Named::Caller),
            Principal::Provider(arn) => match caller {
                Caller::WebIdentity { provider_arn } if provider_arn == arn => Some(Named::Caller),
                _ => None,
            },
            Principal::Service => None,
        }
    }
}

impl Caller {
    fn arns(&self) -> Vec<&str> {
        match self {
            Caller::User { arn, .. } | Caller::FederatedUser { arn } => vec![arn],
            Caller::RoleSession { arn, role_arn, .. } => vec![arn, role_arn],
            Caller::WebIdentity { .. } => Vec::new(),
        }
    }

    fn account(&self) -> Option<&str> {
        let [.., account, _] = fields(self.arns().first()?)?;
        Some(account)
    }

    fn id(&self) -> Option<&str> {
        match self {
            Caller::User { user_id, .. } => Some(user_id),
            Caller::RoleSession { role_id, .. } => Some(role_id),
            Caller::FederatedUser { .. } | Caller::WebIdentity { .. } => None,
        }
    }
}

/// Reads the element `Principal`.
///
/// # Errors
/// A fault for anything but `"*"` and an object of known types.
pub(super) fn principals(node: &Node<'_>) -> Result<Vec<Principal>, Fault> {
    if node.string().is_ok_and(|text| text == "*") {
        return Ok(vec![Principal::Anyone]);
    }
    let members = node.members().map_err(|_| {
        node.fault("a principal is \"*\", or an object of AWS, Federated and Service")
    })?;
    let mut principals = Vec::new();
    for (kind, value) in members {
        let read: fn(&str) -> Option<Principal> = match kind.as_str() {
            "AWS" => aws,
            "Federated" => provider,
            "Service" => |text| text.ends_with(".amazonaws.com").then_some(Principal::Service),
            _ => {
                return Err(value.fault(format!(
                    "{} is no kind of principal; there are AWS, Federated and Service",
                    quoted(&kind)
                )));
            }
        };
        for item in value.items()? {
            let text = item.scalar()?;
            principals.push(read(&text).ok_or_else(|| {
                item.fault(format!("{} is no principal of the kind {kind}", quoted(&text)))
            })?);
        }
    }
    if principals.is_empty() {
        return Err(node.fault("a principal is wanted here"));
    }
    Ok(principals)
}

fn aws(text: &str) -> Option<Principal> {
    if text == "*" {
        return Some(Principal::Anyone);
    }
    if is_account(text) {
        return Some(Principal::Account(text.to_owned()));
    }
    if is_id(text) {
        return Some(Principal::Id(text.to_owned()));
    }
    let [_, service, region, account, resource] = fields(text)?;
    let plain = region.is_empty() && is_account(account) && !text.contains(['*', '?', '$']);
    match (service, resource.split_once('/').map_or(resource, |(kind, _)| kind)) {
        _ if !plain => None,
        ("iam", "root") if resource == "root" => Some(Principal::Account(account.to_owned())),
        ("iam", "user" | "role") | ("sts", "assumed-role" | "federated-user")
            if resource.contains('/') && !resource.ends_with('/') =>
        {
            Some(Principal::Arn(text.to_owned()))
        }
        _ => None,
    }
}

fn provider(text: &str) -> Option<Principal> {
    let [_, service, region, account, resource] = fields(text)?;
    let issuer = resource.strip_prefix("oidc-provider/").filter(|issuer| !issuer.is_empty());
    let plain = service == "iam" && region.is_empty() && is_account(account);
    (plain && issuer.is_some() && !text.contains(['*', '?', '$']))
        .then(|| Principal::Provider(text.to_owned()))
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_id(text: &str) -> bool {
    let rest = text.strip_prefix("AIDA").or(text.strip_prefix("AROA"));
    let is_base32 = |byte: u8| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte);
    rest.is_some_and(|rest| rest.len() == 16 && rest.bytes().all(is_base32))
}
