//! Rules for a store that several agents serve from.

use std::sync::Arc;

use super::races::{all_at_once, losers, winners};
use super::sample::*;
use crate::store::{Commit, Conflict, Store, Task, Write};

/// `ReplaceValue` goes by the value that its name has.
pub async fn a_value_is_replaced_if_it_is_what_it_was(store: Arc<dyn Store>) {
    let replace = |seen: &[u8], value: Vec<u8>| Write::ReplaceValue {
        name: "place".to_owned(),
        seen: seen.to_vec(),
        value,
    };
    let missing = answered(store.commit(change([replace(b"", b"1".to_vec())])).await);
    let conflict = Commit::Conflict(Conflict::Revision);
    assert_eq!(missing, conflict, "a name without a value has none to replace");
    made(&store, [Write::PutValue { name: "place".to_owned(), value: b"1".to_vec() }]).await;

    let values = (0..64).map(|number: u8| vec![b'a', number]);
    let racing = values.map(|value| change([replace(b"1", value)]));
    let commits = all_at_once(&store, racing).await;
    assert_eq!(winners(&commits), 1, "one of many replacements of one value is made");
    assert_eq!(losers(&commits, Conflict::Revision), 63, "the others conflict");
    let kept = answered(store.value("place").await);
    assert!(kept.is_some_and(|kept| kept.starts_with(b"a")), "the replacement is kept");
}

/// Values are listed by the beginnings of their names, byte for byte.
pub async fn values_are_listed_by_the_beginnings_of_their_names(store: Arc<dyn Store>) {
    for name in ["bound", "bound.a", "bound.b", "bound_c", "Bound.d", "other"] {
        let value = name.as_bytes().to_vec();
        made(&store, [Write::PutValue { name: name.to_owned(), value }]).await;
    }
    let listed = answered(store.values("bound.").await);
    let expected = ["bound.a", "bound.b"].map(|name| (name.to_owned(), name.into()));
    assert_eq!(listed, expected, "those with the prefix, in their order");
    assert_eq!(answered(store.values("nothing").await), [], "no value has such a name");
}

/// A task goes to one holder, and stays with it.
pub async fn a_task_is_held_for_as_long_as_its_store_is_open(store: Arc<dyn Store>) {
    for _ in 0..2 {
        assert!(answered(store.hold(Task::Chores).await), "a free task is held, and stays held");
    }
    assert!(answered(store.hold(Task::Webhook).await), "tasks are held one by one");
}
