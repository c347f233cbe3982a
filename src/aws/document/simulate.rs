//! Simulations: the evaluation of requests, with an assumed context.

use std::collections::BTreeSet;

use crate::aws::document::context::{Context, HypotheticalContext};
use crate::aws::document::decision::{Lacking, Matched, Policies, Verdict};
use crate::aws::document::key::KeyName;
use crate::aws::document::keys::Keys;
use crate::aws::document::statement::Asked;

/// The answer to a simulated request. No service takes one for a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Simulation<'p> {
    /// The decision that a real request would get.
    pub outcome: SimulatedOutcome,
    /// The statements that decided.
    pub matched: Vec<Matched<'p>>,
    /// Context keys that the policies read and the context lacks, in order.
    pub missing: Vec<&'p KeyName>,
}

/// The decision about a simulated request (`EvalDecision`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimulatedOutcome {
    /// `allowed`.
    Allowed,
    /// `explicitDeny`.
    ExplicitDeny,
    /// `implicitDeny`.
    ImplicitDeny(Lacking),
}

impl<'p> Policies<'p> {
    /// Evaluates an assumed request as [`Policies::decide`] would.
    pub fn simulate(&self, asked: &Asked, context: &HypotheticalContext) -> Simulation<'p> {
        let keys = context.keys();
        let (outcome, matched) = match self.judge(asked, keys) {
            Verdict::Allowed(matched) => (SimulatedOutcome::Allowed, matched),
            Verdict::Denied(matched) => (SimulatedOutcome::ExplicitDeny, matched),
            Verdict::Lacking(lacking) => (SimulatedOutcome::ImplicitDeny(lacking), Vec::new()),
        };
        Simulation { outcome, matched, missing: self.lacking(keys) }
    }

    /// Context keys that the policies read and a context lacks, in order.
    pub fn missing(&self, context: &Context) -> Vec<&'p KeyName> {
        self.lacking(context.keys())
    }

    fn lacking(&self, keys: &Keys) -> Vec<&'p KeyName> {
        self.context_keys().into_iter().filter(|key| keys.of(key).is_empty()).collect()
    }

    /// The context keys that the policies read, in order.
    pub fn context_keys(&self) -> BTreeSet<&'p KeyName> {
        let session = self.session.into_iter().flat_map(|policy| policy.context_keys());
        self.identity
            .iter()
            .flat_map(|policy| policy.context_keys())
            .chain(session)
            .collect()
    }
}
