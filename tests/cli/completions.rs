//! Completions: what the program offers to a shell, and what bash makes of it.

use std::path::Path;
use std::time::{Duration, Instant};

use super::NOWHERE;
use super::program::{Agent, CONSOLE, TWOSTEP, command, fed, twostep};

/// The words that are offered for the last of these.
fn offered(socket: &Path, words: &[&str]) -> Vec<String> {
    let mut asked = command(TWOSTEP);
    asked.env("_TWOSTEP_COMPLETE", "1").env("TWOSTEP_SOCKET", socket).args(words);
    let ended = fed(asked, "");
    assert_eq!((ended.exit, ended.err.as_str()), (0, ""), "{ended:?}");
    ended.out.lines().map(str::to_owned).collect()
}

#[test]
fn commands_options_and_values_are_offered() {
    let nowhere = Path::new(NOWHERE);
    for (words, expected) in [
        (&["acco"][..], &["account"][..]),
        (&["device", "re"], &["remove", "rename", "resync"]),
        (&["--quiet", "device", "sh"], &["show"]),
        (&["--socket", "device", "key", "enr"], &["enroll"]),
        (&["login", "--aud"], &["--audience"]),
        (&["device", "add", "--kind", ""], &["hotp", "recovery", "totp"]),
        (&["device", "add", "--kind=h"], &["--kind=hotp"]),
        (&["completions", ""], &["bash", "fish", "zsh"]),
        (&["nonsense", ""], &[]),
    ] {
        assert_eq!(offered(nowhere, words), expected, "{words:?}");
    }
    assert!(offered(nowhere, &["login", "--"]).contains(&"--mfa-context".to_owned()));
    let all = offered(nowhere, &["key", ""]).join(" ") + &offered(nowhere, &[""]).join(" ");
    assert!(!all.contains("manage-in-child"), "a hidden command: {all}");
}

#[test]
fn accounts_serial_numbers_and_keys_are_asked_of_the_agent() {
    let agent = Agent::start(CONSOLE);
    for (account, serial) in
        [("alice", "ALICES001"), ("alina", "ALINAS001"), ("o'brien; ls", "OBRIEN001")]
    {
        agent.done(&["device", "add", "--account", account, "--serial", serial], "");
    }
    let made = agent.done(&["--json", "api-key", "create", "--role", "verifier"], "").json();
    let id = made["api_key"]["id"].as_str().unwrap();
    let keys = agent.done(&["--json", "session", "keys", "list"], "").json();
    let kid = keys["signing_keys"][0]["kid"].as_str().unwrap();
    let link = agent.done(&["--json", "console", "link", "--account", "alice"], "").json();
    let socket = agent.socket();
    for (words, expected) in [
        (&["account", "show", "al"][..], &["alice", "alina"][..]),
        (&["account", "show", ""], &["alice", "alina"]),
        (&["login", "--account", "ali"], &["alice", "alina"]),
        (&["device", "show", "AL"], &["ALICES001", "ALINAS001"]),
        (&["login", "--account", "alina", "--serial", ""], &["ALINAS001"]),
        (&["device", "add", "--serial", ""], &[]),
        (&["api-key", "revoke", ""], &[id]),
        (&["console", "withdraw", ""], &[link["id"].as_str().unwrap()]),
        (&["session", "keys", "drop", ""], &[kid]),
    ] {
        assert_eq!(offered(&socket, words), expected, "{words:?}");
    }
}

/// An agent that is away, or that accepts and does not answer, holds no person up.
#[test]
fn an_agent_that_does_not_answer_is_passed_over_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    let silent = folder.path().join("silent.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&silent).unwrap();
    for socket in [Path::new(NOWHERE), &silent] {
        let began = Instant::now();
        assert!(offered(socket, &["account", "show", ""]).is_empty());
        // 200 ms, and as long as it takes to start a program on a busy machine.
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
}

#[test]
fn bash_offers_what_the_program_says() {
    let agent = Agent::start("");
    agent.done(&["device", "add", "--account", "alice", "--serial", "ALICES001"], "");
    let script = twostep(&["completions", "bash"], "").out;
    let mut bash = command("bash");
    bash.env("TWOSTEP_SOCKET", agent.socket()).args(["--norc", "-ec"]).arg(format!(
        "{script}\nCOMP_WORDS=({TWOSTEP} device show AL) COMP_CWORD=3\n_twostep\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"\ncomplete -p twostep"
    ));
    let told = fed(bash, "");
    assert!(told.out.starts_with("ALICES001\n") && told.out.contains("-F _twostep"), "{told:?}");
    for shell in ["zsh", "fish"] {
        assert!(twostep(&["completions", shell], "").out.contains("_TWOSTEP_COMPLETE=1"));
    }
}
