//! An agent for this example, and a token that Alice has enrolled with it.

use std::error::Error;
use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use twostep::agent::{Config, run};
use twostep::client::Client;
use twostep::otp::{Counter, Hotp, Seed};
use twostep::testing::SimulatedToken;

/// Starts the agent. Keep the folder while it runs.
pub(crate) async fn start() -> Result<(Client, SimulatedToken, TempDir), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("twostep.toml");
    let text = "[socket]\npath = \"agent.sock\"\n\
                [store]\nurl = \"sqlite:FOLDER/mfa.db\"\nkey_file = \"key\"\n\
                [security_keys]\nusernameless = true\nhints = [\"client-device\", \"hybrid\"]\n\
                [log]\nlevel = \"error\"\n";
    fs::write(&file, text.replace("FOLDER", &folder.path().display().to_string()))?;
    tokio::spawn(run(Config::load(Some(&file))?));

    let agent = Client::unix(folder.path().join("agent.sock"));
    while agent.get(&["readyz"]).send().await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let new = json!({ "account": "alice", "kind": "hotp" });
    let added = agent.post(&["v1", "devices"]).body(new).send().await?.body;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let seed = Seed::from_base32(&text(&added["provisioning"]["secret"]))?;
    let mut token = SimulatedToken::hotp(&seed, Hotp::default(), Counter(0));
    let codes = json!({ "codes": [token.press_text(), token.press_text()] });
    agent
        .post(&["v1", "devices", &text(&added["device"]["serial"]), "activate"])
        .body(codes)
        .send()
        .await?;
    Ok((agent, token, folder))
}
