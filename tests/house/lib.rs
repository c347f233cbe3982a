//! Tests of the source itself: layers, shape, words, licences and weight of dependencies.

#![cfg(test)]
#![allow(clippy::expect_used, reason = "a test that cannot read its own project has failed")]

mod comments;
mod exceptions;
mod layers;
mod rules;
mod shape;
mod spdx;
mod tree;
mod words;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use rules::{Rules, cargo};
use tree::files_under;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["common", "consts", "helpers", "manager", "types", "util", "utils"];

const MOST_FOLDERS: usize = 2;

#[test]
fn names_of_modules_say_their_content() {
    for file in files_under("src") {
        let named = file.iter().map(Path::new).filter_map(Path::file_stem);
        for name in named.filter_map(|name| name.to_str()) {
            assert!(!EMPTY_NAMES.contains(&name), "{file:?}: say what is in it");
        }
        for name in text(&file).lines().filter_map(module_named) {
            assert!(!EMPTY_NAMES.contains(&name), "{file:?}: `mod {name}` says nothing");
        }
    }
}

#[test]
fn folders_are_at_most_two_deep() {
    for file in files_under("src") {
        let folders = file.iter().count() - "src/file".split('/').count();
        assert!(folders <= MOST_FOLDERS, "{file:?} is {folders} folders down");
    }
}

/// A file beside `src` that `include` in Cargo.toml leaves out would break the published crate.
#[test]
fn every_file_that_the_sources_include_is_published() {
    let published = cargo(&["package", "--list", "--allow-dirty", "--offline"]);
    let published: BTreeSet<&str> = published.lines().collect();
    let mut count = 0;
    for file in files_under("src") {
        let text = text(&file);
        for included in
            text.split("include_str!(\"").skip(1).filter_map(|rest| rest.split('"').next())
        {
            let path = plain(&file.with_file_name(included));
            assert!(published.contains(path.as_str()), "{file:?} includes {path}");
            count += 1;
        }
    }
    assert!(count > 3, "{count} files are included");
}

#[test]
fn every_dependency_keeps_the_rules_of_deny_toml() {
    let faults = rules().faults(&metadata());
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn a_package_under_the_gpl_is_refused() {
    assert_refused("planted: licence GPL-3.0 is not allowed", |package, _| {
        package["license"] = json!("GPL-3.0");
    });
    assert_refused("planted: licence MIT AND GPL-3.0-only is not allowed", |package, _| {
        package["license"] = json!("MIT AND GPL-3.0-only");
    });
}

#[test]
fn a_package_without_a_licence_is_refused() {
    assert_refused("planted: no licence is named", |package, _| {
        package["license"] = Value::Null;
    });
}

#[test]
fn a_banned_package_or_feature_is_refused() {
    assert_refused("openssl-sys: banned, here in 1 versions", |package, _| {
        package["name"] = json!("openssl-sys");
    });
    assert_refused("hidapi: feature linux-native is banned", |package, node| {
        package["name"] = json!("hidapi");
        node["features"] = json!(["default", "linux-native"]);
    });
}

#[test]
fn a_second_sqlite_is_refused() {
    assert_refused("libsqlite3-sys: banned, here in 2 versions", |package, _| {
        package["name"] = json!("libsqlite3-sys");
    });
}

#[test]
fn a_package_from_git_or_another_registry_is_refused() {
    assert_refused("planted: not from a registry", |package, _| {
        package["source"] = json!("git+file:///somewhere");
    });
    assert_refused("more than one registry", |package, _| {
        package["source"] = json!("registry+file:///somewhere");
    });
    assert_refused("from a registry of its own", |package, _| {
        package["dependencies"] = json!([{ "name": "x", "registry": "file:///somewhere" }]);
    });
}

#[test]
fn one_time_codes_alone_are_light() {
    assert_weight(&["--no-default-features"], 25);
}

#[test]
fn reading_a_context_is_light() {
    assert_weight(&["--no-default-features", "--features", "validator"], 36);
    // As one counts by hand: `cargo tree -e normal --prefix none … | sort -u`, with this package
    // and what is there twice.
    let tree = [
        "tree",
        "--package",
        "twostep",
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--no-default-features",
        "--features",
        "validator",
    ];
    let printed = cargo(&tree);
    let lines: BTreeSet<&str> = printed.lines().filter(|line| !line.is_empty()).collect();
    assert!((10..=40).contains(&lines.len()), "{} lines: {lines:#?}", lines.len());
}

#[test]
fn a_guard_brings_neither_a_runtime_nor_a_server() {
    let guard = ["--no-default-features", "--features", "guard"];
    assert_weight(&guard, 62);
    let tree = cargo(
        &[&["tree", "--package", "twostep", "--edges", "normal", "--prefix", "none"], &guard[..]]
            .concat(),
    );
    for heavy in ["tokio", "hyper", "axum", "rusqlite", "hidapi"] {
        assert!(!tree.lines().any(|line| line.split(' ').next() == Some(heavy)), "{heavy}");
    }
}

/// Adds a harmless package to what cargo says, lets `spoil` change it and its node, and looks for
/// `fault`.
#[track_caller]
fn assert_refused(fault: &str, spoil: impl FnOnce(&mut Value, &mut Value)) {
    let mut metadata = metadata();
    let mut package = json!({
        "id": "planted", "name": "planted", "license": "MIT", "source": null, "dependencies": [],
    });
    let mut node = json!({ "id": "planted", "features": [] });
    spoil(&mut package, &mut node);
    for (list, planted) in [("/packages", package), ("/resolve/nodes", node)] {
        let list = metadata.pointer_mut(list).and_then(Value::as_array_mut);
        list.expect("a list of cargo's").push(planted);
    }
    let faults = rules().faults(&metadata);
    assert!(faults.len() == 1 && faults[0].contains(fault), "{faults:?}");
}

/// Counts the crates that a program takes on with these features; what build scripts use is not
/// among them.
#[track_caller]
fn assert_weight(features: &[&str], most: usize) {
    let tree =
        [&["tree", "--package", "twostep", "--edges", "normal", "--prefix", "none"], features]
            .concat();
    let printed = cargo(&tree);
    let crates: BTreeSet<Vec<&str>> = printed
        .lines()
        .map(|line| line.split_whitespace().take(2).collect())
        .filter(|name: &Vec<&str>| !name.is_empty() && name[0] != "twostep")
        .collect();
    let count = crates.len();
    assert!((1..=most).contains(&count), "{count} crates, {most} allowed: {crates:?}");
}

fn rules() -> Rules {
    Rules::parse(&text(&root().join("deny.toml")))
}

fn metadata() -> Value {
    let mut arguments = vec!["metadata", "--format-version", "1", "--all-features"];
    let targets = rules().targets;
    for target in &targets {
        arguments.extend(["--filter-platform", target]);
    }
    serde_json::from_str(&cargo(&arguments)).expect("cargo prints JSON")
}

/// The name in a line that begins a module.
fn module_named(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = line.strip_prefix("pub ").or(line.strip_prefix("pub(crate) ")).unwrap_or(line);
    line.strip_prefix("mod ")?.split([' ', ';', '{']).next()
}

/// The path without `..`.
fn plain(path: &Path) -> String {
    let mut plain = PathBuf::new();
    for part in path {
        if part == ".." {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain.display().to_string()
}

fn text(file: &Path) -> String {
    fs::read_to_string(root().join(file)).expect("a file that can be read")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the package is two folders down")
}
