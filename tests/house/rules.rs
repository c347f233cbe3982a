//! The rules of `deny.toml` that need no network, over the answer of `cargo metadata`.

use crate::spdx::allows;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

pub(crate) struct Rules {
    pub(crate) targets: Vec<String>,
    licences: Vec<String>,
    crates: Vec<Ban>,
    /// Crate, feature.
    features: Vec<(String, String)>,
}

struct Ban {
    name: String,
    /// One version of it is fine.
    only_many: bool,
}

impl Rules {
    /// Reads `deny.toml`. A rule that is not understood here is a mistake, not a rule less.
    pub(crate) fn parse(text: &str) -> Self {
        let deny: toml::Table = text.parse().expect("deny.toml is TOML");
        let bans = &deny["bans"];
        let known = ["crate", "reason", "deny-multiple-versions"];
        let crates = tables(&bans["deny"])
            .map(|ban| {
                let unknown = ban.keys().find(|key| !known.contains(&key.as_str()));
                assert_eq!(unknown, None, "a kind of ban that is not applied here");
                Ban {
                    name: text_of(&ban["crate"]),
                    only_many: ban
                        .get("deny-multiple-versions")
                        .is_some_and(|many| many.as_bool() == Some(true)),
                }
            })
            .collect();
        let features = tables(&bans["features"])
            .flat_map(|ban| {
                let name = text_of(&ban["crate"]);
                texts(&ban["deny"]).map(move |feature| (name.clone(), feature))
            })
            .collect();
        for kind in ["unknown-registry", "unknown-git"] {
            assert_eq!(deny["sources"][kind].as_str(), Some("deny"), "{kind}");
        }
        Self {
            targets: texts(&deny["graph"]["targets"]).collect(),
            licences: texts(&deny["licenses"]["allow"]).collect(),
            crates,
            features,
        }
    }

    /// Every fault of the packages that take part in a build of ours, and of the features they are
    /// built with.
    pub(crate) fn faults(&self, metadata: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        let mut versions: BTreeMap<&str, usize> = BTreeMap::new();
        let mut names: BTreeMap<&str, &str> = BTreeMap::new();
        let mut registries = BTreeSet::new();
        for package in list(&metadata["packages"]) {
            let name = package["name"].as_str().expect("a package has a name");
            names.insert(package["id"].as_str().expect("a package has an id"), name);
            *versions.entry(name).or_default() += 1;
            if let Err(fault) = self.licence(&package["license"]) {
                faults.push(format!("{name}: {fault}"));
            }
            match package["source"].as_str() {
                None => {}
                Some(source) if source.starts_with("registry+") => {
                    registries.insert(source);
                }
                Some(source) => faults.push(format!("{name}: not from a registry: {source}")),
            }
            faults.extend(
                list(&package["dependencies"])
                    .filter(|dependency| dependency["registry"].is_string())
                    .map(|dependency| {
                        format!("{name}: {} from a registry of its own", dependency["name"])
                    }),
            );
        }
        if registries.len() > 1 {
            faults.push(format!("more than one registry: {registries:?}"));
        }
        for ban in &self.crates {
            let count = versions.get(ban.name.as_str()).copied().unwrap_or_default();
            if count > usize::from(ban.only_many) {
                faults.push(format!("{}: banned, here in {count} versions", ban.name));
            }
        }
        for node in list(&metadata["resolve"]["nodes"]) {
            let name = node["id"].as_str().and_then(|id| names.get(id));
            for (banned, feature) in &self.features {
                if name == Some(&banned.as_str())
                    && list(&node["features"]).any(|have| have == feature.as_str())
                {
                    faults.push(format!("{banned}: feature {feature} is banned"));
                }
            }
        }
        faults
    }

    fn licence(&self, licence: &Value) -> Result<(), String> {
        let expression = licence.as_str().ok_or("no licence is named")?;
        match allows(&self.licences, expression) {
            Ok(true) => Ok(()),
            Ok(false) => Err(format!("licence {expression} is not allowed")),
            Err(fault) => Err(format!("licence {expression:?}: {fault}")),
        }
    }
}

/// Runs cargo on this package and answers what it prints. The lock file decides, so nothing is
/// looked up; what an earlier build did not fetch is fetched.
pub(crate) fn cargo(arguments: &[&str]) -> String {
    let run = Command::new(env!("CARGO"))
        .args(arguments)
        .arg("--locked")
        .current_dir(crate::root())
        .output()
        .expect("cargo runs");
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "cargo {arguments:?}: {errors}");
    String::from_utf8(run.stdout).expect("cargo prints UTF-8")
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().expect("a list").iter()
}

fn tables(value: &toml::Value) -> impl Iterator<Item = &toml::Table> {
    let list = value.as_array().expect("a list").iter();
    list.map(|ban| ban.as_table().expect("a table"))
}

fn texts(value: &toml::Value) -> impl Iterator<Item = String> {
    value.as_array().expect("a list").iter().map(text_of)
}

fn text_of(value: &toml::Value) -> String {
    value.as_str().expect("a text").to_owned()
}
