//! Output at a terminal: prompts, and a QR code that can be scanned on light and on dark.

use test_support::tools;

use super::journey::Token;
use super::program::{Agent, Ended, TWOSTEP, command, fed};

/// Runs the program on a terminal, which shows everything on standard output.
pub(crate) fn at_a_terminal(agent: &Agent, arguments: &str, typed: &str) -> Ended {
    with_environment(agent, "", arguments, typed)
}

/// The same with variables, each as `NAME=VALUE`.
pub(crate) fn with_environment(
    agent: &Agent,
    variables: &str,
    arguments: &str,
    typed: &str,
) -> Ended {
    let mut command = command("script");
    command.args([
        "-qec",
        &format!("{variables} {TWOSTEP} --socket {} {arguments}", agent.socket().display()),
        "/dev/null",
    ]);
    fed(command, typed)
}

#[test]
fn the_prompts_say_what_to_do() {
    if !tools::have("script") {
        return;
    }
    let agent = Agent::start("");
    let token = Token::added(
        &agent
            .done(
                &["--json", "device", "add", "--account", "alice", "--serial", "GAHT12345678"],
                "",
            )
            .json(),
    );
    let first = token.code(-1);
    // A slip of the finger, then the same code twice.
    let typed = format!("12x\n{first}\n{first}\n{}\n", token.code(0));
    let screen = at_a_terminal(&agent, "device activate GAHT12345678", &typed);
    assert_eq!(screen.exit, 0, "{screen:?}");
    for said in [
        "Code shown by GAHT12345678 now:",
        "a code is the 6 to 8 digits that the device shows",
        "Wait for the next code, then type it:",
        "that is the first code again",
        "GAHT12345678 is active.",
    ] {
        assert!(screen.out.contains(said), "{said}: {}", screen.out);
    }
}

#[test]
fn the_qr_code_has_its_own_black_and_white() {
    if !tools::have("script") {
        return;
    }
    let agent = Agent::start("");
    let coloured = with_environment(&agent, "LC_ALL=C.UTF-8", "device add --account alice", "").out;
    let lines: Vec<&str> = coloured.lines().filter(|line| line.contains('\u{2588}')).collect();
    assert!(lines.len() > 10, "{coloured}");
    for line in lines {
        let line = line.trim_end();
        assert!(
            line.starts_with("\u{1b}[38;5;16;48;5;231m") && line.ends_with("\u{1b}[0m"),
            "{line:?}"
        );
    }
    let places = ["Serial number", "otpauth://", "twostep device activate", "\u{2588}"]
        .map(|text| coloured.find(text).unwrap_or_else(|| panic!("{text}: {coloured}")));
    assert!(places.is_sorted(), "the code comes last, where it is seen: {coloured}");

    let piped = agent.done(&["device", "add", "--account", "alice"], "").out;
    assert!(piped.contains("otpauth://") && !piped.contains(['\u{1b}', '\u{2588}']), "{piped}");
    for (how, quiet_zone) in [("light", ' '), ("dark", '\u{2588}')] {
        let plain = agent.done(&["device", "add", "--account", how, "--qr", how], "").out;
        let is_quiet = |line: &str| line.len() > 30 && line.chars().all(|c| c == quiet_zone);
        assert!(plain.lines().any(is_quiet), "{plain}");
        assert!(!plain.contains('\u{1b}'), "{plain}");
    }
}

#[test]
fn a_qr_code_is_whole_or_not_drawn() {
    if !tools::have("script") {
        return;
    }
    let agent = Agent::start("");
    for (environment, why) in [
        ("COLUMNS=30 LC_ALL=C.UTF-8", "columns, and the terminal has 30"),
        ("LC_ALL=C", "The locale is not UTF-8"),
    ] {
        let narrow = with_environment(&agent, environment, "device add --account alice", "").out;
        // The page folds sentences.
        let narrow = narrow.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(narrow.contains(why) && narrow.contains("type the secret"), "{narrow}");
        assert!(narrow.contains("otpauth://") && !narrow.contains('\u{2588}'), "{narrow}");
    }
    let environment = "COLUMNS=60 LC_ALL=C.UTF-8";
    let wide = with_environment(&agent, environment, "device add --account bob", "");
    assert!(wide.out.contains('\u{2588}'), "{wide:?}");
}

#[test]
fn commands_that_take_away_ask_first() {
    let agent = Agent::start("");
    agent.done(&["device", "add", "--account", "alice", "--serial", "ALICES001"], "");
    let keys = agent.done(&["--json", "session", "keys", "list"], "").json();
    let kid = keys["signing_keys"][0]["kid"].as_str().unwrap().to_owned();
    let backup = agent.folder.path().join("backup.db");
    let backup = backup.to_str().unwrap();
    agent.done(&["store", "backup", backup], "");
    let drop = format!("session keys drop {kid}");
    let restore = format!("store restore {backup}");
    let commands = [
        &drop,
        &restore,
        "store restore --accept",
        "clock accept",
        "device remove ALICES001",
        "account remove alice",
    ];
    for command in commands {
        let piped = agent.run(&command.split(' ').collect::<Vec<_>>(), "yes\n");
        let told = piped.err.contains("nothing was changed") && piped.err.contains("--yes");
        assert!(piped.exit == 2 && told, "{command}: {piped:?}");
        if tools::have("script") {
            for typed in ["no\n", "\n", "y\n"] {
                let left = at_a_terminal(&agent, command, typed);
                let told =
                    left.out.contains("Type yes:") && left.out.contains("nothing was changed");
                assert!(left.exit == 2 && told, "{command}, {typed:?}: {left:?}");
            }
        }
        agent.done(&["device", "show", "ALICES001"], "");
    }
    assert_eq!(agent.done(&["--json", "session", "keys", "list"], "").json(), keys);
    if tools::have("script") {
        let removed = at_a_terminal(&agent, "device remove ALICES001", "yes\n");
        assert!(removed.exit == 0 && removed.out.contains("is removed"), "{removed:?}");
    }
    agent.done(&["account", "remove", "alice", "--yes"], "");
}

#[test]
fn an_agent_at_a_terminal_tells_where_it_stands() {
    if !tools::have("script") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("agent.sock");
    let agent = format!("{TWOSTEP} agent --socket {}", socket.display());
    let state = folder.path().join("state");
    let start = |config: &str, ends: &str| {
        let mut command = command("script");
        command
            .env("STATE_DIRECTORY", &state)
            .env("XDG_CONFIG_HOME", folder.path())
            .args(["-qec", &format!("timeout -s TERM {ends} {agent} {config}"), "/dev/null"]);
        fed(command, "").out
    };
    let first = start("", "2");
    let key = state.join("sealing.key");
    for told in [
        "Configuration",
        "0 accounts",
        &format!("made now: keep a copy of {}", key.display()),
        socket.to_str().unwrap(),
        "twostep --socket",
        "device add",
        " INFO ",
    ] {
        assert!(first.contains(told), "{told}: {first}");
    }
    assert!(!first.contains("{\"timestamp\""), "words, and no JSON: {first}");
    let file = folder.path().join("other.toml");
    std::fs::write(&file, "").unwrap();
    let again = start(&format!("--config {}", file.display()), "2");
    assert!(again.contains(file.to_str().unwrap()) && !again.contains("made now"), "{again}");
}
