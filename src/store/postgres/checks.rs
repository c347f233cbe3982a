//! Promises that a server must make before it decides anything.

use tokio_postgres::{Client, SimpleQueryMessage};

use super::fault::error_of;
use crate::store::Error;

/// Fails unless the server takes writes and promises to keep those that it acknowledged, on a
/// second machine too unless there is none on purpose.
pub(super) async fn sees_a_server_that_keeps(client: &Client, single: bool) -> Result<(), Error> {
    let answers = client.simple_query(SETTINGS).await.map_err(error_of)?;
    let row = answers.iter().find_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let setting = |name: &str| row.and_then(|row| row.try_get(name).ok().flatten()).unwrap_or("");
    match fault(setting, single) {
        None => Ok(()),
        Some(fault) => Err(Error::Unavailable(fault)),
    }
}

/// The first promise that is not made, with what to do about it.
fn fault<'a>(setting: impl Fn(&'static str) -> &'a str, single: bool) -> Option<String> {
    if setting("standby") != "f" {
        return Some("it is a standby".to_owned());
    }
    if setting("read_only") != "off" {
        return Some("it takes reads only".to_owned());
    }
    for name in ["fsync", "full_page_writes"] {
        if setting(name) != "on" {
            return Some(format!("{name} is off, so a crash may lose changes: set it to on"));
        }
    }
    let commit = setting("synchronous_commit");
    if !matches!(commit, "on" | "remote_apply") {
        return Some(format!(
            "synchronous_commit is {commit}, so a crash may lose changes: set it to on"
        ));
    }
    if !single && setting("standbys").is_empty() {
        return Some(
            "it has no synchronous standby, so the loss of its disk loses changes: set \
             synchronous_standby_names, or single if there is one server on purpose"
                .to_owned(),
        );
    }
    None
}

const SETTINGS: &str = "SELECT pg_is_in_recovery() AS standby,
    current_setting('transaction_read_only') AS read_only, current_setting('fsync') AS fsync,
    current_setting('full_page_writes') AS full_page_writes,
    current_setting('synchronous_commit') AS synchronous_commit,
    current_setting('synchronous_standby_names') AS standbys";

#[cfg(test)]
mod tests {
    use super::*;

    const KEEPS: [(&str, &str); 6] = [
        ("standby", "f"),
        ("read_only", "off"),
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("standbys", "*"),
    ];

    fn with(name: &str, value: &str, single: bool) -> Option<String> {
        fault(
            |asked| {
                let kept = KEEPS.iter().find(|(kept, _)| *kept == asked).unwrap();
                if asked == name { value } else { kept.1 }
            },
            single,
        )
    }

    #[test]
    fn a_server_that_promises_everything_is_used() {
        assert_eq!(with("", "", false), None);
        assert_eq!(with("synchronous_commit", "remote_apply", false), None);
    }

    #[test]
    fn a_server_with_one_promise_missing_is_refused() {
        for (name, value) in [
            ("standby", "t"),
            ("standby", ""),
            ("read_only", "on"),
            ("fsync", "off"),
            ("full_page_writes", "off"),
            ("synchronous_commit", "local"),
            ("synchronous_commit", "off"),
            ("synchronous_commit", "remote_write"),
        ] {
            assert!(with(name, value, true).is_some(), "{name} = {value}");
        }
    }

    #[test]
    fn a_synchronous_standby_is_demanded_unless_single() {
        assert!(with("standbys", "", false).unwrap().contains("synchronous_standby_names"));
        assert_eq!(with("standbys", "", true), None);
    }
}
