//! An agent with a console for this example, and a token that Alice has enrolled with it.

use std::error::Error;
use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use tempfile::TempDir;
use twostep::agent::{Config, run};
use twostep::client::Client;
use twostep::otp::{Counter, Hotp, Seed};
use twostep::session::JwkSet;
use twostep::testing::SimulatedToken;

use super::shop::SHOP;

pub(crate) struct Agent {
    pub(crate) client: Client,
    /// The origin of the console.
    pub(crate) console: String,
    pub(crate) keys: JwkSet,
    pub(crate) token: SimulatedToken,
    /// The agent's files, which end with it.
    _folder: TempDir,
}

pub(crate) async fn start() -> Result<Agent, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let console = format!("http://localhost:{port}");
    let text = format!(
        "rp_id = \"localhost\"\norigins = [\"{console}\"]\naudiences = [\"shop\"]\n\
         [socket]\npath = \"agent.sock\"\n[log]\nlevel = \"error\"\n\
         [store]\nurl = \"sqlite:{}/mfa.db\"\nkey_file = \"key\"\n\
         [console]\norigin = \"{console}\"\nlisten = [\"127.0.0.1:{port}\"]\n\
         [[console.service]]\nname = \"Shop\"\norigin = \"{SHOP}\"\nreceive = \"/mfa\"\n\
         audience = \"shop\"\n",
        folder.path().display()
    );
    let file = folder.path().join("twostep.toml");
    fs::write(&file, text)?;
    tokio::spawn(run(Config::load(Some(&file))?));
    let client = Client::unix(folder.path().join("agent.sock"));
    while client.get(&["readyz"]).send().await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let keys = client.get(&[".well-known", "jwks.json"]).send().await?.body.to_string();
    let (keys, token) = (JwkSet::from_json(keys.as_bytes())?, enrol(&client).await?);
    Ok(Agent { client, console, keys, token, _folder: folder })
}

async fn enrol(agent: &Client) -> Result<SimulatedToken, Box<dyn Error>> {
    let new = serde_json::json!({ "account": "alice", "kind": "hotp" });
    let added = agent.post(&["v1", "devices"]).body(new).send().await?.body;
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let seed = Seed::from_base32(&text(&added["provisioning"]["secret"]))?;
    let mut token = SimulatedToken::hotp(&seed, Hotp::default(), Counter(0));
    let codes = serde_json::json!({ "codes": [token.press_text(), token.press_text()] });
    let serial = text(&added["device"]["serial"]);
    agent.post(&["v1", "devices", &serial, "activate"]).body(codes).send().await?;
    Ok(token)
}
