//! Statements, and whether one applies to a request.

use crate::aws::document::action::{ActionName, ActionPattern};
use crate::aws::document::arn::{ArnPattern, ResourceName};
use crate::aws::document::condition::{Condition, Truth, all, any};
use crate::aws::document::error::Position;
use crate::aws::document::key::KeyName;
use crate::aws::document::keys::Keys;
use crate::aws::document::principal::{Caller, Named, Principal};

/// Action and resource of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The action.
    pub action: ActionName,
    /// The resource that it touches.
    pub resource: ResourceName,
}

/// The effect of a statement that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Allows, unless another one denies.
    Allow,
    /// Denies.
    Deny,
}

/// One statement of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) sid: Option<String>,
    pub(super) effect: Effect,
    /// Empty in all but trust policies.
    pub(super) principals: Vec<Principal>,
    pub(super) actions: Selection<ActionPattern>,
    /// `None` in trust policies: the resource is the role.
    pub(super) resources: Option<Selection<ArnPattern>>,
    pub(super) conditions: Vec<Condition>,
    /// `${…}` stands in it, and is no variable in this version.
    pub(super) inert_variable: bool,
    pub(super) start: Position,
    pub(super) end: Position,
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Selection<T> {
    These(Vec<T>),
    AllBut(Vec<T>),
}

impl<T> Selection<T> {
    pub(super) fn listed(&self) -> &[T] {
        let (Selection::These(listed) | Selection::AllBut(listed)) = self;
        listed
    }
}

impl Statement {
    /// True if the statement applies to a request. One that cannot be judged denies if it can, and
    /// never allows.
    pub(super) fn applies(&self, asked: &Asked, keys: &Keys) -> bool {
        let truth = self.covers_action(&asked.action).then(|| {
            let conditions = self.conditions.iter().map(|condition| condition.truth(keys));
            all(std::iter::once(self.covers_resource(&asked.resource, keys)).chain(conditions))
        });
        truth.is_some_and(|truth| truth.unwrap_or(self.effect == Effect::Deny))
    }

    /// The closest way in which the statement names a caller.
    pub(super) fn names(&self, caller: &Caller) -> Option<Named> {
        self.principals.iter().filter_map(|principal| principal.names(caller)).max()
    }

    /// Every key that the statement reads.
    pub(super) fn keys(&self) -> impl Iterator<Item = &KeyName> {
        let resources = self.resources.iter().flat_map(Selection::listed);
        resources
            .flat_map(ArnPattern::variables)
            .chain(self.conditions.iter().flat_map(Condition::keys))
    }

    fn covers_action(&self, action: &ActionName) -> bool {
        let listed = self.actions.listed().iter().any(|pattern| pattern.matches(action));
        listed == matches!(self.actions, Selection::These(_))
    }

    /// A pattern with an absent variable matches no resource, so that `Resource` does not cover one
    /// by it, while of `NotResource` it is not known what it leaves out.
    fn covers_resource(&self, resource: &ResourceName, keys: &Keys) -> Truth {
        let fits = |pattern: &ArnPattern| pattern.matches(resource.as_str(), keys);
        match &self.resources {
            None => Some(true),
            Some(Selection::These(listed)) => {
                Some(listed.iter().any(|pattern| fits(pattern).unwrap_or(false)))
            }
            Some(Selection::AllBut(listed)) => any(listed.iter().map(fits)).map(|fits| !fits),
        }
    }
}
