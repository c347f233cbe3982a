//! Rules for a store that several agents serve from.

use std::sync::Arc;

use super::races::{all_at_once, losers, winners};
use super::sample::*;
use crate::device::Device;
use crate::store::{Account, Commit, Conflict, RevocationLimits, Store, Task, Write};
use crate::time::UnixTime;

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

/// In a store of many machines, a list of revocations has a place that rises with revocations
/// alone. A store of one machine may tell none.
pub async fn a_list_of_revocations_has_a_place_among_all(store: Arc<dyn Store>) {
    let (device, other) = (totp("GAHT00000001", "alice", None), totp("GAHT00000002", "bob", None));
    with_device(&store, &device, 1).await;
    with_device(&store, &other, 2).await;
    let place = async || {
        let limits = RevocationLimits { accounts: 9, devices: 9, sessions: 9 };
        let place = answered(store.revocations(UnixTime(0), NOW, limits).await).place;
        place.map(|place| (place.store, (place.epoch, place.number)))
    };
    let Some((of, mut last)) = place().await else { return };
    let mut rises = async |write: Write, revokes: bool| {
        made(&store, [write.clone()]).await;
        let Some(now) = place().await else {
            panic!("a store that has places has one for each list")
        };
        assert_eq!(now.0, of, "the store of all lists is the same");
        assert_eq!(now.1 > last, revokes, "after {write:?}: {now:?}, before it {last:?}");
        assert!(now.1 >= last, "the place never falls");
        last = now.1;
    };
    let alice = async || snapshot(&store, "alice").await;
    let at = UnixTime(NOW.0 + 5);

    let seen = alice().await;
    let account = seen.account.with_sessions_revoked(at);
    rises(Write::UpdateAccount { seen: seen.revision, account: account.clone() }, true).await;
    let account = Account { failures: vec![NOW], ..account };
    rises(Write::UpdateAccount { seen: alice().await.revision, account }, false).await;
    let update = async |device: &Device| {
        let seen = alice().await.devices[0].revision;
        Write::UpdateDevice { seen, device: device.clone() }
    };
    rises(update(&at_step(&device, 7)).await, false).await;
    let gone = device.deactivated(at);
    rises(update(&gone).await, true).await;
    rises(update(&gone).await, false).await;
    let session_id = "a context".to_owned();
    let account = account_id("alice");
    rises(Write::RevokeSession { account, session_id, expires_at: at, at: NOW }, true).await;
    let account = Account { revoked_before: Some(at), ..Account::new(account_id("carol"), NOW) };
    rises(Write::CreateAccount(account), true).await;
    rises(Write::CreateAccount(Account::new(account_id("dave"), NOW)), false).await;
    let seen = snapshot(&store, "bob").await.devices[0].revision;
    rises(Write::RemoveDevice { seen, tombstone: other.tombstone(at) }, true).await;
    rises(Write::NoteTime(at), false).await;
}

/// Many revocations at once raise the place, and a list never knows less than one with an earlier
/// place.
pub async fn lists_of_revocations_grow_with_their_place(store: Arc<dyn Store>) {
    let limits = RevocationLimits { accounts: 99, devices: 99, sessions: 99 };
    let read = async || answered(store.revocations(UnixTime(0), NOW, limits).await);
    if read().await.place.is_none() {
        return;
    }
    let names: Vec<String> = (0..32).map(|number| format!("person {number}")).collect();
    let mut revoking = Vec::new();
    for name in &names {
        with_account(&store, name).await;
        let seen = snapshot(&store, name).await;
        let account = seen.account.with_sessions_revoked(NOW);
        revoking.push(change([Write::UpdateAccount { seen: seen.revision, account }]));
    }
    let lists = async {
        let mut lists = Vec::new();
        loop {
            let list = read().await;
            let whole = list.accounts.len() == names.len();
            lists.push(list);
            if whole {
                return lists;
            }
            tokio::task::yield_now().await;
        }
    };
    let (commits, lists) = tokio::join!(all_at_once(&store, revoking), lists);
    assert_eq!(winners(&commits), names.len(), "changes of different accounts are all made");
    let known: Vec<_> = lists
        .iter()
        .map(|list| (list.place.map(|place| place.number), list.accounts.len()))
        .collect();
    assert!(known.is_sorted(), "later lists know more and have a later place: {known:?}");
    let grown = known.windows(2).all(|two| (two[0].0 == two[1].0) == (two[0].1 == two[1].1));
    assert!(grown, "the place and the list move together: {known:?}");
}
