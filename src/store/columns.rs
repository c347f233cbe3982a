//! Columns as every database keeps them, and the values they stand for.

use crate::id::AccountId;
use crate::store::Account;

/// A number as it is kept. Times beyond the year 292 billion are all the same to us.
pub(super) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number as it was stored.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// The name in the column of a device's account: an empty one, as no account has, if it has none.
pub(super) fn owner(account: Option<&AccountId>) -> &str {
    account.map_or("", AccountId::as_str)
}

/// The first text, in the order of bytes, that is above all texts with this prefix; none if there
/// is no such text.
pub(super) fn above_prefix(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    // The next text of the same length; UTF-8 sorts as its characters do.
    while let Some(last) = chars.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

/// The columns of an account's row without its counts and its revision.
#[derive(Clone, Debug)]
pub(super) struct AccountColumns {
    pub(super) generation: i64,
    pub(super) revoked_before: Option<i64>,
    pub(super) removed: bool,
    pub(super) body: String,
}

impl AccountColumns {
    /// The columns of an account whose JSON is `body`.
    pub(super) fn of(account: &Account, body: String) -> AccountColumns {
        AccountColumns {
            generation: stored(account.generation),
            revoked_before: account.revoked_before.map(|mark| stored(mark.0)),
            removed: account.removed_at.is_some(),
            body,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_is_above_all_names_with_it() {
        for (prefix, above) in
            [("al", "am"), ("a\u{d7ff}", "a\u{e000}"), ("a\u{10ffff}", "b"), ("é", "ê")]
        {
            assert_eq!(above_prefix(prefix).as_deref(), Some(above), "{prefix:?}");
        }
        assert_eq!(above_prefix(""), None);
        assert_eq!(above_prefix("\u{10ffff}"), None);
    }
}
