//! Twenty error messages, printed so that a reader can judge them. Each says the cause, the place
//! and the next step.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use test_support::http::Client;
use test_support::people::now;
use test_support::tools;
use test_support::world::{Held, both};
use twostep::otp::Window;
use twostep::session::Issuer;
use twostep::store::{Keyring, SqliteStore};
use twostep::testing::FixedClock;
use twostep::time::{Clock, UnixTime};
use twostep::verifier::{Authority, Limits, Verifier};

use super::journey::{Token, away_from_the_end_of_a_step};
use super::owner::without_rights;
use super::program::{Agent, Ended, copy_program, twostep};

/// A store as the last three days left it: one device is locked, one session is over. Returns the
/// token of that session.
async fn left_behind(store: &Path, key: &Path) -> String {
    let clock = FixedClock::at(UnixTime((now().0 - 3 * 86_400) / 30 * 30 + 10));
    let keyring = Keyring::from_file_or_new(key).unwrap();
    let store = Arc::new(SqliteStore::open(store).unwrap());
    let verifier = Verifier::with(store, keyring, Arc::new(clock.clone()), Limits::default());
    let now = || clock.read().wall;
    let (lars, elsa) = (Held::new("lars"), Held::new("elsa"));
    for held in [&lars, &elsa] {
        verifier.add(held.to_add(), &Authority::Admin).await.unwrap();
        let (pair, window) = (held.pair(now()), Window::Owner);
        verifier
            .activate(&held.serial, both(&pair), window, &Authority::Admin)
            .await
            .unwrap();
        clock.advance(Duration::from_secs(30));
    }
    let verified = verifier.verify_code(&elsa.account, None, elsa.code(now())).await.unwrap();
    let issuer = Issuer::new(verifier.clone(), "twostep");
    let token = issuer.issue(verified, "twostep").await.unwrap().as_str().to_owned();
    for _ in 0..20 {
        let wrong = lars.wrong(now());
        verifier.verify_code(&lars.account, &lars.serial, wrong).await.unwrap_err();
        clock.advance(Duration::from_secs(3_600));
    }
    token
}

/// One message, and what it must hold.
struct Message {
    about: &'static str,
    exit: i32,
    told: String,
    holds: &'static [&'static str],
}

impl Message {
    fn of(about: &'static str, ended: Ended, exit: i32, holds: &'static [&'static str]) -> Message {
        assert_eq!(ended.exit, exit, "{about}: {ended:?}");
        Message { about, exit, told: format!("{}{}", ended.out, ended.err), holds }
    }
}

#[test]
fn twenty_messages_say_cause_place_and_next_step() {
    if !tools::have("setpriv,root") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let [store, key] = ["mfa.db", "mfa.key"].map(|name| folder.path().join(name));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let expired = runtime.block_on(left_behind(&store, &key));
    drop(runtime);
    let agent = Agent::start(&format!(
        "local_users = true\naudiences = [\"desk\"]\n[store]\nurl = \"sqlite:{}\"\n\
         key_file = \"{}\"\n[socket]\nmode = \"0666\"\n",
        store.display(),
        key.display()
    ));
    let mut messages = of_codes(&agent);
    messages.extend(of_names(&agent, folder.path()));
    messages.extend(of_sessions(&agent, &expired));
    assert_eq!(messages.len(), 20);
    // Tests capture what macros print.
    let mut out = std::io::stdout();
    for Message { about, exit, told, holds } in messages {
        writeln!(out, "--- {about} (exit {exit})\n{}\n", told.trim_end()).unwrap();
        for part in holds {
            assert!(told.contains(part), "{about}: {part}: {told}");
        }
        let first = told.lines().next().unwrap_or_default();
        assert!(first.len() > 20 && !told.contains("SERIAL"), "{about}: {told}");
    }
}

fn of_codes(agent: &Agent) -> Vec<Message> {
    away_from_the_end_of_a_step();
    let add = |account: &str, serial: &str| {
        let add = ["--json", "device", "add", "--account", account, "--serial", serial];
        Token::added(&agent.done(&add, "").json())
    };
    let token = add("alice", "PHONE0001");
    agent.done(&["device", "activate", "PHONE0001"], &token.pair(-1));
    let login = |account: &str, code: &str| agent.run(&["login", "--account", account], code);
    let wrong = login("alice", "123456");
    let code = token.code(1);
    agent.done(&["login", "--account", "alice"], &code);
    let used = login("alice", &code);
    add("paul", "PAULS0001");
    let pending = login("paul", "123456");
    let tokens = ["TWINS0001", "TWINS0002"].map(|serial| {
        let token = add("twin", serial);
        agent.done(&["device", "activate", serial], &token.pair(-1));
        token
    });
    let several = login("twin", &tokens[0].code(1));
    let resync = || agent.run(&["device", "resync", "PHONE0001"], "111111\n222222\n");
    let pair = resync();
    let spent = (0..30).map(|_| resync()).find(|ended| ended.err.contains("too many pairs"));
    let locked = login("lars", "123456");
    vec![
        Message::of("wrong code", wrong, 1, &["code is wrong", "login --account alice --resync"]),
        Message::of("used code", used, 1, &["used already", "next code"]),
        Message::of("locked", locked, 1, &["locked", "--account lars --resync"]),
        Message::of("pending", pending, 1, &["pending", "device activate PAULS0001"]),
        Message::of("two devices", several, 2, &["2 devices", "--serial TWINS0001 or TWINS0002"]),
        Message::of("wrong pair", pair, 1, &["not two consecutive codes", "Wait for a new code"]),
        Message::of("pairs spent", spent.unwrap(), 1, &["too many pairs", "unlock PHONE0001"]),
    ]
}

fn of_names(agent: &Agent, folder: &Path) -> Vec<Message> {
    let file = |name: &str, content: &str| {
        let file = folder.join(name);
        std::fs::write(&file, content).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let config = file("wrong.toml", "isuer = \"https://mfa.example\"\n");
    let there = file("backup.db", "a backup of another day");
    let foreign = file("notes.txt", "no store at all, but long enough to be taken for one");
    let body = json!({"account": 7, "kind": "totp"});
    let answer = Client::unix(agent.socket()).post("/v1/devices", body);
    let problem = answer.refused(400, "InvalidInput");
    let json = format!("{}: {}", problem["title"], problem["detail"]);
    let secret = ["device", "add", "--account", "alice", "--secret-stdin"];
    let hex = agent.run(&secret, "31323334353637383930313233343536373839303\n");
    std::fs::set_permissions(agent.folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    copy_program(agent.folder.path());
    let low = without_rights(agent, &["account", "list"], "");
    vec![
        Message::of(
            "no agent",
            twostep(&["--socket", "/nowhere/agent.sock", "device", "list"], ""),
            3,
            &["/nowhere/agent.sock", "twostep agent"],
        ),
        Message::of(
            "unknown account",
            agent.run(&["account", "show", "alcie"], ""),
            1,
            &["no such account: alcie", "alice"],
        ),
        Message::of(
            "unknown config key",
            twostep(&["config", "check", &config], ""),
            2,
            &["isuer", "line 1", "issuer"],
        ),
        Message { about: "wrong JSON type", exit: 2, told: json, holds: &["`account`", "a text"] },
        Message::of(
            "short serial",
            agent.run(&["device", "show", "7"], ""),
            1,
            &["no such device: 7", "twostep device list"],
        ),
        Message::of("hex secret", hex, 2, &["hex"]),
        Message::of(
            "existing backup file",
            agent.run(&["store", "backup", &there], ""),
            2,
            &["backup.db"],
        ),
        Message::of("foreign file", twostep(&["store", "check", &foreign], ""), 2, &["notes.txt"]),
        Message::of("role too low", low, 1, &["takes admin", "yours is enroller", "[[peer]]"]),
    ]
}

fn of_sessions(agent: &Agent, expired: &str) -> Vec<Message> {
    vec![
        Message::of(
            "no session",
            agent.run(&["whoami"], ""),
            1,
            &["no session is kept", "twostep login"],
        ),
        Message::of(
            "expired session",
            agent.run(&["session", "show", "-"], expired),
            1,
            &["ended", "twostep login"],
        ),
        Message::of(
            "wrong audience",
            agent.run(&["login", "--account", "alice", "--audience", "orders"], "123456"),
            2,
            &["audience", "configuration"],
        ),
        Message::of(
            "no key",
            agent.run(&["login", "--account", "elsa", "--key", "--wait", "1"], ""),
            4,
            &["key"],
        ),
    ]
}
