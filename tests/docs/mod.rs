//! The documents: README.md runs as a new user would type it, and so does the book; what is
//! generated in the book is what the program says today.
//!
//! A block of shell commands is run, in a house of its own (`house`) by a person who answers
//! prompts (`person`), unless a comment before it says why not.

#![allow(clippy::unwrap_used, reason = "a test that cannot do its part has failed")]

mod blocks;
mod book;
mod configuration;
mod errors;
mod generated;
mod houses;
mod http;
mod picture;
mod samples;
mod stranger;

use std::fs;
use std::path::Path;

use blocks::blocks;
use houses::House;
use stranger::Stranger;
use test_support::tools;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_readme_runs_line_by_line_in_a_clean_clone() {
    if !tools::have("root,unshare,ip,curl,oathtool,git") {
        return;
    }
    let house = House::of(&blocks(&read("README.md")), ".", "");
    house.add_service(&Stranger::new("reader").service());
    house.run("README.md");
}
