//! What was read of tokens that were valid, so that a signature is verified once.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, PoisonError, RwLock};

use crate::session::SignedContext;
use crate::session::validator::Facts;

/// At most so many tokens. Only what was valid gets in, so that whoever sends garbage neither fills
/// it nor drives anybody out.
pub(super) struct Seen {
    most: usize,
    tokens: RwLock<Tokens>,
}

/// Two generations: when the young one is full it becomes the old one, and what nobody asked for
/// since is forgotten with the one that was old.
#[derive(Default)]
struct Tokens {
    young: HashMap<SignedContext, Arc<Facts>>,
    old: HashMap<SignedContext, Arc<Facts>>,
}

impl Seen {
    pub(super) fn new(most: usize) -> Seen {
        Seen { most, tokens: RwLock::default() }
    }

    pub(super) fn find(&self, signed: &SignedContext) -> Option<Arc<Facts>> {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(facts) = tokens.young.get(signed) {
            return Some(Arc::clone(facts));
        }
        let facts = Arc::clone(tokens.old.get(signed)?);
        drop(tokens);
        self.keep(signed, &facts);
        Some(facts)
    }

    pub(super) fn keep(&self, signed: &SignedContext, facts: &Arc<Facts>) {
        if self.most == 0 {
            return;
        }
        let mut tokens = self.tokens.write().unwrap_or_else(PoisonError::into_inner);
        if tokens.young.len() >= self.most.div_ceil(2) {
            tokens.old = mem::take(&mut tokens.young);
        }
        tokens.young.insert(signed.clone(), Arc::clone(facts));
    }

    pub(super) fn len(&self) -> usize {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        tokens.young.len() + tokens.old.len()
    }
}
