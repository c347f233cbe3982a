//! A token whose clock or counter has moved: `login` asks for two codes by itself.

use std::time::{Duration, Instant};

use test_support::tools;

use super::journey::{Token, away_from_the_end_of_a_step};
use super::program::{Agent, Ended};
use super::terminal::at_a_terminal;

/// A device in use, whose token has been set five minutes ahead since, and has missed once.
fn moved(agent: &Agent) -> Token {
    away_from_the_end_of_a_step();
    let arguments = ["--json", "device", "add", "--account", "alice", "--serial", "GAHT12345678"];
    let token = Token::added(&agent.done(&arguments, "").json());
    agent.done(&["device", "activate", "GAHT12345678"], &token.pair(-1));
    let missed = agent.run(&["login", "--account", "alice"], &token.code(10));
    assert_eq!(missed.exit, 1, "{missed:?}");
    assert!(missed.err.contains("the code is wrong"), "{missed:?}");
    await_look(agent, "alice", "GAHT12345678", &token.code(10));
    token
}

/// Waits until the look for a code that missed, which comes after the answer, has found it.
fn await_look(agent: &Agent, account: &str, serial: &str, code: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let login = ["--json", "login", "--account", account, "--serial", serial];
    while agent.run(&login, code).json()["reason"] != "out_of_sync" {
        assert!(Instant::now() < deadline, "{serial} is not known to be out of sync");
        std::thread::sleep(Duration::from_millis(300));
    }
}

#[test]
fn login_asks_for_two_codes_at_a_terminal() {
    if !tools::have("script") {
        return;
    }
    let agent = Agent::start("");
    let token = moved(&agent);
    let typed = format!("{}\n{}", token.code(10), token.pair(11));
    let screen = at_a_terminal(&agent, "login --account alice", &typed);
    assert_eq!(screen.exit, 0, "{screen:?}");
    for said in [
        "Code for alice:",
        "Your token's clock has moved. Enter the next two codes",
        "Code shown by GAHT12345678 now:",
        "Wait for the next code, then type it:",
        "Session of alice",
    ] {
        assert!(screen.out.contains(said), "{said}: {}", screen.out);
    }
    let shown = agent.done(&["device", "show", "GAHT12345678"], "").out;
    assert!(shown.contains("ahead of the agent's"), "{shown}");
}

#[test]
fn login_reads_two_more_lines_or_says_what_helps() {
    let agent = Agent::start("");
    let token = moved(&agent);
    let alone: Ended = agent.run(&["login", "--account", "alice"], &token.code(10));
    assert_eq!((alone.exit, alone.out.as_str()), (1, ""), "{alone:?}");
    assert!(alone.err.contains("has moved") && alone.err.contains("--resync"), "{alone:?}");
    let document = agent.run(&["--json", "login", "--account", "alice"], &token.code(10));
    assert_eq!((document.exit, document.err.as_str()), (1, ""), "{document:?}");
    assert_eq!(document.json()["reason"], "out_of_sync");

    // Throttled by now, which two codes are not.
    let lines = format!("{}\n{}", token.code(10), token.pair(11));
    let opened = agent.done(&["login", "--account", "alice"], &lines);
    assert_eq!(opened.out.trim().split('.').count(), 3, "the token alone: {opened:?}");
    assert_eq!(agent.run(&["login", "--account", "alice"], &token.code(13)).exit, 0);
}

#[test]
fn login_asks_for_two_presses_of_a_counter() {
    if !tools::have("script") {
        return;
    }
    let agent = Agent::start("");
    let arguments =
        ["--json", "device", "add", "--account", "bob", "--serial", "HOTP00001", "--kind", "hotp"];
    let mut token = super::journey::Button::added(&agent.done(&arguments, "").json());
    agent.done(&["device", "activate", "HOTP00001"], &token.pair());
    for _ in 0..30 {
        token.code();
    }
    let login = ["login", "--account", "bob", "--serial", "HOTP00001"];
    let missed = token.code();
    assert_eq!(agent.run(&login, &missed).exit, 1);
    await_look(&agent, "bob", "HOTP00001", &missed);
    let typed = format!("{}\n{}", token.code(), token.pair());
    let screen = at_a_terminal(&agent, "login --account bob --serial HOTP00001", &typed);
    assert_eq!(screen.exit, 0, "{screen:?}");
    for said in ["Your token's counter has moved.", "Press the button of HOTP00001"] {
        assert!(screen.out.contains(said), "{said}: {}", screen.out);
    }
}
