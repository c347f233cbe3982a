use super::*;

fn page(width: usize) -> Page {
    Page { width: Some(width), ..Page::default() }
}

fn rows(rows: &[&[&str]]) -> Vec<Vec<String>> {
    rows.iter()
        .map(|row| row.iter().map(|cell| (*cell).to_owned()).collect())
        .collect()
}

#[test]
fn columns_are_as_wide_as_their_widest_cell() {
    let drawn = table(&["NAME", "N"], &rows(&[&["a", "1"], &["longer", "2"]]));
    assert_eq!(Page::default().lay_out(&drawn), "NAME    N\na       1\nlonger  2\n");
}

#[test]
fn columns_stand_below_each_other_in_any_script() {
    for (cell, columns) in [
        ("alice", 5),
        ("山田太郎", 8),
        ("Zoe\u{308}", 3),
        ("🔑", 2),
        ("❤️", 2),
        ("👩‍💻", 2),
        ("ｱﾘｽ", 3),
        ("민준", 4),
        ("नेहा", 3),
        ("e\u{301}\u{302}", 1),
    ] {
        let twelve = "x".repeat(12);
        let drawn = table(&["NAME", "N"], &rows(&[&[cell, "1"], &[&twelve, "2"]]));
        let drawn = Page::default().lay_out(&drawn);
        let line = drawn.lines().nth(1);
        assert_eq!(line, Some(format!("{cell}{}1", " ".repeat(14 - columns)).as_str()), "{cell}");
        let named = facts(&[(cell, "1"), (&twelve, "2")]);
        assert_eq!(Page::default().lay_out(&named).lines().next(), line);
    }
}

#[test]
fn a_table_yields_its_widest_columns_first() {
    let drawn = table(&["SERIAL", "DRIFT"], &rows(&[&["GAHT1", "+3 steps (90 s)"]]));
    assert_eq!(
        page(22).lay_out(&drawn),
        "SERIAL  DRIFT\nGAHT1   +3 steps (90 s)\n"
            .replace("+3 steps (90 s)", "+3 steps (90\n        s)")
    );
}

#[test]
fn a_table_that_is_too_wide_becomes_facts() {
    let long = "arn:aws:iam::123456789012:mfa/alice";
    let drawn = table(&["SERIAL NUMBER", "STATE"], &rows(&[&["GAHT1", "active"], &[long, "x"]]));
    let below = format!("SERIAL NUMBER\n  {long}\nSTATE\n  x\n");
    assert_eq!(
        page(40).lay_out(&drawn),
        format!("SERIAL NUMBER  GAHT1\nSTATE          active\n\n{below}")
    );
}

#[test]
fn words_stay_whole_and_lines_inside_the_page() {
    let text = "  Note: the clock of this machine may be wrong by more than a minute.\n";
    let facts = facts(&[("Drift", "the clock loses 7.5 seconds a week (-12.4 ± 15.0 ppm)")]);
    let table = table(
        &["ACCOUNT", "SERIAL NUMBER", "KIND", "STATE", "LAST USED"],
        &rows(&[&["alice", "GAHT12345678", "totp", "active, held up", "3 minutes ago"]]),
    );
    for width in [20, 40, 57, 80, 200] {
        let laid_out = page(width).lay_out(&format!("{text}{facts}{table}"));
        let longest = laid_out.lines().map(UnicodeWidthStr::width).max();
        assert!(longest <= Some(width), "{width}:\n{laid_out}");
        let words = |text: &str| -> Vec<String> {
            let mut words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            words.sort();
            words.dedup();
            words
        };
        let whole = Page::default().lay_out(&format!("{text}{facts}{table}"));
        assert_eq!(words(&laid_out), words(&whole), "{width}");
    }
}

#[test]
fn a_folded_command_is_pasted_as_one() {
    let hint = "  Let them in: twostep account bypass alice --reason \"lost the phone in Rome\"";
    let lines = [
        "  Let them in:",
        "    twostep account bypass alice \\",
        "        --reason \"lost the phone in Rome\"",
    ];
    assert_eq!(page(44).lay_out(hint), lines.join("\n"));
}

#[test]
fn a_terminal_without_utf_8_gets_the_signs_that_it_has() {
    let page = Page { ascii: true, ..Page::default() };
    assert_eq!(page.lay_out("-12.4 ± 15.0 ppm …\n"), "-12.4 +- 15.0 ppm ...\n");
}

#[test]
fn colours_are_there_where_the_page_has_them() {
    let page = Page { colour: true, ..Page::default() };
    let drawn = page.lay_out(&table(&["NAME"], &rows(&[&["alice"]])));
    assert_eq!(drawn, "\u{1b}[1mNAME\u{1b}[0m\nalice\n");
    let said = page.complaint("no agent", &["Start one: twostep agent".to_owned()]);
    assert_eq!(said, "\u{1b}[1;31mtwostep:\u{1b}[0m no agent\n  Start one: twostep agent");
}
