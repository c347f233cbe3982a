//! The HTTP API of a real agent: its own process, its own store, real sockets.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod access_keys;
mod authz;
mod authz_return;
mod canary;
mod carried;
mod clients;
mod clock;
mod console;
mod contract;
pub(crate) mod control;
mod described;
mod diagnose;
mod drifting;
mod editor;
mod events;
mod files;
mod found;
mod full_disk;
mod grafana;
mod imports;
mod journey;
mod logged;
mod looks;
mod names;
mod observers;
mod peers;
mod postgres;
mod protected;
mod proxies;
mod repeated;
mod restart;
mod restored;
mod roles;
mod routes;
mod security_keys;
mod several;
mod strict;
mod usernameless;

use std::path::Path;

use serde_json::json;
use test_support::agent::Agent;
use test_support::http::Client;
use test_support::people;
use twostep::store::Keyring;

/// The administrator of this agent, on its Unix socket.
fn admin(agent: &Agent) -> Client {
    Client::unix(agent.socket())
}

/// A caller over TCP, with a new API key of this role, shown as a program does and as a proxy does.
fn caller(agent: &Agent, role: &str) -> Client {
    let key = people::api_key(&admin(agent), json!({"role": role}));
    Client::tcp(agent.address()).bearing(&key).with("X-Twostep-Key", &key)
}

/// Edits the store in this folder as a holder of its keys.
fn edit(folder: &Path, sql: &str) {
    let keyring = Keyring::from_file(folder.join("sealing.key")).unwrap();
    twostep::store::sqlite::edit(folder.join("store.db"), &keyring, sql).unwrap();
}

/// An agent that serves TCP as well.
const TCP: &str = "listen = [\"127.0.0.1:0\"]\n";

/// The settings of a console that serves one service.
const CONSOLE: &str = "[console]\norigin = \"http://localhost:7443\"\n\
    listen = [\"127.0.0.1:0\"]\n\
    [[console.service]]\nname = \"Orders\"\n\
    origin = \"https://orders.example.com\"\nreceive = \"/mfa\"\naudience = \"orders\"\n";
