//! `twostep simulate`: table, document and picture, and clear errors for bad arguments.

use super::program::twostep;

const SMALL: [&str; 5] = ["simulate", "--tokens", "5", "--years", "2"];

fn simulate(arguments: &[&str]) -> [String; 2] {
    let ended = twostep(&[&SMALL, arguments].concat(), "");
    assert_eq!(ended.exit, 0, "{ended:?}");
    let arguments = [&["--json"], &SMALL[..], arguments].concat();
    let document = twostep(&arguments, "");
    assert_eq!(document.exit, 0, "{document:?}");
    [ended.out, document.out]
}

#[test]
fn a_simulation_prints_a_table_and_a_document() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("picture.svg");
    let [table, document] = simulate(&["--svg", file.to_str().unwrap(), "--attacks", "1"]);
    for words in ["YEAR", "ACCEPTED", "odds of a guess", "nothing known", "guesses accepted"] {
        assert!(table.contains(words), "{words}\n{table}");
    }
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["years"].as_array().unwrap().len(), 2);
    assert_eq!(document["policy"]["rule"], "model");
    assert!(document["total"]["counts"]["first_tries"].as_u64().unwrap() > 3_000, "{document}");
    assert_eq!(document["silence"].as_array().unwrap().len(), 5);

    let picture = std::fs::read_to_string(file).unwrap();
    let elements = elements(&picture);
    assert_eq!(elements[0], "svg");
    let bars = elements.iter().filter(|name| *name == "rect").count();
    assert_eq!(bars, 1 + 2 + 5, "the ground, two years, five histories");
}

/// The elements of a well-formed XML document without comments, in order.
fn elements(xml: &str) -> Vec<String> {
    let (mut open, mut all) = (Vec::new(), Vec::new());
    let (before, rest) = xml.split_once('<').unwrap();
    assert_eq!(before, "");
    for part in rest.split('<') {
        let (tag, text) = part.split_once('>').unwrap();
        assert!(!text.contains('>') && tag.matches('"').count() % 2 == 0, "{part}");
        let entities = text.split('&').skip(1);
        assert!(entities.into_iter().all(|entity| entity.contains(';')), "{text}");
        let name = tag.trim_matches('/').split(' ').next().unwrap().to_owned();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name));
        } else {
            all.push(name.clone());
            open.extend((!tag.ends_with('/')).then_some(name));
        }
        assert!(!open.is_empty() || text.trim().is_empty(), "text behind the root: {text}");
    }
    assert!(open.is_empty(), "{open:?}");
    all
}

#[test]
fn a_simulation_repeats_itself_and_differs_by_seed() {
    let same = simulate(&["--seed", "7"]);
    assert_eq!(simulate(&["--seed", "7"]), same);
    assert_ne!(simulate(&["--seed", "8"]), same);
}

#[test]
fn a_policy_decides_rule_and_parameters() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.toml");
    let name = file.to_str().unwrap();
    std::fs::write(&file, "rule = \"fixed:3\"\nperiod = 60\ndigits = 8\nalgorithm = \"SHA256\"\n")
        .unwrap();
    let [_, document] = simulate(&["--policy", name]);
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["policy"]["period"], 60);
    assert_eq!(document["total"]["mean_candidates"], 7.0);
    assert_eq!(document["total"]["guess_odds"], 7e-8);
    let [_, document] = simulate(&["--policy", name, "--rule", "today"]);
    assert!(document.contains("\"rule\": \"today\""), "{document}");

    for (text, fault) in [
        ("window = 3", "window"),
        ("rule = \"best\"", "a rule is model, today or fixed:N"),
        ("period = 5", "10 to 120 seconds"),
        ("codes_before_pair = 0", "1 to 10 codes"),
        ("rule =", "policy.toml"),
    ] {
        std::fs::write(&file, text).unwrap();
        let refused = twostep(&[&SMALL[..], &["--policy", name]].concat(), "");
        assert_eq!(refused.exit, 2, "{text}: {refused:?}");
        assert!(refused.err.contains(fault), "{text}: {refused:?}");
    }
    let missing = twostep(&[&SMALL[..], &["--policy", "not-there.toml"]].concat(), "");
    assert_eq!(missing.exit, 2, "{missing:?}");
}

#[test]
fn bad_arguments_are_refused_with_what_is_allowed() {
    for (arguments, fault) in [
        (["--rate", "12"], "normal:12"),
        (["--rate", "normal:nan"], "normal:12"),
        (["--place", "desert"], "office, outdoors or constant"),
        (["--use", "hourly"], "daily, weekly"),
        (["--delay", "700"], "MEDIAN"),
        (["--stock", "9-1"], "LEAST-MOST"),
        (["--jumps", "inf"], "0 to 100"),
        (["--attacks", "101"], "0 to 100"),
        (["--tokens", "0"], "1..=100000"),
        (["--years", "31"], "1..=30"),
        (["--rule", "fixed:101"], "0 to 100 steps"),
    ] {
        let refused = twostep(&[&["simulate"], &arguments[..]].concat(), "");
        assert_eq!(refused.exit, 2, "{arguments:?}: {refused:?}");
        assert!(refused.err.contains(fault), "{arguments:?}: {refused:?}");
    }
}
