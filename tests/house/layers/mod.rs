//! The map of the modules, as a test: a module imports only from rows below its own.
//!
//! Every spelling of an import is followed: `use` with and without braces, paths inside code,
//! `super`, a macro's `$crate`, paths in attributes. Spellings that cannot be followed are refused
//! (a second name for the crate, a glob of its root, source from elsewhere), and so are modules
//! without a row. Two files never import each other.

mod knots;
mod planted;
mod scan;
mod tokens;

use std::fs;
use std::path::{Path, PathBuf};

use knots::knots;
use scan::{What, scan};

/// Lowest first. Modules of one row do not know each other.
const ROWS: &[&[&str]] = &[
    &["http", "id", "random", "secret", "time", "xml"],
    &["otp", "pam_stack", "webauthn"],
    &["device", "usb", "testing"],
    &["import", "simulate", "store", "wire"],
    &["verifier"],
    &["fleet", "session"],
    &["policy"],
    &["aws"],
    &["agent", "client", "guard"],
    &["cli"],
];

/// A folder that must not know some crates and modules.
struct Closed {
    folder: &'static str,
    crates: &'static [&'static str],
    modules: &'static [&'static str],
    reason: &'static str,
}

const CLOSED: &[Closed] = &[Closed {
    folder: "agent/operations",
    crates: &["axum", "axum_core", "http", "hyper", "serde_json", "tower", "utoipa"],
    modules: &["agent::api", "agent::problem", "http"],
    reason: "an operation is called by every face of the agent, of which HTTP is one",
}];

impl Closed {
    fn refuses_crate(&self, name: &str) -> Option<String> {
        let refused = self.crates.contains(&name);
        refused.then(|| format!("`{}` must not name `{name}`: {}", self.folder, self.reason))
    }

    fn refuses_module(&self, place: &[String]) -> Option<String> {
        let place = place.join("::");
        let names = |module: &&&str| {
            place
                .strip_prefix(**module)
                .is_some_and(|it| it.is_empty() || it.starts_with("::"))
        };
        let module = self.modules.iter().find(names)?;
        Some(format!("`{}` must not import `{module}`: {}", self.folder, self.reason))
    }
}

/// Roots list the modules and have no row.
const ROOTS: &[&str] = &["lib.rs", "main.rs"];

#[test]
fn modules_import_only_downwards() {
    let src = crate::root().join("src");
    let faults = faults_under(&src);
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn no_two_files_import_each_other() {
    let knots = knots(&files_under(&crate::root().join("src")));
    assert!(knots.is_empty(), "{} knots\n{}\n", knots.len(), knots.join("\n"));
}

/// Every fault of every file below `src`, each as `src/file:line: what`.
fn faults_under(src: &Path) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, source) in files_under(src) {
        let found = faults_in(&name, &source);
        faults.extend(found.iter().map(|fault| format!("src/{name}:{fault}")));
    }
    faults
}

/// The files below `src`, each with its path from there and its text.
fn files_under(src: &Path) -> Vec<(String, String)> {
    let text = |file: &Path| fs::read_to_string(file).expect("a source file that can be read");
    let name = |file: &Path| {
        let name = file.strip_prefix(src).expect("a file below src");
        name.to_str().expect("a name in UTF-8").to_owned()
    };
    rust_files(src).iter().map(|file| (name(file), text(file))).collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder that can be read") {
        let path = entry.expect("an entry that can be read").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The faults of one file, named as it is below `src/`, each as `line: what`.
fn faults_in(name: &str, source: &str) -> Vec<String> {
    let module = module_of(name);
    let mut faults = Vec::new();
    if let Some(own) = module.first().filter(|own| row(own).is_none()) {
        faults.push(format!("1: `{own}` has no row: add it to ROWS in tests/house/layers"));
    }
    let below = |folder: &str| name.strip_prefix(folder).is_some_and(|it| it.starts_with('/'));
    let closed: Vec<_> = CLOSED.iter().filter(|closed| below(closed.folder)).collect();
    for found in scan(&module, source).found {
        let fault = match &found.what {
            What::Refused(why) => Some((*why).to_owned()),
            What::Place(place) => judge(&module[0], &place[0])
                .or_else(|| closed.iter().find_map(|closed| closed.refuses_module(place))),
            What::Crate(name) => closed.iter().find_map(|closed| closed.refuses_crate(name)),
        };
        faults.extend(fault.map(|fault| format!("{}: {fault}", found.line)));
    }
    faults
}

/// `otp/totp.rs` is `otp::totp`, `otp/mod.rs` is `otp`; the roots are the crate itself.
fn module_of(name: &str) -> Vec<String> {
    if ROOTS.contains(&name) {
        return Vec::new();
    }
    let path = name.strip_suffix("/mod.rs").or(name.strip_suffix(".rs"));
    path.expect("a Rust file").split('/').map(String::from).collect()
}

/// The reason why module `own` may not name module `target`.
fn judge(own: &str, target: &str) -> Option<String> {
    if own == target {
        return None;
    }
    match (row(target), row(own)) {
        (None, _) => Some(format!(
            "`{target}` is no module of the map: import from the module that defines it, \
             or add it to ROWS in tests/house/layers"
        )),
        _ if target == "testing" && own != "cli" => {
            Some(format!("`{own}` must not import `testing`: only `cli` may"))
        }
        (Some(below), Some(above)) if below >= above => {
            Some(format!("`{own}` must not import `{target}`"))
        }
        _ => None,
    }
}

fn row(module: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&module))
}
