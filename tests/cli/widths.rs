//! Output on terminals of any width, with and without colours, in UTF-8 and in ASCII.

use std::collections::BTreeSet;

use test_support::tools;
use unicode_width::UnicodeWidthStr;

use super::NOWHERE;
use super::program::{Agent, Ended, TWOSTEP, command, fed};

/// Widths of a phone, a terminal and a large screen.
const WIDTHS: [usize; 3] = [40, 80, 200];

fn at_width(width: usize, locale: &str, arguments: &[&str]) -> Ended {
    let mut command = command(TWOSTEP);
    command.env("COLUMNS", width.to_string()).env("LC_ALL", locale).args(arguments);
    fed(command, "")
}

/// Words that a fold leaves whole: all but the ends of the lines of a folded command.
fn words(text: &str) -> BTreeSet<String> {
    text.split_whitespace()
        .filter(|word| *word != "\\")
        .map(str::to_owned)
        .collect()
}

/// Lines are inside the page, but for a word that alone is wider.
#[track_caller]
fn assert_inside(text: &str, width: usize) {
    for line in text.lines() {
        let alone = line.trim_start().trim_end_matches(" \\").split(' ').count() == 1;
        assert!(line.width() <= width || alone, "{width} columns: {line:?} in\n{text}");
    }
}

/// The commands that have a page of the manual.
fn commands() -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let written = at_width(200, "C", &["man", folder.path().to_str().unwrap()]);
    assert_eq!(written.exit, 0, "{written:?}");
    let pages = std::fs::read_dir(folder.path()).unwrap();
    let name = |page: std::fs::DirEntry| page.file_name().into_string().unwrap();
    pages
        .filter_map(|page| Some(name(page.unwrap()).strip_suffix(".1")?.to_owned()))
        .collect()
}

/// The arguments behind the name of a page: `twostep-api-key-list` is `api-key list`.
fn arguments(page: &str) -> Vec<&str> {
    let rest = page.trim_start_matches("twostep").trim_start_matches('-');
    let whole = ["api-key", "pam-check"].into_iter().find(|name| rest.starts_with(name));
    let (first, rest) = rest.split_at(whole.map_or(0, str::len));
    let more = rest.trim_start_matches('-').split('-').filter(|word| !word.is_empty());
    std::iter::once(first).filter(|first| !first.is_empty()).chain(more).collect()
}

#[test]
fn help_is_inside_the_page_and_its_words_are_whole() {
    let pages = commands();
    assert!(pages.len() > 40, "{pages:?}");
    for page in pages {
        let mut arguments = arguments(&page);
        arguments.push("--help");
        let wide = at_width(500, "C.UTF-8", &arguments);
        if wide.exit != 0 {
            // A name with a dash among those of subcommands.
            continue;
        }
        for width in WIDTHS {
            let help = at_width(width, "C.UTF-8", &arguments);
            assert_inside(&help.out, width);
            assert_eq!(words(&help.out), words(&wide.out), "{arguments:?} at {width}");
        }
    }
}

#[test]
fn answers_and_errors_are_inside_the_page() {
    let agent = Agent::start("");
    for (serial, account) in
        [("GAHT12345678", "山田太郎"), ("GAHT12345679", "zoë.müller@example.org")]
    {
        agent.done(&["device", "add", "--account", account, "--serial", serial], "");
    }
    let socket = agent.socket();
    let socket = ["--socket", socket.to_str().unwrap()];
    let nowhere = ["--socket", NOWHERE];
    let asked: [(&[&str], &[&str]); 9] = [
        (&socket, &["device", "list"]),
        (&socket, &["device", "show", "GAHT12345678"]),
        (&socket, &["account", "list"]),
        (&socket, &["account", "show", "zoë.müller@example.org"]),
        (&socket, &["audit", "list"]),
        (&socket, &["fleet", "drift"]),
        (&socket, &["device", "show", "GAHT12345670"]),
        (&nowhere, &["device", "list"]),
        (&nowhere, &["device", "activate"]),
    ];
    for (socket, arguments) in asked {
        let all = [socket, arguments].concat();
        for width in WIDTHS {
            for locale in ["C.UTF-8", "C"] {
                let told = at_width(width, locale, &all);
                assert_inside(&told.out, width);
                assert_inside(&told.err, width);
                assert!(!told.out.contains('\u{1b}') && !told.err.contains('\u{1b}'), "{told:?}");
                assert!(!told.out.contains(['\u{1c}', '\u{1d}', '\u{1e}', '\u{1f}']), "{told:?}");
            }
        }
    }
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let agent = Agent::start("");
    agent.done(&["device", "add", "--account", "alice", "--serial", "GAHT12345678"], "");
    let listed = |colour: &str| agent.done(&["device", "list", "--color", colour], "").out;
    assert!(listed("always").starts_with("\u{1b}[1mACCOUNT"), "{}", listed("always"));
    assert!(listed("never").starts_with("ACCOUNT") && listed("auto").starts_with("ACCOUNT"));
    if !tools::have("script") {
        return;
    }
    let socket = agent.socket();
    for (variables, coloured) in [
        (&[("TERM", "xterm")][..], true),
        (&[("TERM", "xterm"), ("NO_COLOR", "1")], false),
        (&[("TERM", "xterm"), ("CI", "true")], true),
        (&[("TERM", "dumb")], false),
        (&[("TERM", "dumb"), ("CI", "true")], false),
        (&[("TERM", "xterm"), ("CLICOLOR", "0")], false),
    ] {
        let mut command = command("script");
        command.envs(variables.iter().copied());
        let line = format!("{TWOSTEP} --socket {} device list", socket.display());
        command.args(["-qec", &line, "/dev/null"]);
        let screen = fed(command, "");
        assert_eq!(screen.out.contains("\u{1b}[1mACCOUNT"), coloured, "{variables:?}: {screen:?}");
    }
}
