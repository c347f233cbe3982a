//! Says which tests were left out because a program they compare with is not installed, or the
//! rights of root that they need are not there.
//!
//! The program runs without the test harness, which hides the output of a passing test, and fails
//! with `TWOSTEP_TEST_ALL=1`, under which no test may be left out.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use test_support::tools;

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--list") {
        // Output that a runner expects of a harness when it lists tests.
        println!("left_out: test");
        return ExitCode::SUCCESS;
    }
    let mut tools: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let tests = tests_with_needs();
    let mut left_out = 0;
    for (name, needs) in &tests {
        let missing = tools.entry(needs.clone()).or_insert_with(|| tools::missing(needs));
        if !missing.is_empty() {
            eprintln!("left out: {name} (missing: {})", missing.join(", "));
            left_out += 1;
        }
    }
    let ran = tests.len() - left_out;
    eprintln!("tests that need a program from outside, or root: {ran} ran, {left_out} left out");
    if left_out > 0 {
        eprintln!("`tests/run`, as root, installs what is missing and runs them all");
    }
    ExitCode::from(u8::from(left_out > 0 && tools::all()))
}

/// Every function below `tests/` and `pam/tests/` that asks [`tools::have`], as its file and name,
/// and what it asks for.
fn tests_with_needs() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = ["tests", "pam/tests"]
        .map(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
        .to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let file = path.file_stem().unwrap_or_default().to_string_lossy();
                let source = fs::read_to_string(&path).unwrap_or_default();
                found.extend(
                    needs(&source)
                        .into_iter()
                        .map(|(test, needs)| (format!("{file}::{test}"), needs)),
                );
            }
        }
    }
    found.sort();
    found
}

fn needs(source: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut function = "";
    for line in source.lines().filter(|line| !line.trim_start().starts_with("//")) {
        if let Some((_, name)) = line.split_once("fn ") {
            function = name.split(['(', '<']).next().unwrap_or_default();
        }
        if let Some((_, asked)) = line.split_once("tools::have(\"") {
            let needs = asked.split('"').next().unwrap_or_default();
            found.push((function.to_owned(), needs.to_owned()));
        }
    }
    found
}
