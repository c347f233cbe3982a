//! The map of the modules, as a test: a module imports only from rows below its own.
//!
//! Every spelling of an import is followed: `use` with and without braces, paths inside code,
//! `super`, a macro's `$crate`, paths in attributes. What cannot be followed (a second name for the
//! crate, a glob of its root, source from elsewhere) is refused, and so is a name that no row
//! knows.

mod planted;
mod scan;
mod tokens;

use scan::{What, scan};
use std::fs;
use std::path::{Path, PathBuf};

/// Lowest first. Modules of one row do not know each other.
const ROWS: &[&[&str]] = &[
    &["http", "id", "secret", "time"],
    &["otp", "webauthn"],
    &["device", "usb", "testing"],
    &["store", "wire"],
    &["verifier"],
    &["session"],
    &["policy"],
    &["agent", "client", "guard"],
    &["cli"],
];

/// These list the modules and have no row.
const ROOTS: &[&str] = &["lib.rs", "main.rs"];

#[test]
fn modules_import_only_downwards() {
    let src = crate::root().join("src");
    let faults = faults_under(&src);
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// Every fault of every file below `src`, each as `src/file:line: what`.
fn faults_under(src: &Path) -> Vec<String> {
    let mut faults = Vec::new();
    for file in rust_files(src) {
        let name = file.strip_prefix(src).expect("a file below src");
        let name = name.to_str().expect("a name in UTF-8");
        let source = fs::read_to_string(&file).expect("a source file that can be read");
        let found = faults_in(name, &source);
        faults.extend(found.iter().map(|fault| format!("src/{name}:{fault}")));
    }
    faults
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
    for found in scan(module.clone(), source) {
        let fault = match found.what {
            What::Refused(why) => Some(why.to_owned()),
            What::Module(target) => judge(&module[0], &target),
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

/// Why module `own` may not name module `target`.
fn judge(own: &str, target: &str) -> Option<String> {
    if own == target {
        return None;
    }
    match (row(target), row(own)) {
        (None, _) => Some(format!(
            "`{target}` is no module of the map: import from the module that defines it, or add it to ROWS in tests/house/layers"
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
