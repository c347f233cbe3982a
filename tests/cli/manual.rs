//! `twostep man`: its pages, their language, the pager.

use std::fs;
use std::path::PathBuf;

use test_support::tools;

use super::program::{TWOSTEP, command, fed, twostep};

/// The pages of the manual, written into a folder.
fn pages() -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let written = twostep(&["man", folder.path().to_str().unwrap()], "");
    assert_eq!(written.exit, 0, "{written:?}");
    let pages = written.out.lines().map(PathBuf::from).collect();
    (folder, pages)
}

#[test]
fn every_page_says_files_variables_and_other_pages() {
    let (folder, pages) = pages();
    assert!(pages.len() > 40, "{pages:?}");
    for page in &pages {
        let roff = fs::read_to_string(page).unwrap();
        for section in ["NAME", "DESCRIPTION", "ENVIRONMENT", "FILES", "SEE ALSO"] {
            assert!(roff.contains(&format!("\n.SH {section}\n")), "{page:?}: no {section}");
        }
    }
    let page = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(page("twostep-device-add.1").contains(".SH EXAMPLES\n"));
    assert!(page("twostep-login.1").contains("TWOSTEP_MFA_CONTEXT"));
    assert!(page("twostep.toml.5").contains("devices_per_account = 8"));
    assert!(page("twostep.7").contains("protected account"));
}

#[test]
fn every_other_page_that_is_named_is_there() {
    let (folder, pages) = pages();
    for page in &pages {
        let roff = fs::read_to_string(page).unwrap();
        for named in roff.lines().filter_map(|line| line.strip_prefix(".BR ")) {
            let (name, section) = named.split_once(" (").unwrap();
            let name = name.replace('\\', "");
            let section = section.trim_end_matches([')', ',']);
            let file = folder.path().join(format!("{name}.{section}"));
            assert!(file.exists() || name == "pam_twostep", "{page:?} names {name}({section})");
        }
    }
}

#[test]
fn hidden_commands_are_in_no_page_and_in_no_help() {
    let (_folder, pages) = pages();
    let mut seen: String = pages.iter().map(|page| fs::read_to_string(page).unwrap()).collect();
    seen += &pages.iter().map(|page| page.display().to_string()).collect::<String>();
    for arguments in [&["help"][..], &["key", "--help"], &["man"]] {
        seen += &twostep(arguments, "").out;
    }
    for hidden in ["manage-in-child", "manage\\-in\\-child"] {
        assert!(!seen.contains(hidden), "{hidden}");
    }
}

#[test]
fn the_manual_is_clean_in_the_eyes_of_mandoc() {
    if !tools::have("mandoc") {
        return;
    }
    let (_folder, pages) = pages();
    let mut mandoc = command("mandoc");
    mandoc.args(["-T", "lint", "-W", "style"]).args(&pages);
    let judged = fed(mandoc, "");
    assert!(judged.exit == 0 && judged.out.is_empty(), "{}", judged.out);
    // Long lines and pages that are not installed here are of no interest.
    let mut mandoc = command("mandoc");
    let module = concat!(env!("CARGO_MANIFEST_DIR"), "/pam/pam_twostep.8");
    let judged = fed(
        {
            mandoc.args(["-T", "lint", "-W", "warning", module]);
            mandoc
        },
        "",
    );
    assert!(judged.exit == 0 && judged.out.is_empty(), "{}", judged.out);
}

#[test]
fn on_a_terminal_the_manual_opens_in_the_pager() {
    if !tools::have("script") {
        return;
    }
    // A viewer that tells what it was given.
    let folder = tempfile::tempdir().unwrap();
    let man = folder.path().join("man");
    fs::write(&man, "#!/bin/sh\necho \"shown: $*\"\ngrep -c '^.TH'\n").unwrap();
    assert!(
        command("chmod")
            .args(["755", man.to_str().unwrap()])
            .status()
            .unwrap()
            .success()
    );
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let mut script = command("script");
    script.args(["-qec", &format!("{TWOSTEP} man"), "/dev/null"]).env("PATH", path);
    let screen = fed(script, "").out;
    assert!(screen.contains("shown: -l -") && !screen.contains(".TH"), "{screen}");
    assert!(twostep(&["man"], "").out.starts_with(".TH TWOSTEP 7 "), "a pipe gets roff");
}
