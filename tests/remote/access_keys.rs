//! Keys with which AWS's clients sign, by the typed client.

use twostep::client::Client;
use twostep::id::AccountId;
use twostep::wire::{ChangeAccessKey, MakeAccessKey};

/// Calls each method that concerns them.
pub(super) async fn ask_about_access_keys(client: &Client, account: &AccountId) {
    let key = MakeAccessKey { account: Some(account.to_string()), root: None };
    let made = client.make_access_key(&key).await.unwrap();
    let id = &made.access_key_id;
    client.change_access_key(id, ChangeAccessKey { active: false }).await.unwrap();
    let keys = client.access_keys().await.unwrap().access_keys;
    assert_eq!((keys[0].access_key_id.as_str(), keys[0].active), (id.as_str(), false));
    client.delete_access_key(id).await.unwrap();
}
