//! A cache of validated tokens, so that each signature is verified once.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, PoisonError, RwLock};

use crate::session::SignedContext;
use crate::session::token::CachedToken;

/// Tokens by their whole text, at most `most` of them. Only valid tokens get in: garbage neither
/// fills the cache nor evicts anything.
pub(super) struct TokenCache {
    most: usize,
    tokens: RwLock<Tokens>,
}

/// Two generations. When the young one is full it replaces the old one, and tokens that were not
/// used since are evicted.
#[derive(Default)]
struct Tokens {
    young: HashMap<SignedContext, Arc<CachedToken>>,
    old: HashMap<SignedContext, Arc<CachedToken>>,
}

impl TokenCache {
    pub(super) fn new(most: usize) -> TokenCache {
        TokenCache { most, tokens: RwLock::default() }
    }

    pub(super) fn find(&self, signed: &SignedContext) -> Option<Arc<CachedToken>> {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = tokens.young.get(signed) {
            return Some(Arc::clone(token));
        }
        let token = Arc::clone(tokens.old.get(signed)?);
        drop(tokens);
        self.keep(signed, &token);
        Some(token)
    }

    pub(super) fn keep(&self, signed: &SignedContext, token: &Arc<CachedToken>) {
        if self.most == 0 {
            return;
        }
        let mut tokens = self.tokens.write().unwrap_or_else(PoisonError::into_inner);
        if tokens.young.len() >= self.most.div_ceil(2) {
            tokens.old = mem::take(&mut tokens.young);
        }
        tokens.young.insert(signed.clone(), Arc::clone(token));
    }

    pub(super) fn len(&self) -> usize {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        tokens.young.len() + tokens.old.len()
    }
}
