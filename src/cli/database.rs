//! A look at a store in PostgreSQL, for `store check` and `audit verify`.

use std::path::Path;

use serde_json::json;

use crate::agent::config::{Config, StoreUrl};
use crate::cli::output::{Exit, Failure, Report};
use crate::cli::{keyring, words};
use crate::store::postgres::{self, CheckReport};
use crate::store::{ConnectError, PostgresOptions, Restore, Restored};

/// The way to the store that was named, or else is configured; none if that is a file.
pub(super) fn named(store: Option<&Path>) -> Result<Option<PostgresOptions>, Failure> {
    let bad_input = |error: &dyn std::fmt::Display| Failure::bad_input(error.to_string());
    let named = store.and_then(Path::to_str).filter(|text| PostgresOptions::is_address(text));
    if store.is_some() && named.is_none() {
        return Ok(None);
    }
    let config = Config::load(None).map_err(|error| bad_input(&error))?;
    let url = match named {
        Some(text) => text.parse().map_err(|error: &str| bad_input(&error))?,
        None => config.store_url(),
    };
    let StoreUrl::Postgres(url) = url else { return Ok(None) };
    // No standby is demanded: a look changes nothing, and agents notice a restore that is lost.
    let options = url.options(&config.store).map_err(|error| bad_input(&error))?;
    Ok(Some(options.single(true)))
}

/// Makes a database of an earlier moment fit to serve from.
pub(super) async fn restore(
    options: PostgresOptions,
    wanted: Restore<'_>,
) -> Result<Restored, Failure> {
    postgres::restore(options, wanted).await.map_err(|error| {
        let exit = match error {
            ConnectError::Unrestored { .. } => Exit::Refused,
            _ => Exit::Unavailable,
        };
        Failure::new(exit, error.to_string())
    })
}

/// Reads the whole store, and compares its rows with their tags if its sealing keys are found.
pub(super) async fn look(
    options: PostgresOptions,
    key: Option<&Path>,
) -> Result<CheckReport, Failure> {
    let (place, keyring) = (options.place(), keyring::named(None, key)?);
    let found = postgres::check(options, keyring.as_ref()).await;
    let found = found.map_err(|error| Failure::new(Exit::Unavailable, error.to_string()))?;
    match key {
        Some(_) if found.wrong_keys => {
            let wrong = format!("{place}: these are not its sealing keys");
            Err(Failure::new(Exit::Refused, wrong))
        }
        _ => Ok(found),
    }
}

/// The report of `store check`.
pub(super) async fn check(options: PostgresOptions, key: Option<&Path>) -> Result<Report, Failure> {
    let place = options.place();
    let found = look(options, key).await?;
    let mut text = format!(
        "{place}: {}, {}\n",
        words::count(found.accounts, "account"),
        words::count(found.devices, "device")
    );
    for problem in &found.problems {
        text += &format!("  {problem}\n");
    }
    text += match found.problems.is_empty() {
        true => "sound",
        false => "not sound: do what it says above, or restore a backup from before",
    };
    let document = json!({
        "ok": found.problems.is_empty(),
        "accounts": found.accounts,
        "devices": found.devices,
        "copy": false,
        "audit_rows": found.audit.rows(),
        "problems": found.problems,
    });
    let exit = if found.problems.is_empty() { Exit::Done } else { Exit::Refused };
    Ok(Report::new(document, text).exit(exit))
}
