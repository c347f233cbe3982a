//! Documents of the contract: each goes to JSON and back.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Goes to JSON and back.
fn round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(document: Value) -> T {
    let read: T = serde_json::from_value(document.clone())
        .unwrap_or_else(|error| panic!("{document}: {error}"));
    assert_eq!(serde_json::to_value(&read).unwrap(), document);
    read
}

/// A request body: it goes to JSON and back, and refuses a member that it does not know.
pub(super) fn body<T: Serialize + DeserializeOwned + PartialEq + Debug>(document: Value) {
    round_trip::<T>(document.clone());
    let mut longer = document;
    longer["moon"] = json!("full");
    let refused = serde_json::from_value::<T>(longer).unwrap_err().to_string();
    assert!(refused.contains("unknown field `moon`"), "{refused}");
}

/// An answer: it goes to JSON and back, and a member of a newer agent is skipped.
pub(super) fn answer<T: Serialize + DeserializeOwned + PartialEq + Debug>(document: Value) {
    let read = round_trip::<T>(document.clone());
    let mut longer = document;
    longer["moon"] = json!("full");
    assert_eq!(serde_json::from_value::<T>(longer).unwrap(), read);
}
