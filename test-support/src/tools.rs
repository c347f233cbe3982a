//! Programs from outside that some tests compare with.
//!
//! Such a test begins with `if !tools::have("oathtool") { return }`, or `"python:pyotp"` for a
//! Python module in the version of `tests/requirements.txt`, `"venv:envoy"` for a program that lies
//! beside that Python, `"source:webauthn"` for a package that `tests/run` unpacks for its tests,
//! `"pam:pam_oath"` for a module of PAM, `"postgresql"` for the server, `"root"` for the rights of
//! root; several are separated by commas. `zz_left_out` finds these calls and tells what was left
//! out.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// True if every tool in `needs` is installed. Where `TWOSTEP_TEST_ALL` is set a missing tool is a
/// failure.
pub fn have(needs: &str) -> bool {
    let missing: Vec<&str> = missing(needs);
    assert!(missing.is_empty() || !all(), "missing: {missing:?}; tests/run installs them");
    missing.is_empty()
}

/// The tools among `needs` that are not here.
pub fn missing(needs: &str) -> Vec<&str> {
    needs.split(',').map(str::trim).filter(|tool| !is_here(tool)).collect()
}

/// True if leaving a test out is a failure.
pub fn all() -> bool {
    env::var_os("TWOSTEP_TEST_ALL").is_some_and(|set| set == "1")
}

/// The Python that holds the modules: `TWOSTEP_TEST_PYTHON`, or what `tests/run` made, or the one
/// on the path.
pub fn python() -> PathBuf {
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/test-venv/bin/python");
    match env::var_os("TWOSTEP_TEST_PYTHON") {
        Some(named) => named.into(),
        None if made.exists() => made,
        None => "python3".into(),
    }
}

/// A program that lies beside the Python that holds the modules.
pub fn beside_python(program: &str) -> PathBuf {
    python().with_file_name(program)
}

/// The version of a Python module that the tests are written against, where its package has the
/// module's name.
fn pinned(module: &str) -> Option<&'static str> {
    let packages = include_str!("../../tests/requirements.txt").lines();
    packages
        .filter_map(|line| line.split_once("=="))
        .find_map(|(package, version)| {
            (package.replace('-', "_") == module).then_some(version.trim())
        })
}

pub(crate) fn is_root() -> bool {
    nix::unistd::Uid::effective().is_root()
}

/// True if PAM has the module, in the folder of any architecture.
fn has_module(module: &str) -> bool {
    let folders = std::fs::read_dir("/lib").into_iter().flatten().flatten();
    let mut folders = folders.map(|entry| entry.path()).chain([PathBuf::from("/lib")]);
    folders.any(|folder| folder.join("security").join(format!("{module}.so")).is_file())
}

fn is_here(tool: &str) -> bool {
    if let Some(program) = tool.strip_prefix("venv:") {
        return beside_python(program).is_file();
    }
    if let Some(package) = tool.strip_prefix("source:") {
        // Beside the Python's own `bin`.
        return python()
            .parent()
            .and_then(Path::parent)
            .is_some_and(|venv| venv.join("sources").join(package).is_dir());
    }
    if tool == "root" {
        return is_root();
    }
    if let Some(module) = tool.strip_prefix("pam:") {
        return has_module(module);
    }
    if tool == "postgresql" {
        return crate::postgres::programs().is_some();
    }
    match tool.strip_prefix("python:") {
        Some(module) => {
            let mut python = Command::new(python());
            // Another version may judge otherwise: a test that compares with it would tell nothing.
            let version = match pinned(module) {
                Some(version) => format!(
                    "import importlib.metadata\n\
                     assert importlib.metadata.version('{module}') == '{version}'"
                ),
                None => String::new(),
            };
            python.args(["-c", &format!("import {module}\n{version}")]);
            python.stdout(Stdio::null()).stderr(Stdio::null());
            python.status().is_ok_and(|status| status.success())
        }
        None => {
            let path = env::var_os("PATH").unwrap_or_default();
            env::split_paths(&path).any(|folder| folder.join(tool).is_file())
        }
    }
}
