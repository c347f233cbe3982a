//! Losses that a person hears of: a secret without a reader, a prompt, the echo of a terminal.

use std::process::Stdio;

use test_support::tools;

use super::journey::{Token, away_from_the_end_of_a_step};
use super::program::{Agent, CONSOLE, Ended, TWOSTEP, command};
use super::terminal::at_a_terminal;

/// Runs the program with a standard output that has lost its reader.
fn unread(agent: &Agent, arguments: &[&str], input: &str) -> Ended {
    use std::io::Write;
    let mut command = command(TWOSTEP);
    command.arg("--socket").arg(agent.socket()).args(arguments);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    command.stdin(Stdio::piped()).stdout(writer).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap().into()
}

#[test]
fn a_secret_without_a_reader_is_told_with_its_undoing() {
    let agent = Agent::start(CONSOLE);
    away_from_the_end_of_a_step();
    let add = ["--json", "device", "add", "--account", "alice", "--serial", "PHONE0001"];
    let token = Token::added(&agent.done(&add, "").json());
    agent.done(&["device", "activate", "PHONE0001"], &token.pair(-1));
    let code = token.code(1);
    for (arguments, input, undo) in [
        (&["login", "--account", "alice"][..], code.as_str(), "session revoke --account alice"),
        (&["account", "bypass", "alice"], "", "account bypass alice"),
        (&["api-key", "create", "--role", "verifier"], "", "api-key revoke"),
        (&["console", "link", "--account", "alice"], "", "console withdraw"),
        (&["device", "add", "--account", "alice", "--serial", "OTHER0001"], "", "remove OTHER0001"),
        (&["device", "add", "--account", "alice", "--kind", "recovery"], "", "--kind recovery"),
    ] {
        let lost = unread(&agent, arguments, input);
        assert_eq!(lost.exit, 3, "{arguments:?}: {lost:?}");
        assert!(lost.err.contains("is lost") && lost.err.contains(undo), "{lost:?}");
        let json = unread(&agent, &[&["--json"], arguments].concat(), input);
        assert_ne!(json.exit, 0, "{json:?}");
    }
    // A list can be printed again.
    assert_eq!(unread(&agent, &["device", "list"], "").exit, 0);
    let undo = agent.done(&["device", "remove", "OTHER0001", "--yes"], "");
    assert!(undo.out.contains("is removed"), "{undo:?}");
}

#[test]
fn a_signal_at_a_hidden_prompt_leaves_the_echo_on() {
    if !tools::have("script") {
        return;
    }
    let agent = Agent::start("");
    let folder = agent.folder.path();
    // The signal is sent once the echo is off.
    let script = format!(
        "(until stty -a </dev/tty | grep -q -- '-echo '; do sleep 0.05; done
         kill -$1 $(cat {pid})) &
         sh -c 'echo $$ >{pid}; exec \"$0\" \"$@\"' {TWOSTEP} --socket {socket} \
             device add --account alice --secret-stdin
         echo ended with $?
         stty -a | grep -o -- '-*echo '",
        pid = folder.join("pid").display(),
        socket = agent.socket().display(),
    );
    let file = folder.join("prompt.sh");
    std::fs::write(&file, script).unwrap();
    for signal in ["INT", "TERM", "HUP", "QUIT", "USR1", "ALRM"] {
        let mut command = command("script");
        let line = format!("timeout --foreground 60 sh {} {signal}", file.display());
        command.args(["-qec", &line, "/dev/null"]);
        let screen = typed_later(command);
        assert!(screen.out.contains("Secret of the device"), "{signal}: {screen:?}");
        assert!(screen.out.contains("ended with 1"), "{signal} ends it: {screen:?}");
        let last = screen.out.trim().lines().last();
        assert_eq!(last.map(str::trim), Some("echo"), "{signal}: {screen:?}");
    }
}

/// Runs a command whose standard input stays open and brings nothing.
fn typed_later(mut command: std::process::Command) -> Ended {
    let (input, kept) = std::io::pipe().unwrap();
    command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
    let ended = command.spawn().unwrap().wait_with_output().unwrap().into();
    drop(kept);
    ended
}

#[test]
fn prompts_reach_the_terminal_past_a_file_for_errors() {
    if !tools::have("script") {
        return;
    }
    let agent = Agent::start("");
    let log = agent.folder.path().join("errors");
    for (arguments, prompt) in [
        ("login --account alice", "Code for alice:"),
        ("device add --account alice --secret-stdin", "Secret of the device"),
        ("clock accept", "Type yes:"),
    ] {
        let to_a_file = format!("{arguments} 2>{}", log.display());
        let screen = at_a_terminal(&agent, &to_a_file, "123456\n");
        assert!(screen.out.contains(prompt), "{arguments}: {screen:?}");
        assert!(!std::fs::read_to_string(&log).unwrap().contains(prompt));
    }
}

#[test]
fn a_pending_device_says_until_when_it_waits() {
    let agent = Agent::start("");
    let add = |serial: &str, more: &[&str], input: &str| {
        let add = ["--json", "device", "add", "--account", "alice", "--serial", serial];
        agent.done(&[&add, more].concat(), input).json()
    };
    let made = add("PHONE0001", &[], "");
    assert!(made["device"]["expires_at"].is_string(), "{made}");
    let given = add("TOKEN0001", &["--secret-stdin"], "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    assert!(given["device"].get("expires_at").is_none(), "{given}");
    let listed = agent.done(&["device", "list"], "").out;
    let row = |serial: &str| listed.lines().find(|line| line.contains(serial)).unwrap();
    assert!(row("PHONE0001").contains("pending, ends in 2"), "{listed}");
    assert!(!row("TOKEN0001").contains("pending,"), "{listed}");
    let told = agent.done(&["device", "add", "--account", "alice"], "").err;
    assert!(told.contains("for 24 hours"), "{told}");
    assert!(agent.done(&["device", "show", "PHONE0001"], "").out.contains("Expires"));
}
