//! Typed and pasted text with invisible characters in it, and paths as people type them.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::journey::{Token, away_from_the_end_of_a_step};
use super::program::{Agent, TWOSTEP, command, fed};

#[test]
fn a_secret_with_spare_bits_is_taken_with_a_warning() {
    let agent = Agent::start("");
    let add = |secret: &str| {
        agent.run(&["device", "add", "--account", "alice", "--secret-stdin"], secret)
    };
    for (secret, warned) in [
        ("GEZDGNBVGY3TQOJQGF", true),
        ("QWERTYUIOPASDFGHJKLZXC", false),
        ("QWERTYUIOPASDFGHJKLZX", true),
        ("MFRGGZDFMZTWQ2LKNNWG23TP", false),
        ("mfrg\u{a0}gzdf–mztw q2lk\u{200b}\u{ad}nnwg 23tq\r\n", false),
    ] {
        let ended = add(secret);
        let exit = if secret.len() == 22 { 2 } else { 0 };
        assert_eq!(
            (ended.exit, ended.err.contains("bits that fill no byte")),
            (exit, warned),
            "{secret:?}: {ended:?}"
        );
        assert!(!ended.err.contains(secret.trim()), "{ended:?}");
    }
}

#[test]
fn a_code_is_accepted_with_the_characters_that_a_paste_brings() {
    let agent = Agent::start("");
    away_from_the_end_of_a_step();
    let added = agent
        .done(&["--json", "device", "add", "--account", "alice", "--serial", "GAHT12345678"], "")
        .json();
    let token = Token::added(&added);
    let [first, second] = [token.code(-1), token.code(0)];
    let (left, right) = first.split_at(3);
    let pair = format!("\u{feff}{left}\u{a0}{right}\n\u{202a}{second}\u{202c}\r\n");
    agent.done(&["device", "activate", "GAHT12345678"], &pair);
    let wide: String = token
        .code(1)
        .chars()
        .map(|digit| char::from_u32(u32::from(digit) + 0xfee0).unwrap())
        .collect();
    agent.done(&["login", "--account", "alice"], &format!("{wide}\n"));
    let ended = agent.run(&["login", "--account", "alice"], "١٢٣٤٥٦\n");
    assert_eq!(ended.exit, 2, "{ended:?}");
    assert!(
        ended.err.contains("a digit that is not one of 0 to 9") && !ended.err.contains('١'),
        "{ended:?}"
    );

    let sheet = agent
        .done(&["device", "add", "--account", "alice", "--kind", "recovery"], "")
        .out;
    for (code, change) in
        sheet
            .lines()
            .zip([("-", "\u{2011}"), ("-", "–"), ("-", "\u{ad}"), ("-", "\u{200b} ")])
    {
        agent.done(
            &["login", "--account", "alice"],
            &format!("{}\n", code.replace(change.0, change.1)),
        );
    }
}

#[test]
fn an_unprintable_name_is_refused_when_new_and_found_when_kept() {
    let agent = Agent::start("");
    for arguments in [
        &["device", "add", "--account", "jd\u{ad}oe"][..],
        &["device", "add", "--account", "jdoe", "--name", "ph\u{2800}one"],
        &["login", "--account", "jd\u{3164}oe"],
        &["device", "show", "GAHT\u{a0}12345678"],
    ] {
        let ended = agent.run(arguments, "123456\n");
        assert_eq!(ended.exit, 2, "{ended:?}");
        assert!(
            ["U+00AD", "U+2800", "U+3164", "U+00A0"]
                .iter()
                .any(|named| ended.err.contains(named)),
            "{ended:?}"
        );
    }
    // As a list spells it, or as it is.
    for account in ["jd\\u{ad}oe", "jd\u{ad}oe"] {
        let ended = agent.run(&["account", "remove", account, "--yes"], "");
        assert_eq!(ended.exit, 1, "{ended:?}");
        assert!(ended.err.contains("no such account"), "{ended:?}");
    }
}

/// Each file and the socket by a name without a slash, in the directory where the program runs.
#[test]
fn names_without_a_slash_are_of_the_working_directory() {
    let folder = tempfile::tempdir().unwrap();
    let here = |program: &str| {
        let mut command = command(program);
        command
            .current_dir(folder.path())
            .env("STATE_DIRECTORY", folder.path().join("state"));
        command
    };
    std::fs::write(folder.path().join("twostep.toml"), "[store]\nkey_file = \"sealing.key\"\n")
        .unwrap();
    let mut agent = here(TWOSTEP);
    agent.args([
        "agent",
        "--socket",
        "agent.sock",
        "--store",
        "sqlite:store.db",
        "--config",
        "twostep.toml",
    ]);
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let mut agent = agent.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
    let began = Instant::now();
    let listed = loop {
        let mut list = here(TWOSTEP);
        list.args(["--socket", "agent.sock", "--json", "account", "list"]);
        let ended = fed(list, "");
        if ended.exit == 0
            || began.elapsed() > Duration::from_secs(20)
            || agent.try_wait().unwrap().is_some()
        {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let _ = agent.kill().and_then(|()| agent.wait());
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert_eq!(listed.exit, 0, "{listed:?}: {log}");
    for file in ["agent.sock", "store.db", "sealing.key"] {
        assert!(folder.path().join(file).exists(), "{file}");
    }
}

#[test]
fn a_file_that_is_a_directory_is_said_to_be_one() {
    let folder = tempfile::tempdir().unwrap();
    let there = |name: &str| folder.path().join(name).display().to_string();
    std::fs::create_dir(there("dir")).unwrap();
    std::fs::write(there("empty"), "").unwrap();
    let (dir, empty) = (there("dir"), there("empty"));
    for (key, config) in [
        ("store.key_file", format!("[store]\nkey_file = \"{dir}\"\n")),
        ("store.url", format!("[store]\nurl = \"sqlite:{dir}\"\n")),
        ("tls.cert", format!("[tls]\ncert = \"{dir}\"\nkey = \"{empty}\"\n")),
        ("tls.key", format!("[tls]\ncert = \"{empty}\"\nkey = \"{dir}\"\n")),
        ("security_keys.trust", format!("[security_keys]\ntrust = [\"{dir}\"]\n")),
        (
            "events.webhook_trust",
            format!("[events]\nwebhook = \"https://localhost/\"\nwebhook_trust = \"{dir}\"\n"),
        ),
        ("", format!("policy_file = \"{dir}\"\n")),
    ] {
        let file = there("twostep.toml");
        std::fs::write(&file, config).unwrap();
        let ended = super::program::twostep(&["config", "check", &file], "");
        let said = format!("{}{}", ended.out, ended.err);
        assert_ne!(ended.exit, 0, "{key}: {said}");
        assert!(
            said.contains(key)
                && said.contains(&dir)
                && said.to_lowercase().contains("is a directory"),
            "{key}: {said}"
        );
        assert!(!said.contains("chmod"), "{key}: {said}");
    }
    let ended = super::program::twostep(&["config", "check", &dir], "");
    assert!(
        ended.exit != 0 && format!("{}{}", ended.out, ended.err).contains("irectory"),
        "{ended:?}"
    );
}

#[test]
fn an_unknown_account_is_told_with_the_nearest() {
    let agent = Agent::start("");
    for account in ["alice", "alicia", "bob"] {
        agent.done(&["device", "add", "--account", account], "");
    }
    for command in [
        &["session", "revoke", "--account", "alcie"][..],
        &["device", "list", "--account", "alcie"],
        &["account", "show", "alcie"],
        &["account", "remove", "alcie", "--yes"],
        &["account", "bypass", "alcie"],
    ] {
        let unknown = agent.run(command, "");
        assert!(unknown.exit == 1 && unknown.out.is_empty(), "{command:?}: {unknown:?}");
        assert!(
            unknown.err.contains("no such account: alcie") && unknown.err.contains("alice"),
            "{command:?}: {unknown:?}"
        );
        assert!(!unknown.err.contains("bob"), "{command:?}: {unknown:?}");
    }
    let far = agent.run(&["account", "show", "mallory"], "");
    assert!(far.exit == 1 && far.err.contains("twostep account list"), "{far:?}");
    let forced = ["session", "revoke", "--account", "carol", "--force"];
    assert!(agent.done(&forced, "").out.contains("Sessions of carol"), "sessions without MFA");
    agent.done(&["session", "revoke", "--account", "bob"], "");
    // An account without devices is one all the same.
    agent.done(&["session", "revoke", "--account", "carol"], "");
    assert_eq!(agent.done(&["account", "show", "carol"], "").out, "carol has no devices.\n");
}

#[test]
fn an_unknown_serial_number_is_told_with_the_nearest() {
    let agent = Agent::start("");
    for serial in ["GAHT12345678", "GAHT12345687", "TABLET001"] {
        agent.done(&["device", "add", "--account", "alice", "--serial", serial], "");
    }
    let codes = "123456\n234567\n";
    for command in [
        &["device", "show", "GAHT1234567"][..],
        &["device", "activate", "GAHT1234567"],
        &["device", "resync", "GAHT1234567"],
        &["device", "diagnose", "GAHT1234567"],
        &["device", "rename", "GAHT1234567", "phone"],
        &["device", "deactivate", "GAHT1234567"],
        &["device", "unlock", "GAHT1234567"],
        &["device", "remove", "GAHT1234567", "--yes"],
    ] {
        let unknown = agent.run(command, codes);
        assert!(unknown.exit == 1 && unknown.out.is_empty(), "{command:?}: {unknown:?}");
        let told = "Is it one of these? GAHT12345678, GAHT12345687";
        assert!(unknown.err.contains(told), "{command:?}: {unknown:?}");
    }
    let far = agent.run(&["device", "show", "NOT-THERE-000"], "");
    assert!(far.exit == 1 && !far.err.contains("Is it one"), "{far:?}");
}
