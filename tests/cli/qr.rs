//! A QR code on a terminal is read by a camera's program, or the terminal says why there is none.

use std::path::Path;
use std::process::Command;

use test_support::tools;

use super::program::Agent;
use super::terminal::with_environment;

#[test]
fn a_drawn_qr_code_is_read_back() {
    if !tools::have("script,zbarimg") {
        return;
    }
    let agent = Agent::start("");
    let mut read = 0;
    for (number, (width, account)) in
        [(40, "zoe"), (80, "zoe"), (80, "zoe.mueller@accounts.example.org"), (200, "山田太郎")]
            .into_iter()
            .enumerate()
    {
        let environment = format!("COLUMNS={width} LC_ALL=C.UTF-8");
        let add = format!("device add --account {account} --serial WIDTH{number}");
        let shown = with_environment(&agent, &environment, &add, "").out;
        let words: Vec<&str> = shown.split_whitespace().collect();
        let uri = words.iter().find(|word| word.starts_with("otpauth://")).unwrap();
        let lines: Vec<&str> = shown.lines().filter(|line| line.contains(BLACK)).collect();
        if lines.is_empty() {
            let said = words.join(" ");
            assert!(said.contains("columns, and the terminal has"), "{width}: {said}");
            continue;
        }
        assert_eq!(seen_by_a_camera(&lines, agent.folder.path()), *uri, "{width}: {shown}");
        read += 1;
    }
    assert!(read >= 3, "{read} were drawn");
}

/// The text that zbarimg reads from a picture of these lines.
fn seen_by_a_camera(lines: &[&str], folder: &Path) -> String {
    let rows: Vec<Vec<bool>> = lines.iter().flat_map(|line| pixels(line)).collect();
    let width = rows.iter().map(Vec::len).max().unwrap();
    let mut picture = format!("P1\n{} {}\n", width * SCALE, rows.len() * SCALE);
    for row in rows.iter().flat_map(|row| std::iter::repeat_n(row, SCALE)) {
        for pixel in row.iter().flat_map(|pixel| std::iter::repeat_n(pixel, SCALE)) {
            picture.push(if *pixel { '1' } else { '0' });
        }
        picture.push('\n');
    }
    let file = folder.join("screen.pbm");
    std::fs::write(&file, picture).unwrap();
    let read = Command::new("zbarimg").args(["--quiet", "--raw"]).arg(&file).output().unwrap();
    String::from_utf8(read.stdout).unwrap().trim_end().to_owned()
}

/// The two rows of black and white in a line: its characters are black on white, and each has an
/// upper and a lower half.
fn pixels(line: &str) -> [Vec<bool>; 2] {
    let (_, line) = line.split_once(BLACK).unwrap();
    let drawn = line.split('\u{1b}').next().unwrap();
    let halves = drawn.chars().map(|character| match character {
        ' ' => (false, false),
        '\u{2580}' => (true, false),
        '\u{2584}' => (false, true),
        '\u{2588}' => (true, true),
        other => panic!("{other:?} in {line:?}"),
    });
    let (upper, lower) = halves.unzip();
    [upper, lower]
}

/// Black on white, which begins each line of a code.
const BLACK: &str = "\u{1b}[38;5;16;48;5;231m";

/// Pixels of a picture for a half of a character.
const SCALE: usize = 4;
