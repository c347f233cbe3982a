//! The party that performs each step; the relying party's steps all have tests.

use std::collections::BTreeMap;

/// The party that performs a step.
enum By {
    /// The relying party: at least one test accepts and one refuses.
    Us,
    /// Another party or none, with the reason.
    Other(&'static str),
}

use By::{Other, Us};

/// WebAuthn L3 §7.1, from step 1.
const REGISTRATION: [By; 29] = [
    Us,
    Other("the client calls navigator.credentials.create(); if it fails, nothing arrives"),
    Us,
    Other("names a variable; unknown members of it are not read, and step 28 judges what is"),
    Us,
    Us,
    Us,
    Us,
    Us,
    Us,
    Us,
    Us,
    Us,
    Us,
    Us,
    Us,
    Us,
    Other("a policy of one's own: keys that may be backed up are accepted, and step 27 records it"),
    Other("a policy of one's own: keys that are backed up are accepted, and step 27 records it"),
    Us,
    Us,
    Us,
    Us,
    Us,
    Us,
    Us,
    Us,
    Us,
    Other("the store keeps the record with the account that the state belongs to"),
];

/// WebAuthn L3 §7.2, from step 1.
const AUTHENTICATION: [By; 25] = [
    Us,
    Other("the client calls navigator.credentials.get(); if it fails, nothing arrives"),
    Us,
    Other("names a variable; unknown members of it are not read, and step 23 judges what is"),
    Us,
    Us,
    Us,
    Us,
    Us,
    Us,
    Us,
    Us,
    Us,
    Us,
    Us,
    Us,
    Us,
    Us,
    Us,
    Us,
    Us,
    Us,
    Us,
    Other("the store writes the record in the transaction that decides, if it has not moved"),
    Other("the verifier answers once that is written"),
];

#[test]
fn every_step_of_ours_is_tested_both_ways() {
    let sources = [
        include_str!("authentication.rs"),
        include_str!("registration.rs"),
        include_str!("statements.rs"),
        include_str!("tpm.rs"),
        include_str!("u2f.rs"),
        include_str!("unasked.rs"),
    ];
    let mut tests: BTreeMap<(u8, usize), (usize, usize)> = BTreeMap::new();
    for name in sources
        .iter()
        .flat_map(|source| source.lines())
        .filter_map(|line| line.strip_prefix("fn step_7_"))
    {
        let (section, rest) = name.split_once('_').unwrap();
        let (step, rest) = rest.split_once('_').unwrap();
        let (accepting, refusing) =
            tests.entry((section.parse().unwrap(), step.parse().unwrap())).or_default();
        *(if rest.starts_with("refuses_") { refusing } else { accepting }) += 1;
    }
    for (section, steps) in [(1, &REGISTRATION[..]), (2, &AUTHENTICATION[..])] {
        for (number, by) in (1..).zip(steps) {
            let (accepting, refusing) = tests.remove(&(section, number)).unwrap_or_default();
            match by {
                Us => assert!(
                    accepting > 0 && refusing > 0,
                    "§7.{section} step {number}: {accepting} accept, {refusing} refuse"
                ),
                Other(why) => {
                    assert!(
                        accepting + refusing == 0 && !why.is_empty(),
                        "§7.{section} step {number} is tested, and is not ours: {why}"
                    )
                }
            }
        }
    }
    assert!(tests.is_empty(), "tests of steps that do not exist: {tests:?}");
}
