//! A call of an action: what a handler gets, and what it answers.

use std::pin::Pin;
use std::time::Instant;

use crate::agent::aws::fault::Fault;
use crate::agent::aws::form::Form;
use crate::agent::aws::xml::Xml;
use crate::agent::operations::aws_rights::Signer;
use crate::agent::state::State;

/// A service of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    Iam,
    Sts,
}

/// A call of an action by a signer.
pub(super) struct Call<'a> {
    pub(super) state: &'a State,
    pub(super) signer: &'a Signer,
    pub(super) form: Form,
    /// The moment at which the request came.
    pub(super) arrived: Instant,
}

/// The result of an action, on its way; none for an action that answers nothing.
pub(super) type Answer<'a> = Pin<Box<dyn Future<Output = Result<Option<Xml>, Fault>> + Send + 'a>>;

impl Service {
    pub(super) const ALL: [Service; 2] = [Service::Iam, Service::Sts];

    /// The name in the scope of a signature.
    pub(super) fn name(self) -> &'static str {
        match self {
            Service::Iam => "iam",
            Service::Sts => "sts",
        }
    }

    /// The version of its interface.
    pub(super) fn version(self) -> &'static str {
        match self {
            Service::Iam => "2010-05-08",
            Service::Sts => "2011-06-15",
        }
    }

    /// The namespace of its answers.
    pub(super) fn namespace(self) -> &'static str {
        match self {
            Service::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
            Service::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
        }
    }
}
