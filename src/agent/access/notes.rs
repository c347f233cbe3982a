//! Notes on one request, for its line in the log.

use std::sync::OnceLock;

use crate::device::Refusal;
use crate::id::AccountId;

/// Facts that turn up while a request is worked on. The first of each kind stays.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    account: OnceLock<AccountId>,
    reason: OnceLock<&'static str>,
}

impl Notes {
    /// Notes the account that the request concerns.
    pub(crate) fn concerns(&self, account: &AccountId) {
        let _ = self.account.set(account.clone());
    }

    /// Notes the reason of a refusal, which the caller may not know.
    pub(crate) fn refused(&self, refusal: &Refusal) {
        let _ = self.reason.set(refusal.name());
    }

    pub(crate) fn account(&self) -> Option<&AccountId> {
        self.account.get()
    }

    pub(crate) fn reason(&self) -> Option<&'static str> {
        self.reason.get().copied()
    }
}
