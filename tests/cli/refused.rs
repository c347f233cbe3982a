//! Refusals at a login: the words fit the state of the account's devices, and their commands work.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use test_support::tools;

use super::journey::{Button, Token, away_from_the_end_of_a_step};
use super::owner::without_rights;
use super::program::{Agent, copy_program};
use super::terminal::at_a_terminal;

/// Adds a device to alice's account.
fn added(agent: &Agent, serial: &str, kind: &str) -> Value {
    let arguments =
        ["--json", "device", "add", "--account", "alice", "--serial", serial, "--kind", kind];
    agent.done(&arguments, "").json()
}

fn active(agent: &Agent, serial: &str) -> Token {
    let token = Token::added(&added(agent, serial, "totp"));
    agent.done(&["device", "activate", serial], &token.pair(-1));
    token
}

#[test]
fn several_devices_are_named_or_asked_for() {
    let agent = Agent::start("");
    away_from_the_end_of_a_step();
    let phone = active(&agent, "PHONE0001");
    let tablet = active(&agent, "TABLET001");
    for login in
        [&["login", "--account", "alice"][..], &["login", "--account", "alice", "--resync"]]
    {
        let piped = agent.run(login, &tablet.pair(1));
        assert_eq!((piped.exit, piped.out.as_str()), (2, ""), "{piped:?}");
        assert!(piped.err.contains("--serial PHONE0001 or TABLET001"), "{piped:?}");
    }
    let with_phone = ["login", "--account", "alice", "--serial", "PHONE0001"];
    agent.done(&with_phone, &phone.code(1));
    let sheet = agent
        .done(&["device", "add", "--account", "alice", "--kind", "recovery"], "")
        .out;
    let spare = agent.done(&["login", "--account", "alice"], sheet.lines().next().unwrap());
    assert!(spare.err.contains("9 recovery codes left"), "{spare:?}");
    let unknown = agent.run(&["login", "--account", "alice", "--serial", "NOT-HERE1"], "123456");
    assert!(unknown.exit == 1 && unknown.err.contains("PHONE0001"), "{unknown:?}");
    if tools::have("script") {
        let typed = format!("x\ntablet001\n{}\n", tablet.code(1));
        let screen = at_a_terminal(&agent, "login --account alice", &typed);
        assert_eq!(screen.exit, 0, "{screen:?}");
        for said in ["alice has 2 devices:", "1  PHONE0001  totp", "a number from 1 to 3"] {
            assert!(screen.out.contains(said), "{said}: {screen:?}");
        }
        let code = sheet.lines().nth(1).unwrap();
        let screen = at_a_terminal(&agent, "login --account alice", &format!("3\n{code}\n"));
        assert!(screen.exit == 0 && screen.out.contains("8 recovery codes left"), "{screen:?}");
    }
}

#[test]
fn devices_out_of_use_are_told_with_the_way_back() {
    let agent = Agent::start("");
    away_from_the_end_of_a_step();
    let token = Token::added(&added(&agent, "PHONE0001", "totp"));
    let way = "twostep device activate PHONE0001";
    let login = ["login", "--account", "alice"];
    let with_serial = ["login", "--account", "alice", "--serial", "PHONE0001"];
    let out_of_use = |state: &str| {
        for login in [&login[..], &with_serial] {
            let refused = agent.run(login, &token.code(2));
            assert_eq!((refused.exit, refused.out.as_str()), (1, ""), "{refused:?}");
            let told = refused.err.contains(state) && refused.err.contains(way);
            assert!(told, "{state}: {refused:?}");
        }
        let pair = agent.run(&["login", "--account", "alice", "--resync"], &token.pair(2));
        assert!(pair.exit == 1 && pair.err.contains(way), "{pair:?}");
        let reason = agent.run(&["--json", "login", "--account", "alice"], "123456").json();
        assert_eq!(reason["reason"], "not_active");
        if tools::have("script") {
            let screen = at_a_terminal(&agent, "login --account alice", "123456\n");
            let (way, prompt) = (screen.out.find(way), screen.out.find("Code for alice:"));
            assert!(way.is_some() && way < prompt, "told before the code: {screen:?}");
        }
    };
    out_of_use("pending");
    agent.done(&["device", "activate", "PHONE0001"], &token.pair(-1));
    agent.done(&["device", "deactivate", "PHONE0001"], "");
    out_of_use("disabled");
    // A bypass code needs no device in use.
    let bypass = agent.done(&["account", "bypass", "alice"], "").out;
    agent.done(&login, &bypass);
}

#[test]
fn a_button_is_told_of_its_counter() {
    let agent = Agent::start("");
    let mut button = Button::added(&added(&agent, "BUTTON001", "hotp"));
    agent.done(&["device", "activate", "BUTTON001"], &button.pair());
    let code = button.code();
    let login = ["login", "--account", "alice"];
    agent.done(&login, &code);
    let wrong = if code == "123456" { "654321" } else { "123456" };
    for (typed, said) in [(wrong, "counter"), (code.as_str(), "used already")] {
        let refused = agent.run(&login, typed);
        assert!(refused.exit == 1 && refused.err.contains(said), "{refused:?}");
        assert!(!refused.err.contains("clock"), "{refused:?}");
    }
    let pair = agent.run(&["device", "resync", "BUTTON001"], "111111\n222222\n");
    assert!(pair.err.contains("Press the button") && !pair.err.contains("clock"), "{pair:?}");
}

#[test]
fn a_refusal_without_a_reason_is_always_the_same() {
    if !tools::have("setpriv,root") {
        return;
    }
    let agent = Agent::start(
        "[socket]\nmode = \"0666\"\n[[peer]]\nuser = \"nobody\"\nrole = \"verifier\"\n",
    );
    away_from_the_end_of_a_step();
    std::fs::set_permissions(agent.folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    copy_program(agent.folder.path());
    let token = active(&agent, "PHONE0001");
    agent.done(&["login", "--account", "alice"], &token.code(1));
    let add = |account: &str, serial: &str| {
        let add = ["--json", "device", "add", "--account", account, "--serial", serial];
        Token::added(&agent.done(&add, "").json())
    };
    let pending = add("bob", "BOBS00001");
    let disabled = add("carol", "CAROLS001");
    agent.done(&["device", "activate", "CAROLS001"], &disabled.pair(-1));
    agent.done(&["device", "deactivate", "CAROLS001"], "");
    let told = |account: &str, code: &str| {
        let refused = without_rights(&agent, &["login", "--account", account], code);
        assert_eq!((refused.exit, refused.out.as_str()), (1, ""), "{refused:?}");
        refused.err.replace(account, "NAME")
    };
    let wrong = told("alice", "123456");
    for said in ["twostep login --account NAME --resync", "device list", "administrator"] {
        assert!(wrong.contains(said), "{said}: {wrong}");
    }
    for (account, code) in [
        ("alice", token.code(1)),
        ("bob", pending.code(0)),
        ("carol", disabled.code(2)),
        ("mallory", "123456".to_owned()),
    ] {
        assert_eq!(told(account, &code), wrong, "{account}");
    }
}

#[test]
fn the_own_account_is_told_the_reason() {
    if !tools::have("setpriv,root") {
        return;
    }
    let agent = Agent::start("local_users = true\n[socket]\nmode = \"0666\"\n");
    away_from_the_end_of_a_step();
    std::fs::set_permissions(agent.folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    copy_program(agent.folder.path());
    let add = ["--json", "device", "add", "--serial", "PHONE0001"];
    let token = Token::added(&without_rights(&agent, &add, "").json());
    let pending = without_rights(&agent, &["login"], &token.code(0));
    assert!(pending.err.contains("twostep device activate PHONE0001"), "{pending:?}");
    let activate = ["device", "activate", "PHONE0001"];
    assert_eq!(without_rights(&agent, &activate, &token.pair(-1)).exit, 0);
    assert_eq!(without_rights(&agent, &["login"], &token.code(1)).exit, 0);
    let used = without_rights(&agent, &["login"], &token.code(1));
    assert!(used.exit == 1 && used.err.contains("used already"), "{used:?}");
    // Of others it hears no reason.
    for account in ["root", "mallory"] {
        let login = ["--json", "login", "--account", account];
        let refused = without_rights(&agent, &login, "123456").json();
        assert!(refused.get("reason").is_none(), "{refused}");
    }
}

#[test]
fn codes_in_doubt_after_a_restore_are_told_with_their_end() {
    let mut agent = Agent::start("");
    away_from_the_end_of_a_step();
    let token = active(&agent, "PHONE0001");
    let folder = agent.folder.path().to_owned();
    let (copy, key) = (folder.join("copy.db"), folder.join("state/sealing.key"));
    let [copy, key] = [&copy, &key].map(|path| path.to_str().unwrap().to_owned());
    agent.done(&["store", "backup", &copy], "");
    assert_eq!(agent.stop(), Some(0));
    agent.done(&["store", "restore", "--yes", &copy, "--key", &key], "");
    let config = format!("[store]\nurl = \"sqlite:{copy}\"\nkey_file = \"{key}\"\n");
    let restored = Agent::start(&config);
    for _ in 0..2 {
        let refused = restored.run(&["login", "--account", "alice"], &token.code_from_now(0));
        assert_eq!(refused.exit, 1, "{refused:?}");
        for said in ["count as used until 20", "restored", "twostep device unlock PHONE0001"] {
            assert!(refused.err.contains(said), "{said}: {refused:?}");
        }
    }
    let shown = restored.done(&["device", "show", "PHONE0001"], "").out;
    assert!(shown.contains("Codes used") && shown.contains("restored"), "{shown}");
    restored.done(&["device", "unlock", "PHONE0001"], "");
}
